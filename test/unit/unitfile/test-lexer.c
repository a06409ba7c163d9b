// SPDX-License-Identifier: Apache-2.0
#include "check.h"
#include "unitfile/lexer.h"
#include "unitfile/word.h"

struct result {
	char text[1024]; /* "section.key=value;..." */
	int last;
	struct diag d;
};

static struct result lex_size(const char *text, size_t size)
{
	struct result r = {.text = ""};
	auto_free char *copy = malloc(size + 1);
	struct lexer l;
	struct lexeme x;

	memcpy(copy, text, size);
	copy[size] = 0;
	r.last = lexer_init(&l, copy, size, "x.service", &r.d);
	while (r.last >= 0 && (r.last = lexer_next(&l, &x)) > 0) {
		size_t n = strlen(r.text);

		if (!x.new_section)
			snprintf(r.text + n, sizeof(r.text) - n, "%s.%s=%s@%u;", x.section, x.key,
			         x.value, x.line);
	}
	return r;
}
#define lex(text) lex_size(text, sizeof(text) - 1)

TEST(lexer__plain_lines)
{
	CHECK_STR(lex("[A]\nx=1\n\n y = 2 \n[B]\nz=\n").text, "A.x=1@2;A.y=2@4;B.z=@6;");
}

TEST(lexer__comments_bom_and_carriage_returns)
{
	CHECK_STR(lex("\xef\xbb\xbf[A]\r\n# c\r\n; d\r\nx=1\r\n").text, "A.x=1@4;");
}

TEST(lexer__continued_lines)
{
	CHECK_STR(lex("[A]\nx=1\\\n  2\\\n# between\n;too\n3\ny=4\n").text,
	          "A.x=1   2 3@2;A.y=4@7;");
	CHECK_STR(lex("[A]\nx=1\\\n\ny=2\n").text, "A.x=1@2;A.y=2@4;");
	CHECK_STR(lex("[A]\nx=1\\\\\ny=2\n").text, "A.x=1\\\\@2;A.y=2@3;");
	CHECK_STR(lex("[A]\nx=1\\").text, "A.x=1@2;");
	CHECK_STR(lex("[A]\nx=1\\\n#end").text, "A.x=1@2;");
}

TEST(lexer__keeps_what_is_behind_the_first_equals_sign)
{
	CHECK_STR(lex("[A]\nx=a=b = c\n").text, "A.x=a=b = c@2;");
}

TEST(lexer__bad_lines_are_passed_over)
{
	struct result r = lex("x=0\n[A]\nnonsense\n=1\ny=\xff\nz=1\n");

	CHECK_STR(r.text, "A.z=1@6;");
	CHECK_INT(r.d.n_items, ==, 4);
	CHECK_INT(r.d.items[0].line, ==, 1);
	CHECK_INT(r.d.items[3].line, ==, 5);
}

TEST(lexer__a_broken_section_header_ends_the_file)
{
	struct result r = lex("[A]\nx=1\n[B\ny=2\n");

	CHECK_INT(r.last, ==, -EBADMSG);
	CHECK_STR(r.text, "A.x=1@2;");
}

TEST(lexer__refuses_nul_bytes_and_long_lines)
{
	auto_free char *text = malloc(LEXER_LINE_MAX + 100);
	struct result r = lex("[A]\nx=1\0\n");

	CHECK_INT(r.last, ==, -EBADMSG);
	memset(text, 'x', LEXER_LINE_MAX + 99);
	CHECK_INT(lex_size(text, LEXER_LINE_MAX + 99).last, ==, -ENOBUFS);
}

static const char *words(const char *s, const char *separators, unsigned flags)
{
	static char text[256];
	auto_strv char **v = NULL;
	auto_free char *joined = NULL;

	if (word_split(s, separators, flags, &v) < 0)
		return "!";
	joined = strv_join(v, "|");
	snprintf(text, sizeof(text), "%s", joined ? joined : "");
	return text;
}

TEST(words__quotes_and_escapes)
{
	CHECK_STR(words("  a  'b c' \"d e\"f ", NULL, WORD_UNQUOTE), "a|b c|d ef");
	CHECK_STR(words("'' a", NULL, WORD_UNQUOTE), "|a");
	CHECK_STR(words("a\\x20b \\u00e4 \\101 \\s", NULL, WORD_UNQUOTE | WORD_CUNESCAPE),
	          "a b|\xc3\xa4|A| ");
	CHECK_STR(words("'a", NULL, WORD_UNQUOTE), "!");
	CHECK_STR(words("'a", NULL, WORD_UNQUOTE | WORD_RELAX), "a");
	CHECK_STR(words("\\q", NULL, WORD_UNQUOTE | WORD_CUNESCAPE), "!");
	CHECK_STR(words("\\q", NULL, WORD_UNQUOTE | WORD_CUNESCAPE | WORD_CUNESCAPE_RELAX), "\\q");
	CHECK_STR(words("\\x00", NULL, WORD_CUNESCAPE), "!");
	CHECK_STR(words("a\\", NULL, WORD_UNQUOTE), "!");
	CHECK_STR(words("a\\x2d", NULL, WORD_UNQUOTE | WORD_RETAIN_ESCAPE), "a\\x2d");
	CHECK_STR(words("a::b:", ":", WORD_KEEP_EMPTY), "a||b|");
}
