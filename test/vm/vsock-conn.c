// SPDX-License-Identifier: Apache-2.0
#include "vsock-conn.h"

#include <fcntl.h>
#include <linux/virtio_vsock.h>
#include <linux/vm_sockets.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define HOST_PORT_FIRST 0x40000000u /* far from what programs listen on */
#define SHUTDOWN_BOTH   (VIRTIO_VSOCK_SHUTDOWN_RCV | VIRTIO_VSOCK_SHUTDOWN_SEND)

static void conn_ready(struct source *s, uint32_t events)
{
	struct conn *c = (struct conn *) s;

	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		c->is_readable = true;
	if (events & EPOLLOUT)
		c->is_writable = true;
	if (events & (EPOLLHUP | EPOLLERR))
		c->is_hung_up = true;
}

static struct conn *conn_new(struct vsock *v, int fd)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};

	for (size_t i = 0; i < VSOCK_CONNECTIONS_MAX; i++) {
		struct conn *c;

		if (v->conns[i])
			continue;
		c = calloc(1, sizeof(*c));
		if (!c)
			return NULL;
		*c = (struct conn){.source.ready = conn_ready, .vsock = v, .fd = fd};
		c->buffer = malloc(VSOCK_BUFFER_BYTES);
		e.data.ptr = &c->source;
		if (!c->buffer || epoll_ctl(v->epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0) {
			free(c->buffer);
			free(c);
			return NULL;
		}
		c->deadline_msec = now_msec() + VSOCK_WAIT_MSEC;
		v->conns[i] = c;
		return c;
	}
	return NULL;
}

static struct conn *conn_find(struct vsock *v, uint32_t guest_port, uint32_t host_port)
{
	for (size_t i = 0; i < VSOCK_CONNECTIONS_MAX; i++) {
		struct conn *c = v->conns[i];

		if (c && (c->state == CONN_CONNECTING || c->state == CONN_OPEN) &&
		    c->guest_port == guest_port && c->host_port == host_port)
			return c;
	}
	return NULL;
}

static bool host_port_is_used(const struct vsock *v, uint32_t port)
{
	for (size_t i = 0; i < VSOCK_CONNECTIONS_MAX; i++)
		if (v->conns[i] && v->conns[i]->host_port == port)
			return true;
	return false;
}

static uint32_t next_host_port(struct vsock *v)
{
	do
		v->next_host_port =
			v->next_host_port < HOST_PORT_FIRST || v->next_host_port == UINT32_MAX
				? HOST_PORT_FIRST
				: v->next_host_port + 1;
	while (host_port_is_used(v, v->next_host_port));
	return v->next_host_port;
}

static void conn_kill(struct conn *c)
{
	c->state = CONN_DEAD;
	c->pending = 0;
}

static void refuse(struct vsock *v, uint32_t guest_port, uint32_t host_port)
{
	if (v->refusals_n < VSOCK_REFUSALS_MAX)
		v->refusals[v->refusals_n++] = (struct vsock_refusal){guest_port, host_port};
}

/* Tells the guest that the connection is no more; for us it is gone at once. */
static void conn_abort(struct conn *c)
{
	if (c->state == CONN_CONNECTING || c->state == CONN_OPEN)
		refuse(c->vsock, c->guest_port, c->host_port);
	conn_kill(c);
}

void vsock_accept(struct vsock *v, int fd)
{
	struct conn *c = conn_new(v, fd);

	if (!c) {
		close(fd);
		return;
	}
	c->state = CONN_READING_LINE;
	c->is_readable = true;
}

