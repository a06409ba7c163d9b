// SPDX-License-Identifier: Apache-2.0
#include "base/fault.h"

#include "base/clock.h"
#include "base/sys.h"

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Bounds of the table that the linker made. */
extern struct fault_site __start_fault_sites[], __stop_fault_sites[];

static struct fault_page *page;
static pid_t own_pid; /* core's, also in a child that shares its memory */

/* ---- what is done ---- */

static volatile int *volatile nowhere;

/* The kernel's answer to a stack without end is SIGSEGV on the alternate stack. */
__attribute__((noinline)) static int recurse(int n)
{
	volatile char frame[4096];

	frame[0] = (char) n;
	if (n < 0)
		return 0;
	return recurse(n + 1) + frame[0];
}

static void exhaust_fds(bool begin)
{
	static struct rlimit before;
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0)
		return;
	if (begin && before.rlim_cur == 0) {
		before = l;
		l.rlim_cur = 8;
		(void) setrlimit(RLIMIT_NOFILE, &l);
	} else if (!begin && before.rlim_cur > 0) {
		(void) setrlimit(RLIMIT_NOFILE, &before);
		before.rlim_cur = 0;
	}
}

static void act(enum fault_action action)
{
	int pair[2];
	char c;

	switch (action) {
	case FAULT_KILL:
		(void) syscall(SYS_kill, own_pid, SIGKILL);
		break;
	case FAULT_SEGV:
		*nowhere = 1;
		break;
	case FAULT_ABORT:
		abort();
	case FAULT_STACK:
		(void) recurse(0);
		break;
	case FAULT_ASSERT:
		__assert_fail("an invariant", "fault.c", __LINE__, "act");
	case FAULT_LOOP:
		for (;;)
			atomic_signal_fence(memory_order_seq_cst);
	case FAULT_BLOCK:
		if (pipe2(pair, O_CLOEXEC) >= 0)
			while (read(pair[0], &c, 1) < 0)
				;
		break;
	case FAULT_FDS:
	case FAULT_FDS_END:
		exhaust_fds(action == FAULT_FDS);
		break;
	case FAULT_NO_MEMORY:
		if (page)
			page->alloc_nth = 1;
		break;
	default:
		break;
	}
}

static void on_trigger(_unused_ int sig, siginfo_t *si, _unused_ void *context)
{
	int saved = errno;

	act((enum fault_action) si->si_value.sival_int);
	errno = saved;
}

/* ---- points ---- */

void fault_hit(const struct fault_site *site)
{
	long i = site->index;
	int32_t armed = (int32_t) i;

	if (!page || i <= 0)
		return;
	page->sites[i - 1].hits++;
	if (page->site != armed || page->nth == 0 ||
	    __atomic_sub_fetch(&page->nth, 1, __ATOMIC_SEQ_CST) > 0)
		return;
	/* Children that share our memory may be at the same point at the same time: one of all is it. */
	if (!__atomic_compare_exchange_n(&page->site, &armed, 0, false, __ATOMIC_SEQ_CST,
	                                 __ATOMIC_SEQ_CST))
		return;
	page->fired_at_usec = now(CLOCK_BOOTTIME);
	page->fired_core = own_pid;
	page->fired++;
	act((enum fault_action) page->action);
}

static size_t count_sites(void)
{
	size_t n = (size_t) (__stop_fault_sites - __start_fault_sites);

	return n < FAULT_SITES_MAX ? n : FAULT_SITES_MAX;
}

void fault_list(void)
{
	for (size_t i = 0; i < count_sites(); i++)
		puts(__start_fault_sites[i].name);
}

/* ---- calls ---- */

static bool run_fails(uint32_t *nth, uint32_t *run, uint32_t *fired)
{
	if (*nth == 0 || --*nth > 0)
		return false;
	if (*run > 1) {
		--*run;
		*nth = 1;
	}
	++*fired;
	return true;
}

bool fault_alloc_fails(void)
{
	if (!page)
		return false;
	page->allocations++;
	return run_fails(&page->alloc_nth, &page->alloc_run, &page->alloc_fired);
}

int fault_sys(const char *call)
{
	/* A child that shares our memory must not be hit: it is beyond what core can handle. */
	if (!page || (page->sys_nth > 0 && getpid() != own_pid))
		return 0;
	page->sys_calls++;
	if (!run_fails(&page->sys_nth, &page->sys_run, &page->sys_fired))
		return 0;
	(void) snprintf(page->sys_last, sizeof(page->sys_last), "%s", call);
	return page->sys_error;
}

static int on_sys(const char *call, _unused_ unsigned long serial)
{
	return fault_sys(call);
}

void fault_setup(void)
{
	const char *path = getenv(FAULT_ENVIRONMENT);
	struct sigaction sa = {.sa_sigaction = on_trigger, .sa_flags = SA_SIGINFO | SA_RESTART};
	struct stat st;
	void *p;
	int fd;

	own_pid = getpid();
	fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	if (fd < 0)
		return;
	if (fstat(fd, &st) < 0 || st.st_size < (off_t) sizeof(*page)) {
		close(fd);
		return;
	}
	p = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		return;
	page = p;
	for (size_t i = 0; i < count_sites(); i++) {
		__start_fault_sites[i].index = (long) i + 1;
		(void) snprintf(page->sites[i].name, sizeof(page->sites[i].name), "%s",
		                __start_fault_sites[i].name);
	}
	page->n_sites = (uint32_t) count_sites();
	page->core_pid = own_pid;
	(void) sigaction(FAULT_SIGNAL, &sa, NULL);
	sys_fault = on_sys;
}
