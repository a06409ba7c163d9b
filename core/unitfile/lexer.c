// SPDX-License-Identifier: Apache-2.0
#include "unitfile/lexer.h"

int lexer_init(struct lexer *l, char *text, size_t size, const char *path, struct diag *d)
{
	*l = (struct lexer){.at = text, .end = text + size, .path = path, .d = d};
	if (size > LEXER_TEXT_MAX)
		return diag_add(d, -EFBIG, DIAG_ERROR, path, 0, "File is larger than %u bytes",
		                LEXER_TEXT_MAX);
	if (memchr(text, 0, size))
		return diag_add(d, -EBADMSG, DIAG_ERROR, path, 0, "File contains a NUL byte");
	if (size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		l->at += 3;
	return 0;
}

/* One physical line, cut at its newline (CR LF, too). */
static char *take_line(struct lexer *l)
{
	char *line = l->at, *newline;

	if (line >= l->end)
		return NULL;
	newline = memchr(line, '\n', (size_t) (l->end - line));
	if (!newline) {
		newline = l->end;
		l->at = l->end;
	} else {
		l->at = newline + 1;
	}
	if (newline > line && newline[-1] == '\r')
		newline--;
	*newline = 0;
	l->line++;
	return line;
}

static bool is_comment(const char *line)
{
	line += strspn(line, " \t\r");
	return *line == '#' || *line == ';';
}

/* A backslash that is not itself escaped ends the line: it goes on, a space in its place. */
static bool ends_in_backslash(const char *line, size_t size)
{
	size_t n = 0;

	while (n < size && line[size - 1 - n] == '\\')
		n++;
	return n % 2 == 1;
}

/*
 * One logical line. Lines that continue it are moved up to its end, over the newline and the comments between; text only ever
 * moves towards the front.
 */
static int take_logical_line(struct lexer *l, char **ret, unsigned *ret_line)
{
	char *line, *end;

	do {
		line = take_line(l);
		if (!line)
			return 0;
	} while (is_comment(line));
	*ret_line = l->line;
	end = line + strlen(line);
	while (ends_in_backslash(line, (size_t) (end - line))) {
		char *more = take_line(l);
		size_t size;

		end[-1] = ' ';
		if (!more)
			break;
		if (is_comment(more)) {
			end[-1] = '\\';
			continue;
		}
		size = strlen(more);
		memmove(end, more, size + 1);
		end += size;
	}
	if (end - line > (ptrdiff_t) LEXER_LINE_MAX)
		return diag_add(l->d, -ENOBUFS, DIAG_ERROR, l->path, *ret_line,
		                "Line is longer than %u bytes", LEXER_LINE_MAX);
	*ret = line;
	return 1;
}

static int take_section(struct lexer *l, char *line, unsigned number, struct lexeme *ret)
{
	size_t size = strlen(line);

	if (size < 2 || line[size - 1] != ']')
		return diag_add(l->d, -EBADMSG, DIAG_ERROR, l->path, number,
		                "Invalid section header '%s'", line);
	line[size - 1] = 0;
	l->section = line + 1;
	l->section_line = number;
	*ret = (struct lexeme){.section = l->section, .line = number, .new_section = true};
	return 1;
}

int lexer_next(struct lexer *l, struct lexeme *ret)
{
	for (;;) {
		char *line, *equals;
		unsigned number;
		int r = take_logical_line(l, &line, &number);

		if (r <= 0)
			return r;
		line = str_strip(line);
		if (!*line)
			continue;
		if (!utf8_is_valid(line, strlen(line))) {
			diag_add(l->d, -EILSEQ, DIAG_WARNING, l->path, number,
			         "Line is not valid UTF-8, ignored");
			continue;
		}
		if (*line == '[')
			return take_section(l, line, number, ret);
		equals = strchr(line, '=');
		if (!equals || equals == line) {
			diag_add(l->d, -EINVAL, DIAG_WARNING, l->path, number,
			         equals ? "Missing key name before '=', ignored"
			                : "Missing '=', line ignored");
			continue;
		}
		if (!l->section) {
			diag_add(l->d, -EINVAL, DIAG_WARNING, l->path, number,
			         "Assignment outside of a section, ignored");
			continue;
		}
		*equals = 0;
		*ret = (struct lexeme){.section = l->section,
		                       .key = str_strip(line),
		                       .value = str_strip(equals + 1),
		                       .line = number};
		return 1;
	}
}
