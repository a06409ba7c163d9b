// SPDX-License-Identifier: Apache-2.0
/* Nobody described the network: DHCP on the interface that is most likely to have one. */
#include "metadata/network/state.h"

int network_fallback(const struct nic *nics, size_t n, cJSON **ret)
{
	auto_json cJSON *config = NULL;
	cJSON *e;

	if (!n)
		return -ENOENT;
	config = cJSON_CreateObject();
	if (!config || !cJSON_AddNumberToObject(config, "version", 2))
		return -ENOMEM;
	e = cJSON_AddObjectToObject(cJSON_AddObjectToObject(config, "ethernets"), nics->name);
	if (!e || !cJSON_AddTrueToObject(e, "dhcp4"))
		return -ENOMEM;
	if (*nics->mac) {
		json_add_string(cJSON_AddObjectToObject(e, "match"), "macaddress", nics->mac);
		json_add_string(e, "set-name", nics->name);
	}
	*ret = TAKE_PTR(config);
	return 0;
}
