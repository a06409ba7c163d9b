// SPDX-License-Identifier: Apache-2.0
/*
 * schema - private to userdata/: what a configuration may hold, as rows of a tree in depth-first order.
 *
 * A row's name is a key; "[]" the items of a list; "/regex/" keys that match; "*" any other key; "|one",
 * "|any" one alternative of which exactly one or at least one must hold; "&" what must hold, too; "#x" a
 * subtree that others refer to. type: a letter each of string, integer, number, boolean, array, object,
 * z for null; empty: anything. Rules, separated by blanks: needed (the key must be there), closed (no
 * other keys), old (deprecated), unique, min=N and max=N (of a list's items, a map's keys, a text's
 * length or a number), enum=a|b (~ is null), re=REGEX, not=a|b (not all of these keys), ref=x.
 */
#pragma once

#include "metadata/userdata/userdata.h"

struct schema_row {
	unsigned depth;
	const char *name, *type, *rules;
};
extern const struct schema_row schema_cloud_config[], schema_network_v1[], schema_network_v2[];
extern const size_t n_schema_cloud_config, n_schema_network_v1, n_schema_network_v2;
