// SPDX-License-Identifier: Apache-2.0
#include "cgroup/filter.h"

#include "base/fault.h"

#include <sys/xattr.h>
#include <unistd.h>

/* ---- setting up ---- */

/* Our own cgroup without "/init.scope": on a machine "/", in a container what it was given. @ret_there: we are in init.scope. */
static int find_root(char **ret, bool *ret_there)
{
	auto_free char *own = NULL;
	char *end;
	int r;

	r = cgroupfs_of_pid(0, &own);
	if (r < 0)
		return r;
	end = str_ends_with(own, "/init.scope") ? strrchr(own, '/') : NULL;
	*ret_there = end != NULL;
	if (end)
		*end = 0;
	*ret = *own ? TAKE_PTR(own) : strdup("/");
	return *ret ? 0 : -ENOMEM;
}

/* Processes in the root would forbid controllers below it (anywhere but in the real root), so init
 * and core have a place of their own. */
static int enter_init_scope(struct cgroup_manager *cm)
{
	auto_free char *scope = path_join(cm->root, "init.scope"), *of_init = NULL;
	int r;

	if (!scope)
		return -ENOMEM;
	r = cgroupfs_create(scope);
	if (r < 0)
		return r;
	r = cgroupfs_attach(scope, getpid());
	if (r < 0)
		return r;
	/* A parent that is not where we were is not our init. */
	if (getppid() > 0 && cgroupfs_of_pid(getppid(), &of_init) >= 0 && streq(of_init, cm->root))
		r = cgroupfs_attach(scope, getppid());
	return r;
}

static int manager_init(struct manager *m)
{
	struct cgroup_manager *cm = m->cgroup_data;
	auto_free char *controllers = NULL;
	bool there = false;
	uint64_t own_max;
	int r;

	cm->enabled = map_new(MAP_STRING | MAP_OWN_KEYS);
	if (!cm->enabled)
		return -ENOMEM;
	r = find_root(&cm->root, &there);
	/* A core is born where init is. To move there again would make the kernel wait for a grace period, and all who wait for core. */
	if (r >= 0 && !there)
		r = enter_init_scope(cm);
	if (r >= 0)
		r = cgroupfs_read(cm->root, "cgroup.controllers", &controllers);
	if (r < 0)
		return r;
	cm->supported = cgroup_mask_parse(controllers);
	cm->ram_bytes = (uint64_t) sysconf(_SC_PHYS_PAGES) * (uint64_t) sysconf(_SC_PAGESIZE);
	if (cgroupfs_read_u64(cm->root, "memory.max", &own_max) >= 0)
		cm->ram_bytes = MIN(cm->ram_bytes, own_max);
	cm->tasks_limit = cgroup_tasks_limit();
	return cgroup_events_setup(m);
}

int cgroup_setup(struct manager *m)
{
	struct cgroup_manager *cm = calloc(1, sizeof(*cm));
	int r;

	if (!cm)
		return -ENOMEM;
	cm->manager = m;
	m->cgroup_data = cm;
	r = manager_init(m);
	if (r == -ENOMEM) {
		cgroup_shutdown(m);
		return r;
	}
	if (r < 0) {
		cgroup_shutdown(m);
		m->no_cgroup = true;
		log_warning_errno(r, "No writable cgroup v2 tree, going on without: %m");
	}
	return 0;
}

void cgroup_shutdown(struct manager *m)
{
	struct cgroup_manager *cm = cgroup_manager_of(m);
	struct unit *u;

	if (!cm)
		return;
	MAP_FOREACH (u, m->units)
		cgroup_forget(u);
	cgroup_events_shutdown(m);
	map_free(cm->enabled);
	free(cm->root);
	free(cm);
	m->cgroup_data = NULL;
}

const char *cgroup_root(const struct manager *m)
{
	const struct cgroup_manager *cm = cgroup_manager_of(m);

	return cm && cm->root ? cm->root : "/";
}

/* ---- paths ---- */

/* "a-b.slice" is /a.slice/a-b.slice. */
static int slice_path(const struct manager *m, const char *slice, char **ret)
{
	auto_free char *parent = NULL, *above = NULL;
	int r;

	if (streq(slice, "-.slice")) {
		*ret = strdup(cgroup_root(m));
		return *ret ? 0 : -ENOMEM;
	}
	r = slice_parent(slice, &parent);
	if (r >= 0)
		r = slice_path(m, parent ?: "-.slice", &above);
	if (r < 0)
		return r;
	*ret = path_join(above, slice);
	return *ret ? 0 : -ENOMEM;
}

int cgroup_path_for(const struct unit *u, char **ret)
{
	const struct cgroup_settings *s = u->file ? u->file->cgroup : NULL;
	const struct unit *slice = unit_slice(u);
	auto_free char *above = NULL;
	int r = -ENOMEM;

	if (u->ops->type == UNIT_SLICE)
		return slice_path(u->manager, u->id, ret);
	if (!s) {
		*ret = NULL;
		return 0;
	}
	if (streq(u->id, "init.scope"))
		above = strdup(cgroup_root(u->manager));
	else
		r = slice_path(u->manager, slice ? slice->id : s->slice ?: "system.slice", &above);
	if (!above)
		return r;
	*ret = path_join(above, u->id);
	return *ret ? 0 : -ENOMEM;
}

