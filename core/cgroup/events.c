// SPDX-License-Identifier: Apache-2.0
/*
 * One watcher hears of cgroup.events and memory.events of all units. An event is a hint:
 * what is believed is the file's content at the time it is handled, and the handler runs after
 * those of exits (lower priority), so a type knows its main process's fate first.
 */
#include "cgroup/internal.h"

#define EVENTS_PRIORITY 10 /* as that of watches */
#define AGAIN_USEC      (100 * USEC_PER_MSEC)

static void watch_remove(struct cgroup_manager *cm, int *wd)
{
	if (*wd < 0)
		return;
	(void) map_remove(cm->watches, (const void *) (intptr_t) *wd);
	watcher_remove(&cm->watcher, *wd);
	*wd = -1;
}

static int watch_add(struct cgroup_manager *cm, struct unit *u, const char *attribute, int *ret)
{
	auto_free char *path = cgroupfs_path(u->cgroup, attribute);
	int wd, r;

	if (!path)
		return -ENOMEM;
	wd = watcher_add(&cm->watcher, path, IN_MODIFY);
	if (wd < 0)
		return wd;
	r = map_put(cm->watches, (const void *) (intptr_t) wd, u);
	if (r < 0) {
		watcher_remove(&cm->watcher, wd);
		return r;
	}
	*ret = wd;
	return 0;
}

int cgroup_watch(struct unit *u, bool memory)
{
	struct cgroup_manager *cm = cgroup_manager_of(u->manager);
	struct cgroup_unit *cu = u->cgroup_data;
	int r = 0;

	if (cu->events_watch < 0 && u->ops->on_cgroup_empty)
		r = watch_add(cm, u, "cgroup.events", &cu->events_watch);
	/* The root of the tree has no events. */
	if (r == -ENOENT)
		r = 0;
	if (r >= 0 && memory && u->ops->on_oom && cu->memory_watch < 0) {
		r = watch_add(cm, u, "memory.events", &cu->memory_watch);
		if (r >= 0 &&
		    cgroupfs_read_key(u->cgroup, "memory.events", "oom_kill", &cu->oom_kills) < 0)
			cu->oom_kills = 0;
		/* Turned on by delegation or a sibling, or not at all: both are fine. */
		if (r == -ENOENT)
			r = 0;
	}
	return r;
}

void cgroup_unwatch(struct unit *u)
{
	struct cgroup_manager *cm = cgroup_manager_of(u->manager);
	struct cgroup_unit *cu = u->cgroup_data;

	if (!cm || !cu)
		return;
	watch_remove(cm, &cu->events_watch);
	watch_remove(cm, &cu->memory_watch);
}

static void check_oom(struct unit *u, struct cgroup_unit *cu)
{
	uint64_t kills;

	if (cgroupfs_read_key(u->cgroup, "memory.events", "oom_kill", &kills) < 0 ||
	    kills <= cu->oom_kills)
		return;
	cu->oom_kills = kills;
	log_unit(LOG_NOTICE, u->id, "A process of \"%s\" was killed by the OOM killer", u->id);
	if (u->ops->on_oom)
		u->ops->on_oom(u);
}

static bool is_down(const struct unit *u)
{
	enum unit_active_state s = unit_active_state(u);

	return s == UNIT_INACTIVE || s == UNIT_FAILED;
}

/* The type hears of it first; a unit that had ended before its last process did lets go of its
 * cgroup now. */
static void check_empty(struct unit *u)
{
	int r = u->cgroup ? cgroupfs_is_populated(u->cgroup) : 1;

	if (r < 0)
		cgroup_look_again(u->manager);
	if (r != 0)
		return;
	if (u->ops->on_cgroup_empty)
		u->ops->on_cgroup_empty(u);
	if (!u->cgroup || !is_down(u))
		return;
	cgroup_release(u);
	unit_save_soon(u);
	unit_gc_soon(u);
}