/* "CONNECT PORT\n": looked at before it is taken, because the bytes after it are the stream's. */
static void conn_read_line(struct conn *c)
{
	char line[VSOCK_LINE_MAX + 1], *end, *newline;
	ssize_t n = recv(c->fd, line, VSOCK_LINE_MAX, MSG_PEEK | MSG_DONTWAIT);
	unsigned long port;

	c->is_readable = false;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	newline = n > 0 ? memchr(line, '\n', (size_t) n) : NULL;
	if (n <= 0 || (!newline && n == VSOCK_LINE_MAX)) {
		conn_kill(c);
		return;
	}
	if (!newline)
		return;
	n = newline + 1 - line;
	*newline = '\0';
	errno = 0;
	port = !strncmp(line, "CONNECT ", 8) ? strtoul(line + 8, &end, 10) : UINT32_MAX;
	if (port >= UINT32_MAX || errno || end == line + 8 || *end ||
	    recv(c->fd, line, (size_t) n, 0) != n || !vu_ring_is_live(&c->vsock->device, VU_RX)) {
		conn_kill(c);
		return;
	}
	c->guest_port = (uint32_t) port;
	c->host_port = next_host_port(c->vsock);
	c->state = CONN_CONNECTING;
	c->is_readable = true;
	c->pending |= 1u << VIRTIO_VSOCK_OP_REQUEST;
}

static int connect_host(const struct vsock *v, uint32_t port)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd;

	if (snprintf(a.sun_path, sizeof(a.sun_path), "%s_%u", v->path, port) >=
	    (int) sizeof(a.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *) &a, sizeof(a)) < 0) {
		int saved = errno;

		close(fd);
		return -saved;
	}
	return fd;
}

static void handle_request(struct vsock *v, const struct virtio_vsock_hdr *h)
{
	int fd = connect_host(v, h->dst_port);
	struct conn *c = fd < 0 ? NULL : conn_new(v, fd);

	if (!c) {
		close_fdp(&fd);
		refuse(v, h->src_port, h->dst_port);
		return;
	}
	c->state = CONN_OPEN;
	c->deadline_msec = 0;
	c->guest_port = h->src_port;
	c->host_port = h->dst_port;
	c->peer_buf_alloc = h->buf_alloc;
	c->peer_fwd_cnt = h->fwd_cnt;
	c->is_readable = c->is_writable = true;
	c->pending |= 1u << VIRTIO_VSOCK_OP_RESPONSE;
}

static void handle_response(struct conn *c)
{
	char line[VSOCK_LINE_MAX];
	int n = snprintf(line, sizeof(line), "OK %u\n", c->host_port);

	if (c->state != CONN_CONNECTING || send(c->fd, line, (size_t) n, MSG_NOSIGNAL) != n) {
		conn_abort(c);
		return;
	}
	c->state = CONN_OPEN;
	c->deadline_msec = 0;
	c->is_readable = c->is_writable = true;
}

/* Copies a packet's payload, which starts so many bytes into the chain, to the connection's buffer.
 */
static void handle_data(struct conn *c, const struct vu_chain *chain, uint32_t length)
{
	size_t skip = sizeof(struct virtio_vsock_hdr);

	if (c->state != CONN_OPEN || length > VSOCK_BUFFER_BYTES - c->used ||
	    chain->bytes < skip + length) {
		conn_abort(c);
		return;
	}
	for (size_t i = 0; i < chain->iov_n && length > 0; i++) {
		const uint8_t *p = chain->iov[i].iov_base;
		size_t n = chain->iov[i].iov_len;

		if (skip >= n) {
			skip -= n;
			continue;
		}
		p += skip;
		n -= skip;
		skip = 0;
		if (n > length)
			n = length;
		length -= (uint32_t) n;
		while (n > 0) {
			uint32_t at = (c->start + c->used) % VSOCK_BUFFER_BYTES;
			size_t part = n < VSOCK_BUFFER_BYTES - at ? n : VSOCK_BUFFER_BYTES - at;

			memcpy(c->buffer + at, p, part);
			c->used += (uint32_t) part;
			p += part;
			n -= part;
		}
	}
}

static void handle_shutdown(struct conn *c, uint32_t flags)
{
	c->guest_shut |= flags & SHUTDOWN_BOTH;
	if (c->guest_shut & VIRTIO_VSOCK_SHUTDOWN_RCV)
		(void) shutdown(c->fd, SHUT_RD);
}