/* ---- life of one cgroup ---- */

static struct cgroup_unit *unit_data(struct unit *u)
{
	struct cgroup_unit *cu = u->cgroup_data;

	if (!cu && (cu = calloc(1, sizeof(*cu)))) {
		cu->events_watch = cu->memory_watch = -1;
		u->cgroup_data = cu;
	}
	return cu;
}

static int realize_slices(struct unit *u)
{
	struct unit *slice = unit_slice(u);

	return slice ? cgroup_realize(slice) : 0;
}

/* Without a mark it is a cgroup all the same: user.* needs Linux 5.7, trusted.* more than a container has. So it is said once. */
static void mark(const char *path, const char *name, const char *value)
{
	static bool said;

	if (setxattr(path, name, value, strlen(value), 0) >= 0 || said || errno == ENOENT)
		return;
	said = true;
	log_full(LOG_INFO, -errno, NULL, __FILE__, __LINE__,
	         "Cannot set %s of \"%s\", programs that look for it will not find it: %m", name,
	         path);
}

/* What programs ask of their cgroup: may I make others below it (systemd-udevd), and which run is this? */
static void mark_cgroup(const struct unit *u, bool delegated)
{
	static const char *const delegate[] = {"trusted.delegate", "user.delegate"},
				 *const invocation[] = {"trusted.invocation_id",
	                                                "user.invocation_id"};
	auto_free char *path = cgroupfs_path(u->cgroup, NULL);
	char id[ID128_TEXT_MAX];

	if (!path)
		return;
	for (size_t i = 0; i < ELEMENTSOF(delegate); i++)
		if (delegated)
			mark(path, delegate[i], "1");
		else
			(void) removexattr(path, delegate[i]); /* mostly there is none */
	if (id128_is_null(&u->invocation_id))
		return;
	id128_format(&u->invocation_id, id);
	for (size_t i = 0; i < ELEMENTSOF(invocation); i++)
		mark(path, invocation[i], id);
}

int cgroup_realize(struct unit *u)
{
	const struct cgroup_settings *s = u->file ? u->file->cgroup : NULL;
	struct cgroup_unit *cu = u->cgroup_data;
	unsigned wanted, delegated;
	int r, created;

	if (u->manager->no_cgroup || (cu && cu->realized))
		return 0;
	cu = unit_data(u);
	if (!cu)
		return -ENOMEM;
	r = realize_slices(u);
	if (r < 0)
		return r;
	if (!u->cgroup) {
		auto_free char *path = NULL;

		r = cgroup_path_for(u, &path);
		if (r >= 0 && path)
			r = unit_set_cgroup(u, path);
		if (r < 0 || !path)
			return r;
	}
	wanted = cgroup_mask_wanted(s);
	delegated = cgroup_mask_delegated(s);
	/* The controllers first: a cgroup that is born with them need not be changed. A parent that
	 * is no unit is made on the way. */
	r = cgroup_controllers_enable(u->manager, u->cgroup, wanted | delegated);
	FAULT_POINT("cgroup.create.before");
	created = cgroupfs_create(u->cgroup);
	FAULT_POINT("cgroup.create.after");
	if (created < 0)
		return created;
	if (r == -ENOENT)
		r = cgroup_controllers_enable(u->manager, u->cgroup, wanted | delegated);
	/* Limits that cannot be had do not keep a unit from running. */
	if (r < 0)
		log_unit_errno(LOG_WARNING, u->id, r, "Failed to enable cgroup controllers: %m");
	cu->delegated = s && s->delegate;
	cu->realized = true;
	mark_cgroup(u, cu->delegated);
	if (s) {
		(void) cgroup_attributes_write(u, s, false);
		cgroup_filters_apply(u, s, created > 0);
	}
	return cgroup_watch(u, (wanted | delegated) & CGROUP_MASK(CGROUP_MEMORY) &
	                               cgroup_manager_of(u->manager)->supported);
}

static bool has_startup_weight(const struct cgroup_settings *s)
{
	return s && (s->startup_cpu_weight != UINT64_MAX || s->startup_io_weight != UINT64_MAX);
}

