// SPDX-License-Identifier: Apache-2.0
#include "world.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/user.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

long long now_msec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static const char *cgroup_root(void)
{
	static const char *const roots[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
	struct statfs sb;

	for (int i = 0; i < 2; i++)
		if (statfs(roots[i], &sb) == 0 && sb.f_type == CGROUP2_SUPER_MAGIC)
			return roots[i];
	return NULL;
}

static void file_write(const char *path, const char *data)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, data, strlen(data)) < 0)
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void child_must(int r, const char *what)
{
	if (r >= 0)
		return;
	perror(what);
	_exit(99);
}

bool world_paused, world_unprivileged;

/* What a runtime leaves a container without privileges: everything is mounted, and nothing else ever can be. */
static void privileges_drop(void)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct caps[2];

	child_must(mount("proc", "/proc", "proc", 0, NULL), "mount /proc");
	child_must(mount("tmpfs", "/run", "tmpfs", 0, "mode=0755"), "mount /run");
	child_must(mount(NULL, "/sys/fs/cgroup", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL),
	           "make cgroup2 read-only");
	child_must(prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN), "drop CAP_SYS_ADMIN");
	child_must(prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE), "drop CAP_SYS_RESOURCE");
	child_must((int) syscall(SYS_capget, &head, caps), "capget");
	caps[0].effective &= ~(1U << CAP_SYS_ADMIN | 1U << CAP_SYS_RESOURCE);
	caps[0].permitted = caps[0].inheritable = caps[0].effective;
	child_must((int) syscall(SYS_capset, &head, caps), "capset");
}

/* Says over @fd that all is prepared, and waits until a tracer is there. The signal is blocked
 * already. */
static void wait_for_tracer(int fd)
{
	sigset_t usr1;
	int sig;

	child_must((int) write(fd, "", 1), "write");
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigwait(&usr1, &sig);
	sigprocmask(SIG_UNBLOCK, &usr1, NULL);
}

/* valgrind looks at its own /proc/PID. What it finds it says on stderr, in lines that begin with "==PID==". */
static void exec_valgrind(const char *init, const char *const *argv)
{
	const char *under[40] = {"valgrind",  "--quiet",          "--log-fd=2",
	                         "--vgdb=no", "--error-limit=no", init};

	for (int n = 6, i = 1; argv[i] && n < 39; i++)
		under[n++] = argv[i];
	child_must(mount("proc", "/proc", "proc", 0, NULL), "mount /proc");
	execvp(under[0], (char *const *) under);
	child_must(-1, under[0]);
}

/* Runs as PID 1 of the new world. /proc is left to be the old one: to give itself a new one is
 * init's work. */
static void child_run(struct world *w, const char *socket, bool ready, const char *check,
                      const char *const *args, int prepared)
{
	const char *argv[32] = {INIT_BINARY};
	char path[300];

	/* A test that is killed takes its world along. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(path, sizeof(path), "%s/cgroup.procs", w->cgroup);
	file_write(path, "0");
	child_must(unshare(CLONE_NEWCGROUP), "unshare");
	child_must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "make / private");
	child_must(mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, NULL), "mount cgroup2");
	/* No rescue shell may ever talk to the machine's console. */
	child_must(mount("/dev/null", "/dev/console", NULL, MS_BIND, NULL), "hide the console");
	for (int i = 0; args[i] && i < 30; i++)
		argv[i + 1] = args[i];
	setenv("FAKE_SOCKET", socket, 1);
	unsetenv("container");
	if (ready)
		setenv("FAKE_READY", "1", 1);
	if (check)
		setenv("FAKE_CHECK", check, 1);
	if (world_unprivileged)
		privileges_drop();
	if (world_paused)
		wait_for_tracer(prepared);
	if (getenv("INIT_VALGRIND"))
		exec_valgrind(getenv("INIT_VALGRIND"), argv);
	execv(INIT_BINARY, (char *const *) argv);
	child_must(-1, INIT_BINARY);
}

