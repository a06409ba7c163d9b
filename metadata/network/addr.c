// SPDX-License-Identifier: Apache-2.0
/* Addresses and masks as texts. */
#include "metadata/network/network.h"

#include <arpa/inet.h>
#include <stdio.h>

bool is_ipv4_address(const char *s)
{
	struct in_addr a;

	return s && inet_pton(AF_INET, s, &a) == 1;
}

bool is_ipv6_address(const char *s)
{
	struct in6_addr a;

	return s && inet_pton(AF_INET6, s, &a) == 1;
}

bool is_ipv6_network(const char *s)
{
	const char *slash = strchr(s, '/');
	auto_free char *address = slash ? strndup(s, (size_t) (slash - s)) : strdup(s);
	uint32_t prefix = 0;

	return address && is_ipv6_address(address) &&
	       (!slash || (str_to_u32(slash + 1, &prefix) >= 0 && prefix <= 128));
}

int ipv4_mask_to_prefix(const char *mask)
{
	struct in_addr a;
	uint32_t n;

	if (str_to_u32(mask, &n) >= 0)
		return n <= 32 ? (int) n : -EINVAL;
	if (inet_pton(AF_INET, mask, &a) != 1)
		return -EINVAL;
	n = ntohl(a.s_addr);
	/* Ones first, then zeros only; the other way round it is a host mask. */
	if (n && !(n & (n + 1)) && n != ~0U)
		n = ~n;
	if (~n & (~n + 1))
		return -EINVAL;
	return __builtin_popcount(n);
}

int ipv6_mask_to_prefix(const char *mask)
{
	struct in6_addr a;
	uint32_t n;
	int prefix = 0;
	bool ended = false;

	if (str_to_u32(mask, &n) >= 0)
		return n <= 128 ? (int) n : -EINVAL;
	if (inet_pton(AF_INET6, mask, &a) != 1)
		return -EINVAL;
	for (int i = 0; i < 128; i++) {
		bool bit = a.s6_addr[i / 8] >> (7 - i % 8) & 1;

		if (bit && ended)
			return -EINVAL;
		ended = !bit;
		prefix += bit;
	}
	return prefix;
}

void ipv4_prefix_to_mask(unsigned prefix, char ret[16])
{
	struct in_addr a = {.s_addr = prefix ? htonl(~0U << (32 - MIN(prefix, 32U))) : 0};

	inet_ntop(AF_INET, &a, ret, 16);
}

int ipv4_broadcast(const char *address, const char *mask, char ret[16])
{
	int prefix = ipv4_mask_to_prefix(mask);
	struct in_addr a;

	if (prefix < 0 || inet_pton(AF_INET, address, &a) != 1)
		return -EINVAL;
	if (prefix < 32)
		a.s_addr |= htonl(prefix ? ~(~0U << (32 - prefix)) : ~0U);
	inet_ntop(AF_INET, &a, ret, 16);
	return 0;
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if ((a[i / 8] ^ b[i / 8]) >> (7 - i % 8) & 1)
			return false;
	return true;
}

int ip_in_subnet(const char *address, const char *subnet)
{
	const char *slash = strchr(subnet, '/');
	auto_free char *base = slash ? strndup(subnet, (size_t) (slash - subnet)) : strdup(subnet);
	uint8_t a[16], b[16];
	bool is_v6;
	int prefix;

	if (!base)
		return -ENOMEM;
	is_v6 = strchr(base, ':');
	if (inet_pton(is_v6 ? AF_INET6 : AF_INET, base, b) != 1)
		return -EINVAL;
	prefix = is_v6 ? 128 : 32;
	if (slash)
		prefix = is_v6 ? ipv6_mask_to_prefix(slash + 1) : ipv4_mask_to_prefix(slash + 1);
	if (prefix < 0)
		return prefix;
	if (inet_pton(is_v6 ? AF_INET6 : AF_INET, address, a) != 1)
		return strchr(address, ':')       ? is_ipv6_address(address) ? 0 : -EINVAL
		       : is_ipv4_address(address) ? 0
		                                  : -EINVAL;
	return same_bits(a, b, (unsigned) prefix);
}
