// SPDX-License-Identifier: Apache-2.0
/* org.freedesktop.DBus.Properties: one question to core, all that was asked for from its answer. */
#include "dbus/dbus.h"

/* What is asked for; interface_name "" is all of them, property "" is all of it. */
struct wanted {
	bool is_manager;
	uint32_t job;
	char unit[256], interface_name[256], property[256];
};

static int append_rows(sd_bus_message *m, const struct interface *i, const cJSON *object,
                       bool changing)
{
	int r = 0;

	for (size_t p = 0; p < ELEMENTSOF(i->parts); p++)
		for (size_t k = 0; r >= 0 && k < i->parts[p].n; k++) {
			const struct property *row = &i->parts[p].rows[k];

			if (!value_is_there(row, object) || (changing && row->change != CHANGES))
				continue;
			r = sd_bus_message_open_container(m, 'e', "sv");
			if (r >= 0)
				r = sd_bus_message_append(m, "s", row->name);
			if (r >= 0)
				r = sd_bus_message_open_container(m, 'v', row->signature);
			if (r >= 0)
				r = value_append(m, row, object);
			if (r >= 0)
				r = sd_bus_message_close_container(m);
			if (r >= 0)
				r = sd_bus_message_close_container(m);
		}
	return r;
}

int properties_append(sd_bus_message *m, const struct interface *i, const cJSON *object,
                      bool changing)
{
	int r = sd_bus_message_open_container(m, 'a', "{sv}");

	if (r >= 0)
		r = append_rows(m, i, object, changing);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

/* The interfaces of an object: two of a unit. */
static size_t interfaces_of(const struct wanted *w, const struct interface *ret[static 2])
{
	auto_free char *name = NULL;

	ret[1] = NULL;
	if (w->is_manager || w->job) {
		ret[0] = interface_find(w->job ? BUS_NAME ".Job" : BUS_NAME ".Manager");
		return 1;
	}
	ret[0] = interface_find(BUS_NAME ".Unit");
	name = str_printf(BUS_NAME ".%s", unit_interface(w->unit));
	ret[1] = name ? interface_find(name) : NULL;
	return ret[1] ? 2 : 1;
}

static int reply_all(sd_bus_message *m, const struct wanted *w, const cJSON *object)
{
	const struct interface *all[2];
	size_t n = interfaces_of(w, all);
	sd_bus_message *reply = NULL;
	int r;

	r = sd_bus_message_new_method_return(m, &reply);
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', "{sv}");
	for (size_t i = 0; r >= 0 && i < n; i++)
		if (!*w->interface_name || streq(w->interface_name, all[i]->name))
			r = append_rows(reply, all[i], object, false);
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	if (r >= 0)
		r = sd_bus_message_send(reply);
	sd_bus_message_unref(reply);
	return r;
}

static int reply_unknown(sd_bus_message *m, const struct wanted *w)
{
	return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_UNKNOWN_PROPERTY,
	                                  "Unknown interface %s or property %s.", w->interface_name,
	                                  w->property);
}

static int reply_one(sd_bus_message *m, const struct wanted *w, const cJSON *object)
{
	const struct interface *all[2];
	size_t n = interfaces_of(w, all);
	const struct property *row = NULL;
	sd_bus_message *reply = NULL;
	int r;

	for (size_t i = 0; !row && i < n; i++)
		if (!*w->interface_name || streq(w->interface_name, all[i]->name))
			row = property_find(all[i], w->property);
	if (!row || !value_is_there(row, object))
		return reply_unknown(m, w);
	r = sd_bus_message_new_method_return(m, &reply);
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'v', row->signature);
	if (r >= 0)
		r = value_append(reply, row, object);
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	if (r >= 0)
		r = sd_bus_message_send(reply);
	sd_bus_message_unref(reply);
	return r;
}

/* A job has no description of its own: it is a row of the list. */
static cJSON *job_object(const cJSON *parameters, uint32_t id)
{
	const cJSON *jobs, *it;
	cJSON *o = NULL;

	if (json_get_array(parameters, "jobs", &jobs) < 0)
		return NULL;
	cJSON_ArrayForEach(it, jobs)
	{
		if (json_u64_or(it, "id", 0) != id)
			continue;
		o = cJSON_CreateObject();
		json_add_u64(o, "Id", id);
		json_add_string(o, "Unit", json_string_or(it, "unit", ""));
		json_add_string(o, "JobType", json_string_or(it, "type", ""));
		json_add_string(o, "State", json_string_or(it, "state", ""));
	}
	return o;
}

