// SPDX-License-Identifier: Apache-2.0
/*
 * apply - private to network/: the plan into the kernel.
 *
 *   match      each interface of the configuration -> what is plugged in (MAC, driver, name)   apply-match.c
 *   rename     names that are swapped go over names in between
 *   make       bonds, bridges, vlans; parameters one by one, so that a refused one is named    apply-links.c
 *   join, up   members without addresses, masters after them
 *   addresses  then leases, then routes and rules                                              apply-routes.c
 *   names      resolv.conf, or resolved's configuration                                        apply-dns.c
 *
 * What fails is a finding and the rest goes on: a machine with half a network can be mended.
 */
#pragma once

#include "metadata/network/netlink.h"
#include "metadata/network/state.h"

struct applier {
	struct nl_sock *nl;
	const struct network_plan *plan;
	const struct network_apply_options *options;
	struct links links; /* as they are; read again when names or members changed */
	/* Name or id of the configuration -> names of the kernel. An id that matches several stands for
	 * all of them. */
	cJSON *names;
	struct diag *d;
};
int applier_read_links(struct applier *a);
/* The kernel's names for one of the configuration's; an empty list if it is not there. */
const cJSON *applier_names(const struct applier *a, const char *name);
/* The first one, or NULL. */
struct link *applier_link(const struct applier *a, const char *name);
/* A bond, bridge or vlan; a member that is only named by its bond is none. */
bool applier_makes(const cJSON *link);
/* A finding that names interface and step; returns the error. */
int applier_fail(struct applier *a, int error, const char *subject, const char *step);

int apply_match(struct applier *a);
int apply_links(struct applier *a);
int apply_addresses(struct applier *a);
int apply_routes(struct applier *a);
int apply_rules(struct applier *a);
int apply_dns(struct applier *a);
