// SPDX-License-Identifier: Apache-2.0
/*
 * Commands, one after the other in each of two lanes, so that a question is answered while an
 * upgrade is under way. Each is marked on disk before it begins; one that was begun when this agent
 * was stopped is not begun again, but looked after.
 */
#include "fleet/agent.h"

#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

#define UNIT_TIMEOUT    (3 * USEC_PER_MINUTE)
#define QUERY_TIMEOUT   (30 * USEC_PER_SEC)
#define RESTART_TIMEOUT (60 * USEC_PER_SEC)
#define REBOOT_TIMEOUT  (10 * USEC_PER_MINUTE)
#define WATCH_INTERVAL  (100 * USEC_PER_MSEC)

static void unit_begin(struct agent *a, struct command *c);
static void query_begin(struct agent *a, struct command *c);
static void reboot_begin(struct agent *a, struct command *c);
static void restart_begin(struct agent *a, struct command *c);

/* clang-format off */
static const struct kind {
	const char *name;
	enum lane lane;
	void (*begin)(struct agent *a, struct command *c);
} kinds[] = {
	{ "unit",	  LANE_SHORT,  unit_begin },
	{ "query",	  LANE_SHORT,  query_begin },
	{ "upgrade",	  LANE_SYSTEM, upgrade_begin },
	{ "rollback",	  LANE_SYSTEM, upgrade_begin },
	{ "core-restart", LANE_SYSTEM, restart_begin },
	{ "reboot",	  LANE_SYSTEM, reboot_begin },
};
/* clang-format on */

static const struct kind *kind_of(const struct command *c)
{
	for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
		if (streq(kinds[i].name, c->kind))
			return &kinds[i];
	return NULL;
}

/* ---- taking ---- */
int commands_take(struct agent *a, const cJSON *list)
{
	uint64_t highest = a->after;
	const cJSON *item;

	cJSON_ArrayForEach(item, list)
	{
		const char *id = json_string_or(item, "id", "");
		const cJSON *args = NULL;
		struct command *c;

		if (a->n_commands >= COMMANDS_MAX)
			break; /* the rest comes again, since "after" stays below it */
		highest = MAX(highest, json_u64_or(item, "seq", 0));
		if (!*id || strlen(id) >= sizeof(c->id) || state_knows(a, id))
			continue;
		c = calloc(1, sizeof(*c));
		if (!c)
			return -ENOMEM;
		snprintf(c->id, sizeof(c->id), "%s", id);
		snprintf(c->kind, sizeof(c->kind), "%s", json_string_or(item, "kind", ""));
		snprintf(c->phase, sizeof(c->phase), "new");
		if (json_get_object(item, "args", &args) >= 0 &&
		    !(c->args = cJSON_Duplicate(args, true))) {
			command_free(c);
			return -ENOMEM;
		}
		list_append(&a->commands, &c->link);
		a->n_commands++;
		log_info("Command %s: %s", c->id, c->kind);
	}
	a->after = highest;
	return state_save(a);
}

int command_mark(struct agent *a, struct command *c, const char *phase)
{
	snprintf(c->phase, sizeof(c->phase), "%s", phase);
	snprintf(c->boot, sizeof(c->boot), "%s", a->boot);
	c->core_pid = a->core_pid;
	return state_save(a);
}

/* ---- finishing ---- */
static void lane_clear(struct agent *a, enum lane lane)
{
	a->lane_clients[lane] = varlink_client_free(a->lane_clients[lane]);
	(void) source_set_state(a->lane_timers[lane], SOURCE_OFF);
	a->lanes[lane] = NULL;
	(void) source_set_state(a->lane_defer, SOURCE_ONESHOT);
}

void command_finish(struct agent *a, struct command *c, bool ok, cJSON *data, const char *fmt, ...)
{
	cJSON *result = cJSON_CreateObject();
	char message[1024] = "";
	va_list args;

	if (fmt) {
		va_start(args, fmt);
		vsnprintf(message, sizeof(message), fmt, args);
		va_end(args);
	}
	log_info("Command %s: %s%s%s", c->id, ok ? "done" : "failed", *message ? ": " : "",
	         message);
	if (!result || json_add_string(result, "id", c->id) < 0 ||
	    json_add_bool(result, "ok", ok) < 0 ||
	    (*message && json_add_string(result, "message", message) < 0) ||
	    (data && json_add_take(result, "data", TAKE_PTR(data)) < 0) ||
	    json_append_take(a->results, TAKE_PTR(result)) < 0)
		log_error("Out of memory: the result of command %s is lost", c->id);
	json_free(data);
	json_free(result);
	for (enum lane lane = LANE_SHORT; lane <= LANE_SYSTEM; lane++)
		if (a->lanes[lane] == c)
			lane_clear(a, lane);
	command_free(c);
	a->n_commands--;
	(void) state_save(a);
	report_soon(a);
}

