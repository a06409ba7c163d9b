// SPDX-License-Identifier: Apache-2.0
#include "unitfile/directives.h"
#include "unitfile/directives-list.h"
#include "unitfile/directives-exec.h"
#include "unitfile/value.h"

/* clang-format off */
#define ROW(key_, parser_, struct_, field_, arg_) \
	{ .key = key_, .parse = value_##parser_, .offset = offsetof(struct struct_, field_), .arg = arg_ },
#define IGNORED(key_, text_) { .key = key_, .ignored = text_ },

#define X(key, parser, field, arg) ROW(key, parser, unit_settings, field, arg)
static const struct directive unit_rows[] = { UNIT_DIRECTIVES(X, IGNORED) };
static const struct directive install_rows[] = { INSTALL_DIRECTIVES(X, IGNORED) };
static const struct directive service_unit_rows[] = { SERVICE_UNIT_DIRECTIVES(X, IGNORED) };
#undef X
#define X(key, parser, field, arg) ROW(key, parser, service_settings, field, arg)
static const struct directive service_rows[] = { SERVICE_DIRECTIVES(X, IGNORED) };
#undef X
#define X(key, parser, field, arg) ROW(key, parser, socket_settings, field, arg)
static const struct directive socket_rows[] = { SOCKET_DIRECTIVES(X, IGNORED) };
#undef X
#define X(key, parser, field, arg) ROW(key, parser, mount_settings, field, arg)
static const struct directive mount_rows[] = { MOUNT_DIRECTIVES(X, IGNORED) };
#undef X
#define X(key, parser, field, arg) ROW(key, parser, automount_settings, field, arg)
static const struct directive automount_rows[] = { AUTOMOUNT_DIRECTIVES(X, IGNORED) };
#undef X
#define X(key, parser, field, arg) ROW(key, parser, swap_settings, field, arg)
static const struct directive swap_rows[] = { SWAP_DIRECTIVES(X, IGNORED) };
#undef X
#define X(key, parser, field, arg) ROW(key, parser, timer_settings, field, arg)
static const struct directive timer_rows[] = { TIMER_DIRECTIVES(X, IGNORED) };
#undef X
#define X(key, parser, field, arg) ROW(key, parser, path_settings, field, arg)
static const struct directive path_rows[] = { PATH_DIRECTIVES(X, IGNORED) };
#undef X
#define X(key, parser, field, arg) ROW(key, parser, scope_settings, field, arg)
static const struct directive scope_rows[] = { SCOPE_DIRECTIVES(X, IGNORED) };
#undef X
#define X(key, parser, field, arg) ROW(key, parser, exec_settings, field, arg)
static const struct directive exec_rows[] = { EXEC_DIRECTIVES(X, IGNORED) };
#undef X
#define X(key, parser, field, arg) ROW(key, parser, kill_settings, field, arg)
static const struct directive kill_rows[] = { KILL_DIRECTIVES(X, IGNORED) };
#undef X
#define X(key, parser, field, arg) ROW(key, parser, cgroup_settings, field, arg)
static const struct directive cgroup_rows[] = { CGROUP_DIRECTIVES(X, IGNORED) };
#undef X

struct group_row {
	const struct directive *rows;
	size_t n;
};
#define GROUP(rows) { rows, ELEMENTSOF(rows) }
static struct group_row groups[GROUP_MAX] = {
	[GROUP_UNIT] = GROUP(unit_rows), [GROUP_INSTALL] = GROUP(install_rows), [GROUP_SERVICE] = GROUP(service_rows),
	[GROUP_SERVICE_UNIT] = GROUP(service_unit_rows), [GROUP_SOCKET] = GROUP(socket_rows), [GROUP_MOUNT] = GROUP(mount_rows),
	[GROUP_AUTOMOUNT] = GROUP(automount_rows), [GROUP_SWAP] = GROUP(swap_rows), [GROUP_TIMER] = GROUP(timer_rows),
	[GROUP_PATH] = GROUP(path_rows), [GROUP_SCOPE] = GROUP(scope_rows), [GROUP_EXEC] = GROUP(exec_rows),
	[GROUP_KILL] = GROUP(kill_rows), [GROUP_CGROUP] = GROUP(cgroup_rows),
};

/* A type's own section and its groups; every type has [Unit] and [Install], too. */
struct type_row {
	const char *section;
	int groups[5]; /* -1 ends */
};
static struct type_row types[UNIT_TYPE_MAX] = {
	[UNIT_SERVICE] = { "Service", { GROUP_SERVICE, GROUP_EXEC, GROUP_KILL, GROUP_CGROUP, GROUP_SERVICE_UNIT } },
	[UNIT_SOCKET] = { "Socket", { GROUP_SOCKET, GROUP_EXEC, GROUP_KILL, GROUP_CGROUP, -1 } },
	[UNIT_MOUNT] = { "Mount", { GROUP_MOUNT, GROUP_EXEC, GROUP_KILL, GROUP_CGROUP, -1 } },
	[UNIT_SWAP] = { "Swap", { GROUP_SWAP, GROUP_EXEC, GROUP_KILL, GROUP_CGROUP, -1 } },
	[UNIT_AUTOMOUNT] = { "Automount", { GROUP_AUTOMOUNT, -1 } },
	[UNIT_TIMER] = { "Timer", { GROUP_TIMER, -1 } },
	[UNIT_PATH] = { "Path", { GROUP_PATH, -1 } },
	[UNIT_SLICE] = { "Slice", { GROUP_CGROUP, -1 } },
	[UNIT_SCOPE] = { "Scope", { GROUP_SCOPE, GROUP_KILL, GROUP_CGROUP, -1 } },
	[UNIT_TARGET] = { NULL, { -1 } },
	[UNIT_DEVICE] = { NULL, { -1 } },
};

static const char *const condition_names[CONDITION_TYPE_MAX] = {
#define X(id, name) [CONDITION_##id] = name,
	CONDITION_TYPES(X)
#undef X
};
/* clang-format on */

const struct directive *directive_rows(enum directive_group group, size_t *ret_n)
{
	*ret_n = groups[group].n;
	return groups[group].rows;
}

const char *section_of_type(enum unit_type type)
{
	return types[type].section;
}

enum section_kind section_kind(enum unit_type type, const char *section)
{
	if (streq(section, "Unit") || streq(section, "Install"))
		return SECTION_KNOWN;
	if (types[type].section && streq(section, types[type].section))
		return SECTION_KNOWN;
	if (str_after(section, "X-"))
		return SECTION_SILENT;
	for (size_t i = 0; i < UNIT_TYPE_MAX; i++)
		if (types[i].section && streq(section, types[i].section))
			return SECTION_FOREIGN;
	return SECTION_UNKNOWN;
}

static int compare_key(const void *key, const void *row)
{
	return strcmp(key, ((const struct directive *) row)->key);
}

static const struct directive *find_in_group(enum directive_group g, const char *key)
{
	return bsearch(key, groups[g].rows, groups[g].n, sizeof(struct directive), compare_key);
}

static const struct directive *find_directive(enum unit_type type, const char *section,
                                              const char *key, enum directive_group *ret_group)
{
	const struct directive *row;
	const int *g = types[type].groups;

	if (streq(section, "Unit") || streq(section, "Install")) {
		*ret_group = *section == 'U' ? GROUP_UNIT : GROUP_INSTALL;
		return find_in_group(*ret_group, key);
	}
	for (size_t i = 0; i < ELEMENTSOF(types[type].groups) && g[i] >= 0; i++) {
		row = find_in_group((enum directive_group) g[i], key);
		if (row) {
			*ret_group = (enum directive_group) g[i];
			return row;
		}
	}
	return NULL;
}

/* ---- types of plug-ins ---- */

static int value_assignment(struct parse *p, const char *value, void *field, _unused_ int64_t arg)
{
	auto_free char *expanded = NULL;
	int r = parse_expand(p, value, false, &expanded);

	return r <= 0 ? r
	              : strv_append_consume((char ***) field,
	                                    str_printf("%s=%s", p->key, expanded));
}

static int compare_rows(const void *a, const void *b)
{
	return strcmp(((const struct directive *) a)->key, ((const struct directive *) b)->key);
}

static bool is_own_key(const char *key, const struct directive *rows, size_t n)
{
	static const enum directive_group shared[] = {GROUP_EXEC, GROUP_KILL, GROUP_CGROUP};

	for (size_t i = 0; i < ELEMENTSOF(shared); i++)
		if (find_in_group(shared[i], key))
			return false;
	for (size_t i = 0; i < n; i++)
		if (streq(rows[i].key, key))
			return false;
	return *key != '\0' && !strpbrk(key, "= \t[]#;");
}

int directives_add_type(enum unit_type type, const char *section, const char *const *keys)
{
	int group = GROUP_PLUGIN + (int) type - UNIT_PLUGIN;
	auto_free struct directive *rows = NULL;
	size_t n = 0;

	if (section_kind(type, section) != SECTION_UNKNOWN)
		return -EEXIST;
	while (keys && keys[n])
		n++;
	rows = calloc(n + 1, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (!is_own_key(keys[i], rows, i))
			return -EINVAL;
		rows[i] =
			(struct directive){.key = keys[i],
		                           .parse = value_assignment,
		                           .offset = offsetof(struct plugin_settings, assignments)};
	}
	qsort(rows, n, sizeof(*rows), compare_rows);
	groups[group] = (struct group_row){TAKE_PTR(rows), n};
	types[type] = (struct type_row){section, {group, GROUP_EXEC, GROUP_KILL, GROUP_CGROUP, -1}};
	return 0;
}

bool directive_exists(enum unit_type type, const char *section, const char *key)
{
	enum directive_group group;
	const char *condition = str_after(key, "Condition");

	if (find_directive(type, section, key, &group))
		return true;
	if (!condition)
		condition = str_after(key, "Assert");
	return streq(section, "Unit") && condition &&
	       ENUM_FROM_STRING(condition_names, condition) >= 0;
}

static void *group_base(struct unit_file *f, enum directive_group g)
{
	switch (g) {
	case GROUP_UNIT:
	case GROUP_INSTALL:
	case GROUP_SERVICE_UNIT:
		return &f->unit;
	case GROUP_EXEC:
		return own_exec(f);
	case GROUP_KILL:
		return own_kill(f);
	case GROUP_CGROUP:
		return own_cgroup(f);
	default:
		return f->service; /* the union's pointer, whatever the type */
	}
}

/* "ConditionX=" and "AssertX=" are one row a kind of condition, twice. */
static int assign_condition(struct parse *p, const char *key, const char *value)
{
	const char *name = str_after(key, "Condition");
	bool is_assert = !name;
	int type;

	if (!name)
		name = str_after(key, "Assert");
	if (!name)
		return -ENOENT;
	type = ENUM_FROM_STRING(condition_names, name);
	if (type < 0)
		return -ENOENT;
	return value_condition(p, value, &p->f->unit.conditions, type | (is_assert ? 1 << 16 : 0));
}

static int report(struct parse *p, const char *value, int r)
{
	if (r >= 0)
		return 0;
	if (r == -ENOMEM)
		return r;
	return parse_warn(p,
	                  r == -ERANGE ? "Value '%.100s' is out of range, ignored"
	                               : "Invalid value '%.100s', ignored",
	                  value);
}

int directive_assign(struct parse *p, const char *section, const char *key, const char *value)
{
	const struct directive *row;
	enum directive_group group;
	char *base;
	int r;

	p->key = key;
	row = find_directive(p->f->type, section, key, &group);
	if (!row) {
		r = streq(section, "Unit") ? assign_condition(p, key, value) : -ENOENT;
		if (r != -ENOENT)
			return report(p, value, r);
		if (str_after(key, "X-"))
			return 0;
		diag_add(p->d, -ENOENT, DIAG_WARNING, p->path, p->line,
		         "Unknown key %.80s= in section [%.40s], ignored", key, section);
		return 0;
	}
	if (!row->parse) {
		diag_add(p->d, 0, DIAG_INFO, p->path, p->line,
		         "%s= is accepted and has no effect: %s", key, row->ignored);
		return 0;
	}
	base = group_base(p->f, group);
	return report(p, value, row->parse(p, value, base + row->offset, row->arg));
}
