// SPDX-License-Identifier: Apache-2.0
/*
 * state-internal.h - units and their records. Keys of the store: "unit/NAME", "manager", "exits"
 * (the number of the last exit whose consequences are stored; written in the transaction that
 * stores them, so that an exit which init tells of twice counts once).
 */
#pragma once

#include "state/state.h"

#define STATE_UNIT_PREFIX "unit/"
#define STATE_MANAGER_KEY "manager"
#define STATE_EXITS_KEY   "exits"
/* While the store is full, try again so often; nothing is lost meanwhile, since init keeps the
 * exits. */
#define STATE_RETRY_USEC (1 * USEC_PER_SEC)

struct state {
	struct manager *manager;
	struct store *store;
	struct link *link; /* NULL in tests */
	struct source *retry;
	struct map *dirty; /* units whose record is made at the end of the turn */
	bool all_dirty;    /* there was no memory to say which */
	uint64_t exits_handled, exits_stored;
	uint64_t signals_handled; /* bit n: signal n, to be acknowledged */
	struct list questions;    /* exits.c */
	bool failing;             /* the last flush failed; said once */
	char *carry;              /* of the manager's record: lines of a newer version */
};

int state_restore_manager(struct state *t);

/* ---- exits.c ---- */
void exits_heard(struct state *t);
void exits_forget(struct state *t, const struct unit *u); /* NULL: all */
