// SPDX-License-Identifier: Apache-2.0
/*
 * The steps of core-exec that a plain process needs, as raw system calls: this runs in core's memory, beside core (detached.c).
 * It writes to its own stack and to what was prepared for it, nothing else. Nothing here waits: a journal that is busy is left
 * to core-exec.
 */
#include "exec/direct.h"

#include "exec/raw.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define JOURNAL_STREAM_PATH "/run/systemd/journal/stdout"
#define JOURNAL_SNDBUF      (8 * 1024 * 1024)
#define SIGSET_SIZE         8

/* As the kernel has it. */
struct kernel_sigaction {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

static long set_signals(const struct direct *d)
{
	struct kernel_sigaction pipe = {.handler = d->default_sigpipe ? SIG_DFL : SIG_IGN};
	uint64_t none = 0;
	long r;

	/* All others are as at boot: core ignores this one alone, and its handlers stayed behind
	 * (CLONE_CLEAR_SIGHAND). */
	r = raw4(SYS_rt_sigaction, SIGPIPE, (long) &pipe, 0, SIGSET_SIZE);
	if (r >= 0)
		r = raw4(SYS_rt_sigprocmask, SIG_SETMASK, (long) &none, 0, SIGSET_SIZE);
	if (!d->same_group)
		(void) raw3(SYS_setsid, 0, 0, 0);
	(void) raw3(SYS_umask, d->umask, 0, 0);
	return r >= 0 ? raw3(SYS_chdir, (long) "/", 0, 0) : r;
}

static long become(long fd, int target)
{
	long r;

	if (fd < 0)
		return fd;
	if (fd == target)
		return raw3(SYS_fcntl, fd, F_SETFD, 0);
	r = raw3(SYS_dup3, fd, target, 0);
	(void) raw3(SYS_close, fd, 0, 0);
	return r < 0 ? r : 0;
}

static long open_null(int flags, int target)
{
	return become(
		raw4(SYS_openat, AT_FDCWD, (long) "/dev/null", flags | O_NOCTTY | O_CLOEXEC, 0),
		target);
}

/* -EAGAIN: it is there and has no time. */
static long connect_journal(const struct direct *d, long fd)
{
	static const struct sockaddr_un journal = {.sun_family = AF_UNIX,
	                                           .sun_path = JOURNAL_STREAM_PATH};
	int size = JOURNAL_SNDBUF;
	long r;

	(void) raw5(SYS_setsockopt, fd, SOL_SOCKET, SO_SNDBUF, (long) &size, sizeof(size));
	r = raw3(SYS_connect, fd, (long) &journal, sizeof(journal));
	if (r >= 0)
		r = raw3(SYS_shutdown, fd, SHUT_RD, 0);
	if (r >= 0) {
		r = raw3(SYS_write, fd, (long) d->header, (long) d->header_size);
		r = r >= 0 && (size_t) r != d->header_size ? -EAGAIN : r;
	}
	/* It was non-blocking for the connection alone. */
	return r < 0 ? r : raw3(SYS_fcntl, fd, F_SETFL, 0);
}

static long journal_as(const struct direct *d, int target)
{
	long fd = raw3(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r;

	if (fd < 0)
		return fd;
	r = connect_journal(d, fd);
	if (r >= 0)
		return become(fd, target);
	(void) raw3(SYS_close, fd, 0, 0);
	/* No journal yet: a service is not refused for that. */
	return r == -EAGAIN ? r : open_null(O_WRONLY, target);
}

/* "DEVICE:INODE" of the journal's connection, or the assignment is taken out of the environment. */
static void note_stream(const struct direct *d, int fd)
{
	char device[24], inode[24], *p = d->stream_digits, *q;
	struct stat st;

	if (!d->stream)
		return;
	if (raw3(SYS_fstat, fd, (long) &st, 0) < 0 || (st.st_mode & S_IFMT) != S_IFSOCK) {
		char **e = d->stream;

		do
			e[0] = e[1];
		while (*e++);
		return;
	}
	for (q = raw_number(device + sizeof(device), st.st_dev); *q; q++)
		*p++ = *q;
	*p++ = ':';
	for (q = raw_number(inode + sizeof(inode), st.st_ino); *q; q++)
		*p++ = *q;
	*p = 0;
}

static long set_stdio(const struct direct *d)
{
	long r = open_null(O_RDONLY, 0);

	if (r >= 0)
		r = d->stdout_journal ? journal_as(d, 1) : open_null(O_WRONLY, 1);
	if (r >= 0 && d->stderr_same)
		r = raw3(SYS_dup3, 1, 2, 0);
	else if (r >= 0)
		r = d->stderr_journal ? journal_as(d, 2) : open_null(O_WRONLY, 2);
	if (r >= 0)
		note_stream(d, d->stdout_journal ? 1 : 2);
	return r;
}

/* Without the right to raise a limit: as close as it goes. */
static long set_limits(const struct direct *d)
{
	for (int i = 0; i < EXEC_RLIMITS_MAX; i++) {
		struct rlimit l = d->limits[i], own;
		long r;

		if (!(d->limits_set & 1U << i))
			continue;
		r = raw4(SYS_prlimit64, 0, i, (long) &l, 0);
		if (r == -EPERM) {
			r = raw4(SYS_prlimit64, 0, i, 0, (long) &own);
			l.rlim_max = l.rlim_max < own.rlim_max ? l.rlim_max : own.rlim_max;
			l.rlim_cur = l.rlim_cur < l.rlim_max ? l.rlim_cur : l.rlim_max;
			if (r >= 0)
				r = raw4(SYS_prlimit64, 0, i, (long) &l, 0);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/* As core-exec's step of that name: without keyrings in this kernel or container, or with no room for one, it goes on without. */
static long set_keyring(const struct direct *d)
{
	long r = 0;

	if (d->keyring != DIRECT_KEYRING_INHERIT)
		r = raw5(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0);
	if (r >= 0 && d->keyring == DIRECT_KEYRING_SHARED)
		r = raw5(SYS_keyctl, KEYCTL_LINK, (long) KEY_SPEC_USER_KEYRING,
		         (long) KEY_SPEC_SESSION_KEYRING, 0, 0);
	return r == -ENOSYS || r == -EPERM || r == -EACCES || r == -EDQUOT ? 0 : r;
}

static void set_pid(const struct direct *d)
{
	char digits[24], *p = d->pid_digits, *q;

	if (!p)
		return;
	for (q = raw_number(digits + sizeof(digits), (unsigned long) raw3(SYS_getpid, 0, 0, 0)); *q;
	     q++)
		*p++ = *q;
	*p = 0;
}

void direct_start(const struct direct *d)
{
	if (set_signals(d) < 0 || set_stdio(d) < 0 || set_limits(d) < 0 || set_keyring(d) < 0)
		return;
	set_pid(d);
	/* Whatever leaked into core closes when the program starts; before Linux 5.11 there is nothing to close it with. */
	if (raw3(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return;
	(void) raw3(SYS_execve, (long) d->path, (long) d->argv, (long) d->env);
}
