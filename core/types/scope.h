// SPDX-License-Identifier: Apache-2.0
/*
 * scope.h - private to core/types: scope.c has the states, scope-chown.c the step that gives a delegated cgroup to its user.
 */
#pragma once

#include "types/common.h"

/* clang-format off */
#define SCOPE_STATES(X) \
	X(DEAD, "dead", INACTIVE) X(START_CHOWN, "start-chown", ACTIVATING) X(RUNNING, "running", ACTIVE) X(ABANDONED, "abandoned", ACTIVE) \
	X(STOP_SIGTERM, "stop-sigterm", DEACTIVATING) X(STOP_SIGKILL, "stop-sigkill", DEACTIVATING) X(FAILED, "failed", FAILED)
enum scope_state {
#define X(id, name, active) SCOPE_##id,
	SCOPE_STATES(X)
#undef X
	SCOPE_STATE_MAX,
};
/* clang-format on */

struct scope {
	struct unit unit;
	enum scope_state state;
	enum result result;
	struct deadline deadline;
	pid_t *pids; /* to be taken in at the start */
	size_t n_pids;
	bool adopted;
	bool spawning; /* the record says that a process is about to be there */
	struct pidref control_pid;
	struct doubt doubt;
	bool kill_due; /* the core before this one had somebody left to signal */
	struct source *coldplug_source;
};

static inline struct scope *SCOPE(const struct unit *u)
{
	return (struct scope *) u;
}

usec_t scope_stop_timeout(const struct scope *s);
void scope_set_state(struct scope *s, enum scope_state state, usec_t deadline);
void scope_enter_running(struct scope *s);
void scope_enter_signal(struct scope *s, enum scope_state state, enum result result);
void scope_enter_dead(struct scope *s, enum result result);

/* scope-chown.c */
extern const struct doubt_ops scope_doubt_ops;
bool scope_wants_chown(const struct scope *s);
void scope_enter_start_chown(struct scope *s);
void scope_go_on_with_chown(struct scope *s);
void scope_on_exit(struct unit *u, const struct process_exit *e);
void scope_on_exits_known(struct unit *u);
pid_t scope_control_pid(const struct unit *u);
