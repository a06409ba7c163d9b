// SPDX-License-Identifier: Apache-2.0
/* The server over socket pairs, without TLS: order, limits, deadlines, who is told what. */
#include "check.h"

#include "api/http.h"
#include "base/fd.h"

#include <sys/socket.h>

struct world {
	struct loop *l;
	struct http_server *s;
	struct http_request *kept;
	unsigned n_requests, n_gone;
	int client;
};

static void on_head(struct http_request *r, void *userdata)
{
	(void) userdata;
	if (streq(http_path(r), "/no"))
		return http_problem(r, 403, "forbidden", "No");
	http_accept(r, 1000, NULL, NULL);
}

static void on_gone(struct http_request *r, void *userdata)
{
	struct world *w = userdata;

	if (w->kept == r)
		w->kept = NULL;
	w->n_gone++;
}

static void on_request(struct http_request *r, void *userdata)
{
	struct world *w = userdata;
	const char *body;
	size_t size;

	w->n_requests++;
	if (streq(http_path(r), "/keep")) {
		w->kept = r;
		http_on_gone(r, on_gone, w);
		return http_park(r);
	}
	if (streq(http_path(r), "/stream")) {
		w->kept = r;
		http_on_gone(r, on_gone, w);
		return http_stream_begin(r, "text/plain");
	}
	if (streq(http_path(r), "/file"))
		return http_respond_file(r, memfd_new_data("f", "0123456789", 10), "text/plain",
		                         "\"e\"");
	body = http_body(r, &size);
	http_respond(r, 200, "text/plain", body, size);
}

static void connect_client(struct world *w)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0 ||
	    http_server_add(w->s, fds[0]) < 0)
		abort();
	w->client = fds[1];
	fd_set_nonblock(w->client, true);
}

static void begin(struct world *w, const struct http_limits *limits)
{
	*w = (struct world){};
	if (loop_new(&w->l) < 0 ||
	    http_server_new(w->l, NULL, limits ? limits : &http_limits_default, on_head, on_request,
	                    w, &w->s) < 0)
		abort();
	connect_client(w);
}

static void end(struct world *w)
{
	fd_close(w->client);
	http_server_free(w->s);
	loop_free(w->l);
}

static void run(struct world *w, usec_t for_usec)
{
	usec_t until = now(CLOCK_MONOTONIC) + for_usec;

	while (loop_run_once(w->l, 2 * USEC_PER_MSEC) > 0 || now(CLOCK_MONOTONIC) < until)
		;
}

static void say(struct world *w, const char *text)
{
	if (send(w->client, text, strlen(text), MSG_NOSIGNAL) != (ssize_t) strlen(text))
		abort();
	run(w, 5 * USEC_PER_MSEC);
}

/* What has come so far; "\n[closed]" behind it when the connection has ended. */
static const char *hear(struct world *w)
{
	static char buf[65536];
	size_t n = 0;
	ssize_t k;

	while ((k = recv(w->client, buf + n, sizeof(buf) - n - 16, 0)) > 0)
		n += (size_t) k;
	buf[n] = 0;
	if (k == 0)
		strcat(buf, "\n[closed]");
	return buf;
}

#define HEARS(w, text)                                                                             \
	do {                                                                                       \
		const char *heard = hear(w);                                                       \
		if (!strstr(heard, text))                                                          \
			printf("\n      heard \"%s\"", heard);                                     \
		CHECK(strstr(heard, text));                                                        \
	} while (0)

