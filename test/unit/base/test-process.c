// SPDX-License-Identifier: Apache-2.0
#include "base/cgroupfs.h"

#include "base/fd.h"
#include "base/id128.h"
#include "base/path.h"
#include "base/pidref.h"
#include "base/str.h"
#include "check.h"
#include "base/valgrind.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static pid_t sleeper(const char *name)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_NAME, name);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return pid;
}

TEST(id128__text_forms)
{
	char text[ID128_TEXT_MAX];
	struct id128 a, b;

	CHECK_INT(id128_parse("0123456789abcdefFEDCBA9876543210", &a), ==, 0);
	CHECK_STR(id128_format(&a, text), "0123456789abcdeffedcba9876543210");
	CHECK_INT(id128_parse("01234567-89ab-cdef-fedc-ba9876543210", &b), ==, 0);
	CHECK(id128_equal(&a, &b));
	for (const char *const *s =
	             (const char *const[]){"", "0", "0123456789abcdeffedcba987654321g",
	                                   "0123456789abcdeffedcba98765432100",
	                                   "012345678-9ab-cdef-fedc-ba9876543210", NULL};
	     *s; s++)
		CHECK_INT(id128_parse(*s, &b), ==, -EINVAL);
	CHECK_INT(id128_parse(NULL, &b), ==, -EINVAL);
	CHECK_INT(id128_random(&a), ==, 0);
	CHECK_INT(id128_random(&b), ==, 0);
	CHECK(!id128_equal(&a, &b) && !id128_is_null(&a));
	CHECK_INT(a.bytes[6] >> 4, ==, 4);
	CHECK_INT(a.bytes[8] >> 6, ==, 2);
	CHECK_INT(id128_boot(&a), ==, 0);
}

TEST(pidref__knows_its_process_from_a_successor)
{
	pid_t pid = sleeper("a) b (c");
	struct pidref p, q, by_time;
	auto_free char *comm = NULL, *line = NULL;
	int status;

	if (on_valgrind()) {
		printf("SKIP: valgrind knows no pidfd ");
		CHECK_INT(kill(pid, SIGKILL), ==, 0);
		CHECK_INT(waitpid(pid, &status, 0), ==, pid);
		return;
	}
	CHECK_INT(pidref_open(pid, &p), ==, 0);
	CHECK_INT(pidref_verify(&p), ==, 0);
	CHECK_INT(p.start_time, >, 0);
	CHECK_INT(pidref_open_verified(pid, p.start_time + 1, &q), ==, -ESRCH);
	CHECK_INT(pidref_open_verified(pid, p.start_time, &q), ==, 0);
	pidref_done(&q);
	by_time = (struct pidref){pid, -EBADF, p.start_time};
	CHECK_INT(pidref_verify(&by_time), ==, 0);
	by_time.start_time++;
	CHECK_INT(pidref_verify(&by_time), ==, -ESRCH);
	CHECK_INT(pidref_kill(&by_time, SIGKILL), ==, -ESRCH);
	usleep(20000);
	CHECK_INT(pid_comm(pid, &comm), ==, 0);
	CHECK_STR(comm, "a) b (c");
	CHECK_INT(pid_cmdline(pid, 1000, &line), ==, 0);
	CHECK(strstr(line, "test-unit-base.process"));
	by_time.start_time--;
	CHECK_INT(pidref_kill(&by_time, SIGKILL), ==, 0);
	CHECK_INT(waitid(P_PID, (id_t) pid, NULL, WEXITED | WNOWAIT), ==, 0);
	/* A zombie still counts. */
	CHECK_INT(pidref_verify(&p), ==, 0);
	free(TAKE_PTR(line));
	CHECK_INT(pid_cmdline(pid, 1000, &line), ==, 0);
	CHECK_STR(line, "[a) b (c]");
	CHECK_INT(waitpid(pid, &status, 0), ==, pid);
	CHECK_INT(pidref_verify(&p), ==, -ESRCH);
	CHECK_INT(pidref_verify(&by_time), ==, -ESRCH);
	CHECK_INT(pidref_kill(&p, SIGTERM), ==, -ESRCH);
	pidref_done(&p);
	CHECK(!pidref_is_set(&p));
	CHECK_INT(pidref_open(pid, &p), ==, -ESRCH);
	CHECK_INT(pidref_open(0, &p), ==, -ESRCH);
	CHECK_INT(pidref_open(-1, &p), ==, -ESRCH);
}

TEST(pidref__command_line_is_cut_at_the_limit)
{
	auto_free char *line = NULL;

	CHECK_INT(pid_cmdline(getpid(), 5, &line), ==, 0);
	CHECK_INT(strlen(line), ==, 5);
}

/* ---- cgroups: first in a plain folder, then in the kernel's own if there is one that we may use
 * ---- */

