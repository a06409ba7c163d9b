// SPDX-License-Identifier: Apache-2.0
/* Requests with retries, whoever carries them. */
#include "metadata/source/http.h"

#include <sys/random.h>

void http_response_done(struct http_response *r)
{
	cJSON_Delete(r->headers);
	blob_done(&r->body);
	*r = (struct http_response){0};
}

const char *http_response_header(const struct http_response *r, const char *name)
{
	return json_string_or(r->headers, name, NULL);
}

bool http_is_transient(int error, unsigned status)
{
	if (error < 0)
		return error != -EFBIG && error != -EINVAL && error != -ENOMEM && error != -EPROTO;
	return status == 408 || status == 429 || (status >= 500 && status <= 599);
}

int http_rank(int error, unsigned status)
{
	if (error < 0)
		return error == -ETIMEDOUT;
	if (status == 401 || status == 403)
		return 4;
	return http_is_transient(0, status) ? 3 : 2;
}

static int verdict(int error, unsigned status)
{
	if (error < 0)
		return error;
	if (status >= 200 && status <= 299)
		return 0;
	switch (status) {
	case 404:
		return -ENOENT;
	case 401:
	case 403:
		return -EACCES;
	default:
		return -EREMOTEIO;
	}
}

/* A tenth more or less, so that machines that were started together do not ask together. */
static usec_t with_jitter(usec_t t)
{
	uint32_t x = 0;

	if (getrandom(&x, sizeof(x), GRND_NONBLOCK) < 0)
		return t;
	return t - t / 10 + t / 5 * (x % 1000) / 1000;
}

static usec_t retry_after(const struct http_response *r)
{
	const char *text = http_response_header(r, "retry-after");
	uint32_t seconds;

	if (!text || str_to_u32(text, &seconds) < 0)
		return 0;
	return seconds * USEC_PER_SEC;
}

/* When the next try begins; 0: there is none before the deadline. */
static usec_t next_try(const struct http *h, const struct http_request *rq, usec_t pause,
                       const struct http_response *last)
{
	usec_t at = h->now(h->userdata), asked = retry_after(last);

	/* What the server asks for counts when it can still be granted. */
	if (asked && (!rq->deadline || at + asked < rq->deadline))
		return at + asked;
	at += with_jitter(pause);
	return rq->deadline && at >= rq->deadline ? 0 : at;
}

static int run(const struct http *h, const struct http_request *rqs, size_t n,
               struct http_response *ret)
{
	int r = -EINVAL;

	if (n > 1 && h->race)
		return h->race(h->userdata, rqs, n, HTTP_RACE_STAGGER, ret);
	for (size_t i = 0; i < n; i++) {
		struct http_response a = {0};
		int k = h->perform(h->userdata, &rqs[i], &a);
		bool is_good = k >= 0 && !verdict(0, a.status);

		if (i && !is_good && http_rank(k, a.status) <= http_rank(r, ret->status)) {
			http_response_done(&a);
			continue;
		}
		http_response_done(ret);
		*ret = a;
		r = k < 0 ? k : (int) i;
		if (is_good)
			return r;
	}
	return r;
}

static int fetch(const struct http *h, const struct http_request *rqs, size_t n,
                 const struct http_retry *retry, struct http_response *ret)
{
	static const struct http_retry once = {.tries = 1};
	usec_t pause, at;
	int r;

	if (!retry)
		retry = &once;
	pause = retry->pause;
	for (unsigned k = 1;; k++) {
		bool again;

		http_response_done(ret);
		if (rqs->deadline && h->now(h->userdata) >= rqs->deadline)
			return -ETIMEDOUT;
		r = run(h, rqs, n, ret);
		again = verdict(r, ret->status) < 0 &&
		        (retry->again ? retry->again : http_is_transient)(r, ret->status);
		if (!again || k == retry->tries)
			break;
		at = next_try(h, rqs, pause, ret);
		if (!at) {
			if (r >= 0)
				r = -ETIMEDOUT;
			break;
		}
		h->sleep_until(h->userdata, at);
		pause = retry->pause_max && pause * 2 > retry->pause_max ? retry->pause_max
		        : retry->pause_max                               ? pause * 2
		                                                         : pause;
	}
	if (r < 0)
		return r;
	return verdict(0, ret->status) < 0 ? verdict(0, ret->status) : r;
}

int http_fetch(const struct http *h, const struct http_request *rq, const struct http_retry *retry,
               struct http_response *ret)
{
	return fetch(h, rq, 1, retry, ret);
}

int http_fetch_first(const struct http *h, const struct http_request *rq, char *const *urls,
                     const struct http_retry *retry, struct http_response *ret)
{
	struct http_request rqs[HTTP_RACE_MAX];
	size_t n = 0;

	for (; urls[n] && n < HTTP_RACE_MAX; n++) {
		rqs[n] = *rq;
		rqs[n].url = urls[n];
	}
	return n ? fetch(h, rqs, n, retry, ret) : -EINVAL;
}
