// SPDX-License-Identifier: Apache-2.0
/* A core that has lost its mind must not take PID 1 with it. */
#include "check.h"
#include "world.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

TEST(abuse__garbage_is_counted_and_ignored)
{
	const char *text;

	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	CHECK(world_started(&w, 5000) != NULL);
	world_tell(&w, "garbage 20000");
	CHECK(world_wait(&w, "garbage-sent", 10000) != NULL);
	world_tell(&w, "request 19 0 0");
	text = world_wait(&w, "reply 5 0 ", 2000);
	CHECK(text != NULL);
	CHECK(!has_line(text, "garbage=0"));
	CHECK(has_line(text, "restarts=0"));
}

TEST(abuse__flood_of_fds_leaks_none)
{
	int fds;

	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	CHECK(world_started(&w, 5000) != NULL);
	fds = count_fds(&w);
	world_tell(&w, "fdflood 5000");
	CHECK(world_wait(&w, "flooded", 10000) != NULL);
	world_tell(&w, "request 19 0 0");
	CHECK(world_wait(&w, "reply 5 0 ", 2000) != NULL);
	CHECK_INT(count_fds(&w), ==, fds);
}

TEST(abuse__unknown_requests_are_ignored)
{
	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	CHECK(world_started(&w, 5000) != NULL);
	for (int i = 21; i < 40; i++)
		world_tell(&w, "request %d 0 0", i);
	world_tell(&w, "request 0 0 0");
	world_tell(&w, "request 15 77 0");
	CHECK_STR(world_wait(&w, "reply 5 ", 1000), "-22 shutdown: 77 is no way to shut down");
	world_tell(&w, "request 18 0 0");
	CHECK(world_wait(&w, "reply 5 -1 switch-root : a container has no other root", 2000) !=
	      NULL);
}

TEST(abuse__storm_of_signals_is_survived)
{
	long cpu;

	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	CHECK(world_started(&w, 5000) != NULL);
	for (int i = 0; i < 20000; i++) {
		kill(w.init, i & 1 ? SIGCHLD : SIGUSR2);
		kill(w.init, SIGRTMIN + 20 + i % 10);
	}
	/* What is told to core is one of each, not forty thousand. */
	world_tell(&w, "request 19 0 0");
	CHECK(world_wait(&w, "reply 5 0 ", 5000) != NULL);
	usleep(300000);
	cpu = status_number(&w, "voluntary_ctxt_switches");
	usleep(500000);
	CHECK_INT(status_number(&w, "voluntary_ctxt_switches") - cpu, <=, 2);
}

TEST(abuse__two_hundred_deaths_of_core)
{
	int fds;

	/* A core that lives long enough is restarted for ever; one that dies at once climbs the
	 * ladder. */
	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE, "--rescue=/bin/sleep");
	CHECK(world_started(&w, 5000) != NULL);
	fds = count_fds(&w);
	for (int i = 0; i < 200; i++) {
		world_tell(&w, "signal 9");
		/* The operator's order pays the budget back. */
		CHECK(world_started(&w, 3000) != NULL);
		world_tell(&w, "request 20 0 0");
		CHECK(world_wait(&w, "reply 5 0 ", 1000) != NULL);
	}
	CHECK_INT(count_fds(&w), ==, fds);
}
