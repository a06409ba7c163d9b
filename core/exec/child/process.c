// SPDX-License-Identifier: Apache-2.0
/* Attributes of the process itself: signals, cgroup, scheduling, limits, keyring, security labels.
 */
#include "exec/child/child.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define IOPRIO_CLASS_SHIFT 13
#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_CLASS_NONE  0
#define IOPRIO_CLASS_BE    2
#define IOPRIO_DEFAULT     4

int child_signals(struct child *c)
{
	struct sigaction standard = {.sa_handler = SIG_DFL}, ignore = {.sa_handler = SIG_IGN};
	sigset_t none;

	/* execve put handlers back; what core ignores it left. Real-time signals are never ignored
	 * by core. */
	for (int i = 1; i < 32; i++)
		if (i != SIGKILL && i != SIGSTOP &&
		    sigaction(i, i == SIGPIPE && c->s->ignore_sigpipe ? &ignore : &standard, NULL) <
		            0)
			return -errno;
	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		return -errno;
	if (!(c->spec.command_flags & EXEC_SAME_GROUP) && setsid() < 0 && errno != EPERM)
		return -errno;
	(void) umask(c->s->umask);
	return 0;
}

int child_cgroup(struct child *c)
{
	auto_free char *path = NULL;

	if (!(c->spec.spec_flags & EXEC_SPEC_ATTACH) || !c->spec.cgroup)
		return 0;
	path = path_join(c->spec.cgroup, "cgroup.procs");
	return path ? file_write_attr(path, "0") : -ENOMEM;
}

int child_oom(struct child *c)
{
	char text[16];
	int r;

	if (c->s->oom_score_adjust == INT_MIN)
		return 0;
	(void) snprintf(text, sizeof(text), "%d", c->s->oom_score_adjust);
	r = file_write_attr("/proc/self/oom_score_adj", text);
	/* In a container without CAP_SYS_RESOURCE it can only go up. */
	return r == -EACCES || r == -EPERM ? 0 : r;
}

int child_nice(struct child *c)
{
	return c->s->nice != INT_MIN && setpriority(PRIO_PROCESS, 0, c->s->nice) < 0 ? -errno : 0;
}

int child_scheduler(struct child *c)
{
	struct sched_param p = {.sched_priority = c->s->cpu_priority > 0 ? c->s->cpu_priority : 0};

	/* The ordinary policy is what core has, too. */
	if (c->s->cpu_policy == SCHED_OTHER && !c->s->cpu_reset_on_fork)
		return 0;
	return sched_setscheduler(
		       0, c->s->cpu_policy | (c->s->cpu_reset_on_fork ? SCHED_RESET_ON_FORK : 0),
		       &p) < 0
	               ? -errno
	               : 0;
}

int child_affinity(struct child *c)
{
	return c->s->cpu_affinity && sched_setaffinity(0, sizeof(cpu_set_t), c->s->cpu_affinity) < 0
	               ? -errno
	               : 0;
}

int child_ioprio(struct child *c)
{
	int class = c->s->io_class, priority = c->s->io_priority;

	if (class < 0 && priority < 0)
		return 0;
	/* "none" with a priority is refused by the kernel; systemd takes the default class for it. */
	if (class < 0 || class == IOPRIO_CLASS_NONE)
		class = IOPRIO_CLASS_BE;
	if (priority < 0)
		priority = IOPRIO_DEFAULT;
	return syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0,
	               class << IOPRIO_CLASS_SHIFT | priority) < 0
	               ? -errno
	               : 0;
}

int child_timer_slack(struct child *c)
{
	return c->s->timer_slack_nsec >= 0 &&
	                       prctl(PR_SET_TIMERSLACK, (unsigned long) c->s->timer_slack_nsec) < 0
	               ? -errno
	               : 0;
}

int child_personality(struct child *c)
{
	if (c->s->personality == ULONG_MAX)
		return 0;
	return personality((unsigned long) c->s->personality) < 0 ? -errno : 0;
}

