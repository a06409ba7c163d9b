// SPDX-License-Identifier: Apache-2.0
#include "api/http-room.h"

#include "base/fd.h"
#include "base/log.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <sys/socket.h>

#define READ_BLOCK                                                                                 \
	16384 /* a whole TLS record, so that OpenSSL never keeps a rest that epoll does not know   \
	         of */
#define READ_BURST      8 /* blocks a turn: one fast peer does not starve the others */
#define FILE_BLOCK      65536
#define BODY_LEAST_RATE 32768 /* bytes a second, beyond the first limits.body */
#define LINGER          (2 * USEC_PER_SEC)

/* ---- life ---- */
static void request_clear(struct http_request *r)
{
	struct http_connection *c = r->connection;

	strbuf_done(&r->extra);
	if (r->context_free)
		r->context_free(r->context);
	*r = (struct http_request){.connection = c};
}

void connection_free(struct http_connection *c)
{
	source_free(c->io);
	source_free(c->timer);
	SSL_free(c->ssl);
	fd_close(c->fd);
	fd_close(c->file);
	http_reader_done(&c->reader);
	request_clear(&c->request);
	strbuf_done(&c->in);
	strbuf_done(&c->out);
	list_remove(&c->link);
	list_remove(&c->ready);
	c->server->statistics.connections--;
	free(c);
}

void connection_kill(struct http_connection *c)
{
	struct http_server *s = c->server;
	http_gone_fn gone = c->request.gone;

	if (c->dead)
		return;
	c->dead = true;
	s->statistics.handshakes -= c->handshaking;
	s->statistics.anonymous -= c->anonymous;
	c->handshaking = c->anonymous = false;
	(void) source_set_state(c->io, SOURCE_OFF);
	(void) source_set_state(c->timer, SOURCE_OFF);
	c->request.gone = NULL;
	if (gone)
		gone(&c->request, c->request.gone_userdata);
	list_remove(&c->ready);
	list_remove(&c->link);
	list_append(&s->dead, &c->link);
	(void) source_set_state(s->work, SOURCE_ONESHOT);
}

void connection_is_ready(struct http_connection *c)
{
	if (c->dead || list_is_linked(&c->ready))
		return;
	list_append(&c->server->ready, &c->ready);
	(void) source_set_state(c->server->work, SOURCE_ONESHOT);
}

/* The timer is only ever brought forward; when it rings too early it is set anew. */
void connection_set_deadline(struct http_connection *c, usec_t deadline)
{
	c->deadline = deadline;
	if (c->dead || deadline == USEC_INFINITY)
		return;
	if (source_get_state(c->timer) == SOURCE_OFF || deadline < source_get_time(c->timer))
		(void) source_set_time(c->timer, deadline);
}

static int on_deadline(struct source *source, usec_t deadline, void *userdata)
{
	struct http_connection *c = userdata;
	bool unfinished = c->reader.state == READER_READING_HEAD || c->reader.state == READER_BODY;

	(void) deadline;
	if (c->deadline == USEC_INFINITY)
		return 0;
	if (now(CLOCK_MONOTONIC) < c->deadline)
		return source_set_time(source, c->deadline);
	if (c->reader.state == READER_START && !c->handshaking && !c->lingering && !c->active) {
		c->closing = true; /* idle for too long: say goodbye properly */
		connection_is_ready(c);
		return 0;
	}
	if (!unfinished || c->request.answer != ANSWER_NONE || c->handshaking || c->lingering) {
		connection_kill(c);
		return 0;
	}
	c->server->statistics.timed_out++;
	c->closing = true;
	http_problem(&c->request, 408, "too-slow", "The request did not arrive in time");
	return 0;
}

/* ---- bytes ---- */
/* Bytes, 0 at the end, -EAGAIN, -errno. */
static ssize_t tls_result(struct http_connection *c, int n)
{
	int e;

	if (n > 0)
		return n;
	e = SSL_get_error(c->ssl, n);
	ERR_clear_error();
	if (e == SSL_ERROR_WANT_WRITE)
		c->wants_write = true;
	if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE)
		return -EAGAIN;
	return e == SSL_ERROR_ZERO_RETURN ? 0 : -ECONNRESET;
}

static ssize_t connection_read(struct http_connection *c, void *data, size_t size)
{
	ssize_t n;

	if (c->ssl) {
		ERR_clear_error();
		return tls_result(c, SSL_read(c->ssl, data, (int) size));
	}
	n = recv(c->fd, data, size, 0);
	return n < 0 ? (errno == EINTR ? -EAGAIN : -errno) : n;
}

