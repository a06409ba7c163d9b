// SPDX-License-Identifier: Apache-2.0
/*
 * cgroupfs.h - the cgroup v2 file system: where it is, and its attributes. Paths are as in
 * /proc/PID/cgroup: "/" first, relative to the mount ("/system.slice/cron.service"). Policy lives
 * in core/cgroup.
 */
#pragma once

#include "base/macro.h"

/* The v2 mount: /sys/fs/cgroup, or /sys/fs/cgroup/unified on a hybrid host; SYSMASTER_CGROUP_ROOT
 * overrides it for tests. -ENOENT. */
const char *cgroupfs_root(void);
/* file system path; attribute may be NULL */
char *cgroupfs_path(const char *cgroup, const char *attribute);
int cgroupfs_of_pid(pid_t pid, char **ret); /* the "0::" line, " (deleted)" stripped */
/* last newline stripped */
int cgroupfs_read(const char *cgroup, const char *attribute, char **ret);
int cgroupfs_write(const char *cgroup, const char *attribute, const char *value);
/* "max" is UINT64_MAX */
int cgroupfs_read_u64(const char *cgroup, const char *attribute, uint64_t *ret);
int cgroupfs_read_key(const char *cgroup, const char *attribute, const char *key,
                      uint64_t *ret);      /* flat-keyed files */
int cgroupfs_open_dir(const char *cgroup); /* O_PATH|O_DIRECTORY fd, for CLONE_INTO_CGROUP */
int cgroupfs_create(const char *cgroup);   /* with parents; 1 created, 0 was there */
int cgroupfs_remove(const char *cgroup);   /* with children, depth first; -EBUSY while populated */
int cgroupfs_attach(const char *cgroup, pid_t pid);
/* 1 if there is a process in it or below, 0 if not (or no such cgroup). */
int cgroupfs_is_populated(const char *cgroup);
/* Calls fn for each process in it and, if @recursive, below. Stops at fn's first non-zero and
 * returns it. */
int cgroupfs_foreach_pid(const char *cgroup, bool recursive, int (*fn)(pid_t pid, void *userdata),
                         void *userdata);
/* cgroup.kill (5.14), or SIGKILL in a loop until none is left */
int cgroupfs_kill(const char *cgroup);
