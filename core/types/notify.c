// SPDX-License-Identifier: Apache-2.0
/*
 * /run/systemd/notify: datagrams with the sender's credentials, given to the unit that the sender
 * is a process of. The socket is in the vault, so what services say while core is being replaced
 * waits in it. A message stays in the socket until what it said is stored: a core that dies in the
 * middle leaves it to the next one, and hearing a message twice changes nothing.
 */
#include "types/notify.h"

#include "base/fault.h"

#include "base/sys.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#define VAULT_NAME        "notify"
#define RECEIVE_BUFFER    (8 * 1024 * 1024)
#define MESSAGES_PER_TURN 64

struct notify {
	struct manager *manager;
	struct link *link;
	int fd;
	struct source *source;
};

struct packet {
	char data[NOTIFY_MESSAGE_MAX + 2];
	size_t size;
	struct ucred cred;
	int fds[NOTIFY_FDS_MAX];
	size_t n_fds;
};

struct link *types_vault(const struct manager *m)
{
	const struct notify *n = m->notify_data;

	return n ? n->link : NULL;
}

int types_vault_name(const char *unit, const char *kind, int64_t number, char *buffer)
{
	size_t size = WIRE_VAULT_NAME_MAX + 1;
	int n = number < 0 ? snprintf(buffer, size, "%s/%s", kind, unit)
	                   : snprintf(buffer, size, "%s/%s/%" PRId64, kind, unit, number);

	return n < 0 || (size_t) n >= size ? -ENAMETOOLONG : 0;
}

static void close_fds(struct packet *p)
{
	for (size_t i = 0; i < p->n_fds; i++)
		p->fds[i] = fd_close(p->fds[i]);
	p->n_fds = 0;
}

static void take_control(struct packet *p, struct msghdr *msg, bool *ret_has_cred)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t size = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_RIGHTS) {
			size_t n = size / sizeof(int);

			for (size_t i = 0; i < n; i++) {
				int fd;

				memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
				if (p->n_fds < NOTIFY_FDS_MAX)
					p->fds[p->n_fds++] = fd;
				else
					fd_close(fd);
			}
		} else if (c->cmsg_type == SCM_CREDENTIALS && size == sizeof(struct ucred)) {
			memcpy(&p->cred, CMSG_DATA(c), sizeof(struct ucred));
			*ret_has_cred = true;
		}
	}
}

/* 1: a message, which is still in the socket; 0: one that is to be dropped; -EAGAIN: no more. */
static int receive(int fd, struct packet *p)
{
	union {
		struct cmsghdr header;
		char data[CMSG_SPACE(sizeof(struct ucred)) +
		          CMSG_SPACE(sizeof(int) * NOTIFY_FDS_MAX)];
	} control;
	/* One byte more than is allowed shows what is too long; the last one stays free for a NUL.
	 */
	struct iovec iov = {.iov_base = p->data, .iov_len = NOTIFY_MESSAGE_MAX + 1};
	struct msghdr msg = {.msg_iov = &iov,
	                     .msg_iovlen = 1,
	                     .msg_control = &control,
	                     .msg_controllen = sizeof(control)};
	bool has_cred = false;
	ssize_t n;

	p->n_fds = 0;
	n = recvmsg(fd, &msg, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC | MSG_TRUNC);
	if (n < 0)
		return -errno;
	take_control(p, &msg, &has_cred);
	if (n > NOTIFY_MESSAGE_MAX || msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC) || !has_cred ||
	    p->cred.pid <= 0) {
		close_fds(p);
		return 0;
	}
	p->size = (size_t) n;
	return 1;
}

/* Takes the message that was peeked at out of the socket; its fds go with it. */
static void consume(int fd)
{
	char byte;

	while (recv(fd, &byte, sizeof(byte), MSG_DONTWAIT | MSG_TRUNC) < 0 && errno == EINTR)
		;
}

static bool is_barrier(char *const *tags, const struct packet *p)
{
	/* sd_notify_barrier(3): alone, with one fd. That it is closed is the answer. */
	return p->n_fds == 1 && strv_length(tags) == 1 && streq(tags[0], "BARRIER=1");
}

