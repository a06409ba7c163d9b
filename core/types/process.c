// SPDX-License-Identifier: Apache-2.0
/* Control processes, their signals, and finding them again after core was replaced. */
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
	unit_save(u);
}

int control_spawn(struct unit *u, const struct exec_command *c, char *const *environment,
                  struct pidref *ret)
{
	const struct exec_request q = {
		.unit = u,
		.command = c,
		.settings = u->file->exec,
		.cgroup = u->file->cgroup,
		.flags = EXEC_CONTROL | (c->flags & EXEC_FULLY_PRIVILEGED ? 0 : EXEC_APPLY_SANDBOX),
		.environment = environment,
		.stdio_socket = -EBADF,
		.exec_fd = -EBADF,
	};
	struct diag d = {0};
	int r;

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

static int kill_step_signal(const struct kill_settings *k, enum kill_step step)
{
	switch (step) {
	case KILL_STEP_WATCHDOG:
		return k->watchdog_signal;
	case KILL_STEP_KILL:
		return k->final_kill_signal;
	case KILL_STEP_RESTART:
		return k->restart_kill_signal > 0 ? k->restart_kill_signal : k->kill_signal;
	case KILL_STEP_TERMINATE:
	default:
		return k->kill_signal;
	}
}

static int signal_one(const struct unit *u, const struct pidref *p, int sig, bool hangup)
{
	int r;

	if (!p || !pidref_is_set(p))
		return 0;
	r = pidref_kill(p, sig);
	FAULT_POINT("process.signal.after");
	if (r == -ESRCH)
		return 0;
	if (r < 0)
		return log_unit_errno(LOG_WARNING, u->id, r, "Cannot send %s to process %d: %m",
		                      signal_to_string(sig), p->pid);
	/* A stopped process could not act on it. */
	if (sig != SIGKILL && sig != SIGCONT)
		(void) pidref_kill(p, SIGCONT);
	if (hangup)
		(void) pidref_kill(p, SIGHUP);
	return 1;
}

static pid_t target_pid(const struct pidref *p)
{
	return p && pidref_is_set(p) ? p->pid : 0;
}

int processes_kill(struct unit *u, enum kill_step step, const struct kill_targets *t)
{
	static const struct kill_settings fallback = {.mode = KILL_CONTROL_GROUP,
	                                              .kill_signal = SIGTERM,
	                                              .final_kill_signal = SIGKILL,
	                                              .watchdog_signal = SIGABRT,
	                                              .send_sigkill = true};
	const struct kill_settings *k = u->file->kill ? u->file->kill : &fallback;
	bool soft = step == KILL_STEP_TERMINATE || step == KILL_STEP_RESTART, wait = false;
	int sig, r;

	if (k->mode == KILL_NONE)
		return 0;
	sig = kill_step_signal(k, step);
	r = signal_one(u, t->main, sig, soft && k->send_sighup && sig != SIGHUP);
	if (r < 0)
		return r;
	wait = r > 0 && !t->main_is_alien;
	r = signal_one(u, t->control, sig, soft && k->send_sighup && sig != SIGHUP);
	if (r < 0)
		return r;
	wait = wait || r > 0;
	if (u->cgroup &&
	    (k->mode == KILL_CONTROL_GROUP || (k->mode == KILL_MIXED && step == KILL_STEP_KILL))) {
		r = cgroup_signal(u, sig, target_pid(t->main), target_pid(t->control));
		if (r < 0 && r != -ENOENT && r != -ESRCH)
			log_unit_errno(LOG_WARNING, u->id, r,
			               "Cannot signal the control group: %m");
		if (r > 0) {
			wait = true;
			if (soft && k->send_sighup && sig != SIGHUP)
				(void) cgroup_signal(u, SIGHUP, target_pid(t->main),
				                     target_pid(t->control));
		}
	}
	return wait;
}

int processes_kill_who(struct unit *u, enum kill_who who, int sig, const struct kill_targets *t,
                       struct diag *d)
{
	static const char *const names[] = {"main", "control"};
	const struct pidref *one = who == KILL_WHO_MAIN ? t->main : t->control;
	int n = 0, r;

	if (who != KILL_WHO_ALL) {
		if (!one || !pidref_is_set(one))
			return diag_add(d, -ESRCH, DIAG_ERROR, u->id, 0, "No %s process to kill",
			                names[who]);
		r = pidref_kill(one, sig);
		return r < 0 ? diag_add(d, r, DIAG_ERROR, u->id, 0, "Cannot signal process %d: %s",
		                        one->pid, strerror(-r))
		             : 0;
	}
	if (t->main && pidref_is_set(t->main) && pidref_kill(t->main, sig) >= 0)
		n++;
	if (t->control && pidref_is_set(t->control) && pidref_kill(t->control, sig) >= 0)
		n++;
	if (u->cgroup) {
		r = cgroup_signal(u, sig, target_pid(t->main), target_pid(t->control));
		if (r > 0)
			n += r;
		else if (r < 0 && n == 0 && r != -ENOENT)
			return diag_add(d, r, DIAG_ERROR, u->id, 0,
			                "Cannot signal the control group: %s", strerror(-r));
	}
	return n > 0 ? 0 : diag_add(d, -ESRCH, DIAG_ERROR, u->id, 0, "No process to kill");
}

void record_add_process(struct strbuf *b, const char *key, const struct pidref *p)
{
	if (pidref_is_set(p))
		record_add_pid(b, key, p);
}

int record_take_process(struct unit *u, const struct record *r, const char *key, struct pidref *ret)
{
	pid_t pid;
	uint64_t start_time;
	int k;

	*ret = PIDREF_NULL;
	if (!record_get_pid(r, key, &pid, &start_time) || pid <= 1)
		return 0;
	k = pidref_open_verified(pid, start_time, ret);
	if (k < 0)
		*ret = (struct pidref){.pid = pid, .pidfd = -EBADF, .start_time = start_time};
	(void) unit_watch_pid(u, pid);
	return k >= 0;
}

int process_find_spawned(struct unit *u, pid_t known_a, pid_t known_b, struct pidref *ret)
{
	pid_t pids[FIND_PIDS_MAX];
	struct pidref best = PIDREF_NULL, p;
	int n;

	n = cgroup_pids(u, pids, ELEMENTSOF(pids));
	for (int i = 0; i < n; i++) {
		if (pids[i] == known_a || pids[i] == known_b || pidref_open(pids[i], &p) < 0)
			continue;
		/* The oldest is the one that was spawned, the others are its children. */
		if (!pidref_is_set(&best) || p.start_time < best.start_time) {
			pidref_done(&best);
			best = p;
		} else {
			pidref_done(&p);
		}
	}
	if (!pidref_is_set(&best))
		return 0;
	*ret = best;
	(void) unit_watch_pid(u, best.pid);
	return 1;
}

bool exit_is_since(const struct process_exit *e, usec_t since)
{
	long ticks = sysconf(_SC_CLK_TCK);

	/* A start time is rounded down to its tick. */
	return ticks > 0 && e->start_time > 0 &&
	       (e->start_time + 1) * USEC_PER_SEC / (usec_t) ticks >= since;
}

bool process_is_lost(const struct pidref *p, struct process_exit *ret)
{
	uint64_t start_time;

	if (!pidref_is_set(p) || p->pidfd >= 0)
		return false;
	if (pid_start_time(p->pid, &start_time) >= 0 &&
	    (p->start_time == 0 || start_time == p->start_time))
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
