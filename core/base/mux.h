// SPDX-License-Identifier: Apache-2.0
/*
 * mux.h - many streams over one byte stream that has no notion of a connection (a virtio-serial
 * port).
 *
 * Frame, little endian: u32 magic "SMX1", u32 stream, u8 type, u8 0, u16 size, then size bytes.
 *	HELLO	(payload: 16 random bytes)  starts or restarts the link; the other end drops all
 *		streams and answers HELLO_ACK with the same bytes; frames before the matching ACK
 *		are stale and ignored. So either end may come and go.
 *	OPEN	(payload: service name)  by either end; the host uses odd stream numbers, the guest
 *		even ones
 *	DATA, CLOSE, RESET (payload: reason)
 *	CREDIT	(payload: u32 bytes)  window: a sender starts with MUX_WINDOW bytes a stream and
 *		waits for more
 *
 * A reader that lost its place scans for the next magic; garbage is counted, never fatal. As what
 * was lost may have been part of a stream, and what is scanned may be a stream's content made to
 * look like frames, an end that loses its place while the link is up restarts it with a new HELLO.
 * Ahead of a HELLO go MUX_PAYLOAD_MAX zero bytes, so that it cannot be swallowed by a frame that
 * was torn off. A HELLO is repeated until it is answered; one with the same bytes as the last is
 * only answered.
 *
 * CLOSE ends the sender's direction; RESET ends both: what came before it is still delivered.
 *
 * Services: "control" (guest side: varlink to core under the channel's role), "upgrade" (varlink to
 * the upgrade agent), "fleet" (host side: relay to the controller).
 */
#pragma once

#include "base/event.h"

#define MUX_WINDOW      65536
#define MUX_PAYLOAD_MAX 16384
#define MUX_STREAMS_MAX 64
#define MUX_SERVICE_MAX 64
#define MUX_MAGIC       "SMX1"
#define MUX_HEADER_SIZE 12
#define MUX_NONCE_SIZE  16

enum mux_frame_type {
	MUX_HELLO = 1,
	MUX_HELLO_ACK,
	MUX_OPEN,
	MUX_DATA,
	MUX_CLOSE,
	MUX_RESET,
	MUX_CREDIT
};

enum mux_side { MUX_HOST, MUX_GUEST };

struct mux;

/* A stream was opened by the other end: give a connected, non-blocking stream socket for it, or
 * -errno to refuse. */
typedef int (*mux_open_fn)(struct mux *m, const char *service, void *userdata);
/* The link came up (the other end answered HELLO) or went down. */
typedef void (*mux_link_fn)(struct mux *m, bool up, void *userdata);

/* @fd: the port or its Unix socket, non-blocking; taken. The mux pumps between streams and sockets
 * by itself. */
int mux_new(struct loop *l, int fd, enum mux_side side, mux_open_fn open_fn, mux_link_fn link_fn,
            void *userdata, struct mux **ret);
struct mux *mux_free(struct mux *m);
bool mux_is_up(const struct mux *m);
uint64_t mux_garbage(const struct mux *m); /* bytes skipped so far */
/* The functions that take an fd do so on success only. */
/* Opens a stream to a service at the other end and ties it to @fd (a connected stream socket,
 * taken). -ENOTCONN, -EMFILE. */
int mux_open(struct mux *m, const char *service, int fd);
/* For commands: a socketpair whose far end is a new stream; returns our end. */
int mux_open_socket(struct mux *m, const char *service);
