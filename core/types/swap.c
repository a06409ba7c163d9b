// SPDX-License-Identifier: Apache-2.0
/* The swap type: states and operations. */
#include "types/swap.h"

#include <stdio.h>

/* clang-format off */
static const char *const state_name[SWAP_STATE_MAX] = {
#define X(id, name, active) [SWAP_STATE_##id] = name,
	SWAP_STATES(X)
#undef X
};
static const enum unit_active_state state_active[SWAP_STATE_MAX] = {
#define X(id, name, active) [SWAP_STATE_##id] = UNIT_##active,
	SWAP_STATES(X)
#undef X
};
/* clang-format on */

static int on_deadline(struct source *source, usec_t deadline, void *userdata);

static bool has_process(enum swap_state s)
{
	return s == SWAP_STATE_ACTIVATING || s == SWAP_STATE_ACTIVATING_DONE ||
	       s == SWAP_STATE_DEACTIVATING || s == SWAP_STATE_DEACTIVATING_SIGTERM ||
	       s == SWAP_STATE_DEACTIVATING_SIGKILL;
}

void swap_set_state(struct swap *s, enum swap_state state, usec_t deadline)
{
	enum swap_state old = s->state;

	s->state = state;
	s->spawning = false;
	doubt_drop(&s->doubt);
	(void) deadline_set(&s->deadline, &s->unit, deadline, on_deadline);
	if (!has_process(state))
		process_forget(&s->unit, &s->control_pid);
	if (old != state)
		log_unit(LOG_DEBUG, s->unit.id, "Changed %s -> %s", state_name[old],
		         state_name[state]);
	unit_save_soon(&s->unit);
	unit_notify(&s->unit, state_active[old], state_active[state], true);
}

static void add_result(struct swap *s, enum result result)
{
	if (s->result == RESULT_SUCCESS)
		s->result = result;
}

void swap_enter_dead(struct swap *s, enum result result)
{
	add_result(s, result);
	if (s->result != RESULT_SUCCESS)
		log_unit(LOG_WARNING, s->unit.id, "Failed with result '%s'",
		         result_to_string(s->result));
	if (s->unit.file->exec)
		(void) exec_directories_remove(&s->unit, s->unit.file->exec, false);
	namespaces_release(&s->unit);
	invocation_unpublish(&s->unit);
	swap_set_state(s, s->result == RESULT_SUCCESS ? SWAP_STATE_DEAD : SWAP_STATE_FAILED, 0);
}

static void enter_active(struct swap *s, enum result result)
{
	add_result(s, result);
	swap_set_state(s, SWAP_STATE_ACTIVE, 0);
}

static void enter_dead_or_active(struct swap *s, enum result result)
{
	if (s->is_active)
		enter_active(s, result);
	else
		swap_enter_dead(s, result);
}

static usec_t step_deadline(const struct swap *s)
{
	const struct swap_settings *c = s->unit.file->swap;

	return deadline_in(c ? c->timeout_usec
	                     : s->unit.manager->context.default_timeout_start_usec);
}

static int spawn(struct swap *s, bool off)
{
	const struct swap_settings *c = s->unit.file->swap;
	auto_strv char **argv = NULL;
	struct exec_command command = {.flags = EXEC_NO_ENV_EXPAND};
	struct pidref pid = PIDREF_NULL;
	char priority[16];
	int r;

	r = strv_append(&argv, off ? "/sbin/swapoff" : "/sbin/swapon");
	if (r >= 0 && !off && c && !str_is_empty(c->options)) {
		r = strv_append(&argv, "-o");
		if (r >= 0)
			r = strv_append(&argv, c->options);
	}
	if (r >= 0 && !off && c && c->priority >= 0) {
		snprintf(priority, sizeof(priority), "%d", c->priority);
		r = strv_append(&argv, "-p");
		if (r >= 0)
			r = strv_append(&argv, priority);
	}
	if (r >= 0)
		r = strv_append(&argv, off && s->kernel_what ? s->kernel_what : s->what);
	if (r < 0)
		return r;
	command.path = argv[0];
	command.argv = argv;
	list_remove(&s->outcome.link);
	s->spawning = true;
	s->doubt.since = now(CLOCK_BOOTTIME);
	s->spawning_off = off;
	spawn_intent(&s->unit);
	r = control_spawn(&s->unit, &command, NULL, &pid);
	s->spawning = false;
	if (r < 0)
		return r;
	process_forget(&s->unit, &s->control_pid);
	s->control_pid = pid;
	process_status_begin(&s->control_status, pid.pid);
	unit_save(&s->unit);
	return 0;
}

