// SPDX-License-Identifier: Apache-2.0
/*
 * world-bench - the real init and core in namespaces of this machine, measured without a VM between.
 *
 *	world-bench spawn [N]		until N trivial services run, and what core and init spend on each
 *	world-bench restart [ROUNDS]	from SIGKILL of a service to its successor's first instruction, RestartSec=0
 *	world-bench idle [N [SEC]]	wake-ups of init and core while N services run and nothing happens
 *	world-bench scale [N]		N loaded units, a thousand jobs: what each step costs core
 *
 * The same of another manager, which the caller runs as PID 1 of a PID name space, with the units of DIR/units:
 *
 *	world-bench put-restart DIR, put-idle DIR [N]		makes those units
 *	world-bench restart-of PID DIR [ROUNDS]			again.service runs
 *	world-bench idle-of PID [N [SEC]]
 *
 * Prints "METRIC VALUE" lines. 77: worlds cannot be made here.
 */
#include "world.h"

#include "scale.h"
#include "stamp.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#define NUMBER_MAX 100000
#define WAIT_MSEC  30000

static void fail(const char *what)
{
	fprintf(stderr, "world-bench: %s\n", what);
	exit(1);
}

static long long now_nsec(void)
{
	struct timespec t;

	(void) clock_gettime(CLOCK_MONOTONIC, &t);
	return (long long) t.tv_sec * 1000000000 + t.tv_nsec;
}

/* N services that are there and do nothing, without anything else in the boot. */
static void put_services(struct world *w, unsigned n)
{
	world_put(w, "shutdown.target", "[Unit]\nDefaultDependencies=no\n");
	world_put(w, "default.target", "[Unit]\nDefaultDependencies=no\nAllowIsolate=yes\n");
	for (unsigned i = 0; i < n; i++) {
		auto_free char *name = str_printf("bench-%u.service", i),
			       *link = str_printf("%s/units/default.target.wants/bench-%u.service",
		                                  w->dir, i),
			       *target = str_printf("../bench-%u.service", i);

		world_put(w, name,
		          "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=" IDLE_PROGRAM
		          "\nStandardOutput=null\nStandardError=null\n");
		if (mkdir_parents(link, 0755) < 0 || symlink(target, link) < 0)
			fail("cannot make links");
	}
}

/* The processes of this name in the world. */
static unsigned count_running(const struct world *w, const char *name)
{
	auto_free char *path = str_printf("/proc/%d/task/%d/children", (int) w->init,
	                                  (int) w->init),
		       *text = NULL;
	unsigned n = 0;

	if (file_read(path, &text, NULL) < 0)
		return 0;
	for (char *p = strtok(text, " \n"); p; p = strtok(NULL, " \n")) {
		auto_free char *comm = NULL;

		n += pid_comm(atoi(p), &comm) >= 0 && streq(comm, name);
	}
	return n;
}

static void wait_running(const struct world *w, const char *name, unsigned n)
{
	long long end = world_msec() + WAIT_MSEC;

	while (count_running(w, name) < n) {
		if (world_msec() > end)
			fail("the services do not come up");
		usleep(1000);
	}
}

/* Time on a CPU, nanoseconds: the first field of schedstat. */
static long long cpu_nsec(pid_t pid)
{
	auto_free char *path = str_printf("/proc/%d/schedstat", (int) pid), *text = NULL;

	return file_read(path, &text, NULL) < 0 ? 0 : strtoll(text, NULL, 10);
}

static long switches(pid_t pid)
{
	auto_free char *path = str_printf("/proc/%d/status", (int) pid), *text = NULL;
	static const char *const keys[] = {"\nvoluntary_ctxt_switches:",
	                                   "\nnonvoluntary_ctxt_switches:"};
	long n = 0;

	if (file_read(path, &text, NULL) < 0)
		fail("cannot read /proc");
	for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
		const char *p = strstr(text, keys[i]);

		if (!p)
			fail("/proc/PID/status does not count switches");
		n += strtol(p + strlen(keys[i]), NULL, 10);
	}
	return n;
}

static void bench_spawn(unsigned n)
{
	const char *name = path_basename(IDLE_PROGRAM);
	long long begin;
	struct world w;

	world_prepare(&w);
	put_services(&w, n);
	begin = now_nsec();
	world_launch(&w);
	wait_running(&w, name, n);
	printf("all_ms %.1f\n", (double) (now_nsec() - begin) / 1e6);
	usleep(300000);
	printf("core_cpu_ms %.1f\n", (double) cpu_nsec(world_core(&w)) / 1e6);
	printf("init_cpu_ms %.1f\n", (double) cpu_nsec(w.init) / 1e6);
	world_close(&w);
}

static struct stamp_line read_stamp(int fifo)
{
	struct pollfd p = {.fd = fifo, .events = POLLIN};
	struct stamp_line line;

	if (poll(&p, 1, WAIT_MSEC) != 1 || read(fifo, &line, sizeof(line)) != sizeof(line))
		fail("the service does not come");
	return line;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *) a, y = *(const double *) b;

	return (x > y) - (x < y);
}

/* again.service writes into DIR/fifo when it begins to run. */
static void put_restart(struct world *w)
{
	auto_free char *path = str_printf("%s/fifo", w->dir);

	put_services(w, 0);
	if (mkfifo(path, 0600) < 0)
		fail("cannot make a FIFO");
	world_put(w, "again.service",
	          "[Unit]\nDefaultDependencies=no\nStartLimitIntervalSec=0\n[Service]"
	          "\nExecStart=" STAMP_PROGRAM " %s\nRestart=always\nRestartSec=0\n",
	          path);
}

