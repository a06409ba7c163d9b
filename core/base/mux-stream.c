// SPDX-License-Identifier: Apache-2.0
#include "base/mux-internal.h"

#include "base/fd.h"

#include <endian.h>
#include <sys/socket.h>

struct mux_stream *stream_find(struct mux *m, uint32_t number)
{
	LIST_FOREACH (s, &m->streams, struct mux_stream, link)
		if (s->number == number && number != 0)
			return s;
	return NULL;
}

void stream_free(struct mux_stream *s)
{
	list_remove(&s->link);
	s->mux->n_streams--;
	source_free(s->source);
	fd_close(s->fd);
	strbuf_done(&s->rest);
	free(s);
}

/* Tells the other end and forgets the stream. */
static void stream_reset(struct mux_stream *s, const char *reason)
{
	if (s->number != 0)
		mux_frame(s->mux, s->number, MUX_RESET, reason, strlen(reason));
	stream_free(s);
}

static bool stream_wants_input(const struct mux_stream *s)
{
	return s->number != 0 && !s->local_end && s->credit > 0 &&
	       mux_out_pending(s->mux) < MUX_OUT_HIGH;
}

/* What to watch for; frees a stream that is complete. */
static void stream_update(struct mux_stream *s)
{
	bool in = stream_wants_input(s), out = s->rest.size > 0;
	int r;

	if (s->remote_end && !out && !s->shut) {
		s->shut = true;
		(void) shutdown(s->fd, SHUT_WR);
	}
	if (!out && s->remote_end && (s->local_end || s->number == 0)) {
		stream_free(s);
		return;
	}
	r = source_set_events(s->source, (in ? EPOLLIN : 0U) | (out ? EPOLLOUT : 0U));
	/* A socket that hung up while we may not read it would be reported for ever. At its end a
	 * hang-up is news. */
	if (r >= 0)
		r = source_set_state(s->source, in || out || s->local_end ? SOURCE_ON : SOURCE_OFF);
	if (r < 0)
		stream_reset(s, "out of resources");
}

void streams_update(struct mux *m)
{
	LIST_FOREACH (s, &m->streams, struct mux_stream, link)
		stream_update(s);
}

/* Writes to the socket; -errno if it is closed. */
static int stream_deliver(struct mux_stream *s, const char *data, size_t size, size_t *ret_written)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = send(s->fd, data + done, size - done, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			return -errno;
		done += (size_t) n;
	}
	*ret_written = done;
	s->delivered += (uint32_t) done;
	/* In portions, not a frame for every byte. */
	if (s->number != 0 && !s->remote_end && s->delivered >= MUX_WINDOW / 2) {
		uint32_t bytes = htole32(s->delivered);

		mux_frame(s->mux, s->number, MUX_CREDIT, &bytes, sizeof(bytes));
		s->delivered = 0;
	}
	return 0;
}

static int stream_deliver_rest(struct mux_stream *s)
{
	size_t n;
	int r;

	r = stream_deliver(s, s->rest.data, s->rest.size, &n);
	if (r < 0)
		return r;
	if (n == s->rest.size)
		strbuf_done(&s->rest);
	else
		strbuf_consume(&s->rest, n);
	return 0;
}

/* One frame's worth from the socket; others have their turn then. Returns -errno if the stream is
 * to be reset. */
static int stream_read(struct mux_stream *s)
{
	char data[MUX_PAYLOAD_MAX];
	ssize_t n;

	do
		n = recv(s->fd, data, MIN(sizeof(data), (size_t) s->credit), MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (n == 0) {
		s->local_end = true;
		mux_frame(s->mux, s->number, MUX_CLOSE, NULL, 0);
		return 0;
	}
	s->credit -= (uint32_t) n;
	mux_frame(s->mux, s->number, MUX_DATA, data, (size_t) n);
	return 0;
}

static int on_socket(struct source *source _unused_, int fd _unused_, uint32_t revents,
                     void *userdata)
{
	struct mux_stream *s = userdata;
	struct mux *m = s->mux;
	int r = 0;

	if (s->rest.size > 0 && (revents & (EPOLLOUT | EPOLLHUP | EPOLLERR)))
		r = stream_deliver_rest(s);
	if (r >= 0 && stream_wants_input(s) && (revents & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		r = stream_read(s);
	/* Both directions are closed: the other end need not send any more. */
	if (r >= 0 && s->local_end && (revents & (EPOLLHUP | EPOLLERR)))
		r = -EPIPE;
	if (r < 0)
		stream_reset(s, "closed");
	else
		stream_update(s);
	mux_flush(m);
	return 0;
}

int stream_new(struct mux *m, uint32_t number, int fd)
{
	struct mux_stream *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	*s = (struct mux_stream){.mux = m, .fd = fd, .number = number, .credit = MUX_WINDOW};
	s->rest.max = MUX_WINDOW;
	r = loop_add_io(m->loop, fd, EPOLLIN, "mux-stream", on_socket, s, &s->source);
	if (r < 0) {
		free(s);
		return r;
	}
	list_append(&m->streams, &s->link);
	m->n_streams++;
	return 0;
}

void streams_drop(struct mux *m)
{
	LIST_FOREACH (s, &m->streams, struct mux_stream, link) {
		s->number = 0;
		if (s->rest.size > 0)
			(void) stream_deliver_rest(s);
		stream_free(s);
	}
}

void stream_on_data(struct mux_stream *s, const void *data, size_t size)
{
	size_t n = 0;
	int r = 0;

	if (s->remote_end || size > MUX_WINDOW - s->delivered - s->rest.size) {
		stream_reset(s, "protocol error");
		return;
	}
	if (s->rest.size == 0)
		r = stream_deliver(s, data, size, &n);
	if (r >= 0 && n < size) {
		strbuf_add(&s->rest, (const char *) data + n, size - n);
		r = s->rest.error;
	}
	if (r < 0)
		stream_reset(s, "closed");
	else
		stream_update(s);
}

void stream_on_close(struct mux_stream *s)
{
	s->remote_end = true;
	stream_update(s);
}

void stream_on_reset(struct mux_stream *s)
{
	/* The link knows it no more; what came before is still delivered. */
	s->number = 0;
	s->remote_end = true;
	stream_update(s);
}

void stream_on_credit(struct mux_stream *s, uint32_t bytes)
{
	if (bytes > MUX_WINDOW - s->credit) {
		stream_reset(s, "protocol error");
		return;
	}
	s->credit += bytes;
	stream_update(s);
}
