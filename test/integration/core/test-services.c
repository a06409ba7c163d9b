// SPDX-License-Identifier: Apache-2.0
/* Services under the real init and core. */
#include "check.h"
#include "state/state.h"
#include "world.h"

#include <poll.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

static void put_targets(struct world *w, const char *wants)
{
	static const char *const plain[] = {"sysinit.target", "basic.target", "shutdown.target",
	                                    "rescue.target"};

	for (size_t i = 0; i < ELEMENTSOF(plain); i++)
		world_put(w, plain[i], "[Unit]\nDescription=%s\nDefaultDependencies=no\n",
		          plain[i]);
	world_put(w, "default.target",
	          "[Unit]\nRequires=basic.target\nAfter=basic.target\nWants=%s\nAllowIsolate=yes\n",
	          wants);
}

#define FOREVER "ExecStart=/bin/sleep infinity\n"

TEST(boot__reaches_the_default_target)
{
	WITH_WORLD(w);
	put_targets(&w, "hello.service once.service");
	world_put(&w, "hello.service", "[Unit]\nDescription=Says hello\n[Service]\n" FOREVER);
	world_put(&w, "once.service",
	          "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'echo $FOO > "
	          "%s/once'\nEnvironment=FOO=bar\n",
	          w.dir);
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_wait(&w, "default.target", "ActiveState", "active", 5000), "active");
	CHECK_STR(world_property(&w, "hello.service", "SubState"), "running");
	CHECK_STR(world_property(&w, "hello.service", "ControlGroup"),
	          "/system.slice/hello.service");
	CHECK_INT(world_number(&w, "hello.service", "MainPID"), >, 1);
	CHECK_STR(world_property(&w, "once.service", "SubState"), "exited");
	auto_free char *once = world_file(&w, "once"), *state = world_manager(&w, "state");
	CHECK_STR(once, "bar\n");
	CHECK_STR(state, "running");
}

TEST(service__starts_stops_and_fails)
{
	WITH_WORLD(w);
	put_targets(&w, "");
	world_put(&w, "a.service", "[Service]\n" FOREVER);
	world_put(&w, "bad.service", "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'exit 7'\n");
	world_put(&w, "none.service", "[Service]\nExecStart=/nonexistent/program\n");
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "a.service"), "done");
	long pid = world_number(&w, "a.service", "MainPID");
	CHECK_INT(world_pid(&w, pid), >, 0);
	CHECK_STR(world_order(&w, "stop", "a.service"), "done");
	CHECK_INT(world_pid(&w, pid), ==, 0);
	CHECK_STR(world_property(&w, "a.service", "ActiveState"), "inactive");
	CHECK_STR(world_order(&w, "start", "bad.service"), "failed");
	CHECK_STR(world_property(&w, "bad.service", "Result"), "exit-code");
	CHECK_INT(world_number(&w, "bad.service", "ExecMainStatus"), ==, 7);
	world_order(&w, "start", "none.service");
	CHECK_STR(world_wait(&w, "none.service", "ActiveState", "failed", 5000), "failed");
	CHECK_INT(world_number(&w, "none.service", "ExecMainStatus"), ==, 203);
	auto_free char *state = world_manager(&w, "state");
	CHECK_STR(state, "degraded");
}

TEST(service__restarts_after_a_crash)
{
	WITH_WORLD(w);
	put_targets(&w, "a.service");
	world_put(&w, "a.service", "[Service]\n" FOREVER "Restart=on-failure\nRestartSec=50ms\n");
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_wait(&w, "a.service", "SubState", "running", 5000), "running");
	long pid = world_number(&w, "a.service", "MainPID");
	CHECK_INT(world_kill(&w, pid, SIGSEGV), ==, 0);
	CHECK_STR(world_wait(&w, "a.service", "NRestarts", "1", 5000), "1");
	CHECK_STR(world_wait(&w, "a.service", "SubState", "running", 5000), "running");
	CHECK_INT(world_number(&w, "a.service", "MainPID"), !=, pid);
}

