// SPDX-License-Identifier: Apache-2.0
/* The socket type: states and operations. */
#include "types/socket.h"

/* clang-format off */
static const char *const state_name[SOCKET_STATE_MAX] = {
#define X(id, name, active) [SOCKET_##id] = name,
	SOCKET_STATES(X)
#undef X
};
static const enum unit_active_state state_active[SOCKET_STATE_MAX] = {
#define X(id, name, active) [SOCKET_##id] = UNIT_##active,
	SOCKET_STATES(X)
#undef X
};
/* clang-format on */

static void enter_start_chown(struct socket *s, enum result result);
static void enter_start_post(struct socket *s, enum result result);
static void enter_listening(struct socket *s, enum result result);
static void enter_stop_post(struct socket *s, enum result result);
static void enter_final(struct socket *s, enum result result);
static void enter_dead(struct socket *s, enum result result);
static void enter_signal(struct socket *s, enum socket_state state, enum result result);
static void on_stop_pre_due(struct socket *s, enum result result);
static void on_stop_pre_term_due(struct socket *s, enum result result);
static void on_final_term_due(struct socket *s, enum result result);

/* What the end of the control process means in a state, good or bad, and what it means when it does
 * not end. */
static const struct step {
	void (*good)(struct socket *s, enum result result);
	void (*bad)(struct socket *s, enum result result);
	void (*due)(struct socket *s, enum result result);
} steps[SOCKET_STATE_MAX] = {
	[SOCKET_START_PRE] = {enter_start_chown, enter_final, enter_final},
	[SOCKET_START_CHOWN] = {enter_start_post, socket_enter_stop_pre, socket_enter_stop_pre},
	[SOCKET_START_POST] = {enter_listening, socket_enter_stop_pre, socket_enter_stop_pre},
	[SOCKET_STOP_PRE] = {enter_stop_post, enter_stop_post, on_stop_pre_due},
	[SOCKET_STOP_PRE_SIGTERM] = {enter_stop_post, enter_stop_post, on_stop_pre_term_due},
	[SOCKET_STOP_PRE_SIGKILL] = {enter_stop_post, enter_stop_post, enter_stop_post},
	[SOCKET_STOP_POST] = {enter_final, enter_final, enter_final},
	[SOCKET_FINAL_SIGTERM] = {enter_dead, enter_dead, on_final_term_due},
	[SOCKET_FINAL_SIGKILL] = {enter_dead, enter_dead, enter_dead},
};

const char *socket_state_to_string(enum socket_state s)
{
	return ENUM_TO_STRING(state_name, s);
}

static void add_result(struct socket *s, enum result result)
{
	if (s->result == RESULT_SUCCESS)
		s->result = result;
}

static void forget_control(struct socket *s)
{
	process_forget(&s->unit, &s->control_pid);
	s->control_list = SOCKET_EXEC_MAX;
	s->control_index = 0;
}

void socket_set_state(struct socket *s, enum socket_state state, usec_t deadline)
{
	enum socket_state old = s->state;

	s->state = state;
	s->spawning = false;
	doubt_drop(&s->doubt);
	(void) deadline_set(&s->deadline, &s->unit, deadline, socket_on_deadline);
	if (!steps[state].good)
		forget_control(s);
	if (state != SOCKET_LISTENING)
		socket_unwatch(s);
	if (old != state)
		log_unit(LOG_DEBUG, s->unit.id, "Changed %s -> %s", state_name[old],
		         state_name[state]);
	unit_save_soon(&s->unit);
	unit_notify(&s->unit, state_active[old], state_active[state], true);
}

static usec_t step_deadline(const struct socket *s)
{
	return deadline_in(socket_settings(s)->timeout_usec);
}

static int spawn(struct socket *s, const struct exec_command *c)
{
	struct pidref pid = PIDREF_NULL;
	int r;

	s->spawning = true;
	s->doubt.since = now(CLOCK_BOOTTIME);
	spawn_intent(&s->unit);
	r = control_spawn(&s->unit, c, NULL, &pid);
	s->spawning = false;
	if (r < 0)
		return r;
	s->control_pid = pid;
	process_status_begin(&s->control_status, pid.pid);
	unit_save(&s->unit);
	return 0;
}

