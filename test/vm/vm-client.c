// SPDX-License-Identifier: Apache-2.0
/* Verbs that speak to a machine's supervisor. */
#include "vmctl.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#define EXEC_TIMEOUT_SEC 120u
#define EXEC_GRACE_MSEC  5000u
#define STOP_TIMEOUT_SEC 10u
#define TIMEOUT_SEC_MAX  86400u

/* One job as vmctl sees it. */
struct exec {
	int fd;            /* to the supervisor */
	int in_fd, out_fd; /* in_fd is negative without input */
	uint32_t in_window;
	bool in_ended;
	uint64_t deadline_msec;
	struct frame_queue out;
	struct frame_reader reader;
};

static int write_all(int fd, const void *data, size_t n)
{
	for (const uint8_t *p = data; n > 0;) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -errno;
		p += w;
		n -= (size_t) w;
	}
	return 0;
}

static int pass_input(struct exec *e)
{
	uint8_t buffer[FRAME_DATA_MAX];
	size_t want = e->in_window < sizeof(buffer) ? e->in_window : sizeof(buffer);
	ssize_t n = read(e->in_fd, buffer, want);

	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	e->in_window -= (uint32_t) n;
	e->in_ended = n == 0;
	return frame_queue_push(&e->out, FRAME_STDIN, 0, buffer, (size_t) n);
}

/* Returns -1 to go on, or the exit status. */
static int exec_result(const struct frame *f, const char *command)
{
	struct frame_exit x;

	if (f->length != sizeof(x))
		return VM_EXIT_GONE;
	memcpy(&x, f->data, sizeof(x));
	switch ((enum frame_exit_reason) x.reason) {
	case FRAME_EXITED:
		return x.value & 0xff;
	case FRAME_KILLED:
		return 128 + x.value;
	case FRAME_NOT_RUN:
		vm_error("cannot run %s in the guest: %s", command, strerror(x.value));
		return x.value == ENOENT ? VM_EXIT_NO_FILE : VM_EXIT_NOT_RUN;
	case FRAME_TIMEOUT:
		vm_error("%s timed out in the guest", command);
		return VM_EXIT_TIMEOUT;
	case FRAME_REFUSED:
		vm_error("the agent refused %s: %s", command, strerror(x.value));
		return VM_EXIT_NOT_RUN;
	case FRAME_VM_GONE:
		break;
	}
	vm_error("the machine went away under %s", command);
	return VM_EXIT_GONE;
}

/* Returns -1 to go on, or the exit status. */
static int exec_handle(struct exec *e, const struct frame *f, const char *command)
{
	struct frame_ack ack;

	switch (f->type) {
	case FRAME_STDOUT:
	case FRAME_STDERR:
		if (write_all(f->type == FRAME_STDOUT ? e->out_fd : STDERR_FILENO, f->data,
		              f->length) < 0) {
			vm_error("cannot write the output of %s: %s", command, strerror(errno));
			return 1;
		}
		ack.bytes = frame_cost(f->length);
		return frame_queue_push(&e->out, FRAME_ACK, 0, &ack, sizeof(ack)) < 0 ? VM_EXIT_GONE
		                                                                      : -1;
	case FRAME_ACK:
		if (f->length == sizeof(ack)) {
			memcpy(&ack, f->data, sizeof(ack));
			if (ack.bytes <= FRAME_WINDOW - e->in_window)
				e->in_window += ack.bytes;
		}
		return -1;
	case FRAME_EXIT:
		return exec_result(f, command);
	default:
		return -1;
	}
}

