// SPDX-License-Identifier: Apache-2.0
/*
 * mount - a mount point: from a unit file (or the fstab generator), or because the kernel shows
 * one. mount.c (states), mount-load.c (dependencies), mount-options.c (pure), mount-direct.c (API
 * file systems by mount(2)), mountinfo.c (pure parser), mount-watch.c (/proc/self/mountinfo),
 * mount-record.c.
 *
 * /proc/self/mountinfo is the truth: a unit is mounted when it says so, whoever did it.
 */
#pragma once

#include "types/proc-watch.h"

/* clang-format off */
#define MOUNT_STATES(X) \
	X(DEAD,		      "dead",		     INACTIVE) \
	X(MOUNTING,	      "mounting",	     ACTIVATING) \
	X(MOUNTING_DONE,      "mounting-done",	     ACTIVATING) \
	X(MOUNTED,	      "mounted",	     ACTIVE) \
	X(REMOUNTING,	      "remounting",	     RELOADING) \
	X(UNMOUNTING,	      "unmounting",	     DEACTIVATING) \
	X(REMOUNTING_SIGTERM, "remounting-sigterm",  RELOADING) \
	X(REMOUNTING_SIGKILL, "remounting-sigkill",  RELOADING) \
	X(UNMOUNTING_SIGTERM, "unmounting-sigterm",  DEACTIVATING) \
	X(UNMOUNTING_SIGKILL, "unmounting-sigkill",  DEACTIVATING) \
	X(FAILED,	      "failed",		     FAILED) \
	X(CLEANING,	      "cleaning",	     MAINTENANCE)
/* clang-format on */
enum mount_state {
#define X(id, name, active) MOUNT_STATE_##id,
	MOUNT_STATES(X)
#undef X
		MOUNT_STATE_MAX,
	MOUNT_STATE_INVALID = -EINVAL,
};

enum mount_command { MOUNT_COMMAND_MOUNT, MOUNT_COMMAND_REMOUNT, MOUNT_COMMAND_UNMOUNT };

struct mount {
	struct unit unit;
	enum mount_state state;
	enum result result, reload_result;
	char *where; /* from the settings or the unit's name */
	char *kernel_what, *kernel_options,
		*kernel_type; /* of the topmost mount there, as mountinfo shows it */
	bool is_mounted, seen, spawning;
	struct proc_outcome outcome; /* its command ended, and mountinfo could not be read since */
	unsigned n_unmounts;         /* tries to reach the bottom of a stack of mounts */
	struct pidref control_pid;
	struct process_status control_status;
	enum mount_command command;
	struct deadline deadline;
	struct source *coldplug_source;
	struct doubt doubt; /* of @spawning, after a restart of core */
};

static inline struct mount *MOUNT(const struct unit *u)
{
	return (struct mount *) u;
}
static inline struct mount_settings *mount_settings(const struct mount *m)
{
	return m->unit.file->mount;
}
/* What the kernel says, else what the file says. */
const char *mount_what(const struct mount *m);
const char *mount_options(const struct mount *m);
const char *mount_type(const struct mount *m);
bool mount_has_file(const struct mount *m);

/* ---- mount.c ---- */
const char *mount_state_to_string(enum mount_state s);
void mount_set_state(struct mount *m, enum mount_state state, usec_t deadline);
void mount_enter_mounted(struct mount *m, enum result result);
void mount_enter_dead(struct mount *m, enum result result);
int mount_on_deadline(struct source *source, usec_t deadline, void *userdata);
int mount_spawn(struct mount *m, enum mount_command command);
void mount_on_control_exit(struct mount *m, enum result result);
void mount_on_exit(struct unit *u, const struct process_exit *e);
extern const struct doubt_ops mount_doubt_ops;

/* ---- mount-load.c ---- */
int mount_load(struct unit *u, struct diag *d);
bool mount_is_extrinsic(const struct unit *u);

/* ---- mount-options.c: pure ---- */
bool mount_option_is_set(const char *options, const char *name); /* "nofail", also "name=value" */
bool mount_is_network(const char *type, const char *options);
/* What mount(8) takes for itself ("nofail", "x-...") is dropped, flags become MS_*, the rest is for
 * the file system. */
int mount_options_split(const char *options, unsigned long *ret_flags, char **ret_data);
/* Both lists in their order, each option once. */
int mount_options_merge(const char *first, const char *second, char **ret);
/* Options for the command line of mount(8): without those that only systemd reads. */
int mount_options_for_command(const char *options, char **ret);
/* An API file system that the kernel has: mounted without a process. */
bool mount_is_direct(const char *type);
bool mount_type_is_known(const char *list, const char *type); /* @list: text of filesystems(5) */

/* ---- mount-direct.c ---- */
int mount_direct(const struct mount *m);
int unmount_direct(const struct mount *m);

/* ---- mountinfo.c: pure ---- */
struct mountinfo {
	const char *where, *options, *type, *what, *super_options;
	unsigned id, parent;
	dev_t device;
};
#define MOUNTINFO_ENTRIES_MAX 65536
/* Calls @fn for each line that is well formed; @text is modified. Number of lines given to @fn, or
 * its first negative result. */
int mountinfo_parse(char *text, int (*fn)(const struct mountinfo *e, void *userdata),
                    void *userdata);
bool mount_point_is_ignored(const char *where); /* of the kernel or the container, never a unit */

/* ---- mount-watch.c ---- */
int mount_enumerate(struct manager *m);
void mount_shutdown(struct manager *m);
/* Reads mountinfo now: before the exit of a mount command is judged. */
int mount_refresh(struct manager *m);
/* mount_on_control_exit() if mountinfo was read since (@seen, of mount_refresh()), else as soon as it
 * was: a second mount would lie on the first. */
void mount_command_ended(struct mount *m, int seen, enum result result);

/* ---- mount-record.c ---- */
void mount_save(const struct unit *u, struct strbuf *b);
int mount_restore(struct unit *u, const struct record *r);
int mount_coldplug(struct unit *u);
int mount_describe(const struct unit *u, cJSON *properties);
