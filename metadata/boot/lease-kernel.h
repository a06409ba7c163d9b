// SPDX-License-Identifier: Apache-2.0
/* lease-kernel - private to boot/: an interface and the lease on it, by netlink. */
#pragma once

#include "metadata/boot/boot.h"

#define LEASES_FILE "/" METADATA_RUN "/leases.json"

int lease_kernel_up(const char *device);
/* Seconds that are left at @at of @lifetime seconds since @since; UINT32_MAX: for ever. Times of one message are of one @at: the
 * kernel refuses an address that is preferred for longer than it is valid. */
uint32_t lease_left(usec_t since, uint32_t lifetime, usec_t at);
/* Until one is bound that is not in the kernel yet: its index. */
int leases_any(struct lease_set *l, usec_t deadline);
/* leases.c: the keeper's file; what cannot be a lease is left out, more than there is room for too. */
int leases_to_json(const struct lease_set *l, cJSON **ret);
void leases_of_json(const cJSON *list, struct lease_set *l);
uint32_t json_u32_or(const cJSON *j, const char *key, uint32_t otherwise);

/* What leases.c and leases6.c have from each other. NULL: there is no room, or no such name. */
struct lease_entry *lease_add(struct lease_set *l, const char *device);
/* Something changed. */
bool lease6_dispatch(struct lease_entry *e);
int lease6_names(const struct lease_entry *e, char ***servers, char ***domains);
cJSON *lease6_to_json(const struct lease_entry *e);
void lease6_of_json(const cJSON *j, struct lease_entry *e);