static int exec_loop(struct exec *e, const char *command)
{
	for (;;) {
		bool wants_input = e->in_fd >= 0 && !e->in_ended && e->in_window > 0;
		struct pollfd p[2] = {
			{.fd = e->fd,
		         .events =
		                 (short) (POLLIN | (frame_queue_is_empty(&e->out) ? 0 : POLLOUT))},
			{.fd = wants_input ? e->in_fd : -1, .events = POLLIN},
		};
		struct frame f;
		int r = poll(p, 2, msec_left(e->deadline_msec));

		if (r < 0 && errno != EINTR)
			return VM_EXIT_GONE;
		if (r == 0) {
			vm_error("%s: no answer in time", command);
			return VM_EXIT_TIMEOUT;
		}
		if (p[1].revents && pass_input(e) < 0)
			return VM_EXIT_GONE;
		r = p[0].revents ? frame_reader_fill(&e->reader, e->fd) : -EAGAIN;
		while (frame_reader_next(&e->reader, &f)) {
			int status = exec_handle(e, &f, command);

			if (status >= 0)
				return status;
		}
		if (r == 0 || (r < 0 && r != -EAGAIN)) {
			vm_error("the machine went away under %s", command);
			return VM_EXIT_GONE;
		}
		/* The supervisor hangs up after the last frame, which may still lie in our socket:
		 * only reading tells the end. */
		if (frame_queue_flush(&e->out, e->fd) < 0)
			frame_queue_clear(&e->out);
	}
}

/**
 * vm_exec - runs a command in a guest with its standard streams passed through
 * @in_fd: read as its input; negative for none
 *
 * Returns the exit status for vmctl.
 */
static int vm_exec(const char *dir, char *const argv[], unsigned timeout_sec, int in_fd, int out_fd)
{
	static struct exec e;
	struct frame_exec head = {.timeout_msec = timeout_sec * MSEC_PER_SEC,
	                          .with_stdin = in_fd >= 0};
	uint8_t request[FRAME_DATA_MAX];
	size_t n = sizeof(head);
	int status;

	memcpy(request, &head, sizeof(head));
	for (; *argv && n < sizeof(request); argv++)
		n += (size_t) snprintf((char *) request + n, sizeof(request) - n, "%s", *argv) + 1;
	if (n > sizeof(request)) {
		vm_error("the command is too long");
		return VM_EXIT_NOT_RUN;
	}
	e = (struct exec){
		.fd = vm_connect(dir, "control"),
		.in_fd = in_fd,
		.out_fd = out_fd,
		.in_window = FRAME_WINDOW,
		.deadline_msec = now_msec() + timeout_sec * MSEC_PER_SEC + EXEC_GRACE_MSEC,
		.out.limit = 4 * FRAME_WINDOW,
	};
	if (e.fd < 0) {
		vm_error("no machine runs in %s", dir);
		return VM_EXIT_GONE;
	}
	if (fcntl(e.fd, F_SETFL, O_NONBLOCK) < 0 ||
	    frame_queue_push(&e.out, FRAME_EXEC, 0, request, n) < 0)
		status = VM_EXIT_NOT_RUN;
	else
		status = exec_loop(&e, (const char *) request + sizeof(head));
	close(e.fd);
	frame_queue_done(&e.out);
	return status;
}

/* NAME, then -t SEC, -i and -q in any order up to the first other word. Returns the index of that
 * word, or -1. */
static int parse_common(int argc, char **argv, char dir[PATH_MAX], unsigned *timeout_sec,
                        bool *with_input)
{
	int i = 2;

	if (argc < 2 || vm_dir(argv[1], dir) < 0)
		return vm_error("%s needs the NAME of a machine", argv[0]);
	for (; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "--"))
			return i + 1;
		if (!strcmp(argv[i], "-i") && with_input)
			*with_input = true;
		else if (!strcmp(argv[i], "-t") && i + 1 < argc) {
			if (vm_parse_number(argv[++i], TIMEOUT_SEC_MAX, timeout_sec) < 0)
				return -1;
		} else
			return i;
	}
	return i;
}

int verb_exec(int argc, char **argv)
{
	unsigned timeout_sec = EXEC_TIMEOUT_SEC;
	char dir[PATH_MAX];
	bool with_input = false;
	int i = parse_common(argc, argv, dir, &timeout_sec, &with_input);

	if (i < 0 || i >= argc) {
		vm_error("exec NAME [-t SEC] [-i] [--] COMMAND [ARG...]");
		return 2;
	}
	return vm_exec(dir, argv + i, timeout_sec, with_input ? STDIN_FILENO : -1, STDOUT_FILENO);
}

