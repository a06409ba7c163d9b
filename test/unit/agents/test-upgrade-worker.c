// SPDX-License-Identifier: Apache-2.0
/*
 * The worker's steps against real bundles on a real disk, and a core that is a process of this test: it answers what an
 * upgrade asks, and fails in the ways that a test orders. Every way of failing ends with one sentence that begins with the
 * step's name, and leaves the versions as they were.
 */
#include "check.h"
#include "init/wire.h"
#include "upgrade/upgrade.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

struct upgrade_config config;

/* Shared with the process that plays core. */
static struct fake {
	char version[64], init_version[64], directory[256], failed[64];
	int pid, restarts, init_calls, core_calls, agent_calls;
	bool core_refuses, init_refuses; /* only for directories other than the first */
	int describes_until_back; /* then "init" goes back to the first directory; 0: never */
	char first[256];
} * fake;

static char root[64], directory[128], keys[128], control[128], packaged[128];
static struct minisign_secret key;
static pid_t core;
static int report = -EBADF;

/* ---- core ---- */

static void read_version(const char *from, char *ret, size_t size)
{
	auto_free char *path = path_join(from, "VERSION"), *text = NULL;

	snprintf(ret, size, "%s", path && file_read_line(path, &text) >= 0 ? text : "?");
}

static int describe(struct varlink_call *call, const cJSON *parameters _unused_,
                    void *userdata _unused_)
{
	cJSON *o = cJSON_CreateObject(), *failed = cJSON_AddArrayToObject(o, "failed_units");

	if (fake->describes_until_back > 0 && --fake->describes_until_back == 0) {
		strcpy(fake->directory, fake->first);
		read_version(fake->directory, fake->version, sizeof(fake->version));
		fake->pid++;
	}
	json_add_string(o, "version", fake->version);
	json_add_string(o, "init_version", fake->init_version);
	json_add_string(o, "directory", fake->directory);
	json_add_u64(o, "core_pid", (uint64_t) fake->pid);
	json_add_string(o, "last_upgrade", "as ordered");
	if (*fake->failed)
		json_append_take(failed, cJSON_CreateString(fake->failed));
	return varlink_reply(call, o);
}

static int refuse(struct varlink_call *call)
{
	cJSON *o = cJSON_CreateObject();

	json_add_string(o, "message", "its self-check failed");
	json_add_u64(o, "errno", EBADMSG);
	return varlink_error(call, "org.sysmaster.Reexec.CheckFailed", o);
}

static int reexec_core(struct varlink_call *call, const cJSON *parameters, void *userdata _unused_)
{
	const char *to = json_string_or(parameters, "directory", "");

	fake->core_calls++;
	if (fake->core_refuses && !streq(to, fake->first))
		return refuse(call);
	snprintf(fake->directory, sizeof(fake->directory), "%s", to);
	read_version(to, fake->version, sizeof(fake->version));
	fake->pid++;
	return varlink_reply(call, NULL);
}

static int reexec_init(struct varlink_call *call, const cJSON *parameters, void *userdata _unused_)
{
	auto_free char *to = path_dirname(json_string_or(parameters, "path", "/x"));

	fake->init_calls++;
	if (fake->init_refuses)
		return refuse(call);
	read_version(to, fake->init_version, sizeof(fake->init_version));
	return varlink_reply(call, NULL);
}

static int queue(struct varlink_call *call, const cJSON *parameters _unused_,
                 void *userdata _unused_)
{
	fake->agent_calls++;
	return varlink_reply(call, NULL);
}

static const struct varlink_method methods[] = {
	{"org.sysmaster.Manager.Describe", ROLE_OBSERVE, describe},
	{"org.sysmaster.Reexec.Core", ROLE_ADMIN, reexec_core},
	{"org.sysmaster.Reexec.Init", ROLE_ADMIN, reexec_init},
	{"org.sysmaster.Unit.Queue", ROLE_OPERATE, queue},
};

