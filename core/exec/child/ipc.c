// SPDX-License-Identifier: Apache-2.0
/* RemoveIPC=: what a user left in System V's and POSIX's tables, taken away when the user's last unit is dead. Root's is never touched. */
#include "exec/child/child.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <unistd.h>

#define DEPTH_MAX   32
#define COLUMNS_MAX 24

static int remove_shm(int id)
{
	return shmctl(id, IPC_RMID, NULL);
}

static int remove_sem(int id)
{
	return semctl(id, 0, IPC_RMID);
}

static int remove_msg(int id)
{
	return msgctl(id, IPC_RMID, NULL);
}

static const struct {
	const char *path, *id;
	int (*remove)(int id);
} tables[] = {
	{"/proc/sysvipc/shm", "shmid", remove_shm},
	{"/proc/sysvipc/sem", "semid", remove_sem},
	{"/proc/sysvipc/msg", "msqid", remove_msg},
};

static size_t split(char *line, char *words[static COLUMNS_MAX])
{
	char *rest = NULL;
	size_t n = 0;

	for (char *w = strtok_r(line, " \t", &rest); w && n < COLUMNS_MAX;
	     w = strtok_r(NULL, " \t", &rest))
		words[n++] = w;
	return n;
}

static int column(char *const *words, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (streq(words[i], name))
			return (int) i;
	return -1;
}

/* The first line names the columns, so that further ones do no harm. */
static void clean_table(size_t which, uid_t uid)
{
	auto_free char *text = NULL;
	char *rest = NULL, *line, *words[COLUMNS_MAX];
	int id_at, uid_at;
	size_t n;

	if (file_read(tables[which].path, &text, NULL) < 0)
		return; /* the kernel has no such thing */
	line = strtok_r(text, "\n", &rest);
	n = line ? split(line, words) : 0;
	id_at = column(words, n, tables[which].id);
	uid_at = column(words, n, "uid");
	if (id_at < 0 || uid_at < 0)
		return;
	while ((line = strtok_r(NULL, "\n", &rest))) {
		uint32_t owner;
		int id;

		n = split(line, words);
		if ((size_t) id_at < n && (size_t) uid_at < n &&
		    str_to_i32(words[id_at], &id) >= 0 && str_to_u32(words[uid_at], &owner) >= 0 &&
		    owner == uid)
			(void) tables[which].remove(id);
	}
}

/* Takes @fd. Follows no symbolic link, leaves what is not the user's. */
static void clean_tree(int fd, uid_t uid, unsigned depth)
{
	DIR *d = depth < DEPTH_MAX ? fdopendir(fd) : NULL;
	struct dirent *e;

	if (!d) {
		fd_close(fd);
		return;
	}
	while ((e = readdir(d))) {
		struct stat st;
		bool directory;

		if (streq(e->d_name, ".") || streq(e->d_name, "..") ||
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		directory = S_ISDIR(st.st_mode);
		if (directory) {
			int below = openat(dirfd(d), e->d_name,
			                   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			if (below >= 0)
				clean_tree(below, uid, depth + 1);
		}
		if (st.st_uid == uid)
			(void) unlinkat(dirfd(d), e->d_name, directory ? AT_REMOVEDIR : 0);
	}
	closedir(d);
}

int child_remove_ipc(const char *name)
{
	static const char *const trees[] = {"/dev/shm", "/dev/mqueue"};
	const char *home, *shell, *user;
	uint32_t uid;
	gid_t gid;

	/* The number of a dynamic user is nobody's name any more. */
	if (str_to_u32(name, &uid) < 0 && user_lookup(name, &uid, &gid, &home, &shell, &user) < 0)
		return -ESRCH;
	if (uid == 0)
		return 0;
	for (size_t i = 0; i < ELEMENTSOF(tables); i++)
		clean_table(i, uid);
	for (size_t i = 0; i < ELEMENTSOF(trees); i++) {
		int fd = open(trees[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd >= 0)
			clean_tree(fd, uid, 0);
	}
	return 0;
}
