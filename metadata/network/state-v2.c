// SPDX-License-Identifier: Apache-2.0
/* Configuration version 2 (netplan's language) as commands of version 1. What version 1 has no word for
 * goes along under the key "also". */
#include "metadata/network/state.h"

struct name_pair {
	const char *v1, *v2;
};

/* clang-format off */
static const struct name_pair bond_params[] = {
	{ "bond-ad-select",	    "ad-select" },	      { "bond-all-slaves-active", "all-slaves-active" },
	{ "bond-arp-all-targets",   "arp-all-targets" },      { "bond-arp-interval",	  "arp-interval" },
	{ "bond-arp-ip-target",	    "arp-ip-target" },	      { "bond-arp-validate",	  "arp-validate" },
	{ "bond-downdelay",	    "down-delay" },	      { "bond-fail-over-mac",	  "fail-over-mac-policy" },
	{ "bond-lacp-rate",	    "lacp-rate" },	      { "bond-learn-packet-interval", "learn-packet-interval" },
	{ "bond-miimon",	    "mii-monitor-interval" }, { "bond-min-links",	  "min-links" },
	{ "bond-mode",		    "mode" },		      { "bond-num-grat-arp",	  "gratuitous-arp" },
	{ "bond-packets-per-slave", "packets-per-slave" },    { "bond-primary",		  "primary" },
	{ "bond-primary-reselect",  "primary-reselect-policy" }, { "bond-updelay",	  "up-delay" },
	{ "bond-xmit-hash-policy",  "transmit-hash-policy" },
	/* Other spellings that are accepted. */
	{ "bond-num-grat-arp",	    "gratuitious-arp" },      { "bond-arp-ip-target",	  "arp-ip-targets" },
};
static const struct name_pair bridge_params[] = {
	{ "bridge_ageing",   "ageing-time" }, { "bridge_bridgeprio", "priority" },  { "bridge_fd", "forward-delay" },
	{ "bridge_hello",    "hello-time" },  { "bridge_maxage",     "max-age" },   { "bridge_pathcost", "path-cost" },
	{ "bridge_portprio", "port-priority" }, { "bridge_stp",	     "stp" },
};
/* Keys that become something of version 1; all others go along. */
static const char *const handled[] = {
	"addresses", "dhcp4", "dhcp6", "gateway4", "gateway6", "interfaces", "macaddress", "mtu", "nameservers",
	"parameters", "routes", "wakeonlan", "accept-ra", "optional", "id", "link",
};
/* clang-format on */

#define FIND(table, from, to)                                                                      \
	for (size_t i = 0; i < ELEMENTSOF(table); i++)                                             \
		if (streq((table)[i].from, name))                                                  \
			return (table)[i].to;                                                      \
	return NULL

const char *bond_param_to_v1(const char *name)
{
	FIND(bond_params, v2, v1);
}

const char *bridge_param_to_v1(const char *name)
{
	FIND(bridge_params, v2, v1);
}

/* Version 1 writes them with either dash or underline, the whole name or its end: "bond_miimon",
 * "bond-xmit_hash_policy". */
const char *bond_param_to_v2(const char *key)
{
	char name[64];
	size_t n = strlen(key);

	if (n >= sizeof(name))
		return NULL;
	for (size_t i = 0; i <= n; i++)
		name[i] = key[i] == '_' ? '-' : key[i];
	FIND(bond_params, v1, v2);
}

const char *bridge_param_to_v2(const char *name)
{
	FIND(bridge_params, v1, v2);
}

static const cJSON *get(const cJSON *o, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(o, key);
}

static void copy_if(cJSON *to, const char *to_key, const cJSON *from, const char *from_key)
{
	const cJSON *v = get(from, from_key);

	if (v)
		json_set(to, to_key, cJSON_Duplicate(v, true));
}

static bool wants(const cJSON *v)
{
	if (cJSON_IsString(v) && str_to_bool(v->valuestring) == 0)
		return false;
	return json_is_truthy(v);
}

static void add_dhcp(cJSON *subnets, const cJSON *cfg, const char *key, const char *overrides_key)
{
	const cJSON *overrides = get(cfg, overrides_key);
	cJSON *s;

	if (!wants(get(cfg, key)))
		return;
	s = cJSON_CreateObject();
	json_add_string(s, "type", key);
	copy_if(s, "metric", overrides, "route-metric");
	if (overrides)
		json_set(s, "also", cJSON_Duplicate(overrides, true));
	cJSON_AddItemToArray(subnets, s);
}

