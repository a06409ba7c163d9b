// SPDX-License-Identifier: Apache-2.0
/* The life of services of each type, with real processes. */
#include "types-world.h"

#include <sys/wait.h>

TEST(oneshot__runs_all_its_commands_in_order)
{
	WITH_WORLD(w);
	put_targets(&w);
	world_put(&w, "a.service",
	          "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStartPre=/bin/sh -c 'echo pre "
	          ">>%1$s/out'\n"
	          "ExecStart=/bin/sh -c 'echo one "
	          ">>%1$s/out'\nExecStart=-/bin/false\nExecStart=/bin/sh -c 'echo two >>%1$s/out'\n"
	          "ExecStartPost=/bin/sh -c 'echo post >>%1$s/out'\nExecStop=/bin/sh -c 'echo stop "
	          "$SERVICE_RESULT $EXIT_CODE $EXIT_STATUS >>%1$s/out'\n"
	          "ExecStopPost=/bin/sh -c 'echo stop-post >>%1$s/out'\n",
	          w.dir);
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "a.service"), "done");
	CHECK_STATE(&w, "a.service", "exited");
	CHECK_STR(world_order(&w, "stop", "a.service"), "done");
	auto_free char *out = world_file(&w, "out");
	CHECK_STR(out, "pre\none\ntwo\npost\nstop success exited 0\nstop-post\n");
	CHECK_STATE(&w, "a.service", "dead");
}

TEST(oneshot__failure_ends_it_and_stop_post_hears_of_it)
{
	WITH_WORLD(w);
	put_targets(&w);
	world_put(&w, "a.service",
	          "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'exit 3'\nExecStart=/bin/sh -c "
	          "'echo never >>%1$s/out'\n"
	          "ExecStop=/bin/sh -c 'echo never >>%1$s/out'\nExecStopPost=/bin/sh -c 'echo "
	          "$SERVICE_RESULT $EXIT_CODE $EXIT_STATUS >>%1$s/out'\n",
	          w.dir);
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "a.service"), "failed");
	CHECK_STATE(&w, "a.service", "failed");
	auto_free char *out = world_file(&w, "out");
	CHECK_STR(out, "exit-code exited 3\n");
}

TEST(condition__skips_without_failing)
{
	WITH_WORLD(w);
	put_targets(&w);
	/* Somebody who wants it keeps it in memory once it is dead. */
	world_put(&w, "keeps.target", "[Unit]\nWants=skip.service\n");
	world_put(&w, "skip.service", "[Service]\nExecCondition=/bin/sh -c 'exit 1'\n" FOREVER);
	world_put(&w, "fail.service", "[Service]\nExecCondition=/bin/sh -c 'exit 255'\n" FOREVER);
	world_put(&w, "go.service", "[Service]\nExecCondition=/bin/true\n" FOREVER);
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "keeps.target"), "done");
	CHECK_STATE(&w, "skip.service", "dead");
	CHECK_STR(world_property(&w, "skip.service", "Result"), "exec-condition");
	world_order(&w, "start", "fail.service");
	CHECK_STATE(&w, "fail.service", "failed");
	CHECK_STR(world_property(&w, "fail.service", "Result"), "exit-code");
	CHECK_STR(world_order(&w, "start", "go.service"), "done");
	CHECK_STATE(&w, "go.service", "running");
}

