// SPDX-License-Identifier: Apache-2.0
/* index-read.c - reads the unit directories, each once. */
#include "unitfile/index.h"
#include "unitfile/name.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#define ARENA_BLOCK (16U * 1024)
#define DIRS_MAX    4096U
#define ENTRIES_MAX 65536U

static void *arena_alloc(struct unit_index *x, size_t size, size_t align)
{
	struct arena_block *b = x->arena;
	size_t at = b ? (b->used + align - 1) & ~(align - 1) : 0;

	if (!b || at + size > b->size) {
		size_t block = MAX(size, (size_t) ARENA_BLOCK - sizeof(*b));

		b = malloc(sizeof(*b) + block);
		if (!b)
			return NULL;
		*b = (struct arena_block){.next = x->arena, .size = block};
		x->arena = b;
		at = 0;
	}
	b->used = at + size;
	return memset(b->data + at, 0, size);
}

static const char *arena_strdup(struct unit_index *x, const char *s)
{
	size_t size = strlen(s) + 1;
	char *copy = arena_alloc(x, size, 1);

	return copy ? memcpy(copy, s, size) : NULL;
}

#define arena_new(x, type, n) ((type *) arena_alloc(x, sizeof(type) * (n), __alignof__(type)))

static int add_dir(struct unit_index *x, char *path, const struct stat *st, bool is_folder)
{
	struct index_dir *dirs = NULL;

	if (!path)
		return -ENOMEM;
	if (x->n_dirs < DIRS_MAX && x->n_dirs % 16 == 0)
		dirs = reallocarray(x->dirs, x->n_dirs + 16, sizeof(*dirs));
	else if (x->n_dirs < DIRS_MAX)
		dirs = x->dirs;
	if (!dirs) {
		free(path);
		return x->n_dirs < DIRS_MAX ? -ENOMEM : -E2BIG;
	}
	x->dirs = dirs;
	dirs[x->n_dirs] = (struct index_dir){.path = path, .is_folder = is_folder};
	if (st) {
		struct index_dir *d = &dirs[x->n_dirs];

		d->exists = true;
		d->dev = st->st_dev;
		d->ino = st->st_ino;
		d->size = st->st_size;
		d->nlink = st->st_nlink;
		d->mtime = st->st_mtim;
		d->ctime = st->st_ctim;
		d->recent = file_time_is_recent(&st->st_mtim);
	}
	return (int) x->n_dirs++;
}

static int compare_items(const void *a, const void *b)
{
	return strcmp(((const struct folder_item *) a)->name,
	              ((const struct folder_item *) b)->name);
}

/* 1 if the symlink leads to /dev/null; the text of it in @target. */
static int read_target(int dirfd, const char *name, char target[PATH_MAX])
{
	ssize_t n = readlinkat(dirfd, name, target, PATH_MAX - 1);

	if (n < 0)
		return -errno;
	target[n] = 0;
	return streq(target, "/dev/null");
}

/* The kernel's own records, into a buffer on the stack: readdir(3) would take 32 KiB and two syscalls more a directory. */
struct dir_reader {
	int fd;
	size_t at, size;
	char buffer[8192] __attribute__((aligned(8)));
};

static int dir_open(struct dir_reader *d, int at, const char *path, struct stat *ret_st)
{
	*ret_st = (struct stat){0};
	d->at = d->size = 0;
	d->fd = fd_open_read(at, path, O_DIRECTORY | O_NONBLOCK);
	if (d->fd < 0)
		return d->fd;
	if (fstat(d->fd, ret_st) < 0) {
		int r = -errno;

		d->fd = fd_close(d->fd);
		return r;
	}
	return 0;
}

