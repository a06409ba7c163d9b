// SPDX-License-Identifier: Apache-2.0
/* calendar.c - calendar events from text: systemd.time(7) "Calendar Events". */
#include "unitfile/calendar.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#define COMPONENTS_MAX 240U
#define SECOND         ((int) USEC_PER_SEC)

struct shorthand {
	const char *name, *text;
};
/* clang-format off */
static const struct shorthand shorthands[] = {
	{ "minutely", "*-*-* *:*:00" }, { "hourly", "*-*-* *:00:00" }, { "daily", "*-*-* 00:00:00" },
	{ "monthly", "*-*-01 00:00:00" }, { "annually", "*-01-01 00:00:00" }, { "yearly", "*-01-01 00:00:00" },
	{ "anually", "*-01-01 00:00:00" }, { "weekly", "Mon *-*-* 00:00:00" }, { "quarterly", "*-01,04,07,10-01 00:00:00" },
	{ "biannually", "*-01,07-01 00:00:00" }, { "bi-annually", "*-01,07-01 00:00:00" },
	{ "semiannually", "*-01,07-01 00:00:00" }, { "semi-annually", "*-01,07-01 00:00:00" },
};
/* The long names first: the short ones begin them. */
const char *const calendar_days[7][2] = {
	{ "Monday", "Mon" }, { "Tuesday", "Tue" }, { "Wednesday", "Wed" }, { "Thursday", "Thu" }, { "Friday", "Fri" },
	{ "Saturday", "Sat" }, { "Sunday", "Sun" },
};
struct field_bounds {
	int from, to;
};
static const struct field_bounds bounds[CALENDAR_FIELDS] = {
	[CALENDAR_YEAR] = { CALENDAR_YEAR_MIN, CALENDAR_YEAR_MAX }, [CALENDAR_MONTH] = { 1, 12 }, [CALENDAR_DAY] = { 1, 31 },
	[CALENDAR_HOUR] = { 0, 23 }, [CALENDAR_MINUTE] = { 0, 59 }, [CALENDAR_USEC] = { 0, 60 * SECOND - 1 },
};
/* clang-format on */

static void free_components(struct calendar_component *c)
{
	while (c) {
		struct calendar_component *next = c->next;

		free(c);
		c = next;
	}
}

struct calendar_spec *calendar_free(struct calendar_spec *c)
{
	if (!c)
		return NULL;
	for (size_t i = 0; i < CALENDAR_FIELDS; i++)
		free_components(c->fields[i]);
	free(c->timezone);
	free(c);
	return NULL;
}
DEFINE_CLEANUP(struct calendar_spec *, calendar_free)

static int add_component(struct calendar_component **list, int start, int stop, int repeat)
{
	struct calendar_component *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	*c = (struct calendar_component){
		.next = *list, .start = start, .stop = stop, .repeat = repeat};
	*list = c;
	return 0;
}

/* ---- numbers and lists ---- */

/* Digits; for seconds up to six decimals, too, unless the point begins a "..". */
static int take_number(const char **s, bool seconds, int *ret)
{
	const char *at = *s;
	int64_t v = 0, scale = SECOND;

	if (!isdigit((unsigned char) *at))
		return -EINVAL;
	for (; isdigit((unsigned char) *at); at++) {
		v = v * 10 + (*at - '0');
		if (v > INT_MAX / (seconds ? SECOND : 1))
			return -ERANGE;
	}
	if (seconds) {
		v *= SECOND;
		if (at[0] == '.' && at[1] != '.') {
			at++;
			if (!isdigit((unsigned char) *at))
				return -EINVAL;
			for (; isdigit((unsigned char) *at); at++) {
				scale /= 10;
				v += (*at - '0') * scale;
				/* The seventh digit rounds. */
				if (scale == 1 && at[1] >= '5' && at[1] <= '9')
					v++;
			}
		}
	}
	if (v > INT_MAX)
		return -ERANGE;
	*s = at;
	*ret = (int) v;
	return 0;
}

