// SPDX-License-Identifier: Apache-2.0
#include "fixture.h"

TEST(transaction__orders_starts_and_reverses_stops)
{
	fixture_begin();
	put_unit("a.service", "Requires=b.service\nAfter=b.service");
	put_unit("b.service", "Requires=c.service\nAfter=c.service");
	put_unit("c.service", "");
	fixture_open();
	CHECK_INT(order(JOB_START, "a.service"), ==, 0);
	CHECK_STR(happened(), "+c +b +a");
	CHECK_INT(order(JOB_STOP, "c.service"), ==, 0);
	CHECK_STR(happened(), "-a -b -c");
	CHECK_INT(map_size(fx.m->jobs), ==, 0);
	fixture_end();
}

TEST(transaction__waits_for_what_is_slow)
{
	fixture_begin();
	put_unit("a.service", "Wants=slow.service\nAfter=slow.service");
	put_unit("slow.service", "");
	fixture_open();
	CHECK_INT(order(JOB_START, "a.service"), ==, 0);
	CHECK_STR(happened(), "+slow");
	CHECK_STR(state("a.service"), "inactive");
	becomes("slow.service", UNIT_ACTIVE);
	CHECK_STR(happened(), "+a");
	fixture_end();
}

TEST(transaction__wanted_may_fail_required_may_not)
{
	fixture_begin();
	put_unit("w.service", "Wants=fail.service\nAfter=fail.service");
	put_unit("r.service", "Requires=fail.service\nAfter=fail.service");
	put_unit("fail.service", "");
	fixture_open();
	CHECK_INT(order(JOB_START, "w.service"), ==, 0);
	CHECK_STR(state("w.service"), "active");
	CHECK_STR(results(), "fail.service=failed w.service=done");
	CHECK_INT(order(JOB_START, "r.service"), ==, 0);
	CHECK_STR(state("r.service"), "inactive");
	CHECK_STR(results(), "fail.service=failed r.service=dependency");
	fixture_end();
}

TEST(transaction__missing_wanted_is_ignored_missing_required_refuses)
{
	fixture_begin();
	put_unit("w.service", "Wants=nowhere.service");
	put_unit("r.service", "Requires=nowhere.service");
	put_unit("deep.service", "Wants=r.service other.service");
	put_unit("other.service", "");
	fixture_open();
	CHECK_INT(order(JOB_START, "w.service"), ==, 0);
	CHECK_STR(state("w.service"), "active");
	CHECK_INT(order(JOB_START, "r.service"), ==, -ENOENT);
	CHECK_STR(state("r.service"), "inactive");
	/* What only wants it goes on without the whole branch. */
	happened();
	CHECK_INT(order(JOB_START, "deep.service"), ==, 0);
	CHECK_STR(state("r.service"), "inactive");
	CHECK_STR(state("other.service"), "active");
	CHECK_INT(order(JOB_START, "nowhere.service"), ==, -ENOENT);
	fixture_end();
}

TEST(transaction__refuses_masked_and_bad_units)
{
	fixture_begin();
	put_file("bad.service", "[Service]\nType=nonsense-without-command\n");
	put_unit("refused.service", "");
	fixture_open();
	auto_free char *masked = path_join(fx.dir, "masked.service");
	CHECK_INT(symlink("/dev/null", masked), ==, 0);
	CHECK_INT(order(JOB_START, "masked.service"), ==, -ERFKILL);
	CHECK_INT(order(JOB_START, "refused.service"), ==, -EBADMSG);
	CHECK_STR(load_state_to_string(unit("refused.service")->load_state), "bad-setting");
	CHECK_INT(order(JOB_START, "no such name.service"), ==, -EINVAL);
	fixture_end();
}

TEST(transaction__requisite_needs_it_active_already)
{
	fixture_begin();
	put_unit("q.service", "Requisite=base.service\nAfter=base.service");
	put_unit("base.service", "");
	fixture_open();
	CHECK_INT(order(JOB_START, "q.service"), ==, 0);
	CHECK_STR(state("q.service"), "inactive");
	CHECK_STR(results(), "base.service=skipped q.service=dependency");
	CHECK_INT(order(JOB_START, "base.service"), ==, 0);
	results();
	CHECK_INT(order(JOB_START, "q.service"), ==, 0);
	CHECK_STR(state("q.service"), "active");
	fixture_end();
}