TEST(forking__main_process_from_pid_file_and_by_guess)
{
	WITH_WORLD(w);
	put_targets(&w);
	world_put(&w, "file.service",
	          "[Service]\nType=forking\nPIDFile=/run/file.pid\nExecStart=/bin/sh -c 'sleep "
	          "infinity & (sleep 0.2; echo $! >/run/file.pid)'\n");
	world_put(&w, "late.service",
	          "[Service]\nType=forking\nPIDFile=/run/late/x.pid\nExecStart=/bin/sh -c '(sleep "
	          "0.3; mkdir /run/late; sh -c \"echo \\\\$\\\\$ >/run/late/x.pid; exec sleep "
	          "infinity\") &'\n");
	world_put(&w, "guess.service",
	          "[Service]\nType=forking\nExecStart=/bin/sh -c 'sleep infinity & exit 0'\n");
	world_put(&w, "never.service",
	          "[Service]\nType=forking\nPIDFile=/run/never.pid\nExecStart=/bin/true\n");
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "file.service"), "done");
	CHECK_STATE(&w, "file.service", "running");
	CHECK_INT(world_number(&w, "file.service", "MainPID"), >, 1);
	CHECK_STR(world_order(&w, "start", "guess.service"), "done");
	CHECK_STATE(&w, "guess.service", "running");
	CHECK_INT(world_number(&w, "guess.service", "MainPID"), >, 1);
	CHECK_STR(world_order(&w, "start", "late.service"), "done");
	CHECK_STATE(&w, "late.service", "running");
	CHECK_INT(world_number(&w, "late.service", "MainPID"), >, 1);
	CHECK_STR(world_order(&w, "start", "never.service"), "failed");
	CHECK_STR(world_property(&w, "never.service", "Result"), "protocol");
	long pid = world_number(&w, "guess.service", "MainPID");
	CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
	CHECK_INT(world_number(&w, "guess.service", "MainPID"), ==, pid);
	CHECK_STR(world_order(&w, "stop", "guess.service"), "done");
	CHECK_INT(world_pid(&w, pid), ==, 0);
}

TEST(exec__knows_whether_the_program_could_be_executed)
{
	WITH_WORLD(w);
	put_targets(&w);
	world_put(&w, "good.service", "[Service]\nType=exec\n" FOREVER);
	world_put(&w, "quick.service", "[Service]\nType=exec\nExecStart=/bin/true\n");
	world_put(&w, "bad.service", "[Service]\nType=exec\nExecStart=/nonexistent\n");
	world_put(&w, "nobody.service", "[Service]\nType=exec\nUser=idontexist\n" FOREVER);
	world_put(&w, "bus.service", "[Service]\nType=dbus\nBusName=org.example.Test\n" FOREVER);
	world_put(&w, "dbus.socket",
	          "[Unit]\nDefaultDependencies=no\n[Socket]\nListenStream=@types-test-"
	          "dbus\nService=bus-itself.service\n");
	world_put(&w, "bus-itself.service", "[Service]\n" FOREVER);
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "good.service"), "done");
	CHECK_STATE(&w, "good.service", "running");
	CHECK_STR(world_order(&w, "start", "quick.service"), "done");
	CHECK_STR(world_order(&w, "start", "bad.service"), "failed");
	CHECK_INT(world_number(&w, "bad.service", "ExecMainStatus"), ==, 203);
	CHECK_STR(world_order(&w, "start", "nobody.service"), "failed");
	CHECK_INT(world_number(&w, "nobody.service", "ExecMainStatus"), ==, 217);
	CHECK_STR(world_order(&w, "start", "bus.service"), "done");
	CHECK_STATE(&w, "bus.service", "running");
}

static int on_attached(struct varlink_client *c, const char *error, const cJSON *parameters,
                       bool continues, void *userdata)
{
	(void) c, (void) parameters;
	*(bool *) userdata = !error && continues;
	return 0;
}

/* As the facade on a bus, for as long as *@c lives. */
static void attach(struct world *w, struct varlink_client **c)
{
	bool attached = false;

	*c = varlink_client_free(*c);
	CHECK_INT(varlink_connect_path(NULL, w->socket, c), ==, 0);
	CHECK_INT(varlink_send(*c, "org.sysmaster.Bus.Attach", NULL, VARLINK_MORE, on_attached,
	                       &attached),
	          ==, 0);
	for (int i = 0; i < 50 && !attached; i++)
		(void) varlink_wait(*c, 100 * USEC_PER_MSEC);
	CHECK(attached);
}

static void tell_owner(struct world *w, const char *owner, usec_t at)
{
	cJSON *p = cJSON_CreateObject(), *reply = NULL;

	json_add_string(p, "name", "org.example.Test");
	json_add_string(p, "owner", owner);
	json_add_u64(p, "at_usec", at);
	CHECK_INT(world_call(w, "org.sysmaster.Bus.NameOwner", p, &reply), ==, 0);
	cJSON_Delete(reply);
}

