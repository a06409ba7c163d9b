// SPDX-License-Identifier: Apache-2.0
#include "exec/child/mounts.h"

#include "exec/namespace-box.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* In a container without the right, or on a kernel without the kind: systemd goes on without, and
 * says so. */
static bool is_unavailable(int error)
{
	return error == -EPERM || error == -EACCES || error == -ENOSYS || error == -EINVAL;
}

static int unshare_or_warn(struct child *c, int flag, const char *setting)
{
	int r = unshare(flag) < 0 ? -errno : 0;

	if (!is_unavailable(r))
		return r;
	child_log(c, LOG_WARNING,
	          "%s: %s is set, but there is no such name space here, ignoring it: %s",
	          c->spec.unit, setting, strerror(-r));
	return 0;
}

static int join(struct child *c, const char *path, int flag)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0 || setns(fd, flag) < 0)
		return child_fail(c, -errno, "%s", path);
	return 0;
}

static void loopback_up(void)
{
	struct ifreq q = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	auto_fd int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	/* Without IPv4 in the kernel there is still AF_UNIX to ask through. */
	if (fd < 0)
		fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &q) < 0)
		errno = 0; /* it is there all the same */
}

/* A kind of name space that a whole group can share. */
struct shared {
	const char *setting, *own; /* as messages name it; where the kernel shows it */
	int flag;
	void (*prepare)(void); /* a new one; or NULL */
};
static const struct shared network = {"PrivateNetwork=", "/proc/self/ns/net", CLONE_NEWNET,
                                      loopback_up};
static const struct shared ipc = {"PrivateIPC=", "/proc/self/ns/ipc", CLONE_NEWIPC, NULL};

/* 1: in one; 0: there is none here, and it was said; -errno. */
static int enter_new(struct child *c, const struct shared *k, const char *path)
{
	int r;

	if (path)
		r = join(c, path, k->flag);
	else
		r = unshare(k->flag) < 0 ? -errno : 0;
	if (!path && is_unavailable(r))
		return unshare_or_warn(c, k->flag, k->setting);
	if (r < 0)
		return r;
	if (!path && k->prepare)
		k->prepare();
	return 1;
}

/* The box is locked: what is in it, or what is then put into it. */
static int enter_box(struct child *c, int box, const struct shared *k, const char *path)
{
	auto_fd int fd = namespace_box_get(box);
	int r;

	if (fd >= 0)
		return setns(fd, k->flag) < 0 ? child_fail(c, -errno, "%s of the group", k->setting)
		                              : 0;
	if (fd != -ENOENT)
		return fd;
	r = enter_new(c, k, path);
	if (r <= 0)
		return r;
	fd = open(k->own, O_RDONLY | O_CLOEXEC);
	r = fd < 0 ? -errno : namespace_box_put(box, fd);
	return r < 0 ? child_fail(c, r, "Cannot keep it for the group") : 0;
}

static int enter(struct child *c, int box, const struct shared *k, const char *path)
{
	int r;

	if (box < 0) {
		r = enter_new(c, k, path);
		return MIN(r, 0);
	}
	/* Core passed it without. */
	if (fcntl(box, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	r = namespace_box_lock(box);
	if (r < 0)
		return r;
	r = enter_box(c, box, k, path);
	namespace_box_unlock(box);
	return r;
}

int child_network(struct child *c)
{
	if (!c->s->private_network && !c->s->network_namespace_path)
		return 0;
	return enter(c, c->spec.boxes[EXEC_BOX_NET], &network, c->s->network_namespace_path);
}

int child_namespaces(struct child *c)
{
	int r = 0;

	if (c->s->private_ipc || c->s->ipc_namespace_path)
		r = enter(c, c->spec.boxes[EXEC_BOX_IPC], &ipc, c->s->ipc_namespace_path);
	if (r >= 0 && c->s->protect_hostname)
		r = unshare_or_warn(c, CLONE_NEWUTS, "ProtectHostname=");
	return r;
}

/* Settings without which the program would meet another system than it was promised. */
static bool mounts_are_essential(const struct child *c)
{
	const struct exec_settings *s = c->s;

	return child_has_root(c) || s->root_image || s->bind_paths || s->bind_read_only_paths ||
	       s->temporary_file_systems || c->private_dirs;
}

int child_mounts(struct child *c)
{
	struct mount_table t = {0};
	int r;

	if (!child_wants_mounts(c))
		return 0;
	if (c->s->root_image)
		return child_fail(c, -EOPNOTSUPP, "RootImage= is not supported");
	/* Made on the host, where others are to see them: the private /tmp. */
	r = mount_table_fill(c, &t);
	if (r < 0)
		return r;
	if (unshare(CLONE_NEWNS) < 0) {
		r = -errno;
		if (!is_unavailable(r) || mounts_are_essential(c))
			return child_fail(c, r, "A mount name space of its own");
		child_log(c, LOG_WARNING,
		          "%s: No mount name space here, the file system is not restricted: %s",
		          c->spec.unit, strerror(-r));
		return 0;
	}
	if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return -errno;
	r = mount_table_apply(c, &t);
	c->needs_mounts = r >= 0;
	return r;
}

int child_root(struct child *c)
{
	if (c->needs_mounts || !child_has_root(c) || c->spec.command_flags & EXEC_FULLY_PRIVILEGED)
		return 0;
	if (chroot(c->s->root_directory) < 0 || chdir("/") < 0)
		return child_fail(c, -errno, "%s", c->s->root_directory);
	return 0;
}

/* ---- PrivateUsers= ---- */

static int write_map(pid_t pid, const char *name, unsigned id)
{
	char path[48], text[64];

	(void) snprintf(path, sizeof(path), "/proc/%d/%s", (int) pid, name);
	(void) snprintf(text, sizeof(text), id == 0 ? "0 0 1\n" : "0 0 1\n%u %u 1\n", id, id);
	return file_write_attr(path, text);
}

/* Maps for more than one id must be written from outside, by someone who has the right there. */
static _Noreturn void map_writer(const struct child *c, pid_t pid, int ready)
{
	char byte;
	int r;

	r = read(ready, &byte, 1) == 1 ? 0 : -EIO;
	if (r >= 0)
		r = write_map(pid, "gid_map", c->group_set ? c->gid : 0);
	if (r >= 0)
		r = write_map(pid, "uid_map", c->user_set ? c->uid : 0);
	_exit(r < 0 ? MIN(-r, 255) : 0);
}

int child_user_namespace(struct child *c)
{
	pid_t own = getpid(), writer;
	int ready[2], r, status;

	if (!c->s->private_users)
		return 0;
	if (pipe2(ready, O_CLOEXEC) < 0)
		return -errno;
	writer = fork();
	if (writer < 0) {
		r = -errno;
		fd_close(ready[0]);
		fd_close(ready[1]);
		return r;
	}
	if (writer == 0) {
		fd_close(ready[1]);
		map_writer(c, own, ready[0]);
	}
	fd_close(ready[0]);
	r = unshare(CLONE_NEWUSER) < 0 ? -errno : 0;
	if (r >= 0 && write(ready[1], "1", 1) != 1)
		r = -errno;
	fd_close(ready[1]); /* without a byte: the writer gives up */
	while (waitpid(writer, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (r >= 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
		r = WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
	return r < 0 ? child_fail(c, r, "A user name space") : 0;
}
