// SPDX-License-Identifier: Apache-2.0
/*
 * Entries lie densely in the order in which they came, 16 bytes each; an index of 32-bit entry
 * numbers (open addressing, linear probing, at most half full) finds them by hash. Up to SMALL
 * entries there is no index at all, just a walk.
 *
 * Invariants: a removed entry has a NULL value and stays, in the entries as in the index, until the
 * next growth squeezes it out; so positions are stable while entries are only removed. An index
 * slot is EMPTY or the number of an entry, dead or alive.
 */
#include "base/map.h"

#include "base/str.h"

#include <sys/auxv.h>
#include <sys/random.h>

#define SMALL       8U
#define START       4U
#define EMPTY       UINT32_MAX
#define ENTRIES_MAX (1U << 30)

struct entry {
	const void *key;
	void *value; /* NULL: removed */
};

struct map {
	struct entry *entries;
	uint32_t *index; /* NULL while there are at most SMALL entries */
	uint32_t n_used, n_live, room;
	uint32_t slots; /* of the index, a power of two */
	enum map_flags flags;
};

/* Keys come from outside; with a known hash function they could be chosen so that all of them
 * collide. */
static const uint64_t *map_seed(void)
{
	static uint64_t seed[2];
	static bool seeded;

	if (!seeded) {
		const void *at_random = (const void *) getauxval(AT_RANDOM);

		if (getrandom(seed, sizeof(seed), GRND_INSECURE) != sizeof(seed) && at_random)
			memcpy(seed, at_random, sizeof(seed));
		seeded = true;
	}
	return seed;
}

