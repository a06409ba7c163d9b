// SPDX-License-Identifier: Apache-2.0
#include "fixture.h"

static struct record *parse(const char *text)
{
	struct record *r = NULL;

	return record_parse(text, strlen(text), &r) < 0 ? NULL : r;
}

TEST(record__round_trip)
{
	auto_strbuf struct strbuf b = {0};
	struct stamp t = {1, 2, 3}, u;
	struct pidref p = {.pid = 42, .pidfd = -EBADF, .start_time = 4711};
	char *list[] = {(char *) "one", (char *) "two\nlines", (char *) "", NULL};
	auto_strv char **v = NULL;
	uint64_t start;
	pid_t pid;

	record_begin(&b);
	record_add(&b, "text", "back\\slash\nnewline=equals");
	record_add(&b, "null", NULL);
	record_add_u64(&b, "big", UINT64_MAX);
	record_add_u64(&b, "zero", 0);
	record_add_i64(&b, "negative", -7);
	record_add_bool(&b, "yes", true);
	record_add_bool(&b, "no", false);
	record_add_strv(&b, "list", list);
	record_add_stamp(&b, "stamp", &t);
	record_add_pid(&b, "pid", &p);
	CHECK_INT(b.error, ==, 0);

	auto_cleanup(record_free) struct record *r = parse(b.data);
	CHECK(r);
	CHECK_STR(record_get(r, "text"), "back\\slash\nnewline=equals");
	CHECK(record_get(r, "null") == NULL);
	CHECK(record_get_u64(r, "big", 0) == UINT64_MAX);
	CHECK_INT(record_get_u64(r, "zero", 0), ==, 0);
	CHECK_INT(record_get_u64(r, "absent", 5), ==, 5);
	CHECK_INT(record_get_i64(r, "negative", 0), ==, -7);
	CHECK(record_get_bool(r, "yes", false));
	CHECK(!record_get_bool(r, "no", false));
	CHECK_INT(record_get_strv(r, "list", &v), ==, 0);
	CHECK_INT(strv_length(v), ==, 3);
	CHECK_STR(v[1], "two\nlines");
	record_get_stamp(r, "stamp", &u);
	CHECK_INT(u.boottime, ==, 3);
	CHECK(record_get_pid(r, "pid", &pid, &start));
	CHECK_INT(pid, ==, 42);
	CHECK_INT(start, ==, 4711);
}

TEST(record__refuses_what_is_none)
{
	static const char *const bad[] = {"",          "x=1\n",  "v=0\n", "v=1", "v=1\nno-equals\n",
	                                  "v=1\n=x\n", "v=abc\n"};

	for (size_t i = 0; i < ELEMENTSOF(bad); i++)
		CHECK(parse(bad[i]) == NULL);
	struct record *r;
	CHECK_INT(record_parse("v=1\na=\0\n", 9, &r), ==, -EBADMSG);
}

TEST(record__keeps_what_a_newer_version_wrote)
{
	auto_cleanup(record_free) struct record *newer =
		parse("v=99\nknown=1\nfuture=a\\nb\nfuture=c\n");
	auto_cleanup(record_free) struct record *ours = parse("v=1\nknown=1\nstale=x\n");
	auto_strbuf struct strbuf a = {0}, b = {0};

	CHECK(newer && ours);
	CHECK_INT(record_get_u64(newer, "known", 0), ==, 1);
	CHECK_INT(record_get_u64(ours, "known", 0), ==, 1);
	record_carry(newer, &a);
	CHECK_STR(a.data, "v=99\nfuture=a\\nb\nfuture=c\n");
	/* In our own schema a key that nobody asks for is not one that we do not know. */
	record_carry(ours, &b);
	CHECK_INT(b.size, ==, 0);
}

/* The core before saw b's end, and died before it had ordered that of what is bound to it. */
TEST(unit_record__what_lost_its_bond_while_core_was_away_goes_down)
{
	auto_cleanup(record_free) struct record *up = parse("v=1\nstate=active\n");
	struct unit *a, *c, *d;

	fixture_begin();
	put_unit("a.service", "BindsTo=b.service\nAfter=b.service");
	put_unit("b.service", "");
	put_unit("c.service", "BindsTo=d.service\nAfter=d.service");
	put_unit("d.service", "");
	fixture_open();
	a = unit("a.service");
	c = unit("c.service");
	d = unit("d.service");
	CHECK(up && a && c && d);
	CHECK_INT(unit_restore(a, up), ==, 0);
	CHECK_INT(unit_restore(c, up), ==, 0);
	CHECK_INT(unit_restore(d, up), ==, 0);
	CHECK_INT(manager_coldplug(fx.m), ==, 0);
	settle();
	CHECK_STR(state("a.service"), "inactive");
	CHECK_STR(state("c.service"), "active");
	fixture_end();
}

