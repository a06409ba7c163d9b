// SPDX-License-Identifier: Apache-2.0
#include "metadata/network/apply.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/netlink.h>
#include <poll.h>
#include <sys/socket.h>

#define TABLE_MAX 64

int applier_read_links(struct applier *a)
{
	struct links fresh;
	int r = netlink_links(a->nl, true, &fresh);

	if (r < 0)
		return r;
	links_done(&a->links);
	a->links = fresh;
	return 0;
}

const cJSON *applier_names(const struct applier *a, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(a->names, name);
}

struct link *applier_link(const struct applier *a, const char *name)
{
	const cJSON *first = cJSON_GetArrayItem(applier_names(a, name), 0);

	/* A parent or member that the configuration does not tell of goes by its own name. */
	return links_find(&a->links, first ? first->valuestring : name);
}

bool applier_makes(const cJSON *link)
{
	const char *kind = json_string_or(link, "kind", "");

	return streq(kind, "bridge") || streq(kind, "vlan") ||
	       (streq(kind, "bond") && cJSON_GetObjectItemCaseSensitive(link, "bond_slaves"));
}

int applier_fail(struct applier *a, int error, const char *subject, const char *step)
{
	return diag_add(a->d, error, DIAG_WARNING, "network", 0, "%s: %.64s: %s", subject, step,
	                strerror(-error));
}

/* What version 2 may say that neither netlink nor a lease is told. */
static void report_ignored(struct applier *a)
{
	static const char *const done[] = {"match",           "set-name",       "id",
	                                   "macaddress",      "routing-policy", "dhcp4-overrides",
	                                   "dhcp6-overrides", "renderer",       "critical"};
	const cJSON *link, *it;

	cJSON_ArrayForEach(link, a->plan->links)
	{
		cJSON_ArrayForEach(it, cJSON_GetObjectItemCaseSensitive(link, "also"))
		{
			bool known = false;

			for (size_t i = 0; i < ELEMENTSOF(done); i++)
				known = known || streq(done[i], it->string);
			if (!known)
				diag_add(a->d, -EOPNOTSUPP, DIAG_WARNING, "network", 0,
				         "%s: \"%.64s\" is not supported and was ignored",
				         json_string_or(link, "name", "?"), it->string);
		}
	}
}

/* What an interface's entry says of its leases beside asking for them. */
static const cJSON *overrides_of(const struct applier *a, const char *dev, const char *type)
{
	const cJSON *link;

	cJSON_ArrayForEach(link, a->plan->links)
	{
		if (streq(json_string_or(link, "name", ""), dev))
			return cJSON_GetObjectItemCaseSensitive(
				cJSON_GetObjectItemCaseSensitive(link, "also"),
				strchr(type, '6') ? "dhcp6-overrides" : "dhcp4-overrides");
	}
	return NULL;
}

/* Leases: who carries them is the caller's. All at once: an interface that is dead must not hold up another. */
static int apply_leases(struct applier *a)
{
	auto_json cJSON *wanted = cJSON_CreateArray();
	const cJSON *it, *name;

	if (!wanted)
		return -ENOMEM;
	cJSON_ArrayForEach(it, a->plan->dhcp)
	{
		const char *type = json_string_or(it, "type", "");
		const cJSON *overrides = overrides_of(a, json_string_or(it, "dev", ""), type);

		/* The kernel does all of that by itself. */
		if (streq(type, "ipv6_slaac"))
			continue;
		cJSON_ArrayForEach(name, applier_names(a, json_string_or(it, "dev", "")))
		{
			cJSON *entry;

			if (!links_find(&a->links, name->valuestring)) {
				applier_fail(a, -ENODEV, name->valuestring, type);
				continue;
			}
			if (!a->options->leases) {
				applier_fail(a, -EOPNOTSUPP, name->valuestring, type);
				continue;
			}
			entry = cJSON_Duplicate(it, true);
			json_add_string(entry, "device", name->valuestring);
			if (overrides)
				json_add_take(entry, "overrides", cJSON_Duplicate(overrides, true));
			if (json_append_take(wanted, entry) < 0)
				return -ENOMEM;
		}
	}
	/* Also when there are none: leases that nobody wants any more are given back. */
	if (a->options->leases)
		a->options->leases(a->options->userdata, wanted, a->d);
	return 0;
}

