// SPDX-License-Identifier: Apache-2.0
#include "check.h"
#include "tree.h"

#include "unitfile/install.h"

#include <stdio.h>

static struct unit_paths paths;
static struct install_changes changes;

static void begin(void)
{
	tree_new();
	if (unit_paths_init(&paths, tree_root) < 0)
		abort();
}

static void end(void)
{
	install_changes_done(&changes);
	unit_paths_done(&paths);
	tree_done();
}

typedef int (*verb_fn)(const struct unit_paths *p, char *const *names, unsigned flags,
                       struct install_changes *c, struct diag *d);

static int run(verb_fn verb, const char *name, unsigned flags)
{
	char *names[] = {(char *) name, NULL};

	install_changes_done(&changes);
	return verb(&paths, names, flags, &changes, NULL);
}

static const char *state(const char *name)
{
	enum unit_file_state s;

	return install_state(&paths, name, &s) < 0 ? "!" : unit_file_state_to_string(s);
}

#define WANTED "[Install]\nWantedBy=multi-user.target\n"

TEST(install__links_are_read_once_and_known_to_be_old)
{
	struct install_links *links = NULL;
	enum unit_file_state s;

	begin();
	tree_file(VENDOR "a.service", WANTED);
	tree_file(VENDOR "t@.service", WANTED);
	CHECK_INT(install_links_new(&paths, &links), ==, 0);
	CHECK_INT(install_state_of(&paths, links, "a.service", &s), ==, 0);
	CHECK_STR(unit_file_state_to_string(s), "disabled");
	CHECK_INT(run(install_enable, "a.service", 0), ==, 1);
	CHECK_INT(run(install_enable, "t@x.service", 0), ==, 1);
	/* At once, in the same tick of the file system's clock. */
	CHECK_INT(install_links_are_stale(links), ==, true);
	install_links_free(links);
	CHECK_INT(install_links_new(&paths, &links), ==, 0);
	CHECK_INT(install_state_of(&paths, links, "a.service", &s), ==, 0);
	CHECK_STR(unit_file_state_to_string(s), "enabled");
	CHECK_INT(install_state_of(&paths, links, "t@x.service", &s), ==, 0);
	CHECK_STR(unit_file_state_to_string(s), "enabled");
	CHECK_INT(install_state_of(&paths, links, "t@y.service", &s), ==, 0);
	CHECK_STR(unit_file_state_to_string(s), "disabled");
	usleep(50000);
	install_links_free(links);
	CHECK_INT(install_links_new(&paths, &links), ==, 0);
	CHECK_INT(install_links_are_stale(links), ==, false);
	install_links_free(links);
	end();
}

/* Files and drop-ins are opened only in the directories that had them when the links were read. */
TEST(install__looks_only_where_a_name_is)
{
	struct install_links *links = NULL;
	enum unit_file_state s;

	begin();
	tree_file(VENDOR "a.service", "[Service]\nExecStart=/bin/true\n");
	tree_file(VENDOR "t@.service", "[Service]\nExecStart=/bin/true\n");
	tree_file("/etc/systemd/system/a.service.d/install.conf", WANTED);
	tree_file("/run/systemd/system/t@.service.d/install.conf", WANTED);
	tree_file("/usr/local/lib/systemd/system/b.service", WANTED);
	CHECK_INT(install_links_new(&paths, &links), ==, 0);
	tree_file(VENDOR "late.service", WANTED);
	CHECK_INT(install_state_of(&paths, links, "a.service", &s), ==, 0);
	CHECK_STR(unit_file_state_to_string(s), "disabled");
	CHECK_INT(install_state_of(&paths, links, "t@.service", &s), ==, 0);
	CHECK_STR(unit_file_state_to_string(s), "disabled");
	CHECK_INT(install_state_of(&paths, links, "t@x.service", &s), ==, 0);
	CHECK_STR(unit_file_state_to_string(s), "disabled");
	CHECK_INT(install_state_of(&paths, links, "b.service", &s), ==, 0);
	CHECK_STR(unit_file_state_to_string(s), "disabled");
	CHECK_INT(install_state_of(&paths, links, "late.service", &s), ==, -ENOENT);
	CHECK_STR(state("late.service"), "disabled");
	install_links_free(links);
	end();
}

