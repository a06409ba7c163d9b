// SPDX-License-Identifier: Apache-2.0
/* The programs are run here by a small interpreter: what they decide is seen without a kernel that takes them. */
#include "cgroup/filter.h"

#include "check.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <sys/sysmacros.h>

struct packet {
	uint8_t bytes[64];
	size_t size;
	uint32_t protocol;
};

static uint64_t load(const void *context, const uint8_t *stack, const struct packet *p,
                     const struct bpf_insn *i)
{
	uint32_t word;

	if (i->src_reg == BPF_REG_10) {
		memcpy(&word, stack + 512 + i->off, sizeof(word));
		return word;
	}
	if (p && i->off == offsetof(struct __sk_buff, protocol))
		return p->protocol;
	memcpy(&word, (const uint8_t *) context + i->off, sizeof(word));
	return word;
}

/* The kernel takes no program with a part that nothing leads to. */
static bool is_reachable(const struct filter *f)
{
	static bool seen[FILTER_INSTRUCTIONS_MAX + 1];

	memset(seen, 0, sizeof(seen));
	seen[0] = true;
	/* Every jump is forward. */
	for (size_t at = 0; at < f->n; at++) {
		const struct bpf_insn *i = &f->code[at];
		uint8_t class = BPF_CLASS(i->code);
		bool jumps = (class == BPF_JMP || class == BPF_JMP32) &&
		             BPF_OP(i->code) != BPF_CALL && BPF_OP(i->code) != BPF_EXIT;

		if (!seen[at])
			return false;
		if (jumps && (i->off < 0 || at + 1 + (size_t) i->off >= f->n))
			return false;
		if (jumps)
			seen[at + 1 + (size_t) i->off] = true;
		if (class != BPF_JMP || BPF_OP(i->code) != BPF_EXIT)
			seen[at + 1] = true;
	}
	return !seen[f->n];
}

/* What filter_add() is used for, and no more; -1: something else. */
static int run(const struct filter *f, const void *context, const struct packet *p)
{
	uint8_t stack[512] = {0};
	uint64_t r[11] = {0};

	if (!is_reachable(f))
		return -1;
	for (size_t at = 0, steps = 0; at < f->n && steps < 100000; at++, steps++) {
		const struct bpf_insn *i = &f->code[at];
		uint64_t right =
			BPF_SRC(i->code) == BPF_X ? r[i->src_reg] : (uint64_t) (int64_t) i->imm;
		uint64_t *left = &r[i->dst_reg];

		switch (i->code) {
		case BPF_LDX | BPF_W | BPF_MEM:
			*left = load(context, stack, p, i);
			break;
		case BPF_ALU64 | BPF_MOV | BPF_K:
		case BPF_ALU64 | BPF_MOV | BPF_X:
			*left = right;
			break;
		case BPF_ALU64 | BPF_AND | BPF_K:
			*left &= right;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			*left = (uint32_t) *left & (uint32_t) right;
			break;
		case BPF_ALU64 | BPF_RSH | BPF_K:
			*left >>= right;
			break;
		case BPF_ALU64 | BPF_ADD | BPF_K:
			*left += right;
			break;
		case BPF_JMP | BPF_JNE | BPF_K:
		case BPF_JMP | BPF_JNE | BPF_X:
			at += *left != right ? (size_t) i->off : 0;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			at += *left == right ? (size_t) i->off : 0;
			break;
		case BPF_JMP32 | BPF_JNE | BPF_K:
			at += (uint32_t) *left != (uint32_t) right ? (size_t) i->off : 0;
			break;
		case BPF_JMP | BPF_CALL:
			r[0] = p && r[2] + r[4] <= p->size ? 0 : UINT64_MAX;
			if (r[0] == 0)
				memcpy(stack + 512 - 16, p->bytes + r[2], r[4]);
			break;
		case BPF_JMP | BPF_EXIT:
			return (int) r[0];
		default:
			return -1;
		}
	}
	return -1;
}

