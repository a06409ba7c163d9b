// SPDX-License-Identifier: Apache-2.0
#include "api/controller.h"

#include "base/log.h"

bool machine_is_connected(const struct machine *m)
{
	return m->poll || usec_sub(now(CLOCK_REALTIME), m->last_seen) < CONNECTED_FOR;
}

/* Signs of life are written together, once a second, not one by one. */
void machine_is_seen(struct machine *m)
{
	m->last_seen = now(CLOCK_REALTIME);
	m->seen_dirty = true;
	if (source_get_state(m->controller->flush_timer) == SOURCE_OFF)
		(void) source_set_time(m->controller->flush_timer,
		                       now(CLOCK_MONOTONIC) + FLUSH_INTERVAL);
}

int machines_flush_seen(struct controller *c)
{
	struct machine *m;
	int r;

	r = store_begin(c->store);
	if (r < 0)
		return r;
	MAP_FOREACH (m, c->machines)
		if (m->seen_dirty && r >= 0)
			r = store_machine_seen(c->store, m->id, m->last_seen);
	if (r < 0) {
		store_abort(c->store);
		return r;
	}
	r = store_commit(c->store);
	if (r < 0)
		return r;
	MAP_FOREACH (m, c->machines)
		m->seen_dirty = false;
	return 0;
}

struct machine *machine_free(struct machine *m)
{
	if (!m)
		return NULL;
	source_free(m->poll_timer);
	free(m->hostname);
	free(m->version);
	free(m->state);
	free(m->boot);
	free(m->status);
	free(m->report_session);
	free(m);
	return NULL;
}

struct machine *machine_put(struct controller *c, const struct store_machine *s)
{
	struct machine *m = map_get(c->machines, s->id);
	bool is_new = !m;

	if (is_new) {
		m = calloc(1, sizeof(*m));
		if (!m || strlen(s->id) >= sizeof(m->id)) {
			free(m);
			return NULL;
		}
		memcpy(m->id, s->id, strlen(s->id) + 1);
		m->controller = c;
	}
	if (str_set(&m->hostname, s->hostname) < 0 || str_set(&m->version, s->version) < 0 ||
	    str_set(&m->state, s->state) < 0 || str_set(&m->boot, s->boot) < 0 ||
	    str_set(&m->status, s->status) < 0 ||
	    str_set(&m->report_session, s->report_session) < 0 ||
	    (is_new && map_add(c->machines, m->id, m) < 0)) {
		if (is_new)
			machine_free(m);
		return NULL;
	}
	m->report_number = s->report_number;
	m->n_failed = (uint64_t) s->n_failed;
	m->enrolled_at = (usec_t) s->enrolled_at;
	m->last_seen = MAX(m->last_seen, (usec_t) s->last_seen);
	return m;
}

struct machine *machine_find(const struct controller *c, const char *name)
{
	struct machine *m = map_get(c->machines, name), *found = NULL;

	if (m)
		return m;
	MAP_FOREACH (m, c->machines) {
		if (!streq(m->hostname, name))
			continue;
		if (found)
			return NULL;
		found = m;
	}
	return found;
}

/* The requests that wait end; whoever polls next is not known any more. */
void machine_forget(struct controller *c, struct machine *m)
{
	struct http_request *poll = TAKE_PTR(m->poll);

	if (poll) {
		http_on_gone(poll, NULL, NULL);
		http_problem(poll, 403, "unknown-machine", "This machine was removed");
	}
	identities_drop(c, ROLE_OF_AGENT, m->id, NULL);
	map_remove(c->machines, m->id);
	machine_free(m);
}

static int load_one(const struct store_machine *s, void *userdata)
{
	return machine_put(userdata, s) ? 0 : -ENOMEM;
}

int machines_load(struct controller *c)
{
	struct machine *m;
	int r;

	r = store_machine_each(c->store, load_one, c);
	if (r < 0)
		return r;
	MAP_FOREACH (m, c->machines) {
		r = store_command_open_max(c->store, m->id, &m->open_max);
		if (r < 0)
			return r;
	}
	return 0;
}

