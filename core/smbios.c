// SPDX-License-Identifier: Apache-2.0
#include "smbios.h"

#define TYPE_OEM_STRINGS 11
#define TYPE_END         127
#define HEADER_SIZE      4

int smbios_oem_strings(const uint8_t *table, size_t size,
                       int (*fn)(const char *s, size_t size, void *userdata), void *userdata)
{
	size_t at = 0;

	/* A structure: type, size of its formatted part, handle; behind that part its strings, with an empty one as the end. */
	while (size - at >= HEADER_SIZE) {
		uint8_t type = table[at], formatted = table[at + 1];

		if (type == TYPE_END || formatted < HEADER_SIZE || formatted > size - at)
			return 0;
		at += formatted;
		/* Without any string there are two NULs all the same. */
		if (size - at >= 2 && table[at] == 0 && table[at + 1] == 0) {
			at += 2;
			continue;
		}
		for (;;) {
			const uint8_t *end = memchr(table + at, 0, size - at);
			size_t n = end ? (size_t) (end - (table + at)) : 0;
			int r;

			if (!end)
				return 0;
			if (n == 0) {
				at++;
				break;
			}
			r = type == TYPE_OEM_STRINGS ? fn((const char *) table + at, n, userdata)
			                             : 0;
			if (r != 0)
				return r;
			at += n + 1;
		}
	}
	return 0;
}
