// SPDX-License-Identifier: Apache-2.0
/* API file systems by mount(2) itself: at boot there are half a dozen of them, and a process for
 * each costs more than all their mounts. */
#include "types/mount.h"

#include "base/fault.h"

#include <sys/mount.h>

bool mount_type_is_known(const char *list, const char *type)
{
	size_t n = strlen(type);

	while (list) {
		const char *name = list + strcspn(list, "\t\n"), *end;

		if (*name != '\t')
			break;
		name++;
		end = name + strcspn(name, "\n");
		if ((size_t) (end - name) == n && memcmp(name, type, n) == 0)
			return true;
		list = *end ? end + 1 : NULL;
	}
	return false;
}

/* Where the type is in a module, the kernel waits for modprobe, and we would wait with it. bpf asks for one at each mount. */
static bool is_in_kernel(const char *type)
{
	auto_free char *list = NULL;
	size_t size;

	return file_read("/proc/filesystems", &list, &size) >= 0 && mount_type_is_known(list, type);
}

bool mount_is_direct(const char *type)
{
	/* Kernel interfaces: nothing to probe, no helper, no entry in utab, and no wait. */
	static const char *const types[] = {"hugetlbfs", "mqueue",   "debugfs",     "tracefs",
	                                    "configfs",  "fusectl",  "tmpfs",       "ramfs",
	                                    "pstore",    "efivarfs", "binfmt_misc", "securityfs"};

	for (size_t i = 0; type && i < ELEMENTSOF(types); i++)
		if (streq(type, types[i]))
			return is_in_kernel(type);
	return false;
}

int mount_direct(const struct mount *m)
{
	const struct mount_settings *c = mount_settings(m);
	auto_free char *data = NULL;
	unsigned long flags;
	int r;

	r = mount_options_split(c->options, &flags, &data);
	if (r < 0)
		return r;
	FAULT_POINT("mount.before");
	if (mount(c->what ? c->what : c->fs_type, m->where, c->fs_type, flags,
	          *data ? data : NULL) < 0)
		return -errno;
	return 0;
}

int unmount_direct(const struct mount *m)
{
	const struct mount_settings *c = mount_settings(m);
	int flags = UMOUNT_NOFOLLOW | (c && c->lazy_unmount ? MNT_DETACH : 0) |
	            (c && c->force_unmount ? MNT_FORCE : 0);

	if (umount2(m->where, flags) < 0)
		return -errno;
	return 0;
}