/* An address is a text, or a map of one: {"10.0.0.1/24": {lifetime: 0, ...}}. */
static int add_addresses(struct interpreter *n, cJSON *subnets, const cJSON *cfg)
{
	const cJSON *nameservers = get(cfg, "nameservers"), *it;
	bool had4 = false, had6 = false, had_dns = false;

	cJSON_ArrayForEach(it, get(cfg, "addresses"))
	{
		const char *address = cJSON_IsString(it)                ? it->valuestring
		                      : cJSON_IsObject(it) && it->child ? it->child->string
		                                                        : NULL;
		bool is_v6 = address && strchr(address, ':'), *had = is_v6 ? &had6 : &had4;
		const cJSON *gateway = get(cfg, is_v6 ? "gateway6" : "gateway4");
		cJSON *s;

		if (!address)
			return network_fail(n, "addresses", "texts are expected");
		s = cJSON_CreateObject();
		json_add_string(s, "type", "static");
		json_add_string(s, "address", address);
		if (gateway && !*had) {
			json_set(s, "gateway", cJSON_Duplicate(gateway, true));
			*had = true;
		}
		if (!had_dns && nameservers) {
			had_dns = json_is_truthy(get(nameservers, "addresses")) ||
			          json_is_truthy(get(nameservers, "search"));
			if (json_is_truthy(get(nameservers, "addresses")))
				copy_if(s, "dns_nameservers", nameservers, "addresses");
			if (json_is_truthy(get(nameservers, "search")))
				copy_if(s, "dns_search", nameservers, "search");
		}
		cJSON_AddItemToArray(subnets, s);
	}
	return 0;
}

static cJSON *route_to_v1(const cJSON *route)
{
	static const struct name_pair keys[] = {{"destination", "to"},
	                                        {"gateway", "via"},
	                                        {"metric", "metric"},
	                                        {"mtu", "mtu"},
	                                        {"table", "table"}};
	cJSON *r = cJSON_CreateObject(), *also = cJSON_CreateObject();
	const cJSON *it;

	for (size_t i = 0; i < ELEMENTSOF(keys); i++)
		copy_if(r, keys[i].v1, route, keys[i].v2);
	for (it = cJSON_IsObject(route) ? route->child : NULL; it; it = it->next) {
		bool known = false;

		for (size_t i = 0; i < ELEMENTSOF(keys); i++)
			known = known || streq(keys[i].v2, it->string);
		if (!known)
			json_set(also, it->string, cJSON_Duplicate(it, true));
	}
	if (also->child)
		json_set(r, "also", also);
	else
		cJSON_Delete(also);
	return r;
}

/* An interface's routes stand in its first subnet: version 1 has no better place. */
static void add_routes(cJSON *subnets, const cJSON *cfg)
{
	cJSON *routes = cJSON_CreateArray();
	const cJSON *it;

	cJSON_ArrayForEach(it, get(cfg, "routes")) cJSON_AddItemToArray(routes, route_to_v1(it));
	if (routes->child && subnets->child)
		json_set(subnets->child, "routes", routes);
	else
		cJSON_Delete(routes);
}

static int add_common(struct interpreter *n, cJSON *command, const cJSON *cfg)
{
	cJSON *subnets = cJSON_CreateArray(), *also = cJSON_CreateObject();
	const cJSON *it;
	int r;

	add_dhcp(subnets, cfg, "dhcp4", "dhcp4-overrides");
	add_dhcp(subnets, cfg, "dhcp6", "dhcp6-overrides");
	n->use_ipv6 = n->use_ipv6 || wants(get(cfg, "dhcp6"));
	r = add_addresses(n, subnets, cfg);
	add_routes(subnets, cfg);
	json_set(command, "subnets", subnets);
	cJSON_ArrayForEach(it, cfg)
	{
		bool known = false;

		for (size_t i = 0; i < ELEMENTSOF(handled); i++)
			known = known || streq(handled[i], it->string);
		if (!known)
			json_set(also, it->string, cJSON_Duplicate(it, true));
	}
	if (also->child)
		json_set(command, "also", also);
	else
		cJSON_Delete(also);
	return r;
}

static cJSON *also_of(cJSON *command)
{
	cJSON *also = cJSON_GetObjectItemCaseSensitive(command, "also");

	return also ? also : cJSON_AddObjectToObject(command, "also");
}

