// SPDX-License-Identifier: Apache-2.0
/*
 * test-root.c - the boot transaction of a tree, without carrying it out: loads the target with all
 * that it pulls in and prints the jobs, one a line, and what is wrong with the files. For images
 * that are being built, and to see what a change of unit files would mean.
 */
#include "core.h"

#include "types/types.h"

#include <stdio.h>

static int print_jobs(const struct manager *m)
{
	struct job *j;

	MAP_FOREACH (j, m->jobs)
		printf("%s %s\n", job_type_to_string(j->type), j->unit->id);
	return fflush(stdout) < 0 ? -errno : 0;
}

static void print_findings(const struct diag *d)
{
	for (size_t i = 0; i < d->n_items; i++)
		fprintf(stderr, "%s%s%s\n", d->items[i].file, *d->items[i].file ? ": " : "",
		        d->items[i].text);
}

static int load_and_print(struct manager *m, const char *name, struct diag *d)
{
	struct unit *u;
	int r;

	r = manager_read_index(m);
	if (r >= 0)
		r = manager_load_unit(m, name, d, &u);
	if (r >= 0)
		r = manager_enqueue(m, JOB_START, u, JOB_MODE_REPLACE, false, d, NULL);
	if (r >= 0)
		r = print_jobs(m);
	return r;
}

int test_root(const char *root, const char *unit)
{
	auto_free struct diag *d = calloc(1, sizeof(*d));
	struct manager *m = NULL;
	struct loop *l = NULL;
	int r = d ? 0 : -ENOMEM;

	log_setup("core", LOG_TARGET_STDERR, LOG_WARNING);
	if (r >= 0)
		r = loop_new(&l);
	if (r >= 0)
		r = manager_new(l, unit_types, NULL, NULL, &m);
	if (r >= 0) {
		m->root = streq(root, "/") ? NULL : root;
		m->is_test = m->no_cgroup = true;
		r = load_and_print(m, unit ? unit : "default.target", d);
	}
	if (d)
		print_findings(d);
	if (r < 0)
		fprintf(stderr, "core: %s\n", strerror(-r));
	manager_free(m);
	loop_free(l);
	return r < 0 ? 1 : 0;
}
