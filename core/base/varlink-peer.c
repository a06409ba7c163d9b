// SPDX-License-Identifier: Apache-2.0
#include "base/varlink-internal.h"

#include "base/fd.h"
#include "base/json-scan.h"
#include "base/log.h"

#include <sys/socket.h>

/* Calls served in one go; then others have their turn. */
#define CALLS_A_TURN 16U

struct varlink_peer *peer_ref(struct varlink_peer *p)
{
	p->refs++;
	return p;
}

void peer_unref(struct varlink_peer *p)
{
	if (--p->refs > 0)
		return;
	varlink_io_done(&p->io);
	free(p);
}

enum varlink_role varlink_peer_role(const struct varlink_peer *p)
{
	return p->role;
}

uid_t varlink_peer_uid(const struct varlink_peer *p)
{
	return p->uid;
}

pid_t varlink_peer_pid(const struct varlink_peer *p)
{
	return p->pid;
}

static size_t peer_message_max(const struct varlink_peer *p)
{
	return p->role > ROLE_OBSERVE ? VARLINK_MESSAGE_MAX : VARLINK_MESSAGE_MAX_OBSERVE;
}

void varlink_peer_restrict(struct varlink_peer *p, enum varlink_role role)
{
	/* The limits of the connection stay: what it has queued was allowed. */
	p->role = MIN(p->role, role);
}

/* May a further call be looked at now? */
static bool peer_is_ready(const struct varlink_peer *p)
{
	return p->server && !p->current && !p->broken &&
	       (p->hung_up || varlink_io_pending(&p->io) < VARLINK_OUTPUT_LOW);
}

static int on_deadline(struct source *s _unused_, usec_t deadline _unused_, void *userdata)
{
	struct varlink_peer *p = userdata;

	log_debug("Varlink peer (uid %u, pid %d) left a message unfinished", p->uid, (int) p->pid);
	peer_disconnect(p);
	return 0;
}

/* A message that was begun has so long to become whole, counted while we are reading. */
static int peer_set_deadline(struct varlink_peer *p, bool wanted)
{
	usec_t until;

	if (!wanted)
		return p->deadline ? source_set_state(p->deadline, SOURCE_OFF) : 0;
	if (p->deadline && source_get_state(p->deadline) != SOURCE_OFF)
		return 0;
	until = usec_add(now(CLOCK_MONOTONIC), VARLINK_PARTIAL_USEC);
	if (p->deadline)
		return source_set_time(p->deadline, until);
	return loop_add_time(p->server->loop, CLOCK_MONOTONIC, until, USEC_PER_SEC,
	                     "varlink-deadline", on_deadline, p, &p->deadline);
}

/* Brings epoll and the deadline in line with what we can use; disconnects a peer that has had all
 * it can get. */
static void peer_update(struct varlink_peer *p)
{
	bool reading = peer_is_ready(p) && !p->at_end && !varlink_io_has_message(&p->io);
	size_t pending = varlink_io_pending(&p->io);
	int r;

	if (!p->server)
		return;
	if (p->at_end && !p->current && !varlink_io_has_message(&p->io) &&
	    (pending == 0 || p->broken)) {
		peer_disconnect(p);
		return;
	}
	r = source_set_events(p->source, (reading ? EPOLLIN : 0U) |
	                                         (pending > 0 && !p->broken ? EPOLLOUT : 0U));
	if (r >= 0)
		r = peer_set_deadline(p, reading && varlink_io_has_partial(&p->io));
	if (r < 0)
		peer_disconnect(p);
}

void peer_break(struct varlink_peer *p)
{
	if (p->broken || !p->server)
		return;
	p->broken = true;
	(void) shutdown(p->io.fd, SHUT_RDWR);
}

void peer_disconnect(struct varlink_peer *p)
{
	struct varlink_server *s = TAKE_PTR(p->server);
	struct varlink_call *c;

	if (!s)
		return;
	p->broken = true;
	p->source = source_free(p->source);
	p->deadline = source_free(p->deadline);
	list_remove(&p->link);
	list_remove(&p->resume_link);
	s->n_peers--;
	server_peer_left(s);
	varlink_io_done(&p->io);
	c = TAKE_PTR(p->current);
	if (c) {
		call_gone(c);
		varlink_call_unref(c);
	}
	peer_unref(p);
}

/* Writes out what it takes. The end of the other side is no reason to leave its last calls undone.
 */
static int peer_flush(struct varlink_peer *p)
{
	int r = p->hung_up ? -EPIPE : varlink_io_flush(&p->io);

	if (r != -EPIPE && r != -ECONNRESET)
		return r;
	p->hung_up = true;
	varlink_io_discard(&p->io);
	return 0;
}

int peer_send(struct varlink_peer *p, const cJSON *message)
{
	int r;

	if (!p->server || p->broken)
		return -ECONNRESET;
	r = varlink_io_queue(&p->io, message);
	/* While calls are processed, answers leave together; but who sends many in one call must
	 * not fill the queue of one who reads. */
	if (r < 0 || (p->processing && varlink_io_pending(&p->io) < VARLINK_OUTPUT_LOW))
		return r;
	r = peer_flush(p);
	if (r >= 0 && varlink_io_pending(&p->io) > 0)
		r = source_set_events(p->source, EPOLLOUT);
	return r;
}

