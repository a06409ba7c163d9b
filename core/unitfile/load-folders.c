// SPDX-License-Identifier: Apache-2.0
/* load-folders.c - drop-ins, and the folders that add dependencies, of a unit and of what it is a case of. */
#include "unitfile/load.h"
#include "unitfile/name.h"

#include <stdio.h>

/* The folders of one kind that belong to the unit, in order of precedence. */
struct found_folder {
	const struct index_folder *folder;
	unsigned name, order; /* which of the unit's names, and how far its name was generalized */
};
struct found_folders {
	struct found_folder *items;
	size_t n;
};

enum folder_kind { FOLDER_DROPINS, FOLDER_WANTS, FOLDER_REQUIRES, FOLDER_UPHOLDS, FOLDER_KINDS };
static const char *const folder_suffixes[FOLDER_KINDS] = {".d", ".wants", ".requires", ".upholds"};

static int find_folders_named(struct load *l, struct found_folders found[FOLDER_KINDS],
                              const char *prefix, const char *rest, unsigned name, unsigned order)
{
	char text[UNIT_NAME_MAX * 2 + 16];
	size_t size = strlen(prefix), rest_size = strlen(rest);

	memcpy(text, prefix, size);
	memcpy(text + size, rest, rest_size);
	for (size_t kind = 0; kind < FOLDER_KINDS; kind++) {
		const struct index_folder *folder;

		memcpy(text + size + rest_size, folder_suffixes[kind],
		       strlen(folder_suffixes[kind]) + 1);
		for (folder = unit_index_folder(l->x, text); folder; folder = folder->next) {
			struct found_folder *grown =
				reallocarray(found[kind].items, found[kind].n + 1, sizeof(*grown));

			if (!grown)
				return -ENOMEM;
			found[kind].items = grown;
			grown[found[kind].n++] = (struct found_folder){folder, name, order};
		}
	}
	return 0;
}

/* Of a name: its own folders, its template's, and those of its prefixes: foo-bar.service.d, then foo-.service.d. */
static int find_folders_of(struct load *l, struct found_folders found[FOLDER_KINDS],
                           const char *unit_name, unsigned name)
{
	const char *at = strchr(unit_name, '@'), *dot = strrchr(unit_name, '.'),
		   *rest = at ? at : dot;
	bool is_instance = at && at + 1 < dot;
	char prefix[UNIT_NAME_MAX], template[UNIT_NAME_MAX] = "@";
	size_t size = (size_t) (rest - unit_name);
	int r = 0;

	memcpy(prefix, unit_name, size);
	memcpy(template + 1, dot, strlen(dot) + 1);
	for (unsigned order = 0;; order += 2) {
		prefix[size] = 0;
		r = find_folders_named(l, found, prefix, rest, name, order);
		if (r >= 0 && is_instance)
			r = find_folders_named(l, found, prefix, template, name, order + 1);
		if (r < 0)
			return r;
		/* Cut behind the last dash that leaves something new. */
		while (size > 0 && prefix[size - 1] == '-')
			size--;
		while (size > 0 && prefix[size - 1] != '-')
			size--;
		if (size < 2)
			return 0;
	}
}

