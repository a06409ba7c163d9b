// SPDX-License-Identifier: Apache-2.0
/*
 * trim.c - boot, a take-over and a reload need a few times the memory that the rest of core's life
 * does. A moment after them it is given back: not in them, since somebody waits for their end.
 */
#include "core.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>

#define TRIM_DELAY_USEC (200 * USEC_PER_MSEC)

/*
 * The kernel maps code in blocks of 64 KiB around whatever is touched once. What an idle core needs of core, libc and the
 * linker is a fraction of that, and comes back by itself from the page cache. Code is never written, so nothing is lost.
 */
static int unmap_code(struct dl_phdr_info *info, size_t size _unused_, void *userdata _unused_)
{
	const uintptr_t page = (uintptr_t) sysconf(_SC_PAGESIZE);

	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *h = &info->dlpi_phdr[i];
		uintptr_t begin = (info->dlpi_addr + h->p_vaddr) & ~(page - 1),
			  end = (info->dlpi_addr + h->p_vaddr + h->p_memsz) & ~(page - 1);

		if (h->p_type == PT_LOAD && (h->p_flags & (PF_X | PF_W)) == PF_X && begin < end)
			(void) madvise((void *) begin, end - begin, MADV_DONTNEED);
	}
	return 0;
}

static int on_trim(struct source *s, usec_t deadline _unused_, void *userdata)
{
	struct core *c = userdata;
	int r = store_trim(c->store);

	if (r == -EBUSY) /* the store is full: what waits is more important */
		return source_set_time(s, usec_add(now(CLOCK_BOOTTIME), USEC_PER_SEC));
	if (r < 0)
		log_debug_errno(r, "Failed to open the state anew, going on with the old: %m");
	malloc_trim(0);
	(void) dl_iterate_phdr(unmap_code, NULL);
	return 0;
}

int trim_setup(struct core *c)
{
	return loop_add_time(c->loop, CLOCK_BOOTTIME, USEC_INFINITY, TRIM_DELAY_USEC, "trim",
	                     on_trim, c, &c->trim);
}

void trim_soon(struct core *c)
{
	/* Without it core is only larger than it need be. */
	if (c->trim)
		(void) source_set_time(c->trim, usec_add(now(CLOCK_BOOTTIME), TRIM_DELAY_USEC));
}
