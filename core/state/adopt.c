// SPDX-License-Identifier: Apache-2.0
/*
 * Adoption without a record: the tree of cgroups says what runs. A populated cgroup with the name of a service, scope,
 * mount, swap or socket becomes that unit; what the type has to believe is put into a record as it would have written it:
 *
 *	adopted=1  u.cgroup=PATH  u.active=active  main-pid=PID START
 *
 * The main process is the oldest one whose parent is init, else the oldest of all.
 */
#include "state/state-internal.h"

#include "base/fault.h"

#include "cgroup/cgroup.h"

#include <stdio.h>

#define ADOPT_DEPTH_MAX 16
#define ADOPT_PIDS_MAX  256

static bool type_has_processes(int type)
{
	return type == UNIT_SERVICE || type == UNIT_SCOPE || type == UNIT_SOCKET ||
	       type == UNIT_MOUNT || type == UNIT_SWAP;
}

/* Parent of @pid, 0 if unknown. */
static pid_t parent_of(pid_t pid)
{
	auto_free char *text = NULL;
	char path[32];
	const char *p;
	int parent = 0;

	(void) snprintf(path, sizeof(path), "/proc/%d/stat", (int) pid);
	if (file_read(path, &text, NULL) < 0)
		return 0;
	p = strrchr(text, ')');
	return p && sscanf(p + 1, " %*c %d", &parent) == 1 ? parent : 0;
}

static void find_main(const struct unit *u, struct pidref *ret)
{
	pid_t pids[ADOPT_PIDS_MAX], init = getppid();
	int n = cgroup_pids(u, pids, ELEMENTSOF(pids));
	bool best_is_child = false;

	*ret = PIDREF_NULL;
	for (int i = 0; i < n; i++) {
		bool is_child = parent_of(pids[i]) == init;
		uint64_t start;

		if (pid_start_time(pids[i], &start) < 0 || (best_is_child && !is_child))
			continue;
		if (ret->pid > 0 && is_child == best_is_child && start >= ret->start_time)
			continue;
		ret->pid = pids[i];
		ret->start_time = start;
		best_is_child = is_child;
	}
}

static int adopt_unit(struct state *t, const char *name, const char *cgroup, bool all,
                      struct diag *d)
{
	auto_strbuf struct strbuf b = {.max = RECORD_SIZE_MAX};
	struct record *record = NULL;
	struct pidref main = PIDREF_NULL;
	struct unit *u;
	int r;

	r = manager_load_unit(t->manager, name, d, &u);
	if (r < 0)
		return r;
	if (u->deserialized && (!cgroup || u->cgroup))
		return 0;
	/* The cgroup is in the record before anything is started in it: this one is older than what
	 * runs. */
	if (u->deserialized)
		log_unit(LOG_WARNING, u->id,
		         "%s has processes, though its record says that it is %s", u->id,
		         unit_sub_state(u));
	else if (unit_is_active_or_activating(u) || (!all && u->load_state != LOAD_LOADED))
		return 0;
	if (cgroup) {
		/* The pids are those of this cgroup. */
		r = unit_set_cgroup(u, cgroup);
		if (r < 0)
			return r;
		find_main(u, &main);
	}
	record_begin(&b);
	record_add_bool(&b, "adopted", true);
	record_add(&b, "u.cgroup", cgroup);
	record_add(&b, "u.active", unit_active_state_to_string(UNIT_ACTIVE));
	if (pidref_is_set(&main))
		record_add_pid(&b, "main-pid", &main);
	r = b.error < 0 ? b.error : record_parse(b.data, b.size, &record);
	if (r < 0)
		return r;
	r = unit_restore(u, record);
	record_free(record);
	if (r < 0)
		return r;
	/* It may have been loaded and looked at before, as another unit's dependency, with nothing to go by. */
	u->coldplugged = false;
	if (u->cgroup)
		(void) cgroup_adopt(u);
	FAULT_POINT("adopt.unit.after");
	return 1;
}

