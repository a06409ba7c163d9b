// SPDX-License-Identifier: Apache-2.0
#include "exec/child/mounts.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define INACCESSIBLE_DIR "/run/systemd/inaccessible"

/* ---- flags ---- */

static unsigned long old_flags(uint64_t attributes)
{
	return (attributes & MOUNT_ATTR_RDONLY ? MS_RDONLY : 0) |
	       (attributes & MOUNT_ATTR_NOEXEC ? MS_NOEXEC : 0) |
	       (attributes & MOUNT_ATTR_NOSUID ? MS_NOSUID : 0) |
	       (attributes & MOUNT_ATTR_NODEV ? MS_NODEV : 0);
}

/* What a mount has now, from the options of a line of mountinfo. */
static unsigned long parse_flags(const char *options)
{
	/* clang-format off */
	static const struct { const char *name; unsigned long flag; } names[] = {
		{ "ro", MS_RDONLY }, { "nosuid", MS_NOSUID }, { "nodev", MS_NODEV }, { "noexec", MS_NOEXEC }, { "noatime", MS_NOATIME },
		{ "nodiratime", MS_NODIRATIME }, { "relatime", MS_RELATIME },
	};
	/* clang-format on */
	unsigned long flags = 0;

	for (const char *p = options; *p;) {
		size_t n = strcspn(p, ",");

		for (size_t i = 0; i < ELEMENTSOF(names); i++)
			if (strlen(names[i].name) == n && strncmp(names[i].name, p, n) == 0)
				flags |= names[i].flag;
		p += n + (p[n] == ',');
	}
	return flags;
}

/* Before mount_setattr(2): each mount below @path by itself, the only way being a remount. */
static int set_flags_remount(const char *path, uint64_t set, uint64_t clear, bool recursive)
{
	auto_free char *text = NULL;
	char *rest = NULL;
	int r;

	r = file_read("/proc/self/mountinfo", &text, NULL);
	if (r < 0)
		return r;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char where[4096], options[512];
		const char *below;

		/* Blanks in paths are escaped as \040; such mounts are left alone. */
		if (sscanf(line, "%*s %*s %*s %*s %4095s %511s", where, options) != 2)
			continue;
		below = path_below(where, path);
		if (!below || (*below && !recursive))
			continue;
		if (mount(NULL, where, NULL,
		          MS_REMOUNT | MS_BIND |
		                  ((parse_flags(options) & ~old_flags(clear)) | old_flags(set)),
		          NULL) < 0 &&
		    errno != ENOENT && errno != EINVAL)
			return -errno;
	}
	return 0;
}

int mount_set_flags(int tree, const char *path, uint64_t set, uint64_t clear, bool recursive)
{
	struct mount_attr a = {.attr_set = set, .attr_clr = clear};

	if (mount_setattr(tree, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &a,
	                  sizeof(a)) >= 0)
		return 0;
	if (errno != ENOSYS || !path)
		return -errno;
	return set_flags_remount(path, set, clear, recursive);
}

/* ---- new file systems ---- */

