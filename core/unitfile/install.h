// SPDX-License-Identifier: Apache-2.0
/*
 * install.h - private to unitfile: enabling on disk.
 *
 * An operation (struct install) finds out about units (struct install_info: where the file is, what its [Install] asks for),
 * then makes or removes symlinks in one configuration directory, and notes each as a change. Paths on disk have the root prefix,
 * the targets of symlinks do not.
 *
 * install-info.c finds and reads, install-change.c makes symlinks, install-remove.c removes them; the rest are the verbs.
 */
#pragma once

#include "unitfile/unitfile.h"

enum install_type {
	INSTALL_REGULAR,
	INSTALL_LINKED /* symlink to outside of the search path */,
	INSTALL_ALIAS,
	INSTALL_MASKED
};

struct install_info {
	struct install_info *next;
	char *name, *path;
	char *target; /* of the symlink that a LINKED or ALIAS is */
	char **aliases, **wanted_by, **required_by, **also;
	char *default_instance;
	enum install_type type;
	bool auxiliary; /* from an Also=: it may be missing */
	bool searched, done;
};

struct install {
	const struct unit_paths *p;
	unsigned flags;
	const char *config_path; /* where symlinks are made and removed */
	struct install_changes *changes;
	struct diag *d;
	struct install_info *infos;
	struct unit_context context; /* for specifiers; made when the first one is met */
	bool has_context;
	const struct install_links *links; /* what the search path holds; NULL: look at the disk */
	bool preset; /* rules that cannot be followed are passed over: a vendor means many units at once */
};

void install_init(struct install *in, const struct unit_paths *p, unsigned flags,
                  struct install_changes *c, struct diag *d);
void install_done(struct install *in);
#define auto_install __attribute__((cleanup(install_done)))

enum install_search {
	INSTALL_FOLLOW = 1 /* configured symlinks, too */,
	INSTALL_LOAD = 2 /* Also= joins the operation */
};

/* ---- install-info.c ---- */
int install_info_add(struct install *in, const char *name, const char *path, bool auxiliary,
                     struct install_info **ret);
struct install_info *install_info_find(const struct install *in, const char *name);
/* Finds the file of @info, following aliases: *ret may be another one. -ENOENT, -ELOOP. */
int install_info_traverse(struct install *in, struct install_info *info, unsigned search,
                          struct install_info **ret);
int install_info_discover(struct install *in, const char *name, unsigned search,
                          struct install_info **ret);
/* ... and refuses masked, generated and transient units with a change that says so. */
int install_info_discover_checked(struct install *in, const char *name, unsigned search,
                                  struct install_info **ret);
bool install_info_has_rules(const struct install_info *i);
/* Specifiers of [Install], for the unit @info. */
int install_expand(struct install *in, const struct install_info *info, const char *text,
                   char **ret);
/* What the symlink @path says, absolute and with the root prefix; 1 if it leads out of the search path. */
int install_read_symlink(const struct unit_paths *p, const char *path, char **ret);
bool install_is_masking(const struct unit_paths *p,
                        const char *path); /* /dev/null or an empty file */
bool install_in_search_path(const struct unit_paths *p, const char *path);
const char *install_skip_root(const struct unit_paths *p, const char *path);
bool install_is_runtime(const struct unit_paths *p,
                        const char *path); /* below one of the directories in /run */

/* context.c: of the tree below @root. -ENOENT: it has none, and then no field is set. */
int unit_context_read_os_release(struct unit_context *c, const char *root);

/* ---- install-links.c ---- */
struct install_link {
	char *name,
		*target; /* @target as it stands; NULL in a folder, where only the name counts */
	/* Number of the directory of the search path that it, or its folder, is in. */
	unsigned dir;
	bool in_folder;
};
struct install_link_use {
	const struct install_link *link;
	struct install_link_use *next;
};
/* All that may have to do with the unit of that name. */
const struct install_link_use *install_links_find(const struct install_links *x, const char *name);

/* A bit for each directory of the search path that may have an entry of that name (install_dir_bit()); all without @x. */
uint32_t install_links_dirs(const struct install_links *x, const char *name);

/* ---- install-names.c ---- */
#define INSTALL_NAMES_LAST_DIR 31U /* it and all behind it share a bit */
struct install_name {
	uint32_t hash, dirs;
};
struct install_names {
	struct install_name *items; /* by hash, each once, after install_names_sort() */
	size_t n, allocated;
	uint32_t unknown; /* directories that could not be listed: everything may be there */
};
uint32_t install_dir_bit(unsigned dir);
int install_names_add(struct install_names *x, unsigned dir, const char *name);
void install_names_sort(struct install_names *x);
uint32_t install_names_dirs(const struct install_names *x, const char *name);
void install_names_done(struct install_names *x);

/* ---- install-change.c ---- */
int install_note(struct install *in, const char *kind, const char *path,
                 const char *source); /* -ENOMEM */
int install_fail(struct install *in, int error, const char *path,
                 const char *source); /* returns @error */
/* 1: it is there now, or was. -EEXIST if something else is and @force is not set. */
int install_symlink(struct install *in, const char *target, const char *path, bool force);

/* ---- install-apply.c: the symlinks that [Install] asks for ---- */
int install_apply(struct install *in);

/* ---- install-remove.c ---- */
/* Names of all infos, and what their Also= says, into @marked. */
int install_mark(struct install *in, char ***marked);
/* Removes every symlink below the configuration directory that has one of those names, or leads to one. */
int install_remove_marked(struct install *in, char ***marked);
