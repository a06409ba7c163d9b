// SPDX-License-Identifier: Apache-2.0
#include "vm-agent.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

struct job_pipes {
	int in[2], out[2], err[2];
};

static void pipes_close(struct job_pipes *p)
{
	int *fds[] = {&p->in[0], &p->in[1], &p->out[0], &p->out[1], &p->err[0], &p->err[1]};

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close_fdp(fds[i]);
}

static int pipes_open(struct job_pipes *p, bool with_stdin)
{
	*p = (struct job_pipes){{-EBADF, -EBADF}, {-EBADF, -EBADF}, {-EBADF, -EBADF}};
	if (pipe2(p->out, O_CLOEXEC) < 0 || pipe2(p->err, O_CLOEXEC) < 0)
		return -errno;
	if (with_stdin ? pipe2(p->in, O_CLOEXEC) < 0
	               : (p->in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0)
		return -errno;
	if (fcntl(p->out[0], F_SETFL, O_NONBLOCK) < 0 || fcntl(p->err[0], F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	return p->in[1] >= 0 && fcntl(p->in[1], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

/* Splits NUL-terminated arguments; the last byte must be a NUL. */
static int split_arguments(char *text, size_t n, char *argv[FRAME_ARGS_MAX + 1])
{
	size_t argc = 0;

	if (n == 0 || text[n - 1] != '\0')
		return -EBADMSG;
	for (char *p = text; p < text + n; p += strlen(p) + 1) {
		if (argc == FRAME_ARGS_MAX)
			return -E2BIG;
		argv[argc++] = p;
	}
	argv[argc] = NULL;
	return (int) argc;
}

/* A failed exec travels back as its errno on a close-on-exec pipe, so that "not found" is no exit
 * status of a command. */
__attribute__((noreturn)) static void job_child(const struct job_pipes *p, int argc, char **argv,
                                                int error_fd)
{
	int saved;

	setsid();
	dup2(p->in[0], STDIN_FILENO);
	dup2(p->out[1], STDOUT_FILENO);
	dup2(p->err[1], STDERR_FILENO);
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	if (argv[0][0] == '@') {
		int status;

		close(error_fd);
		close_range(3, ~0u, 0);
		status = builtin_run(argc, argv);
		if (status < 0)
			fprintf(stderr, "vm-agent: no such command: %s\n", argv[0]);
		fflush(NULL);
		_exit(status < 0 ? 127 : status);
	}
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/root", 1);
	setenv("TERM", "dumb", 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	execvp(argv[0], argv);
	saved = errno;
	(void) !write(error_fd, &saved, sizeof(saved));
	_exit(127);
}

int job_start(struct job *j, uint32_t id, const uint8_t *data, size_t n)
{
	char text[FRAME_DATA_MAX], *argv[FRAME_ARGS_MAX + 1];
	int error_pipe[2], exec_errno = 0, argc, r;
	struct frame_exec request;
	struct job_pipes p;
	ssize_t got;
	pid_t pid;

	if (n < sizeof(request) || n - sizeof(request) > sizeof(text))
		return -EBADMSG;
	memcpy(&request, data, sizeof(request));
	memcpy(text, data + sizeof(request), n - sizeof(request));
	argc = split_arguments(text, n - sizeof(request), argv);
	if (argc < 0)
		return argc;
	r = pipes_open(&p, request.with_stdin);
	if (r == 0 && pipe2(error_pipe, O_CLOEXEC) < 0)
		r = -errno;
	if (r < 0) {
		pipes_close(&p);
		return r;
	}
	pid = fork();
	if (pid == 0)
		job_child(&p, argc, argv, error_pipe[1]);
	r = pid < 0 ? -errno : 0;
	close(error_pipe[1]);
	do
		got = pid < 0 ? 0 : read(error_pipe[0], &exec_errno, sizeof(exec_errno));
	while (got < 0 && errno == EINTR);
	close(error_pipe[0]);
	if (pid > 0 && got == sizeof(exec_errno)) {
		waitpid(pid, NULL, 0);
		r = -exec_errno;
	}
	if (r == 0) {
		int pidfd = pid_open(pid);

		if (pidfd < 0) {
			kill(-pid, SIGKILL);
			waitpid(pid, NULL, 0);
			r = pidfd;
		} else {
			*j = (struct job){
				.is_used = true,
				.id = id,
				.pid = pid,
				.pidfd = pidfd,
				.in_fd = TAKE_FD(p.in[1]),
				.out_fd = TAKE_FD(p.out[0]),
				.err_fd = TAKE_FD(p.err[0]),
				.deadline_msec = request.timeout_msec
			                                 ? now_msec() + request.timeout_msec
			                                 : 0,
				.window = FRAME_WINDOW,
			};
		}
	}
	pipes_close(&p);
	return r;
}

int job_take_input(struct job *j, const uint8_t *data, size_t n)
{
	if (n == 0) {
		j->in_ends = true;
		return 0;
	}
	if (!j->in_bytes) {
		j->in_bytes = malloc(FRAME_WINDOW);
		if (!j->in_bytes)
			return -ENOMEM;
	}
	if (n > FRAME_WINDOW - (j->in_end - j->in_start))
		return -ENOBUFS;
	if (n > FRAME_WINDOW - j->in_end) {
		memmove(j->in_bytes, j->in_bytes + j->in_start, j->in_end - j->in_start);
		j->in_end -= j->in_start;
		j->in_start = 0;
	}
	memcpy(j->in_bytes + j->in_end, data, n);
	j->in_end += n;
	return 0;
}

static int job_acknowledge(struct job *j, struct frame_queue *out, size_t n)
{
	struct frame_ack ack = {.bytes = (uint32_t) n};

	return frame_queue_push(out, FRAME_ACK, j->id, &ack, sizeof(ack));
}

int job_pump_input(struct job *j, struct frame_queue *out)
{
	size_t passed = 0;

	while (j->in_start < j->in_end) {
		ssize_t n = j->in_fd < 0 ? -1
		                         : write(j->in_fd, j->in_bytes + j->in_start,
		                                 j->in_end - j->in_start);

		if (n < 0 && j->in_fd >= 0 && errno == EINTR)
			continue;
		if (n < 0 && j->in_fd >= 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			/* The command closed its input: the rest is swallowed, as a shell's pipe
			 * would. */
			close_fdp(&j->in_fd);
			n = (ssize_t) (j->in_end - j->in_start);
		}
		j->in_start += (size_t) n;
		passed += (size_t) n;
	}
	if (j->in_ends && j->in_start == j->in_end)
		close_fdp(&j->in_fd);
	return passed > 0 ? job_acknowledge(j, out, passed) : 0;
}

static int pump_stream(struct job *j, int *fd, enum frame_type type, struct frame_queue *out)
{
	uint8_t buffer[FRAME_DATA_MAX];

	while (*fd >= 0 && j->window > sizeof(struct frame_header)) {
		size_t room = j->window - sizeof(struct frame_header);
		size_t want = room < sizeof(buffer) ? room : sizeof(buffer);
		ssize_t n = read(*fd, buffer, want);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			/* A daemon that the command left behind may hold the pipe for ever; it does
			 * not keep the job. */
			if (j->has_exited)
				close_fdp(fd);
			return 0;
		}
		if (n <= 0) {
			close_fdp(fd);
			return 0;
		}
		j->window -= frame_cost((size_t) n);
		r = frame_queue_push(out, type, j->id, buffer, (size_t) n);
		if (r < 0)
			return r;
	}
	return 0;
}

int job_pump_output(struct job *j, struct frame_queue *out)
{
	int r = pump_stream(j, &j->out_fd, FRAME_STDOUT, out);

	return r < 0 ? r : pump_stream(j, &j->err_fd, FRAME_STDERR, out);
}

void job_kill(struct job *j)
{
	if (!j->has_exited)
		kill(-j->pid, SIGKILL);
}

void job_cancel(struct job *j)
{
	job_kill(j);
	close_fdp(&j->out_fd);
	close_fdp(&j->err_fd);
}

void job_reap(struct job *j)
{
	siginfo_t info = {0};

	if (j->has_exited || waitid(P_PIDFD, (id_t) j->pidfd, &info, WEXITED | WNOHANG) < 0 ||
	    info.si_pid == 0)
		return;
	j->has_exited = true;
	j->result.reason = info.si_code == CLD_EXITED ? FRAME_EXITED : FRAME_KILLED;
	j->result.value = info.si_status;
}

bool job_is_over(const struct job *j)
{
	return j->has_exited && j->out_fd < 0 && j->err_fd < 0;
}

void job_done(struct job *j)
{
	close_fdp(&j->pidfd);
	close_fdp(&j->in_fd);
	close_fdp(&j->out_fd);
	close_fdp(&j->err_fd);
	free(j->in_bytes);
	*j = (struct job){.is_used = false};
}
