// SPDX-License-Identifier: Apache-2.0
/* Tokens, health and metrics. */
#include "api/controller.h"

#include <inttypes.h>
#include <openssl/rand.h>
#include <stdio.h>

#define TOKEN_BYTES   24
#define TOKEN_TTL_MAX (365 * 24 * 3600)

/* ---- tokens ---- */
static int collect_token(const struct store_token *t, void *userdata)
{
	auto_json cJSON *o = cJSON_CreateObject();

	if (!o || json_add_string(o, "id", t->id) < 0 ||
	    json_add_i64(o, "uses_left", t->uses_left) < 0 ||
	    json_add_i64(o, "expires_usec", t->expires_at) < 0 ||
	    json_add_i64(o, "created_usec", t->created_at) < 0 ||
	    json_add_string(o, "created_by", t->created_by) < 0 ||
	    json_add_string(o, "note", t->note) < 0)
		return -ENOMEM;
	return json_append_take(userdata, TAKE_PTR(o));
}

void handle_tokens(struct call *c)
{
	auto_json cJSON *o = cJSON_CreateObject();
	cJSON *list = o ? cJSON_AddArrayToObject(o, "tokens") : NULL;
	int r = list ? store_token_each(c->controller->store, collect_token, list) : -ENOMEM;

	if (r < 0)
		return respond_store_error(c, r);
	respond_json(c, 200, TAKE_PTR(o));
}

/* Adds the row and its audit entry in one transaction. */
static int token_store(struct call *c, const struct store_token *t, const char *hash)
{
	struct store *s = c->controller->store;
	int r = store_begin(s);

	if (r < 0)
		return r;
	r = store_token_add(s, t, hash);
	if (r >= 0)
		r = audit(c, "token.create", t->id, t->note);
	if (r < 0) {
		store_abort(s);
		return r;
	}
	return store_commit(s);
}

void handle_token_create(struct call *c)
{
	auto_json cJSON *body = body_object(c), *o = NULL;
	char token[2 * TOKEN_BYTES + 1], hash[STORE_HASH_TEXT], id[ID128_TEXT_MAX];
	uint64_t uses, ttl, at = now(CLOCK_REALTIME);
	uint8_t secret[TOKEN_BYTES];
	struct store_token t;
	struct id128 random;
	const char *note;
	int r;

	if (!body)
		return;
	uses = json_u64_or(body, "uses", 1);
	ttl = json_u64_or(body, "ttl_s", 24 * 3600);
	note = json_string_or(body, "note", NULL);
	if (uses < 1 || uses > 1000000 || ttl < 1 || ttl > TOKEN_TTL_MAX ||
	    (note && !text_is_plain(note, TEXT_FIELD_MAX)))
		return http_problem(c->request, 422, "bad-field",
		                    "\"uses\" must be 1 to 1000000, \"ttl_s\" 1 s to a year, "
		                    "\"note\" a short text");
	if (RAND_bytes(secret, sizeof(secret)) != 1 || id128_random(&random) < 0)
		return http_problem(c->request, 503, "no-randomness",
		                    "No random token could be made");
	for (size_t i = 0; i < sizeof(secret); i++)
		snprintf(token + 2 * i, 3, "%02x", secret[i]);
	t = (struct store_token){.id = id128_format(&random, id),
	                         .note = note,
	                         .created_by = c->actor,
	                         .uses_left = (int64_t) uses,
	                         .created_at = (int64_t) at,
	                         .expires_at = (int64_t) usec_add(at, ttl * USEC_PER_SEC)};
	r = token_hash(token, hash);
	if (r >= 0)
		r = token_store(c, &t, hash);
	if (r < 0)
		return respond_store_error(c, r);
	o = cJSON_CreateObject();
	if (!o || json_add_string(o, "id", id) < 0 || json_add_string(o, "token", token) < 0 ||
	    json_add_u64(o, "uses_left", uses) < 0 ||
	    json_add_i64(o, "expires_usec", t.expires_at) < 0 ||
	    json_add_string(o, "ca", pki_ca_pem(c->controller->pki)) < 0)
		o = json_free(o);
	respond_json(c, 201, TAKE_PTR(o));
}

