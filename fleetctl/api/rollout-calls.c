// SPDX-License-Identifier: Apache-2.0
/* Rollouts as operators see and order them. */
#include "api/controller.h"

#include "base/log.h"
#include "bundle/bundle.h"

/* ---- what operators ask ---- */
static cJSON *rollout_to_json(const struct rollout *r, bool full)
{
	auto_json cJSON *o = cJSON_CreateObject();
	cJSON *counts, *members;

	if (!o || json_add_string(o, "id", r->id) < 0 ||
	    json_add_string(o, "version", r->version) < 0 ||
	    json_add_string(o, "state", rollout_state_to_string(r->state)) < 0 ||
	    json_add_string(o, "reason", r->reason) < 0 ||
	    json_add_u64(o, "max_parallel", r->max_parallel) < 0 ||
	    json_add_u64(o, "gate_s", r->gate / USEC_PER_SEC) < 0 ||
	    json_add_u64(o, "deadline_s", r->deadline / USEC_PER_SEC) < 0 ||
	    !(counts = cJSON_AddObjectToObject(o, "counts")))
		return NULL;
	for (int s = 0; s < MEMBER_STATE_MAX; s++)
		if (json_add_u64(counts, rollout_machine_state_to_string(s), rollout_count(r, s)) <
		    0)
			return NULL;
	members = full ? cJSON_AddArrayToObject(o, "machines") : NULL;
	for (size_t i = 0; members && i < r->n_members; i++) {
		const struct rollout_member *m = &r->members[i];
		cJSON *item = cJSON_CreateObject();

		if (!item || json_add_string(item, "machine", m->machine) < 0 ||
		    json_add_string(item, "state", rollout_machine_state_to_string(m->state)) < 0 ||
		    json_add_string(item, "reason", m->reason) < 0 ||
		    json_add_string(item, "previous_version", m->previous_version) < 0 ||
		    json_add_string(item, "command", m->command) < 0 ||
		    json_add_u64(item, "since_usec", m->since) < 0) {
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
	struct collecting l = {c->controller, o ? cJSON_AddArrayToObject(o, "rollouts") : NULL};
	int r = l.list ? store_rollout_each(c->controller->store, collect_rollout, &l) : -ENOMEM;

	if (r < 0)
		return respond_store_error(c, r);
	respond_json(c, 200, TAKE_PTR(o));
}

struct finding {
	struct controller *c;
	const char *id;
	struct rollout *found;
};

static int find_one(const struct store_rollout *s, void *userdata)
{
	struct finding *f = userdata;

	return streq(f->id, s->id) ? rollout_of_store(f->c->store, s, &f->found) : 0;
}

void handle_rollout(struct call *c)
{
	struct finding f = {.c = c->controller, .id = c->parameters[0]};
	const struct rollout *r = map_get(c->controller->rollouts, c->parameters[0]);
	int e;

	if (r)
		return respond_json(c, 200, rollout_to_json(r, true));
	e = store_rollout_each(c->controller->store, find_one, &f);
	if (e < 0)
		return respond_store_error(c, e);
	if (!f.found)
		return http_problem(c->request, 404, "no-such-rollout",
		                    "There is no rollout \"%.64s\"", c->parameters[0]);
	respond_json(c, 200, rollout_to_json(f.found, true));
	rollout_free(f.found);
}

/* The machines of a selector: all, or those listed. Answers and returns -EINVAL when it does not
 * hold. */
static int select_machines(struct call *c, const cJSON *body, const char *version,
                           struct rollout **ret)
{
	auto_cleanup(rollout_free) struct rollout *r = NULL;
	const cJSON *listed = NULL, *item;
	char id[ID128_TEXT_MAX];
	struct id128 random;
	struct machine *m;
	size_t n = 0;

	if (json_get_array(body, "machines", &listed) == -EINVAL ||
	    (!listed && !json_bool_or(body, "all", false))) {
		http_problem(
			c->request, 422, "bad-selector",
			"Either \"all\" must be true or \"machines\" a list of ids or host names");
		return -EINVAL;
	}
	if (id128_random(&random) < 0)
		return -EIO;
	r = rollout_new(id128_format(&random, id), version,
	                listed ? (size_t) cJSON_GetArraySize(listed)
	                       : map_size(c->controller->machines));
	if (!r)
		return -ENOMEM;
	if (!listed)
		MAP_FOREACH (m, c->controller->machines)
			memcpy(r->members[n++].machine, m->id, sizeof(m->id));
	cJSON_ArrayForEach(item, listed)
	{
		m = cJSON_IsString(item) ? machine_find(c->controller, item->valuestring) : NULL;
		if (!m) {
			http_problem(c->request, 422, "no-such-machine",
			             "There is no machine \"%.64s\"",
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
	struct store_rollout s = {.id = r->id,
	                          .version = r->version,
	                          .spec = spec,
	                          .state = "pending",
	                          .created_by = c->actor,
	                          .created_at = (int64_t) now(CLOCK_REALTIME)};
	struct store *store = c->controller->store;
	int e = store_begin(store);

	if (e < 0)
		return e;
	e = store_rollout_add(store, &s);
	for (size_t i = 0; i < r->n_members; i++)
		r->members[i].changed = true;
	if (e >= 0)
		e = rollout_store_changes(c->controller, r, (usec_t) s.created_at);
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

	MAP_FOREACH (other, c->rollouts)
		for (size_t i = 0; i < other->n_members; i++)
			for (size_t j = 0; j < r->n_members; j++)
				if (streq(other->members[i].machine, r->members[j].machine))
					return r->members[j].machine;
	return NULL;
}

static bool read_spec(struct call *c, const cJSON *body, struct rollout *r)
{
	uint64_t parallel = json_u64_or(body, "max_parallel", 1),
		 gate = json_u64_or(body, "gate_s", GATE_DEFAULT);
	uint64_t deadline = json_u64_or(body, "deadline_s", DEADLINE_DEFAULT);

	if (parallel < 1 || parallel > ROLLOUT_MACHINES_MAX || gate > SECONDS_MAX || deadline < 1 ||
	    deadline > SECONDS_MAX || deadline <= gate) {
		http_problem(c->request, 422, "bad-limits",
		             "\"max_parallel\" must be at least 1, \"gate_s\" less than "
		             "\"deadline_s\", both below a week");
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
	e = bundle_version_is_valid(version) ? bundle_command_args(c->controller, version, &args)
	                                     : -ENOENT;
	if (e == -ENOENT)
		return http_problem(c->request, 422, "no-such-bundle",
		                    "There is no bundle of version \"%.64s\"", version);
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
		return http_problem(c->request, 409, "machine-busy",
		                    "Machine %s is in another open rollout", busy);
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

static void operate(struct call *c, const char *action,
                    int (*fn)(struct rollout *r, const char *reason))
{
	struct rollout *r = map_get(c->controller->rollouts, c->parameters[0]);
	struct store *s = c->controller->store;
	enum rollout_state before;
	int e;

	if (!r)
		return http_problem(c->request, 404, "no-such-rollout",
		                    "There is no open rollout \"%.64s\"", c->parameters[0]);
	before = r->state;
	e = fn(r, "By an operator");
	if (e == -EALREADY)
		return respond_json(c, 200, rollout_to_json(r, true));
	if (e < 0)
		return http_problem(c->request, 409, "wrong-state", "The rollout is %s",
		                    rollout_state_to_string(r->state));
	e = store_begin(s);
	if (e >= 0) {
		e = rollout_store_changes(c->controller, r, now(CLOCK_REALTIME));
		if (e >= 0)
			e = rollout_record_changes(c->controller, r, before, now(CLOCK_REALTIME));
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
