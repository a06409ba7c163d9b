// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"

#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "check.h"
#include "base/valgrind.h"

#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>

static char dir[64];

static const char *in_dir(const char *name)
{
	static char paths[4][128];
	static unsigned next;
	char *p = paths[next++ % 4];

	if (!dir[0]) {
		strcpy(dir, "/tmp/base-test-XXXXXX");
		if (!mkdtemp(dir))
			abort();
	}
	(void) snprintf(p, 128, "%s/%s", dir, name);
	return p;
}

__attribute__((destructor)) static void clean_up(void)
{
	if (dir[0])
		(void) rm_rf(dir);
}

static size_t entries(const char *path)
{
	auto_strv char **v = NULL;

	return dir_list(path, &v) < 0 ? 9999 : strv_length(v);
}

TEST(file__reading_leaves_no_access_time)
{
	const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 2000}};
	char path[] = "/tmp/test-file.XXXXXX";
	auto_free char *text = NULL;
	int fd = mkstemp(path);
	struct stat st;

	CHECK_INT(fd, >=, 0);
	CHECK_INT(write(fd, "x", 1), ==, 1);
	CHECK_INT(futimens(fd, old), ==, 0);
	CHECK_INT(file_read(path, &text, NULL), ==, 0);
	CHECK_INT(fstat(fd, &st), ==, 0);
	CHECK_INT(st.st_atim.tv_sec, ==, 1000);
	fd_close(fd);
	unlink(path);
}

TEST(file__atomic_write_replaces_whole_files)
{
	auto_free char *text = NULL;
	struct stat st;
	size_t size;

	CHECK_INT(mkdir_p(in_dir("whole"), 0755), ==, 0);
	CHECK_INT(file_write_atomic(in_dir("whole/a"), "one", 3, 0640, true), ==, 0);
	CHECK_INT(file_write_atomic(in_dir("whole/a"), "tw\0", 3, 0604, false), ==, 0);
	CHECK_INT(stat(in_dir("whole/a"), &st), ==, 0);
	CHECK_INT(st.st_mode & 07777, ==, 0604);
	CHECK_INT(file_read(in_dir("whole/a"), &text, &size), ==, 0);
	CHECK_INT(size, ==, 3);
	CHECK_INT(memcmp(text, "tw\0", 4), ==, 0);
	CHECK_INT(entries(in_dir("whole")), ==, 1);
	CHECK_INT(file_write_atomic(in_dir("whole/none/a"), "x", 1, 0600, false), ==, -ENOENT);
	CHECK_INT(file_write_atomic(in_dir("whole/.."), "x", 1, 0600, false), ==, -EINVAL);
	CHECK_INT(symlink_atomic("target", in_dir("whole/l")), ==, 0);
	CHECK_INT(symlink_atomic("a", in_dir("whole/l")), ==, 0);
	CHECK_INT(file_copy(in_dir("whole/l"), in_dir("whole/b"), 0600), ==, 0);
	free(TAKE_PTR(text));
	CHECK_INT(file_read(in_dir("whole/b"), &text, NULL), ==, 0);
	CHECK_STR(text, "tw");
	CHECK_INT(entries(in_dir("whole")), ==, 3);
}

TEST(file__reading_stops_at_the_limit)
{
	char *text = NULL;
	size_t size;

	CHECK_INT(file_write_atomic(in_dir("ten"), "0123456789", 10, 0600, false), ==, 0);
	CHECK_INT(file_read_at(AT_FDCWD, in_dir("ten"), 9, &text, &size), ==, -EFBIG);
	CHECK_INT(file_read_at(AT_FDCWD, in_dir("ten"), 10, &text, &size), ==, 0);
	CHECK_INT(size, ==, 10);
	free(TAKE_PTR(text));
	CHECK_INT(file_read("/", &text, &size), ==, -EISDIR);
	CHECK_INT(file_read(in_dir("nothing"), &text, &size), ==, -ENOENT);
	CHECK_INT(file_read_at(AT_FDCWD, "/dev/zero", 100000, &text, &size), ==, -EFBIG);
	/* What says size 0 is read all the same. */
	CHECK_INT(file_read("/proc/self/status", &text, &size), ==, 0);
	CHECK_INT(size, ==, strlen(text));
	CHECK_INT(size, >, 500);
	free(TAKE_PTR(text));
	CHECK_INT(file_read_line("/proc/self/comm", &text), ==, 0);
	CHECK(!strchr(text, '\n') && text[0]);
	free(text);
}

TEST(file__attributes_are_not_created)
{
	auto_free char *text = NULL;

	CHECK_INT(file_write_attr(in_dir("attr"), "x"), ==, -ENOENT);
	CHECK_INT(file_write_atomic(in_dir("attr"), "", 0, 0600, false), ==, 0);
	CHECK_INT(file_write_attr(in_dir("attr"), "value"), ==, 0);
	CHECK_INT(file_read(in_dir("attr"), &text, NULL), ==, 0);
	CHECK_STR(text, "value");
}

