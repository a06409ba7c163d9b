// SPDX-License-Identifier: Apache-2.0
/*
 * calendar-next.c - when a calendar event happens next.
 *
 * The search runs over civil time, field by field from the year down: the first date and time at or after the start that every
 * field allows. Only what it finds is turned into an instant, in the event's time zone. An hour that the clocks skip does not
 * exist, so the search goes on behind it; one that comes twice counts once.
 */
#include "unitfile/calendar.h"

#include <limits.h>
#include <stdio.h>
#include <time.h>

#define ATTEMPTS_MAX 1000U
/* 400 years are a full cycle of the Gregorian calendar, but nothing lies behind CALENDAR_YEAR_MAX anyway. */
#define DAYS_MAX (366U * (CALENDAR_YEAR_MAX - CALENDAR_YEAR_MIN + 1))

struct civil {
	int fields[CALENDAR_FIELDS];
};

static const int first_values[CALENDAR_FIELDS] = {[CALENDAR_MONTH] = 1, [CALENDAR_DAY] = 1};

static bool is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

static int field_max(const struct civil *t, enum calendar_field f)
{
	switch (f) {
	case CALENDAR_YEAR:
		return CALENDAR_YEAR_MAX;
	case CALENDAR_MONTH:
		return 12;
	case CALENDAR_DAY:
		return days_in_month(t->fields[CALENDAR_YEAR], t->fields[CALENDAR_MONTH]);
	case CALENDAR_HOUR:
		return 23;
	case CALENDAR_MINUTE:
		return 59;
	default:
		return 60 * SECOND - 1;
	}
}

/* Monday is 0 (Sakamoto's congruence). */
static int weekday(int year, int month, int day)
{
	static const int offsets[] = {0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4};

	year -= month < 3;
	return (year + year / 4 - year / 100 + year / 400 + offsets[month - 1] + day + 6) % 7;
}

/* The least value >= @from that one component allows, or -1. */
static int component_next(const struct calendar_component *c, int start, int stop, int from)
{
	int64_t v;

	if (from <= start)
		return start;
	if (c->repeat <= 0)
		return -1;
	v = start + ((int64_t) from - start + c->repeat - 1) / c->repeat * c->repeat;
	return v > INT_MAX || (stop >= 0 && v > stop) ? -1 : (int) v;
}

/* The least value >= t's that field @f allows in t's month and year; -1 if there is none. */
static int field_next(const struct calendar_spec *spec, const struct civil *t,
                      enum calendar_field f)
{
	int from = t->fields[f], max = field_max(t, f), best = -1;

	if (from > max)
		return -1;
	if (!spec->fields[f])
		return from;
	for (const struct calendar_component *c = spec->fields[f]; c; c = c->next) {
		int start = c->start, stop = c->stop, v;

		/* "~1" is the last day; a range then runs backwards. */
		if (f == CALENDAR_DAY && spec->end_of_month) {
			start = max + 1 - c->start;
			if (stop > 0) {
				int end = max + 1 - c->stop;

				stop = start;
				start = end;
			}
		}
		v = component_next(c, start, stop, from);
		if (v >= 0 && v <= max && (best < 0 || v < best))
			best = v;
	}
	return best;
}

static void reset_below(struct civil *t, int f)
{
	while (++f < CALENDAR_FIELDS)
		t->fields[f] = first_values[f];
}

/* Advances @t to the first match at or after it. -ENOENT: there is none. */
static int civil_next(const struct calendar_spec *spec, struct civil *t)
{
	int f = CALENDAR_YEAR;
	unsigned days = 0;

	while (f < CALENDAR_FIELDS) {
		int v = field_next(spec, t, (enum calendar_field) f);

		if (v < 0) {
			/* Nothing left here: one more in the field above, and from its beginning on. */
			if (f == CALENDAR_YEAR)
				return -ENOENT;
			f--;
			t->fields[f]++;
			reset_below(t, f);
			continue;
		}
		if (v > t->fields[f]) {
			t->fields[f] = v;
			reset_below(t, f);
		}
		if (f == CALENDAR_DAY && spec->weekdays > 0 &&
		    !(spec->weekdays &
		      1 << weekday(t->fields[CALENDAR_YEAR], t->fields[CALENDAR_MONTH], v))) {
			if (++days > DAYS_MAX)
				return -ENOENT;
			t->fields[f]++;
			reset_below(t, f);
			continue;
		}
		f++;
	}
	return 0;
}