static ssize_t connection_write(struct http_connection *c, const void *data, size_t size)
{
	ssize_t n;

	if (c->ssl) {
		ERR_clear_error();
		n = tls_result(c, SSL_write(c->ssl, data, (int) MIN(size, (size_t) 1 << 20)));
		return n == 0 ? -ECONNRESET : n;
	}
	n = send(c->fd, data, size, MSG_NOSIGNAL);
	return n < 0 ? (errno == EINTR ? -EAGAIN : -errno) : n;
}

static bool wants_input(const struct http_connection *c)
{
	if (c->closing || c->half_closed || c->request.answer != ANSWER_NONE)
		return false;
	return c->reader.state < READER_HEAD || c->reader.state == READER_BODY;
}

/* What the socket is watched for follows from the state; input stays in the kernel while an answer
 * is under way. */
static void watch(struct http_connection *c)
{
	uint32_t events = c->half_closed ? 0 : EPOLLRDHUP;

	if (c->handshaking || c->lingering || wants_input(c))
		events |= EPOLLIN;
	if (c->wants_write || c->out.size > 0)
		events |= EPOLLOUT;
	(void) source_set_events(c->io, events);
}

/* ---- output ---- */
/* 0 when all was taken, -EAGAIN when some is left, other -errno when the connection is gone. */
static int send_queued(struct http_connection *c)
{
	size_t sent = 0;
	ssize_t n = 0;

	while (sent < c->out.size) {
		n = connection_write(c, c->out.data + sent, c->out.size - sent);
		if (n < 0)
			break;
		sent += (size_t) n;
		connection_set_deadline(c, now(CLOCK_MONOTONIC) + c->server->limits.write);
	}
	strbuf_consume(&c->out, sent);
	return n < 0 ? (int) n : 0;
}

static int fill_from_file(struct http_connection *c)
{
	uint8_t block[FILE_BLOCK];
	ssize_t n;

	n = pread(c->file, block, MIN((uint64_t) sizeof(block), c->file_end - c->file_at),
	          (off_t) c->file_at);
	if (n <= 0) /* shorter than it was: the peer must see the connection end before the length
	               that it was told */
		return -EIO;
	strbuf_add(&c->out, block, (size_t) n);
	c->file_at += (uint64_t) n;
	return c->out.error;
}

static int flush(struct http_connection *c)
{
	int r;

	for (unsigned i = 0; i < READ_BURST; i++) {
		r = send_queued(c);
		if (r < 0)
			return r;
		if (c->file < 0)
			return 0;
		if (c->file_at >= c->file_end) {
			c->file = fd_close(c->file);
			return 0;
		}
		r = fill_from_file(c);
		if (r < 0)
			return r;
	}
	return -EAGAIN; /* others have their turn; EPOLLOUT brings us back */
}

/* The answer is out: on to the next request, or the end. */
static void request_done(struct http_connection *c)
{
	/* Refused at its head and without a body: the parser stands before the head's last byte. */
	if (c->reader.state == READER_HEAD && !c->reader.has_body &&
	    http_reader_accept_body(&c->reader, 0, NULL, NULL) >= 0)
		strbuf_consume(&c->in, http_reader_feed(&c->reader, c->in.data,
		                                        MIN(c->in.size, (size_t) 1)));
	request_clear(&c->request);
	c->active = false;
	if (!c->keep_alive || c->reader.state != READER_DONE)
		c->closing = true;
	if (c->closing)
		return;
	http_reader_next(&c->reader);
	connection_set_deadline(c, now(CLOCK_MONOTONIC) + c->server->limits.idle);
}

/*
 * Closing while the peer still sends makes its kernel throw our answer away (RFC 9112, 9.6). So we
 * say that we are done, and read on for a moment.
 */
static void linger(struct http_connection *c)
{
	if (c->half_closed && c->in.size == 0) {
		if (c->ssl)
			(void) SSL_shutdown(c->ssl);
		connection_kill(c);
		return;
	}
	if (c->lingering)
		return;
	c->lingering = true;
	if (c->ssl)
		(void) SSL_shutdown(c->ssl);
	ERR_clear_error();
	(void) shutdown(c->fd, SHUT_WR);
	connection_set_deadline(c, now(CLOCK_MONOTONIC) + LINGER);
}

static void discard(struct http_connection *c)
{
	uint8_t block[READ_BLOCK];

	for (unsigned i = 0; i < READ_BURST; i++) {
		ssize_t n = recv(c->fd, block, sizeof(block), 0);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			connection_kill(c);
			return;
		}
	}
}

