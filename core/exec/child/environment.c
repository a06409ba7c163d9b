// SPDX-License-Identifier: Apache-2.0
/*
 * The environment, from what everyone gives to what the unit's own files say; the later wins:
 * manager and request, core-exec's own, ExecSearchPath=, PassEnvironment=, Environment=,
 * EnvironmentFile=; UnsetEnvironment= last.
 */
#include "exec/child/child.h"

#include <glob.h>
#include <stdio.h>
#include <unistd.h>

static int merge(struct child *c, char *const *more)
{
	STRV_FOREACH (assignment, more) {
		int r = env_set(&c->env, *assignment);

		if (r < 0)
			return r;
	}
	return 0;
}

static int set(struct child *c, const char *name, const char *value)
{
	auto_free char *assignment = NULL;

	if (!value)
		return 0;
	assignment = str_printf("%s=%s", name, value);
	return assignment ? env_set(&c->env, assignment) : -ENOMEM;
}

static int set_number(struct child *c, const char *name, uint64_t value)
{
	char text[24];

	(void) snprintf(text, sizeof(text), "%llu", (unsigned long long) value);
	return set(c, name, text);
}

static int set_fds(struct child *c)
{
	auto_free char *names = NULL;
	int r;

	if (c->spec.n_fds == 0)
		return 0;
	names = strv_join(c->spec.fd_names, ":");
	if (!names)
		return -ENOMEM;
	r = set_number(c, "LISTEN_PID", (uint64_t) getpid());
	if (r >= 0)
		r = set_number(c, "LISTEN_FDS", c->spec.n_fds);
	return r < 0 ? r : set(c, "LISTEN_FDNAMES", names);
}

static int set_user(struct child *c)
{
	int r = 0;

	if (!c->user_set)
		return c->s->set_login_environment ? set(c, "HOME", "/root") : 0;
	/* A daemon's "/" says nothing. */
	if (!str_is_empty(c->home) && !streq(c->home, "/"))
		r = set(c, "HOME", c->home);
	if (r >= 0)
		r = set(c, "LOGNAME", c->user);
	if (r >= 0)
		r = set(c, "USER", c->user);
	return r < 0 ? r : set(c, "SHELL", c->shell);
}

static int set_terminal(struct child *c)
{
	const char *path = c->s->tty_path, *number;

	if (!child_uses_tty(c) && c->s->std_output != EXEC_OUTPUT_TTY &&
	    c->s->std_error != EXEC_OUTPUT_TTY && !path)
		return 0;
	number = path ? str_after(path, "/dev/tty") : NULL;
	return set(c, "TERM", number && *number >= '0' && *number <= '9' ? "linux" : "vt220");
}

static int set_own(struct child *c)
{
	int r;

	r = set_fds(c);
	if (r >= 0 && c->spec.watchdog_usec > 0) {
		r = set_number(c, "WATCHDOG_PID", (uint64_t) getpid());
		if (r >= 0)
			r = set_number(c, "WATCHDOG_USEC", c->spec.watchdog_usec);
	}
	if (r >= 0)
		r = set_number(c, "SYSTEMD_EXEC_PID", (uint64_t) getpid());
	if (r >= 0)
		r = set_user(c);
	if (r >= 0)
		r = set_terminal(c);
	if (r >= 0 && c->journal_stream[0])
		r = env_set(&c->env, c->journal_stream);
	if (r >= 0)
		r = set(c, "CREDENTIALS_DIRECTORY", c->credentials_dir);
	return r < 0 ? r : merge(c, c->directory_env);
}

static int read_file(struct child *c, const char *path)
{
	auto_strv char **assignments = NULL;
	auto_free char *text = NULL;
	size_t size;
	int r;

	r = file_read(path, &text, &size);
	if (r < 0)
		return r;
	r = env_file_parse(text, size, path, NULL, &assignments);
	return r < 0 ? r : merge(c, assignments);
}

/* "-" in front: may be missing. The rest may be a pattern. */
static int read_files(struct child *c, const char *pattern)
{
	bool optional = *pattern == '-';
	glob_t g = {0};
	int r = 0;

	pattern += optional;
	if (!strpbrk(pattern, "*?["))
		r = read_file(c, pattern);
	else if (glob(pattern, GLOB_NOSORT, NULL, &g) != 0)
		r = -ENOENT;
	for (size_t i = 0; r >= 0 && i < g.gl_pathc; i++)
		r = read_file(c, g.gl_pathv[i]);
	globfree(&g);
	if (r >= 0 || r == -ENOMEM)
		return r;
	return optional ? 0 : child_fail(c, r, "Environment file %s", pattern);
}

int child_environment(struct child *c)
{
	int r;

	r = merge(c, c->spec.env);
	if (r >= 0)
		r = set_own(c);
	if (r >= 0 && strv_length(c->s->exec_search_path) > 0) {
		auto_free char *path = strv_join(c->s->exec_search_path, ":");

		r = path ? set(c, "PATH", path) : -ENOMEM;
	}
	if (r >= 0)
		r = merge(c, c->spec.pass_env);
	if (r >= 0)
		r = merge(c, c->s->environment);
	STRV_FOREACH (pattern, c->s->environment_files)
		if (r >= 0)
			r = read_files(c, *pattern);
	if (r < 0)
		return r;
	STRV_FOREACH (name, c->s->unset_environment)
		env_unset(c->env, *name);
	if (!c->env && !(c->env = strv_copy(NULL)))
		return -ENOMEM;
	return 0;
}

int child_expand(struct child *c)
{
	if (c->spec.command_flags & EXEC_NO_ENV_EXPAND) {
		c->argv = c->spec.argv;
		return 0;
	}
	return env_expand_argv(c->spec.argv, c->env, &c->argv);
}

int child_working_directory(struct child *c)
{
	const char *path = c->s->working_directory_home ? c->home : c->s->working_directory;

	if (c->s->working_directory_home && !path)
		return child_fail(c, -ENXIO, "The user has no home directory");
	if (chdir(path ?: "/") >= 0 || c->s->working_directory_missing_ok)
		return 0;
	return child_fail(c, -errno, "%s", path ?: "/");
}
