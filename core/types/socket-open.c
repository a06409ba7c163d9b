// SPDX-License-Identifier: Apache-2.0
/* From a port of the settings to an open fd: sockets of all families, FIFOs, special files, message
 * queues. */
#include "types/socket.h"

#include "base/fault.h"

#include "base/sys.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <mqueue.h>
#include <sys/stat.h>

#define PORTS_MAX 1024

static bool have_ipv6(void)
{
	return access("/proc/net/if_inet6", F_OK) >= 0;
}

/* ---- sockets ---- */

/* The file's mode comes from the umask at bind(2); ours is the whole process's, so it is put back
 * at once. */
static int bind_with_mode(int fd, const struct socket_target *t, mode_t mode)
{
	mode_t old = umask((mode_t) ~mode & 0777);
	int r = sys_bind(fd, &t->address.sa, t->size);

	umask(old);
	return r;
}

static int bind_address(const struct socket *s, int fd, const struct socket_target *t)
{
	const struct socket_settings *c = socket_settings(s);
	const char *path = t->address.un.sun_path;
	bool is_file = t->address.sa.sa_family == AF_UNIX && *path;
	int r;

	if (is_file)
		(void) mkdir_parents(path, c->directory_mode);
	r = bind_with_mode(fd, t, c->socket_mode);
	if (r == -EADDRINUSE && is_file) {
		/* A socket nobody listens on any more; what is no socket is left alone by bind(2)'s
		 * second answer. */
		if (unlink(path) < 0 && errno != ENOENT)
			return -errno;
		r = bind_with_mode(fd, t, c->socket_mode);
	}
	return r;
}

static int open_socket(const struct socket *s, const struct socket_port *p)
{
	const struct socket_settings *c = socket_settings(s);
	struct socket_target t;
	auto_fd int fd = -EBADF;
	int r;

	r = socket_address_parse(p->address, p->kind, have_ipv6(), &t);
	if (r < 0)
		return r;
	fd = sys_socket(t.address.sa.sa_family, t.type | SOCK_CLOEXEC | SOCK_NONBLOCK, c->protocol);
	if (fd < 0)
		return fd;
	socket_apply_options(s, p, fd, t.address.sa.sa_family);
	r = bind_address(s, fd, &t);
	if (r >= 0 && (t.type == SOCK_STREAM || t.type == SOCK_SEQPACKET))
		r = sys_listen(fd, c->backlog > INT32_MAX ? INT32_MAX : (int) c->backlog);
	return r < 0 ? r : TAKE_FD(fd);
}

/* ---- netlink: "route 1361" ---- */

static const char *const netlink_family[] = {
	[NETLINK_ROUTE] = "route",
	[NETLINK_FIREWALL] = "firewall",
	[NETLINK_SOCK_DIAG] = "sock-diag",
	[NETLINK_NFLOG] = "nflog",
	[NETLINK_XFRM] = "xfrm",
	[NETLINK_SELINUX] = "selinux",
	[NETLINK_ISCSI] = "iscsi",
	[NETLINK_AUDIT] = "audit",
	[NETLINK_FIB_LOOKUP] = "fib-lookup",
	[NETLINK_CONNECTOR] = "connector",
	[NETLINK_NETFILTER] = "netfilter",
	[NETLINK_IP6_FW] = "ip6-fw",
	[NETLINK_DNRTMSG] = "dnrtmsg",
	[NETLINK_KOBJECT_UEVENT] = "kobject-uevent",
	[NETLINK_GENERIC] = "generic",
	[NETLINK_SCSITRANSPORT] = "scsitransport",
	[NETLINK_ECRYPTFS] = "ecryptfs",
	[NETLINK_RDMA] = "rdma",
	[NETLINK_CRYPTO] = "crypto",
};

static int netlink_parse(const char *text, int *ret_family, uint32_t *ret_groups)
{
	auto_strv char **words = NULL;
	uint32_t group = 0;
	int family, r;

	r = strv_split(text, " \t", &words);
	if (r < 0)
		return r;
	if (strv_length(words) < 1 || strv_length(words) > 2)
		return -EINVAL;
	family = -EINVAL;
	for (size_t i = 0; i < ELEMENTSOF(netlink_family); i++)
		if (netlink_family[i] && streq(netlink_family[i], words[0]))
			family = (int) i;
	if (family < 0 && str_to_i32(words[0], &family) < 0)
		return -EINVAL;
	if (words[1] && str_to_u32(words[1], &group) < 0)
		return -EINVAL;
	*ret_family = family;
	*ret_groups = group;
	return 0;
}

static int open_netlink(const struct socket *s, const struct socket_port *p)
{
	struct sockaddr_nl nl = {.nl_family = AF_NETLINK};
	auto_fd int fd = -EBADF;
	int family, r;

	r = netlink_parse(p->address, &family, &nl.nl_groups);
	if (r < 0)
		return r;
	fd = sys_socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, family);
	if (fd < 0)
		return fd;
	socket_apply_options(s, p, fd, AF_NETLINK);
	r = sys_bind(fd, (struct sockaddr *) &nl, sizeof(nl));
	return r < 0 ? r : TAKE_FD(fd);
}

