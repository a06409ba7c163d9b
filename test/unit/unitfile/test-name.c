// SPDX-License-Identifier: Apache-2.0
#include "check.h"
#include "unitfile/unitfile.h"

TEST(unit_name__validity_by_kind)
{
	static const struct {
		const char *name;
		int kinds;
	} rows[] = {
		{"foo.service", UNIT_NAME_PLAIN},
		{"foo@bar.service", UNIT_NAME_INSTANCE},
		{"foo@.service", UNIT_NAME_TEMPLATE},
		{"foo@bar@bar.service", UNIT_NAME_INSTANCE},
		{"a-b_c:d.e\\x2d.target", UNIT_NAME_PLAIN},
		{"@bar.service", 0},
		{".service", 0},
		{"foo", 0},
		{"foo.nonsense", 0},
		{"", 0},
		{"foo bar.service", 0},
		{"foo%.service", 0},
		{"f\xc3\xb6o.service", 0},
		{"foo.service.", 0},
		{"-.slice", UNIT_NAME_PLAIN},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int kind = 1; kind < UNIT_NAME_ANY; kind *= 2)
			CHECK_INT(unit_name_is_valid(rows[i].name, (enum unit_name_flags) kind), ==,
			          rows[i].kinds == kind);
}

TEST(unit_name__too_long_is_none)
{
	char name[UNIT_NAME_MAX + 10];

	memset(name, 'a', sizeof(name));
	strcpy(name + UNIT_NAME_MAX - 1 - strlen(".service"), ".service");
	CHECK(unit_name_is_valid(name, UNIT_NAME_PLAIN));
	memset(name, 'a', sizeof(name));
	strcpy(name + UNIT_NAME_MAX - strlen(".service"), ".service");
	CHECK(!unit_name_is_valid(name, UNIT_NAME_PLAIN));
}

TEST(unit_name__parts)
{
	auto_free char *prefix = NULL, *instance = NULL, *template = NULL, *other = NULL,
		       *suffix = NULL, *none = NULL;

	CHECK_INT(unit_name_prefix("foo-x@bar.service", &prefix), ==, 0);
	CHECK_STR(prefix, "foo-x");
	CHECK_INT(unit_name_instance("foo-x@bar.service", &instance), ==, UNIT_NAME_INSTANCE);
	CHECK_STR(instance, "bar");
	CHECK_INT(unit_name_instance("foo.service", &none), ==, UNIT_NAME_PLAIN);
	CHECK(!none);
	CHECK_INT(unit_name_template("foo-x@bar.service", &template), ==, 0);
	CHECK_STR(template, "foo-x@.service");
	CHECK_INT(unit_name_template("foo.service", &none), ==, -EINVAL);
	CHECK_INT(unit_name_replace_instance("foo@.service", "b-c", &other), ==, 0);
	CHECK_STR(other, "foo@b-c.service");
	CHECK_INT(unit_name_replace_instance("foo@.service", "b c", &none), ==, -EINVAL);
	CHECK_INT(unit_name_change_suffix("foo@bar.socket", ".service", &suffix), ==, 0);
	CHECK_STR(suffix, "foo@bar.service");
	CHECK_INT(unit_name_type("x.automount"), ==, UNIT_AUTOMOUNT);
}

