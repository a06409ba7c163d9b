// SPDX-License-Identifier: Apache-2.0
/*
 * manager.c - the owner of all units and jobs: its birth and end, the turn of the loop
 * (manager_dispatch), who a process belongs to, and the state of the system as a whole.
 */
#include "engine/private.h"

#include "base/fault.h"

/* Starts are cut into slices of this length, so that messages and pings get their turn in between.
 */
#define RUN_BUDGET_USEC (40 * USEC_PER_MSEC)

static int on_dispatch(struct source *s _unused_, void *userdata)
{
	manager_dispatch(userdata);
	return 0;
}

static void init_queues(struct manager *m)
{
	struct list *queues[] = {&m->load_queue,
	                         &m->run_queue,
	                         &m->gc_queue,
	                         &m->save_queue,
	                         &m->stop_unneeded_queue,
	                         &m->order_queue,
	                         &m->kill_due,
	                         &m->unarmed,
	                         &m->owed};

	for (size_t i = 0; i < ELEMENTSOF(queues); i++)
		list_init(queues[i]);
}

int manager_new(struct loop *l, const struct unit_ops *const ops[UNIT_TYPE_MAX],
                const struct manager_hooks *hooks, void *userdata, struct manager **ret)
{
	auto_cleanup(manager_free) struct manager *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	init_queues(m);
	m->loop = l;
	m->ops = ops;
	m->hooks = hooks;
	m->userdata = userdata;
	m->runtime_dir = "/run/sysmaster";
	m->started = stamp_now();
	m->units = map_new(MAP_STRING);
	m->jobs = map_new(MAP_POINTER);
	m->pids = map_new(MAP_POINTER);
	m->cgroups = map_new(MAP_STRING);
	if (!m->units || !m->jobs || !m->pids || !m->cgroups)
		return -ENOMEM;
	r = watch_hub_new(l, &m->watch);
	if (r >= 0)
		r = loop_add_defer(l, "dispatch", on_dispatch, m, &m->dispatch_source);
	if (r < 0)
		return r;
	source_set_priority(m->dispatch_source, 100);
	r = owed_setup(m);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(m);
	return 0;
}

static void free_units(struct manager *m)
{
	struct unit *u;
	size_t i;

	/* Merged units are in no map, only in the queue of the garbage collector. */
	while ((u = LIST_FIRST(&m->gc_queue, struct unit, gc_link))) {
		list_remove(&u->gc_link);
		u->in_gc_queue = false;
		if (u->load_state == LOAD_MERGED)
			unit_free(u);
	}
	while (map_size(m->units) > 0) {
		i = 0;
		if (!map_next(m->units, &i, NULL, (void **) &u))
			return;
		unit_free(u);
	}
}

struct manager *manager_free(struct manager *m)
{
	if (!m)
		return NULL;
	m->hooks = NULL;
	for (int t = 0; m->ops && t < UNIT_TYPE_MAX; t++)
		if (m->ops[t] && m->ops[t]->shutdown)
			m->ops[t]->shutdown(m);
	if (m->units)
		free_units(m);
	mounts_for_done(m);
	source_free(m->dispatch_source);
	source_free(m->kill_timer);
	source_free(m->arm_timer);
	source_free(m->owed_timer);
	watch_hub_free(m->watch);
	unit_index_free(m->index);
	install_links_free(m->links);
	install_presets_free(m->presets);
	unit_context_done(&m->context);
	unit_paths_done(&m->paths);
	strv_free(m->environment);
	map_free(m->units);
	map_free(m->jobs);
	map_free(m->pids);
	map_free(m->cgroups);
	free(m);
	return NULL;
}

