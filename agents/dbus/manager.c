// SPDX-License-Identifier: Apache-2.0
/* What is asked of the manager: units by name and process, reload, power, environment, subscriptions. */
#include "dbus/dbus.h"

int method_unit(const struct object *o, sd_bus_message *m, const char **ret)
{
	int r;

	if (o->kind == OBJECT_UNIT) {
		*ret = o->unit;
		return 0;
	}
	r = sd_bus_message_read(m, "s", ret);
	return r < 0 ? r : 0;
}

static int on_done(struct dbus *d, sd_bus_message *m, const cJSON *parameters, void *userdata)
{
	(void) d, (void) parameters, (void) userdata;
	return sd_bus_reply_method_return(m, "");
}

static int on_unit(struct dbus *d, sd_bus_message *m, const cJSON *parameters, void *userdata)
{
	auto_free char *path = NULL;
	const cJSON *properties;
	int r;

	(void) d, (void) userdata;
	if (json_get_object(parameters, "properties", &properties) < 0)
		return -EPROTO;
	r = unit_path(json_string_or(properties, "Id", ""), &path);
	return r < 0 ? r : sd_bus_reply_method_return(m, "o", path);
}

METHOD_FN(method_get_unit)
{
	cJSON *p = cJSON_CreateObject();
	const char *name;
	int r = sd_bus_message_read(m, "s", &name);

	(void) o;
	if (r >= 0)
		r = json_add_string(p, "name", name);
	if (r >= 0)
		r = json_add_bool(p, "loaded", *argument != 0);
	if (r < 0) {
		cJSON_Delete(p);
		return r;
	}
	return core_call(d, m, "org.sysmaster.Unit.Describe", p, 0, on_unit, NULL);
}

METHOD_FN(method_get_unit_by_pid)
{
	cJSON *p = cJSON_CreateObject();
	pid_t pid = 0;
	uint32_t n;
	int r = sd_bus_message_read(m, "u", &n);

	(void) o, (void) argument;
	if (r >= 0 && n > INT32_MAX)
		r = -EINVAL;
	if (r >= 0) {
		pid = (pid_t) n;
		if (n == 0)
			r = bus_sender_pid(m, &pid);
	}
	if (r >= 0)
		r = json_add_i64(p, "pid", pid);
	if (r < 0) {
		cJSON_Delete(p);
		return r;
	}
	return core_call(d, m, "org.sysmaster.Unit.DescribeByPID", p, 0, on_unit, NULL);
}

/* ---- reload, re-execution, power ---- */

static int on_reloaded(struct dbus *d, sd_bus_message *m, const cJSON *parameters, void *userdata)
{
	(void) parameters, (void) userdata;
	(void) signals_files_changed(d);
	return sd_bus_reply_method_return(m, "");
}

METHOD_FN(method_reload)
{
	int r;

	(void) o, (void) argument;
	r = core_call(d, m, "org.sysmaster.Manager.Reload", NULL, CORE_SLOW, on_reloaded, NULL);
	if (r >= 0)
		(void) signals_reloading(d, true);
	return r;
}

/* Core answers right before it is replaced, or the connection goes with it: both are what was asked for. */
static int on_facts(struct dbus *d, sd_bus_message *m, const cJSON *parameters, void *userdata)
{
	cJSON *p = cJSON_CreateObject();
	int r = json_add_string(p, "directory", json_string_or(parameters, "directory", ""));

	(void) userdata;
	if (r < 0) {
		cJSON_Delete(p);
		return r;
	}
	return core_call(d, m, "org.sysmaster.Reexec.Core", p, CORE_SLOW | CORE_MAY_VANISH, on_done,
	                 NULL);
}

METHOD_FN(method_reexecute)
{
	(void) o, (void) argument;
	return core_call(d, m, "org.sysmaster.Manager.Describe", NULL, 0, on_facts, NULL);
}

/* systemctl --force comes here, without it a target is started. */
METHOD_FN(method_shutdown)
{
	cJSON *p = cJSON_CreateObject();
	int r = json_add_string(p, "kind", argument);

	(void) o;
	if (r >= 0)
		r = json_add_u64(p, "force", 1);
	if (r < 0) {
		cJSON_Delete(p);
		return r;
	}
	return core_call(d, m, "org.sysmaster.Manager.Shutdown", p, CORE_MAY_VANISH, on_done, NULL);
}

/* @argument: what the lists of the message are: to set, to unset. */
METHOD_FN(method_environment)
{
	cJSON *p = cJSON_CreateObject();
	int r = p ? 0 : -ENOMEM;

	(void) o;
	for (; r >= 0 && *argument; argument++) {
		auto_strv char **list = NULL;

		r = sd_bus_message_read_strv(m, &list);
		if (r >= 0)
			r = json_add_strv(p, *argument == 's' ? "assignments" : "unset", list);
	}
	if (r < 0) {
		cJSON_Delete(p);
		return r;
	}
	return core_call(d, m, "org.sysmaster.Manager.SetEnvironment", p, 0, on_done, NULL);
}

/* ---- subscriptions: they end with the client's connection ---- */

METHOD_FN(method_subscribe)
{
	int r;

	(void) o;
	if (argument)
		r = sd_bus_track_add_sender(d->subscribers, m);
	else
		r = sd_bus_track_remove_sender(d->subscribers, m);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r == 0 && argument)
		return sd_bus_reply_method_errorf(m, BUS_NAME ".AlreadySubscribed",
		                                  "Client is already subscribed.");
	if (!argument && r <= 0)
		return sd_bus_reply_method_errorf(m, BUS_NAME ".NotSubscribed",
		                                  "Client is not subscribed.");
	return sd_bus_reply_method_return(m, "");
}
