// SPDX-License-Identifier: Apache-2.0
/* timer - starts a unit at points of calendar or monotonic time. timer.c (states), timer-next.c
 * (when next: pure), timer-stamp.c (Persistent=), timer-clock.c (the clock is set), timer-zone.c (the machine's time zone). */
#pragma once

#include "types/common.h"

/* clang-format off */
#define TIMER_STATES(X) \
	X(DEAD, "dead", INACTIVE) X(WAITING, "waiting", ACTIVE) X(RUNNING, "running", ACTIVE) X(ELAPSED, "elapsed", ACTIVE) \
	X(FAILED, "failed", FAILED)
/* clang-format on */
enum timer_state {
#define X(id, name, active) TIMER_STATE_##id,
	TIMER_STATES(X)
#undef X
		TIMER_STATE_MAX,
};

struct timer {
	struct unit unit;
	enum timer_state state;
	enum result result;
	struct stamp last_trigger;
	usec_t next_monotonic, next_realtime; /* with the random delay; USEC_INFINITY: none */
	struct source *monotonic_source, *realtime_source, *clock_source, *clock_again;
	int clock_fd;          /* cancelled when somebody sets the clock */
	struct stamp clock;    /* when that began: how the clocks stood to each other */
	struct list zone_link; /* of those who have to hear of another time zone */
	char *zone;            /* the one that the timer was armed in, see timer_zone_read() */
};

static inline struct timer *TIMER(const struct unit *u)
{
	return (struct timer *) u;
}

/* What the next elapse is counted from. Zero stamps did not happen. */
struct timer_input {
	const struct timer_settings *settings;
	struct stamp now, started /* of the manager */, activated /* the timer */, last_trigger,
		unit_active /* the triggered unit */, unit_inactive;
	bool timer_is_active;
};
struct timer_next {
	usec_t monotonic, realtime; /* USEC_INFINITY: none */
	bool leave_around;          /* a value waits for the unit to start or stop */
};
void timer_next_elapse(const struct timer_input *in, struct timer_next *ret);
/* One value alone, for show. */
usec_t timer_value_next(const struct timer_input *in, const struct timer_value *v);
/* 0 <= delay < @max; the same for the same @seed if it is not 0. */
usec_t timer_random_delay(usec_t max, uint64_t seed);
uint64_t timer_seed(const char *unit_id);

int timer_stamp_read(struct timer *t);
int timer_stamp_touch(const struct timer *t);

/* From now on timer_clock_changed() is called when somebody sets the clock; there, t->clock tells when this began. */
void timer_clock_watch(struct timer *t);
void timer_clock_unwatch(struct timer *t);
/* The same, from the loop, if the clock was set since @before, which an earlier core wrote. */
void timer_clock_look(struct timer *t, const struct stamp *before);
bool timer_clock_was_set(const struct stamp *then, const struct stamp *at);
void timer_clock_changed(struct timer *t); /* timer.c */

/* The machine's time zone as text for equality: where /etc/localtime leads to, and which file that is. */
int timer_zone_read(char **ret);
/* From now on timer_zone_changed() is called when it changes; from the loop, too, if it is no more what
 * t->zone says. */
int timer_zone_watch(struct timer *t);
void timer_zone_unwatch(struct timer *t);
void timer_shutdown(struct manager *m);
void timer_zone_changed(struct timer *t); /* timer.c */
#define TIMER_STAMP_DIRECTORY "/var/lib/systemd/timers"
