// SPDX-License-Identifier: Apache-2.0
/* value-basic.c - booleans, numbers, strings, paths, times, and what other value parsers are made of. */
#include "unitfile/value.h"
#include "unitfile/name.h"

#include <ctype.h>
#include <limits.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>

_printf_(3, 0) static int parse_report(struct parse *p, enum diag_level level, const char *fmt,
                                       va_list ap)
{
	char text[DIAG_TEXT_MAX];

	vsnprintf(text, sizeof(text), fmt, ap);
	diag_add(p->d, -EINVAL, level, p->path, p->line, "%s=: %s", p->key, text);
	return 0;
}

int parse_warn(struct parse *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	parse_report(p, DIAG_WARNING, fmt, ap);
	va_end(ap);
	return 0;
}

int parse_fatal(struct parse *p, const char *fmt, ...)
{
	va_list ap;

	p->bad_setting = true;
	va_start(ap, fmt);
	parse_report(p, DIAG_ERROR, fmt, ap);
	va_end(ap);
	return 0;
}

int parse_expand(struct parse *p, const char *value, bool fatal, char **ret)
{
	int r = specifier_expand(p->c, p->f->id, p->f->fragment_path, value, ret);

	if (r >= 0)
		return 1;
	if (r == -ENOMEM)
		return r;
	return parse_refuse(p, fatal, "Cannot resolve the specifiers of '%.100s': %s", value,
	                    strerror(-r));
}

int parse_words(struct parse *p, const char *value, unsigned flags, word_fn fn, void *field,
                int64_t arg)
{
	auto_strv char **words = NULL;
	int r = word_split(value, NULL, flags, &words);

	if (r == -EINVAL)
		return parse_warn(p, "Cannot split '%.100s' into words, ignored", value);
	if (r < 0)
		return r;
	STRV_FOREACH (w, words) {
		auto_free char *expanded = NULL;

		r = parse_expand(p, *w, false, &expanded);
		if (r == 0)
			continue;
		if (r > 0)
			r = fn(p, expanded, field, arg);
		if (r == -EINVAL)
			r = parse_warn(p, "Invalid word '%.100s', ignored", expanded);
		if (r < 0)
			return r;
	}
	return 0;
}

/* What a specifier stands for may hold colons and backslashes of its own, so it comes last. 0: reported. */
static int split_colon_word(struct parse *p, const char *word, unsigned flags, char ***ret)
{
	auto_strv char **parts = NULL;
	int r = word_split(word, ":", WORD_KEEP_EMPTY | flags, &parts);

	if (r == -EINVAL)
		return parse_warn(p, "Invalid word '%.100s', ignored", word);
	if (r < 0)
		return r;
	for (char **part = parts; part && *part; part++) {
		char *expanded = NULL;

		r = parse_expand(p, *part, false, &expanded);
		if (r <= 0)
			return r;
		free(*part);
		*part = expanded;
	}
	*ret = TAKE_PTR(parts);
	return 1;
}

int parse_colon_words(struct parse *p, const char *value, unsigned flags, parts_fn fn, void *field,
                      int64_t arg)
{
	auto_strv char **words = NULL;
	int r = word_split(value, NULL, WORD_UNQUOTE | WORD_RETAIN_ESCAPE, &words);

	if (r == -EINVAL)
		return parse_warn(p, "Cannot split '%.100s' into words, ignored", value);
	if (r < 0)
		return r;
	STRV_FOREACH (w, words) {
		auto_strv char **parts = NULL;

		r = split_colon_word(p, *w, flags, &parts);
		if (r > 0)
			r = fn(p, parts, field, arg);
		if (r < 0)
			return r;
	}
	return 0;
}

bool text_is_safe(const char *s)
{
	for (; *s; s++)
		if ((unsigned char) *s < ' ' || *s == 0x7f)
			return false;
	return true;
}

VALUE_PARSER(boolean)
{
	int r = str_to_bool(value);

	(void) p;
	(void) arg;
	if (r < 0)
		return r;
	*(bool *) field = r;
	return 0;
}

VALUE_PARSER(string_plain)
{
	(void) p;
	(void) arg;
	return str_set(field, *value ? value : NULL);
}

VALUE_PARSER(string)
{
	auto_free char *s = NULL;
	int r = parse_expand(p, value, arg == 1, &s);

	return r <= 0 ? r : value_string_plain(p, s, field, 0);
}

