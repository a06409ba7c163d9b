// SPDX-License-Identifier: Apache-2.0
/* The SQLite back end of db.h: WAL, full synchronous commits, one connection. */
#include "store/db.h"
#include "store/schema.h"

#include "base/map.h"
#include "base/str.h"

#include <sqlite3.h>
#include <stdarg.h>

#define BUSY_TIMEOUT_MS 5000

struct db {
	sqlite3 *handle;
	struct map *statements; /* text (by address) to sqlite3_stmt */
	unsigned depth;
	bool doomed;
	uint64_t executed;
};

struct db_row {
	sqlite3_stmt *statement;
};

static int to_errno(int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW:
		return 0;
	case SQLITE_CONSTRAINT:
		return -EEXIST;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return -EROFS;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EBADMSG;
	default:
		return -EIO;
	}
}

const char *db_error(const struct db *db)
{
	return sqlite3_errmsg(db->handle);
}

static int prepare(struct db *db, const char *sql, sqlite3_stmt **ret)
{
	sqlite3_stmt *statement = map_get(db->statements, sql);
	int r;

	if (!statement) {
		r = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement,
		                       NULL);
		if (r != SQLITE_OK)
			return to_errno(r);
		r = map_add(db->statements, sql, statement);
		if (r < 0) {
			sqlite3_finalize(statement);
			return r;
		}
	}
	*ret = statement;
	return 0;
}

static int bind(sqlite3_stmt *statement, const char *format, va_list args)
{
	for (int i = 1; *format; format++, i++) {
		const char *text;
		int r;

		if (*format == 'i') {
			r = sqlite3_bind_int64(statement, i, va_arg(args, int64_t));
		} else {
			text = va_arg(args, const char *);
			r = text ? sqlite3_bind_text(statement, i, text, -1, SQLITE_STATIC)
			         : sqlite3_bind_null(statement, i);
		}
		if (r != SQLITE_OK)
			return to_errno(r);
	}
	return 0;
}

static int execute(struct db *db, const char *sql, db_row_fn fn, void *userdata, const char *format,
                   va_list args)
{
	sqlite3_stmt *statement;
	struct db_row row;
	int r, code, n = 0;

	r = prepare(db, sql, &statement);
	if (r < 0)
		return r;
	r = bind(statement, format, args);
	row.statement = statement;
	db->executed++;
	while (r >= 0) {
		code = sqlite3_step(statement);
		if (code != SQLITE_ROW) {
			r = to_errno(code);
			break;
		}
		n++;
		if (fn)
			r = fn(&row, userdata);
	}
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	if (r < 0 && db->depth > 0)
		db->doomed = true;
	return r < 0 ? r : n;
}

int db_run(struct db *db, const char *sql, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = execute(db, sql, NULL, NULL, format, args);
	va_end(args);
	return r < 0 ? r : 0;
}

int db_query(struct db *db, const char *sql, db_row_fn fn, void *userdata, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = execute(db, sql, fn, userdata, format, args);
	va_end(args);
	return r;
}

int64_t db_changes(const struct db *db)
{
	return sqlite3_changes64(db->handle);
}

int64_t db_last_id(const struct db *db)
{
	return sqlite3_last_insert_rowid(db->handle);
}

uint64_t db_statements(const struct db *db)
{
	return db->executed;
}

static int plain(struct db *db, const char *sql)
{
	return to_errno(sqlite3_exec(db->handle, sql, NULL, NULL, NULL));
}

int db_begin(struct db *db)
{
	if (db->depth == 0) {
		int r = plain(db, "BEGIN IMMEDIATE");

		if (r < 0)
			return r;
		db->doomed = false;
	}
	db->depth++;
	return 0;
}

int db_commit(struct db *db)
{
	int r;

	if (db->depth == 0)
		return -EINVAL;
	if (--db->depth > 0)
		return db->doomed ? -ECANCELED : 0;
	if (db->doomed) {
		(void) plain(db, "ROLLBACK");
		return -ECANCELED;
	}
	r = plain(db, "COMMIT");
	if (r < 0)
		(void) plain(db, "ROLLBACK");
	return r;
}

void db_abort(struct db *db)
{
	if (db->depth == 0)
		return;
	db->doomed = true;
	if (--db->depth == 0)
		(void) plain(db, "ROLLBACK");
}

const char *db_text(const struct db_row *row, int column)
{
	return (const char *) sqlite3_column_text(row->statement, column);
}

const char *db_text_or(const struct db_row *row, int column, const char *fallback)
{
	const char *text = db_text(row, column);

	return text ? text : fallback;
}

int64_t db_int(const struct db_row *row, int column)
{
	return sqlite3_column_int64(row->statement, column);
}

static int read_version(const struct db_row *row, void *userdata)
{
	*(int64_t *) userdata = db_int(row, 0);
	return 0;
}

/* One transaction a step, so that a kill in the middle leaves the schema of a whole number. */
static int migrate(struct db *db, struct diag *d)
{
	int64_t version = 0;
	int r;

	r = db_query(db, "PRAGMA user_version", read_version, &version, "");
	if (r < 0)
		return r;
	if (version > (int64_t) schema_n_steps)
		return diag_add(d, -EPROTONOSUPPORT, DIAG_ERROR, NULL, 0,
		                "The database has schema %lld, this program knows up to %zu",
		                (long long) version, schema_n_steps);
	for (; version < (int64_t) schema_n_steps; version++) {
		auto_free char *set =
			str_printf("PRAGMA user_version = %lld", (long long) version + 1);

		if (!set)
			return -ENOMEM;
		r = db_begin(db);
		if (r < 0)
			return r;
		r = plain(db, schema_steps[version]);
		if (r >= 0)
			r = plain(db, set);
		if (r < 0) {
			(void) diag_add(d, r, DIAG_ERROR, NULL, 0, "Schema step %lld failed: %s",
			                (long long) version + 1, db_error(db));
			db_abort(db);
			return r;
		}
		r = db_commit(db);
		if (r < 0)
			return r;
	}
	return 0;
}

int db_open_sqlite(const char *path, struct diag *d, struct db **ret)
{
	struct db *db = calloc(1, sizeof(*db));
	int r;

	if (!db)
		return -ENOMEM;
	db->statements = map_new(MAP_POINTER);
	r = db->statements ? 0 : -ENOMEM;
	if (r >= 0)
		r = to_errno(sqlite3_open_v2(
			path, &db->handle,
			SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL));
	if (r >= 0)
		r = to_errno(sqlite3_busy_timeout(db->handle, BUSY_TIMEOUT_MS));
	if (r >= 0)
		r = plain(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA "
		              "foreign_keys = ON;"
		              "PRAGMA trusted_schema = OFF; PRAGMA cache_size = -8192");
	if (r >= 0)
		r = migrate(db, d);
	if (r < 0) {
		(void) diag_add(d, r, DIAG_ERROR, path, 0, "Cannot open the database: %s",
		                db->handle ? db_error(db) : strerror(-r));
		db_close(db);
		return r;
	}
	*ret = db;
	return 0;
}

struct db *db_close(struct db *db)
{
	sqlite3_stmt *statement;

	if (!db)
		return NULL;
	MAP_FOREACH (statement, db->statements)
		sqlite3_finalize(statement);
	map_free(db->statements);
	sqlite3_close_v2(db->handle);
	free(db);
	return NULL;
}
