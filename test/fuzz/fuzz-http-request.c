// SPDX-License-Identifier: Apache-2.0
/* Feeds a stream of requests in pieces; the first byte says how large the pieces are. What comes
 * out must keep the promises of its header. */
#include "api/http-reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct http_reader *r)
{
	if (!r->path || r->path[0] != '/' || strlen(r->path) > HTTP_TARGET_MAX ||
	    strstr(r->path, "/../") || !r->method)
		abort();
	for (const char *c = r->path; *c; c++)
		if ((unsigned char) *c < 0x20)
			abort();
	free(http_query_get(r->query, "after"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_reader r;
	size_t piece = size > 0 ? data[0] + 1U : 1, at = 1;

	http_reader_init(&r);
	while (at < size && r.state != READER_ERROR) {
		size_t n = http_reader_feed(&r, data + at, MIN(piece, size - at));

		at += n;
		if (r.state == READER_HEAD) {
			check(&r);
			(void) http_reader_accept_body(&r, 4096, NULL, NULL);
		} else if (r.state == READER_DONE) {
			if (r.body.size > 4096)
				abort();
			if (!r.keep_alive)
				break;
			http_reader_next(&r);
		} else if (n == 0 && r.state != READER_ERROR) {
			abort(); /* it must either take something or say what it waits for */
		}
	}
	if (r.state == READER_ERROR && (r.status < 400 || !r.code || !r.detail))
		abort();
	http_reader_done(&r);
	return 0;
}
