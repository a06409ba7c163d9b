// SPDX-License-Identifier: Apache-2.0
/* OpenStack's network_data.json: links, networks that name a link, services. */
#include "metadata/network/state.h"

#include <stdio.h>

static const cJSON *get(const cJSON *o, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(o, key);
}

static void copy_keys(cJSON *to, const cJSON *from, const char *const *keys)
{
	for (; *keys; keys++)
		if (get(from, *keys))
			json_set(to, *keys, cJSON_Duplicate(get(from, *keys), true));
}

static char *lower_text(const cJSON *v)
{
	char *s = cJSON_IsString(v) && *v->valuestring ? strdup(v->valuestring) : NULL;

	for (char *p = s; p && *p; p++)
		*p = *p >= 'A' && *p <= 'Z' ? (char) (*p + 'a' - 'A') : *p;
	return s;
}

static bool list_has(const cJSON *list, const char *text)
{
	const cJSON *it;

	cJSON_ArrayForEach(it, list) if (cJSON_IsString(it) &&
	                                 streq(it->valuestring, text)) return true;
	return false;
}

/* Name servers that routes name, then the network's own. */
static void add_dns(cJSON *subnet, const cJSON *network)
{
	cJSON *dns = cJSON_CreateArray();
	const cJSON *route, *service;

	cJSON_ArrayForEach(route, get(network, "routes")) cJSON_ArrayForEach(
		service,
		get(route, "services")) if (streq(json_string_or(service, "type", ""), "dns"))
		cJSON_AddItemToArray(dns, json_or_null(service, "address"));
	cJSON_ArrayForEach(
		service,
		get(network, "services")) if (streq(json_string_or(service, "type", ""), "dns") &&
	                                      !list_has(dns,
	                                                json_string_or(service, "address", "")))
		cJSON_AddItemToArray(dns, json_or_null(service, "address"));
	if (dns->child)
		json_set(subnet, "dns_nameservers", dns);
	else
		cJSON_Delete(dns);
}

static void set_type(cJSON *subnet, cJSON *cfg, const cJSON *network)
{
	static const struct {
		const char *type, *to;
		enum { NO_RA, RA, AS_IT_IS } accept_ra;
		bool is_static;
	} rows[] = {
		{"ipv4_dhcp", "dhcp4", AS_IT_IS, false},
		{"ipv6_dhcp", "dhcp6", RA, false},
		{"ipv6_slaac", "ipv6_slaac", AS_IT_IS, false},
		{"ipv6_dhcpv6-stateless", "ipv6_dhcpv6-stateless", AS_IT_IS, false},
		{"ipv6_dhcpv6-stateful", "ipv6_dhcpv6-stateful", RA, false},
		{"ipv4", "static", AS_IT_IS, true},
		{"static", "static", AS_IT_IS, true},
		{"ipv6", "static6", NO_RA, true},
		{"static6", "static6", NO_RA, true},
	};
	const char *type = json_string_or(network, "type", "");

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		if (!streq(rows[i].type, type))
			continue;
		json_set(subnet, "type", cJSON_CreateString(rows[i].to));
		if (rows[i].is_static)
			json_set(subnet, "address", json_or_null(network, "ip_address"));
		if (rows[i].accept_ra != AS_IT_IS)
			json_set(cfg, "accept-ra", cJSON_CreateBool(rows[i].accept_ra == RA));
	}
	if (streq(type, "ipv4") || streq(type, "ipv6"))
		json_set(subnet, type, cJSON_CreateTrue());
}

static cJSON *subnet_of(const cJSON *network, cJSON *cfg)
{
	static const char *const keys[] = {
		"type",        "address", "netmask",         "broadcast",  "metric", "gateway",
		"pointopoint", "scope",   "dns_nameservers", "dns_search", NULL};
	static const char *const route_keys[] = {"network", "destination", "netmask",
	                                         "gateway", "metric",      NULL};
	cJSON *subnet = cJSON_CreateObject(), *routes = cJSON_CreateArray(), *r;
	const cJSON *it;

	copy_keys(subnet, network, keys);
	cJSON_ArrayForEach(it, get(network, "routes"))
	{
		r = cJSON_CreateObject();
		copy_keys(r, it, route_keys);
		cJSON_AddItemToArray(routes, r);
	}
	if (routes->child)
		json_set(subnet, "routes", routes);
	else
		cJSON_Delete(routes);
	set_type(subnet, cfg, network);
	add_dns(subnet, network);
	return subnet;
}

struct conversion {
	const cJSON *macs;
	cJSON *config, *names; /* names: link id -> interface name */
	unsigned bonds;
	struct diag *d;
};

static int fail(struct conversion *c, const char *text)
{
	return diag_add(c->d, -EINVAL, DIAG_ERROR, "network_data.json", 0, "%s", text);
}

