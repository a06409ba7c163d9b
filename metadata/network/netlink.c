// SPDX-License-Identifier: Apache-2.0
#include "metadata/network/netlink.h"

#include <ctype.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <netlink/netlink.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#define ANSWER_TIMEOUT_SEC 10 /* the kernel answers at once; this is for a kernel that is stuck */
#define BUFFER_SIZE        (64 * 1024)

void links_done(struct links *l)
{
	free(l->items);
	*l = (struct links){0};
}

struct link *links_find(const struct links *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (streq(l->items[i].name, name))
			return &l->items[i];
	return NULL;
}

int netlink_open(struct nl_sock **ret)
{
	auto_cleanup(netlink_close) struct nl_sock *s = nl_socket_alloc();
	struct timeval t = {.tv_sec = ANSWER_TIMEOUT_SEC};

	if (!s)
		return -ENOMEM;
	if (nl_connect(s, NETLINK_ROUTE) < 0)
		return -EPROTONOSUPPORT;
	nl_socket_set_msg_buf_size(s, BUFFER_SIZE);
	if (setsockopt(nl_socket_get_fd(s), SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)) < 0)
		return -errno;
	*ret = TAKE_PTR(s);
	return 0;
}

struct nl_sock *netlink_close(struct nl_sock *s)
{
	nl_socket_free(s);
	return NULL;
}

/* ---- one exchange ---- */

struct exchange {
	int error;
	bool is_done;
	int (*each)(struct nl_msg *m, void *userdata);
	void *userdata;
};

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *e, void *arg)
{
	struct exchange *x = arg;

	(void) from;
	x->error = e->error;
	x->is_done = true;
	return NL_STOP;
}

static int on_end(struct nl_msg *m, void *arg)
{
	struct exchange *x = arg;

	(void) m;
	x->is_done = true;
	return NL_STOP;
}

static int on_message(struct nl_msg *m, void *arg)
{
	struct exchange *x = arg;

	if (x->each && x->error >= 0)
		x->error = MIN(x->each(m, x->userdata), 0);
	return NL_OK;
}

static int run(struct nl_sock *s, struct nl_msg *m, struct exchange *x)
{
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	int r = cb ? nl_send_auto(s, m) : -ENOMEM;

	nlmsg_free(m);
	if (r >= 0) {
		nl_cb_err(cb, NL_CB_CUSTOM, on_error, x);
		nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_end, x);
		nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_end, x);
		nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_message, x);
		while (r >= 0 && !x->is_done)
			r = nl_recvmsgs(s, cb);
	}
	if (cb)
		nl_cb_put(cb);
	if (x->is_done)
		return x->error;
	return r == -ENOMEM ? r : -EIO;
}

int netlink_call(struct nl_sock *s, struct nl_msg *m)
{
	struct exchange x = {0};

	if (!m)
		return -ENOMEM;
	nlmsg_hdr(m)->nlmsg_flags |= NLM_F_ACK;
	return run(s, m, &x);
}

int netlink_dump(struct nl_sock *s, struct nl_msg *m, int (*each)(struct nl_msg *m, void *userdata),
                 void *userdata)
{
	struct exchange x = {.each = each, .userdata = userdata};

	if (!m)
		return -ENOMEM;
	nlmsg_hdr(m)->nlmsg_flags |= NLM_F_DUMP;
	return run(s, m, &x);
}

/* ---- links ---- */

int mac_parse(const char *text, uint8_t ret[LINK_ADDRESS_MAX])
{
	int n = 0;

	for (;; text += 3) {
		unsigned byte;

		if (n == LINK_ADDRESS_MAX || !isxdigit((unsigned char) text[0]) ||
		    !isxdigit((unsigned char) text[1]) || sscanf(text, "%2x", &byte) != 1)
			return -EINVAL;
		ret[n++] = (uint8_t) byte;
		if (!text[2])
			return n;
		if (text[2] != ':' && text[2] != '-')
			return -EINVAL;
	}
}

static void mac_print(const struct nlattr *a, char ret[3 * LINK_ADDRESS_MAX])
{
	const uint8_t *bytes = a ? nla_data(a) : NULL;
	int n = a ? MIN(nla_len(a), LINK_ADDRESS_MAX) : 0;

	*ret = '\0';
	for (int i = 0; i < n; i++)
		sprintf(ret + 3 * i - (i > 0), i ? ":%02x" : "%02x", bytes[i]);
}

static void read_driver(struct link *l)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
	struct ifreq rq = {.ifr_data = (void *) &info};
	auto_fd int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(rq.ifr_name, l->name, sizeof(rq.ifr_name));
	/* Without an answer it has no driver that could be matched. */
	if (fd >= 0 && ioctl(fd, SIOCETHTOOL, &rq) >= 0)
		snprintf(l->driver, sizeof(l->driver), "%.31s", info.driver);
}

