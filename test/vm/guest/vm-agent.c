// SPDX-License-Identifier: Apache-2.0
#include "vm-agent.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#define PORT_FD        3
#define HOST_GONE_MSEC 50
#define QUEUE_LIMIT    (JOBS_MAX * (FRAME_WINDOW + 65536u))
#define POLL_FDS_MAX   (1 + JOBS_MAX * 4)

struct agent {
	struct frame_reader reader;
	struct frame_queue out;
	struct job jobs[JOBS_MAX];
	bool is_host_gone;
};

/* Which job and which of its descriptors a pollfd belongs to is not kept: all jobs are pumped,
 * descriptors do not block. */
struct poll_set {
	struct pollfd fds[POLL_FDS_MAX];
	size_t n;
};

static void poll_set_add(struct poll_set *s, int fd, short events)
{
	if (fd >= 0)
		s->fds[s->n++] = (struct pollfd){.fd = fd, .events = events};
}

static struct job *agent_find(struct agent *a, uint32_t id)
{
	for (size_t i = 0; i < JOBS_MAX; i++)
		if (a->jobs[i].is_used && a->jobs[i].id == id)
			return &a->jobs[i];
	return NULL;
}

static struct job *agent_free_job(struct agent *a)
{
	for (size_t i = 0; i < JOBS_MAX; i++)
		if (!a->jobs[i].is_used)
			return &a->jobs[i];
	return NULL;
}

static int send_exit(struct agent *a, uint32_t id, enum frame_exit_reason reason, int value)
{
	struct frame_exit e = {.reason = reason, .value = value};

	return frame_queue_push(&a->out, FRAME_EXIT, id, &e, sizeof(e));
}

static int handle_exec(struct agent *a, const struct frame *f)
{
	struct job *j = agent_free_job(a);
	int r;

	if (!j || agent_find(a, f->id))
		return send_exit(a, f->id, FRAME_REFUSED, j ? EEXIST : EAGAIN);
	r = job_start(j, f->id, f->data, f->length);
	return r < 0 ? send_exit(a, f->id, r == -EBADMSG ? FRAME_REFUSED : FRAME_NOT_RUN, -r) : 0;
}

static int handle_frame(struct agent *a, const struct frame *f)
{
	struct job *j = agent_find(a, f->id);
	struct frame_ack ack;

	switch (f->type) {
	case FRAME_EXEC:
		return handle_exec(a, f);
	case FRAME_STDIN:
		/* A host that overruns its own window has lost count: the command's input would
		 * have a hole. */
		if (j && job_take_input(j, f->data, f->length) < 0)
			job_kill(j);
		return 0;
	case FRAME_ACK:
		if (j && f->length == sizeof(ack)) {
			memcpy(&ack, f->data, sizeof(ack));
			if (ack.bytes <= FRAME_WINDOW - j->window)
				j->window += ack.bytes;
		}
		return 0;
	case FRAME_CANCEL:
		if (j)
			job_cancel(j);
		return 0;
	default:
		return 0;
	}
}

static int agent_read(struct agent *a)
{
	struct frame f;
	int r = frame_reader_fill(&a->reader, PORT_FD);

	/* A read that would block means that the host is (again) there. */
	a->is_host_gone = r == 0;
	if (r == -EAGAIN)
		return 0;
	if (r < 0)
		return r;
	while (frame_reader_next(&a->reader, &f)) {
		r = handle_frame(a, &f);
		if (r < 0)
			return r;
	}
	return 0;
}

static int agent_pump_jobs(struct agent *a)
{
	uint64_t now = now_msec();

	for (size_t i = 0; i < JOBS_MAX; i++) {
		struct job *j = &a->jobs[i];
		int r;

		if (!j->is_used)
			continue;
		if (j->deadline_msec > 0 && now >= j->deadline_msec && !j->is_timed_out) {
			j->is_timed_out = true;
			job_kill(j);
		}
		/* Reaped first: what is read after it is all that the command itself can have
		 * written. */
		job_reap(j);
		r = job_pump_input(j, &a->out);
		if (r == 0)
			r = job_pump_output(j, &a->out);
		if (r == 0 && job_is_over(j)) {
			if (j->is_timed_out)
				j->result = (struct frame_exit){.reason = FRAME_TIMEOUT};
			r = send_exit(a, j->id, j->result.reason, j->result.value);
			job_done(j);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/* Returns how long poll may wait. */
static int agent_fill_poll_set(struct agent *a, struct poll_set *s)
{
	uint64_t deadline_msec = 0;

	s->n = 0;
	/* Without a host the port is always ready with a hang-up, so it is looked at from time to
	 * time instead. */
	if (!a->is_host_gone)
		poll_set_add(s, PORT_FD,
		             (short) (POLLIN | (frame_queue_is_empty(&a->out) ? 0 : POLLOUT)));
	for (size_t i = 0; i < JOBS_MAX; i++) {
		struct job *j = &a->jobs[i];

		if (!j->is_used)
			continue;
		if (!j->has_exited)
			poll_set_add(s, j->pidfd, POLLIN);
		if (j->in_end > j->in_start)
			poll_set_add(s, j->in_fd, POLLOUT);
		if (j->window > sizeof(struct frame_header)) {
			poll_set_add(s, j->out_fd, POLLIN);
			poll_set_add(s, j->err_fd, POLLIN);
		}
		if (j->deadline_msec > 0 && !j->is_timed_out &&
		    (deadline_msec == 0 || j->deadline_msec < deadline_msec))
			deadline_msec = j->deadline_msec;
	}
	if (a->is_host_gone)
		return HOST_GONE_MSEC;
	return msec_left(deadline_msec);
}

static int agent_run(struct agent *a)
{
	struct poll_set set;

	for (;;) {
		int timeout = agent_fill_poll_set(a, &set), r;

		if (poll(set.fds, (nfds_t) set.n, timeout) < 0 && errno != EINTR)
			return -errno;
		r = agent_read(a);
		if (r < 0)
			return r;
		r = agent_pump_jobs(a);
		if (r < 0)
			return r;
		r = a->is_host_gone ? 0 : frame_queue_flush(&a->out, PORT_FD);
		if (r == -EPIPE)
			a->is_host_gone = true;
		else if (r < 0)
			return r;
	}
}

/* The agent's memory must not be what an out-of-memory test of the guest picks. */
static void spare_from_oom(void)
{
	auto_fd int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, "-1000", 5) < 0)
		return;
}

int main(int argc, char **argv)
{
	static struct agent agent = {.out.limit = QUEUE_LIMIT};
	int r;

	(void) argv;
	if (argc != 1 || fcntl(PORT_FD, F_SETFD, FD_CLOEXEC) < 0) {
		fprintf(stderr, "usage: vm-agent, with the port as fd %d\n", PORT_FD);
		return 2;
	}
	prctl(PR_SET_NAME, "vm-agent");
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	spare_from_oom();
	r = frame_queue_sync(&agent.out);
	if (r == 0)
		r = frame_queue_push(&agent.out, FRAME_HELLO, 0, NULL, 0);
	if (r == 0)
		r = agent_run(&agent);
	return r < 0 ? 1 : 0;
}
