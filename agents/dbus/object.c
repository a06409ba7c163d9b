// SPDX-License-Identifier: Apache-2.0
/* Object paths. Pure. */
#include "dbus/dbus.h"

#include <ctype.h>
#include <stdio.h>

#define UNIT_NAME_MAX_LENGTH 255

int unit_path(const char *unit, char **ret)
{
	int r = sd_bus_path_encode(UNIT_PATH, unit, ret);

	return r < 0 ? r : 0;
}

const char *job_path(char buffer[static JOB_PATH_MAX], uint32_t id)
{
	(void) snprintf(buffer, JOB_PATH_MAX, JOB_PATH "/%u", id);
	return buffer;
}

const char *unit_interface(const char *unit)
{
	static const char *const types[] = {"Service", "Socket", "Target",    "Device",
	                                    "Mount",   "Swap",   "Automount", "Timer",
	                                    "Path",    "Slice",  "Scope"};
	const char *dot = strrchr(unit, '.');

	for (size_t i = 0; dot && i < ELEMENTSOF(types); i++)
		if (strcasecmp(types[i], dot + 1) == 0)
			return types[i];
	return NULL;
}

static bool is_above(const char *path)
{
	static const char *const above[] = {"/", "/org", "/org/freedesktop"};

	return ENUM_FROM_STRING(above, path) >= 0;
}

static int parse_unit(const char *path, const char *label, struct object *ret)
{
	int r;

	if (streq(label, "self")) {
		ret->kind = OBJECT_UNIT_SELF;
		return 0;
	}
	if (strchr(label, '/'))
		return -ENOENT;
	r = sd_bus_path_decode(path, UNIT_PATH, &ret->unit);
	if (r < 0)
		return r;
	if (r == 0)
		return -ENOENT;
	if (!unit_interface(ret->unit) || strlen(ret->unit) > UNIT_NAME_MAX_LENGTH) {
		object_done(ret);
		return -ENOENT;
	}
	ret->kind = OBJECT_UNIT;
	return 0;
}

int object_parse(const char *path, struct object *ret)
{
	const char *rest;

	*ret = (struct object){0};
	if (is_above(path))
		ret->kind = OBJECT_ABOVE;
	else if (streq(path, MANAGER_PATH))
		ret->kind = OBJECT_MANAGER;
	else if (streq(path, UNIT_PATH))
		ret->kind = OBJECT_UNITS;
	else if (streq(path, JOB_PATH))
		ret->kind = OBJECT_JOBS;
	else if ((rest = str_after(path, UNIT_PATH "/")))
		return parse_unit(path, rest, ret);
	else if ((rest = str_after(path, JOB_PATH "/")) && str_to_u32(rest, &ret->job) >= 0)
		ret->kind = OBJECT_JOB;
	else
		return -ENOENT;
	return 0;
}

void object_done(struct object *o)
{
	free(o->unit);
	*o = (struct object){0};
}
