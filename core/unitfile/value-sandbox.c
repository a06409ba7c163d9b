// SPDX-License-Identifier: Apache-2.0
/* value-sandbox.c - capabilities, paths, name spaces, system calls, credentials: systemd.exec(5) "Sandboxing". */
#include "unitfile/value.h"

#include <linux/securebits.h>
#include <sched.h>
#include <sys/mount.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

/* clang-format off */
/* The index is the capability's number: linux/capability.h, 6.x. */
static const char *const capabilities[] = {
	"cap_chown", "cap_dac_override", "cap_dac_read_search", "cap_fowner", "cap_fsetid", "cap_kill", "cap_setgid", "cap_setuid",
	"cap_setpcap", "cap_linux_immutable", "cap_net_bind_service", "cap_net_broadcast", "cap_net_admin", "cap_net_raw",
	"cap_ipc_lock", "cap_ipc_owner", "cap_sys_module", "cap_sys_rawio", "cap_sys_chroot", "cap_sys_ptrace", "cap_sys_pacct",
	"cap_sys_admin", "cap_sys_boot", "cap_sys_nice", "cap_sys_resource", "cap_sys_time", "cap_sys_tty_config", "cap_mknod",
	"cap_lease", "cap_audit_write", "cap_audit_control", "cap_setfcap", "cap_mac_override", "cap_mac_admin", "cap_syslog",
	"cap_wake_alarm", "cap_block_suspend", "cap_audit_read", "cap_perfmon", "cap_bpf", "cap_checkpoint_restore",
};

struct bit_row {
	const char *name;
	uint64_t bits;
};
static const struct bit_row secure_bit_rows[] = {
	{ "keep-caps", 1U << SECURE_KEEP_CAPS }, { "keep-caps-locked", 1U << SECURE_KEEP_CAPS_LOCKED },
	{ "no-setuid-fixup", 1U << SECURE_NO_SETUID_FIXUP }, { "no-setuid-fixup-locked", 1U << SECURE_NO_SETUID_FIXUP_LOCKED },
	{ "noroot", 1U << SECURE_NOROOT }, { "noroot-locked", 1U << SECURE_NOROOT_LOCKED },
};
static const struct bit_row namespace_rows[] = {
	{ "cgroup", CLONE_NEWCGROUP }, { "ipc", CLONE_NEWIPC }, { "net", CLONE_NEWNET }, { "mnt", CLONE_NEWNS },
	{ "pid", CLONE_NEWPID }, { "user", CLONE_NEWUSER }, { "uts", CLONE_NEWUTS },
};
static const struct bit_row mount_flag_rows[] = { { "shared", MS_SHARED }, { "slave", MS_SLAVE }, { "private", MS_PRIVATE } };

/* Every family of <sys/socket.h> that this C library knows may be named; the number is looked up where the filter is made. */
static const char *const families[] = {
	"AF_UNIX", "AF_LOCAL", "AF_INET", "AF_AX25", "AF_IPX", "AF_APPLETALK", "AF_NETROM", "AF_BRIDGE", "AF_ATMPVC", "AF_X25",
	"AF_INET6", "AF_ROSE", "AF_DECnet", "AF_NETBEUI", "AF_SECURITY", "AF_KEY", "AF_NETLINK", "AF_ROUTE", "AF_PACKET", "AF_ASH",
	"AF_ECONET", "AF_ATMSVC", "AF_RDS", "AF_SNA", "AF_IRDA", "AF_PPPOX", "AF_WANPIPE", "AF_LLC", "AF_IB", "AF_MPLS", "AF_CAN",
	"AF_TIPC", "AF_BLUETOOTH", "AF_IUCV", "AF_RXRPC", "AF_ISDN", "AF_PHONET", "AF_IEEE802154", "AF_CAIF", "AF_ALG", "AF_NFC",
	"AF_VSOCK", "AF_KCM", "AF_QIPCRTR", "AF_SMC", "AF_XDP", "AF_MCTP",
};

