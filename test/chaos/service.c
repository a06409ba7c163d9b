// SPDX-License-Identifier: Apache-2.0
/*
 * chaos-service MODE UNIT [ARGUMENT] - what the units of the chaos worlds run.
 *
 * It keeps the books that the checker trusts: one line an event in EVENTS (O_APPEND, one write
 * each), and for its whole life a lock on the file of its unit, so that the kernel itself says when
 * a service runs twice. CHAOS_DIR names the directory of both.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LISTEN_FD 3

static const char *directory, *unit;
static int events = -1;

static long long now_usec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec * 1000000LL + ts.tv_nsec / 1000;
}

__attribute__((format(printf, 2, 3))) static void note(const char *event, const char *format, ...)
{
	char line[256];
	va_list ap;
	int n = snprintf(line, sizeof(line), "%lld %s %s %d ", now_usec(), event, unit, getpid());

	va_start(ap, format);
	n += vsnprintf(line + n, sizeof(line) - (size_t) n - 1, format, ap);
	va_end(ap);
	line[n++] = '\n';
	if (write(events, line, (size_t) n) != n)
		_exit(90);
}

/* Held until the process ends, however it ends. */
static void lock_unit(void)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/locks/%s", directory, unit);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		_exit(91);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		note("double", "%d", errno);
}

static void notify(const char *text, int fd)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct iovec iov = {.iov_base = (char *) text, .iov_len = strlen(text)};
	char control[CMSG_SPACE(sizeof(int))] = {0};
	struct msghdr m = {
		.msg_name = &un, .msg_namelen = sizeof(un), .msg_iov = &iov, .msg_iovlen = 1};
	const char *path = getenv("NOTIFY_SOCKET");
	int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (!path || s < 0)
		_exit(92);
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	if (fd >= 0) {
		struct cmsghdr *c;

		m.msg_control = control;
		m.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	if (sendmsg(s, &m, MSG_NOSIGNAL) < 0)
		note("unheard", "%s %d", text, errno);
	close(s);
}

/* Blocks the signals we wait for; the default action must not come before the books are kept. */
static sigset_t hold_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return set;
}

static int says_reload; /* Type=notify-reload */

static void reload_aloud(void)
{
	struct timespec ts;
	char text[64];

	clock_gettime(CLOCK_MONOTONIC, &ts);
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld",
	         ts.tv_sec * 1000000LL + ts.tv_nsec / 1000);
	notify(text, -1);
	notify("READY=1", -1);
}

/* Until SIGTERM; @period_ms < 0: nothing to do meanwhile. */
static int serve(const sigset_t *set, int period_ms)
{
	struct timespec period = {period_ms / 1000, period_ms % 1000 * 1000000L};

	for (;;) {
		int sig = period_ms < 0 ? sigwaitinfo(set, NULL) : sigtimedwait(set, NULL, &period);

		if (sig == SIGTERM) {
			note("stop", "0");
			return 0;
		}
		if (sig == SIGHUP && says_reload)
			reload_aloud();
		if (sig == SIGHUP)
			note("reload", "0");
		else if (sig < 0 && errno == EAGAIN)
			notify("WATCHDOG=1", -1);
	}
}

static void begin(void)
{
	lock_unit();
	note("start", "0");
}

static int mode_run(const char *argument)
{
	sigset_t set = hold_signals();

	(void) argument;
	begin();
	return serve(&set, -1);
}

