// SPDX-License-Identifier: Apache-2.0
/*
 * What happened here, to the controller. One report at a time; it carries a number, and is sent
 * again as it was until it is accepted, so that the controller takes each event in once. Events and
 * results leave our queues only then.
 */
#include "fleet/agent.h"

#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

#define REQUEST_TIMEOUT 30
#define BODY_TARGET     (600U << 10)

void report_event(struct agent *a, cJSON *event)
{
	if (cJSON_GetArraySize(a->events) >= EVENTS_MAX) {
		/* The head may be part of a report under way: the oldest behind it goes. */
		cJSON_DeleteItemFromArray(a->events, (int) a->report_events);
		a->n_events_lost++;
	}
	if (json_append_take(a->events, event) < 0)
		a->n_events_lost++;
	report_soon(a);
}

void report_event_text(struct agent *a, const char *kind, const char *fmt, ...)
{
	cJSON *event = cJSON_CreateObject();
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (!event || json_add_string(event, "kind", kind) < 0 ||
	    json_add_string(event, "text", text) < 0 ||
	    json_add_u64(event, "realtime_usec", now(CLOCK_REALTIME)) < 0) {
		json_free(event);
		a->n_events_lost++;
		return;
	}
	report_event(a, event);
}

/* Copies items from the head until the body is large enough. */
static size_t take_some(const cJSON *from, cJSON *to, int max, size_t *budget)
{
	const cJSON *item;
	size_t n = 0;

	cJSON_ArrayForEach(item, from)
	{
		auto_free char *text = json_print(item, false);
		size_t size = text ? strlen(text) : 0;

		if (!text || (int) n >= max || (n > 0 && size > *budget) ||
		    json_append_take(to, cJSON_Duplicate(item, true)) < 0)
			break;
		*budget -= MIN(size, *budget);
		n++;
	}
	return n;
}

static cJSON *status_now(const struct agent *a)
{
	cJSON *status = a->status ? cJSON_Duplicate(a->status, true) : cJSON_CreateObject();

	/* For a moment core may be between two lives; beyond that the controller shall know. */
	if (status && a->core_lost_at &&
	    now(CLOCK_MONOTONIC) - a->core_lost_at > 5 * USEC_PER_SEC) {
		cJSON_DeleteItemFromObject(status, "state");
		(void) json_add_string(status, "state", "core-unreachable");
	}
	return status;
}

static int build(struct agent *a)
{
	auto_json cJSON *o = cJSON_CreateObject();
	size_t budget = BODY_TARGET;
	cJSON *events, *results;

	if (!o || json_add_string(o, "session", a->run) < 0 ||
	    json_add_u64(o, "number", a->report_number + 1) < 0 ||
	    json_add_string(o, "boot", a->boot) < 0 ||
	    json_add_take(o, "status", status_now(a)) < 0 ||
	    !(events = cJSON_AddArrayToObject(o, "events")) ||
	    !(results = cJSON_AddArrayToObject(o, "results")))
		return -ENOMEM;
	a->report_results = take_some(a->results, results, RESULTS_MAX, &budget);
	a->report_events = take_some(a->events, events, EVENTS_A_REPORT, &budget);
	a->report_body = json_print(o, false);
	if (!a->report_body)
		return -ENOMEM;
	a->report_number++;
	return 0;
}

static void drop_head(cJSON *array, size_t n)
{
	while (n-- > 0)
		cJSON_DeleteItemFromArray(array, 0);
}

static void retire_results(struct agent *a)
{
	bool any = a->report_results > 0;

	for (; a->report_results > 0; a->report_results--) {
		const char *id = json_string_or(cJSON_GetArrayItem(a->results, 0), "id", "");

		if (json_append_take(a->done, cJSON_CreateString(id)) < 0)
			log_warning("Out of memory");
		cJSON_DeleteItemFromArray(a->results, 0);
	}
	while (cJSON_GetArraySize(a->done) > DONE_MAX)
		cJSON_DeleteItemFromArray(a->done, 0);
	if (any)
		(void) state_save(a);
}

