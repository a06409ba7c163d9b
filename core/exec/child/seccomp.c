// SPDX-License-Identifier: Apache-2.0
/*
 * System call filters. Up to four, each only if a setting wants it: which architectures exist,
 * which address families, what the Restrict*= and Protect*= settings forbid (all in one), and
 * SystemCallFilter=. The kernel takes the strictest answer of all.
 */
#include "exec/child/child.h"
#include "exec/child/seccomp-rules.h"

#include <sys/prctl.h>

/* What filters are written for: the architectures that may run, by default the native one and its
 * 32-bit kin. */
static const uint32_t standard_architectures[] = {
	SCMP_ARCH_NATIVE,
#if defined(__x86_64__)
	SCMP_ARCH_X86,
	SCMP_ARCH_X32,
#elif defined(__aarch64__)
	SCMP_ARCH_ARM,
#endif
};

/* clang-format off */
static const struct { const char *name; uint32_t token; } architectures[] = {
	{ "native", SCMP_ARCH_NATIVE }, { "x86", SCMP_ARCH_X86 }, { "x86-64", SCMP_ARCH_X86_64 }, { "x32", SCMP_ARCH_X32 },
	{ "arm", SCMP_ARCH_ARM }, { "arm64", SCMP_ARCH_AARCH64 }, { "mips", SCMP_ARCH_MIPS }, { "mips64", SCMP_ARCH_MIPS64 },
	{ "mips64-n32", SCMP_ARCH_MIPS64N32 }, { "mips-le", SCMP_ARCH_MIPSEL }, { "mips64-le", SCMP_ARCH_MIPSEL64 },
	{ "mips64-le-n32", SCMP_ARCH_MIPSEL64N32 }, { "parisc", SCMP_ARCH_PARISC }, { "parisc64", SCMP_ARCH_PARISC64 },
	{ "ppc", SCMP_ARCH_PPC }, { "ppc64", SCMP_ARCH_PPC64 }, { "ppc64-le", SCMP_ARCH_PPC64LE }, { "riscv64", SCMP_ARCH_RISCV64 },
	{ "s390", SCMP_ARCH_S390 }, { "s390x", SCMP_ARCH_S390X },
};
/* clang-format on */

static int add_architecture(scmp_filter_ctx f, uint32_t token)
{
	int r = seccomp_arch_add(f, token);

	return r == -EEXIST || r == -EINVAL || r == -EDOM ? 0 : r;
}

static int add_named_architectures(scmp_filter_ctx f, char *const *names)
{
	STRV_FOREACH (name, names)
		for (size_t i = 0; i < ELEMENTSOF(architectures); i++)
			if (streq(architectures[i].name, *name)) {
				int r = add_architecture(f, architectures[i].token);

				if (r < 0)
					return r;
			}
	return 0;
}

/* @plain: architectures whose socket calls are system calls of their own. */
int filter_new(const struct child *c, uint32_t action, bool plain, scmp_filter_ctx *ret)
{
	scmp_filter_ctx f = seccomp_init(action);
	int r = 0;

	if (!f)
		return -ENOMEM;
	/* NoNewPrivileges= is a step of its own. */
	r = seccomp_attr_set(f, SCMP_FLTATR_CTL_NNP, 0);
	if (r >= 0)
		r = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ALLOW);
	if (r >= 0 && strv_length(c->s->system_call_architectures) > 0) {
		r = add_named_architectures(f, c->s->system_call_architectures);
	} else {
		for (size_t i = 0; i < ELEMENTSOF(standard_architectures) && r >= 0; i++)
			if (!plain || standard_architectures[i] != SCMP_ARCH_X86)
				r = add_architecture(f, standard_architectures[i]);
	}
	if (r < 0) {
		seccomp_release(f);
		return r;
	}
	*ret = f;
	return 0;
}

int filter_load(scmp_filter_ctx f)
{
	int r = seccomp_load(f);

	seccomp_release(f);
	return r;
}

