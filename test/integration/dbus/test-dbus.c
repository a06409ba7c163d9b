// SPDX-License-Identifier: Apache-2.0
/*
 * The facade on a bus daemon of its own, in front of a real core in namespaces, asked by the stock clients: busctl, gdbus and
 * systemd's systemctl and systemd-run. Bus and facade run outside of the name spaces, services inside; the socket of the bus has the
 * same path in both.
 */
#include "check.h"
#include "world.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define DEST "org.freedesktop.systemd1 "
#define MGR  DEST "/org/freedesktop/systemd1 org.freedesktop.systemd1.Manager "

#define CHECK_PREFIX(a, prefix)                                                                    \
	do {                                                                                       \
		const char *check_text = (a);                                                      \
		if (!str_after(check_text, prefix))                                                \
			printf("\n      %s:%d: \"%s\" does not begin with \"%s\"", __FILE__,       \
			       __LINE__, check_text, prefix);                                      \
		CHECK(str_after(check_text, prefix));                                              \
	} while (0)

struct bus {
	struct world *w;
	pid_t daemon, facade;
	char address[160];
};

static pid_t launch(char *const *argv, const char *log)
{
	pid_t pid = fork();

	if (pid == 0) {
		int fd = open(log, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);

		if (fd >= 0) {
			dup2(fd, STDOUT_FILENO);
			dup2(fd, STDERR_FILENO);
		}
		execv(argv[0], argv);
		_exit(127);
	}
	return pid;
}

/* What a shell command prints, without the last newline; static buffers, eight of them. Its status is in front if it failed. */
static const char *sh(struct bus *b, const char *fmt, ...) _printf_(2, 3);
static const char *sh(struct bus *b, const char *fmt, ...)
{
	static char buffers[8][65536];
	static unsigned next;
	char command[4096], *out = buffers[next++ % 8];
	size_t n = 0;
	va_list ap;
	FILE *f;
	int status;

	(void) b; /* the commands find it in the environment */

	n = (size_t) snprintf(command, sizeof(command), "exec 2>&1; ");
	va_start(ap, fmt);
	vsnprintf(command + n, sizeof(command) - n, fmt, ap);
	va_end(ap);
	f = popen(command, "r");
	if (!f)
		return "popen";
	n = fread(out, 1, sizeof(buffers[0]) - 64, f);
	out[n] = 0;
	status = pclose(f);
	while (n > 0 && out[n - 1] == '\n')
		out[--n] = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0) {
		memmove(out + 6, out, n + 1);
		memcpy(out, "(   )", 5);
		snprintf(out + 1, 4, "%3d", WEXITSTATUS(status));
		out[4] = ')';
		out[5] = ' ';
	}
	return out;
}

/* Until @command prints @want, for at most 20 s. */
static const char *sh_wait(struct bus *b, const char *want, const char *command)
{
	long long end = world_msec() + 20000;
	const char *got;

	do {
		got = sh(b, "%s", command);
		if (streq(got, want))
			break;
		usleep(50000);
	} while (world_msec() < end);
	return got;
}

static void facade_start(struct bus *b)
{
	char log[128], control[80];
	char *argv[] = {(char *) DBUS_FACADE, (char *) "--control", control,
	                (char *) "--address", b->address,           NULL};

	snprintf(log, sizeof(log), "%s/facade.log", b->w->dir);
	snprintf(control, sizeof(control), "%s", b->w->socket);
	b->facade = launch(argv, log);
	CHECK_STR(sh_wait(b, "s \"running\"", "busctl get-property " MGR "SystemState"),
	          "s \"running\"");
}

static void end(pid_t *pid, int signo)
{
	if (*pid <= 0)
		return;
	kill(*pid, signo);
	(void) waitpid(*pid, NULL, 0);
	*pid = 0;
}

