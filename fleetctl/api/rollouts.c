// SPDX-License-Identifier: Apache-2.0
/* Drives rollout/: gathers facts, carries out orders, stores both in one transaction. */
#include "api/controller.h"

#include "base/log.h"
#include "bundle/bundle.h"

#include <stdio.h>

#define TICK                                                                                       \
	(5 *                                                                                       \
	 USEC_PER_SEC) /* at the latest, while one is open: a machine may fall silent without  \
	                      a report */

/* ---- store to memory ---- */
static int load_member(const struct store_rollout_machine *s, void *userdata)
{
	struct rollout *r = userdata;
	struct rollout_member *members, *m;
	enum rollout_machine_state state = rollout_machine_state_from_string(s->state);

	if ((int) state < 0)
		return -EBADMSG;
	members = reallocarray(r->members, r->n_members + 1, sizeof(*members));
	if (!members)
		return -ENOMEM;
	r->members = members;
	m = &members[r->n_members++];
	*m = (struct rollout_member){.state = state,
	                             .previous_failed = (uint64_t) s->previous_failed,
	                             .since = (usec_t) s->since,
	                             .healthy_since = (usec_t) s->healthy_since};
	snprintf(m->machine, sizeof(m->machine), "%s", s->machine);
	snprintf(m->command, sizeof(m->command), "%s", s->command ? s->command : "");
	snprintf(m->previous_version, sizeof(m->previous_version), "%s",
	         s->previous_version ? s->previous_version : "");
	snprintf(m->reason, sizeof(m->reason), "%s", s->reason ? s->reason : "");
	return 0;
}

int rollout_of_store(struct store *store, const struct store_rollout *s, struct rollout **ret)
{
	auto_cleanup(rollout_free) struct rollout *r = rollout_new(s->id, s->version, 0);
	auto_json cJSON *spec = NULL;
	int e;

	if (!r)
		return -ENOMEM;
	e = json_parse(s->spec, strlen(s->spec), "spec", NULL, &spec);
	if (e < 0)
		return e;
	r->state = rollout_state_from_string(s->state);
	if ((int) r->state < 0)
		return -EBADMSG;
	r->max_parallel = (unsigned) json_u64_or(spec, "max_parallel", 1);
	r->gate = json_u64_or(spec, "gate_s", GATE_DEFAULT) * USEC_PER_SEC;
	r->deadline = json_u64_or(spec, "deadline_s", DEADLINE_DEFAULT) * USEC_PER_SEC;
	snprintf(r->reason, sizeof(r->reason), "%s", s->reason ? s->reason : "");
	e = store_rollout_machine_each(store, s->id, load_member, r);
	if (e < 0)
		return e;
	*ret = TAKE_PTR(r);
	return 0;
}

static int load_open(const struct store_rollout *s, void *userdata)
{
	auto_cleanup(rollout_free) struct rollout *r = NULL;
	struct controller *c = userdata;
	int e;

	e = rollout_of_store(c->store, s, &r);
	if (e < 0 || rollout_is_over(r))
		return e;
	e = map_add(c->rollouts, r->id, r);
	if (e >= 0)
		r = NULL;
	return e;
}

int rollouts_load(struct controller *c)
{
	struct rollout *r;
	int e;

	MAP_FOREACH (r, c->rollouts)
		rollout_free(r);
	map_clear(c->rollouts);
	e = store_rollout_each(c->store, load_open, c);
	if (e >= 0)
		rollouts_kick(c);
	return e < 0 ? e : 0;
}

/* ---- memory to store ---- */
int rollout_store_changes(struct controller *c, struct rollout *r, usec_t at)
{
	int e = 0;

	for (size_t i = 0; i < r->n_members && e >= 0; i++) {
		const struct rollout_member *m = &r->members[i];
		struct store_rollout_machine s = {
			.rollout = r->id,
			.machine = m->machine,
			.state = rollout_machine_state_to_string(m->state),
			.reason = m->reason,
			.previous_version = m->previous_version,
			.command = m->command,
			.position = (int64_t) i,
			.previous_failed = (int64_t) m->previous_failed,
			.since = (int64_t) m->since,
			.healthy_since = (int64_t) m->healthy_since,
		};

		if (m->changed)
			e = store_rollout_machine_put(c->store, &s);
	}
	if (e >= 0 && r->changed)
		e = store_rollout_set(c->store, r->id, rollout_state_to_string(r->state), r->reason,
		                      at);
	return e;
}

