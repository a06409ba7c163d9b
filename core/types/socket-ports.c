// SPDX-License-Identifier: Apache-2.0
/*
 * Which open fd is which port of the settings, and where it is in the vault.
 *
 * A port is known by kind and address. Its number in the settings changes when lines of the unit file come, go or move; the slot in
 * the vault stays with the fd, so a reload never has to put one away under another name: a core that dies while it reloads
 * finds every socket where it was.
 */
#include "types/socket.h"

const struct socket_port *socket_port_nth(const struct socket_settings *c, unsigned n)
{
	const struct socket_port *p = c->ports;

	while (p && n-- > 0)
		p = p->next;
	return p;
}

bool socket_port_is_open(const struct socket *s, unsigned port)
{
	for (size_t i = 0; i < s->n_fds; i++)
		if (s->fds[i].port == port)
			return true;
	return false;
}

static bool slot_is_used(const struct socket *s, unsigned slot)
{
	for (size_t i = 0; i < s->n_fds; i++)
		if (s->fds[i].slot == slot)
			return true;
	return false;
}

int socket_fd_add(struct socket *s, int fd_take, unsigned port, unsigned slot)
{
	struct socket_fd *bigger = reallocarray(s->fds, s->n_fds + 1, sizeof(*s->fds));

	if (!bigger) {
		fd_close(fd_take);
		return -ENOMEM;
	}
	s->fds = bigger;
	/* One slot more than there are fds is always free. */
	for (unsigned i = 0; slot_is_used(s, slot); i++)
		slot = i;
	s->fds[s->n_fds++] =
		(struct socket_fd){.fd = fd_take, .port = port, .slot = slot, .socket = s};
	return 0;
}

static int compare_ports(const void *a, const void *b)
{
	const struct socket_fd *x = a, *y = b;

	return x->port < y->port ? -1 : x->port > y->port;
}

/* A service gets its sockets in the order of the file (sd_listen_fds(3)). Nothing may be watched: sources point into the array. */
void socket_sort_fds(struct socket *s)
{
	if (s->n_fds > 1)
		qsort(s->fds, s->n_fds, sizeof(*s->fds), compare_ports);
}

/* ---- the vault ---- */

#define VAULT_KIND "socket"

void socket_fd_keep(const struct socket *s, const struct socket_fd *f)
{
	struct link *k = types_vault(s->unit.manager);
	char name[WIRE_VAULT_NAME_MAX + 1];
	int r;

	if (!k)
		return;
	r = types_vault_name(s->unit.id, VAULT_KIND, f->slot, name);
	if (r >= 0)
		r = link_vault_put(k, name, f->fd);
	if (r < 0)
		log_unit_errno(LOG_WARNING, s->unit.id, r, "Socket %u will not outlive core: %m",
		               f->port);
}

void socket_fd_forget(const struct socket *s, const struct socket_fd *f)
{
	struct link *k = types_vault(s->unit.manager);
	char name[WIRE_VAULT_NAME_MAX + 1];
	int r;

	if (!k || types_vault_name(s->unit.id, VAULT_KIND, f->slot, name) < 0)
		return;
	r = link_vault_drop(k, name);
	if (r < 0)
		log_unit_errno(LOG_WARNING, s->unit.id, r,
		               "init keeps socket %u until core is started again: %m", f->port);
}

/* 1: it is this port, 0: it is not, -errno: that cannot be told now. */
static int fits(const struct socket *s, unsigned port, const struct socket_port *p, int fd)
{
	int r = socket_port_is_open(s, port) ? 0 : socket_check_fd(s, p, fd);

	return r < 0 && r != -ENOMEM && r != -EMFILE && r != -ENFILE ? 0 : r;
}