TEST(core_death__no_service_notices)
{
	long pids[20], starts;
	char name[32];

	WITH_WORLD(w);
	put_targets(&w, "");
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "s%d.service", i);
		world_put(&w, name, "[Service]\n" FOREVER "Restart=always\n");
	}
	CHECK_INT(world_start(&w), ==, 0);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "s%d.service", i);
		CHECK_STR(world_order(&w, "start", name), "done");
		pids[i] = world_number(&w, name, "MainPID");
	}
	for (int round = 0; round < 4; round++) {
		int ms = world_kill_core(&w, round % 2 ? SIGABRT : SIGKILL);

		CHECK_INT(ms, >=, 0);
		printf(" (%d ms)", ms);
		for (int i = 0; i < 20; i++) {
			snprintf(name, sizeof(name), "s%d.service", i);
			CHECK_STR(world_property(&w, name, "SubState"), "running");
			CHECK_INT(world_number(&w, name, "MainPID"), ==, pids[i]);
			CHECK_INT(world_number(&w, name, "NRestarts"), ==, 0);
			CHECK_INT(world_pid(&w, pids[i]), >, 0);
		}
	}
	auto_free char *reason = world_manager(&w, "core_reason"),
		       *restarts = world_manager(&w, "core_restarts");
	CHECK_STR(reason, "crash");
	starts = strtol(restarts, NULL, 10);
	CHECK_INT(starts, ==, 4);
	/* It is still in charge of them. */
	CHECK_STR(world_order(&w, "stop", "s3.service"), "done");
	CHECK_INT(world_pid(&w, pids[3]), ==, 0);
}

TEST(core_death__exits_in_the_gap_are_not_lost)
{
	WITH_WORLD(w);
	put_targets(&w, "");
	world_put(&w, "dies.service", "[Service]\n" FOREVER);
	world_put(&w, "again.service", "[Service]\n" FOREVER "Restart=always\nRestartSec=10ms\n");
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "dies.service"), "done");
	CHECK_STR(world_order(&w, "start", "again.service"), "done");
	long dies = world_number(&w, "dies.service", "MainPID"),
	     again = world_number(&w, "again.service", "MainPID");
	pid_t dies_out = world_pid(&w, dies), again_out = world_pid(&w, again),
	      core = world_core(&w);
	CHECK_INT(kill(core, SIGKILL), ==, 0);
	CHECK_INT(kill(dies_out, SIGUSR1), ==, 0);
	CHECK_INT(kill(again_out, SIGKILL), ==, 0);
	CHECK_STR(world_wait(&w, "dies.service", "ActiveState", "failed", 8000), "failed");
	CHECK_STR(world_property(&w, "dies.service", "Result"), "signal");
	CHECK_INT(world_number(&w, "dies.service", "ExecMainStatus"), ==, SIGUSR1);
	CHECK_STR(world_wait(&w, "again.service", "NRestarts", "1", 5000), "1");
	CHECK_STR(world_wait(&w, "again.service", "SubState", "running", 5000), "running");
}

/* Stopped by a tracer, for what a signal stops init lets go on. Nothing may return before it is dead. */
static void freeze(pid_t core)
{
	ptrace(PTRACE_SEIZE, core, NULL, NULL);
	ptrace(PTRACE_INTERRUPT, core, NULL, NULL);
	waitpid(core, NULL, __WALL);
}

static void kill_frozen(pid_t core)
{
	kill(core, SIGKILL);
	waitpid(core, NULL, __WALL);
}

/* Started with the pid that another service's main process had: the kernel is told what to give next. */
static const char impostor[] = "#!/bin/sh\n"
			       "cd \"$(dirname \"$0\")\" || exit 1\n"
			       "while ! [ -s wanted ]; do sleep 0.02; done\n"
			       "read -r wanted <wanted\n"
			       "while :; do\n"
			       "  echo $((wanted - 1)) >/proc/sys/kernel/ns_last_pid\n"
			       "  sleep infinity & [ $! = \"$wanted\" ] && break\n"
			       "  kill -9 $!\n"
			       "  wait\n"
			       "done\n"
			       "echo $! >there.tmp; mv there.tmp there\n"
			       "wait\n"
			       "echo >died\n"
			       "sleep infinity\n";

