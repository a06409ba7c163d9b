// SPDX-License-Identifier: Apache-2.0
/* Google: two trees of attributes, the machine's and the project's. The service is asked by its
 * address, since there may be no resolver yet; its name is metadata.google.internal. */
#include "metadata/source/web.h"
#include "metadata/userdata/userdata.h"

#include <strings.h>

static const char *attribute(const struct web *w, const char *tree, const char *key)
{
	return json_string_or(web_find(w->crawl, tree), key, NULL);
}

static int add_lines(const char *text, char ***to)
{
	auto_strv char **lines = NULL;
	int r;

	if (str_is_empty(text))
		return 0;
	r = strv_split(text, "\r\n", &lines);
	return r < 0 ? r : strv_extend(to, lines);
}

/* A key of the machine's own under the old name shuts the project's out, as the switch does. */
static int keys_of(const struct web *w, char ***ret)
{
	const char *own = attribute(w, "instance-data", "sshKeys"),
		   *block = attribute(w, "instance-data", "block-project-ssh-keys");
	int r = add_lines(own, ret);

	if (r >= 0)
		r = add_lines(attribute(w, "instance-data", "ssh-keys"), ret);
	if (str_is_empty(own) && !(block && !strcasecmp(block, "true"))) {
		if (r >= 0)
			r = add_lines(attribute(w, "project-data", "ssh-keys"), ret);
		if (r >= 0)
			r = add_lines(attribute(w, "project-data", "sshKeys"), ret);
	}
	return r;
}

static int set_user_data(struct web *w)
{
	const cJSON *v = web_find(w->crawl, "instance-data.user-data");
	const char *encoding = attribute(w, "instance-data", "user-data-encoding");
	int r = blob_set_json(&w->i->user_data, v);

	if (r < 0 || !encoding)
		return r;
	if (streq(encoding, "base64"))
		return blob_maybe_base64(&w->i->user_data);
	diag_add(w->c->d, -EBADMSG, DIAG_WARNING, w->base, 0,
	         "user-data-encoding is neither base64 nor left out: taken as it is");
	return 0;
}

static int gce_finish(struct web *w)
{
	static const char *const trees[] = {"instance-data", "project-data"};
	auto_strv char **keys = NULL, **own = NULL;
	int r = keys_of(w, &keys);

	for (size_t i = 0; i < ELEMENTSOF(trees); i++)
		if (!web_find(w->i->meta_data, trees[i]))
			json_add_take(w->i->meta_data, trees[i], cJSON_CreateObject());
	if (r >= 0)
		r = keys ? json_add_strv(w->i->meta_data, "public-keys-data", keys)
		         : json_add_take(w->i->meta_data, "public-keys-data", cJSON_CreateArray());
	if (r >= 0)
		r = gce_keys_parse(keys, w->c->default_user, now(CLOCK_REALTIME) / USEC_PER_SEC,
		                   &own);
	if (r < 0)
		return r;
	w->i->public_keys = cJSON_CreateArray();
	STRV_FOREACH (k, own)
		json_append_take(w->i->public_keys, cJSON_CreateString(*k));
	return set_user_data(w);
}

static const struct web_source gce = {
	.name = "GCE",
	.platform = "gce",
	.bases = (const char *const[]){"http://169.254.169.254/computeMetadata/v1", NULL},
	.config_key = "metadata_url",
	.headers = (const struct http_header[]){{"Metadata-Flavor", "Google"}, {NULL}},
	.max_wait = 30 * USEC_PER_SEC,
	.leaves =
		(const struct web_leaf[]){
			{"instance/id", "id", WEB_TEXT, true},
			{"instance/zone", "zone", WEB_TEXT, true},
			{"instance/hostname", "hostname", WEB_TEXT, true},
			{"instance/attributes/?recursive=True", "instance-data", WEB_JSON, false},
			{"project/attributes/?recursive=True", "project-data", WEB_JSON, false},
			{NULL},
		},
	.map =
		(const struct web_map[]){
			{"instance-id", "id", WEB_AS_IS, true},
			{"availability-zone", "zone", WEB_LAST_PATH_PART, true},
			{"local-hostname", "hostname", WEB_AS_IS, true},
			{"instance-data", "instance-data"},
			{"project-data", "project-data"},
			{NULL},
		},
	.finish = gce_finish,
};

int source_gce(const struct source_context *c, struct instance **ret)
{
	return web_read(c, &gce, ret);
}
