// SPDX-License-Identifier: Apache-2.0
/* edit: an administrator's drop-in (or, with --full, a copy of the unit) in the editor of their choice; what is empty is not kept. */
#include "sctl/sctl.h"
#include "unitfile/unitfile.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int run_editor(const char *path)
{
	static const char *const variables[] = {"SYSTEMD_EDITOR", "EDITOR", "VISUAL"};
	const char *editor = NULL;
	auto_free char *command = NULL;
	int status;
	pid_t pid;

	for (size_t i = 0; !editor && i < ELEMENTSOF(variables); i++)
		editor = getenv(variables[i]);
	/* As git and others do: the variable may hold arguments. */
	command = str_printf("%s \"$1\"", editor && *editor ? editor : "sensible-editor");
	if (!command)
		return -ENOMEM;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", command, "edit", path, (char *) NULL);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) < 0)
		return -errno;
	return status == 0 ? 0 : error_exit(-EIO, "The editor failed; nothing is changed");
}

/* Comments and blank lines alone are nothing. */
static bool says_something(const char *text)
{
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *p = line + strspn(line, " \t");

		if (*p && *p != '\n' && *p != '#' && *p != ';')
			return true;
	}
	return false;
}

static char *target_path(const char *name)
{
	const char *dir = arg.runtime ? "/run/systemd/system" : "/etc/systemd/system";
	const char *file = arg.drop_in ? arg.drop_in : "override.conf";

	if (arg.full)
		return str_printf("%s/%s", dir, name);
	return str_printf("%s/%s.d/%s%s", dir, name, file,
	                  str_ends_with(file, ".conf") ? "" : ".conf");
}

static int start_text(const char *target, const char *fragment, char **ret)
{
	if (file_read(target, ret, NULL) >= 0)
		return 0;
	if (arg.full && *fragment)
		return file_read(fragment, ret, NULL);
	*ret = arg.full ? strdup("")
	                : str_printf("# Settings here are put on top of %s.\n",
	                             *fragment ? fragment : "the unit's files");
	return *ret ? 0 : -ENOMEM;
}

/* 1: changed; 0: left as it was. */
static int edit_one(const char *name, const char *fragment)
{
	auto_free char *target = target_path(name), *before = NULL, *after = NULL,
		       *temporary = NULL;
	int r;

	if (!target)
		return -ENOMEM;
	r = start_text(target, fragment, &before);
	if (r >= 0)
		r = mkdir_parents(target, 0755);
	temporary = str_printf("%s.edit-%d", target, (int) getpid());
	if (r >= 0)
		r = temporary ? file_write_atomic(temporary, before, strlen(before), 0644, false)
		              : -ENOMEM;
	if (r < 0)
		return error_exit(r, "%s: %s", target, strerror(-r));
	r = run_editor(temporary);
	if (r >= 0)
		r = file_read(temporary, &after, NULL);
	if (r >= 0 && !says_something(after)) {
		fprintf(stderr, "%s: nothing was written, so nothing is kept.\n", name);
		r = 0;
	} else if (r >= 0 && !streq(before, after)) {
		r = file_write_atomic(target, after, strlen(after), 0644, true);
		r = r < 0 ? error_exit(r, "%s: %s", target, strerror(-r)) : 1;
	}
	(void) unlink(temporary);
	if (r <= 0 && !arg.full) {
		auto_free char *dir = path_dirname(target);

		if (dir)
			(void) rmdir(dir); /* if it was made for nothing */
	}
	return r;
}

int verb_edit(const struct verb *v, char **args)
{
	auto_cleanup(session_close) struct session *s = NULL;
	auto_strv char **names = NULL;
	bool changed = false;
	int r;

	(void) v;
	if (arg.host || arg.root)
		return error_exit(EXIT_USAGE, "edit works on the files of this machine");
	if (!isatty(STDIN_FILENO))
		return error_exit(EXIT_FAILED, "edit needs a terminal");
	if (session_open(SERVICE_CONTROL, &s) < 0)
		return EXIT_UNREACHABLE;
	if (expand_names(s, args, &names) < 0)
		return EXIT_USAGE;
	STRV_FOREACH (name, names) {
		auto_json cJSON *answer = NULL;
		const cJSON *p = NULL;
		const char *fragment = "";

		if (!unit_name_is_valid(*name, UNIT_NAME_TEMPLATE)) {
			r = describe_unit(s, *name, &answer, &p);
			if (r < 0)
				return session_exit_code(s, r);
			fragment = json_string_or(p, "FragmentPath", "");
			if (!*fragment && !arg.force)
				return error_exit(EXIT_FAILED,
				                  "No files found for %s (--force makes one).",
				                  *name);
		}
		r = edit_one(*name, fragment);
		if (r < 0)
			return EXIT_FAILED;
		changed |= r > 0;
	}
	if (!changed)
		return EXIT_DONE;
	r = session_call(s, "org.sysmaster.Manager.Reload", NULL, NULL, NULL);
	return session_exit_code(s, r);
}
