// SPDX-License-Identifier: Apache-2.0
#include "base/path.h"

#include "base/str.h"

bool path_is_absolute(const char *p)
{
	return p && p[0] == '/';
}

bool path_is_normalized(const char *p)
{
	if (!path_is_absolute(p))
		return false;
	if (p[1] == 0)
		return true;
	while (*p) {
		size_t n;

		p++; /* at a slash */
		n = strcspn(p, "/");
		if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		p += n;
	}
	return true;
}

char *path_join(const char *a, const char *b)
{
	size_t n = strlen(a), m;
	char *path;

	if (n == 0)
		return strdup(b);
	while (n > 0 && a[n - 1] == '/')
		n--;
	b += strspn(b, "/");
	if (b[0] == 0)
		return n == 0 ? strdup("/") : strndup(a, n);
	m = strlen(b);
	path = malloc(n + m + 2);
	if (!path)
		return NULL;
	memcpy(path, a, n);
	path[n] = '/';
	memcpy(path + n + 1, b, m + 1);
	return path;
}

char *path_join3(const char *a, const char *b, const char *c)
{
	auto_free char *ab = path_join(a, b);

	return ab ? path_join(ab, c) : NULL;
}

const char *path_basename(const char *p)
{
	const char *slash = strrchr(p, '/');

	if (!slash || (slash == p && !slash[1]))
		return p;
	return slash + 1;
}

char *path_dirname(const char *p)
{
	size_t n = strlen(p);

	while (n > 1 && p[n - 1] == '/')
		n--;
	while (n > 0 && p[n - 1] != '/')
		n--;
	if (n == 0)
		return strdup(".");
	while (n > 1 && p[n - 1] == '/')
		n--;
	return strndup(p, n);
}

char *path_simplify(char *p)
{
	bool absolute = p[0] == '/';
	char *to = p;
	const char *from = p;

	if (absolute)
		to++;
	while (*(from += strspn(from, "/"))) {
		size_t n = strcspn(from, "/");

		if (n != 1 || from[0] != '.') {
			if (to > p + absolute)
				*to++ = '/';
			memmove(to, from, n);
			to += n;
		}
		from += n;
	}
	/* "." and "./" are a place, too. */
	if (to == p && p[0])
		*to++ = '.';
	*to = 0;
	return p;
}

const char *path_below(const char *p, const char *prefix)
{
	if (path_is_absolute(p) != path_is_absolute(prefix))
		return NULL;
	for (;;) {
		size_t n, m;

		p += strspn(p, "/");
		prefix += strspn(prefix, "/");
		m = strcspn(prefix, "/");
		if (m == 0)
			return p;
		n = strcspn(p, "/");
		if (n != m || memcmp(p, prefix, n) != 0)
			return NULL;
		p += n;
		prefix += m;
	}
}
