// SPDX-License-Identifier: Apache-2.0
/* name.c - unit names: systemd.unit(5), "Unit File Load Path" and "String Escaping for Inclusion in Unit Names". */
#include "unitfile/unitfile.h"
#include "unitfile/name.h"

/* Position of the first "@" and of the last "." of a name, the two places where it is cut. */
struct name_parts {
	const char *at, *dot;
};

static bool name_char_is_valid(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c && strchr(UNIT_NAME_PUNCTUATION, c));
}

static enum unit_name_flags name_kind(const char *name, struct name_parts *ret)
{
	const char *dot, *at = NULL;

	if (!name || strlen(name) >= UNIT_NAME_MAX)
		return 0;
	dot = strrchr(name, '.');
	if (!dot || dot == name || unit_type_from_string(dot + 1) < 0)
		return 0;
	for (const char *c = name; c < dot; c++) {
		if (*c == '@') {
			if (!at)
				at = c;
		} else if (!name_char_is_valid(*c)) {
			return 0;
		}
	}
	if (at == name)
		return 0;
	*ret = (struct name_parts){at, dot};
	return !at ? UNIT_NAME_PLAIN : at + 1 == dot ? UNIT_NAME_TEMPLATE : UNIT_NAME_INSTANCE;
}

enum unit_name_flags unit_name_kind(const char *name)
{
	struct name_parts parts;

	return name_kind(name, &parts);
}

bool unit_name_is_valid(const char *name, enum unit_name_flags flags)
{
	return (unit_name_kind(name) & flags) != 0;
}

int unit_name_type(const char *name)
{
	struct name_parts parts;

	return name_kind(name, &parts) ? unit_type_from_string(parts.dot + 1) : -EINVAL;
}

static int name_copy(const char *from, const char *to, char **ret)
{
	char *s = strndup(from, (size_t) (to - from));

	if (!s)
		return -ENOMEM;
	*ret = s;
	return 0;
}

/* Puts a name together again, and refuses what is none. */
static int name_build(char **ret, const char *prefix, size_t prefix_size, const char *at,
                      const char *instance, const char *suffix)
{
	char *s = str_printf("%.*s%s%s%s", (int) prefix_size, prefix, at, instance, suffix);

	if (!s)
		return -ENOMEM;
	if (!unit_name_kind(s)) {
		free(s);
		return -EINVAL;
	}
	*ret = s;
	return 0;
}

int unit_name_prefix(const char *name, char **ret)
{
	struct name_parts parts;

	if (!name_kind(name, &parts))
		return -EINVAL;
	return name_copy(name, parts.at ? parts.at : parts.dot, ret);
}

int unit_name_instance(const char *name, char **ret)
{
	struct name_parts parts;
	enum unit_name_flags kind = name_kind(name, &parts);
	int r;

	if (!kind)
		return -EINVAL;
	if (kind == UNIT_NAME_INSTANCE) {
		r = name_copy(parts.at + 1, parts.dot, ret);
		return r < 0 ? r : (int) kind;
	}
	*ret = NULL;
	return (int) kind;
}

int unit_name_replace_instance(const char *name, const char *instance, char **ret)
{
	struct name_parts parts;

	if (!name_kind(name, &parts) || !parts.at)
		return -EINVAL;
	for (const char *c = instance; *c; c++)
		if (*c != '@' && !name_char_is_valid(*c))
			return -EINVAL;
	return name_build(ret, name, (size_t) (parts.at - name), "@", instance, parts.dot);
}

int unit_name_template(const char *name, char **ret)
{
	return unit_name_replace_instance(name, "", ret);
}

int unit_name_change_suffix(const char *name, const char *suffix, char **ret)
{
	struct name_parts parts;

	if (!name_kind(name, &parts))
		return -EINVAL;
	return name_build(ret, name, (size_t) (parts.dot - name), "", "", suffix);
}

int slice_parent(const char *slice, char **ret)
{
	const char *dash;
	struct name_parts parts;

	if (!slice_name_is_valid(slice))
		return -EINVAL;
	if (streq(slice, "-.slice")) {
		*ret = NULL;
		return 0;
	}
	name_kind(slice, &parts);
	dash = strrchr(slice, '-');
	return name_build(ret, dash ? slice : "-", dash ? (size_t) (dash - slice) : 1, "", "",
	                  parts.dot);
}

/* A slice's name is the path from the root slice, its parts divided by single dashes. */
bool slice_name_is_valid(const char *name)
{
	struct name_parts parts;
	bool after_dash = true;

	if (name_kind(name, &parts) != UNIT_NAME_PLAIN || !streq(parts.dot, ".slice"))
		return false;
	if (streq(name, "-.slice"))
		return true;
	for (const char *c = name; c < parts.dot; c++) {
		if (*c == '-' && after_dash)
			return false;
		after_dash = *c == '-';
	}
	return !after_dash;
}
