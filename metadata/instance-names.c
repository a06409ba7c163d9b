// SPDX-License-Identifier: Apache-2.0
/* Names and keys of an instance, whatever form its source gave them. Pure. */
#include "metadata/metadata.h"

int instance_hostname(const struct instance *i, bool full, char **ret)
{
	const char *name = json_string_or(i->meta_data, "local-hostname", NULL);

	if (!name)
		name = json_string_or(i->meta_data, "hostname", NULL);
	if (str_is_empty(name))
		return -ENOENT;
	*ret = full ? strdup(name) : strndup(name, strcspn(name, "."));
	return *ret ? 0 : -ENOMEM;
}

static int add_keys(const cJSON *v, char ***keys)
{
	auto_strv char **lines = NULL;
	const cJSON *it;
	int r = 0;

	if (cJSON_IsString(v)) {
		r = strv_split(v->valuestring, "\n", &lines);
		/* Some indent them. */
		STRV_FOREACH (l, lines)
			if (r >= 0 && *str_strip(*l))
				r = strv_append(keys, str_strip(*l));
		return r;
	}
	if (cJSON_IsArray(v))
		cJSON_ArrayForEach(it, v)
		{
			if (r >= 0 && cJSON_IsString(it) && *it->valuestring)
				r = strv_append(keys, it->valuestring);
		}
	/* name -> key, name -> [key, ...], or EC2's 0 -> {"openssh-key": key} */
	if (cJSON_IsObject(v))
		cJSON_ArrayForEach(it, v)
		{
			const cJSON *own = cJSON_GetObjectItemCaseSensitive(it, "openssh-key");

			if (r >= 0 && cJSON_IsString(own ? own : it))
				r = strv_append(keys, (own ? own : it)->valuestring);
			else if (r >= 0)
				r = add_keys(own ? own : it, keys);
		}
	return r;
}

int public_keys_of(const cJSON *v, char ***ret)
{
	auto_strv char **keys = NULL;
	int r = add_keys(v, &keys);

	if (r < 0)
		return r;
	*ret = TAKE_PTR(keys);
	return 0;
}

int instance_public_keys(const struct instance *i, char ***ret)
{
	static const char *const names[] = {"public-keys", "public_keys"};
	auto_strv char **keys = NULL, **own = NULL;
	int r = 0;

	for (size_t k = 0; k < ELEMENTSOF(names) && r >= 0; k++) {
		const cJSON *v = cJSON_GetObjectItemCaseSensitive(i->meta_data, names[k]);

		r = v && !keys ? public_keys_of(v, &keys) : 0;
	}
	if (r >= 0 && i->public_keys)
		r = public_keys_of(i->public_keys, &own);
	if (r >= 0 && own)
		r = strv_extend(&keys, own);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(keys);
	return 0;
}
