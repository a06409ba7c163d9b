// SPDX-License-Identifier: Apache-2.0
/*
 * record.h - a self-describing record: lines of "key=value", first "v=SCHEMA". Values have \,
 * newline and NUL escaped as \\, \n, \0. A reader ignores keys it does not know (and keeps them,
 * see record_carry) and has a default for each that is missing, so that version N reads N+1 and
 * N-1. A key may repeat: that is a list.
 */
#pragma once

/* clang-format off */

#include "base/base.h"

/* A test builds core with the number behind, to be upgraded to and back. */
#ifndef RECORD_SCHEMA
#define RECORD_SCHEMA	1
#endif
#define RECORD_SIZE_MAX (256 * 1024)

/* Writing. Errors stick in b->error. */
void record_begin(struct strbuf *b);
void record_add(struct strbuf *b, const char *key, const char *value); /* NULL adds nothing */
void record_add_u64(struct strbuf *b, const char *key, uint64_t value); /* 0 adds nothing: readers default to 0 */
void record_add_i64(struct strbuf *b, const char *key, int64_t value);  /* always added */
void record_add_bool(struct strbuf *b, const char *key, bool value);	/* false adds nothing */
void record_add_strv(struct strbuf *b, const char *key, char *const *v);
void record_add_stamp(struct strbuf *b, const char *key, const struct stamp *s);
void record_add_pid(struct strbuf *b, const char *key, const struct pidref *p); /* "pid start_time" */

/* Reading: parse once, then look up. */
struct record;
int record_parse(const char *text, size_t size, struct record **ret); /* -EBADMSG, -EPROTONOSUPPORT never: newer schemas are read */
struct record *record_free(struct record *r);
DEFINE_CLEANUP(struct record *, record_free)
const char *record_get(const struct record *r, const char *key); /* unescaped; NULL if absent; the last of a repeated key */
uint64_t record_get_u64(const struct record *r, const char *key, uint64_t fallback);
int64_t record_get_i64(const struct record *r, const char *key, int64_t fallback);
bool record_get_bool(const struct record *r, const char *key, bool fallback);
int record_get_strv(const struct record *r, const char *key, char ***ret);
void record_get_stamp(const struct record *r, const char *key, struct stamp *ret);
/* pid and start time as written; the caller verifies with pidref_open_verified(). false if absent. */
bool record_get_pid(const struct record *r, const char *key, pid_t *ret_pid, uint64_t *ret_start_time);
/*
 * Copies the lines that nobody asked for into @b, if a newer version wrote the record: what we do not know, we keep. Lines of our
 * own schema are never carried, since a key that is missing means its default. Call it when all readers are through.
 */
void record_carry(const struct record *r, struct strbuf *b);
uint64_t record_schema(const struct record *r);
