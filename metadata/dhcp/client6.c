// SPDX-License-Identifier: Apache-2.0
#include "metadata/dhcp/common.h"
#include "metadata/dhcp/dhcp6.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#define CLIENT_PORT   546
#define SERVER_PORT   547
#define ALL_SERVERS   "ff02::1:2"
#define FIRST_WAIT    USEC_PER_SEC /* RFC 8415, 7.6 */
#define ASK_WAIT_MAX  (30 * USEC_PER_SEC)
#define KEEP_WAIT     (10 * USEC_PER_SEC)
#define KEEP_WAIT_MAX (600 * USEC_PER_SEC)
#define REQUESTS_MAX  10
#define NO_WAY_WAIT   (200 * USEC_PER_MSEC) /* the interface's own address is not settled yet */
#define PACKETS_A_RUN 32

enum state { SELECTING, REQUESTING, BOUND, RENEWING, REBINDING };

struct dhcp6_client {
	int fd, index;
	uint8_t mac[6];
	enum state state;
	uint32_t xid;
	usec_t began, next, wait;
	usec_t t1, t2, end; /* absolute; end 0: never */
	unsigned tries;
	struct dhcp6_lease offer, lease;
	bool has_lease;
};

/* A tenth more or less. */
static usec_t about(usec_t t)
{
	return t - t / 10 + t / 5 * (dhcp_random() % 1024) / 1024;
}

static void begin(struct dhcp6_client *c, enum state s)
{
	c->state = s;
	c->tries = 0;
	c->wait = s == RENEWING || s == REBINDING ? KEEP_WAIT : FIRST_WAIT;
	c->next = c->began = now(CLOCK_BOOTTIME);
	c->xid = dhcp_random() & 0xffffff;
	if (s == SELECTING)
		c->has_lease = false;
}

static void lease_times(struct dhcp6_client *c, usec_t at)
{
	c->end = c->lease.valid == UINT32_MAX ? 0 : at + c->lease.valid * USEC_PER_SEC;
	c->t1 = at + c->lease.t1 * USEC_PER_SEC;
	c->t2 = at + c->lease.t2 * USEC_PER_SEC;
	c->next = c->t1;
}

/* ---- sending ---- */

static int send_of_state(struct dhcp6_client *c, enum dhcp6_type type)
{
	struct sockaddr_in6 to = {.sin6_family = AF_INET6,
	                          .sin6_port = htons(SERVER_PORT),
	                          .sin6_scope_id = (uint32_t) c->index};
	struct dhcp6_message m = {.type = type, .xid = c->xid};
	uint8_t buf[DHCP6_MESSAGE_MAX];
	int n;

	memcpy(m.mac, c->mac, sizeof(m.mac));
	m.hundredths = (unsigned) MIN((now(CLOCK_BOOTTIME) - c->began) / (USEC_PER_SEC / 100),
	                              (usec_t) 0xffff);
	m.lease = c->state == SELECTING ? NULL : c->state == REQUESTING ? &c->offer : &c->lease;
	m.to_server = type != DHCP6_REBIND;
	(void) inet_pton(AF_INET6, ALL_SERVERS, &to.sin6_addr);
	n = dhcp6_message_build(&m, buf, sizeof(buf));
	if (n < 0)
		return n;
	return sendto(c->fd, buf, (size_t) n, 0, (struct sockaddr *) &to, sizeof(to)) < 0 ? -errno
	                                                                                  : 0;
}

static enum dhcp_event on_time(struct dhcp6_client *c, usec_t at)
{
	static const enum dhcp6_type types[] = {[SELECTING] = DHCP6_SOLICIT,
	                                        [REQUESTING] = DHCP6_REQUEST,
	                                        [RENEWING] = DHCP6_RENEW,
	                                        [REBINDING] = DHCP6_REBIND};
	enum dhcp_event e = DHCP_NOTHING;

	if (c->has_lease && c->end && at >= c->end) {
		begin(c, SELECTING);
		e = DHCP_LOST;
	} else if (c->has_lease && at >= c->t2 && c->state != REBINDING) {
		begin(c, REBINDING);
	} else if (c->state == BOUND) {
		begin(c, RENEWING);
	} else if (c->state == REQUESTING && c->tries >= REQUESTS_MAX) {
		begin(c, SELECTING);
	}
	if (send_of_state(c, types[c->state]) < 0) {
		c->next = at + NO_WAY_WAIT;
		return e;
	}
	c->tries++;
	c->next = at + about(c->wait);
	c->wait = MIN(c->wait * 2, c->has_lease ? KEEP_WAIT_MAX : ASK_WAIT_MAX);
	if (c->state == RENEWING)
		c->next = MIN(c->next, c->t2);
	if (c->has_lease && c->end)
		c->next = MIN(c->next, c->end);
	return e;
}

/* ---- receiving ---- */

static enum dhcp_event on_reply(struct dhcp6_client *c, const struct dhcp6_lease *l)
{
	bool is_new = !c->has_lease || memcmp(&c->lease.address, &l->address, 16) != 0;

