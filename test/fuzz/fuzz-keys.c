// SPDX-License-Identifier: Apache-2.0
/* Lines of authorized_keys and of Google's metadata, and the small grammars beside them. */
#include "metadata/modules/modules.h"
#include "metadata/source/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_strv char **lines = NULL, **keys = NULL, **paths = NULL;
	auto_free char *merged = NULL, *again = NULL, *prints = NULL;
	auto_json cJSON *key = NULL;
	auto_blob struct blob b = {0};
	auto_free char *url = NULL;
	uint64_t n;

	if (blob_set(&b, data, size) < 0)
		return 0;
	(void) authorized_key_parse(b.data, NULL, &key);
	(void) keys_fingerprints(b.data, &prints);
	(void) authorized_keys_paths(b.data, "/home/me", "me", &paths);
	(void) size_parse(b.data, &n);
	(void) url_combine(b.data, (const char *const[]){b.data, NULL}, &url);
	if (strv_split(b.data, "\n", &lines) >= 0)
		(void) gce_keys_parse(lines, "me", 1795428000, &keys);
	/* A second boot with the same keys changes nothing. */
	if (authorized_keys_merge(b.data, lines, &merged) >= 0 &&
	    authorized_keys_merge(merged, lines, &again) >= 0 && !streq(merged, again))
		abort();
	return 0;
}
