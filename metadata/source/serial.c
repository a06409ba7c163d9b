// SPDX-License-Identifier: Apache-2.0
#include "metadata/source/serial.h"

#include <poll.h>
#include <sys/file.h>
#include <termios.h>

int serial_open(const char *path, int *ret_fd)
{
	auto_fd int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	struct termios t;

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	if (tcgetattr(fd, &t) < 0)
		return -errno;
	cfmakeraw(&t);
	cfsetspeed(&t, B115200);
	t.c_cflag |= CLOCAL | CREAD;
	if (tcsetattr(fd, TCSANOW, &t) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int wait_for(int fd, short events, usec_t deadline)
{
	struct pollfd p = {fd, events, 0};
	usec_t at = now(CLOCK_BOOTTIME);
	int r;

	if (at >= deadline)
		return -ETIMEDOUT;
	r = poll(&p, 1, (int) MIN((deadline - at) / USEC_PER_MSEC + 1, (usec_t) 60000));
	if (r < 0)
		return errno == EINTR ? 0 : -errno;
	return r ? 1 : 0;
}

void serial_drain(int fd)
{
	char buf[512];

	for (int i = 0; i < 1000; i++) {
		struct pollfd p = {fd, POLLIN, 0};

		if (poll(&p, 1, 0) <= 0 || read(fd, buf, sizeof(buf)) <= 0)
			return;
	}
}

int serial_write(int fd, const char *text, usec_t deadline)
{
	size_t left = strlen(text);

	while (left) {
		int r = wait_for(fd, POLLOUT, deadline);
		ssize_t n;

		if (r < 0)
			return r;
		n = r ? write(fd, text, left) : 0;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n > 0) {
			text += n;
			left -= (size_t) n;
		}
	}
	return 0;
}

int serial_read_until(int fd, char end, usec_t deadline, struct blob *ret)
{
	auto_strbuf struct strbuf b = {.max = SERIAL_LINE_MAX};
	char *text, c;
	size_t size;
	int r;

	/* A character at a time: what follows the end is the next answer's. */
	for (;;) {
		ssize_t n;

		r = wait_for(fd, POLLIN, deadline);
		if (r < 0)
			return r;
		if (!r)
			continue;
		n = read(fd, &c, 1);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return n ? -errno : -ECONNRESET;
		if (n < 0)
			continue;
		if (c == end)
			break;
		strbuf_add(&b, &c, 1);
		if (b.error < 0)
			return b.error == -ENOMEM ? -ENOMEM : -EFBIG;
	}
	size = b.size;
	strbuf_puts(&b, "");
	r = strbuf_take(&b, &text);
	if (r < 0)
		return r;
	blob_done(ret);
	*ret = (struct blob){text, size};
	return 0;
}
