// SPDX-License-Identifier: Apache-2.0
/*
 * Which process is the main one: told by READY's MAINPID=, by PIDFile=, or guessed from the cgroup.
 * A PID file is written by the service, so what it says is believed only if the process is in the
 * unit's cgroup, or if the file is root's.
 */
#include "types/service.h"

#include <ctype.h>
#include <stdio.h>

#define GUESS_PIDS_MAX    64
#define ALIEN_REPORT_USEC (2 * USEC_PER_SEC)

/* Parent of a process; 0 if it cannot be told. */
static pid_t parent_of(pid_t pid)
{
	char path[64];
	auto_free char *text = NULL;
	const char *p;
	int parent;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (file_read(path, &text, NULL) < 0)
		return 0;
	/* The name in brackets may hold anything, also brackets. */
	p = strrchr(text, ')');
	return p && sscanf(p + 1, " %*c %d", &parent) == 1 ? parent : 0;
}

/* Its parent got the status; that it ended is all we know. */
static void alien_ended(struct service *s)
{
	const struct process_exit e = {
		.pid = s->main_pid.pid, .start_time = s->main_pid.start_time, .code = CLD_EXITED};

	service_on_exit(&s->unit, &e);
}

static int on_alien_unreported(_unused_ struct source *source, _unused_ usec_t deadline,
                               void *userdata)
{
	alien_ended(userdata);
	return 0;
}

/* A parent that has ended left it to init, which tells how it ended, but not as fast as the pidfd does. */
static int on_alien_exit(_unused_ struct source *source, const struct pidref *pid, void *userdata)
{
	struct service *s = userdata;
	pid_t parent = parent_of(pid->pid);
	int r;

	if (parent > 0 && parent != getppid()) {
		alien_ended(s);
		return 0;
	}
	s->alien_source = source_free(s->alien_source);
	r = loop_add_time(s->unit.manager->loop, CLOCK_BOOTTIME,
	                  usec_add(now(CLOCK_BOOTTIME), ALIEN_REPORT_USEC), TIMER_EXACT,
	                  "service-alien", on_alien_unreported, s, &s->alien_source);
	if (r < 0)
		alien_ended(s);
	return 0;
}

/**
 * service_set_main_pid - from now on this is the main process
 * @take: taken, whatever the result
 *
 * init reports the exits of its own children only. Any other process is watched by its pidfd.
 */
int service_set_main_pid(struct service *s, struct pidref *take)
{
	struct pidref p = *take;
	int r;

	*take = PIDREF_NULL;
	if (s->main_pid_known && s->main_pid.pid == p.pid &&
	    s->main_pid.start_time == p.start_time) {
		pidref_done(&p);
		return 0;
	}
	if (s->main_pid.pid != p.pid || s->main_pid.start_time != p.start_time)
		process_status_begin(&s->main_status, p.pid);
	service_forget_main(s);
	s->main_pid = p;
	s->main_pid_known = true;
	s->main_pid_alien = parent_of(p.pid) != getppid();
	if (s->main_pid_alien) {
		log_unit(LOG_DEBUG, s->unit.id, "Main process %d is not a child of init", p.pid);
		r = loop_add_pid(s->unit.manager->loop, &s->main_pid, "service-alien",
		                 on_alien_exit, s, &s->alien_source);
		if (r < 0)
			log_unit_errno(LOG_WARNING, s->unit.id, r,
			               "Cannot watch the main process: %m");
	}
	r = unit_watch_pid(&s->unit, p.pid);
	unit_save_soon(&s->unit);
	return r;
}

/* The only process of the cgroup that is a child of init, if there is just one such. */
void service_guess_main_pid(struct service *s)
{
	pid_t pids[GUESS_PIDS_MAX], found = 0;
	struct pidref p;
	int n;

	if (s->main_pid_known || !service_settings(s)->guess_main_pid)
		return;
	n = cgroup_pids(&s->unit, pids, ELEMENTSOF(pids));
	for (int i = 0; i < n; i++) {
		if (pids[i] == s->control_pid.pid || parent_of(pids[i]) != getppid())
			continue;
		if (found)
			return; /* two: any choice might be wrong */
		found = pids[i];
	}
	if (found && pidref_open(found, &p) >= 0)
		(void) service_set_main_pid(s, &p);
}

static int pid_file_path(const struct service *s, char **ret)
{
	*ret = strdup(service_settings(s)->pid_file);
	return *ret ? 0 : -ENOMEM;
}

static int pid_file_parse(const char *text, pid_t *ret)
{
	char buf[32];
	size_t n;

	while (isspace((unsigned char) *text))
		text++;
	n = strcspn(text, " \t\r\n");
	if (n == 0 || n >= sizeof(buf))
		return -EBADMSG;
	memcpy(buf, text, n);
	buf[n] = 0;
	return str_to_pid(buf, ret) < 0 ? -EBADMSG : 0;
}

/* A file below a directory of somebody else's could be replaced at will; then its owner decides
 * nothing. */
