// SPDX-License-Identifier: Apache-2.0
/* The HTTP client against servers that are slow, break off, or lie: deadlines and caps hold. */
#include "check.h"

#include "metadata/source/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND    USEC_PER_SEC
#define LONG_TIME (20 * SECOND) /* what only a client that lost its deadline would need */

/* ---- the server: one process a connection, behaviour by path ---- */

static struct shared {
	unsigned connections, requests, last_port;
} * shared;

static void put(int fd, const char *text)
{
	(void) !send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static void answer_ok(int fd, const char *body)
{
	auto_free char *text =
		str_printf("HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);

	put(fd, text);
}

static void drip(int fd)
{
	put(fd, "HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n");
	for (int i = 0; i < 400; i++) {
		put(fd, "x");
		usleep(50000);
	}
}

static void flood(int fd, const char *head, const char *line)
{
	put(fd, head);
	for (int i = 0; i < 20000; i++)
		if (send(fd, line, strlen(line), MSG_NOSIGNAL) < 0)
			return;
}

#define LINE "X-Filler: 0123456789012345678901234567890123456789012345678901234567890123456789\r\n"

/* False: close. */
static bool behave(int fd, const char *path)
{
	if (streq(path, "/ok"))
		return answer_ok(fd, "fine"), true;
	if (streq(path, "/hang"))
		return sleep(60), false;
	if (streq(path, "/drip"))
		return drip(fd), false;
	if (streq(path, "/drip-headers"))
		return put(fd, "HTTP/1.1 200 OK\r\n"), sleep(60), false;
	if (streq(path, "/short"))
		return put(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf"), false;
	if (streq(path, "/endless-headers"))
		return flood(fd, "HTTP/1.1 200 OK\r\n", LINE), false;
	if (streq(path, "/endless-body"))
		return flood(fd, "HTTP/1.1 200 OK\r\n\r\n", LINE), false;
	if (streq(path, "/announced"))
		return put(fd, "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"), sleep(60),
		       false;
	if (streq(path, "/not-http"))
		return put(fd, "220 mail.example ESMTP\r\n"), false;
	if (streq(path, "/busy"))
		return put(fd, "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"),
		       true;
	if (streq(path, "/elsewhere"))
		return put(fd, "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n"),
		       true;
	if (streq(path, "/denied"))
		return put(fd, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"), true;
	if (streq(path, "/nul"))
		return (void) !send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na\0b", 41, 0),
		       true;
	put(fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
	return true;
}

static void serve(int fd)
{
	char buf[8192];
	size_t n = 0;

	for (;;) {
		ssize_t k = read(fd, buf + n, sizeof(buf) - 1 - n);
		char *path, *end;

		if (k <= 0)
			return;
		n += (size_t) k;
		buf[n] = '\0';
		if (!strstr(buf, "\r\n\r\n"))
			continue;
		shared->requests++;
		path = strchr(buf, ' ') + 1;
		end = strchr(path, ' ');
		*end = '\0';
		if (!behave(fd, path))
			return;
		n = 0;
	}
}

static pid_t serve_on(int listener)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		struct sockaddr_in a = {0};
		socklen_t size = sizeof(a);
		int fd = accept(listener, (struct sockaddr *) &a, &size);

		if (fd < 0)
			_exit(0);
		shared->connections++;
		shared->last_port = ntohs(a.sin_port);
		if (!fork()) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			serve(fd);
			_exit(0);
		}
		close(fd);
	}
}

static unsigned port;
static pid_t server = -1;
static struct http_curl *curl;
static struct http http;

static void stop(void)
{
	if (server > 0)
		kill(server, SIGKILL);
	http_curl_free(curl);
}

static bool start(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof(a);
	int fd;

	if (server > 0)
		return true;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	              0);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (shared == MAP_FAILED || fd < 0 || bind(fd, (struct sockaddr *) &a, sizeof(a)) < 0 ||
	    listen(fd, 64) < 0 || getsockname(fd, (struct sockaddr *) &a, &size) < 0)
		return false;
	port = ntohs(a.sin_port);
	server = serve_on(fd);
	close(fd);
	atexit(stop);
	if (http_curl_new(&curl) < 0)
		return false;
	http = http_of_curl(curl);
	return true;
}

static int get(const char *path, usec_t timeout, struct http_response *ret)
{
	auto_free char *url = str_printf("http://127.0.0.1:%u%s", port, path);
	struct http_request rq = {.url = url, .try_timeout = timeout, .size_max = 65536};

	return http_fetch(&http, &rq, NULL, ret);
}

static int get_quickly(const char *path, usec_t *ret_took)
{
	struct http_response a = {0};
	usec_t began = now(CLOCK_BOOTTIME);
	int r = get(path, SECOND / 2, &a);

	http_response_done(&a);
	*ret_took = now(CLOCK_BOOTTIME) - began;
	return r;
}

/* ---- tests ---- */

TEST(http__keeps_its_connection)
{
	struct http_response a = {0};
	unsigned before;

	CHECK(start());
	CHECK_INT(get("/ok", 10 * SECOND, &a), ==, 0);
	CHECK_STR(a.body.data, "fine");
	before = shared->connections;
	for (int i = 0; i < 20; i++)
		CHECK_INT(get("/ok", 10 * SECOND, &a), ==, 0);
	CHECK_INT(shared->connections, ==, before);
	http_response_done(&a);
}

TEST(http__keeps_its_deadline_whatever_the_server_does)
{
	static const char *const paths[] = {"/hang", "/drip", "/drip-headers"};
	usec_t took;

	CHECK(start());
	for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
		CHECK_INT(get_quickly(paths[i], &took), ==, -ETIMEDOUT);
		CHECK_INT(took, <, LONG_TIME);
		CHECK_INT(took, >=, SECOND / 2 - SECOND / 20);
	}
}

