// SPDX-License-Identifier: Apache-2.0
/*
 * What kind of place is this? The machine: PID 1 of the first PID namespace, and everything is to
 * be mounted. A container: somebody prepared it, we may lack rights, and what is there is not ours
 * to change. A PID namespace with a foreign /proc (unshare --pid --fork --mount): a container whose
 * /proc shows other people's pids, so it gets its own.
 */
#include "init/stage/stage.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

/* PROC_PID_INIT_INO of the kernel: fixed since Linux 3.8. */
#define FIRST_PID_NAMESPACE 0xEFFFFFFCU

/* clang-format off */
enum { ALWAYS = 1, OPTIONAL = 2, SLOW = 4 };
static const struct mount_row {
	const char *what, *where, *type, *data, *fallback;
	unsigned long flags;
	int when; /* ALWAYS: in a container, too; OPTIONAL: silent if the kernel lacks it; SLOW: nobody waits */
} mounts[] = {
	{ "proc", "/proc", "proc", NULL, NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, ALWAYS },
	{ "sysfs", "/sys", "sysfs", NULL, NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, 0 },
	{ "devtmpfs", "/dev", "devtmpfs", "mode=0755", NULL, MS_NOSUID | MS_STRICTATIME, 0 },
	{ "devpts", "/dev/pts", "devpts", "mode=0620,gid=5", NULL, MS_NOSUID | MS_NOEXEC, 0 },
	{ "tmpfs", "/dev/shm", "tmpfs", "mode=1777", NULL, MS_NOSUID | MS_NODEV | MS_STRICTATIME, ALWAYS },
	{ "tmpfs", "/run", "tmpfs", "mode=0755,size=20%", NULL, MS_NOSUID | MS_NODEV | MS_STRICTATIME, ALWAYS },
	{ "cgroup2", "/sys/fs/cgroup", "cgroup2", "nsdelegate,memory_recursiveprot", "",
	  MS_NOSUID | MS_NODEV | MS_NOEXEC, 0 },
	{ "securityfs", "/sys/kernel/security", "securityfs", NULL, NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, OPTIONAL },
	{ "bpf", "/sys/fs/bpf", "bpf", "mode=0700", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, OPTIONAL | SLOW },
	{ "pstore", "/sys/fs/pstore", "pstore", NULL, NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, OPTIONAL },
	{ "efivarfs", "/sys/firmware/efi/efivars", "efivarfs", NULL, NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, OPTIONAL },
};

static const char *const links[][2] = {
	{ "/proc/self/fd", "/dev/fd" }, { "/proc/self/fd/0", "/dev/stdin" }, { "/proc/self/fd/1", "/dev/stdout" },
	{ "/proc/self/fd/2", "/dev/stderr" }, { "/proc/kcore", "/dev/core" },
};
/* clang-format on */

static bool is_mounted(const char *path)
{
	struct statx sx;

	return statx(AT_FDCWD, path, AT_NO_AUTOMOUNT, STATX_TYPE, &sx) == 0 &&
	       sx.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

static void mount_row(const struct mount_row *m)
{
	int r = mount(m->what, m->where, m->type, m->flags, m->data);

	/* A read-only root has the directories already, or nothing can be mounted there. */
	if (r < 0 && errno == ENOENT && !(m->when & OPTIONAL) && mkdir(m->where, 0755) == 0)
		r = mount(m->what, m->where, m->type, m->flags, m->data);
	if (r < 0 && m->fallback)
		r = mount(m->what, m->where, m->type, m->flags, m->fallback);
	if (r == 0 || m->when & OPTIONAL)
		return;
	log_line(LOG_ERR, "mount %s: %s", m->where, error_text(errno));
	if (errno == EPERM)
		st.container = 1;
}

/* The kernel has modprobe look for something first. Without a process to spare we wait for it. */
static void mount_aside(const struct mount_row *m)
{
	pid_t pid = fork();

	if (pid <= 0)
		mount_row(m);
	if (pid == 0)
		_exit(0);
}

static long long inode_of(const char *path)
{
	struct stat sb;

	return stat(path, &sb) < 0 ? -errno : (long long) sb.st_ino;
}

/* A /proc that is not ours calls us by a pid of another namespace. */
static bool proc_is_foreign(void)
{
	char self[16] = "", pid[16];

	text_set(pid, "%d", getpid());
	return readlink("/proc/self", self, sizeof(self) - 1) > 0 && strcmp(self, pid) != 0;
}

static void mount_all(void)
{
	bool shared = false;

	st.container = getenv("container") != NULL;
	if (!is_mounted("/proc")) {
		mount_row(&mounts[0]);
	} else if (proc_is_foreign()) {
		/* Foreign, and even the mounts are shared with its owner: hands off. */
		shared = inode_of("/proc/self/ns/mnt") == inode_of("/proc/1/ns/mnt");
		if (!shared)
			mount_row(&mounts[0]);
	}
	if (shared || inode_of("/proc/self/ns/pid") != FIRST_PID_NAMESPACE)
		st.container = 1;
	for (size_t i = 1; i < COUNT(mounts) && !shared; i++)
		if ((!st.container || mounts[i].when & ALWAYS) && !is_mounted(mounts[i].where))
			(mounts[i].when & SLOW ? mount_aside : mount_row)(&mounts[i]);
	for (size_t i = 0; i < COUNT(links) && !st.container; i++)
		if (symlink(links[i][0], links[i][1]) < 0 && errno != EEXIST)
			log_line(LOG_WARNING, "symlink %s: %s", links[i][1], error_text(errno));
	/* Mounts made on the host show up in containers that ask for it; without this nobody can
	 * ask. */
	if (!st.container && mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) < 0)
		log_line(LOG_WARNING, "make / shared: %s", error_text(errno));
}

