// SPDX-License-Identifier: Apache-2.0
#include "base/mux.h"

#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "check.h"

#include <endian.h>
#include <poll.h>
#include <sys/socket.h>

#define SECOND USEC_PER_SEC

/*
 * Host and guest are joined by a "wire": two socketpairs between which the test carries bytes in
 * random portions, and may lose or add some. Every stream that the guest accepts is an echo: what
 * comes is sent back.
 */
struct end {
	struct mux *mux;
	int wire; /* the test's side of its port */
	unsigned ups, downs;
};

struct echo {
	struct loop *loop;
	struct source *source;
	int fd;
	char rest[65536];
	size_t size;
};

struct world {
	struct loop *loop;
	struct end host, guest;
	unsigned seed;
	size_t chunk_max;
	struct strbuf to_host, to_guest;
	unsigned opened, refused;
	struct echo *echoes[256];
	unsigned n_echoes;
};

static void on_link(struct mux *m, bool up, void *userdata)
{
	struct world *w = userdata;
	struct end *e = m == w->guest.mux ? &w->guest : &w->host;

	e->ups += up;
	e->downs += !up;
}

static int on_echo(struct source *s, int fd, uint32_t revents, void *userdata)
{
	struct echo *e = userdata;
	ssize_t n;

	(void) revents;
	if (e->size < sizeof(e->rest)) {
		n = recv(fd, e->rest + e->size, sizeof(e->rest) - e->size, MSG_DONTWAIT);
		if (n > 0)
			e->size += (size_t) n;
		if (n == 0 && e->size == 0) {
			source_set_state(s, SOURCE_OFF);
			shutdown(fd, SHUT_WR);
			return 0;
		}
	}
	n = send(fd, e->rest, e->size, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0) {
		memmove(e->rest, e->rest + n, e->size - (size_t) n);
		e->size -= (size_t) n;
	}
	if (n < 0 && errno != EAGAIN)
		source_set_state(s, SOURCE_OFF);
	else
		source_set_events(s, (e->size < sizeof(e->rest) ? EPOLLIN : 0U) |
		                             (e->size > 0 ? EPOLLOUT : 0U));
	return 0;
}

static int on_open(struct mux *m, const char *service, void *userdata)
{
	struct world *w = userdata;
	struct echo *e;
	int pair[2];

	(void) m;
	if (!streq(service, "echo")) {
		w->refused++;
		return -ENOENT;
	}
	if (w->n_echoes >= ELEMENTSOF(w->echoes) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) < 0)
		return -EMFILE;
	e = calloc(1, sizeof(*e));
	e->fd = pair[0];
	(void) loop_add_io(w->loop, pair[0], EPOLLIN, "echo", on_echo, e, &e->source);
	w->echoes[w->n_echoes++] = e;
	w->opened++;
	return pair[1];
}

static void end_new(struct world *w, struct end *e, enum mux_side side)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0 ||
	    mux_new(w->loop, pair[0], side, on_open, on_link, w, &e->mux) < 0)
		abort();
	e->wire = pair[1];
}

static void end_free(struct end *e)
{
	e->mux = mux_free(e->mux);
	e->wire = fd_close(e->wire);
}

static void world_new(struct world *w, size_t chunk_max)
{
	const char *seed = getenv("SEED");

	*w = (struct world){.seed = seed ? (unsigned) atoi(seed) : 1, .chunk_max = chunk_max};
	if (loop_new(&w->loop) < 0)
		abort();
	end_new(w, &w->host, MUX_HOST);
	end_new(w, &w->guest, MUX_GUEST);
}

static void world_free(struct world *w)
{
	end_free(&w->host);
	end_free(&w->guest);
	for (unsigned i = 0; i < w->n_echoes; i++) {
		source_free(w->echoes[i]->source);
		close(w->echoes[i]->fd);
		free(w->echoes[i]);
	}
	strbuf_done(&w->to_host);
	strbuf_done(&w->to_guest);
	loop_free(w->loop);
}

