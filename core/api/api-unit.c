// SPDX-License-Identifier: Apache-2.0
/* One unit: what it is, its processes, and orders to it. */
#include "api/api-internal.h"
#include "cgroup/cgroup.h"

#include <signal.h>

#define NAMES_MAX 1024

/* ---- describe ---- */

static int describe(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	struct api *a = userdata;
	struct unit *u;
	cJSON *o, *properties;
	int r;

	if (api_unit_parameter(a, call, parameters, "name", &u) < 0)
		return 0;
	o = cJSON_CreateObject();
	properties = cJSON_AddObjectToObject(o, "properties");
	cJSON_AddArrayToObject(o, "warnings");
	r = properties ? unit_describe(u, properties) : -ENOMEM;
	if (r < 0) {
		cJSON_Delete(o);
		return r;
	}
	unit_gc_soon(u);
	return varlink_reply(call, o);
}

static int describe_by_pid(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	struct api *a = userdata;
	cJSON *o, *properties;
	struct unit *u;
	uint64_t pid;
	int r;

	if (json_get_u64(parameters, "pid", &pid) < 0 || pid < 1 || pid > INT32_MAX)
		return varlink_error_invalid(call, "pid");
	u = manager_unit_by_pid(a->c.manager, (pid_t) pid);
	if (!u)
		return varlink_error_text(call, "org.sysmaster.Unit.NoSuchProcess",
		                          "Process %d belongs to no unit", (int) pid);
	o = cJSON_CreateObject();
	properties = cJSON_AddObjectToObject(o, "properties");
	r = properties ? unit_describe(u, properties) : -ENOMEM;
	if (r < 0) {
		cJSON_Delete(o);
		return r;
	}
	return varlink_reply(call, o);
}

static int add_process(pid_t pid, void *userdata)
{
	auto_free char *command = NULL, *cgroup = NULL;
	cJSON *row = cJSON_CreateObject();

	if (!row)
		return -ENOMEM;
	/* A process that went away in between is not listed. */
	if (pid_cmdline(pid, 256, &command) < 0 || cgroupfs_of_pid(pid, &cgroup) < 0) {
		cJSON_Delete(row);
		return 0;
	}
	json_add_i64(row, "pid", pid);
	json_add_string(row, "command", command);
	json_add_string(row, "cgroup", cgroup);
	return json_append_take(userdata, row);
}

static int list_processes(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	cJSON *o, *array;
	struct unit *u;
	int r = 0;

	if (api_unit_parameter(userdata, call, parameters, "name", &u) < 0)
		return 0;
	o = cJSON_CreateObject();
	array = cJSON_AddArrayToObject(o, "processes");
	if (!array) {
		cJSON_Delete(o);
		return -ENOMEM;
	}
	if (u->cgroup)
		r = cgroupfs_foreach_pid(u->cgroup, true, add_process, array);
	if (r < 0 && r != -ENOENT) {
		cJSON_Delete(o);
		return r;
	}
	return varlink_reply(call, o);
}

/* ---- jobs ---- */

struct queue_call;

/* One name of a Queue call. */
struct queue_item {
	struct job_waiter waiter;
	struct queue_call *queue;
	char *unit, *text;
	uint32_t job;
	enum job_type type;
	enum { ITEM_FAILED, ITEM_PENDING, ITEM_FINISHED } state;
	enum job_result result;
};

struct queue_call {
	struct varlink_call *call;
	bool more;
	size_t n, n_pending;
	struct queue_item items[];
};

static void queue_free(struct queue_call *q)
{
	for (size_t i = 0; i < q->n; i++) {
		if (q->items[i].state == ITEM_PENDING)
			job_waiter_remove(&q->items[i].waiter);
		free(q->items[i].unit);
		free(q->items[i].text);
	}
	varlink_call_unref(q->call);
	free(q);
}

