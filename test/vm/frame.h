// SPDX-License-Identifier: Apache-2.0
/*
 * frame.h - what vmctl, its supervisor and the agent inside a guest say to each other.
 *
 * One byte stream (a virtio-serial port, or a Unix socket between vmctl and the supervisor) carries frames: a header of 16
 * bytes and up to FRAME_DATA_MAX bytes. A stream can lose its middle when a guest is reset, so a reader looks for the magic
 * and a header check, and each side opens with FRAME_SYNC_BYTES zero bytes: they complete whatever frame was cut off.
 *
 * A job, from the client's view:
 *	EXEC    id, struct frame_exec, then the arguments, each with its NUL
 *	STDIN   id, bytes; an empty one is the end of the input		(client to agent)
 *	STDOUT, STDERR id, bytes					(agent to client)
 *	ACK     id, struct frame_ack: so many bytes were passed on, in the other direction; for output each frame's header
 *		counts, too, so that the window bounds every queue on the way
 *	CANCEL  id: kill it
 *	EXIT    id, struct frame_exit: the last frame of a job
 *
 * At most FRAME_WINDOW bytes are unacknowledged in either direction. HELLO comes from the agent once a boot. STOP and
 * WAIT_AGENT (struct frame_wait) are for the supervisor alone.
 *
 * Integers are in host order: guest and host are the same architecture. The reader does no I/O of its own but reader_fill.
 */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAGIC      0x31464d56u /* "VMF1" */
#define FRAME_DATA_MAX   16384u
#define FRAME_WINDOW     262144u
#define FRAME_SYNC_BYTES (FRAME_DATA_MAX + sizeof(struct frame_header))
#define FRAME_ARGS_MAX   256
#define FRAME_PORT_NAME  "test.agent.0"

enum frame_type {
	FRAME_HELLO = 1,
	FRAME_EXEC,
	FRAME_STDIN,
	FRAME_STDOUT,
	FRAME_STDERR,
	FRAME_ACK,
	FRAME_CANCEL,
	FRAME_EXIT,
	FRAME_STOP,
	FRAME_WAIT_AGENT,
	FRAME_TYPE_MAX,
};

struct frame_header {
	uint32_t magic;
	uint16_t type;
	uint16_t check; /* over the other fields */
	uint32_t id;
	uint32_t length;
};
static_assert(sizeof(struct frame_header) == 16, "the header is on a wire");

struct frame_exec {
	uint32_t timeout_msec; /* 0: none */
	uint32_t with_stdin;   /* else /dev/null */
};

struct frame_ack {
	uint32_t bytes;
};

struct frame_wait {
	uint32_t boot; /* answered by HELLO once the agent has come up this many times */
};

enum frame_exit_reason {
	FRAME_EXITED,  /* value is the exit status */
	FRAME_KILLED,  /* value is the signal */
	FRAME_NOT_RUN, /* value is an errno */
	FRAME_TIMEOUT, /* the agent killed it */
	FRAME_VM_GONE, /* the guest was reset or ended under it */
	FRAME_REFUSED, /* the agent cannot take another job; value is an errno */
};

struct frame_exit {
	uint32_t reason;
	int32_t value;
};

/* What an output frame takes from the window. */
static inline uint32_t frame_cost(size_t n)
{
	return (uint32_t) (n + sizeof(struct frame_header));
}

struct frame {
	enum frame_type type;
	uint32_t id;
	uint32_t length;
	const uint8_t *data; /* into the reader, until it is filled again */
};

struct frame_reader {
	size_t start, end;
	uint64_t skipped_bytes;
	uint8_t bytes[4 * (FRAME_DATA_MAX + sizeof(struct frame_header))];
};

/* What still has to be written; grows up to limit. */
struct frame_queue {
	uint8_t *bytes;
	size_t start, end, size, limit;
};

/**
 * frame_reader_fill - reads once from a file descriptor
 *
 * Returns the number of bytes read, 0 at the end of the stream, -EAGAIN, or another negative errno.
 */
int frame_reader_fill(struct frame_reader *r, int fd);

/**
 * frame_reader_feed - takes bytes from memory
 *
 * Returns how many fitted.
 */
size_t frame_reader_feed(struct frame_reader *r, const void *data, size_t n);

/**
 * frame_reader_next - takes the next whole frame, skipping what is none
 *
 * Returns 1 and the frame, or 0 when more bytes are needed.
 */
int frame_reader_next(struct frame_reader *r, struct frame *ret_frame);

/**
 * frame_queue_push - appends a frame
 *
 * Returns 0, -EMSGSIZE for too much data, -ENOBUFS over the queue's limit, -ENOMEM.
 */
int frame_queue_push(struct frame_queue *q, enum frame_type type, uint32_t id, const void *data,
                     size_t n);

/* Appends the zero bytes that a stream opens with. Returns as frame_queue_push. */
int frame_queue_sync(struct frame_queue *q);

/**
 * frame_queue_flush - writes what the descriptor takes
 *
 * Returns 0 when the queue is empty, 1 when bytes are left, or a negative errno (never -EAGAIN).
 */
int frame_queue_flush(struct frame_queue *q, int fd);

static inline bool frame_queue_is_empty(const struct frame_queue *q)
{
	return q->start == q->end;
}

void frame_queue_clear(struct frame_queue *q);
void frame_queue_done(struct frame_queue *q);