static void handle_packet(struct vsock *v, const struct vu_chain *chain)
{
	struct virtio_vsock_hdr h;
	struct conn *c;

	if (chain->iov_n == 0 || chain->iov[0].iov_len < sizeof(h))
		return;
	memcpy(&h, chain->iov[0].iov_base, sizeof(h));
	/* A guest speaks for itself and to the host alone. */
	if (h.src_cid != v->device.cid || h.dst_cid != VMADDR_CID_HOST ||
	    h.op == VIRTIO_VSOCK_OP_INVALID)
		return;
	c = conn_find(v, h.src_port, h.dst_port);
	if (!c || h.type != VIRTIO_VSOCK_TYPE_STREAM) {
		if (h.op == VIRTIO_VSOCK_OP_REQUEST && h.type == VIRTIO_VSOCK_TYPE_STREAM)
			handle_request(v, &h);
		else if (h.op != VIRTIO_VSOCK_OP_RST)
			refuse(v, h.src_port, h.dst_port);
		return;
	}
	c->peer_buf_alloc = h.buf_alloc;
	c->peer_fwd_cnt = h.fwd_cnt;
	switch (h.op) {
	case VIRTIO_VSOCK_OP_RESPONSE:
		handle_response(c);
		break;
	case VIRTIO_VSOCK_OP_RST:
		conn_kill(c);
		break;
	case VIRTIO_VSOCK_OP_SHUTDOWN:
		handle_shutdown(c, h.flags);
		break;
	case VIRTIO_VSOCK_OP_RW:
		handle_data(c, chain, h.len);
		break;
	case VIRTIO_VSOCK_OP_CREDIT_UPDATE:
		c->asked_credit = false;
		break;
	case VIRTIO_VSOCK_OP_CREDIT_REQUEST:
		c->pending |= 1u << VIRTIO_VSOCK_OP_CREDIT_UPDATE;
		break;
	default:
		conn_abort(c);
	}
}

/* Packets of the guest, as long as a refusal for each of them could be remembered. */
static int pump_from_guest(struct vsock *v)
{
	struct vu_chain chain;
	int r, done = 0;

	while (v->refusals_n < VSOCK_REFUSALS_MAX &&
	       (r = vu_ring_pop(&v->device, VU_TX, &chain)) != 0) {
		if (r < 0)
			return r;
		handle_packet(v, &chain);
		vu_ring_push(&v->device, VU_TX, chain.head, 0);
		done = 1;
	}
	return done;
}

/* From the buffer to the host program. */
static void conn_flush(struct conn *c)
{
	while (c->used > 0 && c->is_writable) {
		uint32_t part = c->used < VSOCK_BUFFER_BYTES - c->start
		                        ? c->used
		                        : VSOCK_BUFFER_BYTES - c->start;
		ssize_t n = send(c->fd, c->buffer + c->start, part, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			c->is_writable = false;
			break;
		}
		if (n < 0) {
			conn_abort(c);
			return;
		}
		c->start = (c->start + (uint32_t) n) % VSOCK_BUFFER_BYTES;
		c->used -= (uint32_t) n;
		c->fwd_cnt += (uint32_t) n;
	}
	if (c->fwd_cnt - c->told_fwd_cnt >= VSOCK_BUFFER_BYTES / 2)
		c->pending |= 1u << VIRTIO_VSOCK_OP_CREDIT_UPDATE;
	if (c->used > 0)
		return;
	if (c->guest_shut == SHUTDOWN_BOTH)
		conn_abort(c);
	else if (c->guest_shut & VIRTIO_VSOCK_SHUTDOWN_SEND)
		(void) shutdown(c->fd, SHUT_WR);
}