TEST(core_death__a_pid_that_was_given_again_is_not_the_service)
{
	char wanted[16];

	WITH_WORLD(w);
	auto_free char *script = path_join(w.dir, "impostor"), *order = path_join(w.dir, "wanted");
	put_targets(&w, "impostor.service");
	world_put(&w, "a.service", "[Service]\n" FOREVER);
	world_put(&w, "impostor.service", "[Service]\nExecStart=%s\n", script);
	CHECK_INT(file_write_atomic(script, impostor, strlen(impostor), 0755, false), ==, 0);
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "a.service"), "done");
	long pid = world_number(&w, "a.service", "MainPID");
	pid_t core = world_core(&w);

	freeze(core);
	world_kill(&w, pid, SIGUSR1);
	for (long long end = world_msec() + 5000; world_pid(&w, pid) && world_msec() < end;)
		usleep(5000);
	snprintf(wanted, sizeof(wanted), "%ld\n", pid);
	file_write_atomic(order, wanted, strlen(wanted), 0644, false);
	for (long long end = world_msec() + 5000;
	     !world_has_file(&w, "there") && world_msec() < end;)
		usleep(5000);
	kill_frozen(core);
	CHECK(world_has_file(&w, "there"));

	CHECK_STR(world_wait(&w, "a.service", "ActiveState", "failed", 5000), "failed");
	CHECK_STR(world_property(&w, "a.service", "Result"), "signal");
	CHECK_INT(world_number(&w, "a.service", "ExecMainStatus"), ==, SIGUSR1);
	CHECK_STR(world_order(&w, "restart", "a.service"), "done");
	CHECK_INT(world_number(&w, "a.service", "MainPID"), !=, pid);
	CHECK_STR(world_order(&w, "stop", "a.service"), "done");
	CHECK_STR(world_property(&w, "impostor.service", "SubState"), "running");
	CHECK(!world_has_file(&w, "died"));
}

/* Its last process is a child of ours: nobody tells core of its end but the cgroup. */
TEST(core_death__a_cgroup_that_became_empty_meanwhile_is_removed)
{
	WITH_WORLD(w);
	/* Whom nothing holds is unloaded, and its cgroup goes with it. */
	put_targets(&w, "leaves.service");
	world_put(&w, "leaves.service", "[Service]\nKillMode=none\n" FOREVER);
	auto_free char *path = str_printf("%s/system.slice/leaves.service", w.cgroup),
		       *procs = path_join(path, "cgroup.procs");
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "leaves.service"), "done");
	pid_t guest = fork();

	if (guest == 0) {
		pause();
		_exit(0);
	}
	auto_free char *text = str_printf("%d", (int) guest);
	CHECK_INT(file_write_attr(procs, text), ==, 0);
	CHECK_INT(world_kill(&w, world_number(&w, "leaves.service", "MainPID"), SIGTERM), ==, 0);
	CHECK_STR(world_wait(&w, "leaves.service", "ActiveState", "inactive", 5000), "inactive");
	CHECK(access(path, F_OK) == 0);
	pid_t core = world_core(&w);

	freeze(core);
	kill(guest, SIGKILL);
	waitpid(guest, NULL, 0);
	kill_frozen(core);
	for (long long end = world_msec() + 5000; access(path, F_OK) == 0 && world_msec() < end;)
		usleep(20000);
	CHECK(access(path, F_OK) < 0);
}

TEST(core_death__jobs_and_deadlines_go_on)
{
	WITH_WORLD(w);
	put_targets(&w, "");
	world_put(&w, "slow.service",
	          "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sleep 1.5\n");
	world_put(&w, "after.service",
	          "[Unit]\nAfter=slow.service\nRequires=slow.service\n[Service]\n" FOREVER);
	world_put(&w, "stuck.service", "[Service]\nType=oneshot\nTimeoutStartSec=2s\n" FOREVER);
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_INT(world_queue(&w, "start", "after.service"), ==, 0);
	CHECK_INT(world_queue(&w, "start", "stuck.service"), ==, 0);
	long long begin = world_msec();
	CHECK_STR(world_wait(&w, "slow.service", "ActiveState", "activating", 2000), "activating");
	CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
	CHECK_STR(world_property(&w, "slow.service", "ActiveState"), "activating");
	CHECK_STR(world_wait(&w, "after.service", "SubState", "running", 6000), "running");
	CHECK_STR(world_property(&w, "slow.service", "SubState"), "exited");
	CHECK_STR(world_wait(&w, "stuck.service", "ActiveState", "failed", 6000), "failed");
	CHECK_STR(world_property(&w, "stuck.service", "Result"), "timeout");
	/* From when it was started, not from when the second core came. */
	CHECK_INT(world_msec() - begin, <, 4000);
}

