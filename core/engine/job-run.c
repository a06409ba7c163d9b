// SPDX-License-Identifier: Apache-2.0
/*
 * job-run.c - when a waiting job may run, what it does then, and what the unit's answer (at once by
 * a return value, later by a change of state) means for it. The two tables here are the state
 * machine of jobs.
 */
#include "engine/private.h"

#include "base/fault.h"

#include <inttypes.h>

static bool path_holds(const char *path)
{
	bool negate = *path == '!';

	return (access(path + negate, F_OK) >= 0) != negate;
}

/* While the machine comes up a unit may be told not to wait for all that it is ordered after (X-StartupNotAfter=). Both go up:
 * what goes down keeps its order, and so does a start once the boot is finished. */
static bool may_overtake(const struct job *j, const struct unit *other)
{
	const struct unit_settings *s = &j->unit->file->unit;

	return s->startup_not_after && j->type == JOB_START && other->job->type == JOB_START &&
	       !stamp_is_set(&j->manager->finished) &&
	       strv_contains(s->startup_not_after, other->id) &&
	       (!s->startup_not_after_if || path_holds(s->startup_not_after_if));
}

bool job_must_wait_for(const struct job *j, const struct unit *other, enum unit_dependency d)
{
	struct job_order mine = {j->type, j->ignore_order};

	if (!other->job)
		return false;
	if (job_order_compare(mine, (struct job_order){other->job->type, other->job->ignore_order},
	                      d) <= 0)
		return false;
	return d != DEP_AFTER || !may_overtake(j, other);
}

static bool is_runnable(const struct job *j)
{
	struct unit *u = j->unit, *other;

	if (j->ignore_order || j->type == JOB_NOP)
		return true;
	UNIT_FOREACH_DEPENDENCY (other, u, DEP_AFTER)
		if (job_must_wait_for(j, other, DEP_AFTER))
			return false;
	UNIT_FOREACH_DEPENDENCY (other, u, DEP_BEFORE)
		if (job_must_wait_for(j, other, DEP_BEFORE))
			return false;
	return true;
}

static int verify_active(struct unit *u)
{
	enum unit_active_state s = unit_active_state(u);

	return state_is_up(s) ? -EALREADY : s == UNIT_ACTIVATING ? -EAGAIN : -EBADR;
}

/* A type that says "under way" and is as dead as before will not be heard of again. */
static int start(struct unit *u)
{
	enum unit_active_state s;
	int r = unit_start(u);

	if (r == -EBADR)
		return 0; /* cannot be started: simply wait until it is there */
	s = unit_active_state(u);
	if (r != 0 || !state_is_down(s))
		return r;
	return s == UNIT_FAILED ? -ECANCELED : -EALREADY;
}

static int perform(struct job *j)
{
	int r;

	switch (j->type) {
	case JOB_VERIFY_ACTIVE:
		return verify_active(j->unit);
	case JOB_START:
		return start(j->unit);
	case JOB_STOP:
	case JOB_RESTART:
	case JOB_TRY_RESTART:
		r = unit_stop(j->unit);
		return r == -EBADR ? 0 : r;
	case JOB_RELOAD:
		return unit_reload(j->unit);
	case JOB_NOP:
		return -EALREADY;
	default:
		return -EINVAL;
	}
}

/* What a unit answers at once, as the result of the job. 0 is "under way", -EAGAIN "later"; an
 * errno that is not here is "failed". */
/* clang-format off */
static const struct { int error; enum job_result result; } answers[] = {
	{ -EALREADY,   JOB_DONE },
	{ -ECOMM,      JOB_DONE }, /* a condition was not met: nothing to do, and all is well */
	{ -EBADR,      JOB_SKIPPED },
	{ -ENOEXEC,    JOB_INVALID },
	{ -EPROTO,     JOB_ASSERT },
	{ -EOPNOTSUPP, JOB_UNSUPPORTED },
	{ -ENOLINK,    JOB_DEPENDENCY },
	{ -ESTALE,     JOB_ONCE },
};
/* clang-format on */

static enum job_result result_of(int error)
{
	for (size_t i = 0; i < ELEMENTSOF(answers); i++)
		if (answers[i].error == error)
			return answers[i].result;
	return JOB_FAILED;
}

/* The state of a unit that a job with this type is in the middle of; anything else means it was
 * lost on the way. */
static bool is_under_way(enum job_type t, enum unit_active_state s)
{
	switch (t) {
	case JOB_START:
		return s == UNIT_ACTIVATING;
	case JOB_RELOAD:
		return s == UNIT_RELOADING || s == UNIT_ACTIVATING;
	case JOB_STOP:
	case JOB_RESTART:
	case JOB_TRY_RESTART:
		return s == UNIT_DEACTIVATING;
	default:
		return false;
	}
}

