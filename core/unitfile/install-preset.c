// SPDX-License-Identifier: Apache-2.0
/* install-preset.c - what a vendor wants enabled: systemd.preset(5). */
#include "unitfile/install.h"
#include "unitfile/name.h"
#include "unitfile/word.h"

#include <fnmatch.h>

struct preset_rule {
	struct preset_rule *next;
	char *pattern;
	char **instances; /* for templates: the instances to enable */
	bool enable;
};

static void free_rules(struct preset_rule *r)
{
	while (r) {
		struct preset_rule *next = r->next;

		free(r->pattern);
		strv_free(r->instances);
		free(r);
		r = next;
	}
}

static int add_rule(struct preset_rule ***tail, bool enable, char *const *words)
{
	struct preset_rule *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->enable = enable;
	r->pattern = strdup(words[0]);
	r->instances = words[1] ? strv_copy(words + 1) : NULL;
	if (!r->pattern || (words[1] && !r->instances)) {
		free_rules(r);
		return -ENOMEM;
	}
	**tail = r;
	*tail = &r->next;
	return 0;
}

static int read_line(char *line, const char *path, unsigned number, struct diag *d,
                     struct preset_rule ***tail)
{
	auto_strv char **words = NULL;
	bool enable;
	int r;

	line = str_strip(line);
	if (!*line || *line == '#' || *line == ';')
		return 0;
	r = word_split(line, NULL, WORD_UNQUOTE | WORD_RETAIN_ESCAPE, &words);
	if (r == -ENOMEM)
		return r;
	enable = r >= 0 && streq(words[0], "enable");
	if (r < 0 || !words[1] || (!enable && !streq(words[0], "disable")) ||
	    (!enable && words[2])) {
		diag_add(d, -EINVAL, DIAG_WARNING, path, number, "Cannot parse '%.100s', ignored",
		         line);
		return 0;
	}
	return add_rule(tail, enable, words + 1);
}

static int read_file(const char *path, struct diag *d, struct preset_rule ***tail)
{
	auto_free char *text = NULL;
	unsigned number = 0;
	char *at;
	int r = file_read(path, &text, NULL);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	at = text;
	for (char *line; r >= 0 && (line = strsep(&at, "\n"));)
		r = read_line(line, path, ++number, d, tail);
	return r;
}

/* All files in the order of their names; a name in a directory before hides the same further down. */
static int read_presets(const struct unit_paths *p, struct diag *d, struct preset_rule **ret)
{
	static const char *const dirs[] = {
		"/etc/systemd/system-preset", "/run/systemd/system-preset",
		"/usr/local/lib/systemd/system-preset", "/usr/lib/systemd/system-preset",
		"/lib/systemd/system-preset"};
	struct preset_rule *rules = NULL, **tail = &rules;
	auto_strv char **all = NULL;
	int r = 0;

	for (size_t i = 0; i < ELEMENTSOF(dirs); i++) {
		auto_free char *dir = str_printf("%s%s", p->root, dirs[i]);
		auto_strv char **names = NULL;

		if (!dir)
			return -ENOMEM;
		if (dir_list(dir, &names) < 0)
			continue;
		STRV_FOREACH (n, names)
			if (str_ends_with(*n, ".preset") && (r = strv_append_unique(&all, *n)) < 0)
				return r;
	}
	strv_sort_unique(all);
	STRV_FOREACH (n, all) {
		for (size_t i = 0; r >= 0 && i < ELEMENTSOF(dirs); i++) {
			auto_free char *path = str_printf("%s%s/%s", p->root, dirs[i], *n);

			if (!path) {
				r = -ENOMEM;
				break;
			}
			if (access(path, F_OK) < 0)
				continue;
			r = read_file(path, d, &tail);
			break;
		}
	}
	if (r < 0) {
		free_rules(rules);
		return r;
	}
	*ret = rules;
	return 0;
}

/* 1 if @rule is about @name; for a template, its instances in *ret. */
static int rule_matches(const struct preset_rule *rule, const char *name, char ***ret)
{
	auto_free char *template = NULL, *instance = NULL;
	enum unit_name_flags kind = unit_name_kind(name);
	int r;

	if (!rule->instances)
		return fnmatch(rule->pattern, name, FNM_NOESCAPE) == 0;
	if (kind == UNIT_NAME_TEMPLATE && fnmatch(rule->pattern, name, FNM_NOESCAPE) == 0) {
		STRV_FOREACH (i, rule->instances) {
			auto_free char *full = NULL;

			r = unit_name_replace_instance(name, *i, &full);
			if (r >= 0)
				r = strv_append_unique(ret, full);
			if (r == -ENOMEM)
				return r;
		}
		return 1;
	}
	if (kind != UNIT_NAME_INSTANCE)
		return 0;
	if (unit_name_template(name, &template) < 0 || unit_name_instance(name, &instance) < 0)
		return -ENOMEM;
	return fnmatch(rule->pattern, template, FNM_NOESCAPE) == 0 &&
	       strv_contains(rule->instances, instance);
}