int manager_read_index(struct manager *m)
{
	struct unit_context context = {0};
	struct unit_paths paths = {0};
	struct unit_index *index = NULL;
	int r;

	r = unit_paths_init(&paths, m->root);
	if (r < 0)
		return r;
	r = unit_context_init(&context);
	if (r >= 0)
		r = unit_index_new(&paths, &index);
	if (r < 0) {
		unit_context_done(&context);
		unit_paths_done(&paths);
		return r;
	}
	unit_index_free(m->index);
	unit_context_done(&m->context);
	unit_paths_done(&m->paths);
	m->index = index;
	m->context = context;
	m->paths = paths;
	m->links = install_links_free(m->links);
	m->presets = install_presets_free(m->presets);
	return 0;
}

/* Units that are there as long as the system is. Their types make them active when they are
 * coldplugged. */
static int add_perpetual_units(struct manager *m)
{
	static const char *const names[] = {"-.slice", "system.slice", "init.scope", "-.mount"};
	struct unit *u;
	int r;

	for (size_t i = 0; i < ELEMENTSOF(names); i++) {
		if (!m->ops[unit_name_type(names[i])])
			continue;
		r = unit_get_or_stub(m, names[i], &u);
		if (r < 0)
			return r;
		u->perpetual = true;
	}
	return 0;
}

int manager_enumerate(struct manager *m)
{
	int r;

	r = add_perpetual_units(m);
	if (r < 0)
		return r;
	manager_load_queued(m);
	for (int t = 0; t < UNIT_TYPE_MAX; t++) {
		if (!m->ops[t] || !m->ops[t]->enumerate)
			continue;
		r = m->ops[t]->enumerate(m);
		if (r < 0)
			log_warning_errno(r, "Failed to find out what %s units exist: %m",
			                  unit_type_to_string(t));
	}
	manager_load_queued(m);
	m->units_loaded = stamp_now();
	return 0;
}

static int coldplug_unit(struct unit *u)
{
	int r;

	if (u->coldplugged || u->load_state == LOAD_MERGED || u->load_state == LOAD_STUB)
		return 0;
	u->coldplugged = true;
	r = u->ops->coldplug ? u->ops->coldplug(u) : 0;
	if (r < 0)
		log_unit_errno(LOG_WARNING, u->id, r, "Failed to take %s over as it was: %m",
		               u->id);
	return 1;
}

/*
 * A core that died between a change and what follows from it left a unit that is up without what it is bound to, or, between the
 * end of a job and the news of it, a socket that waits for a service which nobody starts.
 */
static void recheck_restored(struct unit *u)
{
	if (!u->deserialized)
		return;
	u->untold = state_is_down(unit_active_state(u)) &&
	            unit_n_neighbours(u, DEPENDENCY_BIT(DEP_TRIGGERED_BY)) > 0;
	unit_recheck_soon(u);
}

