// SPDX-License-Identifier: Apache-2.0
/* What a metadata service says: listings, leaves, and documents through a row's map. */
#include "metadata/source/web.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct web_map map[] = {
		{"*", "a"},
		{"instance-id", "a.id", WEB_AS_TEXT},
		{"zone", "a.zone", WEB_LAST_PATH_PART, true},
		{NULL},
	};
	auto_blob struct blob b = {0}, copy = {0};
	auto_cleanup(instance_free) struct instance *i = NULL;
	cJSON *leaf, *listing = NULL, *doc = NULL;
	struct diag d = {0};

	if (blob_set(&b, data, size) < 0 || instance_new("Fuzz", NULL, &i) < 0)
		return 0;
	leaf = web_tree_leaf(b.data, b.size);
	cJSON_Delete(leaf);
	if (web_tree_listing(b.data, b.size, &listing) >= 0)
		cJSON_Delete(listing);
	if (json_parse(b.data, b.size, "fuzz", NULL, &doc) >= 0) {
		(void) web_map_apply(map, doc, "fuzz", i->meta_data, &d);
		(void) instance_take_id(i, &d);
		cJSON_Delete(doc);
	}
	if (blob_set(&copy, data, size) >= 0)
		(void) blob_maybe_base64(&copy);
	return 0;
}