	c->lease = *l;
	c->has_lease = true;
	c->state = BOUND;
	lease_times(c, now(CLOCK_BOOTTIME));
	return is_new ? DHCP_BOUND : DHCP_RENEWED;
}

static enum dhcp_event on_message(struct dhcp6_client *c, int type, const struct dhcp6_lease *l)
{
	bool had = c->has_lease;

	if (c->state == SELECTING && type == DHCP6_ADVERTISE) {
		c->offer = *l;
		begin(c, REQUESTING);
		return DHCP_NOTHING;
	}
	if (c->state == SELECTING || c->state == BOUND || type == DHCP6_ADVERTISE)
		return DHCP_NOTHING;
	if (type == DHCP6_REPLY && c->state == REQUESTING &&
	    (l->server_size != c->offer.server_size ||
	     memcmp(l->server, c->offer.server, l->server_size) != 0))
		return DHCP_NOTHING;
	if (type == DHCP6_REPLY)
		return on_reply(c, l);
	/* Refused; a server that always says no is not asked all the time. */
	begin(c, SELECTING);
	c->next += about(FIRST_WAIT);
	return had ? DHCP_LOST : DHCP_NOTHING;
}

/* 1 when something was there. */
static int receive(struct dhcp6_client *c, enum dhcp_event *ret)
{
	uint8_t buf[DHCP6_MESSAGE_MAX * 2];
	struct sockaddr_in6 from;
	socklen_t size = sizeof(from);
	struct dhcp6_lease l;
	ssize_t n = recvfrom(c->fd, buf, sizeof(buf), 0, (struct sockaddr *) &from, &size);
	int type;

	if (n < 0)
		return 0;
	/* Servers and relays of this link alone. */
	if (from.sin6_family != AF_INET6 || !IN6_IS_ADDR_LINKLOCAL(&from.sin6_addr))
		return 1;
	type = dhcp6_message_parse(buf, (size_t) n, c->xid, c->mac, &l);
	if (type >= 0 || (type == -EADDRNOTAVAIL && c->state != SELECTING))
		*ret = on_message(c, type, &l);
	return 1;
}

enum dhcp_event dhcp6_client_dispatch(struct dhcp6_client *c)
{
	enum dhcp_event e = DHCP_NOTHING;
	usec_t at;

	for (int i = 0; i < PACKETS_A_RUN && e == DHCP_NOTHING && receive(c, &e); i++)
		;
	at = now(CLOCK_BOOTTIME);
	if (e == DHCP_NOTHING && at >= c->next)
		e = on_time(c, at);
	return e;
}

/* ---- the object ---- */

static int open_socket(struct dhcp6_client *c, const char *interface)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(CLIENT_PORT)};
	int one = 1, hops = 1;

	c->fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP);
	if (c->fd < 0)
		return errno == EAFNOSUPPORT ? -EOPNOTSUPP : -errno;
	/* One socket an interface on one port, beside those of IPv4. */
	if (setsockopt(c->fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0 ||
	    setsockopt(c->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    setsockopt(c->fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof(hops)) < 0 ||
	    setsockopt(c->fd, SOL_SOCKET, SO_BINDTODEVICE, interface,
	               (socklen_t) strlen(interface)) < 0 ||
	    bind(c->fd, (struct sockaddr *) &a, sizeof(a)) < 0)
		return -errno;
	return 0;
}

int dhcp6_client_new(const char *interface, struct dhcp6_client **ret)
{
	auto_cleanup(dhcp6_client_free) struct dhcp6_client *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->fd = -EBADF;
	r = dhcp_interface_read(interface, &c->index, c->mac);
	if (r >= 0)
		r = open_socket(c, interface);
	if (r < 0)
		return r;
	begin(c, SELECTING);
	*ret = TAKE_PTR(c);
	return 0;
}

struct dhcp6_client *dhcp6_client_free(struct dhcp6_client *c)
{
	if (c && c->fd >= 0)
		close(c->fd);
	free(c);
	return NULL;
}

int dhcp6_client_fd(const struct dhcp6_client *c)
{
	return c->fd;
}

usec_t dhcp6_client_next(const struct dhcp6_client *c)
{
	return c->next;
}

const struct dhcp6_lease *dhcp6_client_lease(const struct dhcp6_client *c)
{
	return c->has_lease ? &c->lease : NULL;
}

void dhcp6_client_adopt(struct dhcp6_client *c, const struct dhcp6_lease *lease, usec_t since)
{
	c->lease = *lease;
	c->has_lease = true;
	c->state = BOUND;
	lease_times(c, since);
}

void dhcp6_client_release(struct dhcp6_client *c)
{
	if (!c->has_lease)
		return;
	(void) send_of_state(c, DHCP6_RELEASE);
	begin(c, SELECTING);
}

void dhcp6_client_age(struct dhcp6_client *c, usec_t by)
{
	dhcp_age(&c->next, by);
	dhcp_age(&c->t1, by);
	dhcp_age(&c->t2, by);
	dhcp_age(&c->end, by);
}
