// SPDX-License-Identifier: Apache-2.0
/* clang-format off */
/*
 * init.h - PID 1 of sysmaster. It starts core, watches it, and keeps what must outlive it; it knows nothing of units.
 *
 *	main.c		begins with a state, then one loop: wait, signals, reap, wire, deadlines, send
 *	core.c		core's life: states and deadlines, restart budget, the ladder, health
 *	patience.c	was a late core given any time?
 *	spawn.c		how a child is started: vfork, fds in place, execveat
 *	reap.c		zombies to numbered exits, kept until core has stored them
 *	vault.c		fds by name
 *	wire.c		packets in and out; nothing is queued that can be derived
 *	upgrade.c	a new core, a new init, a new root: check first, commit then, and the way back
 *	reexec.c	init becomes another program: a new version, itself after a fault, a stage
 *	state.c		all state as text in a memfd
 *	signals.c	what PID 1 is told from outside
 *	text.c, log.c	bounded text without stdio; one line to kmsg or stderr, and the clocks
 *	stage/		what PID 1 does not do itself: boot, check, rescue, halt, switch-root (stage/stage.h)
 *
 * Objects: struct init_state st, the vault, the ring of exits. All are static; nothing is allocated, nothing grows. Data
 * enters as signals and wire packets, and leaves as wire packets and processes. Waiting happens in one poll(), with the
 * deadline of core's state; nothing else waits.
 *
 * The ladder, when core fails too often: next candidate binary ... last candidate --safe-mode, then the policy for
 * unrecoverable (rescue | reboot | halt). A core that ran HEALTHY_USEC has its budget back.
 *
 * It never: blocks on core, trusts a number from the wire, ends itself, allocates.
 */
/* clang-format on */
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

extern const char init_version[];

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
/** text_copy_clean - bytes from outside, for use in one line: control characters become '?' */
void text_copy_clean(char *dst, size_t size, const char *src, size_t n);
/** number_parse - a decimal number at *@s up to @end; moves *@s behind it. 0, -EINVAL, -ERANGE */
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
usec_t now_usec(void);
usec_t boottime_usec(void);

/* ---- spawn.c ---- */

/**
 * spawn - starts a child with default signals and limits
 * @fds:         what becomes its fd 0..4; -1: 0..2 stay ours, 3..4 are closed
 * @own_session: false for core alone: it stays in PID 1's process group, which so is the same for each
 *               core. The kernel lets none but the process group that mounted an autofs pass it, so in a
 *               group of its own the successor of a core that died with an access waiting would wait, too.
 *
 * Returns 0 with *@ret_pid set, or -errno of the failing fork or exec; then there is no child. A
 * script is -ENOENT: it cannot be started by a close-on-exec fd.
 */
int spawn(int exec_fd, const char *const *argv, const int fds[5], bool own_session,
          long long *ret_pid);
/** child_reset - nothing of PID 1's signal set-up and limits is left */
void child_reset(void);

/* ---- core.c ---- */

