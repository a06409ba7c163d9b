// SPDX-License-Identifier: Apache-2.0
/* User data of any kind: format, YAML, merging. */
#include "metadata/modules/modules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct instance i = {0};
	auto_json cJSON *users = NULL, *events = NULL;
	struct userdata u = {0};
	struct diag d = {0};

	if (blob_set(&i.user_data, data, size) < 0)
		return 0;
	(void) userdata_read(&i, NULL, &d, &u);
	if (u.config)
		modules_report_unknown(u.config, &d);
	(void) users_normalise(u.config, NULL, &d, &users);
	(void) update_events_of(cJSON_GetObjectItemCaseSensitive(u.config, "updates"), &d, &events);
	userdata_done(&u);
	blob_done(&i.user_data);
	return 0;
}
