// SPDX-License-Identifier: Apache-2.0
#include "state/state-internal.h"

#include "base/fault.h"

#include <stdio.h>

static int on_retry(struct source *s _unused_, usec_t deadline _unused_, void *userdata)
{
	state_flush(userdata);
	return 0;
}

int state_new(struct manager *m, struct store *s, struct link *k, struct state **ret)
{
	struct state *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	t->manager = m;
	t->store = s;
	t->link = k;
	list_init(&t->questions);
	t->dirty = map_new(MAP_POINTER);
	r = t->dirty ? loop_add_time(m->loop, CLOCK_BOOTTIME, USEC_INFINITY, TIMER_EXACT,
	                             "state retry", on_retry, t, &t->retry)
	             : -ENOMEM;
	if (r < 0) {
		state_free(t);
		return r;
	}
	m->state_data = t;
	*ret = t;
	return 0;
}

struct state *state_free(struct state *t)
{
	if (!t)
		return NULL;
	if (t->manager->state_data == t)
		t->manager->state_data = NULL;
	exits_forget(t, NULL);
	source_free(t->retry);
	map_free(t->dirty);
	free(t->carry);
	free(t);
	return NULL;
}

/* Only names that a unit can be found by again are worth a record. */
static bool has_record(const struct unit *u)
{
	return u->id && u->load_state != LOAD_MERGED;
}

static int record_queue(struct state *t, const struct unit *u)
{
	auto_strbuf struct strbuf b = {.max = RECORD_SIZE_MAX};
	auto_free char *key = str_printf(STATE_UNIT_PREFIX "%s", u->id);
	int r;

	if (!key)
		return -ENOMEM;
	r = unit_record(u, &b);
	return r < 0 ? r : store_put(t->store, key, b.data ?: "", b.size);
}

/*
 * 0, or why this unit's record could not be queued now: it is one of those that the next flush tries. One that can never be stored
 * is only said to be so, since it must not keep the others back.
 */
static int unit_queue(struct state *t, struct unit *u)
{
	int r = record_queue(t, u);

	if (r == -ENOBUFS && store_flush(t->store) >= 0)
		r = record_queue(t, u);
	if (r != -ENOMEM && r != -ENOBUFS) {
		(void) map_remove(t->dirty, u);
		if (r < 0)
			log_unit_errno(LOG_ERR, u->id, r, "Its state cannot be stored: %m");
		return 0;
	}
	if (map_put(t->dirty, u, u) < 0)
		t->all_dirty = true;
	return r;
}

/* Puts the records of all that has changed into the store's queue. */
static int units_queue(struct state *t)
{
	struct map *units = t->all_dirty ? t->manager->units : t->dirty;
	struct unit *u;
	int r = 0;

	t->all_dirty = false;
	MAP_FOREACH (u, units) {
		int k = has_record(u) ? unit_queue(t, u) : 0;

		r = k < 0 ? k : r;
	}
	if (map_size(t->dirty) == 0)
		map_clear(t->dirty);
	return r;
}

/* Says that the store fails and that it works again, once each; keeps trying while it fails. */
static void state_report(struct state *t, int error)
{
	if (error < 0 && !t->failing)
		log_error_errno(error,
		                "Failed to store the state of units, keeping it in memory: %m");
	else if (error >= 0 && t->failing)
		log_notice("The state of units can be stored again");
	t->failing = error < 0;
	(void) source_set_time(t->retry, error < 0 ? usec_add(now(CLOCK_BOOTTIME), STATE_RETRY_USEC)
	                                           : USEC_INFINITY);
}

void state_unit_save(struct state *t, struct unit *u, bool now)
{
	int r;

	if (!has_record(u))
		return;
	if (!now && map_put(t->dirty, u, u) >= 0)
		return;
	r = unit_queue(t, u);
	if (r >= 0)
		r = store_flush(t->store);
	if (r < 0 || t->failing)
		state_report(t, r);
}

void state_unit_forget(struct state *t, struct unit *u)
{
	auto_free char *key = NULL;

	(void) map_remove(t->dirty, u);
	exits_forget(t, u);
	if (!u->id)
		return;
	key = str_printf(STATE_UNIT_PREFIX "%s", u->id);
	/* A record too many is found wrong and dropped at the next restore. */
	if (key)
		(void) store_delete(t->store, key);
}

void state_manager_save(struct state *t)
{
	auto_strbuf struct strbuf b = {.max = RECORD_SIZE_MAX};
	const struct manager *m = t->manager;
	int r;

	record_begin(&b);
	if (t->carry)
		strbuf_puts(&b, t->carry);
	record_add_u64(&b, "last-job-id", m->last_job_id);
	record_add_strv(&b, "environment", m->environment);
	record_add_u64(&b, "log-level", (uint64_t) log_get_level() + 1);
	record_add_bool(&b, "no-service-watchdogs", m->no_service_watchdogs);
	record_add_stamp(&b, "started", &m->started);
	record_add_stamp(&b, "generators-done", &m->generators_done);
	record_add_stamp(&b, "units-loaded", &m->units_loaded);
	record_add_stamp(&b, "default-target-reached", &m->default_target_reached);
	record_add_stamp(&b, "finished", &m->finished);
	record_add_bool(&b, "stopping", m->is_stopping);
	r = b.error < 0 ? b.error : store_put(t->store, STATE_MANAGER_KEY, b.data, b.size);
	if (r < 0)
		log_error_errno(r, "The manager's own state cannot be stored: %m");
}

void state_exit_handled(struct state *t, uint64_t number)
{
	t->exits_handled = MAX(t->exits_handled, number);
	/* Told again, since init did not hear that it is stored. */
	if (number <= t->exits_stored && t->link)
		link_ack(t->link, number);
	exits_heard(t);
}

bool state_exit_is_known(const struct state *t, uint64_t number)
{
	return number <= t->exits_stored;
}

void state_signal_handled(struct state *t, int signo)
{
	t->signals_handled |= UINT64_C(1) << (signo - 1);
}

static void acknowledge_signals(struct state *t)
{
	for (int i = 1; t->link && i <= 64; i++) {
		uint64_t bit = UINT64_C(1) << (i - 1);

		/* One that does not go out is told again: no order is worse for being given twice. */
		if (t->signals_handled & bit && link_signal_ack(t->link, i) >= 0)
			t->signals_handled &= ~bit;
	}
}

void state_flush(struct state *t)
{
	int r = units_queue(t);

	if (r >= 0 && t->exits_handled > t->exits_stored) {
		char text[24];
		int n = snprintf(text, sizeof(text), "%llu", (unsigned long long) t->exits_handled);

		r = store_put(t->store, STATE_EXITS_KEY, text, (size_t) n);
	}
	if (r >= 0)
		r = store_flush(t->store);
	if (r < 0 || t->failing)
		state_report(t, r);
	if (r >= 0 && t->signals_handled)
		acknowledge_signals(t);
	if (r < 0 || t->exits_handled <= t->exits_stored)
		return;
	FAULT_POINT("state.exits.stored");
	t->exits_stored = t->exits_handled;
	if (t->link)
		link_ack(t->link, t->exits_stored);
	FAULT_POINT("state.exits.acknowledged");
}
