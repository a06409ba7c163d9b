// SPDX-License-Identifier: Apache-2.0
/*
 * A virtio-serial port, seen by the mux as a socket. While no host has the other end open, the
 * kernel reports EPOLLHUP without end and read() gives 0; it tells of the host's coming by SIGIO.
 * So the port's source rests while there is no host.
 */
#include "channel/channel.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>

#define PORT_BUFFER 32768

struct port {
	struct channel *channel;
	int fd, inner; /* the device; our end of the pair whose other end is the mux's */
	struct source *source, *inner_source, *signal;
	char in[PORT_BUFFER], out[PORT_BUFFER]; /* from the device; to the device */
	size_t in_start, in_end, out_start, out_end;
	bool host;
};

static int port_find(const char *name, char **ret)
{
	auto_strv char **entries = NULL;
	int r = dir_list("/sys/class/virtio-ports", &entries);

	if (r < 0)
		return r;
	STRV_FOREACH (e, entries) {
		auto_free char *path = str_printf("/sys/class/virtio-ports/%s/name", *e),
			       *text = NULL;

		if (!path)
			return -ENOMEM;
		if (file_read_line(path, &text) < 0 || !streq(text, name))
			continue;
		*ret = path_join("/dev", *e);
		return *ret ? 0 : -ENOMEM;
	}
	return -ENOENT;
}

static bool host_is_there(const struct port *p)
{
	struct pollfd pfd = {.fd = p->fd, .events = POLLIN};

	return poll(&pfd, 1, 0) >= 0 && !(pfd.revents & POLLHUP);
}

/* One step from @from to @to through the buffer; 1 if something moved, 0 if not, -errno. */
static int shift(int from, int to, char *buffer, size_t *start, size_t *end)
{
	int moved = 0;
	ssize_t n;

	if (*start == *end) {
		n = read(from, buffer, PORT_BUFFER);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		*start = 0;
		*end = n > 0 ? (size_t) n : 0;
		moved |= n > 0;
	}
	if (*start < *end) {
		n = write(to, buffer + *start, *end - *start);
		if (n < 0 && errno != EAGAIN && errno != EINTR && errno != EPIPE)
			return -errno;
		if (n > 0) {
			*start += (size_t) n;
			moved = 1;
		}
	}
	return moved;
}

static void port_update(struct port *p)
{
	bool host = host_is_there(p);

	if (host != p->host)
		log_debug("The host has %s the channel", host ? "opened" : "closed");
	p->host = host;
	if (!host)
		p->in_start = p->in_end = p->out_start = p->out_end =
			0; /* half a frame is of no use to the next one */
	source_set_events(p->source, (p->in_start == p->in_end ? EPOLLIN : 0U) |
	                                     (p->out_start < p->out_end ? EPOLLOUT : 0U));
	source_set_state(p->source, host ? SOURCE_ON : SOURCE_OFF);
	source_set_events(p->inner_source, (host && p->out_start == p->out_end ? EPOLLIN : 0U) |
	                                           (p->in_start < p->in_end ? EPOLLOUT : 0U));
}

static int port_turn(struct port *p)
{
	int r, q;

	r = p->host ? shift(p->fd, p->inner, p->in, &p->in_start, &p->in_end) : 0;
	q = p->host ? shift(p->inner, p->fd, p->out, &p->out_start, &p->out_end) : 0;
	port_update(p);
	return r < 0 ? r : q < 0 ? q : 0;
}

static int on_port(struct source *s, int fd, uint32_t revents, void *userdata)
{
	(void) s, (void) fd, (void) revents;
	return port_turn(userdata);
}

static int on_sigio(struct source *s, const struct signalfd_siginfo *si, void *userdata)
{
	struct port *p = userdata;

	(void) s, (void) si;
	port_update(p);
	return p->host ? port_turn(p) : 0;
}

int port_open(struct channel *c, int *ret_fd)
{
	auto_free char *path = NULL;
	int pair[2], r;
	struct port *p;

	r = port_find(c->port_name ? c->port_name : CHANNEL_PORT_NAME, &path);
	if (r < 0)
		return r;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	c->port = p;
	p->channel = c;
	p->inner = -EBADF;
	p->fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (p->fd < 0) {
		r = -errno;
		port_close(c);
		return r;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
		r = -errno;
		port_close(c);
		return r;
	}
	p->inner = pair[0];
	r = loop_add_signal(c->loop, SIGIO, "port-host", on_sigio, p, &p->signal);
	if (r >= 0 && (fcntl(p->fd, F_SETOWN, getpid()) < 0 ||
	               fcntl(p->fd, F_SETFL, O_NONBLOCK | O_ASYNC) < 0))
		r = -errno;
	if (r >= 0)
		r = loop_add_io(c->loop, p->fd, EPOLLIN, "port", on_port, p, &p->source);
	if (r >= 0)
		r = loop_add_io(c->loop, p->inner, EPOLLIN, "port-mux", on_port, p,
		                &p->inner_source);
	if (r < 0) {
		close(pair[1]);
		port_close(c);
		return r;
	}
	port_update(p);
	*ret_fd = pair[1];
	return 0;
}

void port_close(struct channel *c)
{
	struct port *p = c->port;

	if (!p)
		return;
	source_free(p->source);
	source_free(p->inner_source);
	source_free(p->signal);
	fd_close(p->fd);
	fd_close(p->inner);
	free(p);
	c->port = NULL;
}
