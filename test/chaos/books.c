// SPDX-License-Identifier: Apache-2.0
/*
 * What the services write down: "USEC EVENT UNIT PID DETAIL", read on from where the last look
 * ended. Here the deadlines are checked, too: each line that ends a run says when the next one may
 * begin.
 */
#include "chaos.h"

#include <fcntl.h>

struct run {
	char unit[48];
	pid_t pid; /* inside */
	int status;
	usec_t begin, end;
	bool ended, asked;
};

struct books {
	int fd;
	char *rest; /* a line that was not complete */
	size_t n_rest;
	struct run
		*runs; /* newest last; ended ones are dropped when a newer run of the unit begins */
	size_t n;
	struct {
		usec_t at;
		char unit[48];
	} last_end[UNITS_MAX];
};

/* When a unit that comes back by itself has to be there again. */
static const struct {
	const char *unit;
	usec_t after;
} returns[] = {
	{"r0.service", 150 * USEC_PER_MSEC},
	{"r1.service", 40 * USEC_PER_MSEC},
	{"t0.service", 200 * USEC_PER_MSEC},
};
#define DRIFT_MAX_USEC (100 * USEC_PER_MSEC) /* times c->slow */

static struct books *open_books(struct chaos *c)
{
	auto_free char *path = path_join(c->w.dir, "events");
	struct books *b = calloc(1, sizeof(*b));

	if (!b)
		abort();
	b->fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0644);
	if (b->fd < 0)
		abort();
	return b;
}

void books_free(struct books *b)
{
	if (!b)
		return;
	close(b->fd);
	free(b->rest);
	free(b->runs);
	free(b);
}

void books_forget(struct chaos *c)
{
	books_read(c);
	for (size_t i = 0; i < ELEMENTSOF(returns); i++)
		c->books->last_end[i].at = 0;
	for (size_t i = 0; i < c->books->n; i++) {
		struct run *r = &c->books->runs[i];
		int unit = unit_find(r->unit);

		/* A start since then may have failed before there was a process, or have been ended without a word. What
		 * was there when all was quiet has to be there again, which others check. */
		if (r->ended)
			*r->unit = 0;
		else if (unit < 0 || truth_pid_inside(c->models[unit].pid) != r->pid)
			r->asked = true;
	}
}

static struct run *run_find(struct books *b, const char *unit, pid_t pid)
{
	for (size_t i = b->n; i > 0; i--)
		if (b->runs[i - 1].pid == pid && streq(b->runs[i - 1].unit, unit))
			return &b->runs[i - 1];
	return NULL;
}

static usec_t overlap(usec_t from, usec_t to, usec_t a, usec_t b)
{
	a = MAX(a, from);
	b = MIN(b, to);
	return a < b ? b - a : 0;
}

/*
 * How much of [from, to] there was no core that could do something. From its first answer to a process
 * of a service it takes a core a job, an intent in the store, a clone and, if the core before it died in the middle of
 * that, an answer of init: one that is killed sooner is as good as none, and its successor begins again.
 */
#define SHORT_LIFE_USEC (50 * USEC_PER_MSEC)
static usec_t time_down(const struct chaos *c, usec_t from, usec_t to)
{
	unsigned first = c->n_downs > DOWNS_MAX ? c->n_downs - DOWNS_MAX : 0;
	const struct down *before = NULL;
	usec_t sum = 0;

	for (unsigned i = first; i < c->n_downs; i++) {
		const struct down *d = &c->downs[i % DOWNS_MAX];

		sum += overlap(from, to, d->from, d->to);
		if (before && d->from > before->to &&
		    d->from - before->to < SHORT_LIFE_USEC * c->slow)
			sum += overlap(from, to, before->to, d->from);
		before = d;
	}
	return sum;
}

static void check_return(struct chaos *c, const char *unit, usec_t at)
{
	for (size_t i = 0; i < ELEMENTSOF(returns); i++) {
		usec_t end = c->books->last_end[i].at, due = end + returns[i].after, late, down;

		if (!streq(returns[i].unit, unit) || end == 0)
			continue;
		/* An order moved it meanwhile: then it has another base. */
		if (end < c->returns_ordered + USEC_PER_SEC) {
			c->books->last_end[i].at = 0;
			continue;
		}
		c->books->last_end[i].at = 0;
		/* Core hears of an exit a moment after it is written down, and a tick is a tick. */
		if (at + USEC_PER_MSEC < due)
			violation(c, "%s began %llu us before its time", unit,
			          (unsigned long long) (due - at));
		down = time_down(c, end, at);
		late = at > due ? at - due : 0;
		late = late > down ? late - down : 0;
		report_lateness(late);
		if (late > DRIFT_MAX_USEC * c->slow + 8 * c->machine_lag)
			violation(c,
			          "%s began %llu ms late (core was away for %llu ms, the machine "
			          "was late by %llu ms)",
			          unit, (unsigned long long) late / 1000,
			          (unsigned long long) down / 1000,
			          (unsigned long long) c->machine_lag / 1000);
	}
}

