// SPDX-License-Identifier: Apache-2.0
/*
 * takeover [--services N] [--loaded N] [--rounds N] [--log] - the real init and core in namespaces with N running services
 * and N more units that are only loaded; core is killed again and again. What is measured is the time from the death of one
 * core until the next has answered a call, and what both processes take in memory. A line a result: "NAME VALUE...".
 */
#include "world.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>

#define ROUNDS_MAX 1000

struct settings {
	unsigned services, loaded, rounds;
	bool show_log;
};

static void put_units(struct world *w, const struct settings *s)
{
	char name[64];

	/* clang-format off */
	for (unsigned i = 0; i < s->services; i++) {
		snprintf(name, sizeof(name), "bench-%u.service", i);
		world_put(w, name, "[Unit]\nDescription=Number %u\n[Service]\nExecStart=/bin/sleep infinity\n"
		                   "StandardOutput=null\nStandardError=null\n", i);
		snprintf(name, sizeof(name), "default.target.wants/bench-%u.service", i);
		world_put(w, name, " ");
	}
	/* Chains of a hundred, each held by its first: orders alone keep a unit in memory. */
	for (unsigned i = 0; i < s->loaded; i++) {
		bool last = (i + 1) % 100 == 0 || i + 1 == s->loaded;

		snprintf(name, sizeof(name), "loaded-%u.service", i);
		world_put(w, name, "[Unit]\nDescription=Number %u, at rest\n%sloaded-%u.service\n[Service]\n"
		                   "ExecStart=/bin/sleep infinity\nRestart=on-failure\nEnvironment=NUMBER=%u\n",
		          i, last ? "Documentation=man:" : "After=", i + 1, i);
		if (i % 100 != 0)
			continue;
		snprintf(name, sizeof(name), "default.target.d/%u.conf", i);
		world_put(w, name, "[Unit]\nAfter=loaded-%u.service\n", i);
	}
	world_put(w, "sysinit.target", "[Unit]\nDefaultDependencies=no\n");
	world_put(w, "basic.target", "[Unit]\nDefaultDependencies=no\n");
	world_put(w, "shutdown.target", "[Unit]\nDefaultDependencies=no\n");
	world_put(w, "default.target", "[Unit]\nRequires=basic.target\nAfter=basic.target\n");
	/* clang-format on */
}

/* Of /proc/PID/smaps_rollup or a line's like in smaps. */
static long smaps_kb(pid_t pid, const char *key)
{
	auto_free char *path = str_printf("/proc/%d/smaps_rollup", (int) pid), *text = NULL;
	char *line;

	if (!path || file_read(path, &text, NULL) < 0 || !(line = strstr(text, key)))
		return -1;
	return strtol(line + strlen(key), NULL, 10);
}

/* Heap and mapped files of core, the largest first are for whoever asks with --log. */
static void print_maps(pid_t pid)
{
	auto_free char *command = str_printf(
		"awk '/^[0-9a-f]+-/ {name = NF > 5 ? $6 : \"anonymous\"} /^Pss:/ {kb[name] += $2} "
		"END {for (n in kb) if (kb[n]) print \"map\", kb[n], n}' /proc/%d/smaps",
		(int) pid);

	fflush(stdout);
	if (command && system(command) != 0)
		printf("map ?\n");
}

static void print_memory(const struct world *w, const char *when, bool maps)
{
	pid_t core = world_core(w);

	printf("memory-%s core-pss %ld core-private-dirty %ld init-pss %ld\n", when,
	       smaps_kb(core, "\nPss:"), smaps_kb(core, "\nPrivate_Dirty:"),
	       smaps_kb(w->init, "\nPss:"));
	if (maps)
		print_maps(core);
}

/* Microseconds that a process has run for: what a busy machine does not blur. */
static long cpu_usec(pid_t pid)
{
	auto_free char *path = str_printf("/proc/%d/schedstat", (int) pid), *text = NULL;

	if (!path || file_read(path, &text, NULL) < 0)
		return -1;
	return strtol(text, NULL, 10) / 1000;
}

/* From the death of core until an answer of the next, in microseconds; and what of it the next one
 * ran for. */