TEST(core_death__without_a_store_services_are_adopted)
{
	WITH_WORLD(w);
	put_targets(&w, "");
	world_put(&w, "a.service", "[Service]\n" FOREVER);
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "a.service"), "done");
	long pid = world_number(&w, "a.service", "MainPID");
	auto_free char *store =
		str_printf("/proc/%d/root/run/sysmaster/state/data.mdb", (int) w.init);
	pid_t core = world_core(&w);
	/* Garbage where the pages were, while core is held still. */
	CHECK_INT(kill(core, SIGKILL), ==, 0);
	CHECK_INT(file_write_atomic(store, "this is not a database", 22, 0600, false), ==, 0);
	CHECK_STR(world_wait(&w, "a.service", "SubState", "running", 8000), "running");
	CHECK_INT(world_number(&w, "a.service", "MainPID"), ==, pid);
	CHECK_STR(world_order(&w, "stop", "a.service"), "done");
	CHECK_INT(world_pid(&w, pid), ==, 0);
}

static int put_stale(const char *directory, const char *unit)
{
	auto_free char *key = str_printf("unit/%s", unit),
		       *text = str_printf("v=1\nu.id=%s\nu.active=inactive\nstate=dead\n", unit);
	struct store *s = NULL;
	int r = store_open(directory, &s);

	if (r >= 0)
		r = store_put(s, key, text, strlen(text));
	if (r >= 0)
		r = store_flush(s);
	store_free(s);
	return r;
}

/* A store that lost its newest pages shows what was before: "dead", while the service runs. */
TEST(core_death__a_record_older_than_the_process_does_not_hide_it)
{
	WITH_WORLD(w);
	put_targets(&w, "");
	world_put(&w, "a.service", "[Service]\nRestart=always\n" FOREVER);
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "a.service"), "done");
	long pid = world_number(&w, "a.service", "MainPID");
	auto_free char *store = str_printf("/proc/%d/root/run/sysmaster/state", (int) w.init);
	struct pidref core = PIDREF_NULL;
	CHECK_INT(pidref_open(world_core(&w), &core), ==, 0);
	struct pollfd dead = {.fd = core.pidfd, .events = POLLIN};
	/* Nobody starts the next core before the record is there. */
	CHECK_INT(kill(w.init, SIGSTOP), ==, 0);
	CHECK_INT(pidref_kill(&core, SIGKILL), ==, 0);
	CHECK_INT(poll(&dead, 1, 10000), ==, 1);
	CHECK_INT(put_stale(store, "a.service"), ==, 0);
	CHECK_INT(kill(w.init, SIGCONT), ==, 0);
	pidref_done(&core);
	CHECK_STR(world_wait(&w, "a.service", "SubState", "running", 8000), "running");
	CHECK_INT(world_number(&w, "a.service", "MainPID"), ==, pid);
	CHECK_STR(world_order(&w, "stop", "a.service"), "done");
	CHECK_INT(world_pid(&w, pid), ==, 0);
}

TEST(core_death__many_times)
{
	WITH_WORLD(w);
	put_targets(&w, "");
	world_put(&w, "a.service", "[Service]\n" FOREVER);
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "a.service"), "done");
	long pid = world_number(&w, "a.service", "MainPID");
	/* Four in a row are within init's budget without waiting. */
	for (int i = 0; i < 4; i++) {
		CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
		CHECK_INT(world_number(&w, "a.service", "MainPID"), ==, pid);
	}
}

TEST(reexec__sigterm_to_init_executes_core_again)
{
	WITH_WORLD(w);
	put_targets(&w, "");
	world_put(&w, "a.service", "[Service]\n" FOREVER);
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "a.service"), "done");
	long pid = world_number(&w, "a.service", "MainPID");
	pid_t core = world_core(&w);
	long long end = world_msec() + 8000;
	CHECK_INT(kill(w.init, SIGTERM), ==, 0);
	while ((world_core(&w) == core || world_core(&w) == 0) && world_msec() < end)
		usleep(5000);
	CHECK_INT(world_core(&w), !=, core);
	auto_free char *reason = world_manager(&w, "core_reason");
	CHECK_STR(reason, "upgrade");
	CHECK_INT(world_number(&w, "a.service", "MainPID"), ==, pid);
	CHECK_STR(world_property(&w, "a.service", "SubState"), "running");
}

