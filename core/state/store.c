// SPDX-License-Identifier: Apache-2.0
#include "state/state.h"

#include "base/fault.h"
#include "state/store-internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* One queued change; data NULL: a deletion. */
struct pending {
	char *key, *data;
	size_t size;
};

struct store {
	MDB_env *env;
	MDB_dbi dbi;
	char *path;
	struct map *queue; /* key -> struct pending, whose own key it is */
	uint64_t savepoints, bytes;
	off_t room; /* the file has blocks up to here */
	bool iterating;
};

int store_error(int r)
{
	switch (r) {
	case 0:
		return 0;
	/* LMDB reports a short write of a full file system as EIO. */
	case MDB_MAP_FULL:
	case MDB_TXN_FULL:
	case EIO:
	case EDQUOT:
		return -ENOSPC;
	case MDB_NOTFOUND:
		return -ENOENT;
	case MDB_BAD_VALSIZE:
		return -EINVAL;
	default:
		return r > 0 ? -r : -EBADMSG;
	}
}

static void pending_free(struct pending *p)
{
	free(p->key);
	free(p->data);
	free(p);
}

static void queue_clear(struct store *s)
{
	struct pending *p;

	MAP_FOREACH (p, s->queue)
		pending_free(p);
	map_clear(s->queue);
}

static int env_open(const char *path, MDB_env **ret_env, MDB_dbi *ret_dbi)
{
	MDB_env *env;
	MDB_txn *txn;
	int r;

	r = mdb_env_create(&env);
	if (r != 0)
		return store_error(r);
	r = mdb_env_set_mapsize(env, STORE_MAP_SIZE);
	if (r == 0)
		r = mdb_env_open(env, path, STORE_FLAGS, 0600);
	if (r == 0)
		r = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
	if (r == 0) {
		r = mdb_dbi_open(txn, NULL, 0, ret_dbi);
		if (r == 0)
			r = mdb_txn_commit(txn);
		else
			mdb_txn_abort(txn);
	}
	if (r != 0) {
		mdb_env_close(env);
		return store_error(r);
	}
	*ret_env = env;
	return 0;
}

/*
 * The file has more blocks than it uses, so that savepoints go on while somebody else has filled the file system. All from its
 * start: of the pages below the last one LMDB never writes some. That there is no room to be had is no error yet.
 */
static void keep_room(struct store *s)
{
	MDB_envinfo info;
	MDB_stat stat;
	off_t used;
	int fd;

	if (mdb_env_info(s->env, &info) != 0 || mdb_env_stat(s->env, &stat) != 0 ||
	    mdb_env_get_fd(s->env, &fd) != 0)
		return;
	used = (off_t) (info.me_last_pgno + 1) * stat.ms_psize;
	if (used + STORE_ROOM / 2 <= s->room)
		return;
	if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, used + STORE_ROOM) >= 0)
		s->room = used + STORE_ROOM;
}

/* As much as a transaction of a rebuild takes: LMDB has every page of one in memory, and uses them again in the next. */
#define PORTION_BYTES (32U * 1024)

static int value_write(MDB_txn *txn, MDB_dbi dbi, const char *name, const char *data, size_t size)
{
	MDB_val key = {.mv_data = (void *) name, .mv_size = strlen(name)},
		value = {.mv_size = size + sizeof(uint32_t)};
	uint32_t sum = store_checksum(name, key.mv_size, data, size);
	int r = mdb_put(txn, dbi, &key, &value, MDB_RESERVE);

	if (r != 0)
		return r;
	memcpy(value.mv_data, &sum, sizeof(sum));
	memcpy((char *) value.mv_data + sizeof(sum), data, size);
	return 0;
}

/* Nobody reads the file before it is complete, so more than one transaction can write it. */
static int copy_records(struct store *s, const struct store_record *records)
{
	int r = 0;

	while (r == 0 && records) {
		size_t bytes = 0;
		MDB_txn *txn;

		r = mdb_txn_begin(s->env, NULL, 0, &txn);
		if (r != 0)
			break;
		for (; r == 0 && records && bytes < PORTION_BYTES; records = records->next) {
			r = value_write(txn, s->dbi, records->key, records->data, records->size);
			bytes += records->size;
		}
		if (r == 0)
			r = mdb_txn_commit(txn);
		else
			mdb_txn_abort(txn);
	}
	return store_error(r);
}