static void core_start(void)
{
	static const char *const interfaces[] = {
		"interface org.sysmaster.Manager\nmethod Describe() -> ()\n",
		"interface org.sysmaster.Reexec\nmethod Core(directory: string) -> ()\nmethod "
		"Init(path: string) -> ()\n",
		"interface org.sysmaster.Unit\nmethod Queue() -> ()\n",
	};
	static const struct varlink_method *const tables[] = {methods, methods + 1, methods + 3};
	static const size_t n[] = {1, 2, 1};
	struct varlink_server *v;
	struct loop *l;

	fflush(NULL);
	core = fork();
	if (core != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	if (loop_new(&l) < 0 || varlink_server_new(l, "test", "core", "1", &v) < 0)
		_exit(99);
	for (size_t i = 0; i < ELEMENTSOF(interfaces); i++)
		if (varlink_server_add_interface(v, interfaces[i], tables[i], n[i], NULL) < 0)
			_exit(98);
	if (varlink_server_listen_path(v, control, 0600) < 0)
		_exit(97);
	_exit(loop_run(l) < 0);
}

/* ---- the place ---- */

static void put(const char *where, const char *name, const char *text, mode_t mode)
{
	auto_free char *path = path_join(where, name);

	if (!path || mkdir_parents(path, 0755) < 0 ||
	    file_write_atomic(path, text, strlen(text), mode, false) < 0)
		abort();
}

static void put_programs(const char *where, const char *version)
{
	auto_free char *script =
		str_printf("#!/bin/sh\n[ \"$*\" = --version ] && echo %s\n", version);

	if (!script)
		abort();
	put(where, "init", "an init", 0755);
	put(where, "core", script, 0755);
	put(where, "core-exec", "a core-exec", 0755);
	put(where, "VERSION", version, 0644);
}

static void tear_down(void)
{
	if (core > 0) {
		kill(core, SIGKILL);
		waitpid(core, NULL, 0);
		core = 0;
	}
	report = fd_close(report);
	if (*root)
		rm_rf(root);
	*root = '\0';
}

static void set_up(void)
{
	struct minisign_public p;
	auto_free char *text = NULL;

	tear_down();
	log_setup("test", LOG_TARGET_NULL, LOG_INFO);
	signal(SIGPIPE, SIG_IGN);
	strcpy(root, "/tmp/test-worker-XXXXXX");
	if (!mkdtemp(root))
		abort();
	snprintf(directory, sizeof(directory), "%s/lib", root);
	snprintf(keys, sizeof(keys), "%s/keys", root);
	snprintf(control, sizeof(control), "%s/control", root);
	snprintf(packaged, sizeof(packaged), "%s/packaged", root);
	config = (struct upgrade_config){.directory = directory,
	                                 .keys = keys,
	                                 .control = control,
	                                 .packaged = packaged,
	                                 .gate_usec = 300 * USEC_PER_MSEC,
	                                 .trial_usec = 100 * USEC_PER_MSEC};
	if (minisign_generate(&key) < 0)
		abort();
	p = minisign_public_of(&key);
	text = minisign_public_print(&p);
	put(keys, "k.pub", text, 0644);
	put_programs(packaged, "1");
	if (mkdir_p(directory, 0755) < 0)
		abort();
	if (!fake)
		fake = mmap(NULL, sizeof(*fake), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		            -1, 0);
	*fake = (struct fake){.version = "1", .init_version = "1", .pid = 100};
	strcpy(fake->directory, packaged);
	strcpy(fake->first, packaged);
	report = memfd_create("report", MFD_CLOEXEC);
	core_start();
	for (int i = 0; i < 500 && access(control, F_OK) < 0; i++)
		usleep(10000);
}

/* The path of a signed bundle; @arch NULL: this machine's, @wire 0: today's. */
static const char *make_bundle(const char *version, const char *arch, unsigned wire)
{
	static char path[160];
	char from[160];
	const unsigned wires[] = {wire ? wire : WIRE_VERSION}, states[] = {1};
	struct bundle_create_options o = {.version = version,
	                                  .arch = arch,
	                                  .directory = from,
	                                  .wire = wires,
	                                  .n_wire = 1,
	                                  .state = states,
	                                  .n_state = 1,
	                                  .level = 1};

	snprintf(from, sizeof(from), "%s/files-%s", root, version);
	snprintf(path, sizeof(path), "%s/%s.bundle", root, version);
	put_programs(from, version);
	if (bundle_create(&o, path, NULL) < 0 || bundle_sign(path, &key, NULL, NULL) < 0)
		abort();
	return path;
}

static char *reports(void)
{
	char *text = NULL;

	lseek(report, 0, SEEK_SET);
	return file_read_fd(report, 1 << 20, &text, NULL) >= 0 ? text : NULL;
}

static struct upgrade_state *state(void)
{
	static struct upgrade_state s;

	upgrade_state_done(&s);
	if (upgrade_state_load(&s) < 0)
		abort();
	return &s;
}

static bool is_linked(const char *link, const char *to)
{
	auto_free char *is = NULL;

	if (version_linked(link, &is) < 0)
		return !to;
	return to && streq(is, to);
}

static bool has_version(const char *version)
{
	auto_free char *path = version_directory(version);

	return access(path, F_OK) >= 0;
}

/* Nothing but version directories, links and the state file: no half of anything. */
static bool is_tidy(void)
{
	auto_free char *versions = path_join(directory, "versions");
	auto_strv char **names = NULL;

	if (dir_list(versions, &names) < 0)
		return true;
	STRV_FOREACH (n, names)
		if ((*n)[0] == '.')
			return false;
	return true;
}

/* As it was before: version 1 runs, nothing is linked, one sentence that begins with @step. */
#define CHECK_UNTOUCHED(wanted_phase, step)                                                        \
	do {                                                                                       \
		CHECK_INT(state()->phase, ==, wanted_phase);                                       \
		if (!str_after(state()->reason, step ": "))                                        \
			printf("\n      the reason is \"%s\"", state()->reason);                   \
		CHECK(str_after(state()->reason, step ": ") != NULL);                              \
		CHECK_STR(fake->version, "1");                                                     \
		CHECK_STR(fake->directory, packaged);                                              \
		CHECK(is_linked("current", NULL));                                                 \
		CHECK(is_linked("previous", NULL));                                                \
		CHECK(is_tidy());                                                                  \
	} while (0)

/* ---- all goes well ---- */

TEST(apply__commits)
{
	auto_free char *text = NULL, *two = NULL, *three = NULL;

	set_up();
	CHECK_INT(worker_apply(make_bundle("2", NULL, 0), report), ==, 0);
	two = version_directory("2");
	CHECK_INT(state()->phase, ==, PHASE_COMMITTED);
	CHECK_STR(fake->version, "2");
	CHECK_STR(fake->init_version, "2");
	CHECK_STR(fake->directory, two);
	CHECK_INT(fake->agent_calls, ==, 2);
	CHECK(is_linked("current", two));
	CHECK(is_linked("previous", packaged));
	text = reports();
	/* In this order. */
	const char *p = text;
	static const char *const steps[] = {"\"verifying\"", "\"staging\"", "\"init\"",
	                                    "\"core\"",      "\"agents\"",  "\"gate\"",
	                                    "\"committed\""};
	for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
		p = strstr(p, steps[i]);
		CHECK(p != NULL);
	}
	/* And on from there; then back by an order. */
	CHECK_INT(worker_apply(make_bundle("3", NULL, 0), report), ==, 0);
	three = version_directory("3");
	CHECK(is_linked("current", three));
	CHECK(is_linked("previous", two));
	CHECK_INT(worker_rollback("it is slow", report), ==, 0);
	CHECK_STR(fake->version, "2");
	CHECK_STR(fake->init_version, "2");
	CHECK(is_linked("current", two));
	CHECK(is_linked("previous", three));
	CHECK_INT(worker_apply(make_bundle("3", NULL, 0), report), ==, 1);
	CHECK_STR(state()->reason, "verifying: 3 was tried before and is bad: it is slow");
	tear_down();
}

