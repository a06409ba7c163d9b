// SPDX-License-Identifier: Apache-2.0
/* Sockets, timers, paths, mounts: units that start others, or that the kernel shows. */
#include "types-world.h"

#include <sys/socket.h>
#include <sys/un.h>

/* A client beside the world: its sockets are in the same file system. */
static int talk(const char *path, const char *what, char *answer, size_t size)
{
	auto_fd int fd = unix_connect(path, SOCK_STREAM);
	ssize_t n;

	if (fd < 0)
		return fd;
	fd_set_nonblock(fd, false);
	if (write(fd, what, strlen(what)) < 0 || shutdown(fd, SHUT_WR) < 0)
		return -errno;
	n = read(fd, answer, size - 1);
	answer[n > 0 ? n : 0] = 0;
	return n < 0 ? -errno : 0;
}

static const char serve_script[] =
	"import os, socket\n"
	"s = socket.socket(fileno=3)\n"
	"c, _ = s.accept()\n"
	"mine = os.environ['LISTEN_PID'] == str(os.getpid())\n"
	"c.send(('%s %s ' % (os.environ['LISTEN_FDNAMES'], mine)).encode() + c.recv(99))\n";

TEST(socket__starts_its_service_and_outlives_core)
{
	char answer[64];

	WITH_WORLD(w);
	put_targets(&w);
	auto_free char *path = path_join(w.dir, "s.sock");
	world_put(&w, "a.socket",
	          "[Socket]\nListenStream=%s\nFileDescriptorName=here\nSymlinks=%s/link\n", path,
	          w.dir);
	auto_free char *script = path_join(w.dir, "serve.py");
	CHECK_INT(file_write_atomic(script, serve_script, sizeof(serve_script) - 1, 0755, false),
	          ==, 0);
	world_put(&w, "a.service", "[Service]\nExecStart=/usr/bin/python3 %s\n", script);
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "a.socket"), "done");
	CHECK_STATE(&w, "a.socket", "listening");
	CHECK(world_has_file(&w, "link"));
	for (int round = 0; round < 3; round++) {
		CHECK_INT(talk(path, "hello", answer, sizeof(answer)), ==, 0);
		CHECK_STR(answer, "here True hello");
		CHECK_STATE(&w, "a.service", "dead");
		CHECK_STATE(&w, "a.socket", "listening");
		CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
		CHECK_STATE(&w, "a.socket", "listening");
	}
	/* What came in while there was no core is served by the next one. */
	CHECK_INT(kill(world_core(&w), SIGKILL), ==, 0);
	CHECK_INT(talk(path, "early", answer, sizeof(answer)), ==, 0);
	CHECK_STR(answer, "here True early");
	CHECK_STR(world_order(&w, "stop", "a.socket"), "done");
}

TEST(socket__accept_starts_an_instance_a_connection)
{
	char answer[256];

	WITH_WORLD(w);
	put_targets(&w);
	auto_free char *path = path_join(w.dir, "s.sock");
	world_put(&w, "a.socket", "[Socket]\nListenStream=%s\nAccept=yes\nMaxConnections=2\n",
	          path);
	world_put(&w, "a@.service",
	          "[Service]\nStandardInput=socket\nExecStart=/bin/sh -c 'read x; echo $x %%i'\n");
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "a.socket"), "done");
	for (int i = 0; i < 5; i++) {
		auto_free char *want = str_printf("hi %d-", i);

		CHECK_INT(talk(path, "hi\n", answer, sizeof(answer)), ==, 0);
		if (!str_after(answer, want))
			printf("\n      answer \"%s\", wanted \"%s...\"", answer, want);
		CHECK(str_after(answer, want) != NULL);
	}
	CHECK_STR(world_wait(&w, "a.socket", "NConnections", "0", 5000), "0");
	CHECK_STR(world_property(&w, "a.socket", "NAccepted"), "5");
	CHECK_STATE(&w, "a.socket", "listening");
}