static int compare_found(const void *a, const void *b)
{
	const struct found_folder *x = a, *y = b;

	if (x->name != y->name)
		return x->name < y->name ? -1 : 1;
	if (x->folder->search_dir != y->folder->search_dir)
		return x->folder->search_dir < y->folder->search_dir ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* Every name of the unit counts, and last what all units of its type have in common. */
static int find_folders(struct load *l, struct found_folders found[FOLDER_KINDS])
{
	unsigned name = 0;
	int r = find_folders_of(l, found, l->f->id, name++);

	STRV_FOREACH (alias, l->f->aliases)
		if (r >= 0)
			r = find_folders_of(l, found, *alias, name++);
	if (r >= 0)
		r = find_folders_named(l, found, "", unit_type_to_string(l->f->type), name, 0);
	for (size_t kind = 0; kind < FOLDER_KINDS; kind++)
		if (found[kind].n > 1)
			qsort(found[kind].items, found[kind].n, sizeof(struct found_folder),
			      compare_found);
	return r;
}

/* ---- drop-ins ---- */

struct dropin {
	const char *name;
	unsigned dir;
	bool masked;
};
struct dropin_set {
	struct dropin *items;
	size_t n;
};

/* The first of a name counts: folders come in the order of precedence. */
static int collect_dropins(const struct index_folder *folder, struct dropin_set *set)
{
	for (size_t i = 0; i < folder->n_items; i++) {
		const struct folder_item *item = &folder->items[i];
		struct dropin *grown;
		size_t k = 0;

		if (!str_ends_with(item->name, ".conf"))
			continue;
		while (k < set->n && !streq(set->items[k].name, item->name))
			k++;
		if (k < set->n)
			continue;
		grown = reallocarray(set->items, set->n + 1, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		set->items = grown;
		grown[set->n++] = (struct dropin){item->name, folder->dir, item->masked};
	}
	return 0;
}

static int compare_dropins(const void *a, const void *b)
{
	return strcmp(((const struct dropin *) a)->name, ((const struct dropin *) b)->name);
}

static int load_dropin(struct load *l, const struct dropin *dropin)
{
	char *path = str_printf("%s/%s", unit_index_dir(l->x, dropin->dir), dropin->name);
	size_t before;
	int r;

	if (!path)
		return -ENOMEM;
	before = l->f->n_identities;
	r = load_file(l, path, false);
	if (r < 0 && r != -ENOMEM && r != -ENOENT)
		diag_add(l->d, r, DIAG_WARNING, path, 0, "Cannot read all of the drop-in: %s",
		         strerror(-r));
	if (r != -ENOMEM && l->f->n_identities > before)
		return strv_append_consume(&l->f->dropin_paths, path);
	free(path);
	return r == -ENOMEM ? r : 0;
}

static int load_dropins(struct load *l, const struct found_folders *found)
{
	struct dropin_set set = {0};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < found->n; i++)
		r = collect_dropins(found->items[i].folder, &set);
	if (set.n > 1)
		qsort(set.items, set.n, sizeof(*set.items), compare_dropins);
	for (size_t i = 0; r >= 0 && i < set.n; i++)
		if (!set.items[i].masked)
			r = load_dropin(l, &set.items[i]);
	free(set.items);
	return r;
}

/* ---- .wants, .requires, .upholds ---- */

/* A template in it stands for the instance of our instance's name, or of our prefix. */
static int resolve_dependency(const struct unit_file *f, const char *item, char **ret)
{
	auto_free char *instance = NULL;
	int r = 0;

	if (unit_name_kind(item) != UNIT_NAME_TEMPLATE) {
		*ret = strdup(item);
		return *ret ? 0 : -ENOMEM;
	}
	if (!f->instance)
		r = unit_name_prefix(f->id, &instance);
	return r < 0 ? r
	             : unit_name_replace_instance(item, f->instance ? f->instance : instance, ret);
}

/* Names that a folder of higher precedence has decided. */
struct seen_names {
	char **names;
	struct map *index;
};

static int collect_dependencies(struct load *l, const struct index_folder *folder,
                                struct seen_names *seen, enum unit_dependency kind)
{
	for (size_t i = 0; i < folder->n_items; i++) {
		const struct folder_item *item = &folder->items[i];
		auto_free char *name = NULL;
		int r;

		if (!unit_name_is_valid(item->name, UNIT_NAME_ANY)) {
			diag_add(l->d, -EINVAL, DIAG_WARNING, unit_index_dir(l->x, folder->dir), 0,
			         "'%.100s' is no unit name, ignored", item->name);
			continue;
		}
		r = strv_append_indexed(&seen->names, &seen->index, item->name);
		if (r < 0)
			return r;
		if (r == 0 || item->masked)
			continue;
		r = resolve_dependency(l->f, item->name, &name);
		if (r >= 0 && !streq(name, l->f->id))
			r = strv_append_indexed(&l->f->unit.dependencies[kind],
			                        &l->parse.dependencies[kind], name);
		if (r == -ENOMEM)
			return r;
	}
	return 0;
}

static int load_dependency_folders(struct load *l, const struct found_folders found[FOLDER_KINDS])
{
	static const enum unit_dependency kinds[FOLDER_KINDS] = {
		[FOLDER_WANTS] = DEP_WANTS,
		[FOLDER_REQUIRES] = DEP_REQUIRES,
		[FOLDER_UPHOLDS] = DEP_UPHOLDS,
	};
	int r = 0;

	for (size_t kind = FOLDER_WANTS; kind < FOLDER_KINDS; kind++) {
		struct seen_names seen = {0};

		for (size_t i = 0; r >= 0 && i < found[kind].n; i++)
			r = collect_dependencies(l, found[kind].items[i].folder, &seen,
			                         kinds[kind]);
		map_free(seen.index);
		strv_free(seen.names);
	}
	return r;
}

int load_folders(struct load *l)
{
	struct found_folders found[FOLDER_KINDS] = {0};
	int r = find_folders(l, found);

	if (r >= 0)
		r = load_dropins(l, &found[FOLDER_DROPINS]);
	if (r >= 0)
		r = load_dependency_folders(l, found);
	for (size_t kind = 0; kind < FOLDER_KINDS; kind++)
		free(found[kind].items);
	return r;
}
