// SPDX-License-Identifier: Apache-2.0
/* The machine as a whole: state, reload, power, environment, events. */
#include "sctl/power.h"

#include <stdio.h>
#include <unistd.h>

int verb_is_system_running(const struct verb *v, char **args)
{
	auto_cleanup(session_close) struct session *s = NULL;
	auto_json cJSON *answer = NULL;
	const char *state;
	int r;

	(void) v, (void) args;
	r = session_open(SERVICE_CONTROL, &s);
	if (r < 0) {
		if (!arg.quiet)
			puts("offline");
		return EXIT_FAILED;
	}
	for (;;) {
		static const char *const early[] = {"initializing", "starting"};
		struct timespec pause = usec_to_timespec(200 * USEC_PER_MSEC);

		cJSON_Delete(answer);
		answer = NULL;
		r = session_call(s, "org.sysmaster.Manager.Describe", NULL, NULL, &answer);
		if (r < 0)
			return session_exit_code(s, r);
		state = json_string_or(answer, "state", "unknown");
		if (!arg.wait || ENUM_FROM_STRING(early, state) < 0)
			break;
		nanosleep(&pause, NULL);
	}
	if (!arg.quiet)
		puts(state);
	return streq(state, "running") ? EXIT_DONE : EXIT_FAILED;
}

static void print_set(const cJSON *answer, const char *key, const char *head)
{
	auto_strv char **v = NULL;

	(void) json_get_strv(answer, key, &v);
	STRV_FOREACH (s, v)
		printf("%s %s\n", head, *s);
}

int verb_daemon_reload(const struct verb *v, char **args)
{
	auto_cleanup(session_close) struct session *s = NULL;
	auto_json cJSON *answer = NULL;
	auto_strv char **warnings = NULL;
	cJSON *p;
	int r;

	(void) v, (void) args;
	r = session_open(SERVICE_CONTROL, &s);
	if (r < 0)
		return EXIT_UNREACHABLE;
	p = cJSON_CreateObject();
	json_add_bool(p, "dry_run", arg.dry_run);
	r = session_call(s, "org.sysmaster.Manager.Reload", p, NULL, &answer);
	if (r < 0)
		return session_exit_code(s, r);
	if (arg.json) {
		print_json(answer);
		return EXIT_DONE;
	}
	if (arg.dry_run) {
		print_set(answer, "added", "+");
		print_set(answer, "changed", "~");
		print_set(answer, "removed", "-");
	}
	(void) json_get_strv(answer, "warnings", &warnings);
	STRV_FOREACH (w, warnings)
		error_exit(0, "%s", *w);
	return EXIT_DONE;
}

/* Waits until a core other than @pid answers. */
static int wait_for_new_core(struct session *s, uint64_t pid, cJSON **ret)
{
	usec_t deadline = now(CLOCK_BOOTTIME) + 30 * USEC_PER_SEC;
	int r;

	do {
		struct timespec pause = usec_to_timespec(20 * USEC_PER_MSEC);

		cJSON_Delete(*ret);
		*ret = NULL;
		r = session_reopen(s, 10 * USEC_PER_SEC);
		if (r < 0)
			return r;
		r = session_call(s, "org.sysmaster.Manager.Describe", NULL, &(const char *){NULL},
		                 ret);
		if (r >= 0 && json_u64_or(*ret, "core_pid", 0) != pid)
			return 0;
		nanosleep(&pause, NULL);
	} while (now(CLOCK_BOOTTIME) < deadline);
	return error_exit(-ETIMEDOUT, "The new manager did not answer in time");
}

int verb_daemon_reexec(const struct verb *v, char **args)
{
	auto_cleanup(session_close) struct session *s = NULL;
	auto_json cJSON *before = NULL, *after = NULL;
	cJSON *p;
	int r;

	(void) v, (void) args;
	r = session_open(SERVICE_CONTROL, &s);
	if (r < 0)
		return EXIT_UNREACHABLE;
	r = session_call(s, "org.sysmaster.Manager.Describe", NULL, NULL, &before);
	if (r < 0)
		return session_exit_code(s, r);
	p = cJSON_CreateObject();
	json_add_string(p, "directory", json_string_or(before, "directory", ""));
	r = session_call(s, "org.sysmaster.Reexec.Core", p, &(const char *){NULL}, NULL);
	if (r < 0 && r != -ECONNRESET)
		return error_exit(
			session_exit_code(s, r), "Refused: %s",
			json_string_or(session_error_parameters(s), "message", strerror(-r)));
	r = wait_for_new_core(s, json_u64_or(before, "core_pid", 0), &after);
	return session_exit_code(s, r);
}

int verb_switch_root(const struct verb *v, char **args)
{
	auto_cleanup(session_close) struct session *s = NULL;
	cJSON *p;
	int r;

	(void) v;
	r = session_open(SERVICE_CONTROL, &s);
	if (r < 0)
		return EXIT_UNREACHABLE;
	p = cJSON_CreateObject();
	json_add_string(p, "root", args[0]);
	if (args[1])
		json_add_string(p, "init", args[1]);
	r = session_call(s, "org.sysmaster.Reexec.Root", p, &(const char *){NULL}, NULL);
	if (r < 0 && r != -ECONNRESET)
		return error_exit(
			session_exit_code(s, r), "Refused: %s",
			json_string_or(session_error_parameters(s), "message", strerror(-r)));
	return EXIT_DONE;
}

