// SPDX-License-Identifier: Apache-2.0
/* A manifest that is accepted must hold its promises, and be accepted again as we print it. */
#include "bundle/bundle.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bundle_manifest *m, *again;
	struct diag d = {};
	char *text;

	if (bundle_manifest_parse((const char *) data, size, &d, &m) < 0)
		return 0;
	for (size_t i = 0; i < m->n_files; i++)
		if (m->files[i].path[0] == '/' || !strncmp(m->files[i].path, "../", 3) ||
		    strstr(m->files[i].path, "/../") || m->files[i].mode & ~0755U)
			abort();
	if (!bundle_version_is_valid(m->version) || m->total_size > BUNDLE_TOTAL_MAX)
		abort();
	text = bundle_manifest_print(m);
	if (!text || bundle_manifest_parse(text, strlen(text), &d, &again) < 0 ||
	    again->n_files != m->n_files)
		abort();
	free(text);
	bundle_manifest_free(again);
	bundle_manifest_free(m);
	return 0;
}
