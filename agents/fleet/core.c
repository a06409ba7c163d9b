// SPDX-License-Identifier: Apache-2.0
/* What core says: facts when asked, events as they happen. Core may be restarted at any time; we
 * come again and go on where we were. */
#include "fleet/agent.h"

#include "base/log.h"

#include <stdio.h>

#define RETRY_FIRST      (50 * USEC_PER_MSEC)
#define RETRY_MAX        (5 * USEC_PER_SEC)
#define UNITS_SHOWN      64
#define DESCRIBE_TIMEOUT (10 * USEC_PER_SEC)

/*
 * Two connections: answers on one come in the order of the calls, and the subscription's call is
 * answered for as long as it lasts.
 */
static void core_connect(struct agent *a);

static void core_lost(struct agent *a)
{
	usec_t pause = a->core_attempts < 8 ? RETRY_FIRST << a->core_attempts : RETRY_MAX;

	a->core = varlink_client_free(a->core);
	a->core_calls = varlink_client_free(a->core_calls);
	a->describing = false;
	(void) source_set_state(a->describe_timer, SOURCE_OFF);
	a->core_attempts++;
	if (!a->core_lost_at) {
		a->core_lost_at = now(CLOCK_MONOTONIC);
		log_info("Lost core");
	}
	(void) source_set_time(a->core_timer,
	                       now(CLOCK_MONOTONIC) + MIN(pause, (usec_t) RETRY_MAX));
	report_facts_are_here(a); /* a report that waits for them goes without */
}

/* A core that hangs is init's business; here it counts as gone. */
static int on_describe_timeout(struct source *s, usec_t deadline, void *userdata)
{
	(void) s;
	(void) deadline;
	core_lost(userdata);
	return 0;
}

static int on_core_timer(struct source *s, usec_t deadline, void *userdata)
{
	(void) s;
	(void) deadline;
	core_connect(userdata);
	return 0;
}

/* ---- facts ---- */
/* A machine where everything failed must not make its report too large to be taken. */
static void shorten(cJSON *status)
{
	cJSON *failed = cJSON_GetObjectItemCaseSensitive(status, "failed_units");

	cJSON_DeleteItemFromObject(status, "boot");
	while (cJSON_GetArraySize(failed) > UNITS_SHOWN)
		cJSON_DeleteItemFromArray(failed, UNITS_SHOWN);
}

static void say_restarted(struct agent *a, const cJSON *status)
{
	const char *reason = json_string_or(status, "core_reason", "unknown"),
		   *died = json_string_or(status, "core_died", "");
	uint64_t away =
		a->core_lost_at ? (now(CLOCK_MONOTONIC) - a->core_lost_at) / USEC_PER_MSEC : 0;

	report_event_text(a, "core", "Core was restarted: %s%s%s%s (answered again after %llu ms)",
	                  reason, *died ? " (" : "", died, *died ? ")" : "",
	                  (unsigned long long) away);
}

static int on_described(struct varlink_client *client, const char *error, const cJSON *parameters,
                        bool continues, void *userdata)
{
	struct agent *a = userdata;
	uint64_t pid;
	cJSON *status;

	(void) client;
	(void) continues;
	a->describing = false;
	(void) source_set_state(a->describe_timer, SOURCE_OFF);
	if (error && streq(error, "org.sysmaster.Error.Disconnected")) {
		core_lost(a);
		return 0;
	}
	status = error ? NULL : cJSON_Duplicate(parameters, true);
	if (!status) {
		log_warning("Core did not describe itself: %s", error ? error : "out of memory");
		report_facts_are_here(a);
		return 0;
	}
	shorten(status);
	if (!str_is_empty(a->config.name)) {
		cJSON_DeleteItemFromObject(status, "hostname");
		(void) json_add_string(status, "hostname", a->config.name);
	}
	pid = json_u64_or(status, "core_pid", 0);
	if (a->core_lost_at || (a->core_pid && pid != a->core_pid)) {
		if (a->core_pid)
			say_restarted(a, status);
		a->core_generation++;
		a->core_lost_at = 0;
		report_soon(a);
	}
	a->core_pid = pid;
	json_free(a->status);
	a->status = status;
	report_facts_are_here(a);
	return 0;
}

