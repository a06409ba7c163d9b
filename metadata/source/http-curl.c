// SPDX-License-Identifier: Apache-2.0
/*
 * The carrier of requests at boot: libcurl's multi interface, one handle for all requests, so that
 * connections are kept. It is loaded when the first network source is asked: it brings thirty
 * libraries, which a machine with a local seed never maps.
 */
#include "metadata/source/http.h"

#include <ctype.h>
#define CURL_DISABLE_TYPECHECK /* its macros stand in the way of our pointers */
#include <curl/curl.h>
#include <dlfcn.h>
#include <sys/random.h>
#include <time.h>

#define LIBRARY             "libcurl.so.4"
#define TRY_TIMEOUT_DEFAULT (10 * USEC_PER_SEC)
#define POLL_MSEC           1000
#define CONNECTIONS_MAX     8L
#define PORT_MIN            600 /* where programs that ask for a privileged port begin to look */

#define SYMBOLS(X)                                                                                 \
	X(curl_easy_cleanup)                                                                       \
	X(curl_easy_getinfo)                                                                       \
	X(curl_easy_init)                                                                          \
	X(curl_easy_setopt)                                                                        \
	X(curl_global_init)                                                                        \
	X(curl_multi_add_handle)                                                                   \
	X(curl_multi_cleanup)                                                                      \
	X(curl_multi_info_read)                                                                    \
	X(curl_multi_init)                                                                         \
	X(curl_multi_perform)                                                                      \
	X(curl_multi_poll)                                                                         \
	X(curl_multi_remove_handle)                                                                \
	X(curl_multi_setopt)                                                                       \
	X(curl_slist_append)                                                                       \
	X(curl_slist_free_all)

static struct {
	void *library;
#define X(name) typeof(name) *name;
	SYMBOLS(X)
#undef X
} lib;

struct http_curl {
	CURLM *multi;
};

struct transfer {
	CURL *easy;
	struct curl_slist *headers;
	struct strbuf body;
	cJSON *answer_headers;
	size_t headers_size;
	bool is_too_big, is_started, is_done;
	CURLcode code;
};

static int load(void)
{
	static const struct {
		const char *name;
		size_t offset;
	} symbols[] = {
#define X(name) {#name, offsetof(typeof(lib), name)},
		SYMBOLS(X)
#undef X
	};

	if (lib.library)
		return 0;
	lib.library = dlopen(LIBRARY, RTLD_NOW | RTLD_NODELETE);
	if (!lib.library)
		return -ENOENT;
	for (size_t i = 0; i < ELEMENTSOF(symbols); i++) {
		void *p = dlsym(lib.library, symbols[i].name);

		if (!p) {
			lib.library = NULL;
			return -ENOENT;
		}
		memcpy((char *) &lib + symbols[i].offset, &p, sizeof(p));
	}
	return lib.curl_global_init(CURL_GLOBAL_DEFAULT) ? -EIO : 0;
}

int http_curl_new(struct http_curl **ret)
{
	auto_cleanup(http_curl_free) struct http_curl *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	r = load();
	if (r < 0)
		return r;
	c->multi = lib.curl_multi_init();
	if (!c->multi)
		return -ENOMEM;
	lib.curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_MAX);
	*ret = TAKE_PTR(c);
	return 0;
}

struct http_curl *http_curl_free(struct http_curl *c)
{
	if (c && c->multi)
		lib.curl_multi_cleanup(c->multi);
	free(c);
	return NULL;
}

/* ---- what comes in ---- */

static size_t on_body(char *data, size_t one, size_t n, void *userdata)
{
	struct transfer *t = userdata;

	(void) one;
	strbuf_add(&t->body, data, n);
	t->is_too_big |= t->body.error < 0;
	return t->body.error < 0 ? 0 : n;
}

static void keep_header(struct transfer *t, const char *data, size_t n)
{
	auto_free char *line = strndup(data, n);
	char *colon = line ? strchr(line, ':') : NULL;

	if (!colon)
		return;
	*colon = '\0';
	for (char *p = line; *p; p++)
		*p = (char) tolower((unsigned char) *p);
	cJSON_DeleteItemFromObjectCaseSensitive(t->answer_headers, line);
	json_add_string(t->answer_headers, line, str_strip(colon + 1));
}

static size_t on_header(char *data, size_t one, size_t n, void *userdata)
{
	struct transfer *t = userdata;

	(void) one;
	t->headers_size += n;
	if (t->headers_size > HTTP_HEADERS_MAX) {
		t->is_too_big = true;
		return 0;
	}
	keep_header(t, data, n);
	return n;
}

/* ---- one transfer ---- */

