// SPDX-License-Identifier: Apache-2.0
#include "exec/exec-internal.h"
#include "exec/exit-status.h"
#include "exec/child/syscall-groups.h"

#include "check.h"

TEST(exit_status__has_systemds_names)
{
	CHECK_STR(exec_status_to_string(200), "CHDIR");
	CHECK_STR(exec_status_to_string(203), "EXEC");
	CHECK_STR(exec_status_to_string(217), "USER");
	CHECK_STR(exec_status_to_string(226), "NAMESPACE");
	CHECK_STR(exec_status_to_string(243), "CREDENTIALS");
	CHECK_STR(exec_status_to_string(244), "BPF");
	CHECK(!exec_status_to_string(199) && !exec_status_to_string(245) &&
	      !exec_status_to_string(223) && !exec_status_to_string(0) &&
	      !exec_status_to_string(-1));
}

TEST(syscall_groups__are_sorted_and_closed)
{
	for (size_t i = 0; i < ELEMENTSOF(syscall_groups); i++) {
		auto_strv char **members = NULL;

		CHECK(syscall_groups[i].name[0] == '@');
		if (i > 0)
			CHECK_INT(strcmp(syscall_groups[i - 1].name, syscall_groups[i].name), <, 0);
		CHECK_INT(strv_split(syscall_groups[i].members, " ", &members), ==, 0);
		CHECK_INT(strv_length(members), >, 0);
		STRV_FOREACH (m, members) {
			bool found = **m != '@';

			for (size_t k = 0; k < ELEMENTSOF(syscall_groups) && !found; k++)
				found = !strcmp(syscall_groups[k].name, *m);
			CHECK(found);
		}
	}
}

TEST(describe__gives_every_setting_a_property)
{
	struct unit_context c = {0};
	struct unit_file *f = NULL;
	auto_json cJSON *o = cJSON_CreateObject();
	const char *text = "[Service]\nExecStart=-/bin/true a "
			   "b\nUser=nobody\nLimitNOFILE=5:6\nCPUAffinity=0-2 "
			   "5\nStandardOutput=append:/"
			   "x\nUMask=027\nRuntimeDirectory=r\nStandardInputData=eHh4Cg==\n"
			   "StandardInputText=aaa\n";
	uint64_t n;

	CHECK_INT(unit_context_init(&c), ==, 0);
	CHECK_INT(unit_file_parse(&c, "a.service", text, strlen(text), "a", NULL, &f), ==, 0);
	CHECK_INT(exec_describe(f->exec, o), ==, 0);
	CHECK_INT(kill_describe(f->kill, o), ==, 0);
	CHECK_INT(exec_command_describe(f->service->commands[SERVICE_EXEC_START], "ExecStart", o),
	          ==, 0);
	CHECK_STR(json_string_or(o, "User", ""), "nobody");
	CHECK_STR(json_string_or(o, "StandardOutput", ""), "append:/x");
	CHECK_STR(json_string_or(o, "UMask", ""), "0027");
	CHECK_STR(json_string_or(o, "StandardInputData", ""), "eHh4CmFhYQo=");
	CHECK_STR(json_string_or(o, "CPUAffinity", ""), "0-2 5");
	CHECK_STR(json_string_or(o, "KillMode", ""), "control-group");
	CHECK_INT(json_get_u64(o, "LimitNOFILE", &n), ==, 0);
	CHECK_INT(n, ==, 6);
	CHECK_INT(json_get_u64(o, "LimitNOFILESoft", &n), ==, 0);
	CHECK_INT(n, ==, 5);
	unit_file_free(f);
	unit_context_done(&c);
}

TEST(private_tmp__name_is_that_of_one_activation)
{
	auto_free char *name = NULL;

	CHECK_INT(
		exec_private_tmp_name("b00t", "0123456789abcdef0123456789abcdef a.service", &name),
		==, 0);
	CHECK_STR(name, "systemd-private-b00t-a.service-0123456789ab");
}