/* An accepted connection is core's alone until its process has it, and nobody can have it again. */
TEST(socket__accepted_connection_outlives_core)
{
	char answer[64] = "";

	WITH_WORLD(w);
	put_targets(&w);
	auto_free char *path = path_join(w.dir, "s.sock"), *job = path_join(w.dir, "job"),
		       *pre = path_join(w.dir, "pre");
	/* It waits for a job first, then for a command before its own. */
	world_put(&w, "slow.service",
	          "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'until test -e %s; do sleep "
	          "0.02; done'\n",
	          job);
	world_put(&w, "a.socket", "[Socket]\nListenStream=%s\nAccept=yes\n", path);
	world_put(&w, "a@.service",
	          "[Unit]\nWants=slow.service\nAfter=slow.service\n"
	          "[Service]\nStandardInput=socket\n"
	          "ExecStartPre=/bin/sh -c 'until test -e %s; do sleep 0.02; done'\n"
	          "ExecStart=/bin/sh -c 'read x; echo got $x'\n",
	          pre);
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "a.socket"), "done");
	auto_fd int fd = unix_connect(path, SOCK_STREAM);
	fd_set_nonblock(fd, false);
	CHECK_INT(write(fd, "hi\n", 3), ==, 3);
	CHECK_STR(world_wait(&w, "slow.service", "SubState", "start", 5000), "start");
	CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
	CHECK_STR(world_property(&w, "a.socket", "NConnections"), "1");
	CHECK_INT(file_write_atomic(job, "", 0, 0644, false), ==, 0);
	CHECK_STR(world_wait(&w, "slow.service", "SubState", "dead", 5000), "dead");
	CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
	CHECK_STR(world_property(&w, "a.socket", "NConnections"), "1");
	CHECK_INT(file_write_atomic(pre, "", 0, 0644, false), ==, 0);
	CHECK_INT(read(fd, answer, sizeof(answer) - 1), ==, 7);
	CHECK_STR(answer, "got hi\n");
	/* The end of its process is the end of the connection: nobody keeps it. */
	CHECK_STR(world_wait(&w, "a.socket", "NConnections", "0", 5000), "0");
	CHECK_INT(read(fd, answer, sizeof(answer) - 1), ==, 0);
	CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
	CHECK_STR(world_property(&w, "a.socket", "NConnections"), "0");
	CHECK_STR(world_property(&w, "a.socket", "NAccepted"), "1");
}

TEST(socket__fifo_and_datagram)
{
	WITH_WORLD(w);
	put_targets(&w);
	auto_free char *fifo = path_join(w.dir, "fifo"), *dgram = path_join(w.dir, "dgram");
	world_put(&w, "a.socket",
	          "[Socket]\nListenFIFO=%s\nListenDatagram=%s\nSocketMode=0600\nRemoveOnStop=yes\n",
	          fifo, dgram);
	world_put(&w, "a.service",
	          "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo $LISTEN_FDS >%1$s/n; head "
	          "-c 3 <&3 >%1$s/got'\n",
	          w.dir);
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "a.socket"), "done");
	struct stat st;
	CHECK_INT(stat(dgram, &st), ==, 0);
	CHECK_INT(st.st_mode & 0777, ==, 0600);
	auto_fd int fd = open(fifo, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	CHECK_INT(fd, >=, 0);
	CHECK_INT(write(fd, "abc", 3), ==, 3);
	for (int i = 0; i < 300 && !world_has_file(&w, "got"); i++)
		usleep(10000);
	CHECK_STATE(&w, "a.service", "dead");
	CHECK_STATE(&w, "a.socket", "listening");
	auto_free char *n = world_file(&w, "n"), *got = world_file(&w, "got");
	CHECK_STR(n, "2\n");
	CHECK_STR(got, "abc");
	CHECK_STR(world_order(&w, "stop", "a.socket"), "done");
	CHECK(!world_has_file(&w, "dgram"));
}

TEST(socket__does_not_spin_on_a_service_that_fails)
{
	WITH_WORLD(w);
	put_targets(&w);
	auto_free char *path = path_join(w.dir, "s.sock");
	world_put(&w, "a.socket", "[Socket]\nListenStream=%s\n", path);
	world_put(&w, "a.service", "[Service]\nExecStart=/bin/false\n");
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "a.socket"), "done");
	auto_fd int fd = unix_connect(path, SOCK_STREAM);
	CHECK_INT(fd, >=, 0);
	CHECK_STATE(&w, "a.socket", "failed");
	const char *result = world_property(&w, "a.socket", "Result");
	CHECK(streq(result, "service-start-limit-hit") || streq(result, "trigger-limit-hit"));
}

