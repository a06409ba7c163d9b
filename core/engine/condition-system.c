// SPDX-License-Identifier: Apache-2.0
/* condition-system.c - conditions on what machine this is: hardware, hypervisor, kernel, names,
 * security modules. */
#include "engine/private.h"
#include "engine/host.h"

#include "unitfile/value.h"
#include "unitfile/word.h"

#include <ctype.h>
#include <fnmatch.h>
#include <grp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include <linux/capability.h>

CONDITION_FN(condition_architecture)
{
	const char *a = host_architecture();

	(void) m;
	return streq(parameter, "native") ? 1 : streq(parameter, a);
}

/* ---- firmware ---- */

static int device_tree_compatible(const char *wanted)
{
	auto_free char *text = NULL;
	size_t size, n = strlen(wanted);
	int r;

	if (n < 1 || wanted[n - 1] != ')')
		return -EINVAL;
	r = file_read("/proc/device-tree/compatible", &text, &size);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (const char *p = text; p < text + size; p += strlen(p) + 1)
		if (strlen(p) == n - 1 && strncmp(p, wanted, n - 1) == 0)
			return 1;
	return 0;
}

/* "field op value)" against /sys/class/dmi/id/field */
static int smbios_field(const char *expression)
{
	auto_free char *copy = strdup(expression), *path = NULL, *line = NULL;
	char *field, *value, *end;
	const char *op, *p;
	int r;

	if (!copy)
		return -ENOMEM;
	end = copy + strlen(copy);
	if (end == copy || end[-1] != ')')
		return -EINVAL;
	end[-1] = 0;
	field = str_strip(copy);
	p = field + strcspn(field, " <>=!$");
	end = (char *) p;
	p += strspn(p, " ");
	op = compare_operator(&p);
	if (!*op || end == field)
		return -EINVAL;
	*end = 0;
	if (strchr(field, '/') || streq(field, ".."))
		return -EINVAL;
	value = str_strip((char *) p);
	path = str_printf("/sys/class/dmi/id/%s", field);
	if (!path)
		return -ENOMEM;
	r = file_read_line(path, &line);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	str_strip(line);
	if (streq(op, "$=") || streq(op, "!$="))
		return (fnmatch(value, line, 0) == 0) == streq(op, "$=");
	if (streq(op, "=") || streq(op, "!="))
		return streq(value, line) == streq(op, "=");
	return compare_apply(version_compare(line, value), op);
}

CONDITION_FN(condition_firmware)
{
	const char *rest;

	(void) m;
	if (streq(parameter, "uefi"))
		return access("/sys/firmware/efi", F_OK) >= 0;
	if (streq(parameter, "device-tree"))
		return access("/sys/firmware/devicetree/base", F_OK) >= 0;
	rest = str_after(parameter, "device-tree-compatible(");
	if (rest)
		return device_tree_compatible(rest);
	rest = str_after(parameter, "smbios-field(");
	if (rest)
		return smbios_field(rest);
	return 0;
}

/* ---- hypervisor ---- */

static int in_user_namespace(void)
{
	auto_free char *line = NULL;
	unsigned inside, outside, count;

	if (file_read_line("/proc/self/uid_map", &line) < 0)
		return 0;
	return sscanf(line, "%u %u %u", &inside, &outside, &count) == 3 &&
	       !(inside == 0 && outside == 0 && count == UINT32_MAX);
}

CONDITION_FN(condition_virtualization)
{
	const char *name;
	bool container;
	int want;

	(void) m;
	if (streq(parameter, "private-users"))
		return in_user_namespace();
	name = host_virtualization(&container);
	want = str_to_bool(parameter);
	if (want >= 0)
		return want == !streq(name, "none");
	if (streq(parameter, "vm"))
		return !container && !streq(name, "none");
	if (streq(parameter, "container"))
		return container;
	return !streq(name, "none") && streq(name, parameter);
}

CONDITION_FN(condition_host)
{
	struct id128 wanted, mine;
	struct utsname u;

	(void) m;
	if (id128_parse(parameter, &wanted) >= 0)
		return id128_machine(&mine) >= 0 && id128_equal(&wanted, &mine);
	if (uname(&u) < 0)
		return -errno;
	return fnmatch(parameter, u.nodename, FNM_CASEFOLD) == 0;
}

/* ---- kernel ---- */

CONDITION_FN(condition_kernel_command_line)
{
	bool exact = strchr(parameter, '=');
	char **words;
	int r;

	(void) m;
	r = host_cmdline(&words);
	if (r < 0)
		return r;
	STRV_FOREACH (w, words) {
		const char *rest = str_after(*w, parameter);

		if (rest && (*rest == 0 || (!exact && *rest == '=')))
			return 1;
	}
	return 0;
}

