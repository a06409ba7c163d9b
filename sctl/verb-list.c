// SPDX-License-Identifier: Apache-2.0
/* Lists: units, jobs, unit files. */
#include "sctl/sctl.h"

#include <fnmatch.h>
#include <stdio.h>

int list_unit_rows(struct session *s, char *const *patterns, char *const *types,
                   char *const *states, bool all, cJSON **ret_answer, const cJSON **ret_rows)
{
	cJSON *p = cJSON_CreateObject();
	int r;

	if (patterns && *patterns)
		json_add_strv(p, "patterns", patterns);
	if (types)
		json_add_strv(p, "types", types);
	if (states)
		json_add_strv(p, "states", states);
	json_add_bool(p, "all", all);
	r = session_call(s, "org.sysmaster.Manager.ListUnits", p, NULL, ret_answer);
	if (r < 0)
		return r;
	return json_get_array(*ret_answer, "units", ret_rows) < 0
	               ? error_exit(-EPROTO, "Unexpected answer")
	               : 0;
}

static void add_unit_row(struct table *t, const cJSON *u)
{
	const char *active = json_string_or(u, "active", "");
	const char *cells[] = {
		streq(active, "failed") ? "●" : " ", json_string_or(u, "id", ""),
		json_string_or(u, "load", ""),       active,
		json_string_or(u, "sub", ""),        json_string_or(u, "description", ""),
	};

	/* Without marks for people, there is no column for them. */
	table_add(t, cells + arg.plain);
}

int verb_list_units(const struct verb *v, char **args)
{
	static const char *const header[] = {"", "UNIT", "LOAD", "ACTIVE", "SUB", "DESCRIPTION"};
	auto_cleanup(session_close) struct session *s = NULL;
	auto_json cJSON *answer = NULL;
	auto_strv char **names = NULL;
	const cJSON *units, *u;
	struct table t;
	int r;

	(void) v;
	if (mangle_names(args, true, &names) < 0)
		return EXIT_USAGE;
	r = session_open(SERVICE_CONTROL, &s);
	if (r < 0)
		return EXIT_UNREACHABLE;
	if (arg.with_dependencies) {
		auto_strv char **more = NULL;

		r = collect_dependencies(s, names, &more);
		if (r < 0)
			return session_exit_code(s, r);
		strv_free(names);
		names = TAKE_PTR(more);
	}
	r = list_unit_rows(s, names, arg.types, arg.states, arg.all, &answer, &units);
	if (r < 0)
		return session_exit_code(s, r);
	if (arg.json) {
		print_json(units);
		return EXIT_DONE;
	}
	table_init(&t, header + arg.plain, ELEMENTSOF(header) - arg.plain);
	cJSON_ArrayForEach(u, units) add_unit_row(&t, u);
	table_print(&t, !arg.no_legend);
	if (!arg.no_legend)
		printf("\n%zu units listed%s.\n", t.n_rows,
		       arg.all ? "" : "; --all shows inactive ones, too");
	table_done(&t);
	return EXIT_DONE;
}

static bool is_wanted(char **patterns, const char *name)
{
	if (!*patterns)
		return true;
	STRV_FOREACH (p, patterns)
		if (fnmatch(*p, name, FNM_NOESCAPE) == 0)
			return true;
	return false;
}

static const cJSON *job_by_id(const cJSON *jobs, uint64_t id)
{
	const cJSON *j;

	cJSON_ArrayForEach(j, jobs) if (json_u64_or(j, "id", 0) == id) return j;
	return NULL;
}

static bool waits_for(const cJSON *j, uint64_t id)
{
	const cJSON *after, *it;

	if (json_get_array(j, "after", &after) >= 0)
		cJSON_ArrayForEach(it, after) if (cJSON_IsNumber(it) &&
		                                  (uint64_t) it->valuedouble == id) return true;
	return false;
}

/* A line below a job's: one of those that it waits for, or that wait for it. */
static int add_order(struct table *t, const char *what, const cJSON *other)
{
	auto_free char *text = str_printf(
		"%s job %llu (%s/%s)", what, (unsigned long long) json_u64_or(other, "id", 0),
		json_string_or(other, "unit", ""), json_string_or(other, "type", ""));

	if (!text)
		return -ENOMEM;
	table_add(t,
	          (const char *[]){arg.plain ? "" : "\xe2\x94\x94\xe2\x94\x80", text, "", "", ""});
	return 0;
}