int network_apply(const struct network_plan *plan, const struct network_apply_options *o,
                  struct diag *d)
{
	auto_cleanup(netlink_close) struct nl_sock *nl = NULL;
	struct applier a = {.plan = plan, .options = o, .d = d};
	int r = netlink_open(&nl);

	if (r < 0)
		return diag_add(d, r, DIAG_ERROR, "network", 0, "no netlink socket: %s",
		                strerror(-r));
	a.nl = nl;
	a.names = cJSON_CreateObject();
	r = a.names ? applier_read_links(&a) : -ENOMEM;
	if (r >= 0)
		r = apply_match(&a);
	if (r >= 0)
		r = apply_links(&a);
	if (r >= 0)
		r = apply_addresses(&a);
	if (r >= 0)
		r = apply_leases(&a);
	if (r >= 0)
		r = apply_routes(&a);
	if (r >= 0)
		r = apply_rules(&a);
	if (r >= 0)
		r = apply_dns(&a);
	report_ignored(&a);
	links_done(&a.links);
	cJSON_Delete(a.names);
	return r < 0 ? diag_add(d, r, DIAG_ERROR, "network", 0, "%s", strerror(-r)) : 0;
}

/* ---- waiting ---- */

static int is_tentative(struct nl_msg *m, void *userdata)
{
	const struct ifaddrmsg *h = nlmsg_data(nlmsg_hdr(m));

	if (nlmsg_hdr(m)->nlmsg_type == RTM_NEWADDR && h->ifa_flags & IFA_F_TENTATIVE &&
	    !(h->ifa_flags & IFA_F_DADFAILED))
		++*(unsigned *) userdata;
	return 0;
}

static int addresses_settling(struct nl_sock *s)
{
	struct ifaddrmsg h = {.ifa_family = AF_INET6};
	struct nl_msg *m = nlmsg_alloc_simple(RTM_GETADDR, NLM_F_REQUEST);
	unsigned n = 0;
	int r;

	if (!m || nlmsg_append(m, &h, sizeof(h), NLMSG_ALIGNTO) < 0)
		return -ENOMEM;
	r = netlink_dump(s, m, is_tentative, &n);
	return r < 0 ? r : (int) n;
}

/* Links of the plan that must be there and have no carrier. */
static int links_waiting(struct nl_sock *s, const struct network_plan *plan)
{
	struct links links = {0};
	const cJSON *it;
	int n = 0, r = netlink_links(s, false, &links);

	if (r < 0)
		return r;
	cJSON_ArrayForEach(it, plan->links)
	{
		const struct link *l = links_find(&links, json_string_or(it, "name", ""));

		if (!json_bool_or(it, "optional", false) && l && !(l->flags & IFF_RUNNING))
			n++;
	}
	links_done(&links);
	return n;
}

int network_wait(const struct network_plan *plan, usec_t deadline)
{
	auto_cleanup(netlink_close) struct nl_sock *news = NULL, *asks = NULL;
	char buffer[4096];
	int r = netlink_open(&news), links = 0, addresses = 0;

	if (r >= 0)
		r = netlink_open(&asks);
	/* Listening before the first look: nothing that changes after it is missed. */
	if (r >= 0 && nl_socket_add_memberships(news, RTNLGRP_LINK, RTNLGRP_IPV6_IFADDR, 0) < 0)
		r = -EIO;
	while (r >= 0) {
		struct pollfd p = {.fd = nl_socket_get_fd(news), .events = POLLIN};
		usec_t t = now(CLOCK_BOOTTIME);

		links = links_waiting(asks, plan);
		addresses = addresses_settling(asks);
		if (links < 0 || addresses < 0)
			return MIN(links, addresses);
		if (!links && !addresses)
			return 0;
		if (t >= deadline)
			return -ETIMEDOUT;
		r = poll(&p, 1, (int) ((deadline - t) / USEC_PER_MSEC) + 1);
		if (r < 0)
			return errno == EINTR ? 0 : -errno;
		while (recv(p.fd, buffer, sizeof(buffer), MSG_DONTWAIT) > 0)
			;
	}
	return r;
}
