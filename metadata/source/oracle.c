// SPDX-License-Identifier: Apache-2.0
/* Oracle: version 2 of the service, or 1 where that is all, over either family. */
#include "metadata/network/network.h"
#include "metadata/source/web.h"
#include "metadata/userdata/userdata.h"

#include <ctype.h>

#define MTU 9000

static const char *find_nic(const struct web *w, const char *mac)
{
	for (size_t i = 0; i < w->c->n_nics; i++)
		if (!strcasecmp(w->c->nics[i].mac, mac))
			return w->c->nics[i].name;
	return NULL;
}

static void add_subnet(cJSON *subnets, const char *type, const char *address, const char *cidr)
{
	cJSON *s = cJSON_CreateObject();
	const char *slash = cidr ? strchr(cidr, '/') : NULL;

	json_add_string(s, "type", type);
	if (address) {
		auto_free char *full = str_printf("%s%s", address, slash ? slash : "");

		json_add_string(s, "address", full);
	}
	json_append_take(subnets, s);
}

static const char *first_v6(const cJSON *vnic)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(vnic, "ipv6Addresses");

	return list && cJSON_IsString(list->child) ? list->child->valuestring : NULL;
}

/* The primary interface asks DHCP, of the family that it has; the others have their addresses. */
static void add_subnets(cJSON *subnets, const cJSON *vnic, bool is_primary)
{
	const char *v4 = json_string_or(vnic, "privateIp", NULL), *v6 = first_v6(vnic),
		   *cidr = json_string_or(vnic, "subnetCidrBlock", NULL);
	bool only_v6 = json_string_or(vnic, "ipv6VirtualRouterIp", NULL) && !v4;

	if (is_primary) {
		add_subnet(subnets, only_v6 ? "dhcp6" : "dhcp", NULL, NULL);
		return;
	}
	if (v4)
		add_subnet(subnets, "static", v4, cidr);
	if (v6)
		add_subnet(subnets, "static", v6,
		           json_string_or(vnic, "ipv6SubnetCidrBlock", only_v6 ? NULL : cidr));
}

/* @vnics: as the service lists them, the primary one first. */
static int network_of(const struct web *w, const cJSON *vnics, bool with_others, cJSON **ret)
{
	auto_json cJSON *j = cJSON_CreateObject();
	cJSON *config = cJSON_AddArrayToObject(j, "config");
	const cJSON *it;

	json_add_u64(j, "version", 1);
	cJSON_ArrayForEach(it, vnics)
	{
		bool is_primary = it == vnics->child;
		auto_free char *mac = strdup(json_string_or(it, "macAddr", ""));
		const char *name;
		cJSON *e;

		if (!mac)
			return -ENOMEM;
		for (char *p = mac; *p; p++)
			*p = (char) tolower((unsigned char) *p);
		name = find_nic(w, mac);
		if (!name || (!is_primary && !with_others))
			continue;
		e = cJSON_CreateObject();
		json_add_string(e, "name", name);
		json_add_string(e, "type", "physical");
		json_add_string(e, "mac_address", mac);
		json_add_u64(e, "mtu", MTU);
		add_subnets(cJSON_AddArrayToObject(e, "subnets"), it, is_primary);
		json_append_take(config, e);
	}
	if (!config || !config->child)
		return -ENOENT;
	*ret = TAKE_PTR(j);
	return 0;
}

static int oracle_finish(struct web *w)
{
	bool others = json_bool_or(w->c->config, "configure_secondary_nics", false);
	const cJSON *data = web_find(w->crawl, "instance.metadata.user_data");
	int r = blob_set_json(&w->i->user_data, data);

	json_add_u64(w->i->meta_data, "launch-index", 0);
	(void) network_of(w, web_find(w->crawl, "vnics"), others, &w->i->network);
	return r < 0 ? r : blob_maybe_base64(&w->i->user_data);
}

static const struct web_source oracle = {
	.name = "Oracle",
	.platform = "oracle",
	.bases =
		(const char *const[]){
			"http://169.254.169.254/opc/v2",
			"http://[fd00:c1::a9fe:a9fe]/opc/v2",
			"http://169.254.169.254/opc/v1",
			"http://[fd00:c1::a9fe:a9fe]/opc/v1",
			NULL,
		},
	.headers = (const struct http_header[]){{"Authorization", "Bearer Oracle"}, {NULL}},
	.max_wait = 30 * USEC_PER_SEC,
	.try_timeout = 5 * USEC_PER_SEC,
	.leaves =
		(const struct web_leaf[]){
			{"instance/", "instance", WEB_JSON, true},
			{"vnics/", "vnics", WEB_JSON, false},
			{NULL},
		},
	.map =
		(const struct web_map[]){
			{"availability-zone", "instance.ociAdName", WEB_AS_IS, true},
			{"instance-id", "instance.id", WEB_AS_IS, true},
			{"local-hostname", "instance.hostname", WEB_AS_IS, true},
			{"name", "instance.displayName", WEB_AS_IS, true},
			{"public_keys", "instance.metadata.ssh_authorized_keys"},
			{NULL},
		},
	.finish = oracle_finish,
};

int source_oracle(const struct source_context *c, struct instance **ret)
{
	return web_read(c, &oracle, ret);
}