int manager_coldplug(struct manager *m)
{
	auto_free struct unit **v = NULL;
	size_t n = 0, i = 0;
	struct unit *u;
	const void *key;

	manager_load_queued(m);
	/* A copy: coldplug may load units. */
	v = calloc(map_size(m->units) + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	while (map_next(m->units, &i, &key, (void **) &u))
		if (streq(key, u->id))
			v[n++] = u;
	for (i = 0; i < n; i++)
		coldplug_unit(v[i]);
	for (i = 0; i < n; i++)
		recheck_restored(v[i]);
	return 0;
}

/* ---- whose process is it ---- */

struct unit *manager_unit_by_cgroup(const struct manager *m, const char *cgroup)
{
	auto_free char *p = strdup(cgroup);
	struct unit *u;
	char *slash;

	if (!p)
		return NULL;
	for (;;) {
		u = map_get(m->cgroups, *p ? p : "/");
		if (u || !*p)
			return u;
		slash = strrchr(p, '/');
		if (!slash)
			return NULL;
		*slash = 0;
	}
}

struct unit *manager_unit_by_pid(const struct manager *m, pid_t pid)
{
	auto_free char *cgroup = NULL;
	struct unit *u = map_get(m->pids, map_pid_key(pid));

	if (u)
		return u;
	if (cgroupfs_of_pid(pid, &cgroup) < 0)
		return NULL;
	return manager_unit_by_cgroup(m, cgroup);
}

void manager_process_exited(struct manager *m, const struct process_exit *e)
{
	struct unit *u = map_get(m->pids, map_pid_key(e->pid));

	if (u)
		unit_unwatch_pid(u, e->pid);
	else if (e->cgroup)
		u = manager_unit_by_cgroup(m, e->cgroup);
	if (u && u->ops->on_exit)
		u->ops->on_exit(u, e);
	manager_kick(m);
}

/* ---- the whole ---- */

static bool unit_is_coming_or_up(const struct manager *m, const char *name)
{
	struct unit *u = manager_get_unit(m, name);

	if (!u)
		return false;
	return unit_is_active_or_activating(u) ||
	       (u->job && (u->job->type == JOB_START || u->job->type == JOB_RESTART));
}

const char *manager_state(const struct manager *m)
{
	struct unit *basic;

	if (m->is_stopping || unit_is_coming_or_up(m, "shutdown.target"))
		return "stopping";
	if (!stamp_is_set(&m->finished)) {
		basic = manager_get_unit(m, "basic.target");
		return basic && state_is_up(unit_active_state(basic)) ? "starting" : "initializing";
	}
	if (unit_is_coming_or_up(m, "rescue.target") || unit_is_coming_or_up(m, "emergency.target"))
		return "maintenance";
	return m->n_failed > 0 ? "degraded" : "running";
}

void manager_check_finished(struct manager *m)
{
	if (stamp_is_set(&m->finished) || m->boot_job_id == 0 || map_size(m->jobs) > 0)
		return;
	m->finished = stamp_now();
	if (m->hooks && m->hooks->boot_finished)
		m->hooks->boot_finished(m->userdata);
}

/* ---- the turn ---- */

void manager_kick(struct manager *m)
{
	if (m->dispatch_source && !m->in_dispatch)
		source_set_state(m->dispatch_source, SOURCE_ONESHOT);
}

void manager_save(struct manager *m)
{
	struct unit *u;

	/* Records of the core before us are still to be read: nothing may be written over them. */
	if (m->is_reloading)
		return;
	while ((u = LIST_FIRST(&m->save_queue, struct unit, save_link))) {
		list_remove(&u->save_link);
		if (m->hooks && m->hooks->unit_save)
			m->hooks->unit_save(u, m->userdata);
		u->in_save_queue = false;
		loop_beat(m->loop);
	}
	if (m->hooks && m->hooks->turn_end)
		m->hooks->turn_end(m->userdata);
	FAULT_POINT("turn.end.after");
}

void manager_dispatch(struct manager *m)
{
	if (m->in_dispatch)
		return;
	m->in_dispatch = true;
	manager_load_queued(m);
	manager_run_queued(m, RUN_BUDGET_USEC);
	if (list_is_empty(&m->run_queue)) {
		manager_recheck_queued(m);
		manager_gc_queued(m);
	}
	manager_check_finished(m);
	FAULT_POINT("turn.end.before");
	manager_save(m);
	m->in_dispatch = false;
	if (!list_is_empty(&m->load_queue) || !list_is_empty(&m->run_queue) ||
	    !list_is_empty(&m->gc_queue) || !list_is_empty(&m->save_queue) ||
	    !list_is_empty(&m->stop_unneeded_queue))
		manager_kick(m);
}

int manager_install_state(struct manager *m, const char *name, enum unit_file_state *ret)
{
	int r;

	if (m->links && install_links_are_stale(m->links))
		m->links = install_links_free(m->links);
	r = m->links ? 0 : install_links_new(&m->paths, &m->links);
	return r < 0 ? r : install_state_of(&m->paths, m->links, name, ret);
}

int manager_preset(struct manager *m, const char *name)
{
	int r = m->presets ? 0 : install_presets_new(&m->paths, &m->presets);

	return r < 0 ? r : install_presets_query(m->presets, name);
}
