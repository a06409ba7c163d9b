// SPDX-License-Identifier: Apache-2.0
/* Bonds, bridges and vlans: made, set, joined, up. */
#include "metadata/network/apply.h"

#include <arpa/inet.h>
#include <linux/ethtool.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <sys/ioctl.h>

/* Times of a bridge are seconds here and hundredths in the kernel. */
#define BRIDGE_TICKS 100

static const cJSON *get(const cJSON *o, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);

	return cJSON_IsNull(v) ? NULL : v;
}

/* ---- parameters ---- */

enum kind { U8, U16, U32, TICKS, LINK_INDEX, ADDRESSES };
struct parameter {
	const char *name; /* version 2's */
	int attribute;
	enum kind kind;
	const char *words; /* separated by blanks, the first is 0; NULL: a number */
};

/* clang-format off */
static const struct parameter bond_parameters[] = {
	/* In an order that the kernel takes: delays need the interval of monitoring. */
	{ "mode", IFLA_BOND_MODE, U8, "balance-rr active-backup balance-xor broadcast 802.3ad balance-tlb balance-alb" },
	{ "mii-monitor-interval", IFLA_BOND_MIIMON, U32, NULL },
	{ "up-delay", IFLA_BOND_UPDELAY, U32, NULL },
	{ "down-delay", IFLA_BOND_DOWNDELAY, U32, NULL },
	{ "arp-ip-target", IFLA_BOND_ARP_IP_TARGET, ADDRESSES, NULL },
	{ "arp-interval", IFLA_BOND_ARP_INTERVAL, U32, NULL },
	{ "arp-validate", IFLA_BOND_ARP_VALIDATE, U32, "none active backup all filter filter_active filter_backup" },
	{ "arp-all-targets", IFLA_BOND_ARP_ALL_TARGETS, U32, "any all" },
	{ "primary-reselect-policy", IFLA_BOND_PRIMARY_RESELECT, U8, "always better failure" },
	{ "fail-over-mac-policy", IFLA_BOND_FAIL_OVER_MAC, U8, "none active follow" },
	{ "transmit-hash-policy", IFLA_BOND_XMIT_HASH_POLICY, U8, "layer2 layer3+4 layer2+3 encap2+3 encap3+4 vlan+srcmac" },
	{ "gratuitous-arp", IFLA_BOND_NUM_PEER_NOTIF, U8, NULL },
	{ "all-slaves-active", IFLA_BOND_ALL_SLAVES_ACTIVE, U8, NULL },
	{ "min-links", IFLA_BOND_MIN_LINKS, U32, NULL },
	{ "learn-packet-interval", IFLA_BOND_LP_INTERVAL, U32, NULL },
	{ "packets-per-slave", IFLA_BOND_PACKETS_PER_SLAVE, U32, NULL },
	{ "lacp-rate", IFLA_BOND_AD_LACP_RATE, U8, "slow fast" },
	{ "ad-select", IFLA_BOND_AD_SELECT, U8, "stable bandwidth count" },
};
static const struct parameter bond_late_parameters[] = { /* of members */
	{ "primary", IFLA_BOND_PRIMARY, LINK_INDEX, NULL },
};
static const struct parameter bridge_parameters[] = {
	{ "ageing-time", IFLA_BR_AGEING_TIME, TICKS, NULL },
	{ "forward-delay", IFLA_BR_FORWARD_DELAY, TICKS, NULL },
	{ "hello-time", IFLA_BR_HELLO_TIME, TICKS, NULL },
	{ "max-age", IFLA_BR_MAX_AGE, TICKS, NULL },
	{ "priority", IFLA_BR_PRIORITY, U16, NULL },
	{ "stp", IFLA_BR_STP_STATE, U32, "false true" },
};
static const struct parameter port_parameters[] = {
	{ "path-cost", IFLA_BRPORT_COST, U32, NULL },
	{ "port-priority", IFLA_BRPORT_PRIORITY, U16, NULL },
};
/* clang-format on */

static int number_of(const struct parameter *p, const cJSON *v, double *ret)
{
	auto_strv char **words = NULL;
	int64_t n;

	if (cJSON_IsBool(v)) {
		*ret = cJSON_IsTrue(v);
		return 0;
	}
	if (cJSON_IsNumber(v)) {
		*ret = v->valuedouble;
		return *ret >= 0 && *ret <= UINT32_MAX ? 0 : -ERANGE;
	}
	if (!cJSON_IsString(v))
		return -EINVAL;
	if (p->words && strv_split(p->words, " ", &words) < 0)
		return -ENOMEM;
	for (size_t i = 0; words && words[i]; i++)
		if (streq(words[i], v->valuestring)) {
			*ret = (double) i;
			return 0;
		}
	if (str_to_i64(v->valuestring, &n) < 0 || n < 0 || n > UINT32_MAX)
		return -EINVAL;
	*ret = (double) n;
	return 0;
}

