// SPDX-License-Identifier: Apache-2.0
/*
 * store-internal.h - the parts of a store. On disk (one LMDB database in DIR/data.mdb): key ->
 * checksum of key and data, then the data.
 *
 * LMDB's pages are copy-on-write and its two meta pages are written in turn, with one write(2)
 * each, after everything they refer to. So a process killed at any instruction leaves the last
 * committed transaction. MDB_NOSYNC is safe since the page cache (or tmpfs) outlives the process;
 * MDB_WRITEMAP is not used: a stray pointer in core must not reach the store, and a full tmpfs must
 * be an error of write(2), not SIGBUS. MDB_NOLOCK: init runs one core at a time.
 *
 * LMDB trusts its file, though: a damaged page makes it abort, or touch memory that is not there,
 * perhaps only when it is written to. So a core never writes to the file of the one before it: it
 * reads all records (store_read(), ready for pages that lie), writes them to a new file and renames
 * that into place.
 */
#pragma once

#include "base/base.h"

#include <lmdb.h>

#define STORE_FILE       "data.mdb"
#define STORE_ASIDE      "data.mdb.aside"
#define STORE_NEW        "data.mdb.new"
#define STORE_FLAGS      (MDB_NOSUBDIR | MDB_NOSYNC | MDB_NOLOCK | MDB_NORDAHEAD)
#define STORE_MAP_SIZE   (64U * 1024 * 1024)
#define STORE_ROOM       (256 * 1024) /* blocks that the file has beyond what it uses */
#define STORE_DATA_MAX   (256U * 1024)
#define STORE_KEY_MAX    500 /* LMDB takes 511 */
#define STORE_QUEUE_MAX  16384
#define STORE_RECORD_MAX 65536 /* records that a walk believes in: a page cycle must end */

/* One record in memory. */
struct store_record {
	struct store_record *next;
	char *key;
	size_t size;
	char data[];
};
struct store_record *store_record_free(struct store_record *list);

uint32_t store_checksum(const char *key, size_t key_size, const char *data, size_t size);
/* Splits what is stored under @key; false: damaged. */
bool store_value_valid(const MDB_val *key, const MDB_val *value);

/**
 * store_read - reads a whole store, ready for pages that lie
 * @ret: the records that could be read, also when others could not
 *
 * Faults are caught here, once, at start, while the process has a single thread and nothing to
 * lose.
 *
 * Returns 0; -EBADMSG if anything is damaged; other -errno: it cannot be told.
 */
int store_read(const char *path, struct store_record **ret);
int store_error(int lmdb_error);
