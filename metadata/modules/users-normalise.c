// SPDX-License-Identifier: Apache-2.0
/* "users", "user" and "groups" in all their forms as one: names to maps, names to members. Pure. */
#include "metadata/modules/modules.h"

static int bad(struct diag *d, const char *key)
{
	return diag_add(d, -EINVAL, DIAG_ERROR, key, 0, "neither a list, a map nor names");
}

static void put(cJSON *object, const char *key, cJSON *value)
{
	cJSON_DeleteItemFromObjectCaseSensitive(object, key);
	(void) json_add_take(object, key, value);
}

/* true, "yes", "1", ... */
static bool is_yes(const cJSON *v)
{
	if (cJSON_IsString(v))
		return str_to_bool(v->valuestring) > 0;
	return cJSON_IsNumber(v) ? v->valuedouble != 0 : cJSON_IsTrue(v);
}

static int split_names(const char *text, char ***ret)
{
	return strv_split(text, ", \t\n", ret);
}

/* ---- groups ---- */

static int add_members(char ***members, const cJSON *v)
{
	const cJSON *it;
	int r = 0;

	if (cJSON_IsString(v)) {
		auto_strv char **names = NULL;

		r = split_names(v->valuestring, &names);
		STRV_FOREACH (n, names)
			if (r >= 0)
				r = strv_append_unique(members, *n);
	}
	cJSON_ArrayForEach(it, v) if (r >= 0) r = add_members(members, it);
	return r;
}

/* groups[name] has @more, too; sorted, each once. */
static int group_add(cJSON *groups, const char *name, const cJSON *more)
{
	auto_strv char **members = NULL;
	cJSON *list;
	int r = add_members(&members, cJSON_GetObjectItemCaseSensitive(groups, name));

	if (r >= 0)
		r = add_members(&members, more);
	if (r < 0)
		return r;
	strv_sort_unique(members);
	list = cJSON_CreateArray();
	STRV_FOREACH (m, members)
		(void) json_append_take(list, cJSON_CreateString(*m));
	put(groups, name, list);
	return 0;
}

static int read_groups(const cJSON *v, cJSON *groups, struct diag *d)
{
	auto_strv char **names = NULL;
	const cJSON *it;
	int r = 0;

	if (!v || cJSON_IsNull(v))
		return 0;
	if (cJSON_IsString(v)) {
		r = split_names(v->valuestring, &names);
		STRV_FOREACH (n, names)
			if (r >= 0)
				r = group_add(groups, *n, NULL);
		return r;
	}
	if (!cJSON_IsArray(v) && !cJSON_IsObject(v))
		return bad(d, "groups");
	cJSON_ArrayForEach(it, v)
	{
		if (r < 0)
			return r;
		if (cJSON_IsObject(v))
			r = group_add(groups, it->string, it);
		else if (cJSON_IsString(it) || cJSON_IsObject(it))
			r = read_groups(it, groups, d);
		else
			r = bad(d, "groups");
	}
	return r;
}

/* ---- users ---- */

/* Keys with dashes are those with underlines; "name" is no property. */
static void user_add(cJSON *users, const char *name, const cJSON *properties)
{
	cJSON *user = cJSON_GetObjectItemCaseSensitive(users, name);
	const cJSON *it;

	if (!user)
		user = cJSON_AddObjectToObject(users, name);
	for (it = cJSON_IsObject(properties) ? properties->child : NULL; it; it = it->next) {
		auto_free char *key = strdup(it->string);

		for (char *p = key; p && *p; p++)
			*p = *p == '-' ? '_' : *p;
		if (key && !streq(key, "name"))
			put(user, key, cJSON_Duplicate(it, true));
	}
}