/* Moves a portion from @from to the buffer and of the buffer to @to. True if anything moved. */
static bool carry(struct world *w, int from, struct strbuf *b, int to)
{
	char chunk[65536];
	ssize_t n = -1, sent = -1;

	if (b->size < 262144 && from >= 0)
		n = recv(from, chunk, sizeof(chunk), MSG_DONTWAIT);
	if (n > 0)
		strbuf_add(b, chunk, (size_t) n);
	if (b->size > 0 && to >= 0)
		sent = send(to, b->data, MIN(b->size, 1 + (size_t) rand_r(&w->seed) % w->chunk_max),
		            MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent > 0)
		strbuf_consume(b, (size_t) sent);
	return n > 0 || sent > 0;
}

/* One round of everything; false if nothing moved. */
static bool turn(struct world *w)
{
	bool moved = false;

	while (loop_run_once(w->loop, 0) > 0)
		moved = true;
	moved |= carry(w, w->host.wire, &w->to_guest, w->guest.wire);
	moved |= carry(w, w->guest.wire, &w->to_host, w->host.wire);
	return moved;
}

static void settle(struct world *w)
{
	while (turn(w))
		;
}

/* Until both ends are up; HELLOs may have to be repeated by the clock. */
static bool bring_up(struct world *w)
{
	usec_t end = now(CLOCK_MONOTONIC) + 20 * SECOND;

	while (!(mux_is_up(w->host.mux) && mux_is_up(w->guest.mux))) {
		settle(w);
		if (now(CLOCK_MONOTONIC) > end)
			return false;
		if (!(mux_is_up(w->host.mux) && mux_is_up(w->guest.mux)))
			(void) loop_run_once(w->loop, 100000);
	}
	return true;
}

/* Sends @size pseudo-random bytes over @fd and compares the echo; 0 if all came back. */
static size_t echo_bytes(struct world *w, int fd, size_t size)
{
	unsigned out = 1, in = 1;
	size_t sent = 0, got = 0;
	char buf[5000];

	while (got < size) {
		bool moved = turn(w);
		ssize_t n = (ssize_t) MIN(sizeof(buf), size - sent);

		if (n > 0) {
			unsigned keep = out;

			for (ssize_t i = 0; i < n; i++)
				buf[i] = (char) rand_r(&keep);
			n = send(fd, buf, (size_t) n, MSG_DONTWAIT | MSG_NOSIGNAL);
			for (ssize_t i = 0; i < n; i++)
				(void) rand_r(&out);
			if (n > 0)
				sent += (size_t) n;
			moved |= n > 0;
		}
		n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		for (ssize_t i = 0; i < n; i++)
			if (buf[i] != (char) rand_r(&in))
				return size - got;
		if (n == 0)
			break;
		if (n > 0)
			got += (size_t) n;
		else if (!moved)
			break;
	}
	return size - got;
}

/* True if the socket is at its end. */
static bool at_end(int fd)
{
	char c;

	return recv(fd, &c, 1, MSG_DONTWAIT) == 0;
}

TEST(mux__both_ends_come_up)
{
	struct world w;

	world_new(&w, 65536);
	CHECK_INT(mux_open_socket(w.host.mux, "echo"), ==, -ENOTCONN);
	settle(&w);
	CHECK(mux_is_up(w.host.mux) && mux_is_up(w.guest.mux));
	CHECK_INT(w.host.ups + w.guest.ups, ==, 2);
	CHECK_INT(w.host.downs + w.guest.downs, ==, 0);
	world_free(&w);
}

