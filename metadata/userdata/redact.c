// SPDX-License-Identifier: Apache-2.0
#include "metadata/userdata/userdata.h"

#define REDACTED "redacted for non-root user"

/* "a/b/c": the value there is replaced; what is not there needs no hiding. */
static int redact_path(cJSON *data, const char *path)
{
	auto_strv char **parts = NULL;
	cJSON *child;
	int r = strv_split(path, "/", &parts);

	for (size_t i = 0; r >= 0 && parts && parts[i]; i++) {
		child = cJSON_GetObjectItemCaseSensitive(data, parts[i]);
		if (!child)
			return 0;
		if (parts[i + 1] && cJSON_IsObject(child)) {
			data = child;
			continue;
		}
		return cJSON_ReplaceItemInObjectCaseSensitive(data, parts[i],
		                                              cJSON_CreateString(REDACTED))
		               ? 0
		               : -ENOMEM;
	}
	return r;
}

int instance_data_redact(const cJSON *data, cJSON **ret)
{
	auto_json cJSON *copy = cJSON_Duplicate(data, true);
	const cJSON *it;
	int r;

	if (!copy)
		return -ENOMEM;
	cJSON_ArrayForEach(it, cJSON_GetObjectItemCaseSensitive(data, "sensitive_keys"))
	{
		r = cJSON_IsString(it) ? redact_path(copy, it->valuestring) : 0;
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(copy);
	return 0;
}
