// SPDX-License-Identifier: Apache-2.0
/*
 * store.c - report files. In /run they are written by core, at once, whatever the disk does. What may block, the disk, is left
 * to a process of its own (crash_store_keep). A file is there whole or not at all.
 */
#include "crash/crash.h"

#define SUFFIX ".crash"

struct crash_places crash_places(void)
{
	const char *kept = secure_getenv("SYSMASTER_CRASH_DIRECTORY");

	return (struct crash_places){.run = CRASH_RUN_DIRECTORY,
	                             .kept = kept && path_is_absolute(kept) ? kept
	                                                                    : CRASH_KEPT_DIRECTORY};
}

static char *file_of(const char *directory, const char *id)
{
	return str_printf("%s/%s" SUFFIX, directory, id);
}

/* Ids of one place, oldest first: names begin with the time, and dir_list() sorts them. */
static int list_place(const char *directory, char ***ret)
{
	auto_strv char **names = NULL, **ids = NULL;
	int r = dir_list(directory, &names);

	if (r < 0 && r != -ENOENT)
		return r;
	STRV_FOREACH (n, names) {
		auto_free char *id = strdup(*n);

		if (!id)
			return -ENOMEM;
		if (!str_ends_with(id, SUFFIX))
			continue;
		id[strlen(id) - strlen(SUFFIX)] = '\0';
		if (!crash_name_is_valid(id))
			continue;
		r = strv_append(&ids, id);
		if (r < 0)
			return r;
	}
	strv_sort_unique(ids);
	*ret = TAKE_PTR(ids);
	return 0;
}

static int drop_oldest(const char *directory, size_t keep)
{
	auto_strv char **ids = NULL;
	int r = list_place(directory, &ids);
	size_t n = strv_length(ids);

	for (size_t i = 0; r >= 0 && n > keep && i < n - keep; i++) {
		auto_free char *path = file_of(directory, ids[i]);

		if (!path || (unlink(path) < 0 && errno != ENOENT))
			r = path ? -errno : -ENOMEM;
	}
	return r;
}

static int write_report(const char *directory, const struct crash_report *c, bool sync)
{
	auto_free char *path = file_of(directory, c->id), *text = NULL;
	int r;

	if (!path)
		return -ENOMEM;
	r = crash_report_encode(c, &text);
	if (r >= 0)
		r = mkdir_p(directory, 0700);
	return r < 0 ? r : file_write_atomic(path, text, strlen(text), 0600, sync);
}

int crash_store_put(const struct crash_places *p, const struct crash_report *c)
{
	int r;

	if (!c->id || !crash_name_is_valid(c->id))
		return -EINVAL;
	r = write_report(p->run, c, false);
	if (r == -ENOSPC && drop_oldest(p->run, 1) >= 0)
		r = write_report(p->run, c, false);
	return r < 0 ? r : drop_oldest(p->run, CRASH_RUN_MAX);
}

int crash_store_list(const struct crash_places *p, char ***ret)
{
	auto_strv char **run = NULL, **kept = NULL;
	size_t n;
	int r = list_place(p->run, &run), k = list_place(p->kept, &kept);

	if (r < 0 && k < 0)
		return r;
	r = strv_extend(&kept, run);
	if (r < 0)
		return r;
	strv_sort_unique(kept);
	n = strv_length(kept);
	for (size_t i = 0; i < n / 2; i++) {
		char *t = kept[i];

		kept[i] = kept[n - 1 - i];
		kept[n - 1 - i] = t;
	}
	*ret = TAKE_PTR(kept);
	return 0;
}

static int read_report(const char *directory, const char *id, struct crash_report **ret)
{
	auto_free char *path = file_of(directory, id), *text = NULL;
	size_t size;
	int r;

	if (!path)
		return -ENOMEM;
	r = file_read_at(AT_FDCWD, path, CRASH_REPORT_MAX, &text, &size);
	if (r < 0)
		return r;
	r = crash_report_decode(text, size, ret);
	return r < 0 ? r : str_set(&(*ret)->id, id);
}

int crash_store_read(const struct crash_places *p, const char *id, struct crash_report **ret)
{
	int r;

	if (!crash_name_is_valid(id))
		return -EINVAL;
	/* In the moment of the move it is in both, and the one on disk has names for its addresses. */
	r = read_report(p->kept, id, ret);
	return r < 0 ? read_report(p->run, id, ret) : r;
}

/* On the disk first, then out of /run: a power cut or a kill leaves it in one of them, or in both. */
static int keep_one(const struct crash_places *p, const char *id, const char *version)
{
	auto_cleanup(crash_report_free) struct crash_report *c = NULL;
	auto_free char *from = file_of(p->run, id);
	int r;

	if (!from)
		return -ENOMEM;
	r = read_report(p->run, id, &c);
	if (r == -ENOENT) /* the keeper of a core before us was still at it */
		return 0;
	if (r == -EBADMSG || r == -EFBIG) {
		log_warning("\"%s\" is no crash report, it is dropped", from);
		return unlink(from) < 0 ? -errno : 0;
	}
	if (r < 0)
		return r;
	crash_report_resolve(c, version);
	r = write_report(p->kept, c, true);
	if (r < 0)
		return r;
	return unlink(from) < 0 && errno != ENOENT ? -errno : 1;
}

int crash_store_keep(const struct crash_places *p, const char *version)
{
	auto_strv char **ids = NULL;
	int r = list_place(p->run, &ids), n = 0, error = 0;

	if (r < 0)
		return r;
	/* Room first: a disk that is full of our own reports would take no new one. */
	if (drop_oldest(p->kept, CRASH_KEPT_MAX) < 0)
		log_debug("The oldest crash reports cannot be removed");
	STRV_FOREACH (id, ids) {
		r = keep_one(p, *id, version);
		n += r > 0;
		error = r < 0 ? r : error;
	}
	(void) drop_oldest(p->kept, CRASH_KEPT_MAX);
	return error < 0 ? error : n;
}