TEST(mux__bytes_arrive_whatever_the_portions)
{
	static const size_t chunks[] = {1, 7, 100, 4096, 65536};

	for (size_t i = 0; i < ELEMENTSOF(chunks); i++) {
		struct world w;
		int fd;

		world_new(&w, chunks[i]);
		CHECK(bring_up(&w));
		fd = mux_open_socket(w.host.mux, "echo");
		CHECK_INT(fd, >=, 0);
		CHECK_INT(echo_bytes(&w, fd, chunks[i] < 50 ? 3000 : 600000), ==, 0);
		CHECK_INT(w.opened, ==, 1);
		CHECK_INT(mux_garbage(w.guest.mux), ==, MUX_PAYLOAD_MAX);
		close(fd);
		settle(&w);
		world_free(&w);
	}
}

TEST(mux__guest_opens_streams_too)
{
	struct world w;
	int fd, fd2;

	world_new(&w, 3000);
	CHECK(bring_up(&w));
	fd = mux_open_socket(w.guest.mux, "echo");
	fd2 = mux_open_socket(w.host.mux, "echo");
	CHECK_INT(echo_bytes(&w, fd, 100000), ==, 0);
	CHECK_INT(echo_bytes(&w, fd2, 100000), ==, 0);
	close(fd);
	close(fd2);
	world_free(&w);
}

TEST(mux__unknown_service_is_refused)
{
	struct world w;
	int fd;

	world_new(&w, 3000);
	CHECK(bring_up(&w));
	CHECK_INT(mux_open_socket(w.host.mux, ""), ==, -EINVAL);
	CHECK_INT(mux_open_socket(w.host.mux, "a b"), ==, -EINVAL);
	fd = mux_open_socket(w.host.mux, "none");
	CHECK_INT(fd, >=, 0);
	settle(&w);
	CHECK_INT(w.refused, ==, 1);
	CHECK(at_end(fd));
	close(fd);
	CHECK(mux_is_up(w.host.mux));
	world_free(&w);
}

TEST(mux__half_close_lets_the_answer_come)
{
	struct world w;
	char buf[16];
	int fd;

	world_new(&w, 3000);
	CHECK(bring_up(&w));
	fd = mux_open_socket(w.host.mux, "echo");
	CHECK_INT(send(fd, "question", 8, 0), ==, 8);
	CHECK_INT(shutdown(fd, SHUT_WR), ==, 0);
	settle(&w);
	CHECK_INT(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), ==, 8);
	settle(&w);
	CHECK(at_end(fd));
	close(fd);
	settle(&w);
	world_free(&w);
}

TEST(mux__closing_reaches_the_other_end_with_all_bytes)
{
	struct world w;
	int fd;

	world_new(&w, 3000);
	CHECK(bring_up(&w));
	fd = mux_open_socket(w.host.mux, "echo");
	CHECK_INT(send(fd, "last words", 10, 0), ==, 10);
	close(fd);
	settle(&w);
	/* The echo has had them all and saw the end, though nobody was there to hear it. */
	CHECK_INT(w.n_echoes, ==, 1);
	CHECK_INT(w.echoes[0]->size, ==, 10);
	CHECK_INT(source_get_state(w.echoes[0]->source), ==, SOURCE_OFF);
	settle(&w);
	world_free(&w);
}

TEST(mux__streams_are_limited)
{
	int fds[MUX_STREAMS_MAX];
	struct world w;

	world_new(&w, 65536);
	CHECK(bring_up(&w));
	for (unsigned i = 0; i < MUX_STREAMS_MAX; i++) {
		fds[i] = mux_open_socket(w.host.mux, "echo");
		CHECK_INT(fds[i], >=, 0);
	}
	CHECK_INT(mux_open_socket(w.host.mux, "echo"), ==, -EMFILE);
	for (unsigned i = 0; i < MUX_STREAMS_MAX; i++)
		CHECK_INT(echo_bytes(&w, fds[i], 2000), ==, 0);
	for (unsigned i = 0; i < MUX_STREAMS_MAX; i++)
		close(fds[i]);
	settle(&w);
	/* And all of them were given back. */
	fds[0] = mux_open_socket(w.host.mux, "echo");
	CHECK_INT(fds[0], >=, 0);
	CHECK_INT(echo_bytes(&w, fds[0], 2000), ==, 0);
	close(fds[0]);
	world_free(&w);
}

