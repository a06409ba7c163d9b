// SPDX-License-Identifier: Apache-2.0
#include "upgrade/upgrade.h"

static int call(const char *method, cJSON *parameters, usec_t timeout, struct diag *d, cJSON **ret)
{
	auto_cleanup(varlink_client_free) struct varlink_client *c = NULL;
	const char *error = NULL;
	cJSON *answer = NULL;
	int r;

	r = varlink_connect_path(NULL, config.control, &c);
	if (r < 0) {
		cJSON_Delete(parameters);
		return diag_add(d, r, DIAG_ERROR, config.control, 0, "core cannot be reached: %s",
		                strerror(-r));
	}
	r = varlink_call_sync(c, method, parameters, timeout, &error, &answer);
	if (r < 0)
		return diag_add(d, r, DIAG_ERROR, NULL, 0, "%s: %s", method, strerror(-r));
	if (error) {
		r = streq(error, "org.sysmaster.Error.Disconnected")      ? -ECONNRESET
		    : json_u64_or(answer, "errno", 0) == (uint64_t) EBUSY ? -EBUSY
		                                                          : -EREMOTEIO;
		diag_add(d, r, DIAG_ERROR, NULL, 0, "%s", json_string_or(answer, "message", error));
		cJSON_Delete(answer);
		return r;
	}
	if (ret)
		*ret = answer;
	else
		cJSON_Delete(answer);
	return 0;
}

int core_call(const char *method, cJSON *parameters, usec_t timeout, struct diag *d)
{
	return call(method, parameters, timeout, d, NULL);
}

static int facts_parse(struct core_facts *f, const cJSON *j)
{
	core_facts_done(f);
	if (str_set(&f->version, json_string_or(j, "version", "")) < 0 ||
	    str_set(&f->init_version, json_string_or(j, "init_version", "")) < 0 ||
	    str_set(&f->directory, json_string_or(j, "directory", "")) < 0 ||
	    str_set(&f->mode, json_string_or(j, "mode", "")) < 0 ||
	    str_set(&f->died, json_string_or(j, "core_died", "")) < 0 ||
	    str_set(&f->last_upgrade, json_string_or(j, "last_upgrade", "")) < 0)
		return -ENOMEM;
	f->pid = json_u64_or(j, "core_pid", 0);
	f->restarts = json_u64_or(j, "core_restarts", 0);
	(void) json_get_strv(j, "failed_units", &f->failed);
	return 0;
}

int core_facts_get(struct core_facts *f, usec_t timeout)
{
	usec_t deadline = now(CLOCK_BOOTTIME) + timeout;
	int r;

	*f = (struct core_facts){0};
	for (;;) {
		auto_json cJSON *j = NULL;
		struct timespec pause = usec_to_timespec(20 * USEC_PER_MSEC);

		r = call("org.sysmaster.Manager.Describe", NULL, 5 * USEC_PER_SEC, NULL, &j);
		if (r >= 0)
			return facts_parse(f, j);
		if (now(CLOCK_BOOTTIME) >= deadline)
			return r;
		nanosleep(&pause, NULL);
	}
}

void core_facts_done(struct core_facts *f)
{
	free(f->version);
	free(f->init_version);
	free(f->directory);
	free(f->mode);
	free(f->died);
	free(f->last_upgrade);
	strv_free(f->failed);
	*f = (struct core_facts){0};
}