/* 1 and the next entry that is not hidden, 0 at the end. */
static int dir_next(struct dir_reader *d, struct dirent64 **ret)
{
	for (;;) {
		struct dirent64 *e;

		if (d->at >= d->size) {
			ssize_t n = getdents64(d->fd, d->buffer, sizeof(d->buffer));

			if (n <= 0)
				return n < 0 ? -errno : 0;
			d->at = 0;
			d->size = (size_t) n;
		}
		e = (struct dirent64 *) (void *) (d->buffer + d->at);
		d->at += e->d_reclen;
		if (e->d_name[0] == '.')
			continue;
		*ret = e;
		return 1;
	}
}

static int add_item(struct unit_index *x, int dirfd, const struct dirent64 *e,
                    struct folder_item *item)
{
	char target[PATH_MAX];
	struct stat st;
	int r = 0;

	if (e->d_type == DT_LNK || e->d_type == DT_UNKNOWN) {
		r = read_target(dirfd, e->d_name, target);
		if (r == -ENOENT)
			return 0;
	}
	/* An empty file masks, too (a symlink to one is taken for what it says). */
	if (e->d_type == DT_REG && fstatat(dirfd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) >= 0)
		r = st.st_size == 0;
	item->name = arena_strdup(x, e->d_name);
	item->masked = r > 0;
	return item->name ? 1 : -ENOMEM;
}

static int read_folder_items(struct unit_index *x, struct dir_reader *dir,
                             struct index_folder *folder)
{
	struct folder_item *items = NULL;
	size_t n = 0;
	struct dirent64 *e;
	int r = 0;

	while ((r = dir_next(dir, &e)) > 0) {
		if (n % 8 == 0) {
			struct folder_item *grown =
				n < ENTRIES_MAX ? reallocarray(items, n + 8, sizeof(*items)) : NULL;

			if (!grown) {
				r = -ENOMEM;
				break;
			}
			items = grown;
		}
		r = add_item(x, dir->fd, e, &items[n]);
		if (r < 0)
			break;
		n += (size_t) r;
	}
	if (r >= 0 && n > 0) {
		qsort(items, n, sizeof(*items), compare_items);
		folder->items = arena_new(x, struct folder_item, n);
		if (folder->items)
			memcpy(folder->items, items, n * sizeof(*items));
		folder->n_items = folder->items ? n : 0;
		r = folder->items ? 0 : -ENOMEM;
	}
	free(items);
	return r < 0 ? r : 0;
}

static int add_folder(struct unit_index *x, unsigned search_dir, int at, const char *name)
{
	struct index_folder *folder = arena_new(x, struct index_folder, 1), *first;
	struct dir_reader dir;
	struct stat st;
	int r;

	if (!folder)
		return -ENOMEM;
	r = dir_open(&dir, at, name, &st);
	if (r < 0)
		return r == -ENOMEM || r == -EMFILE || r == -ENFILE ? r : 0;
	r = add_dir(x, str_printf("%s/%s", x->dirs[search_dir].path, name), &st, true);
	if (r >= 0) {
		folder->dir = (unsigned) r;
		folder->search_dir = search_dir;
		r = read_folder_items(x, &dir, folder);
	}
	fd_close(dir.fd);
	if (r < 0)
		return r;
	folder->name = arena_strdup(x, name);
	if (!folder->name)
		return -ENOMEM;
	first = map_get(x->folders, name);
	if (!first)
		return map_add(x->folders, folder->name, folder);
	while (first->next)
		first = first->next;
	first->next = folder;
	return 0;
}

/* Position in the search path of the directory that @path lies in directly, or -ENOENT. */
static int find_search_dir(const struct unit_index *x, const char *path)
{
	auto_free char *parent = path_dirname(path);
	struct stat st;

	if (!parent)
		return -ENOMEM;
	for (size_t i = 0; i < x->n_search_dirs; i++)
		if (streq(x->dirs[i].path, parent))
			return (int) i;
	/* Another spelling, as with /usr/lib for /lib: the directory itself decides. */
	if (stat(parent, &st) < 0)
		return -ENOENT;
	for (size_t i = 0; i < x->n_search_dirs; i++)
		if (x->dirs[i].exists && x->dirs[i].dev == st.st_dev && x->dirs[i].ino == st.st_ino)
			return (int) i;
	return -ENOENT;
}

