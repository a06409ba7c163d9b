// SPDX-License-Identifier: Apache-2.0
/*
 * What the processes of a unit, and of units that JoinsNamespaceOf= ties together, have in common: the network and the IPC name space,
 * and the private /tmp. Who starts first makes a group, and whoever starts while a unit of it is up joins; the last one to go removes it.
 * The group's name is in the record of each before a process is. The name spaces are in boxes (exec/namespace-box.h), which are made when
 * they are first needed and are in the vault as "netns/INVOCATION" and "ipcns/INVOCATION".
 */
#include "types/common.h"

#include "base/fault.h"
#include "exec/namespace-box.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum { SHARES_NET = 1, SHARES_IPC = 2, SHARES_TMP = 4 };

static const struct {
	const char *vault; /* prefix of its name */
	const char *own;   /* in /proc/PID */
	unsigned bit;
} kinds[EXEC_BOX_MAX] = {
	[EXEC_BOX_NET] = {"netns/", "ns/net", SHARES_NET},
	[EXEC_BOX_IPC] = {"ipcns/", "ns/ipc", SHARES_IPC},
};

/* m->namespaces_data: a map from the invocation. */
struct boxes {
	char invocation[ID128_TEXT_MAX];
	int fd[EXEC_BOX_MAX];
};

static unsigned shares(const struct unit *u)
{
	const struct exec_settings *s = u->file ? u->file->exec : NULL;

	if (!s)
		return 0;
	return (s->private_network || s->network_namespace_path ? SHARES_NET : 0) |
	       (s->private_ipc || s->ipc_namespace_path ? SHARES_IPC : 0) |
	       (s->private_tmp ? SHARES_TMP : 0);
}

/* ---- groups ---- */

static int add_once(struct unit ***v, size_t *n, struct unit *u)
{
	struct unit **bigger;

	for (size_t i = 0; i < *n; i++)
		if ((*v)[i] == u)
			return 0;
	bigger = reallocarray(*v, *n + 1, sizeof(struct unit *));
	if (!bigger)
		return -ENOMEM;
	*v = bigger;
	bigger[(*n)++] = u;
	return 0;
}

static int own_group(struct unit *u)
{
	char text[ID128_TEXT_MAX];
	struct id128 id = u->invocation_id;
	int r;

	/* Taken over without a record. */
	r = id128_is_null(&id) ? id128_random(&id) : 0;
	return r < 0 ? r : exec_group_new(id128_format(&id, text), u->id, &u->namespace_group);
}

static bool has_main(const struct unit *u)
{
	return u->ops->main_pid && u->ops->main_pid(u) > 0;
}

/* One that runs and has no group was taken over without a record: it is the first of one. */
static int group_of(struct unit *u)
{
	int r;

	if (u->namespace_group || !has_main(u))
		return 0;
	r = own_group(u);
	if (r >= 0)
		unit_save_soon(u);
	return r;
}

/* The group of the nearest unit that has one, over any number of JoinsNamespaceOf=. 0: there is none. */
static int group_to_join(struct unit *u, const char **ret)
{
	auto_free struct unit **v = NULL;
	struct unit *other;
	size_t n = 0;
	int r = add_once(&v, &n, u);

	for (size_t i = 0; r >= 0 && i < n; i++) {
		if (v[i] != u && shares(v[i]) & shares(u))
			r = group_of(v[i]);
		if (r >= 0 && v[i] != u && v[i]->namespace_group && shares(v[i]) & shares(u)) {
			*ret = v[i]->namespace_group;
			return 1;
		}
		UNIT_FOREACH_DEPENDENCY (other, v[i], DEP_JOINS_NAMESPACE_OF)
			if (r >= 0)
				r = add_once(&v, &n, other);
	}
	return r;
}

int namespaces_prepare(struct unit *u)
{
	const char *group = NULL;
	int r = 0;

	if (u->namespace_group || !shares(u))
		return 0;
	/* A main process that is there already, of a core that knew no groups, is in none but its own. */
	if (!has_main(u))
		r = group_to_join(u, &group);
	if (r < 0)
		return r;
	return r > 0 ? str_set(&u->namespace_group, group) : own_group(u);
}

/* ---- boxes ---- */

static void boxes_free(struct boxes *b)
{
	for (int i = 0; i < EXEC_BOX_MAX; i++)
		fd_close(b->fd[i]);
	free(b);
}

static int boxes_of(struct manager *m, const char *group, struct boxes **ret)
{
	char invocation[ID128_TEXT_MAX];
	struct boxes *b;
	int r;

	(void) snprintf(invocation, sizeof(invocation), "%s", group);
	if (!m->namespaces_data && !(m->namespaces_data = map_new(MAP_STRING)))
		return -ENOMEM;
	*ret = map_get(m->namespaces_data, invocation);
	if (*ret)
		return 0;
	b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	*b = (struct boxes){.fd = {-EBADF, -EBADF}};
	memcpy(b->invocation, invocation, sizeof(invocation));
	r = map_add(m->namespaces_data, b->invocation, b);
	if (r < 0) {
		free(b);
		return r;
	}
	*ret = b;
	return 0;
}

static void vault_name(int kind, const char *invocation, char name[static 64])
{
	(void) snprintf(name, 64, "%s%s", kinds[kind].vault, invocation);
}

