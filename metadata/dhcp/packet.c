// SPDX-License-Identifier: Apache-2.0
#include "metadata/dhcp/dhcp6.h"

#include <ctype.h>

#define SERVER_PORT 67
#define CLIENT_PORT 68
#define IP_SIZE     20
#define UDP_SIZE    8
#define BOOTP_SIZE  236
#define MAGIC       0x63825363U
#define PAYLOAD_MIN 300 /* older relays drop what is shorter */
#define OPTIONS_MAX 1024

enum {
	OPTION_PAD = 0,
	OPTION_MASK = 1,
	OPTION_ROUTER = 3,
	OPTION_DNS = 6,
	OPTION_HOST_NAME = 12,
	OPTION_DOMAIN = 15,
	OPTION_MTU = 26,
	OPTION_BROADCAST = 28,
	OPTION_NTP = 42,
	OPTION_REQUESTED = 50,
	OPTION_LIFETIME = 51,
	OPTION_OVERLOAD = 52,
	OPTION_TYPE = 53,
	OPTION_SERVER = 54,
	OPTION_PARAMETERS = 55,
	OPTION_MAX_SIZE = 57,
	OPTION_T1 = 58,
	OPTION_T2 = 59,
	OPTION_CLIENT_ID = 61,
	OPTION_SEARCH = 119,
	OPTION_ROUTES = 121,
	OPTION_WIRESERVER = 245,
	OPTION_ROUTES_MICROSOFT = 249,
	OPTION_END = 255,
};

static const uint8_t wanted[] = {
	OPTION_ROUTES, /* RFC 3442 wants it before the router */
	OPTION_MASK,   OPTION_ROUTER,    OPTION_DNS,    OPTION_HOST_NAME,  OPTION_DOMAIN,
	OPTION_MTU,    OPTION_BROADCAST, OPTION_NTP,    OPTION_LIFETIME,   OPTION_SERVER,
	OPTION_T1,     OPTION_T2,        OPTION_SEARCH, OPTION_WIRESERVER, OPTION_ROUTES_MICROSOFT,
};

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t) (v >> 8);
	p[1] = (uint8_t) v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

static unsigned get16(const uint8_t *p)
{
	return (unsigned) p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t) get16(p) << 16 | get16(p + 2);
}

static struct in_addr get_address(const uint8_t *p)
{
	struct in_addr a;

	memcpy(&a, p, 4);
	return a;
}

static uint32_t sum(uint32_t s, const uint8_t *p, size_t n)
{
	for (; n > 1; n -= 2, p += 2)
		s += get16(p);
	return n ? s + ((uint32_t) *p << 8) : s;
}

static unsigned fold(uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return ~s & 0xffff;
}

/* The sum of what UDP counts in: both addresses, the protocol, the length. */
static uint32_t pseudo_sum(const uint8_t *ip, size_t udp_size)
{
	return sum(0, ip + 12, 8) + IPPROTO_UDP + (uint32_t) udp_size;
}

/* ---- building ---- */

struct writer {
	uint8_t *p, *end;
};

static void add(struct writer *w, uint8_t code, const void *data, size_t size)
{
	if (w->p && size <= 255 && (size_t) (w->end - w->p) >= size + 2) {
		*w->p++ = code;
		*w->p++ = (uint8_t) size;
		memcpy(w->p, data, size);
		w->p += size;
	} else {
		w->p = NULL;
	}
}

static void add_options(struct writer *w, const struct dhcp_message *m)
{
	uint8_t type = (uint8_t) m->type, id[7] = {1}, size[2];

	put16(size, DHCP_FRAME_MAX);
	memcpy(id + 1, m->mac, 6);
	add(w, OPTION_TYPE, &type, 1);
	add(w, OPTION_CLIENT_ID, id, sizeof(id));
	if (m->requested.s_addr)
		add(w, OPTION_REQUESTED, &m->requested, 4);
	if (m->server.s_addr)
		add(w, OPTION_SERVER, &m->server, 4);
	if (m->type == DHCP_RELEASE)
		return;
	add(w, OPTION_MAX_SIZE, size, 2);
	add(w, OPTION_PARAMETERS, wanted, sizeof(wanted));
	if (m->host_name && *m->host_name)
		add(w, OPTION_HOST_NAME, m->host_name, strlen(m->host_name));
}

