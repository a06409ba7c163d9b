// SPDX-License-Identifier: Apache-2.0
/* Orders: jobs, signals to processes, settings, references. */
#include "dbus/dbus.h"

static int on_done(struct dbus *d, sd_bus_message *m, const cJSON *parameters, void *userdata)
{
	(void) d, (void) parameters, (void) userdata;
	return sd_bus_reply_method_return(m, "");
}

/* ---- jobs ---- */

/*
 * Whoever orders waits for the signal that his job is over, so he gets signals from now on. If there was nothing to do core made no
 * job; the caller gets a number that core does not use, and hears at once that it is done.
 */
static int on_queued(struct dbus *d, sd_bus_message *m, const cJSON *parameters, void *userdata)
{
	char buffer[JOB_PATH_MAX];
	const cJSON *queued;
	bool nothing;
	uint32_t id;
	int r;

	(void) userdata;
	if (json_get_array(parameters, "queued", &queued) < 0 || !queued->child)
		return -EPROTO;
	id = (uint32_t) json_u64_or(queued->child, "job", 0);
	nothing = id == 0;
	if (nothing)
		id = signals_nop_job(d);
	r = sd_bus_track_add_sender(d->clients, m);
	if (r >= 0)
		r = sd_bus_reply_method_return(m, "o", job_path(buffer, id));
	if (r >= 0 && nothing)
		r = signals_job_removed(d, id, json_string_or(queued->child, "unit", ""), "done");
	return r;
}

METHOD_FN(method_order)
{
	cJSON *p = cJSON_CreateObject();
	const char *unit, *mode;
	int r = method_unit(o, m, &unit);

	if (r >= 0)
		r = sd_bus_message_read(m, "s", &mode);
	if (r >= 0)
		r = json_add_string(p, "verb", argument);
	if (r >= 0)
		r = json_add_strv(p, "names", (char *[]){(char *) unit, NULL});
	if (r >= 0)
		r = json_add_string(p, "mode", mode);
	if (r >= 0)
		r = json_add_bool(p, "wait", false);
	if (r < 0) {
		cJSON_Delete(p);
		return r;
	}
	return core_call(d, m, "org.sysmaster.Unit.Queue", p, CORE_ORDER, on_queued, NULL);
}

static int cancel(struct dbus *d, sd_bus_message *m, uint32_t id)
{
	cJSON *p = cJSON_CreateObject();
	int r = json_add_u64(p, "id", id);

	if (r < 0) {
		cJSON_Delete(p);
		return r;
	}
	return core_call(d, m, "org.sysmaster.Unit.CancelJob", p, CORE_ORDER, on_done, NULL);
}

METHOD_FN(method_cancel_job)
{
	uint32_t id = o->job;
	int r = 0;

	(void) argument;
	if (o->kind == OBJECT_MANAGER)
		r = sd_bus_message_read(m, "u", &id);
	return r < 0 ? r : cancel(d, m, id);
}

/* One after the other goes to core; those that have ended meanwhile are as good as cancelled. */
static int on_jobs_to_clear(struct dbus *d, sd_bus_message *m, const cJSON *parameters,
                            void *userdata)
{
	const cJSON *jobs, *it;
	int r;

	(void) userdata;
	if (json_get_array(parameters, "jobs", &jobs) < 0)
		return -EPROTO;
	cJSON_ArrayForEach(it, jobs)
	{
		cJSON *p = cJSON_CreateObject();

		r = json_add_u64(p, "id", json_u64_or(it, "id", 0));
		if (r < 0) {
			cJSON_Delete(p);
			return r;
		}
		r = core_tell(d, "org.sysmaster.Unit.CancelJob", p, NULL, NULL);
		if (r < 0)
			return r;
	}
	return sd_bus_reply_method_return(m, "");
}

METHOD_FN(method_clear_jobs)
{
	(void) o, (void) argument;
	return core_call(d, m, "org.sysmaster.Manager.ListJobs", NULL, 0, on_jobs_to_clear, NULL);
}

/* ---- transient units, settings ---- */

static int add_pids(cJSON *p, const struct assignments *a)
{
	cJSON *pids = cJSON_CreateArray();

	for (size_t i = 0; pids && i < a->n_pids; i++)
		json_append_take(pids, cJSON_CreateNumber(a->pids[i]));
	return json_add_take(p, "pids", pids);
}

