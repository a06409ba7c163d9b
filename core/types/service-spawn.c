// SPDX-License-Identifier: Apache-2.0
/* One command of a service becomes a process: intent into the record, spawn, outcome into the
 * record. */
#include "types/service.h"

#include "base/fault.h"

/* Which commands run as what: systemd.service(5), systemd.exec(5) RootDirectoryStartOnly=,
 * PermissionsStartOnly=. */
/* clang-format off */
static const unsigned list_flags[SERVICE_EXEC_MAX] = {
	[SERVICE_EXEC_CONDITION]  = EXEC_CONTROL | EXEC_NEW_DIRECTORIES,
	[SERVICE_EXEC_START_PRE]  = EXEC_CONTROL | EXEC_NEW_DIRECTORIES,
	[SERVICE_EXEC_START]	  = EXEC_PASS_FDS | EXEC_SET_WATCHDOG | EXEC_NEW_DIRECTORIES,
	[SERVICE_EXEC_START_POST] = EXEC_CONTROL,
	[SERVICE_EXEC_RELOAD]	  = EXEC_CONTROL | EXEC_KEEP_CGROUP_CONTROL,
	[SERVICE_EXEC_STOP]	  = EXEC_CONTROL | EXEC_KEEP_CGROUP_CONTROL,
	[SERVICE_EXEC_STOP_POST]  = EXEC_CONTROL | EXEC_KEEP_CGROUP_CONTROL,
};
/* clang-format on */

enum notify_access service_notify_access(const struct service *s)
{
	const struct service_settings *c = service_settings(s);

	if (s->notify_access_override != NOTIFY_ACCESS_MAX)
		return s->notify_access_override;
	/* Type=notify and a watchdog make no sense without it: systemd.service(5), NotifyAccess=.
	 */
	if (c->notify_access == NOTIFY_NONE &&
	    (c->type == SERVICE_NOTIFY || c->type == SERVICE_NOTIFY_RELOAD ||
	     (c->watchdog_usec > 0 && c->watchdog_usec != USEC_INFINITY)))
		return NOTIFY_MAIN;
	return c->notify_access;
}

usec_t service_watchdog_usec(const struct service *s)
{
	usec_t w = s->watchdog_override_usec > 0 ? s->watchdog_override_usec
	                                         : service_settings(s)->watchdog_usec;

	return w == 0 ? USEC_INFINITY : w;
}

void service_forget_control(struct service *s)
{
	process_forget(&s->unit, &s->control_pid);
	s->control_list = SERVICE_EXEC_MAX;
	s->control_index = 0;
}

void service_forget_main(struct service *s)
{
	process_forget(&s->unit, &s->main_pid);
	s->alien_source = source_free(s->alien_source);
	s->main_pid_alien = false;
}

static unsigned spawn_flags(const struct service *s, enum service_exec list,
                            const struct exec_command *command)
{
	const struct service_settings *c = service_settings(s);
	unsigned flags = list_flags[list];

	if (!(command->flags & EXEC_FULLY_PRIVILEGED) &&
	    !(c->permissions_start_only && list != SERVICE_EXEC_START))
		flags |= EXEC_APPLY_SANDBOX;
	if (c->type == SERVICE_IDLE && list == SERVICE_EXEC_START &&
	    s->unit.manager->n_on_console > 0)
		flags |= EXEC_CONSOLE_WAIT;
	return flags;
}

/* Only a main process of these types is waited for by its execve. */
static bool wants_exec_fd(const struct service *s, bool control)
{
	enum service_type t = service_settings(s)->type;

	return !control && (t == SERVICE_EXEC || t == SERVICE_DBUS);
}

