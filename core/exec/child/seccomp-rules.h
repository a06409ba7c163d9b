// SPDX-License-Identifier: Apache-2.0
/* seccomp-rules.h - private to core-exec: parts of its system call filters. */
#pragma once

#include "exec/child/child.h"

#include <seccomp.h>

int filter_new(const struct child *c, uint32_t action, bool plain, scmp_filter_ctx *ret);
int filter_load(scmp_filter_ctx f); /* releases it */
int filter_rule(scmp_filter_ctx f, uint32_t action, const char *name, unsigned n,
                const struct scmp_arg_cmp *args);
/* Blank-separated, or NULL. */
const char *syscall_group_members(const char *name);
/* Each call of a group and of the groups in it, or of a single name. */
int syscall_group_foreach(const char *name, int (*fn)(const char *call, void *userdata),
                          void *userdata);

/* seccomp-rules.c: what Restrict*=, Protect*= and friends forbid */
bool rules_wanted(const struct exec_settings *s);
int rules_load(struct child *c);
int rules_load_families(struct child *c);
