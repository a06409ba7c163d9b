// SPDX-License-Identifier: Apache-2.0
/*
 * controller.h - `fleetctl serve`: one object that ties HTTP, store, authority and rollouts
 * together.
 *
 * In memory, so that most requests cost no statement: identities by fingerprint, machines by id
 * with their last reported state, the open rollouts, the requests that wait (long polls, event
 * streams). The store is the truth: memory is changed only after the transaction that carries the
 * change has been committed, and is read from the store at the start.
 *
 * Files: routes.c (the table of everything that can be asked), agents.c (what machines ask),
 * operators.c, commands.c, bundles.c, rollouts.c, events.c (what people and programs ask),
 * identities.c, machines.c, web.c.
 */
#pragma once

#include "api/http.h"
#include "base/id128.h"
#include "base/json.h"
#include "base/list.h"
#include "base/map.h"
#include "pki/pki.h"
#include "rollout/rollout.h"
#include "store/store.h"

#define POLL_WAIT_MAX    55                  /* seconds a long poll may last */
#define CONNECTED_FOR    (75 * USEC_PER_SEC) /* after the last sign of life */
#define COMMANDS_A_POLL  32
#define EVENTS_A_REPORT  512
#define RESULTS_A_REPORT 256
#define REPORT_BODY_MAX  (1U << 20)
#define SMALL_BODY_MAX   (16U << 10)
#define EVENT_DATA_MAX   4096
#define STATUS_MAX       (64U << 10)
#define RESULT_MAX       (256U << 10)
#define EVENTS_KEPT      1000000
#define PRUNE_EVERY      1000 /* reports */
#define STREAMS_MAX      256
#define TEXT_FIELD_MAX   256
#define AGENT_LIFETIME   (90 * USEC_PER_DAY)
#define FLUSH_INTERVAL   USEC_PER_SEC

/* Who may ask what; a route names all that may. Operators may do all that viewers may. */
enum role {
	ROLE_OF_NONE = 0,
	ROLE_OF_ANYBODY = 1,
	ROLE_OF_AGENT = 2,
	ROLE_OF_VIEWER = 4,
	ROLE_OF_OPERATOR = 8
};

struct identity {
	char fingerprint[PKI_FINGERPRINT_TEXT];
	enum role role;
	char name[PKI_NAME_MAX + 1]; /* machine id or operator */
	usec_t not_after;
};

struct machine {
	char id[ID128_TEXT_MAX];
	char *hostname, *version, *state, *boot;
	char *status;         /* JSON as last reported, may be NULL */
	char *report_session; /* may be NULL */
	int64_t report_number;
	uint64_t n_failed;
	usec_t enrolled_at, last_seen;
	bool seen_dirty;
	int64_t open_max;  /* highest sequence number of an open command; 0: none, nothing to read
	                      from the store */
	int64_t delivered; /* acknowledged up to here */
	struct http_request *poll;
	int64_t poll_after;
	struct source *poll_timer;
	struct controller *controller;
};

struct controller {
	struct loop *loop;
	struct store *store;
	struct pki *pki;
	SSL_CTX *tls;
	struct http_server *api, *web;
	char *dir;
	char *web_token;
	struct map *identities; /* fingerprint to struct identity */
	struct map *machines;   /* id to struct machine */
	struct map *rollouts;   /* id to struct rollout: all that are not over */
	struct list streams;
	unsigned n_streams;
	struct source *flush_timer, *rollout_timer, *rollout_defer, *stream_timer;
	usec_t started;
	uint64_t n_polls, n_reports, n_refused;
};

/* One request on its way through a handler: who asks, and the {parameters} of the path. */
#define PARAMETERS_MAX 2
struct call {
	struct controller *controller;
	struct http_request *request;
	const struct route *route;
	char actor[PKI_NAME_MAX + 16]; /* "operator:admin", "agent:ID", "viewer", "anybody" */
	enum role role;
	struct machine *machine; /* of an agent */
	char *parameters[PARAMETERS_MAX];
	struct upload *upload;
	void (*upload_free)(struct upload *u);
};

typedef void (*route_fn)(struct call *c);
struct route {
	const char *method, *path; /* "/v1/machines/{id}" */
	unsigned roles;            /* of enum role */
	uint64_t body_max;         /* 0: no body is taken */
	route_fn begin;            /* at the head of a large upload; NULL: body to memory */
	route_fn handle;
	const char *operation; /* operationId in openapi.yaml */
	const char *summary;
};
extern const struct route routes[];
extern const size_t n_routes;
/* The route, with the path's parameters (to be freed); NULL and *ret_path_known when only the
 * method differs. */
const struct route *route_find(const char *method, const char *path,
                               char *parameters[static PARAMETERS_MAX], bool *ret_path_known);

