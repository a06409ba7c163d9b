// SPDX-License-Identifier: Apache-2.0
/*
 * A service's part of its record, and how it goes on from there. Invariants after coldplug: every
 * pid is of the process it was written for, or its exit is on the way; every deadline is the
 * absolute one of before; a step whose process was never spawned is done again.
 */
#include "types/service.h"

#include <stdio.h>

/* If init has not told of an exit by then, it never will. */
#define LOST_EXIT_USEC (3 * USEC_PER_SEC)

static const char *const list_name[SERVICE_EXEC_MAX] = {
	[SERVICE_EXEC_CONDITION] = "condition", [SERVICE_EXEC_START_PRE] = "start-pre",
	[SERVICE_EXEC_START] = "start",         [SERVICE_EXEC_START_POST] = "start-post",
	[SERVICE_EXEC_RELOAD] = "reload",       [SERVICE_EXEC_STOP] = "stop",
	[SERVICE_EXEC_STOP_POST] = "stop-post",
};
static const char *const spawning_name[SPAWNING_MAX] = {"none", "main", "control"};

void service_save(const struct unit *u, struct strbuf *b)
{
	const struct service *s = SERVICE(u);

	record_add(b, "state", service_state_to_string(s->state));
	record_add(b, "result", result_to_string(s->result));
	record_add(b, "reload-result", result_to_string(s->reload_result));
	record_add_process(b, "main-pid", &s->main_pid);
	record_add_process(b, "control-pid", &s->control_pid);
	record_add_bool(b, "main-pid-known", s->main_pid_known);
	record_add_bool(b, "main-pid-alien", s->main_pid_alien);
	if (s->control_list < SERVICE_EXEC_MAX) {
		record_add(b, "control-list", list_name[s->control_list]);
		record_add_u64(b, "control-index", s->control_index);
	}
	record_add_u64(b, "main-index", s->main_index);
	if (s->spawning != SPAWNING_NONE) {
		record_add(b, "spawning", spawning_name[s->spawning]);
		doubt_save(&s->doubt, b);
	}
	process_status_save(&s->main_status, "main", b);
	process_status_save(&s->control_status, "control", b);
	record_add_u64(b, "deadline", s->deadline.at);
	record_add_u64(b, "watchdog-override", s->watchdog_override_usec);
	record_add_bool(b, "watchdog-armed", deadline_is_set(&s->watchdog));
	record_add_bool(b, "awaits-name", s->awaits_name);
	record_add_bool(b, "has-name", s->has_name);
	record_add_bool(b, "forbid-restart", s->forbid_restart);
	record_add_bool(b, "flush-restarts", s->flush_restarts);
	record_add_bool(b, "kill-due", kill_is_due(u));
	record_add_u64(b, "restarts", s->n_restarts);
	record_add(b, "status-text", s->status_text);
	record_add(b, "bus-error", s->bus_error);
	record_add_u64(b, "status-errno", (uint64_t) s->status_errno);
	record_add_u64(b, "notify-state", s->notify_state);
	if (s->notify_access_override != NOTIFY_ACCESS_MAX)
		record_add_u64(b, "notify-access", s->notify_access_override + 1);
	record_add_u64(b, "reload-begin", s->reload_begin_usec);
	if (s->accept_socket)
		record_add(b, "accept-socket", s->accept_socket->id);
	record_add(b, "peer", s->peer);
	record_add_strv(b, "activation", s->activation);
	service_save_fds(s, b);
}

static unsigned bounded(const struct record *r, const char *key, unsigned max)
{
	uint64_t v = record_get_u64(r, key, 0);

	return v > max ? max : (unsigned) v;
}

static int from_name(const char *const *table, size_t n, const char *name, int fallback)
{
	int v = name ? enum_from_string(table, n, name) : -EINVAL;

	return v < 0 ? fallback : v;
}

static void restore_words(struct service *s, const struct record *r)
{
	enum result result;

	result = result_from_string(record_get(r, "result"));
	s->result = result == RESULT_INVALID ? RESULT_SUCCESS : result;
	result = result_from_string(record_get(r, "reload-result"));
	s->reload_result = result == RESULT_INVALID ? RESULT_SUCCESS : result;
	s->control_list = from_name(list_name, ELEMENTSOF(list_name), record_get(r, "control-list"),
	                            SERVICE_EXEC_MAX);
	s->spawning = from_name(spawning_name, ELEMENTSOF(spawning_name), record_get(r, "spawning"),
	                        SPAWNING_NONE);
	(void) str_set(&s->status_text, record_get(r, "status-text"));
	(void) str_set(&s->bus_error, record_get(r, "bus-error"));
	(void) str_set(&s->peer, record_get(r, "peer"));
	strv_free(s->activation);
	s->activation = NULL;
	(void) record_get_strv(r, "activation", &s->activation);
}

