// SPDX-License-Identifier: Apache-2.0
#include "base/varlink-io.h"

#include "base/fd.h"

#include <sys/socket.h>

#define READ_CHUNK  8192U
#define READ_ROUNDS 4U
#define ANSWER_MAX  (64U * 1024 * 1024)
#define OUT_KEEP    4096U /* an idle connection keeps no larger buffer */

void varlink_io_init(struct varlink_io *io, int fd, size_t message_max, size_t queue_max)
{
	*io = (struct varlink_io){.fd = fd, .message_max = message_max, .queue_max = queue_max};
	/* The limits proper are checked elsewhere; these let one chunk or message stand beyond
	 * them. */
	io->in.max = message_max + (size_t) READ_CHUNK * READ_ROUNDS + 1;
	io->out.max = queue_max + ANSWER_MAX;
}

void varlink_io_done(struct varlink_io *io)
{
	io->fd = fd_close(io->fd);
	strbuf_done(&io->in);
	strbuf_done(&io->out);
	io->in_start = io->in_scanned = io->out_start = 0;
}

/* Drops the messages that were handed out. An empty buffer goes back to the heap: most peers are
 * silent most of the time. */
static void in_compact(struct varlink_io *io)
{
	if (io->in_start == 0)
		return;
	if (io->in_start == io->in.size)
		strbuf_done(&io->in);
	else
		strbuf_consume(&io->in, io->in_start);
	io->in_scanned -= MIN(io->in_scanned, io->in_start);
	io->in_start = 0;
}

int varlink_io_read(struct varlink_io *io)
{
	char chunk[READ_CHUNK];
	bool any = false;

	in_compact(io);
	for (unsigned i = 0; i < READ_ROUNDS; i++) {
		ssize_t n = recv(io->fd, chunk, sizeof(chunk), MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return any ? 1 : -EAGAIN;
		if (n < 0)
			return -errno;
		/* The end shows again with the next read. */
		if (n == 0)
			return any ? 1 : 0;
		io->used = any = true;
		strbuf_add(&io->in, chunk, (size_t) n);
		if (io->in.error < 0)
			return io->in.error;
		if (io->in.size > io->message_max)
			break;
	}
	return any ? 1 : -EAGAIN;
}

/* Offset of the NUL that ends the next message, or SIZE_MAX. */
static size_t find_end(struct varlink_io *io)
{
	const char *end;
	size_t from = MAX(io->in_start, io->in_scanned);

	if (from >= io->in.size)
		return SIZE_MAX;
	end = memchr(io->in.data + from, 0, io->in.size - from);
	if (!end) {
		io->in_scanned = io->in.size;
		return SIZE_MAX;
	}
	io->in_scanned = (size_t) (end - io->in.data);
	return io->in_scanned;
}

int varlink_io_next(struct varlink_io *io, const char **ret, size_t *ret_size)
{
	size_t end = find_end(io), size;

	size = (end == SIZE_MAX ? io->in.size : end) - io->in_start;
	if (size > io->message_max)
		return -EMSGSIZE;
	if (end == SIZE_MAX) {
		in_compact(io);
		return 0;
	}
	*ret = io->in.data + io->in_start;
	*ret_size = size;
	io->in_start = io->in_scanned = end + 1;
	return 1;
}

bool varlink_io_has_message(struct varlink_io *io)
{
	return find_end(io) != SIZE_MAX;
}

bool varlink_io_has_partial(struct varlink_io *io)
{
	return io->in.size > io->in_start && !varlink_io_has_message(io);
}

int varlink_io_queue(struct varlink_io *io, const cJSON *message)
{
	size_t before;
	int r;

	/* The message itself may be of any size, as we made it; what counts is that the one before
	 * was taken. */
	if (varlink_io_pending(io) > io->queue_max)
		return -ENOBUFS;
	if (io->out_start > 0 && io->out_start >= io->out.size / 2) {
		strbuf_consume(&io->out, io->out_start);
		io->out_start = 0;
	}
	/* Written where it leaves from: a list of all units is megabytes. */
	before = io->out.size;
	json_print_to(&io->out, message, false);
	strbuf_add(&io->out, "", 1);
	r = io->out.error;
	if (r < 0) {
		/* What was queued before is whole. */
		io->out.size = before;
		io->out.error = 0;
		if (io->out.data)
			io->out.data[before] = 0;
	}
	return r;
}

int varlink_io_flush(struct varlink_io *io)
{
	while (varlink_io_pending(io) > 0) {
		ssize_t n = send(io->fd, io->out.data + io->out_start, varlink_io_pending(io),
		                 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || (errno == ENOTCONN && !io->used)))
			return 0;
		if (n < 0)
			return -errno;
		io->used = true;
		io->out_start += (size_t) n;
	}
	varlink_io_discard(io);
	return 0;
}

void varlink_io_discard(struct varlink_io *io)
{
	io->out_start = 0;
	io->out.size = 0;
	if (io->out.allocated > OUT_KEEP)
		strbuf_done(&io->out);
}
