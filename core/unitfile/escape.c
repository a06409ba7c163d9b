// SPDX-License-Identifier: Apache-2.0
/* escape.c - strings and paths in unit names (systemd-escape(1)), and what a person may type for a unit. */
#include "unitfile/unitfile.h"
#include "unitfile/name.h"

#include <endian.h>
#include <limits.h>
#include <stdio.h>

#define GLOB_CHARS       "*?["
#define MANGLE_GLOB_ALSO "[]!-*?"
#define HASH_TEXT_SIZE   16

static bool char_is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char *put_hex(char *t, char c)
{
	static const char digits[] = "0123456789abcdef";

	*t++ = '\\';
	*t++ = 'x';
	*t++ = digits[(unsigned char) c >> 4];
	*t++ = digits[(unsigned char) c & 15];
	return t;
}

static char *escape_into(char *t, const char *s)
{
	/* A leading dot would make a hidden file. */
	if (*s == '.')
		t = put_hex(t, *s++);
	for (; *s; s++) {
		if (*s == '/')
			*t++ = '-';
		else if (char_is_alnum(*s) || *s == ':' || *s == '_' || *s == '.')
			*t++ = *s;
		else
			t = put_hex(t, *s);
	}
	*t = 0;
	return t;
}

int unit_name_escape(const char *s, char **ret)
{
	char *r = malloc(strlen(s) * 4 + 1);

	if (!r)
		return -ENOMEM;
	escape_into(r, s);
	*ret = r;
	return 0;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	                              : -1;
}

int unit_name_unescape(const char *s, char **ret)
{
	auto_free char *r = malloc(strlen(s) + 1);
	char *t = r;

	if (!r)
		return -ENOMEM;
	for (; *s; s++) {
		if (*s == '-') {
			*t++ = '/';
		} else if (*s == '\\') {
			int high, low;

			if (s[1] != 'x' || (high = hex_digit(s[2])) < 0 ||
			    (low = hex_digit(s[3])) < 0)
				return -EINVAL;
			*t++ = (char) (high << 4 | low);
			s += 3;
		} else {
			*t++ = *s;
		}
	}
	*t = 0;
	*ret = TAKE_PTR(r);
	return 0;
}

int unit_name_path_escape(const char *path, char **ret)
{
	auto_free char *p = strdup(path);
	const char *begin;

	if (!p)
		return -ENOMEM;
	path_simplify(p);
	begin = p;
	while (*begin == '/')
		begin++;
	/* Longer than that there is no file, nor a name in a path. */
	if (strlen(p) >= PATH_MAX)
		return -EINVAL;
	for (const char *c = begin; *c;) {
		size_t n = strcspn(c, "/");

		if (n > NAME_MAX || (n == 1 && *c == '.') || (n == 2 && !strncmp(c, "..", 2)))
			return -EINVAL;
		c += n + (c[n] == '/');
	}
	if (!*begin) {
		*ret = strdup("-");
		return *ret ? 0 : -ENOMEM;
	}
	return unit_name_escape(begin, ret);
}

int unit_name_path_unescape(const char *escaped, char **ret)
{
	auto_free char *s = NULL;
	char *path;
	int r;

	if (!*escaped)
		return -EINVAL;
	if (streq(escaped, "-")) {
		*ret = strdup("/");
		return *ret ? 0 : -ENOMEM;
	}
	r = unit_name_unescape(escaped, &s);
	if (r < 0)
		return r;
	/* Slashes are added in front only; what does not round-trip is no escaped path. */
	path = str_printf("/%s", s);
	if (!path)
		return -ENOMEM;
	if (!path_is_normalized(path)) {
		free(path);
		return -EINVAL;
	}
	*ret = path;
	return 0;
}