/* Enters @state if there is a command for it. 1: under way, 0: none, or -errno. */
static int run_list(struct socket *s, enum socket_state state, enum socket_exec list)
{
	const struct exec_command *c = socket_settings(s)->commands[list];
	int r;

	forget_control(s);
	if (!c)
		return 0;
	socket_set_state(s, state, step_deadline(s));
	if (s->state != state)
		return 1;
	s->control_list = list;
	r = spawn(s, c);
	return r < 0 ? r : 1;
}

static void enter_start_pre(struct socket *s)
{
	int r = run_list(s, SOCKET_START_PRE, SOCKET_EXEC_START_PRE);

	if (r == 0)
		enter_start_chown(s, RESULT_SUCCESS);
	else if (r < 0)
		enter_dead(s, RESULT_RESOURCES);
}

/* SocketUser= takes name services to resolve, which may block: a small process does it. */
static int spawn_chown(struct socket *s)
{
	const struct socket_settings *c = socket_settings(s);
	char program[] = "/bin/chown", dashes[] = "--", no_dereference[] = "-h";
	auto_strv char **argv = NULL;
	struct exec_command command = {.path = program,
	                               .flags = EXEC_FULLY_PRIVILEGED | EXEC_NO_ENV_EXPAND};
	auto_free char *owner =
		str_printf("%s:%s", c->user ? c->user : "", c->group ? c->group : "");
	int r, n = 0;

	if (!owner)
		return -ENOMEM;
	r = strv_append(&argv, program);
	if (r >= 0)
		r = strv_append(&argv, no_dereference);
	if (r >= 0)
		r = strv_append(&argv, dashes);
	if (r >= 0)
		r = strv_append(&argv, owner);
	for (const struct socket_port *p = c->ports; p && r >= 0; p = p->next)
		if (*p->address == '/' && p->kind != SOCKET_PORT_SPECIAL &&
		    p->kind != SOCKET_PORT_MESSAGE_QUEUE) {
			r = strv_append(&argv, p->address);
			n++;
		}
	if (r < 0)
		return r;
	if (n == 0)
		return 0;
	command.argv = argv;
	r = spawn(s, &command);
	return r < 0 ? r : 1;
}

static void enter_start_chown(struct socket *s, _unused_ enum result result)
{
	int r;

	forget_control(s);
	r = socket_open_all(s);
	if (r < 0) {
		socket_enter_stop_pre(s, RESULT_RESOURCES);
		return;
	}
	(void) socket_make_symlinks(s);
	if (!socket_settings(s)->user && !socket_settings(s)->group) {
		enter_start_post(s, RESULT_SUCCESS);
		return;
	}
	socket_set_state(s, SOCKET_START_CHOWN, step_deadline(s));
	if (s->state != SOCKET_START_CHOWN)
		return;
	r = spawn_chown(s);
	if (r == 0)
		enter_start_post(s, RESULT_SUCCESS);
	else if (r < 0)
		socket_enter_stop_pre(s, RESULT_RESOURCES);
}

static void enter_start_post(struct socket *s, _unused_ enum result result)
{
	int r = run_list(s, SOCKET_START_POST, SOCKET_EXEC_START_POST);

	if (r == 0)
		enter_listening(s, RESULT_SUCCESS);
	else if (r < 0)
		socket_enter_stop_pre(s, RESULT_RESOURCES);
}

static void enter_listening(struct socket *s, _unused_ enum result result)
{
	if (socket_watch(s) < 0) {
		socket_enter_stop_pre(s, RESULT_RESOURCES);
		return;
	}
	socket_set_state(s, SOCKET_LISTENING, 0);
}

void socket_enter_listening(struct socket *s)
{
	enter_listening(s, RESULT_SUCCESS);
}

void socket_enter_stop_pre(struct socket *s, enum result result)
{
	int r;

	add_result(s, result);
	r = run_list(s, SOCKET_STOP_PRE, SOCKET_EXEC_STOP_PRE);
	if (r <= 0)
		enter_stop_post(s, r < 0 ? RESULT_RESOURCES : RESULT_SUCCESS);
}

