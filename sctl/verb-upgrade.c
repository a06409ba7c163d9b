// SPDX-License-Identifier: Apache-2.0
/* upgrade, rollback, versions: through the upgrade agent. It restarts itself on the way, so the end
 * is read from its status. */
#include "sctl/sctl.h"

#include <stdio.h>

struct progress {
	bool done;
	char *outcome;
};

static int on_progress(const cJSON *answer, bool continues, void *userdata)
{
	struct progress *p = userdata;
	const cJSON *step;

	(void) continues;
	if (json_get_object(answer, "progress", &step) >= 0 && !arg.quiet)
		printf("%-12s %s %s\n", json_string_or(step, "step", ""),
		       json_string_or(step, "version", ""), json_string_or(step, "message", ""));
	if (json_bool_or(answer, "done", false)) {
		const char *message = json_string_or(answer, "message", "");

		p->done = true;
		str_set(&p->outcome, json_string_or(answer, "outcome", ""));
		if (*message)
			printf("%s\n", message);
	}
	fflush(stdout);
	return 0;
}

static int print_outcome(const char *outcome)
{
	return streq(outcome, "committed") ? EXIT_DONE
	                                   : error_exit(EXIT_FAILED, "Not upgraded: %s", outcome);
}

/* The agent went away in the middle, as it must: follow its successor until it is idle again. */
static int follow(struct session *s)
{
	usec_t deadline = now(CLOCK_BOOTTIME) + 120 * USEC_PER_SEC;

	while (now(CLOCK_BOOTTIME) < deadline) {
		static const char *const final[] = {"idle", "committed", "rolled-back", "failed"};
		struct timespec pause = usec_to_timespec(200 * USEC_PER_MSEC);
		auto_json cJSON *answer = NULL;
		const char *phase;
		int r = session_reopen(s, 30 * USEC_PER_SEC);

		if (r < 0)
			return session_exit_code(NULL, r);
		r = session_call(s, "org.sysmaster.Upgrade.Status", NULL, &(const char *){NULL},
		                 &answer);
		phase = json_string_or(answer, "phase", "");
		if (r >= 0 && ENUM_FROM_STRING(final, phase) >= 0) {
			const char *reason = json_string_or(answer, "reason", "");

			printf("%-12s %s %s\n", phase, json_string_or(answer, "version", ""),
			       reason);
			return print_outcome(phase);
		}
		nanosleep(&pause, NULL);
	}
	return error_exit(EXIT_FAILED, "The upgrade agent does not come to an end");
}

static int apply(const char *method, cJSON *parameters)
{
	auto_cleanup(session_close) struct session *s = NULL;
	struct progress p = {0};
	int r;

	r = session_open(SERVICE_UPGRADE, &s);
	if (r < 0) {
		cJSON_Delete(parameters);
		return EXIT_UNREACHABLE;
	}
	json_add_string(parameters, "reason", arg.reason);
	r = session_stream(s, method, parameters, arg.timeout ? arg.timeout : 300 * USEC_PER_SEC,
	                   on_progress, &p);
	if (r == -ECONNRESET && !p.done)
		return follow(s);
	if (r < 0)
		return session_exit_code(s, r);
	r = print_outcome(p.outcome ? p.outcome : "?");
	free(p.outcome);
	return r;
}

int verb_upgrade(const struct verb *v, char **args)
{
	auto_free char *path = NULL;
	cJSON *p;

	(void) v;
	path = arg.host || path_is_absolute(args[0]) ? strdup(args[0]) : realpath(args[0], NULL);
	if (!path)
		return error_exit(EXIT_FAILED, "%s: %s", args[0], strerror(errno));
	p = cJSON_CreateObject();
	json_add_string(p, "bundle", path);
	return apply("org.sysmaster.Upgrade.Apply", p);
}

int verb_rollback(const struct verb *v, char **args)
{
	(void) v, (void) args;
	return apply("org.sysmaster.Upgrade.Rollback", cJSON_CreateObject());
}

int verb_versions(const struct verb *v, char **args)
{
	static const char *const header[] = {"VERSION", "STATE", "NOTE"};
	auto_cleanup(session_close) struct session *s = NULL;
	auto_json cJSON *answer = NULL;
	const cJSON *versions, *it;
	struct table t;
	int r;

	(void) v, (void) args;
	r = session_open(SERVICE_UPGRADE, &s);
	if (r < 0)
		return EXIT_UNREACHABLE;
	r = session_call(s, "org.sysmaster.Upgrade.Status", NULL, NULL, &answer);
	if (r < 0)
		return session_exit_code(s, r);
	if (arg.json) {
		print_json(answer);
		return EXIT_DONE;
	}
	if (json_get_array(answer, "versions", &versions) < 0)
		return error_exit(EXIT_FAILED, "Unexpected answer");
	table_init(&t, header, ELEMENTSOF(header));
	cJSON_ArrayForEach(it, versions)
	{
		const char *cells[] = {
			json_string_or(it, "version", ""),
			json_bool_or(it, "current", false)    ? "current"
			: json_bool_or(it, "previous", false) ? "previous"
			: json_bool_or(it, "bad", false)      ? "bad"
							      : "",
			json_string_or(it, "reason", ""),
		};

		table_add(&t, cells);
	}
	table_print(&t, !arg.no_legend);
	table_done(&t);
	if (*json_string_or(answer, "reason", ""))
		printf("\nLast: %s: %s\n", json_string_or(answer, "phase", ""),
		       json_string_or(answer, "reason", ""));
	return EXIT_DONE;
}
