// SPDX-License-Identifier: Apache-2.0
/* Getting in, and staying in touch: enrolment, the long poll, renewal. One thing at a time, with
 * pauses that the server steers. */
#include "fleet/agent.h"

#include "base/log.h"

#include <stdio.h>
#include <unistd.h>

#define REQUEST_TIMEOUT 30
#define LEAST_PAUSE     USEC_PER_SEC /* after an empty answer that came at once */
#define SPREAD_DEFAULT  10
#define SPREAD_MAX      600
#define RENEW_RETRY     USEC_PER_HOUR

static void enroll(struct agent *a);
static void poll(struct agent *a);

static int on_session_timer(struct source *s, usec_t deadline, void *userdata)
{
	struct agent *a = userdata;

	(void) s;
	(void) deadline;
	if (a->poll || a->session)
		return 0;
	if (a->enrolled)
		poll(a);
	else
		enroll(a);
	return 0;
}

static void again_in(struct agent *a, usec_t pause)
{
	(void) source_set_time(a->poll_timer, now(CLOCK_MONOTONIC) + pause);
}

/* The first failure after a working connection is most likely the controller's: then everybody is
 * spread over the width that it gave. */
static void failed(struct agent *a, const char *retry_after)
{
	usec_t pause = backoff(a->n_failures);
	uint64_t seconds;

	if (a->has_worked)
		pause = MAX(pause, random_up_to(a->reconnect_spread_s * USEC_PER_SEC));
	if (retry_after && *retry_after && str_to_u64(retry_after, 10, &seconds) >= 0)
		pause = MAX(pause, MIN(seconds, (uint64_t) 3600) * USEC_PER_SEC +
		                           random_up_to(USEC_PER_SEC));
	a->has_worked = false;
	a->n_failures++;
	again_in(a, pause);
}

static void worked(struct agent *a)
{
	if (a->n_failures > 0)
		log_info("The controller is back");
	a->n_failures = 0;
	a->has_worked = true;
}

/* ---- enrolment ---- */
static bool token_is_fresh(const struct agent *a)
{
	char hash[65];

	return !str_is_empty(a->config.token) && hash_text(a->config.token, hash) >= 0 &&
	       !streq_ptr(hash, a->refused_token);
}

static void remember_token(struct agent *a)
{
	char hash[65];

	if (!str_is_empty(a->config.token) && hash_text(a->config.token, hash) >= 0)
		(void) str_set(&a->refused_token, hash);
}

static void enrolled(struct agent *a, const cJSON *answer)
{
	const char *certificate = json_string_or(answer, "certificate", ""),
		   *ca = json_string_or(answer, "ca", NULL);
	const char *epoch = json_string_or(answer, "server_epoch", "");
	int r = identity_store(a, certificate, ca);

	if (r < 0) {
		log_error_errno(r, "The controller's certificate cannot be used: %m");
		return failed(a, NULL);
	}
	/* Numbers of an earlier controller mean nothing to this one. */
	if (!streq(a->epoch, epoch)) {
		snprintf(a->epoch, sizeof(a->epoch), "%.32s", epoch);
		a->after = 0;
	}
	remember_token(a);
	(void) state_save(a);
	a->enrolled = true;
	worked(a);
	log_notice("Enrolled with %s as %s", a->config.controller, a->machine);
	(void) source_set_time(a->renew_timer, identity_renew_at(a));
	report_soon(a);
	again_in(a, 0);
}

static void on_enrolled(struct transfer *t, int error, long status, const char *text, size_t size,
                        void *userdata)
{
	struct agent *a = userdata;
	auto_json cJSON *o = NULL;

	a->session = NULL;
	if (error < 0) {
		if (a->n_failures == 0)
			log_warning("Cannot reach %s: %s", a->config.controller, text);
		return failed(a, NULL);
	}
	(void) json_parse(text, size, "answer", NULL, &o);
	if (status == 201 && o)
		return enrolled(a, o);
	log_error("The controller does not let this machine in: %s (status %ld)",
	          json_string_or(o, "detail", "no reason given"), status);
	if (status == 403) {
		remember_token(a);
		(void) state_save(a);
		a->n_failures = 16; /* asking faster does not make the token better */
	}
	failed(a, transfer_header(t, "Retry-After"));
}

