// SPDX-License-Identifier: Apache-2.0
#include "api/http-reader.h"

#include "base/path.h"

/* clang-format off */
static const char *const header_names[HEADER_MAX] = {
	[HEADER_HOST]	       = "host",
	[HEADER_ACCEPT]	       = "accept",
	[HEADER_AUTHORIZATION] = "authorization",
	[HEADER_CONTENT_TYPE]  = "content-type",
	[HEADER_RANGE]	       = "range",
	[HEADER_IF_RANGE]      = "if-range",
	[HEADER_LAST_EVENT_ID] = "last-event-id",
	[HEADER_COOKIE]	       = "cookie",
	[HEADER_EXPECT]	       = "expect",
	[HEADER_SIGNATURE]     = "x-bundle-signature",
};
/* clang-format on */

static struct http_reader *reader_of(http_parser *p)
{
	return container_of(p, struct http_reader, parser);
}

void http_reader_fail(struct http_reader *r, int status, const char *code, const char *detail)
{
	if (r->state == READER_ERROR)
		return;
	r->state = READER_ERROR;
	r->status = status;
	r->code = code;
	r->detail = detail;
}

static int fail(struct http_reader *r, int status, const char *code, const char *detail)
{
	http_reader_fail(r, status, code, detail);
	return 1;
}

static int on_message_begin(http_parser *p)
{
	reader_of(p)->state = READER_READING_HEAD;
	return 0;
}

static int on_url(http_parser *p, const char *at, size_t size)
{
	struct http_reader *r = reader_of(p);

	if (r->target.size + size > HTTP_TARGET_MAX)
		return fail(r, 414, "target-too-long", "The request target is too long");
	strbuf_add(&r->target, at, size);
	return r->target.error ? fail(r, 500, "out-of-memory", "Out of memory") : 0;
}

static enum http_header header_find(const char *name)
{
	for (int i = 0; i < HEADER_MAX; i++)
		if (!strcasecmp(header_names[i], name))
			return (enum http_header) i;
	return HEADER_INVALID;
}

/* A header is complete when the next one, or the end, begins. Those that we know may come only
 * once. */
static int header_finish(struct http_reader *r)
{
	enum http_header h;
	char *value;

	if (!r->in_value)
		return 0;
	r->in_value = false;
	h = r->field.data ? header_find(r->field.data) : HEADER_INVALID;
	strbuf_consume(&r->field, r->field.size);
	if (h == HEADER_INVALID) {
		strbuf_consume(&r->value, r->value.size);
		return 0;
	}
	if (r->headers[h])
		return fail(r, 400, "duplicate-header", "A header that may come once came twice");
	if (strbuf_take(&r->value, &value) < 0)
		return fail(r, 500, "out-of-memory", "Out of memory");
	r->headers[h] = value;
	return 0;
}

static int on_header_field(http_parser *p, const char *at, size_t size)
{
	struct http_reader *r = reader_of(p);

	if (r->state != READER_READING_HEAD)
		return 0; /* trailers of a chunked body: nobody has a use for them, and they came
		             too late to be checked */
	if (r->in_value || r->field.size == 0) {
		if (header_finish(r))
			return 1;
		if (++r->n_headers > HTTP_HEADERS_MAX)
			return fail(r, 431, "too-many-headers", "There are too many headers");
	}
	if (r->field.size + size > HTTP_VALUE_MAX)
		return fail(r, 431, "header-too-long", "A header's name is too long");
	strbuf_add(&r->field, at, size);
	return r->field.error ? fail(r, 500, "out-of-memory", "Out of memory") : 0;
}

