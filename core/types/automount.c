// SPDX-License-Identifier: Apache-2.0
/* The automount type: states and operations. */
#include "types/automount.h"

#include "base/fault.h"

#include <sys/stat.h>

/* clang-format off */
static const char *const state_name[AUTOMOUNT_STATE_MAX] = {
#define X(id, name, active) [AUTOMOUNT_##id] = name,
	AUTOMOUNT_STATES(X)
#undef X
};
static const enum unit_active_state state_active[AUTOMOUNT_STATE_MAX] = {
#define X(id, name, active) [AUTOMOUNT_##id] = UNIT_##active,
	AUTOMOUNT_STATES(X)
#undef X
};
/* clang-format on */

#define ANSWER_AGAIN_USEC (50 * USEC_PER_MSEC)

static int on_idle(struct source *source, usec_t deadline, void *userdata);

static struct unit *automount_target(const struct automount *a)
{
	return triggered_unit(&a->unit, NULL, ".mount");
}

static void vault_update(const struct automount *a)
{
	struct link *k = types_vault(a->unit.manager);
	char name[WIRE_VAULT_NAME_MAX + 1];
	int r;

	if (!k)
		return;
	r = types_vault_name(a->unit.id, "automount", -1, name);
	if (r >= 0)
		r = a->pipe_fd >= 0 ? link_vault_put(k, name, a->pipe_fd)
		                    : link_vault_drop(k, name);
	if (r < 0 && r != -ENOENT)
		log_unit_errno(LOG_WARNING, a->unit.id, r,
		               "The automount point will not outlive core: %m");
}

static int on_answer_again(struct source *source, usec_t deadline, void *userdata);

/* autofs knows nothing of who waits, or there is no autofs any more: he was let go. */
static bool nobody_waits(int error)
{
	return error == -EINVAL || error == -ENOENT || error == -ENODEV || error == -ENXIO ||
	       error == -ENOTTY || error == -EBADF;
}

/* Whoever cannot be answered now, for want of fds or memory mostly, waits until he can: he has no other way out. */
static void answer_all(struct automount *a, int error)
{
	size_t left = 0;

	for (size_t i = 0; i < a->n_tokens; i++) {
		int r = autofs_answer(a->where, a->device, a->tokens[i], error);

		if (r < 0 && !nobody_waits(r))
			a->tokens[left++] = a->tokens[i];
		else if (r < 0)
			log_unit_errno(LOG_WARNING, a->unit.id, r,
			               "Cannot answer a waiting process: %m");
	}
	a->n_tokens = left;
	a->answer = error;
	if (left > 0)
		(void) deadline_set(&a->again, &a->unit,
		                    usec_add(now(CLOCK_BOOTTIME), ANSWER_AGAIN_USEC),
		                    on_answer_again);
}

static int on_answer_again(_unused_ struct source *source, _unused_ usec_t deadline, void *userdata)
{
	struct automount *a = userdata;

	a->again.at = 0;
	answer_all(a, a->answer);
	return 0;
}

static void set_state(struct automount *a, enum automount_state state)
{
	enum automount_state old = a->state;
	const struct automount_settings *c = a->unit.file->automount;
	usec_t idle = c ? c->timeout_idle_usec : 0;

	a->state = state;
	if (state == AUTOMOUNT_RUNNING && idle > 0 && idle != USEC_INFINITY)
		(void) deadline_set(&a->idle, &a->unit, deadline_in(idle), on_idle);
	else
		deadline_clear(&a->idle);
	if (old != state)
		log_unit(LOG_DEBUG, a->unit.id, "Changed %s -> %s", state_name[old],
		         state_name[state]);
	unit_save_soon(&a->unit);
	unit_notify(&a->unit, state_active[old], state_active[state], true);
}

static void disconnect(struct automount *a, bool unmount)
{
	bool was = a->pipe_fd >= 0;

	a->source = source_free(a->source);
	if (was && unmount) {
		int r;

		answer_all(a, -EHOSTDOWN);
		r = autofs_release(a->where, a->device);
		if (r < 0)
			log_unit_errno(LOG_DEBUG, a->unit.id, r,
			               "Cannot let go of who waits at the automount point: %m");
		r = autofs_unmount(a->where);
		if (r < 0 && r != -EINVAL)
			log_unit_errno(LOG_WARNING, a->unit.id, r,
			               "Cannot unmount the automount point: %m");
		/* Without a point nobody waits at it. */
		a->n_tokens = 0;
		deadline_clear(&a->again);
	}
	a->pipe_fd = fd_close(a->pipe_fd);
	if (was && unmount)
		vault_update(a);
}