/* ---- files ---- */

static int open_fifo(const struct socket *s, const struct socket_port *p)
{
	const struct socket_settings *c = socket_settings(s);
	auto_fd int fd = -EBADF;
	struct stat st;
	mode_t old;
	int r;

	(void) mkdir_parents(p->address, c->directory_mode);
	old = umask((mode_t) ~c->socket_mode & 0777);
	r = mkfifo(p->address, c->socket_mode) < 0 && errno != EEXIST ? -errno : 0;
	umask(old);
	if (r < 0)
		return r;
	fd = open(p->address, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISFIFO(st.st_mode))
		return -EEXIST;
	if (c->pipe_size > 0 &&
	    fcntl(fd, F_SETPIPE_SZ, (int) MIN(c->pipe_size, (int64_t) INT32_MAX)) < 0)
		log_unit_errno(LOG_WARNING, s->unit.id, errno, "PipeSize= failed: %m");
	return TAKE_FD(fd);
}

static int open_special(const struct socket *s, const struct socket_port *p)
{
	int access_mode = socket_settings(s)->writable ? O_RDWR : O_RDONLY;
	auto_fd int fd =
		open(p->address, access_mode | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) || S_ISCHR(st.st_mode) ? TAKE_FD(fd) : -EEXIST;
}

static int open_message_queue(const struct socket *s, const struct socket_port *p)
{
	const struct socket_settings *c = socket_settings(s);
	struct mq_attr attr = {.mq_maxmsg = c->mq_max_messages, .mq_msgsize = c->mq_message_size};
	bool has_attr = c->mq_max_messages > 0 && c->mq_message_size > 0;
	mode_t old = umask((mode_t) ~c->socket_mode & 0777);
	mqd_t fd;

	fd = mq_open(p->address, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_CREAT, c->socket_mode,
	             has_attr ? &attr : NULL);
	umask(old);
	return fd == (mqd_t) -1 ? -errno : (int) fd;
}

static int open_unsupported(const struct socket *s, _unused_ const struct socket_port *p)
{
	log_unit(LOG_ERR, s->unit.id, "ListenUSBFunction= is not supported");
	return -EOPNOTSUPP;
}

static int (*const openers[])(const struct socket *s, const struct socket_port *p) = {
	[SOCKET_PORT_STREAM] = open_socket,
	[SOCKET_PORT_DATAGRAM] = open_socket,
	[SOCKET_PORT_SEQPACKET] = open_socket,
	[SOCKET_PORT_NETLINK] = open_netlink,
	[SOCKET_PORT_FIFO] = open_fifo,
	[SOCKET_PORT_SPECIAL] = open_special,
	[SOCKET_PORT_MESSAGE_QUEUE] = open_message_queue,
	[SOCKET_PORT_USB_FUNCTION] = open_unsupported,
};

/* ---- is it still what the port says? ---- */

static bool same_address(const union socket_address *a, socklen_t a_size,
                         const struct socket_target *t)
{
	if (a->sa.sa_family != t->address.sa.sa_family)
		return false;
	switch (a->sa.sa_family) {
	case AF_UNIX:
		/* A path may or may not be counted with its NUL. */
		if (t->address.un.sun_path[0])
			return strncmp(a->un.sun_path, t->address.un.sun_path,
			               sizeof(a->un.sun_path)) == 0;
		return a_size == t->size && memcmp(a, &t->address, a_size) == 0;
	case AF_INET:
		return a->in.sin_port == t->address.in.sin_port &&
		       a->in.sin_addr.s_addr == t->address.in.sin_addr.s_addr;
	case AF_INET6:
		return a->in6.sin6_port == t->address.in6.sin6_port &&
		       memcmp(&a->in6.sin6_addr, &t->address.in6.sin6_addr,
		              sizeof(a->in6.sin6_addr)) == 0;
	case AF_VSOCK: {
		const struct sockaddr_vm *x = (const struct sockaddr_vm *) &a->storage,
					 *y = (const struct sockaddr_vm *) &t->address.storage;

		return x->svm_cid == y->svm_cid && x->svm_port == y->svm_port;
	}
	default:
		return false;
	}
}

static int check_socket(const struct socket_port *p, int fd)
{
	union socket_address a = {0};
	socklen_t size = sizeof(a), n = sizeof(int);
	struct socket_target t;
	int type, r;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) < 0 || getsockname(fd, &a.sa, &size) < 0)
		return -errno;
	/* A bare port is IPv6 or IPv4, as the machine was when it was opened. */
	r = socket_address_parse(p->address, p->kind, a.sa.sa_family != AF_INET, &t);
	if (r < 0)
		return r;
	return type == t.type && same_address(&a, size, &t) ? 1 : 0;
}

