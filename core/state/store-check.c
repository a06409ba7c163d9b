// SPDX-License-Identifier: Apache-2.0
#include "state/store-internal.h"

#include <setjmp.h>
#include <signal.h>

/* The state of a read under guard. Statics, since locals do not survive siglongjmp. */
static struct {
	sigjmp_buf jump;
	volatile sig_atomic_t active;
	struct store_record *readable;
	MDB_env *env;
	MDB_txn *txn;
	MDB_cursor *cursor;
	volatile bool opening; /* a fault in there leaves the file open */
} guard;

struct store_record *store_record_free(struct store_record *list)
{
	while (list) {
		struct store_record *next = list->next;

		free(list->key);
		free(list);
		list = next;
	}
	return NULL;
}

/* CRC-32 of IEEE 802.3. */
static uint32_t crc_add(uint32_t crc, const void *data, size_t size)
{
	static uint32_t table[256];
	const uint8_t *p = data;

	if (!table[1])
		for (uint32_t i = 0; i < 256; i++) {
			uint32_t c = i;

			for (int bit = 0; bit < 8; bit++)
				c = c & 1 ? 0xedb88320 ^ (c >> 1) : c >> 1;
			table[i] = c;
		}
	for (size_t i = 0; i < size; i++)
		crc = table[(crc ^ p[i]) & 0xff] ^ (crc >> 8);
	return crc;
}

uint32_t store_checksum(const char *key, size_t key_size, const char *data, size_t size)
{
	return ~crc_add(crc_add(0xffffffff, key, key_size), data, size);
}

bool store_value_valid(const MDB_val *key, const MDB_val *value)
{
	uint32_t sum;

	if (key->mv_size == 0 || key->mv_size > STORE_KEY_MAX || value->mv_size < sizeof(sum) ||
	    value->mv_size > STORE_DATA_MAX + sizeof(sum))
		return false;
	memcpy(&sum, value->mv_data, sizeof(sum));
	return sum == store_checksum(key->mv_data, key->mv_size,
	                             (const char *) value->mv_data + sizeof(sum),
	                             value->mv_size - sizeof(sum));
}

static int keep_record(const MDB_val *key, const MDB_val *value)
{
	size_t size = value->mv_size - sizeof(uint32_t);
	struct store_record *r = malloc(sizeof(*r) + size);

	if (!r)
		return -ENOMEM;
	r->key = strndup(key->mv_data, key->mv_size);
	if (!r->key) {
		free(r);
		return -ENOMEM;
	}
	r->size = size;
	memcpy(r->data, (const char *) value->mv_data + sizeof(uint32_t), size);
	r->next = guard.readable;
	guard.readable = r;
	return 0;
}

/* Touches every byte of every record. */
static int walk(MDB_dbi dbi)
{
	MDB_val key, value;
	int r, damaged = 0;
	size_t n = 0;

	if (mdb_cursor_open(guard.txn, dbi, &guard.cursor) != 0)
		return -EBADMSG;
	while ((r = mdb_cursor_get(guard.cursor, &key, &value, MDB_NEXT)) == 0 &&
	       ++n <= STORE_RECORD_MAX) {
		if (!store_value_valid(&key, &value))
			damaged = -EBADMSG;
		else if (keep_record(&key, &value) < 0)
			return -ENOMEM;
	}
	return r == MDB_NOTFOUND ? damaged : -EBADMSG;
}

static void guard_fault(int sig)
{
	if (guard.active)
		siglongjmp(guard.jump, sig);
	/* Not ours: the default action ends the process when the instruction is tried again. */
	signal(sig, SIG_DFL);
}

static void guard_assert(MDB_env *env _unused_, const char *msg _unused_)
{
	siglongjmp(guard.jump, SIGABRT);
}

static int open_and_walk(const char *path)
{
	MDB_dbi dbi;
	int r;

	mdb_env_set_assert(guard.env, guard_assert);
	guard.opening = true;
	r = mdb_env_open(guard.env, path, STORE_FLAGS | MDB_RDONLY, 0600);
	guard.opening = false;
	/* A map size out of a damaged header can be any error of mmap. */
	if (r != 0)
		return r == EMFILE || r == ENFILE || r == EACCES ? -r : -EBADMSG;
	if (mdb_txn_begin(guard.env, NULL, MDB_RDONLY, &guard.txn) != 0 ||
	    mdb_dbi_open(guard.txn, NULL, 0, &dbi) != 0)
		return -EBADMSG;
	return walk(dbi);
}

/* Closing looks at LMDB's own memory, not at pages. */
static void guard_close(void)
{
	int fd;

	if (guard.cursor)
		mdb_cursor_close(guard.cursor);
	if (guard.txn)
		mdb_txn_abort(guard.txn);
	/* An environment that is not open does not know of it. One that could not be opened has closed it. */
	if (guard.opening && mdb_env_get_fd(guard.env, &fd) == 0)
		fd_close(fd);
	mdb_env_close(guard.env);
	guard.cursor = NULL;
	guard.txn = NULL;
	guard.env = NULL;
}

int store_read(const char *path, struct store_record **ret)
{
	static const int signals[] = {SIGBUS, SIGSEGV, SIGFPE};
	struct sigaction old[ELEMENTSOF(signals)], sa = {.sa_handler = guard_fault};
	int r;

	guard.readable = NULL;
	guard.opening = false;
	r = mdb_env_create(&guard.env);
	if (r != 0)
		return store_error(r);
	for (size_t i = 0; i < ELEMENTSOF(signals); i++)
		sigaction(signals[i], &sa, &old[i]);
	if (sigsetjmp(guard.jump, 1) == 0) {
		guard.active = 1;
		r = open_and_walk(path);
	} else {
		r = -EBADMSG;
	}
	guard.active = 0;
	guard_close();
	for (size_t i = 0; i < ELEMENTSOF(signals); i++)
		sigaction(signals[i], &old[i], NULL);
	*ret = TAKE_PTR(guard.readable);
	return r;
}