static const char *host_name(const struct agent *a, char *buf, size_t size)
{
	if (!str_is_empty(a->config.name))
		return a->config.name;
	if (gethostname(buf, size) < 0 || !*buf)
		return "localhost";
	buf[size - 1] = 0;
	return buf;
}

static void enroll(struct agent *a)
{
	struct transfer_request q = {.method = "POST",
	                             .path = "/v1/enroll",
	                             .anonymous = true,
	                             .timeout_s = REQUEST_TIMEOUT};
	auto_free char *csr = NULL, *body = NULL;
	auto_json cJSON *o = cJSON_CreateObject();
	char host[256];
	int r;

	if (str_is_empty(a->config.token)) {
		log_error("There is no certificate and no Token= in \"%s\": this machine cannot "
		          "enrol",
		          a->config.config_path);
		return again_in(a, BACKOFF_CAP);
	}
	r = identity_csr(a, &csr);
	if (r >= 0 &&
	    (!o || json_add_string(o, "token", a->config.token) < 0 ||
	     json_add_string(o, "csr", csr) < 0 ||
	     json_add_string(o, "machine_id", a->machine) < 0 ||
	     json_add_string(o, "boot_id", a->boot) < 0 ||
	     json_add_string(o, "hostname", host_name(a, host, sizeof(host))) < 0 ||
	     json_add_string(o, "version", json_string_or(a->status, "version", "unknown")) < 0 ||
	     !(body = json_print(o, false))))
		r = -ENOMEM;
	q.body = body;
	if (r >= 0)
		r = transfer_start(a, &q, on_enrolled, a, &a->session);
	if (r < 0) {
		log_error_errno(r, "Cannot ask to be enrolled: %m");
		failed(a, NULL);
	}
}

/* ---- the long poll ---- */
static void steer(struct agent *a, const char *epoch, uint64_t spread)
{
	if (*epoch && !streq(a->epoch, epoch)) {
		log_notice("The controller has another database than before; asking for all open "
		           "commands");
		snprintf(a->epoch, sizeof(a->epoch), "%.32s", epoch);
		a->after = 0;
		(void) state_save(a);
	}
	a->reconnect_spread_s = MIN(spread, (uint64_t) SPREAD_MAX);
}

static void poll_empty(struct agent *a, struct transfer *t, bool at_once)
{
	uint64_t spread = SPREAD_DEFAULT, next = 0;

	(void) str_to_u64(transfer_header(t, "Fleet-Reconnect-Spread"), 10, &spread);
	(void) str_to_u64(transfer_header(t, "Fleet-Next-Poll"), 10, &next);
	steer(a, transfer_header(t, "Fleet-Epoch"), spread);
	worked(a);
	again_in(a, MAX(MIN(next, (uint64_t) 3600) * USEC_PER_SEC, at_once ? LEAST_PAUSE : 0));
}

static void poll_commands(struct agent *a, const char *text, size_t size)
{
	auto_json cJSON *o = NULL;
	const cJSON *list;
	int r = json_parse(text, size, "commands", NULL, &o);

	if (r >= 0) {
		steer(a, json_string_or(o, "server_epoch", ""),
		      json_u64_or(o, "reconnect_spread_s", SPREAD_DEFAULT));
		r = json_get_array(o, "commands", &list);
	}
	if (r >= 0)
		r = commands_take(a, list);
	if (r < 0) {
		log_warning_errno(r, "Cannot take the controller's commands: %m");
		return failed(a, NULL);
	}
	worked(a);
	again_in(a, MIN(json_u64_or(o, "next_poll_s", 0), (uint64_t) 3600) * USEC_PER_SEC);
	commands_run(a);
}

static void on_poll(struct transfer *t, int error, long status, const char *text, size_t size,
                    void *userdata)
{
	struct agent *a = userdata;
	bool at_once = now(CLOCK_MONOTONIC) - a->poll_began < LEAST_PAUSE;

	a->poll = NULL;
	if (error < 0) {
		if (a->n_failures == 0)
			log_info("Lost the controller: %s", text);
		return failed(a, NULL);
	}
	if (status == 204)
		return poll_empty(a, t, at_once);
	if (status == 200)
		return poll_commands(a, text, size);
	if (status == 401 || status == 403) {
		log_warning("The controller does not know this machine any more");
		if (token_is_fresh(a))
			a->enrolled = false;
		else
			a->n_failures = 16;
	}
	failed(a, transfer_header(t, "Retry-After"));
}

