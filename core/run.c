// SPDX-License-Identifier: Apache-2.0
/* run.c - a program that does one thing beside the loop for a caller of the interface ("rm" for clean). It has a deadline; a core
 * that dies meanwhile leaves it to end, and its caller asks again. */
#include "core.h"

#include "exec/exec.h"

#include <signal.h>
#include <sys/wait.h>

#define RUN_TIMEOUT_USEC (300 * USEC_PER_SEC)

struct run {
	struct pidref pid;
	struct source *source, *timer;
	void (*done)(int status, void *userdata);
	void *userdata;
};

static void run_free(struct run *run)
{
	source_free(run->source);
	source_free(run->timer);
	pidref_done(&run->pid);
	free(run);
}

static int on_end(struct source *s, const struct pidref *pid, void *userdata)
{
	struct run *run = userdata;
	int status = -1;

	(void) s;
	(void) waitpid(pid->pid, &status, WNOHANG);
	run->done(status, run->userdata);
	run_free(run);
	return 0;
}

static int on_deadline(struct source *s, usec_t deadline, void *userdata)
{
	struct run *run = userdata;

	(void) s, (void) deadline;
	return pidref_kill(&run->pid, SIGKILL);
}

int core_run_program(struct manager *m, char *const *argv, void (*done)(int status, void *userdata),
                     void *userdata)
{
	struct run *run = calloc(1, sizeof(*run));
	int r;

	if (!run)
		return -ENOMEM;
	*run = (struct run){.pid = PIDREF_NULL, .done = done, .userdata = userdata};
	r = exec_spawn_plain(m, argv, NULL, -EBADF, &run->pid);
	if (r >= 0)
		r = loop_add_pid(m->loop, &run->pid, "run", on_end, run, &run->source);
	if (r >= 0)
		r = loop_add_time(m->loop, CLOCK_BOOTTIME, now(CLOCK_BOOTTIME) + RUN_TIMEOUT_USEC,
		                  USEC_PER_SEC, "run-deadline", on_deadline, run, &run->timer);
	if (r < 0) {
		(void) pidref_kill(&run->pid, SIGKILL);
		run_free(run);
	}
	return r;
}