static void enter_signal(struct swap *s, enum swap_state state, enum result result)
{
	const struct kill_targets t = {.control = &s->control_pid};
	bool kill = state == SWAP_STATE_DEACTIVATING_SIGKILL;
	int r;

	add_result(s, result);
	r = processes_kill(&s->unit, kill ? KILL_STEP_KILL : KILL_STEP_TERMINATE, &t);
	if (r > 0)
		swap_set_state(s, state, step_deadline(s));
	else if (!kill)
		enter_signal(s, SWAP_STATE_DEACTIVATING_SIGKILL, RESULT_SUCCESS);
	else
		enter_dead_or_active(s, RESULT_SUCCESS);
}

static int on_deadline(_unused_ struct source *source, _unused_ usec_t deadline, void *userdata)
{
	struct swap *s = userdata;

	s->deadline.at = 0;
	if (!has_process(s->state))
		return 0;
	/* Of what is overdue it has to be known whether it began. */
	if (s->spawning && !doubt_settle(&s->doubt)) {
		(void) deadline_set(&s->deadline, &s->unit,
		                    usec_add(now(CLOCK_BOOTTIME), DOUBT_USEC), on_deadline);
		return 0;
	}
	log_unit(LOG_WARNING, s->unit.id, "State '%s' timed out. Terminating",
	         state_name[s->state]);
	if (s->state == SWAP_STATE_DEACTIVATING_SIGKILL)
		enter_dead_or_active(s, RESULT_TIMEOUT);
	else
		enter_signal(s,
		             s->state == SWAP_STATE_DEACTIVATING_SIGTERM
		                     ? SWAP_STATE_DEACTIVATING_SIGKILL
		                     : SWAP_STATE_DEACTIVATING_SIGTERM,
		             RESULT_TIMEOUT);
	return 0;
}

void swap_on_control_exit(struct swap *s, enum result result)
{
	switch (s->state) {
	case SWAP_STATE_ACTIVATING:
	case SWAP_STATE_ACTIVATING_DONE:
		if (s->is_active)
			enter_active(s, result);
		else
			swap_enter_dead(s, result == RESULT_SUCCESS ? RESULT_PROTOCOL : result);
		break;
	case SWAP_STATE_DEACTIVATING:
	case SWAP_STATE_DEACTIVATING_SIGTERM:
	case SWAP_STATE_DEACTIVATING_SIGKILL:
		enter_dead_or_active(s, s->is_active ? result : RESULT_SUCCESS);
		break;
	default:
		break;
	}
}

/* Whoever a signal was for is gone, and had no exit that would say so. */
static void swap_on_cgroup_empty(struct unit *u)
{
	struct swap *s = SWAP(u);

	if ((s->state == SWAP_STATE_DEACTIVATING_SIGTERM ||
	     s->state == SWAP_STATE_DEACTIVATING_SIGKILL) &&
	    !s->spawning && !list_is_linked(&s->outcome.link) && !pidref_is_set(&s->control_pid))
		swap_command_ended(s, swap_refresh(u->manager), RESULT_SUCCESS);
}

/* ---- operations ---- */

static const struct doubt_ops swap_doubt_ops;