/* Units that come along: "a(sa(sv))". */
static int take_aux(sd_bus_message *m, cJSON *p)
{
	cJSON *list = cJSON_CreateArray();
	const char *name;
	int r;

	r = sd_bus_message_enter_container(m, 'a', "(sa(sv))");
	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'r', "sa(sv)")) > 0) {
		struct assignments a = {0};
		cJSON *unit = cJSON_CreateObject();

		r = sd_bus_message_read(m, "s", &name);
		if (r >= 0)
			r = assignments_read(m, &a);
		if (r >= 0)
			r = json_add_string(unit, "name", name);
		if (r >= 0)
			r = json_add_strv(unit, "properties", a.lines ? a.lines : (char *[]){NULL});
		assignments_done(&a);
		if (r >= 0)
			r = json_append_take(list, unit);
		else
			cJSON_Delete(unit);
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	if (r >= 0)
		r = sd_bus_message_exit_container(m);
	if (r < 0 || !cJSON_GetArraySize(list)) {
		cJSON_Delete(list);
		return r;
	}
	return json_add_take(p, "aux", list);
}

static void transient_free(void *userdata)
{
	assignments_done(userdata);
	free(userdata);
}

static int on_transient(struct dbus *d, sd_bus_message *m, const cJSON *parameters, void *userdata)
{
	struct assignments *a = userdata;
	const cJSON *queued;
	const char *unit;
	int r = 0;

	if (json_get_array(parameters, "queued", &queued) < 0 || !queued->child)
		return -EPROTO;
	unit = json_string_or(queued->child, "unit", "");
	if (a->hold)
		r = hold_unit(d, m, unit, true, false);
	if (r >= 0)
		r = fds_keep(d, unit, a);
	return r < 0 ? r : on_queued(d, m, parameters, NULL);
}

METHOD_FN(method_start_transient)
{
	struct assignments *a = calloc(1, sizeof(*a));
	cJSON *p = cJSON_CreateObject();
	const char *name, *mode;
	int r = a ? sd_bus_message_read(m, "ss", &name, &mode) : -ENOMEM;

	(void) o, (void) argument;
	if (r >= 0)
		r = assignments_read(m, a);
	if (r >= 0)
		r = json_add_string(p, "name", name);
	if (r >= 0)
		r = json_add_string(p, "mode", mode);
	if (r >= 0)
		r = json_add_strv(p, "properties", a->lines ? a->lines : (char *[]){NULL});
	if (r >= 0 && a->n_pids)
		r = add_pids(p, a);
	if (r >= 0)
		r = json_add_bool(p, "wait", false);
	if (r >= 0)
		r = json_add_bool(p, "hold", a->hold);
	if (r >= 0)
		r = take_aux(m, p);
	if (r < 0) {
		cJSON_Delete(p);
		if (a)
			transient_free(a);
		return r;
	}
	return core_call_owned(d, m, "org.sysmaster.Unit.StartTransient", p, CORE_ORDER,
	                       on_transient, a, transient_free);
}

METHOD_FN(method_set_properties)
{
	struct assignments a = {0};
	cJSON *p = cJSON_CreateObject();
	const char *unit;
	int runtime, r = method_unit(o, m, &unit);

	(void) argument;
	if (r >= 0)
		r = sd_bus_message_read(m, "b", &runtime);
	if (r >= 0)
		r = assignments_read(m, &a);
	if (r >= 0)
		r = json_add_string(p, "name", unit);
	if (r >= 0)
		r = json_add_strv(p, "properties", a.lines ? a.lines : (char *[]){NULL});
	if (r >= 0)
		r = json_add_bool(p, "runtime", runtime);
	assignments_done(&a);
	if (r < 0) {
		cJSON_Delete(p);
		return r;
	}
	return core_call(d, m, "org.sysmaster.Unit.SetProperties", p, 0, on_done, NULL);
}

/* ---- one unit ---- */

