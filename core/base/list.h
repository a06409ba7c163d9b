// SPDX-License-Identifier: Apache-2.0
/* list.h - intrusive doubly linked lists; a head is a link, too. A zeroed link is unlinked. */
#pragma once

#include "base/macro.h"

struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *head)
{
	head->next = head->prev = head;
}
static inline bool list_is_empty(const struct list *head)
{
	return !head->next || head->next == head;
}
static inline bool list_is_linked(const struct list *l)
{
	return l->next && l->next != l;
}
static inline void list_append(struct list *head, struct list *l)
{
	l->prev = head->prev;
	l->next = head;
	head->prev->next = l;
	head->prev = l;
}
static inline void list_prepend(struct list *head, struct list *l)
{
	list_append(head->next, l);
}
/* Safe on an unlinked, zeroed link. */
static inline void list_remove(struct list *l)
{
	if (!l->next)
		return;
	l->prev->next = l->next;
	l->next->prev = l->prev;
	l->next = l->prev = NULL;
}
/* All of @from into the new head @to; @from is empty then. */
static inline void list_move(struct list *to, struct list *from)
{
	list_init(to);
	if (list_is_empty(from))
		return;
	*to = *from;
	to->next->prev = to->prev->next = to;
	list_init(from);
}
/* The body may remove the current element; break and continue do what they say. */
#define LIST_FOREACH(it, head, type, member)                                                       \
	for (struct list *it##_l = (head)->next, *it##_n = it##_l ? it##_l->next : NULL,           \
	                 *it##_more = it##_l;                                                      \
	     it##_more && it##_l != (head);                                                        \
	     (void) (it##_more ? (it##_l = it##_n, it##_n = it##_l->next) : NULL))                 \
		for (type *it = (it##_more = NULL, container_of(it##_l, type, member)); it;        \
		     it = NULL, it##_more = it##_l)
#define LIST_FIRST(head, type, member)                                                             \
	(list_is_empty(head) ? NULL : container_of((head)->next, type, member))
