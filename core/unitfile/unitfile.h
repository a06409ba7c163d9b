// SPDX-License-Identifier: Apache-2.0
/*
 * unitfile - from text to values. Input: a unit name and the search paths. Output: struct unit_file (settings.h) and findings.
 *
 * In order: name.h splits the name; search.h finds fragment, drop-ins, aliases, .wants/.requires folders; lexer.h makes lines
 * of (section, key, value, line); directives.c, the one table, finds the parser for a key; value-*.c parse values; default.c
 * fills what files left open; verify.c refuses what does not fit together. install.h: enable, disable, mask, preset, on disk only.
 *
 * The index of all unit directories is read once (unit_index_new) and again only on reload, so that loading a unit stats nothing
 * twice. Nothing here knows of running units. Unknown keys and sections are accepted with one warning that names file and line.
 */
#pragma once

#include "unitfile/settings.h"

/* ---- names: systemd.unit(5) ---- */
#define UNIT_NAME_MAX 256
enum unit_name_flags {
	UNIT_NAME_PLAIN = 1,
	UNIT_NAME_TEMPLATE = 2,
	UNIT_NAME_INSTANCE = 4,
	UNIT_NAME_ANY = 7
};
bool unit_name_is_valid(const char *name, enum unit_name_flags flags);
int unit_name_type(const char *name);               /* enum unit_type or -EINVAL */
int unit_name_prefix(const char *name, char **ret); /* "foo" of foo@bar.service */
int unit_name_instance(const char *name,
                       char **ret); /* NULL if it has none; returns the enum flag of its kind */
int unit_name_template(const char *name, char **ret); /* "foo@.service"; -EINVAL for plain names */
int unit_name_replace_instance(const char *name, const char *instance, char **ret);
int unit_name_change_suffix(const char *name, const char *suffix, char **ret);
int unit_name_from_path(const char *path, const char *suffix,
                        char **ret); /* "/home/x" -> "home-x.mount" */
int unit_name_to_path(const char *name, char **ret);
int unit_name_escape(const char *s, char **ret);
int unit_name_unescape(const char *s, char **ret);
/* What a person types: adds ".service", turns /dev and paths into .device and .mount; globs pass if @allow_glob. */
int unit_name_mangle(const char *s, bool allow_glob, char **ret);
/* The same with another suffix, as ".mount". */
int unit_name_mangle_with(const char *s, bool allow_glob, const char *suffix, char **ret);
int slice_parent(
	const char *slice,
	char **ret); /* "a-b.slice" -> "a.slice"; "-.slice" for a top one; NULL for the root */

/* ---- search paths and the index ---- */
struct unit_paths {
	char **dirs; /* in order of precedence */
	char *root;  /* "" or the --root prefix */
	char *persistent_config, *runtime_config, *generator, *generator_early, *generator_late,
		*transient, *persistent_control, *runtime_control;
};
/* SYSTEMD_UNIT_PATH is honoured ("a:b:" appends the defaults). @root may be NULL. */
int unit_paths_init(struct unit_paths *p, const char *root);
void unit_paths_done(struct unit_paths *p);

struct unit_index; /* every unit file, symlink, drop-in folder and .wants/.requires/.upholds folder of the search path */
int unit_index_new(const struct unit_paths *p, struct unit_index **ret);
struct unit_index *unit_index_free(struct unit_index *x);
DEFINE_CLEANUP(struct unit_index *, unit_index_free)
/*
 * 1 if any directory of the search path, or folder in one, is not what it was when the index was read: something was added, taken
 * away or replaced. What a file says is not in the index; unit_file_is_stale() tells of that.
 */
int unit_index_is_stale(const struct unit_index *x);
/* Names of all files (for list-unit-files and globs); sorted. */
int unit_index_names(const struct unit_index *x, char ***ret);
/* Of the file (or link) that the name is found by; -ENOENT. */
int unit_index_path(const struct unit_index *x, const char *name, char **ret);

