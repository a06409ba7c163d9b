// SPDX-License-Identifier: Apache-2.0
/* A process in its unit's cgroup from its first instruction on; with the real tree, below a cgroup
 * of the test's own. */
#include "../../unit/engine/fixture.h"
#include "cgroup/cgroup.h"
#include "exec/exec.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char root[64];

static void begin(void)
{
	static bool moved;

	if (!moved) {
		snprintf(root, sizeof(root), "/sysmaster-spawn-%d", (int) getpid());
		if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 || !cgroupfs_root() ||
		    cgroupfs_create(root) < 0 || cgroupfs_attach(root, 0) < 0) {
			printf("SKIP: needs root and a writable cgroup2 tree\n");
			exit(77);
		}
		if (mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) < 0 ||
		    mount("tmpfs", "/run", "tmpfs", 0, NULL) < 0)
			abort();
		moved = true;
	}
	fixture_begin();
	put_file("cat.service", "[Service]\nStandardOutput=file:/tmp/spawn-cgroup.out\nExecStart=/"
	                        "bin/cat /proc/self/cgroup\n");
	put_file("del.service", "[Service]\nUser=daemon\nDelegate=yes\nStandardOutput=file:/tmp/"
	                        "spawn-cgroup.out\nExecStart=/bin/cat /proc/self/cgroup\n");
	fixture_open();
	if (cgroup_setup(fx.m) < 0 || exec_setup(fx.m, CORE_EXEC_DIRECTORY) < 0)
		abort();
}

static void end(void)
{
	exec_shutdown(fx.m);
	cgroup_shutdown(fx.m);
	fixture_end();
	(void) cgroupfs_attach(root, 0);
	unlink("/tmp/spawn-cgroup.out");
}

/* The child is our parent's, by CLONE_PARENT; seen through its pidfd. */
static int spawn_and_wait(struct unit *u, unsigned flags)
{
	struct exec_request q = {.unit = u,
	                         .command = u->file->service->commands[SERVICE_EXEC_START],
	                         .settings = u->file->exec,
	                         .cgroup = u->file->cgroup,
	                         .flags = EXEC_APPLY_SANDBOX | EXEC_NEW_DIRECTORIES | flags,
	                         .stdio_socket = -EBADF,
	                         .exec_fd = -EBADF};
	struct pidref p = PIDREF_NULL;
	int r;

	unlink("/tmp/spawn-cgroup.out");
	r = exec_spawn(fx.m, &q, NULL, &p);
	if (r < 0)
		return r;
	for (int i = 0; i < 500 && cgroup_is_empty(u) == 0; i++)
		usleep(10000);
	pidref_done(&p);
	return cgroup_is_empty(u) == 1 ? 0 : -ETIMEDOUT;
}

static bool output_has(const char *text)
{
	auto_free char *out = NULL;

	return file_read("/tmp/spawn-cgroup.out", &out, NULL) >= 0 && strstr(out, text);
}

TEST(spawn_cgroup__starts_inside)
{
	auto_free char *line = NULL;

	begin();
	line = str_printf("0::%s/system.slice/cat.service\n", root);
	CHECK_INT(spawn_and_wait(unit("cat.service"), 0), ==, 0);
	CHECK(output_has(line));
	cgroup_release(unit("cat.service"));
	end();
}

TEST(spawn_cgroup__delegates_to_the_user_and_keeps_control_apart)
{
	auto_free char *path = NULL, *line = NULL;
	struct unit *u;
	struct stat st;

	begin();
	u = unit("del.service");
	CHECK_INT(spawn_and_wait(u, 0), ==, 0);
	path = cgroupfs_path(u->cgroup, "cgroup.procs");
	CHECK_INT(stat(path, &st), ==, 0);
	CHECK_INT(st.st_uid, ==, 1);
	line = str_printf("0::%s/system.slice/del.service/.control\n", root);
	CHECK_INT(spawn_and_wait(u, EXEC_CONTROL | EXEC_KEEP_CGROUP_CONTROL), ==, 0);
	CHECK(output_has(line));
	cgroup_release(u);
	end();
}

TEST(spawn_cgroup__cost_of_a_cgroup_of_its_own)
{
	usec_t t, make = 0, start = 0, drop = 0;
	enum { N = 100 };

	begin();
	for (int i = 0; i < N; i++) {
		auto_free char *name = str_printf("n%d.service", i),
			       *path = path_join(fx.dir, name);

		CHECK_INT(file_write_atomic(path,
		                            "[Service]\nStandardOutput=null\nExecStart=/bin/true\n",
		                            49, 0644, false),
		          >=, 0);
	}
	manager_read_index(fx.m);
	for (int i = 0; i < N; i++) {
		auto_free char *name = str_printf("n%d.service", i);
		struct unit *u = unit(name);

		t = now(CLOCK_MONOTONIC);
		CHECK_INT(cgroup_realize(u), ==, 0);
		make += now(CLOCK_MONOTONIC) - t;
		t = now(CLOCK_MONOTONIC);
		CHECK_INT(spawn_and_wait(u, 0), ==, 0);
		start += now(CLOCK_MONOTONIC) - t;
		t = now(CLOCK_MONOTONIC);
		cgroup_release(u);
		drop += now(CLOCK_MONOTONIC) - t;
	}
	printf("(usec each: make %llu, remove %llu) ", (unsigned long long) make / N,
	       (unsigned long long) drop / N);
	end();
}

TEST(spawn_cgroup__zz_leaves_nothing_behind)
{
	auto_free char *scope = str_printf("%s/init.scope", root),
		       *slice = str_printf("%s/system.slice", root);

	(void) cgroupfs_attach("/", 0);
	(void) cgroupfs_remove(scope);
	(void) cgroupfs_remove(slice);
	CHECK_INT(cgroupfs_remove(root), ==, 0);
}
