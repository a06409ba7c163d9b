// SPDX-License-Identifier: Apache-2.0
/* Something came in on a listening fd: one service for all of it, or (Accept=yes) one instance a
 * connection. */
#include "types/service.h"
#include "types/socket.h"

#include "base/fault.h"

#include "base/sys.h"

#include <arpa/inet.h>

/* Connections taken in one turn of the loop, so that a busy socket does not keep others waiting. */
#define ACCEPT_BURST 16
#define DRAIN_MAX    1024

/* ---- counting ---- */

int socket_connection_begin(struct unit *socket, const char *peer)
{
	struct socket *s = SOCKET(socket);
	uintptr_t n;
	int r;

	if (peer) {
		if (!s->peers)
			s->peers = map_new(MAP_STRING | MAP_OWN_KEYS);
		if (!s->peers)
			return -ENOMEM;
		n = (uintptr_t) map_get(s->peers, peer);
		if (socket->file->socket->max_connections_per_source > 0 &&
		    n >= socket->file->socket->max_connections_per_source)
			return -E2BIG;
		r = map_put(s->peers, peer, (void *) (n + 1));
		if (r < 0)
			return r;
	}
	s->n_connections++;
	return 0;
}

void socket_connection_end(struct unit *socket, const char *peer)
{
	struct socket *s = SOCKET(socket);
	uintptr_t n = peer && s->peers ? (uintptr_t) map_get(s->peers, peer) : 0;

	if (s->n_connections > 0)
		s->n_connections--;
	if (n > 1)
		(void) map_put(s->peers, peer, (void *) (n - 1));
	else if (n == 1)
		(void) map_remove(s->peers, peer);
}

/* ---- one connection becomes one instance ---- */

/* What MaxConnectionsPerSource= counts by; NULL: nothing to count. */
static char *source_of(const union socket_address *peer, const struct ucred *cred)
{
	char text[INET6_ADDRSTRLEN];

	if (peer->sa.sa_family == AF_INET)
		return inet_ntop(AF_INET, &peer->in.sin_addr, text, sizeof(text)) ? strdup(text)
		                                                                  : NULL;
	if (peer->sa.sa_family == AF_INET6)
		return inet_ntop(AF_INET6, &peer->in6.sin6_addr, text, sizeof(text)) ? strdup(text)
		                                                                     : NULL;
	return cred ? str_printf("uid-%u", cred->uid) : NULL;
}

static int instance_name(const struct socket *s, int fd, char **ret, char **ret_source)
{
	union socket_address local = {0}, peer = {0};
	socklen_t local_size = sizeof(local), peer_size = sizeof(peer), cred_size;
	auto_free char *suffix = NULL, *prefix = NULL;
	struct ucred cred;
	bool has_cred;
	int r;

	if (getsockname(fd, &local.sa, &local_size) < 0 ||
	    getpeername(fd, &peer.sa, &peer_size) < 0)
		return -errno;
	cred_size = sizeof(cred);
	has_cred = local.sa.sa_family == AF_UNIX &&
	           getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &cred_size) >= 0;
	r = socket_instance_suffix(&local, &peer, has_cred ? &cred : NULL, &suffix);
	if (r >= 0)
		r = unit_name_prefix(s->unit.id, &prefix);
	if (r < 0)
		return r;
	*ret = str_printf("%s@%u-%s.service", prefix, s->n_accepted, suffix);
	if (!*ret)
		return -ENOMEM;
	*ret_source = source_of(&peer, has_cred ? &cred : NULL);
	return 0;
}

/* @fd is taken, and in the vault. */
static int start_instance(struct socket *s, const char *name, int fd_take, const char *source)
{
	auto_fd int fd = fd_take;
	struct manager *m = s->unit.manager;
	struct diag d = {0};
	struct unit *service;
	int r;

	r = manager_load_unit(m, name, &d, &service);
	if (r >= 0 && service->load_state != LOAD_LOADED)
		r = -ENOENT;
	if (r < 0) {
		diag_log(&d, name);
		return log_unit_errno(LOG_ERR, s->unit.id, r, "Cannot load '%s': %m", name);
	}
	r = service_set_connection(service, &s->unit, TAKE_FD(fd), source);
	if (r < 0)
		return r;
	s->n_accepted++;
	FAULT_POINT("socket.connection.before");
	r = manager_enqueue(m, JOB_START, service, JOB_MODE_REPLACE, false, &d, NULL);
	if (r < 0) {
		diag_log(&d, name);
		log_unit_errno(LOG_WARNING, s->unit.id, r, "Cannot queue the start of '%s': %m",
		               name);
		unit_gc_soon(service);
	}
	return r;
}

static int start_connection(struct socket *s, int fd_take)
{
	auto_free char *name = NULL, *source = NULL;
	auto_fd int fd = fd_take;
	int r;

	r = instance_name(s, fd, &name, &source);
	if (r < 0)
		return r;
	connection_keep(s->unit.manager, name, fd);
	FAULT_POINT("socket.connection.kept");
	r = start_instance(s, name, TAKE_FD(fd), source);
	if (r < 0)
		connection_forget(s->unit.manager, name);
	if (r != -E2BIG)
		return r;
	s->n_refused++;
	log_unit(LOG_WARNING, s->unit.id,
	         "Too many incoming connections from source %s, dropping connection", source);
	return 0;
}

void socket_start_connection(struct socket *s, int fd_take)
{
	auto_fd int fd = fd_take;
	int r;

	if (s->n_connections >= socket_settings(s)->max_connections) {
		log_unit(LOG_WARNING, s->unit.id,
		         "Too many incoming connections (%u), dropping connection",
		         s->n_connections);
		s->n_refused++;
		return;
	}
	r = start_connection(s, TAKE_FD(fd));
	/* A peer that left before we looked is its own business. */
	if (r < 0 && r != -ENOTCONN)
		socket_enter_stop_pre(s, RESULT_RESOURCES);
	else
		unit_save_soon(&s->unit);
}

