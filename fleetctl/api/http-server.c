// SPDX-License-Identifier: Apache-2.0
#include "api/http-room.h"

#include "base/diag.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/sys.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/resource.h>

#define LISTEN_BACKLOG   4096
#define ACCEPT_BURST     16
#define DESCRIPTORS_KEPT 128 /* for files, the database, other listeners */

const struct http_limits http_limits_default = {
	.connections = 16384,
	.handshakes = 256,
	.anonymous = 512,
	.handshake = 10 * USEC_PER_SEC,
	.head = 10 * USEC_PER_SEC,
	.body = 30 * USEC_PER_SEC,
	.idle = 150 * USEC_PER_SEC,
	.write = 30 * USEC_PER_SEC,
};

/* Beyond the limits connections wait in the kernel's queue, where they cost nothing. */
void server_update_accepting(struct http_server *s)
{
	bool more = s->statistics.connections < s->limits.connections &&
	            s->statistics.handshakes < s->limits.handshakes;

	if (more == s->accepting)
		return;
	s->accepting = more;
	for (size_t i = 0; i < s->n_listeners; i++)
		(void) source_set_state(s->listeners[i], more ? SOURCE_ON : SOURCE_OFF);
}

static int on_accept(struct source *source, int fd, uint32_t revents, void *userdata)
{
	struct http_server *s = userdata;

	(void) source;
	(void) revents;
	for (unsigned i = 0; i < ACCEPT_BURST && s->accepting; i++) {
		int r, peer = sys_accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (peer == -EAGAIN || peer == -EINTR || peer == -ECONNABORTED)
			return 0;
		if (peer < 0) {
			log_warning_errno(peer, "Cannot accept a connection: %m");
			return 0;
		}
		r = connection_new(s, peer);
		if (r < 0)
			log_warning_errno(r, "Cannot serve a connection: %m");
	}
	return 0;
}

static int on_work(struct source *source, void *userdata)
{
	struct http_server *s = userdata;
	struct http_connection *c;

	(void) source;
	while ((c = LIST_FIRST(&s->ready, struct http_connection, ready))) {
		list_remove(&c->ready);
		connection_advance(c);
	}
	while ((c = LIST_FIRST(&s->dead, struct http_connection, link)))
		connection_free(c);
	server_update_accepting(s);
	return 0;
}

int http_server_new(struct loop *l, SSL_CTX *tls, const struct http_limits *limits,
                    http_request_fn head, http_request_fn request, void *userdata,
                    struct http_server **ret)
{
	struct http_server *s = calloc(1, sizeof(*s));
	struct rlimit files;
	int r;

	if (!s)
		return -ENOMEM;
	*s = (struct http_server){.loop = l,
	                          .tls = tls,
	                          .limits = *limits,
	                          .head = head,
	                          .request = request,
	                          .userdata = userdata,
	                          .accepting = true};
	list_init(&s->connections);
	list_init(&s->ready);
	list_init(&s->dead);
	r = loop_add_defer(l, "http-work", on_work, s, &s->work);
	if (r < 0) {
		free(s);
		return r;
	}
	(void) source_set_state(s->work, SOURCE_OFF);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY &&
	    files.rlim_cur > 2 * DESCRIPTORS_KEPT)
		s->limits.connections = (unsigned) MIN((rlim_t) s->limits.connections,
		                                       files.rlim_cur - DESCRIPTORS_KEPT);
	*ret = s;
	return 0;
}

struct http_server *http_server_free(struct http_server *s)
{
	struct http_connection *c;

	if (!s)
		return NULL;
	for (size_t i = 0; i < s->n_listeners; i++) {
		source_free(s->listeners[i]);
		fd_close(s->listener_fds[i]);
	}
	s->n_listeners = 0;
	while ((c = LIST_FIRST(&s->connections, struct http_connection, link)))
		connection_kill(c);
	while ((c = LIST_FIRST(&s->dead, struct http_connection, link)))
		connection_free(c);
	source_free(s->work);
	free(s);
	return NULL;
}

int http_server_add(struct http_server *s, int fd)
{
	return connection_new(s, fd);
}

static int parse_address(const char *address, char **ret_host, char **ret_port)
{
	const char *colon = strrchr(address, ':');
	auto_free char *host = NULL, *port = NULL;
	uint32_t number;

	if (!colon || str_to_u32(colon + 1, &number) < 0 || number > 65535)
		return -EINVAL;
	if (address[0] == '[' && colon > address + 1 && colon[-1] == ']')
		host = strndup(address + 1, (size_t) (colon - address) - 2);
	else
		host = strndup(address, (size_t) (colon - address));
	port = strdup(colon + 1);
	if (!host || !port)
		return -ENOMEM;
	*ret_host = TAKE_PTR(host);
	*ret_port = TAKE_PTR(port);
	return 0;
}

static int bind_address(const struct addrinfo *a)
{
	auto_fd int fd = sys_socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r, one = 1;

	if (fd < 0)
		return fd;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
		return -errno;
	r = sys_bind(fd, a->ai_addr, a->ai_addrlen);
	if (r >= 0)
		r = sys_listen(fd, LISTEN_BACKLOG);
	return r < 0 ? r : TAKE_FD(fd);
}

static uint16_t port_of(int fd)
{
	struct sockaddr_storage a;
	socklen_t n = sizeof(a);

	if (getsockname(fd, (struct sockaddr *) &a, &n) < 0)
		return 0;
	return ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *) &a)->sin6_port
	                                     : ((struct sockaddr_in *) &a)->sin_port);
}

int http_server_listen(struct http_server *s, const char *address, struct diag *d,
                       uint16_t *ret_port)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC,
	                         .ai_socktype = SOCK_STREAM,
	                         .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	auto_free char *host = NULL, *port = NULL;
	struct addrinfo *found;
	int fd, r;

	if (s->n_listeners >= ELEMENTSOF(s->listeners))
		return -E2BIG;
	r = parse_address(address, &host, &port);
	if (r < 0)
		return diag_add(d, r, DIAG_ERROR, NULL, 0, "\"%s\" is not HOST:PORT", address);
	if (getaddrinfo(*host ? host : NULL, port, &hints, &found) != 0)
		return diag_add(d, -EADDRNOTAVAIL, DIAG_ERROR, NULL, 0,
		                "There is no address for \"%s\"", host);
	fd = bind_address(found);
	freeaddrinfo(found);
	if (fd < 0)
		return diag_add(d, fd, DIAG_ERROR, NULL, 0, "Cannot listen on %s: %s", address,
		                strerror(-fd));
	r = loop_add_io(s->loop, fd, EPOLLIN, "http-listener", on_accept, s,
	                &s->listeners[s->n_listeners]);
	if (r < 0) {
		fd_close(fd);
		return r;
	}
	s->listener_fds[s->n_listeners++] = fd;
	if (ret_port)
		*ret_port = port_of(fd);
	return 0;
}

void http_server_statistics(const struct http_server *s, struct http_statistics *ret)
{
	*ret = s->statistics;
}
