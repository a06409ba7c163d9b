// SPDX-License-Identifier: Apache-2.0
/* clang-format off */
/*
 * stage.h - what PID 1 does not do itself. The code lies in init's binary, so a version of init never meets another
 * version's stages, but the permanent part calls none of it (unit.init.symbols): main.c does, in a process of its own.
 *
 *	boot.c, settings.c	before there is a PID 1 to speak of: mounts, cgroup, limits, what was chosen on the command
 *				lines. Runs in a child, whose result is the first state that init reads
 *	check.c			tries a new core, init or root for an upgrade, as a child with a time limit
 *	rescue.c		a program for a human: as a child when no core can be run, as PID 1 at the end of all roads
 *	halt.c			PID 1 becomes it at the end: kill, sync, swapoff, unmount, reboot
 *	switch-root.c		PID 1 becomes it to leave an initramfs, and it becomes the new root's init, with the state
 *
 * A stage is started as `init --stage=NAME ARGUMENT...` by the fd of our own binary. Nothing here returns to the loop.
 */
/* clang-format on */
#pragma once

#include "init/init.h"

#define CMDLINE_MAX   4096
#define MOUNTINFO_MAX (1 << 20)
#define CHECK_USEC    (5 * SECOND)  /* self-check of a new binary */
#define TERM_USEC     (10 * SECOND) /* from SIGTERM to SIGKILL for whatever is left */
#define KILL_USEC     (5 * SECOND)
#define UNMOUNT_USEC                                                                               \
	(90 * SECOND) /* sync, swapoff and unmount: a dead disk must not stop a reboot */
#define UNMOUNT_PASSES 32

/** stage_main - runs the stage that @argv[0], "--stage=NAME", names. Returns an exit status. */
int stage_main(char **argv);

/**
 * stage_boot - makes the place fit to live in, and fills st with what it found
 * @args: init's command line, without its name
 * @fd:   the state is written there; negative: only filled in
 *
 * Failures are logged and lived with. Returns 0, or -errno if the state could not be written.
 */
int stage_boot(char **args, int fd);
/** place_enter - what a process can only do for itself: session, umask, folder, fds 0 to 2 */
void place_enter(void);

/** settings_load - of the kernel's command line, unless in a container, and then of @args */
void settings_load(char **args);
/** option_set - "name=value" of init's command line (after --) or the kernel's (after sysmaster.).
 * -ENOENT: not ours, -EINVAL */
int option_set(const char *word);

int stage_check_core(char **argv);
int stage_check_init(char **argv);
int stage_check_root(char **argv);
int stage_rescue(char **argv);
int stage_halt(char **argv);
int stage_switch_root(char **argv);

/** init_is_ours - does this binary answer a self-check with what only a reader of our state knows?
 * Returns 0, -ETIMEDOUT, -EBADMSG with @why, or -errno of a failing exec. */
int init_is_ours(int exe_fd, int state_fd, long long nonce, struct text *why);
/** self_check - the other side of it: what a new init runs as a child. Returns an exit status. */
int self_check(int state_fd);
/** root_words - "DIR[ INIT]" of SWITCH_ROOT, cut in place; *@ret_init: /sbin/init if there is none
 */
void root_words(char *words, const char **ret_init);

/** reap_until - until no child is left, or @pid (if not 0) is gone, or the time is up; @watchdog_fd
 * is fed meanwhile. Returns whether it came to that end. */
bool reap_until(usec_t after, pid_t pid, int watchdog_fd);
/** kill_all - SIGTERM, then SIGKILL to every other process, with time to end in */
void kill_all(int watchdog_fd);
/** path_unescape - \040 and its like in mountinfo and swaps, in place, up to the first blank.
 * Returns the length. */
size_t path_unescape(char *s);
/** mountinfo_target - the mount point of one line of mountinfo, in place; NULL if it has none */
char *mountinfo_target(char *line);
