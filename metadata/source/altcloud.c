// SPDX-License-Identifier: Apache-2.0
/* RHEV and vSphere by the older way: a text on a floppy or a CD-ROM. The machine itself gives no sign of it, so it is asked for
 * by name alone. */
#include "metadata/source/source.h"

#define DEFAULT_ID "iid-dsaltcloud"

int source_altcloud_media(const struct source_context *c, struct instance **ret)
{
	static const char *const names[] = {"deltacloud-user-data.txt", "user-data.txt"};
	auto_cleanup(instance_free) struct instance *i = NULL;
	int r = instance_new("AltCloud", c->origin, &i);

	if (r >= 0)
		r = str_set(&i->platform, "altcloud");
	if (r >= 0)
		r = str_set(&i->id, DEFAULT_ID);
	if (r >= 0)
		r = json_add_string(i->meta_data, "instance-id", DEFAULT_ID);
	if (r < 0)
		return r;
	r = -ENOENT;
	for (size_t k = 0; k < ELEMENTSOF(names) && r == -ENOENT; k++)
		r = tree_read(c->media, names[k], METADATA_DOCUMENT_MAX, &i->user_data);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(i);
	return 0;
}
