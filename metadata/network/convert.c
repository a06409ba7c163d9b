// SPDX-License-Identifier: Apache-2.0
/* What smaller platforms say of their networks, as configuration version 1 or 2. */
#include "metadata/network/state.h"

#include <stdio.h>

static const cJSON *get(const cJSON *o, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(o, key);
}

static const char *text(const cJSON *o, const char *key)
{
	return json_string_or(o, key, NULL);
}

static cJSON *new_v1(cJSON **ret_config)
{
	cJSON *out = cJSON_CreateObject();

	cJSON_AddNumberToObject(out, "version", 1);
	*ret_config = cJSON_AddArrayToObject(out, "config");
	return out;
}

static void add_nameserver(cJSON *config, const cJSON *addresses, const cJSON *search)
{
	cJSON *n;

	if (!json_is_truthy(addresses))
		return;
	n = cJSON_CreateObject();
	cJSON_AddStringToObject(n, "type", "nameserver");
	json_set(n, "address", cJSON_Duplicate(addresses, true));
	if (search)
		json_set(n, "search", json_listed(search));
	cJSON_AddItemToArray(config, n);
}

static cJSON *add_physical(cJSON *config, const char *name, const char *mac)
{
	cJSON *nic = cJSON_CreateObject();

	cJSON_AddStringToObject(nic, "type", "physical");
	json_add_string(nic, "name", name);
	json_add_string(nic, "mac_address", mac);
	cJSON_AddItemToArray(config, nic);
	return nic;
}

static cJSON *add_subnet(cJSON *subnets, const char *type, bool control)
{
	cJSON *s = cJSON_CreateObject();

	cJSON_AddStringToObject(s, "type", type);
	if (control)
		cJSON_AddStringToObject(s, "control", "auto");
	cJSON_AddItemToArray(subnets, s);
	return s;
}

/* ---- Azure ---- */

/* "000D3A047598" -> "00:0d:3a:04:75:98" */
static void azure_mac(const char *raw, char ret[18])
{
	size_t n = 0;

	for (size_t i = 0; raw[i] && n < 17; i++) {
		char c = raw[i];

		if (c == ':' || c == '-')
			continue;
		if (n % 3 == 2)
			ret[n++] = ':';
		ret[n++] = c >= 'A' && c <= 'F' ? (char) (c + 'a' - 'A') : c;
	}
	ret[n] = '\0';
}

static bool azure_family(cJSON *dev, const cJSON *nic, const char *family, bool secondary)
{
	const cJSON *addresses = get(get(nic, family), "ipAddress"), *it;
	const cJSON *subnet = cJSON_GetArrayItem(get(get(nic, family), "subnet"), 0);
	cJSON *list;

	if (!json_is_truthy(addresses))
		return false;
	if (streq(family, "ipv6")) {
		json_set(dev, "dhcp6", cJSON_CreateTrue());
		json_set(dev, "dhcp6-overrides",
		         cJSON_Duplicate(get(dev, "dhcp4-overrides"), true));
	}
	for (it = secondary ? addresses->child->next : NULL; it; it = it->next) {
		const char *prefix =
			json_string_or(subnet, "prefix", streq(family, "ipv4") ? "24" : "128");
		auto_free char *full =
			str_printf("%s/%s", json_string_or(it, "privateIpAddress", ""), prefix);

		list = cJSON_GetObjectItemCaseSensitive(dev, "addresses");
		if (!list)
			list = cJSON_AddArrayToObject(dev, "addresses");
		cJSON_AddItemToArray(list, cJSON_CreateString(full ? full : ""));
	}
	return true;
}

