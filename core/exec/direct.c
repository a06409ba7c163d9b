// SPDX-License-Identifier: Apache-2.0
/* What core prepares of a start without core-exec. What its child does is in direct-child.c. */
#include "exec/direct.h"

#include "exec/exec-internal.h"

#include <stdio.h>

/* Room for the digits that the child fills in. The names are those of systemd.exec(5). */
#define PID_ASSIGNMENT    "SYSTEMD_EXEC_PID="
#define STREAM_ASSIGNMENT "JOURNAL_STREAM="
#define PID_ROOM          "0000000000"
#define STREAM_ROOM       "00000000000000000000:00000000000000000000"

/* In the order of core-exec's child_environment(). */
static int make_environment(struct direct *d, const struct exec_spec *p)
{
	int r;

	r = env_merge(&d->env, p->env);
	if (r >= 0)
		r = env_set(&d->env, PID_ASSIGNMENT PID_ROOM);
	if (r >= 0 && (d->stdout_journal || d->stderr_journal))
		r = env_set(&d->env, STREAM_ASSIGNMENT STREAM_ROOM);
	if (r >= 0)
		r = env_merge(&d->env, p->pass_env);
	if (r >= 0)
		r = env_merge(&d->env, p->s.environment);
	if (r < 0)
		return r;
	STRV_FOREACH (name, p->s.unset_environment)
		env_unset(d->env, *name);
	/* A setting may have taken either away. */
	for (char **e = d->env; *e; e++) {
		if (streq(*e, PID_ASSIGNMENT PID_ROOM))
			d->pid_digits = *e + strlen(PID_ASSIGNMENT);
		if (streq(*e, STREAM_ASSIGNMENT STREAM_ROOM)) {
			d->stream = e;
			d->stream_digits = *e + strlen(STREAM_ASSIGNMENT);
		}
	}
	return 0;
}

static bool has_variable(char *const *argv)
{
	STRV_FOREACH (word, argv)
		if (strchr(*word, '$'))
			return true;
	return false;
}

static bool output_is_plain(enum exec_output o)
{
	return o == EXEC_OUTPUT_INHERIT || o == EXEC_OUTPUT_NULL || o == EXEC_OUTPUT_JOURNAL;
}

/* Standard input is /dev/null, and so is an output that inherits it. */
static bool set_stdio(struct direct *d, const struct exec_settings *s)
{
	if (!output_is_plain(s->std_output) || !output_is_plain(s->std_error))
		return false;
	d->stdout_journal = s->std_output == EXEC_OUTPUT_JOURNAL;
	d->stderr_same = s->std_error == EXEC_OUTPUT_INHERIT || s->std_error == s->std_output;
	d->stderr_journal =
		d->stderr_same ? d->stdout_journal : s->std_error == EXEC_OUTPUT_JOURNAL;
	return true;
}

static int set_header(struct direct *d, const struct exec_spec *p)
{
	const struct exec_settings *s = &p->s;

	if (!d->stdout_journal && !d->stderr_journal)
		return 0;
	/* Identifier, unit, priority, whether "<N>" sets it, and where it goes besides. */
	d->header = str_printf("%s\n%s\n%d\n%d\n0\n0\n0\n",
	                       s->syslog_identifier ?: path_basename(p->path), p->unit,
	                       s->syslog_facility | s->syslog_level, s->syslog_level_prefix);
	if (!d->header)
		return -ENOMEM;
	d->header_size = strlen(d->header);
	return 0;
}

static int keyring_of(const char *mode)
{
	return !mode || streq(mode, "inherit") ? DIRECT_KEYRING_INHERIT
	       : streq(mode, "shared")         ? DIRECT_KEYRING_SHARED
	                                       : DIRECT_KEYRING_PRIVATE;
}

static void set_limits(struct direct *d, const struct exec_spec *p)
{
	if (!(p->flags & EXEC_APPLY_SANDBOX) || p->command_flags & EXEC_FULLY_PRIVILEGED)
		return;
	for (unsigned i = 0; i < EXEC_RLIMITS_MAX; i++)
		if (p->s.limits[i]) {
			d->limits[i] = *p->s.limits[i];
			d->limits_set |= 1U << i;
		}
}

struct direct *direct_free(struct direct *d)
{
	if (!d)
		return NULL;
	free(d->path);
	strv_free(d->argv);
	strv_free(d->env);
	free(d->header);
	free(d);
	return NULL;
}

int direct_prepare(const struct exec_spec *p, struct direct **ret)
{
	auto_cleanup(direct_free) struct direct *d = NULL;
	int r;

	if (!p->path || p->path[0] != '/' || p->flags & EXEC_CONSOLE_WAIT || p->watchdog_usec > 0 ||
	    !exec_spec_is_plain(p))
		return 0;
	if (!(p->command_flags & EXEC_NO_ENV_EXPAND) && has_variable(p->argv))
		return 0;
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	if (!set_stdio(d, &p->s))
		return 0;
	d->umask = p->s.umask;
	d->default_sigpipe = !p->s.ignore_sigpipe;
	d->same_group = p->command_flags & EXEC_SAME_GROUP;
	d->keyring = keyring_of(p->s.keyring_mode);
	set_limits(d, p);
	d->path = strdup(p->path);
	d->argv = strv_copy(p->argv);
	if (!d->path || !d->argv)
		return -ENOMEM;
	r = make_environment(d, p);
	if (r >= 0)
		r = set_header(d, p);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(d);
	return 1;
}
