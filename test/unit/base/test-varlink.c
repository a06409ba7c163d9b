// SPDX-License-Identifier: Apache-2.0
#include "base/varlink-io.h"
#include "base/varlink.h"

#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "check.h"
#include "base/valgrind.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define SECOND USEC_PER_SEC

static const char description[] = "# A test\n"
				  "interface org.test.Echo\n"
				  "method Echo(text: string) -> (text: string)\n"
				  "method Later() -> ()\n"
				  "method Count(n: int) -> (i: int)\n"
				  "method Planned() -> ()\n";

struct world {
	struct loop *loop;
	struct varlink_server *server;
	struct varlink_call *later; /* a call kept to be answered later */
	unsigned calls, gone;
	bool free_server;
};

static int on_echo(struct varlink_call *c, const cJSON *parameters, void *userdata)
{
	struct world *w = userdata;
	cJSON *reply;
	const char *text;

	w->calls++;
	if (json_get_string(parameters, "text", &text) < 0)
		return varlink_error_invalid(c, "text");
	reply = cJSON_CreateObject();
	(void) json_add_string(reply, "text", text);
	return varlink_reply(c, reply);
}

static void on_gone(struct varlink_call *c, void *userdata)
{
	struct world *w = userdata;

	w->gone++;
	if (w->later == c)
		w->later = varlink_call_unref(c);
}

static int on_later(struct varlink_call *c, const cJSON *parameters, void *userdata)
{
	struct world *w = userdata;

	(void) parameters;
	w->calls++;
	w->later = varlink_call_ref(c);
	varlink_call_on_gone(c, on_gone, w);
	return 0;
}

static int on_count(struct varlink_call *c, const cJSON *parameters, void *userdata)
{
	uint64_t n = json_u64_or(parameters, "n", 0);

	(void) userdata;
	for (uint64_t i = 0; i <= n; i++) {
		cJSON *j = cJSON_CreateObject();
		int r;

		(void) json_add_u64(j, "i", i);
		r = i == n ? varlink_reply(c, j) : varlink_notify(c, j);
		if (r < 0)
			return r;
	}
	return 0;
}

static int on_fail(struct varlink_call *c, const cJSON *parameters, void *userdata)
{
	(void) c;
	(void) parameters;
	(void) userdata;
	return -ENOSPC;
}

static int on_silent(struct varlink_call *c, const cJSON *parameters, void *userdata)
{
	(void) c;
	(void) parameters;
	(void) userdata;
	return 0;
}

static int on_big(struct varlink_call *c, const cJSON *parameters, void *userdata)
{
	size_t size = json_u64_or(parameters, "size", 0);
	cJSON *j = cJSON_CreateObject();
	char *text = malloc(size + 1);

	(void) userdata;
	memset(text, 'x', size);
	text[size] = 0;
	(void) json_add_string(j, "text", text);
	free(text);
	return varlink_reply(c, j);
}

static int on_end(struct varlink_call *c, const cJSON *parameters, void *userdata)
{
	struct world *w = userdata;

	(void) parameters;
	w->server = varlink_server_free(w->server);
	return varlink_reply(c, NULL);
}

static const struct varlink_method methods[] = {
	{"org.test.Echo.Echo", ROLE_OBSERVE, on_echo},
	{"org.test.Echo.Later", ROLE_OBSERVE, on_later},
	{"org.test.Echo.Count", ROLE_OBSERVE, on_count},
	{"org.test.Echo.Fail", ROLE_OBSERVE, on_fail},
	{"org.test.Echo.Silent", ROLE_OBSERVE, on_silent},
	{"org.test.Echo.Big", ROLE_OBSERVE, on_big},
	{"org.test.Echo.End", ROLE_OBSERVE, on_end},
	{"org.test.Echo.Operate", ROLE_OPERATE, on_echo},
};

static void world_new(struct world *w)
{
	*w = (struct world){0};
	if (loop_new(&w->loop) < 0 ||
	    varlink_server_new(w->loop, "Vendor", "Product", "1", &w->server) < 0 ||
	    varlink_server_add_interface(w->server, description, methods, ELEMENTSOF(methods), w) <
	            0)
		abort();
}

static void world_free(struct world *w)
{
	varlink_server_free(w->server);
	varlink_call_unref(w->later);
	loop_free(w->loop);
}

/* A connected stream of @role; returns our end. */
static int world_stream(struct world *w, enum varlink_role role)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0 ||
	    varlink_server_add_stream(w->server, pair[0], role) < 0)
		abort();
	return pair[1];
}

static void turns(struct world *w)
{
	while (loop_run_once(w->loop, 0) > 0)
		;
}

/* Sends raw bytes, lets the server work, returns what came back with NULs as newlines; NULL at the
 * end of the connection. */
