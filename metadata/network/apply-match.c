// SPDX-License-Identifier: Apache-2.0
/* Which interface is meant, and its name. */
#include "metadata/network/apply.h"

#include <fnmatch.h>
#include <stdio.h>

static const cJSON *get(const cJSON *o, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);

	return cJSON_IsNull(v) ? NULL : v;
}

static bool has_mac(const struct link *l, const char *mac)
{
	return !strcasecmp(l->permanent_mac, mac) ||
	       (!*l->permanent_mac && !strcasecmp(l->mac, mac));
}

static bool matches_pattern(const cJSON *patterns, const char *text)
{
	const cJSON *it;

	if (cJSON_IsString(patterns))
		return fnmatch(patterns->valuestring, text, 0) == 0;
	cJSON_ArrayForEach(it, patterns) if (matches_pattern(it, text)) return true;
	return false;
}

static bool is_plugged_in(const struct link *l)
{
	return !streq(l->kind, "bond") && !streq(l->kind, "bridge") && !streq(l->kind, "vlan");
}

/* All that "match" says has to hold. */
static bool matches(const struct link *l, const cJSON *match)
{
	const cJSON *mac = get(match, "macaddress"), *name = get(match, "name"),
		    *driver = get(match, "driver");

	return match && match->child && is_plugged_in(l) && !(l->flags & IFF_LOOPBACK) &&
	       (!mac || (cJSON_IsString(mac) && has_mac(l, mac->valuestring))) &&
	       (!name || matches_pattern(name, l->name)) &&
	       (!driver || matches_pattern(driver, l->driver));
}

/* What an entry says of the interface that it means: version 2's own words, or the address of version 1. */
static cJSON *match_of(const cJSON *link)
{
	const cJSON *match = get(get(link, "also"), "match");
	cJSON *m;

	if (match)
		return cJSON_Duplicate(match, true);
	m = cJSON_CreateObject();
	if (get(link, "mac_address"))
		(void) json_add_take(m, "macaddress",
		                     cJSON_Duplicate(get(link, "mac_address"), true));
	else
		(void) json_add_string(m, "name", json_string_or(link, "name", ""));
	return m;
}

/* The name that it shall have; NULL: the one it has. */
static const char *wanted_name(const cJSON *link)
{
	if (get(get(link, "also"), "match"))
		return json_string_or(get(link, "also"), "set-name", NULL);
	return json_string_or(link, "name", NULL);
}

struct renaming {
	int index;
	const char *from, *to;
	bool was_up;
};

static int rename_down(struct applier *a, int index, const char *to)
{
	/* Kernels before 6.2 rename nothing that is up. */
	(void) netlink_link_flags(a->nl, index, 0, IFF_UP);
	return netlink_link_rename(a->nl, index, to);
}

static bool is_renamed(const struct renaming *list, size_t n, int index)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].index == index)
			return true;
	return false;
}

/* Who stands in the way and has no new name of its own gets a free one. */
static void move_aside(struct applier *a, const struct renaming *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct link *l = links_find(&a->links, list[i].to);
		char name[IFNAMSIZ];
		int r;

		if (!l || is_renamed(list, n, l->index))
			continue;
		snprintf(name, sizeof(name), "rename%d", l->index);
		r = rename_down(a, l->index, name);
		diag_add(a->d, r, DIAG_WARNING, list[i].to, 0,
		         "another interface has this name and %s \"%s\"",
		         r < 0 ? "cannot be called" : "is called now", name);
	}
}

static void rename_all(struct applier *a, struct renaming *list, size_t n)
{
	char name[IFNAMSIZ];

	move_aside(a, list, n);
	/* Names that are swapped, in a circle or two, are free once all have one in between. */
	for (size_t i = 0; i < n; i++) {
		const struct link *in_the_way = links_find(&a->links, list[i].to);

		if (!in_the_way || !is_renamed(list, n, in_the_way->index))
			continue;
		snprintf(name, sizeof(name), "between%d", in_the_way->index);
		(void) rename_down(a, in_the_way->index, name);
	}
	for (size_t i = 0; i < n; i++) {
		int r = rename_down(a, list[i].index, list[i].to);

		if (r < 0)
			applier_fail(a, r, list[i].to, "rename");
		if (list[i].was_up)
			(void) netlink_link_flags(a->nl, list[i].index, IFF_UP, IFF_UP);
	}
}

static void name_add(struct applier *a, const char *key, const char *name)
{
	cJSON *list = cJSON_GetObjectItemCaseSensitive(a->names, key);
	const cJSON *it;

	if (!list)
		list = cJSON_AddArrayToObject(a->names, key);
	cJSON_ArrayForEach(it, list) if (streq(it->valuestring, name)) return;
	(void) json_append_take(list, cJSON_CreateString(name));
}

static void note_names(struct applier *a, const cJSON *link, const char *kernel_name)
{
	const char *id = json_string_or(get(link, "also"), "id", NULL);

	name_add(a, json_string_or(link, "name", ""), kernel_name);
	if (id)
		name_add(a, id, kernel_name);
}

/* One entry: of several interfaces with one address those that are in no other (the twin of a network
 * device with fail-over is in its master). */
static size_t match_entry(struct applier *a, const cJSON *link, struct renaming *list, size_t n)
{
	auto_json cJSON *match = match_of(link);
	const char *to = wanted_name(link);
	const struct link *best = NULL;

	for (size_t i = 0; i < a->links.n; i++) {
		const struct link *l = &a->links.items[i];

		if (!matches(l, match))
			continue;
		if (!to)
			note_names(a, link, l->name);
		if (!best || (best->master && !l->master))
			best = l;
	}
	if (!best) {
		diag_add(a->d, -ENODEV, DIAG_WARNING, json_string_or(link, "name", "?"), 0,
		         "no interface is as the configuration says");
		return n;
	}
	if (!to)
		return n;
	note_names(a, link, to);
	if (!streq(best->name, to))
		list[n++] = (struct renaming){best->index, best->name, to, best->flags & IFF_UP};
	return n;
}

int apply_match(struct applier *a)
{
	size_t n = (size_t) cJSON_GetArraySize(a->plan->links), found = 0;
	auto_free struct renaming *list = calloc(n + 1, sizeof(*list));
	const cJSON *it;

	if (!list)
		return -ENOMEM;
	cJSON_ArrayForEach(it, a->plan->links)
	{
		const char *kind = json_string_or(it, "kind", ""),
			   *name = json_string_or(it, "name", "");

		if (!*name || strlen(name) >= IFNAMSIZ || strchr(name, '/'))
			diag_add(a->d, -EINVAL, DIAG_ERROR, "network-config", 0,
			         "not the name of an interface");
		else if (streq(kind, "loopback"))
			note_names(a, it, "lo");
		else if (applier_makes(it))
			note_names(a, it, name);
		else
			found = match_entry(a, it, list, found);
	}
	if (!found)
		return 0;
	rename_all(a, list, found);
	return applier_read_links(a);
}
