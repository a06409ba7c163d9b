// SPDX-License-Identifier: Apache-2.0
/* What core-exec made for one activation of a unit goes when the unit is dead. */
#include "exec/exec-internal.h"

#include "exec/clone.h"
#include "unitfile/word.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

#define TRASH_DIR "trash"

int exec_errand(struct manager *m, const char *word, const char *a, const char *b)
{
	const struct exec_manager *x = m->exec_data;
	char *argv[] = {(char *) EXEC_PROGRAM, (char *) word, (char *) a, (char *) b, NULL},
	     *environment[] = {NULL};
	struct spawn_request q = {.argv = argv,
	                          .environment = environment,
	                          .cgroup_fd = -EBADF,
	                          .flags = SPAWN_SIBLING};
	int pidfd = -EBADF;
	pid_t pid;

	if (!x)
		return -ENOENT;
	q.program_fd = x->program_fd;
	pid = spawn(&q, &pidfd, NULL);
	if (pid < 0)
		return pid;
	fd_close(pidfd);
	return 0;
}

/*
 * Trees can be large, and core does not wait: a tree is renamed, so that its name is free at once,
 * and a core-exec of init's removes it. An empty directory, the usual case, goes without.
 */
static int tree_remove(struct manager *m, const char *path, bool in_place)
{
	static unsigned serial;
	auto_free char *trash = NULL, *trash_dir = NULL;
	const char *victim = path;

	if (rmdir(path) >= 0 || errno == ENOENT)
		return 0;
	if (errno == ENOTDIR)
		return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
	if (!in_place) {
		trash_dir = path_join(m->runtime_dir ?: "/run/sysmaster", TRASH_DIR);
		trash = trash_dir ? str_printf("%s/%d-%u", trash_dir, (int) getpid(), ++serial)
		                  : NULL;
		if (!trash)
			return -ENOMEM;
		if (mkdir_p(trash_dir, 0700) < 0 || rename(path, trash) < 0)
			return rm_rf(path); /* on another file system: then at once */
		victim = trash;
	}
	return exec_errand(m, "--remove", victim, NULL) >= 0 ? 0 : rm_rf(victim);
}

static void remove_runtime(struct unit *u, const struct exec_settings *s)
{
	STRV_FOREACH (entry, s->directories[EXEC_DIRECTORY_RUNTIME].paths) {
		auto_strv char **parts = NULL;
		auto_free char *path = NULL;
		const char *name;
		int r = colon_split(*entry, &parts);

		if (r < 0)
			return;
		name = parts[0];
		path = path_join("/run", name);
		r = path ? tree_remove(u->manager, path, false) : -ENOMEM;
		/* A dynamic user's that outlived a restart; what is above is the symbolic link to it. */
		if (r >= 0 && s->dynamic_user) {
			free(path);
			path = path_join("/run/private", name);
			r = path ? tree_remove(u->manager, path, false) : -ENOMEM;
		}
		if (r < 0)
			log_unit_errno(LOG_WARNING, u->id, r, "Failed to remove \"%s\": %m",
			               path ?: name);
		if (parts[1]) {
			auto_free char *symlink_path = path_join("/run", parts[1]);

			if (symlink_path)
				(void) unlink(symlink_path);
		}
	}
}

void exec_private_tmp_remove(struct manager *m, const char *group)
{
	static const char *const places[] = {"/tmp", "/var/tmp"};
	const struct exec_manager *x = m->exec_data;
	auto_free char *name = NULL;

	if (!x || exec_private_tmp_name(x->boot_id, group, &name) < 0)
		return;
	/* The name is used once, so that nothing has to make room for it. */
	for (size_t i = 0; i < ELEMENTSOF(places); i++) {
		auto_free char *path = path_join(places[i], name);

		if (path && access(path, F_OK) >= 0)
			(void) tree_remove(m, path, true);
	}
}

/* Of a process that nobody put into a group. */
static void remove_private_tmp(const struct unit *u)
{
	char invocation[ID128_TEXT_MAX];
	auto_free char *group = NULL;

	if (!id128_is_null(&u->invocation_id) &&
	    exec_group_new(id128_format(&u->invocation_id, invocation), u->id, &group) >= 0)
		exec_private_tmp_remove(u->manager, group);
}

static void remove_credentials(struct unit *u)
{
	auto_free char *path = path_join("/run/credentials", u->id);

	if (!path)
		return;
	(void) umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
	(void) tree_remove(u->manager, path, false);
}

/* Units of one user clean up behind the last of them. */
static bool user_is_in_use(const struct unit *u, const char *user)
{
	const struct unit *other;

	MAP_FOREACH (other, u->manager->units) {
		const struct exec_settings *s = other->file ? other->file->exec : NULL;
		enum unit_active_state a = unit_active_state(other);

		if (other != u && s && streq_ptr(s->user, user) && a != UNIT_INACTIVE &&
		    a != UNIT_FAILED)
			return true;
	}
	return false;
}

static void remove_ipc(const struct unit *u, const struct exec_settings *s)
{
	auto_free char *direct = str_printf("/run/systemd/dynamic-uid/direct:%s", s->user);
	char number[16];
	ssize_t n = direct && s->dynamic_user ? readlink(direct, number, sizeof(number) - 1) : 0;

	number[MAX(n, 0)] = 0;
	if (!user_is_in_use(u, s->user))
		(void) exec_errand(u->manager, "--remove-ipc", n > 0 ? number : s->user, NULL);
}

/* The number is free again, if it was this name's. */
static void release_dynamic_user(const struct exec_settings *s)
{
	auto_free char *direct = str_printf("/run/systemd/dynamic-uid/direct:%s", s->user),
		       *path = NULL;
	char number[16];
	ssize_t n;

	n = direct ? readlink(direct, number, sizeof(number) - 1) : -1;
	if (n <= 0)
		return;
	number[n] = 0;
	path = path_join("/run/systemd/dynamic-uid", number);
	if (path && !strchr(number, '/'))
		(void) unlink(path);
	(void) unlink(direct);
}

static void unexport(const struct unit *u, const char *what)
{
	auto_free char *path = str_printf(EXEC_UNITS_DIR "/%s:%s", what, u->id);

	if (path)
		(void) unlink(path);
}

void exec_process_ended(struct unit *u, const struct exec_settings *s, pid_t pid)
{
	char number[16];

	if (!s || !s->utmp_id)
		return;
	(void) snprintf(number, sizeof(number), "%d", (int) pid);
	(void) exec_errand(u->manager, "--utmp-dead", s->utmp_id, number);
}

int exec_directories_remove(struct unit *u, const struct exec_settings *s, bool restarting)
{
	enum exec_preserve keep = s->runtime_directory_preserve;

	if (keep == EXEC_PRESERVE_NO || (keep == EXEC_PRESERVE_RESTART && !restarting))
		remove_runtime(u, s);
	if (s->private_tmp && !u->namespace_group)
		remove_private_tmp(u);
	if (strv_length(s->load_credentials) > 0 || strv_length(s->set_credentials) > 0)
		remove_credentials(u);
	if (s->log_level_max >= 0 && !restarting)
		unexport(u, "log-level-max");
	if (strv_length(s->log_extra_fields) > 0 && !restarting)
		unexport(u, "log-extra-fields");
	/* Without a user it is root's, and that stays. */
	if (s->remove_ipc && s->user && !restarting)
		remove_ipc(u, s);
	if (s->dynamic_user && s->user && !restarting && !user_is_in_use(u, s->user))
		release_dynamic_user(s);
	return 0;
}
