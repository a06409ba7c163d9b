// SPDX-License-Identifier: Apache-2.0
/*
 * Typed properties as lines of a unit file: core has one reader of settings, the unit file's, and checks what it reads. Most need
 * no more than their type; the table has those with another name or form there. Text is quoted, so that it reads back as it was.
 */
#include "dbus/dbus.h"

#include <netinet/in.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINES_MAX 4096

static int add_line(struct assignments *a, const char *key, const char *value)
{
	if (strv_length(a->lines) >= LINES_MAX)
		return -E2BIG;
	/* A line that goes on would be another setting. */
	if (strchr(value, '\n') || strchr(key, '\n') || strchr(key, '='))
		return -EINVAL;
	return strv_append_consume(&a->lines, str_printf("%s=%s", key, value));
}

/* "%" has no meaning in what a caller says. */
static void put_literal(struct strbuf *b, const char *s)
{
	for (; *s; s++) {
		if (*s == '%')
			strbuf_puts(b, "%%");
		else
			strbuf_add(b, s, 1);
	}
}

static void put_word(struct strbuf *b, const char *s)
{
	strbuf_puts(b, "\"");
	for (; *s; s++) {
		unsigned char c = (unsigned char) *s;

		if (c == '"' || c == '\\')
			strbuf_printf(b, "\\%c", c);
		else if (c == '%')
			strbuf_puts(b, "%%");
		else if (c == '\n')
			strbuf_puts(b, "\\n");
		else if (c < 0x20 || c == 0x7f)
			strbuf_printf(b, "\\x%02x", c);
		else
			strbuf_add(b, s, 1);
	}
	strbuf_puts(b, "\"");
}

static int take_line(struct assignments *a, const char *key, struct strbuf *b)
{
	auto_free char *text = NULL;
	int r = strbuf_take(b, &text);

	return r < 0 ? r : add_line(a, key, text);
}

/* ---- by type ---- */

static int read_string(sd_bus_message *m, const char *key, struct assignments *a)
{
	auto_strbuf struct strbuf b = {0};
	const char *s;
	int r = sd_bus_message_read(m, "s", &s);

	if (r < 0)
		return r;
	put_literal(&b, s);
	return take_line(a, key, &b);
}

static int read_bool(sd_bus_message *m, const char *key, struct assignments *a)
{
	int on, r = sd_bus_message_read(m, "b", &on);

	return r < 0 ? r : add_line(a, key, on ? "yes" : "no");
}

static int read_unsigned(sd_bus_message *m, char type, uint64_t *ret)
{
	uint64_t n = 0;
	uint32_t n32 = 0;
	uint16_t n16 = 0;
	uint8_t n8 = 0;
	int r;

	switch (type) {
	case 't':
		r = sd_bus_message_read(m, "t", &n);
		break;
	case 'u':
		r = sd_bus_message_read(m, "u", &n32);
		n = n32;
		break;
	case 'q':
		r = sd_bus_message_read(m, "q", &n16);
		n = n16;
		break;
	default:
		r = sd_bus_message_read(m, "y", &n8);
		n = n8;
		break;
	}
	if (r >= 0)
		*ret = n;
	return r;
}

static int add_number(struct assignments *a, const char *key, uint64_t n, const char *unit)
{
	char text[64];

	if (n == UINT64_MAX)
		return add_line(a, key, "infinity");
	(void) snprintf(text, sizeof(text), "%llu%s", (unsigned long long) n, unit);
	return add_line(a, key, text);
}

/* "RuntimeMaxUSec" is RuntimeMaxSec= in microseconds. */
static int add_span(struct assignments *a, const char *name, uint64_t usec)
{
	auto_free char *key = str_printf("%.*sSec", (int) (strlen(name) - 4), name);

	return key ? add_number(a, key, usec, "us") : -ENOMEM;
}

static int read_number(sd_bus_message *m, const char *name, char type, struct assignments *a)
{
	uint64_t n;
	int r = read_unsigned(m, type, &n);

	if (r < 0)
		return r;
	return str_ends_with(name, "USec") ? add_span(a, name, n) : add_number(a, name, n, "");
}

static int read_signed(sd_bus_message *m, const char *key, char type, struct assignments *a)
{
	char text[32];
	int32_t n32 = 0;
	int64_t n = 0;
	int r;

	r = type == 'i' ? sd_bus_message_read(m, "i", &n32) : sd_bus_message_read(m, "x", &n);
	if (r < 0)
		return r;
	(void) snprintf(text, sizeof(text), "%lld", (long long) (type == 'i' ? n32 : n));
	return add_line(a, key, text);
}