static int take_component(const char **s, bool seconds, struct calendar_component **list)
{
	int start, stop = -1, repeat = 0, r;
	const char *at = *s;

	r = take_number(&at, seconds, &start);
	if (r < 0)
		return r;
	if (at[0] == '.' && at[1] == '.') {
		at += 2;
		r = take_number(&at, seconds, &stop);
		if (r < 0)
			return r;
		repeat = seconds ? SECOND : 1;
	}
	if (*at == '/') {
		at++;
		r = take_number(&at, seconds, &repeat);
		if (r < 0)
			return r;
		if (repeat == 0)
			return -ERANGE;
	} else if (seconds && stop >= 0 && (int64_t) start + repeat > stop) {
		/* A range of less than a second, which steps of a second never leave. */
		return -EINVAL;
	}
	if (*at && !strchr(" ,-~:", *at))
		return -EINVAL;
	*s = at;
	return add_component(list, start, stop, repeat);
}

/* "*" is any; for seconds that is every full one. */
static int take_list(const char **s, bool seconds, struct calendar_component **ret)
{
	struct calendar_component *list = NULL;
	int r;

	if (**s == '*') {
		(*s)++;
		return seconds ? add_component(ret, 0, -1, SECOND) : 0;
	}
	for (size_t n = 0;; n++) {
		r = n < COMPONENTS_MAX ? take_component(s, seconds, &list) : -ENOBUFS;
		if (r < 0 || **s != ',')
			break;
		(*s)++;
	}
	if (r < 0) {
		free_components(list);
		return r;
	}
	*ret = list;
	return 0;
}

/* ---- weekdays, date, time ---- */

static int take_day(const char **s)
{
	for (int day = 0; day < 7; day++) {
		for (size_t k = 0; k < 2; k++) {
			size_t n = strlen(calendar_days[day][k]);

			if (strncasecmp(*s, calendar_days[day][k], n))
				continue;
			if ((*s)[n] && !strchr("-., ", (*s)[n]))
				return -EINVAL;
			*s += n;
			return day;
		}
	}
	return -ENOENT;
}

static int take_weekdays(const char **s, struct calendar_spec *c)
{
	int range_from = -1, bits = 0;
	bool first = true;

	for (;; first = false) {
		int day = take_day(s);

		if (day == -ENOENT)
			return first ? 0 : -EINVAL;
		if (day < 0 || day < range_from)
			return -EINVAL;
		for (int d = range_from >= 0 ? range_from : day; d <= day; d++)
			bits |= 1 << d;
		c->weekdays = bits;
		if (**s == '.' || **s == '-') {
			/* "-" is the older spelling of "..". */
			if (range_from >= 0 || (**s == '.' && (*s)[1] != '.'))
				return -EINVAL;
			range_from = day;
			*s += **s == '.' ? 2 : 1;
		} else {
			range_from = -1;
			if (**s == ',')
				(*s)++;
		}
		if (!**s || **s == ' ') {
			*s += strspn(*s, " ");
			return range_from < 0 ? 0 : -EINVAL;
		}
	}
}

static int from_timestamp(const char *s, struct calendar_spec *c)
{
	const int *parts[CALENDAR_FIELDS];
	struct tm tm;
	uint64_t v;
	time_t t;
	int year, month, usec, r;

	r = str_to_u64(s, 10, &v);
	if (r < 0)
		return r;
	if (v > INT64_MAX / USEC_PER_SEC)
		return -ERANGE;
	t = (time_t) v;
	if (!gmtime_r(&t, &tm))
		return -ERANGE;
	year = tm.tm_year + 1900;
	month = tm.tm_mon + 1;
	usec = tm.tm_sec * SECOND;
	parts[CALENDAR_YEAR] = &year;
	parts[CALENDAR_MONTH] = &month;
	parts[CALENDAR_DAY] = &tm.tm_mday;
	parts[CALENDAR_HOUR] = &tm.tm_hour;
	parts[CALENDAR_MINUTE] = &tm.tm_min;
	parts[CALENDAR_USEC] = &usec;
	for (size_t i = 0; i < CALENDAR_FIELDS; i++) {
		r = add_component(&c->fields[i], *parts[i], -1, 0);
		if (r < 0)
			return r;
	}
	c->utc = true;
	return 0;
}