/* The port that a kept fd belongs to: by its slot, as it is where no reload moved anything, else whichever it fits. -ESTALE: none. */
static int find_port(const struct socket *s, unsigned slot, int fd)
{
	const struct socket_settings *c = socket_settings(s);
	const struct socket_port *p = socket_port_nth(c, slot);
	int unclear = 0, r = p ? fits(s, slot, p, fd) : 0;
	unsigned n = 0;

	if (r > 0)
		return (int) slot;
	for (p = c->ports; p; p = p->next, n++) {
		r = fits(s, n, p, fd);
		if (r > 0)
			return (int) n;
		unclear = r < 0 ? r : unclear;
	}
	return unclear < 0 ? unclear : -ESTALE;
}

static int take_slot(struct socket *s, const char *name, unsigned slot)
{
	struct link *k = types_vault(s->unit.manager);
	auto_fd int fd = link_vault_take(k, name);
	int port;

	if (fd < 0)
		return fd;
	port = find_port(s, slot, fd);
	if (port >= 0)
		return socket_fd_add(s, TAKE_FD(fd), (unsigned) port, slot);
	if (port == -ESTALE)
		(void) link_vault_drop(k, name); /* nobody will ask for it again */
	return port;
}

/* The names of what the vault holds of the unit, with "socket/UNIT/" in @prefix. */
static int list_kept(const struct socket *s, char *prefix, char ***ret)
{
	const struct link *k = types_vault(s->unit.manager);
	int r = types_vault_name(s->unit.id, VAULT_KIND, 0, prefix);

	*ret = NULL;
	if (!k || r < 0)
		return k ? r : 0;
	prefix[strlen(prefix) - 1] = '\0';
	return link_vault_names(k, prefix, ret);
}

void socket_drop_kept(const struct socket *s)
{
	char prefix[WIRE_VAULT_NAME_MAX + 1];
	auto_strv char **names = NULL;

	if (list_kept(s, prefix, &names) < 0)
		return;
	STRV_FOREACH (name, names)
		(void) link_vault_drop(types_vault(s->unit.manager), *name);
}

int socket_take_kept(struct socket *s)
{
	char prefix[WIRE_VAULT_NAME_MAX + 1];
	auto_strv char **names = NULL;
	int r = list_kept(s, prefix, &names);

	if (r < 0)
		return r;
	STRV_FOREACH (name, names) {
		uint32_t slot;

		r = str_to_u32(*name + strlen(prefix), &slot);
		if (r >= 0)
			r = take_slot(s, *name, slot);
		if (r == -ENOMEM)
			return r;
		if (r < 0)
			log_unit_errno(LOG_WARNING, s->unit.id, r,
			               "Kept socket '%s' is none of the unit's: %m", *name);
	}
	socket_sort_fds(s);
	return s->n_fds > 0;
}

/* ---- a reload ---- */

/* The number of the same port in these settings, if none of the first @n fds has it. */
static int find_same(const struct socket *s, size_t n, const struct socket_settings *c,
                     const struct socket_port *wanted)
{
	unsigned number = 0;

	for (const struct socket_port *p = c->ports; p; p = p->next, number++) {
		bool taken = false;

		for (size_t i = 0; i < n; i++)
			taken |= s->fds[i].port == number;
		if (!taken && p->kind == wanted->kind && streq(p->address, wanted->address))
			return (int) number;
	}
	return -ENOENT;
}

/*
 * A port that is no more in the file is closed, which is all that removing it can mean; one that came is opened by the next start, as
 * systemd does it: who made the line may not have made what it needs.
 */
void socket_settings_change(struct unit *u, const struct unit_file *new)
{
	struct socket *s = SOCKET(u);
	size_t n = 0;

	if (s->n_fds == 0)
		return;
	socket_unwatch(s);
	for (size_t i = 0; i < s->n_fds; i++) {
		const struct socket_port *p = socket_port_nth(u->file->socket, s->fds[i].port);
		int now = p ? find_same(s, n, new->socket, p) : -ENOENT;

		if (now < 0) {
			socket_fd_forget(s, &s->fds[i]);
			fd_close(s->fds[i].fd);
			continue;
		}
		s->fds[n] = s->fds[i];
		s->fds[n++].port = (unsigned) now;
	}
	s->n_fds = n;
	socket_sort_fds(s);
	if (s->state == SOCKET_LISTENING)
		(void) socket_watch(s);
}
