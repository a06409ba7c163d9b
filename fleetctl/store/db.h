// SPDX-License-Identifier: Apache-2.0
/*
 * db.h - a thin seam over a SQL database, so that the store's statements are written once.
 *
 * Statements are string literals with ?1, ?2, ... and are prepared once per text. Arguments follow
 * a format: 's' const char * (NULL binds NULL), 'i' int64_t (pass as int64_t), one letter a
 * parameter. Rows come to a callback; texts in them live until it returns. Transactions nest: only
 * the outermost commits, and an inner failure dooms the whole.
 */
#pragma once

#include "base/macro.h"
#include "base/diag.h"

struct db;
struct db_row;
typedef int (*db_row_fn)(const struct db_row *row, void *userdata); /* negative stops the query */

/* path: a file, or ":memory:". Runs the migrations up to the newest schema; -EPROTONOSUPPORT when
 * the file is newer than we are. */
int db_open_sqlite(const char *path, struct diag *d, struct db **ret);
struct db *db_close(struct db *db);

/* 0 or -errno: -EEXIST for a broken unique or primary key, -EIO otherwise; db_error() has the text.
 */
int db_run(struct db *db, const char *sql, const char *format, ...);
/* Number of rows. */
int db_query(struct db *db, const char *sql, db_row_fn fn, void *userdata, const char *format, ...);
int64_t db_changes(const struct db *db);
int64_t db_last_id(const struct db *db);
const char *db_error(const struct db *db);
uint64_t db_statements(
	const struct db *db); /* executed so far: tests show that refused requests cost none */

int db_begin(struct db *db);
int db_commit(struct db *db);
void db_abort(struct db *db);

const char *db_text(const struct db_row *row, int column); /* NULL for NULL */
const char *db_text_or(const struct db_row *row, int column, const char *fallback);
int64_t db_int(const struct db_row *row, int column);