/* An empty list resets, as an empty line does. */
static int read_words(sd_bus_message *m, const char *key, struct assignments *a)
{
	auto_strbuf struct strbuf b = {0};
	auto_strv char **words = NULL;
	int r = sd_bus_message_read_strv(m, &words);

	if (r < 0)
		return r;
	STRV_FOREACH (w, words) {
		if (w != words)
			strbuf_puts(&b, " ");
		put_word(&b, *w);
	}
	return take_line(a, key, &b);
}

/* ---- commands ---- */

static char flag_prefix(const char *flag)
{
	/* clang-format off */
	static const struct { const char *flag; char prefix; } flags[] = {
		{ "ignore-failure", '-' }, { "privileged", '+' }, { "no-setuid", '!' }, { "no-env-expand", ':' },
	};
	/* clang-format on */

	for (size_t i = 0; i < ELEMENTSOF(flags); i++)
		if (streq(flags[i].flag, flag))
			return flags[i].prefix;
	return 0;
}

static int read_command_prefix(sd_bus_message *m, bool ex, struct strbuf *b)
{
	auto_strv char **flags = NULL;
	int ignore, r;

	if (!ex) {
		r = sd_bus_message_read(m, "b", &ignore);
		if (r >= 0 && ignore)
			strbuf_puts(b, "-");
		return r;
	}
	r = sd_bus_message_read_strv(m, &flags);
	STRV_FOREACH (f, flags) {
		char prefix = flag_prefix(*f);

		if (streq(*f, "ambient"))
			strbuf_puts(b, "!!");
		else if (!prefix)
			return -EINVAL;
		else
			strbuf_add(b, &prefix, 1);
	}
	return r;
}

/* "@" since the first argument is given apart from the program. */
static int read_command(sd_bus_message *m, bool ex, const char *key, struct assignments *a)
{
	auto_strbuf struct strbuf b = {0}, prefix = {0};
	auto_strv char **argv = NULL;
	const char *path;
	int r;

	r = sd_bus_message_read(m, "s", &path);
	if (r >= 0)
		r = sd_bus_message_read_strv(m, &argv);
	if (r >= 0)
		r = read_command_prefix(m, ex, &prefix);
	if (r < 0)
		return r;
	if (!argv || !*argv)
		return -EINVAL;
	strbuf_printf(&b, "@%s", prefix.data ? prefix.data : "");
	put_literal(&b, path);
	STRV_FOREACH (w, argv) {
		strbuf_puts(&b, " ");
		put_word(&b, *w);
	}
	return take_line(a, key, &b);
}

static int read_commands(sd_bus_message *m, const char *name, struct assignments *a)
{
	bool ex = str_ends_with(name, "Ex");
	const char *item = ex ? "sasas" : "sasb";
	auto_free char *key = strndup(name, strlen(name) - (ex ? 2 : 0));
	size_t n = 0;
	int r;

	if (!key)
		return -ENOMEM;
	r = sd_bus_message_enter_container(m, 'a', ex ? "(sasas)" : "(sasb)");
	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'r', item)) > 0) {
		r = read_command(m, ex, key, a);
		n++;
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	if (r >= 0)
		r = sd_bus_message_exit_container(m);
	return r >= 0 && n == 0 ? add_line(a, key, "") : r;
}

/* ---- forms of their own ---- */

static int read_octal(sd_bus_message *m, const char *key, struct assignments *a)
{
	char text[32];
	uint64_t n;
	int r = read_unsigned(m, 'u', &n);

	if (r < 0)
		return r;
	(void) snprintf(text, sizeof(text), "0%llo", (unsigned long long) n);
	return add_line(a, key, text);
}

/* Microseconds a second are per cent of a CPU; 10000 of them are one. */
static int read_quota(sd_bus_message *m, const char *key, struct assignments *a)
{
	char text[64];
	uint64_t n;
	int r = read_unsigned(m, 't', &n);

	(void) key;
	if (r < 0)
		return r;
	if (n == UINT64_MAX)
		return add_line(a, "CPUQuota", "");
	(void) snprintf(text, sizeof(text), "%llu.%02llu%%", (unsigned long long) n / 10000,
	                (unsigned long long) n % 10000 / 100);
	return add_line(a, "CPUQuota", text);
}