/* A process that was spawned just now is in ours until it has its own. */
static bool is_our_own(int kind, int ns)
{
	char path[64];
	struct stat ours, its;

	(void) snprintf(path, sizeof(path), "/proc/self/%s", kinds[kind].own);
	return stat(path, &ours) < 0 || fstat(ns, &its) < 0 || ours.st_ino == its.st_ino;
}

/* No box, and yet a main process: the one before us knew none, or all that it wrote is lost. 0: nothing to be had there. */
static int fill_from_main(const struct unit *u, int kind, int box)
{
	auto_fd int ns = -EBADF;
	char path[64];
	int r;

	(void) snprintf(path, sizeof(path), "/proc/%d/%s", (int) u->ops->main_pid(u),
	                kinds[kind].own);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0)
		return errno == ENOENT || errno == ESRCH ? 0 : -errno; /* it ended meanwhile */
	if (is_our_own(kind, ns))
		return 0;
	r = namespace_box_put(box, ns);
	return r < 0 ? r : 1;
}

static int fill_from_group(const struct unit *u, int kind, int box)
{
	const struct unit *other;

	MAP_FOREACH (other, u->manager->units) {
		int r;

		if (!has_main(other) || !(shares(other) & kinds[kind].bit) ||
		    !streq_ptr(other->namespace_group, u->namespace_group))
			continue;
		r = fill_from_main(other, kind, box);
		if (r != 0)
			return r;
	}
	return 0;
}

static int box_new(struct unit *u, int kind, const char *name)
{
	struct link *k = types_vault(u->manager);
	auto_fd int box = k ? link_vault_take(k, name) : -ENOENT;
	int r;

	if (box >= 0)
		return TAKE_FD(box);
	box = namespace_box_new();
	if (box < 0)
		return box;
	r = fill_from_group(u, kind, box);
	if (r < 0)
		return r;
	FAULT_POINT("namespaces.box-made");
	r = k ? link_vault_put(k, name, box) : 0;
	if (r < 0)
		log_unit_errno(LOG_WARNING, u->id, r,
		               "A name space of it will be lost when core ends: %m");
	FAULT_POINT("namespaces.box-stored");
	return TAKE_FD(box);
}

int namespaces_boxes(struct unit *u, int ret[static EXEC_BOX_MAX])
{
	struct boxes *b;
	char name[64];
	int r;

	for (int i = 0; i < EXEC_BOX_MAX; i++)
		ret[i] = -EBADF;
	if (!(shares(u) & (SHARES_NET | SHARES_IPC)))
		return 0;
	if (!u->namespace_group)
		return -ENOMEM; /* for its name, when that was to be stored */
	r = boxes_of(u->manager, u->namespace_group, &b);
	for (int i = 0; r >= 0 && i < EXEC_BOX_MAX; i++) {
		if (!(shares(u) & kinds[i].bit))
			continue;
		vault_name(i, b->invocation, name);
		if (b->fd[i] < 0)
			b->fd[i] = box_new(u, i, name);
		r = ret[i] = b->fd[i];
	}
	return MIN(r, 0);
}

static void boxes_drop(struct manager *m, const char *group)
{
	struct link *k = types_vault(m);
	struct boxes *b = NULL;
	char invocation[ID128_TEXT_MAX], name[64];

	(void) snprintf(invocation, sizeof(invocation), "%s", group);
	if (m->namespaces_data)
		b = map_remove(m->namespaces_data, invocation);
	for (int i = 0; k && i < EXEC_BOX_MAX; i++) {
		auto_fd int kept = -EBADF;

		vault_name(i, invocation, name);
		/* One that was not needed since core began is in the vault alone. */
		if (!b || b->fd[i] < 0)
			kept = link_vault_take(k, name);
		if (kept >= 0 || (b && b->fd[i] >= 0))
			(void) link_vault_drop(k, name);
	}
	if (b)
		boxes_free(b);
}

static bool group_is_in_use(const struct manager *m, const char *group)
{
	const struct unit *u;

	MAP_FOREACH (u, m->units)
		if (streq_ptr(u->namespace_group, group))
			return true;
	return false;
}

void namespaces_release(struct unit *u)
{
	auto_free char *group = TAKE_PTR(u->namespace_group);

	if (!group)
		return;
	unit_save_soon(u);
	if (group_is_in_use(u->manager, group))
		return;
	FAULT_POINT("namespaces.released");
	exec_private_tmp_remove(u->manager, group);
	boxes_drop(u->manager, group);
}

/* ---- start and end ---- */

static bool invocation_is_in_use(const struct manager *m, const char *invocation)
{
	const struct unit *u;

	MAP_FOREACH (u, m->units)
		if (u->namespace_group &&
		    strncmp(u->namespace_group, invocation, ID128_TEXT_MAX - 1) == 0)
			return true;
	return false;
}

void namespaces_taken_over(struct manager *m)
{
	struct link *k = types_vault(m);

	for (int i = 0; k && i < EXEC_BOX_MAX; i++) {
		auto_strv char **names = NULL;

		if (link_vault_names(k, kinds[i].vault, &names) < 0)
			continue;
		STRV_FOREACH (name, names)
			if (!invocation_is_in_use(m, *name + strlen(kinds[i].vault)))
				(void) link_vault_drop(k, *name);
	}
}

void namespaces_shutdown(struct manager *m)
{
	struct boxes *b;

	if (!m->namespaces_data)
		return;
	MAP_FOREACH (b, m->namespaces_data)
		boxes_free(b);
	map_free(m->namespaces_data);
	m->namespaces_data = NULL;
}
