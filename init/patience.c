// SPDX-License-Identifier: Apache-2.0
/*
 * patience.c - a core that misses a deadline may have been given no time: by a host with too many guests, a quota, a disk from
 * which its pages come back too slowly. It is not hung, and another core would fare no better. What it is, the kernel knows:
 * one that is runnable and ran for less than a share of the time was starved, and so was one that sleeps uninterruptibly and
 * had pages read meanwhile, or waits for a child to leave its memory, which is one that got no time. One that sleeps, is stopped, or had
 * its time and used it is hung.
 */
#include "init/init.h"

#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>

/* The text of /proc/PID/stat: what state it is in, and the sum of two numbers behind it. */
static long long sum_of(const char *stat, size_t n, int a, int b)
{
	long long x, y = 0;

	if (proc_stat_number(stat, n, a, &x) < 0 || (b && proc_stat_number(stat, n, b, &y) < 0))
		return 0;
	return x + y;
}

/* Its state's letter, '?' if it cannot be read; notes what it has had until now. */
static char look(void)
{
	static char stat[1024];
	int n = proc_read(st.core_pid, "stat", stat, sizeof(stat));
	const char *p = n > 0 ? memrchr(stat, ')', (size_t) n) : NULL;
	long long ticks = (long long) getauxval(AT_CLKTCK) ?: 100;

	st.core_looked = now_usec();
	if (!p || p + 2 >= stat + n)
		return '?';
	st.core_cpu = sum_of(stat, (size_t) n, 14, 15) * (SECOND / ticks);
	st.core_reads = sum_of(stat, (size_t) n, 12, 0);
	return p[2];
}

/* In a clone(2) with CLONE_VFORK, if it sleeps there. */
static bool awaits_child(void)
{
	static const long calls[] = {
		SYS_clone,
		SYS_clone3,
#ifdef SYS_vfork
		SYS_vfork,
#endif
	};
	char text[256];
	int n = proc_read(st.core_pid, "syscall", text, sizeof(text));
	const char *p = text;
	long long call;

	if (n <= 0 || number_parse(&p, text + n, &call) < 0)
		return false;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (call == calls[i])
			return true;
	return false;
}

void patience_begin(usec_t limit)
{
	(void) look();
	st.patience_end = st.core_looked + PATIENCE * limit;
}

bool patience_has(void)
{
	long long cpu = st.core_cpu, reads = st.core_reads, since = st.core_looked;
	char state;

	/* If it sleeps for want of our answer, it does not any more. */
	wire_flush();
	state = look();
	if (st.core_looked >= st.patience_end)
		return false;
	if (state == 'R')
		return st.core_cpu - cpu < (st.core_looked - since) / STARVED_SHARE;
	return state == 'D' && (st.core_reads != reads || awaits_child());
}
