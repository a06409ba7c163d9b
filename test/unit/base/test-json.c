// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include "base/conf.h"
#include "base/fd.h"
#include "base/str.h"
#include "check.h"

static struct diag d;

static int parse(const char *text, cJSON **ret)
{
	d = (struct diag){0};
	return json_parse(text, strlen(text), "test", &d, ret);
}

static const char *first(void)
{
	static char buf[512];

	return diag_first(&d, buf, sizeof(buf));
}

TEST(json__finding_names_the_byte_and_line)
{
	static const struct {
		const char *text, *finding;
	} cases[] = {
		{"", "test:1: Not valid JSON at byte 0: empty"},
		{"{\n\"a\": 1,\n\"b\": x}",
	         "test:3: Not valid JSON at byte 15: unexpected character or end"},
		{"{} {}", "test:1: Not valid JSON at byte 3: text behind the value"},
		{"\"a\\u0000b\"", "test:1: Not valid JSON at byte 2: \\u0000 in a string"},
		{"\"a\nb\"", "test:1: Not valid JSON at byte 2: control character in a string"},
		{"\"abc", "test:1: Not valid JSON at byte 4: unfinished string"},
		{"\"\xff\"", "test:1: Not valid JSON at byte 0: not UTF-8"},
	};

	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		cJSON *j = NULL;

		CHECK_INT(parse(cases[i].text, &j), ==, -EBADMSG);
		CHECK_STR(first(), cases[i].finding);
		CHECK(!j);
	}
	CHECK_INT(json_parse("1\0", 2, "test", &d, NULL), ==, -EBADMSG);
}

TEST(json__depth_and_number_of_values_are_limited)
{
	char *text = malloc(3 * JSON_ITEMS_MAX + 16);
	cJSON *j;

	memset(text, '[', 65);
	memset(text + 65, ']', 65);
	CHECK_INT(json_parse(text, 130, "deep", NULL, &j), ==, -EBADMSG);
	CHECK_INT(json_parse(text + 1, 128, "deep", NULL, &j), ==, 0);
	json_free(j);
	/* Brackets in strings count for nothing. */
	memset(text, '[', 200);
	text[0] = text[199] = '"';
	CHECK_INT(json_parse(text, 200, "string", NULL, &j), ==, 0);
	json_free(j);
	text[0] = '[';
	for (size_t i = 0; i < JSON_ITEMS_MAX; i++)
		memcpy(text + 1 + 2 * i, "0,", 2);
	memcpy(text + 1 + 2 * JSON_ITEMS_MAX, "0]", 2);
	CHECK_INT(json_parse(text, 3 + 2 * JSON_ITEMS_MAX, "many", NULL, &j), ==, -EBADMSG);
	free(text);
}

TEST(json__getters_tell_absent_from_wrong)
{
	auto_json cJSON *j = NULL;
	auto_strv char **v = NULL;
	const cJSON *child;
	const char *s = "kept";
	uint64_t u = 7;
	int64_t i;
	bool b;

	CHECK_INT(
		parse("{\"s\":\"x\",\"n\":5,\"neg\":-5,\"f\":1.5,\"big\":\"18446744073709551615\","
	              "\"huge\":1e300,"
	              "\"b\":true,\"null\":null,\"a\":[\"p\",\"q\"],\"mixed\":[\"p\",1],\"o\":{}}",
	              &j),
		==, 0);
	CHECK_INT(json_get_string(j, "none", &s), ==, -ENOENT);
	CHECK_INT(json_get_string(j, "null", &s), ==, -ENOENT);
	CHECK_INT(json_get_string(j, "n", &s), ==, -EINVAL);
	CHECK_STR(s, "kept");
	CHECK_INT(json_get_string(j, "s", &s), ==, 0);
	CHECK_STR(s, "x");
	CHECK_INT(json_get_u64(j, "neg", &u), ==, -EINVAL);
	CHECK_INT(json_get_u64(j, "f", &u), ==, -EINVAL);
	CHECK_INT(json_get_u64(j, "huge", &u), ==, -EINVAL);
	CHECK_INT(json_get_u64(j, "s", &u), ==, -EINVAL);
	CHECK_INT(u, ==, 7);
	CHECK_INT(json_get_u64(j, "big", &u), ==, 0);
	CHECK(u == UINT64_MAX);
	CHECK_INT(json_get_i64(j, "neg", &i), ==, 0);
	CHECK_INT(i, ==, -5);
	CHECK_INT(json_get_i64(j, "big", &i), ==, -EINVAL);
	CHECK_INT(json_get_bool(j, "b", &b), ==, 0);
	CHECK_INT(json_get_bool(j, "n", &b), ==, -EINVAL);
	CHECK_INT(json_get_array(j, "o", &child), ==, -EINVAL);
	CHECK_INT(json_get_object(j, "o", &child), ==, 0);
	CHECK_INT(json_get_strv(j, "mixed", &v), ==, -EINVAL);
	CHECK_INT(json_get_strv(j, "a", &v), ==, 0);
	CHECK_INT(strv_length(v), ==, 2);
	CHECK_INT(json_u64_or(j, "none", 3), ==, 3);
	CHECK(json_bool_or(j, "none", true));
	CHECK_STR(json_string_or(NULL, "x", "fallback"), "fallback");
}

