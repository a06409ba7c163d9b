// SPDX-License-Identifier: Apache-2.0
/* install.c - the verbs: enable, disable, link, mask, unmask, the default target. */
#include "unitfile/install.h"
#include "unitfile/name.h"

#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_TARGET "default.target"

/* A path of a unit that is outside of the search path: where it is, root prefix included. */
static int check_outside(struct install *in, const char *path, char **ret)
{
	auto_free char *full = str_printf("%s%s", in->p->root, path);
	struct stat st;

	if (!full)
		return -ENOMEM;
	path_simplify(full);
	if (!path_is_absolute(path) || !unit_name_is_valid(path_basename(full), UNIT_NAME_ANY))
		return install_fail(in, -EINVAL, path, NULL);
	if (lstat(full, &st) < 0)
		return install_fail(in, -errno, path, NULL);
	if (S_ISLNK(st.st_mode))
		return install_fail(in, -ELOOP, path, NULL);
	if (!S_ISREG(st.st_mode))
		return install_fail(in, S_ISDIR(st.st_mode) ? -EISDIR : -ENOTTY, path, NULL);
	*ret = TAKE_PTR(full);
	return !install_in_search_path(in->p, *ret);
}

static int link_file(struct install *in, const char *full)
{
	auto_free char *path = str_printf("%s/%s", in->config_path, path_basename(full));

	return path ? install_symlink(in, full, path, in->flags & INSTALL_FORCE) : -ENOMEM;
}

int install_link(const struct unit_paths *p, char *const *files, unsigned flags,
                 struct install_changes *c, struct diag *d)
{
	auto_install struct install in;
	int result = 0;

	install_init(&in, p, flags, c, d);
	STRV_FOREACH (f, files) {
		auto_free char *full = NULL;
		int r = check_outside(&in, *f, &full);

		if (r > 0)
			r = link_file(&in, full);
		if (r == -ENOMEM)
			return r;
		if (r < 0 && result >= 0)
			result = r;
	}
	return result;
}

/* -EEXIST if the name leads to another file already: known before the first symlink is made. */
static int check_link_place(struct install *in, const char *full)
{
	auto_free char *path = str_printf("%s/%s", in->config_path, path_basename(full)),
		       *target = NULL;
	struct stat st;
	int r;

	if (!path)
		return -ENOMEM;
	if (in->flags & INSTALL_FORCE || lstat(path, &st) < 0)
		return 0;
	r = S_ISLNK(st.st_mode) ? install_read_symlink(in->p, path, &target) : 0;
	if (r == -ENOMEM)
		return r;
	return target && streq(target, full)
	               ? 0
	               : install_fail(in, -EEXIST, path,
	                              target ? install_skip_root(in->p, target) : NULL);
}

int install_enable(const struct unit_paths *p, char *const *names, unsigned flags,
                   struct install_changes *c, struct diag *d)
{
	auto_install struct install in;
	int r;

	install_init(&in, p, flags, c, d);
	STRV_FOREACH (n, names) {
		const char *name = *n;
		auto_free char *full = NULL;

		/* A path is that file whatever hides its name; it is linked when the rest is known to be in order. */
		if (strchr(name, '/')) {
			r = check_outside(&in, name, &full);
			if (r < 0)
				return r;
			name = path_basename(name);
			if (r > 0)
				r = check_link_place(&in, full);
			else
				full = (free(full), NULL);
			if (r < 0)
				return r;
			r = full ? install_info_add(&in, name, full, false, NULL) : 0;
			if (r < 0)
				return r;
		}
		r = install_info_discover_checked(&in, name, INSTALL_FOLLOW | INSTALL_LOAD, NULL);
		if (r < 0)
			return r;
	}
	r = install_apply(&in);
	return r > 0 ? 1 : r;
}

int install_disable(const struct unit_paths *p, char *const *names, unsigned flags,
                    struct install_changes *c, struct diag *d)
{
	auto_install struct install in;
	auto_strv char **marked = NULL;
	bool rules = false;
	int r;

