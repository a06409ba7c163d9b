// SPDX-License-Identifier: Apache-2.0
/* The way down: stop, the signals, stop-post, the final signals, dead; and from there perhaps to
 * auto-restart. */
#include "types/service.h"

#include <string.h>

/* What a signalling state does, and where it goes when there is nothing left to signal or time is
 * over. */
static const struct signal_step {
	enum kill_step step;
	bool final;
	enum service_state on_abort; /* TimeoutStopFailureMode=abort */
	enum service_state next;     /* if SendSIGKILL=; DEAD: it was the last */
} steps[SERVICE_STATE_MAX] = {
	[SERVICE_STOP_WATCHDOG] = {KILL_STEP_WATCHDOG, false, SERVICE_STOP_SIGKILL,
                                   SERVICE_STOP_SIGKILL},
	[SERVICE_STOP_SIGTERM] = {KILL_STEP_TERMINATE, false, SERVICE_STOP_WATCHDOG,
                                  SERVICE_STOP_SIGKILL},
	[SERVICE_STOP_SIGKILL] = {KILL_STEP_KILL, false, SERVICE_DEAD, SERVICE_DEAD},
	[SERVICE_FINAL_WATCHDOG] = {KILL_STEP_WATCHDOG, true, SERVICE_FINAL_SIGKILL,
                                    SERVICE_FINAL_SIGKILL},
	[SERVICE_FINAL_SIGTERM] = {KILL_STEP_TERMINATE, true, SERVICE_FINAL_WATCHDOG,
                                   SERVICE_FINAL_SIGKILL},
	[SERVICE_FINAL_SIGKILL] = {KILL_STEP_KILL, true, SERVICE_DEAD, SERVICE_DEAD},
};

usec_t service_abort_timeout(const struct service *s)
{
	const struct service_settings *c = service_settings(s);

	return c->timeout_abort_set ? c->timeout_abort_usec : c->timeout_stop_usec;
}

static bool sends_sigkill(const struct service *s)
{
	return !s->unit.file->kill || s->unit.file->kill->send_sigkill;
}

static void leave_signal(struct service *s, bool final, enum result result)
{
	if (final)
		service_enter_dead(s, result, true);
	else
		service_enter_stop_post(s, result);
}

/**
 * service_enter_signal - signals what KillMode= says and waits for it to end
 * @state: one of the stop-* or final-* states that signal
 *
 * With nobody there to signal the next state is entered at once.
 */
void service_enter_signal(struct service *s, enum service_state state, enum result result)
{
	const struct signal_step *step = &steps[state];
	const struct kill_targets t = {.main = &s->main_pid,
	                               .control = &s->control_pid,
	                               /* Whom a pidfd watches is waited for as any other. */
	                               .main_is_alien = s->main_pid_alien && !s->alien_source};
	enum kill_step how = step->step;
	int r;

	service_add_result(s, result);
	if (how == KILL_STEP_TERMINATE && s->unit.job && s->unit.job->type == JOB_RESTART)
		how = KILL_STEP_RESTART;
	s->kill_due = false;
	r = processes_kill(&s->unit, how, &t);
	if (r > 0) {
		service_set_state(s, state,
		                  deadline_in(how == KILL_STEP_WATCHDOG
		                                      ? service_abort_timeout(s)
		                                      : service_settings(s)->timeout_stop_usec));
	} else if (step->next != SERVICE_DEAD && sends_sigkill(s)) {
		service_enter_signal(s, step->next, RESULT_SUCCESS);
	} else {
		leave_signal(s, step->final, RESULT_SUCCESS);
	}
}

