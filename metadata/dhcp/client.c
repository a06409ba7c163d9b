// SPDX-License-Identifier: Apache-2.0
/* The states of RFC 2131, figure 5, over a packet socket: the interface needs no address. */
#include "metadata/dhcp/common.h"

#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>

#define FIRST_WAIT    USEC_PER_SEC /* RFC 2131 says 4 s; a lost packet must not cost a boot that */
#define WAIT_MAX      (16 * USEC_PER_SEC)
#define REQUESTS_MAX  4                   /* then the offer is taken for a lost one */
#define RENEW_MIN     (60 * USEC_PER_SEC) /* RFC 2131, 4.4.5 */
#define PACKETS_A_RUN 64

enum state { SELECTING, REQUESTING, BOUND, RENEWING, REBINDING };

struct dhcp_client {
	int fd, index;
	char interface[IF_NAMESIZE];
	char *host_name;
	uint8_t mac[6], server_mac[6];
	enum state state;
	uint32_t xid;
	usec_t began, next, wait;
	usec_t t1, t2, end; /* of the lease, absolute; end 0: never */
	unsigned tries;
	struct dhcp_lease offer, lease;
	bool has_lease;
};

/* ---- the socket ---- */

/* UDP to port 68, not a fragment: the kernel drops the rest before it wakes us. */
static int set_filter(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 6),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x1fff, 4, 0),
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 68, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0xffff),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog p = {ELEMENTSOF(code), code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof(p)) < 0 ? -errno : 0;
}

static int open_socket(struct dhcp_client *c)
{
	struct sockaddr_ll a = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP)};
	int one = 1, r;

	c->fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		return -errno;
	r = set_filter(c->fd);
	if (r < 0)
		return r;
	/* Tells apart frames whose sender left the checksum to the hardware. */
	if (setsockopt(c->fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)) < 0)
		return -errno;
	a.sll_ifindex = c->index;
	return bind(c->fd, (struct sockaddr *) &a, sizeof(a)) < 0 ? -errno : 0;
}

/* ---- time ---- */

/* Up to an eighth more or less, so that machines that start together do not ask together. */
static usec_t about(usec_t t)
{
	return t - t / 8 + t / 4 * (dhcp_random() % 1024) / 1024;
}

static void begin(struct dhcp_client *c, enum state s)
{
	c->state = s;
	c->tries = 0;
	c->wait = FIRST_WAIT;
	c->next = now(CLOCK_BOOTTIME);
	if (s == SELECTING) {
		c->xid = dhcp_random();
		c->began = c->next;
		c->has_lease = false;
	} else if (s != REQUESTING) {
		c->xid = dhcp_random();
	}
}

static void lease_times(struct dhcp_client *c, usec_t at)
{
	c->end = c->lease.lifetime == UINT32_MAX ? 0 : at + c->lease.lifetime * USEC_PER_SEC;
	c->t1 = at + about(c->lease.t1 * USEC_PER_SEC);
	c->t2 = at + c->lease.t2 * USEC_PER_SEC;
	c->t1 = MIN(c->t1, c->t2);
	c->next = c->end ? c->t1 : USEC_INFINITY;
}

/* ---- sending ---- */

static void send_message(struct dhcp_client *c, struct dhcp_message *m)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
	                         .sll_protocol = htons(ETH_P_IP),
	                         .sll_ifindex = c->index,
	                         .sll_halen = 6};
	uint8_t buf[DHCP_FRAME_MAX];
	int n;

	memcpy(m->mac, c->mac, 6);
	m->xid = c->xid;
	m->host_name = c->host_name;
	m->seconds =
		(uint16_t) MIN((now(CLOCK_BOOTTIME) - c->began) / USEC_PER_SEC, (usec_t) 65535);
	/* Of an adopted lease the server's own address is not known. */
	if (m->to.s_addr && memcmp(c->server_mac, (uint8_t[6]){0}, 6) != 0)
		memcpy(to.sll_addr, c->server_mac, 6);
	else
		memset(to.sll_addr, 0xff, 6);
	n = dhcp_packet_build(m, buf, sizeof(buf));
	/* A link that is not up yet loses the packet; the next try sends another. */
	if (n > 0)
		(void) !sendto(c->fd, buf, (size_t) n, 0, (struct sockaddr *) &to, sizeof(to));
}