static int read_users(const cJSON *v, cJSON *users, struct diag *d)
{
	auto_strv char **names = NULL;
	const cJSON *it;
	int r = 0;

	if (!v || cJSON_IsNull(v))
		return 0;
	if (cJSON_IsString(v)) {
		r = split_names(v->valuestring, &names);
		STRV_FOREACH (n, names)
			user_add(users, *n, NULL);
		return r;
	}
	if (!cJSON_IsArray(v) && !cJSON_IsObject(v))
		return bad(d, "users");
	if (cJSON_GetArraySize(v) > METADATA_LIST_MAX)
		return diag_add(d, -E2BIG, DIAG_ERROR, "users", 0, "more than %d",
		                METADATA_LIST_MAX);
	cJSON_ArrayForEach(it, v)
	{
		const char *name = json_string_or(it, "name", NULL);

		if (cJSON_IsObject(v) && (cJSON_IsObject(it) || is_yes(it)))
			user_add(users, it->string, it);
		else if (cJSON_IsObject(v))
			continue;
		else if (cJSON_IsString(it))
			r = MIN(r, read_users(it, users, d));
		else if (name)
			user_add(users, name, it);
		else
			r = diag_add(d, -EINVAL, DIAG_ERROR, "users", 0,
			             "an entry has no \"name\"");
	}
	return r;
}

/* "user:" (a name or a map) changes the image's default user. */
static int default_user_of(const cJSON *own, const cJSON *image, cJSON **ret)
{
	auto_json cJSON *user = image ? cJSON_Duplicate(image, true) : cJSON_CreateObject();
	const cJSON *it;

	if (!user)
		return -ENOMEM;
	if (cJSON_IsString(own))
		put(user, "name", cJSON_CreateString(own->valuestring));
	for (it = cJSON_IsObject(own) ? own->child : NULL; it; it = it->next)
		put(user, it->string, cJSON_Duplicate(it, true));
	*ret = TAKE_PTR(user);
	return 0;
}

/* The entry "default" becomes the default user, under its name; what is said of it elsewhere holds. */
static int resolve_default(cJSON *users, const cJSON *user, cJSON **ret)
{
	auto_json cJSON *resolved = cJSON_CreateObject();
	const char *name = json_string_or(user, "name", NULL);
	bool has_default = cJSON_GetObjectItemCaseSensitive(users, "default");
	const cJSON *it;

	if (!resolved)
		return -ENOMEM;
	cJSON_ArrayForEach(it, users)
	{
		if (streq(it->string, "default") || (has_default && streq_ptr(it->string, name)))
			continue;
		user_add(resolved, it->string, it);
		put(cJSON_GetObjectItemCaseSensitive(resolved, it->string), "default",
		    cJSON_CreateFalse());
	}
	/* The last one, so that ids are given in cloud-init's order. */
	if (has_default && name) {
		user_add(resolved, name, user);
		user_add(resolved, name, cJSON_GetObjectItemCaseSensitive(users, "default"));
		user_add(resolved, name, cJSON_GetObjectItemCaseSensitive(users, name));
		put(cJSON_GetObjectItemCaseSensitive(resolved, name), "default",
		    cJSON_CreateTrue());
	}
	*ret = TAKE_PTR(resolved);
	return 0;
}

int users_normalise(const cJSON *config, const cJSON *default_user, struct diag *d, cJSON **ret)
{
	const cJSON *own = cJSON_GetObjectItemCaseSensitive(config, "user");
	auto_json cJSON *users = cJSON_CreateObject(), *groups = cJSON_CreateObject(), *user = NULL,
			*resolved = NULL, *result = cJSON_CreateObject();
	int r = default_user_of(own, default_user, &user), worst;

	if (r < 0 || !users || !groups || !result)
		return -ENOMEM;
	worst = read_groups(cJSON_GetObjectItemCaseSensitive(config, "groups"), groups, d);
	worst = MIN(worst, read_users(cJSON_GetObjectItemCaseSensitive(config, "users"), users, d));
	if (own && !cJSON_IsNull(own))
		user_add(users, "default", NULL);
	r = resolve_default(users, user, &resolved);
	if (r < 0)
		return r;
	r = json_add_take(result, "users", TAKE_PTR(resolved));
	if (r >= 0)
		r = json_add_take(result, "groups", TAKE_PTR(groups));
	if (r < 0)
		return r;
	*ret = TAKE_PTR(result);
	return worst;
}
