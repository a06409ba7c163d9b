// SPDX-License-Identifier: Apache-2.0
/* What units share by JoinsNamespaceOf=, and what all processes of one do, over deaths of core. */
#include "types-world.h"

#include <sys/stat.h>

#define PRIVATE "PrivateNetwork=yes\nPrivateIPC=yes\nPrivateTmp=yes\n"
/* What makes name spaces and a /tmp known again; their numbers do not, since the kernel gives those of old ones to new ones. */
#define TTL      "/proc/sys/net/ipv4/ip_default_ttl"
#define SEGMENTS "/proc/sys/kernel/shmmni"
#define MARK     "/bin/sh -c 'echo 77 >" TTL "; echo 1234 >" SEGMENTS "; touch /tmp/mark'\n"
#define MARKED   "77\n1234\nmark\n"
#define LOOK(name)                                                                                 \
	"/bin/sh -c 'cat " TTL " " SEGMENTS " >/run/" name ".new; ls /tmp >>/run/" name            \
	".new; mv /run/" name ".new /run/" name "'\n"

/* The directory of the world is below /tmp, which its units do not see. */
static char *run_file(struct world *w, const char *name)
{
	auto_free char *path = str_printf("/proc/%d/root/run/%s", (int) w->init, name);
	char *text = NULL;

	(void) file_read(path, &text, NULL);
	return text;
}

static void check_look(struct world *w, const char *name, const char *wanted)
{
	auto_free char *text = run_file(w, name);

	CHECK_STR(text, wanted);
}

static int others; /* that a test which was killed left */

/* How many private /tmp the units of this test have. */
static int count_private(void)
{
	auto_strv char **names = NULL;
	int n = -others;

	(void) dir_list("/tmp", &names);
	STRV_FOREACH (name, names)
		n += str_after(*name, "systemd-private-") && strstr(*name, "-nsg-");
	return n;
}

/* Trees are removed behind core's back. */
static void wait_private(int wanted)
{
	for (long long end = world_msec() + 8000; count_private() != wanted && world_msec() < end;)
		usleep(20000);
	CHECK_INT(count_private(), ==, wanted);
}

TEST(processes__of_a_unit_share_its_name_spaces)
{
	auto_free char *next = NULL;

	WITH_WORLD(w);
	put_targets(&w);
	world_put(&w, "nso-own.service",
	          "[Service]\nType=oneshot\nRemainAfterExit=yes\n" PRIVATE
	          "ExecStartPre=" LOOK("pre") "ExecStartPre=" MARK
	                                      "ExecStart=" LOOK("main") "ExecStop=" LOOK("stop"));
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "nso-own.service"), "done");
	check_look(&w, "main", MARKED);
	/* Nobody is in them: init's vault keeps them. */
	CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
	CHECK_STR(world_order(&w, "stop", "nso-own.service"), "done");
	check_look(&w, "stop", MARKED);
	/* The next activation begins anew. */
	CHECK_STR(world_order(&w, "start", "nso-own.service"), "done");
	next = run_file(&w, "pre");
	CHECK(next && !strstr(next, "mark") && !strstr(next, "77\n") && !strstr(next, "1234\n"));
}

static void put_group(struct world *w)
{
	put_targets(w);
	world_put(w, "nsg-owner.service",
	          "[Service]\nType=oneshot\nRemainAfterExit=yes\n" PRIVATE
	          "ExecStart=" LOOK("owner") "ExecStart=" MARK "ExecReload=" LOOK("again"));
	world_put(w, "nsg-joins.service",
	          "[Unit]\nJoinsNamespaceOf=nsg-owner.service\n[Service]\nType=exec\n" PRIVATE
	          "ExecStartPre=" LOOK("joined") FOREVER);
	/* Tied to the owner by the other one alone, and with less to share. */
	world_put(w, "nsg-third.service",
	          "[Unit]\nJoinsNamespaceOf=nsg-joins.service\n[Service]\nType="
	          "oneshot\nRemainAfterExit=yes\n"
	          "PrivateNetwork=yes\nExecStart=/bin/sh -c 'cat " TTL " >/run/third'\n");
	world_put(w, "nsg-apart.service",
	          "[Service]\nType=oneshot\nRemainAfterExit=yes\n" PRIVATE
	          "ExecStart=" LOOK("apart"));
}

TEST(joins_namespace_of__is_one_group_while_one_of_it_is_up)
{
	auto_free char *fresh = NULL;

	WITH_WORLD(w);
	others += count_private();
	put_group(&w);
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "nsg-owner.service"), "done");
	fresh = run_file(&w, "owner");
	CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
	CHECK_STR(world_order(&w, "start", "nsg-joins.service"), "done");
	CHECK_STR(world_order(&w, "start", "nsg-third.service"), "done");
	CHECK_STR(world_order(&w, "start", "nsg-apart.service"), "done");
	check_look(&w, "joined", MARKED);
	check_look(&w, "third", "77\n");
	check_look(&w, "apart", fresh);
	wait_private(2);
	/* Who made it goes, and finds it as it was. */
	CHECK_STR(world_order(&w, "stop", "nsg-owner.service"), "done");
	CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
	CHECK_STR(world_order(&w, "start", "nsg-owner.service"), "done");
	check_look(&w, "owner", MARKED);
	CHECK_STR(world_order(&w, "stop", "nsg-joins.service"), "done");
	CHECK_STR(world_order(&w, "stop", "nsg-third.service"), "done");
	CHECK_STR(world_order(&w, "reload", "nsg-owner.service"), "done");
	check_look(&w, "again", MARKED);
	wait_private(2);
	CHECK_STR(world_order(&w, "stop", "nsg-owner.service"), "done");
	wait_private(1);
	/* A new group: with whom it was before no longer counts. */
	CHECK_STR(world_order(&w, "start", "nsg-joins.service"), "done");
	check_look(&w, "joined", fresh);
}

static void lose_records(struct world *w)
{
	auto_free char *store =
		str_printf("/proc/%d/root/run/sysmaster/state/data.mdb", (int) w->init);

	CHECK_INT(file_write_atomic(store, "this is not a database", 22, 0600, false), ==, 0);
	CHECK_INT(world_kill_core(w, SIGKILL), >=, 0);
}

/* Of a core that knew no boxes, or that lost them, the main process tells. */
TEST(name_spaces__are_those_of_the_main_process_if_nothing_else_is_known)
{
	WITH_WORLD(w);
	put_targets(&w);
	world_put(&w, "nso-own.service",
	          "[Service]\nType=exec\nPrivateNetwork=yes\nExecStart=/bin/sh -c 'echo 78 >" TTL
	          "; cat " TTL " >/run/main; exec sleep infinity'\n"
	          "ExecReload=/bin/sh -c 'cat " TTL " >/run/reload'\n");
	world_put(&w, "nso-joins.service",
	          "[Unit]\nJoinsNamespaceOf=nso-own.service\n"
	          "[Service]\nType=oneshot\nPrivateNetwork=yes\nExecStart=/bin/sh -c 'cat " TTL
	          " >/run/joined'\n");
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "nso-own.service"), "done");
	for (long long end = world_msec() + 8000; world_msec() < end; usleep(20000)) {
		auto_free char *said = run_file(&w, "main");

		if (!str_is_empty(said))
			break;
	}
	lose_records(&w);
	CHECK_STR(world_order(&w, "start", "nso-joins.service"), "done");
	check_look(&w, "joined", "78\n");
	lose_records(&w);
	CHECK_STR(world_order(&w, "reload", "nso-own.service"), "done");
	check_look(&w, "reload", "78\n");
}
