// SPDX-License-Identifier: Apache-2.0
/* RuntimeDirectory=, StateDirectory=, CacheDirectory=, LogsDirectory=, ConfigurationDirectory=:
 * systemd.exec(5). */
#include "exec/child/child.h"
#include "unitfile/word.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* clang-format off */
static const struct {
	const char *base, *variable;
	bool private, owned; /* dynamic users: below base/private; given to the user */
} kinds[EXEC_DIRECTORY_MAX] = {
	[EXEC_DIRECTORY_RUNTIME]	= { "/run",	  "RUNTIME_DIRECTORY",	     true,  true  },
	[EXEC_DIRECTORY_STATE]		= { "/var/lib",	  "STATE_DIRECTORY",	     true,  true  },
	[EXEC_DIRECTORY_CACHE]		= { "/var/cache", "CACHE_DIRECTORY",	     true,  true  },
	[EXEC_DIRECTORY_LOGS]		= { "/var/log",	  "LOGS_DIRECTORY",	     true,  true  },
	[EXEC_DIRECTORY_CONFIGURATION]	= { "/etc",	  "CONFIGURATION_DIRECTORY", false, false },
};
/* clang-format on */

const char *child_directory_base(enum exec_directory kind)
{
	return kinds[kind].base;
}

bool child_directory_is_private(const struct child *c, enum exec_directory kind)
{
	if (!c->s->dynamic_user || !kinds[kind].private)
		return false;
	/* What is gone before its user's number is given to somebody else needs no protection from that one. */
	return kind != EXEC_DIRECTORY_RUNTIME ||
	       c->s->runtime_directory_preserve != EXEC_PRESERVE_NO;
}

#define CHOWN_DEPTH_MAX 128

/* Gives a tree to another user: for data that a service of another identity left. Follows no
 * symbolic link. Takes @fd. */
static int chown_tree(int fd, uid_t uid, gid_t gid, unsigned depth)
{
	DIR *d = depth > CHOWN_DEPTH_MAX ? NULL : fdopendir(fd);
	struct dirent *e;
	int r = 0;

	if (!d) {
		r = depth > CHOWN_DEPTH_MAX ? -ELOOP : -errno;
		fd_close(fd);
		return r;
	}
	while (r >= 0 && (e = readdir(d))) {
		struct stat st;

		if (streq(e->d_name, ".") || streq(e->d_name, ".."))
			continue;
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue; /* gone */
		if (S_ISDIR(st.st_mode)) {
			int child = openat(dirfd(d), e->d_name,
			                   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			r = child < 0 ? -errno : chown_tree(child, uid, gid, depth + 1);
		} else if ((st.st_uid != uid || st.st_gid != gid) &&
		           fchownat(dirfd(d), e->d_name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 &&
		           errno != ENOENT) {
			r = -errno;
		}
	}
	/* The directory itself comes last: its owner says that all below it is done. */
	if (r >= 0 && fchown(dirfd(d), uid, gid) < 0)
		r = -errno;
	closedir(d);
	return r;
}

static int own_directory(const char *path, mode_t mode, uid_t uid, gid_t gid)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), r = 0;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if ((st.st_mode & 07777) != mode && fchmod(fd, mode) < 0)
		r = -errno;
	if (r < 0 || (st.st_uid == uid && st.st_gid == gid)) {
		fd_close(fd);
		return r;
	}
	r = chown_tree(fd, uid, gid, 0);
	/* chown clears the set-ID bits. */
	if (r >= 0 && (mode & 07000) && chmod(path, mode) < 0)
		r = -errno;
	return r;
}

