// SPDX-License-Identifier: Apache-2.0
/*
 * metadata - what the platform wants this machine to be: a native reader of instance metadata and
 * cloud-config.
 *
 * The flow, one way: detect/ says where metadata may be -> source/ reads it into a struct instance
 * -> userdata/ turns the text into one merged cloud-config (JSON) and scripts -> modules/ apply it,
 * one file a module, in the order of one table.
 *
 * Two stages: "apply" runs early and does what the rest of the boot builds on (host name, files,
 * users, keys, agents' configuration); "final" runs when the machine is up and executes runcmd and
 * user scripts. What is meant once an instance is noted under
 * /var/lib/sysmaster/metadata/instances/ID, module by module, after it is done: a boot that is cut
 * off goes on where it was.
 *
 * Metadata is untrusted in form: sizes, depths and counts are limited (below), file systems are
 * mounted read-only, nosuid, nodev, noexec, and a document that cannot be read changes nothing. It
 * is trusted in intent: whoever controls it is root here. Secrets are written 0600 and never
 * logged. A key that is not supported is reported, by name, in the log and in
 * /run/sysmaster/metadata/result.json.
 */
#pragma once

#include "base/base.h"

#define METADATA_DOCUMENT_MAX (4U << 20) /* bytes of one document */
#define METADATA_NODES_MAX    200000     /* of one YAML document, aliases expanded */
#define METADATA_DEPTH_MAX    48
#define METADATA_LIST_MAX     4096 /* entries of users, write_files, runcmd, ... */

/* ---- what was found ---- */

struct instance {
	char *datasource; /* "nocloud" */
	char *origin;     /* for people: "/dev/vdb (iso9660, cidata)" */
	char *id;         /* instance-id */
	cJSON *meta_data; /* object, never NULL */
	char *user_data, *vendor_data, *network_config; /* as found; may hold NUL bytes */
	size_t user_data_size, vendor_data_size, network_config_size;
};
struct instance *instance_free(struct instance *i);
DEFINE_CLEANUP(struct instance *, instance_free)

/* ---- detect ---- */

/* "ds=nocloud;h=NAME;i=ID;s=URL" of the kernel command line or the SMBIOS serial number. */
struct nocloud_line {
	char *seed_from, *instance_id, *hostname, *dsmode;
};
/**
 * nocloud_line_parse - reads the tokens of a ds= line
 * @text: a whole kernel command line or serial number; the last ds=nocloud token counts
 * Returns 1, 0 if it does not speak of NoCloud, -ENOMEM. Spec: cloud-init's NoCloud datasource,
 * "line configuration".
 */
int nocloud_line_parse(const char *text, struct nocloud_line *ret);
void nocloud_line_done(struct nocloud_line *l);

struct block_candidate {
	char device[64], fs_type[16];
};
/* Block devices with an iso9660 or vfat file system labelled cidata (either case); at most @max.
 * Returns the number. */
int detect_labelled(struct block_candidate *found, size_t max);

/* ---- source ---- */

/* Order: SMBIOS serial, kernel command line, seed directory, labelled file system. -ENOENT: this
 * machine has no such metadata. */
int source_nocloud(const char *root, struct diag *d, struct instance **ret);

/* ---- userdata ---- */

/* One YAML document as JSON, YAML 1.1 scalars as cloud-init's parser sees them. -EBADMSG with line,
 * -E2BIG. */
int yaml_parse(const char *text, size_t size, const char *name, struct diag *d, cJSON **ret);

struct userdata {
	cJSON *config;  /* merged cloud-config; object, never NULL */
	char **scripts; /* "#!" documents, in order */
};
void userdata_done(struct userdata *u);
/* Vendor data first, user data over it (top-level keys of user data win). Unknown formats are
 * findings. */
int userdata_read(const struct instance *i, struct diag *d, struct userdata *ret);

/* ---- modules ---- */

struct context {
	const struct instance *instance;
	const struct userdata *data;
	const cJSON *config;
	const char *root;  /* "" or a prefix for tests */
	const char *state; /* folder of this instance's marks and scripts */
	struct diag *d;
};

enum module_stage { STAGE_APPLY, STAGE_FINAL };
enum module_frequency { EVERY_BOOT, ONCE_PER_INSTANCE };
struct module {
	const char *name;
	enum module_stage stage;
	enum module_frequency frequency;
	const char *keys; /* top-level keys that it handles, separated by blanks */
	int (*run)(struct context *c);
};
extern const struct module modules[];
extern const size_t n_modules;

/* Runs the modules of a stage that are due; findings for each that failed. Number of failed ones.
 */
int modules_run(struct context *c, enum module_stage stage);
/* Findings for keys that no module handles. */
void modules_report_unknown(const cJSON *config, struct diag *d);

int module_bootcmd(struct context *c);
int module_write_files(struct context *c);
int module_write_files_deferred(struct context *c);
int module_hostname(struct context *c);
int module_etc_hosts(struct context *c);
int module_users(struct context *c);
int module_ssh(struct context *c);
int module_set_passwords(struct context *c);
int module_sysmaster(struct context *c);
int module_runcmd(struct context *c);
int module_scripts_user(struct context *c);

/* ---- helpers that modules share (modules/util.c) ---- */
char *root_path(const struct context *c, const char *path); /* path below c->root */
/* A scalar as text: "yes" strings as they are, numbers without a fraction; NULL for others. The
 * caller frees. */
char *scalar_text(const cJSON *v);
/* Runs a program, output to our stderr (the journal). Its status, or -errno; -ETIMEDOUT kills it.
 */
int run_program(char *const *argv, const char *input, usec_t timeout);
/* "user:group" -> ids; -ENOENT. Either part may be missing (-1). Reads the passwd and group files
 * below c->root. */
int owner_parse(const struct context *c, const char *owner, uid_t *ret_uid, gid_t *ret_gid);
struct account {
	uid_t uid;
	gid_t gid;
	char *home;
};
int account_find(const struct context *c, const char *user,
                 struct account *ret); /* -ENOENT; free ret->home */
/* Adds lines to ~user/.ssh/authorized_keys that are not there; never follows a link inside the
 * home. */
int authorized_keys_add(const struct context *c, const char *user, char *const *keys);
/* The image's default user, as Debian's cloud images name it. */
const char *default_user(const struct context *c);
