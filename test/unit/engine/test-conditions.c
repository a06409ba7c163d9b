// SPDX-License-Identifier: Apache-2.0
#include "fixture.h"

#include <sys/utsname.h>

static char dir[] = "/tmp/condition-test.XXXXXX";

static int test(enum condition_type type, const char *parameter)
{
	struct condition c = {.type = type, .parameter = (char *) parameter};

	return condition_test(NULL, &c);
}

static int test_in_dir(enum condition_type type, const char *name)
{
	auto_free char *path = path_join(dir, name);

	return test(type, path);
}

TEST(condition__paths)
{
	CHECK(mkdtemp(dir));
	auto_free char *empty = path_join(dir, "empty"), *full = path_join(dir, "full"),
		       *sub = path_join(dir, "sub"), *link = path_join(dir, "link"),
		       *hidden = path_join(dir, "sub/.hidden"), *script = path_join(dir, "script");
	CHECK_INT(file_write_atomic(empty, "", 0, 0644, false), ==, 0);
	CHECK_INT(file_write_atomic(full, "x", 1, 0644, false), ==, 0);
	CHECK_INT(file_write_atomic(script, "x", 1, 0755, false), ==, 0);
	CHECK_INT(mkdir(sub, 0755), ==, 0);
	CHECK_INT(symlink("full", link), ==, 0);
	/* clang-format off */
	static const struct { enum condition_type t; const char *name; int want; } rows[] = {
		{ CONDITION_PATH_EXISTS, "empty", 1 },              { CONDITION_PATH_EXISTS, "none", 0 },
		{ CONDITION_PATH_EXISTS_GLOB, "em*", 1 },           { CONDITION_PATH_EXISTS_GLOB, "x*", 0 },
		{ CONDITION_PATH_IS_DIRECTORY, "sub", 1 },          { CONDITION_PATH_IS_DIRECTORY, "full", 0 },
		{ CONDITION_PATH_IS_SYMBOLIC_LINK, "link", 1 },     { CONDITION_PATH_IS_SYMBOLIC_LINK, "full", 0 },
		{ CONDITION_PATH_IS_READ_WRITE, "sub", 1 },         { CONDITION_PATH_IS_READ_WRITE, "none", 0 },
		{ CONDITION_FILE_NOT_EMPTY, "full", 1 },            { CONDITION_FILE_NOT_EMPTY, "empty", 0 },
		{ CONDITION_FILE_NOT_EMPTY, "sub", 0 },             { CONDITION_FILE_IS_EXECUTABLE, "script", 1 },
		{ CONDITION_FILE_IS_EXECUTABLE, "full", 0 },        { CONDITION_FILE_IS_EXECUTABLE, "sub", 0 },
		{ CONDITION_DIRECTORY_NOT_EMPTY, "sub", 0 },        { CONDITION_DIRECTORY_NOT_EMPTY, "", 1 },
		{ CONDITION_PATH_IS_MOUNT_POINT, "sub", 0 },        { CONDITION_PATH_IS_ENCRYPTED, "none", 0 },
	};
	/* clang-format on */
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		if (test_in_dir(rows[i].t, rows[i].name) != rows[i].want)
			printf("\n      %s=%s", condition_types[rows[i].t].name, rows[i].name);
		CHECK_INT(test_in_dir(rows[i].t, rows[i].name), ==, rows[i].want);
	}
	CHECK_INT(file_write_atomic(hidden, "x", 1, 0644, false), ==, 0);
	CHECK_INT(test_in_dir(CONDITION_DIRECTORY_NOT_EMPTY, "sub"), ==, 0);
	CHECK_INT(test(CONDITION_PATH_IS_MOUNT_POINT, "/proc"), ==, 1);
	rm_rf(dir);
}

