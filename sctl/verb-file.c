// SPDX-License-Identifier: Apache-2.0
/* enable, disable, mask, preset, ...: symlinks on disk, through core, so that it works on any
 * machine that sctl reaches. */
#include "sctl/sctl.h"

#include <stdio.h>

static void print_changes(const cJSON *answer)
{
	const cJSON *changes, *c;

	if (arg.json) {
		print_json(answer);
		return;
	}
	if (arg.quiet || json_get_array(answer, "changes", &changes) < 0)
		return;
	cJSON_ArrayForEach(c, changes)
	{
		const char *kind = json_string_or(c, "kind", ""),
			   *path = json_string_or(c, "path", ""),
			   *source = json_string_or(c, "source", "");

		if (streq(kind, "symlink"))
			fprintf(stderr, "Created symlink %s → %s.\n", path, source);
		else if (streq(kind, "unlink"))
			fprintf(stderr, "Removed \"%s\".\n", path);
		else
			fprintf(stderr, "%s: %s %s\n", kind, path, source);
	}
}

static int queue(struct session *s, const char *verb, char *const *names)
{
	cJSON *p = cJSON_CreateObject();

	json_add_string(p, "verb", verb);
	json_add_strv(p, "names", names);
	json_add_bool(p, "wait", true);
	return session_call(s, "org.sysmaster.Unit.Queue", p, NULL, NULL);
}

int verb_file_change(const struct verb *v, char **args)
{
	auto_cleanup(session_close) struct session *s = NULL;
	auto_json cJSON *answer = NULL;
	auto_strv char **names = NULL;
	cJSON *p;
	int r;

	if (mangle_names(args, false, &names) < 0)
		return EXIT_USAGE;
	r = session_open(SERVICE_CONTROL, &s);
	if (r < 0)
		return EXIT_UNREACHABLE;
	p = cJSON_CreateObject();
	json_add_string(p, "verb", v->name);
	json_add_strv(p, "names", names);
	json_add_bool(p, "runtime", arg.runtime);
	json_add_bool(p, "force", arg.force);
	r = session_call(s, "org.sysmaster.UnitFile.Change", p, NULL, &answer);
	if (r < 0)
		return session_exit_code(s, r);
	print_changes(answer);
	if (streq(v->name, "enable") && !json_bool_or(answer, "carries_install_info", true) &&
	    !arg.quiet)
		fputs("These units have no [Install] section: something else starts them, or an "
		      "administrator does.\n",
		      stderr);
	r = session_call(s, "org.sysmaster.Manager.Reload", NULL, NULL, NULL);
	if (r >= 0 && arg.now) {
		const char *verb = streq(v->name, "enable") || streq(v->name, "reenable") ? "start"
		                   : streq(v->name, "disable") || streq(v->name, "mask")  ? "stop"
		                                                                          : NULL;

		if (verb)
			r = queue(s, verb, names);
	}
	return session_exit_code(s, r);
}

int verb_is_enabled(const struct verb *v, char **args)
{
	auto_cleanup(session_close) struct session *s = NULL;
	auto_strv char **names = NULL;
	int code = EXIT_FAILED, r;

	(void) v;
	if (mangle_names(args, false, &names) < 0)
		return EXIT_USAGE;
	r = session_open(SERVICE_CONTROL, &s);
	if (r < 0)
		return EXIT_UNREACHABLE;
	STRV_FOREACH (name, names) {
		static const char *const yes[] = {"enabled",  "enabled-runtime", "static",
		                                  "alias",    "indirect",        "generated",
		                                  "transient"};
		auto_json cJSON *answer = NULL;
		const char *state, *error = NULL;
		cJSON *p = cJSON_CreateObject();

		json_add_string(p, "name", *name);
		r = session_call(s, "org.sysmaster.UnitFile.GetState", p, &error, &answer);
		if (r < 0) {
			error_exit(r, "No unit file for %s: %s", *name,
			           error ? error : strerror(-r));
			continue;
		}
		state = json_string_or(answer, "state", "");
		if (!arg.quiet)
			puts(state);
		if (ENUM_FROM_STRING(yes, state) >= 0)
			code = EXIT_DONE;
	}
	return code;
}

int verb_get_default(const struct verb *v, char **args)
{
	auto_cleanup(session_close) struct session *s = NULL;
	auto_json cJSON *answer = NULL;
	int r;

	(void) v, (void) args;
	r = session_open(SERVICE_CONTROL, &s);
	if (r < 0)
		return EXIT_UNREACHABLE;
	r = session_call(s, "org.sysmaster.UnitFile.GetDefault", NULL, NULL, &answer);
	if (r >= 0)
		puts(json_string_or(answer, "name", ""));
	return session_exit_code(s, r);
}

int verb_set_default(const struct verb *v, char **args)
{
	auto_cleanup(session_close) struct session *s = NULL;
	auto_json cJSON *answer = NULL;
	auto_free char *name = str_ends_with(args[0], ".target") ? strdup(args[0])
	                                                         : str_printf("%s.target", args[0]);
	cJSON *p;
	int r;

	(void) v;
	r = session_open(SERVICE_CONTROL, &s);
	if (r < 0)
		return EXIT_UNREACHABLE;
	p = cJSON_CreateObject();
	json_add_string(p, "name", name);
	r = session_call(s, "org.sysmaster.UnitFile.SetDefault", p, NULL, &answer);
	if (r >= 0)
		print_changes(answer);
	return session_exit_code(s, r);
}
