// SPDX-License-Identifier: Apache-2.0
#include "metadata/boot/lease-kernel.h"
#include "metadata/network/netlink.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/netlink.h>
#include <sys/socket.h>

#define MTU_MIN 576 /* RFC 791: what every host takes; less would be somebody's joke */

int lease_kernel_up(const char *device)
{
	auto_cleanup(netlink_close) struct nl_sock *nl = NULL;
	int index = (int) if_nametoindex(device), r = index ? netlink_open(&nl) : -ENODEV;

	return r < 0 ? r : netlink_link_flags(nl, index, IFF_UP, IFF_UP);
}

static uint32_t mask_of(unsigned prefix)
{
	return prefix ? htonl(~0U << (32 - prefix)) : 0;
}

uint32_t lease_left(usec_t since, uint32_t lifetime, usec_t at)
{
	usec_t end = since + lifetime * USEC_PER_SEC;

	if (lifetime == UINT32_MAX)
		return UINT32_MAX;
	return end > at ? (uint32_t) ((end - at) / USEC_PER_SEC) : 0;
}

/* The kernel takes the address away by itself when nobody renews it. */
static int set_address(struct nl_sock *nl, int index, const struct lease_entry *e)
{
	struct ifaddrmsg h = {.ifa_family = AF_INET,
	                      .ifa_prefixlen = (uint8_t) e->lease.prefix,
	                      .ifa_index = (unsigned) index};
	uint32_t left = lease_left(e->bound_at, e->lease.lifetime, now(CLOCK_BOOTTIME));
	struct ifa_cacheinfo times = {.ifa_prefered = left, .ifa_valid = left};
	struct nl_msg *m =
		netlink_message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &h, sizeof(h));
	uint32_t broadcast = e->lease.broadcast.s_addr
	                             ? e->lease.broadcast.s_addr
	                             : e->lease.address.s_addr | ~mask_of(e->lease.prefix);
	int r;

	if (!m)
		return -ENOMEM;
	r = nla_put(m, IFA_LOCAL, 4, &e->lease.address);
	if (r >= 0)
		r = nla_put(m, IFA_ADDRESS, 4, &e->lease.address);
	if (r >= 0 && e->lease.prefix < 31)
		r = nla_put_u32(m, IFA_BROADCAST, broadcast);
	if (r >= 0 && e->metric)
		r = nla_put_u32(m, IFA_RT_PRIORITY, e->metric);
	if (r >= 0)
		r = nla_put(m, IFA_CACHEINFO, sizeof(times), &times);
	return netlink_call_built(nl, m, r);
}

/* With the address as their source, so that they go with it. */
static int add_route(struct nl_sock *nl, int index, const struct lease_entry *e,
                     const struct dhcp_route *route)
{
	struct rtmsg h = {.rtm_family = AF_INET,
	                  .rtm_dst_len = (uint8_t) route->prefix,
	                  .rtm_table = RT_TABLE_MAIN,
	                  .rtm_protocol = RTPROT_DHCP,
	                  .rtm_scope = route->via.s_addr ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
	                  .rtm_type = RTN_UNICAST};
	struct nl_msg *m;
	int r = 0;

	/* A router beside the network: clouds that give /32 do that. */
	if (route->via.s_addr &&
	    (route->via.s_addr ^ e->lease.address.s_addr) & mask_of(e->lease.prefix))
		h.rtm_flags |= RTNH_F_ONLINK;
	m = netlink_message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &h, sizeof(h));
	if (!m)
		return -ENOMEM;
	if (route->prefix)
		r = nla_put(m, RTA_DST, 4, &route->to);
	if (r >= 0 && route->via.s_addr)
		r = nla_put(m, RTA_GATEWAY, 4, &route->via);
	if (r >= 0)
		r = nla_put_u32(m, RTA_OIF, (uint32_t) index);
	if (r >= 0)
		r = nla_put(m, RTA_PREFSRC, 4, &e->lease.address);
	if (r >= 0 && e->metric)
		r = nla_put_u32(m, RTA_PRIORITY, e->metric);
	return netlink_call_built(nl, m, r);
}

/* Those within reach before those over them; one that the kernel refuses leaves the others. */
static int add_routes(struct nl_sock *nl, int index, const struct lease_entry *e)
{
	int worst = 0;

	for (int has_gateway = 0; has_gateway < 2; has_gateway++)
		for (size_t i = 0; i < e->lease.n_routes; i++) {
			const struct dhcp_route *route = &e->lease.routes[i];

			if (!!route->via.s_addr == has_gateway)
				worst = MIN(worst, add_route(nl, index, e, route));
		}
	return worst;
}

int lease_set_kernel(struct lease_entry *e)
{
	auto_cleanup(netlink_close) struct nl_sock *nl = NULL;
	int index = (int) if_nametoindex(e->device), r = index ? netlink_open(&nl) : -ENODEV;

	if (r >= 0 && e->use_mtu && e->lease.mtu >= MTU_MIN) {
		int mtu = netlink_link_set_u32(nl, index, IFLA_MTU, e->lease.mtu);

		/* Larger packets than the interface takes are no reason to be without an address. */
		if (mtu < 0)
			log_warning("%s: the MTU of its lease (%u) was refused: %s", e->device,
			            e->lease.mtu, strerror(-mtu));
	}
	if (r >= 0)
		r = set_address(nl, index, e);
	if (r < 0)
		return r;
	e->is_set = true;
	e->set_address = e->lease.address;
	e->set_prefix = e->lease.prefix;
	return e->use_routes ? add_routes(nl, index, e) : 0;
}

int lease_unset_kernel(struct lease_entry *e)
{
	auto_cleanup(netlink_close) struct nl_sock *nl = NULL;
	int index = (int) if_nametoindex(e->device), r = index ? netlink_open(&nl) : -ENODEV;
	struct ifaddrmsg h = {.ifa_family = AF_INET,
	                      .ifa_prefixlen = (uint8_t) e->set_prefix,
	                      .ifa_index = (unsigned) index};
	struct nl_msg *m;

	if (r < 0)
		return r;
	m = netlink_message(RTM_DELADDR, 0, &h, sizeof(h));
	if (!m)
		return -ENOMEM;
	r = netlink_call_built(nl, m, nla_put(m, IFA_LOCAL, 4, &e->set_address));
	if (r >= 0 || r == -EADDRNOTAVAIL)
		e->is_set = false;
	return r == -EADDRNOTAVAIL ? 0 : r;
}
