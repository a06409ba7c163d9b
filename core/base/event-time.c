// SPDX-License-Identifier: Apache-2.0
#include "base/event-internal.h"

#include "base/log.h"

#include <sys/timerfd.h>
#include <unistd.h>

static const clockid_t clock_ids[] = {
	[CLOCK_INDEX_MONOTONIC] = CLOCK_MONOTONIC,
	[CLOCK_INDEX_BOOTTIME] = CLOCK_BOOTTIME,
	[CLOCK_INDEX_REALTIME] = CLOCK_REALTIME,
};

int clock_index(clockid_t clock)
{
	for (int i = 0; i < CLOCK_INDEX_MAX; i++)
		if (clock_ids[i] == clock)
			return i;
	return -EOPNOTSUPP;
}

clockid_t clock_id(unsigned index)
{
	return clock_ids[index];
}

int clock_open(struct loop *l, unsigned index)
{
	struct event_clock *c = &l->clocks[index];
	struct epoll_event e = {.events = EPOLLIN, .data.u64 = EPOLL_CLOCK_MARK | index};
	int fd;

	if (c->fd >= 0)
		return 0;
	fd = timerfd_create(clock_ids[index], TFD_NONBLOCK | TFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0) {
		int r = -errno;

		(void) close(fd);
		return r;
	}
	c->fd = fd;
	c->armed = USEC_INFINITY;
	return 0;
}

static struct timer *clock_top(const struct event_clock *c)
{
	struct heap_node *top = heap_top(&c->timers);

	return top ? container_of(top, struct timer, node) : NULL;
}

/* Sets the timerfd to the first moment that something must fire, if it is set to another. */
static int clock_arm(struct loop *l, unsigned index)
{
	struct event_clock *c = &l->clocks[index];
	struct timer *top = clock_top(c);
	usec_t want = top ? top->latest : USEC_INFINITY;
	struct itimerspec its = {0};
	int flags = TFD_TIMER_ABSTIME;

	if (c->fd < 0 || want == c->armed)
		return 0;
	/* Zero would disarm it; anything past fires at once. */
	if (want != USEC_INFINITY)
		its.it_value = usec_to_timespec(MAX(want, (usec_t) 1));
	if (index == CLOCK_INDEX_REALTIME)
		flags |= TFD_TIMER_CANCEL_ON_SET;
	if (timerfd_settime(c->fd, flags, &its, NULL) < 0) {
		if (errno != ECANCELED)
			return -errno;
		/* It was armed all the same: the clock had been set in between. */
		l->realtime_was_set = true;
	}
	c->armed = want;
	return 0;
}

int clocks_arm(struct loop *l)
{
	for (unsigned i = 0; i < CLOCK_INDEX_MAX; i++) {
		int r = clock_arm(l, i);

		if (r < 0)
			return r;
	}
	return 0;
}

void clock_fired(struct loop *l, unsigned index)
{
	uint64_t count;

	if (read(l->clocks[index].fd, &count, sizeof(count)) < 0 && errno == ECANCELED)
		l->realtime_was_set = true;
	/* It fires but once. */
	l->clocks[index].armed = USEC_INFINITY;
}

static void timer_fire(struct loop *l, unsigned index, struct timer *t)
{
	timer_stop(l, index, t);
	if (t->is_rest)
		source_rest_over(t->source);
	else
		source_make_pending(t->source);
}

void clocks_run_due(struct loop *l)
{
	for (unsigned i = 0; i < CLOCK_INDEX_MAX; i++) {
		struct event_clock *c = &l->clocks[i];
		bool all = i == CLOCK_INDEX_REALTIME && l->realtime_was_set;
		struct timer *t = clock_top(c);
		usec_t until;

		if (!t)
			continue;
		/* What is due now but was not when epoll looked waits for no other turn. */
		until = now(clock_ids[i]);
		for (; t && (all || t->deadline <= until); t = clock_top(c))
			timer_fire(l, i, t);
	}
	l->realtime_was_set = false;
}

void timer_start(struct loop *l, unsigned index, struct timer *t, usec_t deadline, usec_t accuracy)
{
	heap_remove(&l->clocks[index].timers, &t->node);
	t->deadline = deadline;
	t->latest = usec_add(deadline, accuracy);
	/* An infinite sum of two finite ones would never be armed. */
	if (t->latest == USEC_INFINITY)
		t->latest = deadline;
	if (deadline != USEC_INFINITY)
		heap_insert(&l->clocks[index].timers, &t->node);
}

void timer_stop(struct loop *l, unsigned index, struct timer *t)
{
	heap_remove(&l->clocks[index].timers, &t->node);
}
