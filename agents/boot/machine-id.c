// SPDX-License-Identifier: Apache-2.0
#include "boot/boot.h"

#include <stdio.h>
#include <sys/mount.h>

static int id_from_cmdline(struct id128 *ret)
{
	auto_free char *cmdline = NULL, *text = NULL;
	int r = file_read("/proc/cmdline", &cmdline, NULL);

	if (r < 0)
		return r;
	text = cmdline_get(cmdline, "systemd.machine_id");
	return text ? id128_parse(text, ret) : -ENOENT;
}

/* Only a hypervisor's UUID can be trusted to be unique; board vendors ship the same one many times.
 */
static int id_from_hypervisor(struct id128 *ret)
{
	auto_free char *vendor = NULL, *text = NULL;
	static const char *const vendors[] = {
		"QEMU",   "KVM", "Amazon EC2", "VMware",
		"Google", "Xen", "OpenStack",  "Microsoft Corporation"};
	bool known = false;
	int r;

	r = file_read_line("/sys/class/dmi/id/sys_vendor", &vendor);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ELEMENTSOF(vendors); i++)
		known |= str_after(vendor, vendors[i]) != NULL;
	if (!known)
		return -ENOENT;
	r = file_read_line("/sys/class/dmi/id/product_uuid", &text);
	if (r < 0)
		return r;
	r = id128_parse(text, ret);
	if (r < 0)
		return r;
	/* QEMU without -uuid says all zeros, some firmware all ones: no ids. */
	for (size_t i = 1; i < sizeof(ret->bytes); i++)
		if (ret->bytes[i] != ret->bytes[0])
			return 0;
	return -ENOENT;
}

static int id_read(const char *path, struct id128 *ret)
{
	auto_free char *text = NULL;
	int r = file_read_line(path, &text);

	return r < 0 ? r : id128_parse(text, ret);
}

/* On a read-only root: the id lives in /run and covers the file. */
static int id_cover(const char *text, const char *path)
{
	int r = file_write_atomic("/run/machine-id", text, strlen(text), 0444, false);

	if (r < 0)
		return r;
	return mount("/run/machine-id", path, NULL, MS_BIND, NULL) < 0 ? -errno : 0;
}

int boot_machine_id(const char *root, char ret[static ID128_TEXT_MAX])
{
	auto_free char *path = path_join(*root ? root : "/", "etc/machine-id");
	char text[ID128_TEXT_MAX + 1];
	struct id128 id;
	int r;

	if (!path)
		return -ENOMEM;
	if (id_read(path, &id) >= 0) {
		id128_format(&id, ret);
		return 0;
	}
	if (id_from_cmdline(&id) < 0 && id_from_hypervisor(&id) < 0) {
		r = id128_random(&id);
		if (r < 0)
			return r;
	}
	id128_format(&id, ret);
	snprintf(text, sizeof(text), "%s\n", ret);
	r = file_write_atomic(path, text, strlen(text), 0444, true);
	if (r == -EROFS && !*root)
		r = id_cover(text, path);
	return r < 0 ? r : 1;
}
