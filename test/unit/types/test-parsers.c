// SPDX-License-Identifier: Apache-2.0
/* Texts from outside: notifications, mountinfo, swaps, udev, mount options. */
#include "check.h"

#include "types/device.h"
#include "types/mount.h"
#include "types/notify.h"
#include "types/swap.h"

#include <arpa/inet.h>
#include <sys/mount.h>

/* ---- notify ---- */

TEST(notify__splits_lines_and_drops_what_is_no_assignment)
{
	auto_strv char **tags = NULL;
	static const char text[] = "READY=1\nSTATUS=a=b c\n\nnonsense\n=x\nMAINPID=7";

	CHECK_INT(notify_parse(text, sizeof(text) - 1, &tags), ==, 0);
	CHECK_INT(strv_length(tags), ==, 3);
	CHECK_STR(tags[0], "READY=1");
	CHECK_STR(env_get(tags, "STATUS"), "a=b c");
	CHECK_STR(env_get(tags, "MAINPID"), "7");
}

TEST(notify__allows_one_nul_at_the_end_and_none_within)
{
	char **tags = NULL;

	CHECK_INT(notify_parse("READY=1\0", 8, &tags), ==, 0);
	CHECK_STR(tags[0], "READY=1");
	strv_free(tags);
	CHECK_INT(notify_parse("READY=1\0X=1", 11, &tags), ==, -EBADMSG);
	CHECK_INT(notify_parse("", 0, &tags), ==, -EBADMSG);
	CHECK_INT(notify_parse("\0", 1, &tags), ==, -EBADMSG);
	CHECK_INT(notify_parse("no assignment", 13, &tags), ==, -EBADMSG);
}

TEST(notify__refuses_what_is_too_long_or_too_much)
{
	static char text[NOTIFY_MESSAGE_MAX + 2];
	char **tags = NULL;

	memset(text, 'a', sizeof(text));
	text[1] = '=';
	CHECK_INT(notify_parse(text, NOTIFY_MESSAGE_MAX + 1, &tags), ==, -EMSGSIZE);
	CHECK_INT(notify_parse(text, NOTIFY_MESSAGE_MAX, &tags), ==, 0);
	strv_free(tags);
	for (size_t i = 0; i + 4 <= NOTIFY_MESSAGE_MAX; i += 4)
		memcpy(text + i, "a=b\n", 4);
	CHECK_INT(notify_parse(text, NOTIFY_MESSAGE_MAX, &tags), ==, -EBADMSG);
}

/* ---- mountinfo ---- */

struct seen {
	char where[8][64], what[8][64], type[8][32];
	int n;
};

static int on_mount(const struct mountinfo *e, void *userdata)
{
	struct seen *s = userdata;

	if (s->n < 8) {
		snprintf(s->where[s->n], 64, "%s", e->where);
		snprintf(s->what[s->n], 64, "%s", e->what);
		snprintf(s->type[s->n], 32, "%s", e->type);
	}
	s->n++;
	return 0;
}

TEST(mount_options__are_merged_each_once)
{
	static const struct {
		const char *first, *second, *both;
	} rows[] = {
		{"rw,relatime", "rw,pagesize=2M", "rw,relatime,pagesize=2M"},
		{"rw,nosuid", "rw", "rw,nosuid"},
		{"rw", NULL, "rw"},
		{"ro,a=1", "rw,a=2,context=\"x,rw\"", "ro,a=1,rw,a=2,context=\"x,rw\""},
		{"context=\"x,rw\"", "rw", "context=\"x,rw\",rw"},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		auto_free char *s = NULL;

		CHECK_INT(mount_options_merge(rows[i].first, rows[i].second, &s), ==, 0);
		CHECK_STR(s, rows[i].both);
	}
}

TEST(mountinfo__reads_lines_with_and_without_tags)
{
	char text[] =
		"22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro\n"
		"36 22 0:32 / /mnt/a\\040b rw master:1 propagate_from:2 - tmpfs tmp\\134fs rw\n"
		"garbage\n"
		"1 2 3:4 / relative rw - ext4 x rw\n"
		"37 22 0:33 / /x rw - autofs systemd-1 rw,fd=3";
	struct seen s = {.n = 0};

	CHECK_INT(mountinfo_parse(text, on_mount, &s), ==, 3);
	CHECK_STR(s.where[0], "/");
	CHECK_STR(s.what[0], "/dev/vda1");
	CHECK_STR(s.type[0], "ext4");
	CHECK_STR(s.where[1], "/mnt/a b");
	CHECK_STR(s.what[1], "tmp\\fs");
	CHECK_STR(s.type[2], "autofs");
}