TEST(rollback__to_the_packaged_version_asks_its_core)
{
	auto_free char *two = NULL;

	set_up();
	CHECK_INT(worker_apply(make_bundle("2", NULL, 0), report), ==, 0);
	two = version_directory("2");
	CHECK(is_linked("current", two));
	/* Its directory has no version's name. */
	CHECK_INT(worker_rollback("", report), ==, 0);
	CHECK_STR(fake->version, "1");
	CHECK(is_linked("current", packaged));
	CHECK(is_linked("previous", two));
	tear_down();
}

TEST(apply__of_what_runs_is_refused)
{
	set_up();
	CHECK_INT(worker_apply(make_bundle("1", NULL, 0), report), ==, 1);
	CHECK_UNTOUCHED(PHASE_FAILED, "verifying");
	tear_down();
}

TEST(apply__unit_that_had_failed_before_is_no_reason)
{
	set_up();
	strcpy(fake->failed, "old.service");
	CHECK_INT(worker_apply(make_bundle("2", NULL, 0), report), ==, 0);
	CHECK_INT(state()->phase, ==, PHASE_COMMITTED);
	tear_down();
}

/* ---- bundles that are not to be had ---- */

TEST(apply__bundle_that_is_not_there)
{
	set_up();
	CHECK_INT(worker_apply("/nowhere.bundle", report), ==, 1);
	CHECK_UNTOUCHED(PHASE_FAILED, "verifying");
	tear_down();
}