TEST(condition__machine)
{
	struct utsname u;

	CHECK_INT(uname(&u), ==, 0);
	auto_free char *self = str_printf("=%s", u.release);
	CHECK_INT(test(CONDITION_ARCHITECTURE, "native"), ==, 1);
	CHECK_INT(test(CONDITION_ARCHITECTURE, "no-such-thing"), ==, 0);
	CHECK_INT(test(CONDITION_HOST, u.nodename), ==, 1);
	CHECK_INT(test(CONDITION_HOST, "*"), ==, 1);
	CHECK_INT(test(CONDITION_HOST, "no-such-host"), ==, 0);
	CHECK_INT(test(CONDITION_KERNEL_VERSION, u.release), ==, 1);
	CHECK_INT(test(CONDITION_KERNEL_VERSION, self), ==, 1);
	CHECK_INT(test(CONDITION_KERNEL_VERSION, "\">=2.0\" \"<=60\" \"!=1.4\""), ==, 1);
	CHECK_INT(test(CONDITION_KERNEL_VERSION, "\" >= 2.0\" \" * \" \"*.*\""), ==, 1);
	CHECK_INT(test(CONDITION_KERNEL_VERSION, "\" >= 2.0\" \" <= 2.1 \""), ==, 0);
	CHECK_INT(test(CONDITION_KERNEL_VERSION, ">=3.0"), ==, 1);
	CHECK_INT(test(CONDITION_KERNEL_VERSION, "> 3.0"), ==, 1);
	CHECK_INT(test(CONDITION_KERNEL_VERSION, ">=3.0 <4.0"), ==, 0);
	CHECK_INT(test(CONDITION_KERNEL_VERSION, "*"), ==, 1);
	CHECK_INT(test(CONDITION_KERNEL_VERSION, "<3.0"), ==, 0);
	CHECK_INT(test(CONDITION_SECURITY, "no-such-module"), ==, 0);
	CHECK_INT(test(CONDITION_CAPABILITY, "CAP_NO_SUCH"), <, 0);
	CHECK_INT(test(CONDITION_FIRMWARE, "no-such-firmware"), ==, 0);
	CHECK_INT(test(CONDITION_CREDENTIAL, "../etc/passwd"), ==, 0);
	CHECK_INT(test(CONDITION_CREDENTIAL, "no-such-credential"), ==, 0);
	if (geteuid() == 0) {
		CHECK_INT(test(CONDITION_USER, "root"), ==, 1);
		CHECK_INT(test(CONDITION_USER, "0"), ==, 1);
		CHECK_INT(test(CONDITION_USER, "@system"), ==, 1);
		CHECK_INT(test(CONDITION_GROUP, "root"), ==, 1);
	}
	CHECK_INT(test(CONDITION_USER, "12345678"), ==, 0);
	CHECK_INT(test(CONDITION_GROUP, "12345678"), ==, 0);
}

TEST(condition__amounts)
{
	CHECK_INT(test(CONDITION_CPUS, "1"), ==, 1);
	CHECK_INT(test(CONDITION_CPUS, ">=1"), ==, 1);
	CHECK_INT(test(CONDITION_CPUS, "> 0"), ==, 1);
	CHECK_INT(test(CONDITION_CPUS, "<1"), ==, 0);
	CHECK_INT(test(CONDITION_CPUS, "many"), <, 0);
	CHECK_INT(test(CONDITION_MEMORY, "1M"), ==, 1);
	CHECK_INT(test(CONDITION_MEMORY, "> 1.5K"), ==, 1);
	CHECK_INT(test(CONDITION_MEMORY, "< 1M"), ==, 0);
	CHECK_INT(test(CONDITION_MEMORY, "1E"), ==, 0);
	CHECK_INT(test(CONDITION_MEMORY, "1Q"), <, 0);
	CHECK_INT(test(CONDITION_CPU_FEATURE, "no_such_feature"), ==, 0);
	CHECK_INT(test(CONDITION_AC_POWER, "yes") + test(CONDITION_AC_POWER, "no"), ==, 1);
	CHECK_INT(test(CONDITION_CPU_PRESSURE, "100%"), ==, 1);
	CHECK_INT(test(CONDITION_MEMORY_PRESSURE, "100%/5min"), ==, 1);
	CHECK_INT(test(CONDITION_IO_PRESSURE, "10"), <, 0);
	CHECK_INT(test(CONDITION_IO_PRESSURE, "10%/7min"), <, 0);
}