static void put_headers(uint8_t *ip, size_t size, const struct dhcp_message *m)
{
	uint8_t *udp = ip + IP_SIZE;
	unsigned check;

	ip[0] = 0x45;
	ip[1] = 0xc0; /* network control */
	put16(ip + 2, (unsigned) size);
	ip[8] = 64;
	ip[9] = IPPROTO_UDP;
	memcpy(ip + 12, &m->client, 4);
	if (m->to.s_addr)
		memcpy(ip + 16, &m->to, 4);
	else
		memset(ip + 16, 0xff, 4);
	put16(ip + 10, fold(sum(0, ip, IP_SIZE)));
	put16(udp, CLIENT_PORT);
	put16(udp + 2, SERVER_PORT);
	put16(udp + 4, (unsigned) (size - IP_SIZE));
	check = fold(sum(pseudo_sum(ip, size - IP_SIZE), udp, size - IP_SIZE));
	put16(udp + 6, check ? check : 0xffff);
}

int dhcp_packet_build(const struct dhcp_message *m, uint8_t *buf, size_t size)
{
	uint8_t *bootp = buf + IP_SIZE + UDP_SIZE;
	struct writer w = {bootp + BOOTP_SIZE + 4, buf + size};
	size_t used;

	if (size < IP_SIZE + UDP_SIZE + PAYLOAD_MIN)
		return -ENOBUFS;
	memset(buf, 0, size);
	bootp[0] = 1; /* a request */
	bootp[1] = 1; /* of Ethernet */
	bootp[2] = 6;
	put32(bootp + 4, m->xid);
	put16(bootp + 8, m->seconds);
	memcpy(bootp + 12, &m->client, 4);
	memcpy(bootp + 28, m->mac, 6);
	put32(bootp + BOOTP_SIZE, MAGIC);
	add_options(&w, m);
	if (!w.p || w.p >= w.end)
		return -ENOBUFS;
	*w.p++ = OPTION_END;
	used = (size_t) (w.p - buf);
	used = MAX(used, (size_t) (IP_SIZE + UDP_SIZE + PAYLOAD_MIN));
	put_headers(buf, used, m);
	return (int) used;
}

/* ---- options, each whole (RFC 3396: parts of the same code are one) ---- */

struct options {
	uint8_t data[OPTIONS_MAX];
	struct {
		uint16_t at, size;
		bool is_there;
	} of[256];
	size_t used;
};

/* Calls for each part in one field; the overload option's value is returned, or -EBADMSG. */
static int each_part(const uint8_t *p, size_t size,
                     int (*fn)(struct options *o, uint8_t code, const uint8_t *data, size_t n),
                     struct options *o)
{
	int overload = 0;

	for (size_t i = 0; i < size;) {
		uint8_t code = p[i++];
		size_t n;

		if (code == OPTION_PAD)
			continue;
		if (code == OPTION_END)
			break;
		if (i >= size)
			return -EBADMSG;
		n = p[i++];
		if (n > size - i)
			return -EBADMSG;
		if (code == OPTION_OVERLOAD && n == 1)
			overload = p[i] & 3;
		if (fn(o, code, p + i, n) < 0)
			return -EBADMSG;
		i += n;
	}
	return overload;
}

static int measure(struct options *o, uint8_t code, const uint8_t *data, size_t n)
{
	(void) data;
	o->used += n;
	o->of[code].size = (uint16_t) (o->of[code].size + n);
	o->of[code].is_there = true;
	return o->used > OPTIONS_MAX ? -1 : 0;
}

static int copy(struct options *o, uint8_t code, const uint8_t *data, size_t n)
{
	memcpy(o->data + o->of[code].at + o->of[code].size, data, n);
	o->of[code].size = (uint16_t) (o->of[code].size + n);
	return 0;
}

static int all_fields(const uint8_t *bootp, size_t size,
                      int (*fn)(struct options *o, uint8_t code, const uint8_t *data, size_t n),
                      struct options *o)
{
	int overload = each_part(bootp + BOOTP_SIZE + 4, size - BOOTP_SIZE - 4, fn, o),
	    r = overload;

	if (overload > 0 && overload & 1)
		r = each_part(bootp + 108, 128, fn, o); /* the boot file's name */
	if (r >= 0 && overload & 2)
		r = each_part(bootp + 44, 64, fn, o); /* the server's name */
	return r < 0 ? r : 0;
}

static int read_options(const uint8_t *bootp, size_t size, struct options *o)
{
	size_t at = 0;
	int r = all_fields(bootp, size, measure, o);

	if (r < 0)
		return r;
	for (size_t k = 0; k < ELEMENTSOF(o->of); k++) {
		o->of[k].at = (uint16_t) at;
		at += o->of[k].size;
		o->of[k].size = 0;
	}
	return all_fields(bootp, size, copy, o);
}

