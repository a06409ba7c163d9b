// SPDX-License-Identifier: Apache-2.0
#include "metadata/detect/detect.h"

#include <blkid.h>
#include <stdio.h>

/* Disks and partitions that cannot be a seed and would only cost a probe. */
static bool is_worth_a_look(const char *name)
{
	static const char *const never[] = {"loop", "ram", "zram", "dm-", "md", "nbd"};

	for (size_t i = 0; i < ELEMENTSOF(never); i++)
		if (str_after(name, never[i]))
			return false;
	return true;
}

static bool probe(const char *device, struct block_candidate *ret)
{
	auto_fd int fd = open(device, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const char *label = NULL, *type = NULL, *fatboot = NULL;
	bool found = false;
	blkid_probe p;

	if (fd < 0)
		return false;
	p = blkid_new_probe();
	if (!p)
		return false;
	/* Only the two file systems that a seed can be: everything else is not even looked for. */
	if (blkid_probe_set_device(p, fd, 0, 0) == 0 && blkid_probe_enable_superblocks(p, 1) == 0 &&
	    blkid_probe_filter_superblocks_type(
		    p, BLKID_FLTR_ONLYIN, (char *[]){(char *) "iso9660", (char *) "vfat", NULL}) ==
	            0 &&
	    blkid_probe_set_superblocks_flags(p, BLKID_SUBLKS_LABEL | BLKID_SUBLKS_TYPE) == 0 &&
	    blkid_do_safeprobe(p) == 0) {
		(void) blkid_probe_lookup_value(p, "TYPE", &type, NULL);
		(void) blkid_probe_lookup_value(p, "LABEL", &label, NULL);
		(void) blkid_probe_lookup_value(p, "LABEL_FATBOOT", &fatboot, NULL);
		if (type && ((label && !strcasecmp(label, "cidata")) ||
		             (fatboot && !strcasecmp(fatboot, "cidata")))) {
			snprintf(ret->device, sizeof(ret->device), "%s", device);
			snprintf(ret->fs_type, sizeof(ret->fs_type), "%s", type);
			found = true;
		}
	}
	blkid_free_probe(p);
	return found;
}

int detect_labelled(struct block_candidate *found, size_t max)
{
	auto_strv char **names = NULL;
	size_t n = 0;
	int r;

	r = dir_list("/sys/class/block", &names);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	STRV_FOREACH (name, names) {
		char device[64];

		if (n == max || !is_worth_a_look(*name) ||
		    snprintf(device, sizeof(device), "/dev/%s", *name) >= (int) sizeof(device))
			continue;
		if (probe(device, &found[n]))
			n++;
	}
	return (int) n;
}