TEST(cgroupfs__attributes)
{
	char dir[] = "/tmp/cgroupfs-test-XXXXXX";
	auto_free char *path = NULL, *text = NULL, *file = NULL;
	uint64_t v;

	CHECK(mkdtemp(dir) != NULL);
	setenv("SYSMASTER_CGROUP_ROOT", dir, 1);
	CHECK_INT(cgroupfs_create("/a/b"), ==, 1);
	CHECK_INT(cgroupfs_create("/a/b"), ==, 0);
	CHECK_INT(cgroupfs_create("/a/../../b"), ==, -EINVAL);
	path = cgroupfs_path("/a/b", "memory.max");
	file = str_printf("%s/a/b/memory.max", dir);
	CHECK_STR(path, file);
	CHECK_INT(cgroupfs_write("/a/b", "memory.max", "1"), ==, -ENOENT);
	CHECK_INT(file_write_atomic(file, "max\n", 4, 0600, false), ==, 0);
	CHECK_INT(cgroupfs_read("/a/b", "memory.max", &text), ==, 0);
	CHECK_STR(text, "max");
	CHECK_INT(cgroupfs_read_u64("/a/b", "memory.max", &v), ==, 0);
	CHECK(v == UINT64_MAX);
	CHECK_INT(file_write_atomic(file, "low 1\nlowest 22\nhigh x\n", 23, 0600, false), ==, 0);
	CHECK_INT(cgroupfs_read_key("/a/b", "memory.max", "lowest", &v), ==, 0);
	CHECK_INT(v, ==, 22);
	CHECK_INT(cgroupfs_read_key("/a/b", "memory.max", "none", &v), ==, -ENODATA);
	CHECK_INT(cgroupfs_read_key("/a/b", "memory.max", "high", &v), ==, -EINVAL);
	CHECK_INT(cgroupfs_read("/a/b", "../x", &text), ==, -EINVAL);
	CHECK_INT(cgroupfs_is_populated("/a/b"), ==, 0);
	CHECK_INT(cgroupfs_remove("/"), ==, -EINVAL);
	CHECK_INT(cgroupfs_kill("/"), ==, -EINVAL);
	CHECK_INT(rm_rf(dir), ==, 0);
	unsetenv("SYSMASTER_CGROUP_ROOT");
}

static int count_pid(pid_t pid, void *userdata)
{
	(void) pid;
	++*(unsigned *) userdata;
	return 0;
}

TEST(cgroupfs__processes_are_found_and_killed)
{
	auto_free char *own = NULL, *of_child = NULL, *cgroup = NULL, *below = NULL;
	pid_t pids[3];
	unsigned n = 0;
	int fd;

	cgroup = str_printf("/sysmaster-test-%d", (int) getpid());
	below = str_printf("%s/below", cgroup);
	if (!cgroupfs_root() || cgroupfs_create(below) < 0) {
		printf("SKIP: no cgroup2 that may be written ");
		return;
	}
	CHECK_INT(cgroupfs_of_pid(0, &own), ==, 0);
	CHECK_INT(cgroupfs_is_populated(cgroup), ==, 0);
	for (unsigned i = 0; i < 3; i++) {
		pids[i] = sleeper("in-cgroup");
		CHECK_INT(cgroupfs_attach(i ? below : cgroup, pids[i]), ==, 0);
	}
	CHECK_INT(cgroupfs_of_pid(pids[1], &of_child), ==, 0);
	CHECK_STR(of_child, below);
	CHECK_INT(cgroupfs_is_populated(cgroup), ==, 1);
	CHECK_INT(cgroupfs_foreach_pid(cgroup, false, count_pid, &n), ==, 0);
	CHECK_INT(n, ==, 1);
	CHECK_INT(cgroupfs_foreach_pid(cgroup, true, count_pid, &n), ==, 0);
	CHECK_INT(n, ==, 4);
	fd = cgroupfs_open_dir(below);
	CHECK_INT(fd, >=, 0);
	close(fd);
	CHECK_INT(cgroupfs_remove(cgroup), ==, -EBUSY);
	CHECK_INT(cgroupfs_kill(cgroup), ==, 0);
	for (unsigned i = 0; i < 3; i++)
		CHECK_INT(waitpid(pids[i], NULL, 0), ==, pids[i]);
	CHECK_INT(cgroupfs_is_populated(cgroup), ==, 0);
	CHECK_INT(cgroupfs_remove(cgroup), ==, 0);
	CHECK_INT(cgroupfs_remove(cgroup), ==, 0);
	CHECK_INT(cgroupfs_is_populated(cgroup), ==, 0);
	CHECK_INT(cgroupfs_foreach_pid(cgroup, true, count_pid, &n), ==, 0);
}
