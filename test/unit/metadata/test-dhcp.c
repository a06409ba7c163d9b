// SPDX-License-Identifier: Apache-2.0
/* Packets of the DHCP client: what it sends, and what of a server's answer it believes. */
#include "check.h"

#include "metadata/dhcp/dhcp.h"

#include <arpa/inet.h>

#define XID 0xdeadbeefU

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
static uint8_t packet[1500];
static size_t used;

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t) (p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t) (v >> 8);
	p[1] = (uint8_t) v;
}

static uint32_t sum(const uint8_t *p, size_t n, uint32_t s)
{
	for (size_t i = 0; i < n; i++)
		s += i % 2 ? p[i] : (uint32_t) p[i] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

static void begin(enum dhcp_type type)
{
	memset(packet, 0, sizeof(packet));
	packet[0] = 0x45;
	packet[8] = 64;
	packet[9] = IPPROTO_UDP;
	memcpy(packet + 12, "\x0a\0\0\1\xff\xff\xff\xff", 8);
	put16(packet + 20, 67);
	put16(packet + 22, 68);
	memcpy(packet + 28, "\2\1\6\0\xde\xad\xbe\xef", 8);
	memcpy(packet + 28 + 16, "\x0a\0\0\x05", 4);
	memcpy(packet + 28 + 28, mac, 6);
	memcpy(packet + 28 + 236, "\x63\x82\x53\x63", 4);
	used = 28 + 240;
	memcpy(packet + used, "\x35\1", 2);
	packet[used + 2] = (uint8_t) type;
	memcpy(packet + used + 3, "\x36\4\x0a\0\0\1", 6);
	used += 9;
}

static void option(uint8_t code, const void *data, size_t size)
{
	packet[used++] = code;
	packet[used++] = (uint8_t) size;
	memcpy(packet + used, data, size);
	used += size;
}

static int parse(struct dhcp_lease *ret)
{
	packet[used++] = 255;
	put16(packet + 2, (unsigned) used);
	put16(packet + 24, (unsigned) used - 20);
	put16(packet + 10, 0);
	put16(packet + 10, ~sum(packet, 20, 0) & 0xffff);
	put16(packet + 26, 0);
	put16(packet + 26, ~sum(packet + 20, used - 20,
	                        sum(packet + 12, 8, (uint32_t) (IPPROTO_UDP + used - 20))) &
	                           0xffff);
	return dhcp_packet_parse(packet, used, XID, mac, true, ret);
}

static const char *text(struct in_addr a)
{
	static char buf[4][INET_ADDRSTRLEN];
	static unsigned k;

	return inet_ntop(AF_INET, &a, buf[k++ % 4], INET_ADDRSTRLEN);
}

TEST(dhcp_packet__asks_as_rfc_2131_says)
{
	struct dhcp_message m = {.type = DHCP_DISCOVER, .xid = XID, .host_name = "box"};
	uint8_t buf[DHCP_FRAME_MAX];
	int n;

	memcpy(m.mac, mac, 6);
	n = dhcp_packet_build(&m, buf, sizeof(buf));
	CHECK_INT(n, >=, 28 + 300);
	CHECK_INT(get16(buf + 2), ==, n);
	CHECK_INT(sum(buf, 20, 0), ==, 0xffff);
	CHECK_INT(
		sum(buf + 20, (size_t) n - 20, sum(buf + 12, 8, (uint32_t) (IPPROTO_UDP + n - 20))),
		==, 0xffff);
	CHECK_INT(get16(buf + 22), ==, 67);
	CHECK(!memcmp(buf + 16, "\xff\xff\xff\xff", 4));
	CHECK(!memcmp(buf + 28 + 240, "\x35\1\1\x3d\7\1\2\0\0\0\0\1", 12));
	CHECK(memmem(buf, (size_t) n, "\x0c\3box", 5) != NULL);
	/* Classless routes are asked for before the router. */
	CHECK(memmem(buf, (size_t) n, "\x79\1\3", 3) != NULL);
	CHECK_INT(dhcp_packet_build(&m, buf, 100), ==, -ENOBUFS);
}

TEST(dhcp_packet__lease_of_an_answer)
{
	struct dhcp_lease l;

	begin(DHCP_ACK);
	option(1, "\xff\xff\xf0\0", 4);
	option(3, "\x0a\0\0\1", 4);
	option(6, "\1\1\1\1\x08\x08\x08\x08", 8);
	option(12, "box", 3);
	option(15, "example.org", 11);
	option(26, "\x23\x28", 2);
	option(51, "\0\0\x0e\x10", 4);
	option(119, "\7example\3org\0\3sub\xc0\0", 19);
	option(245, "\xa8\x3f\x81\x10", 4);
	CHECK_INT(parse(&l), ==, DHCP_ACK);
	CHECK_STR(text(l.address), "10.0.0.5");
	CHECK_STR(text(l.server), "10.0.0.1");
	CHECK_STR(text(l.wireserver), "168.63.129.16");
	CHECK_INT(l.prefix, ==, 20);
	CHECK_INT(l.mtu, ==, 9000);
	CHECK_INT(l.lifetime, ==, 3600);
	CHECK_INT(l.t1, ==, 1800);
	CHECK_INT(l.t2, ==, 3150);
	CHECK_INT(l.n_dns, ==, 2);
	CHECK_STR(text(l.dns[1]), "8.8.8.8");
	CHECK_STR(l.host_name, "box");
	CHECK_STR(l.domain, "example.org");
	CHECK_INT(l.n_search, ==, 2);
	CHECK_STR(l.search[1], "sub.example.org");
	CHECK_INT(l.n_routes, ==, 1);
	CHECK_STR(text(l.routes[0].via), "10.0.0.1");
}

TEST(dhcp_packet__classless_routes_stand_in_for_the_router)
{
	struct dhcp_lease l;

	begin(DHCP_ACK);
	option(3, "\x0a\0\0\x63", 4);
	option(249, "\0\x0a\0\0\x62", 5);
	/* In two parts, which are one (RFC 3396). */
	option(121, "\0\x0a\0\0\1\x20\xa9\xfe", 8);
	option(121, "\xa9\xfe\0\0\0\0\x19\xc0\xa8\1\xff\x0a\0\0\2", 15);
	CHECK_INT(parse(&l), ==, DHCP_ACK);
	CHECK_INT(l.n_routes, ==, 3);
	CHECK_STR(text(l.routes[0].via), "10.0.0.1");
	CHECK_INT(l.routes[1].prefix, ==, 32);
	CHECK_STR(text(l.routes[1].to), "169.254.169.254");
	CHECK_INT(l.routes[1].via.s_addr, ==, 0);
	CHECK_STR(text(l.routes[2].to), "192.168.1.128");
}

TEST(dhcp_packet__a_broken_route_list_is_none)
{
	struct dhcp_lease l;

	begin(DHCP_ACK);
	option(3, "\x0a\0\0\1", 4);
	option(121, "\x21\1\2\3\4\x0a\0\0\2", 9);
	CHECK_INT(parse(&l), ==, DHCP_ACK);
	CHECK_INT(l.n_routes, ==, 1);
	CHECK_STR(text(l.routes[0].via), "10.0.0.1");
}

TEST(dhcp_packet__what_is_not_for_us)
{
	struct dhcp_lease l;

	begin(DHCP_ACK);
	packet[28 + 7] ^= 1; /* another transaction */
	CHECK_INT(parse(&l), ==, -ENOMSG);
	begin(DHCP_ACK);
	packet[28 + 28] ^= 1; /* another machine */
	CHECK_INT(parse(&l), ==, -ENOMSG);
	begin(DHCP_REQUEST); /* a client's */
	CHECK_INT(parse(&l), ==, -ENOMSG);
	begin(DHCP_ACK);
	packet[6] = 0x20; /* a fragment */
	CHECK_INT(parse(&l), ==, -ENOMSG);
	begin(DHCP_ACK);
	packet[28 + 16] = 127;
	CHECK_INT(parse(&l), ==, -EBADMSG);
}

TEST(dhcp_packet__checksums_count)
{
	struct dhcp_lease l;

	begin(DHCP_ACK);
	CHECK_INT(parse(&l), ==, DHCP_ACK);
	packet[used - 3] ^= 1;
	CHECK_INT(dhcp_packet_parse(packet, used, XID, mac, true, &l), ==, -EBADMSG);
	CHECK_INT(dhcp_packet_parse(packet, used, XID, mac, false, &l), ==, DHCP_ACK);
}

TEST(dhcp_packet__an_option_longer_than_the_packet)
{
	struct dhcp_lease l;

	begin(DHCP_ACK);
	packet[used++] = 12;
	packet[used++] = 200;
	CHECK_INT(parse(&l), ==, -EBADMSG);
}

TEST(dhcp_packet__options_in_the_old_fields)
{
	struct dhcp_lease l;

	begin(DHCP_ACK);
	option(52, "\3", 1);
	memcpy(packet + 28 + 108, "\x0f\7in.file\xff", 10);
	memcpy(packet + 28 + 44, "\x0c\4name\xff", 7);
	CHECK_INT(parse(&l), ==, DHCP_ACK);
	CHECK_STR(l.domain, "in.file");
	CHECK_STR(l.host_name, "name");
}

TEST(dhcp_packet__names_are_names)
{
	struct dhcp_lease l;

	begin(DHCP_ACK);
	option(12, "$(reboot)", 9);
	option(15, "a/../b", 6);
	option(119, "\xc0\0", 2); /* a pointer to itself */
	CHECK_INT(parse(&l), ==, DHCP_ACK);
	CHECK_STR(l.host_name, "");
	CHECK_STR(l.domain, "");
	CHECK_INT(l.n_search, ==, 0);
}

TEST(dhcp_packet__times_are_put_in_order)
{
	struct dhcp_lease l;

	begin(DHCP_ACK);
	option(51, "\0\0\0\x64", 4);
	option(58, "\0\0\1\0", 4); /* T1 and T2 behind the end */
	option(59, "\0\0\2\0", 4);
	CHECK_INT(parse(&l), ==, DHCP_ACK);
	CHECK_INT(l.t1, <, l.t2);
	CHECK_INT(l.t2, <, l.lifetime);
	begin(DHCP_ACK);
	option(51, "\xff\xff\xff\xff", 4);
	CHECK_INT(parse(&l), ==, DHCP_ACK);
	CHECK(l.lifetime == UINT32_MAX);
}
