// SPDX-License-Identifier: Apache-2.0
/* install-info.c - where a unit's file is, and what its [Install] section asks for. */
#include "unitfile/index.h"
#include "unitfile/install.h"
#include "unitfile/lexer.h"
#include "unitfile/name.h"
#include "unitfile/parse.h"

#include <ctype.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLLOW_MAX 64U

void install_init(struct install *in, const struct unit_paths *p, unsigned flags,
                  struct install_changes *c, struct diag *d)
{
	*in = (struct install){.p = p, .flags = flags, .changes = c, .d = d};
	in->config_path = flags & INSTALL_RUNTIME ? p->runtime_config : p->persistent_config;
}

static void drop_contents(struct install_info *i)
{
	free(i->target);
	strv_free(i->aliases);
	strv_free(i->wanted_by);
	strv_free(i->required_by);
	strv_free(i->also);
	free(i->default_instance);
	i->target = i->default_instance = NULL;
	i->aliases = i->wanted_by = i->required_by = i->also = NULL;
}

void install_done(struct install *in)
{
	while (in->infos) {
		struct install_info *i = in->infos;

		in->infos = i->next;
		drop_contents(i);
		free(i->name);
		free(i->path);
		free(i);
	}
	if (in->has_context)
		unit_context_done(&in->context);
}

struct install_info *install_info_find(const struct install *in, const char *name)
{
	for (struct install_info *i = in->infos; i; i = i->next)
		if (streq(i->name, name))
			return i;
	return NULL;
}

int install_info_add(struct install *in, const char *name, const char *path, bool auxiliary,
                     struct install_info **ret)
{
	struct install_info *i;

	if (!unit_name_is_valid(name, UNIT_NAME_ANY))
		return -EINVAL;
	i = install_info_find(in, name);
	if (!i) {
		i = calloc(1, sizeof(*i));
		if (!i)
			return -ENOMEM;
		*i = (struct install_info){.name = strdup(name),
		                           .path = path ? strdup(path) : NULL,
		                           .auxiliary = auxiliary};
		if (!i->name || (path && !i->path)) {
			free(i->name);
			free(i->path);
			free(i);
			return -ENOMEM;
		}
		chain_append(&in->infos, i);
	} else if (!auxiliary) {
		i->auxiliary = false;
	}
	if (ret)
		*ret = i;
	return 0;
}

bool install_info_has_rules(const struct install_info *i)
{
	return i->aliases || i->wanted_by || i->required_by;
}

/* ---- paths ---- */

const char *install_skip_root(const struct unit_paths *p, const char *path)
{
	const char *rest = *p->root ? path_below(path, p->root) : NULL;

	/* path_below() leaves no slash in front; the bytes before the rest are the root and one. */
	return rest && *rest ? rest - (rest[-1] == '/') : path;
}

bool install_in_search_path(const struct unit_paths *p, const char *path)
{
	auto_free char *parent = path_dirname(path);
	struct stat wanted, st;

	if (!parent)
		return false;
	if (strv_contains(p->dirs, parent))
		return true;
	if (stat(parent, &wanted) < 0)
		return false;
	STRV_FOREACH (d, p->dirs)
		if (stat(*d, &st) >= 0 && st.st_dev == wanted.st_dev && st.st_ino == wanted.st_ino)
			return true;
	return false;
}

bool install_is_runtime(const struct unit_paths *p, const char *path)
{
	const char *const dirs[] = {p->runtime_config, p->generator, p->generator_early,
	                            p->generator_late, p->transient};

	for (size_t i = 0; i < ELEMENTSOF(dirs); i++)
		if (path_below(path, dirs[i]))
			return true;
	return false;
}

bool install_is_masking(const struct unit_paths *p, const char *path)
{
	struct stat st;

	if (streq(install_skip_root(p, path), "/dev/null"))
		return true;
	return stat(path, &st) >= 0 &&
	       (S_ISCHR(st.st_mode) || (S_ISREG(st.st_mode) && st.st_size == 0));
}