/* "a,b", "a b" or a list. */
static int put_addresses(struct nl_msg *m, int attribute, const cJSON *v)
{
	struct nlattr *nest = nla_nest_start(m, attribute);
	auto_strv char **list = NULL;
	const cJSON *it;
	struct in_addr a;
	int i = 0;

	if (cJSON_IsString(v) && strv_split(v->valuestring, ", ", &list) < 0)
		return -ENOMEM;
	cJSON_ArrayForEach(it, v) if (cJSON_IsString(it) &&
	                              strv_append(&list, it->valuestring) < 0) return -ENOMEM;
	if (!nest)
		return -ENOMEM;
	STRV_FOREACH (s, list) {
		if (inet_pton(AF_INET, *s, &a) != 1)
			return -EINVAL;
		if (nla_put_u32(m, i++, a.s_addr) < 0)
			return -ENOMEM;
	}
	nla_nest_end(m, nest);
	return 0;
}

static int put_parameter(struct applier *a, struct nl_msg *m, const struct parameter *p,
                         const cJSON *v)
{
	const struct link *other;
	double n = 0;
	int r;

	if (p->kind == ADDRESSES)
		return put_addresses(m, p->attribute, v);
	if (p->kind == LINK_INDEX) {
		other = cJSON_IsString(v) ? applier_link(a, v->valuestring) : NULL;
		return other ? nla_put_u32(m, p->attribute, (uint32_t) other->index) : -ENODEV;
	}
	r = number_of(p, v, &n);
	if (r < 0)
		return r;
	switch (p->kind) {
	case U8:
		return n > UINT8_MAX ? -ERANGE : nla_put_u8(m, p->attribute, (uint8_t) n);
	case U16:
		return n > UINT16_MAX ? -ERANGE : nla_put_u16(m, p->attribute, (uint16_t) n);
	case TICKS:
		return n * BRIDGE_TICKS > UINT32_MAX
		               ? -ERANGE
		               : nla_put_u32(m, p->attribute, (uint32_t) (n * BRIDGE_TICKS));
	default:
		return nla_put_u32(m, p->attribute, (uint32_t) n);
	}
}

/* One parameter of a link (@slave: of its place in its master). */
static int set_parameter(struct applier *a, const struct link *l, const char *kind, bool slave,
                         const struct parameter *p, const cJSON *v)
{
	struct nl_msg *m = netlink_link_message(RTM_NEWLINK, 0, l->index);
	struct nlattr *info = m ? nla_nest_start(m, IFLA_LINKINFO) : NULL, *data;
	int r = -ENOMEM;

	if (info && nla_put_string(m, slave ? IFLA_INFO_SLAVE_KIND : IFLA_INFO_KIND, kind) >= 0) {
		data = nla_nest_start(m, slave ? IFLA_INFO_SLAVE_DATA : IFLA_INFO_DATA);
		r = data ? put_parameter(a, m, p, v) : -ENOMEM;
		if (r >= 0) {
			nla_nest_end(m, data);
			nla_nest_end(m, info);
			return netlink_call(a->nl, m);
		}
	}
	nlmsg_free(m);
	return r;
}

static void set_parameters(struct applier *a, const cJSON *link, const char *kind,
                           const struct parameter *rows, size_t n)
{
	const struct link *l = applier_link(a, json_string_or(link, "name", ""));
	const cJSON *it;

	for (size_t i = 0; l && i < n; i++)
		cJSON_ArrayForEach(it, get(link, "params"))
		{
			const char *name = streq(kind, "bond") ? bond_param_to_v2(it->string)
			                                       : bridge_param_to_v2(it->string);
			int r;

			if (!name || !streq(name, rows[i].name) || cJSON_IsNull(it))
				continue;
			r = set_parameter(a, l, kind, false, &rows[i], it);
			if (r < 0)
				applier_fail(a, r, l->name, name);
		}
}

/* ---- making ---- */

