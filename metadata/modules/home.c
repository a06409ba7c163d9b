// SPDX-License-Identifier: Apache-2.0
/* A home as useradd(8) makes it. */
#include "metadata/modules/accounts.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>

#define DEPTH_MAX   16
#define ENTRIES_MAX 10000

struct copy {
	uid_t uid;
	gid_t gid;
	unsigned depth, entries;
};

static int copy_folder(struct copy *c, int from, int to);

static int copy_file(struct copy *c, int from, int to, const char *name, const struct stat *st)
{
	auto_fd int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC),
		    out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	                         0600);
	auto_free char *text = NULL;
	size_t size;
	int r;

	if (in < 0 || out < 0)
		return -errno;
	r = file_read_fd(in, FILE_SIZE_MAX, &text, &size);
	if (r >= 0)
		r = fd_write_all(out, text, size);
	if (r >= 0 && (fchown(out, c->uid, c->gid) < 0 || fchmod(out, st->st_mode & 07777) < 0))
		r = -errno;
	return r;
}

static int copy_link(struct copy *c, int from, int to, const char *name)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	target[n] = '\0';
	return symlinkat(target, to, name) < 0 ||
	                       fchownat(to, name, c->uid, c->gid, AT_SYMLINK_NOFOLLOW) < 0
	               ? -errno
	               : 0;
}

static int copy_sub_folder(struct copy *c, int from, int to, const char *name,
                           const struct stat *st)
{
	auto_fd int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
		    out = -EBADF;
	int r;

	if (in < 0 || mkdirat(to, name, 0700) < 0)
		return -errno;
	out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (out < 0)
		return -errno;
	c->depth++;
	r = c->depth > DEPTH_MAX ? -ELOOP : copy_folder(c, in, out);
	c->depth--;
	if (r >= 0 && (fchown(out, c->uid, c->gid) < 0 || fchmod(out, st->st_mode & 07777) < 0))
		r = -errno;
	return r;
}

static int copy_entry(struct copy *c, int from, int to, const char *name)
{
	struct stat st;

	if (++c->entries > ENTRIES_MAX)
		return -E2BIG;
	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return S_ISREG(st.st_mode)   ? copy_file(c, from, to, name, &st)
	       : S_ISLNK(st.st_mode) ? copy_link(c, from, to, name)
	       : S_ISDIR(st.st_mode) ? copy_sub_folder(c, from, to, name, &st)
	                             : 0; /* nobody's home has a device */
}

static int copy_folder(struct copy *c, int from, int to)
{
	int fd = fcntl(from, F_DUPFD_CLOEXEC, 3), r = 0;
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *e;

	if (!d) {
		r = -errno;
		fd_close(fd);
		return r;
	}
	while (r >= 0 && (e = readdir(d)))
		if (!streq(e->d_name, ".") && !streq(e->d_name, ".."))
			r = copy_entry(c, from, to, e->d_name);
	closedir(d);
	return r;
}

/* Made beside its place, so that a boot that was cut off leaves no half of it there. */
int home_make(const char *root, const char *home, const char *skeleton, mode_t mode, uid_t uid,
              gid_t gid)
{
	auto_free char *path = path_join(*root ? root : "/", home),
		       *from = path_join(*root ? root : "/", skeleton), *next = NULL;
	auto_fd int in = -EBADF, out = -EBADF;
	struct copy c = {.uid = uid, .gid = gid};
	struct stat st;
	int r;

	if (!path || !from)
		return -ENOMEM;
	path_simplify(path);
	next = str_printf("%s.new", path);
	if (!next)
		return -ENOMEM;
	if (lstat(path, &st) >= 0)
		return 0;
	r = mkdir_parents(path, 0755);
	if (r >= 0)
		r = rm_rf(next);
	if (r < 0)
		return r;
	if (mkdir(next, 0700) < 0)
		return -errno;
	out = open(next, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (out < 0)
		return -errno;
	in = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (in >= 0)
		r = copy_folder(&c, in, out);
	else if (errno != ENOENT)
		r = -errno;
	if (r >= 0 &&
	    (fchown(out, uid, gid) < 0 || fchmod(out, mode) < 0 || rename(next, path) < 0))
		r = -errno;
	if (r < 0)
		(void) rm_rf(next);
	return r;
}
