// SPDX-License-Identifier: Apache-2.0
/* clock.h - time as usec_t: microseconds of a named clock. USEC_INFINITY is "never". */
#pragma once

#include "base/macro.h"

#include <time.h>

typedef uint64_t usec_t;

#define USEC_INFINITY   ((usec_t) -1)
#define USEC_PER_SEC    1000000ULL
#define USEC_PER_MSEC   1000ULL
#define USEC_PER_MINUTE (60 * USEC_PER_SEC)
#define USEC_PER_HOUR   (60 * USEC_PER_MINUTE)
#define USEC_PER_DAY    (24 * USEC_PER_HOUR)
#define USEC_PER_WEEK   (7 * USEC_PER_DAY)
#define USEC_PER_MONTH  (2629800ULL * USEC_PER_SEC)
#define USEC_PER_YEAR   (31557600ULL * USEC_PER_SEC)
#define NSEC_PER_USEC   1000ULL

/* One instant on three clocks; zero: it did not happen. */
struct stamp {
	usec_t realtime, monotonic, boottime;
};

usec_t now(clockid_t clock);
struct stamp stamp_now(void);
static inline bool stamp_is_set(const struct stamp *s)
{
	return s->boottime > 0;
}

/* Sum that stops at USEC_INFINITY; difference that stops at 0 (infinity minus anything is
 * infinity). */
usec_t usec_add(usec_t a, usec_t b);
usec_t usec_sub(usec_t a, usec_t b);
struct timespec usec_to_timespec(usec_t u);
usec_t timespec_to_usec(const struct timespec *ts);

#define SPAN_TEXT_MAX  96
#define STAMP_TEXT_MAX 64
/* "1h 2min 3.5s", to @accuracy usec, as systemd.time(7) writes it; "infinity", "0". Returns @buf.
 */
const char *span_format(char *buf, size_t size, usec_t span, usec_t accuracy);
/* "Mon 2026-11-23 15:29:00 UTC" in local time. Returns @buf, "n/a" for 0. */
const char *stamp_format(char *buf, size_t size, usec_t realtime);
