// SPDX-License-Identifier: Apache-2.0
#include "vmctl.h"
#include "vm-mux.h"

#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define STOP_MSEC    5000u
#define OWN_FDS_MAX  8
#define QMP_LINE_MAX 65536

struct supervisor {
	const struct vm_config *config;
	struct mux mux;
	pid_t qemu_pid, vhost_pid;
	int qemu_pidfd, vhost_pidfd, owner_pidfd, signal_fd, qmp_fd;
	uint64_t end_msec;  /* of the machine's lifetime */
	uint64_t kill_msec; /* when a polite stop becomes a kill; 0: not stopping */
	bool is_killed, has_ended;
	int wait_status;
	char reason[64];
	char qmp_line[QMP_LINE_MAX];
	size_t qmp_n;
};

static void set_reason(struct supervisor *s, const char *reason)
{
	/* The first cause is the true one: a kill after a stop is part of the stop. */
	if (!s->reason[0])
		snprintf(s->reason, sizeof(s->reason), "%s", reason);
}

static void write_status(const struct supervisor *s)
{
	auto_file FILE *f = fopen("status.new", "we");

	if (!f)
		return;
	fprintf(f, "state=%s\naccel=%s\nimage=%s\nsupervisor-pid=%d\nqemu-pid=%d\nboots=%u\n",
	        s->has_ended ? "ended" : "running", s->config->accel, s->config->image, getpid(),
	        s->qemu_pid, s->mux.boots);
	if (s->has_ended) {
		fprintf(f, "reason=%s\n", s->reason);
		if (WIFEXITED(s->wait_status))
			fprintf(f, "qemu-exit=%d\n", WEXITSTATUS(s->wait_status));
		else
			fprintf(f, "qemu-signal=%d\n", WTERMSIG(s->wait_status));
	}
	if (fflush(f) == 0)
		(void) rename("status.new", "status");
}

/* Starts a program that dies with us, with the given descriptors as 3 and following; the log is its
 * output. */
static pid_t spawn(const char *file, char *const argv[], const int *fds, size_t n_fds,
                   const char *log)
{
	pid_t parent = getpid(), pid = fork();
	int high[4], log_fd;

	if (pid != 0)
		return pid < 0 ? -errno : pid;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(1);
	log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (log_fd < 0 || dup2(log_fd, STDOUT_FILENO) < 0 || dup2(log_fd, STDERR_FILENO) < 0)
		_exit(1);
	for (size_t i = 0; i < n_fds; i++)
		if ((high[i] = fcntl(fds[i], F_DUPFD, 100)) < 0)
			_exit(1);
	for (size_t i = 0; i < n_fds; i++)
		if (dup2(high[i], 3 + (int) i) < 0)
			_exit(1);
	close_range(3 + (unsigned) n_fds, ~0u, 0);
	sigprocmask(SIG_SETMASK, &(sigset_t){0}, NULL);
	execvp(file, argv);
	fprintf(stderr, "cannot run %s: %s\n", file, strerror(errno));
	_exit(127);
}

/* The vsock back end lies beside vmctl. */
static int start_vhost(struct supervisor *s)
{
	char self[PATH_MAX], program[PATH_MAX + 16], cid[16];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	auto_fd int fd = vm_listen(".", "vhost");

	if (n < 0 || fd < 0)
		return fd < 0 ? fd : -errno;
	self[n] = '\0';
	snprintf(program, sizeof(program), "%s/vhost-vsock", dirname(self));
	snprintf(cid, sizeof(cid), "%u", s->config->cid);
	s->vhost_pid = spawn(program, (char *[]){program, (char[]){"vsock"}, cid, NULL}, &fd, 1,
	                     "vhost.log");
	if (s->vhost_pid < 0)
		return s->vhost_pid;
	s->vhost_pidfd = pid_open(s->vhost_pid);
	return s->vhost_pidfd < 0 ? s->vhost_pidfd : 0;
}

