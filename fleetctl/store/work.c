// SPDX-License-Identifier: Apache-2.0
/* Commands, bundles and rollouts: what machines are to do. */
#include "store/store.h"
#include "store/room.h"

/* ---- commands ---- */
#define COMMAND_COLUMNS                                                                            \
	"id, machine, seq, kind, args, state, result, rollout, created_at, created_by, "           \
	"finished_at"

static int command_row(const struct db_row *row, void *userdata)
{
	const struct each *e = userdata;
	struct store_command c = {
		.id = db_text(row, 0),
		.machine = db_text(row, 1),
		.seq = db_int(row, 2),
		.kind = db_text(row, 3),
		.args = db_text(row, 4),
		.state = db_text(row, 5),
		.result = db_text(row, 6),
		.rollout = db_text(row, 7),
		.created_at = db_int(row, 8),
		.created_by = db_text(row, 9),
		.finished_at = db_int(row, 10),
	};

	return ((store_command_fn) e->fn)(&c, e->userdata);
}

static int command_add(struct store *s, const struct store_command *c, int64_t *ret_seq)
{
	int r;

	r = db_query(
		s->db,
		"UPDATE machines SET next_seq = next_seq + 1 WHERE id = ?1 RETURNING next_seq - 1",
		store_read_int, ret_seq, "s", c->machine);
	if (r < 0)
		return r;
	if (r == 0)
		return -ENOENT;
	return db_run(s->db,
	              "INSERT INTO commands (id, machine, seq, kind, args, state, rollout, "
	              "created_at, created_by)"
	              " VALUES (?1, ?2, ?3, ?4, ?5, 'queued', ?6, ?7, ?8)",
	              "ssisssis", c->id, c->machine, *ret_seq, c->kind, c->args, c->rollout,
	              c->created_at, c->created_by);
}

int store_command_add(struct store *s, const struct store_command *c, int64_t *ret_seq)
{
	int64_t seq = 0;
	int r;

	r = db_begin(s->db);
	if (r < 0)
		return r;
	r = command_add(s, c, &seq);
	if (r < 0) {
		db_abort(s->db);
		return r;
	}
	r = db_commit(s->db);
	if (r < 0)
		return r;
	*ret_seq = seq;
	return 0;
}

int store_command_open(struct store *s, const char *machine, int64_t after, int limit,
                       store_command_fn fn, void *userdata)
{
	struct each e = {(each_fn) fn, userdata};

	return db_query(s->db,
	                "SELECT " COMMAND_COLUMNS " FROM commands WHERE machine = ?1 AND seq > ?2"
	                " AND state IN ('queued', 'delivered') ORDER BY seq LIMIT ?3",
	                command_row, &e, "sii", machine, after, (int64_t) limit);
}

int store_command_open_max(struct store *s, const char *machine, int64_t *ret_seq)
{
	int64_t seq = 0;
	int r;

	r = db_query(s->db,
	             "SELECT coalesce(max(seq), 0) FROM commands WHERE machine = ?1 AND state IN "
	             "('queued', 'delivered')",
	             store_read_int, &seq, "s", machine);
	if (r < 0)
		return r;
	*ret_seq = seq;
	return 0;
}

int store_command_delivered(struct store *s, const char *machine, int64_t up_to)
{
	return db_run(s->db,
	              "UPDATE commands SET state = 'delivered' WHERE machine = ?1 AND seq <= ?2 "
	              "AND state = 'queued'",
	              "si", machine, up_to);
}

int store_command_finish(struct store *s, const char *machine, const char *id, const char *state,
                         const char *result, usec_t at)
{
	int r;

	r = db_run(s->db,
	           "UPDATE commands SET state = ?3, result = ?4, finished_at = ?5 WHERE id = ?1 "
	           "AND machine = ?2"
	           " AND state IN ('queued', 'delivered')",
	           "ssssi", id, machine, state, result, (int64_t) at);
	if (r < 0)
		return r;
	if (db_changes(s->db) > 0)
		return 1;
	r = db_query(s->db, "SELECT 1 FROM commands WHERE id = ?1 AND machine = ?2", NULL, NULL,
	             "ss", id, machine);
	if (r < 0)
		return r;
	return r > 0 ? 0 : -ENOENT;
}

int store_command_get(struct store *s, const char *id, store_command_fn fn, void *userdata)
{
	struct each e = {(each_fn) fn, userdata};
	int r = db_query(s->db, "SELECT " COMMAND_COLUMNS " FROM commands WHERE id = ?1",
	                 command_row, &e, "s", id);

	return r == 0 ? -ENOENT : r;
}

int store_command_each(struct store *s, const char *machine, int limit, store_command_fn fn,
                       void *userdata)
{
	struct each e = {(each_fn) fn, userdata};

	return db_query(s->db,
	                "SELECT " COMMAND_COLUMNS
	                " FROM commands WHERE machine = ?1 ORDER BY seq DESC LIMIT ?2",
	                command_row, &e, "si", machine, (int64_t) limit);
}

/* ---- bundles ---- */
#define BUNDLE_COLUMNS                                                                             \
	"version, arch, sha256, size, key_id, signature, manifest, created_at, created_by"

