// SPDX-License-Identifier: Apache-2.0
/* What core puts into the vault is there when the next core asks. */
#include "check.h"
#include "world.h"

#include <errno.h>

/* Lists the vault. Returns how many items came. */
static int list(struct world *w)
{
	int n = 0;

	world_tell(w, "list");
	while (world_event(w, 5000) == 0 && strcmp(w->event, "end"))
		n += !strncmp(w->event, "item ", 5);
	return n;
}

TEST(vault__outlives_core)
{
	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	CHECK(world_started(&w, 5000) != NULL);
	world_tell(&w, "put sshd.socket/0");
	CHECK_STR(world_wait(&w, "reply 1 ", 1000), "0 ");
	world_tell(&w, "put nginx.service/stored");
	CHECK_STR(world_wait(&w, "reply 1 ", 1000), "0 ");
	world_tell(&w, "signal 9");
	CHECK(world_started(&w, 5000) != NULL);
	world_tell(&w, "list");
	CHECK_STR(world_wait(&w, "item ", 1000), "sshd.socket/0 sshd.socket/0");
	CHECK_STR(world_wait(&w, "item ", 1000), "nginx.service/stored nginx.service/stored");
	CHECK(world_wait(&w, "end", 1000) != NULL);
}

TEST(vault__item_put_right_before_death_is_kept)
{
	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	CHECK(world_started(&w, 5000) != NULL);
	/* More than init reads in one turn. */
	world_tell(&w, "puts 1000");
	world_tell(&w, "signal 9");
	CHECK(world_started(&w, 5000) != NULL);
	CHECK_INT(list(&w), ==, 1000);
}

TEST(vault__put_replaces_and_drop_forgets)
{
	int fds;

	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	CHECK(world_started(&w, 5000) != NULL);
	world_tell(&w, "put a");
	CHECK_STR(world_wait(&w, "reply 1 ", 1000), "0 ");
	fds = count_fds(&w);
	for (int i = 0; i < 10; i++) {
		world_tell(&w, "put a");
		CHECK_STR(world_wait(&w, "reply 1 ", 1000), "0 ");
	}
	CHECK_INT(count_fds(&w), ==, fds);
	CHECK_INT(list(&w), ==, 1);
	world_tell(&w, "drop a");
	CHECK_STR(world_wait(&w, "reply 2 ", 1000), "0 ");
	CHECK_INT(count_fds(&w), ==, fds - 1);
	CHECK_INT(list(&w), ==, 0);
	world_tell(&w, "drop a");
	CHECK_STR(world_wait(&w, "reply 2 ", 1000), "-2 vault drop: No such file or directory");
}

TEST(vault__put_without_fd_or_name_is_refused)
{
	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	CHECK(world_started(&w, 5000) != NULL);
	world_tell(&w, "request 8 0 0");
	CHECK_STR(world_wait(&w, "reply 5 ", 1000), "-9 vault put: no file descriptor came along");
	world_tell(&w, "put ");
	CHECK_STR(world_wait(&w, "reply 1 ", 1000), "-22 vault put: Invalid argument");
	world_tell(&w, "put a\nb");
	CHECK_STR(world_wait(&w, "reply 1 ", 1000), "-22 vault put: Invalid argument");
}

TEST(vault__is_full_at_4096_and_all_come_back)
{
	WITH_WORLD(w, true, NULL, "--core=" FAKE_CORE);
	CHECK(world_started(&w, 5000) != NULL);
	world_tell(&w, "puts 4096");
	CHECK_STR(world_wait(&w, "reply 3 ", 5000), "0 ");
	world_tell(&w, "put one-more");
	CHECK_STR(world_wait(&w, "reply 1 ", 1000), "-28 vault put: No space left on device");
	world_tell(&w, "exit 0");
	CHECK(world_started(&w, 5000) != NULL);
	CHECK_INT(list(&w), ==, 4096);
}
