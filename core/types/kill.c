// SPDX-License-Identifier: Apache-2.0
/*
 * kill.c - signals by KillMode=: to the main and the control process by their pidfds, to all others
 * of the unit through its cgroup.
 *
 * "Nobody is there" is said only when the kernel said so. A signal that could not be sent, or of
 * which it cannot be told whom it had to reach (no fds, no memory), is due: it is sent again every
 * KILL_RETRY_USEC until it is out, or until the unit has left the state that sent it.
 */
#include "types/common.h"

#include "base/fault.h"

#define KILL_RETRY_USEC (50 * USEC_PER_MSEC)
/* After that the deadline of the unit's state decides, as it does for processes that do not end. */
#define KILL_TRIES_MAX 100

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

/* 1 signalled, 0 it is gone */
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

static const struct kill_settings *kill_settings_of(const struct unit *u)
{
	static const struct kill_settings fallback = {.mode = KILL_CONTROL_GROUP,
	                                              .kill_signal = SIGTERM,
	                                              .final_kill_signal = SIGKILL,
	                                              .watchdog_signal = SIGABRT,
	                                              .send_sigkill = true};

	return u->file->kill ? u->file->kill : &fallback;
}

/* The others in the cgroup. More than 0: signalled so many. */
static int signal_cgroup(struct unit *u, int sig, bool hangup)
{
	struct unit_kill *w = &u->kill;
	int r = cgroup_signal(u, sig, w->except[0], w->except[1]);

	if (r == -ENOENT || r == -ESRCH)
		return 0;
	if (r < 0)
		return log_unit_errno(LOG_WARNING, u->id, r, "Cannot signal the control group: %m");
	if (r > 0 && hangup)
		(void) cgroup_signal(u, SIGHUP, w->except[0], w->except[1]);
	return r;
}

/* What is left to be signalled of u->kill. 1: something will end, 0: nobody was there; negative:
 * not everybody could be reached. */
static int kill_rest(struct unit *u)
{
	const struct kill_settings *k = kill_settings_of(u);
	struct unit_kill *w = &u->kill;
	bool soft = w->step == KILL_STEP_TERMINATE || w->step == KILL_STEP_RESTART;
	int sig = kill_step_signal(k, w->step), main, control, others = 0;
	bool hangup = soft && k->send_sighup && sig != SIGHUP;

	/* One that is gone already is waited for, too: its exit, which says how, is on its way. */
	w->wait = w->wait || (w->main && pidref_is_set(w->main) && !w->main_is_alien) ||
	          (w->control && pidref_is_set(w->control));

	main = signal_one(u, w->main, sig, hangup);
	control = signal_one(u, w->control, sig, hangup);
	/* Who is gone is not excepted: if somebody of that number is in the cgroup, it is of ours. */
	if (main > 0)
		w->except[0] = target_pid(w->main);
	if (control > 0)
		w->except[1] = target_pid(w->control);
	if (u->cgroup &&
	    (k->mode == KILL_CONTROL_GROUP || (k->mode == KILL_MIXED && w->step == KILL_STEP_KILL)))
		others = signal_cgroup(u, sig, hangup);
	w->wait = w->wait || others > 0;
	if (main >= 0)
		w->main = NULL;
	if (control >= 0)
		w->control = NULL;
	if (main < 0 || control < 0 || others < 0)
		return main < 0 ? main : control < 0 ? control : others;
	return w->wait;
}

static void kill_forget(struct unit *u)
{
	list_remove(&u->kill.link);
	u->kill = (struct unit_kill){0};
}

bool kill_is_due(const struct unit *u)
{
	return list_is_linked(&u->kill.link);
}

static void try_again(struct unit *u)
{
	enum unit_active_state s = unit_active_state(u);
	int r;

	if (s == UNIT_INACTIVE || s == UNIT_FAILED) {
		kill_forget(u);
		return;
	}
	r = kill_rest(u);
	if (r < 0 && ++u->kill.tries < KILL_TRIES_MAX)
		return;
	if (r < 0)
		log_unit_errno(LOG_ERR, u->id, r,
		               "Giving up on its processes until the next step: %m");
	kill_forget(u);
	unit_save_soon(u);
	/* The event that was missed, so to speak. */
	if (r == 0 && u->ops->on_cgroup_empty)
		u->ops->on_cgroup_empty(u);
}

static int on_retry(struct source *source, _unused_ usec_t deadline, void *userdata)
{
	struct manager *m = userdata;
	struct list todo;
	struct unit *u;

	/* What a unit does next may put it, or another one, into the list again. */
	list_init(&todo);
	while ((u = LIST_FIRST(&m->kill_due, struct unit, kill.link))) {
		list_remove(&u->kill.link);
		list_append(&todo, &u->kill.link);
	}
	while ((u = LIST_FIRST(&todo, struct unit, kill.link))) {
		list_remove(&u->kill.link);
		list_append(&m->kill_due, &u->kill.link);
		try_again(u);
	}
	if (!list_is_empty(&m->kill_due))
		(void) source_set_time(source, usec_add(now(CLOCK_BOOTTIME), KILL_RETRY_USEC));
	return 0;
}

/* Made before it is needed: what it is for is a lack of memory. */
static int make_timer(struct manager *m)
{
	if (m->kill_timer)
		return 0;
	return loop_add_time(m->loop, CLOCK_BOOTTIME, USEC_INFINITY, TIMER_EXACT, "kill retry",
	                     on_retry, m, &m->kill_timer);
}

int processes_kill(struct unit *u, enum kill_step step, const struct kill_targets *t)
{
	struct manager *m = u->manager;
	int timer = make_timer(m), r;

	kill_forget(u);
	if (kill_settings_of(u)->mode == KILL_NONE)
		return 0;
	u->kill = (struct unit_kill){.main = t->main,
	                             .control = t->control,
	                             .step = (uint8_t) step,
	                             .main_is_alien = t->main_is_alien};
	r = kill_rest(u);
	if (r >= 0) {
		kill_forget(u);
		return r;
	}
	if (timer >= 0)
		timer = source_set_time(m->kill_timer,
		                        usec_add(now(CLOCK_BOOTTIME), KILL_RETRY_USEC));
	if (timer >= 0)
		list_append(&m->kill_due, &u->kill.link);
	else
		log_unit_errno(LOG_ERR, u->id, timer, "Waiting for the next step to signal: %m");
	return 1;
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
