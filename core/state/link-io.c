// SPDX-License-Identifier: Apache-2.0
#include "state/link-internal.h"

#include <sys/socket.h>
#include <unistd.h>

static void packet_free(struct link_packet *p)
{
	list_remove(&p->link);
	fd_close(p->fd);
	free(p);
}

void link_queue_clear(struct link *k)
{
	LIST_FOREACH (p, &k->queue, struct link_packet, link)
		packet_free(p);
	k->n_queued = 0;
}

/* Errors after which a socket does not work again. */
static bool is_end(int error)
{
	return error == EPIPE || error == ECONNRESET || error == ENOTCONN || error == EBADF ||
	       error == ENOTSOCK || error == EMSGSIZE || error == EINVAL;
}

/* -EAGAIN: the socket is full. */
static int packet_send(int sock, const struct wire_message *m, const char *text, int fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov[] = {
		{.iov_base = (void *) m, .iov_len = sizeof(*m)},
		{.iov_base = (void *) text, .iov_len = m->text_size},
	};
	struct msghdr h = {.msg_iov = iov, .msg_iovlen = m->text_size > 0 ? 2 : 1};
	ssize_t n;

	if (fd >= 0) {
		struct cmsghdr *c;

		h.msg_control = &control;
		h.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	do {
		n = sendmsg(sock, &h, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n >= 0)
		return 0;
	/* All else passes: no memory, or too many fds under way (ETOOMANYREFS), which init is about to
	 * take out. */
	return is_end(errno) ? -errno : -EAGAIN;
}

static int packet_queue(struct link *k, const struct wire_message *m, const char *text, int fd)
{
	struct link_packet *p;

	if (k->n_queued >= LINK_QUEUE_MAX)
		return -ENOBUFS;
	p = malloc(sizeof(*p) + m->text_size);
	if (!p)
		return -ENOMEM;
	p->link = (struct list){0};
	p->m = *m;
	if (m->text_size > 0)
		memcpy(p->text, text, m->text_size);
	p->fd = -EBADF;
	if (fd >= 0) {
		p->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (p->fd < 0) {
			int r = -errno;

			free(p);
			return r;
		}
	}
	list_append(&k->queue, &p->link);
	k->n_queued++;
	return 0;
}

int link_send(struct link *k, const struct wire_message *m, const char *text, int fd)
{
	int r = -EAGAIN;

	if (k->lost)
		return -ENOTCONN;
	if (list_is_empty(&k->queue))
		r = packet_send(k->fd, m, text, fd);
	if (r == -EAGAIN) {
		r = packet_queue(k, m, text, fd);
		if (r >= 0 && k->source)
			r = source_set_events(k->source, EPOLLIN | EPOLLOUT);
	}
	return r;
}

/* Acknowledgements are one number, so they are never queued: the newest goes out when there is
 * room. */
static int ack_send(struct link *k)
{
	struct wire_message m = {
		.version = WIRE_VERSION, .type = WIRE_EXIT_ACK, .value = (int64_t) k->ack_wanted};
	int r;

	if (k->ack_wanted <= k->ack_sent)
		return 0;
	r = packet_send(k->fd, &m, NULL, -EBADF);
	if (r >= 0)
		k->ack_sent = (uint64_t) m.value;
	return r;
}

int link_flush(struct link *k)
{
	int r = 0;

	if (k->lost)
		return -ENOTCONN;
	LIST_FOREACH (p, &k->queue, struct link_packet, link) {
		r = packet_send(k->fd, &p->m, p->text, p->fd);
		if (r < 0)
			break;
		packet_free(p);
		k->n_queued--;
	}
	if (r >= 0)
		r = ack_send(k);
	if (r < 0 && r != -EAGAIN)
		return r;
	return k->source ? source_set_events(k->source, r == -EAGAIN ? EPOLLIN | EPOLLOUT : EPOLLIN)
	                 : 0;
}

int link_receive(struct link *k, struct wire_message *ret_m, char text[static WIRE_TEXT_MAX + 1],
                 int *ret_fd)
{
	char buffer[sizeof(*ret_m) + WIRE_TEXT_MAX];
	int fds[WIRE_FDS_MAX];
	struct wire_message m;
	size_t n_fds = 0;
	ssize_t n;

	/* base's receiver refuses (and closes) more fds than there is room for. A packet too long
	 * is cut off and fails below. */
	n = fd_recv_fds(k->fd, buffer, sizeof(buffer), fds, ELEMENTSOF(fds), &n_fds);
	if (n == -EXFULL)
		return -EPROTO;
	/* The packet is still there, and so is the next turn. */
	if (n < 0)
		return is_end((int) -n) ? (int) n : 0;
	if (n == 0)
		return -ECONNRESET;
	if ((size_t) n >= sizeof(m))
		memcpy(&m, buffer, sizeof(m));
	if ((size_t) n < sizeof(m) || m.version != WIRE_VERSION || m.text_size > WIRE_TEXT_MAX ||
	    (size_t) n != sizeof(m) + m.text_size) {
		while (n_fds > 0)
			fd_close(fds[--n_fds]);
		return -EPROTO;
	}
	memcpy(text, buffer + sizeof(m), m.text_size);
	text[m.text_size] = 0;
	*ret_m = m;
	*ret_fd = n_fds > 0 ? fds[0] : -EBADF;
	return 1;
}