static int add_orders(struct table *t, const cJSON *jobs, const cJSON *j)
{
	const cJSON *after, *it;
	uint64_t id = json_u64_or(j, "id", 0);
	int r = 0;

	if (arg.after && json_get_array(j, "after", &after) >= 0)
		cJSON_ArrayForEach(it, after)
		{
			const cJSON *o = job_by_id(jobs, (uint64_t) it->valuedouble);

			if (o && r >= 0)
				r = add_order(t, "waiting for", o);
		}
	if (arg.before)
		cJSON_ArrayForEach(it, jobs) if (r >= 0 && waits_for(it, id)) r =
			add_order(t, "blocking", it);
	return r;
}

int verb_list_jobs(const struct verb *v, char **args)
{
	static const char *const header[] = {"JOB", "UNIT", "TYPE", "STATE", "AGE"};
	auto_cleanup(session_close) struct session *s = NULL;
	auto_json cJSON *answer = NULL;
	const cJSON *jobs, *j;
	cJSON *p;
	struct table t;
	int r;

	(void) v;
	r = session_open(SERVICE_CONTROL, &s);
	if (r < 0)
		return EXIT_UNREACHABLE;
	p = cJSON_CreateObject();
	json_add_bool(p, "order", arg.after || arg.before);
	r = session_call(s, "org.sysmaster.Manager.ListJobs", p, NULL, &answer);
	if (r < 0)
		return session_exit_code(s, r);
	if (json_get_array(answer, "jobs", &jobs) < 0)
		return error_exit(EXIT_FAILED, "Unexpected answer");
	if (arg.json) {
		print_json(jobs);
		return EXIT_DONE;
	}
	table_init(&t, header, ELEMENTSOF(header));
	cJSON_ArrayForEach(j, jobs)
	{
		char id[24], age[SPAN_TEXT_MAX];
		const char *cells[] = {id, json_string_or(j, "unit", ""),
		                       json_string_or(j, "type", ""),
		                       json_string_or(j, "state", ""), age};

		if (!is_wanted(args, cells[1]))
			continue;
		snprintf(id, sizeof(id), "%llu", (unsigned long long) json_u64_or(j, "id", 0));
		span_format(age, sizeof(age), json_u64_or(j, "age_usec", 0), USEC_PER_MSEC);
		table_add(&t, cells);
		(void) add_orders(&t, jobs, j);
	}
	if (t.n_rows)
		table_print(&t, !arg.no_legend);
	else if (!arg.no_legend)
		puts("No jobs.");
	table_done(&t);
	return EXIT_DONE;
}

int verb_list_unit_files(const struct verb *v, char **args)
{
	static const char *const header[] = {"UNIT FILE", "STATE"};
	auto_cleanup(session_close) struct session *s = NULL;
	auto_json cJSON *answer = NULL;
	auto_strv char **names = NULL;
	const cJSON *files, *f;
	struct table t;
	cJSON *p;
	int r;

	(void) v;
	if (mangle_names(args, true, &names) < 0)
		return EXIT_USAGE;
	if (arg.root) {
		r = offline_list(names, &answer);
		if (r < 0)
			return EXIT_FAILED;
	} else {
		r = session_open(SERVICE_CONTROL, &s);
		if (r < 0)
			return EXIT_UNREACHABLE;
		p = cJSON_CreateObject();
		if (names && *names)
			json_add_strv(p, "patterns", names);
		if (arg.states)
			json_add_strv(p, "states", arg.states);
		r = session_call(s, "org.sysmaster.UnitFile.List", p, NULL, &answer);
		if (r < 0)
			return session_exit_code(s, r);
	}
	if (json_get_array(answer, "files", &files) < 0)
		return error_exit(EXIT_FAILED, "Unexpected answer");
	if (arg.json) {
		print_json(files);
		return EXIT_DONE;
	}
	table_init(&t, header, ELEMENTSOF(header));
	cJSON_ArrayForEach(f, files)
	{
		const char *cells[] = {json_string_or(f, "name", ""),
		                       json_string_or(f, "state", "")};

		table_add(&t, cells);
	}
	table_print(&t, !arg.no_legend);
	if (!arg.no_legend)
		printf("\n%zu unit files listed.\n", t.n_rows);
	table_done(&t);
	return EXIT_DONE;
}