static void poll(struct agent *a)
{
	auto_free char *path = str_printf("/v1/agent/next?after=%llu&wait=%d&epoch=%s",
	                                  (unsigned long long) a->after, POLL_WAIT, a->epoch);
	struct transfer_request q = {.method = "GET", .path = path, .timeout_s = POLL_WAIT + 25};
	int r = -ENOMEM;

	/* Full hands: what is here is done first. */
	if (a->n_commands >= COMMANDS_MAX)
		return again_in(a, 5 * USEC_PER_SEC);
	a->poll_began = now(CLOCK_MONOTONIC);
	if (path)
		r = transfer_start(a, &q, on_poll, a, &a->poll);
	if (r < 0) {
		log_error_errno(r, "Cannot ask for commands: %m");
		failed(a, NULL);
	}
}

/* ---- renewal ---- */
static void on_renewed(struct transfer *t, int error, long status, const char *text, size_t size,
                       void *userdata)
{
	struct agent *a = userdata;
	auto_json cJSON *o = NULL;
	int r = error;

	(void) t;
	a->session = NULL;
	if (r >= 0)
		r = status == 201 ? json_parse(text, size, "answer", NULL, &o) : -EPROTO;
	if (r >= 0)
		r = identity_store(a, json_string_or(o, "certificate", ""),
		                   json_string_or(o, "ca", NULL));
	if (r < 0) {
		log_warning_errno(r,
		                  "The certificate could not be renewed, trying again later: %m");
		(void) source_set_time(a->renew_timer, now(CLOCK_REALTIME) + RENEW_RETRY / 2 +
		                                               random_up_to(RENEW_RETRY));
		return;
	}
	log_info("The certificate was renewed");
	(void) source_set_time(a->renew_timer, identity_renew_at(a));
}

static int on_renew_timer(struct source *s, usec_t deadline, void *userdata)
{
	struct transfer_request q = {
		.method = "POST", .path = "/v1/agent/renew", .timeout_s = REQUEST_TIMEOUT};
	auto_json cJSON *o = cJSON_CreateObject();
	auto_free char *csr = NULL, *body = NULL;
	struct agent *a = userdata;
	int r;

	(void) deadline;
	/* The clock may have been set: the certificate says when it is time. */
	if (!a->enrolled || a->session || identity_renew_at(a) > now(CLOCK_REALTIME))
		return source_set_time(
			s, MAX(identity_renew_at(a), now(CLOCK_REALTIME) + USEC_PER_MINUTE));
	r = identity_csr(a, &csr);
	if (r >= 0 && (!o || json_add_string(o, "csr", csr) < 0 || !(body = json_print(o, false))))
		r = -ENOMEM;
	q.body = body;
	if (r >= 0)
		r = transfer_start(a, &q, on_renewed, a, &a->session);
	if (r < 0)
		return source_set_time(s, now(CLOCK_REALTIME) + RENEW_RETRY);
	return 0;
}

int session_start(struct agent *a)
{
	int r;

	a->enrolled = identity_is_enrolled(a);
	a->reconnect_spread_s = SPREAD_DEFAULT;
	r = loop_add_time(a->loop, CLOCK_MONOTONIC, now(CLOCK_MONOTONIC), 10 * USEC_PER_MSEC,
	                  "session", on_session_timer, a, &a->poll_timer);
	if (r >= 0)
		r = loop_add_time(a->loop, CLOCK_REALTIME,
		                  a->enrolled ? identity_renew_at(a) : USEC_INFINITY, USEC_PER_SEC,
		                  "renew", on_renew_timer, a, &a->renew_timer);
	return r;
}

void session_done(struct agent *a)
{
	a->poll = transfer_cancel(a->poll);
	a->session = transfer_cancel(a->session);
	a->poll_timer = source_free(a->poll_timer);
	a->renew_timer = source_free(a->renew_timer);
}
