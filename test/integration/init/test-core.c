// SPDX-License-Identifier: Apache-2.0
/* Core dies, stops, hangs, never gets ready: it is there again, and soon. */
#include "check.h"
#include "init/wire.h"
#include "world.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

TEST(core__is_told_why_it_was_started)
{
	const char *text;

	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	text = world_started(&w, 5000);
	CHECK(text != NULL);
	CHECK(has_line(text, "reason=boot"));
	CHECK(has_line(text, "died="));
	CHECK(has_line(text, "restarts=0"));
	CHECK(has_line(text, "container=1"));
	CHECK(has_line(text, "mode=normal"));
}

TEST(core__killed_is_back_at_once)
{
	long long began;
	const char *text;

	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	CHECK(world_started(&w, 5000) != NULL);
	usleep(50000);
	began = now_msec();
	world_tell(&w, "signal 9");
	CHECK(world_wait(&w, "start ", 5000) != NULL);
	printf(" [%lld ms]", now_msec() - began);
	CHECK_INT(now_msec() - began, <, 1000);
	text = world_wait(&w, "welcome ", 5000);
	CHECK(text != NULL);
	CHECK(has_line(text, "reason=crash"));
	CHECK(has_line(text, "died=killed 9"));
	CHECK(has_line(text, "restarts=1"));
}

TEST(core__exit_status_is_told_to_the_next)
{
	const char *text;

	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	CHECK(world_started(&w, 5000) != NULL);
	world_tell(&w, "exit 3");
	text = world_started(&w, 5000);
	CHECK(text != NULL);
	CHECK(has_line(text, "died=exited 3"));
}

TEST(core__stopped_is_continued_then_killed)
{
	const char *text;

	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	CHECK(world_started(&w, 5000) != NULL);
	world_tell(&w, "signal %d", SIGSTOP);
	world_tell(&w, "count");
	CHECK(world_wait(&w, "count ", 3000) != NULL);
	world_tell(&w, "signal %d", SIGSTOP);
	text = world_started(&w, 5000);
	CHECK(text != NULL);
	CHECK(has_line(text, "died=stopped again and again"));
}

TEST(core__hanging_is_aborted)
{
	const char *text;

	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE, "--hang-usec=300000");
	CHECK(world_started(&w, 5000) != NULL);
	world_tell(&w, "hang");
	text = world_started(&w, 1900);
	CHECK(text != NULL);
	CHECK(has_line(text, "reason=hang"));
	CHECK(has_line(text, "died=hang"));
}

TEST(core__hanging_without_sigabrt_is_killed)
{
	long long began = now_msec();
	const char *text;

	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE, "--hang-usec=200000");
	CHECK(world_started(&w, 5000) != NULL);
	world_tell(&w, "hang hard");
	text = world_started(&w, 5000);
	CHECK(text != NULL);
	CHECK(has_line(text, "died=hang"));
	CHECK_INT(now_msec() - began, >, 2000);
}

TEST(core__without_processor_time_is_waited_for)
{
	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE, "--hang-usec=500000");
	CHECK(world_started(&w, 5000) != NULL);
	/* Longer than the limit and the time for an answer. */
	world_tell(&w, "starve 3500");
	CHECK(world_wait(&w, "starving", 15000) != NULL);
	world_tell(&w, "count");
	CHECK_STR(world_wait(&w, "starved", 15000), "");
	CHECK(world_wait(&w, "count ", 5000) != NULL);
}

TEST(core__whose_child_gets_no_processor_time_is_waited_for)
{
	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE, "--hang-usec=300000");
	CHECK(world_started(&w, 5000) != NULL);
	world_tell(&w, "wait 2500");
	world_tell(&w, "count");
	CHECK_STR(world_wait(&w, "waited", 15000), "");
	CHECK(world_wait(&w, "count ", 5000) != NULL);
}

TEST(core__whose_child_never_goes_on_is_ended_at_last)
{
	long long began = now_msec();
	const char *text;

	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE, "--hang-usec=200000");
	CHECK(world_started(&w, 5000) != NULL);
	world_tell(&w, "wait 60000");
	text = world_started(&w, 30000);
	CHECK(text != NULL);
	CHECK(has_line(text, "died=hang"));
	CHECK_INT(now_msec() - began, >, 2400);
}

