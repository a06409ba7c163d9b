// SPDX-License-Identifier: Apache-2.0
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>

#define STRBUF_MAX   (64U * 1024 * 1024)
#define STRBUF_START 64U

void strbuf_done(struct strbuf *b)
{
	free(b->data);
	*b = (struct strbuf){.max = b->max};
}

/* Room for @more bytes and the final NUL; false and a sticking error if there is none. */
static bool strbuf_reserve(struct strbuf *b, size_t more)
{
	size_t max = b->max ?: STRBUF_MAX, want;
	char *grown;

	if (b->error < 0)
		return false;
	if (b->size > max || more > max - b->size) {
		b->error = -EFBIG;
		return false;
	}
	if (b->size + more < b->allocated)
		return true;
	want = MAX(b->size + more + 1, MAX(b->allocated + b->allocated / 2, (size_t) STRBUF_START));
	want = MIN(want, max + 1);
	grown = realloc(b->data, want);
	if (!grown) {
		b->error = -ENOMEM;
		return false;
	}
	b->data = grown;
	b->allocated = want;
	return true;
}

void strbuf_add(struct strbuf *b, const void *data, size_t size)
{
	if (!strbuf_reserve(b, size))
		return;
	if (size > 0)
		memcpy(b->data + b->size, data, size);
	b->size += size;
	b->data[b->size] = 0;
}

void strbuf_puts(struct strbuf *b, const char *s)
{
	strbuf_add(b, s, strlen(s));
}

void strbuf_putc(struct strbuf *b, char c)
{
	strbuf_add(b, &c, 1);
}

void strbuf_u64(struct strbuf *b, uint64_t value)
{
	char digits[20], *p = digits + sizeof(digits);

	do
		*--p = (char) ('0' + value % 10);
	while (value /= 10);
	strbuf_add(b, p, (size_t) (digits + sizeof(digits) - p));
}

void strbuf_i64(struct strbuf *b, int64_t value)
{
	if (value < 0)
		strbuf_putc(b, '-');
	strbuf_u64(b, value < 0 ? -(uint64_t) value : (uint64_t) value);
}

void strbuf_printf(struct strbuf *b, const char *fmt, ...)
{
	size_t room;
	va_list ap;
	int n;

	if (!strbuf_reserve(b, 0))
		return;
	room = b->allocated - b->size;
	va_start(ap, fmt);
	n = vsnprintf(b->data + b->size, room, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t) n >= room) {
		b->data[b->size] = 0;
		if (!strbuf_reserve(b, (size_t) n))
			return;
		va_start(ap, fmt);
		n = vsnprintf(b->data + b->size, b->allocated - b->size, fmt, ap);
		va_end(ap);
	}
	if (n < 0) {
		b->data[b->size] = 0;
		b->error = -EINVAL;
		return;
	}
	b->size += (size_t) n;
}

void strbuf_consume(struct strbuf *b, size_t n)
{
	if (n == 0)
		return;
	n = MIN(n, b->size);
	b->size -= n;
	memmove(b->data, b->data + n, b->size + 1);
}

int strbuf_take(struct strbuf *b, char **ret)
{
	int r = b->error;

	if (r == 0 && !strbuf_reserve(b, 0))
		r = b->error;
	if (r < 0) {
		strbuf_done(b);
		return r;
	}
	b->data[b->size] = 0;
	*ret = TAKE_PTR(b->data);
	strbuf_done(b);
	return 0;
}
