// SPDX-License-Identifier: Apache-2.0
/* tables.c - the names of the values in settings.h that more than one room spells out. */
#include "unitfile/directives.h"

#define UNIT_TYPE_WORD_MAX 32

/* clang-format off */
static const char *unit_types[UNIT_TYPE_MAX] = {
	[UNIT_SERVICE] = "service", [UNIT_SOCKET] = "socket", [UNIT_TARGET] = "target", [UNIT_DEVICE] = "device",
	[UNIT_MOUNT] = "mount", [UNIT_AUTOMOUNT] = "automount", [UNIT_SWAP] = "swap", [UNIT_TIMER] = "timer",
	[UNIT_PATH] = "path", [UNIT_SLICE] = "slice", [UNIT_SCOPE] = "scope",
};

struct dependency_row {
	const char *name;
	enum unit_dependency inverse;
};
static const struct dependency_row dependencies[DEP_MAX] = {
	[DEP_REQUIRES] = { "Requires", DEP_REQUIRED_BY },
	[DEP_REQUISITE] = { "Requisite", DEP_REQUISITE_OF },
	[DEP_WANTS] = { "Wants", DEP_WANTED_BY },
	[DEP_BINDS_TO] = { "BindsTo", DEP_BOUND_BY },
	[DEP_PART_OF] = { "PartOf", DEP_CONSISTS_OF },
	[DEP_UPHOLDS] = { "Upholds", DEP_UPHELD_BY },
	[DEP_REQUIRED_BY] = { "RequiredBy", DEP_REQUIRES },
	[DEP_REQUISITE_OF] = { "RequisiteOf", DEP_REQUISITE },
	[DEP_WANTED_BY] = { "WantedBy", DEP_WANTS },
	[DEP_BOUND_BY] = { "BoundBy", DEP_BINDS_TO },
	[DEP_CONSISTS_OF] = { "ConsistsOf", DEP_PART_OF },
	[DEP_UPHELD_BY] = { "UpheldBy", DEP_UPHOLDS },
	[DEP_CONFLICTS] = { "Conflicts", DEP_CONFLICTED_BY },
	[DEP_CONFLICTED_BY] = { "ConflictedBy", DEP_CONFLICTS },
	[DEP_BEFORE] = { "Before", DEP_AFTER },
	[DEP_AFTER] = { "After", DEP_BEFORE },
	[DEP_ON_SUCCESS] = { "OnSuccess", DEP_ON_SUCCESS_OF },
	[DEP_ON_SUCCESS_OF] = { "OnSuccessOf", DEP_ON_SUCCESS },
	[DEP_ON_FAILURE] = { "OnFailure", DEP_ON_FAILURE_OF },
	[DEP_ON_FAILURE_OF] = { "OnFailureOf", DEP_ON_FAILURE },
	[DEP_TRIGGERS] = { "Triggers", DEP_TRIGGERED_BY },
	[DEP_TRIGGERED_BY] = { "TriggeredBy", DEP_TRIGGERS },
	[DEP_PROPAGATES_RELOAD_TO] = { "PropagatesReloadTo", DEP_RELOAD_PROPAGATED_FROM },
	[DEP_RELOAD_PROPAGATED_FROM] = { "ReloadPropagatedFrom", DEP_PROPAGATES_RELOAD_TO },
	[DEP_PROPAGATES_STOP_TO] = { "PropagatesStopTo", DEP_STOP_PROPAGATED_FROM },
	[DEP_STOP_PROPAGATED_FROM] = { "StopPropagatedFrom", DEP_PROPAGATES_STOP_TO },
	[DEP_JOINS_NAMESPACE_OF] = { "JoinsNamespaceOf", DEP_JOINS_NAMESPACE_OF },
	[DEP_REFERENCES] = { "References", DEP_REFERENCED_BY },
	[DEP_REFERENCED_BY] = { "ReferencedBy", DEP_REFERENCES },
	[DEP_IN_SLICE] = { "InSlice", DEP_SLICE_OF },
	[DEP_SLICE_OF] = { "SliceOf", DEP_IN_SLICE },
};

