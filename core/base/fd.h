// SPDX-License-Identifier: Apache-2.0
/* fd.h - files as a whole. All fds are O_CLOEXEC. */
#pragma once

#include "base/macro.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_SIZE_MAX (16U * 1024 * 1024)

/* Reads to the end, at most max bytes (-EFBIG beyond). Text is NUL-terminated one byte past
 * *ret_size (may be NULL). */
int file_read_fd(int fd, size_t max, char **ret, size_t *ret_size);
int file_read_at(int dirfd, const char *path, size_t max, char **ret, size_t *ret_size);
int file_read(const char *path, char **ret, size_t *ret_size); /* max FILE_SIZE_MAX */
/*
 * The kernel's clock for files stands still for a tick: a directory that changed just now can change again without another time. Who
 * remembers such a time must not take it for proof.
 */
bool file_time_is_recent(const struct timespec *mtime);
/* First line without its newline. */
int file_read_line(const char *path, char **ret);

/* Writes all, no O_CREAT: for attributes in /proc, /sys and cgroups. One write(2). */
int file_write_attr(const char *path, const char *text);
/* A new temporary beside it, fsync if @sync, rename over. Readers see the old or the new content,
 * never half. */
int file_write_atomic(const char *path, const void *data, size_t size, mode_t mode, bool sync);
int symlink_atomic(const char *target, const char *path);
/* blocking fds; retries short writes and EINTR */
int fd_write_all(int fd, const void *data, size_t size);

int mkdir_p(const char *path, mode_t mode);       /* 0 also if it was there */
int mkdir_parents(const char *path, mode_t mode); /* all but the last component */
/* Removes a tree, does not cross file systems or mounts (-EXDEV), does not follow symlinks. 0 also
 * if it is not there. */
int rm_rf(const char *path);
int file_copy(const char *from, const char *to, mode_t mode); /* atomically replaces to */

/* Opens for reading, with more of open(2)'s @flags, and leaves no access time where we may: on a file system without room, or with a slow
 * disk, noting one waits for the journal. -errno. */
int fd_open_read(int dirfd, const char *path, int flags);
int fd_set_nonblock(int fd, bool nonblock);
int fd_set_cloexec(int fd, bool cloexec);
/* A sealed memfd holding the data, offset 0. */
int memfd_new_data(const char *name, const void *data, size_t size);
/* Moves fd to >= 3 if it is not; consumed also on failure. */
int fd_move_above_stdio(int fd);
/* Closes every fd >= 3 but those in except[] (n entries). */
int fd_close_all_except(const int *except, size_t n);

/* 1: there is an entry that is neither hidden nor a backup (of editors, of package managers; a file system's own), 0, -errno. */
int dir_has_entries(const char *path);
/* Directory entries without "." and ".."; sorted; names only. */
int dir_list(const char *path, char ***ret);

/* AF_UNIX: long paths (over 107 bytes) are -ENAMETOOLONG; a leading '@' is the abstract name space.
 */
int unix_listen(const char *path, int type, mode_t mode); /* unlinks a stale socket; returns fd */
/* non-blocking fd, may return it while -EINPROGRESS is under way */
int unix_connect(const char *path, int type);
int fd_send_fds(int sock, const void *data, size_t size, const int *fds, size_t n_fds);
/* Fds received go to fds[0..*ret_n_fds), O_CLOEXEC; a truncated control message closes them and
 * gives -EXFULL. */
ssize_t fd_recv_fds(int sock, void *data, size_t size, int *fds, size_t max_fds, size_t *ret_n_fds);
