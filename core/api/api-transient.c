// SPDX-License-Identifier: Apache-2.0
/* Units and settings that come from a caller, freezing, cleaning. */
#include "api/api-queue.h"
#include "cgroup/cgroup.h"
#include "unitfile/word.h"

#define AUX_MAX  16
#define PIDS_MAX 4096

/* ---- StartTransient ---- */

static int make_one(struct api *a, const cJSON *o, struct diag *d, struct unit **ret)
{
	auto_strv char **properties = NULL;
	const char *name;

	if (json_get_string(o, "name", &name) < 0 ||
	    !unit_name_is_valid(name, UNIT_NAME_PLAIN | UNIT_NAME_INSTANCE))
		return diag_add(d, -EINVAL, DIAG_ERROR, NULL, 0, "Not the name of a unit");
	(void) json_get_strv(o, "properties", &properties);
	return manager_make_transient(a->c.manager, name, properties, d, ret);
}

static int make_aux(struct api *a, const cJSON *parameters, struct diag *d)
{
	const cJSON *array, *it;
	struct unit *u;
	int r;

	if (json_get_array(parameters, "aux", &array) < 0)
		return 0;
	if (cJSON_GetArraySize(array) > AUX_MAX)
		return -E2BIG;
	cJSON_ArrayForEach(it, array)
	{
		r = make_one(a, it, d, &u);
		if (r < 0)
			return r;
	}
	return 0;
}

static int attach_pids(struct varlink_call *call, struct unit *u, const cJSON *parameters,
                       struct diag *d)
{
	const cJSON *array, *it;
	int r = 0;

	if (json_get_array(parameters, "pids", &array) < 0)
		return 0;
	if (!u->ops->attach || cJSON_GetArraySize(array) > PIDS_MAX)
		return diag_add(d, -EOPNOTSUPP, DIAG_ERROR, NULL, 0, "%s takes no processes",
		                u->id);
	cJSON_ArrayForEach(it, array)
	{
		/* 0: the caller. */
		pid_t pid = !cJSON_IsNumber(it)     ? -1
		            : it->valuedouble > 0.5 ? (pid_t) it->valuedouble
		                                    : varlink_peer_pid(varlink_call_peer(call));

		r = u->ops->attach(u, pid);
		if (r < 0)
			return diag_add(d, r, DIAG_ERROR, NULL, 0, "Process %d: %s", (int) pid,
			                strerror(-r));
	}
	return 0;
}

int api_start_transient(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	struct api *a = userdata;
	int mode = job_mode_from_string(json_string_or(parameters, "mode", "fail"));
	const char *name = json_string_or(parameters, "name", "");
	struct queue_call *q;
	struct diag d = {0};
	struct unit *u = NULL;
	int r;

	if (mode < 0)
		return varlink_error_invalid(call, "mode");
	q = queue_new(a, call, 1, json_bool_or(parameters, "wait", true),
	              json_bool_or(parameters, "follow", false));
	if (!q)
		return -ENOMEM;
	q->items[0].unit = strdup(name);
	r = q->items[0].unit ? make_one(a, parameters, &d, &u) : -ENOMEM;
	if (r >= 0) {
		unit_ref(u);
		r = make_aux(a, parameters, &d);
		if (r >= 0 && json_bool_or(parameters, "hold", false))
			r = api_bus_hold(a, u);
		if (r >= 0)
			r = attach_pids(call, u, parameters, &d);
		if (r >= 0)
			r = queue_unit(&q->items[0], JOB_START, u, (enum job_mode) mode, &d);
		unit_unref(u);
	}
	if (r < 0) {
		api_answer_error(call, r, name, "start", &d);
		queue_free(q);
		return 0;
	}
	queue_answer_first(q);
	return 0;
}

int api_set_properties(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	auto_strv char **properties = NULL;
	struct diag d = {0};
	struct unit *u;
	int r;

	if (json_get_strv(parameters, "properties", &properties) < 0 || !properties)
		return varlink_error_invalid(call, "properties");
	if (api_unit_parameter(userdata, call, parameters, "name", &u) < 0)
		return 0;
	r = unit_set_properties(u, properties, json_bool_or(parameters, "runtime", false), &d);
	if (r >= 0)
		r = cgroup_apply(u);
	if (r < 0)
		return api_answer_error(call, r, u->id, "set-property", &d);
	return varlink_reply(call, NULL);
}

