// SPDX-License-Identifier: Apache-2.0
#include "base/map.h"
#include "base/str.h"

size_t strv_length(char *const *v)
{
	size_t n = 0;

	while (v && v[n])
		n++;
	return n;
}

char **strv_free(char **v)
{
	for (char **s = v; s && *s; s++)
		free(*s);
	free(v);
	return NULL;
}

char **strv_copy(char *const *v)
{
	size_t n = strv_length(v);
	char **copy = calloc(n + 1, sizeof(*copy));

	for (size_t i = 0; copy && i < n; i++) {
		copy[i] = strdup(v[i]);
		if (!copy[i])
			return strv_free(copy);
	}
	return copy;
}

bool strv_contains(char *const *v, const char *s)
{
	STRV_FOREACH (i, v)
		if (streq(*i, s))
			return true;
	return false;
}

int strv_append_consume(char ***v, char *s)
{
	size_t n = strv_length(*v);
	char **grown;

	if (!s)
		return -ENOMEM;
	grown = reallocarray(*v, n + 2, sizeof(*grown));
	if (!grown) {
		free(s);
		return -ENOMEM;
	}
	grown[n] = s;
	grown[n + 1] = NULL;
	*v = grown;
	return 0;
}

int strv_append(char ***v, const char *s)
{
	return strv_append_consume(v, strdup(s));
}

int strv_append_unique(char ***v, const char *s)
{
	int r;

	if (strv_contains(*v, s))
		return 0;
	r = strv_append(v, s);
	return r < 0 ? r : 1;
}

/* Shorter lists are searched. */
#define INDEXED_MIN 32U

static int index_all(char **v, struct map **ret)
{
	auto_cleanup(map_free) struct map *m = map_new(MAP_STRING);
	int r = m ? 0 : -ENOMEM;

	STRV_FOREACH (s, v)
		if (r >= 0)
			r = map_add(m, *s, *s);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(m);
	return 0;
}

int strv_append_indexed(char ***v, struct map **index, const char *s)
{
	size_t n = *index ? map_size(*index) : strv_length(*v);
	char *copy, **grown;
	int r;

	if (n < INDEXED_MIN)
		return strv_append_unique(v, s);
	r = *index ? 0 : index_all(*v, index);
	if (r < 0 || map_has(*index, s))
		return r;
	copy = strdup(s);
	grown = copy ? reallocarray(*v, n + 2, sizeof(*grown)) : NULL;
	if (!grown) {
		free(copy);
		return -ENOMEM;
	}
	*v = grown;
	r = map_add(*index, copy, copy);
	if (r < 0) {
		free(copy);
		return r;
	}
	grown[n] = copy;
	grown[n + 1] = NULL;
	return 1;
}

int strv_extend(char ***v, char *const *more)
{
	size_t n = strv_length(*v), m = strv_length(more);
	char **copy, **grown;

	if (m == 0)
		return 0;
	copy = strv_copy(more);
	grown = copy ? reallocarray(*v, n + m + 1, sizeof(*grown)) : NULL;
	if (!grown) {
		strv_free(copy);
		return -ENOMEM;
	}
	memcpy(grown + n, copy, (m + 1) * sizeof(*grown));
	free(copy);
	*v = grown;
	return 0;
}

void strv_remove(char **v, const char *s)
{
	char **to = v;

	if (!v)
		return;
	for (char **from = v; *from; from++)
		if (streq(*from, s))
			free(*from);
		else
			*to++ = *from;
	*to = NULL;
}

static int strv_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

void strv_sort_unique(char **v)
{
	size_t n = strv_length(v), kept = 0;

	if (n < 2)
		return;
	qsort(v, n, sizeof(*v), strv_compare);
	for (size_t i = 1; i < n; i++)
		if (streq(v[kept], v[i]))
			free(v[i]);
		else
			v[++kept] = v[i];
	v[kept + 1] = NULL;
}

char *strv_join(char *const *v, const char *separator)
{
	size_t gap = strlen(separator), size = 1;
	char *joined, *p;

	STRV_FOREACH (s, v)
		size += strlen(*s) + gap;
	joined = p = malloc(size);
	if (!joined)
		return NULL;
	*p = 0;
	STRV_FOREACH (s, v) {
		if (s != v)
			p = stpcpy(p, separator);
		p = stpcpy(p, *s);
	}
	return joined;
}

int strv_split(const char *s, const char *separators, char ***ret)
{
	size_t n = 0, i = 0;
	char **v;

	/* Two walks: first count, so that one allocation of the right size will do. */
	for (const char *p = s; p && *(p += strspn(p, separators)); p += strcspn(p, separators))
		n++;
	v = calloc(n + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	for (const char *p = s; i < n; i++) {
		size_t size;

		p += strspn(p, separators);
		size = strcspn(p, separators);
		v[i] = strndup(p, size);
		if (!v[i]) {
			strv_free(v);
			return -ENOMEM;
		}
		p += size;
	}
	*ret = v;
	return 0;
}

bool strv_equal(char *const *a, char *const *b)
{
	size_t n = strv_length(a);

	if (n != strv_length(b))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!streq(a[i], b[i]))
			return false;
	return true;
}
