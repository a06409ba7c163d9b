// SPDX-License-Identifier: Apache-2.0
#include "base/event-internal.h"

#include "base/fd.h"
#include "base/log.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#define EVENTS_A_TURN 64

static bool pending_before(const struct heap_node *a, const struct heap_node *b)
{
	const struct source *x = container_of(a, struct source, pending);
	const struct source *y = container_of(b, struct source, pending);

	return x->priority != y->priority ? x->priority < y->priority : x->serial < y->serial;
}

static bool timer_before(const struct heap_node *a, const struct heap_node *b)
{
	return container_of(a, struct timer, node)->latest <
	       container_of(b, struct timer, node)->latest;
}

int loop_new(struct loop **ret)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0) {
		int r = -errno;

		free(l);
		return r;
	}
	l->refs = 1;
	l->free_slot = SLOT_NONE;
	l->woke_at = now(CLOCK_MONOTONIC);
	l->pending.before = pending_before;
	list_init(&l->sources);
	for (unsigned i = 0; i < CLOCK_INDEX_MAX; i++) {
		l->clocks[i].fd = -EBADF;
		l->clocks[i].armed = USEC_INFINITY;
		l->clocks[i].timers.before = timer_before;
	}
	*ret = l;
	return 0;
}

static void loop_unref(struct loop *l)
{
	if (--l->refs > 0)
		return;
	for (unsigned i = 0; i < CLOCK_INDEX_MAX; i++) {
		fd_close(l->clocks[i].fd);
		heap_done(&l->clocks[i].timers);
	}
	fd_close(l->epoll_fd);
	heap_done(&l->pending);
	free(l->slots);
	free(l);
}

struct loop *loop_free(struct loop *l)
{
	if (!l || l->freed)
		return NULL;
	l->freed = true;
	LIST_FOREACH (s, &l->sources, struct source, link)
		source_destroy(s);
	loop_exit(l, -ECANCELED);
	/* A handler that frees its own loop leaves the rest to loop_run(). */
	loop_unref(l);
	return NULL;
}

void loop_exit(struct loop *l, int code)
{
	l->exiting = true;
	l->exit_code = code;
}

void loop_set_source_hook(struct loop *l, void (*fn)(const char *name, usec_t monotonic))
{
	l->source_hook = fn;
}

void loop_set_busy_hook(struct loop *l, void (*fn)(bool busy, void *userdata), void *userdata)
{
	l->busy_hook = fn;
	l->busy_userdata = userdata;
}

void loop_beat(struct loop *l)
{
	if (l->busy_hook)
		l->busy_hook(true, l->busy_userdata);
}

void loop_get_statistics(const struct loop *l, struct loop_statistics *ret)
{
	*ret = l->statistics;
	ret->worst_source = l->worst_name[0] ? l->worst_name : NULL;
}

static void count_lag(struct loop *l, const struct source *s, usec_t t)
{
	usec_t lag = usec_sub(t, s->ready_at);
	unsigned bucket = lag ? 63 - (unsigned) __builtin_clzll(lag) : 0;

	l->statistics.events++;
	l->statistics.lag[MIN(bucket, LOOP_LAG_BUCKETS - 1U)]++;
	if (lag <= l->statistics.worst_usec)
		return;
	l->statistics.worst_usec = lag;
	(void) snprintf(l->worst_name, sizeof(l->worst_name), "%s", s->name);
}

static int call_io(struct source *s)
{
	return s->fn.io(s, s->fd, s->revents, s->userdata);
}

static int call_time(struct source *s)
{
	return s->fn.time(s, s->extra->time.timer.deadline, s->userdata);
}

static int call_signal(struct source *s)
{
	struct signalfd_siginfo si;
	ssize_t n;

	n = read(s->fd, &si, sizeof(si));
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	return n == sizeof(si) ? s->fn.signal(s, &si, s->userdata) : -EIO;
}