TEST(timer__elapses_and_says_so)
{
	WITH_WORLD(w);
	put_targets(&w);
	world_put(&w, "a.timer", "[Timer]\nOnActiveSec=200ms\nAccuracySec=1ms\n");
	world_put(&w, "a.service", "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'env >%s/env'\n",
	          w.dir);
	world_put(&w, "often.timer",
	          "[Timer]\nOnActiveSec=10ms\nOnUnitInactiveSec=50ms\nAccuracySec=1ms\n");
	world_put(&w, "often.service",
	          "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo x >>%s/often'\n", w.dir);
	world_put(&w, "cal.timer",
	          "[Timer]\nOnCalendar=*:*:*\nAccuracySec=1ms\nUnit=cal-work.service\n");
	world_put(&w, "cal-work.service",
	          "[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=oneshot\nExecStart=/bin/sh -c "
	          "'echo x >>%s/cal'\n",
	          w.dir);
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "a.timer"), "done");
	CHECK_STATE(&w, "a.timer", "waiting");
	/* A deadline is absolute: a restart of core neither loses nor moves it. */
	CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
	CHECK_STATE(&w, "a.timer", "elapsed");
	auto_free char *env = world_file(&w, "env");
	CHECK(env && strstr(env, "TRIGGER_UNIT=a.timer"));
	CHECK_STR(world_order(&w, "start", "cal.timer"), "done");
	CHECK_STR(world_order(&w, "start", "often.timer"), "done");
	for (int i = 0; i < 500; i++) {
		auto_free char *often = world_file(&w, "often"), *cal = world_file(&w, "cal");

		if (often && strlen(often) >= 6 && cal && strlen(cal) >= 4)
			break;
		usleep(10000);
	}
	auto_free char *often = world_file(&w, "often"), *cal = world_file(&w, "cal");
	CHECK_INT(strlen(often), >=, 6);
	CHECK_INT(strlen(cal), >=, 4);
	CHECK_STR(world_order(&w, "stop", "often.timer"), "done");
	CHECK_STATE(&w, "often.timer", "dead");
}

/* The zone of the world, whose /etc is a copy. */
static int set_zone(const struct world *w, const char *name)
{
	auto_free char *path = str_printf("/proc/%d/root/etc/localtime", (int) w->init),
		       *target = str_printf("/usr/share/zoneinfo/%s", name);

	return symlink_atomic(target, path);
}

static const char *lines_reach(struct world *w, const char *name, size_t n)
{
	static char seen[32];

	for (int i = 0; i < 1000; i++) {
		auto_free char *text = world_file(w, name);

		snprintf(seen, sizeof(seen), "%zu", text ? strlen(text) / 2 : 0);
		if (text && strlen(text) >= 2 * n)
			break;
		usleep(10000);
	}
	return seen;
}

/* A timer and the service that it triggers in one call, as systemd-run(1) makes them. */
static int run_on_zone(struct world *w, const char *file)
{
	auto_free char *command = str_printf("ExecStart=/bin/sh -c 'echo x >>%s/%s'", w->dir, file);
	char *timer[] = {(char *) (uintptr_t) "OnTimezoneChange=yes",
	                 (char *) (uintptr_t) "RemainAfterElapse=no", NULL},
	     *service[] = {command, NULL};
	cJSON *p = cJSON_CreateObject(), *aux = cJSON_CreateArray(), *a = cJSON_CreateObject();
	auto_json cJSON *answer = NULL;

	json_add_string(p, "name", "run-1.timer");
	json_add_strv(p, "properties", timer);
	json_add_string(a, "name", "run-1.service");
	json_add_strv(a, "properties", service);
	json_append_take(aux, a);
	json_add_take(p, "aux", aux);
	return world_call(w, "org.sysmaster.Unit.StartTransient", p, &answer);
}

