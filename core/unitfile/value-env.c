// SPDX-License-Identifier: Apache-2.0
/* value-env.c - the environment that a process gets: systemd.exec(5) "Environment". */
#include "unitfile/value.h"

bool env_name_is_valid(const char *s, size_t size)
{
	if (!size || (*s >= '0' && *s <= '9'))
		return false;
	for (size_t i = 0; i < size; i++)
		if (!(s[i] == '_' || (s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'z') ||
		      (s[i] >= 'A' && s[i] <= 'Z')))
			return false;
	return true;
}

/* Tabs and newlines are fine in a value, as in a shell; other control characters are not. */
bool env_assignment_is_valid(const char *s)
{
	const char *equals = strchr(s, '=');

	if (!equals || !env_name_is_valid(s, (size_t) (equals - s)))
		return false;
	for (const char *c = equals + 1; *c; c++)
		if (((unsigned char) *c < ' ' && *c != '\t' && *c != '\n') || *c == 0x7f)
			return false;
	return utf8_is_valid(equals + 1, strlen(equals + 1));
}

static int reset_list(void *field)
{
	*(char ***) field = strv_free(*(char ***) field);
	return 0;
}

VALUE_PARSER(environment)
{
	const char *at = value;

	(void) arg;
	if (!*value)
		return reset_list(field);
	for (;;) {
		auto_free char *word = NULL, *expanded = NULL;
		int r = word_next(&at, NULL, WORD_UNQUOTE | WORD_CUNESCAPE, &word);

		/* Not as in command lines: a variable with a wrong value is worse than none. */
		if (r == -EINVAL)
			return parse_warn(p,
			                  "Unbalanced quotes or an unknown escape sequence in "
			                  "'%.100s', the rest is ignored",
			                  value);
		if (r <= 0)
			return r;
		r = parse_expand(p, word, false, &expanded);
		if (r < 0)
			return r;
		if (r > 0 && !env_assignment_is_valid(expanded))
			parse_warn(p, "'%.100s' is no assignment, ignored", expanded);
		else if (r > 0 && (r = env_set(field, expanded)) < 0)
			return r;
	}
}

VALUE_PARSER(environment_file)
{
	auto_free char *s = NULL;
	const char *path;
	int r;

	(void) arg;
	if (!*value)
		return reset_list(field);
	r = parse_expand(p, value, false, &s);
	if (r <= 0)
		return r;
	path = *s == '-' ? s + 1 : s;
	if (!path_is_absolute(path))
		return parse_warn(p, "Path '%.100s' is not absolute, ignored", path);
	path_simplify(s + (path - s));
	if (!path_is_normalized(path))
		return parse_warn(p, "Path '%.100s' is not normalized, ignored", path);
	return strv_append(field, s);
}

static int add_env_name(struct parse *p, char *word, void *field, int64_t arg)
{
	if (env_name_is_valid(word, strlen(word)) || (arg && env_assignment_is_valid(word)))
		return strv_append_unique(field, word);
	return parse_warn(p, "'%.100s' is no variable's name, ignored", word);
}

VALUE_PARSER(pass_environment)
{
	if (!*value)
		return reset_list(field);
	return parse_words(p, value, WORD_UNQUOTE | (arg ? WORD_CUNESCAPE : 0), add_env_name, field,
	                   arg);
}

VALUE_PARSER(unset_environment)
{
	(void) arg;
	return value_pass_environment(p, value, field, 1);
}

static int add_search_dir(struct parse *p, const char *dir, void *field)
{
	auto_free char *s = NULL;
	int r = parse_expand(p, dir, false, &s);

	if (r <= 0)
		return r;
	path_simplify(s);
	if (!path_is_normalized(s))
		return parse_warn(p, "Path '%.100s' is not absolute and normalized, ignored", s);
	return strv_append_unique(field, s);
}

/* What a specifier stands for may hold colons of its own. */
VALUE_PARSER(search_path)
{
	auto_strv char **dirs = NULL;
	int r;

	(void) arg;
	if (!*value)
		return reset_list(field);
	r = word_split(value, ":", WORD_UNQUOTE, &dirs);
	if (r == -EINVAL)
		return parse_warn(p, "Cannot split '%.100s' into paths, ignored", value);
	for (char **d = dirs; r >= 0 && d && *d; d++)
		r = add_search_dir(p, *d, field);
	return r < 0 ? r : 0;
}
