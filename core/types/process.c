// SPDX-License-Identifier: Apache-2.0
/* Control processes, and finding them again after core was replaced. */
#include "types/common.h"

#include "base/fault.h"

#include <stdio.h>

/* More processes than this in a cgroup at adoption are not looked at; the ones of interest are the
 * oldest, and come first. */
#define FIND_PIDS_MAX 256

const struct exec_command *command_nth(const struct exec_command *list, unsigned n)
{
	while (list && n-- > 0)
		list = list->next;
	return list;
}

void spawn_intent(struct unit *u)
{
	/* Its failure is the spawn's to report. */
	if (!u->cgroup)
		(void) cgroup_realize(u);
	(void) namespaces_prepare(u);
	unit_save(u);
}

int control_spawn(struct unit *u, const struct exec_command *c, char *const *environment,
                  struct pidref *ret)
{
	int boxes[EXEC_BOX_MAX], r;
	const struct exec_request q = {
		.unit = u,
		.command = c,
		.settings = u->file->exec,
		.cgroup = u->file->cgroup,
		.flags = EXEC_CONTROL | EXEC_NEW_DIRECTORIES |
	                 (c->flags & EXEC_FULLY_PRIVILEGED ? 0 : EXEC_APPLY_SANDBOX),
		.environment = environment,
		.stdio_socket = -EBADF,
		.exec_fd = -EBADF,
		.boxes = boxes,
	};
	struct diag d = {0};

	r = namespaces_boxes(u, boxes);
	if (r >= 0)
		r = exec_spawn(u->manager, &q, &d, ret);
	if (r < 0) {
		diag_log(&d, u->id);
		return log_unit_errno(LOG_WARNING, u->id, r, "Cannot start '%s': %m", c->path);
	}
	r = unit_watch_pid(u, ret->pid);
	if (r < 0)
		/* Its exit still finds us, through the cgroup. */
		log_unit_errno(LOG_WARNING, u->id, r, "Cannot watch process %d: %m", ret->pid);
	return 0;
}

void process_forget(struct unit *u, struct pidref *p)
{
	if (pidref_is_set(p))
		unit_unwatch_pid(u, p->pid);
	pidref_done(p);
}

void record_add_process(struct strbuf *b, const char *key, const struct pidref *p)
{
	if (pidref_is_set(p))
		record_add_pid(b, key, p);
}

/* There was no fd to read its start time with: then it is whom we mean if it is in the unit's
 * cgroup. */
static int open_by_cgroup(const struct unit *u, pid_t pid, struct pidref *ret)
{
	auto_free char *cgroup = NULL;
	struct pidref p;
	int r = pidref_open(pid, &p);

	if (r < 0)
		return r;
	r = cgroupfs_of_pid(pid, &cgroup);
	if (r >= 0 && (!u->cgroup || !path_below(cgroup, u->cgroup)))
		r = -ESRCH;
	if (r < 0) {
		pidref_done(&p);
		return r;
	}
	*ret = p;
	return 0;
}

int record_take_process(struct unit *u, const struct record *r, const char *key, struct pidref *ret)
{
	pid_t pid;
	uint64_t start_time;
	int k;

	*ret = PIDREF_NULL;
	if (!record_get_pid(r, key, &pid, &start_time) || pid <= 1)
		return 0;
	k = start_time ? pidref_open_verified(pid, start_time, ret) : open_by_cgroup(u, pid, ret);
	if (k < 0)
		*ret = (struct pidref){.pid = pid, .pidfd = -EBADF, .start_time = start_time};
	(void) unit_watch_pid(u, pid);
	return k >= 0;
}

/* @start_time is rounded down to its tick. */
static bool is_since(uint64_t start_time, usec_t since)
{
	long ticks = sysconf(_SC_CLK_TCK);

	return ticks > 0 && start_time > 0 &&
	       (start_time + 1) * USEC_PER_SEC / (usec_t) ticks >= since;
}

int process_find_spawned(struct unit *u, const struct spawn_search *q, struct pidref *ret)
{
	pid_t pids[FIND_PIDS_MAX];
	struct pidref best = PIDREF_NULL, p;
	int n, r;

	n = cgroup_pids(u, pids, ELEMENTSOF(pids));
	for (int i = 0; i < n; i++) {
		if (pids[i] == q->known[0] || pids[i] == q->known[1])
			continue;
		r = pidref_open(pids[i], &p);
		if (r == -ESRCH)
			continue;
		if (r < 0) {
			pidref_done(&best);
			return r;
		}
		/* The oldest is the one that was spawned, the others are its children. */
		if (is_since(p.start_time, q->since) &&
		    (!pidref_is_set(&best) || p.start_time < best.start_time)) {
			pidref_done(&best);
			best = p;
		} else {
			pidref_done(&p);
		}
	}
	if (n < 0 || !pidref_is_set(&best))
		return n < 0 ? n : 0;
	*ret = best;
	(void) unit_watch_pid(u, best.pid);
	return 1;
}

