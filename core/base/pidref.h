// SPDX-License-Identifier: Apache-2.0
/*
 * pidref.h - a process that cannot be mistaken for another: pid, start time, and a pidfd while we
 * hold one. A recycled pid has another start time; a signal goes through the pidfd, after the start
 * time was compared.
 */
#pragma once

#include "base/macro.h"

struct pidref {
	pid_t pid;           /* 0: none */
	int pidfd;           /* -EBADF: not open */
	uint64_t start_time; /* clock ticks since boot, field 22 of /proc/PID/stat; 0: not known */
};

#define PIDREF_NULL ((struct pidref){.pid = 0, .pidfd = -EBADF})

static inline bool pidref_is_set(const struct pidref *p)
{
	return p->pid > 0;
}
/* Opens a pidfd and reads the start time. -ESRCH. */
int pidref_open(pid_t pid, struct pidref *ret);
/* As above, but -ESRCH unless the start time is @start_time: for records read back. */
int pidref_open_verified(pid_t pid, uint64_t start_time, struct pidref *ret);
void pidref_done(struct pidref *p); /* closes, becomes PIDREF_NULL */
/* 0 if it is still that process (a zombie counts), else -ESRCH. */
int pidref_verify(const struct pidref *p);
int pidref_kill(const struct pidref *p, int sig);
int pid_start_time(pid_t pid, uint64_t *ret);
int pid_comm(pid_t pid, char **ret);
/* words joined with blanks; "[comm]" for kernel threads */
int pid_cmdline(pid_t pid, size_t max, char **ret);
