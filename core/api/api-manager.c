// SPDX-License-Identifier: Apache-2.0
/* The manager as a whole: facts, lists, reload, power. */
#include "api/api-internal.h"

#include <fnmatch.h>
#include <sys/utsname.h>

/* Units are known under their aliases, too; each is listed once, under its id. */
static bool is_alias_entry(const void *key, const struct unit *u)
{
	return !streq(key, u->id) || u->merged_into;
}

static cJSON *boot_times(const struct api *a)
{
	const struct manager *m = a->c.manager;
	cJSON *o = cJSON_CreateObject();

	if (!o)
		return NULL;
	json_add_u64(o, "init_exec", a->c.link ? link_welcome(a->c.link)->started_usec : 0);
	json_add_u64(o, "core_start", m->started.boottime);
	json_add_u64(o, "generators_done", m->generators_done.boottime);
	json_add_u64(o, "units_loaded", m->units_loaded.boottime);
	json_add_u64(o, "default_target", m->default_target_reached.boottime);
	json_add_u64(o, "finished", m->finished.boottime);
	return o;
}

static void describe_welcome(const struct api *a, cJSON *o)
{
	const struct welcome *w = a->c.link ? link_welcome(a->c.link) : NULL;

	json_add_string(o, "init_version",
	                a->init_version   ? a->init_version
	                : w && w->version ? w->version
	                                  : "");
	json_add_u64(o, "core_restarts", w ? w->restarts : 0);
	json_add_string(o, "core_reason", w && w->reason ? w->reason : "");
	json_add_string(o, "core_died", w && !str_is_empty(w->died) ? w->died : NULL);
	json_add_string(o, "last_upgrade",
	                w && !str_is_empty(w->last_upgrade) ? w->last_upgrade : NULL);
	json_add_string(o, "mode", w && w->mode ? w->mode : "normal");
}

static int describe(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	struct api *a = userdata;
	struct manager *m = a->c.manager;
	cJSON *o = cJSON_CreateObject(), *failed = cJSON_AddArrayToObject(o, "failed_units"),
	      *tainted = cJSON_AddArrayToObject(o, "tainted"),
	      *types = cJSON_AddArrayToObject(o, "unit_types");
	struct utsname uts;
	size_t n_units = 0, n_failed = 0, position = 0;
	const void *key;
	struct unit *u;

	(void) parameters;
	if (!failed || !tainted || !types || uname(&uts) < 0) {
		cJSON_Delete(o);
		return -ENOMEM;
	}
	while (map_next(m->units, &position, &key, (void **) &u)) {
		if (is_alias_entry(key, u))
			continue;
		n_units++;
		if (unit_active_state(u) == UNIT_FAILED) {
			n_failed++;
			json_append_take(failed, cJSON_CreateString(u->id));
		}
	}
	for (const char *const *t = a->c.tainted; t && *t; t++)
		json_append_take(tainted, cJSON_CreateString(*t));
	for (int t = UNIT_PLUGIN; t <= UNIT_PLUGIN_LAST && unit_type_to_string(t); t++)
		json_append_take(types, cJSON_CreateString(unit_type_to_string(t)));
	json_add_string(o, "version", a->c.version);
	json_add_string(o, "state", manager_state(m));
	json_add_string(o, "hostname", uts.nodename);
	json_add_string(o, "machine_id", m->context.machine_id ? m->context.machine_id : "");
	json_add_string(o, "boot_id", m->context.boot_id ? m->context.boot_id : "");
	json_add_u64(o, "n_units", n_units);
	json_add_u64(o, "n_jobs", map_size(m->jobs));
	json_add_u64(o, "n_failed", n_failed);
	json_add_i64(o, "core_pid", getpid());
	json_add_string(o, "virtualization", m->in_container ? "container" : "");
	json_add_string(o, "kernel", uts.release);
	json_add_u64(o, "uptime_usec", now(CLOCK_BOOTTIME));
	json_add_string(o, "directory", a->c.directory);
	describe_welcome(a, o);
	if (a->crashes)
		json_add_take(o, "crashes", cJSON_Duplicate(a->crashes, true));
	json_add_take(o, "boot", boot_times(a));
	return varlink_reply(call, o);
}

