// SPDX-License-Identifier: Apache-2.0
/* Terminals: systemd.exec(5), StandardInput=tty, TTYPath=, TTYReset=, TTYVHangup=,
 * TTYVTDisallocate=. */
#include "exec/child/child.h"

#include <fcntl.h>
#include <linux/kd.h>
#include <linux/vt.h>
#include <poll.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define TTY_RETRIES    20
#define TTY_RETRY_MSEC 50

const char *child_tty_path(const struct child *c)
{
	return c->s->tty_path ?: "/dev/console";
}

bool child_uses_tty(const struct child *c)
{
	enum exec_input i = c->s->std_input;

	return i == EXEC_INPUT_TTY || i == EXEC_INPUT_TTY_FORCE || i == EXEC_INPUT_TTY_FAIL;
}

/* A terminal that is just being hung up answers EIO for a moment. */
int tty_open(const char *path, int flags)
{
	for (unsigned i = 0;; i++) {
		int fd = open(path, flags | O_CLOEXEC);

		if (fd >= 0 && !isatty(fd)) {
			fd_close(fd);
			return -ENOTTY;
		}
		if (fd >= 0)
			return fd;
		if (errno != EIO || i >= TTY_RETRIES)
			return -errno;
		(void) poll(NULL, 0, TTY_RETRY_MSEC);
	}
}

int tty_reset(int fd)
{
	struct termios t;

	(void) ioctl(fd, TIOCNXCL);
	/* Virtual consoles only; others say ENOTTY. */
	(void) ioctl(fd, KDSETMODE, KD_TEXT);
	(void) ioctl(fd, KDSKBMODE, K_UNICODE);
	if (tcgetattr(fd, &t) < 0)
		return -errno;
	t.c_iflag &= ~(tcflag_t) (IGNBRK | BRKINT | ISTRIP | INLCR | IGNCR | IUCLC);
	t.c_iflag |= ICRNL | IMAXBEL | IUTF8;
	t.c_oflag |= ONLCR | OPOST;
	t.c_cflag |= CREAD;
	t.c_lflag = ISIG | ICANON | IEXTEN | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE;
	t.c_cc[VINTR] = 03;
	t.c_cc[VQUIT] = 034;
	t.c_cc[VERASE] = 0177;
	t.c_cc[VKILL] = 025;
	t.c_cc[VEOF] = 04;
	t.c_cc[VSTART] = 021;
	t.c_cc[VSTOP] = 023;
	t.c_cc[VSUSP] = 032;
	t.c_cc[VLNEXT] = 026;
	t.c_cc[VWERASE] = 027;
	t.c_cc[VREPRINT] = 022;
	t.c_cc[VEOL] = t.c_cc[VEOL2] = 0;
	t.c_cc[VTIME] = 0;
	t.c_cc[VMIN] = 1;
	return tcsetattr(fd, TCSANOW, &t) < 0 ? -errno : 0;
}

static void tty_disallocate(const char *path)
{
	const char *number = str_after(path, "/dev/tty");
	auto_fd int fd = -EBADF;
	uint32_t n;

	if (number && str_to_u32(number, &n) >= 0 && n > 0 && n < 64) {
		fd = open("/dev/tty0", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
		if (fd >= 0 && ioctl(fd, VT_DISALLOCATE, n) >= 0)
			return;
		fd_close(TAKE_FD(fd));
	}
	/* The one in front, or a serial line: clear it. */
	fd = tty_open(path, O_RDWR | O_NOCTTY | O_NONBLOCK);
	if (fd >= 0)
		(void) !write(fd, "\033[r\033[H\033[3J", 11);
}

int tty_prepare(struct child *c)
{
	const char *path = child_tty_path(c);
	auto_fd int fd = -EBADF;

	/* A terminal that is not there fails where it is opened to be used. */
	if (c->s->tty_vhangup || c->s->tty_reset) {
		fd = tty_open(path, O_RDWR | O_NOCTTY | O_NONBLOCK);
		if (fd >= 0 && c->s->tty_reset)
			(void) tty_reset(fd);
		if (fd >= 0 && c->s->tty_vhangup)
			(void) ioctl(fd, TIOCVHANGUP);
	}
	if (c->s->tty_vt_disallocate)
		tty_disallocate(path);
	return 0;
}

/* Waits until whoever has the terminal closes it. The unit's start time-out is the deadline. */
static int wait_for_close(int watch)
{
	char buffer[512] __attribute__((aligned(8)));
	ssize_t n = read(watch, buffer, sizeof(buffer));

	return n < 0 && errno != EINTR ? -errno : 0;
}

int tty_acquire(struct child *c)
{
	enum exec_input mode = c->s->std_input;
	const char *path = child_tty_path(c);
	auto_fd int watch = -EBADF;
	int r, fd;

	if (mode == EXEC_INPUT_TTY) {
		watch = inotify_init1(IN_CLOEXEC);
		if (watch < 0 || inotify_add_watch(watch, path, IN_CLOSE) < 0)
			return -errno;
	}
	for (;;) {
		fd = tty_open(path, O_RDWR | O_NOCTTY);
		if (fd < 0)
			return fd;
		r = ioctl(fd, TIOCSCTTY, mode == EXEC_INPUT_TTY_FORCE) < 0 ? -errno : 0;
		/* The session has it already. */
		if (r == -EPERM && tcgetsid(fd) == getsid(0))
			r = 0;
		if (r >= 0)
			break;
		fd_close(fd);
		if (r != -EPERM || mode != EXEC_INPUT_TTY)
			return r;
		r = wait_for_close(watch);
		if (r < 0)
			return r;
	}
	if (c->user_set && child_switches_user(c) &&
	    (fchown(fd, c->uid, (gid_t) -1) < 0 || fchmod(fd, 0620) < 0) && errno != EROFS) {
		r = -errno;
		fd_close(fd);
		return r;
	}
	return fd;
}
