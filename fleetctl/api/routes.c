// SPDX-License-Identifier: Apache-2.0
#include "api/controller.h"

#include "base/log.h"

#include <openssl/crypto.h>
#include <stdio.h>

#define VIEWERS (ROLE_OF_VIEWER | ROLE_OF_OPERATOR)

/* clang-format off */
const struct route routes[] = {
	{ "GET",    "/v1/healthz",                ROLE_OF_ANYBODY,  0, NULL, handle_health,	    "getHealth",       "Whether the controller works" },
	{ "GET",    "/metrics",                   VIEWERS,	    0, NULL, handle_metrics,	    "getMetrics",      "Prometheus text" },
	{ "GET",    "/v1/openapi.yaml",           ROLE_OF_ANYBODY,  0, NULL, handle_openapi,	    "getOpenapi",      "This description" },
	{ "POST",   "/v1/enroll",                 ROLE_OF_ANYBODY,  SMALL_BODY_MAX,  NULL, handle_enroll,	    "enroll",	       "A machine gets its certificate for a token" },
	{ "GET",    "/v1/agent/next",             ROLE_OF_AGENT,    0, NULL, handle_agent_next,	    "agentNext",       "Long poll for commands" },
	{ "POST",   "/v1/agent/report",           ROLE_OF_AGENT,    REPORT_BODY_MAX, NULL, handle_agent_report, "agentReport",     "State, events and results" },
	{ "POST",   "/v1/agent/renew",            ROLE_OF_AGENT,    SMALL_BODY_MAX,  NULL, handle_agent_renew,  "agentRenew",      "A new certificate before the old one ends" },
	{ "GET",    "/v1/machines",               VIEWERS,	    0, NULL, handle_machines,	    "listMachines",    "All machines" },
	{ "GET",    "/v1/machines/{machine}",     VIEWERS,	    0, NULL, handle_machine,	    "getMachine",      "One machine" },
	{ "DELETE", "/v1/machines/{machine}",     ROLE_OF_OPERATOR, 0, NULL, handle_machine_remove, "removeMachine",   "Forget a machine and revoke its certificates" },
	{ "GET",    "/v1/machines/{machine}/commands", VIEWERS,	    0, NULL, handle_commands,	    "listCommands",    "The newest commands for a machine" },
	{ "POST",   "/v1/machines/{machine}/commands", ROLE_OF_OPERATOR, SMALL_BODY_MAX, NULL, handle_command_create, "createCommand", "An order to a machine" },
	{ "GET",    "/v1/commands/{command}",     VIEWERS,	    0, NULL, handle_command,	    "getCommand",      "One command and its result" },
	{ "GET",    "/v1/tokens",                 ROLE_OF_OPERATOR, 0, NULL, handle_tokens,	    "listTokens",      "Enrolment tokens, without their secrets" },
	{ "POST",   "/v1/tokens",                 ROLE_OF_OPERATOR, SMALL_BODY_MAX,  NULL, handle_token_create, "createToken",     "A new enrolment token; its secret is shown once" },
	{ "DELETE", "/v1/tokens/{token}",         ROLE_OF_OPERATOR, 0, NULL, handle_token_remove,   "removeToken",     "Withdraw a token" },
	{ "GET",    "/v1/bundles",                VIEWERS,	    0, NULL, handle_bundles,	    "listBundles",     "All bundles" },
	{ "POST",   "/v1/bundles",                ROLE_OF_OPERATOR, 256ULL << 20, handle_bundle_begin, handle_bundle_upload, "uploadBundle", "Upload a signed bundle" },
	{ "GET",    "/v1/bundles/{version}",      VIEWERS | ROLE_OF_AGENT, 0, NULL, handle_bundle_download, "downloadBundle", "The bundle itself, in ranges" },
	{ "DELETE", "/v1/bundles/{version}",      ROLE_OF_OPERATOR, 0, NULL, handle_bundle_remove,  "removeBundle",    "Delete a bundle that no open rollout needs" },
	{ "GET",    "/v1/rollouts",               VIEWERS,	    0, NULL, handle_rollouts,	    "listRollouts",    "All rollouts" },
	{ "POST",   "/v1/rollouts",               ROLE_OF_OPERATOR, REPORT_BODY_MAX, NULL, handle_rollout_create, "createRollout", "Bring machines to a version" },
	{ "GET",    "/v1/rollouts/{rollout}",     VIEWERS,	    0, NULL, handle_rollout,	    "getRollout",      "One rollout with its machines" },
	{ "POST",   "/v1/rollouts/{rollout}/pause",  ROLE_OF_OPERATOR, SMALL_BODY_MAX, NULL, handle_rollout_pause,  "pauseRollout",  "Grant nothing more for now" },
	{ "POST",   "/v1/rollouts/{rollout}/resume", ROLE_OF_OPERATOR, SMALL_BODY_MAX, NULL, handle_rollout_resume, "resumeRollout", "Go on" },
	{ "POST",   "/v1/rollouts/{rollout}/abort",  ROLE_OF_OPERATOR, SMALL_BODY_MAX, NULL, handle_rollout_abort,  "abortRollout",  "Stop and bring every machine back" },
	{ "GET",    "/v1/events",                 VIEWERS,	    0, NULL, handle_events,	    "listEvents",      "Events, as a list or as a stream" },
	{ "GET",    "/v1/audit",                  ROLE_OF_OPERATOR, 0, NULL, handle_audit,	    "listAudit",       "Who changed what, with the state of the hash chain" },
};
/* clang-format on */
const size_t n_routes = ELEMENTSOF(routes);

