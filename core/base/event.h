// SPDX-License-Identifier: Apache-2.0
/*
 * event.h - the event loop: one thread, epoll. A source is an fd, a timer, a signal, a process end
 * or deferred work; it has a name, a priority (lower runs first) and statistics. The loop sleeps
 * until something happens; nothing here polls.
 *
 *	struct loop *l;
 *	loop_new(&l);
 *	loop_add_io(l, fd, EPOLLIN, "control", on_control, ctx, &source);
 *	loop_run(l);
 *
 * A handler returns 0 or more to go on; a negative value logs, disables its source and never ends
 * the loop. A handler may free any source, its own, too. It may not run its own loop (-EBUSY).
 * Timers fire at absolute times: CLOCK_BOOTTIME or CLOCK_MONOTONIC for spans, CLOCK_REALTIME for
 * calendar time (woken also when the clock was set). One timerfd a clock serves all timers (a
 * heap).
 *
 * When the clock was set, every REALTIME timer is called at once, whatever its deadline: look
 * whether now(CLOCK_REALTIME) has reached it, and arm it again. Free a source before closing its
 * fd. Signals stay blocked after their source is gone.
 */
#pragma once

#include "base/clock.h"
#include "base/pidref.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

struct loop;
struct source;

typedef int (*source_io_fn)(struct source *s, int fd, uint32_t revents, void *userdata);
typedef int (*source_time_fn)(struct source *s, usec_t deadline, void *userdata);
typedef int (*source_signal_fn)(struct source *s, const struct signalfd_siginfo *si,
                                void *userdata);
typedef int (*source_defer_fn)(struct source *s, void *userdata);
/* The process ended; it is not reaped here. */
typedef int (*source_pid_fn)(struct source *s, const struct pidref *pid, void *userdata);

enum source_state { SOURCE_OFF, SOURCE_ON, SOURCE_ONESHOT };
enum { TIMER_EXACT = 0 };

int loop_new(struct loop **ret);
struct loop *loop_free(struct loop *l); /* frees its sources: free yours before, or never */
int loop_run(struct loop *l);           /* until loop_exit(); returns its code, or -errno */
/* one turn; USEC_INFINITY waits; 1 if something ran, 0 on time-out */
int loop_run_once(struct loop *l, usec_t timeout);
void loop_exit(struct loop *l, int code);
/* Called before a turn goes to sleep and after it woke (core keeps its heartbeat page with it); may
 * be NULL. */
void loop_set_busy_hook(struct loop *l, void (*fn)(bool busy, void *userdata), void *userdata);
/* A handler that goes through all units says at each that it gets on: its turn counts from here, else it might be taken for one that hangs. */
void loop_beat(struct loop *l);
/* Called with a source's name before its handler runs, and with NULL before the loop sleeps; CLOCK_MONOTONIC. */
void loop_set_source_hook(struct loop *l, void (*fn)(const char *name, usec_t monotonic));
DEFINE_CLEANUP(struct loop *, loop_free)

/* @ret may be NULL: the loop then owns the source until it ends. @name is kept by reference. Fds
 * stay the caller's. */
int loop_add_io(struct loop *l, int fd, uint32_t events, const char *name, source_io_fn fn,
                void *userdata, struct source **ret);
/* ONESHOT by nature: armed for @deadline (absolute, of @clock); re-arm with source_set_time().
 * @accuracy: TIMER_EXACT or usec of slack. */
int loop_add_time(struct loop *l, clockid_t clock, usec_t deadline, usec_t accuracy,
                  const char *name, source_time_fn fn, void *userdata, struct source **ret);
/* Blocks the signal in this thread. */
int loop_add_signal(struct loop *l, int signo, const char *name, source_signal_fn fn,
                    void *userdata, struct source **ret);
/* Once, before the loop sleeps again; re-enable with source_set_state(s, SOURCE_ONESHOT). */
int loop_add_defer(struct loop *l, const char *name, source_defer_fn fn, void *userdata,
                   struct source **ret);
/* Fires once when the process (child or not) has ended; takes a duplicate of its pidfd. */
int loop_add_pid(struct loop *l, const struct pidref *pid, const char *name, source_pid_fn fn,
                 void *userdata, struct source **ret);

struct source *source_free(struct source *s); /* returns NULL; NULL allowed */
int source_set_state(struct source *s, enum source_state state);
enum source_state source_get_state(const struct source *s);
int source_set_events(struct source *s, uint32_t events);
/* Arms a timer for another absolute deadline and enables it; USEC_INFINITY disarms. */
int source_set_time(struct source *s, usec_t deadline);
usec_t source_get_time(const struct source *s);
void source_set_priority(struct source *s, int64_t priority); /* default 0 */
/* At most @burst events in @interval, then the source rests until the interval is over (nothing is
 * lost: level-triggered). */
void source_set_ratelimit(struct source *s, usec_t interval, unsigned burst);
const char *source_name(const struct source *s);
struct loop *source_loop(const struct source *s);
DEFINE_CLEANUP(struct source *, source_free)

/* Lag: time from a source becoming ready (as epoll saw it) to its handler's start; buckets of
 * powers of two usec. */
#define LOOP_LAG_BUCKETS 24
struct loop_statistics {
	uint64_t turns, events, lag[LOOP_LAG_BUCKETS];
	usec_t worst_usec;
	const char *worst_source;
};
void loop_get_statistics(const struct loop *l, struct loop_statistics *ret);
