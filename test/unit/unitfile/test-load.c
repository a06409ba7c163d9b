// SPDX-License-Identifier: Apache-2.0
#include "check.h"
#include "tree.h"

#define auto_unit auto_cleanup(unit_file_free) struct unit_file *

static struct unit_context context = {
	.default_tasks_max = 99, .machine_id = "0123", .boot_id = "4567"};
static struct unit_index *idx;
static struct diag diag;

static void index_read(void)
{
	struct unit_paths p;

	unit_index_free(idx);
	idx = NULL;
	if (unit_paths_init(&p, tree_root) < 0 || unit_index_new(&p, &idx) < 0)
		abort();
	unit_paths_done(&p);
}

static struct unit_file *load(const char *name)
{
	struct unit_file *f = NULL;

	diag = (struct diag){0};
	unit_file_load(idx, &context, name, &diag, &f);
	return f;
}

static void done(void)
{
	idx = unit_index_free(idx);
	tree_done();
}

static const char *join(char *const *v)
{
	static char text[1024];
	auto_free char *joined = strv_join(v, " ");

	snprintf(text, sizeof(text), "%s", joined);
	return text;
}

#define SERVICE "[Service]\nExecStart=/bin/true\n"

TEST(load__the_first_directory_wins)
{
	tree_new();
	tree_file(VENDOR "a.service", SERVICE "[Unit]\nDescription=vendor\n");
	tree_file(ETC "a.service", SERVICE "[Unit]\nDescription=admin\n");
	index_read();
	auto_unit f = load("a.service");
	CHECK_INT(f->load_state, ==, LOAD_LOADED);
	CHECK_STR(f->unit.description, "admin");
	CHECK(str_ends_with(f->fragment_path, ETC "a.service"));
	done();
}

TEST(load__nothing_there_is_not_found_but_drop_ins_count)
{
	tree_new();
	tree_file(ETC "gone.service.d/x.conf", "[Unit]\nDescription=d\n");
	tree_link(ETC "gone.service.wants/b.service", "/x");
	index_read();
	auto_unit f = load("gone.service");
	CHECK_INT(f->load_state, ==, LOAD_NOT_FOUND);
	CHECK_STR(f->unit.description, "d");
	CHECK_STR(join(f->unit.dependencies[DEP_WANTS]), "b.service");
	CHECK(!load("no name"));
	done();
}

TEST(load__drop_ins_by_name_over_all_directories)
{
	tree_new();
	tree_file(VENDOR "foo-bar@.service", SERVICE "[Unit]\nDescription=0");
	tree_file(VENDOR "foo-bar@x.service.d/20.conf", "[Unit]\nDescription=20\nAfter=a.target\n");
	tree_file(VENDOR "foo-bar@.service.d/30.conf", "[Unit]\nDescription=30\nAfter=b.target\n");
	tree_file(VENDOR "foo-.service.d/10.conf", "[Unit]\nDescription=10\nAfter=c.target\n");
	tree_file(RUN "service.d/25.conf", "[Unit]\nAfter=d.target\n");
	tree_file(ETC "foo-bar@x.service.d/30.conf", "[Unit]\nAfter=e.target\n");
	tree_link(ETC "foo-bar@.service.d/10.conf", "/dev/null");
	tree_file(VENDOR "foo-bar@x.service.d/not-a-drop-in.txt", "[Unit]\nAfter=f.target\n");
	index_read();
	auto_unit f = load("foo-bar@x.service");
	/* 10 is masked, of the two 30 the admin's counts. */
	CHECK_STR(join(f->unit.dependencies[DEP_AFTER]), "a.target d.target e.target");
	CHECK_STR(f->unit.description, "20");
	CHECK_INT(strv_length(f->dropin_paths), ==, 3);
	CHECK_INT(f->n_identities, ==, 4);
	done();
}

