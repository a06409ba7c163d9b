// SPDX-License-Identifier: Apache-2.0
#include "metadata/source/source.h"

int instance_new(const char *datasource, const char *origin, struct instance **ret)
{
	auto_cleanup(instance_free) struct instance *i = calloc(1, sizeof(*i));

	if (!i)
		return -ENOMEM;
	i->datasource = strdup(datasource);
	i->origin = strdup(origin ? origin : datasource);
	i->meta_data = cJSON_CreateObject();
	if (!i->datasource || !i->origin || !i->meta_data)
		return -ENOMEM;
	*ret = TAKE_PTR(i);
	return 0;
}

struct instance *instance_free(struct instance *i)
{
	if (!i)
		return NULL;
	free(i->datasource);
	free(i->platform);
	free(i->origin);
	free(i->id);
	free(i->dsmode);
	cJSON_Delete(i->meta_data);
	cJSON_Delete(i->public_keys);
	cJSON_Delete(i->network);
	cJSON_Delete(i->config);
	cJSON_Delete(i->raw);
	blob_done(&i->user_data);
	blob_done(&i->vendor_data);
	blob_done(&i->vendor_data2);
	free(i);
	return NULL;
}
