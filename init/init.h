// SPDX-License-Identifier: Apache-2.0
/*
 * init.h - PID 1 of sysmaster. It starts core, watches it, and keeps what must outlive it; it knows
 *nothing of units.
 *
 *	main.c	   arguments, take-over or boot, then one loop: wait, signals, reap, wire,
 *deadlines, send settings.c what can be chosen on our or the kernel's command line boot.c
 *early mounts, cgroup, stdio; what kind of place is this? core.c	   core's life: states and
 *deadlines, restart budget, the ladder spawn.c	   how a child is started: vfork, fds in place,
 *execveat reap.c	   zombies to numbered exits, kept until core has stored them vault.c
 *fds by name wire.c	   packets in and out; nothing is queued that can be derived upgrade.c  a
 *new core or a new init: check first, commit then, and the way back reexec.c   init replaces
 *itself: for an upgrade, on a fault; the rescue at the end of all roads state.c	   all state
 *as text in a memfd signals.c  what PID 1 is told from outside shutdown.c the last stage text.c
 *bounded text without stdio; log.c  one line to kmsg or stderr
 *
 * Objects: struct init_state st, the vault, the ring of exits. All are static; nothing is
 *allocated, nothing grows. Data enters as signals and wire packets, and leaves as wire packets and
 *processes. Waiting happens in one poll(), with the nearest deadline; only shutdown.c and the
 *reaping of a child whose exec failed wait elsewhere, both bounded.
 *
 * The ladder, when core fails too often: next candidate binary ... last candidate --safe-mode, then
 *the policy for unrecoverable (rescue | reboot | halt). A core that ran HEALTHY_USEC has its budget
 *back.
 *
 * It never: blocks on core, trusts a number from the wire, ends itself (outside of a container),
 *allocates.
 */
#pragma once

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <syslog.h>

#include "init/limits.h"
#include "init/state.h"

typedef long long usec_t;
#define USEC_NEVER INT64_MAX

/* What a fault handler would see must have been stored in program order. */
#define FENCE()      __atomic_signal_fence(__ATOMIC_SEQ_CST)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- text.c ---- */

/* Text that grows to @size - 1 and is cut there; always ends with NUL. */
struct text {
	char *data;
	size_t size, used;
};
#define TEXT_IN(array) ((struct text){.data = (array), .size = sizeof(array)})

/** text_add - appends; understands %s %d %lld %% only. Safe in a signal handler. */
void text_add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_vadd(struct text *t, const char *format, __builtin_va_list ap);
/** text_set - text_add() to a fixed array, from its start */
#define text_set(array, ...)                                                                       \
	do {                                                                                       \
		struct text text_ = TEXT_IN(array);                                                \
		text_.data[0] = '\0';                                                              \
		text_add(&text_, __VA_ARGS__);                                                     \
	} while (0)
/** text_copy_clean - copies bytes from outside for use in one line: control characters become '?'
 */
void text_copy_clean(char *dst, size_t size, const char *src, size_t n);
/** number_parse - a decimal number at *@s up to @end; moves *@s behind it. Returns 0, -EINVAL or
 * -ERANGE. */
int number_parse(const char **s, const char *end, long long *ret);
/** error_text - errno's sentence, either sign */
const char *error_text(int error);
/** str_prefix - what follows @prefix in @s, or NULL */
const char *str_prefix(const char *s, const char *prefix);

/* ---- log.c ---- */