TEST(transaction__conflicts_stop_the_other_first)
{
	fixture_begin();
	put_unit("a.service", "Conflicts=b.service\nAfter=b.service");
	put_unit("b.service", "");
	fixture_open();
	CHECK_INT(order(JOB_START, "b.service"), ==, 0);
	happened();
	CHECK_INT(order(JOB_START, "a.service"), ==, 0);
	CHECK_STR(happened(), "-b +a");
	/* and the other way round */
	CHECK_INT(order(JOB_START, "b.service"), ==, 0);
	CHECK_STR(state("a.service"), "inactive");
	CHECK_STR(state("b.service"), "active");
	fixture_end();
}

TEST(transaction__contradiction_among_required_is_refused)
{
	fixture_begin();
	put_unit("top.service", "Requires=a.service b.service");
	put_unit("a.service", "Conflicts=b.service");
	put_unit("b.service", "");
	put_unit("weak.service", "Requires=a.service\nWants=b.service");
	fixture_open();
	CHECK_INT(order(JOB_START, "top.service"), ==, -ENOEXEC);
	CHECK_STR(happened(), "");
	/* If one of the two is only wanted it gives way. */
	CHECK_INT(order(JOB_START, "weak.service"), ==, 0);
	CHECK_STR(state("a.service"), "active");
	CHECK_STR(state("b.service"), "inactive");
	fixture_end();
}

TEST(transaction__isolate_stops_the_rest)
{
	fixture_begin();
	put_unit("t.target", "AllowIsolate=yes\nWants=keep.service");
	put_unit("keep.service", "");
	put_unit("go.service", "");
	put_unit("ignore.service", "IgnoreOnIsolate=yes");
	put_unit("slow.service", "");
	put_unit("closed.target", "");
	fixture_open();
	order(JOB_START, "go.service");
	order(JOB_START, "ignore.service");
	order(JOB_START, "slow.service"); /* a job that is not done yet */
	happened();
	results();
	CHECK_INT(order_mode(JOB_START, "t.target", JOB_MODE_ISOLATE), ==, 0);
	CHECK_STR(state("go.service"), "inactive");
	CHECK_STR(state("ignore.service"), "active");
	CHECK_STR(state("keep.service"), "active");
	CHECK_STR(state("slow.service"), "inactive");
	CHECK_STR(state("t.target"), "active");
	CHECK_INT(order_mode(JOB_START, "closed.target", JOB_MODE_ISOLATE), ==, -EPERM);
	CHECK_INT(order_mode(JOB_STOP, "t.target", JOB_MODE_ISOLATE), ==, -EINVAL);
	fixture_end();
}

TEST(transaction__breaks_a_cycle_at_what_nobody_requires)
{
	struct diag d = {0};
	struct unit *u;

	fixture_begin();
	put_unit("top.service", "Requires=a.service b.service\nWants=c.service");
	put_unit("a.service", "After=b.service");
	put_unit("b.service", "After=c.service");
	put_unit("c.service", "After=a.service");
	fixture_open();
	u = unit("top.service");
	CHECK_INT(manager_enqueue(fx.m, JOB_START, u, JOB_MODE_REPLACE, false, &d, NULL), ==, 0);
	settle();
	CHECK_STR(state("top.service"), "active");
	CHECK_STR(state("a.service"), "active");
	CHECK_STR(state("b.service"), "active");
	CHECK_STR(state("c.service"), "inactive");
	CHECK_INT(d.n_items, ==, 1);
	/* The warning names all three and what was left out. */
	CHECK(strstr(d.items[0].text, "a.service") && strstr(d.items[0].text, "b.service") &&
	      strstr(d.items[0].text, "c.service/start is left out"));
	fixture_end();
}

TEST(transaction__refuses_a_cycle_of_required_jobs)
{
	fixture_begin();
	put_unit("a.service", "Requires=b.service\nAfter=b.service");
	put_unit("b.service", "Requires=a.service\nAfter=a.service");
	fixture_open();
	CHECK_INT(order(JOB_START, "a.service"), ==, -EDEADLK);
	CHECK_STR(happened(), "");
	CHECK_INT(map_size(fx.m->jobs), ==, 0);
	fixture_end();
}

