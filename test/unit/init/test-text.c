// SPDX-License-Identifier: Apache-2.0
#include "check.h"
#include "init/init.h"

TEST(text__adds_strings_and_numbers)
{
	char buf[128];
	struct text t = TEXT_IN(buf);
	const char *volatile none = NULL;

	text_add(&t, "%s is %d, %lld%%", "x", -7, 1234567890123LL);
	CHECK_STR(buf, "x is -7, 1234567890123%");
	text_add(&t, "; %s|", none);
	CHECK_STR(buf, "x is -7, 1234567890123%; |");
	CHECK_INT(t.used, ==, strlen(buf));
}

TEST(text__smallest_number_has_its_sign)
{
	char buf[64];

	text_set(buf, "%lld %d", (long long) INT64_MIN, INT32_MIN);
	CHECK_STR(buf, "-9223372036854775808 -2147483648");
}

TEST(text__is_cut_and_ends_with_nul)
{
	char buf[8];

	memset(buf, 'x', sizeof(buf));
	text_set(buf, "%s", "0123456789");
	CHECK_STR(buf, "0123456");
}

TEST(text__copies_hostile_bytes_as_one_line)
{
	char buf[8];

	text_copy_clean(buf, sizeof(buf), "a\nb\x7f\0c\x80zzzz", 11);
	CHECK_STR(buf, "a?b??c\x80");
}

TEST(number__parses_the_whole_range_and_nothing_else)
{
	static const struct {
		const char *s;
		int r;
		long long v;
	} rows[] = {
		{"0", 0, 0},
		{"-1", 0, -1},
		{"9223372036854775807", 0, INT64_MAX},
		{"-9223372036854775808", 0, INT64_MIN},
		{"9223372036854775808", -ERANGE, 0},
		{"-9223372036854775809", -ERANGE, 0},
		{"99999999999999999999999", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"-", -EINVAL, 0},
		{"+1", -EINVAL, 0},
		{" 1", -EINVAL, 0},
		{"x", -EINVAL, 0},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *p = rows[i].s;
		long long v = 77;

		CHECK_INT(number_parse(&p, p + strlen(p), &v), ==, rows[i].r);
		CHECK_INT(v, ==, rows[i].r ? 77 : rows[i].v);
		CHECK_INT(p - rows[i].s, ==, rows[i].r ? 0 : (long) strlen(rows[i].s));
	}
}

TEST(number__stops_at_the_end_it_is_given)
{
	const char *s = "12345", *p = s;
	long long v;

	CHECK_INT(number_parse(&p, s + 3, &v), ==, 0);
	CHECK_INT(v, ==, 123);
}