int cgroup_adopt(struct unit *u)
{
	const struct cgroup_settings *s = u->file ? u->file->cgroup : NULL;
	auto_free char *path = NULL;
	struct cgroup_unit *cu;
	int r;

	if (u->manager->no_cgroup || !u->cgroup)
		return 0;
	cu = unit_data(u);
	if (!cu)
		return -ENOMEM;
	r = cgroup_watch(u, cgroup_manager_of(u->manager)->supported & CGROUP_MASK(CGROUP_MEMORY));
	if (r < 0)
		return r;
	/* What can be watched is there. */
	if (cu->events_watch < 0) {
		path = cgroupfs_path(u->cgroup, NULL);
		if (!path)
			return -ENOMEM;
		if (access(path, F_OK) < 0) {
			cgroup_forget(u);
			return 0;
		}
	}
	/* Its limits are as they were; what is on in the parents is found out again when something
	 * else is wanted. */
	cu->delegated = s && s->delegate;
	cu->realized = true;
	/* The core before us may have died between the end of the boot and this. */
	if (has_startup_weight(s) && stamp_is_set(&u->manager->finished))
		(void) cgroup_apply(u);
	return 1;
}

int cgroup_apply(struct unit *u)
{
	const struct cgroup_settings *s = u->file ? u->file->cgroup : NULL;
	const struct cgroup_unit *cu = u->cgroup_data;
	unsigned mask;
	int r;

	if (u->manager->no_cgroup || !s || !u->cgroup || !cu || !cu->realized)
		return 0;
	mask = cgroup_mask_wanted(s) | cgroup_mask_delegated(s);
	r = cgroup_controllers_enable(u->manager, u->cgroup, mask);
	if (r < 0)
		return r;
	r = cgroup_attributes_write(u, s, true);
	cgroup_filters_apply(u, s, false);
	return r < 0 ? r : cgroup_watch(u, mask & CGROUP_MASK(CGROUP_MEMORY));
}

void cgroup_startup_finished(struct manager *m)
{
	struct unit *u;

	MAP_FOREACH (u, m->units)
		if (u->file && has_startup_weight(u->file->cgroup))
			(void) cgroup_apply(u);
}

int cgroup_open(struct unit *u, bool control)
{
	const struct cgroup_unit *cu;
	auto_free char *child = NULL;
	int r;

	r = cgroup_realize(u);
	if (r < 0)
		return r;
	if (u->manager->no_cgroup || !u->cgroup)
		return -ENODEV;
	cu = u->cgroup_data;
	/* A delegated cgroup may have controllers on by now, and then no process may live in it
	 * directly. */
	if (!control || !cu->delegated)
		return cgroupfs_open_dir(u->cgroup);
	child = path_join(u->cgroup, ".control");
	if (!child)
		return -ENOMEM;
	r = cgroupfs_create(child);
	return r < 0 ? r : cgroupfs_open_dir(child);
}

/* A unit's cgroup goes with all below it; a slice's only when nobody else is in it. */
static int remove_own(const struct unit *u)
{
	auto_free char *path = NULL;

	if (streq(u->cgroup, cgroup_root(u->manager)))
		return 0;
	path = cgroupfs_path(u->cgroup, NULL);
	if (!path)
		return -ENOMEM;
	if (rmdir(path) >= 0)
		return 0;
	/* Busy: with processes, or with cgroups below it. */
	if (errno != EBUSY || u->ops->type == UNIT_SLICE)
		return -errno;
	if (cgroupfs_is_populated(u->cgroup) > 0)
		return -EBUSY;
	return cgroupfs_remove(u->cgroup);
}

/* Its cgroup is gone. */
static void turn_off_controllers(struct unit *u)
{
	const struct cgroup_settings *s = u->file ? u->file->cgroup : NULL;
	auto_free char *cgroup = strdup(u->cgroup);

	(void) unit_set_cgroup(u, NULL);
	if (cgroup)
		cgroup_controllers_disable(u->manager, cgroup,
		                           cgroup_mask_wanted(s) | cgroup_mask_delegated(s));
}

void cgroup_release(struct unit *u)
{
	struct cgroup_unit *cu = u->cgroup_data;
	int r = 0;

	if (u->cgroup && !u->manager->no_cgroup) {
		if (cu)
			cgroup_unwatch(u);
		FAULT_POINT("cgroup.remove.before");
		r = remove_own(u);
		FAULT_POINT("cgroup.remove.after");
		if (r == -EBUSY) {
			/* Somebody is left: it stays ours, so that the last one's end is heard. */
			if (cu && cu->realized)
				(void) cgroup_watch(u, false);
			return;
		}
		if (r < 0 && r != -ENOENT) {
			/* No memory, say: it is not gone because we cannot remove it. */
			log_unit_errno(LOG_DEBUG, u->id, r, "Failed to remove cgroup \"%s\": %m",
			               u->cgroup);
			cgroup_look_again(u->manager);
			return;
		}
		cgroup_controllers_forget(u->manager, u->cgroup);
		turn_off_controllers(u);
	}
	free(cu);
	u->cgroup_data = NULL;
}

void cgroup_forget(struct unit *u)
{
	if (u->cgroup_data && cgroup_manager_of(u->manager))
		cgroup_unwatch(u);
	free(u->cgroup_data);
	u->cgroup_data = NULL;
}

int cgroup_is_empty(const struct unit *u)
{
	int r;

	if (!u->cgroup || u->manager->no_cgroup)
		return 1;
	r = cgroupfs_is_populated(u->cgroup);
	return r < 0 ? r : r == 0;
}
