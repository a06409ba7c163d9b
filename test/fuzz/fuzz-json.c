// SPDX-License-Identifier: Apache-2.0
/* What parses is printed, and what was printed parses and prints the same again. */
#include "base/json.h"

#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_json cJSON *first = NULL, *second = NULL;
	auto_free char *text = NULL, *again = NULL;
	auto_strv char **v = NULL;
	struct diag d = {0};
	const char *s;
	uint64_t u;
	int64_t i;

	if (json_parse((const char *) data, size, "input", &d, &first) < 0) {
		if (d.n_items != 1)
			abort();
		return 0;
	}
	for (const cJSON *child = first->child; child && cJSON_IsObject(first);
	     child = child->next) {
		(void) json_get_string(first, child->string, &s);
		(void) json_get_u64(first, child->string, &u);
		(void) json_get_i64(first, child->string, &i);
		v = strv_free(v);
		(void) json_get_strv(first, child->string, &v);
	}
	text = json_print(first, size % 2);
	if (!text)
		abort();
	/* An infinite number (1e999) is printed as null, and so is stable from then on only. */
	if (json_parse(text, strlen(text), "printed", NULL, &second) < 0)
		abort();
	again = json_print(second, size % 2);
	if (!again || !streq(text, again))
		abort();
	return 0;
}
