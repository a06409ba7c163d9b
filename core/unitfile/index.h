// SPDX-License-Identifier: Apache-2.0
/*
 * index.h - private to unitfile: what the unit directories hold, read once.
 *
 * A unit_entry is the file or symlink that counts for a name, that of the directory with the highest precedence. Folders (NAME.d,
 * NAME.wants, ...) are kept for every directory, since drop-ins add up. All names and entries live in the index's arena.
 */
#pragma once

#include "unitfile/unitfile.h"

struct index_dir {
	char *path; /* with the root prefix */
	dev_t dev;
	ino_t ino;
	off_t size;
	nlink_t nlink;
	struct timespec mtime, ctime;
	bool exists, duplicate /* the same directory as one before it */, is_folder;
	bool recent; /* read in the tick of its last change */
};

struct unit_entry {
	const char *name;
	const char *target;   /* NULL for files; else what the symlink says, as it stands */
	const char *alias_of; /* unit name that this is another name of, or NULL */
	struct unit_entry *aliases, *next_alias; /* of the entry at the end of the alias chain */
	unsigned dir;
	bool masked; /* symlink to /dev/null */
};

struct folder_item {
	const char *name;
	bool masked;
};
/* One directory "NAME.d", "NAME.wants", ... of one directory of the search path. */
struct index_folder {
	const char *name;
	struct index_folder *next; /* the same name in a directory of lower precedence */
	struct folder_item *items; /* sorted by name */
	size_t n_items;
	unsigned search_dir; /* position of its directory in the search path */
	unsigned dir;        /* its own index_dir */
};

#define ALIAS_DEPTH_MAX 8

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	char data[];
};

struct unit_index {
	struct arena_block *arena;
	struct map *entries, *folders; /* name to unit_entry, index_folder */
	struct index_dir *dirs;        /* search path first, then folders */
	size_t n_dirs, n_search_dirs, n_names;
	char *root;
};

struct unit_entry *unit_index_entry(const struct unit_index *x, const char *name);
const struct index_folder *unit_index_folder(const struct unit_index *x, const char *name);
const char *unit_index_dir(const struct unit_index *x, unsigned dir);
size_t unit_index_n_search_dirs(const struct unit_index *x);
/*
 * The entry that holds the text of unit @name: aliases followed, the template in place of an instance that has no file. *ret_id is
 * the primary name, *ret_entry NULL if there is no file. -ELOOP.
 */
int unit_index_resolve(const struct unit_index *x, const char *name, struct unit_entry **ret_entry,
                       char **ret_id);
/* What an alias may point to: the same type, and the same kind; an instance may be another name of its template. */
bool unit_alias_is_legal(const char *alias, const char *target);
/* "." and ".." are removed by the text, in place: unit directories are no place for tricks with symlinked parents. */
void path_drop_dots(char *path);