static void enter_dead(struct automount *a, enum result result)
{
	if (a->result == RESULT_SUCCESS)
		a->result = result;
	disconnect(a, true);
	invocation_unpublish(&a->unit);
	set_state(a, a->result == RESULT_SUCCESS ? AUTOMOUNT_DEAD : AUTOMOUNT_FAILED);
}

/* ---- requests ---- */

static void enter_running(struct automount *a)
{
	struct unit *target = automount_target(a);
	struct diag d = {0};
	int r;

	if (unit_stop_pending(&a->unit)) {
		log_unit(LOG_DEBUG, a->unit.id,
		         "Suppressing automount request since a stop is scheduled");
		answer_all(a, -EHOSTDOWN);
		return;
	}
	if (!target || target->load_state != LOAD_LOADED) {
		enter_dead(a, RESULT_RESOURCES);
		return;
	}
	/* It is there already: the request came just before it was. */
	if (unit_active_state(target) == UNIT_ACTIVE) {
		answer_all(a, 0);
		set_state(a, AUTOMOUNT_RUNNING);
		return;
	}
	r = manager_enqueue_surely(a->unit.manager, JOB_START, target, JOB_MODE_REPLACE, &d);
	if (r < 0) {
		diag_log(&d, a->unit.id);
		log_unit_errno(LOG_WARNING, a->unit.id, r, "Cannot queue the mount: %m");
		enter_dead(a, RESULT_RESOURCES);
		return;
	}
	set_state(a, AUTOMOUNT_RUNNING);
}

/* Room for one more. */
static int reserve_token(struct automount *a)
{
	uint32_t *bigger = reallocarray(a->tokens, a->n_tokens + 1, sizeof(*a->tokens));

	if (!bigger)
		return -ENOMEM;
	a->tokens = bigger;
	return 0;
}

static bool has_token(const struct automount *a, uint32_t token)
{
	for (size_t i = 0; i < a->n_tokens; i++)
		if (a->tokens[i] == token)
			return true;
	return false;
}

/*
 * The request stays in the pipe until it is in the record: whoever waits would do so for ever if core died in between. Where that
 * needs more fds than there are it is taken as it comes.
 */
static int on_request(_unused_ struct source *source, int fd, _unused_ uint32_t revents,
                      void *userdata)
{
	struct automount *a = userdata;
	bool is_taken = false;
	uint32_t token;
	pid_t pid;
	int r;

	/* Without it the request stays in the pipe, and this is called again. */
	if (reserve_token(a) < 0)
		return 0;
	r = autofs_peek(fd, &token, &pid);
	if (r == -EMFILE || r == -ENFILE || r == -ENOMEM) {
		is_taken = true;
		r = autofs_read(fd, &token, &pid);
	}
	if (r == -EAGAIN)
		return 0;
	if (r < 0) {
		log_unit_errno(LOG_ERR, a->unit.id, r, "Cannot read the automount request: %m");
		enter_dead(a, RESULT_RESOURCES);
		return 0;
	}
	/* 0: an expiry, for which we never ask. */
	if (r > 0 && a->n_tokens >= AUTOMOUNT_TOKENS_MAX) {
		(void) autofs_answer(a->where, a->device, token, -E2BIG);
		r = 0;
	} else if (r > 0 && !has_token(a, token)) {
		a->tokens[a->n_tokens++] = token;
		unit_save(&a->unit);
	}
	FAULT_POINT("automount.saved");
	if (!is_taken)
		(void) autofs_read(fd, &token, &pid);
	FAULT_POINT("automount.taken");
	if (r == 0)
		return 0;
	log_unit(LOG_INFO, a->unit.id, "Got automount request for %s, triggered by %d", a->where,
	         pid);
	enter_running(a);
	return 0;
}

static int watch(struct automount *a)
{
	return loop_add_io(a->unit.manager->loop, a->pipe_fd, EPOLLIN, "automount", on_request, a,
	                   &a->source);
}

