// SPDX-License-Identifier: Apache-2.0
/* The first line names the unit, the rest is its file. */
#include "unitfile/unitfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct unit_context context = {.runtime_dir = "/run",
	                                      .state_dir = "/var/lib",
	                                      .hostname = "h",
	                                      .default_tasks_max = 1};
	const uint8_t *newline = size ? memchr(data, '\n', size) : NULL;
	auto_free char *name =
		newline ? strndup((const char *) data, (size_t) (newline - data)) : NULL;
	struct unit_file *f = NULL;
	struct diag d = {0};
	size_t at;

	if (!name || size > 65536)
		return 0;
	at = (size_t) (newline - data) + 1;
	if (unit_file_parse(&context, name, (const char *) data + at, size - at, "x", &d, &f) >=
	    0) {
		/* Once more on top of itself, as set-property does. */
		unit_file_set(f, &context, "Unit", "Description", name, &d);
		unit_file_free(f);
	}
	return 0;
}
