// SPDX-License-Identifier: Apache-2.0
/* A process of the service ended, or its whole cgroup did, or the kernel killed for memory. */
#include "types/service.h"

#include <signal.h>

static void log_exit(const struct service *s, const struct process_exit *e, const char *which,
                     enum result result)
{
	char status[32];

	log_unit(result == RESULT_SUCCESS ? LOG_DEBUG : LOG_NOTICE, s->unit.id,
	         "%s process %d %s, status=%d/%s", which, e->pid,
	         exit_code_to_string(e->code) ? exit_code_to_string(e->code) : "ended", e->status,
	         exit_status_text(e->code, e->status, status, sizeof(status)));
}

static void main_exited(struct service *s, const struct process_exit *e)
{
	const struct service_settings *c = service_settings(s);
	const struct exec_command *command =
		command_nth(c->commands[SERVICE_EXEC_START], s->main_index);
	enum result result;

	/* A oneshot's process is a command, all others are daemons. */
	result = result_of_exit(e,
	                        c->type == SERVICE_ONESHOT ? EXIT_CLEAN_COMMAND : EXIT_CLEAN_DAEMON,
	                        &c->success_exit_status);
	process_status_end(&s->main_status, e);
	if (c->type != SERVICE_FORKING)
		service_note_run(s, SERVICE_EXEC_START, s->main_index, &s->main_status);
	log_exit(s, e, "Main", result);
	exec_process_ended(&s->unit, s->unit.file->exec, e->pid);
	service_forget_main(s);
	if (command && command->flags & EXEC_IGNORE_FAILURE)
		result = RESULT_SUCCESS;
	service_add_result(s, result);
	unit_save_soon(&s->unit);
	/* The next of several ExecStart= of a oneshot. */
	if (s->state == SERVICE_START && c->type == SERVICE_ONESHOT && result == RESULT_SUCCESS) {
		int r = service_spawn_main(s, s->main_index + 1);

		if (r >= 0)
			return;
		if (r != -ENOENT)
			result = RESULT_RESOURCES;
	}
	/* ExitType=cgroup: the main process is one of many. */
	if (c->exit_type_cgroup && s->unit.cgroup && cgroup_is_empty(&s->unit) != 1)
		return;
	(void) service_event(s, SERVICE_EVENT_MAIN_EXIT, result);
}

static bool is_condition_skip(const struct service *s, const struct process_exit *e)
{
	/* systemd.service(5), ExecCondition=: 1 through 254 skip, 255 and abnormal ends fail. */
	return s->control_list == SERVICE_EXEC_CONDITION && e->code == CLD_EXITED &&
	       e->status >= 1 && e->status <= 254;
}

static void control_exited(struct service *s, const struct process_exit *e)
{
	const struct service_settings *c = service_settings(s);
	enum service_exec list = s->control_list;
	unsigned next = s->control_index + 1;
	const struct exec_command *command =
		list < SERVICE_EXEC_MAX ? command_nth(c->commands[list], s->control_index) : NULL;
	enum result result = result_of_exit(e, EXIT_CLEAN_COMMAND, NULL);

	process_status_end(&s->control_status, e);
	service_note_run(s, list, s->control_index, &s->control_status);
	if (result != RESULT_SUCCESS && is_condition_skip(s, e))
		result = RESULT_EXEC_CONDITION;
	log_exit(s, e, "Control", result);
	if (command && command->flags & EXEC_IGNORE_FAILURE && result != RESULT_EXEC_CONDITION)
		result = RESULT_SUCCESS;
	process_forget(&s->unit, &s->control_pid);
	unit_save_soon(&s->unit);
	/* The next command of the same list, if this one was good. The reload handler goes on by
	 * itself, a stop under way has no next one. */
	if (result == RESULT_SUCCESS && list < SERVICE_EXEC_MAX && list != SERVICE_EXEC_START &&
	    list != SERVICE_EXEC_RELOAD && command_nth(c->commands[list], next) &&
	    service_state_active(s->state) != UNIT_FAILED &&
	    (s->state == SERVICE_CONDITION || s->state == SERVICE_START_PRE ||
	     s->state == SERVICE_START_POST || s->state == SERVICE_STOP ||
	     s->state == SERVICE_STOP_POST)) {
		if (service_spawn_control(s, list, next) >= 0)
			return;
		result = RESULT_RESOURCES;
	}
	(void) service_event(s, SERVICE_EVENT_CONTROL_EXIT, result);
}

