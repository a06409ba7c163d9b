// SPDX-License-Identifier: Apache-2.0
/* A core that has lost its mind must not take PID 1 with it. */
#include "check.h"
#include "init/wire.h"
#include "world.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

/* Milliseconds. That init answers is the promise here; how soon it does depends on what else the machine has to do. */
#define WAIT 60000

TEST(abuse__garbage_is_counted_and_ignored)
{
	const char *text;

	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	CHECK(world_started(&w, WAIT) != NULL);
	world_tell(&w, "garbage 20000");
	CHECK(world_wait(&w, "garbage-sent", WAIT) != NULL);
	world_tell(&w, "request 19 0 0");
	text = world_wait(&w, "reply 5 0 ", WAIT);
	CHECK(text != NULL);
	CHECK(!has_line(text, "garbage=0"));
	CHECK(has_line(text, "restarts=0"));
}

TEST(abuse__flood_of_fds_leaks_none)
{
	int fds;

	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	CHECK(world_started(&w, WAIT) != NULL);
	fds = count_fds(&w);
	world_tell(&w, "fdflood 5000");
	CHECK(world_wait(&w, "flooded", WAIT) != NULL);
	world_tell(&w, "request 19 0 0");
	CHECK(world_wait(&w, "reply 5 0 ", WAIT) != NULL);
	CHECK_INT(count_fds(&w), ==, fds);
}

TEST(abuse__unknown_requests_are_ignored)
{
	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	CHECK(world_started(&w, WAIT) != NULL);
	for (int i = WIRE_SIGNAL_ACK + 1; i < 40; i++)
		world_tell(&w, "request %d 0 0", i);
	world_tell(&w, "request 0 0 0");
	world_tell(&w, "request 15 77 0");
	CHECK_STR(world_wait(&w, "reply 5 ", WAIT), "-22 shutdown: 77 is no way to shut down");
	world_tell(&w, "request 18 0 0");
	CHECK(world_wait(&w, "reply 5 -1 switch-root : a container has no other root", WAIT) !=
	      NULL);
}

TEST(abuse__storm_of_signals_is_survived)
{
	long cpu;

	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	CHECK(world_started(&w, WAIT) != NULL);
	for (int i = 0; i < 20000; i++) {
		kill(w.init, i & 1 ? SIGCHLD : SIGUSR2);
		kill(w.init, SIGRTMIN + 20 + i % 10);
	}
	/* What is told to core is one of each, not forty thousand. */
	world_tell(&w, "request 19 0 0");
	CHECK(world_wait(&w, "reply 5 0 ", WAIT) != NULL);
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
	CHECK(world_started(&w, WAIT) != NULL);
	fds = count_fds(&w);
	for (int i = 0; i < 200; i++) {
		world_tell(&w, "signal 9");
		/* The operator's order pays the budget back. */
		CHECK(world_started(&w, WAIT) != NULL);
		world_tell(&w, "request 20 0 0");
		CHECK(world_wait(&w, "reply 5 0 ", WAIT) != NULL);
	}
	CHECK_INT(count_fds(&w), ==, fds);
}

TEST(abuse__own_reexec_in_the_middle_of_floods)
{
	const char *text;
	int fds;

	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE, "--hang-usec=60000000");
	CHECK(world_started(&w, WAIT) != NULL);
	world_tell(&w, "put kept");
	CHECK(world_wait(&w, "reply 1 0 ", WAIT) != NULL);
	world_tell(&w, "upgrade-init " INIT_GOOD);
	CHECK(world_wait(&w, "reply 7 0 ", WAIT) != NULL);
	fds = count_fds(&w);
	for (int i = 0; i < 3; i++) {
		world_tell(&w, "orphans 300");
		world_tell(&w, "garbage 3000");
		world_tell(&w, "upgrade-init " INIT_GOOD);
		world_tell(&w, "fdflood 500");
		for (int k = 0; k < 200; k++)
			kill(w.init, SIGRTMIN + 20 + k % 10);
		CHECK_INT(world_fault(&w), ==, 0);
		CHECK(world_wait(&w, "flooded", WAIT) != NULL);
		world_tell(&w, "garbage 100");
		CHECK(world_wait(&w, "garbage-sent", WAIT) != NULL);
	}
	/* The last upgrade may still be under way, and holds the binary and its check's output. */
	for (long long end = now_msec() + 30000; count_fds(&w) != fds && now_msec() < end;)
		usleep(50000);
	CHECK_INT(count_fds(&w), ==, fds);
	world_tell(&w, "request 19 0 0");
	text = world_wait(&w, "reply 5 0 ", WAIT);
	CHECK(has_line(text, "restarts=0"));
	CHECK(has_line(text, "vault-items=1"));
	CHECK(has_line(text, "init-crashes=3"));
}

TEST(abuse__without_fds_core_waits_and_comes_back)
{
	struct rlimit was, none;

	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE, "--core=" FAKE_CORE_2);
	CHECK(world_started(&w, WAIT) != NULL);
	CHECK_INT(prlimit(w.init, RLIMIT_NOFILE, NULL, &was), ==, 0);
	none = (struct rlimit){3, was.rlim_max};
	CHECK_INT(prlimit(w.init, RLIMIT_NOFILE, &none, NULL), ==, 0);
	world_tell(&w, "signal 9");
	CHECK_STR(world_wait(&w, "eof", WAIT), "");
	CHECK_INT(world_event(&w, 3000), ==, -ETIMEDOUT);
	CHECK_INT(prlimit(w.init, RLIMIT_NOFILE, &was, NULL), ==, 0);
	/* A shortage is no failure of the binary: the first one is started, as if nothing had been. */
	CHECK_STR(world_wait(&w, "start ", WAIT) ? strchr(w.event + 6, ' ') : NULL, " 1 -");
}

TEST(abuse__without_memory_an_upgrade_is_refused)
{
	struct rlimit was, none = {4096, RLIM_INFINITY};

	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	CHECK(world_started(&w, WAIT) != NULL);
	CHECK_INT(prlimit(w.init, RLIMIT_AS, &none, &was), ==, 0);
	world_tell(&w, "upgrade-init " INIT_GOOD);
	CHECK(world_wait(&w, "reply 7 -", WAIT) != NULL);
	CHECK_INT(prlimit(w.init, RLIMIT_AS, &was, NULL), ==, 0);
	world_tell(&w, "upgrade-init " INIT_GOOD);
	CHECK(world_wait(&w, "reply 7 0 ", WAIT) != NULL);
}
