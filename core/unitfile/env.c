// SPDX-License-Identifier: Apache-2.0
/* env.c - variables in command lines, and EnvironmentFile=: systemd.service(5), systemd.exec(5). */
#include "unitfile/value.h"

#define EXPANDED_MAX (2U * 1024 * 1024)

static const char *env_get_n(char *const *env, const char *name, size_t size)
{
	const char *found = NULL;

	STRV_FOREACH (e, env)
		if (!strncmp(*e, name, size) && (*e)[size] == '=')
			found = *e + size + 1;
	return found;
}

/* "${X}" in place, "$$" for "$". What is no such thing stays as it is. */
static int expand_in_place(const char *s, char *const *env, char **ret)
{
	auto_strbuf struct strbuf b = {.max = EXPANDED_MAX};

	strbuf_puts(&b, "");
	while (*s) {
		size_t n = strcspn(s, "$");

		strbuf_add(&b, s, n);
		s += n;
		if (!*s)
			break;
		if (s[1] == '$') {
			strbuf_add(&b, "$", 1);
			s += 2;
			continue;
		}
		if (s[1] == '{') {
			n = strcspn(s + 2, "}:");
			if (s[2 + n] == '}') {
				const char *value = env_get_n(env, s + 2, n);

				strbuf_puts(&b, value ? value : "");
				s += n + 3;
				continue;
			}
			/* Not closed, or a form of the shell's that is not ours. */
			strbuf_add(&b, s, 2);
			s += 2;
			continue;
		}
		strbuf_add(&b, "$", 1);
		s++;
	}
	return strbuf_take(&b, ret);
}

