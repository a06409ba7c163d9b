// SPDX-License-Identifier: Apache-2.0
/*
 * generator-choice.c - which programs run as generators. The first of a name counts, and one that is masked hides those behind it.
 *
 * What systemd's own fstab and getty generators do, the boot agent does as well, and for both in one process that loads no library of
 * systemd's (docs/design/boot.md). It stands in their place, where the package has them and where nobody does: an administrator's own
 * program of that name, or a mask, counts as before. Without a boot agent the package's run.
 */
#include "core.h"

#include <sys/stat.h>

#define GENERATORS_MAX 128

/* Sorted by the name of systemd's. */
static const struct {
	const char *name, *own;
} replaced[] = {
	{"systemd-fstab-generator", "fstab"},
	{"systemd-getty-generator", "getty"},
};

static int search_path(const char *directory, bool *ret_standard, char ***ret)
{
	const char *override = secure_getenv("SYSTEMD_GENERATOR_PATH");
	auto_free char *own = path_join(directory, "generators");
	const char *const standard[] = {
		"/run/systemd/system-generators",           "/etc/systemd/system-generators",
		"/usr/local/lib/systemd/system-generators", own,
		"/usr/lib/systemd/system-generators",       "/lib/systemd/system-generators",
	};
	auto_strv char **v = NULL;
	int r = 0;

	if (!own)
		return -ENOMEM;
	*ret_standard = !override;
	if (override)
		return strv_split(override, ":", ret);
	for (size_t i = 0; i < ELEMENTSOF(standard) && r >= 0; i++)
		r = strv_append(&v, standard[i]);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(v);
	return 0;
}

static bool is_masked(const char *path)
{
	struct stat st, null;

	if (stat(path, &st) < 0)
		return true;
	if (S_ISREG(st.st_mode) && st.st_size == 0)
		return true;
	return stat("/dev/null", &null) >= 0 && st.st_rdev == null.st_rdev && S_ISCHR(st.st_mode);
}

bool generator_is_packaged(const char *path)
{
	return str_after(path, "/usr/lib/systemd/") || str_after(path, "/lib/systemd/");
}

static const char *own_name(const struct generator_choice *c, const char *name)
{
	for (size_t i = 0; c->agent && i < ELEMENTSOF(replaced); i++)
		if (streq(replaced[i].name, name))
			return replaced[i].own;
	return NULL;
}

static int add_own(struct generator_choice *c, const char *name)
{
	char *names = c->own ? str_printf("%s,%s", c->own, name) : strdup(name);

	if (!names)
		return -ENOMEM;
	free(c->own);
	c->own = names;
	return 0;
}

/* @path is the first of its name. */
static int choose(struct generator_choice *c, const char *path)
{
	const char *own = own_name(c, path_basename(path));

	if (is_masked(path) || access(path, X_OK) < 0)
		return 0;
	return own && generator_is_packaged(path) ? add_own(c, own)
	                                          : strv_append(&c->programs, path);
}

static int choose_in(struct generator_choice *c, const char *dir, struct map *seen)
{
	auto_strv char **names = NULL;

	if (dir_list(dir, &names) < 0)
		return 0;
	STRV_FOREACH (n, names) {
		auto_free char *path = path_join(dir, *n);
		int r;

		if (!path)
			return -ENOMEM;
		if ((*n)[0] == '.' || map_has(seen, *n) || map_size(seen) >= GENERATORS_MAX)
			continue;
		r = map_add(seen, *n, seen);
		if (r >= 0)
			r = choose(c, path);
		if (r < 0)
			return r;
	}
	return 0;
}

int generators_choose(const char *directory, struct generator_choice *ret)
{
	auto_cleanup(map_free) struct map *seen = map_new(MAP_STRING | MAP_OWN_KEYS);
	auto_generator_choice struct generator_choice c = {
		.agent = path_join(directory, "sysmaster-boot")};
	auto_strv char **dirs = NULL;
	bool standard;
	int r;

	if (!seen || !c.agent)
		return -ENOMEM;
	if (access(c.agent, X_OK) < 0) {
		free(c.agent);
		c.agent = NULL;
	}
	r = search_path(directory, &standard, &dirs);
	if (r < 0)
		return r;
	STRV_FOREACH (d, dirs) {
		r = choose_in(&c, *d, seen);
		if (r < 0)
			return r;
	}
	/* Who names the folders says all that is to run. */
	for (size_t i = 0; standard && c.agent && i < ELEMENTSOF(replaced); i++) {
		if (map_has(seen, replaced[i].name))
			continue;
		r = add_own(&c, replaced[i].own);
		if (r < 0)
			return r;
	}
	*ret = c;
	c = (struct generator_choice){0};
	return 0;
}

void generator_choice_done(struct generator_choice *c)
{
	strv_free(c->programs);
	free(c->agent);
	free(c->own);
	*c = (struct generator_choice){0};
}