static const char *const architectures[] = {
	"native", "x86", "x86-64", "x32", "arm", "arm64", "loongarch64", "mips", "mips64", "mips64-n32", "mips-le", "mips64-le",
	"mips64-le-n32", "parisc", "parisc64", "ppc", "ppc64", "ppc64-le", "riscv64", "s390", "s390x",
};
/* clang-format on */

static int reset_list(void *field)
{
	*(char ***) field = strv_free(*(char ***) field);
	return 0;
}

static int capability_from_string(const char *s)
{
	uint32_t n;

	for (size_t i = 0; i < ELEMENTSOF(capabilities); i++)
		if (!strcasecmp(capabilities[i], s))
			return (int) i;
	return str_to_u32(s, &n) >= 0 && n < 63 ? (int) n : -EINVAL;
}

VALUE_PARSER(capabilities)
{
	bool invert = *value == '~';
	auto_strv char **words = NULL;
	uint64_t sum = 0, *set = field;
	int r = word_split(value + invert, NULL, WORD_UNQUOTE, &words);

	if (r < 0)
		return r;
	STRV_FOREACH (w, words) {
		int n = capability_from_string(*w);

		if (n < 0)
			parse_warn(p, "'%.60s' is no capability, ignored", *w);
		else
			sum |= 1ULL << n;
	}
	/* Nothing named, or nothing there to merge with: replace. */
	if (!sum || *set == (uint64_t) arg)
		*set = invert ? ~sum : sum;
	else if (invert)
		*set &= ~sum;
	else
		*set |= sum;
	return 0;
}

static int bits_of_words(struct parse *p, const struct bit_row *rows, size_t n, const char *value,
                         const char *separators, uint64_t *ret)
{
	auto_strv char **words = NULL;
	uint64_t bits = 0;
	int r = word_split(value, separators, WORD_UNQUOTE, &words);

	if (r < 0)
		return r;
	STRV_FOREACH (w, words) {
		size_t i = 0;

		while (i < n && !streq(rows[i].name, *w))
			i++;
		if (i < n)
			bits |= rows[i].bits;
		else
			parse_warn(p, "'%.60s' is not known, ignored", *w);
	}
	*ret = bits;
	return 1;
}

VALUE_PARSER(secure_bits)
{
	uint64_t bits;
	int r;

	(void) arg;
	if (!*value) {
		*(int *) field = 0;
		return 0;
	}
	r = bits_of_words(p, secure_bit_rows, ELEMENTSOF(secure_bit_rows), value, NULL, &bits);
	if (r > 0)
		*(int *) field |= (int) bits;
	return r < 0 ? r : 0;
}

/* ---- paths ---- */

static int add_path(struct parse *p, char *word, void *field, int64_t arg)
{
	char *path = word;

	if (arg) {
		path += *path == '-';
		path += *path == '+';
	}
	if (!path_is_absolute(path))
		return parse_warn(p, "Path '%.100s' is not absolute, ignored", path);
	path_simplify(path);
	if (!path_is_normalized(path))
		return parse_warn(p, "Path '%.100s' is not normalized, ignored", path);
	return strv_append(field, word);
}

VALUE_PARSER(paths)
{
	if (!*value)
		return reset_list(field);
	return parse_words(p, value, WORD_UNQUOTE, add_path, field, arg);
}

/* Checks and tidies one path of a colon list, in place. */
static bool path_part_is_valid(char *s, bool prefixes)
{
	if (prefixes)
		s += *s == '-';
	path_simplify(s);
	return path_is_normalized(s);
}

static int add_bind(struct parse *p, char **parts, void *field, int64_t arg)
{
	auto_free char *joined = NULL;
	size_t n = strv_length(parts);
	int r;

	(void) arg;
	if (n < 1 || n > 3 || !path_part_is_valid(parts[0], true) ||
	    (n > 1 && !path_part_is_valid(parts[1], false)))
		return parse_warn(p,
		                  "'%.100s%s%.100s' is no SOURCE[:DESTINATION[:OPTIONS]], ignored",
		                  n ? parts[0] : "", n > 1 ? ":" : "", n > 1 ? parts[1] : "");
	if (n == 3 && *parts[2] && !streq(parts[2], "rbind") && !streq(parts[2], "norbind"))
		return parse_warn(p, "Bind option '%.100s' is not known, ignored", parts[2]);
	r = colon_join(parts, &joined);
	return r < 0 ? r : strv_append(field, joined);
}