TEST(load__aliases_have_one_primary_name)
{
	tree_new();
	tree_file(VENDOR "a.service", SERVICE);
	tree_link(ETC "b.service", "/usr/lib/systemd/system/a.service");
	tree_link(RUN "c.service", "../../../etc/systemd/system/b.service");
	tree_file(VENDOR "c.service.d/x.conf", "[Unit]\nDescription=by alias\n");
	tree_link(ETC "bad.target", "a.service");
	tree_file(VENDOR "getty@.service", SERVICE);
	tree_link(VENDOR "autovt@.service", "getty@.service");
	index_read();
	auto_unit f = load("c.service");
	auto_unit g = load("autovt@tty1.service");
	auto_unit h = load("getty@tty2.service");
	auto_unit i = load("bad.target");
	CHECK_STR(f->id, "a.service");
	CHECK_INT(strv_length(f->aliases), ==, 2);
	CHECK(strv_contains(f->aliases, "b.service") && strv_contains(f->aliases, "c.service"));
	CHECK_STR(f->unit.description, "by alias");
	CHECK_STR(g->id, "getty@tty1.service");
	CHECK_STR(g->instance, "tty1");
	CHECK_STR(join(g->aliases), "autovt@tty1.service");
	CHECK_STR(join(h->aliases), "autovt@tty2.service");
	CHECK_INT(i->load_state, ==, LOAD_NOT_FOUND);
	done();
}

TEST(load__a_symlink_to_its_own_name_further_down_says_nothing)
{
	tree_new();
	tree_file(VENDOR "a.service", SERVICE "[Unit]\nDescription=vendor\n");
	tree_link(ETC "a.service", "/usr/lib/systemd/system/a.service");
	index_read();
	auto_unit f = load("a.service");
	CHECK_STR(f->unit.description, "vendor");
	CHECK(str_ends_with(f->fragment_path, VENDOR "a.service"));
	done();
}

TEST(load__an_instance_linked_to_its_template_is_itself)
{
	tree_new();
	tree_file(VENDOR "t@.service", SERVICE);
	tree_link(ETC "t@x.service", "/usr/lib/systemd/system/t@.service");
	index_read();
	auto_unit f = load("t@x.service");
	CHECK_INT(f->load_state, ==, LOAD_LOADED);
	CHECK_STR(f->id, "t@x.service");
	CHECK_STR(f->instance, "x");
	done();
}

TEST(load__one_directory_under_two_names_is_read_once)
{
	tree_new();
	tree_file(VENDOR "a.service", SERVICE);
	tree_link(VENDOR "a.service.wants/nonsense", "/x");
	tree_link("/lib", "usr/lib");
	index_read();
	auto_unit f = load("a.service");
	CHECK_INT(f->load_state, ==, LOAD_LOADED);
	CHECK_INT(diag.n_items, ==, 1);
	done();
}

TEST(load__linked_files_keep_the_symlink_as_their_fragment)
{
	tree_new();
	tree_file("/opt/x.service", SERVICE "[Unit]\nDescription=linked\n");
	auto_free char *target = str_printf("%s/opt/x.service", tree_root);
	tree_link(ETC "y.service", target);
	index_read();
	auto_unit f = load("y.service");
	CHECK_INT(f->load_state, ==, LOAD_LOADED);
	CHECK_STR(f->id, "y.service");
	CHECK(str_ends_with(f->fragment_path, ETC "y.service"));
	done();
}

TEST(load__masks)
{
	tree_new();
	tree_file(VENDOR "a.service", SERVICE);
	tree_link(ETC "a.service", "/dev/null");
	tree_file(ETC "b.service", "");
	tree_file(VENDOR "c@.service", SERVICE);
	tree_link(RUN "c@x.service", "/dev/null");
	index_read();
	auto_unit f = load("a.service");
	auto_unit g = load("b.service");
	auto_unit h = load("c@x.service");
	auto_unit i = load("c@y.service");
	CHECK_INT(f->load_state, ==, LOAD_MASKED);
	CHECK_INT(g->load_state, ==, LOAD_MASKED);
	CHECK_INT(h->load_state, ==, LOAD_MASKED);
	CHECK_INT(i->load_state, ==, LOAD_LOADED);
	done();
}

TEST(load__folders_add_dependencies)
{
	tree_new();
	tree_file(VENDOR "a@.target", "[Unit]\nDescription=x\n");
	tree_link(VENDOR "a@.target.wants/b.service", "../b.service");
	tree_link(ETC "a@i.target.requires/c@.service", "/x");
	tree_link(ETC "a@i.target.wants/b.service", "/dev/null");
	tree_link(ETC "a@.target.wants/d.service", "/x");
	tree_link(RUN "target.upholds/e.service", "/x");
	tree_link(ETC "a@.target.wants/nonsense", "/x");
	index_read();
	auto_unit f = load("a@i.target");
	CHECK_STR(join(f->unit.dependencies[DEP_WANTS]), "d.service");
	CHECK_STR(join(f->unit.dependencies[DEP_REQUIRES]), "c@i.service");
	CHECK_STR(join(f->unit.dependencies[DEP_UPHOLDS]), "e.service");
	CHECK_INT(diag.n_items, ==, 1);
	done();
}

