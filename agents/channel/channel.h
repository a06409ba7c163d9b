// SPDX-License-Identifier: Apache-2.0
/*
 * channel - the machine's door for its host: the same varlink that sctl speaks locally, over AF_VSOCK and over a
 * virtio-serial port.
 *
 *	vsock.c    one listening port a service (7466 control, 7467 upgrade); one connection is one stream
 *	port.c     the port org.sysmaster.agent.0: a byte stream that comes and goes with the host; base's mux makes
 *		   streams of it
 *	backend.c  a stream to the local service, under the role that the host has
 *	fleet.c    /run/sysmaster/channel/fleet: what connects here leaves through the port, to the host's relay
 *		   (service "fleet")
 *	pump.c     bytes between two sockets, bounded, both ways
 *
 * Nothing of the payload is parsed here, but the first answer (to Manager.Restrict) that lowers the role. The host is
 * trusted as far as Role= says; the guest's own users cannot get in: only CID 2 is let in by vsock, and the port and the
 * socket belong to root.
 */
#pragma once

#include "base/base.h"
#include "base/mux.h"
#include "base/varlink.h"

#define CHANNEL_PORT_NAME    "org.sysmaster.agent.0"
#define CHANNEL_FLEET_SOCKET "/run/sysmaster/channel/fleet"
#define CHANNEL_STREAMS_MAX  64

struct channel {
	struct loop *loop;
	enum varlink_role role; /* of the host */
	uint64_t cid;           /* the only peer let in by vsock */
	uint64_t port_control, port_upgrade;
	char *port_name;
	unsigned n_pumps;
	struct port *port;
	struct mux *mux;
};

/* A connected, non-blocking stream to a local service ("control", "upgrade") under c->role.
 * -EACCES, -ENOENT, -errno. */
int backend_connect(struct channel *c, const char *service);

/* Moves bytes between a and b until both directions are closed; takes both fds. -EMFILE beyond
 * CHANNEL_STREAMS_MAX. */
int pump_start(struct channel *c, int a, int b);

/* -EAFNOSUPPORT where the kernel has no vsock: then there is just no such door. */
int vsock_listen(struct channel *c, uint32_t port, const char *service);

/* Finds the port by name in /sys/class/virtio-ports; -ENOENT if the machine has none. *ret_fd is a
 * stream socket that stays while the host comes and goes. */
int port_open(struct channel *c, int *ret_fd);
void port_close(struct channel *c);

int fleet_listen(struct channel *c);
