// SPDX-License-Identifier: Apache-2.0
/* value-exec.c - what a process starts with: environment, user, directories, stdio, limits: systemd.exec(5). */
#include "unitfile/value.h"

#include <limits.h>
#include <sys/personality.h>
#include <syslog.h>

#define EXEC_OF(field_, member) ((struct exec_settings *) (void *) ((char *) (field_) -offsetof(struct exec_settings, member)))
#define STDIN_DATA_MAX (64U * 1024 * 1024)

bool env_name_is_valid(const char *s, size_t size)
{
	if (!size || (*s >= '0' && *s <= '9'))
		return false;
	for (size_t i = 0; i < size; i++)
		if (!(s[i] == '_' || (s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z')))
			return false;
	return true;
}

/* Tabs and newlines are fine in a value, as in a shell; other control characters are not. */
bool env_assignment_is_valid(const char *s)
{
	const char *equals = strchr(s, '=');

	if (!equals || !env_name_is_valid(s, (size_t) (equals - s)))
		return false;
	for (const char *c = equals + 1; *c; c++)
		if (((unsigned char) *c < ' ' && *c != '\t' && *c != '\n') || *c == 0x7f)
			return false;
	return utf8_is_valid(equals + 1, strlen(equals + 1));
}

static int reset_list(void *field)
{
	*(char ***) field = strv_free(*(char ***) field);
	return 0;
}

VALUE_PARSER(environment)
{
	const char *at = value;

	(void) arg;
	if (!*value)
		return reset_list(field);
	for (;;) {
		auto_free char *word = NULL, *expanded = NULL;
		int r = word_next_relaxed(&at, 0, &word);

		if (r == -EINVAL)
			return parse_warn(p, "Unbalanced quotes in '%.100s', the rest is ignored", value);
		if (r <= 0)
			return r;
		if (r == 2)
			parse_warn(p, "Unknown escape sequence in '%.100s', taken as it stands", word);
		r = parse_expand(p, word, false, &expanded);
		if (r < 0)
			return r;
		if (r > 0 && !env_assignment_is_valid(expanded))
			parse_warn(p, "'%.100s' is no assignment, ignored", expanded);
		else if (r > 0 && (r = env_set(field, expanded)) < 0)
			return r;
	}
}

VALUE_PARSER(environment_file)
{
	auto_free char *s = NULL;
	const char *path;
	int r;

	(void) arg;
	if (!*value)
		return reset_list(field);
	r = parse_expand(p, value, false, &s);
	if (r <= 0)
		return r;
	path = *s == '-' ? s + 1 : s;
	if (!path_is_absolute(path))
		return parse_warn(p, "Path '%.100s' is not absolute, ignored", path);
	path_simplify(s + (path - s));
	return strv_append(field, s);
}

static int add_env_name(struct parse *p, char *word, void *field, int64_t arg)
{
	if (env_name_is_valid(word, strlen(word)) || (arg && env_assignment_is_valid(word)))
		return strv_append_unique(field, word);
	return parse_warn(p, "'%.100s' is no variable's name, ignored", word);
}

VALUE_PARSER(pass_environment)
{
	if (!*value)
		return reset_list(field);
	return parse_words(p, value, WORD_UNQUOTE | WORD_CUNESCAPE, add_env_name, field, arg);
}

VALUE_PARSER(unset_environment)
{
	(void) arg;
	return value_pass_environment(p, value, field, 1);
}

VALUE_PARSER(search_path)
{
	auto_strv char **dirs = NULL;
	auto_free char *s = NULL;
	int r;

	(void) arg;
	if (!*value)
		return reset_list(field);
	r = parse_expand(p, value, false, &s);
	if (r <= 0)
		return r;
	r = strv_split(s, ":", &dirs);
	if (r < 0)
		return r;
	STRV_FOREACH(d, dirs) {
		path_simplify(*d);
		if (!path_is_normalized(*d))
			parse_warn(p, "Path '%.100s' is not absolute and normalized, ignored", *d);
		else if ((r = strv_append_unique(field, *d)) < 0)
			return r;
	}
	return 0;
}

/* What useradd(8) accepts and more: no characters that passwd(5), paths or arguments give a meaning. Or a number. */
bool user_name_is_valid(const char *s)
{
	size_t n = strlen(s);
	uint32_t id;

	if (n == 0 || n > 255)
		return false;
	if (strspn(s, "0123456789") == n)
		return (*s != '0' || n == 1) && str_to_u32(s, &id) >= 0 && id != UINT32_MAX && id != UINT16_MAX;
	if (*s == '-' || streq(s, ".") || streq(s, "..") || *s == ' ' || s[n - 1] == ' ')
		return false;
	/* "+5" and the like would be taken for numbers by some. */
	if (*s == '+' && strspn(s + 1, "0123456789") == n - 1)
		return false;
	return text_is_safe(s) && !strpbrk(s, ":/") && utf8_is_valid(s, n);
}

VALUE_PARSER(user)
{
	auto_free char *s = NULL;
	int r;

	if (!*value)
		return str_set(field, NULL);
	r = parse_expand(p, value, true, &s);
	if (r <= 0)
		return r;
	if (!user_name_is_valid(s))
		return parse_refuse(p, arg == 1, "'%.100s' is no valid user or group name", s);
	return str_set(field, s);
}

static int add_user(struct parse *p, char *word, void *field, int64_t arg)
{
	(void) arg;
	if (!user_name_is_valid(word))
		return parse_fatal(p, "'%.100s' is no valid user or group name", word);
	return strv_append(field, word);
}

VALUE_PARSER(user_list)
{
	if (!*value)
		return reset_list(field);
	return parse_words(p, value, WORD_UNQUOTE, add_user, field, arg);
}

VALUE_PARSER(working_directory)
{
	struct exec_settings *e = EXEC_OF(field, working_directory);
	bool missing_ok = *value == '-';
	auto_free char *s = NULL;
	int r;

	(void) arg;
	value += missing_ok;
	if (streq(value, "~")) {
		e->working_directory_home = true;
		e->working_directory = (free(e->working_directory), NULL);
	} else if (!*value) {
		e->working_directory_home = false;
		e->working_directory = (free(e->working_directory), NULL);
	} else {
		r = parse_expand(p, value, !missing_ok, &s);
		if (r <= 0)
			return r;
		if (!path_is_absolute(s))
			return parse_refuse(p, !missing_ok, "Path '%.100s' is not absolute", s);
		path_simplify(s);
		if (!path_is_normalized(s))
			return parse_refuse(p, !missing_ok, "Path '%.100s' is not normalized", s);
		e->working_directory_home = false;
		free(e->working_directory);
		e->working_directory = TAKE_PTR(s);
	}
	e->working_directory_missing_ok = missing_ok;
	return 0;
}

static bool relative_path_is_valid(char *s)
{
	path_simplify(s);
	if (!*s || *s == '/' || streq(s, "."))
		return false;
	for (const char *c = s; *c;) {
		size_t n = strcspn(c, "/");

		if (n == 2 && !strncmp(c, "..", 2))
			return false;
		c += n + (c[n] == '/');
	}
	return text_is_safe(s);
}

/* "name" or "name:symlink symlink2": each of them below the kind's own directory. */
static int add_directory(struct parse *p, char *word, void *field, int64_t arg)
{
	char *colon = strchr(word, ':');
	auto_free char *whole = NULL;

	(void) arg;
	if (colon)
		*colon = 0;
	if (!relative_path_is_valid(word) || (colon && *(colon + 1) && !relative_path_is_valid(colon + 1)))
		return parse_warn(p, "'%.100s' is no relative, normalized path, ignored", word);
	if (streq(word, "private") || str_after(word, "private/"))
		return parse_warn(p, "'%.100s' is the name of the directory for dynamic users, ignored", word);
	whole = colon && colon[1] ? str_printf("%s:%s", word, colon + 1) : strdup(word);
	return whole ? strv_append_unique(field, whole) : -ENOMEM;
}

VALUE_PARSER(directories)
{
	if (!*value)
		return reset_list(field);
	return parse_words(p, value, WORD_UNQUOTE, add_directory, field, arg);
}

VALUE_PARSER(preserve)
{
	int b = streq(value, "restart") ? EXEC_PRESERVE_RESTART : str_to_bool(value);

	(void) p;
	(void) arg;
	if (b < 0)
		return b;
	*(enum exec_preserve *) field = streq(value, "restart") ? EXEC_PRESERVE_RESTART : b ? EXEC_PRESERVE_YES : EXEC_PRESERVE_NO;
	return 0;
}

/* ---- stdio ---- */

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
	int r = parse_expand(p, name, true, &s);

	if (r <= 0)
		return r;
	if (!*s || strlen(s) > 255 || !text_is_safe(s) || strchr(s, ':'))
		return parse_fatal(p, "'%.100s' is no name of a file descriptor", s);
	r = str_set(&e->stdio_fdname[fd], s);
	return r < 0 ? r : 1;
}

static int set_stdio_file(struct parse *p, struct exec_settings *e, unsigned fd, const char *path)
{
	auto_free char *s = NULL;
	int r = parse_expand(p, path, true, &s);

	if (r <= 0)
		return r;
	path_simplify(s);
	if (!path_is_normalized(s))
		return parse_fatal(p, "Path '%.100s' is not absolute and normalized", s);
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
		parse_warn(p, "'%s' is obsolete, the log is meant", value);
	if (r > 0)
		*(enum exec_output *) field = (enum exec_output) kind;
	return r < 0 ? r : 0;
}

static int add_stdin_data(struct parse *p, struct exec_settings *e, const char *data, size_t size, bool newline)
{
	size_t total = e->stdin_data_size + size + newline;
	char *grown;

	if (total > STDIN_DATA_MAX)
		return parse_warn(p, "Standard input data of more than %u bytes, ignored", STDIN_DATA_MAX);
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

static int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

VALUE_PARSER(input_data)
{
	struct exec_settings *e = EXEC_OF(field, stdin_data);
	auto_free char *data = malloc(strlen(value) + 1);
	uint32_t bits = 0;
	size_t n = 0, digits = 0, pads = 0;

	(void) arg;
	if (!data)
		return -ENOMEM;
	if (!*value)
		return drop_stdin_data(e);
	for (const char *c = value; *c; c++) {
		int d = base64_digit(*c);

		if (strchr(WHITESPACE, *c))
			continue;
		if (*c == '=') {
			pads++;
			continue;
		}
		if (d < 0 || pads)
			return -EINVAL;
		bits = bits << 6 | (uint32_t) d;
		if (++digits % 4 != 1)
			data[n++] = (char) (bits >> (6 - 2 * ((digits - 1) % 4)));
	}
	if ((digits + pads) % 4 || pads > 2)
		return -EINVAL;
	return add_stdin_data(p, e, data, n, false);
}

/* ---- log ---- */

static const char *const facilities[] = {
	"kern", "user", "mail",	   "daemon", "auth",   "syslog", "lpr",	   "news",   "uucp",   "cron",	 "authpriv", "ftp",
	NULL,	NULL,	NULL,	   NULL,     "local0", "local1", "local2", "local3", "local4", "local5", "local6",   "local7",
};
static const char *const levels[] = { "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug" };

VALUE_PARSER(syslog_facility)
{
	int i = -EINVAL;

	(void) p;
	(void) arg;
	for (size_t k = 0; k < ELEMENTSOF(facilities); k++)
		if (facilities[k] && streq(facilities[k], value))
			i = (int) k;
	if (i < 0)
		return i;
	*(int *) field = i << 3;
	return 0;
}

VALUE_PARSER(syslog_level)
{
	uint32_t n;
	int i = ENUM_FROM_STRING(levels, value);

	(void) p;
	(void) arg;
	if (i < 0 && str_to_u32(value, &n) >= 0 && n <= LOG_DEBUG)
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
			return parse_warn(p, "Unbalanced quotes in '%.100s', the rest is ignored", value);
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

/* ---- limits and scheduling ---- */

enum rlimit_unit { RLIMIT_IN_NUMBERS, RLIMIT_IN_BYTES, RLIMIT_IN_SECONDS, RLIMIT_IN_USEC, RLIMIT_IN_NICE };
static const enum rlimit_unit rlimit_units[EXEC_RLIMITS_MAX] = {
	[RLIMIT_AS] = RLIMIT_IN_BYTES,	    [RLIMIT_CORE] = RLIMIT_IN_BYTES,  [RLIMIT_CPU] = RLIMIT_IN_SECONDS,
	[RLIMIT_DATA] = RLIMIT_IN_BYTES,    [RLIMIT_FSIZE] = RLIMIT_IN_BYTES, [RLIMIT_MEMLOCK] = RLIMIT_IN_BYTES,
	[RLIMIT_MSGQUEUE] = RLIMIT_IN_BYTES, [RLIMIT_NICE] = RLIMIT_IN_NICE,  [RLIMIT_RSS] = RLIMIT_IN_BYTES,
	[RLIMIT_RTTIME] = RLIMIT_IN_USEC,   [RLIMIT_STACK] = RLIMIT_IN_BYTES,
};

/* "+N" and "-N" are nice levels, a bare number is the kernel's 40..1 for -20..19. */
static int parse_rlimit_nice(const char *s, rlim_t *ret)
{
	int32_t nice;
	uint32_t raw;
	int r;

	if (*s == '+' || *s == '-') {
		r = str_to_i32(*s == '+' ? s + 1 : s, &nice);
		if (r < 0 || nice < -20 || nice > 19)
			return r < 0 ? r : -ERANGE;
		*ret = (rlim_t) (20 - nice);
		return 0;
	}
	r = str_to_u32(s, &raw);
	if (r < 0 || raw > 40)
		return r < 0 ? r : -ERANGE;
	*ret = raw ? raw : 1;
	return 0;
}

static int parse_rlimit_part(enum rlimit_unit unit, const char *s, rlim_t *ret)
{
	uint64_t v = 0;
	usec_t u;
	int r;

	if (streq(s, "infinity")) {
		*ret = RLIM_INFINITY;
		return 0;
	}
	switch (unit) {
	case RLIMIT_IN_BYTES:
		r = parse_size(s, 1024, &v);
		break;
	case RLIMIT_IN_SECONDS:
	case RLIMIT_IN_USEC:
		r = span_parse(s, unit == RLIMIT_IN_USEC ? 1 : USEC_PER_SEC, &u);
		if (r < 0)
			return r;
		v = unit == RLIMIT_IN_USEC ? u : u / USEC_PER_SEC + (u % USEC_PER_SEC > 0);
		break;
	case RLIMIT_IN_NICE:
		return parse_rlimit_nice(s, ret);
	default:
		r = str_to_u64(s, 10, &v);
	}
	if (r < 0 || v >= RLIM_INFINITY)
		return r < 0 ? r : -ERANGE;
	*ret = v;
	return 0;
}

static int parse_rlimit(int resource, const char *s, struct rlimit *ret)
{
	const char *colon = strchr(s, ':');
	auto_free char *soft = colon ? strndup(s, (size_t) (colon - s)) : strdup(s);
	struct rlimit l;
	int r;

	if (!soft)
		return -ENOMEM;
	r = parse_rlimit_part(rlimit_units[resource], soft, &l.rlim_cur);
	l.rlim_max = l.rlim_cur;
	if (r >= 0 && colon)
		r = parse_rlimit_part(rlimit_units[resource], colon + 1, &l.rlim_max);
	if (r < 0)
		return r;
	if (l.rlim_cur > l.rlim_max)
		return -EILSEQ;
	*ret = l;
	return 0;
}

VALUE_PARSER(rlimit)
{
	auto_free char *s = NULL;
	struct rlimit limit, **slot = field;
	int r = parse_expand(p, value, false, &s);

	if (r <= 0)
		return r;
	r = parse_rlimit((int) arg, s, &limit);
	if (r == -EILSEQ)
		return parse_warn(p, "Soft limit '%.100s' is above the hard limit, ignored", s);
	if (r < 0)
		return r;
	if (!*slot)
		*slot = malloc(sizeof(**slot));
	if (!*slot)
		return -ENOMEM;
	**slot = limit;
	return 0;
}

static int bounded_int(struct parse *p, const char *value, int low, int high, int *ret)
{
	int v, r = value_int(p, value, &v, 0);

	if (r < 0 || v < low || v > high)
		return r < 0 ? r : -ERANGE;
	*ret = v;
	return 0;
}

VALUE_PARSER(nice)
{
	(void) arg;
	return bounded_int(p, value, -20, 19, field);
}

VALUE_PARSER(oom_score)
{
	(void) arg;
	if (!*value) {
		*(int *) field = INT_MIN;
		return 0;
	}
	return bounded_int(p, value, -1000, 1000, field);
}

VALUE_PARSER(cpu_priority)
{
	(void) arg;
	return bounded_int(p, value, 0, 99, field);
}

VALUE_PARSER(io_priority)
{
	(void) arg;
	return bounded_int(p, value, 0, 7, field);
}

static int add_cpus(cpu_set_t *set, const char *word)
{
	const char *dash = strchr(word, '-');
	auto_free char *first = dash ? strndup(word, (size_t) (dash - word)) : strdup(word);
	uint32_t from, to;
	int r;

	if (!first)
		return -ENOMEM;
	r = str_to_u32(first, &from);
	if (r >= 0)
		r = dash ? str_to_u32(dash + 1, &to) : (to = from, 0);
	if (r < 0 || to < from || to >= CPU_SETSIZE)
		return r < 0 ? r : -ERANGE;
	for (uint32_t i = from; i <= to; i++)
		CPU_SET(i, set);
	return 0;
}

VALUE_PARSER(cpu_affinity)
{
	auto_strv char **words = NULL;
	cpu_set_t set, **slot = field;
	int r;

	(void) arg;
	if (!*value) {
		free(*slot);
		*slot = NULL;
		return 0;
	}
	if (streq(value, "numa"))
		return parse_warn(p, "'numa' needs NUMAMask=, which has no effect; ignored");
	r = word_split(value, WHITESPACE ",", WORD_UNQUOTE, &words);
	if (r < 0)
		return r;
	CPU_ZERO(&set);
	STRV_FOREACH(w, words) {
		r = add_cpus(&set, *w);
		if (r < 0)
			return r;
	}
	if (!*slot) {
		*slot = malloc(sizeof(**slot));
		if (!*slot)
			return -ENOMEM;
		CPU_ZERO(*slot);
	}
	CPU_OR(*slot, *slot, &set);
	return 0;
}

VALUE_PARSER(nsec)
{
	uint64_t v;
	int r = parse_nsec(value, &v);

	(void) p;
	(void) arg;
	if (r < 0 || v > INT64_MAX)
		return r < 0 ? r : -ERANGE;
	*(int64_t *) field = (int64_t) v;
	return 0;
}

VALUE_PARSER(personality)
{
	/* Only what this architecture's kernel can be asked for. */
	static const struct {
		const char *name;
		uint64_t personality;
	} rows[] = {
#if defined(__x86_64__)
		{ "x86-64", PER_LINUX }, { "x86", PER_LINUX32 },
#elif defined(__aarch64__)
		{ "arm64", PER_LINUX }, { "arm", PER_LINUX32 },
#elif defined(__riscv)
		{ "riscv64", PER_LINUX },
#elif defined(__powerpc64__)
		{ "ppc64-le", PER_LINUX }, { "ppc64", PER_LINUX }, { "ppc-le", PER_LINUX32 }, { "ppc", PER_LINUX32 },
#elif defined(__s390x__)
		{ "s390x", PER_LINUX }, { "s390", PER_LINUX32 },
#else
		{ "native", PER_LINUX },
#endif
	};

	(void) p;
	(void) arg;
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		if (streq(rows[i].name, value)) {
			*(uint64_t *) field = rows[i].personality;
			return 0;
		}
	}
	return -EINVAL;
}
