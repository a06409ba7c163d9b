// SPDX-License-Identifier: Apache-2.0
#include "rollout/rollout.h"

#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>

/* clang-format off */
static const char *const rollout_states[ROLLOUT_STATE_MAX] = {
	[ROLLOUT_PENDING]      = "pending",
	[ROLLOUT_RUNNING]      = "running",
	[ROLLOUT_PAUSED]       = "paused",
	[ROLLOUT_ROLLING_BACK] = "rolling-back",
	[ROLLOUT_SUCCEEDED]    = "succeeded",
	[ROLLOUT_FAILED]       = "failed",
	[ROLLOUT_ROLLED_BACK]  = "rolled-back",
};

static const char *const member_states[MEMBER_STATE_MAX] = {
	[MEMBER_PENDING]   = "pending",
	[MEMBER_ORDERED]   = "ordered",
	[MEMBER_GATING]    = "gating",
	[MEMBER_DONE]      = "done",
	[MEMBER_RETURNING] = "returning",
	[MEMBER_RETURNED]  = "returned",
	[MEMBER_SKIPPED]   = "skipped",
	[MEMBER_FAILED]    = "failed",
};
/* clang-format on */

struct step {
	struct rollout *r;
	const struct rollout_facts *facts;
	usec_t now;
	struct rollout_order *orders;
	size_t n_orders;
};

struct rollout *rollout_new(const char *id, const char *version, size_t n_members)
{
	struct rollout *r = calloc(1, sizeof(*r));

	if (!r || strlen(id) >= sizeof(r->id) || strlen(version) >= sizeof(r->version) ||
	    !(r->members = calloc(n_members ? n_members : 1, sizeof(*r->members)))) {
		free(r);
		return NULL;
	}
	memcpy(r->id, id, strlen(id) + 1);
	memcpy(r->version, version, strlen(version) + 1);
	r->n_members = n_members;
	r->max_parallel = 1;
	return r;
}

struct rollout *rollout_free(struct rollout *r)
{
	if (r)
		free(r->members);
	free(r);
	return NULL;
}

const char *rollout_state_to_string(enum rollout_state s)
{
	return ENUM_TO_STRING(rollout_states, s);
}

enum rollout_state rollout_state_from_string(const char *s)
{
	return (enum rollout_state) ENUM_FROM_STRING(rollout_states, s);
}

const char *rollout_machine_state_to_string(enum rollout_machine_state s)
{
	return ENUM_TO_STRING(member_states, s);
}

enum rollout_machine_state rollout_machine_state_from_string(const char *s)
{
	return (enum rollout_machine_state) ENUM_FROM_STRING(member_states, s);
}

bool rollout_is_over(const struct rollout *r)
{
	return r->state == ROLLOUT_SUCCEEDED || r->state == ROLLOUT_FAILED ||
	       r->state == ROLLOUT_ROLLED_BACK;
}

size_t rollout_count(const struct rollout *r, enum rollout_machine_state s)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n_members; i++)
		n += r->members[i].state == s;
	return n;
}

static void rollout_enter(struct rollout *r, enum rollout_state state)
{
	r->state = state;
	r->changed = true;
}

static void member_enter(struct rollout_member *m, enum rollout_machine_state state)
{
	m->state = state;
	m->changed = m->moved = true;
}

static void member_reason(struct rollout_member *m, const char *fmt, ...) _printf_(2, 3);
static void member_reason(struct rollout_member *m, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(m->reason, sizeof(m->reason), fmt, args);
	va_end(args);
	m->changed = true;
}

static void order(struct step *s, size_t i, enum rollout_order_kind kind)
{
	s->orders[s->n_orders++] = (struct rollout_order){.kind = kind, .member = i};
}

static bool is_on_target(const struct step *s, size_t i)
{
	return s->facts[i].exists && streq(s->facts[i].version, s->r->version);
}

static const char *message_of(const struct rollout_facts *f)
{
	return str_is_empty(f->message) ? "The agent gave no reason" : f->message;
}

/* The first failure decides: the member's reason is set already. */
static void stop(struct step *s, size_t i)
{
	struct rollout *r = s->r;

	if (r->state == ROLLOUT_ROLLING_BACK)
		return;
	snprintf(r->reason, sizeof(r->reason), "%.33s: %.200s", r->members[i].machine,
	         r->members[i].reason);
	rollout_enter(r, ROLLOUT_ROLLING_BACK);
}

static void member_order_back(struct step *s, size_t i)
{
	struct rollout_member *m = &s->r->members[i];

	order(s, i, ORDER_ROLLBACK);
	m->since = s->now;
	m->healthy_since = m->worse_since = 0;
	member_enter(m, MEMBER_RETURNING);
}

