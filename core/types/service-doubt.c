// SPDX-License-Identifier: Apache-2.0
/*
 * service-doubt.c - the core before this one died between an intent and its outcome. Was the
 * process spawned, and which is it? One of four is true:
 *
 *	it lives         then it is in the unit's cgroup, since it was born there
 *	it is dying      then it is a child of init in that cgroup, but no member any more
 *	it has ended     then init has its exit, and tells it
 *	it never was     then its command is run now
 *
 * Of those that live and those that ended the oldest is the one: the others are its children. So
 * exits that may be its are noted (and stored: they are acknowledged) until init has told all that
 * it knew when it was asked. That takes one turn, and no waiting.
 */
#include "types/service.h"

#include "base/fault.h"

#include <stdio.h>

/* If init has not told of an exit by then, it never will. */
#define DYING_USEC (3 * USEC_PER_SEC)
#define AGAIN_USEC (50 * USEC_PER_MSEC)

static bool is_older(uint64_t start_a, pid_t a, uint64_t start_b, pid_t b)
{
	return start_a != start_b ? start_a < start_b : a < b;
}

static struct spawn_search search_of(const struct service *s)
{
	return (struct spawn_search){.known = {s->main_pid.pid, s->control_pid.pid},
	                             .since = s->spawning_since};
}

static void take(struct service *s, const struct pidref *p)
{
	enum service_spawning what = s->spawning;

	s->spawning = SPAWNING_NONE;
	s->lost_source = source_free(s->lost_source);
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

static void take_living(struct service *s, const struct pidref *p)
{
	log_unit(LOG_INFO, s->unit.id, "Found process %d, spawned by the core before this one",
	         p->pid);
	take(s, p);
	service_go_on(s);
}

static void take_exit(struct service *s)
{
	const struct process_exit e = s->unknown_exit;
	const struct pidref p = {.pid = e.pid, .pidfd = -EBADF, .start_time = e.start_time};

	log_unit(LOG_INFO, s->unit.id, "Process %d, spawned by the core before this one, has ended",
	         e.pid);
	s->unknown_exit = (struct process_exit){0};
	take(s, &p);
	service_on_exit(&s->unit, &e);
}

static void repeat(struct service *s)
{
	enum service_spawning what = s->spawning;
	int r;

	s->spawning = SPAWNING_NONE;
	s->lost_source = source_free(s->lost_source);
	if (s->accept_socket) {
		/* Its connection ended with the core before us. */
		service_enter_signal(s, SERVICE_STOP_SIGTERM, RESULT_RESOURCES);
		return;
	}
	log_unit(LOG_INFO, s->unit.id,
	         "Repeating the command that the core before this one did not get to spawn");
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

static int on_time(struct source *source, usec_t deadline, void *userdata);

static void look_again_in(struct service *s, usec_t span)
{
	usec_t at = usec_add(now(CLOCK_BOOTTIME), span);

	if (s->lost_source)
		(void) source_set_time(s->lost_source, at);
	else
		(void) loop_add_time(s->unit.manager->loop, CLOCK_BOOTTIME, at, TIMER_EXACT,
		                     "service-doubt", on_time, s, &s->lost_source);
}

/* All exits that there were are known. @last: nothing more will be waited for. */
static void settle(struct service *s, bool last)
{
	const struct spawn_search q = search_of(s);
	const struct process_exit *e = &s->unknown_exit;
	struct pidref p = PIDREF_NULL;
	int r = process_find_spawned(&s->unit, &q, &p);

	s->asking_exits = false;
	if (r < 0) {
		/* No fds, or no memory: it would be wrong to guess. */
		look_again_in(s, AGAIN_USEC);
	} else if (e->pid > 0 && (r == 0 || is_older(e->start_time, e->pid, p.start_time, p.pid))) {
		if (r > 0)
			process_forget(&s->unit, &p);
		take_exit(s);
	} else if (r > 0) {
		take_living(s, &p);
	} else if (!last && process_is_dying(&s->unit, &q) != 0) {
		look_again_in(s, DYING_USEC);
	} else {
		repeat(s);
	}
}

static int on_time(_unused_ struct source *source, _unused_ usec_t deadline, void *userdata)
{
	struct service *s = userdata;

	if (s->spawning != SPAWNING_NONE)
		settle(s, true);
	return 0;
}

void service_on_exits_known(struct unit *u)
{
	struct service *s = SERVICE(u);

	if (s->spawning != SPAWNING_NONE && s->asking_exits)
		settle(s, false);
}

void service_begin_doubt(struct service *s)
{
	/* Before it is asked: who is alive now, and dead then, has an exit that is told later. */
	s->asking_exits = state_exits_ask(s->unit.manager->state_data, &s->unit) >= 0;
	look_again_in(s, SPAWN_UNKNOWN_USEC);
}

/* An end that was handled already, and is told again since its acknowledgement got lost. */
static bool is_handled(const struct process_status *status, const struct process_exit *e)
{
	return status->pid == e->pid && stamp_is_set(&status->exit);
}

bool service_note_exit(struct service *s, const struct process_exit *e)
{
	struct process_exit *have = &s->unknown_exit;

	if (s->spawning == SPAWNING_NONE || pidref_is_exit(&s->main_pid, e) ||
	    pidref_is_exit(&s->control_pid, e) || !exit_is_since(e, s->spawning_since) ||
	    is_handled(&s->main_status, e) || is_handled(&s->control_status, e))
		return false;
	if (have->pid <= 0 || is_older(e->start_time, e->pid, have->start_time, have->pid)) {
		*have = *e;
		have->cgroup = NULL;
		unit_save_soon(&s->unit);
	}
	if (!s->asking_exits && s->lost_source)
		settle(s, false);
	return true;
}

bool service_settle_spawn(struct service *s)
{
	const struct spawn_search q = search_of(s);
	struct pidref p = PIDREF_NULL;

	if (s->spawning == SPAWNING_NONE)
		return true;
	if (s->unknown_exit.pid > 0 || process_find_spawned(&s->unit, &q, &p) <= 0)
		return false;
	/* The daemon of one that forks is not the process that was spawned, its parent is. */
	if (service_settings(s)->type == SERVICE_FORKING && s->spawning == SPAWNING_CONTROL &&
	    s->control_list == SERVICE_EXEC_START) {
		process_forget(&s->unit, &p);
		return false;
	}
	take_living(s, &p);
	return true;
}

void service_save_doubt(const struct service *s, struct strbuf *b)
{
	const struct process_exit *e = &s->unknown_exit;

	if (e->pid > 0)
		strbuf_printf(b, "unknown-exit=%d %llu %d %d\n", (int) e->pid,
		              (unsigned long long) e->start_time, e->code, e->status);
}

void service_restore_doubt(struct service *s, const struct record *r)
{
	const char *text = record_get(r, "unknown-exit");
	unsigned long long start_time;
	int pid, code, status;

	if (text && sscanf(text, "%d %llu %d %d", &pid, &start_time, &code, &status) == 4 &&
	    pid > 1)
		s->unknown_exit = (struct process_exit){
			.pid = pid, .start_time = start_time, .code = code, .status = status};
}
