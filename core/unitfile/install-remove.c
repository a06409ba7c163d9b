// SPDX-License-Identifier: Apache-2.0
/* install-remove.c - disable: symlinks by the unit's names, or that lead to its file, taken away. */
#include "unitfile/install.h"
#include "unitfile/name.h"

#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 2U

int install_mark(struct install *in, char ***marked)
{
	struct install_info *i;

	for (;;) {
		struct install_info *found;
		int r;

		for (i = in->infos; i && i->done; i = i->next)
			;
		if (!i)
			return 0;
		i->done = true;
		/* A preset speaks of the unit alone, not of what its Also= brings. */
		r = install_info_traverse(in, i, INSTALL_FOLLOW | (in->preset ? 0 : INSTALL_LOAD),
		                          &found);
		if (r == -ENOMEM)
			return r;
		if (r < 0) {
			/* The file is gone; its symlinks may be left. That one in Also= is, is nobody's concern. */
			if (!(r == -ENOENT && i->auxiliary) &&
			    install_fail(in, r, i->name, NULL) == -ENOMEM)
				return -ENOMEM;
			r = strv_append_unique(marked, i->name);
			if (r < 0)
				return r;
			continue;
		}
		found->done = true;
		if (found->type == INSTALL_MASKED &&
		    (r = install_note(in, "masked", found->path, NULL)) < 0)
			return r;
		if (found->type != INSTALL_REGULAR)
			continue;
		r = strv_append_unique(marked, found->name);
		if (r < 0)
			return r;
	}
}

/* Where a symlink finally leads, without the root prefix, even if there is nothing; "" if that cannot be said. */
static int final_target(struct install *in, const char *path, char **ret)
{
	auto_free char *at = strdup(path);

	for (unsigned depth = 0; at && depth < 32; depth++) {
		struct stat st;
		char *next;
		int r;

		if (lstat(at, &st) < 0 || !S_ISLNK(st.st_mode)) {
			*ret = strdup(install_skip_root(in->p, at));
			return *ret ? 0 : -ENOMEM;
		}
		r = install_read_symlink(in->p, at, &next);
		if (r == -ENOMEM)
			return r;
		if (r < 0)
			break;
		free(at);
		at = next;
	}
	*ret = at ? strdup("") : NULL;
	return *ret ? 0 : -ENOMEM;
}

static bool is_marked(char *const *marked, const char *name, const char *target)
{
	auto_free char *template = NULL;

	if (strv_contains(marked, name) || strv_contains(marked, target) ||
	    (*target && strv_contains(marked, path_basename(target))))
		return true;
	return unit_name_kind(name) == UNIT_NAME_INSTANCE &&
	       unit_name_template(name, &template) >= 0 && strv_contains(marked, template);
}

/* Empty folders go, too, but not the configuration directory. */
static void remove_empty_parents(const struct install *in, const char *path)
{
	auto_free char *dir = path_dirname(path);

	while (dir && !streq(dir, in->config_path) && path_below(dir, in->config_path)) {
		char *up;

		if (rmdir(dir) < 0)
			return;
		up = path_dirname(dir);
		free(dir);
		dir = up;
	}
}

/* 1: it was one, and now others may lead to what is no more. */
static int remove_if_marked(struct install *in, char ***marked, const char *path, const char *name)
{
	auto_free char *target = NULL;
	int r;

	if (!unit_name_is_valid(name, UNIT_NAME_ANY))
		return 0;
	r = final_target(in, path, &target);
	if (r < 0)
		return r;
	if (!is_marked(*marked, name, target))
		return 0;
	if (!(in->flags & INSTALL_DRY_RUN)) {
		if (unlink(path) < 0 && errno != ENOENT)
			return install_fail(in, -errno, path, NULL);
		remove_empty_parents(in, path);
	}
	r = install_note(in, "unlink", path, NULL);
	if (r < 0)
		return r;
	r = strv_append_unique(marked, install_skip_root(in->p, path));
	return r > 0 && in->flags & INSTALL_DRY_RUN ? 0 : r;
}

static int remove_in(struct install *in, char ***marked, const char *dir, unsigned depth)
{
	auto_strv char **names = NULL;
	int result = 0, r = dir_list(dir, &names);

	if (r < 0)
		return r == -ENOENT || r == -ENOTDIR ? 0 : r;
	STRV_FOREACH (n, names) {
		auto_free char *path = str_printf("%s/%s", dir, *n);
		struct stat st;

		if (!path)
			return -ENOMEM;
		if (lstat(path, &st) < 0)
			continue;
		r = 0;
		if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
			r = remove_in(in, marked, path, depth + 1);
		else if (S_ISLNK(st.st_mode))
			r = remove_if_marked(in, marked, path, *n);
		if (r == -ENOMEM)
			return r;
		result = r < 0 && result >= 0 ? r : result < 0 ? result : result | r;
	}
	return result;
}

int install_remove_marked(struct install *in, char ***marked)
{
	int r;

	if (!*marked)
		return 0;
	do
		r = remove_in(in, marked, in->config_path, 0);
	while (r > 0);
	return r;
}