static const char *const job_modes[JOB_MODE_MAX] = {
	[JOB_MODE_FAIL] = "fail", [JOB_MODE_REPLACE] = "replace",
	[JOB_MODE_REPLACE_IRREVERSIBLY] = "replace-irreversibly", [JOB_MODE_ISOLATE] = "isolate",
	[JOB_MODE_FLUSH] = "flush", [JOB_MODE_IGNORE_DEPENDENCIES] = "ignore-dependencies",
	[JOB_MODE_IGNORE_REQUIREMENTS] = "ignore-requirements", [JOB_MODE_TRIGGERING] = "triggering",
};

static const char *const emergency_actions[ACTION_MAX] = {
	[ACTION_NONE] = "none", [ACTION_REBOOT] = "reboot", [ACTION_REBOOT_FORCE] = "reboot-force",
	[ACTION_REBOOT_IMMEDIATE] = "reboot-immediate", [ACTION_POWEROFF] = "poweroff",
	[ACTION_POWEROFF_FORCE] = "poweroff-force", [ACTION_POWEROFF_IMMEDIATE] = "poweroff-immediate",
	[ACTION_EXIT] = "exit", [ACTION_EXIT_FORCE] = "exit-force",
};

static const char *const load_states[LOAD_STATE_MAX] = {
	[LOAD_STUB] = "stub", [LOAD_LOADED] = "loaded", [LOAD_NOT_FOUND] = "not-found",
	[LOAD_BAD_SETTING] = "bad-setting", [LOAD_ERROR] = "error", [LOAD_MERGED] = "merged", [LOAD_MASKED] = "masked",
};

static const char *const unit_file_states[UNIT_FILE_STATE_MAX] = {
	[UNIT_FILE_ENABLED] = "enabled", [UNIT_FILE_ENABLED_RUNTIME] = "enabled-runtime", [UNIT_FILE_LINKED] = "linked",
	[UNIT_FILE_LINKED_RUNTIME] = "linked-runtime", [UNIT_FILE_ALIAS] = "alias", [UNIT_FILE_MASKED] = "masked",
	[UNIT_FILE_MASKED_RUNTIME] = "masked-runtime", [UNIT_FILE_STATIC] = "static", [UNIT_FILE_INDIRECT] = "indirect",
	[UNIT_FILE_DISABLED] = "disabled", [UNIT_FILE_GENERATED] = "generated", [UNIT_FILE_TRANSIENT] = "transient",
	[UNIT_FILE_BAD] = "bad",
};
/* clang-format on */

enum unit_dependency dependency_inverse(enum unit_dependency d)
{
	return d >= 0 && d < DEP_MAX ? dependencies[d].inverse : DEP_INVALID;
}

const char *dependency_to_string(enum unit_dependency d)
{
	return d >= 0 && d < DEP_MAX ? dependencies[d].name : NULL;
}

const char *unit_type_to_string(enum unit_type t)
{
	return ENUM_TO_STRING(unit_types, t);
}

int unit_type_from_string(const char *s)
{
	return ENUM_FROM_STRING(unit_types, s);
}

static bool is_type_word(const char *s)
{
	return s && *s && !s[strspn(s, "abcdefghijklmnopqrstuvwxyz")] &&
	       strlen(s) < UNIT_TYPE_WORD_MAX;
}

int unit_type_register(const char *name, const char *section, const char *const *keys)
{
	int type = UNIT_PLUGIN, r;

	if (!is_type_word(name) || !section || !*section)
		return -EINVAL;
	if (unit_type_from_string(name) >= 0)
		return -EEXIST;
	while (type <= UNIT_PLUGIN_LAST && unit_types[type])
		type++;
	if (type > UNIT_PLUGIN_LAST)
		return -ENOSPC;
	r = directives_add_type((enum unit_type) type, section, keys);
	if (r < 0)
		return r;
	unit_types[type] = name;
	return type;
}

const char *job_mode_to_string(enum job_mode m)
{
	return ENUM_TO_STRING(job_modes, m);
}

int job_mode_from_string(const char *s)
{
	return ENUM_FROM_STRING(job_modes, s);
}

const char *emergency_action_to_string(enum emergency_action a)
{
	return ENUM_TO_STRING(emergency_actions, a);
}

const char *load_state_to_string(enum unit_load_state s)
{
	return ENUM_TO_STRING(load_states, s);
}

const char *unit_file_state_to_string(enum unit_file_state s)
{
	return ENUM_TO_STRING(unit_file_states, s);
}
