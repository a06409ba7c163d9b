// SPDX-License-Identifier: Apache-2.0
#include "sctl/sctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <wchar.h>

void table_init(struct table *t, const char *const *header, size_t n_columns)
{
	*t = (struct table){.header = header, .n_columns = n_columns};
}

void table_add(struct table *t, const char *const *cells)
{
	char **more = reallocarray(t->cells, (t->n_rows + 1) * t->n_columns, sizeof(*more));

	if (!more)
		exit(error_exit(EXIT_FAILED, "Out of memory"));
	t->cells = more;
	for (size_t c = 0; c < t->n_columns; c++)
		t->cells[t->n_rows * t->n_columns + c] = strdup(cells[c] ? cells[c] : "");
	t->n_rows++;
}

/* Columns of a terminal that the text takes: its characters, not its bytes. */
static size_t text_width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char) *s & 0xc0) != 0x80;
	return n;
}

static void print_row(const char *const *cells, const size_t *width, size_t n)
{
	for (size_t c = 0; c < n; c++) {
		fputs(cells[c], stdout);
		if (c + 1 < n)
			printf("%*s", (int) (width[c] - text_width(cells[c]) + 1), "");
	}
	putchar('\n');
}

void table_print(const struct table *t, bool legend)
{
	auto_free size_t *width = calloc(t->n_columns, sizeof(*width));

	if (!width)
		return;
	for (size_t c = 0; c < t->n_columns; c++) {
		if (legend && t->header)
			width[c] = text_width(t->header[c]);
		for (size_t r = 0; r < t->n_rows; r++)
			width[c] = MAX(width[c], text_width(t->cells[r * t->n_columns + c]));
	}
	if (legend && t->header) {
		fputs(COLOUR_BOLD, stdout);
		print_row(t->header, width, t->n_columns);
		fputs(COLOUR_OFF, stdout);
	}
	for (size_t r = 0; r < t->n_rows; r++) {
		const char *const *row = (const char *const *) &t->cells[r * t->n_columns];

		print_row(row, width, t->n_columns);
	}
}

void table_done(struct table *t)
{
	for (size_t i = 0; i < t->n_rows * t->n_columns; i++)
		free(t->cells[i]);
	free(t->cells);
	*t = (struct table){0};
}

void print_json(const cJSON *j)
{
	auto_free char *text = json_print(j, isatty(STDOUT_FILENO));

	puts(text ? text : "{}");
}

bool use_colour(void)
{
	static int colour = -1;

	if (colour < 0)
		colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR") && !arg.plain;
	return colour;
}

const char *state_colour(const char *active)
{
	if (!use_colour())
		return "";
	if (streq(active, "active") || streq(active, "reloading"))
		return "\033[32m";
	if (streq(active, "failed"))
		return "\033[31m";
	if (streq(active, "activating") || streq(active, "deactivating"))
		return "\033[33m";
	return "\033[2m";
}

const char *age_format(char *buf, size_t size, usec_t realtime)
{
	char span[SPAN_TEXT_MAX];
	usec_t age = usec_sub(now(CLOCK_REALTIME), realtime);

	span_format(span, sizeof(span), age,
	            age > USEC_PER_HOUR       ? USEC_PER_MINUTE
	            : age > 10 * USEC_PER_SEC ? USEC_PER_SEC
	                                      : USEC_PER_MSEC);
	snprintf(buf, size, "%s ago", span);
	return buf;
}

const char *bytes_format(char *buf, size_t size, uint64_t bytes)
{
	static const char units[] = "BKMGTP";
	double v = (double) bytes;
	size_t u = 0;

	while (v >= 1024 && u + 2 < sizeof(units)) {
		v /= 1024;
		u++;
	}
	snprintf(buf, size, u ? "%.1f%c" : "%.0f%c", v, units[u]);
	return buf;
}

int error_exit(int code, const char *fmt, ...)
{
	va_list ap;

	if (arg.quiet)
		return code;
	fflush(stdout);
	fputs("sctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return code;
}
