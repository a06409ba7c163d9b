// SPDX-License-Identifier: Apache-2.0
/*
 * detached.c - starting a program without waiting for its execve.
 *
 * The child shares core's memory and runs at the same time as core. What follows from that:
 *
 *	- It uses raw system calls only. The C library's wrappers write errno, and the child has core's
 *	  thread pointer.
 *	- It reads its slot and nothing else of core's, and writes nothing but its stack, which is in the
 *	  slot. Core does not touch a slot until the kernel has cleared its "busy" word, which it does when the
 *	  child leaves this memory by execve or by its end (CLONE_CHILD_CLEARTID).
 *	- Handlers of signals are not inherited (CLONE_CLEAR_SIGHAND), so none of core's runs on its stack.
 *	- A core that is killed leaves the memory to the child: it goes on to its execve all the same.
 *
 * The memfd with the settings is made by the child: one thing less for core to do.
 */
#include "exec/clone.h"

#include "base/fault.h"

#include "exec/direct.h"
#include "exec/raw.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#ifdef HAVE_CLONE3_CALL

#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ULL
#endif

/* Enough to keep the other CPUs busy; more would only make them compete with core for its own. */
#define SLOTS      8
#define STACK_SIZE (12 * 1024)

struct slot {
	_Atomic uint32_t busy;
	struct detached_request q;
	_Alignas(64) char stack[STACK_SIZE];
};
static struct slot *slots;

/* On the slot's stack, in core's memory, at the same time as core. */
__attribute__((noinline, no_sanitize("address", "undefined"))) static int child_main(void *arg)
{
	const struct detached_request *q = &((struct slot *) arg)->q;
	char number[16], *argv[3], *environment[1] = {NULL};
	size_t done = 0;
	long fd, r = 0;

	if (q->direct_take)
		direct_start(q->direct_take);

	/* Not close-on-exec: it is for the program. */
	fd = raw3(SYS_memfd_create, (long) "exec", 0, 0);
	if (fd < 0)
		goto fail;
	while (done < q->spec_size) {
		r = raw4(SYS_pwrite64, fd, (long) (q->spec_take + done),
		         (long) (q->spec_size - done), (long) done);
		if (r <= 0)
			goto fail;
		done += (size_t) r;
	}
	for (size_t i = 0; i < q->n_keep; i++)
		if (raw3(SYS_fcntl, q->keep_take[i], F_SETFD, 0) < 0)
			goto fail;
	argv[0] = (char *) q->name;
	argv[1] = raw_number(number + sizeof(number), (unsigned long) fd);
	argv[2] = NULL;
	(void) raw5(SYS_execveat, q->program_fd, (long) "", (long) argv, (long) environment,
	            AT_EMPTY_PATH);
fail:
	(void) raw3(SYS_exit_group, 203, 0, 0);
	__builtin_unreachable();
}

/*
 * Core goes without huge pages (main.c), and an execve hands that on: the memory of a program is made after that which it
 * leaves. So core does with them as long as a child may be about to execute a service.
 */
static bool huge_pages_lent;

/* The flag is of the whole memory, and a service's start may take long enough for core to grow meanwhile: what its heap has
 * is kept out by itself. From the end of the program on, for where the heap begins is random; the hole between is no fault. */
static void heap_stays_small(void)
{
	extern char _end;
	static uintptr_t done;
	const uintptr_t page = (uintptr_t) sysconf(_SC_PAGESIZE),
			begin = ((uintptr_t) &_end + page - 1) & ~(page - 1),
			heap_end = (uintptr_t) sbrk(0);

	if (heap_end == done)
		return;
	(void) madvise((void *) begin, heap_end - begin, MADV_NOHUGEPAGE);
	done = heap_end;
}

static void huge_pages_lend(void)
{
	heap_stays_small();
	if (!huge_pages_lent && prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1)
		huge_pages_lent = prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0) >= 0;
}

void spawn_settle(void)
{
	if (!huge_pages_lent)
		return;
	for (unsigned i = 0; i < SLOTS; i++)
		if (slots[i].busy != 0)
			return;
	(void) prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	huge_pages_lent = false;
}

static void slot_empty(struct slot *s)
{
	free(s->q.keep_take);
	free(s->q.spec_take);
	direct_free(s->q.direct_take);
	s->q = (struct detached_request){0};
}

/* One whose child is gone; @ret_last: it is the only one left. */
static struct slot *slot_find(bool *ret_last)
{
	struct slot *found = NULL;
	unsigned n = 0;

	for (unsigned i = 0; i < SLOTS; i++) {
		if (slots[i].busy != 0)
			continue;
		if (slots[i].q.spec_take)
			slot_empty(&slots[i]);
		found = found ? found : &slots[i];
		n++;
	}
	*ret_last = n <= 1;
	return found;
}

pid_t spawn_detached(struct detached_request *q, int *ret_pidfd)
{
	static bool impossible;
	bool last;
	struct slot *s;
	int pidfd = -EBADF;
	long pid;

	if (impossible)
		return 0;
	if (!slots) {
		void *p = mmap(NULL, SLOTS * sizeof(*slots), PROT_READ | PROT_WRITE,
		               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (p == MAP_FAILED)
			return 0;
		slots = p;
	}
	/* There always is one: the last is only given away together with a wait. */
	s = slot_find(&last);
	if (!s)
		return 0;
	if (q->direct_take)
		huge_pages_lend();
	s->q = *q;
	s->busy = 1;
	struct clone_args a = {
		.flags = CLONE_VM | CLONE_PIDFD | CLONE_PARENT | CLONE_CHILD_CLEARTID |
	                 CLONE_CLEAR_SIGHAND | (last ? CLONE_VFORK : 0) |
	                 (q->cgroup_fd >= 0 ? CLONE_INTO_CGROUP : 0),
		.pidfd = (uint64_t) (uintptr_t) &pidfd,
		.child_tid = (uint64_t) (uintptr_t) &s->busy,
		.stack = (uint64_t) (uintptr_t) s->stack,
		.stack_size = STACK_SIZE,
		.cgroup = q->cgroup_fd >= 0 ? (uint64_t) q->cgroup_fd : 0,
	};
	FAULT_POINT("spawn.detached.before");
	pid = clone3_call(&a, child_main, s);
	FAULT_POINT("spawn.detached.after");
	if (pid > 0) {
		*ret_pidfd = pidfd;
		return (pid_t) pid;
	}
	s->busy = 0;
	/* ENOSYS is also what container seccomp policies answer; EINVAL: a kernel before 5.7, or no init beside us. */
	if (pid == -ENOSYS || pid == -EINVAL || (pid == -EPERM && q->cgroup_fd >= 0)) {
		impossible = pid != -EPERM;
		s->q = (struct detached_request){0};
		return 0;
	}
	slot_empty(s);
	return (pid_t) pid;
}

void spawn_trim(void)
{
	bool last;

	if (!slots)
		return;
	spawn_settle();
	(void) slot_find(&last);
	for (unsigned i = 0; i < SLOTS; i++)
		if (slots[i].busy != 0)
			return;
	(void) munmap(slots, SLOTS * sizeof(*slots));
	slots = NULL;
}

#else

pid_t spawn_detached(struct detached_request *q _unused_, int *ret_pidfd _unused_)
{
	return 0;
}

void spawn_settle(void)
{
}

void spawn_trim(void)
{
}

#endif