static int start_qemu(struct supervisor *s, int control_fd)
{
	const struct vm_config *c = s->config;
	int agent[2] = {-EBADF, -EBADF}, qmp[2];
	struct words w;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, qmp) < 0)
		return -errno;
	if (c->with_agent &&
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, agent) < 0)
		return -errno;
	vm_qemu_words(c, c->with_agent ? 4 : -EBADF, 3, &w);
	if (w.is_failed)
		return -ENOMEM;
	s->qemu_pid =
		spawn(w.v[0], w.v, (int[]){qmp[1], agent[1]}, c->with_agent ? 2 : 1, "qemu.log");
	words_done(&w);
	close(qmp[1]);
	close_fdp(&agent[1]);
	s->qmp_fd = qmp[0];
	mux_init(&s->mux, control_fd, agent[0]);
	if (s->qemu_pid < 0)
		return s->qemu_pid;
	s->qemu_pidfd = pid_open(s->qemu_pid);
	return s->qemu_pidfd < 0 ? s->qemu_pidfd : 0;
}

static void qmp_send(struct supervisor *s, const char *text)
{
	size_t n = strlen(text);

	/* Two short commands in a machine's life: the socket's buffer has room, or QEMU hangs and
	 * is killed in time. */
	if (s->qmp_fd >= 0 && send(s->qmp_fd, text, n, MSG_NOSIGNAL) != (ssize_t) n)
		fprintf(stderr, "cannot write to QEMU's monitor: %s\n", strerror(errno));
}

static void begin_stop(struct supervisor *s, const char *reason)
{
	if (s->kill_msec > 0)
		return;
	set_reason(s, reason);
	qmp_send(s, "{\"execute\":\"quit\"}\n");
	s->kill_msec = now_msec() + STOP_MSEC;
}

/* One line of the monitor. QEMU writes one object a line, and nothing of the guest's making is in
 * the ones that we read. */
static void qmp_handle_line(struct supervisor *s, const char *line)
{
	const char *reason;

	if (!strncmp(line, "{\"QMP\"", 6)) {
		qmp_send(s, "{\"execute\":\"qmp_capabilities\"}\n");
	} else if (strstr(line, "\"event\": \"RESET\"")) {
		mux_guest_reset(&s->mux);
	} else if (strstr(line, "\"event\": \"GUEST_PANICKED\"")) {
		set_reason(s, "guest-panic");
	} else if (strstr(line, "\"event\": \"SHUTDOWN\"") &&
	           (reason = strstr(line, "\"reason\": \""))) {
		char word[48];

		reason += strlen("\"reason\": \"");
		snprintf(word, sizeof(word), "%.*s", (int) strcspn(reason, "\""), reason);
		set_reason(s, word);
	}
}

static void qmp_read(struct supervisor *s)
{
	char *newline;
	ssize_t n;

	if (s->qmp_fd < 0)
		return;
	n = read(s->qmp_fd, s->qmp_line + s->qmp_n, sizeof(s->qmp_line) - 1 - s->qmp_n);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		close_fdp(&s->qmp_fd);
		return;
	}
	s->qmp_n += (size_t) n;
	s->qmp_line[s->qmp_n] = '\0';
	while ((newline = strchr(s->qmp_line, '\n'))) {
		*newline = '\0';
		qmp_handle_line(s, s->qmp_line);
		s->qmp_n -= (size_t) (newline + 1 - s->qmp_line);
		memmove(s->qmp_line, newline + 1, s->qmp_n + 1);
	}
	if (s->qmp_n == sizeof(s->qmp_line) - 1)
		s->qmp_n = 0;
}

static bool is_ready_fd(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return fd >= 0 && poll(&p, 1, 0) > 0;
}

static void check_events(struct supervisor *s)
{
	uint64_t now = now_msec();

	if (is_ready_fd(s->owner_pidfd))
		begin_stop(s, "owner-gone");
	if (is_ready_fd(s->signal_fd))
		begin_stop(s, "supervisor-signalled");
	if (s->mux.stop_requested)
		begin_stop(s, "stopped");
	if (now >= s->end_msec)
		begin_stop(s, "lifetime");
	if (is_ready_fd(s->vhost_pidfd) && !is_ready_fd(s->qemu_pidfd))
		begin_stop(s, "vsock-backend-died");
	if (s->kill_msec > 0 && now >= s->kill_msec && !s->is_killed) {
		(void) pid_signal(s->qemu_pidfd, SIGKILL);
		s->is_killed = true;
	}
	if (is_ready_fd(s->qemu_pidfd) &&
	    waitpid(s->qemu_pid, &s->wait_status, WNOHANG) == s->qemu_pid) {
		qmp_read(s);
		set_reason(s, WIFEXITED(s->wait_status) && WEXITSTATUS(s->wait_status) == 0
		                      ? "qemu-ended"
		                      : "qemu-failed");
		s->has_ended = true;
	}
}

