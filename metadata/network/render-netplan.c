// SPDX-License-Identifier: Apache-2.0
/* netplan's file. Version 2 is netplan's own language and goes through as it is; version 1 is said anew from
 * its state. */
#include "metadata/network/state.h"
#include "metadata/userdata/userdata.h"

#define FILE_NAME "etc/netplan/50-cloud-init.yaml"
#define HEADER                                                                                     \
	"# Written from instance metadata at each new instance.\n"                                 \
	"# \"network: {config: disabled}\" in /etc/cloud/cloud.cfg.d/ leaves this file alone.\n"

static const cJSON *get(const cJSON *o, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);

	return cJSON_IsNull(v) ? NULL : v;
}

static void copy(cJSON *to, const char *to_key, const cJSON *from, const char *key)
{
	const cJSON *v = get(from, key);

	if (v)
		json_set(to, to_key, cJSON_Duplicate(v, true));
}

/* object[key], made if it is not there. */
static cJSON *ensure(cJSON *object, const char *key, bool list)
{
	cJSON *v = cJSON_GetObjectItemCaseSensitive(object, key);

	if (v)
		return v;
	return list ? cJSON_AddArrayToObject(object, key) : cJSON_AddObjectToObject(object, key);
}

static void extend(cJSON *entry, const char *key, const cJSON *values)
{
	const cJSON *it;

	if (!values || !values->child)
		return;
	entry = ensure(ensure(entry, "nameservers", false), key, true);
	cJSON_ArrayForEach(it, values) json_append_take(entry, cJSON_Duplicate(it, true));
}

static void add_gateway(cJSON *entry, const char *full, const cJSON *subnet)
{
	const char *gateway = json_string_or(subnet, "gateway", NULL);
	cJSON *route;

	if (!gateway)
		return;
	route = cJSON_CreateObject();
	json_add_string(route, "to", "default");
	json_add_string(route, "via", gateway);
	if (full && ip_in_subnet(gateway, full) == 0)
		cJSON_AddTrueToObject(route, "on-link");
	copy(route, "metric", subnet, "metric");
	json_append_take(ensure(entry, "routes", true), route);
}

static void add_routes(cJSON *entry, const cJSON *routes)
{
	static const char *const same[] = {"metric", "mtu", "table"};
	const cJSON *it;

	cJSON_ArrayForEach(it, routes)
	{
		auto_free char *to = str_printf("%s/%.0f", json_string_or(it, "network", ""),
		                                cJSON_GetNumberValue(get(it, "prefix")));
		cJSON *route = cJSON_CreateObject();

		json_add_string(route, "to", to);
		copy(route, "via", it, "gateway");
		for (size_t i = 0; i < ELEMENTSOF(same); i++)
			copy(route, same[i], it, same[i]);
		json_append_take(ensure(entry, "routes", true), route);
	}
}

static void add_subnet(cJSON *entry, const cJSON *subnet)
{
	const char *type = json_string_or(subnet, "type", ""),
		   *address = json_string_or(subnet, "address", NULL);
	auto_free char *full = NULL;

	if (streq(type, "dhcp") || streq(type, "dhcp4"))
		json_set(entry, "dhcp4", cJSON_CreateTrue());
	else if (streq(type, "dhcp6") || str_after(type, "ipv6_"))
		json_set(entry, "dhcp6", cJSON_CreateTrue());
	if (str_after(type, "static") && address) {
		full = str_printf("%s/%.0f", address, cJSON_GetNumberValue(get(subnet, "prefix")));
		json_append_take(ensure(entry, "addresses", true), cJSON_CreateString(full));
		copy(entry, strchr(address, ':') ? "ipv6-mtu" : "mtu", subnet, "mtu");
	}
	add_gateway(entry, full, subnet);
	add_routes(entry, get(subnet, "routes"));
	extend(entry, "addresses", get(subnet, "dns_nameservers"));
	extend(entry, "search", get(subnet, "dns_search"));
}

/* Values "eth3 50" become {"eth3": 50}. */
static cJSON *costs_of(const cJSON *list)
{
	cJSON *o = cJSON_CreateObject();
	const cJSON *it;

	if (cJSON_IsObject(list)) {
		cJSON_Delete(o);
		return cJSON_Duplicate(list, true);
	}
	cJSON_ArrayForEach(it, list)
	{
		auto_strv char **words = NULL;
		int64_t cost;

		if (cJSON_IsString(it) && strv_split(it->valuestring, " ", &words) >= 0 &&
		    strv_length(words) == 2 && str_to_i64(words[1], &cost) >= 0)
			json_add_i64(o, words[0], cost);
	}
	return o;
}

static void add_parameters(cJSON *entry, const cJSON *iface, bool is_bond)
{
	const cJSON *it;

	cJSON_ArrayForEach(it, iface)
	{
		const char *name =
			is_bond ? bond_param_to_v2(it->string) : bridge_param_to_v2(it->string);

		if (!name || cJSON_IsNull(it))
			continue;
		json_set(ensure(entry, "parameters", false), name,
		         streq(name, "path-cost") || streq(name, "port-priority")
		                 ? costs_of(it)
		                 : cJSON_Duplicate(it, true));
	}
}