/* One word: an operator and a version, blanks around them allowed (it was quoted), or a pattern. */
static int kernel_matches(const char *release, char *word)
{
	const char *version = str_strip(word), *op = compare_operator(&version);

	version += strspn(version, WHITESPACE);
	if (*version && (!*op || streq(op, "$=") || streq(op, "!$=")))
		return (fnmatch(version, release, 0) == 0) == !streq(op, "!$=");
	if (!*version)
		return -EINVAL;
	/* By their text; "==" and "<>" are as versions. */
	if (streq(op, "=") || streq(op, "!="))
		return streq(release, version) == streq(op, "=");
	return compare_apply(version_compare(release, version), op);
}

/* "> 5.4": without quotes the first operator may stand alone. */
static int join_first(char **words)
{
	const char *p = words[0], *op = compare_operator(&p);
	char *joined;

	if (!*op || p[strspn(p, WHITESPACE)])
		return 0;
	if (!words[1])
		return -EINVAL;
	joined = str_printf("%s%s", op, words[1]);
	if (!joined)
		return -ENOMEM;
	free(words[0]);
	free(words[1]);
	words[0] = joined;
	for (size_t i = 1; (words[i] = words[i + 1]); i++)
		;
	return 0;
}

CONDITION_FN(condition_kernel_version)
{
	auto_strv char **words = NULL;
	struct utsname u;
	int r;

	(void) m;
	if (uname(&u) < 0)
		return -errno;
	r = word_split(parameter, NULL, WORD_UNQUOTE, &words);
	if (r >= 0 && words)
		r = join_first(words);
	if (r < 0)
		return r;
	for (char **w = words; w && *w; w++) {
		r = kernel_matches(u.release, *w);
		if (r <= 0)
			return r;
	}
	return 1;
}

CONDITION_FN(condition_environment)
{
	const char *equals = strchr(parameter, '=');
	char *const *env = m && m->environment ? m->environment : environ;

	STRV_FOREACH (e, env) {
		const char *rest = str_after(*e, parameter);

		if (rest && (equals ? *rest == 0 : *rest == '='))
			return 1;
	}
	return 0;
}

/* ---- security ---- */

static int has_file(const char *path)
{
	return access(path, F_OK) >= 0;
}

static int has_apparmor(void)
{
	auto_free char *line = NULL;

	return file_read_line("/sys/module/apparmor/parameters/enabled", &line) >= 0 &&
	       streq(line, "Y");
}

static int has_audit(void)
{
	/* The netlink family is there with the kernel's support for it, in the first name space
	 * only. */
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 9 /* NETLINK_AUDIT */);

	if (fd < 0)
		return 0;
	close(fd);
	return 1;
}

static int has_secure_boot(void)
{
	auto_free char *text = NULL;
	size_t size;

	/* Four bytes of attributes, then the value. */
	if (file_read("/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c",
	              &text, &size) < 0)
		return 0;
	return size >= 5 && text[4] == 1;
}

static int has_tpm2(void)
{
	auto_free char *line = NULL;

	return has_file("/dev/tpmrm0") ||
	       (file_read_line("/sys/class/tpm/tpm0/tpm_version_major", &line) >= 0 &&
	        streq(line, "2"));
}

CONDITION_FN(condition_security)
{
	(void) m;
	if (streq(parameter, "selinux"))
		return has_file("/sys/fs/selinux/enforce");
	if (streq(parameter, "smack"))
		return has_file("/sys/fs/smackfs");
	if (streq(parameter, "apparmor"))
		return has_apparmor();
	if (streq(parameter, "tomoyo"))
		return has_file("/sys/kernel/security/tomoyo/version");
	if (streq(parameter, "ima"))
		return has_file("/sys/kernel/security/ima");
	if (streq(parameter, "audit"))
		return has_audit();
	if (streq(parameter, "uefi-secureboot"))
		return has_secure_boot();
	if (streq(parameter, "tpm2"))
		return has_tpm2();
	if (streq(parameter, "cvm"))
		return has_file("/sys/devices/platform/tsm") || has_file("/dev/sev-guest") ||
		       has_file("/dev/tdx_guest");
	return 0;
}

/* The kernel has room for so many. */
#define CAPABILITIES_MAX 63