/* ---- TimeoutIdleSec= ---- */

static int on_idle(_unused_ struct source *source, _unused_ usec_t deadline, void *userdata)
{
	struct automount *a = userdata;
	struct unit *target = automount_target(a);
	int r;

	a->idle.at = 0;
	if (a->state != AUTOMOUNT_RUNNING || !target)
		return 0;
	/* Only while there is a mount: the next one below is the automount point itself. */
	if (unit_active_state(target) == UNIT_ACTIVE && !target->job) {
		r = autofs_expire(a->where);
		if (r < 0)
			log_unit_errno(LOG_DEBUG, a->unit.id, r,
			               "Cannot look whether the mount is idle: %m");
	}
	(void) deadline_set(&a->idle, &a->unit,
	                    deadline_in(a->unit.file->automount->timeout_idle_usec), on_idle);
	return 0;
}

/* ---- operations ---- */

static void automount_init(struct unit *u)
{
	AUTOMOUNT(u)->pipe_fd = -EBADF;
}

static void automount_done(struct unit *u)
{
	struct automount *a = AUTOMOUNT(u);

	/* The mount stays for the core after this one. */
	disconnect(a, false);
	deadline_done(&a->idle);
	deadline_done(&a->again);
	source_free(a->coldplug_source);
	free(a->tokens);
	free(a->where);
}

static int automount_load(struct unit *u, struct diag *d)
{
	const struct automount_settings *c = u->file->automount;
	struct automount *a = AUTOMOUNT(u);
	auto_free char *name = NULL, *parent = NULL;
	int r;

	if (c && c->where)
		r = str_set(&a->where, c->where);
	else
		r = a->where ? 0 : unit_name_to_path(u->id, &a->where);
	if (r < 0)
		return r;
	path_simplify(a->where);
	r = unit_name_from_path(a->where, ".automount", &name);
	if (r < 0)
		return r;
	if (!streq(name, u->id) || streq(a->where, "/"))
		return diag_add(d, -ENOEXEC, DIAG_ERROR,
		                u->file->fragment_path ? u->file->fragment_path : u->id, 0,
		                "%s. Refusing",
		                streq(a->where, "/")
		                        ? "Cannot have an automount unit for the root directory"
		                        : "Where= setting doesn't match unit name");
	parent = path_dirname(a->where);
	if (!parent)
		return -ENOMEM;
	r = unit_require_mounts_for(u, parent);
	if (r >= 0)
		r = dependencies_add_triggered(u, NULL, ".mount");
	if (r < 0 || !u->file->unit.default_dependencies)
		return r;
	r = unit_add_dependency_by_name(u, DEP_BEFORE, "local-fs.target");
	if (r >= 0)
		r = unit_add_dependency_by_name(u, DEP_AFTER, "local-fs-pre.target");
	return r < 0 ? r
	             : unit_add_two_dependencies_by_name(u, DEP_BEFORE, DEP_CONFLICTS,
	                                                 "umount.target");
}

static int make_directory(const struct automount *a)
{
	const struct automount_settings *c = a->unit.file->automount;
	struct stat st;

	/* Opening it would be a look at what may be an automount point already. */
	if (lstat(a->where, &st) >= 0)
		return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
	return mkdir_p(a->where, c && c->directory_mode ? c->directory_mode : 0755);
}

/* A core that died between the mount and its savepoint has left one: a second one would cover it for good. */
static int mount_point(struct automount *a)
{
	const struct automount_settings *c = a->unit.file->automount;
	int r = autofs_find(a->where, &a->device);

	if (r >= 0) {
		r = autofs_reconnect(a->where, a->device, &a->pipe_fd);
		if (r >= 0)
			return r;
		(void) autofs_unmount(a->where);
	}
	return autofs_mount(a->where, c ? c->extra_options : NULL, &a->pipe_fd, &a->device);
}

