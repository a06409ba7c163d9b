// SPDX-License-Identifier: Apache-2.0
#include "frame.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint16_t header_check(const struct frame_header *h)
{
	uint32_t x = h->magic ^ (h->type * 0x9e3779b1u) ^ (h->id * 0x85ebca6bu) ^
	             (h->length * 0xc2b2ae35u);

	return (uint16_t) (x ^ (x >> 16));
}

static bool header_is_valid(const struct frame_header *h)
{
	return h->magic == FRAME_MAGIC && h->type > 0 && h->type < FRAME_TYPE_MAX &&
	       h->length <= FRAME_DATA_MAX && h->check == header_check(h);
}

static void reader_compact(struct frame_reader *r)
{
	if (r->start == 0)
		return;
	memmove(r->bytes, r->bytes + r->start, r->end - r->start);
	r->end -= r->start;
	r->start = 0;
}

int frame_reader_fill(struct frame_reader *r, int fd)
{
	ssize_t n;

	reader_compact(r);
	if (r->end == sizeof(r->bytes))
		return -ENOBUFS;
	do
		n = read(fd, r->bytes + r->end, sizeof(r->bytes) - r->end);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	r->end += (size_t) n;
	return (int) n;
}

size_t frame_reader_feed(struct frame_reader *r, const void *data, size_t n)
{
	reader_compact(r);
	if (n > sizeof(r->bytes) - r->end)
		n = sizeof(r->bytes) - r->end;
	if (n > 0)
		memcpy(r->bytes + r->end, data, n);
	r->end += n;
	return n;
}

int frame_reader_next(struct frame_reader *r, struct frame *ret_frame)
{
	struct frame_header h;

	while (r->end - r->start >= sizeof(h)) {
		memcpy(&h, r->bytes + r->start, sizeof(h));
		if (!header_is_valid(&h)) {
			r->start++;
			r->skipped_bytes++;
			continue;
		}
		if (r->end - r->start - sizeof(h) < h.length)
			return 0;
		*ret_frame = (struct frame){
			.type = h.type,
			.id = h.id,
			.length = h.length,
			.data = r->bytes + r->start + sizeof(h),
		};
		r->start += sizeof(h) + h.length;
		return 1;
	}
	return 0;
}

/* Makes room for n more bytes at the end. */
static int queue_reserve(struct frame_queue *q, size_t n)
{
	size_t used = q->end - q->start, size;
	uint8_t *bytes;

	if (n > q->limit || used > q->limit - n)
		return -ENOBUFS;
	if (q->size - q->end >= n)
		return 0;
	if (q->start > 0) {
		memmove(q->bytes, q->bytes + q->start, used);
		q->start = 0;
		q->end = used;
	}
	if (q->size - q->end >= n)
		return 0;
	size = q->size ? q->size : 4096;
	while (size < used + n)
		size *= 2;
	bytes = realloc(q->bytes, size);
	if (!bytes)
		return -ENOMEM;
	q->bytes = bytes;
	q->size = size;
	return 0;
}

int frame_queue_push(struct frame_queue *q, enum frame_type type, uint32_t id, const void *data,
                     size_t n)
{
	struct frame_header h = {
		.magic = FRAME_MAGIC,
		.type = (uint16_t) type,
		.id = id,
		.length = (uint32_t) n,
	};
	int r;

	if (n > FRAME_DATA_MAX)
		return -EMSGSIZE;
	r = queue_reserve(q, sizeof(h) + n);
	if (r < 0)
		return r;
	h.check = header_check(&h);
	memcpy(q->bytes + q->end, &h, sizeof(h));
	if (n > 0)
		memcpy(q->bytes + q->end + sizeof(h), data, n);
	q->end += sizeof(h) + n;
	return 0;
}

int frame_queue_sync(struct frame_queue *q)
{
	int r = queue_reserve(q, FRAME_SYNC_BYTES);

	if (r < 0)
		return r;
	memset(q->bytes + q->end, 0, FRAME_SYNC_BYTES);
	q->end += FRAME_SYNC_BYTES;
	return 0;
}

int frame_queue_flush(struct frame_queue *q, int fd)
{
	while (q->start < q->end) {
		ssize_t n = write(fd, q->bytes + q->start, q->end - q->start);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 1;
		if (n < 0)
			return -errno;
		/* A port without a host behind it takes nothing and says so with 0. */
		if (n == 0)
			return 1;
		q->start += (size_t) n;
	}
	q->start = q->end = 0;
	return 0;
}

void frame_queue_clear(struct frame_queue *q)
{
	q->start = q->end = 0;
}

void frame_queue_done(struct frame_queue *q)
{
	free(q->bytes);
	*q = (struct frame_queue){.limit = q->limit};
}
