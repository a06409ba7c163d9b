// SPDX-License-Identifier: Apache-2.0
#include "relay/room.h"

#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>

#define RETRY_FIRST (250 * USEC_PER_MSEC)
#define RETRY_MAX   (10 * USEC_PER_SEC)

static int port_connect(struct port *p);

/* Half of the pause is fixed, half is drawn, after it was capped: many ports do not fall into step.
 */
static void port_retry(struct port *p)
{
	usec_t pause = RETRY_MAX;

	if (p->attempts < 6)
		pause = MIN(RETRY_MAX, RETRY_FIRST << p->attempts);
	p->attempts++;
	pause = pause / 2 + (usec_t) random() % (pause / 2);
	(void) source_set_time(p->retry, now(CLOCK_MONOTONIC) + pause);
}

static void port_disconnect(struct port *p)
{
	p->mux = mux_free(p->mux);
	p->watch = source_free(p->watch);
	p->watched = fd_close(p->watched);
}

static int on_retry(struct source *s, usec_t deadline, void *userdata)
{
	struct port *p = userdata;
	int r = port_connect(p);

	(void) s;
	(void) deadline;
	if (r >= 0)
		return 0;
	if (p->attempts == 1)
		log_info("Port %s: cannot connect to \"%s\": %s; trying again", p->name, p->path,
		         strerror(-r));
	port_disconnect(p);
	port_retry(p);
	return 0;
}

static int on_end(struct source *s, int fd, uint32_t revents, void *userdata)
{
	struct port *p = userdata;

	(void) s;
	(void) fd;
	(void) revents;
	log_info("Port %s: the channel has ended", p->name);
	port_disconnect(p);
	port_retry(p);
	return 0;
}

/* ---- guest to controller ---- */
static int on_open(struct mux *m, const char *service, void *userdata)
{
	struct port *p = userdata;
	struct relay *r = p->relay;
	int fd;

	(void) m;
	if (!streq(service, "fleet") || !r->controller_size)
		return -ENOENT;
	fd = socket(r->controller.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *) &r->controller, r->controller_size) < 0 &&
	    errno != EINPROGRESS) {
		int e = -errno;

		fd_close(fd);
		return e;
	}
	log_debug("Port %s: the guest's fleet agent connects to the controller", p->name);
	return fd;
}

static void on_link(struct mux *m, bool up, void *userdata)
{
	struct port *p = userdata;

	(void) m;
	if (up)
		p->attempts = 0;
	log_info("Port %s: the guest's agent %s", p->name, up ? "is there" : "went away");
}

static int port_connect(struct port *p)
{
	auto_fd int fd = unix_connect(p->path, SOCK_STREAM);
	int r;

	if (fd < 0)
		return fd;
	p->watched = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (p->watched < 0)
		return -errno;
	r = loop_add_io(p->relay->loop, p->watched, EPOLLRDHUP, "relay-port", on_end, p, &p->watch);
	if (r < 0)
		return r;
	/* The mux reads before we look, so that what was said before the end is heard. */
	source_set_priority(p->watch, 10);
	return mux_new(p->relay->loop, TAKE_FD(fd), MUX_HOST, on_open, on_link, p, &p->mux);
}

/* ---- operator to guest: "CONNECT 7466\n" is answered by "OK 7466\n", then the stream is the
 * guest's ---- */
struct waiting {
	struct list link; /* of port->waiting */
	struct port *port;
	int fd;
	struct source *io, *timer;
};

static void waiting_free(struct waiting *w)
{
	w->port->n_waiting--;
	list_remove(&w->link);
	source_free(w->io);
	source_free(w->timer);
	fd_close(w->fd);
	free(w);
}

static int on_waiting_timeout(struct source *s, usec_t deadline, void *userdata)
{
	(void) s;
	(void) deadline;
	waiting_free(userdata);
	return 0;
}

static const char *service_of(const char *line)
{
	static const struct {
		const char *line, *service;
	} services[] = {{"CONNECT 7466", "control"}, {"CONNECT 7467", "upgrade"}};

	for (size_t i = 0; i < ELEMENTSOF(services); i++)
		if (streq(services[i].line, line))
			return services[i].service;
	return NULL;
}

/* Peeks for the whole line and takes exactly it: what follows is the guest's. 1 with *ret_line, 0
 * not yet, negative: give up. */
static int read_line(int fd, char line[static CONNECT_LINE_MAX])
{
	ssize_t n = recv(fd, line, CONNECT_LINE_MAX - 1, MSG_PEEK);
	char *newline;
	size_t size;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -ECONNRESET;
	newline = memchr(line, '\n', (size_t) n);
	if (!newline)
		return n == CONNECT_LINE_MAX - 1 ? -EMSGSIZE : 0;
	size = (size_t) (newline - line) + 1;
	if (recv(fd, line, size, 0) != (ssize_t) size)
		return -ECONNRESET;
	*newline = 0;
	return 1;
}

