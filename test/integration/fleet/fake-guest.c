// SPDX-License-Identifier: Apache-2.0
/*
 * The guest's end of a virtio-serial channel, for tests of the relay: fake-guest CHARDEV FLEET
 * CONTROL CHARDEV is listened on, as QEMU does for a chardev; FLEET is what the fleet agent
 * connects to; streams for "control" go to CONTROL.
 */
#include "base/event.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mux.h"
#include "base/str.h"

#include <stdio.h>
#include <sys/socket.h>

struct guest {
	struct loop *loop;
	const char *control;
	struct mux *mux;
};

static int on_open(struct mux *m, const char *service, void *userdata)
{
	struct guest *g = userdata;

	(void) m;
	return streq(service, "control") ? unix_connect(g->control, SOCK_STREAM) : -ENOENT;
}

/* A new host takes the place of the one before, as with a real port. */
static int on_host(struct source *s, int fd, uint32_t revents, void *userdata)
{
	struct guest *g = userdata;
	int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void) s;
	(void) revents;
	if (peer < 0)
		return 0;
	mux_free(g->mux);
	g->mux = NULL;
	return mux_new(g->loop, peer, MUX_GUEST, on_open, NULL, g, &g->mux);
}

static int on_agent(struct source *s, int fd, uint32_t revents, void *userdata)
{
	struct guest *g = userdata;
	int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void) s;
	(void) revents;
	if (peer >= 0 && (!g->mux || mux_open(g->mux, "fleet", peer) < 0))
		log_info("There is no host");
	return 0;
}

int main(int argc, char **argv)
{
	struct guest g = {};
	int chardev, fleet;

	if (argc != 4)
		return 2;
	log_setup("fake-guest", LOG_TARGET_STDERR, LOG_INFO);
	g.control = argv[3];
	chardev = unix_listen(argv[1], SOCK_STREAM, 0600);
	fleet = unix_listen(argv[2], SOCK_STREAM, 0600);
	if (chardev < 0 || fleet < 0 || loop_new(&g.loop) < 0 ||
	    loop_add_io(g.loop, chardev, EPOLLIN, "chardev", on_host, &g, NULL) < 0 ||
	    loop_add_io(g.loop, fleet, EPOLLIN, "fleet", on_agent, &g, NULL) < 0)
		return 1;
	return loop_run(g.loop);
}
