// SPDX-License-Identifier: Apache-2.0
/*
 * transaction.c - from a request to installed jobs: the closure over dependencies by one table of
 * rules, then (after transaction-check.c) the installation, which cannot fail half-way: all memory
 * is there before the first job is touched.
 */
#include "engine/transaction.h"

#include <inttypes.h>

/* ---- memory ---- */

#define CHUNK_SIZE 16384

struct arena_chunk {
	struct arena_chunk *next;
	size_t used;
	max_align_t data[(CHUNK_SIZE - 2 * sizeof(void *)) / sizeof(max_align_t)];
};

static void *arena_take(struct transaction *t, size_t size)
{
	struct arena_chunk *c = t->chunks;
	void *p;

	size = (size + sizeof(max_align_t) - 1) & ~(sizeof(max_align_t) - 1);
	if (!c || c->used + size > sizeof(c->data)) {
		c = malloc(sizeof(*c));
		if (!c)
			return NULL;
		c->next = t->chunks;
		c->used = 0;
		t->chunks = c;
	}
	p = (char *) c->data + c->used;
	c->used += size;
	return memset(p, 0, size);
}

void transaction_done(struct transaction *t)
{
	struct arena_chunk *c;

	LIST_FOREACH (j, &t->jobs, struct transaction_job, link)
		j->unit->transaction_job = NULL;
	while ((c = t->chunks)) {
		t->chunks = c->next;
		free(c);
	}
}

/* ---- jobs and links ---- */

static int job_add(struct transaction *t, enum job_type type, struct unit *u,
                   struct transaction_job **ret)
{
	struct transaction_job *j;

	for (j = u->transaction_job; j; j = j->next)
		if (j->type == type) {
			*ret = j;
			return 0;
		}
	if (t->n_jobs >= ENGINE_JOBS_MAX)
		return diag_add(t->diag, -E2BIG, DIAG_ERROR, NULL, 0,
		                "Too many jobs in one transaction");
	j = arena_take(t, sizeof(*j));
	if (!j)
		return -ENOMEM;
	j->unit = u;
	j->type = type;
	list_init(&j->pulls);
	list_init(&j->pulled_by);
	j->next = u->transaction_job;
	u->transaction_job = j;
	list_append(&t->jobs, &j->link);
	t->n_jobs++;
	*ret = j;
	return 1;
}

