// SPDX-License-Identifier: Apache-2.0
/* Whose fstab and getty generators run, in a root of the test's own. */
#include "core.h"

#include "check.h"
#include "empty-root.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define OURS   "/opt/sysmaster"
#define THEIRS "/usr/lib/systemd/system-generators/"
#define FSTAB  "systemd-fstab-generator"
#define GETTY  "systemd-getty-generator"

static void put_text(const char *path, mode_t mode, const char *text)
{
	auto_free char *folder = strdup(path);
	int fd;

	*strrchr(folder, '/') = 0;
	(void) mkdir_p(folder, 0755);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	if (write(fd, text, strlen(text)) != (ssize_t) strlen(text))
		abort();
	(void) fchmod(fd, mode);
	(void) close(fd);
}

static void put(const char *path)
{
	put_text(path, 0755, "#!/bin/sh\n");
}

/* "PROGRAM ... + OWN", of what would run. */
static char *chosen(void)
{
	auto_generator_choice struct generator_choice c = {0};
	auto_free char *programs = NULL;

	if (generators_choose(OURS, &c) < 0 || (c.own && !streq(c.agent, OURS "/sysmaster-boot")))
		return strdup("(failed)");
	programs = strv_join(c.programs, " ");
	return str_printf("%s+%s", programs, c.own ? c.own : "");
}

#define CHECK_CHOSEN(expected)                                                                     \
	do {                                                                                       \
		auto_free char *found_ = chosen();                                                 \
		CHECK_STR(found_, expected);                                                       \
	} while (0)

TEST(generator_choice__none_at_all)
{
	IN_EMPTY_ROOT;
	CHECK_CHOSEN("+");
	put(OURS "/sysmaster-boot");
	CHECK_CHOSEN("+fstab,getty");
}

TEST(generator_choice__those_of_the_package_are_replaced)
{
	IN_EMPTY_ROOT;
	put(THEIRS FSTAB);
	put("/lib/systemd/system-generators/" GETTY);
	put(THEIRS "systemd-sysv-generator");
	CHECK_CHOSEN(THEIRS FSTAB " " THEIRS "systemd-sysv-generator "
	                          "/lib/systemd/system-generators/" GETTY "+");
	put(OURS "/sysmaster-boot");
	CHECK_CHOSEN(THEIRS "systemd-sysv-generator+fstab,getty");
	/* One that cannot be executed is nobody's. */
	CHECK_INT(chmod(OURS "/sysmaster-boot", 0644), ==, 0);
	CHECK_CHOSEN(THEIRS FSTAB " " THEIRS "systemd-sysv-generator "
	                          "/lib/systemd/system-generators/" GETTY "+");
}

TEST(generator_choice__an_administrators_own_runs)
{
	static const char *const folders[] = {
		"/run/systemd/system-generators/", "/etc/systemd/system-generators/",
		"/usr/local/lib/systemd/system-generators/", OURS "/generators/"};

	for (size_t i = 0; i < ELEMENTSOF(folders); i++) {
		IN_EMPTY_ROOT;
		auto_free char *path = str_printf("%s" FSTAB, folders[i]),
			       *expected = str_printf("%s+getty", path);

		put(OURS "/sysmaster-boot");
		put(THEIRS FSTAB);
		put(path);
		CHECK_CHOSEN(expected);
	}
}

TEST(generator_choice__a_mask_hides_ours_as_well)
{
	IN_EMPTY_ROOT;
	put(OURS "/sysmaster-boot");
	put(THEIRS FSTAB);
	put(THEIRS GETTY);
	put_text("/etc/systemd/system-generators/" FSTAB, 0755, "");
	CHECK_CHOSEN("+getty");
	CHECK_INT(mkdir("/dev", 0755), ==, 0);
	CHECK_INT(mknod("/dev/null", S_IFCHR | 0666, makedev(1, 3)), ==, 0);
	CHECK_INT(mkdir_p("/run/systemd/system-generators", 0755), >=, 0);
	CHECK_INT(symlink("/dev/null", "/run/systemd/system-generators/" GETTY), ==, 0);
	CHECK_CHOSEN("+");
}

TEST(generator_choice__named_folders_are_all_there_is)
{
	IN_EMPTY_ROOT;
	put(OURS "/sysmaster-boot");
	put("/else/" FSTAB);
	put(THEIRS GETTY);
	CHECK_INT(setenv("SYSTEMD_GENERATOR_PATH", "/else", 1), ==, 0);
	CHECK_CHOSEN("/else/" FSTAB "+");
	CHECK_INT(setenv("SYSTEMD_GENERATOR_PATH", "/else:/usr/lib/systemd/system-generators", 1),
	          ==, 0);
	CHECK_CHOSEN("/else/" FSTAB "+getty");
	CHECK_INT(setenv("SYSTEMD_GENERATOR_PATH", "/nothing", 1), ==, 0);
	CHECK_CHOSEN("+");
	CHECK_INT(unsetenv("SYSTEMD_GENERATOR_PATH"), ==, 0);
}
