// SPDX-License-Identifier: Apache-2.0
/* mountinfo holds names that users choose (FUSE, unprivileged name spaces); so do mount options. */
#include "types/mount.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_entry(const struct mountinfo *e, void *userdata)
{
	unsigned long flags;
	char *text = NULL;
	int *n = userdata;

	if (*e->where != '/' || !e->type || !e->what || !e->options || !e->super_options)
		abort();
	if (mount_options_split(e->super_options, &flags, &text) >= 0)
		free(text);
	text = NULL;
	if (mount_options_for_command(e->options, &text) >= 0)
		free(text);
	(void) mount_option_is_set(e->options, "nofail");
	(void) mount_point_is_ignored(e->where);
	++*n;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + 1);
	int n = 0;

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	copy[size] = 0;
	if (mountinfo_parse(copy, on_entry, &n) != n)
		abort();
	free(copy);
	return 0;
}