/* ---- lists ---- */

struct list_filter {
	char **patterns, **states, **types;
	bool all;
};

static bool filter_matches(const struct list_filter *f, const struct unit *u)
{
	bool named = !f->patterns;

	STRV_FOREACH (p, f->patterns)
		if (fnmatch(*p, u->id, FNM_NOESCAPE) == 0)
			named = true;
	if (!named)
		return false;
	if (f->types && !strv_contains(f->types, unit_type_to_string(u->ops->type)))
		return false;
	if (f->states)
		return strv_contains(f->states,
		                     unit_active_state_to_string(unit_active_state(u))) ||
		       strv_contains(f->states, unit_sub_state(u)) ||
		       strv_contains(f->states, load_state_to_string(u->load_state));
	return f->all || f->patterns || u->job || unit_active_state(u) != UNIT_INACTIVE;
}

/* Text, not a tree: a machine may have ten thousand of them. */
static void add_unit_row(struct strbuf *b, const struct unit *u)
{
	pid_t pid = u->ops->main_pid ? u->ops->main_pid(u) : 0;

	json_text_open(b, '{');
	json_text_string(b, "id", u->id);
	json_text_string(b, "description", unit_description(u));
	json_text_string(b, "load", load_state_to_string(u->load_state));
	json_text_string(b, "active", unit_active_state_to_string(unit_active_state(u)));
	json_text_string(b, "sub", unit_sub_state(u));
	json_text_string(b, "type", unit_type_to_string(u->ops->type));
	if (u->job) {
		json_text_u64(b, "job", u->job->id);
		json_text_string(b, "job_type", job_type_to_string(u->job->type));
	}
	if (pid > 0)
		json_text_u64(b, "main_pid", (uint64_t) pid);
	json_text_string(b, "cgroup", u->cgroup);
	if (u->markers) {
		auto_strv char **markers = NULL;

		if (unit_markers(u, &markers) >= 0)
			json_text_strv(b, "markers", markers);
	}
	if (u->state_change.realtime)
		json_text_u64(b, "since_usec", u->state_change.realtime);
	json_text_close(b, '}');
}

/* Takes the rows' array. */
static int answer_rows(struct varlink_call *call, struct strbuf *rows)
{
	auto_json cJSON *o = cJSON_CreateObject();
	int r;

	json_text_close(rows, ']');
	r = json_add_take(o, "units", json_text_take(rows));
	return r < 0 ? r : varlink_reply(call, TAKE_PTR(o));
}

/* Units by name, loaded if need be. */
static int list_named(struct api *a, struct varlink_call *call, char *const *names)
{
	auto_strbuf struct strbuf rows = {0};

	json_text_open(&rows, '[');
	STRV_FOREACH (name, names) {
		struct unit *u;

		if (!unit_name_is_valid(*name, UNIT_NAME_PLAIN | UNIT_NAME_INSTANCE) ||
		    manager_load_unit(a->c.manager, *name, NULL, &u) < 0)
			continue;
		add_unit_row(&rows, u);
		unit_gc_soon(u);
	}
	return answer_rows(call, &rows);
}

static int list_units(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	struct api *a = userdata;
	auto_strv char **patterns = NULL, **states = NULL, **types = NULL, **names = NULL;
	auto_strbuf struct strbuf rows = {0};
	struct list_filter f;
	size_t position = 0;
	const void *key;
	struct unit *u;

	if (json_get_strv(parameters, "names", &names) >= 0)
		return list_named(a, call, names);
	(void) json_get_strv(parameters, "patterns", &patterns);
	(void) json_get_strv(parameters, "states", &states);
	(void) json_get_strv(parameters, "types", &types);
	f = (struct list_filter){patterns, states, types, json_bool_or(parameters, "all", false)};
	json_text_open(&rows, '[');
	while (map_next(a->c.manager->units, &position, &key, (void **) &u)) {
		if (!is_alias_entry(key, u) && filter_matches(&f, u))
			add_unit_row(&rows, u);
		loop_beat(a->c.manager->loop);
	}
	return answer_rows(call, &rows);
}

