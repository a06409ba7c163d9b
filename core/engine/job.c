// SPDX-License-Identifier: Apache-2.0
/*
 * job.c - the life of an installed job: install, merge into, time out, cancel, finish. A finished
 * job fails or frees those that waited for it. What a job does when it runs is in job-run.c; how it
 * comes to be is in transaction.c.
 */
#include "engine/private.h"

#include "base/fault.h"

#include <inttypes.h>

#define CPU_WEIGHT_ORDINARY 100 /* systemd.resource-control(5) */

static const void *id_key(uint32_t id)
{
	return (const void *) (uintptr_t) id;
}

struct job *manager_get_job(const struct manager *m, uint32_t id)
{
	return map_get(m->jobs, id_key(id));
}

int job_new(struct unit *u, enum job_type type, uint32_t id, struct job **ret)
{
	struct manager *m = u->manager;
	struct job *j;
	int r;

	if (map_size(m->jobs) >= ENGINE_JOBS_MAX)
		return -E2BIG;
	j = calloc(1, sizeof(*j));
	if (!j)
		return -ENOMEM;
	*j = (struct job){
		.manager = m, .unit = u, .id = id, .type = type, .deadline_usec = USEC_INFINITY};
	list_init(&j->waiters);
	r = map_add(m->jobs, id_key(id), j);
	if (r < 0) {
		free(j);
		return r;
	}
	*ret = j;
	return 0;
}

void job_install(struct job *j)
{
	struct unit *u = j->unit;
	struct manager *m = j->manager;

	if (j->type == JOB_NOP)
		u->nop_job = j;
	else
		u->job = j;
	if (!j->begin_usec)
		j->begin_usec = now(CLOCK_BOOTTIME);
	job_arm_timer(j);
	job_queue_run(j);
	unit_save_soon(u);
	FAULT_POINT("job.installed");
	if (m->hooks && m->hooks->job_added)
		m->hooks->job_added(j, m->userdata);
}

void job_merge_into(struct job *installed, enum job_type type, bool irreversible, bool ignore_order,
                    bool by_user)
{
	int t = job_type_merge(installed->type, type);

	if (t >= 0)
		installed->type = job_type_collapse(t, installed->unit);
	installed->irreversible |= irreversible;
	installed->ignore_order |= ignore_order;
	installed->by_user |= by_user;
	unit_save_soon(installed->unit);
	job_queue_run(installed);
}

/*
 * Of those that may run: what costs nothing and others wait for, then who has more than the ordinary weight, then the others. Each
 * start of a service takes core a moment, and at boot dozens of them wait. systemd has the same order (unit_compare_priority()).
 */
static bool goes_first(const struct job *j)
{
	const struct cgroup_settings *s = j->unit->file ? j->unit->file->cgroup : NULL;
	enum unit_type t = j->unit->ops->type;
	uint64_t weight;

	if (t == UNIT_TARGET || t == UNIT_SLICE || t == UNIT_DEVICE || t == UNIT_SOCKET)
		return true;
	if (!s)
		return false;
	weight = s->startup_cpu_weight != UINT64_MAX && !stamp_is_set(&j->manager->finished)
	                 ? s->startup_cpu_weight
	                 : s->cpu_weight;
	return weight != UINT64_MAX && weight > CPU_WEIGHT_ORDINARY;
}

void job_queue_run(struct job *j)
{
	struct manager *m = j->manager;

	if (j->in_run_queue || (j->state != JOB_WAITING && !j->restored))
		return;
	j->in_run_queue = true;
	if (goes_first(j))
		list_prepend(&m->run_queue, &j->run_link);
	else
		list_append(&m->run_queue, &j->run_link);
	manager_kick(m);
}

/* ---- order ---- */

