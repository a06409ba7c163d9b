// SPDX-License-Identifier: Apache-2.0
/* The mount type: states and operations. */
#include "types/mount.h"

/* A stack of mounts on one point is taken down one by one. */
#define UNMOUNTS_MAX 32

/* clang-format off */
static const char *const state_name[MOUNT_STATE_MAX] = {
#define X(id, name, active) [MOUNT_STATE_##id] = name,
	MOUNT_STATES(X)
#undef X
};
static const enum unit_active_state state_active[MOUNT_STATE_MAX] = {
#define X(id, name, active) [MOUNT_STATE_##id] = UNIT_##active,
	MOUNT_STATES(X)
#undef X
};
/* Which states wait for a process, and what comes when it does not end. */
static const struct {
	bool has_process;
	enum mount_state on_due; /* DEAD: give up */
} steps[MOUNT_STATE_MAX] = {
	[MOUNT_STATE_MOUNTING]		 = { true, MOUNT_STATE_UNMOUNTING_SIGTERM },
	[MOUNT_STATE_MOUNTING_DONE]	 = { true, MOUNT_STATE_UNMOUNTING_SIGTERM },
	[MOUNT_STATE_REMOUNTING]	 = { true, MOUNT_STATE_REMOUNTING_SIGTERM },
	[MOUNT_STATE_UNMOUNTING]	 = { true, MOUNT_STATE_UNMOUNTING_SIGTERM },
	[MOUNT_STATE_REMOUNTING_SIGTERM] = { true, MOUNT_STATE_REMOUNTING_SIGKILL },
	[MOUNT_STATE_REMOUNTING_SIGKILL] = { true, MOUNT_STATE_DEAD },
	[MOUNT_STATE_UNMOUNTING_SIGTERM] = { true, MOUNT_STATE_UNMOUNTING_SIGKILL },
	[MOUNT_STATE_UNMOUNTING_SIGKILL] = { true, MOUNT_STATE_DEAD },
};
/* clang-format on */

const char *mount_state_to_string(enum mount_state s)
{
	return ENUM_TO_STRING(state_name, s);
}

void mount_set_state(struct mount *m, enum mount_state state, usec_t deadline)
{
	enum mount_state old = m->state;

	m->state = state;
	m->spawning = false;
	doubt_drop(&m->doubt);
	(void) deadline_set(&m->deadline, &m->unit, deadline, mount_on_deadline);
	if (!steps[state].has_process)
		process_forget(&m->unit, &m->control_pid);
	if (old != state)
		log_unit(LOG_DEBUG, m->unit.id, "Changed %s -> %s", state_name[old],
		         state_name[state]);
	unit_save_soon(&m->unit);
	unit_notify(&m->unit, state_active[old], state_active[state],
	            m->reload_result == RESULT_SUCCESS);
}

static void add_result(struct mount *m, enum result result)
{
	if (m->result == RESULT_SUCCESS)
		m->result = result;
}

void mount_enter_mounted(struct mount *m, enum result result)
{
	add_result(m, result);
	mount_set_state(m, MOUNT_STATE_MOUNTED, 0);
}

void mount_enter_dead(struct mount *m, enum result result)
{
	add_result(m, result);
	if (m->result != RESULT_SUCCESS)
		log_unit(LOG_WARNING, m->unit.id, "Failed with result '%s'",
		         result_to_string(m->result));
	if (m->unit.file->exec)
		(void) exec_directories_remove(&m->unit, m->unit.file->exec, false);
	namespaces_release(&m->unit);
	invocation_unpublish(&m->unit);
	mount_set_state(m, m->result == RESULT_SUCCESS ? MOUNT_STATE_DEAD : MOUNT_STATE_FAILED, 0);
}

static void enter_dead_or_mounted(struct mount *m, enum result result)
{
	if (m->is_mounted)
		mount_enter_mounted(m, result);
	else
		mount_enter_dead(m, result);
}

static usec_t step_deadline(const struct mount *m)
{
	const struct mount_settings *c = mount_settings(m);

	return deadline_in(c ? c->timeout_usec
	                     : m->unit.manager->context.default_timeout_start_usec);
}

/* ---- the commands ---- */

static int add_words(char ***argv, const char *const *words)
{
	int r = 0;

	for (; *words && r >= 0; words++)
		r = strv_append(argv, *words);
	return r;
}

