// SPDX-License-Identifier: Apache-2.0
/* gzip and base64, with a cap on what comes out. */
#include "metadata/userdata/userdata.h"

#include <zlib.h>

bool is_gzip(const char *data, size_t size)
{
	return size >= 2 && (unsigned char) data[0] == 0x1f && (unsigned char) data[1] == 0x8b;
}

int gunzip(const char *data, size_t size, size_t max, struct blob *ret)
{
	auto_strbuf struct strbuf b = {.max = max};
	z_stream z = {.next_in = (Bytef *) (uintptr_t) data, .avail_in = (uInt) size};
	char buf[16384], *text;
	size_t n;
	int r;

	/* 15 bits of window; 16 more: a gzip header is expected. */
	if (inflateInit2(&z, 15 + 16) != Z_OK)
		return -ENOMEM;
	do {
		z.next_out = (Bytef *) buf;
		z.avail_out = sizeof(buf);
		r = inflate(&z, Z_NO_FLUSH);
		strbuf_add(&b, buf, sizeof(buf) - z.avail_out);
	} while (r == Z_OK && b.error >= 0);
	inflateEnd(&z);
	if (r != Z_STREAM_END || b.error < 0)
		return b.error < 0 ? b.error : -EBADMSG;
	n = b.size;
	r = strbuf_take(&b, &text);
	if (r < 0)
		return r;
	blob_done(ret);
	*ret = (struct blob){text, n};
	return 0;
}

static int digit_of(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int base64_decode(const char *text, size_t size, struct blob *ret)
{
	auto_free char *out = malloc(size / 4 * 3 + 4);
	unsigned bits = 0, n = 0, pad = 0;
	size_t k = 0;

	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char) text[i];
		int digit = digit_of(c);

		if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
			continue;
		if (c == '=') {
			pad++;
			continue;
		}
		if (digit < 0 || pad)
			return -EBADMSG;
		bits = bits << 6 | (unsigned) digit;
		if (++n % 4 == 0) {
			out[k++] = (char) (bits >> 16);
			out[k++] = (char) (bits >> 8);
			out[k++] = (char) bits;
			bits = 0;
		}
	}
	if (n % 4 == 1 || (n + pad) % 4 || pad > 2)
		return -EBADMSG;
	if (n % 4 == 2)
		out[k++] = (char) (bits >> 4);
	if (n % 4 == 3) {
		out[k++] = (char) (bits >> 10);
		out[k++] = (char) (bits >> 2);
	}
	out[k] = '\0';
	blob_done(ret);
	*ret = (struct blob){TAKE_PTR(out), k};
	return 0;
}

int base64_encode(const void *data, size_t size, char **ret)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *in = data;
	char *out = malloc((size + 2) / 3 * 4 + 1), *p = out;

	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < size; i += 3) {
		unsigned v = (unsigned) in[i] << 16;

		v |= i + 1 < size ? (unsigned) in[i + 1] << 8 : 0;
		v |= i + 2 < size ? in[i + 2] : 0;
		*p++ = digits[v >> 18 & 63];
		*p++ = digits[v >> 12 & 63];
		*p++ = i + 1 < size ? digits[v >> 6 & 63] : '=';
		*p++ = i + 2 < size ? digits[v & 63] : '=';
	}
	*p = '\0';
	*ret = out;
	return 0;
}
