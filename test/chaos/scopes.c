// SPDX-License-Identifier: Apache-2.0
/*
 * Processes of ours that scopes take in, as a login session's are: in the world's pid name space, children of the driver. Each begins
 * in a cgroup that is nobody's; when it was taken in, it is in its scope's, and ends with it.
 */
#include "chaos.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#define SETTLE_USEC (2 * USEC_PER_SEC) /* times c->slow */
#define END_USEC    (5 * USEC_PER_SEC)

static const char *const names[SCOPES] = {"sc0.scope", "sc1.scope"};

static char *nursery(const struct chaos *c)
{
	return path_join(c->w.cgroup, SCOPE_NURSERY);
}

void scopes_open(struct chaos *c)
{
	auto_free char *path = nursery(c);

	if (mkdir(path, 0755) < 0)
		violation(c, "cannot make %s: %s", path, strerror(errno));
}

static pid_t spawn(struct chaos *c, const char *unit)
{
	auto_free char *path = nursery(c), *procs = path_join(path, "cgroup.procs"),
		       *helper = path_join(c->w.dir, "version/chaos-service"),
		       *directory = str_printf("CHAOS_DIR=%s", c->w.dir);
	char *argv[] = {helper, (char *) (uintptr_t) "run", (char *) (uintptr_t) unit, NULL},
	     *envp[] = {directory, NULL}, text[16];
	sigset_t term, was;
	pid_t pid;

	/* What it is told before it is executed waits until then. */
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	(void) sigprocmask(SIG_BLOCK, &term, &was);
	pid = chaos_fork(c);
	if (pid == 0) {
		execve(argv[0], argv, envp);
		_exit(121);
	}
	(void) sigprocmask(SIG_SETMASK, &was, NULL);
	/* Not by itself: core may have moved it by then. */
	snprintf(text, sizeof(text), "%d", pid);
	return pid > 0 && file_write_attr(procs, text) >= 0 ? pid : -1;
}

static bool reap(struct member *m)
{
	if (m->pid > 0 && waitpid(m->pid, NULL, WNOHANG) == m->pid)
		*m = (struct member){0};
	return m->pid == 0;
}

/* A member that nobody took in is told to go, so that it ends its books. */
static void dismiss(struct chaos *c, struct member *m)
{
	usec_t end = now(CLOCK_MONOTONIC) + END_USEC * c->slow;

	history(c, "process %d goes again", m->inside);
	(void) kill(m->pid, SIGTERM);
	while (!reap(m)) {
		if (now(CLOCK_MONOTONIC) > end)
			(void) kill(m->pid, SIGKILL);
		chaos_sleep(c, USEC_PER_MSEC);
	}
}

static void make(struct chaos *c, size_t i, int unit)
{
	cJSON *p = cJSON_CreateObject(), *pids = cJSON_CreateArray();
	struct member *m = &c->members[i];
	int r;

	m->pid = spawn(c, names[i]);
	m->inside = m->pid > 0 ? truth_pid_inside(m->pid) : 0;
	if (m->inside <= 0) {
		violation(c, "a process for %s cannot be made", names[i]);
		return;
	}
	cJSON_AddItemToArray(pids, cJSON_CreateNumber(m->inside));
	json_add_string(p, "name", names[i]);
	json_add_take(p, "pids", pids);
	json_add_bool(p, "wait", false);
	json_add_string(p, "mode", "replace");
	order_touch(c, unit);
	r = call_once(c, "org.sysmaster.Unit.StartTransient", p, 2 * USEC_PER_SEC, NULL);
	history(c, "%s takes in %d: %s", names[i], m->inside, r < 0 ? strerror(-r) : "queued");
	if (r >= 0) {
		c->orders++;
		c->models[unit].wanted = WANT_UP;
	} else if (r == -EREMOTEIO) {
		/* Refused: its name is still taken. */
		dismiss(c, m);
	}
}

void order_scope(struct chaos *c)
{
	size_t i = chaos_random(c, SCOPES);
	struct member *m = &c->members[i];
	int unit = unit_find(names[i]);
	cJSON *p;

	if (reap(m)) {
		make(c, i, unit);
		return;
	}
	switch (chaos_random(c, 3)) {
	case 0:
		(void) order_queue(c, "stop", unit);
		break;
	case 1:
		/* Its only process ends by itself, and the scope with it. */
		order_touch(c, unit);
		history(c, "process %d of %s ends", m->inside, names[i]);
		(void) kill(m->pid, SIGTERM);
		c->models[unit].wanted = WANT_DOWN;
		break;
	default:
		p = cJSON_CreateObject();
		json_add_string(p, "name", names[i]);
		(void) call_once(c, "org.sysmaster.Unit.Abandon", p, 2 * USEC_PER_SEC, NULL);
		history(c, "%s is abandoned", names[i]);
		break;
	}
}

void scopes_collect(struct chaos *c, const struct truth *t)
{
	for (size_t i = 0; i < SCOPES; i++) {
		struct member *m = &c->members[i];

		if (reap(m))
			continue;
		for (size_t k = 0; k < t->n; k++)
			if (t->processes[k].inside == m->inside &&
			    !truth_is_of(&t->processes[k], names[i]))
				dismiss(c, m);
	}
}

/*
 * Nobody tells core of the end of a process that is not init's but its cgroup, of which the kernel tells some milliseconds late, and
 * core hears later still if it had no memory then. Whatever is wanted of the scope by now, it ends with its process.
 */
void scopes_settle(struct chaos *c)
{
	for (size_t i = 0; i < SCOPES; i++) {
		const struct unit_model *m = &c->models[unit_find(names[i])];
		usec_t end = now(CLOCK_MONOTONIC) + SETTLE_USEC * c->slow;
		char state[32];

		while ((m->wanted == WANT_DOWN || reap(&c->members[i])) &&
		       now(CLOCK_MONOTONIC) < end &&
		       core_property(c, names[i], "ActiveState", state, sizeof(state)) &&
		       streq(state, "active"))
			chaos_sleep(c, 2 * USEC_PER_MSEC);
	}
}

/* As accesses_end(). */
void scopes_end(struct chaos *c)
{
	for (size_t i = 0; i < SCOPES; i++) {
		if (c->members[i].pid <= 0)
			continue;
		(void) kill(c->members[i].pid, SIGKILL);
		(void) waitpid(c->members[i].pid, NULL, 0);
		c->members[i] = (struct member){0};
	}
}