/* "MemoryMaxScale": parts of all there is, 2^32-1 being the whole. */
static int read_scale(sd_bus_message *m, const char *name, struct assignments *a)
{
	auto_free char *key = strndup(name, strlen(name) - strlen("Scale"));
	uint64_t n, parts;
	char text[32];
	int r = read_unsigned(m, 'u', &n);

	if (r < 0)
		return r;
	if (!key)
		return -ENOMEM;
	parts = (n * 10000 + UINT32_MAX / 2) / UINT32_MAX;
	(void) snprintf(text, sizeof(text), "%llu.%02llu%%", (unsigned long long) parts / 100,
	                (unsigned long long) parts % 100);
	return add_line(a, key, text);
}

/* A bit a CPU. */
static int read_mask(sd_bus_message *m, const char *key, struct assignments *a)
{
	auto_strbuf struct strbuf b = {0};
	const uint8_t *mask;
	size_t size;
	int r = sd_bus_message_read_array(m, 'y', (const void **) &mask, &size);

	if (r < 0)
		return r;
	for (size_t i = 0; i < size * 8; i++)
		if (mask[i / 8] & (1U << (i % 8)))
			strbuf_printf(&b, "%s%zu", b.size ? " " : "", i);
	return take_line(a, key, &b);
}

/* "a(ss)", "a(st)": a line each, both words behind each other. */
static int read_pairs(sd_bus_message *m, const char *key, struct assignments *a, bool number,
                      const char *between)
{
	size_t n = 0;
	int r;

	r = sd_bus_message_enter_container(m, 'a', number ? "(st)" : "(ss)");
	while (r >= 0) {
		auto_strbuf struct strbuf b = {0};
		const char *first, *second = "";
		uint64_t value = 0;

		r = number ? sd_bus_message_read(m, "(st)", &first, &value)
		           : sd_bus_message_read(m, "(ss)", &first, &second);
		if (r <= 0)
			break;
		n++;
		put_literal(&b, first);
		strbuf_puts(&b, between);
		if (number)
			strbuf_printf(&b, "%llu", (unsigned long long) value);
		else
			put_literal(&b, second);
		r = take_line(a, key, &b);
	}
	if (r >= 0)
		r = sd_bus_message_exit_container(m);
	return r >= 0 && n == 0 ? add_line(a, key, "") : r;
}

static int read_words_apart(sd_bus_message *m, const char *key, struct assignments *a)
{
	return read_pairs(m, key, a, false, " ");
}

static int read_words_colon(sd_bus_message *m, const char *key, struct assignments *a)
{
	return read_pairs(m, key, a, false, ":");
}

static int read_device_number(sd_bus_message *m, const char *key, struct assignments *a)
{
	return read_pairs(m, key, a, true, " ");
}

