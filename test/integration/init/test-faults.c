// SPDX-License-Identifier: Apache-2.0
/*
 * The n-th call of each system call that init makes fails, made so by strace from outside: init may
 * be late, but it starts core, tells it of an exit, and starts it again when it dies.
 */
#include "check.h"
#include "world.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define NTH_MAX 2 /* or $FAULTS_NTH */

/* @in_boot: what the boot stage does, which PID 1 does itself when it cannot have a child: the first
 * fork fails, too. */
static const struct {
	const char *call, *error;
	bool in_boot;
} rows[] = {
	{"clone", "EAGAIN"},
	{"wait4,waitid", "EINTR"},
	{"execveat", "ENOMEM"},
	{"memfd_create", "EMFILE"},
	{"ftruncate", "ENOMEM"},
	{"mmap", "ENOMEM"},
	{"socketpair", "ENFILE"},
	{"vfork", "EAGAIN"},
	{"signalfd4", "EMFILE"},
	{"rt_sigprocmask", "EINVAL"},
	{"poll", "EINTR"},
	{"sendmsg", "ENOBUFS"},
	{"sendmsg", "EAGAIN"},
	{"recvmsg", "EINTR"},
	{"read", "EINTR"},
	{"open,openat", "EMFILE", true},
	{"mount", "EPERM", true},
	{"fcntl", "EINVAL"},
	{"mkdir", "ENOSPC", true},
	{"write", "EIO", true},
	{"setrlimit,prlimit64", "EPERM", true},
	{"statx", "ENOSYS", true},
	{"sigaltstack", "EPERM"},
};

/* Attaches strace to init, which waits for it. Returns strace's pid. */
static pid_t inject(const struct world *w, const char *call, const char *error, int nth,
                    bool in_boot)
{
	const char *fork_too =
		in_boot ? "inject=clone:error=EAGAIN:when=1" : "inject=acct:error=EAGAIN";
	char pid[16], what[128];
	pid_t child;

	snprintf(pid, sizeof(pid), "%d", w->init);
	snprintf(what, sizeof(what), "inject=%s:error=%s:when=%d", call, error, nth);
	fflush(NULL);
	child = fork();
	if (child == 0) {
		execlp("strace", "strace", "-q", "-o", "/dev/null", "-e", what, "-e", fork_too,
		       "-p", pid, NULL);
		_exit(127);
	}
	for (int i = 0; i < 2000 && status_number(w, "TracerPid") == 0; i++) {
		if (waitpid(child, NULL, WNOHANG) == child)
			return -1;
		usleep(1000);
	}
	return child;
}

/* Late is fine; safe mode because of somebody else's shortage is not. */
static bool lives(struct world *w)
{
	if (!world_wait(w, "start ", 6000) || !strstr(w->event, " 1 -") ||
	    strstr(w->event, "--safe-mode"))
		return false;
	if (!world_wait(w, "welcome ", 2000))
		return false;
	world_tell(w, "spawn a.service 7 0 1");
	if (!world_wait(w, "exit 1 ", 6000))
		return false;
	world_tell(w, "signal 9");
	return world_started(w, 6000);
}

TEST(faults__no_failing_call_ends_init)
{
	int failed = 0, nth_max = getenv("FAULTS_NTH") ? atoi(getenv("FAULTS_NTH")) : NTH_MAX;

	if (access("/usr/bin/strace", X_OK) < 0) {
		printf("SKIP: no strace\n");
		exit(77);
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int nth = 1; nth <= nth_max; nth++) {
			struct world w __attribute__((cleanup(world_close)));
			pid_t tracer;

			world_paused = true;
			CHECK_INT(world_open(&w, true, NULL,
			                     (const char *const[]){"--core=" FAKE_CORE, NULL}),
			          ==, 0);
			world_paused = false;
			tracer = inject(&w, rows[i].call, rows[i].error, nth, rows[i].in_boot);
			CHECK_INT(tracer, >, 0);
			kill(w.init, SIGUSR1);
			if (!lives(&w)) {
				printf("\n      %s: %s at call %d", rows[i].call, rows[i].error,
				       nth);
				failed++;
			}
			kill(w.init, SIGKILL);
			waitpid(tracer, NULL, 0);
		}
	}
	CHECK_INT(failed, ==, 0);
}
