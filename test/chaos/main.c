// SPDX-License-Identifier: Apache-2.0
/* chaos [--seconds N] [--faults N] [--walk N] [--calls N] [--many N] [--only FAULT] [--machine] [--slow N] [--verbose];
 * CHAOS_SEED= repeats a run, CHAOS_DEBUG= has core say more */
#include "chaos.h"

#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/wait.h>

struct options {
	usec_t seconds;
	unsigned long faults;
	unsigned walk, calls, many;
	const char *only, *point, *report;
	bool verbose, machine;
	unsigned slow;
};

static const char *const init_options[] = {"--hang-usec=300000", "--ready-usec=3000000", NULL};
/* In an emulated machine, where a second is not one. */
static const char *const slow_options[] = {"--hang-usec=3000000", "--ready-usec=30000000", NULL};

/* Who wants it to end gets its figures first. */
static volatile sig_atomic_t ended;

static void on_end(int sig)
{
	(void) sig;
	ended = 1;
}

uint32_t chaos_random(struct chaos *c, uint32_t below)
{
	/* xorshift64*, Vigna 2016: the same sequence everywhere, unlike rand(3). */
	c->random ^= c->random >> 12;
	c->random ^= c->random << 25;
	c->random ^= c->random >> 27;
	return below ? (uint32_t) ((c->random * UINT64_C(0x2545F4914F6CDD1D)) >> 32) % below : 0;
}

void violation(struct chaos *c, const char *fmt, ...)
{
	va_list ap;

	c->violations++;
	printf("VIOLATION (CHAOS_SEED=%llu, step %u, %s, at %llu): ", (unsigned long long) c->seed,
	       c->step,
	       c->point   ? c->point
	       : c->fault ? c->fault
	                  : "start",
	       (unsigned long long) now(CLOCK_BOOTTIME));
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	history_print_last(c);
	fflush(stdout);
}

void chaos_sleep(_unused_ struct chaos *c, usec_t usec)
{
	usleep((useconds_t) usec);
}

/* Children of this thread are born into the world while its pid name space is set. */
pid_t chaos_fork(const struct chaos *c)
{
	auto_free char *path = str_printf("/proc/%d/ns/pid", (int) c->w.init);
	auto_fd int world = open(path, O_RDONLY | O_CLOEXEC),
		    own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	pid_t pid;

	if (world < 0 || own < 0 || setns(world, CLONE_NEWPID) < 0)
		return -1;
	pid = fork();
	if (pid != 0 && setns(own, CLONE_NEWPID) < 0)
		abort();
	return pid;
}

/*
 * How late is a process that should be there now, on this machine, with what else runs on it? A
 * thread sleeps and starts a program over and over; deadlines of units are allowed some of that.
 */
static void *machine_watch(void *arg)
{
	struct chaos *c = arg;

	for (;;) {
		char *argv[] = {(char *) (uintptr_t) "true", NULL};
		usec_t begin = now(CLOCK_MONOTONIC), lag;
		pid_t pid;

		usleep(20000);
		if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ) == 0)
			waitpid(pid, NULL, 0);
		lag = now(CLOCK_MONOTONIC) - begin - 20000;
		/* Forgets slowly: what is late now was decided a moment ago. */
		c->machine_lag = MAX(lag, c->machine_lag - c->machine_lag / 256);
	}
	return NULL;
}