static int read_binds(sd_bus_message *m, const char *key, struct assignments *a)
{
	const char *source, *destination;
	int r, optional;
	uint64_t flags;

	r = sd_bus_message_enter_container(m, 'a', "(ssbt)");
	while (r >= 0 && (r = sd_bus_message_read(m, "(ssbt)", &source, &destination, &optional,
	                                          &flags)) > 0) {
		auto_strbuf struct strbuf b = {0};

		strbuf_puts(&b, optional ? "-" : "");
		put_literal(&b, source);
		strbuf_puts(&b, ":");
		put_literal(&b, destination);
		strbuf_puts(&b, flags ? ":rbind" : ":norbind");
		r = take_line(a, key, &b);
	}
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_environment_files(sd_bus_message *m, const char *key, struct assignments *a)
{
	const char *path;
	int r, optional;

	(void) key;
	r = sd_bus_message_enter_container(m, 'a', "(sb)");
	while (r >= 0 && (r = sd_bus_message_read(m, "(sb)", &path, &optional)) > 0) {
		auto_strbuf struct strbuf b = {0};

		strbuf_puts(&b, optional ? "-" : "");
		put_literal(&b, path);
		r = take_line(a, "EnvironmentFile", &b);
	}
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* "(bas)": these alone, or all but these. */
static int read_allow_list(sd_bus_message *m, const char *key, struct assignments *a)
{
	auto_strbuf struct strbuf b = {0};
	auto_strv char **words = NULL;
	int allow, r;

	r = sd_bus_message_enter_container(m, 'r', "bas");
	if (r >= 0)
		r = sd_bus_message_read(m, "b", &allow);
	if (r >= 0)
		r = sd_bus_message_read_strv(m, &words);
	if (r >= 0)
		r = sd_bus_message_exit_container(m);
	if (r < 0)
		return r;
	if (!allow)
		strbuf_puts(&b, "~");
	STRV_FOREACH (w, words) {
		if (w != words)
			strbuf_puts(&b, " ");
		put_literal(&b, *w);
	}
	return take_line(a, key, &b);
}

/* "a(iayu)": family, address, length of its prefix. */
static int read_addresses(sd_bus_message *m, const char *key, struct assignments *a)
{
	int r = sd_bus_message_enter_container(m, 'a', "(iayu)");

	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'r', "iayu")) > 0) {
		char address[INET6_ADDRSTRLEN], text[INET6_ADDRSTRLEN + 16];
		const void *bytes;
		uint32_t prefix;
		size_t size;
		int family;

		r = sd_bus_message_read(m, "i", &family);
		if (r >= 0)
			r = sd_bus_message_read_array(m, 'y', &bytes, &size);
		if (r >= 0)
			r = sd_bus_message_read(m, "u", &prefix);
		if (r >= 0 &&
		    !((family == AF_INET && size == 4) || (family == AF_INET6 && size == 16)))
			r = -EINVAL;
		if (r >= 0 && !inet_ntop(family, bytes, address, sizeof(address)))
			r = -errno;
		if (r < 0)
			return r;
		(void) snprintf(text, sizeof(text), "%s/%u", address, prefix);
		r = add_line(a, key, text);
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* "a(stt)" is by base and span, "a(ss)" by base and expression: one line each, named by the base. */
static int read_timers(sd_bus_message *m, const char *name, struct assignments *a)
{
	bool calendar = streq(name, "TimersCalendar");
	int r = sd_bus_message_enter_container(m, 'a', calendar ? "(ss)" : "(st)");

	while (r >= 0) {
		const char *base, *text;
		uint64_t span;

		r = calendar ? sd_bus_message_read(m, "(ss)", &base, &text)
		             : sd_bus_message_read(m, "(st)", &base, &span);
		if (r <= 0)
			break;
		if (calendar)
			r = add_line(a, base, text);
		else
			r = str_ends_with(base, "USec") ? add_span(a, base, span)
			                                : add_number(a, base, span, "us");
	}
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* Paths and Listen: the first word is the key. */
static int read_keyed(sd_bus_message *m, const char *name, struct assignments *a)
{
	const char *key, *value;
	int r = sd_bus_message_enter_container(m, 'a', "(ss)");

	while (r >= 0 && (r = sd_bus_message_read(m, "(ss)", &key, &value)) > 0) {
		auto_free char *full =
			str_printf("%s%s", streq(name, "Listen") ? "Listen" : "", key);

		r = full ? add_line(a, full, value) : -ENOMEM;
	}
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

/*
 * A descriptor for standard input or output. Core opens it by our name for it; the process gets the same pipe, terminal or file. It
 * stays open here until the unit is down.
 */
static int read_fd(sd_bus_message *m, const char *name, struct assignments *a)
{
	auto_free char *key = strndup(name, strlen(name) - strlen("FileDescriptor")), *value = NULL;
	struct stat st;
	int fd, r = sd_bus_message_read(m, "h", &fd);

	if (r < 0)
		return r;
	if (!key)
		return -ENOMEM;
	if (fstat(fd, &st) < 0)
		return -errno;
	/* A socket has no name that could be opened. */
	if (S_ISSOCK(st.st_mode))
		return -EOPNOTSUPP;
	r = assignments_keep_fd(a, fd);
	if (r < 0)
		return r;
	value = str_printf("%s:/proc/%d/fd/%d",
	                   S_ISREG(st.st_mode) && !streq(key, "StandardInput") ? "append" : "file",
	                   (int) getpid(), r);
	return value ? add_line(a, key, value) : -ENOMEM;
}

static int read_pids(sd_bus_message *m, const char *name, struct assignments *a)
{
	const uint32_t *pids;
	size_t size;
	int r = sd_bus_message_read_array(m, 'u', (const void **) &pids, &size);

	(void) name;
	if (r < 0)
		return r;
	free(a->pids);
	a->n_pids = size / sizeof(*pids);
	a->pids = calloc(a->n_pids + 1, sizeof(*a->pids));
	if (!a->pids)
		return -ENOMEM;
	for (size_t i = 0; i < a->n_pids; i++)
		a->pids[i] = (pid_t) pids[i];
	return 0;
}

static int read_add_ref(sd_bus_message *m, const char *name, struct assignments *a)
{
	int on, r = sd_bus_message_read(m, "b", &on);

	(void) name;
	if (r >= 0)
		a->hold = on;
	return r;
}

/* DelegateControllers= is Delegate= with their names. */
static int read_controllers(sd_bus_message *m, const char *name, struct assignments *a)
{
	(void) name;
	return read_words(m, "Delegate", a);
}

/* Says who is to be told that the scope shall end; nobody is, it just gets its signals. */
static int skip_string(sd_bus_message *m, const char *name, struct assignments *a)
{
	const char *s;

	(void) name, (void) a;
	return sd_bus_message_read(m, "s", &s);
}

/* clang-format off */
static const struct {
	const char *name, *signature;
	int (*read)(sd_bus_message *m, const char *name, struct assignments *a);
} forms[] = {
	{ "PIDs",		   "au",       read_pids },
	{ "AddRef",		   "b",	       read_add_ref },
	{ "Controller",		   "s",	       skip_string },
	{ "DelegateControllers",   "as",       read_controllers },
	{ "CPUQuotaPerSecUSec",	   "t",	       read_quota },
	{ "UMask",		   "u",	       read_octal },
	{ "DirectoryMode",	   "u",	       read_octal },
	{ "SocketMode",		   "u",	       read_octal },
	{ "RuntimeDirectoryMode",  "u",	       read_octal },
	{ "StateDirectoryMode",	   "u",	       read_octal },
	{ "CacheDirectoryMode",	   "u",	       read_octal },
	{ "LogsDirectoryMode",	   "u",	       read_octal },
	{ "ConfigurationDirectoryMode", "u",   read_octal },
	{ "AllowedCPUs",	   "ay",       read_mask },
	{ "AllowedMemoryNodes",	   "ay",       read_mask },
	{ "StartupAllowedCPUs",	   "ay",       read_mask },
	{ "StartupAllowedMemoryNodes", "ay",   read_mask },
	{ "CPUAffinity",	   "ay",       read_mask },
	{ "NUMAMask",		   "ay",       read_mask },
	{ "DeviceAllow",	   "a(ss)",    read_words_apart },
	{ "LoadCredential",	   "a(ss)",    read_words_colon },
	{ "LoadCredentialEncrypted", "a(ss)",  read_words_colon },
	{ "BPFProgram",		   "a(ss)",    read_words_colon },
	{ "TemporaryFileSystem",   "a(ss)",    read_words_colon },
	{ "BindPaths",		   "a(ssbt)",  read_binds },
	{ "BindReadOnlyPaths",	   "a(ssbt)",  read_binds },
	{ "EnvironmentFiles",	   "a(sb)",    read_environment_files },
	{ "SystemCallFilter",	   "(bas)",    read_allow_list },
	{ "SystemCallLog",	   "(bas)",    read_allow_list },
	{ "RestrictAddressFamilies", "(bas)",  read_allow_list },
	{ "RestrictNetworkInterfaces", "(bas)", read_allow_list },
	{ "RestrictFileSystems",   "(bas)",    read_allow_list },
	{ "IPAddressAllow",	   "a(iayu)",  read_addresses },
	{ "IPAddressDeny",	   "a(iayu)",  read_addresses },
	{ "TimersMonotonic",	   "a(st)",    read_timers },
	{ "TimersCalendar",	   "a(ss)",    read_timers },
	{ "Paths",		   "a(ss)",    read_keyed },
	{ "Listen",		   "a(ss)",    read_keyed },
	{ "StandardInputFileDescriptor",  "h", read_fd },
	{ "StandardOutputFileDescriptor", "h", read_fd },
	{ "StandardErrorFileDescriptor",  "h", read_fd },
};
/* clang-format on */

static int read_by_type(sd_bus_message *m, const char *name, const char *signature,
                        struct assignments *a)
{
	if (streq(signature, "as"))
		return read_words(m, name, a);
	if (streq(signature, "a(sasb)") || streq(signature, "a(sasas)"))
		return read_commands(m, name, a);
	if (streq(signature, "a(st)"))
		return read_device_number(m, name, a);
	if (strlen(signature) != 1)
		return -EINVAL;
	switch (*signature) {
	case 's':
		return read_string(m, name, a);
	case 'b':
		return read_bool(m, name, a);
	case 'i':
	case 'x':
		return read_signed(m, name, *signature, a);
	case 'y':
	case 'q':
	case 'u':
	case 't':
		return read_number(m, name, *signature, a);
	default:
		return -EINVAL;
	}
}

int assignment_read(sd_bus_message *m, const char *name, const char *signature,
                    struct assignments *a)
{
	for (size_t i = 0; i < ELEMENTSOF(forms); i++)
		if (streq(forms[i].name, name) && streq(forms[i].signature, signature))
			return forms[i].read(m, name, a);
	if (str_ends_with(name, "Scale") && streq(signature, "u"))
		return read_scale(m, name, a);
	return read_by_type(m, name, signature, a);
}
