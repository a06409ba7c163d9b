// SPDX-License-Identifier: Apache-2.0
#include "state/state.h"
#include "state/store-internal.h"

#include "check.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

static char *temporary(void)
{
	static char dir[64];

	snprintf(dir, sizeof(dir), "/dev/shm/test-store-XXXXXX");
	return mkdtemp(dir);
}

/* TEST_SEED= repeats a run. */
static unsigned test_seed(void)
{
	const char *given = getenv("TEST_SEED");

	return given ? (unsigned) atoi(given) : (unsigned) getpid();
}

static int put(struct store *s, const char *key, const char *value)
{
	return store_put(s, key, value, strlen(value));
}

struct found {
	size_t n;
	char text[4096];
};

static int collect(const char *key, const char *data, size_t size, void *userdata)
{
	struct found *f = userdata;
	size_t used = strlen(f->text);

	f->n++;
	snprintf(f->text + used, sizeof(f->text) - used, "%s=%.*s;", key, (int) size, data);
	return 0;
}

static const char *content(struct store *s, const char *prefix)
{
	static struct found f;

	f = (struct found){0};
	return store_foreach(s, prefix, collect, &f) == 0 ? f.text : "error";
}

TEST(store__keeps_what_was_flushed)
{
	char *dir = temporary();
	struct store *s;
	uint64_t n, bytes;

	CHECK_INT(store_open(dir, &s), ==, 0);
	CHECK_INT(put(s, "unit/a", "1"), ==, 0);
	CHECK_INT(put(s, "unit/b", "22"), ==, 0);
	CHECK_INT(put(s, "unit/a", "333"), ==, 0);
	CHECK_STR(content(s, ""), "");
	CHECK_INT(store_flush(s), ==, 0);
	CHECK_INT(put(s, "unit/c", "lost"), ==, 0);
	store_statistics(s, &n, &bytes);
	CHECK_INT(n, ==, 1);
	CHECK_INT(bytes, ==, 5);
	store_free(s);
	CHECK_INT(store_open(dir, &s), ==, 0);
	CHECK_STR(content(s, "unit/"), "unit/a=333;unit/b=22;");
	CHECK_STR(content(s, "unit/b"), "unit/b=22;");
	CHECK_STR(content(s, "x"), "");
	CHECK_INT(store_delete(s, "unit/a"), ==, 0);
	CHECK_INT(store_delete(s, "unit/never"), ==, 0);
	CHECK_INT(store_flush(s), ==, 0);
	CHECK_STR(content(s, "unit/"), "unit/b=22;");
	store_free(s);
	rm_rf(dir);
}

TEST(store__refuses_bad_keys_and_sizes)
{
	char *dir = temporary(), key[1024], *big = calloc(1, STORE_DATA_MAX + 1);
	struct store *s;

	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = 0;
	CHECK_INT(store_open(dir, &s), ==, 0);
	CHECK_INT(put(s, "", "x"), ==, -EINVAL);
	CHECK_INT(put(s, key, "x"), ==, -EINVAL);
	CHECK_INT(store_put(s, "big", big, STORE_DATA_MAX + 1), ==, -EINVAL);
	CHECK_INT(store_put(s, "big", big, STORE_DATA_MAX), ==, 0);
	CHECK_INT(store_put(s, "empty", "", 0), ==, 0);
	CHECK_INT(store_flush(s), ==, 0);
	CHECK_STR(content(s, "empty"), "empty=;");
	store_free(s);
	free(big);
	rm_rf(dir);
}

static int flush_inside(const char *key, const char *data, size_t size, void *userdata)
{
	(void) key;
	(void) data;
	(void) size;
	return store_flush(userdata);
}

TEST(store__does_not_flush_while_it_is_read)
{
	char *dir = temporary();
	struct store *s;

	CHECK_INT(store_open(dir, &s), ==, 0);
	CHECK_INT(put(s, "a", "1"), ==, 0);
	CHECK_INT(store_flush(s), ==, 0);
	CHECK_INT(put(s, "b", "1"), ==, 0);
	CHECK_INT(store_foreach(s, "", flush_inside, s), ==, -EBUSY);
	CHECK_INT(store_flush(s), ==, 0);
	store_free(s);
	rm_rf(dir);
}

/* A writer puts the same generation under ten keys in each transaction and is killed somewhere;
 * each time all ten must agree, and be at least what it had said was stored. */
static int generation(const char *key, const char *data, size_t size, void *userdata)
{
	long long *g = userdata, value = atoll(strndupa(data, size));

	(void) key;
	if (g[0] >= 0 && g[0] != value)
		return -EBADMSG;
	g[0] = value;
	g[1]++;
	return 0;
}

static void writer(const char *dir, long long start, volatile long long *done)
{
	static char padding[700];
	struct store *s;

	memset(padding, 'x', sizeof(padding) - 1);
	if (store_open(dir, &s) < 0)
		_exit(2);
	for (long long g = start;; g++) {
		for (int i = 0; i < 10; i++) {
			char key[32], value[800];

			snprintf(key, sizeof(key), "unit/%d.service", i);
			snprintf(value, sizeof(value), "%lld %.*s", g,
			         (int) ((g * 37 + i * 101) % 700), padding);
			if (put(s, key, value) < 0)
				_exit(3);
		}
		if (store_flush(s) < 0)
			_exit(4);
		*done = g;
	}
}

