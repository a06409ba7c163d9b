// SPDX-License-Identifier: Apache-2.0
/* Packets from init, one after another: a byte of flags (1: with an fd, 2: ready first), a byte and
 * a half of size, the packet. */
#include "state/link-internal.h"

#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_exit_report(const struct process_exit *e, uint64_t number, void *userdata)
{
	/* Touch what a handler may touch. */
	*(uint64_t *) userdata += number + (e->cgroup ? strlen(e->cgroup) : 0);
}
static void on_reply(uint32_t serial, int error, const char *text, void *userdata)
{
	*(uint64_t *) userdata += serial + strlen(text) + (uint64_t) (error < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct link_handlers handlers = {.on_exit = on_exit_report,
	                                              .on_reply = on_reply};
	uint64_t sum = 0;
	struct link k = {.fd = -EBADF, .handlers = handlers, .userdata = &sum};
	int pair[2], null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		abort();
	k.fd = pair[0];
	list_init(&k.queue);
	k.vault = map_new(MAP_STRING);
	while (size > 3) {
		size_t n = MIN((size_t) (data[1] | data[2] << 8), size - 3);
		char text[WIRE_TEXT_MAX + 1];
		struct wire_message m;
		int fd, r;

		k.ready |= data[0] & 2;
		if (n > 0 && n <= 4096 &&
		    fd_send_fds(pair[1], data + 3, n, &null, data[0] & 1) >= 0) {
			r = link_receive(&k, &m, text, &fd);
			if (r > 0)
				r = link_dispatch(&k, &m, text, fd);
			/* A real link would be lost; the rest of the input is worth a try all the
			 * same. */
			(void) r;
		}
		/* Answers must not fill the socket. */
		while (recv(pair[1], text, sizeof(text), MSG_DONTWAIT) > 0)
			;
		data += 3 + n;
		size -= 3 + n;
	}
	link_queue_clear(&k);
	link_vault_done(&k);
	welcome_done(&k.welcome);
	close(pair[0]);
	close(pair[1]);
	close(null);
	return 0;
}