TEST(core__without_processor_time_is_ended_at_last)
{
	long long began = now_msec();
	const char *text;

	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE, "--hang-usec=200000");
	CHECK(world_started(&w, 5000) != NULL);
	world_tell(&w, "starve 60000");
	text = world_started(&w, 30000);
	CHECK(text != NULL);
	CHECK(has_line(text, "died=hang"));
	CHECK_INT(now_msec() - began, >, 2400);
}

TEST(core__busy_with_its_processor_time_hangs)
{
	const char *text;

	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE, "--hang-usec=300000");
	CHECK(world_started(&w, 5000) != NULL);
	world_tell(&w, "spin");
	text = world_started(&w, 15000);
	CHECK(text != NULL);
	CHECK(has_line(text, "died=hang"));
}

TEST(core__blocked_in_the_kernel_hangs)
{
	const char *text;

	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE, "--hang-usec=1000000");
	CHECK(world_started(&w, 5000) != NULL);
	world_tell(&w, "blocked");
	text = world_started(&w, 11000);
	CHECK(text != NULL);
	CHECK(has_line(text, "died=hang"));
}

TEST(core__deaf_on_its_wire_hangs)
{
	const char *text;

	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE, "--hang-usec=300000");
	CHECK(world_started(&w, 5000) != NULL);
	world_tell(&w, "deaf 600");
	text = world_started(&w, 5000);
	CHECK(text != NULL);
	CHECK(has_line(text, "reason=hang"));
}

TEST(core__busy_but_answering_is_left_alone)
{
	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE, "--hang-usec=500000");
	CHECK(world_started(&w, 5000) != NULL);
	usleep(1500000);
	world_tell(&w, "count");
	CHECK(world_wait(&w, "count ", 1000) != NULL);
}

TEST(core__closing_its_wire_is_replaced)
{
	const char *text;

	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	CHECK(world_started(&w, 5000) != NULL);
	world_tell(&w, "close");
	text = world_started(&w, 4000);
	CHECK(text != NULL);
	CHECK(has_line(text, "died=closed the wire"));
}

TEST(ladder__previous_core_then_safe_mode_then_rescue_then_retry)
{
	const char *text;
	int starts = 0;

	WITH_WORLD(w, false, NULL, "--core=" FAKE_CORE, "--core=" FAKE_CORE_2,
	           "--rescue=/bin/sleep");
	/* Six starts of the first, with 3.6 s of back-off between them. */
	for (; starts < 6; starts++) {
		CHECK_STR(world_wait(&w, "start ", 4000) ? strchr(w.event + 6, ' ') : NULL, " 1 -");
		CHECK(world_wait(&w, "welcome ", 1000) != NULL);
		world_tell(&w, "exit 1");
	}
	for (starts = 0; starts < 3; starts++) {
		CHECK_STR(world_wait(&w, "start ", 4000) ? strchr(w.event + 6, ' ') : NULL, " 2 -");
		CHECK(world_wait(&w, "welcome ", 1000) != NULL);
		world_tell(&w, "exit 1");
	}
	for (starts = 0; starts < 3; starts++) {
		CHECK_STR(world_wait(&w, "start ", 4000) ? strchr(w.event + 6, ' ') : NULL,
		          " 2 --safe-mode");
		text = world_wait(&w, "welcome ", 1000);
		CHECK(text != NULL);
		CHECK(has_line(text, "reason=safe-mode"));
		CHECK(has_line(text, "mode=safe"));
		world_tell(&w, "exit 1");
	}
	CHECK_STR(world_wait(&w, "eof", 1000), "");
	CHECK_INT(world_event(&w, 500), ==, -ETIMEDOUT);
	kill(w.init, SIGUSR1);
	CHECK_STR(world_wait(&w, "start ", 4000) ? strchr(w.event + 6, ' ') : NULL, " 1 -");
	text = world_wait(&w, "welcome ", 1000);
	CHECK(text != NULL);
	CHECK(has_line(text, "mode=normal"));
}