int core_describe(struct agent *a)
{
	int r;

	if (!a->core)
		return -ENOTCONN;
	if (a->describing)
		return 0;
	r = varlink_send(a->core_calls, "org.sysmaster.Manager.Describe", NULL, 0, on_described, a);
	if (r < 0)
		return r;
	a->describing = true;
	return source_set_time(a->describe_timer, now(CLOCK_MONOTONIC) + DESCRIBE_TIMEOUT);
}

/* ---- events ---- */
/* Jobs that come and go well are noise: the unit's own change tells it. */
static bool is_worth_telling(const cJSON *event)
{
	const char *kind = json_string_or(event, "kind", ""),
		   *result = json_string_or(event, "job_result", "");

	return !streq(kind, "job") || (*result && !streq(result, "done"));
}

static int on_event(struct varlink_client *client, const char *error, const cJSON *parameters,
                    bool continues, void *userdata)
{
	struct agent *a = userdata;
	const cJSON *event;
	uint64_t lost;
	cJSON *copy;

	(void) client;
	if (error) {
		if (!streq(error, "org.sysmaster.Error.Disconnected"))
			log_warning("Core ended the subscription: %s", error);
		core_lost(a);
		return 0;
	}
	a->core_seq = json_u64_or(parameters, "seq", a->core_seq);
	snprintf(a->core_seq_boot, sizeof(a->core_seq_boot), "%s", a->boot);
	lost = json_u64_or(parameters, "lost", 0);
	if (lost > 0)
		report_event_text(a, "agent", "%llu events of core came too fast and were lost",
		                  (unsigned long long) lost);
	if (json_get_object(parameters, "event", &event) >= 0) {
		a->core_seq = json_u64_or(event, "seq", a->core_seq);
		copy = is_worth_telling(event) ? cJSON_Duplicate(event, true) : NULL;
		if (copy)
			report_event(a, copy);
	}
	if (!continues)
		core_lost(a);
	return 0;
}

static int subscribe(struct agent *a)
{
	cJSON *parameters = cJSON_CreateObject();

	if (!parameters)
		return -ENOMEM;
	if (a->core_seq > 0 && streq(a->core_seq_boot, a->boot) &&
	    json_add_u64(parameters, "after", a->core_seq) < 0) {
		json_free(parameters);
		return -ENOMEM;
	}
	return varlink_send(a->core, "org.sysmaster.Manager.Subscribe", parameters, VARLINK_MORE,
	                    on_event, a);
}

static void core_connect(struct agent *a)
{
	int r = varlink_connect_path(a->loop, a->config.control, &a->core);

	if (r >= 0)
		r = varlink_connect_path(a->loop, a->config.control, &a->core_calls);
	if (r >= 0)
		r = subscribe(a);
	if (r >= 0)
		r = core_describe(a);
	if (r < 0) {
		if (a->core_attempts == 10)
			log_warning_errno(r, "Core does not answer on \"%s\": %m",
			                  a->config.control);
		return core_lost(a);
	}
	a->core_attempts = 0;
}

int core_start(struct agent *a)
{
	int r = loop_add_time(a->loop, CLOCK_MONOTONIC, USEC_INFINITY, USEC_PER_SEC, "describe",
	                      on_describe_timeout, a, &a->describe_timer);

	if (r < 0)
		return r;
	return loop_add_time(a->loop, CLOCK_MONOTONIC, now(CLOCK_MONOTONIC), TIMER_EXACT, "core",
	                     on_core_timer, a, &a->core_timer);
}

void core_done(struct agent *a)
{
	a->core = varlink_client_free(a->core);
	a->core_calls = varlink_client_free(a->core_calls);
	a->core_timer = source_free(a->core_timer);
	a->describe_timer = source_free(a->describe_timer);
	a->status = json_free(a->status);
}
