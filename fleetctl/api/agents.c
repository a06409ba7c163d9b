// SPDX-License-Identifier: Apache-2.0
/* What machines ask: to be let in, to renew, to report. (The long poll is in commands.c.) */
#include "api/controller.h"

#include "base/log.h"

#include <stdio.h>

/* ---- enrolment and renewal ---- */
static bool machine_id_is_valid(const char *id)
{
	return strlen(id) == ID128_TEXT_MAX - 1 &&
	       strspn(id, "0123456789abcdef") == ID128_TEXT_MAX - 1;
}

static int store_issued(struct controller *c, const char *machine,
                        const struct pki_certificate *issued, const char *keep, usec_t at)
{
	struct store_certificate s = {.fingerprint = issued->fingerprint,
	                              .serial = issued->serial,
	                              .kind = "agent",
	                              .subject = machine,
	                              .not_after = (int64_t) issued->not_after,
	                              .created_at = (int64_t) at};
	int r = store_certificate_revoke(c->store, "agent", machine, keep, at);

	return r < 0 ? r : store_certificate_add(c->store, &s);
}

static cJSON *issued_to_json(const struct controller *c, const char *machine,
                             const struct pki_certificate *issued)
{
	auto_json cJSON *o = cJSON_CreateObject();

	if (!o || json_add_string(o, "machine", machine) < 0 ||
	    json_add_string(o, "certificate", issued->pem) < 0 ||
	    json_add_string(o, "ca", pki_ca_pem(c->pki)) < 0 ||
	    json_add_string(o, "server_epoch", store_epoch(c->store)) < 0 ||
	    json_add_u64(o, "not_after_usec", issued->not_after) < 0 ||
	    json_add_u64(o, "next_poll_s", 0) < 0 || json_add_u64(o, "reconnect_spread_s", 10) < 0)
		return NULL;
	return TAKE_PTR(o);
}

static bool sign(struct call *c, const char *csr, const char *machine, struct pki_certificate *ret)
{
	char first[DIAG_TEXT_MAX];
	struct diag d = {};
	int r = pki_sign(c->controller->pki, csr, PKI_O_AGENTS, machine, AGENT_LIFETIME, &d, ret);

	if (r == -EBADMSG || r == -EKEYREJECTED)
		http_problem(c->request, 422, "bad-csr", "%s",
		             diag_first(&d, first, sizeof(first)));
	else if (r < 0)
		http_problem(c->request, 500, "pki", "The certificate could not be issued");
	return r >= 0;
}

/* How long a machine may ask once more with the token and the key of before. */
#define ENROLMENT_REPEAT USEC_PER_HOUR

struct enrolment {
	const char *token, *csr, *machine, *hostname, *version, *boot;
	char token_id[ID128_TEXT_MAX];
	struct pki_certificate issued;
};

/* One transaction: the token's use, the machine, its certificate, the audit entry. */
static int enroll_store(struct call *c, struct enrolment *e, const char *hash)
{
	usec_t at = now(CLOCK_REALTIME);
	struct store_machine m = {.id = e->machine,
	                          .hostname = e->hostname,
	                          .version = e->version,
	                          .boot = e->boot,
	                          .state = "enrolled",
	                          .enrolled_at = (int64_t) at,
	                          .last_seen = (int64_t) at};
	auto_free char *detail = NULL;
	struct controller *controller = c->controller;
	int r;

	r = store_token_use(controller->store, hash, at, e->token_id);
	if ((r == -EKEYREVOKED || r == -EKEYEXPIRED) &&
	    store_enrolment_has(controller->store, hash, e->machine, e->issued.key,
	                        usec_sub(at, ENROLMENT_REPEAT)) > 0)
		r = 0; /* its answer got lost: whoever has token and key is the one we let in */
	if (r < 0)
		return r;
	detail = str_printf("token %s, from %s", e->token_id, http_peer(c->request));
	if (!detail)
		return -ENOMEM;
	r = store_machine_enroll(controller->store, &m);
	if (r >= 0)
		r = store_enrolment_put(controller->store, hash, e->machine, e->issued.key, at);
	if (r >= 0)
		r = store_issued(controller, e->machine, &e->issued, NULL, at);
	if (r >= 0)
		r = audit(c, "machine.enroll", e->machine, detail);
	if (r >= 0)
		r = event_record(controller, e->machine, "machine", "Machine enrolled", NULL, at);
	if (r >= 0)
		r = store_commit(controller->store);
	else
		return r;
	if (r < 0)
		return r;
	if (!machine_put(controller, &m) ||
	    identity_put(controller, e->issued.fingerprint, ROLE_OF_AGENT, e->machine,
	                 e->issued.not_after) < 0)
		log_error("Out of memory after an enrolment: machine %s is known again after a "
		          "restart",
		          e->machine);
	identities_drop(controller, ROLE_OF_AGENT, e->machine, e->issued.fingerprint);
	return 1;
}