static void on_event(struct watcher *w, int wd, uint32_t mask, _unused_ const char *name)
{
	struct cgroup_manager *cm = container_of(w, struct cgroup_manager, watcher);
	struct unit *u = map_get(cm->watches, (const void *) (intptr_t) wd);
	struct cgroup_unit *cu = u ? u->cgroup_data : NULL;

	if (mask & IN_Q_OVERFLOW)
		cgroup_look_again(cm->manager);
	if (!cu || !u->cgroup)
		return;
	if (mask & IN_IGNORED) {
		(void) map_remove(cm->watches, (const void *) (intptr_t) wd);
		if (cu->events_watch == wd)
			cu->events_watch = -1;
		if (cu->memory_watch == wd)
			cu->memory_watch = -1;
		return;
	}
	if (wd == cu->memory_watch)
		check_oom(u, cu);
	else if (wd == cu->events_watch)
		check_empty(u);
}

static int compare_depth(const void *a, const void *b)
{
	const struct unit *const *x = a, *const *y = b;
	size_t n = strlen((*x)->cgroup), k = strlen((*y)->cgroup);

	return n < k ? 1 : n > k ? -1 : 0;
}

static void check_unit(struct unit *u)
{
	const struct cgroup_unit *seen = u->cgroup_data;
	struct cgroup_unit *cu;

	if (!u->cgroup)
		return;
	/* It could not be watched. */
	if ((!seen || seen->events_watch < 0) && cgroup_adopt(u) < 0)
		cgroup_look_again(u->manager);
	cu = u->cgroup_data;
	if (cu && cu->memory_watch >= 0)
		check_oom(u, cu);
	/* A slice that is up may be empty. */
	if (u->ops->type != UNIT_SLICE || is_down(u))
		check_empty(u);
}

/* Every unit with a cgroup is looked at, or those that should have none. */
static int check_units(struct manager *m, bool down_only)
{
	auto_free struct unit **v = calloc(map_size(m->cgroups) + 1, sizeof(*v));
	struct unit *u;
	size_t n = 0;

	if (!v)
		return -ENOMEM;
	/* A copy: what a unit does next changes the map. Units are freed at the end of a turn. */
	MAP_FOREACH (u, m->cgroups)
		if (!u->perpetual && (!down_only || is_down(u)))
			v[n++] = u;
	/* A slice can go when nothing is left below it. */
	qsort(v, n, sizeof(*v), compare_depth);
	for (size_t i = 0; i < n; i++)
		check_unit(v[i]);
	return 0;
}

void cgroup_look_again(struct manager *m)
{
	struct cgroup_manager *cm = cgroup_manager_of(m);
	usec_t at = usec_add(now(CLOCK_BOOTTIME), AGAIN_USEC);

	/* Not later than it is due: who asks all the time would put it off for ever. */
	if (cm && cm->again &&
	    (source_get_state(cm->again) == SOURCE_OFF || source_get_time(cm->again) > at))
		(void) source_set_time(cm->again, at);
}

void cgroup_taken_over(struct manager *m)
{
	if (!cgroup_manager_of(m))
		return;
	/* All are looked at again soon, so what does not work here costs a moment. */
	cgroup_look_again(m);
	if (check_units(m, true) < 0)
		log_warning(
			"Out of memory for a look at what was emptied meanwhile, it comes later");
}

static int on_again(_unused_ struct source *s, _unused_ usec_t deadline, void *userdata)
{
	struct manager *m = userdata;

	if (check_units(m, false) < 0)
		cgroup_look_again(m);
	return 0;
}

int cgroup_events_setup(struct manager *m)
{
	struct cgroup_manager *cm = cgroup_manager_of(m);
	int r;

	cm->watches = map_new(MAP_POINTER);
	if (!cm->watches)
		return -ENOMEM;
	cm->watcher.on_event = on_event;
	watcher_init(&cm->watcher, m->watch);
	r = loop_add_time(m->loop, CLOCK_BOOTTIME, USEC_INFINITY, TIMER_EXACT, "cgroups again",
	                  on_again, m, &cm->again);
	if (r < 0)
		return r;
	source_set_priority(cm->again, EVENTS_PRIORITY);
	return r;
}

void cgroup_events_shutdown(struct manager *m)
{
	struct cgroup_manager *cm = cgroup_manager_of(m);

	cm->again = source_free(cm->again);
	watcher_clear(&cm->watcher);
	cm->watches = map_free(cm->watches);
}
