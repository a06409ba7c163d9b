// SPDX-License-Identifier: Apache-2.0
/* spawn-world.h - a mount name space where /run, /tmp and /var's folders are the test's own, and a
 * manager with one unit. */
#pragma once

#include "exec/exec.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

static struct manager test_manager;
static struct unit test_unit;
static struct unit_ops test_ops;

/* 77: the machine does not let us. */
static inline void world_setup(void)
{
	static const char *const places[] = {"/run", "/tmp", "/var/lib", "/var/cache", "/var/log"};
	static bool done;

	if (done)
		return;
	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) < 0) {
		printf("SKIP: needs root and mount name spaces\n");
		exit(77);
	}
	for (size_t i = 0; i < ELEMENTSOF(places); i++) {
		/* Not over the very programs that are to be run: a checkout may lie in /tmp. */
		if (path_below(CORE_EXEC_DIRECTORY, places[i]))
			continue;
		if (mount("tmpfs", places[i], "tmpfs", 0, i == 1 ? "mode=1777" : "mode=0755") < 0)
			exit(1);
	}
	umask(0022);
	done = true;
}
