// SPDX-License-Identifier: Apache-2.0
#include "api/controller.h"

#include "base/log.h"

#include <stdio.h>

/* ---- to the machine ---- */
static void poll_forget(struct http_request *r, void *userdata)
{
	struct machine *m = userdata;

	if (m->poll == r)
		m->poll = NULL;
	(void) source_set_state(m->poll_timer, SOURCE_OFF);
}

static int append_command(const struct store_command *s, void *userdata)
{
	auto_json cJSON *o = cJSON_CreateObject();
	cJSON *args = NULL;
	int r;

	r = json_parse(s->args, strlen(s->args), NULL, NULL, &args);
	if (r < 0)
		return r;
	if (!o || json_add_i64(o, "seq", s->seq) < 0 || json_add_string(o, "id", s->id) < 0 ||
	    json_add_string(o, "kind", s->kind) < 0) {
		json_free(args);
		return -ENOMEM;
	}
	r = json_add_take(o, "args", args);
	if (r < 0)
		return r;
	return json_append_take(userdata, TAKE_PTR(o));
}

static uint64_t reconnect_spread(const struct controller *c)
{
	return MAX((uint64_t) 10, (uint64_t) map_size(c->machines) / 800);
}

/* Every answer steers: when to ask again, how wide to spread after a lost connection, and whose
 * numbers these are. */
static int add_steering(const struct controller *c, cJSON *o)
{
	if (json_add_string(o, "server_epoch", store_epoch(c->store)) < 0 ||
	    json_add_u64(o, "next_poll_s", 0) < 0 ||
	    json_add_u64(o, "reconnect_spread_s", reconnect_spread(c)) < 0)
		return -ENOMEM;
	return 0;
}

static void poll_answer_nothing(struct machine *m, struct http_request *r)
{
	char spread[24];

	snprintf(spread, sizeof(spread), "%llu",
	         (unsigned long long) reconnect_spread(m->controller));
	http_add_header(r, "Fleet-Epoch", store_epoch(m->controller->store));
	http_add_header(r, "Fleet-Next-Poll", "0");
	http_add_header(r, "Fleet-Reconnect-Spread", spread);
	http_respond(r, 204, NULL, NULL, 0);
}

static void poll_answer_commands(struct machine *m, struct http_request *r)
{
	auto_json cJSON *o = cJSON_CreateObject();
	auto_free char *text = NULL;
	cJSON *list = cJSON_CreateArray();
	int e;

	if (!o || !list || json_add_take(o, "commands", list) < 0)
		return http_problem(r, 503, "out-of-memory", "Out of memory");
	e = store_command_open(m->controller->store, m->id, m->poll_after, COMMANDS_A_POLL,
	                       append_command, list);
	if (e < 0) {
		log_error_errno(e, "Cannot read the commands of %s: %s", m->id,
		                store_error(m->controller->store));
		return http_problem(r, 503, "storage", "The controller's storage failed");
	}
	if (e == 0) { /* finished or cancelled in between */
		m->open_max = 0;
		return poll_answer_nothing(m, r);
	}
	if (add_steering(m->controller, o) < 0 || !(text = json_print(o, false)))
		return http_problem(r, 503, "out-of-memory", "Out of memory");
	http_respond(r, 200, "application/json", text, strlen(text));
}

void poll_answer(struct machine *m)
{
	struct http_request *r = TAKE_PTR(m->poll);

	if (!r)
		return;
	http_on_gone(r, NULL, NULL);
	if (m->poll_timer)
		(void) source_set_state(m->poll_timer, SOURCE_OFF);
	if (m->open_max > m->poll_after)
		poll_answer_commands(m, r);
	else
		poll_answer_nothing(m, r);
	machine_is_seen(m);
}

void machine_wake(struct machine *m, int64_t seq)
{
	m->open_max = MAX(m->open_max, seq);
	if (m->poll && m->open_max > m->poll_after)
		poll_answer(m);
}

static int on_poll_timeout(struct source *s, usec_t deadline, void *userdata)
{
	(void) s;
	(void) deadline;
	poll_answer(userdata);
	return 0;
}

static int poll_wait(struct machine *m, struct http_request *r, unsigned seconds)
{
	usec_t deadline = now(CLOCK_MONOTONIC) + seconds * USEC_PER_SEC;
	int e;

	if (m->poll_timer)
		e = source_set_time(m->poll_timer, deadline);
	else
		e = loop_add_time(m->controller->loop, CLOCK_MONOTONIC, deadline, USEC_PER_SEC,
		                  "poll", on_poll_timeout, m, &m->poll_timer);
	if (e < 0)
		return e;
	m->poll = r;
	http_on_gone(r, poll_forget, m);
	http_set_context(r, NULL, NULL);
	http_park(r);
	return 0;
}

