// SPDX-License-Identifier: Apache-2.0
/* Core, init and agents die in all the ways there are, of real faults in their own code, and each death leaves a report. */
#include "check.h"
#include "world.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>

#define FOREVER "ExecStart=/bin/sleep infinity\n"

/* mov eax, [0x10] */
static const unsigned char code_fault[] = {0x8b, 0x04, 0x25, 0x10, 0, 0, 0};
/* jmp to itself */
static const unsigned char code_hang[] = {0xeb, 0xfe};
/* call of itself */
static const unsigned char code_recursion[] = {0xe8, 0xfb, 0xff, 0xff, 0xff};

static void put_units(struct world *w)
{
#if !defined(__x86_64__)
	printf("SKIP: the faults are written in the code of another machine\n");
	exit(77);
#endif
	world_put(w, "default.target", "[Unit]\nDefaultDependencies=no\nWants=a.service\n");
	world_put(w, "shutdown.target", "[Unit]\nDefaultDependencies=no\n");
	world_put(w, "a.service", "[Unit]\nDefaultDependencies=no\n[Service]\n" FOREVER);
}

/* The newest report once there are @n, with the ones moved to the disk that are going to be. NULL: not in time. */
static cJSON *wait_report(struct world *w, int n)
{
	for (long long end = world_msec() + 8000; world_msec() < end; usleep(20000)) {
		auto_json cJSON *list = NULL, *answer = NULL;
		const cJSON *reports, *report;
		cJSON *p;

		if (world_call(w, "org.sysmaster.Crash.List", NULL, &list) < 0 ||
		    json_get_array(list, "reports", &reports) < 0 ||
		    cJSON_GetArraySize(reports) < n)
			continue;
		p = cJSON_CreateObject();
		json_add_string(p, "id", json_string_or(cJSON_GetArrayItem(reports, 0), "id", ""));
		if (world_call(w, "org.sysmaster.Crash.Get", p, &answer) >= 0 &&
		    json_get_object(answer, "report", &report) >= 0)
			return cJSON_Duplicate(report, true);
	}
	return NULL;
}

static int count_kept(struct world *w)
{
	auto_free char *directory = world_crash_directory(w);
	auto_strv char **names = NULL;
	int n = 0;

	if (dir_list(directory, &names) < 0)
		return -1;
	/* One that is being written does not count. */
	STRV_FOREACH (name, names)
		n += (*name)[0] != '.';
	return n;
}

static bool wait_kept(struct world *w, int n)
{
	for (long long end = world_msec() + 5000; world_msec() < end; usleep(20000))
		if (count_kept(w) == n)
			return true;
	printf(" (%d kept)", count_kept(w));
	return false;
}

static const char *frame(const cJSON *report, int i)
{
	const cJSON *frames;

	if (json_get_array(report, "frames", &frames) < 0)
		return "none";
	return cJSON_GetStringValue(cJSON_GetArrayItem(frames, i)) ?: "absent";
}

static void check_common(const cJSON *report)
{
	const cJSON *log;

	CHECK_STR(json_string_or(report, "program", ""), "core");
	CHECK_STR(json_string_or(report, "version", ""), SYSMASTER_VERSION);
	CHECK_INT(strlen(json_string_or(report, "build_id", "")), >=, 16);
	CHECK_INT(json_u64_or(report, "n_units", 0), >, 2);
	CHECK_INT(json_u64_or(report, "pid", 0), >, 1);
	CHECK_INT(json_get_array(report, "log", &log), ==, 0);
	CHECK_INT(cJSON_GetArraySize(log), >, 0);
	CHECK_INT(json_u64_or(report, "realtime_usec", 0), <=, now(CLOCK_REALTIME));
	CHECK_INT(json_u64_or(report, "realtime_usec", 0), >,
	          now(CLOCK_REALTIME) - 60 * USEC_PER_SEC);
}

/*
 * Lets the code of a method be @code and calls it until core has died of it: a core that trims itself drops what was written
 * over its code, and an earlier one answers as if nothing were.
 */
static bool poke_and_call(struct world *w, const void *code, size_t size)
{
	pid_t core = world_core(w);

	bool is_dying = false;

	/* init is patient with a core that a busy machine gives no time. */
	for (long long end = world_msec() + 60000; world_msec() < end;) {
		auto_json cJSON *reply = NULL;

		if (world_core(w) != core)
			return true;
		if (is_dying) {
			usleep(10000);
			continue;
		}
		(void) world_poke(w, core, "core", "get_environment", code, size);
		is_dying = world_call(w, "org.sysmaster.Manager.GetEnvironment", NULL, &reply) < 0;
	}
	return false;
}

