// SPDX-License-Identifier: Apache-2.0
/* From what a platform said to the instance's words. Pure. */
#include "metadata/source/web.h"
#include "metadata/userdata/userdata.h"

#include <math.h>

#define ID_MAX 128

const cJSON *web_find(const cJSON *v, const char *path)
{
	while (v && *path) {
		size_t n = strcspn(path, ".");
		auto_free char *key = strndup(path, n);

		if (!key)
			return NULL;
		v = cJSON_GetObjectItemCaseSensitive(v, key);
		path += n + (path[n] == '.');
	}
	return v;
}

char *web_text(const cJSON *v)
{
	if (cJSON_IsString(v))
		return strdup(v->valuestring);
	if (cJSON_IsBool(v))
		return strdup(cJSON_IsTrue(v) ? "True" : "False");
	if (cJSON_IsNumber(v) && fabs(v->valuedouble) < 9e15)
		return v->valuedouble == floor(v->valuedouble) ? str_printf("%.0f", v->valuedouble)
		                                               : str_printf("%g", v->valuedouble);
	return NULL;
}

static cJSON *mapped(const cJSON *v, const struct web_map *m)
{
	const char *slash;
	cJSON *text;
	char *s;

	if (m->how == WEB_AS_IS)
		return cJSON_Duplicate(v, true);
	s = web_text(v);
	if (!s)
		return NULL;
	slash = m->how == WEB_LAST_PATH_PART ? strrchr(s, '/') : NULL;
	text = cJSON_CreateString(slash ? slash + 1 : s);
	free(s);
	return text;
}

static int map_all(const cJSON *from, cJSON *to)
{
	const cJSON *it;

	cJSON_ArrayForEach(it, from)
	{
		cJSON_DeleteItemFromObjectCaseSensitive(to, it->string);
		if (json_add_take(to, it->string, cJSON_Duplicate(it, true)) < 0)
			return -ENOMEM;
	}
	return 0;
}

int web_map_apply(const struct web_map *map, const cJSON *crawl, const char *origin,
                  cJSON *meta_data, struct diag *d)
{
	for (; map && map->to; map++) {
		const cJSON *v = web_find(crawl, map->from);
		bool is_all = streq(map->to, "*") && cJSON_IsObject(v);
		cJSON *value = v && !is_all ? mapped(v, map) : NULL;

		if (is_all) {
			if (map_all(v, meta_data) < 0)
				return -ENOMEM;
			continue;
		}

		if (!value && map->is_required)
			return diag_add(d, -EBADMSG, DIAG_ERROR, origin, 0, "\"%s\" is missing",
			                map->from);
		if (value) {
			cJSON_DeleteItemFromObjectCaseSensitive(meta_data, map->to);
			if (json_add_take(meta_data, map->to, value) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

cJSON *nics_by_mac(const struct nic *nics, size_t n)
{
	cJSON *j = cJSON_CreateObject();

	for (size_t i = 0; j && i < n; i++)
		json_add_string(j, nics[i].mac, nics[i].name);
	return j;
}

int blob_set_json(struct blob *b, const cJSON *v)
{
	return cJSON_IsString(v) ? blob_set(b, v->valuestring, strlen(v->valuestring)) : 0;
}

int blob_maybe_base64(struct blob *b)
{
	struct blob decoded = {0};
	int r;

	if (!b->size)
		return 0;
	r = base64_decode(b->data, b->size, &decoded);
	if (r == -ENOMEM)
		return r;
	if (r < 0 || !decoded.size) {
		blob_done(&decoded);
		return 0;
	}
	blob_done(b);
	*b = decoded;
	return 0;
}

int instance_take_id(struct instance *i, struct diag *d)
{
	auto_free char *id =
		web_text(cJSON_GetObjectItemCaseSensitive(i->meta_data, "instance-id"));

	if (!id && i->id)
		return 0;
	if (str_is_empty(id) || strlen(id) > ID_MAX || strchr(id, '/') || id[0] == '.')
		return diag_add(d, -EBADMSG, DIAG_ERROR, i->origin, 0,
		                "there is no instance-id that could name a folder");
	return str_set(&i->id, id);
}

cJSON *web_tree_leaf(const char *text, size_t size)
{
	const char *p = text, *end = text + size;
	cJSON *v;

	if (!size)
		return cJSON_CreateString("");
	while (p < end && strchr(" \t\r\n", *p))
		p++;
	while (end > p && strchr(" \t\r\n", end[-1]))
		end--;
	if (p < end && *p == '{' && end[-1] == '}') {
		v = NULL;
		if (json_parse(p, (size_t) (end - p), "leaf", NULL, &v) >= 0)
			return v;
	}
	if (!memchr(text, '\n', size))
		return cJSON_CreateString(text);
	v = cJSON_CreateArray();
	for (p = text; v && p < text + size;) {
		size_t n = strcspn(p, "\n"), line = n && p[n - 1] == '\r' ? n - 1 : n;
		auto_free char *s = strndup(p, line);

		json_append_take(v, cJSON_CreateString(s ? s : ""));
		p += n + 1;
	}
	return v;
}

/* "0=my-key" is the key number 0 of that name, whose text is in 0/openssh-key. */
static int add_numbered(cJSON *to, const char *field)
{
	const char *equals = strchr(field, '=');
	auto_free char *number = NULL, *path = NULL;
	uint32_t n;

	if (!equals)
		return json_add_string(to, field, field);
	number = strndup(field, (size_t) (equals - field));
	if (!number)
		return -ENOMEM;
	if (str_to_u32(number, &n) < 0)
		return json_add_string(to, field, field);
	path = str_printf("%u/openssh-key", n);
	return path ? json_add_string(to, equals + 1, path) : -ENOMEM;
}

int web_tree_listing(const char *text, size_t size, cJSON **ret)
{
	auto_strv char **lines = NULL;
	auto_json cJSON *j = cJSON_CreateObject();
	int r = size ? strv_split(text, "\r\n", &lines) : 0;

	if (!j || r < 0)
		return -ENOMEM;
	STRV_FOREACH (l, lines) {
		char *field = str_strip(*l);
		size_t n = strlen(field);

		/* Credentials are not for a copy on disk. */
		if (!n || streq(field, "security-credentials/") ||
		    streq(field, "security-credentials") || strspn(field, "/") == n)
			continue;
		if (field[n - 1] == '/') {
			auto_free char *name = strndup(field, strcspn(field, "/"));

			r = name && !cJSON_HasObjectItem(j, name) ? json_add_string(j, name, field)
			                                          : 0;
		} else if (!cJSON_HasObjectItem(j, field)) {
			r = add_numbered(j, field);
		}
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(j);
	return 0;
}
