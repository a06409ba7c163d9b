// SPDX-License-Identifier: Apache-2.0
#include "base/str.h"

/* Does @entry ("NAME=value") define the name of @size bytes at @name? */
static bool env_has_name(const char *entry, const char *name, size_t size)
{
	return strncmp(entry, name, size) == 0 && entry[size] == '=';
}

const char *env_get(char *const *env, const char *name)
{
	size_t size = strlen(name);
	const char *found = NULL;

	/* As with getenv() the first one counts. */
	STRV_FOREACH (e, env)
		if (!found && env_has_name(*e, name, size))
			found = *e + size + 1;
	return found;
}

int env_set(char ***env, const char *assignment)
{
	const char *equals = strchr(assignment, '=');
	char *copy;

	if (!equals || equals == assignment)
		return -EINVAL;
	copy = strdup(assignment);
	if (!copy)
		return -ENOMEM;
	for (char **e = *env; e && *e; e++) {
		if (!env_has_name(*e, copy, (size_t) (equals - assignment)))
			continue;
		free(*e);
		*e = copy;
		return 0;
	}
	return strv_append_consume(env, copy);
}

void env_unset(char **env, const char *name)
{
	size_t size = strlen(name);
	bool exact = strchr(name, '=');
	char **to = env;

	if (!env)
		return;
	for (char **from = env; *from; from++)
		if (exact ? streq(*from, name) : env_has_name(*from, name, size))
			free(*from);
		else
			*to++ = *from;
	*to = NULL;
}