/* The death by @code; checks that the service did not notice. */
static void die(struct world *w, const void *code, size_t size, cJSON **ret)
{
	long pid;

	CHECK_STR(world_wait(w, "a.service", "SubState", "running", 5000), "running");
	pid = world_number(w, "a.service", "MainPID");
	CHECK(poke_and_call(w, code, size));
	CHECK_INT(world_number(w, "a.service", "MainPID"), ==, pid);
	CHECK(wait_kept(w, 1));
	*ret = wait_report(w, 1);
	CHECK(*ret != NULL);
	check_common(*ret);
}

TEST(crash__segv_tells_where_and_when)
{
	auto_json cJSON *report = NULL, *facts = NULL;
	const cJSON *crashes;

	WITH_WORLD(w);
	put_units(&w);
	CHECK_INT(world_start(&w), ==, 0);
	die(&w, code_fault, sizeof(code_fault), &report);
	CHECK(report != NULL);
	CHECK_INT(json_u64_or(report, "signal", 0), ==, SIGSEGV);
	CHECK_INT(json_u64_or(report, "address", 0), ==, 16);
	CHECK_INT(json_u64_or(report, "sender", 0), ==, 0);
	CHECK_INT(json_u64_or(report, "restarts", 0), ==, 1);
	CHECK_STR(json_string_or(report, "cause", ""), "killed 11");
	CHECK(str_after(frame(report, 0), "core+0x") != NULL);
	CHECK(strstr(frame(report, 0), "(get_environment+0x0)") != NULL);
	CHECK(strstr(frame(report, 1), "(") != NULL);
	CHECK(strcmp(json_string_or(report, "source", ""), "") != 0);
	/* The fleet's agent sends on what Describe says. */
	CHECK_INT(world_call(&w, "org.sysmaster.Manager.Describe", NULL, &facts), ==, 0);
	CHECK_INT(json_get_array(facts, "crashes", &crashes), ==, 0);
	CHECK_STR(json_string_or(cJSON_GetArrayItem(crashes, 0), "id", ""),
	          json_string_or(report, "id", "?"));
}

TEST(crash__stack_overflow_is_told_from_another_stack)
{
	auto_json cJSON *report = NULL;

	WITH_WORLD(w);
	put_units(&w);
	CHECK_INT(world_start(&w), ==, 0);
	die(&w, code_recursion, sizeof(code_recursion), &report);
	CHECK(report != NULL);
	CHECK_INT(json_u64_or(report, "signal", 0), ==, SIGSEGV);
	CHECK(strstr(frame(report, 0), "(get_environment+0x0)") != NULL);
	CHECK(strstr(frame(report, 1), "(") != NULL);
}

TEST(crash__hang_tells_what_it_was_doing)
{
	auto_json cJSON *report = NULL;

	WITH_WORLD(w);
	w.init_options = (const char *const[]){"--hang-usec=1000000", NULL};
	put_units(&w);
	CHECK_INT(world_start(&w), ==, 0);
	die(&w, code_hang, sizeof(code_hang), &report);
	CHECK(report != NULL);
	CHECK_INT(json_u64_or(report, "signal", 0), ==, SIGABRT);
	CHECK_STR(json_string_or(report, "cause", ""), "hang");
	CHECK_INT(json_u64_or(report, "sender", 0), ==, 1);
	CHECK(strstr(frame(report, 0), "(get_environment+0x0)") != NULL);
	CHECK(strcmp(json_string_or(report, "source", ""), "") != 0);
	CHECK_INT(json_u64_or(report, "busy_usec", 0), >=, 900000);
}

TEST(crash__sigkill_and_sigabrt_are_reported_by_what_is_left)
{
	auto_json cJSON *killed = NULL, *aborted = NULL;

	WITH_WORLD(w);
	put_units(&w);
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_wait(&w, "a.service", "SubState", "running", 5000), "running");
	CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
	CHECK(wait_kept(&w, 1));
	killed = wait_report(&w, 1);
	CHECK(killed != NULL);
	check_common(killed);
	CHECK_INT(json_u64_or(killed, "signal", 99), ==, 0);
	CHECK_STR(json_string_or(killed, "cause", ""), "killed 9");
	CHECK_INT(world_kill_core(&w, SIGABRT), >=, 0);
	CHECK(wait_kept(&w, 2));
	aborted = wait_report(&w, 2);
	CHECK(aborted != NULL);
	check_common(aborted);
	CHECK_INT(json_u64_or(aborted, "signal", 0), ==, SIGABRT);
	CHECK_INT(json_u64_or(aborted, "restarts", 0), ==, 2);
}

TEST(crash__an_ordered_replacement_is_none)
{
	auto_json cJSON *list = NULL;
	const cJSON *reports;
	long long end;
	pid_t core;

	WITH_WORLD(w);
	put_units(&w);
	CHECK_INT(world_start(&w), ==, 0);
	core = world_core(&w);
	CHECK_INT(kill(w.init, SIGTERM), ==, 0);
	for (end = world_msec() + 8000;
	     (world_core(&w) == core || !world_core(&w)) && world_msec() < end;)
		usleep(5000);
	CHECK_INT(world_core(&w), !=, core);
	CHECK_INT(world_call(&w, "org.sysmaster.Crash.List", NULL, &list), ==, 0);
	CHECK_INT(json_get_array(list, "reports", &reports), ==, 0);
	CHECK_INT(cJSON_GetArraySize(reports), ==, 0);
}

