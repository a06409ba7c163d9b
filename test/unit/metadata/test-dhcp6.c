// SPDX-License-Identifier: Apache-2.0
/* Messages of DHCPv6: what is sent, and what of a server's answer is believed. */
#include "check.h"

#include "metadata/boot/lease-kernel.h"

#include <arpa/inet.h>

#define XID 0x123456U

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
static uint8_t message[1024];
static size_t used;

static void option(unsigned code, const void *data, size_t size)
{
	memcpy(message + used,
	       (uint8_t[]){(uint8_t) (code >> 8), (uint8_t) code, (uint8_t) (size >> 8),
	                   (uint8_t) size},
	       4);
	memcpy(message + used + 4, data, size);
	used += 4 + size;
}

static void begin(enum dhcp6_type type)
{
	memcpy(message, (uint8_t[]){(uint8_t) type, 0x12, 0x34, 0x56}, 4);
	used = 4;
	option(1, "\0\3\0\1\2\0\0\0\0\1", 10);
	option(2, "\0\1server", 8);
}

/* T1, T2, an address and its times, and perhaps a status of the association. */
static void association(const char *address, uint32_t t1, uint32_t t2, uint32_t preferred,
                        uint32_t valid, int status)
{
	uint8_t ia[12 + 28 + 6] = {0, 0, 0, 1};
	uint32_t times[] = {htonl(t1), htonl(t2), htonl(preferred), htonl(valid)};
	struct in6_addr a;

	if (inet_pton(AF_INET6, address, &a) != 1)
		abort();
	memcpy(ia + 4, times, 8);
	memcpy(ia + 12, (uint8_t[]){0, 5, 0, 24}, 4);
	memcpy(ia + 16, &a, 16);
	memcpy(ia + 32, times + 2, 8);
	memcpy(ia + 40, (uint8_t[]){0, 13, 0, 2, 0, (uint8_t) status}, 6);
	option(3, ia, status < 0 ? 40 : 46);
}

static int parse(struct dhcp6_lease *l)
{
	return dhcp6_message_parse(message, used, XID, mac, l);
}

static const char *text(const struct in6_addr *a)
{
	static char buf[INET6_ADDRSTRLEN];

	return inet_ntop(AF_INET6, a, buf, sizeof(buf));
}

TEST(dhcp6__a_lease_with_everything)
{
	struct dhcp6_lease l;
	struct in6_addr dns[2];

	inet_pton(AF_INET6, "fd00::53", &dns[0]);
	inet_pton(AF_INET6, "fd00::54", &dns[1]);
	begin(DHCP6_REPLY);
	association("fd00::5", 600, 960, 1200, 1800, 0);
	option(23, dns, sizeof(dns));
	option(24, "\3one\7example\0\2-x\0\3two\0", 22);
	CHECK_INT(parse(&l), ==, DHCP6_REPLY);
	CHECK_STR(text(&l.address), "fd00::5");
	CHECK_INT(l.preferred, ==, 1200);
	CHECK_INT(l.valid, ==, 1800);
	CHECK_INT(l.t1, ==, 600);
	CHECK_INT(l.t2, ==, 960);
	CHECK_INT(l.server_size, ==, 8);
	CHECK_INT(l.n_dns, ==, 2);
	CHECK_STR(text(&l.dns[1]), "fd00::54");
	CHECK_INT(l.n_search, ==, 2); /* "-x" is no name */
	CHECK_STR(l.search[1], "two");
}

TEST(dhcp6__times_that_are_left_to_us_are_the_rfcs)
{
	struct dhcp6_lease l;

	begin(DHCP6_ADVERTISE);
	association("fd00::5", 0, 0, 1000, 2000, -1);
	CHECK_INT(parse(&l), ==, DHCP6_ADVERTISE);
	CHECK_INT(l.t1, ==, 500);
	CHECK_INT(l.t2, ==, 800);
	begin(DHCP6_REPLY);
	association("fd00::5", 0, 0, UINT32_MAX, UINT32_MAX, -1);
	CHECK_INT(parse(&l), ==, DHCP6_REPLY);
	CHECK_INT(l.valid, ==, UINT32_MAX);
	CHECK_INT(l.t1, ==, 1800);
}