/* Whether it went wrong for certain, beyond waiting. Sets the reason. */
static bool member_has_failed(struct step *s, size_t i)
{
	struct rollout_member *m = &s->r->members[i];
	const struct rollout_facts *f = &s->facts[i];

	if (!f->exists)
		member_reason(m, "The machine was removed");
	else if (f->command == COMMAND_FAILED)
		member_reason(m, "%s", message_of(f));
	else if (m->state == MEMBER_GATING && !is_on_target(s, i))
		member_reason(m, "Went back to %.64s by itself", f->version);
	else if (m->worse_since && s->now >= usec_add(m->worse_since, s->r->gate))
		member_reason(m, "%llu units failed, %llu before the upgrade",
		              (unsigned long long) f->n_failed,
		              (unsigned long long) m->previous_failed);
	else if (s->now >= usec_add(m->since, s->r->deadline))
		member_reason(m, m->state == MEMBER_ORDERED
		                         ? "Did not report the new version before its deadline"
		                         : "Was not healthy for long enough before its deadline");
	else
		return false;
	return true;
}

static void member_watch_health(struct step *s, size_t i)
{
	struct rollout_member *m = &s->r->members[i];
	const struct rollout_facts *f = &s->facts[i];
	bool worse = f->n_failed > m->previous_failed;
	bool healthy = f->connected && !worse &&
	               (streq(f->state, "running") || streq(f->state, "degraded"));

	if (healthy != (m->healthy_since > 0)) {
		m->healthy_since = healthy ? s->now : 0;
		m->changed = true;
	}
	if (worse != (m->worse_since > 0))
		m->worse_since = worse ? s->now : 0;
}

static void member_forward(struct step *s, size_t i)
{
	struct rollout_member *m = &s->r->members[i];

	if (m->state == MEMBER_ORDERED && is_on_target(s, i) &&
	    s->facts[i].command != COMMAND_FAILED)
		member_enter(m, MEMBER_GATING);
	if (m->state == MEMBER_GATING)
		member_watch_health(s, i);
	if (m->state == MEMBER_GATING && is_on_target(s, i) &&
	    s->facts[i].command == COMMAND_DONE && m->healthy_since &&
	    s->now >= usec_add(m->healthy_since, s->r->gate)) {
		member_enter(m, MEMBER_DONE);
		return;
	}
	if (member_has_failed(s, i))
		stop(s, i);
}

/* A waiting machine: over before it began, or ready to be ordered. */
static bool member_is_ready(struct step *s, size_t i)
{
	struct rollout_member *m = &s->r->members[i];
	const struct rollout_facts *f = &s->facts[i];

	if (!f->exists) {
		member_reason(m, "The machine was removed");
		member_enter(m, MEMBER_SKIPPED);
	} else if (is_on_target(s, i)) {
		member_reason(m, "Runs this version already");
		member_enter(m, MEMBER_SKIPPED);
	} else if (!f->connected) {
		if (!m->reason[0])
			member_reason(m, "Not connected");
		if (s->now >= usec_add(m->since, s->r->deadline))
			member_enter(m, MEMBER_SKIPPED);
	} else {
		return true;
	}
	return false;
}

static void member_grant(struct step *s, size_t i)
{
	struct rollout_member *m = &s->r->members[i];
	const struct rollout_facts *f = &s->facts[i];

	snprintf(m->previous_version, sizeof(m->previous_version), "%s", f->version);
	m->previous_failed = f->n_failed;
	m->since = s->now;
	m->healthy_since = m->worse_since = 0;
	m->reason[0] = 0;
	member_enter(m, MEMBER_ORDERED);
	order(s, i, ORDER_UPGRADE);
}

static void step_forward(struct step *s)
{
	struct rollout *r = s->r;
	size_t in_flight;

	for (size_t i = 0; i < r->n_members; i++)
		if (r->members[i].state == MEMBER_ORDERED || r->members[i].state == MEMBER_GATING)
			member_forward(s, i);
	if (r->state != ROLLOUT_RUNNING)
		return;
	in_flight = rollout_count(r, MEMBER_ORDERED) + rollout_count(r, MEMBER_GATING);
	for (size_t i = 0; i < r->n_members; i++) {
		if (r->members[i].state != MEMBER_PENDING || !member_is_ready(s, i) ||
		    in_flight >= r->max_parallel)
			continue;
		member_grant(s, i);
		in_flight++;
	}
	if (in_flight == 0 && rollout_count(r, MEMBER_PENDING) == 0) {
		snprintf(r->reason, sizeof(r->reason), "%zu upgraded, %zu skipped",
		         rollout_count(r, MEMBER_DONE), rollout_count(r, MEMBER_SKIPPED));
		rollout_enter(r, ROLLOUT_SUCCEEDED);
	}
}

/* ordered, gating or done, while everything is to come back */
static void member_bring_back(struct step *s, size_t i)
{
	struct rollout_member *m = &s->r->members[i];
	const struct rollout_facts *f = &s->facts[i];

	if (!f->exists) {
		member_reason(m, "The machine was removed");
		member_enter(m, MEMBER_SKIPPED);
	} else if (m->state == MEMBER_ORDERED && f->command == COMMAND_QUEUED &&
	           !is_on_target(s, i)) {
		if (!m->reason[0])
			member_reason(m, "The rollout was stopped before it began here");
		order(s, i, ORDER_CANCEL);
		member_enter(m, MEMBER_SKIPPED);
	} else if (is_on_target(s, i)) {
		member_order_back(s, i);
	} else if (f->command == COMMAND_FAILED || streq(f->version, m->previous_version)) {
		/* While the upgrade is still under way the old version is no proof of return. */
		if (f->command == COMMAND_DELIVERED && s->now < usec_add(m->since, s->r->deadline))
			return;
		if (f->command == COMMAND_DELIVERED)
			member_order_back(s, i);
		else
			member_enter(m, MEMBER_RETURNED);
	} else if (s->now >= usec_add(m->since, s->r->deadline)) {
		member_reason(m, "Runs %.64s, neither the old nor the new version", f->version);
		member_enter(m, MEMBER_FAILED);
	}
}

