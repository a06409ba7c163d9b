// SPDX-License-Identifier: Apache-2.0
/*
 * unit.c - one unit: what start, stop and reload check before its type gets to work, and what
 * happens at each change of its state.
 */
#include "engine/private.h"

/* ---- questions ---- */

enum unit_active_state unit_active_state(const struct unit *u)
{
	if (u->load_state == LOAD_MERGED && u->merged_into)
		return unit_active_state(u->merged_into);
	return u->ops->active_state(u);
}

const char *unit_sub_state(const struct unit *u)
{
	return u->ops->sub_state(u);
}

const char *unit_description(const struct unit *u)
{
	return u->file && !str_is_empty(u->file->unit.description) ? u->file->unit.description
	                                                           : u->id;
}

bool unit_is_active_or_activating(const struct unit *u)
{
	return state_is_up_or_coming(unit_active_state(u));
}

bool unit_stop_pending(const struct unit *u)
{
	return u->job && u->job->type == JOB_STOP;
}

bool unit_inactive_or_pending(const struct unit *u)
{
	return state_is_down_or_going(unit_active_state(u)) || unit_stop_pending(u);
}

bool unit_can_start(const struct unit *u)
{
	return u->ops->start && u->ops->type != UNIT_DEVICE;
}

#define SLICE_DEPTH_MAX 64

static bool has_members_that_cannot_freeze(const struct unit *slice, unsigned depth)
{
	struct unit *u;

	UNIT_FOREACH_DEPENDENCY (u, slice, DEP_SLICE_OF)
		if (u->ops->type != UNIT_SLICE
		            ? !unit_can_freeze(u)
		            : depth > SLICE_DEPTH_MAX ||
		                      has_members_that_cannot_freeze(u, depth + 1))
			return true;
	return false;
}

bool unit_can_freeze(const struct unit *u)
{
	switch (u->ops->type) {
	case UNIT_SERVICE:
	case UNIT_SCOPE:
		return true;
	case UNIT_SLICE:
		/* With what cannot be frozen in it, the sockets of the journal say, it would be the
		 * machine. */
		return !has_members_that_cannot_freeze(u, 0);
	default:
		return false;
	}
}

bool unit_can_stop(const struct unit *u)
{
	return u->ops->stop && u->ops->type != UNIT_DEVICE && !u->perpetual;
}

bool unit_can_reload_itself(const struct unit *u)
{
	/* Without memory for it a unit has no file, not even an empty one. */
	return u->file && u->ops->reload && (!u->ops->can_reload || u->ops->can_reload(u));
}

bool unit_can_reload(const struct unit *u)
{
	return unit_n_neighbours(u, DEPENDENCY_BIT(DEP_PROPAGATES_RELOAD_TO)) > 0 ||
	       unit_can_reload_itself(u);
}

/* ---- orders ---- */

/* BindsTo= with After=: the other must be up now, not only be asked to. */
static bool bound_units_are_up(const struct unit *u)
{
	struct unit *other;

	UNIT_FOREACH_DEPENDENCY (other, u, DEP_BINDS_TO)
		if (unit_has_dependency(u, DEP_AFTER, other) &&
		    !state_is_up(unit_active_state(other))) {
			log_debug("%s is bound to %s, which is not active", u->id, other->id);
			return false;
		}
	return true;
}

int unit_start(struct unit *u)
{
	enum unit_active_state s = unit_active_state(u);

	if (state_is_up(s))
		return -EALREADY;
	if (s == UNIT_MAINTENANCE || u->is_cleaned)
		return -EAGAIN;
	if (u->load_state != LOAD_LOADED)
		return -EINVAL;
	/* While it is coming up the call may still hasten it; its conditions have been looked at.
	 */
	if (s != UNIT_ACTIVATING && !unit_test_conditions(u))
		return -ECOMM;
	if (s != UNIT_ACTIVATING && !unit_test_asserts(u))
		return -EPROTO;
	if (!bound_units_are_up(u))
		return -ENOLINK;
	if (!unit_can_start(u))
		return -EBADR;
	return u->ops->start(u);
}

