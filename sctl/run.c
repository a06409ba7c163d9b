// SPDX-License-Identifier: Apache-2.0
/*
 * run.c - systemd-run: a command as a transient service, scope, or as what a timer, socket or path starts. The options of
 * systemd-run(1); properties are assignments of a unit file, which core checks and writes.
 */
#include "sctl/run.h"
#include "unitfile/unitfile.h"

#include <getopt.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static struct {
	const char *unit, *description, *slice, *uid, *gid, *nice, *directory, *type;
	bool scope, remain, send_sighup, collect, shell, pty, pipe, same_directory, slice_inherit,
		no_wait;
	char **properties, **environment, **timer, **path, **socket;
} run;

enum trigger { TRIGGER_NONE, TRIGGER_TIMER, TRIGGER_PATH, TRIGGER_SOCKET };

/* ---- options ---- */

enum {
	OPT_SCOPE = 256,
	OPT_DESCRIPTION,
	OPT_SLICE,
	OPT_SLICE_INHERIT,
	OPT_NO_BLOCK,
	OPT_SEND_SIGHUP,
	OPT_SERVICE_TYPE,
	OPT_UID,
	OPT_GID,
	OPT_NICE,
	OPT_WORKING_DIRECTORY,
	OPT_WAIT,
	OPT_USER,
	OPT_TIMER_PROPERTY,
	OPT_PATH_PROPERTY,
	OPT_SOCKET_PROPERTY,
	OPT_VERSION,
	OPT_IGNORED,
	OPT_ON_CLOCK_CHANGE,
	OPT_ON_TIMEZONE_CHANGE,
	OPT_TIMER /* and the ones that follow: an index into timer_keys */,
};
static const char *const timer_keys[] = {"OnActiveSec",     "OnBootSec",         "OnStartupSec",
                                         "OnUnitActiveSec", "OnUnitInactiveSec", "OnCalendar"};