TEST(timer__hears_of_another_time_zone)
{
	char before[64], after[64];

	WITH_WORLD(w);
	put_targets(&w);
	world_put(&w, "etc.service",
	          "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'mkdir "
	          "/run/etc && cp -a /etc/. /run/etc && mount --bind /run/etc /etc'\n");
	world_put(&w, "zone.timer", "[Timer]\nOnTimezoneChange=yes\n");
	world_put(&w, "zone.service",
	          "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo x >>%s/zone'\n", w.dir);
	/* Noon on a day that comes after the test. */
	world_put(&w, "noon.timer", "[Timer]\nOnCalendar=2099-01-01 12:00:00\nUnit=zone.service\n");
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "etc.service"), "done");
	CHECK_INT(set_zone(&w, "Etc/UTC"), ==, 0);
	CHECK_STR(world_order(&w, "start", "zone.timer"), "done");
	CHECK_STR(world_order(&w, "start", "noon.timer"), "done");
	CHECK_STATE(&w, "zone.timer", "waiting");
	CHECK_INT(run_on_zone(&w, "run"), ==, 0);
	snprintf(before, sizeof(before), "%s",
	         world_property(&w, "noon.timer", "NextElapseUSecRealtime"));
	CHECK_INT(set_zone(&w, "Pacific/Kiritimati"), ==, 0);
	CHECK_STR(lines_reach(&w, "zone", 1), "1");
	CHECK_STR(lines_reach(&w, "run", 1), "1");
	CHECK_STATE(&w, "zone.timer", "waiting");
	/* Fourteen hours before UTC. */
	snprintf(after, sizeof(after), "%lld", atoll(before) - 14LL * 3600 * 1000000);
	CHECK_STR(world_wait(&w, "noon.timer", "NextElapseUSecRealtime", after, 5000), after);
	/* The same zone again is no change; and one while there is no core is found by the next one. */
	CHECK_INT(set_zone(&w, "Pacific/Kiritimati"), ==, 0);
	CHECK_INT(kill(world_core(&w), SIGKILL), ==, 0);
	CHECK_INT(set_zone(&w, "Etc/UTC"), ==, 0);
	CHECK_STR(world_wait(&w, "noon.timer", "NextElapseUSecRealtime", before, 10000), before);
	CHECK_STR(lines_reach(&w, "zone", 2), "2");
	CHECK_STATE(&w, "zone.timer", "waiting");
	CHECK_STR(lines_reach(&w, "zone", 2), "2");
}

TEST(path__exists_changed_and_not_empty)
{
	WITH_WORLD(w);
	put_targets(&w);
	auto_free char *file = path_join(w.dir, "p/q/file"), *dir = path_join(w.dir, "d"),
		       *in_dir = path_join(w.dir, "d/x"), *changed = path_join(w.dir, "changed");
	world_put(&w, "e.path", "[Path]\nPathExists=%s\n", file);
	world_put(&w, "e.service",
	          "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'echo "
	          "$TRIGGER_PATH >%s/e'\n",
	          w.dir);
	world_put(&w, "d.path", "[Path]\nDirectoryNotEmpty=%s\nMakeDirectory=yes\n", dir);
	world_put(&w, "d.service", "[Service]\nType=oneshot\nExecStart=/bin/rm -f %s\n", in_dir);
	world_put(&w, "c.path", "[Path]\nPathChanged=%s\n", changed);
	world_put(&w, "c.service",
	          "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo x >>%s/c'\n", w.dir);
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "e.path"), "done");
	CHECK_STR(world_order(&w, "start", "d.path"), "done");
	CHECK_STR(world_order(&w, "start", "c.path"), "done");
	CHECK_STATE(&w, "e.path", "waiting");
	CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
	CHECK_STATE(&w, "e.path", "waiting");
	CHECK_INT(mkdir_parents(file, 0755), ==, 0);
	CHECK_INT(file_write_atomic(file, "", 0, 0644, false), ==, 0);
	CHECK_STATE(&w, "e.path", "running");
	CHECK_STATE(&w, "e.service", "exited");
	auto_free char *e = world_file(&w, "e");
	CHECK(e && str_after(e, file));
	for (int i = 0; i < 3; i++) {
		CHECK_INT(file_write_atomic(in_dir, "", 0, 0644, false), ==, 0);
		for (int k = 0; k < 500 && access(in_dir, F_OK) >= 0; k++)
			usleep(10000);
		CHECK_INT(access(in_dir, F_OK), <, 0);
	}
	CHECK_STATE(&w, "d.path", "waiting");
	CHECK_INT(file_write_atomic(changed, "1", 1, 0644, false), ==, 0);
	for (int k = 0; k < 500 && !world_has_file(&w, "c"); k++)
		usleep(10000);
	CHECK(world_has_file(&w, "c"));
}

/* Core is stopped, the file changes, core is killed: the next one hears of it. */
TEST(path__hears_of_a_change_while_there_is_no_core)
{
	WITH_WORLD(w);
	put_targets(&w);
	auto_free char *changed = path_join(w.dir, "changed"), *other = path_join(w.dir, "other");
	world_put(&w, "c.path", "[Path]\nPathChanged=%s\n", changed);
	world_put(&w, "c.service",
	          "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo x >>%s/c'\n", w.dir);
	world_put(&w, "o.path", "[Path]\nPathChanged=%s\n", other);
	world_put(&w, "o.service",
	          "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo x >>%s/o'\n", w.dir);
	CHECK_INT(file_write_atomic(changed, "1", 1, 0644, false), ==, 0);
	CHECK_INT(file_write_atomic(other, "1", 1, 0644, false), ==, 0);
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "c.path"), "done");
	CHECK_STR(world_order(&w, "start", "o.path"), "done");
	CHECK_INT(kill(world_core(&w), SIGSTOP), ==, 0);
	auto_fd int fd = open(changed, O_WRONLY | O_APPEND | O_CLOEXEC);
	CHECK_INT(write(fd, "2", 1), ==, 1);
	fd = fd_close(fd);
	CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
	for (int k = 0; k < 500 && !world_has_file(&w, "c"); k++)
		usleep(10000);
	CHECK(world_has_file(&w, "c"));
	CHECK_STATE(&w, "c.path", "waiting");
	CHECK(!world_has_file(&w, "o"));
}