static int add_option(int fs, const char *name, unsigned *attributes)
{
	/* clang-format off */
	static const struct { const char *name; unsigned set, clear; } flags[] = {
		{ "ro", MOUNT_ATTR_RDONLY, 0 }, { "rw", 0, MOUNT_ATTR_RDONLY }, { "nodev", MOUNT_ATTR_NODEV, 0 }, { "dev", 0, MOUNT_ATTR_NODEV },
		{ "nosuid", MOUNT_ATTR_NOSUID, 0 }, { "suid", 0, MOUNT_ATTR_NOSUID }, { "noexec", MOUNT_ATTR_NOEXEC, 0 },
		{ "exec", 0, MOUNT_ATTR_NOEXEC }, { "noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR_STRICTATIME },
		{ "strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR_NOATIME }, { "nostrictatime", 0, MOUNT_ATTR_STRICTATIME },
		{ "relatime", 0, MOUNT_ATTR_STRICTATIME | MOUNT_ATTR_NOATIME }, { "norelatime", 0, 0 }, { "atime", 0, MOUNT_ATTR_NOATIME },
		{ "nodiratime", MOUNT_ATTR_NODIRATIME, 0 }, { "diratime", 0, MOUNT_ATTR_NODIRATIME },
	};
	/* clang-format on */
	auto_free char *copy = strdup(name);
	char *value = copy ? strchr(copy, '=') : NULL;

	if (!copy)
		return -ENOMEM;
	for (size_t i = 0; i < ELEMENTSOF(flags); i++)
		if (streq(flags[i].name, name)) {
			*attributes = (*attributes & ~flags[i].clear) | flags[i].set;
			return 0;
		}
	if (value)
		*value++ = 0;
	return fsconfig(fs, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, copy, value, 0) < 0
	               ? -errno
	               : 0;
}

int mount_new_fs(const char *type, const char *options, unsigned attributes)
{
	auto_fd int fs = fsopen(type, FSOPEN_CLOEXEC);
	auto_strv char **words = NULL;
	int r = 0, tree;

	if (fs < 0)
		return -errno;
	if (options)
		r = strv_split(options, ",", &words);
	STRV_FOREACH (word, words) {
		if (r < 0)
			break;
		r = add_option(fs, *word, &attributes);
	}
	if (r < 0)
		return r;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	tree = fsmount(fs, FSMOUNT_CLOEXEC, attributes);
	return tree < 0 ? -errno : tree;
}

/* ---- places ---- */

struct roots {
	int host, inside; /* the same without RootDirectory= */
};

static int open_below(int root, const char *path, int flags)
{
	struct open_how how = {.flags = (uint64_t) (O_PATH | O_CLOEXEC | flags),
	                       .resolve = RESOLVE_IN_ROOT};
	long fd = syscall(SYS_openat2, root, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int) fd;
}

static int entry_root(const struct roots *roots, const struct mount_entry *e)
{
	return e->outside ? roots->host : roots->inside;
}

static int open_place(const struct roots *roots, const struct mount_entry *e)
{
	return open_below(entry_root(roots, e), e->path, 0);
}

/* The last component of @path, in a parent that is there. */
static int make_one(int root, char *path, bool directory)
{
	char *name = strrchr(path, '/') + 1;
	auto_fd int parent = -EBADF, fd = -EBADF;
	char first = *name;

	*name = 0;
	parent = open_below(root, path, O_DIRECTORY);
	*name = first;
	if (parent < 0)
		return parent;
	if (directory)
		return mkdirat(parent, name, 0755) < 0 && errno != EEXIST ? -errno : 0;
	fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	return fd < 0 && errno != EEXIST ? -errno : 0;
}

/*
 * A place of the right kind: a folder for folders, an empty file for everything else. Component by
 * component, so that no symbolic link of a foreign root leads out of it.
 */
static int make_parents(int root, char *path)
{
	int r = 0;

	for (char *p = path; r >= 0 && (p = strchr(p + 1, '/'));) {
		*p = 0;
		r = make_one(root, path, true);
		*p = '/';
	}
	return r;
}

static int make_place(const struct roots *roots, const struct mount_entry *e)
{
	auto_free char *path = strdup(e->path);
	int root = entry_root(roots, e), r;
	struct stat st;

	if (!path)
		return -ENOMEM;
	if (e->tree >= 0 && fstat(e->tree, &st) < 0)
		return -errno;
	r = make_parents(root, path);
	return r < 0 ? r : make_one(root, path, e->tree < 0 || S_ISDIR(st.st_mode));
}

static int make_link(int root, char *path, const char *target)
{
	char *slash = strrchr(path, '/');
	auto_fd int parent = -EBADF;
	int r = make_parents(root, path);

	if (r < 0)
		return r;
	*slash = 0;
	parent = open_below(root, *path ? path : "/", O_DIRECTORY);
	*slash = '/';
	if (parent < 0)
		return parent;
	return symlinkat(target, parent, slash + 1) < 0 && errno != EEXIST ? -errno : 0;
}

/* The links to the unit's directories, where a new file system covers those that were made for all to see. */
static int make_links(struct child *c, const struct roots *roots, const struct mount_table *t)
{
	for (char **l = c->directory_links; l && l[0]; l += 2) {
		int r = mount_table_covers(t, l[0]) ? make_link(roots->inside, l[0], l[1]) : 0;

		if (r < 0)
			return child_fail(c, r, "%s", l[0]);
	}
	return 0;
}

static int attach(int tree, int place)
{
	return move_mount(tree, "", place, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) <
	                       0
	               ? -errno
	               : 0;
}

static int copy_tree(int dir, const char *path, bool recursive)
{
	int fd = open_tree(dir, path,
	                   OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0) |
	                           (*path ? 0 : AT_EMPTY_PATH));

	return fd < 0 ? -errno : fd;
}

/* ---- inaccessible nodes ---- */

static const char *inaccessible_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "dir";
	case S_IFCHR:
		return "chr";
	case S_IFBLK:
		return "blk";
	case S_IFIFO:
		return "fifo";
	case S_IFSOCK:
		return "sock";
	default:
		return "reg";
	}
}