int install_read_symlink(const struct unit_paths *p, const char *path, char **ret)
{
	char target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	auto_free char *dir = NULL;
	char *full;

	if (n < 0)
		return -errno;
	target[n] = 0;
	dir = path_dirname(path);
	full = !dir             ? NULL
	       : *target == '/' ? str_printf("%s%s", p->root, target)
	                        : str_printf("%s/%s", dir, target);
	if (!full)
		return -ENOMEM;
	path_drop_dots(full);
	*ret = full;
	return !install_in_search_path(p, full);
}

/* ---- [Install] ---- */

struct install_key {
	const char *key;
	size_t offset;
};
static const struct install_key list_keys[] = {
	{"Alias", offsetof(struct install_info, aliases)},
	{"WantedBy", offsetof(struct install_info, wanted_by)},
	{"RequiredBy", offsetof(struct install_info, required_by)},
	{"Also", offsetof(struct install_info, also)},
};

static int take_list(const char *value, char ***list)
{
	auto_strv char **words = NULL;
	int r;

	if (!*value) {
		*list = strv_free(*list);
		return 0;
	}
	r = word_split(value, NULL, WORD_UNQUOTE | WORD_RETAIN_ESCAPE, &words);
	return r < 0 ? (r == -ENOMEM ? r : 0) : strv_extend(list, words);
}

static int take_key(struct install *in, struct install_info *i, const struct lexeme *l)
{
	for (size_t k = 0; k < ELEMENTSOF(list_keys); k++)
		if (streq(list_keys[k].key, l->key))
			return take_list(l->value,
			                 (char ***) (void *) ((char *) i + list_keys[k].offset));
	if (streq(l->key, "DefaultInstance")) {
		auto_free char *s = NULL;
		int r;

		/* Of templates only; an instance knows its own. */
		if (unit_name_kind(i->name) == UNIT_NAME_INSTANCE)
			return 0;
		r = install_expand(in, i, l->value, &s);
		return r < 0 ? (r == -ENOMEM ? r : 0)
		             : str_set(&i->default_instance, *s ? s : NULL);
	}
	return 0;
}

static int read_install_section(struct install *in, struct install_info *i, char *text, size_t size,
                                const char *path)
{
	struct lexer lexer;
	struct lexeme l;
	int r = lexer_init(&lexer, text, size, path, in->d);

	while (r >= 0 && (r = lexer_next(&lexer, &l)) > 0)
		if (!l.new_section && streq(l.section, "Install"))
			r = take_key(in, i, &l);
	return r;
}

/* The regular file @path. -ELOOP if it is a symlink. */
static int load_file(struct install *in, struct install_info *i, const char *path, bool is_dropin)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK |
	                                    (is_dropin ? 0 : O_NOFOLLOW));
	auto_free char *text = NULL;
	struct stat st;
	size_t size;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!is_dropin)
		i->type = INSTALL_REGULAR;
	if (S_ISCHR(st.st_mode) || (S_ISREG(st.st_mode) && st.st_size == 0)) {
		if (!is_dropin)
			i->type = INSTALL_MASKED;
		return 0;
	}
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -ENOTTY;
	r = file_read_fd(fd, LEXER_TEXT_MAX, &text, &size);
	return r < 0 ? r : read_install_section(in, i, text, size, path);
}

static int load_or_readlink(struct install *in, struct install_info *i, const char *path)
{
	auto_free char *target = NULL;
	int r = load_file(in, i, path, false);

	if (r != -ELOOP)
		return r;
	r = install_read_symlink(in->p, path, &target);
	if (r < 0)
		return r;
	i->type = install_is_masking(in->p, target) ? INSTALL_MASKED
	          : r > 0                           ? INSTALL_LINKED
	                                            : INSTALL_ALIAS;
	if (i->type == INSTALL_ALIAS && !streq(path_basename(target), i->name) &&
	    !unit_alias_is_legal(i->name, path_basename(target)))
		return -EXDEV;
	free(i->target);
	i->target = TAKE_PTR(target);
	return 0;
}

