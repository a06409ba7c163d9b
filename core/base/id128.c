// SPDX-License-Identifier: Apache-2.0
#include "base/id128.h"

#include "base/fd.h"
#include "base/str.h"

#include <sys/random.h>

int id128_random(struct id128 *ret)
{
	struct id128 id;
	ssize_t n;

	do
		n = getrandom(&id, sizeof(id), GRND_NONBLOCK);
	while (n < 0 && errno == EINTR);
	/* Early in the boot of a machine without entropy: an id need be unique, not secret, and may
	 * not wait. */
	if (n < 0 && errno == EAGAIN)
		n = getrandom(&id, sizeof(id), GRND_INSECURE);
	if (n < 0)
		return -errno;
	if (n != sizeof(id))
		return -EIO;
	id.bytes[6] = (id.bytes[6] & 0x0f) | 0x40;
	id.bytes[8] = (id.bytes[8] & 0x3f) | 0x80;
	*ret = id;
	return 0;
}

bool id128_is_null(const struct id128 *id)
{
	static const struct id128 null;

	return id128_equal(id, &null);
}

bool id128_equal(const struct id128 *a, const struct id128 *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

const char *id128_format(const struct id128 *id, char buf[static ID128_TEXT_MAX])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < sizeof(id->bytes); i++) {
		buf[2 * i] = digits[id->bytes[i] >> 4];
		buf[2 * i + 1] = digits[id->bytes[i] & 15];
	}
	buf[ID128_TEXT_MAX - 1] = 0;
	return buf;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -EINVAL;
}

int id128_parse(const char *s, struct id128 *ret)
{
	size_t n = s ? strlen(s) : 0;
	struct id128 id;

	if (n != 32 && n != 36)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(id.bytes); i++) {
		int high, low;

		/* 8-4-4-4-12 */
		if (n == 36 && (i == 4 || i == 6 || i == 8 || i == 10) && *s++ != '-')
			return -EINVAL;
		high = hex_digit(*s++);
		low = high < 0 ? high : hex_digit(*s++);
		if (low < 0)
			return -EINVAL;
		id.bytes[i] = (uint8_t) (high << 4 | low);
	}
	*ret = id;
	return 0;
}

int id128_machine(struct id128 *ret)
{
	auto_free char *text = NULL;
	struct id128 id;
	int r;

	r = file_read_line("/etc/machine-id", &text);
	if (r < 0)
		return r;
	if (str_is_empty(text) || streq(text, "uninitialized"))
		return -ENOMEDIUM;
	r = id128_parse(text, &id);
	if (r < 0 || id128_is_null(&id))
		return -EINVAL;
	*ret = id;
	return 0;
}

int id128_boot(struct id128 *ret)
{
	auto_free char *text = NULL;
	int r;

	r = file_read_line("/proc/sys/kernel/random/boot_id", &text);
	return r < 0 ? r : id128_parse(text, ret);
}
