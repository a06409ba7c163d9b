// SPDX-License-Identifier: Apache-2.0
#include "base/map.h"
#include "base/str.h"

#include "base/path.h"
#include "check.h"

#include "base/base64.h"

TEST(str__comparing_and_cutting)
{
	char text[] = " \t two words \n";
	char *p = NULL;

	CHECK(streq_ptr(NULL, NULL) && streq_ptr("a", "a") && !streq_ptr("a", NULL) &&
	      !streq_ptr("a", "b"));
	CHECK_STR(str_after("unit.service", "unit"), ".service");
	CHECK(!str_after("unit", "unit."));
	CHECK(str_ends_with("a.service", ".service") && !str_ends_with("service", ".service"));
	CHECK_STR(str_strip(text), "two words");
	CHECK_INT(str_set(&p, "a"), ==, 0);
	CHECK_INT(str_set(&p, p), ==, 0);
	CHECK_STR(p, "a");
	CHECK_INT(str_set(&p, NULL), ==, 0);
	CHECK(!p);
}

TEST(str__utf8)
{
	static const char *const good[] = {"",
	                                   "ascii",
	                                   "\xc3\xa4",
	                                   "\xe2\x82\xac",
	                                   "\xf0\x9f\x98\x80",
	                                   "\xef\xbf\xbf",
	                                   "\xf4\x8f\xbf\xbf"};
	static const char *const bad[] = {"\x80",
	                                  "\xc0\xaf",
	                                  "\xc1\xbf",
	                                  "\xe0\x80\xaf",
	                                  "\xed\xa0\x80",
	                                  "\xf0\x80\x80\x80",
	                                  "\xf4\x90\x80\x80",
	                                  "\xf5\x80\x80\x80",
	                                  "\xc3",
	                                  "\xe2\x82",
	                                  "a\xff"};

	for (size_t i = 0; i < ELEMENTSOF(good); i++)
		CHECK(utf8_is_valid(good[i], strlen(good[i])));
	for (size_t i = 0; i < ELEMENTSOF(bad); i++)
		CHECK(!utf8_is_valid(bad[i], strlen(bad[i])));
}

TEST(number__strict_and_in_range)
{
	uint64_t u = 1;
	int64_t i = 1;
	uint32_t u32;
	int32_t i32;
	pid_t pid;

	CHECK_INT(str_to_u64("18446744073709551615", 10, &u), ==, 0);
	CHECK(u == UINT64_MAX);
	CHECK_INT(str_to_u64("18446744073709551616", 10, &u), ==, -ERANGE);
	CHECK_INT(str_to_u64("ff", 16, &u), ==, 0);
	CHECK_INT(u, ==, 255);
	CHECK_INT(str_to_u64("0755", 8, &u), ==, 0);
	CHECK_INT(u, ==, 0755);
	for (const char *const *s =
	             (const char *const[]){"", " 1", "1 ", "-1", "+1", "1x", "x", NULL};
	     *s; s++)
		CHECK_INT(str_to_u64(*s, 10, &u), ==, -EINVAL);
	CHECK_INT(u, ==, 0755);
	CHECK_INT(str_to_u64(NULL, 10, &u), ==, -EINVAL);
	CHECK_INT(str_to_i64("-9223372036854775808", &i), ==, 0);
	CHECK(i == INT64_MIN);
	CHECK_INT(str_to_i64("9223372036854775808", &i), ==, -ERANGE);
	CHECK_INT(str_to_i64("--1", &i), ==, -EINVAL);
	CHECK_INT(str_to_u32("4294967295", &u32), ==, 0);
	CHECK_INT(str_to_u32("4294967296", &u32), ==, -ERANGE);
	CHECK_INT(str_to_i32("-2147483648", &i32), ==, 0);
	CHECK_INT(str_to_i32("2147483648", &i32), ==, -ERANGE);
	CHECK_INT(str_to_pid("1", &pid), ==, 0);
	CHECK_INT(str_to_pid("0", &pid), ==, -ERANGE);
	CHECK_INT(str_to_pid("-5", &pid), ==, -EINVAL);
	CHECK_INT(str_to_pid("2147483648", &pid), ==, -ERANGE);
	CHECK_INT(str_to_bool("YES"), ==, 1);
	CHECK_INT(str_to_bool("off"), ==, 0);
	CHECK_INT(str_to_bool("maybe"), ==, -EINVAL);
	CHECK_INT(str_to_bool(NULL), ==, -EINVAL);
}

