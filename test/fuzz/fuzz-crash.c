// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a report's file, and as the black box of the core before: read without harm; what was read is written and read
 * again the same. */
#include "crash/box.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_report(const struct crash_report *c)
{
	auto_cleanup(crash_report_free) struct crash_report *again = NULL;
	auto_free char *text = NULL, *second = NULL;

	free(crash_report_summary(c));
	if (strv_length(c->frames) > CRASH_FRAMES_MAX || strv_length(c->log) > CRASH_LINES_MAX)
		abort();
	/* Text from outside may grow by escapes beyond the bound; then it is refused. */
	if (crash_report_encode(c, &text) < 0)
		return;
	if (crash_report_decode(text, strlen(text), &again) < 0 ||
	    crash_report_encode(again, &second) < 0 || !streq(text, second))
		abort();
	free(crash_report_summary(again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct crash_report *c;
	struct box *b;

	if (crash_report_decode((const char *) data, size, &c) >= 0) {
		check_report(c);
		crash_report_free(c);
	}
	/* The marks that make it a box are given, so that the rest is looked at. */
	b = calloc(1, sizeof(*b));
	if (!b)
		return 0;
	memcpy(b, data, MIN(size, sizeof(*b)));
	b->magic = BOX_MAGIC;
	b->version = BOX_VERSION;
	b->size = sizeof(*b);
	b->in_use = 1;
	c = box_read(b, sizeof(*b));
	if (c)
		check_report(c);
	crash_report_free(c);
	free(b);
	return 0;
}
