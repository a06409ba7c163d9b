// SPDX-License-Identifier: Apache-2.0
/* User data of any kind: format, YAML, merging. */
#include "metadata/metadata.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct instance i = {.user_data = malloc(size + 1), .user_data_size = size};
	struct userdata u = {0};
	struct diag d = {0};

	if (!i.user_data)
		return 0;
	memcpy(i.user_data, data, size);
	i.user_data[size] = '\0';
	(void) userdata_read(&i, &d, &u);
	if (u.config)
		modules_report_unknown(u.config, &d);
	userdata_done(&u);
	free(i.user_data);
	return 0;
}
