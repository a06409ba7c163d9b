// SPDX-License-Identifier: Apache-2.0
#include "base/mux-internal.h"

#include "base/fd.h"
#include "base/id128.h"
#include "base/log.h"
#include "base/sys.h"

#include <endian.h>

#define READ_CHUNK       16384U
#define READ_ROUNDS      8U
#define RETRY_FIRST_USEC USEC_PER_SEC
#define RETRY_MAX_SHIFT  3U
#define PADDED_EVERY     4U /* attempts */

struct frame {
	uint32_t stream;
	uint8_t type;
	uint16_t size;
	const char *data;
};

size_t mux_out_pending(const struct mux *m)
{
	return m->out.size - m->out_start;
}

bool mux_is_up(const struct mux *m)
{
	return m->up;
}

uint64_t mux_garbage(const struct mux *m)
{
	return m->garbage;
}

void mux_frame(struct mux *m, uint32_t stream, enum mux_frame_type type, const void *data,
               size_t size)
{
	uint8_t header[MUX_HEADER_SIZE] = MUX_MAGIC;
	uint32_t number = htole32(stream);
	uint16_t length = htole16((uint16_t) size);

	memcpy(header + 4, &number, sizeof(number));
	header[8] = (uint8_t) type;
	memcpy(header + 10, &length, sizeof(length));
	strbuf_add(&m->out, header, sizeof(header));
	strbuf_add(&m->out, data, size);
	/* A frame that is missing would be noticed by nobody: start over. */
	if (m->out.error < 0)
		m->broken = true;
}

/* On a socket without SIGPIPE; a character device knows no send(). */
static ssize_t port_write(int fd, const void *data, size_t size)
{
	ssize_t n = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n >= 0)
		return n;
	return errno == ENOTSOCK ? sys_write(fd, data, size) : -errno;
}

/* Writes what the port takes. Trouble is left to the loop, since we may be in the middle of the
 * owner's call. */
void mux_flush(struct mux *m)
{
	while (!m->away && !m->broken && mux_out_pending(m) > 0) {
		ssize_t n = port_write(m->fd, m->out.data + m->out_start, mux_out_pending(m));

		if (n == -EINTR)
			continue;
		if (n == -EAGAIN || n == 0 || n == -ENOTCONN)
			break;
		if (n < 0)
			m->broken = true;
		else
			m->out_start += (size_t) n;
	}
	if (mux_out_pending(m) == 0) {
		strbuf_done(&m->out);
		m->out_start = 0;
	} else if (m->out_start > MUX_OUT_HIGH) {
		strbuf_consume(&m->out, m->out_start);
		m->out_start = 0;
	}
	if (m->broken || (m->read_stopped && mux_out_pending(m) < MUX_OUT_HIGH))
		(void) source_set_state(m->more, SOURCE_ONESHOT);
}

static void send_hello(struct mux *m)
{
	static const char zeros[MUX_PAYLOAD_MAX];
	unsigned shift = MIN(m->attempts, RETRY_MAX_SHIFT);

	/* While the last one has not gone out there is no use in another. */
	if (mux_out_pending(m) == 0 || m->attempts == 0) {
		if (m->attempts % PADDED_EVERY == 0)
			strbuf_add(&m->out, zeros, sizeof(zeros));
		mux_frame(m, 0, MUX_HELLO, m->nonce, sizeof(m->nonce));
		m->attempts++;
	}
	(void) source_set_time(m->retry, usec_add(now(CLOCK_MONOTONIC), RETRY_FIRST_USEC << shift));
	mux_flush(m);
}

static int on_retry(struct source *s _unused_, usec_t deadline _unused_, void *userdata)
{
	send_hello(userdata);
	return 0;
}

/* The callbacks may free the mux: its owner's word is final, the memory goes when we have left it.
 */
static void tell_link(struct mux *m, bool up)
{
	if (m->link_fn && !m->freed)
		m->link_fn(m, up, m->userdata);
}

