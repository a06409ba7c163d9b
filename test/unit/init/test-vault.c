// SPDX-License-Identifier: Apache-2.0
#include "check.h"
#include "init/init.h"

#include <fcntl.h>
#include <unistd.h>

static int null_open(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int put(const char *name)
{
	int fd = null_open(), r = vault_put(name, strlen(name), fd);

	if (r < 0)
		close(fd);
	return r;
}

static void vault_empty(void)
{
	for (int i = 0; (i = vault_next(i)) >= 0; i++)
		close(vault_at(i)->fd);
	vault_reset();
}

TEST(vault__refuses_names_that_are_none)
{
	char name[WIRE_VAULT_NAME_MAX + 2];

	memset(name, 'n', sizeof(name));
	CHECK_INT(put(""), ==, -EINVAL);
	CHECK_INT(put("a\nb"), ==, -EINVAL);
	CHECK_INT(put("\x7f"), ==, -EINVAL);
	CHECK_INT(vault_put(name, WIRE_VAULT_NAME_MAX + 1, 0), ==, -EINVAL);
	CHECK_INT(vault_put("x", 1, -1), ==, -EINVAL);
	CHECK_INT(vault_next(0), ==, -ENOENT);
	CHECK_INT(vault_put(name, WIRE_VAULT_NAME_MAX, null_open()), ==, 0);
	vault_empty();
}

TEST(vault__closes_what_is_replaced_or_dropped)
{
	int first = null_open(), second = null_open();

	CHECK_INT(vault_put("a", 1, first), ==, 0);
	CHECK_INT(vault_put("a", 1, second), ==, 0);
	CHECK_INT(fcntl(first, F_GETFD), ==, -1);
	CHECK_INT(vault_at(vault_next(0))->fd, ==, second);
	CHECK_INT(vault_next(1), ==, -ENOENT);
	CHECK_INT(vault_drop("a", 1), ==, 0);
	CHECK_INT(fcntl(second, F_GETFD), ==, -1);
	CHECK_INT(vault_drop("a", 1), ==, -ENOENT);
}

TEST(vault__a_name_is_not_its_prefix)
{
	CHECK_INT(put("sshd"), ==, 0);
	CHECK_INT(vault_drop("ssh", 3), ==, -ENOENT);
	CHECK_INT(vault_drop("sshd.", 5), ==, -ENOENT);
	CHECK_INT(put("ssh"), ==, 0);
	CHECK_INT(vault_drop("sshd", 4), ==, 0);
	CHECK_STR(vault_at(vault_next(0))->name, "ssh");
	vault_empty();
}

TEST(vault__fills_the_lowest_free_slot)
{
	CHECK_INT(put("a"), ==, 0);
	CHECK_INT(put("longer-name"), ==, 0);
	CHECK_INT(put("c"), ==, 0);
	CHECK_INT(vault_drop("longer-name", 11), ==, 0);
	CHECK_INT(put("d"), ==, 0);
	CHECK_STR(vault_at(1)->name, "d");
	CHECK_INT(vault_next(3), ==, -ENOENT);
	vault_empty();
}

TEST(vault__is_full_at_its_limit)
{
	char name[32];

	for (int i = 0; i < WIRE_VAULT_ITEMS_MAX; i++) {
		snprintf(name, sizeof(name), "item-%d", i);
		/* Not real files: only their places count here. */
		if (vault_put(name, strlen(name), 1000000 + i) != 0)
			CHECK_INT(i, ==, WIRE_VAULT_ITEMS_MAX);
	}
	CHECK_INT(vault_put("more", 4, 5), ==, -ENOSPC);
	CHECK_INT(vault_put("item-17", 7, 1000000), ==, 0);
	vault_reset();
	CHECK_INT(vault_next(0), ==, -ENOENT);
}
