// SPDX-License-Identifier: Apache-2.0
/*
 * transaction-check.c - makes a collection of jobs consistent, in this order: mark what the anchor
 * really needs; (mode fail) drop what would disturb others without need; drop what is true already;
 * break cycles of order; merge the jobs of each unit; and see that nothing irreversible is undone.
 * Whatever is dropped takes along what needs it and leaves behind what nobody pulls any more.
 */
#include "engine/transaction.h"

static void mark_matters(struct transaction_job *j)
{
	if (j->matters)
		return;
	j->matters = true;
	for (struct list *it = j->pulls.next; it != &j->pulls; it = it->next) {
		struct transaction_link *l = container_of(it, struct transaction_link, pulls_link);

		if (l->matters)
			mark_matters(l->object);
	}
}

static bool installed_conflicts(const struct unit *u, enum job_type type)
{
	return u->job && job_type_is_conflicting(u->job->type, type);
}

/* Repeats @pass until it changes nothing; the list may lose any of its members in a pass. */
static void until_stable(struct transaction *t, bool (*pass)(struct transaction *t))
{
	while (pass(t))
		;
}

static bool minimize_impact(struct transaction *t)
{
	LIST_FOREACH (j, &t->jobs, struct transaction_job, link) {
		bool stops =
			j->type == JOB_STOP && state_is_up_or_coming(unit_active_state(j->unit));

		if (j->matters || !(stops || installed_conflicts(j->unit, j->type)))
			continue;
		log_debug("Leaving %s/%s out, it would disturb what runs", j->unit->id,
		          job_type_to_string(j->type));
		transaction_delete_job(t, j, true);
		return true;
	}
	return false;
}

static bool unit_is_redundant(const struct transaction *t, const struct unit *u)
{
	enum unit_active_state s = unit_active_state(u);

	for (struct transaction_job *j = u->transaction_job; j; j = j->next)
		if (j == t->anchor || !job_type_is_redundant(j->type, s) ||
		    installed_conflicts(u, j->type))
			return false;
	return true;
}

/* Deletes only what it looks at: one pass is enough. */
static void drop_redundant(struct transaction *t)
{
	struct list *it, *next;

	for (it = t->jobs.next; it != &t->jobs; it = next) {
		struct transaction_job *j = container_of(it, struct transaction_job, link);

		next = it->next;
		/* The first of a unit's jobs in the list decides for all; others of it are further
		 * down. */
		if (unit_is_redundant(t, j->unit))
			transaction_delete_job(t, j, false);
	}
}

/* What nobody pulls any more goes, and then what it pulled. */
static void collect_garbage(struct transaction *t)
{
	struct list *it, *next;
	bool again;

	do {
		again = false;
		for (it = t->jobs.next; it != &t->jobs; it = next) {
			struct transaction_job *j = container_of(it, struct transaction_job, link);

			next = it->next;
			if (j == t->anchor || !list_is_empty(&j->pulled_by))
				continue;
			again = again || !list_is_empty(&j->pulls);
			transaction_delete_job(t, j, true);
		}
	} while (again);
}

/* ---- cycles ---- */

static bool unit_matters(const struct unit *u)
{
	for (const struct transaction_job *j = u->transaction_job; j; j = j->next)
		if (j->matters)
			return true;
	return false;
}

/* How many jobs would go with this one: those that need it, and in turn. */
static size_t cost_of(struct transaction_job *j, uint32_t generation)
{
	size_t n = 1;

	if (j->generation == generation)
		return 0;
	j->generation = generation;
	for (struct list *it = j->pulled_by.next; it != &j->pulled_by; it = it->next) {
		struct transaction_link *l = container_of(it, struct transaction_link, pulled_link);

		if (l->matters)
			n += cost_of(l->subject, generation);
	}
	return n;
}

#define CYCLE_MAX 64
struct cycle {
	struct transaction_job *jobs[CYCLE_MAX];
	size_t n;
};

static void name_cycle(struct transaction *t, const struct cycle *c,
                       const struct transaction_job *victim)
{
	auto_strbuf struct strbuf b = {.max = DIAG_TEXT_MAX - 96};

	for (size_t i = c->n; i > 0; i--)
		strbuf_printf(&b, "%s%s/%s", i == c->n ? "" : " -> ", c->jobs[i - 1]->unit->id,
		              job_type_to_string(c->jobs[i - 1]->type));
	if (victim) {
		diag_add(t->diag, 0, DIAG_WARNING, NULL, 0,
		         "Ordering cycle found: %s; job %s/%s is left out to break it",
		         b.data ? b.data : "?", victim->unit->id, job_type_to_string(victim->type));
		log_warning("Ordering cycle found: %s; job %s/%s is left out to break it",
		            b.data ? b.data : "?", victim->unit->id,
		            job_type_to_string(victim->type));
	} else {
		diag_add(t->diag, -EDEADLK, DIAG_ERROR, NULL, 0,
		         "Ordering cycle of jobs that are all required: %s", b.data ? b.data : "?");
	}
}

