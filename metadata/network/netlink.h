// SPDX-License-Identifier: Apache-2.0
/*
 * netlink - private to network/: requests to the kernel's routing socket, one at a time, each with its answer.
 *
 * The messages are libnl-3's. Its route library is not used: it has no word for most parameters of a bond.
 */
#pragma once

#include "base/base.h"

#include <net/if.h>
#include <netlink/msg.h>

struct nl_sock;

#define LINK_ADDRESS_MAX 20 /* infiniband's */
struct link {
	int index, master, parent;
	unsigned flags; /* IFF_* */
	uint32_t mtu;
	char name[IFNAMSIZ], kind[16]; /* kind: "" of a plugged-in one */
	char mac[3 * LINK_ADDRESS_MAX],
		permanent_mac[3 * LINK_ADDRESS_MAX]; /* lower case, colons; "" none */
	char driver[32];
};
struct links {
	struct link *items;
	size_t n;
};
void links_done(struct links *l);
struct link *links_find(const struct links *l, const char *name);

int netlink_open(struct nl_sock **ret);
struct nl_sock *netlink_close(struct nl_sock *s);
DEFINE_CLEANUP(struct nl_sock *, netlink_close)

/* Sends and frees @m, waits for the answer: 0 or the kernel's -errno. */
int netlink_call(struct nl_sock *s, struct nl_msg *m);
/* A dump; @each gets every message of it. */
int netlink_dump(struct nl_sock *s, struct nl_msg *m, int (*each)(struct nl_msg *m, void *userdata),
                 void *userdata);
/* What is plugged in or was made, without the drivers' names unless @drivers. */
int netlink_links(struct nl_sock *s, bool drivers, struct links *ret);

/* A request that begins with @header; NULL on ENOMEM. */
struct nl_msg *netlink_message(int type, int flags, const void *header, size_t size);
/* netlink_call(), or -ENOMEM for a message that could not be put together (@built < 0), which is freed. */
int netlink_call_built(struct nl_sock *s, struct nl_msg *m, int built);
/* A message of a link; index 0: by the name that the caller adds. NULL on ENOMEM. */
struct nl_msg *netlink_link_message(int type, unsigned flags, int index);
/* Changes an interface's flags among @mask. */
int netlink_link_flags(struct nl_sock *s, int index, unsigned flags, unsigned mask);
int netlink_link_rename(struct nl_sock *s, int index, const char *name);
int netlink_link_set_u32(struct nl_sock *s, int index, int attribute, uint32_t value);
int netlink_link_set_mac(struct nl_sock *s, int index, const char *mac);

/* "00:16:3e:..." as bytes; their number, or -EINVAL. */
int mac_parse(const char *text, uint8_t ret[LINK_ADDRESS_MAX]);
