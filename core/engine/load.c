// SPDX-License-Identifier: Apache-2.0
/*
 * load.c - from a name to a loaded unit. A name that somebody mentions becomes a stub in the load
 * queue; the queue is worked off until it is empty, since each unit that is loaded mentions others.
 * A file that turns out to be another unit's (an alias) merges the stub into that unit; the stub
 * stays as LOAD_MERGED until the garbage collector comes, since callers may still look at it.
 */
#include "engine/private.h"

struct unit_retired {
	struct unit_retired *next;
	struct unit_file *file;
};

struct unit *unit_follow(struct unit *u)
{
	while (u && u->load_state == LOAD_MERGED && u->merged_into)
		u = u->merged_into;
	return u;
}

int unit_new(struct manager *m, const char *name, struct unit **ret)
{
	int type = unit_name_type(name), r;
	const struct unit_ops *ops;
	struct unit *u;

	if (type < 0 || !unit_name_is_valid(name, UNIT_NAME_PLAIN | UNIT_NAME_INSTANCE))
		return -EINVAL;
	ops = m->ops[type];
	if (!ops)
		return -EOPNOTSUPP;
	if (map_size(m->units) >= ENGINE_UNITS_MAX)
		return -E2BIG;
	u = calloc(1, ops->object_size);
	if (!u)
		return -ENOMEM;
	u->manager = m;
	u->ops = ops;
	u->id = strdup(name);
	r = u->id ? map_add(m->units, u->id, u) : -ENOMEM;
	if (r < 0) {
		free(u->id);
		free(u);
		return r;
	}
	if (ops->init)
		ops->init(u);
	*ret = u;
	return 0;
}

int unit_get_or_stub(struct manager *m, const char *name, struct unit **ret)
{
	struct unit *u = map_get(m->units, name);
	int r;

	if (!u) {
		r = unit_new(m, name, &u);
		if (r < 0)
			return r;
		unit_queue_load(u);
	}
	*ret = unit_follow(u);
	return 0;
}

void unit_queue_load(struct unit *u)
{
	if (u->in_load_queue)
		return;
	list_remove(&u->load_link); /* it may wait for target_order() */
	u->in_load_queue = true;
	list_append(&u->manager->load_queue, &u->load_link);
	manager_kick(u->manager);
}

static void leave_load_queue(struct unit *u)
{
	list_remove(&u->load_link);
	u->in_load_queue = false;
}

/* ---- files of before a reload ---- */

void unit_retire_file(struct unit *u, struct unit_file *replacement_take)
{
	struct unit_retired *e;

	if (u->file && !state_is_down(unit_active_state(u))) {
		/* A type may be in the middle of a list of commands. */
		e = malloc(sizeof(*e));
		if (e) {
			*e = (struct unit_retired){u->retired, u->file};
			u->retired = e;
		} /* else it leaks: that is better than a pointer to nothing */
	} else {
		unit_file_free(u->file);
	}
	u->file = replacement_take;
}

void unit_free_retired(struct unit *u)
{
	for (struct unit_retired *e; (e = u->retired);) {
		u->retired = e->next;
		unit_file_free(e->file);
		free(e);
	}
}

/* ---- names and merging ---- */

static int add_alias(struct unit *u, const char *name)
{
	char *copy = strdup(name);
	int r;

	/* The vector owns the key that the map looks at. */
	r = strv_append_consume(&u->aliases, copy);
	if (r < 0)
		return r;
	return map_add(u->manager->units, copy, u);
}

/* @from is no longer a unit of its own: its names and edges are @to's. Only for units that neither
 * run nor have jobs. */
static int unit_merge(struct unit *from, struct unit *to)
{
	struct manager *m = to->manager;
	int r;

	if (from->ops != to->ops || from->job || from->perpetual ||
	    !state_is_down(unit_active_state(from)))
		return -EBUSY;
	map_remove(m->units, from->id);
	r = add_alias(to, from->id);
	STRV_FOREACH (a, from->aliases) {
		map_remove(m->units, *a);
		if (r >= 0)
			r = add_alias(to, *a);
	}
	if (r >= 0)
		r = unit_move_dependencies(from, to);
	if (from->in_load_queue)
		leave_load_queue(from);
	mounts_for_forget(from);
	from->load_state = LOAD_MERGED;
	from->merged_into = to;
	unit_gc_soon(from);
	return r;
}

