// SPDX-License-Identifier: Apache-2.0
/* Any text as a signature, a public and a secret key. */
#include "bundle/minisign.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct minisign_signature s;
	struct minisign_public p, again;
	struct minisign_secret k;
	struct diag d = {};
	char *text;

	if (minisign_signature_parse((const char *) data, size, &d, &s) >= 0 &&
	    strlen(s.comment) >= MINISIGN_COMMENT_MAX)
		abort();
	(void) minisign_secret_parse((const char *) data, size, &d, &k);
	if (minisign_public_parse((const char *) data, size, &d, &p) < 0)
		return 0;
	text = minisign_public_print(&p);
	if (!text || minisign_public_parse(text, strlen(text), &d, &again) < 0 ||
	    memcmp(&p, &again, sizeof(p)))
		abort();
	free(text);
	return 0;
}
