// SPDX-License-Identifier: Apache-2.0
/* Looks at the machine, once. */
#include "metadata/detect/detect.h"

#include <sys/utsname.h>
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

const char *const dmi_field_names[DMI_FIELD_MAX] = {
	"sys_vendor",     "board_name",   "chassis_asset_tag", "product_name",
	"product_serial", "product_uuid", "board_serial",      "chassis_vendor",
};

static void devices_done(struct machine *m)
{
	for (size_t i = 0; i < m->n_devices; i++) {
		struct block_device *d = &m->devices[i];

		free(d->name);
		free(d->label);
		free(d->label_fatboot);
		free(d->uuid);
		free(d->type);
	}
	free(m->devices);
}

void machine_done(struct machine *m)
{
	free(m->virt);
	free(m->kernel_name);
	free(m->kernel_version);
	free(m->arch);
	free(m->cmdline);
	for (size_t i = 0; i < DMI_FIELD_MAX; i++)
		free(m->dmi[i]);
	devices_done(m);
	free(m->imc_customization);
	*m = (struct machine){0};
}

/* ---- virtualisation, in the words of systemd-detect-virt ---- */

struct word {
	const char *sign, *virt;
};

static const char *word_of(const struct word *words, size_t n, const char *text)
{
	for (size_t i = 0; text && i < n; i++)
		if (str_after(text, words[i].sign))
			return words[i].virt;
	return NULL;
}

static const char *virt_of_cpu(void)
{
#if defined(__x86_64__) || defined(__i386__)
	static const struct word words[] = {
		{"XenVMMXenVMM", "xen"},       {"KVMKVMKVM", "kvm"},
		{"TCGTCGTCGTCG", "qemu"},      {"VMwareVMware", "vmware"},
		{"Microsoft Hv", "microsoft"}, {"bhyve bhyve ", "bhyve"},
		{"VBoxVBoxVBox", "oracle"},    {" lrpepyh  vr", "parallels"},
		{"ACRNACRNACRN", "acrn"},
	};
	unsigned a = 0, b = 0, c = 0, d = 0;
	char sign[13] = "";

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & 1U << 31))
		return NULL;
	__cpuid(0x40000000, a, b, c, d);
	memcpy(sign, &b, 4);
	memcpy(sign + 4, &c, 4);
	memcpy(sign + 8, &d, 4);
	return word_of(words, ELEMENTSOF(words), sign) ?: "vm-other";
#else
	return NULL;
#endif
}

static const char *virt_of_dmi(const struct machine *m)
{
	static const struct word words[] = {
		{"KVM", "kvm"},
		{"OpenStack", "kvm"},
		{"KubeVirt", "kvm"},
		{"Amazon EC2", "amazon"},
		{"QEMU", "qemu"},
		{"VMware", "vmware"},
		{"VMW", "vmware"},
		{"innotek GmbH", "oracle"},
		{"VirtualBox", "oracle"},
		{"Xen", "xen"},
		{"Bochs", "bochs"},
		{"Parallels", "parallels"},
		{"BHYVE", "bhyve"},
		{"Hyper-V", "microsoft"},
		{"Apple Virtualization", "apple"},
		{"Google Compute Engine", "google"},
	};
	const enum dmi_field fields[] = {DMI_PRODUCT_NAME, DMI_SYS_VENDOR, DMI_BOARD_NAME};

	for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
		const char *w = word_of(words, ELEMENTSOF(words), m->dmi[fields[i]]);

		if (w)
			return w;
	}
	return NULL;
}

/* What PID 1's environment or the manager's own note says; NULL: this is no container. */
static char *container_name(const struct machine *m)
{
	static const struct {
		const char *file, *word;
	} marks[] = {{"run/.containerenv", "podman"}, {".dockerenv", "docker"}};
	auto_blob struct blob b = {0};
	char *text = NULL;

	if (tree_read_line(&m->root, "run/systemd/container", &text) >= 0)
		return text;
	if (tree_read(&m->root, "proc/1/environ", METADATA_DOCUMENT_MAX, &b) < 0 &&
	    blob_set(&b, "", 0) < 0)
		return NULL;
	for (const char *p = b.data; p < b.data + b.size; p += strlen(p) + 1) {
		const char *value = str_after(p, "container=");

		if (value && *value)
			return strdup(value);
	}
	/* Managers that say it by a file alone. */
	for (size_t i = 0; i < ELEMENTSOF(marks); i++)
		if (tree_has(&m->root, marks[i].file))
			return strdup(marks[i].word);
	return NULL;
}