/* ---- loading ---- */
/* Values for specifiers and defaults that are the manager's. All strings are borrowed. */
struct unit_context {
	const char *machine_id, *boot_id, *hostname, *kernel_release, *architecture, *os_id,
		*os_version_id, *os_build_id, *os_image_id, *os_image_version, *os_variant_id,
		*runtime_dir, *state_dir, *cache_dir, *log_dir, *config_dir, *tmp_dir, *var_tmp_dir;
	/* DefaultTimeoutStartSec= and friends of system.conf */
	usec_t default_timeout_start_usec, default_timeout_stop_usec, default_restart_usec,
		default_start_limit_interval_usec, default_device_timeout_usec,
		default_timer_accuracy_usec;
	unsigned default_start_limit_burst;
	uint64_t default_tasks_max;
	struct rlimit *default_limits[EXEC_RLIMITS_MAX];
	enum exec_output default_std_output, default_std_error;
	char **default_environment;
	char **owned; /* what unit_context_init() made the strings above of */
};
int unit_context_init(
	struct unit_context *
		c); /* from the system and /etc/systemd/system.conf (+ .d) and /etc/sysmaster/core.conf */
void unit_context_done(struct unit_context *c);
/* Do units that leave something open get the same from both? */
bool unit_context_same_defaults(const struct unit_context *a, const struct unit_context *b);

/**
 * unit_file_load - reads everything that the search path says about @name
 * @name: plain or instance name; an alias is resolved, see ->id
 *
 * A unit without a file is no error: load_state is LOAD_NOT_FOUND, and drop-ins and .wants folders still count. A malformed value
 * is a finding and the line is ignored, unless systemd.unit(5) makes it fatal (LOAD_BAD_SETTING).
 *
 * Returns 0 (look at load_state), -EINVAL for a bad name, -ENOMEM.
 */
int unit_file_load(const struct unit_index *x, const struct unit_context *c, const char *name,
                   struct diag *d, struct unit_file **ret);
/* From text in memory, for transient units and tests. */
int unit_file_parse(const struct unit_context *c, const char *name, const char *text, size_t size,
                    const char *path, struct diag *d, struct unit_file **ret);
/* A unit with defaults only, for mounts of mountinfo, devices, -.slice, init.scope. */
int unit_file_new_empty(const struct unit_context *c, const char *name, struct unit_file **ret);
struct unit_file *unit_file_free(struct unit_file *f);
DEFINE_CLEANUP(struct unit_file *, unit_file_free)
/* One assignment on top ("MemoryMax", "1G"), for set-property and transient units. @section NULL: the type's own. */
int unit_file_set(struct unit_file *f, const struct unit_context *c, const char *section,
                  const char *key, const char *value, struct diag *d);
/* 1 if files changed since the load. */
int unit_file_is_stale(const struct unit_file *f);
/* Files changed by ourselves since the load (a drop-in of set-property) count as read. */
int unit_file_note_dropin(struct unit_file *f, const char *path);
/* Expands % specifiers for this unit: systemd.unit(5) "Specifiers". */
int specifier_expand(const struct unit_context *c, const char *unit_name, const char *fragment_path,
                     const char *text, char **ret);

/* ---- files that the manager writes ---- */
/* "Unit", or the section of the type itself, wherever @key belongs; NULL: such a unit knows no such key. */
const char *unit_key_section(enum unit_type type, const char *key);
/* The text of a unit file from "Key=value" assignments. -EINVAL with a finding for a key that there is not. */
int unit_assignments_to_text(enum unit_type type, char *const *assignments, struct diag *d,
                             char **ret);
int transient_write(const struct unit_paths *p, const char *name, const char *text);
int transient_remove(const struct unit_paths *p, const char *name);
/* The drop-in of set-property for one assignment; a new one for the same key takes its place. */
int property_write(const struct unit_paths *p, enum unit_type type, const char *name, bool runtime,
                   const char *assignment, struct diag *d, char **ret_path);

/* ---- values that others need, too ---- */
int span_parse(const char *s, usec_t default_unit,
               usec_t *ret); /* "5min 20s", "infinity"; -EINVAL, -ERANGE */
int calendar_parse(const char *s, struct calendar_spec **ret);
struct calendar_spec *calendar_free(struct calendar_spec *c);
int calendar_format(const struct calendar_spec *c, char **ret); /* normalized */
int calendar_next(const struct calendar_spec *c, usec_t after_realtime,
                  usec_t *ret);                                           /* -ENOENT: never again */
