// SPDX-License-Identifier: Apache-2.0
/*
 * varlink.h - varlink (varlink.org) on the event loop: JSON objects, each ended by a NUL byte, over
 * a stream socket.
 *
 * Server: register interfaces (a table of methods and the .varlink text), listen; the handler gets
 * a struct varlink_call and answers it with varlink_reply() or varlink_error(), at once or later; a
 * call with "more" may be answered many times with varlink_notify() before the last
 * varlink_reply(). org.varlink.service (GetInfo, GetInterfaceDescription) is built in. A peer that
 * is slow, silent, huge or malformed is cut off: messages are capped (VARLINK_MESSAGE_MAX), its
 * output queue is capped, connections a uid are capped, and an unfinished message has a deadline.
 *
 * Client: varlink_connect_*() then varlink_call_sync() for commands, or varlink_send() with a reply
 * handler for agents.
 */
#pragma once

#include "base/event.h"
#include "base/json.h"

#define VARLINK_MESSAGE_MAX         (4U * 1024 * 1024)
#define VARLINK_MESSAGE_MAX_OBSERVE (128U * 1024) /* from those who may only look */
#define VARLINK_QUEUE_MAX           (16U * 1024 * 1024)
#define VARLINK_CONNECTIONS_MAX     128 /* a uid; root may have 4 times as many */

/* What a peer may do. Local root is admin, other local users observe. */
enum varlink_role { ROLE_NONE, ROLE_OBSERVE, ROLE_OPERATE, ROLE_ADMIN };
const char *varlink_role_to_string(enum varlink_role r);
int varlink_role_from_string(const char *s); /* or -EINVAL */

struct varlink_server;
struct varlink_peer; /* one connection, server side */
struct varlink_call; /* one request that waits for its answer; reference-counted */

/* @parameters (NULL if there were none) stay valid as long as the call is referenced. A handler
 * that will answer later keeps a reference. */
typedef int (*varlink_method_fn)(struct varlink_call *call, const cJSON *parameters,
                                 void *userdata);
typedef void (*varlink_call_gone_fn)(struct varlink_call *call, void *userdata);

struct varlink_method {
	const char *name;       /* "org.sysmaster.Manager.ListUnits" */
	enum varlink_role role; /* the least role that may call it */
	/* a negative return is answered as org.sysmaster.Error.Failed with the errno */
	varlink_method_fn fn;
};

int varlink_server_new(struct loop *l, const char *vendor, const char *product, const char *version,
                       struct varlink_server **ret);
/* Before its loop. Calls that somebody holds a reference to outlive it, as gone. */
struct varlink_server *varlink_server_free(struct varlink_server *s);
/* @methods and @description (the text of the .varlink file) are kept by reference. */
int varlink_server_add_interface(struct varlink_server *s, const char *description,
                                 const struct varlink_method *methods, size_t n, void *userdata);
/* Takes a listening socket (the vault's, or systemd's activation). The fd is the server's from then
 * on. */
int varlink_server_listen_fd(struct varlink_server *s, int fd);
int varlink_server_listen_path(struct varlink_server *s, const char *path, mode_t mode);
/* Takes (on success) and serves one connected stream; its role is given, not read from the peer's
 * credentials. */
int varlink_server_add_stream(struct varlink_server *s, int fd, enum varlink_role role);
size_t varlink_server_connections(const struct varlink_server *s);
/* Tries to write out what is queued; for the moment before an exec or exit. Deadline in usec from
 * now. */
int varlink_server_flush(struct varlink_server *s, usec_t timeout);

/* Answers. @parameters is taken, NULL is {}. */
int varlink_reply(struct varlink_call *c, cJSON *parameters);
/* "continues": true; -EPROTO if the caller did not say "more" */
int varlink_notify(struct varlink_call *c, cJSON *parameters);
int varlink_error(struct varlink_call *c, const char *name, cJSON *parameters);
/* Error with { "message": text } */
int varlink_error_text(struct varlink_call *c, const char *name, const char *fmt, ...)
	_printf_(3, 4);
/* org.sysmaster.Error.Failed with message and number of the errno; what a method's negative return
 * becomes. */
int varlink_error_errno(struct varlink_call *c, int error);
/* org.varlink.service.InvalidParameter */
int varlink_error_invalid(struct varlink_call *c, const char *parameter);

struct varlink_call *varlink_call_ref(struct varlink_call *c); /* to answer later */
struct varlink_call *varlink_call_unref(struct varlink_call *c);
bool varlink_call_wants_more(const struct varlink_call *c);
/* peer there and not yet finally answered */
bool varlink_call_is_open(const struct varlink_call *c);
/* Called once when the peer goes away before the final answer. Never for a call that wants none ("oneway"): it is closed when
 * its method returns, and an answer to it is -ESTALE. */
void varlink_call_on_gone(struct varlink_call *c, varlink_call_gone_fn fn, void *userdata);
struct varlink_peer *varlink_call_peer(struct varlink_call *c);
enum varlink_role varlink_peer_role(const struct varlink_peer *p);
void varlink_peer_restrict(struct varlink_peer *p, enum varlink_role role); /* only ever lowers */
uid_t varlink_peer_uid(const struct varlink_peer *p);
pid_t varlink_peer_pid(const struct varlink_peer *p); /* 0 for streams */

/* ---- client ---- */
struct varlink_client;

/* @error is NULL on success. @parameters stays the library's. @continues: more answers follow. For
 * a lost connection: error "org.sysmaster.Error.Disconnected", parameters NULL. */
typedef int (*varlink_reply_fn)(struct varlink_client *c, const char *error,
                                const cJSON *parameters, bool continues, void *userdata);

/* In a reply's callback: its parameters, which are the caller's from then on; an empty object if it has none. NULL on ENOMEM. */
cJSON *varlink_take_parameters(struct varlink_client *c);

/* @l may be NULL: the client then brings a loop of its own, and only varlink_call_sync() and
 * varlink_wait() may be used. */
int varlink_connect_path(struct loop *l, const char *path, struct varlink_client **ret);
int varlink_connect_fd(struct loop *l, int fd, struct varlink_client **ret); /* takes fd */
struct varlink_client *varlink_client_free(struct varlink_client *c);
DEFINE_CLEANUP(struct varlink_client *, varlink_client_free)

enum varlink_call_flags { VARLINK_MORE = 1, VARLINK_ONEWAY = 2 };
/* Sends a call; answers come to @fn in order. @parameters is taken, may be NULL. */
int varlink_send(struct varlink_client *c, const char *method, cJSON *parameters,
                 enum varlink_call_flags flags, varlink_reply_fn fn, void *userdata);
/* One call, one answer. 0 with *ret_error NULL, or 0 with the error's name (owned by the client
 * until its next call) and its parameters in *ret. -ETIMEDOUT, -ECONNRESET, -EPROTO. Free *ret. */
int varlink_call_sync(struct varlink_client *c, const char *method, cJSON *parameters,
                      usec_t timeout, const char **ret_error, cJSON **ret);
/* Runs the client's own loop until fd is ready or an answer was handled; for "more" calls.
 * -ETIMEDOUT, -ECONNRESET. */
int varlink_wait(struct varlink_client *c, usec_t timeout);
