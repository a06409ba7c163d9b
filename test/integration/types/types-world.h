// SPDX-License-Identifier: Apache-2.0
/* The targets that units of the tests hang on. */
#pragma once

#include "check.h"
#include "world.h"

#include <signal.h>

static inline void put_targets(struct world *w)
{
	static const char *const plain[] = {
		"sysinit.target",  "basic.target",       "shutdown.target", "rescue.target",
		"sockets.target",  "timers.target",      "paths.target",    "umount.target",
		"local-fs.target", "local-fs-pre.target"};

	for (size_t i = 0; i < ELEMENTSOF(plain); i++)
		world_put(w, plain[i], "[Unit]\nDescription=%s\nDefaultDependencies=no\n",
		          plain[i]);
	world_put(w, "default.target", "[Unit]\nRequires=basic.target\nAfter=basic.target\n");
}

#define FOREVER                   "ExecStart=/bin/sleep infinity\n"
#define CHECK_STATE(w, unit, sub) CHECK_STR(world_wait(w, unit, "SubState", sub, 8000), sub)