static size_t fill_poll(struct supervisor *s, struct pollfd *fds)
{
	const int own[] = {s->qemu_pidfd, s->vhost_pidfd, s->owner_pidfd, s->signal_fd, s->qmp_fd};
	size_t n = 0;

	static_assert(ARRAY_SIZE(own) <= OWN_FDS_MAX, "room for all");
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		/* Once stopping, the cause of it stays ready and is no news; QEMU's own end is. */
		if (own[i] >= 0 &&
		    (s->kill_msec == 0 || own[i] == s->qemu_pidfd || own[i] == s->qmp_fd))
			fds[n++] = (struct pollfd){.fd = own[i], .events = POLLIN};
	return n + mux_poll_fds(&s->mux, fds + n);
}

static void run(struct supervisor *s)
{
	struct pollfd fds[OWN_FDS_MAX + 2 + MUX_CLIENTS_MAX];
	uint32_t boots = 0;

	while (!s->has_ended) {
		uint64_t deadline_msec = s->kill_msec > 0 ? s->kill_msec : s->end_msec;
		size_t n = fill_poll(s, fds);

		if (s->is_killed)
			deadline_msec = now_msec() + MSEC_PER_SEC;
		(void) poll(fds, (nfds_t) n, msec_left(deadline_msec));
		qmp_read(s);
		mux_dispatch(&s->mux);
		check_events(s);
		if (s->mux.boots != boots) {
			boots = s->mux.boots;
			write_status(s);
		}
	}
}

/* QEMU closed its socket, so the back end ends by itself; it is not waited for longer than a
 * moment. */
static void reap_vhost(struct supervisor *s)
{
	struct pollfd p = {.fd = s->vhost_pidfd, .events = POLLIN};

	if (s->vhost_pidfd < 0)
		return;
	if (poll(&p, 1, MSEC_PER_SEC) <= 0)
		(void) pid_signal(s->vhost_pidfd, SIGKILL);
	(void) waitpid(s->vhost_pid, NULL, 0);
}

static int set_up(struct supervisor *s, int control_fd)
{
	sigset_t signals;
	int r;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	s->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signal_fd < 0)
		return -errno;
	if (s->config->owner > 0) {
		s->owner_pidfd = pid_open(s->config->owner);
		if (s->owner_pidfd < 0)
			return s->owner_pidfd;
	}
	if (s->config->with_vsock) {
		r = start_vhost(s);
		if (r < 0)
			return r;
	}
	return start_qemu(s, control_fd);
}

void vm_supervise(const struct vm_config *c, int lock_fd, int control_fd)
{
	static struct supervisor s;
	char text[32];
	int r;

	s = (struct supervisor){
		.config = c,
		.qemu_pidfd = -EBADF,
		.vhost_pidfd = -EBADF,
		.owner_pidfd = -EBADF,
		.signal_fd = -EBADF,
		.qmp_fd = -EBADF,
		.mux.agent_fd = -EBADF,
		.mux.control_fd = control_fd,
		.end_msec = now_msec() + (uint64_t) c->lifetime_sec * MSEC_PER_SEC,
	};
	snprintf(text, sizeof(text), "%d\n", getpid());
	r = ftruncate(lock_fd, 0) < 0 || pwrite(lock_fd, text, strlen(text), 0) < 0
	            ? -errno
	            : set_up(&s, control_fd);
	if (r < 0) {
		fprintf(stderr, "cannot start the machine: %s\n", strerror(-r));
		set_reason(&s, "not-started");
		/* What was started already dies with us. */
		s.has_ended = true;
	} else {
		write_status(&s);
		run(&s);
	}
	write_status(&s);
	mux_end(&s.mux);
	reap_vhost(&s);
	unlink("control");
	exit(r < 0 ? 1 : 0);
}