/* A job of the core before this one: go on where it was, or run it again if its unit knows nothing
 * of it. */
static bool settle_restored(struct job *j)
{
	enum unit_active_state s = unit_active_state(j->unit);

	j->restored = false;
	if (j->state != JOB_RUNNING)
		return false;
	if (is_under_way(j->type, s))
		return true;
	if (j->unit->ops->type == UNIT_DEVICE && j->type == JOB_START && !state_is_up(s))
		return true;
	/* A reload that finished unseen is done again: to be sure costs less than to be wrong. */
	j->state = JOB_WAITING;
	return false;
}

void job_run(struct job *j)
{
	struct manager *m = j->manager;
	struct unit *u = j->unit;
	uint32_t id = j->id;
	int r;

	if (j->in_run_queue) {
		list_remove(&j->run_link);
		j->in_run_queue = false;
	}
	if (j->restored && settle_restored(j))
		return;
	if (j->state != JOB_WAITING || !is_runnable(j))
		return;
	j->state = JOB_RUNNING;
	if (!j->begin_running_usec)
		j->begin_running_usec = now(CLOCK_BOOTTIME);
	job_arm_timer(j);
	unit_save_soon(u);
	FAULT_POINT("job.run.before");
	r = perform(j);
	FAULT_POINT("job.run.after");
	/* The unit may have finished, replaced or requeued the job meanwhile. */
	j = manager_get_job(m, id);
	if (!j || r == 0)
		return;
	if (r == -EAGAIN) {
		j->state = JOB_WAITING;
		return;
	}
	log_debug("Job %" PRIu32 " %s/%s: %s", id, u->id, job_type_to_string(j->type),
	          strerror(r < 0 ? -r : r));
	job_finish(j, r > 0 ? JOB_DONE : result_of(r), true);
}

void manager_run_queued(struct manager *m, usec_t budget)
{
	usec_t end = usec_add(now(CLOCK_MONOTONIC), budget);
	struct job *j;

	for (unsigned n = 1; (j = LIST_FIRST(&m->run_queue, struct job, run_link)); n++) {
		job_run(j);
		/* Messages, exits and init's pings must not wait for a thousand starts. */
		if (n % 8 == 0 && now(CLOCK_MONOTONIC) > end)
			return;
	}
}

/* ---- answers that come later ---- */

static void finish_if_down(struct job *j, enum unit_active_state new)
{
	if (state_is_down(new))
		job_finish(j, new == UNIT_FAILED ? JOB_FAILED : JOB_DONE, true);
}

static bool notify_start(struct job *j, enum unit_active_state new)
{
	if (state_is_up(new)) {
		job_finish(j, JOB_DONE, true);
		return false;
	}
	if (j->state != JOB_RUNNING || new == UNIT_ACTIVATING)
		return false;
	finish_if_down(j, new);
	return true;
}

static bool notify_reload(struct job *j, enum unit_active_state new, bool reload_success)
{
	if (j->state != JOB_RUNNING)
		return false;
	if (new == UNIT_ACTIVE) {
		job_finish(j, reload_success ? JOB_DONE : JOB_FAILED, true);
		return false;
	}
	if (new == UNIT_ACTIVATING || new == UNIT_RELOADING)
		return false;
	finish_if_down(j, new);
	return true;
}

static bool notify_stop(struct job *j, enum unit_active_state new)
{
	if (state_is_down(new)) {
		job_finish(j, JOB_DONE, true);
		return false;
	}
	if (j->state != JOB_RUNNING || new == UNIT_DEACTIVATING)
		return false;
	job_finish(j, JOB_FAILED, true);
	return true;
}

bool job_process_notify(struct unit *u, enum unit_active_state new, bool reload_success)
{
	struct job *j = u->job;

	if (!j)
		return true;
	/* Whatever was in its way may be gone. */
	if (j->state == JOB_WAITING)
		job_queue_run(j);
	switch (j->type) {
	case JOB_START:
	case JOB_VERIFY_ACTIVE:
		return notify_start(j, new);
	case JOB_RELOAD:
	case JOB_RELOAD_OR_START:
	case JOB_TRY_RELOAD:
		return notify_reload(j, new, reload_success);
	case JOB_STOP:
	case JOB_RESTART:
	case JOB_TRY_RESTART:
		return notify_stop(j, new);
	default:
		return false;
	}
}
