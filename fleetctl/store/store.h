// SPDX-License-Identifier: Apache-2.0
/*
 * store.h - what the controller remembers: machines, certificates, tokens, commands, bundles,
 * rollouts, events, audit.
 *
 * Every function is one transaction, or part of the one that store_begin() opened; a request's
 * changes and its audit entry go together or not at all. Rows are handed to callbacks as structs
 * whose strings live until the callback returns. Times are usec of CLOCK_REALTIME. The back end is
 * chosen by URL: a path is SQLite.
 *
 * Who asks: api/ alone. It keeps the identities and the machines' current state in memory and asks
 * here only for work, so that a refused or idle request costs no statement.
 */
#pragma once

#include "base/clock.h"
#include "base/diag.h"
#include "base/id128.h"

#define STORE_HASH_TEXT 65 /* SHA-256 in hex */
#define STORE_LIST_MAX  1000

struct store;

int store_open(const char *url, struct diag *d, struct store **ret);
struct store *store_close(struct store *s);
DEFINE_CLEANUP(struct store *, store_close)
/* Random, made with the database: an agent whose cursor carries another epoch begins anew. */
const char *store_epoch(const struct store *s);
const char *store_error(const struct store *s);
uint64_t store_statements(const struct store *s);

int store_begin(struct store *s);
int store_commit(struct store *s);
void store_abort(struct store *s);

/* ---- machines ---- */
struct store_machine {
	const char *id, *hostname, *version, *state, *boot, *status; /* status: JSON, may be NULL */
	const char *report_session; /* of the newest report taken in, may be NULL */
	int64_t report_number, n_failed, next_seq, enrolled_at, last_seen;
};
typedef int (*store_machine_fn)(const struct store_machine *m, void *userdata);
int store_machine_each(struct store *s, store_machine_fn fn, void *userdata);
/* New, or enrolled once more: then its commands stay. Only id, hostname, version, boot, enrolled_at
 * are read. */
int store_machine_enroll(struct store *s, const struct store_machine *m);
/* All but id, next_seq and enrolled_at. -ENOENT. */
int store_machine_update(struct store *s, const struct store_machine *m);
int store_machine_seen(struct store *s, const char *id, usec_t at);
int store_machine_remove(struct store *s, const char *id); /* with commands; -ENOENT */

/* ---- certificates ---- */
struct store_certificate {
	const char *fingerprint, *serial, *kind /* agent, operator, server */, *subject;
	int64_t not_after, created_at;
};
typedef int (*store_certificate_fn)(const struct store_certificate *c, void *userdata);
int store_certificate_each(struct store *s, usec_t now_realtime, store_certificate_fn fn,
                           void *userdata);                                    /* valid ones */
int store_certificate_add(struct store *s, const struct store_certificate *c); /* -EEXIST */
/* Revokes all of that kind and subject but @keep (may be NULL). */
int store_certificate_revoke(struct store *s, const char *kind, const char *subject,
                             const char *keep, usec_t at);

/* ---- enrolment tokens: only the hash is kept ---- */
struct store_token {
	const char *id, *note, *created_by;
	int64_t uses_left, expires_at, created_at;
};
typedef int (*store_token_fn)(const struct store_token *t, void *userdata);
int store_token_each(struct store *s, store_token_fn fn, void *userdata);
int store_token_add(struct store *s, const struct store_token *t, const char *hash);
/* Takes one use. -ENOENT unknown, -EKEYEXPIRED too old, -EKEYREVOKED none left. The token's id in
 * ret_id (ID128_TEXT_MAX). */
int store_token_use(struct store *s, const char *hash, usec_t at,
                    char ret_id[static ID128_TEXT_MAX]);
int store_token_remove(struct store *s, const char *id);
/* A machine enrolled with this token (its hash) and this key (its hash). */
int store_enrolment_put(struct store *s, const char *hash, const char *machine, const char *key,
                        usec_t at);
/* 1 when that very machine did so with that very key since @since, else 0. */
int store_enrolment_has(struct store *s, const char *hash, const char *machine, const char *key,
                        usec_t since);