static bool is_cgroup2(const char *path)
{
	struct statfs sb;

	return statfs(path, &sb) == 0 && (unsigned long) sb.f_type == CGROUP2_SUPER_MAGIC;
}

static int file_write(const char *path, const char *data)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY), r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, data, strlen(data)) < 0)
		r = -errno;
	close(fd);
	return r;
}

/* Moves PID 1 to init.scope below the cgroup that it was started in, where core starts, too. */
static void cgroup_enter(void)
{
	static char buf[PROC_FILE_MAX], path[WIRE_TEXT_MAX + 64];
	const char *root =
		is_cgroup2("/sys/fs/cgroup") ? "/sys/fs/cgroup" : "/sys/fs/cgroup/unified";
	int n = proc_read(1, "cgroup", buf, sizeof(buf)), r = -ENOENT;
	size_t base;

	if (n > 0 && is_cgroup2(root) &&
	    proc_cgroup(buf, (size_t) n, st.cgroup_base, sizeof(st.cgroup_base)) == 0) {
		base = strlen(st.cgroup_base);
		if (base == 1)
			st.cgroup_base[0] = '\0';
		text_set(path, "%s%s/init.scope", root, st.cgroup_base);
		r = mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
		text_set(path, "%s%s/init.scope/cgroup.procs", root, st.cgroup_base);
		if (r == 0)
			r = file_write(path, "1");
	}
	st.cgroup_ok = r == 0;
	if (r < 0)
		log_line(LOG_WARNING, "no init.scope: %s; going on without", error_text(r));
}

static void limits_set(void)
{
	struct rlimit nofile = {NOFILE_HARD, NOFILE_HARD}, was;

	/* Of PID 1, whoever we are. */
	if (prlimit(1, RLIMIT_NOFILE, &nofile, &was) == 0)
		return;
	if (getrlimit(RLIMIT_NOFILE, &nofile) == 0) {
		nofile.rlim_cur = nofile.rlim_max;
		if (prlimit(1, RLIMIT_NOFILE, &nofile, &was) == 0)
			return;
	}
	log_line(LOG_WARNING, "RLIMIT_NOFILE: %s", error_text(errno));
}

int stage_boot(char **args, int fd)
{
	st.started = boottime_usec();
	mount_all();
	log_open();
	limits_set();
	cgroup_enter();
	if (!st.container) {
		/* Ctrl-alt-del becomes SIGINT to PID 1. Lines of init and core must not fall under
		 * the rate limit of kmsg. */
		if (reboot(RB_DISABLE_CAD) < 0)
			log_line(LOG_WARNING, "ctrl-alt-del: %s", error_text(errno));
		file_write("/proc/sys/kernel/printk_devkmsg", "on\n");
	}
	settings_load(args);
	return fd < 0 ? 0 : state_write(fd);
}

void place_enter(void)
{
	int fd;

	umask(0022);
	setsid();
	if (chdir("/") < 0)
		log_line(LOG_WARNING, "chdir /: %s", error_text(errno));
	/* Fds 0 to 2 must be something, or the next open() becomes somebody's stdout. */
	do {
		fd = st.container ? -1 : open("/dev/console", O_RDWR | O_NOCTTY);
		if (fd < 0)
			fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}
