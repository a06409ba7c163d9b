// SPDX-License-Identifier: Apache-2.0
/* libcurl's multi interface on the event loop. A transfer that is done is told from the loop, never
 * from inside libcurl. */
#include "fleet/agent.h"

#include "base/log.h"

#include <openssl/rand.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_S 15L
#define LEAST_RATE                                                                                 \
	64L /* bytes a second, over the next: a transfer without an end is watched for progress */
#define LEAST_RATE_TIME 60L

struct transfer {
	struct agent *agent;
	CURL *easy;
	struct curl_slist *headers;
	struct strbuf answer;
	char error[CURL_ERROR_SIZE];
	int (*write)(const void *data, size_t size, long status, void *userdata);
	transfer_fn fn;
	void *userdata;
};

usec_t random_up_to(usec_t max)
{
	uint64_t n = 0;

	if (RAND_bytes((unsigned char *) &n, sizeof(n)) != 1)
		n = now(CLOCK_MONOTONIC) * 2654435761U;
	return max ? n % max : 0;
}

usec_t backoff(unsigned n_failures)
{
	usec_t pause = n_failures < 16 ? BACKOFF_FIRST << n_failures : BACKOFF_CAP;

	pause = MIN(pause, (usec_t) BACKOFF_CAP);
	return pause / 2 + random_up_to(pause / 2);
}

static void check_finished(struct agent *a)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(a->multi, &left))) {
		struct transfer *t = NULL;
		CURLcode code;
		long status = 0;

		if (m->msg != CURLMSG_DONE)
			continue;
		code = m->data.result;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
		curl_easy_getinfo(m->easy_handle, CURLINFO_RESPONSE_CODE, &status);
		curl_multi_remove_handle(a->multi, m->easy_handle);
		if (code != CURLE_OK)
			t->fn(t,
			      code == CURLE_PEER_FAILED_VERIFICATION ? -EKEYREJECTED : -ECONNRESET,
			      0, *t->error ? t->error : curl_easy_strerror(code), 0, t->userdata);
		else
			t->fn(t, 0, status, t->answer.size ? t->answer.data : "", t->answer.size,
			      t->userdata);
		transfer_cancel(t);
	}
}