static char *talk(struct world *w, int fd, const void *data, size_t size)
{
	static char reply[65536];
	ssize_t n;

	for (size_t done = 0; done < size; turns(w)) {
		n = send(fd, (const char *) data + done, size - done, MSG_NOSIGNAL);
		if (n < 0)
			break;
		done += (size_t) n;
	}
	turns(w);
	n = recv(fd, reply, sizeof(reply) - 1, MSG_DONTWAIT);
	if (n <= 0)
		return n == 0 || errno != EAGAIN ? NULL : (char *) "";
	reply[n] = 0;
	for (ssize_t i = 0; i < n; i++)
		if (reply[i] == 0)
			reply[i] = '\n';
	return reply;
}

#define SAY(w, fd, text) talk(w, fd, text, sizeof(text))

TEST(varlink__echo_over_a_stream)
{
	struct world w;
	int fd;

	world_new(&w);
	fd = world_stream(&w, ROLE_OBSERVE);
	CHECK_STR(
		SAY(&w, fd, "{\"method\":\"org.test.Echo.Echo\",\"parameters\":{\"text\":\"hi\"}}"),
		"{\"parameters\":{\"text\":\"hi\"}}\n");
	/* Two calls in one go are answered in order. */
	CHECK_STR(SAY(&w, fd,
	              "{\"method\":\"org.test.Echo.Echo\",\"parameters\":{\"text\":\"1\"}}\0"
	              "{\"method\":\"org.test.Echo.Echo\",\"parameters\":{\"text\":\"2\"}}"),
	          "{\"parameters\":{\"text\":\"1\"}}\n{\"parameters\":{\"text\":\"2\"}}\n");
	close(fd);
	turns(&w);
	CHECK_INT(varlink_server_connections(w.server), ==, 0);
	world_free(&w);
}

TEST(varlink__a_message_may_come_byte_by_byte)
{
	static const char call[] =
		"{\"method\":\"org.test.Echo.Echo\",\"parameters\":{\"text\":\"hi\"}}";
	struct world w;
	int fd;

	world_new(&w);
	fd = world_stream(&w, ROLE_OBSERVE);
	for (size_t i = 0; i < sizeof(call) - 1; i++)
		CHECK_STR(talk(&w, fd, call + i, 1), "");
	CHECK_STR(talk(&w, fd, "", 1), "{\"parameters\":{\"text\":\"hi\"}}\n");
	close(fd);
	world_free(&w);
}

TEST(varlink__errors_have_their_names)
{
	static const struct {
		const char *call, *reply;
	} cases[] = {
		{"{\"method\":\"org.none.X\"}",
	         "{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{"
	         "\"interface\":\"org.none\"}}\n"},
		{"{\"method\":\"org.test.Echo.None\"}",
	         "{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{\"method\":"
	         "\"org.test.Echo.None\"}}\n"},
		{"{\"method\":\"nodots\"}", "{\"error\":\"org.varlink.service.MethodNotFound\","
	                                    "\"parameters\":{\"method\":\"nodots\"}}\n"},
		{"{\"method\":\"org.test.Echo.Planned\"}",
	         "{\"error\":\"org.varlink.service.MethodNotImplemented\",\"parameters\":{"
	         "\"method\":\"org.test.Echo.Planned\"}}\n"},
		{"{\"method\":\"org.test.Echo.Echo\",\"parameters\":{}}",
	         "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{"
	         "\"parameter\":\"text\"}}\n"},
		{"{\"method\":\"org.test.Echo.Echo\",\"parameters\":[]}",
	         "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{"
	         "\"parameter\":\"parameters\"}}\n"},
		{"{\"method\":\"org.test.Echo.Echo\",\"upgrade\":true}",
	         "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{"
	         "\"parameter\":\"upgrade\"}}\n"},
		{"{\"method\":\"org.test.Echo.Fail\"}",
	         "{\"error\":\"org.sysmaster.Error.Failed\",\"parameters\":{\"message\":\"No space "
	         "left on device\",\"errno\":28}}\n"},
		{"{\"method\":\"org.test.Echo.Silent\"}",
	         "{\"error\":\"org.sysmaster.Error.Failed\",\"parameters\":{\"message\":\"The "
	         "method gave no answer\"}}\n"},
		{"{\"method\":\"org.test.Echo.Operate\"}",
	         "{\"error\":\"org.sysmaster.Error.PermissionDenied\",\"parameters\":{\"method\":"
	         "\"org.test.Echo.Operate\",\"role\":\"observe\",\"needed\":\"operate\"}}\n"},
		{"{\"method\":\"org.varlink.service.GetInfo\",\"parameters\":null}",
	         "{\"parameters\":{\"vendor\":\"Vendor\",\"product\":\"Product\",\"version\":\"1\","
	         "\"url\":\"\",\"interfaces\":[\"org.varlink.service\",\"org.test.Echo\"]}}\n"},
		{"{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{"
	         "\"interface\":\"org.x\"}}",
	         "{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{"
	         "\"interface\":\"org.x\"}}\n"},
		{"{\"method\":\"org.varlink.service.GetInterfaceDescription\"}",
	         "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{"
	         "\"parameter\":\"interface\"}}\n"},
	};
	struct world w;
	int fd;

	world_new(&w);
	fd = world_stream(&w, ROLE_OBSERVE);
	for (size_t i = 0; i < ELEMENTSOF(cases); i++)
		CHECK_STR(talk(&w, fd, cases[i].call, strlen(cases[i].call) + 1), cases[i].reply);
	CHECK(strstr(SAY(&w, fd,
	                 "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
	                 "\"parameters\":{\"interface\":\"org.test.Echo\"}}"),
	             "method Later()"));
	close(fd);
	world_free(&w);
}

