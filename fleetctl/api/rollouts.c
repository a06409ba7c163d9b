// SPDX-License-Identifier: Apache-2.0
/* Drives rollout/: gathers facts, carries out orders, stores both in one transaction. */
#include "api/controller.h"

#include "base/log.h"
#include "bundle/bundle.h"

#include <stdio.h>

#define GATE_DEFAULT	 10	    /* seconds */
#define DEADLINE_DEFAULT 600
#define SECONDS_MAX	 (7 * 24 * 3600)
#define TICK		 (5 * USEC_PER_SEC) /* at the latest, while one is open: a machine may fall silent without a report */

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
	*m = (struct rollout_member){ .state = state, .previous_failed = (uint64_t) s->previous_failed, .since = (usec_t) s->since,
				      .healthy_since = (usec_t) s->healthy_since };
	snprintf(m->machine, sizeof(m->machine), "%s", s->machine);
	snprintf(m->command, sizeof(m->command), "%s", s->command ? s->command : "");
	snprintf(m->previous_version, sizeof(m->previous_version), "%s", s->previous_version ? s->previous_version : "");
	snprintf(m->reason, sizeof(m->reason), "%s", s->reason ? s->reason : "");
	return 0;
}

static int rollout_of_store(struct store *store, const struct store_rollout *s, struct rollout **ret)
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

struct loading {
	struct controller *c;
	const char *only; /* id, or NULL for all that are not over */
	struct rollout *found;
};

static int load_one(const struct store_rollout *s, void *userdata)
{
	struct loading *l = userdata;
	auto_cleanup(rollout_free) struct rollout *r = NULL;
	int e;

	if (l->only && !streq(l->only, s->id))
		return 0;
	e = rollout_of_store(l->c->store, s, &r);
	if (e < 0)
		return e;
	if (l->only) {
		l->found = TAKE_PTR(r);
		return 0;
	}
	if (rollout_is_over(r))
		return 0;
	e = map_add(l->c->rollouts, r->id, r);
	if (e >= 0)
		r = NULL;
	return e;
}

int rollouts_load(struct controller *c)
{
	struct loading l = { .c = c };
	struct rollout *r;
	int e;

	MAP_FOREACH(r, c->rollouts)
		rollout_free(r);
	map_clear(c->rollouts);
	e = store_rollout_each(c->store, load_one, &l);
	if (e >= 0)
		rollouts_kick(c);
	return e < 0 ? e : 0;
}

/* ---- memory to store ---- */
static int store_changes(struct controller *c, struct rollout *r, usec_t at)
{
	int e = 0;

	for (size_t i = 0; i < r->n_members && e >= 0; i++) {
		const struct rollout_member *m = &r->members[i];
		struct store_rollout_machine s = {
			.rollout = r->id, .machine = m->machine, .state = rollout_machine_state_to_string(m->state), .reason = m->reason,
			.previous_version = m->previous_version, .command = m->command, .position = (int64_t) i,
			.previous_failed = (int64_t) m->previous_failed, .since = (int64_t) m->since,
			.healthy_since = (int64_t) m->healthy_since,
		};

		if (m->changed)
			e = store_rollout_machine_put(c->store, &s);
	}
	if (e >= 0 && r->changed)
		e = store_rollout_set(c->store, r->id, rollout_state_to_string(r->state), r->reason, at);
	return e;
}

static int record_changes(struct controller *c, const struct rollout *r, enum rollout_state before, usec_t at)
{
	int e = 0;

	if (r->state != before) {
		auto_free char *line = str_printf("Rollout of %s: %s%s%s", r->version, rollout_state_to_string(r->state),
						  *r->reason ? ": " : "", r->reason);

		e = line ? event_record(c, NULL, "rollout", line, NULL, at) : -ENOMEM;
	}
	for (size_t i = 0; i < r->n_members && e >= 0; i++) {
		const struct rollout_member *m = &r->members[i];
		auto_free char *line = NULL;

		if (!m->moved)
			continue;
		line = str_printf("Rollout of %s: %s%s%s", r->version, rollout_machine_state_to_string(m->state), *m->reason ? ": " : "",
				  m->reason);
		e = line ? event_record(c, m->machine, "rollout", line, NULL, at) : -ENOMEM;
	}
	return e;
}

