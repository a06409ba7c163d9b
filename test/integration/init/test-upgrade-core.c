// SPDX-License-Identifier: Apache-2.0
/* A new core takes over after its self-check, or the old one goes on. */
#include "check.h"
#include "world.h"

#include <unistd.h>

TEST(upgrade_core__new_version_takes_over)
{
	long long began;
	const char *text;

	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE, "--ready-usec=500000",
	           "--hang-usec=1000000");
	CHECK(world_started(&w, 5000) != NULL);
	world_tell(&w, "put kept");
	world_tell(&w, "upgrade-core " FAKE_CORE_2);
	CHECK(world_wait(&w, "reply 7 0 ", 5000) != NULL);
	CHECK(world_wait(&w, "eof", 1000) != NULL);
	began = now_msec();
	CHECK(world_wait(&w, "start ", 2000) != NULL);
	printf(" [gap %lld ms]", now_msec() - began);
	CHECK_STR(strchr(w.event + 6, ' '), " 2 -");
	text = world_wait(&w, "welcome ", 1000);
	CHECK(has_line(text, "reason=upgrade"));
	CHECK(has_line(text, "restarts=0"));
	world_tell(&w, "list");
	CHECK_STR(world_wait(&w, "item ", 1000), "kept kept");
	usleep(1300000);
	world_tell(&w, "request 19 0 0");
	text = world_wait(&w, "reply 5 0 ", 1000);
	CHECK(has_line(text, "core-upgrades=1"));
	CHECK(has_line(text, "last-upgrade=core " FAKE_CORE_2 ": now running version fake-2"));
	/* The trial is over: its death is a common one. */
	world_tell(&w, "exit 9");
	CHECK_STR(world_wait(&w, "start ", 2000) ? strchr(w.event + 6, ' ') : NULL, " 2 -");
}

TEST(upgrade_core__failed_self_check_changes_nothing)
{
	WITH_WORLD(w, true, "3", "--core=" FAKE_CORE);
	CHECK(world_started(&w, 5000) != NULL);
	world_tell(&w, "upgrade-core " FAKE_CORE_2);
	CHECK_STR(world_wait(&w, "reply 7 ", 5000),
	          "-74 core " FAKE_CORE_2
	          ": its self-check failed, the running version goes on: exited 3");
	world_tell(&w, "upgrade-core /etc/passwd");
	CHECK_STR(world_wait(&w, "reply 7 ", 5000),
	          "-13 core /etc/passwd: cannot be executed: Permission denied");
	world_tell(&w, "upgrade-core " SOME_SCRIPT);
	CHECK(world_wait(&w, "reply 7 -2 ", 5000) != NULL);
	world_tell(&w, "upgrade-core /does/not/exist");
	CHECK_STR(world_wait(&w, "reply 7 ", 5000), "-9 upgrade: no file descriptor came along");
	world_tell(&w, "count");
	CHECK(world_wait(&w, "count ", 1000) != NULL);
}

TEST(upgrade_core__self_check_that_hangs_is_given_up)
{
	WITH_WORLD(w, true, "sleep", "--core=" FAKE_CORE);
	CHECK(world_started(&w, 5000) != NULL);
	world_tell(&w, "upgrade-core " FAKE_CORE_2);
	world_tell(&w, "another " FAKE_CORE_2);
	CHECK_STR(world_wait(&w, "reply 8 ", 1000), "-16 upgrade: another one is under way");
	CHECK_STR(world_wait(&w, "reply 7 ", 6000),
	          "-110 core " FAKE_CORE_2
	          ": its self-check failed, the running version goes on: took more than 5 s");
}

/* Upgrades to the second version, which then does what @command says, and expects the first one
 * back. */
static void roll_back(struct world *w, const char *command, const char *died)
{
	const char *text;

	CHECK(world_started(w, 5000) != NULL);
	world_tell(w, "ready");
	world_tell(w, "upgrade-core " FAKE_CORE_2);
	CHECK(world_wait(w, "reply 7 0 ", 5000) != NULL);
	CHECK_STR(world_wait(w, "start ", 2000) ? strchr(w->event + 6, ' ') : NULL, " 2 -");
	if (command) {
		world_tell(w, "ready");
		world_tell(w, "%s", command);
	}
	CHECK_STR(world_wait(w, "start ", 5000) ? strchr(w->event + 6, ' ') : NULL, " 1 -");
	text = world_wait(w, "welcome ", 1000);
	CHECK(has_line(text, "reason=rollback"));
	CHECK(has_line(text, died));
	CHECK(has_line(text, "core-upgrades=0"));
	CHECK(has_line(text, "mode=normal"));
}

TEST(upgrade_core__not_ready_is_rolled_back)
{
	WITH_WORLD(w, false, NULL, "--core=" FAKE_CORE, "--ready-usec=1000000");
	roll_back(&w, NULL, "died=rollback: not ready in 1 s");
}

TEST(upgrade_core__dying_in_its_trial_is_rolled_back)
{
	WITH_WORLD(w, false, NULL, "--core=" FAKE_CORE, "--ready-usec=1000000");
	roll_back(&w, "exit 5", "died=rollback: exited 5");
}

TEST(upgrade_core__hanging_at_the_end_of_its_trial_is_rolled_back)
{
	/* The hang is younger than the limit when the trial ends, and still no success. */
	WITH_WORLD(w, false, NULL, "--core=" FAKE_CORE, "--ready-usec=1000000",
	           "--hang-usec=1500000");
	roll_back(&w, "hang", "died=rollback: hang");
}

TEST(upgrade_core__binary_that_is_no_core_is_rolled_back)
{
	const char *text;

	/* /bin/true passes any check that looks at the exit status alone. */
	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	CHECK(world_started(&w, 5000) != NULL);
	world_tell(&w, "upgrade-core /bin/true");
	text = world_started(&w, 3000);
	CHECK(has_line(text, "died=rollback: exited 0"));
	CHECK(has_line(text,
	               "last-upgrade=core /bin/true: rolled back to the version before: exited 0"));
}