static void enroll_refuse(struct call *c, const struct enrolment *e, int error)
{
	const char *why = error == -ENOENT        ? "unknown"
	                  : error == -EKEYEXPIRED ? "expired"
	                                          : "used up";

	log_notice("Refused to enrol machine %s (\"%s\") from %s: its token is %s", e->machine,
	           e->hostname, http_peer(c->request), why);
	if (audit(c, "machine.enroll-refused", e->machine, why) < 0)
		log_warning("The refusal could not be written to the audit log");
	c->controller->n_refused++;
	/* One code for all three: a guesser learns nothing from it. The log and the audit tell them
	 * apart. */
	http_problem(c->request, 403, "bad-token", "The token is unknown, expired or used up");
}

void handle_enroll(struct call *c)
{
	auto_json cJSON *body = body_object(c);
	char hash[STORE_HASH_TEXT];
	struct enrolment e = {};
	int r;

	if (!body)
		return;
	e.token = json_string_or(body, "token", "");
	e.csr = json_string_or(body, "csr", "");
	e.machine = json_string_or(body, "machine_id", "");
	e.hostname = json_string_or(body, "hostname", "");
	e.version = json_string_or(body, "version", "unknown");
	e.boot = json_string_or(body, "boot_id", "");
	if (!machine_id_is_valid(e.machine))
		return http_problem(c->request, 422, "bad-machine-id",
		                    "\"machine_id\" must be 32 hex digits");
	if (!text_is_plain(e.hostname, TEXT_FIELD_MAX) ||
	    !text_is_plain(e.version, TEXT_FIELD_MAX) || strlen(e.boot) > 64)
		return http_problem(
			c->request, 422, "bad-field",
			"\"hostname\", \"version\" and \"boot_id\" must be short texts");
	if (!text_is_plain(e.token, 128) || token_hash(e.token, hash) < 0)
		return http_problem(c->request, 403, "bad-token",
		                    "The token is unknown, expired or used up");
	if (!sign(c, e.csr, e.machine, &e.issued))
		return;
	r = store_begin(c->controller->store);
	if (r >= 0) {
		r = enroll_store(c, &e, hash);
		if (r <= 0)
			store_abort(c->controller->store);
	}
	if (r == -ENOENT || r == -EKEYEXPIRED || r == -EKEYREVOKED) {
		enroll_refuse(c, &e, r);
	} else if (r < 0) {
		respond_store_error(c, r);
	} else {
		log_notice("Machine %s (\"%s\") enrolled", e.machine, e.hostname);
		events_publish(c->controller);
		respond_json(c, 201, issued_to_json(c->controller, e.machine, &e.issued));
	}
	pki_certificate_done(&e.issued);
}

void handle_agent_renew(struct call *c)
{
	auto_json cJSON *body = body_object(c);
	struct controller *controller = c->controller;
	const char *keep = http_fingerprint(c->request);
	struct pki_certificate issued = {};
	usec_t at = now(CLOCK_REALTIME);
	int r;

	if (!body || !sign(c, json_string_or(body, "csr", ""), c->machine->id, &issued))
		return;
	/* The certificate in use stays good until the next renewal: the answer may get lost. */
	r = store_begin(controller->store);
	if (r >= 0) {
		r = store_issued(controller, c->machine->id, &issued, keep, at);
		if (r >= 0)
			r = audit(c, "machine.renew", c->machine->id, issued.serial);
		if (r >= 0)
			r = store_commit(controller->store);
		else
			store_abort(controller->store);
	}
	if (r >= 0)
		r = identity_put(controller, issued.fingerprint, ROLE_OF_AGENT, c->machine->id,
		                 issued.not_after);
	if (r < 0)
		respond_store_error(c, r);
	else
		respond_json(c, 201, issued_to_json(controller, c->machine->id, &issued));
	pki_certificate_done(&issued);
}

