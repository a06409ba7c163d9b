// SPDX-License-Identifier: Apache-2.0
/*
 * The input is what a hostile host sends to a guest's port. Two bytes in it have a meaning to this
 * harness, since the answer to the guest's HELLO cannot be guessed: a first byte that is odd means
 * that the link is brought up before the rest is sent. In the end an honest host connects and must
 * get through.
 */
#include "base/mux.h"

#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"

#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int far_ends[256];
static unsigned n_far;

static int on_open(struct mux *m, const char *service, void *userdata)
{
	int pair[2];

	(void) m;
	(void) userdata;
	if (strlen(service) > MUX_SERVICE_MAX)
		abort();
	if (service[0] == 'x' || n_far >= ELEMENTSOF(far_ends) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		return -ENOENT;
	far_ends[n_far++] = pair[0];
	return pair[1];
}

/* Every service sends back what it gets; some close when they see an "x". */
static void serve(void)
{
	char buf[4096];

	for (unsigned i = 0; i < n_far; i++) {
		ssize_t n =
			far_ends[i] < 0 ? -1 : recv(far_ends[i], buf, sizeof(buf), MSG_DONTWAIT);

		if (n > 0)
			(void) send(far_ends[i], buf, (size_t) n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n == 0 || (n > 0 && buf[0] == 'x'))
			far_ends[i] = fd_close(far_ends[i]);
	}
}

static void turns(struct loop *l)
{
	for (unsigned i = 0; i < 64 && loop_run_once(l, 0) > 0; i++)
		serve();
}

/* Reads all that the guest says and answers each HELLO in it; what a service sent back may look
 * like one, too. */
static void answer(int wire)
{
	static const char hello[] = MUX_MAGIC "\0\0\0\0\1\0\x10";
	static char buf[4 << 20];
	char frame[MUX_HEADER_SIZE + MUX_NONCE_SIZE] = MUX_MAGIC "\0\0\0\0\2\0\x10";
	size_t size = 0;
	ssize_t n;
	char *p;

	while (size < sizeof(buf) &&
	       (n = recv(wire, buf + size, sizeof(buf) - size, MSG_DONTWAIT)) > 0)
		size += (size_t) n;
	for (char *at = buf; (p = memmem(at, size - (size_t) (at - buf), hello, MUX_HEADER_SIZE));
	     at = p + 1) {
		if (size - (size_t) (p - buf) < MUX_HEADER_SIZE + MUX_NONCE_SIZE)
			break;
		memcpy(frame + MUX_HEADER_SIZE, p + MUX_HEADER_SIZE, MUX_NONCE_SIZE);
		(void) send(wire, frame, sizeof(frame), MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char zeros[MUX_PAYLOAD_MAX];
	struct mux *m;
	struct loop *l;
	int pair[2];

	if (size == 0)
		return 0;
	log_setup("fuzz", LOG_TARGET_NULL, LOG_ERR);
	n_far = 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0 ||
	    loop_new(&l) < 0 || mux_new(l, pair[0], MUX_GUEST, on_open, NULL, NULL, &m) < 0)
		abort();
	turns(l);
	if (data[0] & 1) {
		answer(pair[1]);
		turns(l);
		if (!mux_is_up(m))
			abort();
	}
	for (size_t at = 1, piece = 1 + data[0]; at < size; at += piece) {
		(void) send(pair[1], data + at, MIN(piece, size - at), MSG_DONTWAIT | MSG_NOSIGNAL);
		turns(l);
		if (data[0] & 2)
			(void) mux_open(m, "guest", -1);
	}
	/* What an honest host does: padding and HELLO, then the answer to whatever HELLO comes
	 * back. */
	for (size_t done = 0, tries = 0; done < sizeof(zeros) && tries < 100; tries++) {
		ssize_t n = send(pair[1], zeros + done, sizeof(zeros) - done,
		                 MSG_DONTWAIT | MSG_NOSIGNAL);

		done += n > 0 ? (size_t) n : 0;
		turns(l);
		answer(pair[1]);
	}
	for (unsigned i = 0; i < 8; i++) {
		turns(l);
		answer(pair[1]);
	}
	turns(l);
	if (!mux_is_up(m))
		abort();
	mux_free(m);
	for (unsigned i = 0; i < n_far; i++)
		fd_close(far_ends[i]);
	close(pair[1]);
	loop_free(l);
	return 0;
}