TEST(enum__tables)
{
	static const char *const table[] = {"zero", NULL, "two"};

	CHECK_INT(ENUM_FROM_STRING(table, "two"), ==, 2);
	CHECK_INT(ENUM_FROM_STRING(table, "one"), ==, -EINVAL);
	CHECK_INT(ENUM_FROM_STRING(table, NULL), ==, -EINVAL);
	CHECK_STR(ENUM_TO_STRING(table, 0), "zero");
	CHECK(!ENUM_TO_STRING(table, 3) && !ENUM_TO_STRING(table, -1));
}

TEST(strv__grow_and_shrink)
{
	auto_strv char **v = NULL, **more = NULL, **copy = NULL;
	auto_free char *joined = NULL;

	CHECK_INT(strv_append(&v, "b"), ==, 0);
	CHECK_INT(strv_append(&v, "a"), ==, 0);
	CHECK_INT(strv_append_unique(&v, "a"), ==, 0);
	CHECK_INT(strv_append_unique(&v, "c"), ==, 1);
	CHECK_INT(strv_append_consume(&v, NULL), ==, -ENOMEM);
	CHECK_INT(strv_split("x,,a;", ",;", &more), ==, 0);
	CHECK_INT(strv_length(more), ==, 2);
	CHECK_INT(strv_extend(&v, more), ==, 0);
	joined = strv_join(v, " ");
	CHECK_STR(joined, "b a c x a");
	strv_sort_unique(v);
	free(TAKE_PTR(joined));
	joined = strv_join(v, "+");
	CHECK_STR(joined, "a+b+c+x");
	copy = strv_copy(v);
	strv_remove(copy, "b");
	CHECK(strv_contains(copy, "c") && !strv_contains(copy, "b"));
	CHECK_INT(strv_length(copy), ==, 3);
	CHECK_INT(strv_length(NULL), ==, 0);
	strv_remove(NULL, "a");
	strv_sort_unique(NULL);
	free(TAKE_PTR(joined));
	joined = strv_join(NULL, ",");
	CHECK_STR(joined, "");
}

TEST(strv__a_long_list_is_looked_up)
{
	auto_cleanup(map_free) struct map *index = NULL;
	auto_strv char **v = NULL;
	char name[16];

	for (int twice = 0; twice < 2; twice++)
		for (int i = 0; i < 200; i++) {
			(void) snprintf(name, sizeof(name), "n%d", i);
			CHECK_INT(strv_append_indexed(&v, &index, name), ==, !twice);
			CHECK(strv_contains(v, name));
		}
	CHECK(index != NULL);
	CHECK_INT(strv_length(v), ==, 200);
	CHECK_STR(v[0], "n0");
	CHECK_STR(v[199], "n199");
}

TEST(strv__split_of_nothing_is_the_empty_vector)
{
	auto_strv char **v = NULL, **w = NULL, **copy = strv_copy(NULL);

	CHECK_INT(strv_split("", " ", &v), ==, 0);
	CHECK_INT(strv_split(NULL, " ", &w), ==, 0);
	CHECK(v && !v[0] && w && !w[0] && copy && !copy[0]);
}

TEST(env__names)
{
	auto_strv char **env = NULL;

	CHECK_INT(env_set(&env, "A=1"), ==, 0);
	CHECK_INT(env_set(&env, "AB=2"), ==, 0);
	CHECK_INT(env_set(&env, "A=3=x"), ==, 0);
	CHECK_INT(env_set(&env, "none"), ==, -EINVAL);
	CHECK_INT(env_set(&env, "=x"), ==, -EINVAL);
	CHECK_INT(strv_length(env), ==, 2);
	CHECK_STR(env_get(env, "A"), "3=x");
	CHECK_STR(env_get(env, "AB"), "2");
	CHECK(!env_get(env, "B"));
	env_unset(env, "A=1");
	CHECK_INT(strv_length(env), ==, 2);
	env_unset(env, "A=3=x");
	CHECK_INT(strv_length(env), ==, 1);
	env_unset(env, "AB");
	CHECK_INT(strv_length(env), ==, 0);
	env_unset(NULL, "A");
}

TEST(strbuf__numbers_are_those_of_printf)
{
	static const int64_t values[] = {0,  1,   9,         10,        99,       100,
	                                 -1, -10, INT32_MAX, INT64_MAX, INT64_MIN};

	for (size_t i = 0; i < ELEMENTSOF(values); i++) {
		auto_strbuf struct strbuf b = {0};
		char text[64];

		strbuf_i64(&b, values[i]);
		strbuf_putc(&b, ' ');
		strbuf_u64(&b, (uint64_t) values[i]);
		snprintf(text, sizeof(text), "%lld %llu", (long long) values[i],
		         (unsigned long long) values[i]);
		CHECK_STR(b.data, text);
	}
}

