// SPDX-License-Identifier: Apache-2.0
/*
 * world.h - the real init with the real core in PID, mount, cgroup, network and UTS namespaces, on
 * unit files in a directory of its own. Needs root and a cgroup2 mount; else tests are skipped.
 * Pids of services are as the world sees them; world_pid() translates.
 */
#pragma once

#include "base/base.h"
#include "base/varlink.h"

struct world {
	pid_t init;   /* as we see it */
	char dir[64]; /* units/ version/ and whatever tests put there; the same path inside and
	                 outside */
	char cgroup[256];
	char socket[64];                 /* of the control interface, as seen from outside */
	const char *const *init_options; /* "--hang-usec=N", ..., NULL; set after world_prepare() */
	bool packaged_generators; /* DIR/packaged is the folder of systemd's, and the usual ones count */
	const char *run_options; /* of the tmpfs on /run; NULL: "mode=0755" */
};

/* Where a program of this build is: there, or in $WORLD_PROGRAMS, on a machine that has no build. */
char *world_program(const char *built);
/* Makes the directories; units are put next, then world_start(). Ends the program with 77 (a skip)
 * if worlds cannot be made here. */
void world_prepare(struct world *w);
void world_put(struct world *w, const char *name, const char *fmt, ...)
	_printf_(3, 4); /* units/NAME */
/* Waits until the control interface answers. */
int world_start(struct world *w);
void world_launch(struct world *w); /* the same without waiting */
/* Queues @verb; 0 once core has said that it is queued. */
int world_queue(struct world *w, const char *verb, const char *unit);
void world_close(struct world *w); /* kills all that lives there; shows the log if a test failed */

/* One call; the answer is checked for an error name. -EREMOTEIO: it answered with one (printed).
 * Retries while core is away. */
int world_call(struct world *w, const char *method, cJSON *parameters_take, cJSON **ret);
/* Queues @verb and waits for the job; its result: "done", ...; or the error's name. Static buffer.
 */
const char *world_order(struct world *w, const char *verb, const char *unit);
const char *world_property(struct world *w, const char *unit,
                           const char *key); /* as text; static buffers, eight of them */
long world_number(struct world *w, const char *unit, const char *key);
/* Until the property has this value. The value seen last. */
const char *world_wait(struct world *w, const char *unit, const char *key, const char *value,
                       int timeout_ms);
char *world_manager(struct world *w, const char *key); /* of Manager.Describe, as text */

pid_t world_core(const struct world *w);             /* core's pid as we see it; 0: there is none */
pid_t world_pid(const struct world *w, long inside); /* a child of init; 0 */
int world_kill(const struct world *w, long inside, int sig);
/*
 * Writes @code over the first bytes of a function of a running program (@name: core or init), found by nm(1) in our build of
 * it: a fault or a hang that is real. -ENOENT: no such function.
 */
int world_poke(struct world *w, pid_t pid, const char *name, const char *function, const void *code,
               size_t size);
char *world_crash_directory(const struct world *w); /* where reports are kept */
/* Kills core and waits until the next one answers. Milliseconds that took, or -ETIMEDOUT. */
int world_kill_core(struct world *w, int sig);
bool world_has_file(const struct world *w, const char *name);
char *world_file(const struct world *w, const char *name); /* content or NULL */
long long world_msec(void);

#define WITH_WORLD(w)                                                                              \
	struct world w __attribute__((cleanup(world_close)));                                      \
	world_prepare(&w)
