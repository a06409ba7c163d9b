// SPDX-License-Identifier: Apache-2.0
/* install-apply.c - enable: the symlinks that [Install] asks for, and those for units from outside of the search path. */
#include "unitfile/index.h"
#include "unitfile/install.h"
#include "unitfile/name.h"

#include <unistd.h>

/* ---- Alias= ---- */

/* "foo.target.wants/bar.service" is an old way to write WantedBy=foo.target. */
static int check_alias_path(struct install *in, const struct install_info *i, const char *alias)
{
	const char *slash = strchr(alias, '/');
	auto_free char *dir = strndup(alias, (size_t) (slash - alias));
	char *dot = dir ? strrchr(dir, '.') : NULL;
	bool valid =
		dot && (streq(dot, ".wants") || streq(dot, ".requires")) && !strchr(slash + 1, '/');

	if (!dir)
		return -ENOMEM;
	if (valid) {
		*dot = 0;
		valid = unit_name_is_valid(dir, UNIT_NAME_ANY);
	}
	/* The name in it is the unit's own, or that of its template. */
	if (valid && !streq(slash + 1, i->name)) {
		auto_free char *template = NULL;

		valid = unit_name_template(i->name, &template) >= 0 && streq(template, slash + 1);
	}
	return valid ? 0 : install_fail(in, -EXDEV, i->name, alias);
}

/* Checks an alias; an alias that is a template becomes the instance that is being enabled. */
static int check_alias(struct install *in, const struct install_info *i, char **alias)
{
	auto_free char *instance = NULL;
	char *updated;
	int r;

	if (strchr(*alias, '/'))
		return check_alias_path(in, i, *alias);
	if (unit_name_kind(*alias) == UNIT_NAME_TEMPLATE &&
	    unit_name_kind(i->name) == UNIT_NAME_INSTANCE) {
		r = unit_name_instance(i->name, &instance);
		if (r >= 0)
			r = unit_name_replace_instance(*alias, instance, &updated);
		if (r < 0)
			return r;
		free(*alias);
		*alias = updated;
	}
	if (streq(*alias, i->name))
		return -ELOOP;
	if (!unit_alias_is_legal(*alias, i->name) &&
	    !(unit_name_kind(*alias) == UNIT_NAME_INSTANCE &&
	      unit_name_kind(i->name) == UNIT_NAME_TEMPLATE &&
	      unit_name_type(*alias) == unit_name_type(i->name)))
		return install_fail(in, -EXDEV, i->name, *alias);
	return 0;
}

