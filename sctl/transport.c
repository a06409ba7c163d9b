// SPDX-License-Identifier: Apache-2.0
/* From "-H ADDRESS" to a connected stream. Each scheme is a row; what is behind the colon is the
 * scheme's own. */
#include "sctl/sctl.h"
#include "base/mux.h"

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <linux/vm_sockets.h>
#include <sys/un.h>
#include <sys/wait.h>

#define LINK_DEADLINE_USEC (10 * USEC_PER_SEC)

/* What has to live as long as the stream. */
struct keep {
	struct mux *mux;
	pid_t child;
};

struct service_address {
	const char *service, *path;
	unsigned port; /* vsock */
};
static const struct service_address services[] = {
	{SERVICE_CONTROL, "/run/sysmaster/control", 7466},
	{SERVICE_UPGRADE, "/run/sysmaster/upgrade", 7467},
};

static const struct service_address *service_find(const char *service)
{
	for (size_t i = 0; i < ELEMENTSOF(services); i++)
		if (streq(services[i].service, service))
			return &services[i];
	return NULL;
}

/* A non-blocking connect that is finished, or failed, when it returns. */
static int connect_finish(int fd, usec_t timeout)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	int error = 0, r = poll(&p, 1, (int) (timeout / USEC_PER_MSEC));
	socklen_t size = sizeof(error);

	if (r < 0)
		return -errno;
	if (r == 0)
		return -ETIMEDOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		return -errno;
	return -error;
}