static const uint8_t *get(const struct options *o, int code, size_t *ret_size)
{
	*ret_size = o->of[code].size;
	return o->of[code].is_there ? o->data + o->of[code].at : NULL;
}

static struct in_addr one_address(const struct options *o, int code)
{
	size_t n;
	const uint8_t *p = get(o, code, &n);

	return p && n >= 4 ? get_address(p) : (struct in_addr){0};
}

static uint32_t number(const struct options *o, int code, size_t size, uint32_t fallback)
{
	size_t n;
	const uint8_t *p = get(o, code, &n);

	return !p || n != size ? fallback : size == 2 ? get16(p) : get32(p);
}

static size_t addresses(const struct options *o, int code, struct in_addr *to)
{
	size_t n, k = 0;
	const uint8_t *p = get(o, code, &n);

	for (; p && k < DHCP_LIST_MAX && n >= 4; n -= 4, p += 4)
		to[k++] = get_address(p);
	return k;
}

/* Only what a host name can have: it goes into files and, maybe, to programs. */
static bool is_name(const char *s)
{
	size_t n = strlen(s);

	if (!n || n > DHCP_NAME_MAX || *s == '-' || *s == '.')
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char) *s) && !strchr("-._", *s))
			return false;
	return true;
}

static void name(const struct options *o, int code, char to[DHCP_NAME_MAX + 1])
{
	size_t n;
	const uint8_t *p = get(o, code, &n);

	to[0] = '\0';
	if (!p || !n || n > DHCP_NAME_MAX)
		return;
	memcpy(to, p, n);
	to[n] = '\0';
	if (!is_name(to))
		to[0] = '\0';
}

/* A name of RFC 1035 with pointers backwards into the same option; the offset behind it, or 0. */
static size_t domain_name(const uint8_t *p, size_t size, size_t at, char to[DHCP_NAME_MAX + 1])
{
	size_t used = 0, end = 0;

	for (unsigned jumps = 0; at < size; at += p[at] + 1U) {
		unsigned n = p[at];

		if (n >= 0xc0) {
			size_t target = at + 1 < size ? (n & 0x3f) << 8 | p[at + 1] : at;

			if (target >= at || jumps++ > 16)
				return 0;
			end = end ? end : at + 2;
			at = target;
			n = p[at];
		}
		if (!n) {
			to[used ? used - 1 : 0] = '\0';
			return end ? end : at + 1;
		}
		if (n > 63 || at + 1 + n > size || used + n + 1 > DHCP_NAME_MAX)
			return 0;
		memcpy(to + used, p + at + 1, n);
		used += n;
		to[used++] = '.';
	}
	return 0;
}

size_t dhcp_names_read(const uint8_t *p, size_t n, char to[DHCP_LIST_MAX][DHCP_NAME_MAX + 1])
{
	size_t at = 0, k = 0;

	while (p && at < n && k < DHCP_LIST_MAX) {
		at = domain_name(p, n, at, to[k]);
		if (!at)
			break;
		k += is_name(to[k]);
	}
	return k;
}

static size_t search_list(const struct options *o, char to[DHCP_LIST_MAX][DHCP_NAME_MAX + 1])
{
	size_t n = 0;
	const uint8_t *p = get(o, OPTION_SEARCH, &n);

	return dhcp_names_read(p, n, to);
}

/* RFC 3442: a prefix, as many of its bytes as count, a router. 0: broken. */
static size_t classless_routes(const struct options *o, int code, struct dhcp_route *to)
{
	size_t n, k = 0;
	const uint8_t *p = get(o, code, &n), *end = p ? p + n : NULL;

	while (p && p < end && k < DHCP_ROUTES_MAX) {
		unsigned prefix = *p++, bytes = (prefix + 7) / 8;

		if (prefix > 32 || (size_t) (end - p) < bytes + 4)
			return 0;
		to[k] = (struct dhcp_route){.prefix = prefix};
		memcpy(&to[k].to, p, bytes);
		if (prefix < 32)
			to[k].to.s_addr &= prefix ? htonl(~0U << (32 - prefix)) : 0;
		to[k++].via = get_address(p + bytes);
		p += bytes + 4;
	}
	return k;
}

static size_t routes(const struct options *o, struct dhcp_route *to)
{
	size_t n = classless_routes(o, OPTION_ROUTES, to);
	struct in_addr router = one_address(o, OPTION_ROUTER);

	if (!n)
		n = classless_routes(o, OPTION_ROUTES_MICROSOFT, to);
	if (!n && router.s_addr)
		to[n++] = (struct dhcp_route){.via = router};
	return n;
}

