// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"

#include "base/sys.h"

#include <limits.h>
#include <sys/mman.h>

int fd_open_read(int dirfd, const char *path, int flags)
{
	int fd;

	flags |= O_RDONLY | O_CLOEXEC;
	fd = sys_openat(dirfd, path, flags | O_NOATIME, 0);
	/* For owners alone. */
	return fd == -EPERM ? sys_openat(dirfd, path, flags, 0) : fd;
}

int fd_set_nonblock(int fd, bool nonblock)
{
	int flags = fcntl(fd, F_GETFL), want;

	if (flags < 0)
		return -errno;
	want = nonblock ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	return want != flags && fcntl(fd, F_SETFL, want) < 0 ? -errno : 0;
}

int fd_set_cloexec(int fd, bool cloexec)
{
	int flags = fcntl(fd, F_GETFD), want;

	if (flags < 0)
		return -errno;
	want = cloexec ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC;
	return want != flags && fcntl(fd, F_SETFD, want) < 0 ? -errno : 0;
}

int memfd_new_data(const char *name, const void *data, size_t size)
{
	auto_fd int fd = sys_memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0)
		return fd;
	r = fd_write_all(fd, data, size);
	if (r < 0)
		return r;
	if (lseek(fd, 0, SEEK_SET) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int fd_move_above_stdio(int fd)
{
	int moved, flags;

	if (fd < 0 || fd > STDERR_FILENO)
		return fd;
	flags = fcntl(fd, F_GETFD);
	if (flags < 0)
		return -errno;
	moved = fcntl(fd, flags & FD_CLOEXEC ? F_DUPFD_CLOEXEC : F_DUPFD, STDERR_FILENO + 1);
	if (moved < 0)
		moved = -errno; /* the old one goes, too: the caller has handed it over */
	fd_close(fd);
	return moved;
}

/* Entry of except[] that is the least of those >= from; INT_MAX if there is none. */
static int next_kept(const int *except, size_t n, int from)
{
	int least = INT_MAX;

	for (size_t i = 0; i < n; i++)
		if (except[i] >= from && except[i] < least)
			least = except[i];
	return least;
}

/* Allocates nothing, so that it can be called between fork and exec. */
int fd_close_all_except(const int *except, size_t n)
{
	int from = STDERR_FILENO + 1;

	for (;;) {
		int kept = next_kept(except, n, from);

		if (kept > from && close_range((unsigned) from,
		                               kept == INT_MAX ? ~0U : (unsigned) kept - 1, 0) < 0)
			return -errno;
		if (kept == INT_MAX)
			return 0;
		from = kept + 1;
	}
}