VALUE_PARSER(bind_paths)
{
	if (!*value)
		return reset_list(field);
	return parse_colon_words(p, value, WORD_UNQUOTE, add_bind, field, arg);
}

/* Options are the kernel's: "%" in them is no specifier. */
static int add_tmpfs(struct parse *p, const char *word, void *field)
{
	const char *colon = strchrnul(word, ':');
	auto_free char *path = strndup(word, (size_t) (colon - word)), *expanded = NULL,
		       *joined = NULL;
	int r = path ? parse_expand(p, path, false, &expanded) : -ENOMEM;

	if (r <= 0)
		return r;
	path_simplify(expanded);
	if (!path_is_normalized(expanded))
		return parse_warn(p, "Path '%.100s' is not absolute and normalized, ignored",
		                  expanded);
	joined = str_printf("%s%s", expanded, colon);
	return joined ? strv_append(field, joined) : -ENOMEM;
}

VALUE_PARSER(temporary_file_systems)
{
	auto_strv char **words = NULL;
	int r;

	(void) arg;
	if (!*value)
		return reset_list(field);
	r = word_split(value, NULL, WORD_UNQUOTE, &words);
	if (r == -EINVAL)
		return parse_warn(p, "Cannot split '%.100s' into words, ignored", value);
	for (char **w = words; r >= 0 && w && *w; w++)
		r = add_tmpfs(p, *w, field);
	return r < 0 ? r : 0;
}

VALUE_PARSER(mount_flags)
{
	struct exec_settings *e =
		(struct exec_settings *) (void *) ((char *) field -
	                                           offsetof(struct exec_settings, mount_flags));
	uint64_t bits = 0;
	int r;

	(void) arg;
	r = *value ? bits_of_words(p, mount_flag_rows, ELEMENTSOF(mount_flag_rows), value, NULL,
	                           &bits)
	           : 1;
	if (r > 0) {
		e->mount_flags = bits;
		e->mount_flags_set = *value != 0;
	}
	return r < 0 ? r : 0;
}

VALUE_PARSER(mount_api_vfs)
{
	int r = *value ? value_boolean(p, value, field, arg) : 0;

	if (r >= 0)
		own_exec(p->f)->mount_api_vfs_set = *value != 0;
	return r;
}

VALUE_PARSER(proc_subset)
{
	(void) p;
	(void) arg;
	if (!streq(value, "all") && !streq(value, "pid"))
		return -EINVAL;
	*(bool *) field = streq(value, "pid");
	return 0;
}

/* ---- name spaces, system calls, address families ---- */

VALUE_PARSER(restrict_namespaces)
{
	uint64_t *allowed = field, all = 0, bits = 0;
	bool invert = *value == '~';
	int b, r;

	(void) arg;
	for (size_t i = 0; i < ELEMENTSOF(namespace_rows); i++)
		all |= namespace_rows[i].bits;
	b = *value ? str_to_bool(value) : 0;
	if (b >= 0) {
		*allowed = b ? 0 : UINT64_MAX;
		return 0;
	}
	r = bits_of_words(p, namespace_rows, ELEMENTSOF(namespace_rows), value + invert, NULL,
	                  &bits);
	if (r <= 0)
		return r;
	if (*allowed == UINT64_MAX)
		*allowed = invert ? all & ~bits : bits;
	else if (invert)
		*allowed &= ~bits;
	else
		*allowed |= bits;
	return 0;
}