/* A new HELLO; until it is answered nothing else counts. */
static void link_start(struct mux *m)
{
	bool was_up = m->up;
	struct id128 id;
	int r;

	m->up = false;
	m->attempts = 0;
	streams_drop(m);
	r = id128_random(&id);
	if (r < 0) {
		log_debug_errno(r, "No random bytes for the link, trying later: %m");
		(void) source_set_time(m->retry, usec_add(now(CLOCK_MONOTONIC), RETRY_FIRST_USEC));
	} else {
		memcpy(m->nonce, id.bytes, sizeof(m->nonce));
		send_hello(m);
	}
	if (was_up)
		tell_link(m, false);
}

static void link_away(struct mux *m)
{
	bool was_up = m->up;

	m->up = false;
	m->away = true;
	m->broken = false;
	m->heard = false;
	m->read_stopped = false;
	streams_drop(m);
	strbuf_done(&m->in);
	strbuf_done(&m->out);
	m->out_start = 0;
	(void) source_set_time(m->retry, USEC_INFINITY);
	if (was_up)
		tell_link(m, false);
}

static void on_hello(struct mux *m, const struct frame *f)
{
	bool again = m->heard && memcmp(m->peer_nonce, f->data, MUX_NONCE_SIZE) == 0;

	mux_frame(m, 0, MUX_HELLO_ACK, f->data, MUX_NONCE_SIZE);
	if (again)
		return;
	memcpy(m->peer_nonce, f->data, MUX_NONCE_SIZE);
	m->heard = true;
	streams_drop(m);
	/* To the owner a link that was restarted is a new one. */
	if (m->up)
		tell_link(m, false);
	if (m->up && !m->freed)
		tell_link(m, true);
}

static void on_ack(struct mux *m, const struct frame *f)
{
	if (m->up || memcmp(m->nonce, f->data, MUX_NONCE_SIZE) != 0)
		return;
	m->up = true;
	(void) source_set_time(m->retry, USEC_INFINITY);
	tell_link(m, true);
}

static bool service_is_valid(const char *name, size_t size)
{
	if (size == 0 || size > MUX_SERVICE_MAX)
		return false;
	for (size_t i = 0; i < size; i++)
		if (name[i] <= ' ' || name[i] > '~')
			return false;
	return true;
}

static void refuse_open(struct mux *m, uint32_t stream, int error)
{
	const char *reason = strerrordesc_np(-error) ?: "refused";

	mux_frame(m, stream, MUX_RESET, reason, strlen(reason));
}

static void on_open(struct mux *m, const struct frame *f)
{
	bool theirs = (f->stream % 2 == 1) == (m->side == MUX_GUEST);
	char name[MUX_SERVICE_MAX + 1];
	int fd, r;

	if (!theirs || f->stream == 0 || stream_find(m, f->stream) ||
	    !service_is_valid(f->data, f->size)) {
		refuse_open(m, f->stream, -EPROTO);
		return;
	}
	if (m->n_streams >= MUX_STREAMS_MAX) {
		refuse_open(m, f->stream, -EMFILE);
		return;
	}
	memcpy(name, f->data, f->size);
	name[f->size] = 0;
	fd = m->open_fn ? m->open_fn(m, name, m->userdata) : -ENOENT;
	if (m->freed) {
		fd_close(fd);
		return;
	}
	r = fd < 0 ? fd : stream_new(m, f->stream, fd);
	if (r < 0) {
		fd_close(fd);
		refuse_open(m, f->stream, r);
	}
}

static void on_stream_frame(struct mux *m, const struct frame *f)
{
	struct mux_stream *s = stream_find(m, f->stream);
	uint32_t bytes;

	/* It may have been reset by us while this was on its way. */
	if (!s)
		return;
	switch (f->type) {
	case MUX_DATA:
		stream_on_data(s, f->data, f->size);
		break;
	case MUX_CLOSE:
		stream_on_close(s);
		break;
	case MUX_RESET:
		stream_on_reset(s);
		break;
	case MUX_CREDIT:
		if (f->size != sizeof(bytes))
			break;
		memcpy(&bytes, f->data, sizeof(bytes));
		stream_on_credit(s, le32toh(bytes));
		break;
	default: /* of a later version */
		break;
	}
}

