// SPDX-License-Identifier: Apache-2.0
/* What each datasource looks like from inside. */
#include "metadata/detect/probes.h"

#include <ctype.h>
#include <fnmatch.h>

#define SEED_FOLDER   "var/lib/cloud/seed"
#define AZURE_CHASSIS "7783-7084-3265-9085-8269-3286-77"
#define OVF_IMAGE_MAX (10U << 20)

/* ---- questions ---- */

static enum answer found_if(bool yes)
{
	return yes ? ANSWER_FOUND : ANSWER_NO;
}

/* A container sees its host's DMI, which says nothing about the container. */
static bool dmi_matches(const struct question *q, enum dmi_field f, const char *pattern)
{
	const char *v = q->m->dmi[f];

	return !q->m->is_container && v && fnmatch(pattern, v, 0) == 0;
}

static bool dmi_matches_any(const struct question *q, enum dmi_field f, const char *const *patterns)
{
	for (; *patterns; patterns++)
		if (dmi_matches(q, f, *patterns))
			return true;
	return false;
}

static bool has_label(const struct question *q, const char *a, const char *b)
{
	if (q->m->is_container)
		return false;
	for (size_t i = 0; i < q->m->n_devices; i++) {
		const struct block_device *d = &q->m->devices[i];
		const char *const labels[] = {d->label, d->label_fatboot};

		for (size_t k = 0; k < ELEMENTSOF(labels); k++)
			if (labels[k] && (streq(labels[k], a) || streq(labels[k], b)))
				return true;
	}
	return false;
}

static bool has_uuid(const struct question *q, const char *uuid)
{
	for (size_t i = 0; i < q->m->n_devices && !q->m->is_container; i++)
		if (q->m->devices[i].uuid && streq(q->m->devices[i].uuid, uuid))
			return true;
	return false;
}

static bool is_file(const struct question *q, const char *path)
{
	return tree_stat(&q->m->root, path) == 'f';
}

/* All of the two files (the second may be NULL) in the seed's folder. */
static bool has_seed_below(const struct question *q, const char *base, const char *name,
                           const char *a, const char *b)
{
	auto_free char *first = str_printf("%s/%s/%s", base, name, a);
	auto_free char *second = b ? str_printf("%s/%s/%s", base, name, b) : NULL;

	return first && is_file(q, first) && (!b || (second && is_file(q, second)));
}

static bool has_seed(const struct question *q, const char *name, const char *a, const char *b)
{
	return has_seed_below(q, SEED_FOLDER, name, a, b);
}

static bool cmdline_has_word(const struct question *q, const char *word)
{
	auto_strv char **words = NULL;

	return q->m->cmdline && strv_split(q->m->cmdline, " ", &words) >= 0 &&
	       strv_contains(words, word);
}

static bool virt_is(const struct question *q, const char *virt)
{
	return streq(q->m->virt, virt);
}

/* ---- files and media ---- */

static bool nocloud_is_configured(const struct question *q)
{
	static const char *const keys[] = {"NoCloud", "user-data", "meta-data", "seedfrom"};
	bool has[ELEMENTSOF(keys)];

	for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
		auto_free char *value = NULL;

		has[i] = config_line(q->m, keys[i], NULL, &value) >= 0;
	}
	return has[0] && ((has[1] && has[2]) || has[3]);
}

static bool serial_speaks_of_nocloud(const struct question *q)
{
	const char *s = q->m->dmi[DMI_PRODUCT_SERIAL];

	if (!s || q->m->is_confidential)
		return false;
	return str_after(s, "ds=nocloud") || strstr(s, " ds=nocloud");
}

static enum answer ask_nocloud(const struct question *q)
{
	static const char *const seeds[] = {"nocloud", "nocloud-net"};

	if (serial_speaks_of_nocloud(q))
		return ANSWER_FOUND;
	for (size_t i = 0; i < ELEMENTSOF(seeds); i++)
		if (has_seed(q, seeds[i], "meta-data", "user-data") ||
		    has_seed_below(q, "writable/system-data/" SEED_FOLDER, seeds[i], "meta-data",
		                   "user-data"))
			return ANSWER_FOUND;
	return found_if((!q->m->is_confidential && has_label(q, "cidata", "CIDATA")) ||
	                nocloud_is_configured(q));
}