static int add_link(struct nl_msg *m, void *userdata)
{
	struct links *list = userdata;
	struct ifinfomsg *info = nlmsg_data(nlmsg_hdr(m));
	struct nlattr *a[IFLA_MAX + 1] = {NULL}, *kind[IFLA_INFO_MAX + 1] = {NULL};
	struct link *items, *l;

	if (nlmsg_hdr(m)->nlmsg_type != RTM_NEWLINK ||
	    nlmsg_parse(nlmsg_hdr(m), sizeof(*info), a, IFLA_MAX, NULL) < 0 || !a[IFLA_IFNAME])
		return 0;
	items = reallocarray(list->items, list->n + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	list->items = items;
	l = &items[list->n++];
	*l = (struct link){.index = info->ifi_index, .flags = info->ifi_flags};
	nla_strlcpy(l->name, a[IFLA_IFNAME], sizeof(l->name));
	l->mtu = a[IFLA_MTU] ? nla_get_u32(a[IFLA_MTU]) : 0;
	l->master = a[IFLA_MASTER] ? (int) nla_get_u32(a[IFLA_MASTER]) : 0;
	l->parent = a[IFLA_LINK] ? (int) nla_get_u32(a[IFLA_LINK]) : 0;
	mac_print(a[IFLA_ADDRESS], l->mac);
	mac_print(a[IFLA_PERM_ADDRESS], l->permanent_mac);
	if (a[IFLA_LINKINFO] &&
	    nla_parse_nested(kind, IFLA_INFO_MAX, a[IFLA_LINKINFO], NULL) >= 0 &&
	    kind[IFLA_INFO_KIND])
		nla_strlcpy(l->kind, kind[IFLA_INFO_KIND], sizeof(l->kind));
	return 0;
}

struct nl_msg *netlink_message(int type, int flags, const void *header, size_t size)
{
	struct nl_msg *m = nlmsg_alloc_simple(type, NLM_F_REQUEST | flags);

	if (m && nlmsg_append(m, (void *) (uintptr_t) header, size, NLMSG_ALIGNTO) < 0) {
		nlmsg_free(m);
		return NULL;
	}
	return m;
}

int netlink_call_built(struct nl_sock *s, struct nl_msg *m, int built)
{
	if (built >= 0)
		return netlink_call(s, m);
	nlmsg_free(m);
	return -ENOMEM;
}

struct nl_msg *netlink_link_message(int type, unsigned flags, int index)
{
	struct ifinfomsg info = {.ifi_family = AF_UNSPEC, .ifi_index = index};
	struct nl_msg *m = nlmsg_alloc_simple(type, (int) (NLM_F_REQUEST | flags));

	if (m && nlmsg_append(m, &info, sizeof(info), NLMSG_ALIGNTO) < 0) {
		nlmsg_free(m);
		return NULL;
	}
	return m;
}

int netlink_links(struct nl_sock *s, bool drivers, struct links *ret)
{
	struct links list = {0};
	int r = netlink_dump(s, netlink_link_message(RTM_GETLINK, 0, 0), add_link, &list);

	if (r < 0) {
		links_done(&list);
		return r;
	}
	for (size_t i = 0; drivers && i < list.n; i++)
		read_driver(&list.items[i]);
	*ret = list;
	return 0;
}

int netlink_link_flags(struct nl_sock *s, int index, unsigned flags, unsigned mask)
{
	struct nl_msg *m = netlink_link_message(RTM_NEWLINK, 0, index);
	struct ifinfomsg *info = m ? nlmsg_data(nlmsg_hdr(m)) : NULL;

	if (!m)
		return -ENOMEM;
	info->ifi_flags = flags;
	info->ifi_change = mask;
	return netlink_call(s, m);
}

static int set_attribute(struct nl_sock *s, int index, int attribute, const void *data, int size)
{
	struct nl_msg *m = netlink_link_message(RTM_NEWLINK, 0, index);

	if (!m)
		return -ENOMEM;
	if (nla_put(m, attribute, size, data) < 0) {
		nlmsg_free(m);
		return -ENOMEM;
	}
	return netlink_call(s, m);
}

int netlink_link_rename(struct nl_sock *s, int index, const char *name)
{
	return set_attribute(s, index, IFLA_IFNAME, name, (int) strlen(name) + 1);
}

int netlink_link_set_u32(struct nl_sock *s, int index, int attribute, uint32_t value)
{
	return set_attribute(s, index, attribute, &value, sizeof(value));
}

int netlink_link_set_mac(struct nl_sock *s, int index, const char *mac)
{
	uint8_t bytes[LINK_ADDRESS_MAX];
	int n = mac_parse(mac, bytes);

	return n < 0 ? n : set_attribute(s, index, IFLA_ADDRESS, bytes, n);
}