TEST(unit_record__round_trip_with_its_job)
{
	auto_strbuf struct strbuf b = {0};
	struct unit *u;
	uint32_t id;

	fixture_begin();
	put_unit("slow.service", "JobTimeoutSec=1h\nStartLimitIntervalSec=1h\nStartLimitBurst=9");
	fixture_open();
	order(JOB_START, "slow.service");
	u = unit("slow.service");
	id = u->job->id;
	CHECK_INT(unit_new_invocation(u), ==, 0);
	CHECK_INT(unit_set_cgroup(u, "/system.slice/slow.service"), ==, 0);
	struct id128 invocation = u->invocation_id;
	usec_t deadline = u->job->deadline_usec, exit_usec = u->inactive_exit.boottime;
	CHECK_INT(unit_record(u, &b), ==, 0);
	auto_cleanup(record_free) struct record *r = parse(b.data);
	CHECK(r);
	manager_free(fx.m);
	fx.m = NULL;
	results();

	fixture_open();
	u = unit("slow.service");
	CHECK_INT(unit_restore(u, r), ==, 0);
	CHECK_INT(manager_coldplug(fx.m), ==, 0);
	settle();
	CHECK_STR(state("slow.service"), "activating");
	CHECK(id128_equal(&u->invocation_id, &invocation));
	CHECK_STR(u->cgroup, "/system.slice/slow.service");
	CHECK(manager_unit_by_cgroup(fx.m, "/system.slice/slow.service") == u);
	CHECK_INT(u->start_limit_count, ==, 1);
	CHECK(u->inactive_exit.boottime == exit_usec);
	CHECK(u->job && u->job->id == id && u->job->state == JOB_RUNNING);
	/* The deadline is the old one, not an hour from now. */
	CHECK(u->job->deadline_usec == deadline);
	becomes("slow.service", UNIT_ACTIVE);
	CHECK_STR(results(), "slow.service=done");
	/* Numbers go on. */
	order(JOB_STOP, "slow.service");
	CHECK(u->job && u->job->id > id);
	fixture_end();
}

TEST(unit_record__a_job_that_was_lost_on_the_way_runs_again)
{
	fixture_begin();
	put_unit("a.service", "");
	fixture_open();
	/* Saved as running, but the unit never got to know. */
	auto_cleanup(record_free) struct record *r = parse(
		"v=1\nu.id=a.service\nstate=inactive\nj.id=7\nj.type=start\nj.state=running\n");
	CHECK_INT(unit_restore(unit("a.service"), r), ==, 0);
	settle();
	CHECK_STR(happened(), "+a");
	CHECK_STR(state("a.service"), "active");
	/* And one that had happened already is just finished. */
	auto_cleanup(record_free) struct record *s =
		parse("v=1\nu.id=a.service\nstate=active\nj.id=9\nj.type=start\nj.state=running\n");
	results();
	CHECK_INT(unit_restore(unit("a.service"), s), ==, 0);
	settle();
	CHECK_STR(happened(), "");
	CHECK_STR(results(), "a.service=done");
	fixture_end();
}

TEST(unit_record__unknown_keys_survive)
{
	auto_strbuf struct strbuf b = {0};

	fixture_begin();
	put_unit("a.service", "");
	fixture_open();
	auto_cleanup(record_free) struct record *r =
		parse("v=2\nu.id=a.service\nstate=active\nu.shiny=yes\n");
	CHECK_INT(unit_restore(unit("a.service"), r), ==, 0);
	CHECK_INT(unit_record(unit("a.service"), &b), ==, 0);
	CHECK(strstr(b.data, "\nu.shiny=yes\n"));
	CHECK_STR(state("a.service"), "active");
	/* And in the hands of the next of our version, which finds our record. */
	auto_strbuf struct strbuf again = {0};
	auto_cleanup(record_free) struct record *second = parse(b.data);
	CHECK(second != NULL);
	CHECK_INT(record_schema(second), ==, 2);
	CHECK_INT(unit_restore(unit("a.service"), second), ==, 0);
	CHECK_INT(unit_record(unit("a.service"), &again), ==, 0);
	CHECK(strstr(again.data, "\nu.shiny=yes\n"));
	fixture_end();
}

TEST(unit_record__nonsense_is_refused_not_believed)
{
	static const char *const texts[] = {
		"v=1\nj.id=7\nj.type=nonsense\n",
		"v=1\nj.id=99999999999\nj.type=start\n",
		"v=1\nj.id=7\nj.type=nop\n",
		"v=1\nu.active=sideways\nu.invocation=zz\nu.start-limit-count=abc\n",
	};

	fixture_begin();
	put_unit("a.service", "");
	fixture_open();
	for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
		auto_cleanup(record_free) struct record *r = parse(texts[i]);

		CHECK(r);
		(void) unit_restore(unit("a.service"), r);
		CHECK(unit("a.service")->job == NULL);
	}
	fixture_end();
}
