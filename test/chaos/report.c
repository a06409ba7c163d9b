// SPDX-License-Identifier: Apache-2.0
/* Figures: faults by kind, the time until core answers again, the drift of deadlines. */
#include "chaos.h"

#define KINDS_MAX   64
#define SAMPLES_MAX 200000

struct samples {
	uint32_t *usec;
	size_t n;
};
static struct kind {
	const char *name;
	unsigned long faults;
	struct samples answers;
} kinds[KINDS_MAX];
static struct samples all, lateness;
static size_t n_kinds;

static void add(struct samples *s, usec_t usec)
{
	if (s->n >= SAMPLES_MAX)
		return;
	if ((s->n & (s->n + 1)) == 0 || !s->usec)
		s->usec = reallocarray(s->usec, 2 * (s->n + 1), sizeof(*s->usec));
	if (!s->usec)
		abort();
	s->usec[s->n++] = (uint32_t) MIN(usec, (usec_t) UINT32_MAX);
}

static struct kind *kind_of(const char *name)
{
	for (size_t i = 0; i < n_kinds; i++)
		if (streq(kinds[i].name, name))
			return &kinds[i];
	if (n_kinds == KINDS_MAX)
		abort();
	kinds[n_kinds].name = name;
	return &kinds[n_kinds++];
}

void report_fault(const char *kind)
{
	kind_of(kind)->faults++;
}

void report_answer(const char *kind, usec_t since_death)
{
	add(&kind_of(kind)->answers, since_death);
	add(&all, since_death);
}

void report_lateness(usec_t usec)
{
	add(&lateness, usec);
}

unsigned long report_faults(void)
{
	unsigned long n = 0;

	for (size_t i = 0; i < n_kinds; i++)
		n += kinds[i].faults;
	return n;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;

	return x < y ? -1 : x > y;
}

/* Of sorted samples, in milliseconds. */
static double at(const struct samples *s, double share)
{
	size_t i = (size_t) (share * (double) s->n);

	return s->n ? s->usec[MIN(i, s->n - 1)] / 1000.0 : 0;
}

static void print_row(FILE *f, const char *name, unsigned long faults, struct samples *s)
{
	if (s->n)
		qsort(s->usec, s->n, sizeof(*s->usec), compare);
	fprintf(f, "| %s | %lu | %zu | %.1f | %.1f | %.1f | %.1f |\n", name, faults, s->n,
	        at(s, 0.5), at(s, 0.9), at(s, 0.99), at(s, 1));
}

void report_print(const struct chaos *c, usec_t elapsed, FILE *f)
{
	double seconds = (double) elapsed / (double) USEC_PER_SEC;

	fprintf(f, "| fault | faults | recoveries | ms to answer, median | p90 | p99 | worst |\n");
	fprintf(f, "|---|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < n_kinds; i++)
		print_row(f, kinds[i].name, kinds[i].faults, &kinds[i].answers);
	print_row(f, "all", report_faults(), &all);
	if (lateness.n)
		qsort(lateness.usec, lateness.n, sizeof(*lateness.usec), compare);
	fprintf(f,
	        "\n%lu faults in %.0f s (%.1f a second), %lu orders, %lu full checks, %u messages "
	        "into sockets; "
	        "%zu deadlines, late by %.1f ms in the median and %.1f at worst (beyond core's "
	        "absence); "
	        "%lu accepted connections lost with a core; %lu violations.\n",
	        report_faults(), seconds, (double) report_faults() / seconds, c->orders, c->checks,
	        c->n_sent, lateness.n, at(&lateness, 0.5), at(&lateness, 1), c->lost_connections,
	        c->violations);
}