static void swap_init(struct unit *u)
{
	struct swap *s = SWAP(u);

	doubt_init(&s->doubt, u, &swap_doubt_ops,
	           (struct doubt_control){&s->control_pid, &s->control_status, &s->spawning});
	s->control_pid = PIDREF_NULL;
}

static void swap_done(struct unit *u)
{
	struct swap *s = SWAP(u);

	process_forget(u, &s->control_pid);
	deadline_done(&s->deadline);
	source_free(s->coldplug_source);
	doubt_drop(&s->doubt);
	list_remove(&s->outcome.link);
	free(s->what);
	free(s->kernel_what);
}

static int swap_load(struct unit *u, struct diag *d)
{
	const struct swap_settings *c = u->file->swap;
	struct swap *s = SWAP(u);
	auto_free char *name = NULL;
	int r;

	if (c && !str_is_empty(c->what))
		r = str_set(&s->what, c->what);
	else
		r = s->what ? 0 : unit_name_to_path(u->id, &s->what);
	if (r < 0)
		return r;
	r = unit_name_from_path(s->what, ".swap", &name);
	if (r < 0)
		return r;
	if (!streq(name, u->id))
		return diag_add(d, -ENOEXEC, DIAG_ERROR,
		                u->file->fragment_path ? u->file->fragment_path : u->id, 0,
		                "Value of What= and unit name do not match. Refusing");
	r = describe_by_default(u, "", s->what);
	if (r < 0)
		return r;
	if (is_device_path(s->what))
		r = dependencies_add_device(u, s->what,
		                            u->file->fragment_path ? DEP_BINDS_TO : DEP_REQUIRES);
	else
		r = unit_require_mounts_for(u, s->what);
	if (r >= 0)
		r = dependencies_add_exec(u);
	if (r < 0 || !u->file->unit.default_dependencies)
		return r;
	/* umount.target: swap on a file has to go before its file system. swap.target comes from
	 * the file or the generator, unless nofail. */
	r = unit_add_two_dependencies_by_name(u, DEP_BEFORE, DEP_CONFLICTS, "umount.target");
	if (r >= 0 && (!c || !c->options || !strstr(c->options, "nofail")))
		r = unit_add_dependency_by_name(u, DEP_BEFORE, "swap.target");
	return r;
}

static int swap_start(struct unit *u)
{
	struct swap *s = SWAP(u);
	int r;

	if (state_active[s->state] == UNIT_DEACTIVATING || s->state == SWAP_STATE_CLEANING)
		return -EAGAIN;
	if (s->state == SWAP_STATE_ACTIVATING)
		return 0;
	if (state_active[s->state] == UNIT_ACTIVE)
		return -EALREADY;
	if (!unit_start_limit_test(u)) {
		swap_enter_dead(s, RESULT_START_LIMIT_HIT);
		return -ECANCELED;
	}
	r = invocation_publish(u);
	if (r < 0)
		return r;
	s->result = RESULT_SUCCESS;
	swap_set_state(s, SWAP_STATE_ACTIVATING, step_deadline(s));
	if (s->state != SWAP_STATE_ACTIVATING)
		return 0;
	if (spawn(s, false) < 0)
		enter_dead_or_active(s, RESULT_RESOURCES);
	return 0;
}

static int swap_stop(struct unit *u)
{
	struct swap *s = SWAP(u);

	if (s->spawning && !doubt_settle(&s->doubt))
		return -EAGAIN;
	switch (s->state) {
	case SWAP_STATE_ACTIVATING:
	case SWAP_STATE_ACTIVATING_DONE:
		enter_signal(s, SWAP_STATE_DEACTIVATING_SIGTERM, RESULT_SUCCESS);
		return 0;
	case SWAP_STATE_ACTIVE:
		swap_set_state(s, SWAP_STATE_DEACTIVATING, step_deadline(s));
		if (s->state == SWAP_STATE_DEACTIVATING && spawn(s, true) < 0)
			enter_dead_or_active(s, RESULT_RESOURCES);
		return 0;
	case SWAP_STATE_DEAD:
	case SWAP_STATE_FAILED:
		return -EALREADY;
	default:
		return 0;
	}
}

