// SPDX-License-Identifier: Apache-2.0
/* What core-exec reads: whatever it accepts must be written again and read to the same bytes. */
#include "exec/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_strbuf struct strbuf first = {0}, second = {0};
	struct exec_spec p, q;
	char *copy = malloc(size + 1), *again;

	memcpy(copy, data, size);
	copy[size] = 0;
	if (exec_spec_read(copy, size, &p) >= 0 && exec_spec_write(&p, &first) >= 0) {
		again = malloc(first.size + 1);
		memcpy(again, first.data ?: "", first.size);
		if (exec_spec_read(again, first.size, &q) < 0 || exec_spec_write(&q, &second) < 0)
			abort();
		if (first.size != second.size ||
		    memcmp(first.data ?: "", second.data ?: "", first.size) != 0)
			abort();
		exec_spec_done(&q);
		free(again);
	}
	exec_spec_done(&p);
	free(copy);
	return 0;
}
