// SPDX-License-Identifier: Apache-2.0
/* Files that are replaced whole: a temporary of a random name beside the target, then a rename over
 * it. */
#include "base/fd.h"

#include "base/id128.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"

#include <limits.h>
#include <stdio.h>

#define ATOMIC_TRIES 8

/* "DIR/.#NAME.HEX", cut so that the name stays within NAME_MAX. */
static int atomic_name(const char *path, char **ret)
{
	char text[ID128_TEXT_MAX];
	auto_free char *dir = path_dirname(path);
	const char *name = path_basename(path);
	struct id128 id;
	int r;

	if (!dir)
		return -ENOMEM;
	if (!*name || streq(name, "/") || streq(name, ".") || streq(name, ".."))
		return -EINVAL;
	r = id128_random(&id);
	if (r < 0)
		return r;
	*ret = str_printf("%s/.#%.*s.%.16s", dir, NAME_MAX - 20, name, id128_format(&id, text));
	return *ret ? 0 : -ENOMEM;
}

static int atomic_open(const char *path, mode_t mode, char **ret_name)
{
	for (unsigned i = 0; i < ATOMIC_TRIES; i++) {
		auto_free char *name = NULL;
		int r = atomic_name(path, &name), fd;

		if (r < 0)
			return r;
		/* Nobody else may read it before it has its mode. */
		fd = sys_openat(AT_FDCWD, name,
		                O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW,
		                mode & 0600);
		if (fd == -EEXIST)
			continue;
		if (fd >= 0)
			*ret_name = TAKE_PTR(name);
		return fd;
	}
	return -EEXIST;
}

static int sync_directory_of(const char *path)
{
	auto_free char *dir = path_dirname(path);
	auto_fd int fd = -EBADF;

	if (!dir)
		return -ENOMEM;
	fd = sys_openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (fd < 0)
		return fd;
	/* Some file systems cannot, and say EINVAL. */
	return fsync(fd) < 0 && errno != EINVAL ? -errno : 0;
}

/* Mode, data on disk if asked for, the rename; the temporary is removed if it could not be done. */
static int atomic_finish(int fd, const char *name, const char *path, mode_t mode, bool sync)
{
	int r = 0;

	if (fchmod(fd, mode) < 0 || (sync && fsync(fd) < 0))
		r = -errno;
	if (r >= 0)
		r = sys_renameat(AT_FDCWD, name, AT_FDCWD, path);
	if (r < 0) {
		(void) unlink(name);
		return r;
	}
	return sync ? sync_directory_of(path) : 0;
}

int file_write_atomic(const char *path, const void *data, size_t size, mode_t mode, bool sync)
{
	auto_free char *name = NULL;
	auto_fd int fd = atomic_open(path, mode, &name);
	int r;

	if (fd < 0)
		return fd;
	r = fd_write_all(fd, data, size);
	if (r < 0) {
		(void) unlink(name);
		return r;
	}
	return atomic_finish(fd, name, path, mode, sync);
}

int symlink_atomic(const char *target, const char *path)
{
	for (unsigned i = 0; i < ATOMIC_TRIES; i++) {
		auto_free char *name = NULL;
		int r = atomic_name(path, &name);

		if (r < 0)
			return r;
		if (symlink(target, name) < 0) {
			if (errno == EEXIST)
				continue;
			return -errno;
		}
		r = sys_renameat(AT_FDCWD, name, AT_FDCWD, path);
		if (r < 0)
			(void) unlink(name);
		return r;
	}
	return -EEXIST;
}

static int copy_bytes(int from, int to)
{
	char buf[16384];

	for (;;) {
		ssize_t n = sys_read(from, buf, sizeof(buf));
		int r;

		if (n == -EINTR)
			continue;
		if (n <= 0)
			return (int) n;
		r = fd_write_all(to, buf, (size_t) n);
		if (r < 0)
			return r;
	}
}

int file_copy(const char *from, const char *to, mode_t mode)
{
	auto_fd int in = sys_openat(AT_FDCWD, from, O_RDONLY | O_CLOEXEC | O_NOCTTY, 0);
	auto_free char *name = NULL;
	auto_fd int out = -EBADF;
	int r;

	if (in < 0)
		return in;
	out = atomic_open(to, mode, &name);
	if (out < 0)
		return out;
	r = copy_bytes(in, out);
	if (r < 0) {
		(void) unlink(name);
		return r;
	}
	return atomic_finish(out, name, to, mode, false);
}
