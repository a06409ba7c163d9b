// SPDX-License-Identifier: Apache-2.0
/* host.c - which virtual machine or container this is, and what the boot loader said. */
#include "engine/host.h"

#include <stdio.h>
#include <sys/utsname.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

/* ---- containers ---- */

static const char *known_container(const char *s)
{
	static const char *const names[] = {"systemd-nspawn", "lxc", "lxc-libvirt", "docker",
	                                    "podman",         "rkt", "wsl",         "proot",
	                                    "pouch"};

	for (size_t i = 0; i < ELEMENTSOF(names); i++)
		if (streq(s, names[i]))
			return names[i];
	return "container-other";
}

static const char *container_of_environ(void)
{
	auto_free char *text = NULL;
	size_t size = 0;

	if (file_read("/proc/1/environ", &text, &size) < 0)
		return NULL;
	for (const char *p = text; p < text + size; p += strlen(p) + 1) {
		const char *value = str_after(p, "container=");

		if (value && *value)
			return known_container(value);
	}
	return NULL;
}

static const char *detect_container(void)
{
	auto_free char *line = NULL;
	const char *name;

	if (file_read_line("/run/systemd/container", &line) >= 0 && *line)
		return known_container(line);
	name = container_of_environ();
	if (name)
		return name;
	/* Files that the two leave in place of a variable. */
	if (access("/run/.containerenv", F_OK) >= 0)
		return "podman";
	if (access("/.dockerenv", F_OK) >= 0)
		return "docker";
	return NULL;
}

/* ---- virtual machines ---- */

struct vendor {
	const char *text, *name;
};

/* clang-format off */
#if defined(__x86_64__) || defined(__i386__)
static const struct vendor cpuid_vendors[] = {
	{ "XenVMMXenVMM", "xen" }, { "KVMKVMKVM", "kvm" }, { "Linux KVM Hv", "kvm" }, { "TCGTCGTCGTCG", "qemu" },
	{ "VMwareVMware", "vmware" }, { "Microsoft Hv", "microsoft" }, { "bhyve bhyve ", "bhyve" }, { "QNXQVMBSQG", "qnx" },
	{ "ACRNACRNACRN", "acrn" }, { "SRESRESRESRE", "sre" },
};
#endif
static const struct vendor dmi_vendors[] = {
	{ "KVM", "kvm" }, { "OpenStack", "kvm" }, { "KubeVirt", "kvm" }, { "Amazon EC2", "amazon" }, { "QEMU", "qemu" },
	{ "VMware", "vmware" }, { "VMW", "vmware" }, { "innotek GmbH", "oracle" }, { "VirtualBox", "oracle" }, { "Xen", "xen" },
	{ "Bochs", "bochs" }, { "Parallels", "parallels" }, { "BHYVE", "bhyve" }, { "Hyper-V", "microsoft" },
	{ "Apple Virtualization", "apple" }, { "Google Compute Engine", "google" },
};
/* clang-format on */

static const char *vendor_name(const struct vendor *v, size_t n, const char *s)
{
	for (size_t i = 0; i < n; i++)
		if (str_after(s, v[i].text))
			return v[i].name;
	return NULL;
}

static const char *vm_of_cpu(void)
{
#if defined(__x86_64__) || defined(__i386__)
	unsigned a, b, c, d;
	char text[13] = "";
	const char *name;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & (1u << 31)))
		return NULL;
	__cpuid(0x40000000u, a, b, c, d);
	memcpy(text, &b, 4);
	memcpy(text + 4, &c, 4);
	memcpy(text + 8, &d, 4);
	name = vendor_name(cpuid_vendors, ELEMENTSOF(cpuid_vendors), text);
	return name ? name : "vm-other";
#else
	return NULL;
#endif
}

static const char *vm_of_dmi(void)
{
	static const char *const files[] = {"product_name", "sys_vendor", "board_vendor",
	                                    "bios_vendor", "product_version"};

	for (size_t i = 0; i < ELEMENTSOF(files); i++) {
		auto_free char *path = str_printf("/sys/class/dmi/id/%s", files[i]), *line = NULL;
		const char *name;

		if (!path || file_read_line(path, &line) < 0)
			continue;
		name = vendor_name(dmi_vendors, ELEMENTSOF(dmi_vendors), line);
		if (name)
			return name;
	}
	return NULL;
}

static const char *vm_of_files(void)
{
	auto_free char *line = NULL;

	if (file_read_line("/sys/hypervisor/type", &line) >= 0 && streq(line, "xen"))
		return "xen";
	if (access("/proc/device-tree/hypervisor", F_OK) >= 0)
		return "vm-other";
	return NULL;
}

