// SPDX-License-Identifier: Apache-2.0
/* exec-internal.h - core's side of core/exec. */
#pragma once

#include "exec/exec.h"

#define EXEC_PATH_DEFAULT "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define EXEC_UNITS_DIR    "/run/systemd/units"
#define EXEC_PROGRAM      "core-exec"
#define EXEC_PROGRAM_NSS  "core-exec-nss"

/* m->exec_data */
struct exec_manager {
	int program_fd, nss_fd; /* O_PATH; nss_fd may be missing */
	char **locale;          /* LANG= and LC_*= of the system */
	int own_oom_score;      /* children inherit it: without a setting it is put back to 0 */
	char boot_id[ID128_TEXT_MAX];
};

/* The manager's part of a unit's environment: PATH, locale, set-environment, @extra. */
int exec_environment(const struct manager *m, const struct unit *u, char *const *extra,
                     char ***ret);
int exec_locale_read(char ***ret);
/* core-exec as an errand boy of init's: "--remove DIRECTORY" and the like; core does not wait for it. */
int exec_errand(struct manager *m, const char *word, const char *a, const char *b);
/* Assignments of the names in @names that core itself has. */
int exec_pass_environment(char *const *names, char ***ret);
/* What both core and core-exec must find: /tmp's and /var/tmp's private directory of a group. -EINVAL: not the name of one. */
int exec_private_tmp_name(const char *boot_id, const char *group, char **ret);

/* exec-environment.c: sets each assignment of @more in *@env. 0 or -ENOMEM, -EINVAL. */
int env_merge(char ***env, char *const *more);