TEST(crash__of_init_is_told_by_core)
{
	auto_json cJSON *report = NULL;
	pid_t core;

	WITH_WORLD(w);
	put_units(&w);
	CHECK_INT(world_start(&w), ==, 0);
	core = world_core(&w);
	CHECK_INT(world_poke(&w, w.init, "init", "signals_read", code_fault, sizeof(code_fault)),
	          ==, 0);
	CHECK_INT(kill(w.init, SIGWINCH), ==, 0);
	CHECK(wait_kept(&w, 1));
	report = wait_report(&w, 1);
	CHECK(report != NULL);
	CHECK_STR(json_string_or(report, "program", ""), "init");
	CHECK_INT(json_u64_or(report, "signal", 0), ==, SIGSEGV);
	CHECK_INT(json_u64_or(report, "address", 0), ==, 16);
	CHECK(strstr(frame(report, 0), "(signals_read+0x0)") != NULL);
	CHECK_INT(world_core(&w), ==, core);
}

TEST(crash__of_an_agent_is_told_by_its_exit)
{
	auto_json cJSON *report = NULL;

	WITH_WORLD(w);
	put_units(&w);
	world_put(&w, "sysmaster-fake.service",
	          "[Unit]\nDefaultDependencies=no\n[Service]\n" FOREVER);
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_STR(world_order(&w, "start", "a.service"), "done");
	CHECK_STR(world_order(&w, "start", "sysmaster-fake.service"), "done");
	/* Another's fault is in its own state, and no report. */
	CHECK_INT(world_kill(&w, world_number(&w, "a.service", "MainPID"), SIGSEGV), ==, 0);
	CHECK_STR(world_wait(&w, "a.service", "ActiveState", "failed", 5000), "failed");
	CHECK_INT(world_kill(&w, world_number(&w, "sysmaster-fake.service", "MainPID"), SIGSEGV),
	          ==, 0);
	CHECK(wait_kept(&w, 1));
	report = wait_report(&w, 1);
	CHECK_STR(json_string_or(report, "program", ""), "sysmaster-fake");
	CHECK_STR(json_string_or(report, "unit", ""), "sysmaster-fake.service");
	CHECK_INT(json_u64_or(report, "signal", 0), ==, SIGSEGV);
}

TEST(crash__reports_are_bounded)
{
	WITH_WORLD(w);
	put_units(&w);
	auto_free char *directory = world_crash_directory(&w);
	for (int i = 0; i < 40; i++) {
		auto_free char *path =
			str_printf("%s/200001%02dT000000.000000-core.crash", directory, i);

		CHECK_INT(mkdir_p(directory, 0700), ==, 0);
		CHECK_INT(file_write_atomic(path, "v=1\nprogram=core\n", 17, 0600, false), ==, 0);
	}
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
	CHECK(wait_kept(&w, 32));
	auto_json cJSON *report = wait_report(&w, 32);
	CHECK_STR(json_string_or(report, "cause", ""), "killed 9");
}

TEST(crash__full_disk_keeps_them_in_memory_until_there_is_room)
{
	auto_json cJSON *first = NULL, *second = NULL;

	CHECK_INT(unshare(CLONE_NEWNS), ==, 0);
	CHECK_INT(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), ==, 0);
	WITH_WORLD(w);
	put_units(&w);
	auto_free char *directory = world_crash_directory(&w),
		       *filler = path_join(directory, "filler");
	CHECK_INT(mkdir_p(directory, 0700), ==, 0);
	CHECK_INT(mount("tmpfs", directory, "tmpfs", 0, "size=8k"), ==, 0);
	CHECK_INT(file_write_atomic(filler, (char[8192]){0}, 8192, 0600, false), ==, 0);
	CHECK_INT(world_start(&w), ==, 0);
	CHECK_INT(world_kill_core(&w, SIGKILL), >=, 0);
	first = wait_report(&w, 1);
	CHECK_STR(json_string_or(first, "cause", ""), "killed 9");
	usleep(300000);
	CHECK_INT(count_kept(&w), ==, 1); /* the filler */
	/* The world has its own copy of the mount; the file system is one. */
	CHECK_INT(unlink(filler), ==, 0);
	CHECK_INT(world_kill_core(&w, SIGABRT), >=, 0);
	CHECK(wait_kept(&w, 2));
	second = wait_report(&w, 2);
	CHECK_STR(json_string_or(second, "cause", ""), "killed 6");
	CHECK_INT(umount2(directory, MNT_DETACH), ==, 0);
}