/* The file says that its first name is another. */
static int unit_rename(struct unit *u, const char *id)
{
	struct manager *m = u->manager;
	char *copy = strdup(id), *old = u->id;
	int r;

	if (!copy)
		return -ENOMEM;
	r = map_add(m->units, copy, u);
	if (r < 0) {
		free(copy);
		return r;
	}
	u->id = copy;
	return strv_append_consume(&u->aliases,
	                           old); /* the map's key for the old name lives on there */
}

int unit_adopt_names(struct unit *u, struct unit_file *f, struct unit **ret_u)
{
	struct manager *m = u->manager;
	struct unit *other;
	int r;

	*ret_u = u;
	if (f->id && !streq(f->id, u->id)) {
		other = unit_follow(map_get(m->units, f->id));
		if (other && other != u) {
			*ret_u = other;
			return unit_merge(u, other);
		}
		if (!other) {
			r = unit_rename(u, f->id);
			if (r < 0)
				return r;
		}
	}
	STRV_FOREACH (a, f->aliases) {
		other = unit_follow(map_get(m->units, *a));
		if (other == u || !unit_name_is_valid(*a, UNIT_NAME_PLAIN | UNIT_NAME_INSTANCE))
			continue;
		r = other ? unit_merge(other, u) : add_alias(u, *a);
		if (r == -EBUSY)
			log_debug("%s is an alias of %s now, but runs as a unit of its own", *a,
			          u->id);
		else if (r < 0)
			return r;
	}
	return 0;
}

/* ---- loading one ---- */

/* Types whose units exist without a file. */
static bool file_is_optional(const struct unit *u)
{
	return u->ops->type == UNIT_SLICE || u->ops->type == UNIT_DEVICE || u->perpetual;
}

static void set_load_error(struct unit *u, enum unit_load_state state, const struct diag *d,
                           int error)
{
	char text[DIAG_TEXT_MAX + DIAG_FILE_MAX + 16] = "";

	u->load_state = state;
	if (d)
		diag_first(d, text, sizeof(text));
	if (str_set(&u->load_error, *text ? text : error ? strerror(-error) : NULL) < 0)
		log_debug("Out of memory for the load error of %s", u->id);
}

static int add_file_dependencies(struct unit *u)
{
	const struct unit_settings *s = &u->file->unit;
	int r;

	for (int d = 0; d < DEP_MAX; d++)
		STRV_FOREACH (name, s->dependencies[d]) {
			r = unit_add_dependency_by_name(u, d, *name);
			if (r == -ENOMEM || r == -E2BIG)
				return r;
			if (r < 0)
				log_debug_errno(r, "Dependency %s=%s of %s is ignored: %m",
				                dependency_to_string(d), *name, u->id);
		}
	STRV_FOREACH (path, s->requires_mounts_for) {
		r = unit_require_mounts_for(u, *path);
		if (r < 0 && r != -EINVAL)
			return r;
	}
	return 0;
}

int unit_build(struct unit *u, struct diag *d)
{
	struct manager *m = u->manager;
	bool nested = m->building;
	int r;

	m->building = true;
	r = add_file_dependencies(u);
	if (r >= 0)
		r = u->ops->load(u, d);
	if (r >= 0)
		r = unit_default_slice(u);
	if (r >= 0)
		mounts_for_unit_loaded(u);
	m->building = nested;
	return r;
}

/* Reads the file unless the unit brought one; decides the unit's first load state. */
static int read_file(struct unit *u, struct diag *d, struct unit **ret_u)
{
	auto_cleanup(unit_file_free) struct unit_file *f = NULL;
	struct manager *m = u->manager;
	struct unit *owner;
	int r;

	*ret_u = u;
	if (u->file)
		return 0;
	if (!m->index) {
		r = manager_read_index(m);
		if (r < 0)
			return r;
	}
	r = unit_file_load(m->index, &m->context, u->id, d, &f);
	if (r < 0)
		return r;
	r = unit_adopt_names(u, f, &owner);
	if (r < 0 && owner == u)
		return r;
	*ret_u = owner;
	if (owner != u) {
		/* Usually the other is loaded; if it is a stub, the file is what it waits for. */
		if (owner->load_state != LOAD_STUB || owner->file)
			return 0;
		if (owner->in_load_queue)
			leave_load_queue(owner);
	}
	owner->file = TAKE_PTR(f);
	return 0;
}

