// SPDX-License-Identifier: Apache-2.0
/* api-queue.h - private to api: one call that asks for jobs, and the units it waits for. */
#pragma once

#include "api/api-internal.h"

struct queue_call;

/* One name of a call. */
struct queue_item {
	struct job_waiter waiter;
	struct queue_call *queue;
	char *unit, *text;
	const char *error; /* name of the error of a refused one */
	uint32_t job;
	enum job_type type;
	enum { ITEM_FAILED, ITEM_PENDING, ITEM_FOLLOWED, ITEM_FINISHED } state;
	enum job_result result;
	struct unit *followed; /* referenced until it is down; NULL: nobody asked */
	struct list follow_link;
};

struct queue_call {
	struct api *api;
	struct varlink_call *call;
	bool more, wait, follow;
	size_t n, n_pending; /* items that wait for a job or an end */
	struct queue_item items[];
};

struct queue_call *queue_new(struct api *a, struct varlink_call *call, size_t n, bool wait,
                             bool follow);
void queue_free(struct queue_call *q);
/* A job for one item. */
int queue_unit(struct queue_item *it, enum job_type type, struct unit *u, enum job_mode mode,
               struct diag *d);
void queue_item_refuse(struct queue_item *it, int r, const struct diag *d);
/* The answer that goes out before anything has ended. The call may be freed by it. */
void queue_answer_first(struct queue_call *q);