static unsigned prefix_of(const struct options *o, struct in_addr address)
{
	size_t n;
	const uint8_t *p = get(o, OPTION_MASK, &n);
	uint32_t mask = p && n == 4 ? get32(p) : 0, top = ntohl(address.s_addr) >> 24;

	/* A mask with holes is none; then it is the class that the address had once. */
	if (mask && !(~mask & (~mask + 1)))
		return (unsigned) __builtin_popcount(mask);
	return top < 128 ? 8 : top < 192 ? 16 : 24;
}

static void fill(const struct options *o, struct in_addr address, struct dhcp_lease *l)
{
	uint32_t life = number(o, OPTION_LIFETIME, 4, 3600);

	*l = (struct dhcp_lease){.address = address};
	l->server = one_address(o, OPTION_SERVER);
	l->broadcast = one_address(o, OPTION_BROADCAST);
	l->wireserver = one_address(o, OPTION_WIRESERVER);
	l->prefix = prefix_of(o, address);
	l->mtu = number(o, OPTION_MTU, 2, 0);
	if (l->mtu < 576)
		l->mtu = 0;
	l->lifetime = MAX(life, 60U);
	l->t1 = number(o, OPTION_T1, 4, l->lifetime / 2);
	l->t2 = number(o, OPTION_T2, 4, l->lifetime - l->lifetime / 8);
	if (l->t2 >= l->lifetime)
		l->t2 = l->lifetime - l->lifetime / 8;
	if (l->t1 >= l->t2 || !l->t1)
		l->t1 = MIN(l->lifetime / 2, l->t2 - l->t2 / 8);
	l->n_dns = addresses(o, OPTION_DNS, l->dns);
	l->n_ntp = addresses(o, OPTION_NTP, l->ntp);
	l->n_routes = routes(o, l->routes);
	l->n_search = search_list(o, l->search);
	name(o, OPTION_HOST_NAME, l->host_name);
	name(o, OPTION_DOMAIN, l->domain);
}

/* ---- the packet around them ---- */

/* Where the BOOTP message is in an IP packet; its size, or an error. */
static int find_bootp(const uint8_t *p, size_t size, bool checksums, const uint8_t **ret)
{
	size_t head, total, udp_size;

	if (size < IP_SIZE || p[0] >> 4 != 4)
		return -ENOMSG;
	head = (p[0] & 15) * 4U;
	total = get16(p + 2);
	if (head < IP_SIZE || total > size || total < head + UDP_SIZE || p[9] != IPPROTO_UDP ||
	    get16(p + 6) & 0x3fff) /* fragments are not for us */
		return -ENOMSG;
	if (get16(p + head) != SERVER_PORT || get16(p + head + 2) != CLIENT_PORT)
		return -ENOMSG;
	udp_size = get16(p + head + 4);
	if (udp_size < UDP_SIZE || udp_size > total - head || fold(sum(0, p, head)))
		return -EBADMSG;
	if (checksums && get16(p + head + 6) &&
	    fold(sum(pseudo_sum(p, udp_size), p + head, udp_size)))
		return -EBADMSG;
	*ret = p + head + UDP_SIZE;
	return (int) (udp_size - UDP_SIZE);
}

int dhcp_packet_parse(const uint8_t *data, size_t size, uint32_t xid, const uint8_t mac[6],
                      bool checksums, struct dhcp_lease *ret)
{
	struct options o = {0};
	struct in_addr address;
	const uint8_t *bootp, *type;
	size_t n;
	int r = find_bootp(data, size, checksums, &bootp);

	if (r < 0)
		return r;
	if (r < BOOTP_SIZE + 4 || bootp[0] != 2 || bootp[1] != 1 || bootp[2] != 6 ||
	    get32(bootp + 4) != xid || memcmp(bootp + 28, mac, 6) != 0 ||
	    get32(bootp + BOOTP_SIZE) != MAGIC)
		return -ENOMSG;
	r = read_options(bootp, (size_t) r, &o);
	if (r < 0)
		return r;
	type = get(&o, OPTION_TYPE, &n);
	if (!type || n != 1 || (*type != DHCP_OFFER && *type != DHCP_ACK && *type != DHCP_NAK))
		return -ENOMSG;
	address = get_address(bootp + 16);
	if (*type != DHCP_NAK &&
	    (!address.s_addr || IN_MULTICAST(ntohl(address.s_addr)) ||
	     address.s_addr == INADDR_BROADCAST || ntohl(address.s_addr) >> 24 == 127))
		return -EBADMSG;
	fill(&o, address, ret);
	return *type;
}