/* ---- reports ---- */
struct report {
	const char *session, *boot, *hostname, *version, *state;
	uint64_t number, n_failed;
	char *status; /* JSON text */
	const cJSON *events, *results;
};

static const char *report_check(const cJSON *body, const struct machine *m, struct report *r)
{
	const cJSON *status = NULL;

	r->session = json_string_or(body, "session", "");
	r->boot = json_string_or(body, "boot", "");
	if (!text_is_plain(r->session, 64) || json_get_u64(body, "number", &r->number) < 0 ||
	    r->number == 0 || r->number > INT64_MAX)
		return "\"session\" and \"number\" must say which report this is";
	if (!text_is_plain(r->boot, 64))
		return "\"boot\" must be the boot id";
	if (json_get_object(body, "status", &status) == -EINVAL ||
	    json_get_array(body, "events", &r->events) == -EINVAL ||
	    json_get_array(body, "results", &r->results) == -EINVAL)
		return "\"status\" must be an object, \"events\" and \"results\" lists";
	r->version = json_string_or(status, "version", m->version);
	r->hostname = json_string_or(status, "hostname", m->hostname);
	r->state = json_string_or(status, "state", m->state);
	r->n_failed = json_u64_or(status, "n_failed", m->n_failed);
	if (!text_is_plain(r->version, TEXT_FIELD_MAX) ||
	    !text_is_plain(r->hostname, TEXT_FIELD_MAX) ||
	    !text_is_plain(r->state, TEXT_FIELD_MAX) || r->n_failed > INT32_MAX)
		return "\"status\" holds a field that is not what it should be";
	if (cJSON_GetArraySize(r->events) > EVENTS_A_REPORT ||
	    cJSON_GetArraySize(r->results) > RESULTS_A_REPORT)
		return "There are too many events or results for one report";
	r->status = status ? json_print(status, false) : m->status ? strdup(m->status) : NULL;
	if (r->status && strlen(r->status) > STATUS_MAX)
		return "\"status\" is too large";
	return NULL;
}

/* A line for people out of one of core's events. */
static char *event_text(const cJSON *e)
{
	const char *text = json_string_or(e, "text", NULL), *unit = json_string_or(e, "unit", NULL);
	const char *active = json_string_or(e, "active", NULL),
		   *result = json_string_or(e, "result", NULL);
	const char *previous = json_string_or(e, "previous", NULL);

	if (text)
		return strndup(text, 4 * (size_t) TEXT_FIELD_MAX);
	if (unit && active)
		return str_printf("%.255s %s%s%s%s%.64s%s", unit, previous ? previous : "",
		                  previous ? " -> " : "is ", active, result ? " (" : "",
		                  result ? result : "", result ? ")" : "");
	if (unit && json_string_or(e, "job_type", NULL))
		return str_printf("%.255s %.32s job %.32s", unit, json_string_or(e, "job_type", ""),
		                  json_string_or(e, "job_result", "queued"));
	return strdup("");
}

static int report_event(struct controller *c, const struct machine *m, const cJSON *e)
{
	const char *kind = json_string_or(e, "kind", "");
	auto_free char *text = NULL, *data = NULL;

	/* One odd event does not cost the others their place: it is kept as what it is. */
	if (!cJSON_IsObject(e) || !text_is_plain(kind, 32))
		kind = "unknown";
	text = event_text(e);
	data = json_print(e, false);
	if (!text || !data)
		return -ENOMEM;
	return event_record(c, m->id, kind, text, strlen(data) <= EVENT_DATA_MAX ? data : NULL,
	                    json_u64_or(e, "realtime_usec", now(CLOCK_REALTIME)));
}

