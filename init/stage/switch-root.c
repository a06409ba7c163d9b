// SPDX-License-Identifier: Apache-2.0
/*
 * Out of an initramfs, as PID 1: the API file systems move along, the new root takes the place of
 * the old one, whose files are removed to have their memory back, and its init is executed: with
 * our state if it can read that (core and the services live on), else alone. Whatever fails leads
 * back to the init that we came from, in the root that we have then.
 */
#include "init/stage/stage.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

extern char **environ;

static char why[NAME_TEXT_MAX];

static void go_back(int state_fd)
{
	log_line(LOG_ERR, "switch-root: %s", why);
	if (state_fd >= 0)
		init_exec((int) st.self_fd, state_fd, -1, "--went-back=", why);
	stage_exec("rescue", why, st.rescue);
}

static int state_fd = -1;

static void on_fault(int sig)
{
	text_set(why, "signal %d in the switch of the root", sig);
	go_back(state_fd);
}

static int failed(const char *what, const char *which)
{
	int r = -errno;

	text_set(why, "%s%s: %s", what, which, error_text(r));
	return r;
}

static void mounts_move(const char *root)
{
	static const char *const moved[] = {"/dev", "/proc", "/sys", "/run"};
	char target[NAME_TEXT_MAX + 8];

	for (size_t i = 0; i < COUNT(moved); i++) {
		text_set(target, "%s%s", root, moved[i]);
		if (mkdir(target, 0755) < 0 && errno != EEXIST)
			log_line(LOG_ERR, "mkdir %s: %s", target, error_text(errno));
		if (mount(moved[i], target, NULL, MS_MOVE, NULL) < 0) {
			log_line(LOG_ERR, "move %s: %s", moved[i], error_text(errno));
			umount2(moved[i], MNT_DETACH);
		}
	}
}

/* Removes what lies in the folder @fd and on its device. Takes @fd. */
static void remove_all(int fd, dev_t dev)
{
	char buf[4096];
	struct stat sb;
	ssize_t n;

	while ((n = syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0) {
		for (char *p = buf; p < buf + n; p += ((struct dirent *) (void *) p)->d_reclen) {
			const struct dirent *e = (const void *) p;
			int sub;

			if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
			    fstatat(fd, e->d_name, &sb, AT_SYMLINK_NOFOLLOW) < 0 ||
			    sb.st_dev != dev)
				continue;
			sub = S_ISDIR(sb.st_mode)
			              ? openat(fd, e->d_name,
			                       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
			              : -1;
			if (sub >= 0)
				remove_all(sub, dev);
			unlinkat(fd, e->d_name, S_ISDIR(sb.st_mode) ? AT_REMOVEDIR : 0);
		}
	}
	close(fd);
}

/* Only what is memory and nothing else is emptied; in a child, since it may take long. */
static void initramfs_free(int old_root)
{
	struct statfs fs;
	struct stat sb;

	if (fstatfs(old_root, &fs) < 0 || fstat(old_root, &sb) < 0 ||
	    ((unsigned long) fs.f_type != RAMFS_MAGIC && (unsigned long) fs.f_type != TMPFS_MAGIC))
		return;
	if (fork() == 0) {
		remove_all(old_root, sb.st_dev);
		_exit(0);
	}
}

static int root_switch(const char *root)
{
	int old_root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;

	if (old_root < 0)
		return failed("open ", "/");
	/* A mount below a shared one cannot be moved. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		r = failed("make private ", "/");
	if (r == 0) {
		mounts_move(root);
		if (chdir(root) < 0)
			r = failed("chdir ", root);
		else if (mount(".", "/", NULL, MS_MOVE, NULL) < 0)
			r = failed("move ", root);
		else if (chroot(".") < 0 || chdir("/") < 0)
			r = failed("chroot ", root);
	}
	if (r == 0 && mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) < 0)
		log_line(LOG_WARNING, "make / shared: %s", error_text(errno));
	if (r == 0)
		initramfs_free(old_root);
	close(old_root);
	return r;
}

/* The new root's init reads a state in which the ladder begins anew: with its cores. */
static int state_for_new_root(void)
{
	fd_close(&st.core_fd);
	st.rung = st.rung_opened = st.failures = 0;
	settings_load(NULL);
	return state_save();
}

/* It is not ours: it begins as after a boot, alone. */
static void exec_alone(int exe, const char *init)
{
	char *const argv[] = {(char *) (uintptr_t) init, NULL};

	log_line(LOG_NOTICE, "switch-root: %s is not of our kind; it begins alone", init);
	kill_all(-1);
	state_fds(FD_CLOEXEC);
	st.core_pid = 0;
	child_reset();
	execveat(exe, "", argv, environ, AT_EMPTY_PATH);
	/* A script must be executed by its name. */
	execve(init, argv, environ);
	(void) failed("execute ", init);
}

int stage_switch_root(char **argv)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
	const char *init, *option = argv[0] ? str_prefix(argv[0], "--state-fd=") : NULL;
	char words[NAME_TEXT_MAX], check[64] = "";
	struct text t = TEXT_IN(check);
	long long n = -1;
	int exe, fresh;

	for (size_t i = 0; i < COUNT(faults); i++)
		signal(faults[i], on_fault);
	if (option && number_parse(&option, option + strlen(option), &n) == 0)
		state_fd = (int) n;
	if (state_load(state_fd) < 0)
		return 1;
	log_open();
	text_set(words, "%s", st.helper_path);
	root_words(words, &init);
	log_line(LOG_NOTICE, "switching to the root %s and its %s", words, init);
	if (root_switch(words) < 0)
		go_back(state_fd);
	log_open();
	exe = open(init, O_PATH | O_CLOEXEC);
	if (exe < 0) {
		(void) failed("open ", init);
		go_back(state_fd);
	}
	if (init_is_ours(exe, state_fd, st.helper_nonce, &t) < 0) {
		exec_alone(exe, init);
		go_back(state_fd);
	}
	fresh = state_for_new_root();
	if (fresh >= 0)
		init_exec(exe, fresh, (int) st.self_fd, NULL, NULL);
	(void) failed("execute ", init);
	go_back(state_fd);
	return 1;
}