/* Is @pid, a child of init, the unit's and none that is known? */
static int is_candidate(const struct unit *u, const struct spawn_search *q, pid_t pid)
{
	auto_free char *cgroup = NULL;
	uint64_t start;
	int r;

	if (pid == q->known[0] || pid == q->known[1])
		return 0;
	/* Both can be read of a zombie, too. */
	r = cgroupfs_of_pid(pid, &cgroup);
	if (r >= 0)
		r = path_below(cgroup, u->cgroup) ? pid_start_time(pid, &start) : -ESRCH;
	if (r < 0)
		return r == -ESRCH || r == -ENODATA ? 0 : r;
	return is_since(start, q->since);
}

int process_is_dying(struct unit *u, const struct spawn_search *q)
{
	auto_free char *path = NULL, *text = NULL;
	pid_t pids[FIND_PIDS_MAX], pid;
	int r, n;

	if (!u->cgroup)
		return -EOPNOTSUPP;
	path = str_printf("/proc/%d/task/%d/children", (int) getppid(), (int) getppid());
	if (!path)
		return -ENOMEM;
	r = file_read(path, &text, NULL);
	if (r < 0)
		return r;
	for (char *rest, *word = strtok_r(text, " \n", &rest); word;
	     word = strtok_r(NULL, " \n", &rest)) {
		bool lives = false;

		if (str_to_pid(word, &pid) < 0)
			continue;
		r = is_candidate(u, q, pid);
		if (r < 0)
			return r;
		if (r == 0)
			continue;
		/* Read after the children, so that who is not in it is past its exit. */
		n = cgroup_pids(u, pids, ELEMENTSOF(pids));
		if (n < 0)
			return n;
		for (int i = 0; i < n; i++)
			lives = lives || pids[i] == pid;
		if (!lives)
			return 1;
	}
	return 0;
}

bool exit_is_since(const struct process_exit *e, usec_t since)
{
	return is_since(e->start_time, since);
}

bool process_is_lost(const struct pidref *p, struct process_exit *ret)
{
	uint64_t start_time;
	int r;

	if (!pidref_is_set(p) || p->pidfd >= 0)
		return false;
	r = pid_start_time(p->pid, &start_time);
	/* Not to be able to look says nothing. */
	if ((r < 0 && r != -ESRCH) || (r >= 0 && start_time == p->start_time))
		return false;
	*ret = (struct process_exit){
		.pid = p->pid, .start_time = p->start_time, .code = CLD_KILLED, .status = SIGKILL};
	return true;
}

static char *invocation_path(const struct unit *u)
{
	return str_printf("/run/systemd/units/invocation:%s", u->id);
}

int invocation_publish(struct unit *u)
{
	char text[ID128_TEXT_MAX];
	auto_free char *path = NULL;
	int r;

	r = unit_new_invocation(u);
	if (r < 0 || u->manager->is_test)
		return r;
	path = invocation_path(u);
	if (!path)
		return -ENOMEM;
	id128_format(&u->invocation_id, text);
	/* Usually it is not there. */
	FAULT_POINT("invocation.publish.before");
	r = symlink(text, path) < 0 ? -errno : 0;
	if (r == -ENOENT && mkdir_parents(path, 0755) >= 0)
		r = symlink(text, path) < 0 ? -errno : 0;
	if (r == -EEXIST)
		r = symlink_atomic(text, path);
	/* Only journald's _SYSTEMD_INVOCATION_ID= depends on it. */
	if (r < 0)
		log_debug_errno(r, "Cannot publish the invocation id of '%s': %m", u->id);
	return 0;
}

void invocation_unpublish(struct unit *u)
{
	auto_free char *path = NULL;

	if (u->manager->is_test)
		return;
	path = invocation_path(u);
	FAULT_POINT("invocation.unlink.before");
	if (path && unlink(path) < 0 && errno != ENOENT)
		log_debug_errno(errno, "Cannot remove '%s': %m", path);
}
