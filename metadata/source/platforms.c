// SPDX-License-Identifier: Apache-2.0
/*
 * Platforms whose service says everything in one or two documents. What each row means is told in
 * web.h; the facts are the platforms' own documentation and cloud-init's datasources of these names.
 */
#include "metadata/network/network.h"
#include "metadata/source/web.h"
#include "metadata/userdata/userdata.h"

#define IMDS "http://169.254.169.254"

/* An interface's name by the address that the platform calls it by; NULL if it is not plugged in. */
static const char *nic_name(const struct web *w, const char *mac)
{
	for (size_t i = 0; mac && i < w->c->n_nics; i++)
		if (!strcasecmp(w->c->nics[i].mac, mac))
			return w->c->nics[i].name;
	return NULL;
}

static int take_blobs(struct web *w, const char *user, const char *vendor)
{
	int r = blob_set_json(&w->i->user_data, web_find(w->crawl, user));

	return r < 0 ? r : blob_set_json(&w->i->vendor_data, web_find(w->crawl, vendor));
}

/* Entries of a config v1 take the names of the interfaces with their addresses. */
static void rename_entries(const struct web *w, cJSON *config)
{
	cJSON *it;

	cJSON_ArrayForEach(it, cJSON_GetObjectItemCaseSensitive(config, "config"))
	{
		const char *name = nic_name(w, json_string_or(it, "mac_address", NULL));

		if (name) {
			cJSON_DeleteItemFromObjectCaseSensitive(it, "name");
			json_add_string(it, "name", name);
		}
	}
}

/* ---- Hetzner ---- */

static int hetzner_add_private(const struct web *w, const cJSON *network, cJSON *config)
{
	const char *mac = json_string_or(network, "mac_address", NULL);
	cJSON *e = cJSON_CreateObject(), *subnets, *s;

	json_add_string(e, "type", "physical");
	json_add_string(e, "mac_address", mac);
	json_add_string(e, "name", nic_name(w, mac));
	subnets = cJSON_AddArrayToObject(e, "subnets");
	s = cJSON_CreateObject();
	json_add_bool(s, "ipv4", true);
	json_add_string(s, "type", "dhcp");
	if (json_append_take(subnets, s) < 0) {
		cJSON_Delete(e);
		return -ENOMEM;
	}
	return json_append_take(config, e);
}

static int hetzner_finish(struct web *w)
{
	const cJSON *network = web_find(w->crawl, "metadata.network-config"), *it;
	const char *serial = w->c->machine ? w->c->machine->dmi[DMI_PRODUCT_SERIAL] : NULL;
	auto_free char *id = web_text(web_find(w->crawl, "metadata.instance-id"));

	/* What answers here is the machine's own service only if it knows the machine. */
	if (serial && !streq_ptr(id, serial))
		return diag_add(w->c->d, -EBADMSG, DIAG_ERROR, w->base, 0,
		                "the instance-id is not the SMBIOS serial number");
	if (!web_find(w->i->meta_data, "private-networks"))
		json_add_take(w->i->meta_data, "private-networks", cJSON_CreateArray());
	if (cJSON_IsObject(network))
		w->i->network = cJSON_Duplicate(network, true);
	cJSON_ArrayForEach(it, web_find(w->crawl, "private-networks"))
	{
		cJSON *config = cJSON_GetObjectItemCaseSensitive(w->i->network, "config");

		if (cJSON_IsArray(config) && hetzner_add_private(w, it, config) < 0)
			return -ENOMEM;
	}
	return blob_set_json(&w->i->vendor_data, web_find(w->crawl, "metadata.vendor_data"));
}

const struct web_source web_hetzner = {
	.name = "Hetzner",
	.platform = "hetzner",
	.bases = (const char *const[]){IMDS "/hetzner/v1",
                                       "http://[fe80::a9fe:a9fe%25IF]/hetzner/v1", NULL},
	.config_key = "metadata_url",
	.try_timeout = 2 * USEC_PER_SEC,
	.leaves =
		(const struct web_leaf[]){
			{"metadata", "metadata", WEB_YAML, true},
			{"metadata/private-networks", "private-networks", WEB_YAML, false},
			{"userdata", NULL, WEB_USER_DATA64, false},
			{NULL},
		},
	.map =
		(const struct web_map[]){
			{"instance-id", "metadata.instance-id", WEB_AS_IS, true},
			{"local-hostname", "metadata.hostname", WEB_AS_IS, true},
			{"network-config", "metadata.network-config"},
			{"public-keys", "metadata.public-keys"},
			{"private-networks", "private-networks"},
			{NULL},
		},
	.finish = hetzner_finish,
};

