// SPDX-License-Identifier: Apache-2.0
/* value-unit.c - the values of [Unit] and [Install]: systemd.unit(5). */
#include "unitfile/value.h"
#include "unitfile/name.h"

#define UNIT_OF(field_, member)                                                                    \
	((struct unit_settings *) (void *) ((char *) (field_) -offsetof(struct unit_settings,      \
	                                                                member)))

/* A template among the dependencies stands for its instance of the same name as ours; for plain units, of our prefix. */
static int resolve_template(struct parse *p, const char *name, char **ret)
{
	auto_free char *instance = NULL;
	int r;

	if (unit_name_kind(name) != UNIT_NAME_TEMPLATE) {
		*ret = strdup(name);
		return *ret ? 0 : -ENOMEM;
	}
	r = unit_name_instance(p->f->id, &instance);
	if (r >= 0 && !instance)
		r = unit_name_prefix(p->f->id, &instance);
	return r < 0 ? r : unit_name_replace_instance(name, instance, ret);
}

static int add_dependency(struct parse *p, char *word, void *field, int64_t arg)
{
	ptrdiff_t kind = (char **const *) field - p->f->unit.dependencies;
	auto_free char *name = NULL;
	int r;

	(void) arg;
	if (!unit_name_is_valid(word, UNIT_NAME_ANY))
		return parse_warn(p, "'%.100s' is no unit name, ignored", word);
	r = resolve_template(p, word, &name);
	/* A unit does not depend on itself. */
	if (r < 0 || streq(name, p->f->id))
		return r;
	return strv_append_indexed(field, &p->dependencies[kind], name);
}

VALUE_PARSER(dependencies)
{
	int r = parse_words(p, value, WORD_UNQUOTE | WORD_RETAIN_ESCAPE, add_dependency, field,
	                    arg);

	return r;
}

static int add_unit_name(struct parse *p, char *word, void *field, int64_t arg)
{
	(void) arg;
	if (unit_name_kind(word) == UNIT_NAME_TEMPLATE || !unit_name_is_valid(word, UNIT_NAME_ANY))
		return parse_warn(p, "'%.100s' is no unit name, ignored", word);
	return strv_append_unique(field, word);
}

/* Names as they are: no dependency is made of them. An empty value begins anew. */
VALUE_PARSER(unit_names)
{
	if (!*value) {
		*(char ***) field = strv_free(*(char ***) field);
		return 0;
	}
	return parse_words(p, value, WORD_UNQUOTE | WORD_RETAIN_ESCAPE, add_unit_name, field, arg);
}

VALUE_PARSER(path_or_not)
{
	auto_free char *path = NULL, *text = NULL;
	bool negate = *value == '!';
	int r = value_path(p, value + negate, &path, arg);

	if (r < 0 || (!path && *value))
		return r;
	text = path ? str_printf("%s%s", negate ? "!" : "", path) : NULL;
	if (path && !text)
		return -ENOMEM;
	free(*(char **) field);
	*(char **) field = TAKE_PTR(text);
	return 0;
}

static int add_mount_path(struct parse *p, char *word, void *field, int64_t arg)
{
	(void) arg;
	if (!path_is_absolute(word))
		return parse_warn(p, "Path '%.100s' is not absolute, ignored", word);
	path_simplify(word);
	if (!path_is_normalized(word))
		return parse_warn(p, "Path '%.100s' is not normalized, ignored", word);
	return strv_append_unique(field, word);
}

VALUE_PARSER(mounts_for)
{
	int r = parse_words(p, value, WORD_UNQUOTE, add_mount_path, field, arg);

	return r;
}

static bool is_ascii(const char *s)
{
	while ((unsigned char) *s >= ' ' && (unsigned char) *s < 0x7f)
		s++;
	return !*s;
}

static int add_documentation(struct parse *p, char *word, void *field, int64_t arg)
{
	static const char *const schemes[] = {"http://", "https://", "file:/", "info:", "man:"};

	(void) arg;
	if (!*word)
		return 0;
	for (size_t i = 0; i < ELEMENTSOF(schemes); i++) {
		const char *rest = str_after(word, schemes[i]);

		if (rest && *rest && is_ascii(rest))
			return strv_append(field, word);
	}
	return parse_warn(p, "'%.100s' is no URI of http, https, file, info or man, ignored", word);
}

/* Specifiers are resolved first: the blanks that they stand for divide words. */
VALUE_PARSER(documentation)
{
	auto_strv char **words = NULL;
	auto_free char *expanded = NULL;
	int r;

	if (!*value) {
		*(char ***) field = strv_free(*(char ***) field);
		return 0;
	}
	r = parse_expand(p, value, false, &expanded);
	if (r <= 0)
		return r;
	r = word_split(expanded, NULL, WORD_UNQUOTE | WORD_RETAIN_ESCAPE, &words);
	if (r == -EINVAL)
		return parse_warn(p, "Cannot split '%.100s' into words, ignored", expanded);
	for (char **w = words; r >= 0 && w && *w; w++)
		r = add_documentation(p, *w, field, arg);
	return r < 0 ? r : 0;
}

