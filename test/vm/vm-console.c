// SPDX-License-Identifier: Apache-2.0
/* Verbs about a machine's serial console and its QMP monitor. */
#include "vmctl.h"

#include <fcntl.h>
#include <poll.h>
#include <regex.h>
#include <string.h>
#include <sys/socket.h>

#define CONSOLE_TIMEOUT_SEC 60u
#define CONSOLE_TICK_MSEC   50u
#define LINE_MAX_BYTES      8192
#define QMP_TIMEOUT_MSEC    10000u
#define QMP_ANSWER_MAX      262144

struct console {
	int fd;
	char line[LINE_MAX_BYTES];
	size_t n;
};

/* Reads what is new and calls for each line, and for an unfinished last one: a prompt ends without
 * a newline. */
static bool console_scan(struct console *c, bool (*see)(const char *line, void *arg), void *arg)
{
	char byte_buffer[4096];
	ssize_t got;

	while ((got = read(c->fd, byte_buffer, sizeof(byte_buffer))) > 0)
		for (ssize_t i = 0; i < got; i++) {
			char ch = byte_buffer[i];

			if (ch == '\r' || ch == '\0')
				continue;
			if (ch != '\n' && c->n < sizeof(c->line) - 1) {
				c->line[c->n++] = ch;
				continue;
			}
			c->line[c->n] = '\0';
			c->n = 0;
			if (see(c->line, arg))
				return true;
		}
	c->line[c->n] = '\0';
	return c->n > 0 && see(c->line, arg);
}

static bool see_match(const char *line, void *arg)
{
	if (regexec(arg, line, 0, NULL, 0) != 0)
		return false;
	printf("%s\n", line);
	return true;
}

static int console_wait(const char *dir, struct console *c, const char *pattern,
                        uint64_t deadline_msec)
{
	char error[256];
	regex_t re;
	int r = regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB);

	if (r != 0) {
		regerror(r, &re, error, sizeof(error));
		vm_error("%s: %s", pattern, error);
		return 2;
	}
	for (;;) {
		bool runs = vm_is_running(dir, NULL);

		if (console_scan(c, see_match, &re)) {
			r = 0;
			break;
		}
		if (!runs || msec_left(deadline_msec) == 0) {
			r = runs ? VM_EXIT_TIMEOUT : VM_EXIT_GONE;
			vm_error("the console did not show /%s/ %s", pattern,
			         runs ? "in time" : "before the machine ended");
			break;
		}
		pause_msec(CONSOLE_TICK_MSEC);
	}
	regfree(&re);
	return r;
}

static int console_copy(const char *dir, int fd, bool follows, uint64_t deadline_msec)
{
	char buffer[16384];

	for (;;) {
		bool runs = follows && vm_is_running(dir, NULL);
		ssize_t n;

		while ((n = read(fd, buffer, sizeof(buffer))) > 0)
			if (fwrite(buffer, 1, (size_t) n, stdout) != (size_t) n)
				return 1;
		fflush(stdout);
		if (!runs)
			return 0;
		if (msec_left(deadline_msec) == 0)
			return VM_EXIT_TIMEOUT;
		pause_msec(CONSOLE_TICK_MSEC);
	}
}

