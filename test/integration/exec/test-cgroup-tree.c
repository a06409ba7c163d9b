// SPDX-License-Identifier: Apache-2.0
/*
 * Real cgroups, below one of the test's own. Controllers may be missing (a host that has them on
 * version 1); the tree, its events and signals do not need any.
 */
#include "../../unit/engine/fixture.h"
#include "cgroup/internal.h"

#include <signal.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

static unsigned n_empty;
static char last_empty[128], root[64];

static void note_empty(struct unit *u)
{
	n_empty++;
	snprintf(last_empty, sizeof(last_empty), "%s", u->id);
}

/* 77: no writable version 2 tree here. */
static void tree_begin(void)
{
	static bool moved;

	if (!moved) {
		snprintf(root, sizeof(root), "/sysmaster-test-%d", (int) getpid());
		if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 || !cgroupfs_root() ||
		    cgroupfs_create(root) < 0 || cgroupfs_attach(root, 0) < 0) {
			printf("SKIP: needs root and a writable cgroup2 tree\n");
			exit(77);
		}
		moved = true;
	}
	n_empty = 0;
	fixture_begin();
	put_unit("a.service", "");
	put_file("limited.service",
	         "[Service]\nExecStart=/bin/"
	         "true\nMemoryMax=64M\nTasksMax=10\nCPUWeight=50\nSlice=top-below.slice\n");
	put_file("delegated.service", "[Service]\nExecStart=/bin/true\nDelegate=yes\n");
	for (int t = 0; t < UNIT_TYPE_MAX; t++)
		fx.ops[t].on_cgroup_empty = note_empty;
	fixture_open();
	if (cgroup_setup(fx.m) < 0)
		abort();
}

static void tree_end(void)
{
	cgroup_shutdown(fx.m);
	fixture_end();
	/* Out of init.scope, or it could not go. */
	(void) cgroupfs_attach(root, 0);
	(void) cgroupfs_remove("/none");
}

static pid_t member(struct unit *u)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			pause();
	}
	if (cgroupfs_attach(u->cgroup, pid) < 0)
		abort();
	return pid;
}

static void turns(unsigned n)
{
	while (n-- > 0)
		(void) loop_run_once(fx.loop, 20000);
}

TEST(cgroup_tree__setup_moves_us_into_init_scope)
{
	auto_free char *own = NULL, *want = NULL;

	tree_begin();
	CHECK(!fx.m->no_cgroup);
	CHECK_STR(cgroup_root(fx.m), root);
	CHECK_INT(cgroupfs_of_pid(0, &own), ==, 0);
	want = str_printf("%s/init.scope", root);
	CHECK_STR(own, want);
	tree_end();
}

TEST(cgroup_tree__unit_life)
{
	struct unit *u;
	auto_free char *want = NULL, *fs = NULL;
	pid_t pid, pids[4];
	int status, fd;

	tree_begin();
	u = unit("a.service");
	want = str_printf("%s/system.slice/a.service", root);
	CHECK_INT(cgroup_realize(u), ==, 0);
	CHECK_STR(u->cgroup, want);
	CHECK_INT(cgroup_realize(u), ==, 0);
	fs = cgroupfs_path(u->cgroup, NULL);
	CHECK_INT(access(fs, F_OK), ==, 0);
	fd = cgroup_open(u, true);
	CHECK_INT(fd, >=, 0);
	close(fd);
	CHECK_INT(cgroup_is_empty(u), ==, 1);
	pid = member(u);
	CHECK_INT(cgroup_is_empty(u), ==, 0);
	CHECK_INT(cgroup_pids(u, pids, 4), ==, 1);
	CHECK_INT(pids[0], ==, pid);
	turns(3);
	CHECK_INT(n_empty, ==, 0);
	/* With a process it stays, and so does the watch. */
	cgroup_release(u);
	CHECK(u->cgroup && access(fs, F_OK) == 0);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	turns(5);
	CHECK_INT(n_empty, >=, 1);
	CHECK_STR(last_empty, "a.service");
	cgroup_release(u);
	CHECK(!u->cgroup && !u->cgroup_data);
	CHECK_INT(access(fs, F_OK), <, 0);
	tree_end();
}