/* ---- NWCS ---- */

static int nwcs_finish(struct web *w)
{
	w->i->network = cJSON_Duplicate(web_find(w->crawl, "metadata.network"), true);
	rename_entries(w, w->i->network);
	return take_blobs(w, "metadata.userdata", "metadata.vendordata");
}

const struct web_source web_nwcs = {
	.name = "NWCS",
	.platform = "nwcs",
	.bases = (const char *const[]){IMDS "/api/v1", NULL},
	.try_timeout = 2 * USEC_PER_SEC,
	.leaves = (const struct web_leaf[]){{"metadata", "metadata", WEB_JSON, true}, {NULL}},
	.map =
		(const struct web_map[]){
			{"instance-id", "metadata.instance-id", WEB_AS_IS, true},
			{"local-hostname", "metadata.hostname", WEB_AS_IS, true},
			{"network", "metadata.network", WEB_AS_IS, true},
			{"public-keys", "metadata.public-keys"},
			{NULL},
		},
	.finish = nwcs_finish,
};

/* ---- DigitalOcean, and UpCloud, which offers the same document ---- */

static int digitalocean_finish(struct web *w)
{
	auto_json cJSON *macs = nics_by_mac(w->c->nics, w->c->n_nics);
	const cJSON *interfaces = web_find(w->crawl, "v1.interfaces");

	if (interfaces)
		(void) network_from_digitalocean(
			interfaces, web_find(w->crawl, "v1.dns.nameservers"), macs, &w->i->network);
	return take_blobs(w, "v1.user_data", "v1.vendor_data");
}

const struct web_source web_digitalocean = {
	.name = "DigitalOcean",
	.platform = "digitalocean",
	.bases = (const char *const[]){IMDS "/metadata", NULL},
	.try_timeout = 2 * USEC_PER_SEC,
	.leaves = (const struct web_leaf[]){{"v1.json", "v1", WEB_JSON, true}, {NULL}},
	.map =
		(const struct web_map[]){
			{"instance-id", "v1.droplet_id", WEB_AS_TEXT, true},
			{"local-hostname", "v1.hostname", WEB_AS_IS, true},
			{"interfaces", "v1.interfaces"},
			{"public-keys", "v1.public_keys"},
			{"availability_zone", "v1.region"},
			{NULL},
		},
	.finish = digitalocean_finish,
};

static int upcloud_finish(struct web *w)
{
	auto_json cJSON *macs = nics_by_mac(w->c->nics, w->c->n_nics);
	const cJSON *network = web_find(w->crawl, "v1.network");

	if (network)
		(void) network_from_upcloud(network, macs, &w->i->network);
	return take_blobs(w, "v1.user_data", "v1.vendor_data");
}

const struct web_source web_upcloud = {
	.name = "UpCloud",
	.platform = "upcloud",
	.bases = (const char *const[]){IMDS "/metadata", NULL},
	.try_timeout = 2 * USEC_PER_SEC,
	.leaves = (const struct web_leaf[]){{"v1.json", "v1", WEB_JSON, true}, {NULL}},
	.map =
		(const struct web_map[]){
			{"instance-id", "v1.instance_id", WEB_AS_IS, true},
			{"local-hostname", "v1.hostname"},
			{"network", "v1.network"},
			{"public-keys", "v1.public_keys"},
			{"availability_zone", "v1.region"},
			{NULL},
		},
	.finish = upcloud_finish,
};

/* ---- Vultr ---- */

static int vultr_finish(struct web *w)
{
	auto_json cJSON *macs = nics_by_mac(w->c->nics, w->c->n_nics);
	const cJSON *own = web_find(w->crawl, "v1.cloud_interfaces"),
		    *interfaces = web_find(w->crawl, "v1.interfaces");

	/* White-labelled machines have no name. */
	if (streq(json_string_or(w->i->meta_data, "local-hostname", "?"), "")) {
		cJSON_DeleteItemFromObjectCaseSensitive(w->i->meta_data, "local-hostname");
		json_add_string(w->i->meta_data, "local-hostname", "guest");
	}
	if (own) {
		w->i->network = cJSON_Duplicate(own, true);
		rename_entries(w, w->i->network);
	} else if (cJSON_IsArray(interfaces)) {
		(void) network_from_vultr(interfaces, macs, &w->i->network);
	}
	return take_blobs(w, "v1.user-data", "v1.vendor-data");
}