static int link_add(struct transaction *t, struct transaction_job *subject,
                    struct transaction_job *object, bool matters, bool conflicts)
{
	struct transaction_link *l = arena_take(t, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->subject = subject;
	l->object = object;
	l->matters = matters;
	l->conflicts = conflicts;
	list_append(&subject->pulls, &l->pulls_link);
	list_append(&object->pulled_by, &l->pulled_link);
	return 0;
}

void transaction_delete_job(struct transaction *t, struct transaction_job *j,
                            bool with_those_that_need_it)
{
	struct transaction_job **p = &j->unit->transaction_job;
	struct list *it;

	if (j->deleted)
		return;
	j->deleted = true;
	while (*p && *p != j)
		p = &(*p)->next;
	if (*p)
		*p = j->next;
	list_remove(&j->link);
	t->n_jobs--;
	if (t->anchor == j)
		t->anchor = NULL;
	while ((it = j->pulls.next) != &j->pulls) {
		struct transaction_link *l = container_of(it, struct transaction_link, pulls_link);

		list_remove(&l->pulls_link);
		list_remove(&l->pulled_link);
	}
	while ((it = j->pulled_by.next) != &j->pulled_by) {
		struct transaction_link *l = container_of(it, struct transaction_link, pulled_link);

		list_remove(&l->pulls_link);
		list_remove(&l->pulled_link);
		if (l->matters && with_those_that_need_it)
			transaction_delete_job(t, l->subject, true);
	}
}

void transaction_delete_unit(struct transaction *t, struct unit *u)
{
	while (u->transaction_job)
		transaction_delete_job(t, u->transaction_job, true);
}

/* ---- closure ---- */

#define BIT(n) (1u << (n))

/* What a job of one type asks of the units that are tied to its own. */
/* clang-format off */
static const struct rule {
	uint32_t when;   /* bits of job types */
	uint32_t effect;
	enum job_type pulls;
	bool matters, conflicts;
} rules[] = {
	{ BIT(JOB_START) | BIT(JOB_RESTART), EFFECT_PULL_START,         JOB_START,         true,  false },
	{ BIT(JOB_START) | BIT(JOB_RESTART), EFFECT_PULL_START_IGNORED, JOB_START,         false, false },
	{ BIT(JOB_START) | BIT(JOB_RESTART), EFFECT_PULL_VERIFY,        JOB_VERIFY_ACTIVE, true,  false },
	{ BIT(JOB_START) | BIT(JOB_RESTART), EFFECT_PULL_STOP,          JOB_STOP,          true,  true  },
	{ BIT(JOB_START) | BIT(JOB_RESTART), EFFECT_PULL_STOP_IGNORED,  JOB_STOP,          false, false },
	{ BIT(JOB_STOP),                     EFFECT_PASS_STOP,          JOB_STOP,          true,  false },
	/* Only what runs is restarted along. */
	{ BIT(JOB_RESTART),                  EFFECT_PASS_RESTART,       JOB_TRY_RESTART,   true,  false },
	{ BIT(JOB_RELOAD),                   EFFECT_PASS_RELOAD,        JOB_TRY_RELOAD,    false, false },
};

/* Load states in which a unit cannot be started, and the errno that says so. */
static const struct { enum unit_load_state state; int error; const char *text; } load_errors[] = {
	{ LOAD_NOT_FOUND,   -ENOENT,  "Unit %s not found" },
	{ LOAD_MASKED,      -ERFKILL, "Unit %s is masked" },
	{ LOAD_BAD_SETTING, -EBADMSG, "Unit %s has a bad unit file setting" },
	{ LOAD_ERROR,       -EBADMSG, "Unit %s failed to load properly" },
	{ LOAD_STUB,        -EBADMSG, "Unit %s is not loaded" },
};
/* clang-format on */

static int check_load_state(struct transaction *t, const struct unit *u, enum job_type type)
{
	/* What runs can be stopped, whatever became of its file. */
	if (type == JOB_STOP && u->load_state != LOAD_STUB)
		return 0;
	for (size_t i = 0; i < ELEMENTSOF(load_errors); i++) {
		if (load_errors[i].state != u->load_state)
			continue;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		diag_add(t->diag, load_errors[i].error, DIAG_ERROR,
		         u->file ? u->file->fragment_path : NULL, 0, load_errors[i].text, u->id);
#pragma GCC diagnostic pop
		if (u->load_error)
			diag_add(t->diag, load_errors[i].error, DIAG_ERROR, NULL, 0, "%s",
			         u->load_error);
		return load_errors[i].error;
	}
	return 0;
}

/* One job, not yet what it implies. 1: it is new, 0: it was there. */
static int add_one(struct transaction *t, enum job_type type, struct unit *u,
                   const struct transaction_link *by, bool ignore_order,
                   struct transaction_job **ret)
{
	struct unit *loaded = u;
	int r, is_new;