TEST(load__an_instance_has_aliases_though_only_its_template_has_a_file)
{
	tree_new();
	tree_file(VENDOR "a@.service", SERVICE);
	tree_link(ETC "b@inst.service", "a@inst.service");
	tree_link(ETC "c@inst.x.service", "a@inst.x.service");
	index_read();
	auto_unit f = load("a@inst.service");
	auto_unit g = load("b@inst.service");
	auto_unit h = load("a@other.service");
	auto_unit i = load("a@in.service");
	CHECK_STR(join(f->aliases), "b@inst.service");
	CHECK_STR(g->id, "a@inst.service");
	CHECK_STR(join(g->aliases), "b@inst.service");
	CHECK_INT(strv_length(h->aliases), ==, 0);
	CHECK_INT(strv_length(i->aliases), ==, 0);
	done();
}

/* An instance's own symlink beats that of its template: b@2 is another unit's alias there. */
TEST(load__an_instance_that_leads_elsewhere_is_no_alias)
{
	tree_new();
	tree_file(VENDOR "a@.service", SERVICE);
	tree_file(VENDOR "y@.service", SERVICE);
	tree_link(ETC "b@.service", "a@.service");
	tree_link(ETC "b@1.service", "a@1.service");
	tree_link(ETC "b@2.service", "y@.service");
	tree_link(ETC "b@3.service", "y@3.service");
	index_read();
	auto_unit f = load("a@1.service");
	auto_unit g = load("a@2.service");
	auto_unit h = load("a@3.service");
	auto_unit i = load("a@4.service");
	auto_unit j = load("y@2.service");
	CHECK_STR(join(f->aliases), "b@1.service");
	CHECK_INT(strv_length(g->aliases), ==, 0);
	CHECK_INT(strv_length(h->aliases), ==, 0);
	CHECK_STR(join(i->aliases), "b@4.service");
	CHECK_STR(join(j->aliases), "b@2.service");
	done();
}

TEST(load__loops_of_aliases_end)
{
	tree_new();
	tree_link(ETC "a.service", "b.service");
	tree_link(ETC "b.service", "a.service");
	index_read();
	auto_unit f = load("a.service");
	CHECK_INT(f->load_state, ==, LOAD_NOT_FOUND);
	CHECK_INT(diag.n_items, ==, 1);
	done();
}

TEST(load__a_file_that_breaks_off_is_an_error)
{
	tree_new();
	tree_file(ETC "a.service", SERVICE "[Unit\n");
	tree_file(ETC "b.service/x", "");
	index_read();
	auto_unit f = load("a.service");
	auto_unit g = load("b.service");
	CHECK_INT(f->load_state, ==, LOAD_ERROR);
	CHECK_INT(diag.n_items, ==, 0);
	CHECK_INT(g->load_state, ==, LOAD_NOT_FOUND);
	done();
}

TEST(stale__tells_when_something_changed)
{
	tree_new();
	tree_file(VENDOR "a.service", SERVICE);
	tree_file(ETC "a.service.d/x.conf", "[Unit]\n");
	/* What is read within two ticks of its last change may change once more unseen, and counts as stale. */
	usleep(50000);
	index_read();
	auto_unit f = load("a.service");
	CHECK_INT(unit_file_is_stale(f), ==, 0);
	CHECK_INT(unit_index_is_stale(idx), ==, 0);
	tree_file(ETC "a.service.d/x.conf", "[Unit]\nDescription=longer\n");
	CHECK_INT(unit_file_is_stale(f), ==, 1);
	index_read();
	usleep(20000);
	tree_file(ETC "b.service", SERVICE);
	CHECK_INT(unit_index_is_stale(idx), ==, 1);
	index_read();
	tree_file("/run/systemd/generator/c.service", SERVICE);
	CHECK_INT(unit_index_is_stale(idx), ==, 1);
	done();
}

