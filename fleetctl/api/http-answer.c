// SPDX-License-Identifier: Apache-2.0
#include "api/http-room.h"

#include "base/fd.h"
#include "base/json.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* clang-format off */
static const struct { int status; const char *text; } statuses[] = {
	{ 200, "OK" }, { 201, "Created" }, { 202, "Accepted" }, { 204, "No Content" }, { 206, "Partial Content" },
	{ 303, "See Other" }, { 304, "Not Modified" },
	{ 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" }, { 404, "Not Found" },
	{ 405, "Method Not Allowed" }, { 408, "Request Timeout" }, { 409, "Conflict" }, { 410, "Gone" },
	{ 411, "Length Required" }, { 413, "Content Too Large" }, { 414, "URI Too Long" },
	{ 415, "Unsupported Media Type" }, { 416, "Range Not Satisfiable" }, { 421, "Misdirected Request" },
	{ 422, "Unprocessable Content" }, { 429, "Too Many Requests" }, { 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" }, { 503, "Service Unavailable" }, { 505, "HTTP Version Not Supported" },
	{ 507, "Insufficient Storage" },
};
/* clang-format on */

const char *http_status_text(int status)
{
	for (size_t i = 0; i < ELEMENTSOF(statuses); i++)
		if (statuses[i].status == status)
			return statuses[i].text;
	return "Unknown";
}

/* ---- reading the request ---- */
const char *http_method(const struct http_request *r)
{
	return r->connection->reader.method ? r->connection->reader.method : "";
}

const char *http_path(const struct http_request *r)
{
	return r->connection->reader.path ? r->connection->reader.path : "";
}

char *http_query(const struct http_request *r, const char *name)
{
	return http_query_get(r->connection->reader.query, name);
}

const char *http_header(const struct http_request *r, enum http_header h)
{
	return r->connection->reader.headers[h];
}

bool http_has_body(const struct http_request *r)
{
	return r->connection->reader.has_body;
}

const char *http_body(const struct http_request *r, size_t *ret_size)
{
	*ret_size = r->connection->reader.body.size;
	return *ret_size ? r->connection->reader.body.data : "";
}

const char *http_fingerprint(const struct http_request *r)
{
	return r->connection->fingerprint;
}

const char *http_peer(const struct http_request *r)
{
	return r->connection->peer;
}

void http_set_context(struct http_request *r, void *context, void (*free_fn)(void *))
{
	if (r->context_free)
		r->context_free(r->context);
	r->context = context;
	r->context_free = free_fn;
}

void *http_context(const struct http_request *r)
{
	return r->context;
}

void http_on_gone(struct http_request *r, http_gone_fn fn, void *userdata)
{
	r->gone = fn;
	r->gone_userdata = userdata;
}

void http_park(struct http_request *r)
{
	http_reader_release(&r->connection->reader);
}

/* ---- writing ---- */
void http_accept(struct http_request *r, uint64_t max, http_body_fn fn, void *userdata)
{
	struct http_connection *c = r->connection;

	if (http_reader_accept_body(&c->reader, max, fn, userdata) < 0)
		return; /* the reader knows why, and the connection answers with it */
	if (r->expect_continue) {
		strbuf_puts(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
		connection_is_ready(c);
	}
}

void http_add_header(struct http_request *r, const char *name, const char *value)
{
	if (strpbrk(value, "\r\n"))
		return; /* nobody's text may become a header of its own */
	strbuf_printf(&r->extra, "%s: %s\r\n", name, value);
}

static void put_head(struct http_request *r, int status, const char *type, const char *length)
{
	struct http_connection *c = r->connection;
	bool whole = c->reader.state == READER_DONE ||
	             (c->reader.state == READER_HEAD && !c->reader.has_body);

	/* An answer before the body was read: what follows could not be told from the next request.
	 */
	if (!whole)
		c->closing = true;
	strbuf_printf(&c->out, "HTTP/1.1 %d %s\r\n%s", status, http_status_text(status),
	              r->extra.size ? r->extra.data : "");
	if (type)
		strbuf_printf(&c->out, "Content-Type: %s\r\n", type);
	if (length)
		strbuf_printf(&c->out, "%s\r\n", length);
	strbuf_puts(&c->out, c->keep_alive && !c->closing ? "\r\n" : "Connection: close\r\n\r\n");
	strbuf_done(&r->extra);
}

static void answered(struct http_request *r)
{
	struct http_connection *c = r->connection;

	r->gone = NULL;
	r->answer = ANSWER_SENDING;
	connection_set_deadline(c, now(CLOCK_MONOTONIC) + c->server->limits.write);
	if (c->out.error)
		connection_kill(c);
	else
		connection_is_ready(c);
}

void http_respond(struct http_request *r, int status, const char *type, const void *body,
                  size_t size)
{
	char length[64];

	snprintf(length, sizeof(length), "Content-Length: %zu", size);
	put_head(r, status, type, status == 204 || status == 304 ? NULL : length);
	if (!r->head_only && size > 0)
		strbuf_add(&r->connection->out, body, size);
	answered(r);
}

void http_problem(struct http_request *r, int status, const char *code, const char *fmt, ...)
{
	auto_json cJSON *o = cJSON_CreateObject();
	auto_free char *text = NULL;
	char detail[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(detail, sizeof(detail), fmt, args);
	va_end(args);
	if (o && json_add_string(o, "type", "about:blank") >= 0 &&
	    json_add_string(o, "title", http_status_text(status)) >= 0 &&
	    json_add_u64(o, "status", (uint64_t) status) >= 0 &&
	    json_add_string(o, "code", code) >= 0 && json_add_string(o, "detail", detail) >= 0)
		text = json_print(o, false);
	http_respond(r, status, "application/problem+json", text ? text : "{}",
	             text ? strlen(text) : 2);
}

/* "bytes=A-B", "bytes=A-", "bytes=-N"; one range. 1 it applies, 0 to be ignored, -ERANGE. */
static int parse_range(const char *range, uint64_t size, uint64_t *ret_from, uint64_t *ret_end)
{
	char first[24], last[24];
	uint64_t a = 0, b = 0;
	const char *dash;

	range = str_after(range, "bytes=");
	dash = range ? strchr(range, '-') : NULL;
	if (!dash || strchr(range, ',') || (size_t) (dash - range) >= sizeof(first) ||
	    strlen(dash + 1) >= sizeof(last))
		return 0;
	memcpy(first, range, (size_t) (dash - range));
	first[dash - range] = 0;
	memcpy(last, dash + 1, strlen(dash + 1) + 1);
	if ((*first && str_to_u64(first, 10, &a) < 0) || (*last && str_to_u64(last, 10, &b) < 0) ||
	    (!*first && !*last))
		return 0;
	if (!*first) {
		a = b >= size ? 0 : size - b;
		b = size;
	} else {
		if (*last && b < a)
			return 0;
		b = !*last || b >= size ? size : b + 1;
	}
	if (a >= size || a >= b)
		return -ERANGE;
	*ret_from = a;
	*ret_end = b;
	return 1;
}

void http_respond_file(struct http_request *r, int fd, const char *type, const char *etag)
{
	struct http_connection *c = r->connection;
	const char *range = http_header(r, HEADER_RANGE),
		   *if_range = http_header(r, HEADER_IF_RANGE);
	uint64_t from = 0, end;
	char line[128];
	struct stat st;
	int partial = 0;

	if (fstat(fd, &st) < 0) {
		fd_close(fd);
		return http_problem(r, 500, "storage", "The file cannot be read");
	}
	end = (uint64_t) st.st_size;
	if (range && (!if_range || streq(if_range, etag)))
		partial = parse_range(range, end, &from, &end);
	http_add_header(r, "Accept-Ranges", "bytes");
	http_add_header(r, "ETag", etag);
	if (partial < 0) {
		snprintf(line, sizeof(line), "bytes */%" PRIu64, (uint64_t) st.st_size);
		http_add_header(r, "Content-Range", line);
		fd_close(fd);
		return http_problem(r, 416, "range", "The range lies beyond the end of the file");
	}
	if (partial > 0) {
		snprintf(line, sizeof(line), "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, from,
		         end - 1, (uint64_t) st.st_size);
		http_add_header(r, "Content-Range", line);
	}
	snprintf(line, sizeof(line), "Content-Length: %" PRIu64, end - from);
	put_head(r, partial > 0 ? 206 : 200, type, line);
	if (r->head_only) {
		fd_close(fd);
	} else {
		c->file = fd;
		c->file_at = from;
		c->file_end = end;
	}
	answered(r);
}

void http_stream_begin(struct http_request *r, const char *type)
{
	struct http_connection *c = r->connection;

	http_add_header(r, "Cache-Control", "no-store");
	put_head(r, 200, type, "Transfer-Encoding: chunked");
	r->answer = ANSWER_STREAM;
	connection_set_deadline(c, now(CLOCK_MONOTONIC) + c->server->limits.write);
	connection_is_ready(c);
}

int http_stream_send(struct http_request *r, const void *data, size_t size)
{
	struct http_connection *c = r->connection;

	if (c->dead || size == 0)
		return 0;
	if (c->out.size == 0)
		connection_set_deadline(c, now(CLOCK_MONOTONIC) + c->server->limits.write);
	strbuf_printf(&c->out, "%zx\r\n", size);
	strbuf_add(&c->out, data, size);
	strbuf_puts(&c->out, "\r\n");
	if (c->out.error || c->out.size > HTTP_STREAM_QUEUE_MAX) {
		connection_kill(c);
		return -ENOBUFS;
	}
	connection_is_ready(c);
	return 0;
}

void http_stream_end(struct http_request *r)
{
	strbuf_puts(&r->connection->out, "0\r\n\r\n");
	answered(r);
}
