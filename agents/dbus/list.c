// SPDX-License-Identifier: Apache-2.0
/* Lists: units, jobs, processes. */
#include "dbus/dbus.h"

static int append_unit_row(sd_bus_message *m, const cJSON *row)
{
	const char *id = json_string_or(row, "id", "");
	uint32_t job = (uint32_t) json_u64_or(row, "job", 0);
	char job_buffer[JOB_PATH_MAX];
	auto_free char *path = NULL;
	int r = unit_path(id, &path);

	return r < 0 ? r
	             : sd_bus_message_append(
			       m, "(ssssssouso)", id, json_string_or(row, "description", ""),
			       json_string_or(row, "load", ""), json_string_or(row, "active", ""),
			       json_string_or(row, "sub", ""), json_string_or(row, "following", ""),
			       path, job, json_string_or(row, "job_type", ""),
			       job ? job_path(job_buffer, job) : "/");
}

static int append_job_row(sd_bus_message *m, const cJSON *row)
{
	const char *unit = json_string_or(row, "unit", "");
	uint32_t id = (uint32_t) json_u64_or(row, "id", 0);
	char buffer[JOB_PATH_MAX];
	auto_free char *path = NULL;
	int r = unit_path(unit, &path);

	return r < 0 ? r
	             : sd_bus_message_append(
			       m, "(usssoo)", id, unit, json_string_or(row, "type", ""),
			       json_string_or(row, "state", ""), job_path(buffer, id), path);
}

static int append_process(sd_bus_message *m, const cJSON *row)
{
	return sd_bus_message_append(m, "(sus)", json_string_or(row, "cgroup", ""),
	                             (uint32_t) json_u64_or(row, "pid", 0),
	                             json_string_or(row, "command", ""));
}

struct list_kind {
	const char *key, *row_signature;
	int (*append)(sd_bus_message *m, const cJSON *row);
};
static const struct list_kind kind_units = {"units", "(ssssssouso)", append_unit_row},
			      kind_jobs = {"jobs", "(usssoo)", append_job_row},
			      kind_processes = {"processes", "(sus)", append_process};

static int reply_list(sd_bus_message *m, const cJSON *parameters, const struct list_kind *kind)
{
	sd_bus_message *reply = NULL;
	const cJSON *rows, *it;
	int r;

	if (json_get_array(parameters, kind->key, &rows) < 0)
		return -EPROTO;
	r = sd_bus_message_new_method_return(m, &reply);
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', kind->row_signature);
	cJSON_ArrayForEach(it, rows) if (r >= 0) r = kind->append(reply, it);
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	if (r >= 0)
		r = sd_bus_message_send(reply);
	sd_bus_message_unref(reply);
	return r;
}

static int on_units(struct dbus *d, sd_bus_message *m, const cJSON *parameters, void *userdata)
{
	(void) d, (void) userdata;
	return reply_list(m, parameters, &kind_units);
}

/* @argument: the lists in the message: states, patterns, names. */
METHOD_FN(method_list_units)
{
	cJSON *p = cJSON_CreateObject();
	int r = json_add_bool(p, "all", true);

	(void) o;
	for (; r >= 0 && *argument; argument++) {
		auto_strv char **list = NULL;

		r = sd_bus_message_read_strv(m, &list);
		/* An empty list does not restrict; but no names are no units. */
		if (r >= 0 && ((list && *list) || *argument == 'n'))
			r = json_add_strv(p,
			                  *argument == 's'   ? "states"
			                  : *argument == 'p' ? "patterns"
			                                     : "names",
			                  list ? list : (char *[]){NULL});
	}
	if (r < 0) {
		cJSON_Delete(p);
		return r;
	}
	return core_call(d, m, "org.sysmaster.Manager.ListUnits", p, 0, on_units, NULL);
}

static int on_jobs(struct dbus *d, sd_bus_message *m, const cJSON *parameters, void *userdata)
{
	(void) d, (void) userdata;
	return reply_list(m, parameters, &kind_jobs);
}

METHOD_FN(method_list_jobs)
{
	(void) o, (void) argument;
	return core_call(d, m, "org.sysmaster.Manager.ListJobs", NULL, 0, on_jobs, NULL);
}

static int on_processes(struct dbus *d, sd_bus_message *m, const cJSON *parameters, void *userdata)
{
	(void) d, (void) userdata;
	return reply_list(m, parameters, &kind_processes);
}

METHOD_FN(method_processes)
{
	cJSON *p = cJSON_CreateObject();
	const char *unit;
	int r = method_unit(o, m, &unit);

	(void) argument;
	if (r >= 0)
		r = json_add_string(p, "name", unit);
	if (r < 0) {
		cJSON_Delete(p);
		return r;
	}
	return core_call(d, m, "org.sysmaster.Unit.ListProcesses", p, 0, on_processes, NULL);
}

/* For people: what core says of its units, as it says it. */
static int on_dump(struct dbus *d, sd_bus_message *m, const cJSON *parameters, void *userdata)
{
	auto_free char *text = json_print(parameters, true);

	(void) d, (void) userdata;
	return text ? sd_bus_reply_method_return(m, "s", text) : -ENOMEM;
}

METHOD_FN(method_dump)
{
	cJSON *p = cJSON_CreateObject();
	int r = json_add_bool(p, "all", true);

	(void) o, (void) argument;
	if (r < 0) {
		cJSON_Delete(p);
		return r;
	}
	return core_call(d, m, "org.sysmaster.Manager.ListUnits", p, 0, on_dump, NULL);
}

/* ---- one job ---- */

static int on_job(struct dbus *d, sd_bus_message *m, const cJSON *parameters, void *userdata)
{
	const uint32_t *id = userdata;
	char buffer[JOB_PATH_MAX];
	const cJSON *jobs, *it;

	(void) d;
	if (json_get_array(parameters, "jobs", &jobs) < 0)
		return -EPROTO;
	cJSON_ArrayForEach(
		it, jobs) if (json_u64_or(it, "id", 0) ==
	                      *id) return sd_bus_reply_method_return(m, "o", job_path(buffer, *id));
	return sd_bus_reply_method_errorf(m, BUS_NAME ".NoSuchJob", "Job %u does not exist.", *id);
}

METHOD_FN(method_get_job)
{
	uint32_t *id = malloc(sizeof(*id));
	int r = id ? sd_bus_message_read(m, "u", id) : -ENOMEM;

	(void) o, (void) argument;
	if (r < 0) {
		free(id);
		return r;
	}
	return core_call(d, m, "org.sysmaster.Manager.ListJobs", NULL, 0, on_job, id);
}
