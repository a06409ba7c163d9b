// SPDX-License-Identifier: Apache-2.0
/* raw.h - private to core/exec: what a child may use that runs in core's memory beside core. Nothing of the C library: its
 * wrappers write errno, and the child has core's thread pointer. */
#pragma once

#include <sys/syscall.h>

#if defined(__x86_64__)
static inline long raw4(long number, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	long ret;

	__asm__ volatile("syscall"
	                 : "=a"(ret)
	                 : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
	                 : "rcx", "r11", "memory");
	return ret;
}
static inline long raw5(long number, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	long ret;

	__asm__ volatile("syscall"
	                 : "=a"(ret)
	                 : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
	                 : "rcx", "r11", "memory");
	return ret;
}
#else
static inline long raw5(long number, long a, long b, long c, long d, long e)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;

	__asm__ volatile("svc 0"
	                 : "+r"(x0)
	                 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4)
	                 : "memory", "cc");
	return x0;
}
static inline long raw4(long number, long a, long b, long c, long d)
{
	return raw5(number, a, b, c, d, 0);
}
#endif

static inline long raw3(long number, long a, long b, long c)
{
	return raw4(number, a, b, c, 0);
}

/* Decimal digits that end at @end (which gets a NUL); returns where they begin. */
static inline char *raw_number(char *end, unsigned long n)
{
	*--end = 0;
	do
		*--end = (char) ('0' + n % 10);
	while (n /= 10);
	return end;
}
