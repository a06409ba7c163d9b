// SPDX-License-Identifier: Apache-2.0
/*
 * map.h - hash map from a string (or pointer, or pid) to a pointer. Open addressing, seeded hash;
 * iteration in order of insertion. Keys and values are not owned unless the map was made with
 * MAP_OWN_KEYS. A NULL map reads as empty.
 */
#pragma once

#include "base/macro.h"

struct map;

enum map_flags { MAP_STRING = 0, MAP_POINTER = 1, MAP_OWN_KEYS = 2 };

struct map *map_new(enum map_flags flags); /* NULL on ENOMEM */
struct map *map_free(struct map *m);       /* returns NULL; values are the caller's */
void *map_get(const struct map *m, const void *key);
bool map_has(const struct map *m, const void *key);
/* -EEXIST leaves the old value. With MAP_OWN_KEYS string keys are copied. Values must not be NULL.
 */
int map_add(struct map *m, const void *key, void *value);
/* Adds or replaces. */
int map_put(struct map *m, const void *key, void *value);
void *map_remove(struct map *m, const void *key); /* the value that was there, or NULL */
size_t map_size(const struct map *m);
void map_clear(struct map *m);
/* Entry number *position in order of insertion; advances it. Removing the current entry while
 * iterating is safe, adding is not. */
bool map_next(const struct map *m, size_t *position, const void **ret_key, void **ret_value);
#define MAP_FOREACH(value, m)                                                                      \
	for (size_t value##_i = 0; map_next(m, &value##_i, NULL, (void **) &(value));)
static inline const void *map_pid_key(pid_t pid)
{
	return (const void *) (intptr_t) pid;
}
DEFINE_CLEANUP(struct map *, map_free)
