// SPDX-License-Identifier: Apache-2.0
/* calendar-format.c - the normal form of a calendar event: systemd.time(7) "Calendar Events". */
#include "unitfile/calendar.h"

#include <time.h>

static void put_number(struct strbuf *b, int v, int width, bool seconds)
{
	strbuf_printf(b, "%0*d", width, seconds ? v / SECOND : v);
	if (seconds && v % SECOND)
		strbuf_printf(b, ".%06d", v % SECOND);
}

static void put_list(struct strbuf *b, const struct calendar_component *c, int width, bool seconds)
{
	int step = seconds ? SECOND : 1;

	if (!c || (seconds && c->start == 0 && c->stop < 0 && c->repeat == SECOND && !c->next)) {
		strbuf_puts(b, "*");
		return;
	}
	for (; c; c = c->next) {
		put_number(b, c->start, width, seconds);
		if (c->stop > 0) {
			strbuf_puts(b, "..");
			put_number(b, c->stop, width, seconds);
		}
		if (c->repeat > 0 && !(c->stop > 0 && c->repeat == step)) {
			strbuf_puts(b, "/");
			put_number(b, c->repeat, 1, seconds);
		}
		if (c->next)
			strbuf_puts(b, ",");
	}
}

static void put_weekdays(struct strbuf *b, int bits)
{
	const char *separator = "";

	for (int from = 0; from < 7; from++) {
		int to = from;

		if (!(bits & 1 << from))
			continue;
		while (to < 6 && bits & 1 << (to + 1))
			to++;
		strbuf_printf(b, "%s%s", separator, calendar_days[from][1]);
		if (to > from)
			strbuf_printf(b, "%s%s", to > from + 1 ? ".." : ",", calendar_days[to][1]);
		separator = ",";
		from = to;
	}
	strbuf_puts(b, " ");
}

int calendar_format(const struct calendar_spec *c, char **ret)
{
	auto_strbuf struct strbuf b = {0};
	static const char separators[CALENDAR_FIELDS] = {'-', '-', ' ', ':', ':', 0};

	if (c->weekdays > 0)
		put_weekdays(&b, c->weekdays);
	for (size_t i = 0; i < CALENDAR_FIELDS; i++) {
		char separator = i == CALENDAR_MONTH && c->end_of_month ? '~' : separators[i];

		put_list(&b, c->fields[i], i == CALENDAR_YEAR ? 4 : 2, i == CALENDAR_USEC);
		if (separator)
			strbuf_add(&b, &separator, 1);
	}
	if (c->utc) {
		strbuf_puts(&b, " UTC");
	} else if (c->timezone) {
		strbuf_printf(&b, " %s", c->timezone);
	} else if (c->dst >= 0) {
		tzset();
		strbuf_printf(&b, " %s", tzname[c->dst]);
	}
	return strbuf_take(&b, ret);
}