static void daemon_start(struct bus *b)
{
	char conf[128], argument[160], log[128];
	char *argv[] = {(char *) "/usr/bin/dbus-daemon",
	                argument,
	                (char *) "--nofork",
	                (char *) "--nopidfile",
	                (char *) "--systemd-activation",
	                NULL};
	FILE *f;

	snprintf(conf, sizeof(conf), "%s/bus.conf", b->w->dir);
	snprintf(argument, sizeof(argument), "--config-file=%s", conf);
	snprintf(log, sizeof(log), "%s/bus.log", b->w->dir);
	f = fopen(conf, "we");
	if (!f)
		return;
	fprintf(f,
	        "<busconfig><type>system</type><listen>%s</listen><auth>EXTERNAL</auth>\n"
	        "<servicedir>%s</servicedir>\n"
	        "<policy context=\"default\"><allow user=\"*\"/><allow own=\"*\"/>"
	        "<allow send_type=\"method_call\"/><allow send_type=\"signal\"/>"
	        "<allow send_requested_reply=\"true\" send_type=\"method_return\"/>"
	        "<allow send_requested_reply=\"true\" send_type=\"error\"/>"
	        "<allow receive_type=\"method_call\"/><allow receive_type=\"method_return\"/>"
	        "<allow receive_type=\"error\"/><allow "
	        "receive_type=\"signal\"/></policy></busconfig>\n",
	        b->address, b->w->dir);
	fclose(f);
	b->daemon = launch(argv, log);
}

static void put(struct bus *b, const char *name, const char *text)
{
	char path[160];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", b->w->dir, name);
	f = fopen(path, "we");
	if (f) {
		fputs(text, f);
		fclose(f);
	}
}

/* systemd's clients look whether it runs before they ask anybody: in a /run of our own it does. */
static void prepare(struct bus *b)
{
	static bool done;

	if (!done) {
		CHECK_INT(unshare(CLONE_NEWNS), ==, 0);
		CHECK_INT(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), ==, 0);
		CHECK_INT(mount("tmpfs", "/run", "tmpfs", 0, NULL), ==, 0);
		CHECK_INT(mkdir_p("/run/systemd/system", 0755), ==, 0);
		done = true;
	}
	snprintf(b->address, sizeof(b->address), "unix:path=%s/bus", b->w->dir);
	setenv("DBUS_SYSTEM_BUS_ADDRESS", b->address, 1);
	setenv("SYSTEMCTL_FORCE_BUS", "1", 1);
	setenv("SYSTEMD_PAGER", "", 1);
	setenv("SYSTEMD_COLORS", "0", 1);
	setenv("LC_ALL", "C", 1);
}

static void start(struct bus *b)
{
	static const char *const plain[] = {"sysinit.target", "basic.target", "shutdown.target",
	                                    "default.target", "dbus.socket"};

	for (size_t i = 0; i < ELEMENTSOF(plain); i++)
		world_put(b->w, plain[i],
		          str_ends_with(plain[i], ".socket")
		                  ? "[Unit]\nDescription=%s\nDefaultDependencies=no\n[Socket]\n"
		                    "ListenStream=/run/dbus-test\n"
		                  : "[Unit]\nDescription=%s\nDefaultDependencies=no\n",
		          plain[i]);
	world_put(b->w, "dbus.service", "[Service]\nExecStart=/bin/sleep infinity\n");
	world_put(b->w, "sleep.service",
	          "[Unit]\nDescription=Sleeps\nDocumentation=man:sleep(1)\nConditionPathExists=/\n"
	          "[Service]\nExecStart=/bin/sleep infinity\nExecReload=/bin/true\n"
	          "Environment=A=b \"C=d e\"\nRuntimeMaxSec=1h\n");
	world_put(b->w, "false.service", "[Service]\nType=oneshot\nExecStart=/bin/false\n");
	world_put(b->w, "named.service",
	          "[Service]\nType=dbus\nBusName=org.example.Named\nTimeoutStartSec=20\n"
	          "Environment=BUS=unix:path=%s/bus\nExecStart=%s org.example.Named 300\n",
	          b->w->dir, BUS_OWNER);
	put(b, "org.example.Named.service",
	    "[D-BUS Service]\nName=org.example.Named\nExec=/bin/false\nUser=root\n"
	    "SystemdService=named.service\n");
	put(b, "org.example.Missing.service",
	    "[D-BUS Service]\nName=org.example.Missing\nExec=/bin/false\nUser=root\n"
	    "SystemdService=missing.service\n");
	prepare(b);
	CHECK_INT(world_start(b->w), ==, 0);
	CHECK_STR(world_wait(b->w, "default.target", "ActiveState", "active", 5000), "active");
	daemon_start(b);
	facade_start(b);
}

