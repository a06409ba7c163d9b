// SPDX-License-Identifier: Apache-2.0
/* api-internal.h - what the files of this room share. */
#pragma once

#include "api/api.h"
#include "base/varlink.h"

struct api;

/* One entry of the ring of events: compact, since hundreds are kept. */
struct api_event {
	uint64_t number;
	usec_t realtime;
	enum { EVENT_UNIT, EVENT_JOB, EVENT_MANAGER, EVENT_CRASH } kind;
	enum unit_active_state old, new;
	enum job_type job_type;
	int job_result; /* -1: the job was added */
	uint32_t job;
	pid_t main_pid;
	const char *sub, *result; /* static strings of the type */
	char *text;               /* unit id, or a sentence for EVENT_MANAGER and EVENT_CRASH */
};

struct api_subscriber {
	struct list link;
	struct api *api;
	struct varlink_call *call;
};

/* A call that waits for init's REPLY. */
struct api_request {
	struct list link;
	uint32_t serial;
	bool is_init, is_root, replaces_core;
	struct varlink_call *call;
	char *path;
};

struct api_bus;

struct api {
	struct api_context c;
	struct api_bus *bus; /* the D-Bus facade, if it is there */
	struct varlink_server *server;
	struct list subscribers, requests, waiting /* calls answered later */, listings, followed;
	struct source *follow_source;
	cJSON *crashes;         /* the newest, for Describe */
	uint32_t status_serial; /* of the question to a new init who it is */
	char *init_version;     /* its answer; NULL: as in the welcome */
	uint64_t last_event;
	size_t n_events; /* ever; the ring's next slot is n_events % API_EVENTS_KEPT */
	struct api_event events[API_EVENTS_KEPT];
};

static inline struct api *api_of(struct manager *m)
{
	return m->api_data;
}

/* Text of FILE.varlink, made at build time. */
extern const char api_description_bus[], api_description_manager[], api_description_unit[],
	api_description_unitfile[], api_description_reexec[], api_description_crash[],
	api_description_error[];

extern const struct varlink_method api_manager_methods[], api_unit_methods[],
	api_unitfile_methods[], api_reexec_methods[], api_crash_methods[], api_bus_methods[];
extern const size_t api_manager_n_methods, api_unit_n_methods, api_unitfile_n_methods,
	api_reexec_n_methods, api_crash_n_methods, api_bus_n_methods;

/* Answers a failed load or transaction under its stable error name; findings become the message and
 * place. Returns 0. */
int api_answer_error(struct varlink_call *call, int r, const char *name, const char *verb,
                     const struct diag *d);
/* The findings as "file:line: text" strings under @key. */
int api_add_findings(cJSON *object, const char *key, const struct diag *d);
/* For methods whose parameter names a unit: valid and in memory or loaded; answers the call itself
 * and returns < 0 if not. */
int api_unit_parameter(struct api *a, struct varlink_call *call, const cJSON *parameters,
                       const char *key, struct unit **ret);

/* The stable name of an errno of the engine. */
const char *api_error_name(int error);

/* ---- api-queue.c ---- */
int api_follow_setup(struct api *a);
void api_follow_done(struct api *a);
/* A unit or a job changed: look at those that are followed. */
void api_follow_soon(struct api *a);
int api_queue(struct varlink_call *call, const cJSON *parameters, void *userdata);

/* ---- api-transient.c ---- */
int api_start_transient(struct varlink_call *call, const cJSON *parameters, void *userdata);
int api_set_properties(struct varlink_call *call, const cJSON *parameters, void *userdata);
int api_attach(struct varlink_call *call, const cJSON *parameters, void *userdata);
int api_freeze(struct varlink_call *call, const cJSON *parameters, void *userdata);
int api_clean(struct varlink_call *call, const cJSON *parameters, void *userdata);
int api_explain(struct varlink_call *call, const cJSON *parameters, void *userdata);
void api_waiting_done(struct api *a);

/* ---- api-bus.c ---- */
void api_bus_done(struct api *a);
/* For the facade that is attached; -ENOTCONN. */
int api_bus_hold(struct api *a, struct unit *u);

int api_get_properties(struct varlink_call *call, const cJSON *parameters, void *userdata);
extern const char *const api_log_levels[8];
int api_subscribe(struct varlink_call *call, const cJSON *parameters, void *userdata);
void api_listings_done(struct api *a);
void api_events_done(struct api *a);
void api_requests_done(struct api *a);