static void enter_stop_post(struct socket *s, enum result result)
{
	int r;

	add_result(s, result);
	socket_close_all(s, true);
	r = run_list(s, SOCKET_STOP_POST, SOCKET_EXEC_STOP_POST);
	if (r <= 0)
		enter_final(s, r < 0 ? RESULT_RESOURCES : RESULT_SUCCESS);
}

static void enter_final(struct socket *s, enum result result)
{
	enter_signal(s, SOCKET_FINAL_SIGTERM, result);
}

static void enter_signal(struct socket *s, enum socket_state state, enum result result)
{
	bool kill = state == SOCKET_STOP_PRE_SIGKILL || state == SOCKET_FINAL_SIGKILL;
	bool final = state == SOCKET_FINAL_SIGTERM || state == SOCKET_FINAL_SIGKILL;
	const struct kill_targets t = {.control = &s->control_pid};
	int r;

	add_result(s, result);
	r = processes_kill(&s->unit, kill ? KILL_STEP_KILL : KILL_STEP_TERMINATE, &t);
	if (r > 0)
		socket_set_state(s, state, step_deadline(s));
	else if (state == SOCKET_STOP_PRE_SIGTERM)
		enter_signal(s, SOCKET_STOP_PRE_SIGKILL, RESULT_SUCCESS);
	else if (state == SOCKET_FINAL_SIGTERM)
		enter_signal(s, SOCKET_FINAL_SIGKILL, RESULT_SUCCESS);
	else if (final)
		enter_dead(s, RESULT_SUCCESS);
	else
		enter_stop_post(s, RESULT_SUCCESS);
}

static void enter_dead(struct socket *s, enum result result)
{
	add_result(s, result);
	/* Reached without stop-post when the start failed early. */
	socket_close_all(s, true);
	if (s->result != RESULT_SUCCESS)
		log_unit(LOG_WARNING, s->unit.id, "Failed with result '%s'",
		         result_to_string(s->result));
	if (s->unit.file->exec)
		(void) exec_directories_remove(&s->unit, s->unit.file->exec, false);
	namespaces_release(&s->unit);
	invocation_unpublish(&s->unit);
	socket_set_state(s, s->result == RESULT_SUCCESS ? SOCKET_DEAD : SOCKET_FAILED, 0);
}

static void on_stop_pre_due(struct socket *s, enum result result)
{
	enter_signal(s, SOCKET_STOP_PRE_SIGTERM, result);
}

static bool sends_sigkill(const struct socket *s)
{
	return !s->unit.file->kill || s->unit.file->kill->send_sigkill;
}

static void on_stop_pre_term_due(struct socket *s, enum result result)
{
	if (sends_sigkill(s))
		enter_signal(s, SOCKET_STOP_PRE_SIGKILL, result);
	else
		enter_stop_post(s, result);
}

static void on_final_term_due(struct socket *s, enum result result)
{
	if (sends_sigkill(s))
		enter_signal(s, SOCKET_FINAL_SIGKILL, result);
	else
		enter_dead(s, result);
}

void socket_command_ended(struct socket *s, enum result result)
{
	if (!steps[s->state].good)
		return;
	if (result == RESULT_SUCCESS)
		steps[s->state].good(s, result);
	else
		steps[s->state].bad(s, result);
}

/* Whoever a signal was for is gone, and had no exit that would say so. */
static void socket_on_cgroup_empty(struct unit *u)
{
	struct socket *s = SOCKET(u);
	bool is_signalled = s->state == SOCKET_STOP_PRE_SIGTERM ||
	                    s->state == SOCKET_STOP_PRE_SIGKILL ||
	                    s->state == SOCKET_FINAL_SIGTERM || s->state == SOCKET_FINAL_SIGKILL;

	if (is_signalled && !s->spawning && !pidref_is_set(&s->control_pid))
		socket_command_ended(s, RESULT_SUCCESS);
}

