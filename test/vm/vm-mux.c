// SPDX-License-Identifier: Apache-2.0
#include "vm-mux.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#define AGENT_QUEUE_LIMIT  (16u * 1024 * 1024)
#define CLIENT_QUEUE_LIMIT (2u * FRAME_WINDOW)

void mux_init(struct mux *m, int control_fd, int agent_fd)
{
	*m = (struct mux){.control_fd = control_fd,
	                  .agent_fd = agent_fd,
	                  .to_agent.limit = AGENT_QUEUE_LIMIT};
}

static void client_free(struct mux_client **slot)
{
	struct mux_client *c = *slot;

	if (!c)
		return;
	close_fdp(&c->fd);
	frame_queue_done(&c->out);
	free(c);
	*slot = NULL;
}

/* The client hung up or misbehaved: its job must not go on unseen. */
static void client_drop(struct mux *m, struct mux_client **slot)
{
	if ((*slot)->state == MUX_CLIENT_RUNNING)
		(void) frame_queue_push(&m->to_agent, FRAME_CANCEL, (*slot)->job_id, NULL, 0);
	client_free(slot);
}

static void client_finish(struct mux_client *c, enum frame_exit_reason reason, int value)
{
	struct frame_exit e = {.reason = reason, .value = value};

	(void) frame_queue_push(&c->out, FRAME_EXIT, 0, &e, sizeof(e));
	c->state = MUX_CLIENT_DONE;
}

static int client_start_job(struct mux *m, struct mux_client *c, const uint8_t *data, size_t n)
{
	int r;

	c->job_id = ++m->last_id;
	r = frame_queue_push(&m->to_agent, FRAME_EXEC, c->job_id, data, n);
	if (r == 0)
		c->state = MUX_CLIENT_RUNNING;
	return r;
}

static int client_handle_exec(struct mux *m, struct mux_client *c, const struct frame *f)
{
	if (c->state != MUX_CLIENT_NEW)
		return -EPROTO;
	if (m->agent_fd < 0) {
		client_finish(c, FRAME_VM_GONE, 0);
		return 0;
	}
	if (m->is_ready)
		return client_start_job(m, c, f->data, f->length);
	memcpy(c->held, f->data, f->length);
	c->held_n = f->length;
	c->state = MUX_CLIENT_QUEUED;
	return 0;
}

static void client_answer_wait(struct mux *m, struct mux_client *c)
{
	if (m->agent_fd < 0) {
		client_finish(c, FRAME_VM_GONE, 0);
	} else if (m->is_ready && m->boots >= c->wait_boot) {
		(void) frame_queue_push(&c->out, FRAME_HELLO, 0, NULL, 0);
		c->state = MUX_CLIENT_DONE;
	}
}

static int client_handle(struct mux *m, struct mux_client *c, const struct frame *f)
{
	struct frame_wait w;

	switch (f->type) {
	case FRAME_EXEC:
		return client_handle_exec(m, c, f);
	case FRAME_STDIN:
	case FRAME_ACK:
	case FRAME_CANCEL:
		return c->state == MUX_CLIENT_RUNNING
		               ? frame_queue_push(&m->to_agent, f->type, c->job_id, f->data,
		                                  f->length)
		               : 0;
	case FRAME_WAIT_AGENT:
		if (c->state != MUX_CLIENT_NEW || f->length != sizeof(w))
			return -EPROTO;
		memcpy(&w, f->data, sizeof(w));
		c->wait_boot = w.boot;
		c->state = MUX_CLIENT_WAITING;
		client_answer_wait(m, c);
		return 0;
	case FRAME_STOP:
		m->stop_requested = true;
		c->state = MUX_CLIENT_STOPPING;
		return 0;
	default:
		return -EPROTO;
	}
}

/* Returns a negative errno when the client is to be dropped. */
static int client_read(struct mux *m, struct mux_client *c)
{
	struct frame f;
	int r;

	/* What follows a queued job stays in the socket until the job runs. */
	while (c->state != MUX_CLIENT_QUEUED && frame_reader_next(&c->reader, &f)) {
		r = client_handle(m, c, &f);
		if (r < 0)
			return r;
	}
	r = frame_reader_fill(&c->reader, c->fd);
	if (r == -EAGAIN || r == -ENOBUFS)
		return 0;
	if (r <= 0)
		return r < 0 ? r : -ECONNRESET;
	while (c->state != MUX_CLIENT_QUEUED && frame_reader_next(&c->reader, &f)) {
		r = client_handle(m, c, &f);
		if (r < 0)
			return r;
	}
	return 0;
}

