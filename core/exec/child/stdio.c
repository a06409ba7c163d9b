// SPDX-License-Identifier: Apache-2.0
#include "exec/child/child.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define JOURNAL_STREAM_PATH "/run/systemd/journal/stdout"
#define JOURNAL_SNDBUF      (8 * 1024 * 1024)

/* Makes @fd (taken) number @target. */
static int become(int fd, int target)
{
	int r;

	if (fd < 0)
		return fd;
	if (fd == target)
		return fcntl(fd, F_SETFD, 0) < 0 ? -errno : 0;
	r = dup2(fd, target) < 0 ? -errno : 0;
	fd_close(fd);
	return r;
}

static int open_as(const char *path, int flags, int target)
{
	int fd = open(path, flags | O_NOCTTY | O_CLOEXEC, 0666);

	return become(fd < 0 ? -errno : fd, target);
}

/* A copy of a descriptor that stays open for its other users. */
static int copy_as(int fd, int target)
{
	return dup2(fd, target) < 0 ? -errno : 0;
}

/* ---- the journal ---- */

/* journald takes the unit from the cgroup and the user from the socket's credentials: those of the
 * service. */
static int connect_as_user(const struct child *c, int fd)
{
	static const struct sockaddr_un journal = {.sun_family = AF_UNIX,
	                                           .sun_path = JOURNAL_STREAM_PATH};
	bool switches = child_switches_user(c) && c->user_set && c->uid != 0;
	int r;

	if (switches && (setegid(c->gid) < 0 || seteuid(c->uid) < 0))
		return -errno;
	r = connect(fd, (const struct sockaddr *) &journal, sizeof(journal)) < 0 ? -errno : 0;
	if (switches && (seteuid(0) < 0 || setegid(0) < 0))
		return -errno;
	return r;
}

static int journal_header(const struct child *c, enum exec_output o, int fd)
{
	const struct exec_settings *s = c->s;
	bool kmsg = o == EXEC_OUTPUT_KMSG || o == EXEC_OUTPUT_KMSG_AND_CONSOLE;
	bool console = o == EXEC_OUTPUT_KMSG_AND_CONSOLE || o == EXEC_OUTPUT_JOURNAL_AND_CONSOLE;
	auto_free char *header = str_printf("%s\n%s\n%d\n%d\n0\n%d\n%d\n",
	                                    s->syslog_identifier ?: path_basename(c->spec.path),
	                                    c->spec.unit, s->syslog_facility | s->syslog_level,
	                                    s->syslog_level_prefix, kmsg, console);

	return header ? fd_write_all(fd, header, strlen(header)) : -ENOMEM;
}

static int journal_as(struct child *c, enum exec_output o, int target)
{
	int fd, size = JOURNAL_SNDBUF, r;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	(void) setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	r = connect_as_user(c, fd);
	if (r >= 0)
		r = shutdown(fd, SHUT_RD) < 0 ? -errno : journal_header(c, o, fd);
	if (r < 0) {
		/* No journal yet: a service is not refused for that. */
		fd_close(fd);
		return open_as(o == EXEC_OUTPUT_KMSG || o == EXEC_OUTPUT_KMSG_AND_CONSOLE
		                       ? "/dev/kmsg"
		                       : "/dev/null",
		               O_WRONLY, target);
	}
	return become(fd, target);
}

static bool is_journal(enum exec_output o)
{
	return o == EXEC_OUTPUT_JOURNAL || o == EXEC_OUTPUT_JOURNAL_AND_CONSOLE ||
	       o == EXEC_OUTPUT_KMSG || o == EXEC_OUTPUT_KMSG_AND_CONSOLE;
}

/* JOURNAL_STREAM= tells the program that this descriptor is the journal. */
static void note_stream(struct child *c, int fd)
{
	struct stat st;

	if (fstat(fd, &st) >= 0 && S_ISSOCK(st.st_mode))
		(void) snprintf(c->journal_stream, sizeof(c->journal_stream),
		                "JOURNAL_STREAM=%lu:%lu", (unsigned long) st.st_dev,
		                (unsigned long) st.st_ino);
}

