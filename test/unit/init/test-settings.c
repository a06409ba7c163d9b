// SPDX-License-Identifier: Apache-2.0
#include "check.h"
#include "init/stage/stage.h"

TEST(settings__take_what_is_valid)
{
	state_reset();
	st.cores[0] = '\0';
	CHECK_INT(option_set("core=/a"), ==, 0);
	CHECK_INT(option_set("core=/b"), ==, 0);
	CHECK_STR(st.cores, "/a:/b");
	CHECK_INT(option_set("hang-usec=20000"), ==, 0);
	CHECK_INT(st.hang_usec, ==, 20000);
	CHECK_INT(option_set("ready-usec=5000000"), ==, 0);
	CHECK_INT(st.ready_usec, ==, 5000000);
	CHECK_INT(option_set("unrecoverable=halt"), ==, 0);
	CHECK_INT(st.policy, ==, POLICY_HALT);
	CHECK_INT(option_set("watchdog=60"), ==, 0);
	CHECK_INT(st.watchdog_secs, ==, 60);
	CHECK_INT(option_set("rescue=/bin/x"), ==, 0);
	CHECK_STR(st.rescue, "/bin/x");
}

TEST(settings__keep_their_values_when_the_new_one_is_wrong)
{
	static const char *const wrong[] = {"hang-usec=1",      "hang-usec=x",
	                                    "hang-usec=20000x", "hang-usec=",
	                                    "ready-usec=-1",    "core=a",
	                                    "watchdog=1",       "watchdog=99999",
	                                    "unrecoverable=",   "unrecoverable=explode",
	                                    "rescue=sh",        "core=/a:/b"};
	struct init_state before = st;

	for (size_t i = 0; i < COUNT(wrong); i++)
		CHECK_INT(option_set(wrong[i]), ==, -EINVAL);
	CHECK_INT(memcmp(&before, &st, sizeof(before)), ==, 0);
	CHECK_INT(option_set("quiet"), ==, -ENOENT);
	CHECK_INT(option_set("core"), ==, -ENOENT);
}

TEST(settings__ladder_is_bounded)
{
	st.cores[0] = '\0';
	for (int i = 0; i < CORES_MAX; i++)
		CHECK_INT(option_set("core=/a"), ==, 0);
	CHECK_INT(option_set("core=/a"), ==, -EINVAL);
}

TEST(settings__path_that_does_not_fit_is_refused)
{
	char word[NAME_TEXT_MAX + 8] = "core=/";

	st.cores[0] = '\0';
	memset(word + 6, 'x', NAME_TEXT_MAX - 1);
	word[5 + NAME_TEXT_MAX] = '\0';
	CHECK_INT(option_set(word), ==, -EINVAL);
	word[4 + NAME_TEXT_MAX] = '\0';
	for (int i = 0; i < 5; i++)
		CHECK_INT(option_set(word), ==, i < 4 ? 0 : -EINVAL);
}

TEST(settings__without_a_ladder_get_the_packaged_one)
{
	st.container = 1;
	settings_load(NULL);
	/* Nothing is installed as current here. */
	CHECK_STR(st.cores, "/usr/lib/sysmaster/core:/var/lib/sysmaster/versions/previous/core:"
	                    "/var/lib/sysmaster/versions/current/core");
}