static int check_netlink(const struct socket_port *p, int fd)
{
	struct sockaddr_nl nl = {0};
	int protocol, family, r;
	socklen_t n = sizeof(protocol), size = sizeof(nl);
	uint32_t groups;

	r = netlink_parse(p->address, &family, &groups);
	if (r < 0)
		return r;
	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &n) < 0 ||
	    getsockname(fd, (struct sockaddr *) &nl, &size) < 0)
		return -errno;
	return nl.nl_family == AF_NETLINK && protocol == family && nl.nl_groups == groups;
}

static int check_file(const struct socket_port *p, int fd)
{
	struct stat a, b;

	if (fstat(fd, &a) < 0 || stat(p->address, &b) < 0)
		return -errno;
	return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* A queue has no address to ask for: the one of that name has to be the same inode. */
static int check_message_queue(const struct socket_port *p, int fd)
{
	struct mq_attr attr;
	struct stat a, b;
	auto_fd int named = -EBADF;

	if (mq_getattr((mqd_t) fd, &attr) < 0)
		return -errno;
	named = (int) mq_open(p->address, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (named < 0 || fstat(fd, &a) < 0 || fstat(named, &b) < 0)
		return -errno;
	return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int socket_check_fd(_unused_ const struct socket *s, const struct socket_port *p, int fd)
{
	switch (p->kind) {
	case SOCKET_PORT_STREAM:
	case SOCKET_PORT_DATAGRAM:
	case SOCKET_PORT_SEQPACKET:
		return check_socket(p, fd);
	case SOCKET_PORT_NETLINK:
		return check_netlink(p, fd);
	case SOCKET_PORT_FIFO:
	case SOCKET_PORT_SPECIAL:
		return check_file(p, fd);
	case SOCKET_PORT_MESSAGE_QUEUE:
		return check_message_queue(p, fd);
	default:
		return 0;
	}
}

/* ---- all of a unit's ---- */

/* Opens what is not open yet. On failure nothing that this call opened stays. */
int socket_open_all(struct socket *s)
{
	unsigned n = 0;
	size_t have = s->n_fds;
	int fd;

	for (const struct socket_port *p = socket_settings(s)->ports; p; p = p->next, n++) {
		if (socket_port_is_open(s, n))
			continue;
		if (n >= PORTS_MAX) {
			fd = -E2BIG;
			goto fail;
		}
		FAULT_POINT("socket.open.before");
		fd = openers[p->kind](s, p);
		FAULT_POINT("socket.open.after");
		if (fd < 0) {
			log_unit_errno(LOG_ERR, s->unit.id, fd, "Cannot listen on '%s': %m",
			               p->address);
			goto fail;
		}
		fd = socket_fd_add(s, fd, n, n);
		if (fd < 0)
			goto fail;
	}
	for (size_t i = have; i < s->n_fds; i++)
		socket_fd_keep(s, &s->fds[i]);
	socket_sort_fds(s);
	return 0;
fail:
	while (s->n_fds > have)
		fd_close(s->fds[--s->n_fds].fd);
	return fd;
}

static void remove_file(const struct socket *s, const struct socket_port *p)
{
	FAULT_POINT("socket.unlink.before");
	if (p->kind == SOCKET_PORT_MESSAGE_QUEUE)
		(void) mq_unlink(p->address);
	else if (*p->address == '/' && p->kind != SOCKET_PORT_SPECIAL && unlink(p->address) < 0 &&
	         errno != ENOENT)
		log_unit_errno(LOG_WARNING, s->unit.id, errno, "Cannot remove '%s': %m",
		               p->address);
}

void socket_close_all(struct socket *s, bool stopping)
{
	const struct socket_settings *c = socket_settings(s);

	socket_unwatch(s);
	for (size_t i = 0; i < s->n_fds; i++) {
		if (stopping)
			socket_fd_forget(s, &s->fds[i]);
		fd_close(s->fds[i].fd);
	}
	free(s->fds);
	s->fds = NULL;
	s->n_fds = 0;
	if (!stopping || !c->remove_on_stop)
		return;
	for (const struct socket_port *p = c->ports; p; p = p->next)
		remove_file(s, p);
	STRV_FOREACH (link, c->symlinks)
		(void) unlink(*link);
}

int socket_make_symlinks(const struct socket *s)
{
	const struct socket_settings *c = socket_settings(s);
	const char *target = NULL;

	for (const struct socket_port *p = c->ports; p && !target; p = p->next)
		if (*p->address == '/' && p->kind != SOCKET_PORT_SPECIAL &&
		    p->kind != SOCKET_PORT_MESSAGE_QUEUE)
			target = p->address;
	if (!target)
		return 0;
	STRV_FOREACH (link, c->symlinks) {
		int r;

		(void) mkdir_parents(*link, c->directory_mode);
		r = symlink_atomic(target, *link);
		if (r < 0)
			log_unit_errno(LOG_WARNING, s->unit.id, r, "Cannot make symlink '%s': %m",
			               *link);
	}
	return 0;
}
