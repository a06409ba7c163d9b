// SPDX-License-Identifier: Apache-2.0
/* How documents become one: merge_how's mergers, the layering of sources, JSON patch. */
#include "metadata/userdata/userdata.h"

#include <ctype.h>

/* ---- merge_how ---- */

static char *canonical(const char *s, size_t n)
{
	auto_free char *copy = strndup(s, n);

	if (!copy)
		return NULL;
	for (char *p = copy; *p; p++)
		*p = *p == '-' ? '_' : (char) tolower((unsigned char) *p);
	return strdup(str_strip(copy));
}

static cJSON *merger_new(const char *name)
{
	cJSON *pair = cJSON_CreateArray();

	cJSON_AddItemToArray(pair, cJSON_CreateString(name));
	cJSON_AddItemToArray(pair, cJSON_CreateArray());
	return pair;
}

static int parse_word(const char *text, size_t n, cJSON *mergers)
{
	auto_free char *word = canonical(text, n);
	auto_strv char **options = NULL;
	char *open, *close;
	cJSON *pair;

	if (!word)
		return -ENOMEM;
	if (!*word)
		return 0;
	open = strchr(word, '(');
	close = strrchr(word, ')');
	if (!open || open == word || !close || close < open || close[1] ||
	    isdigit((unsigned char) *word))
		return -EINVAL;
	*open = *close = '\0';
	if (strv_split(open + 1, ",", &options) < 0)
		return -ENOMEM;
	pair = merger_new(word);
	STRV_FOREACH (o, options) {
		char *option = str_strip(*o);

		if (*option)
			cJSON_AddItemToArray(cJSON_GetArrayItem(pair, 1),
			                     cJSON_CreateString(option));
	}
	return cJSON_AddItemToArray(mergers, pair) ? 0 : -ENOMEM;
}

static int parse_text(const char *text, cJSON *mergers)
{
	int r = 0;

	while (*text && r >= 0) {
		size_t n = strcspn(text, "+");

		r = parse_word(text, n, mergers);
		text += n + (text[n] == '+');
	}
	return r;
}

/* {name: dict, settings: [...]} or ["dict", "replace", ...] */
static int parse_entry(const cJSON *entry, cJSON *mergers)
{
	const cJSON *settings = cJSON_GetObjectItemCaseSensitive(entry, "settings");
	const char *raw = cJSON_IsArray(entry) && cJSON_IsString(entry->child)
	                          ? entry->child->valuestring
	                          : json_string_or(entry, "name", NULL);
	auto_free char *name = raw ? canonical(raw, strlen(raw)) : NULL;
	cJSON *pair, *options;

	if (!name)
		return -EINVAL;
	if (!*name)
		return 0;
	pair = merger_new(name);
	options = cJSON_GetArrayItem(pair, 1);
	for (const cJSON *it = cJSON_IsArray(entry) ? entry->child->next
	                       : settings           ? settings->child
	                                            : NULL;
	     it; it = it->next)
		cJSON_AddItemToArray(options, cJSON_Duplicate(it, true));
	return cJSON_AddItemToArray(mergers, pair) ? 0 : -ENOMEM;
}

int merge_how_parse(const cJSON *how, cJSON **ret)
{
	auto_json cJSON *mergers = cJSON_CreateArray();
	const cJSON *it;
	int r = 0;

	if (!mergers)
		return -ENOMEM;
	if (cJSON_IsString(how))
		r = parse_text(how->valuestring, mergers);
	else if (cJSON_IsArray(how))
		cJSON_ArrayForEach(it, how) r = r < 0 ? r : parse_entry(it, mergers);
	else if (how && !cJSON_IsNull(how))
		r = -EINVAL;
	if (r < 0)
		return r;
	*ret = TAKE_PTR(mergers);
	return 0;
}

/* ---- merging ---- */

static const cJSON *options_of(const cJSON *mergers, const char *name)
{
	const cJSON *it;

	cJSON_ArrayForEach(it, mergers)
	{
		const char *own = it->child->valuestring, *rest = str_after(own, "m_");

		if (streq(rest ? rest : own, name))
			return cJSON_GetArrayItem(it, 1);
	}
	return NULL;
}

static bool has_option(const cJSON *options, const char *name)
{
	const cJSON *it;

	cJSON_ArrayForEach(it, options) if (cJSON_IsString(it) &&
	                                    streq(it->valuestring, name)) return true;
	return false;
}

static cJSON *merge(cJSON *old, const cJSON *new, const cJSON *mergers);

/* Whether a value of @new's kind is merged with what was there, by these options. */
static bool recurses(const cJSON *options, const cJSON *new, bool into_maps)
{
	if (cJSON_IsArray(new))
		return has_option(options, "recurse_array") || has_option(options, "recurse_list");
	if (cJSON_IsString(new))
		return has_option(options, "recurse_str");
	return cJSON_IsObject(new) && into_maps;
}