/* A rule for a call that this kernel or architecture does not know is no rule. */
int filter_rule(scmp_filter_ctx f, uint32_t action, const char *name, unsigned n,
                const struct scmp_arg_cmp *args)
{
	int number = seccomp_syscall_resolve_name(name), r;

	if (number == __NR_SCMP_ERROR)
		return 0;
	r = seccomp_rule_add_array(f, action, number, n, args);
	/* EACCES: it says what the filter says anyway. */
	return r == -EDOM || r == -EACCES || r == -EEXIST || r == -EOPNOTSUPP ? 0 : r;
}

/* ---- groups ---- */

#include "exec/child/syscall-groups.h"

const char *syscall_group_members(const char *name)
{
	for (size_t i = 0; i < ELEMENTSOF(syscall_groups); i++)
		if (streq(syscall_groups[i].name, name))
			return syscall_groups[i].members;
	return NULL;
}

int syscall_group_foreach(const char *name, int (*fn)(const char *call, void *userdata),
                          void *userdata)
{
	const char *members = syscall_group_members(name);
	auto_strv char **words = NULL;
	int r;

	if (*name != '@')
		return fn(name, userdata);
	if (!members)
		return 0; /* a group of a newer systemd */
	r = strv_split(members, " ", &words);
	STRV_FOREACH (word, words)
		if (r >= 0)
			r = syscall_group_foreach(*word, fn, userdata);
	return r;
}

/* ---- SystemCallFilter= ---- */

#define ACTION_DEFAULT UINT32_MAX /* as SystemCallErrorNumber= says */
#define CALLS_MAX      1024

struct call_set {
	struct call {
		int number;
		uint32_t action;
	} calls[CALLS_MAX];
	size_t n;
	uint32_t action; /* for what is added next */
	bool remove;
};

static int set_change(const char *name, void *userdata)
{
	struct call_set *s = userdata;
	int number = seccomp_syscall_resolve_name(name);
	size_t i = 0;

	if (number == __NR_SCMP_ERROR)
		return 0;
	while (i < s->n && s->calls[i].number != number)
		i++;
	if (s->remove) {
		if (i < s->n)
			s->calls[i] = s->calls[--s->n];
		return 0;
	}
	if (i == CALLS_MAX)
		return -E2BIG;
	s->calls[i] = (struct call){number, s->action};
	s->n = MAX(s->n, i + 1);
	return 0;
}

static uint32_t action_parse(const char *text)
{
	uint32_t number;

	if (streq(text, "kill"))
		return SCMP_ACT_KILL_PROCESS;
	if (str_to_u32(text, &number) >= 0)
		return SCMP_ACT_ERRNO(number);
	for (int e = 1; e < 256; e++) {
		const char *name = strerrorname_np(e);

		if (name && streq(name, text))
			return SCMP_ACT_ERRNO((uint32_t) e);
	}
	return ACTION_DEFAULT;
}

static int set_add_words(struct call_set *s, char *const *words)
{
	STRV_FOREACH (word, words) {
		auto_free char *copy = strdup(*word);
		char *name = copy, *colon;
		int r;

		if (!copy)
			return -ENOMEM;
		/* "~name:errno" takes a call out of an allow list by giving it an error of its own. */
		colon = strchr(name, ':');
		s->remove = *name == '~' && !colon;
		name += *name == '~';
		if (colon)
			*colon++ = 0;
		s->action = colon ? action_parse(colon) : ACTION_DEFAULT;
		r = syscall_group_foreach(name, set_change, s);
		if (r < 0)
			return r;
	}
	return 0;
}

/* @listed: for the words of the list without an action of their own; @others: for all other calls.
 */
