// SPDX-License-Identifier: Apache-2.0
#include "check.h"
#include "unitfile/unitfile.h"

static long long span(const char *s)
{
	usec_t u;
	int r = span_parse(s, USEC_PER_SEC, &u);

	return r < 0 ? r : (long long) u;
}

TEST(span__units_and_sums)
{
	CHECK_INT(span("5"), ==, 5000000);
	CHECK_INT(span("2min 200ms"), ==, 120200000);
	CHECK_INT(span("1h2min"), ==, 3720000000LL);
	CHECK_INT(span("1M"), ==, 2629800000000LL);
	CHECK_INT(span("1m"), ==, 60000000);
	CHECK_INT(span(".5s"), ==, 500000);
	CHECK_INT(span("12.34 .56"), ==, 12900000);
	CHECK_INT(span("3\xc2\xb5s"), ==, 3);
	CHECK_INT(span(" infinity "), ==, -1 /* USEC_INFINITY */);
}

TEST(span__refusals)
{
	CHECK_INT(span(""), ==, -EINVAL);
	CHECK_INT(span("5x"), ==, -EINVAL);
	CHECK_INT(span("5."), ==, -EINVAL);
	CHECK_INT(span("12.34.56"), ==, -EINVAL);
	CHECK_INT(span("-1"), ==, -ERANGE);
	CHECK_INT(span("99999999999999999999"), ==, -ERANGE);
	CHECK_INT(span("600000y"), ==, -ERANGE);
}

static const char *normal(const char *s)
{
	static char text[256];
	auto_free char *out = NULL;
	struct calendar_spec *c;

	if (calendar_parse(s, &c) < 0)
		return "!";
	if (calendar_format(c, &out) < 0)
		return "?";
	snprintf(text, sizeof(text), "%s", out);
	calendar_free(c);
	return text;
}

TEST(calendar__normal_forms)
{
	static const char *const rows[][2] = {
		{"Sat,Thu,Mon-Wed,Sat-Sun", "Mon..Thu,Sat,Sun *-*-* 00:00:00"},
		{"Mon,Sun 12-*-* 2,1:23", "Mon,Sun 2012-*-* 01,02:23:00"},
		{"Wed-Sat,Tue 12-10-15 1:2:3", "Tue..Sat 2012-10-15 01:02:03"},
		{"mon,fri *-1/2-1,3 *:30:45", "Mon,Fri *-01/2-01,03 *:30:45"},
		{"*-*~05..07", "*-*~05..07 00:00:00"},
		{"*:4,30:0..3", "*-*-* *:04,30:00..03"},
		{"weekly UTC", "Mon *-*-* 00:00:00 UTC"},
		{"*-*-* *:*:0/1", "*-*-* *:*:*"},
		{"1..6/2:00", "*-*-* 01..05/2:00:00"},
		{"1..1:00", "*-*-* 01:00:00"},
		{"@1395716396", "2014-03-25 02:59:56 UTC"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CHECK_STR(normal(rows[i][0]), rows[i][1]);
}

TEST(calendar__refusals)
{
	static const char *const bad[] = {
		"",      "test",    " utc UTC",   "24:00",    "0:0:54/27,00/1", "*-13-1",
		"Mon..", "1-2-3-4", "*:*:0..0.5", "Wed,,Thu", "0/0:00",         "2200-1-1"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_STR(normal(bad[i]), "!");
}

static long long next(const char *s, long long after)
{
	struct calendar_spec *c;
	usec_t t;
	int r = calendar_parse(s, &c);

	if (r < 0)
		return r;
	r = calendar_next(c, (usec_t) after * USEC_PER_SEC, &t);
	calendar_free(c);
	return r < 0 ? r : (long long) (t / USEC_PER_SEC);
}

TEST(calendar__next_in_utc)
{
	/* 2023-03-01 00:00:00 UTC */
	const long long base = 1677628800;

	CHECK_INT(next("hourly UTC", base), ==, base + 3600);
	CHECK_INT(next("hourly UTC", base - 1), ==, base);
	CHECK_INT(next("*-02-29 UTC", base), ==, 1709164800);
	CHECK_INT(next("*-*~1 UTC", base), ==, base + 30 * 86400);
	CHECK_INT(next("Fri *-*-13 UTC", base), ==, 1697155200);
	CHECK_INT(next("*-02-30 UTC", base), ==, -ENOENT);
	CHECK_INT(next("2020-1-1 UTC", base), ==, -ENOENT);
	CHECK_INT(next("*:0/7 UTC", base + 56 * 60), ==, base + 3600);
}

TEST(calendar__hours_that_are_skipped_or_come_twice)
{
	/* 2023-03-25 12:00 and 2023-10-28 12:00 UTC; Berlin's clocks change in the night after each. */
	CHECK_INT(next("*-*-* 02:30 Europe/Berlin", 1679745600), ==, 1679877000);
	CHECK_INT(next("*-*-* 02:30 Europe/Berlin", 1698494400), ==, 1698539400);
	CHECK_INT(next("*-*-* 02:30 Europe/Berlin", 1698539400), ==, 1698629400);
}

TEST(calendar__zone_of_the_process_is_left_alone)
{
	setenv("TZ", "America/New_York", 1);
	CHECK_INT(next("12:00 Asia/Tokyo", 1677628800), ==, 1677639600);
	CHECK_STR(getenv("TZ"), "America/New_York");
	CHECK_INT(next("12:00", 1677628800), ==, 1677690000);
	unsetenv("TZ");
}