TEST(index__names_and_search_path)
{
	struct unit_paths p;
	auto_strv char **names = NULL;

	tree_new();
	tree_file(ETC "b.service", SERVICE);
	tree_file(VENDOR "a@.timer", "");
	tree_file(VENDOR "README", "");
	index_read();
	CHECK_INT(unit_index_names(idx, &names), ==, 0);
	CHECK_STR(join(names), "a@.timer b.service");
	setenv("SYSTEMD_UNIT_PATH", "/x:/y:", 1);
	CHECK_INT(unit_paths_init(&p, "/r/"), ==, 0);
	CHECK_STR(p.dirs[0], "/r/x");
	CHECK_STR(p.dirs[2], "/r/etc/systemd/system.control");
	CHECK_STR(p.persistent_config, "/r/etc/systemd/system");
	unit_paths_done(&p);
	setenv("SYSTEMD_UNIT_PATH", "/x", 1);
	CHECK_INT(unit_paths_init(&p, NULL), ==, 0);
	CHECK_INT(strv_length(p.dirs), ==, 1);
	unit_paths_done(&p);
	unsetenv("SYSTEMD_UNIT_PATH");
	done();
}

/* Whatever is installed here, all of it must load without an error. */
TEST(load__every_unit_of_this_machine)
{
	struct unit_paths p;
	struct unit_context here;
	struct unit_index *x;
	auto_strv char **names = NULL;
	int errors = 0;

	CHECK_INT(unit_context_init(&here), ==, 0);
	CHECK_INT(unit_paths_init(&p, NULL), ==, 0);
	CHECK_INT(unit_index_new(&p, &x), ==, 0);
	CHECK_INT(unit_index_names(x, &names), ==, 0);
	STRV_FOREACH (name, names) {
		struct diag d = {0};
		struct unit_file *f;
		char *template = strstr(*name, "@.");
		auto_free char *instance =
			template ? str_printf("%.*s@some-instance%s", (int) (template - *name),
		                              *name, template + 1)
				 : NULL;

		if (unit_file_load(x, &here, instance ? instance : *name, &d, &f) < 0) {
			printf("\n      %s does not load", *name);
			errors++;
			continue;
		}
		for (size_t i = 0; i < d.n_items; i++) {
			if (d.items[i].level < DIAG_WARNING)
				continue;
			/* Units that are no part of a distribution may say what they like, but not those of systemd itself. */
			printf("\n      %s: %s:%u: %s", *name, d.items[i].file, d.items[i].line,
			       d.items[i].text);
			errors += d.items[i].level == DIAG_ERROR;
		}
		unit_file_free(f);
	}
	unit_index_free(x);
	unit_paths_done(&p);
	unit_context_done(&here);
	CHECK_INT(errors, ==, 0);
}

/* Many are looked up, few are searched: both keep the order, and each name once. */
TEST(load__many_dependencies)
{
	auto_free char *text = strdup("[Unit]\n"), *path = NULL;

	tree_new();
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 100; i++) {
			char *more =
				str_printf("%sAfter=n%d.service\nWants=n%d.service\n", text, i, i);

			free(text);
			text = more;
		}
	tree_file(VENDOR "a.target", text);
	for (int i = 0; i < 300; i++) {
		path = str_printf(VENDOR "a.target.wants/n%d.service", i);
		tree_link(path, "/x");
		path = (free(path), NULL);
	}
	tree_link(ETC "a.target.wants/n250.service", "/dev/null");
	index_read();
	auto_unit f = load("a.target");
	CHECK_INT(strv_length(f->unit.dependencies[DEP_AFTER]), ==, 100);
	CHECK_STR(f->unit.dependencies[DEP_AFTER][0], "n0.service");
	CHECK_STR(f->unit.dependencies[DEP_AFTER][99], "n99.service");
	/* Those of the folder come after those of the file; one is masked by the folder of the administrator. */
	CHECK_INT(strv_length(f->unit.dependencies[DEP_WANTS]), ==, 299);
	for (int i = 0; i < 100; i++) {
		path = str_printf("n%d.service", i);
		CHECK_STR(f->unit.dependencies[DEP_WANTS][i], path);
		path = (free(path), NULL);
	}
	CHECK(!strv_contains(f->unit.dependencies[DEP_WANTS], "n250.service"));
	CHECK(strv_contains(f->unit.dependencies[DEP_WANTS], "n299.service"));
	done();
}