static int mount_argv(const struct mount *m, bool remount, char ***argv)
{
	const struct mount_settings *c = mount_settings(m);
	auto_free char *options = NULL, *remount_options = NULL;
	int r;

	r = mount_options_for_command(c ? c->options : NULL, &options);
	if (r < 0)
		return r;
	if (remount) {
		remount_options = *options ? str_printf("remount,%s", options) : strdup("remount");
		return remount_options
		               ? add_words(argv,
		                           (const char *const[]){"/bin/mount", c->what, m->where,
		                                                 "-o", remount_options, NULL})
		               : -ENOMEM;
	}
	r = add_words(argv, (const char *const[]){"/bin/mount", NULL});
	if (r >= 0 && c->sloppy_options)
		r = strv_append(argv, "-s");
	if (r >= 0 && c->read_write_only)
		r = strv_append(argv, "-w");
	if (r >= 0 && !str_is_empty(c->fs_type))
		r = add_words(argv, (const char *const[]){"-t", c->fs_type, NULL});
	if (r >= 0 && *options)
		r = add_words(argv, (const char *const[]){"-o", options, NULL});
	return r < 0 ? r : add_words(argv, (const char *const[]){"--", c->what, m->where, NULL});
}

static int unmount_argv(const struct mount *m, char ***argv)
{
	const struct mount_settings *c = mount_settings(m);
	int r;

	/* -c: the path is canonical, do not look at it: the server behind it may hang. */
	r = add_words(argv, (const char *const[]){"/bin/umount", "-c", NULL});
	if (r >= 0 && c && c->lazy_unmount)
		r = strv_append(argv, "-l");
	if (r >= 0 && c && c->force_unmount)
		r = strv_append(argv, "-f");
	return r < 0 ? r : add_words(argv, (const char *const[]){"--", m->where, NULL});
}

int mount_spawn(struct mount *m, enum mount_command command)
{
	auto_strv char **argv = NULL;
	struct exec_command c = {.flags = EXEC_NO_ENV_EXPAND | EXEC_SAME_GROUP};
	struct pidref pid = PIDREF_NULL;
	int r;

	if (command == MOUNT_COMMAND_UNMOUNT)
		r = unmount_argv(m, &argv);
	else
		r = mount_argv(m, command == MOUNT_COMMAND_REMOUNT, &argv);
	if (r < 0)
		return r;
	c.path = argv[0];
	c.argv = argv;
	m->command = command;
	list_remove(&m->outcome.link);
	m->spawning = true;
	m->doubt.since = now(CLOCK_BOOTTIME);
	spawn_intent(&m->unit);
	r = control_spawn(&m->unit, &c, NULL, &pid);
	m->spawning = false;
	if (r < 0)
		return r;
	process_forget(&m->unit, &m->control_pid);
	m->control_pid = pid;
	process_status_begin(&m->control_status, pid.pid);
	unit_save(&m->unit);
	return 0;
}

/* Those that the process would make, if there were one. */
static bool has_directories(const struct exec_settings *s)
{
	for (size_t i = 0; s && i < EXEC_DIRECTORY_MAX; i++)
		if (s->directories[i].paths && *s->directories[i].paths)
			return true;
	return false;
}

static bool is_direct(const struct mount *m)
{
	const struct mount_settings *c = mount_settings(m);

	return c && mount_is_direct(c->fs_type) && !has_directories(m->unit.file->exec);
}

static void make_mount_point(const struct mount *m)
{
	mode_t mode = mount_settings(m)->directory_mode;
	struct stat st;
	int r;

	/* lstat(2) does not trigger an automount point, opening it would: and we would wait for
	 * ourselves. */
	if (lstat(m->where, &st) >= 0)
		return;
	r = mkdir_p(m->where, mode ? mode : 0755);
	if (r < 0 && r != -EROFS)
		log_unit_errno(LOG_WARNING, m->unit.id, r, "Cannot make the mount point '%s': %m",
		               m->where);
}