/* What the machine said of itself: all of it, or only which units failed. */
static int add_status(const struct machine *m, bool full, cJSON *o)
{
	auto_json cJSON *status = NULL;
	cJSON *failed, *crashes;
	int r;

	if (!m->status || json_parse(m->status, strlen(m->status), "status", NULL, &status) < 0)
		return 0;
	failed = cJSON_DetachItemFromObject(status, "failed_units");
	if (failed) {
		r = json_add_take(o, "failed_units", failed);
		if (r < 0)
			return r;
	}
	if (!full)
		return 0;
	/* Deaths of core, init and agents are the first thing to be seen of a machine. */
	crashes = cJSON_DetachItemFromObject(status, "crashes");
	r = crashes ? json_add_take(o, "crashes", crashes) : 0;
	return r < 0 ? r : json_add_take(o, "status", TAKE_PTR(status));
}

cJSON *machine_to_json(const struct machine *m, bool full)
{
	auto_json cJSON *o = cJSON_CreateObject();

	if (!o || json_add_string(o, "id", m->id) < 0 ||
	    json_add_string(o, "hostname", m->hostname) < 0 ||
	    json_add_string(o, "version", m->version) < 0 ||
	    json_add_string(o, "state", m->state) < 0 ||
	    json_add_bool(o, "connected", machine_is_connected(m)) < 0 ||
	    json_add_u64(o, "n_failed", m->n_failed) < 0 ||
	    json_add_string(o, "boot", m->boot) < 0 ||
	    json_add_u64(o, "enrolled_usec", m->enrolled_at) < 0 ||
	    json_add_u64(o, "last_seen_usec", m->last_seen) < 0 || add_status(m, full, o) < 0)
		return NULL;
	return TAKE_PTR(o);
}

void handle_machines(struct call *c)
{
	auto_json cJSON *o = cJSON_CreateObject();
	cJSON *list = cJSON_CreateArray();
	struct machine *m;
	int r = o && list ? 0 : -ENOMEM;

	if (list && (!o || json_add_take(o, "machines", list) < 0))
		r = -ENOMEM;
	MAP_FOREACH (m, c->controller->machines)
		if (r >= 0)
			r = json_append_take(list, machine_to_json(m, false));
	respond_json(c, 200, r >= 0 ? TAKE_PTR(o) : NULL);
}

void handle_machine(struct call *c)
{
	struct machine *m = machine_find(c->controller, c->parameters[0]);

	if (!m)
		return http_problem(c->request, 404, "no-such-machine",
		                    "There is no machine \"%.64s\"", c->parameters[0]);
	respond_json(c, 200, machine_to_json(m, true));
}

void handle_machine_remove(struct call *c)
{
	struct machine *m = machine_find(c->controller, c->parameters[0]);
	struct store *s = c->controller->store;
	usec_t at = now(CLOCK_REALTIME);
	char id[ID128_TEXT_MAX];
	int r;

	if (!m)
		return http_problem(c->request, 404, "no-such-machine",
		                    "There is no machine \"%.64s\"", c->parameters[0]);
	memcpy(id, m->id, sizeof(id));
	r = store_begin(s);
	if (r < 0)
		return respond_store_error(c, r);
	r = store_machine_remove(s, id);
	if (r >= 0)
		r = store_certificate_revoke(s, "agent", id, NULL, at);
	if (r >= 0)
		r = audit(c, "machine.remove", id, NULL);
	if (r >= 0)
		r = event_record(c->controller, id, "machine",
		                 "Machine removed, its certificates revoked", NULL, at);
	if (r < 0) {
		store_abort(s);
		return respond_store_error(c, r);
	}
	r = store_commit(s);
	if (r < 0)
		return respond_store_error(c, r);
	machine_forget(c->controller, m);
	events_publish(c->controller);
	rollouts_kick(c->controller);
	http_respond(c->request, 204, NULL, NULL, 0);
}
