// SPDX-License-Identifier: Apache-2.0
/*
 * Tries what is to replace something. Fd 3 is the binary, fd 4 our state, stdout where we say what
 * is wrong; the exit status is an errno, 0 when all is well.
 */
#include "init/stage/stage.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BINARY_FD 3
#define STATE_FD  4
#define ANSWER    "state-ok "

/* Waits for a child and kills it when it takes too long. Returns 0, -ETIMEDOUT, -EBADMSG. */
static int wait_limited(long long pid, struct text *why)
{
	usec_t end = now_usec() + CHECK_USEC;
	struct timespec nap = {.tv_nsec = 20 * 1000 * 1000};
	siginfo_t si = {0};
	sigset_t chld;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
	while (waitid(P_PID, (id_t) pid, &si, WEXITED | WNOHANG) == 0 && !si.si_pid &&
	       now_usec() < end)
		sigtimedwait(&chld, NULL, &nap);
	if (!si.si_pid) {
		kill((pid_t) pid, SIGKILL);
		text_add(why, "took more than %d s", (int) (CHECK_USEC / SECOND));
		return -ETIMEDOUT;
	}
	if (si.si_code == CLD_EXITED && si.si_status == 0)
		return 0;
	text_add(why, "%s %d", si.si_code == CLD_EXITED ? "exited" : "killed", si.si_status);
	return -EBADMSG;
}

int init_is_ours(int exe_fd, int state_fd, long long nonce, struct text *why)
{
	static const char *const argv[] = {"init", "--self-check", "--state-fd=3", NULL};
	char wanted[64], answer[64] = "";
	int fds[5] = {-1, memfd_create("answer", MFD_CLOEXEC), -1, state_fd, -1}, r;
	long long pid;

	if (fds[1] < 0)
		return -errno;
	text_set(wanted, ANSWER "%lld\n", nonce);
	r = spawn(exe_fd, argv, fds, true, &pid);
	if (r == 0)
		r = wait_limited(pid, why);
	/* /bin/true is no init, whatever its exit status says. */
	if (r == 0 &&
	    (pread(fds[1], answer, sizeof(answer) - 1, 0) <= 0 || strcmp(answer, wanted) != 0)) {
		text_add(why, "did not read our state");
		r = -EBADMSG;
	}
	close(fds[1]);
	return r;
}

int self_check(int state_fd)
{
	char buf[64];
	struct text t = TEXT_IN(buf);
	int r = state_load(state_fd);

	if (r == 0)
		text_add(&t, ANSWER "%lld\n", st.helper_nonce);
	else
		text_add(&t, "state: %s\n", error_text(r));
	return write(STDOUT_FILENO, buf, t.used) == (ssize_t) t.used && r == 0 ? 0 : 1;
}

/* Says what @r and @why come to. Returns the exit status. */
static int verdict(int r, const char *why)
{
	char buf[NAME_TEXT_MAX];
	struct text t = TEXT_IN(buf);

	if (r == 0)
		return 0;
	if (*why)
		text_add(&t, "its self-check failed, the running version goes on: %s", why);
	else
		text_add(&t, "cannot be executed: %s", error_text(r));
	return write(STDOUT_FILENO, buf, t.used) < 0 ? errno : -r;
}

static long long nonce_parse(const char *s)
{
	long long nonce = -1;

	return s && number_parse(&s, s + strlen(s), &nonce) == 0 ? nonce : -1;
}

int stage_check_core(char **argv)
{
	static const char *const core[] = {"core", "--self-check", NULL};
	/* What it prints is for the log, not for the answer. */
	const int fds[5] = {-1, STDERR_FILENO, -1, -1, -1};
	char buf[64] = "";
	struct text why = TEXT_IN(buf);
	long long pid;
	int r = spawn(BINARY_FD, core, fds, true, &pid);

	(void) argv;
	if (r == 0)
		r = wait_limited(pid, &why);
	return verdict(r, buf);
}

int stage_check_init(char **argv)
{
	char buf[64] = "";
	struct text why = TEXT_IN(buf);

	return verdict(
		init_is_ours(BINARY_FD, STATE_FD, nonce_parse(argv[0] ? argv[1] : NULL), &why),
		buf);
}

void root_words(char *words, const char **ret_init)
{
	char *blank = strchr(words, ' ');

	*ret_init = blank && blank[1] ? blank + 1 : "/sbin/init";
	if (blank)
		*blank = '\0';
}

static int refuse(int error, const char *what, const char *which)
{
	char buf[NAME_TEXT_MAX];
	struct text t = TEXT_IN(buf);

	text_add(&t, "%s%s", what, which);
	return write(STDOUT_FILENO, buf, t.used) < 0 ? errno : error;
}

/* Everything that can be known before a mount is moved. */
int stage_check_root(char **argv)
{
	struct statx sx;
	const char *init;

	if (!argv[0])
		return refuse(EINVAL, "no root was named", "");
	if (state_load(STATE_FD) < 0)
		return refuse(EBADMSG, "the state cannot be read", "");
	root_words(argv[0], &init);
	if (st.container)
		return refuse(EPERM, "a container has no other root", "");
	if (*argv[0] != '/' || chdir(argv[0]) < 0)
		return refuse(EINVAL, "not a folder with an absolute path: ", argv[0]);
	if (statx(AT_FDCWD, ".", AT_NO_AUTOMOUNT, STATX_TYPE, &sx) < 0 ||
	    !(sx.stx_attributes & STATX_ATTR_MOUNT_ROOT))
		return refuse(EINVAL, "nothing is mounted at ", argv[0]);
	/* Its links are meant to be followed inside of it. */
	if (chroot(".") < 0)
		return refuse(errno, "chroot: ", error_text(errno));
	if (access(init, X_OK) < 0)
		return refuse(errno, "it has no init that can be executed at ", init);
	return 0;
}