int job_order_compare(struct job_order a, struct job_order b, enum unit_dependency d)
{
	if (a.type == JOB_NOP || b.type == JOB_NOP || a.ignore_order || b.ignore_order)
		return 0;
	if (d == DEP_AFTER)
		return -job_order_compare(b, a, DEP_BEFORE);
	/* a's unit is before b's. What goes down goes in the other direction, and before anything
	 * comes up. */
	return b.type == JOB_STOP || b.type == JOB_RESTART ? 1 : -1;
}

int job_foreach_earlier(const struct job *j, int (*fn)(const struct job *earlier, void *userdata),
                        void *userdata)
{
	static const enum unit_dependency sides[] = {DEP_AFTER, DEP_BEFORE};
	struct unit *other;
	int r = 0;

	for (size_t i = 0; i < ELEMENTSOF(sides); i++)
		UNIT_FOREACH_DEPENDENCY (other, j->unit, sides[i])
			if (r >= 0 && job_must_wait_for(j, other, sides[i]))
				r = fn(other->job, userdata);
	return MIN(r, 0);
}

/* ---- time-outs ---- */

static int on_timeout(struct source *s _unused_, usec_t deadline _unused_, void *userdata)
{
	struct job *j = userdata;
	struct manager *m = j->manager;
	struct unit *u = j->unit;
	const struct unit_settings *settings = &u->file->unit;
	enum emergency_action action = settings->job_timeout_action;
	const char *argument = settings->reboot_argument;

	log_debug("Job %" PRIu32 " %s/%s timed out", j->id, u->id, job_type_to_string(j->type));
	job_finish(j, JOB_TIMEOUT, true);
	if (action != ACTION_NONE && m->hooks && m->hooks->emergency)
		m->hooks->emergency(action, -1, argument, "job timed out", m->userdata);
	return 0;
}

void job_arm_timer(struct job *j)
{
	const struct unit_settings *s = &j->unit->file->unit;
	usec_t deadline = USEC_INFINITY;

	if (j->type == JOB_NOP)
		return;
	if (s->job_timeout_usec && s->job_timeout_usec != USEC_INFINITY)
		deadline = usec_add(j->begin_usec, s->job_timeout_usec);
	if (j->begin_running_usec && s->job_running_timeout_usec &&
	    s->job_running_timeout_usec != USEC_INFINITY)
		deadline =
			MIN(deadline, usec_add(j->begin_running_usec, s->job_running_timeout_usec));
	if (deadline == j->deadline_usec && j->timer)
		return;
	j->deadline_usec = deadline;
	if (deadline == USEC_INFINITY) {
		j->timer = source_free(j->timer);
	} else if (j->timer) {
		source_set_time(j->timer, deadline);
	} else if (loop_add_time(j->manager->loop, CLOCK_BOOTTIME, deadline, TIMER_EXACT,
	                         "job-timeout", on_timeout, j, &j->timer) < 0) {
		log_debug("Out of memory for the time-out of job %" PRIu32, j->id);
	}
}

/* ---- the end ---- */

static void uninstall(struct job *j)
{
	struct unit *u = j->unit;

	if (u->job == j)
		u->job = NULL;
	if (u->nop_job == j)
		u->nop_job = NULL;
	if (j->in_run_queue)
		list_remove(&j->run_link);
	j->in_run_queue = false;
	j->timer = source_free(j->timer);
	map_remove(j->manager->jobs, id_key(j->id));
}

void job_free(struct job *j)
{
	uninstall(j);
	LIST_FOREACH (w, &j->waiters, struct job_waiter, link)
		list_remove(&w->link);
	free(j);
}

static void wake_waiters(struct job *j, enum job_result result)
{
	struct job_waiter *w;

	while ((w = LIST_FIRST(&j->waiters, struct job_waiter, link))) {
		list_remove(&w->link);
		w->fn(w, j, result);
	}
}

/* Nothing is ordered behind a device job any more: a start that nobody waits for would wait for
 * ever. */
