// SPDX-License-Identifier: Apache-2.0
/* Walks of cgroup trees: create, remove, processes, kill. */
#include "base/cgroupfs.h"

#include "base/fd.h"
#include "base/map.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"

#include <dirent.h>
#include <signal.h>

/* Deeper trees are made in order to hurt; the kernel's own default for cgroup.max.depth is no
 * limit. */
#define CGROUP_DEPTH_MAX 64
#define KILL_ROUNDS_MAX  64

int cgroupfs_create(const char *cgroup)
{
	auto_free char *path = cgroupfs_path(cgroup, NULL);
	struct stat st;
	int r;

	if (!path)
		return cgroupfs_root() ? -EINVAL : -ENOENT;
	/* Nearly always it is not there and its parent is. */
	if (mkdir(path, 0755) == 0)
		return 1;
	if (errno != ENOENT && errno != EEXIST)
		return -errno;
	if (stat(path, &st) == 0)
		return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
	r = mkdir_p(path, 0755);
	return r < 0 ? r : 1;
}

/* Calls fn(path) for each child cgroup. A group that went away meanwhile has none. */
static int foreach_child(const char *path,
                         int (*fn)(const char *path, unsigned depth, void *userdata),
                         unsigned depth, void *userdata)
{
	struct dirent *e;
	int r = 0;
	DIR *d;

	if (depth >= CGROUP_DEPTH_MAX)
		return -ENAMETOOLONG;
	d = opendir(path);
	if (!d)
		return errno == ENOENT ? 0 : -errno;
	while (r == 0 && (e = readdir(d))) {
		auto_free char *child = NULL;

		if (e->d_type != DT_DIR || streq(e->d_name, ".") || streq(e->d_name, ".."))
			continue;
		child = path_join(path, e->d_name);
		r = child ? fn(child, depth + 1, userdata) : -ENOMEM;
	}
	(void) closedir(d);
	return r;
}

static int remove_tree(const char *path, unsigned depth, void *userdata)
{
	int r;

	/* Most have no children; the kernel knows. */
	r = sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
	if (r != -EBUSY && r != -ENOTEMPTY)
		return r == -ENOENT ? 0 : r;
	r = foreach_child(path, remove_tree, depth, userdata);
	if (r < 0)
		return r;
	r = sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
	return r == -ENOENT ? 0 : r;
}

int cgroupfs_remove(const char *cgroup)
{
	auto_free char *path = cgroupfs_path(cgroup, NULL);

	if (!path)
		return cgroupfs_root() ? -EINVAL : -ENOENT;
	if (str_is_empty(cgroup) || streq(cgroup, "/"))
		return -EINVAL;
	/* Usually there is nothing below it; then this works without a single fd. */
	if (rmdir(path) == 0)
		return 0;
	return remove_tree(path, 0, NULL);
}

struct pid_walk {
	int (*fn)(pid_t pid, void *userdata);
	void *userdata;
	bool recursive;
};

static int walk_pids(const char *path, unsigned depth, void *userdata)
{
	struct pid_walk *w = userdata;
	auto_free char *file = path_join(path, "cgroup.procs"), *text = NULL;
	char *rest = NULL;
	int r;

	if (!file)
		return -ENOMEM;
	r = file_read(file, &text, NULL);
	/* Gone, or threaded: then the processes show in the domain above. */
	if (r < 0 && r != -ENOENT && r != -ENODEV && r != -EOPNOTSUPP)
		return r;
	for (char *line = r < 0 ? NULL : strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		pid_t pid;

		/* 0 stands for a process outside of our PID namespace. */
		if (str_to_pid(line, &pid) < 0)
			continue;
		r = w->fn(pid, w->userdata);
		if (r != 0)
			return r;
	}
	return w->recursive ? foreach_child(path, walk_pids, depth, w) : 0;
}

int cgroupfs_foreach_pid(const char *cgroup, bool recursive, int (*fn)(pid_t pid, void *userdata),
                         void *userdata)
{
	struct pid_walk w = {fn, userdata, recursive};
	auto_free char *path = cgroupfs_path(cgroup, NULL);

	if (!path)
		return cgroupfs_root() ? -EINVAL : -ENOENT;
	return walk_pids(path, 0, &w);
}

struct kill_walk {
	struct map *seen;
	bool found;
};

static int kill_one(pid_t pid, void *userdata)
{
	struct kill_walk *w = userdata;
	int r;

	if (pid == getpid())
		return 0;
	r = map_add(w->seen, map_pid_key(pid), w);
	if (r == -EEXIST)
		return 0;
	if (r < 0)
		return r;
	w->found = true;
	return kill(pid, SIGKILL) < 0 && errno != ESRCH ? -errno : 0;
}

int cgroupfs_kill(const char *cgroup)
{
	struct kill_walk w = {.found = true};
	int r;

	if (str_is_empty(cgroup) || streq(cgroup, "/"))
		return -EINVAL;
	r = cgroupfs_write(cgroup, "cgroup.kill", "1");
	if (r != -ENOENT && r != -EOPNOTSUPP)
		return r == -ENODEV ? 0 : r;
	/* Before 5.14. Those signalled cannot fork any more, so it ends when a round meets nobody
	 * new. */
	w.seen = map_new(MAP_POINTER);
	if (!w.seen)
		return -ENOMEM;
	r = 0;
	for (unsigned i = 0; r == 0 && w.found && i < KILL_ROUNDS_MAX; i++) {
		w.found = false;
		r = cgroupfs_foreach_pid(cgroup, true, kill_one, &w);
	}
	map_free(w.seen);
	return r < 0 ? r : w.found ? -EAGAIN : 0;
}
