// SPDX-License-Identifier: Apache-2.0
/*
 * limits.h - every size, count and time that bounds init. There is no heap: what does not fit here
 * is refused or waits.
 *
 * Times are microseconds of CLOCK_MONOTONIC, which stands still in suspend: a machine that slept an
 * hour has not hung.
 */
#pragma once

#include "init/wire.h"

/* clang-format off */
#define EXITS_MAX	256	/* unacknowledged exits; further zombies wait in the kernel */
#define CORES_MAX	8	/* rungs of the ladder */
#define LOG_LINE_MAX	512	/* below PIPE_BUF, so that a line is written whole or not at all */
#define LOG_BURST	200	/* lines in one LOG_WINDOW_USEC; the rest is counted */
#define PROC_FILE_MAX	8192	/* /proc/PID/cgroup lists a dozen hierarchies on a hybrid host */
#define NAME_TEXT_MAX	256	/* paths and reasons that we only repeat to people */
#define STATE_MAX	(4 << 20)
#define FAULT_STACK	(64 << 10) /* the kernel's frame alone is 11 KiB with AMX */
#define NOFILE_HARD	524288
#define NOFILE_SERVICE	1024	/* soft limit that services inherit: select(2) breaks above it */

#define SIGNALS_AGAIN_MAX 3	/* cores that a signal is told to after one that ended before it acknowledged it */

#define READ_BATCH	64	/* wire packets in one turn of the loop */
#define REAP_BATCH	256	/* zombies in one turn */
#define DRAIN_BATCH	8192	/* after core's death: more than its socket holds */
#define EOF_READS	512	/* a closed peer and an empty packet both read as 0; no queue holds so many */
#define WIRE_RETRY_MSEC	10	/* to the next try when the kernel lacked memory for a packet */

#define SECOND		1000000LL
#define LOG_WINDOW_USEC	(10 * SECOND)
#define TICK_USEC	(5 * SECOND)  /* heartbeat page and watchdog: the only timer of an idle system */
#define HANG_USEC	(10 * SECOND) /* one turn of core's loop; --hang-usec= */
#define PING_USEC	(2 * SECOND)  /* to answer a ping */
#define READY_USEC	(10 * SECOND) /* from spawn to READY, from READY to the end of a trial; --ready-usec= */
#define ABORT_USEC	(2 * SECOND)  /* from SIGABRT to SIGKILL: time for a core dump */
#define GRACE_USEC	(SECOND / 50) /* for a core that is to be replaced to read the reply that says so */
#define TAKE_OVER_SECS	5	      /* a new init has reached its loop, or the old one returns */
#define LATE_USEC	(1 * SECOND)  /* a deadline seen this late is put off once more */
#define PATIENCE	12	      /* times its deadline: the longest for a core that gets no time */
#define STARVED_SHARE	4	      /* it ran for less than one in so many parts of the time */
#define CONTINUED_USEC	(60 * SECOND) /* a core stopped twice within this is killed */
#define HEALTHY_USEC	(60 * SECOND) /* a core that ran this long has paid back its restart budget */
#define RESCUE_USEC	(1 * SECOND)  /* between two rescue shells */
#define RETRY_USEC	(1 * SECOND)  /* before a lack of memory, fds or processes is tried again */
#define CRASH_USEC	(60 * SECOND) /* window for CRASHES_MAX faults of init itself */
#define CRASHES_MAX	3

#define BUDGET_FIRST	5	/* restarts of the first rung before the ladder is climbed */
#define BUDGET_NEXT	2	/* and of each rung after it */
/* clang-format on */

static_assert(LOG_LINE_MAX <= 4096, "a log line is one atomic write");
static_assert(WIRE_VAULT_ITEMS_MAX * (WIRE_VAULT_NAME_MAX + 32) +
                              EXITS_MAX * (WIRE_TEXT_MAX + 128) <
                      STATE_MAX,
              "the whole state fits the size a reader accepts");
static_assert(WIRE_VAULT_ITEMS_MAX + 64 < NOFILE_HARD, "the vault can be filled");