static int set_empty_file(struct unit *u)
{
	return u->file ? 0 : unit_file_new_empty(&u->manager->context, u->id, &u->file);
}

static void note_transient(struct unit *u)
{
	const char *dir = u->manager->paths.transient;

	if (u->file->fragment_path && dir && path_below(u->file->fragment_path, dir))
		u->transient = true;
}

/* Returns the unit that has the settings: @u, or what it was merged into. */
static struct unit *unit_load(struct unit *u, struct diag *d)
{
	struct unit *owner = u;
	int r;

	leave_load_queue(u);
	if (u->load_state != LOAD_STUB)
		return unit_follow(u);
	r = read_file(u, d, &owner);
	if (owner != u && (owner->load_state != LOAD_STUB || !owner->file))
		return owner;
	u = owner;
	if (r < 0) {
		set_load_error(u, LOAD_ERROR, d, r);
	} else {
		u->load_state = u->file->load_state;
		if (u->load_state == LOAD_NOT_FOUND && file_is_optional(u))
			u->load_state = LOAD_LOADED;
		if (u->load_state == LOAD_BAD_SETTING || u->load_state == LOAD_ERROR)
			set_load_error(u, u->load_state, d, 0);
	}
	if (set_empty_file(u) < 0) {
		/* No settings at all: leave the stub for a better time. */
		u->load_state = LOAD_STUB;
		return u;
	}
	note_transient(u);
	if (u->load_state == LOAD_LOADED) {
		r = unit_build(u, d);
		if (r < 0)
			set_load_error(u, r == -ENOEXEC ? LOAD_BAD_SETTING : LOAD_ERROR, d, r);
	}
	u->stale = false;
	if (u->load_state == LOAD_LOADED)
		list_append(&u->manager->order_queue, &u->load_link);
	unit_gc_soon(u);
	if (u->manager->hooks && u->manager->hooks->unit_loaded)
		u->manager->hooks->unit_loaded(u, u->manager->userdata);
	return u;
}

static void diag_copy(struct diag *to, const struct diag *from)
{
	for (size_t i = 0; i < from->n_items; i++) {
		const struct diag_item *it = &from->items[i];

		diag_add(to, it->error, it->level, *it->file ? it->file : NULL, it->line, "%s",
		         it->text);
	}
	to->n_dropped += from->n_dropped;
}

/* Loads @u; what its files have wrong goes to @d, or to the log if nobody else reads it. */
static struct unit *load_with_findings(struct unit *u, struct diag *d)
{
	struct diag *own = malloc(sizeof(*own)); /* too big for a stack that may be deep */
	struct unit *loaded;

	if (own)
		own->n_items = own->n_dropped = 0;
	loaded = unit_load(u, own);
	if (own && own->n_items > 0) {
		if (d)
			diag_copy(d, own);
		else
			diag_log(own, loaded->id);
	}
	free(own);
	return loaded;
}

/* ---- the queue ---- */

static void load_queue_until_empty(struct manager *m, const struct unit *wanted, struct diag *d)
{
	struct unit *u;

	m->load_depth++;
	while ((u = LIST_FIRST(&m->load_queue, struct unit, load_link))) {
		load_with_findings(u, u == wanted ? d : NULL);
		loop_beat(m->loop);
	}
	manager_order_queued(m);
	m->load_depth--;
}

/* Targets are ordered after what they pull in once all of it is loaded: only then Before= is known
 * on both sides. */
void manager_order_queued(struct manager *m)
{
	struct unit *u;

	m->building = true;
	while ((u = LIST_FIRST(&m->order_queue, struct unit, load_link))) {
		list_remove(&u->load_link);
		if (u->load_state == LOAD_LOADED)
			target_order(u);
	}
	m->building = false;
}

