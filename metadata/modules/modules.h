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

#include "metadata/source/http.h"
#include "metadata/userdata/userdata.h"

struct context {
	const struct instance *instance;
	const struct userdata *data;
	const cJSON *config;
	const char *root;  /* "" or a prefix for tests */
	const char *state; /* folder of this instance's marks */
	struct diag *d;
	const char *sem; /* folder where cloud-init's marks are looked for; NULL: none are made */
	const struct http *http; /* NULL: there is no network yet */
	cJSON *timings; /* list, receives {name, stage, took_usec, failed} a module; NULL */
	/* In place of programs of the image, for tests: an exit status or -errno. */
	int (*run)(void *userdata, const char *const *argv, const char *input);
	void *run_userdata;
	int (*random)(void *buf,
	              size_t size); /* in place of the kernel's numbers for keys, for tests */
};

/* Host keys that take long are a stage of their own, which runs beside the final one: nobody waits for them. */
enum module_stage { STAGE_APPLY, STAGE_FINAL, STAGE_HOST_KEYS };
const char *module_stage_to_string(enum module_stage stage);
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

int module_seed_random(struct context *c);
int module_boothooks(struct context *c);
int module_bootcmd(struct context *c);
int module_write_files(struct context *c);
int module_growpart(struct context *c);
int module_resizefs(struct context *c);
int module_disk_setup(struct context *c);
int module_mounts(struct context *c);
int module_hostname(struct context *c);
int module_etc_hosts(struct context *c);
int module_resolv_conf(struct context *c);
int module_ca_certs(struct context *c);
int module_rsyslog(struct context *c);
int module_users(struct context *c);
int module_ssh_host_keys(struct context *c);
int module_ssh(struct context *c);
int module_set_passwords(struct context *c);
int module_wireguard(struct context *c);
int module_keyboard(struct context *c);
int module_locale(struct context *c);
int module_ntp(struct context *c);
int module_timezone(struct context *c);
int module_disable_ec2_metadata(struct context *c);
int module_sysmaster(struct context *c);
int module_ssh_slow_host_keys(struct context *c);
int module_ssh_import_id(struct context *c);
int module_apt(struct context *c);
int module_packages(struct context *c);
int module_write_files_deferred(struct context *c);
int module_runcmd(struct context *c);
int module_scripts_vendor(struct context *c);
int module_scripts_per_once(struct context *c);
int module_scripts_per_boot(struct context *c);
int module_scripts_per_instance(struct context *c);
int module_scripts_user(struct context *c);
int module_authkey_fingerprints(struct context *c);
int module_keys_to_console(struct context *c);
int module_phone_home(struct context *c);
int module_final_message(struct context *c);
int module_power_state(struct context *c);

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
/* A file of keys with @keys in it: each line once, and a key that was there with other options has those of
 * @keys; whoever restricts a key of the image means it. */
int authorized_keys_merge(const char *old, char *const *keys, char **ret);
/* @text with each of @lines that it does not have as a whole line. */
int lines_add(const char *text, char *const *lines, char **ret);
/* doas.conf(5): one line that permits or denies something to @user. */
bool doas_rule_is_for(const char *rule, const char *user);
/* fstab(5): what of @old is not ours, and the devices of it. */
int fstab_keep(const char *old, char **ret_text, char ***ret_devices);
#define FSTAB_FIELDS 6
/* One line of ours; -EINVAL a field is empty. */
int fstab_line(char *const fields[FSTAB_FIELDS], char **ret);
/* disk_setup's layout (true, or percents alone or with types) as sfdisk(8) reads it; -EINVAL. */
int disk_layout_script(const cJSON *layout, bool is_gpt, uint64_t bytes, char **ret);
/* "256 SHA256:... comment (ED25519)" of a public key's line; -ENOENT: it is no key, -EBADMSG: a broken one, -EOPNOTSUPP. */
int key_fingerprint(const char *line, char **ret);
/* The same of all lines that are keys, a line each. */
int keys_fingerprints(const char *text, char **ret);
void sha256(const void *data, size_t size, uint8_t ret[32]);
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
/* A text, a number, or the bytes of a !!binary that no text can hold; nothing for NULL. -EINVAL. */
int content_bytes(const cJSON *v, struct blob *ret);
/* The same, behind an encoding's name. */
int content_decode(const cJSON *v, const char *encoding, struct blob *ret);
/* "0640" in octal, a number as it is (YAML has read it as octal already), 0644 where there is none. */
int file_mode_parse(const cJSON *v, mode_t *ret);
/* "updates" -> {"network": ["boot", ...]}: scopes and events that are known; others are findings. */
int update_events_of(const cJSON *updates, struct diag *d, cJSON **ret);

/* phone_home's form: "instance_id=i-1&hostname=..."; @post: a list of names, "all" or NULL. */
int phone_home_body(const struct context *c, const cJSON *post, char **ret);
/* A file of @size bytes, ready for swapon; -EEXIST. */
int swap_file_make(const char *path, uint64_t size);
/* The mounted file system up to the end of its device; -EOPNOTSUPP: it has no such size. */
int filesystem_grow(const char *mount_point);

/* ---- what several modules ask the configuration (users.c, hostname.c, mounts.c, passwords.c) ---- */

/* users_normalise() with the image's default user, who is meant where "users" is missing. */
int context_users(const struct context *c, cJSON **ret);
/* Who gets the machine's keys and password; NULL: nobody. */
char *context_first_user(const struct context *c);
/* Short and full host name, either may be NULL or come out NULL. */
int context_names(const struct context *c, char **ret_host, char **ret_fqdn);
/* "ephemeral0", "sdb", an alias: its device; NULL: it is not there. */
char *context_device(const struct context *c, const char *name);
/* By the image's own chpasswd(8), which knows how this machine hashes. */
int password_set_plain(struct context *c, const char *name, const char *plain);
struct password_change {
	const char *hash; /* NULL: as it is */
	bool lock, expire;
};
int password_change(struct context *c, const char *name, const struct password_change *change);

/* ---- programs and files of the image (modules/command.c) ---- */

/* Runs it below the root, input from @input. 0, or a finding for @subject: -ENOENT the image has no such
 * program, -EIO its status was not 0, -ETIMEDOUT. */
int module_command(struct context *c, const char *subject, usec_t timeout, const char *const *argv);
int module_command_input(struct context *c, const char *subject, usec_t timeout, const char *input,
                         const char *const *argv);
/* Its exit status or -errno, which may be an answer: no finding. */
int module_status(struct context *c, usec_t timeout, const char *const *argv);
/* Its standard output; no finding. */
int module_output(struct context *c, const char *const *argv, usec_t timeout, char **ret);
bool module_has_program(const struct context *c, const char *name);
/* A file below the root, if it is not that already; a finding names it. */
int module_write(struct context *c, const char *name, const char *text, mode_t mode);

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
/* authorized_keys_merge() on ~user/.ssh/authorized_keys; never follows a link inside the home. */
int authorized_keys_add(const struct context *c, const char *user, char *const *keys);