static void enter_mounting(struct mount *m)
{
	int r;

	make_mount_point(m);
	mount_set_state(m, MOUNT_STATE_MOUNTING, step_deadline(m));
	if (m->state != MOUNT_STATE_MOUNTING)
		return;
	if (is_direct(m)) {
		r = mount_direct(m);
		if (r >= 0) {
			/* So it is until somebody could look, who may find that it is gone again. */
			m->is_mounted = true;
			(void) mount_refresh(m->unit.manager);
			enter_dead_or_mounted(m, RESULT_SUCCESS);
			return;
		}
		/* -EINVAL: an option that mount(8) may know and we do not. */
		if (r != -EINVAL) {
			log_unit_errno(LOG_WARNING, m->unit.id, r, "Cannot mount '%s': %m",
			               m->where);
			enter_dead_or_mounted(m, RESULT_EXIT_CODE);
			return;
		}
	}
	r = mount_spawn(m, MOUNT_COMMAND_MOUNT);
	if (r < 0)
		enter_dead_or_mounted(m, RESULT_RESOURCES);
}

static void enter_unmounting(struct mount *m)
{
	int r;

	mount_set_state(m, MOUNT_STATE_UNMOUNTING, step_deadline(m));
	if (m->state != MOUNT_STATE_UNMOUNTING)
		return;
	if (is_direct(m) && unmount_direct(m) >= 0) {
		mount_command_ended(m, mount_refresh(m->unit.manager), RESULT_SUCCESS);
		return;
	}
	r = mount_spawn(m, MOUNT_COMMAND_UNMOUNT);
	if (r < 0)
		enter_dead_or_mounted(m, RESULT_RESOURCES);
}

static void enter_signal(struct mount *m, enum mount_state state, enum result result)
{
	bool kill =
		state == MOUNT_STATE_REMOUNTING_SIGKILL || state == MOUNT_STATE_UNMOUNTING_SIGKILL;
	bool remount =
		state == MOUNT_STATE_REMOUNTING_SIGTERM || state == MOUNT_STATE_REMOUNTING_SIGKILL;
	const struct kill_targets t = {.control = &m->control_pid};
	int r;

	if (remount && m->reload_result == RESULT_SUCCESS)
		m->reload_result = result;
	else if (!remount)
		add_result(m, result);
	r = processes_kill(&m->unit, kill ? KILL_STEP_KILL : KILL_STEP_TERMINATE, &t);
	if (r > 0)
		mount_set_state(m, state, step_deadline(m));
	else if (!kill)
		enter_signal(m,
		             state == MOUNT_STATE_REMOUNTING_SIGTERM
		                     ? MOUNT_STATE_REMOUNTING_SIGKILL
		                     : MOUNT_STATE_UNMOUNTING_SIGKILL,
		             RESULT_SUCCESS);
	else
		enter_dead_or_mounted(m, RESULT_SUCCESS);
}

int mount_on_deadline(_unused_ struct source *source, _unused_ usec_t deadline, void *userdata)
{
	struct mount *m = userdata;

	m->deadline.at = 0;
	if (!steps[m->state].has_process)
		return 0;
	/* Of what is overdue it has to be known whether it began. */
	if (m->spawning && !doubt_settle(&m->doubt)) {
		(void) deadline_set(&m->deadline, &m->unit,
		                    usec_add(now(CLOCK_BOOTTIME), DOUBT_USEC), mount_on_deadline);
		return 0;
	}
	log_unit(LOG_WARNING, m->unit.id, "State '%s' timed out. Terminating",
	         state_name[m->state]);
	if (steps[m->state].on_due == MOUNT_STATE_DEAD)
		enter_dead_or_mounted(m, RESULT_TIMEOUT);
	else
		enter_signal(m, steps[m->state].on_due, RESULT_TIMEOUT);
	return 0;
}

