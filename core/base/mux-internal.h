// SPDX-License-Identifier: Apache-2.0
/*
 * mux-internal.h - what mux.c (the link: frames, HELLO, resync) and mux-stream.c (streams and their
 * sockets) share. Private to base.
 *
 * The port is watched edge-triggered: a virtio port whose host is away hangs up for as long as it
 * is away, and only edges tell of its return without a spin. So whoever stops reading before EAGAIN
 * must schedule ->more.
 *
 * Backpressure: a stream's socket is read only while the other end gave credit and our queue to the
 * port is short; the port is read only while that queue is not absurdly long. A stream buffers at
 * most the window we gave.
 */
#pragma once

#include "base/mux.h"

#include "base/list.h"
#include "base/str.h"

#define MUX_OUT_HIGH 65536U         /* no socket is read beyond */
#define MUX_OUT_MAX  (1024U * 1024) /* the port is not read beyond */

struct mux {
	struct loop *loop;
	struct source *source, *retry, *more;
	int fd;
	enum mux_side side;
	mux_open_fn open_fn;
	mux_link_fn link_fn;
	void *userdata;
	struct strbuf in, out;
	size_t out_start;
	bool up;
	bool away;  /* the other end of the port is closed */
	bool heard; /* peer_nonce holds what the other end said */
	bool broken, freed, read_stopped;
	unsigned busy, attempts;
	uint8_t nonce[MUX_NONCE_SIZE], peer_nonce[MUX_NONCE_SIZE];
	uint32_t next_stream;
	struct list streams;
	unsigned n_streams;
	uint64_t garbage;
};

struct mux_stream {
	struct list link;
	struct mux *mux;
	struct source *source;
	int fd;
	uint32_t number;    /* 0: forgotten by the link, only delivers its rest */
	uint32_t credit;    /* what we may still send */
	uint32_t delivered; /* written to the socket and not yet given back as credit */
	struct strbuf rest; /* came from the link, not yet written to the socket */
	bool local_end, remote_end, shut;
};

/* mux.c */
void mux_frame(struct mux *m, uint32_t stream, enum mux_frame_type type, const void *data,
               size_t size);
void mux_flush(struct mux *m);
size_t mux_out_pending(const struct mux *m);

/* mux-stream.c */
int stream_new(struct mux *m, uint32_t number, int fd);
void stream_free(struct mux_stream *s);
void streams_drop(struct mux *m);   /* all, after a last try to deliver */
void streams_update(struct mux *m); /* the port's queue grew or shrank */
struct mux_stream *stream_find(struct mux *m, uint32_t number);
void stream_on_data(struct mux_stream *s, const void *data, size_t size);
void stream_on_close(struct mux_stream *s);
void stream_on_reset(struct mux_stream *s);
void stream_on_credit(struct mux_stream *s, uint32_t bytes);
