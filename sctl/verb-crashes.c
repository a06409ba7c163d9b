// SPDX-License-Identifier: Apache-2.0
/* crashes: what is left of programs that died. */
#include "sctl/sctl.h"

#include <inttypes.h>
#include <stdio.h>

static int show_list(struct session *s)
{
	static const char *const header[] = {"ID", "WHEN", "WHAT"};
	auto_json cJSON *answer = NULL;
	const cJSON *reports, *c;
	struct table t;
	int r;

	r = session_call(s, "org.sysmaster.Crash.List", NULL, NULL, &answer);
	if (r < 0)
		return session_exit_code(s, r);
	if (json_get_array(answer, "reports", &reports) < 0)
		return error_exit(EXIT_FAILED, "Unexpected answer");
	if (arg.json) {
		print_json(reports);
		return EXIT_DONE;
	}
	table_init(&t, header, ELEMENTSOF(header));
	cJSON_ArrayForEach(c, reports)
	{
		char age[64];
		const char *cells[] = {
			json_string_or(c, "id", ""),
			age_format(age, sizeof(age), json_u64_or(c, "realtime_usec", 0)),
			json_string_or(c, "summary", "")};

		table_add(&t, cells);
	}
	table_print(&t, !arg.no_legend);
	table_done(&t);
	return EXIT_DONE;
}

static void line(const char *title, const char *value)
{
	if (!str_is_empty(value))
		printf("%12s: %s\n", title, value);
}

static void number(const char *title, const cJSON *c, const char *key)
{
	if (json_u64_or(c, key, 0))
		printf("%12s: %" PRIu64 "\n", title, json_u64_or(c, key, 0));
}

static void lines(const char *title, const cJSON *c, const char *key, bool numbered)
{
	const cJSON *array, *item;
	int n = 0;

	if (json_get_array(c, key, &array) < 0 || cJSON_GetArraySize(array) == 0)
		return;
	printf("\n%s:\n", title);
	cJSON_ArrayForEach(item, array)
	{
		if (!cJSON_IsString(item))
			continue;
		if (numbered)
			printf("  #%-3d %s\n", n++, item->valuestring);
		else
			printf("  %s\n", item->valuestring);
	}
}

static void print_report(const cJSON *c)
{
	char stamp[STAMP_TEXT_MAX], span[SPAN_TEXT_MAX];

	printf("%s\n", json_string_or(c, "summary", ""));
	line("Report", json_string_or(c, "id", ""));
	line("Time", stamp_format(stamp, sizeof(stamp), json_u64_or(c, "realtime_usec", 0)));
	line("Version", json_string_or(c, "version", ""));
	line("Build ID", json_string_or(c, "build_id", ""));
	line("Unit", json_string_or(c, "unit", ""));
	number("Process", c, "pid");
	if (json_u64_or(c, "uptime_usec", 0))
		line("Ran for", span_format(span, sizeof(span), json_u64_or(c, "uptime_usec", 0),
		                            USEC_PER_MSEC));
	line("Ended by", json_string_or(c, "cause", ""));
	line("Signal", json_string_or(c, "signal_name", ""));
	number("Sent by", c, "sender");
	if (json_u64_or(c, "address", 0))
		printf("%12s: 0x%" PRIx64 "\n", "Address", json_u64_or(c, "address", 0));
	line("Busy with", json_string_or(c, "source", ""));
	if (json_u64_or(c, "busy_usec", 0))
		line("Busy for", span_format(span, sizeof(span), json_u64_or(c, "busy_usec", 0),
		                             USEC_PER_MSEC));
	number("Units", c, "n_units");
	number("Jobs", c, "n_jobs");
	number("Restarts", c, "restarts");
	lines("Back-trace", c, "frames", true);
	lines("Last messages", c, "log", false);
}

/* The newest one's name into @ret; an exit code. */
static int find_last(struct session *s, char **ret)
{
	auto_json cJSON *answer = NULL;
	const cJSON *reports;
	int r = session_call(s, "org.sysmaster.Crash.List", NULL, NULL, &answer);

	if (r < 0)
		return session_exit_code(s, r);
	if (json_get_array(answer, "reports", &reports) < 0 || cJSON_GetArraySize(reports) == 0)
		return error_exit(EXIT_FAILED, "There is no report");
	r = str_set(ret, json_string_or(cJSON_GetArrayItem(reports, 0), "id", ""));
	return r < 0 ? error_exit(EXIT_FAILED, "Out of memory") : EXIT_DONE;
}

static int show_one(struct session *s, const char *id)
{
	auto_json cJSON *answer = NULL;
	cJSON *p = cJSON_CreateObject();
	auto_free char *last = NULL;
	const cJSON *report;
	int r = streq(id, "last") ? find_last(s, &last) : EXIT_DONE;

	if (r != EXIT_DONE || !p) {
		cJSON_Delete(p);
		return r != EXIT_DONE ? r : error_exit(EXIT_FAILED, "Out of memory");
	}
	json_add_string(p, "id", last ? last : id);
	r = session_call(s, "org.sysmaster.Crash.Get", p, NULL, &answer);
	if (r < 0)
		return session_exit_code(s, r);
	if (json_get_object(answer, "report", &report) < 0)
		return error_exit(EXIT_FAILED, "Unexpected answer");
	if (arg.json)
		print_json(report);
	else
		print_report(report);
	return EXIT_DONE;
}

int verb_crashes(const struct verb *v _unused_, char **args)
{
	auto_cleanup(session_close) struct session *s = NULL;

	if (session_open(SERVICE_CONTROL, &s) < 0)
		return EXIT_UNREACHABLE;
	return args[0] ? show_one(s, args[0]) : show_list(s);
}
