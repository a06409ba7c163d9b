// SPDX-License-Identifier: Apache-2.0
/* When a timer elapses next: systemd.timer(5). Pure but for the random delay. */
#include "types/timer.h"

#include <sys/random.h>

/* Base of a monotonic value on CLOCK_MONOTONIC; USEC_INFINITY: it has none yet. */
static usec_t monotonic_base(const struct timer_input *in, enum timer_base base)
{
	usec_t since;

	switch (base) {
	case TIMER_ON_ACTIVE:
		return in->timer_is_active && in->activated.monotonic > 0 ? in->activated.monotonic
		                                                          : in->now.monotonic;
	case TIMER_ON_BOOT:
		return 0;
	case TIMER_ON_STARTUP:
		return in->started.monotonic;
	case TIMER_ON_UNIT_ACTIVE:
		since = MAX(in->unit_active.monotonic, in->last_trigger.monotonic);
		return since > 0 ? since : USEC_INFINITY;
	case TIMER_ON_UNIT_INACTIVE:
		since = MAX(in->unit_inactive.monotonic, in->last_trigger.monotonic);
		return since > 0 ? since : USEC_INFINITY;
	default:
		return USEC_INFINITY;
	}
}

static usec_t calendar_value_next(const struct timer_input *in, const struct timer_value *v)
{
	usec_t since, next;

	/* Since the last time it elapsed, so that one that was missed is made up for; else from
	 * when it was started. */
	if (in->last_trigger.realtime > 0)
		since = in->last_trigger.realtime;
	else if (in->timer_is_active && in->activated.realtime > 0)
		since = in->activated.realtime;
	else
		since = in->now.realtime;
	return calendar_next(v->calendar, since, &next) < 0 ? USEC_INFINITY : next;
}

usec_t timer_value_next(const struct timer_input *in, const struct timer_value *v)
{
	usec_t base, next;
	bool once = v->base == TIMER_ON_ACTIVE || v->base == TIMER_ON_BOOT ||
	            v->base == TIMER_ON_STARTUP;

	if (v->base == TIMER_ON_CALENDAR)
		return calendar_value_next(in, v);
	base = monotonic_base(in, v->base);
	next = usec_add(base, v->span_usec);
	/* These elapse once a start of the timer; a trigger at or after that point was it. */
	if (once && in->last_trigger.monotonic > 0 && next <= in->last_trigger.monotonic)
		return USEC_INFINITY;
	return next;
}

void timer_next_elapse(const struct timer_input *in, struct timer_next *ret)
{
	struct timer_next n = {.monotonic = USEC_INFINITY, .realtime = USEC_INFINITY};

	for (const struct timer_value *v = in->settings->values; v; v = v->next) {
		usec_t next = timer_value_next(in, v);

		if (v->base == TIMER_ON_UNIT_ACTIVE || v->base == TIMER_ON_UNIT_INACTIVE)
			n.leave_around = true;
		if (v->base == TIMER_ON_CALENDAR)
			n.realtime = MIN(n.realtime, next);
		else
			n.monotonic = MIN(n.monotonic, next);
	}
	*ret = n;
}

usec_t timer_random_delay(usec_t max, uint64_t seed)
{
	uint64_t v = seed;

	if (max == 0 || max == USEC_INFINITY)
		return 0;
	if (seed == 0 && getrandom(&v, sizeof(v), GRND_NONBLOCK) != sizeof(v))
		v = (uint64_t) now(CLOCK_MONOTONIC) * UINT64_C(6364136223846793005);
	return v % max;
}

/* FixedRandomDelay=: the same on this machine for this unit, different between machines. FNV-1a
 * over machine id and name. */
uint64_t timer_seed(const char *unit_id)
{
	uint64_t h = UINT64_C(14695981039346656037);
	struct id128 machine = {0};

	(void) id128_machine(&machine);
	for (size_t i = 0; i < sizeof(machine.bytes); i++)
		h = (h ^ machine.bytes[i]) * UINT64_C(1099511628211);
	for (const char *p = unit_id; *p; p++)
		h = (h ^ (unsigned char) *p) * UINT64_C(1099511628211);
	return h ? h : 1;
}
