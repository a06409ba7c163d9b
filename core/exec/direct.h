// SPDX-License-Identifier: Apache-2.0
/*
 * direct.h - private to core/exec: a start without core-exec, for processes that need next to nothing set up.
 *
 * A plain process is one whose settings are all defaults but for those that direct_start() sees to: environment, signals' and
 * files' masks, limits, standard output to the journal or nowhere. Its child executes the command itself, out of core's memory;
 * whatever goes wrong on the way makes it execute core-exec after all, which does everything over and reports.
 */
#pragma once

#include "exec/spec.h"

#include <sys/resource.h>

struct direct {
	char *path;
	char **argv, **env;
	char *pid_digits,
		*stream_digits; /* in an assignment of env, to be written by the child; NULL: not there */
	char **stream;          /* where JOURNAL_STREAM= is in env */
	char *header;           /* what journald wants to know first */
	size_t header_size;
	struct rlimit limits[EXEC_RLIMITS_MAX];
	unsigned limits_set; /* bits */
	enum { DIRECT_KEYRING_INHERIT, DIRECT_KEYRING_PRIVATE, DIRECT_KEYRING_SHARED } keyring;
	int umask;
	bool default_sigpipe, same_group, stdout_journal, stderr_journal, stderr_same;
};

/* 1: this process can be started so; 0: it needs core-exec; -ENOMEM. */
int direct_prepare(const struct exec_spec *p, struct direct **ret);
struct direct *direct_free(struct direct *d);
DEFINE_CLEANUP(struct direct *, direct_free)
/* In the child. Returns only if it did not work: then core-exec is to start over. */
void direct_start(const struct direct *d);