static void parameters_clear(char *parameters[static PARAMETERS_MAX])
{
	for (size_t i = 0; i < PARAMETERS_MAX; i++) {
		free(parameters[i]);
		parameters[i] = NULL;
	}
}

/* Compares component by component; {x} takes any one. */
static bool path_matches(const char *pattern, const char *path,
                         char *parameters[static PARAMETERS_MAX])
{
	size_t n = 0;

	while (*pattern && *path) {
		size_t a = strcspn(pattern + 1, "/") + 1, b = strcspn(path + 1, "/") + 1;

		if (pattern[1] == '{') {
			if (b < 2 || n >= PARAMETERS_MAX ||
			    !(parameters[n++] = strndup(path + 1, b - 1)))
				break;
		} else if (a != b || strncmp(pattern, path, a)) {
			break;
		}
		pattern += a;
		path += b;
	}
	if (!*pattern && !*path)
		return true;
	parameters_clear(parameters);
	return false;
}

const struct route *route_find(const char *method, const char *path,
                               char *parameters[static PARAMETERS_MAX], bool *ret_path_known)
{
	*ret_path_known = false;
	for (size_t i = 0; i < n_routes; i++) {
		if (!path_matches(routes[i].path, path, parameters))
			continue;
		*ret_path_known = true;
		if (streq(routes[i].method, method) ||
		    (streq(method, "HEAD") && streq(routes[i].method, "GET")))
			return &routes[i];
		parameters_clear(parameters);
	}
	return NULL;
}

static void call_free(void *p)
{
	struct call *c = p;

	parameters_clear(c->parameters);
	if (c->upload_free && c->upload)
		c->upload_free(c->upload);
	free(c);
}

static struct call *call_new(struct controller *controller, struct http_request *r)
{
	struct call *c = calloc(1, sizeof(*c));

	if (!c) {
		http_problem(r, 503, "out-of-memory", "Out of memory");
		return NULL;
	}
	*c = (struct call){.controller = controller, .request = r, .role = ROLE_OF_ANYBODY};
	snprintf(c->actor, sizeof(c->actor), "anybody");
	http_set_context(r, c, call_free);
	return c;
}

static void refuse(struct call *c, int status, const char *code, const char *text)
{
	c->controller->n_refused++;
	log_info("Refused %s %s from %s (%s): %s", http_method(c->request), http_path(c->request),
	         http_peer(c->request), c->actor, text);
	http_problem(c->request, status, code, "%s", text);
}

/* Routes, checks the role, takes the body: nothing here touches the store. */
static void dispatch(struct call *c)
{
	const struct route *route;
	bool path_known;

	route = route_find(http_method(c->request), http_path(c->request), c->parameters,
	                   &path_known);
	if (!route && !path_known)
		return http_problem(c->request, 404, "no-such-path",
		                    "There is nothing at this path");
	if (!route)
		return http_problem(c->request, 405, "method-not-allowed",
		                    "This path does not take %s", http_method(c->request));
	if (!(route->roles & (c->role | ROLE_OF_ANYBODY)))
		return refuse(c, c->role == ROLE_OF_ANYBODY ? 401 : 403,
		              c->role == ROLE_OF_ANYBODY ? "unauthenticated" : "forbidden",
		              c->role == ROLE_OF_ANYBODY
		                      ? "A certificate of a known machine or operator is needed"
		                      : "This role may not do that");
	c->route = route;
	if (route->begin)
		return route->begin(c);
	http_accept(c->request, route->body_max, NULL, NULL);
}