/* One whose unit ended, or was about to begin, when the record was lost. */
static void remove_empty(struct state *t, const char *name, const char *cgroup)
{
	const struct unit *u = manager_get_unit(t->manager, name);
	int r;

	if (u && u->cgroup)
		return;
	r = cgroupfs_remove(cgroup);
	if (r < 0)
		log_debug_errno(r, "Cannot remove the empty cgroup '%s': %m", cgroup);
}

/* Walks slices; a unit's own children are its business (Delegate=). */
static int adopt_tree(struct state *t, const char *cgroup, bool all, unsigned depth, struct diag *d)
{
	auto_free char *path = cgroupfs_path(cgroup, NULL);
	auto_strv char **names = NULL;
	int n = 0, r;

	if (!path || depth > ADOPT_DEPTH_MAX)
		return 0;
	r = dir_list(path, &names);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	STRV_FOREACH (name, names) {
		auto_free char *child = path_join(cgroup, *name);
		int type = unit_name_is_valid(*name, UNIT_NAME_PLAIN | UNIT_NAME_INSTANCE)
		                   ? unit_name_type(*name)
		                   : -EINVAL;

		if (!child)
			return -ENOMEM;
		if (type == UNIT_SLICE) {
			r = adopt_tree(t, child, all, depth + 1, d);
			if (r < 0)
				return r;
			n += r;
			continue;
		}
		if (!type_has_processes(type) || streq(*name, "init.scope"))
			continue;
		/* A record knows of it. */
		if (map_get(t->manager->cgroups, child))
			continue;
		r = cgroupfs_is_populated(child);
		if (r == 0)
			remove_empty(t, *name, child);
		if (r <= 0)
			continue;
		r = adopt_unit(t, *name, child, all, d);
		if (r == -ENOMEM)
			return r;
		if (r < 0)
			diag_add(d, r, DIAG_WARNING, *name, 0, "Cannot be adopted: %s",
			         strerror(-r));
		else
			n += r;
	}
	return n;
}

/* Units that seldom have processes, and that the kernel keeps as long as the vault holds what is theirs:
 * "socket/UNIT/PORT" listens, and at "automount/UNIT" somebody may wait. */
static int adopt_kept(struct state *t, const char *prefix, enum unit_type type, struct diag *d)
{
	auto_strv char **kept = NULL;
	int n = 0, r;

	r = t->link ? link_vault_names(t->link, prefix, &kept) : 0;
	if (r < 0)
		return r;
	STRV_FOREACH (item, kept) {
		const char *name = str_after(*item, prefix);
		auto_free char *id = strndup(name, strcspn(name, "/"));

		if (!id)
			return -ENOMEM;
		if (!unit_name_is_valid(id, UNIT_NAME_PLAIN | UNIT_NAME_INSTANCE) ||
		    unit_name_type(id) != (int) type)
			continue;
		r = adopt_unit(t, id, NULL, true, d);
		if (r == -ENOMEM)
			return r;
		if (r < 0)
			diag_add(d, r, DIAG_WARNING, id, 0, "Cannot be adopted: %s", strerror(-r));
		else
			n += r;
	}
	return n;
}

int state_adopt_cgroups(struct state *t, bool all, struct diag *d)
{
	int n = 0, sockets = 0, points = 0, r;

	if (!t->manager->no_cgroup)
		n = adopt_tree(t, cgroup_root(t->manager), all, 0, d);
	if (all) {
		sockets = adopt_kept(t, "socket/", UNIT_SOCKET, d);
		points = adopt_kept(t, "automount/", UNIT_AUTOMOUNT, d);
	}
	r = manager_coldplug(t->manager);
	if (n < 0 || sockets < 0 || points < 0)
		return MIN(n, MIN(sockets, points));
	return r < 0 ? r : n + sockets + points;
}