static int read_virt(struct machine *m, bool is_live)
{
	const char *dmi = virt_of_dmi(m), *cpu = is_live ? virt_of_cpu() : NULL;

	m->virt = container_name(m);
	if (m->virt) {
		m->is_container = true;
		return 0;
	}
	/* These show another hypervisor's signature in the processor. */
	if (dmi && (streq(dmi, "oracle") || streq(dmi, "xen") || streq(dmi, "amazon") || !cpu))
		cpu = dmi;
	m->virt = strdup(cpu ? cpu : "none");
	return m->virt ? 0 : -ENOMEM;
}

/* ---- confidential VMs: the host is not trusted ---- */

static bool msr_says_sev(void)
{
	auto_fd int fd = open("/dev/cpu/0/msr", O_RDONLY | O_CLOEXEC);
	uint64_t status = 0;

	/* MSR_AMD64_SEV: bit 0 SEV, bit 1 SEV-ES, bit 2 SEV-SNP. */
	return fd >= 0 && pread(fd, &status, sizeof(status), 0xc0010131) == sizeof(status) &&
	       (status & 7);
}

static bool cpu_says_tdx(void)
{
#if defined(__x86_64__)
	unsigned a = 0, b = 0, c = 0, d = 0;

	return __get_cpuid_count(0x21, 0, &a, &b, &c, &d) && b == 0x65746e49 && d == 0x5844546c &&
	       c == 0x20202020; /* "IntelTDX    " */
#else
	return false;
#endif
}

static bool is_confidential(const struct machine *m)
{
	auto_free char *uv = NULL;

	if (tree_has(&m->root, "dev/sev-guest") || tree_has(&m->root, "dev/tdx_guest") ||
	    tree_has(&m->root, "dev/tdx-guest"))
		return true;
	if (tree_read_line(&m->root, "sys/firmware/uv/prot_virt_guest", &uv) >= 0 && streq(uv, "1"))
		return true;
	return cpu_says_tdx() || msr_says_sev();
}

/* ---- all of it ---- */

static int read_uname(struct machine *m)
{
	struct utsname u;

	if (uname(&u) < 0)
		return -errno;
	m->kernel_name = strdup(u.sysname);
	m->kernel_version = strdup(u.version);
	m->arch = strdup(u.machine);
	return m->kernel_name && m->kernel_version && m->arch ? 0 : -ENOMEM;
}

static void read_cmdline(struct machine *m)
{
	auto_blob struct blob b = {0};

	if (tree_read(&m->root, m->is_container ? "proc/1/cmdline" : "proc/cmdline",
	              METADATA_DOCUMENT_MAX, &b) < 0)
		return;
	/* PID 1's arguments end with NULs. */
	for (size_t i = 0; i < b.size; i++)
		if (!b.data[i])
			b.data[i] = ' ';
	m->cmdline = TAKE_PTR(b.data);
}

int machine_read(const int *root_fd, bool is_live, struct machine *ret)
{
	struct machine m = {.root = tree_of_directory(root_fd)};
	int r = read_uname(&m);

	for (size_t i = 0; i < DMI_FIELD_MAX && r >= 0; i++) {
		auto_free char *path = path_join("sys/class/dmi/id", dmi_field_names[i]);

		r = path ? 0 : -ENOMEM;
		if (path)
			(void) tree_read_line(&m.root, path, &m.dmi[i]);
	}
	if (r >= 0)
		r = read_virt(&m, is_live);
	if (r < 0) {
		machine_done(&m);
		return r;
	}
	read_cmdline(&m);
	m.has_lxd_socket = tree_stat(&m.root, "dev/lxd/sock") == 's';
	m.has_guestinfo_env = getenv("VMX_GUESTINFO") && (getenv("VMX_GUESTINFO_METADATA") ||
	                                                  getenv("VMX_GUESTINFO_USERDATA") ||
	                                                  getenv("VMX_GUESTINFO_VENDORDATA"));
	if (is_live) {
		m.is_confidential = is_confidential(&m);
		r = m.is_container ? 0 : block_devices_read(&m.devices, &m.n_devices);
	}
	if (r < 0) {
		machine_done(&m);
		return r;
	}
	*ret = m;
	return 0;
}