static int open_fifo(const struct world *w)
{
	auto_free char *path = str_printf("%s/fifo", w->dir);
	int fifo = open(path, O_RDWR | O_CLOEXEC);

	if (fifo < 0)
		fail("cannot open the FIFO");
	return fifo;
}

/* What again.service of this world, whoever runs it, says of its ends. */
static void measure_restart(const struct world *w, int fifo, unsigned rounds)
{
	auto_free double *ms = calloc(rounds, sizeof(*ms));

	if (!ms)
		fail("out of memory");
	for (unsigned i = 0; i < rounds; i++) {
		pid_t pid = world_pid(w, read_stamp(fifo).pid);
		long long begin;
		struct pollfd p = {.fd = fifo, .events = POLLIN};

		usleep(20000); /* the manager is at rest, as it is when a service of a real system dies */
		begin = now_nsec();
		if (pid <= 0 || kill(pid, SIGKILL) < 0)
			fail("cannot kill the service");
		if (poll(&p, 1, WAIT_MSEC) != 1)
			fail("the service does not come back");
		struct stamp_line line = read_stamp(fifo);
		ms[i] = (double) (line.nsec - begin) / 1e6;
		/* The next round reads it again. */
		if (write(fifo, &line, sizeof(line)) != sizeof(line))
			fail("cannot write to the FIFO");
	}
	qsort(ms, rounds, sizeof(*ms), compare);
	printf("median_ms %.3f\nbest_ms %.3f\np95_ms %.3f\nworst_ms %.3f\n", ms[rounds / 2], ms[0],
	       ms[rounds * 95 / 100], ms[rounds - 1]);
}

static void bench_restart(unsigned rounds)
{
	auto_fd int fifo = -EBADF;
	struct world w;

	world_prepare(&w);
	put_restart(&w);
	fifo = open_fifo(&w);
	if (world_start(&w) < 0 || !streq(world_order(&w, "start", "again.service"), "done"))
		fail("the service does not start");
	measure_restart(&w, fifo, rounds);
	world_close(&w);
}

static void bench_idle(unsigned n, unsigned seconds)
{
	const char *name = path_basename(IDLE_PROGRAM);
	long core_before, init_before;
	struct world w;
	pid_t core;

	world_prepare(&w);
	put_services(&w, n);
	world_launch(&w);
	wait_running(&w, name, n);
	sleep(2);
	core = world_core(&w);
	core_before = switches(core);
	init_before = switches(w.init);
	sleep(seconds);
	printf("core_wakeups %ld\ninit_wakeups %ld\nseconds %u\n", switches(core) - core_before,
	       switches(w.init) - init_before, seconds);
	world_close(&w);
}

static void bench_idle_of(const struct world *w, unsigned n, unsigned seconds)
{
	long before;

	wait_running(w, path_basename(IDLE_PROGRAM), n);
	sleep(2);
	before = switches(w->init);
	sleep(seconds);
	printf("init_wakeups %ld\nseconds %u\n", switches(w->init) - before, seconds);
}

/* The verbs about another manager; 1 if @what is none of them. */
static int other_manager(const char *what, char **args, int n)
{
	struct world w = {0};
	const char *dir = streq(what, "restart-of") ? (n > 1 ? args[1] : "") : n > 0 ? args[0] : "";
	unsigned a = n > 1 ? (unsigned) strtoul(args[1], NULL, 10) : 0,
		 b = n > 2 ? (unsigned) strtoul(args[2], NULL, 10) : 0;

	if (a > NUMBER_MAX || b > NUMBER_MAX)
		fail("that is too many");
	if (snprintf(w.dir, sizeof(w.dir), "%s", dir) >= (int) sizeof(w.dir))
		fail("the folder's path is too long");
	if (n > 0)
		w.init = (pid_t) atoi(args[0]);
	if (streq(what, "put-restart")) {
		put_restart(&w);
	} else if (streq(what, "put-idle")) {
		put_services(&w, a ? a : 200);
	} else if (streq(what, "restart-of") && w.init > 0) {
		auto_fd int fifo = open_fifo(&w);

		measure_restart(&w, fifo, b ? b : 100);
	} else if (streq(what, "idle-of") && w.init > 0) {
		bench_idle_of(&w, a ? a : 200, b ? b : 60);
	} else {
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	unsigned a = argc > 2 ? (unsigned) strtoul(argv[2], NULL, 10) : 0,
		 b = argc > 3 ? (unsigned) strtoul(argv[3], NULL, 10) : 0;

	if (a > NUMBER_MAX)
		fail("that is too many");
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (strchr(what, '-') && other_manager(what, argv + 2, argc - 2) == 0)
		return 0;
	if (streq(what, "spawn"))
		bench_spawn(a ? a : 200);
	else if (streq(what, "restart"))
		bench_restart(a ? a : 100);
	else if (streq(what, "idle"))
		bench_idle(a ? a : 200, b ? b : 60);
	else if (streq(what, "scale"))
		return bench_scale(a ? a : 10000) < 0;
	else
		fail("usage: world-bench spawn [N] | restart [ROUNDS] | idle [N [SECONDS]] | scale "
		     "[N]");
	return 0;
}