TEST(mux__a_stream_that_is_not_read_does_not_hold_up_others)
{
	static char block[65536];
	struct world w;
	size_t stuck = 0;
	int lazy, fd;
	ssize_t n;

	world_new(&w, 65536);
	CHECK(bring_up(&w));
	lazy = mux_open_socket(w.host.mux, "echo");
	/* Its echo comes back to a socket that nobody reads. */
	for (unsigned idle = 0; idle < 3;) {
		n = send(lazy, block, sizeof(block), MSG_DONTWAIT);
		idle = n > 0 ? 0 : idle + 1;
		stuck += n > 0 ? (size_t) n : 0;
		settle(&w);
		CHECK_INT(stuck, <, 8U << 20);
	}
	CHECK_INT(stuck, >, MUX_WINDOW);
	fd = mux_open_socket(w.host.mux, "echo");
	CHECK_INT(echo_bytes(&w, fd, 300000), ==, 0);
	close(lazy);
	settle(&w);
	CHECK_INT(echo_bytes(&w, fd, 300000), ==, 0);
	close(fd);
	world_free(&w);
}

TEST(mux__host_reconnects_in_the_middle_of_a_frame)
{
	struct world w;

	world_new(&w, 1000);
	CHECK(bring_up(&w));
	for (unsigned round = 0; round < 5; round++) {
		static char block[30000];
		int fd = mux_open_socket(w.host.mux, "echo"), fd2;

		CHECK_INT(send(fd, block, sizeof(block), 0), ==, sizeof(block));
		for (unsigned i = 0; i < 8 + round; i++)
			(void) turn(&w);
		/* What was on its way may arrive, what the host had not written yet is lost. */
		end_free(&w.host);
		end_new(&w, &w.host, MUX_HOST);
		CHECK(bring_up(&w));
		fd2 = mux_open_socket(w.host.mux, "echo");
		CHECK_INT(fd2, >=, 0);
		CHECK_INT(echo_bytes(&w, fd2, 50000), ==, 0);
		close(fd);
		close(fd2);
		settle(&w);
	}
	CHECK_INT(w.guest.downs, >=, 5);
	CHECK_INT(w.guest.ups, ==, w.guest.downs + 1);
	world_free(&w);
}

TEST(mux__guest_restarts)
{
	struct world w;
	int fd;

	world_new(&w, 1000);
	CHECK(bring_up(&w));
	fd = mux_open_socket(w.host.mux, "echo");
	CHECK_INT(echo_bytes(&w, fd, 5000), ==, 0);
	end_free(&w.guest);
	end_new(&w, &w.guest, MUX_GUEST);
	CHECK(bring_up(&w));
	/* The old stream is gone for the host, too. */
	CHECK(at_end(fd));
	close(fd);
	CHECK_INT(w.host.downs, ==, 1);
	CHECK_INT(w.host.ups, ==, 2);
	fd = mux_open_socket(w.host.mux, "echo");
	CHECK_INT(echo_bytes(&w, fd, 5000), ==, 0);
	close(fd);
	world_free(&w);
}

