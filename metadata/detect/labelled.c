// SPDX-License-Identifier: Apache-2.0
/* Block devices and their superblocks, without udev. */
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

static int take(blkid_probe p, const char *key, char **ret)
{
	const char *value = NULL;

	if (blkid_probe_lookup_value(p, key, &value, NULL) < 0 || !value)
		return 0;
	*ret = strdup(value);
	return *ret ? 0 : -ENOMEM;
}

/* Only the file systems that carry metadata: everything else is not even looked for. */
static int probe(const char *device, struct block_device *ret)
{
	static char *types[] = {(char *) "iso9660", (char *) "vfat", (char *) "udf", NULL};
	auto_fd int fd = open(device, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	blkid_probe p;
	int r = -ENOENT;

	if (fd < 0)
		return -ENOENT;
	p = blkid_new_probe();
	if (!p)
		return -ENOMEM;
	if (blkid_probe_set_device(p, fd, 0, 0) == 0 && blkid_probe_enable_superblocks(p, 1) == 0 &&
	    blkid_probe_filter_superblocks_type(p, BLKID_FLTR_ONLYIN, types) == 0 &&
	    blkid_probe_set_superblocks_flags(p, BLKID_SUBLKS_LABEL | BLKID_SUBLKS_TYPE |
	                                                 BLKID_SUBLKS_UUID) == 0 &&
	    blkid_do_safeprobe(p) == 0) {
		ret->name = strdup(device);
		r = ret->name ? 0 : -ENOMEM;
		if (r >= 0)
			r = take(p, "TYPE", &ret->type);
		if (r >= 0)
			r = take(p, "LABEL", &ret->label);
		if (r >= 0)
			r = take(p, "LABEL_FATBOOT", &ret->label_fatboot);
		if (r >= 0)
			r = take(p, "UUID", &ret->uuid);
	}
	blkid_free_probe(p);
	return r;
}

int block_devices_read(struct block_device **ret, size_t *ret_n)
{
	struct machine m = {0};
	auto_strv char **names = NULL;
	int r = dir_list("/sys/class/block", &names);

	STRV_FOREACH (name, names) {
		auto_free char *device = str_printf("/dev/%s", *name);
		struct block_device *more;

		if (!is_worth_a_look(*name))
			continue;
		more = realloc(m.devices, (m.n_devices + 1) * sizeof(*more));
		if (!more || !device) {
			r = -ENOMEM;
			break;
		}
		m.devices = more;
		m.devices[m.n_devices] = (struct block_device){0};
		r = probe(device, &m.devices[m.n_devices]);
		if (r >= 0 || m.devices[m.n_devices].name)
			m.n_devices++;
		if (r == -ENOMEM)
			break;
	}
	if (r == -ENOMEM) {
		machine_done(&m);
		return r;
	}
	*ret = m.devices;
	*ret_n = m.n_devices;
	return 0;
}

int detect_labelled(struct block_candidate *found, size_t max)
{
	struct machine m = {0};
	size_t n = 0;
	int r = block_devices_read(&m.devices, &m.n_devices);

	for (size_t i = 0; r >= 0 && i < m.n_devices && n < max; i++) {
		const struct block_device *d = &m.devices[i];

		if (!((d->label && !strcasecmp(d->label, "cidata")) ||
		      (d->label_fatboot && !strcasecmp(d->label_fatboot, "cidata"))) ||
		    strlen(d->name) >= sizeof(found[n].device))
			continue;
		snprintf(found[n].device, sizeof(found[n].device), "%s", d->name);
		snprintf(found[n].fs_type, sizeof(found[n].fs_type), "%s", d->type);
		n++;
	}
	machine_done(&m);
	return r < 0 ? r : (int) n;
}
