// SPDX-License-Identifier: Apache-2.0
/*
 * The last stage, as PID 1. It waits, since there is nobody left to be served, but never without
 * end: whatever can hang on a dead disk or server (sync, swapoff, umount) is done by a child, and
 * after UNMOUNT_USEC the machine goes down without it. A fault in here is answered by reboot(2).
 */
#include "init/stage/stage.h"

#include <fcntl.h>
#include <linux/reboot.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char table[MOUNTINFO_MAX];

size_t path_unescape(char *s)
{
	char *out = s;
	const char *in = s;

	while (*in && *in != ' ' && *in != '\t' && *in != '\n') {
		if (in[0] == '\\' && in[1] >= '0' && in[1] <= '3' && in[2] >= '0' && in[2] <= '7' &&
		    in[3] >= '0' && in[3] <= '7') {
			*out++ = (char) ((in[1] - '0') << 6 | (in[2] - '0') << 3 | (in[3] - '0'));
			in += 4;
		} else {
			*out++ = *in++;
		}
	}
	*out = '\0';
	return (size_t) (out - s);
}

char *mountinfo_target(char *line)
{
	char *p = line;

	/* 36 35 98:0 /root /target options ... (proc(5)) */
	for (int i = 0; i < 4; i++) {
		p = strchr(p, ' ');
		if (!p)
			return NULL;
		p++;
	}
	return *p == '/' && path_unescape(p) ? p : NULL;
}

/* Reads a file of /proc into the table. Returns its size. */
static size_t table_read(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n = 1;

	while (fd >= 0 && n > 0 && used < sizeof(table) - 1) {
		n = read(fd, table + used, sizeof(table) - 1 - used);
		used += n > 0 ? (size_t) n : 0;
	}
	table[used] = '\0';
	if (fd >= 0)
		close(fd);
	return used;
}

/* Cuts off and returns the last line of the table's first *@size bytes, NULL if there is none. */
static char *table_last_line(size_t *size)
{
	char *newline;

	if (!*size)
		return NULL;
	table[*size - 1] = '\0';
	newline = memrchr(table, '\n', *size - 1);
	*size = newline ? (size_t) (newline - table) + 1 : 0;
	return table + *size;
}

static void swap_off(void)
{
	size_t size = table_read("/proc/swaps");
	char *line;

	while ((line = table_last_line(&size)))
		if (*line == '/' && path_unescape(line) && swapoff(line) < 0)
			log_line(LOG_ERR, "swapoff %s: %s", line, error_text(errno));
}

/* File systems without a disk behind them, that we need to the end. */
static bool is_needed(const char *target)
{
	static const char *const needed[] = {"/", "/proc", "/sys", "/dev", "/run"};

	for (size_t i = 0; i < COUNT(needed); i++)
		if (!strcmp(target, needed[i]))
			return true;
	return false;
}

/* One pass from the newest mount to the oldest. Returns how many went away; *@ret_left: how many
 * would not. */
