// SPDX-License-Identifier: Apache-2.0
#include "channel/channel.h"

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#define RESTRICT_DEADLINE_MSEC 5000

/* clang-format off */
static const struct {
	const char *service, *path;
	enum varlink_role least; /* the role that the host must have to get in at all */
} backends[] = {
	{ "control", "/run/sysmaster/control", ROLE_OBSERVE },
	{ "upgrade", "/run/sysmaster/upgrade", ROLE_ADMIN },
};
/* clang-format on */

/*
 * Gives up rights on the fresh connection: one call, its answer read up to the NUL. A local socket
 * answers in microseconds; the wait has a deadline all the same.
 */
static int restrict_role(int fd, enum varlink_role role)
{
	char text[256];
	size_t n = 0;
	int size, r;

	size = snprintf(
		text, sizeof(text),
		"{\"method\":\"org.sysmaster.Manager.Restrict\",\"parameters\":{\"role\":\"%s\"}}",
		varlink_role_to_string(role));
	r = fd_write_all(fd, text, (size_t) size + 1);
	if (r < 0)
		return r;
	do {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		if (n == sizeof(text))
			return -EPROTO;
		if (poll(&p, 1, RESTRICT_DEADLINE_MSEC) <= 0)
			return -ETIMEDOUT;
		if (read(fd, text + n, 1) != 1)
			return -ECONNRESET;
	} while (text[n++]);
	return strstr(text, "\"error\"") ? -EACCES : 0;
}

int backend_connect(struct channel *c, const char *service)
{
	for (size_t i = 0; i < ELEMENTSOF(backends); i++) {
		auto_fd int fd = -EBADF;
		int r;

		if (!streq(backends[i].service, service))
			continue;
		if (c->role < backends[i].least)
			return -EACCES;
		fd = unix_connect(backends[i].path, SOCK_STREAM);
		if (fd < 0)
			return fd;
		/* This agent is root, and so admin, on the other end. */
		if (c->role < ROLE_ADMIN) {
			r = restrict_role(fd, c->role);
			if (r < 0)
				return r;
		}
		return TAKE_FD(fd);
	}
	return -ENOENT;
}