/* Kinds whose parameter is a path, which must be absolute. */
static bool condition_takes_path(enum condition_type t)
{
	switch (t) {
	case CONDITION_PATH_EXISTS:
	case CONDITION_PATH_EXISTS_GLOB:
	case CONDITION_PATH_IS_DIRECTORY:
	case CONDITION_PATH_IS_SYMBOLIC_LINK:
	case CONDITION_PATH_IS_MOUNT_POINT:
	case CONDITION_PATH_IS_READ_WRITE:
	case CONDITION_PATH_IS_ENCRYPTED:
	case CONDITION_DIRECTORY_NOT_EMPTY:
	case CONDITION_FILE_NOT_EMPTY:
	case CONDITION_FILE_IS_EXECUTABLE:
	case CONDITION_NEEDS_UPDATE:
		return true;
	default:
		return false;
	}
}

/* An empty assignment drops the conditions, or the assertions, but not the others. */
static void drop_conditions(struct condition **list, bool is_assert)
{
	while (*list) {
		struct condition *c = *list;

		if (c->is_assert != is_assert) {
			list = &c->next;
			continue;
		}
		*list = c->next;
		c->next = NULL;
		free_conditions(c);
	}
}

VALUE_PARSER(condition)
{
	enum condition_type type = (enum condition_type)(arg & 0xffff);
	bool is_assert = arg & 1 << 16, trigger, negate;
	auto_free char *s = NULL;
	struct condition *c;
	int r;

	if (!*value) {
		drop_conditions(field, is_assert);
		return 0;
	}
	trigger = *value == '|';
	value += trigger;
	negate = *value == '!';
	value += negate;
	/* A path begins at once, or it is none. */
	if (!condition_takes_path(type))
		value += strspn(value, WHITESPACE);
	r = parse_expand(p, value, false, &s);
	if (r <= 0)
		return r;
	if (condition_takes_path(type)) {
		if (!path_is_absolute(s))
			return parse_warn(p, "Path '%.100s' is not absolute, ignored", s);
		path_simplify(s);
		if (!path_is_normalized(s))
			return parse_warn(p, "Path '%.100s' is not normalized, ignored", s);
	}
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	*c = (struct condition){
		.type = type,
		.is_assert = is_assert,
		.trigger = trigger,
		.negate = negate,
		.parameter = TAKE_PTR(s),
	};
	chain_append(field, c);
	return 0;
}

VALUE_PARSER(job_mode)
{
	int m = job_mode_from_string(value);

	(void) p;
	(void) arg;
	if (m < 0)
		return m;
	*(enum job_mode *) field = (enum job_mode) m;
	return 0;
}

VALUE_PARSER(failure_isolate)
{
	int b = str_to_bool(value);

	(void) p;
	(void) arg;
	if (b < 0)
		return b;
	*(enum job_mode *) field = b ? JOB_MODE_ISOLATE : JOB_MODE_REPLACE;
	return 0;
}

VALUE_PARSER(job_timeout)
{
	int r = value_sec_fix_0(p, value, field, arg);

	/* It stands for the time a job runs, too, unless that is set of its own. */
	if (r >= 0 && !p->job_running_timeout_set) {
		struct unit_settings *u = UNIT_OF(field, job_timeout_usec);

		u->job_running_timeout_usec = u->job_timeout_usec;
	}
	return r;
}

VALUE_PARSER(job_running_timeout)
{
	int r = value_sec_fix_0(p, value, field, arg);

	if (r >= 0)
		p->job_running_timeout_set = true;
	return r;
}

VALUE_PARSER(action)
{
	(void) p;
	(void) arg;
	for (int a = 0; a < ACTION_MAX; a++) {
		if (streq(emergency_action_to_string((enum emergency_action) a), value)) {
			*(enum emergency_action *) field = (enum emergency_action) a;
			return 0;
		}
	}
	return -EINVAL;
}

VALUE_PARSER(exit_status)
{
	int64_t v;
	int r;

	(void) p;
	(void) arg;
	if (!*value) {
		*(int *) field = -1;
		return 0;
	}
	r = parse_number(value, false, &v);
	if (r < 0 || v > 255)
		return r < 0 ? r : -ERANGE;
	*(int *) field = (int) v;
	return 0;
}

VALUE_PARSER(collect_mode)
{
	(void) p;
	(void) arg;
	if (!streq(value, "inactive") && !streq(value, "inactive-or-failed"))
		return -EINVAL;
	*(bool *) field = streq(value, "inactive-or-failed");
	return 0;
}

static int add_install_name(struct parse *p, char *word, void *field, int64_t arg)
{
	(void) arg;
	if (!unit_name_is_valid(word, UNIT_NAME_ANY))
		return parse_warn(p, "'%.100s' is no unit name, ignored", word);
	return strv_append_unique(field, word);
}

VALUE_PARSER(install_names)
{
	int r;

	if (!*value) {
		*(char ***) field = strv_free(*(char ***) field);
		return 0;
	}
	r = parse_words(p, value, WORD_UNQUOTE | WORD_RETAIN_ESCAPE, add_install_name, field, arg);
	return r;
}

VALUE_PARSER(default_instance)
{
	auto_free char *s = NULL;
	int r;

	(void) arg;
	if (!*value)
		return str_set(field, NULL);
	r = parse_expand(p, value, false, &s);
	if (r <= 0)
		return r;
	for (const char *c = s; *c; c++)
		if (!strchr("@:-_.\\", *c) &&
		    !((*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') ||
		      (*c >= 'A' && *c <= 'Z')))
			return -EINVAL;
	free(*(char **) field);
	*(char **) field = TAKE_PTR(s);
	return 0;
}