static void bus_end(struct bus *b)
{
	if (CU_get_number_of_failures() > 0) {
		const char *text = sh(b, "cat %s/facade.log %s/bus.log", b->w->dir, b->w->dir);

		fprintf(stderr, "\n%s\n", text);
	}
	end(&b->facade, SIGTERM);
	end(&b->daemon, SIGTERM);
}

#define WITH_BUS(b)                                                                                \
	WITH_WORLD(w);                                                                             \
	struct bus b __attribute__((cleanup(bus_end))) = {.w = &w};                                \
	start(&b)

#define SLEEP_PATH "/org/freedesktop/systemd1/unit/sleep_2eservice"

TEST(facade__answers_busctl_and_gdbus)
{
	WITH_BUS(b);
	CHECK_STR(sh(&b, "busctl call " MGR "LoadUnit s sleep.service"), "o \"" SLEEP_PATH "\"");
	CHECK_STR(sh(&b, "busctl get-property " DEST SLEEP_PATH
	                 " org.freedesktop.systemd1.Unit LoadState"),
	          "s \"loaded\"");
	CHECK_STR(sh(&b, "busctl get-property " DEST SLEEP_PATH
	                 " org.freedesktop.systemd1.Service ExecStart"),
	          "a(sasbttttuii) 1 \"/bin/sleep\" 2 \"/bin/sleep\" \"infinity\" false 0 0 0 0 0 0 "
	          "0");
	CHECK_STR(sh(&b, "busctl get-property " DEST SLEEP_PATH
	                 " org.freedesktop.systemd1.Unit Job Documentation"),
	          "(uo) 0 \"/\"\nas 1 \"man:sleep(1)\"");
	CHECK_STR(sh(&b, "busctl get-property " DEST SLEEP_PATH
	                 " org.freedesktop.systemd1.Service RuntimeMaxUSec Environment UMask"),
	          "t 3600000000\nas 2 \"A=b\" \"C=d e\"\nu 18");
	/* Of an invalid name there is no object; of a missing unit there is one. */
	CHECK_PREFIX(sh(&b, "busctl get-property " DEST "/org/freedesktop/systemd1/unit/x "
	                    "org.freedesktop.systemd1.Unit LoadState"),
	             "(  1) ");
	CHECK_STR(sh(&b, "busctl get-property " DEST "/org/freedesktop/systemd1/unit/no_2eservice "
	                 "org.freedesktop.systemd1.Unit LoadState"),
	          "s \"not-found\"");
	CHECK_STR(sh(&b, "busctl call " MGR "GetUnit s no-such.service | cat"),
	          "Call failed: Unit no-such.service not found.");
	/* A method with other arguments than it takes, and one that is not there. */
	CHECK_PREFIX(sh(&b, "busctl call " MGR "GetUnit u 7"),
	             "(  1) Call failed: GetUnit takes (s)");
	CHECK_PREFIX(sh(&b, "busctl call " MGR "Frobnicate"), "(  1) Call failed: Unknown method");
	CHECK_STR(sh(&b, "busctl tree org.freedesktop.systemd1 --list | grep -cx "
	                 "/org/freedesktop/systemd1/unit/default_2etarget"),
	          "1");
	CHECK_STR(sh(&b, "busctl introspect " DEST SLEEP_PATH
	                 " org.freedesktop.systemd1.Service | grep -c '^.NRestarts *property *u'"),
	          "1");
	CHECK_STR(sh(&b,
	             "gdbus introspect -a %s -d org.freedesktop.systemd1 -o "
	             "/org/freedesktop/systemd1 | grep -c StartTransientUnit",
	             b.address),
	          "1");
}