static void accepted(struct agent *a)
{
	uint64_t lost = a->n_events_lost;

	drop_head(a->events, a->report_events);
	a->report_events = 0;
	retire_results(a);
	a->report_failures = 0;
	a->n_events_lost = 0;
	if (lost > 0)
		report_event_text(a, "agent",
		                  "%llu events could not be kept while the controller was away",
		                  (unsigned long long) lost);
	if (cJSON_GetArraySize(a->events) > 0 || cJSON_GetArraySize(a->results) > 0 ||
	    a->report_wanted)
		report_soon(a);
	else
		(void) source_set_time(a->report_timer, now(CLOCK_MONOTONIC) + HEARTBEAT / 2 +
		                                                random_up_to(HEARTBEAT));
}

/* It will not be taken the next time either: what made it so goes, events first, so that the rest
 * gets through. */
static void refused(struct agent *a, long status, const char *detail)
{
	log_error("The controller refuses a report: %s (status %ld)", detail, status);
	if (a->report_events > 0) {
		drop_head(a->events, a->report_events);
		a->n_events_lost += a->report_events;
	} else {
		retire_results(a);
	}
	a->report_events = a->report_results = 0;
	a->report_failures++;
	(void) source_set_time(a->report_timer, now(CLOCK_MONOTONIC) + backoff(a->report_failures));
}

static void on_reported(struct transfer *t, int error, long status, const char *text, size_t size,
                        void *userdata)
{
	struct agent *a = userdata;
	auto_json cJSON *o = NULL;

	(void) t;
	a->report = NULL;
	if (error >= 0 && status == 200) {
		free(TAKE_PTR(a->report_body));
		return accepted(a);
	}
	if (error >= 0 && (status == 400 || status == 413 || status == 415 || status == 422)) {
		(void) json_parse(text, size, "answer", NULL, &o);
		free(TAKE_PTR(a->report_body));
		return refused(a, status, json_string_or(o, "detail", "no reason given"));
	}
	(void) source_set_time(a->report_timer,
	                       now(CLOCK_MONOTONIC) + backoff(a->report_failures++));
}

static void send_report(struct agent *a)
{
	struct transfer_request q = {.method = "POST",
	                             .path = "/v1/agent/report",
	                             .body = a->report_body,
	                             .timeout_s = REQUEST_TIMEOUT};
	int r = transfer_start(a, &q, on_reported, a, &a->report);

	if (r >= 0)
		return;
	log_warning_errno(r, "Cannot report: %m");
	(void) source_set_time(a->report_timer,
	                       now(CLOCK_MONOTONIC) + backoff(a->report_failures++));
}

void report_facts_are_here(struct agent *a)
{
	if (!a->report_due)
		return;
	a->report_due = false;
	a->report_wanted = false;
	if (build(a) < 0) {
		log_warning("Out of memory: no report now");
		(void) source_set_time(a->report_timer,
		                       now(CLOCK_MONOTONIC) + backoff(a->report_failures++));
		return;
	}
	send_report(a);
}

static int on_report_timer(struct source *s, usec_t deadline, void *userdata)
{
	struct agent *a = userdata;

	(void) deadline;
	if (a->report)
		return 0;
	if (!a->enrolled)
		return source_set_time(s, now(CLOCK_MONOTONIC) + USEC_PER_SEC);
	if (a->report_body) {
		send_report(a);
		return 0;
	}
	a->report_due = true;
	if (core_describe(a) < 0)
		report_facts_are_here(a);
	return 0;
}

void report_soon(struct agent *a)
{
	usec_t soon = now(CLOCK_MONOTONIC) + REPORT_DELAY;

	a->report_wanted = true;
	/* While one is under way, or failing, its end brings us here again. */
	if (a->report || a->report_due || a->report_failures > 0 || !a->report_timer)
		return;
	if (source_get_state(a->report_timer) == SOURCE_OFF ||
	    source_get_time(a->report_timer) > soon)
		(void) source_set_time(a->report_timer, soon);
}

int report_start(struct agent *a)
{
	return loop_add_time(a->loop, CLOCK_MONOTONIC, now(CLOCK_MONOTONIC) + REPORT_DELAY,
	                     10 * USEC_PER_MSEC, "report", on_report_timer, a, &a->report_timer);
}

void report_done(struct agent *a)
{
	a->report = transfer_cancel(a->report);
	a->report_timer = source_free(a->report_timer);
	free(TAKE_PTR(a->report_body));
	a->events = json_free(a->events);
}