TEST(varlink__garbage_ends_the_connection)
{
	static const char *const cases[] = {"",
	                                    "{",
	                                    "null",
	                                    "[]",
	                                    "\"x\"",
	                                    "{}",
	                                    "{\"method\":1}",
	                                    "{\"method\":null}",
	                                    "{\"method\":\"a.b\"}}",
	                                    "\xff\xfe",
	                                    "{\"method\":\"a\\u0000b\"}"};
	struct world w;

	world_new(&w);
	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		int fd = world_stream(&w, ROLE_ADMIN);

		CHECK(talk(&w, fd, cases[i], strlen(cases[i]) + 1) == NULL);
		close(fd);
	}
	CHECK_INT(varlink_server_connections(w.server), ==, 0);
	world_free(&w);
}

/* A message that there is no room for leaves those before it whole, and the next one goes out. */
TEST(varlink__a_message_that_cannot_be_queued_is_left_out_whole)
{
	auto_json cJSON *one = cJSON_CreateString("one"), *two = cJSON_CreateString("two"),
			*big = NULL;
	char text[200], read_back[64];
	struct varlink_io io;
	int fds[2];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	big = cJSON_CreateString(text);
	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
	varlink_io_init(&io, fds[0], 1000, 1000);
	io.out.max = 100;
	CHECK_INT(varlink_io_queue(&io, one), ==, 0);
	CHECK_INT(varlink_io_queue(&io, big), ==, -EFBIG);
	CHECK_INT(varlink_io_queue(&io, two), ==, 0);
	CHECK_INT(varlink_io_flush(&io), ==, 0);
	CHECK_INT(read(fds[1], read_back, sizeof(read_back)), ==, 12);
	CHECK(memcmp(read_back, "\"one\"\0\"two\"", 12) == 0);
	varlink_io_done(&io);
	close(fds[1]);
}

TEST(varlink__interface_tables_are_checked)
{
	static const struct varlink_method wrong[] = {{"org.other.X", ROLE_OBSERVE, on_echo}};
	struct world w;

	world_new(&w);
	CHECK_INT(varlink_server_add_interface(w.server, description, methods, 1, &w), ==, -EEXIST);
	CHECK_INT(varlink_server_add_interface(w.server, "interface org.that\n", wrong, 1, &w), ==,
	          -EINVAL);
	CHECK_INT(varlink_server_add_interface(w.server, "no interface\n", NULL, 0, &w), ==,
	          -EINVAL);
	world_free(&w);
}

TEST(varlink__oneway_has_no_answer)
{
	struct world w;
	int fd;

	world_new(&w);
	fd = world_stream(&w, ROLE_OBSERVE);
	CHECK_STR(SAY(&w, fd,
	              "{\"method\":\"org.test.Echo.Echo\",\"oneway\":true,\"parameters\":{\"text\":"
	              "\"x\"}}\0"
	              "{\"method\":\"org.none.X\",\"oneway\":true}"),
	          "");
	CHECK_INT(w.calls, ==, 1);
	CHECK_STR(
		SAY(&w, fd, "{\"method\":\"org.test.Echo.Echo\",\"parameters\":{\"text\":\"y\"}}"),
		"{\"parameters\":{\"text\":\"y\"}}\n");
	close(fd);
	world_free(&w);
}

TEST(varlink__calls_sent_before_the_end_are_still_done)
{
	static const char call[] =
		"{\"method\":\"org.test.Echo.Echo\",\"parameters\":{\"text\":\"y\"}}";
	struct world w;
	int fd;

	world_new(&w);
	fd = world_stream(&w, ROLE_OBSERVE);
	for (int i = 0; i < 40; i++)
		CHECK_INT(send(fd, call, sizeof(call), 0), ==, sizeof(call));
	close(fd);
	turns(&w);
	CHECK_INT(w.calls, ==, 40);
	CHECK_INT(varlink_server_connections(w.server), ==, 0);
	world_free(&w);
}

