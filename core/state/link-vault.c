// SPDX-License-Identifier: Apache-2.0
#include "state/link-internal.h"

#include "base/fault.h"

static void item_free(struct link_item *i)
{
	if (!i)
		return;
	fd_close(i->fd);
	free(i->name);
	free(i);
}

int link_vault_received(struct link *k, const char *name, int fd_take)
{
	auto_fd int fd = fd_take;
	struct link_item *i;
	int r;

	if (fd < 0 || str_is_empty(name) || strlen(name) > WIRE_VAULT_NAME_MAX)
		return -EPROTO;
	i = map_get(k->vault, name);
	if (i) {
		fd_close(i->fd);
		i->fd = TAKE_FD(fd);
		return 0;
	}
	if (map_size(k->vault) >= WIRE_VAULT_ITEMS_MAX)
		return -EPROTO;
	i = calloc(1, sizeof(*i));
	if (!i)
		return -ENOMEM;
	i->fd = TAKE_FD(fd);
	i->name = strdup(name);
	r = i->name ? map_add(k->vault, i->name, i) : -ENOMEM;
	if (r < 0)
		item_free(i);
	return r;
}

void link_vault_done(struct link *k)
{
	struct link_item *i;

	MAP_FOREACH (i, k->vault)
		item_free(i);
	k->vault = map_free(k->vault);
}

int link_vault_take(struct link *k, const char *name)
{
	struct link_item *i = map_remove(k->vault, name);
	int fd;

	if (!i)
		return -ENOENT;
	FAULT_POINT("vault.take");
	fd = TAKE_FD(i->fd);
	item_free(i);
	return fd;
}

int link_vault_names(const struct link *k, const char *prefix, char ***ret)
{
	auto_strv char **names = NULL;
	const struct link_item *i;
	int r;

	MAP_FOREACH (i, k->vault) {
		if (!str_after(i->name, prefix))
			continue;
		r = strv_append(&names, i->name);
		if (r < 0)
			return r;
	}
	if (!names && !(names = strv_copy(NULL)))
		return -ENOMEM;
	*ret = TAKE_PTR(names);
	return 0;
}

static int vault_send(struct link *k, enum wire_type type, const char *name, int fd)
{
	struct wire_message m = {.version = WIRE_VERSION, .type = (uint16_t) type};
	size_t n = name ? strlen(name) : 0;

	if (n == 0 || n > WIRE_VAULT_NAME_MAX)
		return -EINVAL;
	m.text_size = (uint32_t) n;
	return link_send(k, &m, name, fd);
}

int link_vault_put(struct link *k, const char *name, int fd)
{
	int r;

	FAULT_POINT("vault.put.before");
	r = fd < 0 ? -EBADF : vault_send(k, WIRE_VAULT_PUT, name, fd);
	FAULT_POINT("vault.put.after");
	return r;
}

int link_vault_drop(struct link *k, const char *name)
{
	int r;

	if (name)
		item_free(map_remove(k->vault, name));
	FAULT_POINT("vault.drop.before");
	r = vault_send(k, WIRE_VAULT_DROP, name, -EBADF);
	FAULT_POINT("vault.drop.after");
	return r;
}

/* ---- WELCOME's text ---- */

static int take_string(void *field, const char *value)
{
	return str_set(field, value);
}

static int take_u64(void *field, const char *value)
{
	return str_to_u64(value, 10, field);
}

static int take_bool(void *field, const char *value)
{
	int r = str_to_bool(value);

	if (r < 0)
		return r;
	*(bool *) field = r;
	return 0;
}

/* clang-format off */
static const struct {
	const char *key;
	int (*take)(void *field, const char *value);
	size_t offset;
} welcome_keys[] = {
	{ "version",	   take_string, offsetof(struct welcome, version) },
	{ "reason",	   take_string, offsetof(struct welcome, reason) },
	{ "died",	   take_string, offsetof(struct welcome, died) },
	{ "mode",	   take_string, offsetof(struct welcome, mode) },
	{ "last-upgrade",  take_string, offsetof(struct welcome, last_upgrade) },
	{ "started",	   take_u64,	offsetof(struct welcome, started_usec) },
	{ "restarts",	   take_u64,	offsetof(struct welcome, restarts) },
	{ "init-upgrades", take_u64,	offsetof(struct welcome, init_upgrades) },
	{ "core-upgrades", take_u64,	offsetof(struct welcome, core_upgrades) },
	{ "container",	   take_bool,	offsetof(struct welcome, container) },
};
/* clang-format on */

int welcome_parse(const char *text, struct welcome *ret)
{
	auto_strv char **lines = NULL;
	int r;

	r = strv_split(text, "\n", &lines);
	if (r < 0)
		return r;
	STRV_FOREACH (line, lines)
		for (size_t i = 0; i < ELEMENTSOF(welcome_keys); i++) {
			const char *value = str_after(*line, welcome_keys[i].key);

			if (!value || *value != '=')
				continue;
			/* A value that this core cannot read is one it can do without. */
			r = welcome_keys[i].take((char *) ret + welcome_keys[i].offset, value + 1);
			if (r == -ENOMEM)
				return r;
		}
	return 0;
}

void welcome_done(struct welcome *w)
{
	free(w->version);
	free(w->reason);
	free(w->died);
	free(w->mode);
	free(w->last_upgrade);
	*w = (struct welcome){0};
}
