// SPDX-License-Identifier: Apache-2.0
/* empty-root.h - for tests of what core finds below "/": a mount name space, and in it a root of their own. */
#pragma once

#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

/* Each test has an empty root, and leaves it for the one there was. Negative without the right to make one. */
static int root_enter(void)
{
	static bool own;
	int old;

	if (!own && (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
	             mount("none", "/", "none", MS_REC | MS_PRIVATE, "") < 0)) {
		printf(" (skipped: not root) ");
		return -EPERM;
	}
	own = true;
	old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (old >= 0 && mount("tmpfs", "/tmp", "tmpfs", 0, "") >= 0 && chroot("/tmp") >= 0 &&
	    chdir("/") >= 0)
		return old;
	CU_FAIL("a root of its own");
	return -EIO;
}

static void root_leave(const int *old)
{
	if (*old < 0)
		return;
	if (fchdir(*old) < 0 || chroot(".") < 0 || umount2("/tmp", MNT_DETACH) < 0)
		CU_FAIL("the root there was");
	(void) close(*old);
}

#define IN_EMPTY_ROOT                                                                              \
	__attribute__((cleanup(root_leave))) int old_root = root_enter();                          \
	if (old_root < 0)                                                                          \
	return
