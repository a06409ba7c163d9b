// SPDX-License-Identifier: Apache-2.0
#include "base/event.h"

#include "base/log.h"
#include "base/str.h"
#include "check.h"
#include "base/valgrind.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND USEC_PER_SEC

static char trace[256];

static void trace_reset(void)
{
	trace[0] = 0;
}

static void trace_add(const char *s)
{
	strncat(trace, s, sizeof(trace) - strlen(trace) - 1);
}

static int on_defer(struct source *s, void *userdata)
{
	(void) s;
	trace_add(userdata);
	return 0;
}

TEST(event__exit_code_is_returned)
{
	struct loop *l;

	CHECK_INT(loop_new(&l), ==, 0);
	loop_exit(l, 42);
	CHECK_INT(loop_run(l), ==, 42);
	/* The code is used up: the next run is a new one. */
	loop_exit(l, 7);
	CHECK_INT(loop_run(l), ==, 7);
	loop_free(l);
}

TEST(event__defer_runs_once_and_in_order_of_priority)
{
	struct loop *l;
	struct source *a, *b, *c;

	trace_reset();
	CHECK_INT(loop_new(&l), ==, 0);
	CHECK_INT(loop_add_defer(l, "a", on_defer, (void *) "a", &a), ==, 0);
	CHECK_INT(loop_add_defer(l, "b", on_defer, (void *) "b", &b), ==, 0);
	CHECK_INT(loop_add_defer(l, "c", on_defer, (void *) "c", &c), ==, 0);
	source_set_priority(c, -10);
	source_set_priority(a, 10);
	CHECK_INT(loop_run_once(l, SECOND), ==, 1);
	CHECK_STR(trace, "c");
	CHECK_INT(loop_run_once(l, SECOND), ==, 1);
	CHECK_INT(loop_run_once(l, SECOND), ==, 1);
	CHECK_STR(trace, "cba");
	CHECK_INT(loop_run_once(l, 0), ==, 0);
	CHECK_INT(source_set_state(a, SOURCE_ONESHOT), ==, 0);
	CHECK_INT(loop_run_once(l, 0), ==, 1);
	CHECK_STR(trace, "cbaa");
	CHECK_INT(source_get_state(a), ==, SOURCE_OFF);
	loop_free(l);
}

static int on_defer_rearm(struct source *s, void *userdata)
{
	unsigned *n = userdata;

	return ++*n < 3 ? source_set_state(s, SOURCE_ONESHOT) : 0;
}

TEST(event__defer_rearmed_in_its_handler_runs_in_the_next_turn)
{
	struct loop *l;
	unsigned n = 0;

	CHECK_INT(loop_new(&l), ==, 0);
	CHECK_INT(loop_add_defer(l, "again", on_defer_rearm, &n, NULL), ==, 0);
	CHECK_INT(loop_run_once(l, 0), ==, 1);
	CHECK_INT(n, ==, 1);
	while (loop_run_once(l, 0) > 0)
		;
	CHECK_INT(n, ==, 3);
	loop_free(l);
}

static int on_read_byte(struct source *s, int fd, uint32_t revents, void *userdata)
{
	char c;

	(void) s;
	(void) revents;
	if (read(fd, &c, 1) == 1)
		++*(unsigned *) userdata;
	return 0;
}

TEST(event__io_is_level_triggered_and_can_be_off)
{
	struct loop *l;
	struct source *s;
	unsigned n = 0;
	int p[2];

	CHECK_INT(pipe2(p, O_CLOEXEC | O_NONBLOCK), ==, 0);
	CHECK_INT(loop_new(&l), ==, 0);
	CHECK_INT(loop_add_io(l, p[0], EPOLLIN, "pipe", on_read_byte, &n, &s), ==, 0);
	CHECK_INT(loop_run_once(l, 1000), ==, 0);
	CHECK_INT(write(p[1], "xyz", 3), ==, 3);
	CHECK_INT(loop_run_once(l, SECOND), ==, 1);
	CHECK_INT(loop_run_once(l, SECOND), ==, 1);
	CHECK_INT(n, ==, 2);
	CHECK_INT(source_set_state(s, SOURCE_OFF), ==, 0);
	CHECK_INT(loop_run_once(l, 1000), ==, 0);
	/* A hang-up of a source that is off costs nothing. */
	close(p[1]);
	CHECK_INT(loop_run_once(l, 1000), ==, 0);
	CHECK_INT(source_set_state(s, SOURCE_ONESHOT), ==, 0);
	CHECK_INT(loop_run_once(l, SECOND), ==, 1);
	CHECK_INT(n, ==, 3);
	CHECK_INT(source_get_state(s), ==, SOURCE_OFF);
	source_free(s);
	close(p[0]);
	loop_free(l);
}

