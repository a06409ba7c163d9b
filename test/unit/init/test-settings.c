// SPDX-License-Identifier: Apache-2.0
#include "check.h"
#include "init/init.h"

TEST(settings__take_what_is_valid)
{
	settings.n_cores = 0;
	CHECK_INT(option_set("core=/a"), ==, 0);
	CHECK_INT(option_set("core=/b"), ==, 0);
	CHECK_STR(settings.cores[1], "/b");
	CHECK_INT(option_set("hang-usec=20000"), ==, 0);
	CHECK_INT(settings.hang_usec, ==, 20000);
	CHECK_INT(option_set("ready-usec=5000000"), ==, 0);
	CHECK_INT(settings.ready_usec, ==, 5000000);
	CHECK_INT(option_set("unrecoverable=halt"), ==, 0);
	CHECK_INT(settings.policy, ==, POLICY_HALT);
	CHECK_INT(option_set("watchdog=60"), ==, 0);
	CHECK_INT(settings.watchdog_secs, ==, 60);
	CHECK_INT(option_set("rescue=/bin/x"), ==, 0);
	CHECK_STR(settings.rescue, "/bin/x");
}

TEST(settings__keep_their_values_when_the_new_one_is_wrong)
{
	static const char *const wrong[] = {"hang-usec=1",      "hang-usec=x",
	                                    "hang-usec=20000x", "hang-usec=",
	                                    "ready-usec=-1",    "core=a",
	                                    "watchdog=1",       "watchdog=99999",
	                                    "unrecoverable=",   "unrecoverable=explode",
	                                    "rescue=sh"};
	struct settings before = settings;

	for (size_t i = 0; i < COUNT(wrong); i++)
		CHECK_INT(option_set(wrong[i]), ==, -EINVAL);
	CHECK_INT(memcmp(&before, &settings, sizeof(before)), ==, 0);
	CHECK_INT(option_set("quiet"), ==, -ENOENT);
	CHECK_INT(option_set("core"), ==, -ENOENT);
}

TEST(settings__ladder_is_bounded)
{
	settings.n_cores = 0;
	for (int i = 0; i < CORES_MAX; i++)
		CHECK_INT(option_set("core=/a"), ==, 0);
	CHECK_INT(option_set("core=/a"), ==, -EINVAL);
}

TEST(settings__without_a_ladder_get_the_packaged_one)
{
	settings.n_cores = 0;
	options_default();
	CHECK_INT(settings.n_cores, ==, 3);
	/* Nothing is installed as current here. */
	CHECK_STR(settings.cores[0], "/usr/lib/sysmaster/core");
}
