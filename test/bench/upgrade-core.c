// SPDX-License-Identifier: Apache-2.0
/*
 * upgrade-core PROBE ROUNDS - the gap of control when core is replaced, natively: the real init and core in namespaces with 200
 * services and 800 active targets, watched by gap-probe from outside. Prints gap-probe's lines, a round after the other.
 */
#include "world.h"

#include <stdio.h>
#include <sys/wait.h>

#define SERVICES 200
#define TARGETS  800

static void put_units(struct world *w)
{
	auto_strbuf struct strbuf wants = {0};
	char name[32];

	for (int i = 0; i < SERVICES + TARGETS; i++) {
		bool service = i < SERVICES;

		snprintf(name, sizeof(name), service ? "s%d.service" : "t%d.target", i);
		world_put(w, name, "[Unit]\nDefaultDependencies=no\n%s",
		          service ? "[Service]\nExecStart=/bin/sleep infinity\n" : "");
		strbuf_printf(&wants, "Wants=%s\n", name);
	}
	auto_free char *path = path_join(w->dir, "units/default.target"),
		       *text = str_printf("[Unit]\nDefaultDependencies=no\n%s", wants.data);
	if (!text || file_write_atomic(path, text, strlen(text), 0644, false) < 0)
		abort();
}

static bool all_run(struct world *w)
{
	for (long long end = world_msec() + 60000; world_msec() < end; usleep(100000)) {
		auto_free char *state = world_manager(w, "state"), *n = world_manager(w, "n_units");

		if (streq(state, "running") && strtol(n, NULL, 10) >= SERVICES + TARGETS)
			return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	int rounds = argc > 2 ? atoi(argv[2]) : 5, r = 0;

	if (argc < 2)
		return 2;
	WITH_WORLD(w);
	/* A trial is as long as a core may take to be ready; ten seconds a round would only be waited for. */
	w.init_options = (const char *const[]){"--ready-usec=3000000", NULL};
	put_units(&w);
	if (world_start(&w) < 0 || !all_run(&w)) {
		fprintf(stderr, "upgrade-core: the services did not come up\n");
		return 1;
	}
	for (int i = 0; i < rounds && r == 0; i++) {
		auto_free char *command =
			str_printf("%s sysmaster %s -- @core %s/version", argv[1], w.socket, w.dir);

		fflush(NULL);
		r = system(command);
		usleep(3500000);
	}
	return r == 0 ? 0 : 1;
}
