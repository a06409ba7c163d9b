// SPDX-License-Identifier: Apache-2.0
/* describe.c - the properties of the D-Bus interface Unit, which all types share, by their names
 * there. Times are usec. */
#include "engine/private.h"

#include <inttypes.h>
#include <stdio.h>

static int add_names(const struct unit *u, cJSON *p)
{
	auto_strv char **names = NULL;
	int r;

	r = strv_append(&names, u->id);
	if (r >= 0)
		r = strv_extend(&names, u->aliases);
	return r < 0 ? r : json_add_strv(p, "Names", names);
}

static int add_dependencies(const struct unit *u, cJSON *p)
{
	int r;

	for (int d = 0; d < DEP_MAX; d++) {
		auto_strv char **names = NULL;
		struct unit *other;

		if (d == DEP_REFERENCES || d == DEP_REFERENCED_BY || d == DEP_IN_SLICE)
			continue;
		UNIT_FOREACH_DEPENDENCY (other, u, d) {
			r = strv_append(&names, other->id);
			if (r < 0)
				return r;
		}
		r = json_add_strv(p, dependency_to_string(d), names ? names : (char *[]){NULL});
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_stamp(cJSON *p, const char *name, const struct stamp *s)
{
	char key[64];
	int r;

	(void) snprintf(key, sizeof(key), "%sTimestamp", name);
	r = json_add_u64(p, key, s->realtime);
	if (r < 0)
		return r;
	(void) snprintf(key, sizeof(key), "%sTimestampMonotonic", name);
	return json_add_u64(p, key, s->monotonic);
}

static int add_stamps(const struct unit *u, cJSON *p)
{
	const struct {
		const char *name;
		const struct stamp *stamp;
	} rows[] = {
		{"StateChange", &u->state_change},     {"InactiveExit", &u->inactive_exit},
		{"ActiveEnter", &u->active_enter},     {"ActiveExit", &u->active_exit},
		{"InactiveEnter", &u->inactive_enter}, {"Condition", &u->condition_stamp},
		{"Assert", &u->assert_stamp},
	};
	int r = 0;

	for (size_t i = 0; i < ELEMENTSOF(rows) && r >= 0; i++)
		r = add_stamp(p, rows[i].name, rows[i].stamp);
	return r;
}

static int add_strings(const struct unit *u, cJSON *p)
{
	const struct unit_settings *s = &u->file->unit;
	char id[ID128_TEXT_MAX] = "";
	const struct unit *slice = unit_slice(u);
	const struct {
		const char *key, *value;
	} rows[] = {
		{"Id", u->id},
		{"Description", unit_description(u)},
		{"LoadState", load_state_to_string(u->load_state)},
		{"ActiveState", unit_active_state_to_string(unit_active_state(u))},
		{"SubState", unit_sub_state(u)},
		{"FreezerState", unit_freezer_state_to_string(u->freezer)},
		{"FragmentPath", u->file->fragment_path ? u->file->fragment_path : ""},
		{"SourcePath", s->source_path ? s->source_path : ""},
		{"LoadError", u->load_error ? u->load_error : ""},
		{"Following", ""},
		{"Slice", slice ? slice->id : NULL},
		{"OnSuccessJobMode", job_mode_to_string(s->on_success_job_mode)},
		{"OnFailureJobMode", job_mode_to_string(s->on_failure_job_mode)},
		{"JobTimeoutAction", emergency_action_to_string(s->job_timeout_action)},
		{"StartLimitAction", emergency_action_to_string(s->start_limit_action)},
		{"FailureAction", emergency_action_to_string(s->failure_action)},
		{"SuccessAction", emergency_action_to_string(s->success_action)},
		{"RebootArgument", s->reboot_argument ? s->reboot_argument : ""},
		{"CollectMode", s->collect_inactive_or_failed ? "inactive-or-failed" : "inactive"},
		{"InvocationID",
	         id128_is_null(&u->invocation_id) ? "" : id128_format(&u->invocation_id, id)},
	};
	int r = 0;

	for (size_t i = 0; i < ELEMENTSOF(rows) && r >= 0; i++)
		r = json_add_string(p, rows[i].key, rows[i].value);
	return r;
}

static int add_markers(const struct unit *u, cJSON *p)
{
	auto_strv char **markers = NULL;
	int r = unit_markers(u, &markers);

	return r < 0 ? r : json_add_strv(p, "Markers", markers);
}

static int add_flags(const struct unit *u, cJSON *p)
{
	const struct unit_settings *s = &u->file->unit;
	bool loaded = u->load_state == LOAD_LOADED;
	const struct {
		const char *key;
		bool value;
	} rows[] = {
		/* What a person may ask for; a scope takes processes that are there already, once. */
		{"CanStart",
	         loaded && unit_can_start(u) && !s->refuse_manual_start &&
	                 !(u->ops->type == UNIT_SCOPE && stamp_is_set(&u->inactive_exit))},
		{"CanStop", loaded && unit_can_stop(u) && !s->refuse_manual_stop},
		{"CanReload", loaded && unit_can_reload(u)},
		{"CanIsolate", loaded && s->allow_isolate && !s->refuse_manual_start},
		{"CanFreeze", loaded && unit_can_freeze(u)},
		{"StopWhenUnneeded", s->stop_when_unneeded},
		{"RefuseManualStart", s->refuse_manual_start},
		{"RefuseManualStop", s->refuse_manual_stop},
		{"AllowIsolate", s->allow_isolate},
		{"IgnoreOnIsolate", s->ignore_on_isolate},
		{"DefaultDependencies", s->default_dependencies},
		{"NeedDaemonReload", u->stale || unit_file_is_stale(u->file) > 0},
		{"ConditionResult", u->condition_result},
		{"AssertResult", u->assert_result},
		{"Transient", u->transient || (u->perpetual && u->ops->type == UNIT_SCOPE)},
		{"Perpetual", u->perpetual},
	};
	int r = 0;

	for (size_t i = 0; i < ELEMENTSOF(rows) && r >= 0; i++)
		r = json_add_bool(p, rows[i].key, rows[i].value);
	return r;
}

static int add_numbers(const struct unit *u, cJSON *p)
{
	const struct unit_settings *s = &u->file->unit;
	const struct {
		const char *key;
		uint64_t value;
	} rows[] = {
		{"JobTimeoutUSec", s->job_timeout_usec},
		{"JobRunningTimeoutUSec", s->job_running_timeout_usec},
		{"StartLimitIntervalUSec", s->start_limit_interval_usec},
		{"StartLimitBurst", s->start_limit_burst},
	};
	int r = 0;

	for (size_t i = 0; i < ELEMENTSOF(rows) && r >= 0; i++)
		r = json_add_u64(p, rows[i].key, rows[i].value);
	if (r >= 0)
		r = json_add_i64(p, "FailureActionExitStatus", s->failure_action_exit_status);
	if (r >= 0)
		r = json_add_i64(p, "SuccessActionExitStatus", s->success_action_exit_status);
	return r;
}

static int add_job(const struct unit *u, cJSON *p)
{
	const struct job *j = u->job ? u->job : u->nop_job;
	int r;

	if (!j)
		return json_add_u64(p, "Job", 0);
	r = json_add_u64(p, "Job", j->id);
	if (r >= 0)
		r = json_add_string(p, "JobType", job_type_to_string(j->type));
	return r >= 0 ? json_add_string(p, "JobState", job_state_to_string(j->state)) : r;
}

/* Each as [type, trigger, negate, parameter, result]; results are not kept one by one: 0 is "not
 * looked at". */
static int add_conditions(const struct unit *u, cJSON *p, const char *key, bool asserts)
{
	cJSON *list = cJSON_CreateArray();
	int r = list ? 0 : -ENOMEM;

	for (const struct condition *c = u->file->unit.conditions; c && r >= 0; c = c->next) {
		auto_free char *name = NULL;
		cJSON *row;

		if (c->is_assert != asserts || (unsigned) c->type >= CONDITION_TYPE_MAX)
			continue;
		name = str_printf("%s%s", asserts ? "Assert" : "Condition",
		                  condition_types[c->type].name);
		row = cJSON_CreateArray();
		if (!name || !row) {
			cJSON_Delete(row);
			r = -ENOMEM;
			break;
		}
		if (!cJSON_AddItemToArray(row, cJSON_CreateString(name)) ||
		    !cJSON_AddItemToArray(row, cJSON_CreateBool(c->trigger)) ||
		    !cJSON_AddItemToArray(row, cJSON_CreateBool(c->negate)) ||
		    !cJSON_AddItemToArray(row,
		                          cJSON_CreateString(c->parameter ? c->parameter : "")) ||
		    !cJSON_AddItemToArray(row, cJSON_CreateNumber(0)))
			r = -ENOMEM;
		if (r < 0)
			cJSON_Delete(row);
		else
			r = json_append_take(list, row);
	}
	if (r < 0) {
		cJSON_Delete(list);
		return r;
	}
	return json_add_take(p, key, list);
}

/* By the file's own name: that of a template, say. */
static int add_preset(const struct unit *u, cJSON *p)
{
	const char *path = u->file->fragment_path;
	int r = path ? manager_preset(u->manager, path_basename(path)) : -ENOENT;

	return json_add_string(p, "UnitFilePreset", r < 0 ? "" : r ? "enabled" : "disabled");
}

static int add_file_state(const struct unit *u, cJSON *p)
{
	enum unit_file_state state;

	if (!u->file->fragment_path || manager_install_state(u->manager, u->id, &state) < 0)
		return json_add_string(p, "UnitFileState", "");
	return json_add_string(p, "UnitFileState", unit_file_state_to_string(state));
}

int unit_describe(struct unit *u, cJSON *properties)
{
	static const struct {
		int (*add)(const struct unit *u, cJSON *p);
	} parts[] = {
		{add_strings}, {add_names},        {add_flags},      {add_numbers}, {add_stamps},
		{add_job},     {add_dependencies}, {add_file_state}, {add_markers}, {add_preset},
	};
	int r;

	u = unit_follow(u);
	if (!u->file)
		return -ENOENT;
	for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
		r = parts[i].add(u, properties);
		if (r < 0)
			return r;
	}
	r = json_add_strv(properties, "Documentation", u->file->unit.documentation);
	if (r >= 0)
		r = json_add_strv(properties, "DropInPaths", u->file->dropin_paths);
	if (r >= 0)
		r = json_add_strv(properties, "RequiresMountsFor", u->mounts_for);
	if (r >= 0 && u->file->unit.startup_not_after)
		r = json_add_strv(properties, "X-StartupNotAfter", u->file->unit.startup_not_after);
	if (r >= 0 && u->file->unit.startup_not_after_if)
		r = json_add_string(properties, "X-StartupNotAfterIf",
		                    u->file->unit.startup_not_after_if);
	if (r >= 0)
		r = add_conditions(u, properties, "Conditions", false);
	if (r >= 0)
		r = add_conditions(u, properties, "Asserts", true);
	/* One that is not there is shown with what it would have, and with how it ended. */
	if (r >= 0 && (u->load_state == LOAD_LOADED || u->load_state == LOAD_NOT_FOUND))
		r = u->ops->describe ? u->ops->describe(u, properties) : 0;
	return r < 0 ? r : 0;
}