static bool ibm_is_provisioning(const struct question *q)
{
	/* The machine is being installed; an install log of this boot does not change that. */
	return is_file(q, "root/provisioningConfiguration.cfg");
}

static bool is_ibm(const struct question *q)
{
	if (!virt_is(q, "xen"))
		return false;
	return ibm_is_provisioning(q) || has_label(q, "METADATA", "metadata") ||
	       (has_uuid(q, "9796-932E") && has_label(q, "CONFIG-2", "config-2"));
}

/* seed/openstack/2018-08-27/meta_data.json */
static bool has_dated_metadata(const struct question *q, const char *folder)
{
	auto_free char *path = path_join(folder, "openstack");
	auto_strv char **names = NULL;

	if (!path || tree_list(&q->m->root, path, &names) < 0)
		return false;
	STRV_FOREACH (n, names) {
		auto_free char *file = str_printf("%s/%s/meta_data.json", path, *n);

		/* Pieces keep "??-" from being a trigraph. */
		if (fnmatch("2??"
		            "?-?"
		            "?-?"
		            "?",
		            *n, 0) == 0 &&
		    file && is_file(q, file))
			return true;
	}
	return false;
}

static enum answer ask_configdrive(const struct question *q)
{
	if (has_dated_metadata(q, "config-drive") ||
	    has_dated_metadata(q, SEED_FOLDER "/config_drive") ||
	    tree_has(&q->m->root, SEED_FOLDER "/config_drive/openstack/latest/meta_data.json"))
		return ANSWER_FOUND;
	if (strv_contains(q->list, "IBMCloud") && is_ibm(q))
		return ANSWER_NO;
	return found_if(!q->m->is_confidential && has_label(q, "CONFIG-2", "config-2"));
}

/* Classic machines have media; those of a VPC their service, and most of them a medium of NoCloud's beside it. */
static enum answer ask_ibmcloud(const struct question *q)
{
	bool has_medium = !q->m->is_confidential && !ibm_is_provisioning(q) && is_ibm(q);

	return found_if(has_medium ||
	                (dmi_matches(q, DMI_CHASSIS_VENDOR, "IBM:Cloud Compute Server*") &&
	                 dmi_matches(q, DMI_CHASSIS_ASSET_TAG, "ibmcloud")));
}

static enum answer ask_opennebula(const struct question *q)
{
	return found_if(has_seed(q, "opennebula", "meta-data", NULL) ||
	                (!q->m->is_confidential && has_label(q, "CONTEXT", "CDROM")));
}

static enum answer ask_rbx(const struct question *q)
{
	return found_if(has_label(q, "CLOUDMD", "cloudmd"));
}

static enum answer ask_bigstep(const struct question *q)
{
	return found_if(is_file(q, "var/lib/cloud/data/seed/bigstep/url"));
}

static enum answer ask_lxd(const struct question *q)
{
	auto_strv char **ports = NULL;

	if (q->m->has_lxd_socket)
		return ANSWER_FOUND;
	if ((!virt_is(q, "kvm") && !virt_is(q, "qemu")) ||
	    tree_list(&q->m->root, "sys/class/virtio-ports", &ports) < 0)
		return ANSWER_NO;
	STRV_FOREACH (p, ports) {
		auto_free char *path = str_printf("sys/class/virtio-ports/%s/name", *p),
			       *name = NULL;

		if (path && tree_read_line(&q->m->root, path, &name) >= 0 &&
		    (streq(name, "com.canonical.lxd") || streq(name, "org.linuxcontainers.lxd")))
			return ANSWER_FOUND;
	}
	return ANSWER_NO;
}

/* ---- OVF and VMware ---- */

/* Text that holds a letter or digit: an unset key answers "---" or an error. */
static bool has_guestinfo(const struct question *q, const char *key, const char *prefix)
{
	auto_free char *text =
		q->m->guestinfo ? q->m->guestinfo(q->m->guestinfo_userdata, key) : NULL;

	if (!text || (prefix && strncasecmp(text, prefix, strlen(prefix))))
		return false;
	for (const char *p = text; *p; p++)
		if (isalnum((unsigned char) *p))
			return true;
	return false;
}

