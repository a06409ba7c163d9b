// SPDX-License-Identifier: Apache-2.0
/* spare.h - private to the boot agent: stock programs that mostly have nothing to do. */
#pragma once

#include "boot/boot.h"

/*
 * Becomes @program of systemd's if there is anything for it: a word of the kernel command line, a line in one of its folders. Else 0,
 * as it would have ended. -ENOENT: not a program that is known here; -errno of the exec.
 */
int boot_spare(const char *program);
/* The same question alone, on words and below @root ("" or a prefix for tests). */
bool boot_has_work(const char *program, char *const *words, const char *root);
