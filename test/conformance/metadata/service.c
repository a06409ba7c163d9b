// SPDX-License-Identifier: Apache-2.0
#include "service.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <netinet/in.h>
#include <sys/wait.h>

#define CONNECTIONS_MAX 16
#define REQUEST_MAX     16384
#define LOG_MAX         (1U << 20)
#define ROUTES_MAX      512

/* What client and server share: how often each route was asked, and the log. */
struct shared {
	unsigned asked[ROUTES_MAX];
	size_t log_size;
	char log[LOG_MAX];
};

struct service {
	pid_t pid;
	const cJSON *routes;
	struct shared *shared;
	struct http_curl *curl;
	struct http carrier;
	usec_t offset; /* of the client's clock */
	unsigned tries;
};

unsigned service_tries(const struct service *s)
{
	return s->tries;
}

#define LISTENERS 3
static int listeners[LISTENERS] = {-EBADF, -EBADF, -EBADF};
static char socket_path[64];

const char *service_socket(void)
{
	return socket_path;
}

static void remove_socket(void)
{
	char *slash = strrchr(socket_path, '/');

	unlink(socket_path);
	*slash = '\0';
	rmdir(socket_path);
}

static int listen_on_socket(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(socket_path, sizeof(socket_path), "/tmp/metadata-cases.XXXXXX");
	if (fd < 0 || !mkdtemp(socket_path))
		return -errno;
	strcat(socket_path, "/sock");
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", socket_path);
	if (bind(fd, (struct sockaddr *) &a, sizeof(a)) < 0 || listen(fd, 16) < 0)
		return -errno;
	atexit(remove_socket);
	return fd;
}

static int listen_on(uint16_t port)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1, zero = 0;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero)) < 0 ||
	    bind(fd, (struct sockaddr *) &a, sizeof(a)) < 0 || listen(fd, 64) < 0) {
		close(fd);
		return -errno;
	}
	return fd;
}

int service_enter(void)
{
	static const char *const addresses[] = {
		"169.254.169.254/32", "169.254.42.42/32",   "100.100.100.200/32",
		"168.63.129.16/32",   "10.1.37.131/32",     "fd00:ec2::254/128",
		"fd00:42::42/128",    "fd00:c1::a9fe:a9fe", "fd00:a9fe:a9fe::1/128",
	};

	if (unshare(CLONE_NEWNET) < 0)
		return -errno;
	if (system("ip link set lo up") != 0)
		return -EIO;
	for (size_t i = 0; i < ELEMENTSOF(addresses); i++) {
		auto_free char *command = str_printf("ip addr add %s dev lo%s", addresses[i],
		                                     strchr(addresses[i], ':') ? " nodad" : "");

		if (!command || system(command) != 0)
			return -EIO;
	}
	listeners[0] = listen_on(80);
	listeners[1] = listen_on(8080);
	listeners[2] = listen_on_socket();
	for (size_t i = 0; i < LISTENERS; i++)
		if (listeners[i] < 0)
			return listeners[i];
	return 0;
}

/* ---- routes ---- */

/* Scopes and the name of Google's service are the client's business. */
static char *plain_url(const char *url)
{
	const char *scope = strstr(url, "%25"), *close = scope ? strchr(scope, ']') : NULL,
		   *rest = str_after(url, "http://metadata.google.internal");
	auto_free char *s = rest    ? str_printf("http://169.254.169.254%s", rest)
	                    : close ? str_printf("%.*s%s", (int) (scope - url), url, close)
	                            : strdup(url);
	const char *host = s ? strstr(s, "://") : NULL;

	/* An empty path is "/". */
	if (host && !strchr(host + 3, '/'))
		return str_printf("%s/", s);
	return s ? TAKE_PTR(s) : NULL;
}

static int route_index(const cJSON *routes, const char *method, const char *url)
{
	const cJSON *it;
	int i = 0;

	cJSON_ArrayForEach(it, routes)
	{
		auto_free char *own = plain_url(json_string_or(it, "url", ""));

		if (own && streq(own, url) && streq(json_string_or(it, "method", "GET"), method))
			return i;
		i++;
	}
	return -ENOENT;
}

static const cJSON *answer_at(const cJSON *routes, int index, unsigned asked)
{
	const cJSON *list =
		cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(routes, index), "responses");
	int n = cJSON_GetArraySize(list);

	return cJSON_GetArrayItem(list, (int) asked < n ? (int) asked : n - 1);
}

static bool is_hang(const cJSON *answer)
{
	const char *e = json_string_or(answer, "exception", "");

	return streq(e, "Timeout") || streq(e, "ConnectTimeout") || streq(e, "ReadTimeout");
}

