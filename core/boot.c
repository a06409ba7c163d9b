// SPDX-License-Identifier: Apache-2.0
/* boot.c - what the machine needs before the first unit, and what every core after the first one
 * finds done. All of it is idempotent. */
#include "core.h"

#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>

#define NOFILE_CORE 524288

int boot_directory(char **ret)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *directory;

	if (n < 0)
		return -errno;
	path[n] = 0;
	directory = path_dirname(path);
	if (!directory)
		return -ENOMEM;
	*ret = directory;
	return 0;
}

/* Directories that tools probe for, or that others put files into. */
static const struct {
	const char *path;
	mode_t mode;
} directories[] = {
	{CORE_RUNTIME_DIR, 0755},
	{"/run/systemd", 0755},
	{"/run/systemd/system", 0755}, /* sd_booted(3) */
	{"/run/systemd/units", 0755},
	{"/run/systemd/transient", 0755},
	{"/run/systemd/generator", 0755},
	{"/run/systemd/generator.early", 0755},
	{"/run/systemd/generator.late", 0755},
	{"/run/systemd/ask-password", 0755},
	{"/run/systemd/journal", 0755},
	{"/run/systemd/inaccessible", 0000},
	{"/run/credentials", 0755},
	{"/run/lock", 01777},
};

/* What InaccessiblePaths= puts over a file of each kind. */
static const struct {
	const char *path;
	mode_t mode;
} inaccessible[] = {
	{"/run/systemd/inaccessible/reg", S_IFREG},  {"/run/systemd/inaccessible/dir", S_IFDIR},
	{"/run/systemd/inaccessible/fifo", S_IFIFO}, {"/run/systemd/inaccessible/sock", S_IFSOCK},
	{"/run/systemd/inaccessible/chr", S_IFCHR},  {"/run/systemd/inaccessible/blk", S_IFBLK},
};

static void make_inaccessible(void)
{
	for (size_t i = 0; i < ELEMENTSOF(inaccessible); i++) {
		const char *path = inaccessible[i].path;
		int r = inaccessible[i].mode == S_IFDIR
		                ? mkdir(path, 0000)
		                : mknod(path, inaccessible[i].mode, makedev(0, 0));

		/* A container may not make device nodes; whoever needs one then says so. */
		if (r < 0 && errno != EEXIST && errno != EPERM)
			log_warning_errno(errno, "Failed to make \"%s\": %m", path);
	}
}

int boot_runtime(const struct core *c)
{
	int r, first = 0;

	for (size_t i = 0; i < ELEMENTSOF(directories); i++) {
		r = mkdir_p(directories[i].path, directories[i].mode);
		if (r < 0)
			first = log_error_errno(r, "Failed to make \"%s\": %m",
			                        directories[i].path);
	}
	make_inaccessible();
	r = symlink_atomic(c->directory, CORE_RUNTIME_DIR "/current");
	if (r < 0)
		first = log_error_errno(
			r, "Failed to point \"" CORE_RUNTIME_DIR "/current\" to \"%s\": %m",
			c->directory);
	return first;
}

void boot_limits(void)
{
	struct rlimit l;

	/* For core alone: services get theirs from their settings or the kernel's default of 1024.
	 */
	if (getrlimit(RLIMIT_NOFILE, &l) < 0)
		return;
	l.rlim_cur = MIN(MAX(l.rlim_max, (rlim_t) 1024), (rlim_t) NOFILE_CORE);
	if (setrlimit(RLIMIT_NOFILE, &l) < 0)
		log_debug_errno(errno, "Cannot raise the limit of open files: %m");
}

void boot_loopback(void)
{
	struct ifreq q = {.ifr_name = "lo"};
	auto_fd int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &q) < 0)
		return;
	if ((q.ifr_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING))
		return;
	q.ifr_flags |= IFF_UP | IFF_RUNNING;
	if (ioctl(fd, SIOCSIFFLAGS, &q) < 0)
		log_debug_errno(errno, "Cannot bring the loopback interface up: %m");
}

static bool is_locale_variable(const char *assignment)
{
	static const char *const names[] = {
		"LANG=",       "LANGUAGE=",     "LC_CTYPE=",       "LC_NUMERIC=",        "LC_TIME=",
		"LC_COLLATE=", "LC_MONETARY=",  "LC_MESSAGES=",    "LC_PAPER=",          "LC_NAME=",
		"LC_ADDRESS=", "LC_TELEPHONE=", "LC_MEASUREMENT=", "LC_IDENTIFICATION=",
	};

	for (size_t i = 0; i < ELEMENTSOF(names); i++)
		if (str_after(assignment, names[i]))
			return true;
	return false;
}

static int add_locale(char ***env)
{
	static const char *const files[] = {"/etc/locale.conf", "/etc/default/locale"};
	int r = 0;

	for (size_t i = 0; i < ELEMENTSOF(files); i++) {
		auto_free char *text = NULL;
		auto_strv char **assignments = NULL;
		size_t size;

		if (file_read(files[i], &text, &size) < 0)
			continue;
		if (env_file_parse(text, size, files[i], NULL, &assignments) < 0)
			continue;
		STRV_FOREACH (a, assignments)
			if (r >= 0 && is_locale_variable(*a))
				r = env_set(env, *a);
		return r;
	}
	return env_set(env, "LANG=C.UTF-8");
}

int boot_environment(char ***ret)
{
	auto_strv char **env = NULL;
	int r;

	r = env_set(&env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	if (r >= 0)
		r = add_locale(&env);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(env);
	return 0;
}