static int on_lane_timeout(struct agent *a, enum lane lane)
{
	if (a->lanes[lane])
		command_finish(a, a->lanes[lane], false, NULL, "Timed out");
	return 0;
}

static int on_short_timeout(struct source *s, usec_t deadline, void *userdata)
{
	(void) s;
	(void) deadline;
	return on_lane_timeout(userdata, LANE_SHORT);
}

/* ---- running ---- */
void commands_run(struct agent *a)
{
	LIST_FOREACH (c, &a->commands, struct command, link) {
		const struct kind *k = kind_of(c);

		if (!k) {
			command_finish(a, c, false, NULL,
			               "This version of the agent does not know \"%s\"", c->kind);
			continue;
		}
		if (a->lanes[k->lane])
			continue;
		a->lanes[k->lane] = c;
		k->begin(a, c);
	}
}

static int on_lane_defer(struct source *s, void *userdata)
{
	(void) s;
	commands_run(userdata);
	return 0;
}

/* One call on a connection of its own. */
static int call(struct agent *a, enum lane lane, const char *method, cJSON *parameters,
                usec_t timeout, varlink_reply_fn fn)
{
	int r = varlink_connect_path(a->loop, a->config.control, &a->lane_clients[lane]);

	if (r < 0) {
		json_free(parameters);
		return r;
	}
	if (timeout)
		(void) source_set_time(a->lane_timers[lane], now(CLOCK_MONOTONIC) + timeout);
	return varlink_send(a->lane_clients[lane], method, parameters, 0, fn, a);
}

/* "org.sysmaster.Unit.NoSuchUnit" and what came with it, in words. */
static void finish_with_error(struct agent *a, struct command *c, const char *error,
                              const cJSON *parameters)
{
	const char *last = strrchr(error, '.');
	const char *message =
		json_string_or(parameters, "message", json_string_or(parameters, "name", ""));

	command_finish(a, c, false, NULL, "%s%s%s", last ? last + 1 : error, *message ? ": " : "",
	               message);
}

/* ---- unit ---- */
static int on_unit_looked(struct varlink_client *client, const char *error, const cJSON *parameters,
                          bool continues, void *userdata)
{
	struct agent *a = userdata;
	struct command *c = a->lanes[LANE_SHORT];
	const cJSON *properties = NULL;
	const char *state, *verb;

	(void) client;
	(void) continues;
	if (error) {
		finish_with_error(a, c, error, parameters);
		return 0;
	}
	(void) json_get_object(parameters, "properties", &properties);
	state = json_string_or(properties, "ActiveState", "unknown");
	verb = json_string_or(c->args, "verb", "");
	command_finish(
		a, c, streq(state, streq(verb, "stop") ? "inactive" : "active"), NULL,
		"The connection was lost while the order was carried out; the unit is %s now",
		state);
	return 0;
}

/* Begun before and its answer lost: the order is not given twice; what has become of the unit is
 * the answer. */
static void unit_look(struct agent *a, struct command *c)
{
	cJSON *parameters = cJSON_CreateObject();
	int r = parameters
	                ? json_add_string(parameters, "name", json_string_or(c->args, "name", ""))
	                : -ENOMEM;

	if (r >= 0)
		r = call(a, LANE_SHORT, "org.sysmaster.Unit.Describe", TAKE_PTR(parameters),
		         QUERY_TIMEOUT, on_unit_looked);
	json_free(parameters);
	if (r < 0)
		command_finish(a, c, false, NULL,
		               "The connection to core was lost while the order was carried out");
}

static int on_unit(struct varlink_client *client, const char *error, const cJSON *parameters,
                   bool continues, void *userdata)
{
	struct agent *a = userdata;
	struct command *c = a->lanes[LANE_SHORT];
	const cJSON *finished = NULL, *job;

	(void) client;
	(void) continues;
	if (error && streq(error, "org.sysmaster.Error.Disconnected")) {
		/* Core is being replaced. It finishes the job; the timer asks what came of it. */
		a->lane_clients[LANE_SHORT] = varlink_client_free(a->lane_clients[LANE_SHORT]);
		(void) source_set_time(a->lane_timers[LANE_SHORT], USEC_INFINITY);
		(void) source_set_time(a->look_timer, now(CLOCK_MONOTONIC) + USEC_PER_SEC);
		return 0;
	}
	if (error) {
		finish_with_error(a, c, error, parameters);
		return 0;
	}
	(void) json_get_array(parameters, "finished", &finished);
	cJSON_ArrayForEach(job, finished)
	{
		const char *result = json_string_or(job, "result", "");

		if (!streq(result, "done") && !streq(result, "skipped") &&
		    streq(json_string_or(job, "unit", ""), json_string_or(c->args, "name", ""))) {
			command_finish(a, c, false, cJSON_Duplicate(parameters, true), "%s: %s",
			               result, json_string_or(job, "text", "no reason given"));
			return 0;
		}
	}
	command_finish(a, c, true, cJSON_Duplicate(parameters, true), NULL);
	return 0;
}

