// SPDX-License-Identifier: Apache-2.0
#include "base/heap.h"

int heap_reserve(struct heap *h)
{
	if (h->reserved >= h->room) {
		unsigned room = MAX(h->room + h->room / 2, 8U);
		struct heap_node **grown = reallocarray(h->nodes, room, sizeof(struct heap_node *));

		if (!grown)
			return -ENOMEM;
		h->nodes = grown;
		h->room = room;
	}
	h->reserved++;
	return 0;
}

void heap_unreserve(struct heap *h)
{
	h->reserved -= h->reserved > 0;
}

void heap_done(struct heap *h)
{
	free(h->nodes);
	*h = (struct heap){.before = h->before};
}

static void put(struct heap *h, unsigned i, struct heap_node *node)
{
	h->nodes[i] = node;
	node->place = i + 1;
}

static unsigned sift_up(struct heap *h, unsigned i, struct heap_node *node)
{
	while (i > 0 && h->before(node, h->nodes[(i - 1) / 2])) {
		put(h, i, h->nodes[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	put(h, i, node);
	return i;
}

static void sift_down(struct heap *h, unsigned i, struct heap_node *node)
{
	for (unsigned child; (child = 2 * i + 1) < h->n; i = child) {
		if (child + 1 < h->n && h->before(h->nodes[child + 1], h->nodes[child]))
			child++;
		if (!h->before(h->nodes[child], node))
			break;
		put(h, i, h->nodes[child]);
	}
	put(h, i, node);
}

void heap_insert(struct heap *h, struct heap_node *node)
{
	/* Never true if the owner reserved; the node is then simply not in the heap. */
	if (node->place > 0 || h->n >= h->room)
		return;
	(void) sift_up(h, h->n++, node);
}

void heap_remove(struct heap *h, struct heap_node *node)
{
	unsigned i = node->place - 1;
	struct heap_node *last;

	if (node->place == 0)
		return;
	node->place = 0;
	last = h->nodes[--h->n];
	if (last == node)
		return;
	if (sift_up(h, i, last) == i)
		sift_down(h, i, last);
}

void heap_moved(struct heap *h, struct heap_node *node)
{
	unsigned i = node->place - 1;

	if (node->place > 0 && sift_up(h, i, node) == i)
		sift_down(h, i, node);
}
