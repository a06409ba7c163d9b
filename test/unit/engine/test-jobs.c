// SPDX-License-Identifier: Apache-2.0
#include "fixture.h"

struct waiting {
	struct job_waiter w;
	int result;
};

static void note_result(struct job_waiter *w, struct job *j, enum job_result result)
{
	(void) j;
	((struct waiting *) w)->result = result;
}

TEST(jobs__wake_their_waiters)
{
	struct waiting w = {.w = {.fn = note_result}, .result = -1};
	struct job *j;

	fixture_begin();
	put_unit("slow.service", "");
	fixture_open();
	CHECK_INT(manager_enqueue(fx.m, JOB_START, unit("slow.service"), JOB_MODE_REPLACE, true,
	                          NULL, &j),
	          ==, 0);
	job_wait(j, &w.w);
	settle();
	CHECK_INT(w.result, ==, -1);
	becomes("slow.service", UNIT_ACTIVE);
	CHECK_INT(w.result, ==, JOB_DONE);
	fixture_end();
}

TEST(jobs__cancel_fails_those_behind)
{
	fixture_begin();
	put_unit("a.service", "Requires=slow.service\nAfter=slow.service");
	put_unit("slow.service", "");
	fixture_open();
	order(JOB_START, "a.service");
	job_cancel(unit("slow.service")->job);
	settle();
	CHECK_STR(results(), "slow.service=canceled a.service=dependency");
	/* The unit itself is not stopped by that. */
	CHECK_STR(state("slow.service"), "activating");
	fixture_end();
}

TEST(jobs__restart_is_stop_then_start_under_one_id)
{
	struct job *j;
	uint32_t id;

	fixture_begin();
	put_unit("slow.service", "");
	fixture_open();
	order(JOB_START, "slow.service");
	becomes("slow.service", UNIT_ACTIVE);
	happened();
	results();
	CHECK_INT(manager_enqueue(fx.m, JOB_RESTART, unit("slow.service"), JOB_MODE_REPLACE, true,
	                          NULL, &j),
	          ==, 0);
	id = j->id;
	settle();
	CHECK_STR(happened(), "-slow");
	becomes("slow.service", UNIT_INACTIVE);
	CHECK_STR(happened(), "+slow");
	CHECK_STR(results(), "");
	CHECK(manager_get_job(fx.m, id) && manager_get_job(fx.m, id)->type == JOB_START);
	becomes("slow.service", UNIT_ACTIVE);
	CHECK_STR(results(), "slow.service=done");
	fixture_end();
}

TEST(jobs__stop_replaces_a_running_start)
{
	fixture_begin();
	put_unit("slow.service", "");
	fixture_open();
	order(JOB_START, "slow.service");
	CHECK_INT(order(JOB_STOP, "slow.service"), ==, 0);
	CHECK_STR(results(), "slow.service=canceled slow.service=done");
	CHECK_STR(state("slow.service"), "inactive");
	fixture_end();
}

TEST(jobs__start_merges_into_a_waiting_start)
{
	struct job *a, *b;

	fixture_begin();
	put_unit("x.service", "After=slow.service\nWants=slow.service");
	put_unit("slow.service", "");
	fixture_open();
	CHECK_INT(manager_enqueue(fx.m, JOB_START, unit("x.service"), JOB_MODE_REPLACE, true, NULL,
	                          &a),
	          ==, 0);
	settle();
	CHECK_INT(manager_enqueue(fx.m, JOB_START, unit("x.service"), JOB_MODE_REPLACE, true, NULL,
	                          &b),
	          ==, 0);
	CHECK(a == b);
	fixture_end();
}

TEST(jobs__reload_is_not_merged_into_one_under_way)
{
	fixture_begin();
	put_unit("slow.service", "");
	fixture_open();
	order(JOB_START, "slow.service");
	becomes("slow.service", UNIT_ACTIVE);
	happened();
	order(JOB_RELOAD, "slow.service");
	CHECK_STR(happened(), "~slow");
	/* The first one may have read the old file: it has to be done once more. */
	order(JOB_RELOAD, "slow.service");
	CHECK_STR(happened(), "");
	becomes("slow.service", UNIT_ACTIVE);
	CHECK_STR(happened(), "~slow");
	fixture_end();
}

/* A late target keeps "x" from its start in every boot but one that has the mark. */
static void put_overtaker(const char *more)
{
	auto_free char *text = str_printf(
		"Requires=late.target\nAfter=late.target slow-early.service\n"
		"Wants=slow-early.service\nX-StartupNotAfter=late.target slow-early.timer\n%s",
		more);

	put_unit("x.service", text);
	put_unit("slow-early.service", "");
	put_unit("late.target", "Wants=slow.service\nAfter=slow.service");
	put_unit("slow.service", "");
}

