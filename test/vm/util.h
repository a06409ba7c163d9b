// SPDX-License-Identifier: Apache-2.0
/* util.h - the few helpers that the harness's programs share; they link libc alone, so that they
 * depend on nothing they test. */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MSEC_PER_SEC  1000u
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int take_fd = (fd);                                                                \
		(fd) = -EBADF;                                                                     \
		take_fd;                                                                           \
	})

static inline void close_fdp(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -EBADF;
}

static inline void free_pointer(void *p)
{
	free(*(void **) p);
}

static inline void fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define auto_fd   __attribute__((cleanup(close_fdp)))
#define auto_free __attribute__((cleanup(free_pointer)))
#define auto_file __attribute__((cleanup(fclosep)))

static inline uint64_t now_msec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t) ts.tv_sec * MSEC_PER_SEC + (uint64_t) ts.tv_nsec / 1000000u;
}

/* Milliseconds until a deadline of now_msec()'s clock, as poll(2) wants them; 0 is no deadline. */
static inline int msec_left(uint64_t deadline_msec)
{
	uint64_t now = now_msec();

	if (deadline_msec == 0)
		return -1;
	if (deadline_msec <= now)
		return 0;
	return deadline_msec - now > 1000000 ? 1000000 : (int) (deadline_msec - now);
}

/* Sleeps without anything else to wait for; used only where the other side offers nothing to poll.
 */
static inline void pause_msec(unsigned msec)
{
	struct timespec ts = {.tv_sec = msec / MSEC_PER_SEC,
	                      .tv_nsec = (long) (msec % MSEC_PER_SEC) * 1000000};

	(void) nanosleep(&ts, NULL);
}

/* glibc has no wrapper for these before 2.36. */
static inline int pid_open(pid_t pid)
{
	int fd = (int) syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : fd;
}

static inline int pid_signal(int pidfd, int signal)
{
	return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}
