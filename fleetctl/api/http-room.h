// SPDX-License-Identifier: Apache-2.0
/*
 * http-room.h - private to the HTTP server: http-server.c (listeners, limits), http-connection.c
 * (TLS, input, one request after the other), http-answer.c (output).
 *
 * Nothing here is freed under its callers' feet: connection_kill() only marks, tells the handler,
 * and puts the connection on the server's list of the dead, which is emptied before the loop
 * sleeps. In the same way an answer only adds bytes and puts the connection on the list of those
 * that have something to do; the writing is done there. So handlers may answer from anywhere.
 */
#pragma once

#include "api/http.h"
#include "base/list.h"

enum answer_state { ANSWER_NONE, ANSWER_STREAM, ANSWER_SENDING };

struct http_request {
	struct http_connection *connection;
	struct strbuf extra; /* header lines added so far */
	enum answer_state answer;
	bool head_only, expect_continue;
	http_gone_fn gone;
	void *gone_userdata;
	void *context;
	void (*context_free)(void *);
};

struct http_connection {
	struct http_server *server;
	struct list link;  /* of server->connections or server->dead */
	struct list ready; /* of server->ready */
	struct source *io, *timer;
	SSL *ssl;
	int fd;
	bool handshaking, anonymous, closing, lingering, wants_write, dead, keep_alive, active,
		half_closed;
	char fingerprint[HTTP_FINGERPRINT_TEXT];
	char peer[48];
	usec_t deadline, request_started;
	struct strbuf in;  /* read but not fed yet */
	struct strbuf out; /* to be sent */
	int file;          /* whose bytes follow when out is empty */
	uint64_t file_at, file_end;
	struct http_reader reader;
	struct http_request request;
};

struct http_server {
	struct loop *loop;
	SSL_CTX *tls;
	struct http_limits limits;
	http_request_fn head, request;
	void *userdata;
	struct source *listeners[4];
	int listener_fds[4];
	size_t n_listeners;
	bool accepting;
	struct list connections, ready, dead;
	struct source *work; /* deferred: serves ready, empties dead */
	struct http_statistics statistics;
};

int connection_new(struct http_server *s, int fd);
void connection_free(struct http_connection *c);
void connection_kill(struct http_connection *c);
/* Writes, finishes answers, feeds what was read: until it has to wait for its peer or a handler. */
void connection_advance(struct http_connection *c);
void connection_is_ready(struct http_connection *c); /* advance it before the loop sleeps */
void connection_set_deadline(struct http_connection *c, usec_t deadline);
void server_update_accepting(struct http_server *s);