int network_from_azure(const cJSON *network, const cJSON *macs, bool secondary, bool set_name,
                       cJSON **ret)
{
	const cJSON *list = get(network, "interface"), *it;
	cJSON *out, *ethernets, *dev, *overrides;
	unsigned i = 0;

	(void) macs;
	if (!cJSON_IsArray(list))
		return -EINVAL;
	out = cJSON_CreateObject();
	cJSON_AddNumberToObject(out, "version", 2);
	ethernets = cJSON_AddObjectToObject(out, "ethernets");
	cJSON_ArrayForEach(it, list)
	{
		char mac[18], name[24], plain[13] = "";
		bool has4, has6;

		azure_mac(json_string_or(it, "macAddress", ""), mac);
		for (size_t k = 0, n = 0; mac[k] && n < 12; k++)
			if (mac[k] != ':') {
				plain[n++] = mac[k];
				plain[n] = '\0';
			}
		if (set_name)
			snprintf(name, sizeof(name), "eth%u", i);
		else
			snprintf(name, sizeof(name), "enx%s", plain);
		dev = cJSON_CreateObject();
		cJSON_AddTrueToObject(dev, "dhcp4");
		overrides = cJSON_AddObjectToObject(dev, "dhcp4-overrides");
		cJSON_AddNumberToObject(overrides, "route-metric", (i + 1) * 100);
		/* Names are not resolved through other interfaces than the first. */
		if (i++ > 0)
			cJSON_AddFalseToObject(overrides, "use-dns");
		cJSON_AddFalseToObject(dev, "dhcp6");
		has4 = azure_family(dev, it, "ipv4", secondary);
		has6 = azure_family(dev, it, "ipv6", secondary);
		if (!has4 && !has6) {
			cJSON_Delete(dev);
			continue;
		}
		json_add_string(cJSON_AddObjectToObject(dev, "match"), "macaddress", mac);
		if (set_name)
			json_add_string(dev, "set-name", name);
		json_set(ethernets, name, dev);
	}
	*ret = out;
	return 0;
}

/* ---- SmartOS ---- */

struct smartos {
	const cJSON *routes;
	bool had_gateway4, had_gateway6; /* one default route a family, of a primary interface */
};

static void smartos_address(struct smartos *s, const cJSON *nic, const char *ip, cJSON *subnets)
{
	static const char *const keys[] = {"broadcast", "dns_nameservers", "dns_search",
	                                   "metric",    "pointopoint",     "scope"};
	bool is_v6 = strchr(ip, ':'), *had = is_v6 ? &s->had_gateway6 : &s->had_gateway4;
	cJSON *subnet = add_subnet(subnets, "static", false), *routes = NULL, *r;
	const cJSON *it;

	for (size_t i = 0; i < ELEMENTSOF(keys); i++)
		if (get(nic, keys[i]))
			json_set(subnet, keys[i], json_or_null(nic, keys[i]));
	json_add_string(subnet, "address", ip);
	if (json_is_truthy(get(nic, "primary")))
		cJSON_ArrayForEach(
			it, get(nic, "gateways")) if (!*had && cJSON_IsString(it) &&
		                                      strchr(it->valuestring, is_v6 ? ':' : '.'))
		{
			json_add_string(subnet, "gateway", it->valuestring);
			*had = true;
		}
	cJSON_ArrayForEach(it, s->routes)
	{
		routes = routes ? routes : cJSON_AddArrayToObject(subnet, "routes");
		r = cJSON_CreateObject();
		json_set(r, "network", json_or_null(it, "dst"));
		if (get(it, "gateway"))
			json_set(r, "gateway", json_or_null(it, "gateway"));
		cJSON_AddItemToArray(routes, r);
	}
}

int network_from_smartos(const cJSON *nics, const cJSON *dns, const cJSON *routes, cJSON **ret)
{
	struct smartos s = {.routes = routes};
	cJSON *config, *out = new_v1(&config), *nic, *subnets, *servers;
	const cJSON *it, *ip;

	cJSON_ArrayForEach(it, nics)
	{
		nic = add_physical(config, text(it, "interface"), text(it, "mac"));
		if (get(it, "mtu"))
			json_set(nic, "mtu", json_or_null(it, "mtu"));
		subnets = cJSON_AddArrayToObject(nic, "subnets");
		cJSON_ArrayForEach(ip, get(it, "ips"))
		{
			if (!cJSON_IsString(ip))
				continue;
			if (streq(ip->valuestring, "dhcp"))
				add_subnet(subnets, "dhcp4", false);
			else if (streq(ip->valuestring, "addrconf"))
				add_subnet(subnets, "dhcp6", false);
			else
				smartos_address(&s, it, ip->valuestring, subnets);
		}
	}
	servers = json_listed(get(dns, "servers"));
	if (servers->child) {
		cJSON *search = json_listed(get(dns, "search"));

		add_nameserver(config, servers, search);
		cJSON_Delete(search);
	}
	cJSON_Delete(servers);
	*ret = out;
	return 0;
}

