// SPDX-License-Identifier: Apache-2.0
/*
 * dhcp6 - a DHCPv6 client (RFC 8415) for one address of one interface, where router advertisements give none.
 *
 *   packet6.c   messages to and from, without I/O
 *   client6.c   the same kind of object as the DHCPv4 client: a socket, a state, the lease; never blocks
 *
 * It sets nothing: the address is the caller's to set, and routes are those of router advertisements, which the kernel reads.
 * The first server that offers an address is taken. No prefix is delegated, and authentication is not spoken.
 */
#pragma once

#include "metadata/dhcp/dhcp.h"

#define DHCP6_MESSAGE_MAX 1400
#define DHCP6_DUID_MAX    130

enum dhcp6_type {
	DHCP6_SOLICIT = 1,
	DHCP6_ADVERTISE,
	DHCP6_REQUEST,
	DHCP6_RENEW = 5,
	DHCP6_REBIND,
	DHCP6_REPLY,
	DHCP6_RELEASE,
};

struct dhcp6_lease {
	struct in6_addr address;
	uint32_t preferred, valid, t1, t2; /* seconds; UINT32_MAX: for ever */
	uint8_t server[DHCP6_DUID_MAX];
	size_t server_size;
	struct in6_addr dns[DHCP_LIST_MAX];
	size_t n_dns, n_search;
	char search[DHCP_LIST_MAX][DHCP_NAME_MAX + 1];
};

/* ---- messages; pure ---- */

struct dhcp6_message {
	enum dhcp6_type type;
	uint32_t xid; /* 24 bits */
	uint8_t mac[6];
	unsigned hundredths;             /* since the client began */
	const struct dhcp6_lease *lease; /* whose address is asked for; NULL: any */
	bool to_server;                  /* to the one that gave it */
};
/* Its size, or -ENOBUFS. */
int dhcp6_message_build(const struct dhcp6_message *m, uint8_t *buf, size_t size);
/* The type: DHCP6_ADVERTISE, DHCP6_REPLY; -ENOMSG: not for us, -EBADMSG: broken, -EADDRNOTAVAIL: the server has no address for us. */
int dhcp6_message_parse(const uint8_t *data, size_t size, uint32_t xid, const uint8_t mac[6],
                        struct dhcp6_lease *ret);
/* packet.c: names of RFC 1035, one after the other; their number. */
size_t dhcp_names_read(const uint8_t *p, size_t n, char to[DHCP_LIST_MAX][DHCP_NAME_MAX + 1]);

/* ---- one interface ---- */

struct dhcp6_client;
/* -ENODEV, -EOPNOTSUPP (no Ethernet addresses, no IPv6), -EADDRINUSE. */
int dhcp6_client_new(const char *interface, struct dhcp6_client **ret);
struct dhcp6_client *dhcp6_client_free(struct dhcp6_client *c);
DEFINE_CLEANUP(struct dhcp6_client *, dhcp6_client_free)
int dhcp6_client_fd(const struct dhcp6_client *c);
usec_t dhcp6_client_next(const struct dhcp6_client *c);
enum dhcp_event dhcp6_client_dispatch(struct dhcp6_client *c);
const struct dhcp6_lease *dhcp6_client_lease(const struct dhcp6_client *c); /* NULL: none */
void dhcp6_client_adopt(struct dhcp6_client *c, const struct dhcp6_lease *lease, usec_t since);
void dhcp6_client_release(struct dhcp6_client *c);
void dhcp6_client_age(struct dhcp6_client *c, usec_t by); /* for tests */
