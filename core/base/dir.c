// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"

#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"

#include <dirent.h>
#include <limits.h>

/* Each level of rm_rf() keeps one fd; what is deeper than this nobody made by accident. */
#define RM_DEPTH_MAX 256

static int mkdir_one(const char *path, mode_t mode)
{
	struct stat st;
	int r = sys_mkdirat(AT_FDCWD, path, mode);

	if (r != -EEXIST)
		return r;
	if (stat(path, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int mkdir_p(const char *path, mode_t mode)
{
	int r;

	if (str_is_empty(path))
		return -EINVAL;
	/* Most often all but the last are there. */
	r = mkdir_one(path, mode);
	if (r != -ENOENT)
		return r;
	r = mkdir_parents(path, mode);
	return r < 0 ? r : mkdir_one(path, mode);
}

int mkdir_parents(const char *path, mode_t mode)
{
	auto_free char *copy = NULL;
	char *p;

	if (str_is_empty(path))
		return -EINVAL;
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	path_simplify(copy);
	p = copy;
	while ((p = strchr(p + 1, '/'))) {
		int r;

		*p = 0;
		r = mkdir_one(copy, mode);
		if (r < 0)
			return r;
		*p = '/';
	}
	return 0;
}

/* Is the open directory where another file system (or a bind mount) begins? */
static bool is_mount_point(int fd, dev_t parent)
{
	struct statx sx;

	if (statx(fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &sx) == 0) {
		if (sx.stx_attributes_mask & sx.stx_attributes & STATX_ATTR_MOUNT_ROOT)
			return true;
	}
	struct stat st;

	return fstat(fd, &st) < 0 || st.st_dev != parent;
}

static int rm_entry(int dirfd, const char *name, dev_t dev, unsigned depth);

/* Takes @fd. Goes on after an error and returns the first. */
static int rm_children(int fd, dev_t dev, unsigned depth)
{
	int r = 0, q;
	struct dirent *e;
	DIR *d = fdopendir(fd);

	if (!d) {
		r = -errno;
		fd_close(fd);
		return r;
	}
	while ((errno = 0, e = readdir(d))) {
		if (streq(e->d_name, ".") || streq(e->d_name, ".."))
			continue;
		q = rm_entry(dirfd(d), e->d_name, dev, depth);
		r = r < 0 ? r : q;
	}
	if (errno != 0 && r == 0)
		r = -errno;
	(void) closedir(d);
	return r;
}

static int rm_entry(int dirfd, const char *name, dev_t dev, unsigned depth)
{
	int fd, r;

	r = sys_unlinkat(dirfd, name, 0);
	if (r == 0 || r == -ENOENT)
		return 0;
	/* Linux says EISDIR, POSIX EPERM. */
	if (r != -EISDIR && r != -EPERM)
		return r;
	if (depth >= RM_DEPTH_MAX)
		return -ENAMETOOLONG;
	fd = sys_openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd == -ENOTDIR ? r : fd;
	if (depth > 0 && is_mount_point(fd, dev)) {
		fd_close(fd);
		return -EXDEV;
	}
	if (depth == 0) {
		struct stat st;

		if (fstat(fd, &st) < 0) {
			r = -errno;
			fd_close(fd);
			return r;
		}
		dev = st.st_dev;
	}
	r = rm_children(fd, dev, depth + 1);
	if (r < 0)
		return r;
	r = sys_unlinkat(dirfd, name, AT_REMOVEDIR);
	return r == -ENOENT ? 0 : r;
}

int rm_rf(const char *path)
{
	/* What an empty variable makes of "$DIR/". */
	if (str_is_empty(path) || path[strspn(path, "/.")] == 0)
		return -EINVAL;
	return rm_entry(AT_FDCWD, path, 0, 0);
}

static int name_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* Adds to a vector of *n entries that has room for *room; the last slot stays NULL. */
static int names_add(char ***names, size_t *n, size_t *room, const char *name)
{
	if (*n + 1 >= *room) {
		size_t more = *room ? *room * 2 : 16;
		char **grown = reallocarray(*names, more, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		*names = grown;
		*room = more;
	}
	(*names)[*n] = strdup(name);
	if (!(*names)[*n])
		return -ENOMEM;
	(*names)[++*n] = NULL;
	return 0;
}

/* As systemd has it, and so whoever tests for an empty directory. */
static bool is_hidden_or_backup(const char *name)
{
	static const char *const names[] = {"lost+found", "aquota.user", "aquota.group"};
	static const char *const suffixes[] = {
		"rpmnew",    "rpmsave",  "rpmorig",     "dpkg-old",    "dpkg-new", "dpkg-tmp",
		"dpkg-dist", "dpkg-bak", "dpkg-backup", "dpkg-remove", "ucf-new",  "ucf-old",
		"ucf-dist",  "swp",      "bak",         "old",         "new"};
	const char *dot = strrchr(name, '.');

	if (*name == '.' || str_ends_with(name, "~"))
		return true;
	for (size_t i = 0; i < ELEMENTSOF(names); i++)
		if (streq(name, names[i]))
			return true;
	for (size_t i = 0; dot && i < ELEMENTSOF(suffixes); i++)
		if (streq(dot + 1, suffixes[i]))
			return true;
	return false;
}

int dir_has_entries(const char *path)
{
	auto_strv char **names = NULL;
	int r = dir_list(path, &names);

	if (r < 0)
		return r;
	STRV_FOREACH (name, names)
		if (!is_hidden_or_backup(*name))
			return 1;
	return 0;
}

int dir_list(const char *path, char ***ret)
{
	auto_strv char **names = calloc(1, sizeof(*names));
	size_t n = 0, room = 1;
	struct dirent *e;
	int fd, r = 0;
	DIR *d;

	if (!names)
		return -ENOMEM;
	fd = fd_open_read(AT_FDCWD, path, O_DIRECTORY);
	if (fd < 0)
		return fd;
	d = fdopendir(fd);
	if (!d) {
		r = -errno;
		fd_close(fd);
		return r;
	}
	while (r == 0 && (errno = 0, e = readdir(d)))
		if (!streq(e->d_name, ".") && !streq(e->d_name, ".."))
			r = names_add(&names, &n, &room, e->d_name);
	if (r == 0 && errno != 0)
		r = -errno;
	(void) closedir(d);
	if (r < 0)
		return r;
	qsort(names, n, sizeof(*names), name_compare);
	*ret = TAKE_PTR(names);
	return 0;
}
