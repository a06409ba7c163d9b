// SPDX-License-Identifier: Apache-2.0
/* What the driver did, a line each, with the time that the books and core's log have, too. */
#include "chaos.h"

#include <stdarg.h>

#define LAST_LINES 24
#define LINE_MAX   160

static char last[LAST_LINES][LINE_MAX];
static unsigned n_lines;

void history_open(struct chaos *c)
{
	auto_free char *path = path_join(c->w.dir, "history");

	c->history = path ? fopen(path, "we") : NULL;
	if (!c->history)
		abort();
	setvbuf(c->history, NULL, _IOLBF, 0);
}

void history(struct chaos *c, const char *fmt, ...)
{
	char *line = last[n_lines++ % LAST_LINES];
	va_list ap;
	int n;

	n = snprintf(line, LINE_MAX, "%llu step %u: ", (unsigned long long) now(CLOCK_BOOTTIME),
	             c->step);
	va_start(ap, fmt);
	(void) vsnprintf(line + n, LINE_MAX - (size_t) n, fmt, ap);
	va_end(ap);
	if (c->history)
		fprintf(c->history, "%s\n", line);
}

void history_print_last(_unused_ struct chaos *c)
{
	for (unsigned i = n_lines > LAST_LINES ? n_lines - LAST_LINES : 0; i < n_lines; i++)
		printf("# %s\n", last[i % LAST_LINES]);
	n_lines = 0;
}