/* ---- requests ---- */
static void reader_failed(struct http_connection *c)
{
	const struct http_reader *r = &c->reader;

	c->server->statistics.malformed++;
	c->closing = true;
	http_problem(&c->request, r->status, r->code, "%s", r->detail);
}

static void head_complete(struct http_connection *c)
{
	struct http_request *r = &c->request;
	const char *expect = c->reader.headers[HEADER_EXPECT];

	c->server->statistics.requests++;
	c->active = true;
	c->keep_alive = c->reader.keep_alive;
	c->request_started = now(CLOCK_MONOTONIC);
	r->head_only = streq(c->reader.method, "HEAD");
	r->expect_continue = c->reader.has_body && expect && !strcasecmp(expect, "100-continue");
	connection_set_deadline(c, c->request_started + c->server->limits.body);
	c->server->head(r, c->server->userdata);
}

/* Feeds what was read as far as the state allows; handlers run in here. */
static void feed(struct http_connection *c)
{
	while (!c->dead && c->in.size > 0 && c->request.answer == ANSWER_NONE) {
		enum http_reader_state before = c->reader.state;
		size_t n = http_reader_feed(&c->reader, c->in.data, c->in.size);

		strbuf_consume(&c->in, n);
		if (before == READER_START && c->reader.state == READER_READING_HEAD)
			connection_set_deadline(c, now(CLOCK_MONOTONIC) + c->server->limits.head);
		if (c->reader.state == READER_HEAD && before < READER_HEAD)
			head_complete(c);
		if (c->reader.state == READER_ERROR) {
			if (c->request.answer == ANSWER_NONE)
				reader_failed(c);
			return;
		}
		if (c->reader.state == READER_DONE) {
			if (before != READER_DONE) {
				connection_set_deadline(c,
				                        USEC_INFINITY); /* who keeps a request has a
				                                           timer of its own */
				c->server->request(&c->request, c->server->userdata);
			}
			return;
		}
		if (n == 0 && c->reader.state == before)
			return;
	}
}

void connection_advance(struct http_connection *c)
{
	while (!c->dead && !c->lingering && !c->handshaking) {
		size_t before = c->in.size;
		int r = flush(c);

		if (r == -EAGAIN)
			break;
		if (r < 0) {
			connection_kill(c);
			return;
		}
		strbuf_done(&c->out);
		if (c->request.answer == ANSWER_SENDING)
			request_done(c);
		if (c->request.answer == ANSWER_STREAM)
			connection_set_deadline(c, USEC_INFINITY);
		if (c->closing && c->request.answer == ANSWER_NONE) {
			linger(c);
			break;
		}
		if (c->request.answer != ANSWER_NONE)
			break;
		feed(c);
		if (c->in.size == before && c->request.answer == ANSWER_NONE && c->out.size == 0)
			break;
	}
	if (c->dead)
		return;
	/* A peer that closed its side gets the rest of an answer, but nobody waits for it. */
	if (c->half_closed && c->request.answer != ANSWER_SENDING && !c->lingering) {
		connection_kill(c);
		return;
	}
	if (c->in.size == 0)
		strbuf_done(&c->in);
	watch(c);
}

/* ---- input ---- */
static void remember_peer(struct http_connection *c)
{
	X509 *x = SSL_get0_peer_certificate(c->ssl);
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned size;

	c->anonymous = true;
	if (x && SSL_get_verify_result(c->ssl) == X509_V_OK &&
	    X509_digest(x, EVP_sha256(), hash, &size) == 1 && size == 32) {
		for (size_t i = 0; i < 32; i++)
			snprintf(c->fingerprint + 2 * i, 3, "%02x", hash[i]);
		c->anonymous = false;
	}
	c->server->statistics.anonymous += c->anonymous;
	c->server->statistics.resumed += (uint64_t) SSL_session_reused(c->ssl);
}

/* 1 done, 0 under way, negative failed */
static int handshake(struct http_connection *c)
{
	struct http_server *s = c->server;
	char reason[120];
	unsigned long code;
	int n, e;

	ERR_clear_error();
	n = SSL_accept(c->ssl);
	if (n != 1) {
		e = SSL_get_error(c->ssl, n);
		c->wants_write = e == SSL_ERROR_WANT_WRITE;
		if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE)
			return 0;
		code = ERR_peek_last_error();
		ERR_error_string_n(code, reason, sizeof(reason));
		log_info("TLS handshake with %s failed: %s", c->peer,
		         code ? reason : "connection closed");
		ERR_clear_error();
		s->statistics.handshakes_failed++;
		return -EPROTO;
	}
	c->handshaking = false;
	s->statistics.handshakes--;
	remember_peer(c);
	server_update_accepting(s);
	if (c->anonymous && s->statistics.anonymous > s->limits.anonymous) {
		s->statistics.refused++;
		return -EMFILE;
	}
	connection_set_deadline(c, now(CLOCK_MONOTONIC) + s->limits.head);
	return 1;
}