static void accept_clients(struct mux *m)
{
	for (size_t i = 0; i < MUX_CLIENTS_MAX; i++) {
		struct mux_client *c;
		int fd;

		if (m->clients[i])
			continue;
		fd = accept4(m->control_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		c = calloc(1, sizeof(*c));
		if (!c) {
			close(fd);
			return;
		}
		c->fd = fd;
		c->out.limit = CLIENT_QUEUE_LIMIT;
		m->clients[i] = c;
	}
}

static void fail_running(struct mux *m)
{
	for (size_t i = 0; i < MUX_CLIENTS_MAX; i++)
		if (m->clients[i] && m->clients[i]->state == MUX_CLIENT_RUNNING)
			client_finish(m->clients[i], FRAME_VM_GONE, 0);
}

void mux_guest_reset(struct mux *m)
{
	m->is_ready = false;
	frame_queue_clear(&m->to_agent);
	fail_running(m);
}

static void agent_is_up(struct mux *m)
{
	mux_guest_reset(m);
	m->is_ready = true;
	m->boots++;
	(void) frame_queue_sync(&m->to_agent);
	for (size_t i = 0; i < MUX_CLIENTS_MAX; i++) {
		struct mux_client *c = m->clients[i];

		if (!c)
			continue;
		if (c->state == MUX_CLIENT_WAITING)
			client_answer_wait(m, c);
		if (c->state == MUX_CLIENT_QUEUED && client_start_job(m, c, c->held, c->held_n) < 0)
			client_finish(c, FRAME_VM_GONE, 0);
	}
}

static void agent_handle(struct mux *m, const struct frame *f)
{
	if (f->type == FRAME_HELLO) {
		agent_is_up(m);
		return;
	}
	for (size_t i = 0; i < MUX_CLIENTS_MAX; i++) {
		struct mux_client *c = m->clients[i];

		if (!c || c->state != MUX_CLIENT_RUNNING || c->job_id != f->id)
			continue;
		if (frame_queue_push(&c->out, f->type, 0, f->data, f->length) < 0)
			client_drop(m, &m->clients[i]);
		else if (f->type == FRAME_EXIT)
			c->state = MUX_CLIENT_DONE;
		return;
	}
}

static void agent_read(struct mux *m)
{
	struct frame f;
	int r;

	if (m->agent_fd < 0)
		return;
	r = frame_reader_fill(&m->reader, m->agent_fd);
	if (r == 0 || (r < 0 && r != -EAGAIN)) {
		/* QEMU closed its end; its exit is the supervisor's news. */
		close_fdp(&m->agent_fd);
		m->is_ready = false;
		return;
	}
	while (frame_reader_next(&m->reader, &f))
		agent_handle(m, &f);
}

size_t mux_poll_fds(struct mux *m, struct pollfd *fds)
{
	size_t n = 0;

	fds[n++] = (struct pollfd){.fd = m->control_fd, .events = POLLIN};
	if (m->agent_fd >= 0)
		fds[n++] = (struct pollfd){
			.fd = m->agent_fd,
			.events = (short) (POLLIN |
		                           (frame_queue_is_empty(&m->to_agent) ? 0 : POLLOUT)),
		};
	for (size_t i = 0; i < MUX_CLIENTS_MAX; i++) {
		const struct mux_client *c = m->clients[i];

		if (c)
			fds[n++] = (struct pollfd){
				.fd = c->fd,
				.events = (short) ((c->state == MUX_CLIENT_QUEUED ? 0 : POLLIN) |
			                           (frame_queue_is_empty(&c->out) ? 0 : POLLOUT)),
			};
	}
	return n;
}

void mux_dispatch(struct mux *m)
{
	accept_clients(m);
	agent_read(m);
	for (size_t i = 0; i < MUX_CLIENTS_MAX; i++)
		if (m->clients[i] && client_read(m, m->clients[i]) < 0)
			client_drop(m, &m->clients[i]);
	if (m->agent_fd >= 0 && frame_queue_flush(&m->to_agent, m->agent_fd) < 0)
		close_fdp(&m->agent_fd);
	for (size_t i = 0; i < MUX_CLIENTS_MAX; i++) {
		struct mux_client *c = m->clients[i];
		int r = c ? frame_queue_flush(&c->out, c->fd) : 1;

		if (r < 0)
			client_drop(m, &m->clients[i]);
		else if (r == 0 && c->state == MUX_CLIENT_DONE)
			client_free(&m->clients[i]);
	}
}

void mux_end(struct mux *m)
{
	for (size_t i = 0; i < MUX_CLIENTS_MAX; i++) {
		struct mux_client *c = m->clients[i];

		if (!c)
			continue;
		if (c->state != MUX_CLIENT_DONE)
			client_finish(c, FRAME_VM_GONE, 0);
		(void) frame_queue_flush(&c->out, c->fd);
		client_free(&m->clients[i]);
	}
	close_fdp(&m->agent_fd);
	frame_queue_done(&m->to_agent);
}
