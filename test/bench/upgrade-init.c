// SPDX-License-Identifier: Apache-2.0
/*
 * upgrade-init ROUNDS - for how long does PID 1 not answer when it is replaced? A core that does nothing else asks it for its
 * status, over the wire, as fast as it is answered; meanwhile it is upgraded, with 200 items in its vault. The gap is the
 * longest time between two answers. Prints "gap_usec N" and "median_usec N" (of one question) a round.
 */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SAMPLES_MAX 200000

static long long now_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static int compare(const void *a, const void *b)
{
	return (*(const int *) a > *(const int *) b) - (*(const int *) a < *(const int *) b);
}

/* Asks until the upgrade has been answered for half a second. */
static int measure(struct world *w)
{
	static int samples[SAMPLES_MAX];
	long long last = 0, gap = 0, end = now_usec() + 20000000;
	bool asked = false;
	size_t n = 0;

	for (long long begin = now_usec(), first = begin; begin < end && n < SAMPLES_MAX;
	     begin = now_usec()) {
		if (!asked && begin - first > 300000) {
			world_tell(w, "upgrade-init " INIT_GOOD);
			asked = true;
		}
		world_tell(w, "request 19 0 0");
		/* Either answer may come first. */
		do {
			if (world_event(w, 10000) < 0)
				return -1;
			if (!strncmp(w->event, "reply 7 ", 8)) {
				if (strncmp(w->event, "reply 7 0 ", 10) != 0)
					return -1;
				end = now_usec() + 500000;
			}
		} while (strncmp(w->event, "reply 5 ", 8) != 0);
		if (last && now_usec() - last > gap)
			gap = now_usec() - last;
		last = now_usec();
		samples[n++] = (int) (last - begin);
	}
	qsort(samples, n, sizeof(samples[0]), compare);
	printf("gap_usec %lld\nmedian_usec %d\n", gap, samples[n / 2]);
	return 0;
}

int main(int argc, char **argv)
{
	struct world w __attribute__((cleanup(world_close)));
	int rounds = argc > 1 ? atoi(argv[1]) : 5, r = 0;

	if (world_open(&w, true, NULL, (const char *const[]){"--core=" FAKE_CORE, NULL}) < 0 ||
	    !world_started(&w, 5000))
		return 1;
	world_tell(&w, "puts 200");
	if (!world_wait(&w, "reply 3 0 ", 2000))
		return 1;
	for (int i = 0; i < rounds && r == 0; i++)
		r = measure(&w);
	fflush(stdout);
	return r == 0 ? 0 : 1;
}
