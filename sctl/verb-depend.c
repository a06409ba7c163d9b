// SPDX-License-Identifier: Apache-2.0
/* What hangs together: list-dependencies, list-sockets, list-timers. */
#include "sctl/sctl.h"

#include <stdio.h>

#define DEPTH_MAX 32

/* Which properties name the next units, by option. */
static const char *const *properties_of(void)
{
	static const char *const pulls[] = {"Requires", "Requisite",  "Wants", "BindsTo",
	                                    "Upholds",  "ConsistsOf", NULL};
	static const char *const pulled[] = {"RequiredBy", "RequisiteOf", "WantedBy", "BoundBy",
	                                     "UpheldBy",   "PartOf",      NULL};
	static const char *const after[] = {"After", NULL};
	static const char *const before[] = {"Before", NULL};

	if (arg.after)
		return arg.reverse ? before : after;
	if (arg.before)
		return arg.reverse ? after : before;
	return arg.reverse ? pulled : pulls;
}

static int neighbours(struct session *s, const char *name, char ***ret, char **ret_active)
{
	auto_json cJSON *answer = NULL;
	auto_strv char **all = NULL;
	const cJSON *p;
	int r = describe_unit(s, name, &answer, &p);

	if (r < 0)
		return r;
	for (const char *const *key = properties_of(); *key; key++) {
		auto_strv char **v = NULL;

		(void) json_get_strv(p, *key, &v);
		STRV_FOREACH (n, v) {
			r = strv_append_unique(&all, *n);
			if (r < 0)
				return r;
		}
	}
	strv_sort_unique(all);
	if (ret_active) {
		*ret_active = strdup(json_string_or(p, "ActiveState", ""));
		if (!*ret_active)
			return -ENOMEM;
	}
	*ret = TAKE_PTR(all);
	return 0;
}

int collect_dependencies(struct session *s, char *const *names, char ***ret)
{
	auto_strv char **found = strv_copy(names);
	int r = found ? 0 : -ENOMEM;

	for (size_t i = 0; r >= 0 && found && found[i]; i++) {
		auto_strv char **more = NULL;

		if (strpbrk(found[i], "*?["))
			continue;
		r = neighbours(s, found[i], &more, NULL);
		STRV_FOREACH (m, more)
			if (r >= 0)
				r = strv_append_unique(&found, *m);
	}
	if (r < 0)
		return r;
	*ret = TAKE_PTR(found);
	return 0;
}

static void print_node(const char *name, const char *active, const char *indent, bool last)
{
	bool up = streq(active, "active") || streq(active, "reloading");

	if (arg.plain) {
		printf("%s%s\n", indent, name);
		return;
	}
	printf("%s%s%s %s%s%s\n", state_colour(active), up || streq(active, "failed") ? "●" : "○",
	       COLOUR_OFF, indent, last ? "└─" : "├─", name);
}

static int print_tree(struct session *s, const char *name, const char *indent, unsigned depth,
                      char ***seen)
{
	auto_strv char **list = NULL;
	int r = neighbours(s, name, &list, NULL);

	if (r < 0)
		return r;
	for (char **n = list; n && *n; n++) {
		auto_free char *active = NULL, *deeper = NULL;
		auto_strv char **below = NULL;

		r = neighbours(s, *n, &below, &active);
		if (r < 0)
			return r;
		print_node(*n, active, indent, !n[1]);
		/* Targets alone are opened, unless all is asked for, and each once. */
		if (!below || depth + 1 >= DEPTH_MAX ||
		    (!arg.all && !str_ends_with(*n, ".target")) || strv_contains(*seen, *n))
			continue;
		r = strv_append(seen, *n);
		deeper = str_printf("%s%s", indent, arg.plain ? "  " : n[1] ? "│ " : "  ");
		if (r >= 0)
			r = deeper ? print_tree(s, *n, deeper, depth + 1, seen) : -ENOMEM;
		if (r < 0)
			return r;
	}
	return 0;
}

int verb_list_dependencies(const struct verb *v, char **args)
{
	auto_cleanup(session_close) struct session *s = NULL;
	static char *const fallback[] = {(char *) "default.target", NULL};
	auto_strv char **names = NULL;
	int r;

	(void) v;
	r = session_open(SERVICE_CONTROL, &s);
	if (r < 0)
		return EXIT_UNREACHABLE;
	if (expand_names(s, *args ? args : (char **) fallback, &names) < 0)
		return EXIT_USAGE;
	STRV_FOREACH (name, names) {
		auto_strv char **seen = NULL;

		if (name != names)
			putchar('\n');
		puts(*name);
		r = print_tree(s, *name, arg.plain ? "  " : "", 0, &seen);
		if (r < 0)
			return session_exit_code(s, r);
	}
	return EXIT_DONE;
}

