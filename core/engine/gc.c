// SPDX-License-Identifier: Apache-2.0
/*
 * gc.c - units that nobody needs any more are freed. A unit stays while it is up, has a job or
 * processes, is looked at, or while a unit that stays refers to it (DEP_REFERENCES, transitively;
 * so two dead units cannot keep each other).
 *
 * The common case is cheap: a unit that is up, or that a unit which is up refers to, is kept
 * without a look at the graph. Only when there is a candidate beyond that, one marking pass over
 * all units decides for all candidates at once. What goes takes along all that refers to it, which is
 * as unneeded: a unit that stayed would have lost what its file says of the one that is gone.
 */
#include "engine/private.h"

void unit_gc_soon(struct unit *u)
{
	if (u->in_gc_queue)
		return;
	u->in_gc_queue = true;
	list_remove(&u->gc_link); /* it may be a candidate already */
	list_append(&u->manager->gc_queue, &u->gc_link);
	manager_kick(u->manager);
}

/* By itself, whoever refers to it. */
static bool must_stay(const struct unit *u)
{
	enum unit_active_state s;

	if (u->load_state == LOAD_MERGED)
		return u->n_ref > 0;
	if (u->job || u->nop_job || u->perpetual || u->n_ref > 0 || u->in_load_queue ||
	    u->n_pids > 0 || u->cgroup || list_is_linked(&u->owed.link) ||
	    !list_is_empty(&u->load_link))
		return true;
	s = unit_active_state(u);
	if (s == UNIT_FAILED)
		return !u->file || !u->file->unit.collect_inactive_or_failed;
	if (s != UNIT_INACTIVE)
		return true;
	return u->ops->may_gc && !u->ops->may_gc(u);
}

/* What it starts at its end is told about it (MONITOR_*=) with each command until it is down again. */
static bool is_told_about(const struct unit *u)
{
	struct unit *other;

	UNIT_FOREACH_NEIGHBOUR (other, u,
	                        DEPENDENCY_BIT(DEP_ON_SUCCESS) | DEPENDENCY_BIT(DEP_ON_FAILURE))
		if (other->ops->type == UNIT_SERVICE && must_stay(other))
			return true;
	return false;
}

static bool is_kept_by_neighbour(const struct unit *u)
{
	struct unit *other;

	UNIT_FOREACH_DEPENDENCY (other, u, DEP_REFERENCED_BY)
		if (must_stay(other))
			return true;
	return is_told_about(u);
}

struct mark_stack {
	struct unit **v;
	size_t n, allocated;
};

static int push(struct mark_stack *s, struct unit *u, uint32_t mark)
{
	if (u->mark == mark)
		return 0;
	if (s->n == s->allocated) {
		size_t n = s->allocated ? s->allocated * 2 : 256;
		struct unit **v = realloc(s->v, n * sizeof(*v));

		if (!v)
			return -ENOMEM;
		s->v = v;
		s->allocated = n;
	}
	u->mark = mark;
	s->v[s->n++] = u;
	return 0;
}

/* Marks all that stays. */
static int mark_all(struct manager *m, uint32_t mark)
{
	struct mark_stack s = {0};
	struct unit *u, *other;
	int r = 0;

	MAP_FOREACH (u, m->units)
		if (r >= 0 && (must_stay(u) || is_told_about(u)))
			r = push(&s, u, mark);
	while (r >= 0 && s.n > 0) {
		u = s.v[--s.n];
		UNIT_FOREACH_DEPENDENCY (other, u, DEP_REFERENCES)
			if (r >= 0)
				r = push(&s, other, mark);
	}
	free(s.v);
	return r;
}

static void forget(struct unit *u)
{
	struct manager *m = u->manager;

	log_debug("Forgetting %s", u->id);
	if (u->load_state != LOAD_MERGED)
		unit_remove_transient(u);
	if (m->hooks && m->hooks->unit_forget && u->load_state != LOAD_MERGED)
		m->hooks->unit_forget(u, m->userdata);
	unit_free(u);
}

void manager_gc_queued(struct manager *m)
{
	struct list candidates;
	struct unit *u;

	if (list_is_empty(&m->gc_queue) || m->load_depth > 0)
		return;
	list_init(&candidates);
	while ((u = LIST_FIRST(&m->gc_queue, struct unit, gc_link))) {
		list_remove(&u->gc_link);
		u->in_gc_queue = false;
		if (u->load_state == LOAD_MERGED && u->n_ref == 0)
			unit_free(u);
		else if (!must_stay(u) && !is_kept_by_neighbour(u))
			list_append(&candidates, &u->gc_link);
	}
	if (list_is_empty(&candidates))
		return;
	if (mark_all(m, ++m->mark) < 0) {
		while ((u = LIST_FIRST(&candidates, struct unit, gc_link)))
			list_remove(&u->gc_link);
		return;
	}
	while ((u = LIST_FIRST(&candidates, struct unit, gc_link))) {
		struct unit *other;

		list_remove(&u->gc_link);
		if (u->mark == m->mark)
			continue;
		UNIT_FOREACH_NEIGHBOUR (other, u,
		                        DEPENDENCY_BIT(DEP_REFERENCES) |
		                                DEPENDENCY_BIT(DEP_REFERENCED_BY)) {
			other->in_gc_queue = false;
			list_remove(&other->gc_link);
			list_append(&candidates, &other->gc_link);
		}
		forget(u);
	}
}
