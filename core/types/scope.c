// SPDX-License-Identifier: Apache-2.0
/*
 * scope - processes that somebody else started (a login session, a container) and that live in a
 * cgroup of ours. It is made from memory with a list of processes, ends when the last of them does,
 * and cannot be started again. init.scope holds init and core.
 */
#include "types/scope.h"

#include <inttypes.h>
#include <stdio.h>

#define SCOPE_PIDS_MAX 4096

/* clang-format off */
static const char *const state_name[SCOPE_STATE_MAX] = {
#define X(id, name, active) [SCOPE_##id] = name,
	SCOPE_STATES(X)
#undef X
};
static const enum unit_active_state state_active[SCOPE_STATE_MAX] = {
#define X(id, name, active) [SCOPE_##id] = UNIT_##active,
	SCOPE_STATES(X)
#undef X
};
/* clang-format on */

usec_t scope_stop_timeout(const struct scope *s)
{
	const struct scope_settings *c = s->unit.file->scope;

	return c ? c->timeout_stop_usec : s->unit.manager->context.default_timeout_stop_usec;
}

static int on_deadline(_unused_ struct source *source, _unused_ usec_t deadline, void *userdata)
{
	struct scope *s = userdata;
	bool kill = !s->unit.file->kill || s->unit.file->kill->send_sigkill;

	s->deadline.at = 0;
	/* Of what is overdue it has to be known whether it began. */
	if (s->spawning && !doubt_settle(&s->doubt)) {
		(void) deadline_set(&s->deadline, &s->unit,
		                    usec_add(now(CLOCK_BOOTTIME), DOUBT_USEC), on_deadline);
		return 0;
	}
	switch (s->state) {
	case SCOPE_START_CHOWN:
		log_unit(LOG_WARNING, s->unit.id, "Giving the cgroup to its user timed out");
		scope_enter_signal(s, SCOPE_STOP_SIGTERM, RESULT_TIMEOUT);
		break;
	case SCOPE_RUNNING:
	case SCOPE_ABANDONED:
		log_unit(LOG_WARNING, s->unit.id, "Scope reached runtime time limit. Stopping");
		scope_enter_signal(s, SCOPE_STOP_SIGTERM, RESULT_TIMEOUT);
		break;
	case SCOPE_STOP_SIGTERM:
		log_unit(LOG_WARNING, s->unit.id, "Stopping timed out. %s",
		         kill ? "Killing" : "Ignoring what is left");
		if (kill)
			scope_enter_signal(s, SCOPE_STOP_SIGKILL, RESULT_TIMEOUT);
		else
			scope_enter_dead(s, RESULT_TIMEOUT);
		break;
	case SCOPE_STOP_SIGKILL:
		log_unit(LOG_WARNING, s->unit.id, "Still around after SIGKILL. Ignoring");
		scope_enter_dead(s, RESULT_TIMEOUT);
		break;
	default:
		break;
	}
	return 0;
}

void scope_set_state(struct scope *s, enum scope_state state, usec_t deadline)
{
	enum scope_state old = s->state;

	s->state = state;
	s->spawning = false;
	doubt_drop(&s->doubt);
	if (state_active[state] != UNIT_ACTIVATING && state_active[state] != UNIT_DEACTIVATING)
		process_forget(&s->unit, &s->control_pid);
	(void) deadline_set(&s->deadline, &s->unit, deadline, on_deadline);
	if (old != state)
		log_unit(LOG_DEBUG, s->unit.id, "Changed %s -> %s", state_name[old],
		         state_name[state]);
	unit_save_soon(&s->unit);
	unit_notify(&s->unit, state_active[old], state_active[state], true);
}

void scope_enter_dead(struct scope *s, enum result result)
{
	if (s->result == RESULT_SUCCESS)
		s->result = result;
	if (s->result != RESULT_SUCCESS)
		log_unit(LOG_WARNING, s->unit.id, "Failed with result '%s'",
		         result_to_string(s->result));
	invocation_unpublish(&s->unit);
	scope_set_state(s, s->result == RESULT_SUCCESS ? SCOPE_DEAD : SCOPE_FAILED, 0);
}

void scope_enter_signal(struct scope *s, enum scope_state state, enum result result)
{
	const struct kill_targets t = {.control = &s->control_pid};
	int r;

	if (s->result == RESULT_SUCCESS)
		s->result = result;
	r = processes_kill(&s->unit,
	                   state == SCOPE_STOP_SIGKILL ? KILL_STEP_KILL : KILL_STEP_TERMINATE, &t);
	if (r > 0)
		scope_set_state(s, state, deadline_in(scope_stop_timeout(s)));
	else if (state == SCOPE_STOP_SIGTERM)
		scope_enter_signal(s, SCOPE_STOP_SIGKILL, RESULT_SUCCESS);
	else
		scope_enter_dead(s, RESULT_SUCCESS);
}