int rollout_record_changes(struct controller *c, const struct rollout *r, enum rollout_state before,
                           usec_t at)
{
	int e = 0;

	if (r->state != before) {
		auto_free char *line = str_printf("Rollout of %s: %s%s%s", r->version,
		                                  rollout_state_to_string(r->state),
		                                  *r->reason ? ": " : "", r->reason);

		e = line ? event_record(c, NULL, "rollout", line, NULL, at) : -ENOMEM;
	}
	for (size_t i = 0; i < r->n_members && e >= 0; i++) {
		const struct rollout_member *m = &r->members[i];
		auto_free char *line = NULL;

		if (!m->moved)
			continue;
		line = str_printf("Rollout of %s: %s%s%s", r->version,
		                  rollout_machine_state_to_string(m->state), *m->reason ? ": " : "",
		                  m->reason);
		e = line ? event_record(c, m->machine, "rollout", line, NULL, at) : -ENOMEM;
	}
	return e;
}

/* ---- one step ---- */
static int command_state(const struct store_command *s, void *userdata)
{
	struct rollout_facts *f = userdata;

	f->command = streq(s->state, "queued")      ? COMMAND_QUEUED
	             : streq(s->state, "delivered") ? COMMAND_DELIVERED
	             : streq(s->state, "done")      ? COMMAND_DONE
	                                            : COMMAND_FAILED;
	if (f->command == COMMAND_FAILED && s->result) {
		auto_json cJSON *o = NULL;

		if (json_parse(s->result, strlen(s->result), "result", NULL, &o) >= 0)
			f->message = strdup(json_string_or(o, "message", ""));
	}
	return 0;
}

static int gather(struct controller *c, const struct rollout *r, struct rollout_facts *facts)
{
	for (size_t i = 0; i < r->n_members; i++) {
		const struct rollout_member *m = &r->members[i];
		const struct machine *machine = map_get(c->machines, m->machine);
		int e;

		facts[i] = (struct rollout_facts){.version = "", .state = ""};
		if (!machine)
			continue;
		facts[i].exists = true;
		facts[i].connected = machine_is_connected(machine);
		facts[i].version = machine->version;
		facts[i].state = machine->state;
		facts[i].n_failed = machine->n_failed;
		if (!*m->command || m->state == MEMBER_DONE)
			continue;
		e = store_command_get(c->store, m->command, command_state, &facts[i]);
		if (e < 0 && e != -ENOENT)
			return e;
	}
	return 0;
}

static void facts_free(struct rollout_facts *facts, size_t n)
{
	for (size_t i = 0; facts && i < n; i++)
		free((char *) facts[i].message);
	free(facts);
}

static int carry_out(struct controller *c, struct rollout *r, const struct rollout_order *o,
                     int64_t *ret_seq)
{
	struct rollout_member *m = &r->members[o->member];
	const struct machine *machine = map_get(c->machines, m->machine);
	auto_json cJSON *args = NULL;
	struct id128 id;
	int e;

	*ret_seq = 0;
	if (!machine)
		return 0; /* removed since the facts were gathered: the next step sees it */
	if (o->kind == ORDER_CANCEL)
		return store_command_finish(c->store, m->machine, m->command, "cancelled", NULL,
		                            now(CLOCK_REALTIME));
	if (o->kind == ORDER_UPGRADE) {
		e = bundle_command_args(c, r->version, &args);
	} else {
		args = cJSON_CreateObject();
		e = args ? json_add_string(args, "from", r->version) : -ENOMEM;
		if (e >= 0)
			e = json_add_string(args, "to", m->previous_version);
	}
	if (e >= 0)
		e = json_add_string(args, "reason", *r->reason ? r->reason : "rollout");
	if (e >= 0)
		e = id128_random(&id);
	if (e < 0)
		return e;
	id128_format(&id, m->command);
	m->changed = true;
	return command_queue(c, machine, m->command,
	                     o->kind == ORDER_UPGRADE ? "upgrade" : "rollback", args, r->id,
	                     "rollout", ret_seq);
}

static int step_stored(struct controller *c, struct rollout *r, enum rollout_state before,
                       const struct rollout_order *orders, size_t n, int64_t *seqs)
{
	usec_t at = now(CLOCK_REALTIME);
	int e = store_begin(c->store);

	if (e < 0)
		return e;
	for (size_t i = 0; i < n && e >= 0; i++)
		e = carry_out(c, r, &orders[i], &seqs[i]);
	if (e >= 0)
		e = rollout_store_changes(c, r, at);
	if (e >= 0)
		e = rollout_record_changes(c, r, before, at);
	if (e < 0) {
		store_abort(c->store);
		return e;
	}
	return store_commit(c->store);
}

