// SPDX-License-Identifier: Apache-2.0
/* Datagrams of sd_notify(3): anybody on the machine can send any bytes. */
#include "types/notify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char **tags = NULL;

	if (notify_parse((const char *) data, size, &tags) < 0)
		return 0;
	if (strv_length(tags) == 0 || strv_length(tags) > NOTIFY_TAGS_MAX)
		abort();
	STRV_FOREACH (t, tags)
		if (!strchr(*t, '=') || strchr(*t, '\n'))
			abort();
	strv_free(tags);
	return 0;
}
