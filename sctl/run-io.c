// SPDX-License-Identifier: Apache-2.0
/*
 * run-io.c - standard input, output and error of a unit are the caller's. Varlink passes no file descriptors, so the unit opens them
 * by /proc/PID/fd/N of the caller, which gives the same pipe, terminal or file. A socket cannot be opened that way: there a pipe of
 * ours lies between.
 */
#include "sctl/run.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

void run_io_init(struct run_io *io, struct loop *l)
{
	*io = (struct run_io){.loop = l, .master = -EBADF};
	for (int i = 0; i < 3; i++)
		io->ours[i] = io->theirs[i] = -EBADF;
}

/* 1: more may come; 0: the end. */
static int copy_some(const struct stream *st)
{
	char buffer[16384];
	ssize_t n = read(st->from, buffer, sizeof(buffer));

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 1
		                                         : 0; /* EIO: nobody holds the terminal */
	if (n == 0)
		return 0;
	/* A reader that went away is the caller's business: the unit goes on. */
	(void) fd_write_all(st->to, buffer, (size_t) n);
	return 1;
}

static int on_stream(struct source *s, int fd, uint32_t revents, void *userdata)
{
	struct stream *st = userdata;

	(void) fd, (void) revents;
	if (!copy_some(st)) {
		(void) source_set_state(s, SOURCE_OFF);
		/* The unit's input ends when the caller's does. */
		if (st->from == STDIN_FILENO && st->to != STDOUT_FILENO)
			st->to = fd_close(st->to);
	}
	return 0;
}

static void add_stream(struct run_io *io, int from, int to)
{
	struct stream *st = &io->streams[io->n_streams];

	*st = (struct stream){from, to, NULL};
	/* Files and /dev/null cannot be waited for: there is nothing to pass on from them but at once. */
	if (loop_add_io(io->loop, from, EPOLLIN, "run", on_stream, st, &st->source) < 0) {
		struct stat sb;

		if (fstat(from, &sb) >= 0 && S_ISREG(sb.st_mode))
			while (copy_some(st))
				;
		return;
	}
	io->n_streams++;
}

static int add(char ***properties, const char *key, const char *value)
{
	return strv_append_consume(properties, str_printf("%s=%s", key, value));
}

int run_io_pty(struct run_io *io, char ***properties)
{
	struct winsize size;
	struct termios raw;
	const char *term = getenv("TERM");
	char name[64];
	int r;

	io->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (io->master < 0 || grantpt(io->master) < 0 || unlockpt(io->master) < 0 ||
	    ptsname_r(io->master, name, sizeof(name)) != 0)
		return error_exit(-errno, "Cannot make a pseudo terminal: %s", strerror(errno));
	/* Held open by us, too, so that output written before our first read is not lost with its writer. */
	io->theirs[0] = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	io->terminal = strdup(name);
	if (isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &io->saved) >= 0) {
		raw = io->saved;
		cfmakeraw(&raw);
		io->has_saved = tcsetattr(STDIN_FILENO, TCSANOW, &raw) >= 0;
		if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) >= 0)
			(void) ioctl(io->master, TIOCSWINSZ, &size);
	}
	r = add(properties, "StandardInput", "tty");
	if (r >= 0)
		r = add(properties, "StandardOutput", "tty");
	if (r >= 0)
		r = add(properties, "StandardError", "tty");
	if (r >= 0)
		r = add(properties, "TTYPath", name);
	if (r >= 0 && term)
		r = strv_append_consume(properties, str_printf("Environment=TERM=%s", term));
	if (r < 0)
		return r;
	(void) fd_set_nonblock(io->master, true);
	add_stream(io, io->master, STDOUT_FILENO);
	add_stream(io, STDIN_FILENO, io->master);
	return 0;
}

/* How the unit opens fd @fd of ours. */
static int by_path(char ***properties, const char *key, int fd, bool append)
{
	return strv_append_consume(properties,
	                           str_printf("%s=%s:/proc/%d/fd/%d", key,
	                                      append ? "append" : "file", (int) getpid(), fd));
}

static int pipe_one(struct run_io *io, int fd, char ***properties)
{
	static const char *const keys[] = {"StandardInput", "StandardOutput", "StandardError"};
	struct stat st;
	int pair[2];

	if (fstat(fd, &st) < 0)
		return add(properties, keys[fd], "null");
	if (!S_ISSOCK(st.st_mode))
		return by_path(properties, keys[fd], fd, fd > 0 && S_ISREG(st.st_mode));
	if (pipe2(pair, O_CLOEXEC) < 0)
		return -errno;
	io->ours[fd] = pair[fd == 0];
	io->theirs[fd] = pair[fd != 0];
	if (fd == 0)
		add_stream(io, STDIN_FILENO, io->ours[0]);
	else
		add_stream(io, io->ours[fd], fd);
	return by_path(properties, keys[fd], io->theirs[fd], false);
}

int run_io_pipe(struct run_io *io, char ***properties)
{
	int r = 0;

	for (int fd = 0; fd < 3 && r >= 0; fd++)
		r = pipe_one(io, fd, properties);
	return r;
}

void run_io_finish(struct run_io *io)
{
	for (int i = 0; i < 3; i++)
		io->theirs[i] = fd_close(io->theirs[i]);
	for (size_t i = 0; i < io->n_streams; i++) {
		struct stream *st = &io->streams[i];
		struct pollfd p = {.fd = st->from, .events = POLLIN};

		if (st->from == STDIN_FILENO)
			continue;
		/* Processes that the unit left behind may hold it open: only what is there now counts. */
		while (poll(&p, 1, 0) > 0 && copy_some(st))
			;
	}
}

void run_io_done(struct run_io *io)
{
	if (io->has_saved)
		(void) tcsetattr(STDIN_FILENO, TCSANOW, &io->saved);
	for (size_t i = 0; i < io->n_streams; i++)
		source_free(io->streams[i].source);
	for (int i = 0; i < 3; i++) {
		fd_close(io->ours[i]);
		fd_close(io->theirs[i]);
	}
	fd_close(io->master);
	free(io->terminal);
}
