// SPDX-License-Identifier: Apache-2.0
/* A store's file whose bytes were changed: the input is a list of (offset, byte) for a good file, 3
 * and 1 bytes each. */
#include "state/state.h"
#include "state/store-internal.h"

#include <stdio.h>

#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* A fault in the middle of opening leaves some of LMDB's own memory behind: once in a core's life,
 * and known. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void)
{
	return "leak:mdb_\n";
}

static int ignore(const char *key, const char *value, size_t size, void *userdata)
{
	(void) key;
	(void) value;
	*(size_t *) userdata += size;
	return 0;
}

static const char *fuzz_dir;

static void remove_dir(void)
{
	(void) rm_rf(fuzz_dir);
}

static char *good_file(const char *dir, size_t *ret_size)
{
	auto_free char *path = path_join(dir, STORE_FILE);
	char value[300], *good = NULL;
	struct store *s;

	if (store_open(dir, &s) < 0)
		abort();
	memset(value, 'v', sizeof(value));
	for (int i = 0; i < 90; i++) {
		char key[16];

		snprintf(key, sizeof(key), "unit/%d", i % 40);
		store_put(s, key, value, (size_t) (i * 3));
		if (i % 5 == 0)
			store_flush(s);
	}
	store_flush(s);
	store_free(s);
	if (file_read(path, &good, ret_size) < 0)
		abort();
	return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char dir[] = "/dev/shm/fuzz-store-XXXXXX", *good;
	static size_t good_size;
	auto_free char *path = NULL, *bad = NULL;
	struct store *s = NULL;
	size_t sum = 0;

	if (!good) {
		if (!mkdtemp(dir))
			abort();
		fuzz_dir = dir;
		(void) atexit(remove_dir);
		good = good_file(dir, &good_size);
	}
	path = path_join(dir, STORE_FILE);
	bad = malloc(good_size);
	if (!path || !bad)
		abort();
	memcpy(bad, good, good_size);
	for (; size >= 4; data += 4, size -= 4)
		bad[(size_t) (data[0] | data[1] << 8 | data[2] << 16) % good_size] = (char) data[3];
	if (file_write_atomic(path, bad, good_size, 0600, false) < 0)
		abort();
	if (store_open(dir, &s) < 0 && !s)
		abort();
	if (store_foreach(s, "", ignore, &sum) < 0 || store_put(s, "new", "x", 1) < 0 ||
	    store_flush(s) < 0)
		abort();
	store_free(s);
	return 0;
}