int service_restore(struct unit *u, const struct record *r)
{
	struct service *s = SERVICE(u);
	enum service_state state = service_state_from_string(record_get(r, "state"));
	const char *socket = record_get(r, "accept-socket");

	s->adopt = state == SERVICE_STATE_INVALID;
	s->state = s->adopt ? SERVICE_DEAD : state;
	restore_words(s, r);
	(void) record_take_process(u, r, "main-pid", &s->main_pid);
	(void) record_take_process(u, r, "control-pid", &s->control_pid);
	s->main_pid_known = record_get_bool(r, "main-pid-known", false);
	s->main_pid_alien = record_get_bool(r, "main-pid-alien", false);
	s->control_index = bounded(r, "control-index", UINT16_MAX);
	s->main_index = bounded(r, "main-index", UINT16_MAX);
	process_status_restore(&s->main_status, "main", r);
	process_status_restore(&s->control_status, "control", r);
	doubt_restore(&s->doubt, r);
	s->deadline.at = record_get_u64(r, "deadline", 0);
	s->watchdog_override_usec = record_get_u64(r, "watchdog-override", 0);
	/* Only as a mark: coldplug gives it a whole interval. */
	s->watchdog.at = record_get_bool(r, "watchdog-armed", false) ? 1 : 0;
	s->awaits_name = record_get_bool(r, "awaits-name", false);
	s->has_name = record_get_bool(r, "has-name", false);
	s->forbid_restart = record_get_bool(r, "forbid-restart", false);
	s->flush_restarts = record_get_bool(r, "flush-restarts", false);
	s->kill_due = record_get_bool(r, "kill-due", false);
	s->n_restarts = bounded(r, "restarts", UINT32_MAX);
	s->status_errno = (int) bounded(r, "status-errno", INT32_MAX);
	s->notify_state = bounded(r, "notify-state", NOTIFY_STATE_STOPPING);
	s->notify_access_override = bounded(r, "notify-access", NOTIFY_ACCESS_MAX);
	s->notify_access_override =
		s->notify_access_override == 0 ? NOTIFY_ACCESS_MAX : s->notify_access_override - 1;
	s->reload_begin_usec = record_get_u64(r, "reload-begin", 0);
	if (socket) {
		struct unit *other = manager_get_unit(u->manager, socket);

		if (!other)
			(void) manager_load_unit(u->manager, socket, NULL, &other);
		if (other && other->ops->type == UNIT_SOCKET)
			service_attach_socket(s, other);
		service_restore_connection(s);
	}
	service_restore_fds(s, r);
	return 0;
}

/* No record worth the name, but processes that live in the service's cgroup: it runs. */
static int adopt(struct service *s)
{
	if (!service_has_main(s) && (!s->unit.cgroup || cgroup_is_empty(&s->unit) == 1))
		return 0;
	if (service_has_main(s))
		s->main_pid_known = true;
	else
		service_guess_main_pid(s);
	if (service_has_main(s))
		process_status_begin(&s->main_status, s->main_pid.pid);
	if (id128_is_null(&s->unit.invocation_id))
		(void) invocation_publish(&s->unit);
	/* Nobody knows since when; show a time rather than none. */
	if (!stamp_is_set(&s->unit.active_enter))
		s->unit.inactive_exit = s->unit.active_enter = s->unit.state_change = stamp_now();
	service_set_state(s, SERVICE_RUNNING, 0);
	return 0;
}

static int on_lost(_unused_ struct source *source, _unused_ usec_t deadline, void *userdata)
{
	struct service *s = userdata;
	struct process_exit e;

	if (process_is_lost(&s->main_pid, &e)) {
		log_unit(LOG_WARNING, s->unit.id, "Main process %d ended and nobody knows how",
		         e.pid);
		service_on_exit(&s->unit, &e);
	}
	if (process_is_lost(&s->control_pid, &e))
		service_on_exit(&s->unit, &e);
	return 0;
}