static void on_frame(struct mux *m, const struct frame *f)
{
	if (f->type == MUX_HELLO)
		on_hello(m, f);
	else if (f->type == MUX_HELLO_ACK)
		on_ack(m, f);
	else if (!m->up)
		return; /* stale */
	else if (f->type == MUX_OPEN)
		on_open(m, f);
	else
		on_stream_frame(m, f);
}

static void skip(struct mux *m, size_t *at, size_t n)
{
	m->garbage += n;
	*at += n;
}

/* 1 and a frame at @at, 0 if more bytes are needed, -EBADMSG if none begins there. */
static int parse_frame(const struct mux *m, size_t at, struct frame *ret)
{
	const char *p = m->in.data + at;
	size_t have = m->in.size - at;
	bool is_hello;
	uint16_t size;

	if (memcmp(p, MUX_MAGIC, MIN(have, 4U)) != 0)
		return -EBADMSG;
	if (have < MUX_HEADER_SIZE)
		return 0;
	memcpy(&ret->stream, p + 4, sizeof(ret->stream));
	memcpy(&size, p + 10, sizeof(size));
	ret->stream = le32toh(ret->stream);
	ret->type = (uint8_t) p[8];
	ret->size = le16toh(size);
	ret->data = p + MUX_HEADER_SIZE;
	is_hello = ret->type == MUX_HELLO || ret->type == MUX_HELLO_ACK;
	if (p[9] != 0 || ret->type == 0 || ret->size > MUX_PAYLOAD_MAX ||
	    (is_hello && (ret->size != MUX_NONCE_SIZE || ret->stream != 0)))
		return -EBADMSG;
	/* Before the link is up, what looks like another frame may be a torn one, and its size
	 * would swallow the HELLO behind it. */
	if (!m->up && !is_hello)
		return -EBADMSG;
	return have - MUX_HEADER_SIZE >= ret->size;
}

/* Handles the whole frames of the input and drops them from it. */
static void process_input(struct mux *m)
{
	size_t at = 0;

	while (!m->freed && !m->away && at < m->in.size) {
		struct frame f;
		int r = parse_frame(m, at, &f);

		if (r == 0)
			break;
		if (r > 0) {
			/* Callbacks do not touch the input, but going away drops it: the loop's
			 * condition looks. */
			at += MUX_HEADER_SIZE + f.size;
			on_frame(m, &f);
			continue;
		}
		if (m->up) {
			log_debug("Link lost its place, restarting it");
			link_start(m);
			continue;
		}
		/* Whatever begins a magic later in the buffer. */
		skip(m, &at, 1);
		while (at < m->in.size && m->in.data[at] != MUX_MAGIC[0])
			skip(m, &at, 1);
	}
	if (at >= m->in.size)
		strbuf_done(&m->in);
	else
		strbuf_consume(&m->in, at);
}

