// SPDX-License-Identifier: Apache-2.0
/* Orders that are not jobs: set-property, freeze, thaw, clean; why; the manager's log level and watchdogs. */
#include "sctl/sctl.h"
#include "unitfile/unitfile.h"

#include <stdio.h>

/* One call a unit; the worst exit code. */
static int for_each(struct session *s, char **args, const char *method, void (*fill)(cJSON *p))
{
	auto_strv char **names = NULL;
	int code = EXIT_DONE;

	if (expand_names(s, args, &names) < 0)
		return EXIT_USAGE;
	STRV_FOREACH (name, names) {
		cJSON *p = cJSON_CreateObject();
		int r;

		json_add_string(p, "name", *name);
		fill(p);
		r = session_call(s, method, p, NULL, NULL);
		if (r < 0)
			code = session_exit_code(s, r);
	}
	return code;
}

static void fill_freeze(cJSON *p)
{
	json_add_bool(p, "freeze", true);
}
static void fill_thaw(cJSON *p)
{
	json_add_bool(p, "freeze", false);
}
static void fill_what(cJSON *p)
{
	if (arg.what)
		json_add_strv(p, "what", arg.what);
}

int verb_freeze(const struct verb *v, char **args)
{
	auto_cleanup(session_close) struct session *s = NULL;

	if (session_open(SERVICE_CONTROL, &s) < 0)
		return EXIT_UNREACHABLE;
	return for_each(s, args, "org.sysmaster.Unit.Freeze",
	                streq(v->name, "freeze") ? fill_freeze : fill_thaw);
}

int verb_clean(const struct verb *v, char **args)
{
	auto_cleanup(session_close) struct session *s = NULL;

	(void) v;
	if (session_open(SERVICE_CONTROL, &s) < 0)
		return EXIT_UNREACHABLE;
	return for_each(s, args, "org.sysmaster.Unit.Clean", fill_what);
}

int verb_set_property(const struct verb *v, char **args)
{
	auto_cleanup(session_close) struct session *s = NULL;
	auto_strv char **names = NULL;
	cJSON *p;
	int r;

	(void) v;
	if (mangle_names((char *[]){args[0], NULL}, false, &names) < 0)
		return EXIT_USAGE;
	if (session_open(SERVICE_CONTROL, &s) < 0)
		return EXIT_UNREACHABLE;
	p = cJSON_CreateObject();
	json_add_string(p, "name", names[0]);
	json_add_strv(p, "properties", args + 1);
	json_add_bool(p, "runtime", arg.runtime);
	r = session_call(s, "org.sysmaster.Unit.SetProperties", p, NULL, NULL);
	return session_exit_code(s, r);
}

/* ---- why ---- */

static void print_reasons(const char *name, const cJSON *answer)
{
	char age[SPAN_TEXT_MAX + 8];
	const cJSON *reasons, *it;
	usec_t since = json_u64_or(answer, "since_usec", 0);

	printf("%s is %s (%s)", name, json_string_or(answer, "active", "?"),
	       json_string_or(answer, "sub", "?"));
	if (since)
		printf(" since %s", age_format(age, sizeof(age), since));
	if (json_get_array(answer, "reasons", &reasons) < 0 || !cJSON_GetArraySize(reasons)) {
		puts("; nothing holds it.");
		return;
	}
	puts(":");
	cJSON_ArrayForEach(it, reasons)
	{
		since = json_u64_or(it, "since_usec", 0);
		printf("  %-10s %s%s%s\n", json_string_or(it, "kind", ""),
		       json_string_or(it, "text", ""), since ? ", " : "",
		       since ? age_format(age, sizeof(age), since) : "");
	}
}

int verb_why(const struct verb *v, char **args)
{
	auto_cleanup(session_close) struct session *s = NULL;
	auto_strv char **names = NULL;
	int code = EXIT_DONE;

	(void) v;
	if (session_open(SERVICE_CONTROL, &s) < 0)
		return EXIT_UNREACHABLE;
	if (expand_names(s, args, &names) < 0)
		return EXIT_USAGE;
	STRV_FOREACH (name, names) {
		auto_json cJSON *answer = NULL;
		cJSON *p = cJSON_CreateObject();
		int r;

		json_add_string(p, "name", *name);
		r = session_call(s, "org.sysmaster.Unit.Explain", p, NULL, &answer);
		if (r < 0)
			code = session_exit_code(s, r);
		else if (arg.json)
			print_json(answer);
		else
			print_reasons(*name, answer);
	}
	return code;
}

/* ---- the manager's own knobs ---- */

