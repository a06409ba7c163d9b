// SPDX-License-Identifier: Apache-2.0
#include "unitfile/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *text = strndup((const char *) data, size);
	uint64_t v;

	(void) span_parse(text, USEC_PER_SEC, &v);
	(void) parse_nsec(text, &v);
	(void) parse_size(text, 1024, &v);
	(void) parse_permyriad(text, 10000, &v);
	return 0;
}
