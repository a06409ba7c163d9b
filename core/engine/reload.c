// SPDX-License-Identifier: Apache-2.0
/*
 * reload.c - reading all unit files again, as a plan first. The plan compares what is on disk with
 * what was loaded: the identity of each file, which files there are, and what .wants folders say.
 * Nothing is stopped or started by it.
 *
 * Then units that changed get their new settings; what runs keeps running, and the old settings
 * stay until it ends, since a command list may be in use. Edges of the graph are cheap and depend
 * on each other, so they are all dropped and built again, whoever changed.
 */
#include "engine/private.h"

/* One unit that is in memory, and what the new files say of it. */
struct fresh {
	struct unit *unit;
	struct unit_file *file;
	bool changed;
};

struct reload {
	struct manager *manager;
	struct unit_paths paths;
	struct unit_context context;
	struct unit_index *index;
	struct fresh *items;
	size_t n_items;
	bool new_defaults; /* DefaultLimitNOFILE= and its like: every unit that comes from files has other settings */
	bool applied;
};

void reload_plan_done(struct reload_plan *p)
{
	p->added = strv_free(p->added);
	p->changed = strv_free(p->changed);
	p->removed = strv_free(p->removed);
}

static void reload_done(struct reload *r)
{
	for (size_t i = 0; i < r->n_items; i++)
		unit_file_free(r->items[i].file);
	free(r->items);
	unit_index_free(r->index);
	if (!r->applied) {
		unit_context_done(&r->context);
		unit_paths_done(&r->paths);
	}
}

static bool identity_equal(const struct file_identity *a, const struct file_identity *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->mtime.tv_sec == b->mtime.tv_sec && a->mtime.tv_nsec == b->mtime.tv_nsec;
}

static bool file_equal(const struct unit_file *a, const struct unit_file *b)
{
	if (a->load_state != b->load_state || !streq_ptr(a->fragment_path, b->fragment_path) ||
	    !strv_equal(a->dropin_paths, b->dropin_paths) || a->n_identities != b->n_identities)
		return false;
	for (size_t i = 0; i < a->n_identities; i++)
		if (!identity_equal(&a->identities[i], &b->identities[i]))
			return false;
	/* Folders can change what no file says. */
	for (int d = 0; d < DEP_MAX; d++)
		if (!strv_equal(a->unit.dependencies[d], b->unit.dependencies[d]))
			return false;
	return true;
}

/* Units whose settings are not from files, and stay as they are. */
static bool is_from_memory(const struct unit *u, const struct unit_file *fresh)
{
	return fresh->load_state == LOAD_NOT_FOUND && !u->file->fragment_path &&
	       u->load_state == LOAD_LOADED;
}

static int read_unit(struct reload *r, struct unit *u, struct diag *d)
{
	struct fresh *f = &r->items[r->n_items];
	int k;

	k = unit_file_load(r->index, &r->context, u->id, d, &f->file);
	if (k == -ENOMEM)
		return k;
	f->unit = u;
	r->n_items++;
	/* A file that cannot be read says nothing: the unit keeps what it has, and its edges. Without its
	 * settings one that runs could not even be stopped in the right way. */
	if (k < 0 || (f->file->load_state == LOAD_ERROR && u->load_state == LOAD_LOADED)) {
		diag_add(d, k < 0 ? k : -EIO, DIAG_WARNING, u->file->fragment_path, 0,
		         "%s keeps its settings, its files cannot be read", u->id);
		return 0;
	}
	f->changed =
		!is_from_memory(u, f->file) && (r->new_defaults || !file_equal(u->file, f->file));
	return 0;
}

static int reload_read(struct reload *r, struct diag *d)
{
	struct manager *m = r->manager;
	struct unit *u;
	const void *key;
	int k;

	k = unit_paths_init(&r->paths, m->root);
	if (k >= 0)
		k = unit_context_init(&r->context);
	if (k >= 0)
		k = unit_index_new(&r->paths, &r->index);
	if (k < 0)
		return k;
	r->new_defaults = !unit_context_same_defaults(&m->context, &r->context);
	r->items = calloc(map_size(m->units) + 1, sizeof(*r->items));
	if (!r->items)
		return -ENOMEM;
	for (size_t i = 0; map_next(m->units, &i, &key, (void **) &u);) {
		if (!streq(key, u->id) || !u->file || u->load_state == LOAD_STUB)
			continue;
		k = read_unit(r, u, d);
		if (k < 0)
			return k;
		loop_beat(m->loop);
	}
	return 0;
}