enum core_state {
	CORE_NONE,      /* deadline: spawn */
	CORE_STARTING,  /* deadline: it is not ready in time */
	CORE_READY,     /* deadline: look at the heartbeat */
	CORE_ASKED,     /* a PING is out; deadline: it hangs */
	CORE_ENDING,    /* deadline: SIGKILL, again and again */
	CORE_EXHAUSTED, /* the ladder is used up; deadline: rescue shell */
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
enum policy { POLICY_RESCUE, POLICY_REBOOT, POLICY_HALT };

void core_on_deadline(usec_t now);
void core_on_wait(const siginfo_t *si); /* it ended or stopped */
int core_on_ready(void);
void core_on_pong(long long value);
void core_on_hangup(void);
bool core_is_ready(void);
/** core_retry - an operator's order. 1: nothing to retry, -EBUSY: an upgrade is on trial */
int core_retry(void);
/** core_replace - kills core after GRACE_USEC to start anew for @reason, which is no failure */
void core_replace(enum core_reason reason);
/** core_take_over - after a re-exec: the process that the state tells of, or a new one */
void core_take_over(void);
/** status_text - the keys of WELCOME and STATUS */
void status_text(struct text *t);

/* ---- patience.c ---- */

/** patience_begin - core is to do something within @limit: what has it had until now? */
void patience_begin(usec_t limit);
/** patience_has - it has not: should it be waited for, since it was given no time? Until PATIENCE times the limit. */
bool patience_has(void);

/* ---- reap.c ---- */

struct exit_record {
	struct wire_message m;
	char cgroup[WIRE_TEXT_MAX + 1];
};

extern bool reap_due;
/** reap - everything that has died, as far as there is room; clears or keeps reap_due */
void reap(void);
struct exit_record *exit_at(long long number);
/** exits_ack - core has stored all exits up to @number */
void exits_ack(long long number);
void exits_reset(void);
/** proc_stat_number, proc_cgroup - of the text of /proc/PID/stat (fields as proc(5) counts them, from 4) and
 * /proc/PID/cgroup; -EBADMSG */
int proc_stat_number(const char *data, size_t n, int field, long long *ret);
int proc_cgroup(const char *data, size_t n, char *ret, size_t size);
/** proc_read - /proc/PID/@name into @buf with a NUL behind. Returns its length or -errno. */
int proc_read(long long pid, const char *name, char *buf, size_t size);
/** start_time_of - a process's, 0 if there is none */
long long start_time_of(long long pid);

/* ---- vault.c ---- */

struct vault_item {
	char name[WIRE_VAULT_NAME_MAX + 1]; /* "": free */
	int fd;
};

/** vault_put - keeps @fd under @name, closes the one before. Takes @fd on success. -EINVAL, -ENOSPC
 */
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
/** wire_flush - sends what is due, until the socket is full */
void wire_flush(void);
void wire_open(int fd);
void wire_close(void);
/** wire_events, wire_delay - what to poll for, and how many milliseconds at most; negative: any */
short wire_events(void);
int wire_delay(void);
bool wire_is_stuck(void); /* the socket is full: core does not read */

/* ---- upgrade.c ---- */

/* What the one helper process is for. COMMIT: no process, the check was passed, exec is next. */
enum helper_kind {
	HELPER_NONE,
	HELPER_CHECK_CORE,
	HELPER_CHECK_INIT,
	HELPER_COMMIT_INIT,
	HELPER_RESCUE,
	HELPER_CHECK_ROOT,
	HELPER_COMMIT_ROOT,
	HELPER_COMMIT_CORE,
	HELPER_MAX
};
/* Of st.trial: the new core has failed, and the way back was begun. */
#define TRIAL_LOST (-1)

/** upgrade_request - begins the check of the binary or root that @p names. Returns 1: the reply
 * comes later, or -errno. */
int upgrade_request(enum helper_kind kind, struct packet *p, struct text *why);
/** rescue_open - a rescue shell as a child, while PID 1 goes on */
int rescue_open(void);
void helper_on_wait(const siginfo_t *si);
/** upgrade_take_over - after a fault: goes on with a roll-back, and ends a check whose end was missed */
void upgrade_take_over(void);
/** upgrade_commit - the start or exec of what was checked, if there is any */
void upgrade_commit(void);
/** upgrade_finish - in the init behind that exec; @went_back: why it is the old one, or NULL */
void upgrade_finish(const char *went_back);
/** upgrade_trial_over - the upgraded core has proved itself; upgrade_roll_back - it has not */
void upgrade_trial_over(void);
void upgrade_roll_back(const char *why);
/** fd_replace, fd_close - gives a number of the state another fd, or none, and closes the one before */
void fd_replace(long long *fd, long long value);
void fd_close(long long *fd);

/* ---- reexec.c ---- */

/* What a re-exec added to our command line. */
struct reexec {
	int state_fd, fallback_fd;
	const char *went_back;
	bool taking_over; /* the state is not ours yet: faults and delays go back to fallback_fd */
};
extern struct reexec reexec;

/** self_open - our own binary as an fd, even if its file is gone */
int self_open(void);
/** init_exec - becomes @exe_fd with the state in @state_fd, and @option with @value if that is not
 * NULL. Returns only on failure, -errno. */
int init_exec(int exe_fd, int state_fd, int fallback_fd, const char *option, const char *value);
/** stage_exec - PID 1 becomes a stage, with the fds that are to be inherited already so */
void stage_exec(const char *stage, const char *a, const char *b) __attribute__((noreturn));
/** shutdown_now - becomes the halt stage, which ends everything. Core has stopped the units. */
void shutdown_now(enum wire_shutdown how, int status) __attribute__((noreturn));
/** fall_back - the take-over failed: back to the init before, which finds the same state */
void fall_back(const char *why) __attribute__((noreturn));
/** faults_open - handlers for our own faults, on a stack of their own; @watchdog: and for a
 * take-over that takes too long */
void faults_open(bool watchdog);

/* ---- signals.c ---- */

int signals_open(void); /* a signalfd */
void signals_read(int fd);
/** signals_tell_again - core ended: what it was told and did not acknowledge goes to the next one */
void signals_tell_again(void);
void signals_ack(long long sig);
/** signals_without_core - carries out the pending signals that core will never see */
void signals_without_core(void);