/** log_open - to kmsg, or to stderr in a container; without both lines are dropped. */
void log_open(void);
/** log_line - one line, never waits; cut at LOG_LINE_MAX, counted away above LOG_BURST */
void log_line(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- settings.c ---- */

enum policy { POLICY_RESCUE, POLICY_REBOOT, POLICY_HALT };

struct settings {
	const char *cores[CORES_MAX];
	int n_cores;
	usec_t hang_usec, ready_usec;
	long long watchdog_secs; /* 0: leave the hardware watchdog alone */
	int policy;              /* enum policy */
	const char *rescue;
};
extern struct settings settings;
extern const char init_version[];

usec_t now_usec(void);
usec_t boottime_usec(void);
/** option_set - "name=value" of the command line (after --) or the kernel's (after sysmaster.).
 * -ENOENT: not ours */
int option_set(const char *word);
/** options_default - what was not chosen: where core is looked for */
void options_default(void);

/* ---- boot.c ---- */

/** boot - makes the place fit to live in: mounts, cgroup, stdio, limits. Failures are logged and
 * lived with. */
void boot(void);
/** boot_options - option_set() for each sysmaster.* word of the kernel's command line, unless in a
 * container */
void boot_options(void);
/** watchdog_feed - the hardware watchdog, if asked for and there; @last: stop it */
void watchdog_feed(bool last);

/* ---- spawn.c ---- */

struct spawn {
	int exec_fd;
	char *const *argv;
	int fds[5];   /* what becomes fd 0..4; -1: 0..2 stay ours, 3..4 are closed */
	bool console; /* fd 0 becomes the controlling terminal */
};
#define SPAWN_SAME_FDS                                                                             \
	{                                                                                          \
		-1, -1, -1, -1, -1                                                                 \
	}

/**
 * spawn - starts a child in a session of its own with default signals and limits
 *
 * Returns 0 with *@ret_pid set, or -errno of the failing fork or exec; then there is no child. A
 * script is -ENOENT: it cannot be started by a close-on-exec fd.
 */
int spawn(const struct spawn *s, long long *ret_pid);
/** child_reset - what a child of ours does before exec; it keeps nothing of PID 1's signal set-up
 * and limits */
void child_reset(void);

/* ---- core.c ---- */

enum core_state {
	CORE_NONE,      /* deadline: spawn */
	CORE_STARTING,  /* deadline: it is not ready in time */
	CORE_READY,     /* deadline: look at the heartbeat */
	CORE_ASKED,     /* a PING is out; deadline: it hangs */
	CORE_ENDING,    /* deadline: SIGKILL, again and again */
	CORE_EXHAUSTED, /* the ladder is used up; deadline: rescue shell */
	CORE_CLIMBING,  /* a binary could not be opened for lack of something; deadline: again */
	CORE_STATE_MAX
};
enum core_reason {
	REASON_BOOT,
	REASON_CRASH,
	REASON_HANG,
	REASON_UPGRADE,
	REASON_ROLLBACK,
	REASON_SAFE_MODE,
	REASON_MAX
};
extern const char *const core_reasons[REASON_MAX];

void core_start(void); /* from the first rung */
int core_retry(void); /* an operator's order; 1: nothing to retry, -EBUSY: an upgrade is on trial */
void core_on_deadline(usec_t now);
void core_on_wait(const siginfo_t *si); /* it ended or stopped */
int core_on_ready(void);
void core_on_pong(long long value);
void core_on_hangup(void);
/** core_replace - kills core after GRACE_USEC to start anew, for @reason; not counted as a failure
 */
void core_replace(enum core_reason reason);
/** core_take_over - after a re-exec: is core the process that the state tells of? If not, one is
 * started. */
void core_take_over(void);
int page_map(void);
bool core_is_ready(void);
/** status_text - the keys of WELCOME and STATUS */
void status_text(struct text *t);

/* ---- reap.c ---- */

struct exit_record {
	long long start_time;
	int pid, code, status;
	char cgroup[WIRE_TEXT_MAX + 1];
};

extern bool reap_due;
/** reap - everything that has died, as far as there is room; clears or keeps reap_due */
void reap(void);
struct exit_record *exit_at(long long number);
/** exits_ack - core has stored all exits up to @number */
void exits_ack(long long number);
void exits_reset(void);
/** proc_start_time, proc_cgroup - of the text of /proc/PID/stat and /proc/PID/cgroup; -EBADMSG */
int proc_start_time(const char *data, size_t n, long long *ret);
int proc_cgroup(const char *data, size_t n, char *ret, size_t size);
/** proc_read - /proc/PID/@name into @buf with a NUL behind. Returns its length or -errno. */
int proc_read(long long pid, const char *name, char *buf, size_t size);

/* ---- vault.c ---- */

struct vault_item {
	char name[WIRE_VAULT_NAME_MAX + 1]; /* "": free */
	int fd;
};

/** vault_put - keeps @fd under @name, closes the one that was there. Takes @fd on success. -EINVAL,
 * -ENOSPC */
int vault_put(const char *name, size_t n, int fd);
int vault_drop(const char *name, size_t n); /* -ENOENT */
int vault_find(const char *name, size_t n); /* its index; -ENOENT, -EINVAL */
/** vault_next - index of the first item at @index or behind it; -ENOENT at the end */
int vault_next(int index);
struct vault_item *vault_at(int index);
void vault_reset(void);

/* ---- wire.c ---- */

struct packet {
	struct wire_message m;
	char text[WIRE_TEXT_MAX + 1];
	int fd; /* -1: none; a handler that keeps it sets -1 */
};

/** packet_check - are these bytes a message? Pure. Returns 0 or -EBADMSG, -EPROTONOSUPPORT. */
int packet_check(const struct packet *p, size_t n);
/** wire_read - handles what core sent; @drain: all of it, because core is dead or has hung up */
void wire_read(bool drain);
/** wire_flush - sends what is due, until the socket is full; wire_retry: try again without an event
 */
extern bool wire_retry;
void wire_flush(void);
void wire_open(int fd);
void wire_close(void);
/** wire_reply - the answer to a request; nothing if @serial is 0 */
void wire_reply(long long serial, int value, const char *text);
/** wire_events - what to poll for */
short wire_events(void);
/** wire_is_idle - nothing due is unsent */
bool wire_is_idle(void);
bool wire_is_stuck(void); /* the socket is full: core does not read */

/* ---- upgrade.c ---- */

enum helper_kind {
	HELPER_NONE,
	HELPER_CHECK_CORE,
	HELPER_CHECK_INIT,
	HELPER_COMMIT_INIT, /* no process: the check was passed, exec is next */
	HELPER_RESCUE
};

/** upgrade_request - begins the self-check of the binary p->fd. Returns 1: the reply comes later,
 * or -errno. */
int upgrade_request(enum helper_kind kind, struct packet *p, struct text *why);
void helper_on_wait(const siginfo_t *si);
void helper_on_deadline(usec_t now);
/** upgrade_commit - the exec of a checked init, once core's answers are sent */
void upgrade_commit(void);
/** upgrade_finish - in the init that runs after that exec; @went_back: why it is the old one, or
 * NULL */
void upgrade_finish(const char *went_back);
/** upgrade_trial_over - the upgraded core has proved itself; upgrade_roll_back - it has not */
void upgrade_trial_over(void);
void upgrade_roll_back(const char *why);
/** self_check - what a new init runs as a child of the old one. Returns an exit status. */
int self_check(int state_fd);

/* ---- reexec.c ---- */

/* Our own command line, and what a re-exec added to it. */
struct reexec {
	char *argv0, *args[ARGS_MAX];
	int n_args, state_fd, fallback_fd;
	const char *went_back;
	bool taking_over; /* the state is not ours yet: faults and delays go back to fallback_fd */
};
extern struct reexec reexec;

/** self_open - our own binary as an fd, even if its file is gone */
int self_open(void);
/** init_exec - becomes @exe_fd with the state in @state_fd. Returns only on failure, -errno. */
int init_exec(int exe_fd, int state_fd, int fallback_fd, const char *went_back);
/** fall_back - the take-over failed: back to the init before, which finds the same state */
void fall_back(const char *why) __attribute__((noreturn));
/** faults_open - handlers for our own faults, on a stack of their own; @watchdog: and for a
 * take-over that takes too long */
void faults_open(bool watchdog);
/** rescue_exec - the end of all roads but death: a program for a human takes over PID 1 */
void rescue_exec(const char *why) __attribute__((noreturn));
int rescue_open(void);

/* ---- signals.c ---- */

int signals_open(void); /* a signalfd */
void signals_read(int fd);
/** signals_without_core - carries out the pending power signals that core will never see */
void signals_without_core(void);

/* ---- shutdown.c ---- */

/** shutdown_now - kills everything, unmounts, and ends the machine or the container. Core has
 * stopped the units. */
void shutdown_now(enum wire_shutdown how, int status) __attribute__((noreturn));
/** path_unescape - \040 and its like in mountinfo and swaps, in place, up to the first blank.
 * Returns the length. */
size_t path_unescape(char *s);
/** mountinfo_target - the mount point of one line of mountinfo, in place; NULL if it has none */
char *mountinfo_target(char *line);
