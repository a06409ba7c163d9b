// SPDX-License-Identifier: Apache-2.0
/* value-stdio.c - standard streams and logging: systemd.exec(5) "Logging and Standard Input/Output". */
#include "unitfile/value.h"

#include "base/base64.h"

#include <syslog.h>

#define EXEC_OF(field_, member)                                                                    \
	((struct exec_settings *) (void *) ((char *) (field_) -offsetof(struct exec_settings,      \
	                                                                member)))
#define STDIN_DATA_MAX (64U * 1024 * 1024)

static int reset_list(void *field)
{
	*(char ***) field = strv_free(*(char ***) field);
	return 0;
}

struct stdio_word {
	const char *word;
	int value;
};
/* clang-format off */
static const struct stdio_word input_words[] = {
	{ "null", EXEC_INPUT_NULL }, { "tty", EXEC_INPUT_TTY }, { "tty-force", EXEC_INPUT_TTY_FORCE },
	{ "tty-fail", EXEC_INPUT_TTY_FAIL }, { "socket", EXEC_INPUT_SOCKET }, { "data", EXEC_INPUT_DATA },
	{ "fd", EXEC_INPUT_NAMED_FD },
};
/* "syslog" went to the journal since version 246. */
static const struct stdio_word output_words[] = {
	{ "inherit", EXEC_OUTPUT_INHERIT }, { "null", EXEC_OUTPUT_NULL }, { "tty", EXEC_OUTPUT_TTY },
	{ "kmsg", EXEC_OUTPUT_KMSG }, { "kmsg+console", EXEC_OUTPUT_KMSG_AND_CONSOLE },
	{ "journal", EXEC_OUTPUT_JOURNAL }, { "journal+console", EXEC_OUTPUT_JOURNAL_AND_CONSOLE },
	{ "syslog", EXEC_OUTPUT_JOURNAL }, { "syslog+console", EXEC_OUTPUT_JOURNAL_AND_CONSOLE },
	{ "socket", EXEC_OUTPUT_SOCKET }, { "fd", EXEC_OUTPUT_NAMED_FD },
};
static const struct stdio_word output_files[] = {
	{ "file:", EXEC_OUTPUT_FILE }, { "append:", EXEC_OUTPUT_FILE_APPEND }, { "truncate:", EXEC_OUTPUT_FILE_TRUNCATE },
};
/* clang-format on */

static int find_word(const struct stdio_word *words, size_t n, const char *s)
{
	for (size_t i = 0; i < n; i++)
		if (streq(words[i].word, s))
			return words[i].value;
	return -EINVAL;
}

static int set_stdio_name(struct parse *p, struct exec_settings *e, unsigned fd, const char *name)
{
	auto_free char *s = NULL;
	int r = parse_expand(p, name, false, &s);

	if (r <= 0)
		return r;
	if (!*s || strlen(s) > 255 || !text_is_safe(s) || strchr(s, ':'))
		return parse_warn(p, "'%.100s' is no name of a file descriptor, ignored", s);
	r = str_set(&e->stdio_fdname[fd], s);
	return r < 0 ? r : 1;
}

static int set_stdio_file(struct parse *p, struct exec_settings *e, unsigned fd, const char *path)
{
	auto_free char *s = NULL;
	int r = parse_expand(p, path, false, &s);

	if (r <= 0)
		return r;
	path_simplify(s);
	if (!path_is_normalized(s))
		return parse_warn(p, "Path '%.100s' is not absolute and normalized, ignored", s);
	r = str_set(&e->stdio_file[fd], s);
	return r < 0 ? r : 1;
}

VALUE_PARSER(input)
{
	struct exec_settings *e = EXEC_OF(field, std_input);
	const char *rest;
	int r = 1, kind;

	(void) arg;
	if ((rest = str_after(value, "fd:"))) {
		kind = EXEC_INPUT_NAMED_FD;
		r = set_stdio_name(p, e, 0, rest);
	} else if ((rest = str_after(value, "file:"))) {
		kind = EXEC_INPUT_FILE;
		r = set_stdio_file(p, e, 0, rest);
	} else {
		kind = find_word(input_words, ELEMENTSOF(input_words), value);
		if (kind < 0)
			return kind;
	}
	if (r > 0)
		e->std_input = (enum exec_input) kind;
	return r < 0 ? r : 0;
}