TEST(http__takes_no_more_than_it_wants)
{
	static const char *const paths[] = {"/endless-body", "/endless-headers", "/announced"};
	struct http_response a = {0};

	CHECK(start());
	for (size_t i = 0; i < ELEMENTSOF(paths); i++)
		CHECK_INT(get(paths[i], 30 * SECOND, &a), ==, -EFBIG);
	CHECK(!a.body.data);
}

TEST(http__half_an_answer_is_none)
{
	struct http_response a = {0};

	CHECK(start());
	CHECK_INT(get("/short", 10 * SECOND, &a), ==, -ECONNRESET);
	CHECK(!a.body.data);
	CHECK_INT(get("/not-http", 10 * SECOND, &a), ==, -EPROTO);
	CHECK_INT(get("/nul", 10 * SECOND, &a), ==, 0);
	CHECK_INT(a.body.size, ==, 3);
	http_response_done(&a);
}

TEST(http__status_is_told_apart)
{
	struct http_response a = {0};

	CHECK(start());
	CHECK_INT(get("/nowhere", 10 * SECOND, &a), ==, -ENOENT);
	CHECK_INT(get("/denied", 10 * SECOND, &a), ==, -EACCES);
	CHECK_INT(get("/elsewhere", 10 * SECOND, &a), ==, -EREMOTEIO);
	CHECK_INT(a.status, ==, 302);
	CHECK_STR(http_response_header(&a, "location"), "/ok");
	http_response_done(&a);
}

TEST(http__a_header_ends_where_its_line_ends)
{
	auto_free char *url = NULL;
	struct http_header h = {"X-Token", "abc\r\nHost: other"};
	struct http_request rq = {.headers = &h, .n_headers = 1};
	struct http_response a = {0};

	CHECK(start());
	url = str_printf("http://127.0.0.1:%u/ok", port);
	rq.url = url;
	CHECK_INT(http_fetch(&http, &rq, NULL, &a), ==, -EINVAL);
}

TEST(http__only_http)
{
	struct http_request rq = {.url = "file:///etc/passwd"};
	struct http_response a = {0};

	CHECK(start());
	CHECK_INT(http_fetch(&http, &rq, NULL, &a), ==, -EPROTO);
}

TEST(http__comes_from_a_port_of_roots)
{
	auto_free char *url = NULL;
	struct http_request rq = {.local_port_max = 1024};
	struct http_response a = {0};

	CHECK(start());
	if (geteuid() != 0)
		return;
	url = str_printf("http://127.0.0.1:%u/ok", port);
	rq.url = url;
	CHECK_INT(http_fetch(&http, &rq, NULL, &a), ==, 0);
	CHECK_INT(shared->last_port, <, 1024);
	http_response_done(&a);
}

TEST(http__race_is_not_held_up_by_the_first)
{
	struct http_request rq = {.try_timeout = 30 * SECOND};
	struct http_response a = {0};
	usec_t began = now(CLOCK_BOOTTIME);
	char *urls[4] = {NULL};

	CHECK(start());
	urls[0] = str_printf("http://127.0.0.1:%u/hang", port);
	urls[1] = str_printf("http://127.0.0.1:%u/denied", port);
	urls[2] = str_printf("http://127.0.0.1:%u/ok", port);
	CHECK_INT(http_fetch_first(&http, &rq, urls, NULL, &a), ==, 2);
	CHECK_INT(now(CLOCK_BOOTTIME) - began, <, LONG_TIME);
	CHECK_STR(a.body.data, "fine");
	http_response_done(&a);
	for (int i = 0; i < 3; i++)
		free(urls[i]);
}

/* ---- retries, with a clock that does not wait ---- */