static int load_dropins(struct install *in, struct install_info *i, const char *name)
{
	auto_strv char **seen = NULL, **paths = NULL;
	auto_free char *folder = str_printf("%s.d", name);
	unsigned n_dir = 0;
	uint32_t dirs;
	int r;

	if (!folder)
		return -ENOMEM;
	dirs = install_links_dirs(in->links, folder);
	STRV_FOREACH (d, in->p->dirs) {
		auto_free char *dir = NULL;
		auto_strv char **names = NULL;

		if (!(dirs & install_dir_bit(n_dir++)))
			continue;
		dir = str_printf("%s/%s", *d, folder);
		if (!dir)
			return -ENOMEM;
		if (dir_list(dir, &names) < 0)
			continue;
		STRV_FOREACH (n, names) {
			if (!str_ends_with(*n, ".conf") || (r = strv_append_unique(&seen, *n)) == 0)
				continue;
			if (r > 0)
				r = strv_append_consume(&paths, str_printf("%s/%s", dir, *n));
			if (r < 0)
				return r;
		}
	}
	STRV_FOREACH (path, paths) {
		r = load_file(in, i, *path, true);
		if (r == -ENOMEM)
			return r;
	}
	return 0;
}

static int search_name(struct install *in, struct install_info *i, const char *name)
{
	uint32_t dirs = install_links_dirs(in->links, name);
	unsigned n_dir = 0;

	STRV_FOREACH (d, in->p->dirs) {
		auto_free char *path = NULL;
		int r;

		if (!(dirs & install_dir_bit(n_dir++)))
			continue;
		path = str_printf("%s/%s", *d, name);
		if (!path)
			return -ENOMEM;
		r = load_or_readlink(in, i, path);
		if (r == -ENOENT || r == -ENOTDIR || r == -EACCES)
			continue;
		if (r < 0)
			return r;
		free(i->path);
		i->path = TAKE_PTR(path);
		return 0;
	}
	return -ENOENT;
}

/* Once an operation: what was found then, or what a symlink led to since, stands. */
static int search(struct install *in, struct install_info *i)
{
	auto_free char *template = NULL;
	int r;

	if (i->searched)
		return 0;
	if (i->path) {
		r = load_or_readlink(in, i, i->path);
		i->searched = r >= 0;
		return r;
	}
	if (unit_name_kind(i->name) == UNIT_NAME_INSTANCE &&
	    unit_name_template(i->name, &template) < 0)
		return -ENOMEM;
	r = search_name(in, i, i->name);
	if (r == -ENOENT && template)
		r = search_name(in, i, template);
	i->searched = r >= 0;
	if (r < 0 || i->type != INSTALL_REGULAR)
		return r;
	r = load_dropins(in, i, i->name);
	if (r >= 0 && template)
		r = load_dropins(in, i, template);
	return r;
}

/* ---- aliases ---- */

/* The name that the alias @i stands for; NULL in *ret: the symlink is to be taken as the unit's own file. */
static int alias_of(const struct install_info *i, char **ret)
{
	const char *base = path_basename(i->target);
	auto_free char *instance = NULL, *name = NULL;
	int r;

	*ret = NULL;
	if (i->type == INSTALL_LINKED || streq(base, i->name))
		return 0;
	if (unit_name_kind(i->name) == UNIT_NAME_INSTANCE &&
	    unit_name_kind(base) == UNIT_NAME_TEMPLATE) {
		r = unit_name_instance(i->name, &instance);
		if (r >= 0)
			r = unit_name_replace_instance(base, instance, &name);
		if (r < 0)
			return r;
		if (streq(name, i->name))
			return 0;
		*ret = TAKE_PTR(name);
		return 0;
	}
	*ret = strdup(base);
	return *ret ? 0 : -ENOMEM;
}

int install_info_traverse(struct install *in, struct install_info *i, unsigned search_flags,
                          struct install_info **ret)
{
	int r = search(in, i);

