// SPDX-License-Identifier: Apache-2.0
/*
 * rollout.h - brings machines to a version, a few at a time, and back again when it does not go well. Pure: facts and time
 * in, changed states and orders out; no I/O, no clock, no globals. api/ feeds it and carries out its orders.
 *
 * A rollout:  pending -> running <-> paused -> succeeded
 *				 |	     ^
 *				 v	     | (operator's resume)
 *			  rolling-back -> rolled-back | failed
 *
 * A machine:  pending -> ordered -> gating -> done	the way forward
 *			    |	       |	 |
 *			    +----------+---------+--> returning -> returned   after the first failure, all that were touched
 *	       pending -> skipped			(runs it already, rollout stopped, never seen)
 *	       anything -> failed			(could not be brought back)
 *
 * Rules:
 *	- At most max_parallel machines are ordered or gating. A machine that is not connected takes no slot.
 *	- A machine is done when it reported the version, then for gate usec without a break was connected, running or
 *	  degraded, with no more failed units than before, and its upgrade command ended well.
 *	- Each has a deadline from its order on: silence is failure. A machine that was never connected is skipped after it.
 *	- The first failure stops the rollout: nothing more is granted and every machine on the new version is ordered back,
 *	  at once.
 *	- rolled-back means that no machine is left on the version; failed, that the reasons of some say why they are.
 */
#pragma once

#include "base/clock.h"

#define ROLLOUT_REASON_MAX   240
#define ROLLOUT_MACHINES_MAX 100000
#define ROLLOUT_ID_MAX       33
#define ROLLOUT_VERSION_MAX  65

enum rollout_state {
	ROLLOUT_PENDING,
	ROLLOUT_RUNNING,
	ROLLOUT_PAUSED,
	ROLLOUT_ROLLING_BACK,
	ROLLOUT_SUCCEEDED,
	ROLLOUT_FAILED,
	ROLLOUT_ROLLED_BACK,
	ROLLOUT_STATE_MAX,
	ROLLOUT_STATE_INVALID = -EINVAL
};

enum rollout_machine_state {
	MEMBER_PENDING,
	MEMBER_ORDERED,
	MEMBER_GATING,
	MEMBER_DONE,
	MEMBER_RETURNING,
	MEMBER_RETURNED,
	MEMBER_SKIPPED,
	MEMBER_FAILED,
	MEMBER_STATE_MAX,
	MEMBER_STATE_INVALID = -EINVAL
};

/* How far the newest command for the machine in this rollout has come. */
enum rollout_command {
	COMMAND_NONE,
	COMMAND_QUEUED,
	COMMAND_DELIVERED,
	COMMAND_DONE,
	COMMAND_FAILED
};

struct rollout_member {
	char machine[ROLLOUT_ID_MAX], command[ROLLOUT_ID_MAX];
	char previous_version[ROLLOUT_VERSION_MAX];
	char reason[ROLLOUT_REASON_MAX];
	enum rollout_machine_state state;
	uint64_t previous_failed;
	usec_t since;         /* of the order, or of the start for those that wait */
	usec_t healthy_since; /* 0: not healthy now */
	usec_t worse_since;   /* 0: no worse than before; not stored, a restarted controller watches
	                         anew */
	bool changed, moved;  /* something, the state: set by the functions here, cleared by who
	                         stored it */
};

struct rollout {
	char id[ROLLOUT_ID_MAX], version[ROLLOUT_VERSION_MAX];
	char reason[ROLLOUT_REASON_MAX];
	enum rollout_state state;
	unsigned max_parallel; /* at least 1 */
	usec_t gate, deadline;
	bool changed;
	size_t n_members;
	struct rollout_member *members;
};

/* What is known of one machine now; same order as the members. */
struct rollout_facts {
	bool exists, connected;
	const char *version, *state; /* as last reported */
	uint64_t n_failed;
	enum rollout_command command;
	const char *message; /* of a failed command, may be NULL */
};

enum rollout_order_kind { ORDER_UPGRADE, ORDER_ROLLBACK, ORDER_CANCEL /* its queued command */ };
struct rollout_order {
	enum rollout_order_kind kind;
	size_t member;
};

struct rollout *rollout_new(const char *id, const char *version,
                            size_t n_members); /* members zeroed: pending; NULL on ENOMEM */
struct rollout *rollout_free(struct rollout *r);
DEFINE_CLEANUP(struct rollout *, rollout_free)

const char *rollout_state_to_string(enum rollout_state s);
enum rollout_state rollout_state_from_string(const char *s);
const char *rollout_machine_state_to_string(enum rollout_machine_state s);
enum rollout_machine_state rollout_machine_state_from_string(const char *s);
bool rollout_is_over(const struct rollout *r);

/**
 * rollout_step - moves everything on as far as the facts allow
 * @facts: n_members of them
 * @orders: room for n_members; *ret_n of them are to be carried out, in the same transaction that
 * stores the changed members
 */
void rollout_step(struct rollout *r, const struct rollout_facts *facts, usec_t now_realtime,
                  struct rollout_order *orders, size_t *ret_n);

/* Operator's words. 0, or -EALREADY / -EPERM when the state does not allow it. */
int rollout_pause(struct rollout *r, const char *reason);
int rollout_resume(struct rollout *r);
int rollout_abort(struct rollout *r, const char *reason); /* stop and roll back */

/* When rollout_step() is due again if no report comes before: a gate or a deadline; USEC_INFINITY
 * when over. */
usec_t rollout_next(const struct rollout *r);
size_t rollout_count(const struct rollout *r, enum rollout_machine_state s);