static int call_defer(struct source *s)
{
	return s->fn.defer(s, s->userdata);
}

static int call_pid(struct source *s)
{
	/* The handler may free the source and with it our pidref. */
	struct pidref p = s->extra->pid;

	return s->fn.pid(s, &p, s->userdata);
}

static int (*const call_table[])(struct source *s) = {
	[SOURCE_IO] = call_io,       [SOURCE_TIME] = call_time, [SOURCE_SIGNAL] = call_signal,
	[SOURCE_DEFER] = call_defer, [SOURCE_PID] = call_pid,
};

/* True if the source has had its share and now rests. */
static bool limit_reached(struct source *s, usec_t t)
{
	struct ratelimit *r = s->limit;

	if (!r || r->interval == 0 || r->burst == 0)
		return false;
	if (usec_sub(t, r->begin) >= r->interval) {
		r->begin = t;
		r->count = 0;
	}
	if (r->count < r->burst) {
		r->count++;
		return false;
	}
	source_rest(s, usec_add(r->begin, r->interval));
	return true;
}

/* 1 if its handler was called. */
static int dispatch(struct loop *l, struct source *s)
{
	usec_t t;
	int r;

	source_unpend(s);
	/* An earlier handler may have drained this fd: only what epoll reported in this turn is
	 * still true. */
	if (s->registered && s->turn != l->turn && !(s->events & EPOLLET))
		return 0;
	t = now(CLOCK_MONOTONIC);
	if (s->resting) {
		s->limit->owed = true;
		return 0;
	}
	if (limit_reached(s, t))
		return 0;
	count_lag(l, s, t);
	if (s->state == SOURCE_ONESHOT || s->kind == SOURCE_TIME || s->kind == SOURCE_PID)
		(void) source_set_state(s, SOURCE_OFF);
	if (l->source_hook)
		l->source_hook(s->name, t);
	s->running++;
	r = call_table[s->kind](s);
	s->running--;
	if (r < 0) {
		(void) log_warning_errno(r, "Handler of \"%s\" failed, disabling it: %m",
		                         s->dead ? "a source since freed" : s->name);
		if (!s->dead)
			(void) source_set_state(s, SOURCE_OFF);
	}
	if (s->dead)
		free(s);
	else if (s->kind == SOURCE_DEFER && s->state == SOURCE_ON && !s->resting)
		source_make_pending(s);
	return 1;
}

/* All that were pending when it began and share the best priority; then epoll is asked again
 * whether there is better. */
static int dispatch_batch(struct loop *l)
{
	struct heap_node *top = heap_top(&l->pending);
	uint64_t last = l->serial;
	int64_t best;
	int n = 0;

	if (!top)
		return 0;
	best = container_of(top, struct source, pending)->priority;
	while (!l->exiting && (top = heap_top(&l->pending))) {
		struct source *s = container_of(top, struct source, pending);

		if (s->priority != best || s->serial > last)
			break;
		n += dispatch(l, s);
	}
	return n;
}

/* Closed behind our back, and perhaps the number of a file by now, which nobody can wait for. */
static bool is_lost(const struct source *s, int error)
{
	struct stat st;

	return error == -EBADF || (error == -EPERM && (fstat(s->fd, &st) < 0 ||
	                                               S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)));
}

/* A new epoll with all that is registered: the old one reports an fd that cannot be removed any
 * more. */
static int loop_rebuild(struct loop *l)
{
	int fd = epoll_create1(EPOLL_CLOEXEC), old = l->epoll_fd;

	if (fd < 0)
		return -errno;
	l->epoll_fd = fd;
	fd_close(old);
	for (unsigned i = 0; i < CLOCK_INDEX_MAX; i++) {
		struct epoll_event e = {.events = EPOLLIN, .data.u64 = EPOLL_CLOCK_MARK | i};

		if (l->clocks[i].fd >= 0 && epoll_ctl(fd, EPOLL_CTL_ADD, l->clocks[i].fd, &e) < 0)
			return -errno;
	}
	LIST_FOREACH (s, &l->sources, struct source, link) {
		int r = s->registered ? epoll_add_source(l, s) : 0;

		if (r < 0 && is_lost(s, r)) {
			s->registered = false;
			s->state = SOURCE_OFF;
			log_debug("Source \"%s\" has lost its fd, disabling it", s->name);
		} else if (r < 0) {
			return r; /* for want of memory, say: all of it once more */
		}
	}
	l->rebuild = false;
	return 0;
}