/* A new file with the old records takes the old one's name only when it is complete. */
static int rebuild(struct store *s, const char *path, const char *fresh,
                   const struct store_record *records)
{
	int r;

	if (unlink(fresh) < 0 && errno != ENOENT)
		return -errno;
	r = env_open(fresh, &s->env, &s->dbi);
	if (r >= 0)
		r = copy_records(s, records);
	FAULT_POINT("store.rename.before");
	if (r >= 0 && rename(fresh, path) < 0)
		r = -errno;
	FAULT_POINT("store.rename.after");
	if (r < 0) {
		if (s->env)
			mdb_env_close(s->env);
		s->env = NULL;
		(void) unlink(fresh);
	}
	return r;
}

static int open_in(struct store *s, const char *path, const char *fresh, const char *aside)
{
	struct store_record *records = NULL;
	int r, damaged = 0;

	if (access(path, F_OK) >= 0)
		damaged = store_read(path, &records);
	if (damaged < 0 && damaged != -EBADMSG) {
		store_record_free(records);
		return damaged;
	}
	/* One copy is kept for whoever wants to know why; an older one goes. */
	if (damaged < 0)
		FAULT_POINT("store.aside.before");
	if (damaged < 0 && rename(path, aside) < 0) {
		store_record_free(records);
		return -errno;
	}
	r = rebuild(s, path, fresh, records);
	store_record_free(records);
	/* No room for two: then in the old file, which was found to be readable. */
	if (r == -ENOSPC && damaged == 0)
		r = env_open(path, &s->env, &s->dbi);
	if (r >= 0)
		keep_room(s);
	return r < 0 ? r : damaged;
}

int store_open(const char *dir, struct store **ret)
{
	auto_free char *path = path_join(dir, STORE_FILE), *fresh = path_join(dir, STORE_NEW),
		       *aside = path_join(dir, STORE_ASIDE);
	struct store *s;
	int r;

	if (!path || !fresh || !aside)
		return -ENOMEM;
	r = mkdir_p(dir, 0700);
	if (r < 0)
		return r;
	s = calloc(1, sizeof(*s));
	if (!s || !(s->queue = map_new(MAP_STRING)) || !(s->path = strdup(path))) {
		store_free(s);
		return -ENOMEM;
	}
	r = open_in(s, path, fresh, aside);
	if (r < 0 && !s->env) {
		store_free(s);
		return r;
	}
	*ret = s;
	return r;
}

struct store *store_free(struct store *s)
{
	if (!s)
		return NULL;
	if (s->env)
		mdb_env_close(s->env);
	if (s->queue)
		queue_clear(s);
	map_free(s->queue);
	free(s->path);
	free(s);
	return NULL;
}

/* Whether the file is still where it was put: opening its path would make a new, empty one. */
static bool file_is_in_place(const struct store *s)
{
	struct stat ours, there;
	int fd;

	return mdb_env_get_fd(s->env, &fd) == 0 && fstat(fd, &ours) == 0 &&
	       stat(s->path, &there) == 0 && ours.st_dev == there.st_dev &&
	       ours.st_ino == there.st_ino;
}

/* The new one first: without it, the old one goes on. Two of one file are fine, since neither locks it (MDB_NOLOCK) and nothing is
 * written meanwhile. */
static int reopen(struct store *s)
{
	MDB_env *env;
	MDB_dbi dbi;
	int r;

	if (s->iterating)
		return -EBUSY;
	if (!file_is_in_place(s))
		return -ESTALE;
	r = env_open(s->path, &env, &dbi);
	if (r < 0)
		return r;
	mdb_env_close(s->env);
	s->env = env;
	s->dbi = dbi;
	return 0;
}

int store_trim(struct store *s)
{
	return map_size(s->queue) > 0 ? -EBUSY : reopen(s);
}

