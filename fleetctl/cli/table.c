// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include <wchar.h>

#define COLUMNS_MAX 12

struct table {
	size_t n_columns;
	char **cells;
	int error;
};

struct table *table_new(const char *const *columns)
{
	struct table *t = calloc(1, sizeof(*t));

	for (; t && columns[t->n_columns]; t->n_columns++)
		if (t->n_columns >= COLUMNS_MAX ||
		    strv_append(&t->cells, columns[t->n_columns]) < 0)
			t->error = -ENOMEM;
	return t;
}

void table_cell(struct table *t, const char *text)
{
	if (!t || t->error)
		return;
	t->error = strv_append(&t->cells, str_is_empty(text) ? "-" : text);
}

/* Terminal columns of UTF-8 text, near enough: one a code point. */
static size_t width_of(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char) *s & 0xc0) != 0x80;
	return n;
}

/* What machines report is not to steer anybody's terminal. */
static void put_safely(const char *s)
{
	for (; *s; s++)
		putchar((unsigned char) *s < 0x20 || *s == 0x7f ? '?' : *s);
}

void table_print(struct table *t)
{
	size_t widths[COLUMNS_MAX] = {}, n = t ? strv_length(t->cells) : 0;

	if (!t || t->error) {
		complain(EXIT_FAILED, "Out of memory");
		n = 0;
	}
	for (size_t i = 0; i < n; i++)
		widths[i % t->n_columns] = MAX(widths[i % t->n_columns], width_of(t->cells[i]));
	for (size_t i = 0; i < n; i++) {
		size_t column = i % t->n_columns;
		bool last = column == t->n_columns - 1;

		put_safely(t->cells[i]);
		for (size_t pad = width_of(t->cells[i]); !last && pad < widths[column] + 2; pad++)
			putchar(' ');
		if (last)
			putchar('\n');
	}
	if (t)
		strv_free(t->cells);
	free(t);
}

const char *age_format(char *buf, size_t size, uint64_t realtime_usec)
{
	usec_t age = usec_sub(now(CLOCK_REALTIME), realtime_usec);
	char span[SPAN_TEXT_MAX];

	if (realtime_usec == 0)
		snprintf(buf, size, "never");
	else if (age < USEC_PER_SEC)
		snprintf(buf, size, "now");
	else
		snprintf(buf, size, "%s ago",
		         span_format(span, sizeof(span), age,
		                     age > USEC_PER_DAY    ? USEC_PER_HOUR
		                     : age > USEC_PER_HOUR ? USEC_PER_MINUTE
		                                           : USEC_PER_SEC));
	return buf;
}

int print_json(const cJSON *o)
{
	auto_free char *text = json_print(o, isatty(STDOUT_FILENO));

	if (!text)
		return complain(EXIT_FAILED, "Out of memory");
	puts(text);
	return EXIT_OK;
}

int complain(int exit_code, const char *fmt, ...)
{
	va_list args;

	fputs("fleetctl: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	return exit_code;
}