static int read_ethernet(struct interpreter *n, const char *id, const cJSON *cfg)
{
	const cJSON *match = get(cfg, "match"), *mac = get(match, "macaddress");
	static const char *const same[] = {"mtu", "wakeonlan", "accept-ra", "optional"};
	auto_json cJSON *command = cJSON_CreateObject();
	cJSON *params;
	int r;

	json_add_string(command, "type", "physical");
	json_add_string(command, "config_id", id);
	json_add_string(command, "name", json_string_or(cfg, "set-name", id));
	json_set(command, "mac_address", mac ? cJSON_Duplicate(mac, true) : cJSON_CreateNull());
	if (json_is_truthy(get(match, "driver"))) {
		params = cJSON_AddObjectToObject(command, "params");
		copy_if(params, "driver", match, "driver");
	}
	for (size_t i = 0; i < ELEMENTSOF(same); i++)
		copy_if(command, same[i], cfg, same[i]);
	r = add_common(n, command, cfg);
	if (r >= 0 && get(cfg, "macaddress"))
		/* Version 1 has an address to find an interface by, and none to give it. */
		copy_if(also_of(command), "macaddress", cfg, "macaddress");
	return r < 0 ? r : network_command(n, command);
}

static int read_vlan(struct interpreter *n, const char *id, const cJSON *cfg)
{
	auto_json cJSON *command = cJSON_CreateObject();
	int r;

	json_add_string(command, "type", "vlan");
	json_add_string(command, "name", id);
	json_set(command, "vlan_id", json_or_null(cfg, "id"));
	json_set(command, "vlan_link", json_or_null(cfg, "link"));
	json_set(command, "mac_address", json_or_null(cfg, "macaddress"));
	copy_if(command, "mtu", cfg, "mtu");
	r = add_common(n, command, cfg);
	return r < 0 ? r : network_command(n, command);
}

static int read_group(struct interpreter *n, const char *id, const cJSON *cfg, bool is_bond)
{
	auto_json cJSON *command = cJSON_CreateObject();
	cJSON *params;
	const cJSON *it;
	int r;

	if (get(cfg, "parameters") && !cJSON_IsObject(get(cfg, "parameters")))
		return network_fail(n, "parameters", "a map is expected");
	json_add_string(command, "type", is_bond ? "bond" : "bridge");
	json_add_string(command, "name", id);
	json_set(command, is_bond ? "bond_interfaces" : "bridge_interfaces",
	         get(cfg, "interfaces") ? json_or_null(cfg, "interfaces") : cJSON_CreateArray());
	params = cJSON_AddObjectToObject(command, "params");
	cJSON_ArrayForEach(it, get(cfg, "parameters"))
	{
		const char *name =
			is_bond ? bond_param_to_v1(it->string) : bridge_param_to_v1(it->string);

		if (!name)
			return network_fail(n, it->string, "not a parameter that is known");
		json_set(params, name, cJSON_Duplicate(it, true));
	}
	copy_if(command, "mtu", cfg, "mtu");
	copy_if(command, "mac_address", cfg, "macaddress");
	r = add_common(n, command, cfg);
	return r < 0 ? r : network_command(n, command);
}

static int read_dns(struct interpreter *n, const char *id, const cJSON *cfg)
{
	const cJSON *nameservers = get(cfg, "nameservers");
	cJSON *iface = cJSON_GetObjectItemCaseSensitive(n->interfaces, id), *dns;

	if (!iface || !nameservers || !json_is_truthy(get(nameservers, "addresses")))
		return 0;
	dns = cJSON_CreateObject();
	json_set(dns, "nameservers", json_listed(get(nameservers, "addresses")));
	json_set(dns, "search", json_listed(get(nameservers, "search")));
	json_set(iface, "dns", dns);
	return 0;
}

int network_read_v2(struct interpreter *n, const cJSON *config)
{
	const cJSON *section, *it;
	int r = 0;

	cJSON_ArrayForEach(section, config)
	{
		const char *kind = section->string;

		if (streq(kind, "version") || streq(kind, "renderer"))
			continue;
		if (streq(kind, "wifis")) {
			diag_add(n->d, -EOPNOTSUPP, DIAG_WARNING, "network-config", 0,
			         "wifis are left to the image's own tools");
			continue;
		}
		cJSON_ArrayForEach(
			it,
			section) if (!cJSON_IsObject(section) ||
		                     !cJSON_IsObject(
					     it)) return network_fail(n, kind,
		                                                      "a map of maps is expected");
		if (!streq(kind, "ethernets") && !streq(kind, "vlans") && !streq(kind, "bonds") &&
		    !streq(kind, "bridges"))
			return network_fail(n, kind, "not a section that is known");
		cJSON_ArrayForEach(it, section)
		{
			if (r >= 0 && streq(kind, "ethernets"))
				r = read_ethernet(n, it->string, it);
			else if (r >= 0 && streq(kind, "vlans"))
				r = read_vlan(n, it->string, it);
			else if (r >= 0)
				r = read_group(n, it->string, it, streq(kind, "bonds"));
		}
		cJSON_ArrayForEach(it, section) if (r >= 0) r = read_dns(n, it->string, it);
	}
	return r;
}
