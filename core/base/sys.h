// SPDX-License-Identifier: Apache-2.0
/*
 * sys.h - the seam over syscalls with side effects, so that a test can make the n-th one fail.
 *
 * Code of core calls sys_x() in place of x(). In release builds they are plain calls. When
 * sys_fault is set (tests, chaos builds) it is asked first and may return a negative errno to be
 * reported instead of doing the call. Returns are -errno, never -1.
 */
#pragma once

#include "base/macro.h"

#include <sys/socket.h>

extern int (*sys_fault)(const char *call, unsigned long serial);

int sys_openat(int dirfd, const char *path, int flags, mode_t mode);
ssize_t sys_read(int fd, void *buf, size_t size);
ssize_t sys_write(int fd, const void *buf, size_t size);
int sys_mkdirat(int dirfd, const char *path, mode_t mode);
int sys_unlinkat(int dirfd, const char *path, int flags);
int sys_renameat(int olddir, const char *oldpath, int newdir, const char *newpath);
int sys_socket(int domain, int type, int protocol);
int sys_bind(int fd, const struct sockaddr *addr, socklen_t len);
int sys_listen(int fd, int backlog);
int sys_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags);
int sys_memfd_create(const char *name, unsigned flags);
int sys_pidfd_open(pid_t pid, unsigned flags);
int sys_pidfd_send_signal(int pidfd, int sig);
