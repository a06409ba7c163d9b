// SPDX-License-Identifier: Apache-2.0
/* state - private to network/: the two readers of configurations and what they share. */
#pragma once

#include "metadata/network/network.h"

struct interpreter {
	cJSON *state, *interfaces;
	cJSON *interface_dns; /* NAME -> {nameservers, search} of "nameserver" with "interface" */
	bool use_ipv6;
	struct diag *d;
};
int network_fail(struct interpreter *n, const char *where, const char *text);

/* One entry of a v1 config. */
int network_command(struct interpreter *n, const cJSON *command);
int network_read_v2(struct interpreter *n, const cJSON *config);

/* subnet, route: pruned, names and masks normalized. */
int subnet_normalize(struct interpreter *n, const cJSON *subnet, cJSON **ret);
int route_normalize(struct interpreter *n, const cJSON *route, cJSON **ret);

bool json_is_truthy(const cJSON *v);
/* A copy of object[key], or null. */
cJSON *json_or_null(const cJSON *object, const char *key);
void json_set(cJSON *object, const char *key, cJSON *value); /* replaces; takes value */
/* A list as it is, a single value as a list of one. */
cJSON *json_listed(const cJSON *v);
/* Texts for true and false as cloud-init's util.is_true reads them. */
bool json_is_true_word(const cJSON *v);

/* v2's names of parameters -> v1's; NULL if it has none. */
const char *bond_param_to_v1(const char *name);
const char *bridge_param_to_v1(const char *name);
const char *bond_param_to_v2(const char *name);
const char *bridge_param_to_v2(const char *name);
