// SPDX-License-Identifier: Apache-2.0
/*
 * directives.h - private to unitfile: the one table of everything that may stand in a unit file.
 *
 * Rows are in directives-list.h, one X-list a group, each sorted by name. A section is made of groups: [Service] is service, exec,
 * kill and cgroup. A row names the parser (value.h) and the field; or says what it means that we accept and ignore the key.
 */
#pragma once

#include "unitfile/parse.h"

enum directive_group {
	GROUP_UNIT,
	GROUP_INSTALL,
	GROUP_SERVICE,
	GROUP_SERVICE_UNIT /* [Unit] keys that once stood in [Service] */,
	GROUP_SOCKET,
	GROUP_MOUNT,
	GROUP_AUTOMOUNT,
	GROUP_SWAP,
	GROUP_TIMER,
	GROUP_PATH,
	GROUP_SCOPE,
	GROUP_EXEC,
	GROUP_KILL,
	GROUP_CGROUP,
	GROUP_PLUGIN, /* one a type of plug-ins, as in enum unit_type */
	GROUP_PLUGIN_LAST = GROUP_PLUGIN + UNIT_PLUGIN_LAST - UNIT_PLUGIN,
	GROUP_MAX,
};

struct directive {
	const char *key;
	parse_fn parse; /* NULL: accepted and ignored */
	size_t offset;
	int64_t arg;
	const char *ignored; /* then: what ignoring it means */
};

/* Rows of one group; for the tests, documentation and shell completion. */
const struct directive *directive_rows(enum directive_group group, size_t *ret_n);

enum section_kind {
	SECTION_KNOWN,
	SECTION_SILENT /* X-... */,
	SECTION_FOREIGN /* of another unit type */,
	SECTION_UNKNOWN
};
enum section_kind section_kind(enum unit_type type, const char *section);
const char *
section_of_type(enum unit_type type); /* "Service"; NULL: the type has none of its own */

/**
 * directives_add_type - a section for units of a plug-in's type
 * @section: borrowed for ever
 * @keys: its own keys, NULL at the end, borrowed for ever; those of exec, kill and cgroup are there beside them
 *
 * Returns 0; -EEXIST: the section is somebody's; -EINVAL: a key is empty, there twice or one of exec, kill or cgroup; or -ENOMEM.
 */
int directives_add_type(enum unit_type type, const char *section, const char *const *keys);

/* Is there such a key in @section of units of @type (an ignored one, too)? */
bool directive_exists(enum unit_type type, const char *section, const char *key);

/* One assignment into p->f. Returns 0 (with findings for what was ignored) or -ENOMEM. */
int directive_assign(struct parse *p, const char *section, const char *key, const char *value);
