// SPDX-License-Identifier: Apache-2.0
/* The service type's operations, and the one table that says what each event means in each state.
 */
#include "types/service.h"

#include "base/fault.h"

/* clang-format off */
static const char *const state_name[SERVICE_STATE_MAX] = {
#define X(id, name, active, process) [SERVICE_##id] = name,
	SERVICE_STATES(X)
#undef X
};
static const enum unit_active_state state_active[SERVICE_STATE_MAX] = {
#define X(id, name, active, process) [SERVICE_##id] = UNIT_##active,
	SERVICE_STATES(X)
#undef X
};
enum waits_for { WAITS_NONE = 0, WAITS_MAIN = 1, WAITS_CONTROL = 2, WAITS_EITHER = 3 };
static const enum waits_for state_waits[SERVICE_STATE_MAX] = {
#define X(id, name, active, process) [SERVICE_##id] = WAITS_##process,
	SERVICE_STATES(X)
#undef X
};
/* clang-format on */

const char *service_state_to_string(enum service_state s)
{
	return ENUM_TO_STRING(state_name, s);
}

enum service_state service_state_from_string(const char *s)
{
	int r = s ? ENUM_FROM_STRING(state_name, s) : -EINVAL;

	return r < 0 ? SERVICE_STATE_INVALID : (enum service_state) r;
}

enum unit_active_state service_state_active(enum service_state s)
{
	return state_active[s];
}

/* ---- handlers with one line of meaning ---- */

static int on_nothing(_unused_ struct service *s, _unused_ enum result result)
{
	return 0;
}

static int on_already(_unused_ struct service *s, _unused_ enum result result)
{
	return -EALREADY;
}

static int on_not_now(_unused_ struct service *s, _unused_ enum result result)
{
	return -EAGAIN;
}

static int on_wrong_state(_unused_ struct service *s, _unused_ enum result result)
{
	return -EINVAL;
}

/* An event of which the state knows nothing: a bug, but no reason to fall over. */
static int on_unexpected(struct service *s, _unused_ enum result result)
{
	log_unit(LOG_DEBUG, s->unit.id, "Ignored an event that is not expected in state %s",
	         state_name[s->state]);
	return 0;
}

/* clang-format off */
static const service_handler_fn table[SERVICE_STATE_MAX][SERVICE_EVENT_MAX] = {
#define ROW(state, start, stop, reload, main_exit, control_exit, empty, due, watchdog, oom) \
	[SERVICE_##state] = { \
		[SERVICE_EVENT_START] = start, [SERVICE_EVENT_STOP] = stop, [SERVICE_EVENT_RELOAD] = reload, \
		[SERVICE_EVENT_MAIN_EXIT] = main_exit, [SERVICE_EVENT_CONTROL_EXIT] = control_exit, \
		[SERVICE_EVENT_CGROUP_EMPTY] = empty, [SERVICE_EVENT_DEADLINE] = due, [SERVICE_EVENT_WATCHDOG] = watchdog, \
		[SERVICE_EVENT_OOM] = oom }
ROW(DEAD,	    service_begin, on_already, on_wrong_state,
		    on_nothing, on_nothing, on_nothing, on_unexpected, on_unexpected, on_nothing),
ROW(CONDITION,	    on_nothing, service_begin_stop_by_signal, on_wrong_state,
		    on_unexpected, service_condition_exit, on_nothing, service_start_deadline, on_unexpected, service_oom_early),
ROW(START_PRE,	    on_nothing, service_begin_stop_by_signal, on_wrong_state,
		    on_unexpected, service_start_pre_exit, on_nothing, service_start_deadline, on_unexpected, service_oom_early),
ROW(START,	    on_nothing, service_begin_stop_by_signal, on_wrong_state,
		    service_start_main_exit, service_start_control_exit, service_start_empty, service_start_deadline,
		    service_watchdog_expired, service_oom_early),
ROW(START_POST,	    on_nothing, service_begin_stop_by_signal, on_wrong_state,
		    on_nothing, service_start_post_control_exit, service_start_empty, service_start_deadline,
		    service_watchdog_expired, service_oom_early),
ROW(RUNNING,	    on_already, service_begin_stop, service_begin_reload,
		    service_running_main_exit, on_unexpected, service_running_empty, service_running_deadline,
		    service_watchdog_expired, service_oom_running),
ROW(EXITED,	    on_already, service_begin_stop, service_begin_reload,
		    service_running_main_exit, on_unexpected, on_nothing, on_unexpected, on_nothing, service_oom_running),
ROW(RELOAD,	    on_already, service_begin_stop_by_signal, on_nothing,
		    on_nothing, service_reload_control_exit, on_nothing, service_reload_deadline,
		    service_watchdog_expired, service_oom_running),
ROW(RELOAD_SIGNAL,  on_already, service_begin_stop_by_signal, on_nothing,
		    service_running_main_exit, service_reload_control_exit, service_running_empty, service_reload_deadline,
		    service_watchdog_expired, service_oom_running),
ROW(RELOAD_NOTIFY,  on_already, service_begin_stop_by_signal, on_nothing,
		    service_running_main_exit, service_reload_control_exit, service_running_empty, service_reload_deadline,
		    service_watchdog_expired, service_oom_running),
ROW(STOP,	    on_not_now, on_nothing, on_wrong_state,
		    on_nothing, service_stop_control_exit, on_nothing, service_stop_deadline, on_nothing, service_oom_late),
ROW(STOP_WATCHDOG,  on_not_now, on_nothing, on_wrong_state,
		    service_signalled_exit, service_signalled_exit, service_signalled_empty, service_signal_deadline,
		    on_nothing, service_oom_late),
ROW(STOP_SIGTERM,   on_not_now, on_nothing, on_wrong_state,
		    service_signalled_exit, service_signalled_exit, service_signalled_empty, service_signal_deadline,
		    on_nothing, service_oom_late),
ROW(STOP_SIGKILL,   on_not_now, on_nothing, on_wrong_state,
		    service_signalled_exit, service_signalled_exit, service_signalled_empty, service_signal_deadline,
		    on_nothing, service_oom_late),
ROW(STOP_POST,	    on_not_now, on_nothing, on_wrong_state,
		    on_nothing, service_stop_post_exit, on_nothing, service_signal_deadline, on_nothing, service_oom_late),
ROW(FINAL_WATCHDOG, on_not_now, on_nothing, on_wrong_state,
		    service_final_exit, service_final_exit, service_final_empty, service_signal_deadline,
		    on_nothing, service_oom_late),
ROW(FINAL_SIGTERM,  on_not_now, on_nothing, on_wrong_state,
		    service_final_exit, service_final_exit, service_final_empty, service_signal_deadline,
		    on_nothing, service_oom_late),
ROW(FINAL_SIGKILL,  on_not_now, on_nothing, on_wrong_state,
		    service_final_exit, service_final_exit, service_final_empty, service_signal_deadline,
		    on_nothing, service_oom_late),
ROW(FAILED,	    service_begin, on_already, on_wrong_state,
		    on_nothing, on_nothing, on_nothing, on_unexpected, on_unexpected, on_nothing),
ROW(AUTO_RESTART,   service_begin_in_restart, service_begin_stop_in_restart, on_wrong_state,
		    on_nothing, on_nothing, on_nothing, service_restart_deadline, on_unexpected, on_nothing),
ROW(CLEANING,	    on_not_now, on_nothing, on_wrong_state,
		    on_nothing, service_final_exit, on_nothing, service_signal_deadline, on_unexpected, on_nothing),
#undef ROW
};
/* clang-format on */