static int device(const struct filter *f, int type, unsigned major_number, unsigned minor_number,
                  int access)
{
	struct bpf_cgroup_dev_ctx c = {.access_type = (uint32_t) access << 16 | (uint32_t) type,
	                               .major = major_number,
	                               .minor = minor_number};

	return run(f, &c, NULL);
}

#define CHARACTER BPF_DEVCG_DEV_CHAR
#define BLOCK     BPF_DEVCG_DEV_BLOCK
#define READ      BPF_DEVCG_ACC_READ
#define WRITE     BPF_DEVCG_ACC_WRITE
#define MKNOD     BPF_DEVCG_ACC_MKNOD

static struct filter filter;

static int write_devices(const struct cgroup_settings *s)
{
	filter.n = 0;
	filter.full = false;
	return device_filter_write(s, &filter);
}

TEST(device_filter__without_a_policy_and_a_list_there_is_none)
{
	struct cgroup_settings s = {0};

	CHECK_INT(write_devices(&s), ==, 0);
}

TEST(device_filter__closed_leaves_the_pseudo_devices)
{
	struct cgroup_settings s = {.device_policy = DEVICE_POLICY_CLOSED};

	CHECK_INT(write_devices(&s), ==, 1);
	CHECK_INT(device(&filter, CHARACTER, 1, 3, READ | WRITE), ==, 1);
	CHECK_INT(device(&filter, CHARACTER, 1, 3, MKNOD), ==, 1);
	CHECK_INT(device(&filter, CHARACTER, 1, 9, READ), ==, 1);
	CHECK_INT(device(&filter, CHARACTER, 1, 1, READ), ==, 0); /* mem */
	CHECK_INT(device(&filter, BLOCK, 1, 3, READ), ==, 0);
	CHECK_INT(device(&filter, BLOCK, 8, 0, READ), ==, 0);
	/* Terminals may be used, but not made. */
	CHECK_INT(device(&filter, CHARACTER, 136, 7, READ | WRITE), ==, 1);
	CHECK_INT(device(&filter, CHARACTER, 136, 7, MKNOD), ==, 0);
}

TEST(device_filter__strict_leaves_the_list_alone)
{
	char *allow[] = {(char *) "/dev/zero r", (char *) "/dev/block/8:1 rw",
	                 (char *) "/dev/is-not-there rwm", NULL};
	struct cgroup_settings s = {.device_policy = DEVICE_POLICY_STRICT, .device_allow = allow};

	CHECK_INT(write_devices(&s), ==, 1);
	CHECK_INT(device(&filter, CHARACTER, 1, 5, READ), ==, 1);
	CHECK_INT(device(&filter, CHARACTER, 1, 5, WRITE), ==, 0);
	CHECK_INT(device(&filter, CHARACTER, 1, 5, READ | WRITE), ==, 0);
	CHECK_INT(device(&filter, CHARACTER, 1, 3, READ), ==, 0);
	CHECK_INT(device(&filter, BLOCK, 8, 1, READ | WRITE), ==, 1);
	CHECK_INT(device(&filter, BLOCK, 8, 2, READ), ==, 0);
	CHECK_INT(device(&filter, CHARACTER, 8, 1, READ), ==, 0);
}

TEST(device_filter__names_of_drivers_and_patterns)
{
	char *allow[] = {(char *) "char-pt* r", (char *) "block-* m", NULL};
	struct cgroup_settings s = {.device_policy = DEVICE_POLICY_STRICT, .device_allow = allow};

	CHECK_INT(write_devices(&s), ==, 1);
	CHECK_INT(device(&filter, CHARACTER, 136, 0, READ), ==, 1);
	CHECK_INT(device(&filter, CHARACTER, 136, 0, WRITE), ==, 0);
	CHECK_INT(device(&filter, BLOCK, 259, 3, MKNOD), ==, 1);
	CHECK_INT(device(&filter, BLOCK, 259, 3, READ), ==, 0);
}