static int store_queue(struct store *s, const char *key, const char *data, size_t size)
{
	struct pending *p = map_get(s->queue, key);
	char *copy = NULL;
	int r;

	if (str_is_empty(key) || strlen(key) > STORE_KEY_MAX || size > STORE_DATA_MAX)
		return -EINVAL;
	if (data) {
		copy = malloc(size + 1);
		if (!copy)
			return -ENOMEM;
		memcpy(copy, data, size);
		copy[size] = 0;
	}
	if (!p) {
		if (map_size(s->queue) >= STORE_QUEUE_MAX) {
			free(copy);
			return -ENOBUFS;
		}
		p = calloc(1, sizeof(*p));
		r = p && (p->key = strdup(key)) ? map_add(s->queue, p->key, p) : -ENOMEM;
		if (r < 0) {
			if (p)
				pending_free(p);
			free(copy);
			return r;
		}
	}
	free(p->data);
	p->data = copy;
	p->size = size;
	return 0;
}

int store_put(struct store *s, const char *key, const char *data, size_t size)
{
	return store_queue(s, key, data ?: "", data ? size : 0);
}

int store_delete(struct store *s, const char *key)
{
	return store_queue(s, key, NULL, 0);
}

static int pending_write(struct store *s, MDB_txn *txn, const struct pending *p)
{
	MDB_val key = {.mv_data = p->key, .mv_size = strlen(p->key)};
	int r;

	if (p->data)
		return value_write(txn, s->dbi, p->key, p->data, p->size);
	r = mdb_del(txn, s->dbi, &key, NULL);
	return r == MDB_NOTFOUND ? 0 : r;
}

int store_flush(struct store *s)
{
	const struct pending *p;
	uint64_t bytes = 0;
	MDB_txn *txn;
	int r;

	if (map_size(s->queue) == 0)
		return 0;
	if (s->iterating)
		return -EBUSY;
	r = mdb_txn_begin(s->env, NULL, 0, &txn);
	/* Not even begun: of a commit that failed while writing its meta page LMDB does not recover. */
	if (r == MDB_PANIC && reopen(s) >= 0)
		r = mdb_txn_begin(s->env, NULL, 0, &txn);
	if (r != 0)
		return store_error(r);
	MAP_FOREACH (p, s->queue) {
		r = pending_write(s, txn, p);
		if (r != 0) {
			mdb_txn_abort(txn);
			return store_error(r);
		}
		bytes += p->size;
	}
	FAULT_POINT("store.commit.before");
	r = mdb_txn_commit(txn); /* frees txn on failure, too */
	if (r != 0)
		return store_error(r);
	FAULT_POINT("store.commit.after");
	s->savepoints++;
	s->bytes += bytes;
	queue_clear(s);
	keep_room(s);
	return 0;
}

int store_foreach(struct store *s, const char *prefix,
                  int (*fn)(const char *key, const char *data, size_t size, void *userdata),
                  void *userdata)
{
	size_t prefix_size = strlen(prefix);
	MDB_val key = {.mv_data = (void *) prefix, .mv_size = prefix_size}, value;
	MDB_cursor *cursor;
	MDB_txn *txn;
	int r;

	if (s->iterating)
		return -EBUSY;
	r = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);
	if (r != 0)
		return store_error(r);
	r = mdb_cursor_open(txn, s->dbi, &cursor);
	if (r != 0) {
		mdb_txn_abort(txn);
		return store_error(r);
	}
	s->iterating = true;
	r = mdb_cursor_get(cursor, &key, &value, prefix_size > 0 ? MDB_SET_RANGE : MDB_FIRST);
	while (r == 0 && key.mv_size >= prefix_size &&
	       memcmp(key.mv_data, prefix, prefix_size) == 0) {
		char name[STORE_KEY_MAX + 1];

		if (store_value_valid(&key, &value)) {
			memcpy(name, key.mv_data, key.mv_size);
			name[key.mv_size] = 0;
			r = fn(name, (const char *) value.mv_data + sizeof(uint32_t),
			       value.mv_size - sizeof(uint32_t), userdata);
			if (r != 0)
				goto out;
		}
		r = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
	}
	r = r == 0 || r == MDB_NOTFOUND ? 0 : store_error(r);
out:
	s->iterating = false;
	mdb_cursor_close(cursor);
	mdb_txn_abort(txn);
	return r;
}

void store_statistics(const struct store *s, uint64_t *ret_savepoints, uint64_t *ret_bytes)
{
	*ret_savepoints = s->savepoints;
	*ret_bytes = s->bytes;
}
