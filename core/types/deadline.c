// SPDX-License-Identifier: Apache-2.0
/* Absolute deadlines: one timer source each, made at the first use and kept for the next. */
#include "types/common.h"

#include "base/fault.h"

int deadline_set(struct deadline *d, struct unit *u, usec_t at, source_time_fn fn)
{
	int r;

	d->at = at;
	if (!deadline_is_set(d)) {
		deadline_clear(d);
		return 0;
	}
	FAULT_POINT("deadline.arm.before");
	if (d->source)
		return source_set_time(d->source, at);
	r = loop_add_time(u->manager->loop, CLOCK_BOOTTIME, at, TIMER_EXACT, "unit-deadline", fn, u,
	                  &d->source);
	if (r < 0)
		d->at = 0;
	return r;
}

void deadline_clear(struct deadline *d)
{
	d->at = 0;
	if (d->source)
		(void) source_set_time(d->source, USEC_INFINITY);
}

void deadline_done(struct deadline *d)
{
	d->source = source_free(d->source);
	d->at = 0;
}

usec_t deadline_in(usec_t span)
{
	if (span == 0 || span == USEC_INFINITY)
		return USEC_INFINITY;
	return usec_add(now(CLOCK_BOOTTIME), span);
}
