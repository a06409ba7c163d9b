// SPDX-License-Identifier: Apache-2.0
/* PID 1 becomes another program, and core, the vault and the exits do not notice. */
#include "check.h"
#include "world.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

TEST(upgrade_init__keeps_core_vault_and_exits)
{
	const char *text;
	int core, fds;

	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE, "--hang-usec=5000000");
	CHECK(world_started(&w, 5000) != NULL);
	core = w.core_pid;
	world_tell(&w, "noack");
	world_tell(&w, "put kept");
	world_tell(&w, "spawn a.service 4 10 1");
	CHECK(world_wait(&w, "exit 1 ", 2000) != NULL);
	/* This one ends while PID 1 is being replaced, or about then. */
	world_tell(&w, "spawn b.service 5 3 1");
	fds = count_fds(&w);
	for (int i = 1; i <= 3; i++) {
		char line[64];

		world_tell(&w, "upgrade-init " INIT_GOOD);
		CHECK_STR(world_wait(&w, "reply 7 ", 5000),
		          "0 init " INIT_GOOD ": now running version next");
		world_tell(&w, "request 19 0 0");
		text = world_wait(&w, "reply 5 0 ", 1000);
		snprintf(line, sizeof(line), "init-upgrades=%d", i);
		CHECK(has_line(text, line));
		CHECK(has_line(text, "version=next"));
		CHECK(has_line(text, "restarts=0"));
		CHECK(has_line(text, "vault-items=1"));
	}
	/* One more: the init before. */
	CHECK_INT(count_fds(&w), ==, fds + 1);
	world_tell(&w, "signal 9");
	text = world_started(&w, 5000);
	CHECK(has_line(text, "died=killed 9"));
	CHECK_INT(w.core_pid, !=, core);
	world_tell(&w, "list");
	/* Numbers go on where they were, nothing is told twice. */
	CHECK(world_wait(&w, "exit 1 ", 2000) != NULL);
	CHECK(world_wait(&w, "exit 2 ", 2000) != NULL);
	world_tell(&w, "spawn c.service 6 10 1");
	CHECK(world_wait(&w, "exit 3 ", 2000) != NULL);
	world_tell(&w, "list");
	CHECK_STR(world_wait(&w, "item ", 2000), "kept kept");
}

TEST(upgrade_init__gap_is_short)
{
	long long began;

	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	CHECK(world_started(&w, 5000) != NULL);
	world_tell(&w, "puts 200");
	CHECK(world_wait(&w, "reply 3 0 ", 2000) != NULL);
	began = now_msec();
	world_tell(&w, "upgrade-init " INIT_GOOD);
	CHECK(world_wait(&w, "reply 7 0 ", 5000) != NULL);
	printf(" [self-check, exec and reply: %lld ms]", now_msec() - began);
	CHECK_INT(now_msec() - began, <, 1000);
}

static void refused(struct world *w, const char *binary, const char *reply)
{
	const char *text;

	CHECK(world_started(w, 5000) != NULL);
	world_tell(w, "put kept");
	CHECK(world_wait(w, "reply 1 ", 1000) != NULL);
	world_tell(w, "upgrade-init %s", binary);
	text = world_wait(w, "reply 7 ", 8000);
	CHECK_STR(text, reply);
	world_tell(w, "request 19 0 0");
	text = world_wait(w, "reply 5 0 ", 1000);
	CHECK(has_line(text, "init-upgrades=0"));
	CHECK(has_line(text, "restarts=0"));
	CHECK(!has_line(text, "version=next"));
	world_tell(w, "list");
	CHECK_STR(world_wait(w, "item ", 1000), "kept kept");
	/* And PID 1 still sees what happens. */
	world_tell(w, "signal 9");
	CHECK(world_started(w, 2000) != NULL);
}

TEST(upgrade_init__binary_that_is_no_init_is_refused)
{
	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	refused(&w, "/bin/echo",
	        "-74 init /bin/echo: its self-check failed, the running version goes on: did not "
	        "read our state");
}

TEST(upgrade_init__fault_in_the_take_over_goes_back)
{
	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	refused(&w, INIT_FAULTS,
	        "-5 init " INIT_FAULTS
	        ": rolled back to the version before: signal 4 in its take-over");
}

TEST(upgrade_init__hang_in_the_take_over_goes_back)
{
	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE, "--rescue=/bin/false");
	CHECK(world_started(&w, 5000) != NULL);
	/* Somebody's kill(1) meanwhile is no fault of the take-over. Core is the first to be told
	 * the upgrade's end. */
	world_tell(&w, "upgrade-init " INIT_HANGS);
	usleep(500000);
	for (int i = 0; i < 10; i++)
		world_tell(&w, "kill1 %d", SIGSEGV);
	CHECK_STR(world_wait(&w, "reply 7 ", 8000),
	          "-5 init " INIT_HANGS
	          ": rolled back to the version before: it did not reach its main loop in time");
	world_tell(&w, "request 19 0 0");
	CHECK(has_line(world_wait(&w, "reply 5 0 ", 2000), "init-crashes=0"));
	world_tell(&w, "signal 9");
	CHECK(world_started(&w, 2000) != NULL);
}