static int make(struct applier *a, const cJSON *link, const char *kind)
{
	const char *name = json_string_or(link, "name", "");
	struct nl_msg *m = netlink_link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
	struct nlattr *info, *data;
	const struct link *parent = NULL;
	double id = 0;
	int r = m ? 0 : -ENOMEM;

	if (r >= 0 && streq(kind, "vlan")) {
		const struct parameter number = {"id", IFLA_VLAN_ID, U16, NULL};

		parent = applier_link(a, json_string_or(link, "vlan_raw_device", ""));
		if (!parent)
			r = -ENODEV;
		else
			r = number_of(&number, get(link, "vlan_id"), &id);
		if (r >= 0 && id > 4094)
			r = -ERANGE;
	}
	if (r >= 0 && nla_put_string(m, IFLA_IFNAME, name) < 0)
		r = -ENOMEM;
	if (r >= 0 && parent && nla_put_u32(m, IFLA_LINK, (uint32_t) parent->index) < 0)
		r = -ENOMEM;
	info = r >= 0 ? nla_nest_start(m, IFLA_LINKINFO) : NULL;
	if (!info || nla_put_string(m, IFLA_INFO_KIND, kind) < 0) {
		nlmsg_free(m);
		return r < 0 ? r : -ENOMEM;
	}
	data = parent ? nla_nest_start(m, IFLA_INFO_DATA) : NULL;
	if (data && nla_put_u16(m, IFLA_VLAN_ID, (uint16_t) id) >= 0)
		nla_nest_end(m, data);
	nla_nest_end(m, info);
	r = netlink_call(a->nl, m);
	/* It is there from an earlier run. */
	return r == -EEXIST ? 0 : r;
}

static void make_all(struct applier *a, const char *kind)
{
	const cJSON *it;

	cJSON_ArrayForEach(it, a->plan->links)
	{
		const char *name = json_string_or(it, "name", "");
		int r;

		if (!streq(json_string_or(it, "kind", ""), kind) || !applier_makes(it))
			continue;
		r = make(a, it, kind);
		if (r < 0)
			applier_fail(a, r, name, kind);
	}
	(void) applier_read_links(a);
	cJSON_ArrayForEach(it, a->plan->links)
	{
		if (!streq(json_string_or(it, "kind", ""), kind) || !applier_makes(it))
			continue;
		if (streq(kind, "bond"))
			set_parameters(a, it, kind, bond_parameters, ELEMENTSOF(bond_parameters));
		else if (streq(kind, "bridge"))
			set_parameters(a, it, kind, bridge_parameters,
			               ELEMENTSOF(bridge_parameters));
	}
}

/* ---- members ---- */

static void join(struct applier *a, const struct link *member, const struct link *master,
                 const char *name)
{
	int r;

	if (!member || !master) {
		applier_fail(a, -ENODEV, name, "join");
		return;
	}
	if (member->master == master->index)
		return;
	if (streq(master->kind, "bond"))
		(void) netlink_link_flags(a->nl, member->index, 0, IFF_UP);
	r = netlink_link_set_u32(a->nl, member->index, IFLA_MASTER, (uint32_t) master->index);
	if (r < 0)
		applier_fail(a, r, member->name, "join");
}

/* "eth3 50" in a list, or {"eth3": 50}. */
static void set_port(struct applier *a, const struct parameter *p, const char *port,
                     const cJSON *value)
{
	const struct link *l = applier_link(a, port);
	int r = l ? set_parameter(a, l, "bridge", true, p, value) : -ENODEV;

	if (r < 0)
		applier_fail(a, r, port, p->name);
}

static void set_ports(struct applier *a, const struct parameter *p, const cJSON *values)
{
	const cJSON *it;

	cJSON_ArrayForEach(it, values)
	{
		auto_strv char **words = NULL;
		auto_json cJSON *number = NULL;

		if (it->string) {
			set_port(a, p, it->string, it);
		} else if (cJSON_IsString(it) && strv_split(it->valuestring, " ", &words) >= 0 &&
		           strv_length(words) == 2) {
			number = cJSON_CreateString(words[1]);
			set_port(a, p, words[0], number);
		}
	}
}

static void join_ports(struct applier *a, const cJSON *bridge)
{
	const char *name = json_string_or(bridge, "name", "");
	const cJSON *it;

	cJSON_ArrayForEach(it, get(bridge, "bridge_ports")) if (cJSON_IsString(it))
		join(a, applier_link(a, it->valuestring), applier_link(a, name), it->valuestring);
	cJSON_ArrayForEach(it, get(bridge, "params"))
	{
		const char *key = bridge_param_to_v2(it->string);

		for (size_t i = 0; key && i < ELEMENTSOF(port_parameters); i++)
			if (streq(key, port_parameters[i].name))
				set_ports(a, &port_parameters[i], it);
	}
}

