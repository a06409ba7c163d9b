// SPDX-License-Identifier: Apache-2.0
/*
 * The ways in which PID 1 becomes another program: a new version, itself again after a fault, the
 * version before, a stage. Everything here may run in a signal handler.
 */
#include "init/init.h"

#include <fcntl.h>
#include <sys/reboot.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

extern char **environ;

struct reexec reexec = {.state_fd = -1, .fallback_fd = -1};

int self_open(void)
{
	return open("/proc/self/exe", O_PATH | O_CLOEXEC);
}

int init_exec(int exe_fd, int state_fd, int fallback_fd, const char *option, const char *value)
{
	char words[3][NAME_TEXT_MAX], *argv[5] = {(char *) "init"};
	int n = 1;

	if (value) {
		text_set(words[0], "%s%s", option, value);
		argv[n++] = words[0];
	}
	if (state_fd >= 0) {
		text_set(words[1], "--state-fd=%d", state_fd);
		argv[n++] = words[1];
	}
	if (fallback_fd >= 0) {
		text_set(words[2], "--fallback-fd=%d", fallback_fd);
		argv[n++] = words[2];
	}
	argv[n] = NULL;
	/* Not before, and known to the handler of faults: nobody else would close it in the next of us. */
	reexec.state_fd = state_fd;
	FENCE();
	fcntl(state_fd, F_SETFD, 0);
	fcntl(fallback_fd, F_SETFD, 0);
	execveat(exe_fd, "", argv, environ, AT_EMPTY_PATH);
	reexec.state_fd = -1;
	return -errno;
}

void stage_exec(const char *stage, const char *a, const char *b)
{
	char word[NAME_TEXT_MAX];
	char *const argv[] = {(char *) "init", word, (char *) (uintptr_t) a, (char *) (uintptr_t) b,
	                      NULL};
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	text_set(word, "--stage=%s", stage);
	if (st.self_fd >= 0)
		execveat((int) st.self_fd, "", argv, environ, AT_EMPTY_PATH);
	execve("/proc/self/exe", argv, environ);
	log_line(LOG_EMERG, "our own binary cannot be executed: %s; going down", error_text(errno));
	kill(-1, SIGTERM);
	sync();
	if (st.container)
		_exit(1);
	reboot(RB_AUTOBOOT);
	/* Alive and reaping (the kernel does it for us) is better than a panic. */
	signal(SIGCHLD, SIG_IGN);
	for (;;)
		pause();
}

void shutdown_now(enum wire_shutdown how, int status)
{
	char what[16], args[64];

	text_set(what, "%d", how);
	text_set(args, "%d %d %d %d", (int) st.core_pid, (int) st.watchdog_fd, (int) st.container,
	         status);
	if (st.watchdog_fd >= 0)
		fcntl((int) st.watchdog_fd, F_SETFD, 0);
	stage_exec("halt", what, args);
}

/* ---- faults ---- */

void fall_back(const char *why)
{
	if (reexec.fallback_fd >= 0)
		init_exec(reexec.fallback_fd, reexec.state_fd, -1, "--went-back=", why);
	stage_exec("rescue", why, st.rescue);
}

static void __attribute__((noreturn)) become(int exe_fd, const char *why)
{
	int fd;

	if (reexec.state_fd >= 0)
		close(reexec.state_fd);
	fd = state_save();
	if (fd >= 0) {
		state_fds(0);
		init_exec(exe_fd, fd, -1, NULL, NULL);
	}
	stage_exec("rescue", why, st.rescue);
}

extern const char __ehdr_start[] __attribute__((visibility("hidden")));

static long long fault_pc(const ucontext_t *u)
{
#if defined(__x86_64__)
	return (long long) u->uc_mcontext.gregs[REG_RIP] - (long long) (uintptr_t) __ehdr_start;
#elif defined(__aarch64__)
	return (long long) u->uc_mcontext.pc - (long long) (uintptr_t) __ehdr_start;
#else
	(void) u;
	return 0;
#endif
}

/* Core keeps the report: it hears of the fault when we are ourselves again. */
static void fault_note(int sig, const siginfo_t *si, const void *context)
{
	bool sent = si->si_code <= 0;
	struct timespec t = {0};

	clock_gettime(CLOCK_REALTIME, &t);
	text_set(st.fault, "version=%s signal=%d code=%d sender=%d address=%lld time=%lld pc=%lld",
	         init_version, sig, si->si_code, sent ? (int) si->si_pid : 0,
	         sent ? 0LL : (long long) (uintptr_t) si->si_addr,
	         (long long) t.tv_sec * SECOND + t.tv_nsec / 1000, fault_pc(context));
}

static void on_fault(int sig, siginfo_t *si, void *context)
{
	static volatile sig_atomic_t depth;
	char why[64];
	/* Somebody's kill(1) is no fault of ours: harmless to obey, but never a reason to give up. */
	bool is_stray = si->si_code <= 0 && si->si_pid != getpid();
	usec_t now = now_usec();
	int old = (int) st.init_old_fd;

	text_set(why, "signal %d", sig);
	if (is_stray && (reexec.taking_over || st.crashes >= CRASHES_MAX))
		return;
	if (reexec.taking_over) {
		if (sig == SIGALRM)
			fall_back("it did not reach its main loop in time");
		text_set(why, "signal %d in its take-over", sig);
		fall_back(why);
	}
	if (depth++)
		stage_exec("rescue", "a fault in the handling of a fault", st.rescue);
	if (now - st.crash_window > CRASH_USEC) {
		st.crash_window = now;
		st.crashes = 0;
	}
	log_line(LOG_CRIT, "signal %d in PID 1; re-executing", sig);
	fault_note(sig, si, context);
	if (++st.crashes <= CRASHES_MAX)
		become(st.self_fd >= 0 ? (int) st.self_fd : self_open(), why);
	/* Too many in a minute: the version before is worth a try, once. */
	if (old < 0)
		stage_exec("rescue", why, st.rescue);
	st.init_old_fd = -1;
	st.crashes = 0;
	fcntl(old, F_SETFD, 0);
	become(old, why);
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
