// SPDX-License-Identifier: Apache-2.0
#include "store/schema.h"

#include "base/macro.h"

/* clang-format off */
/* Times are usec on CLOCK_REALTIME. "data", "args", "result", "manifest" and "spec" are JSON. */
const char *const schema_steps[] = {
	/* 1 */
	"CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE machines ("
	"  id TEXT PRIMARY KEY, hostname TEXT NOT NULL, version TEXT NOT NULL, state TEXT NOT NULL, boot TEXT NOT NULL,"
	"  n_failed INTEGER NOT NULL DEFAULT 0, status TEXT, next_seq INTEGER NOT NULL DEFAULT 1,"
	"  report_session TEXT, report_number INTEGER NOT NULL DEFAULT 0,"
	"  enrolled_at INTEGER NOT NULL, last_seen INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE certificates ("
	"  fingerprint TEXT PRIMARY KEY, serial TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,"
	"  not_after INTEGER NOT NULL, created_at INTEGER NOT NULL, revoked_at INTEGER) WITHOUT ROWID;"
	"CREATE INDEX certificates_subject ON certificates (subject);"
	"CREATE TABLE tokens ("
	"  id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, uses_left INTEGER NOT NULL, expires_at INTEGER NOT NULL,"
	"  note TEXT, created_at INTEGER NOT NULL, created_by TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE commands ("
	"  id TEXT PRIMARY KEY, machine TEXT NOT NULL REFERENCES machines (id) ON DELETE CASCADE, seq INTEGER NOT NULL,"
	"  kind TEXT NOT NULL, args TEXT NOT NULL, state TEXT NOT NULL, result TEXT, rollout TEXT,"
	"  created_at INTEGER NOT NULL, created_by TEXT NOT NULL, finished_at INTEGER,"
	"  UNIQUE (machine, seq)) WITHOUT ROWID;"
	"CREATE TABLE bundles ("
	"  version TEXT PRIMARY KEY, arch TEXT NOT NULL, sha256 TEXT NOT NULL, size INTEGER NOT NULL, key_id TEXT NOT NULL,"
	"  signature TEXT NOT NULL, manifest TEXT NOT NULL, created_at INTEGER NOT NULL, created_by TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE rollouts ("
	"  id TEXT PRIMARY KEY, version TEXT NOT NULL, spec TEXT NOT NULL, state TEXT NOT NULL, reason TEXT,"
	"  created_at INTEGER NOT NULL, created_by TEXT NOT NULL, updated_at INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE rollout_machines ("
	"  rollout TEXT NOT NULL REFERENCES rollouts (id) ON DELETE CASCADE, machine TEXT NOT NULL, position INTEGER NOT NULL,"
	"  state TEXT NOT NULL, reason TEXT, previous_version TEXT, previous_failed INTEGER NOT NULL DEFAULT 0, command TEXT,"
	"  since INTEGER NOT NULL DEFAULT 0, healthy_since INTEGER NOT NULL DEFAULT 0,"
	"  PRIMARY KEY (rollout, machine)) WITHOUT ROWID;"
	"CREATE TABLE events ("
	"  seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, machine TEXT, kind TEXT NOT NULL, text TEXT NOT NULL, data TEXT);"
	"CREATE INDEX events_machine ON events (machine, seq);"
	"CREATE TABLE audit ("
	"  seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL, object TEXT NOT NULL,"
	"  detail TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL);",
	/* 2: what is open, found without a scan */
	"CREATE INDEX commands_open ON commands (machine, seq) WHERE state IN ('queued', 'delivered');",
	/* 3: who enrolled with which token and key, so that a machine whose answer got lost may ask once more */
	"CREATE TABLE enrolments ("
	"  hash TEXT NOT NULL, machine TEXT NOT NULL, key TEXT NOT NULL, at INTEGER NOT NULL,"
	"  PRIMARY KEY (hash, machine)) WITHOUT ROWID;",
};
/* clang-format on */

const size_t schema_n_steps = ELEMENTSOF(schema_steps);