TEST(json__adders_keep_large_numbers)
{
	auto_json cJSON *j = cJSON_CreateObject();
	auto_free char *text = NULL;

	CHECK_INT(json_add_u64(j, "a", JSON_INTEGER_MAX), ==, 0);
	CHECK_INT(json_add_u64(j, "b", JSON_INTEGER_MAX + 1), ==, 0);
	CHECK_INT(json_add_i64(j, "c", INT64_MIN), ==, 0);
	CHECK_INT(json_add_string(j, "d", NULL), ==, 0);
	CHECK_INT(json_add_bool(j, "e", false), ==, 0);
	CHECK_INT(json_add_strv(j, "f", (char *[]){(char *) "x", NULL}), ==, 0);
	CHECK_INT(json_add_take(j, "g", NULL), ==, -ENOMEM);
	CHECK_INT(json_add_u64(NULL, "g", 1), ==, -ENOMEM);
	text = json_print(j, false);
	CHECK_STR(text, "{\"a\":9007199254740992,\"b\":\"9007199254740993\",\"c\":\"-"
	                "9223372036854775808\",\"e\":false,\"f\":[\"x\"]}");
}

TEST(json__printing_is_exact)
{
	static const char text[] =
		"{\"usec\":1795447740000000,\"neg\":-1795447740000001,\"f\":0.10000000000000001,"
		"\"e\":[],\"o\":{},"
		"\"s\":\"\\\"\\\\\\n\\u0001\\u000b/\xc3\xa4\",\"l\":[1,null,true,false]}";
	auto_json cJSON *j = NULL;
	auto_free char *out = NULL, *pretty = NULL;

	CHECK_INT(parse(text, &j), ==, 0);
	out = json_print(j, false);
	CHECK_STR(out, text);
	j = json_free(j);
	CHECK_INT(parse("{\"a\":[1,{}],\"b\":[]}", &j), ==, 0);
	pretty = json_print(j, true);
	CHECK_STR(pretty, "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}");
	CHECK(!json_print(NULL, false));
}