	for (unsigned depth = 0; r >= 0 && (i->type == INSTALL_LINKED || i->type == INSTALL_ALIAS);
	     depth++) {
		auto_free char *name = NULL;

		if (depth >= FOLLOW_MAX)
			return -ELOOP;
		if (!(search_flags & INSTALL_FOLLOW) &&
		    (path_below(i->path, in->p->persistent_config) ||
		     path_below(i->path, in->p->runtime_config)))
			return -ELOOP;
		r = alias_of(i, &name);
		if (r < 0)
			return r;
		if (!name) {
			free(i->path);
			i->path = TAKE_PTR(i->target);
			r = load_or_readlink(in, i, i->path);
			continue;
		}
		r = install_info_add(in, name, NULL, i->auxiliary, &i);
		if (r >= 0)
			r = search(in, i);
	}
	if (r < 0)
		return r;
	if (search_flags & INSTALL_LOAD) {
		STRV_FOREACH (also, i->also) {
			auto_free char *name = NULL;

			r = install_expand(in, i, *also, &name);
			if (r >= 0)
				r = install_info_add(in, name, NULL, true, NULL);
			if (r == -ENOMEM)
				return r;
		}
	}
	if (ret)
		*ret = i;
	return 0;
}

int install_info_discover(struct install *in, const char *name, unsigned search_flags,
                          struct install_info **ret)
{
	struct install_info *i;
	int r = install_info_add(in, name, NULL, false, &i);

	if (r >= 0)
		r = install_info_traverse(in, i, search_flags, ret);
	return r < 0 ? install_fail(in, r, name, NULL) : 0;
}

int install_info_discover_checked(struct install *in, const char *name, unsigned search_flags,
                                  struct install_info **ret)
{
	struct install_info *i;
	int r = install_info_discover(in, name, search_flags, &i);

	if (r < 0)
		return r;
	if (i->type == INSTALL_MASKED)
		return install_fail(in, -ERFKILL, i->name, NULL);
	if (path_below(i->path, in->p->generator) || path_below(i->path, in->p->generator_early) ||
	    path_below(i->path, in->p->generator_late) || path_below(i->path, in->p->transient))
		return install_fail(in, -EADDRNOTAVAIL, i->name, NULL);
	if (ret)
		*ret = i;
	return 0;
}

/* ---- specifiers ---- */

static int make_context(struct install *in)
{
	auto_free char *path = NULL, *line = NULL;
	int r = unit_context_init(&in->context);

	if (r < 0)
		return r;
	in->has_context = true;
	if (!*in->p->root)
		return 0;
	/* Another root is another machine. */
	in->context.machine_id = NULL;
	r = unit_context_read_os_release(&in->context, in->p->root);
	if (r == -ENOMEM)
		return r;
	path = str_printf("%s/etc/machine-id", in->p->root);
	if (!path)
		return -ENOMEM;
	if (file_read_line(path, &line) >= 0 && strlen(line) == ID128_TEXT_MAX - 1) {
		in->context.machine_id = line;
		return strv_append_consume(&in->context.owned, TAKE_PTR(line));
	}
	return 0;
}

/* Only what is known without a manager, and of the tree, not of the machine that works on it. */
static int check_specifiers(const struct install *in, const char *text)
{
	static const char known[] = "aAbBgGHijlmMnNopuUvwW%", of_release[] = "ABMowW";

	for (const char *p = text; (p = strchr(p, '%')) && p[1]; p += 2) {
		if (!strchr(known, p[1]) && isalnum((unsigned char) p[1]))
			return -EBADSLT;
		if (strchr(of_release, p[1]) && !in->context.os_id)
			return -ENOENT;
	}
	return 0;
}

int install_expand(struct install *in, const struct install_info *info, const char *text,
                   char **ret)
{
	int r;

	if (!strchr(text, '%')) {
		*ret = strdup(text);
		return *ret ? 0 : -ENOMEM;
	}
	if (!in->has_context && (r = make_context(in)) < 0)
		return r;
	r = check_specifiers(in, text);
	return r < 0 ? r : specifier_expand(&in->context, info->name, info->path, text, ret);
}