/* Each report has a connection of its own: they come late, and overtake each other. */
TEST(bus__a_name_is_lost_only_by_who_had_it)
{
	auto_cleanup(varlink_client_free) struct varlink_client *c = NULL;
	usec_t at;

	WITH_WORLD(w);
	put_targets(&w);
	world_put(&w, "bus.service", "[Service]\nType=dbus\nBusName=org.example.Test\n" FOREVER);
	world_put(&w, "dbus.socket",
	          "[Unit]\nDefaultDependencies=no\n[Socket]\nListenStream=@types-test-"
	          "dbus\nService=bus-itself.service\n");
	world_put(&w, "bus-itself.service", "[Service]\n" FOREVER);
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "bus.service"), "done");
	attach(&w, &c);
	/* The process before lost it, which was seen late. */
	tell_owner(&w, "", now(CLOCK_BOOTTIME));
	CHECK_STATE(&w, "bus.service", "running");
	at = now(CLOCK_BOOTTIME);
	tell_owner(&w, ":1.2", at);
	tell_owner(&w, "", at - 1);
	CHECK_STATE(&w, "bus.service", "running");

	usleep(200000); /* it is in the record by then */
	CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
	attach(&w, &c);
	tell_owner(&w, "", now(CLOCK_BOOTTIME));
	CHECK_STATE(&w, "bus.service", "dead");

	/* Seen before this core had found the process: it has the name all the same. */
	CHECK_INT(world_queue(&w, "start", "bus.service"), ==, 0);
	for (int i = 0; i < 500 && world_number(&w, "bus.service", "MainPID") <= 0; i++)
		usleep(10000);
	tell_owner(&w, ":1.3", 1);
	CHECK_STATE(&w, "bus.service", "running");
}

TEST(stop__escalates_to_sigkill)
{
	WITH_WORLD(w);
	put_targets(&w);
	world_put(&w, "deaf.service",
	          "[Service]\nTimeoutStopSec=300ms\nExecStart=/bin/sh -c 'trap \"\" TERM; touch "
	          "%s/up; while :; do sleep 0.05; done'\n",
	          w.dir);
	world_put(&w, "mixed.service",
	          "[Service]\nKillMode=mixed\nExecStart=/bin/sh -c 'sleep infinity & sleep "
	          "infinity & exec sleep infinity'\n");
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "deaf.service"), "done");
	for (int i = 0; i < 200 && !world_has_file(&w, "up"); i++)
		usleep(10000);
	long pid = world_number(&w, "deaf.service", "MainPID");
	long long begin = world_msec();
	CHECK_STR(world_order(&w, "stop", "deaf.service"), "done");
	CHECK_INT(world_msec() - begin, >=, 290);
	CHECK_INT(world_pid(&w, pid), ==, 0);
	CHECK_STATE(&w, "deaf.service", "failed");
	CHECK_STR(world_property(&w, "deaf.service", "Result"), "timeout");
	CHECK_STR(world_order(&w, "start", "mixed.service"), "done");
	CHECK_STR(world_order(&w, "stop", "mixed.service"), "done");
	CHECK_STATE(&w, "mixed.service", "dead");
}

TEST(restart__gives_up_at_the_start_limit)
{
	WITH_WORLD(w);
	put_targets(&w);
	world_put(&w, "a.service",
	          "[Unit]\nStartLimitIntervalSec=10s\nStartLimitBurst=3\nOnFailure=b.service\n["
	          "Service]\nRestart=always\nRestartSec=10ms\nExecStart=/bin/false\n");
	world_put(&w, "b.service",
	          "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'env "
	          ">%s/env'\n",
	          w.dir);
	CHECK_INT(world_start(&w), ==, 0);
	world_order(&w, "start", "a.service");
	CHECK_STATE(&w, "a.service", "failed");
	CHECK_STR(world_wait(&w, "a.service", "NRestarts", "3", 5000), "3");
	CHECK_STATE(&w, "b.service", "exited");
	auto_free char *env = world_file(&w, "env");
	CHECK(strstr(env, "MONITOR_UNIT=a.service"));
	CHECK(strstr(env, "MONITOR_SERVICE_RESULT="));
	CHECK_STR(world_order(&w, "restart", "a.service"), "failed");
}