TEST(install__names_and_their_directories)
{
	struct install_names x = {0};
	char name[16];

	install_names_sort(&x);
	CHECK_INT(install_names_dirs(&x, "a"), ==, 0);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		CHECK_INT(install_names_add(&x, i % 7, name), ==, 0);
	}
	CHECK_INT(install_names_add(&x, 9, "n0"), ==, 0);
	CHECK_INT(install_names_add(&x, 31, "last"), ==, 0);
	CHECK_INT(install_names_add(&x, 200, "beyond"), ==, 0);
	install_names_sort(&x);
	for (unsigned i = 1; i < 1000; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		CHECK(install_names_dirs(&x, name) & 1U << i % 7);
	}
	CHECK_INT(install_names_dirs(&x, "n0"), ==, 1U | 1U << 9);
	CHECK_INT(install_names_dirs(&x, "last"), ==, 1U << 31);
	CHECK_INT(install_names_dirs(&x, "beyond"), ==, install_dir_bit(31));
	CHECK_INT(install_names_dirs(&x, "none"), ==, 0);
	x.unknown = install_dir_bit(3);
	CHECK_INT(install_names_dirs(&x, "none"), ==, 1U << 3);
	CHECK_INT(install_links_dirs(NULL, "none"), ==, UINT32_MAX);
	install_names_done(&x);
}

TEST(install__enable_and_disable)
{
	begin();
	tree_file(VENDOR "a.service", "[Install]\nWantedBy=multi-user.target\nRequiredBy=x."
	                              "target\nAlias=b.service\nAlso=a.socket\n");
	tree_file(VENDOR "a.socket", "[Install]\nWantedBy=sockets.target\n");
	CHECK_STR(state("a.service"), "disabled");
	CHECK_INT(run(install_enable, "a.service", 0), ==, 1);
	CHECK_STR(tree_at(ETC "multi-user.target.wants/a.service"), VENDOR "a.service");
	CHECK_STR(tree_at(ETC "x.target.requires/a.service"), VENDOR "a.service");
	CHECK_STR(tree_at(ETC "b.service"), VENDOR "a.service");
	CHECK_STR(tree_at(ETC "sockets.target.wants/a.socket"), VENDOR "a.socket");
	CHECK_STR(state("a.service"), "enabled");
	CHECK_STR(state("b.service"), "alias");
	CHECK_INT(run(install_enable, "a.service", 0), ==, 1);
	CHECK_INT(run(install_disable, "a.service", 0), ==, 1);
	CHECK_STR(tree_at(ETC "multi-user.target.wants"), "-");
	CHECK_STR(tree_at(ETC "b.service"), "-");
	CHECK_STR(tree_at(ETC "sockets.target.wants/a.socket"), "-");
	CHECK_STR(state("a.service"), "disabled");
	end();
}

TEST(install__runtime)
{
	begin();
	tree_file(VENDOR "a.service", WANTED);
	CHECK_INT(run(install_enable, "a.service", INSTALL_RUNTIME), ==, 1);
	CHECK_STR(tree_at(RUN "multi-user.target.wants/a.service"), VENDOR "a.service");
	CHECK_STR(state("a.service"), "enabled-runtime");
	CHECK_INT(run(install_mask, "a.service", INSTALL_RUNTIME), ==, 0);
	CHECK_STR(state("a.service"), "masked-runtime");
	end();
}

TEST(install__templates)
{
	begin();
	tree_file(VENDOR "t@.service", "[Install]\nWantedBy=multi-user.target\nAlias=u@.service\n");
	tree_file(VENDOR "d@.service",
	          "[Install]\nWantedBy=multi-user.target\nDefaultInstance=one\n");
	CHECK_INT(run(install_enable, "t@.service", 0), ==, -EIDRM);
	CHECK_INT(run(install_enable, "t@x.service", 0), ==, 1);
	CHECK_STR(tree_at(ETC "multi-user.target.wants/t@x.service"), VENDOR "t@.service");
	CHECK_STR(tree_at(ETC "u@x.service"), VENDOR "t@.service");
	CHECK_STR(state("t@x.service"), "enabled");
	CHECK_INT(run(install_enable, "d@.service", 0), ==, 1);
	CHECK_STR(tree_at(ETC "multi-user.target.wants/d@one.service"), VENDOR "d@.service");
	CHECK_INT(run(install_disable, "t@.service", 0), ==, 1);
	CHECK_STR(tree_at(ETC "multi-user.target.wants/t@x.service"), "-");
	end();
}

