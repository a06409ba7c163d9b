// SPDX-License-Identifier: Apache-2.0
/*
 * api - core's control interface: varlink on /run/sysmaster/control. The interfaces are described
 * by the *.varlink files of this folder, which are also what introspection answers.
 *
 * In: a call, checked for its role by base's server, then one function a method (api-manager.c,
 * api-unit.c, api-unitfile.c, api-reexec.c). Out: an answer at once, or later through a job_waiter
 * or a REPLY of init. Events (api-events.c) are numbered, the newest API_EVENTS_KEPT are kept, and
 * each subscriber gets them in order; one that is too slow is cut off by base, never waited for.
 *
 * The listening socket lives in init's vault, so that a client that connects while core is away
 * waits in the backlog.
 */
#pragma once

#include "engine/engine.h"
#include "state/state.h"

#define API_SOCKET      "/run/sysmaster/control"
#define API_EVENTS_KEPT 256

typedef void (*api_reload_done_fn)(int r, const struct reload_plan *plan, const struct diag *d,
                                   void *userdata);

/* What the interface needs from core's main program. */
struct api_context {
	struct manager *manager;
	struct link *link;   /* NULL in tests */
	struct store *store; /* NULL in tests */
	const char *version;
	const char *directory;      /* of this version's programs; absolute */
	usec_t core_start_usec;     /* boottime */
	const char *const *tainted; /* NULL-terminated, may be NULL */
	const char *booted_marker;  /* the file that says that this root was booted; may be NULL */
	/*
	 * Runs the generators again, then manager_reload() (or only makes the plan), then calls
	 * @done once, from the loop. The plan and the findings are valid during the call. NULL:
	 * manager_reload() at once, no generators.
	 */
	/* Runs a program with nothing of a unit's, calls @done from the loop with its wait status. NULL: not here. */
	int (*run)(struct manager *m, char *const *argv, void (*done)(int status, void *userdata),
	           void *userdata);
	/* Writes what is the manager's own (environment, log level). NULL in tests. */
	void (*save)(struct manager *m);
	char *const *environment; /* what unset-environment goes back to */
	int (*reload)(struct manager *m, bool dry_run, api_reload_done_fn done, void *userdata);
};

/* @context is copied, what it points to stays the caller's. @socket_path NULL:
 * /run/sysmaster/control. */
int api_setup(const struct api_context *context, const char *socket_path);
void api_shutdown(struct manager *m);

/* Entry points for the manager's hooks. */
void api_unit_changed(struct unit *u, enum unit_active_state old, enum unit_active_state new);
void api_unit_loaded(struct unit *u);
void api_unit_removed(struct unit *u);
void api_job_added(struct job *j);
void api_job_removed(struct job *j, enum job_result result);
/* "started", "recovered", "upgraded", "reloaded", "finished": core's own history. */
void api_manager_event(struct manager *m, const char *text);
/* "crash": a program of ours died and there is a report; then, or when reports were moved, what Describe says of them. */
void api_crash_added(struct manager *m, const char *id, const char *summary);
void api_crashes_changed(struct manager *m);
/* For link_handlers.on_reply. */
void api_link_reply(struct manager *m, uint32_t serial, int error, const char *text);