TEST(dir__make_list_remove)
{
	auto_strv char **names = NULL;

	CHECK_INT(mkdir_p(in_dir("x/y//z/./w/"), 0755), ==, 0);
	CHECK_INT(mkdir_p(in_dir("x/y/z/w"), 0755), ==, 0);
	CHECK_INT(mkdir_p("/", 0755), ==, 0);
	CHECK_INT(mkdir_parents(in_dir("x/q/file"), 0755), ==, 0);
	CHECK_INT(access(in_dir("x/q"), F_OK), ==, 0);
	CHECK_INT(access(in_dir("x/q/file"), F_OK), <, 0);
	CHECK_INT(file_write_atomic(in_dir("x/file"), "", 0, 0600, false), ==, 0);
	CHECK_INT(mkdir_p(in_dir("x/file"), 0755), ==, -ENOTDIR);
	CHECK_INT(mkdir_p(in_dir("x/file/y"), 0755), ==, -ENOTDIR);
	CHECK_INT(dir_list(in_dir("x"), &names), ==, 0);
	CHECK_INT(strv_length(names), ==, 3);
	CHECK(streq(names[0], "file") && streq(names[1], "q") && streq(names[2], "y"));
	/* A symlink is removed, not what it points to. */
	CHECK_INT(mkdir_p(in_dir("kept/in"), 0755), ==, 0);
	CHECK_INT(symlink(in_dir("kept"), in_dir("x/link")), ==, 0);
	CHECK_INT(rm_rf(in_dir("x")), ==, 0);
	CHECK_INT(access(in_dir("x"), F_OK), <, 0);
	CHECK_INT(access(in_dir("kept/in"), F_OK), ==, 0);
	CHECK_INT(rm_rf(in_dir("x")), ==, 0);
	CHECK_INT(rm_rf(""), ==, -EINVAL);
	CHECK_INT(rm_rf("/"), ==, -EINVAL);
	CHECK_INT(rm_rf("/.."), ==, -EINVAL);
}

TEST(dir__removal_stays_on_its_file_system)
{
	CHECK_INT(mkdir_p(in_dir("m/mnt"), 0755), ==, 0);
	CHECK_INT(mkdir_p(in_dir("m/bind"), 0755), ==, 0);
	CHECK_INT(mkdir_p(in_dir("source/kept"), 0755), ==, 0);
	if (mount("tmpfs", in_dir("m/mnt"), "tmpfs", 0, "") < 0) {
		printf("SKIP: may not mount ");
		return;
	}
	CHECK_INT(mount(in_dir("source"), in_dir("m/bind"), "none", MS_BIND, ""), ==, 0);
	CHECK_INT(mkdir_p(in_dir("m/mnt/kept"), 0755), ==, 0);
	CHECK_INT(rm_rf(in_dir("m")), ==, -EXDEV);
	CHECK_INT(access(in_dir("m/mnt/kept"), F_OK), ==, 0);
	CHECK_INT(access(in_dir("source/kept"), F_OK), ==, 0);
	CHECK_INT(umount(in_dir("m/mnt")), ==, 0);
	CHECK_INT(umount(in_dir("m/bind")), ==, 0);
	CHECK_INT(rm_rf(in_dir("m")), ==, 0);
}

TEST(fd__flags_memfd_and_bulk_close)
{
	auto_free char *text = NULL;
	int fd, low, status = 0;
	pid_t pid;

	if (on_valgrind()) {
		printf("SKIP: valgrind keeps fds of its own ");
		return;
	}
	fd = memfd_new_data("test", "data", 4);
	CHECK_INT(fd, >=, 0);
	CHECK_INT(file_read_fd(fd, 100, &text, NULL), ==, 0);
	CHECK_STR(text, "data");
	CHECK_INT(write(fd, "x", 1), <, 0);
	CHECK_INT(fd_set_nonblock(fd, true), ==, 0);
	CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
	CHECK_INT(fd_set_cloexec(fd, false), ==, 0);
	CHECK_INT(fcntl(fd, F_GETFD), ==, 0);
	pid = fork();
	if (pid == 0) {
		int keep[3];

		close(0);
		low = fd_move_above_stdio(dup(fd));
		if (low < 3 || fcntl(0, F_GETFD) >= 0)
			_exit(1);
		keep[0] = dup2(fd, 100);
		keep[1] = dup2(fd, 50);
		keep[2] = -EBADF;
		if (fd_close_all_except(keep, 3) < 0)
			_exit(2);
		if (fcntl(50, F_GETFD) < 0 || fcntl(100, F_GETFD) < 0 || fcntl(1, F_GETFD) < 0)
			_exit(3);
		for (int i = 3; i < 200; i++)
			if (i != 50 && i != 100 && fcntl(i, F_GETFD) >= 0)
				_exit(4);
		_exit(0);
	}
	CHECK_INT(waitpid(pid, &status, 0), ==, pid);
	CHECK_INT(status, ==, 0);
	close(fd);
	CHECK_INT(fd_close(-EBADF), ==, -EBADF);
}