TEST(varlink__more_streams_answers)
{
	struct world w;
	int fd;

	world_new(&w);
	fd = world_stream(&w, ROLE_OBSERVE);
	CHECK_STR(
		SAY(&w, fd,
	            "{\"method\":\"org.test.Echo.Count\",\"more\":true,\"parameters\":{\"n\":2}}"),
		"{\"parameters\":{\"i\":0},\"continues\":true}\n{\"parameters\":{\"i\":1},"
		"\"continues\":true}\n"
		"{\"parameters\":{\"i\":2}}\n");
	/* Not asked for, so the handler learns that it may not. */
	CHECK(strstr(SAY(&w, fd, "{\"method\":\"org.test.Echo.Count\",\"parameters\":{\"n\":2}}"),
	             "\"errno\":71"));
	close(fd);
	world_free(&w);
}

TEST(varlink__a_later_answer_lets_the_next_call_begin)
{
	struct world w;
	int fd;

	world_new(&w);
	fd = world_stream(&w, ROLE_OBSERVE);
	CHECK_STR(SAY(&w, fd,
	              "{\"method\":\"org.test.Echo.Later\"}\0"
	              "{\"method\":\"org.test.Echo.Echo\",\"parameters\":{\"text\":\"2\"}}"),
	          "");
	CHECK(w.later && varlink_call_is_open(w.later));
	CHECK_INT(w.calls, ==, 1);
	CHECK_INT(varlink_reply(w.later, NULL), ==, 0);
	CHECK(!varlink_call_is_open(w.later));
	CHECK_INT(varlink_reply(w.later, NULL), ==, -ESTALE);
	w.later = varlink_call_unref(w.later);
	CHECK_STR(talk(&w, fd, NULL, 0),
	          "{\"parameters\":{}}\n{\"parameters\":{\"text\":\"2\"}}\n");
	CHECK_INT(w.gone, ==, 0);
	close(fd);
	world_free(&w);
}

TEST(varlink__a_call_hears_that_its_peer_is_gone)
{
	struct world w;
	int fd;

	world_new(&w);
	fd = world_stream(&w, ROLE_OBSERVE);
	CHECK_STR(SAY(&w, fd, "{\"method\":\"org.test.Echo.Later\",\"more\":true}"), "");
	CHECK_INT(varlink_notify(w.later, NULL), ==, 0);
	close(fd);
	turns(&w);
	CHECK_INT(w.gone, ==, 1);
	CHECK(!w.later);
	CHECK_INT(varlink_server_connections(w.server), ==, 0);
	world_free(&w);
}

TEST(varlink__a_call_outlives_its_server)
{
	struct world w;
	int fd;

	world_new(&w);
	fd = world_stream(&w, ROLE_OBSERVE);
	CHECK_STR(SAY(&w, fd, "{\"method\":\"org.test.Echo.Later\"}"), "");
	varlink_call_on_gone(w.later, NULL, NULL);
	w.server = varlink_server_free(w.server);
	CHECK(!varlink_call_is_open(w.later));
	CHECK_INT(varlink_reply(w.later, cJSON_CreateObject()), ==, -ESTALE);
	CHECK_INT(varlink_peer_role(varlink_call_peer(w.later)), ==, ROLE_OBSERVE);
	close(fd);
	world_free(&w);
}

TEST(varlink__a_method_may_free_the_server)
{
	struct world w;
	int fd;

	world_new(&w);
	fd = world_stream(&w, ROLE_OBSERVE);
	CHECK(SAY(&w, fd,
	          "{\"method\":\"org.test.Echo.End\"}\0{\"method\":\"org.test.Echo.End\"}") ==
	      NULL);
	CHECK(!w.server);
	close(fd);
	world_free(&w);
}

static void on_gone_end(struct varlink_call *c, void *userdata)
{
	struct world *w = userdata;

	w->server = varlink_server_free(w->server);
	w->later = varlink_call_unref(c);
}

TEST(varlink__a_gone_callback_may_free_the_server)
{
	struct world w;
	int fd;

	world_new(&w);
	fd = world_stream(&w, ROLE_OBSERVE);
	CHECK_STR(SAY(&w, fd, "{\"method\":\"org.test.Echo.Later\"}"), "");
	varlink_call_on_gone(w.later, on_gone_end, &w);
	close(fd);
	turns(&w);
	CHECK(!w.server && !w.later);
	world_free(&w);
}

