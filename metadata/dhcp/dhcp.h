// SPDX-License-Identifier: Apache-2.0
/*
 * dhcp - a DHCPv4 client (RFC 2131, 2132, 3396, 3397, 3442) for machines that have to find their
 * metadata before anything configured their network.
 *
 *   struct dhcp_client   one interface: a packet socket, a state, the lease; never blocks, and is moved by
 *                        dhcp_client_dispatch() when its fd is readable or its time has come
 *   dhcp_first()         all candidates at once: the first lease that the caller can use wins, so a dead
 *                        interface costs nothing
 *   packet.c             frames to and from, without I/O
 *
 * It sets no address and no route: a lease is data, for the plan of network/ or for whoever asked. What is in
 * an answer is untrusted: sizes and counts are limited, names are letters of host names, checksums
 * count.
 */
#pragma once

#include "metadata/metadata.h"

#include <netinet/in.h>

#define DHCP_FRAME_MAX  1500
#define DHCP_LIST_MAX   8
#define DHCP_ROUTES_MAX 32
#define DHCP_NAME_MAX   255

enum dhcp_type {
	DHCP_DISCOVER = 1,
	DHCP_OFFER,
	DHCP_REQUEST,
	DHCP_DECLINE,
	DHCP_ACK,
	DHCP_NAK,
	DHCP_RELEASE,
};

struct dhcp_route {
	struct in_addr to, via; /* via 0: on the link */
	unsigned prefix;
};

struct dhcp_lease {
	struct in_addr address, server, broadcast,
		wireserver; /* 0: not told; wireserver: option 245 */
	unsigned prefix, mtu;
	uint32_t lifetime, t1, t2; /* seconds; lifetime UINT32_MAX: for ever */
	struct in_addr dns[DHCP_LIST_MAX], ntp[DHCP_LIST_MAX];
	size_t n_dns, n_ntp, n_routes, n_search;
	struct dhcp_route
		routes[DHCP_ROUTES_MAX]; /* option 121 or 249, else the router of option 3 */
	char host_name[DHCP_NAME_MAX + 1], domain[DHCP_NAME_MAX + 1];
	char search[DHCP_LIST_MAX][DHCP_NAME_MAX + 1];
};

/* ---- packets; pure ---- */

struct dhcp_message {
	enum dhcp_type type;
	uint32_t xid;
	uint8_t mac[6];
	uint16_t seconds;                 /* since the client began */
	struct in_addr client;            /* of a client that has its address */
	struct in_addr requested, server; /* 0: left out */
	struct in_addr to;                /* 0: broadcast */
	const char *host_name;            /* NULL: none is sent */
};
/* An IP packet; its size, or -ENOBUFS. */
int dhcp_packet_build(const struct dhcp_message *m, uint8_t *buf, size_t size);
/**
 * dhcp_packet_parse - reads an IP packet that may be an answer to us
 * @checksums: false where the kernel says that the sender's were not made yet
 * Returns the type; -ENOMSG: not for us, -EBADMSG: broken.
 */
int dhcp_packet_parse(const uint8_t *data, size_t size, uint32_t xid, const uint8_t mac[6],
                      bool checksums, struct dhcp_lease *ret);

/* ---- one interface ---- */

enum dhcp_event {
	DHCP_NOTHING,
	DHCP_BOUND,   /* there is a lease */
	DHCP_RENEWED, /* it is a newer one, of the same address */
	DHCP_LOST,    /* it is over, or was taken back; the client begins anew */
};

struct dhcp_client;
/* -ENODEV, -EOPNOTSUPP (no Ethernet addresses), -EPERM. */
int dhcp_client_new(const char *interface, const char *host_name, struct dhcp_client **ret);
struct dhcp_client *dhcp_client_free(struct dhcp_client *c);
DEFINE_CLEANUP(struct dhcp_client *, dhcp_client_free)
int dhcp_client_fd(const struct dhcp_client *c);
usec_t dhcp_client_next(const struct dhcp_client *c); /* BOOTTIME, when it wants to be dispatched */
enum dhcp_event dhcp_client_dispatch(struct dhcp_client *c);
const struct dhcp_lease *dhcp_client_lease(const struct dhcp_client *c); /* NULL: none */
const char *dhcp_client_interface(const struct dhcp_client *c);
/* Goes on with a lease that another client of this machine got at @since (BOOTTIME). */
void dhcp_client_adopt(struct dhcp_client *c, const struct dhcp_lease *lease, usec_t since);
/* Gives the lease back. */
void dhcp_client_release(struct dhcp_client *c);

/* As if @by had passed since it was dispatched; for tests. */
void dhcp_client_age(struct dhcp_client *c, usec_t by);

/* ---- the first of several ---- */

/**
 * dhcp_first - runs all clients until one has a lease that can be used
 * @accept: called with each new lease; true ends the search. NULL: any will do
 * Returns the index, or -ETIMEDOUT. The other clients stay as they are.
 */
int dhcp_first(struct dhcp_client *const *clients, size_t n, usec_t deadline,
               bool (*accept)(void *userdata, struct dhcp_client *c), void *userdata);
