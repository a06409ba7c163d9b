// SPDX-License-Identifier: Apache-2.0
/* The kernel's autofs, protocol version 5, direct mounts: Documentation/filesystems/autofs.rst and
 * linux/auto_dev-ioctl.h. */
#include "types/automount.h"
#include "types/mount.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/auto_dev-ioctl.h>
#include <linux/auto_fs.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define AUTOFS_SOURCE     "systemd-1" /* what stock tools expect */
#define UNMOUNTS_MAX      32
#define EXPIRING_MAX      16
#define EXPIRE_STACK_SIZE (64 * 1024)

static int open_device(void)
{
	int fd = open("/dev/autofs", O_RDONLY | O_CLOEXEC);

	/* No module: the kernel cannot do it. */
	return fd < 0 ? -errno : fd;
}

/* An ioctl names the mount by path and device number, since something may be mounted over it. */
static int open_mount(int device_fd, const char *where, dev_t device)
{
	/* Not from the heap: whoever waits is answered, whether there is memory or not. */
	union {
		struct autofs_dev_ioctl param;
		char space[sizeof(struct autofs_dev_ioctl) + PATH_MAX];
	} room = {0};
	struct autofs_dev_ioctl *param = &room.param;
	size_t size = sizeof(*param) + strlen(where) + 1;

	if (size > sizeof(room))
		return -ENAMETOOLONG;
	init_autofs_dev_ioctl(param);
	param->size = (uint32_t) size;
	param->ioctlfd = -1;
	param->openmount.devid = (uint32_t) device;
	memcpy(param->path, where, strlen(where) + 1);
	if (ioctl(device_fd, AUTOFS_DEV_IOCTL_OPENMOUNT, param) < 0)
		return -errno;
	if (param->ioctlfd < 0)
		return -EIO;
	(void) fd_set_cloexec(param->ioctlfd, true);
	return param->ioctlfd;
}

static void param_init(struct autofs_dev_ioctl *p, int mount_fd)
{
	init_autofs_dev_ioctl(p);
	p->ioctlfd = mount_fd;
}

static int call(int device_fd, int mount_fd, unsigned long request, struct autofs_dev_ioctl *p)
{
	param_init(p, mount_fd);
	return ioctl(device_fd, request, p) < 0 ? -errno : 0;
}

static int check_protocol(int device_fd, int mount_fd)
{
	struct autofs_dev_ioctl p = {0};
	int r;

	r = call(device_fd, mount_fd, AUTOFS_DEV_IOCTL_PROTOVER, &p);
	if (r < 0)
		return r;
	return p.protover.version == 5 ? 0 : -EPROTONOSUPPORT;
}

int autofs_mount(const char *where, const char *extra, int *ret_pipe, dev_t *ret_device)
{
	auto_fd int device_fd = open_device(), mount_fd = -EBADF, read_fd = -EBADF,
		    write_fd = -EBADF;
	auto_free char *options = NULL;
	struct stat st;
	int pair[2], r;

	if (device_fd < 0)
		return device_fd;
	if (pipe2(pair, O_CLOEXEC) < 0)
		return -errno;
	read_fd = pair[0];
	write_fd = pair[1];
	r = fd_set_nonblock(read_fd, true);
	if (r < 0)
		return r;
	options = str_printf("fd=%d,pgrp=%d,minproto=5,maxproto=5,direct%s%s", write_fd, getpgrp(),
	                     str_is_empty(extra) ? "" : ",", extra ? extra : "");
	if (!options)
		return -ENOMEM;
	if (mount(AUTOFS_SOURCE, where, "autofs", 0, options) < 0)
		return -errno;
	/* stat(2) does not trigger it. */
	r = stat(where, &st) < 0 ? -errno : 0;
	if (r >= 0)
		mount_fd = open_mount(device_fd, where, st.st_dev);
	if (r >= 0)
		r = mount_fd < 0 ? mount_fd : check_protocol(device_fd, mount_fd);
	if (r < 0) {
		(void) umount2(where, UMOUNT_NOFOLLOW | MNT_DETACH);
		return r;
	}
	*ret_pipe = TAKE_FD(read_fd);
	*ret_device = st.st_dev;
	return 0;
}

int autofs_reconnect(const char *where, dev_t device, int *ret_pipe)
{
	auto_fd int device_fd = open_device(), mount_fd = -EBADF, read_fd = -EBADF,
		    write_fd = -EBADF;
	struct autofs_dev_ioctl p = {0};
	int pair[2], r;

	if (device_fd < 0)
		return device_fd;
	mount_fd = open_mount(device_fd, where, device);
	if (mount_fd < 0)
		return mount_fd;
	if (pipe2(pair, O_CLOEXEC) < 0)
		return -errno;
	read_fd = pair[0];
	write_fd = pair[1];
	r = call(device_fd, mount_fd, AUTOFS_DEV_IOCTL_CATATONIC, &p);
	if (r < 0 && r != -EINVAL)
		return r;
	param_init(&p, mount_fd);
	p.setpipefd.pipefd = write_fd;
	if (ioctl(device_fd, AUTOFS_DEV_IOCTL_SETPIPEFD, &p) < 0)
		return -errno;
	r = fd_set_nonblock(read_fd, true);
	if (r < 0)
		return r;
	*ret_pipe = TAKE_FD(read_fd);
	return 0;
}