TEST(varlink__restrict_only_lowers)
{
	struct world w;
	int fd;

	world_new(&w);
	fd = world_stream(&w, ROLE_ADMIN);
	CHECK_STR(SAY(&w, fd, "{\"method\":\"org.test.Echo.Later\"}"), "");
	varlink_peer_restrict(varlink_call_peer(w.later), ROLE_OBSERVE);
	varlink_peer_restrict(varlink_call_peer(w.later), ROLE_ADMIN);
	CHECK_INT(varlink_peer_role(varlink_call_peer(w.later)), ==, ROLE_OBSERVE);
	CHECK_INT(varlink_reply(w.later, NULL), ==, 0);
	CHECK(strstr(SAY(&w, fd, "{\"method\":\"org.test.Echo.Operate\"}") + 18,
	             "PermissionDenied"));
	close(fd);
	world_free(&w);
}

TEST(varlink__huge_message_ends_the_connection)
{
	static char block[65536];
	struct world w;
	size_t sent = 0;
	int fd;

	world_new(&w);
	memset(block, 'x', sizeof(block));
	fd = world_stream(&w, ROLE_ADMIN);
	while (talk(&w, fd, block, sizeof(block)))
		sent += sizeof(block);
	CHECK_INT(sent, >=, VARLINK_MESSAGE_MAX - sizeof(block));
	CHECK_INT(sent, <=, VARLINK_MESSAGE_MAX + 4 * sizeof(block));
	close(fd);
	fd = world_stream(&w, ROLE_OBSERVE);
	for (sent = 0; talk(&w, fd, block, sizeof(block)); sent += sizeof(block))
		;
	CHECK_INT(sent, <=, VARLINK_MESSAGE_MAX_OBSERVE + 4 * sizeof(block));
	close(fd);
	world_free(&w);
}

TEST(varlink__a_peer_that_does_not_read_is_neither_served_nor_buffered_without_end)
{
	static const char call[] =
		"{\"method\":\"org.test.Echo.Big\",\"parameters\":{\"size\":200000}}";
	struct world w;
	int fd, sent = 0;

	world_new(&w);
	fd = world_stream(&w, ROLE_OBSERVE);
	while (sent < 100000 &&
	       send(fd, call, sizeof(call), MSG_NOSIGNAL) == (ssize_t) sizeof(call)) {
		sent++;
		turns(&w);
	}
	/* The socket filled up, since nothing more was read. */
	CHECK_INT(sent, <, 100000);
	CHECK_INT(varlink_server_connections(w.server), ==, 1);
	close(fd);
	turns(&w);
	CHECK_INT(varlink_server_connections(w.server), ==, 0);
	world_free(&w);
}

TEST(varlink__a_subscriber_that_does_not_read_is_cut_off)
{
	struct world w;
	int fd, n = 0;

	world_new(&w);
	fd = world_stream(&w, ROLE_OBSERVE);
	CHECK_STR(SAY(&w, fd, "{\"method\":\"org.test.Echo.Later\",\"more\":true}"), "");
	while (w.later && n < 100000) {
		cJSON *j = cJSON_CreateObject();
		char text[1000];

		memset(text, 'x', sizeof(text));
		text[sizeof(text) - 1] = 0;
		(void) json_add_string(j, "text", text);
		if (varlink_notify(w.later, j) < 0)
			CHECK(!varlink_call_is_open(w.later));
		turns(&w);
		n++;
	}
	CHECK_INT(n, <, 10000);
	CHECK_INT(w.gone, ==, 1);
	CHECK_INT(varlink_server_connections(w.server), ==, 0);
	close(fd);
	world_free(&w);
}

TEST(varlink__a_large_answer_behind_others_is_no_reason_to_cut_off)
{
	static const char calls[] =
		"{\"method\":\"org.test.Echo.Echo\",\"parameters\":{\"text\":\"1\"}}\0"
		"{\"method\":\"org.test.Echo.Big\",\"parameters\":{\"size\":2000000}}\0"
		"{\"method\":\"org.test.Echo.Count\",\"more\":true,\"parameters\":{\"n\":3000}}\0"
		"{\"method\":\"org.test.Echo.Echo\",\"parameters\":{\"text\":\"last\"}}";
	char buf[65536] = "";
	struct world w;
	size_t got = 0;
	ssize_t n;
	int fd;

	world_new(&w);
	fd = world_stream(&w, ROLE_OBSERVE);
	CHECK_INT(send(fd, calls, sizeof(calls), 0), ==, sizeof(calls));
	for (turns(&w); (n = recv(fd, buf, sizeof(buf) - 1, MSG_DONTWAIT)) > 0; turns(&w)) {
		got += (size_t) n;
		buf[n] = 0;
	}
	CHECK_INT(got, >, 2000000 + 3000 * 30);
	CHECK_INT(varlink_server_connections(w.server), ==, 1);
	CHECK_INT(w.calls, ==, 2);
	close(fd);
	world_free(&w);
}

