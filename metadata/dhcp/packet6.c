// SPDX-License-Identifier: Apache-2.0
/* Messages of DHCPv6 (RFC 8415): type, transaction, options of 16-bit code and length. */
#include "metadata/dhcp/dhcp6.h"

#define HEADER      4
#define DEFAULT_AGE 3600 /* of a server that leaves T1 and T2 to us and gives for ever */

/* clang-format off */
enum option {
	OPTION_CLIENT = 1, OPTION_SERVER = 2, OPTION_IA_NA = 3, OPTION_IAADDR = 5, OPTION_WANTED = 6,
	OPTION_ELAPSED = 8, OPTION_STATUS = 13, OPTION_DNS = 23, OPTION_DOMAINS = 24,
};
/* clang-format on */
enum status { STATUS_SUCCESS, STATUS_NO_ADDRESSES = 2, STATUS_NO_BINDING };

static unsigned get16(const uint8_t *p)
{
	return (unsigned) p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t) get16(p) << 16 | get16(p + 2);
}

/* DUID-LL: of the interface alone, so that it is the same at each boot and another one in each machine. */
static void make_duid(const uint8_t mac[6], uint8_t ret[10])
{
	memcpy(ret, "\0\3\0\1", 4);
	memcpy(ret + 4, mac, 6);
}

/* ---- to a server ---- */

struct writer {
	uint8_t *buf;
	size_t used, size;
};

static void put(struct writer *w, const void *data, size_t n)
{
	if (w->used + n <= w->size && n)
		memcpy(w->buf + w->used, data, n);
	w->used += n;
}

static void put16(struct writer *w, unsigned v)
{
	put(w, (uint8_t[]){(uint8_t) (v >> 8), (uint8_t) v}, 2);
}

static void put32(struct writer *w, uint32_t v)
{
	put16(w, v >> 16);
	put16(w, v & 0xffff);
}

static void put_option(struct writer *w, enum option code, const void *data, size_t n)
{
	put16(w, code);
	put16(w, (unsigned) n);
	put(w, data, n);
}

static void put_address(struct writer *w, const struct dhcp6_message *m)
{
	put16(w, OPTION_IA_NA);
	put16(w, m->lease ? 12 + 4 + 24 : 12);
	put(w, m->mac + 2, 4); /* one address an interface: its name is the interface's */
	put32(w, 0);
	put32(w, 0);
	if (!m->lease)
		return;
	put16(w, OPTION_IAADDR);
	put16(w, 24);
	put(w, &m->lease->address, 16);
	put32(w, 0);
	put32(w, 0);
}

int dhcp6_message_build(const struct dhcp6_message *m, uint8_t *buf, size_t size)
{
	static const uint8_t wanted[] = {0, OPTION_DNS, 0, OPTION_DOMAINS};
	struct writer w = {buf, 0, size};
	uint8_t duid[10];

	make_duid(m->mac, duid);
	put32(&w, (uint32_t) m->type << 24 | (m->xid & 0xffffff));
	put_option(&w, OPTION_CLIENT, duid, sizeof(duid));
	if (m->to_server && m->lease)
		put_option(&w, OPTION_SERVER, m->lease->server, m->lease->server_size);
	put16(&w, OPTION_ELAPSED);
	put16(&w, 2);
	put16(&w, MIN(m->hundredths, 0xffffU));
	put_address(&w, m);
	if (m->type != DHCP6_RELEASE)
		put_option(&w, OPTION_WANTED, wanted, sizeof(wanted));
	return w.used <= size ? (int) w.used : -ENOBUFS;
}

/* ---- from a server ---- */

/* The option at *@at, whose offset moves behind it; false: none is left, or it is broken (*@at is not the end then). */
static bool next(const uint8_t *p, size_t size, size_t *at, unsigned *code, const uint8_t **data,
                 size_t *n)
{
	if (size - *at < 4 || size - *at - 4 < get16(p + *at + 2))
		return false;
	*code = get16(p + *at);
	*n = get16(p + *at + 2);
	*data = p + *at + 4;
	*at += 4 + *n;
	return true;
}

struct reading {
	struct dhcp6_lease lease;
	bool is_ours, has_address, is_refused;
};