static char *mount_unit(const char *path)
{
	char *name = NULL;
	/* The tests do not link core's rooms: "/tmp/core-world.abc/mnt" has no character that has
	 * to be escaped. */
	auto_free char *copy = strdup(path + 1);
	auto_strbuf struct strbuf b = {.max = 0};

	for (const char *p = copy; *p; p++)
		if (*p == '/')
			strbuf_puts(&b, "-");
		else if (*p == '-')
			strbuf_puts(&b, "\\x2d");
		else
			strbuf_add(&b, p, 1);
	strbuf_puts(&b, ".mount");
	return strbuf_take(&b, &name) < 0 ? NULL : name;
}

TEST(mount__by_system_call_and_by_command)
{
	WITH_WORLD(w);
	put_targets(&w);
	auto_free char *direct = path_join(w.dir, "direct"), *bound = path_join(w.dir, "bound"),
		       *d = mount_unit(direct), *b = mount_unit(bound),
		       *inside = path_join(w.dir, "units");
	world_put(&w, d,
	          "[Mount]\nWhat=tmpfs\nType=tmpfs\nWhere=%s\nOptions=mode=0700,nosuid,size=1m,"
	          "nofail\n",
	          direct);
	world_put(&w, b, "[Mount]\nWhat=%s\nWhere=%s\nOptions=bind\n", inside, bound);
	world_put(&w, "bad.target", "[Unit]\nRequires=mnt-bad.mount\nAfter=mnt-bad.mount\n");
	world_put(&w, "mnt-bad.mount", "[Mount]\nWhat=/nonexistent\nWhere=/mnt/bad\nType=ext4\n");
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", d), "done");
	CHECK_STATE(&w, d, "mounted");
	CHECK_STR(world_property(&w, d, "Type"), "tmpfs");
	CHECK_STR(world_order(&w, "start", b), "done");
	CHECK_STATE(&w, b, "mounted");
	CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
	CHECK_STATE(&w, d, "mounted");
	CHECK_STATE(&w, b, "mounted");
	CHECK_STR(world_order(&w, "stop", b), "done");
	CHECK_STATE(&w, b, "dead");
	CHECK_STR(world_order(&w, "stop", d), "done");
	CHECK_STATE(&w, d, "dead");
	CHECK_STR(world_order(&w, "start", "mnt-bad.mount"), "failed");
	CHECK_STR(world_property(&w, "mnt-bad.mount", "Result"), "exit-code");
	CHECK_STR(world_order(&w, "start", "bad.target"), "dependency");
	CHECK_STR(world_property(&w, "-.mount", "SubState"), "mounted");
}

TEST(mount__of_others_is_seen)
{
	WITH_WORLD(w);
	put_targets(&w);
	auto_free char *where = path_join(w.dir, "other"), *name = mount_unit(where);
	world_put(&w, "m.service",
	          "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'mkdir -p "
	          "%1$s; mount -t tmpfs mine %1$s'\n"
	          "ExecStop=/bin/umount %1$s\n",
	          where);
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "m.service"), "done");
	CHECK_STATE(&w, name, "mounted");
	CHECK_STR(world_property(&w, name, "What"), "mine");
	CHECK_STR(world_order(&w, "stop", "m.service"), "done");
	CHECK_STATE(&w, name, "dead");
}

TEST(slices__init_scope_and_root_are_there)
{
	WITH_WORLD(w);
	put_targets(&w);
	world_put(&w, "t@.service", "[Service]\n" FOREVER);
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STATE(&w, "-.slice", "active");
	CHECK_STATE(&w, "system.slice", "active");
	CHECK_STATE(&w, "init.scope", "running");
	CHECK_STR(world_order(&w, "start", "t@x.service"), "done");
	CHECK_STR(world_property(&w, "t@x.service", "ControlGroup"),
	          "/system.slice/system-t.slice/t@x.service");
	CHECK_STATE(&w, "system-t.slice", "active");
	CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
	CHECK_STATE(&w, "system-t.slice", "active");
	CHECK_STATE(&w, "init.scope", "running");
}

