// SPDX-License-Identifier: Apache-2.0
/* Addresses of sockets: systemd.socket(5). */
#include "check.h"

#include "types/socket.h"

static void round_trip(const char *text, bool have_ipv6, const char *want, int family)
{
	struct socket_target t;
	auto_free char *formatted = NULL;

	CHECK_INT(socket_address_parse(text, SOCKET_PORT_STREAM, have_ipv6, &t), ==, 0);
	CHECK_INT(t.address.sa.sa_family, ==, family);
	CHECK_INT(t.type, ==, SOCK_STREAM);
	CHECK_INT(socket_address_format(&t.address, t.size, &formatted), ==, 0);
	CHECK_STR(formatted, want);
}

TEST(socket_address__all_forms_are_understood)
{
	round_trip("80", true, "[::]:80", AF_INET6);
	round_trip("80", false, "0.0.0.0:80", AF_INET);
	round_trip("127.0.0.1:8080", true, "127.0.0.1:8080", AF_INET);
	round_trip("[::1]:22", true, "[::1]:22", AF_INET6);
	round_trip("/run/x.sock", true, "/run/x.sock", AF_UNIX);
	round_trip("@abstract", true, "@abstract", AF_UNIX);
	round_trip("vsock:2:1234", true, "vsock:2:1234", AF_VSOCK);
	round_trip("vsock::1234", true, "vsock:4294967295:1234", AF_VSOCK);
}

TEST(socket_address__nonsense_is_refused)
{
	static const char *const bad[] = {"",          "0",          "65536",    "x",
	                                  "1.2.3.4",   "1.2.3:80",   "1.2.3.4:", "[::1]",
	                                  "[::1]80",   "[zz]:80",    "@",        "vsock:2",
	                                  "vsock:x:1", "1.2.3.4:80x"};
	struct socket_target t;
	char long_path[200];

	for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
		if (socket_address_parse(bad[i], SOCKET_PORT_STREAM, true, &t) >= 0)
			printf("\n      taken: \"%s\"", bad[i]);
		CHECK_INT(socket_address_parse(bad[i], SOCKET_PORT_STREAM, true, &t), <, 0);
	}
	memset(long_path, 'a', sizeof(long_path));
	long_path[0] = '/';
	long_path[sizeof(long_path) - 1] = 0;
	CHECK_INT(socket_address_parse(long_path, SOCKET_PORT_STREAM, true, &t), ==, -ENAMETOOLONG);
	CHECK_INT(socket_address_parse("80", SOCKET_PORT_FIFO, true, &t), ==, -EINVAL);
}

TEST(socket_instance__is_named_by_both_ends)
{
	struct socket_target a, b;
	const struct ucred cred = {.pid = 12, .uid = 34};
	auto_free char *tcp = NULL, *mapped = NULL, *local = NULL;

	socket_address_parse("1.2.3.4:80", SOCKET_PORT_STREAM, true, &a);
	socket_address_parse("5.6.7.8:99", SOCKET_PORT_STREAM, true, &b);
	CHECK_INT(socket_instance_suffix(&a.address, &b.address, NULL, &tcp), ==, 0);
	CHECK_STR(tcp, "1.2.3.4:80-5.6.7.8:99");
	socket_address_parse("[::ffff:1.2.3.4]:80", SOCKET_PORT_STREAM, true, &a);
	CHECK_INT(socket_instance_suffix(&a.address, &b.address, NULL, &mapped), ==, 0);
	CHECK_STR(mapped, "1.2.3.4:80-5.6.7.8:99");
	socket_address_parse("/x", SOCKET_PORT_STREAM, true, &a);
	CHECK_INT(socket_instance_suffix(&a.address, &a.address, &cred, &local), ==, 0);
	CHECK_STR(local, "12-34");
}