/* Nodes that nobody may use; every program that checks for a kind of file finds that kind. */
static int make_inaccessible_nodes(void)
{
	static const mode_t kinds[] = {S_IFREG, S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK};
	int r = mkdir_p(INACCESSIBLE_DIR, 0755);

	if (r < 0)
		return r;
	if (mkdir(INACCESSIBLE_DIR "/dir", 0) < 0 && errno != EEXIST)
		return -errno;
	for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
		auto_free char *path = path_join(INACCESSIBLE_DIR, inaccessible_name(kinds[i]));

		if (!path)
			return -ENOMEM;
		/* A container may make no devices: the plain file stands in for them. */
		if (mknod(path, kinds[i], makedev(0, 0)) < 0 && errno != EEXIST && errno != EPERM)
			return -errno;
	}
	return 0;
}

static int inaccessible_tree(int place)
{
	auto_free char *path = NULL;
	struct stat st;
	int tree, r;

	if (fstat(place, &st) < 0)
		return -errno;
	path = path_join(INACCESSIBLE_DIR, inaccessible_name(st.st_mode));
	if (!path)
		return -ENOMEM;
	tree = copy_tree(AT_FDCWD, path, false);
	if (tree == -ENOENT) {
		r = make_inaccessible_nodes();
		if (r < 0)
			return r;
		tree = copy_tree(AT_FDCWD, path, false);
		if (tree == -ENOENT)
			tree = copy_tree(AT_FDCWD, INACCESSIBLE_DIR "/reg", false);
	}
	return tree;
}

/* ---- first pass: copy what will be needed, while everything is as it was ---- */

/* A parent that becomes something else: then there is nothing to keep below it. */
static bool parent_is_replaced(const struct mount_table *t, const struct mount_entry *e)
{
	for (size_t i = 0; i < t->n; i++)
		if (&t->entries[i] != e && t->entries[i].outside == e->outside &&
		    t->entries[i].content >= CONTENT_BIND &&
		    path_below(e->path, t->entries[i].path))
			return true;
	return false;
}

static int prepare_entry(struct child *c, const struct roots *roots, const struct mount_table *t,
                         struct mount_entry *e)
{
	auto_fd int place = -EBADF;
	int r = 0;

	if (e->content == CONTENT_BIND) {
		r = copy_tree(AT_FDCWD, e->source, !e->shallow);
	} else if (e->content == CONTENT_KEEP && !parent_is_replaced(t, e)) {
		place = open_place(roots, e);
		r = place < 0 ? place : copy_tree(place, "", true);
	} else {
		return 0;
	}
	if (r >= 0) {
		e->tree = r;
		return 0;
	}
	if (e->optional && (r == -ENOENT || r == -ENOTDIR))
		return 0;
	return child_fail(c, r, "%s", e->content == CONTENT_BIND ? e->source : e->path);
}

/* ---- second pass ---- */

static int entry_tree(struct child *c, struct mount_entry *e, int place)
{
	switch (e->content) {
	case CONTENT_FS:
		return mount_new_fs(e->source, e->options, e->attributes);
	case CONTENT_DEV:
		return mount_dev_new(c, &e->tree) < 0 ? -errno : TAKE_FD(e->tree);
	case CONTENT_INACCESSIBLE:
		return inaccessible_tree(place);
	default:
		return e->tree >= 0 ? TAKE_FD(e->tree) : copy_tree(place, "", true);
	}
}

static void entry_flags(const struct mount_entry *e, uint64_t *ret_set, uint64_t *ret_clear)
{
	/* A new file system first gets the places for mounts below it. */
	*ret_set =
		(e->read_only == 1 && e->content != CONTENT_FS ? MOUNT_ATTR_RDONLY : 0) |
		(e->no_exec == 1 ? MOUNT_ATTR_NOEXEC : 0) |
		(e->content == CONTENT_INACCESSIBLE ? MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
	                                                      MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC
	                                            : 0);
	/* A place to be kept, whose parent was replaced and is read-only. */
	*ret_clear = (e->content == CONTENT_KEEP && e->tree < 0 ? MOUNT_ATTR_RDONLY : 0) |
	             (e->no_exec == 0 ? MOUNT_ATTR_NOEXEC : 0);
}