/* ---- calls that wait for the kernel or a process ---- */

#define FREEZE_POLL_USEC    (5 * USEC_PER_MSEC)
#define FREEZE_TIMEOUT_USEC (10 * USEC_PER_SEC)

/* One call that is answered later, about one unit. */
struct pending {
	struct list link; /* in api->waiting */
	struct varlink_call *call;
	struct unit *unit;
	struct source *timer;
	usec_t deadline;
};

static void pending_free(struct pending *p)
{
	list_remove(&p->link);
	source_free(p->timer);
	unit_unref(p->unit);
	varlink_call_unref(p->call);
	free(p);
}

static void on_pending_gone(struct varlink_call *call, void *userdata)
{
	(void) call;
	pending_free(userdata);
}

static struct pending *pending_new(struct api *a, struct varlink_call *call, struct unit *u)
{
	struct pending *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->call = varlink_call_ref(call);
	p->unit = unit_ref(u);
	list_append(&a->waiting, &p->link);
	return p;
}

void api_waiting_done(struct api *a)
{
	LIST_FOREACH (p, &a->waiting, struct pending, link)
		pending_free(p);
}

static int on_freeze_poll(struct source *s, usec_t deadline, void *userdata)
{
	struct pending *p = userdata;
	usec_t t = now(CLOCK_BOOTTIME);

	(void) deadline;
	if (!cgroup_freeze_settled(p->unit) && t < p->deadline)
		return source_set_time(s, t + FREEZE_POLL_USEC);
	if (t >= p->deadline)
		varlink_error_text(p->call, "org.sysmaster.Error.Failed",
		                   "The kernel has not frozen %s in time", p->unit->id);
	else
		varlink_reply(p->call, NULL);
	pending_free(p);
	return 0;
}

int api_freeze(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	struct api *a = userdata;
	bool freeze = json_bool_or(parameters, "freeze", true);
	struct pending *p;
	struct unit *u;
	int r;

	if (api_unit_parameter(a, call, parameters, "name", &u) < 0)
		return 0;
	if (freeze ? !unit_can_freeze(u) : !u->file->cgroup)
		return api_answer_error(call, -EOPNOTSUPP, u->id, "freeze", NULL);
	r = cgroup_freeze(u, freeze);
	if (r < 0)
		return varlink_error_text(call, "org.sysmaster.Error.Failed", "%s: %s", u->id,
		                          r == -ENODEV ? "the unit is inactive" : strerror(-r));
	if (cgroup_freeze_settled(u))
		return varlink_reply(call, NULL);
	p = pending_new(a, call, u);
	if (!p)
		return -ENOMEM;
	p->deadline = now(CLOCK_BOOTTIME) + FREEZE_TIMEOUT_USEC;
	r = loop_add_time(a->c.manager->loop, CLOCK_BOOTTIME,
	                  now(CLOCK_BOOTTIME) + FREEZE_POLL_USEC, TIMER_EXACT, "freeze",
	                  on_freeze_poll, p, &p->timer);
	if (r < 0) {
		pending_free(p);
		return r;
	}
	varlink_call_on_gone(call, on_pending_gone, p);
	return 0;
}

int api_explain(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	cJSON *o, *list;
	struct unit *u;
	int r;

	if (api_unit_parameter(userdata, call, parameters, "name", &u) < 0)
		return 0;
	o = cJSON_CreateObject();
	list = cJSON_AddArrayToObject(o, "reasons");
	if (o) {
		json_add_string(o, "active", unit_active_state_to_string(unit_active_state(u)));
		json_add_string(o, "sub", unit_sub_state(u));
		json_add_u64(o, "since_usec", u->state_change.realtime);
	}
	r = list ? unit_explain(u, list) : -ENOMEM;
	if (r < 0) {
		cJSON_Delete(o);
		return r;
	}
	unit_gc_soon(u);
	return varlink_reply(call, o);
}

/* ---- Clean ---- */

/* clang-format off */
static const struct {
	const char *what;
	enum exec_directory type;
	bool by_default;
} clean_kinds[] = {
	{ "runtime",	   EXEC_DIRECTORY_RUNTIME,	 true },
	{ "cache",	   EXEC_DIRECTORY_CACHE,	 true },
	{ "state",	   EXEC_DIRECTORY_STATE,	 false },
	{ "logs",	   EXEC_DIRECTORY_LOGS,		 false },
	{ "configuration", EXEC_DIRECTORY_CONFIGURATION, false },
};
/* clang-format on */