static int on_look_timer(struct source *s, usec_t deadline, void *userdata)
{
	struct agent *a = userdata;

	(void) s;
	(void) deadline;
	if (a->lanes[LANE_SHORT])
		unit_look(a, a->lanes[LANE_SHORT]);
	return 0;
}

static void unit_begin(struct agent *a, struct command *c)
{
	const char *verb = json_string_or(c->args, "verb", ""),
		   *name = json_string_or(c->args, "name", "");
	bool reset = streq(verb, "reset-failed");
	cJSON *parameters = NULL;
	int r;

	if (!streq(c->phase, "new"))
		return unit_look(a, c);
	r = command_mark(a, c, "begun");
	parameters = r >= 0 ? cJSON_CreateObject() : NULL;
	if (parameters && reset)
		r = json_add_string(parameters, "name", name);
	else if (parameters)
		r = json_add_string(parameters, "verb", verb) < 0 ||
		                    json_add_strv(parameters, "names",
		                                  (char *[]){(char *) name, NULL}) < 0 ||
		                    json_add_bool(parameters, "wait", true) < 0
		            ? -ENOMEM
		            : 0;
	if (r >= 0)
		r = call(a, LANE_SHORT,
		         reset ? "org.sysmaster.Unit.ResetFailed" : "org.sysmaster.Unit.Queue",
		         parameters, UNIT_TIMEOUT, on_unit);
	else
		json_free(parameters);
	if (r < 0)
		command_finish(a, c, false, NULL, "Core cannot be asked: %s", strerror(-r));
}

/* ---- query: any call that an observer may make ---- */
static int on_query(struct varlink_client *client, const char *error, const cJSON *parameters,
                    bool continues, void *userdata)
{
	struct agent *a = userdata;
	struct command *c = a->lanes[LANE_SHORT];
	auto_free char *text = NULL;

	(void) client;
	(void) continues;
	if (error) {
		finish_with_error(a, c, error, parameters);
		return 0;
	}
	text = json_print(parameters, false);
	if (!text || strlen(text) > RESULT_DATA_MAX)
		command_finish(a, c, false, NULL, "The answer is too large; ask for less");
	else
		command_finish(a, c, true, cJSON_Duplicate(parameters, true), NULL);
	return 0;
}

/* Our connection is root's, so it is lowered first: whatever the controller asks for, it can only
 * look. */
static int on_restricted(struct varlink_client *client, const char *error, const cJSON *parameters,
                         bool continues, void *userdata)
{
	struct agent *a = userdata;
	struct command *c = a->lanes[LANE_SHORT];
	const cJSON *given = NULL;
	int r;

	(void) continues;
	if (error) {
		finish_with_error(a, c, error, parameters);
		return 0;
	}
	(void) json_get_object(c->args, "parameters", &given);
	r = varlink_send(client, json_string_or(c->args, "method", ""),
	                 given ? cJSON_Duplicate(given, true) : NULL, 0, on_query, a);
	if (r < 0)
		command_finish(a, c, false, NULL, "Core cannot be asked: %s", strerror(-r));
	return 0;
}

static void query_begin(struct agent *a, struct command *c)
{
	cJSON *parameters = cJSON_CreateObject();
	int r = parameters ? json_add_string(parameters, "role", "observe") : -ENOMEM;

	if (r >= 0)
		r = call(a, LANE_SHORT, "org.sysmaster.Manager.Restrict", TAKE_PTR(parameters),
		         QUERY_TIMEOUT, on_restricted);
	json_free(parameters);
	if (r < 0)
		command_finish(a, c, false, NULL, "Core cannot be asked: %s", strerror(-r));
}

/* ---- reboot ---- */
static int on_reboot(struct varlink_client *client, const char *error, const cJSON *parameters,
                     bool continues, void *userdata)
{
	struct agent *a = userdata;

	(void) client;
	(void) continues;
	/* Otherwise the answer comes from the next boot. */
	if (error && !streq(error, "org.sysmaster.Error.Disconnected"))
		finish_with_error(a, a->lanes[LANE_SYSTEM], error, parameters);
	return 0;
}

