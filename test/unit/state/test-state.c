// SPDX-License-Identifier: Apache-2.0
/* Units to records and back, over a core that is gone in between; types are the engine's fixture's.
 */
#include "../engine/fixture.h"
#include "state/link-internal.h"
#include "state/state-internal.h"
#include "state/store-internal.h"

#include <poll.h>
#include <sys/socket.h>

struct world {
	char *store_dir;
	struct store *store;
	struct state *state;
	struct link *link; /* a half: enough for acknowledgements */
	int init;
};
static struct world w;

static void core_open(const char *reason)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		abort();
	fixture_open();
	w.link = calloc(1, sizeof(*w.link));
	w.link->fd = pair[0];
	w.link->welcomed = w.link->ready = true;
	w.link->welcome.reason = strdup(reason);
	list_init(&w.link->queue);
	w.link->vault = map_new(MAP_STRING);
	w.init = pair[1];
	fx.m->no_cgroup = true;
	if (store_open(w.store_dir, &w.store) < 0 || state_new(fx.m, w.store, w.link, &w.state) < 0)
		abort();
}

/* As a crash: nothing is flushed. */
static void core_die(void)
{
	w.state = state_free(w.state);
	w.store = store_free(w.store);
	w.link = link_free(w.link);
	close(w.init);
	manager_free(fx.m);
	fx.m = NULL;
}

static void world_begin(void)
{
	static char dir[64];

	fixture_begin();
	put_unit("a.service", "");
	put_unit("b.service", "");
	put_unit("slow.service", "");
	strcpy(dir, "/tmp/state-test.XXXXXX");
	w.store_dir = mkdtemp(dir);
}

static void world_end(void)
{
	core_die();
	rm_rf(w.store_dir);
	fixture_end();
}

/* The highest number init heard, 0: none. */
static long long acknowledged(void)
{
	struct wire_message m;
	long long last = 0;

	while (recv(w.init, &m, sizeof(m), MSG_DONTWAIT) > 0)
		if (m.type == WIRE_EXIT_ACK)
			last = m.value;
	return last;
}

TEST(state__units_come_back)
{
	struct diag d = {0};

	world_begin();
	core_open("boot");
	CHECK_INT(state_restore(w.state, &d), ==, 0);
	order(JOB_START, "a.service");
	order(JOB_START, "slow.service");
	state_unit_save(w.state, unit("a.service"), true);
	state_unit_save(w.state, unit("slow.service"), false);
	state_manager_save(w.state);
	fx.m->last_job_id = 77;
	state_manager_save(w.state);
	state_flush(w.state);
	/* Never written. */
	order(JOB_START, "b.service");
	state_unit_save(w.state, unit("b.service"), false);
	core_die();

	core_open("crash");
	CHECK_INT(state_restore(w.state, &d), ==, 2);
	CHECK_INT(d.n_items, ==, 0);
	settle();
	CHECK_STR(state("a.service"), "active");
	CHECK_STR(state("slow.service"), "activating");
	CHECK_STR(state("b.service"), "inactive");
	CHECK(unit("slow.service")->job);
	CHECK_INT(fx.m->last_job_id, >=, 77);
	world_end();
}

TEST(state__an_earlier_boot_does_not_count)
{
	world_begin();
	core_open("boot");
	order(JOB_START, "a.service");
	state_unit_save(w.state, unit("a.service"), true);
	core_die();
	core_open("boot");
	CHECK_INT(state_restore(w.state, NULL), ==, 0);
	CHECK_STR(state("a.service"), "inactive");
	core_die();
	core_open("crash");
	CHECK_INT(state_restore(w.state, NULL), ==, 0);
	world_end();
}

TEST(state__exits_are_acknowledged_behind_the_flush)
{
	world_begin();
	core_open("boot");
	CHECK(!state_exit_is_known(w.state, 1));
	state_exit_handled(w.state, 1);
	state_exit_handled(w.state, 2);
	CHECK_INT(acknowledged(), ==, 0);
	state_flush(w.state);
	CHECK_INT(acknowledged(), ==, 2);
	CHECK(state_exit_is_known(w.state, 2));
	core_die();
	/* The acknowledgement got lost with core: init tells again, and is told again, but units
	 * are not. */
	core_open("crash");
	CHECK_INT(state_restore(w.state, NULL), ==, 0);
	CHECK(state_exit_is_known(w.state, 2));
	CHECK(!state_exit_is_known(w.state, 3));
	state_exit_handled(w.state, 2);
	CHECK_INT(acknowledged(), ==, 2);
	world_end();
}

static unsigned n_known;
static void on_known(_unused_ struct unit *u)
{
	n_known++;
}

/* The serial of the question that init got last. */
static uint32_t asked(void)
{
	struct wire_message m;
	uint32_t serial = 0;

	while (recv(w.init, &m, sizeof(m), MSG_DONTWAIT) > 0)
		if (m.type == WIRE_STATUS)
			serial = m.serial;
	return serial;
}

