// SPDX-License-Identifier: Apache-2.0
/* A process of a service that the core before this one may have spawned (doubt.c): the main one, or
 * a command's. */
#include "types/service.h"

#include "base/fault.h"

static struct spawn_search search_of(const struct unit *u)
{
	const struct service *s = SERVICE(u);

	return (struct spawn_search){.known = {s->main_pid.pid, s->control_pid.pid},
	                             .since = s->doubt.since};
}

static void take(struct service *s, const struct pidref *p)
{
	enum service_spawning what = s->spawning;

	s->spawning = SPAWNING_NONE;
	if (what == SPAWNING_MAIN) {
		service_forget_main(s);
		s->main_pid = *p;
		s->main_pid_known = true;
		process_status_begin(&s->main_status, p->pid);
	} else {
		s->control_pid = *p;
		process_status_begin(&s->control_status, p->pid);
	}
	unit_save_soon(&s->unit);
}

static void take_living(struct unit *u, const struct pidref *p)
{
	take(SERVICE(u), p);
	service_go_on(SERVICE(u));
}

static void take_exit(struct unit *u, const struct process_exit *e)
{
	const struct pidref p = {.pid = e->pid, .pidfd = -EBADF, .start_time = e->start_time};

	take(SERVICE(u), &p);
	service_on_exit(u, e);
}

static void repeat(struct unit *u)
{
	struct service *s = SERVICE(u);
	enum service_spawning what = s->spawning;
	int r;

	s->spawning = SPAWNING_NONE;
	if (s->accept_socket && s->connection_fd < 0) {
		/* Its connection ended with the core before us, which could not put it into the vault. */
		service_enter_signal(s, SERVICE_STOP_SIGTERM, RESULT_RESOURCES);
		return;
	}
	FAULT_POINT("service.repeat.before");
	if (what == SPAWNING_MAIN)
		r = service_spawn_main(s, s->main_index);
	else
		r = service_spawn_control(s, s->control_list, s->control_index);
	if (r < 0)
		service_enter_signal(s, SERVICE_STOP_SIGTERM, RESULT_RESOURCES);
	else
		service_go_on(s);
}

const struct doubt_ops service_doubt_ops = {search_of, take_living, take_exit, repeat};

void service_on_exits_known(struct unit *u)
{
	doubt_exits_known(&SERVICE(u)->doubt);
}

/* An end that was handled already, and is told again since its acknowledgement got lost. */
static bool is_handled(const struct process_status *status, const struct process_exit *e)
{
	return status->pid == e->pid && stamp_is_set(&status->exit);
}

bool service_note_exit(struct service *s, const struct process_exit *e)
{
	if (s->spawning == SPAWNING_NONE || pidref_is_exit(&s->main_pid, e) ||
	    pidref_is_exit(&s->control_pid, e) || !exit_is_since(e, s->doubt.since) ||
	    is_handled(&s->main_status, e) || is_handled(&s->control_status, e))
		return false;
	unit_save_soon(&s->unit);
	doubt_note_exit(&s->doubt, e);
	return true;
}

bool service_settle_spawn(struct service *s)
{
	if (s->spawning == SPAWNING_NONE)
		return true;
	/* The daemon of one that forks is not the process that was spawned, its parent is: it has to be
	 * asked for, even if nobody else lives. */
	if (service_settings(s)->type == SERVICE_FORKING && s->spawning == SPAWNING_CONTROL &&
	    s->control_list == SERVICE_EXEC_START)
		return false;
	return doubt_settle(&s->doubt);
}
