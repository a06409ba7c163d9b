// SPDX-License-Identifier: Apache-2.0
/* New versions of init: a good one, and ones that pass their self-check as a child and fail as
 * PID 1. */
#include "init/init.h"

#include <unistd.h>

const char init_version[] = "next";

void __real_core_take_over(void);
void __wrap_core_take_over(void);
int __real_state_load(int fd);
int __wrap_state_load(int fd);

void __wrap_core_take_over(void)
{
#if defined(VARIANT_faults)
	__builtin_trap();
#elif defined(VARIANT_hangs)
	for (;;)
		pause();
#endif
	__real_core_take_over();
}

int __wrap_state_load(int fd)
{
#if defined(VARIANT_cannot_read)
	if (getpid() == 1)
		return -EBADMSG;
#endif
	return __real_state_load(fd);
}