/* Negative: not now, for want of memory or fds. A service says READY=1 but once. */
static int dispatch(struct notify *n, struct packet *p)
{
	auto_strv char **tags = NULL;
	auto_free char *cgroup = NULL;
	struct unit_message m;
	struct unit *u;
	int r;

	r = notify_parse(p->data, p->size, &tags);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		log_debug_errno(r, "Dropped a notification of process %d: %m", p->cred.pid);
		return 0;
	}
	if (is_barrier(tags, p))
		return 0;
	u = manager_unit_by_pid(n->manager, p->cred.pid);
	/* Not found, or not to be looked for? */
	if (!u) {
		r = cgroupfs_of_pid(p->cred.pid, &cgroup);
		if (r == -ENOMEM || r == -EMFILE || r == -ENFILE)
			return r;
	}
	if (!u || !u->ops->on_message) {
		log_debug("Dropped a notification of process %d, which is of no unit", p->cred.pid);
		return 0;
	}
	m = (struct unit_message){.pid = p->cred.pid,
	                          .uid = p->cred.uid,
	                          .tags = tags,
	                          .fds = p->fds,
	                          .n_fds = p->n_fds};
	FAULT_POINT("notify.message.received");
	u->ops->on_message(u, &m);
	return 0;
}

static int on_readable(_unused_ struct source *source, int fd, _unused_ uint32_t revents,
                       void *userdata)
{
	struct notify *n = userdata;
	struct packet p;

	for (int i = 0; i < MESSAGES_PER_TURN; i++) {
		int r = receive(fd, &p);

		if (r == -EAGAIN)
			return 0;
		if (r == -EINTR)
			continue;
		/* For want of memory, say: it is still there, and the loop comes back for it. */
		if (r < 0) {
			log_warning_errno(r, "Cannot receive notifications: %m");
			return 0;
		}
		r = r > 0 ? dispatch(n, &p) : 0;
		close_fds(&p);
		if (r < 0) {
			log_debug_errno(r, "A notification has to wait: %m");
			return 0;
		}
		FAULT_POINT("notify.message.stored");
		consume(fd);
	}
	return 0;
}

/* Ours, and still what clients connect to? */
static bool is_usable(int fd)
{
	struct sockaddr_un un = {0};
	socklen_t size = sizeof(un), n = sizeof(int);
	struct stat st;
	int type;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) >= 0 && type == SOCK_DGRAM &&
	       getsockname(fd, (struct sockaddr *) &un, &size) >= 0 && un.sun_family == AF_UNIX &&
	       strncmp(un.sun_path, NOTIFY_SOCKET_PATH, sizeof(un.sun_path)) == 0 &&
	       stat(NOTIFY_SOCKET_PATH, &st) >= 0 && S_ISSOCK(st.st_mode);
}

static int open_socket(void)
{
	auto_fd int fd = -EBADF;
	int r;

	(void) mkdir_parents(NOTIFY_SOCKET_PATH, 0755);
	/* Everybody may write; who is heard is NotifyAccess='s business. */
	fd = unix_listen(NOTIFY_SOCKET_PATH, SOCK_DGRAM, 0777);
	if (fd < 0)
		return fd;
	r = fd_set_nonblock(fd, true);
	return r < 0 ? r : TAKE_FD(fd);
}

static int set_options(int fd)
{
	const int on = 1, size = RECEIVE_BUFFER;

	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		(void) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return 0;
}

static int get_socket(struct notify *n)
{
	auto_fd int fd = n->link ? link_vault_take(n->link, VAULT_NAME) : -ENOENT;
	int r;

	if (fd >= 0 && is_usable(fd)) {
		n->fd = TAKE_FD(fd);
		return set_options(n->fd);
	}
	fd = fd_close(fd);
	fd = open_socket();
	if (fd < 0)
		return fd;
	r = set_options(fd);
	if (r >= 0 && n->link)
		r = link_vault_put(n->link, VAULT_NAME, fd);
	if (r < 0)
		return r;
	n->fd = TAKE_FD(fd);
	return 0;
}

int notify_setup(struct manager *m, struct link *k)
{
	struct notify *n = calloc(1, sizeof(*n));
	int r;

	if (!n)
		return -ENOMEM;
	n->manager = m;
	n->link = k;
	n->fd = -EBADF;
	/* Before the socket: fds of units come back even if it fails. */
	m->notify_data = n;
	r = deadlines_setup(m);
	if (r >= 0)
		r = get_socket(n);
	if (r >= 0)
		r = loop_add_io(m->loop, n->fd, EPOLLIN, "notify", on_readable, n, &n->source);
	if (r < 0)
		return log_error_errno(r, "Cannot listen on '%s': %m", NOTIFY_SOCKET_PATH);
	/* What a process said is heard before its end is. */
	source_set_priority(n->source, -20);
	return 0;
}

void notify_shutdown(struct manager *m)
{
	struct notify *n = m->notify_data;

	if (!n)
		return;
	namespaces_shutdown(m);
	source_free(n->source);
	fd_close(n->fd);
	free(n);
	m->notify_data = NULL;
}