TEST(condition__environment)
{
	struct manager m = {.environment = (char *[]){(char *) "A=1", (char *) "LONG=x y", NULL}};
	struct condition c = {.type = CONDITION_ENVIRONMENT};
	static const struct {
		const char *p;
		int want;
	} rows[] = {
		{"A", 1}, {"A=1", 1}, {"A=2", 0}, {"B", 0}, {"LON", 0}, {"LONG", 1}, {"LONG=x", 0},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		c.parameter = (char *) rows[i].p;
		CHECK_INT(condition_test(&m, &c), ==, rows[i].want);
		c.negate = true;
		CHECK_INT(condition_test(&m, &c), ==, !rows[i].want);
		c.negate = false;
	}
}

/* The order that the version format specification gives as its example, and more. */
TEST(condition__versions_compare)
{
	static const char *const ordered[] = {
		"~1",         "",        "ab",      "abb",      "abc",     "0001",
		"002",        "12",      "122",     "122.9",    "123~rc1", "123",
		"123-a",      "123-a.1", "123-a1",  "123-a1.1", "123-3",   "123-3.1",
		"123^patch1", "123^1",   "123.a-1", "123.1-1",  "123a-1",  "124"};

	for (size_t i = 0; i < ELEMENTSOF(ordered); i++)
		for (size_t j = 0; j < ELEMENTSOF(ordered); j++) {
			int want = i < j ? -1 : i > j;

			if (version_compare(ordered[i], ordered[j]) != want)
				printf("\n      \"%s\" and \"%s\"", ordered[i], ordered[j]);
			CHECK_INT(version_compare(ordered[i], ordered[j]), ==, want);
		}
	CHECK_INT(version_compare("5.10", "5.9"), >, 0);
	CHECK_INT(version_compare("6.1.0-rc1", "6.1.0"), >, 0);
	CHECK_INT(version_compare("6.1.0~rc1", "6.1.0"), <, 0);
}

TEST(condition_list__is_and_of_plain_and_or_of_triggering)
{
	/* clang-format off */
	static const struct { const char *lines; bool want; } rows[] = {
		{ "", true },
		{ "ConditionPathExists=/", true },
		{ "ConditionPathExists=/none", false },
		{ "ConditionPathExists=!/none", true },
		{ "ConditionPathExists=/\nConditionPathExists=/none", false },
		{ "ConditionPathExists=|/\nConditionPathExists=|/none", true },
		{ "ConditionPathExists=|/none\nConditionPathExists=|/none2", false },
		{ "ConditionPathExists=|!/none\nConditionPathExists=/none", false },
		{ "ConditionPathExists=/none\nConditionPathExists=", true },
		{ "ConditionCPUs=nonsense", false },
		{ "ConditionCPUs=|nonsense\nConditionPathExists=|/", true },
	};
	/* clang-format on */
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		fixture_begin();
		put_unit("a.service", rows[i].lines);
		fixture_open();
		if (unit_test_conditions(unit("a.service")) != rows[i].want)
			printf("\n      %s", rows[i].lines);
		CHECK_INT(unit_test_conditions(unit("a.service")), ==, rows[i].want);
		CHECK(stamp_is_set(&unit("a.service")->condition_stamp));
		fixture_end();
	}
}

TEST(condition_list__decides_about_the_start)
{
	fixture_begin();
	put_unit("c.service", "ConditionPathExists=/none");
	put_unit("a.service", "AssertPathExists=/none");
	put_unit("r.service", "Requires=c.service\nAfter=c.service");
	fixture_open();
	order(JOB_START, "r.service");
	/* A condition that is not met is no failure. */
	CHECK_STR(results(), "c.service=done r.service=done");
	CHECK_STR(happened(), "+r");
	order(JOB_START, "a.service");
	CHECK_STR(results(), "a.service=assert");
	fixture_end();
}