TEST(facade__serves_stock_systemctl)
{
	WITH_BUS(b);
	CHECK_STR(sh(&b, "/usr/bin/systemctl is-active sleep.service"), "(  3) inactive");
	CHECK_STR(sh(&b, "/usr/bin/systemctl start sleep.service"), "");
	CHECK_STR(sh(&b, "/usr/bin/systemctl is-active sleep.service"), "active");
	/* What is active already ends at once, too. */
	CHECK_STR(sh(&b, "timeout 20 /usr/bin/systemctl start sleep.service"), "");
	long pid = world_number(&w, "sleep.service", "MainPID");
	char text[64];
	snprintf(text, sizeof(text), "%ld", pid);
	CHECK_STR(sh(&b, "/usr/bin/systemctl show -P MainPID sleep.service"), text);
	CHECK_STR(sh(&b,
	             "/usr/bin/systemctl show -P SubState -P Type -P Restart sleep.service | sort"),
	          "no\nrunning\nsimple");
	CHECK_STR(sh(&b, "/usr/bin/systemctl list-units --no-legend --plain sleep.service"),
	          "sleep.service loaded active running Sleeps");
	CHECK_STR(
		sh(&b,
	           "/usr/bin/systemctl status sleep.service | grep -c 'Active: active (running)'"),
		"1");
	CHECK_STR(sh(&b, "/usr/bin/systemctl reload sleep.service"), "");
	CHECK_STR(sh(&b, "/usr/bin/systemctl restart sleep.service"), "");
	CHECK_INT(world_number(&w, "sleep.service", "MainPID"), !=, pid);
	CHECK_STR(sh(&b, "/usr/bin/systemctl kill -s KILL sleep.service"), "");
	CHECK_STR(world_wait(&w, "sleep.service", "ActiveState", "failed", 10000), "failed");
	CHECK_STR(sh(&b,
	             "/usr/bin/systemctl --failed --no-legend --plain list-units | cut -d' ' -f1"),
	          "sleep.service");
	CHECK_STR(sh(&b, "/usr/bin/systemctl reset-failed sleep.service"), "");
	CHECK_STR(sh(&b, "/usr/bin/systemctl is-failed sleep.service"), "(  1) inactive");
	CHECK_PREFIX(sh(&b, "/usr/bin/systemctl start false.service"),
	             "(  1) Job for false.service failed");
	CHECK_PREFIX(sh(&b, "/usr/bin/systemctl start no-such.service"),
	             "(  5) Failed to start no-such.service: Unit no-such.service not found.");
	CHECK_STR(sh(&b, "/usr/bin/systemctl daemon-reload"), "");
	CHECK_STR(sh(&b, "/usr/bin/systemctl set-environment X=y; /usr/bin/systemctl "
	                 "show-environment | grep ^X"),
	          "X=y");
	CHECK_STR(sh(&b, "L=$(head -c 70000 /dev/zero | tr '\\0' x); /usr/bin/systemctl "
	                 "set-environment A=$L B=$L"),
	          "(  1) Failed to set environment: The environment would be larger than 128 KiB");
	/* One that takes the place of another counts once. */
	CHECK_STR(sh(&b, "L=$(head -c 70000 /dev/zero | tr '\\0' x); for i in 1 2; do "
	                 "/usr/bin/systemctl set-environment A=$L; done; "
	                 "/usr/bin/systemctl unset-environment A"),
	          "");
	CHECK_STR(sh(&b, "/usr/bin/systemctl is-system-running"), "(  1) degraded");
	CHECK_STR(sh(&b, "/usr/bin/systemctl reset-failed; /usr/bin/systemctl is-system-running"),
	          "running");
	CHECK_STR(
		sh(&b, "/usr/bin/systemctl list-unit-files --no-legend sleep.service | tr -s ' '"),
		"sleep.service static -");
	CHECK_STR(sh(&b, "/usr/bin/systemctl daemon-reexec"), "");
	CHECK_STR(sh_wait(&b, "running", "/usr/bin/systemctl is-system-running"), "running");
}