static int on_described(struct dbus *d, sd_bus_message *m, const cJSON *parameters, void *userdata)
{
	struct wanted *w = userdata;
	auto_json cJSON *job = NULL;
	const cJSON *object = NULL;
	int r = 0;

	(void) d;
	if (w->job) {
		object = job = job_object(parameters, w->job);
		if (!job)
			r = sd_bus_reply_method_errorf(m, SD_BUS_ERROR_UNKNOWN_OBJECT,
			                               "Job %u does not exist.", w->job);
	} else if (json_get_object(parameters, "properties", &object) < 0) {
		r = -EPROTO;
		object = NULL;
	}
	if (object)
		r = *w->property ? reply_one(m, w, object) : reply_all(m, w, object);
	return r;
}

static int copy(char to[static 256], const char *from)
{
	if (strlen(from) >= 256)
		return -EINVAL;
	memcpy(to, from, strlen(from) + 1);
	return 0;
}

static int ask(struct dbus *d, const struct object *o, sd_bus_message *m, const char *interface,
               const char *property)
{
	static const char *const by_kind[] = {
		[OBJECT_MANAGER] = "org.sysmaster.Manager.GetProperties",
		[OBJECT_UNIT] = "org.sysmaster.Unit.Describe",
		[OBJECT_JOB] = "org.sysmaster.Manager.ListJobs",
	};
	struct wanted *w = calloc(1, sizeof(*w));
	cJSON *p = cJSON_CreateObject();
	int r;

	if (!w || !p) {
		free(w);
		cJSON_Delete(p);
		return -ENOMEM;
	}
	w->is_manager = o->kind == OBJECT_MANAGER;
	w->job = o->kind == OBJECT_JOB ? o->job : 0;
	r = copy(w->interface_name, interface);
	if (r >= 0)
		r = copy(w->property, property);
	if (r >= 0 && o->unit)
		r = copy(w->unit, o->unit);
	if (r >= 0 && o->unit)
		r = json_add_string(p, "name", o->unit);
	if (r < 0) {
		cJSON_Delete(p);
		free(w);
		return r;
	}
	return core_call(d, m, by_kind[o->kind], p, 0, on_described, w);
}

int properties_get(struct dbus *d, const struct object *o, sd_bus_message *m)
{
	const char *interface, *property;
	int r = sd_bus_message_read(m, "ss", &interface, &property);

	return r < 0 ? r : ask(d, o, m, interface, property);
}

int properties_get_all(struct dbus *d, const struct object *o, sd_bus_message *m)
{
	const char *interface;
	int r = sd_bus_message_read(m, "s", &interface);

	return r < 0 ? r : ask(d, o, m, interface, "");
}

static int on_set(struct dbus *d, sd_bus_message *m, const cJSON *parameters, void *userdata)
{
	(void) d, (void) parameters, (void) userdata;
	return sd_bus_reply_method_return(m, "");
}

/* What can be set is the manager's: ServiceWatchdogs and LogLevel. */
int properties_set(struct dbus *d, const struct object *o, sd_bus_message *m)
{
	const char *interface, *property, *level;
	cJSON *p;
	int r, on;

	r = bus_require_root(m);
	if (r <= 0)
		return r < 0 ? r : 1;
	r = sd_bus_message_read(m, "ss", &interface, &property);
	if (r < 0)
		return r;
	if (o->kind != OBJECT_MANAGER ||
	    (!streq(property, "ServiceWatchdogs") && !streq(property, "LogLevel")))
		return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_PROPERTY_READ_ONLY,
		                                  "%s cannot be set", property);
	p = cJSON_CreateObject();
	if (streq(property, "LogLevel")) {
		r = sd_bus_message_read(m, "v", "s", &level);
		if (r >= 0)
			r = json_add_string(p, "log_level", level);
	} else {
		r = sd_bus_message_read(m, "v", "b", &on);
		if (r >= 0)
			r = json_add_bool(p, "service_watchdogs", on);
	}
	if (r < 0) {
		cJSON_Delete(p);
		return r;
	}
	return core_call(d, m, "org.sysmaster.Manager.Control", p, 0, on_set, NULL);
}