static int connect_unix(const char *path, int *ret_fd)
{
	auto_fd int fd = unix_connect(path, SOCK_STREAM);
	int r;

	if (fd < 0)
		return error_exit(fd, "Cannot connect to %s: %s", path, strerror(-fd));
	r = connect_finish(fd, LINK_DEADLINE_USEC);
	if (r < 0)
		return error_exit(r, "Cannot connect to %s: %s", path, strerror(-r));
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int open_unix(struct loop *l, const char *rest, const struct service_address *a, int *ret_fd,
                     struct keep *k)
{
	(void) l, (void) a, (void) k;
	return connect_unix(rest, ret_fd);
}

static int open_vsock(struct loop *l, const char *rest, const struct service_address *a,
                      int *ret_fd, struct keep *k)
{
	struct sockaddr_vm sa = {.svm_family = AF_VSOCK};
	auto_strv char **parts = NULL;
	auto_fd int fd = -EBADF;
	uint32_t cid, port = a->port;
	int r;

	(void) l, (void) k;
	r = strv_split(rest, ":", &parts);
	if (r < 0 || strv_length(parts) < 1 || strv_length(parts) > 2 ||
	    str_to_u32(parts[0], &cid) < 0 || (parts[1] && str_to_u32(parts[1], &port) < 0))
		return error_exit(-EINVAL, "vsock:CID[:PORT] expected, not \"vsock:%s\"", rest);
	fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_exit(-errno, "This machine has no AF_VSOCK: %s", strerror(errno));
	sa.svm_cid = cid;
	sa.svm_port = port;
	r = connect(fd, (struct sockaddr *) &sa, sizeof(sa)) < 0 && errno != EINPROGRESS
	            ? -errno
	            : connect_finish(fd, LINK_DEADLINE_USEC);
	if (r < 0)
		return error_exit(r, "Cannot reach port %u of guest %u: %s", port, cid,
		                  strerror(-r));
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* The convention of Firecracker and Cloud Hypervisor: "CONNECT PORT\n", then "OK PORT\n", then the
 * stream. */
static int open_vsock_mux(struct loop *l, const char *rest, const struct service_address *a,
                          int *ret_fd, struct keep *k)
{
	auto_free char *path = strdup(rest), *request = NULL;
	auto_fd int fd = -EBADF;
	uint32_t port = a->port;
	char answer[64];
	size_t n = 0;
	char *colon;
	int r;

	(void) l, (void) k;
	if (!path)
		return -ENOMEM;
	colon = strrchr(path, ':');
	if (colon && str_to_u32(colon + 1, &port) >= 0)
		*colon = '\0';
	r = connect_unix(path, &fd);
	if (r < 0)
		return r;
	request = str_printf("CONNECT %u\n", port);
	if (!request)
		return -ENOMEM;
	r = fd_write_all(fd, request, strlen(request));
	if (r < 0)
		return error_exit(r, "%s: %s", path, strerror(-r));
	/* Byte by byte: what follows the line belongs to the stream. */
	while (n < sizeof(answer) - 1) {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		if (poll(&p, 1, (int) (LINK_DEADLINE_USEC / USEC_PER_MSEC)) <= 0)
			return error_exit(-ETIMEDOUT, "%s: no answer to CONNECT %u", path, port);
		if (read(fd, answer + n, 1) != 1)
			return error_exit(-ECONNREFUSED, "%s: the guest refused port %u", path,
			                  port);
		if (answer[n++] == '\n')
			break;
	}
	answer[n] = '\0';
	if (!str_after(answer, "OK "))
		return error_exit(-EPROTO, "%s: unexpected answer to CONNECT: %s", path, answer);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int refuse_open(struct mux *m, const char *service, void *userdata)
{
	(void) m, (void) service, (void) userdata;
	return -ECONNREFUSED;
}

static void on_link(struct mux *m, bool up, void *userdata)
{
	(void) m, (void) up, (void) userdata;
}

static int open_serial(struct loop *l, const char *rest, const struct service_address *a,
                       int *ret_fd, struct keep *k)
{
	usec_t deadline = now(CLOCK_BOOTTIME) + LINK_DEADLINE_USEC;
	int fd, r;

	r = connect_unix(rest, &fd);
	if (r < 0)
		return r;
	r = mux_new(l, fd, MUX_HOST, refuse_open, on_link, NULL, &k->mux);
	if (r < 0)
		return error_exit(r, "%s: %s", rest, strerror(-r));
	while (!mux_is_up(k->mux)) {
		usec_t t = now(CLOCK_BOOTTIME);

		if (t >= deadline)
			return error_exit(-ETIMEDOUT, "%s: the guest's channel does not answer",
			                  rest);
		r = loop_run_once(l, deadline - t);
		if (r < 0)
			return r;
	}
	fd = mux_open_socket(k->mux, a->service);
	if (fd < 0)
		return error_exit(fd, "%s: cannot open a stream: %s", rest, strerror(-fd));
	*ret_fd = fd;
	return 0;
}

static int open_ssh(struct loop *l, const char *rest, const struct service_address *a, int *ret_fd,
                    struct keep *k)
{
	int pair[2];

	(void) l;
	if (rest[0] == '-')
		return error_exit(-EINVAL, "\"%s\" is not a host", rest);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	k->child = fork();
	if (k->child < 0) {
		close(pair[0]);
		close(pair[1]);
		return -errno;
	}
	if (k->child == 0) {
		if (dup2(pair[1], STDIN_FILENO) >= 0 && dup2(pair[1], STDOUT_FILENO) >= 0)
			execlp("ssh", "ssh", "-xT", "--", rest, "sctl", "bridge", a->service,
			       (char *) NULL);
		perror("ssh");
		_exit(127);
	}
	close(pair[1]);
	fd_set_nonblock(pair[0], true);
	*ret_fd = pair[0];
	return 0;
}

/* clang-format off */
static const struct {
	const char *prefix;
	int (*open)(struct loop *l, const char *rest, const struct service_address *a, int *ret_fd, struct keep *k);
} schemes[] = {
	{ "unix:",	open_unix },
	{ "vsock:",	open_vsock },
	{ "vsock-mux:", open_vsock_mux },
	{ "serial:",	open_serial },
	{ "ssh:",	open_ssh },
};
/* clang-format on */

int transport_connect(struct loop *l, const char *host, const char *service, int *ret_fd,
                      void **ret_keep)
{
	const struct service_address *a = service_find(service);
	struct keep *k;
	int r;

	if (!a)
		return -EINVAL;
	k = calloc(1, sizeof(*k));
	if (!k)
		return -ENOMEM;
	*ret_keep = k;
	if (!host)
		return connect_unix(a->path, ret_fd);
	for (size_t i = 0; i < ELEMENTSOF(schemes); i++) {
		const char *rest = str_after(host, schemes[i].prefix);

		if (!rest)
			continue;
		r = *rest ? schemes[i].open(l, rest, a, ret_fd, k) : -EINVAL;
		if (r == -EINVAL && !*rest)
			error_exit(r, "-H %s: an address is missing", host);
		return r;
	}
	return error_exit(-EINVAL,
	                  "-H %s: unknown kind of address (unix:PATH, vsock:CID[:PORT], "
	                  "vsock-mux:SOCKET[:PORT], serial:SOCKET, ssh:[USER@]HOST)",
	                  host);
}

void transport_release(void *keep)
{
	struct keep *k = keep;

	if (!k)
		return;
	mux_free(k->mux);
	if (k->child > 0)
		waitpid(k->child, NULL, 0);
	free(k);
}

/* Copies what is there from @from to @to. 1, 0 at the end of the stream, -errno. */
static int pump(int from, int to)
{
	char buf[16384];
	ssize_t n = read(from, buf, sizeof(buf));
	int r;

	if (n <= 0)
		return n == 0 ? 0 : errno == EAGAIN ? 1 : -errno;
	fd_set_nonblock(to, false);
	r = fd_write_all(to, buf, (size_t) n);
	return r < 0 ? r : 1;
}

int transport_bridge(const char *service)
{
	const struct service_address *a = service_find(service);
	auto_fd int fd = -EBADF;
	int r;

	if (!a)
		return error_exit(-EINVAL, "No such service: %s", service);
	r = connect_unix(a->path, &fd);
	if (r < 0)
		return r;
	for (;;) {
		struct pollfd p[] = {{.fd = STDIN_FILENO, .events = POLLIN},
		                     {.fd = fd, .events = POLLIN}};

		if (poll(p, ELEMENTSOF(p), -1) < 0)
			return errno == EINTR ? 0 : -errno;
		if (p[0].revents && (r = pump(STDIN_FILENO, fd)) <= 0)
			return r;
		if (p[1].revents && (r = pump(fd, STDOUT_FILENO)) <= 0)
			return r;
	}
}
