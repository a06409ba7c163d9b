// SPDX-License-Identifier: Apache-2.0
#include "metadata/detect/detect.h"

void nocloud_line_done(struct nocloud_line *l)
{
	free(l->seed_from);
	free(l->instance_id);
	free(l->hostname);
	free(l->dsmode);
	cJSON_Delete(l->fill);
	*l = (struct nocloud_line){0};
}

static const char *long_name(const char *key)
{
	static const struct {
		const char *from, *to;
	} names[] = {{"s", "seedfrom"}, {"i", "instance-id"}, {"h", "local-hostname"}};

	for (size_t i = 0; i < ELEMENTSOF(names); i++)
		if (streq(names[i].from, key))
			return names[i].to;
	return key;
}

static int add_pair(cJSON *fill, const char *pair)
{
	const char *equals = strchr(pair, '=');
	auto_free char *key = equals ? strndup(pair, (size_t) (equals - pair)) : strdup(pair);
	cJSON *value;

	if (!key)
		return -ENOMEM;
	value = equals ? cJSON_CreateString(equals + 1) : cJSON_CreateNull();
	cJSON_DeleteItemFromObjectCaseSensitive(fill, long_name(key));
	return cJSON_AddItemToObject(fill, long_name(key), value) ? 0 : -ENOMEM;
}

static bool needs_network(const char *from)
{
	static const char *const schemes[] = {"http://", "https://", "ftp://", "ftps://"};

	for (size_t i = 0; i < ELEMENTSOF(schemes); i++)
		if (str_after(from, schemes[i]))
			return true;
	return false;
}

/* The fields of @l from its object. */
static int fill_fields(struct nocloud_line *l)
{
	const struct {
		const char *key;
		char **value;
	} fields[] = {{"seedfrom", &l->seed_from},
	              {"instance-id", &l->instance_id},
	              {"local-hostname", &l->hostname},
	              {"dsmode", &l->dsmode}};

	for (size_t i = 0; i < ELEMENTSOF(fields); i++)
		if (str_set(fields[i].value, json_string_or(l->fill, fields[i].key, NULL)) < 0)
			return -ENOMEM;
	return 0;
}

static int read_pairs(const char *text, bool is_net, struct nocloud_line *l)
{
	auto_strv char **pairs = NULL;
	int r = strv_split(text, ";", &pairs);

	if (r < 0)
		return r;
	l->fill = cJSON_CreateObject();
	if (!l->fill)
		return -ENOMEM;
	STRV_FOREACH (p, pairs) {
		r = add_pair(l->fill, *p);
		if (r < 0)
			return r;
	}
	if (!cJSON_GetObjectItemCaseSensitive(l->fill, "dsmode")) {
		is_net = is_net || needs_network(json_string_or(l->fill, "seedfrom", ""));
		if (!cJSON_AddStringToObject(l->fill, "dsmode", is_net ? "net" : "local"))
			return -ENOMEM;
	}
	return fill_fields(l);
}

int nocloud_line_parse(const char *text, struct nocloud_line *ret)
{
	auto_strv char **words = NULL;
	int found = 0, r;

	*ret = (struct nocloud_line){0};
	r = strv_split(text, " \t\n", &words);
	if (r < 0)
		return r;
	STRV_FOREACH (w, words) {
		const char *rest = str_after(*w, "ds=nocloud"), *net;

		if (!rest)
			continue;
		net = str_after(rest, "-net");
		if (net)
			rest = net;
		if (*rest && *rest != ';')
			continue;
		nocloud_line_done(ret);
		found = 1;
		r = read_pairs(rest, net != NULL, ret);
		if (r < 0) {
			nocloud_line_done(ret);
			return r;
		}
	}
	return found;
}
