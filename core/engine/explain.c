// SPDX-License-Identifier: Apache-2.0
/*
 * explain.c - "sctl why": what holds a unit, as a list of { kind, text, since }. It asks the same questions that loading, a job and
 * a start ask, in that order, and changes nothing. A unit that nothing holds has an empty list.
 */
#include "engine/private.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* @since: usec of CLOCK_REALTIME, 0: not known */
static _printf_(4, 5) int add(cJSON *list, const char *kind, usec_t since, const char *fmt, ...)
{
	char text[512];
	cJSON *o = cJSON_CreateObject();
	va_list ap;
	int r;

	if (!o)
		return -ENOMEM;
	va_start(ap, fmt);
	(void) vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r = json_add_string(o, "kind", kind);
	if (r >= 0)
		r = json_add_string(o, "text", text);
	if (r >= 0 && since)
		r = json_add_u64(o, "since_usec", since);
	if (r < 0) {
		cJSON_Delete(o);
		return r;
	}
	return json_append_take(list, o);
}

static usec_t realtime_of(usec_t boottime)
{
	return boottime ? usec_sub(now(CLOCK_REALTIME), usec_sub(now(CLOCK_BOOTTIME), boottime))
	                : 0;
}

static int explain_load(struct unit *u, cJSON *list)
{
	switch (u->load_state) {
	case LOAD_NOT_FOUND:
		return add(list, "load", 0, "there is no unit file for %s", u->id);
	case LOAD_MASKED:
		return add(list, "load", 0, "%s is masked (%s)", u->id,
		           u->file->fragment_path ?: "a link to /dev/null");
	case LOAD_BAD_SETTING:
	case LOAD_ERROR:
		return add(list, "load", 0, "%s could not be loaded: %s", u->id,
		           u->load_error ?: "for a reason that is in the log");
	default:
		return 0;
	}
}

/* Jobs that go first. */
static int explain_order(const struct job *j, cJSON *list)
{
	static const enum unit_dependency sides[] = {DEP_AFTER, DEP_BEFORE};
	int r = 0;

	if (j->ignore_order)
		return 0;
	for (size_t i = 0; i < ELEMENTSOF(sides); i++) {
		struct unit *other;

		UNIT_FOREACH_DEPENDENCY (other, j->unit, sides[i]) {
			const struct job *o = other->job;

			if (r < 0 || !job_must_wait_for(j, other, sides[i]))
				continue;
			r = add(list, "ordering", realtime_of(o->begin_usec),
			        "its %s job waits for job %" PRIu32
			        " (%s %s, %s): %s is ordered %s %s",
			        job_type_to_string(j->type), o->id, job_type_to_string(o->type),
			        other->id, job_state_to_string(o->state), j->unit->id,
			        sides[i] == DEP_AFTER ? "after" : "before", other->id);
		}
	}
	return r;
}

static int explain_job(struct unit *u, cJSON *list)
{
	const struct job *j = u->job;
	size_t before = (size_t) cJSON_GetArraySize(list);
	char text[SPAN_TEXT_MAX] = "";
	int r;

	if (!j)
		return 0;
	if (j->state == JOB_WAITING) {
		r = explain_order(j, list);
		if (r < 0 || (size_t) cJSON_GetArraySize(list) > before)
			return r;
		return add(list, "job", realtime_of(j->begin_usec),
		           "its %s job %" PRIu32 " waits until the unit can take it (it is %s, %s)",
		           job_type_to_string(j->type), j->id,
		           unit_active_state_to_string(unit_active_state(u)), unit_sub_state(u));
	}
	if (j->deadline_usec && j->deadline_usec != USEC_INFINITY)
		span_format(text, sizeof(text), usec_sub(j->deadline_usec, now(CLOCK_BOOTTIME)),
		            USEC_PER_SEC);
	return add(list, "job", realtime_of(j->begin_running_usec),
	           "its %s job %" PRIu32 " is running: the unit is in state %s%s%s",
	           job_type_to_string(j->type), j->id, unit_sub_state(u),
	           *text ? ", the job times out in " : "", text);
}