static int add_job_id(const struct job *j, void *userdata)
{
	return json_append_take(userdata, cJSON_CreateNumber((double) j->id));
}

static int list_jobs(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	struct api *a = userdata;
	usec_t t = now(CLOCK_BOOTTIME);
	cJSON *o = cJSON_CreateObject(), *jobs = cJSON_AddArrayToObject(o, "jobs");
	bool order = json_bool_or(parameters, "order", false);
	struct job *j;

	if (!jobs) {
		cJSON_Delete(o);
		return -ENOMEM;
	}
	MAP_FOREACH (j, a->c.manager->jobs) {
		cJSON *row = cJSON_CreateObject();

		if (!row)
			break;
		json_add_u64(row, "id", j->id);
		json_add_string(row, "unit", j->unit->id);
		json_add_string(row, "type", job_type_to_string(j->type));
		json_add_string(row, "state", job_state_to_string(j->state));
		json_add_u64(row, "age_usec", usec_sub(t, j->begin_usec));
		if (order)
			(void) job_foreach_earlier(j, add_job_id,
			                           cJSON_AddArrayToObject(row, "after"));
		json_append_take(jobs, row);
	}
	return varlink_reply(call, o);
}

static int blame(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	struct api *a = userdata;
	cJSON *o = cJSON_CreateObject(), *units = cJSON_AddArrayToObject(o, "units");
	size_t position = 0;
	const void *key;
	struct unit *u;

	(void) parameters;
	while (units && map_next(a->c.manager->units, &position, &key, (void **) &u)) {
		cJSON *row;
		usec_t end = u->active_enter.boottime;

		if (is_alias_entry(key, u) || !stamp_is_set(&u->inactive_exit))
			continue;
		/* A oneshot that is over went from activating to inactive without having been
		 * active. */
		if (end < u->inactive_exit.boottime)
			end = u->inactive_enter.boottime;
		row = cJSON_CreateObject();
		if (!row)
			break;
		json_add_string(row, "id", u->id);
		json_add_u64(row, "start_usec", u->inactive_exit.boottime);
		json_add_u64(row, "activating_usec", usec_sub(end, u->inactive_exit.boottime));
		json_add_string(row, "active", unit_active_state_to_string(unit_active_state(u)));
		json_append_take(units, row);
	}
	return units ? varlink_reply(call, o) : -ENOMEM;
}

static int statistics(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	struct api *a = userdata;
	struct loop_statistics ls;
	uint64_t savepoints = 0, bytes = 0;
	cJSON *o = cJSON_CreateObject();

	(void) parameters;
	if (!o)
		return -ENOMEM;
	loop_get_statistics(a->c.manager->loop, &ls);
	if (a->c.store)
		store_statistics(a->c.store, &savepoints, &bytes);
	json_add_u64(o, "turns", ls.turns);
	json_add_u64(o, "events", ls.events);
	json_add_u64(o, "worst_lag_usec", ls.worst_usec);
	json_add_string(o, "worst_source", ls.worst_source ? ls.worst_source : "");
	json_add_u64(o, "savepoints", savepoints);
	json_add_u64(o, "state_bytes", bytes);
	return varlink_reply(call, o);
}

/* ---- reload, power, environment ---- */

