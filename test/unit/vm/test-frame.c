// SPDX-License-Identifier: Apache-2.0
#include "vm/frame.h"
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static struct frame_queue queue;
static struct frame_reader reader;

static void reset(size_t limit)
{
	frame_queue_done(&queue);
	queue.limit = limit;
	reader.start = reader.end = 0;
	reader.skipped_bytes = 0;
}

/* Moves all that is queued to the reader. */
static void carry(void)
{
	size_t n = frame_reader_feed(&reader, queue.bytes + queue.start, queue.end - queue.start);

	queue.start += n;
}

TEST(frame__comes_out_as_it_went_in)
{
	struct frame f;

	reset(1 << 20);
	CHECK_INT(frame_queue_push(&queue, FRAME_STDOUT, 7, "hello", 5), ==, 0);
	CHECK_INT(frame_queue_push(&queue, FRAME_EXIT, 8, NULL, 0), ==, 0);
	carry();
	CHECK_INT(frame_reader_next(&reader, &f), ==, 1);
	CHECK_INT(f.type, ==, FRAME_STDOUT);
	CHECK_INT(f.id, ==, 7);
	CHECK_INT(f.length, ==, 5);
	CHECK(!memcmp(f.data, "hello", 5));
	CHECK_INT(frame_reader_next(&reader, &f), ==, 1);
	CHECK_INT(f.type, ==, FRAME_EXIT);
	CHECK_INT(f.length, ==, 0);
	CHECK_INT(frame_reader_next(&reader, &f), ==, 0);
}

TEST(frame__waits_for_its_last_byte)
{
	struct frame f;

	reset(1 << 20);
	CHECK_INT(frame_queue_push(&queue, FRAME_STDERR, 1, "abc", 3), ==, 0);
	for (; queue.start < queue.end; queue.start++) {
		CHECK_INT(frame_reader_next(&reader, &f), ==, 0);
		CHECK_INT(frame_reader_feed(&reader, queue.bytes + queue.start, 1), ==, 1);
	}
	CHECK_INT(frame_reader_next(&reader, &f), ==, 1);
}

TEST(frame__is_found_after_noise)
{
	struct frame f;

	reset(1 << 20);
	CHECK_INT(frame_reader_feed(&reader, "VMF1 and other noise", 20), ==, 20);
	CHECK_INT(frame_queue_push(&queue, FRAME_HELLO, 0, NULL, 0), ==, 0);
	carry();
	CHECK_INT(frame_reader_next(&reader, &f), ==, 1);
	CHECK_INT(f.type, ==, FRAME_HELLO);
	CHECK_INT(reader.skipped_bytes, ==, 20);
}

/* A guest that is reset leaves a frame without its end; what it says after its next start must be
 * heard all the same. */
TEST(frame__of_the_next_boot_is_heard_after_one_that_was_cut_off)
{
	static const uint8_t bytes[FRAME_DATA_MAX];
	struct frame f;
	int hellos = 0;

	reset(1 << 20);
	CHECK_INT(frame_queue_push(&queue, FRAME_STDOUT, 3, bytes, sizeof(bytes)), ==, 0);
	queue.end = queue.start + sizeof(struct frame_header) + 10;
	CHECK_INT(frame_queue_sync(&queue), ==, 0);
	CHECK_INT(frame_queue_push(&queue, FRAME_HELLO, 0, NULL, 0), ==, 0);
	carry();
	while (frame_reader_next(&reader, &f))
		hellos += f.type == FRAME_HELLO;
	CHECK_INT(hellos, ==, 1);
}

TEST(frame__with_a_flipped_header_bit_is_skipped)
{
	struct frame f;

	for (size_t byte = 0; byte < sizeof(struct frame_header); byte++) {
		reset(1 << 20);
		CHECK_INT(frame_queue_push(&queue, FRAME_STDOUT, 5, "x", 1), ==, 0);
		queue.bytes[queue.start + byte] ^= 0x10;
		carry();
		CHECK_INT(frame_reader_next(&reader, &f), ==, 0);
	}
}

TEST(frame_queue__keeps_its_limit)
{
	static const uint8_t bytes[1000];
	int pushed = 0;

	reset(10000);
	while (frame_queue_push(&queue, FRAME_STDOUT, 1, bytes, sizeof(bytes)) == 0)
		pushed++;
	CHECK_INT(pushed, ==, 9);
	CHECK_INT(frame_queue_push(&queue, FRAME_STDOUT, 1, bytes, FRAME_DATA_MAX + 1), ==,
	          -EMSGSIZE);
	CHECK_INT(frame_queue_push(&queue, FRAME_STDOUT, 1, bytes, sizeof(bytes)), ==, -ENOBUFS);
}

TEST(frame_queue__goes_on_where_a_full_pipe_stopped_it)
{
	static uint8_t bytes[FRAME_DATA_MAX];
	int ends[2], frames = 0, r;
	struct frame f;

	reset(1 << 20);
	CHECK_INT(pipe2(ends, O_NONBLOCK | O_CLOEXEC), ==, 0);
	for (int i = 0; i < 20; i++)
		CHECK_INT(
			frame_queue_push(&queue, FRAME_STDOUT, (uint32_t) i, bytes, sizeof(bytes)),
			==, 0);
	CHECK_INT(frame_queue_flush(&queue, ends[1]), ==, 1);
	do {
		r = frame_queue_flush(&queue, ends[1]);
		while (frame_reader_fill(&reader, ends[0]) > 0)
			while (frame_reader_next(&reader, &f)) {
				CHECK_INT(f.id, ==, frames);
				frames++;
			}
	} while (r == 1);
	CHECK_INT(r, ==, 0);
	CHECK_INT(frames, ==, 20);
	close(ends[1]);
	CHECK_INT(frame_reader_fill(&reader, ends[0]), ==, 0);
	close(ends[0]);
}