struct controller_options {
	const char *dir;
	char *const *listen, *const *web_listen, *const *names;
};
int controller_new(struct loop *l, const struct controller_options *o, struct diag *d,
                   struct controller **ret);
struct controller *controller_free(struct controller *c);
DEFINE_CLEANUP(struct controller *, controller_free)

/* routes.c */
void dispatch_head(struct http_request *r, void *userdata);
void dispatch_head_web(struct http_request *r, void *userdata);
void dispatch_request(struct http_request *r, void *userdata);
void respond_json(struct call *c, int status, cJSON *o); /* takes o; NULL answers "out of memory" */
void respond_store_error(struct call *c, int error);
/* The body as an object; answers and returns NULL when it is none. */
cJSON *body_object(struct call *c);
bool text_is_plain(const char *s,
                   size_t max); /* 1 to max bytes, valid UTF-8, no control characters */

/* identities.c */
int identities_load(struct controller *c);
int identity_put(struct controller *c, const char *fingerprint, enum role role, const char *name,
                 usec_t not_after);
void identities_drop(struct controller *c, enum role role, const char *name, const char *keep);
const struct identity *identity_find(const struct controller *c, const char *fingerprint);
int token_hash(const char *token, char ret[static STORE_HASH_TEXT]);

/* machines.c */
int machines_load(struct controller *c);
struct machine *machine_put(struct controller *c,
                            const struct store_machine *m); /* new or changed; NULL on ENOMEM */
struct machine *machine_free(struct machine *m);
/* By id, or by host name when exactly one has it. */
struct machine *machine_find(const struct controller *c, const char *name);
bool machine_is_connected(const struct machine *m);
void machine_is_seen(struct machine *m);
int machines_flush_seen(struct controller *c);
cJSON *machine_to_json(const struct machine *m, bool full);
void machine_forget(struct controller *c, struct machine *m);

/* commands.c */
/* Inside a transaction: a command for a machine. Call machine_wake() with the number once it is
 * committed. */
int command_queue(struct controller *c, const struct machine *m, const char *id, const char *kind,
                  const cJSON *args, const char *rollout, const char *actor, int64_t *ret_seq);
void machine_wake(struct machine *m, int64_t seq);
void poll_answer(struct machine *m); /* commands, or 204 */

/* events.c */
/* Inside a transaction or alone. Streams see it when events_publish() is called after the commit.
 */
int event_record(struct controller *c, const char *machine, const char *kind, const char *text,
                 const char *data, usec_t at);
void events_publish(struct controller *c);
int audit(struct call *c, const char *action, const char *object, const char *detail);

/* rollouts.c; the limits of a rollout are in seconds */
#define GATE_DEFAULT     10
#define DEADLINE_DEFAULT 600
#define SECONDS_MAX      (7 * 24 * 3600)
int rollout_of_store(struct store *store, const struct store_rollout *s, struct rollout **ret);
int rollout_store_changes(struct controller *c, struct rollout *r,
                          usec_t at); /* in a transaction */
int rollout_record_changes(struct controller *c, const struct rollout *r, enum rollout_state before,
                           usec_t at);
int rollouts_load(struct controller *c);
void rollouts_kick(struct controller *c); /* something changed: step them before the loop sleeps */
int bundle_command_args(struct controller *c, const char *version, cJSON **ret);

/* web.c */
struct asset {
	const char *path, *type;
	const unsigned char *data;
	size_t size;
};
extern const struct asset assets[];
extern const size_t n_assets;
void web_serve(struct call *c);

/* the handlers, one for each row of the table */
#define HANDLER(name) void name(struct call *c)
HANDLER(handle_health);
HANDLER(handle_metrics);
HANDLER(handle_openapi);
HANDLER(handle_enroll);
HANDLER(handle_agent_next);
HANDLER(handle_agent_report);
HANDLER(handle_agent_renew);
HANDLER(handle_machines);
HANDLER(handle_machine);
HANDLER(handle_machine_remove);
HANDLER(handle_commands);
HANDLER(handle_command_create);
HANDLER(handle_command);
HANDLER(handle_tokens);
HANDLER(handle_token_create);
HANDLER(handle_token_remove);
HANDLER(handle_bundles);
HANDLER(handle_bundle_begin);
HANDLER(handle_bundle_upload);
HANDLER(handle_bundle_download);
HANDLER(handle_bundle_remove);
HANDLER(handle_rollouts);
HANDLER(handle_rollout_create);
HANDLER(handle_rollout);
HANDLER(handle_rollout_pause);
HANDLER(handle_rollout_resume);
HANDLER(handle_rollout_abort);
HANDLER(handle_events);
HANDLER(handle_audit);