/* What scripts read with systemctl show, in the client's own words. */
TEST(facade__shows_what_systemd_shows)
{
	static const struct {
		const char *unit, *property, *text;
	} rows[] = {
		{"odd.service", "UID", "65534"},
		{"odd.service", "DeviceAllow", "/dev/null rw"},
		{"odd.service", "IPAddressDeny", "::/0 0.0.0.0/0"},
		{"odd.service", "SuccessExitStatus", "65 USR1"},
		{"odd.service", "OOMPolicy", "stop"},
		{"odd.service", "NUMAPolicy", "n/a"},
		{"odd.service", "MemoryLow", "0"},
		{"odd.service", "IPIngressBytes", "[no data]"},
		{"odd.service", "WatchdogUSec", "0"},
		{"odd.service", "SyslogPriority", "30"},
		{"odd.service", "CanClean", "state"},
		{"odd.service", "NonBlocking", "no"},
		{"odd.service", "SystemCallFilter",
	         "~adjtimex clock_adjtime clock_adjtime64 clock_settime clock_settime64"},
		{"odd.service", "RestrictAddressFamilies", "~AF_AX25"},
		{"dbus.socket", "BindIPv6Only", "default"},
		{"dbus.socket", "TriggerLimitIntervalUSec", "2s"},
	};

	WITH_BUS(b);
	world_put(&w, "odd.service",
	          "[Service]\nType=exec\nUser=nobody\nExecStartPre=/bin/true\n"
	          "ExecStart=/bin/sleep infinity\nDeviceAllow=/dev/null rw\n"
	          "IPAddressDeny=any\nSystemCallFilter=~@clock\n"
	          "SystemCallFilter=settimeofday\nRestrictAddressFamilies=~AF_"
	          "AX25\nSuccessExitStatus=65 SIGUSR1\nStateDirectory=odd\n");
	CHECK_STR(sh(&b, "/usr/bin/systemctl daemon-reload"), "");
	CHECK_STR(sh(&b, "/usr/bin/systemctl start odd.service"), "");
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		const char *text =
			sh(&b, "/usr/bin/systemctl show -P %s %s", rows[i].property, rows[i].unit);

		if (!streq(text, rows[i].text))
			printf("\n      %s of %s", rows[i].property, rows[i].unit);
		CHECK_STR(text, rows[i].text);
	}
	CHECK_STR(sh(&b, "/usr/bin/systemctl show -P ExecStart odd.service | "
	                 "grep -c \"stop_time=.n/a. ; pid=$(/usr/bin/systemctl show -P MainPID "
	                 "odd.service) ; code=(null)\""),
	          "1");
	CHECK_STR(sh(&b, "/usr/bin/systemctl show -P ExecStartPre odd.service | grep -c "
	                 "'start_time=.[A-Z].* ; stop_time=.[A-Z].* ; code=exited ; status=0 '"),
	          "1");
	CHECK_STR(sh(&b, "/usr/bin/systemctl show -P Architecture -P LogLevel -P DefaultOOMPolicy "
	                 "-P Progress | sort | wc -l"),
	          "4");
}

TEST(facade__makes_transient_units)
{
	WITH_BUS(b);
	CHECK_STR(sh(&b,
	             "/usr/bin/systemd-run -q --unit=t1 -p RuntimeMaxSec=100 -p "
	             "MemoryMax=64M -p 'Environment=X=\"a b\" Y=%%%%n' -p Nice=5 sleep infinity"),
	          "");
	CHECK_STR(world_property(&w, "t1.service", "ActiveState"), "active");
	CHECK_STR(sh(&b, "/usr/bin/systemctl show -P Transient -P MemoryMax -P RuntimeMaxUSec -P "
	                 "Nice -P Environment t1 | sort"),
	          "\"X=a b\" Y=%%n\n1min 40s\n5\n67108864\nyes");
	CHECK_STR(sh(&b, "/usr/bin/systemctl stop t1; timeout 20 /usr/bin/systemd-run -q --wait "
	                 "--unit=t2 false"),
	          "(  1) ");
	CHECK_STR(sh(&b, "timeout 20 /usr/bin/systemd-run -q --wait true"), "");
	CHECK_STR(sh(&b, "/usr/bin/systemd-run -q --on-active=1h --unit=t3 true; "
	                 "/usr/bin/systemctl show -P ActiveState t3.timer"),
	          "active");
	/* An instance of a type that a property does not have. */
	CHECK_PREFIX(sh(&b,
	                "busctl call " MGR "StartTransientUnit 'ssa(sv)a(sa(sv))' x.service fail "
	                "1 Frobnicate s x 0"),
	             "(  1) Call failed: ");
	CHECK_STR(sh(&b, "/usr/bin/systemctl set-property --runtime sleep.service TasksMax=77; "
	                 "/usr/bin/systemctl show -P TasksMax sleep.service"),
	          "77");
}