	if (u->load_state == LOAD_STUB ||
	    (u->load_state == LOAD_NOT_FOUND && t->look_again && type != JOB_STOP)) {
		r = manager_load_unit(u->manager, u->id, NULL, &loaded);
		if (r < 0)
			return r;
		u = loaded;
	}
	r = check_load_state(t, u, type);
	if (r < 0)
		return r;
	if (!job_type_applies(type, u))
		return diag_add(t->diag, -EOPNOTSUPP, by ? DIAG_INFO : DIAG_ERROR, NULL, 0,
		                "Job type %s is not applicable for unit %s",
		                job_type_to_string(type), u->id);
	is_new = job_add(t, type, u, ret);
	if (is_new < 0)
		return is_new;
	(*ret)->ignore_order |= ignore_order;
	if (!by)
		return is_new;
	r = link_add(t, by->subject, *ret, by->matters, by->conflicts);
	return r < 0 ? r : is_new;
}

/*
 * What pulls a unit in may be unable to have it. If it only wants it, it goes on without; if it
 * needs it, it goes, too, and with it all that need it. If that reaches the anchor the request
 * fails.
 */
static int pull_failed(struct transaction *t, struct transaction_job *by, const struct unit *u,
                       bool matters, int error)
{
	if (error == -ENOMEM || error == -E2BIG)
		return error;
	/* The unit has no such operation: it stays as it is. */
	if (!matters || error == -EOPNOTSUPP) {
		log_debug_errno(error, "%s goes on without %s: %m", by->unit->id, u->id);
		return 0;
	}
	transaction_delete_job(t, by, true);
	return t->anchor ? 0 : error;
}

static int apply_rule(struct transaction *t, struct transaction_job *j, const struct rule *rule)
{
	auto_unit_vector struct unit_vector v = {0};
	int n, r;

	n = unit_collect_effect(j->unit, rule->effect, &v);
	if (n < 0)
		return n;
	for (int i = 0; i < n && !j->deleted; i++) {
		struct transaction_link by = {
			.subject = j, .matters = rule->matters, .conflicts = rule->conflicts};
		enum job_type type = job_type_collapse(rule->pulls, v.v[i]);
		size_t n_findings = t->diag ? t->diag->n_items : 0;
		struct transaction_job *pulled;

		if (type == JOB_NOP)
			continue;
		r = add_one(t, type, v.v[i], &by, j->ignore_order, &pulled);
		if (r >= 0)
			continue;
		r = pull_failed(t, j, v.v[i], rule->matters, r);
		if (r < 0)
			return r;
		if (t->diag) /* it did not matter */
			t->diag->n_items = n_findings;
	}
	return 0;
}

int transaction_add(struct transaction *t, enum job_type type, struct unit *u,
                    struct transaction_job *by, bool ignore_requirements, bool ignore_order)
{
	struct transaction_link link = {.subject = by, .matters = true};
	struct transaction_job *j;
	struct list *it;
	int r;

