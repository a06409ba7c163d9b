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

int fd_close(int fd)
{
	int saved = errno;

	/* Never retried: on Linux the number is free even after EINTR. */
	if (fd >= 0)
		(void) close(fd);
	errno = saved;
	return -EBADF;
}