TEST(varlink__unfinished_message_has_a_deadline)
{
	struct world w;
	usec_t begin = now(CLOCK_MONOTONIC);
	int fd, idle;

	world_new(&w);
	idle = world_stream(&w, ROLE_OBSERVE);
	fd = world_stream(&w, ROLE_OBSERVE);
	CHECK_STR(SAY(&w, idle, "{\"method\":\"org.test.Echo.Later\"}"), "");
	CHECK_STR(talk(&w, fd, "{\"method\"", 9), "");
	while (varlink_server_connections(w.server) == 2 &&
	       now(CLOCK_MONOTONIC) < begin + 15 * SECOND)
		CHECK_INT(loop_run_once(w.loop, SECOND), >=, 0);
	CHECK_INT(now(CLOCK_MONOTONIC) - begin, >=, 10 * SECOND);
	/* Who says nothing, or waits for an answer, may stay. */
	CHECK_INT(varlink_server_connections(w.server), ==, 1);
	close(fd);
	close(idle);
	world_free(&w);
}

TEST(varlink__flush_writes_or_times_out)
{
	static const char call[] =
		"{\"method\":\"org.test.Echo.Big\",\"parameters\":{\"size\":1000000}}";
	char buf[65536];
	struct world w;
	size_t got = 0;
	ssize_t n;
	int fd;

	world_new(&w);
	fd = world_stream(&w, ROLE_ADMIN);
	CHECK_INT(varlink_server_flush(w.server, 1000), ==, 0);
	CHECK_INT(send(fd, call, sizeof(call), 0), ==, sizeof(call));
	turns(&w);
	CHECK_INT(varlink_server_flush(w.server, 20000), ==, -ETIMEDOUT);
	while (got < 1000000) {
		while ((n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
			got += (size_t) n;
		(void) varlink_server_flush(w.server, 1000);
	}
	CHECK_INT(varlink_server_flush(w.server, 1000), ==, 0);
	close(fd);
	world_free(&w);
}

static char *socket_path(void)
{
	static char path[64];

	(void) snprintf(path, sizeof(path), "@sysmaster-test-varlink-%d", (int) getpid());
	return path;
}

TEST(varlink__connections_of_a_user_are_limited)
{
	enum { MANY = 4 * VARLINK_CONNECTIONS_MAX + 40 };
	struct rlimit old, more;
	int fds[MANY];
	struct world w;

	CHECK_INT(getrlimit(RLIMIT_NOFILE, &old), ==, 0);
	more = (struct rlimit){4096, old.rlim_max};
	if (setrlimit(RLIMIT_NOFILE, &more) < 0) {
		printf("SKIP: cannot raise RLIMIT_NOFILE ");
		return;
	}
	world_new(&w);
	CHECK_INT(varlink_server_listen_path(w.server, socket_path(), 0666), ==, 0);
	for (int i = 0; i < MANY; i++) {
		fds[i] = unix_connect(socket_path(), SOCK_STREAM);
		CHECK_INT(fds[i], >=, 0);
		turns(&w);
	}
	CHECK_INT(varlink_server_connections(w.server), ==,
	          geteuid() == 0 ? 4 * VARLINK_CONNECTIONS_MAX : VARLINK_CONNECTIONS_MAX);
	/* Those that are in are served. */
	CHECK_STR(SAY(&w, fds[100],
	              "{\"method\":\"org.test.Echo.Echo\",\"parameters\":{\"text\":\"hi\"}}"),
	          "{\"parameters\":{\"text\":\"hi\"}}\n");
	for (int i = 0; i < MANY; i++)
		close(fds[i]);
	turns(&w);
	CHECK_INT(varlink_server_connections(w.server), ==, 0);
	world_free(&w);
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &old), ==, 0);
}

TEST(varlink__accepting_pauses_without_fds)
{
	struct loop_statistics before, after;
	struct rlimit old, less;
	struct world w;
	int fd, spare;

	if (on_valgrind()) {
		printf("SKIP: valgrind plays the limit itself ");
		return;
	}
	world_new(&w);
	CHECK_INT(varlink_server_listen_path(w.server, socket_path(), 0666), ==, 0);
	fd = unix_connect(socket_path(), SOCK_STREAM);
	spare = dup(fd);
	CHECK_INT(getrlimit(RLIMIT_NOFILE, &old), ==, 0);
	less = old;
	less.rlim_cur = (rlim_t) spare;
	close(spare);
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &less), ==, 0);
	turns(&w);
	CHECK_INT(varlink_server_connections(w.server), ==, 0);
	loop_get_statistics(w.loop, &before);
	CHECK_INT(loop_run_once(w.loop, 100000), ==, 0);
	loop_get_statistics(w.loop, &after);
	CHECK_INT(after.turns - before.turns, <=, 2);
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &old), ==, 0);
	/* It comes back by itself. */
	for (int i = 0; i < 100 && varlink_server_connections(w.server) == 0; i++)
		(void) loop_run_once(w.loop, 100000);
	CHECK_INT(varlink_server_connections(w.server), ==, 1);
	close(fd);
	world_free(&w);
}

