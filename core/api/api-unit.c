// SPDX-License-Identifier: Apache-2.0
/* One unit: what it is, its processes, and orders to it. */
#include "api/api-internal.h"
#include "cgroup/cgroup.h"

#include <signal.h>

/* ---- describe ---- */

static int describe(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	struct api *a = userdata;
	struct unit *u;
	cJSON *o, *properties;
	int r;

	if (json_bool_or(parameters, "loaded", false) &&
	    !manager_get_unit(a->c.manager, json_string_or(parameters, "name", "")))
		return api_answer_error(call, -ENOENT, json_string_or(parameters, "name", ""),
		                        "describe", NULL);
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

static int abandon(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	struct unit *u;
	int r;

	if (api_unit_parameter(userdata, call, parameters, "name", &u) < 0)
		return 0;
	r = u->ops->abandon ? u->ops->abandon(u) : -EOPNOTSUPP;
	if (r < 0)
		return api_answer_error(call, r, u->id, "abandon", NULL);
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
	{ "org.sysmaster.Unit.Queue",	      ROLE_OPERATE, api_queue },
	{ "org.sysmaster.Unit.StartTransient", ROLE_ADMIN,  api_start_transient },
	{ "org.sysmaster.Unit.SetProperties", ROLE_ADMIN,   api_set_properties },
	{ "org.sysmaster.Unit.Abandon",	      ROLE_OPERATE, abandon },
	{ "org.sysmaster.Unit.AttachProcesses", ROLE_ADMIN, api_attach },
	{ "org.sysmaster.Unit.Freeze",	      ROLE_OPERATE, api_freeze },
	{ "org.sysmaster.Unit.Clean",	      ROLE_ADMIN,   api_clean },
	{ "org.sysmaster.Unit.Explain",	      ROLE_OBSERVE, api_explain },
	{ "org.sysmaster.Unit.CancelJob",     ROLE_OPERATE, cancel_job },
	{ "org.sysmaster.Unit.Kill",	      ROLE_OPERATE, kill_unit },
	{ "org.sysmaster.Unit.ResetFailed",   ROLE_OPERATE, reset_failed },
};
/* clang-format on */
const size_t api_unit_n_methods = ELEMENTSOF(api_unit_methods);
