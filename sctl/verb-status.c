// SPDX-License-Identifier: Apache-2.0
/* status, is-active, is-failed: what a unit or the machine is doing. */
#include "sctl/sctl.h"

#include <stdio.h>

#define PROCESSES_SHOWN 32

static const char *property(const cJSON *p, const char *key)
{
	return json_string_or(p, key, "");
}

int describe_unit(struct session *s, const char *name, cJSON **ret_answer,
                  const cJSON **ret_properties)
{
	cJSON *p = cJSON_CreateObject();
	int r;

	json_add_string(p, "name", name);
	r = session_call(s, "org.sysmaster.Unit.Describe", p, NULL, ret_answer);
	if (r < 0)
		return r;
	return json_get_object(*ret_answer, "properties", ret_properties) < 0
	               ? error_exit(-EPROTO, "Unexpected answer")
	               : 0;
}

static void print_since(const cJSON *p, const char *active)
{
	const char *key = streq(active, "active") || streq(active, "reloading")
	                          ? "ActiveEnterTimestamp"
	                  : streq(active, "activating")   ? "InactiveExitTimestamp"
	                  : streq(active, "deactivating") ? "ActiveExitTimestamp"
	                                                  : "InactiveEnterTimestamp";
	usec_t t = json_u64_or(p, key, 0);
	char stamp[STAMP_TEXT_MAX], age[SPAN_TEXT_MAX + 8];

	if (t)
		printf(" since %s; %s", stamp_format(stamp, sizeof(stamp), t),
		       age_format(age, sizeof(age), t));
}

static void print_processes(struct session *s, const cJSON *properties)
{
	auto_json cJSON *answer = NULL;
	const cJSON *array, *it;
	const char *cgroup = property(properties, "ControlGroup");
	int n = 0, total;
	cJSON *p;

	if (!*cgroup)
		return;
	p = cJSON_CreateObject();
	json_add_string(p, "name", property(properties, "Id"));
	if (session_call(s, "org.sysmaster.Unit.ListProcesses", p, &(const char *){NULL}, &answer) <
	            0 ||
	    json_get_array(answer, "processes", &array) < 0 || !cJSON_GetArraySize(array))
		return;
	total = cJSON_GetArraySize(array);
	printf("     CGroup: %s\n", cgroup);
	cJSON_ArrayForEach(it, array)
	{
		if (n++ == PROCESSES_SHOWN && !arg.all) {
			printf("             └─ %d more\n", total - PROCESSES_SHOWN);
			break;
		}
		printf("             %s%llu %s\n", n == total ? "└─" : "├─",
		       (unsigned long long) json_u64_or(it, "pid", 0),
		       json_string_or(it, "command", ""));
	}
}

static void print_resources(const cJSON *p)
{
	char text[64];
	uint64_t n;

	if (json_get_u64(p, "TasksCurrent", &n) >= 0 && n != UINT64_MAX)
		printf("      Tasks: %llu\n", (unsigned long long) n);
	if (json_get_u64(p, "MemoryCurrent", &n) >= 0 && n != UINT64_MAX)
		printf("     Memory: %s\n", bytes_format(text, sizeof(text), n));
	if (json_get_u64(p, "CPUUsageNSec", &n) >= 0 && n != UINT64_MAX)
		printf("        CPU: %s\n",
		       span_format(text, sizeof(text), n / 1000, USEC_PER_MSEC));
}

static void print_main_process(const cJSON *p)
{
	uint64_t pid = json_u64_or(p, "MainPID", 0), code = json_u64_or(p, "ExecMainCode", 0),
		 status = json_u64_or(p, "ExecMainStatus", 0),
		 restarts = json_u64_or(p, "NRestarts", 0);

	if (pid)
		printf("   Main PID: %llu\n", (unsigned long long) pid);
	else if (json_u64_or(p, "ExecMainPID", 0) && code)
		printf("   Main PID: %llu (%s %llu)\n",
		       (unsigned long long) json_u64_or(p, "ExecMainPID", 0),
		       code == 1 ? "exited, status" : "ended by signal",
		       (unsigned long long) status);
	if (*property(p, "StatusText"))
		printf("     Status: \"%s\"\n", property(p, "StatusText"));
	if (restarts)
		printf("   Restarts: %llu\n", (unsigned long long) restarts);
}

static void print_unit(struct session *s, const cJSON *p)
{
	const char *active = property(p, "ActiveState"), *fragment = property(p, "FragmentPath"),
		   *result = property(p, "Result");
	auto_strv char **documentation = NULL, **dropins = NULL;

	printf("%s●%s %s - %s\n", state_colour(active), COLOUR_OFF, property(p, "Id"),
	       property(p, "Description"));
	printf("     Loaded: %s", property(p, "LoadState"));
	if (*fragment)
		printf(" (%s; %s)", fragment,
		       *property(p, "UnitFileState") ? property(p, "UnitFileState") : "static");
	putchar('\n');
	(void) json_get_strv(p, "DropInPaths", &dropins);
	STRV_FOREACH (d, dropins)
		printf("%s%s\n", d == dropins ? "    Drop-In: " : "             ", *d);
	printf("     Active: %s%s (%s)%s", state_colour(active), active, property(p, "SubState"),
	       COLOUR_OFF);
	if (*result && !streq(result, "success"))
		printf(" (Result: %s)", result);
	print_since(p, active);
	putchar('\n');
	if (json_u64_or(p, "ConditionTimestamp", 0) && !json_bool_or(p, "ConditionResult", true))
		puts("  Condition: not met, so it was not started");
	if (*property(p, "LoadError"))
		printf("      Error: %s\n", property(p, "LoadError"));
	(void) json_get_strv(p, "Documentation", &documentation);
	STRV_FOREACH (d, documentation)
		printf("%s%s\n", d == documentation ? "       Docs: " : "             ", *d);
	print_main_process(p);
	print_resources(p);
	print_processes(s, p);
}

