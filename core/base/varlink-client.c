// SPDX-License-Identifier: Apache-2.0
/*
 * A client is a connection and the list of calls that wait for an answer, oldest first. With a
 * loop, epoll tells when to read; without, varlink_call_sync() and varlink_wait() poll the socket.
 * Reply handlers may free the client: whoever calls them holds a reference.
 *
 * A connection that is lost while something is being sent is only shut down there; the handlers
 * hear of it from the loop or from the next wait, never from within varlink_send().
 */
#include "base/varlink.h"

#include "base/fd.h"
#include "base/list.h"
#include "base/log.h"
#include "base/varlink-io.h"

#include <poll.h>
#include <sys/socket.h>

#define DISCONNECTED     "org.sysmaster.Error.Disconnected"
#define CONNECT_TRIES    100U
#define CONNECT_PAUSE_MS 20

struct waiting {
	struct list link;
	varlink_reply_fn fn; /* NULL: nobody wants it any more */
	void *userdata;
	bool more;
};

/* What varlink_call_sync() waits for. */
struct sync {
	bool done;
	bool disconnected;
	cJSON *parameters;
};

struct varlink_client {
	unsigned refs;
	bool freed, broken;
	struct loop *loop;
	struct source *source;
	struct varlink_io io;
	struct list waiting;
	char *error; /* what varlink_call_sync() handed out */
	uint64_t n_handled;
	cJSON *message; /* the reply whose callback runs */
};

static int on_io(struct source *s, int fd, uint32_t revents, void *userdata);

static void client_unref(struct varlink_client *c)
{
	if (--c->refs > 0)
		return;
	free(c->error);
	free(c);
}

static void waiting_free(struct waiting *w)
{
	list_remove(&w->link);
	free(w);
}

int varlink_connect_fd(struct loop *l, int fd, struct varlink_client **ret)
{
	struct varlink_client *c;
	int r;

	r = fd_set_nonblock(fd, true);
	if (r < 0)
		return r;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->refs = 1;
	c->loop = l;
	list_init(&c->waiting);
	if (l) {
		r = loop_add_io(l, fd, EPOLLIN, "varlink-client", on_io, c, &c->source);
		if (r < 0) {
			free(c);
			return r;
		}
	}
	/* We trust a server with answers as large as it may queue. */
	varlink_io_init(&c->io, fd, VARLINK_QUEUE_MAX, VARLINK_QUEUE_MAX);
	*ret = c;
	return 0;
}

int varlink_connect_path(struct loop *l, const char *path, struct varlink_client **ret)
{
	auto_fd int fd = unix_connect(path, SOCK_STREAM);
	int r;

	/* The queue of the listener is full, and a Unix socket does not say when it no longer is.
	 * Who has no loop can wait. */
	for (unsigned i = 0; fd == -EAGAIN && !l && i < CONNECT_TRIES; i++) {
		(void) poll(NULL, 0, CONNECT_PAUSE_MS);
		fd = unix_connect(path, SOCK_STREAM);
	}
	if (fd < 0)
		return fd;
	r = varlink_connect_fd(l, fd, ret);
	if (r >= 0)
		TAKE_FD(fd);
	return r;
}

struct varlink_client *varlink_client_free(struct varlink_client *c)
{
	if (!c || c->freed)
		return NULL;
	c->freed = true;
	c->source = source_free(c->source);
	varlink_io_done(&c->io);
	LIST_FOREACH (w, &c->waiting, struct waiting, link)
		waiting_free(w);
	client_unref(c);
	return NULL;
}

/* Tells everybody who waits. Afterwards nothing can be sent. */
static void client_disconnect(struct varlink_client *c)
{
	if (c->io.fd < 0)
		return;
	c->source = source_free(c->source);
	varlink_io_done(&c->io);
	while (!c->freed && !list_is_empty(&c->waiting)) {
		struct waiting *w = LIST_FIRST(&c->waiting, struct waiting, link);
		varlink_reply_fn fn = w->fn;
		void *userdata = w->userdata;

		waiting_free(w);
		if (fn)
			(void) fn(c, DISCONNECTED, NULL, false, userdata);
	}
}

static void client_break(struct varlink_client *c)
{
	c->broken = true;
	(void) shutdown(c->io.fd, SHUT_RDWR);
}

static void client_update(struct varlink_client *c)
{
	bool out = varlink_io_pending(&c->io) > 0 && !c->broken;

	if (c->source && source_set_events(c->source, EPOLLIN | (out ? EPOLLOUT : 0U)) < 0)
		client_break(c);
}

