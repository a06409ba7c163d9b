// SPDX-License-Identifier: Apache-2.0
/* vmware - the hypervisor's back door: a text to it, a text back, without its tools. */
#pragma once

#include "metadata/source/source.h"

#define VMWARE_ANSWER_MAX (1U << 20)

/**
 * vmware_rpc - one command of the guest RPC, as "info-get guestinfo.metadata"
 *
 * Done in a child with a deadline: outside VMware the instruction is a fault, and a hypervisor that
 * does not answer must not hold up the boot. Returns 0; -ENOENT: the hypervisor says no; -EOPNOTSUPP:
 * not this machine; -ETIMEDOUT.
 */
int vmware_rpc(const char *command, char **ret);

/* The last step of a guestinfo instance: its id, or else the machine's UUID. */
int guestinfo_take_id(struct instance *i, const struct machine *m, struct diag *d);