/* A value a file gives twice is often the same: no memory moves then. */
VALUE_PARSER(path)
{
	auto_free char *s = NULL;
	int r;

	if (!*value)
		return str_set(field, NULL);
	r = parse_expand(p, value, arg == 1, &s);
	if (r <= 0)
		return r;
	if (!*s)
		return str_set(field, NULL);
	if (!path_is_absolute(s))
		return parse_refuse(p, arg == 1, "Path '%.100s' is not absolute, ignored", s);
	path_simplify(s);
	if (strlen(s) >= PATH_MAX || !text_is_safe(s) || !path_is_normalized(s))
		return parse_refuse(p, arg == 1, "Path '%.100s' is not normalized, ignored", s);
	free(*(char **) field);
	*(char **) field = TAKE_PTR(s);
	return 0;
}

static int add_word(struct parse *p, char *word, void *field, int64_t arg)
{
	(void) p;
	(void) arg;
	return strv_append(field, word);
}

VALUE_PARSER(words)
{
	if (!*value) {
		*(char ***) field = strv_free(*(char ***) field);
		return 0;
	}
	return parse_words(p, value, WORD_UNQUOTE, add_word, field, arg);
}

VALUE_PARSER(sec)
{
	usec_t u;
	int r = span_parse(value, USEC_PER_SEC, &u);

	(void) p;
	(void) arg;
	if (r < 0)
		return r;
	*(usec_t *) field = u;
	return 0;
}

VALUE_PARSER(sec_fix_0)
{
	int r = value_sec(p, value, field, arg);

	if (r >= 0 && *(usec_t *) field == 0)
		*(usec_t *) field = USEC_INFINITY;
	return r;
}

VALUE_PARSER(sec_default)
{
	if (*value)
		return value_sec(p, value, field, 0);
	*(usec_t *) field = (usec_t) arg;
	return 0;
}