int env_expand_argv(char *const *argv, char *const *env, char ***ret)
{
	auto_strv char **v = calloc(1, sizeof(char *));

	if (!v)
		return -ENOMEM;
	STRV_FOREACH (a, argv) {
		const char *s = *a;
		char *expanded;
		int r;

		/* A word of its own is split at white space, and vanishes if there is nothing. */
		if (s[0] == '$' && s[1] != '{' && s[1] != '$') {
			const char *value = env_get_n(env, s + 1, strlen(s + 1));
			auto_strv char **words = NULL;

			r = value ? word_split(value, NULL, WORD_UNQUOTE | WORD_RELAX, &words) : 0;
			if (r >= 0)
				r = strv_extend(&v, words);
			if (r < 0)
				return r;
			continue;
		}
		r = expand_in_place(s, env, &expanded);
		if (r >= 0)
			r = strv_append_consume(&v, expanded);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(v);
	return 0;
}

/* ---- files ---- */

enum env_state {
	ENV_BEFORE_KEY,
	ENV_KEY,
	ENV_BEFORE_VALUE,
	ENV_VALUE,
	ENV_VALUE_ESCAPE,
	ENV_SINGLE_QUOTE,
	ENV_DOUBLE_QUOTE,
	ENV_DOUBLE_QUOTE_ESCAPE,
	ENV_COMMENT,
	ENV_COMMENT_ESCAPE,
};

struct env_reader {
	enum env_state state;
	struct strbuf key, value;
	size_t value_solid; /* the value without the blanks at its end */
	unsigned line, key_line;
	const char *path;
	struct diag *d;
	char **env;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* A carriage return ends a line, too: of files from other systems the newline behind it is an empty line more. */
static bool is_newline(char c)
{
	return c == '\n' || c == '\r';
}

static void value_add(struct env_reader *e, char c, bool solid)
{
	strbuf_add(&e->value, &c, 1);
	if (solid)
		e->value_solid = e->value.size;
}

static int finish_assignment(struct env_reader *e)
{
	auto_free char *assignment = NULL;
	size_t key_size = e->key.size;

	while (key_size > 0 && is_blank(e->key.data[key_size - 1]))
		key_size--;
	assignment = str_printf("%.*s=%.*s", (int) key_size, e->key.data ? e->key.data : "",
	                        (int) e->value_solid, e->value.data ? e->value.data : "");
	e->key.size = e->value.size = e->value_solid = 0;
	e->state = ENV_BEFORE_KEY;
	if (!assignment || e->key.error || e->value.error)
		return assignment && e->key.error != -ENOMEM && e->value.error != -ENOMEM ? -E2BIG
		                                                                          : -ENOMEM;
	if (!env_assignment_is_valid(assignment)) {
		diag_add(e->d, -EINVAL, DIAG_WARNING, e->path, e->key_line,
		         "'%.100s' is no assignment, ignored", assignment);
		return 0;
	}
	return env_set(&e->env, assignment);
}

static int feed_value(struct env_reader *e, char c, bool quotes)
{
	if (is_newline(c))
		return finish_assignment(e);
	if (c == '\\') {
		/* Blanks are only dropped where the value ends, and here it does not. */
		if (!quotes)
			e->value_solid = e->value.size;
		e->state = ENV_VALUE_ESCAPE;
	} else if (quotes && (c == '"' || c == '\''))
		e->state = c == '"' ? ENV_DOUBLE_QUOTE : ENV_SINGLE_QUOTE;
	else if (!quotes || !is_blank(c)) {
		e->state = ENV_VALUE;
		value_add(e, c, !is_blank(c));
	}
	return 0;
}

static void feed_quoted(struct env_reader *e, char c)
{
	char quote = e->state == ENV_SINGLE_QUOTE ? '\'' : '"';

	if (e->state == ENV_DOUBLE_QUOTE_ESCAPE) {
		e->state = ENV_DOUBLE_QUOTE;
		/* As in a shell, the backslash protects only what would be special; before a newline both go. */
		if (c == '\n')
			return;
		if (!strchr("\"\\`$", c))
			value_add(e, '\\', true);
		value_add(e, c, true);
	} else if (c == quote) {
		e->state = ENV_BEFORE_VALUE;
	} else if (c == '\\' && e->state == ENV_DOUBLE_QUOTE) {
		e->state = ENV_DOUBLE_QUOTE_ESCAPE;
	} else {
		value_add(e, c, true);
	}
}

static void feed_key(struct env_reader *e, char c)
{
	if (is_newline(c)) {
		diag_add(e->d, -EINVAL, DIAG_WARNING, e->path, e->key_line,
		         "Line without '=', ignored");
		e->key.size = 0;
		e->state = ENV_BEFORE_KEY;
	} else if (c == '=') {
		e->state = ENV_BEFORE_VALUE;
	} else {
		strbuf_add(&e->key, &c, 1);
	}
}

static int feed(struct env_reader *e, char c)
{
	switch (e->state) {
	case ENV_BEFORE_KEY:
		if (c == '#' || c == ';') {
			e->state = ENV_COMMENT;
		} else if (!is_blank(c)) {
			e->state = ENV_KEY;
			e->key_line = e->line;
			feed_key(e, c);
		}
		return 0;
	case ENV_KEY:
		feed_key(e, c);
		return 0;
	case ENV_BEFORE_VALUE:
		return feed_value(e, c, true);
	case ENV_VALUE:
		return feed_value(e, c, false);
	case ENV_VALUE_ESCAPE:
		e->state = ENV_VALUE;
		if (!is_newline(c))
			value_add(e, c, true);
		return 0;
	case ENV_SINGLE_QUOTE:
	case ENV_DOUBLE_QUOTE:
	case ENV_DOUBLE_QUOTE_ESCAPE:
		feed_quoted(e, c);
		return 0;
	case ENV_COMMENT:
		if (c == '\\')
			e->state = ENV_COMMENT_ESCAPE;
		else if (is_newline(c))
			e->state = ENV_BEFORE_KEY;
		return 0;
	case ENV_COMMENT_ESCAPE:
		e->state = ENV_COMMENT;
		return 0;
	}
	return -EINVAL;
}

int env_file_parse(const char *text, size_t size, const char *path, struct diag *d, char ***ret)
{
	struct env_reader e = {.line = 1, .path = path, .d = d};
	int r = 0;

	e.key.max = e.value.max = EXPANDED_MAX;
	if (memchr(text, 0, size))
		r = diag_add(d, -EBADMSG, DIAG_ERROR, path, 0, "File contains a NUL byte");
	for (size_t i = 0; r >= 0 && i < size; i++) {
		r = feed(&e, text[i]);
		if (text[i] == '\n')
			e.line++;
	}
	if (r >= 0 && e.state != ENV_BEFORE_KEY && e.state != ENV_KEY && e.state != ENV_COMMENT &&
	    e.state != ENV_COMMENT_ESCAPE)
		r = finish_assignment(&e);
	strbuf_done(&e.key);
	strbuf_done(&e.value);
	if (r < 0) {
		strv_free(e.env);
		return r;
	}
	if (!e.env)
		e.env = calloc(1, sizeof(char *));
	if (!e.env)
		return -ENOMEM;
	*ret = e.env;
	return 0;
}
