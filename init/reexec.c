// SPDX-License-Identifier: Apache-2.0
/*
 * The ways in which PID 1 becomes another program: a new version, itself again after a fault, the
 * version before, a rescue. Everything here may run in a signal handler.
 */
#include "init/init.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

struct reexec reexec = {.state_fd = -1, .fallback_fd = -1};

int self_open(void)
{
	return open("/proc/self/exe", O_PATH | O_CLOEXEC);
}

int init_exec(int exe_fd, int state_fd, int fallback_fd, const char *went_back)
{
	static char state[32], fallback[32], back[NAME_TEXT_MAX];
	static char *argv[ARGS_MAX + 5];
	int n = 0;

	argv[n++] = reexec.argv0;
	text_set(state, "--state-fd=%d", state_fd);
	text_set(fallback, "--fallback-fd=%d", fallback_fd);
	text_set(back, "--went-back=%s", went_back);
	if (state_fd >= 0)
		argv[n++] = state;
	if (fallback_fd >= 0)
		argv[n++] = fallback;
	if (went_back)
		argv[n++] = back;
	for (int i = 0; i < reexec.n_args; i++)
		argv[n++] = reexec.args[i];
	argv[n] = NULL;
	execveat(exe_fd, "", argv, environ, AT_EMPTY_PATH);
	return -errno;
}

/* ---- rescue ---- */

static const char *const rescue_programs[] = {NULL /* settings.rescue */,
                                              "/usr/lib/sysmaster/rescue", "/bin/sh"};

static const char *rescue_path(size_t i)
{
	return rescue_programs[i] ? rescue_programs[i] : settings.rescue;
}

void rescue_exec(const char *why)
{
	int console = open("/dev/console", O_RDWR | O_NOCTTY);

	log_line(LOG_EMERG, "cannot go on (%s); executing a rescue program as PID 1", why);
	for (int i = 0; console >= 0 && i < 3; i++)
		dup2(console, i);
	child_reset();
	ioctl(STDIN_FILENO, TIOCSCTTY, 1);
	for (size_t i = 0; i < COUNT(rescue_programs); i++) {
		const char *path = rescue_path(i);
		char *argv[] = {(char *) (uintptr_t) path, NULL};

		if (path)
			execve(path, argv, environ);
	}
	log_line(LOG_EMERG, "no rescue program could be executed: %s", error_text(errno));
	/* Alive and reaping (the kernel does it for us) is better than a panic. */
	signal(SIGCHLD, SIG_IGN);
	for (;;)
		pause();
}

/* A rescue shell as a child, while PID 1 goes on. */
int rescue_open(void)
{
	int console, r = -ENOENT;

	if (st.helper_kind != HELPER_NONE)
		return -EBUSY;
	console = open("/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC);
	for (size_t i = 0; r < 0 && i < COUNT(rescue_programs); i++) {
		const char *path = rescue_path(i);
		char *argv[] = {(char *) (uintptr_t) path, NULL};
		int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
		struct spawn s = {.exec_fd = fd,
		                  .argv = argv,
		                  .fds = {console, console, console, -1, -1},
		                  .console = console >= 0};

		if (fd < 0)
			continue;
		r = spawn(&s, &st.helper_pid);
		close(fd);
	}
	if (console >= 0)
		close(console);
	if (r < 0)
		return r;
	st.helper_kind = HELPER_RESCUE;
	st.helper_deadline = USEC_NEVER;
	return 0;
}

/* ---- faults ---- */

void fall_back(const char *why)
{
	if (reexec.fallback_fd >= 0)
		init_exec(reexec.fallback_fd, reexec.state_fd, -1, why);
	rescue_exec(why);
}

/* Too many faults in a minute: the version before is worth a try, once. */
static void crash_last_resort(void)
{
	int old = (int) st.init_old_fd, fd;

	st.init_old_fd = -1;
	st.crashes = 0;
	if (old < 0)
		return;
	fd = state_save();
	if (fd >= 0) {
		state_keep_fds(true);
		init_exec(old, fd, -1, NULL);
	}
}

static void on_fault(int sig, siginfo_t *si, void *context)
{
	static volatile sig_atomic_t depth;
	char why[64];
	usec_t now = now_usec();
	int fd;

	(void) context;
	text_set(why, "signal %d", sig);
	/* Somebody's kill(1) in the moment of a take-over is no fault of it. */
	if (reexec.taking_over && si->si_code <= 0 && si->si_pid != getpid())
		return;
	if (reexec.taking_over) {
		text_set(why,
		         sig == SIGALRM ? "it did not reach its main loop in time"
		                        : "signal %d in its take-over",
		         sig);
		fall_back(why);
	}
	if (depth++)
		rescue_exec("a fault in the handling of a fault");
	if (now - st.crash_window > CRASH_USEC) {
		st.crash_window = now;
		st.crashes = 0;
	}
	if (++st.crashes > CRASHES_MAX) {
		crash_last_resort();
		rescue_exec(why);
	}
	log_line(LOG_CRIT, "signal %d in PID 1; re-executing", sig);
	fd = state_save();
	if (fd >= 0) {
		state_keep_fds(true);
		init_exec(st.self_fd >= 0 ? (int) st.self_fd : self_open(), fd, -1, NULL);
	}
	rescue_exec(why);
}

void faults_open(bool watchdog)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
	static char stack[FAULT_STACK];
	stack_t alt = {.ss_sp = stack, .ss_size = sizeof(stack)};
	/* A second fault must come through: with the signal blocked the kernel would end us. */
	struct sigaction sa = {.sa_sigaction = on_fault,
	                       .sa_flags = SA_ONSTACK | SA_NODEFER | SA_SIGINFO};
	struct itimerval timer = {.it_value.tv_sec = watchdog ? TAKE_OVER_SECS : 0};

	sigaltstack(&alt, NULL);
	for (size_t i = 0; i < COUNT(faults); i++)
		sigaction(faults[i], &sa, NULL);
	if (!watchdog)
		sa = (struct sigaction){.sa_handler = SIG_DFL};
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}
