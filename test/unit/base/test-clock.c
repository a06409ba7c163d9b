// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include "base/str.h"
#include "check.h"

TEST(clock__sums_and_differences_stop_at_the_ends)
{
	CHECK(usec_add(1, 2) == 3);
	CHECK(usec_add(USEC_INFINITY, 1) == USEC_INFINITY);
	CHECK(usec_add(USEC_INFINITY - 1, 5) == USEC_INFINITY);
	CHECK(usec_sub(5, 7) == 0);
	CHECK(usec_sub(USEC_INFINITY, 7) == USEC_INFINITY);
	CHECK(usec_sub(7, USEC_INFINITY) == 0);
}

TEST(clock__timespec_there_and_back)
{
	struct timespec ts = usec_to_timespec(1500000), big = usec_to_timespec(USEC_INFINITY);

	CHECK_INT(ts.tv_sec, ==, 1);
	CHECK_INT(ts.tv_nsec, ==, 500000000);
	CHECK(timespec_to_usec(&ts) == 1500000);
	CHECK_INT(big.tv_sec, <=, INT64_MAX / 1000000000);
	ts.tv_sec = -1;
	CHECK(timespec_to_usec(&ts) == 0);
}

/* As "systemd-analyze timespan" (252) prints them where the accuracy is 1. */
TEST(clock__spans)
{
	static const struct {
		usec_t span, accuracy;
		const char *text;
	} cases[] = {
		{0, 1, "0"},
		{USEC_INFINITY, 1, "infinity"},
		{3500000, 1, "3.500000s"},
		{3500000, 1000, "3.500s"},
		{3500000, 100000, "3.5s"},
		{3603500000, 1, "1h 3.500000s"},
		{5400000000, 1, "1h 30min"},
		{1500, 1, "1.500ms"},
		{1, 1, "1us"},
		{61000001, 1, "1min 1.000001s"},
		{63115200000000, 1, "2y"},
		{34560000000000, 1, "1y 1month 4d 7h 30min"},
		{3723000000, USEC_PER_MINUTE, "1h 2min"},
		{500, USEC_PER_SEC, "500us"},
		{2000000, 1000, "2s"},
	};
	char buf[SPAN_TEXT_MAX], tiny[5];

	for (size_t i = 0; i < ELEMENTSOF(cases); i++)
		CHECK_STR(span_format(buf, sizeof(buf), cases[i].span, cases[i].accuracy),
		          cases[i].text);
	CHECK_INT(strlen(span_format(tiny, sizeof(tiny), 34560000000000, 1)), <, 5);
	CHECK_INT(strlen(span_format(buf, sizeof(buf), USEC_INFINITY - 1, 1)), <, sizeof(buf) - 1);
}

TEST(clock__stamps)
{
	struct stamp s = stamp_now(), none = {0};
	char buf[STAMP_TEXT_MAX];

	setenv("TZ", "UTC", 1);
	tzset();
	CHECK_STR(stamp_format(buf, sizeof(buf), 1795447740000000), "Mon 2026-11-23 15:29:00 UTC");
	CHECK_STR(stamp_format(buf, sizeof(buf), 0), "n/a");
	CHECK(stamp_is_set(&s) && !stamp_is_set(&none));
	CHECK(s.boottime >= s.monotonic);
}
