// SPDX-License-Identifier: Apache-2.0
/*
 * EC2, and what looks like it. Amazon's own service wants a token and there is no way around it: a
 * refused token is the end, never an untokened request. Others may do without (ZStack, Brightbox,
 * and Firecracker's MMDS in both versions when the image pins this datasource).
 *
 * Both addresses are raced, and the newest version of the tree that is there is walked on one
 * connection.
 */
#include "metadata/network/network.h"
#include "metadata/source/web.h"
#include "metadata/userdata/userdata.h"

#include <strings.h>

#define TOKEN_SECONDS "21600"

static const char *const versions[] = {"2021-03-23", "2018-09-24", "2016-09-02", "2009-04-04",
                                       "latest"};

static const struct web_token aws_token = {
	.path = "latest/api/token",
	.ttl_header = "X-aws-ec2-metadata-token-ttl-seconds",
	.ttl = TOKEN_SECONDS,
	.header = "X-aws-ec2-metadata-token",
};
static const struct web_token other_token = {
	.path = "latest/api/token",
	.ttl_header = "X-aws-ec2-metadata-token-ttl-seconds",
	.ttl = TOKEN_SECONDS,
	.header = "X-aws-ec2-metadata-token",
	.is_optional = true,
};

#define COMMON                                                                                     \
	.name = "Ec2",                                                                             \
	.bases = (const char *const[]){"http://169.254.169.254", "http://[fd00:ec2::254]", NULL},  \
	.config_key = "metadata_urls", .max_wait = 240 * USEC_PER_SEC,                             \
	.probe = "2009-04-04/meta-data/instance-id"

static const struct web_source aws = {COMMON, .platform = "aws", .token = &aws_token};
static const struct web_source other = {COMMON, .token = &other_token};

static const char *dmi(const struct web *w, enum dmi_field f)
{
	const char *v = w->c->machine ? w->c->machine->dmi[f] : NULL;

	return v ? v : "";
}

/* The id of a machine of Amazon's begins with ec2; older ones say it in the other byte order. */
static bool is_aws(const struct machine *m)
{
	const char *uuid = m && m->dmi[DMI_PRODUCT_UUID] ? m->dmi[DMI_PRODUCT_UUID] : "",
		   *serial = m && m->dmi[DMI_PRODUCT_SERIAL] ? m->dmi[DMI_PRODUCT_SERIAL] : "";

	return !strncasecmp(uuid, "ec2", 3) ||
	       (strlen(uuid) > 8 && !strncasecmp(uuid + 4, "2", 1) &&
	        !strncasecmp(uuid + 6, "ec", 2)) ||
	       !strncasecmp(serial, "ec2", 3);
}

static const char *platform_of(const struct web *w)
{
	if (w->s->platform)
		return w->s->platform;
	if (str_ends_with(dmi(w, DMI_PRODUCT_SERIAL), ".brightbox.com"))
		return "brightbox";
	if (str_ends_with(dmi(w, DMI_CHASSIS_ASSET_TAG), ".zstack.io"))
		return "zstack";
	if (streq(dmi(w, DMI_SYS_VENDOR), "e24cloud"))
		return "e24cloud";
	if (streq(dmi(w, DMI_SYS_VENDOR), "3DS Outscale"))
		return "outscale";
	return streq(dmi(w, DMI_SYS_VENDOR), "Tilaa") ? "tilaa" : "unknown";
}

static int pick_version(struct web *w, const char **ret)
{
	int r = -ENOENT;

	for (size_t i = 0; i < ELEMENTSOF(versions); i++) {
		auto_free char *path = path_join(versions[i], "meta-data/instance-id");
		auto_blob struct blob ignored = {0};

		r = path ? web_get(w, path, &ignored) : -ENOMEM;
		if (r >= 0) {
			*ret = versions[i];
			return 0;
		}
		if (r != -ENOENT)
			break;
	}
	return diag_add(w->c->d, -EBADMSG, DIAG_ERROR, w->base, 0, "no version of the metadata: %s",
	                strerror(-r));
}

/* Amazon's signed document: not needed to go on. */
static void read_identity(struct web *w, const char *version)
{
	auto_free char *path = path_join(version, "dynamic/instance-identity/document");
	auto_blob struct blob b = {0};
	cJSON *v = NULL;

	if (path && web_get(w, path, &b) >= 0 && b.size &&
	    json_parse(b.data, b.size, path, NULL, &v) >= 0)
		json_add_take(w->crawl, "identity", v);
}

static int read_user_data(struct web *w, const char *version)
{
	auto_free char *path = path_join(version, "user-data");
	int r = path ? web_get(w, path, &w->i->user_data) : -ENOMEM;

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return diag_add(w->c->d, r == -ENOMEM ? r : -EBADMSG, DIAG_ERROR, w->base, 0,
		                "user-data: %s", strerror(-r));
	return blob_maybe_base64(&w->i->user_data);
}

static int read_meta_data(struct web *w, const char *version)
{
	auto_free char *path = str_printf("%s/meta-data/", version);
	cJSON *tree = NULL;
	int r = path ? web_tree(w, path, &tree) : -ENOMEM;

	if (r < 0)
		return diag_add(w->c->d, r == -ENOMEM ? r : -EBADMSG, DIAG_ERROR, w->base, 0,
		                "meta-data: %s", strerror(-r));
	cJSON_Delete(w->i->meta_data);
	w->i->meta_data = tree;
	return 0;
}

static void convert_network(struct web *w)
{
	const cJSON *network = web_find(w->i->meta_data, "network");
	bool full = json_bool_or(w->c->config, "apply_full_imds_network_config", true);
	auto_json cJSON *macs = nics_by_mac(w->c->nics, w->c->n_nics);

	if (network && macs && macs->child)
		(void) network_from_ec2(network, macs, full, true, &w->i->network);
}

int source_ec2(const struct source_context *c, struct instance **ret)
{
	__attribute__((cleanup(web_done))) struct web w = {0};
	const char *version, *id;
	int r = web_init(&w, c, is_aws(c->machine) ? &aws : &other);

	if (r >= 0)
		r = web_reach(&w, w.s->probe, NULL);
	if (r >= 0)
		r = pick_version(&w, &version);
	if (r >= 0)
		r = read_user_data(&w, version);
	if (r >= 0)
		r = read_meta_data(&w, version);
	if (r < 0)
		return r;
	read_identity(&w, version);
	convert_network(&w);
	id = json_string_or(web_find(w.crawl, "identity"), "instanceId", NULL);
	if (id)
		r = str_set(&w.i->id, id);
	if (r >= 0)
		r = str_set(&w.i->platform, platform_of(&w));
	if (r >= 0)
		r = instance_take_id(w.i, c->d);
	if (r < 0)
		return r;
	w.i->raw = TAKE_PTR(w.crawl);
	*ret = TAKE_PTR(w.i);
	return 0;
}
