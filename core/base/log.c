// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"

#include <endian.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>

#define LOG_TEXT_MAX 2048
/* The kernel keeps a record of 1024 bytes less its own prefix (LOG_LINE_MAX). */
#define LOG_KMSG_MAX   960
#define LOG_FIELDS_MAX 640
#define JOURNAL_SOCKET "/run/systemd/journal/socket"

static struct {
	const char *ident;
	enum log_target target;
	int level;
	int kmsg_fd, journal_fd;
	usec_t journal_retry; /* do not look for the journal before this (CLOCK_MONOTONIC) */
	unsigned long lost;
	void (*tap)(int level, const char *text, size_t size);
} logger = {
	.ident = "sysmaster",
	.level = LOG_INFO,
	.kmsg_fd = -EBADF,
	.journal_fd = -EBADF,
};

struct log_line {
	int level, error;
	const char *unit, *file;
	int line;
	const char *text;
	size_t size;
};

void log_setup(const char *ident, enum log_target target, int max_level)
{
	logger.ident = ident ?: "sysmaster";
	logger.target = target;
	logger.level = max_level;
	logger.journal_retry = 0;
}

void log_set_tap(void (*fn)(int level, const char *text, size_t size))
{
	logger.tap = fn;
}

void log_set_level(int max_level)
{
	logger.level = max_level;
}

enum log_target log_get_target(void)
{
	return logger.target;
}

int log_get_level(void)
{
	return logger.level;
}

/* Whoever closes fds in bulk closes ours, too, and the number may be somebody else's by now. */
static bool log_fd_is_kmsg(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 11);
}

static int log_to_kmsg(const struct log_line *l)
{
	char line[LOG_KMSG_MAX];
	int n;

	if (logger.kmsg_fd < 0 || !log_fd_is_kmsg(logger.kmsg_fd)) {
		int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

		if (fd < 0)
			return -errno;
		fd = fd_move_above_stdio(fd);
		if (fd >= 0 && !log_fd_is_kmsg(fd)) {
			fd_close(fd);
			fd = -ENODEV;
		}
		logger.kmsg_fd = fd;
		if (fd < 0)
			return fd;
	}
	n = snprintf(line, sizeof(line), "<%d>%s: %s", LOG_DAEMON | l->level, logger.ident,
	             l->text);
	if (n < 0)
		return -EINVAL;
	n = MIN(n, (int) sizeof(line) - 1);
	/* One write is one record; a newline would show as \x0a. */
	for (char *p = line; (p = strchr(p, '\n'));)
		*p = ' ';
	return write(logger.kmsg_fd, line, (size_t) n) < 0 ? -errno : 0;
}

static int log_to_stderr(const struct log_line *l)
{
	struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
	char line[LOG_TEXT_MAX + 128];
	int n;

	/* We may not make a shared file description non-blocking. A pipe that polls as writable
	 * takes PIPE_BUF bytes. */
	if (poll(&p, 1, 0) != 1 || !(p.revents & POLLOUT))
		return -EAGAIN;
	/* Who reads at this level wants to know of which unit, and what came first. */
	if (logger.level >= LOG_DEBUG)
		n = snprintf(line, sizeof(line), "%s: %llu %s%s%s\n", logger.ident,
		             (unsigned long long) now(CLOCK_BOOTTIME), l->unit ?: "",
		             l->unit ? ": " : "", l->text);
	else
		n = snprintf(line, sizeof(line), "%s: %s\n", logger.ident, l->text);
	if (n < 0)
		return -EINVAL;
	n = MIN(n, (int) sizeof(line) - 1);
	return write(STDERR_FILENO, line, (size_t) n) < 0 ? -errno : 0;
}

/* All but MESSAGE as NAME=value lines; returns the number of bytes. */
static size_t log_journal_fields(const struct log_line *l, char *buf, size_t size)
{
	int n, m = 0;

	n = snprintf(buf, size,
	             "PRIORITY=%d\nSYSLOG_FACILITY=3\nSYSLOG_IDENTIFIER=%s\nCODE_LINE=%d\n",
	             l->level, logger.ident, l->line);
	if (n < 0 || (size_t) n >= size)
		return 0;
	if (l->file)
		m = snprintf(buf + n, size - (size_t) n, "CODE_FILE=%s\n", l->file);
	n += m >= 0 && (size_t) m < size - (size_t) n ? m : 0;
	m = 0;
	if (l->error != 0)
		m = snprintf(buf + n, size - (size_t) n, "ERRNO=%d\n", abs(l->error));
	n += m >= 0 && (size_t) m < size - (size_t) n ? m : 0;
	m = 0;
	if (l->unit && !strchr(l->unit, '\n'))
		m = snprintf(buf + n, size - (size_t) n, "UNIT=%s\n", l->unit);
	n += m >= 0 && (size_t) m < size - (size_t) n ? m : 0;
	return (size_t) n;
}