static bool has_changes(const struct rollout *r)
{
	for (size_t i = 0; i < r->n_members; i++)
		if (r->members[i].changed)
			return true;
	return r->changed;
}

/* 1 when something changed, so that another step may follow at once. */
static int step(struct controller *c, struct rollout *r)
{
	struct rollout_facts *facts = calloc(r->n_members, sizeof(*facts));
	auto_free struct rollout_order *orders = calloc(r->n_members, sizeof(*orders));
	auto_free int64_t *seqs = calloc(r->n_members, sizeof(*seqs));
	enum rollout_state before = r->state;
	bool changed;
	size_t n = 0;
	int e;

	e = facts && orders && seqs ? gather(c, r, facts) : -ENOMEM;
	if (e >= 0)
		rollout_step(r, facts, now(CLOCK_REALTIME), orders, &n);
	facts_free(facts, r->n_members);
	if (e < 0)
		return e;
	changed = has_changes(r);
	if (!changed)
		return 0;
	e = step_stored(c, r, before, orders, n, seqs);
	if (e < 0)
		return e;
	r->changed = false;
	for (size_t i = 0; i < r->n_members; i++)
		r->members[i].changed = r->members[i].moved = false;
	for (size_t i = 0; i < n; i++) {
		struct machine *m = map_get(c->machines, r->members[orders[i].member].machine);

		if (m && seqs[i] > 0)
			machine_wake(m, seqs[i]);
	}
	return 1;
}

static void arm(struct controller *c)
{
	usec_t real = now(CLOCK_REALTIME), next = USEC_INFINITY;
	struct rollout *r;

	MAP_FOREACH (r, c->rollouts)
		next = MIN(next, rollout_next(r));
	if (next == USEC_INFINITY)
		return;
	(void) source_set_time(c->rollout_timer,
	                       now(CLOCK_MONOTONIC) +
	                               MIN(TICK, usec_sub(next, real) + USEC_PER_MSEC));
}

static int run_all(struct controller *c)
{
	struct rollout *r;
	int e = 0;

	MAP_FOREACH (r, c->rollouts) {
		/* Three rounds at most: forward, the stop, the orders back. */
		for (unsigned i = 0; i < 3; i++) {
			e = step(c, r);
			if (e <= 0)
				break;
		}
		if (e < 0)
			return e;
		if (rollout_is_over(r)) {
			map_remove(c->rollouts, r->id);
			rollout_free(r);
		}
	}
	return 0;
}

static int on_defer(struct source *s, void *userdata)
{
	struct controller *c = userdata;
	int e = run_all(c);

	(void) s;
	if (e < 0) {
		/* Memory is ahead of the store: read it again and go on from there. */
		log_error_errno(e, "A rollout's step could not be stored: %s",
		                store_error(c->store));
		e = rollouts_load(c);
		if (e < 0)
			log_error_errno(e, "Cannot read the rollouts: %s", store_error(c->store));
		(void) source_set_state(c->rollout_defer, SOURCE_OFF);
		(void) source_set_time(c->rollout_timer, now(CLOCK_MONOTONIC) + TICK);
		return 0;
	}
	events_publish(c);
	arm(c);
	return 0;
}

static int on_timer(struct source *s, usec_t deadline, void *userdata)
{
	(void) s;
	(void) deadline;
	rollouts_kick(userdata);
	return 0;
}

void rollouts_kick(struct controller *c)
{
	if (map_size(c->rollouts) == 0)
		return;
	if (!c->rollout_defer) {
		if (loop_add_time(c->loop, CLOCK_MONOTONIC, USEC_INFINITY, 10 * USEC_PER_MSEC,
		                  "rollout-timer", on_timer, c, &c->rollout_timer) < 0 ||
		    loop_add_defer(c->loop, "rollouts", on_defer, c, &c->rollout_defer) < 0) {
			log_error("Out of memory: rollouts stand still");
			c->rollout_timer = source_free(c->rollout_timer);
		}
		return; /* a new deferred source runs once by itself */
	}
	(void) source_set_state(c->rollout_defer, SOURCE_ONESHOT);
}
