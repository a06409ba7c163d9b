// SPDX-License-Identifier: Apache-2.0
#include "unitfile/unitfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_strv char **env = NULL;
	struct diag d = {0};

	if (size > 65536 || env_file_parse((const char *) data, size, "x", &d, &env) < 0)
		return 0;
	STRV_FOREACH (e, env)
		if (!strchr(*e, '='))
			abort();
	return 0;
}