TEST(timeouts__of_start_and_of_life)
{
	WITH_WORLD(w);
	put_targets(&w);
	world_put(&w, "start.service", "[Service]\nType=notify\nTimeoutStartSec=200ms\n" FOREVER);
	world_put(&w, "life.service", "[Service]\nRuntimeMaxSec=300ms\n" FOREVER);
	world_put(&w, "dog.service", "[Service]\nWatchdogSec=300ms\nTimeoutAbortSec=1s\n" FOREVER);
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "start.service"), "failed");
	CHECK_STR(world_property(&w, "start.service", "Result"), "timeout");
	CHECK_STR(world_order(&w, "start", "life.service"), "done");
	CHECK_STATE(&w, "life.service", "failed");
	CHECK_STR(world_property(&w, "life.service", "Result"), "timeout");
	CHECK_STR(world_order(&w, "start", "dog.service"), "done");
	CHECK_STATE(&w, "dog.service", "failed");
	CHECK_STR(world_property(&w, "dog.service", "Result"), "watchdog");
}

TEST(reload__by_command_and_by_notification)
{
	WITH_WORLD(w);
	put_targets(&w);
	world_put(&w, "a.service",
	          "[Service]\n" FOREVER "ExecReload=/bin/sh -c 'echo $MAINPID >%s/reload'\n",
	          w.dir);
	world_put(&w, "bad.service", "[Service]\n" FOREVER "ExecReload=/bin/false\n");
	world_put(&w, "n.service",
	          "[Service]\nType=notify-reload\nNotifyAccess=all\nExecStart=/bin/bash -c 'trap "
	          "\"systemd-notify RELOADING=1 "
	          "MONOTONIC_USEC=999999999999999; systemd-notify --ready --status=reloaded\" HUP; "
	          "systemd-notify --ready; while :; do sleep 0.05; done'\n");
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "a.service"), "done");
	CHECK_STR(world_order(&w, "reload", "a.service"), "done");
	auto_free char *pid = world_file(&w, "reload");
	CHECK_INT(strtol(pid, NULL, 10), ==, world_number(&w, "a.service", "MainPID"));
	CHECK_STR(world_order(&w, "start", "bad.service"), "done");
	CHECK_STR(world_order(&w, "reload", "bad.service"), "failed");
	CHECK_STATE(&w, "bad.service", "running");
	CHECK_STR(world_order(&w, "start", "n.service"), "done");
	CHECK_STR(world_order(&w, "reload", "n.service"), "done");
	CHECK_STR(world_property(&w, "n.service", "StatusText"), "reloaded");
	CHECK_STATE(&w, "n.service", "running");
}

static const char store_script[] =
	"import os, socket, sys, time\n"
	"n = int(os.environ.get('LISTEN_FDS', '0'))\n"
	"with open(sys.argv[1], 'a') as f:\n"
	"    f.write('%d %s %s;' % (n, os.environ.get('LISTEN_FDNAMES'), os.read(3, 100).decode() "
	"if n else ''))\n"
	"s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
	"s.connect(os.environ['NOTIFY_SOCKET'])\n"
	"r, w = os.pipe()\n"
	"os.write(w, b'kept')\n"
	"if not n:\n"
	"    socket.send_fds(s, [b'FDSTORE=1\\nFDNAME=pipe\\nFDPOLL=0'], [r])\n"
	"s.send(b'READY=1')\n"
	"time.sleep(1000)\n";

