// SPDX-License-Identifier: Apache-2.0
/* The state as flat lists, in the order in which they are to be done. */
#include "metadata/network/state.h"

void network_plan_done(struct network_plan *p)
{
	cJSON_Delete(p->links);
	cJSON_Delete(p->addresses);
	cJSON_Delete(p->routes);
	cJSON_Delete(p->rules);
	cJSON_Delete(p->dhcp);
	cJSON_Delete(p->dns_servers);
	cJSON_Delete(p->dns_search);
	*p = (struct network_plan){0};
}

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

static void add_link(struct network_plan *p, const cJSON *iface)
{
	static const char *const same[][2] = {
		{"mac_address", "mac_address"},
		{"mtu", "mtu"},
		{"driver", "driver"},
		{"accept_ra", "accept-ra"},
		{"bond_master", "bond-master"},
		{"bond_slaves", "bond-slaves"},
		{"bridge_ports", "bridge_ports"},
		{"vlan_id", "vlan_id"},
		{"vlan_raw_device", "vlan-raw-device"},
		{"optional", "optional"},
		{"wakeonlan", "wakeonlan"},
		{"also", "also"},
	};
	cJSON *link = cJSON_CreateObject(), *params = cJSON_CreateObject();
	const cJSON *it;

	copy(link, "name", iface, "name");
	json_set(link, "kind", json_or_null(iface, "type"));
	for (size_t i = 0; i < ELEMENTSOF(same); i++)
		copy(link, same[i][0], iface, same[i][1]);
	cJSON_ArrayForEach(it, iface)
	{
		bool is_param =
			((str_after(it->string, "bond-") || str_after(it->string, "bond_")) &&
		         !streq(it->string, "bond-master") && !streq(it->string, "bond-slaves")) ||
			(str_after(it->string, "bridge_") && !streq(it->string, "bridge_ports"));

		if (is_param)
			json_set(params, it->string, cJSON_Duplicate(it, true));
	}
	if (get(iface, "config_id") &&
	    !streq(json_string_or(iface, "config_id", ""), json_string_or(iface, "name", ""))) {
		cJSON *also = cJSON_GetObjectItemCaseSensitive(link, "also");

		/* Others refer to it by this. */
		also = also ? also : cJSON_AddObjectToObject(link, "also");
		copy(also, "id", iface, "config_id");
	}
	if (params->child)
		json_set(link, "params", params);
	else
		cJSON_Delete(params);
	cJSON_AddItemToArray(p->links, link);
}

static void add_route(struct network_plan *p, const char *dev, const cJSON *route)
{
	auto_free char *dst = str_printf("%s/%.0f", json_string_or(route, "network", ""),
	                                 cJSON_GetNumberValue(get(route, "prefix")));
	cJSON *r = cJSON_CreateObject();

	json_add_string(r, "dev", dev);
	json_add_string(r, "dst", dst);
	copy(r, "via", route, "gateway");
	copy(r, "metric", route, "metric");
	copy(r, "mtu", route, "mtu");
	copy(r, "table", route, "table");
	copy(r, "also", route, "also");
	cJSON_AddItemToArray(p->routes, r);
}

static void add_named(cJSON *list, const char *dev, const char *key, const cJSON *values)
{
	const cJSON *it;

	cJSON_ArrayForEach(it, values)
	{
		cJSON *o;

		if (!cJSON_IsString(it))
			continue;
		o = cJSON_CreateObject();
		json_add_string(o, "dev", dev);
		json_add_string(o, key, it->valuestring);
		cJSON_AddItemToArray(list, o);
	}
}

static bool is_dynamic(const char *type)
{
	return str_after(type, "dhcp") || str_after(type, "ipv6_");
}

static void add_subnet(struct network_plan *p, const char *dev, const cJSON *subnet)
{
	const char *type = json_string_or(subnet, "type", ""),
		   *address = json_string_or(subnet, "address", NULL),
		   *gateway = json_string_or(subnet, "gateway", NULL);
	const cJSON *it;
	cJSON *o;

	if (is_dynamic(type)) {
		o = cJSON_CreateObject();
		json_add_string(o, "dev", dev);
		json_add_string(o, "type", type);
		copy(o, "also", subnet, "also");
		cJSON_AddItemToArray(p->dhcp, o);
	} else if (address && get(subnet, "prefix")) {
		auto_free char *full =
			str_printf("%s/%.0f", address, cJSON_GetNumberValue(get(subnet, "prefix")));

		o = cJSON_CreateObject();
		json_add_string(o, "dev", dev);
		json_add_string(o, "address", full);
		cJSON_AddItemToArray(p->addresses, o);
	}
	if (gateway) {
		o = cJSON_CreateObject();
		json_add_string(o, "dev", dev);
		json_add_string(o, "dst", strchr(gateway, ':') ? "default6" : "default");
		json_add_string(o, "via", gateway);
		copy(o, "metric", subnet, "metric");
		cJSON_AddItemToArray(p->routes, o);
	}
	cJSON_ArrayForEach(it, get(subnet, "routes")) add_route(p, dev, it);
	add_named(p->dns_servers, dev, "server", get(subnet, "dns_nameservers"));
	add_named(p->dns_search, dev, "domain", get(subnet, "dns_search"));
}

static void add_rules(struct network_plan *p, const char *dev, const cJSON *rules)
{
	const cJSON *it;

	cJSON_ArrayForEach(it, rules)
	{
		cJSON *rule = cJSON_Duplicate(it, true);

		json_add_string(rule, "dev", dev);
		cJSON_AddItemToArray(p->rules, rule);
	}
}

static int compare_names(const void *a, const void *b)
{
	return strcmp((*(const cJSON *const *) a)->string, (*(const cJSON *const *) b)->string);
}

int network_plan_of(const cJSON *state, struct network_plan *ret)
{
	const cJSON *interfaces = get(state, "interfaces"), *dns = get(state, "dns"), *it;
	size_t n = (size_t) cJSON_GetArraySize(interfaces), i = 0;
	auto_free const cJSON **sorted = calloc(n + 1, sizeof(*sorted));
	struct network_plan p = {cJSON_CreateArray(), cJSON_CreateArray(), cJSON_CreateArray(),
	                         cJSON_CreateArray(), cJSON_CreateArray(), cJSON_CreateArray(),
	                         cJSON_CreateArray()};

	if (!sorted)
		return -ENOMEM;
	cJSON_ArrayForEach(it, interfaces) sorted[i++] = it;
	/* By key: the same configuration gives the same plan. */
	qsort(sorted, n, sizeof(*sorted), compare_names);
	for (i = 0; i < n; i++) {
		const char *dev = json_string_or(sorted[i], "name", "");

		add_link(&p, sorted[i]);
		cJSON_ArrayForEach(it, get(sorted[i], "subnets")) add_subnet(&p, dev, it);
		add_rules(&p, dev, get(get(sorted[i], "also"), "routing-policy"));
		add_named(p.dns_servers, dev, "server", get(get(sorted[i], "dns"), "nameservers"));
		add_named(p.dns_search, dev, "domain", get(get(sorted[i], "dns"), "search"));
	}
	cJSON_ArrayForEach(it, get(state, "routes")) add_route(&p, NULL, it);
	add_named(p.dns_servers, NULL, "server", get(dns, "nameservers"));
	add_named(p.dns_search, NULL, "domain", get(dns, "search"));
	*ret = p;
	return 0;
}
