// SPDX-License-Identifier: Apache-2.0
#include "fixture.h"

TEST(propagate__binds_to_goes_down_with_it)
{
	fixture_begin();
	put_unit("a.service", "BindsTo=b.service\nAfter=b.service");
	put_unit("r.service", "Requires=b.service\nAfter=b.service");
	put_unit("b.service", "");
	fixture_open();
	order(JOB_START, "a.service");
	order(JOB_START, "r.service");
	happened();
	becomes("b.service", UNIT_INACTIVE); /* by itself */
	CHECK_STR(state("a.service"), "inactive");
	CHECK_STR(state("r.service"), "active");
	fixture_end();
}

TEST(propagate__bound_units_need_each_other_up_to_start)
{
	fixture_begin();
	put_unit("a.service", "BindsTo=fail.service\nAfter=fail.service");
	put_unit("fail.service", "");
	fixture_open();
	order(JOB_START, "a.service");
	CHECK_STR(state("a.service"), "inactive");
	CHECK_STR(happened(), "+fail");
	fixture_end();
}

TEST(propagate__stop_when_unneeded)
{
	fixture_begin();
	put_unit("helper.service", "StopWhenUnneeded=yes");
	put_unit("a.service", "Requires=helper.service\nAfter=helper.service");
	put_unit("b.service", "Wants=helper.service\nAfter=helper.service");
	fixture_open();
	order(JOB_START, "a.service");
	order(JOB_START, "b.service");
	order(JOB_STOP, "a.service");
	CHECK_STR(state("helper.service"), "active");
	order(JOB_STOP, "b.service");
	CHECK_STR(state("helper.service"), "inactive");
	fixture_end();
}

TEST(propagate__upholds_starts_it_again)
{
	fixture_begin();
	put_unit("a.service", "Upholds=b.service");
	put_unit("b.service", "");
	fixture_open();
	order(JOB_START, "a.service");
	CHECK_STR(state("b.service"), "active");
	becomes("b.service", UNIT_FAILED);
	CHECK_STR(state("b.service"), "active");
	order(JOB_STOP, "a.service");
	becomes("b.service", UNIT_FAILED);
	CHECK_STR(state("b.service"), "failed");
	fixture_end();
}

TEST(propagate__upholds_gives_up_in_a_loop)
{
	fixture_begin();
	put_unit("a.service", "Upholds=fail.service");
	put_unit("fail.service", "StartLimitBurst=0");
	fixture_open();
	order(JOB_START, "a.service");
	for (int i = 0; i < 10; i++)
		settle();
	CHECK_INT(FAKE(unit("fail.service"))->n_starts, <=, 18);
	CHECK_INT(FAKE(unit("fail.service"))->n_starts, >, 4);
	fixture_end();
}

TEST(propagate__on_failure_and_on_success)
{
	fixture_begin();
	put_unit("fail.service", "OnFailure=alarm.service");
	put_unit("good.service", "OnSuccess=cheer.service");
	put_unit("alarm.service", "");
	put_unit("cheer.service", "");
	fixture_open();
	order(JOB_START, "fail.service");
	CHECK_STR(state("alarm.service"), "active");
	order(JOB_START, "good.service");
	CHECK_STR(state("cheer.service"), "inactive");
	becomes("good.service", UNIT_INACTIVE);
	CHECK_STR(state("cheer.service"), "active");
	fixture_end();
}

TEST(propagate__no_on_failure_while_restart_mends_it)
{
	fixture_begin();
	put_unit("a.service", "OnFailure=alarm.service\nFailureAction=reboot");
	put_unit("alarm.service", "");
	fixture_open();
	order(JOB_START, "a.service");
	unit("a.service")->will_restart = true;
	becomes("a.service", UNIT_FAILED);
	CHECK_STR(state("alarm.service"), "inactive");
	CHECK_INT(fx.n_emergencies, ==, 0);
	becomes("a.service", UNIT_ACTIVE);
	becomes("a.service", UNIT_FAILED);
	CHECK_STR(state("alarm.service"), "active");
	CHECK_INT(fx.n_emergencies, ==, 1);
	fixture_end();
}

TEST(propagate__a_unit_that_comes_up_by_itself_pulls_its_needs)
{
	fixture_begin();
	put_unit("dev-x.device", "");
	put_unit("a.service", "Wants=w.service\nRequires=r.service\nConflicts=c.service");
	put_unit("w.service", "");
	put_unit("r.service", "");
	put_unit("c.service", "");
	fixture_open();
	unit("a.service");
	order(JOB_START, "c.service");
	becomes("a.service", UNIT_ACTIVE);
	CHECK_STR(state("w.service"), "active");
	CHECK_STR(state("r.service"), "active");
	CHECK_STR(state("c.service"), "inactive");
	fixture_end();
}

