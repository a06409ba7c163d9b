// SPDX-License-Identifier: Apache-2.0
/*
 * The instance of this boot for the final stage, and of the last one for the next.
 *
 *   /var/lib/sysmaster/metadata/instances/ID/instance.json   0600 in a folder 0700
 *   /var/lib/sysmaster/metadata/instance                     link to the folder of the last one
 *   /run/sysmaster/metadata/instance                         link to the folder of this boot's
 */
#include "metadata/boot/boot.h"
#include "metadata/userdata/userdata.h"

#include <limits.h>

#define FILE_NAME "instance.json"

static void copy_json(cJSON *to, const char *key, const cJSON *v)
{
	if (v)
		json_add_take(to, key, cJSON_Duplicate(v, true));
}

static int copy_blob(cJSON *to, const char *key, const struct blob *b)
{
	auto_free char *text = NULL;
	int r = b->data ? base64_encode(b->data, b->size, &text) : 0;

	return r < 0 || !text ? r : json_add_string(to, key, text);
}

/* What tells this machine from its copies. NULL: nothing does. */
static cJSON *identity_of(const struct machine *m)
{
	static const enum dmi_field fields[] = {DMI_PRODUCT_UUID, DMI_PRODUCT_SERIAL,
	                                        DMI_SYS_VENDOR};
	cJSON *j;

	if (str_is_empty(m->dmi[DMI_PRODUCT_UUID]) && str_is_empty(m->dmi[DMI_PRODUCT_SERIAL]))
		return NULL;
	j = cJSON_CreateObject();
	for (size_t i = 0; i < ELEMENTSOF(fields); i++)
		json_add_string(j, dmi_field_names[fields[i]], m->dmi[fields[i]]);
	return j;
}

int instance_to_json(const struct instance *i, const struct machine *m, cJSON **ret)
{
	auto_json cJSON *j = cJSON_CreateObject();
	cJSON *identity = m ? identity_of(m) : NULL;
	int r;

	if (!j)
		return -ENOMEM;
	json_add_string(j, "datasource", i->datasource);
	json_add_string(j, "platform", i->platform);
	json_add_string(j, "origin", i->origin);
	json_add_string(j, "instance_id", i->id);
	json_add_string(j, "dsmode", i->dsmode);
	copy_json(j, "meta_data", i->meta_data);
	copy_json(j, "public_keys", i->public_keys);
	copy_json(j, "network", i->network);
	copy_json(j, "config", i->config);
	copy_json(j, "raw", i->raw);
	if (identity)
		json_add_take(j, "machine", identity);
	r = copy_blob(j, "user_data", &i->user_data);
	if (r >= 0)
		r = copy_blob(j, "vendor_data", &i->vendor_data);
	if (r >= 0)
		r = copy_blob(j, "vendor_data2", &i->vendor_data2);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(j);
	return 0;
}

static cJSON *take_json(const cJSON *j, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(j, key);

	return v && !cJSON_IsNull(v) ? cJSON_Duplicate(v, true) : NULL;
}

static int take_blob(const cJSON *j, const char *key, struct blob *ret)
{
	const char *text = json_string_or(j, key, NULL);

	return text ? base64_decode(text, strlen(text), ret) : 0;
}

static int take_strings(const cJSON *j, struct instance *i)
{
	const struct {
		const char *key;
		char **to;
	} fields[] = {{"platform", &i->platform},
	              {"origin", &i->origin},
	              {"instance_id", &i->id},
	              {"dsmode", &i->dsmode}};

	for (size_t k = 0; k < ELEMENTSOF(fields); k++) {
		const char *v = json_string_or(j, fields[k].key, NULL);

		if (v && str_set(fields[k].to, v) < 0)
			return -ENOMEM;
	}
	return 0;
}