static int mode_fork(const char *pid_file)
{
	sigset_t set = hold_signals();
	pid_t pid = fork();
	char text[16];
	int fd, n;

	if (pid < 0)
		return 93;
	if (pid == 0) {
		setsid();
		begin();
		return serve(&set, -1);
	}
	n = snprintf(text, sizeof(text), "%d\n", pid);
	fd = open(pid_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	return fd >= 0 && write(fd, text, (size_t) n) == n ? 0 : 94;
}

/* Gives an fd away at its first start and wants it back at each later one. */
static int mode_notify(const char *argument)
{
	const char *names = getenv("LISTEN_FDNAMES");
	sigset_t set = hold_signals();
	int fd;

	begin();
	says_reload = !strcmp(argument, "reload");
	if (says_reload) {
		notify("READY=1", -1);
		return serve(&set, -1);
	}
	if (names && strstr(names, "treasure")) {
		char text[16] = "";

		note("stored", "%zd",
		     pread(LISTEN_FD, text, sizeof(text) - 1, 0) == 4 && !strcmp(text, "gold")
		             ? (ssize_t) 0
		             : -1);
	} else if (strcmp(argument, "never")) {
		note("store", "0");
		fd = memfd_create("treasure", MFD_CLOEXEC);
		if (fd < 0 || write(fd, "gold", 4) != 4)
			return 95;
		notify("FDSTORE=1\nFDNAME=treasure", fd);
		close(fd);
	}
	if (strcmp(argument, "never"))
		notify("READY=1", -1);
	return serve(&set, strcmp(argument, "never") ? 500 : -1);
}

/* Lives for a while and ends with a status that only the books and core know. */
static int mode_exit(const char *argument)
{
	struct timespec ts = {0};
	unsigned seed = (unsigned) now_usec() * 2654435761U;
	int most = atoi(argument), status = 1 + (int) (seed >> 8) % 100;

	hold_signals();
	begin();
	ts.tv_nsec = most > 0 ? (long) (seed % (unsigned) most) * 1000000L : 0;
	nanosleep(&ts, NULL);
	note("exit", "%d", status);
	return status;
}

static int mode_once(const char *argument)
{
	hold_signals();
	begin();
	if (*argument == '/' && unlink(argument) < 0 && errno != ENOENT)
		return 96;
	note("exit", "0");
	return 0;
}

/* A command beside the main one: no lock, it may overlap with nothing but itself. */
static int mode_note(const char *argument)
{
	note("note", "%s", argument);
	return 0;
}

/* Reads one connection to its end; each line of it is one message. */
static void take(int fd)
{
	char text[256];
	ssize_t n, used = 0;

	while ((n = read(fd, text + used, sizeof(text) - 1 - (size_t) used)) > 0)
		used += n;
	text[used] = 0;
	for (char *p = strtok(text, "\n"); p; p = strtok(NULL, "\n"))
		note("got", "%s", p);
}

/* Accept=no: all that waits, then until nobody came for a moment. */
static int mode_accept(const char *argument)
{
	(void) argument;
	begin();
	for (;;) {
		struct pollfd p = {.fd = LISTEN_FD, .events = POLLIN};
		int fd;

		if (poll(&p, 1, 40) == 0)
			break;
		fd = accept4(LISTEN_FD, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0 && errno != EAGAIN)
			return 97;
		if (fd >= 0)
			take(fd);
		if (fd >= 0)
			close(fd);
	}
	note("exit", "0");
	return 0;
}

static int mode_connection(const char *argument)
{
	(void) argument;
	fcntl(0, F_SETFL, fcntl(0, F_GETFL) & ~O_NONBLOCK);
	take(0);
	return 0;
}

/* Ignores what asks it to end; only SIGKILL does. */
static int mode_stubborn(const char *argument)
{
	sigset_t set = hold_signals();

	(void) argument;
	begin();
	for (;;) {
		if (sigwaitinfo(&set, NULL) == SIGTERM)
			note("asked", "0");
	}
	return 0;
}

/* Children of children, all of them orphans at once. */
static int mode_orphans(const char *argument)
{
	for (int i = atoi(argument); i > 0; i--) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(fork() == 0 ? i & 63 : 0);
		if (pid > 0)
			waitpid(pid, NULL, 0);
	}
	note("exit", "0");
	return 0;
}

static const struct {
	const char *name;
	int (*fn)(const char *argument);
} modes[] = {
	{"run", mode_run},           {"fork", mode_fork},
	{"notify", mode_notify},     {"exit", mode_exit},
	{"once", mode_once},         {"note", mode_note},
	{"accept", mode_accept},     {"connection", mode_connection},
	{"stubborn", mode_stubborn}, {"orphans", mode_orphans},
};

int main(int argc, char **argv)
{
	char path[256];

	directory = getenv("CHAOS_DIR");
	if (argc < 3 || !directory)
		return 2;
	unit = argv[2];
	snprintf(path, sizeof(path), "%s/events", directory);
	events = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (events < 0)
		return 3;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!strcmp(modes[i].name, argv[1]))
			return modes[i].fn(argc > 3 ? argv[3] : "");
	return 2;
}
