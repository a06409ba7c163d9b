// SPDX-License-Identifier: Apache-2.0
/* json.h - cJSON with limits, types and clear errors. Objects are plain cJSON; "take" means the
 * callee owns it from then on. */
#pragma once

#include "base/macro.h"
#include "base/diag.h"
#include "base/str.h"

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
/* The same behind what @b holds; an error sticks in @b. */
void json_print_to(struct strbuf *b, const cJSON *j, bool pretty);
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

/*
 * Text without a tree, for rows by the thousand: each value of a tree is three allocations and some hundred bytes. What is
 * added to an object or array that has members already gets its comma. Errors stick in the buffer.
 */
void json_text_open(struct strbuf *b, char bracket); /* '{' or '[' */
void json_text_close(struct strbuf *b, char bracket);
void json_text_string(struct strbuf *b, const char *key, const char *value); /* NULL adds nothing */
void json_text_u64(struct strbuf *b, const char *key, uint64_t value);
void json_text_strv(struct strbuf *b, const char *key, char *const *v); /* NULL adds nothing */
/* A value that prints as @b's text, which has to be JSON; empties @b. NULL on its error or ENOMEM. */
cJSON *json_text_take(struct strbuf *b);