TEST(mountinfo__stops_at_the_first_failure_of_its_reader)
{
	char text[] = "1 2 3:4 / /a rw - x y z\n1 2 3:4 / /b rw - x y z\n";
	struct seen s = {.n = 0};
	char empty[] = "";

	CHECK_INT(mountinfo_parse(empty, on_mount, &s), ==, 0);
	CHECK_INT(mountinfo_parse(text, on_mount, &s), ==, 2);
}

TEST(mount_point__of_the_kernel_is_no_unit)
{
	CHECK(mount_point_is_ignored("/proc"));
	CHECK(mount_point_is_ignored("/sys/fs/cgroup/unified"));
	CHECK(mount_point_is_ignored("/run/credentials/a.service"));
	CHECK(!mount_point_is_ignored("/run/lock"));
	CHECK(!mount_point_is_ignored("/dev/mqueue"));
	CHECK(!mount_point_is_ignored("/"));
}

TEST(mount_types__are_known_where_the_kernel_lists_them)
{
	static const char list[] = "nodev\tsysfs\nnodev\ttmpfs\n\text4\nnodev\tfuse\n\tlast";

	CHECK(mount_type_is_known(list, "sysfs"));
	CHECK(mount_type_is_known(list, "ext4"));
	CHECK(mount_type_is_known(list, "last"));
	CHECK(!mount_type_is_known(list, "fusectl"));
	CHECK(!mount_type_is_known(list, "fus"));
	CHECK(!mount_type_is_known(list, "nodev"));
	CHECK(!mount_type_is_known("", "ext4"));
	CHECK(!mount_type_is_known("nodev", "nodev"));
	CHECK(mount_is_direct("tmpfs"));
	CHECK(!mount_is_direct("ext4"));
}

TEST(mount_options__are_split_into_flags_and_data)
{
	auto_free char *data = NULL, *command = NULL;
	unsigned long flags;

	CHECK_INT(mount_options_split(
			  "nosuid,nodev,mode=0755,size=10%,x-systemd.requires=a,nofail,rw,ro",
			  &flags, &data),
	          ==, 0);
	CHECK_INT(flags, ==, MS_NOSUID | MS_NODEV | MS_RDONLY);
	CHECK_STR(data, "mode=0755,size=10%");
	CHECK_INT(mount_options_for_command("ro,x-systemd.automount,nofail,context=\"a,b\"",
	                                    &command),
	          ==, 0);
	CHECK_STR(command, "ro,nofail,context=\"a,b\"");
	CHECK(mount_option_is_set("ro,nofail", "nofail"));
	CHECK(mount_option_is_set("x-systemd.idle-timeout=1", "x-systemd.idle-timeout"));
	CHECK(!mount_option_is_set("nofailure", "nofail"));
	CHECK(!mount_option_is_set(NULL, "nofail"));
	CHECK(mount_is_network("nfs4", NULL));
	CHECK(mount_is_network("ext4", "_netdev"));
	CHECK(!mount_is_network("ext4", "ro"));
}

/* ---- swaps ---- */

static int on_swap(const struct swap_entry *e, void *userdata)
{
	int *sum = userdata;

	*sum += e->priority;
	return streq(e->what, "/dev/sda5") || streq(e->what, "/swap") ? 0 : -EINVAL;
}

TEST(swaps__skips_the_heading_and_what_is_no_path)
{
	char text[] = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
		      "/dev/sda5                               partition\t998396\t\t0\t\t-2\n"
		      "/swap                                   file\t\t1024\t\t0\t\t5\n"
		      "bogus line\n";
	int sum = 0;

	CHECK_INT(swaps_parse(text, on_swap, &sum), ==, 2);
	CHECK_INT(sum, ==, 3);
}

/* ---- udev ---- */

struct packet {
	char prefix[8];
	uint32_t magic, header_size, offset, size, hashes[4];
	char properties[512];
};

static size_t packet_make(struct packet *p, const char *properties, size_t size)
{
	*p = (struct packet){.prefix = "libudev",
	                     .magic = htonl(0xfeedcafe),
	                     .header_size = 40,
	                     .offset = 40,
	                     .size = (uint32_t) size};
	memcpy(p->properties, properties, size);
	return 40 + size;
}