int verb_sh(int argc, char **argv)
{
	unsigned timeout_sec = EXEC_TIMEOUT_SEC;
	char dir[PATH_MAX];
	bool with_input = false;
	int i = parse_common(argc, argv, dir, &timeout_sec, &with_input);

	if (i < 0 || i + 1 != argc) {
		vm_error("sh NAME [-t SEC] [-i] SCRIPT");
		return 2;
	}
	return vm_exec(dir, (char *[]){(char[]){"/bin/sh"}, (char[]){"-c"}, argv[i], NULL},
	               timeout_sec, with_input ? STDIN_FILENO : -1, STDOUT_FILENO);
}

int verb_put(int argc, char **argv)
{
	char dir[PATH_MAX], mode[16];
	auto_fd int fd = -EBADF;
	struct stat st;

	if (argc < 4 || argc > 5 || vm_dir(argv[1], dir) < 0) {
		vm_error("put NAME FILE PATH-IN-GUEST [MODE]");
		return 2;
	}
	fd = open(argv[2], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		vm_error("%s: %s", argv[2], strerror(errno));
		return 1;
	}
	snprintf(mode, sizeof(mode), "%o", st.st_mode & 07777);
	return vm_exec(dir, (char *[]){(char[]){"@put"}, argv[3], argc > 4 ? argv[4] : mode, NULL},
	               EXEC_TIMEOUT_SEC, fd, STDOUT_FILENO);
}

int verb_get(int argc, char **argv)
{
	char dir[PATH_MAX];
	auto_fd int fd = -EBADF;

	if (argc != 4 || vm_dir(argv[1], dir) < 0) {
		vm_error("get NAME PATH-IN-GUEST FILE");
		return 2;
	}
	fd = !strcmp(argv[3], "-") ? dup(STDOUT_FILENO)
	                           : open(argv[3], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0) {
		vm_error("%s: %s", argv[3], strerror(errno));
		return 1;
	}
	return vm_exec(dir, (char *[]){(char[]){"@get"}, argv[2], NULL}, EXEC_TIMEOUT_SEC, -1, fd);
}

/**
 * vm_wait_agent - waits until the guest's agent has come up for the n-th time
 *
 * Returns 0, VM_EXIT_TIMEOUT or VM_EXIT_GONE.
 */
static int vm_wait_agent(const char *dir, unsigned boot, uint64_t deadline_msec)
{
	static struct exec e;
	struct frame_wait w = {.boot = boot};
	int status = VM_EXIT_GONE;
	struct frame f;

	e = (struct exec){.fd = vm_connect(dir, "control"), .out.limit = 4096};
	if (e.fd < 0)
		return VM_EXIT_GONE;
	if (frame_queue_push(&e.out, FRAME_WAIT_AGENT, 0, &w, sizeof(w)) == 0 &&
	    frame_queue_flush(&e.out, e.fd) == 0) {
		struct pollfd p = {.fd = e.fd, .events = POLLIN};
		int r;

		do
			r = poll(&p, 1, msec_left(deadline_msec));
		while (r < 0 && errno == EINTR);
		if (r == 0)
			status = VM_EXIT_TIMEOUT;
		else if (r > 0 && frame_reader_fill(&e.reader, e.fd) > 0 &&
		         frame_reader_next(&e.reader, &f) && f.type == FRAME_HELLO)
			status = 0;
	}
	close(e.fd);
	frame_queue_done(&e.out);
	return status;
}

int vm_start_wait(const struct vm_config *c)
{
	return vm_wait_agent(c->dir, 1, now_msec() + c->wait_sec * MSEC_PER_SEC);
}

int verb_ready(int argc, char **argv)
{
	unsigned timeout_sec = EXEC_TIMEOUT_SEC, boot = 1;
	char dir[PATH_MAX];
	bool is_valid = argc >= 2 && vm_dir(argv[1], dir) == 0;

	for (int i = 2; is_valid && i < argc; i += 2) {
		if (i + 1 < argc && !strcmp(argv[i], "-t"))
			is_valid = vm_parse_number(argv[i + 1], TIMEOUT_SEC_MAX, &timeout_sec) == 0;
		else if (i + 1 < argc && !strcmp(argv[i], "--boot"))
			is_valid = vm_parse_number(argv[i + 1], 1000000, &boot) == 0;
		else
			is_valid = false;
	}
	if (!is_valid) {
		vm_error("ready NAME [-t SEC] [--boot N]");
		return 2;
	}
	return vm_wait_agent(dir, boot, now_msec() + timeout_sec * MSEC_PER_SEC);
}