static void answer_reload(int r, const struct reload_plan *plan, const struct diag *d,
                          void *userdata)
{
	struct varlink_call *call = userdata;
	cJSON *o;

	if (r < 0) {
		api_answer_error(call, r, NULL, "reload", d);
		varlink_call_unref(call);
		return;
	}
	o = cJSON_CreateObject();
	if (o) {
		json_add_strv(o, "added", plan->added);
		json_add_strv(o, "changed", plan->changed);
		json_add_strv(o, "removed", plan->removed);
		api_add_findings(o, "warnings", d);
	}
	varlink_reply(call, o);
	varlink_call_unref(call);
}

static int reload(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	struct api *a = userdata;
	struct manager *m = a->c.manager;
	bool dry_run = json_bool_or(parameters, "dry_run", false);
	struct reload_plan plan = {0};
	struct diag d = {0};
	int r;

	varlink_call_ref(call);
	if (a->c.reload) {
		r = a->c.reload(m, dry_run, answer_reload, call);
		if (r < 0)
			answer_reload(r, NULL, NULL, call);
		return 0;
	}
	r = dry_run ? manager_reload_plan(m, &plan, &d) : manager_reload(m, &plan, &d);
	answer_reload(r, &plan, &d, call);
	reload_plan_done(&plan);
	return 0;
}

/* clang-format off */
static const struct {
	const char *kind, *target;
	enum wire_shutdown wire;
} shutdown_kinds[] = {
	{ "poweroff", "poweroff.target", WIRE_POWEROFF },
	{ "reboot",   "reboot.target",	 WIRE_REBOOT },
	{ "halt",     "halt.target",	 WIRE_HALT },
	{ "kexec",    "kexec.target",	 WIRE_KEXEC },
	{ "exit",     "exit.target",	 WIRE_EXIT_CONTAINER },
};
/* clang-format on */

static int shutdown(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	struct api *a = userdata;
	const char *kind = json_string_or(parameters, "kind", "");
	struct diag d = {0};
	int r;

	for (size_t i = 0; i < ELEMENTSOF(shutdown_kinds); i++) {
		if (!streq(shutdown_kinds[i].kind, kind))
			continue;
		if (json_u64_or(parameters, "force", 0) > 0 && a->c.link)
			r = link_request(a->c.link, WIRE_SHUTDOWN, shutdown_kinds[i].wire, -1,
			                 kind);
		else
			r = manager_enqueue_by_name(a->c.manager, JOB_START,
			                            shutdown_kinds[i].target,
			                            JOB_MODE_REPLACE_IRREVERSIBLY, &d, NULL);
		if (r < 0)
			return api_answer_error(call, r, shutdown_kinds[i].target, kind, &d);
		return varlink_reply(call, NULL);
	}
	return varlink_error_invalid(call, "kind");
}

static int get_environment(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	struct api *a = userdata;
	cJSON *o = cJSON_CreateObject();

	(void) parameters;
	if (!o)
		return -ENOMEM;
	json_add_strv(o, "environment", a->c.manager->environment);
	return varlink_reply(call, o);
}

/* It has to fit the record that outlives core, and the command line's limit of a process that is started with it. */
#define ENVIRONMENT_MAX (128 * 1024)

static size_t environment_size(char *const *v)
{
	size_t size = 0;

	STRV_FOREACH (s, v)
		size += strlen(*s) + 1;
	return size;
}

/* What core started with is what is left when nobody says otherwise. */
static int unset_variable(const struct api *a, char ***v, const char *name)
{
	const char *initial = env_get(a->c.environment, name);
	auto_free char *back = initial ? str_printf("%s=%s", name, initial) : NULL;

	env_unset(*v, name);
	if (!initial)
		return 0;
	return back ? env_set(v, back) : -ENOMEM;
}

