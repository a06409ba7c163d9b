// SPDX-License-Identifier: Apache-2.0
#include "init/init.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILD_FDS 5

extern char **environ;

/* Written by the child, which shares our memory until it execs. */
static volatile int spawn_errno;

void child_reset(void)
{
	struct rlimit nofile;
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (getrlimit(RLIMIT_NOFILE, &nofile) == 0 && nofile.rlim_cur > NOFILE_SERVICE) {
		nofile.rlim_cur = NOFILE_SERVICE;
		setrlimit(RLIMIT_NOFILE, &nofile);
	}
}

/* Moves @fds to their places. Sources may lie where another one has to go, hence first out of the
 * way. */
static int child_fds(const int fds[CHILD_FDS])
{
	int moved[CHILD_FDS], top = STDERR_FILENO;

	for (int i = 0; i < CHILD_FDS; i++) {
		moved[i] = fds[i] < 0 ? -1 : fcntl(fds[i], F_DUPFD_CLOEXEC, 16);
		if (fds[i] >= 0 && moved[i] < 0)
			return -errno;
	}
	for (int i = 0; i < CHILD_FDS; i++) {
		if (moved[i] >= 0 && dup2(moved[i], i) < 0)
			return -errno;
		if (moved[i] >= 0 && i > top)
			top = i;
	}
	return close_range((unsigned) top + 1, ~0U, CLOSE_RANGE_CLOEXEC) < 0 ? -errno : 0;
}

static void __attribute__((noreturn))
child_run(int exec_fd, const char *const *argv, const int fds[CHILD_FDS], bool own_session)
{
	int fd = fcntl(exec_fd, F_DUPFD_CLOEXEC, 32), r;

	/* Before the limits: with a full vault all low numbers are taken. */
	r = fd < 0 ? -errno : child_fds(fds);
	child_reset();
	if (own_session)
		setsid();
	if (r == 0) {
		execveat(fd, "", (char *const *) (uintptr_t) argv, environ, AT_EMPTY_PATH);
		r = -errno;
	}
	spawn_errno = -r;
	_exit(127);
}

int spawn(int exec_fd, const char *const *argv, const int fds[CHILD_FDS], bool own_session,
          long long *ret_pid)
{
	siginfo_t si;
	pid_t pid;

	spawn_errno = 0;
	pid = vfork();
	if (pid == 0)
		child_run(exec_fd, argv, fds, own_session);
	if (pid < 0)
		return -errno;
	if (!spawn_errno) {
		*ret_pid = pid;
		return 0;
	}
	/* It has called _exit() already. */
	while (waitid(P_PID, (id_t) pid, &si, WEXITED) < 0 && errno == EINTR)
		;
	return -spawn_errno;
}
