// SPDX-License-Identifier: Apache-2.0
#include "cgroup/internal.h"

#include "base/fault.h"

#include <signal.h>

/* A fork can run ahead of us for a while; those signalled before are not signalled again. */
#define SIGNAL_ROUNDS_MAX 16

struct signal_walk {
	const char *cgroup;
	struct map *seen;
	int sig, n, error;
	pid_t except[2];
	bool found;
};

/* Between reading the list and here the pid may have become someone else's: it must still be in the
 * cgroup when its pidfd is open. */
static int signal_one(pid_t pid, void *userdata)
{
	struct signal_walk *w = userdata;
	struct pidref p = PIDREF_NULL;
	auto_free char *cgroup = NULL;
	int r;

	if (pid == w->except[0] || pid == w->except[1] || pid == getpid() ||
	    map_has(w->seen, map_pid_key(pid)))
		return 0;
	r = pidref_open(pid, &p);
	if (r >= 0)
		r = cgroupfs_of_pid(pid, &cgroup);
	if (r >= 0)
		r = path_below(cgroup, w->cgroup) ? pidref_kill(&p, w->sig) : -ESRCH;
	pidref_done(&p);
	if (r >= 0) {
		w->n++;
		w->found = true;
	} else if (r != -ESRCH && r != -ENODATA) {
		w->error = r;
	}
	r = map_add(w->seen, map_pid_key(pid), w);
	return r == -EEXIST ? 0 : r;
}

int cgroup_signal(struct unit *u, int sig, pid_t except_a, pid_t except_b)
{
	struct signal_walk w = {
		.cgroup = u->cgroup, .sig = sig, .except = {except_a, except_b}, .found = true};
	int r = 0;

	if (!u->cgroup || u->manager->no_cgroup)
		return 0;
	/* Nobody is there: the usual case after a main process ended. */
	r = cgroupfs_is_populated(u->cgroup);
	if (r <= 0)
		return r;
	r = 0;
	if (sig == SIGKILL && except_a <= 0 && except_b <= 0) {
		FAULT_POINT("cgroup.kill.before");
		r = cgroupfs_kill(u->cgroup);
		FAULT_POINT("cgroup.kill.after");
		return r < 0 ? r : 1;
	}
	w.seen = map_new(MAP_POINTER);
	if (!w.seen)
		return -ENOMEM;
	for (unsigned i = 0; r >= 0 && w.found && i < SIGNAL_ROUNDS_MAX; i++) {
		w.found = false;
		r = cgroupfs_foreach_pid(u->cgroup, true, signal_one, &w);
	}
	map_free(w.seen);
	if (r < 0 && r != -ENOENT && r != -ENODEV)
		return r;
	return w.error < 0 ? w.error : w.n;
}

struct pid_list {
	pid_t *pids;
	size_t n, max;
};

static int add_pid(pid_t pid, void *userdata)
{
	struct pid_list *l = userdata;

	if (l->n >= l->max)
		return 1;
	l->pids[l->n++] = pid;
	return 0;
}

int cgroup_pids(const struct unit *u, pid_t *pids, size_t max)
{
	struct pid_list l = {.pids = pids, .max = max};
	int r;

	if (!u->cgroup || u->manager->no_cgroup)
		return 0;
	r = cgroupfs_foreach_pid(u->cgroup, true, add_pid, &l);
	return r < 0 && r != -ENOENT && r != -ENODEV ? r : (int) l.n;
}
