// SPDX-License-Identifier: Apache-2.0
/*
 * Absolute deadlines: one timer source each, made at the first use and kept for the next. A deadline
 * that cannot be armed, since there is no memory for its source, is due all the same: it is tried
 * again until it can.
 */
#include "types/common.h"

#include "base/fault.h"

#define ARM_RETRY_USEC (50 * USEC_PER_MSEC)

static int on_arm(_unused_ struct source *source, _unused_ usec_t deadline, void *userdata)
{
	struct manager *m = userdata;
	struct deadline *d;

	/* One that fails is the sign that it is still too early for the others. */
	while ((d = LIST_FIRST(&m->unarmed, struct deadline, late))) {
		(void) deadline_set(d, d->unit, d->at, d->fn);
		if (list_is_linked(&d->late))
			break;
	}
	return 0;
}

int deadlines_setup(struct manager *m)
{
	if (m->arm_timer)
		return 0;
	return loop_add_time(m->loop, CLOCK_BOOTTIME, USEC_INFINITY, TIMER_EXACT, "deadline retry",
	                     on_arm, m, &m->arm_timer);
}

static int arm_later(struct deadline *d, struct unit *u, source_time_fn fn, int error)
{
	struct manager *m = u->manager;
	int r = deadlines_setup(m);

	if (r >= 0)
		r = source_set_time(m->arm_timer, usec_add(now(CLOCK_BOOTTIME), ARM_RETRY_USEC));
	if (r < 0) {
		log_unit_errno(LOG_ERR, u->id, r, "Has no deadline now: %m");
		return r;
	}
	log_unit_errno(LOG_DEBUG, u->id, error, "Its deadline is armed later: %m");
	d->unit = u;
	d->fn = fn;
	list_append(&m->unarmed, &d->late);
	return 0;
}

int deadline_set(struct deadline *d, struct unit *u, usec_t at, source_time_fn fn)
{
	int r;

	list_remove(&d->late);
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
	return r < 0 ? arm_later(d, u, fn, r) : 0;
}

void deadline_clear(struct deadline *d)
{
	list_remove(&d->late);
	d->at = 0;
	if (d->source)
		(void) source_set_time(d->source, USEC_INFINITY);
}

void deadline_done(struct deadline *d)
{
	list_remove(&d->late);
	d->source = source_free(d->source);
	d->at = 0;
}

usec_t deadline_in(usec_t span)
{
	if (span == 0 || span == USEC_INFINITY)
		return USEC_INFINITY;
	return usec_add(now(CLOCK_BOOTTIME), span);
}
