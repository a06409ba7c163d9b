// SPDX-License-Identifier: Apache-2.0
/*
 * A real fault in PID 1 before and after each system call that it makes on its way through a request, in a world of its own for
 * each. What was asked for happens once or is refused; core, the vault and the fds are as they would be without the fault, and
 * the next request works.
 */
#include "check.h"
#include "world.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define STOPS_MAX  3000
#define STOPS_EACH 250
#define STOPS_STEP 41
#define WAIT_MS    5000
#define IDLE_MSEC  40 /* after the event that ends the order: what init has to do yet */

/* Gives what is wrong to the caller. */
#define MUST(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond))                                                                       \
			return #cond;                                                              \
	} while (0)

struct scenario {
	const char *order;
	const char *end; /* the event that tells of its end */
	const char *(*check)(struct world *w, const char *end, int fds);
};

static const char *status_of(struct world *w)
{
	world_tell(w, "request 19 0 0");
	return world_wait(w, "reply 5 0 ", WAIT_MS);
}

/* Init and core and nobody else, and as many fds: what is under way, a helper's end, may take a moment. */
static const char *check_rest(struct world *w, int fds)
{
	int processes = 0, have = 0;

	for (int i = 0; i < 300 && (processes != 2 || have != fds); i++) {
		const char *n;

		usleep(i ? 10000 : 0);
		world_tell(w, "count");
		n = world_wait(w, "count ", WAIT_MS);
		processes = n ? atoi(n) : 0;
		have = count_fds(w);
	}
	MUST(processes == 2);
	MUST(have == fds);
	return NULL;
}

static const char *check_all(struct world *w, const char *restarts, const char *vault, int fds)
{
	const char *text = status_of(w);

	MUST(text);
	MUST(has_line(text, restarts));
	MUST(has_line(text, vault));
	return check_rest(w, fds);
}

/* ---- scenarios ---- */

static const char *after_init(struct world *w, const char *end, int fds)
{
	MUST(*end == '0' || *end == '-');
	world_tell(w, "upgrade-init " INIT_GOOD);
	MUST(world_wait(w, "reply 7 0 ", WAIT_MS));
	return check_all(w, "restarts=0", "vault-items=1", fds);
}

static const char *after_core(struct world *w, const char *end, int fds)
{
	bool done = *end == '0';

	MUST(done || *end == '-');
	if (done) {
		MUST(world_wait(w, "start ", WAIT_MS) && strstr(w->event, " 2 -"));
		MUST(world_wait(w, "welcome ", WAIT_MS));
	} else {
		world_tell(w, "upgrade-core " FAKE_CORE_2);
		MUST(world_wait(w, "reply 7 0 ", WAIT_MS));
		MUST(world_started(w, WAIT_MS));
	}
	/* The binary before, until the trial is over. */
	return check_all(w, "restarts=0", "vault-items=1", fds + 1);
}

static const char *after_death(struct world *w, const char *end, int fds)
{
	(void) end;
	return check_all(w, "restarts=1", "vault-items=1", fds);
}

static const char *after_put(struct world *w, const char *end, int fds)
{
	(void) end;
	return check_all(w, "restarts=0", "vault-items=2", fds + 1);
}

static const char *after_drop(struct world *w, const char *end, int fds)
{
	(void) end;
	return check_all(w, "restarts=0", "vault-items=0", fds - 1);
}

/* Its exit has the number 1, however often it is told, and the next one the number 2. */
static const char *after_exit(struct world *w, const char *end, int fds)
{
	MUST(!strncmp(end, "1 ", 2) && strstr(end, " 1 7 "));
	world_tell(w, "spawn walk 8 0 1");
	MUST(world_wait(w, "exit 2 ", WAIT_MS) && strstr(w->event, " 1 8 "));
	return check_all(w, "restarts=0", "vault-items=1", fds);
}