/* A row written as text is byte for byte what the tree prints. */
TEST(json__text_without_a_tree_is_the_same_text)
{
	auto_json cJSON *tree = cJSON_CreateObject(), *o = cJSON_CreateObject(),
			*rows = cJSON_CreateArray();
	auto_free char *wanted = NULL, *got = NULL;
	char *words[] = {(char *) "a\"b", (char *) "{", NULL};
	struct strbuf b = {0};

	json_text_open(&b, '[');
	for (unsigned i = 0; i < 3; i++) {
		cJSON *row = cJSON_CreateObject();

		json_text_open(&b, '{');
		if (i != 1) {
			json_add_string(row, "id", "x\\y\n[");
			json_text_string(&b, "id", "x\\y\n[");
			json_add_u64(row, "n", 0);
			json_text_u64(&b, "n", 0);
			json_add_u64(row, "t", 1795447740000000);
			json_text_u64(&b, "t", 1795447740000000);
			json_add_u64(row, "big", UINT64_MAX);
			json_text_u64(&b, "big", UINT64_MAX);
			json_text_string(&b, "none", NULL);
			json_add_strv(row, "v", words);
			json_text_strv(&b, "v", words);
		}
		json_append_take(rows, row);
		json_text_close(&b, '}');
	}
	json_text_close(&b, ']');
	CHECK_INT(json_add_take(tree, "rows", TAKE_PTR(rows)), ==, 0);
	CHECK_INT(json_add_take(o, "rows", json_text_take(&b)), ==, 0);
	CHECK(!b.data);
	wanted = json_print(tree, false);
	got = json_print(o, false);
	CHECK_STR(got, wanted);
	b.max = 8;
	json_text_string(&b, NULL, "too long for it");
	CHECK(!json_text_take(&b));
	CHECK(!b.data);
}

TEST(json__an_error_of_printing_sticks_in_the_buffer)
{
	auto_json cJSON *j = cJSON_CreateString("longer than eight");
	auto_strbuf struct strbuf b = {.max = 8};

	json_print_to(&b, j, false);
	CHECK_INT(b.error, ==, -EFBIG);
}

TEST(diag__worst_comes_first_and_overflow_is_counted)
{
	struct diag many = {0};
	char buf[100], tiny[4];

	CHECK_INT(diag_add(NULL, -EIO, DIAG_ERROR, NULL, 0, "x"), ==, -EIO);
	CHECK_STR(diag_first(&many, buf, sizeof(buf)), "");
	for (unsigned i = 0; i < 40; i++)
		CHECK_INT(diag_add(&many, -EPERM, i == 5 ? DIAG_ERROR : DIAG_WARNING, "f", i,
		                   "n%u: %m", i),
		          ==, -EPERM);
	CHECK_INT(many.n_items, ==, DIAG_ITEMS_MAX);
	CHECK_INT(many.n_dropped, ==, 8);
	CHECK_STR(diag_first(&many, buf, sizeof(buf)), "f:5: n5: Operation not permitted");
	CHECK_STR(diag_first(&many, tiny, sizeof(tiny)), "f:5");
	CHECK_STR(diag_level_to_string(DIAG_INFO), "info");
}

TEST(conf__table_and_findings)
{
	char path[] = "/tmp/conf-test-XXXXXX";
	static const char text[] = "# comment\n; another\n[A]\nName = some text "
				   "\nOn=yes\nUnknown=1\n[B]\nSize=12x\nSize=34\n"
				   "nonsense\n[C\nOn=no\n";
	char *name = NULL;
	bool on = false;
	uint64_t size = 0;
	const struct conf_item items[] = {
		{"A", "Name", conf_parse_string, &name},
		{"A", "On", conf_parse_bool, &on},
		{"B", "Size", conf_parse_u64, &size},
	};
	int fd = mkstemp(path);

	CHECK_INT(fd_write_all(fd, text, strlen(text)), ==, 0);
	close(fd);
	d = (struct diag){0};
	CHECK_INT(conf_read(path, items, ELEMENTSOF(items), &d), ==, -EBADMSG);
	CHECK_STR(name, "some text");
	CHECK(on);
	CHECK_INT(size, ==, 34);
	CHECK_INT(d.n_items, ==, 5);
	CHECK_INT(d.items[0].level, ==, DIAG_WARNING);
	CHECK_INT(d.items[0].line, ==, 6);
	CHECK_STR(d.items[1].text, "Value of Size= is not valid: Invalid argument");
	CHECK_INT(d.items[1].line, ==, 8);
	CHECK_INT(d.items[2].line, ==, 10);
	CHECK_INT(d.items[3].line, ==, 11);
	CHECK_INT(unlink(path), ==, 0);
	CHECK_INT(conf_read(path, items, ELEMENTSOF(items), &d), ==, -ENOENT);
	free(name);
}