static int on_waiting(struct source *s, int fd, uint32_t revents, void *userdata)
{
	struct waiting *w = userdata;
	char line[CONNECT_LINE_MAX], answer[32];
	const char *service;
	int r = read_line(fd, line), n;

	(void) s;
	(void) revents;
	if (r == 0)
		return 0;
	service = r > 0 ? service_of(line) : NULL;
	if (service && w->port->mux && mux_is_up(w->port->mux)) {
		n = snprintf(answer, sizeof(answer), "OK %s\n", line + strlen("CONNECT "));
		if (send(fd, answer, (size_t) n, MSG_NOSIGNAL) == n) {
			source_free(TAKE_PTR(w->io));
			r = mux_open(w->port->mux, service, TAKE_FD(w->fd));
			if (r < 0)
				log_debug_errno(r, "Port %s: cannot open a stream to the guest: %m",
				                w->port->name);
		}
	}
	/* As with Firecracker: who cannot be connected is cut off without a word. */
	waiting_free(w);
	return 0;
}

static int on_accept(struct source *s, int fd, uint32_t revents, void *userdata)
{
	struct port *p = userdata;
	int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), r;
	struct waiting *w;

	(void) s;
	(void) revents;
	if (peer < 0)
		return 0;
	w = p->n_waiting < WAITING_MAX ? calloc(1, sizeof(*w)) : NULL;
	if (!w) {
		fd_close(peer);
		return 0;
	}
	*w = (struct waiting){.port = p, .fd = peer};
	p->n_waiting++;
	list_append(&p->waiting, &w->link);
	r = loop_add_io(p->relay->loop, peer, EPOLLIN | EPOLLRDHUP, "relay-client", on_waiting, w,
	                &w->io);
	if (r >= 0)
		r = loop_add_time(p->relay->loop, CLOCK_MONOTONIC,
		                  now(CLOCK_MONOTONIC) + CONNECT_DEADLINE, USEC_PER_SEC,
		                  "relay-client-deadline", on_waiting_timeout, w, &w->timer);
	if (r < 0)
		waiting_free(w);
	return 0;
}

static int port_listen(struct port *p, struct diag *d)
{
	int r;

	p->listen_path = str_printf("%s/%s.sock", p->relay->listen_dir, p->name);
	if (!p->listen_path)
		return -ENOMEM;
	p->listen_fd = unix_listen(p->listen_path, SOCK_STREAM, 0600);
	if (p->listen_fd < 0)
		return diag_add(d, p->listen_fd, DIAG_ERROR, p->listen_path, 0, "Cannot listen: %s",
		                strerror(-p->listen_fd));
	r = fd_set_nonblock(p->listen_fd, true);
	if (r >= 0)
		r = loop_add_io(p->relay->loop, p->listen_fd, EPOLLIN, "relay-listener", on_accept,
		                p, &p->listener);
	return r;
}

int port_new(struct relay *r, const char *name, const char *path, bool from_libvirt, struct diag *d)
{
	struct port *p = calloc(1, sizeof(*p));
	int e;

	if (!p)
		return -ENOMEM;
	*p = (struct port){.relay = r,
	                   .watched = -EBADF,
	                   .listen_fd = -EBADF,
	                   .from_libvirt = from_libvirt,
	                   .seen = true};
	list_init(&p->waiting);
	p->name = strdup(name);
	p->path = strdup(path);
	e = p->name && p->path ? 0 : -ENOMEM;
	if (e >= 0)
		e = loop_add_time(r->loop, CLOCK_MONOTONIC, now(CLOCK_MONOTONIC),
		                  10 * USEC_PER_MSEC, "relay-retry", on_retry, p, &p->retry);
	if (e >= 0 && r->listen_dir)
		e = port_listen(p, d);
	if (e >= 0)
		e = map_add(r->ports, p->name, p);
	if (e < 0)
		port_free(p);
	return e;
}

struct port *port_free(struct port *p)
{
	if (!p)
		return NULL;
	LIST_FOREACH (w, &p->waiting, struct waiting, link)
		waiting_free(w);
	port_disconnect(p);
	source_free(p->retry);
	source_free(p->listener);
	if (p->listen_fd >= 0)
		(void) unlink(p->listen_path);
	fd_close(p->listen_fd);
	free(p->listen_path);
	free(p->name);
	free(p->path);
	free(p);
	return NULL;
}