/* Written, whatever was in its way; the queue is full of others' records here. */
TEST(state__a_record_that_finds_no_room_in_the_queue_is_stored_all_the_same)
{
	struct diag d = {0};

	for (int now = 0; now < 2; now++) {
		world_begin();
		core_open("boot");
		CHECK_INT(state_restore(w.state, &d), ==, 0);
		order(JOB_START, "a.service");
		for (int i = 0; i < STORE_QUEUE_MAX; i++) {
			char key[32];

			snprintf(key, sizeof(key), "other/%d", i);
			CHECK_INT(store_put(w.store, key, "x", 1), ==, 0);
		}
		state_unit_save(w.state, unit("a.service"), now);
		state_flush(w.state);
		core_die();
		core_open("crash");
		CHECK_INT(state_restore(w.state, &d), ==, 1);
		CHECK_STR(state("a.service"), "active");
		world_end();
	}
}

TEST(state__a_record_that_is_too_large_keeps_nobody_back)
{
	struct diag d = {0};

	world_begin();
	core_open("boot");
	CHECK_INT(state_restore(w.state, &d), ==, 0);
	order(JOB_START, "a.service");
	order(JOB_START, "b.service");
	unit("a.service")->carry = calloc(1, RECORD_SIZE_MAX + 2);
	memset(unit("a.service")->carry, 'x', RECORD_SIZE_MAX + 1);
	state_unit_save(w.state, unit("a.service"), false);
	state_unit_save(w.state, unit("b.service"), false);
	state_exit_handled(w.state, 5);
	state_flush(w.state);
	CHECK_INT(acknowledged(), ==, 5);
	core_die();
	core_open("crash");
	CHECK_INT(state_restore(w.state, &d), ==, 1);
	CHECK_STR(state("b.service"), "active");
	world_end();
}

TEST(state__says_when_all_exits_are_known)
{
	uint32_t serial;

	world_begin();
	core_open("crash");
	fx.ops[UNIT_SERVICE].on_exits_known = on_known;
	order(JOB_START, "a.service");
	n_known = 0;
	state_exit_handled(w.state, 4);
	CHECK_INT(state_exits_ask(w.state, unit("a.service")), ==, 0);
	serial = asked();
	CHECK_INT(serial, >, 0);
	/* Not ours; ours, with two that are still to come. */
	state_exits_reply(w.state, serial + 1, 0, "exits-waiting=0\nexits-last=4\n");
	state_exits_reply(w.state, serial, 0, "mode=normal\nexits-waiting=3\nexits-last=6\nx=1\n");
	CHECK_INT(n_known, ==, 0);
	state_exit_handled(w.state, 5);
	CHECK_INT(n_known, ==, 0);
	state_exit_handled(w.state, 6);
	CHECK_INT(n_known, ==, 1);
	/* All known already: numbers of a store that was lost, and those of this core. */
	for (int i = 0; i < 2; i++) {
		CHECK_INT(state_exits_ask(w.state, unit("a.service")), ==, 0);
		state_exits_reply(w.state, asked(), 0,
		                  i ? "exits-waiting=4\nexits-last=6"
		                    : "exits-waiting=0\nexits-last=99");
		CHECK_INT(n_known, ==, 2 + i);
	}
	/* An init that cannot say, and one that fails: nobody is told anything. */
	CHECK_INT(state_exits_ask(w.state, unit("a.service")), ==, 0);
	state_exits_reply(w.state, asked(), 0, "mode=normal\nexits-waiting=1\n");
	CHECK_INT(state_exits_ask(w.state, unit("a.service")), ==, 0);
	state_exits_reply(w.state, asked(), -EIO, "");
	state_exit_handled(w.state, 1000);
	CHECK_INT(n_known, ==, 3);
	/* The unit is gone by then. */
	CHECK_INT(state_exits_ask(w.state, unit("a.service")), ==, 0);
	serial = asked();
	state_unit_forget(w.state, unit("a.service"));
	state_exits_reply(w.state, serial, 0, "exits-waiting=0\nexits-last=1\n");
	CHECK_INT(n_known, ==, 3);
	fx.ops[UNIT_SERVICE].on_exits_known = NULL;
	world_end();
}

TEST(state__forgets_units)
{
	world_begin();
	core_open("boot");
	order(JOB_START, "a.service");
	state_unit_save(w.state, unit("a.service"), true);
	state_unit_forget(w.state, unit("a.service"));
	state_flush(w.state);
	core_die();
	core_open("crash");
	CHECK_INT(state_restore(w.state, NULL), ==, 0);
	world_end();
}

TEST(state__bad_records_are_findings)
{
	struct diag d = {0};

	world_begin();
	core_open("crash");
	CHECK_INT(store_put(w.store, "unit/a.service", "garbage", 7), ==, 0);
	CHECK_INT(store_put(w.store, "unit/no-such-type", "v=1\n", 4), ==, 0);
	CHECK_INT(store_put(w.store, "unit/b.service",
	                    "v=1\nstate=active\nu.active=active\nfuture=x\n", 42),
	          ==, 0);
	CHECK_INT(store_put(w.store, "manager", "garbage", 7), ==, 0);
	CHECK_INT(store_put(w.store, "exits", "x", 1), ==, 0);
	CHECK_INT(store_flush(w.store), ==, 0);
	CHECK_INT(state_restore(w.state, &d), ==, 1);
	CHECK_INT(d.n_items, ==, 1);
	CHECK_STR(state("b.service"), "active");
	world_end();
}
