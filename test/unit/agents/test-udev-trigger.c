// SPDX-License-Identifier: Apache-2.0
/* Events of devices on a made-up sysfs: all of them, and nothing before what it is part of. */
#include "boot/udev-trigger.h"
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[] = "/tmp/udev-trigger-XXXXXX";

static void put(const char *path, const char *link_to)
{
	auto_free char *full = str_printf("%s/sys/%s", root, path),
		       *uevent = str_printf("%s/uevent", full);

	CHECK_INT(mkdir_parents(full, 0755), >=, 0);
	if (link_to) {
		CHECK_INT(symlink(link_to, full), ==, 0);
		return;
	}
	CHECK_INT(mkdir_p(full, 0755), >=, 0);
	CHECK_INT(file_write_atomic(uevent, "", 0, 0644, false), ==, 0);
}

static void make(void)
{
	CHECK(mkdtemp(root) != NULL);
	put("module/loop", NULL);
	put("devices/pci0/00:01", NULL);
	put("devices/pci0/00:01/virtio0", NULL);
	put("devices/pci0/00:01/virtio0/block/vda", NULL);
	put("devices/pci0/00:02", NULL);
	put("devices/pci0/00:02/sound/card0", NULL);
	put("devices/pci0/00:02/sound/card0/controlC0", NULL);
	put("devices/pci0/00:02/sound/card0/pcmC0", NULL);
	put("devices/virtual/net/lo", NULL);
	put("devices/virtual/block/dm-0", NULL);
	put("devices/virtual/mem/null", NULL);
	put("bus/pci/drivers/ahci", NULL);
	put("bus/pci", NULL);
	put("bus/pci/devices/00:01", "../../../devices/pci0/00:01");
	put("bus/pci/devices/00:02", "../../../devices/pci0/00:02");
	put("bus/virtio", NULL);
	put("bus/virtio/devices/virtio0", "../../../devices/pci0/00:01/virtio0");
	put("class/block/vda", "../../devices/pci0/00:01/virtio0/block/vda");
	put("class/block/dm-0", "../../devices/virtual/block/dm-0");
	put("class/net/lo", "../../devices/virtual/net/lo");
	put("class/net/stray", "/etc");
	put("class/mem/null", "../../devices/virtual/mem/null");
	put("class/sound/card0", "../../devices/pci0/00:02/sound/card0");
	put("class/sound/controlC0", "../../devices/pci0/00:02/sound/card0/controlC0");
	put("class/sound/pcmC0", "../../devices/pci0/00:02/sound/card0/pcmC0");
}

/* What is printed, without the root; NULL if something failed. */
static char *listed(void)
{
	auto_free char *path = str_printf("%s/list", root), *text = NULL;
	auto_strv char **lines = NULL;
	auto_strbuf struct strbuf b = {0};
	int saved, fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), r;
	char *all = NULL;

	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	(void) dup2(fd, STDOUT_FILENO);
	r = boot_udev_trigger(root, true);
	fflush(stdout);
	(void) dup2(saved, STDOUT_FILENO);
	close(saved);
	close(fd);
	if (r < 0 || file_read(path, &text, NULL) < 0 || strv_split(text, "\n", &lines) < 0)
		return NULL;
	STRV_FOREACH (l, lines) {
		strbuf_puts(&b, *l + strlen(root) + strlen("/sys/"));
		strbuf_putc(&b, '\n');
	}
	return strbuf_take(&b, &all) < 0 ? NULL : all;
}

TEST(udev_trigger__tells_of_all_parents_first)
{
	make();
	auto_free char *text = listed();
	CHECK_STR(text, "module/loop\n"
	                "devices/pci0/00:01\n"
	                "devices/pci0/00:01/virtio0\n"
	                "devices/pci0/00:01/virtio0/block/vda\n"
	                "devices/virtual/block/dm-0\n"
	                "devices/virtual/net/lo\n"
	                "bus/pci\n"
	                "bus/pci/drivers/ahci\n"
	                "bus/virtio\n"
	                "devices/pci0/00:02\n"
	                "devices/pci0/00:02/sound/card0\n"
	                "devices/pci0/00:02/sound/card0/pcmC0\n"
	                "devices/virtual/mem/null\n"
	                "devices/pci0/00:02/sound/card0/controlC0\n");
}

TEST(udev_trigger__writes_and_passes_over_what_went)
{
	auto_free char *vda = str_printf("%s/sys/class/block/vda/uevent", root), *text = NULL,
		       *lo = str_printf("%s/sys/class/net/lo/uevent", root);

	CHECK_INT(unlink(lo), ==, 0);
	CHECK_INT(boot_udev_trigger(root, false), ==, 0);
	CHECK_INT(file_read(vda, &text, NULL), ==, 0);
	CHECK_STR(text, "add");
	CHECK_INT(mkdir(lo, 0755), ==, 0);
	CHECK_INT(boot_udev_trigger(root, false), <, 0);
	CHECK_INT(rm_rf(root), >=, 0);
	CHECK_INT(boot_udev_trigger(root, false), ==, 0); /* no sysfs: nothing to tell of */
}