/* clang-format off */
static const struct option longs[] = {
	{ "host", required_argument, NULL, 'H' }, { "unit", required_argument, NULL, 'u' }, { "property", required_argument, NULL, 'p' },
	{ "description", required_argument, NULL, OPT_DESCRIPTION }, { "slice", required_argument, NULL, OPT_SLICE },
	{ "slice-inherit", no_argument, NULL, OPT_SLICE_INHERIT }, { "scope", no_argument, NULL, OPT_SCOPE },
	{ "no-block", no_argument, NULL, OPT_NO_BLOCK }, { "remain-after-exit", no_argument, NULL, 'r' },
	{ "send-sighup", no_argument, NULL, OPT_SEND_SIGHUP }, { "service-type", required_argument, NULL, OPT_SERVICE_TYPE },
	{ "uid", required_argument, NULL, OPT_UID }, { "gid", required_argument, NULL, OPT_GID }, { "nice", required_argument, NULL, OPT_NICE },
	{ "working-directory", required_argument, NULL, OPT_WORKING_DIRECTORY }, { "same-dir", no_argument, NULL, 'd' },
	{ "setenv", required_argument, NULL, 'E' }, { "pty", no_argument, NULL, 't' }, { "pipe", no_argument, NULL, 'P' },
	{ "quiet", no_argument, NULL, 'q' }, { "collect", no_argument, NULL, 'G' }, { "shell", no_argument, NULL, 'S' },
	{ "wait", no_argument, NULL, OPT_WAIT }, { "user", no_argument, NULL, OPT_USER },
	{ "timer-property", required_argument, NULL, OPT_TIMER_PROPERTY }, { "path-property", required_argument, NULL, OPT_PATH_PROPERTY },
	{ "socket-property", required_argument, NULL, OPT_SOCKET_PROPERTY },
	{ "on-active", required_argument, NULL, OPT_TIMER + 0 }, { "on-boot", required_argument, NULL, OPT_TIMER + 1 },
	{ "on-startup", required_argument, NULL, OPT_TIMER + 2 }, { "on-unit-active", required_argument, NULL, OPT_TIMER + 3 },
	{ "on-unit-inactive", required_argument, NULL, OPT_TIMER + 4 }, { "on-calendar", required_argument, NULL, OPT_TIMER + 5 },
	{ "on-clock-change", no_argument, NULL, OPT_ON_CLOCK_CHANGE }, { "on-timezone-change", no_argument, NULL, OPT_ON_TIMEZONE_CHANGE },
	{ "no-ask-password", no_argument, NULL, OPT_IGNORED }, { "system", no_argument, NULL, OPT_IGNORED },
	{ "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};
/* clang-format on */

static void run_help(void)
{
	puts("usage: systemd-run [OPTION...] COMMAND [ARGUMENT...]\n\n"
	     "Runs a command as a transient unit.\n\n"
	     "  -u, --unit=NAME   -p, --property=NAME=VALUE   --description=TEXT   --slice=SLICE   "
	     "--scope\n"
	     "  -r, --remain-after-exit   --wait   -t, --pty   -P, --pipe   -q, --quiet   -G, "
	     "--collect   -S, --shell\n"
	     "  --service-type=TYPE   --uid=USER   --gid=GROUP   --nice=N   "
	     "--working-directory=PATH   -d, --same-dir\n"
	     "  -E, --setenv=NAME[=VALUE]   --send-sighup   --no-block   -H ADDRESS\n"
	     "  --on-active=S  --on-boot=S  --on-startup=S  --on-unit-active=S  "
	     "--on-unit-inactive=S  --on-calendar=SPEC\n"
	     "  --on-clock-change  --on-timezone-change  --timer-property=  --path-property=  "
	     "--socket-property=");
}

static int add_environment(const char *value)
{
	const char *own;

	if (strchr(value, '='))
		return strv_append(&run.environment, value);
	own = getenv(value);
	return own ? strv_append_consume(&run.environment, str_printf("%s=%s", value, own))
	           : error_exit(-ENOENT, "$%s is not set", value);
}

/* The D-Bus form of a command's name is the same setting. Commands are not told by core what "%" means, callers are not either. */
static int add_property(char ***list, const char *value)
{
	const char *equals = strchr(value, '=');
	size_t n = equals ? (size_t) (equals - value) : 0;
	auto_strbuf struct strbuf b = {0};
	char *text;
	int r;

	if (!equals || !n)
		return error_exit(-EINVAL, "\"%s\" is not an assignment", value);
	if (str_after(value, "Exec") && n > 6 && !strncmp(equals - 2, "Ex", 2))
		n -= 2;
	strbuf_add(&b, value, n);
	if ((str_after(value, "Exec") && !str_after(value, "ExecSearchPath")) ||
	    str_after(value, "Environment=") || str_after(value, "Description="))
		for (const char *p = equals; *p; p++)
			strbuf_puts(&b, *p == '%' ? "%%" : (char[]){*p, 0});
	else
		strbuf_puts(&b, equals);
	r = strbuf_take(&b, &text);
	return r < 0 ? r : strv_append_consume(list, text);
}

static int set_option(int c)
{
	switch (c) {
	case 'H':
		arg.host = optarg;
		return 1;
	case 'u':
		run.unit = optarg;
		return 1;
	case 'p':
		return add_property(&run.properties, optarg) < 0 ? -EINVAL : 1;
	case 'r':
		run.remain = true;
		return 1;
	case 'd':
		run.same_directory = true;
		return 1;
	case 'E':
		return add_environment(optarg) < 0 ? -EINVAL : 1;
	case 't':
		run.pty = true;
		return 1;
	case 'P':
		run.pipe = true;
		return 1;
	case 'q':
		arg.quiet = true;
		return 1;
	case 'G':
		run.collect = true;
		return 1;
	case 'S':
		run.shell = true;
		return 1;
	case OPT_SCOPE:
		run.scope = true;
		return 1;
	case OPT_DESCRIPTION:
		run.description = optarg;
		return 1;
	case OPT_SLICE:
		run.slice = optarg;
		return 1;
	case OPT_SLICE_INHERIT:
		run.slice_inherit = true;
		return 1;
	case OPT_NO_BLOCK:
		arg.no_block = true;
		return 1;
	case OPT_SEND_SIGHUP:
		run.send_sighup = true;
		return 1;
	case OPT_SERVICE_TYPE:
		run.type = optarg;
		return 1;
	case OPT_UID:
		run.uid = optarg;
		return 1;
	case OPT_GID:
		run.gid = optarg;
		return 1;
	case OPT_NICE:
		run.nice = optarg;
		return 1;
	case OPT_WORKING_DIRECTORY:
		run.directory = optarg;
		return 1;
	case OPT_WAIT:
		arg.wait = true;
		return 1;
	case OPT_USER:
		arg.user = true;
		return 1;
	case OPT_TIMER_PROPERTY:
		return add_property(&run.timer, optarg) < 0 ? -EINVAL : 1;
	case OPT_PATH_PROPERTY:
		return add_property(&run.path, optarg) < 0 ? -EINVAL : 1;
	case OPT_SOCKET_PROPERTY:
		return add_property(&run.socket, optarg) < 0 ? -EINVAL : 1;
	case OPT_ON_CLOCK_CHANGE:
		return strv_append(&run.timer, "OnClockChange=yes") < 0 ? -ENOMEM : 1;
	case OPT_ON_TIMEZONE_CHANGE:
		return strv_append(&run.timer, "OnTimezoneChange=yes") < 0 ? -ENOMEM : 1;
	case OPT_IGNORED:
		return 1;
	case OPT_VERSION:
		puts("sctl");
		return 0;
	case 'h':
		run_help();
		return 0;
	default:
		break;
	}
	if (c < OPT_TIMER || c >= OPT_TIMER + (int) ELEMENTSOF(timer_keys))
		return -EINVAL;
	return strv_append_consume(&run.timer,
	                           str_printf("%s=%s", timer_keys[c - OPT_TIMER], optarg)) < 0
	               ? -ENOMEM
	               : 1;
}

/* ---- what becomes properties ---- */

static int add(char ***v, const char *key, const char *value)
{
	return value ? strv_append_consume(v, str_printf("%s=%s", key, value)) : 0;
}

/* "NAME=VALUE" as a word of Environment=. */
static int add_assignments(char ***v)
{
	STRV_FOREACH (e, run.environment) {
		auto_free char *word = exec_line((char *[]){*e, NULL});
		int r = word ? strv_append_consume(v, str_printf("Environment=%s", word)) : -ENOMEM;

		if (r < 0)
			return r;
	}
	return 0;
}

/* One line, and a "%" that is none. */
static int add_description(char ***v, char *const *command)
{
	auto_free char *joined =
		run.description ? strdup(run.description) : strv_join(command, " ");
	auto_strbuf struct strbuf b = {0};
	char *text;

	if (!joined)
		return -ENOMEM;
	strbuf_puts(&b, "Description=");
	for (const char *p = joined; *p; p++)
		strbuf_puts(&b, *p == '%' ? "%%" : *p == '\n' ? " " : (char[]){*p, 0});
	return strbuf_take(&b, &text) < 0 ? -ENOMEM : strv_append_consume(v, text);
}

static int common_properties(char *const *command, char ***ret)
{
	auto_free char *slice = NULL;
	int r = add_description(ret, command);

	if (r >= 0 && run.collect)
		r = add(ret, "CollectMode", "inactive-or-failed");
	if (r >= 0 && run.slice) {
		slice = str_printf("%s%s", run.slice,
		                   str_ends_with(run.slice, ".slice") ? "" : ".slice");
		r = slice ? add(ret, "Slice", slice) : -ENOMEM;
	}
	if (r >= 0 && run.send_sighup)
		r = add(ret, "SendSIGHUP", "yes");
	return r < 0 ? r : strv_extend(ret, run.properties);
}

static int service_properties(struct run_io *io, char *const *command, char ***ret)
{
	auto_free char *line = command && *command ? exec_line(command) : NULL;
	char cwd[PATH_MAX];
	int r = common_properties(command, ret);

	if (r >= 0)
		r = add(ret, "Type", run.type);
	if (r >= 0 && run.remain)
		r = add(ret, "RemainAfterExit", "yes");
	if (r >= 0)
		r = add(ret, "User", run.uid);
	if (r >= 0)
		r = add(ret, "Group", run.gid);
	if (r >= 0)
		r = add(ret, "Nice", run.nice);
	if (r >= 0)
		r = add(ret, "WorkingDirectory",
		        run.same_directory ? getcwd(cwd, sizeof(cwd)) : run.directory);
	if (r >= 0)
		r = add_assignments(ret);
	if (r >= 0 && run.pty)
		r = run_io_pty(io, ret);
	else if (r >= 0 && run.pipe)
		r = run_io_pipe(io, ret);
	return r < 0 || !line ? r : add(ret, "ExecStart", line);
}

/* ---- names ---- */

static char *unit_name(const char *suffix)
{
	auto_free char *mangled = NULL, *plain = NULL;
	struct id128 id;
	char text[ID128_TEXT_MAX];
	const char *dot;

	if (!run.unit) {
		if (id128_random(&id) < 0)
			return NULL;
		return str_printf("run-r%s%s", id128_format(&id, text), suffix);
	}
	if (unit_name_mangle(run.unit, false, &mangled) < 0)
		return NULL;
	/* "foo" has become "foo.service"; the unit asked for may be of another type. */
	dot = strrchr(mangled, '.');
	if (str_ends_with(run.unit, dot))
		return streq(dot, suffix)
		               ? strdup(mangled)
		               : str_printf("%.*s%s", (int) (dot - mangled), mangled, suffix);
	plain = strndup(mangled, (size_t) (dot - mangled));
	return plain ? str_printf("%s%s", plain, suffix) : NULL;
}

/* ---- running ---- */

static void note(const char *text, const char *name)
{
	if (!arg.quiet)
		fprintf(stderr, "%s: %s\n", text, name);
}

static void report_end(const cJSON *p)
{
	uint64_t code = json_u64_or(p, "ExecMainCode", 0);
	char text[SPAN_TEXT_MAX];
	uint64_t cpu;

	fprintf(stderr, "Finished with result: %s\n", json_string_or(p, "Result", "?"));
	if (code)
		fprintf(stderr, "Main processes terminated with: code=%s/status=%llu\n",
		        code == 1   ? "exited"
		        : code == 2 ? "killed"
		                    : "dumped",
		        (unsigned long long) json_u64_or(p, "ExecMainStatus", 0));
	if (json_get_u64(p, "CPUUsageNSec", &cpu) >= 0 && cpu != UINT64_MAX)
		fprintf(stderr, "CPU time consumed: %s\n",
		        span_format(text, sizeof(text), cpu / 1000, USEC_PER_MSEC));
}

/* As systemd-run(1): the command's own status, 255 for a signal. */
static int exit_of(const cJSON *p)
{
	const char *result = json_string_or(p, "Result", "");
	uint64_t status = json_u64_or(p, "ExecMainStatus", 0);

	if (streq(result, "success"))
		return 0;
	if (streq(result, "exit-code") && status > 0)
		return (int) (status & 255);
	return streq(result, "signal") || streq(result, "core-dump") ? 255 : EXIT_FAILED;
}

static cJSON *transient(const char *name, char *const *properties)
{
	cJSON *p = cJSON_CreateObject();

	json_add_string(p, "name", name);
	json_add_strv(p, "properties", properties);
	return p;
}

static int run_service(struct session *s, char *const *command)
{
	auto_free char *name = unit_name(".service");
	auto_strv char **properties = NULL;
	auto_json cJSON *ended = NULL;
	struct run_io io;
	cJSON *p;
	int code;

	if (!name)
		return error_exit(EXIT_FAILED, "\"%s\" is not the name of a unit", run.unit);
	run_io_init(&io, session_loop(s));
	if (service_properties(&io, command, &properties) < 0) {
		run_io_done(&io);
		return error_exit(EXIT_FAILED, "Out of memory");
	}
	p = transient(name, properties);
	json_add_string(p, "mode", "fail");
	json_add_bool(p, "wait", !arg.no_block);
	json_add_bool(p, "follow", arg.wait);
	note("Running as unit", name);
	code = queue_call(s, "org.sysmaster.Unit.StartTransient", p, &ended);
	run_io_finish(&io);
	run_io_done(&io);
	if (!ended)
		return code;
	if (arg.wait && !arg.quiet)
		report_end(ended);
	return exit_of(ended);
}

static int run_trigger(struct session *s, enum trigger t, char *const *command)
{
	static const char *const suffixes[] = {".service", ".timer", ".path", ".socket"};
	char **const own[] = {NULL, run.timer, run.path, run.socket};
	auto_free char *name = unit_name(suffixes[t]), *service = NULL;
	auto_strv char **properties = NULL, **trigger = NULL;
	struct run_io io;
	cJSON *p, *aux;
	int r;

	if (!name)
		return error_exit(EXIT_FAILED, "\"%s\" is not the name of a unit", run.unit);
	service = str_printf("%.*s.service", (int) (strlen(name) - strlen(suffixes[t])), name);
	run_io_init(&io, session_loop(s));
	r = service ? service_properties(&io, command, &properties) : -ENOMEM;
	run_io_done(&io);
	if (r >= 0)
		r = add_description(&trigger, command);
	if (r >= 0)
		r = strv_extend(&trigger, own[t]);
	/* A timer that has elapsed for good is not needed any more. */
	if (r >= 0 && t == TRIGGER_TIMER)
		r = add(&trigger, "RemainAfterElapse", "no");
	if (r < 0)
		return error_exit(EXIT_FAILED, "Out of memory");
	p = transient(name, trigger);
	/* With a name and no command the service is there already. */
	if (command && *command) {
		aux = cJSON_AddArrayToObject(p, "aux");
		json_append_take(aux, transient(service, properties));
	}
	json_add_bool(p, "wait", !arg.no_block);
	r = queue_call(s, "org.sysmaster.Unit.StartTransient", p, NULL);
	if (r == EXIT_DONE) {
		note("Running as unit", name);
		note("Will run service as unit", service);
	}
	return r;
}

static int become_user(void)
{
	const struct passwd *pw = run.uid ? getpwnam(run.uid) : NULL;
	const struct group *gr = run.gid ? getgrnam(run.gid) : NULL;
	int32_t nice_value;

	if (run.nice &&
	    (str_to_i32(run.nice, &nice_value) < 0 || setpriority(PRIO_PROCESS, 0, nice_value) < 0))
		return error_exit(-EINVAL, "Cannot set nice level %s", run.nice);
	if (run.uid && !pw)
		return error_exit(-ENOENT, "No such user: %s", run.uid);
	if (run.gid && !gr)
		return error_exit(-ENOENT, "No such group: %s", run.gid);
	if (gr && setgid(gr->gr_gid) < 0)
		return error_exit(-errno, "setgid: %s", strerror(errno));
	if (!pw)
		return 0;
	if (initgroups(pw->pw_name, gr ? gr->gr_gid : pw->pw_gid) < 0 ||
	    (!gr && setgid(pw->pw_gid) < 0) || setuid(pw->pw_uid) < 0)
		return error_exit(-errno, "Cannot become %s: %s", run.uid, strerror(errno));
	(void) setenv("HOME", pw->pw_dir, 1);
	(void) setenv("USER", pw->pw_name, 1);
	(void) setenv("LOGNAME", pw->pw_name, 1);
	(void) setenv("SHELL", pw->pw_shell, 1);
	return 0;
}

static int run_scope(struct session *s, char **command)
{
	auto_free char *name = unit_name(".scope");
	auto_strv char **properties = NULL;
	cJSON *p, *pids;
	int r;

	if (!name)
		return error_exit(EXIT_FAILED, "\"%s\" is not the name of a unit", run.unit);
	if (arg.host || arg.wait || run.pty || run.pipe || run.type)
		return error_exit(EXIT_USAGE, "--scope runs the command itself, here: -H, --wait, "
		                              "--pty, --pipe and --service-type= are not for it");
	if (common_properties(command, &properties) < 0)
		return error_exit(EXIT_FAILED, "Out of memory");
	p = transient(name, properties);
	pids = cJSON_AddArrayToObject(p, "pids");
	json_append_take(pids, cJSON_CreateNumber(0));
	json_add_bool(p, "wait", true);
	r = queue_call(s, "org.sysmaster.Unit.StartTransient", p, NULL);
	if (r != EXIT_DONE)
		return r;
	note("Running scope as unit", name);
	session_close(s);
	STRV_FOREACH (e, run.environment)
		(void) putenv(*e);
	if (become_user() < 0)
		return EXIT_FAILED;
	execvp(command[0], command);
	return error_exit(EXIT_FAILED, "Failed to execute %s: %s", command[0], strerror(errno));
}

/* What the unit is to execute is looked up here, so that a wrong name is known at once. */
static int find_program(char **name)
{
	const char *path = getenv("PATH");
	auto_strv char **dirs = NULL;
	int r;

	if (strchr(*name, '/'))
		return access(*name, X_OK) < 0
		               ? error_exit(-errno, "Failed to find executable %s: %s", *name,
		                            strerror(errno))
		               : 0;
	r = strv_split(path ? path : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	               ":", &dirs);
	STRV_FOREACH (d, dirs) {
		char *full = path_join(*d, *name);

		if (full && access(full, X_OK) >= 0) {
			*name = full;
			return 0;
		}
		free(full);
	}
	return r < 0 ? r
	             : error_exit(-ENOENT,
	                          "Failed to find executable %s: No such file or directory", *name);
}

int run_main(int argc, char **argv)
{
	auto_cleanup(session_close) struct session *s = NULL;
	static char shell_default[] = "/bin/sh";
	char *shell[2] = {NULL, NULL}, **command;
	enum trigger t;
	int c, r = 1;

	while (r > 0 && (c = getopt_long(argc, argv, "+H:u:p:rdE:tPqGShM:", longs, NULL)) >= 0)
		r = set_option(c);
	if (r <= 0)
		return r < 0 ? EXIT_FAILED : EXIT_DONE;
	if (arg.user)
		return exec_stock("systemd-run", argv);
	t = run.timer    ? TRIGGER_TIMER
	    : run.path   ? TRIGGER_PATH
	    : run.socket ? TRIGGER_SOCKET
	                 : TRIGGER_NONE;
	command = argv + optind;
	if (run.shell) {
		shell[0] = getenv("SHELL") ? getenv("SHELL") : shell_default;
		command = shell;
		run.pty = arg.wait = run.collect = run.same_directory = true;
	}
	if (!*command && !(t && run.unit))
		return error_exit(EXIT_FAILED, "Which command?");
	/* Both: whatever the caller's own side is. */
	if (run.pty && run.pipe) {
		run.pty = isatty(0) && isatty(1) && isatty(2);
		run.pipe = !run.pty;
	}
	if (t && (run.scope || arg.wait || run.pty || run.pipe))
		return error_exit(
			EXIT_FAILED,
			"What a timer, path or socket starts cannot be waited for, or be a scope");
	arg.wait |= run.pty || run.pipe;
	if (*command && !arg.host && find_program(command) < 0)
		return EXIT_FAILED;
	if (session_open(SERVICE_CONTROL, &s) < 0)
		return EXIT_UNREACHABLE;
	if (run.scope) {
		struct session *own = s;

		s = NULL; /* closed before the command is executed */
		return run_scope(own, command);
	}
	return t ? run_trigger(s, t, command) : run_service(s, command);
}