void service_on_exit(struct unit *u, const struct process_exit *e)
{
	struct service *s = SERVICE(u);

	if (service_note_exit(s, e))
		return;
	if (pidref_is_exit(&s->main_pid, e))
		main_exited(s, e);
	else if (pidref_is_exit(&s->control_pid, e))
		control_exited(s, e);
}

/* ---- the handlers, in the order of the states ---- */

int service_condition_exit(struct service *s, enum result result)
{
	service_forget_control(s);
	if (result == RESULT_SUCCESS)
		service_enter_start_pre(s);
	else
		service_enter_signal(s, SERVICE_STOP_SIGTERM, result);
	return 0;
}

int service_start_pre_exit(struct service *s, enum result result)
{
	service_forget_control(s);
	if (result == RESULT_SUCCESS)
		service_enter_start(s);
	else
		service_enter_signal(s, SERVICE_STOP_SIGTERM, result);
	return 0;
}

int service_start_main_exit(struct service *s, enum result result)
{
	const struct service_settings *c = service_settings(s);

	switch (c->type) {
	case SERVICE_ONESHOT:
		if (result == RESULT_SUCCESS)
			service_enter_start_post(s);
		else
			service_enter_signal(s, SERVICE_STOP_SIGTERM, result);
		break;
	case SERVICE_NOTIFY:
	case SERVICE_NOTIFY_RELOAD:
		/* Only READY=1 makes it active; an end before that is against the protocol, unless
		 * others may still send it. */
		if (result != RESULT_SUCCESS)
			service_enter_signal(s, SERVICE_STOP_SIGTERM, result);
		else if (!c->remain_after_exit || service_notify_access(s) == NOTIFY_MAIN)
			service_enter_signal(s, SERVICE_STOP_SIGTERM, RESULT_PROTOCOL);
		break;
	default:
		service_enter_running(s, result);
		break;
	}
	return 0;
}

/* Without a PID file the service is not up: wait for it, if anybody is left to write it. */
static bool await_pid_file(struct service *s)
{
	if (service_watch_pid_file(s) < 0 || (s->unit.cgroup && cgroup_is_empty(&s->unit) == 1))
		return false;
	/* Written between the look and the watch? */
	service_pid_file_changed(s);
	return true;
}

int service_start_control_exit(struct service *s, enum result result)
{
	const struct service_settings *c = service_settings(s);
	bool later = c->commands[SERVICE_EXEC_START_POST];

	if (c->type != SERVICE_FORKING)
		return 0;
	service_forget_control(s);
	/* What forked was the main command: its status is shown as the main one's if it failed. */
	if (result != RESULT_SUCCESS) {
		s->main_status = s->control_status;
		service_enter_signal(s, SERVICE_STOP_SIGTERM, result);
		return 0;
	}
	if (!c->pid_file) {
		service_guess_main_pid(s);
	} else if (service_load_pid_file(s, !later) < 0 && !later) {
		/* ExecStartPost= might write it; with none, it is awaited. */
		if (!await_pid_file(s))
			service_enter_signal(s, SERVICE_STOP_SIGTERM, RESULT_PROTOCOL);
		return 0;
	}
	service_enter_start_post(s);
	return 0;
}

int service_start_post_control_exit(struct service *s, enum result result)
{
	const struct service_settings *c = service_settings(s);

	service_forget_control(s);
	if (result != RESULT_SUCCESS) {
		service_enter_signal(s, SERVICE_STOP_SIGTERM, result);
		return 0;
	}
	if (!c->pid_file) {
		if (c->type == SERVICE_FORKING)
			service_guess_main_pid(s);
	} else if (service_load_pid_file(s, true) < 0) {
		if (!await_pid_file(s))
			service_enter_stop(s, RESULT_PROTOCOL);
		return 0;
	}
	service_enter_running(s, RESULT_SUCCESS);
	return 0;
}

int service_running_main_exit(struct service *s, enum result result)
{
	service_enter_running(s, result);
	return 0;
}

int service_stop_control_exit(struct service *s, enum result result)
{
	service_forget_control(s);
	service_enter_signal(s, SERVICE_STOP_SIGTERM, result);
	return 0;
}

