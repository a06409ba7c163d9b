// SPDX-License-Identifier: Apache-2.0
/*
 * vm-mux.h - shares the one stream to a guest's agent among clients of the supervisor.
 *
 * A client connection carries one request. Jobs get ids of our own on their way to the agent and
 * lose them on the way back. Before the agent is up, and while a guest reboots, requests wait; what
 * ran when a guest was reset ends as FRAME_VM_GONE. Queues are bounded by the frame window; a
 * client that exceeds it is dropped and its job cancelled.
 */
#pragma once

#include "frame.h"
#include "util.h"

#include <poll.h>

#define MUX_CLIENTS_MAX 48

enum mux_client_state {
	MUX_CLIENT_NEW,      /* nothing asked yet */
	MUX_CLIENT_QUEUED,   /* a job that waits for the agent */
	MUX_CLIENT_WAITING,  /* wants to know when the agent is up */
	MUX_CLIENT_RUNNING,  /* its job is the agent's */
	MUX_CLIENT_STOPPING, /* is told by the end of the connection that the machine is gone */
	MUX_CLIENT_DONE,     /* to be closed once everything is written */
};

struct mux_client {
	int fd;
	enum mux_client_state state;
	uint32_t job_id;
	uint32_t wait_boot;
	struct frame_queue out;
	size_t held_n;
	uint8_t held[FRAME_DATA_MAX]; /* the EXEC of a queued job */
	struct frame_reader reader;
};

struct mux {
	int control_fd; /* listening */
	int agent_fd;   /* negative: a machine without an agent */
	bool is_ready;
	bool stop_requested;
	uint32_t boots, last_id;
	struct frame_queue to_agent;
	struct frame_reader reader;
	struct mux_client *clients[MUX_CLIENTS_MAX];
};

void mux_init(struct mux *m, int control_fd, int agent_fd);

/* Adds what to poll for; returns how many of the at most 2 + MUX_CLIENTS_MAX were used. */
size_t mux_poll_fds(struct mux *m, struct pollfd *fds);

/* Does all that can be done without waiting. */
void mux_dispatch(struct mux *m);

/* The guest was reset: its jobs are gone. */
void mux_guest_reset(struct mux *m);

/* The machine is gone: every client is told so, as far as it listens. */
void mux_end(struct mux *m);