static int listener_open(char *name, size_t size)
{
	static int count;
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(name, size, "sysmaster-test-%d-%d", getpid(), count++);
	strcpy(a.sun_path + 1, name);
	if (fd < 0 ||
	    bind(fd, (struct sockaddr *) &a,
	         (socklen_t) (offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))) < 0 ||
	    listen(fd, 16) < 0)
		return -errno;
	return fd;
}

int world_open(struct world *w, bool ready, const char *check, const char *const *args)
{
	int prepared[2] = {-1, -1}, r = 0;
	sigset_t usr1;
	char name[64], byte;

	*w = (struct world){.listener = -1, .core = -1};
	if (geteuid() != 0 || !cgroup_root()) {
		printf("SKIP: needs root and a cgroup2 mount\n");
		exit(77);
	}
	w->listener = listener_open(name, sizeof(name));
	if (w->listener < 0)
		return w->listener;
	snprintf(w->cgroup, sizeof(w->cgroup), "%s/%s", cgroup_root(), name);
	if (mkdir(w->cgroup, 0755) < 0)
		return -errno;
	fflush(NULL);
	if (world_paused) {
		if (pipe2(prepared, O_CLOEXEC) < 0)
			return -errno;
		sigemptyset(&usr1);
		sigaddset(&usr1, SIGUSR1);
		sigprocmask(SIG_BLOCK, &usr1, NULL);
	}
	w->init = (pid_t) syscall(SYS_clone, CLONE_NEWPID | CLONE_NEWNS | SIGCHLD, NULL, NULL, NULL,
	                          NULL);
	if (w->init == 0)
		child_run(w, name, ready, check, args, prepared[1]);
	if (world_paused) {
		close(prepared[1]);
		if (read(prepared[0], &byte, 1) != 1)
			r = -EPIPE;
		close(prepared[0]);
	}
	return w->init < 0 ? -errno : r;
}

static void cgroup_remove(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	char below[1024];

	while (d && (e = readdir(d))) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		snprintf(below, sizeof(below), "%s/%s", path, e->d_name);
		cgroup_remove(below);
	}
	if (d)
		closedir(d);
	/* The kernel needs a moment to see that the last member is gone. */
	for (int i = 0; i < 100 && rmdir(path) < 0 && errno == EBUSY; i++)
		usleep(10000);
}

void world_close(struct world *w)
{
	if (w->init > 0) {
		kill(w->init, SIGKILL);
		waitpid(w->init, NULL, 0);
	}
	if (w->core >= 0)
		close(w->core);
	if (w->listener >= 0)
		close(w->listener);
	if (*w->cgroup)
		cgroup_remove(w->cgroup);
	*w = (struct world){.listener = -1, .core = -1};
}

int world_event(struct world *w, int timeout_ms)
{
	struct pollfd p[2] = {{w->core, POLLIN, 0}, {w->listener, POLLIN, 0}};
	ssize_t n;

	if (poll(p, 2, timeout_ms) <= 0)
		return -ETIMEDOUT;
	if (p[0].revents) {
		n = recv(w->core, w->event, sizeof(w->event) - 1, 0);
		if (n > 0) {
			w->event[n] = '\0';
			return 0;
		}
		close(w->core);
		w->core = -1;
		strcpy(w->event, "eof");
		return 0;
	}
	w->core = accept4(w->listener, NULL, NULL, SOCK_CLOEXEC);
	strcpy(w->event, "connected");
	return 0;
}

/* Machines are shared, and valgrind is slow: what must come is waited for longer than it needs. */
static int patience(void)
{
	return getenv("INIT_VALGRIND") ? 20 : 6;
}

const char *world_wait(struct world *w, const char *prefix, int timeout_ms)
{
	long long end = now_msec() + (long long) timeout_ms * patience();
	long long left;

	while ((left = end - now_msec()) > 0 && world_event(w, (int) left) == 0)
		if (!strncmp(w->event, prefix, strlen(prefix)))
			return w->event + strlen(prefix);
	printf("\n      waited %d ms for \"%s\" in vain", timeout_ms * patience(), prefix);
	return NULL;
}