static inline uint64_t rotate(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

/* SipHash-1-3 (Aumasson and Bernstein, 2012). */
static uint64_t hash_string(const char *s)
{
	const uint64_t *k = map_seed();
	uint64_t v[4] = {k[0] ^ 0x736f6d6570736575, k[1] ^ 0x646f72616e646f6d,
	                 k[0] ^ 0x6c7967656e657261, k[1] ^ 0x7465646279746573};
	size_t size = strlen(s), rest = size % 8;
	uint64_t word = 0;

	for (const char *end = s + size - rest; s != end; s += 8) {
		memcpy(&word, s, 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	word = (uint64_t) size << 56;
	for (size_t i = 0; i < rest; i++)
		word |= (uint64_t) (unsigned char) s[i] << (8 * i);
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
	v[2] ^= 0xff;
	for (unsigned i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint32_t map_hash(const struct map *m, const void *key)
{
	uint64_t h;

	if (!(m->flags & MAP_POINTER))
		return (uint32_t) hash_string(key);
	h = ((uint64_t) (uintptr_t) key ^ map_seed()[0]) * 0x9e3779b97f4a7c15;
	return (uint32_t) (h >> 32);
}

static bool key_equal(const struct map *m, const void *a, const void *b)
{
	return a == b || (!(m->flags & MAP_POINTER) && streq(a, b));
}

static struct entry *map_find(const struct map *m, const void *key)
{
	if (!m || m->n_live == 0 || (!key && !(m->flags & MAP_POINTER)))
		return NULL;
	if (!m->index) {
		for (uint32_t i = 0; i < m->n_used; i++)
			if (m->entries[i].value && key_equal(m, m->entries[i].key, key))
				return &m->entries[i];
		return NULL;
	}
	for (uint32_t i = map_hash(m, key);; i++) {
		uint32_t n = m->index[i & (m->slots - 1)];

		if (n == EMPTY)
			return NULL;
		if (m->entries[n].value && key_equal(m, m->entries[n].key, key))
			return &m->entries[n];
	}
}

static void index_put(struct map *m, uint32_t n)
{
	uint32_t i = map_hash(m, m->entries[n].key);

	while (m->index[i & (m->slots - 1)] != EMPTY)
		i++;
	m->index[i & (m->slots - 1)] = n;
}

/* Makes room for one more: squeezes the removed out, or grows to one and a half; then indexes anew.
 */
static int map_grow(struct map *m)
{
	uint32_t room = MAX(START, m->n_live + m->n_live / 2 + 1), slots = 2 * SMALL, n = 0;
	struct entry *entries;
	uint32_t *index = NULL;

	if (m->n_live >= ENTRIES_MAX)
		return -ENOSPC;
	while (slots < 2 * room)
		slots *= 2;
	if (room > SMALL) {
		index = malloc(slots * sizeof(*index));
		if (!index)
			return -ENOMEM;
		memset(index, 0xff, slots * sizeof(*index));
	}
	entries = malloc(room * sizeof(*entries));
	if (!entries) {
		free(index);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < m->n_used; i++)
		if (m->entries[i].value)
			entries[n++] = m->entries[i];
	free(m->entries);
	free(m->index);
	m->entries = entries;
	m->index = index;
	m->slots = slots;
	m->room = room;
	m->n_used = n;
	for (uint32_t i = 0; index && i < n; i++)
		index_put(m, i);
	return 0;
}

static bool owns_keys(const struct map *m)
{
	return (m->flags & MAP_OWN_KEYS) && !(m->flags & MAP_POINTER);
}

static int map_insert(struct map *m, const void *key, void *value)
{
	const void *own = key;
	int r;

	if (m->n_used >= m->room) {
		r = map_grow(m);
		if (r < 0)
			return r;
	}
	if (owns_keys(m)) {
		own = strdup(key);
		if (!own)
			return -ENOMEM;
	}
	m->entries[m->n_used] = (struct entry){own, value};
	if (m->index)
		index_put(m, m->n_used);
	m->n_used++;
	m->n_live++;
	return 0;
}

struct map *map_new(enum map_flags flags)
{
	struct map *m = calloc(1, sizeof(*m));

	if (m)
		m->flags = flags;
	return m;
}

struct map *map_free(struct map *m)
{
	if (m)
		map_clear(m);
	free(m);
	return NULL;
}

void *map_get(const struct map *m, const void *key)
{
	struct entry *e = map_find(m, key);

	return e ? e->value : NULL;
}

bool map_has(const struct map *m, const void *key)
{
	return map_find(m, key);
}

int map_add(struct map *m, const void *key, void *value)
{
	if (!value || (!key && !(m->flags & MAP_POINTER)))
		return -EINVAL;
	return map_find(m, key) ? -EEXIST : map_insert(m, key, value);
}

int map_put(struct map *m, const void *key, void *value)
{
	struct entry *e;

	if (!value || (!key && !(m->flags & MAP_POINTER)))
		return -EINVAL;
	e = map_find(m, key);
	if (!e)
		return map_insert(m, key, value);
	/* The old key often lives inside the old value. */
	if (!owns_keys(m))
		e->key = key;
	e->value = value;
	return 0;
}

void *map_remove(struct map *m, const void *key)
{
	struct entry *e = map_find(m, key);
	void *value;

	if (!e)
		return NULL;
	value = e->value;
	e->value = NULL;
	if (owns_keys(m))
		free((void *) e->key);
	e->key = NULL;
	if (--m->n_live == 0)
		map_clear(m);
	return value;
}

size_t map_size(const struct map *m)
{
	return m ? m->n_live : 0;
}

void map_clear(struct map *m)
{
	if (!m)
		return;
	for (uint32_t i = 0; owns_keys(m) && i < m->n_used; i++)
		free((void *) m->entries[i].key);
	free(m->entries);
	free(m->index);
	*m = (struct map){.flags = m->flags};
}

bool map_next(const struct map *m, size_t *position, const void **ret_key, void **ret_value)
{
	for (; m && *position < m->n_used; ++*position) {
		const struct entry *e = &m->entries[*position];

		if (!e->value)
			continue;
		++*position;
		if (ret_key)
			*ret_key = e->key;
		if (ret_value)
			*ret_value = e->value;
		return true;
	}
	return false;
}
