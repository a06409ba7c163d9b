// SPDX-License-Identifier: Apache-2.0
/* Events as a list and as a stream (server-sent events), and the audit log. */
#include "api/controller.h"

#include "base/log.h"

#include <stdio.h>

#define KEEP_ALIVE   (20 * USEC_PER_SEC)
#define REPLAY_BATCH 256

struct stream {
	struct list link;
	struct controller *controller;
	struct http_request *request;
	char machine[ID128_TEXT_MAX]; /* "" for all */
	int64_t sent;                 /* sequence number of the newest event sent */
};

int audit(struct call *c, const char *action, const char *object, const char *detail)
{
	return store_audit_add(c->controller->store, now(CLOCK_REALTIME), c->actor, action, object,
	                       detail);
}

int event_record(struct controller *c, const char *machine, const char *kind, const char *text,
                 const char *data, usec_t at)
{
	struct store_event e = {
		.machine = machine, .kind = kind, .text = text, .data = data, .at = (int64_t) at};

	return store_event_add(c->store, &e, NULL);
}

static cJSON *event_to_json(const struct store_event *e)
{
	auto_json cJSON *o = cJSON_CreateObject();
	cJSON *data = NULL;

	if (!o || json_add_i64(o, "seq", e->seq) < 0 ||
	    json_add_i64(o, "realtime_usec", e->at) < 0 ||
	    json_add_string(o, "machine", e->machine) < 0 ||
	    json_add_string(o, "kind", e->kind) < 0 || json_add_string(o, "text", e->text) < 0)
		return NULL;
	if (e->data && json_parse(e->data, strlen(e->data), "data", NULL, &data) >= 0 &&
	    json_add_take(o, "data", data) < 0)
		return NULL;
	return TAKE_PTR(o);
}

/* ---- the stream ---- */
static int stream_event(const struct store_event *e, void *userdata)
{
	auto_free char *json = NULL;
	struct stream *s = userdata;
	__attribute__((cleanup(strbuf_done))) struct strbuf b = {};
	cJSON *o = event_to_json(e);

	json = o ? json_print(o, false) : NULL;
	json_free(o);
	if (!json)
		return -ENOMEM;
	strbuf_printf(&b, "id: %lld\nevent: %s\ndata: %s\n\n", (long long) e->seq, e->kind, json);
	if (b.error)
		return b.error;
	s->sent = e->seq;
	return http_stream_send(s->request, b.data, b.size);
}

/* Sends what the stream has not seen, a batch at a time: a far behind one goes on at the next
 * wake-up. */
static int stream_catch_up(struct stream *s)
{
	return store_event_each(s->controller->store, s->sent, *s->machine ? s->machine : NULL,
	                        REPLAY_BATCH, stream_event, s);
}

static void stream_free(struct stream *s)
{
	list_remove(&s->link);
	s->controller->n_streams--;
	free(s);
}

static void stream_gone(struct http_request *r, void *userdata)
{
	(void) r;
	stream_free(userdata);
}

void events_publish(struct controller *c)
{
	LIST_FOREACH (s, &c->streams, struct stream, link)
		(void) stream_catch_up(
			s); /* a stream that is too slow was closed by this, and is gone */
}

static int on_keep_alive(struct source *source, usec_t deadline, void *userdata)
{
	struct controller *c = userdata;

	(void) deadline;
	LIST_FOREACH (s, &c->streams, struct stream, link)
		if (stream_catch_up(s) == 0)
			(void) http_stream_send(s->request, ":\n\n", 3);
	return list_is_empty(&c->streams)
	               ? 0
	               : source_set_time(source, now(CLOCK_MONOTONIC) + KEEP_ALIVE);
}

static int keep_alive_start(struct controller *c)
{
	usec_t deadline = now(CLOCK_MONOTONIC) + KEEP_ALIVE;

	if (c->stream_timer)
		return source_set_time(c->stream_timer, deadline);
	return loop_add_time(c->loop, CLOCK_MONOTONIC, deadline, USEC_PER_SEC, "stream-keep-alive",
	                     on_keep_alive, c, &c->stream_timer);
}

static void stream_start(struct call *c, int64_t after, const char *machine)
{
	struct controller *controller = c->controller;
	struct stream *s;

	if (controller->n_streams >= STREAMS_MAX)
		return http_problem(c->request, 503, "too-many-streams",
		                    "There are too many event streams");
	s = calloc(1, sizeof(*s));
	if (!s || keep_alive_start(controller) < 0) {
		free(s);
		return http_problem(c->request, 503, "out-of-memory", "Out of memory");
	}
	*s = (struct stream){.controller = controller, .request = c->request, .sent = after};
	if (machine)
		snprintf(s->machine, sizeof(s->machine), "%s", machine);
	list_append(&controller->streams, &s->link);
	controller->n_streams++;
	http_on_gone(c->request, stream_gone, s);
	http_stream_begin(c->request, "text/event-stream");
	(void) http_stream_send(s->request, "retry: 2000\n\n", 13);
	(void) stream_catch_up(s);
}

