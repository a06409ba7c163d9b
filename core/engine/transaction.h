// SPDX-License-Identifier: Apache-2.0
/*
 * transaction.h - one request, thought through as a whole before anything of it happens.
 *
 * transaction.c collects the jobs that a request implies (the closure over dependencies) and
 * installs them in the end; transaction-check.c makes the collection consistent or refuses it. Jobs
 * here are sketches: many for one unit until they are merged, tied by links that say who pulled
 * whom and whether it matters. Their memory is one arena, dropped as a whole.
 */
#pragma once

#include "engine/private.h"

struct transaction_job {
	struct unit *unit;
	enum job_type type;
	bool matters, ignore_order, deleted;
	struct transaction_job *next;   /* of the same unit */
	struct list link;               /* of the transaction */
	struct list pulls;              /* links that this job made */
	struct list pulled_by;          /* links that lead here */
	uint32_t generation;            /* of the last walk that came by */
	struct transaction_job *marker; /* where that walk came from; itself: walked and fine */
};

struct transaction_link {
	struct transaction_job *subject, *object; /* subject pulls object */
	bool matters, conflicts;
	struct list pulls_link, pulled_link;
};

struct arena_chunk;
struct transaction {
	struct manager *manager;
	struct list jobs;
	size_t n_jobs;
	struct transaction_job *anchor;
	struct arena_chunk *chunks;
	uint32_t generation;
	bool look_again; /* files came since the index was read: units that were not found may be there now */
	struct diag *diag;
};

void transaction_done(struct transaction *t);
void transaction_delete_job(struct transaction *t, struct transaction_job *j,
                            bool with_those_that_need_it);
void transaction_delete_unit(struct transaction *t, struct unit *u);
/* Closure of @type for @u, pulled by @by (NULL: the anchor). 0 or -errno with a finding. */
int transaction_add(struct transaction *t, enum job_type type, struct unit *u,
                    struct transaction_job *by, bool ignore_requirements, bool ignore_order);
/* Drops what is not needed, breaks cycles, merges: after it each unit has at most one job. */
int transaction_check(struct transaction *t, enum job_mode mode);
