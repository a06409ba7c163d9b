// SPDX-License-Identifier: Apache-2.0
/*
 * http-reader.h - bytes to one HTTP/1.1 request, with limits. Pure: no socket, no clock. The grammar is libhttp-parser's;
 * what is kept, how much of it, and what is refused beyond the grammar is decided here.
 *
 *	http_reader_feed() until state is READER_HEAD: method, path, query and headers are there. The caller routes the
 *	request, says with http_reader_accept_body() how large a body may be and where it goes, and feeds on until
 *	READER_DONE. After the answer http_reader_next() makes room for the next request of the connection. READER_ERROR is
 *	final: answer status, then close.
 */
#pragma once

#include "base/macro.h"
#include "base/str.h"

#include <http_parser.h>

#define HTTP_HEAD_MAX    (16U << 10) /* request line and headers together */
#define HTTP_TARGET_MAX  2048
#define HTTP_HEADERS_MAX 64
#define HTTP_VALUE_MAX   8192

enum http_header {
	HEADER_HOST,
	HEADER_ACCEPT,
	HEADER_AUTHORIZATION,
	HEADER_CONTENT_TYPE,
	HEADER_RANGE,
	HEADER_IF_RANGE,
	HEADER_LAST_EVENT_ID,
	HEADER_COOKIE,
	HEADER_EXPECT,
	HEADER_SIGNATURE, /* X-Bundle-Signature: base64 of the .minisig file */
	HEADER_MAX,
	HEADER_INVALID = -1
};

enum http_reader_state {
	READER_START,
	READER_READING_HEAD,
	READER_HEAD,
	READER_BODY,
	READER_DONE,
	READER_ERROR
};

/* Negative refuses the rest: the reader fails with status 500, or as the function set it by
 * http_reader_fail(). */
typedef int (*http_body_fn)(const void *data, size_t size, void *userdata);

struct http_reader {
	enum http_reader_state state;
	int status;         /* READER_ERROR: to answer with */
	const char *code;   /* READER_ERROR: stable code */
	const char *detail; /* READER_ERROR: a sentence */

	const char *method; /* static text */
	char *path;  /* percent-decoded, begins with a slash, no "." or ".." component, no control
	                characters */
	char *query; /* as sent, without the question mark; may be NULL */
	char *headers[HEADER_MAX];
	bool has_body, keep_alive;
	uint64_t content_length; /* UINT64_MAX: chunked, not known */
	struct strbuf body;      /* when no http_body_fn was given */
	uint64_t body_size;

	/* private */
	http_parser parser;
	struct strbuf target, field, value;
	bool in_value;
	unsigned n_headers;
	size_t head_size;
	uint64_t body_max;
	http_body_fn body_fn;
	void *userdata;
};

void http_reader_init(struct http_reader *r);
void http_reader_done(struct http_reader *r);
/* Bytes taken in; fewer than @size when the state asks the caller for something. */
size_t http_reader_feed(struct http_reader *r, const void *data, size_t size);
/* In state READER_HEAD. 0, or -E2BIG when the announced length is too large (the reader is in
 * READER_ERROR then). */
int http_reader_accept_body(struct http_reader *r, uint64_t max, http_body_fn fn, void *userdata);
void http_reader_fail(struct http_reader *r, int status, const char *code, const char *detail);
void http_reader_next(struct http_reader *r);
/* Frees what belongs to the request but not the parser's place: for a request that waits for its
 * answer. */
void http_reader_release(struct http_reader *r);

/* Value of a query parameter, decoded; NULL if absent, malformed or too long. Free it. */
char *http_query_get(const char *query, const char *name);
/* Decodes %XX in place; -EBADMSG for bad escapes, NUL and control characters. */
int http_percent_decode(char *s);
