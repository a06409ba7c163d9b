// SPDX-License-Identifier: Apache-2.0
/*
 * The input goes to a server's stream in pieces, at a role; the first byte chooses both. Methods
 * answer at once, later, often or never, and the stream is closed in the end. Whatever is sent,
 * afterwards there is no connection left, and an honest client is still served.
 */
#include "base/varlink.h"

#include "base/fd.h"
#include "base/log.h"

#include <string.h>
#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char description[] = "interface org.test.Fuzz\nmethod Later()->()\n";

static struct varlink_call *later;

static int on_echo(struct varlink_call *c, const cJSON *parameters, void *userdata)
{
	(void) userdata;
	return varlink_reply(c, parameters ? cJSON_Duplicate(parameters, true) : NULL);
}

static void on_gone(struct varlink_call *c, void *userdata)
{
	(void) userdata;
	if (later == c)
		later = varlink_call_unref(later);
}

static int on_later(struct varlink_call *c, const cJSON *parameters, void *userdata)
{
	(void) userdata;
	(void) parameters;
	later = varlink_call_unref(later);
	later = varlink_call_ref(c);
	varlink_call_on_gone(c, on_gone, NULL);
	return varlink_call_wants_more(c) ? varlink_notify(c, NULL) : 0;
}

static int on_fail(struct varlink_call *c, const cJSON *parameters, void *userdata)
{
	(void) c;
	(void) userdata;
	varlink_peer_restrict(varlink_call_peer(c), ROLE_OBSERVE);
	return cJSON_GetArraySize(parameters) > 0 ? -EIO : 0;
}

static const struct varlink_method methods[] = {
	{"org.test.Fuzz.Echo", ROLE_OBSERVE, on_echo},
	{"org.test.Fuzz.Later", ROLE_OBSERVE, on_later},
	{"org.test.Fuzz.Fail", ROLE_OPERATE, on_fail},
};

static int stream(struct varlink_server *s, enum varlink_role role)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0 ||
	    varlink_server_add_stream(s, pair[0], role) < 0)
		abort();
	return pair[1];
}

static void turns(struct loop *l, int fd)
{
	char sink[4096];

	do
		while (fd >= 0 && recv(fd, sink, sizeof(sink), MSG_DONTWAIT) > 0)
			;
	while (loop_run_once(l, 0) > 0);
}

static void send_pieces(struct loop *l, int fd, const uint8_t *data, size_t size, size_t piece)
{
	while (size > 0) {
		ssize_t n = send(fd, data, MIN(piece, size), MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			return;
		if (n > 0) {
			data += n;
			size -= (size_t) n;
		}
		/* Else the server waits for an answer that comes later. */
		turns(l, fd);
		if (later && (n < 0 || size % 3 == 0)) {
			(void) varlink_reply(later, NULL);
			later = varlink_call_unref(later);
			turns(l, fd);
		} else if (n < 0) {
			return;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char honest[] = "{\"method\":\"org.test.Fuzz.Echo\",\"parameters\":{\"a\":1}}";
	struct varlink_server *s;
	struct loop *l;
	char reply[64];
	int fd;

	if (size == 0)
		return 0;
	log_setup("fuzz", LOG_TARGET_NULL, LOG_ERR);
	if (loop_new(&l) < 0 || varlink_server_new(l, "v", "p", "1", &s) < 0 ||
	    varlink_server_add_interface(s, description, methods, ELEMENTSOF(methods), NULL) < 0)
		abort();
	fd = stream(s, data[0] % 4);
	send_pieces(l, fd, data + 1, size - 1, 1U << data[0] / 4 % 16);
	close(fd);
	turns(l, -1);
	/* A call that wants no answer was closed at once, and who keeps it finds that out when he answers. */
	if (varlink_server_connections(s) != 0 || (later && varlink_reply(later, NULL) != -ESTALE))
		abort();
	later = varlink_call_unref(later);
	fd = stream(s, ROLE_OBSERVE);
	if (send(fd, honest, sizeof(honest), 0) != sizeof(honest))
		abort();
	turns(l, -1);
	if (recv(fd, reply, sizeof(reply), 0) != sizeof("{\"parameters\":{\"a\":1}}"))
		abort();
	close(fd);
	varlink_server_free(s);
	loop_free(l);
	return 0;
}
