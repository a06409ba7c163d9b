// SPDX-License-Identifier: Apache-2.0
/* valgrind.h - for the few tests whose system calls valgrind (3.19) does not know or plays itself:
 * pidfds, RLIMIT_NOFILE. */
#pragma once

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static inline bool on_valgrind(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return preload && strstr(preload, "vgpreload");
}