/* ---- one step ---- */
static int command_state(const struct store_command *s, void *userdata)
{
	struct rollout_facts *f = userdata;

	f->command = streq(s->state, "queued")	    ? COMMAND_QUEUED
		     : streq(s->state, "delivered") ? COMMAND_DELIVERED
		     : streq(s->state, "done")	    ? COMMAND_DONE
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

		facts[i] = (struct rollout_facts){ .version = "", .state = "" };
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

static int carry_out(struct controller *c, struct rollout *r, const struct rollout_order *o, int64_t *ret_seq)
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
		return store_command_finish(c->store, m->machine, m->command, "cancelled", NULL, now(CLOCK_REALTIME));
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
	return command_queue(c, machine, m->command, o->kind == ORDER_UPGRADE ? "upgrade" : "rollback", args, r->id, "rollout", ret_seq);
}

static int step_stored(struct controller *c, struct rollout *r, enum rollout_state before, const struct rollout_order *orders, size_t n,
		       int64_t *seqs)
{
	usec_t at = now(CLOCK_REALTIME);
	int e = store_begin(c->store);

	if (e < 0)
		return e;
	for (size_t i = 0; i < n && e >= 0; i++)
		e = carry_out(c, r, &orders[i], &seqs[i]);
	if (e >= 0)
		e = store_changes(c, r, at);
	if (e >= 0)
		e = record_changes(c, r, before, at);
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

	MAP_FOREACH(r, c->rollouts)
		next = MIN(next, rollout_next(r));
	if (next == USEC_INFINITY)
		return;
	(void) source_set_time(c->rollout_timer, now(CLOCK_MONOTONIC) + MIN(TICK, usec_sub(next, real) + USEC_PER_MSEC));
}

static int run_all(struct controller *c)
{
	struct rollout *r;
	int e = 0;

	MAP_FOREACH(r, c->rollouts) {
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
		log_error_errno(e, "A rollout's step could not be stored: %s", store_error(c->store));
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
		if (loop_add_time(c->loop, CLOCK_MONOTONIC, USEC_INFINITY, 10 * USEC_PER_MSEC, "rollout-timer", on_timer, c,
				  &c->rollout_timer) < 0 ||
		    loop_add_defer(c->loop, "rollouts", on_defer, c, &c->rollout_defer) < 0) {
			log_error("Out of memory: rollouts stand still");
			c->rollout_timer = source_free(c->rollout_timer);
		}
		return; /* a new deferred source runs once by itself */
	}
	(void) source_set_state(c->rollout_defer, SOURCE_ONESHOT);
}

/* ---- what operators ask ---- */
static cJSON *rollout_to_json(const struct rollout *r, bool full)
{
	auto_json cJSON *o = cJSON_CreateObject();
	cJSON *counts, *members;

	if (!o || json_add_string(o, "id", r->id) < 0 || json_add_string(o, "version", r->version) < 0 ||
	    json_add_string(o, "state", rollout_state_to_string(r->state)) < 0 || json_add_string(o, "reason", r->reason) < 0 ||
	    json_add_u64(o, "max_parallel", r->max_parallel) < 0 || json_add_u64(o, "gate_s", r->gate / USEC_PER_SEC) < 0 ||
	    json_add_u64(o, "deadline_s", r->deadline / USEC_PER_SEC) < 0 || !(counts = cJSON_AddObjectToObject(o, "counts")))
		return NULL;
	for (int s = 0; s < MEMBER_STATE_MAX; s++)
		if (json_add_u64(counts, rollout_machine_state_to_string(s), rollout_count(r, s)) < 0)
			return NULL;
	members = full ? cJSON_AddArrayToObject(o, "machines") : NULL;
	for (size_t i = 0; members && i < r->n_members; i++) {
		const struct rollout_member *m = &r->members[i];
		cJSON *item = cJSON_CreateObject();

		if (!item || json_add_string(item, "machine", m->machine) < 0 ||
		    json_add_string(item, "state", rollout_machine_state_to_string(m->state)) < 0 ||
		    json_add_string(item, "reason", m->reason) < 0 || json_add_string(item, "previous_version", m->previous_version) < 0 ||
		    json_add_string(item, "command", m->command) < 0 || json_add_u64(item, "since_usec", m->since) < 0) {
			json_free(item);
			return NULL;
		}
		if (json_append_take(members, item) < 0)
			return NULL;
	}
	return TAKE_PTR(o);
}

struct collecting {
	struct controller *c;
	cJSON *list;
};