void dispatch_head(struct http_request *r, void *userdata)
{
	struct controller *controller = userdata;
	const struct identity *identity;
	struct call *c = call_new(controller, r);

	if (!c)
		return;
	identity = *http_fingerprint(r) ? identity_find(controller, http_fingerprint(r)) : NULL;
	if (identity) {
		c->role = identity->role;
		snprintf(c->actor, sizeof(c->actor), "%s:%s",
		         identity->role == ROLE_OF_AGENT ? "agent" : "operator", identity->name);
		if (identity->role == ROLE_OF_AGENT) {
			c->machine = map_get(controller->machines, identity->name);
			if (!c->machine)
				return refuse(
					c, 403, "unknown-machine",
					"This machine is not known any more; it must enrol again");
		}
	} else if (*http_fingerprint(r)) {
		snprintf(c->actor, sizeof(c->actor), "revoked:%.16s", http_fingerprint(r));
	}
	dispatch(c);
}

/* The page's own port: plain HTTP on loopback. The Host header is checked, so that no foreign page
 * reaches it by a name of its own. */
static bool host_is_loopback(const char *host)
{
	static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};

	for (size_t i = 0; host && i < ELEMENTSOF(names); i++) {
		const char *rest = str_after(host, names[i]);

		if (rest && (!*rest || *rest == ':'))
			return true;
	}
	return false;
}

static bool token_fits(const char *given, size_t size, const char *token)
{
	return size == strlen(token) && !CRYPTO_memcmp(given, token, size);
}

static bool web_is_logged_in(const struct controller *controller, const struct http_request *r)
{
	const char *authorization = http_header(r, HEADER_AUTHORIZATION),
		   *cookie = http_header(r, HEADER_COOKIE);
	const char *bearer = authorization ? str_after(authorization, "Bearer ") : NULL;

	if (bearer && token_fits(bearer, strlen(bearer), controller->web_token))
		return true;
	while (cookie && *cookie) {
		const char *value;

		cookie += strspn(cookie, " ;");
		value = str_after(cookie, "fleet=");
		if (value && token_fits(value, strcspn(value, ";"), controller->web_token))
			return true;
		cookie += strcspn(cookie, ";");
	}
	return false;
}

void dispatch_head_web(struct http_request *r, void *userdata)
{
	struct controller *controller = userdata;
	struct call *c = call_new(controller, r);

	if (!c)
		return;
	if (!host_is_loopback(http_header(r, HEADER_HOST)))
		return refuse(c, 421, "wrong-host", "This port answers to loopback names only");
	if (!streq(http_method(r), "GET") && !streq(http_method(r), "HEAD"))
		return refuse(c, 405, "method-not-allowed", "This port is for reading only");
	if (web_is_logged_in(controller, r)) {
		c->role = ROLE_OF_VIEWER;
		snprintf(c->actor, sizeof(c->actor), "viewer");
	}
	for (size_t i = 0; i < n_assets; i++)
		if (streq(assets[i].path, http_path(r)))
			return http_accept(r, 0, NULL, NULL);
	dispatch(c);
}

void dispatch_request(struct http_request *r, void *userdata)
{
	struct call *c = http_context(r);

	(void) userdata;
	if (!c->route)
		return web_serve(c);
	c->route->handle(c);
}

/* ---- what handlers share ---- */
void respond_json(struct call *c, int status, cJSON *o)
{
	auto_free char *text = o ? json_print(o, false) : NULL;

	json_free(o);
	if (!text)
		return http_problem(c->request, 503, "out-of-memory", "Out of memory");
	http_respond(c->request, status, "application/json", text, strlen(text));
}

void respond_store_error(struct call *c, int error)
{
	log_error_errno(error, "%s failed: %s", c->route->operation,
	                store_error(c->controller->store));
	if (error == -ENOSPC)
		http_problem(c->request, 507, "storage-full", "The controller's storage is full");
	else if (error == -ENOMEM)
		http_problem(c->request, 503, "out-of-memory", "Out of memory");
	else
		http_problem(c->request, 500, "storage",
		             "The controller's storage failed; nothing was changed");
}

cJSON *body_object(struct call *c)
{
	const char *text, *type = http_header(c->request, HEADER_CONTENT_TYPE);
	char first[DIAG_TEXT_MAX];
	struct diag d = {};
	cJSON *o = NULL;
	size_t size;

	text = http_body(c->request, &size);
	if (type && strncasecmp(type, "application/json", 16)) {
		http_problem(c->request, 415, "media-type", "The body must be application/json");
		return NULL;
	}
	if (json_parse(text, size, "body", &d, &o) < 0) {
		http_problem(c->request, 400, "malformed-json", "%s",
		             diag_first(&d, first, sizeof(first)));
		return NULL;
	}
	if (!cJSON_IsObject(o)) {
		json_free(o);
		http_problem(c->request, 400, "malformed-json", "The body must be an object");
		return NULL;
	}
	return o;
}

bool text_is_plain(const char *s, size_t max)
{
	size_t n = s ? strlen(s) : 0;

	if (n == 0 || n > max || !utf8_is_valid(s, n))
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char) s[i] < 0x20 || s[i] == 0x7f)
			return false;
	return true;
}