void handle_agent_next(struct call *c)
{
	auto_free char *after_text = http_query(c->request, "after"),
		       *wait_text = http_query(c->request, "wait");
	auto_free char *epoch = http_query(c->request, "epoch");
	struct http_request *r = c->request;
	struct machine *m = c->machine;
	uint64_t after = 0, wait = 0;

	c->controller->n_polls++;
	if ((after_text && str_to_u64(after_text, 10, &after) < 0) ||
	    (wait_text && str_to_u64(wait_text, 10, &wait) < 0) || after > INT64_MAX)
		return http_problem(r, 400, "bad-parameter",
		                    "\"after\" and \"wait\" must be numbers");
	/* Numbers of another database mean nothing here. */
	if (epoch && *epoch && !streq(epoch, store_epoch(c->controller->store)))
		after = 0;
	machine_is_seen(m);
	if ((int64_t) after > m->delivered) {
		int e = store_command_delivered(c->controller->store, m->id, (int64_t) after);

		if (e < 0)
			return respond_store_error(c, e);
		m->delivered = (int64_t) after;
	}
	poll_answer(
		m); /* a newer poll of the same machine takes the place of one that is still here */
	m->poll_after = (int64_t) after;
	if (m->open_max > m->poll_after || wait == 0) {
		m->poll = r;
		return poll_answer(m);
	}
	if (poll_wait(m, r, (unsigned) MIN(wait, (uint64_t) POLL_WAIT_MAX)) < 0)
		http_problem(r, 503, "out-of-memory", "Out of memory");
}

/* ---- from the operator ---- */
struct kind {
	const char *name;
	/* NULL when the arguments are in order, else what is wrong */
	const char *(*check)(const cJSON *args);
};

static const char *check_unit(const cJSON *args)
{
	static const char *const verbs[] = {"start",       "stop",   "restart",
	                                    "try-restart", "reload", "reload-or-restart",
	                                    "reset-failed"};
	const char *verb = json_string_or(args, "verb", ""),
		   *name = json_string_or(args, "name", "");

	if (ENUM_FROM_STRING(verbs, verb) < 0)
		return "\"verb\" must be start, stop, restart, try-restart, reload, "
		       "reload-or-restart or reset-failed";
	return text_is_plain(name, 255) ? NULL : "\"name\" must be the name of a unit";
}

static const char *check_query(const cJSON *args)
{
	return text_is_plain(json_string_or(args, "method", ""), 128)
	               ? NULL
	               : "\"method\" must be the name of a varlink method";
}

static const char *check_upgrade(const cJSON *args)
{
	return text_is_plain(json_string_or(args, "version", ""), 64)
	               ? NULL
	               : "\"version\" must be that of an uploaded bundle";
}

static const struct kind kinds[] = {
	{"unit", check_unit}, {"query", check_query}, {"upgrade", check_upgrade},
	{"rollback", NULL},   {"reboot", NULL},       {"core-restart", NULL},
};

int command_queue(struct controller *c, const struct machine *m, const char *id, const char *kind,
                  const cJSON *args, const char *rollout, const char *actor, int64_t *ret_seq)
{
	auto_free char *text = args ? json_print(args, false) : strdup("{}");
	struct store_command s = {.id = id,
	                          .machine = m->id,
	                          .kind = kind,
	                          .args = text,
	                          .rollout = rollout,
	                          .created_by = actor,
	                          .created_at = (int64_t) now(CLOCK_REALTIME)};

	return text ? store_command_add(c->store, &s, ret_seq) : -ENOMEM;
}

static int command_create(struct call *c, struct machine *m, const char *id, const char *kind,
                          const cJSON *args)
{
	auto_free char *detail = str_printf("%s %s", kind, id);
	struct store *s = c->controller->store;
	int64_t seq;
	int r;

	if (!detail)
		return -ENOMEM;
	r = store_begin(s);
	if (r < 0)
		return r;
	r = command_queue(c->controller, m, id, kind, args, NULL, c->actor, &seq);
	if (r >= 0)
		r = audit(c, "command.create", m->id, detail);
	if (r < 0) {
		store_abort(s);
		return r;
	}
	r = store_commit(s);
	if (r >= 0)
		machine_wake(m, seq);
	return r;
}

static bool id_is_valid(const char *id)
{
	return strlen(id) == ID128_TEXT_MAX - 1 &&
	       strspn(id, "0123456789abcdef") == ID128_TEXT_MAX - 1;
}