/* "year-month-day" or "month-day"; "~" for "-" before the day counts from the month's end. 0: *s was no date. */
static int take_date(const char **s, struct calendar_spec *c)
{
	struct calendar_component *lists[3] = {NULL};
	const char *at = *s;
	size_t n = 0;
	int r;

	for (;;) {
		r = take_list(&at, false, &lists[n++]);
		if (r < 0)
			break;
		if (n == 1 && (!*at || *at == ':'))
			break; /* a time of day */
		if (n > 1 && (!*at || *at == ' ')) {
			r = 1;
			break;
		}
		if (n == 3 || c->end_of_month || (*at != '-' && *at != '~')) {
			r = -EINVAL;
			break;
		}
		c->end_of_month = *at == '~';
		at++;
	}
	if (r <= 0) {
		for (size_t i = 0; i < 3; i++)
			free_components(lists[i]);
		return r;
	}
	c->fields[CALENDAR_DAY] = lists[n - 1];
	c->fields[CALENDAR_MONTH] = lists[n - 2];
	c->fields[CALENDAR_YEAR] = n == 3 ? lists[0] : NULL;
	*s = at + strspn(at, " ");
	return 1;
}

/* "hour:minute" or "hour:minute:second"; nothing is midnight. */
static int take_time(const char **s, struct calendar_spec *c)
{
	int r;

	if (!**s) {
		for (int i = CALENDAR_HOUR; i <= CALENDAR_USEC; i++) {
			r = add_component(&c->fields[i], 0, -1, 0);
			if (r < 0)
				return r;
		}
		return 0;
	}
	r = take_list(s, false, &c->fields[CALENDAR_HOUR]);
	if (r < 0)
		return r;
	if (**s != ':')
		return -EINVAL;
	(*s)++;
	r = take_list(s, false, &c->fields[CALENDAR_MINUTE]);
	if (r < 0)
		return r;
	if (!**s)
		return add_component(&c->fields[CALENDAR_USEC], 0, -1, 0);
	if (**s != ':')
		return -EINVAL;
	(*s)++;
	r = take_list(s, true, &c->fields[CALENDAR_USEC]);
	if (r < 0)
		return r;
	return **s ? -EINVAL : 0;
}

/* ---- time zones ---- */

static bool timezone_is_known(const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	if (!*name || *name == '/' || strlen(name) > 128 || strstr(name, "//") ||
	    strstr(name, ".."))
		return false;
	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char) *c) && !strchr("-_+/", *c))
			return false;
	snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
	return stat(path, &st) >= 0 && S_ISREG(st.st_mode);
}

/* Cuts "UTC", a local zone's abbreviation or a zone's name off the end of @text. */
static int take_timezone(char *text, struct calendar_spec *c)
{
	char *space = strrchr(text, ' ');

	if (!space)
		return 0;
	if (!strcasecmp(space + 1, "UTC")) {
		c->utc = true;
		*space = 0;
		return 0;
	}
	tzset();
	for (int dst = 0; dst <= 1; dst++) {
		if (tzname[dst] && *tzname[dst] && !strcasecmp(space + 1, tzname[dst])) {
			c->dst = dst;
			*space = 0;
			return 0;
		}
	}
	if (timezone_is_known(space + 1)) {
		c->timezone = strdup(space + 1);
		if (!c->timezone)
			return -ENOMEM;
		*space = 0;
	}
	return 0;
}

/* ---- normal form ---- */

static int compare_components(const void *a, const void *b)
{
	const struct calendar_component *x = *(const struct calendar_component *const *) a;
	const struct calendar_component *y = *(const struct calendar_component *const *) b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->stop != y->stop)
		return x->stop < y->stop ? -1 : 1;
	return x->repeat < y->repeat ? -1 : x->repeat > y->repeat;
}

