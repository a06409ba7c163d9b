// SPDX-License-Identifier: Apache-2.0
/* instance-data.json: what was found, in the words that templates and "query" know. */
#include "metadata/userdata/userdata.h"
#include "metadata/detect/detect.h"

#include <sys/utsname.h>

/* What only root reads. */
static const char *const sensitive[] = {"merged_cfg",
                                        "merged_system_cfg",
                                        "userdata",
                                        "vendordata",
                                        "vendordata2",
                                        "ds/user_data",
                                        "ds/vendor_data",
                                        "ds/meta_data/random_seed",
                                        "ds/meta_data/admin_pass",
                                        "ds/meta_data/security-credentials"};

static void add_release(cJSON *v1)
{
	static const struct {
		const char *key, *name;
	} rows[] = {{"ID=", "distro"},
	            {"VERSION_ID=", "distro_version"},
	            {"VERSION_CODENAME=", "distro_release"}};
	auto_free char *text = NULL;
	auto_strv char **lines = NULL;

	if (file_read("/etc/os-release", &text, NULL) < 0 || strv_split(text, "\n", &lines) < 0)
		return;
	STRV_FOREACH (l, lines)
		for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
			const char *v = str_after(*l, rows[i].key);
			auto_free char *word =
				v ? strndup(v + (*v == '"'), strcspn(v + (*v == '"'), "\"")) : NULL;

			json_add_string(v1, rows[i].name, word);
		}
}

static char *lower(const char *s)
{
	char *copy = strdup(s);

	for (char *p = copy; p && *p; p++)
		*p = *p >= 'A' && *p <= 'Z' ? (char) (*p + 'a' - 'A') : *p;
	return copy;
}

/* Platforms name these in one way or another. */
static const char *first_of(const cJSON *meta, const char *const *keys)
{
	for (; *keys; keys++) {
		const char *v = json_string_or(meta, *keys, NULL);

		if (v)
			return v;
	}
	return NULL;
}

static void add_with_dashes(cJSON *v1, const char *name, const char *value)
{
	auto_free char *dashed = strdup(name);

	for (char *p = dashed; p && *p; p++)
		*p = *p == '_' ? '-' : *p;
	json_add_string(v1, name, value);
	if (dashed && !streq(dashed, name))
		json_add_string(v1, dashed, value);
}

static cJSON *standard_keys(const struct instance *i)
{
	static const char *const zones[] = {"availability_zone", "availability-zone", "zone", NULL},
				 *const regions[] = {"region", NULL};
	auto_free char *host = NULL, *platform = lower(i->datasource), *cloud = NULL;
	const char *region = first_of(i->meta_data, regions), *zone = first_of(i->meta_data, zones),
		   *name = i->platform ? i->platform : platform;
	auto_strv char **keys = NULL;
	cJSON *v1 = cJSON_CreateObject();
	struct utsname u;

	(void) instance_hostname(i, false, &host);
	(void) instance_public_keys(i, &keys);
	if (cloud_id_of(name, region, platform, &cloud) >= 0)
		add_with_dashes(v1, "cloud_id", cloud);
	add_with_dashes(v1, "cloud_name", name);
	add_with_dashes(v1, "platform", platform);
	add_with_dashes(v1, "subplatform", i->origin);
	add_with_dashes(v1, "instance_id", i->id);
	add_with_dashes(v1, "local_hostname", host);
	add_with_dashes(v1, "region", region);
	add_with_dashes(
		v1, "availability_zone",
		zone ? zone
		     : json_string_or(cJSON_GetObjectItemCaseSensitive(i->meta_data, "placement"),
	                              "availability-zone", NULL));
	(void) json_add_strv(v1, "public_ssh_keys", keys);
	if (uname(&u) >= 0) {
		json_add_string(v1, "kernel_release", u.release);
		json_add_string(v1, "machine", u.machine);
		json_add_string(v1, "system_platform", u.sysname);
	}
	add_release(v1);
	return v1;
}

static void add_blob(cJSON *data, const char *key, const struct blob *b, cJSON *encoded)
{
	auto_free char *text = NULL;

	if (!b->data)
		return;
	if (utf8_is_valid(b->data, b->size) && strlen(b->data) == b->size) {
		json_add_string(data, key, b->data);
		return;
	}
	if (base64_encode(b->data, b->size, &text) < 0)
		return;
	json_add_string(data, key, text);
	(void) json_append_take(encoded, cJSON_CreateString(key));
}

int instance_data_of(const struct instance *i, const struct userdata *u, const cJSON *extra,
                     cJSON **ret)
{
	auto_json cJSON *data = cJSON_CreateObject();
	cJSON *ds, *list, *encoded;
	const cJSON *it;

	if (!data)
		return -ENOMEM;
	encoded = cJSON_AddArrayToObject(data, "base64_encoded_keys");
	ds = i->raw && cJSON_IsObject(i->raw) ? cJSON_Duplicate(i->raw, true)
	                                      : cJSON_CreateObject();
	if (!cJSON_GetObjectItemCaseSensitive(ds, "meta_data"))
		(void) json_add_take(ds, "meta_data", cJSON_Duplicate(i->meta_data, true));
	(void) json_add_take(data, "ds", ds);
	if (u)
		(void) json_add_take(data, "merged_cfg", cJSON_Duplicate(u->config, true));
	list = cJSON_AddArrayToObject(data, "sensitive_keys");
	for (size_t k = 0; k < ELEMENTSOF(sensitive); k++)
		(void) json_append_take(list, cJSON_CreateString(sensitive[k]));
	add_blob(data, "userdata", &i->user_data, encoded);
	add_blob(data, "vendordata", &i->vendor_data, encoded);
	add_blob(data, "vendordata2", &i->vendor_data2, encoded);
	if (json_add_take(data, "v1", standard_keys(i)) < 0)
		return -ENOMEM;
	cJSON_ArrayForEach(it, extra)(void)
		json_add_take(data, it->string, cJSON_Duplicate(it, true));
	*ret = TAKE_PTR(data);
	return 0;
}
