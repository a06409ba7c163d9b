// SPDX-License-Identifier: Apache-2.0
/* common.h - what the clients of both families share. Private to metadata/dhcp. */
#pragma once

#include "metadata/dhcp/dhcp.h"

/** dhcp_random - for transactions and pauses; no secret depends on it */
uint32_t dhcp_random(void);
/**
 * dhcp_interface_read - the index and the hardware address of an Ethernet interface
 *
 * Returns 0, -ENODEV: there is none of this name, -EOPNOTSUPP: it is of another kind, or another -errno.
 */
int dhcp_interface_read(const char *name, int *ret_index, uint8_t mac[6]);
/** dhcp_age - moves a time that is set back by @by, as if that had passed */
void dhcp_age(usec_t *t, usec_t by);
