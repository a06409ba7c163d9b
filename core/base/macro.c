// SPDX-License-Identifier: Apache-2.0
#include "base/macro.h"

#include "base/str.h"

#include <unistd.h>

void macro_freep(void *p)
{
	free(*(void **) p);
}

void macro_closep(int *fd)
{
	fd_close(*fd);
}

void macro_strv_freep(char ***v)
{
	strv_free(*v);
}

/* The number may be somebody else's by the next time: where faults are looked for it is one. */
static void closed_twice(void)
{
#ifdef FAULTS
	abort();
#endif
}

int fd_close(int fd)
{
	int saved = errno;

	/* Never retried: on Linux the number is free even after EINTR. */
	if (fd >= 0)
		if (close(fd) < 0 && errno == EBADF)
			closed_twice();
	errno = saved;
	return -EBADF;
}
