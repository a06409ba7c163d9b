// SPDX-License-Identifier: Apache-2.0
/*
 * counter - a sample plug-in: units that count to a limit and are done then.
 *
 *	[Counter]
 *	Limit=3			how far
 *	IntervalSec=200ms	how fast
 *
 * It shows what a type owes core: a state machine (dead, counting, done), deadlines that are absolute and in the record, a savepoint
 * with each step, and coldplug, after which counting goes on where it was when core died.
 */
#include "types/plugin.h"

struct counter {
	struct unit unit;
	uint64_t limit, count;
	usec_t interval, next; /* next: boottime; 0: it does not count */
	struct source *timer;
	bool done;
};

static struct counter *COUNTER(const struct unit *u)
{
	return (struct counter *) u;
}

static enum unit_active_state active_state(const struct unit *u)
{
	const struct counter *c = COUNTER(u);

	return c->next ? UNIT_ACTIVATING : c->done ? UNIT_ACTIVE : UNIT_INACTIVE;
}

static const char *sub_state(const struct unit *u)
{
	const struct counter *c = COUNTER(u);

	return c->next ? "counting" : c->done ? "done" : "dead";
}

static int load(struct unit *u, struct diag *d)
{
	struct counter *c = COUNTER(u);
	int r = 0;

	c->limit = 1;
	c->interval = USEC_PER_SEC;
	STRV_FOREACH (a, u->file->plugin->assignments) {
		const char *limit = str_after(*a, "Limit="),
			   *interval = str_after(*a, "IntervalSec=");

		r = limit      ? str_to_u64(limit, 10, &c->limit)
		    : interval ? span_parse(interval, USEC_PER_SEC, &c->interval)
		               : 0;
		if (r < 0) {
			diag_add(d, r, DIAG_ERROR, u->file->fragment_path, 0, "%.100s is no value",
			         *a);
			return -ENOEXEC;
		}
	}
	return u->file->unit.default_dependencies ? unit_add_shutdown_dependencies(u) : 0;
}

static int on_step(struct source *s, usec_t deadline, void *userdata);

static int arm(struct counter *c)
{
	if (c->timer)
		return source_set_time(c->timer, c->next);
	return loop_add_time(c->unit.manager->loop, CLOCK_BOOTTIME, c->next, TIMER_EXACT, "counter",
	                     on_step, c, &c->timer);
}

static int on_step(struct source *s, usec_t deadline, void *userdata)
{
	struct counter *c = userdata;

	(void) s, (void) deadline;
	if (!c->next)
		return 0;
	c->count++;
	c->done = c->count >= c->limit;
	c->next = c->done ? 0 : usec_add(c->next, c->interval);
	unit_save(&c->unit);
	if (c->done)
		unit_notify(&c->unit, UNIT_ACTIVATING, UNIT_ACTIVE, true);
	return c->done ? 0 : arm(c);
}

static int start(struct unit *u)
{
	struct counter *c = COUNTER(u);

	if (c->next)
		return 0;
	if (c->done)
		return -EALREADY;
	c->count = 0;
	c->next = usec_add(now(CLOCK_BOOTTIME), c->interval);
	unit_save(u);
	unit_notify(u, UNIT_INACTIVE, UNIT_ACTIVATING, true);
	return arm(c);
}

static int stop(struct unit *u)
{
	enum unit_active_state old = active_state(u);
	struct counter *c = COUNTER(u);

	if (old == UNIT_INACTIVE)
		return -EALREADY;
	c->next = 0;
	c->done = false;
	unit_save(u);
	unit_notify(u, old, UNIT_INACTIVE, true);
	return 0;
}

static void save(const struct unit *u, struct strbuf *b)
{
	const struct counter *c = COUNTER(u);

	record_add_u64(b, "count", c->count);
	record_add_u64(b, "next", c->next);
	record_add_bool(b, "done", c->done);
}

static int restore(struct unit *u, const struct record *r)
{
	struct counter *c = COUNTER(u);

	c->count = record_get_u64(r, "count", 0);
	c->next = record_get_u64(r, "next", 0);
	c->done = record_get_bool(r, "done", false);
	return 0;
}

static int coldplug(struct unit *u)
{
	return COUNTER(u)->next ? arm(COUNTER(u)) : 0;
}

static int describe(const struct unit *u, cJSON *properties)
{
	return json_add_u64(properties, "Count", COUNTER(u)->count);
}

static void done(struct unit *u)
{
	source_free(COUNTER(u)->timer);
}

static struct unit_ops ops = {
	.object_size = sizeof(struct counter),
	.done = done,
	.load = load,
	.coldplug = coldplug,
	.start = start,
	.stop = stop,
	.active_state = active_state,
	.sub_state = sub_state,
	.save = save,
	.restore = restore,
	.describe = describe,
};

static const char *const keys[] = {"Limit", "IntervalSec", NULL};

#ifndef TYPE
#define TYPE "counter"
#endif
PLUGIN_DEFINE(.type = TYPE, .section = "Counter", .keys = keys, .ops = &ops);
