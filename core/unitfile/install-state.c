// SPDX-License-Identifier: Apache-2.0
/* install-state.c - is-enabled: what the symlinks on disk make of a unit file. */
#include "unitfile/install.h"
#include "unitfile/name.h"

struct query {
	const struct install_links *links;
	const struct install_info *info;
	bool match_name;       /* only symlinks that [Install] would make count */
	bool ignore_same_name; /* we are in a directory that the unit's own file hides */
	bool same_name_link;   /* result: a symlink of the same name, to the unit */
};

/* 1 if @name is one that enabling the unit would use. */
static int is_known_name(const struct query *q, const char *name)
{
	const struct install_info *i = q->info;
	auto_free char *instance = NULL;

	if (streq(name, i->name))
		return 1;
	/* As it stands: systemctl does not resolve specifiers here, and scripts compare what both say. */
	if (strv_contains(i->aliases, name))
		return 1;
	if (i->default_instance && unit_name_kind(i->name) == UNIT_NAME_TEMPLATE &&
	    unit_name_replace_instance(i->name, i->default_instance, &instance) >= 0)
		return streq(instance, name);
	return 0;
}

/* One symlink: 1 if it enables the unit. In .wants folders only its name counts, not where it leads. */
static int check_link(struct query *q, const struct install_link *l)
{
	bool same_name = (l->in_folder || !q->ignore_same_name) && streq(l->name, q->info->name),
	     leads = !l->in_folder && streq(path_basename(l->target), q->info->name);
	auto_free char *template = NULL;

	if (l->in_folder && !same_name && unit_name_kind(l->name) == UNIT_NAME_INSTANCE) {
		/* A template is in use where an instance of it is wanted. */
		if (unit_name_template(l->name, &template) < 0)
			return -ENOMEM;
		same_name = streq(q->info->name, template);
	}
	if (same_name && leads) {
		q->same_name_link = true;
		return 0;
	}
	if (!same_name && !leads)
		return 0;
	return q->match_name ? is_known_name(q, l->name) : 1;
}

/* The links of one directory of the search path and of its folders. */
static int check_search_dir(struct query *q, unsigned dir)
{
	int r = 0;

	for (const struct install_link_use *u = install_links_find(q->links, q->info->name);
	     u && r == 0; u = u->next)
		if (u->link->dir == dir)
			r = check_link(q, u->link);
	return r;
}

/* 1 and the state, 0 if no symlink was found. */
static int find_symlinks(struct install *in, const struct install_links *links,
                         const struct install_info *info, bool match_name,
                         enum unit_file_state *ret)
{
	struct query q = {.links = links, .info = info, .match_name = match_name};
	bool runtime = false, elsewhere = false, linked = false, linked_runtime = false;
	unsigned n = 0;

	STRV_FOREACH (dir, in->p->dirs) {
		int r;

		q.same_name_link = false;
		r = check_search_dir(&q, n++);
		if (r < 0)
			return r;
		if (r > 0) {
			if (streq(*dir, in->p->persistent_config)) {
				*ret = UNIT_FILE_ENABLED;
				return 1;
			}
			*(install_is_runtime(in->p, *dir) ? &runtime : &elsewhere) = true;
		} else if (q.same_name_link) {
			if (streq(*dir, in->p->persistent_config))
				linked = true;
			else if (install_is_runtime(in->p, *dir))
				linked_runtime = true;
		}
		if (path_below(info->path, *dir))
			q.ignore_same_name = true;
	}
	/* An instance that the vendor symlinks is there for good; other such symlinks are mere names. */
	if (runtime)
		*ret = UNIT_FILE_ENABLED_RUNTIME;
	else if (elsewhere && unit_name_kind(info->name) == UNIT_NAME_INSTANCE)
		*ret = UNIT_FILE_STATIC;
	else if (linked || linked_runtime)
		*ret = linked ? UNIT_FILE_LINKED : UNIT_FILE_LINKED_RUNTIME;
	else
		return 0;
	return 1;
}

static int state_of_regular(struct install *in, const struct install_links *links, const char *name,
                            const struct install_info *i, enum unit_file_state *ret)
{
	int r;

	if (!streq(name, path_basename(i->path)) && unit_name_kind(i->name) != UNIT_NAME_INSTANCE) {
		*ret = UNIT_FILE_ALIAS;
		return 0;
	}
	if (path_below(i->path, in->p->generator) || path_below(i->path, in->p->generator_early) ||
	    path_below(i->path, in->p->generator_late)) {
		*ret = UNIT_FILE_GENERATED;
		return 0;
	}
	if (path_below(i->path, in->p->transient)) {
		*ret = UNIT_FILE_TRANSIENT;
		return 0;
	}
	r = find_symlinks(in, links, i, true, ret);
	if (r != 0)
		return r < 0 ? r : 0;
	/* In use under another name. */
	r = find_symlinks(in, links, i, false, ret);
	if (r < 0)
		return r;
	*ret = r > 0                       ? UNIT_FILE_INDIRECT
	       : install_info_has_rules(i) ? UNIT_FILE_DISABLED
	       : i->also                   ? UNIT_FILE_INDIRECT
	                                   : UNIT_FILE_STATIC;
	return 0;
}

int install_state_of(const struct unit_paths *p, const struct install_links *links,
                     const char *name, enum unit_file_state *ret)
{
	auto_install struct install in;
	struct install_info *i;
	int r;

	install_init(&in, p, 0, NULL, NULL);
	in.links = links;
	if (!unit_name_is_valid(name, UNIT_NAME_ANY))
		return -EINVAL;
	r = install_info_discover(&in, name, INSTALL_FOLLOW | INSTALL_LOAD, &i);
	if (r < 0)
		return r;
	if (i->type == INSTALL_MASKED) {
		*ret = install_is_runtime(p, i->path) ? UNIT_FILE_MASKED_RUNTIME : UNIT_FILE_MASKED;
		return 0;
	}
	return state_of_regular(&in, links, name, i, ret);
}

int install_state(const struct unit_paths *p, const char *name, enum unit_file_state *ret)
{
	auto_cleanup(install_links_free) struct install_links *links = NULL;
	int r = install_links_new(p, &links);

	return r < 0 ? r : install_state_of(p, links, name, ret);
}