int verb_power(const struct verb *v, char **args)
{
	auto_cleanup(session_close) struct session *s = NULL;
	cJSON *p;
	int r;

	(void) args;
	if (arg.dry_run) {
		printf("Would %s%s.\n", v->name,
		       arg.n_force > 1 ? " at once"
		       : arg.n_force   ? " without stopping units"
		                       : "");
		return EXIT_DONE;
	}
	r = session_open(SERVICE_CONTROL, &s);
	if (r < 0)
		return EXIT_UNREACHABLE;
	p = cJSON_CreateObject();
	json_add_string(p, "kind", v ? v->name : "poweroff");
	json_add_u64(p, "force", arg.n_force);
	if (!arg.no_wall && !arg.n_force && !arg.host) {
		auto_free char *text = str_printf("The system will %s now!", v->name);

		if (text)
			wall(text);
	}
	r = session_call(s, "org.sysmaster.Manager.Shutdown", p, NULL, NULL);
	return r == -ECONNRESET ? EXIT_DONE : session_exit_code(s, r);
}

static void print_environment(char *const *environment)
{
	auto_json cJSON *o = NULL;

	if (!arg.json) {
		STRV_FOREACH (e, environment)
			puts(*e);
		return;
	}
	o = cJSON_CreateObject();
	STRV_FOREACH (e, environment) {
		const char *equals = strchr(*e, '=');
		auto_free char *name = equals ? strndup(*e, (size_t) (equals - *e)) : NULL;

		if (name)
			json_add_string(o, name, equals + 1);
	}
	{
		auto_free char *text = json_print(o, false);

		puts(text ? text : "{}");
	}
}

/* What import-environment sends: the caller's own variables. */
static int own_environment(char **names, char ***ret)
{
	auto_strv char **v = NULL;
	int r = 0;

	STRV_FOREACH (n, names) {
		const char *value = getenv(*n);

		if (!value)
			return error_exit(-ENOENT, "$%s is not set", *n);
		r = strv_append_consume(&v, str_printf("%s=%s", *n, value));
		if (r < 0)
			return r;
	}
	if (!*names)
		r = strv_extend(&v, environ);
	*ret = TAKE_PTR(v);
	return r;
}

int verb_environment(const struct verb *v, char **args)
{
	auto_cleanup(session_close) struct session *s = NULL;
	auto_json cJSON *answer = NULL;
	auto_strv char **environment = NULL;
	cJSON *p;
	int r;

	r = session_open(SERVICE_CONTROL, &s);
	if (r < 0)
		return EXIT_UNREACHABLE;
	if (streq(v->name, "show-environment")) {
		r = session_call(s, "org.sysmaster.Manager.GetEnvironment", NULL, NULL, &answer);
		if (r < 0)
			return session_exit_code(s, r);
		(void) json_get_strv(answer, "environment", &environment);
		print_environment(environment);
		return EXIT_DONE;
	}
	if (streq(v->name, "import-environment") && own_environment(args, &environment) < 0)
		return EXIT_FAILED;
	p = cJSON_CreateObject();
	json_add_strv(p, streq(v->name, "unset-environment") ? "unset" : "assignments",
	              environment ? environment : args);
	r = session_call(s, "org.sysmaster.Manager.SetEnvironment", p, NULL, NULL);
	return session_exit_code(s, r);
}

static int on_event(const cJSON *answer, bool continues, void *userdata)
{
	const cJSON *e;
	char stamp[STAMP_TEXT_MAX];
	const char *kind;

	(void) continues, (void) userdata;
	if (json_get_object(answer, "event", &e) < 0)
		return 0;
	if (arg.json) {
		auto_free char *text = json_print(e, false);

		puts(text ? text : "{}");
		fflush(stdout);
		return 0;
	}
	kind = json_string_or(e, "kind", "");
	printf("%s  ", stamp_format(stamp, sizeof(stamp), json_u64_or(e, "realtime_usec", 0)));
	if (streq(kind, "unit"))
		printf("%-40s %s -> %s (%s)\n", json_string_or(e, "unit", ""),
		       json_string_or(e, "previous", ""), json_string_or(e, "active", ""),
		       json_string_or(e, "sub", ""));
	else if (streq(kind, "job"))
		printf("%-40s job %llu %s: %s\n", json_string_or(e, "unit", ""),
		       (unsigned long long) json_u64_or(e, "job", 0),
		       json_string_or(e, "job_type", ""),
		       json_string_or(e, "job_result", "queued"));
	else
		printf("%-40s %s\n", "manager", json_string_or(e, "text", ""));
	fflush(stdout);
	return 0;
}

int verb_events(const struct verb *v, char **args)
{
	auto_cleanup(session_close) struct session *s = NULL;
	int r;

	(void) v, (void) args;
	r = session_open(SERVICE_CONTROL, &s);
	if (r < 0)
		return EXIT_UNREACHABLE;
	for (;;) {
		r = session_stream(s, "org.sysmaster.Manager.Subscribe", NULL, USEC_INFINITY,
		                   on_event, NULL);
		if (r != -ECONNRESET)
			return session_exit_code(s, r);
		r = session_reopen(s, 30 * USEC_PER_SEC);
		if (r < 0)
			return session_exit_code(NULL, r);
	}
}

int verb_bridge(const struct verb *v, char **args)
{
	(void) v;
	return transport_bridge(args[0]) < 0 ? EXIT_UNREACHABLE : EXIT_DONE;
}