static void client_flush(struct varlink_client *c)
{
	if (!c->broken && varlink_io_flush(&c->io) < 0)
		client_break(c);
	client_update(c);
}

static int client_handle(struct varlink_client *c, const char *text, size_t size)
{
	auto_json cJSON *message = NULL;
	cJSON *outer = c->message;
	struct waiting *w = LIST_FIRST(&c->waiting, struct waiting, link);
	const cJSON *parameters, *error;
	varlink_reply_fn fn;
	bool continues;
	void *userdata;
	int r;

	r = json_parse(text, size, "reply", NULL, &message);
	if (r < 0)
		return r;
	parameters = cJSON_GetObjectItemCaseSensitive(message, "parameters");
	error = cJSON_GetObjectItemCaseSensitive(message, "error");
	continues = json_bool_or(message, "continues", false);
	if (cJSON_IsNull(parameters))
		parameters = NULL;
	if (cJSON_IsNull(error))
		error = NULL;
	/* An answer that nobody asked for: the two ends do not agree on where they are. */
	if (!w || !cJSON_IsObject(message) || (parameters && !cJSON_IsObject(parameters)) ||
	    (error && !cJSON_IsString(error)) || (continues && !w->more))
		return -EPROTO;
	if (error)
		continues = false;
	fn = w->fn;
	userdata = w->userdata;
	if (!continues)
		waiting_free(w);
	c->n_handled++;
	if (!fn)
		return 0;
	/* A callback that waits for another answer is called from within. */
	c->message = message;
	r = fn(c, error ? error->valuestring : NULL, parameters, continues, userdata);
	c->message = outer;
	if (r < 0)
		log_debug_errno(r, "Handler of a varlink reply failed: %m");
	return 0;
}

cJSON *varlink_take_parameters(struct varlink_client *c)
{
	cJSON *parameters = cJSON_DetachItemFromObjectCaseSensitive(c->message, "parameters");

	if (cJSON_IsObject(parameters))
		return parameters;
	json_free(parameters);
	return cJSON_CreateObject();
}

/* Handles the whole messages that were read, or @one; the caller holds a reference. -errno if the
 * connection is of no use any more. */
static int client_process(struct varlink_client *c, bool one)
{
	const char *text;
	size_t size;
	int r = 0;

	while (!c->freed && c->io.fd >= 0) {
		r = varlink_io_next(&c->io, &text, &size);
		if (r <= 0)
			break;
		r = client_handle(c, text, size);
		if (r < 0 || one)
			break;
	}
	return MIN(r, 0);
}

static int on_io(struct source *s _unused_, int fd _unused_, uint32_t revents, void *userdata)
{
	struct varlink_client *c = userdata;
	int r = 0;

	c->refs++;
	if (revents & EPOLLOUT)
		client_flush(c);
	if (revents & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		int end = varlink_io_read(&c->io);

		r = client_process(c, false);
		if (r >= 0 && end <= 0 && end != -EAGAIN)
			r = -ECONNRESET;
	}
	if (r < 0 && !c->freed)
		client_disconnect(c);
	client_unref(c);
	return 0;
}

/* Takes @parameters. */
static int build_call(const char *method, cJSON *parameters, enum varlink_call_flags flags,
                      cJSON **ret)
{
	auto_json cJSON *message = cJSON_CreateObject();
	int r;

	r = json_add_string(message, "method", method);
	if (r < 0) {
		json_free(parameters);
		return r;
	}
	if (parameters)
		r = json_add_take(message, "parameters", parameters);
	if (r >= 0 && (flags & VARLINK_MORE))
		r = json_add_bool(message, "more", true);
	if (r >= 0 && (flags & VARLINK_ONEWAY))
		r = json_add_bool(message, "oneway", true);
	if (r >= 0)
		*ret = TAKE_PTR(message);
	return r;
}

int varlink_send(struct varlink_client *c, const char *method, cJSON *parameters,
                 enum varlink_call_flags flags, varlink_reply_fn fn, void *userdata)
{
	auto_json cJSON *message = NULL;
	struct waiting *w = NULL;
	int r;

	if (c->io.fd < 0 || c->broken || ((flags & VARLINK_MORE) && (flags & VARLINK_ONEWAY))) {
		json_free(parameters);
		return c->io.fd < 0 || c->broken ? -ENOTCONN : -EINVAL;
	}
	r = build_call(method, parameters, flags, &message);
	if (r < 0)
		return r;
	if (!(flags & VARLINK_ONEWAY)) {
		w = calloc(1, sizeof(*w));
		if (!w)
			return -ENOMEM;
		*w = (struct waiting){.fn = fn, .userdata = userdata, .more = flags & VARLINK_MORE};
	}
	r = varlink_io_queue(&c->io, message);
	if (r < 0) {
		free(w);
		return r;
	}
	if (w)
		list_append(&c->waiting, &w->link);
	client_flush(c);
	return 0;
}

