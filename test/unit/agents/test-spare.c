// SPDX-License-Identifier: Apache-2.0
/* A stock program is left out only where it is certain that nothing is asked of it. */
#include "boot/spare.h"
#include "check.h"

#include <unistd.h>

#define LOADER    "systemd-modules-load"
#define GENERATOR "systemd-network-generator"

static char *const none[] = {NULL};

TEST(spare__words_of_the_kernel_line)
{
	static const char *const asks[] = {"ip=dhcp",
	                                   "ip",
	                                   "nameserver=1.1.1.1",
	                                   "rd.route=a:b",
	                                   "rd.peerdns=0",
	                                   "vlan=a:b",
	                                   "bond=a",
	                                   "ifname=a:b",
	                                   "net.ifname-policy=mac",
	                                   "net.ifname_policy=mac"};
	static const char *const others[] = {
		"ipv6.disable=1", "net.ifnames=0", "root=/dev/vda", "ro", "bonding=1", "rd.luks=0"};

	for (size_t i = 0; i < ELEMENTSOF(asks); i++) {
		char *const words[] = {(char *) "ro", (char *) asks[i], NULL};

		CHECK(boot_has_work(GENERATOR, words, "/nowhere"));
		CHECK(!boot_has_work(LOADER, words, "/nowhere"));
	}
	for (size_t i = 0; i < ELEMENTSOF(others); i++) {
		char *const words[] = {(char *) others[i], NULL};

		CHECK(!boot_has_work(GENERATOR, words, "/nowhere"));
	}
	CHECK(boot_has_work(LOADER, (char *const[]){(char *) "modules_load=loop", NULL},
	                    "/nowhere"));
	CHECK(boot_has_work("another", none, "/nowhere"));
}

TEST(spare__lines_of_files)
{
	static const struct {
		const char *text;
		bool work;
	} files[] = {{"", false},
	             {"# loop\n\n  ; loop\n\t\n", false},
	             {"# loop\n loop", true},
	             {"loop\n", true}};
	char root[] = "/tmp/spare-XXXXXX";

	CHECK(mkdtemp(root) != NULL);
	CHECK(!boot_has_work(LOADER, none, root));
	auto_free char *path = str_printf("%s/run/modules-load.d/a.conf", root);
	CHECK_INT(mkdir_parents(path, 0755), >=, 0);
	for (size_t i = 0; i < ELEMENTSOF(files); i++) {
		CHECK_INT(
			file_write_atomic(path, files[i].text, strlen(files[i].text), 0644, false),
			==, 0);
		CHECK_INT(boot_has_work(LOADER, none, root), ==, files[i].work);
	}
	/* What cannot be read is the program's to say. */
	CHECK_INT(unlink(path), ==, 0);
	CHECK_INT(symlink("/nowhere", path), ==, 0);
	CHECK(boot_has_work(LOADER, none, root));
	CHECK_INT(rm_rf(root), >=, 0);
}
