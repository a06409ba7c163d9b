// SPDX-License-Identifier: Apache-2.0
/*
 * trim.c - boot, a take-over and a reload need a few times the memory that the rest of core's life
 * does. A moment after them it is given back: not in them, since somebody waits for their end.
 */
#include "core.h"

#include <malloc.h>

#define TRIM_DELAY_USEC (200 * USEC_PER_MSEC)

static int on_trim(struct source *s, usec_t deadline _unused_, void *userdata)
{
	struct core *c = userdata;
	int r = store_trim(c->store);

	if (r == -EBUSY) /* the store is full: what waits is more important */
		return source_set_time(s, usec_add(now(CLOCK_BOOTTIME), USEC_PER_SEC));
	if (r < 0)
		log_debug_errno(r, "Failed to open the state anew, going on with the old: %m");
	malloc_trim(0);
	return 0;
}

int trim_setup(struct core *c)
{
	return loop_add_time(c->loop, CLOCK_BOOTTIME, USEC_INFINITY, TRIM_DELAY_USEC, "trim",
	                     on_trim, c, &c->trim);
}

void trim_soon(struct core *c)
{
	/* Without it core is only larger than it need be. */
	if (c->trim)
		(void) source_set_time(c->trim, usec_add(now(CLOCK_BOOTTIME), TRIM_DELAY_USEC));
}