int instance_of_json(const cJSON *j, struct instance **ret)
{
	auto_cleanup(instance_free) struct instance *i = NULL;
	const char *id = json_string_or(j, "instance_id", ""),
		   *source = json_string_or(j, "datasource", NULL);
	int r;

	/* It was checked when it was written, and names folders again. */
	if (!source || !*id || *id == '.' || strchr(id, '/') ||
	    !cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(j, "meta_data")))
		return -EBADMSG;
	r = instance_new(source, source, &i);
	if (r >= 0)
		r = take_strings(j, i);
	if (r < 0)
		return r;
	cJSON_Delete(i->meta_data);
	i->meta_data = take_json(j, "meta_data");
	i->public_keys = take_json(j, "public_keys");
	i->network = take_json(j, "network");
	i->config = take_json(j, "config");
	i->raw = take_json(j, "raw");
	r = take_blob(j, "user_data", &i->user_data);
	if (r >= 0)
		r = take_blob(j, "vendor_data", &i->vendor_data);
	if (r >= 0)
		r = take_blob(j, "vendor_data2", &i->vendor_data2);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(i);
	return 0;
}

static int link_to(const char *root, const char *target, const char *link)
{
	auto_free char *path = path_join(*root ? root : "/", link);
	int r = path ? mkdir_parents(path, 0755) : -ENOMEM;

	return r < 0 ? r : symlink_atomic(target, path);
}

int cache_save(const char *root, const struct instance *i, const struct machine *m)
{
	auto_free char *folder = str_printf("/" METADATA_STATE "/instances/%s", i->id),
		       *state = folder ? path_join(*root ? root : "/", folder) : NULL,
		       *path = state ? path_join(state, FILE_NAME) : NULL, *text = NULL;
	auto_json cJSON *j = NULL;
	int r = path ? mkdir_p(state, 0700) : -ENOMEM;

	if (r >= 0)
		r = instance_to_json(i, m, &j);
	if (r >= 0) {
		text = json_print(j, false);
		r = text ? file_write_atomic(path, text, strlen(text), 0600, true) : -ENOMEM;
	}
	if (r >= 0)
		r = link_to(root, folder, METADATA_STATE "/instance");
	return r < 0 ? r : link_to(root, folder, METADATA_RUN "/instance");
}

static enum cache_match match(const cJSON *j, const struct machine *m, const cJSON *config)
{
	auto_json cJSON *identity = identity_of(m);
	const cJSON *was = cJSON_GetObjectItemCaseSensitive(j, "machine");

	if (json_bool_or(config, "manual_cache_clean", false) ||
	    tree_stat(&m->root, "var/lib/cloud/instance/manual-clean") == 'f')
		return CACHE_MANUAL;
	return identity && was && cJSON_Compare(identity, was, true) ? CACHE_SAME : CACHE_OTHER;
}

/* Links of an image lead to its own files, whatever root they are read below. */
static int folder_of(const char *root, const char *link, char **ret)
{
	auto_free char *path = path_join(*root ? root : "/", link);
	char target[PATH_MAX];
	ssize_t n = path ? readlink(path, target, sizeof(target) - 1) : -1;

	if (!path)
		return -ENOMEM;
	if (n < 0)
		return -errno;
	target[n] = '\0';
	*ret = path_join(*root ? root : "/", target);
	return *ret ? 0 : -ENOMEM;
}

int cache_load(const char *root, const struct machine *m, const cJSON *config,
               enum cache_match *ret_match, struct instance **ret)
{
	auto_free char *folder = NULL, *path = NULL;
	auto_json cJSON *j = NULL;
	int r = folder_of(root, m ? METADATA_STATE "/instance" : METADATA_RUN "/instance", &folder);

	if (r >= 0) {
		path = path_join(folder, FILE_NAME);
		r = path ? json_parse_file(path, NULL, &j) : -ENOMEM;
	}
	if (r >= 0)
		r = instance_of_json(j, ret);
	if (r < 0)
		return r == -ENOMEM ? r : -ENOENT;
	if (ret_match)
		*ret_match = m ? match(j, m, config) : CACHE_SAME;
	return 0;
}