int unit_stop(struct unit *u)
{
	if (state_is_down(unit_active_state(u)))
		return -EALREADY;
	if (!unit_can_stop(u))
		return -EBADR;
	/* A frozen process cannot heed a signal. */
	if (u->freezer != FREEZER_RUNNING && u->manager->hooks && u->manager->hooks->unit_thaw)
		u->manager->hooks->unit_thaw(u, u->manager->userdata);
	return u->ops->stop(u);
}

int unit_reload(struct unit *u)
{
	enum unit_active_state s = unit_active_state(u);

	if (u->load_state != LOAD_LOADED)
		return -EINVAL;
	if (!unit_can_reload(u))
		return -EBADR;
	if (s == UNIT_RELOADING)
		return -EAGAIN;
	if (s != UNIT_ACTIVE)
		return -ENOEXEC;
	if (!unit_can_reload_itself(u)) {
		/* Others are reloaded in its place. */
		unit_notify(u, s, s, true);
		return 0;
	}
	return u->ops->reload(u);
}

/* ---- changes ---- */

static void set_stamps(struct unit *u, enum unit_active_state old, enum unit_active_state new)
{
	struct stamp t = stamp_now();

	u->state_change = t;
	if (state_is_down(old) && !state_is_down(new))
		u->inactive_exit = t;
	else if (!state_is_down(old) && state_is_down(new))
		u->inactive_enter = t;
	if (!state_is_up(old) && state_is_up(new))
		u->active_enter = t;
	else if (state_is_up(old) && !state_is_up(new))
		u->active_exit = t;
}

/* What a mark asked for has happened; what is not there is not frozen. */
static void clear_marks(struct unit *u, enum unit_active_state old, enum unit_active_state new)
{
	if (state_is_down(new)) {
		u->markers = 0;
		u->freezer = FREEZER_RUNNING;
	} else if (old == UNIT_RELOADING && new == UNIT_ACTIVE) {
		u->markers &= (uint8_t) ~UNIT_NEEDS_RELOAD;
	}
}

static void count_failed(struct unit *u, enum unit_active_state new)
{
	struct manager *m = u->manager;

	if (u->last_active == new)
		return;
	if (u->last_active == UNIT_FAILED && m->n_failed > 0)
		m->n_failed--;
	if (new == UNIT_FAILED)
		m->n_failed++;
	u->last_active = new;
}

static void release_if_down(struct unit *u, enum unit_active_state new)
{
	struct manager *m = u->manager;

	if (!state_is_down(new))
		return;
	/* Whoever comes next must not get a signal that was meant for those before. */
	list_remove(&u->kill.link);
	unit_free_retired(u);
	if (m->hooks && m->hooks->unit_release)
		m->hooks->unit_release(u, m->userdata);
}

void unit_notify(struct unit *u, enum unit_active_state old, enum unit_active_state new,
                 bool reload_success)
{
	struct manager *m = u->manager;
	bool unexpected;

	count_failed(u, new);
	if (m->is_reloading) {
		/* A new core finds out how things are: that is not news, and what it meant has
		 * happened already. */
		if (old != new && !stamp_is_set(&u->state_change))
			set_stamps(u, old, new);
		unit_save_soon(u);
		return;
	}
	if (old != new)
		set_stamps(u, old, new);
	clear_marks(u, old, new);
	release_if_down(u, new);
	unit_save_soon(u);
	if (m->hooks && m->hooks->unit_changed)
		m->hooks->unit_changed(u, old, new, m->userdata);
	unexpected = job_process_notify(u, new, reload_success);
	unit_propagate(u, old, new, unexpected);
	unit_gc_soon(u);
}

int unit_enqueue_restart(struct unit *u)
{
	/* Somebody asked for a stop while the unit waited: that wins. */
	if (unit_stop_pending(u))
		return -ECANCELED;
	return manager_enqueue_surely(u->manager, JOB_RESTART, u, JOB_MODE_REPLACE, NULL);
}