static void member_await_return(struct step *s, size_t i)
{
	struct rollout_member *m = &s->r->members[i];
	const struct rollout_facts *f = &s->facts[i];

	if (!f->exists) {
		member_reason(m, "The machine was removed");
		member_enter(m, MEMBER_FAILED);
	} else if (!is_on_target(s, i) && f->command >= COMMAND_DONE) {
		member_enter(m, MEMBER_RETURNED);
	} else if (f->command == COMMAND_FAILED) {
		member_reason(m, "Cannot go back: %.200s", message_of(f));
		member_enter(m, MEMBER_FAILED);
	} else if (s->now >= usec_add(m->since, s->r->deadline)) {
		member_reason(m, "Did not go back before its deadline");
		member_enter(m, MEMBER_FAILED);
	}
}

static void step_back(struct step *s)
{
	struct rollout *r = s->r;
	bool busy = false;

	for (size_t i = 0; i < r->n_members; i++) {
		struct rollout_member *m = &r->members[i];

		switch (m->state) {
		case MEMBER_PENDING:
			member_reason(m, "The rollout was stopped before it began here");
			member_enter(m, MEMBER_SKIPPED);
			break;
		case MEMBER_ORDERED:
		case MEMBER_GATING:
		case MEMBER_DONE:
			member_bring_back(s, i);
			break;
		case MEMBER_RETURNING:
			member_await_return(s, i);
			break;
		default:
			break;
		}
		busy |= m->state == MEMBER_ORDERED || m->state == MEMBER_GATING ||
		        m->state == MEMBER_DONE || m->state == MEMBER_RETURNING;
	}
	if (!busy)
		rollout_enter(r, rollout_count(r, MEMBER_FAILED) > 0 ? ROLLOUT_FAILED
		                                                     : ROLLOUT_ROLLED_BACK);
}

void rollout_step(struct rollout *r, const struct rollout_facts *facts, usec_t now_realtime,
                  struct rollout_order *orders, size_t *ret_n)
{
	struct step s = {.r = r, .facts = facts, .now = now_realtime, .orders = orders};

	if (r->state == ROLLOUT_PENDING) {
		for (size_t i = 0; i < r->n_members; i++)
			r->members[i].since = now_realtime;
		rollout_enter(r, ROLLOUT_RUNNING);
	}
	if (r->state == ROLLOUT_RUNNING || r->state == ROLLOUT_PAUSED)
		step_forward(&s);
	/* The failing step's members give their one order in the next round, so that nobody gets
	 * two at once. */
	if (r->state == ROLLOUT_ROLLING_BACK && s.n_orders == 0)
		step_back(&s);
	*ret_n = s.n_orders;
}

int rollout_pause(struct rollout *r, const char *reason)
{
	if (r->state == ROLLOUT_PAUSED)
		return -EALREADY;
	if (r->state != ROLLOUT_RUNNING && r->state != ROLLOUT_PENDING)
		return -EPERM;
	snprintf(r->reason, sizeof(r->reason), "%s", reason);
	rollout_enter(r, ROLLOUT_PAUSED);
	return 0;
}

int rollout_resume(struct rollout *r)
{
	if (r->state == ROLLOUT_RUNNING)
		return -EALREADY;
	if (r->state != ROLLOUT_PAUSED)
		return -EPERM;
	r->reason[0] = 0;
	rollout_enter(r, ROLLOUT_RUNNING);
	return 0;
}

int rollout_abort(struct rollout *r, const char *reason)
{
	if (r->state == ROLLOUT_ROLLING_BACK)
		return -EALREADY;
	if (rollout_is_over(r))
		return -EPERM;
	snprintf(r->reason, sizeof(r->reason), "%s", reason);
	rollout_enter(r, ROLLOUT_ROLLING_BACK);
	return 0;
}

usec_t rollout_next(const struct rollout *r)
{
	usec_t next = USEC_INFINITY;

	if (rollout_is_over(r))
		return next;
	for (size_t i = 0; i < r->n_members; i++) {
		const struct rollout_member *m = &r->members[i];

		if (m->state > MEMBER_GATING && m->state != MEMBER_RETURNING)
			continue;
		next = MIN(next, usec_add(m->since, r->deadline));
		if (m->healthy_since)
			next = MIN(next, usec_add(m->healthy_since, r->gate));
		if (m->worse_since)
			next = MIN(next, usec_add(m->worse_since, r->gate));
	}
	return next;
}
