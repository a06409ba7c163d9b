// SPDX-License-Identifier: Apache-2.0
/*
 * mounts.h - private to core-exec: what a unit's mount name space differs in, as a table of paths
 * (mounts.c), and how it is made so (mount-apply.c).
 *
 * Every path is looked up below a root given as an fd, so that symbolic links cannot lead out of
 * RootDirectory=; mounts are made detached, get their flags, and only then appear. Parents come
 * before children. A path that stays writable below one that does not keeps the mounts it had: they
 * are copied before anything is changed.
 */
#pragma once

#include "exec/child/child.h"

enum mount_content {
	CONTENT_SAME, /* only flags change */
	CONTENT_KEEP, /* as it was before its parent changed */
	CONTENT_BIND, /* of source */
	CONTENT_FS,   /* a new file system of type source, with options */
	CONTENT_DEV,  /* PrivateDevices= */
	CONTENT_INACCESSIBLE,
};

struct mount_entry {
	char *path;
	enum mount_content content;
	char *source, *options;
	bool optional;          /* it is no error if the path (or source) is not there */
	bool may_fail;          /* nor if the kernel does not want to */
	bool outside;           /* a path of the host, not of RootDirectory= */
	bool shallow;           /* BindPaths= with norbind */
	bool make;              /* the place is made if it is not there */
	int read_only, no_exec; /* -1: as it is */
	unsigned attributes;    /* MOUNT_ATTR_* of a new file system */
	int tree;               /* detached copy, -EBADF */
};

struct mount_table {
	struct mount_entry *entries;
	size_t n;
};

/* mounts.c: from the settings. */
int mount_table_fill(struct child *c, struct mount_table *t);
/* Something else lies over where @path is. */
bool mount_table_covers(const struct mount_table *t, const char *path);
/* mount-apply.c: in the new name space. */
int mount_table_apply(struct child *c, struct mount_table *t);
/* mount-dev.c: a detached /dev; its sub-mounts are moved in when it is in place. */
int mount_dev_new(struct child *c, int *ret_tree);
int mount_dev_finish(struct child *c, int dev_fd);
/* Flags for a mount or, @recursive, a tree of mounts. On kernels before 5.12 only when it is
 * attached at @path. */
int mount_set_flags(int tree, const char *path, uint64_t set, uint64_t clear, bool recursive);
int mount_new_fs(const char *type, const char *options, unsigned attributes);