TEST(transaction__cycle_takes_the_cheaper_victim)
{
	fixture_begin();
	/* Both x and y are only wanted; but two other units need x. */
	put_unit("top.target", "Wants=x.service y.service p.service q.service");
	put_unit("x.service", "After=y.service");
	put_unit("y.service", "After=x.service");
	put_unit("p.service", "Requires=x.service");
	put_unit("q.service", "Requires=x.service");
	fixture_open();
	CHECK_INT(order(JOB_START, "top.target"), ==, 0);
	CHECK_STR(state("x.service"), "active");
	CHECK_STR(state("p.service"), "active");
	CHECK_STR(state("y.service"), "inactive");
	fixture_end();
}

TEST(transaction__drops_what_is_true_already)
{
	fixture_begin();
	put_unit("a.service", "Requires=b.service\nAfter=b.service");
	put_unit("b.service", "");
	fixture_open();
	order(JOB_START, "a.service");
	happened();
	results();
	CHECK_INT(order(JOB_START, "a.service"), ==, 0);
	CHECK_STR(happened(), "");
	CHECK_STR(results(), "a.service=done");
	fixture_end();
}

TEST(transaction__mode_fail_is_not_destructive)
{
	fixture_begin();
	put_unit("slow.service", "");
	put_unit("x.service", "Conflicts=slow.service");
	fixture_open();
	order(JOB_START, "slow.service");
	CHECK_INT(order_mode(JOB_STOP, "slow.service", JOB_MODE_FAIL), ==, -EEXIST);
	CHECK_STR(state("slow.service"), "activating");
	CHECK_INT(order_mode(JOB_START, "x.service", JOB_MODE_FAIL), ==, -EEXIST);
	CHECK_INT(order_mode(JOB_STOP, "slow.service", JOB_MODE_REPLACE), ==, 0);
	CHECK_STR(state("slow.service"), "inactive");
	fixture_end();
}

TEST(transaction__irreversible_jobs_stay)
{
	fixture_begin();
	put_unit("slow.service", "");
	fixture_open();
	order_mode(JOB_START, "slow.service", JOB_MODE_REPLACE_IRREVERSIBLY);
	CHECK_INT(order(JOB_STOP, "slow.service"), ==, -EEXIST);
	becomes("slow.service", UNIT_ACTIVE);
	CHECK_INT(order(JOB_STOP, "slow.service"), ==, 0);
	fixture_end();
}

TEST(transaction__restart_takes_along_what_is_part_of_it)
{
	fixture_begin();
	put_unit("main.service", "");
	put_unit("part.service", "PartOf=main.service\nAfter=main.service");
	put_unit("user.service", "Requires=main.service\nAfter=main.service");
	put_unit("idle.service", "PartOf=main.service");
	fixture_open();
	unit("idle.service");
	order(JOB_START, "part.service");
	order(JOB_START, "user.service");
	CHECK_STR(state("main.service"), "active");
	happened();
	CHECK_INT(order(JOB_RESTART, "main.service"), ==, 0);
	/* Stopped in the inverse order, started again in order; what was not running stays so. */
	const char *log = happened();
	CHECK(strstr(log, "-main") > strstr(log, "-part") &&
	      strstr(log, "-main") > strstr(log, "-user"));
	CHECK(strstr(log, "+part") > strstr(log, "+main") &&
	      strstr(log, "+user") > strstr(log, "+main"));
	CHECK(!strstr(log, "idle"));
	CHECK_INT(order(JOB_STOP, "main.service"), ==, 0);
	CHECK_STR(state("part.service"), "inactive");
	fixture_end();
}

TEST(transaction__reload_is_propagated)
{
	fixture_begin();
	put_unit("a.service", "PropagatesReloadTo=b.service c.service");
	put_unit("b.service", "");
	put_unit("c.service", "");
	fixture_open();
	order(JOB_START, "a.service");
	order(JOB_START, "b.service");
	happened();
	CHECK_INT(order(JOB_RELOAD, "a.service"), ==, 0);
	const char *log = happened();
	CHECK(strstr(log, "~a") && strstr(log, "~b") && !strstr(log, "~c"));
	fixture_end();
}

