// SPDX-License-Identifier: Apache-2.0
#include "check.h"
#include "upgrade/upgrade.h"

struct upgrade_config config;
static char root[64];

static void new_root(void)
{
	if (*root)
		rm_rf(root);
	strcpy(root, "/tmp/test-upgrade-XXXXXX");
	if (!mkdtemp(root))
		abort();
	config = (struct upgrade_config){.directory = root, .packaged = "/usr/lib/sysmaster"};
}

static char *make_version(const char *version)
{
	char *directory = version_directory(version);

	if (!directory || mkdir_p(directory, 0755) < 0)
		abort();
	return directory;
}

TEST(upgrade_state__is_read_back_whole)
{
	struct upgrade_state s = {
		.phase = PHASE_GATING,
		.target = (char *) "2",
		.target_directory = (char *) "/d/2",
		.origin = (char *) "1",
		.origin_directory = (char *) "/d/1",
		.reason = (char *) "a \"reason\"\nof two lines",
		.failed_before = (char *[]){(char *) "a.service", (char *) "b.service", NULL},
	};
	struct upgrade_state r;

	new_root();
	CHECK_INT(upgrade_state_save(&s), ==, 0);
	CHECK_INT(upgrade_state_load(&r), ==, 0);
	CHECK_INT(r.phase, ==, PHASE_GATING);
	CHECK_STR(r.target, "2");
	CHECK_STR(r.target_directory, "/d/2");
	CHECK_STR(r.origin, "1");
	CHECK_STR(r.origin_directory, "/d/1");
	CHECK_STR(r.reason, s.reason);
	CHECK_INT(strv_length(r.failed_before), ==, 2);
	CHECK_STR(r.failed_before[1], "b.service");
	CHECK_INT(strlen(r.boot_id), ==, 32);
	upgrade_state_done(&r);
}

TEST(upgrade_state__no_file_is_idle_and_garbage_is_told)
{
	auto_free char *path = NULL;
	struct upgrade_state r;

	new_root();
	CHECK_INT(upgrade_state_load(&r), ==, 0);
	CHECK_INT(r.phase, ==, PHASE_IDLE);
	path = version_directory("state.json");
	CHECK_INT(mkdir_parents(path, 0755), ==, 0);
	CHECK_INT(file_write_atomic(path, "{\"phase\":", 9, 0644, false), ==, 0);
	CHECK_INT(upgrade_state_load(&r), ==, -EBADMSG);
	upgrade_state_done(&r);
}

TEST(upgrade_phases__have_names_both_ways)
{
	for (int p = 0; p < PHASE_MAX; p++) {
		const char *name = upgrade_phase_to_string((enum upgrade_phase) p);

		CHECK(name != NULL);
		CHECK_INT(upgrade_phase_from_string(name), ==, p);
	}
	CHECK_INT(upgrade_phase_from_string("from another time"), ==, PHASE_IDLE);
}

TEST(versions__a_bad_one_keeps_its_reason)
{
	auto_free char *reason = NULL;

	new_root();
	CHECK_INT(version_bad_reason("3", &reason), ==, -ENOENT);
	CHECK_INT(version_mark_bad("3", "it did not start"), ==, 0);
	CHECK_INT(version_bad_reason("3", &reason), ==, 0);
	CHECK_STR(reason, "it did not start");
}

TEST(versions__links_are_moved_and_removed)
{
	auto_free char *one = NULL, *two = NULL, *is = NULL, *then = NULL, *gone = NULL;

	new_root();
	one = make_version("1");
	two = make_version("2");
	CHECK_INT(version_linked("current", &is), ==, -ENOENT);
	CHECK_INT(version_link("current", one), ==, 0);
	CHECK_INT(version_linked("current", &is), ==, 0);
	CHECK_STR(is, one);
	CHECK_INT(version_link("current", two), ==, 0);
	CHECK_INT(version_linked("current", &then), ==, 0);
	CHECK_STR(then, two);
	CHECK_INT(version_link("current", NULL), ==, 0);
	CHECK_INT(version_linked("current", &gone), ==, -ENOENT);
}

TEST(versions__pruning_spares_what_is_used)
{
	auto_free char *one = NULL, *two = NULL, *three = NULL, *four = NULL;

	new_root();
	one = make_version("1");
	two = make_version("2");
	three = make_version("3");
	four = make_version("4");
	CHECK_INT(version_link("previous", one), ==, 0);
	CHECK_INT(version_link("current", two), ==, 0);
	versions_prune(three, 0);
	CHECK_INT(access(one, F_OK), ==, 0);
	CHECK_INT(access(two, F_OK), ==, 0);
	CHECK_INT(access(three, F_OK), ==, 0);
	CHECK_INT(access(four, F_OK), ==, -1);
}

TEST(versions__are_described)
{
	auto_free char *one = NULL, *text = NULL;
	auto_json cJSON *j = NULL;

	new_root();
	one = make_version("1");
	CHECK_INT(version_mark_bad("1", "why"), ==, 0);
	j = versions_describe("/usr/lib/sysmaster");
	CHECK_INT(cJSON_GetArraySize(j), ==, 2);
	CHECK(json_bool_or(cJSON_GetArrayItem(j, 0), "current", false));
	CHECK_STR(json_string_or(cJSON_GetArrayItem(j, 1), "version", ""), "1");
	CHECK(json_bool_or(cJSON_GetArrayItem(j, 1), "bad", false));
	CHECK_STR(json_string_or(cJSON_GetArrayItem(j, 1), "reason", ""), "why");
	rm_rf(root);
	*root = '\0';
}