TEST(dhcp6__what_is_not_for_us_or_no_address_is_told_apart)
{
	static const struct {
		const char *address;
		uint32_t preferred, valid;
		int status, want;
	} rows[] = {
		{"fd00::5", 10, 20, 2, -EADDRNOTAVAIL},
		{"fd00::5", 0, 0, -1, -EADDRNOTAVAIL},
		{"fd00::5", 30, 20, -1, -EADDRNOTAVAIL},
		{"fe80::5", 10, 20, -1, -EADDRNOTAVAIL},
		{"ff02::5", 10, 20, -1, -EADDRNOTAVAIL},
		{"::1", 10, 20, -1, -EADDRNOTAVAIL},
		{"::ffff:1.2.3.4", 9, 9, 0, -EADDRNOTAVAIL},
		{"2001:db8::5", 10, 20, 0, DHCP6_REPLY},
	};
	struct dhcp6_lease l;

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		begin(DHCP6_REPLY);
		association(rows[i].address, 0, 0, rows[i].preferred, rows[i].valid,
		            rows[i].status);
		CHECK_INT(parse(&l), ==, rows[i].want);
	}
	CHECK_INT(dhcp6_message_parse(message, used, XID + 1, mac, &l), ==, -ENOMSG);
	CHECK_INT(dhcp6_message_parse(message, used, XID, (const uint8_t[6]){2, 0, 0, 0, 0, 2}, &l),
	          ==, -ENOMSG);
	CHECK_INT(dhcp6_message_parse(message, used - 1, XID, mac, &l), ==, -EBADMSG);
	CHECK_INT(dhcp6_message_parse(message, 3, XID, mac, &l), ==, -ENOMSG);
	begin(DHCP6_SOLICIT);
	association("fd00::5", 0, 0, 10, 20, 0);
	CHECK_INT(parse(&l), ==, -ENOMSG);
}

TEST(dhcp6__a_request_names_the_server_and_the_address)
{
	struct dhcp6_message m = {.type = DHCP6_SOLICIT, .xid = XID, .hundredths = 300};
	struct dhcp6_lease l = {.server_size = 3, .server = "abc"};
	uint8_t buf[256];
	int n;

	memcpy(m.mac, mac, 6);
	n = dhcp6_message_build(&m, buf, sizeof(buf));
	CHECK_INT(n, ==, 4 + 14 + 6 + 16 + 8);
	CHECK(!memcmp(buf, "\1\x12\x34\x56\0\1\0\x0a\0\3\0\1\2\0\0\0\0\1\0\x08\0\2\x01\x2c", 24));
	inet_pton(AF_INET6, "fd00::5", &l.address);
	m.type = DHCP6_REQUEST;
	m.lease = &l;
	m.to_server = true;
	n = dhcp6_message_build(&m, buf, sizeof(buf));
	CHECK_INT(n, ==, 4 + 14 + 7 + 6 + 16 + 28 + 8);
	CHECK(memmem(buf, (size_t) n, "\0\2\0\3abc", 7));
	CHECK(memmem(buf, (size_t) n, &l.address, 16));
	CHECK_INT(dhcp6_message_build(&m, buf, 40), ==, -ENOBUFS);
}

TEST(dhcp6__a_lease_that_is_kept_comes_back)
{
	auto_json cJSON *kept = NULL, *again = NULL;
	struct lease_set l = {.n = 0}, same = {.n = 0};
	struct lease_entry *e = lease_add(&l, "eth0");

	e->six.how = SIX_DHCP;
	e->six.is_bound = true;
	inet_pton(AF_INET6, "fd00::5", &e->six.lease.address);
	memcpy(e->six.lease.server, "\0\xff", 2);
	e->six.lease.server_size = 2;
	e->six.lease.valid = UINT32_MAX;
	e->six.bound_at = 5;
	CHECK_INT(leases_to_json(&l, &kept), ==, 0);
	leases_of_json(kept, &same);
	CHECK_INT(same.n, ==, 1);
	CHECK(!same.items[0].is_wanted && same.items[0].six.is_bound && same.items[0].six.is_set);
	CHECK_STR(text(&same.items[0].six.lease.address), "fd00::5");
	CHECK_INT(same.items[0].six.lease.server[1], ==, 0xff);
	CHECK_INT(same.items[0].six.lease.valid, ==, UINT32_MAX);
	CHECK_INT(leases_to_json(&same, &again), ==, 0);
	CHECK(cJSON_Compare(kept, again, true));
}