TEST(facade__takes_processes_into_scopes)
{
	WITH_BUS(b);
	CHECK_STR(world_order(&w, "start", "sleep.service"), "done");
	long pid = world_number(&w, "sleep.service", "MainPID");
	CHECK_PREFIX(sh(&b,
	                "busctl call " MGR "StartTransientUnit 'ssa(sv)a(sa(sv))' s1.scope fail 3 "
	                "PIDs au 1 %ld Description s 'a session' SendSIGHUP b true 0",
	                pid),
	             "o \"/org/freedesktop/systemd1/job/");
	CHECK_STR(world_wait(&w, "s1.scope", "SubState", "running", 5000), "running");
	CHECK_STR(sh(&b, "busctl call " DEST "/org/freedesktop/systemd1/unit/s1_2escope "
	                 "org.freedesktop.systemd1.Scope Abandon"),
	          "");
	CHECK_STR(world_property(&w, "s1.scope", "SubState"), "abandoned");
	CHECK_STR(sh(&b, "/usr/bin/systemctl stop s1.scope"), "");
	CHECK_STR(world_wait(&w, "s1.scope", "ActiveState", "inactive", 5000), "inactive");
}

/* A user's manager moves what is its user's into what is its user's, and nothing else. */
TEST(facade__attaches_processes_of_a_user)
{
	const char *const own = "[Service]\nUser=daemon\nExecStart=/bin/sleep infinity\n";

	WITH_BUS(b);
	world_put(&w, "own.service", "%s", own);
	world_put(&w, "given.service", "%sDelegate=yes\n", own);
	world_put(&w, "roots.service", "[Service]\nDelegate=yes\nExecStart=/bin/sleep infinity\n");
	CHECK_STR(world_order(&w, "start", "own.service"), "done");
	CHECK_STR(world_order(&w, "start", "given.service"), "done");
	CHECK_STR(world_order(&w, "start", "roots.service"), "done");
	CHECK_STR(world_order(&w, "start", "sleep.service"), "done");
	long pid = world_number(&w, "own.service", "MainPID"),
	     roots = world_number(&w, "sleep.service", "MainPID");
	auto_free char *procs = str_printf("%s/system.slice/given.service/cgroup.procs", w.cgroup),
		       *text = NULL;

#define ATTACH "busctl call " MGR "AttachProcessesToUnit ssau "
#define AS     "setpriv --reuid=%d --clear-groups "
	CHECK_PREFIX(sh(&b, AS ATTACH "given.service / 1 %ld 2>&1 | cat", 1, roots),
	             "Call failed: ");
	CHECK_PREFIX(sh(&b, AS ATTACH "roots.service / 1 %ld 2>&1 | cat", 1, pid), "Call failed: ");
	CHECK_PREFIX(sh(&b, AS ATTACH "own.service / 1 %ld 2>&1 | cat", 1, pid), "Call failed: ");
	CHECK_PREFIX(sh(&b, AS ATTACH "given.service / 1 %ld 2>&1 | cat", 65534, pid),
	             "Call failed: ");
	CHECK_PREFIX(sh(&b, ATTACH "given.service /../x 1 %ld 2>&1 | cat", pid), "Call failed: ");
	CHECK_INT(file_read(procs, &text, NULL), >=, 0);
	CHECK_INT(strchr(text, '\n') ? strlen(strchr(text, '\n') + 1) : 99, ==, 0);
	CHECK_STR(sh(&b, AS ATTACH "given.service / 1 %ld 2>&1 | cat", 1, pid), "");
	free(text);
	text = NULL;
	CHECK_INT(file_read(procs, &text, NULL), >=, 0);
	CHECK(strchr(text, '\n') && strlen(strchr(text, '\n') + 1) > 0);
	/* Without a name it is the unit of who asks, as a user's manager does; pids of this bus are not the world's, so core is told. */
	cJSON *p = cJSON_CreateObject(), *pids = cJSON_CreateArray(), *answer = NULL;
	json_append_take(pids, cJSON_CreateNumber((double) pid));
	json_add_take(p, "pids", pids);
	json_add_string(p, "name", "");
	json_add_u64(p, "uid", 0);
	json_add_i64(p, "caller", world_number(&w, "roots.service", "MainPID"));
	CHECK_INT(world_call(&w, "org.sysmaster.Unit.AttachProcesses", p, &answer), ==, 0);
	json_free(answer);
	auto_free char *roots_procs =
		str_printf("%s/system.slice/roots.service/cgroup.procs", w.cgroup);
	free(text);
	text = NULL;
	CHECK_INT(file_read(roots_procs, &text, NULL), >=, 0);
	CHECK(strchr(text, '\n') && strlen(strchr(text, '\n') + 1) > 0);
	/* Root may move what it likes. */
	CHECK_STR(sh(&b, ATTACH "given.service '' 1 %ld 2>&1 | cat", roots), "");
}