/* Data of a service that had a fixed user before moves below private/, or back. */
static int migrate(const char *from, const char *to)
{
	struct stat st;

	if (lstat(from, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISDIR(st.st_mode) || access(to, F_OK) >= 0)
		return 0;
	return rename(from, to) < 0 ? -errno : 0;
}

/* A link that the unit is to find, also where a new file system covers it (mount-apply.c): @target as it stands in the link. */
static int note_link(struct child *c, const char *path, const char *target)
{
	int r = strv_append(&c->directory_links, path);

	return r < 0 ? r : strv_append(&c->directory_links, target);
}

static int private_link_target(const char *name, char **ret)
{
	size_t depth = 0;

	for (const char *p = name; (p = strchr(p, '/')); p++)
		depth++;
	*ret = str_printf("%.*sprivate/%s", (int) MIN(depth * 3, (size_t) 30),
	                  "../../../../../../../../../../", name);
	return *ret ? 0 : -ENOMEM;
}

/* /var/lib/x of a dynamic user is /var/lib/private/x, which only root and the service's own name
 * space can enter. */
static int private_directory(struct child *c, const char *base, const char *name, mode_t mode)
{
	auto_free char *private = path_join(base, "private"),
		       *target = private ? path_join(private, name) : NULL,
		       *public = path_join(base, name), *relative = NULL;
	int r;

	if (!target || !public)
		return -ENOMEM;
	r = mkdir_p(private, 0700);
	if (r >= 0)
		r = chmod(private, 0700) < 0 ? -errno : mkdir_parents(target, 0755);
	if (r >= 0)
		r = mkdir_parents(public, 0755);
	if (r >= 0)
		r = migrate(public, target);
	if (r >= 0 && mkdir(target, mode) < 0 && errno != EEXIST)
		r = -errno;
	if (r >= 0)
		r = own_directory(target, mode, c->uid, c->gid);
	if (r < 0)
		return r;
	r = private_link_target(name, &relative);
	if (r < 0)
		return r;
	if (symlink(relative, public) < 0 && errno != EEXIST)
		return -errno;
	return strv_append(&c->private_dirs, target);
}

static int public_directory(struct child *c, const char *base, const char *name, mode_t mode,
                            bool owned)
{
	auto_free char *path = path_join(base, name), *private = NULL;
	bool fresh;
	struct stat st;
	int r;

	if (!path)
		return -ENOMEM;
	/* From a dynamic user back to a fixed one. */
	if (lstat(path, &st) >= 0 && S_ISLNK(st.st_mode)) {
		private = path_join3(base, "private", name);
		if (!private)
			return -ENOMEM;
		if (access(private, F_OK) >= 0) {
			if (unlink(path) < 0)
				return -errno;
			r = migrate(private, path);
			if (r < 0)
				return r;
		}
	}
	r = mkdir_parents(path, 0755);
	if (r < 0)
		return r;
	fresh = mkdir(path, mode) >= 0;
	if (!fresh && errno != EEXIST)
		return -errno;
	/* An administrator's configuration stays as it is. */
	if (!owned)
		return fresh && chmod(path, mode) < 0 ? -errno : 0;
	return own_directory(path, mode, c->uid, c->gid);
}

/* The unit will see another file system there, and the link in that one (mount-apply.c); the machine's own is to have none. */
static bool is_hidden(const struct child *c, const char *path)
{
	STRV_FOREACH (text, c->s->temporary_file_systems) {
		auto_free char *where = strndup(*text, strcspn(*text, ":"));

		if (where && path_below(path, where))
			return true;
	}
	return false;
}

static int make_link(struct child *c, const char *base, const char *name, const char *link)
{
	auto_free char *path = path_join(base, link), *target = path_join(base, name);
	int r = path && target ? note_link(c, path, target) : -ENOMEM;

	if (r >= 0 && c->spec.flags & EXEC_NEW_DIRECTORIES && !is_hidden(c, path)) {
		r = mkdir_parents(path, 0755);
		if (r >= 0)
			r = symlink_atomic(target, path);
	}
	return r < 0 ? child_fail(c, r, "Symbolic link %s", path ?: link) : 0;
}

static int make_one(struct child *c, enum exec_directory kind, const char *entry, char **ret_path)
{
	auto_strv char **parts = NULL;
	const char *base = kinds[kind].base, *name;
	mode_t mode = c->s->directories[kind].mode;
	int r = colon_split(entry, &parts);

	if (r < 0)
		return r;
	name = parts[0];
	*ret_path = path_join(base, name);
	if (!*ret_path)
		return -ENOMEM;
	/* The first command of a start makes them, the others find them. */
	if (c->spec.flags & EXEC_NEW_DIRECTORIES) {
		r = child_directory_is_private(c, kind)
		            ? private_directory(c, base, name, mode)
		            : public_directory(c, base, name, mode, kinds[kind].owned);
	} else if (child_directory_is_private(c, kind)) {
		r = strv_append_consume(&c->private_dirs, str_printf("%s/private/%s", base, name));
	}
	if (r < 0)
		return child_fail(c, r, "%s", *ret_path);
	if (child_directory_is_private(c, kind)) {
		auto_free char *target = NULL;

		r = private_link_target(name, &target);
		if (r >= 0)
			r = note_link(c, *ret_path, target);
		if (r < 0)
			return r;
	}
	return parts[1] ? make_link(c, base, name, parts[1]) : 0;
}

static int make_all(struct child *c, enum exec_directory kind)
{
	auto_strv char **paths = NULL;
	auto_free char *joined = NULL;
	int r;

	if (strv_length(c->s->directories[kind].paths) == 0)
		return 0;
	STRV_FOREACH (entry, c->s->directories[kind].paths) {
		char *path = NULL;

		r = make_one(c, kind, *entry, &path);
		if (r >= 0)
			r = strv_append(&paths, path);
		free(path);
		if (r < 0)
			return r;
	}
	joined = strv_join(paths, ":");
	return joined ? strv_append_consume(&c->directory_env,
	                                    str_printf("%s=%s", kinds[kind].variable, joined))
	              : -ENOMEM;
}

int child_directories_runtime(struct child *c)
{
	return make_all(c, EXEC_DIRECTORY_RUNTIME);
}

int child_directories_state(struct child *c)
{
	return make_all(c, EXEC_DIRECTORY_STATE);
}

int child_directories_cache(struct child *c)
{
	return make_all(c, EXEC_DIRECTORY_CACHE);
}

int child_directories_logs(struct child *c)
{
	return make_all(c, EXEC_DIRECTORY_LOGS);
}

int child_directories_configuration(struct child *c)
{
	return make_all(c, EXEC_DIRECTORY_CONFIGURATION);
}