#define PROPERTIES                                                                                 \
	"ACTION=add\0DEVPATH=/devices/pnp0/00:04/tty/ttyS0\0SUBSYSTEM=tty\0DEVNAME=/dev/"          \
	"ttyS0\0MAJOR=4\0MINOR=64\0TAGS=:systemd:\0"                                               \
	"DEVLINKS=/dev/a /dev/b\0SYSTEMD_WANTS=x.service "                                         \
	"y@.service\0SYSTEMD_ALIAS=/sys/subsystem/x\0"

TEST(udev__reads_a_message)
{
	struct udev_device d;
	struct packet p;
	size_t size = packet_make(&p, PROPERTIES, sizeof(PROPERTIES) - 1);

	CHECK_INT(udev_message_parse(&p, size, &d), ==, 0);
	CHECK_STR(d.action, "add");
	CHECK_STR(d.devpath, "/devices/pnp0/00:04/tty/ttyS0");
	CHECK_STR(d.devname, "/dev/ttyS0");
	CHECK_INT(d.major, ==, 4);
	CHECK_INT(d.minor, ==, 64);
	CHECK_INT(strv_length(d.links), ==, 2);
	CHECK_INT(strv_length(d.wants), ==, 2);
	CHECK_INT(strv_length(d.aliases), ==, 1);
	CHECK(d.is_tagged && d.is_ready);
	udev_device_done(&d);
}

TEST(udev__refuses_malformed_messages)
{
	struct udev_device d;
	struct packet p;
	size_t size = packet_make(&p, PROPERTIES, sizeof(PROPERTIES) - 1);

	CHECK_INT(udev_message_parse(&p, size - 1, &d), ==, -EBADMSG);
	CHECK_INT(udev_message_parse(&p, 10, &d), ==, -EBADMSG);
	p.magic = 0;
	CHECK_INT(udev_message_parse(&p, size, &d), ==, -EBADMSG);
	size = packet_make(&p, PROPERTIES, sizeof(PROPERTIES) - 1);
	p.offset = 4000000000u;
	CHECK_INT(udev_message_parse(&p, size, &d), ==, -EBADMSG);
	size = packet_make(&p, "ACTION=add\0DEVPATH=/devices/../etc\0SUBSYSTEM=x\0", 47);
	CHECK_INT(udev_message_parse(&p, size, &d), ==, -EBADMSG);
	size = packet_make(&p, "ACTION=add\0SUBSYSTEM=x\0", 23);
	CHECK_INT(udev_message_parse(&p, size, &d), ==, -EBADMSG);
}

TEST(udev__reads_a_database_file)
{
	static const char text[] = "S:disk/by-uuid/"
				   "1234\nL:0\nI:123456\nE:ID_MODEL=QEMU\nE:SYSTEMD_READY=0\nG:"
				   "systemd\nQ:systemd\nV:1\n";
	struct udev_device d;

	CHECK_INT(udev_database_parse(text, sizeof(text) - 1, &d), ==, 0);
	CHECK_STR(d.links[0], "/dev/disk/by-uuid/1234");
	CHECK_STR(d.description, "QEMU");
	CHECK(d.is_tagged);
	CHECK(!d.is_ready);
	udev_device_done(&d);
}

TEST(udev__tag_of_another_name_is_not_ours)
{
	struct udev_device d;
	struct packet p;
	static const char other[] =
		"ACTION=add\0DEVPATH=/devices/x\0SUBSYSTEM=x\0TAGS=:systemd2:uaccess:\0";
	size_t size = packet_make(&p, other, sizeof(other) - 1);

	CHECK_INT(udev_message_parse(&p, size, &d), ==, 0);
	CHECK(!d.is_tagged);
	udev_device_done(&d);
}

TEST(udev__ids_are_checked_before_they_become_paths)
{
	CHECK(udev_id_is_valid("b8:0"));
	CHECK(udev_id_is_valid("c4:64"));
	CHECK(udev_id_is_valid("n2"));
	CHECK(udev_id_is_valid("+usb:1-1"));
	CHECK(!udev_id_is_valid("b8"));
	CHECK(!udev_id_is_valid("b8:0/../x"));
	CHECK(!udev_id_is_valid("+a:../x"));
	CHECK(!udev_id_is_valid("x"));
	CHECK(!udev_id_is_valid(""));
}
