// SPDX-License-Identifier: Apache-2.0
/*
 * A table of a megabyte of which only the slots in use are ever touched: the lowest free one is
 * taken, so its pages are few.
 */
#include "init/init.h"

#include <string.h>
#include <unistd.h>

static struct vault_item vault[WIRE_VAULT_ITEMS_MAX];
static int vault_used; /* no item at or above this index */

struct vault_item *vault_at(int index)
{
	return &vault[index];
}

int vault_next(int index)
{
	for (; index < vault_used; index++)
		if (vault[index].name[0])
			return index;
	return -ENOENT;
}

static bool vault_name_is_valid(const char *name, size_t n)
{
	if (!n || n > WIRE_VAULT_NAME_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char) name[i] < ' ' || name[i] == 0x7f)
			return false;
	return true;
}

int vault_find(const char *name, size_t n)
{
	if (!vault_name_is_valid(name, n))
		return -EINVAL;
	for (int i = 0; i < vault_used; i++)
		if (!memcmp(vault[i].name, name, n) && !vault[i].name[n])
			return i;
	return -ENOENT;
}

int vault_put(const char *name, size_t n, int fd)
{
	int slot = fd < 0 ? -EINVAL : vault_find(name, n), old;

	if (slot >= 0) {
		old = vault[slot].fd;
		vault[slot].fd = fd;
		FENCE();
		close(old);
		return 0;
	}
	if (slot == -EINVAL)
		return slot;
	for (slot = 0; slot < vault_used && vault[slot].name[0]; slot++)
		;
	if (slot == WIRE_VAULT_ITEMS_MAX)
		return -ENOSPC;
	if (slot == vault_used)
		vault_used++;
	/* The first byte of the name makes the slot exist. */
	vault[slot].fd = fd;
	memcpy(vault[slot].name + 1, name + 1, n - 1);
	vault[slot].name[n] = '\0';
	FENCE();
	vault[slot].name[0] = name[0];
	return 0;
}

int vault_drop(const char *name, size_t n)
{
	int slot = vault_find(name, n);

	if (slot < 0)
		return slot;
	vault[slot].name[0] = '\0';
	FENCE();
	close(vault[slot].fd);
	while (vault_used > 0 && !vault[vault_used - 1].name[0])
		vault_used--;
	return 0;
}

void vault_reset(void)
{
	while (vault_used > 0)
		vault[--vault_used].name[0] = '\0';
}