static enum unit_active_state swap_active(const struct unit *u)
{
	return state_active[SWAP(u)->state];
}

static const char *swap_sub_state(const struct unit *u)
{
	return state_name[SWAP(u)->state];
}

static bool swap_may_gc(const struct unit *u)
{
	return !SWAP(u)->is_active;
}

static void swap_on_exit(struct unit *u, const struct process_exit *e)
{
	struct swap *s = SWAP(u);

	if (!pidref_is_exit(&s->control_pid, e)) {
		if (s->spawning && exit_is_since(e, s->doubt.since)) {
			unit_save_soon(u);
			doubt_note_exit(&s->doubt, e);
		}
		return;
	}
	process_status_end(&s->control_status, e);
	process_forget(u, &s->control_pid);
	unit_save_soon(u);
	swap_command_ended(s, swap_refresh(u->manager),
	                   result_of_exit(e, EXIT_CLEAN_COMMAND, NULL));
}

static int swap_kill(struct unit *u, enum kill_who who, int sig, struct diag *d)
{
	const struct kill_targets t = {.control = &SWAP(u)->control_pid};

	return processes_kill_who(u, who, sig, &t, d);
}

static void swap_reset_failed(struct unit *u)
{
	SWAP(u)->result = RESULT_SUCCESS;
	if (SWAP(u)->state == SWAP_STATE_FAILED)
		swap_set_state(SWAP(u), SWAP_STATE_DEAD, 0);
}

static pid_t swap_control_pid(const struct unit *u)
{
	return SWAP(u)->control_pid.pid;
}

static const char *swap_result(const struct unit *u)
{
	return result_to_string(SWAP(u)->result);
}

static void swap_save(const struct unit *u, struct strbuf *b)
{
	const struct swap *s = SWAP(u);

	record_add(b, "state", state_name[s->state]);
	record_add(b, "result", result_to_string(s->result));
	record_add_process(b, "control-pid", &s->control_pid);
	process_status_save(&s->control_status, "control", b);
	record_add_u64(b, "deadline", s->deadline.at);
	record_add_bool(b, "spawning", s->spawning);
	if (s->spawning)
		doubt_save(&s->doubt, b);
	record_add_bool(b, "spawning-off", s->spawning_off);
}

static int swap_restore(struct unit *u, const struct record *r)
{
	struct swap *s = SWAP(u);
	const char *text = record_get(r, "state");
	int state = text ? ENUM_FROM_STRING(state_name, text) : -EINVAL;
	enum result result = result_from_string(record_get(r, "result"));

	s->state = state >= 0     ? (enum swap_state) state
	           : s->is_active ? SWAP_STATE_ACTIVE
	                          : SWAP_STATE_DEAD;
	s->result = result == RESULT_INVALID ? RESULT_SUCCESS : result;
	(void) record_take_process(u, r, "control-pid", &s->control_pid);
	process_status_restore(&s->control_status, "control", r);
	s->deadline.at = record_get_u64(r, "deadline", 0);
	s->spawning = record_get_bool(r, "spawning", false);
	doubt_restore(&s->doubt, r);
	s->spawning_off = record_get_bool(r, "spawning-off", false);
	return 0;
}

/* ---- after a restart of core ---- */

static void repeat(struct unit *u)
{
	struct swap *s = SWAP(u);
	int seen = swap_refresh(u->manager);

	s->spawning = false;
	if (seen < 0)
		swap_command_ended(s, seen, RESULT_SUCCESS);
	else if (s->is_active != s->spawning_off)
		swap_on_control_exit(s, RESULT_SUCCESS);
	else if (spawn(s, s->spawning_off) < 0)
		swap_on_control_exit(s, RESULT_RESOURCES);
}