static int set_environment(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	struct api *a = userdata;
	struct manager *m = a->c.manager;
	auto_strv char **set = NULL, **unset = NULL, **v = strv_copy(m->environment);
	struct diag d = {0};
	int r = v ? 0 : -ENOMEM;

	(void) json_get_strv(parameters, "assignments", &set);
	(void) json_get_strv(parameters, "unset", &unset);
	STRV_FOREACH (s, set) {
		const char *equals = strchr(*s, '=');

		if (!equals || equals == *s)
			return varlink_error_invalid(call, "assignments");
	}
	STRV_FOREACH (s, unset)
		r = r < 0 ? r : unset_variable(a, &v, *s);
	STRV_FOREACH (s, set)
		r = r < 0 ? r : env_set(&v, *s);
	if (r < 0)
		return r;
	if (environment_size(v) > ENVIRONMENT_MAX) {
		r = diag_add(&d, -E2BIG, DIAG_ERROR, NULL, 0,
		             "The environment would be larger than %d KiB", ENVIRONMENT_MAX / 1024);
		return api_answer_error(call, r, "environment", "set", &d);
	}
	strv_free(m->environment);
	m->environment = TAKE_PTR(v);
	if (a->c.save)
		a->c.save(m);
	return varlink_reply(call, NULL);
}

/* ---- logging and watchdogs ---- */

const char *const api_log_levels[8] = {"emerg",   "alert",  "crit", "err",
                                       "warning", "notice", "info", "debug"};

/* Parameters that are given are set; the answer is what holds then. */
static int control(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	struct api *a = userdata;
	const char *level;
	bool watchdogs;
	cJSON *o;

	if (json_get_string(parameters, "log_level", &level) >= 0) {
		int l = ENUM_FROM_STRING(api_log_levels, level);

		if (l < 0)
			return varlink_error_invalid(call, "log_level");
		log_set_level(l);
	}
	if (json_get_bool(parameters, "service_watchdogs", &watchdogs) >= 0)
		a->c.manager->no_service_watchdogs = !watchdogs;
	if (a->c.save)
		a->c.save(a->c.manager);
	o = cJSON_CreateObject();
	if (!o)
		return -ENOMEM;
	json_add_string(o, "log_level", ENUM_TO_STRING(api_log_levels, log_get_level()));
	json_add_bool(o, "service_watchdogs", !a->c.manager->no_service_watchdogs);
	return varlink_reply(call, o);
}

static int restrict_role(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	int role = varlink_role_from_string(json_string_or(parameters, "role", ""));

	(void) userdata;
	if (role < 0)
		return varlink_error_invalid(call, "role");
	varlink_peer_restrict(varlink_call_peer(call), (enum varlink_role) role);
	return varlink_reply(call, NULL);
}

/* clang-format off */
const struct varlink_method api_manager_methods[] = {
	{ "org.sysmaster.Manager.Describe",	  ROLE_OBSERVE, describe },
	{ "org.sysmaster.Manager.ListUnits",	  ROLE_OBSERVE, list_units },
	{ "org.sysmaster.Manager.ListJobs",	  ROLE_OBSERVE, list_jobs },
	{ "org.sysmaster.Manager.Reload",	  ROLE_ADMIN,	reload },
	{ "org.sysmaster.Manager.Shutdown",	  ROLE_ADMIN,	shutdown },
	{ "org.sysmaster.Manager.GetEnvironment", ROLE_OBSERVE, get_environment },
	{ "org.sysmaster.Manager.SetEnvironment", ROLE_ADMIN,	set_environment },
	{ "org.sysmaster.Manager.GetProperties",  ROLE_OBSERVE, api_get_properties },
	{ "org.sysmaster.Manager.Control",	  ROLE_ADMIN,	control },
	{ "org.sysmaster.Manager.Subscribe",	  ROLE_OBSERVE, api_subscribe },
	{ "org.sysmaster.Manager.Restrict",	  ROLE_OBSERVE, restrict_role },
	{ "org.sysmaster.Manager.Blame",	  ROLE_OBSERVE, blame },
	{ "org.sysmaster.Manager.Statistics",	  ROLE_OBSERVE, statistics },
};
/* clang-format on */
const size_t api_manager_n_methods = ELEMENTSOF(api_manager_methods);