static int on_curl_io(struct source *s, int fd, uint32_t revents, void *userdata)
{
	struct agent *a = userdata;
	int action = (revents & EPOLLIN ? CURL_CSELECT_IN : 0) |
	             (revents & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
	             (revents & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
	int running;

	(void) s;
	curl_multi_socket_action(a->multi, fd, action, &running);
	(void) source_set_state(a->curl_defer, SOURCE_ONESHOT);
	return 0;
}

static int on_curl_timer(struct source *s, usec_t deadline, void *userdata)
{
	struct agent *a = userdata;
	int running;

	(void) s;
	(void) deadline;
	curl_multi_socket_action(a->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	(void) source_set_state(a->curl_defer, SOURCE_ONESHOT);
	return 0;
}

static int on_curl_defer(struct source *s, void *userdata)
{
	(void) s;
	check_finished(userdata);
	return 0;
}

static int curl_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket_data)
{
	struct agent *a = userdata;
	struct source *s = socket_data;
	uint32_t events =
		(what & CURL_POLL_IN ? EPOLLIN : 0U) | (what & CURL_POLL_OUT ? EPOLLOUT : 0U);

	(void) easy;
	if (what == CURL_POLL_REMOVE) {
		source_free(s);
		curl_multi_assign(a->multi, fd, NULL);
		return 0;
	}
	if (s)
		return source_set_events(s, events) < 0 ? -1 : 0;
	if (loop_add_io(a->loop, fd, events, "curl", on_curl_io, a, &s) < 0)
		return -1;
	curl_multi_assign(a->multi, fd, s);
	return 0;
}

static int curl_timer(CURLM *multi, long timeout_ms, void *userdata)
{
	struct agent *a = userdata;

	(void) multi;
	(void) source_set_time(a->curl_timer,
	                       timeout_ms < 0 ? USEC_INFINITY
	                                      : now(CLOCK_MONOTONIC) +
	                                                (usec_t) timeout_ms * USEC_PER_MSEC);
	return 0;
}

int transfers_init(struct agent *a)
{
	int r;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return -ENOMEM;
	a->multi = curl_multi_init();
	a->share = curl_share_init();
	if (!a->multi || !a->share)
		return -ENOMEM;
	curl_share_setopt(a->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
	curl_multi_setopt(a->multi, CURLMOPT_SOCKETFUNCTION, curl_socket);
	curl_multi_setopt(a->multi, CURLMOPT_SOCKETDATA, a);
	curl_multi_setopt(a->multi, CURLMOPT_TIMERFUNCTION, curl_timer);
	curl_multi_setopt(a->multi, CURLMOPT_TIMERDATA, a);
	curl_multi_setopt(a->multi, CURLMOPT_MAXCONNECTS, 2L); /* one that waits, one that talks */
	r = loop_add_time(a->loop, CLOCK_MONOTONIC, USEC_INFINITY, USEC_PER_MSEC, "curl-timer",
	                  on_curl_timer, a, &a->curl_timer);
	if (r >= 0)
		r = loop_add_defer(a->loop, "curl-done", on_curl_defer, a, &a->curl_defer);
	return r;
}

void transfers_done(struct agent *a)
{
	if (a->multi)
		curl_multi_cleanup(a->multi);
	if (a->share)
		curl_share_cleanup(a->share);
	source_free(a->curl_timer);
	source_free(a->curl_defer);
	a->multi = NULL;
	a->share = NULL;
	curl_global_cleanup();
}

static size_t on_data(char *data, size_t size, size_t n, void *userdata)
{
	struct transfer *t = userdata;
	long status = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (t->write && status >= 200 && status < 300)
		return t->write(data, size * n, status, t->userdata) < 0 ? 0 : size * n;
	strbuf_add(&t->answer, data, size * n);
	return t->answer.error ? 0 : size * n;
}

static int add_header(struct transfer *t, const char *text)
{
	struct curl_slist *more = text ? curl_slist_append(t->headers, text) : NULL;

	if (!more)
		return -ENOMEM;
	t->headers = more;
	return 0;
}

static int set_identity(struct transfer *t, const struct transfer_request *q)
{
	const struct config *c = &t->agent->config;
	auto_free char *certificate = identity_path(t->agent, "cert.pem"),
		       *key = identity_path(t->agent, "key.pem");
	auto_free char *ca = identity_path(t->agent, "ca.pem");

	if (!certificate || !key || !ca)
		return -ENOMEM;
	/* The configured authority may be in a place that is gone after the first boot; ours is a
	 * copy of it. */
	if (curl_easy_setopt(t->easy, CURLOPT_CAINFO, access(c->ca, R_OK) == 0 ? c->ca : ca) !=
	    CURLE_OK)
		return -ENOMEM;
	curl_easy_setopt(t->easy, CURLOPT_CAPATH, NULL);
	if (!q->anonymous && (curl_easy_setopt(t->easy, CURLOPT_SSLCERT, certificate) != CURLE_OK ||
	                      curl_easy_setopt(t->easy, CURLOPT_SSLKEY, key) != CURLE_OK))
		return -ENOMEM;
	if (c->via && streq(c->via, "channel") &&
	    curl_easy_setopt(t->easy, CURLOPT_UNIX_SOCKET_PATH, c->channel) != CURLE_OK)
		return -ENOMEM;
	return 0;
}

static int set_request(struct transfer *t, const struct transfer_request *q)
{
	auto_free char *url = str_printf("%s%s", t->agent->config.controller, q->path),
		       *range = NULL, *if_range = NULL;
	int r = 0;

	if (!url || curl_easy_setopt(t->easy, CURLOPT_URL, url) != CURLE_OK ||
	    curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, q->method) != CURLE_OK)
		return -ENOMEM;
	if (q->body) {
		r = add_header(t, "Content-Type: application/json");
		if (curl_easy_setopt(t->easy, CURLOPT_COPYPOSTFIELDS, q->body) != CURLE_OK)
			r = -ENOMEM;
	}
	if (q->range_from > 0) {
		range = str_printf("%llu-", (unsigned long long) q->range_from);
		if (!range || curl_easy_setopt(t->easy, CURLOPT_RANGE, range) != CURLE_OK)
			return -ENOMEM;
		if_range = str_printf("If-Range: %s", q->if_range);
		if (r >= 0 && q->if_range)
			r = add_header(t, if_range);
	}
	if (r >= 0)
		r = add_header(t, "Expect:");
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
	if (q->timeout_s > 0) {
		curl_easy_setopt(t->easy, CURLOPT_TIMEOUT, (long) q->timeout_s);
	} else {
		curl_easy_setopt(t->easy, CURLOPT_LOW_SPEED_LIMIT, LEAST_RATE);
		curl_easy_setopt(t->easy, CURLOPT_LOW_SPEED_TIME, LEAST_RATE_TIME);
	}
	return r;
}

static void set_manners(struct transfer *t)
{
	curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
	curl_easy_setopt(t->easy, CURLOPT_SHARE, t->agent->share);
	curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->error);
	curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(t->easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
	curl_easy_setopt(t->easy, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(t->easy, CURLOPT_PROXY, "");
	curl_easy_setopt(t->easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(t->easy, CURLOPT_BUFFERSIZE, 16384L);
}

int transfer_start(struct agent *a, const struct transfer_request *q, transfer_fn fn,
                   void *userdata, struct transfer **ret)
{
	struct transfer *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	*t = (struct transfer){.agent = a,
	                       .answer = {.max = ANSWER_MAX},
	                       .write = q->write,
	                       .fn = fn,
	                       .userdata = userdata};
	t->easy = curl_easy_init();
	r = t->easy ? set_identity(t, q) : -ENOMEM;
	if (r >= 0)
		r = set_request(t, q);
	if (r >= 0)
		set_manners(t);
	if (r >= 0 && curl_multi_add_handle(a->multi, t->easy) != CURLM_OK)
		r = -ENOMEM;
	if (r < 0) {
		transfer_cancel(t);
		return r;
	}
	*ret = t;
	return 0;
}

struct transfer *transfer_cancel(struct transfer *t)
{
	if (!t)
		return NULL;
	if (t->easy) {
		curl_multi_remove_handle(t->agent->multi, t->easy);
		curl_easy_cleanup(t->easy);
	}
	curl_slist_free_all(t->headers);
	strbuf_done(&t->answer);
	free(t);
	return NULL;
}

const char *transfer_header(struct transfer *t, const char *name)
{
	struct curl_header *h;

	return curl_easy_header(t->easy, name, 0, CURLH_HEADER, -1, &h) == CURLHE_OK ? h->value
	                                                                             : "";
}
