// SPDX-License-Identifier: Apache-2.0
#include "vm-agent.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <linux/vm_sockets.h>

#define ECHO_CLIENTS_MAX 64
#define BUFFER_BYTES     65536

static int fail(const char *what)
{
	fprintf(stderr, "vm-agent: %s: %s\n", what, strerror(errno));
	return 1;
}

static bool parse_number(const char *text, uint32_t *ret)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(text, &end, 0);
	if (errno || end == text || *end || v > UINT32_MAX)
		return false;
	*ret = (uint32_t) v;
	return true;
}

static int write_all(int fd, const void *data, size_t n)
{
	for (const uint8_t *p = data; n > 0;) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -errno;
		p += w;
		n -= (size_t) w;
	}
	return 0;
}

/* Copies until the end of the input; returns 0 or a negative errno. */
static int copy_all(int from, int to)
{
	static uint8_t buffer[BUFFER_BYTES];

	for (;;) {
		ssize_t n = read(from, buffer, sizeof(buffer));
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		r = write_all(to, buffer, (size_t) n);
		if (r < 0)
			return r;
	}
}

/* @put PATH MODE: standard input becomes the file. */
static int builtin_put(char **argv)
{
	mode_t mode = (mode_t) strtoul(argv[2], NULL, 8);
	auto_fd int fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	if (fd < 0)
		return fail(argv[1]);
	errno = -copy_all(STDIN_FILENO, fd);
	if (errno || fchmod(fd, mode) < 0)
		return fail(argv[1]);
	return 0;
}

/* @get PATH: the file becomes standard output. */
static int builtin_get(char **argv)
{
	auto_fd int fd = open(argv[1], O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return fail(argv[1]);
	errno = -copy_all(fd, STDOUT_FILENO);
	return errno ? fail(argv[1]) : 0;
}

static int vsock_listen(uint32_t port)
{
	struct sockaddr_vm a = {
		.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = port};
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && (bind(fd, (struct sockaddr *) &a, sizeof(a)) < 0 || listen(fd, 64) < 0)) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

/* Between a socket and our standard streams, both ways, until the socket's other side has said its
 * last word. */
static int relay_stdio(int fd)
{
	static uint8_t buffer[BUFFER_BYTES];
	struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};

	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return fail("poll");
		for (int i = 0; i < 2; i++) {
			int to = i == 0 ? STDOUT_FILENO : fd;
			ssize_t n;

			if (!p[i].revents)
				continue;
			n = read(p[i].fd, buffer, sizeof(buffer));
			if (n < 0)
				return fail("read");
			if (n == 0 && i == 0)
				return 0;
			if (n == 0) {
				shutdown(fd, SHUT_WR);
				p[1].fd = -1;
				continue;
			}
			if (write_all(to, buffer, (size_t) n) < 0)
				return fail("write");
		}
	}
}

/* @vsock-listen PORT: one connection, with our standard streams at its end. */
static int builtin_vsock_listen(char **argv)
{
	auto_fd int fd = -EBADF, client = -EBADF;
	uint32_t port;

	if (!parse_number(argv[1], &port))
		return 2;
	fd = vsock_listen(port);
	if (fd < 0)
		return fail("vsock listen");
	client = accept(fd, NULL, NULL);
	return client < 0 ? fail("accept") : relay_stdio(client);
}

/* @vsock-connect CID PORT: to there, with our standard streams at this end. */
static int builtin_vsock_connect(char **argv)
{
	struct sockaddr_vm a = {.svm_family = AF_VSOCK};
	auto_fd int fd = -EBADF;

	if (!parse_number(argv[1], &a.svm_cid) || !parse_number(argv[2], &a.svm_port))
		return 2;
	fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *) &a, sizeof(a)) < 0)
		return fail("vsock connect");
	return relay_stdio(fd);
}

/* @vsock-echo PORT: sends back what comes, each connection in a process of its own, until it is
 * killed. */
static int builtin_vsock_echo(char **argv)
{
	auto_fd int fd = -EBADF;
	uint32_t port;

	if (!parse_number(argv[1], &port))
		return 2;
	signal(SIGCHLD, SIG_IGN);
	fd = vsock_listen(port);
	if (fd < 0)
		return fail("vsock listen");
	printf("listening\n");
	fflush(stdout);
	for (;;) {
		int client = accept(fd, NULL, NULL);
		pid_t pid;

		if (client < 0)
			return fail("accept");
		pid = fork();
		if (pid == 0) {
			close(fd);
			_exit(copy_all(client, client) < 0 || shutdown(client, SHUT_WR) < 0 ? 1
			                                                                    : 0);
		}
		close(client);
		if (pid < 0)
			return fail("fork");
	}
}

struct builtin {
	const char *name;
	int args;
	int (*run)(char **argv);
	const char *usage;
};

/* clang-format off */
static const struct builtin builtins[] = {
	{ "@get",           1, builtin_get,           "PATH" },
	{ "@put",           2, builtin_put,           "PATH MODE" },
	{ "@vsock-connect", 2, builtin_vsock_connect, "CID PORT" },
	{ "@vsock-echo",    1, builtin_vsock_echo,    "PORT" },
	{ "@vsock-listen",  1, builtin_vsock_listen,  "PORT" },
};
/* clang-format on */

int builtin_run(int argc, char **argv)
{
	for (size_t i = 0; i < ARRAY_SIZE(builtins); i++) {
		const struct builtin *b = &builtins[i];

		if (strcmp(b->name, argv[0]) != 0)
			continue;
		if (argc != b->args + 1) {
			fprintf(stderr, "usage: %s %s\n", b->name, b->usage);
			return 2;
		}
		return b->run(argv);
	}
	return -1;
}