static void scope_init(struct unit *u)
{
	struct scope *s = SCOPE(u);

	doubt_init(&s->doubt, u, &scope_doubt_ops,
	           (struct doubt_control){.pid = &s->control_pid, .spawning = &s->spawning});
	s->control_pid = PIDREF_NULL;
	u->perpetual = streq(u->id, "init.scope");
}

static void scope_done(struct unit *u)
{
	struct scope *s = SCOPE(u);

	process_forget(u, &s->control_pid);
	doubt_drop(&s->doubt);
	deadline_done(&s->deadline);
	source_free(s->coldplug_source);
	free(s->pids);
}

/* The limit counts from when the scope came up, whenever it was set. */
static usec_t runtime_deadline(const struct scope *s)
{
	const struct scope_settings *c = s->unit.file->scope;

	if (!c || c->runtime_max_usec == USEC_INFINITY || c->runtime_max_usec == 0)
		return 0;
	return usec_add(stamp_is_set(&s->unit.active_enter) ? s->unit.active_enter.boottime
	                                                    : now(CLOCK_BOOTTIME),
	                c->runtime_max_usec);
}

static int scope_load(struct unit *u, _unused_ struct diag *d)
{
	struct scope *s = SCOPE(u);

	/* A reload may have brought another limit. */
	if (!u->manager->is_reloading && (s->state == SCOPE_RUNNING || s->state == SCOPE_ABANDONED))
		(void) deadline_set(&s->deadline, u, runtime_deadline(s), on_deadline);
	if (u->perpetual)
		return describe_perpetual(u, "System and Service Manager", "man:systemd(1)");
	if (!u->file->unit.default_dependencies)
		return 0;
	return unit_add_shutdown_dependencies(u);
}

/* The session's leader is gone; what it left goes on until it ends by itself or is stopped. */
static int scope_abandon(struct unit *u)
{
	struct scope *s = SCOPE(u);

	if (s->state != SCOPE_RUNNING && s->state != SCOPE_ABANDONED)
		return -ESTALE;
	scope_set_state(s, SCOPE_ABANDONED, s->deadline.at);
	return 0;
}

int scope_add_pid(struct unit *u, pid_t pid)
{
	struct scope *s = SCOPE(u);
	pid_t *bigger;

	if (u->ops->type != UNIT_SCOPE || pid <= 1)
		return -EINVAL;
	if (s->state == SCOPE_RUNNING || s->state == SCOPE_ABANDONED)
		return u->cgroup ? cgroupfs_attach(u->cgroup, pid) : -EUNATCH;
	if (s->n_pids >= SCOPE_PIDS_MAX)
		return -E2BIG;
	bigger = reallocarray(s->pids, s->n_pids + 1, sizeof(pid_t));
	if (!bigger)
		return -ENOMEM;
	s->pids = bigger;
	s->pids[s->n_pids++] = pid;
	return 0;
}

static int take_in(struct scope *s)
{
	size_t n = 0;
	int r, error = -ESRCH;

	r = cgroup_realize(&s->unit);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s->n_pids; i++) {
		r = s->unit.cgroup ? cgroupfs_attach(s->unit.cgroup, s->pids[i]) : -EUNATCH;
		if (r >= 0)
			n++;
		else
			error = log_unit_errno(LOG_WARNING, s->unit.id, r,
			                       "Cannot take in process %d: %m", s->pids[i]);
	}
	return n > 0 ? 0 : error;
}

void scope_enter_running(struct scope *s)
{
	int r = take_in(s);

	if (r < 0) {
		scope_enter_dead(s, RESULT_RESOURCES);
		return;
	}
	free(s->pids);
	s->pids = NULL;
	s->n_pids = 0;
	scope_set_state(s, SCOPE_RUNNING, 0);
	(void) deadline_set(&s->deadline, &s->unit, runtime_deadline(s), on_deadline);
	unit_save_soon(&s->unit);
}

/* ---- operations ---- */