static int collect_rollout(const struct store_rollout *s, void *userdata)
{
	struct collecting *l = userdata;
	auto_cleanup(rollout_free) struct rollout *loaded = NULL;
	const struct rollout *r = map_get(l->c->rollouts, s->id);
	int e;

	if (!r) {
		e = rollout_of_store(l->c->store, s, &loaded);
		if (e < 0)
			return e;
		r = loaded;
	}
	return json_append_take(l->list, rollout_to_json(r, false));
}

void handle_rollouts(struct call *c)
{
	auto_json cJSON *o = cJSON_CreateObject();
	struct collecting l = { c->controller, o ? cJSON_AddArrayToObject(o, "rollouts") : NULL };
	int r = l.list ? store_rollout_each(c->controller->store, collect_rollout, &l) : -ENOMEM;

	if (r < 0)
		return respond_store_error(c, r);
	respond_json(c, 200, TAKE_PTR(o));
}

void handle_rollout(struct call *c)
{
	struct loading l = { .c = c->controller, .only = c->parameters[0] };
	const struct rollout *r = map_get(c->controller->rollouts, c->parameters[0]);
	int e;

	if (r)
		return respond_json(c, 200, rollout_to_json(r, true));
	e = store_rollout_each(c->controller->store, load_one, &l);
	if (e < 0)
		return respond_store_error(c, e);
	if (!l.found)
		return http_problem(c->request, 404, "no-such-rollout", "There is no rollout \"%.64s\"", c->parameters[0]);
	respond_json(c, 200, rollout_to_json(l.found, true));
	rollout_free(l.found);
}

/* The machines of a selector: all, or those listed. Answers and returns -EINVAL when it does not hold. */
static int select_machines(struct call *c, const cJSON *body, const char *version, struct rollout **ret)
{
	auto_cleanup(rollout_free) struct rollout *r = NULL;
	const cJSON *listed = NULL, *item;
	char id[ID128_TEXT_MAX];
	struct id128 random;
	struct machine *m;
	size_t n = 0;

	if (json_get_array(body, "machines", &listed) == -EINVAL || (!listed && !json_bool_or(body, "all", false))) {
		http_problem(c->request, 422, "bad-selector", "Either \"all\" must be true or \"machines\" a list of ids or host names");
		return -EINVAL;
	}
	if (id128_random(&random) < 0)
		return -EIO;
	r = rollout_new(id128_format(&random, id), version, listed ? (size_t) cJSON_GetArraySize(listed) : map_size(c->controller->machines));
	if (!r)
		return -ENOMEM;
	if (!listed)
		MAP_FOREACH(m, c->controller->machines)
			memcpy(r->members[n++].machine, m->id, sizeof(m->id));
	cJSON_ArrayForEach(item, listed) {
		m = cJSON_IsString(item) ? machine_find(c->controller, item->valuestring) : NULL;
		if (!m) {
			http_problem(c->request, 422, "no-such-machine", "There is no machine \"%.64s\"",
				     cJSON_IsString(item) ? item->valuestring : "");
			return -EINVAL;
		}
		for (size_t i = 0; m && i < n; i++)
			if (streq(r->members[i].machine, m->id))
				m = NULL;
		if (m)
			memcpy(r->members[n++].machine, m->id, sizeof(m->id));
	}
	r->n_members = n;
	if (n == 0) {
		http_problem(c->request, 422, "empty-selector", "The selector matches no machine");
		return -EINVAL;
	}
	*ret = TAKE_PTR(r);
	return 0;
}

static int rollout_store_new(struct call *c, struct rollout *r, const char *spec)
{
	struct store_rollout s = { .id = r->id, .version = r->version, .spec = spec, .state = "pending", .created_by = c->actor,
				   .created_at = (int64_t) now(CLOCK_REALTIME) };
	struct store *store = c->controller->store;
	int e = store_begin(store);

	if (e < 0)
		return e;
	e = store_rollout_add(store, &s);
	for (size_t i = 0; i < r->n_members; i++)
		r->members[i].changed = true;
	if (e >= 0)
		e = store_changes(c->controller, r, (usec_t) s.created_at);
	if (e >= 0)
		e = audit(c, "rollout.create", r->id, spec);
	if (e < 0) {
		store_abort(store);
		return e;
	}
	e = store_commit(store);
	for (size_t i = 0; i < r->n_members; i++)
		r->members[i].changed = false;
	return e;
}