TEST(reload__takes_new_settings_without_a_restart)
{
	auto_json cJSON *reply = NULL;

	WITH_WORLD(w);
	put_targets(&w, "");
	world_put(&w, "a.service", "[Unit]\nDescription=old\n[Service]\n" FOREVER);
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_wait(&w, "default.target", "ActiveState", "active", 5000), "active");
	CHECK_STR(world_order(&w, "start", "a.service"), "done");
	long pid = world_number(&w, "a.service", "MainPID");
	world_put(&w, "a.service", "[Unit]\nDescription=brand new\n[Service]\n" FOREVER);
	world_put(&w, "b.service", "[Service]\n" FOREVER);
	CHECK_STR(world_property(&w, "a.service", "NeedDaemonReload"), "yes");
	CHECK_INT(world_call(&w, "org.sysmaster.Manager.Reload", NULL, &reply), ==, 0);
	CHECK_STR(cJSON_GetArrayItem(cJSON_GetObjectItem(reply, "changed"), 0)->valuestring,
	          "a.service");
	CHECK_STR(cJSON_GetArrayItem(cJSON_GetObjectItem(reply, "added"), 0)->valuestring,
	          "b.service");
	CHECK_STR(world_property(&w, "a.service", "Description"), "brand new");
	CHECK_INT(world_number(&w, "a.service", "MainPID"), ==, pid);
	CHECK_STR(world_property(&w, "a.service", "NeedDaemonReload"), "no");
}

/* The listening socket of that path, by its inode; 0: there is none. */
static unsigned long listener(const struct world *w, const char *name)
{
	char file[64], path[128], line[512];
	unsigned long inode = 0;
	FILE *f;

	snprintf(file, sizeof(file), "/proc/%d/net/unix", w->init);
	snprintf(path, sizeof(path), " %s/%s\n", w->dir, name);
	f = fopen(file, "re");
	while (f && fgets(line, sizeof(line), f))
		if (strlen(line) > strlen(path) && streq(line + strlen(line) - strlen(path), path))
			(void) sscanf(line, "%*s %*s %*s %*s %*s %*s %lu", &inode);
	if (f)
		fclose(f);
	return inode;
}

/* init closes its own a moment after core has closed. */
static unsigned long listener_gone(const struct world *w, const char *name)
{
	long long end = world_msec() + 5000;

	while (listener(w, name) && world_msec() < end)
		usleep(5000);
	return listener(w, name);
}

static void put_socket(struct world *w, const char *ports)
{
	world_put(w, "many.socket", "[Unit]\nDefaultDependencies=no\n[Socket]\n%s", ports);
}

static void reload(struct world *w)
{
	auto_json cJSON *reply = NULL;

	CHECK_INT(world_call(w, "org.sysmaster.Manager.Reload", NULL, &reply), ==, 0);
}

/* TEST-12 of systemd's suites, and sockets whose lines have moved. */
TEST(reload__closes_ports_that_went_and_keeps_those_that_moved)
{
	char one[96], two[96], three[96], lines[400];

	WITH_WORLD(w);
	put_targets(&w, "");
	snprintf(one, sizeof(one), "ListenStream=%s/one\n", w.dir);
	snprintf(two, sizeof(two), "ListenStream=%s/two\n", w.dir);
	snprintf(three, sizeof(three), "ListenStream=%s/three\n", w.dir);
	world_put(&w, "many.service", "[Service]\n" FOREVER);
	snprintf(lines, sizeof(lines), "%s%s%s", one, two, three);
	put_socket(&w, lines);
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "many.socket"), "done");
	unsigned long second = listener(&w, "two"), third = listener(&w, "three");
	CHECK_INT(listener(&w, "one"), >, 0);
	CHECK_INT(second, >, 0);
	CHECK_INT(third, >, 0);

	/* Number two becomes the last, the last one number two, the first goes. */
	snprintf(lines, sizeof(lines), "%s%s", three, two);
	put_socket(&w, lines);
	reload(&w);
	CHECK_INT(listener_gone(&w, "one"), ==, 0);
	for (int round = 0; round < 2; round++) {
		CHECK_INT(listener(&w, "two"), ==, second);
		CHECK_INT(listener(&w, "three"), ==, third);
		CHECK_STR(world_property(&w, "many.socket", "SubState"), "listening");
		CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
	}
	CHECK_INT(listener(&w, "one"), ==, 0);
	/* One that comes back waits for a start. */
	snprintf(lines, sizeof(lines), "%s%s%s", one, three, two);
	put_socket(&w, lines);
	reload(&w);
	CHECK_INT(listener(&w, "one"), ==, 0);
	CHECK_INT(listener(&w, "three"), ==, third);
	/* Core opens what is missing when it takes over, in a place of the vault that no other has. */
	CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
	unsigned long first = listener(&w, "one");
	CHECK_INT(first, >, 0);
	CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
	CHECK_INT(listener(&w, "one"), ==, first);
	CHECK_INT(listener(&w, "two"), ==, second);
	CHECK_INT(listener(&w, "three"), ==, third);
	/* What is left of a unit without its file listens nowhere, and neither does a core that comes after. */
	auto_free char *path = str_printf("%s/units/many.socket", w.dir);
	CHECK_INT(unlink(path), ==, 0);
	reload(&w);
	CHECK_INT(listener_gone(&w, "two"), ==, 0);
	CHECK_INT(listener_gone(&w, "three"), ==, 0);
	CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
	CHECK_INT(listener(&w, "three"), ==, 0);
}