int socket_on_deadline(_unused_ struct source *source, _unused_ usec_t deadline, void *userdata)
{
	struct socket *s = userdata;

	s->deadline.at = 0;
	/* Of what is overdue it has to be known whether it began. */
	if (s->spawning && !doubt_settle(&s->doubt)) {
		(void) deadline_set(&s->deadline, &s->unit,
		                    usec_add(now(CLOCK_BOOTTIME), DOUBT_USEC), socket_on_deadline);
		return 0;
	}
	if (steps[s->state].due) {
		log_unit(LOG_WARNING, s->unit.id, "State '%s' timed out", state_name[s->state]);
		steps[s->state].due(s, RESULT_TIMEOUT);
	}
	return 0;
}

/* ---- after a restart of core ---- */

int socket_spawn_again(struct socket *s)
{
	const struct exec_command *c =
		s->control_list < SOCKET_EXEC_MAX
			? command_nth(socket_settings(s)->commands[s->control_list],
	                              s->control_index)
			: NULL;

	if (s->state == SOCKET_START_CHOWN)
		return spawn_chown(s);
	return c ? spawn(s, c) : -ENOENT;
}

void socket_go_on(struct socket *s)
{
	switch (s->state) {
	case SOCKET_START_PRE:
		enter_start_pre(s);
		break;
	case SOCKET_START_CHOWN:
		enter_start_chown(s, RESULT_SUCCESS);
		break;
	case SOCKET_START_POST:
		enter_start_post(s, RESULT_SUCCESS);
		break;
	case SOCKET_STOP_PRE:
		socket_enter_stop_pre(s, RESULT_SUCCESS);
		break;
	case SOCKET_STOP_POST:
		enter_stop_post(s, RESULT_SUCCESS);
		break;
	case SOCKET_STOP_PRE_SIGTERM:
	case SOCKET_STOP_PRE_SIGKILL:
	case SOCKET_FINAL_SIGTERM:
	case SOCKET_FINAL_SIGKILL:
		enter_signal(s, s->state, RESULT_SUCCESS);
		break;
	default:
		break;
	}
}

/* ---- operations ---- */

static void socket_init(struct unit *u)
{
	struct socket *s = SOCKET(u);

	doubt_init(&s->doubt, u, &socket_doubt_ops,
	           (struct doubt_control){&s->control_pid, &s->control_status, &s->spawning});
	s->control_pid = PIDREF_NULL;
	s->control_list = SOCKET_EXEC_MAX;
}

static void socket_done(struct unit *u)
{
	struct socket *s = SOCKET(u);

	process_forget(u, &s->control_pid);
	deadline_done(&s->deadline);
	source_free(s->coldplug_source);
	doubt_drop(&s->doubt);
	/* The vault keeps its copies. */
	for (size_t i = 0; i < s->n_fds; i++) {
		source_free(s->fds[i].source);
		fd_close(s->fds[i].fd);
	}
	free(s->fds);
	map_free(s->peers);
}

static int socket_start(struct unit *u)
{
	struct socket *s = SOCKET(u);
	struct unit *service;
	int r;

	if (state_active[s->state] == UNIT_ACTIVATING)
		return 0;
	if (state_active[s->state] == UNIT_ACTIVE)
		return -EALREADY;
	if (s->state != SOCKET_DEAD && s->state != SOCKET_FAILED)
		return -EAGAIN;
	if (!socket_settings(s)->accept) {
		service = socket_service(s);
		if (!service || service->load_state != LOAD_LOADED)
			return log_unit_errno(LOG_ERR, u->id, -ENOENT,
			                      "The service to activate is not loaded, refusing");
		/* It would have no use of a socket it did not get at its start. */
		if (unit_is_active_or_activating(service) &&
		    !streq(unit_sub_state(service), "auto-restart"))
			return log_unit_errno(LOG_ERR, u->id, -EBUSY,
			                      "Socket service %s already active, refusing",
			                      service->id);
	}
	if (!unit_start_limit_test(u)) {
		enter_dead(s, RESULT_START_LIMIT_HIT);
		return -ECANCELED;
	}
	r = invocation_publish(u);
	if (r < 0)
		return r;
	s->result = RESULT_SUCCESS;
	s->control_status = (struct process_status){0};
	s->trigger_begin_usec = 0;
	enter_start_pre(s);
	return 0;
}