TEST(fd_store__outlives_core_and_the_service)
{
	WITH_WORLD(w);
	put_targets(&w);
	auto_free char *script = path_join(w.dir, "store.py");
	CHECK_INT(file_write_atomic(script, store_script, sizeof(store_script) - 1, 0755, false),
	          ==, 0);
	world_put(&w, "a.service",
	          "[Service]\nType=notify\nFileDescriptorStoreMax=4\nRestart=always\nRestartSec="
	          "10ms\n"
	          "ExecStart=/usr/bin/python3 %s %s/fds\n",
	          script, w.dir);
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "a.service"), "done");
	CHECK_STR(world_property(&w, "a.service", "NFileDescriptorStore"), "1");
	CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
	CHECK_STR(world_property(&w, "a.service", "NFileDescriptorStore"), "1");
	CHECK_INT(world_kill(&w, world_number(&w, "a.service", "MainPID"), SIGKILL), ==, 0);
	CHECK_STR(world_wait(&w, "a.service", "NRestarts", "1", 8000), "1");
	CHECK_STATE(&w, "a.service", "running");
	auto_free char *fds = world_file(&w, "fds");
	CHECK_STR(fds, "0 None ;1 pipe kept;");
}

/* Four deaths, each in another step; more in a row would be a crash loop for init. */
static void die_in_steps(int offset_ms)
{
	WITH_WORLD(w);
	put_targets(&w);
	world_put(&w, "a.service",
	          "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStartPre=/bin/sh -c 'sleep "
	          "0.2; echo pre >>%1$s/out'\n"
	          "ExecStart=/bin/sh -c 'sleep 0.2; echo one >>%1$s/out'\nExecStart=/bin/sh -c "
	          "'sleep 0.2; echo two >>%1$s/out'\n"
	          "ExecStartPost=/bin/sh -c 'sleep 0.2; echo post >>%1$s/out'\n",
	          w.dir);
	CHECK_INT(world_start(&w), ==, 0);
	cJSON *p = cJSON_CreateObject(), *names = cJSON_CreateArray(), *reply = NULL;
	cJSON_AddItemToArray(names, cJSON_CreateString("a.service"));
	json_add_string(p, "verb", "start");
	json_add_bool(p, "wait", false);
	json_add_take(p, "names", names);
	CHECK_INT(world_call(&w, "org.sysmaster.Unit.Queue", p, &reply), ==, 0);
	json_free(reply);
	CHECK_STR(world_wait(&w, "a.service", "SubState", "start-pre", 5000), "start-pre");
	usleep((useconds_t) offset_ms * 1000);
	for (int i = 0; i < 4; i++) {
		CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
		usleep(130000);
	}
	CHECK_STR(world_wait(&w, "a.service", "SubState", "exited", 8000), "exited");
	auto_free char *out = world_file(&w, "out");
	CHECK_STR(out, "pre\none\ntwo\npost\n");
	CHECK_STR(world_property(&w, "a.service", "Result"), "success");
}

TEST(core_death__in_every_step_of_a_start)
{
	for (int offset = 0; offset < 200; offset += 35)
		die_in_steps(offset);
}

/* At once after the order: between intent and outcome, if we are lucky. Nothing may run twice,
 * whatever the instruction was. */
TEST(core_death__around_a_spawn)
{
	for (int round = 0; round < 12; round++) {
		WITH_WORLD(w);
		put_targets(&w);
		world_put(&w, "a.service",
		          "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c "
		          "'echo one >>%1$s/out; sleep 0.2'\n",
		          w.dir);
		CHECK_INT(world_start(&w), ==, 0);
		CHECK_STR(world_wait(&w, "default.target", "ActiveState", "active", 5000),
		          "active");
		pid_t core = world_core(&w), child = fork();
		if (child == 0) {
			usleep((useconds_t) (500 + round * 250));
			kill(core, SIGKILL);
			_exit(0);
		}
		cJSON *p = cJSON_CreateObject(), *names = cJSON_CreateArray(), *reply = NULL;
		cJSON_AddItemToArray(names, cJSON_CreateString("a.service"));
		json_add_string(p, "verb", "start");
		json_add_bool(p, "wait", false);
		json_add_take(p, "names", names);
		/* Asked again if core was gone before it answered: an order for what is under way
		 * changes nothing. */
		CHECK_INT(world_call(&w, "org.sysmaster.Unit.Queue", p, &reply), ==, 0);
		json_free(reply);
		waitpid(child, NULL, 0);
		CHECK_STR(world_order(&w, "start", "a.service"), "done");
		CHECK_STATE(&w, "a.service", "exited");
		auto_free char *out = world_file(&w, "out");
		CHECK_STR(out, "one\n");
	}
}