static int on_header_value(http_parser *p, const char *at, size_t size)
{
	struct http_reader *r = reader_of(p);

	if (r->state != READER_READING_HEAD)
		return 0;
	r->in_value = true;
	if (r->value.size + size > HTTP_VALUE_MAX)
		return fail(r, 431, "header-too-long", "A header is too long");
	for (size_t i = 0; i < size; i++)
		if (((unsigned char) at[i] < 0x20 && at[i] != '\t') || at[i] == 0x7f)
			return fail(r, 400, "malformed", "A header holds a control character");
	strbuf_add(&r->value, at, size);
	return r->value.error ? fail(r, 500, "out-of-memory", "Out of memory") : 0;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int http_percent_decode(char *s)
{
	char *out = s;

	for (; *s; s++) {
		int value = (unsigned char) *s;

		if (*s == '%') {
			int high = hex(s[1]), low = high >= 0 ? hex(s[2]) : -1;

			if (low < 0)
				return -EBADMSG;
			value = high << 4 | low;
			s += 2;
		}
		if (value < 0x20 || value == 0x7f)
			return -EBADMSG;
		*out++ = (char) value;
	}
	*out = 0;
	return 0;
}

char *http_query_get(const char *query, const char *name)
{
	size_t n = strlen(name);

	while (query && *query) {
		size_t size = strcspn(query, "&");

		if (size > n && !strncmp(query, name, n) && query[n] == '=') {
			char *value = strndup(query + n + 1, size - n - 1);

			if (value && http_percent_decode(value) < 0) {
				free(value);
				return NULL;
			}
			return value;
		}
		query += size;
		query += *query == '&';
	}
	return NULL;
}

static int split_target(struct http_reader *r)
{
	auto_free char *target = NULL;
	char *question;

	if (strbuf_take(&r->target, &target) < 0)
		return fail(r, 500, "out-of-memory", "Out of memory");
	if (target[0] != '/' || strchr(target, '#'))
		return fail(r, 400, "malformed", "The request target must be a path");
	question = strchr(target, '?');
	if (question) {
		*question = 0;
		r->query = strdup(question + 1);
		if (!r->query)
			return fail(r, 500, "out-of-memory", "Out of memory");
	}
	if (http_percent_decode(target) < 0 || !utf8_is_valid(target, strlen(target)) ||
	    (!streq(target, "/") && !path_is_normalized(target)))
		return fail(r, 400, "malformed", "The path is not a plain path");
	r->path = TAKE_PTR(target);
	return 0;
}

static int on_headers_complete(http_parser *p)
{
	struct http_reader *r = reader_of(p);
	bool chunked = p->flags & F_CHUNKED;

	if (header_finish(r))
		return -1;
	if (p->http_major != 1 || p->http_minor > 1)
		return fail(r, 505, "version", "Only HTTP/1.0 and HTTP/1.1 are spoken here"), -1;
	if (p->http_minor == 1 && !r->headers[HEADER_HOST])
		return fail(r, 400, "no-host", "The Host header is missing"), -1;
	if (p->method == HTTP_CONNECT)
		return fail(r, 405, "method-not-allowed", "This is not a proxy"), -1;
	if (p->upgrade)
		return fail(r, 400, "no-upgrade", "Protocol upgrades are not offered"), -1;
	if (split_target(r))
		return -1;
	r->method = http_method_str((enum http_method) p->method);
	r->keep_alive = http_should_keep_alive(p);
	r->content_length = chunked                      ? UINT64_MAX
	                    : p->flags & F_CONTENTLENGTH ? p->content_length
	                                                 : 0;
	r->has_body = r->content_length > 0;
	r->state = READER_HEAD;
	http_parser_pause(p, 1);
	return 0;
}

static int on_body(http_parser *p, const char *at, size_t size)
{
	struct http_reader *r = reader_of(p);

	r->body_size += size;
	if (r->body_size > r->body_max)
		return fail(r, 413, "body-too-large", "The body is too large");
	if (r->body_fn)
		return r->body_fn(at, size, r->userdata) < 0
		               ? fail(r, 500, "storage", "The body could not be stored")
		               : 0;
	strbuf_add(&r->body, at, size);
	return r->body.error ? fail(r, 500, "out-of-memory", "Out of memory") : 0;
}

static int on_message_complete(http_parser *p)
{
	struct http_reader *r = reader_of(p);

	r->state = READER_DONE;
	http_parser_pause(p, 1);
	return 0;
}

static const http_parser_settings settings = {
	.on_message_begin = on_message_begin,
	.on_url = on_url,
	.on_header_field = on_header_field,
	.on_header_value = on_header_value,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

void http_reader_init(struct http_reader *r)
{
	*r = (struct http_reader){};
	http_parser_init(&r->parser, HTTP_REQUEST);
	http_parser_set_max_header_size(HTTP_HEAD_MAX);
}

void http_reader_release(struct http_reader *r)
{
	free(r->path);
	free(r->query);
	r->path = r->query = NULL;
	for (size_t i = 0; i < HEADER_MAX; i++) {
		free(r->headers[i]);
		r->headers[i] = NULL;
	}
	strbuf_done(&r->body);
	strbuf_done(&r->target);
	strbuf_done(&r->field);
	strbuf_done(&r->value);
}

void http_reader_done(struct http_reader *r)
{
	http_reader_release(r);
}

void http_reader_next(struct http_reader *r)
{
	http_reader_release(r);
	r->state = READER_START;
	r->status = 0;
	r->code = r->detail = r->method = NULL;
	r->has_body = r->in_value = false;
	r->n_headers = 0;
	r->head_size = 0;
	r->content_length = r->body_size = r->body_max = 0;
	r->body_fn = NULL;
	r->userdata = NULL;
	http_parser_pause(&r->parser, 0);
}

int http_reader_accept_body(struct http_reader *r, uint64_t max, http_body_fn fn, void *userdata)
{
	if (r->state != READER_HEAD)
		return -EINVAL;
	if (r->content_length != UINT64_MAX && r->content_length > max) {
		http_reader_fail(r, 413, "body-too-large", "The body is too large");
		return -E2BIG;
	}
	r->body_max = max;
	r->body_fn = fn;
	r->userdata = userdata;
	r->state = READER_BODY;
	http_parser_pause(&r->parser, 0);
	return 0;
}

static void parser_failed(struct http_reader *r)
{
	enum http_errno e = HTTP_PARSER_ERRNO(&r->parser);

	if (e == HPE_HEADER_OVERFLOW)
		http_reader_fail(r, 431, "head-too-large", "The request's head is too large");
	else
		http_reader_fail(r, 400, "malformed", http_errno_description(e));
}

size_t http_reader_feed(struct http_reader *r, const void *data, size_t size)
{
	size_t n;

	if (r->state == READER_HEAD || r->state == READER_DONE || r->state == READER_ERROR ||
	    size == 0)
		return 0;
	if (r->state < READER_HEAD && r->head_size + size > HTTP_HEAD_MAX) {
		size = HTTP_HEAD_MAX - r->head_size;
		if (size == 0) {
			http_reader_fail(r, 431, "head-too-large",
			                 "The request's head is too large");
			return 0;
		}
	}
	n = http_parser_execute(&r->parser, &settings, data, size);
	if (r->state < READER_HEAD)
		r->head_size += n;
	if (HTTP_PARSER_ERRNO(&r->parser) == HPE_PAUSED &&
	    (r->state == READER_HEAD || r->state == READER_DONE))
		return n;
	if (HTTP_PARSER_ERRNO(&r->parser) != HPE_OK || r->parser.upgrade)
		parser_failed(r);
	return n;
}
