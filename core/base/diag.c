// SPDX-License-Identifier: Apache-2.0
#include "base/diag.h"

#include "base/log.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const diag_level_table[] = {
	[DIAG_INFO] = "info",
	[DIAG_WARNING] = "warning",
	[DIAG_ERROR] = "error",
};

const char *diag_level_to_string(enum diag_level level)
{
	return ENUM_TO_STRING(diag_level_table, (int) level);
}

int diag_add(struct diag *d, int error, enum diag_level level, const char *file, unsigned line,
             const char *fmt, ...)
{
	struct diag_item *i;
	va_list ap;

	if (!d)
		return error;
	if (d->n_items >= DIAG_ITEMS_MAX) {
		d->n_dropped++;
		return error;
	}
	i = &d->items[d->n_items++];
	i->level = level;
	i->error = error;
	i->line = line;
	(void) snprintf(i->file, sizeof(i->file), "%s", file ?: "");
	errno = error < 0 ? -error : error; /* for %m */
	va_start(ap, fmt);
	(void) vsnprintf(i->text, sizeof(i->text), fmt, ap);
	va_end(ap);
	return error;
}

static void diag_format(const struct diag_item *i, char *buf, size_t size)
{
	if (!i->file[0])
		(void) snprintf(buf, size, "%s", i->text);
	else if (i->line == 0)
		(void) snprintf(buf, size, "%s: %s", i->file, i->text);
	else
		(void) snprintf(buf, size, "%s:%u: %s", i->file, i->line, i->text);
}

const char *diag_first(const struct diag *d, char *buf, size_t size)
{
	const struct diag_item *best = NULL;

	if (size == 0)
		return "";
	buf[0] = 0;
	for (size_t i = 0; d && i < d->n_items; i++)
		if (!best || d->items[i].level > best->level)
			best = &d->items[i];
	if (best)
		diag_format(best, buf, size);
	return buf;
}

void diag_log(const struct diag *d, const char *subject)
{
	static const int levels[] = {
		[DIAG_INFO] = LOG_INFO,
		[DIAG_WARNING] = LOG_WARNING,
		[DIAG_ERROR] = LOG_ERR,
	};
	char text[DIAG_FILE_MAX + DIAG_TEXT_MAX + 16];

	for (size_t i = 0; d && i < d->n_items; i++) {
		const struct diag_item *item = &d->items[i];

		diag_format(item, text, sizeof(text));
		(void) log_full(levels[item->level], item->error, subject, __FILE__, __LINE__,
		                "%s%s%s", subject ?: "", subject ? ": " : "", text);
	}
	if (d && d->n_dropped > 0)
		(void) log_full(LOG_WARNING, 0, subject, __FILE__, __LINE__,
		                "%s%s%zu more findings were dropped", subject ?: "",
		                subject ? ": " : "", d->n_dropped);
}