static void convert_bond(struct conversion *c, const cJSON *link, cJSON *cfg, const char *mac)
{
	cJSON *params = cJSON_CreateObject();
	const cJSON *it;
	char name[32];

	if (mac)
		json_set(cfg, "mac_address", cJSON_CreateString(mac));
	cJSON_ArrayForEach(it, link)
	{
		const char *rest = str_after(it->string, "bond_");
		auto_free char *key = NULL;

		if (!str_after(it->string, "bond") || streq(it->string, "bond_links"))
			continue;
		key = str_printf("bond-%s", rest ? rest : it->string);
		json_set(params, key ? key : "", cJSON_Duplicate(it, true));
	}
	json_set(cfg, "params", params);
	if (!cJSON_IsString(get(cfg, "name"))) {
		snprintf(name, sizeof(name), "bond%u", c->bonds);
		json_set(cfg, "name", cJSON_CreateString(name));
	}
	c->bonds++;
}

static int convert_link(struct conversion *c, const cJSON *link, const cJSON *networks)
{
	static const char *const keys[] = {"name",   "type", "mac_address", "subnets",
	                                   "params", "mtu",  NULL};
	const char *id = json_string_or(link, "id", NULL), *type = json_string_or(link, "type", "");
	auto_free char *mac = lower_text(get(link, "ethernet_mac_address"));
	cJSON *cfg, *subnets;
	const cJSON *it;

	if (!id)
		return fail(c, "a link lacks its id");
	cfg = cJSON_CreateObject();
	cJSON_AddItemToArray(c->config, cfg);
	copy_keys(cfg, link, keys);
	subnets = cJSON_CreateArray();
	cJSON_ArrayForEach(it, networks) if (streq(json_string_or(it, "link", ""), id))
		cJSON_AddItemToArray(subnets, subnet_of(it, cfg));
	json_set(cfg, "subnets", subnets);
	if (streq(type, "bond")) {
		convert_bond(c, link, cfg, mac);
	} else if (streq(type, "vlan")) {
		json_set(cfg, "vlan_id", json_or_null(link, "vlan_id"));
		json_set(cfg, "mac_address", json_or_null(link, "vlan_mac_address"));
	} else {
		json_set(cfg, "type", cJSON_CreateString("physical"));
		json_set(cfg, "mac_address", mac ? cJSON_CreateString(mac) : cJSON_CreateNull());
		if (!get(cfg, "name")) {
			const char *name = mac ? json_string_or(c->macs, mac, NULL) : NULL;

			if (!name)
				return fail(c, "a link's interface is not there");
			json_set(cfg, "name", cJSON_CreateString(name));
		}
	}
	if (get(cfg, "name"))
		json_set(c->names, id, json_or_null(cfg, "name"));
	return 0;
}

/* Bonds and VLANs name links; now all of these have names. */
static int connect_link(struct conversion *c, const cJSON *link, cJSON *cfg)
{
	const char *type = json_string_or(link, "type", "");
	const cJSON *it;

	if (streq(type, "bond")) {
		cJSON *names = cJSON_CreateArray();

		json_set(cfg, "bond_interfaces", names);
		cJSON_ArrayForEach(it, get(link, "bond_links"))
		{
			const cJSON *name =
				cJSON_IsString(it) ? get(c->names, it->valuestring) : NULL;

			if (!name)
				return fail(c, "a bond names a link that is not there");
			cJSON_AddItemToArray(names, cJSON_Duplicate(name, true));
		}
	} else if (streq(type, "vlan")) {
		const char *base =
			json_string_or(c->names, json_string_or(link, "vlan_link", ""), NULL);
		const cJSON *id = get(link, "vlan_id");
		auto_free char *name = NULL;

		if (!base)
			return fail(c, "a VLAN names a link that is not there");
		name = cJSON_IsString(id) ? str_printf("%s.%s", base, id->valuestring)
		                          : str_printf("%s.%.0f", base, cJSON_GetNumberValue(id));
		json_set(cfg, "vlan_link", cJSON_CreateString(base));
		json_set(cfg, "name", cJSON_CreateString(name ? name : ""));
	}
	return 0;
}

int network_from_openstack(const cJSON *network_data, const cJSON *macs, struct diag *d,
                           cJSON **ret)
{
	auto_json cJSON *out = cJSON_CreateObject(), *names = cJSON_CreateObject();
	struct conversion c = {.macs = macs, .names = names, .d = d};
	const cJSON *it;
	cJSON *cfg;
	int r = 0;

	if (!out || !names)
		return -ENOMEM;
	cJSON_AddNumberToObject(out, "version", 1);
	c.config = cJSON_AddArrayToObject(out, "config");
	cJSON_ArrayForEach(it, get(network_data, "links")) if (r >= 0) r =
		convert_link(&c, it, get(network_data, "networks"));
	cfg = c.config->child;
	cJSON_ArrayForEach(it, get(network_data, "links"))
	{
		if (r >= 0)
			r = connect_link(&c, it, cfg);
		cfg = cfg ? cfg->next : NULL;
	}
	if (r < 0)
		return r;
	cJSON_ArrayForEach(it, get(network_data, "services"))
	{
		cfg = cJSON_Duplicate(it, true);
		json_set(cfg, "type", cJSON_CreateString("nameserver"));
		cJSON_AddItemToArray(c.config, cfg);
	}
	*ret = TAKE_PTR(out);
	return 0;
}