/* A stand-in for udevd: one packet on the multicast group, from within the world. Its last words are the
 * Bloom bits of the tag "systemd", by which core's socket filters. */
static const char udev_script[] = "import socket, struct, sys\n"
				  "p = b''.join(a.encode() + b'\\0' for a in sys.argv[1:])\n"
				  "h = b'libudev\\0' + struct.pack('>I', 0xfeedcafe) + "
				  "struct.pack('III', 40, 40, len(p)) + bytes(8) + "
				  "struct.pack('>II', 0x02000400, 0x10800000)\n"
				  "s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15)\n"
				  "s.bind((0, 0))\n"
				  "s.sendto(h + p, (0, 2))\n";

#define UDEV(action)                                                                               \
	"[Service]\nType=oneshot\nExecStart=/usr/bin/python3 %s ACTION=" action                    \
	" DEVPATH=/devices/virtual/mem/null SUBSYSTEM=mem DEVNAME=/dev/null MAJOR=1 MINOR=3 "      \
	"TAGS=:systemd: SYSTEMD_ALIAS=/dev/alias SYSTEMD_WANTS=wanted.service\n"

TEST(device__comes_and_goes_with_udev)
{
	WITH_WORLD(w);
	put_targets(&w);
	auto_free char *script = path_join(w.dir, "udev.py");
	CHECK_INT(file_write_atomic(script, udev_script, sizeof(udev_script) - 1, 0755, false), ==,
	          0);
	world_put(&w, "plug.service", UDEV("add"), script);
	world_put(&w, "unplug.service", UDEV("remove"), script);
	world_put(&w, "wanted.service", "[Service]\n" FOREVER);
	world_put(&w, "bound.service",
	          "[Unit]\nBindsTo=dev-null.device\nAfter=dev-null.device\n[Service]\n" FOREVER);
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STATE(&w, "dev-null.device", "dead");
	CHECK_STR(world_order(&w, "start", "plug.service"), "done");
	CHECK_STATE(&w, "dev-null.device", "plugged");
	CHECK_STATE(&w, "dev-alias.device", "plugged");
	CHECK_STATE(&w, "sys-devices-virtual-mem-null.device", "plugged");
	CHECK_STATE(&w, "wanted.service", "running");
	CHECK_STR(world_order(&w, "start", "bound.service"), "done");
	CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
	CHECK_STATE(&w, "dev-null.device", "plugged");
	CHECK_STATE(&w, "bound.service", "running");
	CHECK_STR(world_order(&w, "start", "unplug.service"), "done");
	CHECK_STATE(&w, "dev-null.device", "dead");
	CHECK_STATE(&w, "dev-alias.device", "dead");
	CHECK_STATE(&w, "bound.service", "dead");
}

/* A file of the world's /run/udev, or none of this name. */
static void udev_file(struct world *w, const char *name, const char *text)
{
	auto_free char *path = str_printf("/proc/%d/root/run/udev/%s", (int) w->init, name);

	if (!text) {
		CHECK_INT(unlink(path), ==, 0);
		return;
	}
	CHECK_INT(mkdir_parents(path, 0755), >=, 0);
	CHECK_INT(file_write_atomic(path, text, strlen(text), 0644, false), ==, 0);
}

/* Core ends, and no other one begins before the database is another. */
static void udev_while_core_is_away(struct world *w, const char *data, const char *tag)
{
	pid_t core = world_core(w);

	CHECK_INT(kill(w->init, SIGSTOP), ==, 0);
	CHECK_INT(kill(core, SIGKILL), ==, 0);
	udev_file(w, "data/c1:3", data);
	udev_file(w, "tags/systemd/c1:3", tag);
	CHECK_INT(kill(w->init, SIGCONT), ==, 0);
}