static void send_of_state(struct dhcp_client *c)
{
	struct dhcp_message m = {.type = c->state == SELECTING ? DHCP_DISCOVER : DHCP_REQUEST};

	if (c->state == REQUESTING) {
		m.requested = c->offer.address;
		m.server = c->offer.server;
	} else if (c->state == RENEWING) {
		m.client = c->lease.address;
		m.to = c->lease.server;
	} else if (c->state == REBINDING) {
		m.client = c->lease.address;
	}
	send_message(c, &m);
}

/* ---- when its time has come ---- */

static void again_later(struct dhcp_client *c, usec_t at)
{
	usec_t limit = c->state == RENEWING ? c->t2 : c->end;

	if (c->state == SELECTING || c->state == REQUESTING) {
		c->next = at + about(c->wait);
		c->wait = MIN(c->wait * 2, WAIT_MAX);
		return;
	}
	/* Half of what is left, but not more often than once a minute. */
	c->next = at + MAX((limit > at ? limit - at : 0) / 2, RENEW_MIN);
	c->next = MIN(c->next, MAX(limit, at));
}

static enum dhcp_event on_time(struct dhcp_client *c, usec_t at)
{
	enum dhcp_event e = DHCP_NOTHING;

	if (c->has_lease && c->end && at >= c->end) {
		begin(c, SELECTING);
		e = DHCP_LOST;
	} else if (c->has_lease && c->end && at >= c->t2 && c->state != REBINDING) {
		begin(c, REBINDING);
	} else if (c->state == BOUND) {
		begin(c, RENEWING);
	} else if (c->state == REQUESTING && c->tries >= REQUESTS_MAX) {
		begin(c, SELECTING);
	}
	c->tries++;
	send_of_state(c);
	again_later(c, at);
	return e;
}

/* ---- when something came ---- */

static enum dhcp_event on_ack(struct dhcp_client *c, const struct dhcp_lease *l)
{
	bool is_new = !c->has_lease || c->lease.address.s_addr != l->address.s_addr;
	struct in_addr server = c->state == REQUESTING ? c->offer.server : c->lease.server;

	c->lease = *l;
	if (!c->lease.server.s_addr)
		c->lease.server = server;
	c->has_lease = true;
	c->state = BOUND;
	lease_times(c, now(CLOCK_BOOTTIME));
	return is_new ? DHCP_BOUND : DHCP_RENEWED;
}

static enum dhcp_event on_message(struct dhcp_client *c, int type, const struct dhcp_lease *l)
{
	if (c->state == SELECTING && type == DHCP_OFFER && l->server.s_addr) {
		c->offer = *l;
		begin(c, REQUESTING);
		return DHCP_NOTHING;
	}
	if (c->state == SELECTING || c->state == BOUND || type == DHCP_OFFER)
		return DHCP_NOTHING;
	/* A server that was not asked has no say in what another one offered. */
	if (c->state == REQUESTING && l->server.s_addr &&
	    l->server.s_addr != c->offer.server.s_addr)
		return DHCP_NOTHING;
	if (type == DHCP_ACK)
		return on_ack(c, l);
	{
		bool had = c->has_lease;

		begin(c, SELECTING);
		c->next += about(
			FIRST_WAIT); /* a server that always says no is not asked all the time */
		return had ? DHCP_LOST : DHCP_NOTHING;
	}
}

static bool has_checksum(struct msghdr *h)
{
	for (struct cmsghdr *m = CMSG_FIRSTHDR(h); m; m = CMSG_NXTHDR(h, m)) {
		struct tpacket_auxdata a;

		if (m->cmsg_level != SOL_PACKET || m->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&a, CMSG_DATA(m), sizeof(a));
		return !(a.tp_status & TP_STATUS_CSUMNOTREADY);
	}
	return true;
}

