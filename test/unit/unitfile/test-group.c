// SPDX-License-Identifier: Apache-2.0
/* Settings that are alike are kept once, and what one unit changes is no other's. */
#include "check.h"
#include "unitfile/group.h"

static struct unit_context context;

static struct unit_file *parse(const char *name, const char *text)
{
	struct unit_file *f = NULL;

	if (!context.machine_id && unit_context_init(&context) < 0)
		return NULL;
	return unit_file_parse(&context, name, text, strlen(text), NULL, NULL, &f) < 0 ? NULL : f;
}

TEST(group__equal_files_share)
{
	auto_cleanup(unit_file_free) struct unit_file
		*a = parse("a.service",
	                   "[Service]\nExecStart=/bin/a\nUser=root\nEnvironment=A=1 B=2\n"),
		*b = parse("b.service", "[Service]\nUser=root\nExecStart=/bin/"
	                                "b\nEnvironment=A=1\nEnvironment=B=2\n"),
		*c = parse("c.service",
	                   "[Service]\nUser=daemon\nExecStart=/bin/b\nEnvironment=A=1 B=2\n"),
		*d = parse("d.socket", "[Socket]\nListenStream=1\nUser=root\n");

	CHECK(a && b && c && d);
	CHECK(a->exec == b->exec);
	CHECK(a->kill == b->kill && a->kill == c->kill && a->kill == d->kill);
	CHECK(a->cgroup == b->cgroup && a->cgroup == d->cgroup);
	CHECK(a->exec != c->exec);
	CHECK_STR(c->exec->user, "daemon");
	CHECK_STR(a->exec->user, "root");
}

TEST(group__tells_values_apart)
{
	/* Each differs from the first by one kind of field. */
	static const char *const lines[] = {
		"",
		"LimitNOFILE=7\n",
		"LimitNOFILE=8\n",
		"CPUAffinity=0\n",
		"Nice=3\n",
		"StandardInputText=a\n",
		"StandardInputText=b\n",
		"Environment=A=1\n",
		"PrivateTmp=yes\n",
		"RuntimeDirectory=a\n",
		"RuntimeDirectory=a b\n",
	};
	struct unit_file *files[ELEMENTSOF(lines)];
	char text[256];

	for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
		snprintf(text, sizeof(text), "[Service]\nExecStart=/bin/a\n%s", lines[i]);
		files[i] = parse("a.service", text);
		CHECK(files[i]);
		for (size_t k = 0; k < i; k++)
			CHECK(files[k]->exec != files[i]->exec);
	}
	for (size_t i = 0; i < ELEMENTSOF(lines); i++)
		unit_file_free(files[i]);
}

TEST(group__a_change_is_one_units_own)
{
	auto_cleanup(unit_file_free) struct unit_file
		*a = parse("a.service", "[Service]\nExecStart=/bin/a\nUser=root\nLimitNOFILE=5\n"),
		*b = parse("b.service", "[Service]\nExecStart=/bin/b\nUser=root\nLimitNOFILE=5\n");
	const struct exec_settings *shared;

	CHECK(a && b && a->exec == b->exec);
	shared = a->exec;
	CHECK_INT(unit_file_set(a, &context, NULL, "Environment", "X=1", NULL), ==, 0);
	CHECK(a->exec != b->exec);
	CHECK(b->exec == shared && !b->exec->environment);
	CHECK_STR(a->exec->environment[0], "X=1");
	CHECK_STR(a->exec->user, "root");
	CHECK(a->exec->user != b->exec->user);
	CHECK_INT(a->exec->limits[RLIMIT_NOFILE]->rlim_cur, ==, 5);
	/* A refused value leaves things as they are; the same value again shares again. */
	CHECK_INT(unit_file_set(b, &context, NULL, "Nice", "no number", NULL), <, 0);
	CHECK(b->exec && !b->exec->environment);
	CHECK_INT(unit_file_set(b, &context, NULL, "Environment", "X=1", NULL), ==, 0);
	CHECK(a->exec == b->exec);
}

TEST(group__the_pool_ends_with_the_last_unit)
{
	struct unit_file *files[300];
	char text[64];

	CHECK_INT(group_pool_size(), ==, 0);
	for (int i = 0; i < 300; i++) {
		snprintf(text, sizeof(text), "[Service]\nExecStart=/bin/a\nNice=%d\n", i % 20);
		files[i] = parse("a.service", text);
		CHECK(files[i]);
	}
	/* 20 of exec, one of kill, one of cgroup. */
	CHECK_INT(group_pool_size(), ==, 22);
	for (int i = 0; i < 300; i++)
		unit_file_free(files[i]);
	CHECK_INT(group_pool_size(), ==, 0);
}