/* 1 enable, 0 disable; what no rule speaks of is enabled. */
static int query(const struct preset_rule *rules, const char *name, char ***ret_instances)
{
	for (const struct preset_rule *rule = rules; rule; rule = rule->next) {
		int r = rule_matches(rule, name, ret_instances);

		if (r != 0)
			return r < 0 ? r : rule->enable;
	}
	return 1;
}

struct install_presets {
	struct preset_rule *rules;
};

int install_presets_new(const struct unit_paths *p, struct install_presets **ret)
{
	struct install_presets *x = calloc(1, sizeof(*x));
	struct diag d = {0}; /* what is wrong with a file is told by who enables units */
	int r = x ? read_presets(p, &d, &x->rules) : -ENOMEM;

	if (r < 0)
		free(x);
	else
		*ret = x;
	return r;
}

struct install_presets *install_presets_free(struct install_presets *x)
{
	if (x)
		free_rules(x->rules);
	free(x);
	return NULL;
}

int install_presets_query(const struct install_presets *x, const char *name)
{
	auto_strv char **instances = NULL;

	return query(x->rules, name, &instances);
}

struct preset {
	struct install plus, minus;
	struct preset_rule *rules;
};

static int preset_init(struct preset *s, const struct unit_paths *p, unsigned flags,
                       struct install_changes *c, struct diag *d)
{
	*s = (struct preset){0};
	install_init(&s->plus, p, flags, c, d);
	install_init(&s->minus, p, flags, c, d);
	s->plus.preset = s->minus.preset = true;
	return read_presets(p, d, &s->rules);
}

static void preset_done(struct preset *s)
{
	install_done(&s->plus);
	install_done(&s->minus);
	free_rules(s->rules);
}

static int prepare_enable(struct preset *s, const char *name, char *const *instances)
{
	int r = 0;

	if (!instances)
		return install_info_discover_checked(&s->plus, name, INSTALL_FOLLOW | INSTALL_LOAD,
		                                     NULL);
	STRV_FOREACH (i, instances)
		if (r >= 0)
			r = install_info_discover_checked(&s->plus, *i,
			                                  INSTALL_FOLLOW | INSTALL_LOAD, NULL);
	return r;
}

static int prepare(struct preset *s, const char *name)
{
	auto_install struct install look = {0};
	auto_strv char **instances = NULL;
	struct install_info *i;
	int r;

	if (install_info_find(&s->plus, name) || install_info_find(&s->minus, name))
		return 0;
	install_init(&look, s->plus.p, s->plus.flags, s->plus.changes, s->plus.d);
	r = install_info_discover(&look, name, INSTALL_FOLLOW, &i);
	if (r < 0)
		return r;
	/* An alias goes with its unit. */
	if (!streq(i->name, name))
		return 0;
	r = query(s->rules, name, &instances);
	if (r < 0)
		return r;
	return r ? prepare_enable(s, name, instances)
	         : install_info_discover(&s->minus, name, INSTALL_FOLLOW, NULL);
}

static int execute(struct preset *s)
{
	auto_strv char **marked = NULL;
	unsigned halves = s->plus.flags & (INSTALL_PRESET_ENABLE | INSTALL_PRESET_DISABLE);
	int removed = 0, applied = 0;

	if (halves != INSTALL_PRESET_ENABLE) {
		removed = install_mark(&s->minus, &marked);
		if (removed >= 0)
			removed = install_remove_marked(&s->minus, &marked);
	}
	if (halves != INSTALL_PRESET_DISABLE)
		applied = install_apply(&s->plus);
	return removed < 0 ? removed : applied > 0 ? 1 : applied;
}

int install_preset(const struct unit_paths *p, char *const *names, unsigned flags,
                   struct install_changes *c, struct diag *d)
{
	struct preset s;
	int r = preset_init(&s, p, flags, c, d);

	STRV_FOREACH (n, names)
		if (r >= 0)
			r = prepare(&s, *n);
	if (r >= 0)
		r = execute(&s);
	preset_done(&s);
	return r;
}

int install_preset_all(const struct unit_paths *p, unsigned flags, struct install_changes *c,
                       struct diag *d)
{
	struct preset s;
	int r = preset_init(&s, p, flags, NULL, NULL);

	STRV_FOREACH (dir, p->dirs) {
		auto_strv char **names = NULL;

		if (r < 0)
			break;
		if (dir_list(*dir, &names) < 0)
			continue;
		STRV_FOREACH (n, names) {
			if (r < 0 || !unit_name_is_valid(*n, UNIT_NAME_ANY))
				continue;
			r = prepare(&s, *n);
			/* Masked, generated, missing: none of a preset's business. */
			if (r != -ENOMEM)
				r = 0;
		}
	}
	s.plus.changes = s.minus.changes = c;
	s.plus.d = s.minus.d = d;
	if (r >= 0)
		r = execute(&s);
	preset_done(&s);
	return r;
}
