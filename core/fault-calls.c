// SPDX-License-Identifier: Apache-2.0
/*
 * fault-calls.c - of builds with FAULTS only: the allocator and the system calls that core makes
 * past base/sys.h, with a question asked first. The allocator is put in front of the C library's,
 * so that LMDB and cJSON are hit, too; the calls are replaced by the linker (--wrap, see
 * CMakeLists.txt).
 */
#include "base/fault.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/types.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

__attribute__((visibility("default"))) void *malloc(size_t size)
{
	if (fault_alloc_fails()) {
		errno = ENOMEM;
		return NULL;
	}
	return __libc_malloc(size);
}

__attribute__((visibility("default"))) void *calloc(size_t n, size_t size)
{
	if (fault_alloc_fails()) {
		errno = ENOMEM;
		return NULL;
	}
	return __libc_calloc(n, size);
}

__attribute__((visibility("default"))) void *realloc(void *p, size_t size)
{
	if (fault_alloc_fails()) {
		errno = ENOMEM;
		return NULL;
	}
	return __libc_realloc(p, size);
}

/* One row a call: type, name, parameters, arguments. */
/* clang-format off */
#define CALLS(X) \
	X(int, pipe2, (int fds[2], int flags), (fds, flags)) \
	X(int, mkdir, (const char *p, mode_t m), (p, m)) \
	X(int, rmdir, (const char *p), (p)) \
	X(int, unlink, (const char *p), (p)) \
	X(int, rename, (const char *a, const char *b), (a, b)) \
	X(int, symlink, (const char *a, const char *b), (a, b)) \
	X(ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n)) \
	X(ssize_t, pwrite, (int fd, const void *p, size_t n, off_t o), (fd, p, n, o)) \
	X(ssize_t, read, (int fd, void *p, size_t n), (fd, p, n)) \
	X(ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags)) \
	X(ssize_t, recvmsg, (int fd, struct msghdr *m, int flags), (fd, m, flags)) \
	X(ssize_t, send, (int fd, const void *p, size_t n, int flags), (fd, p, n, flags)) \
	X(int, socket, (int d, int t, int p), (d, t, p)) \
	X(int, bind, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n)) \
	X(int, listen, (int fd, int n), (fd, n)) \
	X(int, accept4, (int fd, struct sockaddr *a, socklen_t *n, int flags), (fd, a, n, flags)) \
	X(int, epoll_ctl, (int e, int op, int fd, struct epoll_event *ev), (e, op, fd, ev)) \
	X(int, timerfd_create, (int clock, int flags), (clock, flags)) \
	X(int, timerfd_settime, (int fd, int flags, const struct itimerspec *v, struct itimerspec *o), (fd, flags, v, o)) \
	X(int, inotify_init1, (int flags), (flags)) \
	X(int, inotify_add_watch, (int fd, const char *p, uint32_t mask), (fd, p, mask)) \
	X(int, memfd_create, (const char *name, unsigned flags), (name, flags))
/* clang-format on */

#define X(type, name, parameters, arguments)                                                       \
	type __real_##name parameters;                                                             \
	type __wrap_##name parameters;                                                             \
	type __wrap_##name parameters                                                              \
	{                                                                                          \
		int r = fault_sys(#name);                                                          \
		if (r < 0) {                                                                       \
			errno = -r;                                                                \
			return -1;                                                                 \
		}                                                                                  \
		return __real_##name arguments;                                                    \
	}
CALLS(X)
#undef X

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	int r = fault_sys("open");
	mode_t mode = 0;
	va_list ap;

	if (flags & (O_CREAT | O_TMPFILE)) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	if (r < 0) {
		errno = -r;
		return -1;
	}
	return __real_open(path, flags, mode);
}