/* ---- client ---- */

struct answers {
	unsigned n, last;
	char error[64];
	struct varlink_client *free_me;
};

static int on_answer(struct varlink_client *c, const char *error, const cJSON *parameters,
                     bool continues, void *userdata)
{
	struct answers *a = userdata;

	(void) c;
	(void) parameters;
	a->n++;
	a->last += !continues;
	(void) snprintf(a->error, sizeof(a->error), "%s", error ?: "");
	if (a->free_me)
		a->free_me = varlink_client_free(a->free_me);
	return 0;
}

static cJSON *object(const char *key, uint64_t value)
{
	cJSON *j = cJSON_CreateObject();

	(void) json_add_u64(j, key, value);
	return j;
}

TEST(varlink_client__answers_come_in_order)
{
	struct answers a = {0};
	struct varlink_client *c;
	struct world w;

	world_new(&w);
	CHECK_INT(varlink_connect_fd(w.loop, world_stream(&w, ROLE_OBSERVE), &c), ==, 0);
	CHECK_INT(
		varlink_send(c, "org.test.Echo.Count", object("n", 3), VARLINK_MORE, on_answer, &a),
		==, 0);
	CHECK_INT(varlink_send(c, "org.test.Echo.Echo", NULL, VARLINK_ONEWAY, NULL, NULL), ==, 0);
	CHECK_INT(varlink_send(c, "org.test.Echo.Fail", NULL, 0, on_answer, &a), ==, 0);
	turns(&w);
	CHECK_INT(a.n, ==, 5);
	CHECK_INT(a.last, ==, 2);
	CHECK_STR(a.error, "org.sysmaster.Error.Failed");
	/* A lost connection is told to each that waits. */
	CHECK_INT(varlink_send(c, "org.test.Echo.Later", NULL, 0, on_answer, &a), ==, 0);
	turns(&w);
	w.server = varlink_server_free(w.server);
	turns(&w);
	CHECK_INT(a.n, ==, 6);
	CHECK_STR(a.error, "org.sysmaster.Error.Disconnected");
	CHECK_INT(varlink_send(c, "org.test.Echo.Later", NULL, 0, on_answer, &a), ==, -ENOTCONN);
	varlink_client_free(c);
	world_free(&w);
}

TEST(varlink_client__handler_may_free_the_client)
{
	struct answers a = {0};
	struct world w;

	world_new(&w);
	CHECK_INT(varlink_connect_fd(w.loop, world_stream(&w, ROLE_OBSERVE), &a.free_me), ==, 0);
	for (int i = 0; i < 3; i++)
		CHECK_INT(varlink_send(a.free_me, "org.test.Echo.Echo", NULL, 0, on_answer, &a), ==,
		          0);
	turns(&w);
	CHECK_INT(a.n, ==, 1);
	CHECK_INT(varlink_server_connections(w.server), ==, 0);
	world_free(&w);
}

struct kept {
	cJSON *parameters[3];
	unsigned n;
	bool frees; /* its client, too */
	bool differ;
};

static int on_kept(struct varlink_client *c, const char *error _unused_, const cJSON *parameters,
                   bool continues _unused_, void *userdata)
{
	struct kept *k = userdata;
	cJSON *taken = varlink_take_parameters(c);

	k->differ |= parameters && taken != parameters;
	/* It is gone from there. */
	json_free(varlink_take_parameters(c));
	k->parameters[k->n++] = taken;
	if (k->frees)
		varlink_client_free(c);
	return 0;
}

static cJSON *text_object(const char *text)
{
	cJSON *j = cJSON_CreateObject();

	(void) json_add_string(j, "text", text);
	return j;
}

TEST(varlink_client__a_callback_may_keep_the_parameters)
{
	struct kept k = {0};
	struct varlink_client *c;
	struct world w;

	world_new(&w);
	CHECK_INT(varlink_connect_fd(w.loop, world_stream(&w, ROLE_OBSERVE), &c), ==, 0);
	CHECK_INT(varlink_send(c, "org.test.Echo.Echo", text_object("seven"), 0, on_kept, &k), ==,
	          0);
	CHECK_INT(varlink_send(c, "org.test.Echo.Silent", NULL, 0, on_kept, &k), ==, 0);
	turns(&w);
	CHECK_INT(k.n, ==, 2);
	k.frees = true;
	CHECK_INT(varlink_send(c, "org.test.Echo.Echo", text_object("nine"), 0, on_kept, &k), ==,
	          0);
	turns(&w);
	CHECK_INT(k.n, ==, 3);
	CHECK_INT(k.differ, ==, false);
	CHECK_STR(json_string_or(k.parameters[0], "text", ""), "seven");
	CHECK(cJSON_IsObject(k.parameters[1]));
	CHECK_STR(json_string_or(k.parameters[2], "text", ""), "nine");
	for (unsigned i = 0; i < k.n; i++)
		json_free(k.parameters[i]);
	world_free(&w);
}