/* ---- DigitalOcean ---- */

static void digitalocean_subnet(cJSON *subnets, const cJSON *raw, bool with_gateway)
{
	const char *address = json_string_or(raw, "ip_address", "");
	cJSON *s = add_subnet(subnets, "static", true);

	if (strchr(address, ':')) {
		auto_free char *full =
			str_printf("%s/%.0f", address, cJSON_GetNumberValue(get(raw, "cidr")));

		json_add_string(s, "address", full);
	} else {
		json_add_string(s, "address", address);
		json_set(s, "netmask", json_or_null(raw, "netmask"));
	}
	if (with_gateway)
		json_set(s, "gateway", json_or_null(raw, "gateway"));
}

int network_from_digitalocean(const cJSON *interfaces, const cJSON *dns, const cJSON *macs,
                              cJSON **ret)
{
	static const char *const families[] = {"ipv4", "ipv6", "anchor_ipv4", "anchor_ipv6"};
	cJSON *config, *out = new_v1(&config);
	const cJSON *it;

	cJSON_ArrayForEach(it, interfaces)
	{
		const cJSON *nic = cJSON_GetArrayItem(it, 0);
		const char *mac = text(nic, "mac"), *type = json_string_or(nic, "type", ""),
			   *name = mac ? text(macs, mac) : NULL;
		bool is_public = streq(type, "public");
		cJSON *subnets;

		if (!name) {
			cJSON_Delete(out);
			return -ENODEV;
		}
		name = is_public ? "eth0" : streq(type, "private") ? "eth1" : name;
		subnets = cJSON_AddArrayToObject(add_physical(config, name, mac), "subnets");
		for (size_t i = 0; i < ELEMENTSOF(families); i++)
			if (json_is_truthy(get(nic, families[i])))
				digitalocean_subnet(subnets, get(nic, families[i]),
				                    is_public && !str_after(families[i], "anchor"));
	}
	add_nameserver(config, dns, NULL);
	*ret = out;
	return 0;
}

/* ---- Vultr ---- */

static void vultr_more(cJSON *subnets, const cJSON *interface)
{
	const cJSON *it;
	cJSON *s;

	cJSON_ArrayForEach(it, get(get(interface, "ipv4"), "additional"))
	{
		s = add_subnet(subnets, "static", true);
		json_set(s, "address", json_or_null(it, "address"));
		json_set(s, "netmask", json_or_null(it, "netmask"));
		if (get(it, "routes"))
			json_set(s, "routes", json_or_null(it, "routes"));
	}
	cJSON_ArrayForEach(it, get(get(interface, "ipv6"), "additional"))
	{
		auto_free char *full = str_printf("%s/%s", json_string_or(it, "network", ""),
		                                  json_string_or(it, "prefix", "64"));

		s = add_subnet(subnets, "static6", true);
		json_add_string(s, "address", full);
		if (get(it, "routes"))
			json_set(s, "routes", json_or_null(it, "routes"));
	}
}

