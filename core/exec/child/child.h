// SPDX-License-Identifier: Apache-2.0
/*
 * child.h - core-exec: a process on its way to becoming a unit's command. It reads its settings
 * from the memfd whose number is its only argument, goes through the table of steps in main.c, and
 * executes the command. The first step that fails logs one line and exits with that step's status.
 * A step does nothing, and reads nothing, unless a setting asks for it.
 *
 * Linked statically, without name services: a user that is not in /etc/passwd makes it execute
 * core-exec-nss, the same program linked dynamically, which starts over. Nothing is freed: execve
 * does that.
 */
#pragma once

#include "exec/exit-status.h"
#include "exec/spec.h"

#define CHILD_GROUPS_MAX 65536 /* NGROUPS_MAX of the kernel */
#define CHILD_DETAIL_MAX 256

struct child {
	struct exec_spec spec;
	struct exec_settings *s; /* of spec */
	int spec_fd;
	bool sandbox;     /* settings restrict this process */
	const char *step; /* its name, for the message */
	char detail[CHILD_DETAIL_MAX];

	/* user.c */
	bool user_set, group_set;
	uid_t uid;
	gid_t gid;
	const char *user, *home, *shell;
	gid_t *groups;
	size_t n_groups;

	/* stdio.c */
	char journal_stream[64];
	bool stdin_is_tty;

	char **env;
	char **directory_env;   /* RUNTIME_DIRECTORY=... */
	char **directory_links; /* path, target, path, ...: symbolic links that lead to them */
	char **private_dirs; /* "/var/lib/private/x": to be seen through a dynamic user's mount name
	                        space */
	char *credentials_dir;
	char **argv;
	bool needs_mounts; /* the root is the one asked for already */
	bool seccomp_wanted;
};

/* Keeps a sentence about the failure and returns @error; "%m" works. */
int child_fail(struct child *c, int error, const char *fmt, ...) _printf_(3, 4);
/* One line to the journal, else to the kernel's log, else to stderr. */
void child_log(const struct child *c, int level, const char *fmt, ...) _printf_(3, 4);

static inline bool child_switches_user(const struct child *c)
{
	return !(c->spec.command_flags & (EXEC_FULLY_PRIVILEGED | EXEC_NO_SETUID));
}

/* ---- the steps, in the order in which main.c takes them; each 0 or -errno ---- */
int child_signals(struct child *c);
int child_cgroup(struct child *c);
int child_find_user(struct child *c);
int child_find_groups(struct child *c);
int child_delegate(struct child *c);
int child_stdin(struct child *c);
int child_stdout(struct child *c);
int child_stderr(struct child *c);
int child_oom(struct child *c);
int child_nice(struct child *c);
int child_scheduler(struct child *c);
int child_affinity(struct child *c);
int child_ioprio(struct child *c);
int child_timer_slack(struct child *c);
int child_personality(struct child *c);
int child_directories_runtime(struct child *c);
int child_directories_state(struct child *c);
int child_directories_cache(struct child *c);
int child_directories_logs(struct child *c);
int child_directories_configuration(struct child *c);
int child_credentials(struct child *c);
int child_environment(struct child *c);
int child_keyring(struct child *c);
int child_pam(struct child *c);
int child_network(struct child *c);
int child_namespaces(struct child *c);
int child_mounts(struct child *c);
int child_user_namespace(struct child *c);
int child_root(struct child *c);
int child_limits(struct child *c);
int child_bounding_set(struct child *c);
int child_groups(struct child *c);
int child_user(struct child *c);
int child_secure_bits(struct child *c);
int child_label_selinux(struct child *c);
int child_label_apparmor(struct child *c);
int child_label_smack(struct child *c);
int child_working_directory(struct child *c);
int child_no_new_privileges(struct child *c);
int child_seccomp_families(struct child *c);
int child_seccomp(struct child *c);
bool child_wants_seccomp(const struct child *c);
int child_utmp(struct child *c);
int child_tell(struct child *c);
int child_expand(struct child *c);
int child_pass_fds(struct child *c);

/* ---- shared helpers ---- */
/* user.c: looks a name or number up; -ESRCH. Strings are kept. */
int user_lookup(const char *name, uid_t *ret_uid, gid_t *ret_gid, const char **ret_home,
                const char **ret_shell, const char **ret_name);
int group_lookup(const char *name, gid_t *ret_gid);
int groups_of_user(const char *user, gid_t gid, gid_t **ret, size_t *ret_n);
/* directories.c: whether they are below private/, which only root and the unit's own name space can enter. */
const char *child_directory_base(enum exec_directory kind);
bool child_directory_is_private(const struct child *c, enum exec_directory kind);
/* tty.c */
const char *child_tty_path(const struct child *c);
bool child_uses_tty(const struct child *c);
int tty_prepare(struct child *c); /* reset, hang up, clear, as the settings ask */
int tty_acquire(struct child *c); /* the fd: the controlling terminal */
int tty_open(const char *path, int flags);
int tty_reset(int fd);
/* What core has it do behind a unit, each by a word on the command line. @name: a user or a number. */
int child_remove_ipc(const char *name);
int child_utmp_dead(const char *id, const char *pid);
/* mounts.c */
bool child_wants_mounts(const struct child *c);
/* Whether the process ends up in a new root; then paths of settings are below it. */
bool child_has_root(const struct child *c);