static int scope_start(struct unit *u)
{
	struct scope *s = SCOPE(u);
	int r;

	if (s->state == SCOPE_FAILED)
		return -EPERM; /* a scope is not a service: what ran is gone */
	if (s->state == SCOPE_STOP_SIGTERM || s->state == SCOPE_STOP_SIGKILL)
		return -EAGAIN;
	if (s->state == SCOPE_START_CHOWN)
		return 0;
	if (state_active[s->state] == UNIT_ACTIVE)
		return -EALREADY;
	if (s->n_pids == 0 && !u->perpetual)
		return -ENOENT;
	r = invocation_publish(u);
	if (r < 0)
		return r;
	s->result = RESULT_SUCCESS;
	if (scope_wants_chown(s))
		scope_enter_start_chown(s);
	else
		scope_enter_running(s);
	return s->state == SCOPE_FAILED ? -EIO : 0;
}

static int scope_stop(struct unit *u)
{
	struct scope *s = SCOPE(u);

	if (state_active[s->state] == UNIT_INACTIVE || s->state == SCOPE_FAILED)
		return -EALREADY;
	if (state_active[s->state] == UNIT_ACTIVE || s->state == SCOPE_START_CHOWN)
		scope_enter_signal(s, SCOPE_STOP_SIGTERM, RESULT_SUCCESS);
	return 0;
}

static enum unit_active_state scope_active_state(const struct unit *u)
{
	return state_active[SCOPE(u)->state];
}

static const char *scope_sub_state(const struct unit *u)
{
	return state_name[SCOPE(u)->state];
}

static bool scope_may_gc(const struct unit *u)
{
	return !u->cgroup || cgroup_is_empty(u) == 1;
}

static void scope_on_cgroup_empty(struct unit *u)
{
	struct scope *s = SCOPE(u);

	/* Between the process that gives it away and those that come in there is nobody. */
	if (!u->perpetual && s->state != SCOPE_START_CHOWN &&
	    state_active[s->state] != UNIT_INACTIVE && s->state != SCOPE_FAILED)
		scope_enter_dead(s, RESULT_SUCCESS);
}

static void scope_on_oom(struct unit *u)
{
	struct scope *s = SCOPE(u);
	const struct cgroup_settings *g = u->file->cgroup;

	log_unit(LOG_WARNING, u->id, "A process of this unit has been killed by the OOM killer");
	if (state_active[s->state] == UNIT_ACTIVE && g &&
	    (g->oom_policy == OOM_POLICY_STOP || g->oom_policy == OOM_POLICY_KILL))
		scope_enter_signal(s,
		                   g->oom_policy == OOM_POLICY_KILL ? SCOPE_STOP_SIGKILL
		                                                    : SCOPE_STOP_SIGTERM,
		                   RESULT_OOM_KILL);
}

static int scope_kill(struct unit *u, enum kill_who who, int sig, struct diag *d)
{
	const struct kill_targets t = {.control = &SCOPE(u)->control_pid};

	return processes_kill_who(u, who, sig, &t, d);
}

static void scope_reset_failed(struct unit *u)
{
	struct scope *s = SCOPE(u);

	s->result = RESULT_SUCCESS;
	if (s->state == SCOPE_FAILED)
		scope_set_state(s, SCOPE_DEAD, 0);
}

static const char *scope_result(const struct unit *u)
{
	return result_to_string(SCOPE(u)->result);
}

static void scope_save(const struct unit *u, struct strbuf *b)
{
	const struct scope *s = SCOPE(u);

	record_add(b, "state", state_name[s->state]);
	record_add(b, "result", result_to_string(s->result));
	record_add_u64(b, "deadline", s->deadline.at);
	record_add_process(b, "control-pid", &s->control_pid);
	record_add_bool(b, "spawning", s->spawning);
	record_add_bool(b, "kill-due", kill_is_due(u));
	if (s->spawning)
		doubt_save(&s->doubt, b);
	/* Of a start that has not happened yet. */
	for (size_t i = 0; i < s->n_pids; i++) {
		struct pidref p = {.pid = s->pids[i], .pidfd = -EBADF};

		if (pid_start_time(p.pid, &p.start_time) >= 0)
			record_add_pid(b, "attach", &p);
	}
}

/* Those that are still what they were. */
static int restore_pids(struct scope *s, const struct record *r)
{
	auto_strv char **lines = NULL;
	int k = record_get_strv(r, "attach", &lines);

	STRV_FOREACH (line, lines) {
		uint64_t recorded, start;
		int pid;

		if (k >= 0 && sscanf(*line, "%d %" SCNu64, &pid, &recorded) == 2 &&
		    pid_start_time(pid, &start) >= 0 && start == recorded)
			k = scope_add_pid(&s->unit, pid);
	}
	return k;
}