/* 1 with an event, 0 when nothing is there. */
static int receive(struct dhcp_client *c, enum dhcp_event *ret)
{
	uint8_t buf[DHCP_FRAME_MAX * 2];
	char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct sockaddr_ll from;
	struct iovec v = {buf, sizeof(buf)};
	struct msghdr h = {.msg_name = &from,
	                   .msg_namelen = sizeof(from),
	                   .msg_iov = &v,
	                   .msg_iovlen = 1,
	                   .msg_control = control,
	                   .msg_controllen = sizeof(control)};
	struct dhcp_lease l;
	ssize_t n = recvmsg(c->fd, &h, 0);
	int type;

	if (n < 0)
		return 0;
	type = dhcp_packet_parse(buf, (size_t) n, c->xid, c->mac, has_checksum(&h), &l);
	if (type < 0)
		return 1;
	*ret = on_message(c, type, &l);
	if (type == DHCP_ACK && from.sll_halen == 6)
		memcpy(c->server_mac, from.sll_addr,
		       6); /* the server, or the relay that leads to it */
	return 1;
}

enum dhcp_event dhcp_client_dispatch(struct dhcp_client *c)
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

int dhcp_client_new(const char *interface, const char *host_name, struct dhcp_client **ret)
{
	auto_cleanup(dhcp_client_free) struct dhcp_client *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->fd = -EBADF;
	r = dhcp_interface_read(interface, &c->index, c->mac);
	if (r >= 0)
		strcpy(c->interface, interface);
	if (r >= 0)
		r = str_set(&c->host_name, host_name);
	if (r >= 0)
		r = open_socket(c);
	if (r < 0)
		return r;
	begin(c, SELECTING);
	*ret = TAKE_PTR(c);
	return 0;
}

struct dhcp_client *dhcp_client_free(struct dhcp_client *c)
{
	if (!c)
		return NULL;
	if (c->fd >= 0)
		close(c->fd);
	free(c->host_name);
	free(c);
	return NULL;
}

int dhcp_client_fd(const struct dhcp_client *c)
{
	return c->fd;
}

usec_t dhcp_client_next(const struct dhcp_client *c)
{
	return c->next;
}

const struct dhcp_lease *dhcp_client_lease(const struct dhcp_client *c)
{
	return c->has_lease ? &c->lease : NULL;
}

const char *dhcp_client_interface(const struct dhcp_client *c)
{
	return c->interface;
}

void dhcp_client_adopt(struct dhcp_client *c, const struct dhcp_lease *lease, usec_t since)
{
	c->lease = *lease;
	c->has_lease = true;
	c->state = BOUND;
	c->tries = 0;
	c->wait = FIRST_WAIT;
	lease_times(c, since);
}

void dhcp_client_release(struct dhcp_client *c)
{
	struct dhcp_message m = {.type = DHCP_RELEASE};

	if (!c->has_lease)
		return;
	m.client = c->lease.address;
	m.server = m.to = c->lease.server;
	send_message(c, &m);
	begin(c, SELECTING);
}

void dhcp_client_age(struct dhcp_client *c, usec_t by)
{
	dhcp_age(&c->next, by);
	dhcp_age(&c->t1, by);
	dhcp_age(&c->t2, by);
	dhcp_age(&c->end, by);
}

/* ---- several ---- */

int dhcp_first(struct dhcp_client *const *clients, size_t n, usec_t deadline,
               bool (*accept)(void *userdata, struct dhcp_client *c), void *userdata)
{
	auto_free struct pollfd *p = calloc(n + 1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	for (;;) {
		usec_t at = now(CLOCK_BOOTTIME), next = deadline;

		for (size_t i = 0; i < n; i++) {
			enum dhcp_event e = dhcp_client_dispatch(clients[i]);

			if (e == DHCP_BOUND && (!accept || accept(userdata, clients[i])))
				return (int) i;
			next = MIN(next, clients[i]->next);
			p[i] = (struct pollfd){clients[i]->fd, POLLIN, 0};
		}
		at = now(CLOCK_BOOTTIME);
		if (at >= deadline)
			return -ETIMEDOUT;
		(void) poll(p, n,
		            next > at ? (int) MIN((next - at) / USEC_PER_MSEC + 1, (usec_t) 60000)
		                      : 0);
	}
}