void manager_load_queued(struct manager *m)
{
	if (m->load_depth == 0 && !list_is_empty(&m->load_queue))
		load_queue_until_empty(m, NULL, NULL);
}

/* A file that was put there since the index was read: find it without a reload, as long as no unit
 * is loaded from old text. */
static bool is_in_index(const struct manager *m, const struct unit *u)
{
	auto_free char *path = NULL, *template = NULL;

	if (unit_index_path(m->index, u->id, &path) >= 0)
		return true;
	return unit_name_template(u->id, &template) >= 0 &&
	       unit_index_path(m->index, template, &path) >= 0;
}

/* 1: it was read again; 0: nothing has changed. */
static int refresh_index(struct manager *m)
{
	static bool said; /* of this failure; each look-up meets it again */
	struct unit_index *x = NULL;
	int r;

	if (!m->index || unit_index_is_stale(m->index) <= 0)
		return 0;
	r = unit_index_new(&m->paths, &x);
	if (r < 0) {
		if (!said)
			log_warning_errno(
				r, "Cannot read the folders of unit files again, what changed in "
				   "them is not seen: %m");
		said = true;
		return r;
	}
	said = false;
	unit_index_free(m->index);
	m->index = x;
	return 1;
}

/* Not stale, but read again since: for another unit that was not there. */
static int load_again_if_new(struct manager *m, struct unit *u, struct diag *d)
{
	int r;

	if (u->job)
		return 0;
	r = refresh_index(m);
	if (r < 0 || (r == 0 && !is_in_index(m, u)))
		return r;
	u->file = unit_file_free(u->file);
	u->load_state = LOAD_STUB;
	unit_queue_load(u);
	load_queue_until_empty(m, u, d);
	return 1;
}

int manager_load_unit(struct manager *m, const char *name, struct diag *d, struct unit **ret)
{
	struct unit *u;
	int r;

	r = unit_get_or_stub(m, name, &u);
	if (r < 0)
		return diag_add(d, r, DIAG_ERROR, NULL, 0,
		                r == -EINVAL ? "\"%s\" is not a valid unit name"
		                             : "Cannot make unit \"%s\"",
		                name);
	if (m->load_depth > 0) {
		/* Asked by a type that is being loaded: it gets this unit now, the rest of the
		 * queue waits its turn. */
		if (u->load_state == LOAD_STUB && u->in_load_queue &&
		    m->load_depth < ENGINE_LOAD_DEPTH_MAX) {
			m->load_depth++;
			u = load_with_findings(u, NULL);
			m->load_depth--;
		}
		*ret = u;
		return 0;
	}
	/* What comes into memory is read as it is now: links in folders, too. */
	if (u->load_state == LOAD_STUB && !u->file && !m->is_reloading && !m->is_restoring)
		(void) refresh_index(m);
	load_queue_until_empty(m, u, d);
	u = unit_follow(map_get(m->units, name));
	if (!u)
		return -ENOMEM;
	if (u->load_state == LOAD_NOT_FOUND && m->index && load_again_if_new(m, u, d) > 0)
		u = unit_follow(map_get(m->units, name));
	if (!u || !u->file)
		return -ENOMEM;
	*ret = u;
	return 0;
}

int manager_add_unit(struct manager *m, const char *name, struct unit_file *file_take,
                     struct unit **ret)
{
	auto_cleanup(unit_file_free) struct unit_file *f = file_take;
	struct unit *u = unit_follow(map_get(m->units, name));
	int r;

	if (!u) {
		r = unit_new(m, name, &u);
		if (r < 0)
			return r;
	} else if (u->load_state == LOAD_LOADED || u->load_state == LOAD_MASKED || u->file == f) {
		*ret = u;
		return 0;
	}
	u->file = unit_file_free(u->file);
	u->file = TAKE_PTR(f);
	u->load_state = LOAD_STUB;
	unit_queue_load(u);
	*ret = u;
	return 0;
}

struct unit *manager_get_unit(const struct manager *m, const char *name)
{
	return unit_follow(map_get(m->units, name));
}