static int civil_from_usec(usec_t u, bool utc, struct civil *ret)
{
	time_t t = (time_t) (u / USEC_PER_SEC);
	struct tm tm;

	if (!(utc ? gmtime_r(&t, &tm) : localtime_r(&t, &tm)))
		return -ERANGE;
	ret->fields[CALENDAR_YEAR] = tm.tm_year + 1900;
	ret->fields[CALENDAR_MONTH] = tm.tm_mon + 1;
	ret->fields[CALENDAR_DAY] = tm.tm_mday;
	ret->fields[CALENDAR_HOUR] = tm.tm_hour;
	ret->fields[CALENDAR_MINUTE] = tm.tm_min;
	ret->fields[CALENDAR_USEC] = MIN(tm.tm_sec, 59) * SECOND + (int) (u % USEC_PER_SEC);
	return 0;
}

/* 1 if there is such a time with that daylight saving (-1: as the C library sees fit). */
static int try_instant(const struct civil *c, bool utc, int dst, time_t *ret)
{
	struct tm tm = {
		.tm_year = c->fields[CALENDAR_YEAR] - 1900,
		.tm_mon = c->fields[CALENDAR_MONTH] - 1,
		.tm_mday = c->fields[CALENDAR_DAY],
		.tm_hour = c->fields[CALENDAR_HOUR],
		.tm_min = c->fields[CALENDAR_MINUTE],
		.tm_sec = c->fields[CALENDAR_USEC] / SECOND,
		.tm_isdst = dst,
	};
	struct tm asked = tm;
	time_t t = utc ? timegm(&tm) : mktime(&tm);

	/* A time that does not exist comes back as another one. */
	if (t < 0 || tm.tm_sec != asked.tm_sec || tm.tm_min != asked.tm_min ||
	    tm.tm_hour != asked.tm_hour || tm.tm_mday != asked.tm_mday)
		return 0;
	*ret = t;
	return 1;
}

/* 0 if that time does not exist on this day, or not with the daylight saving that is asked for. Of two the first. */
static int civil_to_usec(const struct civil *c, const struct calendar_spec *spec, usec_t *ret)
{
	bool any = spec->utc || spec->dst < 0, found = false;
	time_t best = 0, t;

	for (int dst = -1; dst <= 1; dst++) {
		if (!any && dst != spec->dst)
			continue;
		if (try_instant(c, spec->utc, dst, &t) && (!found || t < best)) {
			best = t;
			found = true;
		}
		if (spec->utc)
			break;
	}
	if (found)
		*ret = (usec_t) best * USEC_PER_SEC + (usec_t) (c->fields[CALENDAR_USEC] % SECOND);
	return found;
}

static int next_in_zone(const struct calendar_spec *spec, usec_t after, usec_t *ret)
{
	struct civil t;
	int r = civil_from_usec(after + 1, spec->utc, &t);

	for (unsigned i = 0; r >= 0 && i < ATTEMPTS_MAX; i++) {
		usec_t found;

		r = civil_next(spec, &t);
		if (r < 0)
			break;
		if (civil_to_usec(&t, spec, &found) > 0 && found > after) {
			*ret = found;
			return 0;
		}
		t.fields[CALENDAR_USEC]++;
	}
	return -ENOENT;
}

/* The C library knows one zone at a time: ours, until the caller's is put back. */
static int enter_zone(const char *zone, char **ret_saved)
{
	auto_free char *tz = str_printf(":%s", zone), *saved = NULL;
	const char *old = getenv("TZ");

	if (!tz || (old && !(saved = strdup(old))))
		return -ENOMEM;
	if (setenv("TZ", tz, 1) < 0)
		return -errno;
	tzset();
	*ret_saved = TAKE_PTR(saved);
	return 0;
}

static void leave_zone(const char *saved)
{
	if (saved)
		(void) setenv("TZ", saved, 1);
	else
		(void) unsetenv("TZ");
	tzset();
}

int calendar_next(const struct calendar_spec *c, usec_t after_realtime, usec_t *ret)
{
	auto_free char *saved = NULL;
	int r;

	if (after_realtime >= (usec_t) INT64_MAX / 2)
		return -ENOENT;
	if (!c->timezone) {
		tzset();
		return next_in_zone(c, after_realtime, ret);
	}
	r = enter_zone(c->timezone, &saved);
	if (r < 0)
		return r;
	r = next_in_zone(c, after_realtime, ret);
	leave_zone(saved);
	return r;
}
