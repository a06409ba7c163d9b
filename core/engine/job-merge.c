// SPDX-License-Identifier: Apache-2.0
/*
 * job-merge.c - two jobs for one unit, as one job: the table of types. What cannot be one job is a
 * conflict, which the transaction resolves or refuses. The "try" types never meet here: they are
 * narrowed to one of the first five, or to nothing, before.
 */
#include "engine/private.h"

#define MERGING_TYPES (JOB_RESTART + 1)

/* clang-format off */
static const int8_t merges[MERGING_TYPES][MERGING_TYPES] = {
	/*                       START                VERIFY_ACTIVE      STOP      RELOAD               RESTART */
	[JOB_START]         = { JOB_START,           JOB_START,         -1,       JOB_RELOAD_OR_START, JOB_RESTART },
	[JOB_VERIFY_ACTIVE] = { JOB_START,           JOB_VERIFY_ACTIVE, -1,       JOB_RELOAD,          JOB_RESTART },
	[JOB_STOP]          = { -1,                  -1,                JOB_STOP, -1,                  -1          },
	[JOB_RELOAD]        = { JOB_RELOAD_OR_START, JOB_RELOAD,        -1,       JOB_RELOAD,          JOB_RESTART },
	[JOB_RESTART]       = { JOB_RESTART,         JOB_RESTART,       -1,       JOB_RESTART,         JOB_RESTART },
};
/* clang-format on */

int job_type_merge(enum job_type a, enum job_type b)
{
	if (a == b)
		return a;
	if ((unsigned) a >= MERGING_TYPES || (unsigned) b >= MERGING_TYPES || merges[a][b] < 0)
		return -EEXIST;
	return merges[a][b];
}

enum job_type job_type_collapse(enum job_type t, const struct unit *u)
{
	enum unit_active_state s = unit_active_state(u);

	switch (t) {
	case JOB_TRY_RESTART:
		/* A unit that is coming up counts as up: it may have read its configuration
		 * already. */
		return state_is_up_or_coming(s) ? JOB_RESTART : JOB_NOP;
	case JOB_TRY_RELOAD:
		return state_is_up(s) ? JOB_RELOAD : JOB_NOP;
	case JOB_RELOAD_OR_START:
		return state_is_up(s) ? JOB_RELOAD : JOB_START;
	default:
		return t;
	}
}

bool job_type_is_redundant(enum job_type t, enum unit_active_state s)
{
	switch (t) {
	case JOB_START:
	case JOB_VERIFY_ACTIVE:
		return state_is_up(s);
	case JOB_STOP:
		return state_is_down(s);
	case JOB_RELOAD:
		return s == UNIT_RELOADING;
	case JOB_NOP:
		return true;
	default:
		/* A restart always has work to do. */
		return false;
	}
}

bool job_type_is_superset(enum job_type a, enum job_type b)
{
	return job_type_merge(a, b) == (int) a;
}

bool job_type_applies(enum job_type t, const struct unit *u)
{
	switch (t) {
	case JOB_STOP:
		return !u->perpetual;
	case JOB_RESTART:
	case JOB_TRY_RESTART:
		return unit_can_stop(u) && unit_can_start(u);
	case JOB_RELOAD:
	case JOB_TRY_RELOAD:
		return unit_can_reload(u);
	case JOB_RELOAD_OR_START:
		return unit_can_reload(u) && unit_can_start(u);
	default:
		/* A device cannot be started, but one may wait for it. */
		return true;
	}
}