TEST(upgrade_init__that_cannot_read_the_state_goes_back)
{
	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	refused(&w, INIT_CANNOT_READ,
	        "-5 init " INIT_CANNOT_READ
	        ": rolled back to the version before: it cannot decode the state");
}

static void fault(struct world *w, int sig)
{
	const char *text;
	int core;

	CHECK(world_started(w, 5000) != NULL);
	core = w->core_pid;
	world_tell(w, "put kept");
	CHECK(world_wait(w, "reply 1 ", 1000) != NULL);
	world_tell(w, "noack");
	world_tell(w, "spawn a.service 4 0 1");
	CHECK(world_wait(w, "exit 1 ", 2000) != NULL);
	world_tell(w, "kill1 %d", sig);
	usleep(50000);
	world_tell(w, "request 19 0 0");
	text = world_wait(w, "reply 5 0 ", 2000);
	CHECK(has_line(text, "init-crashes=1"));
	CHECK(has_line(text, "restarts=0"));
	CHECK(has_line(text, "exits-waiting=1"));
	world_tell(w, "list");
	CHECK_STR(world_wait(w, "item ", 1000), "kept kept");
	world_tell(w, "signal 9");
	CHECK(world_started(w, 2000) != NULL);
	CHECK_INT(w->core_pid, !=, core);
}

TEST(fault__segv_in_init_is_survived)
{
	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	fault(&w, SIGSEGV);
}

TEST(fault__abort_in_init_is_survived)
{
	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	fault(&w, SIGABRT);
}

/* Status, with a serial of its own each time: a fault between sending a reply and noting that makes
 * PID 1 send it again, and the old one would pass for the new. */
static const char *answer_after_fault(struct world *w, int i)
{
	char prefix[32];

	world_tell(w, "request 19 0 0 %d", 100 + i);
	snprintf(prefix, sizeof(prefix), "reply %d 0 ", 100 + i);
	return world_wait(w, prefix, 5000);
}

TEST(fault__too_many_end_in_the_rescue_program)
{
	int status;

	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE, "--rescue=/bin/false");
	CHECK(world_started(&w, 5000) != NULL);
	for (int i = 0; i < 3; i++) {
		CHECK_INT(world_fault(&w), ==, 0);
		CHECK(answer_after_fault(&w, i) != NULL);
	}
	CHECK_INT(world_fault(&w), ==, 0);
	status = world_ended(&w, 3000);
	CHECK_INT(status, ==, 1 << 8);
}

TEST(fault__too_many_after_an_upgrade_end_in_the_version_before)
{
	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE, "--rescue=/bin/false");
	CHECK(world_started(&w, 5000) != NULL);
	world_tell(&w, "upgrade-init " INIT_GOOD);
	CHECK(world_wait(&w, "reply 7 0 ", 5000) != NULL);
	/* One at a time: while it becomes itself again PID 1 does not hear them. */
	for (int i = 0; i < 4; i++) {
		const char *text;

		CHECK_INT(world_fault(&w), ==, 0);
		text = answer_after_fault(&w, i);
		CHECK(text != NULL);
		CHECK(has_line(text, "version=next") == (i < 3));
	}
}

TEST(fault__signals_of_others_never_end_in_the_rescue_program)
{
	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE, "--rescue=/bin/false");
	CHECK(world_started(&w, 5000) != NULL);
	/* From outside even those are delivered that PID 1 is otherwise spared. */
	for (int round = 0; round < 3; round++) {
		for (int sig = 1; sig <= 64; sig++) {
			bool ends = sig == SIGKILL || sig == SIGSTOP;
			bool powers = sig == SIGINT || sig == SIGPWR ||
			              (sig >= SIGRTMIN + 13 && sig <= SIGRTMIN + 16);

			if (!ends && !powers)
				kill(w.init, sig);
		}
		usleep(100000);
	}
	world_tell(&w, "request 19 0 0");
	CHECK(has_line(world_wait(&w, "reply 5 0 ", 10000), "restarts=0"));
	world_tell(&w, "signal 9");
	CHECK(world_started(&w, 10000) != NULL);
}

TEST(fault__storm_of_upgrades_and_faults_loses_no_exit)
{
	long long number = 0, n;
	int got = 0;

	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE, "--hang-usec=60000000");
	CHECK(world_started(&w, 5000) != NULL);
	for (int i = 0; i < 30; i++) {
		world_tell(&w, "spawn many.service -1 %d 100", i);
		world_tell(&w, "upgrade-init " INIT_GOOD);
	}
	for (long long end = now_msec() + 300000; got < 3000 && now_msec() < end;) {
		if (world_event(&w, 30000) < 0)
			break;
		if (sscanf(w.event, "exit %lld ", &n) == 1) {
			CHECK_INT(n, ==, number + 1);
			number = n;
			got++;
		}
	}
	CHECK_INT(got, ==, 3000);
}