/* ---- files, descriptors ---- */

/* A path may be that of a listening socket; then it is connected to. */
static int file_as(struct child *c, const char *path, int flags, int target)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	mode_t old = umask(c->s->umask);
	int fd, r;

	fd = open(path, flags | O_NOCTTY | O_CLOEXEC, 0666);
	r = fd < 0 ? -errno : fd;
	umask(old);
	if (r == -ENXIO && strlen(path) < sizeof(address.sun_path)) {
		memcpy(address.sun_path, path, strlen(path) + 1);
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0)
			return -errno;
		r = connect(fd, (const struct sockaddr *) &address, sizeof(address)) < 0 ? -errno
		                                                                         : fd;
		if (r < 0)
			fd_close(fd);
		else if (!(flags & O_RDWR))
			(void) shutdown(fd, flags & O_WRONLY ? SHUT_RD : SHUT_WR);
	}
	return r < 0 ? child_fail(c, r, "%s", path) : become(r, target);
}

static int named_as(struct child *c, int stream)
{
	const char *wanted = c->s->stdio_fdname[stream];
	static const char *const standard[] = {"stdin", "stdout", "stderr"};
	size_t i = 0;

	STRV_FOREACH (name, c->spec.fd_names) {
		if (i < c->spec.n_fds && streq(*name, wanted ?: standard[stream]))
			return copy_as(c->spec.fds[i], stream);
		i++;
	}
	return child_fail(c, -ENOENT, "No file descriptor named \"%s\"",
	                  wanted ?: standard[stream]);
}

static int data_as(const struct exec_settings *s, int target)
{
	int fd = memfd_new_data("stdin", s->stdin_data ?: "", s->stdin_data_size);

	return become(fd, target);
}

/* ---- the steps ---- */

int child_stdin(struct child *c)
{
	int r;

	if (c->s->tty_reset || c->s->tty_vhangup || c->s->tty_vt_disallocate || child_uses_tty(c)) {
		r = tty_prepare(c);
		if (r < 0)
			return r;
	}
	switch (c->s->std_input) {
	case EXEC_INPUT_TTY:
	case EXEC_INPUT_TTY_FORCE:
	case EXEC_INPUT_TTY_FAIL:
		r = tty_acquire(c);
		c->stdin_is_tty = r >= 0;
		return r < 0 ? child_fail(c, r, "%s", child_tty_path(c)) : become(r, STDIN_FILENO);
	case EXEC_INPUT_SOCKET:
		return c->spec.stdio_socket < 0 ? child_fail(c, -EBADF, "No socket was passed")
		                                : copy_as(c->spec.stdio_socket, STDIN_FILENO);
	case EXEC_INPUT_NAMED_FD:
		return named_as(c, STDIN_FILENO);
	case EXEC_INPUT_DATA:
		return data_as(c->s, STDIN_FILENO);
	case EXEC_INPUT_FILE:
		/* One file for both directions is opened once, so that they share an offset. */
		return file_as(c, c->s->stdio_file[0],
		               c->s->std_output == EXEC_OUTPUT_FILE &&
		                               streq_ptr(c->s->stdio_file[0], c->s->stdio_file[1])
		                       ? O_RDWR | O_CREAT
		                       : O_RDONLY,
		               STDIN_FILENO);
	default:
		return open_as("/dev/null", O_RDONLY, STDIN_FILENO);
	}
}

static int inherit_stdin(struct child *c)
{
	enum exec_input i = c->s->std_input;

	/* Not written to, as these are. */
	if (i == EXEC_INPUT_NULL || i == EXEC_INPUT_DATA)
		return open_as("/dev/null", O_WRONLY, STDOUT_FILENO);
	return copy_as(STDIN_FILENO, STDOUT_FILENO);
}