/* The native protocol: https://systemd.io/JOURNAL_NATIVE_PROTOCOL/. MESSAGE goes in its binary
 * form, which allows newlines. */
static int log_to_journal(const struct log_line *l)
{
	static const struct sockaddr_un address = {.sun_family = AF_UNIX,
	                                           .sun_path = JOURNAL_SOCKET};
	uint64_t size = htole64(l->size);
	char fields[LOG_FIELDS_MAX];
	struct iovec iov[] = {
		{fields, log_journal_fields(l, fields, sizeof(fields))},
		{(char *) "MESSAGE\n", 8},
		{&size, sizeof(size)},
		{(char *) l->text, l->size},
		{(char *) "\n", 1},
	};
	struct msghdr m = {
		.msg_name = (void *) &address,
		.msg_namelen = sizeof(address),
		.msg_iov = iov,
		.msg_iovlen = ELEMENTSOF(iov),
	};
	usec_t t = now(CLOCK_MONOTONIC);
	int r;

	if (t < logger.journal_retry)
		return -ENOENT;
	for (unsigned try = 0; try < 2; try++) {
		if (logger.journal_fd < 0) {
			r = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
			logger.journal_fd = r < 0 ? -errno : fd_move_above_stdio(r);
			if (logger.journal_fd < 0)
				break;
		}
		if (sendmsg(logger.journal_fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return 0;
		/* The number is not our socket any more: leave it alone and take another. */
		if (errno != EBADF && errno != ENOTSOCK && errno != EISCONN && errno != EOPNOTSUPP)
			break;
		logger.journal_fd = -EBADF;
	}
	r = logger.journal_fd < 0 ? logger.journal_fd : -errno;
	/* A full queue is gone soon, an absent socket is looked for once a second. */
	if (r != -EAGAIN)
		logger.journal_retry = t + USEC_PER_SEC;
	return r;
}

/* At a shell, that is; the console of a manager is no controlling terminal. */
static bool log_stderr_is_terminal(void)
{
	return isatty(STDERR_FILENO) && tcgetpgrp(STDERR_FILENO) >= 0;
}

static int log_dispatch(const struct log_line *l)
{
	int r;

	switch (logger.target) {
	case LOG_TARGET_NULL:
		return 0;
	case LOG_TARGET_STDERR:
		return log_to_stderr(l);
	case LOG_TARGET_KMSG:
		return log_to_kmsg(l);
	case LOG_TARGET_AUTO:
		if (log_stderr_is_terminal())
			return log_to_stderr(l);
		break;
	case LOG_TARGET_JOURNAL:
		break;
	}
	r = log_to_journal(l);
	if (r < 0)
		r = log_to_kmsg(l);
	if (r < 0)
		r = log_to_stderr(l);
	return r;
}

static void log_say_lost(void)
{
	char text[64];
	struct log_line l = {
		.level = LOG_WARNING, .file = __FILE__, .line = __LINE__, .text = text};
	unsigned long lost = logger.lost;

	l.size = (size_t) snprintf(text, sizeof(text), "%lu messages were lost", lost);
	if (log_dispatch(&l) >= 0)
		logger.lost -= lost;
}

int log_full(int level, int error, const char *unit, const char *file, int line, const char *fmt,
             ...)
{
	char text[LOG_TEXT_MAX];
	struct log_line l = {
		.level = level & LOG_PRIMASK,
		.error = error,
		.unit = unit,
		.file = file,
		.line = line,
		.text = text,
	};
	int saved = errno, n;
	va_list ap;

	if (l.level > logger.level || logger.target == LOG_TARGET_NULL)
		return -abs(error);
	errno = abs(error); /* for %m */
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n >= 0) {
		if ((size_t) n >= sizeof(text)) {
			memcpy(text + sizeof(text) - 4, "...", 4);
			n = (int) sizeof(text) - 1;
		}
		l.size = (size_t) n;
		if (logger.tap)
			logger.tap(l.level, text, l.size);
		if (logger.lost > 0)
			log_say_lost();
		if (log_dispatch(&l) < 0)
			logger.lost++;
	}
	errno = saved;
	return -abs(error);
}