static int packet(bool egress, const char *peer)
{
	struct packet p = {.size = 40};
	bool six = strchr(peer, ':');

	p.protocol = six ? htons(ETH_P_IPV6) : htons(ETH_P_IP);
	if (inet_pton(six ? AF_INET6 : AF_INET, peer,
	              p.bytes + (six      ? egress ? 24 : 8
	                         : egress ? 16
	                                  : 12)) != 1)
		return -1;
	return run(&filter, NULL, &p);
}

static int write_addresses(char **allow, char **deny, bool egress)
{
	char **const allows[] = {allow, NULL}, **const denies[] = {deny, NULL};

	filter.n = 0;
	filter.full = false;
	return ip_filter_write(allows, denies, egress, &filter);
}

TEST(ip_filter__nothing_denied_is_no_filter)
{
	char *allow[] = {(char *) "10.0.0.0/8", NULL};

	CHECK_INT(write_addresses(allow, NULL, false), ==, 0);
}

TEST(ip_filter__allow_goes_before_deny)
{
	char *allow[] = {(char *) "localhost", (char *) "192.0.2.64/26", (char *) "2001:db8:5::/48",
	                 NULL},
	     *deny[] = {(char *) "any", NULL};

	for (int egress = 0; egress < 2; egress++) {
		CHECK_INT(write_addresses(allow, deny, egress), ==, 1);
		CHECK_INT(packet(egress, "127.1.2.3"), ==, 1);
		CHECK_INT(packet(egress, "128.0.0.1"), ==, 0);
		CHECK_INT(packet(egress, "192.0.2.63"), ==, 0);
		CHECK_INT(packet(egress, "192.0.2.64"), ==, 1);
		CHECK_INT(packet(egress, "192.0.2.127"), ==, 1);
		CHECK_INT(packet(egress, "192.0.2.128"), ==, 0);
		CHECK_INT(packet(egress, "::1"), ==, 1);
		CHECK_INT(packet(egress, "::2"), ==, 0);
		CHECK_INT(packet(egress, "2001:db8:5:ffff::9"), ==, 1);
		CHECK_INT(packet(egress, "2001:db8:6::9"), ==, 0);
	}
}

TEST(ip_filter__what_no_list_has_passes)
{
	char *deny[] = {(char *) "multicast", (char *) "198.51.100.7", (char *) "fe80::/10", NULL};

	CHECK_INT(write_addresses(NULL, deny, true), ==, 1);
	CHECK_INT(packet(true, "224.0.0.251"), ==, 0);
	CHECK_INT(packet(true, "240.0.0.1"), ==, 1);
	CHECK_INT(packet(true, "198.51.100.7"), ==, 0);
	CHECK_INT(packet(true, "198.51.100.8"), ==, 1);
	CHECK_INT(packet(true, "ff02::1"), ==, 0);
	CHECK_INT(packet(true, "febf::1"), ==, 0);
	CHECK_INT(packet(true, "fec0::1"), ==, 1);
}

TEST(ip_filter__other_protocols_pass_and_short_packets_do_not)
{
	char *deny[] = {(char *) "any", NULL};
	struct packet p = {.size = 12, .protocol = htons(ETH_P_ARP)};

	CHECK_INT(write_addresses(NULL, deny, false), ==, 1);
	CHECK_INT(run(&filter, NULL, &p), ==, 1);
	p.protocol = htons(ETH_P_IP);
	CHECK_INT(run(&filter, NULL, &p), ==, 0);
}

TEST(ip_filter__too_many_prefixes_are_refused_not_cut)
{
	static char text[2000][16];
	static char *deny[2001];

	for (size_t i = 0; i < 2000; i++) {
		(void) snprintf(text[i], sizeof(text[i]), "10.0.%zu.%zu", i / 256, i % 256);
		deny[i] = text[i];
	}
	CHECK_INT(write_addresses(NULL, deny, false), ==, 1);
	CHECK(filter.full);
}
