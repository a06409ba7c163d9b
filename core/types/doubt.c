// SPDX-License-Identifier: Apache-2.0
/*
 * doubt.c - the core before this one died between an intent and its outcome. Was the process
 * spawned, and which is it? One of four is true:
 *
 *	it lives         then it is in the unit's cgroup, since it was born there
 *	it is dying      then it is a child of init in that cgroup, but no member any more
 *	it has ended     then init has its exit, and tells it
 *	it never was     then its command is run now
 *
 * Of those that live and those that ended the oldest is the one: the others are its children. So
 * exits that may be its are noted (and stored: they are acknowledged) until init has told all that
 * it knew when it was asked. That takes one turn, and no waiting.
 *
 * First one looks who lives, then one asks. A process that was not there at the look has its exit on record at the
 * question, if it ever was: the record is made before the zombie goes. The other way round one that dies after
 * the question and is reaped before the look would be taken for one that never was, and run twice.
 */
#include "types/common.h"

#include <stdio.h>

/* If init has not told of an exit by then, it never will. */
#define DYING_USEC (3 * USEC_PER_SEC)
#define AGAIN_USEC (50 * USEC_PER_MSEC)
/* An init of an earlier version never answers. */
#define ANSWER_USEC (3 * USEC_PER_SEC)

static bool is_older(uint64_t start_a, pid_t a, uint64_t start_b, pid_t b)
{
	return start_a != start_b ? start_a < start_b : a < b;
}

static int on_time(struct source *source, usec_t deadline, void *userdata);

static void look_again_in(struct doubt *d, usec_t span)
{
	usec_t at = usec_add(now(CLOCK_BOOTTIME), span);

	if (d->source)
		(void) source_set_time(d->source, at);
	else
		(void) loop_add_time(d->unit->manager->loop, CLOCK_BOOTTIME, at, TIMER_EXACT,
		                     "doubt", on_time, d, &d->source);
}

static struct spawn_search search_of(const struct doubt *d)
{
	if (d->control.pid)
		return (struct spawn_search){.known = {d->control.pid->pid}, .since = d->since};
	return d->ops->search(d->unit);
}

static void take(struct doubt *d, const struct pidref *p)
{
	struct doubt_control *c = &d->control;

	if (!c->pid)
		return;
	*c->spawning = false;
	process_forget(d->unit, c->pid);
	*c->pid = *p;
	if (c->status)
		process_status_begin(c->status, p->pid);
	unit_save_soon(d->unit);
}

/* Who lives, and whether somebody is dying. -errno: it cannot be told. */
static int look(struct doubt *d)
{
	const struct spawn_search q = search_of(d);
	int r;

	process_forget(d->unit, &d->living);
	r = process_find_spawned(d->unit, &q, &d->living);
	/* To fail to see who is dying is no reason to say nobody. */
	d->is_dying = r == 0 && process_is_dying(d->unit, &q) != 0;
	return r;
}

static void take_living(struct doubt *d)
{
	struct pidref p = d->living;

	d->living = PIDREF_NULL;
	log_unit(LOG_INFO, d->unit->id, "Found process %d, spawned by the core before this one",
	         p.pid);
	doubt_drop(d);
	take(d, &p);
	if (d->ops->lives)
		d->ops->lives(d->unit, &p);
}

static void take_exit(struct doubt *d)
{
	const struct process_exit e = d->exit;
	const struct pidref p = {.pid = e.pid, .pidfd = -EBADF, .start_time = e.start_time};

	log_unit(LOG_INFO, d->unit->id,
	         "Process %d, spawned by the core before this one, has ended", e.pid);
	doubt_drop(d);
	take(d, &p);
	d->ops->ended(d->unit, &e);
}

/* All exits are known that there were when one looked. @last: nothing more will be waited for. */
static void settle(struct doubt *d, bool last)
{
	const struct process_exit *e = &d->exit;
	const struct pidref *p = &d->living;

	d->asking = false;
	if (e->pid > 0 && (!pidref_is_set(p) || e->pid == p->pid ||
	                   is_older(e->start_time, e->pid, p->start_time, p->pid))) {
		take_exit(d);
	} else if (pidref_is_set(p)) {
		take_living(d);
	} else if (!last && d->is_dying) {
		look_again_in(d, DYING_USEC);
	} else {
		log_unit(LOG_INFO, d->unit->id,
		         "Repeating the command that the core before this one did not get to "
		         "spawn");
		doubt_drop(d);
		d->ops->never(d->unit);
	}
}

static int on_time(_unused_ struct source *source, _unused_ usec_t deadline, void *userdata)
{
	struct doubt *d = userdata;

	if (d->is_unseen)
		doubt_begin(d);
	else if (look(d) < 0)
		look_again_in(d, AGAIN_USEC);
	else
		settle(d, true);
	return 0;
}

void doubt_init(struct doubt *d, struct unit *u, const struct doubt_ops *ops,
                struct doubt_control control)
{
	d->unit = u;
	d->ops = ops;
	d->control = control;
	d->living = PIDREF_NULL;
}

void doubt_begin(struct doubt *d)
{
	/* No fds, or no memory: it would be wrong to guess. */
	d->is_unseen = look(d) < 0;
	if (d->is_unseen) {
		look_again_in(d, AGAIN_USEC);
		return;
	}
	d->asking = state_exits_ask(d->unit->manager->state_data, d->unit) >= 0;
	look_again_in(d, d->asking ? ANSWER_USEC : SPAWN_UNKNOWN_USEC);
}

void doubt_drop(struct doubt *d)
{
	d->source = source_free(d->source);
	process_forget(d->unit, &d->living);
	d->exit = (struct process_exit){0};
	d->asking = d->is_dying = d->is_unseen = false;
}

bool doubt_settle(struct doubt *d)
{
	if (d->exit.pid > 0 || (!pidref_is_set(&d->living) && look(d) <= 0))
		return false;
	take_living(d);
	return true;
}

void doubt_exits_known(struct doubt *d)
{
	if (d->asking)
		settle(d, false);
}

void doubt_note_exit(struct doubt *d, const struct process_exit *e)
{
	struct process_exit *have = &d->exit;

	if (have->pid <= 0 || is_older(e->start_time, e->pid, have->start_time, have->pid)) {
		*have = *e;
		have->cgroup = NULL;
	}
	if (!d->asking && !d->is_unseen && d->source)
		settle(d, false);
}

void doubt_save(const struct doubt *d, struct strbuf *b)
{
	const struct process_exit *e = &d->exit;

	record_add_u64(b, "spawning-since", d->since);
	if (e->pid > 0)
		strbuf_printf(b, "unknown-exit=%d %llu %d %d\n", (int) e->pid,
		              (unsigned long long) e->start_time, e->code, e->status);
}

void doubt_restore(struct doubt *d, const struct record *r)
{
	const char *text = record_get(r, "unknown-exit");
	unsigned long long start_time;
	int pid, code, status;

	d->since = record_get_u64(r, "spawning-since", 0);
	if (text && sscanf(text, "%d %llu %d %d", &pid, &start_time, &code, &status) == 4 &&
	    pid > 1)
		d->exit = (struct process_exit){
			.pid = pid, .start_time = start_time, .code = code, .status = status};
}