/* -EAGAIN: one job less, look again. -EDEADLK: all of them are required. */
static int break_cycle(struct transaction *t, const struct cycle *c)
{
	struct transaction_job *victim = NULL;
	size_t best = SIZE_MAX;

	for (size_t i = 0; i < c->n; i++) {
		struct transaction_job *j = c->jobs[i];
		size_t cost;

		if (!j->unit->transaction_job || unit_matters(j->unit))
			continue;
		cost = cost_of(j->unit->transaction_job, ++t->generation);
		if (cost < best) {
			best = cost;
			victim = j->unit->transaction_job;
		}
	}
	name_cycle(t, c, victim);
	if (!victim)
		return -EDEADLK;
	transaction_delete_unit(t, victim->unit);
	return -EAGAIN;
}

/* The walk looks at one job a unit: the transaction's, or else the installed one. */
static struct job_order order_of(const struct transaction_job *tj, const struct unit *u,
                                 bool *ret_any)
{
	*ret_any = true;
	if (tj)
		return (struct job_order){tj->type, tj->ignore_order};
	if (u->job)
		return (struct job_order){u->job->type, u->job->ignore_order};
	*ret_any = false;
	return (struct job_order){JOB_NOP, true};
}

struct walk {
	struct transaction *t;
	uint32_t open, done; /* marks in unit->mark */
	struct unit **stack;
	size_t depth, allocated;
};

static int walk_push(struct walk *w, struct unit *u)
{
	if (w->depth == w->allocated) {
		size_t n = w->allocated ? w->allocated * 2 : 256;
		struct unit **v = realloc(w->stack, n * sizeof(*v));

		if (!v)
			return -ENOMEM;
		w->stack = v;
		w->allocated = n;
	}
	w->stack[w->depth++] = u;
	return 0;
}

/* The part of the stack from the unit that was met again. */
static int cycle_found(struct walk *w, const struct unit *again)
{
	struct cycle c = {.n = 0};

	for (size_t i = w->depth; i > 0 && c.n < CYCLE_MAX; i--) {
		struct unit *u = w->stack[i - 1];

		if (u->transaction_job)
			c.jobs[c.n++] = u->transaction_job;
		if (u == again)
			break;
	}
	return break_cycle(w->t, &c);
}

static int walk_unit(struct walk *w, struct unit *u)
{
	static const enum unit_dependency directions[] = {DEP_AFTER, DEP_BEFORE};
	struct job_order mine, theirs;
	struct unit *other;
	bool any;
	int r;

	if (u->mark == w->done)
		return 0;
	if (u->mark == w->open)
		return cycle_found(w, u);
	mine = order_of(u->transaction_job, u, &any);
	if (!any)
		return 0;
	r = walk_push(w, u);
	if (r < 0)
		return r;
	u->mark = w->open;
	for (size_t i = 0; i < ELEMENTSOF(directions); i++)
		UNIT_FOREACH_DEPENDENCY (other, u, directions[i]) {
			theirs = order_of(other->transaction_job, other, &any);
			/* Follow only what must run before us. */
			if (!any || job_order_compare(mine, theirs, directions[i]) <= 0)
				continue;
			r = walk_unit(w, other);
			if (r < 0)
				return r;
		}
	u->mark = w->done;
	w->depth--;
	return 0;
}

static int verify_order_once(struct transaction *t)
{
	struct manager *m = t->manager;
	struct walk w = {.t = t, .open = m->mark + 1, .done = m->mark + 2};
	int r = 0;

	m->mark += 2;
	LIST_FOREACH (j, &t->jobs, struct transaction_job, link) {
		r = walk_unit(&w, j->unit);
		if (r < 0)
			goto out;
	}
out:
	free(w.stack);
	return r;
}

static int verify_order(struct transaction *t, bool collect)
{
	int r;

	do {
		if (collect)
			collect_garbage(t);
		r = verify_order_once(t);
		if (r == -EAGAIN && !t->anchor)
			return -EDEADLK;
	} while (r == -EAGAIN);
	return r;
}

/* ---- merging ---- */

static bool is_stop_of_conflict(const struct transaction_job *j)
{
	for (const struct list *it = j->pulled_by.next; it != &j->pulled_by; it = it->next)
		if (container_of(it, struct transaction_link, pulled_link)->conflicts)
			return true;
	return false;
}

/*
 * Which of two jobs that exclude each other goes, when neither is needed. Better to let something
 * run than to stop it, unless it is stopped because something else that is started here conflicts
 * with it.
 */
