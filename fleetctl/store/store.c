// SPDX-License-Identifier: Apache-2.0
#include "store/store.h"
#include "store/room.h"

#include "base/str.h"

static int copy_text(const struct db_row *row, void *userdata)
{
	char *out = userdata;
	const char *text = db_text_or(row, 0, "");

	if (strlen(text) >= ID128_TEXT_MAX)
		return -EBADMSG;
	memcpy(out, text, strlen(text) + 1);
	return 0;
}

static int epoch_load(struct store *s)
{
	struct id128 id;
	int r;

	r = db_query(s->db, "SELECT value FROM meta WHERE key = 'epoch'", copy_text, s->epoch, "");
	if (r != 0)
		return r;
	r = id128_random(&id);
	if (r < 0)
		return r;
	id128_format(&id, s->epoch);
	return db_run(s->db, "INSERT INTO meta VALUES ('epoch', ?1)", "s", s->epoch);
}

int store_open(const char *url, struct diag *d, struct store **ret)
{
	struct store *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	r = db_open_sqlite(url, d, &s->db);
	if (r >= 0)
		r = epoch_load(s);
	if (r < 0) {
		store_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

struct store *store_close(struct store *s)
{
	if (!s)
		return NULL;
	db_close(s->db);
	free(s);
	return NULL;
}

const char *store_epoch(const struct store *s)
{
	return s->epoch;
}

const char *store_error(const struct store *s)
{
	return db_error(s->db);
}

uint64_t store_statements(const struct store *s)
{
	return db_statements(s->db);
}

int store_begin(struct store *s)
{
	return db_begin(s->db);
}

int store_commit(struct store *s)
{
	return db_commit(s->db);
}

void store_abort(struct store *s)
{
	db_abort(s->db);
}

int store_changed(struct store *s, int r)
{
	if (r < 0)
		return r;
	return db_changes(s->db) > 0 ? 0 : -ENOENT;
}

int store_read_int(const struct db_row *row, void *userdata)
{
	*(int64_t *) userdata = db_int(row, 0);
	return 0;
}

/* ---- machines ---- */
static int machine_row(const struct db_row *row, void *userdata)
{
	const struct each *e = userdata;
	struct store_machine m = {
		.id = db_text(row, 0),
		.hostname = db_text(row, 1),
		.version = db_text(row, 2),
		.state = db_text(row, 3),
		.boot = db_text(row, 4),
		.n_failed = db_int(row, 5),
		.status = db_text(row, 6),
		.next_seq = db_int(row, 7),
		.report_session = db_text(row, 8),
		.report_number = db_int(row, 9),
		.enrolled_at = db_int(row, 10),
		.last_seen = db_int(row, 11),
	};

	return ((store_machine_fn) e->fn)(&m, e->userdata);
}

int store_machine_each(struct store *s, store_machine_fn fn, void *userdata)
{
	struct each e = {(each_fn) fn, userdata};

	return db_query(s->db,
	                "SELECT id, hostname, version, state, boot, n_failed, status, next_seq, "
	                "report_session, report_number,"
	                " enrolled_at, last_seen FROM machines ORDER BY id",
	                machine_row, &e, "");
}

int store_machine_enroll(struct store *s, const struct store_machine *m)
{
	return db_run(
		s->db,
		"INSERT INTO machines (id, hostname, version, state, boot, enrolled_at, last_seen)"
		" VALUES (?1, ?2, ?3, 'enrolled', ?4, ?5, ?5)"
		" ON CONFLICT (id) DO UPDATE SET hostname = ?2, version = ?3, boot = ?4, "
		"enrolled_at = ?5, last_seen = ?5,"
		" report_session = NULL, report_number = 0",
		"ssssi", m->id, m->hostname, m->version, m->boot, m->enrolled_at);
}

int store_machine_update(struct store *s, const struct store_machine *m)
{
	return store_changed(
		s,
		db_run(s->db,
	               "UPDATE machines SET hostname = ?2, version = ?3, state = ?4, boot = ?5, "
	               "n_failed = ?6, status = ?7,"
	               " report_session = ?8, report_number = ?9, last_seen = ?10 WHERE id = ?1",
	               "sssssissii", m->id, m->hostname, m->version, m->state, m->boot, m->n_failed,
	               m->status, m->report_session, m->report_number, m->last_seen));
}

int store_machine_seen(struct store *s, const char *id, usec_t at)
{
	return db_run(s->db, "UPDATE machines SET last_seen = max(last_seen, ?2) WHERE id = ?1",
	              "si", id, (int64_t) at);
}

int store_machine_remove(struct store *s, const char *id)
{
	/* Nor may it come back with the token that it came with. */
	int r = db_run(s->db, "DELETE FROM enrolments WHERE machine = ?1", "s", id);

	if (r < 0)
		return r;
	return store_changed(s, db_run(s->db, "DELETE FROM machines WHERE id = ?1", "s", id));
}

/* ---- certificates ---- */
static int certificate_row(const struct db_row *row, void *userdata)
{
	const struct each *e = userdata;
	struct store_certificate c = {
		.fingerprint = db_text(row, 0),
		.serial = db_text(row, 1),
		.kind = db_text(row, 2),
		.subject = db_text(row, 3),
		.not_after = db_int(row, 4),
		.created_at = db_int(row, 5),
	};

	return ((store_certificate_fn) e->fn)(&c, e->userdata);
}

int store_certificate_each(struct store *s, usec_t now_realtime, store_certificate_fn fn,
                           void *userdata)
{
	struct each e = {(each_fn) fn, userdata};

	return db_query(
		s->db,
		"SELECT fingerprint, serial, kind, subject, not_after, created_at FROM certificates"
		" WHERE revoked_at IS NULL AND not_after > ?1",
		certificate_row, &e, "i", (int64_t) now_realtime);
}

int store_certificate_add(struct store *s, const struct store_certificate *c)
{
	return db_run(s->db,
	              "INSERT INTO certificates (fingerprint, serial, kind, subject, not_after, "
	              "created_at)"
	              " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	              "ssssii", c->fingerprint, c->serial, c->kind, c->subject, c->not_after,
	              c->created_at);
}

int store_certificate_revoke(struct store *s, const char *kind, const char *subject,
                             const char *keep, usec_t at)
{
	return db_run(s->db,
	              "UPDATE certificates SET revoked_at = ?4 WHERE kind = ?1 AND subject = ?2 "
	              "AND revoked_at IS NULL"
	              " AND fingerprint IS NOT ?3",
	              "sssi", kind, subject, keep, (int64_t) at);
}

/* ---- tokens ---- */
static int token_row(const struct db_row *row, void *userdata)
{
	const struct each *e = userdata;
	struct store_token t = {
		.id = db_text(row, 0),
		.note = db_text(row, 1),
		.created_by = db_text(row, 2),
		.uses_left = db_int(row, 3),
		.expires_at = db_int(row, 4),
		.created_at = db_int(row, 5),
	};

	return ((store_token_fn) e->fn)(&t, e->userdata);
}

int store_token_each(struct store *s, store_token_fn fn, void *userdata)
{
	struct each e = {(each_fn) fn, userdata};

	return db_query(s->db,
	                "SELECT id, note, created_by, uses_left, expires_at, created_at FROM "
	                "tokens ORDER BY created_at, id",
	                token_row, &e, "");
}

int store_token_add(struct store *s, const struct store_token *t, const char *hash)
{
	return db_run(
		s->db,
		"INSERT INTO tokens (id, hash, uses_left, expires_at, note, created_at, created_by)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
		"ssiisis", t->id, hash, t->uses_left, t->expires_at, t->note, t->created_at,
		t->created_by);
}

struct token_use {
	char *id;
	int64_t uses_left, expires_at;
};

static int token_use_row(const struct db_row *row, void *userdata)
{
	struct token_use *u = userdata;
	const char *id = db_text_or(row, 0, "");

	if (strlen(id) >= ID128_TEXT_MAX)
		return -EBADMSG;
	memcpy(u->id, id, strlen(id) + 1);
	u->uses_left = db_int(row, 1);
	u->expires_at = db_int(row, 2);
	return 0;
}

int store_token_use(struct store *s, const char *hash, usec_t at,
                    char ret_id[static ID128_TEXT_MAX])
{
	struct token_use u = {.id = ret_id};
	int r;

	/* The decrement carries its own conditions, so that two controllers cannot both take the
	 * last use. */
	r = db_run(s->db,
	           "UPDATE tokens SET uses_left = uses_left - 1 WHERE hash = ?1 AND uses_left > 0 "
	           "AND expires_at > ?2",
	           "si", hash, (int64_t) at);
	if (r < 0)
		return r;
	bool taken = db_changes(s->db) > 0;

	r = db_query(s->db, "SELECT id, uses_left, expires_at FROM tokens WHERE hash = ?1",
	             token_use_row, &u, "s", hash);
	if (r < 0)
		return r;
	if (taken)
		return 0;
	if (r == 0)
		return -ENOENT;
	return u.uses_left <= 0 ? -EKEYREVOKED : -EKEYEXPIRED;
}

int store_token_remove(struct store *s, const char *id)
{
	return store_changed(s, db_run(s->db, "DELETE FROM tokens WHERE id = ?1", "s", id));
}

int store_enrolment_put(struct store *s, const char *hash, const char *machine, const char *key,
                        usec_t at)
{
	return db_run(s->db,
	              "INSERT INTO enrolments (hash, machine, key, at) VALUES (?1, ?2, ?3, ?4)"
	              " ON CONFLICT (hash, machine) DO UPDATE SET key = ?3, at = ?4",
	              "sssi", hash, machine, key, (int64_t) at);
}

int store_enrolment_has(struct store *s, const char *hash, const char *machine, const char *key,
                        usec_t since)
{
	int r = db_query(s->db,
	                 "SELECT 1 FROM enrolments WHERE hash = ?1 AND machine = ?2 AND key = ?3 "
	                 "AND at >= ?4",
	                 NULL, NULL, "sssi", hash, machine, key, (int64_t) since);

	return r > 0 ? 1 : r;
}