static int automount_start(struct unit *u)
{
	struct automount *a = AUTOMOUNT(u);
	struct unit *target;
	int r;

	if (state_active[a->state] == UNIT_ACTIVE)
		return -EALREADY;
	target = automount_target(a);
	if (!target || target->load_state != LOAD_LOADED)
		return log_unit_errno(LOG_ERR, u->id, -ENOENT,
		                      "The mount unit is not loaded, refusing");
	if (unit_active_state(target) == UNIT_ACTIVE)
		return log_unit_errno(LOG_ERR, u->id, -EEXIST,
		                      "Path %s is already a mount point, refusing start", a->where);
	if (!unit_start_limit_test(u)) {
		enter_dead(a, RESULT_START_LIMIT_HIT);
		return -ECANCELED;
	}
	r = invocation_publish(u);
	if (r < 0)
		return r;
	a->result = RESULT_SUCCESS;
	r = make_directory(a);
	if (r < 0)
		log_unit_errno(LOG_WARNING, u->id, r, "Cannot make the mount point '%s': %m",
		               a->where);
	r = mount_point(a);
	if (r >= 0)
		r = watch(a);
	if (r < 0) {
		log_unit_errno(LOG_ERR, u->id, r, "Cannot initialize the automount point: %m");
		enter_dead(a, RESULT_RESOURCES);
		return 0;
	}
	vault_update(a);
	set_state(a, AUTOMOUNT_WAITING);
	return 0;
}

static int automount_stop(struct unit *u)
{
	if (state_active[AUTOMOUNT(u)->state] != UNIT_ACTIVE)
		return -EALREADY;
	enter_dead(AUTOMOUNT(u), RESULT_SUCCESS);
	return 0;
}

static enum unit_active_state automount_active(const struct unit *u)
{
	return state_active[AUTOMOUNT(u)->state];
}

static const char *automount_sub_state(const struct unit *u)
{
	return state_name[AUTOMOUNT(u)->state];
}

static void automount_on_trigger(struct unit *u, struct unit *mount)
{
	struct automount *a = AUTOMOUNT(u);
	enum unit_active_state s = unit_active_state(mount);

	if (state_active[a->state] != UNIT_ACTIVE)
		return;
	if (mount->start_limit_hit ||
	    (mount->ops->result && streq_ptr(mount->ops->result(mount), "start-limit-hit"))) {
		enter_dead(a, RESULT_MOUNT_START_LIMIT_HIT);
		return;
	}
	switch (s) {
	case UNIT_ACTIVE:
	case UNIT_RELOADING:
		answer_all(a, 0);
		if (a->state != AUTOMOUNT_RUNNING)
			set_state(a, AUTOMOUNT_RUNNING);
		break;
	case UNIT_INACTIVE:
	case UNIT_FAILED:
		if (mount->job && mount->job->type == JOB_START && s == UNIT_INACTIVE)
			break; /* about to be */
		answer_all(a, -ENODEV);
		if (a->state != AUTOMOUNT_WAITING)
			set_state(a, AUTOMOUNT_WAITING);
		break;
	default:
		break;
	}
}

static void automount_reset_failed(struct unit *u)
{
	AUTOMOUNT(u)->result = RESULT_SUCCESS;
	if (AUTOMOUNT(u)->state == AUTOMOUNT_FAILED)
		set_state(AUTOMOUNT(u), AUTOMOUNT_DEAD);
}

static const char *automount_result(const struct unit *u)
{
	return result_to_string(AUTOMOUNT(u)->result);
}

static void automount_save(const struct unit *u, struct strbuf *b)
{
	const struct automount *a = AUTOMOUNT(u);

	record_add(b, "state", state_name[a->state]);
	record_add(b, "result", result_to_string(a->result));
	if (a->pipe_fd < 0)
		return;
	record_add_u64(b, "device", a->device);
	record_add_u64(b, "process-group", (uint64_t) getpgrp());
	for (size_t i = 0; i < a->n_tokens; i++)
		record_add_u64(b, "token", a->tokens[i]);
}

static void restore_tokens(struct automount *a, const struct record *r)
{
	auto_strv char **tokens = NULL;
	uint32_t token;

	if (record_get_strv(r, "token", &tokens) < 0)
		return;
	STRV_FOREACH (t, tokens)
		if (str_to_u32(*t, &token) >= 0 && reserve_token(a) >= 0)
			a->tokens[a->n_tokens++] = token;
}

