// SPDX-License-Identifier: Apache-2.0
/* What the verbs share. */
#include "metadata/cmd/cmd.h"

#include "metadata/userdata/userdata.h"

#include <stdio.h>

int cmd_read_document(const char *path, struct diag *d, cJSON **ret)
{
	auto_free char *text = NULL;
	size_t size;
	int r = streq(path, "-") ? file_read_fd(STDIN_FILENO, METADATA_DOCUMENT_MAX, &text, &size)
	                         : file_read(path, &text, &size);

	if (r < 0)
		return diag_add(d, r, DIAG_ERROR, path, 0, "cannot be read: %s", strerror(-r));
	return yaml_parse(text, size, path, d, ret);
}

int cmd_finish(const struct diag *d, int r)
{
	for (size_t i = 0; i < d->n_items; i++) {
		fprintf(stderr, "%s: %s\n", d->items[i].file, d->items[i].text);
		if (r >= 0 && d->items[i].level >= DIAG_WARNING)
			r = EXIT_RECOVERABLE;
	}
	return r < 0 ? EXIT_FAILURE : r;
}
