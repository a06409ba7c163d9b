// SPDX-License-Identifier: Apache-2.0
/*
 * EC2's way to offer metadata: each folder is a listing, each leaf a document of its own. Walked on
 * the kept connection; the number of requests and the depth are limited, since a listing is only a
 * document, and a service that lies could go on for ever.
 */
#include "metadata/source/web.h"

#define REQUESTS_MAX 2000
#define DEPTH_MAX    12

static int walk(struct web *w, const char *path, unsigned depth, unsigned *budget, cJSON **ret);

static int add_leaf(struct web *w, const char *name, const char *path, cJSON *to)
{
	auto_blob struct blob b = {0};
	int r = web_get(w, path, &b);

	if (r == -ENOENT)
		return 0; /* listed, and gone by now */
	if (r < 0)
		return r;
	return json_add_take(to, name, web_tree_leaf(b.data ? b.data : "", b.size));
}

static int add_entry(struct web *w, const char *folder, const cJSON *e, unsigned depth,
                     unsigned *budget, cJSON *to)
{
	const char *parts[] = {e->valuestring, NULL};
	bool is_folder = str_ends_with(e->valuestring, "/");
	auto_free char *path = NULL, *below = NULL;
	cJSON *child = NULL;
	int r = url_combine(folder, parts, &path);

	if (r < 0)
		return r;
	if (!is_folder)
		return add_leaf(w, e->string, path, to);
	below = str_ends_with(path, "/") ? strdup(path) : str_printf("%s/", path);
	r = below ? walk(w, below, depth + 1, budget, &child) : -ENOMEM;
	if (r == -ENOENT)
		return 0;
	return r < 0 ? r : json_add_take(to, e->string, child);
}

static int walk(struct web *w, const char *path, unsigned depth, unsigned *budget, cJSON **ret)
{
	auto_json cJSON *names = NULL, *j = cJSON_CreateObject();
	auto_blob struct blob b = {0};
	const cJSON *it;
	int r;

	if (!j)
		return -ENOMEM;
	if (depth > DEPTH_MAX)
		return -ELOOP;
	r = web_get(w, path, &b);
	if (r >= 0)
		r = web_tree_listing(b.data ? b.data : "", b.size, &names);
	if (r < 0)
		return r;
	cJSON_ArrayForEach(it, names)
	{
		if (!(*budget)--) {
			*budget = 0;
			return -E2BIG;
		}
		r = add_entry(w, path, it, depth, budget, j);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(j);
	return 0;
}

int web_tree(struct web *w, const char *path, cJSON **ret)
{
	unsigned budget = REQUESTS_MAX;

	return walk(w, path, 0, &budget, ret);
}
