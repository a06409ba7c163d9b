// SPDX-License-Identifier: Apache-2.0
/*
 * http - the seam between datasources and the network. A source states what it wants (one request,
 * or a request with a retry rule) and gets status, headers and body; who carries it is not its
 * concern: source/http-curl.c at boot, recorded exchanges in tests.
 *
 * Every request has a deadline of its own and the caller's absolute one, and a cap on the body
 * (METADATA_DOCUMENT_MAX unless said otherwise) and on the headers (HTTP_HEADERS_MAX). There is no
 * proxy, no cookie, no compression, and no redirect unless asked for. Connections are kept from one
 * request to the next. Bodies and header values are never logged; URLs are, without their query.
 *
 * Nothing here decides whom to ask: a source does, and it only runs when detect/ or a pin named it.
 */
#pragma once

#include "metadata/metadata.h"

#define HTTP_HEADERS_MAX  (64U << 10)
#define HTTP_RACE_STAGGER (150 * USEC_PER_MSEC)
#define HTTP_RACE_MAX     8

struct http_header {
	const char *name, *value; /* value NULL: left out */
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
	const char *unix_socket; /* the server is there, and the URL's host is only a name */
	const char *interface;   /* packets leave by this interface alone; NULL: as routes say */
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
	/* The first of @rqs with a 2xx answer, each started @stagger after the one before or when that
	 * failed; its index. When none has: the answer or error of the highest http_rank(). NULL: one
	 * after the other. */
	int (*race)(void *userdata, const struct http_request *rqs, size_t n, usec_t stagger,
	            struct http_response *ret);
	usec_t (*now)(void *userdata);
	void (*sleep_until)(void *userdata, usec_t when);
	void *userdata;
};

/* When an answer is not final: tried again after @pause (doubled to @pause_max, a tenth of jitter),
 * or after Retry-After where that is shorter than what is left. */
struct http_retry {
	unsigned tries; /* 0: until the deadline */
	usec_t pause, pause_max;
	bool (*again)(int error, unsigned status); /* NULL: http_is_transient */
};
/* No answer, 408, 429 and 5xx. */
bool http_is_transient(int error, unsigned status);
/* Which of several failures tells most: a refusal, then a server that is busy, then any other answer,
 * then silence. */
int http_rank(int error, unsigned status);

/**
 * http_fetch - a request with retries
 * Returns 0 with a 2xx answer, -ENOENT for 404, -EACCES for 401 and 403, -EREMOTEIO for another
 * status that is final (it stands in *ret), -ETIMEDOUT when the deadline came first, or the last
 * try's error.
 */
int http_fetch(const struct http *h, const struct http_request *rq, const struct http_retry *retry,
               struct http_response *ret);
/* The first of @urls that answers 2xx; its index. Tries start HTTP_RACE_STAGGER apart when the carrier
 * can race. @rq's url is not looked at. */
int http_fetch_first(const struct http *h, const struct http_request *rq, char *const *urls,
                     const struct http_retry *retry, struct http_response *ret);

/* "http://a/b" and "c/d" joined with one slash each; parts are percent-encoded as cloud-init's
 * combine_url does. @parts ends with NULL. */
int url_combine(const char *base, const char *const *parts, char **ret);

/* ---- the carrier at boot ---- */

struct http_curl;
/* Loads libcurl: what a machine without a network source never needs. -ENOENT: it is not there. */
int http_curl_new(struct http_curl **ret);
struct http_curl *http_curl_free(struct http_curl *c);
DEFINE_CLEANUP(struct http_curl *, http_curl_free)
struct http http_of_curl(struct http_curl *c);
