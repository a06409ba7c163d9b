// SPDX-License-Identifier: Apache-2.0
/* json.h - cJSON with limits, types and clear errors. Objects are plain cJSON; "take" means the
 * callee owns it from then on. */
#pragma once

#include "base/macro.h"
#include "base/diag.h"

#include <cjson/cJSON.h>

#define JSON_DEPTH_MAX 64
/* Values in one text: each costs some 80 bytes, however short it is. */
#define JSON_ITEMS_MAX (1U << 20)
/* Integers beyond 2^53 travel as decimal strings: json_add_u64 and json_get_u64 handle both. */
#define JSON_INTEGER_MAX 9007199254740992ULL

/* -EBADMSG with a finding that names the byte; -ENOMEM. Refuses depth beyond JSON_DEPTH_MAX and
 * trailing garbage. */
int json_parse(const char *text, size_t size, const char *name, struct diag *d, cJSON **ret);
int json_parse_file(const char *path, struct diag *d, cJSON **ret);
/* Compact text, NUL-terminated; NULL on ENOMEM. Use this, not cJSON_Print(), which rounds integers
 * beyond 10^15. */
char *json_print(const cJSON *j, bool pretty);
cJSON *json_free(cJSON *j); /* returns NULL */
DEFINE_CLEANUP(cJSON *, json_free)
#define auto_json auto_cleanup(json_free)

/* Getters: -ENOENT if absent or null, -EINVAL if of another type. Strings stay the object's. */
int json_get_string(const cJSON *object, const char *key, const char **ret);
int json_get_u64(const cJSON *object, const char *key, uint64_t *ret);
int json_get_i64(const cJSON *object, const char *key, int64_t *ret);
int json_get_bool(const cJSON *object, const char *key, bool *ret);
int json_get_array(const cJSON *object, const char *key, const cJSON **ret);
int json_get_object(const cJSON *object, const char *key, const cJSON **ret);
int json_get_strv(const cJSON *object, const char *key, char ***ret);
const char *json_string_or(const cJSON *object, const char *key, const char *fallback);
uint64_t json_u64_or(const cJSON *object, const char *key, uint64_t fallback);
bool json_bool_or(const cJSON *object, const char *key, bool fallback);

/* Adders: on ENOMEM they return -ENOMEM and leave the object valid. A NULL value adds nothing, and
 * is -ENOMEM for the takers (it is what a failed constructor gave). */
int json_add_string(cJSON *object, const char *key, const char *value);
int json_add_u64(cJSON *object, const char *key, uint64_t value);
int json_add_i64(cJSON *object, const char *key, int64_t value);
int json_add_bool(cJSON *object, const char *key, bool value);
int json_add_strv(cJSON *object, const char *key, char *const *v);
int json_add_take(cJSON *object, const char *key, cJSON *value);
int json_append_take(cJSON *array, cJSON *value);
