// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"

#include "base/str.h"
#include "base/sys.h"

#include <sys/un.h>

#define FDS_MAX 253 /* SCM_MAX_FD */

/* Length of the address, or -errno. */
static int unix_address(const char *path, struct sockaddr_un *ret)
{
	size_t n = strlen(path);

	if (n == 0 || (path[0] == '@' && n == 1))
		return -EINVAL;
	if (n >= sizeof(ret->sun_path))
		return -ENAMETOOLONG;
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(ret->sun_path, path, n);
	if (path[0] != '@')
		return (int) (offsetof(struct sockaddr_un, sun_path) + n + 1);
	ret->sun_path[0] = 0;
	return (int) (offsetof(struct sockaddr_un, sun_path) + n);
}

/* Removes a socket that nobody listens on. Returns -EADDRINUSE if somebody does, or if it is no
 * socket. */
static int unlink_stale(const char *path, int type)
{
	auto_fd int fd = -EBADF;
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EADDRINUSE;
	fd = unix_connect(path, type);
	/* EPROTOTYPE: somebody listens with another type. */
	if (fd == -ENOENT)
		return 0;
	if (fd != -ECONNREFUSED)
		return -EADDRINUSE;
	return sys_unlinkat(AT_FDCWD, path, 0);
}

int unix_listen(const char *path, int type, mode_t mode)
{
	auto_fd int fd = -EBADF;
	struct sockaddr_un address;
	bool named = path[0] != '@';
	int size = unix_address(path, &address), r;

	if (size < 0)
		return size;
	if (named) {
		r = unlink_stale(path, type);
		if (r < 0)
			return r;
	}
	fd = sys_socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fd;
	/* bind() gives the file the socket's own mode less the umask, so it is never wider than
	 * asked for. */
	if (named && fchmod(fd, mode) < 0)
		return -errno;
	r = sys_bind(fd, (struct sockaddr *) &address, (socklen_t) size);
	if (r < 0)
		return r;
	r = named && chmod(path, mode) < 0 ? -errno : 0;
	if (r >= 0 && type != SOCK_DGRAM)
		r = sys_listen(fd, SOMAXCONN);
	if (r < 0) {
		if (named)
			(void) unlink(path);
		return r;
	}
	return TAKE_FD(fd);
}

int unix_connect(const char *path, int type)
{
	auto_fd int fd = -EBADF;
	struct sockaddr_un address;
	int size = unix_address(path, &address), r;

	if (size < 0)
		return size;
	fd = sys_socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fd;
	do
		r = connect(fd, (struct sockaddr *) &address, (socklen_t) size);
	while (r < 0 && errno == EINTR);
	if (r < 0 && errno != EINPROGRESS)
		return -errno;
	return TAKE_FD(fd);
}

int fd_send_fds(int sock, const void *data, size_t size, const int *fds, size_t n_fds)
{
	struct iovec iov = {(void *) data, size};
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int) * FDS_MAX)];
	} control;
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (n_fds > FDS_MAX || size == 0)
		return -EINVAL;
	if (n_fds > 0) {
		struct cmsghdr *c;

		memset(&control, 0, CMSG_SPACE(sizeof(int) * n_fds));
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
	}
	do
		n = sendmsg(sock, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	/* The fds went with the first byte; the rest of a stream's data is sent after them. */
	if ((size_t) n < size)
		return fd_write_all(sock, (const char *) data + n, size - (size_t) n);
	return 0;
}

/* Moves the fds of one control message; those beyond @max are closed and counted as overflow. */
static void take_fds(struct cmsghdr *c, int *fds, size_t max, size_t *n, bool *overflow)
{
	size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

	for (size_t i = 0; i < count; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
		if (*n < max) {
			fds[(*n)++] = fd;
		} else {
			fd_close(fd);
			*overflow = true;
		}
	}
}

ssize_t fd_recv_fds(int sock, void *data, size_t size, int *fds, size_t max_fds, size_t *ret_n_fds)
{
	struct iovec iov = {data, size};
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int) * FDS_MAX) + CMSG_SPACE(64)];
	} control;
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	size_t n_fds = 0;
	bool overflow;
	ssize_t n;

	do
		n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	overflow = m.msg_flags & MSG_CTRUNC;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			take_fds(c, fds, max_fds, &n_fds, &overflow);
	if (overflow) {
		for (size_t i = 0; i < n_fds; i++)
			fd_close(fds[i]);
		return -EXFULL;
	}
	*ret_n_fds = n_fds;
	return n;
}