static int socket_stop(struct unit *u)
{
	struct socket *s = SOCKET(u);

	if (s->spawning && !doubt_settle(&s->doubt))
		return -EAGAIN;
	switch (state_active[s->state]) {
	case UNIT_INACTIVE:
	case UNIT_FAILED:
		return -EALREADY;
	case UNIT_ACTIVATING:
		enter_signal(s, SOCKET_STOP_PRE_SIGTERM, RESULT_SUCCESS);
		return 0;
	case UNIT_ACTIVE:
		socket_enter_stop_pre(s, RESULT_SUCCESS);
		return 0;
	default:
		return 0;
	}
}

static enum unit_active_state socket_active(const struct unit *u)
{
	return state_active[SOCKET(u)->state];
}

static const char *socket_sub_state(const struct unit *u)
{
	return state_name[SOCKET(u)->state];
}

static bool socket_may_gc(const struct unit *u)
{
	return SOCKET(u)->n_connections == 0;
}

void socket_on_exit(struct unit *u, const struct process_exit *e)
{
	struct socket *s = SOCKET(u);
	const struct exec_command *command, *next;
	enum result result;

	if (!pidref_is_exit(&s->control_pid, e)) {
		if (s->spawning && exit_is_since(e, s->doubt.since)) {
			unit_save_soon(u);
			doubt_note_exit(&s->doubt, e);
		}
		return;
	}
	result = result_of_exit(e, EXIT_CLEAN_COMMAND, NULL);
	process_status_end(&s->control_status, e);
	command = s->control_list < SOCKET_EXEC_MAX
	                  ? command_nth(socket_settings(s)->commands[s->control_list],
	                                s->control_index)
	                  : NULL;
	if (command && command->flags & EXEC_IGNORE_FAILURE)
		result = RESULT_SUCCESS;
	process_forget(u, &s->control_pid);
	next = command ? command->next : NULL;
	if (next && result == RESULT_SUCCESS &&
	    (s->state == SOCKET_START_PRE || s->state == SOCKET_START_POST ||
	     s->state == SOCKET_STOP_PRE || s->state == SOCKET_STOP_POST)) {
		s->control_index++;
		if (spawn(s, next) >= 0)
			return;
		result = RESULT_RESOURCES;
	}
	socket_command_ended(s, result);
}

static void socket_on_exits_known(struct unit *u)
{
	doubt_exits_known(&SOCKET(u)->doubt);
}

static int socket_kill(struct unit *u, enum kill_who who, int sig, struct diag *d)
{
	const struct kill_targets t = {.control = &SOCKET(u)->control_pid};

	return processes_kill_who(u, who, sig, &t, d);
}

static void socket_reset_failed(struct unit *u)
{
	struct socket *s = SOCKET(u);

	s->result = RESULT_SUCCESS;
	if (s->state == SOCKET_FAILED)
		socket_set_state(s, SOCKET_DEAD, 0);
}

static pid_t socket_control_pid(const struct unit *u)
{
	return SOCKET(u)->control_pid.pid;
}

static const char *socket_result(const struct unit *u)
{
	return result_to_string(SOCKET(u)->result);
}

const struct unit_ops socket_ops = {
	.type = UNIT_SOCKET,
	.object_size = sizeof(struct socket),
	.init = socket_init,
	.done = socket_done,
	.load = socket_load,
	.coldplug = socket_coldplug,
	.start = socket_start,
	.stop = socket_stop,
	.active_state = socket_active,
	.sub_state = socket_sub_state,
	.may_gc = socket_may_gc,
	.on_cgroup_empty = socket_on_cgroup_empty,
	.on_exit = socket_on_exit,
	.on_exits_known = socket_on_exits_known,
	.on_trigger = socket_on_trigger,
	.settings_change = socket_settings_change,
	.kill = socket_kill,
	.reset_failed = socket_reset_failed,
	.control_pid = socket_control_pid,
	.result = socket_result,
	.save = socket_save,
	.restore = socket_restore,
	.describe = socket_describe,
};