static struct transaction_job *weaker_of(struct transaction_job *a, struct transaction_job *b)
{
	if (a->matters != b->matters)
		return a->matters ? b : a;
	if (a->type == JOB_STOP && is_stop_of_conflict(a))
		return b;
	if (b->type == JOB_STOP && is_stop_of_conflict(b))
		return a;
	return b->type == JOB_STOP ? b : a;
}

static int drop_one_of_unmergeable(struct transaction *t, struct unit *u)
{
	for (struct transaction_job *a = u->transaction_job; a; a = a->next)
		for (struct transaction_job *b = a->next; b; b = b->next) {
			if (job_type_merge(a->type, b->type) >= 0)
				continue;
			if (a->matters && b->matters)
				return diag_add(
					t->diag, -ENOEXEC, DIAG_ERROR, NULL, 0,
					"Transaction contains conflicting jobs '%s' and '%s' for "
					"%s; probably "
					"contradicting requirement dependencies are configured",
					job_type_to_string(a->type), job_type_to_string(b->type),
					u->id);
			transaction_delete_job(t, weaker_of(a, b), true);
			return -EAGAIN;
		}
	return -ENOEXEC;
}

/* The links of @from become @to's. */
static void take_links(struct transaction_job *to, struct transaction_job *from)
{
	struct list *it;

	while ((it = from->pulls.next) != &from->pulls) {
		list_remove(it);
		container_of(it, struct transaction_link, pulls_link)->subject = to;
		list_append(&to->pulls, it);
	}
	while ((it = from->pulled_by.next) != &from->pulled_by) {
		list_remove(it);
		container_of(it, struct transaction_link, pulled_link)->object = to;
		list_append(&to->pulled_by, it);
	}
}

static int merged_type(const struct unit *u, enum job_type *ret)
{
	enum job_type type = u->transaction_job->type;

	for (const struct transaction_job *j = u->transaction_job->next; j; j = j->next) {
		int t = job_type_merge(type, j->type);

		if (t < 0)
			return t;
		type = job_type_collapse(t, u);
	}
	*ret = type;
	return 0;
}

/* All jobs of its unit become @keep. */
static void merge_unit(struct transaction *t, struct transaction_job *keep, enum job_type type)
{
	bool anchor = false;

	keep->type = type;
	for (struct transaction_job *j = keep->unit->transaction_job, *next; j; j = next) {
		next = j->next;
		anchor |= j == t->anchor;
		if (j == keep)
			continue;
		keep->matters |= j->matters;
		keep->ignore_order |= j->ignore_order;
		take_links(keep, j);
		transaction_delete_job(t, j, false);
	}
	if (anchor)
		t->anchor = keep;
}

static int merge_once(struct transaction *t)
{
	enum job_type type;

	LIST_FOREACH (j, &t->jobs, struct transaction_job, link)
		if (j->unit->transaction_job->next && merged_type(j->unit, &type) < 0)
			return drop_one_of_unmergeable(t, j->unit);
	for (struct list *it = t->jobs.next; it != &t->jobs; it = it->next) {
		struct transaction_job *j = container_of(it, struct transaction_job, link);

		if (j->unit->transaction_job->next && merged_type(j->unit, &type) >= 0)
			merge_unit(t, j, type);
	}
	return 0;
}

static int merge_jobs(struct transaction *t, bool collect)
{
	int r;

	for (;;) {
		r = merge_once(t);
		if (r != -EAGAIN)
			return r;
		if (!t->anchor)
			return -ENOEXEC;
		if (collect)
			collect_garbage(t);
	}
}

static int check_destructive(struct transaction *t, enum job_mode mode)
{
	LIST_FOREACH (j, &t->jobs, struct transaction_job, link) {
		struct job *installed = j->unit->job;

		if (!installed || (mode != JOB_MODE_FAIL && !installed->irreversible))
			continue;
		if (job_type_is_conflicting(installed->type, j->type))
			return diag_add(t->diag, -EEXIST, DIAG_ERROR, NULL, 0,
			                "Transaction for %s/%s is destructive (%s has '%s' job "
			                "queued, but '%s' is included in transaction)",
			                t->anchor->unit->id, job_type_to_string(t->anchor->type),
			                j->unit->id, job_type_to_string(installed->type),
			                job_type_to_string(j->type));
	}
	return 0;
}

int transaction_check(struct transaction *t, enum job_mode mode)
{
	/* Jobs of an isolation hang at the anchor only, so there is nothing to collect. */
	bool collect = mode != JOB_MODE_ISOLATE;
	int r;

	mark_matters(t->anchor);
	if (mode == JOB_MODE_FAIL)
		until_stable(t, minimize_impact);
	drop_redundant(t);
	r = verify_order(t, collect);
	if (r < 0)
		return r;
	r = merge_jobs(t, collect);
	if (r < 0)
		return r;
	drop_redundant(t);
	return check_destructive(t, mode);
}
