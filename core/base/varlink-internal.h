// SPDX-License-Identifier: Apache-2.0
/*
 * varlink-internal.h - what the files of the varlink server share. Private to base.
 *
 * A peer has at most one call open (->current), as answers must come in the order of calls; while
 * there is one, or while the peer does not take its output, nothing more is read from it. So what a
 * peer can make us hold is one message and one queue.
 *
 * Peers and calls are reference-counted: the server's list holds a peer until it is disconnected,
 * each call holds its peer, and the peer its open call. peer_break() may be called anywhere: it
 * only shuts the socket, and the loop finds the hang-up later. peer_disconnect() runs the gone
 * callback and is only called from the loop or from varlink_server_free().
 */
#pragma once

#include "base/varlink.h"

#include "base/list.h"
#include "base/varlink-io.h"

#define VARLINK_PARTIAL_USEC      (10 * USEC_PER_SEC)
#define VARLINK_ACCEPT_PAUSE_USEC (USEC_PER_SEC / 2)
#define VARLINK_CONNECTIONS_TOTAL 1024U /* of all users but root together: half of it */
#define VARLINK_OUTPUT_LOW                                                                         \
	(64U * 1024) /* no further call is looked at while more than this waits */
#define VARLINK_QUEUE_OBSERVE     (256U * 1024)
#define VARLINK_REQUEST_ITEMS_MAX 65536U

struct varlink_interface {
	struct list link;
	char *name;
	const char *description;
	const struct varlink_method *methods;
	size_t n_methods;
	void *userdata;
};

struct varlink_listener {
	struct list link;
	struct varlink_server *server;
	int fd;
	struct source *source;
};

struct varlink_server {
	struct loop *loop;
	char *vendor, *product, *version;
	struct list interfaces, listeners, peers;
	struct list resume; /* peers with input to look at that is in our buffer already */
	struct source *resume_source, *accept_timer;
	size_t n_peers;
};

struct varlink_peer {
	struct varlink_server *server; /* NULL: disconnected */
	struct list link, resume_link;
	unsigned refs;
	struct varlink_io io;
	struct source *source, *deadline;
	struct varlink_call *current;
	enum varlink_role role;
	uid_t uid;
	pid_t pid;
	bool is_stream, processing;
	bool broken;  /* nothing goes out any more */
	bool hung_up; /* the other end is closed; what it had sent is still served */
	bool at_end;  /* all of its input was read */
};

struct varlink_call {
	unsigned refs;
	struct varlink_peer *peer;
	cJSON *message; /* the request; parameters point into it */
	const char *method;
	bool more, oneway, open;
	varlink_call_gone_fn gone_fn;
	void *gone_userdata;
};

/* varlink-service.c */
int varlink_service_register(struct varlink_server *s);
void varlink_interface_free(struct varlink_interface *i);
/* Calls the method, or answers why not. */
void varlink_dispatch(struct varlink_call *c, const cJSON *parameters);

/* varlink-peer.c */
int peer_new(struct varlink_server *s, int fd, uid_t uid, pid_t pid, enum varlink_role role,
             bool is_stream);
struct varlink_peer *peer_ref(struct varlink_peer *p);
void peer_unref(struct varlink_peer *p);
void peer_break(struct varlink_peer *p);
void peer_disconnect(struct varlink_peer *p);
void peer_process(struct varlink_peer *p);
int peer_send(struct varlink_peer *p, const cJSON *message);
void peer_call_done(struct varlink_peer *p); /* its open call was finally answered */

/* varlink-call.c */
int call_new(struct varlink_peer *p, cJSON *message, struct varlink_call **ret);
void call_gone(struct varlink_call *c);

/* varlink-server.c */
void server_peer_left(struct varlink_server *s);