static int status_code(const cJSON *p)
{
	const char *active = property(p, "ActiveState");

	if (streq(property(p, "LoadState"), "not-found"))
		return EXIT_NO_UNIT;
	return streq(active, "active") || streq(active, "reloading") ? EXIT_DONE : EXIT_NOT_ACTIVE;
}

static int machine_status(struct session *s)
{
	auto_json cJSON *answer = NULL;
	auto_strv char **failed = NULL;
	char text[SPAN_TEXT_MAX];
	const char *state, *died;
	int r;

	r = session_call(s, "org.sysmaster.Manager.Describe", NULL, NULL, &answer);
	if (r < 0)
		return session_exit_code(s, r);
	if (arg.json) {
		print_json(answer);
		return EXIT_DONE;
	}
	state = property(answer, "state");
	died = property(answer, "core_died");
	printf("%s●%s %s\n",
	       state_colour(streq(state, "running")    ? "active"
	                    : streq(state, "degraded") ? "failed"
	                                               : "activating"),
	       COLOUR_OFF, property(answer, "hostname"));
	printf("    State: %s\n", state);
	printf("    Units: %llu loaded\n", (unsigned long long) json_u64_or(answer, "n_units", 0));
	printf("     Jobs: %llu queued\n", (unsigned long long) json_u64_or(answer, "n_jobs", 0));
	(void) json_get_strv(answer, "failed_units", &failed);
	printf("   Failed: %zu units\n", strv_length(failed));
	STRV_FOREACH (f, failed)
		printf("           %s\n", *f);
	printf("   Uptime: %s\n", span_format(text, sizeof(text),
	                                      json_u64_or(answer, "uptime_usec", 0), USEC_PER_SEC));
	printf("sysmaster: %s (init %s), mode %s\n", property(answer, "version"),
	       property(answer, "init_version"), property(answer, "mode"));
	printf("     Core: pid %llu, %llu restarts%s%s\n",
	       (unsigned long long) json_u64_or(answer, "core_pid", 0),
	       (unsigned long long) json_u64_or(answer, "core_restarts", 0),
	       *died ? ", the last one: " : "", died);
	if (*property(answer, "last_upgrade"))
		printf("  Upgrade: %s\n", property(answer, "last_upgrade"));
	return EXIT_DONE;
}

static int status_of_pid(struct session *s, const char *text)
{
	auto_json cJSON *answer = NULL;
	const cJSON *properties;
	cJSON *p = cJSON_CreateObject();
	pid_t pid;
	int r;

	if (str_to_pid(text, &pid) < 0)
		return error_exit(EXIT_USAGE, "\"%s\" is not a process", text);
	json_add_i64(p, "pid", pid);
	r = session_call(s, "org.sysmaster.Unit.DescribeByPID", p, NULL, &answer);
	if (r < 0)
		return session_exit_code(s, r);
	if (json_get_object(answer, "properties", &properties) < 0)
		return error_exit(EXIT_FAILED, "Unexpected answer");
	print_unit(s, properties);
	return status_code(properties);
}

static int status_of_units(struct session *s, char *const *names)
{
	int code = EXIT_DONE;

	STRV_FOREACH (name, names) {
		auto_json cJSON *answer = NULL;
		const cJSON *properties;
		int c, r = describe_unit(s, *name, &answer, &properties);

		if (r < 0)
			return session_exit_code(s, r);
		c = status_code(properties);
		if (c == EXIT_NO_UNIT)
			error_exit(c, "Unit %s could not be found.", *name);
		else if (arg.json)
			print_json(properties);
		else
			print_unit(s, properties);
		code = MAX(code, c);
	}
	return code;
}

int verb_status(const struct verb *v, char **args)
{
	static char *const all[] = {(char *) "*", NULL};
	auto_cleanup(session_close) struct session *s = NULL;
	auto_strv char **names = NULL;

	(void) v;
	if (session_open(SERVICE_CONTROL, &s) < 0)
		return EXIT_UNREACHABLE;
	if (!*args && !arg.all && !arg.types && !arg.states)
		return machine_status(s);
	if (*args && !args[1] && strspn(args[0], "0123456789") == strlen(args[0]))
		return status_of_pid(s, args[0]);
	if (expand_names(s, *args ? args : (char **) all, &names) < 0)
		return EXIT_USAGE;
	return status_of_units(s, names);
}

int verb_is_active(const struct verb *v, char **args)
{
	auto_cleanup(session_close) struct session *s = NULL;
	auto_strv char **names = NULL;
	bool failed = streq(v->name, "is-failed");
	int code = failed ? EXIT_FAILED : EXIT_NOT_ACTIVE, r;

	r = session_open(SERVICE_CONTROL, &s);
	if (r < 0)
		return EXIT_UNREACHABLE;
	if (expand_names(s, args, &names) < 0)
		return EXIT_USAGE;
	STRV_FOREACH (name, names) {
		auto_json cJSON *answer = NULL;
		const cJSON *properties;
		const char *active;

		r = describe_unit(s, *name, &answer, &properties);
		if (r < 0)
			return session_exit_code(s, r);
		active = property(properties, "ActiveState");
		if (failed ? streq(active, "failed")
		           : streq(active, "active") || streq(active, "reloading"))
			code = EXIT_DONE;
		if (!arg.quiet)
			puts(active);
	}
	return code;
}