/* A loaded machine may need longer to start the writer than it may then live: of every four writers one
 * is killed wherever it is, the others only once they have stored something. */
static void wait_for_progress(const volatile long long *done, long long before)
{
	for (int i = 0; i < 2000 && *done == before; i++)
		usleep(500);
}

TEST(store__survives_sigkill_at_any_instruction)
{
	char *dir = temporary();
	volatile long long *done =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned seed = test_seed();
	struct store *s;

	printf("(seed %u) ", seed);
	fflush(NULL);
	for (int i = 0; i < 200; i++) {
		long long g[2] = {-1, 0};
		int status;
		long long before = *done;
		pid_t pid = fork();

		if (pid == 0)
			writer(dir, before + 1, done);
		if (i % 4 != 0)
			wait_for_progress(done, before);
		usleep(2000 + (unsigned) rand_r(&seed) % 4000);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		CHECK(WIFSIGNALED(status));
		CHECK_INT(store_open(dir, &s), ==, 0);
		CHECK_INT(store_foreach(s, "unit/", generation, g), ==, 0);
		CHECK(*done == 0 || g[1] == 10);
		CHECK_INT(g[0] < 0 ? 0 : g[0], >=, *done);
		CHECK_INT(g[0], <=, *done + 1);
		store_free(s);
	}
	CHECK_INT(*done, >, 200);
	munmap((void *) done, 4096);
	rm_rf(dir);
}

/* Any byte of the file may lie: either it does not matter, or the store is set aside; never a
 * crash, never a wrong record. */
static int known_only(const char *key, const char *data, size_t size, void *userdata)
{
	size_t *n = userdata;

	(*n)++;
	return !strncmp(key, "unit/", 5) && size == 400 && data[0] == key[5] ? 0 : -EBADMSG;
}

TEST(store__sets_a_damaged_file_aside_and_keeps_what_it_can)
{
	char *dir = temporary(), path[128], aside[128], value[401];
	unsigned seed = test_seed(), set_aside = 0;
	char *good = NULL;
	size_t size;
	struct store *s;

	printf("(seed %u) ", seed);
	snprintf(path, sizeof(path), "%s/data.mdb", dir);
	snprintf(aside, sizeof(aside), "%s/data.mdb.aside", dir);
	CHECK_INT(store_open(dir, &s), ==, 0);
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < 60; i++) {
			char key[32];

			snprintf(key, sizeof(key), "unit/%c%d", 'a' + i % 26, i);
			memset(value, 'a' + i % 26, 400);
			CHECK_INT(store_put(s, key, value, 400), ==, 0);
			if (i % 7 == 0)
				CHECK_INT(store_flush(s), ==, 0);
		}
	CHECK_INT(store_flush(s), ==, 0);
	store_free(s);
	CHECK_INT(file_read(path, &good, &size), ==, 0);
	for (int i = 0; i < 400; i++) {
		char *bad = malloc(size);
		size_t n = 0, cut = size;
		int r;

		memcpy(bad, good, size);
		for (int k = 0; k <= i % 5; k++)
			bad[(size_t) rand_r(&seed) % size] = (char) rand_r(&seed);
		if (i % 10 == 9)
			cut = (size_t) rand_r(&seed) % size;
		unlink(aside);
		CHECK_INT(file_write_atomic(path, bad, cut, 0600, false), ==, 0);
		free(bad);
		r = store_open(dir, &s);
		CHECK(r == 0 || r == -EBADMSG);
		set_aside += r < 0;
		CHECK(r == 0 || access(aside, F_OK) == 0);
		CHECK_INT(store_foreach(s, "", known_only, &n), ==, 0);
		CHECK_INT(n, <=, 60);
		/* And it can be written. */
		CHECK_INT(put(s, "new", "x"), ==, 0);
		CHECK_INT(store_flush(s), ==, 0);
		store_free(s);
	}
	printf("(%u of 400 set aside) ", set_aside);
	CHECK_INT(set_aside, >, 50);
	free(good);
	rm_rf(dir);
}

