// SPDX-License-Identifier: Apache-2.0
#include "metadata/source/http.h"

#include <ctype.h>

/* Where the path of "scheme://host/path?query" begins and ends. */
static void find_path(const char *url, size_t *ret_start, size_t *ret_end)
{
	const char *host = strstr(url, "://"), *p;

	host = host ? host + 3 : url;
	p = host + strcspn(host, "/?#");
	*ret_start = (size_t) (p - url);
	*ret_end = *ret_start + strcspn(p, "?#");
}

static void add_quoted(struct strbuf *b, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char) *s;

		if (isalnum(c) || strchr("_.-~/:", c))
			strbuf_add(b, s, 1);
		else
			strbuf_printf(b, "%%%02X", c);
	}
}

int url_combine(const char *base, const char *const *parts, char **ret)
{
	auto_strbuf struct strbuf b = {0};
	auto_free char *path = NULL;
	size_t start, end;
	int r;

	find_path(base, &start, &end);
	strbuf_add(&b, base + start, end - start);
	for (; *parts; parts++) {
		if (b.size && b.data[b.size - 1] != '/')
			strbuf_puts(&b, "/");
		add_quoted(&b, *parts);
	}
	strbuf_puts(&b, "");
	r = strbuf_take(&b, &path);
	if (r < 0)
		return r;
	*ret = str_printf("%.*s%s%s%s", (int) start, base, *path && *path != '/' ? "/" : "", path,
	                  base + end);
	return *ret ? 0 : -ENOMEM;
}