int parse_number(const char *s, bool negative_ok, int64_t *ret)
{
	const char *digits = s + (*s == '-' || *s == '+');
	unsigned base = 10;
	uint64_t v;
	int r;

	if (*s == '-' && !negative_ok)
		return -ERANGE;
	if (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X'))
		base = 16;
	else if (digits[0] == '0' && (digits[1] == 'o' || digits[1] == 'b'))
		base = digits[1] == 'o' ? 8 : 2;
	if (base != 10)
		digits += 2;
	else if (digits[0] == '0' && digits[1])
		base = 8;
	r = str_to_u64(digits, base, &v);
	if (r < 0)
		return r;
	if (v > INT64_MAX)
		return -ERANGE;
	*ret = *s == '-' ? -(int64_t) v : (int64_t) v;
	return 0;
}

VALUE_PARSER(unsigned)
{
	int64_t v;
	int r = parse_number(value, false, &v);

	(void) p;
	(void) arg;
	if (r < 0 || v > UINT_MAX)
		return r < 0 ? r : -ERANGE;
	*(unsigned *) field = (unsigned) v;
	return 0;
}

VALUE_PARSER(int)
{
	int64_t v;
	int r = parse_number(value, true, &v);

	(void) p;
	(void) arg;
	if (r < 0 || v > INT_MAX || v < INT_MIN)
		return r < 0 ? r : -ERANGE;
	*(int *) field = (int) v;
	return 0;
}

VALUE_PARSER(int64)
{
	int64_t v;
	int r = parse_number(value, true, &v);

	(void) p;
	(void) arg;
	if (r >= 0)
		*(int64_t *) field = v;
	return r;
}

int parse_mode(const char *s, mode_t *ret)
{
	uint64_t v;
	int r = str_to_u64(s, 8, &v);

	if (r < 0 || v > 07777)
		return r < 0 ? r : -ERANGE;
	*ret = (mode_t) v;
	return 0;
}

VALUE_PARSER(mode)
{
	(void) p;
	(void) arg;
	return parse_mode(value, field);
}

/* Up to @max_digits of a decimal fraction, as a numerator over 10^max_digits; more digits are dropped. */
static uint64_t take_fraction(const char **s, unsigned max_digits)
{
	uint64_t v = 0;
	unsigned n = 0;

	for (; isdigit((unsigned char) **s); (*s)++, n++)
		if (n < max_digits)
			v = v * 10 + (uint64_t) (**s - '0');
	for (; n < max_digits; n++)
		v *= 10;
	return v;
}

int parse_permyriad(const char *s, uint64_t max, uint64_t *ret)
{
	static const struct {
		const char *sign;
		unsigned scale;
	} signs[] = {{"%", 100}, {"\xe2\x80\xb0", 10}, {"\xe2\x80\xb1", 1}};
	uint64_t v, scale = 0, fraction = 0;
	const char *at = s;
	char *end;

	if (!isdigit((unsigned char) *s))
		return -EINVAL;
	errno = 0;
	v = strtoull(s, &end, 10);
	if (errno)
		return -errno;
	at = end;
	if (*at == '.') {
		at++;
		if (!isdigit((unsigned char) *at))
			return -EINVAL;
		fraction = take_fraction(&at, 2);
	}
	for (size_t i = 0; i < ELEMENTSOF(signs); i++)
		if (streq(at, signs[i].sign))
			scale = signs[i].scale;
	if (!scale)
		return -EINVAL;
	if (v > UINT64_MAX / scale - 100 || v * scale + fraction * scale / 100 > max)
		return -ERANGE;
	*ret = v * scale + fraction * scale / 100;
	return 0;
}

int parse_size(const char *s, uint64_t base, uint64_t *ret)
{
	static const char suffixes[] = "BKMGTPE";
	uint64_t sum = 0;
	int last = sizeof(suffixes);

	do {
		uint64_t v, factor = 1, fraction = 0, add;
		const char *at, *suffix = NULL;
		char *end;

		s += strspn(s, WHITESPACE);
		s += *s == '+';
		if (!isdigit((unsigned char) *s) && *s != '.')
			return *s == '-' ? -ERANGE : -EINVAL;
		errno = 0;
		v = *s == '.' ? (end = (char *) s, 0) : strtoull(s, &end, 10);
		if (errno)
			return -errno;
		at = end;
		if (*at == '.') {
			at++;
			if (!isdigit((unsigned char) *at))
				return -EINVAL;
			fraction = take_fraction(&at, 9);
		}
		at += strspn(at, WHITESPACE);
		if (*at)
			suffix = strchr(suffixes, *at);
		if (*at && !suffix)
			return -EINVAL;
		/* Parts go from large to small, a bare number is bytes. */
		if ((suffix ? suffix - suffixes : 0) >= last)
			return -EINVAL;
		last = suffix ? (int) (suffix - suffixes) : 0;
		for (int i = 0; i < last; i++)
			factor *= base;
		if (v > UINT64_MAX / factor)
			return -ERANGE;
		add = v * factor + (uint64_t) ((long double) fraction * factor / 1e9L);
		if (add < v * factor || sum + add < sum)
			return -ERANGE;
		sum += add;
		s = at + (suffix ? 1 : 0);
		s += strspn(s, WHITESPACE);
	} while (*s);
	*ret = sum;
	return 0;
}

VALUE_PARSER(bytes)
{
	uint64_t v;
	int r = parse_size(value, 1024, &v);

	(void) p;
	(void) arg;
	if (r < 0 || v > SIZE_MAX / 2)
		return r < 0 ? r : -ERANGE;
	*(uint64_t *) field = v;
	return 0;
}

VALUE_PARSER(bytes_signed)
{
	uint64_t v;
	int r = value_bytes(p, value, &v, arg);

	if (r >= 0)
		*(int64_t *) field = (int64_t) v;
	return r;
}

VALUE_PARSER(signal)
{
	int signo = signal_from_string(value);

	(void) p;
	(void) arg;
	if (signo <= 0)
		return -EINVAL;
	*(int *) field = signo;
	return 0;
}

VALUE_PARSER(unit_name)
{
	auto_free char *s = NULL;
	int r = parse_expand(p, value, false, &s);

	if (r <= 0)
		return r;
	if (!unit_name_is_valid(s, UNIT_NAME_PLAIN | UNIT_NAME_INSTANCE) ||
	    (arg >= 0 && unit_name_type(s) != arg))
		return -EINVAL;
	free(*(char **) field);
	*(char **) field = TAKE_PTR(s);
	return 0;
}

/* Words of settings that are one of a few. Where a boolean is allowed, too, it stands for yes_value or no_value. */
struct enum_word {
	const char *word;
	int value;
};
struct enum_row {
	struct enum_word words[12];
	bool boolean;
	int no_value, yes_value;
};
/* clang-format off */
static const struct enum_row value_enums[ENUM_MAX] = {
	[ENUM_KILL_MODE] = { { { "control-group", KILL_CONTROL_GROUP }, { "process", KILL_PROCESS }, { "mixed", KILL_MIXED },
		{ "none", KILL_NONE } } },
	[ENUM_RESTART] = { { { "no", RESTART_NO }, { "on-success", RESTART_ON_SUCCESS }, { "on-failure", RESTART_ON_FAILURE },
		{ "on-abnormal", RESTART_ON_ABNORMAL }, { "on-watchdog", RESTART_ON_WATCHDOG }, { "on-abort", RESTART_ON_ABORT },
		{ "always", RESTART_ALWAYS } } },
	[ENUM_NOTIFY_ACCESS] = { { { "none", NOTIFY_NONE }, { "all", NOTIFY_ALL }, { "exec", NOTIFY_EXEC }, { "main", NOTIFY_MAIN } } },
	[ENUM_TIMEOUT_MODE] = { { { "terminate", TIMEOUT_TERMINATE }, { "abort", TIMEOUT_ABORT }, { "kill", TIMEOUT_KILL } } },
	[ENUM_IO_CLASS] = { { { "none", IOPRIO_CLASS_NONE }, { "realtime", IOPRIO_CLASS_RT }, { "best-effort", IOPRIO_CLASS_BE },
		{ "idle", IOPRIO_CLASS_IDLE }, { "0", 0 }, { "1", 1 }, { "2", 2 }, { "3", 3 } } },
	[ENUM_CPU_POLICY] = { { { "other", SCHED_OTHER }, { "batch", SCHED_BATCH }, { "idle", SCHED_IDLE }, { "fifo", SCHED_FIFO },
		{ "rr", SCHED_RR }, { "0", SCHED_OTHER }, { "1", SCHED_FIFO }, { "2", SCHED_RR }, { "3", SCHED_BATCH }, { "5", SCHED_IDLE } } },
	[ENUM_PROTECT_HOME] = { { { "read-only", PROTECT_HOME_READ_ONLY }, { "tmpfs", PROTECT_HOME_TMPFS },
		{ "yes", PROTECT_HOME_YES }, { "no", PROTECT_HOME_NO } }, true, PROTECT_HOME_NO, PROTECT_HOME_YES },
	[ENUM_PROTECT_SYSTEM] = { { { "full", PROTECT_SYSTEM_FULL }, { "strict", PROTECT_SYSTEM_STRICT },
		{ "yes", PROTECT_SYSTEM_YES }, { "no", PROTECT_SYSTEM_NO } }, true, PROTECT_SYSTEM_NO, PROTECT_SYSTEM_YES },
	[ENUM_PROTECT_PROC] = { { { "default", PROTECT_PROC_DEFAULT }, { "noaccess", PROTECT_PROC_NOACCESS },
		{ "invisible", PROTECT_PROC_INVISIBLE }, { "ptraceable", PROTECT_PROC_PTRACEABLE } } },
	[ENUM_DEVICE_POLICY] = { { { "auto", DEVICE_POLICY_AUTO }, { "closed", DEVICE_POLICY_CLOSED }, { "strict", DEVICE_POLICY_STRICT } } },
};
/* clang-format on */

const char *value_enum_name(enum value_enum e, int value)
{
	for (size_t i = 0; i < ELEMENTSOF(value_enums[e].words) && value_enums[e].words[i].word;
	     i++)
		if (value_enums[e].words[i].value == value)
			return value_enums[e].words[i].word;
	return NULL;
}

VALUE_PARSER(enum)
{
	const struct enum_row *row = &value_enums[arg];
	int b;

	(void) p;
	_Static_assert(sizeof(enum kill_mode) == sizeof(int), "enums are read and written as int");
	for (size_t i = 0; i < ELEMENTSOF(row->words) && row->words[i].word; i++) {
		if (streq(row->words[i].word, value)) {
			*(int *) field = row->words[i].value;
			return 0;
		}
	}
	b = row->boolean ? str_to_bool(value) : -EINVAL;
	if (b < 0)
		return b;
	*(int *) field = b ? row->yes_value : row->no_value;
	return 0;
}