static int errno_from_string(const char *s)
{
	int64_t n;

	if (parse_number(s, false, &n) >= 0)
		return n > 0 && n <= 4095 ? (int) n : -EINVAL;
	for (int e = 1; e < 256; e++) {
		const char *name = strerrorname_np(e);

		if (name && streq(name, s))
			return e;
	}
	return streq(s, "EWOULDBLOCK") ? EWOULDBLOCK
	       : streq(s, "EDEADLOCK") ? EDEADLOCK
	       : streq(s, "ENOTSUP")   ? ENOTSUP
	                               : -EINVAL;
}

/* "name", "name:errno", "@group": syntax alone, the names are the kernel's and libseccomp's. */
static bool syscall_word_is_valid(const char *w)
{
	const char *name = w + (*w == '@');
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

	if (n == 0)
		return false;
	if (name[n] == ':')
		return streq(name + n + 1, "kill") || errno_from_string(name + n + 1) > 0;
	return name[n] == 0;
}

static size_t bare_size(const char *word)
{
	return strcspn(word, ":");
}

static void drop_word(char **v, const char *word)
{
	char **to = v;

	for (char **from = v; from && *from; from++) {
		size_t n = bare_size(*from);

		if (n == bare_size(word) && !strncmp(*from, word, n))
			free(*from);
		else
			*to++ = *from;
	}
	if (v)
		*to = NULL;
}

VALUE_PARSER(system_call_filter)
{
	struct exec_settings *e =
		(struct exec_settings *) (void *) ((char *) field -
	                                           (arg ? offsetof(struct exec_settings,
	                                                           system_call_log)
	                                                : offsetof(struct exec_settings,
	                                                           system_call_filter)));
	bool *allow_list = arg ? &e->system_call_log_allow_list : &e->system_call_filter_allow_list;
	bool invert = *value == '~';
	auto_strv char **words = NULL;
	char ***list = field;
	int r;

	if (!*value) {
		*allow_list = false;
		return reset_list(field);
	}
	r = word_split(value + invert, NULL, WORD_UNQUOTE, &words);
	if (r < 0)
		return r;
	/* The first line says whether the list is of what is allowed, or of what is not. */
	if (!*list)
		*allow_list = !invert;
	STRV_FOREACH (w, words) {
		auto_free char *word = NULL;

		if (!syscall_word_is_valid(*w)) {
			parse_warn(p, "'%.60s' is no system call or group, ignored", *w);
			continue;
		}
		if (!invert && strchr(*w, ':')) {
			parse_warn(p,
			           "A system call that is allowed has no error number, '%.60s' "
			           "ignored",
			           *w);
			continue;
		}
		if (invert == !*allow_list) {
			r = strv_append_unique(list, *w);
		} else {
			/* Removal of a plain name is done here; what a group takes out is known when the filter is made. */
			drop_word(*list, *w);
			word = str_printf("~%s", *w);
			r = word ? strv_append_unique(list, word) : -ENOMEM;
		}
		if (r < 0)
			return r;
	}
	/* "~" alone, or an empty allow list: the list is there. */
	if (!*list) {
		*list = calloc(1, sizeof(**list));
		if (!*list)
			return -ENOMEM;
	}
	return 0;
}

VALUE_PARSER(system_call_error_number)
{
	int e = *value && !streq(value, "kill") ? errno_from_string(value) : 0;

	(void) p;
	(void) arg;
	if (e < 0)
		return e;
	*(int *) field = e;
	return 0;
}

VALUE_PARSER(system_call_architectures)
{
	auto_strv char **words = NULL;
	int r;

	(void) arg;
	if (!*value)
		return reset_list(field);
	r = word_split(value, NULL, WORD_UNQUOTE, &words);
	if (r < 0)
		return r;
	STRV_FOREACH (w, words) {
		if (ENUM_FROM_STRING(architectures, *w) < 0)
			parse_warn(p, "'%.60s' is no architecture, ignored", *w);
		else if ((r = strv_append_unique(field, *w)) < 0)
			return r;
	}
	return 0;
}