static int explain_conditions(struct unit *u, cJSON *list)
{
	const struct manager *m = u->manager;
	int r = 0;

	for (const struct condition *c = u->file->unit.conditions; c && r >= 0; c = c->next) {
		int k = (unsigned) c->type < CONDITION_TYPE_MAX ? condition_test(m, c) : 1;

		if (k > 0)
			continue;
		r = add(list, c->is_assert ? "assert" : "condition",
		        c->is_assert ? u->assert_stamp.realtime : u->condition_stamp.realtime,
		        "%s%s=%s%s%s is not met now%s", c->is_assert ? "Assert" : "Condition",
		        condition_types[c->type].name, c->trigger ? "|" : "", c->negate ? "!" : "",
		        c->parameter ?: "",
		        k < 0        ? " (it could not be told)"
		        : c->trigger ? " (one of those with \"|\" would do)"
		                     : "");
	}
	if (r >= 0 && !u->condition_result && stamp_is_set(&u->condition_stamp))
		r = add(list, "condition", u->condition_stamp.realtime,
		        "the last start was skipped, since a condition was not met then");
	return r;
}

static int explain_needs(struct unit *u, cJSON *list)
{
	static const enum unit_dependency needs[] = {DEP_REQUIRES, DEP_REQUISITE, DEP_BINDS_TO};
	int r = 0;

	for (size_t i = 0; i < ELEMENTSOF(needs); i++) {
		struct unit *other;

		UNIT_FOREACH_DEPENDENCY (other, u, needs[i]) {
			enum unit_active_state s = unit_active_state(other);

			if (r < 0 || other->job)
				continue;
			if (other->load_state != LOAD_LOADED)
				r = add(list, "dependency", 0, "it needs %s (%s=), which is %s",
				        other->id, dependency_to_string(needs[i]),
				        load_state_to_string(other->load_state));
			else if (s == UNIT_FAILED || (needs[i] == DEP_REQUISITE && !state_is_up(s)))
				r = add(list, "dependency", other->state_change.realtime,
				        "it needs %s (%s=), which is %s", other->id,
				        dependency_to_string(needs[i]),
				        unit_active_state_to_string(s));
		}
	}
	return r;
}

static int explain_limits(struct unit *u, cJSON *list)
{
	const struct unit_settings *s = &u->file->unit;
	char text[SPAN_TEXT_MAX];
	usec_t over = usec_add(u->start_limit_begin_usec, s->start_limit_interval_usec);
	int r = 0;

	if (u->start_limit_hit)
		r = add(list, "limit", realtime_of(u->start_limit_begin_usec),
		        "it was started %u times in %s, which is its limit; it may start again in "
		        "%s, or after reset-failed",
		        u->start_limit_count,
		        span_format((char[SPAN_TEXT_MAX]){0}, SPAN_TEXT_MAX,
		                    s->start_limit_interval_usec, USEC_PER_SEC),
		        span_format(text, sizeof(text), usec_sub(over, now(CLOCK_BOOTTIME)),
		                    USEC_PER_SEC));
	if (r >= 0 && u->freezer != FREEZER_RUNNING)
		r = add(list, "freezer", 0, "it is %s", unit_freezer_state_to_string(u->freezer));
	if (r >= 0 && u->is_cleaned)
		r = add(list, "clean", 0, "its folders are being removed");
	if (r >= 0 && s->refuse_manual_start && state_is_down(unit_active_state(u)))
		r = add(list, "order", 0,
		        "it refuses to be started by hand (RefuseManualStart=): something must "
		        "need it");
	return r;
}

static int explain_state(struct unit *u, cJSON *list)
{
	const char *result = u->ops->result ? u->ops->result(u) : NULL;
	enum unit_active_state s = unit_active_state(u);

	if (s == UNIT_FAILED)
		return add(list, "result", u->inactive_enter.realtime, "it failed: %s",
		           result ?: "failed");
	if (s == UNIT_ACTIVATING && u->will_restart)
		return add(list, "restart", u->state_change.realtime,
		           "it ended (%s) and waits for its restart (RestartSec=)", result ?: "?");
	if (s == UNIT_ACTIVATING && !u->job)
		return add(list, "state", u->state_change.realtime, "it is coming up (%s)",
		           unit_sub_state(u));
	return 0;
}

int unit_explain(struct unit *u, cJSON *list)
{
	static int (*const parts[])(struct unit *, cJSON *) = {
		explain_load,  explain_job,    explain_state,
		explain_needs, explain_limits, explain_conditions,
	};
	int r = 0;

	u = unit_follow(u);
	if (!u->file)
		return -ENOENT;
	for (size_t i = 0; i < ELEMENTSOF(parts) && r >= 0; i++) {
		/* What is up is not held by what a start asks. */
		if (i >= 3 && i != 4 && state_is_up(unit_active_state(u)))
			continue;
		r = parts[i](u, list);
	}
	return r;
}
