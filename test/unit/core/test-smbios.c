// SPDX-License-Identifier: Apache-2.0
#include "smbios.h"

#include "check.h"

static char seen[256];

static int on_string(const char *s, size_t size, void *userdata)
{
	int *stop_at = userdata;

	strncat(seen, s, size);
	strncat(seen, ";", 2);
	return stop_at && --*stop_at == 0 ? -ECANCELED : 0;
}

/* Type 1 with one string, type 32 without any, type 11 with two, the end, and what is behind it. */
static const char table[] = "\x01\x05\x00\x00\x01"
			    "box\0\0"
			    "\x20\x05\x01\x00\x00\0\0"
			    "\x0b\x05\x02\x00\x02"
			    "one\0two=2\0\0"
			    "\x7f\x04\x03\x00\0\0"
			    "\x0b\x05\x04\x00\x01"
			    "no\0\0";

static int read_table(size_t size, int *stop_at)
{
	seen[0] = 0;
	return smbios_oem_strings((const uint8_t *) table, size, on_string, stop_at);
}

TEST(smbios__strings_of_type_11_up_to_the_end)
{
	CHECK_INT(read_table(sizeof(table) - 1, NULL), ==, 0);
	CHECK_STR(seen, "one;two=2;");
}

TEST(smbios__a_table_that_is_cut_gives_what_is_whole)
{
	for (size_t size = 0; size < sizeof(table); size++) {
		CHECK_INT(read_table(size, NULL), ==, 0);
		CHECK(strncmp("one;two=2;", seen, strlen(seen)) == 0);
	}
}

TEST(smbios__stops_when_it_is_told_to)
{
	int stop_at = 1;

	CHECK_INT(read_table(sizeof(table) - 1, &stop_at), ==, -ECANCELED);
	CHECK_STR(seen, "one;");
}