TEST(facade__refuses_orders_of_users)
{
	WITH_BUS(b);
	CHECK_STR(sh(&b, "setpriv --reuid=65534 --clear-groups busctl call " MGR
	                 "StartUnit ss sleep.service replace | cat"),
	          "Call failed: Access denied");
	CHECK_STR(sh(&b,
	             "setpriv --reuid=65534 --clear-groups busctl get-property " MGR "SystemState"),
	          "s \"running\"");
	CHECK_STR(world_property(&w, "sleep.service", "ActiveState"), "inactive");
}

TEST(facade__sends_signals)
{
	WITH_BUS(b);
	const char *seen =
		sh(&b,
	           "timeout 20 gdbus monitor -a %s -d org.freedesktop.systemd1 >%s/seen & "
	           "for i in $(seq 100); do busctl list 2>/dev/null | grep -q "
	           "gdbus && "
	           "break; sleep 0.05; done; /usr/bin/systemctl start --wait false.service; for i "
	           "in $(seq 100); "
	           "do grep -q \"JobRemoved.*false.service.*'failed'\" %s/seen && grep -q "
	           "\"false_2eservice.*PropertiesChanged.*'ActiveState': <'failed'>\" %s/seen && "
	           "break; "
	           "sleep 0.1; done; kill $!; grep -c \"JobNew.*false.service\" %s/seen; "
	           "grep -c \"JobRemoved.*false.service.*'failed'\" %s/seen; grep -q "
	           "\"false_2eservice.*PropertiesChanged.*'ActiveState': <'failed'>\" %s/seen && "
	           "echo yes",
	           b.address, w.dir, w.dir, w.dir, w.dir, w.dir, w.dir);
	CHECK_STR(strstr(seen, "\n") ? strrchr(seen, '\n') + 1 : seen, "yes");
	CHECK(strstr(seen, "1\n1\nyes") != NULL);
}

TEST(type_dbus__is_up_when_its_name_is_there)
{
	WITH_BUS(b);
	long long before = world_msec();
	CHECK_STR(world_order(&w, "start", "named.service"), "done");
	CHECK_INT(world_msec() - before, >=, 300);
	CHECK_STR(world_property(&w, "named.service", "ActiveState"), "active");
	/* The facade goes and comes, core goes and comes: nothing happens to it. */
	long pid = world_number(&w, "named.service", "MainPID");
	end(&b.facade, SIGKILL);
	facade_start(&b);
	CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
	CHECK_STR(sh_wait(&b, "active", "/usr/bin/systemctl is-active named.service"), "active");
	CHECK_INT(world_number(&w, "named.service", "MainPID"), ==, pid);
	/* Its name is lost: it is stopped. */
	CHECK_STR(sh_wait(&b, "b true",
	                  "busctl call org.freedesktop.DBus / org.freedesktop.DBus "
	                  "NameHasOwner s org.example.Named"),
	          "b true");
	CHECK_INT(world_kill(&w, pid, SIGUSR1), ==, 0);
	CHECK_STR(world_wait(&w, "named.service", "ActiveState", "inactive", 20000), "inactive");
}

