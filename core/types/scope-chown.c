// SPDX-License-Identifier: Apache-2.0
/*
 * scope-chown.c - with Delegate= and User= the cgroup is given to the user before its processes come in. Who that is takes name
 * services to resolve, which may block, so a small process does it. It lives in the scope's cgroup; the processes are taken in when it has ended.
 */
#include "types/scope.h"

bool scope_wants_chown(const struct scope *s)
{
	const struct scope_settings *c = s->unit.file->scope;

	return c && (c->user || c->group) && s->unit.file->cgroup && s->unit.file->cgroup->delegate;
}

/* "USER:" is the user with the group that is the user's own. */
static int chown_arguments(const struct scope *s, char ***ret)
{
	static const char *const files[] = {NULL, "cgroup.procs", "cgroup.subtree_control",
	                                    "cgroup.threads"};
	const struct scope_settings *c = s->unit.file->scope;
	auto_strv char **argv = NULL;
	auto_free char *owner =
		str_printf("%s:%s", c->user ? c->user : "", c->group ? c->group : "");
	int r = owner ? strv_append(&argv, "/bin/chown") : -ENOMEM;

	if (r >= 0)
		r = strv_append(&argv, "--");
	if (r >= 0)
		r = strv_append(&argv, owner);
	for (size_t i = 0; i < ELEMENTSOF(files) && r >= 0; i++) {
		auto_free char *path = cgroupfs_path(s->unit.cgroup, files[i]);

		r = path ? strv_append(&argv, path) : -ENOMEM;
	}
	if (r >= 0)
		*ret = TAKE_PTR(argv);
	return r;
}

static int spawn_chown(struct scope *s)
{
	struct exec_command command = {.flags = EXEC_FULLY_PRIVILEGED | EXEC_NO_ENV_EXPAND};
	auto_strv char **argv = NULL;
	struct pidref pid = PIDREF_NULL;
	int r = chown_arguments(s, &argv);

	if (r < 0)
		return r;
	command.path = argv[0];
	command.argv = argv;
	s->spawning = true;
	s->doubt.since = now(CLOCK_BOOTTIME);
	spawn_intent(&s->unit);
	r = control_spawn(&s->unit, &command, NULL, &pid);
	s->spawning = false;
	if (r < 0)
		return r;
	process_forget(&s->unit, &s->control_pid);
	s->control_pid = pid;
	unit_save(&s->unit);
	return 0;
}

void scope_enter_start_chown(struct scope *s)
{
	int r = s->unit.cgroup ? 0 : cgroup_realize(&s->unit);

	if (r >= 0 && s->unit.cgroup) {
		scope_set_state(s, SCOPE_START_CHOWN, deadline_in(scope_stop_timeout(s)));
		if (s->state != SCOPE_START_CHOWN)
			return;
		r = spawn_chown(s);
	} else if (r >= 0) {
		/* A system without cgroups has none to give away. */
		scope_enter_running(s);
		return;
	}
	if (r < 0)
		scope_enter_dead(s, RESULT_RESOURCES);
}

static void on_chown_ended(struct scope *s, enum result result)
{
	if (s->state != SCOPE_START_CHOWN)
		return;
	if (result == RESULT_SUCCESS) {
		scope_enter_running(s);
		return;
	}
	log_unit(LOG_WARNING, s->unit.id, "The cgroup cannot be given to its user");
	scope_enter_signal(s, SCOPE_STOP_SIGKILL, RESULT_RESOURCES);
}

void scope_on_exit(struct unit *u, const struct process_exit *e)
{
	struct scope *s = SCOPE(u);

	if (!pidref_is_exit(&s->control_pid, e)) {
		if (s->spawning && exit_is_since(e, s->doubt.since)) {
			unit_save_soon(u);
			doubt_note_exit(&s->doubt, e);
		}
		return;
	}
	process_forget(u, &s->control_pid);
	unit_save_soon(u);
	on_chown_ended(s, result_of_exit(e, EXIT_CLEAN_COMMAND, NULL));
}

pid_t scope_control_pid(const struct unit *u)
{
	return SCOPE(u)->control_pid.pid;
}

/* ---- the same after a restart of core: was it spawned? ---- */

/* To give it away twice does no harm. */
static void chown_again(struct unit *u)
{
	SCOPE(u)->spawning = false;
	scope_enter_start_chown(SCOPE(u));
}

const struct doubt_ops scope_doubt_ops = {.ended = scope_on_exit, .never = chown_again};

void scope_on_exits_known(struct unit *u)
{
	doubt_exits_known(&SCOPE(u)->doubt);
}

/* A step that a process of ours was taking: in doubt, under way, or over without a word. */
void scope_go_on_with_chown(struct scope *s)
{
	struct process_exit lost;

	if (s->spawning)
		doubt_begin(&s->doubt);
	else if (!pidref_is_set(&s->control_pid) || process_is_lost(&s->control_pid, &lost))
		scope_enter_start_chown(s);
}
