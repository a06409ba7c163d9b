// SPDX-License-Identifier: Apache-2.0
/* What the kernel tells us in text. */
#include "check.h"
#include "init/stage/stage.h"

#include <unistd.h>

static long long start_time(const char *stat)
{
	long long v;
	int r = proc_stat_number(stat, strlen(stat), 22, &v);

	return r < 0 ? r : v;
}

TEST(stat__start_time_is_field_22)
{
	CHECK_INT(start_time("7 (cat) Z 1 7 7 0 -1 4 1 2 3 4 5 6 7 8 20 0 1 0 987654 0 0"), ==,
	          987654);
}

TEST(stat__fields_are_counted_as_proc_5_does)
{
	static const char text[] = "7 (cat) R 1 7 7 0 -1 4 9 2 33 4 55 66 7 8 20 0 1 0 987654 0 0";
	long long v;

	CHECK_INT(proc_stat_number(text, strlen(text), 4, &v), ==, 0);
	CHECK_INT(v, ==, 1);
	CHECK_INT(proc_stat_number(text, strlen(text), 12, &v), ==, 0);
	CHECK_INT(v, ==, 33);
	CHECK_INT(proc_stat_number(text, strlen(text), 14, &v), ==, 0);
	CHECK_INT(v, ==, 55);
	CHECK_INT(proc_stat_number(text, strlen(text), 15, &v), ==, 0);
	CHECK_INT(v, ==, 66);
}

TEST(stat__command_may_look_like_fields)
{
	CHECK_INT(start_time("7 (a) Z 1 (b) 2) Z 1 7 7 0 -1 4 1 2 3 4 5 6 7 8 20 0 1 0 55 0 0"), ==,
	          55);
}

TEST(stat__cut_off_or_foreign_text_is_refused)
{
	CHECK_INT(start_time(""), ==, -EBADMSG);
	CHECK_INT(start_time("7 (cat) Z 1 7"), ==, -EBADMSG);
	CHECK_INT(start_time("7 (cat)"), ==, -EBADMSG);
	CHECK_INT(start_time(")"), ==, -EBADMSG);
	CHECK_INT(start_time("7 (cat) Z 1 7 7 0 -1 4 1 2 3 4 5 6 7 8 20 0 1 0 x"), ==, -EBADMSG);
}

TEST(stat__our_own_is_the_kernels)
{
	char buf[1024];
	int n = proc_read(getpid(), "stat", buf, sizeof(buf));

	CHECK_INT(n, >, 0);
	CHECK_INT(start_time(buf), >, 0);
	CHECK_INT(proc_read(getpid(), "no-such-file", buf, sizeof(buf)), ==, -ENOENT);
}

static const char *cgroup(const char *text)
{
	static char path[64];

	return proc_cgroup(text, strlen(text), path, sizeof(path)) < 0 ? NULL : path;
}

TEST(cgroup__v2_line_is_found_among_others)
{
	CHECK_STR(cgroup("0::/\n"), "/");
	CHECK_STR(cgroup("12:cpu:/x\n1:name=systemd:/y\n0::/system.slice/a.service\n"),
	          "/system.slice/a.service");
	CHECK_STR(cgroup("0::/a.service"), "/a.service");
	CHECK_STR(cgroup("10::/no\n"), NULL);
	CHECK_STR(cgroup("0::\n"), NULL);
	CHECK_STR(cgroup(""), NULL);
}

TEST(cgroup__mark_of_a_removed_one_is_stripped)
{
	CHECK_STR(cgroup("0::/a.service (deleted)\n"), "/a.service");
	CHECK_STR(cgroup("0::/a (deleted) b\n"), "/a (deleted) b");
	CHECK_STR(cgroup("0::/ (deleted)\n"), "/");
}

TEST(cgroup__long_path_is_cut)
{
	char text[256] = "0::/";

	memset(text + 4, 'x', 200);
	CHECK_INT(strlen(cgroup(text)), ==, 63);
}

TEST(mountinfo__target_is_field_five_unescaped)
{
	char line[] = "36 35 98:0 /mnt1 /mnt\\0402/a\\134b rw,noatime master:1 - ext3 /dev/root rw";
	char short_line[] = "36 35 98:0 /mnt1";
	char no_path[] = "36 35 98:0 /mnt1 none rw";
	char empty[] = "";

	CHECK_STR(mountinfo_target(line), "/mnt 2/a\\b");
	CHECK_STR(mountinfo_target(short_line), NULL);
	CHECK_STR(mountinfo_target(no_path), NULL);
	CHECK_STR(mountinfo_target(empty), NULL);
}

TEST(path__broken_escapes_stay_as_they_are)
{
	char a[] = "/a\\04", b[] = "/a\\999 x", c[] = "/swap\\011file partition";

	CHECK_INT(path_unescape(a), ==, 5);
	CHECK_STR(a, "/a\\04");
	path_unescape(b);
	CHECK_STR(b, "/a\\999");
	path_unescape(c);
	CHECK_STR(c, "/swap\tfile");
}

TEST(packet__length_and_version_are_checked)
{
	struct packet p = {.m = {.version = WIRE_VERSION, .type = WIRE_HELLO, .text_size = 3}};

	CHECK_INT(packet_check(&p, sizeof(p.m) + 3), ==, 0);
	CHECK_INT(packet_check(&p, sizeof(p.m) + 2), ==, -EBADMSG);
	CHECK_INT(packet_check(&p, sizeof(p.m) + 4), ==, -EBADMSG);
	CHECK_INT(packet_check(&p, sizeof(p.m) - 1), ==, -EBADMSG);
	CHECK_INT(packet_check(&p, 0), ==, -EBADMSG);
	p.m.text_size = 0xffffffff;
	CHECK_INT(packet_check(&p, sizeof(p.m) + 3), ==, -EBADMSG);
	p.m.text_size = 3;
	p.m.version = WIRE_VERSION + 1;
	CHECK_INT(packet_check(&p, sizeof(p.m) + 3), ==, -EPROTONOSUPPORT);
}
