// SPDX-License-Identifier: Apache-2.0
/* IPAddressAllow=, IPAddressDeny=: systemd.resource-control(5). What an allow list has passes, then what a deny list has does not, the rest passes. */
#include "cgroup/filter.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>

#define STACK_ADDRESS (-16)

struct prefix {
	int family;
	unsigned bits;
	union {
		uint8_t bytes[16];
		uint32_t words[4];
	} address, mask;
};

/* clang-format off */
static const struct { const char *name, *prefixes[2]; } names[] = {
	{ "any",	{ "0.0.0.0/0",	    "::/0" } },
	{ "localhost",	{ "127.0.0.0/8",    "::1/128" } },
	{ "link-local", { "169.254.0.0/16", "fe80::/64" } },
	{ "multicast",	{ "224.0.0.0/4",    "ff00::/8" } },
};
/* clang-format on */

static int prefix_parse(const char *s, struct prefix *ret)
{
	struct prefix p = {.family = strchr(s, ':') ? AF_INET6 : AF_INET};
	unsigned max = p.family == AF_INET6 ? 128 : 32;
	auto_free char *copy = strdup(s);
	char *slash = copy ? strchr(copy, '/') : NULL;

	if (!copy)
		return -ENOMEM;
	p.bits = max;
	if (slash) {
		*slash++ = 0;
		if (str_to_u32(slash, &p.bits) < 0 || p.bits > max)
			return -EINVAL;
	}
	if (inet_pton(p.family, copy, p.address.bytes) != 1)
		return -EINVAL;
	for (unsigned i = 0; i < max / 8; i++) {
		unsigned bits = p.bits > i * 8 ? MIN(p.bits - i * 8, 8U) : 0;

		p.mask.bytes[i] = (uint8_t) (0xff00U >> bits);
		p.address.bytes[i] &= p.mask.bytes[i];
	}
	*ret = p;
	return 0;
}

/* if (the address on the stack is in the prefix) return @verdict; */
static void add_prefix(struct filter *f, const struct prefix *p, int verdict)
{
	unsigned n = 0;

	for (unsigned i = 0; i < (p->family == AF_INET6 ? 4U : 1U); i++)
		n += p->mask.words[i] != 0;
	for (unsigned i = 0; n > 0 && i < (p->family == AF_INET6 ? 4U : 1U); i++) {
		if (p->mask.words[i] == 0)
			continue;
		n--;
		filter_add(f, BPF_LDX | BPF_W | BPF_MEM, BPF_REG_1, BPF_REG_10,
		           (int16_t) (STACK_ADDRESS + 4 * (int) i), 0);
		filter_add(f, BPF_ALU | BPF_AND | BPF_K, BPF_REG_1, 0, 0,
		           (int32_t) p->mask.words[i]);
		/* Over the words that are left, and the return. */
		filter_add(f, BPF_JMP32 | BPF_JNE | BPF_K, BPF_REG_1, 0, (int16_t) (3 * n + 2),
		           (int32_t) p->address.words[i]);
	}
	filter_return(f, verdict);
}

/* 1: the prefix is all addresses. What would come behind it is never reached, and the kernel takes no program with such a part. */
static int add_one(struct filter *f, const char *text, int family, int verdict)
{
	struct prefix p;
	int r;

	for (size_t i = 0; i < ELEMENTSOF(names); i++)
		if (streq(names[i].name, text))
			text = names[i].prefixes[family == AF_INET6];
	r = prefix_parse(text, &p);
	if (r < 0 || p.family != family)
		return r;
	add_prefix(f, &p, verdict);
	return p.bits == 0;
}

static int add_lists(struct filter *f, char **const *lists, int family, int verdict)
{
	int r = 0;

	for (; *lists && r == 0; lists++)
		STRV_FOREACH (text, *lists)
			if (r == 0)
				r = add_one(f, *text, family, verdict);
	return r;
}

/* The peer's address onto the stack. A packet that is too short to have one does not pass. */
static void add_load(struct filter *f, int offset, int size)
{
	filter_add(f, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_6, 0, 0);
	filter_add(f, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, offset);
	filter_add(f, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_10, 0, 0);
	/* BPF_K and BPF_ADD are both 0. */
	filter_add(f, BPF_ALU64 | BPF_ADD, BPF_REG_3, 0, 0, STACK_ADDRESS);
	filter_add(f, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_4, 0, 0, size);
	filter_add(f, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_skb_load_bytes);
	filter_add(f, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 2, 0);
	filter_return(f, 0);
}

static int add_family(struct filter *f, char **const *allow, char **const *deny, int family,
                      int offset)
{
	int r;

	add_load(f, offset, family == AF_INET6 ? 16 : 4);
	r = add_lists(f, allow, family, 1);
	if (r == 0)
		r = add_lists(f, deny, family, 0);
	if (r == 0)
		filter_return(f, 1);
	return r;
}

int ip_filter_write(char **const *allow, char **const *deny, bool egress, struct filter *f)
{
	size_t jump;
	int r;

	/* What is allowed is allowed anyway, without something that is denied. */
	if (!*deny)
		return 0;
	filter_add(f, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_1, 0, 0);
	filter_add(f, BPF_LDX | BPF_W | BPF_MEM, BPF_REG_7, BPF_REG_6,
	           offsetof(struct __sk_buff, protocol), 0);
	jump = f->n;
	filter_add(f, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_7, 0, 0, htons(ETH_P_IP));
	/* Where the header has the source, and the destination. */
	r = add_family(f, allow, deny, AF_INET, egress ? 16 : 12);
	if (!f->full)
		f->code[jump].off = (int16_t) (f->n - jump - 1);
	jump = f->n;
	filter_add(f, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_7, 0, 0, htons(ETH_P_IPV6));
	if (r >= 0)
		r = add_family(f, allow, deny, AF_INET6, egress ? 24 : 8);
	if (!f->full)
		f->code[jump].off = (int16_t) (f->n - jump - 1);
	filter_return(f, 1);
	return r < 0 ? r : 1;
}
