// SPDX-License-Identifier: Apache-2.0
/* Addresses of sockets, from and to text: systemd.socket(5), ListenStream=. Pure but for the index
 * of an interface. */
#include "types/socket.h"

#include <arpa/inet.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <stdio.h>

static const int kind_type[] = {
	[SOCKET_PORT_STREAM] = SOCK_STREAM,
	[SOCKET_PORT_DATAGRAM] = SOCK_DGRAM,
	[SOCKET_PORT_SEQPACKET] = SOCK_SEQPACKET,
};

static int parse_port(const char *text, in_port_t *ret)
{
	uint64_t port;

	if (str_to_u64(text, 10, &port) < 0 || port == 0 || port > UINT16_MAX)
		return -EINVAL;
	*ret = htons((uint16_t) port);
	return 0;
}

static int parse_unix(const char *text, struct socket_target *t)
{
	size_t n = strlen(text);
	struct sockaddr_un *un = &t->address.un;

	if (n >= sizeof(un->sun_path))
		return -ENAMETOOLONG;
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, text, n);
	if (*text == '@') {
		if (n < 2)
			return -EINVAL;
		un->sun_path[0] = 0;
		t->size = (socklen_t) (offsetof(struct sockaddr_un, sun_path) + n);
	} else {
		t->size = (socklen_t) (offsetof(struct sockaddr_un, sun_path) + n + 1);
	}
	return 0;
}

static int parse_u32_or_any(const char *text, uint32_t *ret)
{
	if (!*text) {
		*ret = VMADDR_CID_ANY;
		return 0;
	}
	return str_to_u32(text, ret);
}

static int parse_vsock(const char *text, struct socket_target *t)
{
	struct sockaddr_vm *vm = (struct sockaddr_vm *) &t->address.storage;
	const char *colon = strchr(text, ':');
	auto_free char *cid = NULL;
	uint32_t c, p;

	if (!colon)
		return -EINVAL;
	cid = strndup(text, (size_t) (colon - text));
	if (!cid)
		return -ENOMEM;
	if (parse_u32_or_any(cid, &c) < 0 || str_to_u32(colon + 1, &p) < 0)
		return -EINVAL;
	vm->svm_family = AF_VSOCK;
	vm->svm_cid = c;
	vm->svm_port = p;
	t->size = sizeof(*vm);
	return 0;
}

static int parse_ipv6(const char *text, struct socket_target *t)
{
	const char *end = strchr(text, ']');
	struct sockaddr_in6 *in6 = &t->address.in6;
	auto_free char *host = NULL;
	char *scope;

	if (!end || end[1] != ':')
		return -EINVAL;
	host = strndup(text + 1, (size_t) (end - text - 1));
	if (!host)
		return -ENOMEM;
	scope = strchr(host, '%');
	if (scope) {
		uint32_t index;

		*scope++ = 0;
		index = if_nametoindex(scope);
		if (index == 0 && str_to_u32(scope, &index) < 0)
			return -EINVAL;
		in6->sin6_scope_id = index;
	}
	if (inet_pton(AF_INET6, host, &in6->sin6_addr) != 1)
		return -EINVAL;
	in6->sin6_family = AF_INET6;
	t->size = sizeof(*in6);
	return parse_port(end + 2, &in6->sin6_port);
}

static int parse_ipv4(const char *text, struct socket_target *t)
{
	const char *colon = strrchr(text, ':');
	struct sockaddr_in *in = &t->address.in;
	auto_free char *host = strndup(text, (size_t) (colon - text));

	if (!host)
		return -ENOMEM;
	if (inet_pton(AF_INET, host, &in->sin_addr) != 1)
		return -EINVAL;
	in->sin_family = AF_INET;
	t->size = sizeof(*in);
	return parse_port(colon + 1, &in->sin_port);
}

static int parse_bare_port(const char *text, bool have_ipv6, struct socket_target *t)
{
	if (have_ipv6) {
		t->address.in6.sin6_family = AF_INET6;
		t->size = sizeof(t->address.in6);
		return parse_port(text, &t->address.in6.sin6_port);
	}
	t->address.in.sin_family = AF_INET;
	t->size = sizeof(t->address.in);
	return parse_port(text, &t->address.in.sin_port);
}

