// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>

usec_t now(clockid_t clock)
{
	struct timespec ts;

	/* It cannot fail for the clocks that exist since Linux 2.6.39. */
	if (clock_gettime(clock, &ts) < 0)
		return 0;
	return timespec_to_usec(&ts);
}

struct stamp stamp_now(void)
{
	return (struct stamp){
		.realtime = now(CLOCK_REALTIME),
		.monotonic = now(CLOCK_MONOTONIC),
		.boottime = now(CLOCK_BOOTTIME),
	};
}

usec_t usec_add(usec_t a, usec_t b)
{
	return a > USEC_INFINITY - b ? USEC_INFINITY : a + b;
}

usec_t usec_sub(usec_t a, usec_t b)
{
	if (a == USEC_INFINITY)
		return USEC_INFINITY;
	return a > b ? a - b : 0;
}

struct timespec usec_to_timespec(usec_t u)
{
	/* The largest second that a signed 64-bit time_t in nanoseconds can hold in the kernel
	 * (KTIME_SEC_MAX). */
	const usec_t max = (usec_t) INT64_MAX / NSEC_PER_USEC;

	if (u > max)
		u = max;
	return (struct timespec){
		.tv_sec = (time_t) (u / USEC_PER_SEC),
		.tv_nsec = (long) (u % USEC_PER_SEC * NSEC_PER_USEC),
	};
}

usec_t timespec_to_usec(const struct timespec *ts)
{
	if (ts->tv_sec < 0 || ts->tv_nsec < 0)
		return 0;
	if ((usec_t) ts->tv_sec >= USEC_INFINITY / USEC_PER_SEC)
		return USEC_INFINITY;
	return (usec_t) ts->tv_sec * USEC_PER_SEC + (usec_t) ts->tv_nsec / NSEC_PER_USEC;
}

/* clang-format off */
static const struct {
	const char *suffix;
	usec_t usec;
	unsigned digits; /* of a decimal fraction down to 1 usec; 0: the unit is never written with one */
} span_units[] = {
	{ "y",     USEC_PER_YEAR,   0 },
	{ "month", USEC_PER_MONTH,  0 },
	{ "w",     USEC_PER_WEEK,   0 },
	{ "d",     USEC_PER_DAY,    0 },
	{ "h",     USEC_PER_HOUR,   0 },
	{ "min",   USEC_PER_MINUTE, 0 },
	{ "s",     USEC_PER_SEC,    6 },
	{ "ms",    USEC_PER_MSEC,   3 },
	{ "us",    1,               0 },
};
/* clang-format on */

/* One unit's worth of *rest; true if it was written as a fraction, which ends the text. */
static bool span_format_unit(char *buf, size_t size, size_t *used, size_t unit, usec_t *rest,
                             usec_t accuracy)
{
	usec_t whole = *rest / span_units[unit].usec, part = *rest % span_units[unit].usec;
	unsigned digits = span_units[unit].digits;
	const char *gap = *used > 0 ? " " : "";
	bool fraction;
	int n;

	fraction = part > 0;
	for (usec_t a = accuracy; a >= 10 && digits > 0; a /= 10, digits--)
		part /= 10;
	if (digits > 0 && fraction)
		n = snprintf(buf + *used, size - *used, "%s%" PRIu64 ".%0*" PRIu64 "%s", gap, whole,
		             (int) digits, part, span_units[unit].suffix);
	else
		n = snprintf(buf + *used, size - *used, "%s%" PRIu64 "%s", gap, whole,
		             span_units[unit].suffix);
	*used = MIN(*used + (size_t) MAX(n, 0), size - 1);
	*rest %= span_units[unit].usec;
	return digits > 0 && fraction;
}

const char *span_format(char *buf, size_t size, usec_t span, usec_t accuracy)
{
	size_t used = 0;

	if (size == 0)
		return "";
	buf[0] = 0;
	if (span == USEC_INFINITY || span == 0) {
		(void) snprintf(buf, size, "%s", span == 0 ? "0" : "infinity");
		return buf;
	}
	accuracy = MAX(accuracy, (usec_t) 1);
	for (size_t i = 0; i < ELEMENTSOF(span_units) && span > 0; i++) {
		/* What is finer than asked for is left out, unless nothing would remain. */
		if (span < accuracy && used > 0)
			break;
		if (span < span_units[i].usec)
			continue;
		if (span_format_unit(buf, size, &used, i, &span, accuracy))
			break;
	}
	return buf;
}

const char *stamp_format(char *buf, size_t size, usec_t realtime)
{
	time_t t = (time_t) (realtime / USEC_PER_SEC);
	struct tm tm;

	if (size == 0)
		return "";
	if (realtime == 0 || realtime == USEC_INFINITY || !localtime_r(&t, &tm) ||
	    strftime(buf, size, "%a %Y-%m-%d %H:%M:%S %Z", &tm) == 0)
		(void) snprintf(buf, size, "n/a");
	return buf;
}
