// SPDX-License-Identifier: Apache-2.0
/* remount.h - private to the boot agent: the options of what was mounted before fstab was read. */
#pragma once

#include "boot/fstab.h"

/* All are tried; the last failure, each of which is logged. */
int boot_remount_fs(void);

/* Options of fstab as flags and data of mount(2): 1; 0 if one of them is for mount(8) to understand; -ENOMEM. */
int remount_options(const char *options, unsigned long *ret_flags, char **ret_data);
