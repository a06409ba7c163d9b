// SPDX-License-Identifier: Apache-2.0
/* lease-kernel - private to boot/: an interface and the lease on it, by netlink. */
#pragma once

#include "metadata/boot/boot.h"

#define LEASES_FILE "/" METADATA_RUN "/leases.json"

int lease_kernel_up(const char *device);
/* Until one is bound that is not in the kernel yet: its index. */
int leases_any(struct lease_set *l, usec_t deadline);
/* leases.c: the keeper's file; what cannot be a lease is left out, more than there is room for too. */
int leases_to_json(const struct lease_set *l, cJSON **ret);
void leases_of_json(const cJSON *list, struct lease_set *l);