static void transfer_done(struct http_curl *c, struct transfer *t)
{
	if (t->easy && t->is_started)
		lib.curl_multi_remove_handle(c->multi, t->easy);
	if (t->easy)
		lib.curl_easy_cleanup(t->easy);
	lib.curl_slist_free_all(t->headers);
	strbuf_done(&t->body);
	cJSON_Delete(t->answer_headers);
	*t = (struct transfer){0};
}

static int add_header(struct transfer *t, const char *name, const char *value)
{
	auto_free char *line =
		*value ? str_printf("%s: %s", name, value)
		       : str_printf("%s;", name); /* curl's way to send an empty one */
	struct curl_slist *more;

	if (!line)
		return -ENOMEM;
	/* A value from outside (a token) must not end the line. */
	if (strpbrk(line, "\r\n"))
		return -EINVAL;
	more = lib.curl_slist_append(t->headers, line);
	if (!more)
		return -ENOMEM;
	t->headers = more;
	return 0;
}

static int set_headers(struct transfer *t, const struct http_request *rq)
{
	int r = add_header(t, "User-Agent", "sysmaster-metadata");

	for (size_t i = 0; i < rq->n_headers && r >= 0; i++)
		if (rq->headers[i].value)
			r = add_header(t, rq->headers[i].name, rq->headers[i].value);
	if (r < 0)
		return r;
	lib.curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
	return 0;
}

static void set_method(struct transfer *t, const struct http_request *rq)
{
	if (rq->body || streq_ptr(rq->method, "PUT") || streq_ptr(rq->method, "POST")) {
		lib.curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE, (long) rq->body_size);
		lib.curl_easy_setopt(t->easy, CURLOPT_COPYPOSTFIELDS, rq->body ? rq->body : "");
	}
	if (rq->method)
		lib.curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, rq->method);
}

/* Any free port below the limit: the first is drawn, so that two tries do not meet on one. */
static void set_local_port(struct transfer *t, unsigned max)
{
	long low = max > PORT_MIN ? PORT_MIN : 1, span = (long) max - low;
	uint16_t x = 0;

	if (span < 1)
		return;
	(void) !getrandom(&x, sizeof(x), GRND_NONBLOCK);
	lib.curl_easy_setopt(t->easy, CURLOPT_LOCALPORT, low + x % span);
	lib.curl_easy_setopt(t->easy, CURLOPT_LOCALPORTRANGE, span - x % span);
}

static void set_place(struct transfer *t, const struct http_request *rq)
{
	lib.curl_easy_setopt(t->easy, CURLOPT_URL, rq->url);
	lib.curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	lib.curl_easy_setopt(t->easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	lib.curl_easy_setopt(t->easy, CURLOPT_PROXY, "");
	lib.curl_easy_setopt(t->easy, CURLOPT_NOPROXY, "*");
	lib.curl_easy_setopt(t->easy, CURLOPT_FOLLOWLOCATION, rq->redirects_max ? 1L : 0L);
	lib.curl_easy_setopt(t->easy, CURLOPT_MAXREDIRS, (long) rq->redirects_max);
	if (rq->local_port_max)
		set_local_port(t, rq->local_port_max);
	if (rq->unix_socket)
		lib.curl_easy_setopt(t->easy, CURLOPT_UNIX_SOCKET_PATH, rq->unix_socket);
	if (rq->interface) {
		auto_free char *name = str_printf("if!%s", rq->interface);

		if (name)
			lib.curl_easy_setopt(t->easy, CURLOPT_INTERFACE, name);
	}
}

static long timeout_msec(const struct http_request *rq)
{
	usec_t t = rq->try_timeout ? rq->try_timeout : TRY_TIMEOUT_DEFAULT;

	if (rq->deadline) {
		usec_t at = now(CLOCK_BOOTTIME), left = rq->deadline > at ? rq->deadline - at : 0;

		t = MIN(t, left);
	}
	return (long) MAX(t / USEC_PER_MSEC, (usec_t) 1); /* 0 would mean none */
}

static int transfer_start(struct http_curl *c, struct transfer *t, const struct http_request *rq)
{
	size_t max = rq->size_max ? rq->size_max : METADATA_DOCUMENT_MAX;
	int r;

	t->easy = lib.curl_easy_init();
	t->answer_headers = cJSON_CreateObject();
	if (!t->easy || !t->answer_headers)
		return -ENOMEM;
	t->body.max = max;
	set_place(t, rq);
	set_method(t, rq);
	r = set_headers(t, rq);
	if (r < 0)
		return r;
	lib.curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
	lib.curl_easy_setopt(t->easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
	lib.curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, timeout_msec(rq));
	lib.curl_easy_setopt(t->easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t) max);
	lib.curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body);
	lib.curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
	lib.curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header);
	lib.curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
	lib.curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
	if (lib.curl_multi_add_handle(c->multi, t->easy))
		return -ENOMEM;
	t->is_started = true;
	return 0;
}

