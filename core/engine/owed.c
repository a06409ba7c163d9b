// SPDX-License-Identifier: Apache-2.0
/*
 * owed.c - jobs that nobody ordered (of timers, sockets, Restart=, OnFailure=, BindsTo=) and for which
 * there is no memory now. Nobody would ask for them again, so the engine does: it needs no memory to
 * remember one a unit, the record has it, too, and it is queued as soon as that works.
 */
#include "engine/private.h"

#define OWED_RETRY_USEC (50 * USEC_PER_MSEC)

/* It comes back by itself. EBUSY: in the middle of another transaction. */
static bool is_shortage(int error)
{
	return error == -ENOMEM || error == -EMFILE || error == -ENFILE || error == -EBUSY;
}

static void retry_soon(struct manager *m)
{
	(void) source_set_time(m->owed_timer, usec_add(now(CLOCK_BOOTTIME), OWED_RETRY_USEC));
}

static void owe(struct unit *u, enum job_type type, enum job_mode mode)
{
	struct manager *m = u->manager;

	list_remove(&u->owed.link);
	u->owed.type = (uint8_t) type;
	u->owed.mode = (uint8_t) mode;
	list_append(&m->owed, &u->owed.link);
	unit_save_soon(u);
	retry_soon(m);
}

void owed_forget(struct unit *u)
{
	if (!list_is_linked(&u->owed.link))
		return;
	list_remove(&u->owed.link);
	unit_save_soon(u);
}

int manager_enqueue_surely(struct manager *m, enum job_type type, struct unit *u,
                           enum job_mode mode, struct diag *d)
{
	int r = manager_enqueue(m, type, u, mode, false, d, NULL);

	if (!is_shortage(r))
		return r;
	log_unit_errno(LOG_WARNING, u->id, r, "Cannot be queued for %s now, trying again: %m",
	               job_type_to_string(type));
	owe(unit_follow(u), type, mode);
	return 0;
}

static int on_retry(struct source *s _unused_, usec_t deadline _unused_, void *userdata)
{
	struct manager *m = userdata;
	struct unit *u;
	int r;

	while ((u = LIST_FIRST(&m->owed, struct unit, owed.link))) {
		r = manager_enqueue(m, (enum job_type) u->owed.type, u,
		                    (enum job_mode) u->owed.mode, false, NULL, NULL);
		if (is_shortage(r)) {
			retry_soon(m);
			return 0;
		}
		owed_forget(u);
		if (r >= 0)
			continue;
		log_unit_errno(LOG_WARNING, u->id, r, "Cannot be queued: %m");
		/* Who wanted it waits for nothing: a socket listens again. */
		unit_tell_triggers(u);
	}
	return 0;
}

int owed_setup(struct manager *m)
{
	return loop_add_time(m->loop, CLOCK_BOOTTIME, USEC_INFINITY, TIMER_EXACT, "owed jobs",
	                     on_retry, m, &m->owed_timer);
}

void owed_record(const struct unit *u, struct strbuf *b)
{
	if (!list_is_linked(&u->owed.link))
		return;
	record_add(b, "u.owed", job_type_to_string((enum job_type) u->owed.type));
	record_add_u64(b, "u.owed-mode", u->owed.mode);
}

void owed_restore(struct unit *u, const struct record *r)
{
	const char *text = record_get(r, "u.owed");
	uint64_t mode = record_get_u64(r, "u.owed-mode", JOB_MODE_REPLACE);
	int type = text ? job_type_from_string(text) : -EINVAL;

	if (type >= 0 && type != JOB_NOP && mode < JOB_MODE_MAX)
		owe(u, type, (enum job_mode) mode);
}
