// SPDX-License-Identifier: Apache-2.0
/* ExecReload=, and Type=notify-reload: SIGHUP, then RELOADING=1 with a later MONOTONIC_USEC=, then
 * READY=1. */
#include "types/service.h"

static usec_t reload_deadline(const struct service *s)
{
	return deadline_in(service_settings(s)->timeout_start_usec);
}

int service_begin_reload(struct service *s, _unused_ enum result result)
{
	const struct service_settings *c = service_settings(s);
	bool by_signal = c->type == SERVICE_NOTIFY_RELOAD;
	int r;

	s->reload_result = RESULT_SUCCESS;
	if (s->notify_state == NOTIFY_STATE_RELOADING)
		s->notify_state = NOTIFY_STATE_UNKNOWN;
	if (by_signal) {
		if (!service_has_main(s))
			return -EINVAL;
		s->reload_begin_usec = now(CLOCK_MONOTONIC);
		r = pidref_kill(&s->main_pid, SIGHUP);
		if (r < 0)
			return log_unit_errno(LOG_WARNING, s->unit.id, r,
			                      "Cannot send the reload signal: %m");
	}
	if (!c->commands[SERVICE_EXEC_RELOAD]) {
		service_set_state(s, SERVICE_RELOAD_SIGNAL, reload_deadline(s));
		return 0;
	}
	service_set_state(s, SERVICE_RELOAD, reload_deadline(s));
	if (s->state != SERVICE_RELOAD)
		return 0;
	r = service_spawn_control(s, SERVICE_EXEC_RELOAD, 0);
	if (r < 0) {
		s->reload_result = RESULT_RESOURCES;
		service_enter_running(s, RESULT_SUCCESS);
	}
	return 0;
}

void service_enter_reload_notify(struct service *s)
{
	service_set_state(s, SERVICE_RELOAD_NOTIFY, reload_deadline(s));
}

int service_reload_control_exit(struct service *s, enum result result)
{
	const struct service_settings *c = service_settings(s);

	if (result == RESULT_SUCCESS && s->control_list == SERVICE_EXEC_RELOAD) {
		unsigned next = s->control_index + 1;
		int r = service_spawn_control(s, SERVICE_EXEC_RELOAD, next);

		if (r >= 0)
			return 0;
		if (r != -ENOENT)
			result = RESULT_RESOURCES;
	}
	service_forget_control(s);
	s->reload_result = result;
	if (result == RESULT_SUCCESS && c->pid_file && service_load_pid_file(s, true) < 0)
		service_guess_main_pid(s);
	if (result == RESULT_SUCCESS && c->type == SERVICE_NOTIFY_RELOAD &&
	    s->notify_state != NOTIFY_STATE_READY) {
		service_set_state(s,
		                  s->notify_state == NOTIFY_STATE_RELOADING ? SERVICE_RELOAD_NOTIFY
		                                                            : SERVICE_RELOAD_SIGNAL,
		                  s->deadline.at);
		return 0;
	}
	service_enter_running(s, RESULT_SUCCESS);
	return 0;
}

int service_reload_deadline(struct service *s, _unused_ enum result result)
{
	log_unit(LOG_WARNING, s->unit.id, "Reload operation timed out. Killing reload process");
	if (service_has_control(s))
		(void) pidref_kill(&s->control_pid, SIGKILL);
	s->reload_result = RESULT_TIMEOUT;
	s->notify_state = NOTIFY_STATE_UNKNOWN;
	service_enter_running(s, RESULT_SUCCESS);
	return 0;
}
