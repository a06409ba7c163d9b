// SPDX-License-Identifier: Apache-2.0
/* host.h - facts about the machine that conditions, generators and the boot flow ask for. Each is
 * looked up once. */
#pragma once

#include "base/base.h"

/* "kvm", "qemu", "docker", ..., "none"; as systemd-detect-virt(1). *ret_container (may be NULL): it
 * is a container. */
const char *host_virtualization(bool *ret_container);
/* For a container that leaves no trace: init knows by its PID name space. Before the first
 * question. */
void host_assume_container(void);
const char *host_architecture(void); /* "x86-64" */

/* Words of the kernel's command line, quotes removed. In a container the kernel's is not ours: PID
 * 1's arguments are taken. */
int host_cmdline(char ***ret);
/* 1: "key" or "key=value" is there (*ret_value NULL or the value of the last one), 0: not.
 * @ret_value may be NULL. */
int host_cmdline_get(const char *key, char **ret_value);