int socket_address_parse(const char *text, enum socket_port_kind kind, bool have_ipv6,
                         struct socket_target *ret)
{
	struct socket_target t = {0};
	int r;

	if (kind > SOCKET_PORT_SEQPACKET)
		return -EINVAL;
	t.type = kind_type[kind];
	if (*text == '/' || *text == '@')
		r = parse_unix(text, &t);
	else if (str_after(text, "vsock:"))
		r = parse_vsock(str_after(text, "vsock:"), &t);
	else if (*text == '[')
		r = parse_ipv6(text, &t);
	else if (strchr(text, ':'))
		r = parse_ipv4(text, &t);
	else
		r = parse_bare_port(text, have_ipv6, &t);
	if (r < 0)
		return r;
	*ret = t;
	return 0;
}

int socket_address_format(const union socket_address *a, socklen_t size, char **ret)
{
	char host[INET6_ADDRSTRLEN];
	size_t n;
	char *s;

	switch (a->sa.sa_family) {
	case AF_INET:
		if (!inet_ntop(AF_INET, &a->in.sin_addr, host, sizeof(host)))
			return -errno;
		s = str_printf("%s:%u", host, ntohs(a->in.sin_port));
		break;
	case AF_INET6:
		if (!inet_ntop(AF_INET6, &a->in6.sin6_addr, host, sizeof(host)))
			return -errno;
		s = str_printf("[%s]:%u", host, ntohs(a->in6.sin6_port));
		break;
	case AF_UNIX:
		if (size <= offsetof(struct sockaddr_un, sun_path)) {
			s = strdup("");
			break;
		}
		n = size - offsetof(struct sockaddr_un, sun_path);
		if (a->un.sun_path[0])
			s = strndup(a->un.sun_path, n);
		else
			s = str_printf("@%.*s", (int) (n - 1), a->un.sun_path + 1);
		break;
	case AF_VSOCK: {
		const struct sockaddr_vm *vm = (const struct sockaddr_vm *) &a->storage;

		s = str_printf("vsock:%u:%u", vm->svm_cid, vm->svm_port);
		break;
	}
	default:
		return -EAFNOSUPPORT;
	}
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 0;
}

/* In a unit's name: an IPv6 address without brackets, and IPv4 in IPv6 as IPv4. */
static int format_for_name(const union socket_address *a, char **ret)
{
	char host[INET6_ADDRSTRLEN];
	const void *address;
	int family = a->sa.sa_family;
	unsigned port;

	if (family == AF_VSOCK) {
		const struct sockaddr_vm *vm = (const struct sockaddr_vm *) &a->storage;

		*ret = str_printf("%u:%u", vm->svm_cid, vm->svm_port);
		return *ret ? 0 : -ENOMEM;
	}
	if (family == AF_INET) {
		address = &a->in.sin_addr;
		port = ntohs(a->in.sin_port);
	} else if (family == AF_INET6) {
		address = &a->in6.sin6_addr;
		port = ntohs(a->in6.sin6_port);
		if (IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr)) {
			family = AF_INET;
			address = a->in6.sin6_addr.s6_addr + 12;
		}
	} else {
		return -EAFNOSUPPORT;
	}
	if (!inet_ntop(family, address, host, sizeof(host)))
		return -errno;
	*ret = str_printf("%s:%u", host, port);
	return *ret ? 0 : -ENOMEM;
}

int socket_instance_suffix(const union socket_address *local, const union socket_address *peer,
                           const struct ucred *cred, char **ret)
{
	auto_free char *l = NULL, *p = NULL;
	int r;

	if (local->sa.sa_family == AF_UNIX) {
		*ret = cred ? str_printf("%d-%u", cred->pid, cred->uid) : strdup("unknown");
		return *ret ? 0 : -ENOMEM;
	}
	r = format_for_name(local, &l);
	if (r >= 0)
		r = format_for_name(peer, &p);
	if (r < 0)
		return r;
	*ret = str_printf("%s-%s", l, p);
	return *ret ? 0 : -ENOMEM;
}
