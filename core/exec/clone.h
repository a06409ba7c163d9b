// SPDX-License-Identifier: Apache-2.0
/* clone.h - private to core/exec: a child that borrows our memory until it executes another
 * program. */
#pragma once

#include "base/macro.h"

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