TEST(cgroup_tree__slices_nest_and_missing_controllers_do_not_matter)
{
	auto_free char *want = NULL, *limit = NULL;
	struct unit *u;

	tree_begin();
	u = unit("limited.service");
	CHECK_INT(cgroup_realize(u), ==, 0);
	want = str_printf("%s/top.slice/top-below.slice/limited.service", root);
	CHECK_STR(u->cgroup, want);
	if (cgroup_manager_of(fx.m)->supported & CGROUP_MASK(CGROUP_PIDS)) {
		CHECK_INT(cgroupfs_read(u->cgroup, "pids.max", &limit), ==, 0);
		CHECK_STR(limit, "10");
	} else {
		printf("(no controllers here) ");
	}
	CHECK_INT(cgroup_apply(u), ==, 0);
	cgroup_release(u);
	tree_end();
}

TEST(cgroup_tree__signals_all_but_the_excepted)
{
	struct unit *u;
	pid_t a, b, c;
	int status;

	tree_begin();
	u = unit("a.service");
	CHECK_INT(cgroup_realize(u), ==, 0);
	a = member(u);
	b = member(u);
	c = member(u);
	CHECK_INT(cgroup_signal(u, SIGTERM, b, 0), ==, 2);
	waitpid(a, &status, 0);
	CHECK_INT(WTERMSIG(status), ==, SIGTERM);
	waitpid(c, &status, 0);
	CHECK_INT(waitpid(b, &status, WNOHANG), ==, 0);
	CHECK_INT(cgroup_signal(u, SIGKILL, 0, 0), >=, 1);
	waitpid(b, &status, 0);
	CHECK_INT(WTERMSIG(status), ==, SIGKILL);
	turns(2);
	CHECK_INT(cgroup_signal(u, SIGKILL, 0, 0), ==, 0);
	CHECK_INT(cgroup_signal(u, SIGTERM, 0, 0), ==, 0);
	cgroup_release(u);
	tree_end();
}

/* Forks as fast as it can; none may get away. */
TEST(cgroup_tree__kills_a_fork_bomb)
{
	struct unit *u;
	pid_t pid;

	tree_begin();
	u = unit("a.service");
	CHECK_INT(cgroup_realize(u), ==, 0);
	pid = member(u);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	pid = fork();
	if (pid == 0) {
		(void) cgroupfs_attach(u->cgroup, 0);
		for (int i = 0; i < 200; i++) {
			if (fork() == 0)
				for (;;)
					pause();
			usleep(200);
		}
		for (;;)
			pause();
	}
	/* In the middle of it, whenever it gets a processor. */
	for (int i = 0; i < 1000 && cgroup_is_empty(u) != 0; i++)
		usleep(10000);
	usleep(30000);
	CHECK_INT(cgroup_signal(u, SIGKILL, 0, 0), >=, 1);
	waitpid(pid, NULL, 0);
	for (int i = 0; i < 100 && cgroup_is_empty(u) == 0; i++)
		usleep(10000);
	CHECK_INT(cgroup_is_empty(u), ==, 1);
	cgroup_release(u);
	tree_end();
}

TEST(cgroup_tree__delegated_units_get_a_control_group)
{
	auto_free char *child = NULL;
	struct unit *u;
	int fd;

	tree_begin();
	u = unit("delegated.service");
	fd = cgroup_open(u, true);
	CHECK_INT(fd, >=, 0);
	close(fd);
	child = cgroupfs_path(u->cgroup, NULL);
	CHECK_INT(access(child, F_OK), ==, 0);
	{
		auto_free char *control = path_join(child, ".control");

		CHECK_INT(access(control, F_OK), ==, 0);
	}
	cgroup_release(u);
	CHECK_INT(access(child, F_OK), <, 0);
	tree_end();
}

TEST(cgroup_tree__adopts_what_is_there)
{
	auto_free char *path = NULL;
	struct unit *u;
	pid_t pid;

	tree_begin();
	u = unit("a.service");
	path = str_printf("%s/system.slice/a.service", root);
	CHECK_INT(unit_set_cgroup(u, path), ==, 0);
	CHECK_INT(cgroup_adopt(u), ==, 0);
	CHECK_INT(cgroupfs_create(path), >=, 0);
	pid = member(u);
	CHECK_INT(cgroup_adopt(u), ==, 1);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	turns(5);
	CHECK_INT(n_empty, >=, 1);
	/* A unit that leaves memory takes its watch along. */
	cgroup_forget(u);
	CHECK_INT(map_size(cgroup_manager_of(fx.m)->watches), ==, 0);
	(void) cgroupfs_remove(path);
	tree_end();
}

TEST(cgroup_tree__zz_leaves_nothing_behind)
{
	auto_free char *scope = str_printf("%s/init.scope", root);

	(void) cgroupfs_attach("/", 0);
	(void) cgroupfs_remove(scope);
	CHECK_INT(cgroupfs_remove(root), ==, 0);
}