static int unmount_pass(int flags, int *ret_left)
{
	size_t size = table_read("/proc/self/mountinfo");
	int gone = 0, left = 0;
	char *line, *target;

	while ((line = table_last_line(&size))) {
		target = mountinfo_target(line);
		if (!target || is_needed(target))
			continue;
		/* Read-only first: what stays busy is clean at least. Not all file systems can. */
		if (umount2(target, flags | UMOUNT_NOFOLLOW) == 0) {
			gone++;
			continue;
		}
		left++;
		if (mount(NULL, target, NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0 && flags)
			log_line(LOG_ERR, "unmount %s: %s", target, error_text(errno));
	}
	*ret_left = left;
	return gone;
}

static void unmount_all(void)
{
	int left = 1;

	sync();
	swap_off();
	/* A mount may hide another one, or hold it: again as long as that helps. */
	for (int i = 0; i < UNMOUNT_PASSES && left; i++)
		if (!unmount_pass(0, &left))
			break;
	if (left)
		unmount_pass(MNT_DETACH, &left);
	if (mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0)
		log_line(LOG_ERR, "remount / read-only: %s", error_text(errno));
	sync();
}

static void watchdog_write(int fd, const char *what)
{
	if (fd >= 0 && write(fd, what, 1) < 0)
		log_line(LOG_ERR, "feeding /dev/watchdog0: %s", error_text(errno));
}

bool reap_until(usec_t after, pid_t pid, int watchdog_fd)
{
	usec_t end = now_usec() + after, fed = 0;
	struct timespec nap = {.tv_nsec = 20 * 1000 * 1000};
	sigset_t chld;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
	while (now_usec() < end) {
		siginfo_t si = {0};
		int r = waitid(P_ALL, 0, &si, WEXITED | WNOHANG | __WALL);

		/* A shutdown that makes its deadlines is health, too. */
		if (now_usec() - fed > SECOND) {
			watchdog_write(watchdog_fd, "");
			fed = now_usec();
		}
		if ((r < 0 && errno == ECHILD) || (pid && si.si_pid == pid))
			return true;
		if (r == 0 && !si.si_pid)
			sigtimedwait(&chld, NULL, &nap);
	}
	return false;
}

void kill_all(int watchdog_fd)
{
	static const struct {
		int signal;
		usec_t after;
	} steps[] = {{SIGTERM, TERM_USEC}, {SIGKILL, KILL_USEC}};

	for (size_t i = 0; i < COUNT(steps); i++) {
		if (kill(-1, steps[i].signal) < 0 && errno == ESRCH)
			return;
		/* A stopped process cannot end by SIGTERM. */
		kill(-1, SIGCONT);
		if (reap_until(steps[i].after, 0, watchdog_fd))
			return;
		log_line(LOG_WARNING, "not all processes ended by signal %d", steps[i].signal);
	}
}

/* In the order of enum wire_shutdown. */
static const struct {
	const char *name;
	unsigned command;
} ways[] = {
	[WIRE_POWEROFF] = {"power off", LINUX_REBOOT_CMD_POWER_OFF},
	[WIRE_REBOOT] = {"reboot", LINUX_REBOOT_CMD_RESTART},
	[WIRE_HALT] = {"halt", LINUX_REBOOT_CMD_HALT},
	[WIRE_KEXEC] = {"kexec", LINUX_REBOOT_CMD_KEXEC},
	[WIRE_EXIT_CONTAINER] = {"exit", LINUX_REBOOT_CMD_POWER_OFF},
};

static long long how; /* enum wire_shutdown */

static void reboot_now(void)
{
	const unsigned tries[] = {ways[how].command, LINUX_REBOOT_CMD_RESTART,
	                          LINUX_REBOOT_CMD_HALT};

	for (size_t i = 0; i < COUNT(tries); i++) {
		syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, tries[i], NULL);
		log_line(LOG_CRIT, "reboot: %s", error_text(errno));
	}
}

static void on_fault(int sig)
{
	log_line(LOG_CRIT, "signal %d in the last stage", sig);
	if (st.container)
		_exit(128 + sig);
	reboot_now();
}

static void faults_catch(void)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
	struct sigaction sa = {.sa_handler = on_fault, .sa_flags = SA_NODEFER};
	sigset_t set;

	sigfillset(&set);
	for (size_t i = 0; i < COUNT(faults); i++) {
		sigaction(faults[i], &sa, NULL);
		sigdelset(&set, faults[i]);
	}
	sigprocmask(SIG_SETMASK, &set, NULL);
}

static void flush_disks(int watchdog_fd)
{
	pid_t pid = fork();

	if (pid <= 0) {
		unmount_all();
		if (pid == 0)
			_exit(0);
	} else if (!reap_until(UNMOUNT_USEC, pid, watchdog_fd)) {
		log_line(LOG_CRIT, "sync and unmount take more than %d s, giving up on them",
		         (int) (UNMOUNT_USEC / SECOND));
	}
}

/* @argv: how, "COREPID WATCHDOGFD CONTAINER STATUS" */
int stage_halt(char **argv)
{
	/* Without arguments: a machine, whose disks matter. */
	long long v[4] = {0, -1, 0, 0};
	const char *p = argv[0] ? argv[1] : NULL, *end = p ? p + strlen(p) : NULL;

	faults_catch();
	if (p && (number_parse((const char **) &argv[0], argv[0] + strlen(argv[0]), &how) < 0 ||
	          how < 0 || how >= (long long) COUNT(ways)))
		how = WIRE_REBOOT;
	for (size_t i = 0; p && i < COUNT(v) && number_parse(&p, end, &v[i]) == 0 && p < end; i++)
		p++;
	st.container = v[2];
	log_open();
	log_line(LOG_NOTICE, "%s", ways[how].name);
	/* Core would start what we stop. */
	if (v[0] > 1)
		kill((pid_t) v[0], SIGKILL);
	kill_all((int) v[1]);
	if (st.container)
		_exit((int) v[3]);
	flush_disks((int) v[1]);
	/* A reboot that hangs is what the watchdog is for; a machine that is off needs none. */
	if (how != WIRE_REBOOT)
		watchdog_write((int) v[1], "V");
	reboot_now();
	stage_exec("rescue", "reboot(2) does not work", st.rescue);
}