static bool size_is_small(const struct question *q, const char *device)
{
	auto_free char *path = str_printf("sys/class/block/%s/size", path_basename(device)),
		       *text = NULL;
	uint64_t sectors;

	return path && tree_read_line(&q->m->root, path, &text) >= 0 &&
	       str_to_u64(text, 10, &sectors) >= 0 && sectors * 512 < OVF_IMAGE_MAX;
}

static bool is_ovf_image(const struct question *q, const struct block_device *d)
{
	static const char *const ours[] = {"OVF-TRANSPORT", "ovf-transport", "OVFENV",
	                                   "ovfenv",        "OVF ENV",       "ovf env"};
	static const char *const others[] = {"config-2", "CONFIG-2", "rd_rdfe_stable*", "cidata",
	                                     "CIDATA"};
	static const char schema[] = "http://schemas.dmtf.org/ovf/environment/1";
	const char *label = d->label_fatboot ? d->label_fatboot : d->label ? d->label : "";
	auto_blob struct blob b = {0};

	if (!d->type || !streq(d->type, "iso9660") ||
	    (fnmatch("/dev/sr[0-9]", d->name, 0) && fnmatch("/dev/hd[a-z]", d->name, 0)))
		return false;
	for (size_t i = 0; i < ELEMENTSOF(ours); i++)
		if (streq(label, ours[i]))
			return true;
	for (size_t i = 0; i < ELEMENTSOF(others); i++)
		if (fnmatch(others[i], label, 0) == 0)
			return false;
	if (!size_is_small(q, d->name) || tree_read(&q->m->root, d->name, OVF_IMAGE_MAX, &b) < 0)
		return false;
	for (size_t i = 0; i + strlen(schema) <= b.size; i++)
		if (!strncasecmp(b.data + i, schema, strlen(schema)))
			return true;
	return false;
}

static enum answer ask_ovf(const struct question *q)
{
	if (has_seed(q, "ovf", "ovf-env.xml", NULL))
		return ANSWER_FOUND;
	if (virt_is(q, "none") || dmi_matches(q, DMI_CHASSIS_ASSET_TAG, AZURE_CHASSIS))
		return ANSWER_NO;
	if (virt_is(q, "vmware") && has_guestinfo(q, "ovfEnv", "<?xml"))
		return ANSWER_FOUND;
	for (size_t i = 0; i < q->m->n_devices && !q->m->is_container; i++)
		if (is_ovf_image(q, &q->m->devices[i]))
			return ANSWER_FOUND;
	return ANSWER_NO;
}

/* Guest customization needs its plug-in, and "disable_vmware_customization: false". */
static bool has_customization(const struct question *q)
{
	static const char *const folders[] = {"usr/lib", "usr/lib64", "usr/lib/x86_64-linux-gnu",
	                                      "usr/lib/aarch64-linux-gnu",
	                                      "usr/lib/i386-linux-gnu"};
	static const char *const tools[] = {"vmware-tools", "open-vm-tools"};
	auto_free char *value = NULL;
	bool found = false;

	for (size_t i = 0; i < ELEMENTSOF(folders) * ELEMENTSOF(tools) && !found; i++) {
		auto_free char *path = str_printf("%s/%s/plugins/vmsvc/libdeployPkgPlugin.so",
		                                  folders[i / 2], tools[i % 2]);

		found = path && is_file(q, path);
	}
	return found && config_line(q->m, "disable_vmware_customization", NULL, &value) >= 0 &&
	       (streq(value, "0") || streq(value, "false") || streq(value, "False"));
}

static enum answer ask_vmware(const struct question *q)
{
	if (q->m->has_guestinfo_env)
		return ANSWER_FOUND;
	if (!virt_is(q, "vmware") || !q->m->guestinfo)
		return ANSWER_NO;
	return found_if(has_guestinfo(q, "metadata", NULL) || has_guestinfo(q, "userdata", NULL) ||
	                has_guestinfo(q, "vendordata", NULL) || has_customization(q));
}

/* ---- DMI ---- */

static enum answer ask_azure(const struct question *q)
{
	return found_if(dmi_matches(q, DMI_CHASSIS_ASSET_TAG, AZURE_CHASSIS) ||
	                has_seed(q, "azure", "ovf-env.xml", NULL));
}