/* ---- the list ---- */
static int collect_event(const struct store_event *e, void *userdata)
{
	return json_append_take(userdata, event_to_json(e));
}

static void list_events(struct call *c, bool has_after, int64_t after, const char *machine,
                        int limit)
{
	auto_json cJSON *o = cJSON_CreateObject();
	cJSON *list = o ? cJSON_AddArrayToObject(o, "events") : NULL;
	struct store *s = c->controller->store;
	int r = -ENOMEM;

	if (list)
		r = has_after ? store_event_each(s, after, machine, limit, collect_event, list)
		              : store_event_newest(s, machine, limit, collect_event, list);
	if (r < 0)
		return respond_store_error(c, r);
	respond_json(c, 200, TAKE_PTR(o));
}

/* ?after=SEQ (or Last-Event-ID), ?machine=ID, ?limit=N. A stream without "after" begins with what
 * happens next. */
void handle_events(struct call *c)
{
	auto_free char *after_text = http_query(c->request, "after"),
		       *machine_text = http_query(c->request, "machine");
	auto_free char *limit_text = http_query(c->request, "limit");
	const char *accept = http_header(c->request, HEADER_ACCEPT),
		   *last = http_header(c->request, HEADER_LAST_EVENT_ID);
	uint64_t after = 0, limit = 100;
	struct machine *m = NULL;
	int64_t newest = 0;
	bool has_after;

	if (last && str_set(&after_text, last) < 0)
		return http_problem(c->request, 503, "out-of-memory", "Out of memory");
	has_after = after_text && *after_text;
	if ((has_after && (str_to_u64(after_text, 10, &after) < 0 || after > INT64_MAX)) ||
	    (limit_text &&
	     (str_to_u64(limit_text, 10, &limit) < 0 || limit == 0 || limit > STORE_LIST_MAX)))
		return http_problem(c->request, 400, "bad-parameter",
		                    "\"after\" must be a number, \"limit\" one from 1 to %d",
		                    STORE_LIST_MAX);
	if (machine_text && *machine_text) {
		m = machine_find(c->controller, machine_text);
		if (!m)
			return http_problem(c->request, 404, "no-such-machine",
			                    "There is no machine \"%.64s\"", machine_text);
	}
	if (!accept || !strstr(accept, "text/event-stream"))
		return list_events(c, has_after, (int64_t) after, m ? m->id : NULL, (int) limit);
	if (!has_after && store_event_last(c->controller->store, &newest) < 0)
		return respond_store_error(c, -EIO);
	stream_start(c, has_after ? (int64_t) after : newest, m ? m->id : NULL);
}

/* ---- audit ---- */
static int collect_audit(const struct store_audit *a, void *userdata)
{
	cJSON *list = userdata;
	auto_json cJSON *o = cJSON_CreateObject();

	if (!o || json_add_i64(o, "seq", a->seq) < 0 ||
	    json_add_i64(o, "realtime_usec", a->at) < 0 ||
	    json_add_string(o, "actor", a->actor) < 0 ||
	    json_add_string(o, "action", a->action) < 0 ||
	    json_add_string(o, "object", a->object) < 0 ||
	    json_add_string(o, "detail", a->detail) < 0 || json_add_string(o, "hash", a->hash) < 0)
		return -ENOMEM;
	return json_append_take(list, TAKE_PTR(o));
}

void handle_audit(struct call *c)
{
	auto_free char *after_text = http_query(c->request, "after");
	auto_json cJSON *o = cJSON_CreateObject();
	cJSON *list = o ? cJSON_AddArrayToObject(o, "entries") : NULL;
	struct store *s = c->controller->store;
	uint64_t after = 0;
	int64_t bad = 0;
	int r, chain;

	if (after_text && (str_to_u64(after_text, 10, &after) < 0 || after > INT64_MAX))
		return http_problem(c->request, 400, "bad-parameter", "\"after\" must be a number");
	r = list ? store_audit_each(s, (int64_t) after, STORE_LIST_MAX, collect_audit, list)
	         : -ENOMEM;
	chain = r >= 0 ? store_audit_verify(s, &bad) : r;
	if (r < 0 || (chain < 0 && chain != -EBADMSG))
		return respond_store_error(c, r < 0 ? r : chain);
	if (json_add_bool(o, "intact", chain >= 0) < 0 ||
	    (chain < 0 && json_add_i64(o, "first_bad_seq", bad) < 0))
		o = json_free(o);
	respond_json(c, 200, TAKE_PTR(o));
}
