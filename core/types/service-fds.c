// SPDX-License-Identifier: Apache-2.0
/*
 * File descriptors a service gets: its sockets', the connection it was started for, and those it
 * gave us to keep (fd store). Stored ones are in the vault too, under "fdstore/UNIT/NUMBER", so
 * they outlive core.
 */
#include "types/service.h"

#include "base/fault.h"

#include <stdio.h>
#include <sys/stat.h>

#define VAULT_KIND "fdstore"

bool fd_name_is_valid(const char *name)
{
	if (!*name || strlen(name) > 255)
		return false;
	for (const char *p = name; *p; p++)
		if (*p < ' ' || *p >= 127 || *p == ':')
			return false;
	return true;
}

static void stored_fd_free(struct stored_fd *f, bool drop)
{
	struct link *k = types_vault(f->service->unit.manager);
	char name[WIRE_VAULT_NAME_MAX + 1];

	if (drop && k && types_vault_name(f->service->unit.id, VAULT_KIND, f->number, name) >= 0)
		(void) link_vault_drop(k, name);
	list_remove(&f->link);
	f->service->n_stored_fds--;
	source_free(f->source);
	fd_close(f->fd);
	free(f->name);
	free(f);
}

/* systemd.service(5), FileDescriptorStoreMax=: one that hung up is of no use and goes. */
static int on_hangup(_unused_ struct source *source, _unused_ int fd, _unused_ uint32_t revents,
                     void *userdata)
{
	struct stored_fd *f = userdata;
	struct service *s = f->service;

	log_unit(LOG_DEBUG, s->unit.id, "Stored file descriptor '%s' hung up, closing it", f->name);
	stored_fd_free(f, true);
	unit_save_soon(&s->unit);
	unit_gc_soon(&s->unit);
	return 0;
}

static int stored_fd_add(struct service *s, int fd_take, const char *name, bool poll,
                         unsigned number, struct stored_fd **ret)
{
	struct stored_fd *f = calloc(1, sizeof(*f));

	if (!f || !(f->name = strdup(name))) {
		free(f);
		fd_close(fd_take);
		return -ENOMEM;
	}
	f->service = s;
	f->fd = fd_take;
	f->poll = poll;
	f->number = number;
	list_append(&s->stored_fds, &f->link);
	s->n_stored_fds++;
	/* -EPERM: a regular file cannot be polled, and cannot hang up. */
	if (poll && loop_add_io(s->unit.manager->loop, fd_take, 0, "service-fd-store", on_hangup, f,
	                        &f->source) < 0)
		f->source = NULL;
	*ret = f;
	return 0;
}

static bool is_same_file(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) >= 0 && fstat(b, &y) >= 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino && (x.st_mode & S_IFMT) == (y.st_mode & S_IFMT);
}

int service_store_fd(struct service *s, int fd_take, const char *name, bool poll)
{
	auto_fd int fd = fd_take;
	struct link *k = types_vault(s->unit.manager);
	char vault[WIRE_VAULT_NAME_MAX + 1];
	struct stored_fd *f;
	int r;

	if (s->n_stored_fds >=
	    MIN(service_settings(s)->file_descriptor_store_max, (unsigned) STORED_FDS_MAX))
		return -EXFULL;
	LIST_FOREACH (old, &s->stored_fds, struct stored_fd, link)
		if (is_same_file(old->fd, fd) && streq(old->name, name))
			return 0;
	r = types_vault_name(s->unit.id, VAULT_KIND, ++s->last_stored_fd, vault);
	if (r >= 0 && k)
		r = link_vault_put(k, vault, fd);
	if (r < 0)
		log_unit_errno(LOG_WARNING, s->unit.id, r,
		               "Stored file descriptor '%s' will not outlive core: %m", name);
	FAULT_POINT("service.fd-stored");
	return stored_fd_add(s, TAKE_FD(fd), name, poll, s->last_stored_fd, &f);
}