/* Prints how a machine that is gone ended. */
static int print_end(const char *dir)
{
	char value[VM_STATUS_MAX];

	if (vm_status_get(dir, "reason", value) < 0)
		return vm_error("%s: the supervisor died without a word", dir), VM_EXIT_GONE;
	printf("%s\n", value);
	return 0;
}

int verb_wait(int argc, char **argv)
{
	unsigned timeout_sec = EXEC_TIMEOUT_SEC;
	char dir[PATH_MAX];
	int i = parse_common(argc, argv, dir, &timeout_sec, NULL);

	if (i != argc) {
		vm_error("wait NAME [-t SEC]");
		return 2;
	}
	if (vm_wait_gone(dir, now_msec() + timeout_sec * MSEC_PER_SEC) < 0) {
		vm_error("%s still runs after %u s", argv[1], timeout_sec);
		return VM_EXIT_TIMEOUT;
	}
	return print_end(dir);
}

int verb_status(int argc, char **argv)
{
	char dir[PATH_MAX], value[VM_STATUS_MAX], path[PATH_MAX + 8];
	auto_file FILE *f = NULL;

	if (argc < 2 || argc > 3 || vm_dir(argv[1], dir) < 0) {
		vm_error("status NAME [KEY]");
		return 2;
	}
	if (argc == 3) {
		if (vm_status_get(dir, argv[2], value) < 0)
			return 1;
		printf("%s\n", value);
		return 0;
	}
	snprintf(path, sizeof(path), "%s/status", dir);
	f = fopen(path, "re");
	if (!f) {
		vm_error("%s: %s", dir, strerror(errno));
		return 1;
	}
	while (fgets(value, sizeof(value), f))
		fputs(value, stdout);
	return 0;
}

static int vm_stop(const char *dir, unsigned timeout_sec)
{
	uint64_t deadline_msec = now_msec() + timeout_sec * MSEC_PER_SEC;
	struct frame_queue q = {.limit = 4096};
	auto_fd int fd = vm_connect(dir, "control");
	pid_t pid;

	if (fd >= 0 && frame_queue_push(&q, FRAME_STOP, 0, NULL, 0) == 0)
		(void) frame_queue_flush(&q, fd);
	frame_queue_done(&q);
	if (vm_wait_gone(dir, deadline_msec) == 0)
		return 0;
	/* QEMU and the back end are bound to the supervisor's life. */
	if (vm_is_running(dir, &pid) && pid > 1)
		kill(pid, SIGKILL);
	return vm_wait_gone(dir, now_msec() + MSEC_PER_SEC) == 0
	               ? 0
	               : vm_error("%s does not stop", dir);
}

int verb_stop(int argc, char **argv)
{
	unsigned timeout_sec = STOP_TIMEOUT_SEC;
	char dir[PATH_MAX];
	int i = parse_common(argc, argv, dir, &timeout_sec, NULL);

	if (i != argc) {
		vm_error("stop NAME [-t SEC]");
		return 2;
	}
	return vm_stop(dir, timeout_sec) < 0 ? 1 : 0;
}

int verb_stop_all(int argc, char **argv)
{
	char any[PATH_MAX], dir[PATH_MAX];
	struct dirent *e;
	int status = 0;
	DIR *d;

	(void) argc;
	(void) argv;
	if (vm_dir("x", any) < 0)
		return 1;
	any[strlen(any) - 2] = '\0';
	d = opendir(any);
	if (!d)
		return errno == ENOENT ? 0 : 1;
	while ((e = readdir(d)))
		if (e->d_name[0] != '.' && vm_dir(e->d_name, dir) == 0 &&
		    vm_is_running(dir, NULL) && vm_stop(dir, STOP_TIMEOUT_SEC) < 0)
			status = 1;
	closedir(d);
	return status;
}
