// SPDX-License-Identifier: Apache-2.0
/*
 * group.h - private to unitfile: the groups of settings that most units have alike (exec, kill, cgroup). A group is made private
 * (group_new), filled, and sealed: from then on it is never changed, and every unit with equal values has the same one, counted.
 * What is to be changed after all is opened first: the unit gets a private copy, the others keep theirs.
 *
 * What a group holds is in a table for each kind (its shape), which copies, compares and frees; a new field that is a pointer is
 * a row there. One thread: the pool is a static of group.c, and is empty when no unit file is left.
 */
#pragma once

#include "unitfile/unitfile.h"

enum group_kind { SETTINGS_EXEC, SETTINGS_KILL, SETTINGS_CGROUP, SETTINGS_KIND_MAX };

/* Zeroed and private; NULL on ENOMEM. */
void *group_new(enum group_kind kind);
/* The group to keep instead of @group, which is consumed. Without memory for the pool that is @group itself, unshared. */
const void *group_seal(const void *group);
/* A private group with the same values instead of @group; -ENOMEM leaves all as it is. */
int group_open(const void **group);
/* Takes NULL. */
void group_unref(const void *group);
/* Shared groups there are, for tests. */
size_t group_pool_size(void);
