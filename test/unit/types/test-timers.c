// SPDX-License-Identifier: Apache-2.0
/* When a timer elapses next. */
#include "check.h"

#include "types/timer.h"

#define MINUTE USEC_PER_MINUTE

static struct timer_input input(struct timer_settings *c)
{
	return (struct timer_input){
		.settings = c,
		.now = {.realtime = 1000 * MINUTE,
	                .monotonic = 100 * MINUTE,
	                .boottime = 100 * MINUTE},
		.started = {.monotonic = 1 * MINUTE},
		.activated = {.realtime = 950 * MINUTE, .monotonic = 50 * MINUTE},
		.timer_is_active = true};
}

static usec_t next_monotonic(enum timer_base base, usec_t span, struct timer_input in)
{
	struct timer_value v = {.base = base, .span_usec = span};
	struct timer_settings c = {.values = &v};
	struct timer_next n;

	in.settings = &c;
	timer_next_elapse(&in, &n);
	return n.monotonic;
}

TEST(timer__each_base_counts_from_its_own_point)
{
	struct timer_settings none = {0};
	struct timer_input in = input(&none);

	CHECK_INT(next_monotonic(TIMER_ON_BOOT, 15 * MINUTE, in), ==, 15 * MINUTE);
	CHECK_INT(next_monotonic(TIMER_ON_STARTUP, 15 * MINUTE, in), ==, 16 * MINUTE);
	CHECK_INT(next_monotonic(TIMER_ON_ACTIVE, 15 * MINUTE, in), ==, 65 * MINUTE);
	in.timer_is_active = false;
	CHECK_INT(next_monotonic(TIMER_ON_ACTIVE, 15 * MINUTE, in), ==, 115 * MINUTE);
}

TEST(timer__unit_bases_wait_for_the_unit)
{
	struct timer_settings none = {0};
	struct timer_input in = input(&none);

	CHECK(next_monotonic(TIMER_ON_UNIT_ACTIVE, MINUTE, in) == USEC_INFINITY);
	in.unit_active.monotonic = 60 * MINUTE;
	CHECK_INT(next_monotonic(TIMER_ON_UNIT_ACTIVE, MINUTE, in), ==, 61 * MINUTE);
	in.last_trigger.monotonic = 70 * MINUTE;
	CHECK_INT(next_monotonic(TIMER_ON_UNIT_ACTIVE, MINUTE, in), ==, 71 * MINUTE);
	in.unit_inactive.monotonic = 80 * MINUTE;
	CHECK_INT(next_monotonic(TIMER_ON_UNIT_INACTIVE, MINUTE, in), ==, 81 * MINUTE);
}

TEST(timer__one_time_values_elapse_once)
{
	struct timer_settings none = {0};
	struct timer_input in = input(&none);

	in.last_trigger.monotonic = 20 * MINUTE;
	CHECK(next_monotonic(TIMER_ON_BOOT, 15 * MINUTE, in) == USEC_INFINITY);
	CHECK_INT(next_monotonic(TIMER_ON_BOOT, 25 * MINUTE, in), ==, 25 * MINUTE);
}

TEST(timer__the_earliest_value_counts_and_calendar_is_apart)
{
	struct calendar_spec *spec = NULL;
	struct timer_value c = {.base = TIMER_ON_CALENDAR},
			   b = {.next = &c, .base = TIMER_ON_BOOT, .span_usec = 30 * MINUTE},
			   a = {.next = &b, .base = TIMER_ON_BOOT, .span_usec = 20 * MINUTE};
	struct timer_settings s = {.values = &a};
	struct timer_input in = input(&s);
	struct timer_next n;

	CHECK_INT(calendar_parse("*-*-* *:00:00 UTC", &spec), ==, 0);
	c.calendar = spec;
	timer_next_elapse(&in, &n);
	CHECK_INT(n.monotonic, ==, 20 * MINUTE);
	/* After 950 minutes comes the full hour at 960. */
	CHECK_INT(n.realtime, ==, 960 * MINUTE);
	in.last_trigger.realtime = 960 * MINUTE;
	timer_next_elapse(&in, &n);
	CHECK_INT(n.realtime, ==, 1020 * MINUTE);
	calendar_free(spec);
}

TEST(timer__random_delay_is_below_its_maximum_and_fixed_by_a_seed)
{
	for (int i = 0; i < 100; i++)
		CHECK_INT(timer_random_delay(1000, 0), <, 1000);
	CHECK_INT(timer_random_delay(0, 0), ==, 0);
	CHECK_INT(timer_random_delay(1000, 12345), ==, timer_random_delay(1000, 12345));
	CHECK(timer_seed("a.timer") != timer_seed("b.timer"));
}