int exec_command_parse(const char *line, struct exec_command **ret_list); /* ";" makes several */
struct exec_command *exec_command_free(struct exec_command *list);
struct exec_command *exec_command_copy(const struct exec_command *list);
int signal_from_string(const char *s); /* "SIGTERM", "TERM", "15"; or -EINVAL */
const char *signal_to_string(int sig);
/* $X as a whole word, ${X} in place; systemd.service(5) "Command lines". */
int env_expand_argv(char *const *argv, char *const *env, char ***ret);
int env_file_parse(const char *text, size_t size, const char *path, struct diag *d, char ***ret);
int exit_status_from_string(const char *s); /* "DATAERR", "3", or -EINVAL */

/* ---- install: symlinks on disk ---- */
enum unit_file_state {
	UNIT_FILE_ENABLED,
	UNIT_FILE_ENABLED_RUNTIME,
	UNIT_FILE_LINKED,
	UNIT_FILE_LINKED_RUNTIME,
	UNIT_FILE_ALIAS,
	UNIT_FILE_MASKED,
	UNIT_FILE_MASKED_RUNTIME,
	UNIT_FILE_STATIC,
	UNIT_FILE_INDIRECT,
	UNIT_FILE_DISABLED,
	UNIT_FILE_GENERATED,
	UNIT_FILE_TRANSIENT,
	UNIT_FILE_BAD,
	UNIT_FILE_STATE_MAX
};
const char *unit_file_state_to_string(enum unit_file_state s);
struct install_change {
	const char *kind; /* "symlink", "unlink", ... or NULL with error set */
	char *path, *source;
	int error;
};
struct install_changes {
	struct install_change *items;
	size_t n;
};
void install_changes_done(struct install_changes *c);
enum install_flags {
	INSTALL_RUNTIME = 1,
	INSTALL_FORCE = 2,
	INSTALL_DRY_RUN = 4,
	/* presets: only the half that enables, or that disables */
	INSTALL_PRESET_ENABLE = 8,
	INSTALL_PRESET_DISABLE = 16
};
/* Any of them by the verb of systemctl(1): enable, disable, reenable, preset, preset-all, mask, unmask, link, revert, add-wants,
 * add-requires, set-default. -EOPNOTSUPP: no such verb. 1: the units carry install information. */
int install_verb(const struct unit_paths *p, const char *verb, char *const *names, unsigned flags,
                 struct install_changes *c, struct diag *d);
int install_enable(const struct unit_paths *p, char *const *names, unsigned flags,
                   struct install_changes *c, struct diag *d); /* 1: carries install info */
int install_disable(const struct unit_paths *p, char *const *names, unsigned flags,
                    struct install_changes *c, struct diag *d);
/* Symlinks to unit files outside of the search path, by their absolute paths (which install_enable() takes, too). */
int install_link(const struct unit_paths *p, char *const *files, unsigned flags,
                 struct install_changes *c, struct diag *d);
int install_mask(const struct unit_paths *p, char *const *names, unsigned flags,
                 struct install_changes *c, struct diag *d);
int install_unmask(const struct unit_paths *p, char *const *names, unsigned flags,
                   struct install_changes *c, struct diag *d);
int install_preset(const struct unit_paths *p, char *const *names, unsigned flags,
                   struct install_changes *c, struct diag *d);
int install_preset_all(const struct unit_paths *p, unsigned flags, struct install_changes *c,
                       struct diag *d);
int install_get_default(const struct unit_paths *p, char **ret);
int install_set_default(const struct unit_paths *p, const char *name, unsigned flags,
                        struct install_changes *c, struct diag *d);
int install_state(const struct unit_paths *p, const char *name, enum unit_file_state *ret);
/* The same for many units: the links of the search path, read once. */
/* The rules of systemd.preset(5), as they were when they were read. */
struct install_presets;
int install_presets_new(const struct unit_paths *p, struct install_presets **ret);
struct install_presets *install_presets_free(struct install_presets *x);
/* 1: the vendor wants @name enabled, 0: not. */
int install_presets_query(const struct install_presets *x, const char *name);

struct install_links;
int install_links_new(const struct unit_paths *p, struct install_links **ret);
struct install_links *install_links_free(struct install_links *x);
DEFINE_CLEANUP(struct install_links *, install_links_free)
bool install_links_are_stale(const struct install_links *x);
int install_state_of(const struct unit_paths *p, const struct install_links *links,
                     const char *name, enum unit_file_state *ret);
