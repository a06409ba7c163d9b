// SPDX-License-Identifier: Apache-2.0
/*
 * Orders to units, and what becomes of them. A call makes a job for each name; it is answered when they are queued, when they have
 * ended, or (follow) when the units that came up have gone down again.
 */
#include "api/api-queue.h"

#define NAMES_MAX 1024

static void item_forget_unit(struct queue_item *it)
{
	if (it->followed) {
		list_remove(&it->follow_link);
		unit_unref(it->followed);
		it->followed = NULL;
	}
}

void queue_free(struct queue_call *q)
{
	for (size_t i = 0; i < q->n; i++) {
		if (q->items[i].state == ITEM_PENDING)
			job_waiter_remove(&q->items[i].waiter);
		item_forget_unit(&q->items[i]);
		free(q->items[i].unit);
		free(q->items[i].text);
	}
	varlink_call_unref(q->call);
	free(q);
}

struct queue_call *queue_new(struct api *a, struct varlink_call *call, size_t n, bool wait,
                             bool follow)
{
	struct queue_call *q = calloc(1, sizeof(*q) + n * sizeof(q->items[0]));

	if (!q)
		return NULL;
	q->api = a;
	q->call = varlink_call_ref(call);
	q->wait = wait || follow;
	q->follow = follow;
	q->more = varlink_call_wants_more(call) && q->wait;
	q->n = n;
	for (size_t i = 0; i < n; i++)
		q->items[i].queue = q;
	return q;
}

static cJSON *item_to_json(const struct queue_item *it)
{
	static const char *const states[] = {
		[ITEM_FAILED] = "invalid", [ITEM_PENDING] = "queued", [ITEM_FOLLOWED] = "done"};
	cJSON *o = cJSON_CreateObject();

	if (!o)
		return NULL;
	json_add_string(o, "unit", it->unit);
	json_add_u64(o, "job", it->job);
	json_add_string(o, "type", job_type_to_string(it->type));
	json_add_string(o, "result",
	                it->state == ITEM_FINISHED ? job_result_to_string(it->result)
	                                           : states[it->state]);
	json_add_string(o, "text", it->text);
	if (it->error)
		json_add_string(o, "error", it->error);
	return o;
}

/* An answer with the items from @first to @end under @key. */
static cJSON *answer(const struct queue_call *q, const char *key, size_t first, size_t end,
                     bool done)
{
	cJSON *o = cJSON_CreateObject(), *array = cJSON_AddArrayToObject(o, key);

	for (size_t i = first; array && i < end; i++)
		json_append_take(array, item_to_json(&q->items[i]));
	if (o)
		json_add_bool(o, "done", done);
	return o;
}

/* Sends @o: the last answer frees the call. */
static void send_answer(struct queue_call *q, cJSON *o)
{
	if (q->n_pending) {
		if (q->more)
			varlink_notify(q->call, o);
		else
			cJSON_Delete(o);
		return;
	}
	if (!q->more) {
		cJSON_Delete(o);
		o = answer(q, "finished", 0, q->n, true);
	}
	varlink_reply(q->call, o);
	queue_free(q);
}

/* ---- following a unit until it is down ---- */

static bool is_over(const struct unit *u)
{
	enum unit_active_state s = unit_active_state(u);

	return (s == UNIT_INACTIVE || s == UNIT_FAILED) && !u->job;
}

/* What is left to say of a unit that ran: the properties by which a caller judges it. */
static void followed_end(struct queue_item *it)
{
	struct queue_call *q = it->queue;
	cJSON *o = cJSON_CreateObject(), *ended, *properties;

	ended = cJSON_AddObjectToObject(o, "ended");
	properties = cJSON_AddObjectToObject(ended, "properties");
	if (properties)
		(void) unit_describe(it->followed, properties);
	json_add_string(ended, "unit", it->unit);
	item_forget_unit(it);
	it->state = ITEM_FINISHED;
	it->result = JOB_DONE;
	q->n_pending--;
	if (o)
		json_add_bool(o, "done", q->n_pending == 0);
	send_answer(q, o);
}

static int on_follow(struct source *s, void *userdata)
{
	struct api *a = userdata;

	(void) s;
	LIST_FOREACH (it, &a->followed, struct queue_item, follow_link)
		if (it->state == ITEM_FOLLOWED && is_over(it->followed)) {
			/* Answers may free items: one a turn. */
			(void) source_set_state(a->follow_source, SOURCE_ONESHOT);
			followed_end(it);
			break;
		}
	return 0;
}

void api_follow_soon(struct api *a)
{
	if (a->follow_source && !list_is_empty(&a->followed))
		(void) source_set_state(a->follow_source, SOURCE_ONESHOT);
}

int api_follow_setup(struct api *a)
{
	int r;

	list_init(&a->followed);
	r = loop_add_defer(a->c.manager->loop, "follow", on_follow, a, &a->follow_source);
	return r < 0 ? r : source_set_state(a->follow_source, SOURCE_OFF);
}

void api_follow_done(struct api *a)
{
	a->follow_source = source_free(a->follow_source);
}

/* ---- jobs ---- */

static void on_job_finished(struct job_waiter *w, struct job *j, enum job_result result)
{
	struct queue_item *it = container_of(w, struct queue_item, waiter);
	struct queue_call *q = it->queue;
	size_t i = (size_t) (it - q->items);
	bool follow = it->followed && (result == JOB_DONE || result == JOB_SKIPPED);

	(void) j;
	it->result = result;
	it->state = ITEM_FINISHED;
	if (follow) {
		cJSON *o = answer(q, "finished", i, i + 1, false);

		if (q->more)
			varlink_notify(q->call, o);
		else
			cJSON_Delete(o);
		it->state = ITEM_FOLLOWED;
		api_follow_soon(q->api);
		return;
	}
	item_forget_unit(it);
	q->n_pending--;
	send_answer(q, answer(q, "finished", i, i + 1, q->n_pending == 0));
}

