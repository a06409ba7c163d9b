// SPDX-License-Identifier: Apache-2.0
/* systemd-networkd's files: one .network an interface, and a .netdev for what is not plugged in but made. */
#include "metadata/network/state.h"

#define FOLDER "etc/systemd/network/10-cloud-init-"

struct row {
	const char *from, *to;
};

static const cJSON *get(const cJSON *o, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);

	return cJSON_IsNull(v) ? NULL : v;
}

/* A value as networkd writes it; a text with a line end would be more than one line. */
static void add_value(struct strbuf *b, const char *key, const cJSON *v)
{
	if (cJSON_IsString(v) && !strpbrk(v->valuestring, "\r\n"))
		strbuf_printf(b, "%s=%s\n", key, v->valuestring);
	else if (cJSON_IsNumber(v))
		strbuf_printf(b, "%s=%.0f\n", key, v->valuedouble);
	else if (cJSON_IsBool(v))
		strbuf_printf(b, "%s=%s\n", key, cJSON_IsTrue(v) ? "yes" : "no");
}

static void add_rows(struct strbuf *b, const struct row *rows, size_t n, const cJSON *from)
{
	for (size_t i = 0; i < n; i++)
		add_value(b, rows[i].to, get(from, rows[i].from));
}

static void add_words(struct strbuf *b, const char *key, char *const *words)
{
	auto_free char *line = strv_join(words, " ");

	if (line && *line && !strpbrk(line, "\r\n"))
		strbuf_printf(b, "%s=%s\n", key, line);
}

static int collect(char ***words, const cJSON *list)
{
	const cJSON *it;
	int r = 0;

	cJSON_ArrayForEach(it, list) if (r >= 0 && cJSON_IsString(it)) r =
		strv_append_unique(words, it->valuestring);
	return r;
}

/* Name servers or domains: the interface's own with its subnets' in one line, or the machine's and then
 * each subnet's. */
static int add_dns(struct strbuf *b, const char *line, const cJSON *own, const cJSON *common,
                   const cJSON *subnets, const char *subnet_key)
{
	bool has_own = own && own->child;
	auto_strv char **words = NULL;
	const cJSON *it;
	int r = collect(&words, has_own ? own : common);

	cJSON_ArrayForEach(it, subnets)
	{
		auto_strv char **more = NULL;

		if (r >= 0)
			r = collect(has_own ? &words : &more, get(it, subnet_key));
		if (r >= 0 && !has_own)
			add_words(b, line, more);
	}
	if (r >= 0)
		add_words(b, line, words);
	return r;
}

static const char *dhcp_word(const cJSON *subnets)
{
	bool v4 = false, v6 = false;
	const cJSON *it;

	cJSON_ArrayForEach(it, subnets)
	{
		const char *type = json_string_or(it, "type", "");

		v4 = v4 || streq(type, "dhcp") || streq(type, "dhcp4");
		v6 = v6 || streq(type, "dhcp6") || str_after(type, "ipv6_");
	}
	return v4 && v6 ? "yes" : v4 ? "ipv4" : v6 ? "ipv6" : "no";
}

static void add_gateway(struct strbuf *b, const cJSON *subnet, const char *full)
{
	const char *gateway = json_string_or(subnet, "gateway", NULL);

	if (!gateway)
		return;
	strbuf_printf(b, "[Route]\nGateway=%s\n", gateway);
	if (full && ip_in_subnet(gateway, full) == 0)
		strbuf_puts(b, "GatewayOnLink=yes\n");
	add_value(b, "Metric", get(subnet, "metric"));
}

static void add_route(struct strbuf *b, const cJSON *route)
{
	static const struct row rows[] = {
		{"metric", "Metric"}, {"mtu", "MTUBytes"}, {"table", "Table"}};
	const cJSON *also = get(route, "also");

	strbuf_puts(b, "[Route]\n");
	add_value(b, "Gateway", get(route, "gateway"));
	strbuf_printf(b, "Destination=%s/%.0f\n", json_string_or(route, "network", ""),
	              cJSON_GetNumberValue(get(route, "prefix")));
	add_rows(b, rows, ELEMENTSOF(rows), route);
	if (json_bool_or(also, "on-link", false))
		strbuf_puts(b, "GatewayOnLink=yes\n");
	add_value(b, "Source", get(also, "from"));
	add_value(b, "Scope", get(also, "scope"));
	add_value(b, "Type", get(also, "type"));
}

