// SPDX-License-Identifier: Apache-2.0
/*
 * state.h - all that init knows, in one place, so that any instruction may be its last.
 *
 * One list makes the struct, its writer and its reader, so no field can be forgotten. The written
 * form is text, one "key=value" a line, in a memfd: unknown keys are ignored and missing ones keep
 * their reset value, so N reads N-1 and N+1. The numbers of enums are part of that form: append,
 * never renumber. Beside the list: vault (vault.c) and exits (reap.c). The first state is written
 * by the boot stage, each later one by the init before.
 *
 * A fault handler may save the state between any two instructions. Hence the order everywhere: fill
 * a slot first, count it in afterwards; clear the mark of a slot first, let go of what it held
 * afterwards.
 */
#pragma once

#include "init/limits.h"

/* A test builds an init of a later version, whose state has keys that this one does not know. */
#ifndef STATE_FIELDS_LATER
#define STATE_FIELDS_LATER(NUM, FD, TEXT)
#endif

/* clang-format off */
#define STATE_FIELDS(NUM, FD, TEXT)								\
	NUM(core_pid)	    /* 0: none */							\
	NUM(core_start)	    /* its start time: with the pid, proof that it is the same one */	\
	NUM(core_state)	    /* enum core_state */						\
	NUM(core_deadline)  /* when that state's handler runs; USEC_NEVER: not by time */	\
	NUM(core_ready)	    /* when it became READY; 0: it has not */				\
	NUM(core_stopped)   /* when it was last continued after a stop */			\
	NUM(core_looked)    /* when patience.c looked at it, and */			\
	NUM(core_cpu)	    /* the processor time that it had had */			\
	NUM(core_reads)	    /* the pages that had been read for it */			\
	NUM(patience_end)									\
	NUM(failures)	    /* against the budget of this rung */				\
	NUM(rung)	    /* of the ladder: index of candidate, then safe mode, then exhausted */ \
	NUM(rung_opened)    /* 1 + the rung that core_fd was opened for; 0: none */		\
	NUM(restarts)									\
	NUM(reason)	    /* enum core_reason: of the next or running core */			\
	NUM(intent)	    /* enum core_reason for which we killed core ourselves; 0: none */	\
	NUM(trial)	    /* 0: none; 1: an upgraded core is not READY; else when its trial ends */ \
	FD(core_fd)	    /* the binary */							\
	FD(core_old_fd)	    /* the binary before the upgrade on trial */			\
	FD(wire_fd)									\
	FD(page_fd)									\
	TEXT(verdict, NAME_TEXT_MAX)  /* why we are ending core */				\
	TEXT(died, NAME_TEXT_MAX)								\
	TEXT(core_version, NAME_TEXT_MAX)							\
	NUM(welcome_due)									\
	NUM(ping_due)										\
	NUM(ping_value)									\
	NUM(list_next)	    /* vault slot to send next, plus 1; 0: no listing */		\
	NUM(list_serial)									\
	NUM(reply_serial)   /* to the last request, unsent; 0: none */				\
	NUM(reply_value)									\
	NUM(reply_status)   /* its text is the status, of the moment when it is sent */		\
	TEXT(reply_text, NAME_TEXT_MAX)								\
	NUM(answer_serial)  /* to the last upgrade, whose text is last_upgrade; 0: none */	\
	NUM(answer_value)									\
	NUM(signals)	    /* bit N-1: signal N is to be told to core */			\
	NUM(signals_told)   /* and was told to this core, which has not acknowledged it */	\
	NUM(signals_again)  /* how often what was told had to be told again */			\
	NUM(core_can)	    /* enum wire_hello */						\
	NUM(exit_acked)	    /* numbers: acknowledged, sent to this core, given out */		\
	NUM(exit_sent)										\
	NUM(exit_last)										\
	NUM(helper_pid)									\
	NUM(helper_kind)    /* enum helper_kind */						\
	NUM(helper_serial)									\
	NUM(helper_nonce)									\
	FD(helper_fd)	    /* the binary that it checks */					\
	FD(helper_out)	    /* where it says what is wrong */					\
	TEXT(helper_path, NAME_TEXT_MAX)							\
	TEXT(last_upgrade, NAME_TEXT_MAX + 128)						\
	NUM(init_upgrades)									\
	NUM(core_upgrades)									\
	NUM(container)	    /* must not mount, must not reboot */				\
	NUM(started)	    /* boottime */							\
	NUM(cgroup_ok)	    /* we live in init.scope, so exits from there are not services' */	\
	TEXT(cgroup_base, WIRE_TEXT_MAX)  /* the cgroup we were started in, "" for the root */	\
	FD(watchdog_fd)									\
	FD(self_fd)	    /* our own binary, kept for a re-exec */				\
	FD(init_old_fd)	    /* the init before the last upgrade */				\
	NUM(crashes)										\
	NUM(crash_window)									\
	TEXT(fault, NAME_TEXT_MAX)  /* of our last fault, for core; "" once it has it */	\
	NUM(garbage)	    /* packets from core that made no sense */				\
	/* What was chosen on the command lines: see stage/settings.c. */			\
	TEXT(cores, WIRE_TEXT_MAX)    /* the ladder: paths with ':' between them */		\
	TEXT(rescue, NAME_TEXT_MAX)								\
	NUM(policy)	    /* enum policy */							\
	NUM(hang_usec)										\
	NUM(ready_usec)									\
	NUM(watchdog_secs)  /* 0: leave the hardware watchdog alone */	\
	STATE_FIELDS_LATER(NUM, FD, TEXT)
/* clang-format on */

struct init_state {
#define STATE_NUM(field)        long long field;
#define STATE_TEXT(field, size) char field[size];
	STATE_FIELDS(STATE_NUM, STATE_NUM, STATE_TEXT)
};

extern struct init_state st;

/** state_reset - makes an empty state: no core, no fds, settings as if nothing was chosen. */
void state_reset(void);

/**
 * state_save - writes everything to a new memfd; safe in a signal handler
 *
 * Returns the fd, its offset at the start, or -errno.
 */
int state_save(void);
/** state_write - the same to a file that is there. Returns 0 or -errno. */
int state_write(int fd);

/**
 * state_parse - reads what state_save() wrote
 * @data: may be anything; a line that makes no sense is skipped
 *
 * Pure but for st, vault and exits; fds are believed, see state_fds(). Returns 0, -EPROTONOSUPPORT
 * if this is not the state of an init, -EBADMSG if lines are damaged or missing (what could be read
 * is in place).
 */
int state_parse(const char *data, size_t size);

/** state_load - state_parse() of a memfd; -errno also if it cannot be mapped or is too large. */
int state_load(int fd);

/** state_fds - gives every fd of the state @flags, 0 or FD_CLOEXEC, and forgets those that are not
 * open. Returns how many. */
int state_fds(int flags);