TEST(device__is_what_udev_wrote_while_there_was_no_core)
{
	static const char ready[] = "E:SYSTEMD_WANTS=wanted.service\nG:systemd\nQ:systemd\nV:1\n",
			  busy[] = "E:SYSTEMD_READY=0\nG:systemd\nQ:systemd\nV:1\n";

	WITH_WORLD(w);
	put_targets(&w);
	world_put(&w, "wanted.service",
	          "[Unit]\nBindsTo=dev-null.device\nAfter=dev-null.device\n[Service]\n" FOREVER);
	CHECK_INT(world_start(&w), ==, 0);
	/* A core that dies before it has stored anything leaves a boot that begins again. */
	CHECK_STATE(&w, "default.target", "active");
	CHECK_STATE(&w, "dev-null.device", "dead");
	udev_while_core_is_away(&w, ready, "");
	CHECK_STATE(&w, "dev-null.device", "plugged");
	CHECK_STATE(&w, "wanted.service", "running");
	udev_while_core_is_away(&w, busy, "");
	CHECK_STATE(&w, "dev-null.device", "dead");
	CHECK_STATE(&w, "wanted.service", "dead");
	/* Not wanted.service: a stop of it that is not over yet is stronger than a wish. */
	udev_while_core_is_away(&w, ready, "");
	CHECK_STATE(&w, "dev-null.device", "plugged");
	udev_while_core_is_away(&w, NULL, NULL);
	CHECK_STATE(&w, "dev-null.device", "dead");
	CHECK_STATE(&w, "wanted.service", "dead");
}

/* What cannot be read is not known: neither gone nor to be forgotten. A folder in place of the file is an error that lasts. */
TEST(device__whose_database_cannot_be_read_stays_what_it_was_and_is_looked_at_again)
{
	static const char ready[] = "E:SYSTEMD_WANTS=wanted.service\nG:systemd\nQ:systemd\nV:1\n";

	WITH_WORLD(w);
	put_targets(&w);
	world_put(&w, "wanted.service",
	          "[Unit]\nBindsTo=dev-null.device\nAfter=dev-null.device\n[Service]\n" FOREVER);
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STATE(&w, "default.target", "active");
	auto_free char *folder = str_printf("/proc/%d/root/run/udev/data/c1:3", (int) w.init);
	auto_free char *tag = str_printf("/proc/%d/root/run/udev/tags/systemd/c1:3", (int) w.init);
	for (int core = 0; core < 2; core++) {
		/* First one that nobody has heard of, then one that is plugged. */
		pid_t before = world_core(&w);
		CHECK_INT(kill(w.init, SIGSTOP), ==, 0);
		CHECK_INT(kill(before, SIGKILL), ==, 0);
		if (core > 0)
			CHECK_INT(unlink(folder), ==, 0);
		CHECK_INT(mkdir_p(folder, 0755), >=, 0);
		udev_file(&w, "tags/systemd/c1:3", "");
		CHECK_INT(kill(w.init, SIGCONT), ==, 0);
		CHECK_STATE(&w, "dev-null.device", core ? "plugged" : "dead");
		usleep(300000);
		CHECK_STATE(&w, "dev-null.device", core ? "plugged" : "dead");
		CHECK_STATE(&w, "wanted.service", core ? "running" : "dead");
		CHECK_INT(rmdir(folder), ==, 0);
		udev_file(&w, "data/c1:3", ready);
		CHECK_STATE(&w, "dev-null.device", "plugged");
		CHECK_STATE(&w, "wanted.service", "running");
	}
	CHECK_INT(unlink(tag), ==, 0);
}

/* A generator that does as udevd of an initramfs does, then something once, and then makes the unit. */
static void put_early_udev(struct world *w, const char *end)
{
	auto_free char *path = path_join(w->dir, "generators/udev");
	auto_free char *text = str_printf(
		"#!/bin/sh\nmkdir -p /run/udev/data /run/udev/tags/systemd\n"
		"printf 'E:SYSTEMD_WANTS=wanted.service\\nG:systemd\\nQ:systemd\\nV:1\\n' "
		">/run/udev/data/c1:3\n: >/run/udev/tags/systemd/c1:3\n"
		"[ -e /run/once ] || { : >/run/once; %s; }\n"
		"printf '[Service]\\nExecStart=/bin/sleep infinity\\n' >$1/wanted.service\n",
		end);

	CHECK_INT(mkdir_parents(path, 0755), >=, 0);
	CHECK_INT(file_write_atomic(path, text, strlen(text), 0755, false), ==, 0);
}

static void check_early_device(const char *end)
{
	WITH_WORLD(w);
	put_targets(&w);
	put_early_udev(&w, end);
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STATE(&w, "dev-null.device", "plugged");
	CHECK_STATE(&w, "wanted.service", "running");
	/* Once: what was stopped stays so, whatever becomes of core. */
	CHECK_STATE(&w, "default.target", "active");
	CHECK_STR(world_order(&w, "stop", "wanted.service"), "done");
	CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
	CHECK_STATE(&w, "dev-null.device", "plugged");
	CHECK_STATE(&w, "wanted.service", "dead");
}