static int output_as(struct child *c, enum exec_output o, int target)
{
	const char *file = c->s->stdio_file[target];

	switch (o) {
	case EXEC_OUTPUT_INHERIT:
		return target == STDERR_FILENO ? copy_as(STDOUT_FILENO, STDERR_FILENO)
		                               : inherit_stdin(c);
	case EXEC_OUTPUT_TTY:
		if (c->stdin_is_tty)
			return copy_as(STDIN_FILENO, target);
		return become(tty_open(child_tty_path(c), O_WRONLY | O_NOCTTY), target);
	case EXEC_OUTPUT_KMSG:
	case EXEC_OUTPUT_KMSG_AND_CONSOLE:
	case EXEC_OUTPUT_JOURNAL:
	case EXEC_OUTPUT_JOURNAL_AND_CONSOLE:
		return journal_as(c, o, target);
	case EXEC_OUTPUT_SOCKET:
		return c->spec.stdio_socket < 0 ? child_fail(c, -EBADF, "No socket was passed")
		                                : copy_as(c->spec.stdio_socket, target);
	case EXEC_OUTPUT_NAMED_FD:
		return named_as(c, target);
	case EXEC_OUTPUT_FILE:
		if (c->s->std_input == EXEC_INPUT_FILE && streq_ptr(file, c->s->stdio_file[0]))
			return copy_as(STDIN_FILENO, target);
		return file_as(c, file, O_WRONLY | O_CREAT, target);
	case EXEC_OUTPUT_FILE_APPEND:
		return file_as(c, file, O_WRONLY | O_CREAT | O_APPEND, target);
	case EXEC_OUTPUT_FILE_TRUNCATE:
		return file_as(c, file, O_WRONLY | O_CREAT | O_TRUNC, target);
	default:
		return open_as("/dev/null", O_WRONLY, target);
	}
}

int child_stdout(struct child *c)
{
	int r = output_as(c, c->s->std_output, STDOUT_FILENO);

	if (r >= 0 && is_journal(c->s->std_output))
		note_stream(c, STDOUT_FILENO);
	return r;
}

int child_stderr(struct child *c)
{
	enum exec_output o = c->s->std_output, e = c->s->std_error;
	bool same = e == o && e != EXEC_OUTPUT_NAMED_FD &&
	            (e < EXEC_OUTPUT_FILE || streq_ptr(c->s->stdio_file[1], c->s->stdio_file[2]));
	int r;

	/* Two descriptors for one place would be two connections, or two offsets. */
	if (same)
		r = copy_as(STDOUT_FILENO, STDERR_FILENO);
	else
		r = output_as(c, e, STDERR_FILENO);
	if (r >= 0 && !same && is_journal(e))
		note_stream(c, STDERR_FILENO);
	return r;
}

/* ---- descriptors for the program ---- */

int child_pass_fds(struct child *c)
{
	int n = (int) c->spec.n_fds, first = 3 + n;

	/* Whatever is in the way of 3...3+n-1 goes above it. */
	for (int i = 0; i < n; i++)
		if (c->spec.fds[i] < first) {
			int fd = fcntl(c->spec.fds[i], F_DUPFD_CLOEXEC, first);

			if (fd < 0)
				return -errno;
			c->spec.fds[i] = fd;
		}
	if (c->spec.exec_fd >= 0) {
		int fd = fcntl(c->spec.exec_fd, F_DUPFD_CLOEXEC, first);

		if (fd < 0)
			return -errno;
		c->spec.exec_fd = fd;
	}
	for (int i = 0; i < n; i++) {
		if (dup2(c->spec.fds[i], 3 + i) < 0)
			return -errno;
		if ((unsigned) i < c->spec.n_socket_fds)
			(void) fd_set_nonblock(3 + i, c->spec.fds_nonblock);
	}
	/* All others close when the program starts, ours and any that leaked into core. */
	if (close_range((unsigned) first, ~0U, CLOSE_RANGE_CLOEXEC) >= 0)
		return 0;
	for (int fd = first; fd < 1024; fd++)
		(void) fcntl(fd, F_SETFD, FD_CLOEXEC);
	return 0;
}
