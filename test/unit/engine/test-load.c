// SPDX-License-Identifier: Apache-2.0
#include "fixture.h"

static void link_to(const char *target, const char *name)
{
	auto_free char *path = path_join(fx.dir, name);

	if (symlink(target, path) < 0)
		abort();
}

TEST(load__aliases_are_one_unit)
{
	fixture_begin();
	put_unit("real.service", "");
	link_to("real.service", "other.service");
	put_unit("user.service", "Wants=other.service\nAfter=other.service");
	fixture_open();
	struct unit *u = unit("user.service"), *real = unit("real.service");
	CHECK(unit("other.service") == real);
	CHECK_STR(real->id, "real.service");
	CHECK(unit_has_dependency(u, DEP_WANTS, real));
	CHECK(unit_has_dependency(real, DEP_WANTED_BY, u));
	CHECK_INT(order(JOB_START, "other.service"), ==, 0);
	CHECK_STR(state("real.service"), "active");
	settle();
	CHECK(unit("other.service") == real);
	fixture_end();
}

TEST(load__alias_asked_for_first)
{
	fixture_begin();
	put_unit("real.service", "");
	link_to("real.service", "other.service");
	fixture_open();
	struct unit *u = unit("other.service");
	CHECK_STR(u->id, "real.service");
	CHECK(manager_get_unit(fx.m, "real.service") == u);
	CHECK(manager_get_unit(fx.m, "other.service") == u);
	fixture_end();
}

TEST(load__instances_share_a_slice)
{
	fixture_begin();
	put_file("g@.service", "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/bin/true\n");
	put_unit("s.service", "");
	fixture_open();
	CHECK_STR(unit_slice(unit("g@1.service"))->id, "system-g.slice");
	CHECK_STR(unit_slice(unit_slice(unit("g@1.service")))->id, "system.slice");
	CHECK_STR(unit_slice(unit("s.service"))->id, "system.slice");
	CHECK_STR(unit_slice(unit("system.slice"))->id, "-.slice");
	CHECK(unit_slice(unit("-.slice")) == NULL);
	CHECK(unit_has_dependency(unit("s.service"), DEP_REQUIRES, unit("system.slice")));
	fixture_end();
}

TEST(load__mounts_for_ties_to_mounts_that_come_later)
{
	struct unit *u, *mount;

	fixture_begin();
	put_unit("a.service", "RequiresMountsFor=/srv/data/x");
	put_file("srv-data.mount",
	         "[Unit]\nDefaultDependencies=no\n[Mount]\nWhat=/dev/x\nWhere=/srv/data\n");
	fixture_open();
	u = unit_ref(unit("a.service"));
	mount = unit("srv-data.mount");
	CHECK(unit_has_dependency(u, DEP_AFTER, mount));
	CHECK(unit_has_dependency(u, DEP_REQUIRES, mount));
	/* One without a file is only ordered. */
	struct unit_file *f;
	CHECK_INT(unit_file_new_empty(&fx.m->context, "srv.mount", &f), ==, 0);
	CHECK_INT(manager_add_unit(fx.m, "srv.mount", f, &mount), ==, 0);
	settle();
	CHECK(unit_has_dependency(u, DEP_AFTER, mount));
	CHECK(!unit_has_dependency(u, DEP_REQUIRES, mount));
	fixture_end();
}

TEST(load__finds_a_file_that_is_new)
{
	fixture_begin();
	put_unit("a.service", "");
	fixture_open();
	CHECK_INT(unit("late.service")->load_state, ==, LOAD_NOT_FOUND);
	put_unit("late.service", "");
	CHECK_INT(unit("late.service")->load_state, ==, LOAD_LOADED);
	CHECK_INT(order(JOB_START, "late.service"), ==, 0);
	fixture_end();
}

TEST(load__nothing_is_ordered_before_a_device)
{
	fixture_begin();
	put_unit("a.service", "Before=dev-x.device");
	fixture_open();
	CHECK(!unit_has_dependency(unit("a.service"), DEP_BEFORE, unit("dev-x.device")));
	fixture_end();
}

