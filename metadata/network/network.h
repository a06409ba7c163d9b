// SPDX-License-Identifier: Apache-2.0
/*
 * network - what the interfaces shall be.
 *
 *   platform's own form (network_data.json, EC2's and Azure's metadata, ...) -> config v1 or v2   convert.c
 *   kernel line: network-config=, ip= (klibc's /run/net-*.conf)               -> config           cmdline.c
 *   config v1 or v2 -> state: one form for both, names resolved, masks as prefixes                state-v1.c, state-v2.c
 *   state -> plan: flat lists of links, addresses, routes, DHCP, DNS, rules, to apply by netlink  plan.c
 *   config or state -> files of netplan and networkd                                              render-*.c
 *
 * The state is a JSON object in the shape of cloud-init's NetworkState: {"interfaces": {NAME: {type,
 * mac_address, mtu, subnets: [...], bond-*, bridge_*, vlan_*}}, "routes": [], "dns": {nameservers,
 * search}}. Nothing here touches an interface: what is plugged in comes as a table of struct nic.
 */
#pragma once

#include "metadata/source/source.h"

/* Errors are findings with the key's path, and -EINVAL. */
int network_state_of(const cJSON *config, struct diag *d, cJSON **ret);

/* ---- plan: what netlink has to do, in order ---- */

struct network_plan {
	cJSON *links; /* {name, kind, mac_address, driver?, mtu?, set_name?, params{}, members[], parent, vlan_id} */
	cJSON *addresses; /* {dev, address, prefix, broadcast?} */
	cJSON *routes;    /* {dev?, to, via?, metric?, onlink, table?, mtu?} */
	cJSON *rules;     /* {from?, to?, table, priority?} */
	cJSON *dhcp;      /* {dev, type: dhcp4|dhcp6|ra, overrides{}} */
	cJSON *dns_servers, *dns_search;
};
void network_plan_done(struct network_plan *p);
int network_plan_of(const cJSON *state, struct network_plan *ret);

/* ---- the plan into the kernel ---- */

struct network_apply_options {
	const char *root; /* of resolv.conf; "": / */
	/* Gets leases for all of @wanted, a list of {device, type: dhcp|dhcp4|dhcp6|ipv6_*, overrides{}}, until
	 * its own deadline; what fails is a finding of its. NULL: every lease is a finding. */
	void (*leases)(void *userdata, const cJSON *wanted, struct diag *d);
	void *userdata;
};
/**
 * network_apply - does by netlink what the plan says
 * What fails (an interface that is not there, a parameter that the kernel refuses) is a finding with the
 * interface's name, and the rest is done. A second run with the same plan changes nothing.
 * Returns 0, or -errno when nothing could be done at all.
 */
int network_apply(const struct network_plan *plan, const struct network_apply_options *o,
                  struct diag *d);
/* Until links that are not optional have a carrier and IPv6 addresses are settled; -ETIMEDOUT at @deadline
 * (BOOTTIME). */
int network_wait(const struct network_plan *plan, usec_t deadline);
/* Name servers and search domains into resolv.conf, or where that is resolved's, into its configuration. */
int network_dns_write(const char *root, char *const *servers, char *const *domains);

/* ---- renderers: object of file name -> text ---- */

int network_render_netplan(const cJSON *config, struct diag *d, cJSON **ret);
int network_render_networkd(const cJSON *state, struct diag *d, cJSON **ret);
/* Writes them below @root ("": /); files of netplan 0600. */
int network_files_write(const char *root, const cJSON *files, struct diag *d);

/* ---- converters: a platform's form -> config ---- */

/* @macs: object of mac -> interface name, of what is plugged in. */
int network_from_openstack(const cJSON *network_data, const cJSON *macs, struct diag *d,
                           cJSON **ret);
/* @full: all interfaces and second addresses, else DHCP on the first alone. @with_policy: a routing table for
 * each but the first; its way out is the interface's "gateway" (of a lease), else the subnet's first address. */
int network_from_ec2(const cJSON *network, const cJSON *macs, bool full, bool with_policy,
                     cJSON **ret);
/* mac -> index: by network-card, device-number, then the fallback order ("mac" or "nic_name"). */
int network_ec2_order(const cJSON *metadata_macs, const cJSON *macs, const char *fallback,
                      cJSON **ret);
int network_from_azure(const cJSON *network, const cJSON *macs, bool secondary, bool set_name,
                       cJSON **ret);
int network_from_smartos(const cJSON *nics, const cJSON *dns, const cJSON *routes, cJSON **ret);
int network_from_digitalocean(const cJSON *interfaces, const cJSON *dns, const cJSON *macs,
                              cJSON **ret);
int network_from_vultr(const cJSON *interfaces, const cJSON *macs, cJSON **ret);
int network_from_upcloud(const cJSON *network, const cJSON *macs, cJSON **ret);
int network_from_rbx(const cJSON *netadps, cJSON **ret);
int network_from_aliyun(const cJSON *network, const cJSON *macs, bool full, cJSON **ret);
/* One klibc /run/net-NAME.conf: interface name and v1 entry. @macs may be NULL. */
int network_from_klibc(const char *text, const cJSON *macs, char **ret_name, cJSON **ret);
/* network-config=BASE64 (gzip allowed) of the kernel line; -ENOENT. */
int network_from_cmdline(const char *line, struct diag *d, cJSON **ret);
/* No config anywhere: DHCP on the best interface. */
int network_fallback(const struct nic *nics, size_t n, cJSON **ret);

/* ---- leases ---- */

/* Option 121/249 as dhclient prints it ("32,169,254,169,254,10,0,0,1"): list of [to, via]. */
int dhcp_static_routes_parse(const char *text, cJSON **ret);
/* dhcpcd's --dumplease: object of options by dhclient's names; -EBADMSG when it holds none. */
int dhcp_lease_parse(const char *text, cJSON **ret);
/* systemd-networkd's /run/systemd/netif/leases/INDEX: object of its own names; -EBADMSG. */
int networkd_lease_parse(const char *text, cJSON **ret);

/* ---- addresses ---- */

bool is_ipv4_address(const char *s);
bool is_ipv6_address(const char *s);
bool is_ipv6_network(const char *s); /* "a:b::/64" or an address */
/* "10.0.0.1" in "10.0.0.0/8"; a network that does not parse is -EINVAL. */
int ip_in_subnet(const char *address, const char *subnet);
int ipv4_mask_to_prefix(const char *mask); /* "255.255.255.0" or "24" */
int ipv6_mask_to_prefix(const char *mask); /* "ffff:ffff::" or "32" */
void ipv4_prefix_to_mask(unsigned prefix, char ret[16]);
int ipv4_broadcast(const char *address, const char *mask, char ret[16]);