TEST(unit_name__paths_round_trip)
{
	static const char *const rows[][2] = {
		{"/", "-.mount"},
		{"/home", "home.mount"},
		{"//home//x/", "home-x.mount"},
		{"/a-b", "a\\x2db.mount"},
		{"/.hidden", "\\x2ehidden.mount"},
		{"/a b", "a\\x20b.mount"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		auto_free char *name = NULL, *path = NULL, *again = NULL;

		CHECK_INT(unit_name_from_path(rows[i][0], ".mount", &name), ==, 0);
		CHECK_STR(name, rows[i][1]);
		CHECK_INT(unit_name_to_path(name, &path), ==, 0);
		CHECK_INT(unit_name_from_path(path, ".mount", &again), ==, 0);
		CHECK_STR(again, name);
	}
}

TEST(unit_name__refuses_what_is_no_path)
{
	char *s;

	CHECK_INT(unit_name_from_path("/a/../b", ".mount", &s), ==, -EINVAL);
	CHECK_INT(unit_name_to_path("a--b.mount", &s), ==, -EINVAL);
	CHECK_INT(unit_name_to_path("-a.mount", &s), ==, -EINVAL);
	CHECK_INT(unit_name_to_path("a\\x2.mount", &s), ==, -EINVAL);
	CHECK_INT(unit_name_unescape("\\xg0", &s), ==, -EINVAL);
}

TEST(unit_name__refuses_what_no_file_system_has)
{
	char path[4200] = "/", *none;

	memset(path + 1, 'x', 256);
	CHECK_INT(unit_name_from_path(path, ".mount", &none), ==, -EINVAL);
	for (size_t i = 0; i < sizeof(path) - 1; i++)
		path[i] = i % 2 ? 'x' : '/';
	path[4096] = 0;
	CHECK_INT(unit_name_from_path(path, ".mount", &none), ==, -EINVAL);
	auto_free char *name = NULL;
	path[4095] = 0;
	CHECK_INT(unit_name_from_path(path, ".mount", &name), ==, 0);
}

TEST(unit_name__long_paths_end_in_a_hash)
{
	auto_free char *name = NULL;
	char path[512] = "";

	for (int i = 0; i < 30; i++)
		strcat(path, "/component");
	CHECK_INT(unit_name_from_path(path, ".mount", &name), ==, 0);
	CHECK_INT(strlen(name), ==, UNIT_NAME_MAX - 1);
	CHECK_STR(name + strlen(name) - strlen("-co_cbd0541a398f3d1c.mount"),
	          "-co_cbd0541a398f3d1c.mount");
}

TEST(unit_name__mangle_takes_what_people_type)
{
	static const char *const rows[][3] = {
		{"foo", "foo.service", "foo.service"},
		{"foo.mount", "foo.mount", "foo.mount"},
		{"/dev/sda", "dev-sda.device", "dev-sda.device"},
		{"/home", "home.mount", "home.mount"},
		{"foo@", "foo@.service", "foo@.service"},
		{"a b", "a\\x20b.service", "a\\x20b.service"},
		{"foo*", "foo\\x2a.service", "foo*"},
		{"a/b", "a-b.service", "a-b.service"},
		{"/a/../b", "-a-..-b.service", "-a-..-b.service"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		auto_free char *plain = NULL, *glob = NULL;

		CHECK_INT(unit_name_mangle(rows[i][0], false, &plain), ==, 0);
		CHECK_STR(plain, rows[i][1]);
		CHECK_INT(unit_name_mangle(rows[i][0], true, &glob), ==, 0);
		CHECK_STR(glob, rows[i][2]);
	}
}

TEST(unit_name__mangle_with_another_suffix)
{
	static const char *const rows[][2] = {
		{"foo", "foo.mount"},
		{"a b", "a\\x20b.mount"},
		{"foo.service", "foo.service"},
		{"/dev/sda", "dev-sda.device"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		auto_free char *name = NULL;

		CHECK_INT(unit_name_mangle_with(rows[i][0], false, ".mount", &name), ==, 0);
		CHECK_STR(name, rows[i][1]);
	}
}

TEST(slice__parents)
{
	static const char *const rows[][2] = {
		{"a-b-c.slice", "a-b.slice"},
		{"a-b.slice", "a.slice"},
		{"a.slice", "-.slice"},
		{"-.slice", NULL},
	};
	char *none;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		auto_free char *parent = NULL;

		CHECK_INT(slice_parent(rows[i][0], &parent), ==, 0);
		CHECK_STR(parent, rows[i][1]);
	}
	CHECK_INT(slice_parent("a--b.slice", &none), ==, -EINVAL);
	CHECK_INT(slice_parent("-a.slice", &none), ==, -EINVAL);
	CHECK_INT(slice_parent("a.service", &none), ==, -EINVAL);
}

TEST(dependencies__inverse_of_inverse_is_itself)
{
	for (int d = 0; d < DEP_MAX; d++) {
		enum unit_dependency other = dependency_inverse((enum unit_dependency) d);

		CHECK_INT(dependency_inverse(other), ==, d);
		CHECK(dependency_to_string((enum unit_dependency) d));
	}
	CHECK_INT(dependency_inverse(DEP_MAX), ==, DEP_INVALID);
}