TEST(ladder__core_that_is_never_ready_is_a_failure)
{
	const char *text;

	WITH_WORLD(w, false, NULL, "--core=" FAKE_CORE, "--ready-usec=200000");
	CHECK(world_started(&w, 5000) != NULL);
	text = world_started(&w, 3000);
	CHECK(text != NULL);
	CHECK(has_line(text, "died=not ready in 0 s"));
	CHECK(has_line(text, "reason=hang"));
	world_tell(&w, "ready");
	usleep(600000);
	world_tell(&w, "count");
	CHECK(world_wait(&w, "count ", 1000) != NULL);
}

TEST(ladder__core_without_processor_time_may_be_late)
{
	WITH_WORLD(w, false, NULL, "--core=" FAKE_CORE, "--ready-usec=1500000");
	CHECK(world_started(&w, 5000) != NULL);
	world_tell(&w, "starve 4000");
	CHECK(world_wait(&w, "starving", 15000) != NULL);
	world_tell(&w, "ready");
	world_tell(&w, "count");
	CHECK_STR(world_wait(&w, "starved", 15000), "");
	CHECK(world_wait(&w, "count ", 5000) != NULL);
	/* Nothing ends it afterwards. */
	CHECK_INT(world_event(&w, 2500), ==, -ETIMEDOUT);
}

TEST(ladder__core_that_gets_on_may_be_late)
{
	WITH_WORLD(w, false, NULL, "--core=" FAKE_CORE, "--ready-usec=500000",
	           "--hang-usec=400000");
	CHECK(world_started(&w, 5000) != NULL);
	world_tell(&w, "beat 2500");
	world_tell(&w, "ready");
	world_tell(&w, "count");
	CHECK(world_wait(&w, "count ", 15000) != NULL);
	CHECK_INT(world_event(&w, 1000), ==, -ETIMEDOUT);
}

TEST(ladder__core_that_gets_on_for_ever_is_a_failure)
{
	long long began = now_msec();
	const char *text;

	WITH_WORLD(w, false, NULL, "--core=" FAKE_CORE, "--ready-usec=200000",
	           "--hang-usec=200000");
	CHECK(world_started(&w, 5000) != NULL);
	world_tell(&w, "beat 60000");
	text = world_started(&w, 30000);
	CHECK(text != NULL);
	CHECK(has_line(text, "died=not ready in 0 s"));
	CHECK_INT(now_msec() - began, >=, 2400);
}

TEST(ladder__binary_that_cannot_be_executed_is_passed_over)
{
	WITH_WORLD(w, true, NULL, "--core=/does/not/exist", "--core=/etc/passwd",
	           "--core=" SOME_SCRIPT, "--core=" FAKE_CORE);
	CHECK(world_started(&w, 9000) != NULL);
	CHECK_STR(w.event, w.event);
}

TEST(retry__goes_back_to_the_first_rung)
{
	const char *text;

	WITH_WORLD(w, true, NULL, "--core=" SOME_SCRIPT, "--core=" FAKE_CORE);
	CHECK(world_started(&w, 9000) != NULL);
	world_tell(&w, "request 20 0 0");
	CHECK_STR(world_wait(&w, "reply 5 ", 1000), "0 ");
	text = world_started(&w, 9000);
	CHECK(text != NULL);
	world_tell(&w, "request 19 0 0");
	text = world_wait(&w, "reply 5 0 ", 1000);
	CHECK(text != NULL);
	CHECK(has_line(text, "mode=normal"));
}

TEST(signals__are_told_to_core)
{
	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	CHECK(world_started(&w, 5000) != NULL);
	kill(w.init, SIGTERM);
	CHECK_STR(world_wait(&w, "signal ", 1000), "15");
	kill(w.init, SIGRTMIN + 4);
	CHECK_STR(world_wait(&w, "signal ", 1000), "38");
	kill(w.init, SIGINT);
	CHECK_STR(world_wait(&w, "signal ", 1000), "2");
}