int service_signalled_exit(struct service *s, enum result result)
{
	/* A control process that is still there is waited for first. */
	if (!service_has_control(s))
		service_enter_stop_post(s, result);
	return 0;
}

int service_stop_post_exit(struct service *s, enum result result)
{
	service_forget_control(s);
	service_enter_signal(s, SERVICE_FINAL_SIGTERM, result);
	return 0;
}

int service_final_exit(struct service *s, enum result result)
{
	if (!service_has_control(s) && !service_has_main(s))
		service_enter_dead(s, result, true);
	return 0;
}

/* ---- the cgroup is empty ---- */

/* Nobody is left to whom an exit could belong. */
static bool nobody_left(const struct service *s)
{
	return !service_has_main(s) && !service_has_control(s);
}

void service_on_cgroup_empty(struct unit *u)
{
	struct service *s = SERVICE(u);

	/* Of a process in doubt its exit says more. */
	if (s->spawning == SPAWNING_NONE)
		(void) service_event(s, SERVICE_EVENT_CGROUP_EMPTY, RESULT_SUCCESS);
}

int service_start_empty(struct service *s, _unused_ enum result result)
{
	const struct service_settings *c = service_settings(s);

	if (!nobody_left(s))
		return 0;
	if (s->state == SERVICE_START &&
	    (c->type == SERVICE_NOTIFY || c->type == SERVICE_NOTIFY_RELOAD)) {
		service_enter_signal(s, SERVICE_STOP_SIGTERM, RESULT_PROTOCOL);
	} else if (c->pid_file) {
		log_unit(LOG_WARNING, s->unit.id, "Daemon never wrote its PID file. Failing");
		if (s->state == SERVICE_START)
			service_enter_signal(s, SERVICE_STOP_SIGTERM, RESULT_PROTOCOL);
		else
			service_enter_stop(s, RESULT_PROTOCOL);
	} else if (s->state == SERVICE_START && c->exit_type_cgroup && c->type != SERVICE_ONESHOT) {
		service_enter_start_post(s);
	}
	return 0;
}

int service_running_empty(struct service *s, _unused_ enum result result)
{
	/* While a process is known its exit says more than an empty cgroup. */
	if (nobody_left(s))
		service_enter_running(s, RESULT_SUCCESS);
	return 0;
}

int service_signalled_empty(struct service *s, _unused_ enum result result)
{
	if (nobody_left(s))
		service_enter_stop_post(s, RESULT_SUCCESS);
	return 0;
}

int service_final_empty(struct service *s, _unused_ enum result result)
{
	if (nobody_left(s))
		service_enter_dead(s, RESULT_SUCCESS, true);
	return 0;
}

/* ---- out of memory: OOMPolicy= ---- */

static bool oom_is_ignored(const struct service *s)
{
	const struct cgroup_settings *g = s->unit.file->cgroup;

	/* systemd.service(5): with Delegate= the default is to let the payload deal with it. */
	return g && (g->oom_policy == OOM_POLICY_CONTINUE ||
	             (g->oom_policy == OOM_POLICY_DEFAULT && g->delegate));
}

void service_on_oom(struct unit *u)
{
	struct service *s = SERVICE(u);

	log_unit(LOG_WARNING, u->id, "A process of this unit has been killed by the OOM killer");
	if (!oom_is_ignored(s))
		(void) service_event(s, SERVICE_EVENT_OOM, RESULT_OOM_KILL);
}

int service_oom_early(struct service *s, enum result result)
{
	bool all = s->unit.file->cgroup && s->unit.file->cgroup->oom_policy == OOM_POLICY_KILL;

	service_enter_signal(s, all ? SERVICE_FINAL_SIGKILL : SERVICE_STOP_SIGTERM, result);
	return 0;
}

int service_oom_running(struct service *s, enum result result)
{
	if (s->unit.file->cgroup && s->unit.file->cgroup->oom_policy == OOM_POLICY_KILL)
		service_enter_signal(s, SERVICE_FINAL_SIGKILL, result);
	else
		service_enter_stop(s, result);
	return 0;
}

int service_oom_late(struct service *s, enum result result)
{
	service_add_result(s, result);
	return 0;
}