static int bundle_row(const struct db_row *row, void *userdata)
{
	const struct each *e = userdata;
	struct store_bundle b = {
		.version = db_text(row, 0),
		.arch = db_text(row, 1),
		.sha256 = db_text(row, 2),
		.size = db_int(row, 3),
		.key_id = db_text(row, 4),
		.signature = db_text(row, 5),
		.manifest = db_text(row, 6),
		.created_at = db_int(row, 7),
		.created_by = db_text(row, 8),
	};

	return ((store_bundle_fn) e->fn)(&b, e->userdata);
}

int store_bundle_add(struct store *s, const struct store_bundle *b)
{
	return db_run(s->db,
	              "INSERT INTO bundles (" BUNDLE_COLUMNS
	              ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
	              "sssisssis", b->version, b->arch, b->sha256, b->size, b->key_id, b->signature,
	              b->manifest, b->created_at, b->created_by);
}

int store_bundle_get(struct store *s, const char *version, store_bundle_fn fn, void *userdata)
{
	struct each e = {(each_fn) fn, userdata};
	int r = db_query(s->db, "SELECT " BUNDLE_COLUMNS " FROM bundles WHERE version = ?1",
	                 bundle_row, &e, "s", version);

	return r == 0 ? -ENOENT : r;
}

int store_bundle_each(struct store *s, store_bundle_fn fn, void *userdata)
{
	struct each e = {(each_fn) fn, userdata};

	return db_query(s->db,
	                "SELECT " BUNDLE_COLUMNS " FROM bundles ORDER BY created_at, version",
	                bundle_row, &e, "");
}

int store_bundle_remove(struct store *s, const char *version)
{
	return store_changed(s,
	                     db_run(s->db, "DELETE FROM bundles WHERE version = ?1", "s", version));
}

/* ---- rollouts ---- */
static int rollout_row(const struct db_row *row, void *userdata)
{
	const struct each *e = userdata;
	struct store_rollout r = {
		.id = db_text(row, 0),
		.version = db_text(row, 1),
		.spec = db_text(row, 2),
		.state = db_text(row, 3),
		.reason = db_text(row, 4),
		.created_at = db_int(row, 5),
		.created_by = db_text(row, 6),
		.updated_at = db_int(row, 7),
	};

	return ((store_rollout_fn) e->fn)(&r, e->userdata);
}

static int rollout_machine_row(const struct db_row *row, void *userdata)
{
	const struct each *e = userdata;
	struct store_rollout_machine m = {
		.rollout = db_text(row, 0),
		.machine = db_text(row, 1),
		.position = db_int(row, 2),
		.state = db_text(row, 3),
		.reason = db_text(row, 4),
		.previous_version = db_text(row, 5),
		.previous_failed = db_int(row, 6),
		.command = db_text(row, 7),
		.since = db_int(row, 8),
		.healthy_since = db_int(row, 9),
	};

	return ((store_rollout_machine_fn) e->fn)(&m, e->userdata);
}

int store_rollout_add(struct store *s, const struct store_rollout *r)
{
	return db_run(s->db,
	              "INSERT INTO rollouts (id, version, spec, state, reason, created_at, "
	              "created_by, updated_at)"
	              " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?6)",
	              "sssssis", r->id, r->version, r->spec, r->state, r->reason, r->created_at,
	              r->created_by);
}

int store_rollout_set(struct store *s, const char *id, const char *state, const char *reason,
                      usec_t at)
{
	return store_changed(
		s,
		db_run(s->db,
	               "UPDATE rollouts SET state = ?2, reason = ?3, updated_at = ?4 WHERE id = ?1",
	               "sssi", id, state, reason, (int64_t) at));
}

int store_rollout_each(struct store *s, store_rollout_fn fn, void *userdata)
{
	struct each e = {(each_fn) fn, userdata};

	return db_query(s->db,
	                "SELECT id, version, spec, state, reason, created_at, created_by, "
	                "updated_at FROM rollouts"
	                " ORDER BY created_at, id",
	                rollout_row, &e, "");
}

int store_rollout_machine_put(struct store *s, const struct store_rollout_machine *m)
{
	return db_run(
		s->db,
		"INSERT INTO rollout_machines (rollout, machine, position, state, reason, "
		"previous_version, previous_failed,"
		" command, since, healthy_since) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
		" ON CONFLICT (rollout, machine) DO UPDATE SET state = ?4, reason = ?5, "
		"previous_version = ?6,"
		" previous_failed = ?7, command = ?8, since = ?9, healthy_since = ?10",
		"ssisssisii", m->rollout, m->machine, m->position, m->state, m->reason,
		m->previous_version, m->previous_failed, m->command, m->since, m->healthy_since);
}

int store_rollout_machine_each(struct store *s, const char *rollout, store_rollout_machine_fn fn,
                               void *userdata)
{
	struct each e = {(each_fn) fn, userdata};

	return db_query(s->db,
	                "SELECT rollout, machine, position, state, reason, previous_version, "
	                "previous_failed, command, since,"
	                " healthy_since FROM rollout_machines WHERE rollout = ?1 ORDER BY position",
	                rollout_machine_row, &e, "s", rollout);
}
