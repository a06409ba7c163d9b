// SPDX-License-Identifier: Apache-2.0
#include "exec/child/seccomp-rules.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define REFUSE SCMP_ACT_ERRNO(EPERM)

/* "no call of this group" settings. */
/* clang-format off */
static const struct { size_t offset; const char *group; } group_rules[] = {
	{ offsetof(struct exec_settings, protect_kernel_tunables), "_sysctl" },
	{ offsetof(struct exec_settings, protect_kernel_modules),  "@module" },
	{ offsetof(struct exec_settings, protect_kernel_logs),	   "syslog" },
	{ offsetof(struct exec_settings, protect_clock),	   "@clock" },
	{ offsetof(struct exec_settings, protect_hostname),	   "sethostname" },
	{ offsetof(struct exec_settings, protect_hostname),	   "setdomainname" },
	{ offsetof(struct exec_settings, private_devices),	   "@raw-io" },
};

/* Calls by which a file gets its mode, and which argument that is. */
static const struct { const char *call; unsigned argument; int create; /* argument with open's flags, -1 */ } mode_calls[] = {
	{ "chmod", 1, -1 }, { "fchmod", 1, -1 }, { "fchmodat", 2, -1 }, { "mkdir", 1, -1 }, { "mkdirat", 2, -1 }, { "mknod", 1, -1 },
	{ "mknodat", 2, -1 }, { "creat", 1, -1 }, { "open", 2, 1 }, { "openat", 3, 2 },
};

/* CLONE_NEW* of RestrictNamespaces=. */
static const uint64_t namespace_flags[] = { CLONE_NEWCGROUP, CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUSER, CLONE_NEWUTS };

static const struct { const char *name; int number; } families[] = {
#define X(name) { #name, name },
	X(AF_UNIX) X(AF_LOCAL) X(AF_INET) X(AF_AX25) X(AF_IPX) X(AF_APPLETALK) X(AF_NETROM) X(AF_BRIDGE) X(AF_ATMPVC) X(AF_X25) X(AF_INET6)
	X(AF_ROSE) X(AF_DECnet) X(AF_NETBEUI) X(AF_SECURITY) X(AF_KEY) X(AF_NETLINK) X(AF_ROUTE) X(AF_PACKET) X(AF_ASH) X(AF_ECONET)
	X(AF_ATMSVC) X(AF_RDS) X(AF_SNA) X(AF_IRDA) X(AF_PPPOX) X(AF_WANPIPE) X(AF_LLC) X(AF_IB) X(AF_MPLS) X(AF_CAN) X(AF_TIPC)
	X(AF_BLUETOOTH) X(AF_IUCV) X(AF_RXRPC) X(AF_ISDN) X(AF_PHONET) X(AF_IEEE802154) X(AF_CAIF) X(AF_ALG) X(AF_NFC) X(AF_VSOCK)
	X(AF_KCM) X(AF_QIPCRTR) X(AF_SMC) X(AF_XDP) X(AF_MCTP)
#undef X
};
/* clang-format on */

static bool restricts_namespaces(const struct exec_settings *s)
{
	return s->restrict_namespaces != UINT64_MAX;
}

static bool flag_at(const struct exec_settings *s, size_t offset)
{
	return *(const bool *) ((const char *) s + offset);
}

bool rules_wanted(const struct exec_settings *s)
{
	for (size_t i = 0; i < ELEMENTSOF(group_rules); i++)
		if (flag_at(s, group_rules[i].offset))
			return true;
	return s->memory_deny_write_execute || s->restrict_realtime || s->restrict_suid_sgid ||
	       s->lock_personality || restricts_namespaces(s);
}

static int rule_group(const char *call, void *userdata)
{
	return filter_rule(userdata, REFUSE, call, 0, NULL);
}

/* One argument compared; @datum_b is for MASKED_EQ: (argument & a) == b. */
static int rule_one(scmp_filter_ctx f, const char *call, unsigned argument, enum scmp_compare op,
                    uint64_t a, uint64_t b)
{
	struct scmp_arg_cmp compare = {.arg = argument, .op = op, .datum_a = a, .datum_b = b};

	return filter_rule(f, REFUSE, call, 1, &compare);
}

static int rules_memory(scmp_filter_ctx f)
{
	uint64_t both = PROT_WRITE | PROT_EXEC;
	int r;

	r = rule_one(f, "mmap", 2, SCMP_CMP_MASKED_EQ, both, both);
	if (r >= 0)
		r = rule_one(f, "mmap2", 2, SCMP_CMP_MASKED_EQ, both, both);
	if (r >= 0)
		r = rule_one(f, "mprotect", 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC);
	if (r >= 0)
		r = rule_one(f, "pkey_mprotect", 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC);
	return r < 0 ? r : rule_one(f, "shmat", 2, SCMP_CMP_MASKED_EQ, SHM_EXEC, SHM_EXEC);
}

static int rules_realtime(scmp_filter_ctx f)
{
	static const int refused[] = {SCHED_FIFO, SCHED_RR, SCHED_DEADLINE};
	int r = rule_one(f, "sched_setscheduler", 1, SCMP_CMP_GT, SCHED_DEADLINE, 0);

	for (size_t i = 0; i < ELEMENTSOF(refused) && r >= 0; i++)
		r = rule_one(f, "sched_setscheduler", 1, SCMP_CMP_EQ, (uint64_t) refused[i], 0);
	return r;
}

