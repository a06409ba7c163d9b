// SPDX-License-Identifier: Apache-2.0
/* Times of shutdown(8). */
#include "check.h"
#include "sctl/power.h"

#include <stdlib.h>

static long after(const char *text, time_t now)
{
	time_t at = 0;
	int r = shutdown_when(text, now, &at);

	return r < 0 ? r : (long) (at - now);
}

TEST(shutdown__times)
{
	time_t noon = 1000000000 - 1000000000 % 86400 + 43200;

	setenv("TZ", "UTC", 1);
	tzset();
	CHECK_INT(after("now", noon), ==, 0);
	CHECK_INT(after("+0", noon), ==, 0);
	CHECK_INT(after("+5", noon), ==, 300);
	CHECK_INT(after("5", noon), ==, 300);
	CHECK_INT(after(NULL, noon), ==, 60);
	CHECK_INT(after("12:30", noon), ==, 1800);
	CHECK_INT(after("12:00", noon), ==, 86400);
	CHECK_INT(after("0:00", noon), ==, 43200);
	CHECK_INT(after("23:59", noon), ==, 43200 - 60);
}

TEST(shutdown__what_is_no_time)
{
	static const char *const texts[] = {"",      "+",     "-1",          "1x",   "24:00",
	                                    "12:60", "12:",   ":30",         "soon", "12:30x",
	                                    "+-1",   "1:2:3", "99999999999", "+ 5",  "12:-1"};

	for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
		CHECK_INT(after(texts[i], 1000000000), ==, -EINVAL);
	}
}

/* Where the clock is put on, the day has 23 hours. */
TEST(shutdown__a_moment_of_the_next_day_is_that_of_the_local_clock)
{
	setenv("TZ", "Europe/Berlin", 1);
	tzset();
	/* 2026-03-28 12:00 CET; the next day begins with CET and ends with CEST. */
	CHECK_INT(after("11:00", 1774695600), ==, 22 * 3600);
}