const struct web_source web_vultr = {
	.name = "Vultr",
	.platform = "vultr",
	.bases = (const char *const[]){IMDS, NULL},
	.headers = (const struct http_header[]){{"Metadata-Token", "cloudinit"}, {NULL}},
	.leaves = (const struct web_leaf[]){{"v1.json", "v1", WEB_JSON, true}, {NULL}},
	.map =
		(const struct web_map[]){
			{"*", "v1", WEB_AS_IS, true},
			{"instance-id", "v1.instance-v2-id", WEB_AS_IS, true},
			{"local-hostname", "v1.hostname", WEB_AS_IS, true},
			{NULL},
		},
	.finish = vultr_finish,
};

/* ---- CloudCIX ---- */

static int cloudcix_finish(struct web *w)
{
	auto_free char *id = web_text(web_find(w->crawl, "metadata.instance_id"));

	w->i->network = cJSON_Duplicate(web_find(w->crawl, "metadata.network"), true);
	return id ? str_set(&w->i->id, id) : 0;
}

const struct web_source web_cloudcix = {
	.name = "CloudCIX",
	.platform = "cloudcix",
	.bases = (const char *const[]){IMDS "/v1", NULL},
	.max_wait = 10 * USEC_PER_SEC,
	.try_timeout = 5 * USEC_PER_SEC,
	.leaves =
		(const struct web_leaf[]){
			{"metadata", "metadata", WEB_JSON, true},
			{"userdata", NULL, WEB_USER_DATA64, true},
			{NULL},
		},
	.map = (const struct web_map[]){{"*", "metadata", WEB_AS_IS, true}, {NULL}},
	.finish = cloudcix_finish,
};

/* ---- Scaleway ---- */

static int scaleway_finish(struct web *w)
{
	json_add_string(w->i->meta_data, "net_in_use", strchr(w->base, '[') ? "ipv6" : "ipv4");
	{
		auto_free char *id = web_text(web_find(w->crawl, "conf.id"));

		return id ? str_set(&w->i->id, id) : 0;
	}
}

const struct web_source web_scaleway = {
	.name = "Scaleway",
	.platform = "scaleway",
	.bases = (const char *const[]){"http://169.254.42.42", "http://[fd00:42::42]", NULL},
	.config_key = "metadata_urls",
	.probe = "",
	.max_wait = 30 * USEC_PER_SEC,
	.leaves =
		(const struct web_leaf[]){
			{"conf?format=json", "conf", WEB_JSON, true},
			/* A port that only root can bind is how the service knows who asks. */
			{"user_data/cloud-init", NULL, WEB_USER_DATA, false, 1024},
			{"vendor_data/cloud-init", NULL, WEB_VENDOR_DATA, false, 1024},
			{NULL},
		},
	.map = (const struct web_map[]){{"*", "conf", WEB_AS_IS, true}, {NULL}},
	.finish = scaleway_finish,
};

/* ---- Akamai (Linode) ---- */

static int akamai_finish(struct web *w)
{
	return web_find(w->crawl, "instance.id") || !w->c->machine ||
	                       !w->c->machine->dmi[DMI_PRODUCT_SERIAL]
	               ? 0
	               : str_set(&w->i->id, w->c->machine->dmi[DMI_PRODUCT_SERIAL]);
}

const struct web_source web_akamai = {
	.name = "Akamai",
	.platform = "akamai",
	.bases = (const char *const[]){IMDS, "http://[fd00:a9fe:a9fe::1]", NULL},
	.headers = (const struct http_header[]){{"Accept", "application/json"}, {NULL}},
	.token =
		&(const struct web_token){
			.path = "v1/token",
			.ttl_header = "Metadata-Token-Expiry-Seconds",
			.ttl = "300",
			.header = "Metadata-Token",
		},
	.max_wait = 60 * USEC_PER_SEC,
	.leaves =
		(const struct web_leaf[]){
			{"v1/instance", "instance", WEB_JSON, true},
			{"v1/user-data", NULL, WEB_USER_DATA64, false},
			{NULL},
		},
	.map =
		(const struct web_map[]){
			{"*", "instance", WEB_AS_IS, true},
			{"instance-id", "instance.id", WEB_AS_IS, false},
			{"local-hostname", "instance.label"},
			{NULL},
		},
	.finish = akamai_finish,
};