METHOD_FN(method_kill)
{
	cJSON *p = cJSON_CreateObject();
	auto_free char *bare = NULL;
	const char *unit, *who;
	int sig, r = method_unit(o, m, &unit);

	(void) argument;
	if (r >= 0)
		r = sd_bus_message_read(m, "si", &who, &sig);
	if (r >= 0) {
		/* "all-fail": that nothing was there to be killed is an error, as it is in core anyway. */
		bare = strndup(who, strcspn(who, "-"));
		r = !bare ? -ENOMEM : json_add_string(p, "who", *bare ? bare : "all");
	}
	if (r >= 0)
		r = json_add_string(p, "name", unit);
	if (r >= 0)
		r = json_add_i64(p, "signal", sig);
	if (r < 0) {
		cJSON_Delete(p);
		return r;
	}
	return core_call(d, m, "org.sysmaster.Unit.Kill", p, 0, on_done, NULL);
}

METHOD_FN(method_reset_failed)
{
	cJSON *p = cJSON_CreateObject();
	const char *unit;
	int r = 0;

	if (argument) {
		r = method_unit(o, m, &unit);
		if (r >= 0)
			r = json_add_string(p, "name", unit);
	}
	if (r < 0) {
		cJSON_Delete(p);
		return r;
	}
	return core_call(d, m, "org.sysmaster.Unit.ResetFailed", p, 0, on_done, NULL);
}

/* Methods of core that take a unit's name and answer nothing; a thaw is a freeze that is taken back. */
METHOD_FN(method_unit_call)
{
	cJSON *p = cJSON_CreateObject();
	bool thaw = streq(argument, "thaw");
	const char *unit;
	int r = method_unit(o, m, &unit);

	if (r >= 0)
		r = json_add_string(p, "name", unit);
	if (r >= 0 && thaw)
		r = json_add_bool(p, "freeze", false);
	if (r < 0) {
		cJSON_Delete(p);
		return r;
	}
	return core_call(d, m, thaw ? "org.sysmaster.Unit.Freeze" : argument, p, CORE_SLOW, on_done,
	                 NULL);
}

METHOD_FN(method_clean)
{
	cJSON *p = cJSON_CreateObject();
	auto_strv char **what = NULL;
	const char *unit;
	int r = method_unit(o, m, &unit);

	(void) argument;
	if (r >= 0)
		r = sd_bus_message_read_strv(m, &what);
	if (r >= 0)
		r = json_add_string(p, "name", unit);
	if (r >= 0 && what && *what)
		r = json_add_strv(p, "what", what);
	if (r < 0) {
		cJSON_Delete(p);
		return r;
	}
	return core_call(d, m, "org.sysmaster.Unit.Clean", p, CORE_SLOW, on_done, NULL);
}

METHOD_FN(method_ref)
{
	const char *unit;
	int r = method_unit(o, m, &unit);

	return r < 0 ? r : hold_unit(d, m, unit, argument != NULL, true);
}

/* pids: 0 is the caller. */
static int read_pids(sd_bus_message *m, cJSON *pids)
{
	uint32_t pid;
	int r = sd_bus_message_enter_container(m, 'a', "u");

	while (r >= 0 && (r = sd_bus_message_read(m, "u", &pid)) > 0) {
		pid_t sender = (pid_t) pid;

		if (pid == 0)
			r = bus_sender_pid(m, &sender);
		if (r >= 0)
			r = json_append_take(pids, cJSON_CreateNumber((double) sender));
	}
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

METHOD_FN(method_attach)
{
	cJSON *p = cJSON_CreateObject(), *pids = cJSON_CreateArray();
	const char *unit, *subgroup;
	pid_t sender;
	uid_t uid;
	int r = method_unit(o, m, &unit);

	(void) argument;
	if (r >= 0)
		r = sd_bus_message_read(m, "s", &subgroup);
	if (r >= 0)
		r = read_pids(m, pids);
	if (r >= 0)
		r = bus_sender_uid(m, &uid);
	if (r >= 0 && !*unit) {
		r = bus_sender_pid(m, &sender);
		if (r >= 0)
			r = json_add_i64(p, "caller", sender);
	}
	if (r >= 0)
		r = json_add_string(p, "name", unit);
	if (r >= 0)
		r = json_add_string(p, "subgroup", subgroup);
	if (r >= 0)
		r = json_add_u64(p, "uid", uid);
	if (r < 0) {
		cJSON_Delete(pids);
	} else {
		r = json_add_take(p, "pids", pids);
	}
	if (r < 0) {
		cJSON_Delete(p);
		return r;
	}
	return core_call(d, m, "org.sysmaster.Unit.AttachProcesses", p, 0, on_done, NULL);
}
