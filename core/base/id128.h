// SPDX-License-Identifier: Apache-2.0
/* id128.h - 128-bit ids as in machine-id(5) and sd-id128(3): 32 lower-case hex digits. */
#pragma once

#include "base/macro.h"

#define ID128_TEXT_MAX 33

struct id128 {
	uint8_t bytes[16];
};

int id128_random(struct id128 *ret); /* version 4 UUID bits set */
bool id128_is_null(const struct id128 *id);
bool id128_equal(const struct id128 *a, const struct id128 *b);
const char *id128_format(const struct id128 *id, char buf[static ID128_TEXT_MAX]);
/* Plain or with UUID dashes; -EINVAL. */
int id128_parse(const char *s, struct id128 *ret);
/* /etc/machine-id: -ENOENT, -ENOMEDIUM when empty or "uninitialized" */
int id128_machine(struct id128 *ret);
int id128_boot(struct id128 *ret); /* /proc/sys/kernel/random/boot_id */