TEST(http_server__answers_and_keeps_the_connection)
{
	struct world w;

	begin(&w, NULL);
	say(&w, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi");
	HEARS(&w, "200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi");
	say(&w, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
	HEARS(&w, "200 OK");
	CHECK_INT(w.n_requests, ==, 2);
	say(&w, "GET /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	HEARS(&w, "[closed]");
	end(&w);
}

TEST(http_server__answers_pipelined_requests_in_order)
{
	const char *heard, *first, *second;
	struct world w;

	begin(&w, NULL);
	say(&w, "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\noneGET /no "
	        "HTTP/1.1\r\nHost: h\r\n\r\n"
	        "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\ntwo");
	heard = hear(&w);
	first = strstr(heard, "one");
	second = strstr(heard, "two");
	CHECK(first && second && first < second);
	CHECK(strstr(first, "403 Forbidden") && strstr(first, "403 Forbidden") < second);
	end(&w);
}

/* A refusal before the body: one answer, then the end, and the body is not taken for a request. */
TEST(http_server__refuses_before_the_body)
{
	struct world w;

	begin(&w, NULL);
	say(&w, "POST /no HTTP/1.1\r\nHost: h\r\nContent-Length: 30\r\n\r\nGET /echo "
	        "HTTP/1.1\r\nHost: h\r\n\r\n");
	HEARS(&w, "403 Forbidden");
	CHECK_INT(w.n_requests, ==, 0);
	run(&w, 10 * USEC_PER_MSEC);
	HEARS(&w, "[closed]");
	end(&w);
}

TEST(http_server__one_answer_to_garbage)
{
	struct http_statistics st;
	struct world w;

	begin(&w, NULL);
	say(&w, "NONSENSE\r\n\r\n");
	HEARS(&w, "400 Bad Request");
	http_server_statistics(w.s, &st);
	CHECK_INT(st.malformed, ==, 1);
	CHECK_INT(w.n_requests, ==, 0);
	end(&w);
}

TEST(http_server__body_limit)
{
	struct world w;

	begin(&w, NULL);
	say(&w, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n");
	HEARS(&w, "413 Content Too Large");
	end(&w);
}

TEST(http_server__expect_continue)
{
	struct world w;

	begin(&w, NULL);
	say(&w,
	    "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
	HEARS(&w, "100 Continue");
	say(&w, "hi");
	HEARS(&w, "200 OK");
	end(&w);
}

TEST(http_server__a_kept_request_is_answered_later)
{
	struct world w;

	begin(&w, NULL);
	say(&w, "GET /keep HTTP/1.1\r\nHost: h\r\n\r\nGET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
	CHECK(w.kept);
	CHECK_STR(hear(&w), "");
	http_respond(w.kept, 204, NULL, NULL, 0);
	run(&w, 5 * USEC_PER_MSEC);
	HEARS(&w, "204 No Content");
	CHECK_INT(w.n_requests, ==, 2);
	CHECK_INT(w.n_gone, ==, 0);
	end(&w);
}

TEST(http_server__who_keeps_a_request_hears_of_its_end)
{
	struct http_statistics st;
	struct world w;

	begin(&w, NULL);
	say(&w, "GET /keep HTTP/1.1\r\nHost: h\r\n\r\n");
	CHECK(w.kept);
	w.client = fd_close(w.client);
	run(&w, 10 * USEC_PER_MSEC);
	CHECK_INT(w.n_gone, ==, 1);
	CHECK(!w.kept);
	http_server_statistics(w.s, &st);
	CHECK_INT(st.connections, ==, 0);
	end(&w);
}

TEST(http_server__streams_until_the_peer_is_too_slow)
{
	static char block[32768];
	struct world w;
	int r = 0;

	memset(block, 'x', sizeof(block));
	begin(&w, NULL);
	say(&w, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
	CHECK(w.kept);
	CHECK_INT(http_stream_send(w.kept, "hello", 5), ==, 0);
	run(&w, 5 * USEC_PER_MSEC);
	HEARS(&w, "5\r\nhello\r\n");
	for (unsigned i = 0; i < 200 && r >= 0 && w.kept; i++) {
		r = http_stream_send(w.kept, block, sizeof(block));
		run(&w, 0);
	}
	CHECK_INT(r, ==, -ENOBUFS);
	CHECK_INT(w.n_gone, ==, 1);
	end(&w);
}

TEST(http_server__gives_ranges)
{
	static const struct {
		const char *header, *answer;
	} cases[] = {
		{"", "200 OK"},
		{"Range: bytes=2-4\r\n", "bytes 2-4/10"},
		{"Range: bytes=7-\r\n", "\r\n\r\n789"},
		{"Range: bytes=-3\r\n", "\r\n\r\n789"},
		{"Range: bytes=5-100\r\n", "\r\n\r\n56789"},
		{"Range: bytes=10-\r\n", "416 Range Not Satisfiable"},
		{"Range: bytes=4-2\r\n", "200 OK"},
		{"Range: bytes=0-1,4-5\r\n", "200 OK"},
		{"Range: bytes=2-4\r\nIf-Range: \"e\"\r\n", "206 Partial Content"},
		{"Range: bytes=2-4\r\nIf-Range: \"other\"\r\n", "200 OK"},
	};

	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		struct world w;
		char request[256];

		begin(&w, NULL);
		snprintf(request, sizeof(request), "GET /file HTTP/1.1\r\nHost: h\r\n%s\r\n",
		         cases[i].header);
		say(&w, request);
		HEARS(&w, cases[i].answer);
		end(&w);
	}
}

TEST(http_server__slow_heads_and_bodies_end)
{
	struct http_limits limits = http_limits_default;
	struct world w;

	limits.head = limits.body = limits.idle = 50 * USEC_PER_MSEC;
	begin(&w, &limits);
	say(&w, "GET /echo HTTP/1.1\r\nHo");
	run(&w, 300 * USEC_PER_MSEC);
	HEARS(&w, "408 Request Timeout");
	fd_close(w.client);
	connect_client(&w);
	say(&w, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab");
	run(&w, 300 * USEC_PER_MSEC);
	HEARS(&w, "408 Request Timeout");
	fd_close(w.client);
	connect_client(&w);
	run(&w, 300 * USEC_PER_MSEC);
	CHECK_STR(hear(&w), "\n[closed]");
	end(&w);
}

TEST(http_server__a_half_closed_peer_gets_its_answer)
{
	struct world w;

	begin(&w, NULL);
	if (send(w.client, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", 31, 0) != 31 ||
	    shutdown(w.client, SHUT_WR) < 0)
		abort();
	run(&w, 10 * USEC_PER_MSEC);
	HEARS(&w, "200 OK");
	end(&w);
}

TEST(http_server__no_header_from_foreign_text)
{
	struct world w;

	begin(&w, NULL);
	say(&w, "GET /keep HTTP/1.1\r\nHost: h\r\n\r\n");
	http_add_header(w.kept, "X-A", "b\r\nX-Evil: c");
	http_respond(w.kept, 200, "text/plain", "", 0);
	run(&w, 5 * USEC_PER_MSEC);
	CHECK(!strstr(hear(&w), "X-Evil"));
	end(&w);
}
