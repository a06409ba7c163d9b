// SPDX-License-Identifier: Apache-2.0
/* Which options of fstab are one system call, and which are mount(8)'s. With real mounts: test/oracle/boot/remount.py. */
#include "check.h"
#include "boot/remount.h"

#include <sys/mount.h>

TEST(remount_options__are_flags_and_data)
{
	static const struct {
		const char *options, *data;
		unsigned long flags;
	} rows[] = {
		{"", "", 0},
		{"defaults", "", 0},
		{"rw,errors=remount-ro,,discard", "errors=remount-ro,discard", 0},
		{"ro,nosuid,nodev,noexec", "", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC},
		{"ro,noatime,rw,atime", "", 0},
		{"lazytime,size=50%,mode=0755", "size=50%,mode=0755", MS_LAZYTIME},
		{"noauto,nofail,x-systemd.growfs,x-systemd.device-timeout=5,x-initrd.mount", "", 0},
		{"rooted,rox=1", "rooted,rox=1", 0},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		auto_free char *data = NULL;
		unsigned long flags;

		CHECK_INT(remount_options(rows[i].options, &flags, &data), ==, 1);
		CHECK_INT(flags, ==, rows[i].flags);
		CHECK_STR(data, rows[i].data);
	}
}

TEST(remount_options__that_mount_knows_are_left_to_it)
{
	static const char *const rows[] = {"user",
	                                   "rw,users",
	                                   "_netdev",
	                                   "comment=x",
	                                   "x-other",
	                                   "X-mount.mkdir",
	                                   "bind",
	                                   "ro,rshared",
	                                   "ro=vfs",
	                                   "loop",
	                                   "loop=/dev/loop1",
	                                   "context=\"a,b\"",
	                                   "rootcontext=x",
	                                   "a\\,b",
	                                   "uhelper=x",
	                                   "verity.roothash=1"};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		char *data = NULL;
		unsigned long flags;

		CHECK_INT(remount_options(rows[i], &flags, &data) ? -1 : (long long) i, ==,
		          (long long) i);
	}
}

TEST(remount_options__of_more_than_a_page_are_left_to_mount)
{
	char options[6000], *data = NULL;
	unsigned long flags;

	memset(options, 'a', sizeof(options) - 1);
	options[sizeof(options) - 1] = 0;
	CHECK_INT(remount_options(options, &flags, &data), ==, 0);
	options[4000] = 0;
	auto_free char *fits = NULL;
	CHECK_INT(remount_options(options, &flags, &fits), ==, 1);
	CHECK_INT(strlen(fits), ==, 4000);
}
