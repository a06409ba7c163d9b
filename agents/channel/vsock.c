// SPDX-License-Identifier: Apache-2.0
#include "channel/channel.h"

#include <sys/socket.h>
#include <linux/vm_sockets.h>

struct vsock_listener {
	struct channel *channel;
	const char *service;
	int fd;
};

static int on_connection(struct source *s, int fd, uint32_t revents, void *userdata)
{
	struct vsock_listener *v = userdata;
	struct sockaddr_vm peer = {0};
	socklen_t size = sizeof(peer);
	auto_fd int connection =
		accept4(fd, (struct sockaddr *) &peer, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int backend, r;

	(void) s, (void) revents;
	if (connection < 0)
		return 0; /* it went away again, or we are short of fds: the backlog waits, the rate
		             limit keeps us from spinning */
	if (peer.svm_cid != v->channel->cid) {
		log_warning("Refused a connection to \"%s\" from CID %u: only CID %llu may",
		            v->service, peer.svm_cid, (unsigned long long) v->channel->cid);
		return 0;
	}
	backend = backend_connect(v->channel, v->service);
	if (backend < 0) {
		log_warning_errno(backend, "Failed to connect the host to \"%s\": %m", v->service);
		return 0;
	}
	r = pump_start(v->channel, TAKE_FD(connection), backend);
	if (r < 0)
		log_warning_errno(r, "Failed to serve the host: %m");
	return 0;
}

int vsock_listen(struct channel *c, uint32_t port, const char *service)
{
	struct sockaddr_vm sa = {
		.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = port};
	auto_fd int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct vsock_listener *v;
	struct source *source;
	int r;

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *) &sa, sizeof(sa)) < 0 || listen(fd, 32) < 0)
		return -errno;
	v = calloc(1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	*v = (struct vsock_listener){.channel = c, .service = service, .fd = fd};
	r = loop_add_io(c->loop, fd, EPOLLIN, "vsock", on_connection, v, &source);
	if (r < 0) {
		free(v);
		return r;
	}
	source_set_ratelimit(source, USEC_PER_SEC, 100);
	TAKE_FD(fd);
	return 0;
}
