// SPDX-License-Identifier: Apache-2.0
/*
 * Who looks behind the automount point waits in the kernel until core has mounted something there. Children of the driver do that,
 * since a process that waits so can only be killed. One that looked while the point was there sees the mount; whatever happens to
 * core and to the point, nobody waits for ever.
 */
#include "chaos.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#define POINT       "run-chaos-auto.automount"
#define MOUNT       "run-chaos-auto.mount"
#define ANSWER_USEC (12 * USEC_PER_SEC) /* times c->slow */

enum { SEES_MOUNT = 0, SEES_DIRECTORY = 1, SEES_ERROR = 16 }; /* the error plus 16 */

/* In a child of a process with threads: system calls alone. */
__attribute__((noreturn)) static void look(const char *path, const char *above)
{
	struct stat here, there;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &here) < 0 || stat(above, &there) < 0)
		_exit(SEES_ERROR + errno);
	_exit(here.st_dev == there.st_dev ? SEES_DIRECTORY : SEES_MOUNT);
}

void order_access(struct chaos *c)
{
	auto_free char *above = str_printf("/proc/%d/root/run/chaos", (int) c->w.init),
		       *path = path_join(above, "auto");
	const struct unit_model *point = &c->models[unit_find(POINT)];
	int mount = unit_find(MOUNT);

	for (size_t i = 0; i < ACCESSES_MAX; i++) {
		struct access *a = &c->accesses[i];

		if (a->pid > 0)
			continue;
		*a = (struct access){.at = now(CLOCK_BOOTTIME),
		                     .sure = !point->touched && point->pid && !c->access_excused};
		order_touch(c, mount);
		a->pid = chaos_fork(c);
		if (a->pid == 0)
			look(path, above);
		history(c, "process %d looks behind the automount point%s", a->pid,
		        a->sure ? "" : ", which may not be there");
		return;
	}
}

void order_automount(struct chaos *c)
{
	int point = unit_find(POINT), mount = unit_find(MOUNT);
	bool settled = !c->models[point].touched;

	c->access_excused = true;
	order_touch(c, mount);
	if (chaos_random(c, 2)) {
		/* It may be busy: somebody looks. */
		(void) order_queue(c, "stop", mount);
		c->models[mount].wanted = WANT_UNKNOWN;
	} else if (settled && !c->models[point].pid) {
		/* One that is still there with something on it cannot be started. */
		(void) order_queue(c, "start", point);
	} else {
		(void) order_queue(c, "stop", point);
	}
}

static void judge(struct chaos *c, const struct access *a, int status)
{
	const struct unit_model *point = &c->models[unit_find(POINT)];
	int seen = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

	history(c, "process %d was answered: %d", a->pid, seen);
	c->answered++;
	c->unmounted += seen != SEES_MOUNT;
	if (a->sure && !point->touched && !c->access_excused && seen != SEES_MOUNT)
		violation(c, "process %d looked behind the automount point and saw %s", a->pid,
		          seen == SEES_DIRECTORY ? "the bare directory" : "an error");
}

static bool collect_once(struct chaos *c)
{
	bool waits = false;

	for (size_t i = 0; i < ACCESSES_MAX; i++) {
		struct access *a = &c->accesses[i];
		int status;

		if (a->pid <= 0)
			continue;
		if (waitpid(a->pid, &status, WNOHANG) != a->pid) {
			waits = true;
			continue;
		}
		judge(c, a, status);
		a->pid = 0;
	}
	return waits;
}

void access_collect(struct chaos *c, bool wait)
{
	usec_t end = now(CLOCK_MONOTONIC) + ANSWER_USEC * c->slow;

	while (collect_once(c) && wait && now(CLOCK_MONOTONIC) < end)
		chaos_sleep(c, 5 * USEC_PER_MSEC);
	for (size_t i = 0; wait && i < ACCESSES_MAX; i++) {
		struct access *a = &c->accesses[i];

		if (a->pid <= 0)
			continue;
		violation(c, "process %d waits at the automount point since %llu ms", a->pid,
		          (unsigned long long) (now(CLOCK_BOOTTIME) - a->at) / 1000);
		(void) kill(a->pid, SIGKILL);
		(void) waitpid(a->pid, NULL, 0);
		a->pid = 0;
	}
}

/* A pid name space does not end before all of it is reaped, and these are our children. */
void accesses_end(struct chaos *c)
{
	for (size_t i = 0; i < ACCESSES_MAX; i++) {
		if (c->accesses[i].pid <= 0)
			continue;
		(void) kill(c->accesses[i].pid, SIGKILL);
		(void) waitpid(c->accesses[i].pid, NULL, 0);
		c->accesses[i].pid = 0;
	}
}
