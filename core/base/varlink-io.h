// SPDX-License-Identifier: Apache-2.0
/* varlink-io.h - messages over a stream socket, the part that server and client share. Private to
 * base. */
#pragma once

#include "base/json.h"
#include "base/str.h"

struct varlink_io {
	int fd; /* -EBADF: closed */
	size_t message_max, queue_max;
	struct strbuf in;
	size_t in_start,
		in_scanned; /* bytes of messages handed out; offset up to which there is no NUL */
	struct strbuf out;
	size_t out_start;
	bool used; /* something went through: "not connected" is no longer "not yet connected" */
};

/* takes fd */
void varlink_io_init(struct varlink_io *io, int fd, size_t message_max, size_t queue_max);
void varlink_io_done(struct varlink_io *io);
/* Reads what is there, a bounded amount. 1 if something came, 0 at the end, -EAGAIN, -errno. */
int varlink_io_read(struct varlink_io *io);
/* 1 and the next whole message (NUL-terminated, valid until the next call to io), 0 if there is
 * none, -EMSGSIZE. */
int varlink_io_next(struct varlink_io *io, const char **ret, size_t *ret_size);
bool varlink_io_has_message(struct varlink_io *io);
bool varlink_io_has_partial(struct varlink_io *io);
/* Appends the text of @message; -ENOBUFS if too much is waiting, -ENOMEM. */
int varlink_io_queue(struct varlink_io *io, const cJSON *message);
/* Writes out what the socket takes. 0 (look at _pending), -errno if it is broken. */
int varlink_io_flush(struct varlink_io *io);
/* Forgets what waits to be written. */
void varlink_io_discard(struct varlink_io *io);
static inline size_t varlink_io_pending(const struct varlink_io *io)
{
	return io->out.size - io->out_start;
}