static void peer_resume_later(struct varlink_peer *p)
{
	struct varlink_server *s = p->server;

	if (!s || list_is_linked(&p->resume_link))
		return;
	list_append(&s->resume, &p->resume_link);
	(void) source_set_state(s->resume_source, SOURCE_ONESHOT);
}

void peer_call_done(struct varlink_peer *p)
{
	struct varlink_call *c = TAKE_PTR(p->current);

	/* Within peer_process() the loop there goes on by itself; elsewhere the caller is
	 * somebody's handler. */
	if (!p->processing)
		peer_resume_later(p);
	varlink_call_unref(c);
}

/* 0, or -errno if the peer does not speak varlink. */
static int peer_handle(struct varlink_peer *p, const char *text, size_t size)
{
	const cJSON *parameters, *method;
	const char *reason;
	struct varlink_call *c;
	cJSON *message;
	size_t offset;
	int r;

	r = json_scan(text, size, VARLINK_REQUEST_ITEMS_MAX, &offset, &reason);
	if (r >= 0)
		r = json_parse(text, size, "call", NULL, &message);
	if (r < 0)
		return r;
	method = cJSON_GetObjectItemCaseSensitive(message, "method");
	parameters = cJSON_GetObjectItemCaseSensitive(message, "parameters");
	r = cJSON_IsString(method) ? call_new(p, message, &c) : -EBADMSG;
	if (r < 0) {
		json_free(message);
		return r;
	}
	/* The peer's reference goes with the answer; ours lasts while the method runs. */
	p->current = varlink_call_ref(c);
	if (parameters && !cJSON_IsNull(parameters) && !cJSON_IsObject(parameters))
		(void) varlink_error_invalid(c, "parameters");
	else if (json_bool_or(message, "upgrade", false))
		/* No method of ours goes on in another protocol. */
		(void) varlink_error_invalid(c, "upgrade");
	else
		varlink_dispatch(c, parameters);
	if (c->oneway && c->open)
		/* Nothing will be sent, so the next call need not wait, however long this one
		 * takes. */
		(void) varlink_reply(c, NULL);
	if (p->hung_up && p->current == c) {
		varlink_call_unref(TAKE_PTR(p->current));
		call_gone(c);
	}
	varlink_call_unref(c);
	return 0;
}

void peer_process(struct varlink_peer *p)
{
	int r = 0;

	if (p->processing)
		return;
	peer_ref(p);
	p->processing = true;
	for (unsigned i = 0; i < CALLS_A_TURN && peer_is_ready(p); i++) {
		const char *text;
		size_t size;

		r = varlink_io_next(&p->io, &text, &size);
		if (r <= 0)
			break;
		(void) peer_set_deadline(p, false);
		r = peer_handle(p, text, size);
		if (r < 0)
			break;
	}
	p->processing = false;
	if (p->server && r < 0) {
		log_debug_errno(r, "Varlink peer (uid %u, pid %d) sent garbage: %m", p->uid,
		                (int) p->pid);
		peer_disconnect(p);
	}
	if (p->server && !p->broken && peer_flush(p) < 0)
		peer_break(p);
	if (p->server && peer_is_ready(p) && varlink_io_has_message(&p->io))
		peer_resume_later(p);
	peer_update(p);
	peer_unref(p);
}

static void serve_io(struct varlink_peer *p, uint32_t revents)
{
	int r = -EAGAIN;

	if (revents & (EPOLLHUP | EPOLLERR)) {
		struct varlink_call *c = TAKE_PTR(p->current);

		/* Nobody will hear the answer; what was sent before the end is still done. */
		p->hung_up = true;
		if (c) {
			call_gone(c);
			varlink_call_unref(c);
		}
		if (p->broken) {
			peer_disconnect(p);
			return;
		}
	}
	if ((revents & EPOLLOUT) && peer_flush(p) < 0)
		peer_break(p);
	if ((revents & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !varlink_io_has_message(&p->io))
		r = varlink_io_read(&p->io);
	if (r == 0)
		p->at_end = true;
	/* Once hung up nothing can be delivered, and epoll would report it for ever. */
	if ((r < 0 && r != -EAGAIN) || (r == 0 && p->hung_up))
		peer_disconnect(p);
	else
		peer_process(p);
}

static int on_io(struct source *source _unused_, int fd _unused_, uint32_t revents, void *userdata)
{
	struct varlink_peer *p = peer_ref(userdata);

	serve_io(p, revents);
	peer_unref(p);
	return 0;
}

int peer_new(struct varlink_server *s, int fd, uid_t uid, pid_t pid, enum varlink_role role,
             bool is_stream)
{
	struct varlink_peer *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->refs = 1;
	p->uid = uid;
	p->pid = pid;
	p->role = role;
	p->is_stream = is_stream;
	r = loop_add_io(s->loop, fd, EPOLLIN, "varlink-peer", on_io, p, &p->source);
	if (r < 0) {
		free(p);
		return r;
	}
	varlink_io_init(&p->io, fd, peer_message_max(p),
	                role > ROLE_OBSERVE ? VARLINK_QUEUE_MAX : VARLINK_QUEUE_OBSERVE);
	p->server = s;
	list_append(&s->peers, &p->link);
	s->n_peers++;
	return 0;
}
