// SPDX-License-Identifier: Apache-2.0
/*
 * The child runs in core's memory, on a stack of its own, until its execve: no page is copied,
 * however large core is. It may therefore only make system calls: no allocation, no lock, no writing
 * to anything but the request's error.
 *
 * spawn() waits for the execve, as vfork does. spawn_detached() (detached.c) does not.
 */
#include "exec/clone.h"

#include "base/fault.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILD_STACK_SIZE (16 * 1024)

struct child_start {
	const struct spawn_request *q;
	int error; /* of execve, told through the shared memory */
};

/* All handlers to default: until execve a signal would run core's handler in core's memory. */
static void reset_signals(void)
{
	struct sigaction sa = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		if (i != SIGKILL && i != SIGSTOP)
			(void) sigaction(i, &sa, NULL);
	sigemptyset(&none);
	(void) sigprocmask(SIG_SETMASK, &none, NULL);
}

static int child_stdio(const int *stdio)
{
	int copies[3];

	/* First out of the way of 0 to 2, so that none of them is overwritten before it was used.
	 */
	for (int i = 0; i < 3; i++) {
		copies[i] = fcntl(stdio[i], F_DUPFD_CLOEXEC, 3);
		if (copies[i] < 0)
			return -errno;
	}
	for (int i = 0; i < 3; i++)
		if (dup2(copies[i], i) < 0)
			return -errno;
	return 0;
}

__attribute__((noinline, no_sanitize("address", "undefined"))) static int child_main(void *arg)
{
	struct child_start *s = arg;
	const struct spawn_request *q = s->q;
	int r = 0;

	if (q->stdio)
		r = child_stdio(q->stdio);
	FAULT_POINT_IN_CHILD("spawn.child");
	if (q->clean) {
		reset_signals();
		(void) setsid();
		(void) syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC);
	}
	for (size_t i = 0; r >= 0 && i < q->n_keep; i++)
		if (fcntl(q->keep[i], F_SETFD, 0) < 0)
			r = -errno;
	if (r >= 0) {
		if (q->program_fd >= 0)
			(void) syscall(SYS_execveat, q->program_fd, "", q->argv, q->environment,
			               AT_EMPTY_PATH);
		else
			(void) execve(q->path, q->argv, q->environment);
		r = -errno;
	}
	s->error = r;
	_exit(203);
}

/*
 * The system call returns twice on different stacks, so what follows it in the child must not touch
 * this frame: straight into child_main(), which never returns.
 */
#if defined(__x86_64__)
__attribute__((noinline)) long clone3_call(struct clone_args *a, int (*fn)(void *), void *arg)
{
	long ret;

	__asm__ volatile("syscall\n\t"
	                 "test %%rax, %%rax\n\t"
	                 "jnz 1f\n\t"
	                 "xor %%ebp, %%ebp\n\t"
	                 "mov %[arg], %%rdi\n\t"
	                 "call *%[fn]\n\t"
	                 "hlt\n"
	                 "1:"
	                 : "=a"(ret)
	                 : "0"((long) SYS_clone3), "D"(a),
	                   "S"(sizeof(*a)), [fn] "r"(fn), [arg] "r"(arg)
	                 : "rcx", "r11", "memory", "cc");
	return ret;
}
#elif defined(__aarch64__)
__attribute__((noinline)) long clone3_call(struct clone_args *a, int (*fn)(void *), void *arg)
{
	register long x8 __asm__("x8") = SYS_clone3;
	register long x0 __asm__("x0") = (long) a;
	register long x1 __asm__("x1") = sizeof(*a);
	register long x9 __asm__("x9") = (long) fn;
	register long x10 __asm__("x10") = (long) arg;

	__asm__ volatile("svc 0\n\t"
	                 "cbnz x0, 1f\n\t"
	                 "mov x29, xzr\n\t"
	                 "mov x0, x10\n\t"
	                 "blr x9\n\t"
	                 "brk 1\n"
	                 "1:"
	                 : "+r"(x0)
	                 : "r"(x8), "r"(x1), "r"(x9), "r"(x10)
	                 : "memory", "cc", "x30");
	return x0;
}
#endif

static pid_t clone_call(struct child_start *s, char *stack, int *ret_pidfd, bool *ret_attached)
{
	const struct spawn_request *q = s->q;
	unsigned flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD |
	                 (q->flags & SPAWN_SIBLING ? CLONE_PARENT : 0);
	int pidfd = -EBADF;
	long pid;

#ifdef HAVE_CLONE3_CALL
	struct clone_args a = {
		.flags = flags | (q->cgroup_fd >= 0 ? CLONE_INTO_CGROUP : 0),
		.pidfd = (uint64_t) (uintptr_t) &pidfd,
		/* A sibling's end is reported by the signal that ours is; the kernel wants zero
	           then. */
		.exit_signal = q->flags & SPAWN_SIBLING ? 0 : SIGCHLD,
		.stack = (uint64_t) (uintptr_t) stack,
		.stack_size = CHILD_STACK_SIZE,
		.cgroup = q->cgroup_fd >= 0 ? (uint64_t) q->cgroup_fd : 0,
	};

	pid = clone3_call(&a, child_main, s);
	*ret_attached = true;
	/* ENOSYS: also what container seccomp policies answer. EINVAL: no CLONE_INTO_CGROUP
	 * (before 5.7). */
	if (pid != -ENOSYS && pid != -EINVAL && !(pid == -EPERM && q->cgroup_fd >= 0)) {
		if (pid > 0)
			*ret_pidfd = pidfd;
		return (pid_t) pid;
	}
#endif
	*ret_attached = q->cgroup_fd < 0;
	pid = clone(child_main, stack + CHILD_STACK_SIZE,
	            (int) flags | (q->flags & SPAWN_SIBLING ? 0 : SIGCHLD), s, &pidfd);
	if (pid < 0)
		return -errno;
	*ret_pidfd = pidfd;
	return (pid_t) pid;
}

pid_t spawn(const struct spawn_request *q, int *ret_pidfd, bool *ret_attached)
{
	static char stack[CHILD_STACK_SIZE] __attribute__((aligned(64)));
	struct child_start s = {.q = q};
	bool attached = true;
	sigset_t all, old;
	int pidfd = -EBADF;
	pid_t pid;

	/* A handler must not run in the child on core's data. */
	sigfillset(&all);
	if (sigprocmask(SIG_SETMASK, &all, &old) < 0)
		return -errno;
	FAULT_POINT("spawn.clone.before");
	pid = clone_call(&s, stack, &pidfd, &attached);
	FAULT_POINT("spawn.clone.after");
	(void) sigprocmask(SIG_SETMASK, &old, NULL);
	if (pid > 0 && s.error < 0) {
		/* It is gone already. A sibling is init's to reap; ours we reap here. */
		if (!(q->flags & SPAWN_SIBLING)) {
			siginfo_t si;

			(void) waitid(P_PID, (id_t) pid, &si, WEXITED);
		}
		(void) fd_close(pidfd);
		return s.error;
	}
	if (pid > 0) {
		*ret_pidfd = pidfd;
		if (ret_attached)
			*ret_attached = attached;
	}
	return pid;
}