void world_tell(struct world *w, const char *format, ...)
{
	char line[1024];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	if (send(w->core, line, (size_t) n, MSG_NOSIGNAL) < 0)
		printf("\n      \"%s\" cannot be told: %s", line, strerror(errno));
}

const char *world_started(struct world *w, int timeout_ms)
{
	const char *s = world_wait(w, "start ", timeout_ms);

	if (!s)
		return NULL;
	w->core_pid = atoi(s);
	return world_wait(w, "welcome ", timeout_ms);
}

int world_ended(struct world *w, int timeout_ms)
{
	int status;

	for (long long end = now_msec() + timeout_ms; now_msec() < end; usleep(5000)) {
		if (waitpid(w->init, &status, WNOHANG) == w->init) {
			w->init = 0;
			return status;
		}
	}
	return -ETIMEDOUT;
}

bool has_line(const char *text, const char *line)
{
	size_t n = strlen(line);

	for (const char *p = text; p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
		if (!strncmp(p, line, n) && (p[n] == '\n' || !p[n]))
			return true;
	printf("\n      no line \"%s\" in:\n%s", line, text ? text : "(null)");
	return false;
}

/* Of a stopped init: which of its signals have a handler, as a mask? */
static unsigned long long signals_caught(const struct world *w)
{
	char path[64], line[256];
	unsigned long long caught = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", w->init);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "SigCgt: %llx", &caught) == 1)
			break;
	if (f)
		fclose(f);
	return caught;
}

/* Between an exec and its first lines no program has a handler. */
static bool has_handler(const struct world *w, int sig)
{
	return signals_caught(w) & 1ULL << (sig - 1);
}

int world_fault_stopped(struct world *w)
{
	struct user_regs_struct regs;
	bool can = has_handler(w, SIGSEGV);

	if (can && ptrace(PTRACE_GETREGS, w->init, NULL, &regs) < 0)
		return -errno;
	regs.rip = 8;
	regs.orig_rax = (unsigned long long) -1;
	if ((can && ptrace(PTRACE_SETREGS, w->init, NULL, &regs) < 0) ||
	    ptrace(PTRACE_DETACH, w->init, NULL, NULL) < 0)
		return -errno;
	return can;
}

int world_fault(struct world *w)
{
	int status;

	for (int i = 0; i < 10000; i++, usleep(1000)) {
		if (ptrace(PTRACE_ATTACH, w->init, NULL, NULL) < 0 ||
		    waitpid(w->init, &status, __WALL) < 0)
			return -errno;
		/* SIGALRM: until its loop is reached a fault means the version before. */
		if (has_handler(w, SIGSEGV) && !has_handler(w, SIGALRM))
			return world_fault_stopped(w) < 0 ? -errno : 0;
		if (ptrace(PTRACE_DETACH, w->init, NULL, NULL) < 0)
			return -errno;
	}
	return -ETIMEDOUT;
}

long cpu_msec(const struct world *w)
{
	char path[64], line[1024] = "";
	unsigned long user = 0, system = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", w->init);
	f = fopen(path, "re");
	if (!f)
		return -1;
	if (!fgets(line, sizeof(line), f) || !strrchr(line, ')') ||
	    sscanf(strrchr(line, ')') + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
	           &user, &system) != 2)
		user = system = 0;
	fclose(f);
	return (long) ((user + system) * 1000 / (unsigned long) sysconf(_SC_CLK_TCK));
}

long status_number(const struct world *w, const char *key)
{
	char path[64], line[256];
	long n = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", w->init);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)) && line[strlen(key)] == ':')
			n = atol(line + strlen(key) + 1);
	if (f)
		fclose(f);
	return n;
}

int count_fds(const struct world *w)
{
	char path[64];
	DIR *d;
	int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", w->init);
	d = opendir(path);
	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n - 2;
}