static int rules_suid_sgid(scmp_filter_ctx f)
{
	static const uint64_t bits[] = {S_ISUID, S_ISGID};
	int r = 0;

	for (size_t i = 0; i < ELEMENTSOF(mode_calls) && r >= 0; i++)
		for (size_t k = 0; k < ELEMENTSOF(bits) && r >= 0; k++) {
			struct scmp_arg_cmp compare[2] = {
				{.arg = mode_calls[i].argument,
			         .op = SCMP_CMP_MASKED_EQ,
			         .datum_a = bits[k],
			         .datum_b = bits[k]},
				{.op = SCMP_CMP_MASKED_EQ, .datum_a = O_CREAT, .datum_b = O_CREAT},
			};

			if (mode_calls[i].create >= 0)
				compare[1].arg = (unsigned) mode_calls[i].create;
			r = filter_rule(f, REFUSE, mode_calls[i].call,
			                mode_calls[i].create >= 0 ? 2 : 1, compare);
		}
	/* Its arguments are in memory, where a filter cannot look; programs fall back to openat. */
	return r < 0 ? r : filter_rule(f, SCMP_ACT_ERRNO(ENOSYS), "openat2", 0, NULL);
}

static int rules_namespaces(scmp_filter_ctx f, uint64_t allowed)
{
#if defined(__s390__)
	const unsigned clone_flags = 1;
#else
	const unsigned clone_flags = 0;
#endif
	uint64_t any = 0;
	int r = filter_rule(f, SCMP_ACT_ERRNO(ENOSYS), "clone3", 0, NULL);

	for (size_t i = 0; i < ELEMENTSOF(namespace_flags) && r >= 0; i++) {
		uint64_t flag = namespace_flags[i];

		any |= allowed & flag;
		if (allowed & flag)
			continue;
		r = rule_one(f, "unshare", 0, SCMP_CMP_MASKED_EQ, flag, flag);
		if (r >= 0)
			r = rule_one(f, "clone", clone_flags, SCMP_CMP_MASKED_EQ, flag, flag);
		if (r >= 0)
			r = rule_one(f, "setns", 1, SCMP_CMP_MASKED_EQ, flag, flag);
	}
	if (r < 0)
		return r;
	/* setns with 0 takes any kind. */
	return any == 0 ? filter_rule(f, REFUSE, "setns", 0, NULL)
	                : rule_one(f, "setns", 1, SCMP_CMP_EQ, 0, 0);
}

static int rules_add(struct child *c, scmp_filter_ctx f)
{
	const struct exec_settings *s = c->s;
	int r = 0;

	for (size_t i = 0; i < ELEMENTSOF(group_rules) && r >= 0; i++)
		if (flag_at(s, group_rules[i].offset))
			r = syscall_group_foreach(group_rules[i].group, rule_group, f);
	if (r >= 0 && s->memory_deny_write_execute)
		r = rules_memory(f);
	if (r >= 0 && s->restrict_realtime)
		r = rules_realtime(f);
	if (r >= 0 && s->restrict_suid_sgid)
		r = rules_suid_sgid(f);
	if (r >= 0 && s->lock_personality)
		r = rule_one(f, "personality", 0, SCMP_CMP_NE,
		             (uint64_t) (unsigned) personality(0xffffffff), 0);
	if (r >= 0 && restricts_namespaces(s))
		r = rules_namespaces(f, s->restrict_namespaces);
	return r;
}

int rules_load(struct child *c)
{
	scmp_filter_ctx f;
	int r;

	if (!rules_wanted(c->s))
		return 0;
	r = filter_new(c, SCMP_ACT_ALLOW, false, &f);
	if (r < 0)
		return r;
	r = rules_add(c, f);
	if (r < 0) {
		seccomp_release(f);
		return r;
	}
	return filter_load(f);
}

/* ---- RestrictAddressFamilies= ---- */

static int family_number(const char *name)
{
	for (size_t i = 0; i < ELEMENTSOF(families); i++)
		if (streq(families[i].name, name))
			return families[i].number;
	return -EINVAL;
}

static int refuse_family(scmp_filter_ctx f, enum scmp_compare op, int family)
{
	struct scmp_arg_cmp compare = {.arg = 0, .op = op, .datum_a = (uint64_t) family};

	return filter_rule(f, SCMP_ACT_ERRNO(EAFNOSUPPORT), "socket", 1, &compare);
}

/* Rules say what is refused, so an allow list means: all others, and whatever lies beyond. */
static int families_add(scmp_filter_ctx f, const struct exec_settings *s)
{
	bool listed[AF_MAX + 1] = {false};
	int r = 0, highest = -1;

	STRV_FOREACH (name, s->restrict_address_families) {
		int number = family_number(*name);

		if (number >= 0 && number <= AF_MAX)
			listed[number] = true;
	}
	if (s->restrict_address_families_allow_list) {
		for (int i = 0; i <= AF_MAX; i++)
			if (listed[i])
				highest = i;
		if (highest < 0)
			return filter_rule(f, SCMP_ACT_ERRNO(EAFNOSUPPORT), "socket", 0, NULL);
		r = refuse_family(f, SCMP_CMP_GT, highest);
	}
	for (int i = 0; i <= (s->restrict_address_families_allow_list ? highest : AF_MAX) && r >= 0;
	     i++)
		if (listed[i] != s->restrict_address_families_allow_list)
			r = refuse_family(f, SCMP_CMP_EQ, i);
	return r;
}

int rules_load_families(struct child *c)
{
	scmp_filter_ctx f;
	int r;

	/* On 32-bit x86 socket() may come through socketcall(), whose arguments no filter can see.
	 */
	r = filter_new(c, SCMP_ACT_ALLOW, true, &f);
	if (r < 0)
		return r;
	r = families_add(f, c->s);
	if (r < 0) {
		seccomp_release(f);
		return r;
	}
	return filter_load(f);
}