static cJSON *merge_maps(cJSON *old, const cJSON *new, const cJSON *mergers)
{
	const cJSON *options = options_of(mergers, "dict"), *it;
	bool replaces = has_option(options, "replace");

	if (!options || !cJSON_IsObject(new))
		return old;
	cJSON_ArrayForEach(it, new)
	{
		cJSON *have = cJSON_GetObjectItemCaseSensitive(old, it->string), *value;

		if (!have) {
			cJSON_AddItemToObject(old, it->string, cJSON_Duplicate(it, true));
		} else if (cJSON_IsNull(it) && has_option(options, "allow_delete")) {
			cJSON_DeleteItemFromObjectCaseSensitive(old, it->string);
		} else if (replaces) {
			cJSON_ReplaceItemInObjectCaseSensitive(old, it->string,
			                                       cJSON_Duplicate(it, true));
		} else if (recurses(options, it, true)) {
			value = merge(cJSON_Duplicate(have, true), it, mergers);
			cJSON_ReplaceItemInObjectCaseSensitive(old, it->string, value);
		}
	}
	return old;
}

static void append_all(cJSON *list, const cJSON *more)
{
	const cJSON *it;

	if (cJSON_IsArray(more))
		cJSON_ArrayForEach(it, more) cJSON_AddItemToArray(list, cJSON_Duplicate(it, true));
}

static cJSON *merge_lists(cJSON *old, const cJSON *new, const cJSON *mergers)
{
	const cJSON *options = options_of(mergers, "list"), *it;
	int i = 0, n = cJSON_GetArraySize(old);
	cJSON *joined;

	if (!options)
		return old;
	if (has_option(options, "replace") && !cJSON_IsArray(new)) {
		cJSON_Delete(old);
		return cJSON_Duplicate(new, true);
	}
	if (has_option(options, "prepend") && !has_option(options, "append")) {
		joined = cJSON_CreateArray();
		append_all(joined, new);
		append_all(joined, old);
		cJSON_Delete(old);
		return joined;
	}
	if (has_option(options, "append")) {
		append_all(old, new);
		return old;
	}
	if (has_option(options, "no_replace") || !cJSON_IsArray(new))
		return old;
	cJSON_ArrayForEach(it, new)
	{
		if (i == n)
			break;
		joined = recurses(options, it, has_option(options, "recurse_dict"))
		                 ? merge(cJSON_Duplicate(cJSON_GetArrayItem(old, i), true), it,
		                         mergers)
		                 : cJSON_Duplicate(it, true);
		cJSON_ReplaceItemInArray(old, i++, joined);
	}
	return old;
}

static cJSON *merge_texts(cJSON *old, const cJSON *new, const cJSON *mergers)
{
	const cJSON *options = options_of(mergers, "str");
	cJSON *merged;

	if (!options)
		return old;
	if (has_option(options, "append") && cJSON_IsString(new)) {
		auto_free char *text = str_printf("%s%s", old->valuestring, new->valuestring);

		merged = cJSON_CreateString(text ? text : "");
	} else {
		merged = cJSON_Duplicate(new, true);
	}
	cJSON_Delete(old);
	return merged;
}

/* A value for which there is no merger stays as it was. Consumes @old. */
static cJSON *merge(cJSON *old, const cJSON *new, const cJSON *mergers)
{
	if (cJSON_IsObject(old))
		return merge_maps(old, new, mergers);
	if (cJSON_IsArray(old))
		return merge_lists(old, new, mergers);
	if (cJSON_IsString(old))
		return merge_texts(old, new, mergers);
	return old;
}

int merge_values(cJSON **base, const cJSON *over, const cJSON *how)
{
	cJSON *merged = merge(*base, over, how);

	*base = merged;
	return merged ? 0 : -ENOMEM;
}

int merge_layers(cJSON *base, const cJSON *under)
{
	const cJSON *it;
	int r;

	cJSON_ArrayForEach(it, under)
	{
		cJSON *have = cJSON_GetObjectItemCaseSensitive(base, it->string), *copy;

		if (have && cJSON_IsObject(have) && cJSON_IsObject(it)) {
			r = merge_layers(have, it);
			if (r < 0)
				return r;
		} else if (!have) {
			copy = cJSON_Duplicate(it, true);
			if (!copy || !cJSON_AddItemToObject(base, it->string, copy))
				return -ENOMEM;
		}
	}
	return 0;
}

/* ---- JSON patch, RFC 6902 ---- */

/* "~1" is '/', "~0" is '~'. In place. */
static void unescape(char *s)
{
	char *out = s;

	for (; *s; s++) {
		if (s[0] == '~' && (s[1] == '1' || s[1] == '0')) {
			*out++ = s[1] == '1' ? '/' : '~';
			s++;
		} else {
			*out++ = *s;
		}
	}
	*out = '\0';
}

