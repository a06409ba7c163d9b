// SPDX-License-Identifier: Apache-2.0
/* shutdown(8) with a time: a timer of core's, and nothing goes down before it. */
#include "check.h"
#include "world.h"

#include <stdio.h>
#include <unistd.h>

static void start(struct world *w)
{
	static const char *const plain[] = {"sysinit.target", "basic.target",    "shutdown.target",
	                                    "reboot.target",  "poweroff.target", "default.target"};
	auto_free char *link = path_join(w->dir, "shutdown");

	for (size_t i = 0; i < ELEMENTSOF(plain); i++)
		world_put(w, plain[i], "[Unit]\nDescription=%s\nDefaultDependencies=no\n",
		          plain[i]);
	CHECK_INT(symlink(SCTL, link), ==, 0);
	CHECK_INT(world_start(w), ==, 0);
	CHECK_STR(world_wait(w, "default.target", "ActiveState", "active", 5000), "active");
}

static void reload(struct world *w)
{
	auto_json cJSON *reply = NULL;

	CHECK_INT(world_call(w, "org.sysmaster.Manager.Reload", NULL, &reply), ==, 0);
}

/* @line runs in the world, as a service; what it prints is in the file "said". Returns its exit status. */
static long said(struct world *w, const char *line)
{
	auto_free char *path = path_join(w->dir, "said");

	(void) unlink(path);
	world_put(w, "order.service",
	          "[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=oneshot\nExecStart=/bin/sh -c "
	          "'cd %s; exec >said 2>&1; ./%s'\n",
	          w->dir, line);
	reload(w);
	(void) world_order(w, "start", "order.service");
	return world_number(w, "order.service", "ExecMainStatus");
}

TEST(shutdown__waits_for_its_time_and_can_be_cancelled)
{
	WITH_WORLD(w);
	start(&w);
	CHECK_INT(said(&w, "shutdown -r --no-wall +60 maintenance of the rack"), ==, 0);
	CHECK_STR(world_property(&w, "sysmaster-shutdown.timer", "SubState"), "waiting");
	CHECK_STR(world_property(&w, "sysmaster-nologin.timer", "SubState"), "waiting");
	auto_free char *line = world_file(&w, "said");
	CHECK(line && strstr(line, "reboot is scheduled for"));
	CHECK_INT(said(&w, "shutdown --show; cat /run/systemd/shutdown/scheduled"), ==, 0);
	auto_free char *shown = world_file(&w, "said");
	CHECK(shown && strstr(shown, "MODE=reboot\nWALL_MESSAGE=maintenance of the rack\n"));
	/* It is core's, whichever core that is. */
	CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
	CHECK_STR(world_property(&w, "sysmaster-shutdown.timer", "SubState"), "waiting");
	/* Another time takes its place. */
	CHECK_INT(said(&w, "shutdown -h --no-wall 90"), ==, 0);
	CHECK_STR(world_property(&w, "sysmaster-shutdown.timer", "SubState"), "waiting");
	CHECK_INT(said(&w, "shutdown -c --no-wall"), ==, 0);
	CHECK_STR(world_wait(&w, "sysmaster-shutdown.timer", "LoadState", "not-found", 5000),
	          "not-found");
	CHECK_STR(world_wait(&w, "sysmaster-nologin.timer", "LoadState", "not-found", 5000),
	          "not-found");
	CHECK_INT(said(&w, "shutdown --show"), ==, 1);
	CHECK_STR(world_property(&w, "default.target", "ActiveState"), "active");
}

TEST(shutdown__closes_logins_five_minutes_before)
{
	WITH_WORLD(w);
	start(&w);
	CHECK_INT(said(&w, "shutdown --no-wall +4"), ==, 0);
	CHECK_INT(said(&w, "shutdown --show; for i in $(seq 100); do [ -e /run/nologin ] && exit "
	                   "0; sleep 0.05; done; exit 1"),
	          ==, 0);
	CHECK_INT(said(&w, "shutdown -c --no-wall; [ ! -e /run/nologin ]"), ==, 0);
	CHECK_STR(world_property(&w, "default.target", "ActiveState"), "active");
}

TEST(shutdown__that_is_not_understood_does_nothing)
{
	static const char *const lines[] = {"shutdown --bogus now", "shutdown 25:00",
	                                    "shutdown soon",        "shutdown +1x",
	                                    "shutdown -1",          "shutdown 12:60"};
	WITH_WORLD(w);
	start(&w);
	for (size_t i = 0; i < ELEMENTSOF(lines); i++)
		CHECK_INT(said(&w, lines[i]), ==, 2);
	CHECK_INT(said(&w, "shutdown -c --no-wall"), ==, 0); /* there was none */
	CHECK_INT(said(&w, "shutdown -k --no-wall now"), ==, 0);
	CHECK_INT(said(&w, "shutdown --help"), ==, 0);
	CHECK_STR(world_property(&w, "default.target", "ActiveState"), "active");
	CHECK_STR(world_property(&w, "sysmaster-shutdown.timer", "LoadState"), "not-found");
}

TEST(shutdown__comes)
{
	WITH_WORLD(w);
	start(&w);
	world_put(&w, "last.service",
	          "[Unit]\nDefaultDependencies=no\nConflicts=shutdown.target\n[Service]\nExecStart="
	          "/bin/sleep infinity\n"
	          "ExecStop=/bin/touch %s/went\n",
	          w.dir);
	reload(&w);
	CHECK_STR(world_order(&w, "start", "last.service"), "done");
	world_put(&w, "poweroff.target",
	          "[Unit]\nDefaultDependencies=no\nRequires=shutdown.target\nAfter=shutdown."
	          "target\n");
	reload(&w);
	(void) said(&w, "shutdown --no-wall now");
	for (int i = 0; i < 1000 && !world_has_file(&w, "went"); i++)
		usleep(10000);
	CHECK(world_has_file(&w, "went"));
}