int service_signal_deadline(struct service *s, _unused_ enum result result)
{
	const struct service_settings *c = service_settings(s);
	const struct signal_step *step = &steps[s->state];
	enum service_state next;

	log_unit(LOG_WARNING, s->unit.id, "State '%s' timed out. %s",
	         service_state_to_string(s->state),
	         step->step == KILL_STEP_KILL ? "Ignoring what is left" : "Killing");
	if (s->state == SERVICE_STOP_POST || s->state == SERVICE_CLEANING) {
		static const enum service_state by_mode[] = {
			[TIMEOUT_TERMINATE] = SERVICE_FINAL_SIGTERM,
			[TIMEOUT_ABORT] = SERVICE_FINAL_WATCHDOG,
			[TIMEOUT_KILL] = SERVICE_FINAL_SIGKILL};

		service_enter_signal(s, by_mode[c->timeout_stop_failure_mode], RESULT_TIMEOUT);
		return 0;
	}
	next = c->timeout_stop_failure_mode == TIMEOUT_ABORT ? step->on_abort : step->next;
	if (next == SERVICE_STOP_SIGKILL || next == SERVICE_FINAL_SIGKILL)
		next = sends_sigkill(s) ? next : SERVICE_DEAD;
	if (next == SERVICE_DEAD)
		leave_signal(s, step->final, RESULT_TIMEOUT);
	else
		service_enter_signal(s, next, RESULT_TIMEOUT);
	return 0;
}

int service_begin_stop(struct service *s, _unused_ enum result result)
{
	s->forbid_restart = true;
	service_enter_stop(s, RESULT_SUCCESS);
	return 0;
}

/* Something is under way that must not be waited for: straight to the signals. */
int service_begin_stop_by_signal(struct service *s, _unused_ enum result result)
{
	s->forbid_restart = true;
	service_enter_signal(s, SERVICE_STOP_SIGTERM, RESULT_SUCCESS);
	return 0;
}

int service_begin_stop_in_restart(struct service *s, _unused_ enum result result)
{
	/* A restart job's own stop: the service is dead already. */
	s->forbid_restart = true;
	service_set_state(s, SERVICE_DEAD, 0);
	return 0;
}

void service_enter_stop(struct service *s, enum result result)
{
	int r;

	service_forget_control(s);
	service_add_result(s, result);
	if (!service_settings(s)->commands[SERVICE_EXEC_STOP]) {
		service_enter_signal(s, SERVICE_STOP_SIGTERM, RESULT_SUCCESS);
		return;
	}
	service_set_state(s, SERVICE_STOP, deadline_in(service_settings(s)->timeout_stop_usec));
	if (s->state != SERVICE_STOP)
		return;
	r = service_spawn_control(s, SERVICE_EXEC_STOP, 0);
	if (r < 0)
		service_enter_signal(s, SERVICE_STOP_SIGTERM, RESULT_RESOURCES);
}

/* STOPPING=1: the service stops by itself; ExecStop= is not for it. */
void service_enter_stop_by_notify(struct service *s)
{
	service_set_state(s, SERVICE_STOP_SIGTERM,
	                  deadline_in(service_settings(s)->timeout_stop_usec));
}

int service_stop_deadline(struct service *s, _unused_ enum result result)
{
	static const enum service_state by_mode[] = {
		[TIMEOUT_TERMINATE] = SERVICE_STOP_SIGTERM,
		[TIMEOUT_ABORT] = SERVICE_STOP_WATCHDOG,
		[TIMEOUT_KILL] = SERVICE_STOP_SIGKILL,
	};
	enum service_state next = by_mode[service_settings(s)->timeout_stop_failure_mode];

	log_unit(LOG_WARNING, s->unit.id, "Stopping timed out. Terminating");
	if (next == SERVICE_STOP_SIGKILL && !sends_sigkill(s))
		service_enter_stop_post(s, RESULT_TIMEOUT);
	else
		service_enter_signal(s, next, RESULT_TIMEOUT);
	return 0;
}