static int on_fail(struct source *s, int fd, uint32_t revents, void *userdata);

/* Takes what another source was going to read. */
static int on_steal(struct source *s, int fd, uint32_t revents, void *userdata)
{
	char buf[8];

	(void) revents;
	source_set_state(s, SOURCE_OFF);
	return read(fd, buf, sizeof(buf)) < 0 || read(*(int *) userdata, buf, sizeof(buf)) < 0
	               ? -EIO
	               : 0;
}

TEST(event__io_that_is_no_longer_ready_is_not_called)
{
	struct loop *l;
	struct source *thief, *victim;
	unsigned n = 0;
	int p[2], q[2];

	CHECK_INT(pipe2(p, O_CLOEXEC | O_NONBLOCK), ==, 0);
	CHECK_INT(pipe2(q, O_CLOEXEC | O_NONBLOCK), ==, 0);
	CHECK_INT(loop_new(&l), ==, 0);
	CHECK_INT(loop_add_io(l, q[0], EPOLLIN, "victim", on_fail, &n, &victim), ==, 0);
	CHECK_INT(loop_add_io(l, p[0], EPOLLIN, "thief", on_steal, &q[0], &thief), ==, 0);
	source_set_priority(thief, -1);
	CHECK_INT(write(p[1], "x", 1) + write(q[1], "x", 1), ==, 2);
	CHECK_INT(loop_run_once(l, SECOND), ==, 1);
	CHECK_INT(loop_run_once(l, 1000), ==, 0);
	CHECK_INT(n, ==, 0);
	/* It is called when there is something again. */
	CHECK_INT(write(q[1], "x", 1), ==, 1);
	CHECK_INT(loop_run_once(l, SECOND), ==, 1);
	CHECK_INT(n, ==, 1);
	loop_free(l);
	for (int i = 0; i < 2; i++) {
		close(p[i]);
		close(q[i]);
	}
}

static int on_fail(struct source *s, int fd, uint32_t revents, void *userdata)
{
	(void) s;
	(void) fd;
	(void) revents;
	++*(unsigned *) userdata;
	return -EIO;
}

TEST(event__failing_handler_is_disabled_and_the_loop_goes_on)
{
	struct loop *l;
	struct source *s;
	unsigned n = 0;
	int p[2];

	log_setup("test", LOG_TARGET_NULL, LOG_ERR);
	CHECK_INT(pipe2(p, O_CLOEXEC), ==, 0);
	CHECK_INT(write(p[1], "x", 1), ==, 1);
	CHECK_INT(loop_new(&l), ==, 0);
	CHECK_INT(loop_add_io(l, p[0], EPOLLIN, "fails", on_fail, &n, &s), ==, 0);
	CHECK_INT(loop_run_once(l, SECOND), ==, 1);
	CHECK_INT(loop_run_once(l, 1000), ==, 0);
	CHECK_INT(n, ==, 1);
	CHECK_INT(source_get_state(s), ==, SOURCE_OFF);
	loop_free(l);
	close(p[0]);
	close(p[1]);
}

/* Any handler may free any source: here each of two frees both, whichever runs first. */
struct pair {
	struct source *a, *b;
	unsigned calls;
};

static int on_free_both(struct source *s, int fd, uint32_t revents, void *userdata)
{
	struct pair *p = userdata;

	(void) s;
	(void) fd;
	(void) revents;
	p->calls++;
	p->a = source_free(p->a);
	p->b = source_free(p->b);
	return 0;
}

