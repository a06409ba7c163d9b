// SPDX-License-Identifier: Apache-2.0
/*
 * event-internal.h - what the files of the event loop share. Private to base.
 *
 * Life of an event: epoll or a clock makes a source pending (source_make_pending), a turn takes the
 * pending sources of the best priority in order of arrival and calls them (event.c). A source is
 * registered with epoll exactly while it is not off and not resting (source_sync); so a hung-up fd
 * that nobody serves costs nothing.
 *
 * Freed sources: memory goes at once, or after its handler returned if that is running (->running,
 * ->dead). epoll knows a source by slot and generation, never by address: an event for a closed fd
 * whose description lives on elsewhere cannot reach freed memory; it makes the loop build its epoll
 * anew, since such an fd cannot be removed otherwise.
 */
#pragma once

#include "base/event.h"

#include "base/heap.h"
#include "base/list.h"

enum source_kind { SOURCE_IO, SOURCE_TIME, SOURCE_SIGNAL, SOURCE_DEFER, SOURCE_PID };

enum { CLOCK_INDEX_MONOTONIC, CLOCK_INDEX_BOOTTIME, CLOCK_INDEX_REALTIME, CLOCK_INDEX_MAX };

/* In a clock's heap, ordered by the latest moment that it may fire. */
struct timer {
	struct heap_node node;
	bool is_rest; /* ends a rate-limited source's rest */
	usec_t deadline, latest;
	struct source *source;
};

struct ratelimit {
	usec_t interval, begin;
	unsigned burst, count;
	bool owed; /* a timer or deferred work became due while resting */
	struct timer rest;
};

struct source {
	struct loop *loop;
	struct list link;
	const char *name;
	void *userdata;
	int64_t priority;
	struct heap_node pending;
	uint8_t kind, state;
	bool dead, registered, resting;
	unsigned running;
	uint32_t turn; /* when epoll reported it last */
	uint32_t slot;
	uint64_t serial; /* order of becoming pending */
	usec_t ready_at;
	struct ratelimit *limit;
	int fd; /* io: the caller's; signal, pid: ours */
	uint32_t events, revents;
	union {
		source_io_fn io;
		source_time_fn time;
		source_signal_fn signal;
		source_defer_fn defer;
		source_pid_fn pid;
	} fn;
	/* Not every kind has these; allocated behind the others for those that do. */
	union {
		struct {
			struct timer timer;
			usec_t accuracy;
			uint8_t clock;
		} time;
		struct pidref pid;
	} extra[];
};

struct event_clock {
	int fd;
	usec_t armed; /* what the timerfd is set to */
	struct heap timers;
};

struct slot {
	struct source *source;
	uint32_t generation, next_free;
};

struct loop {
	int epoll_fd, exit_code;
	bool exiting, freed, rebuild, realtime_was_set;
	unsigned refs, running;
	uint32_t turn;
	uint64_t serial;
	usec_t woke_at;
	struct list sources;
	struct heap pending;
	struct event_clock clocks[CLOCK_INDEX_MAX];
	struct slot *slots;
	uint32_t n_slots, free_slot;
	void (*source_hook)(const char *name, usec_t monotonic);
	void (*busy_hook)(bool busy, void *userdata);
	void *busy_userdata;
	struct loop_statistics statistics;
	char worst_name[48];
};

#define SLOT_NONE UINT32_MAX
/* epoll's data for timerfds: no slot number is that large. */
#define EPOLL_CLOCK_MARK 0xffff0000U

/* event-time.c */
int clock_index(clockid_t clock);
clockid_t clock_id(unsigned index);
int clock_open(struct loop *l, unsigned index); /* its timerfd, once */
int clocks_arm(struct loop *l);
void clock_fired(struct loop *l, unsigned index);
void clocks_run_due(struct loop *l);
void timer_start(struct loop *l, unsigned index, struct timer *t, usec_t deadline, usec_t accuracy);
void timer_stop(struct loop *l, unsigned index, struct timer *t);

/* event-source.c */
void source_make_pending(struct source *s);
void source_unpend(struct source *s);
int source_sync(struct source *s); /* registers with or removes from epoll as its state demands */
void source_rest(struct source *s, usec_t until);
void source_rest_over(struct source *s);
void source_destroy(struct source *s);
int epoll_add_source(struct loop *l, struct source *s);