VALUE_PARSER(address_families)
{
	struct exec_settings *e =
		(struct exec_settings *) (void *) ((char *) field -
	                                           offsetof(struct exec_settings,
	                                                    restrict_address_families));
	bool invert = *value == '~';
	auto_strv char **words = NULL;
	int r;

	(void) arg;
	if (!*value || streq(value, "none")) {
		e->restrict_address_families_allow_list = e->restrict_address_families_set =
			*value != 0;
		return reset_list(field);
	}
	r = word_split(value + invert, NULL, WORD_UNQUOTE, &words);
	if (r < 0)
		return r;
	if (!e->restrict_address_families_set) {
		e->restrict_address_families_set = true;
		e->restrict_address_families_allow_list = !invert;
	}
	STRV_FOREACH (w, words) {
		if (ENUM_FROM_STRING(families, *w) < 0) {
			parse_warn(p, "'%.60s' is no address family, ignored", *w);
			continue;
		}
		if (invert != e->restrict_address_families_allow_list)
			r = strv_append_unique(field, *w);
		else
			strv_remove(e->restrict_address_families, *w);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- credentials, labels ---- */

static bool credential_name_is_valid(const char *s)
{
	return *s && strlen(s) <= 255 && !strchr(s, '/') && !streq(s, ".") && !streq(s, "..") &&
	       text_is_safe(s) && !strchr(s, ':');
}

/* Replaces the entry of the same name. */
static int put_credential(char ***list, char *entry)
{
	if (!entry)
		return -ENOMEM;
	drop_word(*list, entry);
	return strv_append_consume(list, entry);
}

VALUE_PARSER(load_credential)
{
	auto_free char *s = NULL, *name = NULL;
	const char *at, *path;
	int r;

	(void) arg;
	if (!*value)
		return reset_list(field);
	r = parse_expand(p, value, false, &s);
	if (r <= 0)
		return r;
	at = s;
	r = word_next(&at, ":", WORD_KEEP_EMPTY, &name);
	if (r <= 0)
		return r < 0 ? r : -EINVAL;
	path = str_is_empty(at) ? name : at;
	if (!credential_name_is_valid(name))
		return parse_warn(p, "'%.100s' is no credential name, ignored", name);
	if (path_is_absolute(path) ? !path_is_normalized(path) : !credential_name_is_valid(path))
		return parse_warn(
			p, "'%.100s' is neither an absolute path nor a credential name, ignored",
			path);
	return put_credential(field, str_printf("%s:%s", name, path));
}

VALUE_PARSER(set_credential)
{
	auto_free char *name = NULL, *expanded_name = NULL, *unescaped = NULL, *s = NULL;
	const char *colon = strchr(value, ':');
	int r;

	(void) arg;
	if (!*value)
		return reset_list(field);
	if (!colon)
		return parse_warn(p, "'%.100s' is no NAME:VALUE, ignored", value);
	name = strndup(value, (size_t) (colon - value));
	if (!name)
		return -ENOMEM;
	r = parse_expand(p, name, false, &expanded_name);
	if (r <= 0)
		return r;
	if (!credential_name_is_valid(expanded_name))
		return parse_warn(p, "'%.100s' is no credential name, ignored", expanded_name);
	r = c_unescape(colon + 1, &unescaped);
	if (r < 0)
		return r;
	r = parse_expand(p, unescaped, false, &s);
	if (r <= 0)
		return r;
	return put_credential(field, str_printf("%s:%s", expanded_name, s));
}

VALUE_PARSER(keyring_mode)
{
	static const char *const modes[] = {"inherit", "private", "shared"};

	(void) p;
	(void) arg;
	if (ENUM_FROM_STRING(modes, value) < 0)
		return -EINVAL;
	return str_set(field, value);
}

VALUE_PARSER(label)
{
	auto_free char *s = NULL;
	int r;

	(void) arg;
	if (!*value)
		return str_set(field, NULL);
	r = parse_expand(p, value, *value != '-', &s);
	return r <= 0 ? r : str_set(field, s);
}