TEST(apply__truncated_bundle_at_every_length)
{
	const char *path;
	struct stat st;

	set_up();
	path = make_bundle("2", NULL, 0);
	CHECK_INT(stat(path, &st), ==, 0);
	for (off_t n = st.st_size - 1; n >= 0; n -= n > 64 ? n / 5 : 13) {
		CHECK_INT(truncate(path, n), ==, 0);
		CHECK_INT(worker_apply(path, report), ==, 1);
		CHECK_UNTOUCHED(PHASE_FAILED, "verifying");
		CHECK(!has_version("2"));
	}
	CHECK_INT(fake->core_calls + fake->init_calls, ==, 0);
	tear_down();
}

TEST(apply__signed_by_another_key)
{
	set_up();
	CHECK_INT(minisign_generate(&key), ==, 0);
	CHECK_INT(worker_apply(make_bundle("2", NULL, 0), report), ==, 1);
	CHECK_UNTOUCHED(PHASE_FAILED, "verifying");
	CHECK(!has_version("2"));
	tear_down();
}

TEST(apply__changed_after_it_was_signed)
{
	const char *path;
	auto_fd int fd = -EBADF;
	char c;

	set_up();
	path = make_bundle("2", NULL, 0);
	fd = open(path, O_RDWR | O_CLOEXEC);
	CHECK_INT(pread(fd, &c, 1, 100), ==, 1);
	c ^= 1;
	CHECK_INT(pwrite(fd, &c, 1, 100), ==, 1);
	CHECK_INT(worker_apply(path, report), ==, 1);
	CHECK_UNTOUCHED(PHASE_FAILED, "verifying");
	tear_down();
}

TEST(apply__for_another_machine_or_wire)
{
	set_up();
	CHECK_INT(worker_apply(make_bundle("2", "sparc", 0), report), ==, 1);
	CHECK_UNTOUCHED(PHASE_FAILED, "verifying");
	CHECK(strstr(state()->reason, "sparc") != NULL);
	CHECK_INT(worker_apply(make_bundle("3", NULL, 99), report), ==, 1);
	CHECK_UNTOUCHED(PHASE_FAILED, "verifying");
	CHECK(strstr(state()->reason, "wire") != NULL);
	CHECK(!has_version("2") && !has_version("3"));
	tear_down();
}

TEST(apply__disk_that_fills_up)
{
	char from[128];
	auto_free char *big = NULL;
	unsigned seed = 1;
	const char *path;

	/* Before set_up(), so that core sees the same mounts. */
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		printf(" [not root: left out]");
		return;
	}
	set_up();
	snprintf(from, sizeof(from), "%s/files-2", root);
	big = malloc(300001);
	for (int i = 0; i < 300000; i++)
		big[i] = (char) ('a' + rand_r(&seed) % 26);
	big[300000] = '\0';
	put(from, "large", big, 0644);
	path = make_bundle("2", NULL, 0);
	/* Room for the state, and for half of the files. */
	CHECK_INT(mount("tmpfs", directory, "tmpfs", 0, "size=160k"), ==, 0);
	CHECK_INT(worker_apply(path, report), ==, 1);
	CHECK_UNTOUCHED(PHASE_FAILED, "staging");
	CHECK(!has_version("2"));
	CHECK_INT(fake->core_calls + fake->init_calls, ==, 0);
	/* With room it is taken: a full disk is no mark against a version. */
	CHECK_INT(mount(NULL, directory, NULL, MS_REMOUNT, "size=2m"), ==, 0);
	if (worker_apply(path, report) != 0)
		printf("\n      %s", state()->reason);
	CHECK_INT(state()->phase, ==, PHASE_COMMITTED);
	CHECK_INT(umount(directory), ==, 0);
	tear_down();
}

