// SPDX-License-Identifier: Apache-2.0
/* str.h - strings, NULL-terminated string vectors (strv), and buffers that grow. NULL is the empty
 * strv. */
#pragma once

#include "base/macro.h"

#include <string.h>

static inline bool streq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}
bool streq_ptr(const char *a, const char *b); /* NULL equals NULL */
static inline bool str_is_empty(const char *s)
{
	return !s || !*s;
}
/* Rest of @s behind @prefix or NULL. */
const char *str_after(const char *s, const char *prefix);
bool str_ends_with(const char *s, const char *suffix);
/* Strips leading and trailing blanks in place; returns the first non-blank. */
char *str_strip(char *s);
/* asprintf that returns NULL on ENOMEM. */
char *str_printf(const char *fmt, ...) _printf_(1, 2);
/* Replaces *p with a copy of s (NULL allowed); -ENOMEM leaves *p. */
int str_set(char **p, const char *s);
bool utf8_is_valid(const char *s, size_t size);

/* Strict numbers: the whole string, no sign unless the type has one, no blanks. -EINVAL, -ERANGE.
 */
int str_to_u64(const char *s, unsigned base, uint64_t *ret);
int str_to_i64(const char *s, int64_t *ret);
int str_to_u32(const char *s, uint32_t *ret);
int str_to_i32(const char *s, int32_t *ret);
int str_to_pid(const char *s, pid_t *ret);
/* 1/yes/y/true/t/on, 0/no/n/false/f/off, any case: returns 1, 0 or -EINVAL. */
int str_to_bool(const char *s);

/* Enum tables: index = value, every slot filled or NULL. */
int enum_from_string(const char *const *table, size_t n, const char *s); /* index or -EINVAL */
#define ENUM_FROM_STRING(table, s) enum_from_string(table, ELEMENTSOF(table), s)
static inline const char *enum_to_string(const char *const *table, size_t n, int value)
{
	return value >= 0 && (size_t) value < n ? table[value] : NULL;
}
#define ENUM_TO_STRING(table, v) enum_to_string(table, ELEMENTSOF(table), v)

size_t strv_length(char *const *v);
char **strv_free(char **v);       /* returns NULL */
char **strv_copy(char *const *v); /* NULL on ENOMEM; an empty vector for NULL */
bool strv_contains(char *const *v, const char *s);
/* The same strings in the same order; NULL is empty. */
bool strv_equal(char *const *a, char *const *b);
int strv_append(char ***v, const char *s);        /* copies */
int strv_append_consume(char ***v, char *s);      /* owns s whatever happens; NULL s is -ENOMEM */
int strv_append_unique(char ***v, const char *s); /* 1 added, 0 was there */
/* The same for lists that may be long: @index, NULL at first, is where they are looked up. It borrows the strings: nothing
 * else may change the list before map_free(*index). */
struct map;
int strv_append_indexed(char ***v, struct map **index, const char *s);
int strv_extend(char ***v, char *const *more);
void strv_remove(char **v, const char *s);
void strv_sort_unique(char **v);
char *strv_join(char *const *v, const char *separator);
int strv_split(const char *s, const char *separators, char ***ret); /* empty fields dropped */
#define STRV_FOREACH(s, v) for (char *const *s = (v); s && *s; s++)

/* Environment vectors: "NAME=value". */
const char *env_get(char *const *env, const char *name);
int env_set(char ***env, const char *assignment); /* replaces the same name */
void env_unset(char **env, const char *name);     /* "NAME" or exact "NAME=value" */

/* A buffer that grows to @max (0: 64 MiB); a failed append sticks in .error and later appends do
 * nothing. */
struct strbuf {
	char *data; /* always NUL-terminated once something was appended */
	size_t size, allocated, max;
	int error;
};
void strbuf_done(struct strbuf *b);
void strbuf_add(struct strbuf *b, const void *data, size_t size);
void strbuf_puts(struct strbuf *b, const char *s);
void strbuf_putc(struct strbuf *b, char c);
/* In decimal, at a twentieth of what printf(3) takes: records of state are mostly numbers. */
void strbuf_u64(struct strbuf *b, uint64_t value);
void strbuf_i64(struct strbuf *b, int64_t value);
void strbuf_printf(struct strbuf *b, const char *fmt, ...) _printf_(2, 3);
void strbuf_consume(struct strbuf *b, size_t n); /* drops n bytes at the front */
/* Hands the text over (never NULL on success) and empties the buffer; -errno if an append failed.
 */
int strbuf_take(struct strbuf *b, char **ret);
#define auto_strbuf __attribute__((cleanup(strbuf_done)))