/* ---- saving ---- */

void unit_save(struct unit *u)
{
	unit_save_soon(u);
	manager_save(u->manager);
}

void unit_save_soon(struct unit *u)
{
	if (u->in_save_queue)
		return;
	u->in_save_queue = true;
	list_append(&u->manager->save_queue, &u->save_link);
	manager_kick(u->manager);
}

/* ---- processes and cgroups ---- */

int unit_watch_pid(struct unit *u, pid_t pid)
{
	struct unit *old;
	int r;

	if (pid <= 0)
		return -EINVAL;
	old = map_get(u->manager->pids, map_pid_key(pid));
	if (old == u)
		return 0;
	r = map_put(u->manager->pids, map_pid_key(pid), u);
	if (r < 0)
		return r;
	if (old)
		old->n_pids--;
	u->n_pids++;
	return 0;
}

void unit_unwatch_pid(struct unit *u, pid_t pid)
{
	if (pid <= 0 || map_get(u->manager->pids, map_pid_key(pid)) != u)
		return;
	map_remove(u->manager->pids, map_pid_key(pid));
	u->n_pids--;
}

int unit_set_cgroup(struct unit *u, const char *path)
{
	struct manager *m = u->manager;
	auto_free char *copy = NULL;
	int r;

	if (streq_ptr(u->cgroup, path))
		return 0;
	if (path) {
		copy = strdup(path);
		if (!copy)
			return -ENOMEM;
		r = map_put(m->cgroups, copy, u);
		if (r < 0)
			return r;
	}
	if (u->cgroup && map_get(m->cgroups, u->cgroup) == u)
		map_remove(m->cgroups, u->cgroup);
	free(u->cgroup);
	u->cgroup = TAKE_PTR(copy);
	return 0;
}

int unit_new_invocation(struct unit *u)
{
	struct id128 id;
	int r;

	r = id128_random(&id);
	if (r < 0)
		return r;
	u->invocation_id = id;
	unit_save_soon(u);
	return 0;
}

void unit_set_cleaned(struct unit *u, bool on)
{
	u->is_cleaned = on;
	if (!on && u->job)
		job_queue_run(u->job);
}

struct unit *unit_ref(struct unit *u)
{
	u->n_ref++;
	return u;
}

void unit_unref(struct unit *u)
{
	if (u && u->n_ref > 0 && --u->n_ref == 0)
		unit_gc_soon(u);
}

/* ---- memory ---- */

static void forget_pids(struct unit *u)
{
	struct manager *m = u->manager;
	struct unit *owner;
	const void *key;

	for (size_t i = 0; u->n_pids > 0 && map_next(m->pids, &i, &key, (void **) &owner);)
		if (owner == u) {
			map_remove(m->pids, key);
			u->n_pids--;
		}
}

void unit_free(struct unit *u)
{
	struct manager *m = u->manager;

	if (u->job)
		job_free(u->job);
	if (u->nop_job)
		job_free(u->nop_job);
	if (u->ops->done)
		u->ops->done(u);
	u->job_retry_source = source_free(u->job_retry_source);
	list_remove(&u->load_link);
	list_remove(&u->gc_link);
	list_remove(&u->save_link);
	list_remove(&u->stop_unneeded_link);
	list_remove(&u->kill.link);
	list_remove(&u->owed.link);
	forget_pids(u);
	mounts_for_forget(u);
	unit_set_cgroup(u, NULL);
	unit_forget_dynamic_dependencies(u);
	unit_clear_dependencies(u);
	if (map_get(m->units, u->id) == u)
		map_remove(m->units, u->id);
	STRV_FOREACH (a, u->aliases)
		if (map_get(m->units, *a) == u)
			map_remove(m->units, *a);
	if (u->last_active == UNIT_FAILED && m->n_failed > 0)
		m->n_failed--;
	unit_free_retired(u);
	unit_file_free(u->file);
	strv_free(u->aliases);
	free(u->load_error);
	free(u->carry);
	free(u->namespace_group);
	free(u->id);
	free(u);
}