/* A symlink that leads nowhere may be replaced. */
static bool is_dangling(struct install *in, const char *path)
{
	auto_free char *target = NULL;

	return install_read_symlink(in->p, path, &target) >= 0 &&
	       faccessat(AT_FDCWD, target, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

static int apply_aliases(struct install *in, const struct install_info *i)
{
	int result = 0, r;

	STRV_FOREACH (a, i->aliases) {
		auto_free char *alias = NULL, *path = NULL;

		r = install_expand(in, i, *a, &alias);
		if (r >= 0)
			r = check_alias(in, i, &alias);
		if (r == -ENOMEM)
			return r;
		if (r < 0) {
			if (r != -ELOOP && result >= 0)
				result = r;
			continue;
		}
		path = str_printf("%s/%s", in->config_path, alias);
		if (!path)
			return -ENOMEM;
		r = install_symlink(in, i->path, path,
		                    in->flags & INSTALL_FORCE || is_dangling(in, path));
		result = r < 0 && result >= 0 ? r : result < 0 ? result : result + r;
	}
	return result;
}

/* ---- WantedBy=, RequiredBy= ---- */

/* The name of the symlink: for a template its default instance; without one only other templates' units can pull it in. */
static int link_name(struct install *in, const struct install_info *i, char **ret,
                     unsigned *ret_kinds)
{
	struct install_info *instance;
	auto_free char *name = NULL;
	int r;

	*ret_kinds = UNIT_NAME_ANY;
	if (unit_name_kind(i->name) != UNIT_NAME_TEMPLATE) {
		*ret = strdup(i->name);
		return *ret ? 0 : -ENOMEM;
	}
	if (!i->default_instance) {
		*ret_kinds = UNIT_NAME_TEMPLATE | UNIT_NAME_INSTANCE;
		*ret = strdup(i->name);
		return *ret ? 0 : -ENOMEM;
	}
	r = unit_name_replace_instance(i->name, i->default_instance, &name);
	if (r < 0)
		return r;
	{
		struct install other;

		install_init(&other, in->p, in->flags, NULL, NULL);
		r = install_info_add(&other, name, NULL, false, &instance);
		if (r >= 0)
			r = install_info_traverse(&other, instance, INSTALL_FOLLOW, &instance);
		if (r >= 0 && instance->type == INSTALL_MASKED)
			r = -ERFKILL;
		install_done(&other);
	}
	if (r == -ERFKILL)
		return install_fail(in, r, name, NULL);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(name);
	return 0;
}

static bool unit_is_present(struct install *in, const char *name)
{
	struct install other;
	struct install_info *i;
	int r;

	install_init(&other, in->p, in->flags, NULL, NULL);
	r = install_info_add(&other, name, NULL, false, &i);
	if (r >= 0)
		r = install_info_traverse(&other, i, INSTALL_FOLLOW, NULL);
	install_done(&other);
	return r >= 0;
}

static int apply_one_wants(struct install *in, const struct install_info *i, const char *name,
                           const char *destination, const char *suffix)
{
	auto_free char *path = str_printf("%s/%s%s/%s", in->config_path, destination, suffix, name);
	int r;

	if (!path)
		return -ENOMEM;
	r = install_symlink(in, i->path, path, true);
	if (r >= 0 && !unit_is_present(in, destination) &&
	    install_note(in, "destination-not-present", destination,
	                 install_skip_root(in->p, i->path)) < 0)
		return -ENOMEM;
	return r;
}

static int apply_wants(struct install *in, const struct install_info *i, char *const *list,
                       const char *suffix)
{
	struct install_info named = *i;
	auto_free char *name = NULL;
	unsigned kinds;
	int result = 0, r;

	if (!list)
		return 0;
	r = link_name(in, i, &name, &kinds);
	if (r < 0)
		return r;
	/* "%i" is the instance that is pulled in. */
	named.name = name;
	STRV_FOREACH (w, list) {
		auto_free char *destination = NULL;

		r = install_expand(in, &named, *w, &destination);
		if (r >= 0) {
			enum unit_name_flags kind = unit_name_kind(destination);

			if (in->preset && !(kind & kinds))
				continue;
			if (!kind)
				r = install_fail(in, -EUCLEAN, destination, i->path);
			else if (!(kind & kinds))
				r = install_fail(in, -EIDRM, destination, i->path);
			else
				r = apply_one_wants(in, i, name, destination, suffix);
		}
		if (r == -ENOMEM)
			return r;
		result = r < 0 && result >= 0 ? r : result < 0 ? result : result + r;
	}
	return result;
}

/* ---- all of a unit, all units ---- */

static int apply_link(struct install *in, const struct install_info *i)
{
	auto_free char *path = NULL;

	if (install_in_search_path(in->p, i->path))
		return 0;
	path = str_printf("%s/%s", in->config_path, i->name);
	return path ? install_symlink(in, i->path, path, in->flags & INSTALL_FORCE) : -ENOMEM;
}

static int apply_info(struct install *in, const struct install_info *i)
{
	int result = apply_aliases(in, i), r;

	for (int kind = 0; kind < 2; kind++) {
		r = kind == 0 ? apply_wants(in, i, i->wanted_by, ".wants")
		              : apply_wants(in, i, i->required_by, ".requires");
		result = r < 0 && result >= 0 ? r : result < 0 ? result : result + r;
	}
	r = apply_link(in, i);
	/* Linking is no rule of the unit's own. */
	return r < 0 && result >= 0 ? r : result;
}

static struct install_info *next_undone(struct install *in)
{
	for (struct install_info *i = in->infos; i; i = i->next)
		if (!i->done)
			return i;
	return NULL;
}

int install_apply(struct install *in)
{
	struct install_info *i;
	int result = 0, r;

	while ((i = next_undone(in))) {
		struct install_info *found;

		i->done = true;
		r = install_info_traverse(in, i, INSTALL_LOAD, &found);
		if (r < 0 && i->auxiliary) {
			r = install_note(in, "auxiliary-failed", i->name, NULL);
			if (r < 0)
				return r;
			continue;
		}
		if (r < 0)
			return install_fail(in, r, i->name, NULL);
		/* An alias has brought in the unit that it stands for. */
		if (found != i && found->done)
			continue;
		found->done = true;
		if (found->type == INSTALL_MASKED) {
			r = install_note(in, "masked", found->path, NULL);
			if (r < 0)
				return r;
			result += result >= 0;
			continue;
		}
		if (found->type != INSTALL_REGULAR)
			continue;
		r = apply_info(in, found);
		if (r == -ENOMEM)
			return r;
		result = r < 0 && result >= 0 ? r : result < 0 ? result : result + r;
	}
	return result;
}
