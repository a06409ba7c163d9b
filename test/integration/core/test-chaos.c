// SPDX-License-Identifier: Apache-2.0
/*
 * Core is killed at random instants while orders keep coming. Whatever it was in the middle of, at
 * the end every order that was answered has been carried out, nothing runs twice, and nothing is
 * left over. CHAOS_SEED and CHAOS_ROUNDS choose the run.
 */
#include "check.h"
#include "world.h"

#include <signal.h>
#include <stdio.h>

#define SERVICES 12

enum wanted { WANT_UNKNOWN, WANT_UP, WANT_DOWN };

static unsigned seed_of_run(void)
{
	const char *s = getenv("CHAOS_SEED");

	return s ? (unsigned) strtoul(s, NULL, 10) : (unsigned) now(CLOCK_REALTIME);
}

static unsigned rounds_of_run(void)
{
	const char *s = getenv("CHAOS_ROUNDS");

	return s ? (unsigned) strtoul(s, NULL, 10) : 60;
}

static void name_of(char name[static 32], unsigned i)
{
	snprintf(name, 32, "s%u.service", i);
}

/* Processes in the service's cgroup, by the file system. */
static int count_processes(const struct world *w, const char *name)
{
	auto_free char *path = str_printf("%s/system.slice/%s/cgroup.procs", w->cgroup, name),
		       *text = NULL;
	int n = 0;

	if (!path || file_read(path, &text, NULL) < 0)
		return 0;
	for (const char *p = text; *p; p++)
		n += *p == '\n';
	return n;
}

static void put_services(struct world *w)
{
	/* clang-format off */
	static const char *const kinds[] = {
		"ExecStart=/bin/sleep infinity\n",
		"ExecStart=/bin/sleep infinity\nExecStartPre=/bin/true\nExecStartPost=/bin/true\nExecStopPost=/bin/true\n",
		"Type=exec\nExecStart=/bin/sleep infinity\nRestart=always\nRestartSec=10ms\n",
		"Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\nExecStart=/bin/sleep 0.02\nExecStop=/bin/true\n",
	};
	/* clang-format on */
	char name[32];

	for (unsigned i = 0; i < SERVICES; i++) {
		name_of(name, i);
		world_put(w, name, "[Unit]\nStartLimitBurst=0\n%s[Service]\n%s",
		          i % 3 == 2 ? "After=s0.service\n" : "", kinds[i % ELEMENTSOF(kinds)]);
	}
	world_put(w, "sysinit.target", "[Unit]\nDefaultDependencies=no\n");
	world_put(w, "basic.target", "[Unit]\nDefaultDependencies=no\n");
	world_put(w, "shutdown.target", "[Unit]\nDefaultDependencies=no\n");
	world_put(w, "default.target", "[Unit]\nRequires=basic.target\nAfter=basic.target\n");
}

/*
 * Kills core. Before that, if it lives, it asks init for a new restart budget: the faults are ours.
 * Half of the time the next one is given the time to come up, or none would ever get anything done.
 */
static bool kill_core(struct world *w, unsigned *seed)
{
	pid_t core = world_core(w);

	kill(w->init, SIGRTMIN + 10);
	usleep((unsigned) rand_r(seed) % 2 ? 100000 : (unsigned) rand_r(seed) % 25000);
	if (core <= 0)
		return false;
	kill(core, SIGKILL);
	return true;
}

static bool jobs_are_done(struct world *w, int timeout_ms)
{
	long long end = world_msec() + timeout_ms;

	while (world_msec() < end) {
		auto_json cJSON *reply = NULL;
		const cJSON *jobs;

		if (world_call(w, "org.sysmaster.Manager.ListJobs", NULL, &reply) >= 0 &&
		    json_get_array(reply, "jobs", &jobs) >= 0 && cJSON_GetArraySize(jobs) == 0)
			return true;
		usleep(20000);
	}
	return false;
}

TEST(chaos__orders_survive_core)
{
	static const char *const verbs[] = {"start", "stop", "restart"};
	enum wanted wanted[SERVICES] = {WANT_UNKNOWN};
	unsigned seed = seed_of_run(), rounds = rounds_of_run(), kills = 0, orders = 0;
	char name[32];

	printf(" (CHAOS_SEED=%u)", seed);
	WITH_WORLD(w);
	put_services(&w);
	CHECK_INT(world_start(&w), ==, 0);
	for (unsigned round = 0; round < rounds; round++) {
		for (unsigned n = (unsigned) rand_r(&seed) % 4; n > 0; n--) {
			unsigned i = (unsigned) rand_r(&seed) % SERVICES,
				 v = (unsigned) rand_r(&seed) % ELEMENTSOF(verbs);

			name_of(name, i);
			/* In doubt: the answer may have been lost, not the order. */
			wanted[i] = WANT_UNKNOWN;
			if (world_queue(&w, verbs[v], name) < 0)
				continue;
			wanted[i] = streq(verbs[v], "stop") ? WANT_DOWN : WANT_UP;
			orders++;
		}
		kills += kill_core(&w, &seed);
	}
	kill(w.init, SIGRTMIN + 10);
	CHECK(jobs_are_done(&w, 30000));
	for (unsigned i = 0; i < SERVICES; i++) {
		const char *active, *sub;
		int n;

		name_of(name, i);
		active = world_property(&w, name, "ActiveState");
		sub = world_property(&w, name, "SubState");
		n = count_processes(&w, name);
		if (wanted[i] == WANT_UP)
			CHECK_STR(active, "active");
		/* A command before the main one that is stopped half-way is a failure, in systemd,
		 * too. */
		if (wanted[i] == WANT_DOWN)
			CHECK(streq(active, "inactive") || streq(active, "failed"));
		/* One process where one belongs, none where not. */
		CHECK_INT(n, ==, streq(sub, "running") ? 1 : 0);
		CHECK(streq(active, "active") || streq(active, "inactive") ||
		      streq(active, "failed"));
		if (n == 1)
			CHECK_INT(world_pid(&w, world_number(&w, name, "MainPID")), >, 0);
	}
	printf(" (%u kills, %u orders)", kills, orders);
	auto_free char *state = world_manager(&w, "state");
	CHECK(streq(state, "running") || streq(state, "degraded"));
}

TEST(chaos__boot_survives_core)
{
	WITH_WORLD(w);
	put_services(&w);
	world_put(&w, "../generators/slow",
	          "#!/bin/sh\nsleep 0.2\necho '[Service]' >$1/made.service\n"
	          "echo 'ExecStart=/bin/sleep infinity' >>$1/made.service\n"
	          "mkdir -p $1/default.target.wants\nln -sf ../made.service "
	          "$1/default.target.wants/\n");
	auto_free char *generator = path_join(w.dir, "generators/slow");
	CHECK_INT(chmod(generator, 0755), ==, 0);
	world_launch(&w);
	/* In the middle of the generators, and again while the first units start. */
	usleep(100000);
	(void) kill(world_core(&w), SIGKILL);
	usleep(120000);
	(void) kill(world_core(&w), SIGKILL);
	CHECK_STR(world_wait(&w, "default.target", "ActiveState", "active", 10000), "active");
	CHECK_STR(world_wait(&w, "made.service", "SubState", "running", 5000), "running");
	CHECK_INT(count_processes(&w, "made.service"), ==, 1);
}
