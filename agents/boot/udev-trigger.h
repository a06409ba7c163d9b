// SPDX-License-Identifier: Apache-2.0
/* udev-trigger.h - private to the boot agent: the kernel tells of all devices once more, for udevd, which was not there. */
#pragma once

#include "boot/boot.h"

/*
 * "add" for each module, bus, driver and device below @root ("", or a prefix for tests), as udevadm(8) "trigger --type=all
 * --action=add --prioritized-subsystem=module,block,tpmrm,net,tty,input": those of the first subsystems and all above them first, the
 * rest by path, so that nothing comes before its parent. @dry_run: the paths are printed. What went meanwhile is no failure; others
 * are logged, and the last is returned.
 */
int boot_udev_trigger(const char *root, bool dry_run);
