// SPDX-License-Identifier: Apache-2.0
/* Keys of a network configuration, version 2; schema.h tells how a row reads. */
#include "metadata/userdata/schema.h"

/* clang-format off */
const struct schema_row schema_network_v2[] = {
	{0, "network-v2", "", ""}, {1, "|one", "", "ref=network_config_version2"}, {1, "|one", "", "closed"},
	{2, "network", "", "needed ref=network_config_version2"}, {0, "#network_config_version2", "o", "closed"},
	{1, "version", "i", "needed enum=2"}, {1, "renderer", "", "ref=renderer"}, {1, "ethernets", "o", ""},
	{2, "*", "", ""}, {3, "match", "o", "closed"}, {4, "name", "s", ""}, {4, "macaddress", "s", ""},
	{4, "driver", "s", ""}, {3, "set-name", "s", ""}, {3, "wakeonlan", "b", ""}, {3, "&", "", "ref=mapping"},
	{1, "bonds", "o", ""}, {2, "*", "", ""}, {3, "interfaces", "a", ""}, {4, "[]", "s", ""},
	{3, "parameters", "o", ""},
	{4, "mode", "s", "enum=balance-rr|active-backup|balance-xor|broadcast|802.3ad|balance-tlb|balance-alb"},
	{4, "lacp-rate", "s", "enum=fast|slow"}, {4, "mii-monitor-interval", "s", ""}, {4, "min-links", "i", ""},
	{4, "transmit-hash-policy", "s", "enum=layer2|layer3+4|layer2+3|encap2+3|encap3+4"},
	{4, "ad-select", "s", "enum=stable|bandwidth|count"}, {4, "all-slaves-active", "b", ""},
	{4, "arp-interval", "i", ""}, {4, "arp-ip-targets", "a", ""}, {5, "[]", "s", ""},
	{4, "arp-validate", "s", "enum=none|active|backup|all"}, {4, "arp-all-targets", "s", "enum=any|all"},
	{4, "up-delay", "i", ""}, {4, "down-delay", "i", ""},
	{4, "fail-over-mac-policy", "s", "enum=none|active|follow"}, {4, "gratuitous-arp", "i", ""},
	{4, "packets-per-slave", "i", ""}, {4, "primary-reselect-policy", "s", "enum=always|better|failure"},
	{4, "learn-packet-interval", "s", ""}, {3, "&", "", "ref=mapping"}, {1, "bridges", "o", ""}, {2, "*", "", ""},
	{3, "interfaces", "a", ""}, {4, "[]", "s", ""}, {3, "parameters", "o", ""}, {4, "ageing-time", "i", ""},
	{4, "priority", "i", ""}, {4, "forward-delay", "i", ""}, {4, "hello-time", "i", ""}, {4, "max-age", "i", ""},
	{4, "path-cost", "i", ""}, {4, "stp", "b", ""}, {3, "&", "", "ref=mapping"}, {1, "vlans", "o", ""},
	{2, "*", "", ""}, {3, "id", "i", ""}, {3, "link", "s", ""}, {3, "&", "", "ref=mapping"},
	{0, "#renderer", "s", "enum=networkd|NetworkManager"}, {0, "#mapping", "o", ""},
	{1, "renderer", "", "ref=renderer"}, {1, "dhcp4", "bs", "enum=yes|no|true|false"},
	{1, "dhcp6", "bs", "enum=yes|no|true|false"}, {1, "dhcp4-overrides", "", "ref=dhcp-overrides"},
	{1, "dhcp6-overrides", "", "ref=dhcp-overrides"}, {1, "addresses", "a", ""}, {2, "[]", "s", ""},
	{1, "gateway4", "", "ref=gateway"}, {1, "gateway6", "", "ref=gateway"}, {1, "optional", "b", ""},
	{1, "mtu", "i", ""}, {1, "nameservers", "o", "closed"}, {2, "search", "a", ""}, {3, "[]", "s", ""},
	{2, "addresses", "a", ""}, {3, "[]", "s", ""}, {1, "routes", "a", ""}, {2, "[]", "o", "closed"},
	{3, "to", "s", "needed"}, {3, "via", "s", ""}, {3, "metric", "i", ""}, {0, "#dhcp-overrides", "o", "closed"},
	{1, "hostname", "s", ""}, {1, "route-metric", "i", ""}, {1, "send-hostname", "b", ""},
	{1, "use-dns", "b", ""}, {1, "use-domains", "s", ""}, {1, "use-hostname", "b", ""}, {1, "use-mtu", "b", ""},
	{1, "use-ntp", "b", ""}, {1, "use-routes", "b", ""}, {0, "#gateway", "s", ""},
};
/* clang-format on */
const size_t n_schema_network_v2 = ELEMENTSOF(schema_network_v2);