/* The command ended; mountinfo was read again since. */
void mount_on_control_exit(struct mount *m, enum result result)
{
	switch (m->state) {
	case MOUNT_STATE_MOUNTING:
	case MOUNT_STATE_MOUNTING_DONE:
		if (m->is_mounted) {
			mount_enter_mounted(m, result);
		} else {
			if (result == RESULT_SUCCESS)
				log_unit(LOG_WARNING, m->unit.id,
				         "Mount process finished, but there is no mount");
			mount_enter_dead(m, result == RESULT_SUCCESS ? RESULT_PROTOCOL : result);
		}
		break;
	case MOUNT_STATE_REMOUNTING:
	case MOUNT_STATE_REMOUNTING_SIGTERM:
	case MOUNT_STATE_REMOUNTING_SIGKILL:
		if (m->reload_result == RESULT_SUCCESS)
			m->reload_result = result;
		enter_dead_or_mounted(m, RESULT_SUCCESS);
		break;
	case MOUNT_STATE_UNMOUNTING:
		if (result == RESULT_SUCCESS && m->is_mounted && ++m->n_unmounts < UNMOUNTS_MAX)
			enter_unmounting(m); /* there was another below it */
		else if (m->is_mounted)
			/* Still in use: the unit is what it was, the stop has failed. */
			mount_enter_mounted(m, result);
		else
			mount_enter_dead(m, RESULT_SUCCESS);
		break;
	case MOUNT_STATE_UNMOUNTING_SIGTERM:
	case MOUNT_STATE_UNMOUNTING_SIGKILL:
		enter_dead_or_mounted(m, result);
		break;
	default:
		break;
	}
}

/* ---- operations ---- */

static void mount_init(struct unit *u)
{
	struct mount *m = MOUNT(u);

	doubt_init(&m->doubt, u, &mount_doubt_ops,
	           (struct doubt_control){&m->control_pid, &m->control_status, &m->spawning});
	m->control_pid = PIDREF_NULL;
	u->perpetual = streq(u->id, "-.mount");
}

static void mount_done(struct unit *u)
{
	struct mount *m = MOUNT(u);

	process_forget(u, &m->control_pid);
	deadline_done(&m->deadline);
	source_free(m->coldplug_source);
	doubt_drop(&m->doubt);
	list_remove(&m->outcome.link);
	free(m->where);
	free(m->kernel_what);
	free(m->kernel_options);
	free(m->kernel_type);
}

static int mount_start(struct unit *u)
{
	struct mount *m = MOUNT(u);
	int r;

	if (state_active[m->state] == UNIT_DEACTIVATING || m->state == MOUNT_STATE_CLEANING)
		return -EAGAIN;
	if (state_active[m->state] == UNIT_ACTIVATING)
		return 0;
	if (m->state != MOUNT_STATE_DEAD && m->state != MOUNT_STATE_FAILED)
		return -EALREADY;
	if (!mount_settings(m) || str_is_empty(mount_settings(m)->what))
		return -ENOENT;
	if (!unit_start_limit_test(u)) {
		mount_enter_dead(m, RESULT_START_LIMIT_HIT);
		return -ECANCELED;
	}
	r = invocation_publish(u);
	if (r < 0)
		return r;
	m->result = m->reload_result = RESULT_SUCCESS;
	m->control_status = (struct process_status){0};
	enter_mounting(m);
	return 0;
}

static int mount_stop(struct unit *u)
{
	struct mount *m = MOUNT(u);

	if (m->spawning && !doubt_settle(&m->doubt))
		return -EAGAIN;
	switch (m->state) {
	case MOUNT_STATE_MOUNTING:
	case MOUNT_STATE_MOUNTING_DONE:
		enter_signal(m, MOUNT_STATE_UNMOUNTING_SIGTERM, RESULT_SUCCESS);
		return 0;
	case MOUNT_STATE_REMOUNTING:
		enter_signal(m, MOUNT_STATE_REMOUNTING_SIGTERM, RESULT_SUCCESS);
		return -EAGAIN;
	case MOUNT_STATE_REMOUNTING_SIGTERM:
	case MOUNT_STATE_REMOUNTING_SIGKILL:
		return -EAGAIN;
	case MOUNT_STATE_MOUNTED:
		m->n_unmounts = 0;
		enter_unmounting(m);
		return 0;
	case MOUNT_STATE_DEAD:
	case MOUNT_STATE_FAILED:
		return -EALREADY;
	default:
		return 0;
	}
}

static int mount_reload(struct unit *u)
{
	struct mount *m = MOUNT(u);
	int r;

	if (m->state != MOUNT_STATE_MOUNTED)
		return -EINVAL;
	m->reload_result = RESULT_SUCCESS;
	mount_set_state(m, MOUNT_STATE_REMOUNTING, step_deadline(m));
	if (m->state != MOUNT_STATE_REMOUNTING)
		return 0;
	r = mount_spawn(m, MOUNT_COMMAND_REMOUNT);
	if (r < 0) {
		m->reload_result = RESULT_RESOURCES;
		enter_dead_or_mounted(m, RESULT_SUCCESS);
	}
	return 0;
}