TEST(jobs__an_order_is_overtaken_while_the_machine_comes_up)
{
	fixture_begin();
	put_overtaker("");
	fixture_open();
	order(JOB_START, "x.service");
	CHECK_STR(happened(), "+slow-early +slow");
	/* What it is told to wait for counts. */
	becomes("slow-early.service", UNIT_ACTIVE);
	CHECK_STR(happened(), "+x");
	CHECK(unit("late.target")->job);
	becomes("slow.service", UNIT_ACTIVE);
	CHECK_STR(state("late.target"), "active");
	CHECK_STR(state("x.service"), "active");
	/* The way down has the order of the files. */
	happened();
	order(JOB_STOP, "late.target");
	CHECK_STR(happened(), "-x -late.target");
	fixture_end();
}

TEST(jobs__an_order_holds_when_the_machine_is_up)
{
	fixture_begin();
	put_overtaker("");
	fixture_open();
	fx.m->finished = stamp_now();
	order(JOB_START, "x.service");
	becomes("slow-early.service", UNIT_ACTIVE);
	CHECK_STR(happened(), "+slow-early +slow");
	becomes("slow.service", UNIT_ACTIVE);
	CHECK_STR(happened(), "+late.target +x");
	fixture_end();
}

TEST(jobs__an_order_is_overtaken_only_with_the_mark)
{
	auto_free char *more = NULL;

	fixture_begin();
	more = str_printf("X-StartupNotAfterIf=%s/mark", fx.dir);
	put_overtaker(more);
	fixture_open();
	order(JOB_START, "x.service");
	becomes("slow-early.service", UNIT_ACTIVE);
	CHECK_STR(happened(), "+slow-early +slow");
	CHECK_STR(state("x.service"), "inactive");
	fixture_end();
	fixture_begin();
	free(more);
	more = str_printf("X-StartupNotAfterIf=%s/mark", fx.dir);
	put_overtaker(more);
	fixture_open();
	order(JOB_START, "x.service");
	happened();
	/* It comes before the last that is waited for has ended. */
	put_file("mark", "");
	becomes("slow-early.service", UNIT_ACTIVE);
	CHECK_STR(happened(), "+x");
	fixture_end();
}

TEST(jobs__an_order_is_overtaken_where_the_mark_is_not)
{
	auto_free char *more = NULL;

	fixture_begin();
	more = str_printf("X-StartupNotAfterIf=!%s/mark", fx.dir);
	put_overtaker(more);
	put_file("mark", "");
	fixture_open();
	order(JOB_START, "x.service");
	becomes("slow-early.service", UNIT_ACTIVE);
	CHECK_STR(happened(), "+slow-early +slow");
	fixture_end();
	fixture_begin();
	free(more);
	more = str_printf("X-StartupNotAfterIf=!%s/mark", fx.dir);
	put_overtaker(more);
	fixture_open();
	order(JOB_START, "x.service");
	becomes("slow-early.service", UNIT_ACTIVE);
	CHECK_STR(happened(), "+slow-early +slow +x");
	fixture_end();
}

TEST(jobs__who_has_more_weight_goes_first)
{
	fixture_begin();
	put_unit("all.target", "Wants=a.service b.service c.service d.service e.target\n"
	                       "After=a.service b.service c.service d.service e.target");
	put_unit("a.service", "");
	put_unit("b.service", "[Service]\nCPUWeight=50\n");
	put_unit("c.service", "[Service]\nStartupCPUWeight=1000\n");
	put_unit("d.service", "[Service]\nCPUWeight=100\nStartupCPUWeight=20\n");
	put_unit("e.target", "");
	fixture_open();
	order(JOB_START, "all.target");
	CHECK_STR(happened(), "+e.target +c +a +b +d +all.target");
	fixture_end();
}

TEST(jobs__a_startup_weight_counts_while_the_machine_comes_up)
{
	fixture_begin();
	put_unit("all.target", "Wants=a.service b.service c.service\n"
	                       "After=a.service b.service c.service");
	put_unit("a.service", "");
	put_unit("b.service", "[Service]\nStartupCPUWeight=1000\n");
	put_unit("c.service", "[Service]\nCPUWeight=200\n");
	fixture_open();
	fx.m->finished = stamp_now();
	order(JOB_START, "all.target");
	CHECK_STR(happened(), "+c +a +b +all.target");
	fixture_end();
}

TEST(jobs__again_means_later)
{
	struct fake *f;

	fixture_begin();
	put_unit("a.service", "");
	fixture_open();
	f = FAKE(unit("a.service"));
	f->again = true;
	order(JOB_START, "a.service");
	CHECK(f->u.job && f->u.job->state == JOB_WAITING);
	f->again = false;
	/* Any change of the unit's state wakes the job. */
	unit_notify(&f->u, UNIT_INACTIVE, UNIT_INACTIVE, true);
	settle();
	CHECK_STR(state("a.service"), "active");
	fixture_end();
}

TEST(jobs__do_not_wait_for_a_unit_that_does_nothing)
{
	fixture_begin();
	put_unit("dull.service", "");
	fixture_open();
	order(JOB_START, "dull.service");
	CHECK_STR(results(), "dull.service=done");
	CHECK_INT(map_size(fx.m->jobs), ==, 0);
	fixture_end();
}

