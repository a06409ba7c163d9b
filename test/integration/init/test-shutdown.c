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
