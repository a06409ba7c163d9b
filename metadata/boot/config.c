// SPDX-License-Identifier: Apache-2.0
/* The image's own configuration: the lowest layer of all, and where datasources are configured. */
#include "metadata/boot/boot.h"
#include "metadata/userdata/userdata.h"

#define CLOUD_CFG "etc/cloud/cloud.cfg"

/* @text over what is there: maps are mixed, other values replaced. */
static int lay_over(cJSON **config, const char *text, size_t size, const char *name, struct diag *d)
{
	cJSON *own = NULL;
	int r = yaml_parse(text, size, name, d, &own);

	if (r < 0)
		return r == -ENOMEM ? r : 0; /* the finding is there; the rest counts */
	if (!cJSON_IsObject(own)) {
		if (!cJSON_IsNull(own))
			diag_add(d, -EBADMSG, DIAG_WARNING, name, 1,
			         "a configuration is a map of keys");
		cJSON_Delete(own);
		return 0;
	}
	r = merge_layers(own, *config);
	if (r < 0) {
		cJSON_Delete(own);
		return r;
	}
	cJSON_Delete(*config);
	*config = own;
	return 0;
}

static int lay_file(cJSON **config, const struct tree *root, const char *path, struct diag *d)
{
	auto_blob struct blob b = {0};
	int r = tree_read(root, path, METADATA_DOCUMENT_MAX, &b);

	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		diag_add(d, r, DIAG_WARNING, path, 0, "cannot be read: %s", strerror(-r));
		return 0;
	}
	return lay_over(config, b.data, b.size, path, d);
}

static int lay_folder(cJSON **config, const struct tree *root, const char *folder, struct diag *d)
{
	auto_strv char **names = NULL;
	int r = tree_list(root, folder, &names);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	STRV_FOREACH (n, names) {
		auto_free char *path = path_join(folder, *n);

		r = !path                       ? -ENOMEM
		    : str_ends_with(*n, ".cfg") ? lay_file(config, root, path, d)
		                                : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

int system_config_read(const struct tree *root, const char *line, struct diag *d, cJSON **ret)
{
	auto_json cJSON *config = cJSON_CreateObject();
	auto_free char *folder = NULL, *own = NULL;
	int r = config ? lay_file(&config, root, CLOUD_CFG, d) : -ENOMEM;

	if (r >= 0)
		folder = strdup(json_string_or(config, "conf_d", CLOUD_CFG ".d"));
	if (r >= 0)
		r = folder ? lay_folder(&config, root, folder, d) : -ENOMEM;
	if (r >= 0 && line)
		r = cmdline_cloud_config(line, &own);
	if (r >= 0 && !str_is_empty(own))
		r = lay_over(&config, own, strlen(own), "kernel command line", d);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(config);
	return 0;
}
