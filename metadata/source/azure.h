// SPDX-License-Identifier: Apache-2.0
/*
 * azure - what Azure needs beyond a row of web.h: three places that know something.
 *
 *   the provisioning medium (or a seed)   user, password, host name, custom data   azure-ovf.c
 *   IMDS, 169.254.169.254                 network, keys, user data, tags           azure-imds.c
 *   the fabric ("wireserver")             has to hear that the machine is ready    azure-fabric.c
 *
 * IMDS counts more than the medium where both speak; user data is the medium's, and IMDS' when that has
 * none. A machine that was provisioned before it was sold (PPS) waits for its owner and reads the
 * medium's text from IMDS then.
 */
#pragma once

#include "metadata/source/source.h"

#define AZURE_FABRIC "168.63.129.16"

struct azure_imds {
	unsigned seconds;               /* tries are a second apart, one more than these */
	unsigned connection_errors_max; /* this interface does not lead there; 0: no limit */
};
/* The instance's document, of the newest version that is known there. */
int azure_imds_fetch(const struct source_context *c, const struct azure_imds *o, cJSON **ret);
/* What the medium would hold of the machine's new owner; waits @o->seconds. */
int azure_reprovision_fetch(const struct source_context *c, const struct azure_imds *o,
                            struct blob *ret);

struct azure_goal_state {
	char *container_id, *instance_id, *incarnation;
};
void azure_goal_state_done(struct azure_goal_state *g);
int azure_goal_state_parse(const char *xml, size_t size, struct diag *d,
                           struct azure_goal_state *ret);
/* @failure: NULL for Ready, else why provisioning failed (cut at 512 bytes). */
int azure_health_report(const struct azure_goal_state *g, const char *failure, char **ret);
/* Asks @endpoint (NULL: AZURE_FABRIC) for the goal state and reports. */
int azure_report(const struct source_context *c, const char *endpoint, const char *failure);

int source_azure(const struct source_context *c, struct instance **ret);