VALUE_PARSER(output)
{
	unsigned fd = (unsigned) arg;
	struct exec_settings *e = fd == 1 ? EXEC_OF(field, std_output) : EXEC_OF(field, std_error);
	int r = 1, kind = -EINVAL;
	const char *rest;

	for (size_t i = 0; i < ELEMENTSOF(output_files); i++) {
		rest = str_after(value, output_files[i].word);
		if (rest) {
			kind = output_files[i].value;
			r = set_stdio_file(p, e, fd, rest);
		}
	}
	rest = str_after(value, "fd:");
	if (rest) {
		kind = EXEC_OUTPUT_NAMED_FD;
		r = set_stdio_name(p, e, fd, rest);
	}
	if (kind < 0)
		kind = find_word(output_words, ELEMENTSOF(output_words), value);
	if (kind < 0)
		return kind;
	if (str_after(value, "syslog"))
		diag_add(p->d, 0, DIAG_INFO, p->path, p->line,
		         "%s=%s is obsolete, the log is meant", p->key, value);
	if (r > 0)
		*(enum exec_output *) field = (enum exec_output) kind;
	return r < 0 ? r : 0;
}

static int add_stdin_data(struct parse *p, struct exec_settings *e, const char *data, size_t size,
                          bool newline)
{
	size_t total = e->stdin_data_size + size + newline;
	char *grown;

	if (total > STDIN_DATA_MAX)
		return parse_warn(p, "Standard input data of more than %u bytes, ignored",
		                  STDIN_DATA_MAX);
	grown = realloc(e->stdin_data, total + 1);
	if (!grown)
		return -ENOMEM;
	memcpy(grown + e->stdin_data_size, data, size);
	if (newline)
		grown[total - 1] = '\n';
	grown[total] = 0;
	e->stdin_data = grown;
	e->stdin_data_size = total;
	return 0;
}

static int drop_stdin_data(struct exec_settings *e)
{
	free(e->stdin_data);
	e->stdin_data = NULL;
	e->stdin_data_size = 0;
	return 0;
}

VALUE_PARSER(input_text)
{
	struct exec_settings *e = EXEC_OF(field, stdin_data);
	auto_free char *unescaped = NULL, *s = NULL;
	int r;

	(void) arg;
	if (!*value)
		return drop_stdin_data(e);
	r = c_unescape(value, &unescaped);
	if (r < 0)
		return r;
	r = parse_expand(p, unescaped, false, &s);
	return r <= 0 ? r : add_stdin_data(p, e, s, strlen(s), true);
}

VALUE_PARSER(input_data)
{
	struct exec_settings *e = EXEC_OF(field, stdin_data);
	auto_free uint8_t *data = NULL;
	size_t n;
	int r;

	(void) arg;
	if (!*value)
		return drop_stdin_data(e);
	r = str_base64_decode(value, &data, &n);
	return r < 0 ? r : add_stdin_data(p, e, (const char *) data, n, false);
}

/* ---- log ---- */

static const char *const facilities[] = {
	"kern",   "user",   "mail",     "daemon", "auth",   "syslog", "lpr",    "news",
	"uucp",   "cron",   "authpriv", "ftp",    NULL,     NULL,     NULL,     NULL,
	"local0", "local1", "local2",   "local3", "local4", "local5", "local6", "local7",
};
static const char *const levels[] = {"emerg",   "alert",  "crit", "err",
                                     "warning", "notice", "info", "debug"};

VALUE_PARSER(syslog_facility)
{
	int i = -EINVAL;
	int64_t n;

	(void) p;
	(void) arg;
	for (size_t k = 0; k < ELEMENTSOF(facilities); k++)
		if (facilities[k] && streq(facilities[k], value))
			i = (int) k;
	if (i < 0 && parse_number(value, false, &n) >= 0 && n <= LOG_FACMASK >> 3)
		i = (int) n;
	if (i < 0)
		return i;
	*(int *) field = i << 3;
	return 0;
}

VALUE_PARSER(syslog_level)
{
	int64_t n;
	int i = ENUM_FROM_STRING(levels, value);

	(void) p;
	(void) arg;
	if (i < 0 && parse_number(value, false, &n) >= 0 && n <= LOG_DEBUG)
		i = (int) n;
	if (i < 0)
		return i;
	*(int *) field = i;
	return 0;
}

/* A field's name is upper case, begins with a letter; the part behind "=" is free. */
VALUE_PARSER(log_extra_fields)
{
	const char *at = value;

	(void) arg;
	if (!*value)
		return reset_list(field);
	for (;;) {
		auto_free char *word = NULL, *s = NULL;
		size_t n;
		int r = word_next_relaxed(&at, 0, &word);

		if (r == -EINVAL)
			return parse_warn(p, "Unbalanced quotes in '%.100s', the rest is ignored",
			                  value);
		if (r <= 0)
			return r;
		r = parse_expand(p, word, false, &s);
		if (r < 0)
			return r;
		if (r == 0)
			continue;
		n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
		if (s[n] != '=' || n == 0 || n > 64 || *s == '_' || (*s >= '0' && *s <= '9')) {
			parse_warn(p, "'%.100s' is no log field, ignored", s);
			continue;
		}
		r = strv_append(field, s);
		if (r < 0)
			return r;
	}
}
