// SPDX-License-Identifier: Apache-2.0
/* index.c - what is asked of an index once it is read. */
#include "unitfile/index.h"
#include "unitfile/name.h"

#include <sys/stat.h>

struct unit_index *unit_index_free(struct unit_index *x)
{
	if (!x)
		return NULL;
	map_free(x->entries);
	map_free(x->folders);
	for (size_t i = 0; i < x->n_dirs; i++)
		free(x->dirs[i].path);
	free(x->dirs);
	while (x->arena) {
		struct arena_block *b = x->arena;

		x->arena = b->next;
		free(b);
	}
	free(x->root);
	free(x);
	return NULL;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

int unit_index_is_stale(const struct unit_index *x)
{
	for (size_t i = 0; i < x->n_dirs; i++) {
		const struct index_dir *d = &x->dirs[i];
		struct stat st;

		if (stat(d->path, &st) < 0) {
			if (errno == ENOMEM)
				return -ENOMEM;
			if (d->exists)
				return 1;
			continue;
		}
		if (!d->exists) {
			/* What is there now and is no directory was, and is, not read. */
			if (S_ISDIR(st.st_mode))
				return 1;
			continue;
		}
		if (d->recent || d->dev != st.st_dev || d->ino != st.st_ino ||
		    d->size != st.st_size || d->nlink != st.st_nlink ||
		    !same_time(&d->mtime, &st.st_mtim) || !same_time(&d->ctime, &st.st_ctim))
			return 1;
	}
	return 0;
}

int unit_index_names(const struct unit_index *x, char ***ret)
{
	char **names = calloc(map_size(x->entries) + 1, sizeof(*names));
	struct unit_entry *e;
	size_t n = 0;

	if (!names)
		return -ENOMEM;
	MAP_FOREACH (e, x->entries) {
		names[n] = strdup(e->name);
		if (!names[n++]) {
			strv_free(names);
			return -ENOMEM;
		}
	}
	strv_sort_unique(names);
	*ret = names;
	return 0;
}

int unit_index_path(const struct unit_index *x, const char *name, char **ret)
{
	const struct unit_entry *e = unit_index_entry(x, name);

	if (!e)
		return -ENOENT;
	*ret = path_join(unit_index_dir(x, e->dir), e->name);
	return *ret ? 0 : -ENOMEM;
}

struct unit_entry *unit_index_entry(const struct unit_index *x, const char *name)
{
	return map_get(x->entries, name);
}

const struct index_folder *unit_index_folder(const struct unit_index *x, const char *name)
{
	return map_get(x->folders, name);
}

const char *unit_index_dir(const struct unit_index *x, unsigned dir)
{
	return x->dirs[dir].path;
}

size_t unit_index_n_search_dirs(const struct unit_index *x)
{
	return x->n_search_dirs;
}

/* The name that @name is an alias of, instance included; NULL in *ret if it is its own. */
static int alias_target(const struct unit_entry *e, const char *name, char **ret)
{
	auto_free char *instance = NULL;
	int r;

	if (unit_name_kind(e->alias_of) != UNIT_NAME_TEMPLATE) {
		*ret = strdup(e->alias_of);
		return *ret ? 0 : -ENOMEM;
	}
	r = unit_name_instance(name, &instance);
	if (r < 0)
		return r;
	if (instance)
		return unit_name_replace_instance(e->alias_of, instance, ret);
	*ret = strdup(e->alias_of);
	return *ret ? 0 : -ENOMEM;
}

int unit_index_resolve(const struct unit_index *x, const char *name, struct unit_entry **ret_entry,
                       char **ret_id)
{
	auto_free char *id = strdup(name);
	struct unit_entry *e;

	if (!id)
		return -ENOMEM;
	for (unsigned depth = 0; depth <= ALIAS_DEPTH_MAX; depth++) {
		auto_free char *template = NULL;
		char *next = NULL;
		int r;

		e = map_get(x->entries, id);
		if (!e && unit_name_kind(id) == UNIT_NAME_INSTANCE) {
			r = unit_name_template(id, &template);
			if (r < 0)
				return r;
			e = map_get(x->entries, template);
		}
		if (!e || !e->alias_of) {
			*ret_entry = e;
			*ret_id = TAKE_PTR(id);
			return 0;
		}
		r = alias_target(e, id, &next);
		if (r < 0)
			return r;
		/* foo@bar -> foo@: an instance enabled by a symlink to its template is no alias. */
		if (streq(next, id)) {
			free(next);
			*ret_entry = map_get(x->entries, e->alias_of);
			*ret_id = TAKE_PTR(id);
			return 0;
		}
		free(id);
		id = next;
	}
	return -ELOOP;
}
