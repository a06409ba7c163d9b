// SPDX-License-Identifier: Apache-2.0
#include "base/map.h"

#include "base/list.h"
#include "base/str.h"
#include "check.h"

#define VALUE(n) ((void *) (intptr_t) (n))

TEST(map__add_put_remove)
{
	struct map *m = map_new(MAP_STRING);
	char key[] = "key";

	CHECK_INT(map_add(m, "key", VALUE(1)), ==, 0);
	CHECK_INT(map_add(m, key, VALUE(2)), ==, -EEXIST);
	CHECK(map_get(m, key) == VALUE(1));
	CHECK_INT(map_put(m, key, VALUE(2)), ==, 0);
	CHECK(map_get(m, "key") == VALUE(2));
	CHECK_INT(map_add(m, "null", NULL), ==, -EINVAL);
	CHECK_INT(map_size(m), ==, 1);
	CHECK(map_remove(m, "other") == NULL);
	CHECK(map_remove(m, "key") == VALUE(2));
	CHECK(!map_has(m, "key"));
	CHECK_INT(map_size(m), ==, 0);
	map_free(m);
	CHECK(!map_get(NULL, "x") && map_size(NULL) == 0 && !map_remove(NULL, "x"));
	map_free(NULL);
}

TEST(map__owns_its_keys_if_told)
{
	struct map *m = map_new(MAP_OWN_KEYS);
	char key[] = "a";

	for (char c = 'a'; c <= 'z'; c++) {
		key[0] = c;
		CHECK_INT(map_add(m, key, VALUE(c)), ==, 0);
	}
	CHECK(map_get(m, "c") == VALUE('c'));
	CHECK(map_remove(m, "c") == VALUE('c'));
	map_clear(m);
	CHECK_INT(map_size(m), ==, 0);
	CHECK_INT(map_add(m, key, VALUE(1)), ==, 0);
	map_free(m);
}

TEST(map__iterates_in_order_of_insertion)
{
	struct map *m = map_new(MAP_POINTER);
	intptr_t want = 1000;
	const void *key;
	size_t i = 0;
	void *value;

	for (intptr_t k = 1000; k > 0; k--)
		CHECK_INT(map_add(m, VALUE(k * 64), VALUE(k)), ==, 0);
	for (intptr_t k = 1000; k > 0; k--)
		if (k % 3 == 0)
			CHECK(map_remove(m, VALUE(k * 64)) == VALUE(k));
	/* NULL is a pointer like any other; this one comes last. */
	CHECK_INT(map_add(m, NULL, VALUE(5000)), ==, 0);
	for (; want > 0; want--) {
		if (want % 3 == 0)
			continue;
		CHECK(map_next(m, &i, &key, &value));
		CHECK_INT((intptr_t) value, ==, want);
		CHECK_INT((intptr_t) key, ==, want * 64);
	}
	CHECK(map_next(m, &i, &key, &value) && value == VALUE(5000));
	CHECK(!map_next(m, &i, &key, &value));
	map_free(m);
}

TEST(map__removing_while_iterating_is_safe)
{
	for (unsigned n = 1; n < 100; n += 7) {
		struct map *m = map_new(MAP_POINTER);
		void *value;
		unsigned seen = 0;

		for (unsigned k = 1; k <= n; k++)
			CHECK_INT(map_add(m, VALUE(k), VALUE(k)), ==, 0);
		MAP_FOREACH (value, m) {
			seen++;
			CHECK_INT((intptr_t) value, ==, seen);
			CHECK(map_remove(m, value) == value);
		}
		CHECK_INT(seen, ==, n);
		CHECK_INT(map_size(m), ==, 0);
		map_free(m);
	}
}

/* Against an array, with random keys. */
TEST(map__agrees_with_a_model)
{
	enum { KEYS = 300 };
	char *names[KEYS];
	intptr_t model[KEYS] = {0};
	unsigned seed = getenv("SEED") ? (unsigned) atoi(getenv("SEED")) : 7;
	struct map *m = map_new(MAP_STRING);
	size_t live = 0;

	for (int i = 0; i < KEYS; i++)
		names[i] = str_printf("unit-%d.service", i);
	for (int step = 0; step < 100000; step++) {
		int k = rand_r(&seed) % (step / 1000 % 2 ? KEYS : 40), what = rand_r(&seed) % 4;
		intptr_t v = 1 + rand_r(&seed) % 1000;

		if (what == 0) {
			CHECK_INT(map_add(m, names[k], VALUE(v)), ==, model[k] ? -EEXIST : 0);
			live += !model[k];
			model[k] = model[k] ?: v;
		} else if (what == 1) {
			CHECK_INT(map_put(m, names[k], VALUE(v)), ==, 0);
			live += !model[k];
			model[k] = v;
		} else if (what == 2) {
			CHECK_INT((intptr_t) map_remove(m, names[k]), ==, model[k]);
			live -= !!model[k];
			model[k] = 0;
		} else {
			CHECK_INT((intptr_t) map_get(m, names[k]), ==, model[k]);
		}
		CHECK_INT(map_size(m), ==, live);
	}
	map_free(m);
	for (int i = 0; i < KEYS; i++)
		free(names[i]);
}

struct item {
	int n;
	struct list link;
};

TEST(list__foreach_can_remove_break_and_continue)
{
	struct list head = {0};
	struct item items[5];
	int sum = 0;

	LIST_FOREACH (i, &head, struct item, link)
		sum++;
	CHECK_INT(sum, ==, 0);
	list_init(&head);
	LIST_FOREACH (i, &head, struct item, link)
		sum++;
	CHECK_INT(sum, ==, 0);
	for (int n = 0; n < 5; n++) {
		items[n] = (struct item){.n = n};
		list_append(&head, &items[n].link);
	}
	LIST_FOREACH (i, &head, struct item, link) {
		if (i->n == 1)
			continue;
		if (i->n == 3)
			break;
		sum += i->n;
	}
	CHECK_INT(sum, ==, 2);
	LIST_FOREACH (i, &head, struct item, link)
		if (i->n % 2)
			list_remove(&i->link);
	list_remove(&items[1].link);
	sum = 0;
	LIST_FOREACH (i, &head, struct item, link)
		sum = sum * 10 + i->n;
	CHECK_INT(sum, ==, 24);
	CHECK(LIST_FIRST(&head, struct item, link) == &items[0]);
	list_prepend(&head, &items[1].link);
	CHECK(LIST_FIRST(&head, struct item, link) == &items[1]);
	CHECK(list_is_linked(&items[1].link) && !list_is_linked(&items[3].link));
}
