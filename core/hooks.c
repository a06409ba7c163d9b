// SPDX-License-Identifier: Apache-2.0
/* hooks.c - who hears what: the manager's hooks go to state, api, cgroup and the console; init's
 * messages go to the manager. */
#include "core.h"

#include "base/fault.h"

#include "api/api.h"
#include "cgroup/cgroup.h"
#include "crash/crash.h"
#include "exec/exec.h"

/* ---- from the manager ---- */

static void on_unit_save(struct unit *u, void *userdata)
{
	struct core *c = userdata;

	state_unit_save(c->state, u, false);
}

static void on_unit_forget(struct unit *u, void *userdata)
{
	struct core *c = userdata;

	api_unit_removed(u);
	state_unit_forget(c->state, u);
	cgroup_forget(u);
}

static void on_unit_changed(struct unit *u, enum unit_active_state old, enum unit_active_state new,
                            void *userdata)
{
	report_unit(userdata, u, old, new);
	api_unit_changed(u, old, new);
}

static void on_unit_loaded(struct unit *u, void *userdata _unused_)
{
	api_unit_loaded(u);
}

static void on_job_added(struct job *j, void *userdata _unused_)
{
	api_job_added(j);
}

static void on_job_removed(struct job *j, enum job_result result, void *userdata)
{
	report_job(userdata, j, result);
	api_job_removed(j, result);
}

static void on_unit_release(struct unit *u, void *userdata _unused_)
{
	cgroup_release(u);
}

static void on_unit_thaw(struct unit *u, void *userdata _unused_)
{
	if (cgroup_freeze(u, false) < 0)
		log_unit(LOG_WARNING, u->id, "Cannot be thawed for its stop");
	(void) cgroup_freeze_settled(u);
}

static void on_emergency(enum emergency_action a, int exit_status, const char *argument,
                         const char *reason, void *userdata)
{
	power_emergency(userdata, a, exit_status, argument, reason);
}

static void on_boot_finished(void *userdata)
{
	struct core *c = userdata;
	struct manager *m = c->manager;
	char text[SPAN_TEXT_MAX];

	state_manager_save(c->state);
	cgroup_startup_finished(m);
	log_info("Startup finished in %s, system is %s",
	         span_format(text, sizeof(text), usec_sub(m->finished.boottime, c->start_usec),
	                     USEC_PER_MSEC),
	         manager_state(m));
	api_manager_event(m, "finished");
	exec_settle(true);
	trim_soon(c);
	/* The disk can be written by now: reports of an early crash move there. */
	notes_keep(c);
}

static void on_turn_end(void *userdata)
{
	struct core *c = userdata;

	state_flush(c->state);
	exec_settle(false);
	crash_note_counts(map_size(c->manager->units), map_size(c->manager->jobs));
	if (!c->booted_soon)
		return;
	/* The boot transaction is in the store: whoever comes now goes on from there. */
	c->booted_soon = false;
	state_manager_save(c->state);
	state_flush(c->state);
	FAULT_POINT("boot.booted.before");
	if (file_write_atomic(CORE_BOOTED, "", 0, 0644, false) < 0)
		log_warning("Failed to write \"" CORE_BOOTED "\"");
}

const struct manager_hooks core_hooks = {
	.unit_save = on_unit_save,
	.unit_forget = on_unit_forget,
	.unit_changed = on_unit_changed,
	.unit_loaded = on_unit_loaded,
	.job_added = on_job_added,
	.job_removed = on_job_removed,
	.unit_release = on_unit_release,
	.unit_thaw = on_unit_thaw,
	.emergency = on_emergency,
	.boot_finished = on_boot_finished,
	.turn_end = on_turn_end,
};

/* ---- from init ---- */

static void on_exit_report(const struct process_exit *e, uint64_t number, void *userdata)
{
	struct core *c = userdata;

	/* Told a second time, since its acknowledgement got lost with the core before us. */
	if (!state_exit_is_known(c->state, number)) {
		notes_agent_exit(c, e);
		manager_process_exited(c->manager, e);
	}
	state_exit_handled(c->state, number);
	/* Its acknowledgement needs the end of a turn, even if no unit cared. */
	(void) source_set_state(c->manager->dispatch_source, SOURCE_ONESHOT);
}

static void on_signal(int signo, void *userdata)
{
	struct core *c = userdata;

	FAULT_POINT("link.signal.received");
	power_signal(c, signo);
	FAULT_POINT("link.signal.handled");
	state_signal_handled(c->state, signo);
	/* Its acknowledgement needs the end of a turn. */
	(void) source_set_state(c->manager->dispatch_source, SOURCE_ONESHOT);
}

static void on_reply(uint32_t serial, int error, const char *text, void *userdata)
{
	struct core *c = userdata;

	if (error < 0)
		log_warning_errno(error, "init refused: %s",
		                  str_is_empty(text) ? strerror(-error) : text);
	if (error >= 0 && serial && serial == c->reexec_serial)
		c->manager->is_leaving = true;
	state_exits_reply(c->state, serial, error, text);
	api_link_reply(c->manager, serial, error, text);
}

static void on_fault(const char *text, void *userdata)
{
	notes_init_fault(userdata, text);
}

static void on_lost(void *userdata)
{
	struct core *c = userdata;

	log_error("The link to init is lost");
	loop_exit(c->loop, 1);
}

const struct link_handlers core_link_handlers = {
	.on_exit = on_exit_report,
	.on_signal = on_signal,
	.on_reply = on_reply,
	.on_fault = on_fault,
	.on_lost = on_lost,
};
