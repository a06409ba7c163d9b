// SPDX-License-Identifier: Apache-2.0
/*
 * heap.h - a binary heap of nodes that live inside their owners. Private to base.
 *
 * Room is reserved when an owner comes to be, so that inserting it later, in the middle of
 * something, cannot fail.
 */
#pragma once

#include "base/macro.h"

struct heap_node {
	unsigned place; /* 1 + position; 0: not in a heap */
};

typedef bool (*heap_before_fn)(const struct heap_node *a, const struct heap_node *b);

struct heap {
	struct heap_node **nodes;
	unsigned n, room, reserved;
	heap_before_fn before;
};

int heap_reserve(struct heap *h); /* room for one node more; -ENOMEM */
void heap_unreserve(struct heap *h);
void heap_done(struct heap *h);
void heap_insert(struct heap *h, struct heap_node *node);
void heap_remove(struct heap *h, struct heap_node *node); /* nothing if it is in no heap */
void heap_moved(struct heap *h, struct heap_node *node);  /* its key was changed */

static inline struct heap_node *heap_top(const struct heap *h)
{
	return h->n > 0 ? h->nodes[0] : NULL;
}
