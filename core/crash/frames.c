// SPDX-License-Identifier: Apache-2.0
/*
 * frames.c - who called whom when core died, by frame pointers (core's rooms are built with
 * them). backtrace(3) would do it without, but needs libgcc's unwinder in memory all the time.
 *
 * The stack may be what is broken, so it is copied first, by the kernel, and only the copy is
 * walked: a bad pointer ends the walk instead of faulting again.
 */
#include "crash/crash.h"

#include <sys/uio.h>
#include <ucontext.h>

#define COPY_PAGES 8
#define COPY_PAGE  4096U

struct stack_copy {
	uintptr_t begin, end; /* addresses of what was copied */
	uintptr_t words[COPY_PAGES * COPY_PAGE / sizeof(uintptr_t)];
};

static void copy_stack(struct stack_copy *s, uintptr_t sp)
{
	s->begin = s->end = sp & ~(sizeof(uintptr_t) - 1);
	/* A page at a time: the stack's end may be anywhere. */
	for (unsigned i = 0; i < COPY_PAGES; i++) {
		size_t used = s->end - s->begin, n = COPY_PAGE - s->end % COPY_PAGE;
		struct iovec to = {(char *) s->words + used, n}, from = {(void *) s->end, n};

		if (used + n > sizeof(s->words) ||
		    process_vm_readv(getpid(), &to, 1, &from, 1, 0) != (ssize_t) n)
			return;
		s->end += n;
	}
}

/* The word at @address, false where nothing was copied. */
static bool word_at(const struct stack_copy *s, uintptr_t address, uintptr_t *ret)
{
	if (address % sizeof(uintptr_t) != 0 || address < s->begin ||
	    address + sizeof(uintptr_t) > s->end)
		return false;
	*ret = s->words[(address - s->begin) / sizeof(uintptr_t)];
	return true;
}

static bool is_our_code(uintptr_t address)
{
	extern const char __executable_start[], etext[];

	return address >= (uintptr_t) __executable_start && address < (uintptr_t) etext;
}

/* Behind a call, as far as the instruction can be told. */
static bool is_return_address(uintptr_t address)
{
#if defined(__x86_64__)
	const uint8_t *p = (const uint8_t *) address;

	/* "call rel32", or "call" through a register or memory in its shorter and longer forms. */
	return is_our_code(address) && is_our_code(address - 7) &&
	       (p[-5] == 0xe8 || p[-2] == 0xff || p[-3] == 0xff || p[-6] == 0xff || p[-7] == 0xff);
#else
	return is_our_code(address);
#endif
}

/* A frame is two words: the caller's frame, which is further up, and the address to return to. */
static bool frame_at(const struct stack_copy *s, uintptr_t frame, uintptr_t *ret_next,
                     uintptr_t *ret_address)
{
	return word_at(s, frame, ret_next) && word_at(s, frame + sizeof(frame), ret_address) &&
	       *ret_next > frame && is_our_code(*ret_address);
}

/* As frame_at(), also behind the end of the copy: then the copy goes on from there. */
static bool follow(struct stack_copy *s, uintptr_t frame, uintptr_t *ret_next,
                   uintptr_t *ret_address)
{
	if (frame_at(s, frame, ret_next, ret_address))
		return true;
	if (frame <= s->begin || frame + 2 * sizeof(frame) <= s->end)
		return false;
	copy_stack(s, frame);
	return frame_at(s, frame, ret_next, ret_address);
}

/* A call through a pointer to nowhere ends at an address where there is nothing to execute. */
static bool is_nowhere(uintptr_t pc)
{
	char byte;
	struct iovec to = {&byte, 1}, from = {(void *) pc, 1};

	return process_vm_readv(getpid(), &to, 1, &from, 1, 0) != 1;
}

/* Libraries use the frame pointer as they like. Below their frames the first pair of words that
 * looks like a frame of ours is one. */
static uintptr_t find_frame(const struct stack_copy *s)
{
	uintptr_t next, address, beyond;

	for (uintptr_t at = s->begin; at < s->end; at += sizeof(at))
		if (frame_at(s, at, &next, &address) && word_at(s, next, &beyond))
			return at;
	return 0;
}

int crash_frames(const ucontext_t *context, uintptr_t *ret_frames, int max)
{
	static struct stack_copy copy;
#if defined(__x86_64__)
	uintptr_t pc = (uintptr_t) context->uc_mcontext.gregs[REG_RIP],
		  sp = (uintptr_t) context->uc_mcontext.gregs[REG_RSP],
		  frame = (uintptr_t) context->uc_mcontext.gregs[REG_RBP];
#elif defined(__aarch64__)
	uintptr_t pc = context->uc_mcontext.pc, sp = context->uc_mcontext.sp,
		  frame = context->uc_mcontext.regs[29];
#else
	uintptr_t pc = 0, sp = (uintptr_t) __builtin_frame_address(0), frame = sp;
#endif
	uintptr_t next, address, leaf = 0;
	int n = 0;

	if (max < 2)
		return 0;
	ret_frames[n++] = pc;
	copy_stack(&copy, sp);
	/* Past the end of the stack: the frame of the function that needed more is still there. */
	if (copy.begin == copy.end)
		copy_stack(&copy, frame);
	if (!frame_at(&copy, frame, &next, &address))
		frame = find_frame(&copy);
		/* A function that calls none may have no frame: then its caller is on top of the stack. */
#if defined(__aarch64__)
	leaf = context->uc_mcontext.regs[30];
#else
	(void) word_at(&copy, sp, &leaf);
#endif
	if ((is_our_code(pc) || is_nowhere(pc)) && is_return_address(leaf) &&
	    !(frame_at(&copy, frame, &next, &address) && address == leaf))
		ret_frames[n++] = leaf;
	while (n < max && follow(&copy, frame, &next, &address)) {
		ret_frames[n++] = address;
		frame = next;
	}
	return n;
}
