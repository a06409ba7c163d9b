// SPDX-License-Identifier: Apache-2.0
/*
 * crash.c - core is allowed to die: init starts the next one. What is left to do is to say where,
 * on a stack of its own (the old one may be what is broken), with nothing but system calls, and
 * then to die of the same signal, so that a core dump shows it.
 */
#include "core.h"

#include <signal.h>
#include <sys/mman.h>

#define STACK_SIZE (64 * 1024)
#define FRAMES_MAX 24

static int note_fd = -EBADF;

static char *put_text(char *p, const char *s)
{
	while (*s)
		*p++ = *s++;
	return p;
}

static char *put_hex(char *p, uintptr_t v)
{
	char digits[2 * sizeof(v)];
	int n = 0;

	do
		digits[n++] = "0123456789abcdef"[v & 15];
	while (v >>= 4);
	p = put_text(p, " 0x");
	while (n > 0)
		*p++ = digits[--n];
	return p;
}

static char *put_number(char *p, unsigned v)
{
	char digits[12];
	int n = 0;

	do
		digits[n++] = (char) ('0' + v % 10);
	while (v /= 10);
	while (n > 0)
		*p++ = digits[--n];
	return p;
}

static void on_fault(int sig, siginfo_t *si, void *context)
{
	static char line[FRAMES_MAX * 20 + 160];
	static uintptr_t frames[FRAMES_MAX];
	char *p = line;
	int n;

	p = put_text(p, "<2>core: signal ");
	p = put_number(p, (unsigned) sig);
	p = put_text(p, " at");
	p = put_hex(p, (uintptr_t) si->si_addr);
	p = put_text(p, ", in core at");
	p = put_hex(p, (uintptr_t) crash_setup);
	p = put_text(p, ", called from");
	n = crash_frames(context, frames, FRAMES_MAX);
	for (int i = 0; i < n; i++)
		p = put_hex(p, frames[i]);
	*p++ = '\n';
	if (write(note_fd, line, (size_t) (p - line)) < 0)
		note_fd = -EBADF;
	/* SA_RESETHAND: the next one is the kernel's. Faults come again by themselves, abort() and
	 * kill() need it said. */
	(void) raise(sig);
}

void crash_setup(void)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS};
	struct sigaction sa = {.sa_sigaction = on_fault,
	                       .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND | SA_NODEFER};
	void *stack;

	note_fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (note_fd < 0)
		note_fd = STDERR_FILENO;
	stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
	             MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (stack == MAP_FAILED)
		return;
	if (sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = STACK_SIZE}, NULL) < 0)
		return;
	for (size_t i = 0; i < ELEMENTSOF(signals); i++)
		(void) sigaction(signals[i], &sa, NULL);
}
