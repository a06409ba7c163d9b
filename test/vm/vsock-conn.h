// SPDX-License-Identifier: Apache-2.0
/*
 * vsock-conn.h - the connections of one guest's vsock device.
 *
 * A host program connects to the Unix socket SOCKET, writes "CONNECT PORT\n" and gets "OK
 * HOSTPORT\n" once the guest has accepted; then it is the stream. A guest that connects to CID 2,
 * port P, reaches the Unix socket SOCKET_P, or is refused.
 *
 * From the guest: bytes go through a buffer of the connection, whose size is the credit that the
 * guest has; it gets credit back when the host's socket has taken them. To the guest: bytes are
 * read from the host's socket straight into the guest's buffers, never more than the guest's
 * credit. Sockets are watched edge-triggered: is_readable and is_writable hold what is known of
 * them, and vsock_pump does all work that these, the credit and the rings allow.
 */
#pragma once

#include "util.h"
#include "vhost-user.h"

#include <sys/epoll.h>

#define VSOCK_CONNECTIONS_MAX 512
#define VSOCK_REFUSALS_MAX    128
#define VSOCK_BUFFER_BYTES    131072u
#define VSOCK_LINE_MAX        32
#define VSOCK_WAIT_MSEC       8000u

/* What an epoll event is about. */
struct source {
	void (*ready)(struct source *s, uint32_t events);
};

enum conn_state {
	CONN_READING_LINE, /* a host program has not said where to yet */
	CONN_CONNECTING,   /* the guest was asked */
	CONN_OPEN,
	CONN_DEAD, /* freed at the end of the round */
};

struct conn {
	struct source source; /* first, so that an event leads here */
	struct vsock *vsock;
	enum conn_state state;
	int fd;
	uint32_t guest_port, host_port;
	bool is_readable, is_writable, is_hung_up;
	bool host_ended; /* its end of input was read */
	bool asked_credit;
	unsigned guest_shut; /* VIRTIO_VSOCK_SHUTDOWN_* that the guest sent */
	unsigned sent_shut;
	unsigned pending; /* packets to send: 1 << VIRTIO_VSOCK_OP_* */
	uint64_t deadline_msec;
	uint8_t *buffer; /* a ring of VSOCK_BUFFER_BYTES */
	uint32_t start, used;
	uint32_t fwd_cnt, told_fwd_cnt;
	uint32_t tx_cnt, peer_buf_alloc, peer_fwd_cnt;
};

struct vsock_refusal {
	uint32_t guest_port, host_port;
};

struct vsock {
	struct vu_device device;
	const char *path;
	int epoll_fd;
	uint32_t next_host_port;
	size_t next_turn; /* whose turn it is to send */
	struct conn *conns[VSOCK_CONNECTIONS_MAX];
	struct vsock_refusal refusals[VSOCK_REFUSALS_MAX];
	size_t refusals_n;
};

/* A host program connected. Takes the descriptor. */
void vsock_accept(struct vsock *v, int fd);

/* Does what can be done now; returns 0, or -EPROTO when the guest's rings make no sense. */
int vsock_pump(struct vsock *v);

/* The guest's driver went away, and with it every connection. */
void vsock_reset(struct vsock *v);

/* Frees what is dead and ends what took too long; returns when to be called again (now_msec), 0 for
 * no need. */
uint64_t vsock_tidy(struct vsock *v);