static cJSON *item_to_json(const struct queue_item *it)
{
	cJSON *o = cJSON_CreateObject();

	if (!o)
		return NULL;
	json_add_string(o, "unit", it->unit);
	json_add_u64(o, "job", it->job);
	json_add_string(o, "type", job_type_to_string(it->type));
	json_add_string(o, "result",
	                it->state == ITEM_PENDING  ? "queued"
	                : it->state == ITEM_FAILED ? "invalid"
	                                           : job_result_to_string(it->result));
	json_add_string(o, "text", it->text);
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

static void on_job_finished(struct job_waiter *w, struct job *j, enum job_result result)
{
	struct queue_item *it = container_of(w, struct queue_item, waiter);
	struct queue_call *q = it->queue;
	size_t i = (size_t) (it - q->items);

	(void) j;
	it->state = ITEM_FINISHED;
	it->result = result;
	q->n_pending--;
	if (q->more) {
		cJSON *o = answer(q, "finished", i, i + 1, q->n_pending == 0);

		if (q->n_pending)
			varlink_notify(q->call, o);
		else
			varlink_reply(q->call, o);
	} else if (q->n_pending == 0) {
		varlink_reply(q->call, answer(q, "finished", 0, q->n, true));
	}
	if (q->n_pending == 0)
		queue_free(q);
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

static int queue_one(struct api *a, struct queue_item *it, int verb, const char *name,
                     enum job_mode mode, struct diag *d)
{
	struct job *j = NULL;
	struct unit *u;
	int r;

	it->unit = strdup(name);
	if (!it->unit)
		return -ENOMEM;
	r = manager_load_unit(a->c.manager, name, d, &u);
	if (r < 0)
		return r;
	it->type = u->ops->reload && (!u->ops->can_reload || u->ops->can_reload(u))
	                   ? queue_verbs[verb].type
	                   : queue_verbs[verb].without_reload;
	r = manager_enqueue(a->c.manager, it->type, u, mode, true, d, &j);
	if (r < 0)
		return r;
	if (!j) {
		it->state = ITEM_FINISHED;
		it->result = JOB_DONE;
		return 0;
	}
	it->job = j->id;
	it->type = j->type;
	it->state = ITEM_PENDING;
	it->waiter.fn = on_job_finished;
	job_wait(j, &it->waiter);
	return 0;
}

static int queue_answer_first(struct queue_call *q, bool wait)
{
	if (!wait)
		return varlink_reply(q->call, answer(q, "queued", 0, q->n, true));
	if (q->n_pending == 0)
		return varlink_reply(q->call, answer(q, "finished", 0, q->n, true));
	if (q->more)
		return varlink_notify(q->call, answer(q, "queued", 0, q->n, false));
	return 0;
}

static int queue(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	struct api *a = userdata;
	auto_strv char **names = NULL;
	const char *verb = json_string_or(parameters, "verb", "");
	int verb_index = verb_find(verb),
	    mode = job_mode_from_string(json_string_or(parameters, "mode", "replace"));
	bool wait = json_bool_or(parameters, "wait", true);
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

	q = calloc(1, sizeof(*q) + n * sizeof(q->items[0]));
	if (!q)
		return -ENOMEM;
	q->call = varlink_call_ref(call);
	q->more = varlink_call_wants_more(call) && wait;
	q->n = n;
	for (size_t i = 0; i < n; i++) {
		struct queue_item *it = &q->items[i];
		struct diag d = {0};
		char text[DIAG_TEXT_MAX];
		int r;

		it->queue = q;
		r = queue_one(a, it, verb_index, names[i], (enum job_mode) mode, &d);
		if (r < 0 && n == 1) {
			api_answer_error(call, r, names[i], verb, &d);
			queue_free(q);
			return 0;
		}
		if (r < 0) {
			it->state = ITEM_FAILED;
			diag_first(&d, text, sizeof(text));
			it->text = strdup(*text ? text : strerror(-r));
		}
		if (it->state == ITEM_PENDING)
			q->n_pending++;
	}
	queue_answer_first(q, wait);
	if (!wait || q->n_pending == 0)
		queue_free(q);
	else
		varlink_call_on_gone(call, on_queue_gone, q);
	return 0;
}

static int cancel_job(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	struct api *a = userdata;
	struct job *j;
	uint64_t id;
	cJSON *o;
	int r;

	if (json_get_u64(parameters, "id", &id) < 0 || id > UINT32_MAX)
		return varlink_error_invalid(call, "id");
	j = manager_get_job(a->c.manager, (uint32_t) id);
	if (!j) {
		o = cJSON_CreateObject();
		if (o)
			json_add_u64(o, "id", id);
		return varlink_error(call, "org.sysmaster.Manager.NoSuchJob", o);
	}
	r = job_cancel(j);
	return r < 0 ? r : varlink_reply(call, NULL);
}

/* ---- signals, failures ---- */

static int kill_unit(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	static const char *const who_names[] = {"main", "control", "all"};
	int who = ENUM_FROM_STRING(who_names, json_string_or(parameters, "who", "all"));
	struct diag d = {0};
	struct unit *u;
	uint64_t sig;
	int r;

	if (who < 0)
		return varlink_error_invalid(call, "who");
	if (json_get_u64(parameters, "signal", &sig) < 0 || sig < 1 || sig >= _NSIG)
		return varlink_error_invalid(call, "signal");
	if (api_unit_parameter(userdata, call, parameters, "name", &u) < 0)
		return 0;
	if (!u->ops->kill)
		return varlink_error_text(call, "org.sysmaster.Unit.NoSuchProcess",
		                          "%s has no processes", u->id);
	r = u->ops->kill(u, (enum kill_who) who, (int) sig, &d);
	if (r < 0)
		return api_answer_error(call, r, u->id, "kill", &d);
	return varlink_reply(call, NULL);
}

static void reset_failed_one(struct unit *u)
{
	if (u->ops->reset_failed)
		u->ops->reset_failed(u);
	u->start_limit_count = 0;
	u->start_limit_hit = false;
	unit_save_soon(u);
}

static int reset_failed(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	struct api *a = userdata;
	struct unit *u;

	if (cJSON_GetObjectItemCaseSensitive(parameters, "name")) {
		if (api_unit_parameter(a, call, parameters, "name", &u) < 0)
			return 0;
		if (u->load_state == LOAD_NOT_FOUND && unit_active_state(u) == UNIT_INACTIVE)
			return api_answer_error(call, -ENOENT, u->id, "reset-failed", NULL);
		reset_failed_one(u);
	} else {
		MAP_FOREACH (u, a->c.manager->units)
			reset_failed_one(u);
	}
	return varlink_reply(call, NULL);
}

/* clang-format off */
const struct varlink_method api_unit_methods[] = {
	{ "org.sysmaster.Unit.Describe",      ROLE_OBSERVE, describe },
	{ "org.sysmaster.Unit.DescribeByPID", ROLE_OBSERVE, describe_by_pid },
	{ "org.sysmaster.Unit.ListProcesses", ROLE_OBSERVE, list_processes },
	{ "org.sysmaster.Unit.Queue",	      ROLE_OPERATE, queue },
	{ "org.sysmaster.Unit.CancelJob",     ROLE_OPERATE, cancel_job },
	{ "org.sysmaster.Unit.Kill",	      ROLE_OPERATE, kill_unit },
	{ "org.sysmaster.Unit.ResetFailed",   ROLE_OPERATE, reset_failed },
};
/* clang-format on */
const size_t api_unit_n_methods = ELEMENTSOF(api_unit_methods);