/* ---- commands: queued -> delivered -> done | failed | cancelled ---- */
struct store_command {
	const char *id, *machine, *kind, *args, *state, *result, *rollout, *created_by;
	int64_t seq, created_at, finished_at;
};
typedef int (*store_command_fn)(const struct store_command *c, void *userdata);
/* Numbers it with the machine's next sequence number. -ENOENT no such machine, -EEXIST that id is
 * taken. */
int store_command_add(struct store *s, const struct store_command *c, int64_t *ret_seq);
/* Open ones of a machine with seq > after, in order. */
int store_command_open(struct store *s, const char *machine, int64_t after, int limit,
                       store_command_fn fn, void *userdata);
int store_command_delivered(struct store *s, const char *machine, int64_t up_to);
/* 1 finished now, 0 was finished before (then nothing changes), -ENOENT no such command of that
 * machine. */
int store_command_finish(struct store *s, const char *machine, const char *id, const char *state,
                         const char *result, usec_t at);
int store_command_get(struct store *s, const char *id, store_command_fn fn,
                      void *userdata); /* 1, or -ENOENT */
int store_command_each(struct store *s, const char *machine, int limit, store_command_fn fn,
                       void *userdata); /* newest first */
int store_command_open_max(struct store *s, const char *machine,
                           int64_t *ret_seq); /* 0 when none is open */

/* ---- bundles ---- */
struct store_bundle {
	const char *version, *arch, *sha256, *key_id, *signature, *manifest, *created_by;
	int64_t size, created_at;
};
typedef int (*store_bundle_fn)(const struct store_bundle *b, void *userdata);
int store_bundle_add(struct store *s, const struct store_bundle *b); /* -EEXIST */
int store_bundle_get(struct store *s, const char *version, store_bundle_fn fn,
                     void *userdata); /* 1, or -ENOENT */
int store_bundle_each(struct store *s, store_bundle_fn fn, void *userdata);
int store_bundle_remove(struct store *s, const char *version);

/* ---- rollouts ---- */
struct store_rollout {
	const char *id, *version, *spec, *state, *reason, *created_by;
	int64_t created_at, updated_at;
};
struct store_rollout_machine {
	const char *rollout, *machine, *state, *reason, *previous_version, *command;
	int64_t position, previous_failed, since, healthy_since;
};
typedef int (*store_rollout_fn)(const struct store_rollout *r, void *userdata);
typedef int (*store_rollout_machine_fn)(const struct store_rollout_machine *m, void *userdata);
int store_rollout_add(struct store *s, const struct store_rollout *r);
int store_rollout_set(struct store *s, const char *id, const char *state, const char *reason,
                      usec_t at);
int store_rollout_each(struct store *s, store_rollout_fn fn, void *userdata); /* oldest first */
int store_rollout_machine_put(struct store *s, const struct store_rollout_machine *m);
int store_rollout_machine_each(struct store *s, const char *rollout, store_rollout_machine_fn fn,
                               void *userdata);

/* ---- events ---- */
struct store_event {
	const char *machine, *kind, *text, *data;
	int64_t seq, at;
};
typedef int (*store_event_fn)(const struct store_event *e, void *userdata);
int store_event_add(struct store *s, const struct store_event *e, int64_t *ret_seq);
int store_event_each(struct store *s, int64_t after, const char *machine, int limit,
                     store_event_fn fn, void *userdata);
/* The newest @limit, oldest of them first. */
int store_event_newest(struct store *s, const char *machine, int limit, store_event_fn fn,
                       void *userdata);
int store_event_last(struct store *s, int64_t *ret_seq);
int store_event_prune(struct store *s, int64_t keep);

/* ---- audit: each entry's hash covers the one before it ---- */
struct store_audit {
	const char *actor, *action, *object, *detail, *hash;
	int64_t seq, at;
};
typedef int (*store_audit_fn)(const struct store_audit *a, void *userdata);
int store_audit_add(struct store *s, usec_t at, const char *actor, const char *action,
                    const char *object, const char *detail);
int store_audit_each(struct store *s, int64_t after, int limit, store_audit_fn fn, void *userdata);
/* 0, or -EBADMSG with the number of the first entry that was changed, or whose predecessor is gone.
 */
int store_audit_verify(struct store *s, int64_t *ret_bad_seq);