TEST(service__notifies_and_is_found_ready)
{
	WITH_WORLD(w);
	put_targets(&w, "");
	world_put(&w, "n.service",
	          "[Service]\nType=notify\nNotifyAccess=all\nExecStart=/bin/sh -c 'sleep 0.3; "
	          "systemd-notify --ready --status=fine; exec sleep infinity'\n");
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "n.service"), "done");
	CHECK_STR(world_property(&w, "n.service", "StatusText"), "fine");
	CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
	CHECK_STR(world_property(&w, "n.service", "StatusText"), "fine");
	CHECK_STR(world_property(&w, "n.service", "SubState"), "running");
}

/* Runs until the test lets it go. */
static void put_slow_generator(struct world *w)
{
	auto_free char *path = str_printf("%s/generators/slow", w->dir),
		       *text = str_printf("#!/bin/sh\n>%s/generating\n"
	                                  "until [ -e %s/go ]; do sleep 0.05; done\n",
	                                  w->dir, w->dir);

	if (mkdir_parents(path, 0755) < 0 ||
	    file_write_atomic(path, text, strlen(text), 0755, false) < 0)
		abort();
}

static bool wait_for_file(struct world *w, const char *name)
{
	for (long long end = world_msec() + 15000; world_msec() < end; usleep(10000))
		if (world_has_file(w, name))
			return true;
	return false;
}

TEST(boot__units_can_be_asked_for_while_generators_run)
{
	auto_json cJSON *files = NULL;
	pid_t core;

	WITH_WORLD(w);
	put_targets(&w, "hello.service");
	world_put(&w, "hello.service", "[Service]\n" FOREVER);
	world_put(&w, "early.service", "[Unit]\nDefaultDependencies=no\n[Service]\n" FOREVER);
	put_slow_generator(&w);
	CHECK_INT(world_start(&w), ==, 0);
	CHECK(wait_for_file(&w, "generating"));
	core = world_core(&w);
	CHECK_INT(world_call(&w, "org.sysmaster.UnitFile.List", NULL, &files), ==, 0);
	CHECK_STR(world_order(&w, "start", "early.service"), "done");
	CHECK_STR(world_property(&w, "default.target", "ActiveState"), "inactive");
	world_put(&w, "../go", "now\n");
	CHECK_STR(world_wait(&w, "default.target", "ActiveState", "active", 15000), "active");
	CHECK_STR(world_property(&w, "early.service", "SubState"), "running");
	CHECK_STR(world_property(&w, "hello.service", "SubState"), "running");
	CHECK_INT(world_core(&w), ==, core);
}

/* A program that says with what it was run, in DIR/ran. */
static void put_speaking(struct world *w, const char *name, int status)
{
	auto_free char *path = path_join(w->dir, name),
		       *text = str_printf("#!/bin/sh\necho \"${0##*/} $*\" >>%s/ran\nexit %d\n",
	                                  w->dir, status);

	if (mkdir_parents(path, 0755) < 0 ||
	    file_write_atomic(path, text, strlen(text), 0755, false) < 0)
		abort();
}

static char *world_text(struct world *w, const char *name)
{
	auto_free char *path = path_join(w->dir, name);
	char *text = NULL;

	return file_read(path, &text, NULL) < 0 ? strdup("") : text;
}

