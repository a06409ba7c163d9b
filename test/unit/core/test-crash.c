// SPDX-License-Identifier: Apache-2.0
/* What a crash says of who called whom: from our own code, from inside of the C library, and with a
 * stack that is no stack. */
#include "check.h"
#include "crash/crash.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define MAX_FRAMES 24
#define SPAN       1024

static int report_fd;

static void on_crash(int sig, siginfo_t *si _unused_, void *context)
{
	uintptr_t frames[MAX_FRAMES];
	int n = crash_frames(context, frames, MAX_FRAMES);

	if (write(report_fd, frames, (size_t) n * sizeof(*frames)) < 0)
		_exit(1);
	_exit(sig);
}

/* Kept apart by volatile counters, or the compiler would make one function, or a jump, of them. */
static volatile int calls;

static __attribute__((noinline, aligned(SPAN))) void innermost(void (*die)(void))
{
	calls++;
	die();
	calls++;
}

static __attribute__((noinline, aligned(SPAN))) void middle(void (*die)(void))
{
	calls++;
	innermost(die);
	calls++;
}

/* Not a leaf: gcc gives those no frame, whatever it is told, and their caller is then missing in the list. */
static __attribute__((noinline, aligned(SPAN))) void die_of_fault(void)
{
	static int *volatile nowhere = (int *) 16;

	calls += getpid() > 0;
	*nowhere = 1;
	calls += getpid() > 0;
}

static __attribute__((noinline, aligned(SPAN))) void die_in_libc(void)
{
	abort();
}

static __attribute__((noinline, aligned(SPAN))) void die_without_stack(void)
{
#if defined(__x86_64__)
	__asm__ volatile("mov $64, %%rsp\n\tmov $72, %%rbp\n\tud2" ::: "memory");
#elif defined(__aarch64__)
	__asm__ volatile("mov x9, #64\n\tmov sp, x9\n\tmov x29, x9\n\tudf #0" ::: "memory");
#else
	abort();
#endif
}

/* Frames of a child that dies in @die; their number, or -1. */
static int frames_of(void (*die)(void), uintptr_t frames[static MAX_FRAMES])
{
	struct sigaction sa = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	int fds[2], status;
	ssize_t n;
	pid_t pid;

	if (pipe(fds) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		static char stack[65536];

		report_fd = fds[1];
		sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof(stack)}, NULL);
		sigaction(SIGSEGV, &sa, NULL);
		sigaction(SIGABRT, &sa, NULL);
		sigaction(SIGILL, &sa, NULL);
		middle(die);
		_exit(0);
	}
	close(fds[1]);
	n = read(fds[0], frames, MAX_FRAMES * sizeof(*frames));
	close(fds[0]);
	waitpid(pid, &status, 0);
	return n < 0 ? -1 : (int) (n / (ssize_t) sizeof(*frames));
}

/* The functions asked for lie that far apart at least, and are shorter, with a sanitizer, too. */
static bool is_in(uintptr_t address, void *function)
{
	return address > (uintptr_t) function && address < (uintptr_t) function + SPAN;
}

TEST(crash__names_the_callers_of_a_fault)
{
	uintptr_t frames[MAX_FRAMES];
	int n = frames_of(die_of_fault, frames);

	CHECK_INT(n, >=, 4);
	CHECK(is_in(frames[0], die_of_fault) || frames[0] == (uintptr_t) die_of_fault);
	CHECK(is_in(frames[1], innermost));
	CHECK(is_in(frames[2], middle));
}

TEST(crash__finds_its_own_frames_below_a_librarys)
{
	uintptr_t frames[MAX_FRAMES];
	int n = frames_of(die_in_libc, frames), at = 0;

	for (int i = 0; i < n; i++)
		if (is_in(frames[i], innermost))
			at = i;
	CHECK_INT(at, >, 0);
	CHECK_INT(at + 1, <, n);
	CHECK(is_in(frames[at + 1], middle));
}

TEST(crash__without_a_stack_tells_the_place_alone)
{
	uintptr_t frames[MAX_FRAMES];
	int n = frames_of(die_without_stack, frames);

	CHECK_INT(n, ==, 1);
	CHECK(is_in(frames[0], die_without_stack));
}
