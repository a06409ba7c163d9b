// SPDX-License-Identifier: Apache-2.0
/*
 * install-names.c - in which directories of the search path a name is at all. A unit file is looked for in a dozen of them, and its drop-ins in
 * as many, of which one has it: of ten thousand files that is a quarter of a million failing opens. Eight bytes a name, of its hash alone: a name
 * that shares one is looked for where it is not, and that is all.
 */
#include "unitfile/install.h"

static uint32_t hash_name(const char *name)
{
	uint32_t h = 2166136261U;

	for (; *name; name++)
		h = (h ^ (unsigned char) *name) * 16777619U;
	return h;
}

uint32_t install_dir_bit(unsigned dir)
{
	return 1U << MIN(dir, INSTALL_NAMES_LAST_DIR);
}

int install_names_add(struct install_names *x, unsigned dir, const char *name)
{
	if (x->n == x->allocated) {
		size_t more = MAX(x->allocated * 2, (size_t) 64);
		struct install_name *bigger = reallocarray(x->items, more, sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		x->items = bigger;
		x->allocated = more;
	}
	x->items[x->n++] = (struct install_name){hash_name(name), install_dir_bit(dir)};
	return 0;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = ((const struct install_name *) a)->hash,
		 y = ((const struct install_name *) b)->hash;

	return (x > y) - (x < y);
}

void install_names_sort(struct install_names *x)
{
	size_t n = 0;

	if (x->n == 0)
		return;
	qsort(x->items, x->n, sizeof(*x->items), compare);
	for (size_t i = 1; i < x->n; i++) {
		if (x->items[i].hash == x->items[n].hash)
			x->items[n].dirs |= x->items[i].dirs;
		else
			x->items[++n] = x->items[i];
	}
	x->n = n + 1;
}

uint32_t install_names_dirs(const struct install_names *x, const char *name)
{
	const struct install_name key = {hash_name(name), 0}, *found;

	found = x->n > 0 ? bsearch(&key, x->items, x->n, sizeof(key), compare) : NULL;
	return x->unknown | (found ? found->dirs : 0);
}

void install_names_done(struct install_names *x)
{
	free(x->items);
	*x = (struct install_names){0};
}
