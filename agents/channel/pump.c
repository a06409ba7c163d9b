// SPDX-License-Identifier: Apache-2.0
#include "channel/channel.h"

#include <sys/socket.h>

#define PUMP_BUFFER 16384

/* One direction: what was read from an end and is not yet written to the other. */
struct half {
	char buffer[PUMP_BUFFER];
	size_t start, end;
	bool eof;
};

struct pump {
	struct channel *channel;
	int fd[2];
	struct source *source[2];
	struct half half[2]; /* [i]: from fd[i] to fd[1-i] */
};

static void pump_free(struct pump *p)
{
	p->channel->n_pumps--;
	for (int i = 0; i < 2; i++) {
		source_free(p->source[i]);
		fd_close(p->fd[i]);
	}
	free(p);
}

/* Moves what can be moved from end @i to the other. 1: go on, 0: this direction is closed, -errno.
 */
static int half_move(struct pump *p, int i)
{
	struct half *h = &p->half[i];
	ssize_t n;

	if (!h->eof && h->start == h->end) {
		n = read(p->fd[i], h->buffer, sizeof(h->buffer));
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		h->start = 0;
		h->end = n > 0 ? (size_t) n : 0;
		h->eof = n == 0;
		if (h->eof)
			shutdown(p->fd[1 - i], SHUT_WR);
	}
	if (h->start < h->end) {
		n = send(p->fd[1 - i], h->buffer + h->start, h->end - h->start,
		         MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n > 0)
			h->start += (size_t) n;
	}
	return !h->eof || h->start < h->end;
}

static uint32_t wanted(const struct pump *p, int i)
{
	const struct half *in = &p->half[i], *out = &p->half[1 - i];

	return (!in->eof && in->start == in->end ? EPOLLIN : 0U) |
	       (out->start < out->end ? EPOLLOUT : 0U);
}

static int on_pump(struct source *s, int fd, uint32_t revents, void *userdata)
{
	struct pump *p = userdata;
	int open = 0;

	(void) s, (void) fd;
	for (int i = 0; i < 2; i++) {
		int r = half_move(p, i);

		if (r < 0) {
			pump_free(p);
			return 0;
		}
		open += r;
	}
	/* With both ends gone nothing more can arrive; HUP alone is level-triggered and would spin.
	 */
	if (!open || (revents & EPOLLERR) ||
	    ((revents & EPOLLHUP) && (p->half[0].eof || p->half[1].eof))) {
		pump_free(p);
		return 0;
	}
	/* An end of which nothing is wanted rests: were it hung up, epoll would report that without end. */
	for (int i = 0; i < 2; i++) {
		source_set_events(p->source[i], wanted(p, i));
		source_set_state(p->source[i], wanted(p, i) ? SOURCE_ON : SOURCE_OFF);
	}
	return 0;
}

int pump_start(struct channel *c, int a, int b)
{
	struct pump *p = c->n_pumps < CHANNEL_STREAMS_MAX ? calloc(1, sizeof(*p)) : NULL;
	int r = 0;

	if (!p) {
		fd_close(a);
		fd_close(b);
		return c->n_pumps < CHANNEL_STREAMS_MAX ? -ENOMEM : -EMFILE;
	}
	c->n_pumps++;
	p->channel = c;
	p->fd[0] = a;
	p->fd[1] = b;
	for (int i = 0; i < 2 && r >= 0; i++)
		r = loop_add_io(c->loop, p->fd[i], EPOLLIN, "stream", on_pump, p, &p->source[i]);
	if (r < 0)
		pump_free(p);
	return r;
}
