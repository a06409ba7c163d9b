// SPDX-License-Identifier: Apache-2.0
#include "base64.h"

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

int str_base64_decode(const char *s, uint8_t **ret, size_t *ret_size)
{
	auto_free uint8_t *data = malloc(strlen(s) / 4 * 3 + 4);
	size_t n = 0, digits = 0, pads = 0;
	uint32_t bits = 0;

	if (!data)
		return -ENOMEM;
	for (; *s; s++) {
		int d = base64_digit(*s);

		if (strchr(" \t\n\r", *s))
			continue;
		if (*s == '=') {
			pads++;
			continue;
		}
		if (d < 0 || pads)
			return -EINVAL;
		bits = bits << 6 | (uint32_t) d;
		if (++digits % 4 != 1)
			data[n++] = (uint8_t) (bits >> (6 - 2 * ((digits - 1) % 4)));
	}
	if ((digits + pads) % 4 || pads > 2)
		return -EINVAL;
	data[n] = 0;
	*ret = TAKE_PTR(data);
	*ret_size = n;
	return 0;
}

char *str_base64_encode(const void *data, size_t size)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *b = data;
	char *text = malloc((size + 2) / 3 * 4 + 1), *p = text;

	for (size_t i = 0; text && i < size; i += 3) {
		size_t n = MIN(size - i, (size_t) 3);
		uint32_t bits = (uint32_t) b[i] << 16 | (n > 1 ? (uint32_t) b[i + 1] << 8 : 0) |
		                (n > 2 ? b[i + 2] : 0);

		for (unsigned d = 0; d < 4; d++)
			*p++ = d <= n ? digits[bits >> (18 - 6 * d) & 63] : '=';
	}
	if (text)
		*p = 0;
	return text;
}
