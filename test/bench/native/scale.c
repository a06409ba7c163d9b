// SPDX-License-Identifier: Apache-2.0
/* scale.c - many units: what core spends on loading, listing and reloading them, and on a transaction of a thousand jobs. */
#include "scale.h"

#include <stdio.h>

#define CHAINS 10
#define LINKS  100

struct cost {
	long long cpu_nsec, clock_msec;
};

/* Time on a CPU, nanoseconds: the first field of schedstat. */
static long long core_cpu(const struct world *w)
{
	auto_free char *path = str_printf("/proc/%d/schedstat", (int) world_core(w)), *text = NULL;

	return file_read(path, &text, NULL) < 0 ? 0 : strtoll(text, NULL, 10);
}

static struct cost cost_begin(const struct world *w)
{
	return (struct cost){core_cpu(w), world_msec()};
}

static void cost_print(const struct world *w, const struct cost *begin, const char *what)
{
	printf("%s_ms %lld\n%s_cpu_ms %.1f\n", what, world_msec() - begin->clock_msec, what,
	       (double) (core_cpu(w) - begin->cpu_nsec) / 1e6);
}

/* A target that is ordered after every unit brings all of them into memory and keeps them there, without starting one. */
static void put_units(struct world *w, unsigned n)
{
	auto_free char *text = NULL, *path = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		exit(1);
	fputs("[Unit]\nDefaultDependencies=no\n", f);
	for (unsigned i = 0; i < n; i++) {
		auto_free char *name = str_printf("scale-%u.service", i);

		world_put(w, name,
		          "[Unit]\nDescription=Number %u\nDefaultDependencies=no\n[Service]\n"
		          "ExecStart=/bin/true\n",
		          i);
		fprintf(f, "After=scale-%u.service\n", i);
	}
	fclose(f);
	/* Longer than what world_put() takes. */
	path = str_printf("%s/units/scale.target", w->dir);
	if (file_write_atomic(path, text, size, 0644, false) < 0)
		exit(1);
}

/* Targets, which run nothing, in chains of a hundred: each link is required by the next and ordered before it. */
static void put_chains(struct world *w)
{
	char *all = str_printf("[Unit]\nDefaultDependencies=no\n"), *more;

	for (unsigned c = 0; c < CHAINS; c++) {
		for (unsigned i = 0; i < LINKS; i++) {
			auto_free char *name = str_printf("job-%u-%u.target", c, i);

			if (i == 0)
				world_put(w, name, "[Unit]\nDefaultDependencies=no\n");
			else
				world_put(w, name,
				          "[Unit]\nDefaultDependencies=no\nRequires=job-%u-%u."
				          "target\n"
				          "After=job-%u-%u.target\n",
				          c, i - 1, c, i - 1);
		}
		more = str_printf("%sRequires=job-%u-%u.target\nAfter=job-%u-%u.target\n", all, c,
		                  LINKS - 1, c, LINKS - 1);
		free(all);
		all = more;
	}
	world_put(w, "jobs.target", "%s", all);
	free(all);
}

static int call(struct world *w, const char *method, cJSON *parameters_take)
{
	cJSON *reply = NULL;
	int r = world_call(w, method, parameters_take, &reply);

	json_free(reply);
	return r;
}

static int order(struct world *w, const char *unit)
{
	const char *result = world_order(w, "start", unit);

	if (streq(result, "done"))
		return 0;
	fprintf(stderr, "%s: %s\n", unit, result);
	return -EIO;
}

static cJSON *all(void)
{
	cJSON *p = cJSON_CreateObject();

	cJSON_AddBoolToObject(p, "all", true);
	return p;
}

int bench_scale(unsigned units)
{
	WITH_WORLD(w);
	struct cost begin;

	world_put(&w, "shutdown.target", "[Unit]\nDefaultDependencies=no\n");
	world_put(&w, "default.target", "[Unit]\nDefaultDependencies=no\nAllowIsolate=yes\n");
	put_units(&w, units);
	put_chains(&w);
	if (world_start(&w) < 0)
		return -EIO;

#define STEP(what, work)                                                                           \
	do {                                                                                       \
		begin = cost_begin(&w);                                                            \
		if ((work) < 0)                                                                    \
			return -EIO;                                                               \
		cost_print(&w, &begin, what);                                                      \
	} while (0)
	STEP("load", order(&w, "scale.target"));
	STEP("list", call(&w, "org.sysmaster.Manager.ListUnits", all()));
	STEP("reload", call(&w, "org.sysmaster.Manager.Reload", NULL));
	STEP("jobs", order(&w, "jobs.target"));
	STEP("files", call(&w, "org.sysmaster.UnitFile.List", NULL));
	/* Another process than the one before, so what it spent is all that it has. */
	begin = (struct cost){0, world_msec()};
	if (world_kill_core(&w, SIGKILL) < 0)
		return -EIO;
	cost_print(&w, &begin, "takeover");
	return streq(world_property(&w, "job-0-0.target", "ActiveState"), "active") ? 0 : -EIO;
}