static void note_end(struct books *b, const char *unit, usec_t at)
{
	for (size_t i = 0; i < ELEMENTSOF(returns); i++)
		if (streq(returns[i].unit, unit))
			b->last_end[i].at = at;
}

static void on_start(struct chaos *c, const char *unit, pid_t pid, usec_t at)
{
	struct books *b = c->books;
	size_t n = 0;

	check_return(c, unit, at);
	for (size_t i = 0; i < b->n; i++)
		if (!(b->runs[i].ended && streq(b->runs[i].unit, unit)))
			b->runs[n++] = b->runs[i];
	b->n = n;
	b->runs = reallocarray(b->runs, b->n + 1, sizeof(*b->runs));
	if (!b->runs)
		abort();
	b->runs[b->n] = (struct run){.pid = pid, .begin = at};
	snprintf(b->runs[b->n++].unit, sizeof(b->runs->unit), "%s", unit);
}

static void on_got(struct chaos *c, const char *unit, const char *detail)
{
	unsigned id = (unsigned) strtoul(detail + 1, NULL, 10);
	unsigned socket = str_after(unit, "b") ? 1 : 0;

	if (*detail != 'm' || id >= c->n_sent || c->sent[id].socket != socket) {
		violation(c, "%s got \"%s\", which nobody sent", unit, detail);
		return;
	}
	if (c->sent[id].got++)
		violation(c, "%s got message %u twice", unit, id);
}

static void on_line(struct chaos *c, char *line)
{
	char event[16], unit[48], detail[64] = "";
	unsigned long long at;
	struct run *run;
	int pid;

	if (sscanf(line, "%llu %15s %47s %d %63s", &at, event, unit, &pid, detail) < 4) {
		violation(c, "a line in the books that nobody wrote: %s", line);
		return;
	}
	run = run_find(c->books, unit, pid);
	if (streq(event, "start")) {
		on_start(c, unit, pid, at);
	} else if (streq(event, "double")) {
		violation(c, "%s runs twice: process %d came while another was there", unit, pid);
	} else if (streq(event, "stop") || streq(event, "exit")) {
		note_end(c->books, unit, at);
		if (run) {
			run->ended = true;
			run->end = at;
			run->status = atoi(detail);
		}
	} else if (streq(event, "asked")) {
		if (run)
			run->asked = true;
	} else if (streq(event, "got")) {
		on_got(c, unit, detail);
	} else if (streq(event, "stored") && !streq(detail, "0")) {
		violation(c, "%s got something else back than it had stored", unit);
	} else if (streq(event, "unheard")) {
		violation(c, "%s could not send a notification: %s", unit, detail);
	}
}

void books_read(struct chaos *c)
{
	char buffer[65536];
	struct books *b;
	ssize_t n;

	if (!c->books)
		c->books = open_books(c);
	b = c->books;
	while ((n = read(b->fd, buffer, sizeof(buffer))) > 0) {
		char *p, *end;

		b->rest = realloc(b->rest, b->n_rest + (size_t) n + 1);
		if (!b->rest)
			abort();
		memcpy(b->rest + b->n_rest, buffer, (size_t) n);
		b->n_rest += (size_t) n;
		b->rest[b->n_rest] = 0;
		for (p = b->rest; (end = strchr(p, '\n')); p = end + 1) {
			*end = 0;
			on_line(c, p);
		}
		b->n_rest -= (size_t) (p - b->rest);
		memmove(b->rest, p, b->n_rest + 1);
	}
}

int books_last(const struct chaos *c, const char *unit, pid_t *ret_pid, int *ret_status,
               bool *ret_ended)
{
	const struct books *b = c->books;

	for (size_t i = b ? b->n : 0; i > 0; i--) {
		const struct run *r = &b->runs[i - 1];

		if (!streq(r->unit, unit))
			continue;
		*ret_pid = r->pid;
		*ret_status = r->status;
		*ret_ended = r->ended;
		return 0;
	}
	return -ENOENT;
}

static bool is_alive(const struct truth *t, pid_t inside)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->processes[i].inside == inside)
			return true;
	return false;
}

void books_check_ends(struct chaos *c, const struct truth *t)
{
	struct books *b = c->books;
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++) {
		struct run *r = &b->runs[i];
		bool gone = !r->ended && r->begin < t->at && !is_alive(t, r->pid);

		if (gone && !r->asked)
			violation(c, "process %d of %s is gone and was never asked to end", r->pid,
			          r->unit);
		if (!gone)
			b->runs[n++] = *r;
	}
	b->n = n;
}
