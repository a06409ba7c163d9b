// SPDX-License-Identifier: Apache-2.0
/* Events and audit: what happened, in order. */
#include "store/store.h"
#include "store/room.h"

#include "base/str.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>

/* ---- events ---- */
static int event_row(const struct db_row *row, void *userdata)
{
	const struct each *e = userdata;
	struct store_event event = {
		.seq = db_int(row, 0),
		.at = db_int(row, 1),
		.machine = db_text(row, 2),
		.kind = db_text(row, 3),
		.text = db_text(row, 4),
		.data = db_text(row, 5),
	};

	return ((store_event_fn) e->fn)(&event, e->userdata);
}

int store_event_add(struct store *s, const struct store_event *e, int64_t *ret_seq)
{
	int r;

	r = db_run(s->db,
	           "INSERT INTO events (at, machine, kind, text, data) VALUES (?1, ?2, ?3, ?4, ?5)",
	           "issss", e->at, e->machine, e->kind, e->text, e->data);
	if (r < 0)
		return r;
	if (ret_seq)
		*ret_seq = db_last_id(s->db);
	return 0;
}

int store_event_each(struct store *s, int64_t after, const char *machine, int limit,
                     store_event_fn fn, void *userdata)
{
	struct each e = {(each_fn) fn, userdata};

	if (machine)
		return db_query(s->db,
		                "SELECT seq, at, machine, kind, text, data FROM events WHERE "
		                "machine = ?1 AND seq > ?2"
		                " ORDER BY seq LIMIT ?3",
		                event_row, &e, "sii", machine, after, (int64_t) limit);
	return db_query(s->db,
	                "SELECT seq, at, machine, kind, text, data FROM events WHERE seq > ?1 "
	                "ORDER BY seq LIMIT ?2",
	                event_row, &e, "ii", after, (int64_t) limit);
}

int store_event_newest(struct store *s, const char *machine, int limit, store_event_fn fn,
                       void *userdata)
{
	struct each e = {(each_fn) fn, userdata};

	if (machine)
		return db_query(s->db,
		                "SELECT * FROM (SELECT seq, at, machine, kind, text, data FROM "
		                "events WHERE machine = ?1"
		                " ORDER BY seq DESC LIMIT ?2) ORDER BY seq",
		                event_row, &e, "si", machine, (int64_t) limit);
	return db_query(s->db,
	                "SELECT * FROM (SELECT seq, at, machine, kind, text, data FROM events "
	                "ORDER BY seq DESC LIMIT ?1) ORDER BY seq",
	                event_row, &e, "i", (int64_t) limit);
}

int store_event_last(struct store *s, int64_t *ret_seq)
{
	int64_t seq = 0;
	int r = db_query(s->db, "SELECT coalesce(max(seq), 0) FROM events", store_read_int, &seq,
	                 "");

	if (r < 0)
		return r;
	*ret_seq = seq;
	return 0;
}

int store_event_prune(struct store *s, int64_t keep)
{
	return db_run(s->db, "DELETE FROM events WHERE seq <= (SELECT max(seq) FROM events) - ?1",
	              "i", keep);
}

/* ---- audit ---- */
#define GENESIS "0000000000000000000000000000000000000000000000000000000000000000"

static void hash_field(EVP_MD_CTX *ctx, const char *text)
{
	char size[32];

	/* With its length before it, so that no text can be moved from one field into the next. */
	snprintf(size, sizeof(size), "%zu:", strlen(text));
	EVP_DigestUpdate(ctx, size, strlen(size));
	EVP_DigestUpdate(ctx, text, strlen(text));
}