service_handler_fn service_handler(enum service_state s, enum service_event e)
{
	return table[s][e];
}

int service_event(struct service *s, enum service_event e, enum result result)
{
	return table[s->state][e](s, result);
}

bool service_has_control(const struct service *s)
{
	return pidref_is_set(&s->control_pid);
}

bool service_has_main(const struct service *s)
{
	return pidref_is_set(&s->main_pid);
}

void service_add_result(struct service *s, enum result r)
{
	if (s->result == RESULT_SUCCESS)
		s->result = r;
}

/**
 * service_set_state - the only place that changes a service's state
 * @deadline: absolute boottime at which the state is overdue; 0 or USEC_INFINITY: never
 *
 * Drops what the new state has no use for, saves, and tells the engine, which may call back into
 * this service before it returns.
 */
void service_set_state(struct service *s, enum service_state state, usec_t deadline)
{
	enum service_state old = s->state;
	struct unit *u = &s->unit;

	s->state = state;
	s->spawning = SPAWNING_NONE;
	doubt_drop(&s->doubt);
	FAULT_POINT("service.state.before");
	(void) deadline_set(&s->deadline, u, deadline, service_on_deadline);
	service_unwatch_pid_file(s);
	if (!service_wants_connection(s))
		service_hand_over_connection(s);
	if (!(state_waits[state] & WAITS_CONTROL))
		service_forget_control(s);
	if (state_active[state] == UNIT_INACTIVE || state_active[state] == UNIT_FAILED ||
	    state == SERVICE_AUTO_RESTART) {
		service_forget_main(s);
		service_unwatch_exec(s);
		s->main_pid_known = false;
	}
	if (state_active[state] != UNIT_ACTIVE && state_active[state] != UNIT_RELOADING &&
	    state != SERVICE_START_POST && state != SERVICE_START)
		deadline_clear(&s->watchdog);
	if (old != state)
		log_unit(LOG_DEBUG, u->id, "Changed %s -> %s", state_name[old], state_name[state]);
	unit_save_soon(u);
	unit_notify(u, state_active[old], state_active[state], s->reload_result == RESULT_SUCCESS);
}

