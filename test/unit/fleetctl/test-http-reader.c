// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include "api/http-reader.h"

/* Feeds all of it in pieces, accepting bodies up to @body_max; the reader is left at the end of the
 * first request or at its error. */
static void run(struct http_reader *r, const char *text, size_t size, size_t piece,
                uint64_t body_max)
{
	size_t at = 0;

	http_reader_init(r);
	while (at < size && r->state != READER_ERROR && r->state != READER_DONE) {
		at += http_reader_feed(r, text + at, MIN(piece, size - at));
		if (r->state == READER_HEAD)
			(void) http_reader_accept_body(r, body_max, NULL, NULL);
	}
}

#define RUN(r, text) run(&(r), text, strlen(text), 1000, 100)

TEST(http_reader__reads_a_request_in_any_pieces)
{
	static const char text[] = "POST /v1/a%20b/c?x=1&y=%41 HTTP/1.1\r\nHost: "
				   "h\r\nAuthorization: Bearer t\r\nContent-Length: 5\r\n\r\nhello";

	for (size_t piece = 1; piece <= sizeof(text); piece++) {
		auto_free char *y = NULL, *z = NULL;
		struct http_reader r;

		run(&r, text, strlen(text), piece, 100);
		CHECK_INT(r.state, ==, READER_DONE);
		CHECK_STR(r.method, "POST");
		CHECK_STR(r.path, "/v1/a b/c");
		y = http_query_get(r.query, "y");
		CHECK_STR(y, "A");
		z = http_query_get(r.query, "z");
		CHECK(!z);
		CHECK_STR(r.headers[HEADER_AUTHORIZATION], "Bearer t");
		CHECK_STR(r.body.data, "hello");
		CHECK(r.keep_alive);
		http_reader_done(&r);
	}
}

TEST(http_reader__goes_on_with_the_next_request)
{
	static const char text[] =
		"GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n";
	struct http_reader r;
	size_t at = 0;

	http_reader_init(&r);
	at += http_reader_feed(&r, text, strlen(text));
	CHECK_INT(r.state, ==, READER_HEAD);
	CHECK_INT(http_reader_accept_body(&r, 0, NULL, NULL), ==, 0);
	at += http_reader_feed(&r, text + at, strlen(text) - at);
	CHECK_INT(r.state, ==, READER_DONE);
	http_reader_next(&r);
	at += http_reader_feed(&r, text + at, strlen(text) - at);
	CHECK_INT(r.state, ==, READER_HEAD);
	CHECK_STR(r.path, "/b");
	http_reader_done(&r);
}

TEST(http_reader__refuses)
{
	static const struct {
		const char *text;
		int status;
	} cases[] = {
		{"GARBAGE\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\n\r\n", 400},
		{"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505},
		{"GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400},
		{"CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", 405},
		{"GET /a/../b HTTP/1.1\r\nHost: h\r\n\r\n", 400},
		{"GET /a/%2e%2e/b HTTP/1.1\r\nHost: h\r\n\r\n", 400},
		{"GET //a HTTP/1.1\r\nHost: h\r\n\r\n", 400},
		{"GET /%00 HTTP/1.1\r\nHost: h\r\n\r\n", 400},
		{"GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n", 400},
		{"GET /%ff HTTP/1.1\r\nHost: h\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 101\r\n\r\n", 413},
		{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
	         400},
		{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: "
	         "chunked\r\n\r\n",
	         400},
		{"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
		{"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n"
	         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	         "aaaaaaaaaaaaaaaaaaaaaaaaaaa",
	         413},
	};

	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		struct http_reader r;

		RUN(r, cases[i].text);
		if (r.state != READER_ERROR || r.status != cases[i].status)
			printf("\n      case %zu: %s", i, r.detail ? r.detail : "taken");
		CHECK_INT(r.state, ==, READER_ERROR);
		CHECK_INT(r.status, ==, cases[i].status);
		CHECK(r.code && r.detail);
		http_reader_done(&r);
	}
}

TEST(http_reader__keeps_its_limits)
{
	struct strbuf b = {};
	struct http_reader r;

	strbuf_puts(&b, "GET /");
	for (int i = 0; i < HTTP_TARGET_MAX; i++)
		strbuf_puts(&b, "a");
	strbuf_puts(&b, " HTTP/1.1\r\nHost: h\r\n\r\n");
	RUN(r, b.data);
	CHECK_INT(r.status, ==, 414);
	http_reader_done(&r);
	strbuf_consume(&b, b.size);
	strbuf_puts(&b, "GET / HTTP/1.1\r\nHost: h\r\n");
	for (int i = 0; i <= HTTP_HEADERS_MAX; i++)
		strbuf_printf(&b, "X-%d: y\r\n", i);
	RUN(r, b.data);
	CHECK_INT(r.status, ==, 431);
	http_reader_done(&r);
	strbuf_consume(&b, b.size);
	strbuf_puts(&b, "GET / HTTP/1.1\r\nHost: h\r\nX: ");
	for (int i = 0; i < 2 * (int) HTTP_HEAD_MAX; i++)
		strbuf_puts(&b, "a");
	RUN(r, b.data);
	CHECK_INT(r.status, ==, 431);
	http_reader_done(&r);
	strbuf_done(&b);
}

/* What comes behind the body cannot pretend to have stood in the head. */
TEST(http_reader__ignores_trailers)
{
	struct http_reader r;

	RUN(r, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
	       "chunked\r\n\r\n3\r\nabc\r\n0\r\nAuthorization: Bearer t\r\n\r\n");
	CHECK_INT(r.state, ==, READER_DONE);
	CHECK_STR(r.body.data, "abc");
	CHECK(!r.headers[HEADER_AUTHORIZATION]);
	http_reader_done(&r);
}