void handle_token_remove(struct call *c)
{
	struct store *s = c->controller->store;
	int r = store_begin(s);

	if (r >= 0) {
		r = store_token_remove(s, c->parameters[0]);
		if (r >= 0)
			r = audit(c, "token.remove", c->parameters[0], NULL);
		if (r >= 0)
			r = store_commit(s);
		else
			store_abort(s);
	}
	if (r == -ENOENT)
		return http_problem(c->request, 404, "no-such-token", "There is no token \"%.64s\"",
		                    c->parameters[0]);
	if (r < 0)
		return respond_store_error(c, r);
	http_respond(c->request, 204, NULL, NULL, 0);
}

/* ---- health and metrics ---- */
void handle_health(struct call *c)
{
	cJSON *o = cJSON_CreateObject();

	if (o && (json_add_string(o, "status", "ok") < 0 ||
	          json_add_string(o, "version", SYSMASTER_VERSION) < 0 ||
	          json_add_string(o, "server_epoch", store_epoch(c->controller->store)) < 0))
		o = json_free(o);
	respond_json(c, 200, o);
}

static void metric(struct strbuf *b, const char *name, const char *type, const char *help,
                   uint64_t value)
{
	strbuf_printf(b, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n", name, help, name, type,
	              name, value);
}

void handle_metrics(struct call *c)
{
	struct controller *k = c->controller;
	__attribute__((cleanup(strbuf_done))) struct strbuf b = {};
	uint64_t connected = 0, failed = 0;
	struct http_statistics h;
	struct machine *m;

	MAP_FOREACH (m, k->machines) {
		connected += machine_is_connected(m);
		failed += m->n_failed > 0;
	}
	http_server_statistics(k->api, &h);
	metric(&b, "fleet_machines", "gauge", "Machines enrolled.", map_size(k->machines));
	metric(&b, "fleet_machines_connected", "gauge", "Machines heard of lately.", connected);
	metric(&b, "fleet_machines_with_failed_units", "gauge", "Machines with failed units.",
	       failed);
	metric(&b, "fleet_rollouts_open", "gauge", "Rollouts that are not over.",
	       map_size(k->rollouts));
	metric(&b, "fleet_event_streams", "gauge", "Event streams open.", k->n_streams);
	metric(&b, "fleet_polls_total", "counter", "Long polls begun.", k->n_polls);
	metric(&b, "fleet_reports_total", "counter", "Reports taken in.", k->n_reports);
	metric(&b, "fleet_refused_total", "counter", "Requests refused for who asked.",
	       k->n_refused);
	metric(&b, "fleet_store_statements_total", "counter", "Database statements.",
	       store_statements(k->store));
	metric(&b, "fleet_http_connections", "gauge", "Connections open.", h.connections);
	metric(&b, "fleet_http_accepted_total", "counter", "Connections accepted.", h.accepted);
	metric(&b, "fleet_http_requests_total", "counter", "Requests read.", h.requests);
	metric(&b, "fleet_http_malformed_total", "counter", "Requests refused as malformed.",
	       h.malformed);
	metric(&b, "fleet_http_timeouts_total", "counter", "Requests that came too slowly.",
	       h.timed_out);
	metric(&b, "fleet_tls_failed_total", "counter", "TLS handshakes that failed.",
	       h.handshakes_failed);
	metric(&b, "fleet_tls_resumed_total", "counter", "TLS sessions resumed.", h.resumed);
	metric(&b, "fleet_uptime_seconds", "gauge", "Seconds since the start.",
	       (now(CLOCK_MONOTONIC) - k->started) / USEC_PER_SEC);
	if (b.error)
		return http_problem(c->request, 503, "out-of-memory", "Out of memory");
	http_respond(c->request, 200, "text/plain; version=0.0.4; charset=utf-8", b.data, b.size);
}
