// SPDX-License-Identifier: Apache-2.0
/* IPv6 addresses of interfaces: those of DHCPv6 are set and kept here, those of router advertisements are the kernel's and waited for. */
#include "metadata/boot/lease-kernel.h"
#include "metadata/network/netlink.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/netlink.h>
#include <sys/socket.h>

/* <net/if.h> and the kernel's <linux/if.h> cannot be had together; net/ipv6's flags in IFLA_INET6_FLAGS. */
#define RA_RECEIVED 0x20U
#define RA_MANAGED  0x40U

int lease6_begin(struct lease_set *l, const char *device, enum six_how how)
{
	struct lease_entry *e;
	int r = lease_kernel_up(device);

	if (r < 0)
		return r;
	e = lease_find(l, device);
	if (!e)
		e = lease_add(l, device);
	if (!e)
		return -E2BIG;
	e->six.how = how;
	if (e->six.client || how == SIX_RA)
		return 0;
	r = dhcp6_client_new(device, &e->six.client);
	if (r >= 0 && e->six.is_bound)
		dhcp6_client_adopt(e->six.client, &e->six.lease, e->six.bound_at);
	return r;
}

bool lease6_dispatch(struct lease_entry *e)
{
	enum dhcp_event event = dhcp6_client_dispatch(e->six.client);

	if (event == DHCP_NOTHING)
		return false;
	e->six.is_bound = event != DHCP_LOST;
	if (e->six.is_bound) {
		e->six.lease = *dhcp6_client_lease(e->six.client);
		e->six.bound_at = now(CLOCK_BOOTTIME);
	}
	return true;
}

/* ---- what the kernel knows ---- */

struct ra_state {
	int index;
	uint32_t flags;
};

static int on_link(struct nl_msg *m, void *userdata)
{
	struct ifinfomsg *h = nlmsg_data(nlmsg_hdr(m));
	struct nlattr *info, *flags;
	struct ra_state *s = userdata;

	if (nlmsg_hdr(m)->nlmsg_type != RTM_NEWLINK || h->ifi_index != s->index)
		return 0;
	info = nlmsg_find_attr(nlmsg_hdr(m), sizeof(*h), IFLA_PROTINFO);
	flags = info ? nla_find(nla_data(info), nla_len(info), IFLA_INET6_FLAGS) : NULL;
	s->flags = flags && nla_len(flags) >= 4 ? nla_get_u32(flags) : 0;
	return 0;
}

struct address_state {
	int index; /* 0: any but lo's */
	bool found;
};

static int on_address(struct nl_msg *m, void *userdata)
{
	const struct ifaddrmsg *h = nlmsg_data(nlmsg_hdr(m));
	struct address_state *s = userdata;

	if (nlmsg_hdr(m)->nlmsg_type == RTM_NEWADDR && h->ifa_scope == RT_SCOPE_UNIVERSE &&
	    !(h->ifa_flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) &&
	    (!s->index || (int) h->ifa_index == s->index))
		s->found = true;
	return 0;
}

static int dump(struct nl_sock *nl, int type, const void *header, size_t size,
                int (*each)(struct nl_msg *m, void *userdata), void *userdata)
{
	struct nl_msg *m = nlmsg_alloc_simple(type, NLM_F_REQUEST);

	if (!m || nlmsg_append(m, (void *) (uintptr_t) header, size, NLMSG_ALIGNTO) < 0) {
		nlmsg_free(m);
		return -ENOMEM;
	}
	return netlink_dump(nl, m, each, userdata);
}

static int has_address(struct nl_sock *nl, int index)
{
	struct ifaddrmsg h = {.ifa_family = AF_INET6};
	struct address_state s = {.index = index};
	int r = dump(nl, RTM_GETADDR, &h, sizeof(h), on_address, &s);

	return r < 0 ? r : s.found;
}

int network_has_address6(void)
{
	auto_cleanup(netlink_close) struct nl_sock *nl = NULL;
	int r = netlink_open(&nl);

	return r < 0 ? r : has_address(nl, 0);
}

/* A router answered, and what it announces has become an address; where it says that DHCPv6 gives them, none is waited for. */
static bool has_advertised_address(const struct lease_entry *e)
{
	auto_cleanup(netlink_close) struct nl_sock *nl = NULL;
	struct ifinfomsg h = {.ifi_family = AF_INET6};
	struct ra_state s = {.index = e->index};
	int r = netlink_open(&nl);

	if (r >= 0)
		r = dump(nl, RTM_GETLINK, &h, sizeof(h), on_link, &s);
	if (r < 0 || !(s.flags & RA_RECEIVED))
		return false;
	if (e->six.how == SIX_RA_OR_DHCP && s.flags & RA_MANAGED)
		return false;
	return has_address(nl, e->index) > 0;
}

bool lease6_is_asked(const struct lease_entry *e)
{
	return e->six.how == SIX_DHCP || e->six.how == SIX_RA_OR_DHCP;
}

bool lease6_is_missing(const struct lease_entry *e)
{
	switch (e->six.how) {
	case SIX_NONE:
		return false;
	case SIX_DHCP:
		return !e->six.is_bound;
	case SIX_RA:
		return !has_advertised_address(e);
	case SIX_RA_OR_DHCP:
		return !e->six.is_bound && !has_advertised_address(e);
	}
	return false;
}

/* ---- into the kernel ---- */

/* A host's address: what else is on the link, routers tell. */
static struct nl_msg *address_message(const struct lease_entry *e, int type, int flags,
                                      const struct in6_addr *address)
{
	struct ifaddrmsg h = {
		.ifa_family = AF_INET6, .ifa_prefixlen = 128, .ifa_index = (unsigned) e->index};
	struct nl_msg *m = netlink_message(type, flags, &h, sizeof(h));

	if (m && nla_put(m, IFA_LOCAL, sizeof(*address), address) < 0) {
		nlmsg_free(m);
		return NULL;
	}
	return m;
}