static int automount_restore(struct unit *u, const struct record *r)
{
	struct automount *a = AUTOMOUNT(u);
	const char *text = record_get(r, "state");
	int state = text ? ENUM_FROM_STRING(state_name, text) : -EINVAL;
	enum result result = result_from_string(record_get(r, "result"));
	struct link *k = types_vault(u->manager);
	char name[WIRE_VAULT_NAME_MAX + 1];

	a->adopted = record_get_bool(r, "adopted", false);
	a->state = state >= 0   ? (enum automount_state) state
	           : a->adopted ? AUTOMOUNT_WAITING
	                        : AUTOMOUNT_DEAD;
	a->result = result == RESULT_INVALID ? RESULT_SUCCESS : result;
	a->device = (dev_t) record_get_u64(r, "device", 0);
	restore_tokens(a, r);
	/* Only processes of the group that mounted it may look inside without waiting for us; in
	 * another group we would wait for ourselves. */
	if (k && record_get_u64(r, "process-group", 0) == (uint64_t) getpgrp() &&
	    types_vault_name(u->id, "automount", -1, name) >= 0) {
		int fd = link_vault_take(k, name);

		a->pipe_fd = fd < 0 ? -EBADF : fd;
	}
	return 0;
}

/* A request that was read is in the record before the mount's job is, so the job may have to be queued again. */
static int on_coldplug(struct source *source, void *userdata)
{
	struct automount *a = userdata;
	struct unit *target = automount_target(a);

	a->coldplug_source = NULL;
	source_free(source);
	if (state_active[a->state] != UNIT_ACTIVE || !target)
		return 0;
	if (a->n_tokens > 0)
		enter_running(a);
	else if (a->adopted)
		automount_on_trigger(&a->unit, target);
	a->adopted = false;
	return 0;
}

static int automount_coldplug(struct unit *u)
{
	struct automount *a = AUTOMOUNT(u);
	struct unit *target = automount_target(a);
	int r = 0;

	if (state_active[a->state] != UNIT_ACTIVE)
		return 0;
	/* Who waited under a token that was in the record is let go by that: nobody knows of him. */
	if (a->adopted)
		r = autofs_find(a->where, &a->device);
	if (r >= 0 && a->pipe_fd < 0) {
		r = autofs_reconnect(a->where, a->device, &a->pipe_fd);
		if (r >= 0)
			vault_update(a);
		free(a->tokens);
		a->tokens = NULL;
		a->n_tokens = 0;
	}
	if (r >= 0)
		r = watch(a);
	if (r < 0) {
		log_unit_errno(LOG_ERR, u->id, r, "Cannot take the automount point over: %m");
		if (a->pipe_fd < 0)
			(void) autofs_unmount(a->where);
		enter_dead(a, RESULT_RESOURCES);
		return 0;
	}
	if ((a->n_tokens > 0 || a->adopted) && target)
		r = loop_add_defer(u->manager->loop, "automount-coldplug", on_coldplug, a,
		                   &a->coldplug_source);
	if (a->state == AUTOMOUNT_RUNNING)
		set_state(a, AUTOMOUNT_RUNNING); /* the idle timer */
	return r;
}

static int automount_describe(const struct unit *u, cJSON *properties)
{
	const struct automount *a = AUTOMOUNT(u);
	const struct automount_settings *c = u->file->automount;
	int r;

	r = json_add_string(properties, "Where", a->where ? a->where : "");
	if (r >= 0)
		r = json_add_string(properties, "ExtraOptions",
		                    c && c->extra_options ? c->extra_options : "");
	if (r >= 0 && c)
		r = json_add_u64(properties, "DirectoryMode", c->directory_mode);
	if (r >= 0 && c)
		r = json_add_u64(properties, "TimeoutIdleUSec",
		                 c->timeout_idle_usec == USEC_INFINITY ? 0 : c->timeout_idle_usec);
	return r < 0 ? r : json_add_string(properties, "Result", result_to_string(a->result));
}

const struct unit_ops automount_ops = {
	.type = UNIT_AUTOMOUNT,
	.object_size = sizeof(struct automount),
	.init = automount_init,
	.done = automount_done,
	.load = automount_load,
	.coldplug = automount_coldplug,
	.start = automount_start,
	.stop = automount_stop,
	.active_state = automount_active,
	.sub_state = automount_sub_state,
	.on_trigger = automount_on_trigger,
	.reset_failed = automount_reset_failed,
	.result = automount_result,
	.save = automount_save,
	.restore = automount_restore,
	.describe = automount_describe,
};