static cJSON *child_of(cJSON *v, const char *token)
{
	uint64_t i;

	if (cJSON_IsObject(v))
		return cJSON_GetObjectItemCaseSensitive(v, token);
	if (cJSON_IsArray(v) && str_to_u64(token, 10, &i) >= 0 && i < INT32_MAX)
		return cJSON_GetArrayItem(v, (int) i);
	return NULL;
}

/* The value that holds what @path names, and its last token. -ENOENT. */
static int find_parent(cJSON *doc, const char *path, cJSON **ret, char **ret_token)
{
	while (*path == '/') {
		auto_free char *token = strndup(path + 1, strcspn(path + 1, "/"));

		if (!token)
			return -ENOMEM;
		path += 1 + strlen(token);
		unescape(token);
		if (!*path) {
			*ret = doc;
			*ret_token = TAKE_PTR(token);
			return 0;
		}
		doc = child_of(doc, token);
		if (!doc)
			return -ENOENT;
	}
	return -ENOENT;
}

static int patch_add(cJSON *parent, const char *token, cJSON *value)
{
	uint64_t i = (uint64_t) cJSON_GetArraySize(parent);
	bool ok;

	if (cJSON_IsObject(parent)) {
		cJSON_DeleteItemFromObjectCaseSensitive(parent, token);
		ok = cJSON_AddItemToObject(parent, token, value);
	} else if (cJSON_IsArray(parent) &&
	           (streq(token, "-") || (str_to_u64(token, 10, &i) >= 0 &&
	                                  i <= (uint64_t) cJSON_GetArraySize(parent)))) {
		ok = i == (uint64_t) cJSON_GetArraySize(parent)
		             ? cJSON_AddItemToArray(parent, value)
		             : cJSON_InsertItemInArray(parent, (int) i, value);
	} else {
		ok = false;
	}
	if (!ok)
		cJSON_Delete(value);
	return ok ? 0 : -ENOENT;
}

static cJSON *patch_take(cJSON *doc, const char *path)
{
	auto_free char *token = NULL;
	cJSON *parent, *child;

	if (find_parent(doc, path, &parent, &token) < 0)
		return NULL;
	child = child_of(parent, token);
	return child ? cJSON_DetachItemViaPointer(parent, child) : NULL;
}

static const cJSON *patch_find(cJSON *doc, const char *path)
{
	auto_free char *token = NULL;
	cJSON *parent;

	if (!*path)
		return doc;
	return find_parent(doc, path, &parent, &token) < 0 ? NULL : child_of(parent, token);
}

static int patch_one(cJSON **doc, const cJSON *step)
{
	const char *op = json_string_or(step, "op", ""), *path = json_string_or(step, "path", NULL),
		   *from = json_string_or(step, "from", "");
	const cJSON *given = cJSON_GetObjectItemCaseSensitive(step, "value"), *found;
	auto_free char *token = NULL;
	cJSON *parent, *value;

	if (!path)
		return -EINVAL;
	if (streq(op, "test"))
		return given && (found = patch_find(*doc, path)) &&
		                       cJSON_Compare(found, given, true)
		               ? 0
		               : -EINVAL;
	if (streq(op, "remove")) {
		value = patch_take(*doc, path);
		cJSON_Delete(value);
		return value ? 0 : -ENOENT;
	}
	if (streq(op, "move")) {
		value = patch_take(*doc, from);
	} else if (streq(op, "copy")) {
		found = patch_find(*doc, from);
		value = found ? cJSON_Duplicate(found, true) : NULL;
	} else if ((streq(op, "add") || streq(op, "replace")) && given) {
		if (streq(op, "replace") && !patch_find(*doc, path))
			return -ENOENT;
		value = cJSON_Duplicate(given, true);
	} else {
		return -EINVAL;
	}
	if (!value)
		return -ENOENT;
	if (!*path) {
		cJSON_Delete(*doc);
		*doc = value;
		return 0;
	}
	if (find_parent(*doc, path, &parent, &token) < 0) {
		cJSON_Delete(value);
		return -ENOENT;
	}
	if (streq(op, "replace"))
		cJSON_Delete(patch_take(*doc, path));
	return patch_add(parent, token, value);
}

int json_patch_apply(cJSON **doc, const cJSON *patch, struct diag *d)
{
	auto_json cJSON *copy = cJSON_Duplicate(*doc, true), *old = NULL;
	const cJSON *step;
	unsigned n = 0;
	int r = 0;

	if (!copy)
		return -ENOMEM;
	if (!cJSON_IsArray(patch))
		return diag_add(d, -EINVAL, DIAG_ERROR, "json patch", 0, "a list is expected");
	cJSON_ArrayForEach(step, patch)
	{
		n++;
		r = patch_one(&copy, step);
		if (r < 0)
			return diag_add(d, -EINVAL, DIAG_ERROR, "json patch", 0,
			                "operation %u cannot be done", n);
	}
	old = *doc;
	*doc = TAKE_PTR(copy);
	return 0;
}