void service_enter_stop_post(struct service *s, enum result result)
{
	int r;

	service_add_result(s, result);
	service_forget_control(s);
	if (!service_settings(s)->commands[SERVICE_EXEC_STOP_POST]) {
		service_enter_signal(s, SERVICE_FINAL_SIGTERM, RESULT_SUCCESS);
		return;
	}
	service_set_state(s, SERVICE_STOP_POST,
	                  deadline_in(service_settings(s)->timeout_stop_usec));
	if (s->state != SERVICE_STOP_POST)
		return;
	r = service_spawn_control(s, SERVICE_EXEC_STOP_POST, 0);
	if (r < 0)
		service_enter_signal(s, SERVICE_FINAL_SIGTERM, RESULT_RESOURCES);
}

int service_watchdog_expired(struct service *s, _unused_ enum result result)
{
	char span[SPAN_TEXT_MAX];

	log_unit(LOG_ERR, s->unit.id, "Watchdog timeout (limit %s)!",
	         span_format(span, sizeof(span), service_watchdog_usec(s), 1));
	service_enter_signal(s, SERVICE_STOP_WATCHDOG, RESULT_WATCHDOG);
	return 0;
}

static void log_end(const struct service *s)
{
	if (s->result == RESULT_SUCCESS)
		log_unit(LOG_DEBUG, s->unit.id, "Deactivated successfully");
	else if (s->result == RESULT_EXEC_CONDITION)
		log_unit(LOG_INFO, s->unit.id, "Skipped, ExecCondition= was not met");
	else
		log_unit(LOG_WARNING, s->unit.id, "Failed with result '%s'",
		         result_to_string(s->result));
}

/* By Restart=, or since somebody ordered it: what belongs to the service stays for the next run. */
static bool comes_back(const struct service *s, bool restart)
{
	const struct job *j = s->unit.job;

	return restart || (j && (j->type == JOB_RESTART || j->type == JOB_TRY_RESTART ||
	                         j->type == JOB_START));
}

static void clean_up(struct service *s, bool restarting)
{
	int r;

	service_unwatch_exec(s);
	service_release_connection(s);
	if (!restarting) {
		service_drop_fds(s, NULL);
		s->activation = strv_free(s->activation);
	}
	r = s->unit.file->exec ? exec_directories_remove(&s->unit, s->unit.file->exec, restarting)
	                       : 0;
	namespaces_release(&s->unit);
	if (r < 0)
		log_unit_errno(LOG_WARNING, s->unit.id, r, "Cannot remove runtime directories: %m");
}

/**
 * service_enter_dead - the run is over
 * @allow_restart: false for ends after which a restart makes no sense (start limit)
 *
 * The engine hears of dead or failed first, also when an automatic restart follows: units bound to
 * this one have to see it. struct unit's will_restart tells it not to run OnFailure= for such an
 * end.
 */
void service_enter_dead(struct service *s, enum result result, bool allow_restart)
{
	const struct service_settings *c = service_settings(s);
	enum service_state end;
	bool restart;

	/* A stop in the middle of this one has been here already. */
	if (s->state == SERVICE_DEAD || s->state == SERVICE_FAILED) {
		if (result == RESULT_SUCCESS)
			return;
		s->result = result;
	}
	service_add_result(s, result);
	log_end(s);
	end = s->result == RESULT_SUCCESS || s->result == RESULT_EXEC_CONDITION ? SERVICE_DEAD
	                                                                        : SERVICE_FAILED;
	restart = allow_restart && service_shall_restart(s);
	clean_up(s, comes_back(s, restart));
	if (!restart)
		/* Not now, so that the count can still be looked at. */
		s->flush_restarts = true;
	s->unit.will_restart = restart;
	service_set_state(s, end, 0);
	s->unit.will_restart = false;
	if (!restart || s->state != end) {
		if (s->state == end)
			invocation_unpublish(&s->unit);
		return;
	}
	service_set_state(s, SERVICE_AUTO_RESTART,
	                  usec_add(now(CLOCK_BOOTTIME), restart_delay(c, s->n_restarts)));
}
