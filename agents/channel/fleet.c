// SPDX-License-Identifier: Apache-2.0
#include "channel/channel.h"

#include <sys/socket.h>

static int on_fleet(struct source *s, int fd, uint32_t revents, void *userdata)
{
	struct channel *c = userdata;
	auto_fd int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int r;

	(void) s, (void) revents;
	if (connection < 0)
		return 0;
	/* Without a relay at the other end the fleet agent sees a closed connection and comes again
	 * later, as it does without a network. */
	if (!c->mux || !mux_is_up(c->mux))
		return 0;
	r = mux_open(c->mux, "fleet", connection);
	if (r < 0)
		log_warning_errno(r, "Failed to open a stream to the fleet's relay: %m");
	else
		TAKE_FD(connection);
	return 0;
}

int fleet_listen(struct channel *c)
{
	struct source *source;
	int fd, r;

	r = mkdir_parents(CHANNEL_FLEET_SOCKET, 0755);
	if (r < 0)
		return r;
	fd = unix_listen(CHANNEL_FLEET_SOCKET, SOCK_STREAM, 0600);
	if (fd < 0)
		return fd;
	r = loop_add_io(c->loop, fd, EPOLLIN, "fleet", on_fleet, c, &source);
	if (r < 0) {
		close(fd);
		return r;
	}
	source_set_ratelimit(source, USEC_PER_SEC, 50);
	return 0;
}