/* Waits for the socket until @end (CLOCK_MONOTONIC), writes and reads; messages are left in the
 * buffer. */
static int client_turn(struct varlink_client *c, usec_t end)
{
	struct pollfd p = {.fd = c->io.fd, .events = POLLIN};
	usec_t left = usec_sub(end, now(CLOCK_MONOTONIC));
	struct timespec ts = usec_to_timespec(left);
	int r;

	if (c->io.fd < 0)
		return -ECONNRESET;
	if (varlink_io_pending(&c->io) > 0)
		p.events |= POLLOUT;
	r = ppoll(&p, 1, end == USEC_INFINITY ? NULL : &ts, NULL);
	if (r < 0)
		return errno == EINTR ? 0 : -errno;
	if (r == 0)
		return -ETIMEDOUT;
	if (p.revents & POLLOUT)
		client_flush(c);
	if (!(p.revents & ~POLLOUT))
		return 0;
	r = varlink_io_read(&c->io);
	return r == 0 ? -ECONNRESET : r == -EAGAIN ? 0 : MIN(r, 0);
}

/* Until *@done, or (NULL) until an answer was handled. -ETIMEDOUT leaves the connection as it is.
 */
static int client_wait(struct varlink_client *c, usec_t timeout, const bool *done)
{
	usec_t end =
		timeout == USEC_INFINITY ? USEC_INFINITY : usec_add(now(CLOCK_MONOTONIC), timeout);
	uint64_t before = c->n_handled;
	int r = 0;

	if (c->io.fd < 0)
		return -ECONNRESET;
	c->refs++;
	while (r >= 0) {
		/* With a loop nothing whole may stay in the buffer: epoll would not tell of it. */
		r = client_process(c, !c->loop);
		if (r < 0 || c->freed || (done ? *done : c->n_handled != before))
			break;
		if (!varlink_io_has_message(&c->io))
			r = client_turn(c, end);
	}
	if (r < 0 && r != -ETIMEDOUT && !c->freed) {
		client_disconnect(c);
		r = r == -EBADMSG || r == -EPROTO || r == -EMSGSIZE ? -EPROTO : -ECONNRESET;
	}
	client_unref(c);
	return r;
}

int varlink_wait(struct varlink_client *c, usec_t timeout)
{
	return client_wait(c, timeout, NULL);
}

static int on_sync_reply(struct varlink_client *c, const char *error, const cJSON *parameters,
                         bool continues _unused_, void *userdata)
{
	struct sync *s = userdata;

	s->done = true;
	s->disconnected = error && !parameters && streq(error, DISCONNECTED);
	if (s->disconnected)
		return 0;
	s->parameters = varlink_take_parameters(c);
	if (!s->parameters)
		return -ENOMEM;
	return str_set(&c->error, error);
}

int varlink_call_sync(struct varlink_client *c, const char *method, cJSON *parameters,
                      usec_t timeout, const char **ret_error, cJSON **ret)
{
	struct sync s = {0};
	struct waiting *w;
	int r;

	r = str_set(&c->error, NULL);
	if (r < 0) {
		json_free(parameters);
		return r;
	}
	r = varlink_send(c, method, parameters, 0, on_sync_reply, &s);
	if (r < 0)
		return r == -ENOTCONN ? -ECONNRESET : r;
	w = container_of(c->waiting.prev, struct waiting, link);
	c->refs++;
	r = client_wait(c, timeout, &s.done);
	if (c->freed)
		r = -ECANCELED;
	else if (!s.done)
		/* The answer may still come, and then belongs to nobody. */
		w->fn = NULL;
	client_unref(c);
	if (r >= 0 && s.disconnected)
		r = -ECONNRESET;
	if (r >= 0 && !s.parameters)
		r = -ENOMEM;
	/* A caller that does not ask for the error's name cannot take it for success. */
	if (r >= 0 && c->error && !ret_error)
		r = -EREMOTEIO;
	if (r < 0) {
		json_free(s.parameters);
		return r;
	}
	if (ret_error)
		*ret_error = c->error;
	if (ret)
		*ret = s.parameters;
	else
		json_free(s.parameters);
	return 0;
}
