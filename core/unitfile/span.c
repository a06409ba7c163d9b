// SPDX-License-Identifier: Apache-2.0
/* span.c - time spans: systemd.time(7) "Parsing Time Spans". */
#include "unitfile/value.h"

#include <ctype.h>

struct span_unit {
	const char *name;
	uint64_t nsec;
};
#define NSEC(usec) ((usec) *NSEC_PER_USEC)
/* A name that begins with another stands before it. */
/* clang-format off */
static const struct span_unit units[] = {
	{ "seconds", NSEC(USEC_PER_SEC) }, { "second", NSEC(USEC_PER_SEC) }, { "sec", NSEC(USEC_PER_SEC) }, { "s", NSEC(USEC_PER_SEC) },
	{ "minutes", NSEC(USEC_PER_MINUTE) }, { "minute", NSEC(USEC_PER_MINUTE) }, { "min", NSEC(USEC_PER_MINUTE) },
	{ "months", NSEC(USEC_PER_MONTH) }, { "month", NSEC(USEC_PER_MONTH) }, { "M", NSEC(USEC_PER_MONTH) },
	{ "msec", NSEC(USEC_PER_MSEC) }, { "ms", NSEC(USEC_PER_MSEC) }, { "m", NSEC(USEC_PER_MINUTE) },
	{ "hours", NSEC(USEC_PER_HOUR) }, { "hour", NSEC(USEC_PER_HOUR) }, { "hr", NSEC(USEC_PER_HOUR) }, { "h", NSEC(USEC_PER_HOUR) },
	{ "days", NSEC(USEC_PER_DAY) }, { "day", NSEC(USEC_PER_DAY) }, { "d", NSEC(USEC_PER_DAY) },
	{ "weeks", NSEC(USEC_PER_WEEK) }, { "week", NSEC(USEC_PER_WEEK) }, { "w", NSEC(USEC_PER_WEEK) },
	{ "years", NSEC(USEC_PER_YEAR) }, { "year", NSEC(USEC_PER_YEAR) }, { "y", NSEC(USEC_PER_YEAR) },
	{ "usec", NSEC(1) }, { "us", NSEC(1) }, { "\xce\xbcs", NSEC(1) }, { "\xc2\xb5s", NSEC(1) },
	{ "nsec", 1 }, { "ns", 1 },
};
/* clang-format on */

/* Length of the unit's name at @s, 0 if there is none. */
static size_t find_unit(const char *s, uint64_t resolution_nsec, uint64_t *ret)
{
	for (size_t i = 0; i < ELEMENTSOF(units); i++) {
		size_t n = strlen(units[i].name);

		if (units[i].nsec >= resolution_nsec && !strncmp(s, units[i].name, n)) {
			*ret = units[i].nsec / resolution_nsec;
			return n;
		}
	}
	return 0;
}

/* Digits behind the point, in @unit: exact, since every unit is a whole number of the resolution. */
static int take_fraction(const char **s, uint64_t unit, uint64_t *sum)
{
	uint64_t m = unit / 10;
	const char *begin = *s;

	for (; isdigit((unsigned char) **s); (*s)++, m /= 10) {
		uint64_t add = (uint64_t) (**s - '0') * m;

		if (add >= UINT64_MAX - *sum)
			return -ERANGE;
		*sum += add;
	}
	return *s == begin ? -EINVAL : 0;
}

/* One number and its unit. */
static int take_part(const char **s, uint64_t resolution_nsec, uint64_t default_unit, uint64_t *sum)
{
	const char *at = *s, *point, *name;
	uint64_t v = 0, unit = default_unit;
	size_t n;

	if (*at == '-')
		return -ERANGE;
	at += *at == '+';
	if (!isdigit((unsigned char) *at) && *at != '.')
		return -EINVAL;
	for (; isdigit((unsigned char) *at); at++) {
		if (v > (INT64_MAX - (uint64_t) (*at - '0')) / 10)
			return -ERANGE;
		v = v * 10 + (uint64_t) (*at - '0');
	}
	point = *at == '.' ? at : NULL;
	if (point)
		at += 1 + strspn(at + 1, "0123456789");
	name = at + strspn(at, WHITESPACE);
	n = find_unit(name, resolution_nsec, &unit);
	/* "12.34.56" is none, "12.34 .56" and "12.34s.56" are two. */
	if (n == 0 && name == at && *name)
		return -EINVAL;
	if (v >= UINT64_MAX / unit || v * unit >= UINT64_MAX - *sum)
		return -ERANGE;
	*sum += v * unit;
	if (point) {
		int r;

		point++;
		r = take_fraction(&point, unit, sum);
		if (r < 0)
			return r;
	}
	*s = name + n;
	return 0;
}

static int parse_span(const char *s, uint64_t resolution_nsec, uint64_t default_unit, uint64_t *ret)
{
	const char *rest;
	uint64_t sum = 0;
	bool any = false;

	s += strspn(s, WHITESPACE);
	rest = str_after(s, "infinity");
	if (rest) {
		if (rest[strspn(rest, WHITESPACE)])
			return -EINVAL;
		*ret = UINT64_MAX;
		return 0;
	}
	for (;;) {
		int r;

		s += strspn(s, WHITESPACE);
		if (!*s)
			break;
		r = take_part(&s, resolution_nsec, default_unit, &sum);
		if (r < 0)
			return r;
		any = true;
	}
	if (!any)
		return -EINVAL;
	*ret = sum;
	return 0;
}

int span_parse(const char *s, usec_t default_unit, usec_t *ret)
{
	return parse_span(s, NSEC_PER_USEC, default_unit, ret);
}

int parse_nsec(const char *s, uint64_t *ret)
{
	return parse_span(s, 1, 1, ret);
}
