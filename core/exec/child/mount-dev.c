// SPDX-License-Identifier: Apache-2.0
/* PrivateDevices=: a /dev with the pseudo devices only. */
#include "exec/child/mounts.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* clang-format off */
static const struct { const char *name; unsigned major, minor; } nodes[] = {
	{ "null", 1, 3 }, { "zero", 1, 5 }, { "full", 1, 7 }, { "random", 1, 8 }, { "urandom", 1, 9 }, { "tty", 5, 0 },
};
static const struct { const char *name, *target; } links[] = {
	{ "fd", "/proc/self/fd" }, { "stdin", "/proc/self/fd/0" }, { "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" },
	{ "core", "/proc/kcore" }, { "ptmx", "pts/ptmx" }, { "log", "/run/systemd/journal/dev-log" },
};
/* Mounts of the host's /dev that the private one has, too. */
static const char *const shared[] = { "pts", "shm", "mqueue", "hugepages" };
/* clang-format on */

/* Copies of the host's, made before the new /dev covers it. */
static int shared_trees[ELEMENTSOF(shared)], node_trees[ELEMENTSOF(nodes)];

static int copy_host(const char *name, bool recursive)
{
	auto_free char *path = path_join("/dev", name);
	int fd;

	if (!path)
		return -ENOMEM;
	fd = open_tree(AT_FDCWD, path,
	               OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0));
	return fd < 0 ? -errno : fd;
}

static int make_nodes(int tree)
{
	for (size_t i = 0; i < ELEMENTSOF(nodes); i++) {
		int fd;

		node_trees[i] = -EBADF;
		if (mknodat(tree, nodes[i].name, S_IFCHR | 0666,
		            makedev(nodes[i].major, nodes[i].minor)) >= 0)
			continue;
		if (errno != EPERM)
			return -errno;
		/* A container may make no devices: the host's node is bound over an empty file. */
		fd = openat(tree, nodes[i].name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (fd < 0)
			return -errno;
		fd_close(fd);
		node_trees[i] = copy_host(nodes[i].name, false);
		if (node_trees[i] < 0)
			return node_trees[i];
	}
	return 0;
}

int mount_dev_new(struct child *c _unused_, int *ret_tree)
{
	mode_t old = umask(0);
	int tree, r;

	tree = mount_new_fs("tmpfs", "mode=0755,size=4m,nr_inodes=64k",
	                    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_STRICTATIME);
	r = tree < 0 ? tree : make_nodes(tree);
	for (size_t i = 0; i < ELEMENTSOF(links) && r >= 0; i++)
		if (symlinkat(links[i].target, tree, links[i].name) < 0)
			r = -errno;
	for (size_t i = 0; i < ELEMENTSOF(shared) && r >= 0; i++) {
		shared_trees[i] = copy_host(shared[i], true);
		if (shared_trees[i] >= 0 && mkdirat(tree, shared[i], 0755) < 0)
			r = -errno;
	}
	umask(old);
	if (r < 0) {
		if (tree >= 0)
			fd_close(tree);
		errno = -r;
		return r;
	}
	*ret_tree = tree;
	return 0;
}

static int move_in(int tree, int dev, const char *name)
{
	if (tree < 0)
		return 0;
	return move_mount(tree, "", dev, name, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno : 0;
}

int mount_dev_finish(struct child *c _unused_, int dev)
{
	int r = 0;

	for (size_t i = 0; i < ELEMENTSOF(shared) && r >= 0; i++)
		r = move_in(shared_trees[i], dev, shared[i]);
	for (size_t i = 0; i < ELEMENTSOF(nodes) && r >= 0; i++)
		r = move_in(node_trees[i], dev, nodes[i].name);
	return r < 0 ? r : mount_set_flags(dev, "/dev", MOUNT_ATTR_RDONLY, 0, false);
}