int lease6_set_kernel(struct lease_entry *e)
{
	auto_cleanup(netlink_close) struct nl_sock *nl = NULL;
	const struct lease6 *s = &e->six;
	usec_t at = now(CLOCK_BOOTTIME);
	struct ifa_cacheinfo times = {.ifa_prefered =
	                                      lease_left(s->bound_at, s->lease.preferred, at),
	                              .ifa_valid = lease_left(s->bound_at, s->lease.valid, at)};
	struct nl_msg *m;
	int r = netlink_open(&nl);

	if (r < 0)
		return r;
	m = address_message(e, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &s->lease.address);
	if (!m)
		return -ENOMEM;
	r = nla_put(m, IFA_CACHEINFO, sizeof(times), &times);
	if (r >= 0)
		r = nla_put_u32(m, IFA_FLAGS, IFA_F_NOPREFIXROUTE);
	r = netlink_call_built(nl, m, r);
	if (r < 0)
		return r;
	e->six.is_set = true;
	e->six.set_address = e->six.lease.address;
	return 0;
}

int lease6_unset_kernel(struct lease_entry *e)
{
	auto_cleanup(netlink_close) struct nl_sock *nl = NULL;
	struct nl_msg *m;
	int r = netlink_open(&nl);

	if (r < 0)
		return r;
	m = address_message(e, RTM_DELADDR, 0, &e->six.set_address);
	if (!m)
		return -ENOMEM;
	r = netlink_call(nl, m);
	if (r >= 0 || r == -EADDRNOTAVAIL)
		e->six.is_set = false;
	return r == -EADDRNOTAVAIL ? 0 : r;
}

/* ---- names, and the keeper's file ---- */

int lease6_names(const struct lease_entry *e, char ***servers, char ***domains)
{
	const struct lease6 *s = &e->six;
	char text[INET6_ADDRSTRLEN];
	int r = 0;

	if (!s->is_bound || s->how == SIX_NONE)
		return 0;
	for (size_t k = 0; k < s->lease.n_dns && s->use_dns && r >= 0; k++)
		if (inet_ntop(AF_INET6, &s->lease.dns[k], text, sizeof(text)))
			r = strv_append_unique(servers, text);
	for (size_t k = 0; k < s->lease.n_search && s->use_domains && r >= 0; k++)
		r = strv_append_unique(domains, s->lease.search[k]);
	return r < 0 ? r : 0;
}

static void add_hex(cJSON *j, const char *key, const uint8_t *data, size_t n)
{
	char text[2 * DHCP6_DUID_MAX + 1] = "";

	for (size_t i = 0; i < n; i++)
		snprintf(text + 2 * i, 3, "%02x", data[i]);
	json_add_string(j, key, text);
}

/* The number of bytes; 0 where it is not hexadecimal or too much. */
static size_t get_hex(const cJSON *j, const char *key, uint8_t *data, size_t max)
{
	const char *text = json_string_or(j, key, "");
	size_t n = strlen(text) / 2;

	if (strlen(text) % 2 || n > max || strspn(text, "0123456789abcdef") != 2 * n)
		return 0;
	for (size_t i = 0; i < n; i++) {
		char byte[3] = {text[2 * i], text[2 * i + 1], '\0'};

		data[i] = (uint8_t) strtoul(byte, NULL, 16);
	}
	return n;
}

cJSON *lease6_to_json(const struct lease_entry *e)
{
	const struct lease6 *s = &e->six;
	cJSON *j = cJSON_CreateObject();
	char text[INET6_ADDRSTRLEN];

	json_add_string(j, "how", s->how == SIX_DHCP ? "dhcp" : "ra-or-dhcp");
	json_add_bool(j, "use_dns", s->use_dns);
	json_add_bool(j, "use_domains", s->use_domains);
	if (!s->is_bound || !inet_ntop(AF_INET6, &s->lease.address, text, sizeof(text)))
		return j;
	json_add_string(j, "address", text);
	add_hex(j, "server", s->lease.server, s->lease.server_size);
	json_add_u64(j, "preferred", s->lease.preferred);
	json_add_u64(j, "valid", s->lease.valid);
	json_add_u64(j, "t1", s->lease.t1);
	json_add_u64(j, "t2", s->lease.t2);
	json_add_u64(j, "bound_at_usec", s->bound_at);
	return j;
}

void lease6_of_json(const cJSON *j, struct lease_entry *e)
{
	struct lease6 *s = &e->six;

	if (!cJSON_IsObject(j))
		return;
	s->how = streq(json_string_or(j, "how", ""), "dhcp") ? SIX_DHCP : SIX_RA_OR_DHCP;
	s->use_dns = json_bool_or(j, "use_dns", true);
	s->use_domains = json_bool_or(j, "use_domains", true);
	s->lease.server_size = get_hex(j, "server", s->lease.server, sizeof(s->lease.server));
	if (!s->lease.server_size ||
	    inet_pton(AF_INET6, json_string_or(j, "address", ""), &s->lease.address) != 1)
		return;
	s->lease.preferred = json_u32_or(j, "preferred", 0);
	s->lease.valid = json_u32_or(j, "valid", 0);
	s->lease.t1 = json_u32_or(j, "t1", 0);
	s->lease.t2 = json_u32_or(j, "t2", 0);
	s->bound_at = json_u64_or(j, "bound_at_usec", 0);
	s->set_address = s->lease.address;
	s->is_bound = s->is_set = true;
}
