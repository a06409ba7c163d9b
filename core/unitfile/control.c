// SPDX-License-Identifier: Apache-2.0
/*
 * control.c - files that the manager writes for others: transient units (systemd-run) and drop-ins of set-property. They are
 * ordinary unit files in folders of the search path, so that a manager which starts anew reads them like all others.
 */
#include "unitfile/directives.h"
#include "unitfile/install.h"

#include <unistd.h>

#define PROPERTY_VALUE_MAX 65536

const char *unit_key_section(enum unit_type type, const char *key)
{
	const char *own = section_of_type(type);

	if (own && directive_exists(type, own, key))
		return own;
	return directive_exists(type, "Unit", key) ? "Unit" : NULL;
}

/* "Key=value" taken apart; *ret_value points into @assignment. */
static int split(enum unit_type type, const char *assignment, struct diag *d, char **ret_key,
                 const char **ret_value, const char **ret_section)
{
	const char *equals = strchr(assignment, '=');
	auto_free char *key = NULL;

	if (!equals || equals == assignment)
		return diag_add(d, -EINVAL, DIAG_ERROR, NULL, 0, "\"%.80s\" is not an assignment",
		                assignment);
	key = strndup(assignment, (size_t) (equals - assignment));
	if (!key)
		return -ENOMEM;
	*ret_section = unit_key_section(type, key);
	if (!*ret_section)
		return diag_add(d, -EINVAL, DIAG_ERROR, NULL, 0, "Unknown assignment: %.80s",
		                assignment);
	if (strchr(equals, '\n') || strlen(equals) > PROPERTY_VALUE_MAX)
		return diag_add(d, -EINVAL, DIAG_ERROR, NULL, 0,
		                "The value of %s= is too long, or has more than one line", key);
	*ret_key = TAKE_PTR(key);
	*ret_value = equals + 1;
	return 0;
}

int unit_assignments_to_text(enum unit_type type, char *const *assignments, struct diag *d,
                             char **ret)
{
	const char *const sections[] = {"Unit", section_of_type(type)};
	auto_strbuf struct strbuf b = {0};

	strbuf_puts(&b, "# Made by the service manager for a transient unit; it goes with the "
	                "unit.\n");
	for (size_t i = 0; i < ELEMENTSOF(sections) && sections[i]; i++) {
		strbuf_printf(&b, "[%s]\n", sections[i]);
		STRV_FOREACH (a, assignments) {
			auto_free char *key = NULL;
			const char *value, *section;
			int r = split(type, *a, d, &key, &value, &section);

			if (r < 0)
				return r;
			if (streq(section, sections[i]))
				strbuf_printf(&b, "%s=%s\n", key, value);
		}
	}
	return strbuf_take(&b, ret);
}

int transient_write(const struct unit_paths *p, const char *name, const char *text)
{
	auto_free char *path = path_join(p->transient, name);
	int r;

	if (!path)
		return -ENOMEM;
	r = mkdir_parents(path, 0755);
	return r < 0 ? r : file_write_atomic(path, text, strlen(text), 0644, false);
}

int transient_remove(const struct unit_paths *p, const char *name)
{
	auto_free char *path = path_join(p->transient, name);

	if (!path)
		return -ENOMEM;
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

int property_write(const struct unit_paths *p, enum unit_type type, const char *name, bool runtime,
                   const char *assignment, struct diag *d, char **ret_path)
{
	auto_free char *path = NULL, *text = NULL, *key = NULL;
	const char *value, *section;
	int r;

	r = split(type, assignment, d, &key, &value, &section);
	if (r < 0)
		return r;
	path = str_printf("%s/%s.d/50-%s.conf",
	                  runtime ? p->runtime_control : p->persistent_control, name, key);
	text = str_printf("# Made by \"set-property\".\n[%s]\n%s=%s\n", section, key, value);
	if (!path || !text)
		return -ENOMEM;
	r = mkdir_parents(path, 0755);
	if (r >= 0)
		r = file_write_atomic(path, text, strlen(text), 0644, !runtime);
	if (r >= 0)
		*ret_path = TAKE_PTR(path);
	return r;
}
