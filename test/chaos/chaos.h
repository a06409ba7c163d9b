// SPDX-License-Identifier: Apache-2.0
/*
 * chaos - faults of every kind against the real init and core, while units start, stop, fail, fire
 * and are activated; after each an independent look at what is true.
 *
 *	main.c     arguments, the loop, the walk over all crash points, the report
 *	units.c    what runs in the world, a table
 *	orders.c   the workload: verbs, messages into sockets, files that path units wait for
 *	faults.c   what is done to core and init, a table
 *	truth.c    what the kernel says: processes by cgroup, sockets, mounts
 *	books.c    what the services say themselves (service.c writes it)
 *	check.c    both compared with what core says
 *	report.c   figures
 *	history.c  all that was ordered and done, in order, for whoever looks for a cause
 *	service.c  the program that all units run
 *
 * A violation prints the seed and the step, and what was done last, and ends the run with 1; the
 * world's log, the services' books and the whole history are kept.
 * Everything that is random comes from one seed; the instants that the kernel's scheduler chooses
 * do not.
 */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "base/pidref.h"
#include "world.h"

#include <stdio.h>

/* ---- units.c ---- */

enum unit_flags {
	UNIT_DAEMON = 1 << 0,  /* active means: one process */
	UNIT_SELF = 1 << 1,    /* comes and goes by itself: never quiet */
	UNIT_ORDERED = 1 << 2, /* orders may name it */
	UNIT_RELOADS = 1 << 3,
	UNIT_GROUPED = 1 << 4, /* an order to one of them moves the others, too */
	UNIT_START_ONLY = 1 << 5,
	UNIT_FAILS = 1 << 6,    /* a start does not end well */
	UNIT_BASE = 1 << 7,     /* wanted by the default target */
	UNIT_STORED = 1 << 8,   /* has fds in the store */
	UNIT_STUBBORN = 1 << 9, /* needs SIGKILL */
};
struct unit_row {
	const char *name;
	unsigned flags;
	const char *text;
};
extern const struct unit_row unit_rows[];
extern const size_t n_unit_rows;
int unit_find(const char *name); /* index or -1 */
void units_write(struct world *w, unsigned many);

/* ---- the run ---- */

#define UNITS_MAX    256
#define DOWNS_MAX    64
#define MESSAGES_MAX 65536
#define SOCKETS      3

enum wanted { WANT_UNKNOWN, WANT_UP, WANT_DOWN };
struct unit_model {
	enum wanted wanted;
	bool touched; /* by an order since it was last looked at */
	pid_t pid;    /* its process then, as we see it; 0: none */
	uint64_t start;
};
struct down {
	usec_t from, to;
};
struct sent {
	usec_t at;
	uint8_t socket; /* 0: Accept=no, 1: Accept=yes */
	uint8_t got, unsure;
};
struct books;

struct chaos {
	struct world w;
	struct fault_page *page;
	uint64_t seed, random;
	unsigned step, many;
	struct unit_model models[UNITS_MAX];
	struct down downs[DOWNS_MAX]; /* newest at (n_downs - 1) % DOWNS_MAX */
	unsigned n_downs;
	uint64_t restarts;             /* that init had counted when we looked last */
	unsigned kills_min, kills_max; /* deaths since then that we caused */
	/* Core was ordered to be replaced, and is until then: a death in the middle of that is none
	 * to init. */
	unsigned replacements;
	usec_t replacing_until;
	uint64_t init_start;
	usec_t returns_ordered; /* when an order last moved a unit that comes back by itself */
	usec_t last_init_fault, last_upgrade;
	struct sent *sent;
	unsigned n_sent;
	struct books *books;
	unsigned long socket_inodes[SOCKETS];
	unsigned long orders, checks, violations, lost_connections;
	volatile usec_t machine_lag; /* by how much any process is late here, at present */
	const char *fault;           /* that is under way */
	const char *point;           /* of a walk */
	bool verbose;
	FILE *history;
};

uint32_t chaos_random(struct chaos *c, uint32_t below); /* 0 .. below - 1 */
void violation(struct chaos *c, const char *fmt, ...) _printf_(2, 3);
void chaos_sleep(struct chaos *c, usec_t usec);

/* ---- orders.c ---- */

/* Queues one random order or event. */
void order_random(struct chaos *c);
/* Queues @verb and waits for the job; false: no answer, or an error. */
bool order_queue(struct chaos *c, const char *verb, int unit);
bool order_queue_mode(struct chaos *c, const char *verb, int unit, const char *mode);
bool order_message(struct chaos *c, unsigned socket);
void order_reload(struct chaos *c);
/* One of everything, so that each point of core is passed. */
void order_scenario(struct chaos *c, unsigned part);
#define SCENARIO_PARTS 8
/* After a loss of all state: what is no process has to be ordered again. */
void order_base(struct chaos *c);
int call_once(struct chaos *c, const char *method, cJSON *parameters_take, usec_t timeout,
              cJSON **ret);

/* ---- faults.c ---- */

struct fault_row {
	const char *name;
	unsigned weight; /* 0: only by name */
	void (*fn)(struct chaos *c);
};
extern const struct fault_row fault_rows[];
extern const size_t n_fault_rows;
void fault_random(struct chaos *c);
/* Calls of core fail, @run of them from the @nth on, while it carries out @verb. */
void fault_calls(struct chaos *c, const char *verb, int unit, unsigned nth, unsigned run);
/* Until core answers again. @old: the core that is to die, 0 if it need not; @from: since when. */
bool recover(struct chaos *c, pid_t old, usec_t from);
/* The same after a crash point, of which the time is known. */
bool recover_point(struct chaos *c);

/* ---- truth.c ---- */

struct process {
	pid_t pid, inside;
	uint64_t start;
	char cgroup[128]; /* below the world's */
};
struct truth {
	usec_t at;
	struct process *processes;
	size_t n, n_cgroups;
	char (*cgroups)[128]; /* those without cgroups below them */
};
void truth_read(const struct world *w, struct truth *t);
void truth_done(struct truth *t);
/* Inode of the listening Unix socket with this path in the world; 0: there is none. */
unsigned long truth_listener(const struct world *w, const char *path);
unsigned truth_mounted(const struct world *w, const char *path); /* how often */

/* ---- books.c ---- */

/* Reads what was written since the last time and checks each line against the one before. */
void books_read(struct chaos *c);
/* The last run of a unit. -ENOENT if it never ran. */
int books_last(const struct chaos *c, const char *unit, pid_t *ret_pid, int *ret_status,
               bool *ret_ended);
/* No service has begun that neither lives nor says how it ended. */
void books_check_ends(struct chaos *c, const struct truth *t);
/* Units were started by order: what was due by itself is not any more. */
void books_forget(struct chaos *c);
void books_free(struct books *b);

/* ---- check.c ---- */

void check_light(struct chaos *c);
/* Waits until nothing moves, then compares everything. */
void check_quiet(struct chaos *c);

/* ---- history.c ---- */

/* A line with its time in the file "history" of the world's directory. */
void history_open(struct chaos *c);
void history(struct chaos *c, const char *fmt, ...) _printf_(2, 3);
void history_print_last(struct chaos *c);

/* ---- report.c ---- */

void report_fault(const char *kind);
void report_answer(const char *kind, usec_t since_death);
void report_lateness(usec_t usec);
void report_print(const struct chaos *c, usec_t elapsed, FILE *f);
unsigned long report_faults(void);
