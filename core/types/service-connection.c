// SPDX-License-Identifier: Apache-2.0
/*
 * The connection that an instance of an Accept=yes socket was started for. It can be had only once, so it is in the vault, as
 * "connection/UNIT", from when it was accepted until the main process has it.
 */
#include "types/service.h"
#include "types/socket.h"

#include "state/state.h"

#include <arpa/inet.h>

void connection_keep(const struct manager *m, const char *unit, int fd)
{
	struct link *k = types_vault(m);
	char name[WIRE_VAULT_NAME_MAX + 1];
	int r;

	if (!k)
		return;
	r = types_vault_name(unit, CONNECTION_VAULT, -1, name);
	if (r >= 0)
		r = link_vault_put(k, name, fd);
	if (r < 0)
		log_unit_errno(LOG_WARNING, unit, r, "Its connection will not outlive core: %m");
}

void connection_forget(const struct manager *m, const char *unit)
{
	struct link *k = types_vault(m);
	char name[WIRE_VAULT_NAME_MAX + 1];
	int r;

	if (!k || types_vault_name(unit, CONNECTION_VAULT, -1, name) < 0)
		return;
	r = link_vault_drop(k, name);
	if (r < 0)
		log_unit_errno(LOG_WARNING, unit, r,
		               "init keeps its connection until core is started again: %m");
}

/* Its main process is still to come. */
bool service_wants_connection(const struct service *s)
{
	switch (s->state) {
	case SERVICE_DEAD:
	case SERVICE_FAILED:
	case SERVICE_CONDITION:
	case SERVICE_START_PRE:
	case SERVICE_START:
		return true;
	default:
		return false;
	}
}

/* It is the process's now, and what holds it beside that would hide its end from the peer. */
void service_hand_over_connection(struct service *s)
{
	if (!s->connection_kept)
		return;
	s->connection_kept = false;
	connection_forget(s->unit.manager, s->unit.id);
}

/* After a restart of core, with the state restored. */
void service_restore_connection(struct service *s)
{
	struct link *k = types_vault(s->unit.manager);
	char name[WIRE_VAULT_NAME_MAX + 1];

	if (!k || types_vault_name(s->unit.id, CONNECTION_VAULT, -1, name) < 0)
		return;
	s->connection_fd = link_vault_take(k, name);
	if (s->connection_fd < 0)
		return;
	s->connection_kept = true;
	if (!service_wants_connection(s))
		service_release_connection(s);
}

static int peer_variables(struct service *s, int fd)
{
	union socket_address a = {0};
	socklen_t size = sizeof(a);
	char text[INET6_ADDRSTRLEN];
	const void *address;
	in_port_t port;

	if (getpeername(fd, &a.sa, &size) < 0)
		return 0; /* a datagram socket, or it left again */
	if (a.sa.sa_family == AF_INET) {
		address = &a.in.sin_addr;
		port = a.in.sin_port;
	} else if (a.sa.sa_family == AF_INET6) {
		address = &a.in6.sin6_addr;
		port = a.in6.sin6_port;
	} else {
		return 0;
	}
	if (!inet_ntop(a.sa.sa_family, address, text, sizeof(text)))
		return -errno;
	free(s->peer_address);
	free(s->peer_port);
	s->peer_address = strdup(text);
	s->peer_port = str_printf("%u", ntohs(port));
	return s->peer_address && s->peer_port ? 0 : -ENOMEM;
}

void service_attach_socket(struct service *s, struct unit *socket)
{
	if (s->accept_socket)
		return;
	if (socket_connection_begin(socket, s->peer) >= 0)
		s->accept_socket = socket;
}

void service_release_connection(struct service *s)
{
	struct unit *socket = s->accept_socket;

	service_hand_over_connection(s);
	s->connection_fd = fd_close(s->connection_fd);
	s->accept_socket = NULL;
	if (socket)
		socket_connection_end(socket, s->peer);
	free(s->peer);
	free(s->peer_address);
	free(s->peer_port);
	s->peer = s->peer_address = s->peer_port = NULL;
}

/**
 * service_set_connection - gives a service that is about to start its connection
 * @fd:   taken, whatever the result; in the vault (connection_keep()), where it is left if that fails
 * @peer: the source that MaxConnectionsPerSource= counts by; NULL: none
 *
 * Returns 0, -EBUSY if it has one, -EAGAIN if it runs, -E2BIG if the source has too many.
 */
int service_set_connection(struct unit *u, struct unit *socket, int fd_take, const char *peer)
{
	auto_fd int fd = fd_take;
	struct service *s;
	int r;

	if (u->ops->type != UNIT_SERVICE)
		return -EINVAL;
	s = SERVICE(u);
	if (s->connection_fd >= 0)
		return -EBUSY;
	if (s->state != SERVICE_DEAD && s->state != SERVICE_FAILED)
		return -EAGAIN;
	r = str_set(&s->peer, peer);
	if (r >= 0)
		r = socket_connection_begin(socket, peer);
	if (r < 0)
		return r;
	s->accept_socket = socket;
	r = peer_variables(s, fd);
	if (r < 0) {
		service_release_connection(s);
		return r;
	}
	s->connection_fd = TAKE_FD(fd);
	s->connection_kept = true;
	return unit_add_dependency(u, DEP_TRIGGERED_BY, socket);
}
