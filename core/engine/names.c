// SPDX-License-Identifier: Apache-2.0
/* names.c - the engine's enums as systemctl(1) and D-Bus spell them. */
#include "engine/private.h"

/* clang-format off */
static const char *const active_states[UNIT_ACTIVE_STATE_MAX] = {
	[UNIT_INACTIVE]     = "inactive",
	[UNIT_ACTIVATING]   = "activating",
	[UNIT_ACTIVE]       = "active",
	[UNIT_RELOADING]    = "reloading",
	[UNIT_DEACTIVATING] = "deactivating",
	[UNIT_FAILED]       = "failed",
	[UNIT_MAINTENANCE]  = "maintenance",
};

static const char *const freezer_states[] = {
	[FREEZER_RUNNING]  = "running",
	[FREEZER_FREEZING] = "freezing",
	[FREEZER_FROZEN]   = "frozen",
	[FREEZER_THAWING]  = "thawing",
};

static const char *const job_types[JOB_TYPE_MAX] = {
	[JOB_START]           = "start",
	[JOB_VERIFY_ACTIVE]   = "verify-active",
	[JOB_STOP]            = "stop",
	[JOB_RELOAD]          = "reload",
	[JOB_RESTART]         = "restart",
	[JOB_NOP]             = "nop",
	[JOB_TRY_RESTART]     = "try-restart",
	[JOB_TRY_RELOAD]      = "try-reload",
	[JOB_RELOAD_OR_START] = "reload-or-start",
};

static const char *const job_states[] = {
	[JOB_WAITING] = "waiting",
	[JOB_RUNNING] = "running",
};

static const char *const job_results[JOB_RESULT_MAX] = {
	[JOB_DONE]        = "done",
	[JOB_CANCELED]    = "canceled",
	[JOB_TIMEOUT]     = "timeout",
	[JOB_FAILED]      = "failed",
	[JOB_DEPENDENCY]  = "dependency",
	[JOB_SKIPPED]     = "skipped",
	[JOB_INVALID]     = "invalid",
	[JOB_ASSERT]      = "assert",
	[JOB_UNSUPPORTED] = "unsupported",
	[JOB_COLLECTED]   = "collected",
	[JOB_ONCE]        = "once",
};
/* clang-format on */

const char *unit_freezer_state_to_string(enum unit_freezer_state f)
{
	return ENUM_TO_STRING(freezer_states, (int) f);
}

const char *unit_active_state_to_string(enum unit_active_state s)
{
	return ENUM_TO_STRING(active_states, (int) s);
}

int unit_active_state_from_string(const char *s)
{
	return ENUM_FROM_STRING(active_states, s);
}

const char *job_type_to_string(enum job_type t)
{
	return ENUM_TO_STRING(job_types, (int) t);
}

int job_type_from_string(const char *s)
{
	return ENUM_FROM_STRING(job_types, s);
}

const char *job_state_to_string(enum job_state s)
{
	return ENUM_TO_STRING(job_states, (int) s);
}

int job_state_from_string(const char *s)
{
	return ENUM_FROM_STRING(job_states, s);
}

const char *job_result_to_string(enum job_result r)
{
	return ENUM_TO_STRING(job_results, (int) r);
}
