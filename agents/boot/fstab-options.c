// SPDX-License-Identifier: Apache-2.0
/* fstab-options.c - one entry's options: words between commas, of which a backslash takes a comma or a backslash for itself; before anything else it is one. */
#include "boot/fstab.h"

static size_t raw_length(const char *s)
{
	const char *p = s + strcspn(s, ",\\");

	while (*p == '\\') {
		p++;
		p += *p != 0;
		p += strcspn(p, ",\\");
	}
	return (size_t) (p - s);
}

/* What is behind @name if the word is @name or begins with "@name=". */
static const char *raw_after(const char *word, size_t n, const char *name)
{
	size_t m = strlen(name);

	if (n < m || memcmp(word, name, m) != 0)
		return NULL;
	return word[m] == 0 || word[m] == ',' || word[m] == '=' ? word + m : NULL;
}

/* Index of the last of @names that is among the options, or -1. */
static int last_of(const char *options, const char *const *names)
{
	int found = -1;

	for (const char *word = options; word;) {
		size_t n = raw_length(word);

		for (int i = 0; names[i]; i++) {
			if (raw_after(word, n, names[i])) {
				found = i;
				break;
			}
		}
		word = word[n] ? word + n + 1 : NULL;
	}
	return found;
}

bool option_is_set(const char *options, const char *const *names)
{
	return last_of(options, names) >= 0;
}

bool option_is_on(const char *options, const char *on, const char *off)
{
	return last_of(options, (const char *const[]){on, off, NULL}) == 0;
}

static char *unescape(const char *s, size_t n)
{
	char *word = malloc(n + 1), *to = word;

	if (!word)
		return NULL;
	for (const char *p = s; p < s + n; p++) {
		p += *p == '\\' && p + 1 < s + n && strchr(",\\", p[1]);
		*to++ = *p;
	}
	*to = 0;
	return word;
}

/* The words, without backslashes; empty ones are none. */
static int split(const char *options, char ***ret)
{
	auto_strv char **v = NULL;

	for (const char *word = options; word;) {
		size_t n = raw_length(word);

		if (n > 0) {
			int r = strv_append_consume(&v, unescape(word, n));

			if (r < 0)
				return r;
		}
		word = word[n] ? word + n + 1 : NULL;
	}
	*ret = TAKE_PTR(v);
	return 0;
}

static int join(char *const *words, char **ret)
{
	auto_strbuf struct strbuf b = {0};

	strbuf_puts(&b, "");
	STRV_FOREACH (w, words) {
		if (w != words)
			strbuf_puts(&b, ",");
		for (const char *s = *w; *s; s++) {
			if (*s == ',')
				strbuf_puts(&b, "\\");
			strbuf_add(&b, s, 1);
		}
	}
	return strbuf_take(&b, ret);
}

int option_value(const char *options, const char *const *names, char **ret_value, char **ret_rest)
{
	auto_strv char **words = NULL, **others = NULL;
	auto_free char *value = NULL, *rest = NULL;
	bool found = false;
	int r = split(options, &words);

	STRV_FOREACH (w, words) {
		const char *behind = NULL;

		for (size_t i = 0; names[i] && !behind; i++) {
			behind = str_after(*w, names[i]);
			if (behind && *behind && *behind != '=')
				behind = NULL;
		}
		if (behind) {
			found = true;
			r = str_set(&value, *behind ? behind + 1 : NULL);
		} else {
			r = strv_append(&others, *w);
		}
		if (r < 0)
			return r;
	}
	if (r >= 0 && ret_rest)
		r = join(others, &rest);
	if (r < 0)
		return r;
	if (ret_rest)
		*ret_rest = TAKE_PTR(rest);
	*ret_value = TAKE_PTR(value);
	return found;
}

int option_values(const char *options, const char *name, char ***ret)
{
	auto_strv char **words = NULL, **values = NULL;
	int r = split(options, &words);

	if (r < 0)
		return r;
	STRV_FOREACH (w, words) {
		const char *value = str_after(*w, name);

		if (!value || *value != '=')
			continue;
		r = strv_append(&values, value + 1);
		if (r < 0)
			return r;
	}
	r = values != NULL;
	*ret = TAKE_PTR(values);
	return r;
}
