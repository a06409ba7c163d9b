// SPDX-License-Identifier: Apache-2.0
/*
 * handler.c - core is allowed to die: init starts the next one. What is left to do is to say where, on a stack of its own (the
 * old one may be what is broken), with nothing but stores and system calls, and then to die of the same signal, so that a core
 * dump shows it.
 */
#include "crash/box.h"

#include <signal.h>
#include <sys/mman.h>

#define STACK_SIZE (64 * 1024)

static int note_fd = -EBADF;

/* ---- a line for the kernel's log ---- */

static char *put_text(char *p, const char *s)
{
	while (*s)
		*p++ = *s++;
	return p;
}

static char *put_hex(char *p, uint64_t v)
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

static void say(const struct box_fault *f)
{
	static char line[BOX_FRAMES * 20 + 160];
	uint64_t base = box->modules[0].begin;
	char *p = line;

	p = put_text(p, "<2>core: signal ");
	p = put_number(p, (unsigned) f->signal);
	p = put_text(p, " at");
	p = put_hex(p, f->address);
	p = put_text(p, ", core is at");
	p = put_hex(p, base);
	p = put_text(p, ", called from");
	for (int i = 0; i < f->n_frames; i++)
		p = put_hex(p, f->frames[i]);
	*p++ = '\n';
	if (write(note_fd, line, (size_t) (p - line)) < 0)
		note_fd = -EBADF;
}

static void on_fault(int sig, siginfo_t *si, void *context)
{
	static uintptr_t frames[BOX_FRAMES];
	struct box_fault *f = &box->fault;
	struct timespec t = {0};
	int n;

	(void) clock_gettime(CLOCK_REALTIME, &t);
	f->code = si->si_code;
	f->sender = si->si_code <= 0 ? si->si_pid : 0;
	f->address = si->si_code > 0 ? (uint64_t) (uintptr_t) si->si_addr : 0;
	f->realtime_usec = (uint64_t) t.tv_sec * USEC_PER_SEC + (uint64_t) t.tv_nsec / 1000;
	f->n_frames = 0;
	f->signal = sig;
	n = crash_frames(context, frames, BOX_FRAMES);
	for (int i = 0; i < n; i++)
		f->frames[i] = frames[i];
	f->n_frames = n;
	say(f);
	/* SA_RESETHAND: the next one is the kernel's. Faults come again by themselves, abort() and
	 * kill() need it said. */
	(void) raise(sig);
}

void crash_setup(const char *version, struct crash_report **ret)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS};
	struct sigaction sa = {.sa_sigaction = on_fault,
	                       .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND | SA_NODEFER};
	void *stack;

	box_open(WIRE_PAGE_FD, version, ret);
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