static int control(cJSON *p, cJSON **ret)
{
	auto_cleanup(session_close) struct session *s = NULL;
	int r = session_open(SERVICE_CONTROL, &s);

	if (r < 0) {
		cJSON_Delete(p);
		return EXIT_UNREACHABLE;
	}
	r = session_call(s, "org.sysmaster.Manager.Control", p, NULL, ret);
	return session_exit_code(s, r);
}

int verb_log_level(const struct verb *v, char **args)
{
	auto_json cJSON *answer = NULL;
	cJSON *p;
	int code;

	/* Messages go to the journal once it is there, else to the kernel's log: that is not a choice. */
	if (streq(v->name, "log-target")) {
		if (!args[0])
			puts("journal-or-kmsg");
		return EXIT_DONE;
	}
	p = cJSON_CreateObject();
	json_add_string(p, "log_level", args[0]);
	code = control(p, &answer);
	if (code == EXIT_DONE && !args[0])
		puts(json_string_or(answer, "log_level", ""));
	return code;
}

int verb_service_watchdogs(const struct verb *v, char **args)
{
	auto_json cJSON *answer = NULL;
	int on = args[0] ? str_to_bool(args[0]) : 0, code;
	cJSON *p;

	(void) v;
	if (on < 0)
		return error_exit(EXIT_USAGE, "yes or no expected, not \"%s\"", args[0]);
	p = cJSON_CreateObject();
	if (args[0])
		json_add_bool(p, "service_watchdogs", on > 0);
	code = control(p, &answer);
	if (code == EXIT_DONE && !args[0])
		puts(json_bool_or(answer, "service_watchdogs", true) ? "yes" : "no");
	return code;
}

int verb_unit_path(const struct verb *v, char **args)
{
	struct unit_paths p;

	(void) v, (void) args;
	if (unit_paths_init(&p, arg.root) < 0)
		return error_exit(EXIT_FAILED, "Out of memory");
	STRV_FOREACH (d, p.dirs)
		puts(*d);
	unit_paths_done(&p);
	return EXIT_DONE;
}

/* ---- targets that stand for a state of the machine ---- */

int verb_state_target(const struct verb *v, char **args)
{
	auto_cleanup(session_close) struct session *s = NULL;
	auto_free char *target = str_printf("%s.target", v->name);
	char *const names[] = {target, NULL};

	(void) args;
	if (arg.dry_run) {
		printf("Would isolate %s.\n", target);
		return EXIT_DONE;
	}
	if (session_open(SERVICE_CONTROL, &s) < 0)
		return EXIT_UNREACHABLE;
	return queue_names(s, "start", names, "isolate");
}

int verb_sleep(const struct verb *v, char **args)
{
	auto_cleanup(session_close) struct session *s = NULL;
	auto_free char *target = str_printf("%s.target", v->name);
	char *const names[] = {target, NULL};

	(void) args;
	if (arg.dry_run) {
		printf("Would start %s.\n", target);
		return EXIT_DONE;
	}
	if (session_open(SERVICE_CONTROL, &s) < 0)
		return EXIT_UNREACHABLE;
	return queue_names(s, "start", names, "replace-irreversibly");
}

/* ---- completion ---- */

/* Made from the tables, so it knows what this binary knows. */
int verb_completion(const struct verb *v, char **args)
{
	const char *name;
	bool value;

	(void) v, (void) args;
	printf("_sctl() {\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} verb= w\n\tlocal options=\"");
	for (size_t i = 0; (name = option_name(i, &value)); i++)
		if (*name)
			printf("--%s%s ", name, value ? "=" : "");
	printf("\"\n\tlocal verbs=\"");
	for (size_t i = 0; i < n_verbs; i++)
		if (verbs[i].help)
			printf("%s ", verbs[i].name);
	printf("\"\n\tlocal units=\" ");
	for (size_t i = 0; i < n_verbs; i++)
		if (verbs[i].help && strstr(verbs[i].arguments, "UNIT"))
			printf("%s ", verbs[i].name);
	printf("\"\n"
	       "\tfor w in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do [[ $w == -* ]] || { verb=$w; "
	       "break; }; done\n"
	       "\tif [[ $cur == -* ]]; then\n"
	       "\t\tmapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\")\n"
	       "\telif [[ -z $verb ]]; then\n"
	       "\t\tmapfile -t COMPREPLY < <(compgen -W \"$verbs\" -- \"$cur\")\n"
	       "\telif [[ $units == *\" $verb \"* ]]; then\n"
	       "\t\tmapfile -t COMPREPLY < <(compgen -W \"$(sctl --no-legend --plain -a list-units "
	       "2>/dev/null | awk '{print $1}')\" -- \"$cur\")\n"
	       "\tfi\n}\n"
	       "complete -F _sctl sctl\n");
	return EXIT_DONE;
}
