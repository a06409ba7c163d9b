// SPDX-License-Identifier: Apache-2.0
#include "metadata/detect/detect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *text = strndup((const char *) data, size);
	struct nocloud_line l;

	if (text && nocloud_line_parse(text, &l) >= 0)
		nocloud_line_done(&l);
	return 0;
}