/* ---- the server ---- */

struct connection {
	int fd;
	char buf[REQUEST_MAX];
	size_t size;
};

static void write_all(int fd, const void *data, size_t size)
{
	const char *p = data;

	while (size) {
		ssize_t n = send(fd, p, size, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		p += n;
		size -= (size_t) n;
	}
}

static void add_headers(struct strbuf *b, const cJSON *answer)
{
	const cJSON *it;

	cJSON_ArrayForEach(
		it, cJSON_GetObjectItemCaseSensitive(answer, "headers")) if (cJSON_IsString(it))
		strbuf_printf(b, "%s: %s\r\n", it->string, it->valuestring);
}

/* False: the connection is to be closed. */
static bool send_answer(int fd, const cJSON *answer, bool is_last)
{
	auto_strbuf struct strbuf b = {0};
	struct blob body = {0};
	uint64_t status = json_u64_or(answer, "status", 404);

	if (json_string_or(answer, "exception", NULL))
		return false;
	(void) case_blob(cJSON_GetObjectItemCaseSensitive(answer, "body"), &body);
	for (size_t i = 0; i < body.size; i++)
		if (body.data[i] == NUL_MARK)
			body.data[i] = '\0';
	strbuf_printf(&b, "HTTP/1.1 %u Whatever\r\n", (unsigned) status);
	if (is_last)
		strbuf_puts(&b, "Connection: close\r\n");
	add_headers(&b, answer);
	if (status != 204)
		strbuf_printf(&b, "Content-Length: %zu\r\n", body.size);
	strbuf_puts(&b, "\r\n");
	if (status != 204)
		strbuf_add(&b, body.data, body.size);
	write_all(fd, b.data, b.size);
	blob_done(&body);
	return !is_last;
}

static bool serve(struct service *s, struct connection *c, char *head)
{
	auto_free char *url = NULL, *plain = NULL;
	char *method = head, *path = strchr(head, ' '), *end, *host;
	unsigned asked;
	int index;

	if (!path)
		return false;
	*path++ = '\0';
	end = strchr(path, ' ');
	host = strcasestr(end ? end : path, "\nhost: ");
	if (!end || !host)
		return false;
	*end = '\0';
	host += strlen("\nhost: ");
	host[strcspn(host, "\r\n")] = '\0';
	url = str_printf("http://%s%s", host, path);
	plain = url ? plain_url(url) : NULL;
	if (!plain)
		return false;
	s->shared->log_size +=
		(size_t) snprintf(s->shared->log + s->shared->log_size,
	                          LOG_MAX - s->shared->log_size, "%s %s\n", method, plain);
	if (s->shared->log_size >= LOG_MAX)
		s->shared->log_size = LOG_MAX - 1;
	index = route_index(s->routes, method, plain);
	if (index < 0)
		return send_answer(c->fd, NULL, false);
	asked = s->shared->asked[index]++;
	/* curl asks again by itself when a kept connection is closed under it: what is recorded as such an
	 * end must come on a new one. */
	return send_answer(
		c->fd, answer_at(s->routes, index, asked),
		json_string_or(answer_at(s->routes, index, asked + 1), "exception", NULL) != NULL);
}

/* The size of a request that is whole in the buffer, 0: not yet. */
static size_t request_size(const struct connection *c)
{
	const char *end = memmem(c->buf, c->size, "\r\n\r\n", 4), *length;
	size_t head, body = 0;

	if (!end)
		return 0;
	head = (size_t) (end - c->buf) + 4;
	length = strcasestr(c->buf, "\ncontent-length: ");
	if (length && length < end)
		body = strtoul(length + strlen("\ncontent-length: "), NULL, 10);
	return c->size >= head + body ? head + body : 0;
}

static bool receive(struct service *s, struct connection *c)
{
	ssize_t n = read(c->fd, c->buf + c->size, sizeof(c->buf) - 1 - c->size);
	size_t whole;

	if (n <= 0)
		return false;
	c->size += (size_t) n;
	c->buf[c->size] = '\0';
	while ((whole = request_size(c))) {
		auto_free char *head = strndup(c->buf, whole);

		if (!head || !serve(s, c, head))
			return false;
		memmove(c->buf, c->buf + whole, c->size - whole + 1);
		c->size -= whole;
	}
	return c->size < sizeof(c->buf) - 1;
}

static void accept_one(struct connection *all, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	for (size_t i = 0; fd >= 0 && i < CONNECTIONS_MAX; i++)
		if (all[i].fd < 0) {
			all[i].fd = fd;
			all[i].size = 0;
			return;
		}
	if (fd >= 0)
		close(fd);
}

static __attribute__((noreturn)) void run_server(struct service *s)
{
	static struct connection all[CONNECTIONS_MAX];
	struct pollfd p[CONNECTIONS_MAX + LISTENERS];

	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		all[i].fd = -EBADF;
	for (;;) {
		for (size_t i = 0; i < CONNECTIONS_MAX; i++)
			p[i] = (struct pollfd){all[i].fd, POLLIN, 0};
		for (size_t i = 0; i < LISTENERS; i++)
			p[CONNECTIONS_MAX + i] = (struct pollfd){listeners[i], POLLIN, 0};
		if (poll(p, CONNECTIONS_MAX + LISTENERS, -1) < 0)
			_exit(1);
		for (size_t i = 0; i < CONNECTIONS_MAX; i++)
			if (p[i].revents && !receive(s, &all[i])) {
				close(all[i].fd);
				all[i].fd = -EBADF;
			}
		for (size_t i = 0; i < LISTENERS; i++)
			if (p[CONNECTIONS_MAX + i].revents)
				accept_one(all, listeners[i]);
	}
}

int service_start(const cJSON *routes, struct service **ret)
{
	auto_cleanup(service_free) struct service *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->routes = routes;
	s->pid = -1;
	if (cJSON_GetArraySize(routes) > ROUTES_MAX)
		return -E2BIG;
	s->shared = mmap(NULL, sizeof(*s->shared), PROT_READ | PROT_WRITE,
	                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s->shared == MAP_FAILED) {
		s->shared = NULL;
		return -ENOMEM;
	}
	r = http_curl_new(&s->curl);
	if (r < 0)
		return r;
	s->carrier = http_of_curl(s->curl);
	s->pid = fork();
	if (s->pid < 0)
		return -errno;
	if (!s->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run_server(s);
	}
	*ret = TAKE_PTR(s);
	return 0;
}

struct service *service_free(struct service *s)
{
	if (!s)
		return NULL;
	http_curl_free(s->curl);
	if (s->pid > 0) {
		kill(s->pid, SIGKILL);
		waitpid(s->pid, NULL, 0);
	}
	if (s->shared)
		munmap(s->shared, sizeof(*s->shared));
	free(s);
	return NULL;
}

cJSON *service_requests(const struct service *s)
{
	cJSON *j = cJSON_CreateArray();
	auto_strv char **lines = NULL;

	if (strv_split(s->shared->log, "\n", &lines) >= 0)
		STRV_FOREACH (l, lines)
			cJSON_AddItemToArray(j, cJSON_CreateString(*l));
	return j;
}

/* ---- the client ---- */

/* Will the answer be one that was recorded as a time-out? */
static bool will_hang(const struct service *s, const struct http_request *rq)
{
	auto_free char *url = plain_url(rq->url);
	int i = url ? route_index(s->routes, rq->method ? rq->method : "GET", url) : -1;

	return i >= 0 && is_hang(answer_at(s->routes, i, s->shared->asked[i]));
}

/* The carrier's clock is the real one. */
static struct http_request real_request(const struct service *s, const struct http_request *rq)
{
	struct http_request own = *rq;

	if (own.deadline)
		own.deadline -= MIN(own.deadline - 1, s->offset);
	return own;
}

static int client_perform(void *userdata, const struct http_request *rq, struct http_response *ret)
{
	struct service *s = userdata;
	struct http_request own = real_request(s, rq);
	bool hangs = will_hang(s, rq);
	int r = s->carrier.perform(s->carrier.userdata, &own, ret);

	s->tries++;
	return hangs && r < 0 ? -ETIMEDOUT : r;
}

static int client_race(void *userdata, const struct http_request *rqs, size_t n, usec_t stagger,
                       struct http_response *ret)
{
	struct service *s = userdata;
	struct http_request own[HTTP_RACE_MAX];

	for (size_t i = 0; i < n && i < HTTP_RACE_MAX; i++)
		own[i] = real_request(s, &rqs[i]);
	return s->carrier.race(s->carrier.userdata, own, n, stagger, ret);
}

static usec_t client_now(void *userdata)
{
	return now(CLOCK_BOOTTIME) + ((struct service *) userdata)->offset;
}

static void client_sleep_until(void *userdata, usec_t when)
{
	struct service *s = userdata;
	usec_t at = client_now(s);

	if (when > at)
		s->offset += when - at;
}

struct http service_client(struct service *s)
{
	return (struct http){client_perform, client_race, client_now, client_sleep_until, s};
}