/* Sorted names of @a that are not in @b. */
static int names_missing(char *const *a, char *const *b, char ***ret)
{
	auto_cleanup(map_free) struct map *have = map_new(MAP_STRING);
	auto_strv char **v = NULL;
	int r;

	if (!have)
		return -ENOMEM;
	STRV_FOREACH (s, b) {
		r = map_put(have, *s, *s);
		if (r < 0)
			return r;
	}
	STRV_FOREACH (s, a) {
		if (map_has(have, *s))
			continue;
		r = strv_append(&v, *s);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(v);
	return 0;
}

static int make_plan(const struct reload *r, struct reload_plan *ret)
{
	auto_strv char **old = NULL, **new = NULL;
	struct reload_plan p = {0};
	int k = 0;

	if (r->manager->index)
		k = unit_index_names(r->manager->index, &old);
	if (k >= 0)
		k = unit_index_names(r->index, &new);
	if (k >= 0)
		k = names_missing(new, old, &p.added);
	if (k >= 0)
		k = names_missing(old, new, &p.removed);
	for (size_t i = 0; i < r->n_items && k >= 0; i++) {
		const char *id = r->items[i].unit->id;

		if (r->items[i].changed && !strv_contains(p.added, id) &&
		    !strv_contains(p.removed, id))
			k = strv_append(&p.changed, id);
	}
	if (k < 0) {
		reload_plan_done(&p);
		return k;
	}
	strv_sort_unique(p.changed);
	*ret = p;
	return 0;
}

int manager_reload_plan(struct manager *m, struct reload_plan *ret, struct diag *d)
{
	struct reload r = {.manager = m};
	int k;

	k = reload_read(&r, d);
	if (k >= 0)
		k = make_plan(&r, ret);
	reload_done(&r);
	return k;
}

/* ---- applying it ---- */

/* Its name is another unit's now: a dead unit is loaded from scratch and merged, one that runs
 * keeps what it has. */
static bool became_alias(struct fresh *f)
{
	struct unit *u = f->unit;

	if (!f->file->id || streq(f->file->id, u->id))
		return false;
	if (state_is_down(unit_active_state(u)) && !u->job && !u->perpetual) {
		u->file = unit_file_free(u->file);
		u->load_state = LOAD_STUB;
		unit_queue_load(u);
	}
	return true;
}

static void give_settings(struct fresh *f)
{
	struct unit *u = f->unit, *owner;

	if (became_alias(f))
		return;
	(void) unit_adopt_names(u, f->file, &owner);
	if (u->ops->settings_change)
		u->ops->settings_change(u, f->file);
	unit_retire_file(u, TAKE_PTR(f->file));
	u->stale = false;
	u->load_state = u->file->load_state;
	if (u->load_state == LOAD_NOT_FOUND &&
	    (u->ops->type == UNIT_SLICE || u->ops->type == UNIT_DEVICE || u->perpetual))
		u->load_state = LOAD_LOADED;
	free(u->load_error);
	u->load_error = NULL;
}

static void rebuild(struct unit *u, struct diag *d)
{
	int k;

	if (u->load_state != LOAD_LOADED)
		return;
	k = unit_build(u, d);
	if (k < 0) {
		u->load_state = k == -ENOEXEC ? LOAD_BAD_SETTING : LOAD_ERROR;
		diag_add(d, k, DIAG_WARNING, u->file->fragment_path, 0, "%s: %s", u->id,
		         strerror(-k));
	}
	list_remove(&u->load_link);
	list_append(&u->manager->order_queue, &u->load_link);
}

/* From here on nothing fails as a whole: a unit that cannot have its edges says so and stays. */
static void reload_apply(struct reload *r, struct diag *d)
{
	struct manager *m = r->manager;

	unit_index_free(m->index);
	unit_context_done(&m->context);
	unit_paths_done(&m->paths);
	m->index = TAKE_PTR(r->index);
	m->context = r->context;
	m->paths = r->paths;
	m->links = install_links_free(m->links);
	r->applied = true;
	for (size_t i = 0; i < r->n_items; i++)
		if (r->items[i].changed)
			give_settings(&r->items[i]);
	for (size_t i = 0; i < r->n_items; i++) {
		unit_clear_dependencies(r->items[i].unit);
		mounts_for_forget(r->items[i].unit);
	}
	m->load_depth++;
	for (size_t i = 0; i < r->n_items; i++) {
		rebuild(r->items[i].unit, d);
		loop_beat(m->loop);
	}
	m->load_depth--;
	for (size_t i = 0; i < r->n_items; i++)
		if (unit_readd_dynamic_dependencies(r->items[i].unit) < 0)
			diag_add(d, -ENOMEM, DIAG_WARNING, NULL, 0,
			         "Out of memory for dependencies of %s", r->items[i].unit->id);
	manager_load_queued(m);
	manager_order_queued(m);
	for (size_t i = 0; i < r->n_items; i++) {
		unit_gc_soon(r->items[i].unit);
		unit_recheck_soon(r->items[i].unit);
	}
}

int manager_reload(struct manager *m, struct reload_plan *ret, struct diag *d)
{
	struct reload r = {.manager = m};
	struct reload_plan p = {0};
	int k;

	manager_load_queued(m);
	k = reload_read(&r, d);
	if (k >= 0)
		k = make_plan(&r, &p);
	if (k >= 0)
		reload_apply(&r, d);
	reload_done(&r);
	if (k < 0)
		return k;
	if (ret)
		*ret = p;
	else
		reload_plan_done(&p);
	return 0;
}