static const struct doubt_ops swap_doubt_ops = {.ended = swap_on_exit, .never = repeat};

static void swap_on_exits_known(struct unit *u)
{
	doubt_exits_known(&SWAP(u)->doubt);
}

static bool has_settled(const struct swap *s)
{
	return !has_process(s->state) ||
	       (s->state == SWAP_STATE_ACTIVATING_DONE && !pidref_is_set(&s->control_pid));
}

static int on_go_on(struct source *source, void *userdata)
{
	struct swap *s = userdata;
	int seen;

	s->coldplug_source = NULL;
	source_free(source);
	seen = swap_refresh(s->unit.manager);
	/* What was active is believed to be so until somebody could look. */
	if (seen < 0 && s->state == SWAP_STATE_ACTIVE)
		s->is_active = true;
	if (s->spawning && s->is_active == s->spawning_off) {
		doubt_begin(&s->doubt);
	} else if (s->spawning) {
		swap_on_control_exit(s, RESULT_SUCCESS);
	} else if (!has_settled(s)) {
		if (!pidref_is_set(&s->control_pid))
			swap_command_ended(s, seen, RESULT_SUCCESS);
	} else if (s->is_active && s->state != SWAP_STATE_ACTIVE) {
		s->result = RESULT_SUCCESS;
		swap_set_state(s, SWAP_STATE_ACTIVE, 0);
	} else if (!s->is_active && s->state == SWAP_STATE_ACTIVE) {
		swap_enter_dead(s, RESULT_SUCCESS);
	}
	return 0;
}

static int swap_coldplug(struct unit *u)
{
	struct swap *s = SWAP(u);
	int r;

	if (has_settled(s) && s->is_active == (s->state == SWAP_STATE_ACTIVE))
		return 0;
	r = deadline_set(&s->deadline, u, s->deadline.at, on_deadline);
	return r < 0 ? r
	             : loop_add_defer(u->manager->loop, "swap-coldplug", on_go_on, s,
	                              &s->coldplug_source);
}

static int swap_describe(const struct unit *u, cJSON *properties)
{
	const struct swap *s = SWAP(u);
	const struct swap_settings *c = u->file->swap;
	int r;

	r = json_add_string(properties, "What",
	                    s->kernel_what ? s->kernel_what
	                    : s->what      ? s->what
	                                   : "");
	if (r >= 0)
		r = json_add_i64(properties, "Priority",
		                 s->is_active ? s->kernel_priority
		                 : c          ? c->priority
		                              : -1);
	if (r >= 0)
		r = json_add_string(properties, "Options", c && c->options ? c->options : "");
	if (r >= 0 && c)
		r = json_add_u64(properties, "TimeoutUSec", c->timeout_usec);
	if (r >= 0)
		r = json_add_u64(properties, "ControlPID", (uint64_t) s->control_pid.pid);
	if (r >= 0)
		r = json_add_string(properties, "Result", result_to_string(s->result));
	return r < 0 ? r : describe_process_settings(u, properties);
}

const struct unit_ops swap_ops = {
	.type = UNIT_SWAP,
	.object_size = sizeof(struct swap),
	.init = swap_init,
	.done = swap_done,
	.load = swap_load,
	.coldplug = swap_coldplug,
	.start = swap_start,
	.stop = swap_stop,
	.active_state = swap_active,
	.sub_state = swap_sub_state,
	.may_gc = swap_may_gc,
	.on_cgroup_empty = swap_on_cgroup_empty,
	.on_exit = swap_on_exit,
	.on_exits_known = swap_on_exits_known,
	.kill = swap_kill,
	.reset_failed = swap_reset_failed,
	.control_pid = swap_control_pid,
	.result = swap_result,
	.save = swap_save,
	.restore = swap_restore,
	.describe = swap_describe,
	.enumerate = swap_enumerate,
	.shutdown = swap_shutdown,
};