TEST(device__that_was_there_before_the_first_core_starts_what_it_wants)
{
	check_early_device("true");
}

/* The boot begins again, and the device is still news to it. */
TEST(device__that_was_there_before_a_core_that_died_in_the_boot_starts_what_it_wants)
{
	check_early_device("kill -9 $PPID; exit");
}

/* Who looks waits in the kernel while there is no core; the next one has to get past the point, too. */
TEST(automount__is_answered_by_the_next_core)
{
	if (access("/dev/autofs", F_OK) < 0) {
		printf(" (skipped: no /dev/autofs)");
		return;
	}
	WITH_WORLD(w);
	put_targets(&w);
	world_put(&w, "run-point.mount", "[Mount]\nWhat=tmpfs\nType=tmpfs\nWhere=/run/point\n");
	world_put(&w, "run-point.automount", "[Automount]\nWhere=/run/point\n");
	world_put(&w, "look.service",
	          "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'until [ -e "
	          "%1$s/go ]; do "
	          "sleep 0.02; done; echo >%1$s/gone; ls /run/point && touch %1$s/looked'\n",
	          w.dir);
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "run-point.automount"), "done");
	CHECK_INT(world_queue(&w, "start", "look.service"), ==, 0);
	auto_free char *go = path_join(w.dir, "go");
	pid_t core = world_core(&w);
	CHECK_INT(kill(w.init, SIGSTOP), ==, 0);
	CHECK_INT(kill(core, SIGKILL), ==, 0);
	CHECK_INT(file_write_atomic(go, "", 0, 0644, false), ==, 0);
	for (int i = 0; i < 500 && !world_has_file(&w, "gone"); i++)
		usleep(10000);
	usleep(100000);
	CHECK(!world_has_file(&w, "looked"));
	CHECK_INT(kill(w.init, SIGCONT), ==, 0);
	CHECK_STATE(&w, "look.service", "exited");
	CHECK(world_has_file(&w, "looked"));
	CHECK_STATE(&w, "run-point.automount", "running");
	CHECK_STATE(&w, "run-point.mount", "mounted");
	CHECK_STR(world_manager(&w, "core_restarts"), "1");
}

static void check_look(const char *settings)
{
	if (access("/dev/autofs", F_OK) < 0) {
		printf(" (skipped: no /dev/autofs)");
		return;
	}
	WITH_WORLD(w);
	put_targets(&w);
	auto_free char *where = path_join(w.dir, "auto"), *mount = mount_unit(where),
		       *automount = strdup(mount);
	strcpy(strrchr(automount, '.'), ".auto"); /* of ".mount": no longer than before */
	auto_free char *name = str_printf("%smount", automount);
	world_put(&w, mount, "[Mount]\n%s\nWhere=%s\n", settings, where);
	world_put(&w, name, "[Automount]\nWhere=%s\nTimeoutIdleSec=1s\n", where);
	world_put(&w, "look.service",
	          "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'ls %1$s && "
	          "stat -f -c %%%%T %1$s >%2$s/looked'\nTimeoutStartSec=20\n",
	          where, w.dir);
	CHECK_INT(world_start(&w), ==, 0);
	const char *result = world_order(&w, "start", name);
	if (streq(world_property(&w, name, "SubState"), "failed")) {
		printf(" (skipped: the kernel has no autofs)");
		return;
	}
	CHECK_STR(result, "done");
	CHECK_STATE(&w, name, "waiting");
	for (int round = 0; round < 2; round++) {
		CHECK_STR(world_order(&w, "start", "look.service"), "done");
		CHECK_STATE(&w, mount, "mounted");
		CHECK_STATE(&w, name, "running");
		auto_free char *looked = world_file(&w, "looked");
		CHECK_STR(looked, "tmpfs\n");
		/* Nobody is in it: it goes, and the point waits again, also for the next core. */
		CHECK_STR(world_wait(&w, mount, "SubState", "dead", 8000), "dead");
		CHECK_STATE(&w, name, "waiting");
		CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
		CHECK_STATE(&w, name, "waiting");
	}
	CHECK_STR(world_order(&w, "stop", name), "done");
	CHECK_STATE(&w, name, "dead");
}

TEST(automount__mounts_when_somebody_looks)
{
	check_look("What=tmpfs\nType=tmpfs");
}

/* By mount(8), which walks through the point itself. */
TEST(automount__mounts_by_a_process_when_somebody_looks)
{
	check_look("What=/dev/shm\nOptions=bind");
}
