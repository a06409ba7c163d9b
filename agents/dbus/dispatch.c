// SPDX-License-Identifier: Apache-2.0
/* A message comes: which object, which interface, which method. */
#include "dbus/dbus.h"

#define PROPERTIES "org.freedesktop.DBus.Properties"

/* Which interfaces an object has; NULL in a message is any. */
static bool object_has(const struct object *o, const char *interface)
{
	const char *own = str_after(interface, BUS_NAME "."), *type;

	if (!own)
		return false;
	switch (o->kind) {
	case OBJECT_MANAGER:
		return streq(own, "Manager");
	case OBJECT_JOB:
		return streq(own, "Job");
	case OBJECT_UNIT:
		type = unit_interface(o->unit);
		return streq(own, "Unit") || streq(own, type);
	default:
		return false;
	}
}

static const struct method *method_find(const struct object *o, const char *interface,
                                        const char *member)
{
	for (size_t i = 0; i < n_methods; i++)
		if (streq(methods[i].name, member) && object_has(o, methods[i].interface) &&
		    (!interface || streq(methods[i].interface, interface)))
			return &methods[i];
	return NULL;
}

static int call_method(struct dbus *d, const struct object *o, sd_bus_message *m)
{
	const struct method *method =
		method_find(o, sd_bus_message_get_interface(m), sd_bus_message_get_member(m));
	int r;

	if (!method)
		return sd_bus_reply_method_errorf(
			m, SD_BUS_ERROR_UNKNOWN_METHOD, "Unknown method %s or interface %s.",
			sd_bus_message_get_member(m),
			sd_bus_message_get_interface(m) ? sd_bus_message_get_interface(m) : "");
	if (!sd_bus_message_has_signature(m, method->in))
		return sd_bus_reply_method_errorf(
			m, SD_BUS_ERROR_INVALID_ARGS, "%s takes (%s), not (%s).", method->name,
			method->in, sd_bus_message_get_signature(m, true));
	if (method->access == WRITE) {
		r = bus_require_root(m);
		if (r <= 0)
			return r < 0 ? r : 1;
	}
	return method->fn(d, o, m, method->argument);
}

static bool is_call(sd_bus_message *m, const char *interface, const char *member, const char *in)
{
	const char *own = sd_bus_message_get_interface(m);

	return streq(sd_bus_message_get_member(m), member) && (!own || streq(own, interface)) &&
	       sd_bus_message_has_signature(m, in);
}

int dispatch(struct dbus *d, const struct object *o, sd_bus_message *m)
{
	bool has_properties =
		o->kind == OBJECT_MANAGER || o->kind == OBJECT_UNIT || o->kind == OBJECT_JOB;

	if (is_call(m, "org.freedesktop.DBus.Introspectable", "Introspect", ""))
		return introspect(d, o, m);
	if (has_properties && is_call(m, PROPERTIES, "Get", "ss"))
		return properties_get(d, o, m);
	if (has_properties && is_call(m, PROPERTIES, "GetAll", "s"))
		return properties_get_all(d, o, m);
	if (has_properties && is_call(m, PROPERTIES, "Set", "ssv"))
		return properties_set(d, o, m);
	return call_method(d, o, m);
}

/* "/unit/self": the caller's own, then as if it had been asked for by name. */
static int on_self(struct dbus *d, sd_bus_message *m, const cJSON *parameters, void *userdata)
{
	auto_object struct object o = {.kind = OBJECT_UNIT};
	const cJSON *properties;

	(void) userdata;
	if (json_get_object(parameters, "properties", &properties) < 0)
		return -EPROTO;
	o.unit = strdup(json_string_or(properties, "Id", ""));
	return !o.unit ? -ENOMEM : !unit_interface(o.unit) ? -EPROTO : dispatch(d, &o, m);
}

static int dispatch_self(struct dbus *d, sd_bus_message *m)
{
	cJSON *p;
	pid_t pid;
	int r = bus_sender_pid(m, &pid);

	if (r < 0)
		return r;
	p = cJSON_CreateObject();
	r = json_add_i64(p, "pid", pid);
	if (r < 0) {
		cJSON_Delete(p);
		return r;
	}
	return core_call(d, m, "org.sysmaster.Unit.DescribeByPID", p, 0, on_self, NULL);
}

int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct dbus *d = userdata;
	auto_object struct object o = {0};
	int r;

	(void) error;
	if (!sd_bus_message_is_method_call(m, NULL, NULL))
		return 0;
	/* Peer is the library's. */
	if (sd_bus_message_get_interface(m) &&
	    streq(sd_bus_message_get_interface(m), "org.freedesktop.DBus.Peer"))
		return 0;
	r = object_parse(sd_bus_message_get_path(m), &o);
	if (r == -ENOENT)
		return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_UNKNOWN_OBJECT,
		                                  "Unknown object '%s'.",
		                                  sd_bus_message_get_path(m));
	if (r < 0)
		return r;
	r = o.kind == OBJECT_UNIT_SELF ? dispatch_self(d, m) : dispatch(d, &o, m);
	return r < 0 ? r : 1;
}
