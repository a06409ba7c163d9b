// SPDX-License-Identifier: Apache-2.0
/* value-socket.c - the values of [Socket]: systemd.socket(5). */
#include "unitfile/value.h"
#include "unitfile/name.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>

#define VSOCK_PREFIX  "vsock:"
#define UNIX_PATH_MAX 107
#define MQ_NAME_MAX   255
#define PORT_MAX      65535U

static bool port_is_valid(const char *s)
{
	int64_t port;

	return parse_number(s, false, &port) >= 0 && port > 0 && port <= PORT_MAX;
}

/* "[addr]:port", "[addr%scope]:port". */
static bool inet6_is_valid(const char *s)
{
	const char *close = strchr(s, ']');
	auto_free char *address = close ? strndup(s + 1, (size_t) (close - s - 1)) : NULL;
	struct in6_addr bytes;
	char *scope;

	if (!address || close[1] != ':')
		return false;
	scope = strchr(address, '%');
	if (scope) {
		*scope++ = 0;
		if (!*scope || strlen(scope) >= IFNAMSIZ * 4)
			return false;
	}
	return inet_pton(AF_INET6, address, &bytes) == 1 && port_is_valid(close + 2);
}

static bool inet_is_valid(const char *s)
{
	const char *colon = strrchr(s, ':');
	auto_free char *address = colon ? strndup(s, (size_t) (colon - s)) : NULL;
	struct in_addr bytes;

	if (!colon)
		return port_is_valid(s);
	return address && inet_pton(AF_INET, address, &bytes) == 1 && port_is_valid(colon + 1);
}

/* "vsock:[CID]:PORT", since 252 with a type before the CID ("vsock-stream:"), which its kind decides here. */
static bool vsock_is_valid(const char *s)
{
	const char *rest = str_after(s, VSOCK_PREFIX), *colon = rest ? strchr(rest, ':') : NULL;
	auto_free char *cid = colon ? strndup(rest, (size_t) (colon - rest)) : NULL;
	uint32_t n;

	return cid && (!*cid || str_to_u32(cid, &n) >= 0) && str_to_u32(colon + 1, &n) >= 0;
}

static bool address_is_valid(const char *s, enum socket_port_kind kind)
{
	if (*s == '/')
		return s[1] && strlen(s) <= UNIX_PATH_MAX;
	if (*s == '@')
		return s[1] && strlen(s) <= UNIX_PATH_MAX;
	if (*s == '[')
		return inet6_is_valid(s) && kind != SOCKET_PORT_SEQPACKET;
	if (str_after(s, VSOCK_PREFIX))
		return vsock_is_valid(s) && kind != SOCKET_PORT_SEQPACKET;
	return inet_is_valid(s) && kind != SOCKET_PORT_SEQPACKET;
}

static const char *const netlink_families[] = {
	"route",   "firewall",       "inet-diag",  "nflog",         "xfrm",      "selinux",
	"iscsi",   "audit",          "fib-lookup", "connector",     "netfilter", "ip6-fw",
	"dnrtmsg", "kobject-uevent", "generic",    "scsitransport", "ecryptfs",  "rdma",
};

/* "family group", the family by name or number. */
static bool netlink_is_valid(const char *s)
{
	auto_strv char **words = NULL;
	int64_t n;

	if (word_split(s, NULL, 0, &words) < 0 || !words || strv_length(words) > 2)
		return false;
	if (ENUM_FROM_STRING(netlink_families, words[0]) < 0 &&
	    (parse_number(words[0], false, &n) < 0 || n > INT32_MAX))
		return false;
	return !words[1] || (parse_number(words[1], false, &n) >= 0 && n <= UINT32_MAX);
}

/* Only its form as a path: whether there can be such a queue is for the kernel to say. */
static bool mq_name_is_valid(const char *s)
{
	return path_is_normalized(s) && strlen(s) < MQ_NAME_MAX;
}

static bool port_text_is_valid(char *s, enum socket_port_kind kind)
{
	switch (kind) {
	case SOCKET_PORT_STREAM:
	case SOCKET_PORT_DATAGRAM:
	case SOCKET_PORT_SEQPACKET:
		if (*s == '/')
			path_simplify(s);
		return address_is_valid(s, kind);
	case SOCKET_PORT_NETLINK:
		return netlink_is_valid(s);
	case SOCKET_PORT_MESSAGE_QUEUE:
		return mq_name_is_valid(s);
	default:
		path_simplify(s);
		return path_is_normalized(s);
	}
}