/* No process may have more files open than the kernel allows, not even one without a limit: "infinity" is that many. */
static void clamp_files(struct rlimit *l)
{
	auto_free char *text = NULL;
	uint64_t most;

	if (file_read_line("/proc/sys/fs/nr_open", &text) < 0 || str_to_u64(text, 10, &most) < 0)
		return;
	l->rlim_max = MIN(l->rlim_max, (rlim_t) most);
	l->rlim_cur = MIN(l->rlim_cur, l->rlim_max);
}

int child_limits(struct child *c)
{
	for (int i = 0; i < EXEC_RLIMITS_MAX; i++) {
		struct rlimit l, own;

		if (!c->s->limits[i])
			continue;
		l = *c->s->limits[i];
		if (i == RLIMIT_NOFILE)
			clamp_files(&l);
		if (setrlimit(i, &l) >= 0)
			continue;
		/* Without the right to raise it: as close as it goes. */
		if (errno != EPERM || getrlimit(i, &own) < 0)
			return child_fail(c, -errno, "Resource limit %d", i);
		l.rlim_max = MIN(l.rlim_max, own.rlim_max);
		l.rlim_cur = MIN(l.rlim_cur, l.rlim_max);
		if (setrlimit(i, &l) < 0)
			return child_fail(c, -errno, "Resource limit %d", i);
	}
	return 0;
}

static long keyctl(int operation, unsigned long a, unsigned long b, unsigned long d)
{
	return syscall(SYS_keyctl, operation, a, b, d, 0);
}

/* A session keyring of its own, owned by the user; "shared" links the user's keyring into it. */
int child_keyring(struct child *c)
{
	const char *mode = c->s->keyring_mode;
	bool switches = child_switches_user(c) && c->user_set && c->uid != 0;
	long r = 0;

	if (!mode || streq(mode, "inherit"))
		return 0;
	/* The keyring belongs to whoever creates it. */
	if (switches && (setegid(c->gid) < 0 || seteuid(c->uid) < 0))
		return -errno;
	if (keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0) < 0)
		r = -errno;
	else if (streq(mode, "shared") && keyctl(KEYCTL_LINK, (unsigned long) KEY_SPEC_USER_KEYRING,
	                                         (unsigned long) KEY_SPEC_SESSION_KEYRING, 0) < 0)
		r = -errno;
	if (switches && (seteuid(0) < 0 || setegid(0) < 0))
		return -errno;
	/* No keyrings in this kernel or container, or the user's quota is used up: it goes on
	 * without, as with systemd. */
	return r == -ENOSYS || r == -EPERM || r == -EACCES || r == -EDQUOT ? 0 : (int) r;
}

/* "-" in front: a label that cannot be had is ignored. */
static int write_label(struct child *c, const char *what, const char *label, const char *verb,
                       const char *const *files)
{
	bool optional = *label == '-';
	auto_free char *text = str_printf("%s%s", verb, label + optional);
	int r = -ENOENT;

	if (!text)
		return -ENOMEM;
	for (; *files && r == -ENOENT; files++)
		r = file_write_attr(*files, text);
	if (r < 0 && !optional)
		return child_fail(c, r, "%s \"%s\"", what, label);
	return 0;
}

static bool exists(const char *path)
{
	return access(path, F_OK) >= 0;
}

int child_label_selinux(struct child *c)
{
	static const char *const files[] = {"/proc/self/attr/exec", NULL};

	if (!c->s->selinux_context || !exists("/sys/fs/selinux/enforce"))
		return 0;
	return write_label(c, "SELinux context", c->s->selinux_context, "", files);
}

int child_label_apparmor(struct child *c)
{
	static const char *const files[] = {"/proc/self/attr/apparmor/exec", "/proc/self/attr/exec",
	                                    NULL};

	if (!c->s->apparmor_profile || !exists("/sys/module/apparmor"))
		return 0;
	return write_label(c, "AppArmor profile", c->s->apparmor_profile, "exec ", files);
}

int child_label_smack(struct child *c)
{
	static const char *const files[] = {"/proc/self/attr/smack/current",
	                                    "/proc/self/attr/current", NULL};

	if (!c->s->smack_process_label || !exists("/sys/fs/smackfs"))
		return 0;
	return write_label(c, "Smack label", c->s->smack_process_label, "", files);
}
