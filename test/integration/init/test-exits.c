// SPDX-License-Identifier: Apache-2.0
/* Every exit of a service reaches core exactly once, with its status, whoever was alive when it
 * happened. */
#include "check.h"
#include "world.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>
#include <errno.h>
#include <stdbool.h>

#define MANY 10000

/* Collects @count exits into seen[status], which must be numbered without gaps from *number on.
 * Returns how many came. */
static int collect(struct world *w, int count, long long *number, int seen[256], int timeout_ms)
{
	long long end = now_msec() + timeout_ms;
	int got = 0;

	while (got < count && now_msec() < end) {
		long long n, start;
		int pid, code, status;
		char cgroup[256];

		if (world_event(w, (int) (end - now_msec())) < 0)
			break;
		if (sscanf(w->event, "exit %lld %d %lld %d %d %255s", &n, &pid, &start, &code,
		           &status, cgroup) != 6)
			continue;
		if (n != ++*number || !start || strncmp(cgroup, "/many.service", 13) ||
		    (code != CLD_EXITED && code != CLD_KILLED))
			printf("\n      wrong: %s, wanted number %lld", w->event, *number);
		else
			got++;
		seen[status & 255]++;
	}
	return got;
}

TEST(exits__carry_status_start_time_and_cgroup)
{
	long long n, start;
	int pid, spawned, code, status;
	char cgroup[256];

	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	CHECK(world_started(&w, 5000) != NULL);
	world_tell(&w, "spawn a.service 7 50 1");
	CHECK(world_wait(&w, "spawned ", 1000) != NULL);
	spawned = atoi(w.event + 8);
	CHECK(world_wait(&w, "exit ", 2000) != NULL);
	CHECK_INT(sscanf(w.event, "exit %lld %d %lld %d %d %255s", &n, &pid, &start, &code, &status,
	                 cgroup),
	          ==, 6);
	CHECK_INT(n, ==, 1);
	CHECK_INT(pid, ==, spawned);
	CHECK_INT(start, >, 0);
	CHECK_INT(code, ==, CLD_EXITED);
	CHECK_INT(status, ==, 7);
	CHECK_STR(cgroup, "/a.service");
}

TEST(exits__while_core_is_dead_are_all_told_once)
{
	int seen[256] = {0};
	long long number = 0;

	WITH_WORLD(w, false, NULL, "--core=" FAKE_CORE);
	CHECK(world_started(&w, 5000) != NULL);
	world_tell(&w, "ready");
	/* What it is told before it dies it does not store. */
	world_tell(&w, "noack");
	world_tell(&w, "spawn many.service -1 200 200");
	CHECK(world_wait(&w, "spawned-all", 30000) != NULL);
	world_tell(&w, "signal 9");
	CHECK(world_started(&w, 5000) != NULL);
	/* It is not READY until all of them have ended. */
	usleep(500000);
	world_tell(&w, "ready");
	CHECK_INT(collect(&w, 200, &number, seen, 5000), ==, 200);
	for (int i = 0; i < 200; i++)
		CHECK_INT(seen[i], ==, 1);
	CHECK_INT(world_event(&w, 200), ==, -ETIMEDOUT);
}

TEST(exits__not_acknowledged_are_told_again)
{
	int seen[256] = {0};
	long long number = 0;

	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	CHECK(world_started(&w, 5000) != NULL);
	world_tell(&w, "noack");
	world_tell(&w, "spawn many.service -1 10 20");
	CHECK_INT(collect(&w, 20, &number, seen, 5000), ==, 20);
	world_tell(&w, "ack 5");
	world_tell(&w, "exit 1");
	CHECK(world_started(&w, 5000) != NULL);
	number = 5;
	CHECK_INT(collect(&w, 15, &number, seen, 5000), ==, 15);
	for (int i = 0; i < 20; i++)
		CHECK_INT(seen[i], >=, 1);
	CHECK_INT(number, ==, 20);
}