static bool is_ec2_platform(const struct question *q)
{
	static const struct {
		enum dmi_field field;
		const char *pattern;
	} rows[] = {
		{DMI_PRODUCT_SERIAL, "*.brightbox.com"},
		{DMI_CHASSIS_ASSET_TAG, "*.zstack.io"},
		{DMI_SYS_VENDOR, "e24cloud"},
		{DMI_SYS_VENDOR, "Tilaa"},
		{DMI_PRODUCT_UUID, "[Ee][Cc]2*"},
	};
	auto_free char *uuid = NULL, *start = NULL;
	const char *dmi_uuid = q->m->dmi[DMI_PRODUCT_UUID];

	for (size_t i = 0; i < ELEMENTSOF(rows); i++)
		if (dmi_matches(q, rows[i].field, rows[i].pattern))
			return true;
	/* EC2E1916-9099-..., or with the first field's bytes swapped: 45E12AEC-... */
	start = dmi_uuid ? strndup(dmi_uuid, strcspn(dmi_uuid, "-")) : NULL;
	if (start && fnmatch("*2[0-9a-fA-F][Ee][Cc]", start, 0) == 0)
		return true;
	if (dmi_matches(q, DMI_PRODUCT_NAME, "3DS Outscale VM") &&
	    dmi_matches(q, DMI_SYS_VENDOR, "3DS Outscale"))
		return true;
	return tree_read_line(&q->m->root, "sys/hypervisor/uuid", &uuid) >= 0 &&
	       str_after(uuid, "ec2");
}

static enum answer ask_ec2(const struct question *q)
{
	const char *s = q->strict_id;
	bool is_lenient =
		s && (streq(s, "false") || streq(s, "warn") || fnmatch("warn,[0-9]*", s, 0) == 0);

	if (has_seed(q, "ec2", "meta-data", "user-data"))
		return ANSWER_FOUND;
	if (q->m->is_container)
		return ANSWER_NO;
	return is_ec2_platform(q) ? ANSWER_FOUND : is_lenient ? ANSWER_MAYBE : ANSWER_NO;
}

static enum answer ask_gce(const struct question *q)
{
	return found_if(dmi_matches(q, DMI_PRODUCT_NAME, "Google Compute Engine") ||
	                dmi_matches(q, DMI_PRODUCT_SERIAL, "GoogleCloud-*"));
}

static bool pid1_product_is(const struct question *q, const char *name)
{
	auto_blob struct blob b = {0};

	if (tree_read(&q->m->root, "proc/1/environ", METADATA_DOCUMENT_MAX, &b) < 0)
		return false;
	for (const char *p = b.data; p < b.data + b.size; p += strlen(p) + 1) {
		const char *value = str_after(p, "product_name=");

		if (value)
			return streq(value, name);
	}
	return false;
}

static enum answer ask_openstack(const struct question *q)
{
	static const char *const products[] = {"OpenStack Nova", "OpenStack Compute", NULL};
	static const char *const tags[] = {
		"OpenTelekomCloud", "SAP CCloud VM",     "HUAWEICLOUD", "Samsung Cloud Platform",
		"OpenStack Nova",   "OpenStack Compute", NULL};

	if (ask_configdrive(q) == ANSWER_FOUND)
		return ANSWER_NO;
	if (dmi_matches_any(q, DMI_PRODUCT_NAME, products) || pid1_product_is(q, products[0]) ||
	    dmi_matches_any(q, DMI_CHASSIS_ASSET_TAG, tags))
		return ANSWER_FOUND;
	/* Other architectures have no DMI to say so. */
	return fnmatch("i?86", q->m->arch, 0) && !streq(q->m->arch, "x86_64") ? ANSWER_MAYBE
	                                                                      : ANSWER_NO;
}

static enum answer ask_aliyun(const struct question *q)
{
	return found_if(has_seed(q, "AliYun", "meta-data", "user-data") ||
	                dmi_matches(q, DMI_PRODUCT_NAME, "Alibaba Cloud ECS"));
}

static enum answer ask_smartos(const struct question *q)
{
	return found_if(dmi_matches(q, DMI_PRODUCT_NAME, "SmartDC*") ||
	                (streq(q->m->kernel_version, "BrandZ virtual linux") &&
	                 tree_has(&q->m->root, "native/.zonecontrol/metadata.sock")));
}