VALUE_PARSER(listen)
{
	enum socket_port_kind kind = (enum socket_port_kind) arg;
	struct socket_port **list = field, *port;
	auto_free char *s = NULL;
	int r;

	if (!*value) {
		free_ports(*list);
		*list = NULL;
		return 0;
	}
	r = parse_expand(p, value, false, &s);
	if (r <= 0)
		return r;
	if (!port_text_is_valid(s, kind))
		return parse_warn(p, "'%.100s' is no address, ignored", s);
	if (str_after(s, "/var/run/")) {
		diag_add(p->d, 0, DIAG_INFO, p->path, p->line,
		         "%s= is below the legacy directory /var/run, /run is used", p->key);
		memmove(s, s + strlen("/var"), strlen(s) - strlen("/var") + 1);
	}
	port = calloc(1, sizeof(*port));
	if (!port)
		return -ENOMEM;
	*port = (struct socket_port){.kind = kind, .address = TAKE_PTR(s)};
	chain_append(list, port);
	return 0;
}

VALUE_PARSER(socket_protocol)
{
	static const struct {
		const char *name;
		int protocol;
	} rows[] = {{"udplite", IPPROTO_UDPLITE}, {"sctp", IPPROTO_SCTP}, {"mptcp", 262}};

	(void) p;
	(void) arg;
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		if (streq(rows[i].name, value)) {
			*(int *) field = rows[i].protocol;
			return 0;
		}
	}
	return -EINVAL;
}

VALUE_PARSER(bind_ipv6_only)
{
	static const char *const words[] = {"default", "both", "ipv6-only"};
	int i = ENUM_FROM_STRING(words, value), b;

	(void) p;
	(void) arg;
	if (i < 0) {
		/* A boolean is the socket option itself. */
		b = str_to_bool(value);
		if (b < 0)
			return b;
		i = b ? 2 : 1;
	}
	*(int *) field = i - 1;
	return 0;
}

VALUE_PARSER(ip_tos)
{
	static const struct {
		const char *name;
		int tos;
	} rows[] = {{"low-delay", IPTOS_LOWDELAY},
	            {"throughput", IPTOS_THROUGHPUT},
	            {"reliability", IPTOS_RELIABILITY},
	            {"low-cost", IPTOS_LOWCOST}};
	int v, r;

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		if (streq(rows[i].name, value)) {
			*(int *) field = rows[i].tos;
			return 0;
		}
	}
	if (!*value) {
		*(int *) field = -1;
		return 0;
	}
	r = value_int(p, value, &v, arg);
	if (r < 0 || v < 0 || v > 255)
		return r < 0 ? r : -ERANGE;
	*(int *) field = v;
	return 0;
}

VALUE_PARSER(timestamping)
{
	static const struct {
		const char *name;
		int value;
	} rows[] = {{"off", 0},       {"us", 1}, {"usec", 1}, {"\xc2\xb5s", 1},
	            {"\xce\xbcs", 1}, {"ns", 2}, {"nsec", 2}};
	int b;

	(void) p;
	(void) arg;
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		if (streq(rows[i].name, value)) {
			*(int *) field = rows[i].value;
			return 0;
		}
	}
	/* "no" only: a "yes" would not say how fine. */
	b = str_to_bool(value);
	if (b != 0)
		return -EINVAL;
	*(int *) field = 0;
	return 0;
}

VALUE_PARSER(fdname)
{
	auto_free char *s = NULL;
	int r;

	(void) arg;
	if (!*value)
		return str_set(field, NULL);
	r = parse_expand(p, value, false, &s);
	if (r <= 0)
		return r;
	if (!*s || strlen(s) > 255 || strchr(s, ':') || !text_is_safe(s))
		return parse_warn(p, "'%.100s' is no name of a file descriptor, ignored", s);
	return str_set(field, s);
}

VALUE_PARSER(socket_service)
{
	(void) arg;
	return value_unit_name(p, value, field, UNIT_SERVICE);
}

VALUE_PARSER(interface)
{
	int64_t n;

	(void) arg;
	if (!*value || streq(value, "*"))
		return str_set(field, NULL);
	/* An index is no name; specifiers are not resolved here. */
	if (strlen(value) >= IFNAMSIZ || (parse_number(value, true, &n) >= 0 && n >= 0) ||
	    strpbrk(value, "/:% \t") || streq(value, ".") || streq(value, "..") ||
	    streq(value, "all") || streq(value, "default"))
		return parse_warn(p, "'%.60s' is no network interface, ignored", value);
	return str_set(field, value);
}
