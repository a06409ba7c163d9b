// SPDX-License-Identifier: Apache-2.0
/* value-exec.c - user, directories, limits and scheduling of a process: systemd.exec(5). */
#include "unitfile/value.h"

#include <limits.h>
#include <sys/personality.h>

#define EXEC_OF(field_, member)                                                                    \
	((struct exec_settings *) (void *) ((char *) (field_) -offsetof(struct exec_settings,      \
	                                                                member)))

static int reset_list(void *field)
{
	*(char ***) field = strv_free(*(char ***) field);
	return 0;
}

/* All that directories make of user names, but nothing that passwd(5) or paths give a meaning. Or a number. */
bool user_name_is_valid(const char *s)
{
	size_t n = strlen(s);
	uint32_t id;

	if (n == 0 || n > 255)
		return false;
	if (strspn(s, "0123456789") == n)
		return (*s != '0' || n == 1) && str_to_u32(s, &id) >= 0 && id != UINT32_MAX &&
		       id != UINT16_MAX;
	if (streq(s, ".") || streq(s, "..") || *s == ' ' || s[n - 1] == ' ')
		return false;
	/* "-5" and the like would be taken for numbers by some. */
	if (*s == '-' && strspn(s + 1, "0123456789") == n - 1)
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

/* "name" or "name:symlink", both below the kind's own directory. */
static int add_directory(struct parse *p, char **parts, void *field, int64_t arg)
{
	auto_free char *whole = NULL;
	size_t n = strv_length(parts);
	int r;

	if (n > 1 && arg)
		return parse_warn(p, "No symlink can be asked for here, '%.100s:%.100s' ignored",
		                  parts[0], parts[1]);
	if (n > 2)
		return parse_warn(p, "'%.100s:%.100s:%.100s' is no NAME[:SYMLINK], ignored",
		                  parts[0], parts[1], parts[2]);
	if (n == 2 && !*parts[1])
		parts[1] = (free(parts[1]), NULL);
	STRV_FOREACH (part, parts)
		if (!relative_path_is_valid(*part))
			return parse_warn(p, "'%.100s' is no relative, normalized path, ignored",
			                  *part);
	if (n == 0 || streq(parts[0], "private") || str_after(parts[0], "private/"))
		return parse_warn(
			p, "'%.100s' is the name of the directory for dynamic users, ignored",
			n ? parts[0] : "");
	r = colon_join(parts, &whole);
	return r < 0 ? r : strv_append_unique(field, whole);
}

VALUE_PARSER(directories)
{
	if (!*value)
		return reset_list(field);
	return parse_colon_words(p, value, WORD_CUNESCAPE | WORD_UNESCAPE_SEPARATORS, add_directory,
	                         field, arg);
}

VALUE_PARSER(preserve)
{
	int b = streq(value, "restart") ? EXEC_PRESERVE_RESTART : str_to_bool(value);

	(void) p;
	(void) arg;
	if (b < 0)
		return b;
	*(enum exec_preserve *) field = streq(value, "restart") ? EXEC_PRESERVE_RESTART
	                                : b                     ? EXEC_PRESERVE_YES
	                                                        : EXEC_PRESERVE_NO;
	return 0;
}

/* ---- limits and scheduling ---- */

enum rlimit_unit {
	RLIMIT_IN_NUMBERS,
	RLIMIT_IN_BYTES,
	RLIMIT_IN_SECONDS,
	RLIMIT_IN_USEC,
	RLIMIT_IN_NICE
};
static const enum rlimit_unit rlimit_units[EXEC_RLIMITS_MAX] = {
	[RLIMIT_AS] = RLIMIT_IN_BYTES,       [RLIMIT_CORE] = RLIMIT_IN_BYTES,
	[RLIMIT_CPU] = RLIMIT_IN_SECONDS,    [RLIMIT_DATA] = RLIMIT_IN_BYTES,
	[RLIMIT_FSIZE] = RLIMIT_IN_BYTES,    [RLIMIT_MEMLOCK] = RLIMIT_IN_BYTES,
	[RLIMIT_MSGQUEUE] = RLIMIT_IN_BYTES, [RLIMIT_NICE] = RLIMIT_IN_NICE,
	[RLIMIT_RSS] = RLIMIT_IN_BYTES,      [RLIMIT_RTTIME] = RLIMIT_IN_USEC,
	[RLIMIT_STACK] = RLIMIT_IN_BYTES,
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

	if (streq(s, "infinity") && unit != RLIMIT_IN_NICE) {
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
		if (r == -EINVAL)
			r = parse_number(s, false, (int64_t *) &v);
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
	if (!*value) {
		*(int *) field = INT_MIN;
		return 0;
	}
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
	auto_free char *s = NULL;
	int r;

	(void) arg;
	r = parse_expand(p, value, false, &s);
	if (r <= 0)
		return r;
	value = s;
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
	STRV_FOREACH (w, words) {
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
	if (r < 0)
		return r;
	*(int64_t *) field = (int64_t) MIN(v, (uint64_t) INT64_MAX);
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
		{"x86-64", PER_LINUX},
		{"x86", PER_LINUX32},
#elif defined(__aarch64__)
		{"arm64", PER_LINUX},
		{"arm", PER_LINUX32},
#elif defined(__riscv)
		{"riscv64", PER_LINUX},
#elif defined(__powerpc64__)
		{"ppc64-le", PER_LINUX},
		{"ppc64", PER_LINUX},
		{"ppc-le", PER_LINUX32},
		{"ppc", PER_LINUX32},
#elif defined(__s390x__)
		{"s390x", PER_LINUX},
		{"s390", PER_LINUX32},
#else
		{"native", PER_LINUX},
#endif
	};

	(void) p;
	(void) arg;
	if (!*value) {
		*(uint64_t *) field = ULONG_MAX;
		return 0;
	}
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		if (streq(rows[i].name, value)) {
			*(uint64_t *) field = rows[i].personality;
			return 0;
		}
	}
	return -EINVAL;
}
