// SPDX-License-Identifier: Apache-2.0
/* updates: when the network is configured again. Pure. */
#include "metadata/modules/modules.h"

static const char *const events[] = {"boot", "boot-new-instance", "boot-legacy", "hotplug"};

static bool is_event(const char *name)
{
	for (size_t i = 0; i < ELEMENTSOF(events); i++)
		if (streq(events[i], name))
			return true;
	return false;
}

static cJSON *known_events(const cJSON *when, struct diag *d)
{
	cJSON *list = cJSON_CreateArray();
	const cJSON *it;

	cJSON_ArrayForEach(it, when)
	{
		if (cJSON_IsString(it) && is_event(it->valuestring))
			(void) json_append_take(list, cJSON_CreateString(it->valuestring));
		else
			diag_add(d, -EINVAL, DIAG_WARNING, "updates", 0, "an unknown event");
	}
	return list;
}

int update_events_of(const cJSON *updates, struct diag *d, cJSON **ret)
{
	auto_json cJSON *result = cJSON_CreateObject();
	const cJSON *it;
	int r = result ? 0 : -ENOMEM;

	cJSON_ArrayForEach(it, updates)
	{
		/* The network is the only scope there is. */
		if (it->string && streq(it->string, "network"))
			r = MIN(r, json_add_take(result, it->string,
			                         known_events(cJSON_GetObjectItemCaseSensitive(
								      it, "when"),
			                                      d)));
		else
			diag_add(d, -EINVAL, DIAG_WARNING, "updates", 0, "an unknown scope");
	}
	if (r < 0)
		return r;
	*ret = TAKE_PTR(result);
	return 0;
}