static void on_queue_gone(struct varlink_call *call, void *userdata)
{
	(void) call;
	queue_free(userdata);
}

/* clang-format off */
/* What is asked for, as a job; the second column for units that cannot reload. */
static const struct {
	const char *verb;
	enum job_type type, without_reload;
} queue_verbs[] = {
	{ "start",		   JOB_START,		JOB_START },
	{ "stop",		   JOB_STOP,		JOB_STOP },
	{ "restart",		   JOB_RESTART,		JOB_RESTART },
	{ "try-restart",	   JOB_TRY_RESTART,	JOB_TRY_RESTART },
	{ "reload",		   JOB_RELOAD,		JOB_RELOAD },
	{ "reload-or-restart",	   JOB_RELOAD_OR_START, JOB_RESTART },
	{ "try-reload-or-restart", JOB_TRY_RELOAD,	JOB_TRY_RESTART },
	{ "verify-active",	   JOB_VERIFY_ACTIVE,	JOB_VERIFY_ACTIVE },
};
/* clang-format on */

static int verb_find(const char *verb)
{
	for (size_t i = 0; i < ELEMENTSOF(queue_verbs); i++)
		if (streq(queue_verbs[i].verb, verb))
			return (int) i;
	return -EINVAL;
}

int queue_unit(struct queue_item *it, enum job_type type, struct unit *u, enum job_mode mode,
               struct diag *d)
{
	struct queue_call *q = it->queue;
	struct job *j = NULL;
	int r;

	it->type = type;
	/* Before the job: a unit that is over at once is still there to be asked. */
	if (q->follow) {
		it->followed = unit_ref(u);
		list_append(&q->api->followed, &it->follow_link);
	}
	r = manager_enqueue(q->api->c.manager, type, u, mode, true, d, &j);
	if (r < 0) {
		item_forget_unit(it);
		return r;
	}
	q->n_pending++;
	if (!j) {
		it->state = q->follow ? ITEM_FOLLOWED : ITEM_FINISHED;
		it->result = JOB_DONE;
		if (q->follow)
			api_follow_soon(q->api);
		else
			q->n_pending--;
		return 0;
	}
	it->job = j->id;
	it->type = j->type;
	it->state = ITEM_PENDING;
	it->waiter.fn = on_job_finished;
	job_wait(j, &it->waiter);
	return 0;
}

static int queue_one(struct queue_item *it, int verb, const char *name, enum job_mode mode,
                     struct diag *d)
{
	struct unit *u;
	int r;

	it->unit = strdup(name);
	if (!it->unit)
		return -ENOMEM;
	r = manager_load_unit(it->queue->api->c.manager, name, d, &u);
	if (r < 0)
		return r;
	return queue_unit(it,
	                  unit_can_reload_itself(u) ? queue_verbs[verb].type
	                                            : queue_verbs[verb].without_reload,
	                  u, mode, d);
}

void queue_answer_first(struct queue_call *q)
{
	if (!q->wait) {
		varlink_reply(q->call, answer(q, "queued", 0, q->n, true));
		queue_free(q);
	} else if (q->n_pending == 0) {
		varlink_reply(q->call, answer(q, "finished", 0, q->n, true));
		queue_free(q);
	} else {
		if (q->more)
			varlink_notify(q->call, answer(q, "queued", 0, q->n, false));
		varlink_call_on_gone(q->call, on_queue_gone, q);
	}
}

void queue_item_refuse(struct queue_item *it, int r, const struct diag *d)
{
	char text[DIAG_TEXT_MAX + DIAG_FILE_MAX + 16];

	it->state = ITEM_FAILED;
	it->error = api_error_name(r);
	diag_first(d, text, sizeof(text));
	it->text = strdup(*text ? text : strerror(-r));
}

int api_queue(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	struct api *a = userdata;
	auto_strv char **names = NULL;
	const char *verb = json_string_or(parameters, "verb", "");
	int verb_index = verb_find(verb),
	    mode = job_mode_from_string(json_string_or(parameters, "mode", "replace"));
	bool wait = json_bool_or(parameters, "wait", true),
	     follow = json_bool_or(parameters, "follow", false);
	struct queue_call *q;
	size_t n;

	if (verb_index < 0)
		return varlink_error_invalid(call, "verb");
	if (mode < 0)
		return varlink_error_invalid(call, "mode");
	if (json_get_strv(parameters, "names", &names) < 0)
		return varlink_error_invalid(call, "names");
	n = strv_length(names);
	if (n < 1 || n > NAMES_MAX)
		return varlink_error_invalid(call, "names");
	STRV_FOREACH (name, names)
		if (!unit_name_is_valid(*name, UNIT_NAME_PLAIN | UNIT_NAME_INSTANCE))
			return varlink_error_text(call, "org.sysmaster.Unit.NoSuchUnit",
			                          "\"%s\" is not the name of a unit", *name);
	q = queue_new(a, call, n, wait, follow);
	if (!q)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct diag d = {0};
		int r = queue_one(&q->items[i], verb_index, names[i], (enum job_mode) mode, &d);

		if (r < 0 && n == 1) {
			api_answer_error(call, r, names[i], verb, &d);
			queue_free(q);
			return 0;
		}
		if (r < 0)
			queue_item_refuse(&q->items[i], r, &d);
	}
	queue_answer_first(q);
	return 0;
}
