// SPDX-License-Identifier: Apache-2.0
/* Units and settings that come from a caller. */
#include "fixture.h"

/* Files that the manager writes go below the fixture, and are found there. */
static void begin(void)
{
	auto_free char *path = NULL;

	fixture_begin();
	path = str_printf("%s/transient:%s", fx.dir, fx.dir);
	setenv("SYSTEMD_UNIT_PATH", path, 1);
	put_unit("file.service", "");
	fixture_open();
	free(fx.m->paths.transient);
	fx.m->paths.transient = path_join(fx.dir, "transient");
}

static int make(const char *name, char *const *assignments, struct unit **ret)
{
	struct diag d = {0};

	return manager_make_transient(fx.m, name, assignments, &d, ret);
}

static bool is_on_disk(const char *name)
{
	auto_free char *path = path_join(fx.m->paths.transient, name);

	return path && access(path, F_OK) >= 0;
}

static char *const sleepy[] = {(char *) "Description=Sleeps", (char *) "ExecStart=/bin/sleep 1",
                               NULL};

TEST(transient__is_made_from_assignments)
{
	struct unit *u;

	begin();
	CHECK_INT(make("a.service", sleepy, &u), ==, 0);
	CHECK_INT(u->load_state, ==, LOAD_LOADED);
	CHECK_INT(u->transient, ==, true);
	CHECK_STR(unit_description(u), "Sleeps");
	CHECK_STR(u->file->service->commands[SERVICE_EXEC_START]->path, "/bin/sleep");
	CHECK_INT(is_on_disk("a.service"), ==, true);
	fixture_end();
}

TEST(transient__goes_with_its_file_when_nobody_needs_it)
{
	struct unit *u;

	begin();
	CHECK_INT(make("a.service", sleepy, &u), ==, 0);
	CHECK_INT(manager_enqueue(fx.m, JOB_START, u, JOB_MODE_FAIL, true, NULL, NULL), ==, 0);
	manager_dispatch(fx.m);
	CHECK_INT(unit_active_state(u), ==, UNIT_ACTIVE);
	CHECK_INT(is_on_disk("a.service"), ==, true);
	CHECK_INT(manager_enqueue(fx.m, JOB_STOP, u, JOB_MODE_REPLACE, true, NULL, NULL), ==, 0);
	manager_dispatch(fx.m);
	manager_dispatch(fx.m);
	CHECK(!manager_get_unit(fx.m, "a.service"));
	CHECK_INT(is_on_disk("a.service"), ==, false);
	fixture_end();
}

TEST(transient__does_not_take_a_name_that_is_in_use)
{
	struct unit *u;

	begin();
	CHECK_INT(make("file.service", sleepy, &u), ==, -ETXTBSY);
	CHECK_INT(make("a.service", sleepy, &u), ==, 0);
	CHECK_INT(manager_enqueue(fx.m, JOB_START, u, JOB_MODE_FAIL, true, NULL, NULL), ==, 0);
	manager_dispatch(fx.m);
	CHECK_INT(make("a.service", sleepy, &u), ==, -ETXTBSY);
	fixture_end();
}

TEST(transient__refuses_what_a_file_may_say_wrong)
{
	char *const unknown[] = {(char *) "ExecStart=/bin/true", (char *) "Nonsense=1", NULL};
	char *const bad[] = {(char *) "ExecStart=/bin/true", (char *) "TimeoutSec=never ever",
	                     NULL};
	char *const lines[] = {(char *) "ExecStart=/bin/true", (char *) "Description=a\n[Service]",
	                       NULL};
	struct unit *u;

	begin();
	CHECK_INT(make("a.service", unknown, &u), ==, -EINVAL);
	CHECK_INT(make("a.service", bad, &u), <, 0);
	CHECK_INT(make("a.service", lines, &u), ==, -EINVAL);
	CHECK_INT(make("a.target", (char *[]){NULL}, &u), ==, -EOPNOTSUPP);
	CHECK_INT(is_on_disk("a.service"), ==, false);
	fixture_end();
}

TEST(markers__are_set_cleared_and_go_with_the_unit)
{
	auto_strv char **markers = NULL;
	auto_strbuf struct strbuf b = {0};
	struct diag d = {0};
	struct unit *u;

	begin();
	CHECK_INT(make("a.service", sleepy, &u), ==, 0);
	CHECK_INT(unit_set_properties(u, (char *[]){(char *) "Markers=needs-restart", NULL}, true,
	                              &d),
	          ==, 0);
	CHECK_INT(unit_markers(u, &markers), ==, 0);
	CHECK_STR(markers[0], "needs-restart");
	CHECK_INT(unit_set_properties(u, (char *[]){(char *) "Markers=+needs-reload", NULL}, true,
	                              &d),
	          ==, 0);
	CHECK_INT(u->markers, ==, UNIT_NEEDS_RELOAD | UNIT_NEEDS_RESTART);
	CHECK_INT(unit_record(u, &b), ==, 0);
	CHECK(strstr(b.data, "\nu.markers=3\n"));
	CHECK_INT(unit_set_properties(u, (char *[]){(char *) "Markers=", NULL}, true, &d), ==, 0);
	CHECK_INT(u->markers, ==, 0);
	CHECK_INT(unit_set_properties(u, (char *[]){(char *) "Markers=nonsense", NULL}, true, &d),
	          ==, -EINVAL);
	CHECK_INT(unit_set_properties(u, (char *[]){(char *) "ExecStart=/bin/x", NULL}, true, &d),
	          ==, -EROFS);
	fixture_end();
}

/* ---- why ---- */

static const char *first_reason(const char *name, cJSON **list)
{
	struct unit *u = NULL;

	*list = cJSON_CreateArray();
	if (manager_load_unit(fx.m, name, NULL, &u) < 0 || unit_explain(u, *list) < 0)
		return NULL;
	return (*list)->child ? json_string_or((*list)->child, "kind", "") : "";
}

TEST(why__names_what_holds_a_unit)
{
	auto_json cJSON *a = NULL, *b = NULL, *c = NULL, *e = NULL;

	fixture_begin();
	put_unit("slow.service", "");
	put_unit("later.service", "After=slow.service\nWants=slow.service");
	put_unit("cond.service", "ConditionPathExists=/nonexistent/path");
	fixture_open();
	CHECK_STR(first_reason("missing.service", &a), "load");
	CHECK_STR(first_reason("cond.service", &b), "condition");
	CHECK_INT(manager_enqueue_by_name(fx.m, JOB_START, "later.service", JOB_MODE_REPLACE, NULL,
	                                  NULL),
	          ==, 0);
	manager_dispatch(fx.m);
	CHECK_STR(first_reason("later.service", &c), "ordering");
	CHECK_STR(first_reason("slow.service", &e), "job");
	fixture_end();
}
