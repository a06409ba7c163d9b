// SPDX-License-Identifier: Apache-2.0
/* Linked by core, which makes boxes, and by core-exec, which fills them. */
#include "exec/namespace-box.h"

#include "base/base.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Half a minute. */
#define LOCK_TRIES      6000
#define LOCK_PAUSE_USEC 5000

union control {
	struct cmsghdr header;
	char data[CMSG_SPACE(sizeof(int))];
};

int namespace_box_new(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t size = sizeof(address);
	auto_fd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	/* Without a name given the kernel makes one up. Nobody else may send to a socket that has a peer. */
	if (fd < 0 || bind(fd, (struct sockaddr *) &address, sizeof(sa_family_t)) < 0 ||
	    getsockname(fd, (struct sockaddr *) &address, &size) < 0 ||
	    connect(fd, (struct sockaddr *) &address, size) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int namespace_box_put(int box, int ns)
{
	union control control = {{0}};
	char byte = 'n';
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr msg = {.msg_iov = &iov,
	                     .msg_iovlen = 1,
	                     .msg_control = &control,
	                     .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &ns, sizeof(int));
	return sendmsg(box, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int namespace_box_get(int box)
{
	union control control;
	char byte;
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr msg = {.msg_iov = &iov,
	                     .msg_iovlen = 1,
	                     .msg_control = &control,
	                     .msg_controllen = sizeof(control)};
	const struct cmsghdr *c;
	int fd;

	if (recvmsg(box, &msg, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0)
		return errno == EAGAIN ? -ENOENT : -errno;
	c = CMSG_FIRSTHDR(&msg);
	/* Without a free number for it there is none. */
	if (!c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(int)))
		return -EMFILE;
	memcpy(&fd, CMSG_DATA(c), sizeof(int));
	return fd;
}

int namespace_box_lock(int box)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	/* Who has it makes a name space, which takes no time; a start may have no deadline of its own. */
	for (int i = 0; fcntl(box, F_SETLK, &l) < 0; i++) {
		if (errno != EAGAIN && errno != EACCES)
			return -errno;
		if (i == LOCK_TRIES)
			return -ETIMEDOUT;
		usleep(LOCK_PAUSE_USEC);
	}
	return 0;
}

void namespace_box_unlock(int box)
{
	struct flock l = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

	(void) fcntl(box, F_SETLK, &l);
}
