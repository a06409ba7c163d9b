// SPDX-License-Identifier: Apache-2.0
/*
 * relay.h - on a hypervisor's host: carries guests' virtio-serial channels.
 *
 *	guest's fleet agent -- stream "fleet" of the mux --> relay -- TCP --> controller
 *	sctl -H vsock-mux:DIR/NAME.sock --> relay -- stream "control" of the mux --> guest's core
 *
 * TLS is end to end: the relay sees nothing of it.
 *
 * A port is one socket of a chardev. Its guest may reboot (the link restarts), QEMU may go away (the socket vanishes): the
 * port tries again with a growing, jittered pause for as long as it is wanted. Ports come from the command line, or from
 * libvirt, which is asked again and again in a process of its own.
 */
#pragma once

#include "base/diag.h"
#include "base/event.h"

struct relay;

struct relay_options {
	const char *controller; /* HOST:PORT, or NULL: no "fleet" */
	char *const *ports;     /* NAME=SOCKET */
	const char *libvirt;    /* URI, or NULL */
	const char *listen_dir; /* or NULL: no "control" */
};

int relay_new(struct loop *l, const struct relay_options *o, struct diag *d, struct relay **ret);
struct relay *relay_free(struct relay *r);
DEFINE_CLEANUP(struct relay *, relay_free)
/* The number of ports, and of those whose guest answers. */
void relay_count(const struct relay *r, size_t *ret_ports, size_t *ret_up);
