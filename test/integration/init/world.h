// SPDX-License-Identifier: Apache-2.0
/*
 * world.h - a small world to test init in: the real binary as PID 1 of new PID, mount and cgroup
 * namespaces, with a puppet for core (fake-core.c) on a string. Needs root and a cgroup2 mount;
 * else tests are skipped.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct world {
	pid_t init; /* as we see it */
	int listener, core;
	char cgroup[256], event[2048];
	int core_pid; /* as it sees itself */
};

/* Set: init waits for SIGUSR1 before it is executed, so that a tracer can be attached. */
extern bool world_paused;

/* Set: the world is a container without the right to mount: /proc and /run are there, cgroup2 is
 * read-only. */
extern bool world_unprivileged;

/**
 * world_open - starts init with @args (NULL at the end) and env FAKE_CHECK=@check (NULL: none)
 *
 * Returns 0 or -errno. $FAKE_READY is set if @ready. Ends the program with 77 (a skip) if worlds
 * cannot be made here.
 */
int world_open(struct world *w, bool ready, const char *check, const char *const *args);
/** world_close - kills init and with it all that lives there; cleans up the cgroups. Safe on a
 * half-made world. */
void world_close(struct world *w);

/** world_event - the next line from the puppet in w->event, "eof" when it ended. Returns 0, or
 * -ETIMEDOUT */
int world_event(struct world *w, int timeout_ms);
/** world_wait - skips lines up to one that begins with @prefix. Returns what follows the prefix, or
 * NULL after six times @timeout_ms (what it needs on a machine of one's own) */
const char *world_wait(struct world *w, const char *prefix, int timeout_ms);
void world_tell(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** world_started - waits for a new core up to its WELCOME. Returns the WELCOME's text or NULL */
const char *world_started(struct world *w, int timeout_ms);
/** world_ended - waits for the end of init; -ETIMEDOUT or its wait status */
int world_ended(struct world *w, int timeout_ms);
/** world_fault - a real fault in init, at its next instruction in its loop. Returns 0 or -errno */
int world_fault(struct world *w);
/** world_fault_stopped - the same in an init that we trace and that is stopped, wherever it is; it is
 * not traced any more then. 1: done, 0: it has no handler yet, and runs on; -errno */
int world_fault_stopped(struct world *w);
/** cpu_msec - what init has used so far */
long cpu_msec(const struct world *w);
/** has_line - does "key=value\n..." hold this whole line? */
bool has_line(const char *text, const char *line);
/** status_number - a number of /proc/INIT/status */
long status_number(const struct world *w, const char *key);
int count_fds(const struct world *w);
long long now_msec(void);

#define WITH_WORLD(w, ready, check, ...)                                                           \
	struct world w __attribute__((cleanup(world_close)));                                      \
	CHECK_INT(world_open(&w, ready, check,                                                     \
	                     (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL}),              \
	          ==, 0)