static int spawn(struct service *s, enum service_exec list, const struct exec_command *command,
                 bool control, struct pidref *ret)
{
	struct unit *u = &s->unit;
	auto_strv char **environment = NULL;
	auto_fd int exec_write = -EBADF;
	struct service_fds fds = {0};
	struct exec_request q;
	struct diag d = {0};
	int r, pair[2], boxes[EXEC_BOX_MAX];

	r = namespaces_boxes(u, boxes);
	if (r < 0)
		return log_unit_errno(LOG_WARNING, u->id, r, "No name spaces for '%s': %m",
		                      command->path);
	r = service_environment(s, list, control, &environment);
	if (r < 0)
		return r;
	q = (struct exec_request){.unit = u,
	                          .command = command,
	                          .settings = u->file->exec,
	                          .cgroup = u->file->cgroup,
	                          .flags = spawn_flags(s, list, command),
	                          .environment = environment,
	                          .fds_nonblock = service_settings(s)->non_blocking,
	                          .stdio_socket = s->connection_fd,
	                          .watchdog_usec = service_watchdog_usec(s),
	                          .boxes = boxes,
	                          .exec_fd = -EBADF};
	if (control)
		q.flags |= EXEC_CONTROL;
	if (list_flags[list] & EXEC_PASS_FDS) {
		r = service_collect_fds(s, &fds);
		if (r < 0)
			return r;
		q.fds = fds.fds;
		q.fd_names = fds.names;
		q.n_socket_fds = fds.n_socket;
		q.n_stored_fds = fds.n_stored;
		if (q.stdio_socket < 0 && fds.n_socket == 1)
			q.stdio_socket = fds.fds[0];
	}
	if (wants_exec_fd(s, control)) {
		if (pipe2(pair, O_CLOEXEC | O_NONBLOCK) < 0) {
			service_fds_done(&fds);
			return -errno;
		}
		exec_write = q.exec_fd = pair[1];
		/* Before there is a process: one that cannot be heard of would be starting until its deadline. */
		r = service_watch_exec(s, pair[0]);
		if (r < 0) {
			service_fds_done(&fds);
			return r;
		}
	}
	r = exec_spawn(u->manager, &q, &d, ret);
	service_fds_done(&fds);
	if (r < 0) {
		if (exec_write >= 0)
			service_unwatch_exec(s);
		diag_log(&d, u->id);
		return log_unit_errno(LOG_WARNING, u->id, r, "Cannot start '%s': %m",
		                      command->path);
	}
	r = unit_watch_pid(u, ret->pid);
	if (r < 0)
		log_unit_errno(LOG_WARNING, u->id, r, "Cannot watch process %d: %m", ret->pid);
	exec_write = fd_close(exec_write);
	return 0;
}

/*
 * The intent is stored before the process is there. Its outcome is stored with the next intent of any unit, or at the end of the
 * turn: a core that dies in between left the intent, from which its successor finds the process in the cgroup, or init's report of
 * its end, which is not acknowledged before that same store.
 */
int service_spawn_main(struct service *s, unsigned index)
{
	const struct exec_command *c =
		command_nth(service_settings(s)->commands[SERVICE_EXEC_START], index);
	struct pidref pid = PIDREF_NULL;
	int r;

	if (!c)
		return -ENOENT;
	s->main_index = index;
	s->spawning = SPAWNING_MAIN;
	s->doubt.since = now(CLOCK_BOOTTIME);
	FAULT_POINT("service.main-intent.before");
	spawn_intent(&s->unit);
	FAULT_POINT("service.main-intent.after");
	r = spawn(s, SERVICE_EXEC_START, c, false, &pid);
	s->spawning = SPAWNING_NONE;
	if (r < 0) {
		unit_save_soon(&s->unit);
		return r;
	}
	FAULT_POINT("service.main-spawned");
	service_forget_main(s);
	s->main_pid = pid;
	s->main_pid_known = true;
	process_status_begin(&s->main_status, pid.pid);
	service_note_run(s, SERVICE_EXEC_START, index, &s->main_status);
	unit_save_soon(&s->unit);
	FAULT_POINT("service.main-saved");
	return 0;
}

int service_spawn_control(struct service *s, enum service_exec list, unsigned index)
{
	const struct exec_command *c = command_nth(service_settings(s)->commands[list], index);
	struct pidref pid = PIDREF_NULL;
	int r;

	if (!c)
		return -ENOENT;
	service_forget_control(s);
	s->control_list = list;
	s->control_index = index;
	s->spawning = SPAWNING_CONTROL;
	s->doubt.since = now(CLOCK_BOOTTIME);
	FAULT_POINT("service.control-intent.before");
	spawn_intent(&s->unit);
	FAULT_POINT("service.control-intent.after");
	/* Type=forking: the process that will exit is the main command, but not the main process.
	 */
	r = spawn(s, list, c, list != SERVICE_EXEC_START, &pid);
	s->spawning = SPAWNING_NONE;
	if (r < 0) {
		unit_save_soon(&s->unit);
		return r;
	}
	FAULT_POINT("service.control-spawned");
	s->control_pid = pid;
	process_status_begin(&s->control_status, pid.pid);
	service_note_run(s, list, index, &s->control_status);
	unit_save_soon(&s->unit);
	FAULT_POINT("service.control-saved");
	return 0;
}