static void join_all(struct applier *a, const char *kind)
{
	const cJSON *it;

	cJSON_ArrayForEach(it, a->plan->links)
	{
		const char *name = json_string_or(it, "name", ""),
			   *master = json_string_or(it, "bond_master", NULL);

		if (streq(kind, "bond") && master)
			join(a, applier_link(a, name), applier_link(a, master), name);
		else if (streq(kind, "bridge") && streq(json_string_or(it, "kind", ""), kind))
			join_ports(a, it);
	}
	(void) applier_read_links(a);
	cJSON_ArrayForEach(it, a->plan->links) if (streq(kind, "bond") && applier_makes(it) &&
	                                           streq(json_string_or(it, "kind", ""), kind))
		set_parameters(a, it, kind, bond_late_parameters, ELEMENTSOF(bond_late_parameters));
}

/* ---- what every link may have ---- */

static int wake_on_lan(const char *name, bool on)
{
	struct ethtool_wolinfo w = {.cmd = ETHTOOL_SWOL, .wolopts = on ? WAKE_MAGIC : 0};
	struct ifreq rq = {.ifr_data = (void *) &w};
	auto_fd int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(rq.ifr_name, sizeof(rq.ifr_name), "%s", name);
	return fd < 0 || ioctl(fd, SIOCETHTOOL, &rq) < 0 ? -errno : 0;
}

static int set_router_advertisements(const char *name, bool accept)
{
	auto_free char *path = str_printf("/proc/sys/net/ipv6/conf/%s/accept_ra", name);

	return path ? file_write_attr(path, accept ? "1" : "0") : -ENOMEM;
}

static void set_one(struct applier *a, const cJSON *link, const struct link *l)
{
	const cJSON *mtu = get(link, "mtu"), *wol = get(link, "wakeonlan"),
		    *ra = get(link, "accept_ra");
	/* Of a plugged-in one "mac_address" is how it is found; version 2 has another word to set it. */
	const char *mac = applier_makes(link)
	                          ? json_string_or(link, "mac_address", NULL)
	                          : json_string_or(get(link, "also"), "macaddress", NULL);
	uint32_t bytes = 0;
	int r;

	if (cJSON_IsNumber(mtu) && mtu->valuedouble > 0)
		bytes = (uint32_t) mtu->valuedouble;
	else if (cJSON_IsString(mtu) && str_to_u32(mtu->valuestring, &bytes) < 0)
		applier_fail(a, -EINVAL, l->name, "mtu");
	if (bytes && bytes != l->mtu) {
		r = netlink_link_set_u32(a->nl, l->index, IFLA_MTU, bytes);
		if (r < 0)
			applier_fail(a, r, l->name, "mtu");
	}
	if (mac && strcasecmp(mac, l->mac) != 0) {
		r = netlink_link_set_mac(a->nl, l->index, mac);
		if (r < 0)
			applier_fail(a, r, l->name, "mac address");
	}
	if (wol) {
		r = wake_on_lan(l->name, json_is_true_word(wol));
		if (r < 0)
			applier_fail(a, r, l->name, "wakeonlan");
	}
	if (ra) {
		r = set_router_advertisements(l->name, json_is_true_word(ra));
		if (r < 0)
			applier_fail(a, r, l->name, "accept-ra");
	}
}

/* @made: 0 what is plugged in, 1 what was made: a vlan's MTU needs its parent's. */
static void set_all(struct applier *a, bool made)
{
	const cJSON *it, *name;

	cJSON_ArrayForEach(it, a->plan->links)
	{
		if (applier_makes(it) != made)
			continue;
		cJSON_ArrayForEach(name, applier_names(a, json_string_or(it, "name", "")))
		{
			const struct link *l = links_find(&a->links, name->valuestring);

			if (l)
				set_one(a, it, l);
		}
	}
}

/* Members before their masters, parents before what stands on them. */
static void up_all(struct applier *a)
{
	static const char *const order[] = {"", "bond", "bridge", "vlan"};
	const cJSON *it, *name;

	for (size_t k = 0; k < ELEMENTSOF(order); k++)
		cJSON_ArrayForEach(it, a->plan->links)
		{
			const char *kind = applier_makes(it) ? json_string_or(it, "kind", "") : "";

			if (!streq(kind, order[k]))
				continue;
			cJSON_ArrayForEach(name, applier_names(a, json_string_or(it, "name", "")))
			{
				const struct link *l = links_find(&a->links, name->valuestring);
				int r = l ? netlink_link_flags(a->nl, l->index, IFF_UP, IFF_UP) : 0;

				if (r < 0)
					applier_fail(a, r, l->name, "up");
			}
		}
}

int apply_links(struct applier *a)
{
	set_all(a, false);
	make_all(a, "bond");
	make_all(a, "bridge");
	join_all(a, "bond");
	/* Over a bond, a bridge, or what is plugged in; a bridge may have a vlan as its port. */
	make_all(a, "vlan");
	join_all(a, "bridge");
	set_all(a, true);
	up_all(a);
	return applier_read_links(a);
}