static const char *detect_vm(void)
{
	const char *dmi = vm_of_dmi(), *cpu;

	/* A hypervisor that hides behind another's interface says its name in DMI. */
	if (dmi && (streq(dmi, "oracle") || streq(dmi, "xen") || streq(dmi, "amazon") ||
	            streq(dmi, "parallels")))
		return dmi;
	cpu = vm_of_cpu();
	if (cpu && !streq(cpu, "vm-other"))
		return cpu;
	if (dmi)
		return dmi;
	return cpu ? cpu : vm_of_files();
}

static bool assume_container;

void host_assume_container(void)
{
	assume_container = true;
}

const char *host_virtualization(bool *ret_container)
{
	static const char *name;
	static bool container;

	if (!name) {
		const char *found = detect_container();

		if (!found && assume_container)
			found = "container-other";
		container = found;
		if (!found)
			found = detect_vm();
		name = found ? found : "none";
	}
	if (ret_container)
		*ret_container = container;
	return name;
}

/* ---- architecture ---- */

const char *host_architecture(void)
{
	/* clang-format off */
	static const struct vendor table[] = {
		{ "x86_64", "x86-64" }, { "i686", "x86" }, { "i586", "x86" }, { "i486", "x86" }, { "i386", "x86" },
		{ "aarch64_be", "arm64-be" }, { "aarch64", "arm64" }, { "armv8b", "arm-be" }, { "armv8l", "arm" }, { "armv7", "arm" },
		{ "armv6", "arm" }, { "armv5", "arm" }, { "armv4", "arm" }, { "ppc64le", "ppc64-le" }, { "ppc64", "ppc64" }, { "ppc", "ppc" },
		{ "s390x", "s390x" }, { "s390", "s390" }, { "riscv64", "riscv64" }, { "riscv32", "riscv32" },
		{ "loongarch64", "loongarch64" }, { "mips64", "mips64" }, { "mips", "mips" }, { "sparc64", "sparc64" },
		{ "alpha", "alpha" }, { "ia64", "ia64" },
	};
	/* clang-format on */
	static struct utsname u;
	const char *name;

	if (uname(&u) < 0)
		return "unknown";
	name = vendor_name(table, ELEMENTSOF(table), u.machine);
	return name ? name : u.machine;
}

/* ---- command line ---- */

static int read_cmdline(char **ret)
{
	const char *override = secure_getenv("SYSTEMD_PROC_CMDLINE");
	auto_free char *text = NULL;
	bool container;
	size_t size;
	int r;

	if (override) {
		*ret = strdup(override);
		return *ret ? 0 : -ENOMEM;
	}
	host_virtualization(&container);
	r = file_read(container ? "/proc/1/cmdline" : "/proc/cmdline", &text, &size);
	if (r < 0)
		return r;
	for (size_t i = 0; i < size; i++)
		if (text[i] == 0)
			text[i] = ' ';
	*ret = TAKE_PTR(text);
	return 0;
}

/* Words at blanks; "..." and '...' hold blanks together, as the kernel's own parser has it. */
static int split_words(char *s, char ***ret)
{
	auto_strv char **v = NULL;
	int r;

	while (*s) {
		char *to, quote = 0;

		s += strspn(s, " \t\n\r");
		if (!*s)
			break;
		for (to = s; *s && (quote || !strchr(" \t\n\r", *s)); s++) {
			if (quote ? *s == quote : *s == '"' || *s == '\'')
				quote = quote ? 0 : *s;
		}
		r = strv_append_consume(&v, strndup(to, (size_t) (s - to)));
		if (r < 0)
			return r;
	}
	STRV_FOREACH (w, v) {
		char *to = *w;

		for (const char *p = *w; *p; p++)
			if (*p != '"' && *p != '\'')
				*to++ = *p;
		*to = 0;
	}
	*ret = TAKE_PTR(v);
	return 0;
}

int host_cmdline(char ***ret)
{
	static char **words;
	auto_free char *text = NULL;
	int r;

	if (!words) {
		r = read_cmdline(&text);
		if (r >= 0)
			r = split_words(text, &words);
		if (r < 0)
			return r;
	}
	*ret = words;
	return 0;
}

/* "-" and "_" are the same in keys. */
static const char *key_after(const char *word, const char *key)
{
	for (; *key; word++, key++)
		if (*word != *key &&
		    !((*word == '-' || *word == '_') && (*key == '-' || *key == '_')))
			return NULL;
	return word;
}

int host_cmdline_get(const char *key, char **ret_value)
{
	char **words, *value = NULL;
	int found = 0, r;

	r = host_cmdline(&words);
	if (r < 0)
		return r;
	STRV_FOREACH (w, words) {
		const char *rest = key_after(*w, key);

		if (!rest || (*rest && *rest != '='))
			continue;
		found = 1;
		if (*rest && ret_value && str_set(&value, rest + 1) < 0)
			return -ENOMEM;
	}
	if (found && ret_value)
		*ret_value = value;
	return found;
}