static bool process_is_ours(const struct service *s, const struct pidref *p)
{
	auto_free char *cgroup = NULL;

	return s->unit.cgroup && cgroupfs_of_pid(p->pid, &cgroup) >= 0 &&
	       path_below(cgroup, s->unit.cgroup);
}

int service_load_pid_file(struct service *s, bool complain)
{
	auto_free char *path = NULL, *text = NULL;
	auto_fd int fd = -EBADF;
	int level = complain ? LOG_INFO : LOG_DEBUG, r;
	struct pidref p = PIDREF_NULL;
	struct stat st;
	pid_t pid;

	if (!service_settings(s)->pid_file)
		return -ENOENT;
	r = pid_file_path(s, &path);
	if (r < 0)
		return r;
	/* Not a FIFO that blocks, not a huge file, not a symlink at its end. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0) {
		r = -errno;
		return log_unit_errno(level, s->unit.id, r, "Cannot open PID file '%s' %s: %m",
		                      path, service_state_to_string(s->state));
	}
	if (!S_ISREG(st.st_mode))
		return log_unit_errno(level, s->unit.id, -EBADMSG,
		                      "PID file '%s' is not a regular file", path);
	r = file_read_fd(fd, 4096, &text, NULL);
	if (r >= 0)
		r = pid_file_parse(text, &pid);
	if (r < 0)
		return log_unit_errno(level, s->unit.id, r,
		                      "Cannot read a process id from '%s': %m", path);
	if (s->main_pid_known && s->main_pid.pid == pid)
		return 1;
	if (pid <= 1 || pid == getpid())
		return log_unit_errno(
			level, s->unit.id, -EPERM,
			"PID file '%s' names process %d, which cannot be the main process", path,
			pid);
	r = pidref_open(pid, &p);
	if (r < 0)
		return log_unit_errno(level, s->unit.id, r,
		                      "Process %d of PID file '%s' does not exist: %m", pid, path);
	if (!process_is_ours(s, &p) && st.st_uid != 0) {
		pidref_done(&p);
		return log_unit_errno(LOG_ERR, s->unit.id, -EPERM,
		                      "Process %d of PID file '%s' does not belong to the service, "
		                      "and the file is not root's. Refusing",
		                      pid, path);
	}
	log_unit(LOG_DEBUG, s->unit.id, "Main process is %d, from '%s'", pid, path);
	r = service_set_main_pid(s, &p);
	return r < 0 ? r : 1;
}

void service_unwatch_pid_file(struct service *s)
{
	watcher_clear(&s->pid_file_watcher);
	s->watches_pid_file = false;
}

/* Watches the deepest directory above the file that exists: a directory may have to appear first. A daemon may keep its file open for
 * good (ulogd does), so a change counts, not only the end of one.
 */
static int add_watches(struct service *s)
{
	auto_free char *path = NULL, *dir = NULL;
	int r = pid_file_path(s, &path);

	if (r < 0)
		return r;
	dir = path_dirname(path);
	while (dir) {
		r = watcher_add(&s->pid_file_watcher, dir,
		                IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_MODIFY | IN_ONLYDIR);
		if (r >= 0)
			return 0;
		if (r != -ENOENT || streq(dir, "/"))
			return r;
		char *up = path_dirname(dir);

		free(dir);
		dir = up;
	}
	return -ENOMEM;
}

/* It says that there is no process yet: a change will tell. Anything else is for want of fds, say, and nothing need change any more. */
static bool is_no_pid_yet(int error)
{
	static const int errors[] = {ENOENT, ENOTDIR, ELOOP, EBADMSG, EPERM, ESRCH};

	for (size_t i = 0; i < ELEMENTSOF(errors); i++)
		if (error == -errors[i])
			return true;
	return false;
}

void service_pid_file_changed(struct service *s)
{
	int r = service_load_pid_file(s, false);

	if (is_no_pid_yet(r)) {
		/* The next directory down may be there now, and the file in it before it is watched. */
		r = add_watches(s);
		r = r < 0 ? r : service_load_pid_file(s, false);
	}
	if (r < 0 && !is_no_pid_yet(r))
		(void) watcher_again(&s->pid_file_watcher);
	if (r < 0)
		return;
	service_unwatch_pid_file(s);
	if (s->state == SERVICE_START)
		service_enter_start_post(s);
	else if (s->state == SERVICE_START_POST)
		service_enter_running(s, RESULT_SUCCESS);
}

static void on_pid_file(struct watcher *w)
{
	service_pid_file_changed(container_of(w, struct service, pid_file_watcher));
}

int service_watch_pid_file(struct service *s)
{
	int r;

	service_unwatch_pid_file(s);
	s->pid_file_watcher.on_changed = on_pid_file;
	watcher_init(&s->pid_file_watcher, s->unit.manager->watch);
	r = add_watches(s);
	if (r < 0) {
		service_unwatch_pid_file(s);
		return log_unit_errno(LOG_WARNING, s->unit.id, r,
		                      "Cannot watch for PID file '%s': %m",
		                      service_settings(s)->pid_file);
	}
	s->watches_pid_file = true;
	return 0;
}