static int report_result(struct controller *c, const struct machine *m, const cJSON *e, usec_t at,
                         cJSON *accepted)
{
	const char *id = json_string_or(e, "id", "");
	bool ok = json_bool_or(e, "ok", false);
	auto_free char *text = NULL, *line = NULL;
	int r;

	if (!text_is_plain(id, 64))
		return 0;
	text = json_print(e, false);
	if (!text)
		return -ENOMEM;
	if (strlen(text) > RESULT_MAX) {
		free(text);
		text = strdup("{\"ok\":false,\"message\":\"The result was too large to keep\"}");
		if (!text)
			return -ENOMEM;
	}
	r = store_command_finish(c->store, m->id, id, ok ? "done" : "failed", text, at);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r > 0) {
		line = str_printf("Command %.32s %s%s%.200s", id, ok ? "done" : "failed",
		                  ok ? "" : ": ",
		                  ok ? "" : json_string_or(e, "message", "no reason given"));
		if (!line)
			return -ENOMEM;
		r = event_record(c, m->id, "command", line, NULL, at);
		if (r < 0)
			return r;
	}
	/* Known or not, it was heard: the agent need not keep it. */
	return json_append_take(accepted, cJSON_CreateString(id));
}

static int report_store(struct controller *c, struct machine *m, const struct report *p,
                        cJSON *accepted)
{
	bool repeated = m->report_session && streq(m->report_session, p->session) &&
	                (int64_t) p->number <= m->report_number;
	usec_t at = now(CLOCK_REALTIME);
	struct store_machine s = {.id = m->id,
	                          .hostname = p->hostname,
	                          .version = p->version,
	                          .state = p->state,
	                          .boot = p->boot,
	                          .n_failed = (int64_t) p->n_failed,
	                          .status = p->status,
	                          .report_session = p->session,
	                          .report_number = (int64_t) p->number,
	                          .enrolled_at = (int64_t) m->enrolled_at,
	                          .last_seen = (int64_t) at};
	const cJSON *e;
	int r = 0;

	/* A report whose answer got lost comes again: its events are in already. */
	if (!repeated) {
		if (*m->boot && !streq(m->boot, p->boot))
			r = event_record(c, m->id, "machine", "Machine has booted", NULL, at);
		if (r >= 0 && !streq(m->version, p->version)) {
			auto_free char *line =
				str_printf("Version %s -> %s", m->version, p->version);

			r = line ? event_record(c, m->id, "machine", line, NULL, at) : -ENOMEM;
		}
		cJSON_ArrayForEach(e, p->events) if (r >= 0) r = report_event(c, m, e);
	}
	cJSON_ArrayForEach(e, p->results) if (r >= 0) r = report_result(c, m, e, at, accepted);
	if (r >= 0 && !repeated)
		r = store_machine_update(c->store, &s);
	if (r >= 0)
		r = store_commit(c->store);
	else
		store_abort(c->store);
	if (r < 0 || repeated)
		return r;
	m->seen_dirty = false;
	return machine_put(c, &s) ? 0 : -ENOMEM;
}

void handle_agent_report(struct call *c)
{
	auto_json cJSON *body = body_object(c), *answer = NULL;
	struct machine *m = c->machine;
	struct report p = {};
	const char *wrong;
	cJSON *accepted;
	int r;

	if (!body)
		return;
	/* Now and then the oldest events make room. */
	if (++c->controller->n_reports % PRUNE_EVERY == 0 &&
	    store_event_prune(c->controller->store, EVENTS_KEPT) < 0)
		log_warning("Cannot prune the events: %s", store_error(c->controller->store));
	wrong = report_check(body, m, &p);
	if (wrong) {
		free(p.status);
		return http_problem(c->request, 422, "bad-report", "%s", wrong);
	}
	answer = cJSON_CreateObject();
	accepted = answer ? cJSON_AddArrayToObject(answer, "accepted") : NULL;
	r = accepted ? store_begin(c->controller->store) : -ENOMEM;
	if (r >= 0)
		r = report_store(c->controller, m, &p, accepted);
	free(p.status);
	if (r < 0)
		return respond_store_error(c, r);
	machine_is_seen(m);
	events_publish(c->controller);
	rollouts_kick(c->controller);
	if (json_add_u64(answer, "number", p.number) < 0 ||
	    json_add_string(answer, "server_epoch", store_epoch(c->controller->store)) < 0)
		answer = json_free(answer);
	respond_json(c, 200, TAKE_PTR(answer));
}
