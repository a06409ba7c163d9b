// SPDX-License-Identifier: Apache-2.0
#include "init/init.h"

#include <stdarg.h>
#include <string.h>

static void text_put(struct text *t, const char *s, size_t n)
{
	size_t room = t->size - t->used - 1;

	if (n > room)
		n = room;
	memcpy(t->data + t->used, s, n);
	t->used += n;
	t->data[t->used] = '\0';
}

static void text_number(struct text *t, long long v)
{
	unsigned long long u = v < 0 ? 0ULL - (unsigned long long) v : (unsigned long long) v;
	char digits[24], *p = digits + sizeof(digits);

	do
		*--p = (char) ('0' + u % 10);
	while (u /= 10);
	if (v < 0)
		*--p = '-';
	text_put(t, p, (size_t) (digits + sizeof(digits) - p));
}

void text_vadd(struct text *t, const char *format, va_list ap)
{
	for (const char *f = format; *f;) {
		size_t plain = strcspn(f, "%");

		text_put(t, f, plain);
		f += plain;
		if (!strncmp(f, "%lld", 4)) {
			text_number(t, va_arg(ap, long long));
			f += 4;
		} else if (!strncmp(f, "%d", 2)) {
			text_number(t, va_arg(ap, int));
			f += 2;
		} else if (!strncmp(f, "%s", 2)) {
			const char *s = va_arg(ap, const char *);

			text_put(t, s ? s : "", s ? strlen(s) : 0);
			f += 2;
		} else if (*f) {
			text_put(t, "%", 1);
			f += f[1] == '%' ? 2 : 1;
		}
	}
}

void text_add(struct text *t, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	text_vadd(t, format, ap);
	va_end(ap);
}

void text_copy_clean(char *dst, size_t size, const char *src, size_t n)
{
	if (n > size - 1)
		n = size - 1;
	for (size_t i = 0; i < n; i++)
		dst[i] = (unsigned char) src[i] < ' ' || src[i] == 0x7f ? '?' : src[i];
	dst[n] = '\0';
}

int number_parse(const char **s, const char *end, long long *ret)
{
	const char *p = *s;
	bool minus = p < end && *p == '-';
	long long v = 0;

	p += minus;
	if (p == end || *p < '0' || *p > '9')
		return -EINVAL;
	for (; p < end && *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_sub_overflow(v, *p - '0', &v))
			return -ERANGE;
	/* Summed up below zero, where the range is larger by one. */
	if (!minus && __builtin_sub_overflow(0, v, &v))
		return -ERANGE;
	*s = p;
	*ret = v;
	return 0;
}

const char *error_text(int error)
{
	const char *s = strerrordesc_np(error < 0 ? -error : error);

	return s ? s : "unknown error";
}

const char *str_prefix(const char *s, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(s, prefix, n) ? NULL : s + n;
}