static void watch_lost(struct service *s)
{
	struct process_exit e;

	if (!process_is_lost(&s->main_pid, &e) && !process_is_lost(&s->control_pid, &e))
		return;
	(void) loop_add_time(s->unit.manager->loop, CLOCK_BOOTTIME,
	                     usec_add(now(CLOCK_BOOTTIME), LOST_EXIT_USEC), TIMER_EXACT,
	                     "service-lost", on_lost, s, &s->lost_source);
}

/* What is not waited for by a process or a deadline has to be looked at once. */
void service_go_on(struct service *s)
{
	const struct service_settings *c = service_settings(s);
	char path[64], target[16];

	switch (s->state) {
	case SERVICE_START:
		/* Written, or given up, while nobody watched for it. */
		if (s->watches_pid_file) {
			service_pid_file_changed(s);
			if (s->state == SERVICE_START && s->unit.cgroup &&
			    cgroup_is_empty(&s->unit) == 1)
				(void) service_event(s, SERVICE_EVENT_CGROUP_EMPTY, RESULT_SUCCESS);
			break;
		}
		if (!service_has_main(s) || s->awaits_name)
			break;
		/* The exec pipe died with the core before us. A process that still is core-exec
		 * says so by its name. */
		snprintf(path, sizeof(path), "/proc/%d/exe", s->main_pid.pid);
		if (c->type == SERVICE_SIMPLE || c->type == SERVICE_IDLE ||
		    ((c->type == SERVICE_EXEC || c->type == SERVICE_DBUS) &&
		     readlink(path, target, sizeof(target)) > 0))
			service_enter_start_post(s);
		break;
	case SERVICE_RUNNING:
	case SERVICE_RELOAD_SIGNAL:
	case SERVICE_RELOAD_NOTIFY:
		if (!service_is_good(s))
			service_enter_running(s, RESULT_SUCCESS);
		break;
	case SERVICE_STOP_WATCHDOG:
	case SERVICE_STOP_SIGTERM:
	case SERVICE_STOP_SIGKILL:
	case SERVICE_FINAL_WATCHDOG:
	case SERVICE_FINAL_SIGTERM:
	case SERVICE_FINAL_SIGKILL:
		if (s->kill_due)
			service_enter_signal(s, s->state, RESULT_SUCCESS);
		else if (!service_has_main(s) && !service_has_control(s) &&
		         (!s->unit.cgroup || cgroup_is_empty(&s->unit) == 1))
			(void) service_event(s, SERVICE_EVENT_CGROUP_EMPTY, RESULT_SUCCESS);
		break;
	case SERVICE_CONDITION:
	case SERVICE_START_PRE:
	case SERVICE_START_POST:
	case SERVICE_RELOAD:
	case SERVICE_STOP:
	case SERVICE_STOP_POST:
		/* The state was set, its command was not even intended. */
		if (!service_has_control(s) && s->control_list < SERVICE_EXEC_MAX)
			(void) service_event(s, SERVICE_EVENT_CONTROL_EXIT, RESULT_SUCCESS);
		break;
	default:
		break;
	}
}

static int on_go_on(struct source *source, void *userdata)
{
	struct service *s = userdata;

	source_free(source);
	s->lost_source = NULL;
	if (s->spawning != SPAWNING_NONE) {
		doubt_begin(&s->doubt);
		return 0;
	}
	service_go_on(s);
	watch_lost(s);
	return 0;
}

int service_coldplug(struct unit *u)
{
	struct service *s = SERVICE(u);
	int r;

	if (!u->file->service)
		return 0;
	if (s->adopt) {
		s->adopt = false;
		return adopt(s);
	}
	if (service_state_active(s->state) == UNIT_INACTIVE ||
	    service_state_active(s->state) == UNIT_FAILED)
		return 0;
	r = deadline_set(&s->deadline, u, s->deadline.at, service_on_deadline);
	if (r < 0)
		return r;
	if (deadline_is_set(&s->watchdog))
		service_watchdog_arm(s);
	if (s->main_pid_alien && service_has_main(s)) {
		struct pidref p = s->main_pid;

		s->main_pid = PIDREF_NULL;
		s->main_pid_known = false;
		(void) service_set_main_pid(s, &p);
	}
	if ((s->state == SERVICE_START || s->state == SERVICE_START_POST) &&
	    !service_has_control(s) && !service_has_main(s) && service_settings(s)->pid_file &&
	    s->spawning == SPAWNING_NONE)
		(void) service_watch_pid_file(s);
	/* Going on can start, stop and notify: not before all units are read back. */
	return loop_add_defer(u->manager->loop, "service-coldplug", on_go_on, s, &s->lost_source);
}
