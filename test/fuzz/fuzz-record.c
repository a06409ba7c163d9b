// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a record: parsing never crashes, and what was parsed reads back the same after it is
 * written again. */
#include "engine/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const keys[] = {"v", "u.id", "state", "list", "stamp", "pid", "a"};
	struct record *r, *again;
	struct stamp t;
	uint64_t start;
	pid_t pid;

	if (record_parse((const char *) data, size, &r) < 0)
		return 0;
	for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
		auto_strbuf struct strbuf b = {0};
		const char *value = record_get(r, keys[i]);
		auto_strv char **v = NULL;

		(void) record_get_u64(r, keys[i], 0);
		(void) record_get_i64(r, keys[i], 0);
		(void) record_get_bool(r, keys[i], false);
		record_get_stamp(r, keys[i], &t);
		(void) record_get_pid(r, keys[i], &pid, &start);
		if (record_get_strv(r, keys[i], &v) < 0 || !value)
			continue;
		record_begin(&b);
		record_add(&b, "x", value);
		if (b.error < 0 || b.size > RECORD_SIZE_MAX ||
		    record_parse(b.data, b.size, &again) < 0)
			continue;
		if (!record_get(again, "x") || strcmp(record_get(again, "x"), value))
			abort();
		record_free(again);
	}
	auto_strbuf struct strbuf carried = {0};
	record_carry(r, &carried);
	record_free(r);
	return 0;
}
