// SPDX-License-Identifier: Apache-2.0
/* analyze time, blame, critical-chain, loop: where boot time went, and the manager's own figures. */
#include "sctl/sctl.h"

#include <stdio.h>

static int analyze_time(struct session *s, const char *unit _unused_)
{
	/* clang-format off */
	static const struct {
		const char *from, *to, *text;
	} phases[] = {
		{ NULL,		      "init_exec",	 "kernel (and what ran before init)" },
		{ "init_exec",	      "core_start",	 "init: file systems, start of core" },
		{ "core_start",	      "generators_done", "generators" },
		{ "generators_done",  "units_loaded",	 "reading units" },
		{ "units_loaded",     "default_target",	 "starting units, until the default target" },
		{ "init_exec",	      "default_target",	 "user space in all" },
	};
	/* clang-format on */
	auto_json cJSON *answer = NULL;
	const cJSON *boot;
	int r;

	r = session_call(s, "org.sysmaster.Manager.Describe", NULL, NULL, &answer);
	if (r < 0)
		return session_exit_code(s, r);
	if (json_get_object(answer, "boot", &boot) < 0)
		return error_exit(EXIT_FAILED, "Unexpected answer");
	if (arg.json) {
		print_json(boot);
		return EXIT_DONE;
	}
	if (!json_u64_or(boot, "default_target", 0)) {
		printf("Boot is not finished (%s).\n", json_string_or(answer, "state", ""));
		return EXIT_FAILED;
	}
	for (size_t i = 0; i < ELEMENTSOF(phases); i++) {
		usec_t from = phases[i].from ? json_u64_or(boot, phases[i].from, 0) : 0,
		       to = json_u64_or(boot, phases[i].to, 0);
		char text[SPAN_TEXT_MAX];

		printf("%12s  %s\n",
		       to >= from ? span_format(text, sizeof(text), to - from, USEC_PER_MSEC) : "?",
		       phases[i].text);
	}
	return EXIT_DONE;
}

static int compare_blame(const void *a, const void *b)
{
	usec_t x = json_u64_or(*(cJSON *const *) a, "activating_usec", 0),
	       y = json_u64_or(*(cJSON *const *) b, "activating_usec", 0);

	return x < y ? 1 : x > y ? -1 : 0;
}

static int analyze_blame(struct session *s, const char *unit _unused_)
{
	auto_json cJSON *answer = NULL;
	auto_free const cJSON **rows = NULL;
	const cJSON *units, *u;
	size_t n = 0;
	int r;

	r = session_call(s, "org.sysmaster.Manager.Blame", NULL, NULL, &answer);
	if (r < 0)
		return session_exit_code(s, r);
	if (json_get_array(answer, "units", &units) < 0)
		return error_exit(EXIT_FAILED, "Unexpected answer");
	rows = calloc((size_t) cJSON_GetArraySize(units) + 1, sizeof(*rows));
	if (!rows)
		return error_exit(EXIT_FAILED, "Out of memory");
	cJSON_ArrayForEach(u, units) rows[n++] = u;
	qsort(rows, n, sizeof(*rows), compare_blame);
	if (arg.json) {
		print_json(units);
		return EXIT_DONE;
	}
	for (size_t i = 0; i < n; i++) {
		char text[SPAN_TEXT_MAX];

		if (!arg.all && json_u64_or(rows[i], "activating_usec", 0) < USEC_PER_MSEC)
			break;
		printf("%12s  %s\n",
		       span_format(text, sizeof(text), json_u64_or(rows[i], "activating_usec", 0),
		                   USEC_PER_MSEC),
		       json_string_or(rows[i], "id", ""));
	}
	return EXIT_DONE;
}

static int analyze_loop(struct session *s, const char *unit _unused_)
{
	auto_json cJSON *answer = NULL;
	int r = session_call(s, "org.sysmaster.Manager.Statistics", NULL, NULL, &answer);

	if (r >= 0)
		print_json(answer);
	return session_exit_code(s, r);
}

int verb_analyze(const struct verb *v, char **args)
{
	static const struct {
		const char *name;
		int (*run)(struct session *s, const char *unit);
	} kinds[] = {{"time", analyze_time},
	             {"blame", analyze_blame},
	             {"critical-chain", analyze_critical_chain},
	             {"loop", analyze_loop}};
	auto_cleanup(session_close) struct session *s = NULL;
	const char *kind = args[0] ? args[0] : "time";

	for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
		if (!streq(kinds[i].name, kind))
			continue;
		/* Only the chain is a unit's. */
		if (args[0] && args[1] && kinds[i].run != analyze_critical_chain)
			break;
		return session_open(SERVICE_CONTROL, &s) < 0
		               ? EXIT_UNREACHABLE
		               : kinds[i].run(s, args[0] ? args[1] : NULL);
	}
	return error_exit(EXIT_USAGE, "usage: sctl %s %s", v->name, v->arguments);
}