static int scope_restore(struct unit *u, const struct record *r)
{
	struct scope *s = SCOPE(u);
	const char *text = record_get(r, "state");
	int state = text ? ENUM_FROM_STRING(state_name, text) : -EINVAL;
	enum result result = result_from_string(record_get(r, "result"));

	s->adopted = state < 0;
	s->state = state < 0 ? SCOPE_DEAD : (enum scope_state) state;
	s->result = result == RESULT_INVALID ? RESULT_SUCCESS : result;
	s->deadline.at = record_get_u64(r, "deadline", 0);
	(void) record_take_process(u, r, "control-pid", &s->control_pid);
	s->spawning = record_get_bool(r, "spawning", false);
	s->kill_due = record_get_bool(r, "kill-due", false);
	doubt_restore(&s->doubt, r);
	return restore_pids(s, r);
}

/* Its processes ended while core was away. */
static int on_coldplug(struct source *source, void *userdata)
{
	struct scope *s = userdata;

	s->coldplug_source = NULL;
	source_free(source);
	if (s->state == SCOPE_START_CHOWN)
		scope_go_on_with_chown(s);
	else if (s->kill_due && state_active[s->state] == UNIT_DEACTIVATING)
		scope_enter_signal(s, s->state,
		                   RESULT_SUCCESS); /* not everybody had been signalled */
	else if (state_active[s->state] != UNIT_INACTIVE && s->state != SCOPE_FAILED &&
	         (!s->unit.cgroup || cgroup_is_empty(&s->unit) == 1))
		scope_enter_dead(s, RESULT_SUCCESS);
	return 0;
}

static int scope_coldplug(struct unit *u)
{
	struct scope *s = SCOPE(u);
	int r;

	if (u->perpetual)
		return 0;
	if (s->adopted && u->cgroup && cgroup_is_empty(u) != 1)
		scope_set_state(s, SCOPE_RUNNING, 0);
	s->adopted = false;
	if (state_active[s->state] == UNIT_INACTIVE || s->state == SCOPE_FAILED)
		return 0;
	/* Its file was in memory only. */
	if (u->load_state == LOAD_NOT_FOUND)
		u->load_state = LOAD_LOADED;
	r = deadline_set(&s->deadline, u, s->deadline.at, on_deadline);
	return r < 0 ? r
	             : loop_add_defer(u->manager->loop, "scope-coldplug", on_coldplug, s,
	                              &s->coldplug_source);
}

static int scope_describe(const struct unit *u, cJSON *properties)
{
	const struct scope *s = SCOPE(u);
	int r;

	r = json_add_string(properties, "Result", result_to_string(s->result));
	if (r >= 0)
		r = json_add_string(properties, "Controller", "");
	if (r >= 0)
		r = json_add_u64(properties, "TimeoutStopUSec", scope_stop_timeout(s));
	if (r >= 0 && u->file->scope)
		r = json_add_u64(properties, "RuntimeMaxUSec", u->file->scope->runtime_max_usec);
	if (r >= 0)
		r = json_add_u64(properties, "RuntimeRandomizedExtraUSec", 0);
	if (r >= 0)
		r = describe_oom_policy(u, UNIT_SCOPE, properties);
	if (r >= 0 && u->file->scope && u->file->scope->user)
		r = json_add_string(properties, "User", u->file->scope->user);
	if (r >= 0 && u->file->scope && u->file->scope->group)
		r = json_add_string(properties, "Group", u->file->scope->group);
	return r < 0 ? r : describe_process_settings(u, properties);
}

static int scope_enumerate(struct manager *m)
{
	struct unit *u;
	int r;

	r = manager_load_unit(m, "init.scope", NULL, &u);
	if (r < 0)
		return r;
	if (SCOPE(u)->state != SCOPE_RUNNING)
		scope_set_state(SCOPE(u), SCOPE_RUNNING, 0);
	return 0;
}

const struct unit_ops scope_ops = {
	.type = UNIT_SCOPE,
	.object_size = sizeof(struct scope),
	.init = scope_init,
	.done = scope_done,
	.load = scope_load,
	.coldplug = scope_coldplug,
	.start = scope_start,
	.stop = scope_stop,
	.active_state = scope_active_state,
	.sub_state = scope_sub_state,
	.may_gc = scope_may_gc,
	.on_cgroup_empty = scope_on_cgroup_empty,
	.on_exit = scope_on_exit,
	.on_exits_known = scope_on_exits_known,
	.control_pid = scope_control_pid,
	.on_oom = scope_on_oom,
	.kill = scope_kill,
	.attach = scope_add_pid,
	.abandon = scope_abandon,
	.reset_failed = scope_reset_failed,
	.result = scope_result,
	.save = scope_save,
	.restore = scope_restore,
	.describe = scope_describe,
	.enumerate = scope_enumerate,
};
