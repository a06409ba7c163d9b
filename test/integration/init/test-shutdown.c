// SPDX-License-Identifier: Apache-2.0
/* The end of a container. Reboots and unmounts are for a virtual machine to test. */
#include "check.h"
#include "world.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

TEST(shutdown__container_ends_with_the_status)
{
	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	CHECK(world_started(&w, 5000) != NULL);
	world_tell(&w, "spawn a.service 0 60000 20");
	world_tell(&w, "request 15 4 23");
	CHECK_INT(world_ended(&w, 3000), ==, 23 << 8);
}

TEST(shutdown__poweroff_of_a_container_is_its_end)
{
	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	CHECK(world_started(&w, 5000) != NULL);
	world_tell(&w, "request 15 0 0");
	CHECK_INT(world_ended(&w, 3000), ==, 0);
}

TEST(shutdown__at_once_by_signal)
{
	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	CHECK(world_started(&w, 5000) != NULL);
	kill(w.init, SIGRTMIN + 14);
	CHECK_INT(world_ended(&w, 3000), ==, 0);
}

TEST(shutdown__power_signal_without_a_core)
{
	WITH_WORLD(w, false, NULL, "--core=/does/not/exist", "--rescue=/bin/sleep");
	CHECK_INT(world_ended(&w, 300), ==, -ETIMEDOUT);
	kill(w.init, SIGRTMIN + 4);
	CHECK_INT(world_ended(&w, 3000), ==, 0);
}

TEST(shutdown__policy_halt_when_all_cores_fail)
{
	WITH_WORLD(w, false, NULL, "--core=/does/not/exist", "--unrecoverable=halt");
	CHECK_INT(world_ended(&w, 3000), ==, 1 << 8);
}

/* With a world that may not mount, write cgroups or raise limits. */
static void container(struct world *w)
{
	world_unprivileged = true;
	CHECK_INT(world_open(w, true, NULL, (const char *const[]){"--core=" FAKE_CORE, NULL}), ==,
	          0);
	world_unprivileged = false;
	CHECK(world_started(w, 5000) != NULL);
	CHECK(has_line(w->event + strlen("welcome "), "container=1"));
}

TEST(container__without_privileges_works_and_ends_with_the_status)
{
	struct world w __attribute__((cleanup(world_close)));

	container(&w);
	kill(w.init, SIGTERM);
	CHECK_STR(world_wait(&w, "signal ", 2000), "15");
	world_tell(&w, "put kept");
	CHECK(world_wait(&w, "reply 1 0 ", 2000) != NULL);
	world_tell(&w, "upgrade-init " INIT_GOOD);
	CHECK(world_wait(&w, "reply 7 0 ", 10000) != NULL);
	world_tell(&w, "signal 9");
	CHECK(world_started(&w, 10000) != NULL);
	world_tell(&w, "list");
	CHECK_STR(world_wait(&w, "item ", 2000), "kept kept");
	world_tell(&w, "request 15 4 77");
	CHECK_INT(world_ended(&w, 30000), ==, 77 << 8);
}

/* There is no cgroup that could tell services from orphans: every exit is told. */
TEST(container__without_cgroups_tells_every_exit)
{
	struct world w __attribute__((cleanup(world_close)));

	container(&w);
	world_tell(&w, "orphans 1");
	CHECK(world_wait(&w, "exit 1 ", 10000) != NULL);
}
