// SPDX-License-Identifier: Apache-2.0
/*
 * proc-watch.h - a table of the kernel in /proc (mountinfo, swaps) that is read whole at start and
 * after each change. The kernel tells of a change once (EPOLLPRI), so a look that fails for want of
 * memory or fds is repeated until one does not. Private to core/types.
 */
#pragma once

#include "types/common.h"

struct proc_watch_ops {
	const char *path;
	/* Compares the table with the units. 0 or -errno: it has to be read again. */
	int (*compare)(struct manager *m, char *text);
	/* Of proc_watch_wait(): what the command did was seen. */
	void (*command_ended)(struct unit *u, enum result result);
};
struct proc_watch {
	const struct proc_watch_ops *ops;
	struct manager *manager;
	int fd;
	struct source *source, *again;
	struct list unclear; /* of struct proc_outcome */
	bool looking;        /* events of one look must not start another one */
};
/* Of a unit whose command ended when nobody could look. A zeroed one is none; removed from its list
 * by whoever does not care any more. */
struct proc_outcome {
	struct list link;
	struct unit *unit;
	enum result result;
};

/**
 * proc_watch_open - opens and watches the table, proc(5); does not look yet
 *
 * Returns 0 or -errno, with nothing left open.
 */
int proc_watch_open(struct proc_watch *w, struct manager *m, const struct proc_watch_ops *ops);
/** proc_watch_close - of one that was opened, or is all zero */
void proc_watch_close(struct proc_watch *w);
/** proc_watch_look - now. 0: seen, or inside of a look, or not open; -errno: it is tried again in a
 * while */
int proc_watch_look(struct proc_watch *w);
/**
 * proc_watch_wait - @u's command ended, and a look failed with @error: what nobody could see is not told from nothing, so
 * ops->command_ended is called after the next look that succeeds
 */
void proc_watch_wait(struct proc_watch *w, struct unit *u, struct proc_outcome *o, int error,
                     enum result result);