/* A server in a child process, for calls that wait. */
static pid_t serve(const char *path)
{
	int ready[2];
	pid_t pid;
	char c;

	if (pipe(ready) < 0)
		abort();
	pid = fork();
	if (pid == 0) {
		struct world w;

		world_new(&w);
		if (varlink_server_listen_path(w.server, path, 0600) < 0 ||
		    write(ready[1], "x", 1) != 1)
			_exit(1);
		alarm(50);
		_exit(loop_run(w.loop) < 0);
	}
	/* Without a writer left, a child that failed is an end and not a wait. */
	close(ready[1]);
	if (read(ready[0], &c, 1) != 1)
		abort();
	close(ready[0]);
	return pid;
}

static void stop_serving(pid_t pid)
{
	(void) kill(pid, SIGKILL);
	(void) waitpid(pid, NULL, 0);
}

TEST(varlink_client__sync_calls)
{
	struct answers a = {0};
	struct varlink_client *c;
	const char *error = "x";
	cJSON *reply = NULL;
	pid_t pid = serve(socket_path());

	CHECK_INT(varlink_connect_path(NULL, socket_path(), &c), ==, 0);
	CHECK_INT(varlink_call_sync(c, "org.test.Echo.Big", object("size", 3000000), 10 * SECOND,
	                            &error, &reply),
	          ==, 0);
	CHECK(!error);
	CHECK_INT(strlen(json_string_or(reply, "text", "")), ==, 3000000);
	reply = json_free(reply);
	CHECK_INT(varlink_call_sync(c, "org.test.Echo.Fail", NULL, 10 * SECOND, &error, &reply), ==,
	          0);
	CHECK_STR(error, "org.sysmaster.Error.Failed");
	CHECK_INT(json_u64_or(reply, "errno", 0), ==, ENOSPC);
	reply = json_free(reply);
	/* Who does not ask for the name learns of the failure all the same. */
	CHECK_INT(varlink_call_sync(c, "org.test.Echo.Fail", NULL, 10 * SECOND, NULL, NULL), ==,
	          -EREMOTEIO);
	CHECK_INT(
		varlink_send(c, "org.test.Echo.Count", object("n", 3), VARLINK_MORE, on_answer, &a),
		==, 0);
	for (unsigned i = 1; i <= 4; i++) {
		CHECK_INT(varlink_wait(c, 10 * SECOND), >=, 0);
		CHECK_INT(a.n, ==, i);
	}
	CHECK_INT(varlink_wait(c, 10000), ==, -ETIMEDOUT);
	CHECK_INT(varlink_call_sync(c, "org.test.Echo.Later", NULL, 20000, &error, &reply), ==,
	          -ETIMEDOUT);
	stop_serving(pid);
	CHECK_INT(varlink_call_sync(c, "org.test.Echo.Fail", NULL, SECOND, &error, &reply), ==,
	          -ECONNRESET);
	CHECK_INT(varlink_wait(c, SECOND), ==, -ECONNRESET);
	varlink_client_free(c);
	CHECK_INT(varlink_connect_path(NULL, socket_path(), &c), ==, -ECONNREFUSED);
}

TEST(varlink_client__late_answer_belongs_to_nobody)
{
	static const char two[] = "{\"parameters\":{\"n\":1}}\0{\"parameters\":{\"n\":2}}";
	struct varlink_client *c;
	const char *error;
	cJSON *reply;
	int pair[2];
	char buf[256];

	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
	CHECK_INT(varlink_connect_fd(NULL, pair[0], &c), ==, 0);
	CHECK_INT(varlink_call_sync(c, "a.B", NULL, 1000, &error, &reply), ==, -ETIMEDOUT);
	CHECK_INT(write(pair[1], two, sizeof(two)), ==, sizeof(two));
	CHECK_INT(varlink_call_sync(c, "a.B", NULL, SECOND, &error, &reply), ==, 0);
	CHECK_INT(json_u64_or(reply, "n", 0), ==, 2);
	json_free(reply);
	CHECK_INT(read(pair[1], buf, sizeof(buf)), >, 0);
	/* An answer to nothing. */
	CHECK_INT(write(pair[1], two, sizeof(two)), ==, sizeof(two));
	CHECK_INT(varlink_wait(c, SECOND), ==, -EPROTO);
	close(pair[1]);
	varlink_client_free(c);
}

TEST(varlink__roles_have_names)
{
	for (int r = ROLE_NONE; r <= ROLE_ADMIN; r++)
		CHECK_INT(varlink_role_from_string(varlink_role_to_string(r)), ==, r);
	CHECK_INT(varlink_role_from_string("root"), ==, -EINVAL);
}