/* What core does when a timer is due and there is no memory: the engine is in a transaction, which it
 * answers in the same way. */
static int want_while_short(const char *name)
{
	int r;

	fx.m->in_transaction = true;
	r = manager_enqueue_surely(fx.m, JOB_START, unit(name), JOB_MODE_REPLACE, NULL);
	fx.m->in_transaction = false;
	return r;
}

/* The loop's own timers, until the unit is there. */
static void wait_active(const char *name)
{
	for (int i = 0; i < 500 && !streq(state(name), "active"); i++) {
		(void) loop_run_once(fx.loop, 10 * USEC_PER_MSEC);
		settle();
	}
}

TEST(jobs__that_nobody_would_order_again_are_owed)
{
	auto_strbuf struct strbuf b = {0};
	struct record *r;

	fixture_begin();
	put_unit("a.service", "");
	put_unit("b.service", "");
	fixture_open();
	CHECK_INT(want_while_short("a.service"), ==, 0);
	settle();
	CHECK_STR(happened(), "");
	CHECK_INT(unit_record(unit("a.service"), &b), ==, 0);
	wait_active("a.service");
	CHECK_STR(happened(), "+a");
	/* An order is newer. */
	CHECK_INT(want_while_short("b.service"), ==, 0);
	CHECK_INT(manager_enqueue(fx.m, JOB_STOP, unit("b.service"), JOB_MODE_REPLACE, true, NULL,
	                          NULL),
	          ==, 0);
	CHECK(list_is_empty(&fx.m->owed));
	/* What cannot be queued for another reason is said at once. */
	CHECK_INT(manager_enqueue_surely(fx.m, JOB_START, unit("none.service"), JOB_MODE_REPLACE,
	                                 NULL),
	          ==, -ENOENT);
	manager_free(fx.m);
	/* The next core reads it in the record. */
	fixture_open();
	CHECK_INT(record_parse(b.data, b.size, &r), ==, 0);
	CHECK_INT(unit_restore(unit("a.service"), r), ==, 0);
	record_free(r);
	wait_active("a.service");
	CHECK_STR(happened(), "+a");
	fixture_end();
}

TEST(jobs__time_out_and_act)
{
	fixture_begin();
	put_unit("slow.service", "JobTimeoutSec=10ms\nJobTimeoutAction=reboot");
	put_unit("b.service", "Requires=slow.service\nAfter=slow.service");
	fixture_open();
	order(JOB_START, "b.service");
	for (int i = 0; i < 20 && map_size(fx.m->jobs); i++)
		loop_run_once(fx.loop, 20 * USEC_PER_MSEC);
	CHECK_STR(results(), "slow.service=timeout b.service=dependency");
	CHECK_INT(fx.n_emergencies, ==, 1);
	fixture_end();
}

TEST(jobs__start_limit_gives_up_after_burst)
{
	fixture_begin();
	put_unit("fail.service",
	         "StartLimitIntervalSec=1h\nStartLimitBurst=3\nStartLimitAction=reboot");
	fixture_open();
	unit_ref(unit("fail.service"));
	for (int i = 0; i < 5; i++)
		order(JOB_START, "fail.service");
	CHECK_INT(FAKE(unit("fail.service"))->n_starts, ==, 3);
	CHECK(unit("fail.service")->start_limit_hit);
	CHECK_INT(fx.n_emergencies, ==, 2);
	fixture_end();
}

TEST(jobs__boot_finishes_once_all_are_done)
{
	struct job *j;

	fixture_begin();
	put_unit("t.target", "Wants=slow.service\nAfter=slow.service");
	put_unit("slow.service", "");
	fixture_open();
	CHECK_INT(manager_enqueue(fx.m, JOB_START, unit("t.target"), JOB_MODE_REPLACE, false, NULL,
	                          &j),
	          ==, 0);
	fx.m->boot_job_id = j->id;
	settle();
	CHECK_STR(manager_state(fx.m), "initializing");
	CHECK_INT(fx.n_boot_finished, ==, 0);
	becomes("slow.service", UNIT_ACTIVE);
	CHECK_INT(fx.n_boot_finished, ==, 1);
	CHECK_STR(manager_state(fx.m), "running");
	CHECK(stamp_is_set(&fx.m->default_target_reached));
	fixture_end();
}

TEST(jobs__device_job_is_collected_when_nobody_waits)
{
	fixture_begin();
	put_unit("a.service", "Requires=dev-x.device\nAfter=dev-x.device");
	fixture_open();
	fx.ops[UNIT_DEVICE].start = NULL;
	order(JOB_START, "a.service");
	CHECK(unit("dev-x.device")->job);
	CHECK(unit("a.service")->job);
	job_cancel(unit("a.service")->job);
	settle();
	CHECK_INT(map_size(fx.m->jobs), ==, 0);
	fixture_end();
}
