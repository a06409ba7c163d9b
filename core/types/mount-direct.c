// SPDX-License-Identifier: Apache-2.0
/* API file systems by mount(2) itself: at boot there are half a dozen of them, and a process for
 * each costs more than all their mounts. */
#include "types/mount.h"

#include "base/fault.h"

#include <sys/mount.h>

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