TEST(socket__listen_replaces_only_what_is_stale)
{
	struct stat st;
	int a, b, c;

	a = unix_listen(in_dir("sock"), SOCK_STREAM, 0660);
	CHECK_INT(a, >=, 0);
	CHECK_INT(stat(in_dir("sock"), &st), ==, 0);
	CHECK_INT(st.st_mode & 07777, ==, 0660);
	CHECK_INT(unix_listen(in_dir("sock"), SOCK_STREAM, 0660), ==, -EADDRINUSE);
	c = unix_connect(in_dir("sock"), SOCK_STREAM);
	CHECK_INT(c, >=, 0);
	close(c);
	close(a);
	CHECK_INT(unix_connect(in_dir("sock"), SOCK_STREAM), ==, -ECONNREFUSED);
	b = unix_listen(in_dir("sock"), SOCK_SEQPACKET, 0600);
	CHECK_INT(b, >=, 0);
	close(b);
	CHECK_INT(file_write_atomic(in_dir("file"), "", 0, 0600, false), ==, 0);
	CHECK_INT(unix_listen(in_dir("file"), SOCK_STREAM, 0600), ==, -EADDRINUSE);
	CHECK_INT(access(in_dir("file"), F_OK), ==, 0);
	CHECK_INT(unix_listen("", SOCK_STREAM, 0600), ==, -EINVAL);
	CHECK_INT(unix_listen("/1234567890123456789012345678901234567890123456789012345678901234567"
	                      "8901234567890"
	                      "1234567890123456789012345678901234567890",
	                      SOCK_STREAM, 0600),
	          ==, -ENAMETOOLONG);
	a = unix_listen("@sysmaster-test-file", SOCK_DGRAM, 0600);
	CHECK_INT(a, >=, 0);
	c = unix_connect("@sysmaster-test-file", SOCK_DGRAM);
	CHECK_INT(c, >=, 0);
	close(a);
	close(c);
}

static size_t count_fds(void)
{
	return entries("/proc/self/fd");
}

TEST(socket__fds_travel_and_never_leak)
{
	int pair[2], fds[8], got[8];
	size_t n = 99, before;
	char data[4];

	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
	for (size_t i = 0; i < 8; i++)
		fds[i] = pair[0];
	before = count_fds();
	CHECK_INT(fd_send_fds(pair[0], "abc", 3, fds, 2), ==, 0);
	CHECK_INT(fd_recv_fds(pair[1], data, sizeof(data), got, 8, &n), ==, 3);
	CHECK_INT(n, ==, 2);
	CHECK(fcntl(got[0], F_GETFD) & FD_CLOEXEC);
	close(got[0]);
	close(got[1]);
	CHECK_INT(fd_send_fds(pair[0], "abc", 3, fds, 8), ==, 0);
	CHECK_INT(fd_recv_fds(pair[1], data, sizeof(data), got, 4, &n), ==, -EXFULL);
	CHECK_INT(count_fds(), ==, before);
	CHECK_INT(fd_send_fds(pair[0], "abc", 3, NULL, 0), ==, 0);
	CHECK_INT(fd_recv_fds(pair[1], data, sizeof(data), NULL, 0, &n), ==, 3);
	CHECK_INT(n, ==, 0);
	close(pair[0]);
	CHECK_INT(fd_recv_fds(pair[1], data, sizeof(data), got, 4, &n), ==, 0);
	CHECK_INT(fd_send_fds(pair[1], "abc", 3, NULL, 0), ==, -EPIPE);
	close(pair[1]);
}

static unsigned long fail_at, fault_calls;

static int fault(const char *call, unsigned long serial)
{
	(void) call;
	(void) serial;
	return ++fault_calls == fail_at ? -EIO : 0;
}

TEST(sys__each_failing_call_leaves_the_old_file_and_no_temporary)
{
	CHECK_INT(rm_rf(in_dir("fault")), ==, 0);
	CHECK_INT(mkdir_p(in_dir("fault"), 0755), ==, 0);
	CHECK_INT(file_write_atomic(in_dir("fault/f"), "old", 3, 0600, true), ==, 0);
	for (fail_at = 1;; fail_at++) {
		auto_free char *text = NULL;
		size_t before = count_fds();
		unsigned long seen;
		int r;

		fault_calls = 0;
		sys_fault = fault;
		r = file_write_atomic(in_dir("fault/f"), "new", 3, 0600, true);
		sys_fault = NULL;
		seen = fault_calls;
		CHECK_INT(entries(in_dir("fault")), ==, 1);
		CHECK_INT(count_fds(), ==, before);
		CHECK_INT(file_read(in_dir("fault/f"), &text, NULL), ==, 0);
		if (seen < fail_at) {
			CHECK_INT(r, ==, 0);
			CHECK_STR(text, "new");
			break;
		}
		CHECK_INT(r, ==, -EIO);
		/* Only the last, the sync of the directory, may fail when the file is in its place.
		 */
		CHECK(streq(text, "old") || fail_at == 4);
	}
	CHECK_INT(fail_at, ==, 5);
}
