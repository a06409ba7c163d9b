// SPDX-License-Identifier: Apache-2.0
/*
 * gap-probe KIND [SOCKET] -- COMMAND... - for how long does a manager not answer while COMMAND replaces it?
 *
 * Pings over one connection as fast as it is answered, and connects again at once when the connection is lost. The gap is the
 * longest time between two answers, from half a second before COMMAND is started until two seconds after it has ended. The
 * same is done to both kinds: a request that the manager's own process answers from its event loop without looking at units.
 *	sysmaster	org.varlink.service.GetInfo on /run/sysmaster/control
 *	systemd		org.freedesktop.DBus.Peer.Ping on /run/systemd/private
 * COMMAND "@core DIRECTORY" and "@init PATH" are the calls org.sysmaster.Reexec.Core and .Init.
 *
 * Prints "gap_usec N", "pings N", "median_usec N" (of one ping) and "status N" (COMMAND's exit status).
 */
#include "../../vm/util.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#define BEFORE_USEC 500000
#define AFTER_USEC  2000000
#define SAMPLES_MAX 1000000
#define ANSWER_MSEC 20000
#define LIMIT_USEC  60000000

static int64_t now_usec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static int connect_to(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(a.sun_path))
		return -1;
	strcpy(a.sun_path, path);
	if (connect(fd, (struct sockaddr *) &a, sizeof(a)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool send_all(int fd, const void *data, size_t size)
{
	return send(fd, data, size, MSG_NOSIGNAL) == (ssize_t) size;
}

/* Exactly @size bytes, or false when the peer is gone or silent for too long. */
static bool receive(int fd, void *to, size_t size)
{
	char *p = to;

	while (size > 0) {
		struct pollfd f = {.fd = fd, .events = POLLIN};
		ssize_t n;

		if (poll(&f, 1, ANSWER_MSEC) <= 0)
			return false;
		n = read(fd, p, size);
		if (n <= 0)
			return false;
		p += n;
		size -= (size_t) n;
	}
	return true;
}

/* ---- varlink ---- */

static bool varlink_call(int fd, const char *request)
{
	char c;

	if (!send_all(fd, request, strlen(request) + 1))
		return false;
	do
		if (!receive(fd, &c, 1))
			return false;
	while (c);
	return true;
}

static bool sysmaster_open(int fd)
{
	(void) fd;
	return true;
}

/* In large pieces: a byte a read would measure us. */
static bool sysmaster_ping(int fd)
{
	static const char request[] = "{\"method\":\"org.varlink.service.GetInfo\"}";
	char buffer[4096];

	if (!send_all(fd, request, sizeof(request)))
		return false;
	for (;;) {
		struct pollfd f = {.fd = fd, .events = POLLIN};
		ssize_t n;

		if (poll(&f, 1, ANSWER_MSEC) <= 0)
			return false;
		n = read(fd, buffer, sizeof(buffer));
		if (n <= 0)
			return false;
		if (!buffer[n - 1])
			return true;
	}
}

/* ---- D-Bus, between two peers (no bus): https://dbus.freedesktop.org/doc/dbus-specification.html ---- */

/* BEGIN goes with the rest: a first message that is read together with it would wait there for the next one. */
static bool systemd_open(int fd)
{
	static const char auth[] = "\0AUTH EXTERNAL 30\r\nBEGIN\r\n";
	char c;

	if (!send_all(fd, auth, sizeof(auth) - 1))
		return false;
	do
		if (!receive(fd, &c, 1))
			return false;
	while (c != '\n');
	return true;
}

static size_t add_field(unsigned char *m, size_t at, unsigned char code, char type,
                        const char *value)
{
	uint32_t n = (uint32_t) strlen(value);

	at = (at + 7) & ~(size_t) 7;
	m[at++] = code;
	m[at++] = 1;
	m[at++] = (unsigned char) type;
	m[at++] = 0;
	memcpy(m + at, &n, sizeof(n));
	memcpy(m + at + sizeof(n), value, n + 1);
	return at + sizeof(n) + n + 1;
}

static bool systemd_ping(int fd)
{
	static uint32_t serial;
	unsigned char m[256] = {'l', 1, 0, 1}, head[16], rest[4096];
	size_t end = add_field(m, 16, 1, 'o', "/org/freedesktop/systemd1");
	uint32_t n, body;

	end = add_field(m, end, 2, 's', "org.freedesktop.DBus.Peer");
	end = add_field(m, end, 3, 's', "Ping");
	n = (uint32_t) end - 16;
	memcpy(m + 12, &n, sizeof(n));
	serial++;
	memcpy(m + 8, &serial, sizeof(serial));
	end = (end + 7) & ~(size_t) 7;
	if (!send_all(fd, m, end))
		return false;
	/* Signals may come first. */
	do {
		if (!receive(fd, head, sizeof(head)))
			return false;
		memcpy(&body, head + 4, sizeof(body));
		memcpy(&n, head + 12, sizeof(n));
		n = ((n + 7) & ~7U) + body;
		if (n > sizeof(rest) || !receive(fd, rest, n))
			return false;
	} while (head[1] != 2 && head[1] != 3);
	return head[1] == 2;
}

/* ---- measuring ---- */

static const struct kind {
	const char *name, *socket;
	bool (*open)(int fd);
	bool (*ping)(int fd);
} kinds[] = {
	{"sysmaster", "/run/sysmaster/control", sysmaster_open, sysmaster_ping},
	{"systemd", "/run/systemd/private", systemd_open, systemd_ping},
};

static pid_t run(char **argv, const char *path)
{
	pid_t pid = fork();
	char request[512];
	int fd;

	if (pid != 0)
		return pid;
	if (argv[0][0] == '@' && argv[1]) {
		bool core = !strcmp(argv[0], "@core");

		snprintf(request, sizeof(request),
		         "{\"method\":\"org.sysmaster.Reexec.%s\",\"parameters\":{\"%s\":\"%s\"}}",
		         core ? "Core" : "Init", core ? "directory" : "path", argv[1]);
		fd = connect_to(path);
		_exit(fd >= 0 && varlink_call(fd, request) ? 0 : 1);
	}
	execvp(argv[0], argv);
	_exit(127);
}

static int compare(const void *a, const void *b)
{
	return (*(const int32_t *) a > *(const int32_t *) b) -
	       (*(const int32_t *) a < *(const int32_t *) b);
}

int main(int argc, char **argv)
{
	static int32_t samples[SAMPLES_MAX];
	const struct kind *k = NULL;
	const char *path;
	int64_t start = now_usec(), last = 0, gap = 0, end = start + LIMIT_USEC;
	size_t n = 0;
	pid_t pid = 0;
	int fd = -1, status = -1, i = 2;

	for (size_t j = 0; argc > 1 && j < sizeof(kinds) / sizeof(kinds[0]); j++)
		if (!strcmp(kinds[j].name, argv[1]))
			k = &kinds[j];
	path = k ? k->socket : "";
	if (k && argc > 2 && strcmp(argv[2], "--") != 0)
		path = argv[i++];
	if (!k || i + 1 >= argc || strcmp(argv[i], "--") != 0) {
		fprintf(stderr, "usage: gap-probe sysmaster|systemd [SOCKET] -- COMMAND...\n");
		return 2;
	}
	while (now_usec() < end && n < SAMPLES_MAX) {
		int64_t begin = now_usec();

		if (!pid && begin - start > BEFORE_USEC && last)
			pid = run(argv + i + 1, path);
		if (pid > 0 && status < 0 && waitpid(pid, &status, WNOHANG) == pid)
			end = begin + AFTER_USEC;
		if (fd < 0) {
			fd = connect_to(path);
			if (fd >= 0 && !k->open(fd)) {
				close(fd);
				fd = -1;
			}
			if (fd < 0)
				continue;
		}
		if (!k->ping(fd)) {
			close(fd);
			fd = -1;
			continue;
		}
		if (last && now_usec() - last > gap)
			gap = now_usec() - last;
		last = now_usec();
		samples[n++] = (int32_t) (last - begin);
	}
	qsort(samples, n, sizeof(samples[0]), compare);
	printf("gap_usec %lld\npings %zu\nmedian_usec %d\nstatus %d\n", (long long) gap, n,
	       n ? samples[n / 2] : 0, WIFEXITED(status) ? WEXITSTATUS(status) : 255);
	return n && status == 0 ? 0 : 1;
}