static const char *const capabilities[] = {
	"chown",
	"dac_override",
	"dac_read_search",
	"fowner",
	"fsetid",
	"kill",
	"setgid",
	"setuid",
	"setpcap",
	"linux_immutable",
	"net_bind_service",
	"net_broadcast",
	"net_admin",
	"net_raw",
	"ipc_lock",
	"ipc_owner",
	"sys_module",
	"sys_rawio",
	"sys_chroot",
	"sys_ptrace",
	"sys_pacct",
	"sys_admin",
	"sys_boot",
	"sys_nice",
	"sys_resource",
	"sys_time",
	"sys_tty_config",
	"mknod",
	"lease",
	"audit_write",
	"audit_control",
	"setfcap",
	"mac_override",
	"mac_admin",
	"syslog",
	"wake_alarm",
	"block_suspend",
	"audit_read",
	"perfmon",
	"bpf",
	"checkpoint_restore",
};

CONDITION_FN(condition_capability)
{
	uint32_t number = ELEMENTSOF(capabilities);
	int r;

	(void) m;
	if (str_to_u32(parameter, &number) < 0 && strncasecmp(parameter, "CAP_", 4) == 0)
		for (number = 0; number < ELEMENTSOF(capabilities); number++)
			if (strcasecmp(parameter + 4, capabilities[number]) == 0)
				break;
	if (number >= CAPABILITIES_MAX ||
	    (number >= ELEMENTSOF(capabilities) && !isdigit((unsigned char) *parameter)))
		return -EINVAL;
	r = prctl(PR_CAPBSET_READ, number, 0, 0, 0);
	return r < 0 ? 0 : r;
}

/* ---- users; core is root, but a test need not be ---- */

CONDITION_FN(condition_user)
{
	uint32_t uid;

	(void) m;
	if (streq(parameter, "@system"))
		return getuid() < 1000 || getuid() == 65534;
	if (str_to_u32(parameter, &uid) >= 0)
		return uid == getuid() || uid == geteuid();
	/* No look-up of names in core: it might ask a network. Root is all that core can be. */
	return streq(parameter, "root") && geteuid() == 0;
}

CONDITION_FN(condition_group)
{
	gid_t groups[256];
	uint32_t gid;
	int n;

	(void) m;
	if (streq(parameter, "@system"))
		return getgid() < 1000 || getgid() == 65534;
	if (str_to_u32(parameter, &gid) < 0)
		return streq(parameter, "root") && getegid() == 0;
	if (gid == getgid() || gid == getegid())
		return 1;
	n = getgroups(ELEMENTSOF(groups), groups);
	for (int i = 0; i < n; i++)
		if (groups[i] == gid)
			return 1;
	return 0;
}

/* ---- os-release: "KEY op value", all of them ---- */

static int os_release_value(const char *key, char **ret)
{
	static const char *const files[] = {"/etc/os-release", "/usr/lib/os-release"};
	auto_free char *text = NULL;
	size_t n = strlen(key);
	int r = -ENOENT;

	for (size_t i = 0; i < ELEMENTSOF(files) && r == -ENOENT; i++)
		r = file_read(files[i], &text, NULL);
	if (r < 0)
		return r;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		char *value;
		size_t size;

		if (strncmp(line, key, n) || line[n] != '=')
			continue;
		value = str_strip(line + n + 1);
		size = strlen(value);
		if (size >= 2 && (value[0] == '"' || value[0] == '\'') &&
		    value[size - 1] == value[0]) {
			value[size - 1] = 0;
			value++;
		}
		return str_set(ret, value);
	}
	return -ENOENT;
}

static int os_release_matches(const char *word)
{
	size_t n = strcspn(word, "<>=!$");
	auto_free char *key = strndup(word, n), *value = NULL;
	const char *wanted = word + n, *op = compare_operator(&wanted);
	int r;

	if (!key)
		return -ENOMEM;
	if (!*op || !env_name_is_valid(key, n) || !*wanted || strchr(WHITESPACE, *wanted))
		return -EINVAL;
	r = os_release_value(key, &value);
	if (r < 0 && r != -ENOENT)
		return r;
	if (streq(op, "$=") || streq(op, "!$="))
		return (fnmatch(wanted, value ? value : "", 0) == 0) == streq(op, "$=");
	if (streq(op, "=") || streq(op, "!="))
		return (value && streq(wanted, value)) == streq(op, "=");
	return compare_apply(version_compare(value ? value : "", wanted), op);
}

CONDITION_FN(condition_os_release)
{
	auto_strv char **words = NULL;
	int r;

	(void) m;
	r = word_split(parameter, NULL, WORD_UNQUOTE, &words);
	if (r < 0)
		return r;
	STRV_FOREACH (w, words) {
		r = os_release_matches(*w);
		if (r <= 0)
			return r;
	}
	return 1;
}