static int load_list(struct child *c, char *const *words, bool allow_list, uint32_t listed,
                     uint32_t others)
{
	static struct call_set s;
	scmp_filter_ctx f;
	int r = 0;

	s.n = 0;
	s.remove = false;
	s.action = ACTION_DEFAULT;
	/* Without these no program could even start. */
	if (allow_list && others != SCMP_ACT_LOG && listed != SCMP_ACT_LOG)
		r = syscall_group_foreach("@default", set_change, &s);
	if (r >= 0)
		r = set_add_words(&s, words);
	if (r >= 0)
		r = filter_new(c, others, false, &f);
	if (r < 0)
		return r;
	/* A tree instead of a chain: with hundreds of calls each one would pay for it. */
	(void) seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	for (size_t i = 0; i < s.n && r >= 0; i++) {
		uint32_t action = s.calls[i].action == ACTION_DEFAULT ? listed : s.calls[i].action;

		r = action == others
		            ? 0
		            : seccomp_rule_add_array(f, action, s.calls[i].number, 0, NULL);
		if (r == -EDOM || r == -EEXIST || r == -EOPNOTSUPP)
			r = 0;
	}
	if (r < 0) {
		seccomp_release(f);
		return r;
	}
	return filter_load(f);
}

static int load_filter(struct child *c)
{
	const struct exec_settings *s = c->s;
	uint32_t refuse = s->system_call_error_number > 0
	                          ? SCMP_ACT_ERRNO((uint32_t) s->system_call_error_number)
	                          : SCMP_ACT_KILL_PROCESS;

	if (s->system_call_filter_allow_list)
		return load_list(c, s->system_call_filter, true, SCMP_ACT_ALLOW, refuse);
	return s->system_call_filter
	               ? load_list(c, s->system_call_filter, false, refuse, SCMP_ACT_ALLOW)
	               : 0;
}

static int load_log(struct child *c)
{
	const struct exec_settings *s = c->s;

	if (!s->system_call_log && !s->system_call_log_allow_list)
		return 0;
	/* The list is of what is logged, or, inverted, of what is not. */
	return load_list(c, s->system_call_log, s->system_call_log_allow_list,
	                 s->system_call_log_allow_list ? SCMP_ACT_LOG : SCMP_ACT_ALLOW,
	                 s->system_call_log_allow_list ? SCMP_ACT_ALLOW : SCMP_ACT_LOG);
}

static int load_architectures(struct child *c)
{
	scmp_filter_ctx f;
	int r;

	if (strv_length(c->s->system_call_architectures) == 0)
		return 0;
	f = seccomp_init(SCMP_ACT_ALLOW);
	if (!f)
		return -ENOMEM;
	r = seccomp_attr_set(f, SCMP_FLTATR_CTL_NNP, 0);
	if (r >= 0)
		r = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	/* The native one is in already: the program has to run. */
	if (r >= 0)
		r = add_named_architectures(f, c->s->system_call_architectures);
	if (r < 0) {
		seccomp_release(f);
		return r;
	}
	return filter_load(f);
}

/* ---- the steps ---- */

bool child_wants_seccomp(const struct child *c)
{
	const struct exec_settings *s = c->s;

	return s->system_call_filter || s->system_call_filter_allow_list || s->system_call_log ||
	       s->system_call_log_allow_list || s->system_call_architectures ||
	       s->restrict_address_families_set || rules_wanted(s);
}

static bool kernel_filters(void)
{
	/* EFAULT: it knows the call and looked at the argument. */
	return prctl(PR_SET_SECCOMP, 2 /* SECCOMP_MODE_FILTER */, NULL, 0, 0) < 0 &&
	       errno == EFAULT;
}

int child_seccomp_families(struct child *c)
{
	if (!c->s->restrict_address_families_set || !kernel_filters())
		return 0;
	return rules_load_families(c);
}

int child_seccomp(struct child *c)
{
	int r;

	if (!c->seccomp_wanted)
		return 0;
	if (!kernel_filters()) {
		child_log(c, LOG_WARNING,
		          "%s: The kernel filters no system calls, they are not restricted",
		          c->spec.unit);
		return 0;
	}
	r = load_architectures(c);
	if (r >= 0)
		r = rules_load(c);
	if (r >= 0)
		r = load_log(c);
	return r < 0 ? r : load_filter(c);
}