static const char *kind_root(const struct unit_context *c, enum exec_directory t)
{
	switch (t) {
	case EXEC_DIRECTORY_RUNTIME:
		return c->runtime_dir;
	case EXEC_DIRECTORY_STATE:
		return c->state_dir;
	case EXEC_DIRECTORY_CACHE:
		return c->cache_dir;
	case EXEC_DIRECTORY_LOGS:
		return c->log_dir;
	default:
		return c->config_dir;
	}
}

/* "source:link" names two: the folder, and a symlink to it. */
static int add_paths(char ***argv, const char *root, const char *item, bool is_private)
{
	auto_strv char **parts = NULL;
	int r = colon_split(item, &parts);

	STRV_FOREACH (part, parts) {
		auto_free char *below = NULL;

		/* The settings' parser has refused "..", absolute paths and the like. */
		if (r >= 0)
			r = strv_append_consume(argv, path_join(root, *part));
		if (r < 0 || !is_private || part != parts)
			continue;
		below = path_join(root, "private");
		r = below ? strv_append_consume(argv, path_join(below, *part)) : -ENOMEM;
	}
	return r;
}

static int clean_argv(const struct unit *u, char *const *what, char ***ret)
{
	static char *const head[] = {(char *) "/bin/rm", (char *) "-rf",
	                             (char *) "--one-file-system", (char *) "--", NULL};
	auto_strv char **argv = strv_copy(head);
	size_t n = 0;
	int r = argv ? 0 : -ENOMEM;

	for (size_t i = 0; i < ELEMENTSOF(clean_kinds); i++) {
		const char *root = kind_root(&u->manager->context, clean_kinds[i].type);

		if (what ? !strv_contains(what, "all") && !strv_contains(what, clean_kinds[i].what)
		         : !clean_kinds[i].by_default)
			continue;
		STRV_FOREACH (p, u->file->exec->directories[clean_kinds[i].type].paths)
			if (r >= 0) {
				r = add_paths(&argv, root, *p,
				              clean_kinds[i].type != EXEC_DIRECTORY_CONFIGURATION);
				n++;
			}
	}
	if (r < 0)
		return r;
	*ret = TAKE_PTR(argv);
	return (int) n;
}

static void on_cleaned(int status, void *userdata)
{
	struct pending *p = userdata;

	unit_set_cleaned(p->unit, false);
	/* The caller may be gone: the unit had to be told all the same. */
	if (status == 0)
		varlink_reply(p->call, NULL);
	else
		varlink_error_text(p->call, "org.sysmaster.Error.Failed",
		                   "Not all folders of %s could be removed", p->unit->id);
	pending_free(p);
}

int api_clean(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	struct api *a = userdata;
	auto_strv char **what = NULL, **argv = NULL;
	struct pending *p;
	struct unit *u;
	int r, n;

	(void) json_get_strv(parameters, "what", &what);
	STRV_FOREACH (w, what) {
		bool known = streq(*w, "all");

		for (size_t i = 0; i < ELEMENTSOF(clean_kinds); i++)
			known |= streq(clean_kinds[i].what, *w);
		if (!known)
			return varlink_error_invalid(call, "what");
	}
	if (api_unit_parameter(a, call, parameters, "name", &u) < 0)
		return 0;
	if (u->load_state != LOAD_LOADED || !u->file->exec || !a->c.run)
		return api_answer_error(call, u->load_state == LOAD_LOADED ? -EOPNOTSUPP : -ENOENT,
		                        u->id, "clean", NULL);
	if (u->job || u->is_cleaned ||
	    (unit_active_state(u) != UNIT_INACTIVE && unit_active_state(u) != UNIT_FAILED))
		return varlink_error_text(call, "org.sysmaster.Unit.UnitBusy",
		                          "Unit %s is not inactive or has a job pending.", u->id);
	n = clean_argv(u, what, &argv);
	if (n < 0)
		return n;
	if (n == 0)
		return varlink_error_text(call, "org.sysmaster.Unit.NothingToClean",
		                          "No matching resources found for unit %s.", u->id);
	p = pending_new(a, call, u);
	if (!p)
		return -ENOMEM;
	unit_set_cleaned(u, true);
	r = a->c.run(a->c.manager, argv, on_cleaned, p);
	if (r < 0) {
		unit_set_cleaned(u, false);
		pending_free(p);
	}
	return r;
}