static void collect_device_job(struct unit *u)
{
	struct unit *other;

	if (!u->job || u->ops->type != UNIT_DEVICE || u->job->by_user ||
	    !list_is_empty(&u->job->waiters))
		return;
	UNIT_FOREACH_DEPENDENCY (other, u, DEP_BEFORE)
		if (other->job && other->job->type != JOB_STOP)
			return;
	job_finish(u->job, JOB_COLLECTED, false);
}

static void release_ordered(struct unit *u)
{
	struct unit *other;

	UNIT_FOREACH_DEPENDENCY (other, u, DEP_AFTER)
		if (other->job) {
			job_queue_run(other->job);
			collect_device_job(other);
		}
	UNIT_FOREACH_DEPENDENCY (other, u, DEP_BEFORE)
		if (other->job)
			job_queue_run(other->job);
}

static void fail_dependents(struct unit *u, uint32_t effect)
{
	auto_unit_vector struct unit_vector v = {0};
	int n = unit_collect_effect(u, effect, &v);

	for (int i = 0; i < n; i++) {
		struct job *j = v.v[i]->job;

		if (j && (j->type == JOB_START || j->type == JOB_VERIFY_ACTIVE))
			job_finish(j, JOB_DEPENDENCY, true);
	}
}

static void propagate_result(struct unit *u, enum job_type type, enum job_result result)
{
	if (result != JOB_DONE) {
		if (type == JOB_START || type == JOB_VERIFY_ACTIVE)
			fail_dependents(u, EFFECT_FAIL_START);
		else if (type == JOB_STOP)
			fail_dependents(u, EFFECT_FAIL_STOP);
	} else if (type == JOB_START && !state_is_up(unit_active_state(u))) {
		/* It came and went, or its conditions failed: who has it as Requisite= cannot
		 * start. */
		fail_dependents(u, EFFECT_FAIL_INACTIVE);
	}
}

/* The first half of a restart is done: the job goes on as a start. */
static void become_start(struct job *j)
{
	j->type = JOB_START;
	j->state = JOB_WAITING;
	unit_save_soon(j->unit);
	job_queue_run(j);
	release_ordered(j->unit);
}

void job_finish(struct job *j, enum job_result result, bool recursive)
{
	struct manager *m = j->manager;
	struct unit *u = j->unit;
	enum job_type type = j->type;

	if (result == JOB_DONE && (type == JOB_RESTART || type == JOB_TRY_RESTART)) {
		become_start(j);
		return;
	}
	FAULT_POINT("job.finish.before");
	uninstall(j);
	unit_save_soon(u);
	if (j->id == m->boot_job_id && result == JOB_DONE &&
	    !stamp_is_set(&m->default_target_reached))
		m->default_target_reached = stamp_now();
	if (m->hooks && m->hooks->job_removed)
		m->hooks->job_removed(j, result, m->userdata);
	wake_waiters(j, result);
	free(j);
	if (recursive)
		propagate_result(u, type, result);
	/* A start that never came to running its unit still has to be told to those who watch for
	 * failures. */
	if ((result == JOB_TIMEOUT || result == JOB_DEPENDENCY) && type == JOB_START)
		unit_start_monitors(u, DEP_ON_FAILURE);
	release_ordered(u);
	FAULT_POINT("job.finish.after");
	unit_gc_soon(u);
	unit_recheck_soon(u);
	/* A start that a condition ended, that failed with what it needs, or that was called off has changed no
	 * state; a socket that asked for it listens again all the same, and a path looks again. */
	if (!m->in_transaction && state_is_down(unit_active_state(u)))
		unit_tell_triggers(u);
	else if (m->in_transaction)
		u->untold = true;
	manager_check_finished(m);
}

int job_cancel(struct job *j)
{
	job_finish(j, JOB_CANCELED, true);
	return 0;
}

void job_wait(struct job *j, struct job_waiter *w)
{
	list_append(&j->waiters, &w->link);
}

void job_waiter_remove(struct job_waiter *w)
{
	list_remove(&w->link);
}