static struct {
	usec_t now;
	unsigned asked;
	struct {
		int error;
		unsigned status;
		const char *retry_after;
	} answers[4];
} play;

static int play_perform(void *userdata, const struct http_request *rq, struct http_response *ret)
{
	unsigned k = MIN(play.asked, 3U);

	(void) userdata;
	(void) rq;
	play.asked++;
	if (play.answers[k].error)
		return play.answers[k].error;
	ret->status = play.answers[k].status;
	ret->headers = cJSON_CreateObject();
	if (play.answers[k].retry_after)
		cJSON_AddStringToObject(ret->headers, "retry-after", play.answers[k].retry_after);
	return 0;
}

static usec_t play_now(void *userdata)
{
	(void) userdata;
	return play.now;
}

static void play_sleep(void *userdata, usec_t when)
{
	(void) userdata;
	play.now = when;
}

static const struct http player = {play_perform, NULL, play_now, play_sleep, NULL};

TEST(http_fetch__tries_again_until_it_works)
{
	struct http_request rq = {.url = "http://x/"};
	struct http_retry retry = {.tries = 5, .pause = SECOND};
	struct http_response a = {0};

	memset(&play, 0, sizeof(play));
	play.answers[0].error = -ECONNREFUSED;
	play.answers[1].status = 503;
	play.answers[2].status = 429;
	play.answers[3].status = 200;
	CHECK_INT(http_fetch(&player, &rq, &retry, &a), ==, 0);
	CHECK_INT(play.asked, ==, 4);
	CHECK_INT(play.now, >=, 3 * SECOND * 9 / 10);
	CHECK_INT(play.now, <=, 3 * SECOND * 11 / 10);
	http_response_done(&a);
}

TEST(http_fetch__a_final_answer_is_not_asked_for_again)
{
	struct http_request rq = {.url = "http://x/"};
	struct http_retry retry = {.tries = 5, .pause = SECOND};
	struct http_response a = {0};

	memset(&play, 0, sizeof(play));
	play.answers[0].status = 403;
	CHECK_INT(http_fetch(&player, &rq, &retry, &a), ==, -EACCES);
	CHECK_INT(play.asked, ==, 1);
	http_response_done(&a);
}

TEST(http_fetch__waits_as_long_as_the_server_asks_if_it_may)
{
	struct http_request rq = {.url = "http://x/", .deadline = 100 * SECOND};
	struct http_retry retry = {.tries = 2, .pause = SECOND};
	struct http_response a = {0};

	memset(&play, 0, sizeof(play));
	play.answers[0].status = 503;
	play.answers[0].retry_after = "30";
	play.answers[1].status = 200;
	CHECK_INT(http_fetch(&player, &rq, &retry, &a), ==, 0);
	CHECK_INT(play.now, ==, 30 * SECOND);
	http_response_done(&a);
	/* What would be past the deadline is not waited for. */
	play.asked = 0;
	play.now = 90 * SECOND;
	CHECK_INT(http_fetch(&player, &rq, &retry, &a), ==, 0);
	CHECK_INT(play.now, <, 92 * SECOND);
	http_response_done(&a);
}

TEST(http_fetch__the_deadline_ends_it)
{
	struct http_request rq = {.url = "http://x/", .deadline = 60 * SECOND};
	struct http_retry retry = {.pause = SECOND, .pause_max = 8 * SECOND};
	struct http_response a = {0};

	memset(&play, 0, sizeof(play));
	for (int i = 0; i < 4; i++)
		play.answers[i].error = -EHOSTUNREACH;
	CHECK_INT(http_fetch(&player, &rq, &retry, &a), ==, -EHOSTUNREACH);
	CHECK_INT(play.now, <, 60 * SECOND);
	CHECK_INT(play.asked, >=, 8);
	CHECK_INT(play.asked, <=, 13);
}

/* A machine without IPv6: that the other family is silent does not hide a refusal. */
TEST(http__race_tells_the_failure_that_says_most)
{
	struct http_request rq = {.try_timeout = SECOND / 2};
	struct http_response a = {0};
	char *urls[4] = {NULL};

	CHECK(start());
	urls[0] = str_printf("http://127.0.0.1:%u/denied", port);
	urls[1] = str_printf("http://127.0.0.1:%u/hang", port);
	urls[2] = str_printf("http://127.0.0.1:%u/nowhere", port);
	CHECK_INT(http_fetch_first(&http, &rq, urls, NULL, &a), ==, -EACCES);
	free(urls[0]);
	urls[0] = str_printf("http://127.0.0.1:%u/busy", port);
	CHECK_INT(http_fetch_first(&http, &rq, urls, NULL, &a), ==, -EREMOTEIO);
	CHECK_INT(a.status, ==, 503);
	http_response_done(&a);
	for (int i = 0; i < 3; i++)
		free(urls[i]);
}