TEST(propagate__stop_is_passed_on)
{
	fixture_begin();
	put_unit("a.service", "PropagatesStopTo=b.service");
	put_unit("b.service", "");
	put_unit("c.service", "StopPropagatedFrom=a.service");
	fixture_open();
	unit_ref(unit("c.service"));
	order(JOB_START, "a.service");
	order(JOB_START, "b.service");
	order(JOB_START, "c.service");
	order(JOB_STOP, "a.service");
	CHECK_STR(state("b.service"), "inactive");
	CHECK_STR(state("c.service"), "inactive");
	fixture_end();
}

/* A socket that is not told would wait for ever for a service that does not come. */
TEST(propagate__triggers_hear_of_a_start_that_never_was)
{
	struct unit *s, *t;
	unsigned before;

	fixture_begin();
	put_unit("a.service", "");
	put_unit("b.service", "Requires=fail.service\nAfter=fail.service slow.service");
	put_unit("fail.service", "");
	put_unit("slow.service", "");
	put_unit("c.target", "AllowIsolate=yes");
	fixture_open();
	s = unit_ref(unit("a.service"));
	t = unit("b.service");
	CHECK_INT(unit_add_dependency(s, DEP_TRIGGERS, t), ==, 0);
	/* What it needs fails. */
	before = FAKE(s)->n_triggers;
	order(JOB_START, "b.service");
	CHECK(!t->job);
	CHECK_INT(FAKE(s)->n_triggers, ==, before + 1);
	/* Behind a start that takes its time: a stop takes its place. */
	order(JOB_START, "slow.service");
	before = FAKE(s)->n_triggers;
	CHECK_INT(order_mode(JOB_START, "b.service", JOB_MODE_IGNORE_REQUIREMENTS), ==, 0);
	CHECK(t->job != NULL);
	order(JOB_STOP, "b.service");
	CHECK(!t->job);
	CHECK_INT(FAKE(s)->n_triggers, ==, before + 1);
	/* And all others go. */
	CHECK_INT(order_mode(JOB_START, "b.service", JOB_MODE_IGNORE_REQUIREMENTS), ==, 0);
	CHECK(t->job != NULL);
	before = FAKE(s)->n_triggers;
	CHECK_INT(order_mode(JOB_START, "c.target", JOB_MODE_FLUSH), ==, 0);
	CHECK(!t->job);
	CHECK_INT(FAKE(s)->n_triggers, ==, before + 1);
	unit_unref(s);
	fixture_end();
}

/* The core before this one did not get to say it. */
TEST(propagate__triggers_hear_of_a_restored_unit_that_is_down)
{
	struct record *r;
	struct unit *s;

	fixture_begin();
	put_unit("a.service", "");
	put_unit("b.service", "");
	fixture_open();
	s = unit_ref(unit("a.service"));
	CHECK_INT(unit_add_dependency(s, DEP_TRIGGERS, unit("b.service")), ==, 0);
	CHECK_INT(record_parse("v=1\nu.id=b.service\nstate=inactive\n", 34, &r), ==, 0);
	CHECK_INT(unit_restore(unit("b.service"), r), ==, 0);
	record_free(r);
	CHECK_INT(manager_coldplug(fx.m), ==, 0);
	CHECK_INT(FAKE(s)->n_triggers, ==, 0);
	settle();
	CHECK_INT(FAKE(s)->n_triggers, ==, 1);
	unit_unref(s);
	fixture_end();
}

TEST(propagate__triggers_hear_of_their_unit)
{
	struct unit *s, *t;

	fixture_begin();
	put_unit("a.service", "");
	put_unit("b.service", "");
	fixture_open();
	s = unit_ref(unit("a.service"));
	t = unit("b.service");
	CHECK_INT(unit_add_dependency(s, DEP_TRIGGERS, t), ==, 0);
	order(JOB_START, "b.service");
	CHECK_INT(FAKE(s)->n_triggers, >, 0);
	fixture_end();
}

TEST(propagate__counts_the_failed)
{
	fixture_begin();
	put_unit("fail.service", "");
	put_unit("x.service", "");
	fixture_open();
	order(JOB_START, "fail.service");
	CHECK_INT(fx.m->n_failed, ==, 1);
	becomes("fail.service", UNIT_INACTIVE);
	CHECK_INT(fx.m->n_failed, ==, 0);
	fixture_end();
}
