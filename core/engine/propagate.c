// SPDX-License-Identifier: Apache-2.0
/*
 * propagate.c - what a change of one unit's state means for others: those that it pulls along or
 * pushes away when it changed by itself, OnFailure= and OnSuccess=, triggers, and the steady rules
 * (StopWhenUnneeded=, BindsTo=, Upholds=), which are looked at in a queue of their own once the
 * present turn has settled.
 */
#include "engine/private.h"

#define AUTO_INTERVAL_USEC (10 * USEC_PER_SEC)
#define AUTO_BURST         16

static void enqueue(struct unit *u, enum job_type type, enum job_mode mode, const char *why)
{
	auto_free struct diag *d = malloc(sizeof(*d));
	char text[DIAG_TEXT_MAX + DIAG_FILE_MAX + 16];
	int r;

	if (d)
		d->n_items = d->n_dropped = 0;
	r = manager_enqueue_surely(u->manager, type, u, mode, d);
	if (r < 0)
		log_debug_errno(r, "Cannot %s %s (%s): %s", job_type_to_string(type), u->id, why,
		                d && d->n_items ? diag_first(d, text, sizeof(text)) : strerror(-r));
}

/* ---- changes that nobody asked for ---- */

static void retro(struct unit *u, uint32_t effect, enum job_type type, enum job_mode mode)
{
	auto_unit_vector struct unit_vector v = {0};
	int n = unit_collect_effect(u, effect, &v);

	for (int i = 0; i < n; i++) {
		enum unit_active_state s = unit_active_state(v.v[i]);

		if (type == JOB_START &&
		    (state_is_up_or_coming(s) || unit_has_dependency(u, DEP_AFTER, v.v[i])))
			continue;
		if (type == JOB_STOP && state_is_down_or_going(s)) {
			/* Nor shall it come up by what was wanted before. */
			owed_forget(v.v[i]);
			continue;
		}
		enqueue(v.v[i], type, mode, "a unit changed by itself");
	}
}

static void retroactive(struct unit *u, enum unit_active_state old, enum unit_active_state new)
{
	if (state_is_down(old) && state_is_up_or_coming(new)) {
		retro(u, EFFECT_RETRO_START, JOB_START, JOB_MODE_REPLACE);
		retro(u, EFFECT_RETRO_START_WEAK, JOB_START, JOB_MODE_FAIL);
		retro(u, EFFECT_RETRO_STOP_START, JOB_STOP, JOB_MODE_REPLACE);
	} else if (state_is_up_or_coming(old) && state_is_down_or_going(new)) {
		retro(u, EFFECT_RETRO_STOP_STOP, JOB_STOP, JOB_MODE_REPLACE);
	}
}

/* ---- failure, success, triggers ---- */

void unit_start_monitors(struct unit *u, enum unit_dependency d)
{
	const struct unit_settings *s = &u->file->unit;
	enum job_mode mode = d == DEP_ON_FAILURE ? s->on_failure_job_mode : s->on_success_job_mode;
	auto_unit_vector struct unit_vector v = {0};
	int n = unit_collect_neighbours(u, DEPENDENCY_BIT(d), &v);

	for (int i = 0; i < n; i++)
		enqueue(v.v[i], JOB_START, mode, d == DEP_ON_FAILURE ? "OnFailure=" : "OnSuccess=");
}

static void act(struct unit *u, enum emergency_action a, int status, const char *reason)
{
	struct manager *m = u->manager;

	if (a != ACTION_NONE && m->hooks && m->hooks->emergency)
		m->hooks->emergency(a, status, u->file->unit.reboot_argument, reason, m->userdata);
}

static void after_the_end(struct unit *u, enum unit_active_state old, enum unit_active_state new)
{
	const struct unit_settings *s = &u->file->unit;

	if (u->will_restart) {
		/* Restart= mends it; if that is given up the type says so by another failure. */
		u->will_restart = false;
		return;
	}
	if (old != UNIT_FAILED && new == UNIT_FAILED) {
		unit_start_monitors(u, DEP_ON_FAILURE);
		act(u, s->failure_action, s->failure_action_exit_status, "unit failed");
	} else if (!state_is_down(old) && old != UNIT_MAINTENANCE && new == UNIT_INACTIVE) {
		unit_start_monitors(u, DEP_ON_SUCCESS);
		act(u, s->success_action, s->success_action_exit_status, "unit succeeded");
	}
}

void unit_tell_triggers(struct unit *u)
{
	auto_unit_vector struct unit_vector v = {0};
	int n = unit_collect_neighbours(u, DEPENDENCY_BIT(DEP_TRIGGERED_BY), &v);

	u->untold = false;
	for (int i = 0; i < n; i++)
		if (v.v[i]->ops->on_trigger)
			v.v[i]->ops->on_trigger(v.v[i], u);
}

/* ---- steady rules ---- */