/* The boot agent in place of systemd's two, or not; what it says of its end is told. */
TEST(boot__the_boot_agent_stands_in_for_generators)
{
	static const struct {
		const char *files[3]; /* of those that speak */
		const char *masked;
		const char *ran, *not_ran;
	} rows[] = {
		{{"packaged/other"}, NULL, "generate fstab,getty", "-generator "},
		{{"packaged/systemd-fstab-generator", "packaged/systemd-getty-generator"},
	         NULL,
	         "generate fstab,getty",
	         "-generator "},
		{{"packaged/systemd-fstab-generator", "version/generators/systemd-fstab-generator"},
	         NULL,
	         "generate getty",
	         "generate fstab"},
		{{"packaged/systemd-fstab-generator"},
	         "version/generators/systemd-fstab-generator",
	         "generate getty",
	         "fstab"},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		auto_free char *ran = NULL, *log = NULL, *expected = NULL;

		WITH_WORLD(w);
		w.packaged_generators = true;
		put_targets(&w, "");
		put_speaking(&w, "version/sysmaster-boot", 3);
		for (size_t k = 0; k < ELEMENTSOF(rows[i].files) && rows[i].files[k]; k++)
			put_speaking(&w, rows[i].files[k], 0);
		if (rows[i].masked) {
			auto_free char *path = path_join(w.dir, rows[i].masked);

			CHECK_INT(mkdir_parents(path, 0755), >=, 0);
			CHECK_INT(symlink("/dev/null", path), ==, 0);
		}
		CHECK_INT(world_start(&w), ==, 0);
		CHECK_STR(world_wait(&w, "default.target", "ActiveState", "active", 15000),
		          "active");
		ran = world_text(&w, "ran");
		log = world_text(&w, "log");
		expected = str_printf("sysmaster-boot %s /run/systemd/generator "
		                      "/run/systemd/generator.early /run/systemd/generator.late\n",
		                      rows[i].ran);
		CHECK_INT(strstr(ran, expected) ? (long) i : -1L, ==, (long) i);
		CHECK_INT(strstr(ran, rows[i].not_ran) ? -1L : (long) i, ==, (long) i);
		if (i == 2)
			CHECK(strstr(ran, "systemd-fstab-generator /run/systemd/generator ") !=
			      NULL);
		CHECK(strstr(log, "sysmaster-boot\" failed with exit status 3") != NULL);
	}
}

TEST(power__signal_while_generators_run_ends_the_container)
{
	int status = 0;

	WITH_WORLD(w);
	put_targets(&w, "");
	world_put(&w, "poweroff.target",
	          "[Unit]\nDefaultDependencies=no\nRequires=last.service\nAfter=last.service\n");
	world_put(&w, "last.service",
	          "[Unit]\nDefaultDependencies=no\nSuccessAction=poweroff-force\n"
	          "[Service]\nType=oneshot\nExecStart=/bin/true\n");
	put_slow_generator(&w);
	CHECK_INT(world_start(&w), ==, 0);
	CHECK(wait_for_file(&w, "generating"));
	CHECK_INT(kill(w.init, SIGRTMIN + 4), ==, 0);
	for (long long end = world_msec() + 20000; w.init > 0 && world_msec() < end; usleep(20000))
		if (waitpid(w.init, &status, WNOHANG) == w.init)
			w.init = 0;
	CHECK_INT(w.init, ==, 0);
}

TEST(power__exit_target_ends_the_container_in_order)
{
	int status;

	WITH_WORLD(w);
	put_targets(&w, "a.service");
	world_put(&w, "a.service", "[Service]\n" FOREVER "ExecStop=/bin/touch %s/stopped\n", w.dir);
	world_put(&w, "exit.target",
	          "[Unit]\nDefaultDependencies=no\nRequires=systemd-exit.service\nAfter=systemd-"
	          "exit.service\nAllowIsolate=yes\n");
	world_put(&w, "systemd-exit.service",
	          "[Unit]\nDefaultDependencies=no\nRequires=shutdown.target\nAfter=shutdown."
	          "target\nSuccessAction=exit-force\n"
	          "SuccessActionExitStatus=5\n[Service]\nType=oneshot\nExecStart=/bin/true\n");
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_wait(&w, "a.service", "SubState", "running", 5000), "running");
	cJSON *p = cJSON_CreateObject(), *reply = NULL;
	json_add_string(p, "kind", "exit");
	CHECK_INT(world_call(&w, "org.sysmaster.Manager.Shutdown", p, &reply), ==, 0);
	json_free(reply);
	for (int i = 0; i < 1000 && waitpid(w.init, &status, WNOHANG) == 0; i++)
		usleep(10000);
	w.init = 0;
	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), ==, 5);
	CHECK(world_has_file(&w, "stopped"));
}