static bool is_usable(const struct in6_addr *a)
{
	return !IN6_IS_ADDR_UNSPECIFIED(a) && !IN6_IS_ADDR_LOOPBACK(a) &&
	       !IN6_IS_ADDR_MULTICAST(a) && !IN6_IS_ADDR_LINKLOCAL(a) && !IN6_IS_ADDR_V4MAPPED(a);
}

static void read_status(struct reading *x, const uint8_t *p, size_t n)
{
	if (n >= 2 && get16(p) != STATUS_SUCCESS)
		x->is_refused = true;
}

/* The first address that can be used; one that is taken back has no time left. */
static void read_iaaddr(struct reading *x, const uint8_t *p, size_t n)
{
	struct in6_addr a;
	uint32_t preferred, valid;

	if (n < 24 || x->has_address)
		return;
	memcpy(&a, p, 16);
	preferred = get32(p + 16);
	valid = get32(p + 20);
	if (!is_usable(&a) || !valid || preferred > valid)
		return;
	x->lease.address = a;
	x->lease.preferred = preferred;
	x->lease.valid = valid;
	x->has_address = true;
}

static int read_ia(struct reading *x, const uint8_t *p, size_t n, const uint8_t mac[6])
{
	size_t at = 12, size;
	const uint8_t *data;
	unsigned code;

	if (n < 12)
		return -EBADMSG;
	if (memcmp(p, mac + 2, 4) != 0)
		return 0;
	x->lease.t1 = get32(p + 4);
	x->lease.t2 = get32(p + 8);
	while (next(p, n, &at, &code, &data, &size)) {
		if (code == OPTION_IAADDR)
			read_iaaddr(x, data, size);
		else if (code == OPTION_STATUS)
			read_status(x, data, size);
	}
	return at == n ? 0 : -EBADMSG;
}

static void read_servers(struct reading *x, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i + 16 <= n && x->lease.n_dns < DHCP_LIST_MAX; i += 16)
		memcpy(&x->lease.dns[x->lease.n_dns++], p + i, 16);
}

static int read_option(struct reading *x, unsigned code, const uint8_t *p, size_t n,
                       const uint8_t mac[6])
{
	uint8_t duid[10];

	switch (code) {
	case OPTION_CLIENT:
		make_duid(mac, duid);
		x->is_ours = n == sizeof(duid) && !memcmp(p, duid, n);
		return 0;
	case OPTION_SERVER:
		if (!n || n > DHCP6_DUID_MAX)
			return -EBADMSG;
		memcpy(x->lease.server, p, n);
		x->lease.server_size = n;
		return 0;
	case OPTION_IA_NA:
		return read_ia(x, p, n, mac);
	case OPTION_STATUS:
		read_status(x, p, n);
		return 0;
	case OPTION_DNS:
		read_servers(x, p, n);
		return 0;
	case OPTION_DOMAINS:
		x->lease.n_search = dhcp_names_read(p, n, x->lease.search);
		return 0;
	default:
		return 0;
	}
}

/* RFC 8415, 14.2 and 21.4: what the server leaves open is half and four fifths of the preferred time. */
static void fill_times(struct dhcp6_lease *l)
{
	uint32_t base = l->preferred == UINT32_MAX ? DEFAULT_AGE : l->preferred;

	if (!l->t1 || l->t1 > l->preferred)
		l->t1 = base / 2;
	if (!l->t2 || l->t2 > l->valid)
		l->t2 = base / 5 * 4;
	l->t2 = MAX(l->t2, l->t1);
}

int dhcp6_message_parse(const uint8_t *data, size_t size, uint32_t xid, const uint8_t mac[6],
                        struct dhcp6_lease *ret)
{
	struct reading x = {.is_ours = false};
	size_t at = HEADER, n;
	const uint8_t *p;
	unsigned code;
	int r = 0;

	if (size < HEADER || (get32(data) & 0xffffff) != (xid & 0xffffff) ||
	    (data[0] != DHCP6_ADVERTISE && data[0] != DHCP6_REPLY))
		return -ENOMSG;
	while (r >= 0 && next(data, size, &at, &code, &p, &n))
		r = read_option(&x, code, p, n, mac);
	if (r < 0 || at != size)
		return -EBADMSG;
	if (!x.is_ours || !x.lease.server_size)
		return -ENOMSG;
	if (x.is_refused || !x.has_address)
		return -EADDRNOTAVAIL;
	fill_times(&x.lease);
	*ret = x.lease;
	return data[0];
}
