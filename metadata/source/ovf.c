// SPDX-License-Identifier: Apache-2.0
/* ovf-env.xml of VMware and VirtualBox: properties of one section, some of which are ours. */
#include "metadata/source/web.h"
#include "metadata/source/xml.h"
#include "metadata/userdata/userdata.h"

#include <strings.h>

#define OVF_SPACE "http://schemas.dmtf.org/ovf/environment/1"

enum target { TO_META, TO_CONFIG, TO_USER_DATA, TO_NETWORK };
static const struct {
	const char *key;
	enum target target;
} properties[] = {{"user-data", TO_USER_DATA}, {"password", TO_CONFIG},
                  {"hostname", TO_META},       {"instance-id", TO_META},
                  {"local-hostname", TO_META}, {"public-keys", TO_META},
                  {"seedfrom", TO_META},       {"network-config", TO_NETWORK}};

/* base64 of YAML of {network: ...} or of the configuration itself; anything else is left out. */
static void take_network(cJSON *meta, const char *text, struct diag *d)
{
	auto_blob struct blob b = {0};
	auto_json cJSON *doc = NULL;
	const cJSON *network;

	if (base64_decode(text, strlen(text), &b) < 0 || !b.size ||
	    yaml_parse(b.data, b.size, "network-config", d, &doc) < 0)
		return;
	network = cJSON_GetObjectItemCaseSensitive(doc, "network");
	if (!cJSON_IsObject(network))
		network = cJSON_IsObject(doc) ? doc : NULL;
	if (network)
		json_add_take(meta, "network-config", cJSON_Duplicate(network, true));
}

static int take_property(cJSON *out, const char *key, const char *value, struct diag *d)
{
	cJSON *meta = cJSON_GetObjectItemCaseSensitive(out, "metadata"),
	      *config = cJSON_GetObjectItemCaseSensitive(out, "config");

	for (size_t i = 0; i < ELEMENTSOF(properties); i++) {
		if (strcasecmp(properties[i].key, key) != 0)
			continue;
		switch (properties[i].target) {
		case TO_META:
			return json_add_string(meta, properties[i].key, value);
		case TO_CONFIG:
			return json_add_string(config, properties[i].key, value);
		case TO_USER_DATA:
			return json_add_string(out, "user-data", value);
		case TO_NETWORK:
			take_network(meta, value, d);
			return 0;
		}
	}
	return 0;
}

int ovf_env_parse(const char *xml, size_t size, struct diag *d, cJSON **ret)
{
	auto_cleanup(xml_free) struct xml *x = NULL;
	auto_json cJSON *out = cJSON_CreateObject();
	const struct xml *section;
	int r = xml_parse(xml, size, "ovf-env.xml", d, &x);

	if (r < 0)
		return r == -ENOMEM ? r : -EBADMSG;
	if (!out || !cJSON_AddObjectToObject(out, "metadata") ||
	    !cJSON_AddObjectToObject(out, "config"))
		return -ENOMEM;
	if (!streq(x->name, "Environment"))
		return diag_add(d, -EBADMSG, DIAG_ERROR, "ovf-env.xml", 0, "no Environment");
	section = xml_child(x, NULL, "PropertySection");
	if (!section)
		return diag_add(d, -EBADMSG, DIAG_ERROR, "ovf-env.xml", 0, "no PropertySection");
	for (const struct xml *p = section->first; p && r >= 0; p = p->next) {
		const char *key = json_string_or(p->attributes, "key", NULL);

		if (streq(p->name, "Property") && key)
			r = take_property(out, key, json_string_or(p->attributes, "value", ""), d);
	}
	if (r < 0)
		return r;
	*ret = TAKE_PTR(out);
	return 0;
}

static int fill(struct instance *i, const cJSON *env, struct diag *d)
{
	const cJSON *config = web_find(env, "config"), *network;
	int r = blob_set_json(&i->user_data, web_find(env, "user-data"));

	if (r >= 0)
		r = blob_maybe_base64(&i->user_data);
	if (r < 0)
		return r;
	cJSON_Delete(i->meta_data);
	i->meta_data = cJSON_Duplicate(web_find(env, "metadata"), true);
	if (!web_find(i->meta_data, "instance-id"))
		json_add_string(i->meta_data, "instance-id", "iid-dsovf");
	network = cJSON_GetObjectItemCaseSensitive(i->meta_data, "network-config");
	if (network)
		i->network = cJSON_Duplicate(network, true);
	if (config && config->child)
		i->config = cJSON_Duplicate(config, true);
	return instance_take_id(i, d);
}

int source_ovf_read(const char *xml, size_t size, const char *origin, struct diag *d,
                    struct instance **ret)
{
	auto_cleanup(instance_free) struct instance *i = NULL;
	auto_json cJSON *env = NULL;
	int r = ovf_env_parse(xml, size, d, &env);

	if (r >= 0)
		r = instance_new("OVF", origin, &i);
	if (r >= 0)
		r = str_set(&i->platform, "ovf");
	if (r >= 0)
		r = fill(i, env, d);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(i);
	return 0;
}

int source_ovf_media(const struct source_context *c, struct instance **ret)
{
	auto_blob struct blob b = {0};
	int r = tree_read(c->media, "ovf-env.xml", METADATA_DOCUMENT_MAX, &b);

	return r < 0 ? r : source_ovf_read(b.data, b.size, c->origin, c->d, ret);
}

/* Two letters of a bus, then one letter or digit more, perhaps with a partition behind: sr0, xvdc1. */
bool ovf_is_cdrom_name(const char *device)
{
	static const char *const prefixes[] = {"sr", "hd", "xvd"};
	auto_strv char **parts = NULL, **kept = NULL;
	const char *name;

	if (str_is_empty(device) || strv_split(device, "/", &parts) < 0)
		return false;
	/* "/dev/wark/../sr9" is /dev/sr9. */
	STRV_FOREACH (p, parts) {
		size_t n = strv_length(kept);

		if (streq(*p, "..") && n && !streq(kept[n - 1], "..")) {
			free(kept[n - 1]);
			kept[n - 1] = NULL;
		} else if (!streq(*p, ".") && strv_append(&kept, *p) < 0) {
			return false;
		}
	}
	if (kept && kept[0] && streq(kept[0], "dev"))
		name = strv_length(kept) == 2 ? kept[1] : NULL;
	else
		name = strv_length(kept) == 1 ? kept[0] : NULL;
	for (size_t i = 0; name && i < ELEMENTSOF(prefixes); i++) {
		const char *rest = str_after(name, prefixes[i]);

		if (rest && *rest &&
		    (i == 0 ? *rest >= '0' && *rest <= '9' : *rest >= 'a' && *rest <= 'z'))
			return true;
	}
	return false;
}