TEST(event__handler_may_free_itself_and_a_pending_other)
{
	struct pair pair = {0};
	struct loop *l;
	int p[2], q[2];

	CHECK_INT(pipe2(p, O_CLOEXEC), ==, 0);
	CHECK_INT(pipe2(q, O_CLOEXEC), ==, 0);
	CHECK_INT(write(p[1], "x", 1) + write(q[1], "x", 1), ==, 2);
	CHECK_INT(loop_new(&l), ==, 0);
	CHECK_INT(loop_add_io(l, p[0], EPOLLIN, "p", on_free_both, &pair, &pair.a), ==, 0);
	CHECK_INT(loop_add_io(l, q[0], EPOLLIN, "q", on_free_both, &pair, &pair.b), ==, 0);
	CHECK_INT(loop_run_once(l, SECOND), ==, 1);
	CHECK_INT(loop_run_once(l, 1000), ==, 0);
	CHECK_INT(pair.calls, ==, 1);
	loop_free(l);
	for (int i = 0; i < 2; i++) {
		close(p[i]);
		close(q[i]);
	}
}

static int on_time_free(struct source *s, usec_t deadline, void *userdata)
{
	(void) deadline;
	++*(unsigned *) userdata;
	source_free(s);
	return -EIO; /* is logged, and must not touch the freed source */
}

TEST(event__timer_and_defer_may_free_themselves)
{
	struct loop *l;
	unsigned n = 0;

	CHECK_INT(loop_new(&l), ==, 0);
	for (int i = 0; i < 10; i++)
		CHECK_INT(loop_add_time(l, CLOCK_MONOTONIC, 1, TIMER_EXACT, "t", on_time_free, &n,
		                        NULL),
		          ==, 0);
	while (loop_run_once(l, 1000) > 0)
		;
	CHECK_INT(n, ==, 10);
	loop_free(l);
}

static int on_defer_free_loop(struct source *s, void *userdata)
{
	(void) userdata;
	loop_free(source_loop(s));
	return 0;
}

TEST(event__handler_may_free_the_loop)
{
	struct loop *l;

	CHECK_INT(loop_new(&l), ==, 0);
	CHECK_INT(loop_add_defer(l, "end", on_defer_free_loop, NULL, NULL), ==, 0);
	CHECK_INT(loop_add_defer(l, "other", on_defer, (void *) "x", NULL), ==, 0);
	CHECK_INT(loop_run(l), ==, -ECANCELED);
}

static int on_nested(struct source *s, void *userdata)
{
	*(int *) userdata = loop_run_once(source_loop(s), 0);
	return 0;
}

TEST(event__loop_is_not_entered_twice)
{
	struct loop *l;
	int r = 0;

	CHECK_INT(loop_new(&l), ==, 0);
	CHECK_INT(loop_add_defer(l, "nested", on_nested, &r, NULL), ==, 0);
	CHECK_INT(loop_run_once(l, 0), ==, 1);
	CHECK_INT(r, ==, -EBUSY);
	loop_free(l);
}

static int on_time_trace(struct source *s, usec_t deadline, void *userdata)
{
	(void) deadline;
	trace_add(source_name(s));
	*(usec_t *) userdata = now(CLOCK_MONOTONIC);
	return 0;
}

TEST(event__timers_fire_in_order_and_not_early)
{
	static const char *const names[] = {"0", "1", "2", "3", "4"};
	static const clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_REALTIME};

	for (size_t c = 0; c < ELEMENTSOF(clocks); c++) {
		struct loop *l;
		usec_t begin = now(CLOCK_MONOTONIC), start = now(clocks[c]), fired = 0;

		trace_reset();
		CHECK_INT(loop_new(&l), ==, 0);
		for (unsigned i = 0; i < 5; i++) {
			unsigned k = i * 3 % 5;

			CHECK_INT(loop_add_time(l, clocks[c], start + 4000 + k * 4000, TIMER_EXACT,
			                        names[k], on_time_trace, &fired, NULL),
			          ==, 0);
		}
		for (size_t seen = 0; seen < 5; seen = strlen(trace)) {
			CHECK_INT(loop_run_once(l, SECOND), ==, 1);
			/* Somebody may set the clock of the machine, which wakes all of its timers.
			 */
			if (clocks[c] != CLOCK_REALTIME)
				CHECK_INT(fired - begin, >=, strlen(trace) * 4000);
		}
		CHECK_STR(trace, "01234");
		CHECK_INT(loop_run_once(l, 1000), ==, 0);
		loop_free(l);
	}
}

