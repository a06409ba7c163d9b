// SPDX-License-Identifier: Apache-2.0
/*
 * modules - the merged configuration becomes the machine's.
 *
 * modules[] (table.c) is the order, the stage, the frequency and the keys of each; a module is one
 * function in a file of its subject. It works below c->root with files and kernel interfaces; the
 * image's own tools are run only where that is the point (packages, apt, runcmd, mkfs). A module that
 * fails is a finding and the rest go on.
 *
 * "Once per instance" is a mark in the instance's folder (c->state), "once" one two folders above it.
 * A mark is made after the module ran, also when it failed: it is then reported, not tried again.
 */
#pragma once

#include "metadata/userdata/userdata.h"

struct context {
	const struct instance *instance;
	const struct userdata *data;
	const cJSON *config;
	const char *root;  /* "" or a prefix for tests */
	const char *state; /* folder of this instance's marks and scripts */
	struct diag *d;
};

enum module_stage { STAGE_APPLY, STAGE_FINAL };
enum module_frequency { EVERY_BOOT, ONCE_PER_INSTANCE, ONCE };
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
int module_boothooks(struct context *c);
int module_scripts_vendor(struct context *c);
int module_scripts_per_once(struct context *c);
int module_scripts_per_boot(struct context *c);
int module_scripts_per_instance(struct context *c);
int module_scripts_user(struct context *c);

/* ---- pure parts, each with its cases ---- */

/* runcmd's or bootcmd's list as a script; -EINVAL with the reason. */
int shellify(const cJSON *list, const char *key, struct diag *d, char **ret);
/* "512M", "1.5G", "100": bytes; -EINVAL. */
int size_parse(const char *text, uint64_t *ret);
/* users, user and groups with the default user -> {"users": {NAME: {}}, "groups": {NAME: []}}. */
int users_normalise(const cJSON *config, const cJSON *default_user, struct diag *d, cJSON **ret);
/* One line of authorized_keys: {"options", "keytype", "base64", "comment"}, absent where not
 * there. @instead: options to put in place of its own; or NULL. */
int authorized_key_parse(const char *line, const char *instead, cJSON **ret);
/* sshd's AuthorizedKeysFile for a user: %h, %u, %%, relative to the home. */
int authorized_keys_paths(const char *value, const char *home, const char *user, char ***ret);
/* power_state -> argv of shutdown, condition and timeout; -ENOENT: nothing to do. */
int power_state_parse(const cJSON *config, struct diag *d, cJSON **ret);
/* Suggested bytes of swap for @memory bytes, at most @maxsize, or a quarter of @disk_free where that is 0.
 * 0: too little room. */
uint64_t swap_size_suggest(uint64_t memory, uint64_t disk_free, uint64_t maxsize);
/* write_files: "encoding"; an unknown one leaves the text as it is. */
struct file_encoding {
	bool base64, gzip;
};
struct file_encoding file_encoding_parse(const char *s);
/* An entry's "content", decoded; -EINVAL, -EBADMSG. */
int file_content_decode(const cJSON *entry, struct blob *ret);
/* "0640" in octal, a number as it is (YAML has read it as octal already), 0644 where there is none. */
int file_mode_parse(const cJSON *v, mode_t *ret);
/* "updates" -> {"network": ["boot", ...]}: scopes and events that are known; others are findings. */
int update_events_of(const cJSON *updates, struct diag *d, cJSON **ret);

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
