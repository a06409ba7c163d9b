// SPDX-License-Identifier: Apache-2.0
/* macro.h - ownership by attribute, and the few macros that everything uses. */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>

#define ELEMENTSOF(x) (sizeof(x) / sizeof((x)[0]))
/* Each use has names of its own, so that one may stand inside another without a shadow. */
#define MACRO_CAT_(a, b) a##b
#define MACRO_CAT(a, b)  MACRO_CAT_(a, b)
#define MACRO_PICK(op, a, b, n)                                                                    \
	({                                                                                         \
		__auto_type MACRO_CAT(pick_a, n) = (a);                                            \
		__auto_type MACRO_CAT(pick_b, n) = (b);                                            \
		MACRO_CAT(pick_a, n)                                                               \
		op MACRO_CAT(pick_b, n) ? MACRO_CAT(pick_a, n) : MACRO_CAT(pick_b, n);             \
	})
#define MIN(a, b)                       MACRO_PICK(<, a, b, __COUNTER__)
#define MAX(a, b)                       MACRO_PICK(>, a, b, __COUNTER__)
#define container_of(ptr, type, member) ((type *) (void *) ((char *) (ptr) -offsetof(type, member)))
#define _printf_(a, b)                  __attribute__((format(printf, a, b)))
#define _unused_                        __attribute__((unused))
#define _must_check_                    __attribute__((warn_unused_result))

/* free() and close() when the variable goes out of scope. An fd starts as -EBADF; close is never
 * retried. */
#define auto_free __attribute__((cleanup(macro_freep)))
#define auto_fd   __attribute__((cleanup(macro_closep)))
#define auto_strv __attribute__((cleanup(macro_strv_freep)))
/* Declares auto_cleanup(fn) helpers: DEFINE_CLEANUP(struct unit *, unit_free) gives unit_freep().
 */
#define auto_cleanup(fn) __attribute__((cleanup(fn##p)))
#define DEFINE_CLEANUP(type, fn)                                                                   \
	static inline void fn##p(type *p)                                                          \
	{                                                                                          \
		if (*p)                                                                            \
			fn(*p);                                                                    \
	}

#define TAKE_PTR(ptr)                                                                              \
	({                                                                                         \
		__typeof__(ptr) *take_p = &(ptr), take_v = *take_p;                                \
		*take_p = NULL;                                                                    \
		take_v;                                                                            \
	})
#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int *take_p = &(fd), take_v = *take_p;                                             \
		*take_p = -EBADF;                                                                  \
		take_v;                                                                            \
	})

void macro_freep(void *p);
void macro_closep(int *fd);
void macro_strv_freep(char ***v);

/* Closes if >= 0; always returns -EBADF, errno untouched. */
int fd_close(int fd);