/* Who has this one as its master. */
static cJSON *members_of(const cJSON *state, const char *name)
{
	cJSON *list = cJSON_CreateArray();
	const cJSON *it;

	cJSON_ArrayForEach(it, get(state, "interfaces"))
	{
		if (streq(json_string_or(it, "bond-master", ""), name))
			json_append_take(
				list, cJSON_CreateString(json_string_or(it, "name", it->string)));
	}
	return list;
}

static cJSON *sorted_copy(const cJSON *list)
{
	auto_strv char **names = NULL;
	cJSON *sorted = cJSON_CreateArray();
	const cJSON *it;

	cJSON_ArrayForEach(it, list) if (cJSON_IsString(it)) strv_append(&names, it->valuestring);
	strv_sort_unique(names);
	STRV_FOREACH (n, names)
		json_append_take(sorted, cJSON_CreateString(*n));
	return sorted;
}

static const char *add_kind(cJSON *entry, const cJSON *state, const cJSON *iface, const char *name)
{
	const char *type = json_string_or(iface, "type", "");
	const cJSON *mac = get(iface, "mac_address"), *driver = get(iface, "driver");

	if (streq(type, "infiniband") || streq(type, "loopback"))
		return NULL; /* netplan has no word for them */
	if (streq(type, "bond")) {
		json_set(entry, "interfaces", members_of(state, name));
		add_parameters(entry, iface, true);
	} else if (streq(type, "bridge")) {
		json_set(entry, "interfaces", sorted_copy(get(iface, "bridge_ports")));
		add_parameters(entry, iface, false);
	} else if (streq(type, "vlan")) {
		copy(entry, "id", iface, "vlan_id");
		copy(entry, "link", iface, "vlan-raw-device");
	} else {
		if (driver)
			copy(ensure(entry, "match", false), "driver", iface, "driver");
		if (mac) {
			copy(ensure(entry, "match", false), "macaddress", iface, "mac_address");
			json_set(entry, "set-name", cJSON_CreateString(name));
		}
		copy(entry, "wakeonlan", iface, "wakeonlan");
		return "ethernets";
	}
	copy(entry, "macaddress", iface, "mac_address");
	return streq(type, "bond") ? "bonds" : streq(type, "bridge") ? "bridges" : "vlans";
}

static void add_interface(cJSON *network, const cJSON *state, const cJSON *iface)
{
	const char *name = json_string_or(iface, "name", iface->string), *section;
	const cJSON *dns = get(state, "dns"), *own = get(iface, "dns"), *it;
	cJSON *entry = cJSON_CreateObject();

	copy(entry, "mtu", iface, "mtu");
	section = add_kind(entry, state, iface, name);
	if (!section) {
		cJSON_Delete(entry);
		return;
	}
	extend(entry, "addresses", get(own, "nameservers"));
	extend(entry, "search", get(own, "search"));
	cJSON_ArrayForEach(it, get(iface, "subnets")) add_subnet(entry, it);
	copy(entry, "accept-ra", iface, "accept-ra");
	copy(entry, "optional", iface, "optional");
	/* The machine's name servers are for interfaces with addresses that have none of their own. */
	if (get(entry, "addresses") && !get(entry, "nameservers")) {
		extend(entry, "addresses", get(dns, "nameservers"));
		extend(entry, "search", get(dns, "search"));
	}
	json_set(ensure(network, section, false), name, entry);
}

static cJSON *network_of_state(const cJSON *state)
{
	cJSON *network = cJSON_CreateObject();
	const cJSON *it;

	cJSON_AddNumberToObject(network, "version", 2);
	cJSON_ArrayForEach(it, get(state, "interfaces")) add_interface(network, state, it);
	return network;
}

int network_render_netplan(const cJSON *config, struct diag *d, cJSON **ret)
{
	auto_json cJSON *state = NULL, *document = cJSON_CreateObject(), *files = NULL;
	const cJSON *inner = get(config, "network");
	auto_free char *yaml = NULL, *text = NULL;
	int r = network_state_of(config, d, &state);

	if (r < 0)
		return r;
	if (cJSON_IsObject(inner))
		config = inner;
	r = json_add_take(document, "network",
	                  json_u64_or(config, "version", 0) == 2 ? cJSON_Duplicate(config, true)
	                                                         : network_of_state(state));
	if (r >= 0)
		r = yaml_print(document, &yaml);
	if (r < 0)
		return r;
	text = str_printf("%s%s", HEADER, yaml);
	files = cJSON_CreateObject();
	if (!text || json_add_string(files, FILE_NAME, text) < 0)
		return -ENOMEM;
	*ret = TAKE_PTR(files);
	return 0;
}
