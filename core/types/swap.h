// SPDX-License-Identifier: Apache-2.0
/* swap - a swap file or device. swap.c (states), swap-watch.c (/proc/swaps and its parser).
 * /proc/swaps is the truth. */
#pragma once

#include "types/proc-watch.h"

/* clang-format off */
#define SWAP_STATES(X) \
	X(DEAD, "dead", INACTIVE) X(ACTIVATING, "activating", ACTIVATING) X(ACTIVATING_DONE, "activating-done", ACTIVE) \
	X(ACTIVE, "active", ACTIVE) X(DEACTIVATING, "deactivating", DEACTIVATING) \
	X(DEACTIVATING_SIGTERM, "deactivating-sigterm", DEACTIVATING) X(DEACTIVATING_SIGKILL, "deactivating-sigkill", DEACTIVATING) \
	X(FAILED, "failed", FAILED) X(CLEANING, "cleaning", MAINTENANCE)
/* clang-format on */
enum swap_state {
#define X(id, name, active) SWAP_STATE_##id,
	SWAP_STATES(X)
#undef X
		SWAP_STATE_MAX,
};

struct swap {
	struct unit unit;
	enum swap_state state;
	enum result result;
	char *what; /* as the unit's name says */
	char *kernel_what;
	int kernel_priority;
	bool is_active, seen, spawning, spawning_off;
	struct proc_outcome
		outcome; /* its command ended, and /proc/swaps could not be read since */
	struct pidref control_pid;
	struct process_status control_status;
	struct deadline deadline;
	struct source *coldplug_source;
	struct doubt doubt; /* of @spawning, after a restart of core */
};

static inline struct swap *SWAP(const struct unit *u)
{
	return (struct swap *) u;
}
void swap_set_state(struct swap *s, enum swap_state state, usec_t deadline);
void swap_enter_dead(struct swap *s, enum result result);
void swap_on_control_exit(struct swap *s, enum result result);

struct swap_entry {
	const char *what;
	int priority;
};
/* /proc/swaps, proc(5). Pure; @text is modified. Number of lines given to @fn. */
int swaps_parse(char *text, int (*fn)(const struct swap_entry *e, void *userdata), void *userdata);
int swap_enumerate(struct manager *m);
void swap_shutdown(struct manager *m);
/* Reads /proc/swaps now: before the exit of a command is judged. */
int swap_refresh(struct manager *m);
/* swap_on_control_exit() if /proc/swaps was read since (@seen), else as soon as it was. */
void swap_command_ended(struct swap *s, int seen, enum result result);
