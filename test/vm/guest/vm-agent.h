// SPDX-License-Identifier: Apache-2.0
/*
 * vm-agent.h - commands in a guest, by order of the host, whatever init runs there.
 *
 * The initramfs starts the agent before the init under test; it lives on the initramfs, has the
 * real root as its root, holds no file of it open, and depends on nothing of it but what its
 * commands run. vm-agent.c is the loop between the port and the jobs, guest-job.c one job,
 * guest-builtin.c the commands beginning with '@' that need no program in the image.
 */
#pragma once

#include "../frame.h"
#include "../util.h"

#include <sys/types.h>

#define JOBS_MAX 48

struct job {
	bool is_used;
	uint32_t id;
	pid_t pid;
	int pidfd;
	int in_fd, out_fd, err_fd;
	bool in_ends;    /* the host sent the end of the input */
	bool has_exited; /* result holds how */
	bool is_timed_out;
	uint64_t deadline_msec;
	uint32_t window; /* output bytes, headers included, that the host still takes */
	struct frame_exit result;
	uint8_t *in_bytes; /* input that the command did not take yet */
	size_t in_start, in_end;
};

/**
 * job_start - runs a command
 * @j:    receives it; untouched on failure
 * @data: a frame's struct frame_exec and arguments
 *
 * Returns 0, -EBADMSG for a malformed request, or another negative errno when there is no process.
 */
int job_start(struct job *j, uint32_t id, const uint8_t *data, size_t n);

/* Takes input for the command; returns 0, or -ENOBUFS if the host sent more than its window. */
int job_take_input(struct job *j, const uint8_t *data, size_t n);

/* Passes on as much input as the command takes; queues acknowledgements. Returns 0 or a negative
 * errno of the queue. */
int job_pump_input(struct job *j, struct frame_queue *out);

/* Reads output within the window; returns 0 or a negative errno of the queue. */
int job_pump_output(struct job *j, struct frame_queue *out);

/* Kills the command and what is left of its process group. */
void job_kill(struct job *j);

/* Kills the command and drops its output: nobody will acknowledge it any more. */
void job_cancel(struct job *j);

/* Collects the exit status once the pidfd says there is one. */
void job_reap(struct job *j);

/* Whether everything was passed on, so that EXIT can be sent. */
bool job_is_over(const struct job *j);

void job_done(struct job *j);

/**
 * builtin_run - runs an '@' command in the process that the caller forked
 *
 * Returns its exit status; -1 when there is none of that name.
 */
int builtin_run(int argc, char **argv);