static uint64_t rotl(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static void sip_rounds(uint64_t v[4], int n)
{
	while (n-- > 0) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotl(v[1], 13) ^ v[0];
		v[3] = rotl(v[3], 16) ^ v[2];
		v[0] = rotl(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotl(v[1], 17) ^ v[2];
		v[3] = rotl(v[3], 21) ^ v[0];
		v[2] = rotl(v[2], 32);
	}
}

/* SipHash-2-4 (Aumasson, Bernstein 2012) with a fixed key: the name must come out the same on every machine. */
static uint64_t name_hash(const char *s)
{
	static const uint8_t key[16] = {0xec, 0xf2, 0x37, 0xfb, 0x58, 0x32, 0x4a, 0x32,
	                                0x84, 0x9f, 0x06, 0x9b, 0x0d, 0x21, 0xeb, 0x9a};
	size_t size = strlen(s) + 1, rest = size & 7; /* with its NUL */
	uint64_t k[2], m, v[4];

	memcpy(k, key, sizeof(k));
	k[0] = le64toh(k[0]);
	k[1] = le64toh(k[1]);
	v[0] = 0x736f6d6570736575ULL ^ k[0];
	v[1] = 0x646f72616e646f6dULL ^ k[1];
	v[2] = 0x6c7967656e657261ULL ^ k[0];
	v[3] = 0x7465646279746573ULL ^ k[1];
	for (size_t i = 0; i + 8 <= size; i += 8) {
		memcpy(&m, s + i, 8);
		m = le64toh(m);
		v[3] ^= m;
		sip_rounds(v, 2);
		v[0] ^= m;
	}
	m = (uint64_t) size << 56;
	for (size_t i = 0; i < rest; i++)
		m |= (uint64_t) (uint8_t) s[size - rest + i] << (8 * i);
	v[3] ^= m;
	sip_rounds(v, 2);
	v[0] ^= m;
	v[2] ^= 0xff;
	sip_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Mount points may be longer than a file name: such a unit's name ends in a hash of the whole. */
static int name_shorten(char *name, char **ret)
{
	const char *dot = strrchr(name, '.');
	size_t keep = UNIT_NAME_MAX - 1 - strlen(dot) - HASH_TEXT_SIZE - 1;
	char *r;

	/* The hash's bytes, the least significant first. */
	r = str_printf("%.*s_%016llx%s", (int) keep, name,
	               (unsigned long long) __builtin_bswap64(name_hash(name)), dot);
	free(name);
	if (!r)
		return -ENOMEM;
	*ret = r;
	return 0;
}

int unit_name_from_path(const char *path, const char *suffix, char **ret)
{
	auto_free char *escaped = NULL;
	char *name;
	int r;

	if (suffix[0] != '.' || unit_type_from_string(suffix + 1) < 0)
		return -EINVAL;
	r = unit_name_path_escape(path, &escaped);
	if (r < 0)
		return r;
	name = str_printf("%s%s", escaped, suffix);
	if (!name)
		return -ENOMEM;
	if (strlen(name) >= UNIT_NAME_MAX)
		return name_shorten(name, ret);
	if (!unit_name_is_valid(name, UNIT_NAME_PLAIN)) {
		free(name);
		return -EINVAL;
	}
	*ret = name;
	return 0;
}

int unit_name_to_path(const char *name, char **ret)
{
	auto_free char *prefix = NULL;
	int r = unit_name_prefix(name, &prefix);

	return r < 0 ? r : unit_name_path_unescape(prefix, ret);
}

static bool mangle_char_is_kept(char c, bool allow_glob)
{
	return char_is_alnum(c) || strchr(UNIT_NAME_PUNCTUATION "@", c) ||
	       (allow_glob && strchr(MANGLE_GLOB_ALSO, c));
}

int unit_name_mangle(const char *s, bool allow_glob, char **ret)
{
	return unit_name_mangle_with(s, allow_glob, ".service", ret);
}

int unit_name_mangle_with(const char *s, bool allow_glob, const char *suffix, char **ret)
{
	auto_free char *r = NULL;
	char *t;
	int k = -EINVAL;

	if (str_is_empty(s))
		return -EINVAL;
	if (unit_name_is_valid(s, UNIT_NAME_ANY)) {
		*ret = strdup(s);
		return *ret ? 0 : -ENOMEM;
	}
	if (str_after(s, "/dev/") || str_after(s, "/sys/"))
		k = unit_name_from_path(s, ".device", ret);
	else if (path_is_absolute(s) && !(allow_glob && strpbrk(s, GLOB_CHARS)))
		k = unit_name_from_path(s, ".mount", ret);
	/* One with ".." in it names no mount point: it is taken as any other word. */
	if (k != -EINVAL)
		return k;
	r = t = malloc(strlen(s) * 4 + strlen(suffix) + 1);
	if (!r)
		return -ENOMEM;
	for (; *s; s++) {
		if (*s == '/')
			*t++ = '-';
		else if (mangle_char_is_kept(*s, allow_glob))
			*t++ = *s;
		else
			t = put_hex(t, *s);
	}
	*t = 0;
	if (!(allow_glob && strpbrk(r, GLOB_CHARS)) && unit_name_type(r) < 0)
		strcpy(t, suffix);
	if (!(allow_glob && strpbrk(r, GLOB_CHARS)) && !unit_name_is_valid(r, UNIT_NAME_ANY))
		return -EINVAL;
	*ret = TAKE_PTR(r);
	return 0;
}
