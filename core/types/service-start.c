// SPDX-License-Identifier: Apache-2.0
/* The way up: condition, start-pre, start, start-post, running. */
#include "types/service.h"

usec_t service_start_timeout(const struct service *s)
{
	const struct service_settings *c = service_settings(s);

	/* systemd.service(5): a oneshot may take its time unless told otherwise. */
	if (c->type == SERVICE_ONESHOT && !c->timeout_start_set)
		return USEC_INFINITY;
	return c->timeout_start_usec;
}

static usec_t start_deadline(const struct service *s)
{
	return deadline_in(service_start_timeout(s));
}

bool service_is_good(const struct service *s)
{
	if (service_has_main(s))
		return true;
	if (s->main_pid_known && !service_settings(s)->exit_type_cgroup)
		return false;
	/* Nothing is known of a main process; what lives in the cgroup is the service. If that cannot
	 * be told, it is not the time to call it dead. */
	return s->unit.cgroup && cgroup_is_empty(&s->unit) != 1;
}

static void enter_condition(struct service *s)
{
	int r;

	if (!service_settings(s)->commands[SERVICE_EXEC_CONDITION]) {
		service_enter_start_pre(s);
		return;
	}
	service_set_state(s, SERVICE_CONDITION, start_deadline(s));
	if (s->state != SERVICE_CONDITION)
		return;
	r = service_spawn_control(s, SERVICE_EXEC_CONDITION, 0);
	if (r < 0)
		service_enter_dead(s, RESULT_RESOURCES, true);
}

void service_enter_start_pre(struct service *s)
{
	int r;

	service_forget_control(s);
	if (!service_settings(s)->commands[SERVICE_EXEC_START_PRE]) {
		service_enter_start(s);
		return;
	}
	service_set_state(s, SERVICE_START_PRE, start_deadline(s));
	if (s->state != SERVICE_START_PRE)
		return;
	r = service_spawn_control(s, SERVICE_EXEC_START_PRE, 0);
	if (r < 0)
		service_enter_dead(s, RESULT_RESOURCES, true);
}

static void start_failed(struct service *s)
{
	service_enter_signal(s, SERVICE_STOP_SIGTERM, RESULT_RESOURCES);
}

/*
 * The state is set before the spawn, so that the record that goes with the intent says "start": a
 * core that dies right after the spawn finds the process in the cgroup and goes on from here.
 */
void service_enter_start(struct service *s)
{
	const struct service_settings *c = service_settings(s);
	int r;

	service_forget_control(s);
	if (!c->commands[SERVICE_EXEC_START]) {
		/* A oneshot with only ExecStop= or SuccessAction=; load refused any other. It still
		 * has to have been under way: what comes at its end (SuccessAction=, OnSuccess=)
		 * hangs at that change of state. */
		service_set_state(s, SERVICE_START, start_deadline(s));
		if (s->state == SERVICE_START)
			service_enter_start_post(s);
		return;
	}
	service_set_state(s, SERVICE_START, start_deadline(s));
	if (s->state != SERVICE_START)
		return;
	if (c->type == SERVICE_FORKING) {
		r = service_spawn_control(s, SERVICE_EXEC_START, 0);
		if (r < 0)
			start_failed(s);
		return;
	}
	r = service_spawn_main(s, 0);
	if (r < 0) {
		start_failed(s);
		return;
	}
	if (c->type == SERVICE_NOTIFY || c->type == SERVICE_NOTIFY_RELOAD)
		service_watchdog_arm(s);
	/* Simple is up once there is a process; all others say so, or exit, or are executed. */
	if (c->type == SERVICE_SIMPLE || c->type == SERVICE_IDLE)
		service_enter_start_post(s);
}

void service_enter_start_post(struct service *s)
{
	int r;

	service_unwatch_exec(s);
	service_forget_control(s);
	s->awaits_name = false;
	service_watchdog_arm(s);
	if (!service_settings(s)->commands[SERVICE_EXEC_START_POST]) {
		service_enter_running(s, RESULT_SUCCESS);
		return;
	}
	service_set_state(s, SERVICE_START_POST, start_deadline(s));
	if (s->state != SERVICE_START_POST)
		return;
	r = service_spawn_control(s, SERVICE_EXEC_START_POST, 0);
	if (r < 0)
		service_enter_stop(s, RESULT_RESOURCES);
}

static usec_t running_deadline(const struct service *s)
{
	const struct service_settings *c = service_settings(s);
	usec_t span = c->runtime_max_usec, extra = c->runtime_randomized_extra_usec, since;

	if (span == 0 || span == USEC_INFINITY)
		return USEC_INFINITY;
	if (extra > 0 && extra != USEC_INFINITY)
		span = usec_add(span, (usec_t) random() % extra);
	/* Counted from when it became active, also after a reload. */
	since = s->unit.active_enter.boottime > s->unit.inactive_exit.boottime
	                ? s->unit.active_enter.boottime
	                : now(CLOCK_BOOTTIME);
	return usec_add(since, span);
}

void service_refresh_deadline(struct service *s)
{
	if (s->state == SERVICE_RUNNING)
		(void) deadline_set(&s->deadline, &s->unit, running_deadline(s),
		                    service_on_deadline);
}

