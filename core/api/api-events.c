// SPDX-License-Identifier: Apache-2.0
/* The stream of events: a ring of the newest ones, and subscribers that follow it. */
#include "api/api-internal.h"

static const char *const event_kinds[] = {[EVENT_UNIT] = "unit",
                                          [EVENT_JOB] = "job",
                                          [EVENT_MANAGER] = "manager",
                                          [EVENT_CRASH] = "crash"};

static cJSON *event_to_json(const struct api_event *e)
{
	cJSON *wrap = cJSON_CreateObject(), *o = cJSON_CreateObject();

	if (!wrap || !o) {
		cJSON_Delete(wrap);
		cJSON_Delete(o);
		return NULL;
	}
	json_add_string(o, "kind", event_kinds[e->kind]);
	json_add_u64(o, "seq", e->number);
	json_add_u64(o, "realtime_usec", e->realtime);
	switch (e->kind) {
	case EVENT_UNIT:
		json_add_string(o, "unit", e->text);
		json_add_string(o, "active", unit_active_state_to_string(e->new));
		json_add_string(o, "previous", unit_active_state_to_string(e->old));
		json_add_string(o, "sub", e->sub);
		json_add_string(o, "result", e->result);
		if (e->main_pid > 0)
			json_add_i64(o, "main_pid", e->main_pid);
		break;
	case EVENT_JOB:
		json_add_string(o, "unit", e->text);
		json_add_u64(o, "job", e->job);
		json_add_string(o, "job_type", job_type_to_string(e->job_type));
		if (e->job_result >= 0)
			json_add_string(o, "job_result",
			                job_result_to_string((enum job_result) e->job_result));
		break;
	case EVENT_MANAGER:
	case EVENT_CRASH:
		json_add_string(o, "text", e->text);
		break;
	}
	json_add_take(wrap, "event", o);
	json_add_u64(wrap, "seq", e->number);
	return wrap;
}

static void subscriber_free(struct api_subscriber *s)
{
	list_remove(&s->link);
	/* When core ends its call is still there, and ends after us. */
	varlink_call_on_gone(s->call, NULL, NULL);
	varlink_call_unref(s->call);
	free(s);
}

static void on_subscriber_gone(struct varlink_call *call, void *userdata)
{
	(void) call;
	subscriber_free(userdata);
}

/* Takes the text of @e. */
static void event_add(struct api *a, struct api_event e)
{
	struct api_event *slot = &a->events[a->n_events % API_EVENTS_KEPT];

	if (!e.text)
		return; /* out of memory: this event is lost, and its number shows no gap that could
		           be noticed; the state is right */
	free(slot->text);
	e.number = ++a->last_event;
	e.realtime = now(CLOCK_REALTIME);
	*slot = e;
	a->n_events++;

	LIST_FOREACH (s, &a->subscribers, struct api_subscriber, link) {
		cJSON *j = event_to_json(slot);

		/* A subscriber that is too slow is cut off by the server, and leaves through
		 * on_subscriber_gone(). */
		if (j)
			(void) varlink_notify(s->call, j);
	}
}

void api_unit_changed(struct unit *u, enum unit_active_state old, enum unit_active_state new)
{
	struct api *a = api_of(u->manager);

	if (!a)
		return;
	api_follow_soon(a);
	event_add(a, (struct api_event){
			     .kind = EVENT_UNIT,
			     .old = old,
			     .new = new,
			     .sub = unit_sub_state(u),
			     .result = u->ops->result ? u->ops->result(u) : NULL,
			     .main_pid = u->ops->main_pid ? u->ops->main_pid(u) : 0,
			     .text = strdup(u->id),
		     });
}

static void job_event(struct job *j, int result)
{
	struct api *a = api_of(j->manager);

	if (!a || j->type == JOB_NOP)
		return;
	event_add(a, (struct api_event){.kind = EVENT_JOB,
	                                .job = j->id,
	                                .job_type = j->type,
	                                .job_result = result,
	                                .text = strdup(j->unit->id)});
}

void api_job_added(struct job *j)
{
	job_event(j, -1);
}

void api_job_removed(struct job *j, enum job_result result)
{
	struct api *a = api_of(j->manager);

	if (a)
		api_follow_soon(a);
	job_event(j, (int) result);
}

void api_manager_event(struct manager *m, const char *text)
{
	struct api *a = api_of(m);

	if (a)
		event_add(a, (struct api_event){.kind = EVENT_MANAGER, .text = strdup(text)});
}

void api_crash_added(struct manager *m, const char *id, const char *summary)
{
	struct api *a = api_of(m);

	if (a)
		event_add(a, (struct api_event){.kind = EVENT_CRASH,
		                                .text = str_printf("%s; report %s", summary, id)});
}

/* Sends what the ring still has after number @after. */
static int replay(struct api *a, struct varlink_call *call, uint64_t after)
{
	size_t kept = MIN(a->n_events, (size_t) API_EVENTS_KEPT);
	size_t first = a->n_events - kept;

	/* Numbers have gaps where core was restarted, so "lost" says only that there may be a hole
	 * before the first event kept. */
	if (kept && a->events[first % API_EVENTS_KEPT].number > after + 1) {
		cJSON *lost = cJSON_CreateObject();

		if (!lost)
			return -ENOMEM;
		json_add_u64(lost, "lost", 1);
		json_add_u64(lost, "seq", a->events[first % API_EVENTS_KEPT].number - 1);
		varlink_notify(call, lost);
	}
	for (size_t i = first; i < a->n_events; i++) {
		const struct api_event *e = &a->events[i % API_EVENTS_KEPT];
		cJSON *j;

		if (e->number <= after)
			continue;
		j = event_to_json(e);
		if (!j)
			return -ENOMEM;
		varlink_notify(call, j);
	}
	return 0;
}

int api_subscribe(struct varlink_call *call, const cJSON *parameters, void *userdata)
{
	struct api *a = userdata;
	struct api_subscriber *s;
	uint64_t after;
	cJSON *hello;
	int r;

	if (!varlink_call_wants_more(call))
		return varlink_error_text(call, "org.sysmaster.Error.Failed",
		                          "Subscribe streams: call it with \"more\"");
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->api = a;

	/* The first answer has no event: the caller knows from it that nothing after this number is
	 * missed. */
	hello = cJSON_CreateObject();
	if (!hello) {
		free(s);
		return -ENOMEM;
	}
	json_add_u64(hello, "seq", a->last_event);
	varlink_notify(call, hello);
	if (json_get_u64(parameters, "after", &after) >= 0) {
		r = replay(a, call, after);
		if (r < 0) {
			free(s);
			return r;
		}
	}
	s->call = varlink_call_ref(call);
	list_append(&a->subscribers, &s->link);
	varlink_call_on_gone(call, on_subscriber_gone, s);
	return 0;
}

void api_events_done(struct api *a)
{
	LIST_FOREACH (s, &a->subscribers, struct api_subscriber, link)
		subscriber_free(s);
	for (size_t i = 0; i < API_EVENTS_KEPT; i++)
		free(a->events[i].text);
}
