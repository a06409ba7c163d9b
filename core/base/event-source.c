// SPDX-License-Identifier: Apache-2.0
#include "base/event-internal.h"

#include "base/fd.h"
#include "base/log.h"

static uint64_t epoll_data(const struct source *s)
{
	return (uint64_t) s->loop->slots[s->slot].generation << 32 | s->slot;
}

int epoll_add_source(struct loop *l, struct source *s)
{
	struct epoll_event e = {.events = s->events, .data.u64 = epoll_data(s)};

	return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, s->fd, &e) < 0 ? -errno : 0;
}

static bool has_fd(const struct source *s)
{
	return s->kind == SOURCE_IO || s->kind == SOURCE_SIGNAL || s->kind == SOURCE_PID;
}

int source_sync(struct source *s)
{
	bool want = s->state != SOURCE_OFF && !s->resting && !s->dead;
	int r;

	if (!has_fd(s) || want == s->registered)
		return 0;
	if (want) {
		r = epoll_add_source(s->loop, s);
		if (r < 0)
			return r;
	} else if (epoll_ctl(s->loop->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL) < 0) {
		log_debug_errno(errno, "Source \"%s\" was closed before it was freed: %m", s->name);
	}
	s->registered = want;
	return 0;
}

static int slot_take(struct loop *l, struct source *s)
{
	uint32_t i = l->free_slot;

	if (i == SLOT_NONE) {
		uint32_t n = l->n_slots ? l->n_slots + l->n_slots / 2 : 8;
		struct slot *grown;

		if (n >= EPOLL_CLOCK_MARK)
			return -ENOSPC;
		grown = reallocarray(l->slots, n, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		for (uint32_t k = l->n_slots; k < n; k++)
			grown[k] = (struct slot){.next_free = k + 1 < n ? k + 1 : SLOT_NONE};
		i = l->n_slots;
		l->slots = grown;
		l->n_slots = n;
	}
	l->free_slot = l->slots[i].next_free;
	l->slots[i].source = s;
	s->slot = i;
	return 0;
}

static void slot_give(struct loop *l, struct source *s)
{
	struct slot *slot;

	if (s->slot == SLOT_NONE)
		return;
	slot = &l->slots[s->slot];
	slot->source = NULL;
	slot->generation++;
	slot->next_free = l->free_slot;
	l->free_slot = s->slot;
	s->slot = SLOT_NONE;
}

void source_make_pending(struct source *s)
{
	if (s->pending.place > 0)
		return;
	s->ready_at = s->loop->woke_at;
	s->serial = ++s->loop->serial;
	heap_insert(&s->loop->pending, &s->pending);
}

void source_unpend(struct source *s)
{
	heap_remove(&s->loop->pending, &s->pending);
}

/* Takes everything from it that could lead to a call; the memory goes when no handler of it runs.
 */
void source_destroy(struct source *s)
{
	struct loop *l = s->loop;

	if (s->dead)
		return;
	s->state = SOURCE_OFF;
	s->dead = true;
	(void) source_sync(s);
	source_unpend(s);
	heap_unreserve(&l->pending);
	slot_give(l, s);
	if (s->limit) {
		timer_stop(l, CLOCK_INDEX_MONOTONIC, &s->limit->rest);
		heap_unreserve(&l->clocks[CLOCK_INDEX_MONOTONIC].timers);
		free(s->limit);
		s->limit = NULL;
	}
	if (s->kind == SOURCE_TIME) {
		timer_stop(l, s->extra->time.clock, &s->extra->time.timer);
		heap_unreserve(&l->clocks[s->extra->time.clock].timers);
	}
	if (s->kind == SOURCE_PID)
		pidref_done(&s->extra->pid);
	if (s->kind == SOURCE_SIGNAL)
		fd_close(s->fd);
	list_remove(&s->link);
	if (s->running == 0)
		free(s);
}

struct source *source_free(struct source *s)
{
	if (s)
		source_destroy(s);
	return NULL;
}

/* A source with nothing armed yet; @fd for kinds that have one. */
static int source_new(struct loop *l, enum source_kind kind, const char *name, void *userdata,
                      int fd, struct source **ret)
{
	bool extra = kind == SOURCE_TIME || kind == SOURCE_PID;
	struct source *s = calloc(1, sizeof(*s) + (extra ? sizeof(s->extra[0]) : 0));
	int r;

	if (!s)
		return -ENOMEM;
	*s = (struct source){
		.loop = l,
		.name = name ?: "unnamed",
		.userdata = userdata,
		.kind = kind,
		.fd = fd,
		.slot = SLOT_NONE,
	};
	r = heap_reserve(&l->pending);
	if (r < 0) {
		free(s);
		return r;
	}
	if (has_fd(s)) {
		r = slot_take(l, s);
		if (r < 0) {
			heap_unreserve(&l->pending);
			free(s);
			return r;
		}
	}
	if (kind == SOURCE_PID)
		s->extra->pid = PIDREF_NULL;
	list_append(&l->sources, &s->link);
	*ret = s;
	return 0;
}

/* The last step of every loop_add_*(): arms it, hands it out. On failure nothing of it is left. */
static int source_begin(struct source *s, enum source_state state, struct source **ret)
{
	int r = source_set_state(s, state);

	if (r < 0) {
		/* A signalfd or pidfd that we made goes with it. */
		source_destroy(s);
		return r;
	}
	if (ret)
		*ret = s;
	return 0;
}

int loop_add_io(struct loop *l, int fd, uint32_t events, const char *name, source_io_fn fn,
                void *userdata, struct source **ret)
{
	struct source *s;
	int r;

	if (fd < 0)
		return -EBADF;
	r = source_new(l, SOURCE_IO, name, userdata, fd, &s);
	if (r < 0)
		return r;
	s->events = events;
	s->fn.io = fn;
	return source_begin(s, SOURCE_ON, ret);
}

int loop_add_time(struct loop *l, clockid_t clock, usec_t deadline, usec_t accuracy,
                  const char *name, source_time_fn fn, void *userdata, struct source **ret)
{
	int index = clock_index(clock), r;
	struct source *s;

	if (index < 0)
		return index;
	r = clock_open(l, (unsigned) index);
	if (r < 0)
		return r;
	r = heap_reserve(&l->clocks[index].timers);
	if (r < 0)
		return r;
	r = source_new(l, SOURCE_TIME, name, userdata, -EBADF, &s);
	if (r < 0) {
		heap_unreserve(&l->clocks[index].timers);
		return r;
	}
	s->extra->time.clock = (uint8_t) index;
	s->extra->time.accuracy = accuracy;
	s->extra->time.timer = (struct timer){.source = s, .deadline = deadline};
	s->fn.time = fn;
	return source_begin(s, deadline == USEC_INFINITY ? SOURCE_OFF : SOURCE_ONESHOT, ret);
}

int loop_add_signal(struct loop *l, int signo, const char *name, source_signal_fn fn,
                    void *userdata, struct source **ret)
{
	auto_fd int fd = -EBADF;
	struct source *s;
	sigset_t set;
	int r;

	if (sigemptyset(&set) < 0 || sigaddset(&set, signo) < 0)
		return -errno;
	/* One signalfd a signal: each is read when its turn comes, so that priorities hold among
	 * signals, too. */
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	r = source_new(l, SOURCE_SIGNAL, name, userdata, fd, &s);
	if (r < 0)
		return r;
	TAKE_FD(fd);
	s->events = EPOLLIN;
	s->fn.signal = fn;
	return source_begin(s, SOURCE_ON, ret);
}

int loop_add_defer(struct loop *l, const char *name, source_defer_fn fn, void *userdata,
                   struct source **ret)
{
	struct source *s;
	int r;

	r = source_new(l, SOURCE_DEFER, name, userdata, -EBADF, &s);
	if (r < 0)
		return r;
	s->fn.defer = fn;
	return source_begin(s, SOURCE_ONESHOT, ret);
}

int loop_add_pid(struct loop *l, const struct pidref *pid, const char *name, source_pid_fn fn,
                 void *userdata, struct source **ret)
{
	struct pidref own = PIDREF_NULL;
	struct source *s;
	int r;

	if (!pidref_is_set(pid))
		return -ESRCH;
	if (pid->pidfd >= 0) {
		own = *pid;
		own.pidfd = fcntl(pid->pidfd, F_DUPFD_CLOEXEC, 3);
		r = own.pidfd < 0 ? -errno : 0;
	} else {
		r = pid->start_time ? pidref_open_verified(pid->pid, pid->start_time, &own)
		                    : pidref_open(pid->pid, &own);
	}
	if (r < 0)
		return r;
	r = source_new(l, SOURCE_PID, name, userdata, own.pidfd, &s);
	if (r < 0) {
		pidref_done(&own);
		return r;
	}
	s->extra->pid = own;
	s->events = EPOLLIN;
	s->fn.pid = fn;
	return source_begin(s, SOURCE_ONESHOT, ret);
}

int source_set_state(struct source *s, enum source_state state)
{
	uint8_t old = s->state;
	int r;

	if (s->dead)
		return -ESTALE;
	s->state = (uint8_t) state;
	r = source_sync(s);
	if (r < 0) {
		s->state = old;
		return r;
	}
	if (state == SOURCE_OFF) {
		source_unpend(s);
		if (s->limit)
			s->limit->owed = false;
		if (s->kind == SOURCE_TIME)
			timer_stop(s->loop, s->extra->time.clock, &s->extra->time.timer);
		return 0;
	}
	if (s->kind == SOURCE_DEFER) {
		if (!s->resting)
			source_make_pending(s);
		else
			s->limit->owed = true;
	} else if (s->kind == SOURCE_TIME && s->pending.place == 0 &&
	           s->extra->time.timer.node.place == 0 && !(s->limit && s->limit->owed)) {
		timer_start(s->loop, s->extra->time.clock, &s->extra->time.timer,
		            s->extra->time.timer.deadline, s->extra->time.accuracy);
	}
	return 0;
}

enum source_state source_get_state(const struct source *s)
{
	return s->state;
}

int source_set_events(struct source *s, uint32_t events)
{
	struct epoll_event e = {.events = events};

	if (s->kind != SOURCE_IO || s->dead)
		return -EINVAL;
	if (s->events == events)
		return 0;
	e.data.u64 = epoll_data(s);
	if (s->registered && epoll_ctl(s->loop->epoll_fd, EPOLL_CTL_MOD, s->fd, &e) < 0)
		return -errno;
	s->events = events;
	return 0;
}

int source_set_time(struct source *s, usec_t deadline)
{
	if (s->kind != SOURCE_TIME || s->dead)
		return -EINVAL;
	source_unpend(s);
	if (s->limit)
		s->limit->owed = false;
	timer_stop(s->loop, s->extra->time.clock, &s->extra->time.timer);
	s->extra->time.timer.deadline = deadline;
	return source_set_state(s, deadline == USEC_INFINITY ? SOURCE_OFF : SOURCE_ONESHOT);
}

usec_t source_get_time(const struct source *s)
{
	return s->kind == SOURCE_TIME ? s->extra->time.timer.deadline : USEC_INFINITY;
}

void source_set_priority(struct source *s, int64_t priority)
{
	s->priority = priority;
	heap_moved(&s->loop->pending, &s->pending);
}

void source_set_ratelimit(struct source *s, usec_t interval, unsigned burst)
{
	struct loop *l = s->loop;

	if (s->dead)
		return;
	if (!s->limit && interval > 0 && burst > 0) {
		if (clock_open(l, CLOCK_INDEX_MONOTONIC) < 0 ||
		    heap_reserve(&l->clocks[CLOCK_INDEX_MONOTONIC].timers) < 0)
			return;
		s->limit = calloc(1, sizeof(*s->limit));
		if (!s->limit) {
			heap_unreserve(&l->clocks[CLOCK_INDEX_MONOTONIC].timers);
			return;
		}
		s->limit->rest = (struct timer){.source = s, .is_rest = true};
	}
	if (!s->limit)
		return;
	s->limit->interval = interval;
	s->limit->burst = burst;
	if (s->resting && (interval == 0 || burst == 0)) {
		timer_stop(l, CLOCK_INDEX_MONOTONIC, &s->limit->rest);
		source_rest_over(s);
	}
}

void source_rest(struct source *s, usec_t until)
{
	s->resting = true;
	/* What epoll tells once is told, and so are a time and a wish. */
	s->limit->owed = s->kind == SOURCE_TIME || s->kind == SOURCE_DEFER ||
	                 (s->kind == SOURCE_IO && s->events & EPOLLET);
	(void) source_sync(s); /* removal does not fail */
	timer_start(s->loop, CLOCK_INDEX_MONOTONIC, &s->limit->rest, until, TIMER_EXACT);
}

void source_rest_over(struct source *s)
{
	s->resting = false;
	if (source_sync(s) < 0) {
		/* No memory for epoll: later, then. */
		source_rest(s, usec_add(s->loop->woke_at, USEC_PER_SEC));
		return;
	}
	if (s->limit->owed && s->state != SOURCE_OFF)
		source_make_pending(s);
	s->limit->owed = false;
}

const char *source_name(const struct source *s)
{
	return s->name;
}

struct loop *source_loop(const struct source *s)
{
	return s->loop;
}