static void reboot_begin(struct agent *a, struct command *c)
{
	cJSON *parameters;
	int r;

	if (streq(c->phase, "begun") && !streq(c->boot, a->boot))
		return command_finish(a, c, true, NULL, "Booted again");
	r = command_mark(a, c, "begun");
	parameters = r >= 0 ? cJSON_CreateObject() : NULL;
	r = parameters ? json_add_string(parameters, "kind", "reboot") : -ENOMEM;
	if (r >= 0)
		r = call(a, LANE_SYSTEM, "org.sysmaster.Manager.Shutdown", TAKE_PTR(parameters),
		         REBOOT_TIMEOUT, on_reboot);
	json_free(parameters);
	if (r < 0)
		command_finish(a, c, false, NULL, "Core cannot be asked: %s", strerror(-r));
}

/* ---- core-restart: the same version takes over from itself ---- */
static int on_system_timer(struct source *s, usec_t deadline, void *userdata)
{
	struct agent *a = userdata;
	struct command *c = a->lanes[LANE_SYSTEM];

	(void) deadline;
	if (!c)
		return 0;
	if (!streq(c->kind, "core-restart"))
		return on_lane_timeout(a, LANE_SYSTEM);
	if (a->core_generation > a->restart_generation && !a->core_lost_at) {
		command_finish(a, c, true, NULL, "Core answers again (%s)",
		               json_string_or(a->status, "core_reason", "restarted"));
		return 0;
	}
	if (now(CLOCK_MONOTONIC) > a->restart_deadline)
		return on_lane_timeout(a, LANE_SYSTEM);
	return source_set_time(s, now(CLOCK_MONOTONIC) + WATCH_INTERVAL);
}

static int on_restart(struct varlink_client *client, const char *error, const cJSON *parameters,
                      bool continues, void *userdata)
{
	struct agent *a = userdata;

	(void) client;
	(void) continues;
	if (error && !streq(error, "org.sysmaster.Error.Disconnected"))
		finish_with_error(a, a->lanes[LANE_SYSTEM], error, parameters);
	return 0;
}

static void restart_begin(struct agent *a, struct command *c)
{
	const char *directory = json_string_or(a->status, "directory", "/run/sysmaster/current");
	cJSON *parameters;
	int r;

	if (streq(c->phase, "begun"))
		return command_finish(a, c, a->core_pid != c->core_pid, NULL,
		                      "The agent was restarted meanwhile; core's process is %s",
		                      a->core_pid != c->core_pid ? "another one now" : "the same");
	a->restart_generation = a->core_generation;
	a->restart_deadline = now(CLOCK_MONOTONIC) + RESTART_TIMEOUT;
	r = command_mark(a, c, "begun");
	parameters = r >= 0 ? cJSON_CreateObject() : NULL;
	r = parameters ? json_add_string(parameters, "directory", directory) : -ENOMEM;
	if (r >= 0)
		r = call(a, LANE_SYSTEM, "org.sysmaster.Reexec.Core", TAKE_PTR(parameters),
		         WATCH_INTERVAL, on_restart);
	json_free(parameters);
	if (r < 0)
		command_finish(a, c, false, NULL, "Core cannot be asked: %s", strerror(-r));
}

/* ---- set-up ---- */
int commands_start(struct agent *a)
{
	int r;

	r = loop_add_time(a->loop, CLOCK_MONOTONIC, USEC_INFINITY, 10 * USEC_PER_MSEC, "lane-short",
	                  on_short_timeout, a, &a->lane_timers[LANE_SHORT]);
	if (r >= 0)
		r = loop_add_time(a->loop, CLOCK_MONOTONIC, USEC_INFINITY, 10 * USEC_PER_MSEC,
		                  "lane-system", on_system_timer, a, &a->lane_timers[LANE_SYSTEM]);
	if (r >= 0)
		r = loop_add_time(a->loop, CLOCK_MONOTONIC, USEC_INFINITY, 10 * USEC_PER_MSEC,
		                  "lane-look", on_look_timer, a, &a->look_timer);
	if (r >= 0)
		r = loop_add_defer(a->loop, "lanes", on_lane_defer, a, &a->lane_defer);
	return r;
}

void commands_done(struct agent *a)
{
	upgrade_abandon(a);
	for (size_t i = 0; i < ELEMENTSOF(a->lanes); i++) {
		a->lanes[i] = NULL;
		a->lane_clients[i] = varlink_client_free(a->lane_clients[i]);
		a->lane_timers[i] = source_free(a->lane_timers[i]);
	}
	a->look_timer = source_free(a->look_timer);
	a->lane_defer = source_free(a->lane_defer);
	LIST_FOREACH (c, &a->commands, struct command, link)
		command_free(c);
	a->results = json_free(a->results);
	a->done = json_free(a->done);
}