void handle_command_create(struct call *c)
{
	struct machine *m = machine_find(c->controller, c->parameters[0]);
	auto_json cJSON *body = NULL, *upgrade = NULL;
	const cJSON *args = NULL;
	const struct kind *kind = NULL;
	char id[ID128_TEXT_MAX];
	const char *wrong, *own;
	struct id128 random;
	cJSON *o;
	int r;

	if (!m)
		return http_problem(c->request, 404, "no-such-machine",
		                    "There is no machine \"%.64s\"", c->parameters[0]);
	body = body_object(c);
	if (!body)
		return;
	for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
		if (streq(kinds[i].name, json_string_or(body, "kind", "")))
			kind = &kinds[i];
	if (!kind)
		return http_problem(
			c->request, 422, "bad-kind",
			"\"kind\" must be unit, query, upgrade, rollback, reboot or core-restart");
	if (json_get_object(body, "args", &args) == -EINVAL)
		return http_problem(c->request, 422, "bad-arguments", "\"args\" must be an object");
	wrong = kind->check ? kind->check(args) : NULL;
	if (wrong)
		return http_problem(c->request, 422, "bad-arguments", "%s", wrong);
	own = json_string_or(body, "id", NULL);
	if (own && !id_is_valid(own))
		return http_problem(c->request, 422, "bad-id", "\"id\" must be 32 hex digits");
	if (!own && id128_random(&random) < 0)
		return http_problem(c->request, 503, "no-randomness", "No random id could be made");
	if (!own)
		own = id128_format(&random, id);
	if (streq(kind->name, "upgrade")) {
		r = bundle_command_args(c->controller, json_string_or(args, "version", ""),
		                        &upgrade);
		if (r == -ENOENT)
			return http_problem(c->request, 422, "no-such-bundle",
			                    "There is no bundle of that version");
		if (r < 0)
			return respond_store_error(c, r);
		args = upgrade;
	}
	r = command_create(c, m, own, kind->name, args);
	if (r == -EEXIST || r == -ECANCELED)
		return http_problem(c->request, 409, "command-exists",
		                    "A command with that id exists");
	if (r < 0)
		return respond_store_error(c, r);
	o = cJSON_CreateObject();
	if (o && (json_add_string(o, "id", own) < 0 || json_add_string(o, "machine", m->id) < 0 ||
	          json_add_string(o, "state", "queued") < 0))
		o = json_free(o);
	respond_json(c, 201, o);
}

static cJSON *command_to_json(const struct store_command *s)
{
	auto_json cJSON *o = cJSON_CreateObject();
	cJSON *args = NULL, *result = NULL;

	if (!o || json_add_string(o, "id", s->id) < 0 ||
	    json_add_string(o, "machine", s->machine) < 0 || json_add_i64(o, "seq", s->seq) < 0 ||
	    json_add_string(o, "kind", s->kind) < 0 || json_add_string(o, "state", s->state) < 0 ||
	    json_add_string(o, "rollout", s->rollout) < 0 ||
	    json_add_string(o, "created_by", s->created_by) < 0 ||
	    json_add_i64(o, "created_usec", s->created_at) < 0)
		return NULL;
	if (s->finished_at > 0 && json_add_i64(o, "finished_usec", s->finished_at) < 0)
		return NULL;
	if (json_parse(s->args, strlen(s->args), NULL, NULL, &args) >= 0 &&
	    json_add_take(o, "args", args) < 0)
		return NULL;
	if (s->result && json_parse(s->result, strlen(s->result), NULL, NULL, &result) >= 0 &&
	    json_add_take(o, "result", result) < 0)
		return NULL;
	return TAKE_PTR(o);
}

static int collect_command(const struct store_command *s, void *userdata)
{
	return json_append_take(userdata, command_to_json(s));
}

static int one_command(const struct store_command *s, void *userdata)
{
	*(cJSON **) userdata = command_to_json(s);
	return 0;
}

void handle_commands(struct call *c)
{
	struct machine *m = machine_find(c->controller, c->parameters[0]);
	auto_json cJSON *o = NULL;
	cJSON *list;
	int r;

	if (!m)
		return http_problem(c->request, 404, "no-such-machine",
		                    "There is no machine \"%.64s\"", c->parameters[0]);
	o = cJSON_CreateObject();
	list = o ? cJSON_AddArrayToObject(o, "commands") : NULL;
	r = list ? store_command_each(c->controller->store, m->id, 100, collect_command, list)
	         : -ENOMEM;
	if (r < 0)
		return respond_store_error(c, r);
	respond_json(c, 200, TAKE_PTR(o));
}

void handle_command(struct call *c)
{
	cJSON *o = NULL;
	int r = store_command_get(c->controller->store, c->parameters[0], one_command, &o);

	if (r == -ENOENT)
		return http_problem(c->request, 404, "no-such-command",
		                    "There is no command \"%.64s\"", c->parameters[0]);
	if (r < 0)
		return respond_store_error(c, r);
	respond_json(c, 200, o);
}
