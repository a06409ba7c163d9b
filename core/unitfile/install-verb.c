// SPDX-License-Identifier: Apache-2.0
/* install-verb.c - all changes by the name of their verb, for the manager and for tools that work without one; revert and add-wants. */
#include "unitfile/install.h"
#include "unitfile/name.h"

#include <sys/stat.h>
#include <unistd.h>

/* ---- add-wants, add-requires ---- */

static int add_dependency(const struct unit_paths *p, char *const *names, unsigned flags,
                          struct install_changes *c, struct diag *d, const char *suffix)
{
	auto_install struct install in;
	struct install_info *target;
	int r, result = 0;

	install_init(&in, p, flags, c, d);
	r = install_info_discover_checked(&in, names[0], INSTALL_FOLLOW, &target);
	if (r < 0)
		return r;
	STRV_FOREACH (n, names + 1) {
		auto_free char *path = NULL;
		struct install_info *i;

		r = install_info_discover_checked(&in, *n, INSTALL_FOLLOW, &i);
		if (r < 0)
			return r;
		path = str_printf("%s/%s%s/%s", in.config_path, target->name, suffix, i->name);
		r = path ? install_symlink(&in, i->path, path, true) : -ENOMEM;
		if (r < 0 && result >= 0)
			result = r;
	}
	return result < 0 ? result : 1;
}

static int add_wants(const struct unit_paths *p, char *const *names, unsigned flags,
                     struct install_changes *c, struct diag *d)
{
	return add_dependency(p, names, flags, c, d, ".wants");
}

static int add_requires(const struct unit_paths *p, char *const *names, unsigned flags,
                        struct install_changes *c, struct diag *d)
{
	return add_dependency(p, names, flags, c, d, ".requires");
}

/* ---- revert ---- */

/* The folders that an administrator's or the manager's own changes are in. */
static const size_t own_dirs[] = {
	offsetof(struct unit_paths, persistent_config),
	offsetof(struct unit_paths, runtime_config),
	offsetof(struct unit_paths, persistent_control),
	offsetof(struct unit_paths, runtime_control),
	offsetof(struct unit_paths, transient),
};

static const char *own_dir(const struct unit_paths *p, size_t i)
{
	return *(char *const *) (const void *) ((const char *) p + own_dirs[i]);
}

/* Does the vendor ship it? Then what lies over it may go. */
static bool has_vendor_file(const struct unit_paths *p, const char *name)
{
	STRV_FOREACH (dir, p->dirs) {
		auto_free char *path = path_join(*dir, name);
		bool own = streq(*dir, p->generator) || streq(*dir, p->generator_early) ||
		           streq(*dir, p->generator_late);

		for (size_t i = 0; i < ELEMENTSOF(own_dirs); i++)
			own |= streq(*dir, own_dir(p, i));
		if (path && !own && access(path, F_OK) >= 0)
			return true;
	}
	return false;
}

static int remove_tree(struct install *in, const char *path)
{
	auto_strv char **names = NULL;
	int r;

	if (dir_list(path, &names) < 0)
		return 0;
	STRV_FOREACH (n, names) {
		auto_free char *full = path_join(path, *n);

		if (!full)
			return -ENOMEM;
		if (unlink(full) < 0 && errno != ENOENT)
			return install_fail(in, -errno, full, NULL);
		r = install_note(in, "unlink", full, NULL);
		if (r < 0)
			return r;
	}
	if (rmdir(path) < 0 && errno != ENOENT)
		return install_fail(in, -errno, path, NULL);
	return install_note(in, "unlink", path, NULL);
}

static int remove_file(struct install *in, const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return 0;
	if (unlink(path) < 0)
		return install_fail(in, -errno, path, NULL);
	return install_note(in, "unlink", path, NULL);
}

static int revert(const struct unit_paths *p, char *const *names, unsigned flags,
                  struct install_changes *c, struct diag *d)
{
	auto_install struct install in;
	int r = 0;