int service_on_deadline(_unused_ struct source *source, _unused_ usec_t deadline, void *userdata)
{
	struct service *s = userdata;

	s->deadline.at = 0;
	FAULT_POINT("service.deadline");
	/* Of what is overdue it has to be known whether it began. */
	if (!service_settle_spawn(s)) {
		(void) deadline_set(&s->deadline, &s->unit,
		                    usec_add(now(CLOCK_BOOTTIME), DOUBT_USEC), service_on_deadline);
		return 0;
	}
	(void) service_event(s, SERVICE_EVENT_DEADLINE, RESULT_TIMEOUT);
	return 0;
}

/* ---- the operations ---- */

static void service_init(struct unit *u)
{
	struct service *s = SERVICE(u);

	doubt_init(&s->doubt, u, &service_doubt_ops, (struct doubt_control){0});
	s->main_pid = s->control_pid = PIDREF_NULL;
	s->control_list = SERVICE_EXEC_MAX;
	s->connection_fd = s->exec_fd = -EBADF;
	s->notify_access_override = NOTIFY_ACCESS_MAX;
	list_init(&s->stored_fds);
}

static void service_done(struct unit *u)
{
	struct service *s = SERVICE(u);

	service_forget_main(s);
	service_forget_control(s);
	service_unwatch_exec(s);
	service_unwatch_pid_file(s);
	service_release_connection(s);
	/* The vault keeps its copies: core may be about to be replaced. */
	LIST_FOREACH (f, &s->stored_fds, struct stored_fd, link) {
		source_free(f->source);
		fd_close(f->fd);
		free(f->name);
		list_remove(&f->link);
		free(f);
	}
	deadline_done(&s->deadline);
	deadline_done(&s->watchdog);
	s->lost_source = source_free(s->lost_source);
	doubt_drop(&s->doubt);
	service_forget_runs(s);
	free(s->status_text);
	free(s->bus_error);
	strv_free(s->activation);
}

static int service_op_start(struct unit *u)
{
	return service_event(SERVICE(u), SERVICE_EVENT_START, RESULT_SUCCESS);
}

static int service_op_stop(struct unit *u)
{
	return service_event(SERVICE(u), SERVICE_EVENT_STOP, RESULT_SUCCESS);
}

static int service_op_reload(struct unit *u)
{
	return service_event(SERVICE(u), SERVICE_EVENT_RELOAD, RESULT_SUCCESS);
}

static bool service_can_reload(const struct unit *u)
{
	const struct service_settings *c = u->file->service;

	return c && (c->commands[SERVICE_EXEC_RELOAD] || c->type == SERVICE_NOTIFY_RELOAD);
}

static enum unit_active_state service_active(const struct unit *u)
{
	return state_active[SERVICE(u)->state];
}

static const char *service_sub_state(const struct unit *u)
{
	return state_name[SERVICE(u)->state];
}

static bool service_may_gc(const struct unit *u)
{
	const struct service *s = SERVICE(u);

	return !service_has_main(s) && !service_has_control(s) && s->n_stored_fds == 0 &&
	       (!u->cgroup || cgroup_is_empty(u) == 1);
}

static int service_kill(struct unit *u, enum kill_who who, int sig, struct diag *d)
{
	struct service *s = SERVICE(u);
	const struct kill_targets t = {.main = &s->main_pid, .control = &s->control_pid};

	return processes_kill_who(u, who, sig, &t, d);
}

static void service_reset_failed(struct unit *u)
{
	struct service *s = SERVICE(u);

	s->result = s->reload_result = RESULT_SUCCESS;
	s->n_restarts = 0;
	s->flush_restarts = false;
	if (s->state == SERVICE_FAILED)
		service_set_state(s, SERVICE_DEAD, 0);
}

static pid_t service_main_pid(const struct unit *u)
{
	return SERVICE(u)->main_pid.pid;
}

static pid_t service_control_pid(const struct unit *u)
{
	return SERVICE(u)->control_pid.pid;
}

static const char *service_result(const struct unit *u)
{
	return result_to_string(SERVICE(u)->result);
}

const struct unit_ops service_ops = {
	.type = UNIT_SERVICE,
	.object_size = sizeof(struct service),
	.init = service_init,
	.done = service_done,
	.load = service_load,
	.coldplug = service_coldplug,
	.start = service_op_start,
	.stop = service_op_stop,
	.reload = service_op_reload,
	.can_reload = service_can_reload,
	.active_state = service_active,
	.sub_state = service_sub_state,
	.may_gc = service_may_gc,
	.on_exit = service_on_exit,
	.on_cgroup_empty = service_on_cgroup_empty,
	.on_exits_known = service_on_exits_known,
	.on_oom = service_on_oom,
	.on_message = service_on_message,
	.kill = service_kill,
	.reset_failed = service_reset_failed,
	.main_pid = service_main_pid,
	.control_pid = service_control_pid,
	.result = service_result,
	.save = service_save,
	.restore = service_restore,
	.bus_name_owner = service_bus_name_owner,
	.describe = service_describe,
};