TEST(event__timer_is_rearmed_and_disarmed)
{
	struct loop *l;
	struct source *s;
	usec_t fired = 0, begin;

	trace_reset();
	CHECK_INT(loop_new(&l), ==, 0);
	CHECK_INT(
		loop_add_time(l, CLOCK_MONOTONIC, USEC_INFINITY, 0, "t", on_time_trace, &fired, &s),
		==, 0);
	CHECK_INT(source_get_state(s), ==, SOURCE_OFF);
	CHECK_INT(loop_run_once(l, 2000), ==, 0);
	begin = now(CLOCK_MONOTONIC);
	CHECK_INT(source_set_time(s, 0), ==, 0);
	CHECK_INT(loop_run_once(l, SECOND), ==, 1);
	/* The same deadline once more, though the timerfd was set to it before. */
	CHECK_INT(source_set_time(s, 0), ==, 0);
	CHECK_INT(loop_run_once(l, SECOND), ==, 1);
	CHECK_INT(now(CLOCK_MONOTONIC) - begin, <, SECOND / 2);
	CHECK_INT(source_set_time(s, now(CLOCK_MONOTONIC) + 2000), ==, 0);
	CHECK_INT(source_set_time(s, USEC_INFINITY), ==, 0);
	CHECK_INT(loop_run_once(l, 10000), ==, 0);
	CHECK_INT(source_set_time(s, now(CLOCK_MONOTONIC) + 60 * SECOND), ==, 0);
	CHECK_INT(source_set_time(s, now(CLOCK_MONOTONIC) + 2000), ==, 0);
	CHECK_INT(loop_run_once(l, SECOND), ==, 1);
	CHECK_STR(trace, "ttt");
	loop_free(l);
}

TEST(event__slack_lets_timers_share_a_wake_up)
{
	struct loop_statistics st;
	struct loop *l;
	usec_t t = now(CLOCK_MONOTONIC), fired;

	trace_reset();
	CHECK_INT(loop_new(&l), ==, 0);
	CHECK_INT(loop_add_time(l, CLOCK_MONOTONIC, t + 5000, 40000, "a", on_time_trace, &fired,
	                        NULL),
	          ==, 0);
	CHECK_INT(loop_add_time(l, CLOCK_MONOTONIC, t + 20000, TIMER_EXACT, "b", on_time_trace,
	                        &fired, NULL),
	          ==, 0);
	CHECK_INT(loop_run_once(l, SECOND), ==, 1);
	CHECK_INT(strlen(trace), ==, 2);
	loop_get_statistics(l, &st);
	CHECK_INT(st.turns, ==, 1);
	CHECK_INT(st.events, ==, 2);
	loop_free(l);
}

static int on_time_set_clock(struct source *s, usec_t deadline, void *userdata)
{
	(void) s;
	*(usec_t *) userdata = deadline;
	return 0;
}

TEST(event__realtime_timer_is_woken_when_the_clock_is_set)
{
	struct timex tx = {.modes = ADJ_SETOFFSET, .time.tv_usec = 1};
	struct loop *l;
	usec_t seen = 0, far = now(CLOCK_REALTIME) + 3600 * SECOND;

	CHECK_INT(loop_new(&l), ==, 0);
	CHECK_INT(loop_add_time(l, CLOCK_REALTIME, far, 0, "calendar", on_time_set_clock, &seen,
	                        NULL),
	          ==, 0);
	CHECK_INT(loop_run_once(l, 1000), ==, 0);
	/* The smallest of steps, and back again. */
	if (adjtimex(&tx) < 0) {
		printf("SKIP: may not set the clock ");
		loop_free(l);
		return;
	}
	CHECK_INT(loop_run_once(l, SECOND), ==, 1);
	tx = (struct timex){.modes = ADJ_SETOFFSET, .time = {-1, 999999}};
	CHECK_INT(adjtimex(&tx), >=, 0);
	CHECK_INT(seen, ==, far);
	CHECK_INT(now(CLOCK_REALTIME), <, far);
	loop_free(l);
}

