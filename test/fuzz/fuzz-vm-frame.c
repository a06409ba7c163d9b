// SPDX-License-Identifier: Apache-2.0
/* The stream between a guest and the host's supervisor: any bytes, fed in pieces, must leave a
 * reader that still works. */
#include "vm/frame.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct frame_reader r;
	size_t piece = size ? data[0] + 1u : 1;
	static volatile uint8_t sum;
	struct frame f;

	r.start = r.end = 0;
	while (size > 0) {
		size_t n = frame_reader_feed(&r, data, size < piece ? size : piece);

		while (frame_reader_next(&r, &f)) {
			if (f.length > FRAME_DATA_MAX || f.type >= FRAME_TYPE_MAX)
				abort();
			for (size_t i = 0; i < f.length; i++)
				sum = (uint8_t) (sum ^ f.data[i]);
		}
		/* A reader that takes nothing has a whole frame in it, which was just taken out. */
		if (n == 0)
			abort();
		data += n;
		size -= n;
	}
	return 0;
}
