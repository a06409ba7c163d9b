// SPDX-License-Identifier: Apache-2.0
#include "check.h"
#include "boot/boot.h"

static char root[64];

/* A fresh root with etc/; removed by the next call. */
static void new_root(void)
{
	if (*root)
		rm_rf(root);
	strcpy(root, "/tmp/test-boot-XXXXXX");
	if (!mkdtemp(root))
		abort();
	auto_free char *etc = path_join(root, "etc");
	mkdir_p(etc, 0755);
}

static void write_file(const char *name, const char *text)
{
	auto_free char *path = path_join(root, name);

	if (file_write_atomic(path, text, strlen(text), 0644, false) < 0)
		abort();
}

TEST(machine_id__is_made_once_and_kept)
{
	char first[ID128_TEXT_MAX], second[ID128_TEXT_MAX];

	new_root();
	CHECK_INT(boot_machine_id(root, first), ==, 1);
	CHECK_INT(strlen(first), ==, 32);
	CHECK_INT(boot_machine_id(root, second), ==, 0);
	CHECK_STR(second, first);
}

TEST(machine_id__replaces_what_is_no_id)
{
	char id[ID128_TEXT_MAX];

	new_root();
	write_file("etc/machine-id", "uninitialized\n");
	CHECK_INT(boot_machine_id(root, id), ==, 1);
	write_file("etc/machine-id", "0123456789abcdef0123456789abcdef\n");
	CHECK_INT(boot_machine_id(root, id), ==, 0);
	CHECK_STR(id, "0123456789abcdef0123456789abcdef");
}

TEST(hostname__comes_from_the_first_source_that_has_a_valid_one)
{
	auto_free char *a = NULL, *b = NULL, *c = NULL, *d = NULL, *e = NULL;

	new_root();
	CHECK_INT(boot_hostname_find(root, "", &a), ==, 0);
	CHECK_STR(a, "localhost");
	write_file("etc/os-release", "ID=x\nDEFAULT_HOSTNAME=\"thing\"\n");
	CHECK_INT(boot_hostname_find(root, "", &b), ==, 0);
	CHECK_STR(b, "thing");
	write_file("etc/hostname", "# a comment\n\n  web-1.example \n");
	CHECK_INT(boot_hostname_find(root, "", &c), ==, 0);
	CHECK_STR(c, "web-1.example");
	CHECK_INT(boot_hostname_find(root, "quiet systemd.hostname=from-host rw", &d), ==, 0);
	CHECK_STR(d, "from-host");
	CHECK_INT(boot_hostname_find(root, "systemd.hostname=-bad-", &e), ==, 0);
	CHECK_STR(e, "web-1.example");
}

TEST(hostname__is_checked)
{
	static const struct {
		const char *name;
		bool valid;
	} cases[] = {{"a", true},
	             {"a.b-c", true},
	             {"", false},
	             {"-a", false},
	             {"a..b", false},
	             {"a_b", false},
	             {"a/b", false},
	             {"0123456789012345678901234567890123456789012345678901234567890123", true},
	             {"01234567890123456789012345678901234567890123456789012345678901234", false}};

	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		if (hostname_is_valid(cases[i].name) != cases[i].valid)
			printf("\n      \"%s\"", cases[i].name);
		CHECK_INT(hostname_is_valid(cases[i].name), ==, cases[i].valid);
	}
}

TEST(random_seed__missing_is_told)
{
	new_root();
	CHECK_INT(boot_random_seed(root), ==, -ENOENT);
	rm_rf(root);
	*root = '\0';
}