static void add_subnet(struct strbuf *b, const cJSON *subnet)
{
	const char *type = json_string_or(subnet, "type", ""),
		   *address = json_string_or(subnet, "address", NULL);
	auto_free char *full = NULL;
	const cJSON *it;

	if (str_after(type, "static") && address) {
		full = str_printf("%s/%.0f", address, cJSON_GetNumberValue(get(subnet, "prefix")));
		strbuf_printf(b, "[Address]\nAddress=%s\n", full);
	}
	add_gateway(b, subnet, full);
	cJSON_ArrayForEach(it, get(subnet, "routes")) add_route(b, it);
}

/* What version 2 says of a lease. */
static void add_overrides(struct strbuf *b, const cJSON *subnet)
{
	static const struct row rows[] = {
		{"use-dns", "UseDNS"},           {"use-domains", "UseDomains"},
		{"use-hostname", "UseHostname"}, {"send-hostname", "SendHostname"},
		{"hostname", "Hostname"},        {"use-mtu", "UseMTU"},
		{"use-ntp", "UseNTP"},           {"use-routes", "UseRoutes"},
		{"route-metric", "RouteMetric"},
	};
	const char *type = json_string_or(subnet, "type", "");
	const cJSON *also = get(subnet, "also");

	if (!also || !also->child)
		return;
	strbuf_printf(b, "[%s]\n", streq(type, "dhcp6") ? "DHCPv6" : "DHCPv4");
	add_rows(b, rows, ELEMENTSOF(rows), also);
}

static void add_rule(struct strbuf *b, const cJSON *rule)
{
	static const struct row rows[] = {
		{"from", "From"},         {"to", "To"},
		{"table", "Table"},       {"priority", "Priority"},
		{"mark", "FirewallMark"}, {"type-of-service", "TypeOfService"}};

	strbuf_puts(b, "[RoutingPolicyRule]\n");
	add_rows(b, rows, ELEMENTSOF(rows), rule);
}

/* Bridges, bonds and vlans that stand on @name. */
static void add_uppers(struct strbuf *b, const cJSON *state, const cJSON *iface, const char *name)
{
	const cJSON *it, *port;

	add_value(b, "Bond", get(iface, "bond-master"));
	cJSON_ArrayForEach(it, get(state, "interfaces"))
	{
		const char *other = json_string_or(it, "name", it->string);

		if (streq(json_string_or(it, "vlan-raw-device", ""), name))
			strbuf_printf(b, "VLAN=%s\n", other);
		cJSON_ArrayForEach(port, get(it, "bridge_ports"))
		{
			if (cJSON_IsString(port) && streq(port->valuestring, name))
				strbuf_printf(b, "Bridge=%s\n", other);
		}
	}
}

static int network_text(const cJSON *state, const cJSON *iface, char **ret)
{
	const char *name = json_string_or(iface, "name", iface->string);
	const cJSON *subnets = get(iface, "subnets"), *dns = get(iface, "dns"),
		    *common = get(state, "dns"), *it;
	bool is_optional = json_bool_or(iface, "optional", false);
	auto_strbuf struct strbuf b = {.max = METADATA_DOCUMENT_MAX};
	int r;

	strbuf_printf(&b, "[Match]\nName=%s\n", name);
	if (!get(iface, "bond-master"))
		add_value(&b, "MACAddress", get(iface, "mac_address"));
	else
		/* In a bond it bears the bond's address, and is known by its own. */
		add_value(&b, "PermanentMACAddress", get(iface, "mac_address"));
	add_value(&b, "Driver", get(iface, "driver"));
	if (get(iface, "mtu") || is_optional)
		strbuf_puts(&b, "\n[Link]\n");
	add_value(&b, "MTUBytes", get(iface, "mtu"));
	if (is_optional)
		strbuf_puts(&b, "RequiredForOnline=no\n");
	strbuf_printf(&b, "\n[Network]\nDHCP=%s\n", dhcp_word(subnets));
	add_value(&b, "IPv6AcceptRA", get(iface, "accept-ra"));
	add_uppers(&b, state, iface, name);
	r = add_dns(&b, "Domains", get(dns, "search"), get(common, "search"), subnets,
	            "dns_search");
	if (r >= 0)
		r = add_dns(&b, "DNS", get(dns, "nameservers"), get(common, "nameservers"), subnets,
		            "dns_nameservers");
	cJSON_ArrayForEach(it, subnets) add_subnet(&b, it);
	cJSON_ArrayForEach(it, subnets) add_overrides(&b, it);
	cJSON_ArrayForEach(it, get(get(iface, "also"), "routing-policy")) add_rule(&b, it);
	return r < 0 ? r : strbuf_take(&b, ret);
}