static int apply_entry(struct child *c, const struct roots *roots, struct mount_entry *e)
{
	auto_fd int place = -EBADF, tree = -EBADF;
	uint64_t set, clear;
	int r;

	entry_flags(e, &set, &clear);
	/* A bind whose source is not there. */
	if (e->content == CONTENT_BIND && e->tree < 0)
		return 0;
	place = open_place(roots, e);
	if (place == -ENOENT && e->make) {
		r = make_place(roots, e);
		place = r < 0 ? r : open_place(roots, e);
	}
	if (place < 0)
		return e->optional && (place == -ENOENT || place == -ENOTDIR) ? 0 : place;
	/* Our own root cannot be covered by another mount: lookups begin below it. */
	if (streq(e->path, "/"))
		return mount_set_flags(place, "/", set, clear, true);
	tree = entry_tree(c, e, place);
	if (tree < 0)
		return tree;
	if (set | clear) {
		r = mount_set_flags(tree, NULL, set, clear, e->content != CONTENT_INACCESSIBLE);
		if (r < 0 && r != -ENOSYS)
			return r;
	} else {
		r = 0;
	}
	if (attach(tree, place) < 0)
		return -errno;
	if (r == -ENOSYS)
		r = set_flags_remount(e->path, set, clear, e->content != CONTENT_INACCESSIBLE);
	if (r >= 0 && e->content == CONTENT_DEV)
		r = mount_dev_finish(c, tree);
	/* What was moved into it since is not covered by the flag from above. */
	if (r >= 0 && e->content == CONTENT_DEV && e->read_only == 1)
		r = mount_set_flags(tree, e->path, MOUNT_ATTR_RDONLY, 0, true);
	if (e->content == CONTENT_FS && e->read_only == 1)
		e->tree = TAKE_FD(tree);
	return r;
}

static int seal_new(struct child *c, const struct mount_table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct mount_entry *e = &t->entries[i];
		int r = e->content == CONTENT_FS && e->tree >= 0
		                ? mount_set_flags(e->tree, e->path, MOUNT_ATTR_RDONLY, 0, false)
		                : 0;

		if (r < 0)
			return child_fail(c, r, "%s", e->path);
	}
	return 0;
}

/* ---- the whole ---- */

static int open_roots(struct child *c, struct roots *ret)
{
	auto_fd int place = -EBADF;
	int tree;

	ret->host = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (ret->host < 0)
		return -errno;
	ret->inside = ret->host;
	if (!child_has_root(c))
		return 0;
	place = open(c->s->root_directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	tree = place < 0 ? -errno : copy_tree(place, "", true);
	if (tree >= 0 && attach(tree, place) < 0) {
		int r = -errno;

		fd_close(tree);
		tree = r;
	}
	if (tree < 0)
		return child_fail(c, tree, "%s", c->s->root_directory);
	ret->inside = tree;
	return 0;
}

/* The new root takes the old one's place, which goes away from below it. */
static int enter_root(const struct roots *roots)
{
	if (fchdir(roots->inside) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}

static int apply_all(struct child *c, struct mount_table *t, struct roots *roots)
{
	bool opened = false;
	int r = 0;

	for (size_t i = 0; i < t->n && r >= 0; i++)
		if (t->entries[i].outside || !child_has_root(c))
			r = prepare_entry(c, roots, t, &t->entries[i]);
	for (size_t i = 0; i <= t->n && r >= 0; i++) {
		/* Paths of the host sort first; the root is copied when they are done. */
		if (!opened && child_has_root(c) && (i == t->n || !t->entries[i].outside)) {
			opened = true;
			r = open_roots(c, roots);
			for (size_t k = i; k < t->n && r >= 0; k++)
				r = prepare_entry(c, roots, t, &t->entries[k]);
		}
		if (i == t->n || r < 0)
			break;
		r = apply_entry(c, roots, &t->entries[i]);
		if (r < 0 && t->entries[i].may_fail) {
			child_log(c, LOG_DEBUG, "%s: %s stays as it is: %s", c->spec.unit,
			          t->entries[i].path, strerror(-r));
			r = 0;
		} else if (r < 0) {
			child_fail(c, r, "%s", t->entries[i].path);
		}
	}
	if (r >= 0)
		r = make_links(c, roots, t);
	return r < 0 ? r : seal_new(c, t);
}

int mount_table_apply(struct child *c, struct mount_table *t)
{
	struct roots roots = {.host = -EBADF, .inside = -EBADF};
	unsigned long propagation = c->s->mount_flags_set && c->s->mount_flags
	                                    ? (unsigned long) c->s->mount_flags
	                                    : MS_SHARED;
	mode_t old = umask(0022);
	int r;

	roots.host = roots.inside = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (roots.host < 0)
		return -errno;
	r = apply_all(c, t, &roots);
	if (r >= 0 && child_has_root(c))
		r = enter_root(&roots);
	/* What the service mounts stays with it; what it mounts for its own children is theirs,
	 * too. */
	if (r >= 0 && mount(NULL, "/", NULL, propagation | MS_REC, NULL) < 0)
		r = -errno;
	umask(old);
	return r;
}