void service_enter_running(struct service *s, enum result result)
{
	service_forget_control(s);
	service_add_result(s, result);
	if (s->result != RESULT_SUCCESS) {
		service_enter_signal(s, SERVICE_STOP_SIGTERM, result);
		return;
	}
	if (!service_is_good(s)) {
		if (service_settings(s)->remain_after_exit)
			service_set_state(s, SERVICE_EXITED, 0);
		else
			service_enter_stop(s, RESULT_SUCCESS);
		return;
	}
	/* What the service said while it was not yet, or not any more, in a state to act on it. */
	if (s->notify_state == NOTIFY_STATE_RELOADING)
		service_enter_reload_notify(s);
	else if (s->notify_state == NOTIFY_STATE_STOPPING)
		service_enter_stop_by_notify(s);
	else
		service_set_state(s, SERVICE_RUNNING, running_deadline(s));
}

static void forget_last_run(struct service *s)
{
	s->result = s->reload_result = RESULT_SUCCESS;
	s->main_pid_known = s->main_pid_alien = s->forbid_restart = s->awaits_name = false;
	s->has_name = false;
	s->name_at = 0;
	s->main_status = s->control_status = (struct process_status){0};
	service_forget_runs(s);
	s->notify_state = NOTIFY_STATE_UNKNOWN;
	s->notify_access_override = NOTIFY_ACCESS_MAX;
	s->watchdog_override_usec = 0;
	s->status_errno = 0;
	s->main_index = 0;
	free(s->status_text);
	free(s->bus_error);
	s->status_text = s->bus_error = NULL;
	if (s->flush_restarts) {
		s->n_restarts = 0;
		s->flush_restarts = false;
	}
}

int service_begin(struct service *s, _unused_ enum result result)
{
	int r;

	if (!unit_start_limit_test(&s->unit)) {
		service_enter_dead(s, RESULT_START_LIMIT_HIT, false);
		return -ECANCELED;
	}
	r = invocation_publish(&s->unit);
	if (r < 0)
		return r;
	forget_last_run(s);
	enter_condition(s);
	return 0;
}

/* The restart job of the timer stops the service first, so that what is bound to it stops, too.
 * Until then a start job waits. */
int service_begin_in_restart(_unused_ struct service *s, _unused_ enum result result)
{
	return -EAGAIN;
}

int service_start_deadline(struct service *s, _unused_ enum result result)
{
	static const enum service_state by_mode[] = {
		[TIMEOUT_TERMINATE] = SERVICE_STOP_SIGTERM,
		[TIMEOUT_ABORT] = SERVICE_STOP_WATCHDOG,
		[TIMEOUT_KILL] = SERVICE_STOP_SIGKILL,
	};

	log_unit(LOG_WARNING, s->unit.id, "%s operation timed out. Terminating",
	         service_state_to_string(s->state));
	service_enter_signal(s, by_mode[service_settings(s)->timeout_start_failure_mode],
	                     RESULT_TIMEOUT);
	return 0;
}

int service_running_deadline(struct service *s, _unused_ enum result result)
{
	log_unit(LOG_WARNING, s->unit.id, "Service reached runtime time limit. Stopping");
	service_enter_stop(s, RESULT_TIMEOUT);
	return 0;
}

/* ---- Type=exec: the pipe that execve closes ---- */

void service_unwatch_exec(struct service *s)
{
	s->exec_source = source_free(s->exec_source);
	s->exec_fd = fd_close(s->exec_fd);
}

/* core-exec writes 1 before execve, which then closes its end; 0 says that it gave up, before or after that. Nothing: it was killed. */
static int on_exec(_unused_ struct source *source, int fd, _unused_ uint32_t revents,
                   void *userdata)
{
	struct service *s = userdata;
	char buf[16];
	bool executed;
	ssize_t n;

	do {
		n = read(fd, buf, sizeof(buf));
		for (ssize_t i = 0; i < n; i++)
			s->n_exec_bytes += buf[i] == 1 ? 1 : 2;
	} while (n > 0 || (n < 0 && errno == EINTR));
	/* Not yet, or it cannot be read now: then we are called again. */
	if (n < 0)
		return 0;
	executed = s->n_exec_bytes == 1;
	service_unwatch_exec(s);
	if (executed && s->state == SERVICE_START && service_awaits_name(s)) {
		s->awaits_name = true;
		unit_save_soon(&s->unit);
		return 0;
	}
	/* If it was not, its exit follows and decides. */
	if (executed && s->state == SERVICE_START && service_has_main(s))
		service_enter_start_post(s);
	return 0;
}

int service_watch_exec(struct service *s, int fd_take)
{
	int r;

	service_unwatch_exec(s);
	s->exec_fd = fd_take;
	s->n_exec_bytes = 0;
	r = loop_add_io(s->unit.manager->loop, s->exec_fd, EPOLLIN, "service-exec", on_exec, s,
	                &s->exec_source);
	if (r < 0) {
		log_unit_errno(LOG_WARNING, s->unit.id, r,
		               "Cannot watch for the execution of the main process: %m");
		s->exec_fd = fd_close(s->exec_fd);
	}
	return r;
}