/* clang-format off */
static const struct row bond_rows[] = {
	{ "mode", "Mode" }, { "transmit-hash-policy", "TransmitHashPolicy" }, { "lacp-rate", "LACPTransmitRate" },
	{ "up-delay", "UpDelaySec" }, { "down-delay", "DownDelaySec" }, { "mii-monitor-interval", "MIIMonitorSec" },
	{ "min-links", "MinLinks" }, { "ad-select", "AdSelect" }, { "all-slaves-active", "AllSlavesActive" },
	{ "arp-interval", "ARPIntervalSec" }, { "arp-validate", "ARPValidate" }, { "arp-all-targets", "ARPAllTargets" },
	{ "fail-over-mac-policy", "FailOverMACPolicy" }, { "gratuitous-arp", "GratuitousARP" },
	{ "packets-per-slave", "PacketsPerSlave" }, { "primary-reselect-policy", "PrimaryReselectPolicy" },
	{ "learn-packet-interval", "LearnPacketIntervalSec" },
};
static const struct row bridge_rows[] = {
	{ "stp", "STP" }, { "forward-delay", "ForwardDelaySec" }, { "hello-time", "HelloTimeSec" },
	{ "max-age", "MaxAgeSec" }, { "ageing-time", "AgeingTimeSec" }, { "priority", "Priority" },
};
/* clang-format on */

/* bond's times are milliseconds in a configuration, seconds with a unit here. */
static void add_parameter(struct strbuf *b, const char *key, const cJSON *v, bool is_bond)
{
	if (is_bond && str_ends_with(key, "Sec") && cJSON_IsNumber(v) &&
	    !streq(key, "LearnPacketIntervalSec"))
		strbuf_printf(b, "%s=%.0fms\n", key, v->valuedouble);
	else
		add_value(b, key, v);
}

static void add_parameters(struct strbuf *b, const cJSON *iface, bool is_bond)
{
	const struct row *rows = is_bond ? bond_rows : bridge_rows;
	size_t n = is_bond ? ELEMENTSOF(bond_rows) : ELEMENTSOF(bridge_rows);
	const cJSON *it;

	cJSON_ArrayForEach(it, iface)
	{
		const char *name =
			is_bond ? bond_param_to_v2(it->string) : bridge_param_to_v2(it->string);

		for (size_t i = 0; name && i < n; i++)
			if (streq(rows[i].from, name))
				add_parameter(b, rows[i].to, it, is_bond);
	}
}

/* -ENOENT: an interface that is there by itself. */
static int netdev_text(const cJSON *iface, char **ret)
{
	const char *type = json_string_or(iface, "type", "");
	auto_strbuf struct strbuf b = {.max = METADATA_DOCUMENT_MAX};

	if (!streq(type, "bond") && !streq(type, "bridge") && !streq(type, "vlan"))
		return -ENOENT;
	strbuf_printf(&b, "[NetDev]\nName=%s\nKind=%s\n", json_string_or(iface, "name", ""), type);
	add_value(&b, "MACAddress", get(iface, "mac_address"));
	add_value(&b, "MTUBytes", get(iface, "mtu"));
	if (streq(type, "vlan")) {
		strbuf_puts(&b, "\n[VLAN]\n");
		add_value(&b, "Id", get(iface, "vlan_id"));
	} else {
		strbuf_puts(&b, streq(type, "bond") ? "\n[Bond]\n" : "\n[Bridge]\n");
		add_parameters(&b, iface, streq(type, "bond"));
	}
	return strbuf_take(&b, ret);
}

static int add_file(cJSON *files, const char *name, const char *suffix, int made, char *text)
{
	auto_free char *own = made >= 0 ? text : NULL,
		       *path = str_printf(FOLDER "%s.%s", name, suffix);

	if (made == -ENOENT)
		return 0;
	if (made < 0)
		return made;
	return path ? json_add_string(files, path, own) : -ENOMEM;
}

int network_render_networkd(const cJSON *state, struct diag *d, cJSON **ret)
{
	auto_json cJSON *files = cJSON_CreateObject();
	const cJSON *it;
	int r = files ? 0 : -ENOMEM;

	cJSON_ArrayForEach(it, get(state, "interfaces"))
	{
		const char *name = json_string_or(it, "name", it->string);
		char *text = NULL;

		if (r < 0)
			return r;
		/* The name becomes a file's. */
		if (strpbrk(name, "/\r\n") || strlen(name) > 64)
			return diag_add(d, -EINVAL, DIAG_ERROR, "network-config", 0,
			                "not the name of an interface");
		r = network_text(state, it, &text);
		r = add_file(files, name, "network", r, text);
		if (r < 0)
			return r;
		text = NULL;
		r = netdev_text(it, &text);
		r = add_file(files, name, "netdev", r, text);
	}
	if (r < 0)
		return r;
	*ret = TAKE_PTR(files);
	return 0;
}
