// SPDX-License-Identifier: Apache-2.0
/* Parts of the fstab generator, and what becomes of a small table. What systemd's own makes of any is asked by test/oracle/boot. */
#include "check.h"
#include "boot/fstab.h"

static char root[64];

/* A fresh folder with n, e and l for the output; removed by the next call. */
static void new_root(void)
{
	static const char *const outputs[] = {"n", "e", "l"};

	if (*root)
		rm_rf(root);
	strcpy(root, "/tmp/test-fstab-XXXXXX");
	if (!mkdtemp(root))
		abort();
	for (size_t i = 0; i < ELEMENTSOF(outputs); i++) {
		auto_free char *path = path_join(root, outputs[i]);

		if (mkdir_p(path, 0755) < 0)
			abort();
	}
}

static char *in_root(const char *name)
{
	return path_join(root, name);
}

/* Text of an output file, without the comment on who made it; target of a link; "" if it is not there. */
static char *output(const char *name)
{
	auto_free char *path = in_root(name), *text = NULL;
	char target[256];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	const char *body;

	if (n >= 0)
		return strndup(target, (size_t) n);
	if (file_read(path, &text, NULL) < 0)
		return strdup("");
	body = strchr(text, '\n');
	return strdup(body ? body + 1 : text);
}

#define CHECK_OUTPUT(name, expected)                                                               \
	do {                                                                                       \
		auto_free char *found_ = output(name);                                             \
		CHECK_STR(found_, expected);                                                       \
	} while (0)

/* The generator's result for this table and kernel command line. */
static int generate(const char *table, const char *cmdline, bool initrd)
{
	auto_free char *path = in_root("fstab"), *n = in_root("n"), *e = in_root("e"),
		       *l = in_root("l"), *none = in_root("none");
	struct generator g;
	int r;

	if (file_write_atomic(path, table, strlen(table), 0644, false) < 0)
		abort();
	setenv("SYSTEMD_FSTAB", path, 1);
	setenv("SYSTEMD_SYSROOT_FSTAB", none, 1);
	setenv("SYSTEMD_PROC_CMDLINE", cmdline, 1);
	setenv("SYSTEMD_IN_INITRD", initrd ? "1" : "0", 1);
	setenv("SYSTEMD_VIRTUALIZATION", "vm:qemu", 1);
	r = generator_init(&g, n, e, l);
	if (r >= 0)
		r = fstab_generate(&g);
	generator_done(&g);
	return r;
}

static int collect(const struct fstab_entry *e, void *userdata)
{
	strbuf_printf(userdata, "%u[%s|%s|%s|%s|%d]", e->line, e->what, e->where, e->type,
	              e->options, e->passno);
	return 0;
}

static int parse(const char *text, size_t size, struct diag *d, char **ret)
{
	auto_strbuf struct strbuf b = {0};
	char *copy = malloc(size + 1);
	int r;

	memcpy(copy, text, size);
	copy[size] = 0;
	strbuf_puts(&b, "");
	r = fstab_parse(copy, size, "fstab", collect, &b, d);
	free(copy);
	return r < 0 ? r : strbuf_take(&b, ret);
}

TEST(fstab_parse__reads_fields_and_their_escapes)
{
	static const struct {
		const char *text, *entries;
	} rows[] = {
		{"", ""},
		{"# x\n \t\n\n", ""},
		{"a b c d 0 1\n", "1[a|b|c|d|1]"},
		{"\n  a\t\tb  c \t d", "2[a|b|c|d|0]"},
		{"a\nb c\n", "1[a||||0]2[b|c|||0]"},
		{"a\\040b /\\011 c\\134d e\\012\\043\\534\\\\ 1 2\n",
	         "1[a b|/\t|c\\d|e\n\\043\\534\\|1]"},
		{"a b c d x 1\na b c d 1x 1\na b c d 0 -1 \n",
	         "1[a|b|c|d|0]2[a|b|c|d|0]3[a|b|c|d|1]"},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		auto_free char *entries = NULL;

		CHECK_INT(parse(rows[i].text, strlen(rows[i].text), NULL, &entries), ==, 0);
		CHECK_STR(entries, rows[i].entries);
	}
}

