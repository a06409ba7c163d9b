// SPDX-License-Identifier: Apache-2.0
/* The table of a hypervisor that means no good. */
#include "smbios.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_string(const char *s, size_t size, void *userdata)
{
	size_t *sum = userdata;

	if (s[size] != 0 || memchr(s, 0, size))
		abort();
	*sum += size;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t sum = 0;

	if (smbios_oem_strings(data, size, on_string, &sum) != 0 || sum > size)
		abort();
	return 0;
}