void path_drop_dots(char *path)
{
	char *t = path;

	for (char *s = path; *s;) {
		size_t n;

		while (*s == '/')
			s++;
		n = strcspn(s, "/");
		if (n == 2 && !strncmp(s, "..", 2)) {
			while (t > path && *--t != '/')
				;
		} else if (n > 0 && !(n == 1 && *s == '.')) {
			*t++ = '/';
			memmove(t, s, n);
			t += n;
		}
		s += n;
	}
	if (t == path)
		*t++ = '/';
	*t = 0;
}

bool unit_alias_is_legal(const char *alias, const char *target)
{
	static const bool may_alias[UNIT_TYPE_MAX] = {
		[UNIT_SERVICE] = true, [UNIT_SOCKET] = true, [UNIT_TARGET] = true,
		[UNIT_DEVICE] = true,  [UNIT_TIMER] = true,  [UNIT_PATH] = true,
	};
	enum unit_name_flags a = unit_name_kind(alias), t = unit_name_kind(target);

	if (!a || !t || unit_name_type(alias) != unit_name_type(target) ||
	    !may_alias[unit_name_type(alias)])
		return false;
	if (a == UNIT_NAME_PLAIN || t == UNIT_NAME_PLAIN)
		return a == t;
	if (a == UNIT_NAME_TEMPLATE)
		return t == UNIT_NAME_TEMPLATE;
	if (t == UNIT_NAME_INSTANCE)
		return streq(strchr(alias, '@') + 1, strchr(target, '@') + 1);
	return true;
}

/* A symlink's meaning: 1 to be used, 0 to be passed over (it points to itself, or is no legal alias). */
static int classify_symlink(struct unit_index *x, struct unit_entry *e)
{
	auto_free char *path = NULL;
	const char *base;
	int r;

	path = e->target[0] == '/' ? str_printf("%s%s", x->root, e->target)
	                           : str_printf("%s/%s", x->dirs[e->dir].path, e->target);
	if (!path)
		return -ENOMEM;
	path_drop_dots(path);
	r = find_search_dir(x, path);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return 1; /* a linked unit file: the symlink itself is the fragment */
	base = path_basename(path);
	if (streq(base, e->name) || !unit_alias_is_legal(e->name, base))
		return 0;
	e->alias_of = arena_strdup(x, base);
	return e->alias_of ? 1 : -ENOMEM;
}

static int add_entry(struct unit_index *x, unsigned dir, int dirfd, const struct dirent64 *d)
{
	char target[PATH_MAX];
	struct unit_entry *e;
	int r;

	if (!unit_name_kind(d->d_name) || map_has(x->entries, d->d_name))
		return 0;
	if (x->n_names >= ENTRIES_MAX)
		return -E2BIG;
	e = arena_new(x, struct unit_entry, 1);
	if (!e || !(e->name = arena_strdup(x, d->d_name)))
		return -ENOMEM;
	e->dir = dir;
	if (d->d_type == DT_LNK) {
		r = read_target(dirfd, d->d_name, target);
		if (r < 0)
			return 0;
		e->masked = r > 0;
		e->target = arena_strdup(x, target);
		if (!e->target)
			return -ENOMEM;
		r = e->masked ? 1 : classify_symlink(x, e);
		if (r <= 0)
			return r;
	}
	x->n_names++;
	return map_add(x->entries, e->name, e);
}

static bool is_folder_name(const char *name)
{
	return str_ends_with(name, ".d") || str_ends_with(name, ".wants") ||
	       str_ends_with(name, ".requires") || str_ends_with(name, ".upholds");
}