static int on_signal(struct source *s, const struct signalfd_siginfo *si, void *userdata)
{
	char text[32];

	(void) userdata;
	(void) snprintf(text, sizeof(text), "%s%d ", source_name(s), si->ssi_int);
	trace_add(text);
	return 0;
}

TEST(event__signals_keep_their_priority_and_value)
{
	struct loop *l;
	struct source *low, *high;

	trace_reset();
	CHECK_INT(loop_new(&l), ==, 0);
	CHECK_INT(loop_add_signal(l, SIGRTMIN + 1, "low", on_signal, NULL, &low), ==, 0);
	CHECK_INT(loop_add_signal(l, SIGRTMIN + 2, "high", on_signal, NULL, &high), ==, 0);
	source_set_priority(high, -5);
	CHECK_INT(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 1}), ==, 0);
	CHECK_INT(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 2}), ==, 0);
	CHECK_INT(sigqueue(getpid(), SIGRTMIN + 2, (union sigval){.sival_int = 3}), ==, 0);
	while (loop_run_once(l, 1000) > 0)
		;
	CHECK_STR(trace, "high3 low1 low2 ");
	loop_free(l);
}

static int on_pid(struct source *s, const struct pidref *pid, void *userdata)
{
	siginfo_t si = {0};

	(void) s;
	/* It is a zombie still. */
	if (waitid(P_PID, (id_t) pid->pid, &si, WEXITED) == 0)
		*(int *) userdata = si.si_status;
	return 0;
}

TEST(event__pid_source_fires_once_at_the_end)
{
	struct pidref p;
	struct loop *l;
	int status = -1;
	pid_t pid;

	if (on_valgrind()) {
		printf("SKIP: valgrind knows no pidfd ");
		return;
	}
	pid = fork();
	if (pid == 0) {
		usleep(20000);
		_exit(17);
	}
	CHECK_INT(pidref_open(pid, &p), ==, 0);
	CHECK_INT(loop_new(&l), ==, 0);
	CHECK_INT(loop_add_pid(l, &p, "child", on_pid, &status, NULL), ==, 0);
	pidref_done(&p);
	CHECK_INT(loop_run_once(l, 5 * SECOND), ==, 1);
	CHECK_INT(status, ==, 17);
	CHECK_INT(loop_run_once(l, 1000), ==, 0);
	loop_free(l);
}

TEST(event__rate_limit_rests_and_loses_nothing)
{
	struct loop *l;
	struct source *s;
	unsigned n = 0;
	usec_t begin;
	int p[2];

	CHECK_INT(pipe2(p, O_CLOEXEC | O_NONBLOCK), ==, 0);
	CHECK_INT(write(p[1], "12345", 5), ==, 5);
	CHECK_INT(loop_new(&l), ==, 0);
	CHECK_INT(loop_add_io(l, p[0], EPOLLIN, "limited", on_read_byte, &n, &s), ==, 0);
	source_set_ratelimit(s, 50000, 2);
	begin = now(CLOCK_MONOTONIC);
	while (loop_run_once(l, 10000) > 0)
		;
	CHECK_INT(n, ==, 2);
	while (n < 5 && now(CLOCK_MONOTONIC) < begin + 5 * SECOND)
		CHECK_INT(loop_run_once(l, SECOND), >=, 0);
	CHECK_INT(n, ==, 5);
	CHECK_INT(now(CLOCK_MONOTONIC) - begin, >=, 100000);
	source_free(s);
	loop_free(l);
	close(p[0]);
	close(p[1]);
}

static int on_drain(struct source *s, int fd, uint32_t revents, void *userdata)
{
	uint64_t value;

	(void) s;
	(void) revents;
	(void) !read(fd, &value, sizeof(value));
	++*(unsigned *) userdata;
	return 0;
}

