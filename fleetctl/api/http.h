// SPDX-License-Identifier: Apache-2.0
/*
 * http.h - an HTTP/1.1 server on base's event loop, with TLS or without.
 *
 * A connection carries one request at a time: head (http_head_fn: route it, refuse it, or accept
 * its body), then the whole request (http_request_fn: answer now, or keep the request and answer
 * later), then the answer, then the next. A request that is kept says what to do when its peer goes
 * away with http_on_gone(); after that call, or after the answer, the pointer is dead.
 *
 * Limits, all of them per server: connections, handshakes under way, time for a handshake, a head,
 * a body (with a least rate), an idle connection, and for the peer to take its answer. Requests
 * that break one get one clear 4xx, then the connection ends.
 */
#pragma once

#include "api/http-reader.h"
#include "base/diag.h"
#include "base/event.h"

#include <openssl/ssl.h>

#define HTTP_FINGERPRINT_TEXT 65
#define HTTP_STREAM_QUEUE_MAX (1U << 20)

struct http_server;
struct http_request;

typedef void (*http_request_fn)(struct http_request *r, void *userdata);
typedef void (*http_gone_fn)(struct http_request *r, void *userdata);

struct http_limits {
	unsigned connections, handshakes,
		anonymous; /* anonymous: connections without a client certificate */
	usec_t handshake, head, body, idle, write;
};
extern const struct http_limits http_limits_default;

/**
 * http_server_new - a server without a listener yet
 * @tls: NULL for plain HTTP; not owned
 * @head: called once a head is complete; must call http_accept() or answer
 * @request: called once the body is complete, too
 */
int http_server_new(struct loop *l, SSL_CTX *tls, const struct http_limits *limits,
                    http_request_fn head, http_request_fn request, void *userdata,
                    struct http_server **ret);
struct http_server *http_server_free(struct http_server *s); /* ends every connection */
/* "HOST:PORT", "[V6]:PORT"; port 0 picks one. The port in *ret_port. */
int http_server_listen(struct http_server *s, const char *address, struct diag *d,
                       uint16_t *ret_port);
/* Serves a connected stream socket (taken). */
int http_server_add(struct http_server *s, int fd);
DEFINE_CLEANUP(struct http_server *, http_server_free)

struct http_statistics {
	uint64_t accepted, refused, handshakes_failed, resumed, requests, malformed, timed_out;
	unsigned connections, handshakes, anonymous;
};
void http_server_statistics(const struct http_server *s, struct http_statistics *ret);

/* ---- one request ---- */
const char *http_method(const struct http_request *r);
const char *http_path(const struct http_request *r);
char *http_query(const struct http_request *r, const char *name); /* free it */
const char *http_header(const struct http_request *r, enum http_header h);
bool http_has_body(const struct http_request *r);
const char *http_body(const struct http_request *r, size_t *ret_size); /* never NULL */
/* SHA-256 of the client's certificate in hex; "" without one. */
const char *http_fingerprint(const struct http_request *r);
const char *http_peer(const struct http_request *r); /* address, for logs */
/* For the room that routes: anything that belongs to the request, freed with it. */
void http_set_context(struct http_request *r, void *context, void (*free_fn)(void *));
void *http_context(const struct http_request *r);

/* In http_head_fn: take the body, into memory (fn NULL) or piece by piece. */
void http_accept(struct http_request *r, uint64_t max, http_body_fn fn, void *userdata);
void http_on_gone(struct http_request *r, http_gone_fn fn, void *userdata);
/* The request's strings go, to keep little while it waits: method, path, headers and body read as
 * empty from then on. */
void http_park(struct http_request *r);

/* Answers. Each ends the request but http_stream_*(); body is copied. */
void http_add_header(struct http_request *r, const char *name,
                     const char *value); /* before the answer */
void http_respond(struct http_request *r, int status, const char *type, const void *body,
                  size_t size);
/* application/problem+json (RFC 9457) with "code". */
void http_problem(struct http_request *r, int status, const char *code, const char *fmt, ...)
	_printf_(4, 5);
/* A whole file (fd taken), with Range and If-Range against @etag (quoted). */
void http_respond_file(struct http_request *r, int fd, const char *type, const char *etag);
/* A stream of unknown length: chunked. -ENOBUFS when the peer is too slow: the connection is being
 * closed then. */
void http_stream_begin(struct http_request *r, const char *type);
int http_stream_send(struct http_request *r, const void *data, size_t size);
void http_stream_end(struct http_request *r);
const char *http_status_text(int status);
