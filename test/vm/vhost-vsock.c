// SPDX-License-Identifier: Apache-2.0
/*
 * vhost-vsock PATH CID - a guest's vsock device as Unix sockets; fd 3 is where QEMU connects.
 *
 * See vsock-conn.h for what PATH offers. One process a guest; it ends when QEMU does.
 */
#include "vsock-conn.h"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define QEMU_LISTEN_FD 3
#define QEMU_WAIT_MSEC 30000
#define EVENTS_MAX     64

struct watched {
	struct source source; /* first, so that an event leads here */
	struct backend *backend;
	int fd;
};

struct backend {
	struct vsock vsock;
	struct watched qemu, listener, kicks[VU_QUEUES];
	bool is_over;
	int status;
};

static int watch(struct backend *b, struct watched *w, int fd,
                 void (*ready)(struct source *, uint32_t))
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = &w->source};

	w->source.ready = ready;
	w->backend = b;
	w->fd = fd;
	return epoll_ctl(b->vsock.epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

static void backend_end(struct backend *b, int status, const char *why)
{
	if (why)
		fprintf(stderr, "vhost-vsock: %s\n", why);
	b->is_over = true;
	b->status = status;
}

static void kick_ready(struct source *s, uint32_t events)
{
	struct watched *w = (struct watched *) s;
	uint64_t count;

	(void) events;
	/* The pump that follows looks at both rings; the count itself says nothing. */
	(void) !read(w->fd, &count, sizeof(count));
}

/* Follows the rings' eventfds as QEMU changes them. */
static int watch_kicks(struct backend *b)
{
	for (size_t i = 0; i < VU_QUEUES; i++) {
		int fd = b->vsock.device.rings[i].kick_fd;

		if (fd < 0 || (b->kicks[i].fd == fd &&
		               epoll_ctl(b->vsock.epoll_fd, EPOLL_CTL_MOD, fd,
		                         &(struct epoll_event){.events = EPOLLIN,
		                                               .data.ptr = &b->kicks[i]}) == 0))
			continue;
		if (watch(b, &b->kicks[i], fd, kick_ready) < 0)
			return -errno;
	}
	return 0;
}

static void qemu_ready(struct source *s, uint32_t events)
{
	struct backend *b = ((struct watched *) s)->backend;
	int r = vu_handle_message(&b->vsock.device);

	(void) events;
	if (r == -ECONNRESET)
		backend_end(b, 0, NULL);
	else if (r < 0 && r != -EAGAIN)
		backend_end(b, 1, "QEMU says what makes no sense");
	else if (r == VU_STOPPED)
		vsock_reset(&b->vsock);
	else if (r == VU_RING_CHANGED && watch_kicks(b) < 0)
		backend_end(b, 1, "cannot watch a ring");
}

static void listener_ready(struct source *s, uint32_t events)
{
	struct watched *w = (struct watched *) s;
	int fd;

	(void) events;
	while ((fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		vsock_accept(&w->backend->vsock, fd);
}

static int listen_at(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	auto_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	strcpy(a.sun_path, path);
	if (fd < 0 || (unlink(path) < 0 && errno != ENOENT) ||
	    bind(fd, (struct sockaddr *) &a, sizeof(a)) < 0 || listen(fd, 128) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int accept_qemu(void)
{
	auto_fd int listener = QEMU_LISTEN_FD;
	struct epoll_event e = {.events = EPOLLIN};
	auto_fd int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	int fd;

	if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &e) < 0)
		return -errno;
	if (epoll_wait(epoll_fd, &e, 1, QEMU_WAIT_MSEC) <= 0)
		return -ETIMEDOUT;
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void run(struct backend *b)
{
	struct epoll_event events[EVENTS_MAX];
	uint64_t deadline_msec = 0;

	while (!b->is_over) {
		int n = epoll_wait(b->vsock.epoll_fd, events, EVENTS_MAX, msec_left(deadline_msec));

		if (n < 0 && errno != EINTR) {
			backend_end(b, 1, strerror(errno));
			return;
		}
		for (int i = 0; i < n && !b->is_over; i++) {
			struct source *s = events[i].data.ptr;

			s->ready(s, events[i].events);
		}
		if (!b->is_over && vsock_pump(&b->vsock) < 0) {
			/* A guest's broken driver must not take the machine down: its device just
			 * stops. */
			fprintf(stderr, "vhost-vsock: the guest's rings make no sense\n");
			vsock_reset(&b->vsock);
		}
		deadline_msec = vsock_tidy(&b->vsock);
	}
}

int main(int argc, char **argv)
{
	static struct backend b;
	int fd, listener;
	char *end;

	if (argc != 3) {
		fprintf(stderr, "usage: vhost-vsock PATH CID (QEMU connects to fd %d)\n",
		        QEMU_LISTEN_FD);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	b.vsock.path = argv[1];
	b.vsock.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	listener = listen_at(argv[1]);
	fd = accept_qemu();
	if (b.vsock.epoll_fd < 0 || listener < 0 || fd < 0) {
		fprintf(stderr, "vhost-vsock: cannot start: %s\n",
		        strerror(listener < 0 ? -listener
		                 : fd < 0     ? -fd
		                              : EIO));
		return 1;
	}
	vu_init(&b.vsock.device, fd, b.vsock.epoll_fd, strtoull(argv[2], &end, 10));
	b.kicks[VU_RX].fd = b.kicks[VU_TX].fd = -EBADF;
	if (watch(&b, &b.qemu, fd, qemu_ready) < 0 ||
	    watch(&b, &b.listener, listener, listener_ready) < 0)
		backend_end(&b, 1, "cannot watch the sockets");
	run(&b);
	vsock_reset(&b.vsock);
	(void) vsock_tidy(&b.vsock);
	vu_done(&b.vsock.device);
	unlink(argv[1]);
	return b.status;
}