static void map_page(struct chaos *c)
{
	auto_free char *path = path_join(c->w.dir, "faults");
	auto_fd int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	void *p = MAP_FAILED;

	if (fd >= 0 && ftruncate(fd, sizeof(struct fault_page)) >= 0)
		p = mmap(NULL, sizeof(struct fault_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		         0);
	if (p == MAP_FAILED)
		abort();
	c->page = p;
	setenv(FAULT_ENVIRONMENT, path, 1);
	if (getenv("CHAOS_DEBUG"))
		setenv(FAULT_ENVIRONMENT "_DEBUG", "1", 1);
}

/* What the units run, beside init and core; the plug-in's own directory is told to core. */
static void copy_programs(struct chaos *c)
{
	static const char *const programs[][2] = {{CHAOS_SERVICE, "version/chaos-service"},
	                                          {CHAOS_FACADE, "version/sysmaster-dbus"},
	                                          {CHAOS_OWNER, "version/bus-owner"},
	                                          {CHAOS_PLUGIN, "plugins/counter.so"}};
	auto_free char *plugins = path_join(c->w.dir, "plugins");

	if (mkdir(plugins, 0755) < 0 || setenv("SYSMASTER_PLUGIN_PATH", plugins, 1) < 0)
		abort();
	for (size_t i = 0; i < ELEMENTSOF(programs); i++) {
		auto_free char *to = path_join(c->w.dir, programs[i][1]),
			       *from = world_program(programs[i][0]);

		if (file_copy(from, to, 0755) < 0)
			abort();
	}
}

static void begin(struct chaos *c, const struct options *o)
{
	auto_free char *locks = NULL;

	world_prepare(&c->w);
	c->w.init_options = o->slow > 1 ? slow_options : init_options;
	c->w.run_options = "mode=0755,size=48m";
	c->many = o->many;
	c->verbose = o->verbose;
	c->machine = o->machine;
	c->slow = o->slow;
	c->sent = calloc(MESSAGES_MAX, sizeof(*c->sent));
	locks = path_join(c->w.dir, "locks");
	if (!c->sent || mkdir(locks, 0755) < 0)
		abort();
	copy_programs(c);
	bus_prepare(c);
	history_open(c);
	map_page(c);
	units_write(&c->w, c->many, c->machine, c->slow);
	if (world_start(&c->w) < 0) {
		violation(c, "the world does not start");
		return;
	}
	if (pid_start_time(c->w.init, &c->init_start) < 0)
		violation(c, "PID 1 is gone");
	scopes_open(c);
	udev_open(c);
	for (size_t i = 0; i < n_unit_rows; i++)
		c->models[i].touched = true;
	/* The boot is none of the faults. */
	(void) world_wait(&c->w, "default.target", "ActiveState", "active", 20000 * (int) c->slow);
	check_quiet(c);
}

static void end(struct chaos *c)
{
	auto_free char *log = path_join(c->w.dir, "log");

	if (c->violations > 0) {
		printf("the world's log is kept: %s\n", log);
		setenv("WORLD_KEEP", "1", 1);
	}
	fclose(c->history);
	accesses_end(c);
	scopes_end(c);
	world_close(&c->w);
	books_free(c->books);
	c->books = NULL;
	free(c->sent);
}

/* ---- at random ---- */

static const struct fault_row *fault_find(const char *name)
{
	for (size_t i = 0; i < n_fault_rows; i++)
		if (streq(fault_rows[i].name, name))
			return &fault_rows[i];
	return NULL;
}

static void step(struct chaos *c, const struct options *o)
{
	const struct fault_row *only = o->only ? fault_find(o->only) : NULL;

	c->step++;
	for (uint32_t n = chaos_random(c, 4); n > 0; n--)
		order_random(c);
	if (only) {
		c->fault = only->name;
		history(c, "%s", c->fault);
		report_fault(c->fault);
		only->fn(c);
	} else {
		fault_random(c);
	}
	if (c->verbose)
		printf("# step %u: %s, until %llu\n", c->step, c->fault,
		       (unsigned long long) now(CLOCK_BOOTTIME));
	history(c, "%s is over", c->fault);
	if (chaos_random(c, 4) == 0)
		check_quiet(c);
	else
		check_light(c);
	/* The machine may be reset at any moment, and its driver with it. */
	if (c->machine)
		printf("# %lu faults, %lu full checks\n", report_faults(), c->checks);
}

static void run_random(struct chaos *c, const struct options *o)
{
	usec_t end_at = now(CLOCK_MONOTONIC) + o->seconds * USEC_PER_SEC;

	while (!c->violations && !ended &&
	       (o->faults ? report_faults() < o->faults : now(CLOCK_MONOTONIC) < end_at))
		step(c, o);
	if (!c->violations)
		check_quiet(c);
}

/* ---- all points ---- */

static bool fired(const struct chaos *c, uint32_t before)
{
	return __atomic_load_n(&c->page->fired, __ATOMIC_SEQ_CST) != before;
}

/* Core dies when it passes point @i for the @nth time. False: it never did. */
static bool walk_point(struct chaos *c, uint32_t i, uint32_t nth)
{
	uint32_t before = c->page->fired;
	usec_t from;

	c->step++;
	c->fault = "walk";
	c->point = c->page->sites[i].name;
	c->page->action = FAULT_KILL;
	c->page->nth = nth;
	__atomic_store_n(&c->page->site, (int32_t) i + 1, __ATOMIC_SEQ_CST);
	for (unsigned part = 0; part < SCENARIO_PARTS && !fired(c, before); part++) {
		order_scenario(c, part);
		/* What the orders set off needs a moment to come by. */
		for (int k = 0; k < 15 && !fired(c, before); k++)
			chaos_sleep(c, 2 * USEC_PER_MSEC);
		if (part == 5 && !fired(c, before))
			check_quiet(c);
	}
	if (!fired(c, before)) {
		pid_t core = world_core(&c->w);

		from = now(CLOCK_BOOTTIME);
		kill(core, SIGKILL);
		c->kills_min++;
		c->kills_max++;
		(void) recover(c, core, from);
	}
	if (fired(c, before))
		(void) recover_point(c);
	__atomic_store_n(&c->page->site, 0, __ATOMIC_SEQ_CST);
	c->kills_min += c->page->fired - before;
	c->kills_max += c->page->fired - before;
	if (fired(c, before))
		report_fault("walk");
	/* It stopped in the middle: bring back what the scenario stopped. */
	order_scenario(c, 7);
	order_scenario(c, 2);
	check_quiet(c);
	return fired(c, before);
}

static void run_walk(struct chaos *c, const struct options *o)
{
	unsigned reached = 0, tried = 0;

	for (uint32_t i = 0; i < c->page->n_sites && !c->violations; i++) {
		if (o->point && !streq(o->point, c->page->sites[i].name))
			continue;
		for (uint32_t nth = 1; nth <= o->walk && !c->violations; nth++) {
			bool hit = walk_point(c, i, nth);

			if (nth == 1) {
				tried++;
				reached += hit;
				if (!hit)
					printf("# point %s was not passed\n",
					       c->page->sites[i].name);
			}
			if (!hit)
				break;
		}
	}
	c->point = NULL;
	printf("# walk: %u of %u points\n", reached, tried);
}

/* ---- all calls ---- */

/*
 * For each n: from the n-th on, CALLS_RUN system calls of core fail, as they do without fds, while a
 * service is stopped and started again. What core could not find out it must not take for granted.
 */
#define CALLS_RUN 12
static void run_calls(struct chaos *c, unsigned most)
{
	static const char *const units[] = {"f0.service", "s0.service", "k0.service"};
	static const char *const verbs[] = {"restart", "stop"};

	c->fault = "calls";
	for (unsigned i = 0; i < most && !c->violations; i++) {
		for (size_t k = 0; k < ELEMENTSOF(units) * ELEMENTSOF(verbs); k++) {
			c->step++;
			report_fault(c->fault);
			fault_calls(c, verbs[k % ELEMENTSOF(verbs)],
			            unit_find(units[k / ELEMENTSOF(verbs)]), 1 + i * CALLS_RUN / 2,
			            CALLS_RUN);
		}
		check_quiet(c);
	}
}

/* ---- the program ---- */

static uint64_t seed_of_run(void)
{
	const char *s = getenv("CHAOS_SEED");
	uint64_t seed = s ? strtoull(s, NULL, 10) : (uint64_t) now(CLOCK_REALTIME);

	return seed ? seed : 1;
}

static void read_options(int argc, char **argv, struct options *o)
{
	static const struct option table[] = {
		{"seconds", required_argument, NULL, 's'}, {"faults", required_argument, NULL, 'f'},
		{"walk", required_argument, NULL, 'w'},    {"calls", required_argument, NULL, 'c'},
		{"many", required_argument, NULL, 'm'},    {"only", required_argument, NULL, 'o'},
		{"point", required_argument, NULL, 'p'},   {"report", required_argument, NULL, 'r'},
		{"verbose", no_argument, NULL, 'v'},       {"machine", no_argument, NULL, 'M'},
		{"slow", required_argument, NULL, 'S'},    {0},
	};
	int k;

	while ((k = getopt_long(argc, argv, "", table, NULL)) >= 0)
		switch (k) {
		case 's':
			o->seconds = strtoull(optarg, NULL, 10);
			break;
		case 'f':
			o->faults = strtoul(optarg, NULL, 10);
			break;
		case 'w':
			o->walk = (unsigned) strtoul(optarg, NULL, 10);
			break;
		case 'c':
			o->calls = (unsigned) strtoul(optarg, NULL, 10);
			break;
		case 'm':
			o->many = (unsigned) strtoul(optarg, NULL, 10);
			break;
		case 'o':
			o->only = optarg;
			break;
		case 'p':
			o->point = optarg;
			break;
		case 'r':
			o->report = optarg;
			break;
		case 'M':
			o->machine = true;
			break;
		case 'S':
			o->slow = MAX((unsigned) strtoul(optarg, NULL, 10), 1U);
			break;
		case 'v':
			o->verbose = true;
			break;
		default:
			exit(2);
		}
	if (o->only && !fault_find(o->only)) {
		fprintf(stderr, "chaos: no fault is called \"%s\"\n", o->only);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	static struct chaos c;
	struct options o = {.seconds = 120, .slow = 1};
	pthread_t watch;
	usec_t since;
	FILE *f;

	read_options(argc, argv, &o);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, on_end);
	setvbuf(stdout, NULL, _IOLBF, 0);
	c.seed = seed_of_run();
	c.random = c.seed * UINT64_C(0x9E3779B97F4A7C15) | 1;
	printf("# CHAOS_SEED=%llu\n", (unsigned long long) c.seed);
	if (pthread_create(&watch, NULL, machine_watch, &c) != 0)
		abort();
	begin(&c, &o);
	since = now(CLOCK_MONOTONIC);
	if (!c.violations && o.walk)
		run_walk(&c, &o);
	if (!c.violations && o.calls)
		run_calls(&c, o.calls);
	if (!c.violations && (o.seconds || o.faults))
		run_random(&c, &o);
	report_print(&c, now(CLOCK_MONOTONIC) - since, stdout);
	f = o.report ? fopen(o.report, "we") : NULL;
	if (f) {
		report_print(&c, now(CLOCK_MONOTONIC) - since, f);
		fclose(f);
	}
	end(&c);
	return c.violations ? 1 : 0;
}
