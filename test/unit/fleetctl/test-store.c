// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include "base/fd.h"
#include "base/str.h"
#include "store/db.h"
#include "store/store.h"

#include <sqlite3.h>

static char path[64];

static struct store *open_new(void)
{
	struct store *s;

	snprintf(path, sizeof(path), "/tmp/test-store.XXXXXX");
	if (!mkdtemp(path))
		abort();
	strcat(path, "/db");
	if (store_open(path, NULL, &s) < 0)
		abort();
	return s;
}

static struct store *again(struct store *s)
{
	store_close(s);
	if (store_open(path, NULL, &s) < 0)
		abort();
	return s;
}

static void end(struct store *s)
{
	store_close(s);
	*strrchr(path, '/') = 0;
	(void) rm_rf(path);
}

static void add_machine(struct store *s, const char *id)
{
	struct store_machine m = {.id = id,
	                          .hostname = "h",
	                          .version = "1",
	                          .state = "running",
	                          .boot = "b",
	                          .enrolled_at = 5};

	if (store_machine_enroll(s, &m) < 0)
		abort();
}

static int add_command(struct store *s, const char *machine, const char *id, int64_t *seq)
{
	struct store_command c = {
		.id = id, .machine = machine, .kind = "unit", .args = "{}", .created_by = "t"};

	return store_command_add(s, &c, seq);
}

TEST(store__epoch_lives_with_the_database)
{
	struct store *s = open_new();
	char epoch[ID128_TEXT_MAX];

	CHECK_INT(strlen(store_epoch(s)), ==, 32);
	memcpy(epoch, store_epoch(s), sizeof(epoch));
	s = again(s);
	CHECK_STR(store_epoch(s), epoch);
	end(s);
}

TEST(store__a_token_has_its_uses_and_its_end)
{
	struct store_token t = {.id = "t1", .created_by = "x", .uses_left = 2, .expires_at = 1000};
	struct store *s = open_new();
	char id[ID128_TEXT_MAX];

	CHECK_INT(store_token_add(s, &t, "hash"), ==, 0);
	CHECK_INT(store_token_use(s, "other", 500, id), ==, -ENOENT);
	CHECK_INT(store_token_use(s, "hash", 1000, id), ==, -EKEYEXPIRED);
	CHECK_INT(store_token_use(s, "hash", 500, id), ==, 0);
	CHECK_STR(id, "t1");
	s = again(s);
	CHECK_INT(store_token_use(s, "hash", 500, id), ==, 0);
	CHECK_INT(store_token_use(s, "hash", 500, id), ==, -EKEYREVOKED);
	CHECK_INT(store_token_remove(s, "t1"), ==, 0);
	CHECK_INT(store_token_remove(s, "t1"), ==, -ENOENT);
	end(s);
}

static int collect(const struct store_command *c, void *userdata)
{
	strcat(userdata, c->id);
	return 0;
}

TEST(store__commands_are_numbered_and_finished_once)
{
	struct store *s = open_new();
	char ids[64] = "";
	int64_t seq = 0;

	add_machine(s, "m");
	add_machine(s, "n");
	CHECK_INT(add_command(s, "nobody", "a", &seq), ==, -ENOENT);
	CHECK_INT(add_command(s, "m", "a", &seq), ==, 0);
	CHECK_INT(seq, ==, 1);
	CHECK_INT(add_command(s, "m", "b", &seq), ==, 0);
	CHECK_INT(seq, ==, 2);
	CHECK_INT(add_command(s, "m", "b", &seq), ==, -EEXIST);
	CHECK_INT(add_command(s, "m", "c", &seq), ==, 0);
	CHECK_INT(seq, ==, 3);
	CHECK_INT(add_command(s, "n", "d", &seq), ==, 0);
	CHECK_INT(seq, ==, 1);
	CHECK_INT(store_command_finish(s, "n", "a", "done", "{}", 1), ==, -ENOENT);
	CHECK_INT(store_command_finish(s, "m", "a", "done", "{}", 1), ==, 1);
	CHECK_INT(store_command_finish(s, "m", "a", "failed", "{}", 1), ==, 0);
	CHECK_INT(store_command_open(s, "m", 0, 10, collect, ids), ==, 2);
	CHECK_STR(ids, "bc");
	ids[0] = 0;
	CHECK_INT(store_command_open(s, "m", 2, 10, collect, ids), ==, 1);
	CHECK_STR(ids, "c");
	CHECK_INT(store_command_open_max(s, "m", &seq), ==, 0);
	CHECK_INT(seq, ==, 3);
	CHECK_INT(store_machine_remove(s, "m"), ==, 0);
	CHECK_INT(store_command_open(s, "m", 0, 10, collect, ids), ==, 0);
	end(s);
}

TEST(store__a_transaction_is_all_or_nothing)
{
	struct store_token t = {
		.id = "t", .created_by = "x", .uses_left = 1, .expires_at = INT64_MAX};
	struct store *s = open_new();
	char id[ID128_TEXT_MAX];
	int64_t seq;

	add_machine(s, "m");
	CHECK_INT(store_token_add(s, &t, "h"), ==, 0);
	CHECK_INT(store_begin(s), ==, 0);
	CHECK_INT(store_token_use(s, "h", 1, id), ==, 0);
	CHECK_INT(add_command(s, "m", "a", &seq), ==, 0);
	store_abort(s);
	CHECK_INT(store_command_get(s, "a", collect, id), ==, -ENOENT);
	/* An inner failure dooms the whole, even if its caller overlooks it. */
	CHECK_INT(store_begin(s), ==, 0);
	CHECK_INT(store_token_use(s, "h", 1, id), ==, 0);
	CHECK_INT(add_command(s, "nobody", "b", &seq), ==, -ENOENT);
	CHECK_INT(store_commit(s), ==, -ECANCELED);
	CHECK_INT(store_token_use(s, "h", 1, id), ==, 0);
	end(s);
}