	r = add_one(t, type, u, by ? &link : NULL, ignore_order, &j);
	if (r < 0)
		return r;
	if (!by)
		t->anchor = j;
	if (ignore_requirements || r == 0)
		return 0;
	/* New jobs go to the end of the list, so one walk down it is the closure. Jobs may vanish
	 * from the list behind and ahead of us; the walk then starts again and skips what was
	 * expanded. */
	for (it = &j->link; it != &t->jobs;) {
		struct transaction_job *k = container_of(it, struct transaction_job, link);

		if (k->generation == 0) {
			k->generation = 1;
			for (size_t i = 0; i < ELEMENTSOF(rules) && !k->deleted; i++) {
				if (!(rules[i].when & BIT(k->type)))
					continue;
				r = apply_rule(t, k, &rules[i]);
				if (r < 0)
					return r;
			}
		}
		it = k->deleted ? t->jobs.next : k->link.next;
	}
	return t->anchor ? 0 : -ENOENT;
}

/* ---- modes ---- */

/* isolate: everything that is up or on its way and not part of the new state goes. */
static int add_isolate_jobs(struct transaction *t)
{
	struct unit *u, *other;
	const void *key;

	for (size_t i = 0; map_next(t->manager->units, &i, &key, (void **) &u);) {
		bool keep = false;
		int r;

		if (!streq(key, u->id) || u->file == NULL || u->file->unit.ignore_on_isolate ||
		    u->transaction_job)
			continue;
		if (state_is_down(unit_active_state(u)) && !u->job)
			continue;
		UNIT_FOREACH_DEPENDENCY (other, u, DEP_TRIGGERED_BY)
			keep |= other->transaction_job != NULL;
		if (keep || u->perpetual)
			continue;
		r = transaction_add(t, JOB_STOP, u, t->anchor, false, false);
		if (r < 0)
			log_debug_errno(r, "Cannot stop %s for isolation: %m", u->id);
		if (r == -ENOMEM)
			return r;
	}
	return 0;
}

static int add_triggering_jobs(struct transaction *t, struct unit *u)
{
	struct unit *other;

	UNIT_FOREACH_DEPENDENCY (other, u, DEP_TRIGGERED_BY) {
		int r;

		if (other->transaction_job ||
		    (state_is_down(unit_active_state(other)) && !other->job))
			continue;
		r = transaction_add(t, JOB_STOP, other, t->anchor, false, false);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- installation ---- */

static int cancel_others(struct transaction *t, enum job_mode mode)
{
	struct manager *m = t->manager;
	auto_free uint32_t *ids = calloc(map_size(m->jobs) + 1, sizeof(*ids));
	struct job *j;
	size_t n = 0;

	if (!ids)
		return -ENOMEM;
	MAP_FOREACH (j, m->jobs)
		if (!j->unit->transaction_job &&
		    (mode != JOB_MODE_ISOLATE || !j->unit->file->unit.ignore_on_isolate))
			ids[n++] = j->id;
	/* Not recursive: their dependents are canceled as well, and nothing has failed. */
	for (size_t i = 0; i < n; i++) {
		j = manager_get_job(m, ids[i]);
		if (j)
			job_finish(j, JOB_CANCELED, false);
	}
	return 0;
}

static struct job *install_one(const struct transaction_job *tj, struct job *fresh,
                               bool irreversible, bool by_user)
{
	struct job *old = tj->type == JOB_NOP ? tj->unit->nop_job : tj->unit->job;
	bool conflicting = old && job_type_is_conflicting(old->type, tj->type);

	if (!old || conflicting) {
		if (old)
			job_finish(old, JOB_CANCELED, false);
		fresh->irreversible = irreversible;
		fresh->ignore_order = tj->ignore_order;
		fresh->by_user = by_user;
		job_install(fresh);
		return fresh;
	}
	/* A job that runs and does all of it already goes on; but a reload under way may have read
	 * the old configuration. */
	if (old->state == JOB_RUNNING &&
	    (tj->type == JOB_RELOAD || !job_type_is_superset(old->type, tj->type)))
		old->state = JOB_WAITING;
	job_merge_into(old, tj->type, irreversible, tj->ignore_order, by_user);
	job_free(fresh);
	return old;
}

static int transaction_apply(struct transaction *t, enum job_mode mode, bool by_user,
                             struct job **ret)
{
	auto_free struct job **fresh = calloc(t->n_jobs, sizeof(*fresh));
	struct manager *m = t->manager;
	uint32_t id = m->last_job_id;
	size_t n = 0, i = 0;
	int r = 0;

	if (!fresh)
		return -ENOMEM;
	LIST_FOREACH (tj, &t->jobs, struct transaction_job, link) {
		do
			id++;
		while (id == 0 || manager_get_job(m, id));
		r = job_new(tj->unit, tj->type, id, &fresh[n]);
		if (r < 0)
			goto fail;
		n++;
	}
	m->last_job_id = id;
	if (mode == JOB_MODE_ISOLATE || mode == JOB_MODE_FLUSH)
		r = cancel_others(t, mode);
	if (r < 0)
		goto fail;
	LIST_FOREACH (tj, &t->jobs, struct transaction_job, link) {
		bool is_anchor = tj == t->anchor;
		struct job *j = install_one(tj, fresh[i++], mode == JOB_MODE_REPLACE_IRREVERSIBLY,
		                            by_user && is_anchor);

		if (is_anchor)
			*ret = j;
	}
	return 0;
fail:
	while (n > 0)
		job_free(fresh[--n]);
	return r;
}

/* ---- the request ---- */

static int check_request(struct manager *m, enum job_type type, struct unit *u, enum job_mode mode,
                         bool by_user, struct diag *d)
{
	const struct unit_settings *s = &u->file->unit;
	bool starts = type == JOB_START || type == JOB_RESTART || type == JOB_RELOAD_OR_START;
	bool stops = type == JOB_STOP || type == JOB_RESTART;

	if (mode == JOB_MODE_ISOLATE && type != JOB_START)
		return diag_add(d, -EINVAL, DIAG_ERROR, NULL, 0, "Isolate is only valid for start");
	if (mode == JOB_MODE_ISOLATE && u->load_state == LOAD_LOADED && !s->allow_isolate)
		return diag_add(d, -EPERM, DIAG_ERROR, u->file->fragment_path, 0,
		                "Operation refused, unit %s may not be isolated", u->id);
	if (mode == JOB_MODE_TRIGGERING && type != JOB_STOP)
		return diag_add(d, -EINVAL, DIAG_ERROR, NULL, 0,
		                "--job-mode=triggering is only valid for stop");
	if (by_user && ((starts && s->refuse_manual_start) ||
	                (stops && (s->refuse_manual_stop || u->perpetual))))
		return diag_add(d, -EPERM, DIAG_ERROR, u->file->fragment_path, 0,
		                "Operation refused, unit %s may be requested by dependency only",
		                u->id);
	if (m->is_stopping && by_user && starts && mode == JOB_MODE_FAIL)
		return diag_add(d, -ESHUTDOWN, DIAG_ERROR, NULL, 0, "The system is going down");
	return 0;
}

int manager_enqueue(struct manager *m, enum job_type type, struct unit *u, enum job_mode mode,
                    bool by_user, struct diag *d, struct job **ret)
{
	struct transaction t = {.manager = m, .diag = d, .generation = 1};
	bool alone = mode == JOB_MODE_IGNORE_DEPENDENCIES || mode == JOB_MODE_IGNORE_REQUIREMENTS;
	struct job *j = NULL;
	int r;

	/* The sketches hang at the units: one transaction at a time. */
	if (m->in_transaction)
		return -EBUSY;
	u = unit_follow(u);
	if (!u->file)
		manager_load_queued(m);
	if (!u->file)
		return diag_add(d, -EBADMSG, DIAG_ERROR, NULL, 0, "Unit %s is not loaded", u->id);
	r = check_request(m, type, u, mode, by_user, d);
	if (r < 0)
		return r;
	type = job_type_collapse(type, u);
	if (type == JOB_NOP && u->load_state == LOAD_LOADED) {
		if (ret)
			*ret = NULL;
		return 0;
	}
	list_init(&t.jobs);
	t.look_again = by_user && m->index && unit_index_is_stale(m->index) > 0;
	m->in_transaction = true;
	r = transaction_add(&t, type, u, NULL, alone, mode == JOB_MODE_IGNORE_DEPENDENCIES);
	if (r >= 0 && mode == JOB_MODE_ISOLATE)
		r = add_isolate_jobs(&t);
	if (r >= 0 && mode == JOB_MODE_TRIGGERING)
		r = add_triggering_jobs(&t, u);
	if (r >= 0)
		r = transaction_check(&t, mode);
	if (r >= 0)
		r = transaction_apply(&t, mode, by_user, &j);
	transaction_done(&t);
	m->in_transaction = false;
	/* An order is newer than what the engine wanted before it. */
	if (r >= 0 && by_user)
		owed_forget(u);
	/* Whoever is told that the job is queued can rely on it. */
	if (r >= 0 && by_user)
		manager_save(m);
	if (r >= 0 && ret)
		*ret = j;
	return r;
}

int manager_enqueue_by_name(struct manager *m, enum job_type type, const char *name,
                            enum job_mode mode, struct diag *d, struct job **ret)
{
	struct unit *u;
	int r;

	r = manager_load_unit(m, name, d, &u);
	return r < 0 ? r : manager_enqueue(m, type, u, mode, false, d, ret);
}