/* A machine can be in one open rollout only. */
static const char *busy_machine(const struct controller *c, const struct rollout *r)
{
	struct rollout *other;

	MAP_FOREACH(other, c->rollouts)
		for (size_t i = 0; i < other->n_members; i++)
			for (size_t j = 0; j < r->n_members; j++)
				if (streq(other->members[i].machine, r->members[j].machine))
					return r->members[j].machine;
	return NULL;
}

static bool read_spec(struct call *c, const cJSON *body, struct rollout *r)
{
	uint64_t parallel = json_u64_or(body, "max_parallel", 1), gate = json_u64_or(body, "gate_s", GATE_DEFAULT);
	uint64_t deadline = json_u64_or(body, "deadline_s", DEADLINE_DEFAULT);

	if (parallel < 1 || parallel > ROLLOUT_MACHINES_MAX || gate > SECONDS_MAX || deadline < 1 || deadline > SECONDS_MAX || deadline <= gate) {
		http_problem(c->request, 422, "bad-limits", "\"max_parallel\" must be at least 1, \"gate_s\" less than \"deadline_s\", both below a week");
		return false;
	}
	r->max_parallel = (unsigned) parallel;
	r->gate = gate * USEC_PER_SEC;
	r->deadline = deadline * USEC_PER_SEC;
	return true;
}

void handle_rollout_create(struct call *c)
{
	auto_cleanup(rollout_free) struct rollout *r = NULL;
	auto_json cJSON *body = body_object(c), *args = NULL;
	auto_free char *spec = NULL;
	const char *version, *busy;
	struct rollout *kept;
	int e;

	if (!body)
		return;
	version = json_string_or(body, "bundle", "");
	e = bundle_version_is_valid(version) ? bundle_command_args(c->controller, version, &args) : -ENOENT;
	if (e == -ENOENT)
		return http_problem(c->request, 422, "no-such-bundle", "There is no bundle of version \"%.64s\"", version);
	if (e >= 0)
		e = select_machines(c, body, version, &r);
	if (e == -EINVAL)
		return;
	if (e < 0)
		return respond_store_error(c, e);
	if (!read_spec(c, body, r))
		return;
	busy = busy_machine(c->controller, r);
	if (busy)
		return http_problem(c->request, 409, "machine-busy", "Machine %s is in another open rollout", busy);
	spec = json_print(body, false);
	e = spec ? rollout_store_new(c, r, spec) : -ENOMEM;
	if (e >= 0)
		e = map_add(c->controller->rollouts, r->id, r);
	if (e < 0)
		return respond_store_error(c, e);
	kept = TAKE_PTR(r);
	rollouts_kick(c->controller);
	respond_json(c, 201, rollout_to_json(kept, true));
}

static void operate(struct call *c, const char *action, int (*fn)(struct rollout *r, const char *reason))
{
	struct rollout *r = map_get(c->controller->rollouts, c->parameters[0]);
	struct store *s = c->controller->store;
	enum rollout_state before;
	int e;

	if (!r)
		return http_problem(c->request, 404, "no-such-rollout", "There is no open rollout \"%.64s\"", c->parameters[0]);
	before = r->state;
	e = fn(r, "By an operator");
	if (e == -EALREADY)
		return respond_json(c, 200, rollout_to_json(r, true));
	if (e < 0)
		return http_problem(c->request, 409, "wrong-state", "The rollout is %s", rollout_state_to_string(r->state));
	e = store_begin(s);
	if (e >= 0) {
		e = store_changes(c->controller, r, now(CLOCK_REALTIME));
		if (e >= 0)
			e = record_changes(c->controller, r, before, now(CLOCK_REALTIME));
		if (e >= 0)
			e = audit(c, action, r->id, NULL);
		if (e >= 0)
			e = store_commit(s);
		else
			store_abort(s);
	}
	if (e < 0) {
		if (rollouts_load(c->controller) < 0)
			log_error("Cannot read the rollouts again");
		return respond_store_error(c, e);
	}
	r->changed = false;
	events_publish(c->controller);
	rollouts_kick(c->controller);
	respond_json(c, 200, rollout_to_json(r, true));
}

static int resume(struct rollout *r, const char *reason)
{
	(void) reason;
	return rollout_resume(r);
}

void handle_rollout_pause(struct call *c)
{
	operate(c, "rollout.pause", rollout_pause);
}

void handle_rollout_resume(struct call *c)
{
	operate(c, "rollout.resume", resume);
}

void handle_rollout_abort(struct call *c)
{
	operate(c, "rollout.abort", rollout_abort);
}