static int count(const struct store_event *e, void *userdata)
{
	*(int64_t *) userdata = *(int64_t *) userdata * 10 + e->seq;
	return 0;
}

TEST(store__events_are_found_by_number_and_machine)
{
	struct store *s = open_new();
	int64_t seen = 0, seq = 0;

	for (int i = 0; i < 6; i++) {
		struct store_event e = {
			.machine = i % 2 ? "m" : NULL, .kind = "k", .text = "t", .at = i};

		CHECK_INT(store_event_add(s, &e, &seq), ==, 0);
		CHECK_INT(seq, ==, i + 1);
	}
	CHECK_INT(store_event_each(s, 2, NULL, 3, count, &seen), ==, 3);
	CHECK_INT(seen, ==, 345);
	seen = 0;
	CHECK_INT(store_event_each(s, 2, "m", 10, count, &seen), ==, 2);
	CHECK_INT(seen, ==, 46);
	seen = 0;
	CHECK_INT(store_event_newest(s, NULL, 2, count, &seen), ==, 2);
	CHECK_INT(seen, ==, 56);
	CHECK_INT(store_event_prune(s, 2), ==, 0);
	seen = 0;
	CHECK_INT(store_event_each(s, 0, NULL, 10, count, &seen), ==, 2);
	CHECK_INT(seen, ==, 56);
	CHECK_INT(store_event_last(s, &seq), ==, 0);
	CHECK_INT(seq, ==, 6);
	end(s);
}

static void tamper(const char *sql)
{
	sqlite3 *db;

	if (sqlite3_open(path, &db) != SQLITE_OK ||
	    sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		abort();
	sqlite3_close(db);
}

TEST(store__audit_shows_what_was_changed)
{
	static const struct {
		const char *sql;
		int64_t bad;
	} cases[] = {
		{"UPDATE audit SET detail = 'x' WHERE seq = 2", 2},
		{"UPDATE audit SET actor = 'axb', action = '' WHERE seq = 3", 3},
		{"DELETE FROM audit WHERE seq = 2", 3},
		{"UPDATE audit SET at = at + 1 WHERE seq = 1", 1},
	};
	int64_t bad = 0;

	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		struct store *s = open_new();

		for (int n = 0; n < 4; n++)
			CHECK_INT(store_audit_add(s, 7, "a", "xb", "o", "d"), ==, 0);
		CHECK_INT(store_audit_verify(s, &bad), ==, 0);
		tamper(cases[i].sql);
		CHECK_INT(store_audit_verify(s, &bad), ==, -EBADMSG);
		CHECK_INT(bad, ==, cases[i].bad);
		end(s);
	}
}

static int first_fingerprint(const struct store_certificate *c, void *userdata)
{
	strcat(userdata, c->fingerprint);
	return 0;
}

TEST(store__certificates_are_revoked_and_run_out)
{
	struct store_certificate a = {.fingerprint = "a",
	                              .serial = "1",
	                              .kind = "agent",
	                              .subject = "m",
	                              .not_after = 100};
	struct store_certificate b = {.fingerprint = "b",
	                              .serial = "2",
	                              .kind = "agent",
	                              .subject = "m",
	                              .not_after = 200};
	struct store_certificate o = {.fingerprint = "o",
	                              .serial = "3",
	                              .kind = "operator",
	                              .subject = "m",
	                              .not_after = 200};
	struct store *s = open_new();
	char seen[16] = "";

	CHECK_INT(store_certificate_add(s, &a), ==, 0);
	CHECK_INT(store_certificate_add(s, &a), ==, -EEXIST);
	CHECK_INT(store_certificate_add(s, &b), ==, 0);
	CHECK_INT(store_certificate_add(s, &o), ==, 0);
	CHECK_INT(store_certificate_each(s, 150, first_fingerprint, seen), ==, 2);
	CHECK_STR(seen, "bo");
	CHECK_INT(store_certificate_revoke(s, "agent", "m", NULL, 50), ==, 0);
	seen[0] = 0;
	CHECK_INT(store_certificate_each(s, 50, first_fingerprint, seen), ==, 1);
	CHECK_STR(seen, "o");
	end(s);
}

TEST(store__does_not_touch_a_newer_schema)
{
	struct store *s = open_new(), *newer = NULL;
	struct diag d = {};
	char first[DIAG_TEXT_MAX];

	store_close(s);
	tamper("PRAGMA user_version = 999");
	CHECK_INT(store_open(path, &d, &newer), ==, -EPROTONOSUPPORT);
	CHECK(strstr(diag_first(&d, first, sizeof(first)), "schema 999"));
	end(NULL);
}

TEST(store__remembers_who_enrolled_with_what)
{
	struct store *s = open_new();

	CHECK_INT(store_enrolment_put(s, "h", "m", "k", 100), ==, 0);
	CHECK_INT(store_enrolment_has(s, "h", "m", "k", 100), ==, 1);
	CHECK_INT(store_enrolment_has(s, "h", "m", "k", 101), ==, 0);
	CHECK_INT(store_enrolment_has(s, "h", "m", "other", 0), ==, 0);
	CHECK_INT(store_enrolment_has(s, "h", "n", "k", 0), ==, 0);
	CHECK_INT(store_enrolment_put(s, "h", "m", "k2", 200), ==, 0);
	CHECK_INT(store_enrolment_has(s, "h", "m", "k", 0), ==, 0);
	end(s);
}
