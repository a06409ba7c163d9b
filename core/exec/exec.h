// SPDX-License-Identifier: Apache-2.0
/*
 * exec - from a unit's settings to a running process.
 *
 * core never forks itself. exec_spawn() writes all that the child needs into a memfd as text records and starts the small program core-exec by clone3
 * (CLONE_VFORK|CLONE_VM semantics, straight into the unit's cgroup, with a pidfd, with CLONE_PARENT: the process is init's child). core-exec
 * reads the memfd and sets up, in this order: signals, stdio, scheduling and limits, directories, credentials files, name spaces and mounts,
 * capabilities, user, seccomp, then execve. If a step fails it exits with systemd's number for it (200 CHDIR ... 243 CREDENTIALS) after one line to the
 * journal that names step and cause. core-exec is opened once at start, so that an upgrade never mixes versions.
 */
#pragma once

#include "engine/engine.h"

/* @directory holds core-exec. */
int exec_setup(struct manager *m, const char *directory);
void exec_shutdown(struct manager *m);

enum exec_flags {
	EXEC_CONTROL = 1,       /* not the main process: ExecStartPre=, ExecStop=, ... */
	EXEC_APPLY_SANDBOX = 2, /* settings' name spaces, user, seccomp; off for "+" commands */
	EXEC_PASS_FDS = 4,      /* LISTEN_FDS */
	EXEC_SET_WATCHDOG = 8,
	EXEC_NEW_DIRECTORIES =
		16, /* make RuntimeDirectory= and friends (first command of a start) */
	EXEC_KEEP_CGROUP_CONTROL = 32, /* into the ".control" child cgroup */
	EXEC_CONSOLE_WAIT = 64,        /* Type=idle */
};

/* Name spaces that outlive the process that made them (namespace-box.h). */
enum exec_box { EXEC_BOX_NET, EXEC_BOX_IPC, EXEC_BOX_MAX };

struct exec_request {
	struct unit *unit;
	const struct exec_command *command;
	const struct exec_settings
		*settings; /* may be NULL: mount, umount, generators run with plain defaults */
	const struct cgroup_settings *cgroup;
	unsigned flags;
	char *const *
		environment; /* extra assignments: MAINPID=, SERVICE_RESULT=, NOTIFY_SOCKET=, ... */
	/* socket fds first, then stored ones; names beside them */
	const int *fds;
	char *const *fd_names;
	size_t n_socket_fds, n_stored_fds;
	bool fds_nonblock;
	int stdio_socket; /* for StandardInput=socket; -EBADF: none */
	usec_t watchdog_usec;
	/* What all processes of the unit's group share, by enum exec_box; -EBADF: not that one. NULL: none */
	const int *boxes;
	/* For Type=exec: core-exec writes one byte, 1, when all is set up; then its end closes. Exactly that one byte: execve worked; none, or a second
	 * one: it failed. -EBADF: not wanted */
	int exec_fd;
};
/**
 * exec_spawn - starts one process of a unit
 * @ret: pid, pidfd and start time; the caller owns it
 *
 * Expands the command line, builds the environment. The caller has saved its intent (unit_save) before and watches the pid after.
 * Returns 0 or -errno: -E2BIG, -EAGAIN (clone), -ENOENT (no core-exec), -ENOMEM.
 */
int exec_spawn(struct manager *m, const struct exec_request *q, struct diag *d, struct pidref *ret);
/* At the end of a turn of the loop. @idle: nothing is expected to be started soon, memory for that can go. */
void exec_settle(bool idle);
/* A program of our own or a generator: no unit, plain environment, stdio null or @stdout_fd, child of core itself. */
int exec_spawn_plain(struct manager *m, char *const *argv, char *const *environment, int stdout_fd,
                     struct pidref *ret);

/*
 * A group is what has private name spaces and a private /tmp in common: one activation of a unit, and those that join it
 * (JoinsNamespaceOf=). Its name: "INVOCATION UNIT", of the one that came first; u->namespace_group.
 */
int exec_group_new(const char *invocation_id, const char *unit, char **ret);
const char *exec_group_unit(const char *group); /* NULL: not such a name */
/* The private /tmp and /var/tmp of a group whose last unit is dead. */
void exec_private_tmp_remove(struct manager *m, const char *group);
/* RuntimeDirectory= (and PrivateTmp='s, of a unit without a group) are removed when the unit is dead; @restarting honours RuntimeDirectoryPreserve=. */
int exec_directories_remove(struct unit *u, const struct exec_settings *s, bool restarting);
/* The main process is gone: what it held in its own name, its utmp record, is given back. May be told twice. */
void exec_process_ended(struct unit *u, const struct exec_settings *s, pid_t pid);
/* Exit statuses 200-245: "EXEC", "CHDIR"...; NULL for others. */
const char *exec_status_to_string(int status);
/* The Exec* properties of show: Environment, User, ... */
const char *exec_output_to_string(enum exec_output o); /* "journal" */
int exec_describe(const struct exec_settings *s, cJSON *properties);
int exec_command_describe(const struct exec_command *c, const char *key, cJSON *properties);
int kill_describe(const struct kill_settings *k, cJSON *properties);
