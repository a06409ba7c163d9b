// SPDX-License-Identifier: Apache-2.0
/* Which generators are left out, in a root of the test's own. */
#include "core.h"

#include "check.h"
#include "empty-root.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define GENERATORS "/usr/lib/systemd/system-generators/"

static char *const quiet_boot[] = {(char *) "root=/dev/vda", (char *) "quiet", NULL};

static void put(const char *path, mode_t mode)
{
	auto_free char *folder = strdup(path);
	int fd;

	*strrchr(folder, '/') = 0;
	(void) mkdir_p(folder, 0755);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	(void) fchmod(fd, mode);
	(void) close(fd);
}

static bool needed(const char *name, char *const *cmdline)
{
	auto_free char *path = str_printf(GENERATORS "%s", name);

	return generator_is_needed(path, cmdline);
}

TEST(generator_needs__only_those_of_the_package_are_known)
{
	IN_EMPTY_ROOT;
	CHECK(!needed("systemd-rc-local-generator", quiet_boot));
	CHECK(!generator_is_needed("/lib/systemd/system-generators/systemd-rc-local-generator",
	                           quiet_boot));
	CHECK(generator_is_needed("/etc/systemd/system-generators/systemd-rc-local-generator",
	                          quiet_boot));
	CHECK(needed("systemd-fstab-generator", quiet_boot));
	CHECK(needed("somebody-elses-generator", quiet_boot));
}

TEST(generator_needs__a_file_that_it_reads)
{
	IN_EMPTY_ROOT;
	CHECK(!needed("systemd-cryptsetup-generator", quiet_boot));
	put("/etc/crypttab", 0600);
	CHECK(needed("systemd-cryptsetup-generator", quiet_boot));
	/* A symlink counts whatever it leads to. */
	CHECK(!needed("systemd-system-update-generator", quiet_boot));
	CHECK_INT(symlink("/nowhere", "/system-update"), ==, 0);
	CHECK(needed("systemd-system-update-generator", quiet_boot));
}

TEST(generator_needs__a_file_that_stands_in_its_way)
{
	IN_EMPTY_ROOT;
	/* Our own program is not there: cloud-init does its work. */
	CHECK(needed("cloud-init-generator", quiet_boot));
	put("/run/sysmaster/current/sysmaster-metadata", 0755);
	CHECK(!needed("cloud-init-generator", quiet_boot));
	put("/etc/sysmaster/metadata-disabled", 0644);
	CHECK(needed("cloud-init-generator", quiet_boot));
}

TEST(generator_needs__a_word_of_the_command_line)
{
	char *luks[] = {(char *) "quiet", (char *) "rd.luks.uuid=1", NULL};
	char *in_the_middle[] = {(char *) "x.luks.uuid=1", NULL};
	char *run[] = {(char *) "systemd.run=/bin/true", NULL};

	IN_EMPTY_ROOT;
	CHECK(needed("systemd-cryptsetup-generator", luks));
	CHECK(!needed("systemd-cryptsetup-generator", in_the_middle));
	CHECK(!needed("systemd-run-generator", luks));
	CHECK(needed("systemd-run-generator", run));
}

/* /sys is this test's own: what makes a partition is a file there. */
TEST(generator_needs__a_partition_table_around_the_root)
{
	dev_t disk = makedev(254, 0), partition = makedev(254, 1), mapped = makedev(253, 3);
	char *asked[] = {(char *) "root=gpt-auto", NULL};

	IN_EMPTY_ROOT;
	/* A file system without a device, as the root of this test is: what sysfs says of that number is not asked. */
	put("/sys/dev/block/0:31/size", 0444);
	CHECK(disk_may_have_table(makedev(0, 31)));
	CHECK(needed("systemd-gpt-auto-generator", quiet_boot));
	CHECK(needed("systemd-gpt-auto-generator", asked));
	/* Nothing is known of the device. */
	CHECK(disk_may_have_table(disk));
	put("/sys/dev/block/254:0/size", 0444);
	CHECK(!disk_may_have_table(disk));
	put("/sys/dev/block/254:1/size", 0444);
	put("/sys/dev/block/254:1/partition", 0444);
	CHECK(disk_may_have_table(partition));
	put("/sys/dev/block/253:3/size", 0444);
	put("/sys/dev/block/253:3/dm/name", 0444);
	CHECK(disk_may_have_table(mapped));
}

TEST(generator_needs__a_script_that_no_unit_file_replaces)
{
	IN_EMPTY_ROOT;
	/* No folder, and one without a script. */
	CHECK(!needed("systemd-sysv-generator", quiet_boot));
	put("/etc/init.d/README", 0644);
	CHECK(!needed("systemd-sysv-generator", quiet_boot));
	put("/etc/init.d/cron", 0755);
	CHECK(needed("systemd-sysv-generator", quiet_boot));
	put("/usr/lib/systemd/system/cron.service", 0644);
	CHECK(!needed("systemd-sysv-generator", quiet_boot));
	/* The unit's name lacks the suffix; masked is there, too. */
	put("/etc/init.d/hwclock.sh", 0755);
	CHECK(needed("systemd-sysv-generator", quiet_boot));
	CHECK_INT(mkdir_p("/etc/systemd/system", 0755), >=, 0);
	CHECK_INT(symlink("/dev/null", "/etc/systemd/system/hwclock.service"), ==, 0);
	CHECK(!needed("systemd-sysv-generator", quiet_boot));
	/* A folder is no script. */
	CHECK_INT(mkdir("/etc/init.d/folder", 0755), ==, 0);
	CHECK(!needed("systemd-sysv-generator", quiet_boot));
	/* Of two scripts one unit is missing. */
	put("/etc/init.d/another", 0755);
	CHECK(needed("systemd-sysv-generator", quiet_boot));
	put("/run/systemd/system/another.service", 0644);
	CHECK(!needed("systemd-sysv-generator", quiet_boot));
}
