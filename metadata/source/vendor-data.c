// SPDX-License-Identifier: Apache-2.0
#include "metadata/source/source.h"

static bool is_empty(const cJSON *v)
{
	return !v || cJSON_IsNull(v) || cJSON_IsFalse(v) ||
	       (cJSON_IsString(v) && !*v->valuestring) ||
	       ((cJSON_IsArray(v) || cJSON_IsObject(v)) && !v->child);
}

/* A text, a list of parts, or a map in which "cloud-init" is one of these; others are not for us. */
int vendor_data_text(const cJSON *v, struct diag *d, cJSON **ret)
{
	if (!is_empty(v) && cJSON_IsObject(v)) {
		v = cJSON_GetObjectItemCaseSensitive(v, "cloud-init");
		if (!is_empty(v) && cJSON_IsObject(v))
			return diag_add(d, -EINVAL, DIAG_ERROR, "vendor_data.json", 0,
			                "\"cloud-init\" is a map, not user-data");
	}
	if (is_empty(v))
		return -ENOENT;
	if (!cJSON_IsString(v) && !cJSON_IsArray(v))
		return diag_add(d, -EINVAL, DIAG_ERROR, "vendor_data.json", 0,
		                "neither a text, a list nor a map");
	*ret = cJSON_Duplicate(v, true);
	return *ret ? 0 : -ENOMEM;
}
