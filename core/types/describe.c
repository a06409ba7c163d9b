// SPDX-License-Identifier: Apache-2.0
/* The parts of show that the types with processes share. */
#include "types/common.h"

#include <stdio.h>

int describe_by_default(struct unit *u, const char *text, const char *path)
{
	char **description = &u->file->unit.description;
	char *made;

	if (!str_is_empty(*description))
		return 0;
	made = str_printf("%s%s", text, path);
	if (!made)
		return -ENOMEM;
	free(*description);
	*description = made;
	return 0;
}

int describe_by_name(struct unit *u, const char *text)
{
	auto_free char *path = NULL;
	int r = str_is_empty(u->file->unit.description) ? unit_name_to_path(u->id, &path) : 0;

	/* A name that is no path describes itself. */
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	return path ? describe_by_default(u, text, path) : 0;
}

int describe_perpetual(struct unit *u, const char *text, const char *page)
{
	struct unit_settings *s = &u->file->unit;

	s->default_dependencies = false;
	if (!s->documentation) {
		int r = strv_append(&s->documentation, page);

		if (r < 0)
			return r;
	}
	return describe_by_default(u, text, "");
}

int describe_commands(const struct exec_command *list, const char *key, cJSON *properties)
{
	return list ? exec_command_describe(list, key, properties) : 0;
}

int describe_process_settings(const struct unit *u, cJSON *properties)
{
	int r = 0;

	if (u->file->exec)
		r = exec_describe(u->file->exec, properties);
	/* Of the types but services, which have their own: they run commands, not a process that has a user's number. */
	if (r >= 0 && u->file->exec && u->ops->type != UNIT_SERVICE) {
		r = json_add_u64(properties, "UID", UINT32_MAX);
		if (r >= 0)
			r = json_add_u64(properties, "GID", UINT32_MAX);
		if (r >= 0)
			r = json_add_bool(properties, "NonBlocking", false);
	}
	/* mount(8) walks through automount points: core's group may. */
	if (r >= 0 && u->file->exec)
		r = json_add_bool(properties, "SameProcessGroup", u->ops->type == UNIT_MOUNT);
	if (r >= 0 && u->file->kill)
		r = kill_describe(u->file->kill, properties);
	if (r >= 0)
		r = cgroup_describe(u, properties);
	return r;
}

int describe_oom_policy(const struct unit *u, enum unit_type type, cJSON *properties)
{
	static const char *const words[] = {
		[OOM_POLICY_CONTINUE] = "continue",
		[OOM_POLICY_STOP] = "stop",
		[OOM_POLICY_KILL] = "kill",
	};
	const struct cgroup_settings *g = u->file->cgroup;
	int policy = g ? (int) g->oom_policy : OOM_POLICY_DEFAULT;

	if (policy == OOM_POLICY_DEFAULT)
		policy = type == UNIT_SCOPE || (g && g->delegate) ? OOM_POLICY_CONTINUE
		                                                  : OOM_POLICY_STOP;
	return json_add_string(properties, "OOMPolicy", words[policy]);
}

/* Of a moment on the boottime clock, as the two that are shown. */
int describe_moment(const char *prefix, usec_t boottime, cJSON *properties)
{
	usec_t ago = boottime ? usec_sub(now(CLOCK_BOOTTIME), boottime) : 0;
	char key[64];
	int r;

	snprintf(key, sizeof(key), "%sTimestamp", prefix);
	r = json_add_u64(properties, key, boottime ? usec_sub(now(CLOCK_REALTIME), ago) : 0);
	snprintf(key, sizeof(key), "%sTimestampMonotonic", prefix);
	return r < 0 ? r
	             : json_add_u64(properties, key,
	                            boottime ? usec_sub(now(CLOCK_MONOTONIC), ago) : 0);
}

int describe_status(const struct process_status *s, const char *prefix, cJSON *properties)
{
	const struct {
		const char *key;
		uint64_t value;
	} rows[] = {
		{"PID", (uint64_t) s->pid},
		{"Code", (uint64_t) s->code},
		{"Status", (uint64_t) s->status},
		{"StartTimestamp", s->start.realtime},
		{"StartTimestampMonotonic", s->start.monotonic},
		{"ExitTimestamp", s->exit.realtime},
		{"ExitTimestampMonotonic", s->exit.monotonic},
	};
	char key[64];
	int r = 0;

	for (size_t i = 0; i < ELEMENTSOF(rows) && r >= 0; i++) {
		snprintf(key, sizeof(key), "%s%s", prefix, rows[i].key);
		r = json_add_u64(properties, key, rows[i].value);
	}
	return r;
}
