// SPDX-License-Identifier: Apache-2.0
/* Records become units again. All records are read first: loading a unit can save others. */
#include "state/state-internal.h"

#include "base/fault.h"

#include "cgroup/cgroup.h"

struct saved {
	struct saved *next;
	struct record *record;
	char name[];
};

struct collected {
	struct saved *first, **last;
	size_t n_bad;
};

static void collected_done(struct collected *c)
{
	while (c->first) {
		struct saved *s = c->first;

		c->first = s->next;
		record_free(s->record);
		free(s);
	}
}

static int collect(const char *key, const char *data, size_t size, void *userdata)
{
	const char *name = str_after(key, STATE_UNIT_PREFIX);
	struct collected *c = userdata;
	struct saved *s;
	int r;

	if (!name || !unit_name_is_valid(name, UNIT_NAME_PLAIN | UNIT_NAME_INSTANCE)) {
		c->n_bad++;
		return 0;
	}
	s = calloc(1, sizeof(*s) + strlen(name) + 1);
	if (!s)
		return -ENOMEM;
	memcpy(s->name, name, strlen(name) + 1);
	r = record_parse(data, size, &s->record);
	if (r < 0) {
		free(s);
		c->n_bad++;
		return r == -ENOMEM ? r : 0;
	}
	*c->last = s;
	c->last = &s->next;
	return 0;
}

static int read_exits(const char *key, const char *data, size_t size, void *userdata)
{
	struct state *t = userdata;
	char text[24];

	if (streq(key, STATE_EXITS_KEY) && size < sizeof(text)) {
		memcpy(text, data, size);
		text[size] = 0;
		if (str_to_u64(text, 10, &t->exits_stored) >= 0)
			t->exits_handled = t->exits_stored;
	}
	return 0;
}

/* What a newer version wrote into the manager's record goes into the next one, too. */
static void keep_unknown(struct state *t, const struct record *r)
{
	auto_strbuf struct strbuf b = {.max = RECORD_SIZE_MAX / 2};
	char *text;

	record_carry(r, &b);
	if (b.size == 0 || strbuf_take(&b, &text) < 0)
		return;
	free(t->carry);
	t->carry = text;
}

static int read_manager(const char *key, const char *data, size_t size, void *userdata)
{
	struct state *t = userdata;
	struct manager *m = t->manager;
	struct record *r;
	uint64_t level;

	if (!streq(key, STATE_MANAGER_KEY) || record_parse(data, size, &r) < 0)
		return 0;
	m->last_job_id = MAX(m->last_job_id, (uint32_t) record_get_u64(r, "last-job-id", 0));
	record_get_stamp(r, "started", &m->started);
	record_get_stamp(r, "generators-done", &m->generators_done);
	record_get_stamp(r, "units-loaded", &m->units_loaded);
	record_get_stamp(r, "default-target-reached", &m->default_target_reached);
	record_get_stamp(r, "finished", &m->finished);
	m->is_stopping = record_get_bool(r, "stopping", m->is_stopping);
	m->no_service_watchdogs = record_get_bool(r, "no-service-watchdogs", false);
	level = record_get_u64(r, "log-level", 0);
	if (level > 0 && level <= LOG_DEBUG + 1)
		log_set_level((int) level - 1);
	if (record_get(r, "environment")) {
		auto_strv char **environment = NULL;

		if (record_get_strv(r, "environment", &environment) >= 0) {
			strv_free(m->environment);
			m->environment = TAKE_PTR(environment);
		}
	}
	keep_unknown(t, r);
	record_free(r);
	return 0;
}

int state_restore_manager(struct state *t)
{
	int r = store_foreach(t->store, STATE_EXITS_KEY, read_exits, t);

	return r < 0 ? r : store_foreach(t->store, STATE_MANAGER_KEY, read_manager, t);
}

static int drop(const char *key, const char *data _unused_, size_t size _unused_, void *userdata)
{
	struct store *s = userdata;

	return store_delete(s, key);
}

/* Of an earlier boot: /run of a container can outlive its init. */
static bool is_first_core(const struct state *t)
{
	const struct welcome *w = t->link ? link_welcome(t->link) : NULL;

	return w && w->reason && streq(w->reason, "boot");
}

static int restore_one(struct state *t, struct saved *s, struct diag *d)
{
	struct unit *u;
	int r;

	r = manager_load_unit(t->manager, s->name, d, &u);
	if (r < 0)
		return r;
	if (u->deserialized)
		return -EEXIST; /* two names of one unit: the first record counts */
	/* A part that could not be read is no reason to forget the rest: the type compares with the
	 * kernel next. */
	FAULT_POINT("restore.unit.before");
	r = unit_restore(u, s->record);
	FAULT_POINT("restore.unit.after");
	/* The watch on its cgroup died with the core before us. */
	if (u->cgroup && cgroup_adopt(u) < 0)
		cgroup_look_again(u->manager);
	return r;
}

int state_restore(struct state *t, struct diag *d)
{
	struct collected c = {.last = &c.first};
	int r, n = 0;

	if (is_first_core(t)) {
		r = store_foreach(t->store, "", drop, t->store);
		return r < 0 ? r : store_flush(t->store);
	}
	r = state_restore_manager(t);
	if (r >= 0)
		r = store_foreach(t->store, STATE_UNIT_PREFIX, collect, &c);
	if (c.n_bad > 0)
		diag_add(d, -EBADMSG, DIAG_WARNING, NULL, 0, "%zu records cannot be read", c.n_bad);
	/* By the hundred, right after the folders were read: once is enough. */
	t->manager->is_restoring = true;
	for (struct saved *s = c.first; r >= 0 && s; s = s->next) {
		int e = restore_one(t, s, d);

		if (e == -ENOMEM)
			r = e;
		else if (e < 0)
			diag_add(d, e, DIAG_WARNING, s->name, 0, "State not restored: %s",
			         strerror(-e));
		else
			n++;
		/* The next unit's memory. */
		record_free(s->record);
		s->record = NULL;
	}
	t->manager->is_restoring = false;
	FAULT_POINT("restore.all.after");
	/* Only now, when every unit has its values, may one look at another. */
	if (r >= 0)
		r = manager_coldplug(t->manager);
	collected_done(&c);
	return r < 0 ? r : n;
}