/* Reads the port until it is empty. -errno (or -EPIPE at its end) if it went away. */
static int read_port(struct mux *m)
{
	char chunk[READ_CHUNK];

	m->read_stopped = false;
	for (unsigned i = 0; i < READ_ROUNDS && !m->freed; i++) {
		ssize_t n;

		if (mux_out_pending(m) > MUX_OUT_MAX) {
			m->read_stopped = true;
			return 0;
		}
		n = sys_read(m->fd, chunk, sizeof(chunk));
		if (n == -EAGAIN)
			return 0;
		if (n == -EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? (int) n : -EPIPE;
		strbuf_add(&m->in, chunk, (size_t) n);
		if (m->in.error < 0)
			return m->in.error;
		process_input(m);
		mux_flush(m);
	}
	/* Others' turn; an edge-triggered port does not tell again. */
	return m->freed ? 0 : source_set_state(m->more, SOURCE_ONESHOT);
}

static void mux_destroy(struct mux *m)
{
	streams_drop(m);
	source_free(m->source);
	source_free(m->retry);
	source_free(m->more);
	strbuf_done(&m->in);
	strbuf_done(&m->out);
	fd_close(m->fd);
	free(m);
}

static void mux_turn(struct mux *m, bool hung_up)
{
	int r = 0;

	m->busy++;
	if (m->away && !hung_up) {
		m->away = false;
		link_start(m);
	}
	if (m->broken)
		r = -EPIPE;
	if (r >= 0 && !m->away && !m->freed)
		r = read_port(m);
	if (r >= 0 && !m->freed)
		mux_flush(m);
	if (r < 0 && !m->freed && !m->away) {
		log_debug_errno(r, "The other end of the port is away: %m");
		link_away(m);
	}
	if (!m->freed)
		streams_update(m);
	if (--m->busy == 0 && m->freed)
		mux_destroy(m);
}

static int on_port(struct source *s _unused_, int fd _unused_, uint32_t revents, void *userdata)
{
	mux_turn(userdata, revents & (EPOLLHUP | EPOLLERR));
	return 0;
}

static int on_more(struct source *s _unused_, void *userdata)
{
	struct mux *m = userdata;

	/* While away only an edge of the port can tell that it is back. */
	mux_turn(m, m->away);
	return 0;
}

int mux_new(struct loop *l, int fd, enum mux_side side, mux_open_fn open_fn, mux_link_fn link_fn,
            void *userdata, struct mux **ret)
{
	struct mux *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	*m = (struct mux){
		.loop = l,
		.fd = -EBADF,
		.side = side,
		.open_fn = open_fn,
		.link_fn = link_fn,
		.userdata = userdata,
		.next_stream = side == MUX_HOST ? 1 : 2,
	};
	list_init(&m->streams);
	r = fd_set_nonblock(fd, true);
	if (r >= 0)
		r = loop_add_time(l, CLOCK_MONOTONIC, USEC_INFINITY, USEC_PER_SEC / 4, "mux-hello",
		                  on_retry, m, &m->retry);
	if (r >= 0)
		r = loop_add_defer(l, "mux-more", on_more, m, &m->more);
	if (r >= 0)
		r = source_set_state(m->more, SOURCE_OFF);
	if (r >= 0)
		r = loop_add_io(l, fd, EPOLLIN | EPOLLOUT | EPOLLET, "mux-port", on_port, m,
		                &m->source);
	if (r < 0) {
		mux_destroy(m);
		return r;
	}
	m->fd = fd;
	link_start(m);
	*ret = m;
	return 0;
}

struct mux *mux_free(struct mux *m)
{
	if (!m || m->freed)
		return NULL;
	m->freed = true;
	if (m->busy == 0)
		mux_destroy(m);
	return NULL;
}

int mux_open(struct mux *m, const char *service, int fd)
{
	size_t size = strlen(service);
	uint32_t number;
	int r;

	if (!service_is_valid(service, size))
		return -EINVAL;
	if (!m->up || m->freed)
		return -ENOTCONN;
	if (m->n_streams >= MUX_STREAMS_MAX)
		return -EMFILE;
	r = fd_set_nonblock(fd, true);
	if (r < 0)
		return r;
	do {
		number = m->next_stream;
		m->next_stream += 2;
		if (m->next_stream < 2)
			m->next_stream = m->side == MUX_HOST ? 1 : 2;
	} while (stream_find(m, number));
	r = stream_new(m, number, fd);
	if (r < 0)
		return r;
	mux_frame(m, number, MUX_OPEN, service, size);
	mux_flush(m);
	return 0;
}

int mux_open_socket(struct mux *m, const char *service)
{
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -errno;
	r = mux_open(m, service, pair[1]);
	if (r < 0) {
		fd_close(pair[0]);
		fd_close(pair[1]);
		return r;
	}
	return pair[0];
}