/* ---- versions that do not work ---- */

TEST(apply__core_that_is_refused_goes_back_and_is_remembered)
{
	auto_free char *reason = NULL;

	set_up();
	fake->core_refuses = true;
	CHECK_INT(worker_apply(make_bundle("2", NULL, 0), report), ==, 1);
	CHECK_UNTOUCHED(PHASE_ROLLED_BACK, "activating");
	/* init had been switched before. */
	CHECK_STR(fake->init_version, "1");
	CHECK_INT(version_bad_reason("2", &reason), ==, 0);
	CHECK_STR(reason, "activating: its self-check failed");
	fake->core_refuses = false;
	CHECK_INT(worker_apply(make_bundle("2", NULL, 0), report), ==, 1);
	CHECK_UNTOUCHED(PHASE_FAILED, "verifying");
	tear_down();
}

TEST(apply__init_that_is_refused_changes_nothing)
{
	set_up();
	fake->init_refuses = true;
	CHECK_INT(worker_apply(make_bundle("2", NULL, 0), report), ==, 1);
	CHECK_UNTOUCHED(PHASE_ROLLED_BACK, "activating");
	CHECK_INT(fake->core_calls, ==, 0);
	tear_down();
}

TEST(apply__core_that_does_not_stay_goes_back)
{
	set_up();
	/* One before the switch of init, two around core's, then in the gate. */
	fake->describes_until_back = 6;
	CHECK_INT(worker_apply(make_bundle("2", NULL, 0), report), ==, 1);
	CHECK_UNTOUCHED(PHASE_ROLLED_BACK, "gating");
	CHECK_STR(fake->init_version, "1");
	tear_down();
}

static pid_t fail_later(const char *unit, useconds_t after)
{
	pid_t pid = fork();

	if (pid == 0) {
		usleep(after);
		strcpy(fake->failed, unit);
		_exit(0);
	}
	return pid;
}

TEST(apply__unit_that_fails_in_the_gate_goes_back)
{
	const char *path;
	pid_t pid;

	set_up();
	config.gate_usec = 2 * USEC_PER_SEC;
	path = make_bundle("2", NULL, 0);
	pid = fail_later("new.service", 800000);
	CHECK_INT(worker_apply(path, report), ==, 1);
	waitpid(pid, NULL, 0);
	CHECK_UNTOUCHED(PHASE_ROLLED_BACK, "gating");
	CHECK(strstr(state()->reason, "new.service") != NULL);
	tear_down();
}

TEST(apply__when_even_the_way_back_fails_both_reasons_are_told)
{
	set_up();
	fake->core_refuses = true;
	strcpy(fake->first, "/not/a/place"); /* the old core is refused, too */
	CHECK_INT(worker_apply(make_bundle("2", NULL, 0), report), ==, 1);
	/* Core was never switched, so the way back only has init to do. */
	CHECK_INT(state()->phase, ==, PHASE_ROLLED_BACK);
	fake->core_refuses = false;
	fake->init_refuses = true;
	strcpy(fake->init_version, "0");
	CHECK_INT(worker_apply(make_bundle("3", NULL, 0), report), ==, 1);
	CHECK_INT(state()->phase, ==, PHASE_FAILED);
	CHECK(strstr(state()->reason, "activating: ") != NULL);
	CHECK(strstr(state()->reason, "going back to 1 failed") != NULL);
	tear_down();
}

TEST(rollback__without_a_version_before_is_refused)
{
	set_up();
	CHECK_INT(worker_rollback("why not", report), ==, 1);
	CHECK_UNTOUCHED(PHASE_FAILED, "rolling-back");
	tear_down();
}

/* ---- cut off ---- */

