// SPDX-License-Identifier: Apache-2.0
/*
 * LoadCredential=, SetCredential=: files in /run/credentials/UNIT, on a ramfs (never swapped out)
 * of the unit's own, owned by its user, then read-only. The first command of a start fills it, the
 * others find it, core unmounts it when the unit is dead.
 */
#include "exec/child/child.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CREDENTIALS_SIZE_MAX (1024U * 1024)
#define CREDENTIALS_ROOT     "/run/credentials"
#define CREDENTIALS_SYSTEM   CREDENTIALS_ROOT "/@system"

static const char *const stores[] = {CREDENTIALS_SYSTEM, "/etc/credstore", "/run/credstore",
                                     "/usr/local/lib/credstore", "/usr/lib/credstore"};

struct credentials {
	struct child *c;
	int dir;
	size_t left;
};

static bool name_is_valid(const char *id)
{
	return *id && strlen(id) <= 255 && !strchr(id, '/') && !streq(id, ".") && !streq(id, "..");
}

static int add(struct credentials *x, const char *id, const void *data, size_t size)
{
	auto_fd int fd = -EBADF;
	int r;

	if (!name_is_valid(id))
		return -EINVAL;
	if (size > x->left)
		return -E2BIG;
	fd = openat(x->dir, id, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400);
	if (fd < 0)
		return -errno;
	r = fd_write_all(fd, data, size);
	if (r >= 0 && x->c->user_set && fchown(fd, x->c->uid, (gid_t) -1) < 0)
		r = -errno;
	x->left -= size;
	return r;
}

/* A socket gives the content to whoever connects. */
static int read_socket(const char *path, size_t max, char **ret, size_t *ret_size)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	auto_fd int fd = -EBADF;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
		return -errno;
	return file_read_fd(fd, max, ret, ret_size);
}

static int load_file(struct credentials *x, const char *id, const char *path)
{
	auto_free char *data = NULL;
	size_t size;
	int r;

	r = file_read_at(AT_FDCWD, path, x->left, &data, &size);
	if (r == -ENXIO)
		r = read_socket(path, x->left, &data, &size);
	return r < 0 ? r : add(x, id, data, size);
}

/* A folder: each file becomes ID_NAME, folders below ID_FOLDER_NAME. */
static int load_tree(struct credentials *x, const char *id, const char *path, unsigned depth)
{
	auto_strv char **names = NULL;
	int r;

	if (depth > 16)
		return -ELOOP;
	r = dir_list(path, &names);
	STRV_FOREACH (name, names) {
		auto_free char *below = path_join(path, *name),
			       *sub = str_printf("%s_%s", id, *name);
		struct stat st;

		if (!below || !sub)
			return -ENOMEM;
		if (stat(below, &st) < 0)
			return -errno;
		r = S_ISDIR(st.st_mode) ? load_tree(x, sub, below, depth + 1)
		                        : load_file(x, sub, below);
		if (r < 0)
			return r;
	}
	return r;
}

static int load(struct credentials *x, const char *id, const char *source)
{
	struct stat st;

	if (*source == '/') {
		if (stat(source, &st) < 0)
			return -errno;
		return S_ISDIR(st.st_mode) ? load_tree(x, id, source, 0) : load_file(x, id, source);
	}
	for (size_t i = 0; i < ELEMENTSOF(stores); i++) {
		auto_free char *path = path_join(stores[i], source);
		int r = path ? load_file(x, id, path) : -ENOMEM;

		if (r != -ENOENT)
			return r;
	}
	return -ENOENT;
}

static bool has_credential(const struct credentials *x, const char *id)
{
	return faccessat(x->dir, id, F_OK, AT_SYMLINK_NOFOLLOW) >= 0;
}

static int fill(struct credentials *x)
{
	const struct exec_settings *s = x->c->s;

	STRV_FOREACH (entry, s->load_credentials) {
		auto_free char *id = strdup(*entry);
		char *source = id ? strchr(id, ':') : NULL;
		int r;

		if (!id)
			return -ENOMEM;
		if (source)
			*source++ = 0;
		r = load(x, id, source ?: id);
		/* One that is not there may have its value in SetCredential=; else the program will
		 * miss it. */
		if (r < 0 && r != -ENOENT)
			return child_fail(x->c, r, "Credential \"%s\"", id);
	}
	STRV_FOREACH (entry, s->set_credentials) {
		auto_free char *id = strdup(*entry);
		char *value = id ? strchr(id, ':') : NULL;
		int r;

		if (!id)
			return -ENOMEM;
		if (!value)
			return -EINVAL;
		*value++ = 0;
		r = has_credential(x, id) ? 0 : add(x, id, value, strlen(value));
		if (r < 0)
			return child_fail(x->c, r, "Credential \"%s\"", id);
	}
	return 0;
}

/* Where nothing may be mounted (a container), a plain folder on /run's tmpfs has to do. */
static int mount_store(const char *path)
{
	unsigned long flags = MS_NODEV | MS_NOEXEC | MS_NOSUID;

	if (mount("ramfs", path, "ramfs", flags, "mode=0700") >= 0 ||
	    mount("tmpfs", path, "tmpfs", flags, "mode=0700,size=2M") >= 0)
		return 1;
	return errno == EPERM || errno == EACCES || errno == ENODEV ? 0 : -errno;
}

int child_credentials(struct child *c)
{
	struct credentials x = {.c = c, .dir = -EBADF, .left = CREDENTIALS_SIZE_MAX};
	int r, mounted;

	if (strv_length(c->s->load_credentials) == 0 && strv_length(c->s->set_credentials) == 0)
		return 0;
	c->credentials_dir = path_join(CREDENTIALS_ROOT, c->spec.unit);
	if (!c->credentials_dir)
		return -ENOMEM;
	if (!(c->spec.flags & EXEC_NEW_DIRECTORIES))
		return 0;
	/* Left over from a run that nobody cleaned up behind. */
	(void) umount2(c->credentials_dir, MNT_DETACH | UMOUNT_NOFOLLOW);
	(void) rm_rf(c->credentials_dir);
	r = mkdir_p(CREDENTIALS_ROOT, 0755);
	if (r >= 0 && mkdir(c->credentials_dir, 0700) < 0 && errno != EEXIST)
		r = -errno;
	if (r < 0)
		return child_fail(c, r, "%s", c->credentials_dir);
	mounted = mount_store(c->credentials_dir);
	if (mounted < 0)
		return child_fail(c, mounted, "%s", c->credentials_dir);
	x.dir = open(c->credentials_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (x.dir < 0)
		return -errno;
	r = fill(&x);
	if (r >= 0 &&
	    (fchmod(x.dir, 0500) < 0 || (c->user_set && fchown(x.dir, c->uid, (gid_t) -1) < 0)))
		r = -errno;
	fd_close(x.dir);
	if (r >= 0 && mounted > 0 &&
	    mount(NULL, c->credentials_dir, NULL,
	          MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NODEV | MS_NOEXEC | MS_NOSUID, NULL) < 0)
		r = -errno;
	return r;
}