static long take_over(struct world *w, long *ret_cpu)
{
	pid_t core = world_core(w);
	int pidfd = core > 0 ? (int) syscall(SYS_pidfd_open, core, 0) : -1;
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	cJSON *reply = NULL;
	usec_t begin;
	int r;

	if (pidfd < 0)
		return -1;
	begin = now(CLOCK_MONOTONIC);
	r = kill(core, SIGKILL) < 0 || poll(&p, 1, 5000) != 1 ? -1 : 0;
	close(pidfd);
	if (r >= 0)
		r = world_call(w, "org.sysmaster.Manager.Describe", NULL, &reply);
	json_free(reply);
	if (r < 0)
		return -1;
	r = (int) (now(CLOCK_MONOTONIC) - begin);
	*ret_cpu = cpu_usec(world_core(w));
	return r;
}

static int compare_long(const void *a, const void *b)
{
	long x = *(const long *) a, y = *(const long *) b;

	return (x > y) - (x < y);
}

/* Every service has the process it had: what a fast answer is worth nothing without. */
static bool all_run(struct world *w, const struct settings *s)
{
	char name[64];

	for (unsigned i = 0; i < s->services; i++) {
		snprintf(name, sizeof(name), "bench-%u.service", i);
		if (!streq(world_property(w, name, "SubState"), "running") ||
		    world_number(w, name, "NRestarts") != 0) {
			printf("lost %s\n", name);
			return false;
		}
	}
	return true;
}

static void print_log(const struct world *w)
{
	auto_free char *text = world_file(w, "log");

	for (char *line = text ? strtok(text, "\n") : NULL; line; line = strtok(NULL, "\n")) {
		char *took = strstr(line, "Took over");

		if (took)
			printf("log %s\n", took);
	}
}

static int bench(const struct settings *s)
{
	static long times[ROUNDS_MAX], cpu[ROUNDS_MAX];
	WITH_WORLD(w);
	long long begin;

	put_units(&w, s);
	begin = world_msec();
	if (world_start(&w) < 0 ||
	    !streq(world_wait(&w, "default.target", "ActiveState", "active", 60000), "active")) {
		printf("no-start\n");
		return 1;
	}
	printf("boot_ms %lld\n", world_msec() - begin);
	usleep(500000);
	print_memory(&w, "booted", s->show_log);
	for (unsigned i = 0; i < s->rounds; i++) {
		/* These deaths are ours: init's budget of restarts is not to run out. */
		kill(w.init, SIGRTMIN + 10);
		usleep(150000);
		times[i] = take_over(&w, &cpu[i]);
		if (times[i] < 0) {
			printf("no-answer %u\n", i);
			return 1;
		}
	}
	if (s->rounds > 0) {
		usleep(500000);
		print_memory(&w, "taken-over", s->show_log);
		qsort(times, s->rounds, sizeof(*times), compare_long);
		qsort(cpu, s->rounds, sizeof(*cpu), compare_long);
		printf("cpu_us %ld\n", cpu[s->rounds / 2]);
		printf("takeover_us %ld %ld %ld\n", times[s->rounds / 2],
		       times[s->rounds - 1 - s->rounds / 100], times[s->rounds - 1]);
	}
	if (!all_run(&w, s))
		return 1;
	print_log(&w);
	return 0;
}

int main(int argc, char **argv)
{
	struct settings s = {.services = 200, .rounds = 50};

	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";

		if (streq(argv[i], "--log")) {
			s.show_log = true;
			continue;
		}
		unsigned *to = streq(argv[i], "--services") ? &s.services
		               : streq(argv[i], "--loaded") ? &s.loaded
		               : streq(argv[i], "--rounds") ? &s.rounds
		                                            : NULL;
		if (!to || !*value) {
			fprintf(stderr, "usage: takeover [--services N] [--loaded N] [--rounds N] "
			                "[--log]\n");
			return 2;
		}
		*to = (unsigned) strtoul(value, NULL, 10);
		i++;
	}
	s.rounds = MIN(s.rounds, (unsigned) ROUNDS_MAX);
	setlinebuf(stdout);
	return bench(&s);
}