TEST(install__conflicts_need_force)
{
	begin();
	tree_file(VENDOR "a.service", "[Install]\nAlias=c.service\n");
	tree_file(VENDOR "b.service", "[Install]\nAlias=c.service\n");
	CHECK_INT(run(install_enable, "a.service", 0), ==, 1);
	CHECK_INT(run(install_enable, "b.service", 0), ==, -EEXIST);
	CHECK_INT(changes.items[0].error, ==, -EEXIST);
	CHECK_STR(tree_at(ETC "c.service"), VENDOR "a.service");
	CHECK_INT(run(install_enable, "b.service", INSTALL_FORCE), ==, 1);
	CHECK_STR(tree_at(ETC "c.service"), VENDOR "b.service");
	end();
}

TEST(install__dry_run_changes_nothing)
{
	begin();
	tree_file(VENDOR "a.service", WANTED);
	CHECK_INT(run(install_enable, "a.service", INSTALL_DRY_RUN), ==, 1);
	CHECK_INT(changes.n, ==, 2); /* the target is not there */
	CHECK_STR(changes.items[0].kind, "symlink");
	CHECK_STR(tree_at(ETC "multi-user.target.wants/a.service"), "-");
	end();
}

TEST(install__mask_and_unmask)
{
	begin();
	tree_file(VENDOR "a.service", WANTED);
	tree_file(ETC "local.service", WANTED);
	CHECK_INT(run(install_mask, "a.service", 0), ==, 0);
	CHECK_STR(tree_at(ETC "a.service"), "/dev/null");
	CHECK_STR(state("a.service"), "masked");
	CHECK_INT(run(install_enable, "a.service", 0), ==, -ERFKILL);
	/* What led to the mask leads to the unit again. */
	tree_link(ETC "b.service", "a.service");
	tree_link(ETC "multi-user.target.wants/a.service", "../a.service");
	CHECK_INT(run(install_unmask, "a.service", 0), ==, 0);
	CHECK_STR(tree_at(ETC "a.service"), "-");
	CHECK_STR(tree_at(ETC "b.service"), "a.service");
	CHECK_STR(tree_at(ETC "multi-user.target.wants/a.service"), "../a.service");
	CHECK_STR(state("a.service"), "enabled");
	CHECK_INT(run(install_mask, "local.service", 0), ==, -EEXIST);
	CHECK_STR(tree_at(ETC "local.service"), "file");
	end();
}

TEST(install__linked_units)
{
	begin();
	tree_file("/opt/l.service", WANTED);
	CHECK_INT(run(install_link, "/opt/l.service", 0), ==, 0);
	CHECK_STR(tree_at(ETC "l.service"), "/opt/l.service");
	CHECK_STR(state("l.service"), "linked");
	CHECK_INT(run(install_enable, "l.service", 0), ==, 1);
	CHECK_STR(tree_at(ETC "multi-user.target.wants/l.service"), "/opt/l.service");
	CHECK_STR(state("l.service"), "enabled");
	CHECK_INT(run(install_disable, "l.service", 0), ==, 1);
	CHECK_STR(tree_at(ETC "l.service"), "-");
	CHECK_INT(run(install_enable, "/opt/l.service", 0), ==, 1);
	CHECK_STR(tree_at(ETC "l.service"), "/opt/l.service");
	CHECK_INT(run(install_link, "/opt/none.service", 0), ==, -ENOENT);
	end();
}