static bool mount_can_reload(const struct unit *u)
{
	return u->file && u->file->mount && !str_is_empty(u->file->mount->what);
}

static enum unit_active_state mount_active(const struct unit *u)
{
	return state_active[MOUNT(u)->state];
}

static const char *mount_sub_state(const struct unit *u)
{
	return state_name[MOUNT(u)->state];
}

static bool mount_may_gc(const struct unit *u)
{
	return !MOUNT(u)->is_mounted;
}

void mount_on_exit(struct unit *u, const struct process_exit *e)
{
	struct mount *m = MOUNT(u);
	enum result result;
	int r;

	if (!pidref_is_exit(&m->control_pid, e)) {
		if (m->spawning && exit_is_since(e, m->doubt.since)) {
			unit_save_soon(u);
			doubt_note_exit(&m->doubt, e);
		}
		return;
	}
	process_status_end(&m->control_status, e);
	result = result_of_exit(e, EXIT_CLEAN_COMMAND, NULL);
	if (result != RESULT_SUCCESS) {
		char status[32];

		log_unit(LOG_NOTICE, u->id, "%s process %d %s, status=%s",
		         m->state == MOUNT_STATE_UNMOUNTING ? "Unmount" : "Mount", e->pid,
		         exit_code_to_string(e->code),
		         exit_status_text(e->code, e->status, status, sizeof(status)));
	}
	process_forget(u, &m->control_pid);
	unit_save_soon(u);
	/* What the command did is in mountinfo by now, even if we have not been woken for it. */
	r = mount_refresh(u->manager);
	mount_command_ended(m, r, result);
}

/* Whoever a signal was for is gone, and had no exit that would say so. */
static void mount_on_cgroup_empty(struct unit *u)
{
	struct mount *m = MOUNT(u);
	bool is_signalled = m->state == MOUNT_STATE_REMOUNTING_SIGTERM ||
	                    m->state == MOUNT_STATE_REMOUNTING_SIGKILL ||
	                    m->state == MOUNT_STATE_UNMOUNTING_SIGTERM ||
	                    m->state == MOUNT_STATE_UNMOUNTING_SIGKILL;

	if (is_signalled && !m->spawning && !list_is_linked(&m->outcome.link) &&
	    !pidref_is_set(&m->control_pid))
		mount_command_ended(m, mount_refresh(u->manager), RESULT_SUCCESS);
}

static void mount_on_exits_known(struct unit *u)
{
	doubt_exits_known(&MOUNT(u)->doubt);
}

static int mount_kill(struct unit *u, enum kill_who who, int sig, struct diag *d)
{
	const struct kill_targets t = {.control = &MOUNT(u)->control_pid};

	return processes_kill_who(u, who, sig, &t, d);
}

static void mount_reset_failed(struct unit *u)
{
	struct mount *m = MOUNT(u);

	m->result = m->reload_result = RESULT_SUCCESS;
	if (m->state == MOUNT_STATE_FAILED)
		mount_set_state(m, MOUNT_STATE_DEAD, 0);
}

static pid_t mount_control_pid(const struct unit *u)
{
	return MOUNT(u)->control_pid.pid;
}

static const char *mount_result(const struct unit *u)
{
	return result_to_string(MOUNT(u)->result);
}

const struct unit_ops mount_ops = {
	.type = UNIT_MOUNT,
	.object_size = sizeof(struct mount),
	.init = mount_init,
	.done = mount_done,
	.load = mount_load,
	.is_extrinsic = mount_is_extrinsic,
	.coldplug = mount_coldplug,
	.start = mount_start,
	.stop = mount_stop,
	.reload = mount_reload,
	.can_reload = mount_can_reload,
	.active_state = mount_active,
	.sub_state = mount_sub_state,
	.may_gc = mount_may_gc,
	.on_cgroup_empty = mount_on_cgroup_empty,
	.on_exit = mount_on_exit,
	.on_exits_known = mount_on_exits_known,
	.kill = mount_kill,
	.reset_failed = mount_reset_failed,
	.control_pid = mount_control_pid,
	.result = mount_result,
	.save = mount_save,
	.restore = mount_restore,
	.describe = mount_describe,
	.enumerate = mount_enumerate,
	.shutdown = mount_shutdown,
};