TEST(mux__garbage_restarts_the_link_and_is_counted)
{
	struct world w;
	int fd, fd2;

	world_new(&w, 500);
	CHECK(bring_up(&w));
	for (unsigned round = 0; round < 20; round++) {
		uint64_t before = mux_garbage(w.guest.mux);
		char garbage[300];
		size_t size = 1 + (size_t) rand_r(&w.seed) % sizeof(garbage);

		fd = mux_open_socket(w.host.mux, "echo");
		CHECK_INT(echo_bytes(&w, fd, 3000), ==, 0);
		for (size_t i = 0; i < size; i++)
			garbage[i] = (char) rand_r(&w.seed);
		if (round % 2)
			memcpy(garbage, MUX_MAGIC, MIN(size, 4U));
		strbuf_add(&w.to_guest, garbage, size);
		settle(&w);
		/* Something has to follow before a piece of a frame can be seen to be none. */
		(void) send(fd, garbage, size, MSG_NOSIGNAL);
		settle(&w);
		CHECK(bring_up(&w));
		/* A fake header can only have swallowed bytes of its own stream, which then was
		 * torn down. */
		fd2 = mux_open_socket(w.host.mux, "echo");
		if (echo_bytes(&w, fd2, 20000) > 0) {
			close(fd2);
			CHECK(bring_up(&w));
			fd2 = mux_open_socket(w.host.mux, "echo");
			CHECK_INT(echo_bytes(&w, fd2, 20000), ==, 0);
		}
		CHECK_INT(mux_garbage(w.guest.mux), >=, before);
		close(fd);
		close(fd2);
		settle(&w);
	}
	CHECK_INT(w.guest.downs, >=, 10);
	world_free(&w);
}

static int on_open_free(struct mux *m, const char *service, void *userdata)
{
	(void) service;
	*(struct mux **) userdata = mux_free(m);
	return -ENOENT;
}

static void on_link_free(struct mux *m, bool up, void *userdata)
{
	if (up)
		*(struct mux **) userdata = mux_free(m);
}

TEST(mux__callbacks_may_free_it)
{
	for (unsigned which = 0; which < 2; which++) {
		struct mux *host, *guest;
		struct loop *l;
		int pair[2], fd = -EBADF;

		CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
		CHECK_INT(loop_new(&l), ==, 0);
		CHECK_INT(mux_new(l, pair[0], MUX_HOST, NULL, NULL, NULL, &host), ==, 0);
		CHECK_INT(mux_new(l, pair[1], MUX_GUEST, on_open_free, which ? on_link_free : NULL,
		                  &guest, &guest),
		          ==, 0);
		while (loop_run_once(l, 1000) > 0)
			;
		if (!which) {
			fd = mux_open_socket(host, "x");
			CHECK_INT(fd, >=, 0);
			while (loop_run_once(l, 1000) > 0)
				;
			CHECK(at_end(fd));
		}
		CHECK(!guest);
		CHECK(!mux_is_up(host));
		close(fd);
		mux_free(host);
		loop_free(l);
	}
}

/* Frames made by hand against one mux. */
static void put_frame(struct strbuf *b, uint32_t stream, uint8_t type, const void *data,
                      uint16_t size)
{
	uint32_t number = htole32(stream);
	uint16_t length = htole16(size);
	uint8_t kind[2] = {type, 0};

	strbuf_add(b, MUX_MAGIC, 4);
	strbuf_add(b, &number, 4);
	strbuf_add(b, kind, 2);
	strbuf_add(b, &length, 2);
	strbuf_add(b, data, size);
}