TEST(fstab_parse__names_the_line_that_is_none)
{
	static const char text[] = "a b c d\ne \0 g h\ni j k l\n";
	auto_free char *entries = NULL, *long_line = malloc(5001);
	struct diag d = {0};
	char first[256];

	CHECK_INT(parse(text, sizeof(text) - 1, &d, &entries), ==, 0);
	CHECK_STR(entries, "1[a|b|c|d|0]3[i|j|k|l|0]");
	CHECK_STR(diag_first(&d, first, sizeof(first)),
	          "fstab:2: A NUL byte in the line, ignoring it");
	free(entries);
	entries = NULL;
	memset(long_line, 'a', 5000);
	long_line[5000] = 0;
	d = (struct diag){0};
	CHECK_INT(parse(long_line, 5000, &d, &entries), ==, 0);
	CHECK_INT(strlen(entries), ==, 4095 + strlen("1[||||0]"));
	CHECK_INT(d.n_items, ==, 1);
	CHECK_INT(d.items[0].error, ==, -EFBIG);
}

TEST(fstab_device__is_named_as_udev_does)
{
	static const char *const rows[][2] = {
		{"/dev/sda1", "/dev/sda1"},
		{"LABEL=x", "/dev/disk/by-label/x"},
		{"UUID=\"a-b\"", "/dev/disk/by-uuid/a-b"},
		{"PARTUUID='", "/dev/disk/by-partuuid/\\x27"},
		{"PARTLABEL=a b/\303\244\\", "/dev/disk/by-partlabel/a\\x20b\\x2f\303\244\\x5c"},
		{"LABEL=\303\377\355\240\200", "/dev/disk/by-label/\\xc3\\xff\\xed\\xa0\\x80"},
		{"label=x", "label=x"},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		auto_free char *device = NULL;

		CHECK_INT(fstab_device(rows[i][0], &device), ==, 0);
		CHECK_STR(device, rows[i][1]);
	}
	CHECK(path_is_device("/dev/x") && path_is_device("//sys/./x"));
	CHECK(!path_is_device("/dev/") && !path_is_device("/devx/y") && !path_is_device("dev/x"));
	CHECK(mount_point_is_api("/sys/fs/cgroup/x") && mount_point_is_api("/run/lock"));
	CHECK(!mount_point_is_api("/run/x") && !mount_point_is_api("/"));
}

TEST(options__are_words_between_commas)
{
	static const char *const a[] = {"a", NULL}, *const b[] = {"b", "a", NULL};
	auto_free char *value = NULL, *rest = NULL, *none = NULL;
	auto_strv char **values = NULL;

	CHECK(option_is_set("x,a", a) && option_is_set("a=1,x", a));
	CHECK(!option_is_set("ab,x=a,\\,a", a) && !option_is_set("", a));
	CHECK(option_is_on("b,a", "a", "b") && !option_is_on("a,b", "a", "b"));
	CHECK_INT(option_value("x,a=1,,b=2\\,3,y\\,z,\\q", b, &value, &rest), ==, 1);
	CHECK_STR(value, "2,3");
	CHECK_STR(rest, "x,y\\,z,\\q");
	CHECK_INT(option_value("x,y", b, &none, NULL), ==, 0);
	CHECK(!none);
	CHECK_INT(option_values("a=1,a,a=2,ab=3", "a", &values), ==, 1);
	CHECK_INT(strv_length(values), ==, 2);
	CHECK_STR(values[1], "2");
}

TEST(path_resolve__follows_symlinks_to_what_may_not_be_there)
{
	static const char *const links[][2] = {{"link", "real"},
	                                       {"loop", "loop"},
	                                       {"absolute", "/real/x"},
	                                       {"up", "../../real"},
	                                       {"missing", "no/x"}};
	static const struct {
		const char *path, *result;
		int r;
	} rows[] = {
		{"/real", "/real", 0},           {"//link/./b/", "/real/b", 0},
		{"/absolute/y", "/real/x/y", 0}, {"/up", "/real", 0},
		{"/../real/..", "/", 0},         {"/missing/q", "/no/x/q", 0},
		{"/no/../real", NULL, -ENOENT},  {"/loop", NULL, -ELOOP},
		{"/file/x", NULL, -ENOTDIR},
	};
	auto_free char *real = NULL, *file = NULL;

	new_root();
	real = in_root("real");
	file = in_root("file");
	CHECK_INT(mkdir_p(real, 0755), ==, 0);
	CHECK_INT(file_write_atomic(file, "", 0, 0644, false), ==, 0);
	for (size_t i = 0; i < ELEMENTSOF(links); i++) {
		auto_free char *path = in_root(links[i][0]);

		CHECK_INT(symlink(links[i][1], path), ==, 0);
	}
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		auto_free char *found = NULL, *expected = NULL;

		CHECK_INT(path_resolve(root, rows[i].path, &found), ==, rows[i].r);
		if (rows[i].r < 0)
			continue;
		expected = path_join(root, rows[i].result);
		CHECK_STR(found, expected);
	}
}

