// SPDX-License-Identifier: Apache-2.0
#include "unitfile/unitfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What has been parsed has a normal form, which is its own. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *text = strndup((const char *) data, size), *form = NULL, *again = NULL;
	struct calendar_spec *c, *copy;
	usec_t next;

	if (size > 512 || calendar_parse(text, &c) < 0)
		return 0;
	(void) calendar_next(c, 1677628800 * USEC_PER_SEC, &next);
	if (calendar_format(c, &form) < 0 || calendar_parse(form, &copy) < 0 ||
	    calendar_format(copy, &again) < 0 || !streq(form, again))
		abort();
	calendar_free(c);
	calendar_free(copy);
	return 0;
}