static const struct scenario upgrade_init = {"upgrade-init " INIT_GOOD, "reply 7 ", after_init},
			     upgrade_core = {"upgrade-core " FAKE_CORE_2, "reply 7 ", after_core},
			     death = {"signal 9", "welcome ", after_death},
			     put = {"put second", "reply 1 ", after_put},
			     drop = {"drop kept", "reply 2 ", after_drop},
			     ended = {"spawn walk 7 0 1", "exit ", after_exit};

/* ---- the walk ---- */

/* Runs init from stop to stop. Returns 1 at the @nth, 0 if all was over before, or -errno; @end: what the event said, if it came. */
static int run_to_stop(struct world *w, const struct scenario *s, unsigned nth, char end[256])
{
	long long quiet = 0, deadline = now_msec() + 60000;
	unsigned n = 0;

	if (ptrace(PTRACE_SEIZE, w->init, NULL,
	           (void *) (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC)) < 0 ||
	    ptrace(PTRACE_INTERRUPT, w->init, NULL, NULL) < 0)
		return -errno;
	world_tell(w, "%s", s->order);
	while (now_msec() < deadline && (!quiet || now_msec() < quiet)) {
		int status;

		if (waitpid(w->init, &status, WNOHANG | __WALL) == 0) {
			if (world_event(w, 1) == 0 && !strncmp(w->event, s->end, strlen(s->end))) {
				snprintf(end, 256, "%s", w->event + strlen(s->end));
				quiet = now_msec() + IDLE_MSEC;
			}
			continue;
		}
		if (!WIFSTOPPED(status))
			return -ESRCH;
		if (++n == nth)
			return 1;
		if (ptrace(PTRACE_SYSCALL, w->init, NULL, NULL) < 0)
			return -errno;
	}
	return quiet ? 0 : -ETIMEDOUT;
}

/* Returns what is wrong, or NULL. */
static const char *one_fault(const struct scenario *s, unsigned nth, bool *ret_over)
{
	char end[256] = "";
	struct world w __attribute__((cleanup(world_close)));
	int r, fds;

	MUST(world_open(&w, true, NULL,
	                (const char *const[]){"--core=" FAKE_CORE, "--hang-usec=60000000", NULL}) ==
	     0);
	MUST(world_started(&w, WAIT_MS));
	world_tell(&w, "put kept");
	MUST(world_wait(&w, "reply 1 0 ", WAIT_MS));
	/* With a version before it, as on a machine that has lived. */
	world_tell(&w, "upgrade-init " INIT_GOOD);
	MUST(world_wait(&w, "reply 7 0 ", WAIT_MS));
	MUST(status_of(&w));
	fds = count_fds(&w);
	r = run_to_stop(&w, s, nth, end);
	*ret_over = r == 0;
	MUST(r >= 0);
	if (r == 0)
		return NULL;
	MUST(world_fault_stopped(&w) >= 0);
	if (!*end)
		MUST(world_wait(&w, s->end, WAIT_MS));
	if (!*end)
		snprintf(end, sizeof(end), "%s", w.event + strlen(s->end));
	return s->check(&w, end, fds);
}

/* WALK_STOP=N: that one alone. */
static void walk(const struct scenario *s)
{
	const char *only = getenv("WALK_STOP");
	unsigned n = only ? (unsigned) atoi(only) : 1, wrong = 0;
	bool over = false;

	/* The end of a wire is hundreds of reads, one like the other. */
	for (; !over && n < STOPS_MAX; n += n < STOPS_EACH ? 1 : STOPS_STEP) {
		const char *what = one_fault(s, n, &over);

		if (what) {
			printf("\n      \"%s\", fault at stop %u: %s", s->order, n, what);
			wrong++;
		}
		if (only)
			break;
	}
	printf(" [%u stops]", n);
	CHECK_INT(wrong, ==, 0);
	CHECK(only || n > 5);
}

TEST(walk__upgrade_of_init)
{
	walk(&upgrade_init);
}
TEST(walk__upgrade_of_core)
{
	walk(&upgrade_core);
}
TEST(walk__death_of_core)
{
	walk(&death);
}
TEST(walk__vault_put)
{
	walk(&put);
}
TEST(walk__vault_drop)
{
	walk(&drop);
}
TEST(walk__exit)
{
	walk(&ended);
}
