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
	if (r >= 0 && u->file->kill)
		r = kill_describe(u->file->kill, properties);
	if (r >= 0)
		r = cgroup_describe(u, properties);
	return r;
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