TEST(strbuf__grows_to_its_limit_and_says_so)
{
	auto_strbuf struct strbuf b = {.max = 100};
	char *text;

	for (int i = 0; i < 10; i++)
		strbuf_printf(&b, "%s-%d,", "12345678", i % 10);
	CHECK_INT(b.error, ==, -EFBIG);
	CHECK_INT(b.size, ==, 99);
	CHECK_INT(strlen(b.data), ==, 99);
	CHECK_INT(strbuf_take(&b, &text), ==, -EFBIG);
	CHECK_INT(b.error, ==, 0);
	CHECK_INT(strbuf_take(&b, &text), ==, 0);
	CHECK_STR(text, "");
	free(text);
	strbuf_puts(&b, "hello world");
	strbuf_consume(&b, 6);
	CHECK_STR(b.data, "world");
	strbuf_consume(&b, 60);
	CHECK_STR(b.data, "");
	for (int i = 0; i < 100; i++)
		strbuf_add(&b, "x", 1);
	CHECK_INT(b.error, ==, 0);
	CHECK_INT(b.size, ==, 100);
	strbuf_add(&b, "", 0);
	CHECK_INT(strbuf_take(&b, &text), ==, 0);
	CHECK_INT(strlen(text), ==, 100);
	free(text);
}

TEST(path__join)
{
	static const struct {
		const char *a, *b, *result;
	} cases[] = {{"/a", "b", "/a/b"}, {"/a/", "/b", "/a/b"}, {"/", "b", "/b"},
	             {"", "b", "b"},      {"", "/b", "/b"},      {"/a", "", "/a"},
	             {"/", "", "/"},      {"a", "b/", "a/b/"}};

	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		auto_free char *p = path_join(cases[i].a, cases[i].b);

		CHECK_STR(p, cases[i].result);
	}
	auto_free char *three = path_join3("/sys", "/fs/", "cgroup");
	CHECK_STR(three, "/sys/fs/cgroup");
}

TEST(path__parts)
{
	static const struct {
		const char *path, *dir, *base, *simple;
		bool normal;
	} cases[] = {
		{"/", "/", "/", "/", true},
		{"/a", "/", "a", "/a", true},
		{"/a/b", "/a", "b", "/a/b", true},
		{"/a//b/", "/a", "", "/a/b", false},
		{"a", ".", "a", "a", false},
		{"a/b", "a", "b", "a/b", false},
		{"/a/./b", "/a/.", "b", "/a/b", false},
		{"/a/../b", "/a/..", "b", "/a/../b", false},
		{"./", ".", "", ".", false},
		{"//", "/", "", "/", false},
		{"/..a", "/", "..a", "/..a", true},
	};

	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		auto_free char *dir = path_dirname(cases[i].path), *copy = strdup(cases[i].path);

		CHECK_STR(dir, cases[i].dir);
		CHECK_STR(path_basename(cases[i].path), cases[i].base);
		CHECK_STR(path_simplify(copy), cases[i].simple);
		CHECK_INT(path_is_normalized(cases[i].path), ==, cases[i].normal);
	}
	CHECK(!path_is_normalized("") && !path_is_absolute(NULL));
}

TEST(path__below)
{
	CHECK_STR(path_below("/a/b/c", "/a/b"), "c");
	CHECK_STR(path_below("/a/b", "/a/b/"), "");
	CHECK_STR(path_below("/a", "/"), "a");
	CHECK(!path_below("/ab", "/a"));
	CHECK(!path_below("/a", "/a/b"));
	CHECK(!path_below("a", "/a"));
}

TEST(base64__there_and_back)
{
	static const struct {
		const char *data, *text;
	} rows[] = {{"", ""},
	            {"f", "Zg=="},
	            {"fo", "Zm8="},
	            {"foo", "Zm9v"},
	            {"foob", "Zm9vYg=="},
	            {"fooba", "Zm9vYmE="},
	            {"foobar", "Zm9vYmFy"},
	            {"\xff\xfe\xfb", "//77"}};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		auto_free char *text = str_base64_encode(rows[i].data, strlen(rows[i].data));
		auto_free uint8_t *data = NULL;
		size_t size;

		CHECK_STR(text, rows[i].text);
		CHECK_INT(str_base64_decode(text, &data, &size), ==, 0);
		CHECK_INT(size, ==, strlen(rows[i].data));
		CHECK(memcmp(data, rows[i].data, size) == 0);
	}
}