static enum answer ask_scaleway(const struct question *q)
{
	const char *vendor = q->m->dmi[DMI_SYS_VENDOR];

	return found_if((vendor && streq(vendor, "Scaleway")) || cmdline_has_word(q, "scaleway") ||
	                is_file(q, "var/run/scaleway"));
}

static enum answer ask_vultr(const struct question *q)
{
	return found_if(dmi_matches(q, DMI_SYS_VENDOR, "Vultr") || cmdline_has_word(q, "vultr") ||
	                is_file(q, "etc/vultr"));
}

static enum answer ask_akamai(const struct question *q)
{
	return found_if(dmi_matches(q, DMI_SYS_VENDOR, "Linode") ||
	                dmi_matches(q, DMI_SYS_VENDOR, "Akamai"));
}

/* Those that one field tells. */
#define SIMPLE_PROBES(X)                                                                           \
	X(cloudstack, DMI_PRODUCT_NAME, "CloudStack*")                                             \
	X(cloudcix, DMI_PRODUCT_NAME, "CloudCIX")                                                  \
	X(exoscale, DMI_PRODUCT_NAME, "Exoscale*")                                                 \
	X(cloudsigma, DMI_PRODUCT_NAME, "CloudSigma")                                              \
	X(digitalocean, DMI_SYS_VENDOR, "DigitalOcean")                                            \
	X(upcloud, DMI_SYS_VENDOR, "UpCloud")                                                      \
	X(hetzner, DMI_SYS_VENDOR, "Hetzner")                                                      \
	X(nwcs, DMI_SYS_VENDOR, "NWCS")                                                            \
	X(oracle, DMI_CHASSIS_ASSET_TAG, "OracleCloud.com")
#define X(name, field, pattern)                                                                    \
	static enum answer ask_##name(const struct question *q)                                    \
	{                                                                                          \
		return found_if(dmi_matches(q, field, pattern));                                   \
	}
SIMPLE_PROBES(X)
#undef X

/* Only a pin names these: nothing on the machine tells them (MAAS), ds-identify's own test can never
 * hold (AltCloud), or the other system's files would have to be read (WSL). */
static enum answer ask_never(const struct question *q)
{
	(void) q;
	return ANSWER_NO;
}

/* clang-format off */
const struct probe probes[] = { /* in the order in which they are asked */
	{ "MAAS",	  false, ask_never },	     { "ConfigDrive", false, ask_configdrive },
	{ "NoCloud",	  false, ask_nocloud },	     { "AltCloud",    false, ask_never },
	{ "Azure",	  false, ask_azure },	     { "Bigstep",     false, ask_bigstep },
	{ "CloudSigma",	  true,	 ask_cloudsigma },   { "CloudStack",  false, ask_cloudstack },
	{ "DigitalOcean", false, ask_digitalocean }, { "Vultr",	      false, ask_vultr },
	{ "AliYun",	  false, ask_aliyun },	     { "Ec2",	      false, ask_ec2 },
	{ "GCE",	  false, ask_gce },	     { "OpenNebula",  false, ask_opennebula },
	{ "OpenStack",	  false, ask_openstack },    { "VMware",      true,  ask_vmware },
	{ "OVF",	  true,	 ask_ovf },	     { "SmartOS",     true,  ask_smartos },
	{ "Scaleway",	  false, ask_scaleway },     { "Hetzner",     false, ask_hetzner },
	{ "IBMCloud",	  false, ask_ibmcloud },     { "Oracle",      false, ask_oracle },
	{ "Exoscale",	  false, ask_exoscale },     { "RbxCloud",    true,  ask_rbx },
	{ "UpCloud",	  false, ask_upcloud },	     { "LXD",	      true,  ask_lxd },
	{ "NWCS",	  false, ask_nwcs },	     { "Akamai",      false, ask_akamai },
	{ "WSL",	  false, ask_never },	     { "CloudCIX",    false, ask_cloudcix },
};
/* clang-format on */
const size_t n_probes = ELEMENTSOF(probes);

const struct probe *probe_find(const char *name)
{
	for (size_t i = 0; i < n_probes; i++)
		if (streq(probes[i].name, name))
			return &probes[i];
	return NULL;
}
