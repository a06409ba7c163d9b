// SPDX-License-Identifier: Apache-2.0
/* Reports of deaths: listed and shown from their files. What Describe says of them is kept in memory. */
#include "api/api-internal.h"
#include "crash/crash.h"

#define DESCRIBED_MAX 5

static cJSON *row(const struct crash_report *c)
{
	auto_free char *summary = crash_report_summary(c);
	cJSON *o = cJSON_CreateObject();

	if (!o)
		return NULL;
	json_add_string(o, "id", c->id);
	json_add_string(o, "program", c->program);
	json_add_string(o, "version", c->version);
	json_add_u64(o, "realtime_usec", c->time_usec);
	json_add_string(o, "summary", summary ? summary : "");
	return o;
}

/* A file that cannot be read is no reason not to show the others. */
static cJSON *rows(size_t max)
{
	struct crash_places p = crash_places();
	auto_strv char **ids = NULL;
	cJSON *array = cJSON_CreateArray();

	if (!array || crash_store_list(&p, &ids) < 0)
		return array;
	STRV_FOREACH (id, ids) {
		auto_cleanup(crash_report_free) struct crash_report *c = NULL;

		if (max-- == 0)
			break;
		if (crash_store_read(&p, *id, &c) >= 0)
			json_append_take(array, row(c));
	}
	return array;
}

static int list(struct varlink_call *call, const cJSON *parameters _unused_,
                void *userdata _unused_)
{
	cJSON *o = cJSON_CreateObject();

	if (!o)
		return -ENOMEM;
	json_add_take(o, "reports", rows(SIZE_MAX));
	return varlink_reply(call, o);
}

static cJSON *report(const struct crash_report *c)
{
	cJSON *o = row(c);

	if (!o)
		return NULL;
	json_add_string(o, "build_id", c->build_id);
	json_add_string(o, "unit", c->unit);
	json_add_i64(o, "pid", c->pid);
	json_add_u64(o, "uptime_usec", c->uptime_usec);
	json_add_string(o, "cause", c->cause);
	json_add_i64(o, "signal", c->signal);
	json_add_string(o, "signal_name", c->signal ? signal_to_string(c->signal) : NULL);
	json_add_i64(o, "code", c->code);
	json_add_i64(o, "sender", c->sender);
	json_add_u64(o, "address", c->address);
	json_add_string(o, "source", c->source);
	json_add_u64(o, "busy_usec", c->busy_usec);
	json_add_u64(o, "n_units", c->n_units);
	json_add_u64(o, "n_jobs", c->n_jobs);
	json_add_u64(o, "restarts", c->restarts);
	json_add_strv(o, "frames", c->frames);
	json_add_strv(o, "log", c->log);
	return o;
}

static int get(struct varlink_call *call, const cJSON *parameters, void *userdata _unused_)
{
	auto_cleanup(crash_report_free) struct crash_report *c = NULL;
	struct crash_places p = crash_places();
	cJSON *o = cJSON_CreateObject();
	const char *id;
	int r;

	if (!o)
		return -ENOMEM;
	if (json_get_string(parameters, "id", &id) < 0 || !crash_name_is_valid(id)) {
		cJSON_Delete(o);
		return varlink_error_invalid(call, "id");
	}
	r = crash_store_read(&p, id, &c);
	if (r == -ENOENT) {
		json_add_string(o, "id", id);
		return varlink_error(call, "org.sysmaster.Crash.NoSuchReport", o);
	}
	if (r >= 0)
		r = json_add_take(o, "report", report(c));
	if (r < 0) {
		cJSON_Delete(o);
		return r;
	}
	return varlink_reply(call, o);
}

const struct varlink_method api_crash_methods[] = {
	{"org.sysmaster.Crash.List", ROLE_OBSERVE, list},
	{"org.sysmaster.Crash.Get", ROLE_OBSERVE, get},
};
const size_t api_crash_n_methods = ELEMENTSOF(api_crash_methods);

void api_crashes_changed(struct manager *m)
{
	struct api *a = api_of(m);

	if (!a)
		return;
	cJSON_Delete(a->crashes);
	a->crashes = rows(DESCRIBED_MAX);
}
