// SPDX-License-Identifier: Apache-2.0
/*
 * mounts-for.c - RequiresMountsFor=: a unit that needs a path is after the mount units of all its
 * prefixes, and requires those that somebody wrote a file for. Mount units may appear later, so the
 * table (prefix -> units that need it) is kept.
 */
#include "engine/private.h"

struct mounts_for {
	char *path;
	struct map *units;
};

static int entry_get(struct manager *m, const char *path, struct mounts_for **ret)
{
	struct mounts_for *e = map_get(m->mounts_for, path);

	if (e) {
		*ret = e;
		return 0;
	}
	if (!m->mounts_for)
		m->mounts_for = map_new(MAP_STRING);
	e = calloc(1, sizeof(*e));
	if (!m->mounts_for || !e) {
		free(e);
		return -ENOMEM;
	}
	e->path = strdup(path);
	e->units = map_new(MAP_POINTER);
	if (!e->path || !e->units || map_add(m->mounts_for, e->path, e) < 0) {
		map_free(e->units);
		free(e->path);
		free(e);
		return -ENOMEM;
	}
	*ret = e;
	return 1;
}

static int tie(struct unit *u, struct unit *mount)
{
	int r;

	if (u == mount || mount->load_state != LOAD_LOADED || !mount->file)
		return 0;
	r = unit_add_dependency(u, DEP_AFTER, mount);
	if (r >= 0 && mount->file->fragment_path)
		r = unit_add_dependency(u, DEP_REQUIRES, mount);
	return r;
}

static int need_prefix(struct unit *u, const char *prefix)
{
	auto_free char *name = NULL;
	struct mounts_for *e;
	struct unit *mount;
	int r;

	r = entry_get(u->manager, prefix, &e);
	if (r < 0)
		return r;
	r = map_add(e->units, u, u);
	if (r < 0 && r != -EEXIST)
		return r;
	r = unit_name_from_path(prefix, ".mount", &name);
	if (r < 0)
		return r == -ENOMEM ? r : 0; /* too long to be a unit's name: then there is none */
	/* If it is not loaded yet it will find us in the table when it is. */
	r = unit_get_or_stub(u->manager, name, &mount);
	if (r < 0)
		return r;
	return tie(u, mount);
}

int unit_require_mounts_for(struct unit *u, const char *path)
{
	auto_free char *p = NULL;
	int r;

	if (!path_is_absolute(path))
		return -EINVAL;
	p = strdup(path);
	if (!p)
		return -ENOMEM;
	path_simplify(p);
	r = strv_append_unique(&u->mounts_for, p);
	if (r < 0)
		return r;
	for (;;) {
		char *slash;

		r = need_prefix(u, *p ? p : "/");
		if (r < 0)
			return r;
		if (!*p || streq(p, "/"))
			return 0;
		slash = strrchr(p, '/');
		*slash = 0;
	}
}

void mounts_for_unit_loaded(struct unit *mount)
{
	auto_free char *path = NULL;
	struct mounts_for *e;
	struct unit *u;

	if (mount->ops->type != UNIT_MOUNT || unit_name_to_path(mount->id, &path) < 0)
		return;
	e = map_get(mount->manager->mounts_for, path);
	if (!e)
		return;
	MAP_FOREACH (u, e->units)
		if (tie(u, mount) < 0)
			log_debug("Out of memory for dependencies of %s", u->id);
}

static void forget_prefix(struct manager *m, const char *prefix, struct unit *u)
{
	struct mounts_for *e = map_get(m->mounts_for, prefix);

	if (!e)
		return;
	map_remove(e->units, u);
	if (map_size(e->units) > 0)
		return;
	map_remove(m->mounts_for, e->path);
	map_free(e->units);
	free(e->path);
	free(e);
}

void mounts_for_forget(struct unit *u)
{
	STRV_FOREACH (p, u->mounts_for) {
		for (char *slash; **p && (slash = strrchr(*p, '/'));) {
			forget_prefix(u->manager, *p, u);
			*slash = 0;
		}
		forget_prefix(u->manager, "/", u);
	}
	u->mounts_for = strv_free(u->mounts_for);
}

void mounts_for_done(struct manager *m)
{
	struct mounts_for *e;

	MAP_FOREACH (e, m->mounts_for) {
		map_free(e->units);
		free(e->path);
		free(e);
	}
	m->mounts_for = map_free(m->mounts_for);
}