static int error_of(struct transfer *t)
{
	long os = 0;

	if (t->is_too_big)
		return -EFBIG;
	switch (t->code) {
	case CURLE_OK:
		return 0;
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_COULDNT_RESOLVE_HOST:
		return -EHOSTUNREACH;
	case CURLE_COULDNT_CONNECT:
	case CURLE_INTERFACE_FAILED:
		lib.curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &os);
		return os > 0 ? -(int) os : -ECONNREFUSED;
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
		return -ECONNRESET;
	case CURLE_FILESIZE_EXCEEDED:
		return -EFBIG;
	case CURLE_URL_MALFORMAT:
		return -EINVAL;
	case CURLE_OUT_OF_MEMORY:
		return -ENOMEM;
	default:
		return -EPROTO;
	}
}

static int transfer_result(struct transfer *t, struct http_response *ret)
{
	size_t size = t->body.size;
	long status = 0;
	char *text;
	int r = error_of(t);

	if (r < 0)
		return r;
	strbuf_puts(&t->body, "");
	r = strbuf_take(&t->body, &text);
	if (r < 0)
		return r;
	lib.curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	http_response_done(ret);
	ret->status = (unsigned) status;
	ret->headers = TAKE_PTR(t->answer_headers);
	ret->body = (struct blob){text, size};
	return 0;
}

/* ---- several at once ---- */

static struct transfer *next_finished(struct http_curl *c)
{
	char *p = NULL;
	CURLMsg *m;
	int left;

	while ((m = lib.curl_multi_info_read(c->multi, &left))) {
		struct transfer *t;

		if (m->msg != CURLMSG_DONE)
			continue;
		lib.curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &p);
		t = (struct transfer *) (void *) p;
		t->code = m->data.result;
		t->is_done = true;
		return t;
	}
	return NULL;
}

/* Of one that is done: 100 for a 2xx answer, else how much its failure tells. */
static int rank_of(struct transfer *t)
{
	int error = error_of(t);
	long status = 0;

	if (error >= 0)
		lib.curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	return status >= 200 && status <= 299 ? 100 : http_rank(error, (unsigned) status);
}

static int run_all(struct http_curl *c, struct transfer *t, const struct http_request *rqs,
                   size_t n, usec_t stagger, struct http_response *ret)
{
	size_t started = 0, done = 0, best = 0;
	int rank = -1;
	usec_t next = 0;

	while (done < n) {
		struct transfer *f;
		usec_t at = now(CLOCK_BOOTTIME);
		int running, wait = POLL_MSEC;

		if (started < n && (at >= next || done == started)) {
			int r = transfer_start(c, &t[started], &rqs[started]);

			if (r < 0)
				return r;
			started++;
			next = at + stagger;
		}
		if (lib.curl_multi_perform(c->multi, &running))
			return -EIO;
		while ((f = next_finished(c))) {
			int own = rank_of(f);

			done++;
			if (own > rank) {
				rank = own;
				best = (size_t) (f - t);
			}
			if (own == 100)
				done = n;
		}
		if (done == started)
			continue; /* the next one starts at once, or all have failed */
		if (started < n)
			wait = (int) MIN((usec_t) POLL_MSEC,
			                 (next > at ? next - at : 0) / 1000 + 1);
		if (done < n)
			lib.curl_multi_poll(c->multi, NULL, 0, wait, NULL);
	}
	{
		int r = transfer_result(&t[best], ret);

		return r < 0 ? r : (int) best;
	}
}

static int curl_race(void *userdata, const struct http_request *rqs, size_t n, usec_t stagger,
                     struct http_response *ret)
{
	struct transfer t[HTTP_RACE_MAX] = {0};
	int r = n <= HTTP_RACE_MAX ? run_all(userdata, t, rqs, n, stagger, ret) : -EINVAL;

	for (size_t i = 0; i < ELEMENTSOF(t); i++)
		transfer_done(userdata, &t[i]);
	return r;
}

static int curl_perform(void *userdata, const struct http_request *rq, struct http_response *ret)
{
	return curl_race(userdata, rq, 1, 0, ret);
}

static usec_t curl_now(void *userdata)
{
	(void) userdata;
	return now(CLOCK_BOOTTIME);
}

static void curl_sleep_until(void *userdata, usec_t when)
{
	struct timespec ts = {(time_t) (when / USEC_PER_SEC),
	                      (long) (when % USEC_PER_SEC) * NSEC_PER_USEC};

	(void) userdata;
	while (clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

struct http http_of_curl(struct http_curl *c)
{
	return (struct http){curl_perform, curl_race, curl_now, curl_sleep_until, c};
}