TEST(transaction__try_types_do_nothing_to_the_dead)
{
	struct job *j = (struct job *) 1;

	fixture_begin();
	put_unit("a.service", "");
	fixture_open();
	CHECK_INT(manager_enqueue(fx.m, JOB_TRY_RESTART, unit("a.service"), JOB_MODE_REPLACE, true,
	                          NULL, &j),
	          ==, 0);
	CHECK(j == NULL);
	settle();
	CHECK_STR(happened(), "");
	CHECK_INT(order(JOB_RELOAD_OR_START, "a.service"), ==, 0);
	CHECK_STR(happened(), "+a");
	CHECK_INT(order(JOB_RELOAD_OR_START, "a.service"), ==, 0);
	CHECK_STR(happened(), "~a");
	fixture_end();
}

TEST(transaction__ignore_dependencies_is_just_one_unit)
{
	fixture_begin();
	put_unit("a.service", "Requires=b.service\nAfter=b.service");
	put_unit("b.service", "");
	fixture_open();
	CHECK_INT(order_mode(JOB_START, "a.service", JOB_MODE_IGNORE_DEPENDENCIES), ==, 0);
	CHECK_STR(happened(), "+a");
	fixture_end();
}

TEST(transaction__refuse_manual_is_for_people)
{
	struct diag d = {0};

	fixture_begin();
	put_unit("a.service", "RefuseManualStart=yes\nRefuseManualStop=yes");
	fixture_open();
	CHECK_INT(manager_enqueue(fx.m, JOB_START, unit("a.service"), JOB_MODE_REPLACE, true, &d,
	                          NULL),
	          ==, -EPERM);
	CHECK_INT(order(JOB_START, "a.service"), ==, 0);
	CHECK_INT(manager_enqueue(fx.m, JOB_STOP, unit("a.service"), JOB_MODE_REPLACE, true, &d,
	                          NULL),
	          ==, -EPERM);
	fixture_end();
}

TEST(transaction__targets_are_after_what_they_want)
{
	fixture_begin();
	put_file("t.target", "[Unit]\nWants=slow.service first.service\nBefore=first.service\n");
	put_file("slow.service", "[Service]\nExecStart=/bin/true\n");
	put_file("first.service", "[Service]\nExecStart=/bin/true\n");
	fixture_open();
	CHECK_INT(order(JOB_START, "t.target"), ==, 0);
	CHECK_STR(state("t.target"), "inactive");
	CHECK_STR(state("first.service"), "inactive");
	becomes("slow.service", UNIT_ACTIVE);
	CHECK_STR(state("t.target"), "active");
	CHECK_STR(state("first.service"), "active");
	fixture_end();
}

TEST(transaction__a_thousand_units_take_little_time)
{
	usec_t begin;

	fixture_begin();
	auto_strbuf struct strbuf wants = {0};
	for (int i = 0; i < 1000; i++) {
		char name[32], lines[64];

		snprintf(name, sizeof(name), "u%d.service", i);
		snprintf(lines, sizeof(lines), i ? "After=u%d.service" : " ", i - 1);
		put_unit(name, lines);
		strbuf_printf(&wants, "Wants=%s\n", name);
	}
	put_unit("all.target", wants.data);
	fixture_open();
	begin = now(CLOCK_PROCESS_CPUTIME_ID);
	CHECK_INT(order(JOB_START, "all.target"), ==, 0);
	for (int i = 0; i < 1000 && map_size(fx.m->jobs); i++)
		settle();
	CHECK_INT(map_size(fx.m->jobs), ==, 0);
	CHECK_STR(state("u999.service"), "active");
	/* About 30 ms in a release build; the bound is for sanitizers on a busy machine. */
	CHECK_INT(now(CLOCK_PROCESS_CPUTIME_ID) - begin, <, 5 * USEC_PER_SEC);
	printf(" (%llu us)", (unsigned long long) (now(CLOCK_PROCESS_CPUTIME_ID) - begin));
	fixture_end();
}
