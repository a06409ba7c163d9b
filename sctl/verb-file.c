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

static int change_online(struct session *s, const struct verb *v, char *const *names, cJSON **ret)
{
	cJSON *p = cJSON_CreateObject();
	int r;

	json_add_string(p, "verb", v->name);
	json_add_strv(p, "names", names);
	json_add_bool(p, "runtime", arg.runtime);
	json_add_bool(p, "force", arg.force);
	json_add_bool(p, "preset_enable", streq(arg.preset_mode, "enable-only"));
	json_add_bool(p, "preset_disable", streq(arg.preset_mode, "disable-only"));
	r = session_call(s, "org.sysmaster.UnitFile.Change", p, NULL, ret);
	return r;
}

/* Names, and for the verbs that take them paths, absolute or not. */
static int names_or_paths(char **args, char ***ret)
{
	auto_strv char **v = NULL;

	STRV_FOREACH (a, args) {
		auto_strv char **one = NULL;
		int r;

		if (strchr(*a, '/')) {
			char *full =
				path_is_absolute(*a) || arg.root ? strdup(*a) : realpath(*a, NULL);

			if (!full)
				return error_exit(-errno, "%s: %s", *a, strerror(errno));
			r = strv_append_consume(&v, full);
		} else {
			r = mangle_names((char *[]){*a, NULL}, false, &one);
			if (r >= 0)
				r = strv_extend(&v, one);
		}
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(v);
	return 0;
}

static void explain_no_install(const struct verb *v, const cJSON *answer)
{
	if (streq(v->name, "enable") && !json_bool_or(answer, "carries_install_info", true) &&
	    !arg.quiet)
		fputs("These units have no [Install] section: something else starts them, or an "
		      "administrator does.\n",
		      stderr);
}

int verb_file_change(const struct verb *v, char **args)
{
	/* clang-format off */
	static const struct { const char *change, *job; } jobs[] = {
		{ "enable", "start" }, { "reenable", "start" }, { "disable", "stop" }, { "mask", "stop" },
	};
	/* clang-format on */
	auto_cleanup(session_close) struct session *s = NULL;
	auto_json cJSON *answer = NULL;
	auto_strv char **names = NULL;
	int r;

	if (names_or_paths(args, &names) < 0)
		return EXIT_USAGE;
	if (arg.root) {
		r = offline_change(v->name, names, &answer);
		print_changes(answer);
		if (r >= 0)
			explain_no_install(v, answer);
		return r < 0 ? EXIT_FAILED : EXIT_DONE;
	}
	r = session_open(SERVICE_CONTROL, &s);
	if (r < 0)
		return EXIT_UNREACHABLE;
	r = change_online(s, v, names, &answer);
	if (r < 0)
		return session_exit_code(s, r);
	print_changes(answer);
	explain_no_install(v, answer);
	if (!arg.no_reload)
		r = session_call(s, "org.sysmaster.Manager.Reload", NULL, NULL, NULL);
	for (size_t i = 0; r >= 0 && arg.now && i < ELEMENTSOF(jobs); i++)
		if (streq(jobs[i].change, v->name))
			return queue_names(s, jobs[i].job, names, arg.job_mode);
	return session_exit_code(s, r);
}

static int file_state(struct session *s, const char *name, cJSON **ret_answer, const char **ret)
{
	const char *error = NULL;
	cJSON *p;
	int r;

	if (arg.root) {
		r = offline_state(name, ret);
		return r < 0 ? error_exit(r, "Failed to get unit file state for %s: %s", name,
		                          r == -ENOENT ? "No such file or directory" : strerror(-r))
		             : 0;
	}
	p = cJSON_CreateObject();
	json_add_string(p, "name", name);
	r = session_call(s, "org.sysmaster.UnitFile.GetState", p, &error, ret_answer);
	if (r < 0)
		return error_exit(r, "Failed to get unit file state for %s: %s", name,
		                  error && str_ends_with(error, ".NotFound")
		                          ? "No such file or directory"
		                  : error ? error
		                          : strerror(-r));
	*ret = json_string_or(*ret_answer, "state", "");
	return 0;
}

int verb_is_enabled(const struct verb *v, char **args)
{
	auto_cleanup(session_close) struct session *s = NULL;
	auto_strv char **names = NULL;
	int code = EXIT_FAILED, r;

	(void) v;
	if (mangle_names(args, false, &names) < 0)
		return EXIT_USAGE;
	r = arg.root ? 0 : session_open(SERVICE_CONTROL, &s);
	if (r < 0)
		return EXIT_UNREACHABLE;
	STRV_FOREACH (name, names) {
		static const char *const yes[] = {"enabled",  "enabled-runtime", "static",
		                                  "alias",    "indirect",        "generated",
		                                  "transient"};
		auto_json cJSON *answer = NULL;
		const char *state;

		if (file_state(s, *name, &answer, &state) < 0)
			continue;
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
	if (arg.root) {
		auto_free char *name = NULL;

		if (offline_default(&name) < 0)
			return EXIT_FAILED;
		puts(name);
		return EXIT_DONE;
	}
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
	if (arg.root) {
		r = offline_change("set-default", (char *[]){name, NULL}, &answer);
		print_changes(answer);
		return r < 0 ? EXIT_FAILED : EXIT_DONE;
	}
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