void service_drop_fds(struct service *s, const char *name)
{
	LIST_FOREACH (f, &s->stored_fds, struct stored_fd, link)
		if (!name || streq(f->name, name))
			stored_fd_free(f, true);
}

/* "NUMBER POLL NAME": the name comes last, since it may hold blanks. */
void service_save_fds(const struct service *s, struct strbuf *b)
{
	LIST_FOREACH (f, &s->stored_fds, struct stored_fd, link) {
		auto_free char *line = str_printf("%u %d %s", f->number, f->poll, f->name);

		if (line)
			record_add(b, "stored-fd", line);
		else
			b->error = -ENOMEM;
	}
}

static void restore_one(struct service *s, const char *line)
{
	struct link *k = types_vault(s->unit.manager);
	char vault[WIRE_VAULT_NAME_MAX + 1];
	struct stored_fd *f;
	unsigned number;
	int poll, n = 0, fd;

	if (sscanf(line, "%u %d %n", &number, &poll, &n) < 2 || n == 0 ||
	    !fd_name_is_valid(line + n) || !k)
		return;
	if (types_vault_name(s->unit.id, VAULT_KIND, number, vault) < 0)
		return;
	s->last_stored_fd = MAX(s->last_stored_fd, number);
	fd = link_vault_take(k, vault);
	if (fd < 0)
		log_unit_errno(LOG_WARNING, s->unit.id, fd,
		               "Stored file descriptor '%s' is lost: %m", line + n);
	else if (stored_fd_add(s, fd, line + n, poll, number, &f) < 0)
		log_unit(LOG_WARNING, s->unit.id, "Out of memory for a stored file descriptor");
}

void service_restore_fds(struct service *s, const struct record *r)
{
	auto_strv char **lines = NULL;

	if (record_get_strv(r, "stored-fd", &lines) < 0)
		return;
	STRV_FOREACH (line, lines)
		restore_one(s, *line);
}

/* ---- what a start passes on ---- */

void service_fds_done(struct service_fds *f)
{
	free(f->fds);
	strv_free(f->names);
	*f = (struct service_fds){0};
}

static int append(struct service_fds *f, const int *fds, char *const *names, size_t n)
{
	size_t have = f->n_socket + f->n_stored;
	int *bigger = reallocarray(f->fds, have + n + 1, sizeof(int));

	if (!bigger)
		return -ENOMEM;
	f->fds = bigger;
	for (size_t i = 0; i < n; i++) {
		int r = strv_append(&f->names, names[i]);

		if (r < 0)
			return r;
		f->fds[have + i] = fds[i];
	}
	return 0;
}

static int collect_sockets(struct service *s, struct service_fds *f)
{
	struct unit *other;

	UNIT_FOREACH_DEPENDENCY (other, &s->unit, DEP_TRIGGERED_BY) {
		auto_free int *fds = NULL;
		auto_strv char **names = NULL;
		size_t n = 0;
		int r;

		if (other->ops->type != UNIT_SOCKET)
			continue;
		r = socket_collect_fds(other, &fds, &names, &n);
		if (r >= 0)
			r = append(f, fds, names, n);
		if (r < 0)
			return r;
		f->n_socket += n;
	}
	return 0;
}

int service_collect_fds(struct service *s, struct service_fds *ret)
{
	char name[] = "connection", *names[] = {name};
	struct service_fds f = {0};
	int r;

	if (s->connection_fd >= 0) {
		r = append(&f, &s->connection_fd, names, 1);
		f.n_socket = r < 0 ? 0 : 1;
	} else {
		r = collect_sockets(s, &f);
	}
	LIST_FOREACH (stored, &s->stored_fds, struct stored_fd, link) {
		if (r < 0)
			break;
		r = append(&f, &stored->fd, &stored->name, 1);
		if (r >= 0)
			f.n_stored++;
	}
	if (r < 0) {
		service_fds_done(&f);
		return r;
	}
	*ret = f;
	return 0;
}