TEST(mux__who_breaks_the_window_is_reset)
{
	static char block[MUX_PAYLOAD_MAX];
	auto_strbuf struct strbuf b = {0};
	struct world w = {.seed = 1, .chunk_max = 1};
	char in[MUX_PAYLOAD_MAX + 2 * (MUX_HEADER_SIZE + MUX_NONCE_SIZE) + 64];
	ssize_t n;

	CHECK_INT(loop_new(&w.loop), ==, 0);
	w.host.wire = -EBADF;
	end_new(&w, &w.guest, MUX_GUEST);
	n = recv(w.guest.wire, in, sizeof(in), 0);
	CHECK_INT(n, ==, MUX_PAYLOAD_MAX + MUX_HEADER_SIZE + MUX_NONCE_SIZE);
	put_frame(&b, 0, MUX_HELLO_ACK, in + n - MUX_NONCE_SIZE, MUX_NONCE_SIZE);
	put_frame(&b, 0, MUX_HELLO_ACK, in + n - MUX_NONCE_SIZE, MUX_NONCE_SIZE);
	put_frame(&b, 1, MUX_OPEN, "echo", 4);
	CHECK_INT(send(w.guest.wire, b.data, b.size, 0), ==, b.size);
	while (loop_run_once(w.loop, 0) > 0)
		;
	CHECK(mux_is_up(w.guest.mux));
	CHECK_INT(w.guest.ups, ==, 1);
	CHECK_INT(w.opened, ==, 1);
	/* The echo is stopped, so that nothing is given back. */
	source_set_state(w.echoes[0]->source, SOURCE_OFF);
	for (unsigned i = 0; i < 300; i++) {
		strbuf_done(&b);
		put_frame(&b, 1, MUX_DATA, block, sizeof(block));
		for (size_t done = 0; done < b.size;) {
			n = send(w.guest.wire, b.data + done, b.size - done, MSG_DONTWAIT);
			done += n > 0 ? (size_t) n : 0;
			while (loop_run_once(w.loop, 0) > 0)
				;
		}
	}
	n = 0;
	for (ssize_t k; (k = recv(w.guest.wire, in, sizeof(in), MSG_DONTWAIT)) > 0; n = k)
		;
	CHECK_INT(n, >=, MUX_HEADER_SIZE);
	CHECK(memmem(in, (size_t) n, "protocol error", 14));
	world_free(&w);
}

TEST(mux__a_repeated_hello_drops_nothing_a_new_one_everything)
{
	auto_strbuf struct strbuf b = {0};
	struct world w = {.seed = 1, .chunk_max = 1};
	char in[MUX_PAYLOAD_MAX + 1024];
	ssize_t n;

	CHECK_INT(loop_new(&w.loop), ==, 0);
	w.host.wire = -EBADF;
	end_new(&w, &w.guest, MUX_GUEST);
	n = recv(w.guest.wire, in, sizeof(in), 0);
	CHECK_INT(n, ==, MUX_PAYLOAD_MAX + MUX_HEADER_SIZE + MUX_NONCE_SIZE);
	put_frame(&b, 0, MUX_HELLO, "0123456789abcdef", MUX_NONCE_SIZE);
	put_frame(&b, 0, MUX_HELLO_ACK, in + n - MUX_NONCE_SIZE, MUX_NONCE_SIZE);
	put_frame(&b, 1, MUX_OPEN, "echo", 4);
	put_frame(&b, 0, MUX_HELLO, "0123456789abcdef", MUX_NONCE_SIZE);
	put_frame(&b, 1, MUX_DATA, "still here", 10);
	CHECK_INT(send(w.guest.wire, b.data, b.size, 0), ==, b.size);
	while (loop_run_once(w.loop, 0) > 0)
		;
	CHECK_INT(w.guest.downs, ==, 0);
	n = recv(w.guest.wire, in, sizeof(in), 0);
	CHECK_INT(n, ==, 2 * (MUX_HEADER_SIZE + MUX_NONCE_SIZE) + MUX_HEADER_SIZE + 10);
	CHECK(memmem(in, (size_t) n, "still here", 10));
	strbuf_done(&b);
	put_frame(&b, 0, MUX_HELLO, "fedcba9876543210", MUX_NONCE_SIZE);
	put_frame(&b, 1, MUX_DATA, "stale", 5);
	CHECK_INT(send(w.guest.wire, b.data, b.size, 0), ==, b.size);
	while (loop_run_once(w.loop, 0) > 0)
		;
	CHECK_INT(w.guest.downs, ==, 1);
	CHECK_INT(w.guest.ups, ==, 2);
	n = recv(w.guest.wire, in, sizeof(in), 0);
	CHECK_INT(n, ==, MUX_HEADER_SIZE + MUX_NONCE_SIZE);
	world_free(&w);
}
