// SPDX-License-Identifier: Apache-2.0
/* paths.c - which place a path is: whatever slashes and dots were typed, and through symlinks. */
#include "boot/fstab.h"

#include <limits.h>

#define SYMLINKS_MAX 32

/* The next name of *p, behind slashes and "."; its length, 0 at the end. */
static size_t next_name(const char **p)
{
	size_t n;

	do {
		*p += strspn(*p, "/");
		n = strcspn(*p, "/");
	} while (n == 1 && **p == '.' && (*p += 1));
	return n;
}

const char *path_rest(const char *path, const char *prefix)
{
	if (path_is_absolute(path) != path_is_absolute(prefix))
		return NULL;
	for (;;) {
		size_t n = next_name(&path), m = next_name(&prefix);

		if (m == 0)
			return path;
		if (n != m || memcmp(path, prefix, n) != 0)
			return NULL;
		path += n;
		prefix += m;
	}
}

bool path_is(const char *path, const char *other)
{
	const char *rest = path_rest(path, other);

	return rest && !*rest;
}

bool path_is_device(const char *path)
{
	const char *rest = path_rest(path, "/dev");

	if (!rest)
		rest = path_rest(path, "/sys");
	return !str_is_empty(rest);
}

/* @todo is "NEXT/rest" behind leading slashes; takes NEXT off. NULL at the end. */
static const char *take_component(const char *todo, size_t *ret_size)
{
	todo += strspn(todo, "/");
	*ret_size = strcspn(todo, "/");
	return *ret_size ? todo : NULL;
}

static bool is_dots(const char *s, size_t n, size_t dots)
{
	return n == dots && memcmp(s, "..", n) == 0;
}

/* "LINK's target/rest" is what is left to do. */
static int follow(const char *link, const char *rest, char **todo, bool *ret_absolute)
{
	char target[PATH_MAX];
	ssize_t n = readlink(link, target, sizeof(target) - 1);
	char *s;

	if (n <= 0)
		return n < 0 ? -errno : -EINVAL;
	target[n] = 0;
	s = str_printf("%s/%s", target, rest);
	if (!s)
		return -ENOMEM;
	free(*todo);
	*todo = s;
	*ret_absolute = target[0] == '/';
	return 0;
}

/* What is behind a place that is not there: only names may follow. */
static int append_missing(char **done, const char *rest)
{
	char *s = path_join(*done, rest);

	if (!s)
		return -ENOMEM;
	path_simplify(s);
	free(*done);
	*done = s;
	return path_is_normalized(s) ? 0 : -ENOENT;
}

/* Above the root is the root. */
static int step_up(const char *root, char **done)
{
	char *s = path_below(root, *done) ? strdup(root) : path_dirname(*done);

	if (!s)
		return -ENOMEM;
	free(*done);
	*done = s;
	return 0;
}

int path_resolve(const char *root, const char *path, char **ret)
{
	auto_free char *done = strdup(root ? root : "/"), *todo = strdup(path);
	size_t offset = 0, n;
	const char *name;
	unsigned links = 0;

	if (!done || !todo)
		return -ENOMEM;
	if (root && access(root, F_OK) < 0)
		return -errno;
	while ((name = take_component(todo + offset, &n))) {
		auto_free char *component = strndup(name, n), *place = NULL;
		const char *rest = name + n;
		bool absolute = false;
		struct stat st;
		int r;

		offset = (size_t) (rest - todo);
		if (!component)
			return -ENOMEM;
		if (is_dots(name, n, 1))
			continue;
		if (is_dots(name, n, 2)) {
			r = step_up(root ? root : "/", &done);
			if (r < 0)
				return r;
			continue;
		}
		place = path_join(done, component);
		if (!place)
			return -ENOMEM;
		if (lstat(place, &st) < 0) {
			if (errno != ENOENT)
				return -errno;
			r = append_missing(&done, name);
			if (r < 0)
				return r;
			break;
		}
		if (S_ISLNK(st.st_mode)) {
			if (++links > SYMLINKS_MAX)
				return -ELOOP;
			r = follow(place, rest, &todo, &absolute);
			if (r < 0)
				return r;
			offset = 0;
			if (absolute)
				r = str_set(&done, root ? root : "/");
			if (r < 0)
				return r;
			continue;
		}
		free(done);
		done = TAKE_PTR(place);
	}
	*ret = TAKE_PTR(done);
	return 0;
}