TEST(store__keeps_its_queue_while_the_file_system_is_full)
{
	char dir[] = "/tmp/test-store-full-XXXXXX", *big = malloc(200000);
	struct store *s;

	CHECK(mkdtemp(dir));
	if (mount("tmpfs", dir, "tmpfs", 0, "size=512k") < 0) {
		printf("(skipped: no mount) ");
		rmdir(dir);
		free(big);
		return;
	}
	memset(big, 'b', 200000);
	CHECK_INT(store_open(dir, &s), ==, 0);
	CHECK_INT(put(s, "first", "1"), ==, 0);
	CHECK_INT(store_flush(s), ==, 0);
	for (int i = 0; i < 5; i++) {
		char key[16];

		snprintf(key, sizeof(key), "big%d", i);
		CHECK_INT(store_put(s, key, big, 200000), ==, 0);
	}
	CHECK_INT(store_flush(s), ==, -ENOSPC);
	CHECK_INT(store_flush(s), ==, -ENOSPC);
	CHECK_STR(content(s, ""), "first=1;");
	CHECK_INT(mount(NULL, dir, NULL, MS_REMOUNT, "size=8m"), ==, 0);
	CHECK_INT(store_flush(s), ==, 0);
	{
		struct found f = {0};

		CHECK_INT(store_foreach(s, "big", collect, &f), ==, 0);
		CHECK_INT(f.n, ==, 5);
	}
	store_free(s);
	CHECK_INT(umount(dir), ==, 0);
	rmdir(dir);
	free(big);
}

/* Fills the file system of @dir to its last byte. */
static void fill(const char *dir)
{
	auto_free char *path = path_join(dir, "fill"), *block = calloc(1, 65536);
	auto_fd int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	while (write(fd, block, 65536) == 65536)
		;
	while (write(fd, block, 1) == 1)
		;
	CHECK_INT(errno, ==, ENOSPC);
}

TEST(store__savepoints_go_on_while_others_have_filled_the_file_system)
{
	char dir[] = "/tmp/test-store-room-XXXXXX", value[600], key[32];
	struct store *s;

	CHECK(mkdtemp(dir));
	if (mount("tmpfs", dir, "tmpfs", 0, "size=8m") < 0) {
		printf("(skipped: no mount) ");
		rmdir(dir);
		return;
	}
	memset(value, 'v', sizeof(value));
	CHECK_INT(store_open(dir, &s), ==, 0);
	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "unit/%d.service", i);
		CHECK_INT(store_put(s, key, value, sizeof(value)), ==, 0);
		if (i % 3 == 0)
			CHECK_INT(store_flush(s), ==, 0);
	}
	CHECK_INT(store_flush(s), ==, 0);
	fill(dir);
	/* Twice: the next core has the same file, since there is no room for a new one. */
	for (int core = 0; core < 2; core++) {
		for (int i = 0; i < 2000; i++) {
			/* Some records come and go. */
			snprintf(key, sizeof(key), "unit/%d.service", i * 7 % 1040);
			if (i % 11)
				CHECK_INT(store_put(s, key, value, (size_t) (i % 600)), ==, 0);
			else
				CHECK_INT(store_delete(s, key), ==, 0);
			if (i % 2)
				CHECK_INT(store_flush(s), ==, 0);
		}
		store_free(s);
		CHECK_INT(store_open(dir, &s), ==, 0);
	}
	store_free(s);
	CHECK_INT(umount(dir), ==, 0);
	rmdir(dir);
}

TEST(store__a_savepoint_is_cheap)
{
	char *dir = temporary(), value[600];
	struct store *s;
	usec_t begin;

	memset(value, 'v', sizeof(value));
	CHECK_INT(store_open(dir, &s), ==, 0);
	begin = now(CLOCK_MONOTONIC);
	for (int i = 0; i < 5000; i++) {
		char key[32];

		snprintf(key, sizeof(key), "unit/%d.service", i % 200);
		store_put(s, key, value, sizeof(value));
		store_flush(s);
	}
	printf("(%.1f usec a savepoint) ", (double) (now(CLOCK_MONOTONIC) - begin) / 5000);
	store_free(s);
	rm_rf(dir);
}

TEST(store__goes_on_after_a_trim)
{
	char *dir = temporary(), path[128], key[32], value[2048];
	struct store *s;
	size_t before;

	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = 0;
	CHECK_INT(store_open(dir, &s), ==, 0);
	before = mallinfo2().uordblks;
	for (int i = 0; i < 400; i++) {
		snprintf(key, sizeof(key), "unit/%d", i);
		CHECK_INT(put(s, key, value), ==, 0);
	}
	CHECK_INT(store_trim(s), ==, -EBUSY);
	CHECK_INT(store_flush(s), ==, 0);
	/* LMDB keeps what the transaction needed. A sanitizer's allocator counts nothing. */
	if (before > 0)
		CHECK_INT(mallinfo2().uordblks, >, before + 400000);
	CHECK_INT(store_trim(s), ==, 0);
	if (before > 0)
		CHECK_INT(mallinfo2().uordblks, <, before + 20000);
	CHECK_INT(put(s, "one", "seven"), ==, 0);
	CHECK_INT(store_flush(s), ==, 0);
	CHECK_STR(content(s, "one"), "one=seven;");
	/* A file that was taken away is not replaced by an empty one. */
	snprintf(path, sizeof(path), "%s/" STORE_FILE, dir);
	CHECK_INT(unlink(path), ==, 0);
	CHECK_INT(store_trim(s), ==, -ESTALE);
	CHECK_STR(content(s, "one"), "one=seven;");
	CHECK_INT(access(path, F_OK), <, 0);
	store_free(s);
	rm_rf(dir);
}
