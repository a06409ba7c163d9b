// SPDX-License-Identifier: Apache-2.0
#include "base/sys.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int (*sys_fault)(const char *call, unsigned long serial);

/* Calls seen since the program began; a test says "let the n-th fail". */
static unsigned long sys_serial;

static int sys_check(const char *call)
{
	int r;

	if (!sys_fault)
		return 0;
	r = sys_fault(call, ++sys_serial);
	return r < 0 ? r : 0;
}

/* Evaluates to the call's result, or to -errno of it or of the injected fault. */
#define SYS(name, call)                                                                            \
	({                                                                                         \
		__typeof__(call) sys_r = sys_check(name);                                          \
		if (sys_r == 0) {                                                                  \
			sys_r = (call);                                                            \
			if (sys_r < 0)                                                             \
				sys_r = -errno;                                                    \
		}                                                                                  \
		sys_r;                                                                             \
	})

int sys_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	return SYS("openat", openat(dirfd, path, flags, mode));
}

ssize_t sys_read(int fd, void *buf, size_t size)
{
	return SYS("read", read(fd, buf, size));
}

ssize_t sys_write(int fd, const void *buf, size_t size)
{
	return SYS("write", write(fd, buf, size));
}

int sys_mkdirat(int dirfd, const char *path, mode_t mode)
{
	return SYS("mkdirat", mkdirat(dirfd, path, mode));
}

int sys_unlinkat(int dirfd, const char *path, int flags)
{
	return SYS("unlinkat", unlinkat(dirfd, path, flags));
}

int sys_renameat(int olddir, const char *oldpath, int newdir, const char *newpath)
{
	return SYS("renameat", renameat(olddir, oldpath, newdir, newpath));
}

int sys_socket(int domain, int type, int protocol)
{
	return SYS("socket", socket(domain, type, protocol));
}

int sys_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	return SYS("bind", bind(fd, addr, len));
}

int sys_listen(int fd, int backlog)
{
	return SYS("listen", listen(fd, backlog));
}

int sys_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	return SYS("accept4", accept4(fd, addr, len, flags));
}

int sys_memfd_create(const char *name, unsigned flags)
{
	return SYS("memfd_create", memfd_create(name, flags));
}

int sys_pidfd_open(pid_t pid, unsigned flags)
{
	return SYS("pidfd_open", (int) syscall(SYS_pidfd_open, pid, flags));
}

int sys_pidfd_send_signal(int pidfd, int sig)
{
	return SYS("pidfd_send_signal", (int) syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0));
}
