// SPDX-License-Identifier: Apache-2.0
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>

#define BLANKS " \t\n\r\v\f"

bool streq_ptr(const char *a, const char *b)
{
	return a == b || (a && b && streq(a, b));
}

const char *str_after(const char *s, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

bool str_ends_with(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

char *str_strip(char *s)
{
	size_t n;

	s += strspn(s, BLANKS);
	n = strlen(s);
	while (n > 0 && strchr(BLANKS, s[n - 1]))
		n--;
	s[n] = 0;
	return s;
}

char *str_printf(const char *fmt, ...)
{
	char *s;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return n < 0 ? NULL : s;
}

int str_set(char **p, const char *s)
{
	char *copy = NULL;

	if (s == *p)
		return 0;
	if (s) {
		copy = strdup(s);
		if (!copy)
			return -ENOMEM;
	}
	free(*p);
	*p = copy;
	return 0;
}

/* Length of the UTF-8 sequence at @s, 0 if there is none. Follows table 3-7 of Unicode 15, so that
 * overlong forms, surrogates and what is beyond U+10FFFF are refused. */
static size_t utf8_sequence(const unsigned char *s, size_t size)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t n;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (n > size)
		return 0;
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if (s[i] < 0x80 || s[i] > 0xbf)
			return 0;
	return n;
}

bool utf8_is_valid(const char *s, size_t size)
{
	const unsigned char *u = (const unsigned char *) s;

	for (size_t i = 0, n; i < size; i += n) {
		n = utf8_sequence(u + i, size - i);
		if (n == 0)
			return false;
	}
	return true;
}

int enum_from_string(const char *const *table, size_t n, const char *s)
{
	for (size_t i = 0; s && i < n; i++)
		if (table[i] && streq(table[i], s))
			return (int) i;
	return -EINVAL;
}
