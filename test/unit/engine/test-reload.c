// SPDX-License-Identifier: Apache-2.0
#include "fixture.h"

static void forget_file(const char *name)
{
	auto_free char *path = path_join(fx.dir, name);

	if (unlink(path) < 0)
		abort();
}

TEST(reload__plan_names_what_differs)
{
	struct reload_plan p;

	fixture_begin();
	put_unit("same.service", "");
	put_unit("edit.service", "Description=old");
	put_unit("gone.service", "");
	fixture_open();
	order(JOB_START, "same.service");
	order(JOB_START, "edit.service");
	order(JOB_START, "gone.service");
	CHECK_INT(manager_reload_plan(fx.m, &p, NULL), ==, 0);
	CHECK_INT(strv_length(p.added) + strv_length(p.changed) + strv_length(p.removed), ==, 0);
	reload_plan_done(&p);

	put_unit("edit.service", "Description=new text");
	put_unit("new.service", "");
	forget_file("gone.service");
	CHECK_INT(manager_reload_plan(fx.m, &p, NULL), ==, 0);
	CHECK_STR(p.added[0], "new.service");
	CHECK_STR(p.changed[0], "edit.service");
	CHECK_STR(p.removed[0], "gone.service");
	reload_plan_done(&p);
	/* A plan changes nothing. */
	CHECK_STR(unit_description(unit("edit.service")), "old");
	fixture_end();
}

static void count_beats(bool busy, void *userdata)
{
	*(unsigned *) userdata += busy;
}

/* Ten thousand units on a slow machine take longer than a turn of the loop may: each of them is a sign of life. */
TEST(reload__and_load_are_no_hang_however_many_units_there_are)
{
	const unsigned n = 50;
	unsigned beats = 0;

	fixture_begin();
	for (unsigned i = 0; i < n; i++) {
		auto_free char *name = str_printf("many-%u.service", i);
		auto_free char *text = str_printf("After=many-%u.service", i + 1);

		put_unit(name, text);
	}
	fixture_open();
	loop_set_busy_hook(fx.loop, count_beats, &beats);
	order(JOB_START, "many-0.service");
	CHECK_INT(beats, >=, n);
	beats = 0;
	CHECK_INT(manager_reload(fx.m, NULL, NULL), ==, 0);
	CHECK_INT(beats, >=, 2 * n);
	fixture_end();
}

TEST(reload__applies_without_touching_what_runs)
{
	struct unit *edit, *same;

	fixture_begin();
	put_unit("same.service", "Description=same");
	put_unit("edit.service", "Description=old");
	put_unit("gone.service", "");
	fixture_open();
	order(JOB_START, "same.service");
	order(JOB_START, "edit.service");
	order(JOB_START, "gone.service");
	order(JOB_STOP, "nothing.service");
	edit = unit("edit.service");
	same = unit("same.service");
	struct unit_file *same_file = same->file;
	happened();
	results();
	put_unit("edit.service", "Description=new\nWants=extra.service");
	put_unit("extra.service", "");
	forget_file("gone.service");
	CHECK_INT(manager_reload(fx.m, NULL, NULL), ==, 0);
	settle();
	CHECK_STR(happened(), "");
	CHECK_STR(results(), "");
	CHECK(unit("edit.service") == edit);
	CHECK(same->file == same_file);
	CHECK_STR(unit_description(edit), "new");
	CHECK(unit_has_dependency(edit, DEP_WANTS, unit("extra.service")));
	CHECK_STR(state("edit.service"), "active");
	/* It still runs, so it can still be stopped. */
	CHECK_INT(unit("gone.service")->load_state, ==, LOAD_NOT_FOUND);
	CHECK_STR(state("gone.service"), "active");
	CHECK_INT(order(JOB_STOP, "gone.service"), ==, 0);
	CHECK_STR(happened(), "-gone");
	fixture_end();
}

/* A reload without fds or with a bad disk must not leave a running service without its settings. */
TEST(reload__a_file_that_cannot_be_read_changes_nothing)
{
	auto_free char *path = NULL;
	struct diag d = {0};
	struct unit *u;

	fixture_begin();
	put_unit("a.service", "Description=old\nRequires=b.service");
	put_unit("b.service", "");
	fixture_open();
	order(JOB_START, "a.service");
	happened();
	u = unit("a.service");
	/* Too large is one of the reasons. */
	path = path_join(fx.dir, "a.service");
	CHECK_INT(truncate(path, 64 * 1024 * 1024), ==, 0);
	CHECK_INT(manager_reload(fx.m, NULL, &d), ==, 0);
	CHECK_INT(u->load_state, ==, LOAD_LOADED);
	CHECK_STR(unit_description(u), "old");
	CHECK(unit_has_dependency(u, DEP_REQUIRES, unit("b.service")));
	CHECK(d.n_items > 0);
	/* Once it can be read it counts again. */
	put_unit("a.service", "Description=new");
	CHECK_INT(manager_reload(fx.m, NULL, NULL), ==, 0);
	CHECK_STR(unit_description(u), "new");
	CHECK_STR(happened(), "");
	fixture_end();
}

TEST(reload__keeps_jobs_and_dynamic_dependencies)
{
	struct unit *a, *b;

	fixture_begin();
	put_unit("slow.service", "");
	put_unit("b.service", "After=slow.service\nWants=slow.service");
	put_unit("c.service", "");
	fixture_open();
	order(JOB_START, "b.service");
	order(JOB_START, "c.service");
	a = unit("c.service");
	b = unit("b.service");
	CHECK_INT(unit_add_dependency(a, DEP_TRIGGERS, b), ==, 0);
	CHECK_INT(manager_reload(fx.m, NULL, NULL), ==, 0);
	CHECK(b->job);
	CHECK(unit_has_dependency(a, DEP_TRIGGERS, b));
	CHECK(unit_has_dependency(b, DEP_AFTER, unit("slow.service")));
	becomes("slow.service", UNIT_ACTIVE);
	CHECK_STR(state("b.service"), "active");
	fixture_end();
}

TEST(reload__drop_in_and_wants_folder_count_as_changes)
{
	struct reload_plan p;

	fixture_begin();
	put_unit("a.service", "");
	put_unit("t.target", "");
	put_unit("x.service", "");
	fixture_open();
	order(JOB_START, "a.service");
	order(JOB_START, "t.target");
	put_file("a.service.d/10.conf", "[Unit]\nDescription=dropped in\n");
	auto_free char *folder = path_join(fx.dir, "t.target.wants"),
		       *link = path_join(folder, "x.service");
	CHECK(mkdir(folder, 0755) >= 0 && symlink("../x.service", link) >= 0);
	CHECK_INT(manager_reload(fx.m, &p, NULL), ==, 0);
	CHECK_INT(strv_length(p.changed), ==, 2);
	CHECK(strv_contains(p.changed, "a.service") && strv_contains(p.changed, "t.target"));
	CHECK_STR(unit_description(unit("a.service")), "dropped in");
	CHECK(unit_has_dependency(unit("t.target"), DEP_WANTS, unit("x.service")));
	reload_plan_done(&p);
	fixture_end();
}