static unsigned char entry_type(int dirfd, const struct dirent64 *e)
{
	struct stat st;

	if (e->d_type != DT_UNKNOWN)
		return e->d_type;
	return fstatat(dirfd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ? DT_UNKNOWN
	                                                               : IFTODT(st.st_mode);
}

static int read_search_dir(struct unit_index *x, unsigned i)
{
	struct dir_reader dir;
	struct dirent64 *e;
	struct stat st;
	int r = dir_open(&dir, AT_FDCWD, x->dirs[i].path, &st);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	while ((r = dir_next(&dir, &e)) > 0) {
		e->d_type = entry_type(dir.fd, e);
		if ((e->d_type == DT_DIR || e->d_type == DT_LNK) && is_folder_name(e->d_name))
			r = add_folder(x, i, dir.fd, e->d_name);
		else if (e->d_type == DT_REG || e->d_type == DT_LNK)
			r = add_entry(x, i, dir.fd, e);
		if (r < 0)
			break;
	}
	fd_close(dir.fd);
	return r;
}

/* All directories are known before the first is read: a symlink may point into one further down. */
static int read_search_path(struct unit_index *x, const struct unit_paths *p)
{
	int r = 0;

	STRV_FOREACH (dir, p->dirs) {
		struct stat st;
		bool exists = stat(*dir, &st) >= 0 && S_ISDIR(st.st_mode), duplicate = false;

		for (size_t j = 0; exists && j < x->n_dirs; j++)
			if (x->dirs[j].exists && x->dirs[j].dev == st.st_dev &&
			    x->dirs[j].ino == st.st_ino)
				duplicate = true;
		r = add_dir(x, strdup(*dir), exists ? &st : NULL, false);
		if (r < 0)
			return r;
		x->dirs[r].duplicate = duplicate;
	}
	x->n_search_dirs = x->n_dirs;
	for (size_t i = 0; r >= 0 && i < x->n_search_dirs; i++)
		if (x->dirs[i].exists && !x->dirs[i].duplicate)
			r = read_search_dir(x, (unsigned) i);
	return r < 0 ? r : 0;
}

/* An instance has no file, as a rule: that of its template counts. */
static struct unit_entry *entry_or_template(const struct unit_index *x, const char *name)
{
	struct unit_entry *e = map_get(x->entries, name);
	char template[UNIT_NAME_MAX + 1];

	if (e || unit_name_kind(name) != UNIT_NAME_INSTANCE)
		return e;
	(void) snprintf(template, sizeof(template), "%.*s%s", (int) (strchr(name, '@') + 1 - name),
	                name, strrchr(name, '.'));
	return map_get(x->entries, template);
}

static struct unit_entry *follow_aliases(const struct unit_index *x, struct unit_entry *e)
{
	for (unsigned depth = 0; e && e->alias_of; depth++) {
		if (depth >= ALIAS_DEPTH_MAX)
			return NULL;
		e = entry_or_template(x, e->alias_of);
	}
	return e;
}

static void link_aliases(struct unit_index *x)
{
	struct unit_entry *e;

	MAP_FOREACH (e, x->entries) {
		struct unit_entry *primary = e->alias_of ? follow_aliases(x, e) : NULL;

		if (!primary || primary == e)
			continue;
		e->next_alias = primary->aliases;
		primary->aliases = e;
	}
}

int unit_index_new(const struct unit_paths *p, struct unit_index **ret)
{
	auto_cleanup(unit_index_free) struct unit_index *x = calloc(1, sizeof(*x));
	int r;

	if (!x)
		return -ENOMEM;
	x->entries = map_new(MAP_STRING);
	x->folders = map_new(MAP_STRING);
	x->root = strdup(p->root ? p->root : "");
	if (!x->entries || !x->folders || !x->root)
		return -ENOMEM;
	r = read_search_path(x, p);
	if (r < 0)
		return r;
	link_aliases(x);
	*ret = TAKE_PTR(x);
	return 0;
}