TEST(type_dbus__waits_through_a_new_core)
{
	WITH_BUS(b);
	world_put(
		&w, "late.service",
		"[Service]\nType=dbus\nBusName=org.example.Late\nEnvironment=BUS=unix:path=%s/bus\n"
		"ExecStart=%s org.example.Late 2000\n",
		w.dir, BUS_OWNER);
	auto_json cJSON *answer = NULL;
	CHECK_INT(world_call(&w, "org.sysmaster.Manager.Reload", NULL, &answer), ==, 0);
	CHECK_INT(world_queue(&w, "start", "late.service"), ==, 0);
	CHECK_STR(world_wait(&w, "late.service", "SubState", "start", 5000), "start");
	usleep(300000);
	CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
	CHECK_STR(world_property(&w, "late.service", "SubState"), "start");
	CHECK_STR(world_wait(&w, "late.service", "SubState", "running", 20000), "running");
	CHECK_STR(sh(&b, "busctl call org.freedesktop.DBus / org.freedesktop.DBus NameHasOwner s "
	                 "org.example.Late"),
	          "b true");
}

/* Core refuses connections of a user who has too many: what it did not hear then it is told afterwards. */
TEST(type_dbus__waits_through_a_flood)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int flood[600];

	WITH_BUS(b);
	world_put(
		&w, "late.service",
		"[Service]\nType=dbus\nBusName=org.example.Late\nEnvironment=BUS=unix:path=%s/bus\n"
		"ExecStart=%s org.example.Late 1500\n",
		w.dir, BUS_OWNER);
	auto_json cJSON *answer = NULL;
	CHECK_INT(world_call(&w, "org.sysmaster.Manager.Reload", NULL, &answer), ==, 0);
	CHECK_INT(world_queue(&w, "start", "late.service"), ==, 0);
	CHECK_STR(world_wait(&w, "late.service", "SubState", "start", 5000), "start");
	snprintf(un.sun_path, sizeof(un.sun_path), "/proc/%d/root/run/sysmaster/control",
	         (int) w.init);
	for (size_t i = 0; i < ELEMENTSOF(flood); i++) {
		flood[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		CHECK_INT(connect(flood[i], (struct sockaddr *) &un, sizeof(un)), ==, 0);
	}
	CHECK_STR(sh_wait(&b, "b true",
	                  "busctl call org.freedesktop.DBus / org.freedesktop.DBus NameHasOwner s "
	                  "org.example.Late"),
	          "b true");
	usleep(300000);
	for (size_t i = 0; i < ELEMENTSOF(flood); i++)
		close(flood[i]);
	CHECK_STR(world_wait(&w, "late.service", "SubState", "running", 20000), "running");
}

TEST(bus__activates_services)
{
	WITH_BUS(b);
	CHECK_STR(sh(&b, "busctl call org.example.Named / org.freedesktop.DBus.Peer Ping"), "");
	/* The answer came from the service itself: core may hear of the name only then. */
	CHECK_STR(world_wait(&w, "named.service", "ActiveState", "active", 5000), "active");
	/* The reason comes back to who asked, and at once. */
	CHECK_PREFIX(sh(&b,
	                "timeout 20 busctl call org.example.Missing / org.freedesktop.DBus.Peer "
	                "Ping"),
	             "(  1) Call failed: ");
}

TEST(facade__ends_with_the_bus)
{
	WITH_BUS(b);
	int status = 0;
	end(&b.daemon, SIGTERM);
	for (int i = 0; i < 400 && waitpid(b.facade, &status, WNOHANG) == 0; i++)
		usleep(50000);
	CHECK(WIFEXITED(status));
	b.facade = 0;
	CHECK_STR(world_property(&w, "default.target", "ActiveState"), "active");
}