/* Runs the worker and kills it as soon as it reports @step. */
static void apply_and_kill(const char *path, const char *step)
{
	int fds[2];
	char text[8192];
	size_t n = 0;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		abort();
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		_exit(worker_apply(path, fds[1]));
	}
	close(fds[1]);
	while (n < sizeof(text) - 1) {
		ssize_t k = read(fds[0], text + n, sizeof(text) - 1 - n);

		if (k <= 0)
			break;
		n += (size_t) k;
		text[n] = '\0';
		if (strstr(text, step))
			break;
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(fds[0]);
}

TEST(resume__worker_killed_at_each_step_ends_whole)
{
	static const char *const steps[] = {"\"verifying\"", "\"staging\"", "\"init\"",
	                                    "\"core\"",      "\"agents\"",  "\"gate\""};

	for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
		auto_free char *two = NULL;
		enum upgrade_phase phase;

		set_up();
		two = version_directory("2");
		apply_and_kill(make_bundle("2", NULL, 0), steps[i]);
		worker_resume(report);
		phase = state()->phase;
		CHECK(is_tidy());
		if (phase == PHASE_COMMITTED) {
			CHECK_STR(fake->version, "2");
			CHECK_STR(fake->init_version, "2");
			CHECK(is_linked("current", two));
		} else {
			/* Before anything was changed. */
			CHECK(phase == PHASE_IDLE || phase == PHASE_FAILED);
			CHECK(i <= 2);
			CHECK_STR(fake->version, "1");
			CHECK_STR(fake->init_version, "1");
			CHECK(is_linked("current", NULL));
		}
		tear_down();
	}
}

/* The state file as an earlier boot left it. */
static void put_state(enum upgrade_phase phase)
{
	auto_free char *path = version_directory("state.json"), *two = version_directory("2"),
		       *text = NULL;

	text = str_printf(
		"{\"phase\":\"%s\",\"target\":\"2\",\"target_directory\":\"%s\",\"origin\":\"1\","
		"\"origin_directory\":\"%s\",\"boot_id\":\"0123456789abcdef0123456789abcdef\"}",
		upgrade_phase_to_string(phase), two, packaged);
	if (mkdir_parents(path, 0755) < 0 ||
	    file_write_atomic(path, text, strlen(text), 0644, false) < 0)
		abort();
}

TEST(resume__after_a_power_cut_says_what_happened)
{
	auto_free char *two = NULL, *fresh = NULL;

	set_up();
	two = version_directory("2");
	put_programs(two, "2");
	/* While files were unpacked: what there is of them goes. */
	put_state(PHASE_STAGING);
	fresh = str_printf("%s/versions/.2.new", directory);
	put(fresh, "core", "half", 0755);
	CHECK_INT(worker_resume(report), ==, 1);
	CHECK_UNTOUCHED(PHASE_FAILED, "staging");
	put_state(PHASE_ACTIVATING);
	CHECK_INT(worker_resume(report), ==, 1);
	CHECK_UNTOUCHED(PHASE_ROLLED_BACK, "activating");
	put_state(PHASE_GATING);
	CHECK_INT(worker_resume(report), ==, 1);
	CHECK_UNTOUCHED(PHASE_ROLLED_BACK, "gating");
	CHECK_INT(fake->core_calls + fake->init_calls, ==, 0);
	/* "current" was moved, the last line was not written: this boot runs the new version. */
	put_state(PHASE_GATING);
	CHECK_INT(version_link("previous", packaged), ==, 0);
	CHECK_INT(version_link("current", two), ==, 0);
	CHECK_INT(worker_resume(report), ==, 1);
	CHECK_INT(state()->phase, ==, PHASE_COMMITTED);
	/* Nothing is done twice. */
	CHECK_INT(worker_resume(report), ==, 0);
	tear_down();
}

TEST(resume__of_a_version_that_init_has_left_goes_back)
{
	auto_free char *path = NULL, *text = NULL, *reason = NULL;

	set_up();
	config.gate_usec = 20 * USEC_PER_SEC;
	apply_and_kill(make_bundle("2", NULL, 0), "\"gate\"");
	CHECK_INT(state()->phase, ==, PHASE_GATING);
	strcpy(fake->directory, packaged);
	strcpy(fake->version, "1");
	worker_resume(report);
	CHECK_UNTOUCHED(PHASE_ROLLED_BACK, "gating");
	CHECK_STR(fake->init_version, "1");
	CHECK_INT(version_bad_reason("2", &reason), ==, 0);
	tear_down();
}