/* As of /proc/self/mountinfo: the fd says once that something changed, and nothing is there to read. */
TEST(event__what_is_told_once_is_not_lost_by_a_rest)
{
	const uint64_t one = 1;
	struct loop *l;
	struct source *s;
	uint64_t value;
	unsigned n = 0;
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	CHECK_INT(loop_new(&l), ==, 0);
	CHECK_INT(loop_add_io(l, fd, EPOLLIN | EPOLLET, "once", on_drain, &n, &s), ==, 0);
	source_set_ratelimit(s, 50000, 1);
	CHECK_INT(write(fd, &one, sizeof(one)), ==, sizeof(one));
	CHECK_INT(loop_run_once(l, SECOND), >=, 0);
	CHECK_INT(n, ==, 1);
	CHECK_INT(write(fd, &one, sizeof(one)), ==, sizeof(one));
	CHECK_INT(loop_run_once(l, 1000), >=, 0);
	CHECK_INT(n, ==, 1);
	CHECK_INT(read(fd, &value, sizeof(value)), ==, sizeof(value));
	for (usec_t end = now(CLOCK_MONOTONIC) + SECOND; n < 2 && now(CLOCK_MONOTONIC) < end;)
		CHECK_INT(loop_run_once(l, 20000), >=, 0);
	CHECK_INT(n, ==, 2);
	source_free(s);
	loop_free(l);
	close(fd);
}

static int on_time_count(struct source *s, usec_t deadline, void *userdata)
{
	(void) deadline;
	++*(unsigned *) userdata;
	return source_set_time(s, 0);
}

TEST(event__rate_limited_timer_fires_after_its_rest)
{
	struct loop *l;
	struct source *s;
	unsigned n = 0;
	usec_t begin = now(CLOCK_MONOTONIC);

	CHECK_INT(loop_new(&l), ==, 0);
	CHECK_INT(loop_add_time(l, CLOCK_BOOTTIME, 0, 0, "busy", on_time_count, &n, &s), ==, 0);
	source_set_ratelimit(s, 30000, 3);
	while (now(CLOCK_MONOTONIC) < begin + 75000)
		CHECK_INT(loop_run_once(l, 5000), >=, 0);
	CHECK_INT(n, >=, 6);
	CHECK_INT(n, <=, 9);
	loop_free(l);
}

TEST(event__fd_that_was_closed_too_early_does_not_spin)
{
	struct loop *l;
	struct source *s, *heir;
	struct loop_statistics before, after;
	unsigned n = 0, wrong = 0;
	int p[2], q[2], copy;

	CHECK_INT(pipe2(p, O_CLOEXEC | O_NONBLOCK), ==, 0);
	CHECK_INT(loop_new(&l), ==, 0);
	CHECK_INT(loop_add_io(l, p[0], EPOLLIN, "early", on_read_byte, &n, &s), ==, 0);
	/* The description lives on in the copy, so epoll goes on reporting an fd that cannot be
	 * named any more. */
	copy = dup(p[0]);
	close(p[0]);
	source_free(s);
	/* The next source has the slot of the last; the event is not its. */
	CHECK_INT(pipe2(q, O_CLOEXEC | O_NONBLOCK), ==, 0);
	CHECK_INT(loop_add_io(l, q[0], EPOLLIN, "heir", on_fail, &wrong, &heir), ==, 0);
	CHECK_INT(write(p[1], "x", 1), ==, 1);
	CHECK_INT(loop_run_once(l, 2000), ==, 0);
	loop_get_statistics(l, &before);
	CHECK_INT(loop_run_once(l, 50000), ==, 0);
	loop_get_statistics(l, &after);
	CHECK_INT(after.turns - before.turns, <=, 2);
	CHECK_INT(n, ==, 0);
	CHECK_INT(wrong, ==, 0);
	/* It is heard by the new epoll as it was by the old. */
	CHECK_INT(write(q[1], "x", 1), ==, 1);
	CHECK_INT(loop_run_once(l, SECOND), ==, 1);
	CHECK_INT(wrong, ==, 1);
	loop_free(l);
	close(q[0]);
	close(q[1]);
	close(copy);
	close(p[1]);
}

