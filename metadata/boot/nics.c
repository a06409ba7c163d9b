// SPDX-License-Identifier: Apache-2.0
#include "metadata/boot/boot.h"
#include "metadata/network/netlink.h"

#include <ctype.h>
#include <linux/rtnetlink.h>
#include <netlink/netlink.h>
#include <stdio.h>

#define NICS_PAUSE (50 * 1000) /* drivers come when they come, and say so to nobody here */

/* Interfaces that stand on others, or lead nowhere: kinds of the kernel, and names of ports whose other
 * end is on this machine. A container's own end of a pair is called eth0 and counts. */
static bool may_lead_out(const struct link *l)
{
	static const char *const ports[] = {"veth", "lxdbr", "docker", "virbr", "tap", "tun"};

	if (l->flags & IFF_LOOPBACK || l->master || !*l->mac ||
	    streq(l->mac, "00:00:00:00:00:00") || (*l->kind && !streq(l->kind, "veth")))
		return false;
	for (size_t i = 0; i < ELEMENTSOF(ports); i++)
		if (str_after(l->name, ports[i]))
			return false;
	return true;
}

/* "eth10" after "eth9". */
static int compare_names(const char *a, const char *b)
{
	while (*a && *b) {
		if (isdigit((unsigned char) *a) && isdigit((unsigned char) *b)) {
			unsigned long x = strtoul(a, (char **) &a, 10),
				      y = strtoul(b, (char **) &b, 10);

			if (x != y)
				return x < y ? -1 : 1;
		} else if (*a++ != *b++) {
			return (unsigned char) a[-1] < (unsigned char) b[-1] ? -1 : 1;
		}
	}
	return *a ? 1 : *b ? -1 : 0;
}

static int compare_links(const void *a, const void *b)
{
	const struct link *x = a, *y = b;
	bool up_x = x->flags & IFF_RUNNING, up_y = y->flags & IFF_RUNNING;

	/* A link that is down may only not have been asked yet; one that runs surely works. */
	if (up_x != up_y)
		return up_x ? -1 : 1;
	return compare_names(x->name, y->name);
}

int nics_read(struct nic **ret, size_t *ret_n)
{
	auto_cleanup(netlink_close) struct nl_sock *nl = NULL;
	struct links links = {0};
	struct nic *nics;
	size_t n = 0;
	int r = netlink_open(&nl);

	if (r >= 0)
		r = netlink_links(nl, true, &links);
	if (r < 0)
		return r;
	nics = calloc(CANDIDATES_MAX, sizeof(*nics));
	if (nics && links.n)
		qsort(links.items, links.n, sizeof(*links.items), compare_links);
	for (size_t i = 0; nics && i < links.n && n < CANDIDATES_MAX; i++) {
		const struct link *l = &links.items[i];
		struct nic *c = &nics[n];

		if (!may_lead_out(l))
			continue;
		snprintf(c->name, sizeof(c->name), "%s", l->name);
		snprintf(c->mac, sizeof(c->mac), "%.19s",
		         *l->permanent_mac ? l->permanent_mac : l->mac);
		snprintf(c->driver, sizeof(c->driver), "%s", l->driver);
		c->is_up = l->flags & IFF_RUNNING;
		n++;
	}
	links_done(&links);
	if (!nics)
		return -ENOMEM;
	*ret = nics;
	*ret_n = n;
	return 0;
}

/* Files named @attribute of a bus's devices, one of which begins with @value (NULL: any device). */
static bool bus_has(const char *bus, const char *attribute, const char *value)
{
	auto_free char *folder = str_printf("/sys/bus/%s/devices", bus);
	auto_strv char **names = NULL;

	if (!folder || dir_list(folder, &names) < 0)
		return false;
	STRV_FOREACH (n, names) {
		auto_free char *path = path_join3(folder, *n, attribute), *text = NULL;

		if (!value || (path && file_read_line(path, &text) >= 0 && str_after(text, value)))
			return true;
	}
	return false;
}

bool nics_may_come(void)
{
	return bus_has("pci", "class", "0x02") || bus_has("virtio", "device", "0x0001") ||
	       bus_has("vmbus", "", NULL) || bus_has("xen", "", NULL);
}

/* A manager of devices may still be about to name it, which it cannot once it is up. */
bool nic_is_settled(const struct nic *c)
{
	auto_free char *note = str_printf("/run/udev/data/n%u", if_nametoindex(c->name));

	return access("/run/udev/control", F_OK) < 0 || (note && access(note, F_OK) >= 0);
}

int nics_wait(struct nic **nics, size_t *n, usec_t since)
{
	for (;;) {
		struct nic *fresh = NULL;
		size_t n_fresh = 0, settled = 0;
		int r = nics_read(&fresh, &n_fresh);

		if (r < 0)
			return r;
		free(*nics);
		*nics = fresh;
		*n = n_fresh;
		for (size_t i = 0; i < n_fresh; i++)
			settled += nic_is_settled(&fresh[i]);
		if (settled == n_fresh && (n_fresh || !nics_may_come()))
			return n_fresh ? 0 : -ENODEV;
		if (now(CLOCK_BOOTTIME) >= since + (n_fresh ? SETTLE_DEADLINE : NICS_DEADLINE))
			return -ETIMEDOUT;
		usleep(NICS_PAUSE);
	}
}

static int on_address(struct nl_msg *m, void *userdata)
{
	const struct ifaddrmsg *h = nlmsg_data(nlmsg_hdr(m));

	if (nlmsg_hdr(m)->nlmsg_type == RTM_NEWADDR && h->ifa_scope == RT_SCOPE_UNIVERSE)
		*(bool *) userdata = true;
	return 0;
}

int network_has_address(void)
{
	auto_cleanup(netlink_close) struct nl_sock *nl = NULL;
	struct ifaddrmsg h = {.ifa_family = AF_UNSPEC};
	struct nl_msg *m;
	bool found = false;
	int r = netlink_open(&nl);

	if (r < 0)
		return r;
	m = nlmsg_alloc_simple(RTM_GETADDR, NLM_F_REQUEST);
	if (!m || nlmsg_append(m, &h, sizeof(h), NLMSG_ALIGNTO) < 0) {
		nlmsg_free(m);
		return -ENOMEM;
	}
	r = netlink_dump(nl, m, on_address, &found);
	return r < 0 ? r : found;
}