/* Writes a packet's header to the start of a buffer of the guest. */
static void put_header(struct vsock *v, const struct vu_chain *chain, struct virtio_vsock_hdr h)
{
	const uint8_t *p = (const uint8_t *) &h;
	size_t left = sizeof(h);

	h.src_cid = VMADDR_CID_HOST;
	h.dst_cid = v->device.cid;
	h.type = VIRTIO_VSOCK_TYPE_STREAM;
	h.buf_alloc = VSOCK_BUFFER_BYTES;
	for (size_t i = 0; i < chain->iov_n && left > 0; i++) {
		size_t n = left < chain->iov[i].iov_len ? left : chain->iov[i].iov_len;

		memcpy(chain->iov[i].iov_base, p, n);
		p += n;
		left -= n;
	}
	vu_ring_push(&v->device, VU_RX, chain->head, (uint32_t) (sizeof(h) + h.len));
}

static void conn_put_header(struct conn *c, const struct vu_chain *chain, uint16_t op,
                            uint32_t length)
{
	struct virtio_vsock_hdr h = {
		.op = op,
		.len = length,
		.src_port = c->host_port,
		.dst_port = c->guest_port,
		.fwd_cnt = c->fwd_cnt,
		.flags = op == VIRTIO_VSOCK_OP_SHUTDOWN ? c->sent_shut : 0,
	};

	c->told_fwd_cnt = c->fwd_cnt;
	c->pending &= ~((1u << op) | (1u << VIRTIO_VSOCK_OP_CREDIT_UPDATE));
	put_header(c->vsock, chain, h);
}

static uint32_t conn_credit(const struct conn *c)
{
	uint32_t in_flight = c->tx_cnt - c->peer_fwd_cnt;

	return in_flight < c->peer_buf_alloc ? c->peer_buf_alloc - in_flight : 0;
}

/* The host program ended its side, or all of it. */
static void conn_host_ended(struct conn *c)
{
	unsigned shut = c->is_hung_up ? SHUTDOWN_BOTH : VIRTIO_VSOCK_SHUTDOWN_SEND;

	c->host_ended = true;
	if ((c->sent_shut | shut) == c->sent_shut)
		return;
	c->sent_shut |= shut;
	c->pending |= 1u << VIRTIO_VSOCK_OP_SHUTDOWN;
	if (c->sent_shut == SHUTDOWN_BOTH)
		c->deadline_msec = now_msec() + VSOCK_WAIT_MSEC;
}

/* Reads from the host program into a buffer of the guest. Returns whether the buffer was used. */
static bool conn_send_data(struct conn *c, const struct vu_chain *chain)
{
	struct iovec iov[VU_IOV_MAX];
	size_t n = 0, skip = sizeof(struct virtio_vsock_hdr), room = conn_credit(c);
	ssize_t got;

	for (size_t i = 0; i < chain->iov_n && room > 0; i++) {
		size_t bytes = chain->iov[i].iov_len, from = skip < bytes ? skip : bytes;

		skip -= from;
		bytes -= from;
		if (bytes > room)
			bytes = room;
		if (bytes > 0)
			iov[n++] = (struct iovec){(uint8_t *) chain->iov[i].iov_base + from, bytes};
		room -= bytes;
	}
	do
		got = n > 0 ? readv(c->fd, iov, (int) n) : -1;
	while (got < 0 && n > 0 && errno == EINTR);
	if (got > 0) {
		c->tx_cnt += (uint32_t) got;
		conn_put_header(c, chain, VIRTIO_VSOCK_OP_RW, (uint32_t) got);
		return true;
	}
	c->is_readable = false;
	if (got == 0)
		conn_host_ended(c);
	else if (n > 0 && errno != EAGAIN)
		conn_abort(c);
	return false;
}

static bool conn_wants_to_send(struct conn *c)
{
	if (c->state == CONN_OPEN && c->is_readable && !c->host_ended && conn_credit(c) == 0 &&
	    !c->asked_credit) {
		c->asked_credit = true;
		c->pending |= 1u << VIRTIO_VSOCK_OP_CREDIT_REQUEST;
	}
	if (c->state == CONN_OPEN && c->host_ended && c->is_hung_up)
		conn_host_ended(c);
	return c->pending != 0 ||
	       (c->state == CONN_OPEN && c->is_readable && !c->host_ended && conn_credit(c) > 0);
}