TEST(fstab_generate__a_mount_and_what_is_around_it)
{
	auto_free char *expected = NULL;

	new_root();
	CHECK_INT(generate("/dev/test-1 /mnt/a\\040%b ext4 "
	                   "ro,nofail,x-systemd.device-timeout=10,x-systemd.mount-timeout=90,x-"
	                   "systemd.after=q.service\n",
	                   "", false),
	          ==, 0);
	expected =
		str_printf("\n[Unit]\nDocumentation=man:fstab(5) man:systemd-fstab-generator(8)\n"
	                   "SourcePath=%s/fstab\nAfter=q.service\n"
	                   "After=blockdev@dev-test\\x2d1.target\n\n[Mount]\nWhat=/dev/test-1\n"
	                   "Where=/mnt/a %%%%b\nType=ext4\nTimeoutSec=1min 30s\n"
	                   "Options=ro,nofail,x-systemd.mount-timeout=90,x-systemd.after=q."
	                   "service\n",
	                   root);
	CHECK_OUTPUT("n/mnt-a\\x20\\x25b.mount", expected);
	CHECK_OUTPUT("n/local-fs.target.wants/mnt-a\\x20\\x25b.mount", "../mnt-a\\x20\\x25b.mount");
	CHECK_OUTPUT("n/dev-test\\x2d1.device.d/50-device-timeout.conf",
	             "# from supplied options \"ro,nofail,x-systemd.device-timeout=10,x-systemd."
	             "mount-timeout=90,x-systemd.after=q.service\"\n\n[Unit]\nJobRunningTimeoutSec="
	             "10\n");
	CHECK_OUTPUT("n/local-fs.target.wants/systemd-remount-fs.service",
	             "/lib/systemd/system/systemd-remount-fs.service");
}

TEST(fstab_generate__the_first_of_two_counts_and_the_second_is_a_failure)
{
	new_root();
	CHECK_INT(generate("tmpfs /x tmpfs noauto\nother /x/ tmpfs noauto\ntmpfs /y tmpfs noauto\n",
	                   "", false),
	          ==, -EEXIST);
	auto_free char *x = output("n/x.mount"), *y = output("n/y.mount");
	CHECK(strstr(x, "\nWhat=tmpfs\n") != NULL);
	CHECK(strstr(y, "\nWhat=tmpfs\n") != NULL);
}

TEST(fstab_generate__the_kernel_command_line_turns_it_off)
{
	new_root();
	CHECK_INT(generate("tmpfs /x tmpfs a\n/dev/q none swap sw\n", "fstab=no", false), ==, 0);
	CHECK_OUTPUT("n/x.mount", "");
	CHECK_OUTPUT("n/local-fs.target.wants/systemd-remount-fs.service", "");
	/* That word is for an initrd alone. */
	CHECK_INT(generate("tmpfs /x tmpfs a\n/dev/q none swap sw\n", "rd.fstab=no systemd.swap=0",
	                   false),
	          ==, 0);
	CHECK_OUTPUT("n/local-fs.target.requires/x.mount", "../x.mount");
	CHECK_OUTPUT("n/dev-q.swap", "");
	CHECK_INT(generate("/dev/q none swap sw,nofail\n", "", false), ==, 0);
	CHECK_OUTPUT("n/swap.target.wants/dev-q.swap", "../dev-q.swap");
}

TEST(fstab_generate__an_initrd_mounts_the_root_by_the_command_line)
{
	auto_free char *unit = NULL;

	new_root();
	CHECK_INT(generate("", "root=UUID=a rw rootflags=noatime rootfstype=xyz", true), ==, 0);
	unit = output("n/sysroot.mount");
	CHECK(strstr(unit, "\nWhat=/dev/disk/by-uuid/a\nWhere=/sysroot\nType=xyz\n"
	                   "Options=noatime,rw\n") != NULL);
	CHECK_OUTPUT("n/initrd-root-fs.target.requires/sysroot.mount", "../sysroot.mount");
	CHECK_OUTPUT("n/initrd-usr-fs.target.requires/sysroot.mount", "../sysroot.mount");
	CHECK_OUTPUT("n/initrd-root-device.target.d/50-root-device.conf",
	             "\n[Unit]\nRequires=dev-disk-by\\x2duuid-a.device\n"
	             "After=dev-disk-by\\x2duuid-a.device\n");
}