int network_from_vultr(const cJSON *interfaces, const cJSON *macs, cJSON **ret)
{
	static const char resolvers[] = "[\"108.61.10.10\",\"2001:19f0:300:1704::6\"]";
	auto_json cJSON *dns = cJSON_Parse(resolvers);
	cJSON *config, *out = new_v1(&config), *nic, *subnets, *s;
	const cJSON *it;

	add_nameserver(config, dns, NULL);
	cJSON_ArrayForEach(it, interfaces)
	{
		bool is_first = it == interfaces->child;
		const char *mac = text(it, "mac"), *name = mac ? text(macs, mac) : NULL;

		if (!is_first && json_is_truthy(get(it, "unconfigured")))
			continue;
		if (!name) {
			cJSON_Delete(out);
			return -ENODEV;
		}
		nic = add_physical(config, name, mac);
		if (is_first)
			cJSON_AddNumberToObject(nic, "accept-ra", 1);
		subnets = cJSON_AddArrayToObject(nic, "subnets");
		s = add_subnet(subnets, is_first ? "dhcp" : "static", true);
		if (is_first) {
			add_subnet(subnets, "ipv6_slaac", true);
		} else {
			json_set(s, "address", json_or_null(get(it, "ipv4"), "address"));
			json_set(s, "netmask", json_or_null(get(it, "ipv4"), "netmask"));
		}
		if (get(it, "mtu"))
			json_set(nic, "mtu", json_or_null(it, "mtu"));
		if (get(it, "accept-ra"))
			json_set(nic, "accept-ra", json_or_null(it, "accept-ra"));
		if (get(it, "routes"))
			json_set(s, "routes", json_or_null(it, "routes"));
		vultr_more(subnets, it);
	}
	*ret = out;
	return 0;
}

/* ---- UpCloud ---- */

static void upcloud_subnet(cJSON *subnets, const cJSON *ip, const cJSON *dns)
{
	bool is_v6 = streq(json_string_or(ip, "family", ""), "IPv6");
	const char *slash = strchr(json_string_or(ip, "network", ""), '/');
	const cJSON *own = get(ip, "dns");
	cJSON *s;

	if (json_is_truthy(get(ip, "dhcp"))) {
		add_subnet(subnets, is_v6 ? "ipv6_dhcpv6-stateless" : "dhcp", false);
		return;
	}
	s = add_subnet(subnets, is_v6 ? "static6" : "static", true);
	json_set(s, "address", json_or_null(ip, "address"));
	if (json_is_truthy(get(ip, "gateway")))
		json_set(s, "gateway", json_or_null(ip, "gateway"));
	if (slash)
		json_add_string(s, "netmask", slash + 1);
	if (json_is_truthy(own) && !cJSON_Compare(own, dns, true))
		json_set(s, "dns_nameservers", cJSON_Duplicate(own, true));
}

int network_from_upcloud(const cJSON *network, const cJSON *macs, cJSON **ret)
{
	cJSON *config, *out = new_v1(&config), *subnets;
	const cJSON *it, *ip;

	cJSON_ArrayForEach(it, get(network, "interfaces"))
	{
		const char *mac = text(it, "mac"), *name = mac ? text(macs, mac) : NULL;

		if (!name) {
			cJSON_Delete(out);
			return -ENODEV;
		}
		subnets = cJSON_AddArrayToObject(add_physical(config, name, mac), "subnets");
		cJSON_ArrayForEach(ip, get(it, "ip_addresses"))
			upcloud_subnet(subnets, ip, get(network, "dns"));
	}
	add_nameserver(config, get(network, "dns"), NULL);
	*ret = out;
	return 0;
}

/* ---- Rbx ---- */

int network_from_rbx(const cJSON *netadps, cJSON **ret)
{
	cJSON *config, *out = new_v1(&config), *subnets, *s;
	const cJSON *it, *ip;
	unsigned i = 0;

	cJSON_ArrayForEach(it, netadps)
	{
		const cJSON *network = get(it, "network");
		char name[16], mac[18];

		snprintf(name, sizeof(name), "eth%u", i++);
		azure_mac(json_string_or(it, "macaddress", ""), mac);
		subnets = cJSON_AddArrayToObject(add_physical(config, name, mac), "subnets");
		cJSON_ArrayForEach(ip, get(it, "ip"))
		{
			s = add_subnet(subnets, "static", true);
			json_set(s, "address", json_or_null(ip, "address"));
			json_set(s, "netmask", json_or_null(network, "netmask"));
			json_set(s, "gateway", json_or_null(network, "gateway"));
			json_set(s, "dns_nameservers",
			         json_or_null(get(network, "dns"), "nameservers"));
		}
	}
	*ret = out;
	return 0;
}