static int audit_hash(const struct store_audit *a, const char *previous,
                      char ret[static STORE_HASH_TEXT])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t hash[EVP_MAX_MD_SIZE];
	char numbers[64];
	int r = 0;

	if (!ctx || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
		r = -ENOMEM;
	if (r >= 0) {
		snprintf(numbers, sizeof(numbers), "%" PRId64 ",%" PRId64, a->seq, a->at);
		hash_field(ctx, previous);
		hash_field(ctx, numbers);
		hash_field(ctx, a->actor);
		hash_field(ctx, a->action);
		hash_field(ctx, a->object);
		hash_field(ctx, a->detail);
		if (EVP_DigestFinal_ex(ctx, hash, NULL) != 1)
			r = -EIO;
	}
	EVP_MD_CTX_free(ctx);
	if (r < 0)
		return r;
	for (size_t i = 0; i < 32; i++)
		snprintf(ret + 2 * i, 3, "%02x", hash[i]);
	return 0;
}

struct audit_tail {
	int64_t seq;
	char hash[STORE_HASH_TEXT];
};

static int tail_row(const struct db_row *row, void *userdata)
{
	struct audit_tail *t = userdata;

	t->seq = db_int(row, 0);
	snprintf(t->hash, sizeof(t->hash), "%s", db_text_or(row, 1, ""));
	return 0;
}

int store_audit_add(struct store *s, usec_t at, const char *actor, const char *action,
                    const char *object, const char *detail)
{
	struct store_audit a = {.at = (int64_t) at,
	                        .actor = actor,
	                        .action = action,
	                        .object = object,
	                        .detail = detail ? detail : ""};
	struct audit_tail tail = {.hash = GENESIS};
	char hash[STORE_HASH_TEXT];
	int r;

	r = db_query(s->db, "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1", tail_row,
	             &tail, "");
	if (r < 0)
		return r;
	a.seq = tail.seq + 1;
	r = audit_hash(&a, tail.hash, hash);
	if (r < 0)
		return r;
	/* seq is the primary key: a second writer who read the same tail fails here and tries
	 * again. */
	return db_run(s->db,
	              "INSERT INTO audit (seq, at, actor, action, object, detail, previous, hash)"
	              " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	              "iissssss", a.seq, a.at, a.actor, a.action, a.object, a.detail, tail.hash,
	              hash);
}

static int audit_row(const struct db_row *row, void *userdata)
{
	const struct each *e = userdata;
	struct store_audit a = {
		.seq = db_int(row, 0),
		.at = db_int(row, 1),
		.actor = db_text_or(row, 2, ""),
		.action = db_text_or(row, 3, ""),
		.object = db_text_or(row, 4, ""),
		.detail = db_text_or(row, 5, ""),
		.hash = db_text_or(row, 6, ""),
	};

	return ((store_audit_fn) e->fn)(&a, e->userdata);
}

int store_audit_each(struct store *s, int64_t after, int limit, store_audit_fn fn, void *userdata)
{
	struct each e = {(each_fn) fn, userdata};

	return db_query(s->db,
	                "SELECT seq, at, actor, action, object, detail, hash FROM audit WHERE seq "
	                "> ?1 ORDER BY seq LIMIT ?2",
	                audit_row, &e, "ii", after, (int64_t) limit);
}

static int verify_entry(const struct store_audit *a, void *userdata)
{
	struct audit_tail *t = userdata;
	char hash[STORE_HASH_TEXT];
	bool in_order = a->seq == t->seq + 1;
	int r;

	r = audit_hash(a, t->hash, hash);
	if (r < 0)
		return r;
	t->seq = a->seq;
	snprintf(t->hash, sizeof(t->hash), "%s", hash);
	return in_order && streq(hash, a->hash) ? 0 : -EBADMSG;
}

int store_audit_verify(struct store *s, int64_t *ret_bad_seq)
{
	struct audit_tail t = {.hash = GENESIS};
	struct each e = {(each_fn) verify_entry, &t};
	int r = db_query(
		s->db,
		"SELECT seq, at, actor, action, object, detail, hash FROM audit ORDER BY seq",
		audit_row, &e, "");

	if (r == -EBADMSG)
		*ret_bad_seq = t.seq;
	return r < 0 ? r : 0;
}
