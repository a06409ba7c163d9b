// SPDX-License-Identifier: Apache-2.0
/* room.h - private to the relay: relay.c holds the ports and asks libvirt, port.c is one port. */
#pragma once

#include "base/list.h"
#include "base/map.h"
#include "base/mux.h"
#include "relay/relay.h"

#include <sys/socket.h>

#define CONNECT_LINE_MAX 64
#define CONNECT_DEADLINE (5 * USEC_PER_SEC)
#define WAITING_MAX      16 /* clients of one port that have not said CONNECT yet */

struct relay {
	struct loop *loop;
	struct sockaddr_storage controller;
	socklen_t controller_size; /* 0: none */
	char *libvirt, *listen_dir;
	struct map *ports; /* by name */
	struct source *discovery_timer, *discovery_io, *discovery_deadline;
	int discovery_fd;
	pid_t discovery_pid;
	char *discovered; /* what the process wrote so far */
	size_t discovered_size;
};

struct port {
	struct relay *relay;
	char *name, *path, *listen_path;
	bool from_libvirt, seen;
	struct mux *mux;
	int watched; /* a duplicate of the socket, to see it end */
	struct source *watch, *retry, *listener;
	int listen_fd;
	unsigned attempts;
	struct list waiting; /* clients that have not said CONNECT yet */
	unsigned n_waiting;
};

int port_new(struct relay *r, const char *name, const char *path, bool from_libvirt,
             struct diag *d);
struct port *port_free(struct port *p);
