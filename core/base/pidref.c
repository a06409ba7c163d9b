// SPDX-License-Identifier: Apache-2.0
#include "base/pidref.h"

#include "base/fault.h"

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"

#include <signal.h>
#include <stdio.h>

#define PROC_PATH_MAX 40

/* Reads /proc/PID/NAME, at most @max bytes of it; a process that is gone is -ESRCH. */
static int proc_read(pid_t pid, const char *name, char *buf, size_t max)
{
	char path[PROC_PATH_MAX];
	auto_fd int fd = -EBADF;
	size_t size = 0;
	ssize_t n;

	if (pid <= 0)
		return -ESRCH;
	(void) snprintf(path, sizeof(path), "/proc/%d/%s", (int) pid, name);
	fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return fd == -ENOENT ? -ESRCH : fd;
	do {
		n = sys_read(fd, buf + size, max - size - 1);
		size += n > 0 ? (size_t) n : 0;
	} while ((n > 0 && size + 1 < max) || n == -EINTR);
	if (n < 0)
		return (int) n;
	buf[size] = 0;
	return (int) size;
}

int pid_start_time(pid_t pid, uint64_t *ret)
{
	/* 52 fields of at most 20 digits, and a name of at most 64 bytes. */
	char stat[1280], *p, *rest;
	int r;

	r = proc_read(pid, "stat", stat, sizeof(stat));
	if (r < 0)
		return r;
	/* The name may hold blanks and parentheses; behind the last one follows field 3, and the
	 * 22nd is wanted. */
	p = strrchr(stat, ')');
	if (!p)
		return -EIO;
	p = strtok_r(p + 1, " ", &rest);
	for (unsigned field = 3; p && field < 22; field++)
		p = strtok_r(NULL, " ", &rest);
	return p && str_to_u64(p, 10, ret) == 0 ? 0 : -EIO;
}

/* A pidfd, and the start time of who had the number a moment later. */
static int open_pid(pid_t pid, struct pidref *ret)
{
	auto_fd int fd = -EBADF;
	uint64_t start;
	int r;

	if (pid <= 0)
		return -ESRCH;
	fd = sys_pidfd_open(pid, 0);
	/* EINVAL: a thread that leads no group is no process. */
	if (fd < 0)
		return fd == -EINVAL ? -ESRCH : fd;
	r = pid_start_time(pid, &start);
	if (r < 0)
		return r;
	*ret = (struct pidref){.pid = pid, .pidfd = TAKE_FD(fd), .start_time = start};
	return 0;
}

int pidref_open(pid_t pid, struct pidref *ret)
{
	struct pidref p;
	int r;

	r = open_pid(pid, &p);
	if (r < 0)
		return r;
	/* If ours were gone by now, the start time might be that of its successor. */
	r = sys_pidfd_send_signal(p.pidfd, 0);
	if (r < 0 && r != -EPERM) {
		pidref_done(&p);
		return r;
	}
	*ret = p;
	return 0;
}

/* Who started then has had the number ever since: no successor can have come in between. */
int pidref_open_verified(pid_t pid, uint64_t start_time, struct pidref *ret)
{
	struct pidref p;
	int r;

	r = open_pid(pid, &p);
	if (r < 0)
		return r;
	if (p.start_time != start_time) {
		pidref_done(&p);
		return -ESRCH;
	}
	*ret = p;
	return 0;
}

void pidref_done(struct pidref *p)
{
	fd_close(p->pidfd);
	*p = PIDREF_NULL;
}

int pidref_verify(const struct pidref *p)
{
	uint64_t start;
	int r;

	if (!pidref_is_set(p))
		return -ESRCH;
	if (p->pidfd >= 0) {
		r = sys_pidfd_send_signal(p->pidfd, 0);
		return r == -EPERM ? 0 : r;
	}
	/* With neither a pidfd nor a start time any process of that number might be meant. */
	if (p->start_time == 0)
		return -ESRCH;
	r = pid_start_time(p->pid, &start);
	if (r < 0)
		return r;
	return start == p->start_time ? 0 : -ESRCH;
}

int pidref_kill(const struct pidref *p, int sig)
{
	struct pidref opened = PIDREF_NULL;
	int r;

	r = pidref_verify(p);
	if (r < 0)
		return r;
	FAULT_POINT("process.signal.before");
	if (p->pidfd >= 0)
		return sys_pidfd_send_signal(p->pidfd, sig);
	r = pidref_open_verified(p->pid, p->start_time, &opened);
	if (r < 0)
		return r;
	r = sys_pidfd_send_signal(opened.pidfd, sig);
	pidref_done(&opened);
	return r;
}

int pid_comm(pid_t pid, char **ret)
{
	char comm[80];
	int r;

	r = proc_read(pid, "comm", comm, sizeof(comm));
	if (r < 0)
		return r;
	comm[strcspn(comm, "\n")] = 0;
	*ret = strdup(comm);
	return *ret ? 0 : -ENOMEM;
}

int pid_cmdline(pid_t pid, size_t max, char **ret)
{
	auto_free char *line = NULL, *comm = NULL;
	int r, n;

	if (max > FILE_SIZE_MAX)
		max = FILE_SIZE_MAX;
	line = malloc(max + 1);
	if (!line)
		return -ENOMEM;
	n = proc_read(pid, "cmdline", line, max + 1);
	if (n < 0)
		return n;
	while (n > 0 && line[n - 1] == 0)
		n--;
	for (int i = 0; i < n; i++)
		if (line[i] == 0)
			line[i] = ' ';
		else if ((unsigned char) line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?'; /* it goes to people's terminals */
	if (n > 0) {
		*ret = TAKE_PTR(line);
		return 0;
	}
	r = pid_comm(pid, &comm);
	if (r < 0)
		return r;
	*ret = str_printf("[%s]", comm);
	return *ret ? 0 : -ENOMEM;
}