static void take_event(struct loop *l, const struct epoll_event *e)
{
	uint32_t low = (uint32_t) e->data.u64, generation = (uint32_t) (e->data.u64 >> 32);
	struct source *s;

	if ((low & EPOLL_CLOCK_MARK) == EPOLL_CLOCK_MARK) {
		clock_fired(l, low & ~EPOLL_CLOCK_MARK);
		return;
	}
	s = low < l->n_slots && l->slots[low].generation == generation ? l->slots[low].source
	                                                               : NULL;
	if (!s || !s->registered) {
		l->rebuild = true;
		return;
	}
	s->turn = l->turn;
	/* An edge that still waits for its turn would not be told again. */
	s->revents =
		s->pending.place > 0 && (s->events & EPOLLET) ? s->revents | e->events : e->events;
	source_make_pending(s);
}

/* Asks epoll once and runs what came: the number of handlers called, or -errno. */
static int loop_turn(struct loop *l, usec_t timeout)
{
	struct epoll_event events[EVENTS_A_TURN];
	int r, n, wait = -1;

	if (l->rebuild) {
		r = loop_rebuild(l);
		if (r < 0)
			return r;
	}
	r = clocks_arm(l);
	if (r < 0)
		return r;
	if (l->pending.n > 0 || l->realtime_was_set)
		wait = 0;
	else if (timeout != USEC_INFINITY)
		wait = (int) MIN(timeout / 1000 + (timeout % 1000 > 0), (usec_t) INT_MAX);
	if (l->source_hook)
		l->source_hook(NULL, 0);
	if (l->busy_hook)
		l->busy_hook(false, l->busy_userdata);
	n = epoll_wait(l->epoll_fd, events, EVENTS_A_TURN, wait);
	r = n < 0 ? -errno : 0;
	if (l->busy_hook)
		l->busy_hook(true, l->busy_userdata);
	if (r < 0 && r != -EINTR)
		return r;
	l->woke_at = now(CLOCK_MONOTONIC);
	l->turn++;
	l->statistics.turns++;
	for (int i = 0; i < n; i++)
		take_event(l, &events[i]);
	clocks_run_due(l);
	return dispatch_batch(l);
}

int loop_run_once(struct loop *l, usec_t timeout)
{
	usec_t end, t;
	int r;

	/* A handler may not turn the loop that runs it: sources below would be called half-way. */
	if (l->running > 0)
		return -EBUSY;
	end = timeout == USEC_INFINITY ? USEC_INFINITY : usec_add(now(CLOCK_MONOTONIC), timeout);
	l->running++;
	l->refs++;
	do {
		r = loop_turn(l, timeout);
		if (r != 0 || l->exiting)
			break;
		t = end == USEC_INFINITY ? 0 : now(CLOCK_MONOTONIC);
		timeout = usec_sub(end, t);
	} while (timeout > 0);
	l->running--;
	loop_unref(l);
	return r > 0 ? 1 : r;
}

int loop_run(struct loop *l)
{
	int r = 0;

	if (l->running > 0)
		return -EBUSY;
	l->running++;
	l->refs++;
	while (!l->exiting && r >= 0)
		r = loop_turn(l, USEC_INFINITY);
	if (r >= 0) {
		r = l->exit_code;
		l->exiting = l->freed;
	}
	l->running--;
	loop_unref(l);
	return r;
}