	install_init(&in, p, flags, c, d);
	STRV_FOREACH (n, names) {
		r = install_info_add(&in, *n, NULL, false, NULL);
		if (r < 0)
			return install_fail(&in, r, *n, NULL);
	}
	r = install_mark(&in, &marked);
	if (r >= 0)
		r = install_remove_marked(&in, &marked);
	for (const struct install_info *i = in.infos; i; i = i->next)
		rules = rules || install_info_has_rules(i) || i->also;
	return r < 0 ? r : rules;
}

int install_mask(const struct unit_paths *p, char *const *names, unsigned flags,
                 struct install_changes *c, struct diag *d)
{
	auto_install struct install in;
	int result = 0;

	install_init(&in, p, flags, c, d);
	STRV_FOREACH (n, names) {
		auto_free char *path = NULL;
		int r;

		if (!unit_name_is_valid(*n, UNIT_NAME_ANY)) {
			r = install_fail(&in, -EINVAL, *n, NULL);
		} else {
			path = str_printf("%s/%s", in.config_path, *n);
			if (!path)
				return -ENOMEM;
			r = install_symlink(&in, "/dev/null", path, flags & INSTALL_FORCE);
		}
		if (r == -ENOMEM)
			return r;
		if (r < 0 && result >= 0)
			result = r;
	}
	return result;
}

static int unmask_one(struct install *in, const char *name)
{
	auto_free char *path = NULL;
	char target[16];
	struct stat st;
	ssize_t n;

	if (!unit_name_is_valid(name, UNIT_NAME_ANY))
		return install_fail(in, -EINVAL, name, NULL);
	path = str_printf("%s/%s", in->config_path, name);
	if (!path)
		return -ENOMEM;
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : install_fail(in, -errno, path, NULL);
	n = readlink(path, target, sizeof(target) - 1);
	target[MAX(n, 0)] = 0;
	if (!streq(target, "/dev/null") && !(S_ISREG(st.st_mode) && st.st_size == 0))
		return 0;
	if (!(in->flags & INSTALL_DRY_RUN) && unlink(path) < 0)
		return errno == ENOENT ? 0 : install_fail(in, -errno, path, NULL);
	return install_note(in, "unlink", path, NULL);
}

int install_unmask(const struct unit_paths *p, char *const *names, unsigned flags,
                   struct install_changes *c, struct diag *d)
{
	auto_install struct install in;
	int result = 0, r;

	install_init(&in, p, flags, c, d);
	STRV_FOREACH (n, names) {
		r = unmask_one(&in, *n);
		if (r == -ENOMEM)
			return r;
		if (r < 0 && result >= 0)
			result = r;
	}
	return result;
}

int install_get_default(const struct unit_paths *p, char **ret)
{
	auto_install struct install in;
	struct install_info *i;
	int r;

	install_init(&in, p, 0, NULL, NULL);
	r = install_info_discover(&in, DEFAULT_TARGET, INSTALL_FOLLOW, &i);
	if (r < 0)
		return r;
	if (i->type == INSTALL_MASKED)
		return -ERFKILL;
	*ret = strdup(i->name);
	return *ret ? 0 : -ENOMEM;
}

int install_set_default(const struct unit_paths *p, const char *name, unsigned flags,
                        struct install_changes *c, struct diag *d)
{
	auto_install struct install in;
	auto_free char *path = NULL;
	struct install_info *i;
	int r;

	install_init(&in, p, flags & ~(unsigned) INSTALL_RUNTIME, c, d);
	if (unit_name_type(name) != UNIT_TARGET || streq(name, DEFAULT_TARGET))
		return install_fail(&in, -EINVAL, name, NULL);
	r = install_info_discover_checked(&in, name, 0, &i);
	if (r < 0)
		return r;
	path = str_printf("%s/%s", p->persistent_config, DEFAULT_TARGET);
	if (!path)
		return -ENOMEM;
	r = install_symlink(&in, i->path, path, flags & INSTALL_FORCE);
	return r < 0 ? r : 0;
}