/* ---- list-sockets, list-timers ---- */

static void list_sockets_of(const cJSON *p, struct table *t)
{
	auto_strv char **triggers = NULL;
	auto_free char *joined = NULL;
	const cJSON *listen, *it;

	(void) json_get_strv(p, "Triggers", &triggers);
	joined = strv_join(triggers, " ");
	if (json_get_array(p, "Listen", &listen) < 0)
		return;
	cJSON_ArrayForEach(it, listen)
	{
		const cJSON *type = cJSON_GetArrayItem(it, 0), *address = cJSON_GetArrayItem(it, 1);
		auto_free char *text = NULL;

		if (!cJSON_IsString(type) || !cJSON_IsString(address))
			continue;
		text = arg.show_types
		               ? str_printf("%s (%s)", address->valuestring, type->valuestring)
		               : strdup(address->valuestring);
		table_add(t, (const char *[]){text, json_string_or(p, "Id", ""), joined});
	}
}

static void list_timers_of(const cJSON *p, struct table *t)
{
	char next[STAMP_TEXT_MAX] = "-", left[SPAN_TEXT_MAX + 8] = "-", last[STAMP_TEXT_MAX] = "-",
	     passed[SPAN_TEXT_MAX + 8] = "-";
	usec_t n = json_u64_or(p, "NextElapseUSecRealtime", 0),
	       m = json_u64_or(p, "NextElapseUSecMonotonic", USEC_INFINITY),
	       l = json_u64_or(p, "LastTriggerUSec", 0), t_now = now(CLOCK_REALTIME);

	if (!n && m && m != USEC_INFINITY)
		n = usec_add(t_now, usec_sub(m, now(CLOCK_MONOTONIC)));
	if (n) {
		stamp_format(next, sizeof(next), n);
		if (n >= t_now)
			(void) snprintf(left, sizeof(left), "%s left",
			                span_format((char[SPAN_TEXT_MAX]){0}, SPAN_TEXT_MAX,
			                            n - t_now, USEC_PER_SEC));
	}
	if (l) {
		stamp_format(last, sizeof(last), l);
		age_format(passed, sizeof(passed), l);
	}
	table_add(t, (const char *[]){next, left, last, passed, json_string_or(p, "Id", ""),
	                              json_string_or(p, "Unit", "")});
}

static int list_of(char **args, const char *type, const char *const *header, size_t n,
                   void (*fn)(const cJSON *p, struct table *t))
{
	auto_cleanup(session_close) struct session *s = NULL;
	char *const types[] = {(char *) type, NULL};
	auto_strv char **names = NULL;
	auto_json cJSON *answer = NULL;
	const cJSON *rows, *row;
	struct table t;
	int r;

	if (mangle_names(args, true, &names) < 0)
		return EXIT_USAGE;
	r = session_open(SERVICE_CONTROL, &s);
	if (r < 0)
		return EXIT_UNREACHABLE;
	r = list_unit_rows(s, names, types, arg.states, arg.all, &answer, &rows);
	if (r < 0)
		return session_exit_code(s, r);
	table_init(&t, header, n);
	cJSON_ArrayForEach(row, rows)
	{
		auto_json cJSON *one = NULL;
		const cJSON *p;

		if (describe_unit(s, json_string_or(row, "id", ""), &one, &p) >= 0)
			fn(p, &t);
	}
	table_print(&t, !arg.no_legend);
	if (!arg.no_legend)
		printf("\n%zu %ss listed.\n", t.n_rows, type);
	table_done(&t);
	return EXIT_DONE;
}

int verb_list_sockets(const struct verb *v, char **args)
{
	static const char *const header[] = {"LISTEN", "UNIT", "ACTIVATES"};

	(void) v;
	return list_of(args, "socket", header, ELEMENTSOF(header), list_sockets_of);
}

int verb_list_timers(const struct verb *v, char **args)
{
	static const char *const header[] = {"NEXT", "LEFT", "LAST", "PASSED", "UNIT", "ACTIVATES"};

	(void) v;
	return list_of(args, "timer", header, ELEMENTSOF(header), list_timers_of);
}
