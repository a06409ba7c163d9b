// SPDX-License-Identifier: Apache-2.0
/*
 * IBM Cloud VPC: its metadata service, which the owner of a machine may switch on. The machine's medium (NoCloud's, labelled cidata)
 * comes first where there is one. Machines of the classic infrastructure have media alone (openstack.c).
 *
 * Facts: IBM's "VPC Metadata API" and "VPC Identity API", of the first version that gives tokens to all.
 */
#include "metadata/source/web.h"

#define VERSION  "?version=2022-03-01"
#define METADATA "metadata/v1/"

/* "us-south" of the zone "us-south-1". */
static int add_region(struct web *w)
{
	const char *zone = json_string_or(w->i->meta_data, "availability-zone", ""),
		   *dash = strrchr(zone, '-');
	auto_free char *region = dash ? strndup(zone, (size_t) (dash - zone)) : NULL;

	return region ? json_add_string(w->i->meta_data, "region", region) : 0;
}

/* The list of keys that the machine was made with: each with its line. */
static int add_keys(struct web *w)
{
	cJSON *keys = cJSON_AddArrayToObject(w->i->meta_data, "public-keys");
	const cJSON *it;

	if (!keys)
		return -ENOMEM;
	cJSON_ArrayForEach(it, web_find(w->crawl, "keys.keys"))
	{
		const char *line = json_string_or(it, "public_key", NULL);

		if (line && json_append_take(keys, cJSON_CreateString(line)) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int finish(struct web *w)
{
	int r = add_region(w);

	if (r >= 0)
		r = add_keys(w);
	if (r >= 0)
		r = blob_set_json(&w->i->user_data, web_find(w->crawl, "initialization.user_data"));
	return r;
}

static const struct web_source ibmcloud = {
	.name = "IBMCloud",
	.platform = "ibmcloud",
	.bases = (const char *const[]){"http://169.254.169.254", NULL},
	.config_key = "metadata_url",
	.headers = (const struct http_header[]){{"Accept", "application/json"}, {NULL}},
	.token =
		&(const struct web_token){
			.path = "instance_identity/v1/token" VERSION,
			.ttl_header = "Metadata-Flavor",
			.ttl = "ibm",
			.body = "{\"expires_in\": 3600}",
			.value = "access_token",
			.header = "Authorization",
			.prefix = "Bearer ",
		},
	.max_wait = 30 * USEC_PER_SEC,
	.try_timeout = 5 * USEC_PER_SEC,
	.leaves =
		(const struct web_leaf[]){
			{METADATA "instance" VERSION, "instance", WEB_JSON, true},
			{METADATA "instance/initialization" VERSION, "initialization", WEB_JSON,
                         true},
			{METADATA "keys" VERSION, "keys", WEB_JSON, false},
			{NULL},
		},
	.map =
		(const struct web_map[]){
			{"instance-id", "instance.id", WEB_AS_IS, true},
			{"local-hostname", "instance.name", WEB_AS_IS, true},
			{"availability-zone", "instance.zone.name"},
			{"instance-type", "instance.profile.name"},
			{NULL},
		},
	.finish = finish,
};

int source_ibmcloud(const struct source_context *c, struct instance **ret)
{
	/* The classic infrastructure is Xen, and has no such service. */
	if (c->machine && streq_ptr(c->machine->virt, "xen"))
		return -ENOENT;
	return web_read(c, &ibmcloud, ret);
}