struct search {
	const char *where;
	dev_t device;
	bool found;
};

static int on_mount(const struct mountinfo *e, void *userdata)
{
	struct search *s = userdata;

	if (streq(e->type, "autofs") && streq(e->what, AUTOFS_SOURCE) &&
	    streq(e->where, s->where)) {
		s->device = e->device;
		s->found = true;
	}
	return 0;
}

int autofs_find(const char *where, dev_t *ret)
{
	struct search s = {.where = where};
	auto_free char *text = NULL;
	int r;

	r = file_read("/proc/self/mountinfo", &text, NULL);
	if (r >= 0)
		r = mountinfo_parse(text, on_mount, &s);
	if (r < 0)
		return r;
	if (!s.found)
		return -ENOENT;
	*ret = s.device;
	return 0;
}

int autofs_answer(const char *where, dev_t device, uint32_t token, int error)
{
	auto_fd int device_fd = open_device(), mount_fd = -EBADF;
	struct autofs_dev_ioctl p = {0};

	if (device_fd < 0)
		return device_fd;
	mount_fd = open_mount(device_fd, where, device);
	if (mount_fd < 0)
		return mount_fd;
	param_init(&p, mount_fd);
	if (error == 0) {
		p.ready.token = token;
		return ioctl(device_fd, AUTOFS_DEV_IOCTL_READY, &p) < 0 ? -errno : 0;
	}
	p.fail.token = token;
	p.fail.status = error > 0 ? -error : error;
	return ioctl(device_fd, AUTOFS_DEV_IOCTL_FAIL, &p) < 0 ? -errno : 0;
}

/* ---- TimeoutIdleSec= ---- */

static atomic_uint n_expiring;

static void *expire_run(void *arg)
{
	char *where = arg;

	/* umount(2): marks the mount; unmounts it if nobody touched it since the last mark. Who
	 * waits for it hears by mountinfo. */
	(void) umount2(where, MNT_EXPIRE | UMOUNT_NOFOLLOW);
	free(where);
	atomic_fetch_sub(&n_expiring, 1);
	return NULL;
}

/*
 * An unmount writes out, or talks to a server, for as long as that takes, so it is not done in the
 * loop's thread. The thread makes one system call on a path of its own and shares nothing;
 * mount(8)'s umount has no such option, or a process would do.
 */
int autofs_expire(const char *where)
{
	pthread_attr_t attr;
	sigset_t all, old;
	pthread_t thread;
	char *copy;
	int r;

	if (atomic_fetch_add(&n_expiring, 1) >= EXPIRING_MAX) {
		atomic_fetch_sub(&n_expiring, 1);
		return -EBUSY;
	}
	copy = strdup(where);
	r = copy ? -pthread_attr_init(&attr) : -ENOMEM;
	if (r < 0) {
		free(copy);
		atomic_fetch_sub(&n_expiring, 1);
		return r;
	}
	(void) pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	(void) pthread_attr_setstacksize(&attr, EXPIRE_STACK_SIZE);
	/* Signals are the loop's. */
	sigfillset(&all);
	(void) pthread_sigmask(SIG_BLOCK, &all, &old);
	r = -pthread_create(&thread, &attr, expire_run, copy);
	(void) pthread_sigmask(SIG_SETMASK, &old, NULL);
	(void) pthread_attr_destroy(&attr);
	if (r < 0) {
		free(copy);
		atomic_fetch_sub(&n_expiring, 1);
	}
	return r;
}

int autofs_release(const char *where, dev_t device)
{
	auto_fd int device_fd = open_device(), mount_fd = -EBADF;
	struct autofs_dev_ioctl p = {0};

	if (device_fd < 0)
		return device_fd;
	mount_fd = open_mount(device_fd, where, device);
	return mount_fd < 0 ? mount_fd : call(device_fd, mount_fd, AUTOFS_DEV_IOCTL_CATATONIC, &p);
}

int autofs_unmount(const char *where)
{
	/* What is mounted over it goes first. */
	for (int i = 0; i < UNMOUNTS_MAX; i++)
		if (umount2(where, UMOUNT_NOFOLLOW | MNT_DETACH) < 0)
			return errno == EINVAL && i > 0 ? 0 : -errno;
	return -EBUSY;
}

int autofs_read(int pipe_fd, uint32_t *ret_token, pid_t *ret_pid)
{
	union autofs_v5_packet_union packet;
	ssize_t n;

	/* The kernel writes whole packets, and a pipe keeps them whole below PIPE_BUF. */
	n = read(pipe_fd, &packet, sizeof(packet));
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (n == 0)
		return -EPIPE;
	if ((size_t) n != sizeof(packet))
		return -EBADMSG;
	*ret_token = (uint32_t) packet.v5_packet.wait_queue_token;
	*ret_pid = (pid_t) packet.v5_packet.pid;
	return packet.hdr.type == autofs_ptype_missing_direct;
}

int autofs_peek(int pipe_fd, uint32_t *ret_token, pid_t *ret_pid)
{
	auto_fd int copy = -EBADF, into = -EBADF;
	int pair[2];
	ssize_t n;

	if (pipe2(pair, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	copy = pair[0];
	into = pair[1];
	n = tee(pipe_fd, into, sizeof(union autofs_v5_packet_union), SPLICE_F_NONBLOCK);
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (n == 0)
		return -EPIPE;
	return autofs_read(copy, ret_token, ret_pid);
}