int verb_console(int argc, char **argv)
{
	unsigned timeout_sec = CONSOLE_TIMEOUT_SEC;
	char dir[PATH_MAX], path[PATH_MAX + 16];
	const char *pattern = NULL;
	static struct console c;
	bool follows = false, is_valid = argc >= 2 && vm_dir(argv[1], dir) == 0;

	for (int i = 2; is_valid && i < argc; i++) {
		if (!strcmp(argv[i], "--follow"))
			follows = true;
		else if (!strcmp(argv[i], "--wait") && i + 1 < argc)
			pattern = argv[++i];
		else if (!strcmp(argv[i], "-t") && i + 1 < argc)
			is_valid = vm_parse_number(argv[++i], 86400, &timeout_sec) == 0;
		else
			is_valid = false;
	}
	if (!is_valid) {
		vm_error("console NAME [--follow | --wait REGEX] [-t SEC]");
		return 2;
	}
	snprintf(path, sizeof(path), "%s/console.log", dir);
	c.fd = open(path, O_RDONLY | O_CLOEXEC);
	if (c.fd < 0) {
		vm_error("%s: %s", path, strerror(errno));
		return 1;
	}
	if (pattern)
		return console_wait(dir, &c, pattern, now_msec() + timeout_sec * MSEC_PER_SEC);
	return console_copy(dir, c.fd, follows, now_msec() + timeout_sec * MSEC_PER_SEC);
}

int verb_type(int argc, char **argv)
{
	char dir[PATH_MAX];
	auto_fd int fd = -EBADF;
	size_t n;

	if (argc != 3 || vm_dir(argv[1], dir) < 0) {
		vm_error("type NAME TEXT");
		return 2;
	}
	fd = vm_connect(dir, "console");
	n = strlen(argv[2]);
	if (fd < 0 || send(fd, argv[2], n, MSG_NOSIGNAL) != (ssize_t) n) {
		vm_error("cannot type on the console of %s", argv[1]);
		return 1;
	}
	/* QEMU drops what it has not read when the connection is closed, so wait until it has hung
	 * up or had its time. */
	shutdown(fd, SHUT_WR);
	(void) poll(&(struct pollfd){.fd = fd, .events = POLLHUP}, 1, 500);
	return 0;
}

/* Reads lines until one begins as an answer does; events are skipped. Returns 0, or -1 with nothing
 * read in time. */
static int qmp_answer(FILE *f, int fd, char **line, size_t *size, uint64_t deadline_msec)
{
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		if (poll(&p, 1, msec_left(deadline_msec)) <= 0 || getline(line, size, f) <= 0)
			return -1;
		if (!strncmp(*line, "{\"return\"", 9) || !strncmp(*line, "{\"error\"", 8) ||
		    !strncmp(*line, "{\"QMP\"", 6))
			return 0;
	}
}

int verb_qmp(int argc, char **argv)
{
	uint64_t deadline_msec = now_msec() + QMP_TIMEOUT_MSEC;
	struct timeval tv = {.tv_sec = QMP_TIMEOUT_MSEC / MSEC_PER_SEC};
	char dir[PATH_MAX];
	auto_free char *line = NULL;
	auto_file FILE *f = NULL;
	size_t size = 0;
	int fd;

	if (argc != 3 || vm_dir(argv[1], dir) < 0) {
		vm_error("qmp NAME COMMAND | JSON");
		return 2;
	}
	fd = vm_connect(dir, "qmp");
	if (fd < 0) {
		vm_error("no machine runs in %s", dir);
		return VM_EXIT_GONE;
	}
	/* Unbuffered: poll must see every byte that getline has not taken. */
	(void) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	f = fdopen(fd, "r+e");
	if (!f || setvbuf(f, NULL, _IONBF, 0) != 0)
		return 1;
	if (qmp_answer(f, fd, &line, &size, deadline_msec) < 0 ||
	    dprintf(fd, "{\"execute\":\"qmp_capabilities\"}\n") < 0 ||
	    qmp_answer(f, fd, &line, &size, deadline_msec) < 0 ||
	    (argv[2][0] == '{' ? dprintf(fd, "%s\n", argv[2])
	                       : dprintf(fd, "{\"execute\":\"%s\"}\n", argv[2])) < 0 ||
	    qmp_answer(f, fd, &line, &size, deadline_msec) < 0) {
		vm_error("the monitor of %s does not answer", argv[1]);
		return VM_EXIT_TIMEOUT;
	}
	fputs(line, stdout);
	return strncmp(line, "{\"return\"", 9) == 0 ? 0 : 1;
}