/* 0, or negative when the connection is lost. The end of input is c->half_closed. */
static int read_input(struct http_connection *c)
{
	uint8_t block[READ_BLOCK];

	for (unsigned i = 0; i < READ_BURST && !c->dead && wants_input(c); i++) {
		ssize_t n = connection_read(c, block, sizeof(block));

		if (n == -EAGAIN)
			return 0;
		if (n < 0)
			return (int) n;
		if (n == 0) {
			c->half_closed = true;
			return 0;
		}
		strbuf_add(&c->in, block, (size_t) n);
		if (c->in.error)
			return c->in.error;
		feed(c);
		if (!c->dead && c->reader.state == READER_BODY)
			connection_set_deadline(c, c->request_started + c->server->limits.body +
			                                   c->reader.body_size * USEC_PER_SEC /
			                                           BODY_LEAST_RATE);
	}
	return 0;
}

static int on_io(struct source *source, int fd, uint32_t revents, void *userdata)
{
	struct http_connection *c = userdata;
	int r = 1;

	(void) source;
	(void) fd;
	c->wants_write = false;
	if (c->lingering) {
		discard(c);
		return 0;
	}
	if (c->handshaking)
		r = handshake(c);
	if (r > 0 && (revents & EPOLLIN))
		r = read_input(c);
	if (r < 0 || (revents & (EPOLLERR | EPOLLHUP) && !(revents & EPOLLIN))) {
		connection_kill(c);
		return 0;
	}
	if (c->handshaking) {
		watch(c);
		return 0;
	}
	/* Bytes that came before the end are still to be read; an empty read tells then. */
	if (revents & EPOLLRDHUP && !(wants_input(c) && revents & EPOLLIN))
		c->half_closed = true;
	connection_advance(c);
	return 0;
}

static void describe_peer(struct http_connection *c)
{
	struct sockaddr_storage a = {};
	socklen_t n = sizeof(a);
	char host[INET6_ADDRSTRLEN] = "";

	if (getpeername(c->fd, (struct sockaddr *) &a, &n) < 0)
		n = 0;
	if (n > 0 && a.ss_family == AF_INET)
		inet_ntop(AF_INET, &((struct sockaddr_in *) &a)->sin_addr, host, sizeof(host));
	else if (n > 0 && a.ss_family == AF_INET6)
		inet_ntop(AF_INET6, &((struct sockaddr_in6 *) &a)->sin6_addr, host, sizeof(host));
	snprintf(c->peer, sizeof(c->peer), "%s", host[0] ? host : "local");
}

static int start_tls(struct http_connection *c)
{
	c->ssl = SSL_new(c->server->tls);
	if (!c->ssl || SSL_set_fd(c->ssl, c->fd) != 1)
		return -ENOMEM;
	c->handshaking = true;
	c->server->statistics.handshakes++;
	return 0;
}

int connection_new(struct http_server *s, int fd)
{
	usec_t limit = s->tls ? s->limits.handshake : s->limits.head;
	struct http_connection *c = calloc(1, sizeof(*c));
	int r, one = 1;

	if (!c) {
		fd_close(fd);
		return -ENOMEM;
	}
	*c = (struct http_connection){
		.server = s, .fd = fd, .file = -EBADF, .deadline = now(CLOCK_MONOTONIC) + limit};
	c->request.connection = c;
	http_reader_init(&c->reader);
	list_append(&s->connections, &c->link);
	s->statistics.connections++;
	s->statistics.accepted++;
	(void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
	                  sizeof(one)); /* fails on a Unix socket, which needs none */
	describe_peer(c);
	r = fd_set_nonblock(fd, true);
	if (r >= 0 && s->tls)
		r = start_tls(c);
	if (r >= 0)
		r = loop_add_io(s->loop, fd, EPOLLIN | EPOLLRDHUP, "http-connection", on_io, c,
		                &c->io);
	if (r >= 0)
		r = loop_add_time(s->loop, CLOCK_MONOTONIC, c->deadline, 100 * USEC_PER_MSEC,
		                  "http-deadline", on_deadline, c, &c->timer);
	if (r < 0) {
		s->statistics.handshakes -= c->handshaking;
		connection_free(c);
		return r;
	}
	server_update_accepting(s);
	return 0;
}
