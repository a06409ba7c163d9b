// SPDX-License-Identifier: Apache-2.0
#include "vmctl.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#ifndef VM_STATE_ROOT
#define VM_STATE_ROOT "build/vm"
#endif

struct verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *usage;
};

/* clang-format off */
static const struct verb verbs[] = {
	{ "start",    verb_start,    "NAME --image FILE [OPTION...]" },
	{ "exec",     verb_exec,     "NAME [-t SEC] [-i] [--] COMMAND [ARG...]" },
	{ "sh",       verb_sh,       "NAME [-t SEC] [-i] SCRIPT" },
	{ "put",      verb_put,      "NAME FILE PATH-IN-GUEST [MODE]" },
	{ "get",      verb_get,      "NAME PATH-IN-GUEST FILE" },
	{ "console",  verb_console,  "NAME [--follow | --wait REGEX] [-t SEC]" },
	{ "type",     verb_type,     "NAME TEXT" },
	{ "ready",    verb_ready,    "NAME [-t SEC]" },
	{ "wait",     verb_wait,     "NAME [-t SEC]" },
	{ "qmp",      verb_qmp,      "NAME COMMAND | JSON" },
	{ "status",   verb_status,   "NAME [KEY]" },
	{ "stop",     verb_stop,     "NAME [-t SEC]" },
	{ "stop-all", verb_stop_all, "" },
	{ "accel",    verb_accel,    "IMAGE" },
};
/* clang-format on */

int vm_error(const char *format, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "vmctl: ");
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	return -1;
}

void words_add(struct words *w, const char *format, ...)
{
	va_list ap;
	int n;

	if (w->n + 2 > w->size) {
		size_t size = w->size ? w->size * 2 : 64;
		char **v = reallocarray(w->v, size, sizeof(*v));

		if (!v) {
			w->is_failed = true;
			return;
		}
		w->v = v;
		w->size = size;
	}
	va_start(ap, format);
	n = vasprintf(&w->v[w->n], format, ap);
	va_end(ap);
	if (n < 0) {
		w->is_failed = true;
		return;
	}
	w->v[++w->n] = NULL;
}

void words_done(struct words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->v[i]);
	free(w->v);
	*w = (struct words){0};
}

int vm_dir(const char *name, char ret_dir[PATH_MAX])
{
	const char *root = getenv("VM_DIR");
	size_t n = strlen(name);

	if (n == 0 || n > 63 || name[0] == '.' ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") != n) {
		vm_error("%s: a machine's name is up to 63 lower-case letters, digits, '.' and '-'",
		         name);
		return -EINVAL;
	}
	if (snprintf(ret_dir, PATH_MAX, "%s/%s", root && *root ? root : VM_STATE_ROOT, name) >=
	    PATH_MAX)
		return -EINVAL;
	return 0;
}

bool vm_is_running(const char *dir, pid_t *ret_pid)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char path[PATH_MAX + 8], text[32];
	auto_fd int fd = -EBADF;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/lock", dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	/* Asking for the lock does not take it, so a start at the same moment is not disturbed. */
	if (fd < 0 || fcntl(fd, F_OFD_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	if (ret_pid)
		*ret_pid = (pid_t) strtol(text, NULL, 10);
	return true;
}

int vm_wait_gone(const char *dir, uint64_t deadline_msec)
{
	/* Waiting for a lock has no deadline of its own. */
	while (vm_is_running(dir, NULL)) {
		if (msec_left(deadline_msec) == 0)
			return -ETIMEDOUT;
		pause_msec(20);
	}
	return 0;
}

/* A socket address holds 107 bytes; by way of an open folder any path is short enough. */
static int socket_address(const char *dir, const char *name, struct sockaddr_un *ret,
                          int *ret_dir_fd)
{
	int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int n;

	if (fd < 0)
		return -errno;
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	n = snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/%s", fd, name);
	if (n < 0 || (size_t) n >= sizeof(ret->sun_path)) {
		close(fd);
		return -ENAMETOOLONG;
	}
	*ret_dir_fd = fd;
	return 0;
}

int vm_connect(const char *dir, const char *name)
{
	auto_fd int dir_fd = -EBADF, fd = -EBADF;
	struct sockaddr_un a;
	int r = socket_address(dir, name, &a, &dir_fd);

	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *) &a, sizeof(a)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int vm_listen(const char *dir, const char *name)
{
	auto_fd int dir_fd = -EBADF, fd = -EBADF;
	struct sockaddr_un a;
	int r = socket_address(dir, name, &a, &dir_fd);

	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || (unlink(a.sun_path) < 0 && errno != ENOENT) ||
	    bind(fd, (struct sockaddr *) &a, sizeof(a)) < 0 || listen(fd, 64) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int vm_status_get(const char *dir, const char *key, char *ret_value)
{
	char path[PATH_MAX + 8], line[VM_STATUS_MAX];
	size_t n = strlen(key);
	auto_file FILE *f = NULL;

	snprintf(path, sizeof(path), "%s/status", dir);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, key, n) && line[n] == '=') {
			snprintf(ret_value, VM_STATUS_MAX, "%s", line + n + 1);
			return 0;
		}
	}
	return -ENOENT;
}

int vm_parse_number(const char *text, unsigned max, unsigned *ret)
{
	unsigned long v;
	char *end;

	errno = 0;
	v = strtoul(text, &end, 10);
	if (errno || end == text || *end || text[0] == '-' || v > max) {
		vm_error("%s: not a number from 0 to %u", text, max);
		return -EINVAL;
	}
	*ret = (unsigned) v;
	return 0;
}

static int usage(FILE *f)
{
	fprintf(f, "usage:\n");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		fprintf(f, "  vmctl %s %s\n", verbs[i].name, verbs[i].usage);
	fprintf(f,
	        "`vmctl start --help` lists the options of start. VM_DIR is where machines live "
	        "(%s).\n",
	        VM_STATE_ROOT);
	return f == stdout ? 0 : 2;
}

int main(int argc, char **argv)
{
	/* A peer that hung up is an error of a write, with what it sent before still to be read. */
	signal(SIGPIPE, SIG_IGN);
	if (argc < 2)
		return usage(stderr);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help"))
		return usage(stdout);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(argv[1], verbs[i].name))
			return verbs[i].run(argc - 1, argv + 1);
	vm_error("no verb %s", argv[1]);
	return usage(stderr);
}