void unit_recheck_soon(struct unit *u)
{
	if (u->in_recheck_queue)
		return;
	u->in_recheck_queue = true;
	list_append(&u->manager->stop_unneeded_queue, &u->stop_unneeded_link);
	manager_kick(u->manager);
}

static bool is_unneeded(const struct unit *u)
{
	struct unit *other;

	if (!u->file->unit.stop_when_unneeded)
		return false;
	UNIT_FOREACH_EFFECT (other, u, EFFECT_PINS) {
		if (other->job || !state_is_down(unit_active_state(other)))
			return false;
	}
	return true;
}

static bool has_lost_what_it_is_bound_to(const struct unit *u)
{
	struct unit *other;

	UNIT_FOREACH_DEPENDENCY (other, u, DEP_BINDS_TO)
		if (!other->job && state_is_down(unit_active_state(other)))
			return true;
	return false;
}

static bool is_upheld(const struct unit *u)
{
	struct unit *other;

	UNIT_FOREACH_DEPENDENCY (other, u, DEP_UPHELD_BY)
		if (!other->job && state_is_up(unit_active_state(other)))
			return true;
	return false;
}

static int on_recheck(_unused_ struct source *s, _unused_ usec_t deadline, void *userdata)
{
	unit_recheck_soon(userdata);
	return 0;
}

static void recheck_at(struct unit *u, usec_t at)
{
	int r;

	if (u->job_retry_source)
		r = source_set_time(u->job_retry_source, at);
	else
		r = loop_add_time(u->manager->loop, CLOCK_BOOTTIME, at, USEC_PER_SEC, "recheck",
		                  on_recheck, u, &u->job_retry_source);
	if (r < 0)
		log_unit_errno(LOG_WARNING, u->id, r, "Cannot be looked at again later: %m");
}

/* Two rules can work against each other for ever: not more than a few rounds in 10 s, then it is looked at again in the next 10 s. */
static bool may_act(struct unit *u)
{
	usec_t t = now(CLOCK_BOOTTIME);

	if (u->auto_begin_usec == 0 || usec_add(u->auto_begin_usec, AUTO_INTERVAL_USEC) < t) {
		u->auto_begin_usec = t;
		u->auto_count = 0;
	}
	if (u->auto_count++ < AUTO_BURST)
		return true;
	recheck_at(u, usec_add(u->auto_begin_usec, AUTO_INTERVAL_USEC + 1));
	return false;
}

static void recheck(struct unit *u)
{
	enum unit_active_state s = unit_active_state(u);

	if (u->load_state != LOAD_LOADED || u->job)
		return;
	if (s == UNIT_ACTIVE && is_unneeded(u) && may_act(u))
		enqueue(u, JOB_STOP, JOB_MODE_FAIL, "StopWhenUnneeded=");
	else if (s == UNIT_ACTIVE && has_lost_what_it_is_bound_to(u) && may_act(u))
		enqueue(u, JOB_STOP, JOB_MODE_REPLACE, "BindsTo=");
	else if (state_is_down(s) && is_upheld(u) && may_act(u))
		enqueue(u, JOB_START, JOB_MODE_FAIL, "Upholds=");
}

void manager_recheck_queued(struct manager *m)
{
	struct unit *u;

	while ((u = LIST_FIRST(&m->stop_unneeded_queue, struct unit, stop_unneeded_link))) {
		list_remove(&u->stop_unneeded_link);
		u->in_recheck_queue = false;
		/* If another job took its place, that one's end is told. */
		if (u->untold && !u->job && state_is_down(unit_active_state(u)))
			unit_tell_triggers(u);
		u->untold = false;
		recheck(u);
	}
}

static void recheck_others(struct unit *u, enum unit_active_state new)
{
	struct unit *other;

	unit_recheck_soon(u);
	if (state_is_down(new)) {
		UNIT_FOREACH_EFFECT (other, u, EFFECT_RECHECK) {
			unit_recheck_soon(other);
		}
		UNIT_FOREACH_DEPENDENCY (other, u, DEP_BOUND_BY)
			unit_recheck_soon(other);
		/* What it was told about may go now. */
		UNIT_FOREACH_NEIGHBOUR (other, u,
		                        DEPENDENCY_BIT(DEP_ON_SUCCESS_OF) |
		                                DEPENDENCY_BIT(DEP_ON_FAILURE_OF))
			unit_gc_soon(other);
	} else if (state_is_up(new)) {
		UNIT_FOREACH_DEPENDENCY (other, u, DEP_UPHOLDS)
			unit_recheck_soon(other);
	}
}

void unit_propagate(struct unit *u, enum unit_active_state old, enum unit_active_state new,
                    bool unexpected)
{
	if (old != new) {
		recheck_others(u, new);
		if (unexpected)
			retroactive(u, old, new);
		after_the_end(u, old, new);
	}
	unit_tell_triggers(u);
}
