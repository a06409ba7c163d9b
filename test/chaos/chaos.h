// SPDX-License-Identifier: Apache-2.0
/*
 * chaos - faults of every kind against the real init and core, while units start, stop, fail, fire
 * and are activated; after each an independent look at what is true.
 *
 *	main.c     arguments, the loop, the walk over all crash points, the report
 *	units.c    what runs in the world, a table
 *	orders.c   the workload: verbs, messages into sockets, files that path units wait for
 *	access.c   the automount point: who looks behind it waits for core
 *	scopes.c   processes of ours that scopes take in
 *	udev.c     a stand-in for udevd: a device that comes and goes
 *	bus.c      a bus of the world's own, with core's facade on it
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

struct chaos;

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
	UNIT_MACHINE = 1 << 10, /* the whole kernel's: only in a machine of our own (--machine) */
	UNIT_MADE = 1 << 11,    /* has no file, an order makes it from processes of ours */
};
struct unit_row {
	const char *name;
	unsigned flags;
	const char *text;
};
extern const struct unit_row unit_rows[];
extern const size_t n_unit_rows;
int unit_find(const char *name); /* index or -1 */
void units_write(struct world *w, unsigned many, bool machine, unsigned slow);
/* Whether this run has it. */
bool unit_is_here(const struct chaos *c, int unit);

/* ---- the run ---- */

#define UNITS_MAX       256
#define DOWNS_MAX       64
#define MESSAGES_MAX    65536
#define MESSAGES_RECENT 512 /* that may not have arrived */
#define SOCKETS         3

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
/* Somebody who looks behind the automount point. */
#define ACCESSES_MAX 8
struct access {
	pid_t pid; /* 0: nobody */
	usec_t at;
	bool sure; /* there was an automount point, so it has to be answered with a mount */
};
/* A process of ours that a scope took in, or shall. */
#define SCOPES 2
struct member {
	pid_t pid, inside; /* 0: none */
};
struct books;

struct chaos {
	struct world w;
	struct fault_page *page;
	uint64_t seed, random;
	unsigned step, many;
	unsigned slow; /* by how much longer than on real hardware everything may take */
	bool machine;  /* this machine is ours alone */
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
	unsigned long orders, checks, violations, lost_connections, answered, unmounted;
	struct access accesses[ACCESSES_MAX];
	bool access_excused; /* the mount was ordered away: whoever looks may be told so */
	/* The point was ordered away. A mount that was asked for through it before may come after its end, and no
	 * point can be laid over that. */
	bool point_stopped;
	bool forgiven; /* a start that runs since a call failed may end so, and the orders that joined it */
	struct member members[SCOPES];
	int udev_fd;
	bool device_is_there, device_is_ready;
	volatile usec_t machine_lag; /* by how much any process is late here, at present */
	const char *fault;           /* that is under way */
	bool gives_up_only;          /* a core that ends of it ends by itself: no signal, no hang */
	const char *point;           /* of a walk */
	bool verbose;
	FILE *history;
};

uint32_t chaos_random(struct chaos *c, uint32_t below); /* 0 .. below - 1 */
void violation(struct chaos *c, const char *fmt, ...) _printf_(2, 3);
void chaos_sleep(struct chaos *c, usec_t usec);
/* fork(2) into the world's pid name space; as the driver has threads, the child makes system calls alone. */
pid_t chaos_fork(const struct chaos *c);

/* ---- orders.c ---- */

/* Queues one random order or event. */
void order_random(struct chaos *c);
/* Queues @verb and waits for the job; false: no answer, or an error. */
bool order_queue(struct chaos *c, const char *verb, int unit);
bool order_queue_mode(struct chaos *c, const char *verb, int unit, const char *mode);
bool order_message(struct chaos *c, unsigned socket);
/* Something may move this unit from now on, and of how it ends up nothing is certain. */
void order_touch(struct chaos *c, int unit);
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
/* How often a file system of this type is mounted there; @type NULL: of any. */
unsigned truth_mounted(const struct world *w, const char *path, const char *type);
bool truth_swaps(const char *path); /* the kernel swaps to it */
pid_t truth_pid_inside(pid_t pid);  /* as the world sees it; 0: it is gone */
/* In the cgroup of that unit, whatever slice it is in, or below it. */
bool truth_is_of(const struct process *p, const char *unit);

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

/* ---- access.c, scopes.c, udev.c, bus.c: each with its order and its check ---- */

void order_access(struct chaos *c);
void order_automount(struct chaos *c); /* the point, or what is mounted there, goes or comes */
/* Whoever has been answered is counted; @wait: all of them have to be, in time. */
void access_collect(struct chaos *c, bool wait);
void accesses_end(struct chaos *c);

#define SCOPE_NURSERY "nursery" /* the cgroup where members wait to be taken in */
void scopes_open(struct chaos *c);
void order_scope(struct chaos *c);
/* Who was not taken in, with nothing on its way any more, is told to go. */
void scopes_collect(struct chaos *c, const struct truth *t);
void scopes_end(struct chaos *c);

void udev_open(struct chaos *c);
void order_device(struct chaos *c);
/* Until core says of the device what udev's database does. */
void device_settle(struct chaos *c);
/* Waits until core has heard of the ends of scopes that were told to end. */
void scopes_settle(struct chaos *c);

void bus_prepare(struct chaos *c); /* before the world starts */
/* Who has db0.service's name on the bus is the process that core calls its main one. */
void bus_check(struct chaos *c, bool up, pid_t main_pid);

/* ---- check.c ---- */

/* A property of a unit, as core tells it; false: none. */
bool core_property(struct chaos *c, const char *unit, const char *key, char *ret, size_t size);

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
