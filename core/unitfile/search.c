// SPDX-License-Identifier: Apache-2.0
/* search.c - the folders that hold unit files, in order of precedence: systemd.unit(5), table 1. */
#include "unitfile/unitfile.h"

#include <stdlib.h>

/* clang-format off */
static const char *const system_dirs[] = {
	"/etc/systemd/system.control", "/run/systemd/system.control", "/run/systemd/transient", "/run/systemd/generator.early",
	"/etc/systemd/system", "/etc/systemd/system.attached", "/run/systemd/system", "/run/systemd/system.attached",
	"/run/systemd/generator", "/usr/local/lib/systemd/system", "/lib/systemd/system", "/usr/lib/systemd/system",
	"/run/systemd/generator.late", NULL,
};

struct special_dir {
	const char *path;
	size_t offset;
};
#define SPECIAL(path, field) { path, offsetof(struct unit_paths, field) }
static const struct special_dir special_dirs[] = {
	SPECIAL("/etc/systemd/system", persistent_config),
	SPECIAL("/run/systemd/system", runtime_config),
	SPECIAL("/run/systemd/generator", generator),
	SPECIAL("/run/systemd/generator.early", generator_early),
	SPECIAL("/run/systemd/generator.late", generator_late),
	SPECIAL("/run/systemd/transient", transient),
	SPECIAL("/etc/systemd/system.control", persistent_control),
	SPECIAL("/run/systemd/system.control", runtime_control),
};
/* clang-format on */

static int add_dir(struct unit_paths *p, const char *dir)
{
	char *path = str_printf("%s%s", p->root, dir);

	if (!path)
		return -ENOMEM;
	path_simplify(path);
	if (strv_contains(p->dirs, path)) {
		free(path);
		return 0;
	}
	return strv_append_consume(&p->dirs, path);
}

static int add_dirs(struct unit_paths *p, const char *const *dirs)
{
	for (; *dirs; dirs++) {
		int r = add_dir(p, *dirs);

		if (r < 0)
			return r;
	}
	return 0;
}

/* $SYSTEMD_UNIT_PATH replaces the list; a ":" at its end appends the usual one. */
static int add_environment(struct unit_paths *p, const char *env)
{
	auto_strv char **words = NULL;
	int r = strv_split(env, ":", &words);

	if (r < 0)
		return r;
	STRV_FOREACH (dir, words) {
		if (!path_is_absolute(*dir))
			continue;
		r = add_dir(p, *dir);
		if (r < 0)
			return r;
	}
	return str_ends_with(env, ":") ? add_dirs(p, system_dirs) : 0;
}

static char *root_prefix(const char *root)
{
	char *s = strdup(root ? root : "");

	if (!s)
		return NULL;
	path_simplify(s);
	if (streq(s, "/"))
		*s = 0;
	return s;
}

int unit_paths_init(struct unit_paths *p, const char *root)
{
	const char *env = getenv("SYSTEMD_UNIT_PATH");
	int r;

	*p = (struct unit_paths){.root = root_prefix(root)};
	if (!p->root)
		return -ENOMEM;
	r = env && *env ? add_environment(p, env) : add_dirs(p, system_dirs);
	for (size_t i = 0; r >= 0 && i < ELEMENTSOF(special_dirs); i++) {
		char *path = str_printf("%s%s", p->root, special_dirs[i].path);

		*(char **) (void *) ((char *) p + special_dirs[i].offset) = path;
		if (!path)
			r = -ENOMEM;
	}
	if (r < 0)
		unit_paths_done(p);
	return r;
}

void unit_paths_done(struct unit_paths *p)
{
	strv_free(p->dirs);
	free(p->root);
	for (size_t i = 0; i < ELEMENTSOF(special_dirs); i++)
		free(*(char **) (void *) ((char *) p + special_dirs[i].offset));
	*p = (struct unit_paths){0};
}