/* ---- watching ---- */

static bool is_transient(int error)
{
	/* accept(2): errors of the connection, not of the socket. */
	static const int table[] = {-EAGAIN,       -EINTR,       -ECONNABORTED, -ENETDOWN,
	                            -EPROTO,       -ENOPROTOOPT, -EHOSTDOWN,    -ENONET,
	                            -EHOSTUNREACH, -EOPNOTSUPP,  -ENETUNREACH,  -EMFILE,
	                            -ENFILE,       -ENOBUFS,     -ENOMEM};

	for (size_t i = 0; i < ELEMENTSOF(table); i++)
		if (error == table[i])
			return true;
	return false;
}

static int accept_some(struct socket *s, int fd)
{
	for (int i = 0; i < ACCEPT_BURST && s->state == SOCKET_LISTENING; i++) {
		int connection = sys_accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (connection < 0) {
			if (is_transient(connection))
				return 0;
			log_unit_errno(LOG_ERR, s->unit.id, connection,
			               "Cannot accept a connection: %m");
			socket_enter_stop_pre(s, RESULT_RESOURCES);
			return 0;
		}
		FAULT_POINT("socket.accepted");
		socket_enter_running(s, connection);
	}
	return 0;
}

static int on_io(_unused_ struct source *source, int fd, uint32_t revents, void *userdata)
{
	struct socket_fd *f = userdata;
	struct socket *s = f->socket;

	if (s->state != SOCKET_LISTENING)
		return 0;
	if (!(revents & EPOLLIN)) {
		log_unit(LOG_ERR, s->unit.id, "Got an unexpected poll event (0x%x) on a socket",
		         revents);
		socket_enter_stop_pre(s, RESULT_RESOURCES);
		return 0;
	}
	if (!socket_settings(s)->accept) {
		socket_enter_running(s, -EBADF);
		return 0;
	}
	/* What comes in now is for the core that is about to be started. */
	if (s->unit.manager->is_leaving) {
		socket_unwatch(s);
		return 0;
	}
	return accept_some(s, fd);
}

int socket_watch(struct socket *s)
{
	int r;

	for (size_t i = 0; i < s->n_fds; i++) {
		struct socket_fd *f = &s->fds[i];

		/* The array may have moved since. */
		f->source = source_free(f->source);
		r = loop_add_io(s->unit.manager->loop, f->fd, EPOLLIN, "socket", on_io, f,
		                &f->source);
		/* -EPERM: a regular file, always ready and never news. */
		if (r < 0 && r != -EPERM) {
			socket_unwatch(s);
			return log_unit_errno(LOG_WARNING, s->unit.id, r,
			                      "Cannot watch a listening socket: %m");
		}
	}
	return 0;
}

void socket_unwatch(struct socket *s)
{
	for (size_t i = 0; i < s->n_fds; i++)
		s->fds[i].source = source_free(s->fds[i].source);
}

void socket_drain(struct socket *s)
{
	for (size_t i = 0; i < s->n_fds; i++)
		for (int n = 0; n < DRAIN_MAX; n++) {
			int fd =
				sys_accept4(s->fds[i].fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

			if (fd < 0)
				break;
			fd_close(fd);
		}
}

/* ---- after a restart of core ---- */

/* "PREFIX@NUMBER-..." */
static unsigned instance_number(const char *name)
{
	const char *at = strchr(name, '@');

	return at ? (unsigned) strtoul(at + 1, NULL, 10) : 0;
}

/* The listening socket that the instance @name belongs to. */
static struct socket *socket_of_instance(const struct manager *m, const char *name)
{
	auto_free char *prefix = NULL, *id = NULL;
	struct unit *u;

	if (unit_name_prefix(name, &prefix) < 0 || !(id = str_printf("%s.socket", prefix)))
		return NULL;
	u = manager_get_unit(m, id);
	if (!u || u->ops->type != UNIT_SOCKET || !u->file || !u->file->socket ||
	    !u->file->socket->accept || SOCKET(u)->state != SOCKET_LISTENING)
		return NULL;
	return SOCKET(u);
}

/* Accepted by a core that died before its instance was on record. */
static void take_connection(struct manager *m, const char *item, const char *name)
{
	auto_fd int fd = link_vault_take(types_vault(m), item);
	const struct unit *known = manager_get_unit(m, name);
	struct socket *s = socket_of_instance(m, name);
	auto_free char *other_name = NULL, *source = NULL;
	unsigned number = instance_number(name);
	int r = -ESTALE;

	if (fd >= 0 && s && !(known && unit_is_active_or_activating(known)))
		r = instance_name(s, fd, &other_name, &source);
	if (r >= 0) {
		s->n_accepted = MAX(s->n_accepted, number);
		r = start_instance(s, name, TAKE_FD(fd), source);
		unit_save_soon(&s->unit);
	}
	if (r >= 0)
		return;
	connection_forget(m, name);
	if (r != -ENOTCONN)
		log_unit_errno(LOG_WARNING, name, r, "Its connection is given up: %m");
}

void connections_taken_over(struct manager *m)
{
	struct link *k = types_vault(m);
	auto_strv char **names = NULL;

	if (!k || link_vault_names(k, CONNECTION_VAULT "/", &names) < 0)
		return;
	STRV_FOREACH (name, names)
		take_connection(m, *name, *name + strlen(CONNECTION_VAULT "/"));
}
