// SPDX-License-Identifier: Apache-2.0
/* clone.h - private to core/exec: a child that borrows our memory until it executes another
 * program. Two ways: spawn() waits for that, spawn_detached() does not. */
#pragma once

#include "base/macro.h"

#include <sys/types.h>

enum spawn_flags {
	SPAWN_SIBLING = 1, /* CLONE_PARENT: the child is init's, not ours */
};

struct spawn_request {
	int program_fd;   /* executed through it; negative: @path */
	const char *path; /* also for people who look at argv[0] of a failed child */
	char *const *argv, *const *environment;
	int cgroup_fd;   /* negative: none */
	const int *keep; /* fds that the program gets, under their numbers */
	size_t n_keep;
	const int *stdio; /* 3 fds to become 0, 1 and 2, or NULL: those of core */
	unsigned flags;
	bool clean; /* signals as they were at boot, a session of its own, nothing but stdio and
	               @keep open */
};

/**
 * spawn - clone3 with the semantics of vfork; the memory of core is not copied
 * @ret_attached: false if the kernel could not put the child into the cgroup (before 5.7); may be
 * NULL
 *
 * Returns the pid, or -errno of clone3 or of execve.
 */
pid_t spawn(const struct spawn_request *q, int *ret_pidfd, bool *ret_attached);

struct direct;

/* What a detached child needs until it executes its program; all of it is taken, also on failure. */
struct detached_request {
	int program_fd;   /* O_PATH, kept open by the caller for good */
	const char *name; /* argv[0]; a constant */
	int cgroup_fd;    /* negative: none; stays the caller's */
	int *keep_take;   /* malloc'd: fds that the program gets, under their numbers */
	size_t n_keep;
	char *spec_take; /* malloc'd: goes into a memfd, whose number is argv[1] */
	size_t spec_size;
	struct direct *direct_take; /* a start without core-exec is tried first; NULL: it is not */
};

/**
 * spawn_detached - as spawn() with SPAWN_SIBLING, but core goes on while the child is on its way to execve
 *
 * The child runs beside core in core's memory, so what it reads is kept in one of a few slots until the kernel says that it has
 * another memory (CLONE_CHILD_CLEARTID). When all slots are taken this one waits for its execve, as spawn() does.
 * The program's absence is the child's exit status (203), not an error.
 *
 * Returns the pid; 0 if this kernel, sandbox or machine cannot (then spawn() is left to the caller, and nothing was taken); or -errno.
 */
pid_t spawn_detached(struct detached_request *q, int *ret_pidfd);
/* Once in a while, when no child is under way: core goes without huge pages again. */
void spawn_settle(void);
/* Gives back what finished children have left in the slots. */
void spawn_trim(void);

#if defined(__x86_64__) || defined(__aarch64__)
#define HAVE_CLONE3_CALL 1
struct clone_args;
/* clone3 whose child begins in @fn(@arg), which never returns. */
long clone3_call(struct clone_args *a, int (*fn)(void *), void *arg);
#endif
