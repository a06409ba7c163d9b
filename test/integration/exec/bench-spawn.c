// SPDX-License-Identifier: Apache-2.0
/*
 * What a process of ours costs beside a bare vfork and execve of the same program: N of each, in
 * turn, several rounds; medians. As under init, one process starts and another one reaps. Usage:
 * bench-spawn [N [ROUNDS]]
 */
#include "spawn-world.h"

#include <sys/prctl.h>

static double seconds(void)
{
	return (double) now(CLOCK_MONOTONIC) / 1e6;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *) a, y = *(const double *) b;

	return (x > y) - (x < y);
}

static void bare(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (vfork() == 0) {
			execl("/run/true", "/run/true", NULL);
			_exit(203);
		}
}

static void ours(unsigned n, const struct unit_file *f)
{
	for (unsigned i = 0; i < n; i++) {
		struct pidref p;

		if (exec_spawn(&test_manager,
		               &(struct exec_request){
				       .unit = &test_unit,
				       .command = f->service->commands[SERVICE_EXEC_START],
				       .settings = f->exec,
				       .flags = EXEC_APPLY_SANDBOX | EXEC_NEW_DIRECTORIES,
				       .stdio_socket = -EBADF,
				       .exec_fd = -EBADF},
		               NULL, &p) < 0)
			abort();
		pidref_done(&p);
	}
}

static double cpu_seconds(void)
{
	struct rusage u;

	(void) getrusage(RUSAGE_CHILDREN, &u);
	return (double) (u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double) (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double round_of(bool own, unsigned n, const struct unit_file *f, double *cpu)
{
	double begin = seconds(), cpu_begin = cpu_seconds();
	pid_t core;
	int status;

	core = fork();
	if (core == 0) {
		if (own)
			ours(n, f);
		else
			bare(n);
		_exit(0);
	}
	for (unsigned left = n + 1; left > 0; left--)
		if (wait(&status) < 0)
			break;
	*cpu += cpu_seconds() - cpu_begin;
	return seconds() - begin;
}

static int bench(unsigned n, unsigned rounds)
{
	static const char *const units[] = {
		"[Service]\nStandardOutput=null\nExecStart=/run/true\n",
		"[Service]\nUser=daemon\nStandardOutput=null\nExecStart=/run/true\n",
		"[Service]\nStandardOutput=null\nProtectSystem=full\nPrivateTmp="
		"yes\nNoNewPrivileges=yes\nExecStart=/run/true\n"};
	static const char *const names[] = {"plain", "User=", "mount name space"};
	double *a = calloc(rounds, sizeof(double)), *b = calloc(rounds, sizeof(double));

	/* The bare loop's children must be reaped here, too. */
	(void) prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (size_t u = 0; u < ELEMENTSOF(units); u++) {
		double cpu_bare = 0, cpu_own = 0;
		struct unit_file *f;

		if (unit_file_parse(&test_manager.context, "bench.service", units[u],
		                    strlen(units[u]), "bench", NULL, &f) < 0)
			return 1;
		for (unsigned i = 0; i < rounds; i++) {
			a[i] = round_of(false, n, f, &cpu_bare);
			b[i] = round_of(true, n, f, &cpu_own);
		}
		qsort(a, rounds, sizeof(double), compare);
		qsort(b, rounds, sizeof(double), compare);
		printf("%-18s bare %6.1f ms  ours %6.1f ms  ratio %.2f, of CPU time %.2f  (%u "
		       "processes)\n",
		       names[u], a[rounds / 2] * 1e3, b[rounds / 2] * 1e3,
		       b[rounds / 2] / a[rounds / 2], cpu_own / cpu_bare, n);
	}
	return 0;
}

int main(int argc, char **argv)
{
	unsigned n = argc > 1 ? (unsigned) atoi(argv[1]) : 200,
		 rounds = argc > 2 ? (unsigned) atoi(argv[2]) : 9;

	if (n == 0 || rounds == 0)
		return 2;
	world_setup();
	if (file_copy(BENCH_TRUE, "/run/true", 0755) < 0 ||
	    unit_context_init(&test_manager.context) < 0)
		return 1;
	test_manager.no_cgroup = true;
	test_unit.manager = &test_manager;
	test_unit.ops = &test_ops;
	test_unit.id = (char *) "bench.service";
	if (exec_setup(&test_manager, CORE_EXEC_DIRECTORY) < 0)
		return 1;
	return bench(n, rounds);
}
