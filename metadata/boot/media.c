// SPDX-License-Identifier: Apache-2.0
/* Where a source's files may be: seed folders below /var/lib/cloud, then media by their labels. */
#include "metadata/boot/boot.h"

#include <sys/mount.h>

#define SEEDS       "var/lib/cloud/seed"
#define MOUNT_POINT "/" METADATA_RUN "/media"

typedef int (*read_fn)(void *userdata, const struct tree *t, const char *origin);

static int each_seed(const struct search *s, const struct source_row *row, read_fn read,
                     void *userdata)
{
	auto_strv char **names = NULL;
	int r = strv_split(row->seeds ? row->seeds : "", " ", &names);

	if (r < 0)
		return r;
	STRV_FOREACH (n, names) {
		auto_free char *path = path_join(SEEDS, *n),
			       *origin = path ? path_join("/", path) : NULL;
		struct subtree below = {&s->machine.root, path};
		struct tree t = tree_of_subtree(&below);

		if (!origin)
			return -ENOMEM;
		if (tree_stat(&s->machine.root, path) != 'd')
			continue;
		r = read(userdata, &t, origin);
		if (r != -ENOENT)
			return r;
	}
	return -ENOENT;
}

/* datasource: {NoCloud: {fs_label: X}}: another label, or null for none. */
static int labels_of(const struct search *s, const struct source_row *row, char ***ret)
{
	const cJSON *all = cJSON_GetObjectItemCaseSensitive(s->config, "datasource"),
		    *label = cJSON_GetObjectItemCaseSensitive(
			    cJSON_GetObjectItemCaseSensitive(all, row->name), "fs_label");

	if (cJSON_IsNull(label))
		return 0;
	if (cJSON_IsString(label) && strcasecmp(label->valuestring, "cidata") != 0)
		return strv_append(ret, label->valuestring);
	return strv_split(row->labels ? row->labels : "", " ", ret);
}

static bool has_label(const struct block_device *b, char *const *labels)
{
	return (b->label && strv_contains(labels, b->label)) ||
	       (b->label_fatboot && strv_contains(labels, b->label_fatboot));
}

int media_is_of(const struct search *s, const struct source_row *row, const struct block_device *b)
{
	auto_strv char **labels = NULL;
	int r;

	if (!b->type ||
	    !(streq(b->type, "iso9660") || streq(b->type, "vfat") || streq(b->type, "udf")))
		return false;
	r = labels_of(s, row, &labels);
	if (r < 0 || has_label(b, labels))
		return r < 0 ? r : true;
	if (!row->any_cdrom)
		return false;
	return streq(b->type, "vfat") ? str_after(b->name, "/dev/fd") != NULL
	                              : ovf_is_cdrom_name(b->name);
}

static int read_device(const struct search *s, const struct block_device *b, read_fn read,
                       void *userdata)
{
	auto_free char *origin = str_printf("%s (%s, %s)", b->name, b->type,
	                                    b->label           ? b->label
	                                    : b->label_fatboot ? b->label_fatboot
	                                                       : "no label");
	auto_fd int fd = -EBADF;
	struct tree t = tree_of_directory(&fd);
	int r;

	if (!origin)
		return -ENOMEM;
	/* What is beside it is for all to read. */
	r = mkdir_parents(MOUNT_POINT, 0755);
	if (r >= 0)
		r = mkdir_p(MOUNT_POINT, 0700);
	if (r < 0)
		return diag_add(s->d, r, DIAG_ERROR, MOUNT_POINT, 0,
		                "cannot be made, and so \"%s\" not be read: %s", b->name,
		                strerror(-r));
	if (mount(b->name, MOUNT_POINT, b->type, MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
	          NULL) < 0) {
		diag_add(s->d, -errno, DIAG_WARNING, b->name, 0, "cannot be mounted: %s",
		         strerror(errno));
		return -ENOENT;
	}
	fd = open(MOUNT_POINT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = fd < 0 ? -errno : read(userdata, &t, origin);
	if (fd >= 0)
		close(TAKE_FD(fd));
	if (umount2(MOUNT_POINT, MNT_DETACH) < 0)
		diag_add(s->d, -errno, DIAG_WARNING, MOUNT_POINT, 0, "cannot be unmounted: %s",
		         strerror(errno));
	return r;
}

int media_each(const struct search *s, const struct source_row *row, read_fn read, void *userdata)
{
	int r = each_seed(s, row, read, userdata);

	if (r != -ENOENT || !s->is_live || (s->machine.is_confidential && !s->found.is_pinned))
		return r;
	for (size_t i = 0; i < s->machine.n_devices; i++) {
		r = media_is_of(s, row, &s->machine.devices[i]);
		if (r > 0)
			r = read_device(s, &s->machine.devices[i], read, userdata);
		else if (r == 0)
			continue;
		if (r != -ENOENT)
			return r;
	}
	return -ENOENT;
}