TEST(exits__acknowledged_beyond_what_was_sent_are_kept)
{
	int seen[256] = {0};
	long long number = 0;

	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	CHECK(world_started(&w, 5000) != NULL);
	world_tell(&w, "noack");
	world_tell(&w, "ack 1000000");
	world_tell(&w, "ack -5");
	world_tell(&w, "spawn many.service -1 10 3");
	CHECK_INT(collect(&w, 3, &number, seen, 5000), ==, 3);
	world_tell(&w, "exit 1");
	CHECK(world_started(&w, 5000) != NULL);
	number = 0;
	CHECK_INT(collect(&w, 3, &number, seen, 5000), ==, 3);
}

TEST(exits__more_than_the_ring_wait_in_the_kernel)
{
	int seen[256] = {0};
	long long number = 0;
	const char *text;

	WITH_WORLD(w, false, NULL, "--core=" FAKE_CORE);
	CHECK(world_started(&w, 5000) != NULL);
	world_tell(&w, "spawn many.service -1 0 1000");
	CHECK(world_wait(&w, "spawned-all", 30000) != NULL);
	usleep(300000);
	world_tell(&w, "request 19 0 0");
	text = world_wait(&w, "reply 5 0 ", 1000);
	CHECK(text != NULL);
	CHECK(has_line(text, "exits-waiting=256"));
	world_tell(&w, "ready");
	CHECK_INT(collect(&w, 1000, &number, seen, 30000), ==, 1000);
	for (int i = 0; i < 256; i++)
		CHECK_INT(seen[i], ==, 1000 / 256 + (i < 1000 % 256));
}

TEST(exits__full_ring_does_not_hide_the_death_of_core)
{
	int seen[256] = {0};
	long long number = 0;

	WITH_WORLD(w, false, NULL, "--core=" FAKE_CORE);
	CHECK(world_started(&w, 5000) != NULL);
	world_tell(&w, "spawn many.service -1 0 400");
	CHECK(world_wait(&w, "spawned-all", 30000) != NULL);
	usleep(200000);
	world_tell(&w, "signal 9");
	CHECK(world_started(&w, 2000) != NULL);
	world_tell(&w, "ready");
	CHECK_INT(collect(&w, 400, &number, seen, 5000), ==, 400);
}

TEST(exits__of_ten_thousand_services)
{
	int seen[256] = {0};
	long long number = 0, began = now_msec();

	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	CHECK(world_started(&w, 5000) != NULL);
	world_tell(&w, "spawn many.service -1 0 %d", MANY);
	CHECK_INT(collect(&w, MANY, &number, seen, 200000), ==, MANY);
	printf(" [%lld ms]", now_msec() - began);
	for (int i = 0; i < 256; i++)
		CHECK_INT(seen[i], ==, MANY / 256 + (i < MANY % 256));
}

/* INIT_ORPHANS in the environment: another number than ten thousand. */
TEST(orphans__ten_thousand_are_reaped_and_not_told)
{
	int many = getenv("INIT_ORPHANS") ? atoi(getenv("INIT_ORPHANS")) : MANY;
	long long began, end;
	int left = 0;

	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	CHECK(world_started(&w, 5000) != NULL);
	began = now_msec();
	end = began + 240000 + many;
	world_tell(&w, "orphans %d", many);
	CHECK_INT(world_wait(&w, "orphaned ", 200000 + many) ? atoi(w.event + 9) : 0, ==, many);
	do {
		usleep(20000);
		world_tell(&w, "count");
		/* init, core, and core's child, which core does not reap. */
		left = world_wait(&w, "count ", 20000) ? atoi(w.event + 6) : -1;
	} while (left > 3 && now_msec() < end);
	printf(" [%lld ms]", now_msec() - began);
	CHECK_INT(left, ==, 3);
	world_tell(&w, "request 19 0 0");
	CHECK(has_line(world_wait(&w, "reply 5 0 ", 1000), "exits-waiting=0"));
	/* Had one of them been told, this would not be the first. */
	world_tell(&w, "spawn a.service 0 0 1");
	CHECK(world_wait(&w, "exit 1 ", 2000) != NULL);
}