static bool conn_send(struct conn *c, const struct vu_chain *chain)
{
	/* In this order: a connection begins before it carries, and its end comes after its data.
	 */
	static const uint16_t ops[] = {VIRTIO_VSOCK_OP_REQUEST, VIRTIO_VSOCK_OP_RESPONSE,
	                               VIRTIO_VSOCK_OP_CREDIT_UPDATE,
	                               VIRTIO_VSOCK_OP_CREDIT_REQUEST, VIRTIO_VSOCK_OP_SHUTDOWN};

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		if (c->pending & (1u << ops[i])) {
			conn_put_header(c, chain, ops[i], 0);
			return true;
		}
	return conn_send_data(c, chain);
}

/* Packets to the guest, each connection in its turn. */
static int pump_to_guest(struct vsock *v)
{
	struct vu_chain chain;
	int r, done = 0;

	while (v->refusals_n > 0 && (r = vu_ring_pop(&v->device, VU_RX, &chain)) != 0) {
		struct virtio_vsock_hdr h = {.op = VIRTIO_VSOCK_OP_RST};

		if (r < 0 || chain.bytes < sizeof(h))
			return -EPROTO;
		h.src_port = v->refusals[0].host_port;
		h.dst_port = v->refusals[0].guest_port;
		memmove(v->refusals, v->refusals + 1, --v->refusals_n * sizeof(v->refusals[0]));
		put_header(v, &chain, h);
		done = 1;
	}
	for (size_t i = 0; i < VSOCK_CONNECTIONS_MAX; i++) {
		struct conn *c = v->conns[(v->next_turn + i) % VSOCK_CONNECTIONS_MAX];

		if (!c || !conn_wants_to_send(c))
			continue;
		r = vu_ring_pop(&v->device, VU_RX, &chain);
		if (r < 0 || (r > 0 && chain.bytes <= sizeof(struct virtio_vsock_hdr)))
			return -EPROTO;
		if (r == 0) {
			/* Whoever found no buffer is the first when there is one again. */
			v->next_turn = (v->next_turn + i) % VSOCK_CONNECTIONS_MAX;
			return done;
		}
		if (conn_send(c, &chain))
			done = 1;
		else
			vu_ring_unpop(&v->device, VU_RX);
	}
	return done;
}

int vsock_pump(struct vsock *v)
{
	int from, to;

	do {
		from = pump_from_guest(v);
		for (size_t i = 0; i < VSOCK_CONNECTIONS_MAX; i++) {
			struct conn *c = v->conns[i];

			if (c && c->state == CONN_READING_LINE && c->is_readable)
				conn_read_line(c);
			else if (c && c->state == CONN_OPEN)
				conn_flush(c);
		}
		to = from < 0 ? 0 : pump_to_guest(v);
	} while (from > 0 || to > 0);
	vu_ring_notify(&v->device, VU_TX);
	vu_ring_notify(&v->device, VU_RX);
	return from < 0 || to < 0 ? -EPROTO : 0;
}

void vsock_reset(struct vsock *v)
{
	for (size_t i = 0; i < VSOCK_CONNECTIONS_MAX; i++)
		if (v->conns[i])
			conn_kill(v->conns[i]);
	v->refusals_n = 0;
}

uint64_t vsock_tidy(struct vsock *v)
{
	uint64_t now = now_msec(), next = 0;

	for (size_t i = 0; i < VSOCK_CONNECTIONS_MAX; i++) {
		struct conn *c = v->conns[i];

		if (c && c->deadline_msec > 0 && now >= c->deadline_msec)
			conn_abort(c);
		if (c && c->state == CONN_DEAD) {
			close_fdp(&c->fd);
			free(c->buffer);
			free(c);
			v->conns[i] = NULL;
		} else if (c && c->deadline_msec > 0 && (next == 0 || c->deadline_msec < next)) {
			next = c->deadline_msec;
		}
	}
	return next;
}