TEST(gc__dead_units_go_those_in_use_stay)
{
	fixture_begin();
	put_unit("a.service", "Wants=b.service\nAfter=b.service");
	put_unit("b.service", "");
	put_unit("fail.service", "");
	put_unit("fail-collect.service", "CollectMode=inactive-or-failed");
	fixture_open();
	unit("a.service");
	settle();
	CHECK(gone("a.service"));
	CHECK(gone("b.service"));
	order(JOB_START, "a.service");
	becomes("b.service", UNIT_INACTIVE);
	CHECK(!gone("b.service")); /* a refers to it */
	order(JOB_STOP, "a.service");
	CHECK(gone("a.service"));
	CHECK(gone("b.service"));
	order(JOB_START, "fail.service");
	order(JOB_START, "fail-collect.service");
	CHECK_STR(state("fail.service"), "failed");
	CHECK(gone("fail-collect.service"));
	CHECK_INT(fx.n_forgotten, >=, 3);
	fixture_end();
}

TEST(gc__a_reference_holds)
{
	struct unit *u;

	fixture_begin();
	put_unit("a.service", "");
	fixture_open();
	u = unit_ref(unit("a.service"));
	settle();
	CHECK(!gone("a.service"));
	unit_unref(u);
	settle();
	CHECK(gone("a.service"));
	fixture_end();
}

TEST(gc__circles_do_not_keep_each_other)
{
	fixture_begin();
	put_unit("a.service", "After=b.service");
	put_unit("b.service", "After=a.service");
	fixture_open();
	unit("a.service");
	settle();
	CHECK(gone("a.service"));
	CHECK(gone("b.service"));
	fixture_end();
}

/* Between two turns somebody may ask for what is left, which must not have lost what it says of those that are gone. */
TEST(gc__those_that_refer_to_each_other_go_in_one_turn)
{
	struct unit *u;

	fixture_begin();
	put_unit("all.target", "Requires=a.service\nWants=b.service");
	put_unit("a.service", "PartOf=all.target");
	put_unit("b.service", "BindsTo=a.service\nAfter=a.service");
	fixture_open();
	u = unit_ref(unit("all.target"));
	settle();
	CHECK(!gone("a.service"));
	CHECK(!gone("b.service"));
	unit_unref(u);
	manager_gc_queued(fx.m);
	CHECK(gone("all.target"));
	CHECK(gone("a.service"));
	CHECK(gone("b.service"));
	fixture_end();
}

/* Who has to be told of its end keeps it, and so all that it refers to. */
TEST(gc__what_a_running_unit_is_told_about_keeps_what_it_refers_to)
{
	fixture_begin();
	put_unit("all.target", "Wants=a.service");
	put_unit("a.service", "PartOf=all.target\nOnSuccess=told.service");
	put_unit("told.service", "");
	fixture_open();
	order(JOB_START, "all.target");
	order(JOB_STOP, "all.target");
	CHECK_STR(state("told.service"), "active");
	CHECK(!gone("a.service"));
	CHECK(!gone("all.target"));
	order(JOB_STOP, "told.service");
	CHECK(gone("a.service"));
	CHECK(gone("all.target"));
	fixture_end();
}

TEST(manager__finds_the_unit_of_a_process)
{
	struct unit *u;

	fixture_begin();
	put_unit("a.service", "");
	put_unit("b.service", "");
	fixture_open();
	u = unit_ref(unit("a.service"));
	CHECK_INT(unit_watch_pid(u, 4711), ==, 0);
	CHECK(manager_unit_by_pid(fx.m, 4711) == u);
	unit_unwatch_pid(u, 4711);
	CHECK_INT(unit_set_cgroup(u, "/system.slice/a.service"), ==, 0);
	CHECK(manager_unit_by_cgroup(fx.m, "/system.slice/a.service/sub/dir") == u);
	CHECK(manager_unit_by_cgroup(fx.m, "/system.slice/a.services") == NULL);
	CHECK(manager_unit_by_cgroup(fx.m, "/system.slice") == NULL);
	fixture_end();
}

TEST(manager__describes_a_unit)
{
	fixture_begin();
	put_unit("a.service", "Description=An example\nWants=b.service\nConditionPathExists=/");
	put_unit("b.service", "");
	fixture_open();
	auto_json cJSON *p = cJSON_CreateObject();
	CHECK_INT(unit_describe(unit("a.service"), p), ==, 0);
	CHECK_STR(json_string_or(p, "Description", NULL), "An example");
	CHECK_STR(json_string_or(p, "ActiveState", NULL), "inactive");
	CHECK_STR(json_string_or(p, "LoadState", NULL), "loaded");
	const cJSON *wants;
	CHECK_INT(json_get_array(p, "Wants", &wants), ==, 0);
	CHECK_STR(cJSON_GetArrayItem(wants, 0)->valuestring, "b.service");
	CHECK(cJSON_GetArraySize(cJSON_GetObjectItem(p, "Conditions")) == 1);
	fixture_end();
}
