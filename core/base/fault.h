// SPDX-License-Identifier: Apache-2.0
/*
 * fault.h - crash points and failing calls, compiled in by the CMake option FAULTS alone; every
 * other build has none of it (unit.core.no-faults looks).
 *
 * FAULT_POINT("room.what.when") marks an instant before or after a side effect that cannot be
 * repeated. The points of a program are a table that the linker collects, so that a driver can walk
 * all of them. What shall happen is in a page that driver and core share (the file that
 * SYSMASTER_FAULTS names): the driver arms one point, one system call or one allocation, core
 * counts down and acts once. A successor of core goes on with the same page, so that "the third
 * time" may be reached by the core after next.
 */
#pragma once

#include "base/macro.h"

#include <stdint.h>

#ifdef FAULTS

/* What core does to itself, at a point or when the trigger signal tells it to (sigqueue(3) value).
 */
/* clang-format off */
#define FAULT_ACTIONS(X) \
	X(NONE, "none") X(KILL, "kill") X(SEGV, "segv") X(ABORT, "abort") X(STACK, "stack") \
	X(ASSERT, "assert") X(LOOP, "loop") X(BLOCK, "block") X(FDS, "fds") X(FDS_END, "fds-end") \
	X(NO_MEMORY, "no-memory")
/* clang-format on */
enum fault_action {
#define X(id, name) FAULT_##id,
	FAULT_ACTIONS(X)
#undef X
		FAULT_ACTION_MAX,
};

#define FAULT_SITES_MAX   160
#define FAULT_NAME_MAX    47
#define FAULT_ENVIRONMENT "SYSMASTER_FAULTS"
#define FAULT_SIGNAL      (SIGRTMIN + 7)

struct fault_page {
	/* Written by the driver; core counts @nth down and clears @site, @sys_nth, @alloc_nth when
	 * they act. */
	int32_t site; /* index into @sites plus one; 0: nothing is armed */
	uint32_t nth, action;
	uint32_t sys_nth, sys_run, alloc_nth, alloc_run; /* run: so many in a row */
	int32_t sys_error;
	/* Written by core. */
	uint32_t fired, sys_fired, alloc_fired, n_sites;
	int32_t fired_core; /* the core_pid whose point fired last */
	int32_t core_pid; /* as it sees itself: a child that shares its memory has its name, too */
	uint64_t sys_calls, allocations, fired_at_usec; /* CLOCK_BOOTTIME */
	char sys_last[16];
	struct {
		char name[FAULT_NAME_MAX + 1];
		uint32_t hits;
	} sites[FAULT_SITES_MAX];
};

struct fault_site {
	const char *name;
	long index;
};

#define FAULT_POINT(text)                                                                          \
	do {                                                                                       \
		static struct fault_site fault_here                                                \
			__attribute__((section("fault_sites"), used, aligned(8))) = {text, 0};     \
		fault_hit(&fault_here);                                                            \
	} while (0)

/** fault_setup - maps the page, numbers the points, hooks the system calls; once, at core's start */
void fault_setup(void);
void fault_hit(const struct fault_site *site);
/** fault_in_child - the same for a child that shares core's memory: it is core that dies */
#define FAULT_POINT_IN_CHILD(text) FAULT_POINT(text)
/** fault_list - prints the names of all points, one a line */
void fault_list(void);
/** fault_alloc_fails - counts an allocation; true: this one shall fail */
bool fault_alloc_fails(void);
/** fault_sys - counts a system call; 0, or the negative errno to report instead of doing it */
int fault_sys(const char *call);

#else
#define FAULT_POINT(text)          ((void) 0)
#define FAULT_POINT_IN_CHILD(text) ((void) 0)
#endif
