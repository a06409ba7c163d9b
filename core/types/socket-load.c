// SPDX-License-Identifier: Apache-2.0
/* From a socket's settings to its dependencies: systemd.socket(5). */
#include "types/socket.h"

static int refuse(const struct unit *u, struct diag *d, const char *why)
{
	return diag_add(d, -ENOEXEC, DIAG_ERROR,
	                u->file->fragment_path ? u->file->fragment_path : u->id, 0, "%s. Refusing",
	                why);
}

static bool port_can_accept(const struct socket_port *p)
{
	return p->kind == SOCKET_PORT_STREAM || p->kind == SOCKET_PORT_SEQPACKET;
}

static int verify(const struct unit *u, struct diag *d)
{
	const struct socket_settings *c = u->file->socket;

	if (!c->ports)
		return refuse(u, d,
		              "Unit has no Listen setting (ListenStream=, ListenDatagram=, "
		              "ListenFIFO=, ...)");
	if (c->accept && c->service)
		return refuse(
			u, d,
			"Explicit service configuration for accepting socket units not supported");
	if (c->accept && c->max_connections == 0)
		return refuse(u, d, "MaxConnections= setting too small");
	for (const struct socket_port *p = c->ports; p && c->accept; p = p->next)
		if (!port_can_accept(p))
			return refuse(u, d,
			              "Unit configured for accepting sockets, but sockets are "
			              "non-accepting");
	return 0;
}

static int add_paths(struct unit *u)
{
	const struct socket_settings *c = u->file->socket;
	int r;

	for (const struct socket_port *p = c->ports; p; p = p->next) {
		if (*p->address != '/' || p->kind == SOCKET_PORT_MESSAGE_QUEUE)
			continue;
		r = unit_require_mounts_for(u, p->address);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_interface(struct unit *u)
{
	auto_free char *path = NULL;

	if (!u->file->socket->bind_to_device || streq(u->file->socket->bind_to_device, "lo"))
		return 0;
	path = path_join("/sys/subsystem/net/devices", u->file->socket->bind_to_device);
	return path ? dependencies_add_device(u, path, DEP_BINDS_TO) : -ENOMEM;
}

static bool has_commands(const struct socket_settings *s)
{
	for (int i = 0; i < SOCKET_EXEC_MAX; i++)
		if (s->commands[i])
			return true;
	return false;
}

int socket_load(struct unit *u, struct diag *d)
{
	static const struct dependency_row rows[] = {
		{DEP_BEFORE, DEP_INVALID, "sockets.target"},
		{DEP_AFTER, DEP_REQUIRES, "sysinit.target"},
	};
	int r;

	if (!u->file->socket)
		return refuse(u, d, "Socket has no settings");
	r = verify(u, d);
	if (r >= 0 && !u->file->socket->accept)
		r = dependencies_add_triggered(u, u->file->socket->service, ".service");
	if (r >= 0)
		r = add_paths(u);
	if (r >= 0)
		r = add_interface(u);
	/* Core opens the sockets: what its processes would need it needs with commands of its own. */
	if (r >= 0 && has_commands(u->file->socket))
		r = dependencies_add_exec(u);
	if (r < 0 || !u->file->unit.default_dependencies)
		return r;
	r = dependencies_add(u, rows, ELEMENTSOF(rows));
	return r < 0 ? r : unit_add_shutdown_dependencies(u);
}