TEST(install__missing_units)
{
	begin();
	tree_link(ETC "multi-user.target.wants/gone.service", VENDOR "gone.service");
	CHECK_INT(run(install_enable, "gone.service", 0), ==, -ENOENT);
	CHECK_INT(run(install_disable, "gone.service", 0), ==, 0);
	CHECK_STR(tree_at(ETC "multi-user.target.wants/gone.service"), "-");
	CHECK_STR(state("gone.service"), "!");
	CHECK_INT(run(install_enable, "no name", 0), ==, -EINVAL);
	end();
}

TEST(install__states)
{
	begin();
	tree_file(VENDOR "static.service", "[Unit]\n");
	tree_file(VENDOR "also.service", "[Install]\nAlso=static.service\n");
	tree_file("/run/systemd/generator/gen.service", "[Unit]\n");
	tree_file("/run/systemd/transient/tr.service", "[Unit]\n");
	CHECK_STR(state("static.service"), "static");
	CHECK_STR(state("also.service"), "indirect");
	CHECK_STR(state("gen.service"), "generated");
	CHECK_STR(state("tr.service"), "transient");
	end();
}

TEST(install__symlinks_to_what_was_removed_go_too)
{
	begin();
	tree_file(VENDOR "a.service", "[Install]\nAlias=z.service\n");
	tree_link(ETC "z.service", VENDOR "a.service");
	tree_link(ETC "e.target.wants/b.service", ETC "z.service");
	tree_link(ETC "b.service", ETC "z.service");
	CHECK_INT(run(install_disable, "a.service", 0), ==, 1);
	CHECK_STR(tree_at(ETC "z.service"), "-");
	CHECK_STR(tree_at(ETC "b.service"), "-");
	CHECK_STR(tree_at(ETC "e.target.wants/b.service"), "-");
	end();
}

TEST(install__a_symlink_below_the_file_does_not_count)
{
	begin();
	tree_file(ETC "a.service", WANTED);
	tree_link(RUN "a.service", "/opt/other.service");
	tree_file("/opt/other.service", "[Unit]\n");
	CHECK_STR(state("a.service"), "disabled");
	end();
}

TEST(install__presets)
{
	begin();
	tree_file("/usr/lib/systemd/system-preset/90.preset",
	          "enable a.service\nenable t@.service one two\n# no more\ndisable *\n");
	tree_file("/etc/systemd/system-preset/10.preset", "disable b.*\n");
	tree_file(VENDOR "a.service", WANTED);
	tree_file(VENDOR "b.service", WANTED);
	tree_file(VENDOR "t@.service", WANTED);
	tree_link(ETC "multi-user.target.wants/b.service", VENDOR "b.service");
	install_changes_done(&changes);
	CHECK_INT(install_preset_all(&paths, 0, &changes, NULL), ==, 1);
	CHECK_STR(state("a.service"), "enabled");
	CHECK_STR(state("b.service"), "disabled");
	CHECK_STR(tree_at(ETC "multi-user.target.wants/t@two.service"), VENDOR "t@.service");
	CHECK_INT(run(install_disable, "a.service", 0), ==, 1);
	CHECK_INT(run(install_preset, "a.service", 0), ==, 1);
	CHECK_STR(state("a.service"), "enabled");
	CHECK_INT(run(install_enable, "b.service", 0), ==, 1);
	CHECK_INT(run(install_preset, "b.service", 0), ==, 0);
	CHECK_STR(state("b.service"), "disabled");
	end();
}

TEST(install__default_target)
{
	char *name = NULL;

	begin();
	tree_file(VENDOR "graphical.target", "[Unit]\n");
	tree_file(VENDOR "rescue.target", "[Unit]\n");
	tree_link(VENDOR "default.target", "graphical.target");
	CHECK_INT(install_get_default(&paths, &name), ==, 0);
	CHECK_STR(name, "graphical.target");
	free(name);
	install_changes_done(&changes);
	CHECK_INT(install_set_default(&paths, "rescue.target", INSTALL_FORCE, &changes, NULL), ==,
	          0);
	CHECK_STR(tree_at(ETC "default.target"), VENDOR "rescue.target");
	CHECK_INT(install_get_default(&paths, &name), ==, 0);
	CHECK_STR(name, "rescue.target");
	free(name);
	CHECK_INT(install_set_default(&paths, "a.service", 0, &changes, NULL), ==, -EINVAL);
	end();
}