/* Cores that say in HELLO that they acknowledge signals. */
static int open_acknowledging(struct world *w)
{
	int r;

	setenv("FAKE_HELLO", "1", 1);
	r = world_open(w, true, NULL, (const char *const[]){"--core=" FAKE_CORE, NULL});
	unsetenv("FAKE_HELLO");
	return r < 0 ? r : world_started(w, 5000) ? 0 : -ETIMEDOUT;
}

TEST(signals__are_told_until_a_core_acknowledges_them)
{
	struct world w __attribute__((cleanup(world_close)));

	CHECK_INT(open_acknowledging(&w), ==, 0);
	kill(w.init, SIGTERM);
	CHECK_STR(world_wait(&w, "signal ", 1000), "15");
	world_tell(&w, "signal 9");
	CHECK(world_started(&w, 5000) != NULL);
	CHECK_STR(world_wait(&w, "signal ", 1000), "15");
	world_tell(&w, "request %d %d 0 0", WIRE_SIGNAL_ACK, SIGTERM);
	world_tell(&w, "signal 9");
	CHECK(world_started(&w, 5000) != NULL);
	/* What comes next is not it. */
	kill(w.init, SIGHUP);
	CHECK_STR(world_wait(&w, "signal ", 1000), "1");
}

/* One that every core dies of must not take them all. */
TEST(signals__that_are_never_acknowledged_are_given_up)
{
	struct world w __attribute__((cleanup(world_close)));
	int n = 0;

	CHECK_INT(open_acknowledging(&w), ==, 0);
	kill(w.init, SIGTERM);
	for (; n < 6 && world_wait(&w, "signal 15", 1500); n++) {
		world_tell(&w, "signal 9");
		CHECK(world_started(&w, 9000) != NULL);
	}
	CHECK_INT(n, ==, 4);
}

TEST(signals__of_a_core_that_cannot_acknowledge_are_told_once)
{
	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	CHECK(world_started(&w, 5000) != NULL);
	kill(w.init, SIGTERM);
	CHECK_STR(world_wait(&w, "signal ", 1000), "15");
	world_tell(&w, "signal 9");
	CHECK(world_started(&w, 5000) != NULL);
	kill(w.init, SIGHUP);
	CHECK_STR(world_wait(&w, "signal ", 1000), "1");
}

TEST(signals__that_nobody_knows_do_nothing)
{
	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	CHECK(world_started(&w, 5000) != NULL);
	for (int i = 1; i < SIGRTMIN; i++) {
		bool ours = i == SIGINT || i == SIGPWR || i == SIGTERM || i == SIGHUP ||
		            i == SIGUSR1 || i == SIGUSR2 || i == SIGWINCH;
		bool fault =
			i == SIGSEGV || i == SIGBUS || i == SIGILL || i == SIGFPE || i == SIGABRT;

		/* From inside: from outside SIGKILL and SIGSTOP would be obeyed. */
		if (!ours && !fault)
			world_tell(&w, "kill1 %d", i);
	}
	world_tell(&w, "count");
	CHECK(world_event(&w, 2000) == 0);
	CHECK_STR(strncmp(w.event, "count ", 6) ? w.event : "count ", "count ");
}

TEST(idle__wakes_once_in_five_seconds)
{
	long before;

	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	CHECK(world_started(&w, 5000) != NULL);
	usleep(300000);
	before = status_number(&w, "voluntary_ctxt_switches");
	usleep(5500000);
	printf(" [%ld wake-ups in 5.5 s]", status_number(&w, "voluntary_ctxt_switches") - before);
	CHECK_INT(status_number(&w, "voluntary_ctxt_switches") - before, <=, 2);
}

TEST(ladder__deadline_that_passed_in_a_pause_is_put_off)
{
	WITH_WORLD(w, false, NULL, "--core=" FAKE_CORE, "--ready-usec=500000");
	CHECK(world_started(&w, 5000) != NULL);
	kill(w.init, SIGSTOP);
	usleep(2000000);
	kill(w.init, SIGCONT);
	usleep(200000);
	world_tell(&w, "ready");
	world_tell(&w, "count");
	CHECK_STR(world_wait(&w, "count ", 1000), "2");
	CHECK_INT(world_event(&w, 300), ==, -ETIMEDOUT);
}