static int normalize_list(struct calendar_component **list)
{
	struct calendar_component **array, **tail = list;
	size_t n = 0, i = 0;

	for (struct calendar_component *c = *list; c; c = c->next) {
		/* A range ends where its last step falls; without room for a step it is its beginning alone. */
		if (c->stop > c->start && c->repeat > 0)
			c->stop -= (c->stop - c->start) % c->repeat;
		if (c->stop == c->start) {
			c->stop = -1;
			c->repeat = 0;
		}
		n++;
	}
	if (n < 2)
		return 0;
	array = reallocarray(NULL, n, sizeof(struct calendar_component *));
	if (!array)
		return -ENOMEM;
	for (struct calendar_component *c = *list; c; c = c->next)
		array[i++] = c;
	qsort(array, n, sizeof(*array), compare_components);
	for (i = 0; i < n; i++) {
		if (i + 1 < n && compare_components(&array[i], &array[i + 1]) == 0) {
			free(array[i]);
			continue;
		}
		*tail = array[i];
		tail = &array[i]->next;
	}
	*tail = NULL;
	free(array);
	return 0;
}

/* Beside every full second, other full seconds say nothing. */
static void drop_redundant_seconds(struct calendar_component **list)
{
	struct calendar_component *all = *list;

	while (all && (all->start != 0 || all->stop >= 0 || all->repeat != SECOND))
		all = all->next;
	while (all && *list) {
		struct calendar_component *c = *list;

		if (c == all || c->start % SECOND || c->repeat % SECOND) {
			list = &c->next;
			continue;
		}
		*list = c->next;
		free(c);
	}
}

/* 70 is 1970, 69 is 2069. */
static void fix_year(int *year)
{
	if (*year >= 0 && *year < 70)
		*year += 2000;
	else if (*year >= 70 && *year < 100)
		*year += 1900;
}

static bool list_is_valid(const struct calendar_component *c, int from, int to, bool end_of_month)
{
	/* Every month has 28 days; further back there may be none. */
	if (end_of_month)
		to -= 3;
	for (; c; c = c->next) {
		if (c->start < from || c->start > to || c->repeat > to - from)
			return false;
		/* The first repetition must fall within. */
		if (c->stop >= 0) {
			if (c->stop < from || c->stop > to ||
			    (int64_t) c->start + c->repeat > c->stop)
				return false;
		} else if (end_of_month ? c->start - c->repeat < from
		                        : (int64_t) c->start + c->repeat > to) {
			return false;
		}
	}
	return true;
}

static int normalize(struct calendar_spec *c)
{
	if (c->weekdays <= 0 || c->weekdays >= 127)
		c->weekdays = -1;
	if (c->end_of_month && !c->fields[CALENDAR_DAY])
		c->end_of_month = false;
	for (struct calendar_component *y = c->fields[CALENDAR_YEAR]; y; y = y->next) {
		fix_year(&y->start);
		fix_year(&y->stop);
	}
	for (size_t i = 0; i < CALENDAR_FIELDS; i++) {
		int r = normalize_list(&c->fields[i]);

		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < CALENDAR_FIELDS; i++)
		if (!list_is_valid(c->fields[i], bounds[i].from, bounds[i].to,
		                   i == CALENDAR_DAY && c->end_of_month))
			return -EINVAL;
	/* What is redundant must be right, too. */
	drop_redundant_seconds(&c->fields[CALENDAR_USEC]);
	return 0;
}

static int parse_text(const char *s, struct calendar_spec *c)
{
	int r;

	if (!*s)
		return -EINVAL;
	for (size_t i = 0; i < ELEMENTSOF(shorthands); i++) {
		if (!strcasecmp(shorthands[i].name, s)) {
			s = shorthands[i].text;
			break;
		}
	}
	r = take_weekdays(&s, c);
	if (r < 0)
		return r;
	if (*s == '@')
		return from_timestamp(s + 1, c);
	r = *s ? take_date(&s, c) : 0;
	if (r < 0)
		return r;
	r = take_time(&s, c);
	return r < 0 ? r : *s ? -EINVAL : 0;
}

int calendar_parse(const char *s, struct calendar_spec **ret)
{
	auto_cleanup(calendar_free) struct calendar_spec *c = calloc(1, sizeof(*c));
	auto_free char *text = strdup(s);
	int r;

	if (!c || !text)
		return -ENOMEM;
	c->weekdays = c->dst = -1;
	r = take_timezone(text, c);
	if (r >= 0)
		r = parse_text(text, c);
	if (r >= 0)
		r = normalize(c);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(c);
	return 0;
}
