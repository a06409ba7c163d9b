// SPDX-License-Identifier: Apache-2.0
/*
 * detect - which platform is this, and is there anything to do at all? Answered without a packet.
 *
 * machine_read() looks at the machine once (DMI, SMBIOS, block devices' labels, kernel command line,
 * virtio ports, markers) and makes a struct machine, which is data alone. detect_identify() is a
 * pure function of it: probes are rows of one table (detect/probes.c), each says found, maybe or no.
 * The answers are those of cloud-init's ds-identify; a "maybe" is never enough, so that no
 * link-local service is asked for anything unless the platform is known or pinned.
 *
 * In a confidential VM everything that the host can plug in (labelled media, SMBIOS serial, virtio
 * ports, guestinfo) is refused unless datasource_list pins it: the host is not trusted there.
 */
#pragma once

#include "metadata/metadata.h"

enum dmi_field {
	DMI_SYS_VENDOR,
	DMI_BOARD_NAME,
	DMI_CHASSIS_ASSET_TAG,
	DMI_PRODUCT_NAME,
	DMI_PRODUCT_SERIAL,
	DMI_PRODUCT_UUID,
	DMI_BASEBOARD_SERIAL,
	DMI_CHASSIS_VENDOR,
	DMI_FIELD_MAX,
};
extern const char *const dmi_field_names[DMI_FIELD_MAX];

struct block_device {
	char *name, *label, *label_fatboot, *uuid, *type; /* name: "/dev/vdb"; others may be NULL */
};

struct machine {
	char *virt; /* systemd-detect-virt's word; "none", never NULL */
	char *kernel_name, *kernel_version, *arch;
	char *cmdline;            /* NULL: there is no /proc/cmdline */
	char *dmi[DMI_FIELD_MAX]; /* NULL: no such file */
	struct block_device *devices;
	size_t n_devices;
	bool is_container, is_confidential;
	bool has_lxd_socket;
	/* VMware: text of guestinfo.KEY, or NULL; the key is metadata, userdata, vendordata, ovfEnv. */
	char *(*guestinfo)(void *userdata, const char *key);
	void *guestinfo_userdata;
	bool has_guestinfo_env;  /* VMX_GUESTINFO in the environment */
	char *imc_customization; /* vmware-toolbox-cmd's answer: "enabled", ... or NULL */
	struct tree root;        /* seeds, /etc/cloud, /run, /sys */
};
void machine_done(struct machine *m);
/* @root_fd: directory the machine's files are below ("/" at boot); the host's devices and DMI are
 * asked only when it is "/". */
int machine_read(const int *root_fd, bool is_live, struct machine *ret);

struct detect_policy {
	enum {
		DETECT_MODE_SEARCH,
		DETECT_MODE_ENABLED,
		DETECT_MODE_DISABLED,
		DETECT_MODE_REPORT
	} mode;
	enum { DETECT_FOUND_ALL, DETECT_FOUND_FIRST } found;
	enum { DETECT_MAYBE_NONE, DETECT_MAYBE_ALL } maybe;
	enum { DETECT_NOTFOUND_DISABLED, DETECT_NOTFOUND_ENABLED } notfound;
};
/* "search,found=all,maybe=none,notfound=disabled": words change *p; unknown ones are findings. */
void detect_policy_parse(const char *text, struct detect_policy *p, struct diag *d);

/* The number is ds-identify's exit status. */
enum detect_verdict { DETECT_ENABLED = 0, DETECT_NOT_FOUND = 1, DETECT_DISABLED = 2 };
struct detection {
	enum detect_verdict verdict;
	char **list;           /* datasource_list to use, "None" last; NULL: the image's own */
	char **found, **maybe; /* probes that answered so */
	char *reason;          /* for people */
	char *ec2_strict_id;   /* to hand on where Ec2 is only possible; or NULL */
	bool is_pinned;        /* the list was given, nothing was probed */
	bool is_report;        /* mode "report": list is what would be used */
};
void detection_done(struct detection *r);
/**
 * detect_identify - the datasources to try
 * @policy: built-in policy, NULL for cloud-init's default; files and the kernel line override it
 * Returns 0 or -ENOMEM. Spec: tools/ds-identify of cloud-init 26.2.
 */
int detect_identify(const struct machine *m, const struct detect_policy *policy, struct diag *d,
                    struct detection *ret);

/* The marker file or "cloud-init=disabled" on the kernel line. */
bool detect_is_disabled(const struct machine *m);

/* ---- the kernel command line ---- */

/* Texts between "cc:" and "end_cc", unquoted, joined by newlines; "" if there is none. */
int cmdline_cloud_config(const char *line, char **ret);
/* "cloud-config-url=URL" or "url=URL": key and value; -ENOENT. */
int cmdline_config_url(const char *line, char **ret_key, char **ret_url);
/* The datasource's name that ds=, ci.ds= or ci.datasource= gives; "" if none. */
int cmdline_datasource(const char *line, char **ret);

/* "ds=nocloud;h=NAME;i=ID;s=URL" of the kernel command line or the SMBIOS serial number. */
struct nocloud_line {
	char *seed_from, *instance_id, *hostname, *dsmode;
	cJSON *fill; /* all keys by their long names, with the implied dsmode */
};
/**
 * nocloud_line_parse - reads the tokens of a ds= line
 * @text: a whole kernel command line or serial number; the last ds=nocloud token counts
 * Returns 1, 0 if it does not speak of NoCloud, -ENOMEM. Spec: cloud-init's NoCloud datasource,
 * "line configuration".
 */
int nocloud_line_parse(const char *text, struct nocloud_line *ret);
void nocloud_line_done(struct nocloud_line *l);

/* ---- names and ids ---- */

/* cloud-id of (cloud_name, region, platform): "aws-china", "nocloud", ...; the caller frees. */
int cloud_id_of(const char *cloud_name, const char *region, const char *platform, char **ret);
/* Azure's VM id of a DMI UUID: the first three fields swapped where the machine is generation 1. */
int azure_vm_id(const char *uuid, bool swap, char **ret);

struct block_candidate {
	char device[64], fs_type[16];
};
/* Block devices with an iso9660 or vfat file system labelled cidata (either case); at most @max.
 * Returns the number. */
int detect_labelled(struct block_candidate *found, size_t max);
/* Every block device's label, type and UUID (superblocks only, no udev). */
int block_devices_read(struct block_device **ret, size_t *ret_n);
