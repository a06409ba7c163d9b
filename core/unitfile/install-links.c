// SPDX-License-Identifier: Apache-2.0
/*
 * install-links.c - every symbolic link of the search path and of its .wants and .requires folders, read once. What enables a unit is then a
 * look-up by its name; without this a list of ten thousand unit files reads every folder ten thousand times.
 */
#include "unitfile/install.h"
#include "unitfile/name.h"

#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINK_KEYS_MAX 3

struct watched_dir {
	char *path;
	dev_t dev;
	ino_t ino;
	struct timespec mtime, ctime;
	bool exists, recent;
};

struct install_links {
	struct map *
		by_key; /* the link's name, its target's, the template of its name -> install_link_use */
	struct install_link **links;
	struct install_names names;
	struct watched_dir *dirs;
	size_t n_links, n_dirs;
};

static void link_free(struct install_link *l)
{
	if (!l)
		return;
	free(l->name);
	free(l->target);
	free(l);
}

struct install_links *install_links_free(struct install_links *x)
{
	struct install_link_use *u;

	if (!x)
		return NULL;
	MAP_FOREACH (u, x->by_key)
		for (struct install_link_use *next; u; u = next) {
			next = u->next;
			free(u);
		}
	map_free(x->by_key);
	for (size_t i = 0; i < x->n_links; i++)
		link_free(x->links[i]);
	free(x->links);
	for (size_t i = 0; i < x->n_dirs; i++)
		free(x->dirs[i].path);
	free(x->dirs);
	install_names_done(&x->names);
	free(x);
	return NULL;
}

/* ---- is it still true? ---- */

static int watch(struct install_links *x, const char *path, const struct stat *st)
{
	struct watched_dir *bigger, *d;

	bigger = reallocarray(x->dirs, x->n_dirs + 1, sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	x->dirs = bigger;
	d = &x->dirs[x->n_dirs];
	*d = (struct watched_dir){.path = strdup(path), .exists = st != NULL};
	if (!d->path)
		return -ENOMEM;
	x->n_dirs++;
	if (st) {
		d->dev = st->st_dev;
		d->ino = st->st_ino;
		d->mtime = st->st_mtim;
		d->ctime = st->st_ctim;
		d->recent = file_time_is_recent(&st->st_mtim);
	}
	return 0;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool install_links_are_stale(const struct install_links *x)
{
	for (size_t i = 0; i < x->n_dirs; i++) {
		const struct watched_dir *d = &x->dirs[i];
		struct stat st;

		if (stat(d->path, &st) < 0) {
			if (d->exists)
				return true;
			continue;
		}
		if (!d->exists || d->recent || d->dev != st.st_dev || d->ino != st.st_ino ||
		    !same_time(&d->mtime, &st.st_mtim) || !same_time(&d->ctime, &st.st_ctim))
			return true;
	}
	return false;
}

/* ---- reading ---- */

static int use(struct install_links *x, const char *key, const struct install_link *l)
{
	struct install_link_use *first = map_get(x->by_key, key), *u = calloc(1, sizeof(*u));
	int r;

	if (!u)
		return -ENOMEM;
	u->link = l;
	if (first) {
		/* Behind the first, so that the map need not change. */
		u->next = first->next;
		first->next = u;
		return 0;
	}
	r = map_put(x->by_key, key, u);
	if (r < 0)
		free(u);
	return r < 0 ? r : 0;
}

static int use_all(struct install_links *x, const struct install_link *l)
{
	const char *target = l->target ? path_basename(l->target) : NULL;
	auto_free char *template = NULL;
	int r = use(x, l->name, l);

	if (r >= 0 && target && *target && !streq(target, l->name))
		r = use(x, target, l);
	/* A template is in use where an instance of it is wanted. */
	if (r >= 0 && l->in_folder && unit_name_kind(l->name) == UNIT_NAME_INSTANCE) {
		r = unit_name_template(l->name, &template);
		if (r >= 0 && !streq(template, l->name))
			r = use(x, template, l);
	}
	return r;
}

static int add_link(struct install_links *x, unsigned dir, int dirfd, const char *name,
                    bool in_folder)
{
	struct install_link **bigger, *l;
	char target[PATH_MAX];
	ssize_t n = 0;

	if (!in_folder) {
		n = readlinkat(dirfd, name, target, sizeof(target) - 1);
		if (n < 0)
			return errno == ENOENT || errno == EINVAL ? 0 : -errno;
		target[n] = 0;
	}
	if (x->n_links % 64 == 0) {
		bigger = reallocarray(x->links, x->n_links + 64, sizeof(struct install_link *));
		if (!bigger)
			return -ENOMEM;
		x->links = bigger;
	}
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->dir = dir;
	l->in_folder = in_folder;
	l->name = strdup(name);
	l->target = in_folder ? NULL : strdup(target);
	if (!l->name || (!in_folder && !l->target)) {
		link_free(l);
		return -ENOMEM;
	}
	x->links[x->n_links++] = l;
	return use_all(x, l);
}

static bool is_folder_name(const char *name)
{
	return str_ends_with(name, ".wants") || str_ends_with(name, ".requires");
}

static int read_dir(struct install_links *x, unsigned dir, const char *path, bool in_folder)
{
	DIR *d = opendir(path);
	int error = errno, r = 0;
	struct dirent *e;
	struct stat st;

	if (!d) {
		if (error != ENOENT && error != ENOTDIR && error != EACCES)
			return -error;
		/* What cannot be listed may still be opened. */
		if (error == EACCES && !in_folder)
			x->names.unknown |= install_dir_bit(dir);
		return watch(x, path, stat(path, &st) < 0 ? NULL : &st);
	}
	/* Before what is in it: a change that comes while it is read shows. */
	r = fstat(dirfd(d), &st) < 0 ? -errno : watch(x, path, &st);
	while (r >= 0 && (e = readdir(d))) {
		auto_free char *folder = NULL;

		if (!in_folder)
			r = install_names_add(&x->names, dir, e->d_name);
		if (r >= 0 && (e->d_type == DT_LNK || e->d_type == DT_UNKNOWN))
			r = add_link(x, dir, dirfd(d), e->d_name, in_folder);
		if (r < 0 || in_folder || e->d_type != DT_DIR || !is_folder_name(e->d_name))
			continue;
		folder = str_printf("%s/%s", path, e->d_name);
		r = folder ? read_dir(x, dir, folder, true) : -ENOMEM;
	}
	closedir(d);
	return r;
}

int install_links_new(const struct unit_paths *p, struct install_links **ret)
{
	auto_cleanup(install_links_free) struct install_links *x = calloc(1, sizeof(*x));
	unsigned n = 0;

	if (!x)
		return -ENOMEM;
	x->by_key = map_new(MAP_STRING | MAP_OWN_KEYS);
	if (!x->by_key)
		return -ENOMEM;
	STRV_FOREACH (dir, p->dirs) {
		int r = read_dir(x, n++, *dir, false);

		if (r < 0)
			return r;
	}
	install_names_sort(&x->names);
	*ret = TAKE_PTR(x);
	return 0;
}

const struct install_link_use *install_links_find(const struct install_links *x, const char *name)
{
	return map_get(x->by_key, name);
}

uint32_t install_links_dirs(const struct install_links *x, const char *name)
{
	return x ? install_names_dirs(&x->names, name) : UINT32_MAX;
}