TEST(event__statistics_count_lag)
{
	struct loop_statistics st;
	uint64_t sum = 0;
	struct loop *l;
	unsigned n = 0;

	CHECK_INT(loop_new(&l), ==, 0);
	CHECK_INT(loop_add_defer(l, "counted", on_defer_rearm, &n, NULL), ==, 0);
	while (loop_run_once(l, 0) > 0)
		;
	loop_get_statistics(l, &st);
	for (unsigned i = 0; i < LOOP_LAG_BUCKETS; i++)
		sum += st.lag[i];
	CHECK_INT(st.events, ==, 3);
	CHECK_INT(sum, ==, 3);
	CHECK(!st.worst_source || streq(st.worst_source, "counted"));
	loop_free(l);
}

static void on_busy(bool busy, void *userdata)
{
	trace_add(busy ? "1" : "0");
	(void) userdata;
}

TEST(event__busy_hook_brackets_the_sleep)
{
	struct loop *l;

	trace_reset();
	CHECK_INT(loop_new(&l), ==, 0);
	loop_set_busy_hook(l, on_busy, NULL);
	CHECK_INT(loop_run_once(l, 0), ==, 0);
	CHECK_STR(trace, "01");
	loop_free(l);
}

/* Random adding, freeing, arming and firing, with every handler doing to others what it likes. */
#define STORM 64

struct storm {
	struct loop *loop;
	struct source *sources[STORM];
	int fds[STORM][2];
	unsigned calls;
	unsigned seed;
};

static void storm_step(struct storm *st);

static int on_storm_io(struct source *s, int fd, uint32_t revents, void *userdata)
{
	(void) s;
	(void) fd;
	(void) revents;
	storm_step(userdata);
	return 0;
}

static int on_storm_time(struct source *s, usec_t deadline, void *userdata)
{
	(void) s;
	(void) deadline;
	storm_step(userdata);
	return 0;
}

static int on_storm_defer(struct source *s, void *userdata)
{
	(void) s;
	storm_step(userdata);
	return 0;
}

static void storm_step(struct storm *st)
{
	st->calls++;
	for (unsigned k = 0; k < 3; k++) {
		unsigned i = (unsigned) rand_r(&st->seed) % STORM,
			 what = (unsigned) rand_r(&st->seed) % 8;
		struct source **s = &st->sources[i];
		usec_t t = now(CLOCK_MONOTONIC) + (unsigned) rand_r(&st->seed) % 300;

		if (*s && what < 3)
			*s = source_free(*s);
		else if (*s && what == 3)
			(void) source_set_state(*s, SOURCE_OFF);
		else if (*s && what == 4)
			(void) source_set_state(*s, SOURCE_ON);
		else if (*s && what == 5)
			source_set_priority(*s, rand_r(&st->seed) % 5);
		else if (*s && what == 6)
			source_set_ratelimit(*s, 200, 2);
		else if (*s)
			(void) source_set_time(*s, t);
		else if (what < 3)
			(void) loop_add_io(st->loop, st->fds[i][0], EPOLLIN, "io", on_storm_io, st,
			                   s);
		else if (what < 6)
			(void) loop_add_time(st->loop, what == 3 ? CLOCK_BOOTTIME : CLOCK_MONOTONIC,
			                     t, 50, "time", on_storm_time, st, s);
		else
			(void) loop_add_defer(st->loop, "defer", on_storm_defer, st, s);
	}
}

TEST(event__survives_a_storm_of_frees_in_handlers)
{
	struct storm st = {.seed = 1};
	const char *seed = getenv("SEED");

	if (seed)
		st.seed = (unsigned) atoi(seed);
	CHECK_INT(loop_new(&st.loop), ==, 0);
	for (unsigned i = 0; i < STORM; i++) {
		CHECK_INT(pipe2(st.fds[i], O_CLOEXEC | O_NONBLOCK), ==, 0);
		CHECK_INT(write(st.fds[i][1], "x", 1), ==, 1);
	}
	while (st.calls < 20000) {
		unsigned before = st.calls;

		CHECK_INT(loop_run_once(st.loop, 1000), >=, 0);
		if (st.calls == before)
			storm_step(&st);
	}
	loop_free(st.loop);
	for (unsigned i = 0; i < STORM; i++) {
		close(st.fds[i][0]);
		close(st.fds[i][1]);
	}
}
