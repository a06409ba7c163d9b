// SPDX-License-Identifier: Apache-2.0
/*
 * timer-clock.c - somebody sets the machine's clock. A timerfd that never elapses is cancelled then; and how the clocks stood to each other
 * when it was made is in the timer's record, so that a clock that was set while nobody watched is found by the next core.
 */
#include "types/timer.h"

#include <sys/timerfd.h>
#include <unistd.h>

/* NTP steers a clock by 500 ppm at most, the rest of 5,000 is for a clock that is wrong by itself; setting it by less than the slack is not seen. */
#define DRIFT_DIVISOR 200U
#define CLOCK_SLACK   (2 * USEC_PER_SEC)

void timer_clock_unwatch(struct timer *t)
{
	t->clock_source = source_free(t->clock_source);
	t->clock_again = source_free(t->clock_again);
	t->clock_fd = fd_close(t->clock_fd);
	t->clock = (struct stamp){0};
}

static int on_clock(_unused_ struct source *source, int fd, _unused_ uint32_t revents,
                    void *userdata)
{
	uint64_t n;

	if (read(fd, &n, sizeof(n)) < 0 && errno == ECANCELED)
		timer_clock_changed(userdata);
	return 0;
}

static int watch(struct timer *t)
{
	const struct itimerspec never = {.it_value.tv_sec =
	                                         (time_t) (INT64_MAX / (int64_t) USEC_PER_SEC / 2)};

	t->clock_fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (t->clock_fd < 0)
		return -errno;
	if (timerfd_settime(t->clock_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never,
	                    NULL) < 0)
		return -errno;
	return loop_add_io(t->unit.manager->loop, t->clock_fd, EPOLLIN, "timer-clock", on_clock, t,
	                   &t->clock_source);
}

void timer_clock_watch(struct timer *t)
{
	int r;

	if (t->clock_source)
		return;
	r = watch(t);
	if (r < 0) {
		log_unit_errno(LOG_WARNING, t->unit.id, r,
		               "Cannot watch for changes of the clock: %m");
		timer_clock_unwatch(t);
		return;
	}
	t->clock = stamp_now();
}

bool timer_clock_was_set(const struct stamp *then, const struct stamp *at)
{
	usec_t passed, expected, off;

	if (!stamp_is_set(then))
		return false;
	passed = usec_sub(at->boottime, then->boottime);
	expected = usec_add(then->realtime, passed);
	off = at->realtime > expected ? at->realtime - expected : expected - at->realtime;
	return off > CLOCK_SLACK + passed / DRIFT_DIVISOR;
}

static int on_again(_unused_ struct source *source, void *userdata)
{
	timer_clock_changed(userdata);
	return 0;
}

void timer_clock_look(struct timer *t, const struct stamp *before)
{
	struct stamp at = stamp_now();
	int r;

	if (!timer_clock_was_set(before, &at))
		return;
	r = loop_add_defer(t->unit.manager->loop, "timer-clock", on_again, t, &t->clock_again);
	if (r < 0)
		log_unit_errno(LOG_WARNING, t->unit.id, r,
		               "Cannot act on a clock that was set: %m");
}