	install_init(&in, p, flags, c, d);
	STRV_FOREACH (n, names) {
		bool vendor = has_vendor_file(p, *n);

		if (!unit_name_is_valid(*n, UNIT_NAME_ANY))
			return install_fail(&in, -EINVAL, *n, NULL);
		for (size_t i = 0; i < ELEMENTSOF(own_dirs) && r >= 0; i++) {
			auto_free char *dropins = str_printf("%s/%s.d", own_dir(p, i), *n),
				       *file = path_join(own_dir(p, i), *n);

			if (!dropins || !file)
				return -ENOMEM;
			r = remove_tree(&in, dropins);
			/* A mask goes in any case; the only file that a unit has does not. */
			if (r >= 0 && (vendor || install_is_masking(p, file)))
				r = remove_file(&in, file);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- by name ---- */

/* A path stands for the name in it: what is taken away are symlinks. */
static int disable(const struct unit_paths *p, char *const *names, unsigned flags,
                   struct install_changes *c, struct diag *d)
{
	auto_strv char **plain = NULL;
	int r = 0;

	STRV_FOREACH (n, names)
		if (r >= 0)
			r = strv_append(&plain, path_basename(*n));
	return r < 0 ? r : install_disable(p, plain, flags, c, d);
}

static int reenable(const struct unit_paths *p, char *const *names, unsigned flags,
                    struct install_changes *c, struct diag *d)
{
	auto_strv char **again = NULL;
	int r = 0;

	/* A unit that is there only by a symlink to elsewhere is enabled by its path, since disabling takes the symlink away. */
	STRV_FOREACH (n, names) {
		auto_free char *link = path_join(flags & INSTALL_RUNTIME ? p->runtime_config
		                                                         : p->persistent_config,
		                                 *n),
			       *target = NULL;

		if (!link)
			return -ENOMEM;
		r = path_is_absolute(*n) ? 0 : install_read_symlink(p, link, &target);
		r = strv_append(&again, r > 0 ? install_skip_root(p, target) : *n);
		if (r < 0)
			return r;
	}
	r = disable(p, names, flags, c, d);
	return r < 0 ? r : install_enable(p, again, flags, c, d);
}

static int preset_all(const struct unit_paths *p, char *const *names, unsigned flags,
                      struct install_changes *c, struct diag *d)
{
	(void) names;
	return install_preset_all(p, flags, c, d);
}

static int set_default(const struct unit_paths *p, char *const *names, unsigned flags,
                       struct install_changes *c, struct diag *d)
{
	return install_set_default(p, names[0], flags | INSTALL_FORCE, c, d);
}

static const struct {
	const char *verb;
	int (*fn)(const struct unit_paths *p, char *const *names, unsigned flags,
	          struct install_changes *c, struct diag *d);
	size_t min_names;
	bool takes_paths;
} verbs[] = {
	{"enable", install_enable, 1, true},
	{"disable", disable, 1, true},
	{"reenable", reenable, 1, true},
	{"preset", install_preset, 1, false},
	{"preset-all", preset_all, 0, false},
	{"mask", install_mask, 1, false},
	{"unmask", install_unmask, 1, false},
	{"link", install_link, 1, true},
	{"revert", revert, 1, false},
	{"add-wants", add_wants, 2, false},
	{"add-requires", add_requires, 2, false},
	{"set-default", set_default, 1, false},
};

int install_verb(const struct unit_paths *p, const char *verb, char *const *names, unsigned flags,
                 struct install_changes *c, struct diag *d)
{
	for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
		if (!streq(verbs[i].verb, verb))
			continue;
		if (strv_length(names) < verbs[i].min_names)
			return diag_add(d, -EINVAL, DIAG_ERROR, NULL, 0,
			                "%s needs the names of units", verb);
		STRV_FOREACH (n, names)
			if (!unit_name_is_valid(*n, UNIT_NAME_ANY) &&
			    !(verbs[i].takes_paths && path_is_absolute(*n)))
				return diag_add(d, -EINVAL, DIAG_ERROR, NULL, 0,
				                "\"%.200s\" is not the name of a unit", *n);
		return verbs[i].fn(p, names, flags, c, d);
	}
	return -EOPNOTSUPP;
}
