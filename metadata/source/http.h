// SPDX-License-Identifier: Apache-2.0
/*
 * http - the seam between datasources and the network. A source states what it wants (one request,
 * or a request with a retry rule) and gets status, headers and body; who carries it is not its
 * concern: source/http-curl.c at boot, recorded exchanges in tests.
 *
 * Every request has a deadline of its own and the caller's absolute one, and a cap on the body
 * (METADATA_DOCUMENT_MAX unless said otherwise). There is no proxy, no cookie, and no redirect
 * unless asked for. Bodies and header values are never logged; URLs are, without their query.
 */
#pragma once

#include "metadata/metadata.h"

struct http_header {
	const char *name, *value;
};

struct http_request {
	const char *method; /* NULL: GET */
	const char *url;    /* http://[fe80::a9fe:a9fe%25eth0]/... carries the scope */
	const struct http_header *headers;
	size_t n_headers;
	const char *body; /* NULL: none */
	size_t body_size;
	size_t size_max;         /* 0: METADATA_DOCUMENT_MAX; -EFBIG beyond */
	usec_t try_timeout;      /* 0: 10 s */
	usec_t deadline;         /* BOOTTIME, absolute; 0: none but the try's */
	unsigned redirects_max;  /* 0: a redirect is an answer like any other */
	unsigned local_port_max; /* not 0: the connection comes from a port below this (Scaleway) */
};

struct http_response {
	unsigned status;
	cJSON *headers; /* object, names in lower case; may be NULL */
	struct blob body;
};
void http_response_done(struct http_response *r);
const char *http_response_header(const struct http_response *r, const char *name);

/* perform: 0 with any status, or -ETIMEDOUT, -ECONNREFUSED, -ENETUNREACH, -EFBIG, -EPROTO, ...
 * now, sleep_until: BOOTTIME; a test's clock need not move. */
struct http {
	int (*perform)(void *userdata, const struct http_request *rq, struct http_response *ret);
	usec_t (*now)(void *userdata);
	void (*sleep_until)(void *userdata, usec_t when);
	void *userdata;
};

/* When an answer is not final: tried again after @pause (doubled to @pause_max, a tenth of jitter),
 * or after Retry-After where that is shorter than what is left. */
struct http_retry {
	unsigned tries; /* 0: until the deadline */
	usec_t pause, pause_max;
	bool (*again)(int error, unsigned status); /* NULL: no answer, 408, 429 and 5xx */
};

/**
 * http_fetch - a request with retries
 * Returns 0 with a 2xx answer, -ENOENT for 404, -EACCES for 401 and 403, -EREMOTEIO for another
 * status that is final (it stands in *ret), -ETIMEDOUT when the deadline came first, or the last
 * try's error.
 */
int http_fetch(const struct http *h, const struct http_request *rq, const struct http_retry *retry,
               struct http_response *ret);
/* The first of @urls that answers 2xx; its index. Tries start 150 ms apart when the carrier can race. */
int http_fetch_first(const struct http *h, const struct http_request *rq, char *const *urls,
                     const struct http_retry *retry, struct http_response *ret);

/* "http://a/b" and "c/d" joined with one slash each; parts are percent-encoded as cloud-init's
 * combine_url does. @parts ends with NULL. */
int url_combine(const char *base, const char *const *parts, char **ret);
